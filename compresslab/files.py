"""Files: read with an error that names the path, written so that a crash leaves the old file or the new one."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt

from compresslab.errors import UnreadableFile
from compresslab.interrupts import temporary

__all__ = ["file_at", "read_buffer", "rename", "temporary_folder", "unreadable", "write_atomic"]


def unreadable(path: str | PathLike[str], error: OSError | ValueError, doing: str = "read") -> UnreadableFile:
    """Return the error to raise for a file that cannot be read or written: it names the path and the reason."""
    reason = (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
    return UnreadableFile(f"cannot {doing} {os.fspath(path)}: {reason}")


def read_buffer(path: str | PathLike[str]) -> npt.NDArray[np.uint8]:
    """Return the bytes of a file: uint8, read-only.

    Raises:
        UnreadableFile: missing, a directory, not readable, or too large for the memory.
    """
    try:
        return np.frombuffer(Path(path).read_bytes(), dtype=np.uint8)
    except (MemoryError, OverflowError) as error:
        raise UnreadableFile(f"cannot read {os.fspath(path)}: it does not fit into memory") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise unreadable(path, error) from error


def write_atomic(path: str | PathLike[str], chunks: Iterable[bytes | memoryview]) -> None:
    """Write a file under a temporary name in its directory, sync it, and rename it into place, for good.

    Where a link to a file is given, the file is replaced and not the link.

    Raises:
        UnreadableFile: the directory is missing or cannot be written to, or the path is of no file, as that of a
            device, which would be lost; nothing is left behind.
    """
    target = file_at(path)
    part = ""
    try:
        handle, part = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
        with temporary(part):
            with os.fdopen(handle, "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            _share(part)
            rename(part, target)
        part = ""
    except OSError as error:
        raise unreadable(path, error, "write") from error
    finally:
        if part:
            Path(part).unlink(missing_ok=True)


def rename(source: str | PathLike[str], target: str | PathLike[str]) -> None:
    """Give a file or folder its name, in place of a file that has it; the name outlasts a loss of power.

    Raises:
        OSError: it cannot be renamed.
    """
    os.replace(source, target)
    if not hasattr(os, "O_DIRECTORY"):  # Windows syncs no folders
        return
    folder = os.open(Path(target).parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:  # a file system that has no such thing
            raise
    finally:
        os.close(folder)


def file_at(path: str | PathLike[str]) -> Path:
    """Return the path of the file to be replaced, all links followed.

    Raises:
        UnreadableFile: something other than a file is there: a directory, a device, a pipe.
    """
    try:
        target = Path(os.path.realpath(path))
        if not target.exists():
            return target
        mode = target.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise unreadable(path, error, "write") from error
    if stat.S_ISDIR(mode):
        raise UnreadableFile(f"cannot write {os.fspath(path)}: is a directory")
    if not stat.S_ISREG(mode):
        raise UnreadableFile(f"cannot write {os.fspath(path)}: it is a device or a pipe, give the name of a file")
    return target


@contextmanager
def temporary_folder(beside: str | PathLike[str] | None = None) -> Iterator[Path]:
    """Make a folder that is gone after the block, however that ends.

    Args:
        beside: the file to be made in it, where it should lie in the same directory; else it lies where all such do.
    """
    target = None if beside is None else Path(beside)
    prefix, where = ("compresslab-", None) if target is None else (f".{target.name}.", target.parent)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=where) as folder, temporary(folder):
        yield Path(folder)


def _share(path: str) -> None:
    """Give a temporary file, made for its owner alone, the permissions that a new file would have."""
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(path, 0o666 & ~mask)
