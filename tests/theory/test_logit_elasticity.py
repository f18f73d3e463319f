"""Logit elasticity: rates against finite differences of the flow, laws exactly, closed forms against integration."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab.errors import InvalidDistribution, InvalidParameter, MismatchedLeaves
from compresslab.theory.logit_elasticity import (
    exchange_rate,
    flow_code_length_nats,
    linear_range_nats,
    logit_rate_nats,
    return_bound_nats,
    return_criterion,
    return_threshold,
    tree_logit_rate_nats,
)


def rows(count: int, least: int = 0, size: int = 4) -> st.SearchStrategy[list[list[Fraction]]]:
    """Rows of exact distributions over one vocabulary."""
    weights = st.lists(st.integers(least, 9), min_size=size, max_size=size).filter(any)
    return st.lists(weights.map(lambda w: [Fraction(x, sum(w)) for x in w]), min_size=count, max_size=count)


@settings(max_examples=40, deadline=None)
@given(rows(2), rows(1, least=1))
def test_the_rate_is_the_slope_of_the_flow(data: list[list[Fraction]], model: list[list[Fraction]]) -> None:
    step = 1e-4
    i, t, q = ([float(x) for x in row] for row in (*data, *model))
    lengths = flow_code_length_nats(i, t, q, [0.0, step, 2 * step])
    slope = (-3 * lengths[0] + 4 * lengths[1] - lengths[2]) / (2 * step)
    assert slope == pytest.approx(float(logit_rate_nats(i, t, q)), abs=2e-6)


@given(rows(3), st.lists(st.integers(1, 9), min_size=3, max_size=3))
def test_forces_sum_to_zero_at_a_mixture_and_the_own_rate_falls(data: list[list[Fraction]], volumes: list[int]) -> None:
    total = sum(volumes)
    q = [sum(n * row[j] for n, row in zip(volumes, data, strict=True)) / Fraction(total) for j in range(4)]
    for t in data:
        assert sum(n * logit_rate_nats(row, t, q) for n, row in zip(volumes, data, strict=True)) == 0
        assert logit_rate_nats(t, t, q) <= 0
    assert logit_rate_nats(data[0], data[1], q) == logit_rate_nats(data[1], data[0], q)


@given(rows(3))
def test_data_comes_back_exactly_where_its_rate_is_negative(found: list[list[Fraction]]) -> None:
    o, t, q = found
    criterion = return_criterion(o, t, q)
    assert criterion.returns == (logit_rate_nats(o, t, q) < 0)
    ball = sum((a - b) ** 2 for a, b in zip(o, t, strict=True)) / 4
    outside = sum((x - (a + b) / 2) ** 2 for x, a, b in zip(q, o, t, strict=True))
    assert criterion.returns == (outside > ball)  # Thales


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6), st.fractions(Fraction(1, 20), Fraction(19, 20)))
def test_the_threshold_is_where_the_rate_turns(a: int, o: int, t: int, share: Fraction) -> None:
    threshold = return_threshold(1 / a, 1 / o, 1 / t, float(share))
    parts = [np.repeat([i == j for j in range(3)], [a, o, t]) / size for i, size in enumerate((a, o, t))]

    def returns(s: float) -> bool:
        weights = (s, (1 - s) * float(share), (1 - s) * (1 - float(share)))
        return return_criterion(parts[1], parts[2], sum(w * p for w, p in zip(weights, parts, strict=True))).returns

    assert 0 < threshold < 1
    assert returns(threshold + (1 - threshold) * 1e-6)
    assert not returns(threshold * (1 - 1e-6))


@settings(max_examples=10, deadline=None)
@given(rows(1, least=1, size=5), st.lists(st.integers(1, 9), min_size=2, max_size=2), st.integers(0, 2))
def test_no_return_exceeds_its_bound(model: list[list[Fraction]], weights: list[int], other: int) -> None:
    q = [float(x) for x in model[0]]
    t = np.array([*weights, 0, 0, 0]) / sum(weights)
    o = np.eye(5)[2 + other]
    lengths = flow_code_length_nats(o, t, q, np.linspace(0, 30, 60))
    for more in ([], [2], [3, 4]):
        assert lengths[0] - lengths.min() <= return_bound_nats(q, [0, 1, *more]) + 1e-8


def test_the_tree_of_theory_section_13() -> None:
    half = [Fraction(1, 2)] * 2
    cases = {Fraction(3, 5): Fraction(-11, 50), Fraction(11, 20): Fraction(-21, 200), Fraction(1, 2): Fraction(0)}
    for s, rate in cases.items():
        found = tree_logit_rate_nats([1, 1], [1, 1], [[0, 1], [1, 0]], [[0, 1], [0, 1]], [[s, 1 - s], half])
        assert found == rate
    with pytest.raises(MismatchedLeaves, match="one mass and one row for each node"):
        tree_logit_rate_nats([1], [1, 1], [half], [half], [half])


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.floats(0, 20), st.floats(0.1, 20))
def test_the_exchange_rate_is_that_of_the_flow(m_p: int, m_a: int, t_p: float, t_a: float) -> None:
    from scipy.integrate import solve_ivp

    p, a = np.repeat([1, 0], [m_p, m_a]) / m_p, np.repeat([0, 1], [m_p, m_a]) / m_a

    def train(z: np.ndarray, target: np.ndarray, time: float) -> np.ndarray:
        def push(_: float, y: np.ndarray) -> np.ndarray:
            q = np.exp(y - y.max())
            return target - q / q.sum()

        return solve_ivp(push, (0, max(time, 1e-12)), z, rtol=1e-10, atol=1e-12).y[:, -1]

    z = train(train(np.zeros(m_p + m_a), p, t_p), a, t_a)
    q = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
    assert exchange_rate(m_p, m_a, t_p, t_a) == pytest.approx(q[:m_p].sum() / q[m_p:].sum(), rel=1e-6)


@given(
    st.lists(st.floats(-5, 5), min_size=3, max_size=3),
    st.lists(st.floats(-8, 8), min_size=3, max_size=3),
    st.integers(0, 2),
)
def test_no_change_of_logits_leaves_the_linear_range(z: list[float], delta: list[float], y: int) -> None:
    def length(logits: np.ndarray) -> float:
        return float(np.logaddexp.reduce(logits) - logits[y])

    before, change = np.array(z), np.array(delta)
    q = np.exp(before - np.logaddexp.reduce(before))
    tangent = float(q @ change - change[y])
    spread = float(np.ptp(change))
    more = length(before + change) - length(before) - tangent
    assert -1e-9 <= more <= float(linear_range_nats(spread)) + 1e-9


def test_the_linear_range_is_smooth_and_below_its_simple_bounds() -> None:
    r = np.concatenate([np.geomspace(1e-8, 9e-3, 200), np.linspace(0.01, 50, 500)])
    found = linear_range_nats(r)
    assert (found <= np.minimum(r * r / 8, r) * (1 + 1e-9)).all()
    assert (np.diff(found) > 0).all()
    assert float(linear_range_nats(1e-3 * (1 + 1e-12))) == pytest.approx(
        float(linear_range_nats(1e-3 * (1 - 1e-12))), rel=1e-6
    )
    # The best two-point law reaches it.
    R = 2.0
    w = 1 / R - 1 / math.expm1(R)
    assert math.log(1 - w + w * math.exp(R)) - w * R == pytest.approx(float(linear_range_nats(R)), abs=1e-12)


def test_bad_input() -> None:
    with pytest.raises(InvalidDistribution, match="these sum to 1.5"):
        logit_rate_nats([0.5, 1.0], [0.5, 0.5], [0.5, 0.5])
    with pytest.raises(MismatchedLeaves, match="have one length"):
        return_criterion([1, 0], [1, 0, 0], [1, 0])
    with pytest.raises(InvalidParameter, match="a share lies|the share lies"):
        return_threshold(0.5, 0.5, 0.5, 1.0)
    with pytest.raises(InvalidParameter, match="collision probability"):
        return_threshold(0.0, 0.5, 0.5)
    with pytest.raises(InvalidParameter, match="S is a set of positions"):
        return_bound_nats([0.5, 0.5], [0, 0])
    with pytest.raises(InvalidParameter, match="times rise"):
        flow_code_length_nats([1, 0], [0, 1], [0.5, 0.5], [1.0, 0.5])
    with pytest.raises(InvalidDistribution, match="the model has a 0"):
        flow_code_length_nats([1, 0], [0, 1], [1, 0], [0.0])
    with pytest.raises(InvalidParameter, match="a spread is 0 or more"):
        linear_range_nats(-1)
    for bad in ((0, 1, 1.0, 1.0), (1, 1.5, 1.0, 1.0), (1, 1, -1.0, 1.0), (1, 1, 1.0, math.inf)):
        with pytest.raises(InvalidParameter):
            exchange_rate(*bad)  # type: ignore[arg-type]
    assert return_bound_nats([1.0, 0.0], [0, 1]) == math.inf
