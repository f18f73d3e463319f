"""Slopes and intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compresslab.errors import InvalidParameter
from compresslab.theory.estimates import derivatives_on_grid, estimate


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
