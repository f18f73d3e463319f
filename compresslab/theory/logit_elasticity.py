"""Logit elasticity: gradient flow on free logits, at one node of a token tree or at all of them.

At a node with logits ``z`` and ``q = softmax(z)``, training on ``D_t`` moves ``dz/dtau = p_t - q``, and so the code
length of ``D_i`` there changes at the rate ``-<p_i - q, p_t - q>`` nats. Unlike the mixture of
:mod:`compresslab.theory.mixture` this knows of data that comes back without being asked for: what the perturbation does
not hold can get cheaper.

Distributions are rows over one vocabulary; where all numbers are ints or Fractions, results are Fractions.

Source: theory, sections 10 and 13; claims ``logit-criterion``, ``logit-conservation``, ``logit-own-rate``,
``logit-return-threshold``, ``logit-return-bound``, ``logit-exchange-rate``, ``softmax-linear-range`` (`proofs/coq/`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from compresslab._support.checks import number_or_nan
from compresslab.errors import InvalidDistribution, InvalidParameter, MismatchedLeaves

__all__ = [
    "ReturnCriterion",
    "exchange_rate",
    "flow_code_length_nats",
    "linear_range_nats",
    "logit_rate_nats",
    "return_bound_nats",
    "return_criterion",
    "return_threshold",
    "tree_logit_rate_nats",
]

Values = NDArray[Any]

_SLACK = 1e-9  # of a sum of floats that should be 1


@dataclass(frozen=True)
class ReturnCriterion:
    """Whether other data comes back while a perturbation is trained, and the four mean probabilities that decide it.

    It returns exactly where ``own + overlap > to_data + to_perturbation``.

    Attributes:
        own: the mean probability that the model gives to its own samples, ``<q, q>``.
        overlap: ``<p_o, p_t>``.
        to_data: what it gives to the other data, ``<p_o, q>``.
        to_perturbation: what it gives to the perturbation, ``<p_t, q>``.
    """

    own: Any
    overlap: Any
    to_data: Any
    to_perturbation: Any

    @property
    def returns(self) -> bool:
        """Whether the other data's code length falls."""
        return bool(self.own + self.overlap > self.to_data + self.to_perturbation)


def logit_rate_nats(p_i: npt.ArrayLike, p_t: npt.ArrayLike, q: npt.ArrayLike) -> Any:
    """Return ``dL_i/dtau`` while ``D_t`` is trained, in nats per unit of time.

    Args:
        p_i: shape ``(V,)``, the data whose code length is asked for.
        p_t: shape ``(V,)``, the data that is trained on.
        q: shape ``(V,)``, the model.

    Raises:
        InvalidDistribution: a row that is not a distribution.
        MismatchedLeaves: rows of different lengths.

    Example:
        >>> third = Fraction(1, 3)
        >>> logit_rate_nats([1, 0, 0], [0, 1, 0], [third] * 3)
        Fraction(1, 3)
    """
    i, t, model = _rows(p_i, p_t, q)
    return _plain(-((i - model) @ (t - model)))


def tree_logit_rate_nats(
    m_i: npt.ArrayLike, m_t: npt.ArrayLike, p_i: Sequence[Any], p_t: Sequence[Any], q: Sequence[Any]
) -> Any:
    """Return ``dL_i/dtau`` over the nodes of a tree: each node counts with ``m_i(v) m_t(v)``.

    Args:
        m_i: shape ``(K,)``, the mass of ``D_i`` that passes through each node.
        m_t: shape ``(K,)``, that of ``D_t``.
        p_i: ``K`` rows, the data's distribution at each node.
        p_t: ``K`` rows.
        q: ``K`` rows, the model's.

    Example:
        A shared prefix moves the threshold from ``3 s^2 > 1`` to ``4 s^2 > 1``; at ``s = 11/20`` data comes back.

        >>> s = Fraction(11, 20)
        >>> root, below = [s, 1 - s], [Fraction(1, 2)] * 2
        >>> tree_logit_rate_nats([1, 1], [1, 1], [[0, 1], [1, 0]], [[0, 1], [0, 1]], [root, below])
        Fraction(-21, 200)
    """
    mine, trained = _exact(m_i), _exact(m_t)
    if not len(mine) == len(trained) == len(p_i) == len(p_t) == len(q):
        raise MismatchedLeaves(
            f"a tree has one mass and one row for each node: {len(mine)} and {len(trained)} masses, "
            f"{len(p_i)}, {len(p_t)} and {len(q)} rows"
        )
    return sum(a * b * logit_rate_nats(*rows) for a, b, *rows in zip(mine, trained, p_i, p_t, q, strict=True))


def return_criterion(p_o: npt.ArrayLike, p_t: npt.ArrayLike, q: npt.ArrayLike) -> ReturnCriterion:
    """Say whether other data comes back while a perturbation is trained: ``q`` lies outside the ball over ``p_o p_t``.

    Args:
        p_o: shape ``(V,)``, the other data, which the perturbation need not hold.
        p_t: shape ``(V,)``, the perturbation.
        q: shape ``(V,)``, the model.

    Example:
        Three disjoint datasets of equal size return from ``s^2 > 1/3`` on: from 0.578, not from 0.577.

        >>> [return_criterion([0, 1, 0], [0, 0, 1], [s, (1 - s) / 2, (1 - s) / 2]).returns for s in (0.577, 0.578)]
        [False, True]
    """
    o, t, model = _rows(p_o, p_t, q)
    return ReturnCriterion(_plain(model @ model), _plain(o @ t), _plain(o @ model), _plain(t @ model))


def return_threshold(align: float, other: float, perturb: float, share: float = 0.5) -> float:
    """Return the weight of alignment from which on other data comes back; all three are disjoint.

    The model is ``q = s p_a + (1 - s)(b p_o + (1 - b) p_t)``.

    Args:
        align: the collision probability ``sum p_a^2``, in ``(0, 1]``.
        other: that of the other data.
        perturb: that of the perturbation.
        share: ``b``, the other data's share of what is not alignment, strictly between 0 and 1.

    Example:
        >>> round(return_threshold(0.2, 0.2, 0.2) ** 2, 12)
        0.333333333333
    """
    for name, value in (("align", align), ("other", other), ("perturb", perturb)):
        if not 0 < number_or_nan(value) <= 1:
            raise InvalidParameter(f"{name}: a collision probability lies above 0, at most at 1: not {value!r}")
    if not 0 < number_or_nan(share) < 1:
        raise InvalidParameter(f"the share lies strictly between 0 and 1: not {share!r}")
    rest = 1 - share
    a = align + share**2 * other + rest**2 * perturb
    b = 2 * align + share * other + rest * perturb
    return 1 - 2 * align / (b + math.sqrt(b * b - 4 * a * align))  # the smaller root, without cancellation


def return_bound_nats(q: npt.ArrayLike, tokens: Sequence[int]) -> float:
    """Return the most that data can ever come back, in nats: ``KL(u_S || q)``.

    It holds for every perturbation within ``S`` and all data outside the perturbation's support, at all times.

    Args:
        q: shape ``(V,)``, the model before the perturbation, positive on ``tokens``.
        tokens: ``S``, a set that holds the perturbation's support: positions in ``q``, each once.

    Example:
        >>> round(return_bound_nats([0.5, 0.25, 0.25], [0, 1]), 6)
        0.346574
    """
    (model,) = _rows(q)
    if not tokens or len(set(tokens)) != len(tokens) or not all(0 <= i < len(model) for i in tokens):
        raise InvalidParameter(f"S is a set of positions from 0 to {len(model) - 1}, not empty: not {list(tokens)!r}")
    chosen = model[list(tokens)].astype(np.float64)
    if not (chosen > 0).all():
        return math.inf
    return float(-np.log(chosen).mean() - math.log(len(tokens)))


def flow_code_length_nats(
    p_i: npt.ArrayLike, p_t: npt.ArrayLike, q: npt.ArrayLike, times: npt.ArrayLike
) -> NDArray[np.float64]:
    """Return ``L_i`` along the flow that trains ``D_t``, by integration.

    Args:
        p_i: shape ``(V,)``.
        p_t: shape ``(V,)``.
        q: shape ``(V,)``, positive: the model at time 0.
        times: shape ``(T,)``, rising, from 0 on.

    Returns:
        Shape ``(T,)``, float64, nats.
    """
    from scipy.integrate import solve_ivp
    from scipy.special import logsumexp

    i, t, model = (row.astype(np.float64) for row in _rows(p_i, p_t, q))
    grid = np.asarray(times, dtype=np.float64)
    if (
        grid.ndim != 1
        or not len(grid)
        or not grid[0] >= 0
        or not (np.diff(grid) > 0).all()
        or not np.isfinite(grid).all()
    ):
        raise InvalidParameter(f"times rise, from 0 on: not {times!r}")
    if not (model > 0).all():
        raise InvalidDistribution("a softmax gives every token a positive probability: the model has a 0")

    def push(_: float, z: Values) -> Values:
        moved: Values = t - np.exp(z - logsumexp(z))
        return moved

    found = solve_ivp(push, (0, max(float(grid[-1]), 1e-12)), np.log(model), t_eval=grid, rtol=1e-10, atol=1e-12)
    z = found.y
    lengths: NDArray[np.float64] = logsumexp(z, axis=0) - i @ z
    return lengths


def exchange_rate(pretrain_tokens: int, align_tokens: int, pretrain_time: float, align_time: float) -> float:
    """Return the effective ``k`` after pre-training and alignment by gradient flow, each flat on tokens of its own.

    It takes the place of ``|D_p| / |D_a|``. Late it is about ``1 / (C T_a)``, ``C = 1/m_p + 1/m_a``, whatever ``T_p``.

    Args:
        pretrain_tokens: ``m_p``.
        align_tokens: ``m_a``.
        pretrain_time: ``T_p``, from flat logits on.
        align_time: ``T_a``.

    Source: theory, section 13.5, after Lambert's W.

    Example:
        >>> exchange_rate(3, 2, 0.0, 0.0)  # nothing was trained: as many tokens, as much weight
        1.5
        >>> [round(exchange_rate(2, 2, before, 5000.0), 6) for before in (1000.0, 2000.0)]  # alignment has overtaken it
        [0.000201, 0.000201]
    """
    from scipy.special import wrightomega  # w + ln w = x

    for name, count in (("pretrain_tokens", pretrain_tokens), ("align_tokens", align_tokens)):
        if not number_or_nan(count) >= 1 or int(count) != count:
            raise InvalidParameter(f"{name} is a whole number, 1 or more: not {count!r}")
    for name, time in (("pretrain_time", pretrain_time), ("align_time", align_time)):
        if not 0 <= number_or_nan(time) < math.inf:
            raise InvalidParameter(f"{name} is 0 or more, and finite: not {time!r}")
    kappa, c = pretrain_tokens / align_tokens, 1 / pretrain_tokens + 1 / align_tokens
    if pretrain_time == align_time == 0:
        return kappa
    before = float(wrightomega(kappa + math.log(kappa) + c * pretrain_time))
    return 1 / float(wrightomega(1 / before - math.log(before) + c * align_time))


def linear_range_nats(spread: npt.ArrayLike) -> NDArray[np.float64]:
    """Return the most that a change of logits can cost beyond its tangent, in nats: the best bound by its spread alone.

    With ``R = max delta - min delta`` a code length changes by at least its tangent and at most this more; it is never
    above ``min(R^2 / 8, R)``. A linearised change whose sign outlasts it is certain.

    Args:
        spread: ``R``, 0 or more, any shape.

    Example:
        >>> linear_range_nats([0.0, 1.0, 10.0]).round(6).tolist()
        [0.0, 0.123302, 6.697824]
    """
    r = np.asarray(spread, dtype=np.float64)
    if not (r >= 0).all() or not np.isfinite(r).all():
        raise InvalidParameter(f"a spread is 0 or more, and finite: not {spread!r}")
    small = r < 1e-2  # there the closed form loses its digits
    safe = np.where(small, 1.0, r)
    a = -np.expm1(-safe)  # (e^R - 1) e^-R
    exact = safe + np.log(a) - np.log(safe) - 1 + safe * np.exp(-safe) / a
    bound: NDArray[np.float64] = np.where(small, r * r / 8 - r**4 / 576, exact)
    return bound


def _exact(values: npt.ArrayLike) -> Values:
    """Return an array: of Fractions where all numbers are ints or Fractions, else of float64."""
    held = list(np.asarray(values, dtype=object).ravel())
    if held and all(isinstance(x, int | Fraction) and not isinstance(x, bool) for x in held):
        return np.array([Fraction(x) for x in held], dtype=object)
    return np.asarray(values, dtype=np.float64)


def _rows(*rows: npt.ArrayLike) -> list[Values]:
    found = [_exact(row) for row in rows]
    for row in found:
        if row.ndim != 1 or not len(row):
            raise InvalidDistribution(f"a distribution is one row of probabilities, not of shape {row.shape}")
        total = row.sum()
        off = total != 1 if row.dtype == object else not abs(total - 1) <= _SLACK
        if off or not (row >= 0).all():
            raise InvalidDistribution(f"probabilities are 0 or more and sum to 1: these sum to {float(total):.9g}")
    if len({len(row) for row in found}) > 1:
        raise MismatchedLeaves(f"rows over one vocabulary have one length: these have {[len(row) for row in found]}")
    return found


def _plain(value: Any) -> Any:
    return value if isinstance(value, Fraction) else float(value)
