"""Files: read with an error that names the path, written so that a crash leaves the old file or the new one."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from compresslab._support.temporaries import part_file, part_folder
from compresslab.errors import UnreadableFile

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = [
    "check_file",
    "check_target",
    "check_target_folder",
    "expanded",
    "file_at",
    "name_beside",
    "open_file",
    "put",
    "read_buffer",
    "rename",
    "short_names",
    "temporary_folder",
    "unreadable",
    "write_atomic",
]

_LONGEST = 255  # bytes of a name, where the system does not say

_KINDS = (
    (stat.S_ISDIR, "is a directory"),
    (stat.S_ISFIFO, "it is a pipe, give the name of a file (on the command line: - and < PIPE)"),
    (stat.S_ISSOCK, "it is a socket, give the name of a file"),
    (lambda mode: not stat.S_ISREG(mode), "it is a device, give the name of a file"),
)


def unreadable(path: str | PathLike[str], error: OSError | ValueError, doing: str = "read") -> UnreadableFile:
    """Return the error to raise for a file that cannot be read or written: it names the path and the reason, once."""
    if isinstance(error, UnreadableFile):
        return UnreadableFile(str(error))
    reason = (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
    return UnreadableFile(f"cannot {doing} {os.fspath(path)}: {reason}")


def expanded(path: str | PathLike[str]) -> Path:
    """Return a path with a leading ``~`` or ``~user`` replaced by that home; unchanged where there is no such user.

    Example:
        >>> str(expanded("~nosuchuser/models"))
        '~nosuchuser/models'
    """
    return Path(os.path.expanduser(path))


def check_file(path: str | PathLike[str]) -> None:
    """Raise UnreadableFile unless the path leads to a file: opening a pipe may wait for ever, and a device may not end.

    Raises:
        UnreadableFile: nothing is there, or a directory, a pipe, a socket or a device.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise unreadable(path, error) from error
    for is_kind, what in _KINDS:
        if is_kind(mode):
            raise UnreadableFile(f"cannot read {os.fspath(path)}: {what}")


def open_file(path: str | PathLike[str]) -> io.BufferedReader:
    """Open a file to read its bytes.

    Raises:
        UnreadableFile: missing, not readable, or a directory, a pipe, a socket or a device.
    """
    check_file(path)
    try:
        return open(path, "rb", opener=_at_once)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def _at_once(path: str, flags: int) -> int:
    """Open a file without waiting, in case a pipe has taken its place since it was checked."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_buffer(path: str | PathLike[str]) -> npt.NDArray[np.uint8]:
    """Return the bytes of a file: uint8, read-only.

    Raises:
        UnreadableFile: missing, not readable, too large for the memory, or a directory, a pipe, a socket or a device.
    """
    import numpy as np  # here: what reads no file, such as --help, does without it

    with open_file(path) as file:
        try:
            return np.frombuffer(file.read(), dtype=np.uint8)
        except (MemoryError, OverflowError) as error:
            raise UnreadableFile(f"cannot read {os.fspath(path)}: it does not fit into memory") from error
        except OSError as error:
            raise unreadable(path, error) from error


def write_atomic(
    path: str | PathLike[str], chunks: Iterable[bytes | memoryview], *, like: os.stat_result | None = None
) -> None:
    """Write a file under a temporary name in its directory, sync it, and rename it into place, for good.

    Where a link to a file is given, the file is replaced and not the link. The permissions of a file that is replaced
    stay as they were.

    Args:
        path: the file.
        chunks: what it is to hold.
        like: of a file whose permissions and time of last change it is to have (never wider ones); None: its own.

    Raises:
        UnreadableFile: the directory is missing or cannot be written to, or the path is of no file, as that of a
            device, which would be lost; nothing is left behind.
    """
    target = file_at(path)
    try:
        with part_file(target.parent) as (file, part):
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
            file.close()
            put(part, target, like=like)
    except OSError as error:
        raise unreadable(path, error, "write") from error


def put(part: str | PathLike[str], target: Path, *, like: os.stat_result | None = None) -> None:
    """Rename a temporary file, made for its owner alone, into its place, with the permissions that belong there.

    Args:
        part: the temporary file.
        target: its place; a file that is there is replaced, and leaves its permissions.
        like: as for `write_atomic`.
    """
    model = like
    if model is None:
        with suppress(OSError):
            model = target.stat()
    if model is None:
        mask = os.umask(0)
        os.umask(mask)
        mode = 0o666 & ~mask
    else:
        mode = _owned(part, model)
    os.chmod(part, mode)
    if like is not None:
        os.utime(part, ns=(like.st_atime_ns, like.st_mtime_ns))
    rename(part, target)


def _owned(part: str | PathLike[str], model: os.stat_result) -> int:
    """Give a file the owner and group of another, as far as this user may; return the permissions that then fit."""
    mode = stat.S_IMODE(model.st_mode) & 0o777
    own = os.stat(part)
    if (own.st_uid, own.st_gid) == (model.st_uid, model.st_gid) or not hasattr(os, "chown"):
        return mode
    for owner in (model.st_uid, -1):
        with suppress(OSError):
            os.chown(part, owner, model.st_gid)
            return mode
    return mode & (0o707 | (mode & 0o007) << 3)  # the group is another one: it may do what everyone may


def short_names(paths: Sequence[str | PathLike[str]]) -> list[str]:
    """Return a short name for each path, no two of different paths alike: its last part, or as many as it takes.

    Example:
        >>> short_names(["a/x.csv", "b/x.csv", "b/y.csv"])
        ['a/x.csv', 'b/x.csv', 'y.csv']
    """
    parts = [Path(path).parts for path in paths]
    names = [one[-1] if one else "." for one in parts]
    for length in range(2, max(map(len, parts), default=1) + 1):
        twice = {name for name, count in Counter(names).items() if count > 1}
        names = [str(Path(*one[-length:])) if name in twice else name for one, name in zip(parts, names, strict=True)]
    return names


def name_beside(path: Path, ending: str) -> Path:
    """Return a path beside another one: its name and an ending, the name cut short where both would be too long.

    Example:
        >>> name_beside(Path("a/tree"), ".work").as_posix()
        'a/tree.work'
        >>> len(name_beside(Path("a" * 255), ".work").name)
        255
    """
    try:
        longest = os.pathconf(path.parent, "PC_NAME_MAX")
    except (OSError, ValueError, AttributeError):
        longest = _LONGEST
    name = os.fsencode(path.name)
    if len(name) + len(ending) <= longest:
        return path.with_name(path.name + ending)
    ending = f".{hashlib.sha256(name).hexdigest()[:16]}{ending}"
    return path.with_name(name[: longest - len(ending)].decode("utf-8", "ignore") + ending)


def rename(source: str | PathLike[str], target: str | PathLike[str]) -> None:
    """Rename a file or folder, in place of a file of that name; the new name survives a loss of power.

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


def check_target(path: str | PathLike[str]) -> None:
    """Raise UnreadableFile if no file can be written there, before any work is done for it.

    Raises:
        UnreadableFile: something other than a file is there, or its directory is missing or cannot be written to.
    """
    _check_folder(file_at(path).parent, path)


def check_target_folder(path: str | PathLike[str]) -> None:
    """Raise UnreadableFile unless a directory is there, or can be made, to write files in.

    Raises:
        UnreadableFile: it, or the nearest of its parents that is there, is not a directory or cannot be written to.
    """
    try:
        place = Path(os.path.realpath(path))
        while not os.path.lexists(place) and place != place.parent:
            place = place.parent
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise unreadable(path, error, "write") from error
    _check_folder(place, path)


def _check_folder(folder: Path, path: str | PathLike[str]) -> None:
    try:
        if not stat.S_ISDIR(folder.stat().st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise unreadable(path, error, "write") from error


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
        kind = "a pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
        raise UnreadableFile(f"cannot write {os.fspath(path)}: it is {kind}, give the name of a file")
    return target


@contextmanager
def temporary_folder(beside: str | PathLike[str] | None = None) -> Iterator[Path]:
    """Yield a new folder that is deleted after the block, however the block ends.

    Args:
        beside: the file to be made in it, where it should lie in the same directory; else it lies where all such do.
    """
    with part_folder(None if beside is None else Path(beside).parent) as folder:
        yield folder
