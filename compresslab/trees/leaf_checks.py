"""Whether arrays are the sorted leaves of a token tree, before anything relies on it.

Kernels step from leaf to leaf by what the arrays say, without looking whether there is another number: they stay inside
all arrays if every leaf adds nodes that the layers hold.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from compresslab._support.threads import on_all_cores, workers
from compresslab.errors import CorruptFile
from compresslab.trees.leaves import BLOCK, SortedLeaves, Unsigned

__all__ = ["check_leaves", "check_piece"]

SHALLOW: Final = 16  # layers up to which it is quicker to compare for each than to count once


def check_leaves(leaves: SortedLeaves, vocab_size: int | None = None) -> None:
    """Check that each leaf adds symbols to a part of the leaf before, and that the layers hold just these symbols.

    Args:
        leaves: of symbols, ``shared`` and ``counts`` only the sizes are looked at, unless ``vocab_size`` is given.
        vocab_size: V: check as well that symbols are below it, leaves in order, each once, and counts positive.

    Raises:
        CorruptFile: something is not so; the message lacks the file's name.
    """
    if not len(leaves.shared) == len(leaves.length) == len(leaves.counts) > 0:
        raise CorruptFile(
            f"array lengths do not agree: shared has {len(leaves.shared):,} leaves, length {len(leaves.length):,}, "
            f"counts {len(leaves.counts):,}"
        )
    parts = _parts(len(leaves.shared))
    nodes = np.array(on_all_cores(lambda part: _nodes(leaves, part), parts))
    held, found = np.array([len(symbols) for symbols in leaves.symbols]), nodes.sum(axis=0)
    if (found != held).any():
        m = int(np.argmax(found != held))
        raise CorruptFile(
            f"array lengths do not agree: layer {m + 1} holds {held[m]:,} symbols, its leaves bring {found[m]:,}"
        )
    if vocab_size is not None:
        _check_counts(leaves.counts)
        for m, symbols in enumerate(leaves.symbols, start=1):
            if int(symbols.max(initial=0)) >= vocab_size:
                at = int(np.argmax(symbols >= vocab_size))
                raise CorruptFile(f"symbol {at} of layer {m} is {symbols[at]}, outside the vocabulary of {vocab_size}")
        starts = np.cumsum(nodes, axis=0) - nodes
        on_all_cores(lambda i: _check_order(leaves, parts[i], starts[i]), range(len(parts)))


def check_piece(
    shared: Unsigned, length: Unsigned, counts: NDArray[Any], symbols: Unsigned, before: int | None, depth: int
) -> None:
    """Check a piece of a run (see :class:`compresslab.trees.counting.front_coded.Run`) before a kernel reads it.

    Args:
        shared: tokens shared with the leaf before.
        length: tokens of each leaf.
        counts: of each leaf.
        symbols: the symbols that the leaves add.
        before: the length of the leaf before the piece; None at the start.
        depth: the tree's depth.

    Raises:
        CorruptFile: the arrays do not agree; the message lacks the file's name.
    """
    if not len(shared) == len(length) == len(counts):
        raise CorruptFile(f"array lengths do not agree: {len(shared):,}, {len(length):,} and {len(counts):,} leaves")
    if len(shared):
        _check_steps(shared, length, before, depth, "")
    added = int(length.sum(dtype=np.int64)) - int(shared.sum(dtype=np.int64))
    if added != len(symbols):
        raise CorruptFile(f"array lengths do not agree: {len(symbols):,} symbols, the leaves bring {added:,}")


def _check_steps(shared: Unsigned, length: Unsigned, before: int | None, depth: int, where: str) -> None:
    """Check that each leaf adds a token to a part of the one before; the very first may be the empty phrase."""
    wrong = (shared >= length) | (length > depth)
    wrong[1:] |= shared[1:] > length[:-1]
    wrong[0] = length[0] > depth or (
        shared[0] > 0 if before is None else not shared[0] < length[0] or shared[0] > before
    )
    if wrong.any():
        at = int(np.argmax(wrong))
        raise CorruptFile(
            f"leaf {at}{where} has {length[at]} tokens and shares {shared[at]} with the leaf before: a leaf adds "
            f"tokens to a part of that one, and has at most {depth}"
        )


def _check_counts(counts: Unsigned) -> None:
    if not counts.min():
        raise CorruptFile(f"leaf {int(np.argmin(counts))} has the count 0: a leaf is a phrase that was seen")
    if int(counts.max()) * len(counts) >= 2**63 and sum(map(int, counts)) >= 2**63:
        raise CorruptFile("the counts add up to 2**63 or more")


def _parts(leaves: int) -> list[slice]:
    step = max(BLOCK, -(-leaves // (4 * workers())))
    return [slice(lo, min(lo + step, leaves)) for lo in range(0, leaves, step)]


def _blocks(part: slice) -> list[slice]:
    return [slice(lo, min(lo + BLOCK, part.stop)) for lo in range(part.start, part.stop, BLOCK)]


def _nodes(leaves: SortedLeaves, part: slice) -> NDArray[np.int64]:
    """Return how many nodes some leaves add to each layer, once each of them is found to be possible."""
    depth = leaves.depth
    layers, steps = range(1, depth + 1), np.zeros(depth + 1, np.int64)
    nodes = np.zeros(depth, np.int64)
    for block in _blocks(part):
        shared, length = leaves.shared[block], leaves.length[block]
        before = int(leaves.length[block.start - 1]) if block.start else None
        _check_steps(shared, length, before, depth, f" from leaf {block.start:,} on" if block.start else "")
        if depth <= SHALLOW:
            nodes += [np.count_nonzero(length >= m) - np.count_nonzero(shared >= m) for m in layers]
        else:
            steps += np.bincount(shared, minlength=depth + 1)
            steps -= np.bincount(length, minlength=depth + 1)
    return nodes + np.cumsum(steps)[:depth]


def _check_order(leaves: SortedLeaves, part: slice, at: NDArray[np.int64]) -> None:
    """Check that every node's symbol is larger than its elder sibling's, for the nodes that some leaves add."""
    for block in _blocks(part):
        shared, length = leaves.shared[block], leaves.length[block]
        before = leaves.length[max(block.start - 1, 0) : block.stop - 1]
        if not block.start:
            before = np.concatenate([np.zeros(1, length.dtype), before])
        for m in range(1, int(length.max()) + 1):
            held = length >= m
            new = held & (shared < m)
            younger = (held & (shared == m - 1) & (before >= m))[new]
            symbols = leaves.symbols[m - 1]
            lo, hi = int(at[m - 1]), int(at[m - 1]) + len(younger)
            first = 0 if lo else 1
            fallen = symbols[lo + first : hi] <= symbols[lo + first - 1 : hi - 1]
            fallen &= younger[first:]
            if fallen.any():
                node = lo + first + int(np.argmax(fallen))
                raise CorruptFile(f"node {node} of layer {m} is not in order: symbol {symbols[node - 1]} comes before "
                                  f"{symbols[node]}")  # fmt: skip
            at[m - 1] = hi
