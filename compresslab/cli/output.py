"""How results are printed: tables, lines and JSON; no control character of a file reaches the terminal."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import typer
from rich.console import RenderableType

from compresslab._support.printable import printable, printable_json
from compresslab._support.safe_console import SafeConsole
from compresslab._support.streams import speaks_unicode

__all__ = ["announce", "arguments_of", "say", "show", "show_json"]

_WIDTH = 120  # columns where the output is not a terminal


def arguments_of(context: typer.Context) -> list[str]:
    """Return the command line as it was given."""
    return list(context.obj or [])


def announce(line: str, as_json: bool) -> None:
    """Print a line beside the result: standard output belongs to the JSON if there is any."""
    print(printable(line), file=sys.stderr if as_json else sys.stdout)


def show(view: RenderableType) -> None:
    """Print tables: as wide as the terminal is, or as they need to be where there is none."""
    if sys.stdout is not None and sys.stdout.isatty():
        SafeConsole().print(view)
        return
    page = SafeConsole(file=io.StringIO(), width=_WIDTH)
    with page.capture() as printed:
        page.print(view, crop=False)
    print("\n".join(line.rstrip() for line in printed.get().split("\n")), end="")


def say(values: dict[str, Any], line: str, as_json: bool) -> None:
    """Print values as JSON, or the line that says the same."""
    if as_json:
        show_json(values)
    else:
        print(printable(line, lines=True))


def show_json(value: Any) -> None:
    """Print JSON, without what JSON has no word for."""
    print(printable_json(json.dumps(value, indent=2, allow_nan=False, ensure_ascii=not speaks_unicode(), default=str)))
