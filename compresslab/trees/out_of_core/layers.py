"""From one sorted stream of leaves to a tree file, on disk: a flat file for each array, then all of them in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import smallest_unsigned
from compresslab._support.files import unreadable
from compresslab.trees.counting.front_coded import Run
from compresslab.trees.counting.kernels import merging as merge_kernels
from compresslab.trees.phrases import Parse
from compresslab.trees.tree_file import Column, write_columns

__all__ = ["write_tree_of_runs"]

PIECE: Final = 1 << 20  # numbers read at a time


def write_tree_of_runs(
    pieces: Iterable[Run], path: Path, folder: Path, depth: int, vocab_size: int, parse: Parse
) -> None:
    """Write a stream of leaves to a tree file, by way of flat files in an empty folder.

    Args:
        pieces: the leaves in order, piece by piece, with int64 counts.
        path: the tree file.
        folder: for the flat files; each is removed as soon as it is in the tree file.
        depth: the tree's depth.
        vocab_size: V.
        parse: the parse mode.
    """
    dtype = smallest_unsigned(vocab_size - 1)
    sizes, leaves, most = np.zeros(depth, np.int64), 0, 0
    for piece in pieces:
        nodes = np.zeros(depth + 1, np.int64)
        merge_kernels.count_nodes(piece.shared, piece.length, nodes)
        at = np.cumsum(nodes) - nodes
        layered = np.empty(len(piece.symbols), dtype)
        merge_kernels.to_layers(piece.symbols, piece.shared, piece.length, at.copy(), layered)
        for m in range(depth):
            if nodes[m]:
                _append(folder / f"symbols{m + 1}", layered[at[m] : at[m + 1]])
        for name, array in (("shared", piece.shared), ("length", piece.length), ("counts", piece.counts)):
            _append(folder / name, array)
        sizes += nodes[:depth]
        leaves += len(piece)
        most = max(most, int(piece.counts.max(initial=0)))
    small = smallest_unsigned(depth)
    columns = {
        f"symbols{m}": _column(folder / f"symbols{m}", dtype, dtype, int(sizes[m - 1])) for m in range(1, depth + 1)
    }
    columns |= {name: _column(folder / name, small, small, leaves) for name in ("shared", "length")}
    columns["counts"] = _column(folder / "counts", np.dtype(np.int64), smallest_unsigned(most), leaves)
    write_columns(path, columns, vocab_size, parse)


def _append(path: Path, array: NDArray[Any]) -> None:
    with path.open("ab") as file:
        file.write(array.data)


def _column(path: Path, held: np.dtype[Any], wanted: np.dtype[Any], size: int) -> Column:
    def pieces() -> Iterator[NDArray[Any]]:
        if not size:
            return
        try:
            with path.open("rb") as file:
                for lo in range(0, size, PIECE):
                    yield np.fromfile(file, held, min(PIECE, size - lo)).astype(wanted, copy=False)
            path.unlink()
        except OSError as error:
            raise unreadable(path, error) from error

    return Column(wanted, size, pieces)
