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
from collections.abc import Iterator
from os import PathLike, fspath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from compresslab.errors import CorruptFile
from compresslab.files import read_buffer, write_atomic
from compresslab.phrases import Parse, check_parse
from compresslab.strings import SortedLeaves, Unsigned

__all__ = ["read_tree_file", "write_tree_file"]

_MAGIC: Final = b"CLTREE\r\n"
_VERSION: Final = 1
_ALIGN: Final = 64
_DIGEST: Final = 32


def write_tree_file(path: str | PathLike[str], leaves: SortedLeaves, vocab_size: int, parse: Parse) -> None:
    """Write a tree to a file, whole or not at all.

    Raises:
        UnreadableFile: the file cannot be written.
    """
    write_atomic(path, _with_digest(_chunks(leaves, {"vocab_size": vocab_size, "parse": parse})))


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
    array: Unsigned = raw.view(dtype).astype(dtype.newbyteorder("="), copy=False)
    return array


def _chunks(leaves: SortedLeaves, meta: dict[str, Any]) -> Iterator[bytes]:
    arrays = {f"symbols{m}": symbols for m, symbols in enumerate(leaves.symbols, start=1)}
    arrays |= {"shared": leaves.shared, "length": leaves.length, "counts": leaves.counts}
    # Offsets depend on the header's own length: write it with room to spare, then fill in.
    room = _up(len(_MAGIC) + 4 + len(_encode(meta, arrays, 1 << 62)))
    header = _encode(meta, arrays, room).ljust(room - len(_MAGIC) - 4)
    yield _MAGIC + len(header).to_bytes(4, "little") + header
    for array in arrays.values():
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        yield little.tobytes()
        yield b"\0" * (_up(little.nbytes) - little.nbytes)


def _encode(meta: dict[str, Any], arrays: dict[str, Unsigned], start: int) -> bytes:
    entries, at = [], start
    for name, array in arrays.items():
        entries.append({"name": name, "dtype": array.dtype.newbyteorder("<").str, "size": array.size, "offset": at})
        at += _up(array.nbytes)
    return json.dumps(meta | {"version": _VERSION, "arrays": entries}, sort_keys=True, separators=(",", ":")).encode(
        "ascii"
    )


def _up(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN


def _with_digest(chunks: Iterator[bytes]) -> Iterator[bytes]:
    digest = hashlib.blake2b(digest_size=_DIGEST)
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    yield digest.digest()
