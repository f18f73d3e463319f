"""What codes the chunks of a `.clz` file: the protocol, the embedded model, and the escapes that store any bytes."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np

from compresslab.coding.byte_model.model import BYTES_PER_CODED_BYTE, compress_bytes, decompress_bytes
from compresslab.coding.clz.escapes import Escape, Reason
from compresslab.coding.clz.format import Method
from compresslab.coding.clz.header import CHUNK_MOST, Header
from compresslab.coding.clz.identity import Identity
from compresslab.coding.stream_version import STREAM_VERSION
from compresslab.errors import CompressLabError, CorruptStream, DecodingError, InvalidParameter

__all__ = [
    "CheckedModel",
    "ChunkModel",
    "EmbeddedModel",
    "Encoded",
    "IdentifiedModel",
    "NoModel",
    "Progress",
    "StreamedModel",
    "decode_chunk",
    "encode_chunk",
    "identity_of",
    "reader_of",
    "stream_version_of",
    "unpacked",
]

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (bytes done, bytes in all); the last call has both equal."""


_LITTLE = 48  # bytes: not worth starting a model for
_PIECE: Final = 1 << 20  # bytes that are decoded at a time
_LZMA_MEMORY: Final = 80 << 20  # bytes; what is written here needs 65 MiB, with the dictionary of preset 9


class ChunkModel(Protocol):
    """A model that codes chunks of bytes. Chunks are independent: each call starts afresh.

    ``fingerprint`` names everything that decoding depends on: a file is only decoded under the fingerprint it was
    written with. ``settings`` says the same for people and is stored in the file; it must be JSON. A model whose
    probabilities are floats, which other machines compute otherwise, is an `IdentifiedModel` as well.
    """

    @property
    def name(self) -> str:
        """Short name, stored in the file."""
        ...

    def fingerprint(self) -> str:
        """Hexadecimal digest of everything that decoding depends on."""
        ...

    def settings(self) -> dict[str, Any]:
        """What the fingerprint stands for, as JSON."""
        ...

    def compress(self, data: bytes, progress: Progress | None = None) -> bytes:
        """Code a chunk; may raise a CompressLabError if it cannot (it is then stored without the model)."""
        ...

    def decompress(self, coded: bytes, size: int, progress: Progress | None = None) -> bytes:
        """Decode a chunk of ``size`` bytes; raises CorruptStream if ``coded`` cannot be one."""
        ...


@runtime_checkable
class IdentifiedModel(Protocol):
    """A `ChunkModel` of floats: what it is, and what this machine makes of it, are told apart."""

    def identity(self) -> Identity:
        """Return fingerprints of its content, a probe of its probabilities here, and the facts of this machine."""
        ...

    def wrote(self, header: Header) -> bool:
        """Tell whether a file of version 2, whose one fingerprint is of model and machine, is of the same model."""
        ...


@runtime_checkable
class StreamedModel(Protocol):
    """A `ChunkModel` whose chunks are not the same in all stream versions."""

    @property
    def stream_version(self) -> int:
        """The version of the chunks that it writes."""
        ...

    def reading(self, stream_version: int) -> ChunkModel:
        """Return the same model, which codes chunks of this version."""
        ...


@runtime_checkable
class CheckedModel(Protocol):
    """A `ChunkModel` that can tell before the work whether this machine lets it code at all."""

    def check(self) -> None:
        """Raise NotRepeatable unless it computes the same twice here."""
        ...


def reader_of(model: ChunkModel, stream_version: int) -> ChunkModel:
    """Return what decodes a model's chunks of a stream version."""
    return model.reading(stream_version) if isinstance(model, StreamedModel) else model


def stream_version_of(model: ChunkModel) -> int:
    """Return the version of the chunks that a model writes."""
    return model.stream_version if isinstance(model, StreamedModel) else STREAM_VERSION


def identity_of(model: ChunkModel) -> Identity:
    """Return what a file is to say of the model that codes it."""
    return model.identity() if isinstance(model, IdentifiedModel) else Identity(model.fingerprint())


class EmbeddedModel:
    """The model that every compresslab has: `compresslab.coding.byte_model.model`, whole numbers only, no torch.

    Example:
        >>> model = EmbeddedModel()
        >>> model.decompress(model.compress(b"abracadabra"), 11)
        b'abracadabra'
    """

    name = "embedded"

    def fingerprint(self) -> str:
        """A version: it changes when, and only when, the same bytes would be coded otherwise."""
        return "656d6265646465642d31"  # "embedded-1"

    def settings(self) -> dict[str, Any]:
        """Nothing that could differ between machines."""
        return {"tokenizer": "bytes", "arithmetic": "integer"}

    def compress(self, data: bytes, progress: Progress | None = None) -> bytes:
        """Code a chunk, see `compress_bytes`."""
        return compress_bytes(data, progress)

    def decompress(self, coded: bytes, size: int, progress: Progress | None = None) -> bytes:
        """Decode a chunk, see `decompress_bytes`."""
        if size > BYTES_PER_CODED_BYTE * (len(coded) + 16):
            raise CorruptStream(
                f"a chunk claims {size} bytes from {len(coded)} coded ones, more than the model can make of them"
            )
        return decompress_bytes(coded, size, progress)


class NoModel:
    """Stands for a model that cannot be set up: the chunks that it coded are lost, and those stored without it are not.

    Args:
        why: what is said of each chunk that it coded.
    """

    name = "none"

    def __init__(self, why: str) -> None:
        self.why = why

    def fingerprint(self) -> str:
        """Nothing: it is compared with none."""
        return ""

    def settings(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def compress(self, data: bytes, progress: Progress | None = None) -> bytes:
        """Raise InvalidParameter."""
        raise InvalidParameter(self.why)

    def decompress(self, coded: bytes, size: int, progress: Progress | None = None) -> bytes:
        """Raise CorruptStream."""
        raise CorruptStream(self.why)


class Encoded(NamedTuple):
    """A coded chunk; ``escape`` says why the model did not code it, None where it did."""

    method: Method
    coded: bytes
    escape: Escape | None = None


def encode_chunk(data: bytes, model: ChunkModel, verify: bool = True, progress: Progress | None = None) -> Encoded:
    """Code a chunk in the smallest way that is known to decode: by the model, or raw, by zlib or by LZMA.

    The model is not asked where its answer is foreseeable: noise, and bytes of which zlib leaves next to nothing. If it
    fails, or with ``verify`` does not decode to the same bytes, the chunk is stored without it.
    """
    no_smaller = Escape(Reason.NO_SMALLER, len(data))
    best = Encoded(Method.RAW, data, no_smaller)
    packed = zlib.compress(data, 9)
    if len(packed) < len(data):
        best = Encoded(Method.ZLIB, packed, no_smaller)
    if len(packed) < max(len(data) // 100, _LITTLE):
        return _without_model(data, best, no_smaller) if len(packed) > _LITTLE else best
    if len(data) >= 1 << 12 and len(packed) >= len(data) and _is_flat(data):
        return best
    coded, escape = _by_the_model(data, model, len(best.coded), verify, progress)
    return _without_model(data, best, escape) if escape is not None else Encoded(Method.MODEL, coded)


def _by_the_model(
    data: bytes, model: ChunkModel, most: int, verify: bool, progress: Progress | None
) -> tuple[bytes, Escape | None]:
    """Return a chunk as the model codes it, below ``most`` bytes; or why it is to be stored without it."""
    try:
        coded = model.compress(data, _part(progress, 0, 2 if verify else 1))
    except DecodingError as error:
        return b"", Escape(Reason.NOT_TEXT, len(data), str(error))
    except CompressLabError as error:
        return b"", Escape(Reason.REFUSED, len(data), str(error))
    if len(coded) >= most:
        return b"", Escape(Reason.NO_SMALLER, len(data))
    try:
        if not verify or model.decompress(coded, len(data), _part(progress, 1, 2)) == data:
            return coded, None
    except CompressLabError as error:
        return b"", Escape(Reason.NOT_REPEATED, len(data), str(error))
    return b"", Escape(Reason.NOT_REPEATED, len(data))


def _without_model(data: bytes, best: Encoded, escape: Escape) -> Encoded:
    """Return a chunk stored by LZMA where that is smaller than ``best``."""
    packed = _lzma(data)
    method, coded = (Method.LZMA, packed) if len(packed) < len(best.coded) else (best.method, best.coded)
    return Encoded(method, coded, escape)


def decode_chunk(
    method: Method, coded: bytes | memoryview, size: int, model: ChunkModel, progress: Progress | None = None
) -> bytes:
    """Decode what `encode_chunk` made of ``size`` bytes.

    Memory: the coded bytes and at most ``size`` more, whatever the coded bytes are, beside the model's own.

    Raises:
        CorruptStream: if it does not decode to ``size`` bytes, or ``size`` is above `CHUNK_MOST`.
    """
    if size > CHUNK_MOST:
        raise CorruptStream(
            f"a chunk of {size} bytes is larger than {CHUNK_MOST}, the most that is decoded in memory: the release "
            "that wrote it can"
        )
    if method is not Method.MODEL:
        return b"".join(unpacked(method, [coded], size))
    try:
        data = model.decompress(bytes(coded), size, progress)
    except CorruptStream:
        raise
    except CompressLabError as error:
        raise CorruptStream(f"a chunk does not decode ({error})") from error
    if len(data) != size:
        raise CorruptStream(f"a chunk decodes to {len(data)} bytes, not the {size} that it announces: it is damaged")
    return data


def unpacked(method: Method, coded: Iterable[bytes | memoryview], size: int) -> Iterator[bytes | memoryview]:
    """Yield the ``size`` bytes of a chunk that is stored raw, by zlib or by LZMA, piece by piece.

    Raises:
        CorruptStream: as soon as there are more, or at the end if there are fewer.
    """
    done = 0
    try:
        for piece in _inflated(method, coded):
            done += len(piece)
            if done > size:
                break
            yield piece
    except (zlib.error, lzma.LZMAError, EOFError) as error:
        raise CorruptStream(
            f"the {method.name.lower()} data of a chunk does not decode ({error}): it is damaged"
        ) from error
    if done != size:
        much = f"more than {size}" if done > size else f"{done}"
        raise CorruptStream(f"a chunk decodes to {much} bytes, not the {size} that it announces: it is damaged")


def _inflated(method: Method, coded: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    if method is Method.RAW:
        yield from coded
        return
    unpacker: Any = (
        zlib.decompressobj() if method is Method.ZLIB else lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LZMA_MEMORY)
    )
    for part in coded:
        if unpacker.eof and len(part):
            raise EOFError("something follows it")
        rest: bytes | memoryview = part
        while not unpacker.eof:
            out = unpacker.decompress(rest, _PIECE)
            yield out
            rest = unpacker.unconsumed_tail if method is Method.ZLIB else b""
            if len(out) < _PIECE and not rest:
                break  # all that this part gives
    if not unpacker.eof:
        raise EOFError("it is cut")
    if unpacker.unused_data:
        raise EOFError("something follows it")


def _lzma(data: bytes) -> bytes:
    return lzma.compress(data, format=lzma.FORMAT_XZ, check=lzma.CHECK_NONE, preset=9)


def _is_flat(data: bytes) -> bool:
    """Whether all byte values are about as frequent: with zlib helpless too, this is noise (or already compressed)."""
    counts = np.bincount(np.frombuffer(data, dtype=np.uint8), minlength=256)
    p = counts[counts > 0] / len(data)
    return float(-(p * np.log2(p)).sum()) > 7.9


def _part(progress: Progress | None, part: int, parts: int) -> Progress | None:
    """Report a part of the work as a part of the whole."""
    if progress is None:
        return None
    return lambda done, total: progress((part * total + done) // parts, total)
