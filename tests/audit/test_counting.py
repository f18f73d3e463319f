"""Changes and shares with their intervals: against plain arithmetic, and by simulation of what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t

from compresslab.audit.counting import Runs, changes, crossed_mean, crossed_share, shares
from compresslab.audit.result import verdict_of
from compresslab.theory.estimates import Estimate, fieller, ratio_of_means

RNG = np.random.default_rng
TABLES = st.integers(0, 10**6).map(lambda seed: RNG(seed).normal(1.0, 2.0, size=(3, 8)))


def test_a_crossed_mean_adds_both_variances() -> None:
    """Recomputed from its definition: two one-way variances of the mean, and Satterthwaite's degrees of freedom."""
    values, symbols = RNG(1).normal(size=(4, 9)), np.full(9, 2.0)
    over_texts = np.var(values.mean(axis=0) / 2, ddof=1) / 9
    over_seeds = np.var(values.mean(axis=1) / 2, ddof=1) / 4
    freedom = math.floor((over_texts + over_seeds) ** 2 / (over_texts**2 / 8 + over_seeds**2 / 3))
    found = crossed_mean(values, symbols)
    assert found.mean == pytest.approx(values.mean() / 2)
    assert found.half_width == pytest.approx(t.ppf(0.975, freedom) * math.sqrt(over_texts + over_seeds))


def test_one_seed_has_the_interval_over_texts_alone() -> None:
    values = RNG(2).normal(size=(1, 9))
    found = crossed_mean(values, np.ones(9))
    assert found.half_width == pytest.approx(t.ppf(0.975, 8) * values.std(ddof=1) / 3)
    assert crossed_mean(values[:, :1], np.ones(1)) == Estimate(float(values[0, 0]), None, None, 1)


@given(TABLES)
@settings(max_examples=30)
def test_swapping_treated_and_control_turns_the_sign(values: np.ndarray) -> None:
    other = values[::-1] ** 2
    one, two = (crossed_mean(x, np.ones(8)) for x in (values - other, other - values))
    assert one.mean == pytest.approx(-two.mean)
    assert (one.low, one.high) == pytest.approx((-(two.high or 0), -(two.low or 0)))
    whole = np.linspace(4.0, 6.0, 8)
    a, b = (crossed_share(x, whole) for x in (values - other, other - values))
    assert a is not None
    assert b is not None
    assert (a.mean, a.low, a.high) == pytest.approx((-b.mean, -(b.high or 0), -(b.low or 0)))


@given(TABLES)
@settings(max_examples=30)
def test_a_share_with_one_seed_is_fiellers_ratio_of_means(values: np.ndarray) -> None:
    part, whole = values[:1], np.abs(values[1]) + 2
    plain, found = ratio_of_means(part[0], whole), crossed_share(part, whole)
    assert plain is not None
    assert found is not None
    assert (found.mean, found.low, found.high) == pytest.approx((plain.mean, plain.low, plain.high), rel=1e-9)


@pytest.mark.parametrize(("spread", "between"), [(1.0, 0.3), (0.2, 1.0)])
def test_intervals_hold_what_they_promise(spread: float, between: float) -> None:
    """Of means and of shares, whichever of texts and seeds varies more: about 95 in 100 cover the truth."""
    rng, covered, covered_share = RNG(7), 0, 0
    for _ in range(400):
        texts = rng.normal(1.0, spread, size=24)
        part = texts + rng.normal(0.0, between, size=(5, 1)) + rng.normal(0.0, 0.1, size=(5, 24))
        whole = 4.0 + rng.normal(0.0, 0.5, size=24)
        covered += crossed_mean(part, np.ones(24)).covers(1.0)
        share = crossed_share(part, whole)
        covered_share += share is not None and share.covers(0.25)
    assert 0.92 <= covered / 400 <= 0.99
    assert 0.92 <= covered_share / 400 <= 0.99


def test_a_share_of_what_is_not_certain_is_not_defined() -> None:
    part = RNG(3).normal(size=(2, 6))
    assert crossed_share(part, np.array([1.0, -1.0, 2.0, -2.0, 0.5, -0.4])) is None
    assert crossed_share(part, np.zeros(6)) is None
    assert crossed_share(part, -np.ones(6)) is None
    assert fieller(1.0, 1.0, [[0.1, 0.0], [0.0, 1.0]], 5) is None


@given(st.integers(0, 10**6))
@settings(max_examples=30)
def test_a_share_is_defined_where_the_interval_of_its_denominator_lies_above_0(seed: int) -> None:
    """Whatever the seeds do: their few degrees of freedom are those of the part alone. Responses differ in length."""
    rng = RNG(seed)
    symbols = rng.integers(1, 9, 8).astype(float)
    whole = symbols * rng.normal(1.0, 1.0, 8)
    part = rng.normal(0.1, 0.2, 8) * symbols + rng.normal(0.0, 3.0, (2, 1))
    of, share = crossed_mean(whole[None], symbols), crossed_share(part, whole, symbols)
    assert (share is not None) == (of.low is not None and of.low > 0)
    if share is not None:
        assert share.covers(share.mean)
        assert share.mean == pytest.approx(part.mean(axis=0).sum() / whole.sum())


def rows(arm: str, seed: int, perturbation: str = "t") -> list[dict[str, object]]:
    rng = RNG([seed, len(arm)])
    return [
        {"arm": arm, "seed": seed, "perturbation": perturbation, "examples": seen,
         "nats": {"a": rng.normal(5.0, 1.0, 4).tolist(), "p": rng.normal(9.0, 1.0, 4).tolist()}}
        for seen in (0, 4)
    ]  # fmt: skip


def test_changes_are_paired_by_seed_and_response() -> None:
    """In whatever order rows come; recomputed by plain sums."""
    every = [row for arm in ("aligned", "control") for seed in (1, 0) for row in rows(arm, seed)]
    runs = Runs.of(every, {"a": np.ones(4), "p": np.ones(4)}, {"a": "align", "p": "pretrain"})
    one = next(change for change in changes(runs) if change.dataset == "a")
    held = {(row["arm"], row["seed"], row["examples"]): sum(row["nats"]["a"]) for row in every}
    net = np.mean([
        held["aligned", s, 4] - held["aligned", s, 0] - held["control", s, 4] + held["control", s, 0] for s in (0, 1)
    ]) / 4  # fmt: skip
    assert one.net_of_control.mean == pytest.approx(net)
    assert one.placebo is None
    assert one.net_of_placebo is None
    assert [share.what for share in shares(runs)] == ["undone", "returned"]


def test_a_verdict_says_what_an_interval_says() -> None:
    def share(mean: float, low: float, high: float) -> Estimate:
        return Estimate(mean, low, high, 9)

    assert verdict_of(share(0.4, 0.1, 0.7)) == "seen"
    assert verdict_of(share(-0.4, -0.7, -0.1)) == "the opposite seen"
    assert verdict_of(share(0.02, 0.01, 0.04)) == "equivalent to nothing"  # certain, and too small to matter
    assert verdict_of(share(0.4, -0.1, 0.9)) == "undecided"
    assert verdict_of(Estimate(0.4, None, None, 1)) == "undecided"
    assert verdict_of(None) == "not defined"
