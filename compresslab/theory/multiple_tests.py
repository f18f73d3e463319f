"""Tests from intervals, and Holm's correction for a family of them.

An interval of Student's over runs holds what its tests need: a mean, a standard error, a number of runs. What is read
from it here is the test of no effect (two-sided), and that of an effect beyond a margin (two one-sided tests, of which
the weaker counts). A family of tests is corrected by Holm: the chance of any false rejection stays at the level,
whatever depends on what.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from compresslab._support.checks import number_or_nan
from compresslab.errors import InvalidParameter
from compresslab.theory.estimates import Estimate, student_quantile

__all__ = ["holm", "p_equivalent", "p_value"]


def p_value(found: Estimate, confidence: float = 0.95) -> float:
    """Return the two-sided p-value of no effect; NaN for a single run.

    Args:
        found: the effect over runs, with Student's interval.
        confidence: of that interval.

    Example:
        >>> from compresslab.theory.estimates import estimate
        >>> round(p_value(estimate([1.0, 2.0, 3.0])), 4)
        0.0742
    """
    return _p(found, 0.0, confidence)


def p_equivalent(found: Estimate, margin: float, confidence: float = 0.95) -> float:
    """Return the p-value of an effect at least as large as a margin, in either direction; NaN for a single run.

    Where it is small, the effect lies within the margin: two one-sided tests, the weaker of which counts.

    Args:
        found: the effect over runs, with Student's interval.
        margin: below which an effect counts as nothing, above 0.
        confidence: of the interval.

    Source: Schuirmann (1987), *A comparison of the two one-sided tests procedure and the power approach*.

    Example:
        >>> from compresslab.theory.estimates import estimate
        >>> found = estimate([-0.01, 0.0, 0.02])
        >>> p_equivalent(found, 0.1) < 0.01 < 0.5 < p_equivalent(found, 0.003)
        True
    """
    if not number_or_nan(margin) > 0:
        raise InvalidParameter(f"a margin of equivalence is above 0: not {margin!r}")
    below, above = (_p(found, sign * margin, confidence) / 2 for sign in (-1, 1))
    if found.mean < -margin:
        below = 1 - below
    if found.mean > margin:
        above = 1 - above
    return max(below, above)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected by Holm for their number, in the order given, at most 1; NaN counts as 1.

    A test rejects at a level where its corrected p-value is at most the level.

    Args:
        p_values: of a family of tests, between 0 and 1.

    Source: Holm (1979), *A simple sequentially rejective multiple test procedure*.

    Example:
        >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
        [0.03, 0.06, 0.06]
    """
    known = [1.0 if math.isnan(p) else p for p in p_values]
    if not all(0 <= p <= 1 for p in known):
        raise InvalidParameter(f"p-values lie between 0 and 1: not {list(p_values)!r}")
    found, worst = [0.0] * len(known), 0.0
    for rank, i in enumerate(sorted(range(len(known)), key=known.__getitem__)):
        worst = max(worst, min(1.0, (len(known) - rank) * known[i]))
        found[i] = worst
    return found


def _p(found: Estimate, null: float, confidence: float) -> float:
    """Return the two-sided p-value of a mean equal to ``null``."""
    from scipy.special import stdtr  # scipy.stats takes seconds to load

    if found.runs < 2 or math.isnan(found.half_width):
        return math.nan
    off = abs(found.mean - null)
    if found.half_width == 0:
        return 0.0 if off else 1.0
    return float(2 * stdtr(found.runs - 1, -off / found.half_width * student_quantile(found.runs - 1, confidence)))
