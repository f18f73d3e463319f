"""Fitted Pareto tails: the estimators on samples whose exponent is known, and against their textbook formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import zeta
from scipy.stats import kstest

from compresslab import LeafDistribution
from compresslab.errors import InvalidParameter
from compresslab.theory.generators import pareto, uniform
from compresslab.theory.tail import fit_pareto_tail


def from_counts(counts: np.ndarray) -> LeafDistribution:
    return LeafDistribution.from_counts(np.arange(len(counts)), counts)


@pytest.mark.parametrize("alpha", [0.8, 1.5, 2.0, 4.0])
def test_the_exponent_of_pareto_masses_is_found(alpha: float) -> None:
    tail = fit_pareto_tail(pareto(20_000, alpha, np.random.default_rng(1)))
    assert tail is not None
    assert abs(tail.alpha - alpha) < 4 * tail.standard_error
    assert tail.standard_error == pytest.approx(tail.alpha / math.sqrt(tail.leaves))
    assert (tail.rejected, tail.total) == (False, None)
    assert tail.share > 0.9  # all of it is a tail


@pytest.mark.parametrize("alpha", [1.2, 1.8])
def test_the_exponent_of_whole_numbers_is_found_by_the_discrete_law(alpha: float) -> None:
    counts = np.random.default_rng(2).zipf(alpha + 1, 20_000)
    tail = fit_pareto_tail(from_counts(counts))
    assert tail is not None
    assert tail.total == counts.sum()
    seen = np.array([(counts >= n).mean() for n in (1, 2, 5, 20)])
    assert tail.survival(np.array([1, 2, 5, 20]) / tail.total) == pytest.approx(seen, abs=0.01)
    assert abs(tail.alpha - alpha) < 4 * tail.standard_error
    biased = len(counts) / np.log(counts / 1.0).sum()  # the continuous formula, with x_min = 1
    assert abs(biased - alpha) > 40 * tail.standard_error


def test_the_estimate_maximises_the_discrete_likelihood() -> None:
    counts = np.random.default_rng(3).zipf(2.5, 2000)
    tail = fit_pareto_tail(from_counts(counts), x_min=3 / counts.sum())
    assert tail is not None
    held = counts[counts >= 3]
    grid = tail.alpha + np.linspace(-0.3, 0.3, 601)
    likelihood = [-len(held) * math.log(zeta(a + 1, 3)) - (a + 1) * np.log(held).sum() for a in grid]
    assert grid[int(np.argmax(likelihood))] == pytest.approx(tail.alpha, abs=1e-3)
    assert tail.leaves == len(held)
    assert tail.x_min == 3 / counts.sum()


def test_the_distance_is_kolmogorov_and_smirnovs() -> None:
    p = pareto(500, 2.0, np.random.default_rng(4)).probabilities
    tail = fit_pareto_tail(p, x_min=float(p.min()))
    assert tail is not None
    want = kstest(np.log(p / p.min()), "expon", args=(0, 1 / tail.alpha)).statistic
    assert tail.distance == pytest.approx(want, rel=1e-9)


def test_a_distribution_whose_tail_alone_is_pareto_is_cut_where_the_tail_begins() -> None:
    rng = np.random.default_rng(5)
    body, tail_part = rng.uniform(0.1, 1, 20_000), rng.pareto(2.0, 20_000) + 1
    x = np.concatenate([body, tail_part])
    tail = fit_pareto_tail(x / x.sum())
    assert tail is not None
    assert tail.x_min * x.sum() == pytest.approx(1, rel=0.05)
    assert tail.alpha == pytest.approx(2, abs=0.1)


def test_the_test_rejects_five_in_a_hundred_of_true_tails_and_nearly_all_false_ones() -> None:
    rng = np.random.default_rng(6)

    def rejected(x: np.ndarray) -> bool:
        p = x / x.sum()
        tail = fit_pareto_tail(p, x_min=float(p.min()))
        assert tail is not None
        return tail.rejected

    assert 5 <= sum(rejected(rng.pareto(1.5, 300) + 1) for _ in range(400)) <= 40  # 20 expected
    assert sum(rejected(rng.uniform(1, 2, 300)) for _ in range(50)) >= 45


def test_masses_without_a_tail_give_none() -> None:
    assert fit_pareto_tail(uniform(1000)) is None
    assert fit_pareto_tail([0.5, 0.3, 0.2]) is None


@pytest.mark.parametrize("x_min", [0, -1, 2, float("nan"), "1"])
def test_a_wrong_x_min_is_named(x_min: object) -> None:
    with pytest.raises(InvalidParameter, match="x_min is a mass, above 0 and at most 1: not"):
        fit_pareto_tail([0.5, 0.5], x_min=x_min)  # type: ignore[arg-type]
