"""Compiled loops for `quantize` and `flag_coder`: the same operations in the same order, so the same bits, faster.

numpy passes over rows once to add them up and once more to see that nothing is negative, and over weights four times;
a compiled loop does each in one pass. Where numba (extra ``scale``) is missing, numpy does it all. Sums are in the
order of `compresslab.coding.quantize._sum_in_lanes`: vectors of 16 bytes, four at a time, then the lanes in pairs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab.jit import available, jit

__all__ = ["add_blocks", "decode_flags", "encode_flags", "floor_weights", "pays"]

Array = NDArray[Any]

_LARGE = 1 << 19  # numbers in a call from which on loading compiled kernels is worth while
_WIDE = 1 << 12  # where rows are longer, so little of them is looked at twice that it need not be in the cache
_CACHE_BYTES = 1 << 20
_U = tuple(np.uint64(i) for i in range(16))  # what is not signed cannot be an index from the end: no test is needed


def pays(size: int) -> bool:
    """Tell whether to call kernels for an array of ``size`` numbers."""
    return size >= _LARGE and available()


def add_blocks(rows: Array, places: int, masses: Array, least: float, found: Array) -> bool:
    """Fill ``masses`` (n, B) with the sums of whole blocks of ``places`` (a multiple of 16) numbers of ``rows`` (n, V).

    ``found`` (n,) becomes the first largest symbol of each row's whole blocks, if it is above ``least``, or -1.

    Returns whether no number has a minus sign, -0 and NaN included: a row that has one must be looked at again.
    """
    n, width = rows.shape
    whole = masses[:, : width // places]
    if rows.itemsize == 8:
        signs, kernel, mask = rows.view(np.int64), _add_blocks_of_2, -(1 << 63)
    else:
        words = np.lib.stride_tricks.as_strided(rows.view(np.int32), (n, width & ~1), rows.strides)
        signs, kernel, mask = words.view(np.int64), _add_blocks_of_4, -(1 << 63) | 1 << 31
    step = n if width > _WIDE else max(1, _CACHE_BYTES // (width * rows.itemsize))
    seen = 0
    for i in range(0, n, step):
        piece = slice(i, i + step)
        seen |= kernel(rows[piece], signs[piece], places, whole[piece])
        _find_largest(rows[piece], whole[piece], places, least, found[piece])  # while they are in the cache
    return seen & mask == 0


@jit
def _find_largest(rows: Array, masses: Array, places: int, least: float, found: Array) -> None:
    """Fill ``found``, see `add_blocks`; only blocks that are heavier than ``least`` are looked at."""
    size, end = np.uint64(places), np.uint64(rows.shape[1])
    for t in range(rows.shape[0]):
        row, largest, symbol, start = rows[t], least, -1, np.uint64(0)
        for b in range(masses.shape[1]):
            if masses[t, b] > least:
                for j in range(start, min(start + size, end)):
                    if row[j] > largest:
                        largest, symbol = row[j], j
            start += size
        found[t] = symbol


@jit
def _add_blocks_of_4(rows: Array, signs: Array, places: int, masses: Array) -> Any:
    s0 = s1 = np.int64(0)
    size, step = np.uint64(places), np.uint64(16)
    for t in range(rows.shape[0]):
        row, sign, start = rows[t], signs[t], np.uint64(0)
        for b in range(rows.shape[1] // places):
            p0 = p1 = p2 = p3 = np.float32(0)
            for j in range(start, start + size, step):
                p0 = ((row[j] + row[j + _U[4]]) + (row[j + _U[8]] + row[j + _U[12]])) + p0
                p1 = ((row[j + _U[1]] + row[j + _U[5]]) + (row[j + _U[9]] + row[j + _U[13]])) + p1
                p2 = ((row[j + _U[2]] + row[j + _U[6]]) + (row[j + _U[10]] + row[j + _U[14]])) + p2
                p3 = ((row[j + _U[3]] + row[j + _U[7]]) + (row[j + _U[11]] + row[j + _U[15]])) + p3
                h = j >> _U[1]  # two signs in each word of 8 bytes
                s0 |= (sign[h] | sign[h + _U[2]]) | (sign[h + _U[4]] | sign[h + _U[6]])
                s1 |= (sign[h + _U[1]] | sign[h + _U[3]]) | (sign[h + _U[5]] | sign[h + _U[7]])
            masses[t, b] = (p0 + p1) + (p2 + p3)
            start += size
    return s0 | s1


@jit
def _add_blocks_of_2(rows: Array, signs: Array, places: int, masses: Array) -> Any:
    s0 = s1 = np.int64(0)
    size, step = np.uint64(places), np.uint64(8)
    for t in range(rows.shape[0]):
        row, sign, start = rows[t], signs[t], np.uint64(0)
        for b in range(rows.shape[1] // places):
            p0 = p1 = np.float64(0)
            for j in range(start, start + size, step):
                p0 = ((row[j] + row[j + _U[2]]) + (row[j + _U[4]] + row[j + _U[6]])) + p0
                p1 = ((row[j + _U[1]] + row[j + _U[3]]) + (row[j + _U[5]] + row[j + _U[7]])) + p1
                s0 |= (sign[j] | sign[j + _U[2]]) | (sign[j + _U[4]] | sign[j + _U[6]])
                s1 |= (sign[j + _U[1]] | sign[j + _U[3]]) | (sign[j + _U[5]] | sign[j + _U[7]])
            masses[t, b] = p0 + p1
            start += size
    return s0 | s1


@jit
def floor_weights(masses: Array, scales: Array, free: float, out: Array) -> None:
    """Fill ``out`` (n, k), float64, with ``floor(masses * scales[:, None])``; add to the first what ``free`` leaves."""
    k = masses.shape[1]
    for t in range(masses.shape[0]):
        scale = scales[t]
        s0 = s1 = s2 = s3 = 0.0
        for i in range(0, k - k % 4, 4):
            x0, x1 = np.floor(masses[t, i] * scale), np.floor(masses[t, i + 1] * scale)
            x2, x3 = np.floor(masses[t, i + 2] * scale), np.floor(masses[t, i + 3] * scale)
            out[t, i], out[t, i + 1], out[t, i + 2], out[t, i + 3] = x0, x1, x2, x3
            s0, s1, s2, s3 = s0 + x0, s1 + x1, s2 + x2, s3 + x3  # whole numbers: exact in any order
        for i in range(k - k % 4, k):
            x0 = np.floor(masses[t, i] * scale)
            out[t, i] = x0
            s0 += x0
        out[t, 0] += free - ((s0 + s1) + (s2 + s3))


@jit
def encode_flags(state: Array, misses: Array, hits: Array, words: Array) -> int:
    """`compresslab.coding.flag_coder`: take in flags; ``state`` (3,) uint64 is low, width, and the carry that is left.

    ``words`` (uint16) has room for two words per flag; returns how many were written.
    """
    low, width, count = state[0], state[1], 0
    least, half, top, step = np.uint64(1 << 48), np.uint64(32), np.uint64(48), np.uint64(16)
    for i in range(len(misses)):
        cut = (width >> half) * misses[i]
        if hits[i]:
            width -= cut
        else:
            higher = low + (width - cut)
            if higher < low:
                at = count - 1
                while at >= 0 and words[at] == 0xFFFF:
                    words[at] = 0
                    at -= 1
                if at >= 0:
                    words[at] += 1
                else:
                    state[2] = 1
            low, width = higher, cut
        while width < least:
            words[count] = low >> top
            count += 1
            low, width = low << step, width << step
    state[0], state[1] = low, width
    return count


@jit
def decode_flags(state: Array, misses: Array, words: Array, hits: Array) -> None:
    """Fill ``hits``; ``state`` (3,) uint64 is the code above low, the width, and how many of ``words`` were read."""
    code, width, at = state[0], state[1], state[2]
    least, half, step, one = np.uint64(1 << 48), np.uint64(32), np.uint64(16), np.uint64(1)
    size = np.uint64(len(words))
    for i in range(len(misses)):
        cut = (width >> half) * misses[i]
        rest = width - cut
        hits[i] = code < rest
        if code < rest:
            width = rest
        else:
            code, width = code - rest, cut
        while width < least:
            code = code << step
            if at < size:
                code |= np.uint64(words[at])
            at += one
            width = width << step
    state[0], state[1], state[2] = code, width, at
