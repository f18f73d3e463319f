"""p-values from intervals are those of scipy's tests, and Holm's correction that of its step-down procedure."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from compresslab.errors import InvalidParameter
from compresslab.theory.estimates import Estimate, estimate
from compresslab.theory.multiple_tests import holm, p_equivalent, p_value
from compresslab.theory.verdicts import verdict

RUNS = st.lists(st.floats(-10, 10).filter(lambda x: abs(x) > 1e-3), min_size=2, max_size=12).filter(
    lambda values: np.std(values) > 1e-3
)
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=9)


@given(RUNS)
def test_a_p_value_is_that_of_the_t_test(values: list[float]) -> None:
    assert p_value(estimate(values)) == pytest.approx(stats.ttest_1samp(values, 0).pvalue, rel=1e-6, abs=1e-12)


@given(RUNS, st.floats(0.01, 5))
def test_equivalence_is_the_weaker_of_two_one_sided_tests(values: list[float], margin: float) -> None:
    below = stats.ttest_1samp(values, -margin, alternative="greater").pvalue
    above = stats.ttest_1samp(values, margin, alternative="less").pvalue
    assert p_equivalent(estimate(values), margin) == pytest.approx(max(below, above), rel=1e-6, abs=1e-12)


@given(RUNS, st.floats(0.01, 5))
def test_a_verdict_of_equivalence_is_the_tests_at_half_its_level(values: list[float], margin: float) -> None:
    found = estimate(values)
    p = p_equivalent(found, margin)
    if abs(p - 0.025) > 1e-9:
        assert (verdict(found, 1, margin).kind == "equivalent to nothing") == (p < 0.025)


def stepping_down(p_values: list[float], level: float) -> set[int]:
    """Holm's procedure as he wrote it: the smallest first, until one is above the level over those that are left."""
    rejected: set[int] = set()
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    for rank, i in enumerate(order):
        if p_values[i] > level / (len(p_values) - rank):
            break
        rejected.add(i)
    return rejected


@given(P_VALUES, st.floats(0.001, 0.5))
def test_corrected_p_values_reject_what_the_procedure_rejects(p_values: list[float], level: float) -> None:
    corrected = holm(p_values)
    if all(abs(p * (len(p_values) - i) - level) > 1e-9 for p in p_values for i in range(len(p_values))):
        assert {i for i, p in enumerate(corrected) if p <= level} == stepping_down(p_values, level)
    assert all(p <= q <= 1 for p, q in zip(p_values, corrected, strict=True))


def test_a_test_that_is_not_defined_counts_in_the_family() -> None:
    assert holm([0.02, math.nan]) == [0.04, 1.0]


def test_what_cannot_be_tested_has_no_p_value() -> None:
    single = estimate([1.0])
    assert math.isnan(p_value(single))
    assert math.isnan(p_equivalent(single, 1.0))
    assert (p_value(Estimate(1.0, 1.0, 1.0, 3)), p_value(Estimate(0.0, 0.0, 0.0, 3))) == (0.0, 1.0)
    with pytest.raises(InvalidParameter, match="a margin of equivalence is above 0: not 0"):
        p_equivalent(single, 0)
    with pytest.raises(InvalidParameter, match="p-values lie between 0 and 1"):
        holm([1.5])
