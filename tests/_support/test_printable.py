"""No control character of a file reaches a terminal."""

from __future__ import annotations

import io
import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from compresslab._support.printable import printable, printable_json
from compresslab._support.safe_console import SafeConsole
from compresslab.report.page import Table
from compresslab.report.terminal import table_view

ANY = st.text(st.characters(codec=None, exclude_categories=()))
HOSTILE = "a\x1b[31mb\x07\x9b2J\u202ec\r"


def dangerous(text: str) -> set[str]:
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in "\u202e\u2066\u200f"}


@given(ANY)
def test_nothing_that_does_something_is_left(text: str) -> None:
    assert printable(text).isprintable() or not text
    assert dangerous(printable(text, lines=True)) <= {"\n"}
    assert dangerous(printable_json(json.dumps(text, ensure_ascii=False))) == set()
    assert json.loads(printable_json(json.dumps(text, ensure_ascii=False))) == text


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_printable_text_is_unchanged(text: str) -> None:
    assert printable(text) == printable(text, lines=True) == text


def test_a_table_shows_control_characters_as_escapes() -> None:
    table = table_view(Table(HOSTILE, ("", HOSTILE), [(HOSTILE, "1")]))
    for console in (SafeConsole(file=io.StringIO(), force_terminal=True), SafeConsole(file=io.StringIO(), width=300)):
        console.print(table)
        console.print(Text(HOSTILE))
        assert isinstance(console.file, io.StringIO)
        shown = console.file.getvalue()
        assert "\\x1b[31mb" in shown
        assert not any(sign in shown for sign in ("\x1b[31m", "\x07", "\x9b", "\u202e", "\r"))
