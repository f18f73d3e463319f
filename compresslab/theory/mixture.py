"""Joint compression of several datasets: one code for their mixture, and what each volume does to each code length.

Notation: volumes ``n_i``, ``W = sum n_i``, ``Q = sum n_i p_i`` (so ``p_D = Q / W``), code lengths
``C_i = CE(p_i, p_D)`` in nats per phrase, ``J_it`` the derivative of ``C_i`` in ``n_t``.

Source: Ji et al., arXiv 2406.06144, section 3; theory, section 3 (claims ``volume-derivative``, ``conservation-law``,
``own-rate-falls``, ``overlap-sign``) and section 5 (``hooke-forward``, ``hooke-reverse-derivative``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from compresslab._support.checks import number_or_nan
from compresslab.errors import InvalidParameter, InvalidVolume, did_you_mean
from compresslab.theory.code_length import LN2, cross_entropy_bits
from compresslab.theory.divergence import centred
from compresslab.theory.sources import Source, align_sources, as_trees
from compresslab.trees.distribution import LeafDistribution
from compresslab.trees.tree import TokenTree

__all__ = ["Direction", "Mixture", "check_direction"]

Direction = Literal["forward", "reverse"]


class Mixture:
    """Named datasets with volumes, compressed by one code.

    Args:
        sources: name -> plain array of probabilities (all of one length, entry ``j`` being the same leaf), or
            LeafDistribution, TokenTree or Dataset (aligned on the union of their leaves).
        volumes: name -> volume ``n_i > 0``, in phrases. Where not given, trees and datasets count their own phrases.
        depth: symbols per phrase, for datasets.
        parse: the parse mode, for datasets; see :mod:`compresslab.trees.phrases`.

    Attributes:
        names: the datasets' names, in order; rows and columns of every matrix below follow it.
        keys: the union of the leaves.
        probabilities: shape ``(N, M)``: ``p_i`` on the union; float64, or Fractions where all sources are exact and the
            volumes are ints or Fractions: then Jacobian, overlaps and forward forces are exact too.
        volumes: shape ``(N,)``.

    Raises:
        InvalidVolume: a volume that is missing, zero, negative, infinite or NaN.
        MismatchedLeaves: see :func:`compresslab.trees.distribution.align`.
        InvalidDistribution: see :func:`compresslab.trees.distribution.as_probabilities`.

    Example:
        >>> mixture = Mixture({"a": [0.5, 0.5, 0.0], "b": [0.0, 0.5, 0.5]}, {"a": 3, "b": 1})
        >>> mixture.distribution.probabilities
        array([0.375, 0.5  , 0.125])
        >>> mixture.jacobian_nats().round(6)
        array([[-0.041667,  0.125   ],
               [ 0.125   , -0.375   ]])
        >>> (mixture.volumes @ mixture.jacobian_nats()).round(12) + 0.0        # the conservation law
        array([0., 0.])
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        volumes: Mapping[str, Any] | None = None,
        *,
        depth: int | None = None,
        parse: str = "phrases",
    ) -> None:
        if not all(isinstance(given, Mapping) for given in (sources, {} if volumes is None else volumes)):
            raise InvalidParameter("sources and volumes go by name: give {name: source, ...} and {name: volume, ...}")
        if not sources:
            raise InvalidParameter("a mixture needs at least one dataset: give {name: source, ...}")
        trees = as_trees(sources, depth, parse)
        self.names: tuple[str, ...] = tuple(sources)
        keys, table = align_sources(trees)
        counted = {name: tree.total for name, tree in trees.items() if isinstance(tree, TokenTree)}
        given = _checked_volumes(self.names, counted if volumes is None else volumes)
        if table.dtype == object and all(isinstance(n, (int, Fraction)) for n in given):
            self.volumes: NDArray[Any] = np.array([Fraction(n) for n in given], dtype=object)
            self.probabilities: NDArray[Any] = table
        else:
            self.volumes = np.array([float(n) for n in given])
            self.probabilities = table.astype(np.float64, copy=False)
        held = (self.probabilities > 0).any(axis=0)
        self.keys = keys if held.all() else keys[held]
        self.probabilities = self.probabilities if held.all() else self.probabilities[:, held]
        self.total_volume: Any = self.volumes.sum()
        self._weighted: NDArray[Any] = self.volumes @ self.probabilities  # Q, positive everywhere

    @property
    def distribution(self) -> LeafDistribution:
        """The mixture ``p_D = sum n_i p_i / W`` on the union of the leaves."""
        return LeafDistribution(self.keys, self._weighted / self.total_volume)

    def code_lengths_nats(self) -> NDArray[np.float64]:
        """Return ``C_i = CE(p_i, p_D)`` in nats per phrase, shape ``(N,)``: each dataset's cost in the common code."""
        mixed = self._weighted / self.total_volume
        if mixed.dtype == object:
            return np.array([cross_entropy_bits(p, mixed) for p in self.probabilities]) * LN2
        return -np.asarray((self.probabilities * np.log(mixed)).sum(axis=1))

    def _apart(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """``p_D``, and ``p_i - p_D`` to all digits.

        Subtracting ``p_D`` would leave its rounding, which is large beside the differences where the datasets are
        nearly alike or one outweighs the rest. So the differences are taken from the heaviest dataset (close numbers
        subtract exactly, equal ones to 0), centred, and then taken from their own mean.
        """
        mixed = self._weighted / self.total_volume
        apart = centred(self.probabilities - self.probabilities[np.argmax(self.volumes)], mixed)
        apart -= (self.volumes / self.total_volume) @ apart
        return mixed, apart

    def jacobian_nats(self) -> NDArray[Any]:
        """Return ``J_it = dC_i/dn_t = 1/W - sum_j p_ij p_tj / Q_j`` in nats per phrase per unit of volume.

        It is computed as ``-(1/W) sum_j (p_ij - p_Dj)(p_tj - p_Dj) / p_Dj``, the same number: a Gram matrix up to its
        sign, so that the diagonal is never positive, and datasets that are nearly alike, or one that outweighs all
        others, lose no digits.

        Returns:
            Shape ``(N, N)``, symmetric; ``volumes @ J`` is 0 (the conservation law), the diagonal is at most 0.

        Source: theory, section 3; claims ``volume-derivative``, ``conservation-law``, ``own-rate-falls``.
        """
        mixed, apart = self._apart()
        gram = (apart / mixed) @ apart.T
        jacobian: NDArray[Any] = -(gram + gram.T) / (2 * self.total_volume)
        return jacobian

    def overlaps(self) -> NDArray[Any]:
        """Return ``<p_i, p_t>_D = sum_j p_ij p_tj / p_Dj = 1 - W J_it``, shape ``(N, N)``.

        More of dataset ``t`` makes ``i`` cheaper exactly where the overlap is above 1; ``<p, p>_D - 1`` is the
        chi-squared divergence of ``p`` from the mixture.

        Source: theory, section 3; claim ``overlap-sign``.
        """
        overlaps: NDArray[Any] = 1 - self.total_volume * self.jacobian_nats()
        return overlaps

    def second_derivatives_nats(self) -> NDArray[Any]:
        """Return ``d2 C_i / dn_t2 = -1/W**2 + sum_j p_ij p_tj**2 / Q_j**2``, shape ``(N, N)``.

        It is computed as ``(sum_j p_ij (p_tj / p_Dj - 1)**2 - 2 W J_it) / W**2``, the same number without cancellation.

        Source: theory, section 4.
        """
        mixed, apart = self._apart()
        spread = self.probabilities @ ((apart / mixed) ** 2).T
        second: NDArray[Any] = (spread / self.total_volume - 2 * self.jacobian_nats()) / self.total_volume
        return second

    def forces(self, direction: Direction = "forward") -> NDArray[Any]:
        """Return Hooke's forces ``F_it = n_i dKL_i/dn_t``, in nats.

        Args:
            direction: "forward" is ``KL_i = KL(p_i || p_D)``: ``F = n_i J_it``, and the forces on all datasets sum to
                0. "reverse" is the paper's ``KL_i = KL(p_D || p_i)``: the sum is not 0 in general, and a force is
                infinite where ``p_i`` lacks a leaf of the mixture.

        Returns:
            Shape ``(N, N)``: row ``i`` is the dataset pulled, column ``t`` the one that grows.

        Raises:
            InvalidParameter: an unknown direction.

        Source: Ji et al., arXiv 2406.06144, section 4 (Hooke's law); theory, section 5.
        """
        if check_direction(direction) == "forward":
            forces: NDArray[Any] = self.volumes[:, None] * self.jacobian_nats()
            return forces
        p = self.probabilities.astype(np.float64)
        mixed = (self._weighted / self.total_volume).astype(np.float64)
        lacking = (p <= 0).any(axis=1)
        log_ratio = np.log(mixed / np.where(p > 0, p, 1.0))
        reverse = log_ratio @ (p - mixed).T / float(self.total_volume)
        reverse[lacking] = np.inf
        scaled: NDArray[Any] = self.volumes.astype(np.float64)[:, None] * reverse
        return scaled

    def conservation_residual(self) -> float:
        """Return the largest ``|sum_i n_i J_it|`` over ``t``, relative to ``sum_i |n_i J_it|``: 0 but for rounding."""
        forces = self.forces()
        scale = np.abs(forces).sum(axis=0).astype(np.float64)
        residual = np.abs(forces.sum(axis=0)).astype(np.float64)
        return float(np.divide(residual, scale, out=np.zeros_like(residual), where=scale > 0).max())

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} x {float(n):g}" for name, n in zip(self.names, self.volumes, strict=True))
        return f"Mixture({parts}; {len(self._weighted):,} leaves)"


def check_direction(direction: str) -> Direction:
    """Return ``direction`` if it is "forward" or "reverse", or raise :class:`InvalidParameter`."""
    if direction not in get_args(Direction):
        known = did_you_mean(str(direction), get_args(Direction))
        raise InvalidParameter(f"unknown direction {direction!r} of the divergence: {known}")
    return cast(Direction, direction)


def _checked_volumes(names: tuple[str, ...], volumes: Mapping[str, Any]) -> list[Any]:
    unknown = [name for name in volumes if name not in names]
    if unknown:
        known = did_you_mean(str(unknown[0]), names)
        raise InvalidVolume(f"a volume for {unknown[0]!r}, which is not a dataset: {known}")
    for name in names:
        if name not in volumes:
            raise InvalidVolume(f"no volume for {name!r}: give volumes={{{name!r}: number of phrases, ...}}")
        n = volumes[name]
        if not 0 < number_or_nan(n) < math.inf:
            raise InvalidVolume(
                f"the volume of {name!r} is {n!r}: a volume is a positive number of phrases; "
                "leave a dataset out instead of giving it none"
            )
    if not math.isfinite(sum(number_or_nan(volumes[name]) for name in names)):
        raise InvalidVolume("the volumes together are more than a float can hold: divide all of them by one number")
    return [volumes[name] for name in names]
