"""Entropy from finite data: the published formula term by term, simulation on known laws, bad input."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest

from compresslab.errors import InvalidCounts, InvalidParameter
from compresslab.theory.code_length import entropy_bits
from compresslab.theory.finite_entropy import estimate_entropy


@pytest.mark.parametrize("counts", [[3, 2, 1, 1], [5, 1, 1, 1], [9, 4, 2, 2, 1], [40] + [2] * 9 + [1] * 50, [4, 4]])
def test_chao_wang_jost_term_by_term(counts: list[int]) -> None:
    """Eq. 8 of Chao, Wang and Jost (2013), its sums written out to fifty digits."""
    with mpmath.workdps(50):
        n, f1, f2 = sum(counts), counts.count(1), counts.count(2)
        H = sum(mpmath.mpf(x) / n * sum(mpmath.mpf(1) / r for r in range(x, n)) for x in counts)
        if f1:
            A = mpmath.mpf(2 * f2) / ((n - 1) * f1 + 2 * f2) if f2 else mpmath.mpf(2) / ((n - 1) * (f1 - 1) + 2)
            rest = -mpmath.log(A) - sum((1 - A) ** r / r for r in range(1, n))
            H += mpmath.mpf(f1) / n * (1 - A) ** (1 - n) * rest
        assert estimate_entropy(counts).corrected_bits == pytest.approx(float(H / mpmath.log(2)), rel=1e-10)


@pytest.mark.parametrize("law", ["even", "zipf", "geometric"])
def test_bias_and_standard_error_on_known_laws(law: str) -> None:
    x = np.arange(1, 301)
    p: Any = {"even": np.ones(300), "zipf": 1 / x, "geometric": 0.97**x}[law]
    p = p / p.sum()
    truth = entropy_bits(p)
    rng = np.random.default_rng(0)
    found = [estimate_entropy(rng.multinomial(600, p)) for _ in range(200)]
    value, plug = (np.array([getattr(one, name) for one in found]) for name in ("corrected_bits", "plug_in_bits"))
    assert truth - plug.mean() > 0.1
    assert abs(value.mean() - truth) < 0.15 * (truth - plug.mean())
    error = np.mean([one.standard_error_bits or 0 for one in found])
    if law != "even":  # to first order a uniform law has none
        assert error == pytest.approx(plug.std(), rel=0.2)
    collision = np.array([one.collision for one in found], float)
    assert abs(collision.mean() - float(p @ p)) < 4 * collision.std() / math.sqrt(200)
    unseen = [1 - p[counts > 0].sum() for counts in (rng.multinomial(600, p) for _ in range(200))]
    assert np.mean([one.missing_mass for one in found]) == pytest.approx(np.mean(unseen), abs=0.01)


def test_phrases_of_one_response_are_one_draw() -> None:
    rng = np.random.default_rng(1)
    leaf = rng.choice(5, 200, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    once = estimate_entropy(np.bincount(leaf), leaf, np.arange(200))
    tenfold = estimate_entropy(10 * np.bincount(leaf), np.repeat(leaf, 10), np.repeat(np.arange(200), 10))
    assert once.standard_error_bits == pytest.approx(estimate_entropy(np.bincount(leaf)).standard_error_bits, rel=1e-9)
    assert tenfold.standard_error_bits == pytest.approx(once.standard_error_bits, rel=1e-9)
    assert (tenfold.units, estimate_entropy([1, 2]).units) == ("responses", "phrases")


def test_edges_and_what_is_refused() -> None:
    assert estimate_entropy([7]).corrected_bits == 0
    one = estimate_entropy([1])
    assert (one.corrected_bits, one.standard_error_bits, one.collision, one.missing_mass) == (0, None, None, 1)
    assert estimate_entropy([2, 0]) == estimate_entropy([2])
    with pytest.raises(InvalidCounts, match="whole numbers"):
        estimate_entropy([0.5, 0.5])
    with pytest.raises(InvalidCounts, match="whole numbers"):
        estimate_entropy([-1, 2])
    with pytest.raises(InvalidCounts, match="positive sum"):
        estimate_entropy([0, 0])
    with pytest.raises(InvalidParameter, match="or neither"):
        estimate_entropy([1, 2], np.array([0, 1, 1]))
