"""Runs on disk: sorted leaves of a shard, written once, read from the start to the end in pieces.

A run is a folder of four flat files (see :class:`compresslab.trees.counting.front_coded.Run`) and ``run.json``. It
gets its name when all of it is on disk: a run that was never finished is a folder of another name, and is made again.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import uuid
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from compresslab._support.files import rename, unreadable, write_atomic
from compresslab._support.interrupts import temporary
from compresslab._support.json_text import read_json
from compresslab.errors import CorruptFile, UnreadableFile
from compresslab.trees.leaves import Unsigned

__all__ = ["RunReader", "RunWriter", "is_finished", "remove_unfinished", "writing"]

PARTS: Final = ("shared", "length", "counts", "symbols")
NOTE: Final = "run.json"
DTYPES: Final = frozenset({"|u1", "<u2", "<u4", "<u8", "<i8"})
NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn a failure to write into an error that says what to do; a full disk is the one to expect.

    Raises:
        UnreadableFile: with the space that is left, where that is the reason.
    """
    try:
        yield
    except OSError as error:
        cause = error.__cause__ if isinstance(error, UnreadableFile) else error
        if isinstance(cause, OSError) and cause.errno in NO_SPACE:
            near = next(place for place in (folder, *folder.absolute().parents) if place.exists())
            raise UnreadableFile(
                f"no space left to write {folder} ({shutil.disk_usage(near).free / 1e6:,.0f} MB free): free some, or "
                "give another folder for the work, then run the same command again; finished shards are kept"
            ) from error
        if isinstance(error, UnreadableFile):
            raise
        raise unreadable(error.filename or folder, error, "write") from error


def is_finished(folder: Path) -> bool:
    """Tell whether a run was written to its end."""
    return (folder / NOTE).exists()


def remove_unfinished(folder: Path) -> None:
    """Remove what a build that was killed left of runs; no other may be at work there."""
    for part in folder.glob("*.part"):
        shutil.rmtree(part, ignore_errors=True)


class RunWriter:
    """Writes a run, piece by piece, under a name of its own until it is whole: two writers of one run do no harm.

    Args:
        folder: the run.
        dtypes: of shared, length, counts and symbols.
    """

    def __init__(self, folder: Path, dtypes: tuple[np.dtype[Any], ...]) -> None:
        self._run, self._folder = folder, folder.with_name(f"{folder.name}.{uuid.uuid4().hex}.part")
        self._folder.mkdir(parents=True)
        self._dtypes = dtypes
        self._stack = ExitStack()
        self._stack.enter_context(temporary(self._folder))
        self._files: list[BinaryIO] = [self._stack.enter_context((self._folder / part).open("wb")) for part in PARTS]
        self._sums, self._sizes = [0] * 4, [0] * 4

    def write(self, *pieces: NDArray[Any]) -> None:
        """Append leaves: shared, length, counts and symbols."""
        for i, (piece, dtype) in enumerate(zip(pieces, self._dtypes, strict=True)):
            data = np.ascontiguousarray(piece, dtype).data
            self._files[i].write(data)
            self._sums[i] = zlib.crc32(data, self._sums[i])
            self._sizes[i] += len(piece)

    def finish(self) -> None:
        """Make the run durable, and only then call it a run."""
        for file in self._files:
            file.flush()
            os.fsync(file.fileno())
        self._stack.close()
        note = {"dtypes": [d.str for d in self._dtypes], "sizes": self._sizes, "crc32": self._sums}
        write_atomic(self._folder / NOTE, [json.dumps(note).encode()])
        try:
            rename(self._folder, self._run)
        except OSError:
            if not is_finished(self._run):
                raise
            self.discard()  # another writer was first, with the same leaves

    def discard(self) -> None:
        """Remove what was written."""
        self._stack.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class RunReader:
    """Reads a run from its start, and checks it at its end.

    Raises:
        UnreadableFile: a file of it is missing or cannot be read.
        CorruptFile: its note or the sizes of its files are not those of a run.
    """

    def __init__(self, folder: Path) -> None:
        self.name, self._folder, self._stack = str(folder), folder, ExitStack()
        try:
            note = read_json(folder / NOTE)
            sizes, self._want = note["sizes"], note["crc32"]
            if not set(note["dtypes"]) <= DTYPES or len(note["dtypes"]) != len(PARTS):
                raise ValueError(f"it has arrays of {note['dtypes']!r:.60}")
            self.dtypes = tuple(np.dtype(d) for d in note["dtypes"])
            wanted = [size * dtype.itemsize for size, dtype in zip(sizes, self.dtypes, strict=True)]
            if [(folder / part).stat().st_size for part in PARTS] != wanted or not sizes[0] == sizes[1] == sizes[2]:
                raise ValueError("its files have other sizes")
        except (ValueError, LookupError, TypeError) as error:
            raise CorruptFile(f"{folder} is damaged ({error}): remove it, and build again") from error
        except OSError as error:
            raise error if isinstance(error, UnreadableFile) else unreadable(folder, error) from error
        self.leaves, self.symbols = sizes[0], sizes[3]
        self._left, self._sums = self.leaves, [0] * 4
        try:
            self._files = [self._stack.enter_context((folder / part).open("rb")) for part in PARTS]
        except OSError as error:
            self._stack.close()
            raise unreadable(folder, error) from error

    def read(self, leaves: int) -> tuple[Unsigned, Unsigned, Unsigned, Unsigned]:
        """Return the next leaves, fewer at the end, none after it."""
        leaves = min(leaves, self._left)
        shared, length, counts = (self._next(i, leaves) for i in range(3))
        added = int(length.sum(dtype=np.int64)) - int(shared.sum(dtype=np.int64))
        symbols = self._next(3, max(added, 0))  # whether the leaves can be so is for who merges them to check
        self._left -= leaves
        if not self._left:
            self._stack.close()
            if self._sums != self._want:
                raise CorruptFile(f"{self._folder} is damaged: its checksums do not match; remove it, and build again")
        return shared, length, counts, symbols

    def close(self) -> None:
        """Close the files."""
        self._stack.close()

    def _next(self, i: int, count: int) -> Any:
        data = self._files[i].read(count * self.dtypes[i].itemsize) if count else b""
        if len(data) < count * self.dtypes[i].itemsize:
            raise CorruptFile(f"{self._folder / PARTS[i]} was cut: remove {self._folder}, and build again")
        self._sums[i] = zlib.crc32(data, self._sums[i])
        return np.frombuffer(data, self.dtypes[i])
