"""Batches that fit the memory: sized by what is free on a GPU, and cut in halves where it runs out all the same."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from compresslab.errors import OutOfMemory, is_out_of_memory

__all__ = ["MOST_TOKENS", "Parts", "call_tokens", "free_bytes", "in_parts", "tokens_that_fit"]

T = TypeVar("T")

MOST_TOKENS = 1 << 16  # of a batch on a GPU: more are no faster
_LEAST_TOKENS = 1 << 10
_CALL_SECONDS = 4e-4  # of a layer
_SHARE = 0.4  # of the free memory that a batch may take: the estimate is rough, and others may be at work there too


@dataclass
class Parts:
    """Into how many parts batches are cut: once memory has run out, later batches begin so.

    Attributes:
        count: 1, or a power of two.
    """

    count: int = 1


def in_parts(work: Callable[[slice], T], rows: int, parts: Parts, what: str = "a batch") -> Iterator[T]:
    """Yield what ``work`` returns for consecutive slices of a batch's rows: one slice, unless memory runs out.

    A slice for which it runs out is cut in halves, and so is all that comes after it.

    Args:
        work: called with slices that cover ``0 .. rows``, in order.
        rows: of the batch.
        parts: into how many it is cut to begin with; raised where memory runs out.
        what: is being done, for the error.

    Raises:
        OutOfMemory: a single row does not fit.

    Example:
        >>> def work(rows):
        ...     if rows.stop - rows.start > 3:
        ...         raise MemoryError
        ...     return rows.start, rows.stop
        >>> parts = Parts()
        >>> list(in_parts(work, 10, parts)), parts.count
        ([(0, 3), (3, 6), (6, 9), (9, 10)], 4)
    """
    start = 0
    while start < rows:
        size = math.ceil(rows / parts.count)
        found = _tried(work, slice(start, min(rows, start + size)))
        if found is not None:
            yield found[0]
            start += size
            continue
        if size == 1:
            raise OutOfMemory(
                f"memory ran out in {what}, with a single sequence in it: read shorter windows (--window, "
                "windows=Windows(...)), give a smaller dtype, or free memory"
            )
        parts.count *= 2


def _tried(work: Callable[[slice], T], rows: slice) -> tuple[T] | None:
    """Return the result; None where memory ran out, when nothing holds on any more to what was being computed."""
    try:
        return (work(rows),)
    except (MemoryError, RuntimeError, OSError) as error:
        if not is_out_of_memory(error):
            raise
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    return None


def free_bytes(device: Any) -> int | None:
    """Return how many bytes of a GPU are free for this process, its own cache counted; None for another device."""
    if device.type != "cuda":
        return None
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))


def tokens_that_fit(free: int, config: Any, item_bytes: int) -> int:
    """Return how many tokens a batch may have, its logits left out of account: they are made a piece at a time.

    It is a power of two, so that small differences of what is free change nothing.

    Args:
        free: bytes.
        config: of the model, of transformers.
        item_bytes: of a number of the model's dtype.

    Example:
        >>> class Config:
        ...     hidden_size, intermediate_size = 576, 1536
        >>> [tokens_that_fit(free, Config(), 2) for free in (0, 1 << 30, 1 << 36)]
        [1024, 8192, 65536]
    """
    hidden = int(getattr(config, "hidden_size", 0) or 1024)
    inner = int(getattr(config, "intermediate_size", 0) or 4 * hidden)
    # Alive at once: the stream and its norm (in float32 too), queries, keys, values; or the four of the feed-forward.
    each = 2 * (item_bytes * (6 * hidden + 4 * inner) + 8 * hidden)
    tokens = max(1, int(_SHARE * free / each))
    return max(_LEAST_TOKENS, min(MOST_TOKENS, 1 << (tokens.bit_length() - 1)))


def call_tokens(device_type: str, layers: int, weights: int) -> int:
    """Return how many tokens of a batch cost about as much as a call does whatever its batch: 256 at most on a CPU.

    A call takes some 0.4 ms for each layer, of Python and of starting kernels; a token takes two operations for each
    weight. For small models that is hundreds of tokens, for large ones on a CPU a few.

    Args:
        device_type: "cpu" or "cuda".
        layers: of the model.
        weights: of the model.

    Example:
        >>> [call_tokens("cpu", layers, weights) for layers, weights in ((1, 7_488), (3, 325_000), (30, 134_515_008))]
        [256, 92, 2]
    """
    rate, most = (3e14, MOST_TOKENS // 8) if device_type == "cuda" else (5e10, 256)
    return int(min(most, _CALL_SECONDS * layers * rate / (2 * max(1, weights))))
