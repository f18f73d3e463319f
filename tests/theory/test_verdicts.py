"""Verdicts: what swaps when the effect does, what a margin decides, and how many runs would."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from compresslab.errors import InvalidParameter
from compresslab.experiments.resistance.summary import seeds_for_signs, sign_test
from compresslab.theory.estimates import Estimate, estimate, student_quantile
from compresslab.theory.verdicts import Verdict, power, runs_to_decide, standard_deviation, verdict

RUNS = st.lists(st.floats(-10, 10).filter(lambda x: abs(x) > 1e-3), min_size=2, max_size=12)
TURNED = {"seen": "the opposite seen", "the opposite seen": "seen"}


@given(RUNS, st.floats(0, 3))
def test_the_opposite_effect_has_the_opposite_verdict(values: list[float], margin: float) -> None:
    found, turned = verdict(estimate(values), 1, margin), verdict(estimate(np.negative(values)), 1, margin)
    assert turned == Verdict(TURNED.get(found.kind, found.kind), found.runs)
    assert turned == verdict(estimate(values), -1, margin)


@given(RUNS, st.floats(0, 3))
def test_nothing_is_equivalent_to_an_effect_beyond_the_margin(values: list[float], margin: float) -> None:
    found = estimate(values)
    assert found.low is not None
    assert found.high is not None
    inside = max(abs(found.low), abs(found.high)) < margin
    assert (verdict(found, 1, margin).kind == "equivalent to nothing") == inside


@given(RUNS)
def test_so_many_runs_of_the_same_mean_and_spread_decide_and_one_fewer_does_not(values: list[float]) -> None:
    found = estimate(values)
    runs, spread = runs_to_decide(found), float(np.std(values, ddof=1))
    if runs is None:
        assert abs(found.mean) * math.sqrt(100_000) <= 1.97 * spread or found.mean == 0
        return
    for n, decides in ((runs, True), (runs - 1, False)):
        if n > 1:
            half = float(stats.t.ppf(0.975, n - 1)) * spread / math.sqrt(n)
            assert (half < abs(found.mean) * (1 + 1e-9 * (1 if decides else -1))) == decides
    if runs > len(values):
        assert verdict(found).runs == runs


@given(st.floats(0.01, 5), st.floats(0.1, 3), st.integers(2, 30))
def test_the_spread_behind_an_interval_is_found_again(mean: float, spread: float, runs: int) -> None:
    half = student_quantile(runs - 1) * spread / math.sqrt(runs)
    assert standard_deviation(Estimate(mean, mean - half, mean + half, runs)) == pytest.approx(spread)


def test_power_is_that_of_simulated_tests() -> None:
    rng = np.random.default_rng(0)
    for runs, effect in ((5, 1.0), (8, 0.7), (20, 0.3)):
        drawn = rng.normal(effect, 1, (40_000, runs))
        statistic = drawn.mean(axis=1) / (drawn.std(axis=1, ddof=1) / math.sqrt(runs))
        seen = float((statistic > stats.t.ppf(0.975, runs - 1)).mean())
        half = student_quantile(runs - 1) / math.sqrt(runs)
        assert power(Estimate(0.0, -half, half, runs), effect) == pytest.approx(seen, abs=4 * 0.5 / math.sqrt(40_000))


def test_a_single_run_decides_nothing_and_knows_no_number() -> None:
    one = estimate([1.0])
    assert verdict(one) == Verdict("undecided")
    assert str(verdict(one)) == "undecided"
    assert math.isnan(power(one, 1.0))


@given(st.integers(0, 12), st.integers(0, 12))
@example(5, 14)  # 17 seeds would decide by how 5 of 19 rounds, but there are 19, undecided
def test_a_test_of_signs_with_the_same_share_decides_at_that_number(easier: int, harder: int) -> None:
    runs = seeds_for_signs(easier, harder)
    if easier == harder:
        assert runs is None
        return
    assert runs is not None
    fewer = min(easier, harder) / (easier + harder)
    assert (runs == easier + harder) == (sign_test(easier, harder) <= 0.05)
    assert sign_test(runs - round(fewer * runs), round(fewer * runs)) <= 0.05
    assert all(sign_test(n - round(fewer * n), round(fewer * n)) > 0.05 for n in range(easier + harder, min(runs, 60)))


def test_so_many_new_runs_decide_in_about_half_of_all_cases() -> None:
    runs = runs_to_decide(Estimate(0.5, 0.5 - 3.182 / 2, 0.5 + 3.182 / 2, 4))  # four runs of spread 1
    assert runs == 18
    drawn = np.random.default_rng(0).normal(0.5, 1, (20_000, runs))
    half = student_quantile(runs - 1) * drawn.std(axis=1, ddof=1) / math.sqrt(runs)
    share = float((drawn.mean(axis=1) > half).mean())
    assert 0.45 < share < 0.6
    width = student_quantile(runs - 1) / math.sqrt(runs)
    assert power(Estimate(0.5, 0.5 - width, 0.5 + width, runs), 0.5) == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("effect", [1.0, 1e6, 1e300, math.inf])
@pytest.mark.parametrize("spread", [0.0, 1e-300, 1e-17, 1e-9])
def test_an_effect_far_beyond_the_spread_is_seen_for_certain(effect: float, spread: float) -> None:
    for runs in (2, 5, 1000):
        assert power(Estimate(0.0, -spread, spread, runs), effect) == 1.0


def test_what_is_no_number_has_no_power_and_no_verdict() -> None:
    assert math.isnan(power(estimate([0.0, 1.0]), math.nan))
    assert verdict(Estimate(math.nan, math.nan, math.nan, 3)) == Verdict("undecided")
    assert verdict(estimate([0.0, 0.0])) == Verdict("undecided")
    assert verdict(estimate([0.0, 0.0]), margin=0.1).kind == "equivalent to nothing"


@pytest.mark.parametrize("margin", [-1.0, math.nan])
def test_a_margin_below_nothing_is_refused(margin: float) -> None:
    for refused in (verdict, runs_to_decide):
        with pytest.raises(InvalidParameter, match="a margin is 0 or more"):
            refused(estimate([0.0, 1.0]), margin=margin)
    with pytest.raises(InvalidParameter, match="a claim names a sign, 1 or -1: not 0"):
        verdict(estimate([0.0, 1.0]), 0)
