"""The bytes of a `.clz` file: packing and checking its parts. The format is specified in docs/format.md.

header | chunk 0 | chunk 1 | .. | trailer. Every byte is covered by a CRC-32 or is compared with a constant, and every
decoded chunk is compared with a BLAKE2b digest that binds its content to its place.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from compresslab.coding.clz_header import pack_facts, parse_facts
from compresslab.coding.leb128 import leb128, read_leb128
from compresslab.errors import CorruptFile, CorruptStream

__all__ = [
    "CHUNK_MAGIC",
    "FOOTER_MOST",
    "HEAD_MOST",
    "MAGIC",
    "TAG",
    "VERSION",
    "ChunkHead",
    "Entry",
    "Method",
    "Trailer",
    "chunk_digest",
    "pack_chunk",
    "pack_head",
    "pack_header",
    "pack_trailer",
    "parse_chunk_head",
    "parse_footer",
    "parse_header",
    "parse_trailer",
    "whole_digest",
]

MAGIC = b"\x93CLZ"
"""First 4 bytes: not text; the version follows."""

VERSION = 2
CHUNK_MAGIC = b"CLZc"
_END_MAGIC = b"CLZ\n"

TAG = 4
"""Bytes of a chunk's digest that stand in its head; all 16 are in the trailer."""

_DIGEST = 16
_WHOLE = 32
_CRC = struct.Struct("<I")
HEAD_MOST = 4 + 10 + 10 + 1 + 10 + 10 + TAG + 4
"""A chunk's head is at most that long."""

FOOTER_MOST = 10 + 4 + 4
"""What follows the trailer's body is at most that long: the body's length, a CRC-32, magic."""


class Method(IntEnum):
    """How a chunk is stored."""

    RAW = 0
    ZLIB = 1
    LZMA = 2
    MODEL = 3


@dataclass(frozen=True)
class ChunkHead:
    """What stands before a chunk's coded bytes: ``size`` original bytes from ``start`` on, in ``coded_size`` bytes.

    ``tag`` is the beginning of the digest.
    """

    index: int
    method: Method
    start: int
    size: int
    coded_size: int
    tag: bytes


@dataclass(frozen=True)
class Entry:
    """A chunk in the trailer's index: where it lies in the file, its sizes, and its digest."""

    offset: int
    size: int
    coded_size: int
    digest: bytes


@dataclass(frozen=True)
class Trailer:
    """The header again (of a single chunk's file: in short), the index, and the digest of the whole original.

    ``digest`` is BLAKE2b-256; of a single chunk's file it is that chunk's.
    """

    header: dict[str, Any]
    entries: tuple[Entry, ...]
    digest: bytes

    @property
    def size(self) -> int:
        """Bytes of the original."""
        return int(self.header["original_size"])


def chunk_digest(index: int, start: int, data: bytes) -> bytes:
    """BLAKE2b-128 of a chunk's place and original bytes."""
    digest = hashlib.blake2b(struct.pack("<IQI", index, start, len(data)), digest_size=_DIGEST, person=b"clz chunk")
    digest.update(data)
    return digest.digest()


def whole_digest() -> hashlib.blake2b:
    """Return a BLAKE2b-256 to feed the original bytes to."""
    return hashlib.blake2b(digest_size=_WHOLE, person=b"clz whole")


def pack_header(header: dict[str, Any]) -> bytes:
    """Magic, version, length, facts, CRC-32."""
    facts = pack_facts(header)
    return _with_crc(MAGIC + bytes([VERSION]) + leb128(len(facts)) + facts)


def parse_header(data: bytes, name: str) -> tuple[dict[str, Any], int]:
    """Return the header and its length in bytes.

    Raises:
        CorruptFile: not a `.clz` file, another version, or damaged.
    """
    at = len(MAGIC) + 1
    if data[: len(MAGIC)] != MAGIC:
        raise CorruptFile(f"{name} is not a .clz file: it does not start as one")
    broken = CorruptFile(f"{name}: the header is damaged; try --recover, which reads its copy at the end of the file")
    if data[at - 1 : at + 3] == b"\r\n\x1a\n" and _is_first_version(data):
        raise _other_version(name, 1)
    try:
        length, at = read_leb128(data, at)
        end = at + length
        if len(data) < end + _CRC.size or _crc(data[:end]) != data[end : end + _CRC.size]:
            raise broken
        if data[len(MAGIC)] != VERSION:  # later versions keep this layout, and change the facts
            raise _other_version(name, data[len(MAGIC)])
        return parse_facts(data[at:end]), end + _CRC.size
    except CorruptStream as error:
        raise broken from error


def _is_first_version(data: bytes) -> bool:
    """Tell whether the header of version 1, with a length of 4 bytes at place 8, matches its checksum."""
    end = 12 + int.from_bytes(data[8:12], "little")
    return len(data) >= end + _CRC.size and _crc(data[:end]) == data[end : end + _CRC.size]


def _other_version(name: str, version: int) -> CorruptFile:
    what = "update it" if version > VERSION else "decompress it with the release that wrote it"
    return CorruptFile(f"{name} has format version {version}, this compresslab reads {VERSION}: {what}")


def pack_head(head: ChunkHead) -> bytes:
    """Magic, index, start, method, size, coded size, tag; CRC-32."""
    numbers = leb128(head.index) + leb128(head.start) + bytes([head.method]) + leb128(head.size)
    return _with_crc(CHUNK_MAGIC + numbers + leb128(head.coded_size) + head.tag)


def pack_chunk(head: ChunkHead, coded: bytes) -> bytes:
    """Head, coded bytes, their CRC-32."""
    return pack_head(head) + _with_crc(coded)


def parse_chunk_head(data: bytes) -> tuple[ChunkHead, int] | None:
    """Return the head that ``data`` begins with, and its length; or None if there is none that is whole."""
    if data[:4] != CHUNK_MAGIC:
        return None
    try:
        index, at = read_leb128(data, 4)
        start, at = read_leb128(data, at)
        method, at = read_leb128(data, at)
        size, at = read_leb128(data, at)
        coded_size, at = read_leb128(data, at)
    except CorruptStream:
        return None
    end = at + TAG
    if len(data) < end + 4 or _crc(data[:end]) != data[end : end + 4] or method not in set(Method):
        return None
    return ChunkHead(index, Method(method), start, size, coded_size, data[at:end]), end + 4


def pack_trailer(trailer: Trailer) -> bytes:
    """Copy of the facts, coded sizes and digests, digest of the whole; then the footer: length, CRC-32, magic."""
    single = len(trailer.entries) == 1
    facts = pack_facts(trailer.header, short=single)
    body = leb128(len(facts)) + facts + b"".join(leb128(e.coded_size) + e.digest for e in trailer.entries)
    if not single:
        body += trailer.digest
    return _with_crc(body + leb128(len(body))[::-1]) + _END_MAGIC


def parse_footer(data: bytes) -> tuple[int, int] | None:
    """Return the lengths of the trailer's body and footer from a file's last bytes, or None if they are no footer."""
    magic = len(data) - len(_END_MAGIC)
    if magic < _CRC.size or data[magic:] != _END_MAGIC:
        return None
    try:
        length, used = read_leb128(data[: magic - _CRC.size][::-1])
    except CorruptStream:
        return None
    return length, used + _CRC.size + len(_END_MAGIC)


def parse_trailer(data: bytes, offset: int) -> Trailer | None:
    """Return the trailer, body and footer, that lies at place ``offset`` of the file, or None if it is damaged."""
    lengths = parse_footer(data[-FOOTER_MOST:])
    crc = len(data) - len(_END_MAGIC) - _CRC.size
    if lengths is None or sum(lengths) != len(data) or _crc(data[:crc]) != data[crc : crc + _CRC.size]:
        return None
    body = data[: lengths[0]]
    try:
        length, at = read_leb128(body)
        header = parse_facts(body[at : at + length])
        at += length
        size, chunk_size = header["original_size"], header["chunk_size"]
        heads: list[tuple[ChunkHead, bytes]] = []
        for index in range(-(-size // chunk_size)):
            coded_size, at = read_leb128(body, at)
            start, digest = index * chunk_size, body[at : at + _DIGEST]
            at += _DIGEST
            own = ChunkHead(index, Method.RAW, start, min(chunk_size, size - start), coded_size, digest[:TAG])
            heads.append((own, digest))
    except CorruptStream:
        return None
    entries: list[Entry] = []
    for own, digest in reversed(heads):  # chunks lie one after the other, up to the trailer
        offset -= len(pack_head(own)) + own.coded_size + _CRC.size
        entries.append(Entry(offset, own.size, own.coded_size, digest))
    whole = heads[0][1] if len(heads) == 1 else body[at:]
    return Trailer(header, tuple(reversed(entries)), whole)


def _crc(data: bytes) -> bytes:
    return _CRC.pack(zlib.crc32(data))


def _with_crc(data: bytes) -> bytes:
    return data + _crc(data)
