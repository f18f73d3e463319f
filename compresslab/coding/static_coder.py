"""Range coding of many symbols under one distribution: the blocks in one stream, the places in another.

As `compresslab.coding.rows.stream`, but the weights are made once. The places of all symbols in a block are coded
together, block by block, since they share a distribution.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from compresslab._support.arrays import as_array
from compresslab.coding.range_coder import WordDecoder, WordEncoder
from compresslab.coding.rows.joined import cut_streams, join_streams
from compresslab.coding.rows.quantize import (
    BlockLayout,
    Rows,
    block_layout,
    block_masses,
    place_masses,
    weights_minus_one,
)
from compresslab.errors import CorruptStream

__all__ = ["decode_static", "encode_static"]


def encode_static(symbols: npt.ArrayLike, counts: npt.ArrayLike) -> bytes:
    """Encode ``symbols`` (n,), each with probability ``counts[symbol] / sum(counts)``; counts (M,), M up to 2**24 - 2.

    A single symbol costs nothing. Raises as `compresslab.coding.encode`.

    Example:
        >>> decode_static(encode_static([0, 2, 0], [5, 0, 1]), 3, [5, 0, 1]).tolist()
        [0, 2, 0]
    """
    array = as_array(symbols, dtype=np.int64)
    row = _row(counts)
    if row.shape[1] == 1 or not len(array):
        return b""
    layout = block_layout(row.shape[1])
    blocks, places = np.divmod(array, layout.places)
    streams = [WordEncoder() for _ in range(layout.levels)]
    streams[0].encode_iid(blocks.astype(np.int32), _outer(row, layout))
    if layout.levels == 2:
        order = np.argsort(blocks, kind="stable")
        used, first = np.unique(blocks[order], return_index=True)
        for block, part in zip(used, np.split(places[order], first[1:]), strict=True):
            streams[1].encode_iid(part.astype(np.int32), _inner(row, layout, int(block)))
    return join_streams([stream.finish() for stream in streams])


def decode_static(data: bytes, count: int, counts: npt.ArrayLike) -> NDArray[np.int64]:
    """Decode the ``count`` symbols (int64) that `encode_static` wrote under the same counts.

    Raises:
        CorruptStream: the data does not decode, or is left over.
    """
    row = _row(counts)
    if row.shape[1] == 1 or not count:
        if data:
            raise CorruptStream(f"{len(data)} bytes are left over: the data is damaged, or the counts are others")
        return np.zeros(count, dtype=np.int64)
    layout = block_layout(row.shape[1])
    streams = [WordDecoder(part) for part in cut_streams(data, layout.levels)]
    symbols = streams[0].decode_iid(count, _outer(row, layout)).astype(np.int64)
    if layout.levels == 2:
        blocks = symbols
        order = np.argsort(blocks, kind="stable")
        used, times = np.unique(blocks, return_counts=True)
        parts = [
            streams[1].decode_iid(int(n), _inner(row, layout, int(block))) for block, n in zip(used, times, strict=True)
        ]
        symbols = np.empty(count, dtype=np.int64)
        symbols[order] = np.concatenate(parts)
        symbols += blocks * layout.places
        if symbols.max() >= row.shape[1]:
            raise CorruptStream("a symbol beyond the last one was decoded: the data is damaged")
    if not all(stream.may_be_exhausted() for stream in streams):
        raise CorruptStream(f"data is left over after {count} symbols: it is damaged, or the counts are others")
    return symbols


def _outer(row: Rows, layout: BlockLayout) -> NDArray[np.float64]:
    weights: NDArray[np.float64] = weights_minus_one(*block_masses(row, layout))[0]
    return weights


def _inner(row: Rows, layout: BlockLayout, block: int) -> NDArray[np.float64]:
    masses = place_masses(row, layout, np.zeros(1, dtype=np.int64), np.array([block]))
    weights: NDArray[np.float64] = weights_minus_one(masses)[0]
    return weights


def _row(counts: npt.ArrayLike) -> NDArray[np.float64]:
    row: NDArray[np.float64] = as_array(counts, np.float64)[None, :]
    row /= row.sum()
    return row
