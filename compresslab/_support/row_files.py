"""Rows as files that other programs read: JSON lines, or Parquet."""

from __future__ import annotations

import importlib
import importlib.util
import io
import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Final

from compresslab._support.files import check_target, write_atomic
from compresslab._support.json_text import finite
from compresslab._support.printable import in_utf8
from compresslab.errors import InvalidParameter, MissingExtra

__all__ = ["FORMATS", "check_rows_file", "write_rows"]

FORMATS: Final = (".jsonl", ".parquet")
_ESCAPED: Final = "backslashreplace"  # of what UTF-8 cannot hold it makes the escape that JSON has for it
_EMPTY: Final = "struct<>"


def check_rows_file(path: str | PathLike[str]) -> Path:
    """Return the path of a file of rows, if rows can be written there; before any work is done for them.

    Raises:
        InvalidParameter: a name that does not end as one of `FORMATS`.
        MissingExtra: Parquet, without pyarrow.
        UnreadableFile: no file can be written there.

    Example:
        >>> check_rows_file("rows.xlsx")
        Traceback (most recent call last):
        compresslab.errors.InvalidParameter: rows.xlsx is not a file of rows that can be written: end its name in .jsonl
        or .parquet
    """
    where = Path(path)
    if where.suffix.lower() not in FORMATS:
        raise InvalidParameter(
            f"{where} is not a file of rows that can be written: end its name in {' or '.join(FORMATS)}"
        )
    if where.suffix.lower() == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise MissingExtra("writing Parquet files", "scale")
    check_target(where)
    return where


def write_rows(path: str | PathLike[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows to a file, whole or not at all; columns in the order in which they first occur.

    A number that is not finite is null. In Parquet a column is of one type, and null where a row lacks it; one that
    holds values of several types is text, each value as JSON has it.

    Raises:
        InvalidParameter: a name that does not end as one of `FORMATS`.
        MissingExtra: Parquet, without pyarrow.
        UnreadableFile: the file cannot be written.
    """
    where = check_rows_file(path)
    plain: list[dict[str, Any]] = [finite(dict(row)) for row in rows]
    if where.suffix.lower() == ".jsonl":
        write_atomic(where, (_line(row) + b"\n" for row in plain))
        return
    arrow: Any = importlib.import_module("pyarrow")
    parquet: Any = importlib.import_module("pyarrow.parquet")
    names = list(dict.fromkeys(name for row in plain for name in row))
    table = arrow.table({name: _column(arrow, [row.get(name) for row in plain]) for name in names})
    held = io.BytesIO()
    parquet.write_table(table, held)
    write_atomic(where, [held.getvalue()])


def _column(arrow: Any, values: Sequence[Any]) -> Any:
    try:
        made = arrow.array([in_utf8(value) if isinstance(value, str) else value for value in values])
        if _EMPTY not in str(made.type):  # Parquet has no objects without fields
            return made
    except (arrow.ArrowInvalid, arrow.ArrowTypeError, OverflowError, UnicodeEncodeError):
        pass
    return arrow.array([None if value is None else _line(value).decode() for value in values])


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode(errors=_ESCAPED)
