"""Readers: text files, JSON lines and Parquet, as Texts. Bytes are kept as they are read."""

from __future__ import annotations

import codecs
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from os import PathLike, fspath, walk
from os.path import isdir
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from compresslab._support.arrays import offsets_of, read_only
from compresslab._support.files import check_file, read_buffer, unreadable
from compresslab.data.choice import DataChoice
from compresslab.data.json_rows import json_array_rows, json_line_rows
from compresslab.data.packing import unpack
from compresslab.data.texts import Texts
from compresslab.data.turns import as_text
from compresslab.errors import (
    CorruptFile,
    InvalidParameter,
    MissingExtra,
    NotText,
    UnknownName,
    UnreadableFile,
    did_you_mean,
)

__all__ = [
    "Paths",
    "ReadTexts",
    "check_encoding",
    "checked_text",
    "converted",
    "find_files",
    "label_of",
    "read_files",
    "read_jsonl",
    "read_parquet",
]

Path_: TypeAlias = "str | PathLike[str]"
Paths: TypeAlias = "Path_ | Iterable[Path_]"

# Control characters that text files do hold: tab, the line breaks, form feed, backspace and escape (terminal logs).
IS_CONTROL = np.zeros(256, dtype=np.bool_)
IS_CONTROL[[*range(32), 127]] = True
IS_CONTROL[list(b"\t\n\v\f\r\b\x1b")] = False
MAX_CONTROL_SHARE = 0.05


@dataclass(frozen=True)
class ReadTexts:
    """What was read: the texts, and the file's name where there was one file."""

    texts: Texts
    label: str


def find_files(paths: Paths, pattern: str = "*") -> list[Path]:
    """Return the files: those given, in the order given, and those below directories, in sorted order.

    In directories, names that begin with a dot are skipped, symbolic links to directories are not followed, and only
    file names that match ``pattern`` are taken, in upper or lower case; pipes, sockets and devices are skipped. Sorted
    means by the parts of the path, as Python compares strings.

    Raises:
        UnreadableFile: nothing there, or a directory without such files.
        InvalidParameter: no paths.
    """
    given = [paths] if isinstance(paths, str | PathLike) else list(paths)
    if not given:
        raise InvalidParameter("no paths: give at least one file or directory")
    return [file for path in given for file in (_below(Path(path), pattern) if isdir(path) else [Path(path)])]


def _below(root: Path, pattern: str) -> list[Path]:
    def fail(error: OSError) -> None:
        raise unreadable(error.filename or root, error)

    found: list[Path] = []
    for folder, folders, files in walk(root, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        named = [name for name in files if not name.startswith(".") and fnmatchcase(name.lower(), pattern.lower())]
        found += [path for path in (Path(folder, name) for name in named) if not _is_special(path)]
    if not found:
        raise UnreadableFile(f"cannot read {root}: the directory holds no file that matches '{pattern}'")
    return sorted(found, key=lambda path: path.parts)


def _is_special(path: Path) -> bool:
    """Whether it is a pipe, a socket or a device; not a link to nothing: such a one is missing."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def read_files(paths: Paths, *, text: bool = True, encoding: str = "utf-8", pattern: str = "*") -> ReadTexts:
    """Read whole files, one text each, whatever they hold; directories as `find_files` says.

    A file is binary, not text, if it holds a NUL byte, or if more than 5 % of its bytes are control characters (below
    32, or 127) other than tab, line breaks, form feed, backspace and escape. Invalid UTF-8 alone is no reason: old text
    files hold some, and their bytes are kept.

    Args:
        paths: a path or several.
        text: refuse binary files; False takes any bytes.
        encoding: "utf-8" keeps the bytes as they are (a byte order mark included); any other encoding that Python
            knows is decoded strictly and becomes UTF-8.
        pattern: which file names to take in directories.

    Raises:
        UnreadableFile: a file is missing or cannot be read.
        NotText: a file is binary, or not in the encoding.
        UnknownName: no such encoding.
    """
    check_encoding(encoding)
    files = find_files(paths, pattern)
    parts = []
    for file in files:
        data = converted(read_buffer(file).tobytes(), encoding, str(file))
        if text:
            checked_text(data, str(file))
        parts.append(Texts(np.frombuffer(data, np.uint8), offsets_of([len(data)])))
    return ReadTexts(Texts.concat(parts), label_of(files))


def check_encoding(encoding: str) -> str:
    """Return ``encoding``, or raise UnknownName unless it is one of text that Python knows."""
    try:
        if not codecs.lookup(encoding)._is_text_encoding:
            raise LookupError
    except (LookupError, ValueError) as error:  # ValueError: a NUL in the name
        raise UnknownName(f"unknown encoding {encoding!r}: use a name that Python knows, such as latin-1") from error
    return encoding


def converted(data: bytes, encoding: str, where: str) -> bytes:
    """Return a text as UTF-8; bytes that are said to be UTF-8 stay as they are, valid or not.

    Raises:
        NotText: it is not in that encoding.
    """
    check_encoding(encoding)
    if codecs.lookup(encoding).name == "utf-8":
        return data
    try:
        return data.decode(encoding).encode("utf-8")
    except UnicodeError as error:
        raise NotText(f"{where} is not {encoding}: {error}") from error


def checked_text(data: bytes, where: str, choice: DataChoice | None = None) -> None:
    """Raise NotText if a file is binary; see `read_files`."""
    remedy = "to read it as bytes, use text=False with split='document'"
    if choice is not None and choice.as_options:
        remedy = f"to read it as bytes, give {choice.said('format', 'bytes')}"
    buffer = np.frombuffer(data, np.uint8)
    nul = buffer == 0
    if nul.any():
        if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            said = choice.said("encoding", "utf-16") if choice is not None else "encoding='utf-16'"
            remedy = f"it begins like UTF-16, so try {said}"
        raise NotText(f"{where} is not text: byte {int(np.argmax(nul))} is NUL; {remedy}")
    share = np.count_nonzero(IS_CONTROL[buffer]) / max(buffer.size, 1)
    if share > MAX_CONTROL_SHARE:
        raise NotText(f"{where} is not text: {share:.0%} of its bytes are control characters, over 5%; {remedy}")


def read_jsonl(paths: Paths, field: str = "text", *, skip_missing: bool = False) -> ReadTexts:
    r"""Read the string ``field`` of every object of JSON files: JSON lines or one array, packed or not.

    Args:
        paths: a path or several; in directories, ``*.jsonl`` files.
        field: the key; its value must be a string.
        skip_missing: pass over objects whose field is missing or null, instead of raising.

    Raises:
        UnreadableFile: a file is missing or cannot be read.
        CorruptFile: a line is not a JSON object, or is nested too deep.
        InvalidParameter: the field is missing, null or not a string.
        NotText: its string holds a lone surrogate.
    """
    _check_name("field", field)
    files = find_files(paths, "*.jsonl")
    return ReadTexts(
        Texts.pack(text for file in files for text in _json_texts(file, field, skip_missing)), label_of(files)
    )


def _check_name(argument: str, name: object) -> None:
    if not isinstance(name, str):
        raise InvalidParameter(
            f"{argument} is {name!r}, not one name: read several with Dataset.concat, or prompts and responses with "
            "Dataset.from_files(..., prompt_field=..., response_field=...)"
        )


def _json_texts(file: Path, field: str, skip_missing: bool) -> Iterator[bytes]:
    data = unpack(read_buffer(file).tobytes(), str(file))
    is_array = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"["
    rows = json_array_rows(data, str(file)) if is_array else json_line_rows(data, str(file))
    for row in rows.read([field]):
        value = row.values.get(field)
        if value is None and skip_missing:
            continue
        if field not in row.values:
            raise InvalidParameter(f"{row.place} has no field {field!r}: {did_you_mean(field, row.values)}")
        if not isinstance(value, str):
            raise InvalidParameter(
                f"field {field!r} in {row.place} is {value!r:.60}, not a string"
                + (": use skip_missing=True to pass over nulls" if value is None else "")
            )
        yield as_text(value, f"field {field!r} in {row.place}")


def read_parquet(paths: Paths, column: str = "text", *, skip_missing: bool = False) -> ReadTexts:
    """Read a column of strings or binary values of Parquet files, batch by batch.

    Args:
        paths: a path or several; in directories, ``*.parquet`` files.
        column: the column's name.
        skip_missing: pass over nulls instead of raising.

    Raises:
        MissingExtra: pyarrow is not installed.
        UnreadableFile: a file is missing or cannot be read.
        CorruptFile: not a Parquet file.
        InvalidParameter: no such column, another type, or a null.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtra("reading Parquet files", "scale") from error

    _check_name("column", column)
    files = find_files(paths, "*.parquet")
    parts: list[Texts] = []
    for file in files:
        check_file(file)
        try:
            with pq.ParquetFile(file) as table:
                if column not in table.schema_arrow.names:
                    known = did_you_mean(column, table.schema_arrow.names)
                    raise InvalidParameter(f"{file} has no column {column!r}: {known}")
                if table.schema_arrow.names.count(column) > 1:
                    raise InvalidParameter(f"{file} has several columns called {column!r}: rename all but one of them")
                kind = table.schema_arrow.field(column).type
                if not _holds_text(kind):
                    raise InvalidParameter(f"column {column!r} of {file} holds {kind}, not strings or binary values")
                row = 0
                for batch in table.iter_batches(columns=[column]):
                    batch.validate(full=True)  # offsets of a damaged file may lead anywhere in memory
                    values = batch.column(0)
                    if values.null_count and not skip_missing:
                        at = row + values.is_null().to_pylist().index(True)
                        raise InvalidParameter(
                            f"row {at} of column {column!r} of {file} is null: use skip_missing=True to pass over nulls"
                        )
                    row += len(values)
                    parts.append(_arrow_texts(values.drop_null().cast(pa.large_binary())))
        except pa.ArrowException as error:
            raise CorruptFile(f"{file} is not a Parquet file that can be read: {error}") from error
        except OSError as error:
            raise unreadable(file, error) from error
    return ReadTexts(Texts.concat(parts), label_of(files))


def _holds_text(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    checks = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(check(kind) for check in checks)


def _arrow_texts(values: Any) -> Texts:
    """Return the values of a large_binary array: its buffers are bytes and int64 offsets, as ours are."""
    _, bounds, data = values.buffers()
    offsets = np.frombuffer(bounds, dtype=np.int64)[values.offset : values.offset + len(values) + 1]
    whole = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, dtype=np.uint8)
    return Texts(read_only(whole[offsets[0] : offsets[-1]]), offsets - offsets[0])


def label_of(files: list[Path]) -> str:
    """Return the name of the file, where there is one file."""
    return Path(fspath(files[0])).name if len(files) == 1 else ""
