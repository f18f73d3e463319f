"""Closed forms for datasets whose leaf masses are Pareto: ``p_j = x_j / sum x``, ``x_j`` i.i.d. Pareto(``alpha``, 1).

The limits are for ``M -> infinity``; for ``alpha`` near 1 they are approached slowly.

Source: Ji et al., arXiv 2406.06144, Assumption A.7; theory, section 4 (claims ``pareto-entropy``, ``pareto-overlap``).
"""

from __future__ import annotations

import math

from compresslab._support.checks import number_or_nan
from compresslab.errors import InvalidParameter

__all__ = ["pareto_elasticity_nats", "pareto_normalized_entropy_nats", "pareto_overlap"]


def _checked_alpha(alpha: float) -> float:
    if not 1 < number_or_nan(alpha) < math.inf:
        raise InvalidParameter(f"the Pareto exponent alpha must be above 1 (so that the mean exists), not {alpha!r}")
    return float(alpha)


def pareto_normalized_entropy_nats(alpha: float) -> float:
    """Return the limit of ``H - ln M``: ``ln(alpha / (alpha - 1)) - 1 / (alpha - 1)``, in nats per phrase.

    It is the normalized rate of a Pareto dataset compressed by itself, and depends on ``alpha`` only.

    Args:
        alpha: the Pareto exponent, above 1.

    Raises:
        InvalidParameter: ``alpha`` is not above 1.

    Source: theory, section 4; claim ``pareto-entropy``.

    Example:
        >>> round(pareto_normalized_entropy_nats(2), 9), round(math.log(2) - 1, 9)
        (-0.306852819, -0.306852819)
    """
    alpha = _checked_alpha(alpha)
    return -math.log1p(-1 / alpha) - 1 / (alpha - 1)


def pareto_overlap(alpha: float) -> float:
    """Return the limit of the contained overlap ``<p_a, p_t>_D``.

    It is ``o(alpha) = 3 integral_0^inf phi(s) phi'(s)**2 ds / E[X]``, where
    ``phi(s) = E[exp(-s X)] = alpha E_(alpha+1)(s)`` is the Laplace transform of the masses, ``E_n`` the exponential
    integral; ``phi'(s) = -alpha E_alpha(s)``. The limit is for ``k`` and ``M`` to infinity, ``l`` to 0.

    Args:
        alpha: the Pareto exponent, above 1.

    Returns:
        A number from 0 to 1, to about 1e-10.

    Raises:
        InvalidParameter: ``alpha`` is not above 1.

    Source: theory, section 4 (o(1.5) = 0.6825, o(2) = 0.84835, o(2.5) = 0.91252, o(4) = 0.97119); claim
        ``pareto-overlap``.

    Example:
        >>> round(pareto_overlap(2), 5)
        0.84835
    """
    from scipy.integrate import quad

    alpha = _checked_alpha(alpha)

    def integrand(u: float) -> float:
        # s = exp(u): the integrand falls off exponentially on both sides
        s = math.exp(u)
        slope = alpha * _exponential_integral(alpha, s)
        phi = math.exp(-s) - s * slope / alpha  # alpha E_(alpha+1)(s) = exp(-s) - s E_alpha(s)
        return s * phi * slope**2

    value, _ = quad(integrand, -60.0, math.log(40.0), epsabs=1e-12, epsrel=1e-11, limit=400, points=[-20.0, -5.0, 0.0])
    return min(3 * float(value) * (alpha - 1) / alpha, 1.0)


def _exponential_integral(n: float, x: float) -> float:
    """``E_n(x) = integral_1^inf exp(-x t) t**-n dt`` for real ``n > 1`` and ``x > 0``."""
    return _by_fraction(n, x) if x > 1 else _by_quadrature(n, x)


def _by_fraction(n: float, x: float) -> float:
    """The continued fraction (Abramowitz and Stegun 5.1.22), from its 100th term backwards; for ``x >= 1``."""
    tail = x + n + 200.0
    for i in range(100, 0, -1):
        tail = x + n + 2 * (i - 1) - i * (n + i - 1) / tail
    return math.exp(-x) / tail


def _by_quadrature(n: float, x: float) -> float:
    """Over ``u = ln t``: the integrand is smooth and falls off at least as fast as ``exp(-x e**u)``."""
    from scipy.integrate import quad

    knee = math.log(1 / x)
    end = min(knee + 6.6, 45 / (n - 1))  # where exp(-x e**u) is 0, or exp(-(n - 1) u) below rounding
    value, _ = quad(
        lambda u: math.exp(-x * math.exp(u) - (n - 1) * u),
        0.0,
        end,
        points=[knee] if 0 < knee < end else None,
        epsabs=0.0,
        epsrel=1e-12,
        limit=200,
    )
    return float(value)


def pareto_elasticity_nats(alpha: float, k: float) -> float:
    """Return the leading order of ``dgamma_a/dl`` in the contained reading: ``(1 - o(alpha)) / k``, nats per phrase.

    Heavier tails, more elastic.

    Args:
        alpha: the Pareto exponent, above 1.
        k: ``|D_p| / |D_a|``.

    Raises:
        InvalidParameter: ``alpha`` is not above 1, or ``k`` is not positive.

    Source: theory, section 4.

    Example:
        >>> pareto_elasticity_nats(1.5, 100) > pareto_elasticity_nats(2.0, 100) > 0
        True
    """
    if not 0 < number_or_nan(k) < math.inf:
        raise InvalidParameter(f"k = |D_p| / |D_a| is a positive number, not {k!r}")
    return (1 - pareto_overlap(alpha)) / k
