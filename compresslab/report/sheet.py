"""A table for people and for files: its numbers are never cut, however many columns there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

__all__ = ["Sheet", "make_table"]

_NO_LIMIT = 100_000  # columns
_GAP = 2  # columns between two columns
_LABELS = 12  # what a label keeps at least


class Sheet(Table):
    """A table whose first columns are labels and whose other columns are numbers.

    Where there is no terminal it is as wide as it needs to be. On a terminal that is too narrow for it, it is printed
    as several tables below each other, each with the labels.

    Args:
        heading: printed above it.
        labels: how many columns are labels.
    """

    def __init__(self, heading: str = "", labels: int = 1) -> None:
        super().__init__(box=None, pad_edge=False)
        self.heading, self.labels = heading, labels

    def add_row(self, *cells: Any, **options: Any) -> None:
        """Add a row; text is shown as it is, brackets and all: it may be the name of a file."""
        super().add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells), **options)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.heading:
            yield Text(self.heading, style="bold")
        if not console.is_terminal:
            yield from super().__rich_console__(console, options.update(max_width=_NO_LIMIT))
            return
        for number, block in enumerate(self._blocks(console, options)):
            if number:
                yield Text()
            yield from Table.__rich_console__(block, console, options)

    def _blocks(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        """Yield tables with the labels and as many of the other columns, in order, as fit."""
        wide = options.update(max_width=_NO_LIMIT)
        natural = [
            _GAP + max(Measurement.get(console, wide, cell).maximum for cell in (column.header, *column.cells))
            for column in self.columns
        ]
        most = max(_LABELS, options.max_width // 3)  # for a label, which may be wrapped
        room = options.max_width - sum(min(label, most) for label in natural[: self.labels])
        first, used = self.labels, 0
        for i in range(self.labels, len(natural)):
            if used and used + natural[i] > room:
                yield self._part(first, i)
                first, used = i, 0
            used += natural[i]
        yield self._part(first, len(natural))

    def _part(self, start: int, stop: int) -> Table:
        part = Table(box=None, pad_edge=False)
        chosen = [*self.columns[: self.labels], *self.columns[start:stop]]
        for column in chosen:
            part.add_column(column.header, justify=column.justify, no_wrap=column.no_wrap)
        for cells in zip(*(column.cells for column in chosen), strict=True):
            part.add_row(*cells)
        return part


def make_table(title: str, columns: Sequence[str], labels: int = 1) -> Sheet:
    """Return an empty table in the house's style: the first column left, numbers right and never broken.

    Args:
        title: printed above it.
        columns: headings.
        labels: how many of the columns are printed again where a narrow terminal makes several tables of it.
    """
    table = Sheet(title, labels)
    for i, column in enumerate(columns):
        table.add_column(Text(column), justify="left" if i == 0 else "right", no_wrap=i > 0)
    return table
