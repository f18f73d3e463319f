"""Saving what is whole in a damaged `.clz` file.

Chunks are independent and carry their place, so each one that is whole can be decoded, wherever in the file it now
lies. Header and trailer hold the same facts; either will do, and without both the chunks' own heads do. What is lost
becomes zeros, so that everything else keeps its place, and is reported; no byte is passed on unchecked.

What a file claims is not what it holds: zeros are only written between what is there, or where the index lists what is
lost, and no more of them than `zeros_most`. Time is linear in the file and in what is written.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import BinaryIO

import compresslab.coding.clz.format as clz
from compresslab._support.files import open_file, write_atomic
from compresslab.coding.clz.chunk_model import (
    ChunkModel,
    EmbeddedModel,
    NoModel,
    Progress,
    StreamedModel,
    decode_chunk,
    identity_of,
    reader_of,
    unpacked,
)
from compresslab.coding.clz.container import original_path
from compresslab.coding.clz.head_search import Found, Located, find_heads
from compresslab.coding.clz.header import Header, chunk_most
from compresslab.coding.clz.identity import Identity
from compresslab.coding.clz.reader import check_model, coded_pieces, other_probabilities
from compresslab.coding.stream_version import STREAM_VERSIONS
from compresslab.errors import CorruptFile, CorruptStream

__all__ = ["Damage", "Recovery", "known_header", "recover_file", "zeros_most"]

_PIECE = 1 << 20
_MISSING = "it is missing, or its head is damaged"
_OTHER_BYTES = "it decodes to other bytes than were encoded"


@dataclass(frozen=True)
class Damage:
    """Bytes ``start`` to ``stop`` of the original that are lost, and why.

    ``chunk`` is the first one that is lost; -1 where it has no number, or for the file as a whole.
    """

    chunk: int
    start: int
    stop: int
    reason: str

    def __str__(self) -> str:
        if self.chunk < 0:
            where = f"bytes {self.start} to {self.stop}" if self.stop > self.start else "the file"
        else:
            where = f"chunk {self.chunk}, bytes {self.start} to {self.stop}"
        return f"{where}: {self.reason}"


@dataclass(frozen=True)
class Recovery:
    """What was saved: to ``path``, ``size`` bytes, ``recovered`` of which are as they were; and ``damages``."""

    path: Path
    size: int
    recovered: int
    damages: tuple[Damage, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing at all was wrong."""
        return not self.damages


def zeros_most(file_size: int) -> int:
    """Return how many zeros may stand for what is lost of a file: 64 MiB, and 64 times the file.

    Example:
        >>> zeros_most(1000)
        67172864
    """
    return (1 << 26) + 64 * file_size


def recover_file(
    source: str | PathLike[str],
    target: str | PathLike[str] | None = None,
    *,
    model: ChunkModel | None = None,
    progress: Progress | None = None,
) -> Recovery:
    """Decompress what is whole in a damaged file, with zeros for what is not, and say what was lost.

    Where the model cannot be set up, `compresslab.coding.clz.chunk_model.NoModel` saves what was stored without it.

    Nothing is written behind the last chunk that is in the file, unless the index at its end is whole and lists more.

    Raises:
        CorruptFile: there is nothing of a `.clz` file in it, or no chunk.
        WrongModel: written under another model; nothing was decoded.
        UnreadableFile: the source cannot be read or the target not written.
        InvalidParameter: no target, and the source's name does not end in ``.clz``.
    """
    name = fspath(source)
    path = original_path(source) if target is None else Path(target)
    model = EmbeddedModel() if model is None else model
    with open_file(source) as file:
        plan = _plan(file, name)
        if plan.known is not None and plan.known.identity.model and not isinstance(model, NoModel):
            check_model(plan.known, model, name)
        if not plan.found and (plan.known is None or plan.known.original_size):
            what = "no chunk" if plan.known is not None else "neither the header nor a chunk of a .clz file"
            raise CorruptFile(f"{name}: nothing to recover: it has {what}")
        work = _Saving(file, plan, model)
        write_atomic(path, work.pieces(progress), like=os.fstat(file.fileno()))
        return Recovery(path, work.size, work.recovered, tuple(work.damages))


def known_header(source: str | PathLike[str]) -> Header | None:
    """Return what a damaged file still says of itself, in its header or in the copy of that; None if both are lost.

    Raises:
        UnreadableFile: the source cannot be read.
        CorruptFile: it is of a version that is not read here.
    """
    with open_file(source) as file:
        return _plan(file, fspath(source)).known


@dataclass
class _Plan:
    """What is known of a damaged file.

    Attributes:
        file_size: bytes of the file.
        known: the facts of the header, or of its copy; None if both are lost.
        trailer: the index at the end; None if it is lost.
        found: the chunks' heads that belong to it.
        start, end: where chunks can lie in the file.
        damages: what is wrong with it so far.
    """

    file_size: int
    known: Header | None
    trailer: clz.Trailer | None
    found: Found
    start: int
    end: int
    damages: list[Damage]


def _plan(file: BinaryIO, name: str) -> _Plan:
    damages: list[Damage] = []
    file_size = os.fstat(file.fileno()).st_size
    header, start = _header(file, name, damages)
    data, end = _trailer_bytes(file, file_size)
    trailer = clz.parse_trailer(data, end, header) if data else None
    single = clz.single_entry(data)
    if trailer is None and single is None:
        damages.append(Damage(-1, 0, 0, "the index at its end is damaged or missing"))
        end = file_size
    if single is not None:  # the trailer of a single chunk says nothing but where and what it is
        coded_size, digest = single
        tag = digest[: clz.TAG]
        found = find_heads(
            file,
            file_size,
            start,
            end,
            lambda head: (
                (head.index, head.coded_size, head.tag) == (0, coded_size, tag) and head.size <= chunk_most(header)
            ),
        )
        if found:
            size = found[0].head.size
            if header is not None and (header.num_chunks, header.original_size) != (1, size):
                damages.append(_other_beginning())
                header = None
            if header is None:
                header = Header(size, max(1, size), Identity(""))
            trailer = clz.parse_trailer(data, end, header)
        else:
            damages.append(Damage(-1, 0, 0, "the chunk that the index lists is not in it"))
        return _Plan(file_size, header, trailer, found, start, end, damages)
    if header is not None and trailer is not None and not header.agrees(trailer.header):
        damages.append(_other_beginning())
        header = None
    known = header if header is not None or trailer is None else trailer.header
    found = find_heads(file, file_size, start, end, lambda head: _fits(head, known, trailer))
    return _Plan(file_size, known, trailer, found, start, end, damages)


def _fits(head: clz.ChunkHead, known: Header | None, trailer: clz.Trailer | None) -> bool:
    """Tell whether a chunk can be of the file; with a trailer only if it is listed (a chunk may hold a `.clz` file)."""
    if known is None:
        return head.size <= chunk_most(None)
    if head.index >= known.num_chunks or (head.start, head.size) != (
        head.index * known.chunk_size,
        known.size_of(head.index),
    ):
        return False
    if trailer is None:
        return True
    entry = trailer.entries[head.index]
    return (head.coded_size, head.tag) == (entry.coded_size, entry.digest[: clz.TAG])


def _other_beginning() -> Damage:
    return Damage(-1, 0, 0, "it begins as one file and ends as another; the one that ends here is saved")


def _header(file: BinaryIO, name: str, damages: list[Damage]) -> tuple[Header | None, int]:
    file.seek(0)
    try:
        return clz.parse_header(file.read(clz.HEADER_MOST), name)
    except clz.OtherVersion:
        raise
    except CorruptFile:
        damages.append(Damage(-1, 0, 0, "its header is damaged"))
        return None, 0


def _trailer_bytes(file: BinaryIO, file_size: int) -> tuple[bytes, int]:
    """Return the trailer, whatever its state, and its place; nothing if there is no footer."""
    file.seek(max(0, file_size - clz.FOOTER_MOST))
    footer = clz.parse_footer(file.read(clz.FOOTER_MOST))
    if footer is None or sum(footer) > min(file_size, clz.TRAILER_MOST):
        return b"", file_size
    file.seek(file_size - sum(footer))
    return file.read(sum(footer)), file_size - sum(footer)


@dataclass
class _Saving:
    """Writes out what a plan found; the attributes say what was written, once `pieces` is at its end."""

    file: BinaryIO
    plan: _Plan
    model: ChunkModel
    size: int = 0
    recovered: int = 0
    damages: list[Damage] = field(default_factory=list)
    _left: int = 0  # zeros that may still be written
    _full: bool = False  # more of them would be needed
    _held: bytes = b""  # the last chunk that a model decoded

    def __post_init__(self) -> None:
        self.damages = list(self.plan.damages)
        self._left = zeros_most(self.plan.file_size)

    def pieces(self, progress: Progress | None) -> Iterator[bytes | memoryview]:
        """Yield the file: what is whole, and zeros for what is not."""
        plan, whole = self.plan, clz.whole_digest()
        total = plan.known.original_size if plan.known is not None else self._last_byte()
        used = taken = disorder = last = 0
        for number in plan.found.by_place():
            item = plan.found[number]
            head = item.head
            if head.start < self.size or (plan.known is None and not item.whole):
                continue  # repeated, or it says nothing that could be trusted
            yield from self._lost(head.start, _MISSING)
            if self._stopped():
                break
            used, taken, disorder, last = used + 1, taken + item.length, disorder + (item.offset < last), item.offset
            reason = self._why_not(item)
            if reason:
                yield from self._lost(head.start + head.size, reason)
            else:
                for piece in self._decoded(item):
                    whole.update(piece)
                    yield piece
                self.size += head.size
                self.recovered += head.size
            if self._stopped():
                break
            if progress is not None:
                progress(self.size, total)
        self._note(used, taken, disorder)
        if not self._full and self.size < total:
            if plan.trailer is None:
                self._note_loss(total, "it is not in the file, and nothing is written for it")
            else:
                yield from self._lost(total, _MISSING)
        if progress is not None:
            progress(total, total)
        several = plan.trailer is not None and len(plan.trailer.entries) != 1
        if several and plan.trailer and not self.damages and whole.digest() != plan.trailer.digest:
            self.damages.append(Damage(-1, 0, self.size, "every chunk is whole but together they are not the original"))
            self.recovered = 0

    def _stopped(self) -> bool:
        return self._full

    def _last_byte(self) -> int:
        found = self.plan.found
        return max((found[i].head.start + found[i].head.size for i in found.by_place()[-1:]), default=0)

    def _note(self, used: int, taken: int, disorder: int) -> None:
        """Report what is in the file but not of it, and chunks that lie out of order."""
        plan = self.plan
        if used < len(plan.found) and not self._full:
            spare = len(plan.found) - used
            self.damages.append(Damage(-1, 0, 0, f"{spare} chunks in it do not belong to it or are repeated"))
        if disorder:
            self.damages.append(Damage(-1, 0, 0, "its chunks are out of order; they were put in order"))
        if not self.damages and taken != plan.end - plan.start:
            junk = plan.end - plan.start - taken
            self.damages.append(Damage(-1, 0, 0, f"{junk} bytes in it belong to no part of it"))

    def _lost(self, stop: int, reason: str) -> Iterator[bytes]:
        """Yield zeros up to place ``stop`` of the original, unless they would be too many."""
        if stop <= self.size:
            return
        if stop - self.size > self._left:
            self._full = True
            most = zeros_most(self.plan.file_size)
            self._note_loss(
                stop,
                f"{reason}; from here on nothing is written: that would take more than {most} zeros, all that a file "
                "of this size may claim",
            )
            return
        self._note_loss(stop, reason)
        while self.size < stop:
            step = min(stop - self.size, _PIECE)
            yield bytes(step)
            self.size += step
            self._left -= step

    def _note_loss(self, stop: int, reason: str) -> None:
        known, start = self.plan.known, self.size
        chunk = start // known.chunk_size if known is not None else -1
        before = self.damages[-1] if self.damages else None
        if before is not None and (before.stop, before.reason) == (start, reason) and before.stop > before.start:
            self.damages[-1] = Damage(before.chunk, before.start, stop, reason)
        else:
            self.damages.append(Damage(chunk, start, stop, reason))

    def _why_not(self, item: Located) -> str:
        """Return why a chunk cannot be decoded, or nothing; what a model decoded is held, as it is long in coming."""
        if not item.whole:
            return "its data does not match its checksum"
        try:
            if item.head.method is clz.Method.MODEL:
                return self._why_not_by_model(item)
            return "" if self._is_right(item, self._decoded(item)) else _OTHER_BYTES
        except CorruptStream as error:
            return str(error)

    def _why_not_by_model(self, item: Located) -> str:
        """Do so for a chunk of a model: where the header is lost, in each stream version from the newest on."""
        known, head = self.plan.known, item.head
        sure = known is not None and known.identity.model
        coded = b"".join(coded_pieces(self.file, item.body, head.coded_size))
        reasons = []
        for version in (known.stream_version,) if known is not None and sure else reversed(STREAM_VERSIONS):
            try:
                self._held = decode_chunk(head.method, coded, head.size, reader_of(self.model, version))
                if self._is_right(item, [self._held]):
                    return ""
                reasons.append(_OTHER_BYTES)
            except CorruptStream as error:
                reasons.append(str(error))
            if not isinstance(self.model, StreamedModel):
                break
        return self._other_machine() or reasons[0]

    def _is_right(self, item: Located, parts: Iterable[bytes | memoryview]) -> bool:
        """Tell whether a chunk's bytes are those that its digest is of."""
        digest = clz.ChunkDigest(item.head.index, item.head.start, item.head.size)
        for part in parts:
            digest.update(part)
        trailer = self.plan.trailer
        wanted = item.head.tag if trailer is None else trailer.entries[item.head.index].digest
        return digest.digest().startswith(wanted)

    def _decoded(self, item: Located) -> Iterator[bytes | memoryview]:
        """Yield the bytes of a chunk; those of a model are held since `_why_not`, others are unpacked again."""
        if item.head.method is clz.Method.MODEL:
            yield self._held
            return
        coded = coded_pieces(self.file, item.body, item.head.coded_size)
        yield from unpacked(item.head.method, coded, item.head.size)

    def _other_machine(self) -> str:
        if self.plan.known is None or not self.plan.known.identity.model or not identity_of(self.model).machine:
            return ""
        return other_probabilities(self.plan.known, self.model)
