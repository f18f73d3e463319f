"""What is piped into a command, as a file, and what it makes, piped out of it whole: ``-`` and ``<(...)``.

A pipe can be read once and not searched, and says neither its size nor that it will end well. So what comes in is first
copied to a file, of which memory holds a block at a time, and what goes out is made in a file and checked.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import BinaryIO, Final

from compresslab._support.files import check_target, check_target_folder, temporary_folder, unreadable
from compresslab.errors import InvalidParameter, UnreadableFile

__all__ = [
    "STREAM",
    "is_output",
    "is_piped",
    "is_stream",
    "named",
    "no_stream",
    "output_file",
    "output_folder",
    "piped",
    "to_standard_output",
]

STREAM: Final = "-"  # standard input or output, where a command takes the name of a file
_INPUT: Final = "standard input"
_STANDARD: Final = (STREAM, "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")
_OUTPUT: Final = (STREAM, "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
_DESCRIPTOR: Final = re.compile(r"/dev/(stdin|fd/\d+)|/proc/self/fd/\d+", re.ASCII)

_copies: dict[str, str] = {}  # the path of a file that was made of a pipe -> what to call it, also when it is gone


def is_output(path: str | PathLike[str]) -> bool:
    """Return whether a path stands for standard output: ``-``, or one of the names that systems have for it.

    Example:
        >>> is_output("-"), is_output("/dev/stdout"), is_output("./-")
        (True, True, False)
    """
    return os.fspath(path) in _OUTPUT


def is_stream(name: str) -> bool:
    """Return whether a name stands for a stream that a shell has opened: ``-``, ``/dev/stdin``, ``<(...)``.

    Example:
        >>> is_stream("-"), is_stream("/dev/fd/63"), is_stream("./-")
        (True, True, False)
    """
    return name == STREAM or _DESCRIPTOR.fullmatch(name) is not None


def no_stream(given: Path | None) -> Path | None:
    """Return the path of an option that cannot be a stream: a folder, or a file that is read again.

    To be used as a parameter's ``callback``.

    Raises:
        InvalidParameter: it is ``-``.
    """
    if given is not None and str(given) == STREAM:
        raise InvalidParameter(
            f"{STREAM} is standard input or output, which this option cannot use: give a name (./{STREAM} for a file "
            f"or folder called {STREAM})"
        )
    return given


def output_file(given: Path | None) -> Path | None:
    """Return the path of a file that an option writes, or raise before any work if it cannot be written.

    To be used as a parameter's ``callback``.

    Raises:
        InvalidParameter: it is ``-``.
        UnreadableFile: no file can be written there.
    """
    if given is not None:
        no_stream(given)
        check_target(given)
    return given


def output_folder(given: Path | None) -> Path | None:
    """Return the path of a folder that an option writes files in, or raise likewise."""
    if given is not None:
        no_stream(given)
        check_target_folder(given)
    return given


def is_piped(path: str | PathLike[str]) -> bool:
    """Return whether a file that :func:`piped` gave stands for a pipe."""
    return os.fspath(path) in _copies


def named(text: str) -> str:
    """Return a text with the names that the user typed in place of the files that stand for pipes."""
    for path, name in _copies.items():
        text = text.replace(path, name)
    return text


@contextmanager
def piped(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Yield paths in which ``-`` and each pipe of a shell (``/dev/stdin``, ``<(...)``) is a file with its bytes.

    The files lie in a temporary folder and are gone after the block.

    Raises:
        UnreadableFile: standard input is closed or a device that never ends, or there is no room for what it holds.
        InvalidParameter: ``-`` is given twice.
    """
    streams = [_is_stream(path) for path in paths]
    if not any(streams):
        yield list(paths)
        return
    asked = sum(str(path) in _STANDARD for path in paths)
    held = sum(name == _INPUT and os.path.exists(path) for path, name in _copies.items())  # of another option
    if asked and asked + held > 1:
        raise InvalidParameter(f"{STREAM} is given twice: standard input can be read only once, give a file")
    with temporary_folder() as folder:
        given = []
        for number, (path, is_stream) in enumerate(zip(paths, streams, strict=True)):
            if is_stream:
                name = _INPUT if str(path) in _STANDARD else str(path)
                copy = folder / str(number) / name.rpartition("/")[2]
                _copies[str(copy)] = name
                _copy(path, copy, name)
                path = copy  # noqa: PLW2901
            given.append(path)
        yield given


def _is_stream(path: Path) -> bool:
    """Return whether a path stands for a stream that a shell has opened; a plain file is none, and needs no copy."""
    if str(path) == STREAM:
        return True
    if not _DESCRIPTOR.fullmatch(str(path)):
        return False
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return str(path) in _STANDARD


def _copy(path: Path, copy: Path, name: str) -> None:
    copy.parent.mkdir()
    number = 0 if str(path) in _STANDARD else int(path.name)
    try:
        _refuse_endless(number, name)
        with open(number, "rb", closefd=False) as file:
            _pour(file, copy)
    except OSError as error:
        if isinstance(error, UnreadableFile):
            raise
        raise unreadable(name, error) from error


def _refuse_endless(number: int, name: str) -> None:
    """Devices may go on for ever; a terminal and the empty device do not."""
    held = os.fstat(number)
    if stat.S_ISDIR(held.st_mode):
        raise UnreadableFile(f"cannot read {name}: is a directory")
    if not (stat.S_ISCHR(held.st_mode) or stat.S_ISBLK(held.st_mode)) or os.isatty(number):
        return
    if not os.path.samestat(held, os.stat(os.devnull)):
        raise UnreadableFile(f"cannot read {name}: it is a device, give the name of a file")
    if os.name == "posix":
        import fcntl

        if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY:  # our stand-in
            raise UnreadableFile(f"cannot read {name}: it is closed")


def _pour(file: BinaryIO, copy: Path) -> None:
    with open(copy, "wb") as out:
        try:
            shutil.copyfileobj(file, out, 1 << 20)
        except OSError as error:
            raise UnreadableFile(
                f"cannot keep {_INPUT} in {copy.parent}: {(error.strerror or str(error)).lower()}; give a file, or set "
                "TMPDIR to a folder with room for it"
            ) from error


@contextmanager
def to_standard_output(*, text: bool) -> Iterator[Path]:
    """Yield the path of a file to make; its bytes go to standard output once it is whole, and never half of them.

    Args:
        text: whether they may be shown on a terminal.

    Raises:
        InvalidParameter: standard output is a terminal, and they are not text.
    """
    if not text and sys.stdout is not None and sys.stdout.isatty():
        raise InvalidParameter("compressed data is not written to a terminal: name a file with --out, or redirect it")
    with temporary_folder() as folder:
        yield folder / "whole"
        sys.stdout.flush()
        with open(folder / "whole", "rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer, 1 << 20)
        sys.stdout.buffer.flush()
