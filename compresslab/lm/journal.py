"""What a long scoring has done so far, on disk: a stopped run goes on where it was.

A journal is one file: a line that names the format, 32 bytes of SHA-256 of what is scored and how, and one float64 for
each symbol, NaN until it is scored. It is written in place: a number that is there is right, whatever came after.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compresslab.dataset import Dataset
from compresslab.errors import InvalidParameter
from compresslab.files import open_file, unreadable, write_atomic
from compresslab.lm.windows import Windows

__all__ = ["open_journal", "scoring_key"]

MAGIC = b"compresslab scoring journal 1\n"
HEAD = 64  # the magic and the key; 8 divides it
BLOCK = 1 << 20


def scoring_key(
    fingerprint: str, dataset: Dataset, windows: Windows | None, eos: bool, share: tuple[int, int]
) -> bytes:
    """Return the SHA-256 of all that the scores depend on."""
    digest = hashlib.sha256(repr((fingerprint, windows, eos, share, dataset.tokens.dtype.str)).encode())
    digest.update(dataset.offsets.data)
    digest.update(np.ascontiguousarray(dataset.tokens).data)
    return digest.digest()


def open_journal(path: str | PathLike[str], key: bytes, size: int) -> NDArray[np.float64]:
    """Open a journal of ``size`` numbers, or make one; the array that is returned is the file itself.

    Raises:
        InvalidParameter: the file belongs to another scoring, or is none.
        UnreadableFile: it cannot be read or written.
    """
    target = Path(path)
    head = MAGIC.ljust(HEAD - len(key), b" ") + key
    if not target.exists():
        write_atomic(target, _empty(head, size))
    try:
        with open_file(target) as file:
            found = file.read(HEAD)
        if found != head or target.stat().st_size != HEAD + 8 * size:
            what = "is of another model, dataset or setting" if found.startswith(MAGIC) else "is no scoring journal"
            raise InvalidParameter(f"cannot resume from {target}: it {what}: delete it, or name another file")
        if not size:
            return np.zeros(0)
        return np.memmap(target, np.dtype("<f8"), "r+", HEAD, (size,))
    except OSError as error:
        raise unreadable(target, error, "use") from error


def _empty(head: bytes, size: int) -> Iterator[bytes]:
    yield head
    for start in range(0, size, BLOCK):
        yield np.full(min(BLOCK, size - start), np.nan, np.dtype("<f8")).tobytes()
