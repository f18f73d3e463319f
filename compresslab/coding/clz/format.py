"""The bytes of a `.clz` file: packing and checking its parts. The format is specified in docs/format.md.

header | chunk 0 | chunk 1 | .. | trailer. Every byte is covered by a CRC-32 or is compared with a constant, and every
decoded chunk is compared with a BLAKE2b digest that binds its content to its place.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import overload

import numpy as np
from numpy.typing import NDArray

from compresslab.coding.clz.header import VERSION, Header, pack_facts, parse_facts
from compresslab.coding.leb128 import leb128, read_leb128
from compresslab.coding.stream_version import STREAM_VERSIONS
from compresslab.errors import CorruptFile, CorruptStream

__all__ = [
    "CHUNK_MAGIC",
    "FOOTER_MOST",
    "HEADER_MOST",
    "HEAD_MOST",
    "MAGIC",
    "TAG",
    "TRAILER_MOST",
    "VERSION",
    "ChunkDigest",
    "ChunkHead",
    "Entry",
    "Index",
    "Method",
    "OtherVersion",
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
    "single_entry",
    "whole_digest",
]

MAGIC = b"\x93CLZ"
"""First 4 bytes: not text; the version follows."""

HEADER_MOST = 1 << 20
"""Headers are shorter than that."""

TRAILER_MOST = 1 << 26
"""Trailers are shorter than that: `CHUNKS_MOST` entries of at most 26 bytes, and a copy of the facts."""

_READ = (2, VERSION)
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


class OtherVersion(CorruptFile):
    """A file of a version that is not read here: nothing in it can be relied on."""


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


class Index(Sequence[Entry]):
    """The chunks of a file, about 32 bytes of memory each.

    Args:
        header: the sizes of the original and of its chunks.
        coded_sizes: of each chunk, (n,).
        digests: 16 bytes for each chunk, together.
        end: where the chunks end in the file.
    """

    def __init__(self, header: Header, coded_sizes: NDArray[np.int64], digests: bytes, end: int) -> None:
        self._header, self._coded, self._digests = header, coded_sizes, digests
        index = np.arange(len(coded_sizes), dtype=np.int64)
        starts = index * header.chunk_size
        sizes = np.minimum(header.chunk_size, header.original_size - starts)
        fixed = len(CHUNK_MAGIC) + 1 + TAG + 2 * _CRC.size  # 1: the method
        lengths = fixed + coded_sizes + sum(_leb128_lengths(part) for part in (index, starts, sizes, coded_sizes))
        self._offsets = end - np.cumsum(lengths[::-1])[::-1]  # they lie one after the other, up to the trailer

    def __len__(self) -> int:
        return len(self._coded)

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> list[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | list[Entry]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        at = range(len(self))[index]
        digest = self._digests[_DIGEST * at : _DIGEST * (at + 1)]
        return Entry(int(self._offsets[at]), self._header.size_of(at), int(self._coded[at]), digest)


@dataclass(frozen=True)
class Trailer:
    """The header again (where there is just one chunk: in short, or not at all), the index, and a digest.

    ``digest`` is BLAKE2b-256 of the whole original; of a single chunk's file it is that chunk's own.
    """

    header: Header
    entries: Index
    digest: bytes


class ChunkDigest:
    """BLAKE2b-128 of a chunk's place and original bytes, to be fed with these."""

    def __init__(self, index: int, start: int, size: int) -> None:
        place = struct.pack("<IQI", index, start, size)
        self._digest = hashlib.blake2b(place, digest_size=_DIGEST, person=b"clz chunk")

    def update(self, data: bytes | memoryview) -> None:
        """Take in more original bytes."""
        self._digest.update(data)

    def digest(self) -> bytes:
        """Return the digest of all bytes so far."""
        return self._digest.digest()


def chunk_digest(index: int, start: int, data: bytes) -> bytes:
    """BLAKE2b-128 of a chunk's place and original bytes."""
    digest = ChunkDigest(index, start, len(data))
    digest.update(data)
    return digest.digest()


def whole_digest() -> hashlib.blake2b:
    """Return a BLAKE2b-256 to feed the original bytes to."""
    return hashlib.blake2b(digest_size=_WHOLE, person=b"clz whole")


def pack_header(header: Header) -> bytes:
    """Magic, version, length, facts, CRC-32."""
    facts = pack_facts(header)
    return _with_crc(MAGIC + bytes([VERSION]) + leb128(len(facts)) + facts)


def parse_header(data: bytes, name: str) -> tuple[Header, int]:
    """Return the header and its length in bytes.

    Raises:
        CorruptFile: not a `.clz` file, another version, damaged, or facts that cannot be.
    """
    at = len(MAGIC) + 1
    if data[: len(MAGIC)] != MAGIC:
        raise CorruptFile(f"{name} is not a .clz file: it does not start as one")
    broken = CorruptFile(f"{name}: the header is damaged; try --recover, which reads its copy at the end of the file")
    if data[at - 1 : at + 3] == b"\r\n\x1a\n" and _is_first_version(data):
        raise _other_version(name, 1)
    try:
        length, at = read_leb128(data, at)
    except CorruptStream as error:
        raise broken from error
    end = at + length
    if len(data) < end + _CRC.size or _crc(data[:end]) != data[end : end + _CRC.size]:
        raise broken
    version = data[len(MAGIC)]
    if version not in _READ:  # later versions keep this layout, and change the facts
        raise _other_version(name, version)
    try:
        header = parse_facts(data[at:end], version)
    except CorruptStream as error:
        raise CorruptFile(f"{name}: the header cannot be true: {error}; it was not written by compresslab") from error
    if header.stream_version not in STREAM_VERSIONS:
        raise OtherVersion(
            f"{name} holds streams of version {header.stream_version}, this compresslab reads "
            f"{STREAM_VERSIONS[0]} to {STREAM_VERSIONS[-1]}: update it"
        )
    return header, end + _CRC.size


def _is_first_version(data: bytes) -> bool:
    """Tell whether the header of version 1, with a length of 4 bytes at place 8, matches its checksum."""
    end = 12 + int.from_bytes(data[8:12], "little")
    return len(data) >= end + _CRC.size and _crc(data[:end]) == data[end : end + _CRC.size]


def _other_version(name: str, version: int) -> OtherVersion:
    what = "update it" if version > VERSION else "decompress it with the release that wrote it"
    return OtherVersion(
        f"{name} has format version {version}, this compresslab reads {' and '.join(map(str, _READ))}: {what}"
    )


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
    if index >> 32 or size >> 32 or start >> 64 or coded_size >> 63:
        return None  # no file has such a chunk
    return ChunkHead(index, Method(method), start, size, coded_size, data[at:end]), end + 4


def pack_trailer(header: Header, coded_sizes: Sequence[int], digests: Sequence[bytes], whole: bytes) -> bytes:
    """Copy of the facts, coded sizes and digests, digest of the whole; then the footer: length, CRC-32, magic."""
    single = len(coded_sizes) == 1
    facts = b"" if single else pack_facts(header)  # a single chunk's own head says what can still be of use
    body = leb128(len(facts)) + facts
    body += b"".join(leb128(size) + digest for size, digest in zip(coded_sizes, digests, strict=True))
    if not single:
        body += whole
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


def single_entry(data: bytes) -> tuple[int, bytes] | None:
    """Return coded size and digest from a whole trailer that holds no copy of the facts, or None of any other."""
    lengths = parse_footer(data[-FOOTER_MOST:])
    if lengths is None or not _is_sealed(data, lengths) or data[:1] != b"\0":
        return None
    try:
        coded_size, at = read_leb128(data[: lengths[0]], 1)
    except CorruptStream:
        return None
    return (coded_size, data[at : lengths[0]]) if lengths[0] - at == _DIGEST else None


def _is_sealed(data: bytes, lengths: tuple[int, int]) -> bool:
    """Tell whether a trailer is as long as its footer says, and matches its checksum."""
    crc = len(data) - len(_END_MAGIC) - _CRC.size
    return sum(lengths) == len(data) and _crc(data[:crc]) == data[crc : crc + _CRC.size]


def parse_trailer(data: bytes, offset: int, header: Header | None = None) -> Trailer | None:
    """Return the trailer, body and footer, that lies at place ``offset`` of the file; None if it is damaged.

    Args:
        data: its bytes.
        offset: its place.
        header: that of the file, if it is known: where the trailer holds no copy, there is no index without it.
    """
    lengths = parse_footer(data[-FOOTER_MOST:])
    if lengths is None or not _is_sealed(data, lengths):
        return None
    body = data[: lengths[0]]
    try:
        length, at = read_leb128(body)
        if length > len(body) - at or (not length and header is None):
            return None
        version = VERSION if header is None else header.version
        copy = _copy(body[at : at + length], version, other=header is None) if length else header
        if copy is None:
            return None
        at += length
        coded_sizes, digests, at = _read_entries(body, at, copy.num_chunks, offset)
    except CorruptStream:
        return None
    single = len(coded_sizes) == 1
    if len(body) - at != (0 if single else _WHOLE):
        return None
    return Trailer(copy, Index(copy, coded_sizes, digests, offset), digests if single else body[at:])


def _copy(facts: bytes, version: int, *, other: bool) -> Header:
    """Read a copy of the facts; without a header its version is not known, so the older one is tried as well."""
    try:
        return parse_facts(facts, version)
    except CorruptStream:
        if not other:
            raise
        return parse_facts(facts, _READ[0])


def _read_entries(body: bytes, at: int, count: int, most: int) -> tuple[NDArray[np.int64], bytes, int]:
    """Return coded sizes and digests of ``count`` chunks from place ``at`` on, and the place behind them."""
    if count * (1 + _DIGEST) > len(body) - at:
        raise CorruptStream(f"{count} chunks are claimed, and the index is too short for them")
    coded_sizes = np.zeros(count, dtype=np.int64)
    digests = bytearray()
    for index in range(count):
        coded_size, at = read_leb128(body, at)
        if coded_size > most or at + _DIGEST > len(body):
            raise CorruptStream(f"chunk {index} claims more bytes than the file has")
        coded_sizes[index] = coded_size
        digests += body[at : at + _DIGEST]
        at += _DIGEST
    return coded_sizes, bytes(digests), at


def _leb128_lengths(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many bytes each number takes."""
    lengths = np.ones(len(numbers), dtype=np.int64)
    for shift in range(7, 63, 7):
        lengths += (numbers >> shift) > 0
    return lengths


def _crc(data: bytes) -> bytes:
    return _CRC.pack(zlib.crc32(data))


def _with_crc(data: bytes) -> bytes:
    return data + _crc(data)
