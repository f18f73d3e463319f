"""What an interval over runs says of a claim: seen, the opposite seen, equivalent to nothing, or undecided.

An effect is *seen* where its interval lies on the side of 0 that the claim names, and *the opposite seen* where it
lies on the other. It is *equivalent to nothing* where the interval lies within a margin that was stated before (two
one-sided tests, Schuirmann 1987; each at 2.5 % where the interval is of 95 %). Else it is *undecided*, and two numbers
say what that is worth: how many runs would decide if the mean and the spread stay as they are, and the power, the
chance to see an effect of a given size with the runs there are. Neither is evidence: they say what to do next. And they
do not stay: of new runs, as many as would just decide do so in about half of all cases, as their mean is as often
nearer to 0 as it is farther from it. Who wants to be surer asks `power` with more runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from compresslab._support.checks import number_or_nan
from compresslab.errors import InvalidParameter
from compresslab.theory.estimates import Estimate, student_quantile

__all__ = ["MOST_RUNS", "Verdict", "power", "runs_to_decide", "standard_deviation", "verdict"]

MOST_RUNS: Final = 100_000  # beyond them nobody waits
_CERTAIN: Final = 1e3


@dataclass(frozen=True)
class Verdict:
    """What was found of a claim.

    Attributes:
        kind: "seen", "the opposite seen", "equivalent to nothing" or "undecided".
        runs: how many seeds would decide, where it is undecided; None where that is not known, or beyond `MOST_RUNS`.

    Example:
        >>> print(Verdict("seen")), print(Verdict("undecided", 40))
        seen
        undecided: about 40 seeds would decide
        (None, None)
    """

    kind: str
    runs: int | None = None

    def __str__(self) -> str:
        return self.kind if self.runs is None else f"{self.kind}: about {self.runs:,} seeds would decide"


def verdict(found: Estimate, expected: int = 1, margin: float = 0.0) -> Verdict:
    """Say what an interval says of an effect of a given sign.

    Args:
        found: the effect over runs.
        expected: its sign by the claim, 1 or -1.
        margin: below which an effect counts as nothing, in the effect's unit, stated before the runs; 0: none. What
            lies within it counts as nothing even where its sign is certain.

    Raises:
        InvalidParameter: another sign, or a margin below 0.

    Example:
        >>> from compresslab.theory.estimates import estimate
        >>> [verdict(estimate([1.0, 1.1, 0.9]), sign).kind for sign in (1, -1)]
        ['seen', 'the opposite seen']
        >>> print(verdict(estimate([-1.0, 1.5])), verdict(estimate([-0.01, 0.01]), margin=0.2).kind, sep="; ")
        undecided: about 195 seeds would decide; equivalent to nothing
    """
    if expected not in (1, -1):
        raise InvalidParameter(f"a claim names a sign, 1 or -1: not {expected!r}")
    _check_margin(margin)
    if found.low is not None and found.high is not None and -margin < found.low and found.high < margin:
        return Verdict("equivalent to nothing")
    if found.sign:
        return Verdict("seen" if found.sign == expected else "the opposite seen")
    return Verdict("undecided", runs_to_decide(found, margin))


def standard_deviation(found: Estimate, confidence: float = 0.95) -> float:
    """Return the standard deviation of the runs behind an interval; NaN for a single run.

    Example:
        >>> from compresslab.theory.estimates import estimate
        >>> round(standard_deviation(estimate([1.0, 2.0, 3.0])), 9)
        1.0
    """
    if found.runs < 2:
        return math.nan
    return found.half_width * math.sqrt(found.runs) / student_quantile(found.runs - 1, confidence)


def runs_to_decide(found: Estimate, margin: float = 0.0, confidence: float = 0.95) -> int | None:
    """Return the least number of runs whose interval would decide, if mean and spread stay; None: unknown, or too many.

    It decides where it leaves out 0, or where it lies within the margin.

    Args:
        found: the effect over two runs or more.
        margin: below which an effect counts as nothing; 0: none.
        confidence: of the interval.

    Raises:
        InvalidParameter: a margin below 0.

    Example:
        >>> from compresslab.theory.estimates import estimate
        >>> runs_to_decide(estimate([0.5, 1.5])), runs_to_decide(estimate([1.0])), runs_to_decide(estimate([-1.0, 1.0]))
        (5, None, None)
    """
    _check_margin(margin)
    spread, room = standard_deviation(found, confidence), max(abs(found.mean), margin - abs(found.mean))
    if math.isnan(spread) or room <= 0:
        return None

    def decides(runs: int) -> bool:
        return student_quantile(runs - 1, confidence) * spread < room * math.sqrt(runs)

    if not decides(MOST_RUNS):
        return None
    low, high = 1, MOST_RUNS  # by bisection: what decides once decides with more runs too
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high


def power(found: Estimate, effect: float, confidence: float = 0.95) -> float:
    """Return the chance to see an effect of a given size with as many runs, of the spread that was found.

    It is that of Student's two-sided test to leave out 0 on the effect's side; NaN for a single run, or no number.

    Args:
        found: the effect over two runs or more; its mean is not used.
        effect: the size, in the effect's unit.
        confidence: of the interval.

    Example:
        >>> from compresslab.theory.estimates import estimate
        >>> found = estimate([-1.0, -0.5, 0.0, 0.5, 1.0])
        >>> round(power(found, 1.0), 3), round(power(found, 0.0), 3)
        (0.572, 0.025)
    """
    from scipy.special import nctdtr  # scipy.stats takes seconds to load

    spread, size = standard_deviation(found, confidence), abs(number_or_nan(effect))
    if math.isnan(spread) or math.isnan(size):
        return math.nan
    if spread == 0:
        return 1.0 if size else (1 - confidence) / 2
    freedom, shift = found.runs - 1, size / spread * math.sqrt(found.runs)
    if shift > _CERTAIN * student_quantile(freedom, confidence):
        return 1.0  # beyond what the series for it sums up
    return float(1 - nctdtr(freedom, shift, student_quantile(freedom, confidence)))


def _check_margin(margin: float) -> None:
    if not number_or_nan(margin) >= 0:
        raise InvalidParameter(f"a margin is 0 or more, in the unit of the effect: not {margin!r}")
