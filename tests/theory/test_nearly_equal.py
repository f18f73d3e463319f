"""Rows that are nearly equal: what is computed of their differences, against exact rational arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab._support import jit
from compresslab.theory.code_length import kl_bits
from compresslab.theory.divergence import centred
from compresslab.theory.elasticity import Elasticity
from compresslab.theory.inverse_alignment import PerturbationPath
from compresslab.trees.leaves import SortedLeaves
from compresslab.trees.tree import TokenTree

A, B = [0.3863697000679164, 0.6136302999320837], [0.3863697000679152, 0.6136302999320847]
C = [0.3863697000679172, 0.6136302999320831]  # none of the three sums to 1


def normalised(row: Any) -> list[Fraction]:
    exact = [Fraction(x) for x in np.asarray(row).tolist()]
    return [x / sum(exact) for x in exact]


def exact_kl(a: list[Fraction], b: list[Fraction]) -> float:
    with mpmath.workdps(80):
        pairs = [(mpmath.mpf(x.numerator) / x.denominator, mpmath.mpf(y.numerator) / y.denominator)
                 for x, y in zip(a, b, strict=True) if x]  # fmt: skip
        return float(mpmath.fsum(x * mpmath.log(x / y) for x, y in pairs))


@pytest.fixture(params=[0, 1e-15, 1e-12, 1e-8])
def rows(request: pytest.FixtureRequest) -> list[Any]:
    """Three rows as far apart as the parameter says; 0: two leaves whose sums miss 1 by as much as they differ."""
    if not request.param:
        return [np.array(row) for row in (A, B, C)]
    rng = np.random.default_rng(3)
    base = rng.dirichlet(np.ones(30))
    made = [base * (1 + request.param * rng.uniform(-50, 50, 30)) for _ in range(3)]
    return [row / row.sum() for row in made]


def test_a_divergence_keeps_its_digits(rows: list[Any]) -> None:
    p, q, _ = rows
    assert kl_bits(p, q) == pytest.approx(exact_kl(normalised(p), normalised(q)) / math.log(2), rel=1e-6, abs=0)


@pytest.mark.parametrize("k", [0.5, 10.0, 1e6])
@pytest.mark.parametrize("l", [0.0, 0.3, 5.0, 1e7])
def test_a_perturbed_model_keeps_its_distance(rows: list[Any], k: float, l: float) -> None:  # noqa: E741
    path = PerturbationPath(*rows, k)
    p, a, t = map(normalised, rows)
    n = [Fraction(k), Fraction(1), Fraction(l)]
    mixed = [sum(w * x for w, x in zip(n, column, strict=True)) / sum(n) for column in zip(p, a, t, strict=True)]
    s = path.weight(l)
    assert path.kl_nats(s, "forward") == pytest.approx(exact_kl(mixed, p), rel=1e-6, abs=0)
    assert path.kl_nats(s, "reverse") == pytest.approx(exact_kl(p, mixed), rel=1e-6, abs=0)


@pytest.mark.parametrize("k", [2.0, 1e6])
def test_derivatives_keep_their_digits(rows: list[Any], k: float) -> None:
    p = [normalised(row) for row in rows]
    n = [Fraction(k), Fraction(1), Fraction(0.7)]
    Q = [sum(w * x for w, x in zip(n, column, strict=True)) for column in zip(*p, strict=True)]
    exact = [float(1 / sum(n) - sum(x * y / q for x, y, q in zip(row, p[2], Q, strict=True))) for row in p]
    slopes = Elasticity(*rows, k).derivatives(0.7)
    assert [slopes.pretrain, slopes.align, slopes.perturb] == pytest.approx(exact, rel=1e-6, abs=0)


@given(st.lists(st.floats(1e-3, 1), min_size=2, max_size=8), st.integers(0, 2**32))
def test_centring_gives_the_differences_of_normalised_rows(weights: list[float], seed: int) -> None:
    base = np.array(weights) / sum(weights)
    row = base * (1 + 1e-13 * np.random.default_rng(seed).uniform(-1, 1, len(base)))
    exact = [float(x - y) for x, y in zip(normalised(row), normalised(base), strict=True)]
    scale = np.abs(row - base).max()
    assert centred(row - base, base) == pytest.approx(exact, rel=1e-9, abs=1e-10 * scale)


@pytest.mark.skipif(not jit.available(), reason="numba (extra 'scale') is not installed")
@settings(max_examples=40, deadline=None)
@given(data=st.data(), leaves=st.integers(2, 5), trees=st.integers(2, 4), scale=st.sampled_from([10, 10**6, 10**12]))
def test_a_sweep_of_nearly_equal_trees_keeps_its_digits(
    data: st.DataObject, leaves: int, trees: int, scale: int
) -> None:
    from compresslab.trees.out_of_core.sweeping import sweep_mixtures

    base = data.draw(st.lists(st.integers(scale, 9 * scale), min_size=leaves, max_size=leaves))
    counts = [[c + data.draw(st.integers(-2, 2)) for c in base] for _ in range(trees)]
    held = [_tree(row) for row in counts]
    volumes = data.draw(st.lists(st.floats(1e-6, 1e6), min_size=trees, max_size=trees))
    p = [[Fraction(c, sum(row)) for c in row] for row in counts]
    n = [Fraction(v) for v in volumes]
    Q = [sum(w * x for w, x in zip(n, column, strict=True)) for column in zip(*p, strict=True)]
    exact = np.array([[float(1 / sum(n) - sum(x * y / q for x, y, q in zip(a, b, Q, strict=True))) for b in p]
                      for a in p])  # fmt: skip
    found = sweep_mixtures(held, volumes).jacobian_nats[0]
    # An entry may cancel, but not beyond its rows' own sizes; these are sums of differences between rows, rounded once
    # each, and may cancel as well: (1, -1, 0) in 1e-6 has a mean of 1e-13, so that the third row is that far from it.
    own = np.sqrt(np.abs(np.diag(exact)))
    rounded = 4 * np.finfo(float).eps * own.max() * np.add.outer(own, own)
    assert (np.abs(found - exact) <= 1e-9 * np.outer(own, own) + rounded).all()


def _tree(counts: list[int]) -> TokenTree:
    many = len(counts)
    leaves = SortedLeaves((np.arange(many, dtype=np.uint8),), np.zeros(many, np.uint8), np.ones(many, np.uint8),
                          np.array(counts, np.uint64))  # fmt: skip
    return TokenTree(leaves, many, "phrases")
