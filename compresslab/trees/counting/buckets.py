"""Deal strings into buckets that are in order among each other, on all cores, by a guess at each one's place.

The guess is the one of an arithmetic coder with the frequencies of single codes. It reads the text backwards, so that
every position costs one step; it is monotone in the text from a position on, whatever the text is like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from compresslab._support.threads import on_all_cores, workers
from compresslab.trees.counting.coded_text import CodedText, Places, Positions
from compresslab.trees.counting.kernels import any_depth as kernels
from compresslab.trees.leaves import Key

__all__ = ["batches", "bucket_positions", "bucket_words"]

BUCKET: Final = 1 << 13  # strings per bucket, so that keys and positions stay in a core's own cache
SHARE: Final = 1 << 20  # strings per task at most, so that no core waits long for another


def bucket_positions(text: CodedText, places: Places) -> tuple[Positions, NDArray[np.int64]]:
    """Deal the positions where strings start into buckets; return them, and from where to where each bucket goes."""
    order: Positions = np.empty(len(places), np.uint32 if len(text.codes) < 1 << 32 else np.int64)
    plan = _Plan.of(text, places)
    on_all_cores(lambda i: kernels.scatter(text.codes, *plan.part(i), plan.end[i], order), range(len(plan.end)))
    return order, plan.groups


def bucket_words(text: CodedText, places: Places, depth: int) -> tuple[Key, NDArray[np.int64]]:
    """Deal strings that fit into a word into buckets, as words: ``depth`` codes, the first one highest."""
    words = np.empty(len(places), np.uint64)
    plan = _Plan.of(text, places)
    top = text.bits * (depth - 1)
    on_all_cores(
        lambda i: kernels.scatter_words(text.codes, *plan.part(i), plan.end[i], text.bits, top, words),
        range(len(plan.end)),
    )
    return words, plan.groups


def batches(groups: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Put neighbouring groups together into tasks of like size."""
    share = min(SHARE, max(1, int(groups[-1, 1]) // (8 * workers())))
    return np.split(groups, np.flatnonzero(np.diff(groups[:, 0] // share)) + 1)


@dataclass(frozen=True, eq=False)
class _Plan:
    """How a text is dealt out: in parts, each of which knows where its strings of a bucket end.

    The guess before a part depends on all that follows it, but soon forgets: read from far enough on, the smallest and
    the largest value that it could have lead to the same one.
    """

    places: Places
    bounds: NDArray[np.int64]
    guess: list[float]
    low: NDArray[np.float64]
    width: NDArray[np.float64]
    scale: float
    end: NDArray[np.int64]
    groups: NDArray[np.int64]

    @classmethod
    def of(cls, text: CodedText, places: Places) -> _Plan:
        codes = text.codes
        bounds = np.linspace(0, len(codes), workers() + 1).astype(np.int64)
        counted = np.zeros((workers(), text.largest + 2), np.int64)
        on_all_cores(
            lambda i: kernels.add_frequencies(codes[bounds[i] : bounds[i + 1]], counted[i]), range(len(counted))
        )
        width = counted.sum(axis=0).astype(np.float64)
        low, scale = np.cumsum(width) - width, (1 - 2.0**-50) / len(codes)
        guess = [kernels.guess_at(codes, at, low, width, scale) for at in bounds[1:]]
        count = np.zeros((len(guess), max(1, len(places) // BUCKET)), np.int64)
        plan = cls(places, bounds, guess, low, width, scale, np.empty_like(count), np.empty((0, 2), np.int64))
        on_all_cores(lambda i: kernels.histogram(codes, *plan.part(i), count[i]), range(len(count)))
        size = count.sum(axis=0)
        last = np.cumsum(size)
        groups = np.stack([last - size, last], axis=1)
        end = groups[:, 0] + np.cumsum(count, axis=0)
        return cls(places, bounds, guess, low, width, scale, end, groups[size > 0])

    def part(self, i: int) -> tuple[Positions, int, int, int, float, NDArray[np.float64], NDArray[np.float64], float]:
        """The arguments that every pass over a part takes."""
        lo, hi = int(self.bounds[i]), int(self.bounds[i + 1])
        chosen = self.places.chosen
        within = chosen[np.searchsorted(chosen, lo) : np.searchsorted(chosen, hi)]
        return within, self.places.limit, lo, hi, self.guess[i], self.low, self.width, self.scale
