"""The bytes of a `.clz` file: packing and checking its parts. The format is specified in docs/format.md.

header | chunk 0 | chunk 1 | .. | trailer | end. Every byte is covered by a CRC-32 or is compared with a constant, and
every decoded chunk is compared with a BLAKE2b digest that binds its content to its place.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from compresslab.errors import CorruptFile

__all__ = [
    "CHUNK_HEAD",
    "CHUNK_MAGIC",
    "END",
    "MAGIC",
    "VERSION",
    "ChunkHead",
    "Entry",
    "Method",
    "Trailer",
    "chunk_digest",
    "pack_chunk",
    "pack_header",
    "pack_trailer",
    "parse_chunk_head",
    "parse_end",
    "parse_header",
    "parse_trailer",
    "whole_digest",
]

MAGIC = b"\x93CLZ\r\n\x1a\n"
"""First 8 bytes: not text, and spoilt by every transfer that changes line ends or the high bit (as PNG's are)."""

VERSION = 1
CHUNK_MAGIC = b"CLZc"
_TRAILER_MAGIC = b"CLZt"
_END_MAGIC = b"CLZ.end\n"

_CRC = struct.Struct("<I")
_LENGTH = struct.Struct("<I")
CHUNK_HEAD = struct.Struct("<4sIB3xQII16s")  # magic, index, method, start, size, coded size, digest; a CRC-32 follows
_ENTRY = struct.Struct("<QII16s")  # offset in the file, size, coded size, digest
END = struct.Struct("<QI8s")  # length of the trailer, CRC-32 of that length, magic


class Method(IntEnum):
    """How a chunk is stored."""

    RAW = 0
    ZLIB = 1
    LZMA = 2
    MODEL = 3


@dataclass(frozen=True)
class ChunkHead:
    """What stands before a chunk's coded bytes: ``size`` original bytes from ``start`` on, in ``coded_size`` bytes."""

    index: int
    method: Method
    start: int
    size: int
    coded_size: int
    digest: bytes


@dataclass(frozen=True)
class Entry:
    """A chunk in the trailer's index: where it lies in the file, its sizes, and its digest."""

    offset: int
    size: int
    coded_size: int
    digest: bytes


@dataclass(frozen=True)
class Trailer:
    """The header again, the index, the original size, and the BLAKE2b-256 of the original."""

    header: dict[str, Any]
    entries: tuple[Entry, ...]
    size: int
    digest: bytes


def chunk_digest(index: int, start: int, data: bytes) -> bytes:
    """BLAKE2b-128 of a chunk's place and original bytes."""
    digest = hashlib.blake2b(struct.pack("<IQI", index, start, len(data)), digest_size=16, person=b"clz chunk")
    digest.update(data)
    return digest.digest()


def whole_digest() -> hashlib.blake2b:
    """Return a BLAKE2b-256 to feed the original bytes to."""
    return hashlib.blake2b(digest_size=32, person=b"clz whole")


def pack_header(header: dict[str, Any]) -> bytes:
    """Magic, length, JSON (ASCII, keys sorted), CRC-32."""
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode("ascii")
    return _with_crc(MAGIC + _LENGTH.pack(len(text)) + text)


def parse_header(data: bytes, name: str) -> tuple[dict[str, Any], int]:
    """Return the header and its length in bytes.

    Raises:
        CorruptFile: not a `.clz` file, another version, or damaged.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise CorruptFile(f"{name} is not a .clz file: it does not start as one")
    at = len(MAGIC) + _LENGTH.size
    broken = CorruptFile(f"{name}: the header is damaged; try --recover, which reads its copy at the end of the file")
    if len(data) < at:
        raise broken
    end = at + _LENGTH.unpack_from(data, len(MAGIC))[0]
    if len(data) < end + _CRC.size or _crc(data[:end]) != data[end : end + _CRC.size]:
        raise broken
    header: dict[str, Any] = json.loads(data[at:end])
    if header.get("version") != VERSION:
        raise CorruptFile(
            f"{name} has format version {header.get('version')}, this compresslab reads {VERSION}: update it"
        )
    return header, end + _CRC.size


def pack_chunk(head: ChunkHead, coded: bytes) -> bytes:
    """Head, its CRC-32, coded bytes, their CRC-32."""
    packed = CHUNK_HEAD.pack(CHUNK_MAGIC, head.index, head.method, head.start, head.size, head.coded_size, head.digest)
    return _with_crc(packed) + _with_crc(coded)


def parse_chunk_head(data: bytes) -> ChunkHead | None:
    """Return the head that ``data`` begins with, or None if there is none that is whole."""
    size = CHUNK_HEAD.size
    if data[:4] != CHUNK_MAGIC or len(data) < size + 4 or _crc(data[:size]) != data[size : size + 4]:
        return None
    _, index, method, start, length, coded_size, digest = CHUNK_HEAD.unpack_from(data)
    if method not in set(Method):
        return None
    return ChunkHead(index, Method(method), start, length, coded_size, digest)


def pack_trailer(trailer: Trailer) -> bytes:
    """Magic, the header's length and copy, count, entries, size, digest, CRC-32; then the end of the file."""
    text = json.dumps(trailer.header, sort_keys=True, separators=(",", ":")).encode("ascii")
    body = _TRAILER_MAGIC + _LENGTH.pack(len(text)) + text + _LENGTH.pack(len(trailer.entries))
    body += b"".join(_ENTRY.pack(e.offset, e.size, e.coded_size, e.digest) for e in trailer.entries)
    body = _with_crc(body + struct.pack("<Q", trailer.size) + trailer.digest)
    length = struct.pack("<Q", len(body))
    return body + END.pack(len(body), zlib.crc32(length), _END_MAGIC)


def parse_end(data: bytes) -> int | None:
    """Return the trailer's length from the last bytes of a file, or None if they are damaged or missing."""
    if len(data) != END.size:
        return None
    length, crc, magic = END.unpack(data)
    return int(length) if magic == _END_MAGIC and zlib.crc32(data[:8]) == crc else None


def parse_trailer(data: bytes) -> Trailer | None:
    """Return the trailer, or None if it is damaged."""
    if len(data) < 4 or data[:4] != _TRAILER_MAGIC or _crc(data[:-4]) != data[-4:]:
        return None
    (length,) = _LENGTH.unpack_from(data, 4)
    at = 8 + length
    header: dict[str, Any] = json.loads(data[8:at])
    (count,) = _LENGTH.unpack_from(data, at)
    at += 4
    entries = tuple(Entry(*_ENTRY.unpack_from(data, at + i * _ENTRY.size)) for i in range(count))
    at += count * _ENTRY.size
    (size,) = struct.unpack_from("<Q", data, at)
    return Trailer(header, entries, size, data[at + 8 : at + 40])


def _crc(data: bytes) -> bytes:
    return _CRC.pack(zlib.crc32(data))


def _with_crc(data: bytes) -> bytes:
    return data + _crc(data)
