"""Whole numbers in as few bytes as they need: LEB128, seven bits a byte, the lowest first, the top bit for "more"."""

from __future__ import annotations

from compresslab.errors import CorruptStream

__all__ = ["leb128", "read_leb128"]

_MOST = 10  # bytes: 70 bits, more than any length here


def leb128(value: int) -> bytes:
    """Write a number, 0 or more.

    Example:
        >>> leb128(5).hex(), leb128(300).hex(), read_leb128(leb128(300) + b"x")
        ('05', 'ac02', (300, 2))
    """
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_leb128(data: bytes | memoryview, at: int = 0) -> tuple[int, int]:
    """Return the number at place ``at`` of the data, and the place after it.

    Raises:
        CorruptStream: the data ends within the number, or it has more than ten bytes.
    """
    value = 0
    for i, byte in enumerate(data[at : at + _MOST]):
        value |= (byte & 0x7F) << (7 * i)
        if not byte & 0x80:
            return value, at + i + 1
    raise CorruptStream("a number that says how much data follows is broken: the data is damaged or was cut")
