"""Standard input, output and error, safe whatever they are: closed, or of an encoding that lacks signs."""

from __future__ import annotations

import io
import os
import sys

__all__ = ["mend_streams", "speaks_unicode"]


def mend_streams() -> None:
    r"""Make standard streams safe to use; call it first in a process.

    A closed one is opened on a device that fails as the closed one would (standard error: that drops what is written);
    else the next file to be opened would take its number, and messages would go into that file. A sign that the
    encoding of a stream lacks is written as an escape, such as ``\u4e2d``.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            setattr(sys, name, _stand_in(number))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _stand_in(number: int) -> io.TextIOWrapper:
    """Open what stands in for a closed stream."""
    handle = os.open(os.devnull, os.O_RDONLY if number == 1 else os.O_WRONLY)
    if handle != number:
        os.dup2(handle, number)
        os.close(handle)
    os.set_inheritable(number, True)
    return open(number, "w" if number else "r", encoding="utf-8", closefd=False)


def speaks_unicode() -> bool:
    """Return whether standard output can show every sign as itself."""
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")
