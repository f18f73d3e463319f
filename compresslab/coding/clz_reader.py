"""Reading `.clz` files that claim to be whole: any disagreement is an error that names the part and the chunk."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from os import PathLike, fspath
from types import TracebackType
from typing import Any, BinaryIO

import compresslab.coding.clz_format as clz
from compresslab.coding.chunk_model import ChunkModel, Progress, decode_chunk
from compresslab.errors import CorruptFile, CorruptStream, WrongModel
from compresslab.files import unreadable

__all__ = ["ClzReader", "check_fingerprint", "open_input"]

_HEADER_PROBE = 1 << 16
_ADVICE = "try --recover to save the rest"


def open_input(path: str | PathLike[str]) -> BinaryIO:
    """Open a file for reading; raises UnreadableFile naming it."""
    try:
        file = open(path, "rb")  # noqa: SIM115  the caller closes it
        if not os.path.isfile(path):
            file.close()
            raise OSError("not a regular file")
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    return file


def check_fingerprint(header: dict[str, Any], model: ChunkModel, name: str) -> None:
    """Raise WrongModel unless the model is the one that the file was written with."""
    if header["fingerprint"] != model.fingerprint():
        raise WrongModel(
            f"{name} was written with the model {header['model']!r} (fingerprint {header['fingerprint'][:16]}, "
            f"{header['settings']}), not with {model.name!r} (fingerprint {model.fingerprint()[:16]}, "
            f"{model.settings()}): give the same model with the same settings"
        )


class ClzReader:
    """An open `.clz` file whose header, trailer and layout have been checked.

    Attributes:
        name, file_size, header, trailer: what they say.

    Raises:
        UnreadableFile: cannot be read.
        CorruptFile: not a `.clz` file, cut, glued, or damaged in header, trailer or layout.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.name = fspath(path)
        self._file = open_input(path)
        try:
            self.file_size = os.fstat(self._file.fileno()).st_size
            self.header, header_size = clz.parse_header(self._header_bytes(), self.name)
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
        entry = self.trailer.entries[index]
        head = clz.parse_chunk_head(self._read(entry.offset, clz.CHUNK_HEAD.size + 4))
        if head is None:
            raise self._damaged(index, "its head does not match its checksum")
        if (head.index, head.start) != (index, index * self.header["chunk_size"]):
            raise self._damaged(index, f"chunk {head.index} is in its place")
        if (head.size, head.coded_size, head.digest) != (entry.size, entry.coded_size, entry.digest):
            raise self._damaged(index, "it is not the chunk that the index lists")
        return head

    def coded(self, index: int) -> tuple[clz.ChunkHead, bytes]:
        """Return a chunk's head and coded bytes, which must match their checksum."""
        head = self.head(index)
        start = self.trailer.entries[index].offset + clz.CHUNK_HEAD.size + 4
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
        if clz.chunk_digest(head.index, head.start, data) != head.digest:
            raise self._damaged(
                head.index,
                "it decodes to other bytes than were encoded, though its data is whole: "
                "the model does not run here as it ran there",
            )
        return data

    def _read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)

    def _header_bytes(self) -> bytes:
        data = self._read(0, _HEADER_PROBE)
        if len(data) == _HEADER_PROBE and data[: len(clz.MAGIC)] == clz.MAGIC:
            data += self._file.read(min(int.from_bytes(data[8:12], "little"), 1 << 24))
        return data

    def _read_trailer(self) -> clz.Trailer:
        end = self.file_size - clz.END.size
        length = clz.parse_end(self._read(max(0, end), clz.END.size))
        if length is None or length > end:
            raise CorruptFile(
                f"{self.name}: the end of the file is missing or damaged: it was cut, or something was added; {_ADVICE}"
            )
        trailer = clz.parse_trailer(self._read(end - length, length))
        if trailer is None:
            raise CorruptFile(f"{self.name}: the index at the end of the file is damaged; {_ADVICE}")
        return trailer

    def _check_layout(self, header_size: int) -> None:
        """Parts must follow each other without gap, from the header to the end: glued files do not."""
        at, size = header_size, 0
        for entry in self.trailer.entries:
            if entry.offset != at:
                break
            at += clz.CHUNK_HEAD.size + entry.coded_size + 8
            size += entry.size
        packed = len(clz.pack_trailer(self.trailer))
        if self.trailer.header != self.header or size != self.trailer.size or at + packed != self.file_size:
            raise CorruptFile(f"{self.name}: its parts do not fit together: files were glued, or parts lost; {_ADVICE}")

    def _damaged(self, index: int, why: str) -> CorruptFile:
        first = index * self.header["chunk_size"]
        last = first + self.trailer.entries[index].size
        return CorruptFile(
            f"{self.name}: chunk {index} of {self.num_chunks} (bytes {first} to {last} of the original) "
            f"is damaged: {why}; {_ADVICE}"
        )
