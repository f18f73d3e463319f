"""Inverse alignment: how much perturbation brings an aligned model back to the pre-trained one.

The models lie on a line. With ``p_theta1 = (k p_p + p_a) / (k + 1)`` after alignment, the perturbed model is
``p' = (1 - s) p_theta1 + s p_t``, where ``s = l / (k + 1 + l)`` is the perturbation's weight. Both divergences between
``p'`` and ``p_p`` are convex in ``s``: each falls to one least value and then rises.

Source: Ji et al., arXiv 2406.06144, Def. 3.6; theory, section 6.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from compresslab.theory.divergence import centred, relative_entropy_nats
from compresslab.theory.mixture import Direction

__all__ = ["InverseAlignment", "PerturbationPath"]

Values = NDArray[np.float64]

_LAST: Final = 1 - 2.0**-52
_PRECISELY: Final[dict[str, Any]] = {"xtol": 1e-300, "rtol": 1e-15, "maxiter": 2000}  # weights are tiny where k is huge


@dataclass(frozen=True)
class InverseAlignment:
    """The least perturbation that brings an aligned model back to the pre-trained one, or that there is none.

    Attributes:
        epsilon: the tolerance, in nats.
        reachable: whether any finite ``l`` brings the divergence to ``epsilon``.
        l: the smallest such ``l = |D_t| / |D_a|``; None where there is none.
        kl_nats: the divergence at ``l``, or the least there is.
        start_kl_nats: the divergence at ``l = 0``, after alignment.
        least_kl_nats: the least divergence over all ``l``.
        least_l: where it lies; infinite if it is only approached.
    """

    epsilon: float
    reachable: bool
    l: float | None  # noqa: E741 - the paper's symbol
    kl_nats: float
    start_kl_nats: float
    least_kl_nats: float
    least_l: float

    def __str__(self) -> str:
        if self.l is not None:
            return f"KL <= {self.epsilon:g} nats from l = {self.l:.6g} (KL {self.start_kl_nats:.6g} at l = 0)"
        if math.isinf(self.start_kl_nats):
            return "not reachable: the KL is infinite for every l, alignment has leaves that pre-training lacks"
        if math.isinf(self.least_l):
            return (
                f"not reachable: the KL only tends to {self.least_kl_nats:.6g} nats as l grows, "
                f"and epsilon = {self.epsilon:g}"
            )
        return (
            f"not reachable: the least KL is {self.least_kl_nats:.6g} nats, at l = {self.least_l:.6g}, "
            f"above epsilon = {self.epsilon:g}"
        )


class PerturbationPath:
    """The perturbed models, by the perturbation's weight ``s = l / W``.

    Args:
        p: the pre-trained model ``p_p``, shape ``(M,)``.
        a: the alignment data ``p_a``.
        t: the perturbation ``p_t``.
        k: ``|D_p| / |D_a|``.
    """

    def __init__(self, p: Values, a: Values, t: Values, k: float) -> None:
        self._k, self._p, self._t = k, p, t
        self._start = (k * p + a) / (k + 1)
        # Less the pre-trained model: kept apart, so that a huge k or a small l leaves all digits.
        self._start_apart, self._t_apart = centred(a - p, p) / (k + 1), centred(t - p, p)

    def weight(self, l: float) -> float:  # noqa: E741
        """Return ``s = l / (k + 1 + l)``."""
        return l / (self._k + 1 + l)

    def volume(self, s: float) -> float:
        """Return ``l`` for a weight ``s``; infinite for 1."""
        return math.inf if s >= 1 else s * (self._k + 1) / (1 - s)

    def kl_nats(self, s: float, direction: Direction) -> float:
        """Return ``KL(p' || p_p)`` ("forward") or ``KL(p_p || p')`` ("reverse") at the weight ``s``, in nats."""
        mixed, apart = self._mixed(s)
        if direction == "forward":
            return relative_entropy_nats(mixed, self._p, apart)
        return relative_entropy_nats(self._p, mixed, -apart)

    def _mixed(self, s: float) -> tuple[Values, Values]:
        """``p'`` and ``p' - p_p``."""
        return (1 - s) * self._start + s * self._t, (1 - s) * self._start_apart + s * self._t_apart

    def least_weight(self, direction: Direction) -> float:
        """Return the weight at which the divergence is least: where its derivative, which never falls, crosses 0."""
        if direction == "forward" and (self._t[self._p <= 0] > 0).any():
            return 0.0  # every perturbation makes the divergence infinite
        step = self._t_apart - self._start_apart

        def slope(s: float) -> float:
            mixed, apart = self._mixed(s)
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                if direction == "forward":  # d/ds sum p' ln(p' / p_p)
                    r = apart / self._p
                    log = np.where(np.abs(r) < 0.5, np.log1p(np.clip(r, -0.5, 0.5)), np.log(mixed / self._p))
                    terms = step * log
                else:  # d/ds sum -p_p ln p', to which sum step = 0 adds nothing; where p_p = 0, p' - p_p is p'
                    terms = step * np.where(self._p > 0, apart / mixed, 1.0)
            return float(terms[step != 0].sum())

        best = _crossing(slope)
        # At weight 1 the perturbation alone may lack a leaf, however light, that any mixture still has.
        return best if best < 1 or math.isfinite(self.kl_nats(best, direction)) else _LAST

    def inverse_alignment(self, epsilon: float, direction: Direction) -> InverseAlignment:
        """Return the smallest ``l`` with a divergence of at most ``epsilon``, found on the falling part."""
        start = self.kl_nats(0.0, direction)
        best = self.least_weight(direction) if math.isfinite(start) else 0.0
        least_l = self.volume(best)
        best = self.weight(least_l) if math.isfinite(least_l) else best  # near 1 a volume names fewer weights
        least = self.kl_nats(best, direction)
        if least > start:  # by rounding, where the divergence hardly falls
            best, least_l, least = 0.0, 0.0, start
        l: float | None = None  # noqa: E741
        if start <= epsilon:
            l = 0.0  # noqa: E741
        elif least <= epsilon:
            l = self._first_within(epsilon, best, least_l, direction)  # noqa: E741
        return InverseAlignment(
            epsilon=float(epsilon),
            reachable=l is not None,
            l=l,
            kl_nats=least if l is None else self.kl_nats(self.weight(l), direction),
            start_kl_nats=start,
            least_kl_nats=least,
            least_l=least_l,
        )

    def _first_within(self, epsilon: float, best: float, least_l: float, direction: Direction) -> float | None:
        """Where the divergence first comes down to ``epsilon``; None if only in the limit of ``l`` to infinity."""
        from scipy.optimize import brentq

        found = float(brentq(lambda s: self.kl_nats(s, direction) - epsilon, 0.0, best, **_PRECISELY))
        nudge = 1e-15
        while found < 1 and self.kl_nats(self.weight(self.volume(found)), direction) > epsilon:
            if found >= best:  # epsilon is the least divergence itself, to rounding
                return least_l if math.isfinite(least_l) else None
            found = min(best, found * (1 + nudge))  # rounding left it a hair short
            nudge *= 2
        return None if found >= 1 else min(self.volume(found), least_l)


def _crossing(slope: Callable[[float], float]) -> float:
    """Where an increasing function crosses 0 on [0, 1]; 0 if it starts at or above, 1 if it never gets there."""
    from scipy.optimize import brentq

    if slope(0.0) >= 0:
        return 0.0
    return 1.0 if slope(_LAST) <= 0 else float(brentq(slope, 0.0, _LAST, **_PRECISELY))
