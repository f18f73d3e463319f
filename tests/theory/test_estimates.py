"""Slopes and intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compresslab.errors import InvalidParameter
from compresslab.theory.estimates import derivatives_on_grid, estimate, interval, ratio_standard_error


@given(seed=st.integers(0, 2**32 - 1))
def test_the_derivatives_of_a_cubic_are_exact(seed: int) -> None:
    rng = np.random.default_rng(seed)
    c = rng.normal(size=4)
    x = np.sort(rng.uniform(0, 3, size=6)) + np.arange(6)
    y = c @ np.array([np.ones(6), x, x**2, x**3])
    slope = c[1] + 2 * c[2] * x + 3 * c[3] * x**2
    assert derivatives_on_grid(x, y) == pytest.approx(slope, rel=1e-8, abs=1e-8)


def test_three_points_give_the_parabola() -> None:
    assert derivatives_on_grid([0, 1, 3], [0, 1, 9]) == pytest.approx([0, 2, 6])


def test_student_interval_of_five_runs() -> None:
    # t(0.975, 4) = 2.776445 (any table of Student's distribution)
    x = np.array([1.0, 2.0, 4.0, 5.0, 8.0])
    half = 2.776445 * x.std(ddof=1) / np.sqrt(5)
    found = estimate(x)
    assert (found.low, found.high) == (pytest.approx(4 - half, rel=1e-6), pytest.approx(4 + half, rel=1e-6))
    assert found.half_width == pytest.approx(half, rel=1e-6)
    assert found.sign == 1
    assert estimate(-x).sign == -1
    assert found.covers(3)
    assert not found.covers(10)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = sum(estimate(rng.normal(3, 2, size=5)).covers(3) for _ in range(1000))
    assert 930 <= hits <= 970  # 950 +- 3 standard errors


def test_one_run_has_no_interval_and_no_sign() -> None:
    assert estimate([0.5]).sign == 0
    assert estimate([0.5]).low is None
    assert estimate([0.5]).high is None
    assert np.isnan(estimate([0.5]).half_width)
    assert not estimate([0.5]).covers(0.5)


def test_bad_input() -> None:
    with pytest.raises(InvalidParameter, match="finite numbers"):
        estimate([1.0, float("nan")])
    with pytest.raises(InvalidParameter, match="finite numbers"):
        estimate([])
    with pytest.raises(InvalidParameter, match="confidence lies between 0 and 1"):
        estimate([1.0, 2.0], 1.0)
    with pytest.raises(InvalidParameter, match="three different points"):
        derivatives_on_grid([0, 1], [0, 1])
    with pytest.raises(InvalidParameter, match="three different points"):
        derivatives_on_grid([0, 1, 1], [0, 1, 2])
    with pytest.raises(InvalidParameter, match="three different points"):
        derivatives_on_grid([0, 1, 2], [0, 1])


@given(st.integers(0, 10_000), st.integers(2, 9))
def test_an_interval_from_a_standard_error_is_that_of_the_runs(seed: int, runs: int) -> None:
    x = np.random.default_rng(seed).normal(size=runs)
    wanted = estimate(x)
    found = interval(float(x.mean()), float(x.std(ddof=1)) / runs**0.5, runs)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))
    assert interval(1.0, 0.1, 1).low is None
    assert interval(1.0, float("nan"), 5).low is None


def test_the_error_of_a_ratio_is_how_ratios_spread() -> None:
    rng = np.random.default_rng(0)
    ratios, errors = [], []
    for _ in range(400):
        under = rng.uniform(1, 3, size=60)
        over = 2 * under + rng.normal(size=60)
        ratios.append(over.sum() / under.sum())
        errors.append(ratio_standard_error(over, under))
    assert np.mean([e for e in errors if e is not None]) == pytest.approx(np.std(ratios), rel=0.15)
    assert ratio_standard_error([1.0], [1.0]) is None
