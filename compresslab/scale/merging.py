"""Merging runs that are on disk, a buffer of each at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from compresslab import merge_kernels
from compresslab.arrays import smallest_unsigned
from compresslab.runs import Run
from compresslab.scale.spill import RunReader

__all__ = ["merge_on_disk"]


def merge_on_disk(readers: Sequence[RunReader], depth: int, memory: int) -> Iterator[Run]:
    """Yield the merged leaves of runs, piece by piece, in order.

    Args:
        readers: the runs; all symbols of one dtype.
        depth: the trees' depth.
        memory: bytes that buffers may take in all.
    """
    runs, symbol = len(readers), readers[0].dtypes[3]
    # Half of the memory holds what is read, a third what is written; a leaf brings at most depth symbols.
    per_leaf = 16 + depth * symbol.itemsize
    block = max(1, min(1 << 17, memory // (2 * runs * per_leaf)))
    room = max(1, min(1 << 20, memory // (3 * per_leaf)))
    small = smallest_unsigned(depth)
    shared, length = np.empty(runs * block, small), np.empty(runs * block, small)
    counts = np.empty(runs * block, np.int64)
    symbols = np.empty(runs * block * depth, symbol)  # only what is read into it takes memory
    leaf, end, at = (np.arange(runs, dtype=np.int64) * step for step in (block, block, block * depth))
    last = np.zeros(runs, bool)

    def refill(k: int) -> None:
        parts = readers[k].read(block)
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
    out = Run(np.empty(room, small), np.empty(room, small), np.empty(room, np.int64), np.empty(room * depth, symbol))
    written: NDArray[np.int64] = np.zeros(2, np.int64)
    while True:
        status = merge_kernels.merge(
            leaf, end, last, at, shared, length, counts, symbols, *state,
            out.shared, out.length, out.counts, out.symbols, written,
        )  # fmt: skip
        if status >= 0:
            refill(status)
            continue
        yield out.slice(*written.tolist())
        written[:] = 0
        if status == merge_kernels.FINISHED:
            return
