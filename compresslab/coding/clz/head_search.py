"""Finding the chunks in a damaged `.clz` file: wherever they lie, in one pass."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

import compresslab.coding.clz.format as clz
from compresslab.coding.clz.crc_ranges import CrcRanges
from compresslab.coding.clz.header import CHUNKS_MOST

__all__ = ["Found", "Located", "find_heads"]

_WINDOW = 1 << 20


@dataclass(frozen=True)
class Located:
    """A head at ``offset`` of the file, where its coded bytes begin, and whether they match their checksum."""

    offset: int
    head: clz.ChunkHead
    body: int
    whole: bool

    @property
    def length(self) -> int:
        """Bytes from the head's first to the checksum's last."""
        return self.body - self.offset + self.head.coded_size + 4


@dataclass(frozen=True)
class Found:
    """The heads of a file, 17 bytes of memory each."""

    file: BinaryIO
    offsets: array[int] = field(default_factory=lambda: array("Q"))
    starts: array[int] = field(default_factory=lambda: array("Q"))
    whole: array[int] = field(default_factory=lambda: array("B"))

    def __len__(self) -> int:
        return len(self.offsets)

    def __getitem__(self, index: int) -> Located:
        offset = self.offsets[index]
        self.file.seek(offset)
        parsed = clz.parse_chunk_head(self.file.read(clz.HEAD_MOST))
        if parsed is None:
            raise OSError("the file changed while it was read")
        return Located(offset, parsed[0], offset + parsed[1], bool(self.whole[index]))

    def by_place(self) -> list[int]:
        """Return the heads in order of their place in the original; of several for one place first what is whole."""
        if not len(self):
            return []
        keys = (np.frombuffer(self.offsets, np.uint64), 1 - np.frombuffer(self.whole, np.uint8).astype(np.int8))
        order: list[int] = np.lexsort((*keys, np.frombuffer(self.starts, np.uint64))).tolist()
        return order


def find_heads(file: BinaryIO, size: int, start: int, end: int, accepts: Callable[[clz.ChunkHead], bool]) -> Found:
    """Find the heads between two places of a file of ``size`` bytes.

    What looks like a head in the data of a whole chunk belongs to that data.

    Args:
        file: the file.
        size: its bytes.
        start: where to look, from here on.
        end: up to here.
        accepts: which heads are believed.
    """
    found, checks, windows = Found(file), CrcRanges(file, size), _Windows(file, end)
    at = start
    while len(found) < CHUNKS_MOST and (hit := windows.next_magic(at)) is not None:
        at = hit + 1
        parsed = clz.parse_chunk_head(windows.read(hit, clz.HEAD_MOST))
        if parsed is None or not accepts(parsed[0]):
            continue
        head, body = parsed[0], hit + parsed[1]
        behind = body + head.coded_size
        whole = False
        if behind + 4 <= size:
            crc = checks.crc32(body, head.coded_size)
            file.seek(behind)
            whole = crc.to_bytes(4, "little") == file.read(4)
        found.offsets.append(hit)
        found.starts.append(head.start)
        found.whole.append(whole)
        if whole:
            checks.good(head.coded_size)
        at = behind + 4 if whole else body
    return found


class _Windows:
    """A file up to ``end``, in windows, each read once while places rise."""

    def __init__(self, file: BinaryIO, end: int) -> None:
        self._file, self._end = file, end
        self._base, self._window = 0, b""

    def next_magic(self, at: int) -> int | None:
        """Return the place of the next chunk's magic number from ``at`` on."""
        overlap = len(clz.CHUNK_MAGIC) - 1
        while at < self._end:
            if not self._base <= at < self._base + len(self._window) - overlap:
                self._load(at)
            hit = self._window.find(clz.CHUNK_MAGIC, at - self._base)
            if hit >= 0:
                return self._base + hit if self._base + hit < self._end else None
            if len(self._window) <= overlap:
                return None
            at = max(at + 1, self._base + len(self._window) - overlap)
        return None

    def read(self, at: int, size: int) -> bytes:
        """Return bytes of the file."""
        place = at - self._base
        if place >= 0 and place + size <= len(self._window):
            return self._window[place : place + size]
        self._file.seek(at)
        return self._file.read(size)

    def _load(self, at: int) -> None:
        self._file.seek(at)
        self._base, self._window = at, self._file.read(_WINDOW)
