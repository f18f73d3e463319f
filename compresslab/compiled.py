"""Counting strings of any depth with compiled kernels on all cores: bucket by a guessed place, then sort each bucket.

Buckets are small enough to be sorted in cache, a word of packed codes at a time; only strings that are still tied read
another word. What strings share falls out of the words' differences.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from compresslab import kernels
from compresslab.arrays import smallest_unsigned
from compresslab.doubling import rank_by_doubling, sort_by_ranks
from compresslab.packed import WORD
from compresslab.phrases import Parse, locate_phrases, num_phrases
from compresslab.strings import SortedLeaves, Unsigned

__all__ = ["TextLeaves", "count_compiled", "sort_leaves"]

Positions = NDArray[Any]  # in a coded text: uint32, or int64 where it is longer than that

PATIENCE: Final = 64  # codes to compare before it is asked whether text repeats itself
SPARSE: Final = 1 << 20  # tokens from here on are numbered anew where few of them occur
BUCKET: Final = 1 << 13  # strings per bucket, so that keys and positions stay in a core's own cache
SHARE: Final = 1 << 20  # strings per task at most, so that no core waits long for another


def count_compiled(tokens: Unsigned, offsets: NDArray[np.int64], depth: int, parse: Parse) -> SortedLeaves:
    """Count every phrase of a dataset, as :func:`compresslab.counting.count_phrases` does."""
    return sort_leaves(tokens, offsets, depth, parse).leaves()


@dataclass(frozen=True, eq=False)
class TextLeaves:
    """Sorted leaves that are still places in a text, from which their symbols can be read in either order.

    Attributes:
        text: the coded text.
        depth: symbols per phrase, ``d``.
        start: where each leaf's phrase starts in the text.
        shared: tokens shared with the leaf before.
        counts: how many phrases end in the leaf.
        largest: the largest token, or place in the alphabet.
        alphabet: the tokens that codes stand for; None if a code is a token plus 1.
    """

    text: Unsigned
    depth: int
    start: Positions
    shared: Unsigned
    counts: Unsigned
    largest: int
    alphabet: Unsigned | None

    def __len__(self) -> int:
        return len(self.start)

    def leaves(self) -> SortedLeaves:
        """Read the symbols layer by layer."""
        symbols, length = _read(self.text, self.start, self.shared, self.depth, smallest_unsigned(self.largest))
        if self.alphabet is not None:
            symbols = tuple(self.alphabet[layer] for layer in symbols)
        return SortedLeaves(symbols, self.shared, length, self.counts)

    def runs(self, block: int) -> Iterator[tuple[Unsigned, Unsigned, Unsigned, Unsigned]]:
        """Read ``block`` leaves at a time, as shared, length, counts and symbols of a run, using all cores."""
        with ThreadPoolExecutor(_workers()) as pool:
            for lo in range(0, len(self), block * _workers()):
                yield from pool.map(
                    self._run, (slice(at, at + block) for at in range(lo, lo + block * _workers(), block))
                )

    def _run(self, part: slice) -> tuple[Unsigned, Unsigned, Unsigned, Unsigned]:
        start, shared = self.start[part], self.shared[part]
        length = np.empty(len(start), smallest_unsigned(self.depth))
        kernels.measure(self.text, start, shared, length, np.zeros(self.depth + 1, np.int64))
        symbols = np.empty(int(length.sum(dtype=np.int64) - shared.sum(dtype=np.int64)), self.text.dtype)
        kernels.read_run(self.text, start, shared, length, symbols)
        return shared, length, self.counts[part], symbols if self.alphabet is None else self.alphabet[symbols]


def sort_leaves(
    tokens: Unsigned,
    offsets: NDArray[np.int64],
    depth: int,
    parse: Parse,
    *,
    resumes: bool = False,
    cut: int | None = None,
) -> TextLeaves:
    """Count the phrases of some responses, and sort them.

    Args:
        tokens: unsigned, flat.
        offsets: int64, as in a dataset.
        depth: symbols per phrase, ``d``.
        parse: the parse mode.
        resumes: whether the first response started earlier, by a multiple of ``d`` symbols.
        cut: leave out phrases that start in the last response at this symbol or later.
    """
    alphabet: Unsigned | None = None
    largest = int(tokens.max(initial=0))
    if largest >= max(SPARSE, len(tokens)):
        alphabet, dense = np.unique(tokens, return_inverse=True)
        largest = len(alphabet) - 1
        tokens = dense.astype(smallest_unsigned(largest))
    text = np.empty(len(tokens) + len(offsets) - 1, smallest_unsigned(largest + 1))
    kernels.encode(tokens, offsets, text)
    chosen, limit = _starts(offsets, depth, parse, resumes, cut)
    if not len(chosen) and not limit:
        none = np.empty(0, np.uint32)
        small = none.astype(smallest_unsigned(depth))
        return TextLeaves(text, depth, none, small, none.astype(np.uint8), largest, alphabet)
    order, shared = _sort(text, chosen, limit, depth, (largest + 1).bit_length())
    runs, longest = kernels.count_runs(shared, depth + 1)
    counts = np.zeros(runs, smallest_unsigned(longest))
    kernels.fold_runs(order, shared, depth + 1, counts)
    kept = shared[:runs].astype(smallest_unsigned(depth))
    return TextLeaves(text, depth, order[:runs], kept, counts, largest, alphabet)


def _starts(
    offsets: NDArray[np.int64], depth: int, parse: Parse, resumes: bool, cut: int | None
) -> tuple[Positions, int]:
    """Where phrases start in the coded text: at some places, and everywhere below a limit."""
    last = len(offsets) - 2
    limit = int(offsets[-1]) + last + 1 if cut is None else int(offsets[last]) + last + cut
    if parse == "windows":
        return np.empty(0, np.int64), limit
    response = np.repeat(np.arange(last + 1), num_phrases(np.diff(offsets), depth, parse))
    start = locate_phrases(offsets, depth, parse)[0] + response
    return start[(start < limit) & ~(resumes & (parse == "prefix") & (response == 0))], 0


def _sort(text: Unsigned, chosen: Positions, limit: int, depth: int, bits: int) -> tuple[Positions, Unsigned]:
    """Sort strings; return their positions and what each shares with the one before (``depth + 1`` where equal)."""
    order, groups = _bucket(text, chosen, limit)
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
            return _sort_repetitive(text, chosen, limit, order, shared, known, depth, bits)
    return order, shared


def _sort_repetitive(
    text: Unsigned,
    chosen: Positions,
    limit: int,
    order: Positions,
    shared: Unsigned,
    known: int,
    depth: int,
    bits: int,
) -> tuple[Positions, Unsigned]:
    if len(order) < len(text):  # ranks are needed everywhere
        order, groups = _bucket(text, chosen[:0], len(text))
        shared = np.full(len(order), depth + 1, shared.dtype)
        _run(
            lambda part: kernels.refine(text, order, shared, part, 0, known, depth, bits, WORD // bits),
            _batches(groups),
        )
        kernels.join_groups(text, order, shared, groups[:, 0], known, depth)
    ranks = rank_by_doubling(text, order, shared, known, depth)
    if len(chosen):
        return sort_by_ranks(ranks, chosen)
    return sort_by_ranks(ranks, None if limit == len(text) else np.arange(limit, dtype=np.uint64))


def _bucket(text: Unsigned, chosen: Positions, limit: int) -> tuple[Positions, NDArray[np.int64]]:
    """Deal positions into buckets that are in order among each other; return them, and where each bucket lies."""
    size = len(chosen) or limit
    order: Positions = np.empty(size, np.uint32 if len(text) < 1 << 32 else np.int64)
    frequency = np.zeros(int(text.max()) + 1)
    kernels.add_frequencies(text, frequency)
    low, scale = np.cumsum(frequency) - frequency, (1 - 2.0**-50) / len(text)
    count = np.zeros(max(1, size // BUCKET), np.int64)
    kernels.histogram(text, chosen, limit, low, frequency, scale, count)
    end = np.cumsum(count)
    groups = np.stack([end - count, end], axis=1)[count > 0]
    kernels.scatter(text, chosen, limit, low, frequency, scale, end, order)
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
