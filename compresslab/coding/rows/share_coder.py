"""Coding symbols under rows of few probabilities straight from the rows: whole numbers only, and next to no loss.

A row ``x_0 .. x_{V-1}`` is taken as whole shares ``q_i = 1 + floor(2**30 x_i)``, which is exact for float32 and
float64 alike; their sums ``S_i = q_0 + .. + q_{i-1}`` are whole numbers, the same in any order. The symbol ``s`` has
the probability ``q_s / S_V``, as it is: nothing is scaled or rounded again. So it costs less than
``log2(1 + V / (2**30 X))`` bits more than ``-log2(x_s / X)``, where X is the sum of the row: 3.4e-7 bits at V = 256,
however certain it is.

Why not constriction's words, as in rows of many symbols: its parts of 2**24 and its own rounding lose 1.3e-4 bits a
symbol, which is much beside a symbol of 0.001 bits, so that likely symbols need flags in a stream of their own; at
V = 2 each row has a likely symbol. The same loop that writes its words is not faster than this one.

The coder keeps an interval ``[low, low + width)`` of 64-bit numbers, ``2**48 <= width < 2**64``. Its unit
``r = floor(floor(width / 2**24) floor(2**53 / S_V) / 2**29)`` is at most ``width / S_V``; ``s`` takes
``[low + r S_s, low + r S_{s+1})``, what is left over is lost: about 1e-7 bits. (The second factor does not wait for the
symbol before, as a division by ``S_V`` would.) While the width is below ``2**48`` the leading 16 bits are written.
The stream ends with as few bytes as name a number in the interval, when all that follows is taken for zeros: up to 8
zero bytes are left out. So a stream that was cut, or has bytes left over, is noticed by its length.

Where numba is (extra ``scale``), compiled loops do the same; without it, numpy makes the shares and Python codes them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from math import log2
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from compresslab._support.jit import available
from compresslab.coding.rows.quantize import SUM_TOLERANCE, Rows, refuse_row
from compresslab.coding.rows.share_kernels import (
    AT_ONCE,
    decode_at_once,
    decode_in_blocks,
    decode_two,
    encode_rows,
)
from compresslab.errors import CorruptStream

__all__ = ["SHARES_MOST", "ShareDecoder", "ShareEncoder", "share_bound_bits", "sums_of_shares"]

SHARES_MOST: Final = 512
"""Rows of up to so many symbols are coded by shares: those of bits, bytes, and bytes with special tokens among them."""

_ONE: Final = 1 << 30
_OFF: Final = int(SUM_TOLERANCE * _ONE)
_LEAST: Final = 1 << 48
_MASK: Final = (1 << 64) - 1
_LARGE: Final = 1 << 22  # numbers from which on loading compiled loops is worth while
_ROW: Final = 64  # numbers that a row counts at least: its share of the coder's own work
_STEP: Final = 1 << 16  # numbers that numpy works on at a time

Sums = NDArray[np.int32]


def share_bound_bits(vocab_size: int) -> float:
    """Bound on the bits that shares add to ``-log2(p / sum(row))``, for every symbol of any valid row.

    Example:
        >>> f"{share_bound_bits(2):.1e}", f"{share_bound_bits(256):.1e}"
        ('2.7e-09', '3.4e-07')
    """
    return log2(1 + vocab_size / (_ONE * (1 - SUM_TOLERANCE)))


def sums_of_shares(rows: Rows, first_row: int = 0) -> Sums:
    """Return the sums of the shares of ``rows`` (n, V): (n, V + 1), int32, from 0 on. C-contiguous rows.

    Raises:
        InvalidDistribution: naming the first row that is not a probability distribution; ``first_row`` is the first.

    Example:
        >>> sums_of_shares(np.array([[0.75, 0.25]])).tolist()
        [[0, 805306369, 1073741826]]
    """
    n, size = rows.shape
    sums = np.zeros((n, size + 1), np.int32)
    if not n:
        return sums
    if not (rows.min() >= 0 and rows.max() < 2):  # a comparison with NaN is false
        _refuse(rows, ~np.all((rows >= 0) & (rows < 2), axis=1), first_row)
    shares = (rows * rows.dtype.type(_ONE)).astype(np.int32)
    off = shares.sum(axis=1, dtype=np.int64) + size - _ONE
    wrong = (off < -_OFF) | (off > _OFF + size)
    if wrong.any():
        _refuse(rows, wrong, first_row)
    shares += 1
    np.cumsum(shares, axis=1, dtype=np.int32, out=sums[:, 1:])
    return sums


def _refuse(rows: Rows, wrong: NDArray[np.bool_], first_row: int) -> None:
    worst = int(np.flatnonzero(wrong)[0])
    refuse_row(rows[worst], first_row + worst)


def _pays(rows: int, size: int) -> bool:
    """Tell whether compiled loops pay for ``rows`` of ``size`` numbers, counted from the beginning of a stream."""
    return rows * max(size, _ROW) >= _LARGE and available()


class _Compiled:
    """Rows as the compiled loops take them, part after part until all are coded."""

    def __init__(self, rows: Rows, first_row: int) -> None:
        self.rows, self.first_row, self.done, self._cleaned = rows, first_row, 0, False

    def __bool__(self) -> bool:
        return self.done < len(self.rows)

    def arguments(self) -> tuple[Any, ...]:
        rows = self.rows[self.done :]
        unsigned = np.uint32 if rows.itemsize == 4 else np.uint64
        return rows, rows.view(unsigned), unsigned(3 << 8 * rows.itemsize - 2)

    def advance(self, count: int) -> None:
        """Take note that ``count`` rows were coded: the loop stopped at a bad row, a negative zero or a bad code."""
        self.done += count
        if not self:
            return
        if self._cleaned and not count:
            raise _corrupt()
        sums_of_shares(self.rows[self.done : self.done + 8], self.first_row + self.done)
        if not self._cleaned:
            self.rows, self._cleaned = self.rows + self.rows.dtype.type(0), True  # -0 + 0 is 0


class ShareEncoder:
    """Encodes symbols under rows of V probabilities, first in first out.

    Example:
        >>> rows = np.array([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75]])
        >>> encoder = ShareEncoder()
        >>> encoder.push(np.array([1, 2], np.int32), rows)
        >>> data = encoder.finish()
        >>> data.hex(), ShareDecoder(data).pull(rows).tolist()
        ('90', [1, 2])
    """

    def __init__(self) -> None:
        self._low, self._width = 0, _MASK
        self._written = bytearray()

    def push(self, symbols: NDArray[np.int32], rows: Rows, first_row: int = 0) -> None:
        """Append ``symbols`` (n,), each below V, under ``rows`` (n, V), C-contiguous; ``first_row`` rows came before.

        Raises:
            InvalidDistribution: naming the first row that is not a probability distribution.
        """
        if _pays(first_row + len(rows), rows.shape[1]):
            self._push_compiled(symbols, _Compiled(rows, first_row))
            return
        step = max(1, _STEP // rows.shape[1])
        for i in range(0, len(rows), step):
            self.push_sums(symbols[i : i + step], sums_of_shares(rows[i : i + step], first_row + i))

    def push_sums(self, symbols: NDArray[np.int32], sums: Sums) -> None:
        """Append ``symbols`` (n,), given the sums (n, V + 1) of the shares of their rows."""
        row = np.arange(len(sums))
        before, after = sums[row, symbols], sums[row, symbols + 1]
        inverse = (1 << 53) // sums[:, -1].astype(np.int64)
        low, width, written = self._low, self._width, self._written
        for start, share, scale in zip(before.tolist(), (after - before).tolist(), inverse.tolist(), strict=True):
            unit = (width >> 24) * scale >> 29
            low += unit * start
            width = unit * share
            if low > _MASK:
                low &= _MASK
                _carry(written)
            while width < _LEAST:
                written += (low >> 48).to_bytes(2, "big")
                low, width = (low << 16) & _MASK, width << 16
        self._low, self._width = low, width

    @staticmethod
    def push_each(encoders: Sequence[ShareEncoder], symbols: NDArray[np.int32], rows: Rows, steps: int) -> None:
        """Append ``symbols[i]`` to the stream of ``encoders[i]``, under ``rows[i]``; ``steps`` steps came before."""
        sums = sums_of_shares(rows)
        for i, encoder in enumerate(encoders):
            encoder.push_sums(symbols[i : i + 1], sums[i : i + 1])

    def _push_compiled(self, symbols: NDArray[np.int32], rows: _Compiled) -> None:
        words, encode = np.empty(2 * len(symbols) + 1, np.uint16), cast(Any, encode_rows)
        while rows:
            state = np.array([self._low, self._width, 0, 0], np.uint64)
            done = encode(*rows.arguments(), symbols[rows.done :], words, state)
            self._low, self._width = int(state[0]), int(state[1])
            if state[2]:
                _carry(self._written)
            self._written += words[: int(state[3])].astype(">u2").tobytes()
            rows.advance(done)

    def finish(self) -> bytes:
        """Return the stream. (More can still be pushed; then finish again.)"""
        written, point = self._written.copy(), 0
        for spare in range(64, -8, -8):  # as few bytes as there can be
            point = -(-self._low >> spare) << spare
            if point < self._low + self._width:
                break
        if point > _MASK:
            point &= _MASK
            _carry(written)
        return bytes(written) + point.to_bytes(8, "big").rstrip(b"\0")


class ShareDecoder:
    """Decodes what a `ShareEncoder` wrote."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = bytes(data)
        self._padded = self._data + bytes(8 + len(self._data) % 2)
        self._words = np.frombuffer(self._padded, ">u2").astype(np.uint16)
        self._code, self._width, self._at = int.from_bytes(self._padded[:8], "big"), _MASK, 4

    def pull(self, rows: Rows, first_row: int = 0) -> NDArray[np.int32]:
        """Return the next symbols (n,), given ``rows`` (n, V), C-contiguous; ``first_row`` rows came before.

        Raises:
            InvalidDistribution: naming the first row that is not a probability distribution.
            CorruptStream: the data was cut, or no encoder writes it under these rows. (Most damage decodes to wrong
                symbols instead; only a checksum finds it.)
        """
        if _pays(first_row + len(rows), rows.shape[1]):
            symbols = self._pull_compiled(_Compiled(rows, first_row))
        else:
            step = max(1, _STEP // rows.shape[1])
            symbols = np.empty(len(rows), np.int32)
            for i in range(0, len(rows), step):
                symbols[i : i + step] = self.pull_sums(sums_of_shares(rows[i : i + step], first_row + i))
        return symbols

    def pull_sums(self, sums: Sums) -> NDArray[np.int32]:
        """Return the next symbols (n,), given the sums (n, V + 1) of the shares of their rows; raises as `pull`."""
        code, width, at, padded, last = self._code, self._width, self._at, self._padded, len(self._words)
        inverse = (1 << 53) // sums[:, -1].astype(np.int64)
        flat, size = sums.reshape(-1).data, sums.shape[1]
        found = []
        for start, scale in zip(range(0, len(flat), size), inverse.tolist(), strict=True):
            unit = (width >> 24) * scale >> 29
            quantile = code // unit
            if quantile >= flat[start + size - 1]:
                raise _corrupt()
            s = bisect_right(flat, quantile, start, start + size) - 1
            left = flat[s]
            code, width = code - unit * left, unit * (flat[s + 1] - left)
            while width < _LEAST:
                code = code << 16 | (padded[2 * at] << 8 | padded[2 * at + 1] if at < last else 0)
                at, width = at + 1, width << 16
            found.append(s - start)
        self._code, self._width, self._at = code, width, at
        self._check_end()
        return np.array(found, np.int32)

    @staticmethod
    def pull_each(decoders: Sequence[ShareDecoder], rows: Rows, steps: int) -> NDArray[np.int32]:
        """Return the next symbol of each stream, given ``rows[i]`` for ``decoders[i]``; ``steps`` steps came before."""
        sums, found = sums_of_shares(rows), np.empty(len(rows), np.int32)
        for i, decoder in enumerate(decoders):
            found[i : i + 1] = decoder.pull_sums(sums[i : i + 1])
        return found

    def _pull_compiled(self, rows: _Compiled) -> NDArray[np.int32]:
        size = rows.rows.shape[1]
        loop: Any = decode_two if size == 2 else decode_at_once if size in AT_ONCE else decode_in_blocks
        found = np.empty(len(rows.rows), np.int32)
        while rows:
            state = np.array([self._code, self._width, self._at], np.uint64)
            done = loop(*rows.arguments(), self._words, found[rows.done :], state)
            self._code, self._width, self._at = (int(number) for number in state)
            rows.advance(done)
        self._check_end()
        return found

    def _check_end(self) -> None:
        if 2 * (self._at - 4) > len(self._data):
            raise CorruptStream(
                f"the coded stream of {len(self._data)} bytes ends before its symbols do: it was cut, "
                "or the model is not the one that wrote it"
            )

    def may_be_exhausted(self) -> bool:
        """Return False if bytes are certainly left over, True if the stream may end here."""
        return 2 * self._at >= len(self._data)


def _corrupt() -> CorruptStream:
    return CorruptStream(
        "the coded stream does not decode under these probabilities: the data is damaged, "
        "or the model is not the one that wrote it"
    )


def _carry(written: bytearray) -> None:
    """Add one to the number that the bytes are the digits of. (It is below 1, so there is room.)"""
    at = len(written) - 1
    while written[at] == 0xFF:
        written[at] = 0
        at -= 1
    written[at] += 1
