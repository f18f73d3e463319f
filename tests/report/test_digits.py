"""No more digits than are known, no sign of nothing, no line broken within a number."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from compresslab.report.digits import decimals_known, measured, measured_mean, rounded, shared_decimals, significant
from compresslab.report.typeset import typeset
from compresslab.theory.estimates import Estimate

MEANS = st.floats(-1e6, 1e6)
HALVES = st.floats(1e-5, 1e6)


def estimate_of(mean: float, half: float, runs: int = 4) -> Estimate:
    return Estimate(mean, mean - half, mean + half, runs)


def places(text: str) -> int:
    return len(text.partition(".")[2])


@settings(max_examples=300, deadline=None)
@given(MEANS, HALVES)
@example(0.00897, 0.021)
@example(-0.0079, 0.0151)
@example(131.8, 583.0)
@example(-0.00002, 0.0996)
def test_mean_and_interval_end_at_the_same_decimal_place(mean: float, half: float) -> None:
    assume(abs(mean) < 1e4 * half)
    x = estimate_of(mean, half)
    known = decimals_known(x.half_width)
    shown, _, width = measured(x).replace(",", "").partition(" ± ")
    assert places(shown) == places(width) == max(0, known)
    digits = width.replace(".", "").lstrip("0")
    assert len(digits.rstrip("0") or "0") <= 2  # two significant digits of it, noughts before the point aside
    step = 10.0**-known
    assert abs(float(width) - x.half_width) <= 0.5 * step * (1 + 1e-9) + 1e-12
    assert abs(float(shown) - mean) <= 0.5 * step * (1 + 1e-9) + 1e-9 * abs(mean)
    assert float(shown) != 0 or shown.lstrip("0.") == ""  # no sign of nothing
    assert shown.startswith("+") == (float(shown) > 0)
    assert float(measured_mean(x).replace(",", "")) == float(shown)
    assert places(measured_mean(x, math.pi)) == max(0, known)


@settings(max_examples=200, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False, width=32), st.integers(-3, 8), st.booleans())
def test_a_number_that_rounds_to_zero_has_no_sign(x: float, decimals: int, signed: bool) -> None:
    text = rounded(x, decimals, signed=signed)
    assert not re.fullmatch(r"[-+]0*\.?0*", text)
    assert float(text.replace(",", "")) == pytest.approx(x, abs=0.5 * 10.0**-decimals + 1e-6 * abs(x))


@pytest.mark.parametrize(
    ("mean", "half", "text"),
    [
        (0.00897, 0.021, "+0.009 ± 0.021"),
        (-0.0079, 0.0151, "-0.008 ± 0.015"),
        (-0.00001, 0.012, "0.000 ± 0.012"),
        (3374.0, 477.0, "+3,370 ± 480"),
        (0.0, 0.0, "0"),
        (0.06, 0.0, "+0.06 ± 0"),
        (1.0, 1e-17, "+1 ± 0"),
        (1234.5, 0.00002, "+1,234.50 ± < 0.01"),
    ],
)
def test_numbers_as_a_reader_sees_them(mean: float, half: float, text: str) -> None:
    assert measured(estimate_of(mean, half)) == text


def test_shares_are_in_percent_and_a_single_run_has_no_interval() -> None:
    assert measured(estimate_of(1.287, 0.71), signed=False, percent=True) == "129% ± 71%"
    assert measured(Estimate(0.123456, None, None, 1)) == "+0.123"
    assert measured_mean(Estimate(1234.5, None, None, 1)) == "1,230"
    assert measured(None) == measured_mean(None) == rounded(None, 2) == significant(None) == "-"
    assert measured(estimate_of(0.123456, 0.000012), most=3) == "+0.123 ± < 0.001"
    assert measured(estimate_of(math.log(2), 0.01), scale=1 / math.log(2)) == "+1.000 ± 0.014"


def test_a_grid_is_rounded_by_its_middle_interval() -> None:
    assert shared_decimals([0.0, math.nan, 0.014, 0.5, 0.0151]) == 3
    assert shared_decimals([0.0], 4) == 4


@settings(max_examples=50, deadline=None)
@example(" -±0")
@given(st.text(alphabet="ab 0123456789.-+±%<>=klof\u00a0\u2212", max_size=40))
def test_setting_a_text_twice_changes_nothing_and_loses_nothing(text: str) -> None:
    once = typeset(text)
    assert typeset(once) == once
    plain = re.sub(r"\s+", "", once).replace("\u2212", "-").replace("\u2013", "-")
    assert plain == re.sub(r"\s+", "", text).replace("\u2212", "-")


@pytest.mark.parametrize("text", ["95 %", "+0.1 ± 0.022", "-0.012 ± 0.006", "1 of 8", "3.0 ± < 0.1", "> 400", "k = 10"])
def test_no_line_is_broken_within_a_number(text: str) -> None:
    assert " " not in typeset(text)
    assert "-" not in typeset(text)
