"""Slopes from finite data: known values, laws, and simulation on laws whose slopes are known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab.data.dataset import Dataset
from compresslab.errors import InvalidCounts, InvalidParameter, InvalidVolume
from compresslab.theory.elasticity import Elasticity
from compresslab.theory.finite_data import CONTAINED, Corrected, ElasticityEstimate, estimate_elasticity, fresh_weights
from compresslab.theory.observed import observe
from compresslab.trees.distribution import LeafDistribution
from compresslab.trees.tree import TokenTree

ROLES = ("pretrain", "align", "perturb")
counts = st.lists(st.lists(st.integers(0, 60), min_size=4, max_size=4), min_size=3, max_size=3).filter(
    lambda rows: all(sum(row) >= 20 for row in rows)
)


def slopes_of(found: ElasticityEstimate) -> list[Corrected]:
    held = [getattr(found.slopes, role) for role in ROLES]
    assert all(isinstance(one, Corrected) for one in held)
    return held


def drawn(laws: Any, sizes: Any, rng: np.random.Generator) -> dict[str, Any]:
    return {str(i): rng.multinomial(n, p) for i, (n, p) in enumerate(zip(sizes, laws, strict=True))}


# ---- known values ----


@settings(max_examples=25, deadline=None)
@given(counts, st.floats(0.1, 100), st.floats(0.01, 5))
def test_the_plug_in_value_is_that_of_elasticity(rows: list[list[int]], k: float, l: float) -> None:  # noqa: E741
    found = estimate_elasticity(observe(dict(zip("pat", rows, strict=True))), k=[k], l=[l])[0]
    slopes = Elasticity(*(np.array(row) / sum(row) for row in rows), k).derivatives(l)
    for one, role in zip(slopes_of(found), ROLES, strict=True):
        assert one.plug_in == pytest.approx(getattr(slopes, role), rel=1e-9, abs=1e-12)
        assert one.low <= min(one.value, one.alone)
        assert max(one.value, one.alone) <= one.high
        assert one.standard_error >= 0


@settings(max_examples=25, deadline=None)
@given(counts, st.floats(0.1, 100), st.floats(0.01, 5))
def test_forces_sum_to_zero_in_each_estimate(rows: list[list[int]], k: float, l: float) -> None:  # noqa: E741
    p, a, t = slopes_of(estimate_elasticity(observe(dict(zip("pat", rows, strict=True))), k=[k], l=[l])[0])
    for name in ("plug_in", "value", "alone"):
        terms = [k * getattr(p, name), getattr(a, name), l * getattr(t, name)]
        assert terms[2] == 0 or abs(math.fsum(terms)) <= 1e-9 * max(1.0, *map(abs, terms))
    assert max(t.value, t.high) <= 0  # its own rate never rises


def test_the_correction_of_second_order_against_finite_differences() -> None:
    """Half the second derivative along a dataset times the variance p (1 - p) / N of a share, leaf by leaf."""
    rows, k, l = [[400, 300, 301], [61, 80, 70], [50, 77, 90]], 7.0, 0.3  # noqa: E741
    p = [np.array(row) / sum(row) for row in rows]

    def overlap_term(shares: Any) -> Any:
        return shares[1] * shares[2] / (k * shares[0] + shares[1] + l * shares[2])

    bias, h = 0.0, 1e-4
    for s, row in enumerate(rows):
        up, down = ([x + sign * h * (i == s) for i, x in enumerate(p)] for sign in (1, -1))
        second = (overlap_term(up) - 2 * overlap_term(p) + overlap_term(down)) / h**2
        bias += float((second / 2 * p[s] * (1 - p[s]) / sum(row)).sum())
    align = slopes_of(estimate_elasticity(observe(dict(zip("pat", rows, strict=True))), k=[k], l=[l])[0])[1]
    assert align.value == align.alone  # every phrase repeats
    assert align.value - align.plug_in == pytest.approx(bias, rel=1e-5)


def test_pooled_classes_by_hand() -> None:
    """Leaves 0 and 1 repeat so often that second order is nothing; the others stand once in each dataset given."""
    rows = {
        "p": [200_000, 180_000, 10_000, 10_000, 0, 0, 0],
        "a": [50_000, 40_000, 0, 0, 9_000, 0, 0],
        "t": [40_000, 40_000, 10_000, 0, 0, 10_000, 9_000],
    }
    # Leaf 2: once in p and once in t; 3, 4, 5: once in p, a, t alone; 6: twice in t. Each stands for many of its kind.
    spread: dict[str, list[int]] = {name: row[:2] for name, row in rows.items()}
    for place, (name, kind, times, length) in enumerate(
        [("pt", 1, 1, 10_000), ("p", 1, 1, 10_000), ("a", 1, 1, 9_000), ("t", 1, 1, 10_000), ("t", 2, 2, 4_500)]
    ):
        assert rows[name[-1]][2 + place] == times * length
        for one in rows:
            spread[one] = spread[one] + [kind if one in name else 0] * length
    k, l = 3.0, 0.5  # noqa: E741
    # Classes: nowhere else (3, 4, 5); once in p (t on leaf 2); once in t (p on leaf 2, t on leaf 6).
    classes = {
        "p": [200_000, 180_000, 10_000, 0, 10_000],
        "a": [50_000, 40_000, 9_000, 0, 0],
        "t": [40_000, 40_000, 10_000, 10_000, 9_000],
    }
    wanted = Elasticity(*(np.array(row) / sum(row) for row in classes.values()), k).derivatives(l)
    alone = Elasticity(*(np.array(row) / sum(row) for row in spread.values()), k).derivatives(l)
    found = estimate_elasticity(observe(spread), k=[k], l=[l])[0]
    for one, role in zip(slopes_of(found), ROLES, strict=True):
        assert one.plug_in == pytest.approx(getattr(alone, role), rel=1e-9)
        assert one.value == pytest.approx(getattr(wanted, role), abs=1e-5)
        assert abs(one.value - one.plug_in) > 1e-3
    assert found.new_mass == pytest.approx(10_000 / 109_000)
    assert found.missing.perturb == pytest.approx(20_000 / 109_000)
    assert found.missing.pretrain == pytest.approx(20_000 / 400_000)


def test_overlaps_are_the_slopes_in_another_unit() -> None:
    found = estimate_elasticity(observe({"p": [50, 30], "a": [9, 20], "t": [20, 9]}), k=[4], l=[0.5])[0]
    slope, overlap = found.slopes.align, found.overlaps.align
    assert slope is not None
    assert overlap is not None
    assert (overlap.low, overlap.high) == pytest.approx((1 - 5.5 * slope.high, 1 - 5.5 * slope.low))
    assert overlap.standard_error == pytest.approx(5.5 * slope.standard_error)


# ---- what turns a sign ----


def test_new_phrases_turn_a_sign_that_is_then_undecided() -> None:
    """8 % of the new data's phrases are new: missed, not absent. As absent they turn the slope's sign.

    The interval says so, and fifty times the data of the same law decide.
    """
    rng = np.random.default_rng(3)
    common, rare = 20, 4000
    p1, p2, p3 = (np.concatenate([0.9 * rng.dirichlet(np.full(common, 5.0)), np.full(rare, 0.1 / rare)])
                  for _ in range(3))  # fmt: skip
    laws, sizes = [(p1 + p2 + p3) / 3, p2, p3], [3000, 1000, 1000]
    truth = Elasticity(*laws, 10).derivatives(0.05).pretrain
    few = observe(drawn(laws, sizes, rng))
    found = estimate_elasticity(few)[0]
    slope = slopes_of(found)[0]
    assert 0.07 < found.new_mass < 0.09
    assert truth < 0 < slope.plug_in  # the plug-in value has the wrong sign
    assert slope.sign == 0
    assert slope.covers(truth)
    assert slope.value < 0
    enough = slopes_of(estimate_elasticity(observe(drawn(laws, [50 * n for n in sizes], rng)))[0])[0]
    assert enough.sign == -1
    assert enough.covers(truth)


# ---- simulation on known laws ----


def simulate(laws: Any, sizes: Any, weights: Any, reps: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    truth = Elasticity(*(np.asarray(weights) @ np.asarray(laws)), 10).derivatives(0.1)
    found = []
    for seed in range(reps):
        seen = observe(drawn(laws, sizes, rng), seed=seed)
        slopes = slopes_of(estimate_elasticity(seen, weights, l=[0.1])[0])
        found.append([[s.plug_in, s.value, s.low, s.high, s.standard_error, s.alone] for s in slopes])
    return np.array(found), np.array([truth.pretrain, truth.align, truth.perturb])


def dense(reps: int) -> None:
    rng = np.random.default_rng(0)
    laws = rng.dirichlet(np.full(30, 4.0), 3)
    found, truth = simulate(laws, [600, 600, 600], CONTAINED, reps)
    plug, value, low, high, error, _ = np.moveaxis(found, -1, 0)
    spread = value.std(axis=0, ddof=1)
    noise = 3.5 * spread / math.sqrt(reps)
    assert (np.abs(value.mean(axis=0) - truth) < noise).all()  # no bias that the simulation could see
    assert (np.abs(plug.mean(axis=0) - truth) > noise).all()  # unlike the plug-in value's
    assert np.sqrt((error**2).mean(axis=0)) / spread == pytest.approx([1, 1, 1], abs=0.3)
    covered = ((low <= truth) & (truth <= high)).mean(axis=0)
    slack = 3.5 * math.sqrt(0.05 * 0.95 / reps)
    assert (np.abs(covered - 0.95) < slack + 0.01).all()


def test_bias_error_and_coverage_on_a_known_law() -> None:
    dense(80)


@pytest.mark.slow
def test_bias_error_and_coverage_on_a_known_law_closely() -> None:
    dense(1500)


@pytest.mark.parametrize("share_new", [0.0, 0.1])
def test_intervals_hold_the_truth_where_most_phrases_occur_once(share_new: float) -> None:
    """Zipf laws of more leaves than phrases; the new data's phrases are shared but unseen, or truly new in part."""
    rng = np.random.default_rng(0)
    M, new = 4000, 1000
    zipf = np.concatenate([1 / np.arange(1, M + 1), np.zeros(new)])
    laws = zipf * np.exp(rng.normal(0, 0.5, (3, M + new)))
    laws /= laws.sum(axis=1, keepdims=True)
    laws[2] = (1 - share_new) * laws[2] + share_new * np.concatenate([np.zeros(M), np.full(new, 1 / new)])
    before = laws[0] + laws[1] + laws[2] * (zipf > 0)
    laws[0] = before / before.sum()
    found, truth = simulate(laws, [4000, 1500, 1500], np.eye(3), 25)
    plug, _, low, high, _, _ = np.moveaxis(found, -1, 0)
    assert ((low <= truth) & (truth <= high)).mean() > 0.95
    wrong = ((low > 0) & (truth < 0)) | ((high < 0) & (truth > 0))
    assert not wrong.any()
    assert (np.abs(plug[:, 0].mean() - truth[0]) > 0.5 * abs(truth[0])).all()  # the plug-in value is far off


# ---- responses ----


def test_phrases_of_one_response_go_together() -> None:
    """Each text ten times in one response: as much is known as from one, and the error says so; counts cannot."""
    rng = np.random.default_rng(2)
    words = [f"{x:03d}" for x in range(40)]

    def data(weights: Any, times: int) -> Dataset:
        drawn_words = rng.choice(40, 200, p=weights)
        return Dataset.from_texts([words[w] * times for w in drawn_words])

    laws = rng.dirichlet(np.ones(40), 3)
    sets = {name: data(law, 10) for name, law in zip("pat", laws, strict=True)}
    by_response = slopes_of(estimate_elasticity(observe(sets, depth=3))[0])
    trees = {name: TokenTree.build(one, 3) for name, one in sets.items()}
    by_phrase = slopes_of(estimate_elasticity(observe(trees))[0])
    for response, phrase in zip(by_response, by_phrase, strict=True):
        assert response.plug_in == pytest.approx(phrase.plug_in)
        assert response.standard_error > 2 * phrase.standard_error
    assert [sample.units for sample in observe(sets, depth=3).samples] == ["responses"] * 3
    one_text = {name: Dataset.from_texts(["".join(words)]) for name in "pat"}
    assert [sample.units for sample in observe(one_text, depth=3).samples] == ["runs of phrases"] * 3


def test_trees_and_count_arrays_say_the_same() -> None:
    sets = {name: Dataset.from_texts([text] * 30) for name, text in zip("pat", ("abab", "abba", "aabb"), strict=True)}
    trees = {name: TokenTree.build(one, 2) for name, one in sets.items()}
    seen = observe(trees)
    leaves = {name: LeafDistribution.from_counts(tree.leaves().keys, tree.leaves().counts)
              for name, tree in trees.items()}  # fmt: skip
    assert estimate_elasticity(seen) == estimate_elasticity(observe(leaves))
    assert observe(sets, depth=2).num_leaves == seen.num_leaves


# ---- refused ----


def test_what_is_refused() -> None:
    seen = observe({"p": [25, 25], "a": [1, 39], "t": [39, 1]})
    with pytest.raises(InvalidCounts, match="holds probabilities"):
        observe({"p": LeafDistribution(["a", "b"], [0.5, 0.5])})
    with pytest.raises(InvalidParameter, match="p has 19 phrases"):
        observe({"p": [9, 10]})
    with pytest.raises(InvalidParameter, match="at least one dataset"):
        observe({})
    with pytest.raises(InvalidParameter, match="three rows"):
        estimate_elasticity(seen, [[1, 0, 0], [0, 1, 0]])
    with pytest.raises(InvalidParameter, match="three rows"):
        estimate_elasticity(observe({"p": [15, 15], "a": [1, 39]}))
    with pytest.raises(InvalidParameter, match="weight 0"):
        estimate_elasticity(seen, [[1, 0, 0], [1, 0, 0], [0, 1, 0]])
    with pytest.raises(InvalidParameter, match="confidence"):
        estimate_elasticity(seen, confidence=1)
    with pytest.raises(InvalidVolume, match="k ="):
        estimate_elasticity(seen, k=[0])
    assert estimate_elasticity(seen, l=[0])[0].slopes.perturb is None
    assert fresh_weights([2, 2, 4])[0] == (0.25, 0.25, 0.5, 0, 0)
