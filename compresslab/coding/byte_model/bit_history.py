"""Tables of the byte model: bit histories, and the logistic map, all in whole numbers that are the same everywhere.

A *bit history* is what one byte remembers of the bits seen in a context: the first `_WHOLE` of them exactly, after
that how many zeros and ones (bounded, the rarer one less so) and which came last. When a bit contradicts a long run,
most of the run is forgotten: old evidence counts for less than new. How probable a 1 is after a history is not fixed
here but learned while coding.

Logits are whole numbers in units of 1/256 nat, from -2047 to 2047.
"""

from __future__ import annotations

import decimal
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

__all__ = ["HISTORIES", "LOGIT_LIMIT", "Tables", "tables"]

HISTORIES = 256
"""Room for histories (a byte); history 0 is the empty one."""

LOGIT_LIMIT = 2047

_WHOLE = 3  # histories up to this length are kept exactly
_BOUND = {0: 40, 1: 24, 2: 12, 3: 7, 4: 5}  # largest count beside a smaller count of 0, 1, ..

_Whole = tuple[int, ...]  # the bits themselves
_Counted = tuple[str, int, int, int]  # "counted", zeros, ones, last bit


@dataclass(frozen=True)
class Tables:
    """`next_history` (512,) uint8: after history h and bit b, at ``h + 256 b``; `start` (256,) int64: first guess of
    P(1) after each history, in 1/65536; `squash` (4096,) int64: P(1) in 1/65536 at logit ``i - 2048``; `stretch`
    (4096,) float64: the logit, a whole number, of P(1) = i/4096.
    """

    next_history: npt.NDArray[np.uint8]
    start: npt.NDArray[np.int64]
    squash: npt.NDArray[np.int64]
    stretch: npt.NDArray[np.float64]


@cache
def tables() -> Tables:
    """Compute the tables, once (about 30 ms).

    Example:
        >>> t = tables()
        >>> int(t.squash[2048]), int(t.squash[2048 + 256]), float(t.stretch[2048])
        (32768, 47911, 0.0)
        >>> int(t.next_history[0]) != int(t.next_history[256])
        True
    """
    next_history, start = _histories()
    squash = _squash()
    # The smallest logit whose probability reaches i/4096: the inverse of squash by search, no logarithm needed.
    logits = np.searchsorted(squash, np.arange(4096) * 16) - 2048
    return Tables(next_history, start, squash, np.clip(logits, -LOGIT_LIMIT, LOGIT_LIMIT).astype(np.float64))


def _squash() -> npt.NDArray[np.int64]:
    """65536 / (1 + exp(-x / 256)) for x = -2048 .. 2047; `decimal` rounds exp correctly, the C library need not."""
    with decimal.localcontext(decimal.Context(prec=20)):
        one, scale = decimal.Decimal(1), decimal.Decimal(65536)
        values = [
            int((scale / (one + (decimal.Decimal(-x) / 256).exp())).to_integral_value()) for x in range(-2048, 2048)
        ]
    return np.array(values, dtype=np.int64)


def _histories() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Number the histories that can be reached from the empty one, and tabulate what follows them."""
    number: dict[_Whole | _Counted, int] = {(): 0}
    order: list[_Whole | _Counted] = [()]
    after = np.zeros(2 * HISTORIES, dtype=np.uint8)
    start = np.full(HISTORIES, 1 << 15, dtype=np.int64)
    for history in order:  # grows while it is walked
        here = number[history]
        zeros, ones = _counts(history)
        start[here] = ((2 * ones + 1) << 16) // (2 * (zeros + ones) + 2)
        for bit in (0, 1):
            follower = _follow(history, bit)
            if follower not in number:
                number[follower] = len(order)
                order.append(follower)
            after[here + HISTORIES * bit] = number[follower]
    return after, start


def _counts(history: _Whole | _Counted) -> tuple[int, int]:
    if history and history[0] == "counted":
        return int(history[1]), int(history[2])
    ones = sum(bit == 1 for bit in history)
    return len(history) - ones, ones


def _follow(history: _Whole | _Counted, bit: int) -> _Whole | _Counted:
    if len(history) < _WHOLE and "counted" not in history:
        return (*(int(b) for b in history), bit)
    zeros, ones = _counts(history)
    if bit:
        zeros, ones = _forget(zeros), ones + 1
    else:
        zeros, ones = zeros + 1, _forget(ones)
    if "counted" not in history:  # the first step beyond whole histories forgets nothing
        zeros, ones = _counts((*(int(b) for b in history), bit))
    return ("counted", *_bounded(zeros, ones), bit)


def _forget(count: int) -> int:
    """Keep about log2 of a count that was contradicted."""
    return min(count, 2) if count <= 3 else count.bit_length() + 1


def _bounded(zeros: int, ones: int) -> tuple[int, int]:
    while True:
        few, many = sorted((zeros, ones))
        if few in _BOUND and many <= _BOUND[few]:
            return zeros, ones
        if few not in _BOUND:
            zeros, ones = zeros - 1, ones - 1
        elif zeros >= ones:
            zeros -= 1
        else:
            ones -= 1
