"""Sorted leaves as a run: each leaf after what it shares with the one before, all in one stream, ready to be merged.

:class:`SortedLeaves` keep one array per layer, which suits reading a tree. A run keeps the same symbols leaf by leaf,
which suits walking along it with a single cursor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import smallest_unsigned
from compresslab.trees.counting.kernels import merging as merge_kernels
from compresslab.trees.leaves import SortedLeaves, Unsigned

__all__ = ["Run", "merge_runs"]


@dataclass(frozen=True, eq=False)
class Run:
    """Sorted leaves, front-coded.

    Attributes:
        shared: shape ``(M,)``, tokens shared with the leaf before.
        length: shape ``(M,)``, tokens in the leaf's phrase.
        counts: shape ``(M,)``, how many phrases end in the leaf (or, where runs are aligned, a column for each).
        symbols: each leaf's last ``length - shared`` tokens, one leaf after the other.
    """

    shared: Unsigned
    length: Unsigned
    counts: NDArray[Any]
    symbols: Unsigned

    def __len__(self) -> int:
        return len(self.shared)

    @classmethod
    def of(cls, leaves: SortedLeaves, dtype: np.dtype[np.unsignedinteger[Any]]) -> Run:
        """Write the symbols of some leaves one leaf after the other."""
        sizes = [len(layer) for layer in leaves.symbols]
        at = np.cumsum([0, *sizes[:-1]], dtype=np.int64)
        layered = np.concatenate(leaves.symbols, dtype=dtype, casting="same_kind")
        symbols = np.empty(len(layered), dtype)
        merge_kernels.from_layers(layered, at, leaves.shared, leaves.length, symbols)
        return cls(leaves.shared, leaves.length, leaves.counts, symbols)

    def slice(self, leaves: int, symbols: int) -> Run:
        """Return a view of the first leaves, which hold so many symbols."""
        return Run(self.shared[:leaves], self.length[:leaves], self.counts[:leaves], self.symbols[:symbols])

    def first(self, leaves: int, symbols: int) -> Run:
        """Return a copy of the first leaves, which hold so many symbols, with counts in the smallest type."""
        counts = self.counts[:leaves]
        small = counts.astype(smallest_unsigned(int(counts.max(initial=0))))
        return Run(self.shared[:leaves].copy(), self.length[:leaves].copy(), small, self.symbols[:symbols].copy())

    def leaves(self, depth: int) -> SortedLeaves:
        """Deal the symbols out to their layers."""
        nodes = np.zeros(depth + 1, np.int64)
        merge_kernels.count_nodes(self.shared, self.length, nodes)
        at = np.cumsum(nodes[:depth]) - nodes[:depth]
        layered = np.empty_like(self.symbols)
        merge_kernels.to_layers(self.symbols, self.shared, self.length, at.copy(), layered)
        return SortedLeaves(tuple(np.split(layered, at[1:])), self.shared, self.length, self.counts)


def merge_runs(runs: Sequence[Run], depth: int) -> Run:
    """Add the counts of runs of one depth and one symbol dtype, in one pass over all of them."""
    shared, length, symbols = (
        np.concatenate([getattr(run, name) for run in runs]) for name in ("shared", "length", "symbols")
    )
    counts = np.concatenate([run.counts for run in runs], dtype=np.int64)
    end = np.cumsum([len(run) for run in runs], dtype=np.int64)
    leaf = end - [len(run) for run in runs]
    at = np.cumsum([0] + [len(run.symbols) for run in runs[:-1]], dtype=np.int64)
    state = merge_kernels.new_state(len(runs), depth, symbols.dtype)
    merge_kernels.start(leaf, end, at, shared, length, counts, symbols, *state)
    out = Run(np.empty_like(shared), np.empty_like(length), np.empty_like(counts), np.empty_like(symbols))
    written = np.zeros(2, np.int64)
    merge_kernels.merge(
        leaf, end, np.ones(len(runs), bool), at, shared, length, counts, symbols, *state,
        np.zeros(len(runs), np.int64), out.shared, out.length, out.counts[:, None], out.symbols, written,
    )  # fmt: skip
    return out.first(*written.tolist())
