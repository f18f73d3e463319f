"""Overlaps ``g_i . P g_t`` of gradients, their intervals, and how far a model is from a stationary point.

Standard errors come from groups of responses: the jackknife of a first-order expansion, in which the two datasets of an
overlap are independent. Where the step is not linear in the gradient (sign, a fresh AdamW) its direction is held fixed:
there an interval is about the first dataset's responses alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab.probe.flat import GROUPS, Layout
from compresslab.probe.gradients import Gradients
from compresslab.probe.settings import EPSILON, ProbeSettings
from compresslab.probe.texts import ProbeData
from compresslab.theory.estimates import Estimate, interval
from compresslab.theory.parametric import Stationarity, stationarity_of_products

__all__ = [
    "MeasuredStationarity",
    "NearestMixture",
    "Overlaps",
    "change_error",
    "layer_groups",
    "measure_overlaps",
    "nearest_mixture",
    "stationarities",
    "stationarity_of",
]

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Overlaps:
    """All overlaps of D datasets.

    Attributes:
        matrix: shape (D, D): ``g_i . P g_t``; minus the learning rate times it is what one step on ``t`` does to ``i``.
        error: its standard errors; NaN where a dataset has a single group of responses.
        parts: part of the network -> the same matrix, of the weights of that part alone.
        cosine: shape (D, D), of the gradients: a poor predictor of sizes, beside it for comparison.
        products: shape (D, D): ``g_i . g_j``.
        product_error: for each dataset ``i``, shape (groups, D): how ``g_i . g_j`` changes without a group of ``i``.
    """

    matrix: Values
    error: Values
    parts: dict[str, Values]
    cosine: Values
    products: Values
    product_error: tuple[Values, ...]

    @property
    def symmetric(self) -> Values:
        """The mean of the matrix and its transpose: the matrix itself for SGD, and for AdamW with one second moment."""
        found: Values = (self.matrix + self.matrix.T) / 2
        return found


@dataclass(frozen=True)
class MeasuredStationarity:
    """How far a model is from a stationary point of ``k L_p + L_a``; see `compresslab.theory.parametric.Stationarity`.

    Attributes:
        cosine: -1 at such a point.
        k_eff: ``|grad L_a| / |grad L_p|``.
        residual: 0 at such a point.
    """

    cosine: Estimate
    k_eff: Estimate
    residual: Estimate


@dataclass(frozen=True)
class NearestMixture:
    """The mixture of datasets that a model is nearest to a stationary point of.

    Attributes:
        weights: of the datasets' code lengths per token; they sum to 1.
        residual: ``|sum w_i g_i| / sum w_i |g_i|``: 0 at such a point, 1 where all gradients point the same way.
    """

    weights: tuple[float, ...]
    residual: float


def measure_overlaps(found: Gradients, settings: ProbeSettings) -> Overlaps:
    """Measure the overlaps of gradients under an optimiser's step."""
    count = len(found.means)
    parts = {part: np.zeros((count, count)) for part in GROUPS}
    products = np.zeros((count, count))
    directions = np.zeros((count, found.sketch.length))
    for part, place in found.layout.pieces():
        g = np.asarray(found.means[:, place], dtype=np.float64)
        d = _direction(found, settings, g, place)
        parts[part] += g @ d.T
        products += g @ g.T
        for row, values in zip(directions, d, strict=True):
            found.sketch.add(row, place.start, values)
    matrix: Values = np.sum(list(parts.values()), axis=0)
    sizes = np.sqrt(np.diag(products))
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = products / np.outer(sizes, sizes)
    return Overlaps(
        matrix,
        _errors(found, directions, linear=settings.optimizer == "sgd" or found.second is not None),
        {part: values for part, values in parts.items() if values.any()},
        cosine,
        products,
        tuple(left @ found.sketches.T if left.size else np.zeros((0, count)) for left in found.left_out),
    )


def _direction(found: Gradients, settings: ProbeSettings, g: Values, place: slice) -> Values:
    """Return a piece of ``P g``, a row for each dataset."""
    if settings.optimizer == "sgd":
        return g
    if settings.optimizer == "sign":
        return np.sign(g)
    if found.steps is not None:  # a fresh AdamW
        return np.asarray(found.steps[:, place], dtype=np.float64)
    return g / (np.sqrt(np.asarray(found.second, dtype=np.float64)[place]) + EPSILON)


def _errors(found: Gradients, directions: Values, *, linear: bool) -> Values:
    count = len(directions)
    changes = [left @ directions.T if left.size else None for left in found.left_out]  # (groups, D) each
    variance = np.full((count, count), np.nan)
    for i, own in enumerate(changes):
        for t, other in enumerate(changes):
            if own is None or (linear and other is None):
                continue
            if i == t:
                variance[i, t] = _variance((2 if linear else 1) * own[:, t])
            else:
                variance[i, t] = _variance(own[:, t])
                if linear and other is not None:
                    variance[i, t] += _variance(other[:, i])
    errors: Values = np.sqrt(variance)
    return errors


def _variance(changes: Values) -> float:
    """Return the jackknife's variance, from what a number changes by without each of the groups."""
    n = len(changes)
    return float((n - 1) / n * (changes @ changes))


def stationarities(overlaps: Overlaps, sets: Sequence[ProbeData]) -> dict[str, MeasuredStationarity]:
    """Return ``stationarity_of`` each pair, by "ALIGNMENT/PRE-TRAINING"."""
    roles = {role: [i for i, data in enumerate(sets) if data.role == role] for role in ("align", "pretrain")}
    return {
        f"{sets[a].name}/{sets[p].name}": stationarity_of(overlaps, a, p)
        for a in roles["align"]
        for p in roles["pretrain"]
    }


def stationarity_of(overlaps: Overlaps, align: int, pretrain: int) -> MeasuredStationarity:
    """Return how far a model is from a stationary point of ``k L_p + L_a``, each number with its 95 % interval.

    Args:
        overlaps: of all datasets.
        align: which of them is the alignment data.
        pretrain: which is the pre-training data.
    """
    products = overlaps.products
    pp, ap, aa = (float(products[i, j]) for i, j in ((pretrain, pretrain), (align, pretrain), (align, align)))
    found: Stationarity = stationarity_of_products(pp, ap, aa)
    of_a, of_p = overlaps.product_error[align], overlaps.product_error[pretrain]
    n = min(len(of_a), len(of_p))
    if n < 2 or not math.isfinite(found.cosine):
        return MeasuredStationarity(*(Estimate(x, None, None, 1) for x in (found.cosine, found.k, found.residual)))
    size = math.sqrt(aa * pp)
    # What cosine and ln k change by without a group of the one dataset, and of the other.
    a_cosine = of_a[:, pretrain] / size - found.cosine * of_a[:, align] / aa
    p_cosine = of_p[:, align] / size - found.cosine * of_p[:, pretrain] / pp
    cosine = math.sqrt(_variance(a_cosine) + _variance(p_cosine))
    log_k = math.sqrt(_variance(of_a[:, align] / aa) + _variance(of_p[:, pretrain] / pp))
    wide = interval(found.k, found.k * log_k, n)
    low, high = (math.exp(math.log(found.k) + sign * wide.half_width / found.k) for sign in (-1, 1))
    near = interval(found.cosine, cosine, n)
    ends = [math.sqrt(max(0.0, 2 * (1 + x))) for x in (near.low, near.high) if x is not None]
    return MeasuredStationarity(
        near, Estimate(found.k, low, high, n), Estimate(found.residual, min(ends), max(ends), n)
    )


def nearest_mixture(products: Values, chosen: Sequence[int]) -> NearestMixture:
    """Return the mixture of some datasets whose gradient is shortest: weights of 0 or more that sum to 1."""
    from scipy.optimize import nnls

    own = products[np.ix_(chosen, chosen)]
    values, basis = np.linalg.eigh(own)
    root = np.sqrt(np.maximum(values, 0))[:, None] * basis.T  # root.T @ root = own
    heavy = 1e4 * max(float(np.sqrt(np.abs(own).max())), 1e-300)  # holds the weights' sum
    weights, _ = nnls(np.vstack([root, np.full((1, len(chosen)), heavy)]), np.append(np.zeros(len(chosen)), heavy))
    weights = weights / weights.sum()
    size = float(weights @ np.sqrt(np.diag(own)))
    length = math.sqrt(max(0.0, float(weights @ own @ weights)))
    return NearestMixture(tuple(weights.tolist()), length / size if size else math.nan)


def layer_groups(layout: Layout) -> dict[str, int]:
    """Return how many weights each part of a network has."""
    counted: dict[str, int] = {}
    for part, size in zip(layout.parts, layout.sizes, strict=True):
        counted[part] = counted.get(part, 0) + size
    return counted


def change_error(found: Gradients, step: NDArray[Any]) -> list[float]:
    """Return the standard error of ``g_i . step`` for each dataset; NaN where it has a single group of responses."""
    short = found.sketch.of(step)
    return [math.sqrt(_variance(left @ short)) if left.size else math.nan for left in found.left_out]
