"""Rates of change from repeated runs: a polynomial through each run's curve, an interval over the runs.

All runs are evaluated exactly, so that what is left of noise is where training ended; it differs between seeds, and the
interval is Student's over seeds. The same polynomial through the theory's curve shows what the polynomial itself adds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from compresslab.checks import number_or_nan
from compresslab.errors import InvalidParameter

__all__ = ["Estimate", "derivatives_on_grid", "estimate"]

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
    from scipy.stats import t

    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or not x.size or not np.isfinite(x).all():
        raise InvalidParameter(f"an estimate needs finite numbers in one dimension, one for each run: not {values!r}")
    if not 0 < number_or_nan(confidence) < 1:
        raise InvalidParameter(f"a confidence lies between 0 and 1: not {confidence!r}")
    mean = float(x.mean())
    if len(x) == 1:
        return Estimate(mean, None, None, 1)
    half = float(t.ppf((1 + confidence) / 2, len(x) - 1)) * float(x.std(ddof=1)) / math.sqrt(len(x))
    return Estimate(mean, mean - half, mean + half, len(x))


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
    grid, y = np.asarray(x, dtype=np.float64), np.asarray(curves, dtype=np.float64)
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
