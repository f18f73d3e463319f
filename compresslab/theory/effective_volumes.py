"""Effective volumes: the mixture of known distributions that explains a measured model best.

Training does not weigh data by volume: what was seen late counts more. Given component distributions ``p_i`` and a
model's own distribution ``q`` on the leaves (or a sample from it), the effective volumes are the weights ``w`` on the
simplex that maximise ``L(w) = sum_j q_j ln sum_i w_i p_ij``: the mixture nearest to the model in ``KL(q || .)``.
``L`` is concave, so the maximum is global, and how far any ``w`` is from it is bounded by

    L(w*) - L(w) <= ln max_i g_i,    g_i = sum_j q_j p_ij / (sum_i w_i p_ij)_j

which is 0 exactly at the maximum. The bound is reported with every result.

The maximum is found by sequential quadratic programming: each step solves the quadratic model of ``L(w) - sum w`` over
all non-negative weights, so that a weight may reach 0 and leave it again.

Source: theory, section 7; claim ``effective-volumes-concave``; the method: Kim, Carbonetto, Stephens and Anitescu, *A
fast algorithm for maximum likelihood estimation of mixture proportions using sequential quadratic programming*, 2020.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from compresslab._support.checks import number_or_nan
from compresslab.errors import InvalidDistribution, InvalidParameter
from compresslab.trees.distribution import DistributionLike, LeafDistribution, align

__all__ = ["EffectiveVolumes", "effective_volumes"]

Values = NDArray[np.float64]

_ROUNDS = 200
_ROUNDING = 1e-14  # nats


@dataclass(frozen=True, eq=False)
class EffectiveVolumes:
    """The weights of a model's best mixture.

    Attributes:
        names: the components, in order.
        weights: float64, shape ``(N,)``, on the simplex: ``w_i``.
        gap_nats: how much more a perfect answer could explain, at most; nats per phrase.
        residual_nats: ``KL(q || sum w_i p_i)``, what no mixture of these components explains; nats per phrase. For a
            sample of ``n`` phrases it is about (leaves - 1) / 2n too large.
        standard_errors: shape ``(N,)``, by bootstrap of the sample; None where the model's distribution is exact.
    """

    names: tuple[str, ...]
    weights: Values
    gap_nats: float
    residual_nats: float
    standard_errors: Values | None = None

    def as_dict(self) -> dict[str, float]:
        """Return ``{name: weight}``."""
        return dict(zip(self.names, self.weights.tolist(), strict=True))


def effective_volumes(
    components: Mapping[str, DistributionLike],
    model: DistributionLike,
    *,
    tolerance: float = 1e-10,
    bootstrap: int = 200,
    seed: int | np.random.Generator = 0,
) -> EffectiveVolumes:
    """Find the mixture weights under which known components explain a model best.

    Args:
        components: name -> ``p_i``: all plain arrays of one length, or all LeafDistributions.
        model: ``q``: the model's distribution on the leaves, or a sample from it as
            ``LeafDistribution.from_counts(keys, counts)``, whose counts are then resampled for standard errors.
        tolerance: the gap, in nats per phrase, at which to stop.
        bootstrap: how often to resample; 0 for no standard errors.
        seed: of the resampling: a whole number or a Generator.

    Raises:
        InvalidDistribution: the model has mass on leaves that no component has: no mixture explains it.
        InvalidParameter: no components, or a tolerance that is not positive.
        MismatchedLeaves: see :func:`compresslab.trees.distribution.align`.

    Source: theory, section 7; claim ``effective-volumes-concave``.

    Example:
        >>> p, q = [0.7, 0.2, 0.1], [0.1, 0.2, 0.7]
        >>> found = effective_volumes({"p": p, "q": q}, [0.55, 0.2, 0.25])
        >>> {name: round(w, 6) for name, w in found.as_dict().items()}, found.gap_nats < 1e-10
        ({'p': 0.75, 'q': 0.25}, True)
    """
    if not components:
        raise InvalidParameter("no components to explain the model by: give {name: distribution, ...}")
    if not 0 < number_or_nan(tolerance) < math.inf:
        raise InvalidParameter(f"the tolerance is a positive number of nats, not {tolerance!r}")
    names = tuple(components)
    _, table = align([*components.values(), model], [*names, "model"])
    p, q = table[:-1].astype(np.float64), table[-1].astype(np.float64)
    held = q > 0
    p, q = p[:, held], q[held]
    if not (p > 0).any(axis=0).all():
        mass = float(q[~(p > 0).any(axis=0)].sum())
        raise InvalidDistribution(
            f"the model has mass {mass:.4g} on leaves that no component has, so no mixture explains it: "
            "add a component that has them (a smoothed or uniform one)"
        )
    found = _fit(names, p, q, tolerance)
    if bootstrap and isinstance(model, LeafDistribution) and model.counts is not None:
        rng = np.random.default_rng(seed)
        n = int(model.counts.sum())
        draws = (_fit(names, p, rng.multinomial(n, q) / n, tolerance).weights for _ in range(bootstrap))
        found = replace(found, standard_errors=np.std(np.array(list(draws)), axis=0, ddof=1))
    return found


def _fit(names: tuple[str, ...], p: Values, q: Values, tolerance: float) -> EffectiveVolumes:
    held = q > 0
    p, q = p[:, held], q[held]
    w = np.full(len(p), 1 / len(p))
    for _ in range(_ROUNDS):
        better = w if _gap(w, p, q) <= tolerance else _step(w, p, q)
        if better is w:
            break
        w = better
    mixed = w @ p
    residual = float((q * np.log(q / mixed)).sum())
    return EffectiveVolumes(names, w, max(_gap(w, p, q), 0.0), max(residual, 0.0))


def _gap(w: Values, p: Values, q: Values) -> float:
    return math.log(float((p @ (q / (w @ p))).max()))


def _step(w: Values, p: Values, q: Values) -> Values:
    """Return better weights, or ``w`` itself if there are none within rounding."""
    from scipy.optimize import nnls

    ratio = p / (w @ p)
    gradient, hessian = ratio @ q, (ratio * q) @ ratio.T
    hessian.flat[:: len(w) + 1] += 1e-13 * float(np.trace(hessian))  # equal components leave the best weights open
    root = np.linalg.cholesky(hessian)
    # max of (2 g - 1) y - y H y / 2 over y >= 0 is the least-squares problem |root' y - root^-1 (2 g - 1)|
    target, _ = nnls(root.T, np.linalg.solve(root, 2 * gradient - 1))
    before, gap, length = float(q @ np.log(w @ p)), _gap(w, p, q), 1.0
    while length > 1e-10:
        trial = w + length * (target - w)
        trial /= trial.sum()
        mixed = trial @ p
        if mixed.min() > 0:
            gain = float(q @ np.log(mixed)) - before
            # Near the maximum the gain, of second order, drowns in rounding while the gap still halves.
            if gain > _ROUNDING or (gain > -_ROUNDING and _gap(trial, p, q) < gap / 2):
                return trial
        length /= 2
    return w
