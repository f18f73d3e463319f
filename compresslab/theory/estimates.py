"""Rates of change, differences and ratios from repeated runs, each with its interval over the runs.

A rate is read from a polynomial through each run's curve. All runs are evaluated exactly, so that what is left of noise
is where training ended; it differs between seeds, and the interval is Student's over seeds. The same polynomial through
the theory's curve shows what the polynomial itself adds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from compresslab._support.arrays import as_array
from compresslab._support.checks import number_or_nan
from compresslab.errors import InvalidParameter

__all__ = [
    "Estimate",
    "derivatives_on_grid",
    "estimate",
    "fieller",
    "interval",
    "net_of_control",
    "ratio_of_means",
    "ratio_standard_error",
    "student_quantile",
]

Values = NDArray[np.float64]

_DEGREE = 3


@dataclass(frozen=True)
class Estimate:
    """A mean over runs with its confidence interval.

    Attributes:
        mean: over the runs.
        low: lower end of the interval; None for a single run.
        high: upper end; likewise.
        runs: how many.
    """

    mean: float
    low: float | None
    high: float | None
    runs: int

    @property
    def sign(self) -> int:
        """1 or -1 where the interval lies on one side of 0, else 0."""
        if self.low is None or self.high is None:
            return 0
        return 1 if self.low > 0 else -1 if self.high < 0 else 0

    @property
    def half_width(self) -> float:
        """Half the interval; NaN for a single run."""
        return math.nan if self.low is None or self.high is None else (self.high - self.low) / 2

    def covers(self, value: float) -> bool:
        """Say whether a value lies in the interval; a single run has none."""
        return self.low is not None and self.high is not None and self.low <= value <= self.high


def estimate(values: npt.ArrayLike, confidence: float = 0.95) -> Estimate:
    """Return the mean of independent runs and Student's interval.

    Args:
        values: one for each run, shape ``(n,)``.
        confidence: of the interval, between 0 and 1.

    Raises:
        InvalidParameter: no values, or a confidence outside its range.

    Example:
        >>> found = estimate([1.0, 2.0, 3.0])
        >>> found.mean, round(found.half_width, 3), found.sign
        (2.0, 2.484, 0)
    """
    x = as_array(values, dtype=np.float64)
    if x.ndim != 1 or not x.size or not np.isfinite(x).all():
        raise InvalidParameter(f"an estimate needs finite numbers in one dimension, one for each run: not {values!r}")
    if not 0 < number_or_nan(confidence) < 1:
        raise InvalidParameter(f"a confidence lies between 0 and 1: not {confidence!r}")
    mean = float(x.mean())
    if len(x) == 1:
        return Estimate(mean, None, None, 1)
    half = student_quantile(len(x) - 1, confidence) * float(x.std(ddof=1)) / math.sqrt(len(x))
    return Estimate(mean, mean - half, mean + half, len(x))


def student_quantile(freedom: float, confidence: float = 0.95) -> float:
    """Return how many standard errors a two-sided interval of Student's reaches on either side.

    Args:
        freedom: degrees of freedom, above 0; they need not be whole.
        confidence: of the interval, between 0 and 1.

    Example:
        >>> round(student_quantile(2), 3)
        4.303
    """
    from scipy.special import stdtrit  # scipy.stats takes seconds to load

    return float(stdtrit(freedom, (1 + confidence) / 2))


def interval(mean: float, standard_error: float, runs: int, confidence: float = 0.95) -> Estimate:
    """Return Student's interval about a mean whose standard error is known from ``runs`` independent parts.

    Args:
        mean: the mean.
        standard_error: of it, 0 or more; NaN where it is not known: then there is no interval.
        runs: parts, two or more for an interval.
        confidence: of the interval, between 0 and 1.

    Example:
        >>> found = interval(2.0, 1 / math.sqrt(3), 3)  # as estimate([1.0, 2.0, 3.0])
        >>> round(found.half_width, 3)
        2.484
    """
    if runs < 2 or math.isnan(standard_error):
        return Estimate(mean, None, None, max(runs, 1))
    half = student_quantile(runs - 1, confidence) * standard_error
    return Estimate(mean, mean - half, mean + half, runs)


def ratio_standard_error(over: npt.ArrayLike, under: npt.ArrayLike) -> float | None:
    """Return the standard error of ``sum over / sum under`` over a sample of pairs; None below two pairs.

    It is that of the mean of ``over - R under`` divided by the mean of ``under``: the delta method.

    Example:
        >>> round(ratio_standard_error([1.0, 2.0, 3.0], [1.0, 1.0, 1.0]), 6) == round(1 / math.sqrt(3), 6)
        True
    """
    x, y = as_array(over, dtype=np.float64), as_array(under, dtype=np.float64)
    n = x.size
    if n < 2:
        return None
    rest = x - y * (x.sum() / y.sum())
    return float(math.sqrt(n / (n - 1) * float(rest @ rest)) / y.sum())


def net_of_control(values: Values, control: int = 0) -> Values:
    """Return what is left of each run's values without those of its own control, paired by seed.

    The control is a base model that is given the same perturbation without what is tested. What happens to it happens
    with no alignment at all, so that only what is left says something of alignment.

    Args:
        values: shape ``(seeds, arms, ...)``.
        control: the index of the control among the arms.

    Returns:
        The same shape; 0 for the control itself.

    Example:
        >>> net_of_control(np.array([[1.0, 3.0], [2.0, 5.0]])).tolist()
        [[0.0, 2.0], [0.0, 3.0]]
    """
    if values.ndim < 2 or not -values.shape[1] <= control < values.shape[1]:
        raise InvalidParameter(f"a control is one of the arms, the second axis: not {control!r} in {values.shape}")
    net: Values = values - np.take(values, [control], axis=1)
    return net


def ratio_of_means(over: npt.ArrayLike, under: npt.ArrayLike, confidence: float = 0.95) -> Estimate | None:
    """Return the ratio of two means over the same runs, with Fieller's interval, or None where it is not defined.

    It is not defined where the denominator's own interval holds 0: then no interval of finite length is right, and the
    ratio of the means can be any number. A single run has no interval.

    Args:
        over: one for each run, shape ``(n,)``.
        under: likewise, paired with ``over``.
        confidence: of the interval, between 0 and 1.

    Raises:
        InvalidParameter: the numbers are not paired, or a confidence outside its range.

    Source: Fieller (1954), *Some problems in interval estimation*.

    Example:
        >>> share = ratio_of_means([1.0, 2.1, 2.9], [5.0, 6.0, 7.0])
        >>> share is not None and (round(share.mean, 6), share.covers(0.5), share.covers(0.0))
        (0.333333, True, True)
        >>> ratio_of_means([1.0, 2.0, 3.0], [-1.0, 0.1, 1.0]) is None
        True
    """
    x, y = as_array(over, dtype=np.float64), as_array(under, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or not x.size or not np.isfinite([x, y]).all():
        raise InvalidParameter(
            f"a ratio of means needs finite numbers in pairs, one pair a run: not {over!r}, {under!r}"
        )
    if not 0 < number_or_nan(confidence) < 1:
        raise InvalidParameter(f"a confidence lies between 0 and 1: not {confidence!r}")
    a, b, n = float(x.mean()), float(y.mean()), len(x)
    if n == 1:
        return Estimate(a / b, None, None, 1) if b else None
    return fieller(a, b, np.cov(x, y) / n, n, confidence)


def fieller(
    over: float, under: float, covariance: npt.ArrayLike, runs: int, confidence: float = 0.95
) -> Estimate | None:
    """Return a ratio of two means with Fieller's interval, or None where the denominator's own interval holds 0.

    Args:
        over: the mean above.
        under: the mean below.
        covariance: of the two means, shape ``(2, 2)``.
        runs: independent parts that it comes from, two or more.
        confidence: of the interval, between 0 and 1.

    Source: Fieller (1954), *Some problems in interval estimation*.

    Example:
        >>> share = fieller(1.0, 2.0, [[0.01, 0.0], [0.0, 0.0]], 30)  # a denominator that is known
        >>> share is not None and (share.mean, round(share.half_width, 4))
        (0.5, 0.1023)
    """
    (vx, cov), (_, vy) = (student_quantile(runs - 1, confidence) ** 2 * as_array(covariance, dtype=np.float64)).tolist()
    # The ratios r whose over - r under lies within its interval of 0: a quadratic in r, an interval where it opens
    # upwards.
    opening, middle = under * under - vy, over * under - cov
    if opening <= 0:
        return None
    root = math.sqrt(max(0.0, middle * middle - opening * (over * over - vx)))
    return Estimate(over / under, (middle - root) / opening, (middle + root) / opening, runs)


def derivatives_on_grid(x: npt.ArrayLike, curves: npt.ArrayLike) -> Values:
    """Return the derivatives at the grid's points of the least-squares cubic through each curve.

    With three points it is the parabola through them.

    Args:
        x: shape ``(n,)``, three different points or more.
        curves: shape ``(..., n)``.

    Returns:
        Shape ``(..., n)``.

    Raises:
        InvalidParameter: too few points, or curves of another length.

    Example:
        >>> slopes = derivatives_on_grid([0, 1, 2, 4], [[0, 1, 8, 64]])
        >>> bool(abs(slopes - [0, 3, 12, 48]).max() < 1e-12)
        True
    """
    grid, y = as_array(x, dtype=np.float64), as_array(curves, dtype=np.float64)
    if grid.ndim != 1 or len(np.unique(grid)) != len(grid) or len(grid) < 3 or y.shape[-1:] != grid.shape:
        raise InvalidParameter(
            f"a derivative needs three different points or more, and a value at each: not points of shape {grid.shape} "
            f"and values of shape {y.shape}"
        )
    middle, half = (grid.min() + grid.max()) / 2, (grid.max() - grid.min()) / 2
    u = (grid - middle) / half  # well conditioned
    powers = np.arange(min(_DEGREE, len(grid) - 1) + 1)
    slopes = np.where(powers > 0, powers * u[:, None] ** np.maximum(powers - 1, 0), 0.0) / half
    fit = np.linalg.pinv(u[:, None] ** powers)
    found: Values = y @ (slopes @ fit).T
    return found
