"""Counting strings of any depth with compiled kernels on all cores: bucket by a guessed place, then sort each bucket.

Buckets are small enough to be sorted in cache, a word of packed codes at a time; only strings that are still tied read
another word. What strings share falls out of the words' differences.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import smallest_unsigned
from compresslab._support.threads import on_all_cores, workers
from compresslab.trees.counting.buckets import batches, bucket_positions
from compresslab.trees.counting.coded_text import CodedText, Places, Positions, encode_text, locate_places, read_layers
from compresslab.trees.counting.compiled_words import count_words
from compresslab.trees.counting.kernels import any_depth as kernels
from compresslab.trees.counting.numpy_words import WORD
from compresslab.trees.counting.rank_doubling import rank_by_doubling, sort_by_ranks
from compresslab.trees.leaves import SortedLeaves, Unsigned
from compresslab.trees.phrases import Parse

__all__ = ["TextLeaves", "count_compiled", "sort_leaves"]

PATIENCE: Final = 64  # codes to compare before it is asked whether text repeats itself


@dataclass(frozen=True, eq=False)
class TextLeaves:
    """Sorted leaves that are still places in a text, from which their symbols can be read in either order.

    Attributes:
        text: the coded text.
        depth: symbols per phrase, ``d``.
        start: where each leaf's phrase starts in the text.
        shared: tokens shared with the leaf before.
        counts: how many phrases end in the leaf.
    """

    text: CodedText
    depth: int
    start: Positions
    shared: Unsigned
    counts: Unsigned

    def __len__(self) -> int:
        return len(self.start)

    def between(self, lo: int, hi: int) -> TextLeaves:
        """Return some leaves, the first of which shares no token with the one before."""
        return TextLeaves(self.text, self.depth, self.start[lo:hi], self.shared[lo:hi], self.counts[lo:hi])

    def leaves(self) -> SortedLeaves:
        """Read the symbols layer by layer."""
        codes, start, shared = self.text.codes, self.start, self.shared
        length = np.empty(len(start), smallest_unsigned(self.depth))
        symbols = read_layers(
            self.text,
            len(start),
            self.depth,
            lambda part, nodes: kernels.measure(codes, start[part], shared[part], length[part], nodes),
            lambda part, at, flat: kernels.read_symbols(codes, start[part], shared[part], length[part], at, flat),
        )
        return SortedLeaves(symbols, shared, length, self.counts)

    def runs(self, block: int) -> Iterator[tuple[Unsigned, Unsigned, Unsigned, Unsigned]]:
        """Read ``block`` leaves at a time, as shared, length, counts and symbols of a run, using all cores."""
        with ThreadPoolExecutor(workers()) as pool:
            for lo in range(0, len(self), block * workers()):
                yield from pool.map(
                    self._run, (slice(at, at + block) for at in range(lo, lo + block * workers(), block))
                )

    def _run(self, part: slice) -> tuple[Unsigned, Unsigned, Unsigned, Unsigned]:
        codes, start, shared = self.text.codes, self.start[part], self.shared[part]
        length = np.empty(len(start), smallest_unsigned(self.depth))
        kernels.measure(codes, start, shared, length, np.zeros(self.depth + 1, np.int64))
        symbols = np.empty(int(length.sum(dtype=np.int64) - shared.sum(dtype=np.int64)), codes.dtype)
        kernels.read_run(codes, start, shared, length, symbols)
        return shared, length, self.counts[part], self.text.tokens_of(symbols)


def count_compiled(tokens: Unsigned, offsets: NDArray[np.int64], depth: int, parse: Parse) -> SortedLeaves:
    """Count every phrase of a dataset, as :func:`compresslab.trees.counting.count_phrases` does."""
    text = encode_text(tokens, offsets)
    places = locate_places(offsets, depth, parse)
    if len(places) and depth * text.bits <= WORD:
        return count_words(text, places, depth)
    return _sort_places(text, places, depth).leaves()


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
    places = locate_places(offsets, depth, parse, resumes=resumes, cut=cut)
    return _sort_places(encode_text(tokens, offsets), places, depth)


def _sort_places(text: CodedText, places: Places, depth: int) -> TextLeaves:
    if not len(places):
        none = np.empty(0, np.uint32)
        return TextLeaves(text, depth, none, none.astype(smallest_unsigned(depth)), none.astype(np.uint8))
    order, shared = _sort(text, places, depth)
    runs, longest = kernels.count_runs(shared, depth + 1)
    counts = np.zeros(runs, smallest_unsigned(longest))
    kernels.fold_runs(order, shared, depth + 1, counts)
    return TextLeaves(text, depth, order[:runs], shared[:runs].astype(smallest_unsigned(depth)), counts)


def _sort(text: CodedText, places: Places, depth: int) -> tuple[Positions, Unsigned]:
    """Sort strings; return their positions and what each shares with the one before (``depth + 1`` where equal)."""
    order, groups = bucket_positions(text, places)
    shared = np.full(len(order), depth + 1, smallest_unsigned(depth + 2))
    known, stop, rest = 0, min(depth, PATIENCE), groups
    while len(rest):
        _refine(text, order, shared, rest, (known, stop, depth))
        if not known:
            kernels.join_groups(text.codes, order, shared, groups[:, 0], stop, depth)
        if stop == depth:
            break
        rest = _open_groups(shared, depth)
        known, stop = stop, min(depth, 2 * stop)
        if (rest[:, 1] - rest[:, 0]).sum() * (stop - known) > PATIENCE // 2 * len(text.codes):
            return _sort_repetitive(text, places, order, shared, known, depth)
    return order, shared


def _sort_repetitive(
    text: CodedText, places: Places, order: Positions, shared: Unsigned, known: int, depth: int
) -> tuple[Positions, Unsigned]:
    size = len(text.codes)
    if len(order) < size:  # ranks are needed everywhere
        order, groups = bucket_positions(text, Places(places.chosen[:0], size))
        shared = np.full(size, depth + 1, shared.dtype)
        _refine(text, order, shared, groups, (0, known, depth))
        kernels.join_groups(text.codes, order, shared, groups[:, 0], known, depth)
    ranks = rank_by_doubling(text.codes, order, shared, known, depth)
    if len(places.chosen):
        return sort_by_ranks(ranks, places.chosen)
    return sort_by_ranks(ranks, None if places.limit == size else np.arange(places.limit, dtype=np.uint64))


def _refine(
    text: CodedText, order: Positions, shared: Unsigned, groups: NDArray[np.int64], codes: tuple[int, int, int]
) -> None:
    """Sort groups that share some codes by the codes up to some number, of all that a string has."""
    on_all_cores(
        lambda part: kernels.refine(text.codes, order, shared, part, *codes, text.bits, WORD // text.bits),
        batches(groups),
    )


def _open_groups(shared: Unsigned, depth: int) -> NDArray[np.int64]:
    """Find the groups that are tied so far but have not ended, and take their marks away."""
    at = np.flatnonzero(shared == depth + 2)
    shared[at] = depth + 1
    heads = np.append(np.flatnonzero(shared <= depth), len(shared))
    after = np.unique(np.searchsorted(heads, at))
    return np.stack([heads[after - 1], heads[after]], axis=1)
