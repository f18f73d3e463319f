"""Rows on disk: one JSON object a line, appended as units of work are finished; a run that is killed loses no unit.

A line holds a row, the unit it belongs to, ``part = [i, n]`` (row ``i`` of the unit's ``n``) and a checksum of all
that. A unit's lines are written at once and synced. What a kill in the middle of that leaves (a broken last line, a
unit without all its parts) is dropped when the file is next opened; damage anywhere else is an error. When everything
is done the file is rewritten in the order of the units, so that an interrupted run ends with the same bytes as another.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

from compresslab._support.files import read_buffer, unreadable, write_atomic
from compresslab._support.json_text import parse_saved
from compresslab.errors import CorruptFile, InvalidParameter

__all__ = ["Row", "append_rows", "open_rows", "read_rows", "settle_rows"]

Row: TypeAlias = dict[str, Any]

_RESERVED = ("unit", "part", "checksum")


def read_rows(path: str | PathLike[str]) -> dict[str, list[Row]]:
    """Return the rows of every finished unit, in the order of the file; ``{}`` where there is no file.

    Raises:
        CorruptFile: a line that is broken and is not the last, or two different results of one unit.
        UnreadableFile: the file cannot be read.
    """
    return _read(Path(path))[0]


def open_rows(path: str | PathLike[str]) -> dict[str, list[Row]]:
    """Return what :func:`read_rows` returns, and delete from the file what a killed run left unfinished."""
    finished, clean = _read(Path(path))
    if not clean:
        settle_rows(path, finished)
    return finished


def append_rows(path: str | PathLike[str], unit: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append the rows of a finished unit and sync them to the disk.

    Raises:
        InvalidParameter: no rows, a row that JSON cannot hold (NaN too), or one that uses a reserved name.
        UnreadableFile: the file cannot be written.
    """
    text = "".join(_lines(unit, rows))
    try:
        with open(path, "a", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, ValueError) as error:
        raise unreadable(path, error, "write") from error


def settle_rows(path: str | PathLike[str], finished: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Rewrite the file with the given units, in their order."""
    write_atomic(path, (line.encode() for unit, rows in finished.items() for line in _lines(unit, rows)))


def _lines(unit: str, rows: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    if not rows:
        raise InvalidParameter(f"unit {unit!r} has no rows: a finished unit has at least one")
    for i, row in enumerate(rows, 1):
        taken = [name for name in _RESERVED if name in row]
        if taken:
            raise InvalidParameter(f"a row names a column {taken[0]!r}, which the file keeps for itself: rename it")
        full = {"unit": unit, "part": [i, len(rows)], **row}
        yield json.dumps({**full, "checksum": _checksum(full)}, ensure_ascii=False) + "\n"


def _checksum(full: Mapping[str, Any]) -> str:
    try:
        text = json.dumps(full, sort_keys=True, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidParameter(
            f"a row holds what JSON cannot: {error}; write None for a number there is none"
        ) from error
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read(path: Path) -> tuple[dict[str, list[Row]], bool]:
    """Return the finished units, and whether they are all the file holds."""
    if not path.exists():
        return {}, True
    lines = read_buffer(path).tobytes().split(b"\n")
    clean = lines.pop() == b""  # a whole file ends in a line feed
    parts: dict[str, dict[int, Row]] = {}
    sizes: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        full = _parsed(line)
        if full is None:
            if number == len(lines) and clean:  # the line feed may reach the disk before the rest of its line
                clean = False
                continue
            raise CorruptFile(
                f"line {number} of {path} is broken: its checksum does not fit; restore the file, or delete the line "
                "to have its unit run again"
            )
        unit, (i, n) = full.pop("unit"), full.pop("part")
        if sizes.setdefault(unit, n) != n or parts.setdefault(unit, {}).setdefault(i, full) != full:
            raise CorruptFile(f"line {number} of {path} contradicts an earlier result of {unit}: delete one of the two")
    whole = {unit: [rows[i] for i in sorted(rows)] for unit, rows in parts.items() if len(rows) == sizes[unit]}
    return whole, clean and len(whole) == len(parts) and len(lines) == sum(sizes.values())


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        full: dict[str, Any] = parse_saved(line)
        found, unit, (i, n) = full.pop("checksum"), full["unit"], full["part"]
        whole = type(unit) is str and type(i) is type(n) is int and 1 <= i <= n and found == _checksum(full)
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
    return full if whole else None
