"""Reading `.clz` files that claim to be whole: any disagreement is an error that names the part and the chunk."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from os import PathLike, fspath
from types import TracebackType
from typing import BinaryIO

import compresslab.coding.clz.format as clz
from compresslab._support.files import open_file
from compresslab.coding.clz.chunk_model import (
    ChunkModel,
    IdentifiedModel,
    Progress,
    decode_chunk,
    identity_of,
    reader_of,
    unpacked,
)
from compresslab.coding.clz.header import Header
from compresslab.coding.clz.identity import differences
from compresslab.errors import CorruptFile, CorruptStream, WrongModel

__all__ = ["ClzReader", "check_model", "coded_pieces", "other_probabilities"]

_ADVICE = "try --recover to save the rest"
_PIECE = 1 << 20


def check_model(header: Header, model: ChunkModel, name: str) -> None:
    """Raise WrongModel unless the model is the one that the file was written with, and computes here what it did there.

    Where the machine's facts differ and its probe does not, the file is read: what it decodes to is checked anyway.
    """
    model = reader_of(model, header.stream_version)
    own = identity_of(model)
    if header.short:  # of a file of version 2 whose header is lost there is only the fingerprint's beginning
        if not isinstance(model, IdentifiedModel) and not own.model.startswith(header.identity.model):
            raise WrongModel(
                f"{name} was written with another model (fingerprint {header.identity.model}) than {model.name!r} "
                f"(fingerprint {own.model[:16]}): give the same model"
            )
        return
    if header.version == 2 and isinstance(model, IdentifiedModel):
        same = model.wrote(header)
        other = [] if same else ["model, tokenizer or settings"]
    else:
        other = [
            what for what in ("model", "tokenizer", "template") if getattr(header.identity, what) != getattr(own, what)
        ]
        held = model.settings()
        shape = ("streams", "segment")
        other += [what for what in shape if header.settings.get(what) != held.get(what) and not other]
    if other:
        raise WrongModel(
            f"{name} was written with the model {header.model[:200]!r} (fingerprint {header.identity.model[:16]}, "
            f"{_listed(header.settings)}), not with {model.name!r} (fingerprint {own.model[:16]}, "
            f"{_listed(model.settings())}): this differs: {', '.join(other)}; "
            "give the same model with the same settings"
        )
    if header.identity.probe and own.probe and header.identity.probe != own.probe:
        raise WrongModel(f"{name}: {other_probabilities(header, model)}")


def other_probabilities(header: Header, model: ChunkModel) -> str:
    """Say that a whole file does not decode because of the machine, and in what the machines differ."""
    own = identity_of(model)
    if header.version == 2:
        there, here = header.settings, {**model.settings(), **own.machine}
        here = {key: value for key, value in here.items() if key in there}
    else:
        there = {**header.identity.machine, **header.settings, **_numeric(header.libraries)}
        here = {**own.machine, **model.settings(), **_numeric(_libraries())}
    found = differences(there, here)
    return (
        "the file is whole; this machine computes other probabilities than the one that wrote it: "
        f"{found or 'nothing that the file holds of it differs'}; decompress it where it was written, or with the same "
        "versions and settings on such a processor"
    )


def _listed(settings: dict[str, object]) -> str:
    return str(settings) if len(str(settings)) < 500 else "many settings"


def _numeric(libraries: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in libraries.items() if key == "numpy"}


def _libraries() -> dict[str, str]:
    import numpy as np

    return {"numpy": np.__version__}


def coded_pieces(file: BinaryIO, start: int, size: int) -> Iterator[bytes]:
    """Yield ``size`` bytes of a file from ``start`` on, or fewer where it ends, at most 1 MiB at a time."""
    while size > 0:
        file.seek(start)
        piece = file.read(min(size, _PIECE))
        if not piece:
            return
        yield piece
        start, size = start + len(piece), size - len(piece)


class ClzReader:
    """An open `.clz` file whose header, trailer and layout have been checked.

    Memory: about 60 bytes for each chunk, and in `pieces` what one chunk needs.

    Attributes:
        name, file_size, header, trailer: what they say.
        trailer_offset: the place of the trailer in the file.

    Raises:
        UnreadableFile: cannot be read.
        CorruptFile: not a `.clz` file, cut, glued, damaged in header, trailer or layout, or claiming what cannot be.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.name = fspath(path)
        self._file = open_file(path)
        try:
            self.file_size = os.fstat(self._file.fileno()).st_size
            self.header, header_size = clz.parse_header(self._read(0, clz.HEADER_MOST), self.name)
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
        """Raise WrongModel unless ``model`` is the one that the file was written with, and the same here."""
        check_model(self.header, model, self.name)

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
        if (head.index, head.start) != (index, index * self.header.chunk_size):
            raise self._damaged(index, f"chunk {head.index} is in its place")
        if (head.size, head.coded_size, head.tag) != (entry.size, entry.coded_size, entry.digest[: clz.TAG]):
            raise self._damaged(index, "it is not the chunk that the index lists")
        if head.method is clz.Method.RAW and head.size != head.coded_size:
            raise self._damaged(index, f"{head.size} bytes stored as they are cannot take {head.coded_size}")
        return head, entry.offset + length

    def _checked_head(self, index: int) -> tuple[clz.ChunkHead, int]:
        """Return what `_head` does, once the coded bytes match their checksum too."""
        head, start = self._head(index)
        crc = 0
        for piece in coded_pieces(self._file, start, head.coded_size):
            crc = zlib.crc32(piece, crc)
        if crc.to_bytes(4, "little") != self._read(start + head.coded_size, 4):
            raise self._damaged(index, "its data does not match its checksum")
        return head, start

    def coded(self, index: int) -> tuple[clz.ChunkHead, bytes]:
        """Return a chunk's head and coded bytes, which must match their checksum."""
        head, start = self._checked_head(index)
        return head, self._read(start, head.coded_size)

    def decode(self, index: int, model: ChunkModel, progress: Progress | None = None) -> bytes:
        """Return a chunk's original bytes, which must match their digest."""
        return b"".join(self.pieces(index, model, progress))

    def pieces(self, index: int, model: ChunkModel, progress: Progress | None = None) -> Iterator[bytes | memoryview]:
        """Yield a chunk's original bytes piece by piece; they are as written if no error follows.

        Raises:
            CorruptFile: the chunk is damaged.
            WrongModel: it is whole, and this machine computes other probabilities than the one that wrote it.
        """
        head, start = self._checked_head(index)
        if head.method is clz.Method.MODEL:
            coded = self._read(start, head.coded_size)
            of_version = reader_of(model, self.header.stream_version)
            yield self.checked(head, lambda: decode_chunk(head.method, coded, head.size, of_version, progress), model)
            return
        digest = clz.ChunkDigest(head.index, head.start, head.size)
        try:
            for piece in unpacked(head.method, coded_pieces(self._file, start, head.coded_size), head.size):
                digest.update(piece)
                yield piece
        except CorruptStream as error:
            raise self._damaged(index, str(error)) from error
        if digest.digest() != self.trailer.entries[index].digest:
            raise self._damaged(index, "it holds other bytes than were put in, though its data is whole")

    def checked(self, head: clz.ChunkHead, decoded: Callable[[], bytes], model: ChunkModel) -> bytes:
        """Return what ``decoded`` gives for a chunk that ``model`` coded, whose coded bytes match their checksum.

        Raises:
            CorruptFile, WrongModel: as `pieces`.
        """
        why = (
            "it decodes to other bytes than were encoded, though its data is whole: "
            "the model does not run here as it ran there"
        )
        try:
            data = decoded()
            if clz.chunk_digest(head.index, head.start, data) == self.trailer.entries[head.index].digest:
                return data
            cause = None
        except CorruptStream as error:
            why, cause = str(error), error
        if identity_of(model).machine:
            place = f"{self.name}: chunk {head.index} of {self.num_chunks} does not decode"
            raise WrongModel(f"{place}, but {other_probabilities(self.header, model)}") from cause
        raise self._damaged(head.index, why) from cause

    def _read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)

    def _read_trailer(self) -> clz.Trailer:
        footer = clz.parse_footer(self._read(max(0, self.file_size - clz.FOOTER_MOST), clz.FOOTER_MOST))
        if footer is None or sum(footer) > min(self.file_size, clz.TRAILER_MOST):
            raise CorruptFile(
                f"{self.name}: the end of the file is missing or damaged: it was cut, or something was added; {_ADVICE}"
            )
        self.trailer_offset = self.file_size - sum(footer)
        data = self._read(self.trailer_offset, sum(footer))
        trailer = clz.parse_trailer(data, self.trailer_offset, self.header)
        if trailer is None:
            raise CorruptFile(f"{self.name}: the index at the end of the file is damaged; {_ADVICE}")
        return trailer

    def _check_layout(self, header_size: int) -> None:
        """Chunks must lie between header and trailer without gap: in glued files they do not."""
        entries = self.trailer.entries
        first = entries[0].offset if len(entries) else self.trailer_offset
        if first != header_size or not self.header.agrees(self.trailer.header):
            raise CorruptFile(f"{self.name}: its parts do not fit together: files were glued, or parts lost; {_ADVICE}")

    def _damaged(self, index: int, why: str) -> CorruptFile:
        first = index * self.header.chunk_size
        last = first + self.trailer.entries[index].size
        return CorruptFile(
            f"{self.name}: chunk {index} of {self.num_chunks} (bytes {first} to {last} of the original) "
            f"is damaged: {why}; {_ADVICE}"
        )
