r"""The file of a token tree: a header, the flat arrays, and checksums over all of it.

Layout of version 2 (little-endian; a checksum is a BLAKE2b-256)::

    bytes 0-7     the magic b"CLTREE\r\n"
    bytes 8-11    length n of the header, uint32
    n bytes       the header: JSON in ASCII, keys sorted, spaces at its end: "version", "parse", "vocab_size";
                  "fingerprints", an object of hexadecimal digests of what the tokens mean (of the tokenizer, say), may
                  be empty; "arrays", for each array its "name", "dtype", "size" (numbers) and "offset" in the file
    32 bytes      the checksum of everything before, which ends at a multiple of 64
    arrays        symbols1 to symbolsd, shared, length, counts, each at a multiple of 64, zeros between them, so that
                  a file can be mapped into memory; after the last one too
    32 bytes each the checksum of each array with the zeros after it
    last 32 bytes the checksum of these checksums, the header's first

Symbols are of the smallest unsigned type that holds V - 1, shared and length of that which holds d, counts unsigned.
Equal trees give equal files, byte for byte.

Version 1 has no checksum after its header, and no ``fingerprints``; its last 32 bytes are the checksum of everything
before, and there are no others. A reader of a version reads all earlier ones. Whatever changes what the bytes mean gets
a new version; a key that may be ignored may be added to the header of this one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import checked_vocab_size, smallest_unsigned
from compresslab._support.files import open_file, read_buffer, unreadable, write_atomic
from compresslab._support.json_text import parse_saved
from compresslab._support.threads import on_all_cores
from compresslab.errors import CorruptFile, InvalidParameter
from compresslab.trees.leaf_checks import check_leaves
from compresslab.trees.leaves import SortedLeaves, Unsigned
from compresslab.trees.phrases import MAX_DEPTH, Parse, check_parse

__all__ = [
    "Column",
    "TreeHeader",
    "map_tree_file",
    "read_tree_file",
    "read_tree_header",
    "verify_tree_file",
    "write_columns",
    "write_tree_file",
]

_MAGIC: Final = b"CLTREE\r\n"
_HEAD: Final = len(_MAGIC) + 4
_VERSION: Final = 2
_ALIGN: Final = 64
_DIGEST: Final = 32
_PIECE: Final = 1 << 20  # numbers written at a time
_LARGEST_HEADER: Final = 1 << 24  # that of the deepest tree takes 5 MB
_COUNTS: Final = ("|u1", "<u2", "<u4", "<u8")
_FINGERPRINT: Final = re.compile(r"(?:[0-9a-f]{2})+")
_REMEDY: Final = "restore it, or build the tree again"


@dataclass(frozen=True)
class TreeHeader:
    """What a tree file says of itself.

    Attributes:
        version: of the format.
        depth: layers below the root, ``d``.
        vocab_size: V.
        parse: the parse mode.
        fingerprints: digests, in hexadecimal, of what the tokens mean, by names such as "tokenizer".
    """

    version: int
    depth: int
    vocab_size: int
    parse: Parse
    fingerprints: Mapping[str, str]


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


def write_tree_file(
    path: str | PathLike[str],
    leaves: SortedLeaves,
    vocab_size: int,
    parse: Parse,
    fingerprints: Mapping[str, str] | None = None,
) -> None:
    """Write a tree to a file, whole or not at all.

    Raises:
        InvalidParameter: a fingerprint that is not hexadecimal.
        UnreadableFile: the file cannot be written.
    """
    symbol, small = smallest_unsigned(vocab_size - 1), smallest_unsigned(leaves.depth)
    columns = {f"symbols{m}": _column(symbols, symbol) for m, symbols in enumerate(leaves.symbols, start=1)}
    columns |= {"shared": _column(leaves.shared, small), "length": _column(leaves.length, small)}
    columns["counts"] = _column(leaves.counts, leaves.counts.dtype)
    write_columns(path, columns, vocab_size, parse, fingerprints)


def write_columns(
    path: str | PathLike[str],
    columns: dict[str, Column],
    vocab_size: int,
    parse: Parse,
    fingerprints: Mapping[str, str] | None = None,
) -> None:
    """Write a tree whose arrays come in pieces: ``symbols1`` to ``symbolsd``, ``shared``, ``length``, ``counts``.

    Raises:
        InvalidParameter: a fingerprint that is not hexadecimal.
        UnreadableFile: the file cannot be written.
    """
    known = dict(fingerprints or {})
    if not _are_fingerprints(known):
        raise InvalidParameter(f"fingerprints are names with digests in lower-case hexadecimal, not {known!r:.200}")
    write_atomic(path, _chunks(columns, {"vocab_size": vocab_size, "parse": parse, "fingerprints": known}))


def read_tree_file(path: str | PathLike[str]) -> tuple[SortedLeaves, int, Parse]:
    """Read a tree file and check all of it; return the leaves, the vocabulary's size and the parse.

    Raises:
        UnreadableFile: the file is missing, cannot be read, or does not fit into memory.
        CorruptFile: it is not a tree file, is of another format version, does not match its checksums, or its arrays
            are not the sorted leaves of a tree.
    """
    return _read(read_buffer(path), fspath(path), whole=True)


def map_tree_file(path: str | PathLike[str]) -> tuple[SortedLeaves, int, Parse]:
    """Open a tree file as a memory map.

    Checked are the header (with its checksum, from version 2 on), every array's place, type and size, and that each
    leaf adds the nodes that the layers hold; for that two numbers of each leaf are read. *Not* checked are the arrays'
    checksums, the symbols and the counts, so that damage in them gives wrong numbers, though never a read beyond an
    array: :func:`verify_tree_file` checks everything. The file must stay as it is while the map is used.

    Raises:
        UnreadableFile: the file is missing or cannot be read.
        CorruptFile: it is not a tree file, is of another format version, was cut, or what is checked is broken.
    """
    return _read(_map(path), fspath(path), whole=False)


def verify_tree_file(path: str | PathLike[str]) -> None:
    """Check a tree file as :func:`read_tree_file` does, without holding it in memory.

    Raises:
        UnreadableFile: the file is missing or cannot be read.
        CorruptFile: it is damaged in any way.
    """
    _read(_map(path), fspath(path), whole=True)


def read_tree_header(path: str | PathLike[str]) -> TreeHeader:
    """Return what a tree file says of itself; the arrays are not looked at.

    Raises:
        UnreadableFile: the file is missing or cannot be read.
        CorruptFile: it is not a tree file, is of another format version, or was cut.
    """
    return _open(_map(path), fspath(path)).header


def _map(path: str | PathLike[str]) -> NDArray[np.uint8]:
    try:
        with open_file(path) as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise _foreign(fspath(path))
            return np.asarray(np.memmap(file, np.uint8, "r"))
    except (OSError, ValueError) as error:
        raise error if isinstance(error, CorruptFile) else unreadable(path, error) from error


# ---- reading ----


@dataclass(frozen=True, eq=False)
class _File:
    """A tree file whose header is right, and whose arrays lie in it: ``at`` is each one's first byte and its end."""

    header: TreeHeader
    arrays: dict[str, Unsigned]
    at: list[tuple[int, int]]
    checksums: bytes


def _read(data: NDArray[np.uint8], name: str, *, whole: bool) -> tuple[SortedLeaves, int, Parse]:
    tree = _open(data, name)
    if whole:
        _check_sums(data, tree, name)
    symbols = tuple(tree.arrays[f"symbols{m}"] for m in range(1, tree.header.depth + 1))
    leaves = SortedLeaves(symbols, tree.arrays["shared"], tree.arrays["length"], tree.arrays["counts"])
    try:
        check_leaves(leaves, tree.header.vocab_size if whole else None)
    except CorruptFile as error:
        raise CorruptFile(f"{name} is damaged: {error}; {_REMEDY}") from error
    return leaves, tree.header.vocab_size, tree.header.parse


def _check_sums(data: NDArray[np.uint8], tree: _File, name: str) -> None:
    if tree.header.version == 1:
        right = _checksum(data[: tree.at[-1][1]].data) == tree.checksums
    else:
        every = map if len(data) < _PIECE else on_all_cores  # a thread for each array pays where there is much to read
        made = every(lambda place: _checksum(data[slice(*place)].data), tree.at)
        right = b"".join(made) == tree.checksums
    if not right:
        raise _damaged(name)


def _open(data: NDArray[np.uint8], name: str) -> _File:
    if data[: len(_MAGIC)].tobytes() != _MAGIC:
        raise _foreign(name)
    size = int.from_bytes(data[len(_MAGIC) : _HEAD].tobytes(), "little")
    start = _HEAD + size
    if size > _LARGEST_HEADER or start > len(data):
        raise _damaged(name, "its header is cut short, so ")
    try:
        found = parse_saved(data[_HEAD:start].tobytes())
        header, entries = _header(found, name), found["arrays"]
        sealed = header.version > 1
        places = _places(entries, header, start + _DIGEST * sealed)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        if isinstance(error, _OtherVersion):
            raise
        raise CorruptFile(f"{name} has a header that is not a token tree's ({error}): build the tree again") from error
    at = [(offset, offset + _up(count * dtype.itemsize)) for offset, count, dtype in places.values()]
    end = at[-1][1]
    wanted = end + _DIGEST * (len(at) + 1 if sealed else 1)
    if len(data) != wanted:
        raise _damaged(name, f"it is {'cut short' if len(data) < wanted else 'too long'}, so ")
    checksums, last = data[end:-_DIGEST].tobytes(), data[-_DIGEST:].tobytes()
    if sealed:
        seal = data[start : start + _DIGEST].tobytes()
        if _checksum(data[:start].data) != seal or _checksum(seal + checksums) != last:
            raise _damaged(name)
    arrays = {key: data[lo : lo + n * dtype.itemsize].view(dtype) for key, (lo, n, dtype) in places.items()}
    native = {key: array.astype(array.dtype.newbyteorder("="), copy=False) for key, array in arrays.items()}
    return _File(header, native, at, checksums if sealed else last)


class _OtherVersion(CorruptFile):
    """A file of a version that is not known here."""


def _header(found: Any, name: str) -> TreeHeader:
    version = found["version"]
    if type(version) is not int or not 1 <= version <= _VERSION:
        raise _OtherVersion(
            f"{name} has format version {version!r:.20}, this compresslab reads 1 to {_VERSION}: update it"
        )
    fingerprints = found["fingerprints"] if version > 1 else {}
    if not _are_fingerprints(fingerprints):
        raise ValueError("its fingerprints are not hexadecimal")
    depth = len(found["arrays"]) - 3
    if type(found["vocab_size"]) is not int or not 1 <= depth <= MAX_DEPTH:
        raise ValueError(f"vocabulary {found['vocab_size']!r:.20}, depth {depth}")
    vocab_size = checked_vocab_size(found["vocab_size"])
    return TreeHeader(version, depth, vocab_size, check_parse(found["parse"]), fingerprints)


def _are_fingerprints(found: Any) -> bool:
    return isinstance(found, dict) and all(
        isinstance(name, str) and name.isascii() and isinstance(value, str) and _FINGERPRINT.fullmatch(value)
        for name, value in found.items()
    )


def _places(entries: list[dict[str, Any]], header: TreeHeader, start: int) -> dict[str, tuple[int, int, np.dtype[Any]]]:
    """Return where each array begins, its size and its dtype, once names, dtypes, sizes and offsets are right."""
    symbol, small = smallest_unsigned(header.vocab_size - 1), smallest_unsigned(header.depth)
    wanted: list[tuple[str, tuple[str, ...]]] = [(f"symbols{m}", (_name(symbol),)) for m in range(1, header.depth + 1)]
    wanted += [("shared", (_name(small),)), ("length", (_name(small),)), ("counts", _COUNTS)]
    places, at = {}, start
    if at % _ALIGN:
        raise ValueError(f"it ends at byte {at}, which {_ALIGN} does not divide")
    for entry, (name, dtypes) in zip(entries, wanted, strict=True):
        size, offset = entry["size"], entry["offset"]
        if entry["name"] != name or entry["dtype"] not in dtypes:
            raise ValueError(f"array {entry['name']!r:.40} of {entry['dtype']!r:.20}, not {name!r} of {dtypes[0]}")
        if type(size) is not int or size < 0 or type(offset) is not int or offset != at:
            raise ValueError(f"{name} has size {size!r:.30} and offset {offset!r:.30}, not {at}")
        places[name] = (at, size, np.dtype(entry["dtype"]))
        at += _up(size * places[name][2].itemsize)
    return places


def _foreign(name: str) -> CorruptFile:
    return CorruptFile(f"{name} is not a token tree file: it does not start as TokenTree.save starts one")


def _damaged(name: str, why: str = "") -> CorruptFile:
    return CorruptFile(f"{name} is damaged: {why}its checksum does not match; {_REMEDY}")


# ---- writing ----


def _column(array: Unsigned, dtype: np.dtype[Any]) -> Column:
    return Column(dtype, array.size, lambda: (array[lo : lo + _PIECE] for lo in range(0, array.size, _PIECE)))


def _chunks(columns: dict[str, Column], meta: dict[str, Any]) -> Iterator[bytes | memoryview]:
    # Offsets depend on the header's own length: write it with room to spare, then fill in.
    start = _up(_HEAD + len(_encode(meta, columns, 1 << 62)) + _DIGEST)
    header = _encode(meta, columns, start).ljust(start - _HEAD - _DIGEST)
    head = _MAGIC + len(header).to_bytes(4, "little") + header
    sums = _checksum(head)
    yield head + sums
    for column in columns.values():
        little, digest = column.dtype.newbyteorder("<"), hashlib.blake2b(digest_size=_DIGEST)
        for piece in column.pieces():
            chunk = np.ascontiguousarray(piece, little).view(np.uint8).data
            digest.update(chunk)
            yield chunk
        padding = b"\0" * (_up(column.nbytes) - column.nbytes)
        digest.update(padding)
        yield padding
        sums += digest.digest()
    yield sums[_DIGEST:]
    yield _checksum(sums)


def _encode(meta: dict[str, Any], columns: dict[str, Column], start: int) -> bytes:
    entries, at = [], start
    for name, column in columns.items():
        entries.append({"name": name, "dtype": _name(column.dtype), "size": column.size, "offset": at})
        at += _up(column.nbytes)
    return json.dumps(meta | {"version": _VERSION, "arrays": entries}, sort_keys=True, separators=(",", ":")).encode(
        "ascii"
    )


def _name(dtype: np.dtype[Any]) -> str:
    return dtype.newbyteorder("<").str


def _up(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN


def _checksum(data: bytes | memoryview) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST).digest()
