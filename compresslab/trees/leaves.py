"""The two shapes that counting works between: located strings of tokens, and sorted leaves.

A tree is stored as its leaves in lexicographic order (EOS before every token), each with the number of tokens that it
shares with the leaf before it. Nodes of layer ``m`` are then runs of leaves that share ``m`` tokens, and each leaf adds
exactly the nodes below its shared part: one symbol per node is all that must be kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import UIntArray as Unsigned

__all__ = ["BLOCK", "Key", "LocatedPhrases", "SortedLeaves", "Unsigned"]

Key = NDArray[np.uint64]

BLOCK: Final = 1 << 17  # rows worked on at a time: about a megabyte per array, so that a block stays in cache


@dataclass(frozen=True, eq=False)
class LocatedPhrases:
    """Strings of at most ``d`` tokens inside a flat array; one of ``d`` tokens goes on, a shorter one ends in EOS.

    Attributes:
        tokens: unsigned, flat.
        start: int64, shape ``(n,)``.
        length: int64, shape ``(n,)``; string ``i`` is ``tokens[start[i]:start[i] + length[i]]``.
        weights: int64, shape ``(n,)``, or None where each string counts once.
    """

    tokens: Unsigned
    start: NDArray[np.int64]
    length: NDArray[np.int64]
    weights: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.start)

    def select(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> LocatedPhrases:
        """Return some of the strings, over the same tokens."""
        weights = None if self.weights is None else self.weights[rows]
        return LocatedPhrases(self.tokens, self.start[rows], self.length[rows], weights)

    def symbol(self, j: int) -> Unsigned:
        """Return token ``j`` of every string; where a string has ended, an arbitrary one."""
        if not len(self.tokens):
            return np.zeros(len(self), self.tokens.dtype)
        return self.tokens[np.minimum(self.start + j, len(self.tokens) - 1)]


@dataclass(frozen=True, eq=False)
class SortedLeaves:
    """The leaves of a token tree of depth ``d``, in lexicographic order, as flat arrays.

    Attributes:
        symbols: ``d`` arrays; ``symbols[m - 1]`` holds the last symbol of every node of layer ``m``, in order.
        shared: shape ``(M,)``, tokens shared with the leaf before (0 for the first).
        length: shape ``(M,)``, tokens in the leaf's phrase; below ``d`` an EOS leaf, ``d`` a truncated leaf.
        counts: shape ``(M,)``, how many phrases end in the leaf, in the smallest unsigned type.
    """

    symbols: tuple[Unsigned, ...]
    shared: Unsigned
    length: Unsigned
    counts: Unsigned

    @property
    def depth(self) -> int:
        """Layers below the root, ``d``."""
        return len(self.symbols)

    def columns(self) -> Iterator[tuple[NDArray[np.bool_], Unsigned]]:
        """For layers 1 to ``d``: which leaves reach the layer, and those leaves' symbols there."""
        for m, symbols in enumerate(self.symbols, start=1):
            held = self.length >= m
            node = np.cumsum(held & (self.shared < m)) - 1
            yield held, symbols[node[held]]

    def strings(self, dtype: np.dtype[np.unsignedinteger[Any]]) -> LocatedPhrases:
        """Return the leaves as strings, weighted by their counts."""
        length = self.length.astype(np.int64)
        start = np.cumsum(length) - length
        flat = np.empty(int(length.sum()), dtype)
        for j, (held, column) in enumerate(self.columns()):
            flat[start[held] + j] = column
        return LocatedPhrases(flat, start, length, self.counts.astype(np.int64))
