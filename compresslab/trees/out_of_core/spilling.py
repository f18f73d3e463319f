"""Counting a dataset whose tree does not fit into memory: the same leaves, mapped from a file that nobody else sees."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from compresslab._support import jit
from compresslab._support.arrays import smallest_unsigned
from compresslab._support.files import temporary_folder
from compresslab.trees.leaves import SortedLeaves, Unsigned
from compresslab.trees.out_of_core.building import (
    DEEP,
    PER_SYMBOL,
    PER_SYMBOL_DEEP,
    Plan,
    budget,
    count_shards,
    finish_tree,
)
from compresslab.trees.out_of_core.memory import available_bytes
from compresslab.trees.out_of_core.spill import writing
from compresslab.trees.out_of_core.token_files import Block, cut_offsets
from compresslab.trees.phrases import Parse, num_phrases
from compresslab.trees.tree_file import map_tree_file

__all__ = ["count_spilled", "must_spill"]

BLOCK = 1 << 22  # tokens given out at a time
ALWAYS_FITS = 1 << 24  # symbols that are counted in memory without asking how much there is


def must_spill(num_tokens: NDArray[np.int64], depth: int, parse: Parse, vocab_size: int) -> bool:
    """Tell whether counting in memory could take more than there is, and spilling is possible.

    Args:
        num_tokens: int64, the tokens of each response.
        depth: symbols per phrase, ``d``.
        parse: the parse mode.
        vocab_size: V.
    """
    symbols = int(num_tokens.sum()) + len(num_tokens)
    if symbols < ALWAYS_FITS or not jit.available():
        return False
    nodes = int(num_phrases(num_tokens, depth, parse).sum()) * depth if parse != "phrases" else symbols
    least = 2 * nodes * smallest_unsigned(max(vocab_size - 1, 0)).itemsize  # if no two phrases share a token
    return least + symbols * (PER_SYMBOL if depth <= DEEP else PER_SYMBOL_DEEP) > available_bytes()


def count_spilled(
    tokens: Unsigned,
    offsets: NDArray[np.int64],
    depth: int,
    parse: Parse,
    vocab_size: int,
    *,
    shard: int | None = None,
) -> SortedLeaves:
    """Count every phrase of a dataset, with runs and tree in a temporary folder (see :mod:`tempfile`).

    Args:
        tokens: unsigned, flat; it may be a memory map.
        offsets: int64, as in a dataset.
        depth: symbols per phrase, ``d``.
        parse: the parse mode.
        vocab_size: V.
        shard: symbols per shard, where it should not follow from the memory.

    Returns:
        The leaves, mapped into memory. Their file is gone from its folder, and from the disk when they are.
    """
    spare = budget(None)
    size = shard or spare // (PER_SYMBOL if depth <= DEEP else PER_SYMBOL_DEEP)
    plan = Plan([], depth, parse, vocab_size, size)
    with temporary_folder() as name, writing(name):
        folder = name / "work"
        runs = count_shards(_blocks(tokens, offsets), plan, folder, _silent, len(tokens))
        finish_tree(runs, plan, name / "tree", folder, spare // 2, _silent)
        return map_tree_file(name / "tree")[0]


def _blocks(tokens: Unsigned, offsets: NDArray[np.int64]) -> Iterator[Block]:
    for lo in range(0, max(len(tokens), 1), BLOCK):
        hi = min(lo + BLOCK, len(tokens))
        yield Block(tokens[lo:hi], *cut_offsets(offsets, lo, hi))


def _silent(what: str, done: int, of: int) -> None:
    """Report nothing."""
