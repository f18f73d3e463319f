"""A tree in parts, each of which holds the phrases that start with a range of tokens: it can be made by many at once.

Parts are tree files. Nothing is shared between them but the vocabulary, so that one after the other they are the tree.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from compresslab.errors import EmptyDataset, InvalidParameter
from compresslab.trees.counting.compiled_any_depth import TextLeaves
from compresslab.trees.leaves import SortedLeaves
from compresslab.trees.out_of_core.spill import writing
from compresslab.trees.out_of_core.token_files import TokenFile
from compresslab.trees.tree_file import Column, map_tree_file, verify_tree_file, write_columns

__all__ = ["choose_cuts", "cut_leaves", "join_tree_parts", "part_of_run", "tree_part_files"]

SAMPLE: Final = 1 << 20  # tokens of each file that are looked at
PIECE: Final = 1 << 20  # numbers copied at a time


def choose_cuts(files: Sequence[TokenFile], parts: int) -> list[int]:
    """Choose the first tokens of parts of like size, from the start of each file; there may be fewer parts than asked.

    Args:
        files: token files.
        parts: how many parts.
    """
    if parts == 1:
        return []
    seen = [block.tokens[:SAMPLE] for file in files for block in _first(file.read(SAMPLE))]
    if not sum(map(len, seen)):
        return []
    at = np.quantile(np.concatenate(seen), np.arange(1, parts) / parts, method="higher")
    return [int(token) for token in np.unique(at) if token > 0]


def _first(blocks: Iterator[Any]) -> Iterator[Any]:
    for block in blocks:
        yield block
        return


def part_of_run(run: Path, part: int) -> Path:
    """Return the name of one part of a run."""
    return run.with_name(f"{run.name}-{part:04d}")


def cut_leaves(leaves: TextLeaves, cuts: Sequence[int]) -> list[TextLeaves]:
    """Cut sorted leaves into those before the first cut, between cuts, and after the last; EOS comes before all."""

    def first_token(i: int) -> int:
        code = leaves.text.codes[leaves.start[i]]
        return int(leaves.text.tokens_of(code[None] - code.dtype.type(1))[0]) if code else -1

    at = [0, *(bisect_left(range(len(leaves)), cut, key=first_token) for cut in cuts), len(leaves)]
    return [leaves.between(lo, hi) for lo, hi in pairwise(at)]


def tree_part_files(folder: str | PathLike[str]) -> list[Path]:
    """Return the files of a tree in parts, in order.

    Raises:
        EmptyDataset: there are none.
    """
    paths = sorted(Path(folder).glob("part-*.tree"))
    if not paths:
        raise EmptyDataset(
            f"{folder} holds no parts of a tree (part-0000.tree, ...): give the folder of a build in parts"
        )
    return paths


def join_tree_parts(folder: str | PathLike[str], path: str | PathLike[str]) -> None:
    """Write the parts of a tree as one tree file: the one that a build in one part writes, byte for byte.

    Raises:
        EmptyDataset: there are no parts.
        UnreadableFile: one cannot be read, or the file cannot be written.
        CorruptFile: one is not a tree file, or is damaged: all of each is checked, as the file gets its own checksums.
        InvalidParameter: they are not of one tree.
    """
    paths = tree_part_files(folder)
    for part in paths:
        verify_tree_file(part)
    held = [map_tree_file(part) for part in paths]
    _, vocab_size, parse = held[0]
    parts = [leaves for leaves, _, _ in held]
    depth = parts[0].depth
    for part, (leaves, *rest) in zip(paths, held, strict=True):
        if (leaves.depth, *rest) != (depth, vocab_size, parse):
            raise InvalidParameter(
                f"{part} is of depth {leaves.depth}, vocabulary {rest[0]}, parse '{rest[1]}', and {paths[0]} of "
                f"{depth}, {vocab_size}, '{parse}': give a folder with the parts of one tree"
            )
    for (_, before), (part, leaves) in pairwise(zip(paths, parts, strict=True)):
        if not leaves.length[0] or (before.symbols[0][-1:] >= leaves.symbols[0][0]).any():  # any: it may have none
            raise InvalidParameter(
                f"{part} does not begin behind the phrases of the part before it: give the parts of one tree, each "
                "once, in order"
            )
    columns = {f"symbols{m + 1}": _column(parts, lambda one, m=m: one.symbols[m]) for m in range(depth)}  # type: ignore[misc]
    columns |= {"shared": _column(parts, lambda one: one.shared), "length": _column(parts, lambda one: one.length)}
    columns["counts"] = _column(parts, lambda one: one.counts)
    with writing(Path(path).parent):
        write_columns(path, columns, vocab_size, parse)


def _column(parts: Sequence[SortedLeaves], array: Callable[[SortedLeaves], NDArray[Any]]) -> Column:
    """Join one array of each part; the widest type that a part needs is the one that all need together."""
    arrays = [array(part) for part in parts]
    dtype = max((one.dtype for one in arrays), key=lambda one: one.itemsize)

    def pieces() -> Iterable[NDArray[Any]]:
        for one in arrays:
            for lo in range(0, len(one), PIECE):
                yield one[lo : lo + PIECE].astype(dtype)

    return Column(dtype, sum(map(len, arrays)), pieces)
