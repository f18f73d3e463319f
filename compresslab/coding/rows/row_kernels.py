"""Compiled loops for `row_model` and `flag_coder`: the same operations in the same order, so the same bits, faster.

numpy passes over rows once to add them up and once more to see that nothing is negative, copies what is to be coded and
passes over the copy five times; here each is one pass. Where numba (extra ``scale``) is missing, numpy does it all.
Sums are in the order of `compresslab.coding.rows.quantize._sum_in_lanes`: vectors of 16 bytes, four at a time, then
the rest one by one, then the lanes in pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab._support.jit import available, jit

__all__ = ["Measured", "decode_flags", "encode_flags", "gather", "measure", "pays", "weigh"]

Array = NDArray[Any]

_LARGE = 1 << 22  # numbers from which on loading compiled kernels is worth while
_CACHE_BYTES = 1 << 19  # rows are looked at again, for the largest number and for one block, while they are there
_U = tuple(np.uint64(i) for i in range(16))  # what is not signed cannot be an index from the end: no test is needed
_wide = np.float64


def pays(size: int) -> bool:
    """Tell whether to call kernels for ``size`` numbers, counted from the beginning of a stream."""
    return size >= _LARGE and available()


@dataclass(frozen=True)
class Measured:
    """What is found in rows (n, V); what a favourite is, `compresslab.coding.rows.row_model` says.

    Attributes:
        masses: of the blocks (n, B), in the rows' dtype, without the favourites.
        sums: of the masses with the favourites (n,), float64.
        totals: of the masses without (n,), float64.
        found: the favourites (n,), int64, -1 for none.
        misses: their weights of a miss (n,), int64, 0 for none.
        unsigned: whether no number has a minus sign, -0 and NaN included: rows that have one must be looked at again.
        inside: what `gather` gives for all rows, where it was asked for.
    """

    masses: Array
    sums: Array
    totals: Array
    found: Array
    misses: Array
    unsigned: bool
    inside: tuple[Array, Array] | None


def measure(rows: Array, places: int, least: float, missable: float, blocks: Array | None = None) -> Measured:
    """Add up the blocks of ``places`` (a multiple of 16) numbers of ``rows`` (n, V), C-contiguous; find favourites.

    A favourite is the first largest number of its row, if it is above ``least``; ``missable`` is the greatest weight of
    a miss, less one. Where V is not a multiple of ``places``, the last block is filled up with zeros. ``blocks`` (n,)
    says in which block of each row to look for its places, if that is known: now they are in the cache.
    """
    n, width = rows.shape
    masses = np.empty((n, -(-width // places)), rows.dtype)
    sums, totals, found, misses = np.empty(n), np.empty(n), np.empty(n, np.int64), np.empty(n, np.int64)
    known = blocks is not None
    inside = np.empty((n if known else 0, places)), np.empty(n if known else 0)
    mask = -(1 << 63) if rows.itemsize == 8 else -(1 << 63) | 1 << 31
    even = width & ~1 if rows.itemsize == 4 else width
    signs = np.lib.stride_tricks.as_strided(rows.view(f"i{rows.itemsize}"), (n, even), rows.strides).view(np.int64)
    step = max(32, _CACHE_BYTES // (width * rows.itemsize))
    block = np.empty((1, places), rows.dtype)
    seen = _measure(
        rows, signs, places, least, missable, step, np.arange(n), np.zeros(0, np.int32) if blocks is None else blocks,
        masses, sums, totals, found, misses, *inside, block, block.view(np.int64), np.empty((1, 1), rows.dtype),
    )  # fmt: skip
    rest = rows[:, width // places * places :]
    unsigned = seen & mask == 0 and not np.signbit(rest).any()
    return Measured(masses, sums, totals, found, misses, unsigned, inside if known else None)


def gather(rows: Array, places: int, chosen: Array, blocks: Array, found: Array) -> tuple[Array, Array]:
    """Copy block ``blocks[i]`` of row ``chosen[i]``, without favourites: (m, places) and their sums (m,), float64."""
    masses, totals = np.empty((len(chosen), places)), np.empty(len(chosen))
    _copy_blocks(rows, chosen, blocks, found, 0, len(chosen), masses, totals)
    return masses, totals


@jit
def _measure(
    rows: Array, signs: Array, places: int, least: float, missable: float, step: int, everyone: Array, blocks: Array,
    masses: Array, sums: Array, totals: Array, found: Array, misses: Array, inside: Array, inside_totals: Array,
    block: Array, block_signs: Array, mass: Array,
) -> Any:  # fmt: skip
    """Do what `measure` says, ``step`` rows at a time, so that they are still in the cache when looked at again."""
    seen = np.int64(0)
    for first in range(0, len(rows), step):
        last = min(first + step, len(rows))
        seen |= _add_blocks(rows, signs, places, first, last, masses)
        _find_favourites(
            rows, places, least, missable, first, last, masses, sums, totals, found, misses, block, block_signs, mass
        )
        if len(blocks):
            _copy_blocks(rows, everyone, blocks, found, first, last, inside, inside_totals)
    return seen


@jit
def _add_blocks(rows: Array, signs: Array, places: int, first: Any, last: Any, masses: Array) -> Any:
    """Fill ``masses`` with the sums of whole blocks; return all signs, one over the other."""
    s0 = s1 = np.int64(0)
    size, whole = np.uint64(places), np.uint64(rows.shape[1] // places)
    for t in range(first, last):
        row, sign, start = rows[t], signs[t], _U[0]
        if rows.itemsize == 8:
            for b in range(whole):
                q0 = q1 = np.float64(0)
                for j in range(start, start + size, _U[8]):
                    q0 = ((row[j] + row[j + _U[2]]) + (row[j + _U[4]] + row[j + _U[6]])) + q0
                    q1 = ((row[j + _U[1]] + row[j + _U[3]]) + (row[j + _U[5]] + row[j + _U[7]])) + q1
                    s0 |= (sign[j] | sign[j + _U[2]]) | (sign[j + _U[4]] | sign[j + _U[6]])
                    s1 |= (sign[j + _U[1]] | sign[j + _U[3]]) | (sign[j + _U[5]] | sign[j + _U[7]])
                masses[t, b] = q0 + q1
                start += size
        else:
            for b in range(whole):
                p0 = p1 = p2 = p3 = np.float32(0)
                for j in range(start, start + size, _U[15] + _U[1]):
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
def _find_favourites(
    rows: Array, places: int, least: float, missable: float, first: int, last: int,
    masses: Array, sums: Array, totals: Array, found: Array, misses: Array,
    block: Array, block_signs: Array, mass: Array,
) -> None:  # fmt: skip
    """Fill what `Measured` holds, given the masses of whole blocks; only blocks above ``least`` are looked at.

    A block that is not as it is in its row is copied to ``block`` (1, places), to be added up into ``mass`` (1, 1).
    """
    size, width, blocks = np.uint64(places), np.uint64(rows.shape[1]), np.uint64(masses.shape[1])
    for t in range(np.uint64(first), np.uint64(last)):
        if rows.shape[1] % places:
            _copy_block(rows, t, blocks - _U[1], block, _U[0])
            _add_blocks(block, block_signs, places, np.int64(0), np.int64(1), mass)
            masses[t, blocks - _U[1]] = mass[0, 0]
        total, largest, symbol, start = _total_of(masses, t), least, -1, _U[0]
        sums[t], misses[t] = total, 0
        for b in range(blocks):
            if masses[t, b] > least:
                for j in range(start, min(start + size, width)):
                    if rows[t, j] > largest:
                        largest, symbol = rows[t, j], np.int64(j)  # type: ignore[assignment]
            start += size
        if symbol >= 0:
            home = np.uint64(symbol // places)
            _copy_block(rows, t, home, block, _U[0])
            block[0, symbol % places] = 0
            _add_blocks(block, block_signs, places, np.int64(0), np.int64(1), mass)
            masses[t, home] = mass[0, 0]
            total = _total_of(masses, t)
            if 0 <= total < 2:  # else the row is refused
                misses[t] = np.int64(total / (largest + total) * missable) + 1
        totals[t], found[t] = total, symbol


@jit
def _copy_block(rows: Array, t: Any, b: Any, out: Array, i: Any) -> None:
    """Fill ``out[i]`` (places,) with block ``b`` of row ``t``, and zeros beyond the end of the row."""
    size = np.uint64(out.shape[1])
    start = b * size
    used = min(size, np.uint64(rows.shape[1]) - start)
    for j in range(used):
        out[i, j] = rows[t, start + j]
    for j in range(used, size):
        out[i, j] = 0


@jit
def _total_of(values: Array, t: Any) -> Any:
    """Add up row ``t`` in float64."""
    p0 = p1 = 0.0
    k = np.uint64(values.shape[1])
    end, pairs = k & ~_U[7], k & ~_U[1]
    for j in range(_U[0], end, _U[8]):
        x0, x1 = _wide(values[t, j]), _wide(values[t, j + _U[1]])
        x2, x3 = _wide(values[t, j + _U[2]]), _wide(values[t, j + _U[3]])
        y0, y1 = _wide(values[t, j + _U[4]]), _wide(values[t, j + _U[5]])
        y2, y3 = _wide(values[t, j + _U[6]]), _wide(values[t, j + _U[7]])
        p0, p1 = ((x0 + x2) + (y0 + y2)) + p0, ((x1 + x3) + (y1 + y3)) + p1
    for j in range(end, pairs, _U[2]):
        p0, p1 = _wide(values[t, j]) + p0, _wide(values[t, j + _U[1]]) + p1
    if k & _U[1]:
        p0 = _wide(values[t, pairs]) + p0
    return p0 + p1


@jit
def _copy_blocks(
    rows: Array, chosen: Array, blocks: Array, found: Array, first: int, last: int, masses: Array, totals: Array
) -> None:
    """See `gather`. Two loops: while there is nothing but copying, many rows are on their way from memory at once."""
    size = np.uint64(masses.shape[1])
    for i in range(np.uint64(first), np.uint64(last)):
        t, b = np.uint64(chosen[i]), np.uint64(blocks[i])
        _copy_block(rows, t, b, masses, i)
        place = found[t] - np.int64(b * size)
        if 0 <= place < masses.shape[1]:
            masses[i, place] = 0
    for i in range(np.uint64(first), np.uint64(last)):
        totals[i] = _total_of(masses, i)


@jit
def weigh(masses: Array, totals: Array, chosen: Array, free: float, least: float, out: Array) -> bool:
    """Fill ``out`` (m, k), float64, with the weights minus one of the rows ``chosen`` (m,) of ``masses`` (n, k).

    Returns False, and fills no more, at a total below ``least``.
    """
    k = np.uint64(masses.shape[1])
    whole = k & ~_U[3]
    for i in range(np.uint64(len(chosen))):
        t = np.uint64(chosen[i])
        if not totals[t] >= least:
            return False
        scale = free / totals[t]
        s0 = s1 = s2 = s3 = 0.0
        for j in range(_U[0], whole, _U[4]):
            x0, x1 = np.floor(masses[t, j] * scale), np.floor(masses[t, j + _U[1]] * scale)
            x2, x3 = np.floor(masses[t, j + _U[2]] * scale), np.floor(masses[t, j + _U[3]] * scale)
            out[i, j], out[i, j + _U[1]], out[i, j + _U[2]], out[i, j + _U[3]] = x0, x1, x2, x3
            s0, s1, s2, s3 = s0 + x0, s1 + x1, s2 + x2, s3 + x3  # whole numbers: exact in any order
        for j in range(whole, k):
            x0 = np.floor(masses[t, j] * scale)
            out[i, j] = x0
            s0 += x0
        out[i, _U[0]] += free - ((s0 + s1) + (s2 + s3))
    return True


@jit
def encode_flags(state: Array, misses: Array, hits: Array, words: Array) -> int:
    """`compresslab.coding.rows.flag_coder`: take in flags, and return how many words were written.

    ``state`` (3,) uint64 is low, width, and the carry that is left; ``words`` (uint16) has room
    for two words per flag.
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
