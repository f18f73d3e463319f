"""Counting strings that fit into 64 bits: pack each into an integer, sort the integers, read the layers off.

Phrases that go on and phrases that end are packed apart, so that ``d`` symbols of ``64 / d`` bits need no code for EOS.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import smallest_unsigned
from compresslab.trees.leaves import BLOCK, Key, LocatedPhrases, SortedLeaves, Unsigned

__all__ = ["WORD", "bits_per_symbol", "count_packed", "count_packed_windows", "fits"]

WORD: Final = 64


def bits_per_symbol(tokens: Unsigned) -> int:
    """Return the bits that the largest token needs, at least 1."""
    return max(1, int(tokens.max(initial=0)).bit_length())


def fits(bits: int, depth: int) -> bool:
    """Tell whether ``depth`` symbols fit into a word, and ``depth - 1`` symbols with their number."""
    return depth * bits <= WORD and (depth - 1) * bits + (depth - 1).bit_length() <= WORD


def count_packed(strings: LocatedPhrases, depth: int, bits: int) -> SortedLeaves:
    """Count strings of at most ``depth`` tokens of ``bits`` bits each."""
    goes_on = strings.length == depth
    full = strings.select(goes_on)
    return _interleave(_tally(_pack(full, depth, bits), full.weights), strings.select(~goes_on), depth, bits)


def count_packed_windows(tokens: Unsigned, offsets: NDArray[np.int64], depth: int, bits: int) -> SortedLeaves:
    """Count the windows at every symbol of every response; the flat array is packed without locating each window."""
    return _interleave(
        _tally(_window_keys(tokens, offsets, depth, bits), None),
        _ending_windows(tokens, offsets, depth),
        depth,
        bits,
    )


def _window_keys(tokens: Unsigned, offsets: NDArray[np.int64], depth: int, bits: int) -> Key:
    windows = len(tokens) - depth + 1
    if windows <= 0:
        return np.empty(0, np.uint64)
    keys = np.empty(windows, np.uint64)
    for lo in range(0, windows, BLOCK):
        hi = min(lo + BLOCK, windows)
        block = keys[lo:hi]
        block[:] = tokens[lo:hi]
        for j in range(1, depth):
            block <<= np.uint64(bits)
            block |= tokens[lo + j : hi + j]
    num_tokens, ends = np.diff(offsets), offsets[1:]
    inner = np.ones(windows, bool)
    for back in range(1, depth):  # windows that would run over the end of their response
        over = ends[num_tokens >= back] - back
        inner[over[over < windows]] = False
    return keys if inner.all() else keys[inner]


def _ending_windows(tokens: Unsigned, offsets: NDArray[np.int64], depth: int) -> LocatedPhrases:
    """The windows that hold EOS: the last ``depth - 1`` tokens of every response, or fewer."""
    num_tokens, ends = np.diff(offsets), offsets[1:]
    held = [num_tokens >= length for length in range(depth)]
    start = np.concatenate([ends[have] - length for length, have in enumerate(held)])
    return LocatedPhrases(
        tokens, start, np.repeat(np.arange(depth, dtype=np.int64), [int(have.sum()) for have in held])
    )


def _pack(strings: LocatedPhrases, width: int, bits: int) -> Key:
    """Pack the first ``width`` tokens of each string, zeros after its end."""
    keys = np.zeros(len(strings), np.uint64)
    for lo in range(0, len(strings), BLOCK):
        part, block = strings.select(slice(lo, lo + BLOCK)), keys[lo : lo + BLOCK]
        for j in range(width):
            block <<= np.uint64(bits)
            block |= np.where(j < part.length, part.symbol(j), part.tokens.dtype.type(0))
    return keys


def _tally(keys: Key, weights: NDArray[np.int64] | None) -> tuple[Key, NDArray[np.int64]]:
    """Sort the keys in place and count equal ones, or add their weights."""
    if not len(keys):
        return keys, np.empty(0, np.int64)
    if weights is None:
        keys.sort()
    else:
        order = np.argsort(keys, kind="stable")  # stable: it merges the sorted runs that trees come as
        keys, weights = keys[order], weights[order]
    first = np.empty(len(keys), bool)
    first[0] = True
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    if weights is None and first.all():
        return keys, np.ones(len(keys), np.int64)
    at = np.flatnonzero(first)
    counts = np.diff(at, append=len(keys)) if weights is None else np.add.reduceat(weights, at)
    return keys[at], counts


def _interleave(full: tuple[Key, NDArray[np.int64]], ending: LocatedPhrases, depth: int, bits: int) -> SortedLeaves:
    """Count the strings that end, and put them between the counted ones that go on."""
    keys, counts = full
    length = np.full(len(keys), depth, smallest_unsigned(depth))
    if len(ending):
        length_bits = (depth - 1).bit_length()
        packed = _pack(ending, depth - 1, bits) << np.uint64(length_bits)
        packed, ending_counts = _tally(packed | ending.length.astype(np.uint64), ending.weights)
        # Padded with zeros, a string that ends sorts before the one that goes on with the same bits: EOS comes first.
        padded = (packed >> np.uint64(length_bits)) << np.uint64(bits % WORD)
        at = np.searchsorted(keys, padded)
        keys = np.insert(keys, at, padded)
        length = np.insert(length, at, packed & np.uint64((1 << length_bits) - 1))
        counts = np.insert(counts, at, ending_counts)
    return _read_layers(keys, length, counts, depth, bits)


def _read_layers(keys: Key, length: Unsigned, counts: NDArray[np.int64], depth: int, bits: int) -> SortedLeaves:
    """Read shared lengths and each layer's symbols off sorted, distinct, packed strings."""
    mask = np.uint64((1 << bits) - 1)
    dtype = smallest_unsigned((1 << bits) - 1)
    shared = np.zeros(len(keys), length.dtype)
    pieces: list[list[Unsigned]] = [[np.empty(0, dtype)] for _ in range(depth)]
    for lo in range(0, len(keys), BLOCK):
        block, long, common = keys[lo : lo + BLOCK], length[lo : lo + BLOCK], shared[lo : lo + BLOCK]
        differ = np.empty_like(block)
        differ[0] = block[0] ^ keys[lo - 1] if lo else 0
        np.bitwise_xor(block[1:], block[:-1], out=differ[1:])
        for layer in range(1, depth + 1):
            common += differ < np.uint64(1 << bits * (depth - layer))
        np.minimum(common, long, out=common)
        np.minimum(common[1:], long[:-1], out=common[1:])
        common[0] = min(common[0], length[lo - 1]) if lo else 0
        for layer in range(1, depth + 1):
            new = block[(common < layer) & (long >= layer)]
            new >>= np.uint64(bits * (depth - layer))
            new &= mask
            pieces[layer - 1].append(new.astype(dtype))
    small = counts.astype(smallest_unsigned(int(counts.max(initial=0))))
    return SortedLeaves(tuple(np.concatenate(piece) for piece in pieces), shared, length, small)
