"""Mixtures: the conservation law, the Jacobian and the forces against finite differences, exactness, conditioning."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from compresslab.data.dataset import Dataset
from compresslab.errors import (
    InvalidDistribution,
    InvalidParameter,
    InvalidVolume,
    MismatchedLeaves,
    MismatchedVocabulary,
)
from compresslab.testing.strategies import exact_distributions, mixtures
from compresslab.theory.mixture import Mixture
from compresslab.trees.distribution import LeafDistribution
from compresslab.trees.tree import TokenTree

law = settings(max_examples=50, deadline=None)
few = settings(max_examples=40, deadline=None)


def normalised(p: Any) -> list[list[Fraction]]:
    rows = [[Fraction(x) for x in row] for row in np.asarray(p).tolist()]
    return [[x / sum(row) for x in row] for row in rows]


def exact_jacobian(p: list[list[Fraction]], n: list[Fraction]) -> list[list[Fraction]]:
    """``1/W - sum_j p_ij p_tj / Q_j``, as it is defined."""
    W = sum(n)
    Q = [sum(x * y for x, y in zip(n, column, strict=True)) for column in zip(*p, strict=True)]
    return [[1 / W - sum(x * y / q for x, y, q in zip(a, b, Q, strict=True) if q) for b in p] for a in p]


def code_length(p: Any, n: Any, i: int) -> Any:
    """``C_i`` in mpmath, straight from its definition."""
    W = mpmath.fsum(n)
    Q = [mpmath.fsum(x * y for x, y in zip(n, column, strict=True)) for column in zip(*p, strict=True)]
    return -mpmath.fsum(x * mpmath.log(q / W) for x, q in zip(p[i], Q, strict=True) if x)


def reverse_kl(p: Any, n: Any, i: int) -> Any:
    W = mpmath.fsum(n)
    Q = [mpmath.fsum(x * y for x, y in zip(n, column, strict=True)) / W for column in zip(*p, strict=True)]
    return mpmath.fsum(q * mpmath.log(q / x) for x, q in zip(p[i], Q, strict=True) if q)


def slope(function: Any, p: Any, n: Any, i: int, t: int) -> float:
    """Central difference in ``n_t``, in 60 digits."""
    step = mpmath.mpf(10) ** -20 * n[t]
    up, down = ([x + s * step * (j == t) for j, x in enumerate(n)] for s in (1, -1))
    return float((function(p, up, i) - function(p, down, i)) / (2 * step))


# ---- laws of section 3 ----


@pytest.mark.claim("conservation-law")
@law
@given(mixtures(min_count=2, max_count=8))
def test_conservation(mixture: Mixture) -> None:
    """``sum_i n_i dC_i/dn_t = 0``, to 1e-12 of the terms, whatever the volumes (here over twelve orders)."""
    forces = mixture.forces()
    assert (np.abs(forces.sum(axis=0)) <= 1e-12 * np.abs(forces).sum(axis=0)).all()
    assert mixture.conservation_residual() <= 1e-12
    assert np.array_equal(forces, mixture.volumes[:, None] * mixture.jacobian_nats())


@few
@given(mixtures(max_count=5, max_size=6))
def test_jacobian_is_the_exact_one(mixture: Mixture) -> None:
    n = [Fraction(x) for x in mixture.volumes.tolist()]
    p = normalised(mixture.probabilities)
    exact, J = exact_jacobian(p, n), mixture.jacobian_nats()
    scale = [[math.sqrt(abs(exact[i][i] * exact[t][t])) for t in range(len(n))] for i in range(len(n))]
    for i in range(len(n)):
        for t in range(len(n)):
            assert J[i, t] == pytest.approx(float(exact[i][t]), rel=1e-9, abs=1e-9 * scale[i][t] + 1e-30)


def test_jacobian_of_rows_whose_sums_differ_as_much_as_they_do() -> None:
    """Float rows sum to 1 but for rounding; here that is as large as their difference (exact: 2.1182517e-28)."""
    a, b = [0.3863697000679164, 0.6136302999320837], [0.3863697000679152, 0.6136302999320847]
    mixture = Mixture({"a": a, "b": b}, {"a": 0.00015519294229211444, "b": 1.0168512053885068e-06})
    exact = exact_jacobian(normalised(mixture.probabilities), [Fraction(x) for x in mixture.volumes.tolist()])
    assert mixture.jacobian_nats()[0, 1] == pytest.approx(float(exact[0][1]), rel=1e-9, abs=0)
    assert float(exact[0][1]) == pytest.approx(2.1183e-28, rel=1e-4)


@pytest.mark.claim("volume-derivative")
@few
@given(mixtures(min_count=2, max_count=4, max_size=6))
def test_jacobian_is_the_derivative(mixture: Mixture) -> None:
    J = mixture.jacobian_nats()
    with mpmath.workdps(60):
        n = [mpmath.mpf(x) for x in mixture.volumes.tolist()]
        p = [[mpmath.mpf(x) for x in row] for row in mixture.probabilities.tolist()]
        p = [[x / mpmath.fsum(row) for x in row] for row in p]
        for i in range(len(n)):
            assert mixture.code_lengths_nats()[i] == pytest.approx(float(code_length(p, n, i)), rel=1e-10, abs=1e-12)
            for t in range(len(n)):
                size = math.sqrt(J[i, i] * J[t, t])
                assert J[i, t] == pytest.approx(slope(code_length, p, n, i, t), rel=1e-7, abs=1e-8 * size + 1e-25)


@pytest.mark.claim("second-derivative")
@few
@given(mixtures(min_count=2, max_count=4, max_size=6))
def test_second_derivatives(mixture: Mixture) -> None:
    n = [Fraction(x) for x in mixture.volumes.tolist()]
    p, W = normalised(mixture.probabilities), sum(n)
    Q = [sum(x * y for x, y in zip(n, column, strict=True)) for column in zip(*p, strict=True)]
    second = mixture.second_derivatives_nats()
    for i in range(len(n)):
        for t in range(len(n)):
            terms = [x * y * y / (q * q) for x, y, q in zip(p[i], p[t], Q, strict=True) if q]
            exact = float(sum(terms) - 1 / W**2)
            assert second[i, t] == pytest.approx(exact, rel=1e-7, abs=1e-9 * float(sum(terms)) + 1e-40)


@pytest.mark.claim("overlap-sign")
@law
@given(mixtures())
def test_symmetry_signs_and_overlaps(mixture: Mixture) -> None:
    J, W = mixture.jacobian_nats(), mixture.total_volume
    assert np.array_equal(J, J.T)
    assert (np.diag(J) <= 0).all()
    overlaps, q = mixture.overlaps(), mixture.distribution.probabilities
    p = mixture.probabilities
    assert overlaps == pytest.approx((p / q) @ p.T, rel=1e-9)
    assert overlaps == pytest.approx(1 - W * J, rel=1e-15)
    for i, t in np.ndindex(J.shape):  # data t makes i worse exactly where their overlap is below 1
        if abs(1 - overlaps[i, t]) > 1e-12:
            assert np.sign(J[i, t]) == np.sign(1 - overlaps[i, t])
    others = mixture.forces() * ~np.eye(len(J), dtype=bool)  # new data never lowers the cost of all the old
    assert (others.sum(axis=0) >= -1e-12 * np.abs(others).sum(axis=0)).all()


@pytest.mark.claim("own-rate-falls")
@given(exact_distributions(), st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_own_rate_is_flat_exactly_where_the_data_is_the_mixture(p: list[Fraction], n: list[int]) -> None:
    names = [f"D{i}" for i in range(len(n))]
    same = Mixture(dict.fromkeys(names, p), dict(zip(names, n, strict=True)))
    assert (same.jacobian_nats() == 0).all()
    assume(any(x not in (0, 1) for x in p))
    other = [Fraction(0)] * len(p)
    other[next(i for i, x in enumerate(p) if x)] = Fraction(1)
    mixed = Mixture({**dict.fromkeys(names, p), "x": other}, {**dict(zip(names, n, strict=True)), "x": 1})
    assert (np.diag(mixed.jacobian_nats()) < 0).all()


# ---- exactness ----


@few
@given(st.lists(exact_distributions(5), min_size=1, max_size=4), st.data())
def test_fractions_all_the_way(parts: list[list[Fraction]], data: st.DataObject) -> None:
    n = data.draw(st.lists(st.fractions(Fraction(1, 9), 9), min_size=len(parts), max_size=len(parts)))
    names = [f"D{i}" for i in range(len(parts))]
    volumes = dict(zip(names, n, strict=True))
    exact = Mixture(dict(zip(names, parts, strict=True)), volumes)
    floats = Mixture({name: [float(x) for x in p] for name, p in zip(names, parts, strict=True)}, volumes)
    J = exact.jacobian_nats()
    assert J.dtype == object
    assert J.tolist() == exact_jacobian(parts, n)
    assert (exact.forces().sum(axis=0) == 0).all()
    assert exact.conservation_residual() == 0
    assert exact.overlaps().dtype == object
    assert exact.distribution.probabilities.sum() == 1
    pairs = [
        (J, floats.jacobian_nats()),
        (exact.overlaps(), floats.overlaps()),
        (exact.forces(), floats.forces()),
        (exact.second_derivatives_nats(), floats.second_derivatives_nats()),
        (exact.code_lengths_nats(), floats.code_lengths_nats()),
    ]
    for a, b in pairs:
        assert a.astype(float) == pytest.approx(b, rel=1e-11, abs=1e-13)
    a, b = exact.forces("reverse"), floats.forces("reverse")
    assert np.array_equal(np.isinf(a), np.isinf(b))
    assert a[np.isfinite(a)] == pytest.approx(b[np.isfinite(b)], rel=1e-11, abs=1e-12)


def test_a_float_volume_makes_floats() -> None:
    half = [Fraction(1, 2)] * 2
    assert Mixture({"a": half}, {"a": 1}).jacobian_nats().dtype == object
    assert Mixture({"a": half}, {"a": 1.0}).jacobian_nats().dtype == np.float64
    assert Mixture({"a": half, "b": [0.5, 0.5]}, {"a": 1, "b": 1}).jacobian_nats().dtype == np.float64


@pytest.mark.parametrize("apart", [1.0, 1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("volumes", [(1, 1, 1), (1e9, 1, 1e-9), (2.5, 1e9, 3), (1e-6, 1, 1e12)])
def test_nearly_alike_and_unequal_datasets_keep_their_digits(apart: float, volumes: tuple[float, ...]) -> None:
    """Overlaps round to 1 here, and ``1/W - sum p p / Q`` would be rounding errors only; signs would be wrong."""
    rng = np.random.default_rng(7)
    base = rng.dirichlet(np.ones(20))
    rows = [base * (1 + apart * rng.uniform(-0.5, 0.5, 20)) for _ in range(3)]
    rows = [row / row.sum() for row in rows]
    mixture = Mixture(dict(zip("pat", rows, strict=True)), dict(zip("pat", volumes, strict=True)))
    exact = exact_jacobian(normalised(rows), [Fraction(n) for n in volumes])
    # the rows themselves are known to 1e-16, their differences to 1e-16 / apart
    assert mixture.jacobian_nats() == pytest.approx(np.array(exact, dtype=float), rel=1e-12 + 1e-14 / apart, abs=0)
    assert mixture.conservation_residual() < 1e-12


def test_tiny_masses_and_a_single_leaf() -> None:
    mixture = Mixture({"a": [1e-300, 1.0], "b": [1.0, 1e-300], "c": [0.5, 0.5]}, {"a": 1, "b": 2, "c": 1e-9})
    exact = exact_jacobian(normalised(mixture.probabilities), [Fraction(1), Fraction(2), Fraction(1e-9)])
    assert mixture.jacobian_nats() == pytest.approx(np.array(exact, dtype=float), rel=1e-12)
    alone = Mixture({"a": [1.0], "b": [1.0]}, {"a": 1, "b": 1e9})
    assert (alone.jacobian_nats() == 0).all()
    assert (alone.code_lengths_nats() == 0).all()
    assert alone.conservation_residual() == 0


# ---- Hooke ----


@pytest.mark.claim("hooke-reverse-derivative")
@few
@given(mixtures(min_count=2, max_count=4, max_size=5, zeros=False))
def test_reverse_forces_are_the_derivative(mixture: Mixture) -> None:
    forces = mixture.forces("reverse")
    with mpmath.workdps(60):
        n = [mpmath.mpf(x) for x in mixture.volumes.tolist()]
        p = [[mpmath.mpf(x) for x in row] for row in mixture.probabilities.tolist()]
        p = [[x / mpmath.fsum(row) for x in row] for row in p]
        for i in range(len(n)):
            for t in range(len(n)):
                expected = float(n[i]) * slope(reverse_kl, p, n, i, t)
                size = float(n[i]) / mixture.total_volume
                assert forces[i, t] == pytest.approx(expected, rel=1e-6, abs=1e-12 * size)


@pytest.mark.claim("hooke-forward", "hooke-reverse-not-conserved")
def test_forward_force_is_the_divergences_derivative_and_reverse_is_not_conserved() -> None:
    mixture = Mixture({"a": [0.7, 0.2, 0.1], "b": [0.1, 0.2, 0.7], "c": [0.2, 0.6, 0.2]}, {"a": 5, "b": 1, "c": 2})
    assert abs(mixture.forces().sum(axis=0)).max() < 1e-15
    assert abs(mixture.forces("reverse").sum(axis=0)).max() > 1e-2
    lacking = Mixture({"a": [1.0, 0.0], "b": [0.5, 0.5]}, {"a": 1, "b": 1})
    assert np.isinf(lacking.forces("reverse")[0]).all()
    assert np.isfinite(lacking.forces("reverse")[1]).all()
    with pytest.raises(InvalidParameter, match="unknown direction 'backward' of the divergence"):
        mixture.forces("backward")  # type: ignore[arg-type]


# ---- sources ----


def test_trees_datasets_and_distributions_are_one_thing() -> None:
    data = {"a": Dataset.from_texts(["to be", "or"]), "b": Dataset.from_texts(["not to be"])}
    trees = {name: TokenTree.build(d, 2) for name, d in data.items()}
    leaves = {name: tree.leaves() for name, tree in trees.items()}
    volumes = {name: tree.total for name, tree in trees.items()}
    given_as = [Mixture(data, depth=2), Mixture(trees), Mixture(leaves, volumes)]
    for mixture in given_as:
        assert mixture.volumes.tolist() == [5, 5] == list(volumes.values())
        assert np.array_equal(mixture.jacobian_nats(), given_as[0].jacobian_nats())
    union = TokenTree.merge_all(trees.values()).leaves()  # pruning and union commute: the mixture is the union's tree
    assert np.array_equal(given_as[0].keys, union.keys)
    assert given_as[0].distribution.probabilities == pytest.approx(union.probabilities, rel=1e-15)
    assert repr(given_as[0]) == f"Mixture(a x 5, b x 5; {len(union)} leaves)"
    exact = Mixture({name: tree.leaves(exact=True) for name, tree in trees.items()}, volumes)
    assert exact.distribution.probabilities.tolist() == union.exact().probabilities.tolist()


def test_leaves_that_nobody_has_do_not_matter() -> None:
    a, b = [0.5, 0.0, 0.5], [0.25, 0.0, 0.75]
    with_zero = Mixture({"a": a, "b": b}, {"a": 1, "b": 2})
    without = Mixture({"a": a[::2], "b": b[::2]}, {"a": 1, "b": 2})
    assert with_zero.keys.tolist() == [0, 2]
    for name in ("jacobian_nats", "code_lengths_nats", "overlaps", "second_derivatives_nats"):
        assert np.array_equal(getattr(with_zero, name)(), getattr(without, name)())
    assert np.array_equal(with_zero.forces("reverse"), without.forces("reverse"))


# ---- bad input ----


@pytest.mark.parametrize(
    ("volumes", "message"),
    [
        ({"a": 0, "b": 1}, "the volume of 'a' is 0: a volume is a positive number of phrases; leave a dataset out"),
        ({"a": 1, "b": -2}, "the volume of 'b' is -2"),
        ({"a": math.nan, "b": 1}, "the volume of 'a' is nan"),
        ({"a": math.inf, "b": 1}, "the volume of 'a' is inf"),
        ({"a": "3", "b": 1}, "the volume of 'a' is '3'"),
        ({"a": True, "b": 1}, "the volume of 'a' is True"),
        ({"a": 1}, "no volume for 'b': give volumes={'b': number of phrases, ...}"),
        ({"a": 1, "b": 1, "aa": 1}, "a volume for 'aa', which is not a dataset: did you mean 'a'?"),
        (None, "no volume for 'a'"),
    ],
)
def test_bad_volumes(volumes: Any, message: str) -> None:
    with pytest.raises(InvalidVolume) as caught:
        Mixture({"a": [0.5, 0.5], "b": [0.25, 0.75]}, volumes)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("sources", "error", "message"),
    [
        ({}, InvalidParameter, "at least one dataset"),
        ([[1.0]], InvalidParameter, "give {name: source, ...} and {name: volume, ...}"),
        ({"a": [0.5, 0.5], "b": [1.0]}, MismatchedLeaves, "a has 2 leaves and b has 1"),
        ({"a": [0.5, 0.5], "b": LeafDistribution([0, 1], [0.5, 0.5])}, MismatchedLeaves, "a is a plain array"),
        ({"a": [0.5, 0.5], "b": [0.5, 0.6]}, InvalidDistribution, "b sum to 1.1, not 1"),
        ({"a": [0.5, 0.5], "b": [1.5, -0.5]}, InvalidDistribution, "b must not be negative: entry 1"),
        ({"a": Dataset.from_texts(["x"])}, InvalidParameter, "give depth=, the symbols per phrase"),
        (
            {"a": Dataset.from_texts(["x"]), "b": Dataset.from_texts(["x"], "bits")},
            MismatchedVocabulary,
            "256 and 2 tokens",
        ),
    ],
)
def test_bad_sources(sources: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        Mixture(sources, {"a": 1, "b": 1})
    assert message in str(caught.value)


def test_trees_that_do_not_fit() -> None:
    tree = TokenTree.build(Dataset.from_texts(["to be"]), 2)
    others = [
        (
            TokenTree.build(Dataset.from_texts(["to be"]), 3),
            MismatchedLeaves,
            "aligned only at one depth",
        ),
        (TokenTree.build(Dataset.from_texts(["to be"]), 2, "windows"), MismatchedVocabulary, "parse 'phrases', and b"),
        (TokenTree.build(Dataset.from_texts(["to"], "bits"), 2), MismatchedVocabulary, "over 256 tokens"),
    ]
    for other, error, message in others:
        with pytest.raises(error) as caught:
            Mixture({"a": tree, "b": other})
        assert message in str(caught.value)
