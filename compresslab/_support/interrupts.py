"""Ctrl-C: what is kept of stopped work, and how to go on with it, said with the interruption itself, and soon.

SIGTERM (of ``kill``, ``timeout`` and job schedulers) and SIGHUP (of a terminal that is closed) stop a command likewise.
Python hears Ctrl-C between two of its own instructions, and a sort of 1e8 numbers is one. The command line therefore
has a second thread listen, which ends the process where the main one does not.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Final

__all__ = ["SIGNALS", "exit_code", "if_stopped", "leave", "listen", "said_of", "speak", "temporary"]

SIGNALS: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # what stops a command
GRACE: Final = 0.7  # seconds in which the main thread may hear it
TIDY: Final = 2.0  # seconds in which it may then clean up behind itself
_NOTHING = "nothing is half-written; the same command begins again"


class _Listener:
    """What the listening thread must know about the work of the main thread."""

    def __init__(self) -> None:
        self.kept: list[Callable[[], str]] = []  # of the blocks that are open, the innermost last
        self.said: str | None = None  # by the innermost block that an interruption has left
        self.signal: int = signal.SIGINT  # the first that came
        self.temporaries: set[str] = set()
        self.heard = threading.Event()  # by the main thread
        self.ends = threading.Event()  # it says what there is to say
        self.turn = threading.Lock()  # to say it


_listener: _Listener | None = None  # only where a process is a command


@contextmanager
def if_stopped(kept: Callable[[], str]) -> Iterator[None]:
    """Attach to a KeyboardInterrupt that leaves the block a sentence on what is kept of its work.

    Args:
        kept: says what is kept and how to go on, at the time of the interruption.
    """
    listener = _listener
    if listener:
        listener.kept.append(kept)
    try:
        yield
    except KeyboardInterrupt as stop:
        said = kept()
        stop.add_note(said)
        if listener and listener.said is None:
            listener.said = said
        raise
    finally:
        if listener:
            listener.kept.remove(kept)


@contextmanager
def temporary(path: str | PathLike[str]) -> Iterator[None]:
    """Delete `path` if a signal stops the process inside the block; on any other exit the caller deletes it."""
    listener = _listener
    if listener is None:
        yield
        return
    listener.temporaries.add(os.fspath(path))
    try:
        yield
    finally:
        listener.temporaries.discard(os.fspath(path))


def said_of(stop: KeyboardInterrupt) -> str:
    """Return the sentence that the innermost block attached to an interruption.

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


def speak(stop: KeyboardInterrupt) -> None:
    """Say in one line on standard error what an interruption leaves behind, unless the listening thread does."""
    if _listener:
        if _listener.ends.is_set():
            return
        _listener.turn.acquire()  # never given back: who has it has the last word
        _listener.ends.set()
    _say(said_of(stop))


def exit_code() -> int:
    """Return the exit code of a command that was stopped, as shells count: 128 and the signal's number."""
    return 128 + (_listener.signal if _listener else signal.SIGINT)


def listen() -> None:
    """Make Ctrl-C, SIGTERM and SIGHUP end this process soon, whatever the main thread does; call it there, once.

    What is ignored stays so: Ctrl-C in the background of a shell, SIGHUP under nohup.
    """
    global _listener  # noqa: PLW0603 - a process has one Ctrl-C
    heeded = [one for one in SIGNALS if signal.getsignal(one) in (signal.default_int_handler, signal.SIG_DFL)]
    if not heeded:
        return
    listener = _listener = _Listener()

    def hear(number: int, *_: object) -> None:
        if not listener.heard.is_set():
            listener.signal = number
        listener.heard.set()
        raise KeyboardInterrupt

    for one in heeded:
        signal.signal(one, hear)
    heard, tell = socket.socketpair()
    tell.setblocking(False)
    signal.set_wakeup_fd(tell.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_wait, args=(heard, tell, listener, heeded), name="listener", daemon=True).start()


def leave() -> None:
    """End a stopped process: its exit handlers run, but threads in compiled code are not waited for."""
    atexit._run_exitfuncs()
    os._exit(exit_code())


def _wait(heard: socket.socket, _tell: socket.socket, listener: _Listener, heeded: list[int]) -> None:
    while (number := heard.recv(1)[0]) not in heeded:  # written by Python's own handler, at once
        pass
    if not listener.heard.is_set():
        listener.signal = number
    if listener.heard.wait(GRACE):
        listener.ends.wait(TIDY)
    if not listener.turn.acquire(blocking=False):  # the main thread says it, and should be gone soon
        time.sleep(TIDY)
        os._exit(exit_code())
    with contextlib.suppress(BaseException):  # nothing must keep the process from ending
        said = listener.said or (listener.kept[-1]() if listener.kept else _NOTHING)
        for path in list(listener.temporaries):
            shutil.rmtree(path, ignore_errors=True)
            with contextlib.suppress(OSError):
                Path(path).unlink()
        _say(said)
    os._exit(exit_code())


def _say(said: str) -> None:
    # After the terminal's ^C. The cursor is hidden while progress is shown there.
    with contextlib.suppress(OSError, ValueError):  # the terminal may be gone, which is what SIGHUP says
        above = "\x1b[?25h\n" if sys.stderr.isatty() else ""
        print(f"{above}compresslab: stopped: {said}", file=sys.stderr, flush=True)
