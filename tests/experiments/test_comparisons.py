"""Net of control, and shares as ratios of means with Fieller's interval."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from compresslab.errors import InvalidParameter
from compresslab.theory.estimates import net_of_control, ratio_of_means


def test_net_of_control_takes_each_seeds_own_control_away() -> None:
    values = np.random.default_rng(0).normal(size=(4, 3, 5))
    net = net_of_control(values)
    assert (net[:, 0] == 0).all()
    np.testing.assert_array_equal(net[2, 1], values[2, 1] - values[2, 0])
    np.testing.assert_array_equal(net_of_control(values, 2)[:, 1], values[:, 1] - values[:, 2])
    for wrong in (values[:, 0, 0], values[:, :0]):
        with pytest.raises(InvalidParameter, match="a control is one of the arms"):
            net_of_control(wrong)


def test_the_ends_of_fiellers_interval_are_where_the_test_of_the_residual_turns() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        under = rng.normal(2, 1, 6)
        over = 0.7 * under + rng.normal(0, 0.5, 6)
        found = ratio_of_means(over, under)
        low, high = (under.mean() + sign * t.ppf(0.975, 5) * under.std(ddof=1) / np.sqrt(6) for sign in (-1, 1))
        assert (found is None) == (low <= 0 <= high)
        if found is not None:
            assert found.low is not None
            assert found.high is not None
            assert found.low <= found.mean <= found.high
            assert found.mean == pytest.approx(over.mean() / under.mean())
            for end in (found.low, found.high):
                left = over - end * under
                assert abs(left.mean()) == pytest.approx(t.ppf(0.975, 5) * left.std(ddof=1) / np.sqrt(6), abs=1e-9)


def test_fiellers_interval_covers_the_ratio_as_often_as_it_says() -> None:
    rng, inside, runs = np.random.default_rng(2), 0, 2000
    for _ in range(runs):
        under = rng.normal(1.0, 0.4, 5)
        found = ratio_of_means(0.5 * under + rng.normal(0, 0.3, 5), under)
        inside += found is None or found.covers(0.5)
    assert 0.93 < inside / runs < 0.97


def test_a_ratio_is_not_defined_where_the_interval_of_its_denominator_holds_zero() -> None:
    assert ratio_of_means([1.0, 2.0], [0.0, 0.0]) is None
    assert ratio_of_means([1.0], [0.0]) is None
    assert ratio_of_means([1.0, 2.0, 3.0], [0.1, -0.1, 0.05]) is None
    one = ratio_of_means([1.0], [2.0])
    assert one is not None
    assert (one.mean, one.low) == (0.5, None)
    for wrong in (([1.0, 2.0], [1.0]), ([], []), ([np.nan], [1.0])):
        with pytest.raises(InvalidParameter, match="finite numbers in pairs"):
            ratio_of_means(*wrong)
    with pytest.raises(InvalidParameter, match="a confidence lies between 0 and 1"):
        ratio_of_means([1.0], [1.0], confidence=1.0)
