"""Generators: distributions and sources whose answers are known."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from compresslab.errors import InvalidDistribution, InvalidParameter
from compresslab.theory.code_length import entropy_bits
from compresslab.theory.generators import MarkovSource, dirichlet, pareto, uniform, zipf
from compresslab.trees.tree import TokenTree

law = settings(max_examples=50, deadline=None)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@st.composite
def chains(draw: st.DrawFn) -> NDArray[np.float64]:
    V = draw(st.integers(1, 4))
    weights = draw(st.lists(st.lists(st.floats(0.05, 1), min_size=V, max_size=V), min_size=V, max_size=V))
    matrix = np.array(weights)
    return matrix / matrix.sum(axis=1, keepdims=True)


# ---- one-shot distributions ----


@given(st.integers(1, 5000))
def test_uniform(M: int) -> None:
    assert entropy_bits(uniform(M)) == pytest.approx(math.log2(M), abs=1e-12)
    assert uniform(M).keys.tolist() == list(range(M))


@law
@given(st.integers(1, 300), st.floats(-3, 50))
def test_zipf(M: int, s: float) -> None:
    p = zipf(M, s).probabilities
    assert p.sum() == pytest.approx(1, abs=1e-12)
    ranks = np.arange(1, M + 1)
    assert p == pytest.approx(p[0] * ranks**-s, rel=1e-9)
    assert np.array_equal(zipf(M, 0).probabilities, uniform(M).probabilities)


def test_zipf_beyond_floats() -> None:
    assert zipf(5, 1e5).probabilities.tolist() == [1, 0, 0, 0, 0]
    assert zipf(5, -1e5).probabilities.tolist() == [0, 0, 0, 0, 1]


def test_pareto() -> None:
    p = pareto(200_000, 2.5, rng()).probabilities
    x = p / p.min()  # the least of so many draws is 1 to 1e-5: masses over it are Pareto(2.5, 1)
    for at in (1.5, 2.0, 5.0):
        expected = at**-2.5
        assert (x > at).mean() == pytest.approx(expected, abs=6 * math.sqrt(expected / 200_000) + 1e-4)
    assert np.array_equal(p, pareto(200_000, 2.5, rng()).probabilities)


@pytest.mark.parametrize("alpha", [1e-6, 1e-3, 0.1, 1e6])
def test_pareto_with_any_tail(alpha: float) -> None:
    p = pareto(100, alpha, rng(1)).probabilities
    assert p.sum() == pytest.approx(1, abs=1e-12)
    assert (p >= 0).all()


def test_dirichlet() -> None:
    draws = np.array([dirichlet(3, [1.0, 2.0, 5.0], rng(i)).probabilities for i in range(2000)])
    assert draws.mean(axis=0) == pytest.approx([1 / 8, 2 / 8, 5 / 8], abs=0.02)
    assert draws.var(axis=0) == pytest.approx([7 / 576, 12 / 576, 15 / 576], rel=0.15)
    assert dirichlet(4, 1, rng()).probabilities.sum() == pytest.approx(1, abs=1e-12)


# ---- Markov sources ----


@law
@given(chains(), st.integers(1, 5))
def test_markov_words(matrix: NDArray[np.float64], depth: int) -> None:
    source = MarkovSource(matrix)
    pi, V = source.initial, len(matrix)
    assert pi @ matrix == pytest.approx(pi, abs=1e-10)
    words = source.leaves(depth)
    assert len(words) == V**depth
    for word, p in words.as_dict().items():
        expected = pi[word[0]]
        for a, b in itertools.pairwise(word):
            expected *= matrix[a, b]
        assert p == pytest.approx(expected, rel=1e-10)
    assert entropy_bits(words) == pytest.approx(source.block_entropy_bits(depth), abs=1e-9)
    # stationary: H(X_1 .. X_d) = H(pi) + (d - 1) h (Cover and Thomas, theorem 4.2.4)
    expected = entropy_bits(pi) + (depth - 1) * source.entropy_rate_bits
    assert source.block_entropy_bits(depth) == pytest.approx(expected, abs=1e-9)
    later = MarkovSource(matrix, np.eye(V)[0])
    assert entropy_bits(later.leaves(depth)) == pytest.approx(later.block_entropy_bits(depth), abs=1e-9)


def test_two_state_chain() -> None:
    """Cover and Thomas, 2nd ed., example 4.1.1 and eq. 4.26: stationary (b, a) / (a + b), rate by weights."""
    a, b = 0.1, 0.3
    source = MarkovSource(np.array([[1 - a, a], [b, 1 - b]]))
    assert source.initial == pytest.approx([0.75, 0.25], rel=1e-12)
    expected = 0.75 * entropy_bits([a, 1 - a]) + 0.25 * entropy_bits([b, 1 - b])
    assert source.entropy_rate_bits == pytest.approx(expected, rel=1e-12)


def test_periodic_and_deterministic_chains() -> None:
    cycle = MarkovSource(np.roll(np.eye(3), 1, axis=1))
    assert cycle.initial == pytest.approx([1 / 3] * 3)
    assert cycle.entropy_rate_bits == 0
    drawn = cycle.sample(5, 7, rng())
    assert all((np.diff(word.astype(int)) % 3 == 1).all() for word in drawn)
    assert MarkovSource(np.array([[1.0]])).leaves(3).as_dict() == {(0, 0, 0): 1.0}


def test_samples_follow_the_source() -> None:
    source = MarkovSource(np.array([[0.9, 0.1], [0.5, 0.5]]))
    data = source.sample(20_000, 3, rng(2))
    assert (data.num_responses, data.num_tokens, data.vocab_size) == (20_000, 60_000, 2)
    seen = TokenTree.build(data, 3, "prefix").leaves().as_dict()
    for word, p in source.leaves(3).as_dict().items():
        assert seen[word] == pytest.approx(p, abs=6 * math.sqrt(p / 20_000))
    assert data.same_as(source.sample(20_000, 3, rng(2)))


def test_symbols_of_probability_zero_are_never_drawn() -> None:
    """Also where the sum of a row falls short of 1 by rounding, and the draw lies beyond it."""

    class Highest:
        def random(self, shape: tuple[int, int]) -> NDArray[np.float64]:
            return np.full(shape, np.nextafter(1, 0))

    thirds = np.array([0.1] * 10 + [0.0])  # sums to 0.9999999999999999
    assert np.cumsum(thirds)[-1] < 1
    source = MarkovSource(np.tile(thirds, (11, 1)), thirds)
    drawn = source.sample(2, 3, Highest())  # type: ignore[arg-type]
    assert set(drawn.tokens.tolist()) == {9}


def test_empty_words() -> None:
    data = MarkovSource(np.eye(1)).sample(3, 0, rng())
    assert (data.num_responses, data.num_tokens) == (3, 0)


# ---- bad input ----


@pytest.mark.parametrize("M", [0, -1, 2.5, math.nan, math.inf, "3", None, True])
def test_bad_sizes(M: Any) -> None:
    calls = [uniform, zipf, lambda m: pareto(m, 2.0, rng()), lambda m: dirichlet(m, 1.0, rng())]
    for call in calls:
        with pytest.raises(InvalidParameter) as caught:
            call(M)
        assert str(caught.value) == f"the number of leaves M is a whole number, at least 1: not {M!r}"


@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf, "2", None])
def test_bad_exponents(bad: Any) -> None:
    with pytest.raises(InvalidParameter, match="the Pareto exponent alpha is a positive number"):
        pareto(3, bad, rng())
    with pytest.raises(InvalidParameter, match="a Dirichlet concentration is a positive number, or 3 of them"):
        dirichlet(3, bad, rng())
    if bad not in (0, -1):
        with pytest.raises(InvalidParameter, match="Zipf's exponent s is a finite number"):
            zipf(3, bad)
    for concentration in ([1.0, 2.0], [1.0, 2.0, 0.0], [[1.0] * 3]):
        with pytest.raises(InvalidParameter, match="one a leaf: not"):
            dirichlet(3, concentration, rng())


@pytest.mark.parametrize(
    ("matrix", "initial", "message"),
    [
        (np.ones((2, 3)) / 3, None, "a transition matrix is square, of one symbol or more, not of shape (2, 3)"),
        (np.zeros((0, 0)), None, "not of shape (0, 0)"),
        ([[0.5, 0.4], [0.5, 0.5]], None, "the transition probabilities from symbol 0 sum to 0.9, not 1"),
        ([[0.5, 0.5], [1.5, -0.5]], None, "the transition probabilities from symbol 1 must not be negative"),
        (np.eye(2), None, "more than one stationary distribution: give initial="),
        (np.eye(2), [1.0], "initial has 1 symbols and the transition matrix 2"),
        (np.eye(2), [0.5, 0.6], "initial sum to 1.1, not 1"),
    ],
)
def test_bad_chains(matrix: Any, initial: Any, message: str) -> None:
    with pytest.raises(InvalidDistribution) as caught:
        MarkovSource(matrix, initial)
    assert message in str(caught.value)


def test_a_source_refuses_wrong_parameters() -> None:
    source = MarkovSource(np.full((2, 2), 0.5))
    for depth in (25, 70, 65_535):
        with pytest.raises(InvalidParameter, match=f"2\\*\\*{depth} words are more than 2\\*\\*24"):
            source.leaves(depth)
    with pytest.raises(InvalidParameter, match="not 0: choose d >= 1"):
        source.leaves(0)
    for size, length in ((0, 3), (-1, 3), (2, -1), (None, 3)):
        with pytest.raises(InvalidParameter, match=f"cannot draw {size} responses of {length} symbols"):
            source.sample(size, length, rng())  # type: ignore[arg-type]
    with pytest.raises(InvalidDistribution, match="its entropy rate then depends on where it starts"):
        _ = MarkovSource(np.eye(2), [0.5, 0.5]).entropy_rate_bits
