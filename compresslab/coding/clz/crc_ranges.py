"""CRC-32 of many stretches of one file, which may overlap, in time linear in the file and in their number.

A CRC is linear: that of a stretch follows from those of what ends where it begins and of what ends where it ends. So
one pass over the file serves them all, however many bytes they claim together.
"""

from __future__ import annotations

import zlib
from array import array
from typing import BinaryIO, Final

__all__ = ["CrcRanges", "crc32_after"]

_POLYNOMIAL: Final = 0xEDB88320
_ONE: Final = 1 << 31  # the polynomial 1: the highest bit is the lowest power
_BLOCK: Final = 1 << 12
_BLOCKS_MOST: Final = 1 << 20


def _times(a: int, b: int) -> int:
    """Multiply two polynomials modulo the CRC's."""
    product = 0
    while a:
        if a & _ONE:
            product ^= b
        a = (a << 1) & 0xFFFFFFFF
        b = (b >> 1) ^ (_POLYNOMIAL if b & 1 else 0)
    return product


def _squares() -> list[int]:
    powers = [_ONE >> 1]  # x, x**2, x**4, ..
    while len(powers) < 32:
        powers.append(_times(powers[-1], powers[-1]))
    return powers


_SQUARES: Final = _squares()


def crc32_after(whole: int, before: int, length: int) -> int:
    """Return the CRC-32 of the last ``length`` bytes of some data.

    Args:
        whole: CRC-32 of the data.
        before: CRC-32 of what precedes these bytes.
        length: of these bytes.

    Example:
        >>> crc32_after(zlib.crc32(b"before and after"), zlib.crc32(b"before"), 10) == zlib.crc32(b" and after")
        True
    """
    factor, power = _ONE, 3  # x**(8 length)
    while length:
        if length & 1:
            factor = _times(_SQUARES[power % 32], factor)
        length >>= 1
        power += 1
    return _times(factor, before) ^ whole


class CrcRanges:
    """CRC-32 of stretches of a file of ``size`` bytes; the first ones are read, many more are computed."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size
        self._to_read = 2 * size + (1 << 20)
        self._block = max(_BLOCK, -(-size // _BLOCKS_MOST))
        self._before: array[int] | None = None  # CRC of what precedes each block

    def crc32(self, start: int, length: int) -> int:
        """Return the CRC-32 of ``length`` bytes from ``start`` on, which must lie in the file."""
        self._to_read -= length
        if self._to_read >= 0:
            return self._read(start, length, 0)
        return crc32_after(self._prefix(start + length), self._prefix(start), length)

    def good(self, length: int) -> None:
        """Say that the last stretch will not be asked for again: reading it was no waste."""
        self._to_read += length

    def _prefix(self, end: int) -> int:
        if self._before is None:
            self._before, crc = array("L", [0]), 0
            for at in range(0, self._size, self._block):
                crc = self._read(at, min(self._block, self._size - at), crc)
                self._before.append(crc)
        whole = end // self._block
        return self._read(whole * self._block, end % self._block, self._before[whole])

    def _read(self, start: int, length: int, crc: int) -> int:
        self._file.seek(start)
        while length > 0:
            piece = self._file.read(min(length, 1 << 20))
            if not piece:
                break
            crc = zlib.crc32(piece, crc)
            length -= len(piece)
        return crc
