"""Writes `.clz` files that claim anything, under checksums that are right. The format is in docs/format.md."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field, replace
from typing import Any

import compresslab.coding.clz.format as clz
from compresslab.coding.clz.chunk_model import identity_of
from compresslab.coding.clz.header import _DICTIONARY, VERSION
from compresslab.coding.stream_version import STREAM_VERSION

__all__ = ["Facts", "Forged", "Piece", "copy_of", "deflated", "facts_of", "leb", "piece_of"]


def leb(value: int) -> bytes:
    """Write any number, also one that no writer writes: longer than ten bytes, or negative (as its lowest 70 bits)."""
    if value < 0:
        value &= (1 << 70) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def crc(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")


@dataclass
class Facts:
    """What a header says: sizes, fingerprints, and a text, which should be JSON (None in a short copy of version 2)."""

    size: int
    chunk_size: int
    fingerprint: bytes
    text: bytes | None
    version: int = VERSION
    stream: int = STREAM_VERSION
    others: list[bytes] = field(default_factory=lambda: [b"", b"", b""])  # of tokenizer, template, probe

    def packed(self) -> bytes:
        size = self.chunk_size
        power = 0 < size < 1 << 32 and size & (size - 1) == 0
        code = size.bit_length() - 1 if power else size + 32
        prints = [self.fingerprint, *(self.others if self.version > 2 else ())]
        out = leb(self.size) + leb(code) + (leb(self.stream) if self.version > 2 else b"")
        out += b"".join(leb(len(one)) + one for one in prints)
        return out if self.text is None else out + deflated(self.text, self.version)


def deflated(text: bytes, version: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, _DICTIONARY[version])
    return packer.compress(text) + packer.flush()


@dataclass
class Piece:
    """A chunk and its line in the index. ``content`` is what its digest is of."""

    index: int
    start: int
    method: int
    size: int
    payload: bytes
    content: bytes
    digest: bytes
    claimed: int | None = None  # coded bytes, where the head does not tell the truth
    listed: int | None = None  # the same in the index
    tag: bytes | None = None
    payload_crc: bytes | None = None

    def head(self) -> bytes:
        coded = len(self.payload) if self.claimed is None else self.claimed
        tag = self.digest[: clz.TAG] if self.tag is None else self.tag
        body = clz.CHUNK_MAGIC + leb(self.index) + leb(self.start) + leb(self.method) + leb(self.size) + leb(coded)
        return body + tag + crc(body + tag)

    def packed(self) -> bytes:
        return self.head() + self.payload + (crc(self.payload) if self.payload_crc is None else self.payload_crc)

    def entry(self) -> bytes:
        coded = len(self.payload) if self.listed is None else self.listed
        return leb(coded) + self.digest


@dataclass
class Forged:
    """A `.clz` file in parts."""

    facts: Facts
    copy: Facts | None  # None where there is one chunk, from version 3 on
    pieces: list[Piece]
    whole: bytes  # digest
    version: int = VERSION
    order: list[int] | None = None  # of the pieces, where they do not lie as they are listed
    between: dict[int, bytes] = field(default_factory=dict)  # junk before a piece
    entries: bytes | None = None
    bare: frozenset[str] = frozenset()  # "header", "trailer": left out
    claimed_facts: int | None = None  # their length, as the header says
    claimed_trailer: int | None = None  # its length, as the footer says

    def packed(self) -> bytes:
        facts = self.facts.packed()
        length = len(facts) if self.claimed_facts is None else self.claimed_facts
        head = clz.MAGIC + bytes([self.version]) + leb(length) + facts
        order = range(len(self.pieces)) if self.order is None else self.order
        middle = b"".join(self.between.get(i, b"") + self.pieces[i].packed() for i in order)
        parts = [b"" if "header" in self.bare else head + crc(head), middle]
        return b"".join(parts) + (b"" if "trailer" in self.bare else self.trailer())

    def trailer(self) -> bytes:
        copy = b"" if self.copy is None else self.copy.packed()
        entries = b"".join(piece.entry() for piece in self.pieces) if self.entries is None else self.entries
        body = leb(len(copy)) + copy + entries + (b"" if len(self.pieces) == 1 else self.whole)
        length = len(body) if self.claimed_trailer is None else self.claimed_trailer
        body += leb(length)[::-1]
        return body + crc(body) + b"CLZ\n"


def facts_of(model: Any, size: int, chunk_size: int, version: int = VERSION) -> Facts:
    """Return the facts that `compress_file` would write."""
    libraries = {"compresslab": "0.1.0", "numpy": "2.4.6", "python": "3.11.7"}
    text = {"libraries": libraries, "model": model.name, "settings": model.settings()}
    identity = identity_of(model)
    if identity.machine and version > 2:
        text["machine"] = dict(identity.machine)
    others = [bytes.fromhex(one) for one in (identity.tokenizer, identity.template, identity.probe)]
    plain = json.dumps(text, sort_keys=True, separators=(",", ":")).encode()
    return Facts(size, chunk_size, bytes.fromhex(identity.model), plain, version, STREAM_VERSION, others)


def copy_of(facts: Facts, chunks: int) -> Facts | None:
    """Return the copy of facts that stands in the trailer."""
    if chunks != 1:
        return replace(facts)
    return None if facts.version > 2 else replace(facts, fingerprint=facts.fingerprint[:4], text=None)


def piece_of(index: int, start: int, method: int, payload: bytes, content: bytes) -> Piece:
    """Return a chunk that says the truth about itself."""
    return Piece(
        index, start, method, len(content), payload, content, clz.chunk_digest(index % 2**32, start % 2**64, content)
    )
