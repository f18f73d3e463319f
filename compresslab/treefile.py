r"""The file of a token tree: a header, the flat arrays, and a checksum over both.

Layout (little-endian)::

    bytes 0-7     the magic b"CLTREE\r\n"
    bytes 8-11    length n of the header, uint32
    n bytes       the header: JSON in ASCII, keys sorted: format version, parse, vocab_size, and for each array its
                  name, dtype, length and offset in the file; spaces to a multiple of 64
    arrays        each at a multiple of 64, zeros between them, so that a file can be mapped into memory
    last 32 bytes BLAKE2b-256 of everything before

Equal trees give equal files, byte for byte.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from compresslab.errors import CorruptFile
from compresslab.files import open_file, read_buffer, unreadable, write_atomic
from compresslab.phrases import Parse, check_parse
from compresslab.strings import SortedLeaves, Unsigned

__all__ = ["Column", "map_tree_file", "read_tree_file", "write_columns", "write_tree_file"]

_MAGIC: Final = b"CLTREE\r\n"
_VERSION: Final = 1
_ALIGN: Final = 64
_DIGEST: Final = 32
_PIECE: Final = 1 << 20  # numbers written at a time


def write_tree_file(path: str | PathLike[str], leaves: SortedLeaves, vocab_size: int, parse: Parse) -> None:
    """Write a tree to a file, whole or not at all.

    Raises:
        UnreadableFile: the file cannot be written.
    """
    arrays = {f"symbols{m}": symbols for m, symbols in enumerate(leaves.symbols, start=1)}
    arrays |= {"shared": leaves.shared, "length": leaves.length, "counts": leaves.counts}
    write_columns(path, {name: _column(array) for name, array in arrays.items()}, vocab_size, parse)


@dataclass(frozen=True)
class Column:
    """One array of a tree file, which may be too large to hold.

    Attributes:
        dtype: its type.
        size: its length.
        pieces: yields it piece by piece.
    """

    dtype: np.dtype[Any]
    size: int
    pieces: Callable[[], Iterable[NDArray[Any]]]

    @property
    def nbytes(self) -> int:
        """Bytes in all."""
        return self.size * self.dtype.itemsize


def write_columns(path: str | PathLike[str], columns: dict[str, Column], vocab_size: int, parse: Parse) -> None:
    """Write a tree whose arrays come in pieces: ``symbols1`` to ``symbolsd``, ``shared``, ``length``, ``counts``.

    Raises:
        UnreadableFile: the file cannot be written.
    """
    write_atomic(path, _with_digest(_chunks(columns, {"vocab_size": vocab_size, "parse": parse})))


def _column(array: Unsigned) -> Column:
    return Column(array.dtype, array.size, lambda: (array[lo : lo + _PIECE] for lo in range(0, array.size, _PIECE)))


def map_tree_file(path: str | PathLike[str]) -> tuple[SortedLeaves, int, Parse]:
    """Open a tree file as a memory map: nothing is read but the header, and the checksum is not looked at.

    Raises:
        UnreadableFile: the file is missing or cannot be read.
        CorruptFile: it is no tree file, is of another format version, or was cut.
    """
    name = fspath(path)
    try:
        with open_file(path) as file:
            head = file.read(12)
        mapped = len(head) == 12 and head[: len(_MAGIC)] == _MAGIC
        data = np.asarray(np.memmap(path, np.uint8, "r")) if mapped else np.empty(0, np.uint8)
    except OSError as error:
        raise unreadable(path, error) from error
    if not mapped:
        raise CorruptFile(f"{name} is not a token tree file: it does not start as TokenTree.save starts one")
    return _read_structure(data[:-_DIGEST], name)


def read_tree_file(path: str | PathLike[str]) -> tuple[SortedLeaves, int, Parse]:
    """Read a tree file and check it; return the leaves, the vocabulary's size and the parse.

    Raises:
        UnreadableFile: the file is missing or cannot be read.
        CorruptFile: it is no tree file, is of another format version, or does not match its checksum.
    """
    data, name = read_buffer(path), fspath(path)
    if data[: len(_MAGIC)].tobytes() != _MAGIC:
        raise CorruptFile(f"{name} is not a token tree file: it does not start as TokenTree.save starts one")
    body, digest = data[:-_DIGEST], data[-_DIGEST:].tobytes()
    if hashlib.blake2b(body.data, digest_size=_DIGEST).digest() != digest:
        raise CorruptFile(f"{name} is damaged: its checksum does not match; restore it, or build the tree again")
    return _read_structure(body, name)


def _read_structure(body: NDArray[np.uint8], name: str) -> tuple[SortedLeaves, int, Parse]:
    try:
        return _read_body(body, name)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, CorruptFile):
            raise
        raise CorruptFile(f"{name} has a header that is not a token tree's ({error}): build the tree again") from error


def _read_body(body: NDArray[np.uint8], name: str) -> tuple[SortedLeaves, int, Parse]:
    size = int.from_bytes(body[8:12].tobytes(), "little")
    header = json.loads(body[12 : 12 + size].tobytes())
    if header["version"] != _VERSION:
        raise CorruptFile(
            f"{name} has format version {header['version']}, this compresslab reads {_VERSION}: update it"
        )
    arrays = {entry["name"]: _array(body, entry) for entry in header["arrays"]}
    symbols = tuple(arrays[f"symbols{m}"] for m in range(1, len(arrays) - 2))
    leaves = SortedLeaves(symbols, arrays["shared"], arrays["length"], arrays["counts"])
    return leaves, header["vocab_size"], check_parse(header["parse"])


def _array(body: NDArray[np.uint8], entry: dict[str, Any]) -> Unsigned:
    dtype = np.dtype(entry["dtype"])
    raw = body[entry["offset"] : entry["offset"] + entry["size"] * dtype.itemsize]
    if raw.size != entry["size"] * dtype.itemsize:
        raise ValueError(f"{entry['name']} is cut short")
    array: Unsigned = raw.view(dtype).astype(dtype.newbyteorder("="), copy=False)
    return array


def _chunks(columns: dict[str, Column], meta: dict[str, Any]) -> Iterator[bytes | memoryview]:
    # Offsets depend on the header's own length: write it with room to spare, then fill in.
    room = _up(len(_MAGIC) + 4 + len(_encode(meta, columns, 1 << 62)))
    header = _encode(meta, columns, room).ljust(room - len(_MAGIC) - 4)
    yield _MAGIC + len(header).to_bytes(4, "little") + header
    for column in columns.values():
        little = column.dtype.newbyteorder("<")
        for piece in column.pieces():
            yield np.ascontiguousarray(piece, little).view(np.uint8).data
        yield b"\0" * (_up(column.nbytes) - column.nbytes)


def _encode(meta: dict[str, Any], columns: dict[str, Column], start: int) -> bytes:
    entries, at = [], start
    for name, column in columns.items():
        entries.append({"name": name, "dtype": column.dtype.newbyteorder("<").str, "size": column.size, "offset": at})
        at += _up(column.nbytes)
    return json.dumps(meta | {"version": _VERSION, "arrays": entries}, sort_keys=True, separators=(",", ":")).encode(
        "ascii"
    )


def _up(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN


def _with_digest(chunks: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    digest = hashlib.blake2b(digest_size=_DIGEST)
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    yield digest.digest()
