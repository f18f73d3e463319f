"""Long vectors in fewer numbers, so that inner products stay: CountSketch, with its hash from a seed.

Each coordinate is added, with a random sign, to one of ``size`` places. An inner product of two sketches is that of the
vectors without bias, with a standard error of at most ``sqrt(2 / size)`` of the product of their lengths. A vector that
is not longer than ``size`` is its own sketch, and nothing is lost.

Source: Charikar, Chen, Farach-Colton, Finding frequent items in data streams, 2002.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Sketch"]

SIZE = 1 << 20
_STEP = 1 << 21


@dataclass(frozen=True)
class Sketch:
    """How vectors of ``total`` numbers are kept in ``size``.

    Attributes:
        total: numbers of a vector.
        size: numbers of its sketch, a power of 2.
        seed: of the places and signs.

    Example:
        >>> Sketch(10).of(np.arange(10.0)).tolist() == list(range(10)), Sketch(10).error
        (True, 0.0)
    """

    total: int
    size: int = SIZE
    seed: int = 0

    @property
    def exact(self) -> bool:
        """Whether a vector is its own sketch."""
        return self.total <= self.size

    @property
    def length(self) -> int:
        """Numbers of a sketch."""
        return min(self.total, self.size)

    @property
    def error(self) -> float:
        """The standard error of an inner product at most, as a share of the product of the two lengths."""
        return 0.0 if self.exact else math.sqrt(2 / self.size)

    def of(self, vector: NDArray[Any]) -> NDArray[np.float64]:
        """Return the sketch of a vector."""
        out = np.zeros(self.length)
        for start in range(0, self.total, _STEP):
            self.add(out, start, vector[start : start + _STEP])
        return out

    def add(self, out: NDArray[np.float64], start: int, values: NDArray[Any]) -> None:
        """Add a piece of a vector, which begins at ``start``, to a sketch."""
        if self.exact:
            out[start : start + values.size] += values
            return
        mixed = _mixed(np.arange(start, start + values.size, dtype=np.uint64) + np.uint64(self.seed << 40))
        places = (mixed >> np.uint64(1)) & np.uint64(self.size - 1)
        signed = np.where(mixed & np.uint64(1), values, -values)
        out += np.bincount(places.astype(np.intp), weights=signed, minlength=self.size)


def _mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return 64 bits that look random for each number: the finaliser of SplitMix64 (Steele, Lea, Flood, 2014)."""
    x = (x + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
