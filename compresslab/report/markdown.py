"""Render what a page says as Markdown, for the documentation."""

from __future__ import annotations

from compresslab.report.page import Section

__all__ = ["markdown"]


def markdown(section: Section) -> str:
    """Return the findings and tables of a section as Markdown.

    Example:
        >>> from compresslab.report.page import Table
        >>> print(markdown(Section("Sizes", points=("Large.",), tables=(Table("Bytes", ("of", "n"), (("a", "3"),)),))))
        - Large.
        <BLANKLINE>
        **Bytes**
        <BLANKLINE>
        | of | n |
        | --- | ---: |
        | a | 3 |
        <BLANKLINE>
    """
    parts = ["\n".join(f"- {line}" for line in section.lines)]
    for table in section.tables:
        marks = ["---", *["---:"] * (len(table.columns) - 1)]
        lines = ["| " + " | ".join(cells) + " |" for cells in (table.columns, marks, *table.rows)]
        parts.append(f"**{table.title}**\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"
