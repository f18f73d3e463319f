"""Counting strings of any depth with compiled kernels on all cores: bucket by a guessed place, then sort each bucket.

Buckets are small enough to be sorted in cache, a word of packed codes at a time; only strings that are still tied read
another word. What strings share falls out of the words' differences.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from compresslab import kernels
from compresslab.arrays import smallest_unsigned
from compresslab.doubling import rank_by_doubling, sort_by_ranks
from compresslab.packed import WORD
from compresslab.phrases import Parse, locate_phrases, num_phrases
from compresslab.strings import SortedLeaves, Unsigned

__all__ = ["count_compiled"]

Positions = NDArray[Any]  # in a coded text: uint32, or int64 where it is longer than that

PATIENCE: Final = 64  # codes to compare before it is asked whether text repeats itself
SPARSE: Final = 1 << 20  # tokens from here on are numbered anew where few of them occur
BUCKET: Final = 1 << 13  # strings per bucket, so that keys and positions stay in a core's own cache
SHARE: Final = 1 << 20  # strings per task at most, so that no core waits long for another


def count_compiled(tokens: Unsigned, offsets: NDArray[np.int64], depth: int, parse: Parse) -> SortedLeaves:
    """Count every phrase of a dataset, as :func:`compresslab.counting.count_phrases` does."""
    largest = int(tokens.max(initial=0))
    if largest >= max(SPARSE, len(tokens)):
        alphabet, dense = np.unique(tokens, return_inverse=True)
        leaves = count_compiled(dense.astype(smallest_unsigned(len(alphabet))), offsets, depth, parse)
        return replace(leaves, symbols=tuple(alphabet[layer] for layer in leaves.symbols))
    text = np.empty(len(tokens) + len(offsets) - 1, smallest_unsigned(largest + 1))
    kernels.encode(tokens, offsets, text)
    order, shared = _sort(text, _starts(offsets, depth, parse), depth, (largest + 1).bit_length())
    runs, longest = kernels.count_runs(shared, depth + 1)
    counts = np.zeros(runs, smallest_unsigned(longest))
    kernels.fold_runs(order, shared, depth + 1, counts)
    kept = shared[:runs].astype(smallest_unsigned(depth))
    del shared
    symbols, length = _read(text, order[:runs], kept, depth, smallest_unsigned(largest))
    return SortedLeaves(symbols, kept, length, counts)


def _starts(offsets: NDArray[np.int64], depth: int, parse: Parse) -> Positions:
    """Where phrases start in the coded text; empty if everywhere."""
    if parse == "windows":
        return np.empty(0, np.int64)
    response = np.repeat(np.arange(len(offsets) - 1), num_phrases(np.diff(offsets), depth, parse))
    return locate_phrases(offsets, depth, parse)[0] + response


def _sort(text: Unsigned, chosen: Positions, depth: int, bits: int) -> tuple[Positions, Unsigned]:
    """Sort strings; return their positions and what each shares with the one before (``depth + 1`` where equal)."""
    order, groups = _bucket(text, chosen)
    shared = np.full(len(order), depth + 1, smallest_unsigned(depth + 2))
    fit = WORD // bits
    known, stop, rest = 0, min(depth, PATIENCE), groups
    while len(rest):
        _run(lambda part: kernels.refine(text, order, shared, part, known, stop, depth, bits, fit), _batches(rest))  # noqa: B023
        if not known:
            kernels.join_groups(text, order, shared, groups[:, 0], stop, depth)
        if stop == depth:
            break
        rest = _open_groups(shared, depth)
        known, stop = stop, min(depth, 2 * stop)
        if (rest[:, 1] - rest[:, 0]).sum() * (stop - known) > PATIENCE // 2 * len(text):
            return _sort_repetitive(text, chosen, order, shared, known, depth, bits)
    return order, shared


def _sort_repetitive(
    text: Unsigned, chosen: Positions, order: Positions, shared: Unsigned, known: int, depth: int, bits: int
) -> tuple[Positions, Unsigned]:
    if len(chosen):  # ranks are needed everywhere
        order, groups = _bucket(text, chosen[:0])
        shared = np.full(len(order), depth + 1, shared.dtype)
        _run(
            lambda part: kernels.refine(text, order, shared, part, 0, known, depth, bits, WORD // bits),
            _batches(groups),
        )
        kernels.join_groups(text, order, shared, groups[:, 0], known, depth)
    ranks = rank_by_doubling(text, order, shared, known, depth)
    return sort_by_ranks(ranks, chosen if len(chosen) else None)


def _bucket(text: Unsigned, chosen: Positions) -> tuple[Positions, NDArray[np.int64]]:
    """Deal positions into buckets that are in order among each other; return them, and where each bucket lies."""
    size = len(chosen) or len(text)
    order: Positions = np.empty(size, np.uint32 if len(text) < 1 << 32 else np.int64)
    frequency = np.zeros(int(text.max()) + 1)
    kernels.add_frequencies(text, frequency)
    low, scale = np.cumsum(frequency) - frequency, (1 - 2.0**-50) / len(text)
    count = np.zeros(max(1, size // BUCKET), np.int64)
    kernels.histogram(text, chosen, low, frequency, scale, count)
    end = np.cumsum(count)
    groups = np.stack([end - count, end], axis=1)[count > 0]
    kernels.scatter(text, chosen, low, frequency, scale, end, order)
    return order, groups


def _open_groups(shared: Unsigned, depth: int) -> NDArray[np.int64]:
    """Find the groups that are tied so far but have not ended, and take their marks away."""
    at = np.flatnonzero(shared == depth + 2)
    shared[at] = depth + 1
    heads = np.append(np.flatnonzero(shared <= depth), len(shared))
    after = np.unique(np.searchsorted(heads, at))
    return np.stack([heads[after - 1], heads[after]], axis=1)


def _batches(groups: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    share = min(SHARE, max(1, int(groups[-1, 1]) // (8 * _workers())))
    return np.split(groups, np.flatnonzero(np.diff(groups[:, 0] // share)) + 1)


def _read(
    text: Unsigned, start: Positions, shared: Unsigned, depth: int, dtype: np.dtype[np.unsignedinteger[Any]]
) -> tuple[tuple[Unsigned, ...], Unsigned]:
    """Read each layer's symbols and each leaf's length."""
    length = np.empty(len(start), smallest_unsigned(depth))
    step = max(1, -(-len(start) // (4 * _workers())))
    parts = [slice(lo, lo + step) for lo in range(0, len(start), step)]
    nodes = np.zeros((len(parts), depth + 1), np.int64)
    _run(
        lambda i: kernels.measure(text, start[parts[i]], shared[parts[i]], length[parts[i]], nodes[i]),
        range(len(parts)),
    )
    nodes = nodes[:, :depth]
    layers = nodes.sum(axis=0)
    base = np.cumsum(layers) - layers
    flat = np.empty(int(layers.sum()), dtype)
    at = base + np.cumsum(nodes, axis=0) - nodes
    _run(
        lambda i: kernels.read_symbols(text, start[parts[i]], shared[parts[i]], length[parts[i]], at[i], flat),
        range(len(parts)),
    )
    return tuple(np.split(flat, base[1:])), length


def _workers() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run(task: Callable[[Any], None], parts: Iterable[Any]) -> None:
    with ThreadPoolExecutor(_workers()) as pool:
        for _ in pool.map(task, parts):
            pass
