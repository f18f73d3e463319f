"""Telling a waiting person what goes on: nothing in the first two seconds, then a line on standard error."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Step", "working"]

_PATIENCE = 2.0  # seconds before anything is shown
_EVERY = 10.0  # seconds between lines where standard error is no terminal

Step = Callable[[int, int], None]


@contextmanager
def working(title: str, *, quiet: bool = False) -> Iterator[Step]:
    """Show ``title`` and the time spent while the body runs, if it runs for more than two seconds.

    Args:
        title: what goes on, as in "building the tree".
        quiet: show nothing.

    Yields:
        A function ``(done, total)`` that the body may call to have a share and the time left shown.
    """
    if quiet:
        yield lambda done, total: None
        return
    state = _State(title)
    thread = threading.Thread(target=_show, args=(state,), daemon=True)
    thread.start()
    try:
        yield state.step
    finally:
        state.over.set()
        thread.join()


class _State:
    def __init__(self, title: str) -> None:
        self.title, self.start, self.over = title, time.monotonic(), threading.Event()
        self.done, self.total = 0, 0

    def step(self, done: int, total: int) -> None:
        self.done, self.total = done, total

    def line(self) -> str:
        spent = time.monotonic() - self.start
        if not self.total:
            return f"{self.title}: {spent:.0f} s"
        share = min(1.0, self.done / self.total)
        left = f", about {spent * (1 - share) / share:.0f} s left" if share > 0 else ""
        return f"{self.title}: {share:.0%}, {spent:.0f} s{left}"


def _show(state: _State) -> None:
    from rich.text import Text

    from compresslab.report.safe_console import SafeConsole

    if state.over.wait(_PATIENCE):
        return
    console = SafeConsole(stderr=True)
    if not console.is_terminal:
        while True:
            console.print(Text(state.line()))
            if state.over.wait(_EVERY):
                return
    with console.status(Text(state.line())) as status:
        while not state.over.wait(0.2):
            status.update(Text(state.line()))
