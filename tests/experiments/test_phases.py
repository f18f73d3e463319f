"""Phases of a curve and the volume at which it crosses a level, on curves made to be known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab.errors import InvalidParameter
from compresslab.experiments.rebound.phases import fit_phases, least_volume, pooled_gain

GRID = [0, 20, 40, 60, 100, 140, 200, 300, 400]


@settings(max_examples=40, deadline=None)
@given(
    st.floats(-0.01, -0.001),
    st.floats(-0.0005, 0.0005),
    st.floats(40, 200),
    st.floats(-1, 1),
    st.integers(0, 2**32 - 1),
)
def test_a_knee_is_found_where_it_is(early: float, late: float, knee: float, start: float, seed: int) -> None:
    x = np.array(GRID, dtype=np.float64)
    y = start + early * np.minimum(x, knee) + late * np.maximum(0, x - knee)
    noise = 1e-4 * np.random.default_rng(seed).normal(size=len(x))
    fit = fit_phases(x, y + noise)
    # A knee between two points is told by the lines alone; both have two points or more.
    assert fit.early == pytest.approx(early, abs=2e-5 + 0.01 * abs(early))
    assert fit.late == pytest.approx(late, abs=2e-5)
    assert fit.knee == pytest.approx(knee, abs=6)
    assert fit.change == fit.late - fit.early
    assert fit.gain > 0
    assert fit.two_error < 1e-3
    assert fit.level == pytest.approx(y[-1], abs=1e-3)


def test_one_phase_is_preferred_where_there_is_one() -> None:
    rng, x = np.random.default_rng(0), np.array(GRID, dtype=np.float64)
    preferred = []
    for _ in range(200):
        fit = fit_phases(x, 1 - 0.002 * x + 0.02 * rng.normal(size=len(x)))
        assert fit.rate == pytest.approx(-0.002, abs=3e-4)
        assert fit.one_error >= fit.two_error
        preferred.append(fit.gain < 0)
    assert np.mean(preferred) > 0.9


def test_a_line_without_noise_has_one_phase() -> None:
    fit = fit_phases(GRID, [2 - 0.01 * x for x in GRID])
    assert fit.rate == pytest.approx(-0.01)
    assert fit.change == pytest.approx(0, abs=1e-9)
    assert fit.gain < 0


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (GRID[:6], [0.0] * 6),
        ([0, 0, *GRID[2:]], [0.0] * 9),
        (GRID, [0.0] * 8),
        (GRID, [0.0] * 8 + [float("nan")]),
    ],
)
def test_curves_that_cannot_be_fitted(x: list[int], y: list[float]) -> None:
    with pytest.raises(InvalidParameter, match="7 points or more at rising volumes"):
        fit_phases(x, y)


def test_the_least_volume_lies_on_the_line_between_two_points() -> None:
    assert least_volume([0, 10, 20, 30], [0.4, 0.2, 0.1, 0.3], 0.15) == pytest.approx(15)
    assert least_volume([0, 10, 20, 30], [0.4, 0.2, 0.1, 0.3], 0.1) == 20
    assert least_volume([0, 10, 20, 30], [0.4, 0.2, 0.1, 0.3], 0.4) == 0
    assert least_volume([0, 10, 20, 30], [0.4, 0.2, 0.1, 0.3], 0.09) is None
    with pytest.raises(InvalidParameter, match="rising volumes"):
        least_volume([0, 0], [1.0, 0.0], 0.5)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=8), st.floats(0.01, 0.99))
def test_a_lower_level_needs_at_least_as_much_data(values: list[float], level: float) -> None:
    x = list(range(len(values)))
    high, low = least_volume(x, values, level), least_volume(x, values, level / 2)
    if low is not None:
        assert high is not None
        assert high <= low
        assert np.interp(low, x, values) <= level / 2 + 1e-9


def test_all_runs_together_show_a_knee_that_one_run_cannot() -> None:
    rng, x = np.random.default_rng(1), np.array(GRID, dtype=np.float64)
    levels = rng.normal(size=(5, 1))  # each run has its own, which must not count
    bent, straight = -0.004 * np.minimum(x, 100) - 0.001 * np.maximum(0, x - 100), -0.002 * x
    noise = 0.05 * rng.normal(size=(5, len(x)))
    assert pooled_gain(x, levels + bent + noise) > 5
    assert pooled_gain(x, levels + straight + noise) < 0
    assert pooled_gain(x, levels + bent + noise) == pytest.approx(pooled_gain(x, bent + noise), abs=1e-6)
    assert pooled_gain(x, bent + noise) > np.mean([fit_phases(x, curve).gain for curve in bent + noise])
