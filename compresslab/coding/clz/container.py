"""`.clz` files: any file, compressed in independent chunks, checked on every byte, decoded whole or in parts.

`compress_file`, `decompress_file`, `verify_file`, `file_info`, `read_range`. Memory holds a chunk (per worker), never a
file; what is stored without a model is decoded piece by piece. A file appears under its name when it is complete and
synced, or not at all. What happens to damaged files is in `compresslab.coding.clz.recovery`, what they look like in
docs/format.md.
"""

from __future__ import annotations

import os
import platform
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

import compresslab.coding.clz.format as clz
from compresslab._support.files import open_file, write_atomic
from compresslab._support.processes import process_pool
from compresslab.coding.clz.chunk_model import (
    CheckedModel,
    ChunkModel,
    EmbeddedModel,
    Encoded,
    Progress,
    decode_chunk,
    encode_chunk,
    identity_of,
    stream_version_of,
)
from compresslab.coding.clz.escapes import Escape
from compresslab.coding.clz.header import CHUNK_MOST, CHUNKS_MOST, Header
from compresslab.coding.clz.reader import ClzReader
from compresslab.errors import CorruptFile, InvalidParameter, UnreadableFile

__all__ = [
    "DEFAULT_CHUNK_SIZE",
    "SUFFIX",
    "FileInfo",
    "check_chunk_size",
    "compress_file",
    "decompress_file",
    "file_info",
    "original_path",
    "read_range",
    "verify_file",
]

SUFFIX = ".clz"
DEFAULT_CHUNK_SIZE = 1 << 24
"""16 MiB. The model starts afresh with every chunk: larger ones compress better, smaller ones lose less to damage."""

_NAME_MOST = 200  # characters of a model's name, which is for people


@dataclass(frozen=True)
class FileInfo:
    """What a `.clz` file says about itself.

    Attributes:
        path: of the `.clz` file.
        model: name of the model that its chunks are coded by.
        fingerprint: of that model's content (in version 2: of the machine too).
        settings: of that model: shapes, dtype, threads.
        libraries: versions of what wrote it.
        original_size, coded_size: bytes of the original and of the whole `.clz` file.
        chunk_size: original bytes per chunk (the last one may be shorter).
        methods: how many chunks are stored how: "model", "raw", "zlib", "lzma".
        digest: BLAKE2b-256 of the original, in hexadecimal; where it is a single chunk, that chunk's BLAKE2b-128.
        version: of the format.
        stream_version: of what its chunks hold.
        tokenizer: fingerprint of the model's tokenizer; empty where there is none.
        machine: what the model's floats depended on where it was written; empty for whole numbers.
    """

    path: str
    model: str
    fingerprint: str
    settings: dict[str, Any]
    libraries: dict[str, str]
    original_size: int
    coded_size: int
    chunk_size: int
    methods: dict[str, int]
    digest: str
    version: int
    stream_version: int
    tokenizer: str
    machine: dict[str, Any]

    @property
    def num_chunks(self) -> int:
        """Number of chunks."""
        return sum(self.methods.values())

    @property
    def bits_per_byte(self) -> float:
        """Bits of the `.clz` file per byte of the original; NaN for an empty original."""
        return 8 * self.coded_size / self.original_size if self.original_size else float("nan")


def check_chunk_size(size: int) -> int:
    """Return ``size``, or raise InvalidParameter unless chunks may have so many bytes."""
    if not 1 <= size <= CHUNK_MOST:
        raise InvalidParameter(f"chunks must have from 1 to {CHUNK_MOST} bytes (32 MiB), not {size}")
    return size


def compress_file(
    source: str | PathLike[str],
    target: str | PathLike[str] | None = None,
    *,
    model: ChunkModel | None = None,
    chunk_size: int = DEFAULT_CHUNK_SIZE,
    verify: bool | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    escaped: Callable[[Escape], None] | None = None,
) -> FileInfo:
    """Compress a file to ``target`` (default: its name with ``.clz`` added) and say what came out.

    Permissions and the time of the last change are kept, as gzip and zstd keep them.

    Args:
        source: any file.
        target: replaced if it exists.
        model: what codes the chunks; default: `EmbeddedModel`.
        chunk_size: original bytes per chunk.
        verify: decode every chunk that the model coded before trusting it, which takes as long again. Default: yes,
            but not for the embedded model, whose whole numbers cannot come out otherwise.
        workers: processes; more than 1 only for the embedded model. Scripts then need the usual main guard.
        progress: called with (original bytes done, in all).
        escaped: called for each chunk that is stored without the model, with the reason.

    Raises:
        UnreadableFile: the source cannot be read or changes meanwhile, or the target cannot be written.
        InvalidParameter: chunk_size or workers out of range.
        NotRepeatable: the model does not compute the same twice on this machine; nothing was written.
    """
    model = EmbeddedModel() if model is None else model
    check_chunk_size(chunk_size)
    _check_workers(workers, model)
    verify = not isinstance(model, EmbeddedModel) if verify is None else verify
    path = Path(f"{fspath(source)}{SUFFIX}") if target is None else Path(target)
    with open_file(source) as file:
        if isinstance(model, CheckedModel):
            model.check()
        held = os.fstat(file.fileno())
        size = held.st_size
        if -(-size // chunk_size) > CHUNKS_MOST:
            raise InvalidParameter(
                f"{fspath(source)} has {size} bytes, more than {CHUNKS_MOST} chunks of {chunk_size}: take larger ones"
            )
        header = _header(model, size, chunk_size)
        write_atomic(
            path, _compressed(file, fspath(source), header, model, verify, workers, progress, escaped), like=held
        )
    return file_info(path)


def decompress_file(
    source: str | PathLike[str],
    target: str | PathLike[str] | None = None,
    *,
    model: ChunkModel | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Decompress a file to ``target`` (default: its name without ``.clz``), checking every byte; return the target.

    Permissions and the time of the last change are those of the ``.clz`` file.

    Raises:
        CorruptFile: damaged, naming the chunk; nothing is written. `recover_file` saves what is whole.
        WrongModel: written under another model or setting; nothing was decoded.
        UnreadableFile: the source cannot be read or the target not written.
        InvalidParameter: no target, and the source's name does not end in ``.clz``.
    """
    path = original_path(source) if target is None else Path(target)
    model = EmbeddedModel() if model is None else model
    _check_workers(workers, model)
    with ClzReader(source) as reader:
        reader.check_model(model)
        write_atomic(path, _decompressed(reader, model, workers, progress), like=os.stat(source))
    return path


def original_path(source: str | PathLike[str]) -> Path:
    """Return where the original of a `.clz` file goes: its name without ``.clz`` (or ``.CLZ``).

    Raises:
        InvalidParameter: it does not end so, or it has no other name.
    """
    path = Path(source)
    if path.suffix.lower() != SUFFIX:
        raise InvalidParameter(f"{path} does not end in {SUFFIX}: say where to write the result (--out)")
    return path.with_suffix("")


def verify_file(
    source: str | PathLike[str],
    *,
    model: ChunkModel | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> FileInfo:
    """Decompress a file to nowhere, checking every byte; raises what `decompress_file` raises."""
    model = EmbeddedModel() if model is None else model
    _check_workers(workers, model)
    with ClzReader(source) as reader:
        reader.check_model(model)
        for _ in _decompressed(reader, model, workers, progress):
            pass
    return file_info(source)


def file_info(source: str | PathLike[str]) -> FileInfo:
    """Return what a `.clz` file says about itself, after checking header, index and chunk heads (not the chunks).

    Raises:
        CorruptFile: not a `.clz` file, or damaged in those parts.
        UnreadableFile: cannot be read.
    """
    with ClzReader(source) as reader:
        methods = Counter(reader.head(i).method.name.lower() for i in range(reader.num_chunks))
        header = reader.header
        return FileInfo(
            path=fspath(source),
            model=header.model,
            fingerprint=header.identity.model,
            settings=header.settings,
            libraries=header.libraries,
            original_size=header.original_size,
            coded_size=reader.file_size,
            chunk_size=header.chunk_size,
            methods=dict(methods),
            digest=reader.trailer.digest.hex(),
            version=header.version,
            stream_version=header.stream_version,
            tokenizer=header.identity.tokenizer,
            machine=dict(header.identity.machine),
        )


def read_range(source: str | PathLike[str], start: int, stop: int, *, model: ChunkModel | None = None) -> bytes:
    """Return bytes ``start`` to ``stop`` (exclusive) of the original, decoding only the chunks that hold them.

    Raises:
        InvalidParameter: not within the original.
        CorruptFile, WrongModel, UnreadableFile: as `decompress_file`.
    """
    model = EmbeddedModel() if model is None else model
    with ClzReader(source) as reader:
        reader.check_model(model)
        size, chunk_size = reader.header.original_size, reader.header.chunk_size
        if not 0 <= start <= stop <= size:
            raise InvalidParameter(f"bytes {start} to {stop} do not lie within the original's {size}")
        parts = []
        for index in range(start // chunk_size, -(-stop // chunk_size)):
            first = index * chunk_size
            parts.append(reader.decode(index, model)[max(0, start - first) : stop - first])
        return b"".join(parts)


def _header(model: ChunkModel, size: int, chunk_size: int) -> Header:
    from compresslab import __version__

    libraries = {"compresslab": __version__, "numpy": np.__version__, "python": platform.python_version()}
    names = (model.name[:_NAME_MOST], model.settings(), libraries)
    return Header(size, chunk_size, identity_of(model), *names, stream_version=stream_version_of(model))


def _check_workers(workers: int, model: ChunkModel) -> None:
    if workers < 1:
        raise InvalidParameter(f"there must be at least one worker, not {workers}")
    if workers > 1 and not isinstance(model, EmbeddedModel):
        raise InvalidParameter(f"the model {model.name!r} runs in this process only: use workers=1")


def _compressed(
    file: BinaryIO,
    name: str,
    header: Header,
    model: ChunkModel,
    verify: bool,
    workers: int,
    progress: Progress | None,
    escaped: Callable[[Escape], None] | None,
) -> Iterator[bytes]:
    """Yield the parts of the `.clz` file."""
    size, chunk_size = header.original_size, header.chunk_size
    digest = clz.whole_digest()
    yield clz.pack_header(header)
    coded_sizes: list[int] = []
    digests: list[bytes] = []

    def chunks() -> Iterator[bytes]:
        for start in range(0, size, chunk_size):
            data = file.read(min(chunk_size, size - start))
            if len(data) != min(chunk_size, size - start):
                raise UnreadableFile(f"{name} became shorter while it was read: compress a copy of it")
            yield data
        if file.read(1):
            raise UnreadableFile(f"{name} became longer while it was read: compress a copy of it")

    start = 0
    for data, (method, coded, why) in _mapped(chunks(), model, verify, workers, _shifted(progress, chunk_size, size)):
        digest.update(data)
        index, own = len(digests), clz.chunk_digest(len(digests), start, data)
        yield clz.pack_chunk(clz.ChunkHead(index, method, start, len(data), len(coded), own[: clz.TAG]), coded)
        coded_sizes.append(len(coded))
        digests.append(own)
        start += len(data)
        if escaped is not None and why is not None:
            escaped(why)
        if progress is not None:
            progress(start, size)
    yield clz.pack_trailer(header, coded_sizes, digests, digest.digest())


def _mapped(
    chunks: Iterator[bytes], model: ChunkModel, verify: bool, workers: int, shifted: Callable[[int], Progress | None]
) -> Iterator[tuple[bytes, Encoded]]:
    """Yield chunks with what they are coded to, in order, at most one per worker ahead."""
    if workers == 1:
        for index, data in enumerate(chunks):
            yield data, encode_chunk(data, model, verify, shifted(index))
        return
    waiting: deque[tuple[bytes, Future[Encoded]]] = deque()
    with process_pool(workers) as pool:
        for data in chunks:
            waiting.append((data, pool.submit(encode_chunk, data, EmbeddedModel(), verify)))
            if len(waiting) > workers:
                first, future = waiting.popleft()
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()


def _decompressed(
    reader: ClzReader, model: ChunkModel, workers: int, progress: Progress | None
) -> Iterator[bytes | memoryview]:
    """Yield the original in pieces, every chunk checked; the whole is checked before the last one is out."""
    digest = clz.whole_digest()
    size = reader.header.original_size
    done = 0
    for data in _decoded(reader, model, workers, _shifted(progress, reader.header.chunk_size, size)):
        digest.update(data)
        done += len(data)
        yield data
        if progress is not None:
            progress(done, size)
    if reader.num_chunks != 1 and digest.digest() != reader.trailer.digest:
        raise CorruptFile(
            f"{reader.name}: every chunk is whole but together they are not the original: mixed-up files?"
        )


def _decoded(
    reader: ClzReader, model: ChunkModel, workers: int, shifted: Callable[[int], Progress | None]
) -> Iterator[bytes | memoryview]:
    if workers == 1:
        for index in range(reader.num_chunks):
            yield from reader.pieces(index, model, shifted(index))
        return
    waiting: deque[tuple[clz.ChunkHead, Future[bytes] | None]] = deque()

    def ready() -> Iterator[bytes | memoryview]:
        head, future = waiting.popleft()
        if future is None:  # stored without the model: quick
            yield from reader.pieces(head.index, model)
        else:
            yield reader.checked(head, future.result, model)

    with process_pool(workers) as pool:
        for index in range(reader.num_chunks):
            head = reader.head(index)
            future = None
            if head.method is clz.Method.MODEL:
                coded = reader.coded(index)[1]
                future = pool.submit(decode_chunk, head.method, coded, head.size, EmbeddedModel())
            waiting.append((head, future))
            if len(waiting) > workers:
                yield from ready()
        while waiting:
            yield from ready()


def _shifted(progress: Progress | None, chunk_size: int, size: int) -> Callable[[int], Progress | None]:
    """Return what makes, for a chunk, the callback that reports its bytes as bytes of the file."""

    def shifted(index: int) -> Progress | None:
        if progress is None:
            return None
        return lambda done, total: progress(index * chunk_size + min(done, total), size)

    return shifted
