"""Rows of a table: comma- or tab-separated, the names of the columns in the first row."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from compresslab.data.rows import Row, Rows
from compresslab.errors import CorruptFile, NotText

__all__ = ["table_rows"]

_LONGEST = 1 << 30  # characters of a field
_lock = threading.Lock()


def table_rows(data: bytes, where: str, delimiter: str = ",") -> Rows:
    """Return the rows of a table of UTF-8, a byte order mark allowed; the header is row 1, as in a sheet.

    Raises:
        NotText: it is not UTF-8.
        CorruptFile: quotes that do not close, a row with more fields than there are columns, no header.
    """
    kind = "tab" if delimiter == "\t" else "comma"
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotText(
            f"{where} is not a table of {kind}-separated UTF-8 ({error.reason} at byte {error.start}): give its "
            "encoding"
        ) from error
    header = next(_records(text, where, delimiter), None)
    if header is None:
        return Rows(where, (), (), lambda _: iter(()))
    columns = header[1]

    def read(_: Sequence[str]) -> Iterator[Row]:
        records = _records(text, where, delimiter)
        next(records)
        for number, fields in records:
            place = f"row {number} of {where}"
            if len(fields) > len(columns):
                raise CorruptFile(
                    f"{place} has {len(fields)} fields, and the table {len(columns)} columns: quote the {kind}s in it"
                )
            yield Row(place, dict(zip(columns, fields, strict=False)))

    return Rows(where, tuple(columns), (), read)


def _records(text: str, where: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Give the records with their numbers, from 1; empty lines are passed over."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 0
    while True:
        try:
            with _long_fields():
                fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            kind = "tab" if delimiter == "\t" else "comma"
            raise CorruptFile(
                f"{where} is not a table of {kind}-separated values: {error} (line {reader.line_num})"
            ) from error
        number += 1
        if fields:
            yield number, fields


@contextmanager
def _long_fields() -> Iterator[None]:
    """Lift the limit on a field's length, which is one for the whole process, for as long as one record is read."""
    with _lock:
        before = csv.field_size_limit(_LONGEST)
        try:
            yield
        finally:
            csv.field_size_limit(before)
