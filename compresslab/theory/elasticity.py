"""The elasticity theorem: pre-training data ``D_p``, alignment data ``D_a``, and a perturbation ``D_t`` that grows.

Volumes are in units of ``|D_a|``: ``k = |D_p| / |D_a|``, ``l = |D_t| / |D_a|``, ``W = k + 1 + l``. Code lengths are
``gamma_i = CE(p_i, p_D)`` in nats per phrase, ``p_D = (k p_p + p_a + l p_t) / W``; derivatives are in ``l``.

What holds, whatever the distributions (theory, section 4):

* ``dgamma_a/dl = -k dgamma_p/dl - l dgamma_t/dl`` (claim ``elasticity-ratio``);
* ``dgamma_i/dl > 0`` exactly where the overlap ``<p_i, p_t>_D`` is below 1 (claim ``overlap-sign``).

What the signs are depends on how ``D_p`` relates to the rest. In the theorem's own reading ``D_p`` *contains* data like
``D_a`` and like ``D_t`` (:meth:`Elasticity.contained`): then, on average over the roles, alignment loses and
pre-training gains. Where ``D_t`` is unrelated to ``D_p`` the signs can be reversed, and where ``D_t`` is more of
``D_a`` they always are (claims ``elasticity-separate-iid-reversed``, ``elasticity-same-data-reversed``).

Source: Ji et al., arXiv 2406.06144, Thm 4.2 and 4.3; theory, sections 4 to 6.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeAlias, TypeVar, overload

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from compresslab._support.arrays import as_array
from compresslab._support.checks import number_or_nan
from compresslab.errors import InvalidParameter, InvalidVolume
from compresslab.theory.divergence import centred
from compresslab.theory.inverse_alignment import InverseAlignment, PerturbationPath
from compresslab.theory.mixture import Direction, Mixture, check_direction
from compresslab.theory.sources import Source, align_sources, as_trees

__all__ = ["Curve", "Elasticity", "InverseAlignment", "Roles", "check_epsilon", "check_k", "check_l"]

Values = NDArray[np.float64]
Grid: TypeAlias = Sequence[float] | NDArray[Any]
T = TypeVar("T")
S = TypeVar("S")

_SIGN_TOLERANCE = 1e-12  # an overlap this close to 1 is 1: its difference is rounding
LARGEST = 1e100  # of k and l, and 1 / LARGEST the least k: their squares, and what is computed from them, are floats
_ALIKE = 0.01  # what differences of rows add up to, below which the rows count as nearly alike
_BLOCK = 1 << 15  # numbers worked on at a time, so that they stay in cache


@dataclass(frozen=True)
class Roles(Generic[T]):
    """One value for each of the three datasets; floats for one ``l``, arrays for a grid.

    Attributes:
        pretrain: of ``D_p``.
        align: of ``D_a``.
        perturb: of ``D_t``.
    """

    pretrain: T
    align: T
    perturb: T

    def map(self, function: Callable[[T], S]) -> Roles[S]:
        """Return what a function returns for each of them."""
        return Roles(function(self.pretrain), function(self.align), function(self.perturb))


@dataclass(frozen=True, eq=False)
class Curve:
    """Code lengths and their derivatives over a grid; every array has shape ``(number of k, number of l)``.

    Attributes:
        k: shape ``(K,)``, ``|D_p| / |D_a|``.
        l: shape ``(L,)``, ``|D_t| / |D_a|``.
        code_lengths: ``gamma_i`` in nats per phrase.
        derivatives: ``dgamma_i/dl`` in nats per phrase.
    """

    k: Values
    l: Values  # noqa: E741 - the paper's symbol
    code_lengths: Roles[Values]
    derivatives: Roles[Values]

    @property
    def overlaps(self) -> Roles[Values]:
        """``<p_i, p_t>_D = 1 - W dgamma_i/dl``."""
        W = self.k[:, None] + 1 + self.l
        return self.derivatives.map(lambda slope: 1 - W * slope)

    @property
    def ratio(self) -> Values:
        """``dgamma_a/dl`` over ``dgamma_p/dl``: the theorem says about ``-k``."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio: Values = self.derivatives.align / self.derivatives.pretrain
        return ratio


class Elasticity:
    """A model pre-trained on ``D_p``, aligned on ``D_a``, then perturbed by ``D_t``, in the tree model.

    Args:
        pretrain: ``p_p``: a plain array, or a LeafDistribution, TokenTree or Dataset.
        align: ``p_a``, likewise.
        perturb: ``p_t``, likewise.
        k: ``|D_p| / |D_a|``, positive.
        depth: symbols per phrase, for datasets.
        parse: the parse mode, for datasets.

    Raises:
        InvalidVolume: ``k`` is not a positive number, or ``l`` is negative.
        MismatchedLeaves: see :func:`compresslab.trees.distribution.align`.
        InvalidDistribution: see :func:`compresslab.trees.distribution.as_probabilities`.

    Example:
        >>> disjoint = Elasticity.contained([1, 0, 0], [0, 1, 0], [0, 0, 1], k=8)
        >>> slope = disjoint.derivatives(0.25)
        >>> round(slope.align, 9), round(1 / (8 + 1 + 0.25), 9)             # 1 / (k + 1 + l)
        (0.108108108, 0.108108108)
        >>> round(disjoint.ratio(0.25), 9)                                 # -(k + 3 l) / (1 - 2 l)
        -17.5
    """

    def __init__(
        self,
        pretrain: Source,
        align: Source,
        perturb: Source,
        k: float,
        *,
        depth: int | None = None,
        parse: str = "phrases",
    ) -> None:
        self.k = check_k(k)
        sources = as_trees({"pretrain": pretrain, "align": align, "perturb": perturb}, depth, parse)
        self.keys, table = align_sources(sources)
        self.probabilities: Values = table.astype(np.float64, copy=False)

    @classmethod
    def contained(
        cls, p1: Source, p2: Source, p3: Source, k: float, *, depth: int | None = None, parse: str = "phrases"
    ) -> Elasticity:
        """The theorem's reading: ``p_p = (p1 + p2 + p3) / 3``, ``p_a = p2``, ``p_t = p3``.

        Args:
            p1: the part of ``D_p`` that neither alignment nor perturbation resembles.
            p2: the part that ``D_a`` is distributed as.
            p3: the part that ``D_t`` is distributed as.
            k: ``|D_p| / |D_a|``.
            depth: symbols per phrase, for datasets.
            parse: the parse mode, for datasets.

        Source: Ji et al., arXiv 2406.06144, Thm 4.2; claims ``elasticity-paper``, ``elasticity-finite-size``.
        """
        sources = as_trees({"p1": p1, "p2": p2, "p3": p3}, depth, parse)
        keys, table = align_sources(sources)
        parts = table.astype(np.float64, copy=False)
        return cls._of(np.stack([parts.mean(axis=0), parts[1], parts[2]]), k, keys)

    @classmethod
    def _of(cls, probabilities: Values, k: float, keys: Any) -> Elasticity:
        """Return the scenario of three rows on common leaves."""
        self = cls.__new__(cls)
        self.k, self.keys, self.probabilities = check_k(k), keys, probabilities
        return self

    def with_k(self, k: float) -> Elasticity:
        """Return the same scenario with another ``k``."""
        return self._of(self.probabilities, k, self.keys)

    def __repr__(self) -> str:
        return f"Elasticity(k={self.k:g}, {self.probabilities.shape[1]} leaves)"

    @property
    def new_mass(self) -> float:
        """The perturbation's mass on leaves that neither pre-training nor alignment has.

        Where it is not 0, ``l dgamma_t/dl`` tends to minus it, and the ratio does not tend to ``-k``.
        """
        return self._split[1]

    # ---- derivatives ----

    @overload
    def derivatives(self, l: float) -> Roles[float]: ...  # noqa: E741
    @overload
    def derivatives(self, l: Grid) -> Roles[Values]: ...  # noqa: E741
    def derivatives(self, l: float | Grid) -> Roles[float] | Roles[Values]:  # noqa: E741
        """Return ``dgamma_i/dl = 1/W - sum_j p_ij p_tj / Q_j`` in nats per phrase.

        Args:
            l: ``|D_t| / |D_a|``, 0 or more: a number, or shape ``(L,)``.

        Returns:
            Floats for a number, arrays of shape ``(L,)`` for several. At ``l = 0`` the perturbation's own derivative is
            minus infinity where it has leaves that the rest lacks.

        Source: theory, section 4; claims ``volume-derivative``, ``elasticity-ratio``.
        """
        return _unwrap(self._sweep(self.k, check_l(l))[1], l)

    @overload
    def code_lengths_nats(self, l: float) -> Roles[float]: ...  # noqa: E741
    @overload
    def code_lengths_nats(self, l: Grid) -> Roles[Values]: ...  # noqa: E741
    def code_lengths_nats(self, l: float | Grid) -> Roles[float] | Roles[Values]:  # noqa: E741
        """Return ``gamma_i = CE(p_i, p_D)`` in nats per phrase; arguments as for :meth:`derivatives`."""
        return _unwrap(self._sweep(self.k, check_l(l))[0], l)

    @overload
    def overlaps(self, l: float) -> Roles[float]: ...  # noqa: E741
    @overload
    def overlaps(self, l: Grid) -> Roles[Values]: ...  # noqa: E741
    def overlaps(self, l: float | Grid) -> Roles[float] | Roles[Values]:  # noqa: E741
        """Return ``<p_i, p_t>_D``: dataset ``i`` loses by the perturbation where it is below 1, gains where above.

        Source: theory, section 3; claim ``overlap-sign``.
        """
        grid = check_l(l)
        W = self.k + 1 + grid
        return _unwrap(self._sweep(self.k, grid)[1].map(lambda slope: 1 - W * slope), l)

    @overload
    def signs(self, l: float) -> Roles[int]: ...  # noqa: E741
    @overload
    def signs(self, l: Grid) -> Roles[NDArray[np.int64]]: ...  # noqa: E741
    def signs(self, l: float | Grid) -> Roles[int] | Roles[NDArray[np.int64]]:  # noqa: E741
        """Return the signs of the derivatives, -1, 0 or 1, by the overlap criterion (an overlap of 1 to 1e-12 is 1)."""

        def sign(overlap: Values) -> NDArray[np.int64]:
            return np.where(np.abs(1 - overlap) <= _SIGN_TOLERANCE, 0, np.sign(1 - overlap)).astype(np.int64)

        signs = self.overlaps(check_l(l)).map(sign)
        return signs if np.ndim(l) else signs.map(lambda found: int(found[0]))

    @overload
    def ratio(self, l: float) -> float: ...  # noqa: E741
    @overload
    def ratio(self, l: Grid) -> Values: ...  # noqa: E741
    def ratio(self, l: float | Grid) -> float | Values:  # noqa: E741
        """Return ``(dgamma_a/dl) / (dgamma_p/dl)``: the theorem says about ``-k`` for small ``l``.

        Exactly it is ``-k - l (dgamma_t/dl) / (dgamma_p/dl)``; infinite where ``dgamma_p/dl`` is 0.

        Source: Ji et al., arXiv 2406.06144, Thm 4.2; claim ``elasticity-ratio``.
        """
        slope = self._sweep(self.k, check_l(l))[1]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio: Values = np.divide(slope.align, slope.pretrain)
        return ratio if np.ndim(l) else float(ratio[0])

    @overload
    def second_derivatives(self, l: float) -> Roles[float]: ...  # noqa: E741
    @overload
    def second_derivatives(self, l: Grid) -> Roles[Values]: ...  # noqa: E741
    def second_derivatives(self, l: float | Grid) -> Roles[float] | Roles[Values]:  # noqa: E741
        """Return ``d2 gamma_i/dl2 = -1/W**2 + sum_j p_ij p_tj**2 / Q_j**2`` in nats per phrase.

        They are computed as ``(sum_j p_ij (p_tj / p_Dj - 1)**2 - 2 W dgamma_i/dl) / W**2``, without cancellation.

        Source: theory, section 4: it decides whether a rebound slows down.
        """
        grid = check_l(l)
        p, base, outside, _ = self._parts(self.k)
        slope = self._sweep(self.k, grid)[1]
        slopes = np.stack([slope.pretrain, slope.align, slope.perturb], axis=1)
        u = _differences(p, self.k, outside)[2]
        second = np.empty((len(grid), 3))
        for i, x in enumerate(grid):
            W = self.k + 1 + x
            ratio = u / (base + x * p[2])
            with np.errstate(over="ignore"):
                spread = (p * ratio) @ ratio
            if outside:
                spread[2] += outside * ((self.k + 1) / x) ** 2 if x else math.inf
            second[i] = (spread / W - 2 * slopes[i]) / W
        return _unwrap(Roles(*second.T), l)

    def forces(self, l: float, direction: Direction = "forward") -> Roles[float]:  # noqa: E741
        """Return Hooke's forces ``|D_i| dKL_i/dl`` with volumes ``k``, 1 and ``l > 0``; see :meth:`Mixture.forces`.

        Source: Ji et al., arXiv 2406.06144, section 4; theory, section 5.
        """
        if number_or_nan(l) == 0:
            raise InvalidVolume("a force of the perturbation needs some of it: give l above 0, not 0")
        return Roles(*self.mixture(l).forces(check_direction(direction))[:, 2].tolist())

    def conservation_residual(self, l: npt.ArrayLike) -> Any:  # noqa: E741
        """Return ``k dgamma_p/dl + dgamma_a/dl + l dgamma_t/dl`` over the sum of the terms' sizes: 0 but for rounding.

        At ``l = 0`` the last term is its limit: minus the mass of the perturbation on leaves that the rest lacks.

        Source: theory, section 3; claim ``conservation-law``.
        """
        grid = check_l(l)
        slope = self._sweep(self.k, grid)[1]
        outside = self._parts(self.k)[2]
        own = np.where(grid > 0, grid * np.where(grid > 0, slope.perturb, 0.0), -outside)
        terms = np.stack([self.k * slope.pretrain, slope.align, own])
        scale = np.abs(terms).sum(axis=0)
        residual = np.divide(terms.sum(axis=0), scale, out=np.zeros_like(scale), where=scale > 0)
        return residual if np.ndim(l) else float(residual[0])

    # ---- curves ----

    def curve(self, l: npt.ArrayLike, k: npt.ArrayLike | None = None) -> Curve:  # noqa: E741
        """Sweep a grid of perturbations, and of pre-training volumes if given.

        Args:
            l: shape ``(L,)``, or a number.
            k: shape ``(K,)``, or a number; this scenario's own ``k`` where not given.
        """
        grid = check_l(l)
        ks = np.atleast_1d(_as_floats(self.k if k is None else k))
        if ks.ndim != 1 or not ks.size or not ((ks >= 1 / LARGEST) & (ks <= LARGEST)).all():
            raise InvalidVolume(
                f"k = |D_p| / |D_a| is a positive number, or a one-dimensional array of such: not {k!r}; they go from "
                f"{1 / LARGEST:g} to {LARGEST:g}"
            )
        swept = [self._sweep(float(x), grid) for x in ks]
        codes, slopes = (
            Roles(
                *(np.stack([getattr(pair[which], role) for pair in swept]) for role in ("pretrain", "align", "perturb"))
            )
            for which in (0, 1)
        )
        return Curve(ks, grid, codes, slopes)

    def mixture(self, l: float) -> Mixture:  # noqa: E741
        """Return the mixture at one ``l``, with volumes ``k``, 1, ``l``, its leaves named as the sources' are.

        At ``l = 0`` it is that of pre-training and alignment alone: the state before the perturbation.

        Example:
            >>> Elasticity([1, 0], [0, 1], [0.5, 0.5], k=3).mixture(0).distribution.probabilities.tolist()
            [0.75, 0.25]
        """
        names = ("pretrain", "align", "perturb")[: 3 if number_or_nan(l) != 0 else 2]
        rows = dict(zip(names, self.probabilities, strict=False))
        mixture = Mixture(rows, dict(zip(names, (self.k, 1.0, l), strict=False)))
        mixture.keys = self.keys[mixture.keys]  # a mixture of plain rows numbers their leaves
        return mixture

    def turning_point(self) -> float:
        """Return the ``l*`` at which ``gamma_p`` turns from falling to rising (0: never falls; inf: never rises).

        There is one at most: along the mixture ``gamma_p`` is a convex function of the perturbation's weight ``l / W``.
        With disjoint supports in the contained reading it is 1/2 (claim ``elasticity-finite-size-sharp``).
        """
        path = self._path  # gamma_p = H(p_p) + KL(p_p || p_D): it is least where the reverse divergence is
        return path.volume(path.least_weight("reverse"))

    # ---- inverse alignment ----

    def kl_nats(self, l: float, direction: Direction = "forward") -> float:  # noqa: E741
        """Return the divergence between the perturbed model and the pre-trained one, in nats.

        Args:
            l: ``|D_t| / |D_a|``, 0 or more.
            direction: "forward": ``KL(p' || p_p)`` with ``p' = (k p_p + p_a + l p_t) / W``, the distance of the paper's
                Def. 3.6 in its own order. "reverse": ``KL(p_p || p')``, which is always finite.
        """
        which = check_direction(direction)
        if not 0 <= number_or_nan(l) < math.inf:
            raise InvalidVolume(f"l = |D_t| / |D_a| is one number here, 0 or more: not {l!r}")
        return self._path.kl_nats(self._path.weight(float(l)), which)

    def inverse_alignment(self, epsilon: float, direction: Direction = "forward") -> InverseAlignment:
        """Find the smallest ``l`` that brings the aligned model back to within ``epsilon`` of the pre-trained one.

        The divergence is convex in the perturbation's weight ``l / W``, so that it falls to one least value and then
        rises; the smallest ``l`` is found by bisection on the falling part.

        Args:
            epsilon: the tolerance in nats, 0 or more.
            direction: see :meth:`kl_nats`.

        Raises:
            InvalidParameter: a negative ``epsilon``, or an unknown direction.

        Source: Ji et al., arXiv 2406.06144, Def. 3.6; theory, section 6.

        Example:
            >>> scenario = Elasticity.contained([0.6, 0.2, 0.2], [0.2, 0.6, 0.2], [0.2, 0.2, 0.6], k=4)
            >>> scenario.inverse_alignment(0.005).reachable
            True
            >>> print(scenario.inverse_alignment(0.0))
            not reachable: the least KL is 0.00391187 nats, at l = 0.611101, above epsilon = 0
        """
        return self._path.inverse_alignment(check_epsilon(epsilon), check_direction(direction))

    @cached_property
    def _path(self) -> PerturbationPath:
        p, a, t = self.probabilities
        return PerturbationPath(p, a, t, self.k)

    # ---- one pass over the leaves ----

    @cached_property
    def _split(self) -> tuple[Values, float, float]:
        """Leaves that pre-training or alignment has, and what the perturbation has outside them.

        There, ``Q = l p_t``, so that all such leaves together have a closed form in their mass and ``sum p_t ln p_t``.
        """
        p = self.probabilities
        inside = (p[0] > 0) | (p[1] > 0)
        lone = p[2, ~inside]
        lone = lone[lone > 0]
        kept = p if inside.all() else np.ascontiguousarray(p[:, inside])
        return kept, float(lone.sum()), float((lone * np.log(lone)).sum())

    def _parts(self, k: float) -> tuple[Values, Values, float, float]:
        p, outside, outside_log = self._split
        return p, k * p[0] + p[1], outside, outside_log

    def _sweep(self, k: float, grid: Values) -> tuple[Roles[Values], Roles[Values]]:
        """Code lengths and derivatives on a grid of ``l``, each of shape ``(L,)``, one block of leaves at a time.

        With ``e = p_p - p_a``, ``d = p_p - p_t``, ``u = k d + p_a - p_t = W (p_D - p_t)`` and ``E, A, U`` the sums of
        ``e u / Q``, ``d u / Q`` and ``u**2 / Q``::

            dgamma_p/dl = (E + l A) / W**2,  dgamma_a/dl = (l A - (k + l) E) / W**2,  dgamma_t/dl = -U / W**2

        They are the same numbers as ``(1 - <p_i, p_t>_D) / W``, but nothing cancels in them: not where the datasets are
        nearly alike, and not where ``k`` is so large that the overlaps round to 1. ``U = (k + 1) A - E``, so the
        conservation law holds to rounding, and at ``l = 0`` the ratio is ``-k``.
        """
        p, base, outside, outside_log = self._parts(k)
        W = k + 1 + grid
        columns = _differences(p, k, outside)
        size = max(256, _BLOCK // len(grid))
        blocks = range(0, p.shape[1], size)
        codes, sums = np.zeros((len(blocks), len(grid), 3)), np.zeros((len(blocks), len(grid), 3))
        volumes = np.stack([grid, np.ones(len(grid))], axis=1)
        scaled = np.empty((len(grid), size))
        with np.errstate(over="ignore", invalid="ignore"):
            for i, lo in enumerate(blocks):
                part, differences = p[:, lo : lo + size], columns[:, lo : lo + size]
                Q = volumes @ np.stack([part[2], base[lo : lo + size]])
                r = np.divide(differences[2], Q, out=scaled[:, : Q.shape[1]])
                np.matmul(r, differences.T, out=sums[i])
                if not math.isfinite(sums[i].sum()):
                    sums[i] = _careful_sums(differences, Q, grid)
                np.log(Q, out=Q)
                np.matmul(Q, part.T, out=codes[i])
        code = np.log(W)[:, None] * p.sum(axis=1) - codes.sum(axis=0)
        E, A, U = sums.sum(axis=0).T
        lA = grid * A
        if outside:  # there e is 0, d u / Q is (k + 1) p_t / l, and u**2 / Q is (k + 1)**2 p_t / l
            lA = lA + (k + 1) * outside
            with np.errstate(divide="ignore"):
                code[:, 2] -= outside_log + outside * np.log(grid / W)
                U = U + (k + 1) ** 2 * (outside / grid)
        slope = np.stack([E + lA, lA - (k + grid) * E, -U], axis=1)
        slope /= (W**2)[:, None]
        return Roles(*code.T), Roles(*slope.T)


def _differences(p: Values, k: float, outside: float) -> Values:
    """``e``, ``d`` and ``u`` as rows (see :meth:`Elasticity._sweep`); close numbers subtract exactly.

    Outside these leaves lies so much of ``p_t``, and nothing of the others.
    """
    rows = np.stack([p[0] - p[1], p[0] - p[2], p[1] - p[2]])
    alike = np.abs(rows).sum(axis=1) < _ALIKE  # rounding is nothing beside larger differences
    rows[alike] = centred(rows[alike], p[0], np.array([0, outside, outside])[alike])
    rows[2] += k * rows[1]
    return rows


def _careful_sums(differences: Values, Q: Values, grid: Values) -> Values:
    """``E, A, U`` of leaves near 1e-308: ``u / Q`` may overflow there, ``e / Q`` and ``l d / Q`` are never large."""
    e, d, u = differences
    A = (grid[:, None] * d / Q) @ u
    with np.errstate(divide="ignore"):
        return np.stack([(e / Q) @ u, np.where(grid > 0, A / grid, 0.0), ((u / Q) * u).sum(axis=1)], axis=1)


def check_epsilon(epsilon: float) -> float:
    """Return a tolerance in nats, 0 or more, or raise InvalidParameter."""
    if not number_or_nan(epsilon) >= 0:
        raise InvalidParameter(f"epsilon is a divergence in nats, 0 or more: not {epsilon!r}")
    return float(epsilon)


def check_k(k: float) -> float:
    """Return ``k`` as a float, or raise InvalidVolume."""
    if not 1 / LARGEST <= number_or_nan(k) <= LARGEST:
        raise InvalidVolume(
            f"k = |D_p| / |D_a| is a positive number, not {k!r}: give one from {1 / LARGEST:g} to {LARGEST:g}, whose "
            "squares a float can hold"
        )
    return float(k)


def check_l(l: npt.ArrayLike) -> Values:  # noqa: E741
    """Return ``l`` as an array (L,), or raise InvalidVolume."""
    grid = np.atleast_1d(_as_floats(l))
    if grid.ndim != 1 or not grid.size or not ((grid >= 0) & (grid <= LARGEST)).all():
        raise InvalidVolume(
            f"l = |D_t| / |D_a| is a number, 0 or more, or a one-dimensional array of such: not {l!r} (at most "
            f"{LARGEST:g})"
        )
    return grid


def _as_floats(x: npt.ArrayLike) -> Values:
    """Return numbers as float64, and NaN for anything else, so that every comparison with it fails."""
    array = as_array(x)
    if array.dtype.kind in "iuf":
        return array.astype(np.float64)
    return np.array([number_or_nan(v) for v in array.flat], dtype=np.float64).reshape(array.shape)


def _unwrap(roles: Roles[Values], l: npt.ArrayLike) -> Roles[float] | Roles[Values]:  # noqa: E741
    return roles if np.ndim(l) else roles.map(lambda values: float(values[0]))
