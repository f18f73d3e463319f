"""Temporary files and folders beside what they become: short names of their own, and none is left for ever.

A name is `.compresslab-HOST-RANDOM.part`: it does not grow with the name of the file that is being written, which may
be as long as a name can be. Whoever writes holds a lock on it, which ends with the process, however that ends. So one
that nobody holds was left by a process that was killed, and the next one that writes in the same folder removes it.
HOST keeps machines that share a folder without sharing locks from taking each other's for such.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import platform
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from compresslab._support.interrupts import temporary

fcntl: Any
try:
    fcntl = importlib.import_module("fcntl")
except ImportError:  # Windows: what a killed process leaves there stays
    fcntl = None

__all__ = ["part_file", "part_folder", "remove_stale"]

_STALE = re.compile(r"\.compresslab-([0-9a-f]{8})-\w{8}\.part", re.ASCII)


@contextmanager
def part_file(folder: str | os.PathLike[str]) -> Iterator[tuple[BinaryIO, str]]:
    """Yield a new empty file of this user alone in a folder, open, and its path: rename it, or it is removed."""
    remove_stale(os.path.abspath(folder))
    handle, path = _locked(lambda: tempfile.mkstemp(".part", _prefix(), folder))
    lock = _duplicate(handle)
    try:
        with temporary(path), os.fdopen(handle, "wb") as file:
            yield file, path
    finally:
        with suppress(FileNotFoundError):
            os.unlink(path)
        _close(lock)


@contextmanager
def part_folder(folder: str | os.PathLike[str] | None = None) -> Iterator[Path]:
    """Yield a new empty folder of this user alone in a folder (None: the one for such): rename it, or it is removed."""
    where = tempfile.gettempdir() if folder is None else os.fspath(folder)
    remove_stale(os.path.abspath(where))

    def make() -> tuple[int | None, str]:
        path = tempfile.mkdtemp(".part", _prefix(), where)
        return (None if fcntl is None else os.open(path, os.O_RDONLY)), path

    lock, path = _locked(make)
    try:
        with temporary(path):
            yield Path(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)
        _close(lock)


@cache  # once for each folder and process: it may hold a million files
def remove_stale(folder: str) -> None:
    """Remove the temporary files and folders that processes of this user and machine left behind when they were killed.

    Nothing is removed that a process still holds, that has another name, or that another user or machine made.
    """
    if fcntl is None:
        return
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _STALE.fullmatch(entry.name)
            if found and found[1] == _host():
                with suppress(OSError):
                    _remove_unheld(entry.path)


def _remove_unheld(path: str) -> None:
    is_folder = stat.S_ISDIR(os.lstat(path).st_mode)
    handle = os.open(path, (os.O_RDONLY if is_folder else os.O_RDWR) | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        held = os.fstat(handle)
        if held.st_uid != os.geteuid() or not (stat.S_ISREG(held.st_mode) or stat.S_ISDIR(held.st_mode)):
            return
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises where a process holds it
        if is_folder:
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)
    finally:
        os.close(handle)


def _locked(make: Any) -> tuple[Any, str]:
    """Make a file or folder and lock it; try again if another process removed it as stale in between."""
    while True:
        handle, path = make()
        if fcntl is None:
            return handle, path
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            continue
        except OSError:  # a file system without locks: nobody can take it for stale there
            return handle, path
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), os.stat(path)):
                return handle, path
        os.close(handle)


def _duplicate(handle: int) -> int | None:
    """Return a second handle, which keeps the lock when the first one is closed."""
    return None if fcntl is None else os.dup(handle)


def _close(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)


def _prefix() -> str:
    return f".compresslab-{_host()}-"


@cache
def _host() -> str:
    """Return eight hexadecimal digits that tell this machine from others."""
    try:
        own = Path("/etc/machine-id").read_bytes()
    except OSError:
        own = b""
    return hashlib.sha256(platform.node().encode("utf-8", "surrogateescape") + b"\0" + own).hexdigest()[:8]
