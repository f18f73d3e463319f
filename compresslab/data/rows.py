"""Rows: what JSON lines, a JSON array, a table and a file of Arrow have in common: columns, and one object for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from compresslab.errors import InvalidParameter, did_you_mean

__all__ = ["MISSING", "Row", "Rows"]


class _Missing:
    """What a row has in a column that it lacks: not the same as null."""

    def __repr__(self) -> str:
        return "missing"


MISSING = _Missing()


@dataclass(frozen=True)
class Row:
    """One object.

    Attributes:
        place: where it stands, for errors: "line 3 of a.jsonl".
        values: column -> value, as JSON has values, or bytes.
    """

    place: str
    values: dict[str, Any]

    def get(self, column: str) -> Any:
        """Return the value of a column, or `MISSING`; ``a.b`` is ``b`` in ``a``, unless a column is called so."""
        if column in self.values:
            return self.values[column]
        held: Any = self.values
        for part in column.split("."):
            if not isinstance(held, dict) or part not in held:
                return MISSING
            held = held[part]
        return held


@dataclass(frozen=True)
class Rows:
    """The rows of one file.

    Attributes:
        where: the name of the file, for errors.
        columns: the names of its columns; of JSON the keys of the first object.
        nested: names of the fields inside of columns, as ``a.b``, where they are known.
        read: the columns that are needed -> the rows; called as often as one likes.
    """

    where: str
    columns: tuple[str, ...]
    nested: tuple[str, ...]
    read: Callable[[Sequence[str]], Iterator[Row]]

    def check(self, column: str, option: str) -> None:
        """Raise InvalidParameter unless the file has a column, once, of this name; ``option`` named it."""
        count = self.columns.count(column)
        if count > 1:
            raise InvalidParameter(f"{self.where} has {count} columns called {column!r}: rename all but one of them")
        if not count and column not in self.nested:
            known = did_you_mean(column, {*self.columns, *self.nested}) if self.columns else "it has no columns"
            raise InvalidParameter(f"{self.where} has no field {column!r} ({option}): {known}")
