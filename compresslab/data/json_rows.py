"""Rows of JSON: one object a line, or an array of objects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from compresslab._support.json_text import parse_json
from compresslab.data.rows import Row, Rows
from compresslab.errors import CorruptFile

__all__ = ["json_array_rows", "json_line_rows", "looks_like_json_lines"]

LONGEST_LINE = 1 << 30  # bytes of a line of JSON
_SHOWN = 60
_BOM = b"\xef\xbb\xbf"


def json_line_rows(data: bytes, where: str) -> Rows:
    """Return the rows of JSON lines; blank lines are passed over.

    Raises:
        CorruptFile: a line is not a JSON object, is nested too deep, or has one key twice: as soon as it is read.
    """
    first = next(_objects(data, where), None)
    columns = tuple(first.values) if first is not None else ()
    return Rows(where, columns, _nested(first), lambda _: _objects(data, where))


def json_array_rows(data: bytes, where: str) -> Rows:
    """Return the rows of a JSON array of objects.

    Raises:
        CorruptFile: it is not an array of objects.
    """
    found = parse_json(data.removeprefix(_BOM), where, unique=True)
    if not isinstance(found, list):
        raise CorruptFile(
            f"{where} holds one JSON {_kind(found)}, not rows: write one object a line, or an array of objects"
        )
    for number, value in enumerate(found, 1):
        if not isinstance(value, dict):
            raise CorruptFile(f"row {number} of {where} is not a JSON object: {json.dumps(value)[:_SHOWN]}")
    held: list[dict[str, Any]] = found
    rows = [Row(f"row {number} of {where}", value) for number, value in enumerate(held, 1)]

    def read(_: Sequence[str]) -> Iterator[Row]:
        return iter(rows)

    return Rows(where, tuple(held[0]) if held else (), _nested(rows[0] if rows else None), read)


def looks_like_json_lines(data: bytes) -> tuple[int, int]:
    """Return how many lines are JSON objects, and how many are not; blank lines are neither.

    It stops at the first line, if that is not an object with a key.
    """
    objects = others = 0
    for line in data.removeprefix(_BOM).split(b"\n"):
        if not line.strip():
            continue
        stripped = line.strip()
        is_object = stripped[:1] == b"{" and stripped[-1:] == b"}"
        if is_object:
            try:
                is_object = isinstance(parse_json(stripped), dict)
            except CorruptFile:
                is_object = False
        objects, others = objects + is_object, others + (not is_object)
        if not objects or (stripped.strip(b"{ \t}") == b"" and objects + others == 1):
            return 0, 1
    return objects, others


def _objects(data: bytes, where: str) -> Iterator[Row]:
    start = len(_BOM) if data.startswith(_BOM) else 0
    number = 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end + 1
        number += 1
        line, start = data[start:end], end
        if not line.strip():
            continue
        place = f"line {number} of {where}"
        if len(line) > LONGEST_LINE:
            raise CorruptFile(f"{place} is longer than {LONGEST_LINE:,} bytes: write one object a line")
        record = parse_json(line, place, unique=True)
        if not isinstance(record, dict):
            raise CorruptFile(f"{place} is not a JSON object: {line.strip()[:_SHOWN]!r}")
        yield Row(place, record)


def _nested(row: Row | None) -> tuple[str, ...]:
    if row is None:
        return ()
    return tuple(_below("", row.values))


def _below(prefix: str, values: dict[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        if prefix:
            yield f"{prefix}{name}"
        if isinstance(value, dict):
            yield from _below(f"{prefix}{name}.", value)


def _kind(value: Any) -> str:
    kinds = {dict: "object", str: "string", bool: "boolean", int: "number", float: "number"}
    return kinds.get(type(value), "null")
