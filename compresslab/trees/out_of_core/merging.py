"""Merging runs that are on disk, a buffer of each at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import smallest_unsigned
from compresslab.errors import CorruptFile
from compresslab.trees.counting.front_coded import Run
from compresslab.trees.counting.kernels import merging as merge_kernels
from compresslab.trees.leaf_checks import check_piece
from compresslab.trees.leaves import Unsigned

__all__ = ["Reader", "align_readers", "merge_on_disk", "one_ahead"]


class Reader(Protocol):
    """A run that is read from its start to its end."""

    @property
    def name(self) -> str:
        """What errors call it."""

    @property
    def dtypes(self) -> tuple[np.dtype[Any], ...]:
        """The types of shared, length, counts and symbols."""

    def read(self, leaves: int, /) -> tuple[Unsigned, Unsigned, Unsigned, Unsigned]:
        """Return shared, length, counts and symbols of the next leaves: fewer at the end, none after it."""


def merge_on_disk(readers: Sequence[Reader], depth: int, memory: int) -> Iterator[Run]:
    """Yield the merged leaves of runs, piece by piece, in order.

    Args:
        readers: the runs; all symbols of one dtype.
        depth: the trees' depth.
        memory: bytes that buffers may take in all.
    """
    for piece in align_readers(readers, depth, memory, np.zeros(len(readers), np.int64)):
        yield replace(piece, counts=piece.counts[:, 0])


def align_readers(readers: Sequence[Reader], depth: int, memory: int, column: NDArray[np.int64]) -> Iterator[Run]:
    """Yield the union of the leaves of runs, piece by piece, in order, with a matrix of counts.

    A piece is good until the next but one is made. What is read is checked before the kernel reads it.

    Args:
        readers: as in :func:`merge_on_disk`.
        depth: the trees' depth.
        memory: bytes that buffers may take in all.
        column: int64, shape ``(K,)``: the column of the matrix that each run's counts are added to.

    Raises:
        CorruptFile: a run's leaves cannot be a tree's.
    """
    runs, symbol = len(readers), readers[0].dtypes[3]
    # Half of the memory holds what is read, a third two pieces that are written; a leaf brings at most depth symbols.
    columns = int(column.max()) + 1
    per_leaf = 8 + 8 * columns + depth * symbol.itemsize
    block = max(1, min(1 << 17, memory // (2 * runs * per_leaf)))
    room = max(1, min(1 << 20, memory // (6 * per_leaf)))
    small = smallest_unsigned(depth)
    shared, length = np.empty(runs * block, small), np.empty(runs * block, small)
    counts = np.empty(runs * block, np.int64)
    symbols = np.empty(runs * block * depth, symbol)  # only what is read into it takes memory
    leaf, end, at = (np.arange(runs, dtype=np.int64) * step for step in (block, block, block * depth))
    last = np.zeros(runs, bool)
    before: list[int | None] = [None] * runs

    def refill(k: int) -> None:
        parts = readers[k].read(block)
        try:
            check_piece(*parts, before[k], depth)
        except CorruptFile as error:
            raise CorruptFile(f"{readers[k].name} is damaged: {error}; remove it, and build again") from error
        if len(parts[1]):
            before[k] = int(parts[1][-1])
        leaf[k], at[k] = k * block, k * block * depth
        end[k] = leaf[k] + len(parts[0])
        last[k] = len(parts[0]) < block
        for target, part in zip((shared, length, counts), parts[:3], strict=True):
            target[leaf[k] : end[k]] = part
        symbols[at[k] : at[k] + len(parts[3])] = parts[3]

    for k in range(runs):
        refill(k)
    state = merge_kernels.new_state(runs, depth, symbol)
    merge_kernels.start(leaf, end, at, shared, length, counts, symbols, *state)
    counted = [np.empty((room, columns), np.int64) for _ in range(2)]
    outs = [Run(np.empty(room, small), np.empty(room, small), c, np.empty(room * depth, symbol)) for c in counted]
    written: NDArray[np.int64] = np.zeros(2, np.int64)
    while True:
        out = outs[0]
        status = merge_kernels.merge(
            leaf, end, last, at, shared, length, counts, symbols, *state, column,
            out.shared, out.length, out.counts, out.symbols, written,
        )  # fmt: skip
        if status >= 0:
            refill(status)
            continue
        outs.reverse()
        yield out.slice(*written.tolist())
        written[:] = 0
        if status == merge_kernels.FINISHED:
            return


def one_ahead(pieces: Iterator[Run]) -> Iterator[Run]:
    """Make the next piece on another thread while this one is used."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, pieces, None)
        while (piece := coming.result()) is not None:
            coming = pool.submit(next, pieces, None)
            yield piece
