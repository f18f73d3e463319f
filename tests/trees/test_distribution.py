"""Leaf distributions: what is refused and how, exactness, and alignment on the union of the leaves."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab.data.dataset import Dataset
from compresslab.errors import InvalidCounts, InvalidDistribution, InvalidParameter, MismatchedLeaves
from compresslab.testing.strategies import distributions, exact_distributions, leaf_distributions
from compresslab.trees.distribution import LeafDistribution, align, as_distribution, as_probabilities
from compresslab.trees.tree import TokenTree

law = settings(max_examples=50, deadline=None)
HALF = [0.5, 0.5]
NAN, INF = float("nan"), float("inf")


# ---- what is a distribution ----


@pytest.mark.parametrize(
    ("p", "message"),
    [
        ([0.5, NAN], "probabilities must be finite: entry 1 is nan"),
        ([INF, -INF], "probabilities must be finite: entry 0 is inf"),
        ([1e308, 1e308], "probabilities sum to inf, not 1"),
        ([1.25, -0.25], "probabilities must not be negative: entry 1 is -0.25"),
        ([0.5, 0.583], "probabilities sum to 1.083, not 1: divide them by their sum, or give counts"),
        ([0.5, 0.5 + 1e-7], "probabilities sum to 1.0000001, not 1"),
        ([0.0, 0.0], "probabilities sum to 0, not 1"),
        ([], "at least one number, not shape (0,)"),
        (1.0, "not shape ()"),
        ([[0.5, 0.5]], "not shape (1, 2)"),
        ([[0.5], [0.25, 0.25]], "numbers in one dimension"),
        (["0.5", "0.5"], "real numbers, not <U3"),
        ([None, 1.0], "must be finite: entry 0 is nan"),
        (["a", Fraction(1)], "real numbers"),
        ([{}, 1.0], "real numbers"),
        (np.array([0.5 + 0j, 0.5]), "real numbers, not complex128"),
        ([Fraction(1, 2), Fraction(1, 3)], "probabilities sum to 5/6, not 1"),
        ([Fraction(3, 2), Fraction(-1, 2)], "must not be negative: entry 1 is -1/2"),
        (np.array([0.5, 0.5001], np.float32), "not 1"),
    ],
)
def test_arrays_that_are_not_distributions_are_refused(p: Any, message: str) -> None:
    for use in (as_probabilities, lambda q: LeafDistribution([0, 1], q)):
        with pytest.raises(InvalidDistribution) as caught:
            use(p)
        assert message in str(caught.value)


def test_distributions_are_accepted() -> None:
    assert as_probabilities([0.5, 0.5 + 1e-9]).tolist() == [0.5, 0.5 + 1e-9]  # rounding of many additions
    assert as_probabilities([1, 0]).dtype == np.float64
    single = np.full(3, 1 / 3, np.float32)
    assert as_probabilities(single).dtype == np.float64
    assert as_probabilities([Decimal("0.25"), Decimal("0.75")]).tolist() == [0.25, 0.75]
    assert as_probabilities(np.array([0.25, 0.75], object)).dtype == np.float64
    exact = as_probabilities([Fraction(1, 3), Fraction(2, 3), 0])
    assert exact.dtype == object
    assert all(isinstance(x, Fraction) for x in exact)
    floats = np.array(HALF)
    assert as_probabilities(floats) is floats
    thirds = as_probabilities([Fraction(1, 3), 2 / 3])  # one float is enough to make all floats
    assert thirds.dtype == np.float64


def test_the_name_is_in_the_error() -> None:
    with pytest.raises(InvalidDistribution, match="^weights must not be negative"):
        as_probabilities([1.5, -0.5], "weights")


# ---- keys ----


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["a"], "1 keys for 2 probabilities"),
        (["a", "a"], "keys must differ: 'a' occurs more than once; add up"),
        ([3, 3], "keys must differ: np.int64(3)"),
        (np.array([[0, 1], [0, 1]]), "keys must differ: [0, 1] occurs more than once"),
        (np.array([[0.1], [0.2]]), "a matrix of keys holds whole numbers, one leaf a row, not float64"),
        ([[0], [1]], "keys must be hashable"),
        (7, "keys are one for each probability, not 7"),
    ],
)
def test_bad_keys(keys: Any, message: str) -> None:
    with pytest.raises(MismatchedLeaves) as caught:
        LeafDistribution(keys, HALF)
    assert message in str(caught.value)


def test_kinds_of_keys() -> None:
    for keys in (["a", "b"], [0, 1], ["a", 1], [(0, 1), (0, 2)], [frozenset(), None], [2**70, 1], [True, False]):
        assert list(LeafDistribution(keys, HALF).as_dict()) == keys
    matrix = LeafDistribution(np.array([[0, 1], [1, -1]]), HALF)
    assert matrix.as_dict() == {(0, 1): 0.5, (1, -1): 0.5}


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(1, 20))
def test_wide_rows_are_told_apart(x: int, y: int, others: int) -> None:
    """Rows of 64-bit numbers, such as hashes, do not fit into a word beside one another: they must still differ."""
    rows = np.array([[x, 0], [x, 1], [y ^ x, 5]] + [[i, 2**63 + 1] for i in range(others)], np.uint64)
    rows = np.unique(rows, axis=0)
    p = LeafDistribution(rows, np.full(len(rows), 1 / len(rows)))
    shuffled = LeafDistribution(rows[::-1], p.probabilities)
    keys, table = align([p, shuffled])
    assert keys.tolist() == rows.tolist()  # lexicographic, each once
    assert (table > 0).all()


def test_a_distribution_does_not_change_with_its_input() -> None:
    keys, p = np.array([1, 2]), np.array(HALF)
    held = LeafDistribution(keys, p)
    keys[0], p[0] = 9, 0.0
    assert held.as_dict() == {1: 0.5, 2: 0.5}
    for array in (held.keys, held.probabilities):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


# ---- counts ----


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=8).filter(any))
def test_counts(counts: list[int]) -> None:
    p = LeafDistribution.from_counts(range(len(counts)), counts)
    exact = LeafDistribution.from_counts(range(len(counts)), counts, exact=True)
    assert exact.probabilities.tolist() == [Fraction(n, sum(counts)) for n in counts]
    assert p.probabilities.tolist() == [n / sum(counts) for n in counts]
    assert p.exact().probabilities.tolist() == exact.probabilities.tolist()
    assert p.counts is not None
    assert p.counts.tolist() == counts
    assert (p.is_exact, exact.is_exact, exact.exact() is exact) == (False, True, True)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([1, -1], "counts must not be negative: entry 1 is -1"),
        ([1, 0.5], "counts must be whole numbers: entry 1 is 0.5"),
        ([1.0, NAN], "counts must be whole numbers: entry 1 is nan"),
        ([0, 0], "counts must have a positive sum"),
        ([], "counts must have a positive sum"),
        ([[1, 2]], "one dimension, not shape (1, 2)"),
        ([[1], [1, 2]], "one dimension"),
        (["1", "2"], "counts must be whole numbers"),
        ([2**62] * 2, "counts sum to 9.223e+18, which 64 bits do not hold"),
        ([1e300, 1.0], "counts sum to 1e+300, which 64 bits do not hold"),
        (np.array([2**63, 1], np.uint64), "64 bits do not hold"),
    ],
)
def test_bad_counts(counts: Any, message: str) -> None:
    with pytest.raises(InvalidCounts) as caught:
        LeafDistribution.from_counts(["a", "b"], counts)
    assert message in str(caught.value)


@law
@given(distributions())
def test_exact_of_floats_is_the_floats_over_their_exact_sum(p: Any) -> None:
    exact = LeafDistribution(range(len(p)), p).exact().probabilities
    total = sum(map(Fraction, p.tolist()))
    assert exact.tolist() == [Fraction(x) / total for x in p.tolist()]


# ---- alignment ----


@law
@given(st.lists(leaf_distributions(), min_size=1, max_size=5))
def test_alignment_keeps_every_probability(parts: list[LeafDistribution]) -> None:
    keys, table = align(parts)
    union = set().union(*(p.as_dict() for p in parts))
    assert set(keys.tolist()) == union
    assert len(keys) == len(union)
    assert table.shape == (len(parts), len(keys))
    for p, row in zip(parts, table, strict=True):
        held = p.as_dict()
        assert row.tolist() == [held.get(key, 0.0) for key in keys.tolist()]
    if any(list(p.as_dict()) != list(parts[0].as_dict()) for p in parts):
        assert keys.tolist() == sorted(union)


@given(exact_distributions(), exact_distributions())
def test_alignment_stays_exact(p: list[Fraction], q: list[Fraction]) -> None:
    a = LeafDistribution([f"x{i}" for i in range(len(p))], p)
    b = LeafDistribution([f"x{i + 1}" for i in range(len(q))], q)
    _, table = align([a, b])
    assert table.dtype == object
    assert [sum(row, Fraction(0)) for row in table.tolist()] == [1, 1]
    _, mixed = align([a, LeafDistribution(b.keys, b.probabilities.astype(float))])
    assert mixed.dtype == np.float64


@pytest.mark.parametrize(
    ("a", "b", "union"),
    [
        (np.array([2**53, 2**53 + 1]), np.array([2**53, 2**63], np.uint64), {2**53, 2**53 + 1, 2**63}),
        (np.array([2**53, 2**53 + 1]), np.array([2.0**53, 0.5]), {2**53, 2**53 + 1, 0.5}),
        (np.array(["a", "b"]), np.array([b"a", b"b"]), {"a", "b", b"a", b"b"}),
        (np.array(["1", "2"]), np.array([1, 2]), {"1", "2", 1, 2}),
        (np.array([0, 1], np.uint8), np.array([-1, 0], np.int8), {-1, 0, 1}),
        ([(0,), (1,)], ["a", (0,)], {(0,), (1,), "a"}),
    ],
)
def test_keys_of_different_kinds_are_not_made_equal(a: Any, b: Any, union: set[Any]) -> None:
    keys, table = align([LeafDistribution(a, HALF), LeafDistribution(b, HALF)])
    assert set(keys.tolist()) == union
    assert len(keys) == len(union)
    assert table.sum(axis=1).tolist() == [1, 1]


def test_trees_align_on_their_leaves() -> None:
    build = TokenTree.build
    one = build(Dataset.from_token_lists([[0, 300]], vocab_size=301), 2).leaves()
    two = build(Dataset.from_token_lists([[0, 300], [300]], vocab_size=301), 2).leaves()
    keys, table = align([one, two])
    assert keys.tolist() == [[-1, -1], [0, 300], [300, -1]]
    assert table.tolist() == [[0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3]]


@pytest.mark.parametrize(
    ("parts", "error", "message"),
    [
        ([], InvalidParameter, "nothing to align"),
        ([HALF, [1.0]], MismatchedLeaves, "a has 2 leaves and b has 1: plain arrays must be of one length"),
        ([HALF, LeafDistribution([0, 1], HALF)], MismatchedLeaves, "a is a plain array and others have named leaves"),
        ([LeafDistribution([0, 1], HALF), HALF], MismatchedLeaves, "b is a plain array"),
        (
            [LeafDistribution(np.eye(2, dtype=int), HALF), LeafDistribution(np.eye(2, 3, dtype=int), HALF)],
            MismatchedLeaves,
            "a has keys of shape (2, 2) and b of (2, 3): leaves can be aligned only at one depth; prune the deeper",
        ),
    ],
)
def test_distributions_that_cannot_be_aligned_are_refused(
    parts: list[Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        align(parts, ["a", "b"][: len(parts)])
    assert message in str(caught.value)


# ---- the rest ----


def test_sampling_follows_the_probabilities() -> None:
    p = LeafDistribution(list("abc"), [Fraction(1, 2), Fraction(1, 2), Fraction(0)])
    drawn = p.sample(20_000, np.random.default_rng(1))
    counts = np.bincount(drawn, minlength=3)
    assert drawn.dtype == np.int64
    assert counts[2] == 0
    assert abs(counts[0] - 10_000) < 5 * np.sqrt(5000)  # five standard deviations
    assert np.array_equal(drawn, p.sample(20_000, np.random.default_rng(1)))
    assert p.sample(0, np.random.default_rng(1)).shape == (0,)
    for size in (-1, 0.5, None):
        with pytest.raises(InvalidParameter, match="cannot draw"):
            p.sample(size, np.random.default_rng(1))  # type: ignore[arg-type]


def test_repr_shows_the_first_leaves() -> None:
    assert repr(LeafDistribution(["a"], [1.0])) == "LeafDistribution(1 leaf: a 1)"
    assert repr(as_distribution(np.full(8, 1 / 8))) == (
        "LeafDistribution(8 leaves: 0 0.125, 1 0.125, 2 0.125, 3 0.125, 4 0.125, 5 0.125, ...)"
    )
