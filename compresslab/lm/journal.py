"""What a long scoring has done so far, on disk: a stopped run goes on where it was.

A journal is one file: a line that names the format, 32 bytes of SHA-256 of what is scored and how, one float64 for each
symbol, NaN until it is scored, and 4 bytes for each that check it. It is written in place: a number that its check fits
is right, whatever came after; any other one is scored again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compresslab._support.files import open_file, unreadable, write_atomic
from compresslab.data.dataset import Dataset
from compresslab.errors import InvalidParameter
from compresslab.lm.windows import Windows

__all__ = ["Journal", "new_journal", "open_journal", "scoring_key"]

MAGIC = b"compresslab scoring journal 2\n"
ANY_VERSION = MAGIC[:-2]
HEAD = 64  # the magic and the key; 8 divides it
BLOCK = 1 << 20


@dataclass(frozen=True, eq=False)
class Journal:
    """The scores so far; in a journal that was opened, the arrays are the file itself.

    Attributes:
        nats: float64, one for each symbol; NaN where it is not scored yet. To be changed by :meth:`write` alone.
        checks: uint32, one for each.
    """

    nats: NDArray[np.float64]
    checks: NDArray[np.uint32]

    def write(self, at: int, nats: NDArray[np.float64]) -> None:
        """Write scores from symbol ``at`` on."""
        self.nats[at : at + len(nats)] = nats
        self.checks[at : at + len(nats)] = _checks(nats, at)


def scoring_key(
    fingerprint: str, dataset: Dataset, windows: Windows | None, eos: bool, share: tuple[int, int]
) -> bytes:
    """Return the SHA-256 of all that the scores depend on."""
    digest = hashlib.sha256(repr((fingerprint, windows, eos, share, dataset.tokens.dtype.str)).encode())
    digest.update(dataset.offsets.data)
    digest.update(np.ascontiguousarray(dataset.tokens).data)
    return digest.digest()


def new_journal(size: int) -> Journal:
    """Return a journal of ``size`` numbers that is in no file."""
    return Journal(np.full(size, np.nan), np.zeros(size, np.uint32))


def open_journal(path: str | PathLike[str], key: bytes, size: int) -> Journal:
    """Open a journal of ``size`` numbers, or make one. Numbers that are damaged count as not scored.

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
        if found != head or target.stat().st_size != HEAD + 12 * size:
            what = "is not a scoring journal"
            if found.startswith(ANY_VERSION):
                ours = found.startswith(MAGIC)
                what = f"is of another {'model, dataset or setting' if ours else 'version of compresslab'}"
            raise InvalidParameter(f"cannot resume from {target}: it {what}: delete it, or name another file")
        if not size:
            return new_journal(0)
        nats = np.memmap(target, np.dtype("<f8"), "r+", HEAD, (size,))
        checks = np.memmap(target, np.dtype("<u4"), "r+", HEAD + 8 * size, (size,))
    except OSError as error:
        raise unreadable(target, error, "use") from error
    for start in range(0, size, BLOCK):
        part = nats[start : start + BLOCK]
        wrong = (checks[start : start + BLOCK] != _checks(part, start)) & ~np.isnan(part)
        if wrong.any():
            part[wrong] = np.nan
    return Journal(nats, checks)


def _checks(nats: NDArray[np.float64], at: int) -> NDArray[np.uint32]:
    """Mix a number and its place into 32 bits, by odd factors and shifts."""
    place = np.arange(at + 1, at + 1 + len(nats), dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (np.ascontiguousarray(nats, "<f8").view("<u8") ^ place) * np.uint64(0xD6E8FEB86659FD93)
    mixed ^= mixed >> np.uint64(32)
    mixed *= np.uint64(0xD6E8FEB86659FD93)
    mixed >>= np.uint64(32)
    short: NDArray[np.uint32] = mixed.astype(np.uint32)
    return short


def _empty(head: bytes, size: int) -> Iterator[bytes]:
    yield head
    for start in range(0, size, BLOCK):
        yield np.full(min(BLOCK, size - start), np.nan, np.dtype("<f8")).tobytes()
    for start in range(0, size, BLOCK):
        yield bytes(4 * min(BLOCK, size - start))
