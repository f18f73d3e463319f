"""Findings and tables as an experiment gives them: for a terminal, and as Markdown for a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from rich.console import Group, RenderableType
from rich.text import Text

from compresslab.report.sheet import make_table

__all__ = ["TableText", "findings_view", "markdown", "seeds_of"]

TableText: TypeAlias = tuple[str, list[str], list[list[str]]]  # title, headings, rows of cells as shown


def findings_view(findings: Sequence[str], tables: Sequence[TableText]) -> RenderableType:
    """Draw findings and tables for a terminal."""
    views: list[RenderableType] = [Text(f"- {line}") for line in findings]
    for title, columns, rows in tables:
        table = make_table(title, columns)
        for row in rows:
            table.add_row(*row)
        views += [Text(), table]
    return Group(*views)


def markdown(findings: Sequence[str], tables: Sequence[TableText]) -> str:
    """Write findings and tables as Markdown."""
    parts = ["\n".join(f"- {line}" for line in findings)]
    for title, columns, rows in tables:
        marks = ["---", *["---:"] * (len(columns) - 1)]
        lines = ["| " + " | ".join(cells) + " |" for cells in (columns, marks, *rows)]
        parts.append(f"**{title}**\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def seeds_of(count: int) -> str:
    """Write how many seeds there are.

    Example:
        >>> seeds_of(1), seeds_of(3)
        ('1 seed', '3 seeds')
    """
    return f"{count} seed{'s' * (count != 1)}"
