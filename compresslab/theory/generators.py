"""Distributions and sources whose entropies are known: for tests, examples and what-if questions.

Leaves are named 0, 1, 2, ... except for :class:`MarkovSource`, whose leaves are its words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from compresslab._support.arrays import as_array
from compresslab._support.checks import number_or_nan
from compresslab.data.dataset import Dataset
from compresslab.errors import InvalidDistribution, InvalidParameter
from compresslab.theory.code_length import entropy_bits
from compresslab.trees.distribution import LeafDistribution, as_probabilities
from compresslab.trees.phrases import check_depth

__all__ = ["MarkovSource", "dirichlet", "pareto", "uniform", "zipf"]

_MAX_WORDS: Final = 1 << 24


def uniform(M: int) -> LeafDistribution:
    """``M`` leaves of mass ``1/M``: entropy ``log2 M``.

    Example:
        >>> abs(entropy_bits(uniform(8)) - 3) < 1e-14
        True
    """
    M = _checked_size(M)
    return _numbered(np.full(M, 1 / M))


def zipf(M: int, s: float = 1.0) -> LeafDistribution:
    """Masses proportional to ``1 / rank**s`` on ``M`` leaves; ``s = 0`` is uniform.

    Example:
        >>> zipf(3, 1.0).probabilities.round(6)
        array([0.545455, 0.272727, 0.181818])
    """
    M = _checked_size(M)
    if not math.isfinite(number_or_nan(s)):
        raise InvalidParameter(f"Zipf's exponent s is a finite number, not {s!r}")
    log_mass = -s * np.log(np.arange(1, M + 1))
    mass = np.exp(log_mass - log_mass.max())
    return _numbered(mass / mass.sum())


def pareto(M: int, alpha: float, rng: np.random.Generator) -> LeafDistribution:
    """Masses ``x_j / sum x`` with ``x_j`` i.i.d. Pareto(``alpha``, 1): the paper's assumption A.7.

    ``H - ln M`` tends to :func:`compresslab.theory.pareto.pareto_normalized_entropy_nats` as ``M`` grows.

    Source: Ji et al., arXiv 2406.06144, Assumption A.7.

    Example:
        >>> len(pareto(1000, 2.0, np.random.default_rng(0)))
        1000
    """
    M = _checked_size(M)
    if not 0 < number_or_nan(alpha) < math.inf:
        raise InvalidParameter(f"the Pareto exponent alpha is a positive number, not {alpha!r}")
    log_mass = rng.standard_exponential(M) / alpha  # of logarithms, so that heavy tails do not overflow
    mass = np.exp(log_mass - log_mass.max())
    return _numbered(mass / mass.sum())


def dirichlet(M: int, concentration: npt.ArrayLike, rng: np.random.Generator) -> LeafDistribution:
    """A draw from the Dirichlet distribution on ``M`` leaves.

    Args:
        M: number of leaves.
        concentration: positive, one number or shape ``(M,)``; 1 is uniform on the simplex.
        rng: the source of randomness.

    Example:
        >>> float(dirichlet(5, 1.0, np.random.default_rng(0)).probabilities.sum().round(12))
        1.0
    """
    M = _checked_size(M)
    alpha = as_array(concentration)
    if alpha.dtype.kind not in "iuf" or alpha.shape not in ((), (M,)) or not ((alpha > 0) & (alpha < math.inf)).all():
        raise InvalidParameter(
            f"a Dirichlet concentration is a positive number, or {M} of them, one a leaf: not {concentration!r}"
        )
    return _numbered(rng.dirichlet(np.broadcast_to(alpha.astype(np.float64), (M,))))


@dataclass(frozen=True, eq=False)
class MarkovSource:
    """A stationary Markov chain over ``V`` symbols: its words of ``d`` symbols have entropy ``H(pi) + (d - 1) h``.

    Attributes:
        transition: shape ``(V, V)``, rows sum to 1: ``transition[a, b]`` is the probability of ``b`` after ``a``.
        initial: shape ``(V,)``: the distribution of the first symbol; the stationary one where None was given.

    Raises:
        InvalidDistribution: rows that are not distributions, or a chain with more than one stationary distribution and
            no ``initial``.

    Example:
        >>> source = MarkovSource(np.array([[0.9, 0.1], [0.5, 0.5]]))
        >>> source.initial.round(6)
        array([0.833333, 0.166667])
        >>> abs(entropy_bits(source.leaves(5)) - source.block_entropy_bits(5)) < 1e-12
        True
    """

    transition: NDArray[np.float64]
    initial: Any = None

    def __post_init__(self) -> None:
        matrix = np.array(as_array(self.transition), dtype=np.float64)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
            raise InvalidDistribution(
                f"a transition matrix is square, of one symbol or more, not of shape {matrix.shape}"
            )
        for a, row in enumerate(matrix):
            as_probabilities(row, f"the transition probabilities from symbol {a}")
        first = _stationary(matrix) if self.initial is None else np.array(as_probabilities(self.initial, "initial"))
        if len(first) != len(matrix):
            raise InvalidDistribution(f"initial has {len(first)} symbols and the transition matrix {len(matrix)}")
        object.__setattr__(self, "transition", matrix)
        object.__setattr__(self, "initial", first.astype(np.float64))

    @property
    def entropy_rate_bits(self) -> float:
        """``h = sum_a pi_a H(transition[a])`` in bits per symbol, ``pi`` being the stationary distribution.

        Raises:
            InvalidDistribution: the chain has more than one stationary distribution, so that it has no single rate.
        """
        pi = _stationary(self.transition)
        return float(sum(weight * entropy_bits(row) for weight, row in zip(pi, self.transition, strict=True)))

    def block_entropy_bits(self, depth: int) -> float:
        """The entropy of the first ``depth`` symbols, by the chain rule, in bits."""
        rows = np.array([entropy_bits(row) for row in self.transition])
        total, at = entropy_bits(self.initial), np.asarray(self.initial)
        for _ in range(check_depth(depth) - 1):
            total += float(at @ rows)
            at = at @ self.transition
        return total

    def leaves(self, depth: int) -> LeafDistribution:
        """The distribution of the first ``depth`` symbols, on all ``V**depth`` words; keys are rows of symbols.

        Raises:
            InvalidParameter: more than 2**24 words: sample instead.
        """
        V, words = len(self.transition), self.initial
        if V ** check_depth(depth) > _MAX_WORDS:
            raise InvalidParameter(
                f"{V}**{depth} words are more than 2**24: take a smaller depth, or sample() and build a tree"
            )
        for _ in range(depth - 1):
            words = (words.reshape(-1, V)[:, :, None] * self.transition).reshape(-1)
        keys = np.arange(len(words))[:, None] // V ** np.arange(depth - 1, -1, -1) % V
        return LeafDistribution(keys, words)

    def sample(self, num_responses: int, length: int, rng: np.random.Generator) -> Dataset:
        """Draw responses of ``length`` symbols each (EOS not counted).

        Args:
            num_responses: how many.
            length: symbols in each.
            rng: the source of randomness.
        """
        if not number_or_nan(num_responses) >= 1 or not number_or_nan(length) >= 0:
            raise InvalidParameter(
                f"cannot draw {num_responses!r} responses of {length!r} symbols: give at least 1 of 0 or more"
            )
        V = len(self.transition)
        symbols = np.empty((num_responses, length), np.uint32)
        first, after = _cumulative(self.initial), _cumulative(self.transition)
        steps = np.tile(first, (num_responses, 1))
        for t, draws in enumerate(rng.random((length, num_responses))):
            state = (steps <= draws[:, None]).sum(axis=1)
            symbols[:, t] = state
            steps = after[state]
        offsets = np.arange(num_responses + 1, dtype=np.int64) * length
        return Dataset.from_arrays(symbols.reshape(-1), offsets, vocab_size=V)


def _cumulative(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cumulative sums that end at exactly 1, so that rounding draws no symbol of probability 0."""
    sums: NDArray[np.float64] = np.cumsum(p, axis=-1)
    sums /= sums[..., -1:]
    return sums


def _stationary(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve ``pi P = pi``, ``sum pi = 1``."""
    size = len(matrix)
    system = np.vstack([matrix.T - np.eye(size), np.ones(size)])
    pi, _, rank, _ = np.linalg.lstsq(system, np.r_[np.zeros(size), 1.0])
    if rank < size:
        raise InvalidDistribution(
            "the chain has more than one stationary distribution: give initial= to start it "
            "(its entropy rate then depends on where it starts, and is not one number)"
        )
    positive: NDArray[np.float64] = np.clip(pi, 0, None)
    positive /= positive.sum()
    return positive


def _numbered(mass: NDArray[np.float64]) -> LeafDistribution:
    return LeafDistribution(np.arange(len(mass)), mass)


def _checked_size(M: int) -> int:
    if not 1 <= number_or_nan(M) < math.inf or int(M) != M:
        raise InvalidParameter(f"the number of leaves M is a whole number, at least 1: not {M!r}")
    return int(M)
