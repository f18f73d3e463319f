"""Compiled loops of `compresslab.coding.rows.share_coder`: a row's shares and its range coding in one pass, no copies.

Each loop takes rows (n, V), the same memory as unsigned numbers (n, V), and ``bad``, the bits of such a number that
only floats have that are negative, NaN, or not below 2. It stops at a row that is not a distribution, or at a code that
no encoder writes, and returns how many rows it coded.

Indices are unsigned, since for signed ones numba tests for numbers from the end. Loops over the symbols of a row have
no branches and so become vector instructions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab._support.jit import jit

__all__ = ["AT_ONCE", "decode_at_once", "decode_in_blocks", "decode_two", "encode_rows"]

Array = NDArray[Any]

AT_ONCE = range(9, 65)
"""Numbers of symbols where `decode_at_once` is faster than `decode_in_blocks`: measured with AVX2."""

_AHEAD = 8  # rows whose shares are added up before the coder, which waits for each symbol, gets to them
_BLOCK = np.uint64(8)
_U = np.uint64
_0, _1, _LEAST, _WORD, _TOP = np.uint64(0), np.uint64(1), np.uint64(1 << 48), np.uint64(16), np.uint64(48)
_LOWEST, _SPREAD = (1 << 30) - 107_374, 2 * 107_374  # sums of shares, less V: 1e-4 about 2**30
_ONE = np.float32(1 << 30)


@jit
def _share(x: Any) -> Any:
    return np.uint32(np.uint32(np.int32(x * _ONE)) + np.uint32(1))  # below 2, so at most 2**31: that is not signed


@jit
def _is_bad(seen: Any, bad: Any, total: Any, size: Any) -> Any:
    return (seen & bad) != 0 or _U(total - _LOWEST) > _U(_SPREAD) + size


@jit
def _inverse(total: Any) -> Any:
    """Return ``2**53 // total``: no quotient is so near a whole number that rounding to float64 reaches it."""
    return _U(np.int64(9007199254740992.0 / total))


@jit
def _unit(width: Any, inverse: Any) -> Any:
    return (width >> _U(24)) * inverse >> _U(29)


@jit
def _carry(words: Array, count: Any, state: Array) -> None:
    at = count
    while at > _0 and words[at - _1] == 0xFFFF:
        at -= _1
        words[at] = 0
    if at > _0:
        words[at - _1] += np.uint16(1)
    else:
        state[2] = _1


@jit
def encode_rows(rows: Array, bits: Array, bad: Any, symbols: Array, words: Array, state: Array) -> Any:
    """Append ``symbols`` (n,); ``words`` has room for two a row and one more.

    ``state`` (4,), uint64, is low and width; 1 if what was written before takes a carry; how many words were written.
    """
    low, width, count, size = state[0], state[1], _0, _U(rows.shape[1])
    done = _0
    for t in range(_U(len(rows))):
        s, total, before, seen = symbols[t], np.int64(0), np.uint32(0), bits[t, 0]
        for j in range(size):
            q = _share(rows[t, j])
            total += np.int64(q)
            before = np.uint32(before + (q if np.int32(j) < s else np.uint32(0)))
            seen |= bits[t, j]
        if _is_bad(seen, bad, total, size):
            break
        unit = _unit(width, _inverse(total))
        by = unit * _U(before)
        low, width = low + by, unit * _U(_share(rows[t, _U(s)]))
        if low < by:
            _carry(words, count, state)
        words[count], short = low >> _TOP, _U(width < _LEAST)  # no branch: there is nothing to foresee
        low, width, count = low << (short << _U(4)), width << (short << _U(4)), count + short
        while width < _LEAST:
            words[count] = low >> _TOP
            low, width, count = low << _WORD, width << _WORD, count + _1
        done += _1
    state[0], state[1], state[3] = low, width, count
    return np.int64(done)


@jit
def _take(code: Any, width: Any, at: Any, words: Array) -> Any:
    while width < _LEAST:
        code, width = code << _WORD, width << _WORD
        if at < _U(len(words)):
            code |= _U(words[at])
        at += _1
    return code, width, at


@jit
def decode_two(rows: Array, bits: Array, bad: Any, words: Array, out: Array, state: Array) -> Any:
    """Fill ``out`` (n,); ``state`` (3,), uint64, is the code above low, the width, and how many ``words`` were read."""
    code, width, at = state[0], state[1], state[2]
    done = _0
    for t in range(_U(len(rows))):
        first, second = _share(rows[t, 0]), _share(rows[t, 1])
        total = np.int64(first) + np.int64(second)
        if _is_bad(bits[t, 0] | bits[t, 1], bad, total, _U(2)):
            break
        unit = _unit(width, _inverse(total))
        cut = unit * _U(first)
        if code >= unit * _U(total):
            break
        s = code >= cut
        out[t], code, width = s, code - (cut if s else _0), unit * _U(second) if s else cut
        code, width, at = _take(code, width, at, words)
        done += _1
    state[0], state[1], state[2] = code, width, at
    return np.int64(done)


@jit
def decode_at_once(rows: Array, bits: Array, bad: Any, words: Array, out: Array, state: Array) -> Any:
    """`decode_two` for any V: all sums of a row are compared with the code at once."""
    code, width, at = state[0], state[1], state[2]
    n, size = _U(len(rows)), _U(rows.shape[1])
    lanes = (size + _U(15)) // _U(16)
    shares, inverses = np.empty((_AHEAD, size), np.uint32), np.empty(_AHEAD, _U)
    sums = np.full((_AHEAD, lanes * _U(16) + _1), np.int32(0x7FFFFFFF), np.int32)
    sums[:, 0] = 0
    done = _0
    for first in range(_0, n, _U(_AHEAD)):
        many = min(_U(_AHEAD), n - first)
        good = _0
        for i in range(many):
            seen = bits[first + i, 0]
            for j in range(size):
                shares[i, j] = _share(rows[first + i, j])
            for j in range(size):
                seen |= bits[first + i, j]
            total = np.int64(0)
            for j in range(size):
                total += np.int64(shares[i, j])
                sums[i, j + _1] = total
            if _is_bad(seen, bad, total, size):
                break
            inverses[i] = _inverse(total)
            good += _1
        for i in range(good):
            unit, s = _unit(width, inverses[i]), np.int32(-1)
            quantile = code // unit
            if quantile >= _U(sums[i, size]):
                good = _U(i)
                break
            bound = np.int32(quantile)
            for lane in range(lanes):
                for j in range(16):
                    s += np.int32(sums[i, lane * _U(16) + _U(j)] <= bound)
            left, right = sums[i, _U(s)], sums[i, _U(s) + _1]
            out[first + i], code, width = s, code - unit * _U(left), unit * _U(right - left)
            code, width, at = _take(code, width, at, words)
        done += good
        if good < many:
            break
    state[0], state[1], state[2] = code, width, at
    return np.int64(done)


@jit
def decode_in_blocks(rows: Array, bits: Array, bad: Any, words: Array, out: Array, state: Array) -> Any:
    """`decode_two` for any V: blocks of symbols are skipped, then all sums within a block are compared."""
    code, width, at = state[0], state[1], state[2]
    n, size, ahead = _U(len(rows)), _U(rows.shape[1]), _U(_AHEAD if rows.shape[1] * rows.itemsize <= 512 else 1)
    inverses, totals, sums = np.empty(_AHEAD, _U), np.empty(_AHEAD, _U), np.empty(_BLOCK + _U(2), np.int64)
    done = _0
    for first in range(_0, n, ahead):
        many = min(ahead, n - first)
        good = _0
        for i in range(many):
            total, seen = np.int64(0), bits[first + i, 0]
            for j in range(size):
                total += np.int64(_share(rows[first + i, j]))
                seen |= bits[first + i, j]
            if _is_bad(seen, bad, total, size):
                break
            inverses[i], totals[i] = _inverse(total), _U(total)
            good += _1
        for i in range(good):
            t = first + i
            unit, start, before = _unit(width, inverses[i]), _0, np.int64(0)
            bound = code // unit
            if bound >= totals[i]:
                good = _U(i)
                break
            quantile = np.int64(bound)
            while start + _BLOCK < size:
                part = np.uint32(0)
                for j in range(_BLOCK):
                    part = np.uint32(part + _share(rows[t, start + j]))
                if before + np.int64(part) > quantile:
                    break
                before, start = before + np.int64(part), start + _BLOCK
            k, s = _0, _0
            for j in range(start, min(start + _BLOCK, size)):
                sums[k], k = before, k + _1
                before += np.int64(_share(rows[t, j]))
                s += _U(before <= quantile)
            sums[k] = before
            out[t], code, width = start + s, code - unit * _U(sums[s]), unit * _U(sums[s + _1] - sums[s])
            code, width, at = _take(code, width, at, words)
        done += good
        if good < many:
            break
    state[0], state[1], state[2] = code, width, at
    return np.int64(done)
