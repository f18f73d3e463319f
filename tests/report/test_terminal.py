"""Tables: numbers are never cut, where there is a terminal and where there is none."""

from __future__ import annotations

import io
import re

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from compresslab.report.page import Table
from compresslab.report.terminal import table_view

WORDS = st.lists(st.text("abc[]/ é文", min_size=1, max_size=40).map(str.strip).filter(bool), min_size=1, max_size=12)


def drawn(names: list[str], width: int, *, terminal: bool) -> list[str]:
    row = ("a label of some words", *(f"{100_000 + i:,}" for i in range(len(names))))
    table = table_view(Table("Numbers", ("", *names), [row]))
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)
    with console.capture() as printed:
        console.print(table, crop=terminal)
    return printed.get().splitlines()


@given(WORDS)
@settings(deadline=None, max_examples=30)
def test_without_a_terminal_every_name_and_number_is_on_its_line(names: list[str]) -> None:
    lines = drawn(names, 40, terminal=False)
    assert lines[0] == "Numbers"
    assert len(lines) == 3
    assert all(name in lines[1] for name in names)
    assert re.findall(r"\d+,\d+", lines[2]) == [f"{100_000 + i:,}" for i in range(len(names))]


@given(WORDS, st.integers(30, 200))
@settings(deadline=None, max_examples=30)
def test_on_a_terminal_every_number_is_there_and_no_line_is_too_long(names: list[str], width: int) -> None:
    lines = drawn(names, width, terminal=True)
    numbers = re.findall(r"\d+,\d+", "\n".join(lines))
    assert numbers == [f"{100_000 + i:,}" for i in range(len(names))]
    assert all(len(line) <= width for line in lines)


def test_every_part_of_a_table_has_all_labels() -> None:
    columns, row = ("k", "l", *(f"number {i}" for i in range(8))), ("10", "0.25", *["1,234,567"] * 8)
    table = table_view(Table("", columns, [row], labels=2))
    console = Console(file=io.StringIO(), width=50, force_terminal=True, color_system=None)
    with console.capture() as printed:
        console.print(table)
    parts = printed.get().split("\n\n")
    assert len(parts) >= 2
    assert all(re.search(r"^10  0\.25  ", part, flags=re.M) for part in parts)


def test_a_table_that_fits_is_not_split() -> None:
    assert len(drawn(["one", "two", "three"], 80, terminal=True)) == 3
    assert sum("label" in line for line in drawn([f"file number {i}" for i in range(9)], 80, terminal=True)) == 3
