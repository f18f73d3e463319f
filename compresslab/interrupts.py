"""Ctrl-C: what is kept of stopped work, and how to go on with it, said with the interruption itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["if_stopped", "said_of"]

_NOTHING = "nothing is half-written; the same command begins again"


@contextmanager
def if_stopped(kept: Callable[[], str]) -> Iterator[None]:
    """Note on a KeyboardInterrupt that leaves the block what is kept of its work.

    Args:
        kept: says what is kept and how to go on, at the time of the interruption.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        stop.add_note(kept())
        raise


def said_of(stop: KeyboardInterrupt) -> str:
    """Return what the innermost block said of an interruption.

    Example:
        >>> try:
        ...     with if_stopped(lambda: "all in rows.jsonl"), if_stopped(lambda: "3 of 5 rows are kept"):
        ...         raise KeyboardInterrupt
        ... except KeyboardInterrupt as stop:
        ...     said_of(stop)
        '3 of 5 rows are kept'
    """
    notes: list[str] = getattr(stop, "__notes__", [])
    return notes[0] if notes else _NOTHING
