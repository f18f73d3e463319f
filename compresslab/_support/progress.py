"""Telling a waiting person what goes on: nothing in the first two seconds, then a line on standard error."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from compresslab._support.streams import speaks_unicode
from compresslab.errors import OutOfMemory, is_out_of_memory

__all__ = ["Step", "working"]

_PATIENCE = 2.0  # seconds before anything is shown
_SETTLED = 5.0  # seconds, and a hundredth of the work, before a time left is guessed
_EVERY = 10.0  # seconds between lines where standard error is not a terminal

Step = Callable[[int, int], None]


@contextmanager
def working(title: str, *, quiet: bool = False) -> Iterator[Step]:
    """Show ``title`` and the time spent while the body runs, if it runs for more than two seconds.

    Args:
        title: what goes on, as in "building the tree".
        quiet: show nothing.

    Raises:
        OutOfMemory: the body ran out of memory; ``title`` says while doing what.

    Yields:
        A function ``(done, total)`` that the body may call to have a share and the time left shown.
    """
    state = _State(title)
    thread = threading.Thread(target=_show, args=(state,), daemon=True)
    if not quiet:
        thread.start()
    try:
        yield state.step
    except Exception as error:
        if isinstance(error, OutOfMemory) or not is_out_of_memory(error):
            raise
        reason = str(error).partition("\n")[0] or "no memory is left"
        raise OutOfMemory(f"memory ran out while {title} ({reason})") from error
    finally:
        state.over.set()
        if not quiet:
            thread.join()


class _State:
    def __init__(self, title: str) -> None:
        self.title, self.start, self.over = title, time.monotonic(), threading.Event()
        self.done, self.total = 0, 0
        self.first = (self.start, 0)  # when the first share was reported, and how much was done by then

    def step(self, done: int, total: int) -> None:
        if not self.total:
            self.first = (time.monotonic(), done)
        self.done, self.total = done, total

    def line(self) -> str:
        now = time.monotonic()
        if not self.total:
            return f"{self.title}: {now - self.start:.0f} s"
        # The pace is that since the first share: loading, and what an earlier run did, tell nothing of it.
        begun, already = self.first
        new, wanted = self.done - already, self.total - self.done
        known = now - begun >= _SETTLED and new * 100 >= self.total
        left = f", about {(now - begun) * wanted / new:.0f} s left" if known and wanted >= 0 else ""
        return f"{self.title}: {min(1.0, self.done / self.total):.0%}, {now - self.start:.0f} s{left}"


def _show(state: _State) -> None:
    from rich.text import Text

    from compresslab._support.safe_console import SafeConsole

    if state.over.wait(_PATIENCE):
        return
    console = SafeConsole(stderr=True)
    if not console.is_terminal:
        while True:
            console.print(Text(state.line()))
            if state.over.wait(_EVERY):
                return
    with console.status(Text(state.line()), spinner="dots" if speaks_unicode() else "line") as status:
        while not state.over.wait(0.2):
            status.update(Text(state.line()))
