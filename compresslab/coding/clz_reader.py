"""Reading `.clz` files that claim to be whole: any disagreement is an error that names the part and the chunk."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from os import PathLike, fspath
from types import TracebackType
from typing import Any

import compresslab.coding.clz_format as clz
from compresslab.coding.chunk_model import ChunkModel, Progress, decode_chunk
from compresslab.coding.clz_header import SHORT_FINGERPRINT, agree
from compresslab.errors import CorruptFile, CorruptStream, WrongModel
from compresslab.files import open_file

__all__ = ["HEADER_MOST", "ClzReader", "check_fingerprint"]

HEADER_MOST = 1 << 20
"""Headers are shorter than that."""

_ADVICE = "try --recover to save the rest"


def check_fingerprint(header: dict[str, Any], model: ChunkModel, name: str) -> None:
    """Raise WrongModel unless the model is the one that the file was written with."""
    held = header["fingerprint"]
    whole = "settings" in header  # of a file whose header is lost, there may be only the fingerprint's beginning
    if held != (model.fingerprint() if whole else model.fingerprint()[: 2 * SHORT_FINGERPRINT]):
        told = f"the model {header['model']!r}" if whole else "another model"
        raise WrongModel(
            f"{name} was written with {told} (fingerprint {held[:16]}, "
            f"{header.get('settings', 'settings lost')}), not with {model.name!r} "
            f"(fingerprint {model.fingerprint()[:16]}, {model.settings()}): give the same model with the same settings"
        )


class ClzReader:
    """An open `.clz` file whose header, trailer and layout have been checked.

    Attributes:
        name, file_size, header, trailer: what they say.
        trailer_offset: the place of the trailer in the file.

    Raises:
        UnreadableFile: cannot be read.
        CorruptFile: not a `.clz` file, cut, glued, or damaged in header, trailer or layout.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.name = fspath(path)
        self._file = open_file(path)
        try:
            self.file_size = os.fstat(self._file.fileno()).st_size
            self.header, header_size = clz.parse_header(self._read(0, HEADER_MOST), self.name)
            self.trailer = self._read_trailer()
            self._check_layout(header_size)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> ClzReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def num_chunks(self) -> int:
        """Number of chunks."""
        return len(self.trailer.entries)

    def check_model(self, model: ChunkModel) -> None:
        """Raise WrongModel unless ``model`` is the one that the file was written with."""
        check_fingerprint(self.header, model, self.name)

    def head(self, index: int) -> clz.ChunkHead:
        """Return a chunk's head, which must agree with the index at the end of the file."""
        return self._head(index)[0]

    def _head(self, index: int) -> tuple[clz.ChunkHead, int]:
        """Return a chunk's head, and the place where its coded bytes begin."""
        entry = self.trailer.entries[index]
        found = clz.parse_chunk_head(self._read(entry.offset, clz.HEAD_MOST))
        if found is None:
            raise self._damaged(index, "its head does not match its checksum")
        head, length = found
        if (head.index, head.start) != (index, index * self.header["chunk_size"]):
            raise self._damaged(index, f"chunk {head.index} is in its place")
        if (head.size, head.coded_size, head.tag) != (entry.size, entry.coded_size, entry.digest[: clz.TAG]):
            raise self._damaged(index, "it is not the chunk that the index lists")
        return head, entry.offset + length

    def coded(self, index: int) -> tuple[clz.ChunkHead, bytes]:
        """Return a chunk's head and coded bytes, which must match their checksum."""
        head, start = self._head(index)
        coded = self._read(start, head.coded_size + 4)
        if zlib.crc32(coded[:-4]).to_bytes(4, "little") != coded[-4:]:
            raise self._damaged(index, "its data does not match its checksum")
        return head, coded[:-4]

    def decode(self, index: int, model: ChunkModel, progress: Progress | None = None) -> bytes:
        """Return a chunk's original bytes, which must match their digest."""
        head, coded = self.coded(index)
        return self.checked(head, lambda: decode_chunk(head.method, coded, head.size, model, progress))

    def checked(self, head: clz.ChunkHead, decoded: Callable[[], bytes]) -> bytes:
        """Return what ``decoded`` gives; what it raises, and wrong bytes, become an error that names the chunk."""
        try:
            data = decoded()
        except CorruptStream as error:
            raise self._damaged(head.index, str(error)) from error
        if clz.chunk_digest(head.index, head.start, data) != self.trailer.entries[head.index].digest:
            raise self._damaged(
                head.index,
                "it decodes to other bytes than were encoded, though its data is whole: "
                "the model does not run here as it ran there",
            )
        return data

    def _read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)

    def _read_trailer(self) -> clz.Trailer:
        footer = clz.parse_footer(self._read(max(0, self.file_size - clz.FOOTER_MOST), clz.FOOTER_MOST))
        if footer is None or sum(footer) > self.file_size:
            raise CorruptFile(
                f"{self.name}: the end of the file is missing or damaged: it was cut, or something was added; {_ADVICE}"
            )
        self.trailer_offset = self.file_size - sum(footer)
        trailer = clz.parse_trailer(self._read(self.trailer_offset, sum(footer)), self.trailer_offset)
        if trailer is None:
            raise CorruptFile(f"{self.name}: the index at the end of the file is damaged; {_ADVICE}")
        return trailer

    def _check_layout(self, header_size: int) -> None:
        """Chunks must lie between header and trailer without gap: in glued files they do not."""
        entries = self.trailer.entries
        first = entries[0].offset if entries else self.trailer_offset
        if first != header_size or not agree(self.header, self.trailer.header):
            raise CorruptFile(f"{self.name}: its parts do not fit together: files were glued, or parts lost; {_ADVICE}")

    def _damaged(self, index: int, why: str) -> CorruptFile:
        first = index * self.header["chunk_size"]
        last = first + self.trailer.entries[index].size
        return CorruptFile(
            f"{self.name}: chunk {index} of {self.num_chunks} (bytes {first} to {last} of the original) "
            f"is damaged: {why}; {_ADVICE}"
        )
