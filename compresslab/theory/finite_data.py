"""What finite data leaves open: slopes, overlaps and signs of the elasticity, corrected, each with its interval.

The trees of datasets are samples. The *plug-in* value takes the observed shares for the true ones, and is off for two
reasons:

* *Noise of the counts.* It is of second order: half the second derivative times the variance of a share, leaf by leaf
  (the delta method); it is subtracted.
* *Phrases that were not seen.* A phrase of the new data that pre-training data was not seen to hold counts as a phrase
  that it does not hold. Where many phrases occur once, this outweighs the slopes themselves, and turns their signs.

For the second no estimate is right for every law, so there are two, which agree where phrases repeat. *Alone*: what was
not seen is not there. *Shared*: phrases that stand elsewhere at most once are pooled into classes, by where they stand,
and each dataset's mass in a class is the share of its phrases whose leaf is in that class without their own response.
This is unbiased, whatever the law (Good and Turing's estimate, for several datasets at once); that data in one class
is spread over the same phrases is an assumption, which makes it too alike. The value is *shared*; the interval reaches
from the one to the other, and beyond each by its sampling error.

The sampling error is that of a jackknife over groups of responses, which lies above the true one in the mean (Efron and
Stein). A bootstrap would draw a response twice, and make phrases that occur once look as if they occurred twice.

Source: Good, *The population frequencies of species and the estimation of population parameters*, Biometrika 40 (1953);
Efron and Stein, *The jackknife estimate of variance*, Annals of Statistics 9 (1981).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from compresslab._support.arrays import as_array
from compresslab._support.checks import number_or_nan
from compresslab.errors import InvalidParameter
from compresslab.theory.elasticity import Roles, check_k, check_l
from compresslab.theory.estimates import student_quantile
from compresslab.theory.observed import GROUPS, Observed, Sample

__all__ = ["CONTAINED", "Corrected", "ElasticityEstimate", "estimate_elasticity", "fresh_weights"]

Values = NDArray[np.float64]

CONTAINED: Final = ((1 / 3, 1 / 3, 1 / 3), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))  # weights of the theorem's reading
_ELSEWHERE: Final = 1  # a phrase that stands elsewhere so often at most is pooled with its like
_BLOCK: Final = 1 << 13  # leaves worked on at a time, so that they stay in cache


@dataclass(frozen=True)
class Corrected:
    """A number from finite data.

    Attributes:
        plug_in: with the observed shares for the true ones.
        value: corrected.
        standard_error: of ``value``, by the jackknife over groups of responses.
        low: lower end of the interval.
        high: upper end.
        alone: the value if what was not seen is not there.
    """

    plug_in: float
    value: float
    standard_error: float
    low: float
    high: float
    alone: float

    @property
    def sign(self) -> int:
        """1 or -1 where the interval lies on one side of 0; 0: undecided."""
        return 1 if self.low > 0 else -1 if self.high < 0 else 0

    def covers(self, value: float) -> bool:
        """Say whether a value lies in the interval."""
        return self.low <= value <= self.high

    def mapped(self, offset: float, factor: float) -> Corrected:
        """Return ``offset + factor * x`` for each number."""
        plug_in, value, low, high, alone = (
            offset + factor * x for x in (self.plug_in, self.value, self.low, self.high, self.alone)
        )
        return Corrected(plug_in, value, abs(factor) * self.standard_error, min(low, high), max(low, high), alone)


@dataclass(frozen=True)
class ElasticityEstimate:
    """Slopes of the elasticity at one ``k`` and ``l``, from finite data.

    Attributes:
        k: ``|D_p| / |D_a|``.
        l: ``|D_t| / |D_a|``.
        confidence: of the intervals.
        slopes: ``dgamma_i/dl`` in nats per phrase; the perturbation's own is None at ``l = 0``.
        missing: of a dataset's next phrase, the chance that no other response of its own has it: Good and Turing's
            missing mass.
        new_mass: the perturbation's missing mass in all three: phrases that stand nowhere else.
        units: what was resampled, by dataset: "responses", "runs of phrases" or "phrases".
    """

    k: float
    l: float  # noqa: E741 - the paper's symbol
    confidence: float
    slopes: Roles[Corrected | None]
    missing: Roles[float]
    new_mass: float
    units: tuple[str, ...]

    @property
    def overlaps(self) -> Roles[Corrected | None]:
        """``<p_i, p_t>_D = 1 - W dgamma_i/dl``."""
        W = self.k + 1 + self.l
        return self.slopes.map(lambda slope: None if slope is None else slope.mapped(1.0, -W))

    @property
    def signs(self) -> Roles[int]:
        """1 or -1 where a slope's sign is certain; 0: undecided."""
        return self.slopes.map(lambda slope: 0 if slope is None else slope.sign)


def fresh_weights(parts: Sequence[float]) -> tuple[tuple[float, ...], ...]:
    """Return the weights of datasets where pre-training data has parts, and alignment and perturbation are their own.

    Args:
        parts: how much of the pre-training data each part is, in any unit.

    Example:
        >>> fresh_weights([1, 3])
        ((0.25, 0.75, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))
    """
    none, whole = (0.0,) * len(parts), math.fsum(parts)
    return (*(x / whole for x in parts), 0.0, 0.0), (*none, 1.0, 0.0), (*none, 0.0, 1.0)


def estimate_elasticity(
    observed: Observed,
    weights: npt.ArrayLike | None = None,
    *,
    k: Sequence[float] = (10.0,),
    l: Sequence[float] = (0.05,),  # noqa: E741 - the paper's symbol
    confidence: float = 0.95,
) -> tuple[ElasticityEstimate, ...]:
    """Estimate the slopes of the elasticity of what finite datasets are samples of.

    Args:
        observed: the datasets, from :func:`compresslab.theory.observed.observe`.
        weights: shape ``(3, S)``: how much of pre-training, alignment and perturbation each dataset is, such as
            `CONTAINED` for the theorem's reading of three datasets, or `fresh_weights`. Where not given, the last two
            datasets are alignment and perturbation, and pre-training is the others in equal volumes.
        k: values of ``|D_p| / |D_a|``.
        l: values of ``|D_t| / |D_a|``, 0 or more.
        confidence: of the intervals, between 0 and 1.

    Returns:
        One for each ``k`` and ``l``, the first ``k`` first.

    Raises:
        InvalidParameter: weights that do not fit, or a confidence outside its range.
        InvalidVolume: ``k`` or ``l`` out of range.

    Source: see the module.

    Example:
        >>> from compresslab.theory.observed import observe
        >>> seen = observe({"pretrain": [400, 300, 300], "align": [10, 80, 10], "perturb": [10, 10, 80]})
        >>> found = estimate_elasticity(seen, k=[10], l=[0.1])[0]
        >>> found.signs
        Roles(pretrain=-1, align=1, perturb=-1)
        >>> slope = found.slopes.align
        >>> slope is not None and slope.covers(slope.plug_in)
        True
    """
    if not 0 < number_or_nan(confidence) < 1:
        raise InvalidParameter(f"a confidence lies between 0 and 1: not {confidence!r}")
    grid = [(check_k(one), float(x)) for one in k for x in check_l(l)]
    full, parts, missing, new_mass = _slopes(observed, _streams(observed, weights), grid)
    middle = parts.mean(axis=0)
    errors = np.sqrt((GROUPS - 1) / GROUPS * ((parts - middle) ** 2).sum(axis=0))
    again = GROUPS * full[1] - (GROUPS - 1) * middle[1]  # what is left of the bias of `alone`, by the jackknife
    candidates, their = np.stack([full[1], again, full[2]]), errors[[1, 1, 2]]
    half = student_quantile(GROUPS - 1, confidence) * their
    low, high = (candidates - half).min(axis=0), (candidates + half).max(axis=0)
    numbers = np.stack([full[0], full[2], errors[2], low, high, full[1]], axis=-1)
    own = numbers[:, 2]  # a dataset's own rate never rises (claim own-rate-falls): neither can its estimate
    own[:, [1, 3, 4, 5]] = np.minimum(own[:, [1, 3, 4, 5]], 0.0)
    names = ("pretrain", "align", "perturb")
    return tuple(
        ElasticityEstimate(
            k=a,
            l=x,
            confidence=float(confidence),
            slopes=Roles(
                *(
                    Corrected(*map(float, numbers[i, r])) if name != "perturb" or x > 0 else None
                    for r, name in enumerate(names)
                )
            ),
            missing=Roles(*missing),
            new_mass=new_mass,
            units=tuple(sample.units for sample in observed.samples),
        )
        for i, (a, x) in enumerate(grid)
    )


@dataclass(frozen=True, eq=False)
class _Streams:
    """Datasets that play the same part, as one: dataset ``s`` gives ``scale[s] * direction[of[s]]`` to the roles."""

    of: tuple[int, ...]
    scale: tuple[float, ...]
    direction: Values  # (D, 3)


def _streams(observed: Observed, weights: npt.ArrayLike | None) -> _Streams:
    count = len(observed.samples)
    given = fresh_weights([1.0] * max(count - 2, 0)) if weights is None and count > 2 else weights
    table = as_array(() if given is None else given, dtype=np.float64)
    if table.shape != (3, count) or not (table >= 0).all() or not np.allclose(table.sum(axis=1), 1, atol=1e-9):
        raise InvalidParameter(
            f"weights are three rows, of pre-training, alignment and perturbation, each of one number for each of the "
            f"{count} datasets, 0 or more and of sum 1: not {given!r}"
        )
    scale = table.sum(axis=0)
    if not (scale > 0).all():
        raise InvalidParameter("a dataset of weight 0 says nothing: leave it out")
    known: dict[tuple[float, ...], int] = {}
    of = [known.setdefault(tuple((table[:, s] / scale[s]).round(12).tolist()), len(known)) for s in range(count)]
    return _Streams(tuple(of), tuple(scale.tolist()), np.array(list(known)))


@dataclass(frozen=True, eq=False)
class _Sums:
    """What the slopes need of one dataset, leaf by leaf: each of shape ``(M,)``, of ``m`` phrases of a unit on a leaf.

    Attributes:
        mass: sum of ``m``.
        squares: sum of ``m**2``.
        products: sum of ``m`` times the unit's phrases.
        whole: sum of the units' phrases squared.
    """

    mass: Values
    squares: Values
    products: Values
    whole: float

    def __sub__(self, other: _Sums) -> _Sums:
        return _Sums(
            self.mass - other.mass,
            self.squares - other.squares,
            self.products - other.products,
            self.whole - other.whole,
        )

    def shares(self) -> tuple[Values, Values]:
        """The dataset's shares, and their variances over units: ``sum (m_j - p_j m)**2 / size**2``."""
        size = self.mass.sum()
        share = self.mass / size
        spread = self.squares - 2 * share * self.products + share**2 * self.whole
        return share, np.maximum(spread, 0) / size**2


def _summed(sample: Sample, rows: slice, num_leaves: int) -> _Sums:
    leaf, count, mass = sample.leaf[rows], sample.count[rows], sample.count[rows] * sample.times[rows]
    products = mass * sample.size[rows]
    by_leaf = [
        np.bincount(leaf, w, minlength=num_leaves).astype(np.float64, copy=False)
        for w in (mass, mass * count, products)
    ]
    return _Sums(by_leaf[0], by_leaf[1], by_leaf[2], float(products.sum()))


def _slopes(
    observed: Observed, streams: _Streams, grid: Sequence[tuple[float, float]]
) -> tuple[Values, Values, list[float], float]:
    """Return the slopes, shape ``(3, grid, 3)``: plug-in, alone and shared; and of them without each group.

    Also the missing mass of each role, and the mass of the perturbation that stands nowhere else.
    """
    M, D, groups = observed.num_leaves, len(streams.direction), range(GROUPS)
    whole = [_summed(sample, slice(None), M) for sample in observed.samples]
    bounds = [np.searchsorted(sample.group, np.arange(GROUPS + 1)) for sample in observed.samples]

    def gone(g: int) -> list[_Sums]:
        """What group ``g`` holds."""
        pairs = zip(observed.samples, bounds, strict=True)
        return [_summed(sample, slice(*at[g : g + 2]), M) for sample, at in pairs]

    total, most = np.sum([one.mass for one in whole], axis=0), np.zeros(M)
    for g in groups:
        np.maximum(most, np.sum([one.mass for one in gone(g)], axis=0), out=most)
    rare = [_at(x, np.flatnonzero(total[x.leaf] - most[x.leaf] - x.count <= _ELSEWHERE)) for x in observed.samples]
    missing = np.zeros(D)
    own = _by_stream([one.mass for one in whole], streams)
    for sample, sums, d, scale in zip(rare, whole, streams.of, streams.scale, strict=True):
        alone = own[d][sample.leaf] == sample.count
        missing[d] += scale * (sample.count * sample.times)[alone].sum() / sums.mass.sum()
    full, new = _of_sums(whole, rare, streams, grid)
    parts = []
    for g in groups:
        stay = [_at(sample, np.flatnonzero(sample.group != g)) for sample in rare]
        parts.append(_of_sums([one - out for one, out in zip(whole, gone(g), strict=True)], stay, streams, grid)[0])
    return full, np.stack(parts), (streams.direction.T @ missing).tolist(), new


def _of_sums(
    sums: Sequence[_Sums], rare: Sequence[Sample], streams: _Streams, grid: Sequence[tuple[float, float]]
) -> tuple[Values, float]:
    """Slopes, shape ``(3, grid, 3)``: plug-in, alone and shared; and the perturbation's mass that stands nowhere else.

    Args:
        sums: of each dataset.
        rare: each dataset's entries that may stand elsewhere once or never.
        streams: the parts that datasets play.
        grid: values of ``k`` and ``l``.
    """
    counts = _by_stream([one.mass for one in sums], streams)
    D, M = counts.shape
    total = counts.sum(axis=0)
    shares, variances, pooled = np.zeros((D, M)), np.zeros((D, M)), np.zeros((D, M))
    classes = np.zeros((D, 1 + D))  # never elsewhere; once elsewhere, in each stream
    for one, sample, d, scale in zip(sums, rare, streams.of, streams.scale, strict=True):
        share, variance = one.shares()
        shares[d] += scale * share
        variances[d] += scale**2 * variance
        elsewhere = total[sample.leaf] - sample.count
        here = np.flatnonzero(elsewhere <= _ELSEWHERE)
        leaf, count = sample.leaf[here], sample.count[here]
        weight = scale * count * sample.times[here] / one.mass.sum()
        pooled[d] += np.bincount(leaf, weight, minlength=M)
        held = counts.take(leaf, axis=1)
        held[d] -= count
        classes[d] += np.bincount(np.where(held.any(axis=0), 1 + held.argmax(axis=0), 0), weight, minlength=1 + D)
    apart_from = pooled.sum(axis=0) > 0
    touched, untouched = np.flatnonzero(apart_from), np.flatnonzero(~apart_from)
    rest, rest_noise = shares.take(touched, axis=1), variances.take(touched, axis=1)
    left = rest - pooled.take(touched, axis=1)
    left[left < 1e-9 * rest] = 0  # rounding
    some = left.sum(axis=0) > 0
    direction = streams.direction
    common, common_bias = _sums(shares.take(untouched, axis=1), variances.take(untouched, axis=1), direction, grid)
    apart, apart_bias = _sums(rest, rest_noise, direction, grid)
    noise = np.minimum(rest_noise, left**2)  # a share that one unit holds has its square as variance
    other, other_bias = _sums(left[:, some], noise[:, some], direction, grid)
    together, _ = _sums(classes, np.zeros_like(classes), direction, grid)
    common_corrected = common - common_bias
    found = np.stack(
        [common + apart, common_corrected + apart - apart_bias, common_corrected + other - other_bias + together]
    )
    W = np.array(grid).sum(axis=1) + 1
    return 1 / W[:, None] - found, float(direction[:, 2] @ classes[:, 0])


def _by_stream(masses: Sequence[Values], streams: _Streams) -> Values:
    """Phrases on each leaf, of all datasets of one stream together, shape ``(D, M)``."""
    counts = np.zeros((len(streams.direction), len(masses[0])))
    for mass, d in zip(masses, streams.of, strict=True):
        counts[d] += mass
    return counts


def _at(sample: Sample, rows: NDArray[np.int64]) -> Sample:
    return replace(
        sample,
        **{name: getattr(sample, name)[rows] for name in ("leaf", "count", "times", "size", "group")},
    )


def _sums(
    shares: Values, variances: Values, direction: Values, grid: Sequence[tuple[float, float]]
) -> tuple[Values, Values]:
    """``sum_j R_ij R_tj / Q_j`` for each of the grid and role, shape ``(grid, 3)``, and its bias of second order."""
    plain, second = np.zeros((len(grid), 3)), np.zeros((len(grid), 3))
    for lo in range(0, shares.shape[1], _BLOCK):
        roles = direction.T @ shares[:, lo : lo + _BLOCK]
        noise = variances[:, lo : lo + _BLOCK]
        for i, (k, l) in enumerate(grid):  # noqa: E741
            volumes = np.array([k, 1.0, l])
            Q = volumes @ roles
            inverse = np.divide(1.0, Q, out=np.zeros_like(Q), where=Q > 0)
            r, v = roles * inverse, noise * inverse
            plain[i] += r @ roles[2]
            sum_v, r_v, rt_v = v.sum(axis=1), r @ v.T, r @ (v * r[2]).T
            for d, a in enumerate(direction):
                # Half the second derivative of R_i R_t / Q along the direction, times the variance.
                q = volumes @ a
                second[i] += a * a[2] * sum_v[d] - q * (a * r_v[2, d] + a[2] * r_v[:, d]) + q * q * rt_v[:, d]
    return plain, second
