"""Counting strings of any depth: sort by the first few symbols, then only what is still tied by the next few."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import smallest_unsigned
from compresslab.trees.counting.numpy_words import WORD
from compresslab.trees.leaves import BLOCK, Key, LocatedPhrases, SortedLeaves, Unsigned

__all__ = ["count_refining"]


def count_refining(strings: LocatedPhrases, depth: int) -> SortedLeaves:
    """Count strings of at most ``depth`` tokens."""
    order, shared = _sort(strings, depth)
    first = np.flatnonzero(shared <= depth)
    weights = strings.weights
    counts = np.diff(first, append=len(order)) if weights is None else np.add.reduceat(weights[order], first)
    leaves = strings.select(order[first])
    shared, length = shared[first].astype(smallest_unsigned(depth)), leaves.length.astype(smallest_unsigned(depth))
    return SortedLeaves(
        _gather_layers(leaves, shared, depth),
        shared,
        length,
        counts.astype(smallest_unsigned(int(counts.max(initial=0)))),
    )


def _sort(strings: LocatedPhrases, depth: int) -> tuple[NDArray[np.int64], Unsigned]:
    """Sort strings a few symbols at a time.

    Returns:
        The sorted order, and for every place the tokens shared with the place before (``depth + 1`` where equal).
    """
    bits = (int(strings.tokens.max(initial=0)) + 1).bit_length()  # a token is coded as token + 1, EOS as 0
    tie = depth + 1
    order = np.arange(len(strings), dtype=np.int64)
    shared = np.full(len(strings), tie, smallest_unsigned(tie))
    shared[:1] = 0
    places, done = order.copy(), 0
    while len(places) > 1 and done < depth:
        group = np.cumsum(shared[places] != tie) - 1
        width = min((WORD - int(group[-1]).bit_length()) // bits, depth - done)
        rows = order[places]
        keys = _code(strings, rows, done, width, bits)
        if group[-1]:
            keys |= group.astype(np.uint64) << np.uint64(width * bits)
        by = np.argsort(keys)
        keys = keys[by]
        order[places] = rows[by]
        differ = keys[1:] ^ keys[:-1]
        new = np.flatnonzero((differ != 0) & (shared[places[1:]] == tie))
        equal = width - (_bit_length(differ[new]) + bits - 1) // bits
        shared[places[new + 1]] = (done + equal).astype(shared.dtype)
        done += width
        tied = shared == tie
        tied[:-1] |= tied[1:]
        places = places[tied[places]]
        places = places[strings.length[order[places]] >= done]  # equal strings that have ended stay equal
    return order, shared


def _code(strings: LocatedPhrases, rows: NDArray[np.int64], done: int, width: int, bits: int) -> Key:
    """Pack symbols ``done`` to ``done + width - 1`` of some strings: ``token + 1``, and 0 from EOS on."""
    keys = np.zeros(len(rows), np.uint64)
    for lo in range(0, len(rows), BLOCK):
        part, block = strings.select(rows[lo : lo + BLOCK]), keys[lo : lo + BLOCK]
        left = part.length - done
        inside = int(left.min()) >= width
        for j in range(width):
            code = part.symbol(done + j).astype(np.uint64)
            code += np.uint64(1)
            block <<= np.uint64(bits)
            block |= code if inside else np.where(j < left, code, np.uint64(0))
    return keys


def _bit_length(x: Key) -> NDArray[np.int64]:
    """Bits of each positive integer; clearing the bit below the top one keeps the rounding to float from carrying."""
    exponent: NDArray[np.int64] = (x & ~(x >> np.uint64(1))).astype(np.float64).view(np.int64) >> 52
    return exponent - 1022


def _gather_layers(leaves: LocatedPhrases, shared: Unsigned, depth: int) -> tuple[Unsigned, ...]:
    """Gather each layer's new symbols, a block of leaves at a time, so that a leaf's tokens are read while in cache."""
    pieces: list[list[Unsigned]] = [[np.empty(0, leaves.tokens.dtype)] for _ in range(depth)]
    for lo in range(0, len(leaves), BLOCK):
        part, common = leaves.select(slice(lo, lo + BLOCK)), shared[lo : lo + BLOCK]
        for layer in range(1, depth + 1):
            new = np.flatnonzero((common < layer) & (part.length >= layer))
            pieces[layer - 1].append(part.tokens[part.start[new] + (layer - 1)])
    return tuple(np.concatenate(piece) for piece in pieces)
