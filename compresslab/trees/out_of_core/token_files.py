"""Token files, read in blocks: what nanoGPT, llm.c and Megatron write, numpy arrays, and Arrow or Parquet columns.

=================  ====================================================================================================
``.bin``           flat uint16 (or another ``dtype``), as nanoGPT writes it, or with llm.c's header of 1024 bytes
``.bin`` + idx     Megatron: an ``.idx`` file of the same name says where documents end
``.npy``           a one-dimensional array of whole numbers
``.parquet``       a column of lists of tokens (each one response), or of tokens
``.arrow``         the same in Arrow's IPC format, file or stream (``.feather`` as well)
=================  ====================================================================================================

A flat file is one response unless ``eos`` names the token that ends each response; that token itself is left out, as
EOS is a symbol of its own. Files are read piece by piece, never mapped, so that they take no memory beyond the piece.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from tokenize import TokenError
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from compresslab._support.files import check_file, open_file, unreadable
from compresslab.errors import CorruptFile, InvalidTokens, MissingExtra, UnknownName, UnreadableFile, did_you_mean
from compresslab.trees.leaves import Unsigned

__all__ = ["Block", "TokenFile", "cut_offsets", "largest_token", "open_tokens"]

LLM_C: Final[dict[tuple[int, int], np.dtype[Any]]] = {
    (20240520, 1): np.dtype("<u2"),
    (20240801, 7): np.dtype("<u4"),
}  # (magic, version) -> tokens
MEGATRON: Final = b"MMIDIDX\x00\x00"
MEGATRON_DTYPES: Final = {1: "u1", 2: "i1", 3: "<i2", 4: "<i4", 5: "<i8", 8: "<u2"}
# What numpy raises for the header of a .npy file, which is a Python literal, where it is none.
_HEADER_MOST: Final = 1 << 16  # bytes of a .npy file's header; numpy takes 10,000 characters
_BAD_HEADER: Final = (
    ArithmeticError, LookupError, MemoryError, RuntimeError, SyntaxError, TokenError, TypeError, ValueError
)  # fmt: skip
SUFFIXES: Final = (".arrow", ".bin", ".feather", ".npy", ".parquet")
TOP: Final = 2**32 - 1


@dataclass(frozen=True, eq=False)
class Block:
    """A piece of a stream of responses.

    Attributes:
        tokens: unsigned, flat.
        offsets: int64; response ``i`` of the piece is ``tokens[offsets[i]:offsets[i + 1]]``.
        goes_on: whether the last response goes on in the next piece.
    """

    tokens: Unsigned
    offsets: NDArray[np.int64]
    goes_on: bool


@dataclass(frozen=True)
class TokenFile:
    """A file of tokens.

    Attributes:
        path: the file.
        size: tokens that it holds, the ones that end responses included; -1 where only reading would tell.
        options: what else decides what is read, to tell one reading from another.
        read: yields blocks of about so many tokens.
    """

    path: Path
    size: int
    options: tuple[Any, ...]
    read: Callable[[int], Iterator[Block]]

    def fingerprint(self) -> list[Any]:
        """Return what tells this file from a changed one: path, bytes, time of change, and how it is read."""
        stat = self.path.stat()
        return [str(self.path.resolve()), stat.st_size, stat.st_mtime_ns, list(map(str, self.options))]


def open_tokens(
    path: str | PathLike[str], dtype: npt.DTypeLike | None = None, eos: int | None = None, column: str | None = None
) -> TokenFile:
    """Open a token file, by its name's ending and its header.

    Args:
        path: the file.
        dtype: whole numbers of a ``.bin`` without a header; uint16 where not given.
        eos: the token that ends each response, in a flat file or column; in Megatron files a last token to leave out.
        column: which column of a Parquet or Arrow file; not needed where only one holds whole numbers.

    Raises:
        UnreadableFile: missing or not readable.
        CorruptFile: the header is damaged, or the sizes do not match.
        UnknownName: another ending, or another column.
        MissingExtra: pyarrow is needed.
        InvalidTokens: ``eos`` or ``dtype`` is of no token.
    """
    if eos is not None and not 0 <= eos <= TOP:
        raise InvalidTokens(f"the token that ends a response is {eos}: tokens are whole numbers from 0 to 2**32 - 1")
    file = Path(path)
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        raise UnknownName(f"{fspath(path)} is not a token file by its name: {did_you_mean(suffix, SUFFIXES)}")
    check_file(file)
    try:
        if suffix == ".npy":
            return _open_npy(file, eos)
        if suffix == ".bin":
            index = file.with_suffix(".idx")
            return _open_megatron(file, index, eos) if index.exists() else _open_bin(file, dtype, eos)
        return _open_arrow(file, column, eos)
    except OSError as error:
        raise error if isinstance(error, UnreadableFile) else unreadable(path, error) from error


def largest_token(files: Iterable[TokenFile], block: int = 1 << 24) -> int:
    """Return the largest token of some files, by reading them once; -1 if they hold none."""
    return max((int(part.tokens.max()) for file in files for part in file.read(block) if len(part.tokens)), default=-1)


def _as_unsigned(values: NDArray[Any], path: Path, first: int) -> Unsigned:
    if values.dtype.kind == "u" and values.dtype.itemsize <= 4:
        return values.astype(values.dtype.newbyteorder("="), copy=False)
    if values.dtype.kind not in "iu":
        raise InvalidTokens(f"{path} holds {values.dtype}: tokens are whole numbers from 0 to 2**32 - 1")
    wrong = (values < 0) | (values > TOP)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise InvalidTokens(
            f"token {first + at} of {path} is {values[at]}: tokens are whole numbers from 0 to 2**32 - 1"
        )
    return values.astype(np.uint32)


def _numbers(path: Path, dtype: np.dtype[Any], start: int, count: int, block: int) -> Iterator[NDArray[Any]]:
    """Yield the numbers of a flat file, in pieces."""
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(start)
            for lo in range(0, count, block):
                want = min(block, count - lo)
                piece = np.fromfile(file, dtype, want)
                if len(piece) < want:
                    raise CorruptFile(f"{path} ends after {lo + len(piece)} tokens, not {count}: it changed or was cut")
                yield piece
    except OSError as error:
        raise unreadable(path, error) from error


def _flat(path: Path, dtype: np.dtype[Any], start: int, count: int, eos: int | None) -> TokenFile:
    def read(block: int) -> Iterator[Block]:
        done = 0
        for piece in _numbers(path, dtype, start, count, block):
            tokens = _as_unsigned(piece, path, done)
            done += len(tokens)
            yield _split(tokens, eos, last=done == count)

    return TokenFile(path, count, (dtype.str, start, eos), read)


def _split(tokens: Unsigned, eos: int | None, *, last: bool) -> Block:
    """Cut at the tokens that end responses, and leave those out; tokens after the last one are a response as well."""
    ends = np.empty(0, np.int64) if eos is None else np.flatnonzero(tokens == eos)
    kept = np.delete(tokens, ends) if len(ends) else tokens
    offsets = np.concatenate([[0], ends - np.arange(len(ends)), [len(kept)]])
    if len(ends) and last and ends[-1] == len(tokens) - 1:
        return Block(kept, offsets[:-1], goes_on=False)
    return Block(kept, offsets, goes_on=not last)


def _open_npy(path: Path, eos: int | None) -> TokenFile:
    with open_file(path) as file:
        head = io.BytesIO(file.read(_HEADER_MOST))  # a header may claim 4 GB, and numpy would ask the system for them
    try:
        major = np.lib.format.read_magic(head)[0]
        reader = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
        shape, _, dtype = reader(head)
    except _BAD_HEADER as error:
        raise CorruptFile(f"{path} is not a .npy file: {error}") from error
    start = head.tell()
    if len(shape) != 1 or shape[0] < 0 or dtype.kind not in "iu":
        raise InvalidTokens(f"{path} holds {dtype} of shape {shape}: give a one-dimensional array of whole numbers")
    _check_size(path, start + shape[0] * dtype.itemsize)
    return _flat(path, dtype, start, shape[0], eos)


def _open_bin(path: Path, dtype: npt.DTypeLike | None, eos: int | None) -> TokenFile:
    size = path.stat().st_size
    if dtype is None and size >= 1024:
        head = np.fromfile(path, "<i4", 3)
        known = LLM_C.get((int(head[0]), int(head[1])))
        if known is not None:
            if head[2] < 0:
                raise CorruptFile(f"{path} has {head[2]} tokens by its header: it is damaged; restore it")
            _check_size(path, 1024 + int(head[2]) * known.itemsize)
            return _flat(path, known, 1024, int(head[2]), eos)
    try:
        kind = np.dtype(np.uint16 if dtype is None else dtype).newbyteorder("<")
    except (TypeError, ValueError) as error:
        raise InvalidTokens(f"there is no type {dtype!r}: give uint8, uint16 or uint32") from error
    if kind.kind not in "iu":
        raise InvalidTokens(f"tokens cannot be of type {kind}: give uint8, uint16 or uint32")
    if size % kind.itemsize:
        raise CorruptFile(f"{path} has {size} bytes, no multiple of {kind.itemsize}: give its dtype, or restore it")
    return _flat(path, kind, 0, size // kind.itemsize, eos)


def _check_size(path: Path, needed: int) -> None:
    size = path.stat().st_size
    if size < needed:
        raise CorruptFile(f"{path} has {size} bytes, its header promises {needed}: it was cut; restore it")


def _open_megatron(path: Path, index: Path, eos: int | None) -> TokenFile:
    with open_file(index) as file:
        head = file.read(34)
        if not head.startswith(MEGATRON) or len(head) < 34:
            raise CorruptFile(f"{index} is no Megatron index: it does not start with MMIDIDX")
        version, code = int.from_bytes(head[9:17], "little"), head[17]
        sequences, bounds = (int.from_bytes(head[at : at + 8], "little") for at in (18, 26))
        if version != 1 or code not in MEGATRON_DTYPES:
            raise CorruptFile(
                f"{index} has version {version} and token type {code}: version 1 and whole numbers are known"
            )
        _check_size(index, 34 + 12 * sequences + 8 * bounds)
        lengths = np.fromfile(file, "<i4", sequences).astype(np.int64)
        file.seek(8 * sequences, 1)  # the sequences' places, which follow from their lengths
        documents = np.fromfile(file, "<i8", bounds)
    dtype = np.dtype(MEGATRON_DTYPES[code])
    total = np.concatenate([[0], np.cumsum(lengths)])
    falls = (lengths < 0).any() or (documents[1:] < documents[:-1]).any()
    if falls or not len(documents) or documents[0] != 0 or documents[-1] != sequences:
        raise CorruptFile(f"{index} does not cut {sequences} sequences into documents: restore it")
    offsets = total[documents]
    _check_size(path, int(total[-1]) * dtype.itemsize)

    def read(block: int) -> Iterator[Block]:
        if not total[-1]:
            yield Block(np.empty(0, np.uint16), np.zeros(bounds, np.int64), goes_on=False)
        done = 0
        for piece in _numbers(path, dtype, 0, int(total[-1]), block):
            tokens = _as_unsigned(piece, path, done)
            lo, done = done, done + len(tokens)
            held, goes_on = cut_offsets(offsets, lo, done)
            yield _without_last(tokens, held, goes_on, eos)

    return TokenFile(path, int(total[-1]), (dtype.str, "megatron", sequences, bounds, eos), read)


def cut_offsets(offsets: NDArray[np.int64], lo: int, hi: int) -> tuple[NDArray[np.int64], bool]:
    """Return the offsets of the tokens from ``lo`` to ``hi``, and whether the last response goes on after them."""
    # Responses that end at lo belong to the tokens before, but for empty ones at the very start.
    first = int(np.searchsorted(offsets, lo, "right")) if lo else 1
    ends = offsets[first : np.searchsorted(offsets, hi, "right")] - lo
    goes_on = not len(ends) or int(ends[-1]) != hi - lo
    return np.concatenate([[0], ends, [hi - lo] if goes_on else []]).astype(np.int64), goes_on


def _without_last(tokens: Unsigned, offsets: NDArray[np.int64], goes_on: bool, eos: int | None) -> Block:
    """Leave out the token ``eos`` where a response ends in it."""
    if eos is None:
        return Block(tokens, offsets, goes_on)
    ends = offsets[1:-1] if goes_on else offsets[1:]
    ends = ends[np.diff(offsets)[: len(ends)] > 0]
    drop = ends[tokens[ends - 1] == eos] - 1
    return Block(np.delete(tokens, drop), offsets - np.searchsorted(drop, offsets), goes_on)


def _open_arrow(path: Path, column: str | None, eos: int | None) -> TokenFile:
    try:
        arrow: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise MissingExtra("reading Arrow and Parquet files", "scale") from error
    if not path.exists():
        raise UnreadableFile(f"cannot read {path}: no such file or directory")

    def batches() -> Iterator[Any]:
        if path.suffix.lower() == ".parquet":
            with parquet.ParquetFile(path) as file:
                yield from file.iter_batches(batch_size=1 << 16, columns=[name])
            return
        with arrow.memory_map(str(path)) as source:
            try:
                reader = arrow.ipc.open_file(source)
                yield from (reader.get_batch(i) for i in range(reader.num_record_batches))
            except arrow.ArrowInvalid:
                source.seek(0)
                yield from arrow.ipc.open_stream(source)

    try:
        if path.suffix.lower() == ".parquet":
            schema = parquet.read_schema(path)
        else:
            with arrow.memory_map(str(path)) as source:
                try:
                    schema = arrow.ipc.open_file(source).schema
                except arrow.ArrowInvalid:
                    source.seek(0)
                    schema = arrow.ipc.open_stream(source).schema
        name = _column(path, schema, column, arrow)
    except (arrow.ArrowException, UnicodeError) as error:
        raise CorruptFile(f"{path} is no {path.suffix[1:]} file: {_first_line(error)}") from error
    lists = not arrow.types.is_integer(schema.field(name).type)

    def checked() -> Iterator[Any]:
        try:
            for batch in batches():
                batch.validate(full=True)  # Arrow's own files say where lists begin and end, and nothing else checks it
                yield batch
        except (arrow.ArrowException, OSError) as error:  # Arrow raises OSError for damage, too
            raise CorruptFile(f"{path} is damaged: {_first_line(error)}; restore it") from error

    def columns() -> Iterator[tuple[Any, Unsigned]]:
        done = 0
        for batch in checked():
            held = batch.column(batch.schema.get_field_index(name))
            if held.null_count or (lists and held.flatten().null_count):
                raise InvalidTokens(f"column '{name}' of {path} has nulls: remove those rows")
            values = (held.flatten() if lists else held).to_numpy(zero_copy_only=False)
            yield held, _as_unsigned(values, path, done)
            done += len(values)

    def read(block: int) -> Iterator[Block]:
        before = None
        for held, tokens in columns():
            if lists:
                lengths = held.value_lengths().to_numpy(zero_copy_only=False)
                offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
                for lo, hi in _runs(offsets, block):
                    part = offsets[lo : hi + 1]
                    yield _without_last(tokens[part[0] : part[-1]], part - part[0], False, eos)
            elif len(tokens):
                if before is not None:
                    yield _split(before, eos, last=False)
                before = tokens
        if before is not None:
            yield _split(before, eos, last=True)

    return TokenFile(path, -1, (name, eos), read)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _runs(offsets: NDArray[np.int64], block: int) -> Iterator[tuple[int, int]]:
    """Cut responses into runs of about ``block`` tokens."""
    lo = 0
    while lo < len(offsets) - 1:
        hi = max(lo + 1, int(np.searchsorted(offsets, offsets[lo] + block, "right")) - 1)
        yield lo, hi
        lo = hi


def _column(path: Path, schema: Any, column: str | None, arrow: Any) -> str:
    def fits(kind: Any) -> bool:
        is_list = arrow.types.is_list(kind) or arrow.types.is_large_list(kind)
        return bool(arrow.types.is_integer(kind.value_type if is_list else kind))

    known = [field.name for field in schema if fits(field.type)]
    if column is None and len(known) == 1:
        return str(known[0])
    if column is None:
        raise UnknownName(f"{path} has {len(known)} columns of tokens {known}: name one with column=")
    if column not in known:
        raise UnknownName(f"{path} has no column of tokens '{column}': {did_you_mean(column, known)}")
    return column
