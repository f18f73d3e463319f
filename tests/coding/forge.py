"""Writes `.clz` files that claim anything, with every checksum right: docs/format.md, anew, and none of the library."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

from compresslab.coding.clz.header import _DICTIONARY
from compresslab.coding.leb128 import leb128

TEXT = {"libraries": {}, "model": "embedded", "settings": {}}
EMBEDDED = b"embedded-1"
RAW, ZLIB, LZMA, MODEL = range(4)


def sealed(data: bytes) -> bytes:
    return data + zlib.crc32(data).to_bytes(4, "little")


def deflated(text: Any, version: int = 3) -> bytes:
    plain = text if isinstance(text, bytes) else json.dumps(text).encode()
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, 0, _DICTIONARY[version])
    return packer.compress(plain) + packer.flush()


@dataclass
class Chunk:
    index: int
    start: int
    method: int
    size: int
    coded: bytes
    original: bytes | None = None  # what its digest is of
    coded_size: int | None = None

    @property
    def digest(self) -> bytes:
        data = self.coded if self.original is None else self.original
        place = struct.pack("<IQI", self.index % 2**32, self.start % 2**64, len(data))
        return hashlib.blake2b(place + data, digest_size=16, person=b"clz chunk").digest()

    def packed(self) -> bytes:
        length = len(self.coded) if self.coded_size is None else self.coded_size
        numbers = leb128(self.index) + leb128(self.start) + bytes([self.method]) + leb128(self.size) + leb128(length)
        return sealed(b"CLZc" + numbers + self.digest[:4]) + sealed(self.coded)


@dataclass
class Forged:
    size: int
    chunk_size: int
    chunks: list[Chunk] = field(default_factory=list)
    text: Any = field(default_factory=lambda: TEXT)
    version: int = 3
    fingerprints: tuple[bytes, ...] = (EMBEDDED, b"", b"", b"")
    stream_version: int = 1
    count: int | None = None  # of entries in the trailer

    def facts(self) -> bytes:
        power = self.chunk_size and self.chunk_size & (self.chunk_size - 1) == 0 and self.chunk_size < 1 << 32
        code = self.chunk_size.bit_length() - 1 if power else self.chunk_size + 32
        parts = leb128(self.size) + leb128(code) + (leb128(self.stream_version) if self.version > 2 else b"")
        prints = self.fingerprints if self.version > 2 else self.fingerprints[:1]
        return parts + b"".join(leb128(len(p)) + p for p in prints) + deflated(self.text, 2 if self.version <= 2 else 3)

    def header(self) -> bytes:
        facts = self.facts()
        return sealed(b"\x93CLZ" + bytes([self.version]) + leb128(len(facts)) + facts)

    def trailer(self) -> bytes:
        copy = b"" if len(self.chunks) == 1 and self.version > 2 else self.facts()
        body = leb128(len(copy)) + copy + b"".join(leb128(len(c.coded)) + c.digest for c in self.chunks)
        if len(self.chunks) != 1:
            whole = hashlib.blake2b(digest_size=32, person=b"clz whole")
            for chunk in self.chunks:
                whole.update(chunk.coded if chunk.original is None else chunk.original)
            body += whole.digest()
        return sealed(body + leb128(len(body))[::-1]) + b"CLZ\n"

    def packed(self) -> bytes:
        return self.header() + b"".join(chunk.packed() for chunk in self.chunks) + self.trailer()
