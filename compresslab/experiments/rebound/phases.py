"""Does a curve fall at one rate, or fast first and slowly then? And where does a falling curve cross a level?

One phase is a straight line; two phases are a line with a knee: a rate up to the knee, another after it. The two are
compared by the corrected Akaike criterion, on each curve and on all runs at once. Points of one run share their
history, so that curves say too much; the test that counts is over runs: the late rate less the early one, one number
a run, Student's interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from compresslab._support.arrays import as_array
from compresslab.errors import InvalidParameter

__all__ = ["Phases", "fit_phases", "least_volume", "pooled_gain"]

Values = NDArray[np.float64]

_KNEES = 100  # places for the knee that are tried
_INSIDE = 2  # points at least on either side of the knee, the outermost ones counted


@dataclass(frozen=True)
class Phases:
    """A curve by one line and by a line with a knee.

    Attributes:
        rate: of the single line, per unit of the volume.
        early: the rate before the knee.
        late: the rate after it.
        knee: the volume at which the rate changes.
        level: the fitted value at the last volume.
        one_error: root mean square of what the single line leaves.
        two_error: the same for the line with a knee.
        gain: AICc of the single line less that of the line with a knee: above 0, two phases describe the curve better,
            the two more parameters counted.
    """

    rate: float
    early: float
    late: float
    knee: float
    level: float
    one_error: float
    two_error: float
    gain: float

    @property
    def change(self) -> float:
        """The late rate less the early one."""
        return self.late - self.early


def fit_phases(volumes: npt.ArrayLike, values: npt.ArrayLike) -> Phases:
    """Fit a curve by least squares, with one rate and with two.

    The line with a knee is continuous; its knee lies where at least two points are on either side, and need not be one
    of the points.

    Args:
        volumes: shape ``(n,)``, rising, 7 or more: AICc needs them for five parameters (the noise is one).
        values: shape ``(n,)``.

    Raises:
        InvalidParameter: too few points, volumes that do not rise, or values that are not numbers.

    Example:
        >>> x = [0, 1, 2, 3, 4, 5, 6, 7, 8]
        >>> fit = fit_phases(x, [8, 6, 4, 2, 1.5, 1, 0.5, 0, -0.5])
        >>> round(fit.early, 3), round(fit.late, 3), round(fit.knee, 2), fit.gain > 10
        (-2.0, -0.5, 3.0, True)
    """
    x, y = as_array(volumes, dtype=np.float64), as_array(values, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or len(x) < 7 or (np.diff(x) <= 0).any() or not np.isfinite([x, y]).all():
        raise InvalidParameter(
            f"phases need 7 points or more at rising volumes, and a number at each: not {volumes!r} and {values!r}"
        )
    n, first, last = len(x), float(x[_INSIDE - 1]), float(x[-_INSIDE])
    line = np.polynomial.Polynomial.fit(x, y, 1).convert().coef
    one_sum = float(((y - line[0] - line[1] * x) ** 2).sum())
    knees = np.linspace(first, last, _KNEES)
    coarse, step = float(knees[_bent_lines(x, y, knees)[1].argmin()]), float(knees[1] - knees[0])
    knees = np.linspace(max(first, coarse - step), min(last, coarse + step), _KNEES)  # fine, about the best
    bent, left = _bent_lines(x, y, knees)
    at = int(left.argmin())
    knee, found = float(knees[at]), bent[at]
    two_sum = min(float(left[at]), one_sum)  # a line is one with a knee; rounding alone says otherwise
    exact = n * float(np.finfo(np.float64).eps * max(1.0, float(np.abs(y).max()))) ** 2  # nothing left but rounding
    gain = _aicc(one_sum + exact, n, 3) - _aicc(two_sum + exact, n, 5)
    return Phases(
        rate=float(line[1]),
        early=float(found[1]),
        late=float(found[1] + found[2]),
        knee=knee,
        level=float(found[0] + found[1] * x[-1] + found[2] * (x[-1] - knee)),
        one_error=math.sqrt(one_sum / n),
        two_error=math.sqrt(two_sum / n),
        gain=gain,
    )


def pooled_gain(volumes: npt.ArrayLike, curves: npt.ArrayLike) -> float:
    """Return the gain in AICc of two phases over one for all runs at once, each run having a level of its own.

    On one curve of nine points AICc all but forbids two more parameters; together the runs have points enough.

    Args:
        volumes: shape ``(n,)``.
        curves: shape ``(runs, n)``.

    Returns:
        AICc of the common line less that of the common line with a knee: above 0, two phases are better.

    Example:
        >>> x = np.arange(9.0)
        >>> noise = 0.1 * np.random.default_rng(0).normal(size=(4, 9))
        >>> pooled_gain(x, -x + noise) < 0 < pooled_gain(x, -np.minimum(x, 3) + noise)
        True
    """
    y = as_array(curves, dtype=np.float64)
    mean = y.mean(axis=0)
    fit = fit_phases(volumes, mean)
    # All runs have the same volumes: the common line is that of the mean, whatever the runs' levels.
    left = y - mean
    left -= left.mean(axis=1, keepdims=True)
    within = float((left**2).sum()) + y.size * float(np.finfo(np.float64).eps) ** 2
    one, two = (within + y.size * error**2 for error in (fit.one_error, fit.two_error))
    runs = len(y)
    return _aicc(one, y.size, runs + 2) - _aicc(two, y.size, runs + 4)


def _bent_lines(x: Values, y: Values, knees: Values) -> tuple[Values, Values]:
    """Return the least-squares line of each knee (level at 0, rate, change of rate) and the squares that it leaves."""
    scale = np.array([1.0, x[-1] - x[0], x[-1] - x[0]])  # so that the columns are of one size
    columns = np.stack(np.broadcast_arrays(1.0, x, np.maximum(0.0, x - knees[:, None])), axis=-1) / scale
    inverse = np.linalg.pinv(columns)
    found = inverse @ y
    left = y - (columns @ found[..., None])[..., 0]
    return found / scale, (left**2).sum(axis=1)


def _aicc(squares: float, n: int, k: int) -> float:
    return n * math.log(squares / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)


def least_volume(volumes: npt.ArrayLike, values: npt.ArrayLike, level: float) -> float | None:
    """Return the least volume at which a curve is at or below a level, on the straight lines between its points.

    Args:
        volumes: shape ``(n,)``, rising.
        values: shape ``(n,)``.
        level: the paper's epsilon, where the values are the KL to the base model.

    Returns:
        None where the curve stays above: the volume asked for is then larger than the last one, or there is none.

    Source: the paper's Table 3.

    Example:
        >>> least_volume([0, 100, 200], [0.5, 0.3, 0.1], 0.2)
        150.0
        >>> least_volume([0, 100, 200], [0.5, 0.3, 0.25], 0.2) is None
        True
    """
    x, y = as_array(volumes, dtype=np.float64), as_array(values, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or not len(x) or (np.diff(x) <= 0).any() or not np.isfinite([x, y]).all():
        raise InvalidParameter(
            f"a least volume needs rising volumes, and a number at each: not {volumes!r}, {values!r}"
        )
    below = np.flatnonzero(y <= level)
    if not len(below):
        return None
    i = int(below[0])
    if i == 0:
        return float(x[0])
    share = (y[i - 1] - level) / (y[i - 1] - y[i])
    return float(x[i - 1] + share * (x[i] - x[i - 1]))
