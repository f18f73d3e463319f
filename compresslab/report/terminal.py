"""Render what a page says for a terminal, and for a file where there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from compresslab.report.page import Section, Table

__all__ = ["notes_view", "section_view", "table_view"]

_NO_LIMIT = 100_000  # columns
_GAP = 2  # columns between two columns
_LABELS = 12  # least width of a label


def section_view(section: Section, *, heading: bool = False) -> RenderableType:
    """Draw the findings and tables of a section: each finding is a line, each table has space above it.

    Args:
        section: what to draw; figures are for pages.
        heading: print the title and the lead first, and set the rest in by two columns.
    """
    views: list[RenderableType] = [Text(f"- {line}") for line in section.lines]
    for table in section.tables:
        views += [*[Text()] * bool(table.title), table_view(table)]
    if not heading:
        return Group(*views)
    title = Text.assemble((section.title, "bold"), f": {section.lead}")
    return Group(title, Padding(Group(*views), (0, 0, 0, 2), expand=False))


def table_view(table: Table) -> RenderableType:
    """Draw a table with its notes below it: columns of text left, numbers right and never broken."""
    sheet = _Sheet(table.title, table.labels)
    for i, column in enumerate(table.columns):
        text = i == 0 or i in table.text_columns
        sheet.add_column(Text(column), justify="left" if text else "right", no_wrap=not text)
    for row in table.rows:
        sheet.add_row(*row)
    return Group(sheet, *([notes_view(table.notes)] if table.notes else []))


def notes_view(notes: Sequence[str]) -> RenderableType:
    """Draw notes, one a line, less bright than the rest."""
    return Group(*(Text(note, style="dim") for note in notes))


class _Sheet(RichTable):
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
            yield from RichTable.__rich_console__(block, console, options)

    def _blocks(self, console: Console, options: ConsoleOptions) -> Iterator[RichTable]:
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

    def _part(self, start: int, stop: int) -> RichTable:
        part = RichTable(box=None, pad_edge=False)
        chosen = [*self.columns[: self.labels], *self.columns[start:stop]]
        for column in chosen:
            part.add_column(column.header, justify=column.justify, no_wrap=column.no_wrap)
        for cells in zip(*(column.cells for column in chosen), strict=True):
            part.add_row(*cells)
        return part
