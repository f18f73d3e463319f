"""Numbers with no more digits than are known: the one place where reports, tables and figures round.

What is measured over several runs has an interval, and the interval says how much is known: its half is written with
two significant digits, the mean to the same decimal place. What has no interval keeps as many places as its caller
gives it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Final

from compresslab.theory.estimates import Estimate

__all__ = [
    "decimals_known",
    "measured",
    "measured_mean",
    "ranged",
    "rounded",
    "shared_decimals",
    "significant",
    "spanned",
    "written_p",
]

_MOST: Final = 6  # significant digits of a mean, however narrow its interval: a float's noise begins beyond
_NOISE: Final = 1e-9  # bits, nats, shares: what differs by less differs by a float's noise
_SINGLE: Final = 3  # significant digits of a single run: nothing says how many are known


def decimals_known(half_width: float) -> int:
    """Return the decimal place of the second significant digit of half an interval; below 0 left of the point.

    Args:
        half_width: above 0, finite.

    Example:
        >>> decimals_known(0.0151), decimals_known(0.0996), decimals_known(583.0)
        (3, 2, -1)
    """
    return 1 - int(f"{half_width:.1e}".partition("e")[2])


def rounded(x: float | None, decimals: int, *, signed: bool = False, none: str = "-") -> str:
    """Write a number to a decimal place, thousands apart; a number that rounds to 0 has no sign.

    Args:
        x: the number.
        decimals: places after the point; below 0, whole tens (-1), hundreds (-2).
        signed: put a plus before what is above 0.
        none: what stands where there is no number.

    Example:
        >>> rounded(-0.00001, 3), rounded(1234.5, -1), rounded(0.5, 1, signed=True)
        ('0.000', '1,230', '+0.5')
    """
    if x is None or math.isnan(x):
        return none
    text = f"{round(x, decimals):{'+' if signed else ''},.{max(decimals, 0)}f}"
    return text if any(digit in text for digit in "123456789") or math.isinf(x) else text.lstrip("+-")


def significant(x: float | None, digits: int = _SINGLE, *, signed: bool = False, none: str = "-") -> str:
    """Write a number with significant digits, without an exponent; 0 is "0".

    Example:
        >>> significant(-0.0078912), significant(2, signed=True), significant(0.0)
        ('-0.00789', '+2.00', '0')
    """
    if x is None or not x:
        return none if x is None else "0"
    if not math.isfinite(x):
        return none if math.isnan(x) else f"{x:g}"
    return rounded(x, digits - 1 - int(f"{x:.{digits - 1}e}".partition("e")[2]), signed=signed)


def measured(
    x: Estimate | None, *, signed: bool = True, percent: bool = False, scale: float = 1.0, most: int | None = None
) -> str:
    """Write a mean with half its interval, both to the place of that half's second significant digit.

    Args:
        x: what was measured; "-" for None.
        signed: put a plus before what is above 0.
        percent: write shares in percent.
        scale: what mean and interval are multiplied by first.
        most: decimal places at most, where more than the interval limits what is known.

    Example:
        >>> from compresslab.theory.estimates import estimate
        >>> measured(estimate([1.0, 2.0, 3.0]))
        '+2.0 ± 2.5'
        >>> measured(Estimate(0.00897, -0.0121, 0.0299, 4)), measured(Estimate(0.0, 0.0, 0.0, 4))
        ('+0.009 ± 0.021', '0')
        >>> measured(Estimate(1.287, 0.577, 1.997, 4), signed=False, percent=True)
        '129% ± 71%'
    """
    if x is None:
        return "-"
    unit, factor = ("%", 100 * scale) if percent else ("", scale)
    mean, half = x.mean * factor, x.half_width * abs(factor)
    if math.isnan(half):
        return significant(mean, signed=signed) + unit
    if half < _NOISE:
        text = _exact(mean, signed)
        return text + unit + (f" ± 0{unit}" if text != "0" else "")
    decimals = _decimals(mean, half, most)
    text = rounded(half, decimals)
    if not any(digit in text for digit in "123456789"):
        text = f"< {10.0**-decimals:.{max(decimals, 0)}f}"
    return f"{rounded(mean, decimals, signed=signed)}{unit} ± {text}{unit}"


def measured_mean(
    x: Estimate | None, value: float | None = None, *, signed: bool = False, scale: float = 1.0, most: int | None = None
) -> str:
    """Write a mean alone, or another value beside it, with the digits that the mean's interval allows.

    Args:
        x: what was measured.
        value: written in the place of the mean, such as the theory's.
        signed: put a plus before what is above 0.
        scale: what is multiplied by first.
        most: decimal places at most.

    Example:
        >>> found = Estimate(0.0269, 0.0129, 0.0409, 4)
        >>> measured_mean(found), measured_mean(found, 0.03141592, signed=True)
        ('0.027', '+0.031')
    """
    if x is None:
        return "-"
    shown, half = (x.mean if value is None else value) * scale, x.half_width * abs(scale)
    if math.isnan(half):
        return significant(shown, signed=signed)
    if half < _NOISE:
        return _exact(shown, signed)
    return rounded(shown, _decimals(x.mean * scale, half, most), signed=signed)


def ranged(x: Estimate | None, *, percent: bool = False, none: str = "not defined") -> str:
    """Write a mean with both ends of its interval, which need not lie alike on either side of it.

    Args:
        x: such as a ratio of means with Fieller's interval.
        percent: write shares in percent.
        none: what stands where there is none.

    Example:
        >>> ranged(Estimate(1.2946, 0.8224, 2.7819, 4), percent=True), ranged(None)
        ('129% (82% to 278%)', 'not defined')
        >>> ranged(Estimate(0.449, 0.0253, 0.6749, 4), percent=True)
        '45% (3% to 67%)'
    """
    if x is None:
        return none
    unit, factor = ("%", 100.0) if percent else ("", 1.0)
    half = x.half_width * factor
    if math.isnan(half):
        return significant(x.mean * factor) + unit
    if half < _NOISE:
        return _exact(x.mean * factor, False) + unit
    decimals = min(_decimals(x.mean * factor, half, None), 0 if percent else _MOST)
    low, high = (rounded(None if end is None else end * factor, decimals) for end in (x.low, x.high))
    return f"{rounded(x.mean * factor, decimals)}{unit} ({low}{unit} to {high}{unit})"


def shared_decimals(half_widths: Sequence[float], least: int = 0) -> int:
    """Return the decimal place for numbers that stand together, such as a grid's: that of their middle interval.

    Args:
        half_widths: of the numbers; what is 0, or not a number, does not count.
        least: returned where none counts.

    Example:
        >>> shared_decimals([0.0, 0.014, 0.015, 0.2])
        3
    """
    counted = [half for half in half_widths if half >= _NOISE and math.isfinite(half)]
    return decimals_known(median(counted)) if counted else least


def spanned(counts: Iterable[int]) -> str:
    """Write the range of some counts, such as the parameters of several networks.

    Example:
        >>> spanned([1894, 45542, 1894]), spanned([1894])
        ('1,894 to 45,542', '1,894')
    """
    found = sorted(set(counts))
    return " to ".join(f"{count:,}" for count in dict.fromkeys([found[0], found[-1]]))


def written_p(p: float) -> str:
    """Write a p-value.

    Example:
        >>> written_p(0.0371), written_p(0.00001), written_p(float("nan"))
        ('0.037', '< 0.0001', '-')
    """
    return "-" if math.isnan(p) else "< 0.0001" if p < 1e-4 else f"{p:.2g}"


def _exact(x: float, signed: bool) -> str:
    """Write what all runs agree on, without noughts at its end."""
    text = significant(x if abs(x) >= _NOISE else 0.0, _MOST, signed=signed)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _decimals(mean: float, half: float, most: int | None) -> int:
    """Return the place of the half's second digit, or an earlier one: a mean has no more than `_MOST` digits."""
    largest = max(abs(mean), half)
    places = min(decimals_known(half), _MOST - 1 - int(f"{largest:.{_MOST - 1}e}".partition("e")[2]))
    return places if most is None else min(places, most)
