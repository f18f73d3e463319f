"""Several byte streams as one, and back."""

from __future__ import annotations

from compresslab.coding.leb128 import leb128, read_leb128
from compresslab.errors import CorruptStream

__all__ = ["cut_streams", "join_streams"]


def join_streams(parts: list[bytes]) -> bytes:
    """Put streams together: the byte lengths (LEB128) of all but the last one, then the streams."""
    if not any(parts):
        return b""
    return b"".join(leb128(len(part)) for part in parts[:-1]) + b"".join(parts)


def cut_streams(data: bytes, count: int) -> list[memoryview]:
    """Undo `join_streams` of ``count`` streams; raises CorruptStream if the data was not made by it."""
    view = memoryview(data)
    if not data:
        return [view] * count
    at, lengths = 0, []
    for _ in range(count - 1):
        length, at = read_leb128(data, at)
        lengths.append(length)
    if at + sum(lengths) > len(data):
        raise CorruptStream(
            f"the coded stream announces {sum(lengths)} bytes in its first parts but only {len(data) - at} follow: "
            "it was cut"
        )
    parts = []
    for length in lengths:
        parts.append(view[at : at + length])
        at += length
    return [*parts, view[at:]]
