"""A console on which nothing that was read from a file can do anything but be seen."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from compresslab._support.printable import printable

__all__ = ["SafeConsole"]


class SafeConsole(Console):
    """A `rich.console.Console` that shows the control characters of texts as escapes; its own colours stay."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield what is to be written."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(printable(text, lines=True), style)
