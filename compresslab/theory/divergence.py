"""Relative entropy without cancellation: exact to a few rounding errors however close the two distributions are.

``sum a ln(a / b)`` adds terms of either sign that nearly cancel where ``a`` is close to ``b``: the divergence is of
second order in their difference, the terms of first. Written as ``sum (a ln(a / b) - a + b)``, the same number for two
distributions, no term is negative; and each is computed from the difference ``a - b``, which a caller may know to more
digits than ``a`` and ``b`` themselves hold.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["centred", "relative_entropy_nats"]

_SMALL: Final = 0.02  # below this relative difference the series is exact to rounding, above it the closed form is
_TERMS: Final = 9


def centred(differences: NDArray[Any], proportions: NDArray[Any], sums: Any = 0) -> NDArray[Any]:
    """Return differences of distributions, corrected to the sums that they should have.

    Rows of floats sum to 1 but for rounding, by which rows that are nearly alike may differ as much as by anything
    else. What is left is the differences of the normalised rows.

    Args:
        differences: one or several rows, shape ``(..., M)``: by subtraction, which is exact for close numbers.
        proportions: shape ``(M,)``, of sum 1: how much each leaf gives.
        sums: what the rows should sum to, where they are only a part of the leaves.

    Example:
        >>> p, q = np.array([0.5, 0.5 - 2.0**-54]), np.array([0.5, 0.5])
        >>> (p - q).tolist(), centred(p - q, q).tolist()
        ([0.0, -5.551115123125783e-17], [2.7755575615628914e-17, -2.7755575615628914e-17])
    """
    off = differences.sum(axis=-1) - sums
    left: NDArray[Any] = differences - off[..., None] * proportions
    return left


def relative_entropy_nats(
    a: NDArray[np.float64], b: NDArray[np.float64], difference: NDArray[np.float64] | None = None
) -> float:
    """Return ``KL(a||b) = sum a ln(a / b) - a + b`` in nats; infinite where ``b`` lacks a leaf that ``a`` has.

    Args:
        a: float64, shape ``(M,)``, 0 or more.
        b: float64, shape ``(M,)``, 0 or more.
        difference: ``a - b``, where it is known to more digits than by subtraction.

    Example:
        >>> abs(relative_entropy_nats(np.array([0.5, 0.5]), np.array([0.25, 0.75])) - 0.5 * math.log(4 / 3)) < 1e-15
        True
        >>> tiny = relative_entropy_nats(np.array([0.5 + 1e-9, 0.5 - 1e-9]), np.array([0.5, 0.5]))
        >>> abs(tiny / 2e-18 - 1) < 1e-7
        True
    """
    apart = a - b if difference is None else difference
    held = b > 0
    if not held.all():
        if (a[~held] > 0).any():
            return math.inf
        a, b, apart = a[held], b[held], apart[held]
    with np.errstate(all="ignore"):
        r = apart / b
        # The closed form, which is b where a / b = 0; beyond r = 1 a difference of logarithms, which cannot overflow.
        terms = np.where(r > -1, (1 + r) * np.log1p(np.minimum(r, 1.0)), 0.0)
        terms -= r
        terms *= b
        large = np.flatnonzero(r > 1)
        terms[large] = a[large] * (np.log(a[large]) - np.log(b[large])) - apart[large]
    small = np.flatnonzero(np.abs(r) < _SMALL)
    x = r[small]
    series = np.zeros(len(small))
    for n in range(_TERMS, 0, -1):  # h(x) = x**2 sum (-x)**(n-1) / (n (n + 1))
        series = 1 / (n * (n + 1)) - x * series
    terms[small] = apart[small] * x * series
    return max(float(terms.sum()), 0.0)
