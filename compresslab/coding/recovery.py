"""Saving what is whole in a damaged `.clz` file.

Chunks are independent and carry their place, so each one that is whole can be decoded, wherever in the file it now
lies. Header and trailer hold the same facts; either will do, and without both the chunks' own heads do. What is lost
becomes zeros, so that everything else keeps its place, and is reported; no byte is passed on unchecked.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any, BinaryIO

import compresslab.coding.clz_format as clz
from compresslab.coding.chunk_model import ChunkModel, EmbeddedModel, Progress, decode_chunk
from compresslab.coding.clz_header import agree
from compresslab.coding.clz_reader import HEADER_MOST, check_fingerprint
from compresslab.coding.container import original_path
from compresslab.errors import CorruptFile, CorruptStream
from compresslab.files import open_file, write_atomic

__all__ = ["Damage", "Recovery", "recover_file"]

_WINDOW = 1 << 20


@dataclass(frozen=True)
class Damage:
    """Bytes ``start`` to ``stop`` of the original that are lost, and why; chunk -1 stands for the file as a whole."""

    chunk: int
    start: int
    stop: int
    reason: str

    def __str__(self) -> str:
        where = f"chunk {self.chunk}, bytes {self.start} to {self.stop}" if self.chunk >= 0 else "the file"
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


@dataclass(frozen=True)
class _Found:
    """A head at ``offset`` of the file, and where its coded bytes begin."""

    offset: int
    head: clz.ChunkHead
    body: int

    @property
    def length(self) -> int:
        return self.body - self.offset + self.head.coded_size + 4


@dataclass(frozen=True)
class _Slot:
    """A stretch of the original that should be there."""

    index: int
    start: int
    size: int
    found: _Found | None


def recover_file(
    source: str | PathLike[str],
    target: str | PathLike[str] | None = None,
    *,
    model: ChunkModel | None = None,
    progress: Progress | None = None,
) -> Recovery:
    """Decompress what is whole in a damaged file, with zeros for what is not, and say what was lost.

    Raises:
        CorruptFile: there is nothing of a `.clz` file in it.
        WrongModel: written under another model; nothing was decoded.
        UnreadableFile: the source cannot be read or the target not written.
        InvalidParameter: no target, and the source's name does not end in ``.clz``.
    """
    name = fspath(source)
    path = original_path(source) if target is None else Path(target)
    model = EmbeddedModel() if model is None else model
    damages: list[Damage] = []
    with open_file(source) as file:
        file_size = os.fstat(file.fileno()).st_size
        header, header_size = _header(file, name, damages)
        trailer, end = _trailer(file, file_size, damages)
        if header is not None and trailer is not None and not agree(header, trailer.header):
            damages.append(
                Damage(-1, 0, 0, "it begins as one file and ends as another; the one that ends here is saved")
            )
            header = None
        known = header if header is not None or trailer is None else trailer.header
        if known is not None:
            check_fingerprint(known, model, name)
        found = list(_find(file, header_size, end, trailer))
        if known is None and not found:
            raise CorruptFile(f"{name}: nothing to recover: it has neither the header nor a chunk of a .clz file")
        slots = _slots(known, trailer, found)
        size = slots[-1].start + slots[-1].size if slots else 0
        _note_strays(found, slots, header_size, end, damages)
        write_atomic(path, _saved(file, slots, model, trailer, damages, progress), like=os.fstat(file.fileno()))
    lost = sum(damage.stop - damage.start for damage in damages)
    return Recovery(path, size, size - lost, tuple(damages))


def _header(file: BinaryIO, name: str, damages: list[Damage]) -> tuple[dict[str, Any] | None, int]:
    file.seek(0)
    data = file.read(HEADER_MOST)
    try:
        return clz.parse_header(data, name)
    except CorruptFile as error:
        if "version" in str(error):
            raise
        damages.append(Damage(-1, 0, 0, "its header is damaged"))
        return None, 0


def _trailer(file: BinaryIO, file_size: int, damages: list[Damage]) -> tuple[clz.Trailer | None, int]:
    file.seek(max(0, file_size - clz.FOOTER_MOST))
    footer = clz.parse_footer(file.read(clz.FOOTER_MOST))
    if footer is not None and sum(footer) <= file_size:
        offset = file_size - sum(footer)
        file.seek(offset)
        trailer = clz.parse_trailer(file.read(sum(footer)), offset)
        if trailer is not None:
            return trailer, offset
    damages.append(Damage(-1, 0, 0, "the index at its end is damaged or missing"))
    return None, file_size


def _find(file: BinaryIO, start: int, end: int, trailer: clz.Trailer | None) -> Iterator[_Found]:
    """Yield the chunk heads in the file; with a trailer only those that it lists (a chunk may hold a `.clz` file)."""
    listed = {(e.size, e.coded_size, e.digest[: clz.TAG]) for e in trailer.entries} if trailer else None
    at = start
    while (hit := _next_magic(file, at, end)) is not None:
        file.seek(hit)
        parsed = clz.parse_chunk_head(file.read(clz.HEAD_MOST))
        at = hit + 1
        if parsed is None:
            continue
        head, length = parsed
        if listed is not None and (head.size, head.coded_size, head.tag) not in listed:
            continue
        found = _Found(hit, head, hit + length)
        yield found
        # If it is whole, whatever looks like a head inside belongs to its data.
        at = hit + found.length if _coded(file, found) is not None else found.body


def _next_magic(file: BinaryIO, start: int, end: int) -> int | None:
    overlap = len(clz.CHUNK_MAGIC) - 1
    while start < end:
        file.seek(start)
        window = file.read(_WINDOW + overlap)
        hit = window.find(clz.CHUNK_MAGIC)
        if hit >= 0:
            return start + hit if start + hit < end else None
        start += _WINDOW
    return None


def _slots(known: dict[str, Any] | None, trailer: clz.Trailer | None, found: list[_Found]) -> list[_Slot]:
    """Lay out the original: by the index, or by the header's sizes, or by what the chunks say."""
    by_place: dict[tuple[int, int], _Found] = {}
    for item in found:
        by_place.setdefault((item.head.index, item.head.start), item)
    if known is None:
        items = sorted(by_place.values(), key=lambda item: item.head.start)
        slots: list[_Slot] = []
        at = 0
        for item in items:
            if item.head.start > at:
                slots.append(_Slot(-1, at, item.head.start - at, None))
            if item.head.start >= at:
                slots.append(_Slot(item.head.index, item.head.start, item.head.size, item))
                at = item.head.start + item.head.size
        return slots
    size, chunk_size = known["original_size"], known["chunk_size"]
    slots = []
    for index, start in enumerate(range(0, size, chunk_size)):
        length = min(chunk_size, size - start)
        item_or_none = by_place.get((index, start))
        if item_or_none is not None and item_or_none.head.size != length:
            item_or_none = None
        if (
            trailer is not None
            and item_or_none is not None
            and item_or_none.head.tag != trailer.entries[index].digest[: clz.TAG]
        ):
            item_or_none = None
        slots.append(_Slot(index, start, length, item_or_none))
    return slots


def _note_strays(found: list[_Found], slots: list[_Slot], start: int, end: int, damages: list[Damage]) -> None:
    """Report what is in the file but not of it, and chunks that lie out of order."""
    used = [slot.found for slot in slots if slot.found is not None]
    if len(used) < len(found):
        damages.append(Damage(-1, 0, 0, f"{len(found) - len(used)} chunks in it do not belong to it or are repeated"))
    offsets = [item.offset for item in used]
    if offsets != sorted(offsets):
        damages.append(Damage(-1, 0, 0, "its chunks are out of order; they were put in order"))
    taken = sum(item.length for item in used)
    if not damages and len(used) == len(slots) and taken != end - start:
        damages.append(Damage(-1, 0, 0, f"{end - start - taken} bytes in it belong to no part of it"))


def _saved(
    file: BinaryIO,
    slots: list[_Slot],
    model: ChunkModel,
    trailer: clz.Trailer | None,
    damages: list[Damage],
    progress: Progress | None,
) -> Iterator[bytes]:
    digest = clz.whole_digest()
    size = sum(slot.size for slot in slots)
    for slot in slots:
        data, reason = _decode(file, slot, model, trailer)
        if data is None:
            damages.append(Damage(slot.index, slot.start, slot.start + slot.size, reason))
            yield from _zeros(slot.size)
        else:
            digest.update(data)
            yield data
        if progress is not None:
            progress(slot.start + slot.size, size)
    if trailer is not None and len(trailer.entries) != 1 and not damages and digest.digest() != trailer.digest:
        damages.append(Damage(-1, 0, size, "every chunk is whole but together they are not the original"))


def _decode(file: BinaryIO, slot: _Slot, model: ChunkModel, trailer: clz.Trailer | None) -> tuple[bytes | None, str]:
    if slot.found is None:
        return None, "it is missing, or its head is damaged"
    head = slot.found.head
    coded = _coded(file, slot.found)
    if coded is None:
        return None, "its data does not match its checksum"
    try:
        data = decode_chunk(head.method, coded, head.size, model)
    except CorruptStream as error:
        return None, str(error)
    wanted = head.tag if trailer is None else trailer.entries[slot.index].digest
    if not clz.chunk_digest(head.index, head.start, data).startswith(wanted):
        return None, "it decodes to other bytes than were encoded"
    return data, ""


def _coded(file: BinaryIO, found: _Found) -> bytes | None:
    file.seek(found.body)
    data = file.read(found.head.coded_size + 4)
    if len(data) < found.head.coded_size + 4 or zlib.crc32(data[:-4]).to_bytes(4, "little") != data[-4:]:
        return None
    return data[:-4]


def _zeros(size: int) -> Iterator[bytes]:
    while size:
        step = min(size, _WINDOW)
        yield b"\0" * step
        size -= step
