"""Fitting a Pareto tail to the masses of a distribution's leaves: the paper's Assumption A.7, put to data.

A tail is Pareto with exponent ``alpha`` from ``x_min`` on where ``P(X >= x) = (x / x_min)**-alpha`` for ``x >= x_min``.
``alpha`` is the maximum-likelihood estimate of the leaves at or above ``x_min``. Counts are whole numbers, and for them
the discrete law ``P(n)`` proportional to ``n**-(alpha + 1)`` is fitted: the continuous formula is biased where most
leaves were seen once or twice.

``x_min`` is the least value whose tail is compatible with a Pareto law: the logarithms ``ln(x / x_min)`` are then
exponential, and the Kolmogorov-Smirnov test with a fitted mean does not reject them at 5 %. Where every tail is
rejected it is the value of the smallest distance, and the result says so. (For counts the test is conservative: ties
make the distance smaller.)

Source: Clauset, Shalizi and Newman, *Power-law distributions in empirical data*, SIAM Review 51 (2009): the estimators,
section 3; their exponent is ``alpha + 1``. Stephens, *EDF statistics for goodness of fit and some comparisons*, Journal
of the American Statistical Association 69 (1974): the critical value for the exponential law with unknown mean.
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
from compresslab.trees.distribution import DistributionLike, LeafDistribution, as_probabilities

__all__ = ["ParetoTail", "fit_pareto_tail"]

Values = NDArray[np.float64]

_LEAST_TAIL = 50  # leaves: with fewer the standard error of alpha is above 14 %
_MOST_CANDIDATES = 200
_CRITICAL = 1.094  # Stephens 1974, exponential law with unknown mean, 5 %
_ALPHA_RANGE = (0.02, 40.0)


@dataclass(frozen=True)
class ParetoTail:
    """A fitted tail: ``P(X >= x) = (x / x_min)**-alpha`` for the leaves at or above ``x_min``.

    For counts the law is ``zeta(alpha + 1, n) / zeta(alpha + 1, n_min)``, which tends to that as ``n`` grows.

    Attributes:
        alpha: the exponent; the masses have a mean only if it is above 1.
        standard_error: of ``alpha``, from the Fisher information.
        x_min: where the tail begins: a mass, as a share of all phrases.
        leaves: leaves at or above it.
        share: their share of all leaves.
        distance: the largest distance between the fitted and the observed tail, 0 to 1 (Kolmogorov-Smirnov).
        rejected: whether the test rejects a Pareto law for this tail, at 5 %.
        total: the sum of the counts, where counts were fitted (the discrete law); None for masses (the continuous one).
    """

    alpha: float
    standard_error: float
    x_min: float
    leaves: int
    share: float
    distance: float
    rejected: bool
    total: int | None

    def survival(self, mass: npt.ArrayLike) -> Values:
        """Return the fitted share of the tail's leaves that have at least these masses, each from ``x_min`` on.

        Example:
            >>> ParetoTail(2.0, 0.1, 0.01, 100, 1.0, 0.0, False, None).survival([0.01, 0.1]).round(6).tolist()
            [1.0, 0.01]
        """
        x = as_array(mass, dtype=np.float64)
        if self.total is None:
            return np.asarray((x / self.x_min) ** -self.alpha)
        counts = np.rint(np.concatenate([[self.x_min], x.ravel()]) * self.total)
        return _survival_discrete(counts, self.alpha)[1:].reshape(x.shape)

    def __str__(self) -> str:
        verdict = "; a Pareto law is rejected" if self.rejected else ""
        error = f"{self.standard_error:.1g}"
        digits = len(error.partition(".")[2]) if "e" not in error else 4
        estimate = f"alpha = {self.alpha:.{digits}f} ± {error}"
        return f"{estimate} for the {self.leaves:,} leaves from {self.x_min:.1e} on{verdict}"


def fit_pareto_tail(p: DistributionLike, x_min: float | None = None) -> ParetoTail | None:
    """Fit a Pareto tail to the masses of a distribution's leaves.

    Args:
        p: the distribution; where it has counts, they are fitted by the discrete law. Leaves without mass are left out.
        x_min: where the tail begins, as a mass; None to choose it as above, among values that leave at least 50 leaves.

    Returns:
        None where no tail can be fitted: fewer than 50 leaves, or masses that are all equal.

    Raises:
        InvalidParameter: an ``x_min`` that is not a mass, from above 0 to 1.
        InvalidDistribution: see :func:`compresslab.trees.distribution.as_probabilities`.

    Example:
        >>> from compresslab.theory.generators import pareto
        >>> tail = fit_pareto_tail(pareto(20_000, 2.0, np.random.default_rng(0)))
        >>> abs(tail.alpha - 2) < 4 * tail.standard_error
        True
    """
    if x_min is not None and not 0 < number_or_nan(x_min) <= 1:
        raise InvalidParameter(f"x_min is a mass, above 0 and at most 1: not {x_min!r}")
    if isinstance(p, LeafDistribution) and p.counts is not None:
        sample, unit, discrete = p.counts[p.counts > 0].astype(np.float64), float(p.counts.sum()), True
    else:
        masses = as_probabilities(p).astype(np.float64)
        sample, unit, discrete = masses[masses > 0], 1.0, False
    values, times = np.unique(sample, return_counts=True)
    above = np.cumsum(times[::-1])[::-1]  # leaves at or above each value
    if x_min is not None:
        first = int(np.searchsorted(values, x_min * unit * (1 - 1e-12)))
        candidates = np.array([first]) if first < len(values) else np.array([], dtype=np.int64)
    else:
        candidates = np.flatnonzero(above >= _LEAST_TAIL)
        if len(candidates) > _MOST_CANDIDATES:
            candidates = candidates[np.linspace(0, len(candidates) - 1, _MOST_CANDIDATES).round().astype(np.int64)]
    logs = np.log(values)
    log_sums = np.cumsum((times * logs)[::-1])[::-1]
    best: ParetoTail | None = None
    for i in candidates.tolist():
        n = int(above[i])
        if n < _LEAST_TAIL or i == len(values) - 1:
            continue
        mean_log = float(log_sums[i]) / n
        if discrete:
            alpha, error = _discrete(values[i], mean_log, n)
            distance = float(np.abs(above[i:] / n - _survival_discrete(values[i:], alpha)).max())
        else:
            alpha = 1 / (mean_log - float(logs[i]))
            error = alpha / math.sqrt(n)
            fitted = np.exp(-alpha * (logs[i:] - logs[i]))
            distance = float(
                max(np.abs(above[i:] / n - fitted).max(), np.abs((above[i:] - times[i:]) / n - fitted).max())
            )
        rejected = (distance - 0.2 / n) * (math.sqrt(n) + 0.26 + 0.5 / math.sqrt(n)) > _CRITICAL
        if best is None or not rejected or distance < best.distance:
            share = n / len(sample)
            best = ParetoTail(
                alpha, error, float(values[i]) / unit, n, share, distance, rejected, int(unit) if discrete else None
            )
        if not rejected:
            break
    return best


def _discrete(least: float, mean_log: float, n: int) -> tuple[float, float]:
    """Maximise ``-ln zeta(s, least) - s mean_log`` over ``s = alpha + 1``; the error is from its curvature."""
    from scipy.optimize import minimize_scalar

    def loss(alpha: float) -> float:
        return _log_zeta(alpha + 1, least) + (alpha + 1) * mean_log

    found = minimize_scalar(loss, bounds=_ALPHA_RANGE, method="bounded", options={"xatol": 1e-9})
    alpha = float(found.x)
    step = 1e-3 * alpha
    curvature = (loss(alpha + step) - 2 * loss(alpha) + loss(alpha - step)) / step**2
    return alpha, 1 / math.sqrt(max(curvature, 1e-12) * n)


def _log_zeta(s: float, q: float) -> float:
    """``ln zeta(s, q)``, also where ``q**-s`` underflows: ``zeta(s, q) = q**-s (1 + sum ((q + i)/q)**-s ...)``."""
    from scipy.special import zeta

    value = float(zeta(s, q))
    if value > 1e-300:
        return math.log(value)
    return -s * math.log(q) + math.log(q / (s - 1) + 0.5)  # Euler-Maclaurin, for large q


def _survival_discrete(values: Values, alpha: float) -> Values:
    from scipy.special import zeta

    tail: Values = zeta(alpha + 1, values)
    survival: Values = tail / tail[0] if tail[0] > 0 else (values / values[0]) ** -alpha
    return survival
