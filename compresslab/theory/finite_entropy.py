"""The entropy of a law of which finite data was drawn: what the observed shares miss, and how much is not seen yet.

The entropy of observed shares is too low, by about ``(M - 1) / 2N`` nats where phrases repeat and by much more where
most occur once. The estimate here adds up what the discovery of new phrases, as data grows, says of it; the part of it
that finite data determines is unbiased.

Source: Chao, Wang and Jost, *Entropy and the species accumulation curve*, Methods in Ecology and Evolution 4 (2013),
eq. 8; Good, *The population frequencies of species*, Biometrika 40 (1953); Simpson, *Measurement of diversity*, Nature
163 (1949), for the chance that two phrases are one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from compresslab._support.arrays import as_array
from compresslab.errors import InvalidCounts, InvalidParameter
from compresslab.theory.code_length import LN2

__all__ = ["EntropyEstimate", "estimate_entropy"]

_PIECE: Final = 1 << 20  # counts looked at a time: a mapped tree may be larger than memory
_STEPS: Final = 400  # of an integral whose error falls exponentially in them


@dataclass(frozen=True)
class EntropyEstimate:
    """An entropy from finite data, in bits per phrase.

    Attributes:
        plug_in_bits: of the observed shares: too low.
        corrected_bits: estimated for the law that the data was drawn from.
        standard_error_bits: of the observed shares' entropy over units; None for a single unit.
        missing_mass: the chance that the next phrase is a new one (Good and Turing).
        collision: the chance that two phrases are the same, unbiased; None for a single phrase.
        units: what the standard error is over: "responses", or "phrases" taken as independent.
    """

    plug_in_bits: float
    corrected_bits: float
    standard_error_bits: float | None
    missing_mass: float
    collision: float | None
    units: str


def estimate_entropy(
    counts: npt.ArrayLike, leaf: NDArray[np.int64] | None = None, response: NDArray[np.int64] | None = None
) -> EntropyEstimate:
    """Return the entropy of what counts were drawn from.

    Args:
        counts: whole numbers, 0 or more, shape ``(M,)``: how often each phrase was seen.
        leaf: int64, shape ``(N,)``: the place in ``counts`` of each phrase, where the responses are known.
        response: int64, shape ``(N,)``: the response of each phrase, from 0. Phrases of one response go together, so
            that the standard error is one over responses.

    Raises:
        InvalidCounts: a count that is negative or not a whole number, or a sum of 0.
        InvalidParameter: only one of ``leaf`` and ``response``.

    Source: see the module.

    Example:
        >>> found = estimate_entropy([3, 2, 1, 1])
        >>> round(found.plug_in_bits, 3), round(found.corrected_bits, 3), round(found.missing_mass, 3)
        (1.842, 2.421, 0.286)
        >>> found.collision == (3 * 2 + 2) / (7 * 6)
        True
    """
    if (leaf is None) != (response is None):
        raise InvalidParameter("give the leaf and the response of each phrase, or neither")
    given = as_array(counts)
    value, times = _profile(given)
    N = int((value * times).sum())
    share = value / N
    surprise = -np.log(share)
    H = float((times * share) @ surprise)
    variance = None
    if leaf is not None and response is not None:
        of_phrase = -np.log(given[leaf] / N) - H
        of_response = np.bincount(response, weights=of_phrase)
        R = len(of_response)
        variance = float(of_response @ of_response) * R / (R - 1) / N**2 if R > 1 else None
    elif N > 1:
        variance = float((times * share) @ (surprise - H) ** 2) / (N - 1)
    once = int(times[value == 1].sum())
    twice = int(times[value == 2].sum())
    pairs = int((value * (value - 1) * times).sum())
    return EntropyEstimate(
        plug_in_bits=H / LN2 + 0.0,
        corrected_bits=_chao_wang_jost_nats(value, times, N, once, twice) / LN2,
        standard_error_bits=None if variance is None else math.sqrt(variance) / LN2,
        missing_mass=once / N,
        collision=pairs / (N * (N - 1)) if N > 1 else None,
        units="phrases" if leaf is None else "responses",
    )


def _profile(counts: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the different counts above 0, and how many phrases have each."""
    if counts.ndim != 1 or counts.dtype.kind not in "iu" or (counts.size and counts.min() < 0):
        raise InvalidCounts("counts are whole numbers, 0 or more, in one dimension: how often each phrase was seen")
    found = [np.unique(counts[lo : lo + _PIECE], return_counts=True) for lo in range(0, len(counts), _PIECE)]
    values = np.concatenate([np.zeros(0, np.int64), *(value.astype(np.int64) for value, _ in found)])
    times = np.concatenate([np.zeros(0, np.int64), *(many for _, many in found)])
    value, place = np.unique(values, return_inverse=True)
    total = np.bincount(place, weights=times, minlength=len(value)).astype(np.int64)
    if not (value > 0).any():
        raise InvalidCounts("counts must have a positive sum: nothing was seen")
    return value[value > 0], total[value > 0]


def _chao_wang_jost_nats(value: NDArray[np.int64], times: NDArray[np.int64], N: int, once: int, twice: int) -> float:
    from scipy.special import digamma

    seen = float((times * (value / N)) @ (digamma(N) - digamma(value)))
    if not once or N < 2:
        return max(seen, 0.0) + 0.0
    A = 2 * twice / ((N - 1) * once + 2 * twice) if twice else 2 / ((N - 1) * (once - 1) + 2)
    if A >= 1:  # a single phrase that occurs once
        return seen
    # (1-A)^(1-N) (-ln A - sum_{r<N} (1-A)^r / r) = (1-A) int exp(-s) / (N A - N (1-A) expm1(-s/N)) ds, with s = exp(y).
    y, step = np.linspace(-40.0, 5.0, _STEPS, retstep=True)
    s = np.exp(y)
    tail = float((np.exp(-s) * s / (N * A - N * (1 - A) * np.expm1(-s / N))).sum() * step)
    return seen + once / N * (1 - A) * tail
