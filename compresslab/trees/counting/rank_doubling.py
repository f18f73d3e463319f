"""Sorting repetitive text: where strings stay tied for long, compare ranks instead of codes, twice as far each time.

Text that repeats itself over thousands of tokens would be read again for every string. Once all positions are ranked by
their first ``h`` codes, the ranks at a position and ``h`` further on say how they rank by ``2h`` codes.

Source: Karp, Miller and Rosenberg, STOC 1972; Larsson and Sadakane, Theoretical Computer Science 387 (2007).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import smallest_unsigned
from compresslab.trees.leaves import BLOCK, Unsigned

__all__ = ["Ranks", "rank_by_doubling", "sort_by_ranks"]


@dataclass(frozen=True, eq=False)
class Ranks:
    """The rank of every position of a coded text, by its first ``h`` codes for several ``h``, ascending.

    Attributes:
        text: the coded text.
        depth: codes that ``last`` compares.
        levels: ``h`` and the ranks by ``h`` codes; each ``h`` twice the one before. LocatedPhrases that differ do
            so within twice the last ``h``.
        last: the ranks by ``depth`` codes. Equal strings have equal ranks.
    """

    text: Unsigned
    depth: int
    levels: tuple[tuple[int, Unsigned], ...]
    last: Unsigned


def rank_by_doubling(text: Unsigned, order: Unsigned, shared: Unsigned, known: int, depth: int) -> Ranks:
    """Rank all positions by ``depth`` codes, given their order by the first ``known`` ones.

    Args:
        text: the coded text (``token + 1``, 0 for EOS, ending in EOS).
        order: all positions, sorted by their first ``known`` codes.
        shared: codes shared with the place before in the order; above ``depth`` where the first ``known`` are equal.
        known: codes compared so far, below ``depth``.
        depth: codes to compare.
    """
    index = np.dtype(np.uint32 if len(text) < 1 << 32 else np.uint64)
    rank = np.empty(len(text), index)
    rank[order] = _heads(np.arange(len(text), dtype=index), shared <= depth)
    ends = np.flatnonzero(text == 0)
    left = np.repeat(ends, np.diff(ends, prepend=-1)).astype(index) - np.arange(len(text), dtype=index)
    order = order.copy()
    levels: list[tuple[int, Unsigned]] = []
    # Only the members of a group of several that have not ended can still be told apart; groups stand together.
    where = np.flatnonzero(_tied(rank[order]) & (left[order] >= known)).astype(index)
    while known < depth and len(where):
        levels.append((known, rank.copy()))
        step = min(known, depth - known)
        rows = order[where].astype(np.int64)
        first, second = rank[rows], rank[rows + step]
        by = _argsort_pairs(first, second)
        rows, first, second = rows[by], first[by], second[by]
        fresh = np.ones(len(rows), bool)
        fresh[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
        now = _heads(where, fresh)
        order[where], rank[rows] = rows, now
        known += step
        where = where[_tied(now) & (left[rows] >= known)]
    return Ranks(text, depth, tuple(levels), rank)


def sort_by_ranks(ranks: Ranks, positions: Unsigned | None) -> tuple[Unsigned, Unsigned]:
    """Sort all strings, or those at some positions.

    Returns:
        The sorted positions, and what each shares with the one before (``depth + 1`` where equal, 0 for the first).
    """
    rank = ranks.last if positions is None else ranks.last[positions]
    by = np.argsort(rank, kind="stable").astype(rank.dtype)
    order = by if positions is None else positions[by].astype(rank.dtype)
    shared = np.full(len(order), ranks.depth + 1, smallest_unsigned(ranks.depth + 1))
    shared[:1] = 0
    rank = rank[by]
    breaks = np.flatnonzero(rank[1:] != rank[:-1]) + 1
    for lo in range(0, len(breaks), BLOCK):
        block = breaks[lo : lo + BLOCK]
        shared[block] = _common(ranks, order[block - 1].astype(np.int64), order[block].astype(np.int64))
    return order, shared


def _heads(places: Unsigned, fresh: NDArray[np.bool_]) -> Unsigned:
    """For every member, its group's first place."""
    return np.maximum.accumulate(np.where(fresh, places, places.dtype.type(0)))


def _tied(group: Unsigned) -> NDArray[np.bool_]:
    tied = np.zeros(len(group), bool)
    tied[1:] = group[1:] == group[:-1]
    tied[:-1] |= tied[1:]
    return tied


def _argsort_pairs(first: Unsigned, second: Unsigned) -> NDArray[np.int64]:
    if first.dtype == np.uint32:
        return np.argsort((first.astype(np.uint64) << np.uint64(32)) | second)
    return np.lexsort((second, first))


def _common(ranks: Ranks, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """Codes that different strings share: whole levels from the longest down, then code by code."""
    shared = np.zeros(len(a), np.int64)
    for known, rank in reversed(ranks.levels):
        shared += known * (rank[a + shared] == rank[b + shared])
    still = np.arange(len(a))
    while len(still):
        still = still[ranks.text[(a + shared)[still]] == ranks.text[(b + shared)[still]]]
        shared[still] += 1
    return shared
