"""Work on all the cores that this process may use, by threads: kernels and numpy let each other run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

__all__ = ["on_all_cores", "torch_threads", "workers"]


def workers() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_all_cores(task: Callable[[Any], Any], parts: Iterable[Any]) -> list[Any]:
    """Return the results of a task for each part, in order. Ctrl-C does not wait for parts that have begun."""
    held = list(parts)
    if len(held) <= 1:
        return [task(part) for part in held]
    pool = ThreadPoolExecutor(workers())
    wait = True
    try:
        return list(pool.map(task, held))
    except KeyboardInterrupt:
        wait = False
        raise
    finally:
        pool.shutdown(wait, cancel_futures=True)


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch compute with so many threads inside the block, and with as many as before after it."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
