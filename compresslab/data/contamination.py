r"""Contamination: which texts of one role stand in the data of another, whole or in long runs.

A text *stands in* other data if it is one of its texts, or if a run of 50 of its bytes is a run of one of them; the
bytes that stand there are those of such runs. Fifty characters are what GPT-4's makers looked for in their tests; half
a line of English is seldom written twice by chance.

Runs are compared by a 64-bit hash of each place. Memory: 8 bytes for each place of one role, and 20 MB; of a role that
has more places than `PLACES` every run whose hash is divisible by a number is taken, so that what is found is at least
what there is.

Sources: Brown et al., Language Models are Few-Shot Learners, arXiv 2005.14165, appendix C (13 words); OpenAI, GPT-4
Technical Report, arXiv 2303.08774, appendix C (50 characters).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import permutations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import Int64Array
from compresslab.data.texts import Texts

__all__ = ["PLACES", "RUN", "Overlap", "overlaps"]

RUN: Final = 50
"""Bytes of a run that two texts must share."""

PLACES: Final = 1 << 24
"""Places of a role that are all looked at; of a larger one some are."""

_CHUNK = 1 << 18  # places hashed at once
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93), np.uint64(32))
Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Overlap:
    """What of one role stands in another.

    Attributes:
        role: the one.
        other: the other.
        shared_texts: texts of the one that stand there, whole or in part.
        texts: texts of the one.
        shared_bytes: bytes of the one that stand there.
        bytes: bytes of the one.
        every: 1 where all runs were compared; else one in so many, and the numbers are the least that there can be.
    """

    role: str
    other: str
    shared_texts: int
    texts: int
    shared_bytes: int
    bytes: int
    every: int = 1

    def __str__(self) -> str:
        """Return a sentence."""
        least = "" if self.every == 1 else "at least "
        return (
            f"{least}{self.shared_texts:,} of {self.texts:,} {self.role} texts ({self.shared_bytes:,} of "
            f"{self.bytes:,} bytes) stand in the {self.other} data: whole, or in runs of {RUN} bytes."
        )

    def facts(self) -> dict[str, Any]:
        """Return the same for JSON."""
        return {**asdict(self), "run_bytes": RUN}


def overlaps(roles: Mapping[str, Texts], places: int = PLACES) -> list[Overlap]:
    """Return what of each role stands in each other one; pairs that share nothing are left out.

    Args:
        roles: the texts of each; two or more to find anything.
        places: places of a role that are all looked at.

    Example:
        >>> said = b"To be, or not to be, that is the question: whether 'tis nobler"
        >>> found = overlaps({"align": Texts.pack([said, b"x"]), "pretrain": Texts.pack([b"Hamlet: " + said])})
        >>> print(found[0])
        1 of 2 align texts (62 of 63 bytes) stand in the pretrain data: whole, or in runs of 50 bytes.
    """
    largest = max((int(texts.buffer.size) for texts in roles.values()), default=0)
    every = max(1, -(-largest // places))
    wholes = {role: set(texts) - {b""} for role, texts in roles.items()}
    runs = {role: _all_runs(texts, every) for role, texts in roles.items()}
    found = []
    for role, other in permutations(roles, 2):
        if not wholes[role] or not wholes[other]:
            continue
        texts, size = _shared(roles[role], wholes[other], runs[other], every)
        if texts:
            held = roles[role]
            found.append(Overlap(role, other, texts, len(held), size, int(held.buffer.size), every))
    return found


def _shared(texts: Texts, wholes: set[bytes], runs: Hashes, every: int) -> tuple[int, int]:
    """Return how many texts stand in other data, and how many of their bytes."""
    covered = np.zeros(texts.buffer.size + 1, dtype=np.int64)  # +1 where a run opens, -1 where one closes
    for first, hashes in _runs(texts, every):
        at = first[_among(hashes, runs)]
        np.add.at(covered, at, 1)
        np.add.at(covered, at + RUN, -1)
    for i, text in enumerate(texts):
        if text in wholes:
            covered[texts.offsets[i]] += 1
            covered[texts.offsets[i + 1]] -= 1
    inside = np.cumsum(covered[:-1]) > 0
    before = np.concatenate(([0], np.cumsum(inside)))
    each = before[texts.offsets[1:]] - before[texts.offsets[:-1]]
    return int((each > 0).sum()), int(inside.sum())


def _among(hashes: Hashes, sorted_runs: Hashes) -> NDArray[np.bool_]:
    if not sorted_runs.size:
        return np.zeros(hashes.size, dtype=bool)
    place = np.minimum(np.searchsorted(sorted_runs, hashes), sorted_runs.size - 1)
    found: NDArray[np.bool_] = sorted_runs[place] == hashes
    return found


def _all_runs(texts: Texts, every: int) -> Hashes:
    parts = [hashes for _, hashes in _runs(texts, every)]
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.uint64)


def _runs(texts: Texts, every: int) -> Iterator[tuple[Int64Array, Hashes]]:
    """Give the runs of all texts, none of which goes from one text into the next: places in the buffer, and hashes."""
    starts = texts.offsets[:-1][texts.lengths >= RUN]
    stops = texts.offsets[1:][texts.lengths >= RUN] - RUN + 1  # behind the last place of each
    opens = np.zeros(texts.buffer.size + 1, dtype=np.int8)
    np.add.at(opens, starts, 1)
    np.add.at(opens, stops, -1)
    held = np.cumsum(opens[:-1], dtype=np.int8) > 0
    for first in range(0, texts.buffer.size - RUN + 1, _CHUNK):
        last = min(first + _CHUNK, texts.buffer.size - RUN + 1)
        places = np.flatnonzero(held[first:last])
        if not places.size:
            continue
        hashes = _hashed(texts.buffer[first : last + RUN - 1])[places]
        kept = hashes % np.uint64(every) == 0 if every > 1 else slice(None)
        yield (places + first)[kept], hashes[kept]


def _hashed(data: NDArray[np.uint8]) -> Hashes:
    """Return a hash of the `RUN` bytes from each place on, put together from those of 2, 4, 8, ... bytes."""
    powers = {1: data.astype(np.uint64) + np.uint64(1)}
    size = 1
    while 2 * size <= RUN:
        powers[2 * size] = _joined(powers[size], powers[size], size)
        size *= 2
    whole, length = powers[size], size
    while length < RUN:
        size = max(one for one in powers if one <= RUN - length)
        whole = _joined(whole, powers[size], length)
        length += size
    return whole


def _joined(first: Hashes, second: Hashes, size: int) -> Hashes:
    """Return the hashes of two neighbours, the first of ``size`` bytes, at each place where both stand."""
    count = min(first.size, second.size - size)
    mixed = first[:count] * _MIX[0] + second[size : size + count]
    mixed ^= mixed >> _MIX[2]
    mixed *= _MIX[1]
    mixed ^= mixed >> _MIX[2]
    return mixed
