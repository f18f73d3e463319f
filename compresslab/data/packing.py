"""Packed files: gzip, bzip2, xz and zstd are known by the bytes they begin with, and unpacked before anything else."""

from __future__ import annotations

import bz2
import gzip
import importlib
import lzma
import zlib
from collections.abc import Callable
from typing import Any

from compresslab.errors import CorruptFile, MissingExtra

__all__ = ["PACKED_SUFFIXES", "unpack"]

# Name, the bytes that such a file begins with, and what may stand at the end of its name.
_KINDS = (
    ("gzip", b"\x1f\x8b\x08", ".gz"),
    ("bzip2", b"BZh", ".bz2"),
    ("xz", b"\xfd7zXZ\x00", ".xz"),
    ("zstd", b"\x28\xb5\x2f\xfd", ".zst"),
)
PACKED_SUFFIXES = tuple(suffix for _, _, suffix in _KINDS)
_BLOCKS = (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")  # after "BZh" and a digit: a block, or the end of an empty file
_DEEPEST = 4  # layers: a file packed twice is odd, one packed without end is an attack


def unpack(data: bytes, where: str) -> bytes:
    """Return what a file holds, unpacked as often as it was packed; a file that was not is returned as it is.

    Args:
        data: the bytes of the file.
        where: its name, for errors.

    Raises:
        CorruptFile: it is cut short or damaged, or packed more than four times over.
        MissingExtra: it is zstd, and no package that reads it is installed.

    Example:
        >>> unpack(gzip.compress(b"to be"), "a.gz"), unpack(b"BZh is not packed", "b.txt")
        (b'to be', b'BZh is not packed')
    """
    for _ in range(_DEEPEST):
        kind = _packing(data)
        if kind is None:
            return data
        try:
            data = _READERS[kind](data)
        except (OSError, EOFError, lzma.LZMAError, zlib.error, ValueError) as error:
            raise CorruptFile(
                f"{where} is a {kind} file that is cut short or damaged ({' '.join(str(error).split()) or kind}): "
                "copy or make it again"
            ) from error
        except MemoryError as error:
            raise CorruptFile(f"{where} does not fit into memory unpacked: unpack it, and give its parts") from error
    if _packing(data) is not None:
        raise CorruptFile(f"{where} is packed more than {_DEEPEST} times over: unpack it first")
    return data


def _packing(data: bytes) -> str | None:
    kind = next((name for name, magic, _ in _KINDS if data.startswith(magic)), None)
    if kind == "bzip2" and not (data[3:4].isdigit() and data[4:10] in _BLOCKS):
        return None
    return kind


def _members(data: bytes, make: Callable[[], Any]) -> bytes:
    """Unpack what may be several packed files in a row; what follows them and is not one is an error."""
    parts = []
    while data:
        reader = make()
        parts.append(reader.decompress(data))
        if not reader.eof:
            raise EOFError("it ends before the mark of its end")
        data = reader.unused_data.lstrip(b"\0")
    return b"".join(parts)


def _zstd(data: bytes) -> bytes:
    """Unpack by Python's own module (3.14), the package zstandard, or pyarrow: whichever is there."""
    for module in ("compression.zstd", "zstandard"):
        try:
            found = importlib.import_module(module)
        except ImportError:
            continue
        if module == "zstandard":
            with found.ZstdDecompressor().stream_reader(data, read_across_frames=True) as reader:
                return bytes(reader.read())
        return bytes(found.decompress(data))
    try:
        import pyarrow as pa
    except ImportError as error:
        raise MissingExtra("reading zstd files", "scale") from error
    with pa.input_stream(pa.BufferReader(data), compression="zstd") as stream:
        return bytes(stream.read())


_READERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "bzip2": lambda data: _members(data, bz2.BZ2Decompressor),
    "xz": lambda data: _members(data, lzma.LZMADecompressor),
    "zstd": _zstd,
}
