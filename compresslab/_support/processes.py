"""Worker processes that end with the work: none is left behind by Ctrl-C, by an error, or when the parent is killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection
from multiprocessing.connection import Connection
from typing import Any

from compresslab._support.interrupts import SIGNALS
from compresslab._support.streams import mend_streams
from compresslab.errors import TimeLimitReached, WorkerKilled

__all__ = ["process_pool", "take_as_they_come", "worker_number"]

_number = 0  # of this process among the workers of its pool


@contextmanager
def process_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool of processes; an exception that leaves the block ends them at once, whatever they do.

    Ctrl-C in a terminal goes to every process of a command, and so does what ``timeout`` or a closed terminal sends.
    The workers do not hear it: the parent does, and ends them. They also end when the parent is gone, even if it was
    killed.

    Args:
        workers: how many. They are spawned, not forked: a fork copies the locks of threads that it does not copy.

    Raises:
        WorkerKilled: a worker ended before its work did.
    """
    context = multiprocessing.get_context("spawn")
    line, end = context.Pipe(duplex=False)
    begun = context.Value("i", 0)
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_obey, initargs=(line, begun))
    try:
        with _deaf():
            for _ in range(workers):
                pool.submit(_nothing)  # starts a worker
        yield pool
    except BaseException as error:
        end.close()  # the workers take it as the end
        if isinstance(error, BrokenProcessPool):
            raise WorkerKilled(
                "a worker process was ended from outside, most often because memory ran out: use fewer workers, or "
                "free memory, and run the same again"
            ) from error
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        end.close()
        line.close()


def take_as_they_come(finished: Iterable[Any], names: Mapping[Any, str], take: Callable[[str, Any], None]) -> None:
    """Take the results of futures, each with its name, in the order in which they are finished.

    Raises:
        TimeLimitReached: a piece of work raised it; the others have ended by themselves, each at its next stage, and
            what they finished is taken.
    """
    late: TimeLimitReached | None = None
    for future in finished:
        try:
            result = future.result()
        except TimeLimitReached as reached:
            late = reached
        else:
            take(names[future], result)
    if late is not None:
        raise late


@contextmanager
def _deaf() -> Iterator[None]:
    """Hold back the signals that stop a command for a moment: a process that is started meanwhile never gets them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def worker_number() -> int:
    """Return which worker of its pool this process is, from 0 on; 0 in a process that is not a worker."""
    return _number


def _nothing() -> None:
    """Do nothing, in a worker."""


def _obey(line: Connection, begun: Any) -> None:
    """Run in a worker: leave Ctrl-C and its like to the parent, and end when the parent ends or closes the pipe.

    Args:
        line: the pipe.
        begun: how many workers have come here before, shared by all of them.
    """
    global _number
    mend_streams()
    with begun.get_lock():
        _number, begun.value = begun.value, begun.value + 1
    for one in SIGNALS:
        signal.signal(one, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    watched: list[Any] = [line] if parent is None else [line, parent.sentinel]

    def watch() -> None:
        connection.wait(watched)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
