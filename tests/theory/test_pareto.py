"""Pareto closed forms against an independent computation in mpmath, the values of theory.md, and simulation."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest

from compresslab.errors import InvalidParameter
from compresslab.theory.code_length import entropy_bits
from compresslab.theory.generators import pareto
from compresslab.theory.pareto import pareto_elasticity_nats, pareto_normalized_entropy_nats, pareto_overlap


def overlap_by_mpmath(alpha: float) -> float:
    """``3 int phi phi'^2 ds / E[X]`` with ``phi`` by incomplete gamma functions, as theory, section 4, writes it."""
    with mpmath.workdps(25):
        a = mpmath.mpf(alpha)

        def integrand(s: Any) -> Any:
            phi = a * s**a * mpmath.gammainc(-a, s)
            slope = -a * s ** (a - 1) * mpmath.gammainc(1 - a, s)
            return phi * slope**2

        cuts = [mpmath.mpf(10) ** -12, mpmath.mpf(10) ** -6, 0.001, 0.1, 1, 5, 20, 60]
        return float(3 * mpmath.quad(integrand, cuts) * (a - 1) / a)


@pytest.mark.parametrize(
    ("alpha", "value", "digits"), [(1.5, 0.6825, 4), (2.0, 0.84835, 5), (2.5, 0.91252, 5), (4.0, 0.97119, 5)]
)
def test_values_of_the_theory(alpha: float, value: float, digits: int) -> None:
    assert round(pareto_overlap(alpha), digits) == value


@pytest.mark.claim("pareto-overlap")
@pytest.mark.parametrize("alpha", [1.05, 1.5, 2.3, 4.7, 11.5])
def test_overlap_against_mpmath(alpha: float) -> None:
    assert pareto_overlap(alpha) == pytest.approx(overlap_by_mpmath(alpha), abs=2e-10)


@pytest.mark.claim("pareto-overlap-below-one", "pareto-overlap-monotone")
def test_overlap_over_the_whole_range() -> None:
    alphas = [1 + 1e-9, 1.0001, 1.01, 1.1, 1.5, 2, 3, 10, 100, 1e3, 1e5]
    overlaps = [pareto_overlap(alpha) for alpha in alphas]
    assert overlaps == sorted(overlaps)  # heavier tails, more elastic
    assert 0 < overlaps[0] < 1e-7
    assert overlaps[-1] < 1
    for alpha in (1e6, 1e9, 1e15):  # masses that are all alike
        assert pareto_overlap(alpha) == pytest.approx(1, abs=1e-12)
        assert pareto_overlap(alpha) <= 1
    for alpha in (
        1e2,
        1e3,
        1e4,
    ):  # a third of the relative variance 1 / (alpha (alpha - 2))
        assert (1 - pareto_overlap(alpha)) * 3 * alpha * (alpha - 2) == pytest.approx(1, rel=8 / alpha)


@pytest.mark.parametrize("alpha", [2.0, 2.5, 4.0])
def test_overlap_by_simulation(alpha: float) -> None:
    """At finite M: ``sum p_2 p_3 / ((p_1 + p_2 + p_3) / 3)`` of three draws, with its standard error."""
    rng = np.random.default_rng(11)
    runs = []
    for _ in range(16):
        x = 1 + rng.pareto(alpha, (3, 50_000))
        p = x / x.sum(axis=1, keepdims=True)
        runs.append(float((p[1] * p[2] / p.mean(axis=0)).sum()))
    error = np.std(runs, ddof=1) / math.sqrt(len(runs))
    assert error < 2e-3
    assert abs(np.mean(runs) - pareto_overlap(alpha)) < 5 * error + 1e-3


@pytest.mark.claim("pareto-entropy")
@pytest.mark.parametrize("alpha", [1.01, 1.5, 2.0, 3.0, 50.0, 1e6])
def test_normalized_entropy(alpha: float) -> None:
    """``H - ln M -> ln E[X] - E[X ln X] / E[X]``; for Pareto E[X ln X] by quadrature."""
    with mpmath.workdps(30):
        a = mpmath.mpf(alpha)
        mean = a / (a - 1)
        x_log_x = mpmath.quad(lambda u: u * a * mpmath.exp(-(a - 1) * u), [0, 1 / (a - 1), 60 / (a - 1)])
        expected = float(mpmath.log(mean) - x_log_x / mean)
    assert pareto_normalized_entropy_nats(alpha) == pytest.approx(expected, rel=1e-4 if alpha > 1e5 else 1e-9)
    assert pareto_normalized_entropy_nats(alpha) < 0


@pytest.mark.parametrize("alpha", [2.0, 3.0, 6.0])
def test_normalized_entropy_by_simulation(alpha: float) -> None:
    """At finite M, with its standard error; for alpha = 2 the variance of the masses is infinite, the bias slow."""
    M, runs = 100_000, []
    for seed in range(20):
        p = pareto(M, alpha, np.random.default_rng(seed))
        runs.append(entropy_bits(p) * math.log(2) - math.log(M))
    error = np.std(runs, ddof=1) / math.sqrt(len(runs))
    assert error < 5e-3
    assert abs(np.mean(runs) - pareto_normalized_entropy_nats(alpha)) < 5 * error + 1e-3


def test_elasticity() -> None:
    assert pareto_elasticity_nats(2, 100) == (1 - pareto_overlap(2)) / 100
    slopes = [pareto_elasticity_nats(alpha, 10) for alpha in (1.1, 1.5, 2, 4, 50)]
    assert slopes == sorted(slopes, reverse=True)
    assert min(slopes) > 0


@pytest.mark.parametrize("alpha", [1, 1.0, 0.5, -2, math.nan, math.inf, "2", None, True])
def test_bad_alpha(alpha: Any) -> None:
    for function in (pareto_overlap, pareto_normalized_entropy_nats, lambda a: pareto_elasticity_nats(a, 10)):
        with pytest.raises(InvalidParameter) as caught:
            function(alpha)
        assert str(caught.value).endswith(f"must be above 1 (so that the mean exists), not {alpha!r}")


@pytest.mark.parametrize("k", [0, -1, math.nan, math.inf, "8", None])
def test_bad_k(k: Any) -> None:
    with pytest.raises(InvalidParameter) as caught:
        pareto_elasticity_nats(2, k)
    assert str(caught.value) == f"k = |D_p| / |D_a| is a positive number, not {k!r}"
