"""How results are printed: tables, lines and JSON; no control character of a file reaches the terminal."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from compresslab._support.json_text import finite
from compresslab._support.piping import no_stream
from compresslab._support.printable import printable, printable_json
from compresslab._support.progress import Step, working
from compresslab._support.safe_console import SafeConsole
from compresslab._support.streams import speaks_unicode
from compresslab.report.html import check_report_extra, write_report
from compresslab.report.page import Page
from compresslab.report.terminal import notes_view

__all__ = ["Output", "ReportOutput", "arguments_of", "print_view"]

_WIDTH = 120  # columns where the output is not a terminal


@dataclass(frozen=True)
class Output:
    """How a command speaks: the options that all commands share.

    Attributes:
        json: print JSON.
        quiet: show no progress.
    """

    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False

    def working(self, title: str) -> AbstractContextManager[Step]:
        """Show what goes on, as `compresslab._support.progress.working` does."""
        return working(title, quiet=self.quiet)

    def show(self, values: Any, view: Callable[[], RenderableType], notes: Sequence[str] = ()) -> None:
        """Print a result: the values as JSON, or a view of them, with notes below it."""
        if self.json:
            self.show_json(values)
        else:
            print_view(Group(view(), notes_view(notes)) if notes else view())

    def say(self, values: Any, line: str) -> None:
        """Print a result: the values as JSON, or the line in their place."""
        if self.json:
            self.show_json(values)
        else:
            print(printable(line, lines=True))

    def show_json(self, values: Any) -> None:
        """Print JSON; null stands for a number that JSON has no word for, such as an infinite code length."""
        text = json.dumps(finite(values), indent=2, allow_nan=False, ensure_ascii=not speaks_unicode(), default=str)
        print(printable_json(text))

    def announce(self, line: str) -> None:
        """Print a line beside the result: standard output belongs to the JSON if there is any."""
        print(printable(line), file=sys.stderr if self.json else sys.stdout)

    def write_page(self, page: Callable[[], Page], to: Path) -> None:
        """Write a report, and say where it is."""
        with self.working("writing the report"):
            written = write_report(page(), to)
        self.announce(f"Report: {written}")


def _report_folder(given: Path | None) -> Path | None:
    """Check that a report can be written, before anything is measured for it."""
    return check_report_extra(no_stream(given))


@dataclass(frozen=True)
class ReportOutput(Output):
    """How a command speaks that can also write a report.

    Attributes:
        report: the report's directory; None for no report.
    """

    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            help="Write report.html and its figures to this directory.",
            show_default=False,
            callback=_report_folder,
        ),
    ] = None

    def write(self, page: Callable[[], Page]) -> None:
        """Write the report where one is asked for, and say where it is."""
        if self.report is not None:
            self.write_page(page, self.report)


def arguments_of(context: typer.Context) -> list[str]:
    """Return the command line as it was typed."""
    return list(context.obj or [])


def print_view(view: RenderableType) -> None:
    """Print tables: as wide as the terminal is, or as they need to be where there is none."""
    if sys.stdout is not None and sys.stdout.isatty():
        SafeConsole().print(view)
        return
    page = SafeConsole(file=io.StringIO(), width=_WIDTH)
    with page.capture() as printed:
        page.print(view, crop=False)
    print("\n".join(line.rstrip() for line in printed.get().split("\n")), end="")
