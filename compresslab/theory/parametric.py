"""Elasticity of any model trained by gradient descent: what its gradients and its curvature say of the first steps.

``L_i`` are the code lengths of datasets under a model of parameters ``theta``, ``n_i`` their volumes. Where training
has ended at a stationary point of ``sum n_i L_i``, the first step of *any* optimiser costs the alignment data ``k``
times what it gives the pre-training data: no fit, no convexity and no tree is needed.

Source: theory, section 9; claims ``parametric-first-order``, ``parametric-converse``, ``parametric-second-order``,
``parametric-influence``, ``parametric-early-stopping`` (`proofs/coq/`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from compresslab.errors import InvalidParameter, InvalidVolume

__all__ = [
    "SecondOrder",
    "Stationarity",
    "early_stopping_residual",
    "first_order_nats",
    "influence_nats",
    "second_order",
    "stationarity",
    "stationarity_of_products",
]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Stationarity:
    """How far a model is from a stationary point of ``k L_p + L_a`` for some ``k``.

    Attributes:
        cosine: between the two gradients; -1 at such a point.
        k: ``|grad L_a| / |grad L_p|``: the model's own ``k`` where the cosine is -1; NaN where ``grad L_p`` is 0.
        residual: ``|k grad L_p + grad L_a| / |grad L_a|``; 0 at such a point.
    """

    cosine: float
    k: float
    residual: float


@dataclass(frozen=True)
class SecondOrder:
    """What a step along the perturbation's gradient does to pre-training and alignment, to second order.

    Attributes:
        turning_point: where pre-training has gained most, ``a / h``; infinite where there is no curvature.
        back_at: where it is back at its start, ``2 a / h``.
        align_loss_at_turn: what alignment has lost there, at a minimum of the total: ``a^2 / h``, in nats.
    """

    turning_point: float
    back_at: float
    align_loss_at_turn: float


def first_order_nats(volumes: npt.ArrayLike, gradients: npt.ArrayLike, step: npt.ArrayLike) -> tuple[Values, float]:
    """Return each code length's change to first order, and the sum of all, weighted by the volumes.

    Args:
        volumes: shape ``(N,)``, positive.
        gradients: shape ``(N, P)``, of each code length.
        step: shape ``(P,)``, whatever an optimiser does to the parameters.

    Example:
        At a stationary point of ``10 L_p + L_a`` the ratio is -10 in every direction.

        >>> change, residual = first_order_nats([10, 1], [[0.1, -0.2], [-1.0, 2.0]], [0.3, 0.7])
        >>> round(float(change[1] / change[0]), 12), abs(residual) < 1e-15
        (-10.0, True)
    """
    n, g = _volumes(volumes), _matrix(gradients)
    v = np.asarray(step, dtype=np.float64)
    if g.shape[0] != len(n) or v.shape != g.shape[1:]:
        raise InvalidParameter(
            f"{len(n)} volumes, gradients of shape {g.shape} and a step of shape {v.shape} do not fit"
        )
    change: Values = g @ v
    return change, float(n @ change)


def stationarity(pretrain: npt.ArrayLike, align: npt.ArrayLike) -> Stationarity:
    """Measure the ``k`` of which a model is a stationary point, from its two gradients.

    Args:
        pretrain: shape ``(P,)``, the gradient of ``L_p``.
        align: shape ``(P,)``, that of ``L_a``.

    Raises:
        InvalidParameter: shapes that differ, or numbers that are not finite.

    Example:
        >>> found = stationarity([0.1, -0.2], [-1.0, 2.0])
        >>> round(found.cosine, 12), round(found.k, 12), found.residual < 1e-12
        (-1.0, 10.0, True)
    """
    p, a = (np.asarray(x, dtype=np.float64).ravel() for x in (pretrain, align))
    if p.shape != a.shape or not (np.isfinite(p).all() and np.isfinite(a).all()):
        raise InvalidParameter(f"two gradients are finite and have one shape: these have {p.shape} and {a.shape}")
    size_p, size_a = float(np.linalg.norm(p)), float(np.linalg.norm(a))
    if size_a == 0:  # no direction to compare with
        return Stationarity(math.nan, 0.0 if size_p else math.nan, math.nan)
    if size_p == 0:
        return Stationarity(math.nan, math.nan, 1.0)
    k = size_a / size_p
    cosine = float((p / size_p) @ (a / size_a))
    return Stationarity(max(-1.0, min(1.0, cosine)), k, float(np.linalg.norm(k * p + a)) / size_a)


def stationarity_of_products(pretrain: float, both: float, align: float) -> Stationarity:
    """Return the same from the gradients' inner products alone, for gradients that are too long to hold.

    The residual loses its digits below about 1e-8.

    Args:
        pretrain: ``grad L_p . grad L_p``, 0 or more.
        both: ``grad L_a . grad L_p``.
        align: ``grad L_a . grad L_a``, 0 or more.

    Raises:
        InvalidParameter: numbers that no two vectors have.

    Example:
        >>> stationarity_of_products(1.0, -10.0, 100.0)
        Stationarity(cosine=-1.0, k=10.0, residual=0.0)
    """
    sizes = pretrain * align
    if not (pretrain >= 0 and align >= 0 and both * both <= sizes * (1 + 1e-6) and math.isfinite(sizes)):
        raise InvalidParameter(
            f"inner products of two gradients: |g.h| is at most |g||h|, not {both!r} with {pretrain!r} and {align!r}"
        )
    if align == 0:
        return Stationarity(math.nan, 0.0 if pretrain else math.nan, math.nan)
    if pretrain == 0:
        return Stationarity(math.nan, math.nan, 1.0)
    cosine = max(-1.0, min(1.0, both / math.sqrt(pretrain) / math.sqrt(align)))
    return Stationarity(cosine, math.sqrt(align / pretrain), math.sqrt(2 * (1 + cosine)))


def second_order(slope: float, curvature: float) -> SecondOrder:
    """Return where pre-training turns while a perturbation is trained, and what that has cost alignment.

    Args:
        slope: ``a = -grad L_a . P grad L_t``, positive: what alignment loses at first, per unit of step size.
        curvature: ``h = grad L_t . P H P grad L_t``, 0 or more, ``H`` the Hessian of the total.

    Example:
        >>> second_order(2.0, 4.0)
        SecondOrder(turning_point=0.5, back_at=1.0, align_loss_at_turn=1.0)
    """
    if not (slope > 0 and curvature >= 0 and math.isfinite(slope) and math.isfinite(curvature)):
        raise InvalidParameter(f"a slope is positive and a curvature 0 or more: not {slope!r} and {curvature!r}")
    if curvature == 0:
        return SecondOrder(math.inf, math.inf, math.inf)
    return SecondOrder(slope / curvature, 2 * slope / curvature, slope * slope / curvature)


def influence_nats(hessian: npt.ArrayLike, gradients: npt.ArrayLike) -> Values:
    """Return ``J[i, t] = dL_i / dn_t`` at a stationary point that moves with the volumes: ``-G H^-1 G^T``.

    It is symmetric, its rows weighted by the volumes sum to 0, and its diagonal is at most 0 where ``H`` is positive.

    Args:
        hessian: shape ``(P, P)``, of ``sum n_i L_i``, symmetric and invertible.
        gradients: shape ``(N, P)``, of each code length.

    Raises:
        InvalidParameter: shapes that do not fit, or a Hessian that is singular or not symmetric.

    Example:
        >>> influence_nats([[2.0, 0.0], [0.0, 4.0]], [[1.0, 0.0], [-1.0, 0.0]]).tolist()
        [[-0.5, 0.5], [0.5, -0.5]]
    """
    g = _matrix(gradients)
    h = np.asarray(hessian, dtype=np.float64)
    if h.shape != (g.shape[1],) * 2 or not np.allclose(h, h.T, rtol=1e-9, atol=1e-12 * np.abs(h).max(initial=0)):
        raise InvalidParameter(f"a Hessian is symmetric, of shape {(g.shape[1],) * 2}: not {h.shape}")
    try:
        solved = np.linalg.solve(h, g.T)
    except np.linalg.LinAlgError as error:
        raise InvalidParameter("the Hessian is singular: no branch of stationary points is determined") from error
    influence: Values = -(g @ solved)
    return influence


def early_stopping_residual(hessian: npt.ArrayLike, offset: npt.ArrayLike, time: float) -> Values:
    """Return the gradient that a stopped gradient flow on a quadratic leaves: ``H exp(-T H) (theta_0 - theta*)``.

    Args:
        hessian: shape ``(P, P)``, symmetric.
        offset: shape ``(P,)``, ``theta_0 - theta*``.
        time: ``T``, 0 or more.

    Example:
        >>> early_stopping_residual([[2.0]], [1.0], 0.0).round(9).tolist()
        [2.0]
    """
    h, x = np.asarray(hessian, dtype=np.float64), np.asarray(offset, dtype=np.float64)
    if h.ndim != 2 or h.shape != (len(x),) * 2 or not np.allclose(h, h.T) or not 0 <= time < math.inf:
        raise InvalidParameter(f"a symmetric Hessian {h.shape}, an offset {x.shape} and a time of 0 or more are needed")
    values, vectors = np.linalg.eigh(h)
    left: Values = vectors @ (values * np.exp(-time * values) * (vectors.T @ x))
    return left


def _volumes(volumes: npt.ArrayLike) -> Values:
    n = np.asarray(volumes, dtype=np.float64)
    if n.ndim != 1 or not (n > 0).all() or not np.isfinite(n).all():
        raise InvalidVolume(f"volumes are positive and finite: not {volumes!r}")
    return n


def _matrix(gradients: npt.ArrayLike) -> Values:
    g = np.asarray(gradients, dtype=np.float64)
    if g.ndim != 2 or not np.isfinite(g).all():
        raise InvalidParameter(f"gradients are finite, a row for each dataset: not of shape {g.shape}")
    return g
