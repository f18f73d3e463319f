"""Reading numbers that a user gave."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

__all__ = ["number_or_nan"]


def number_or_nan(x: object) -> float:
    """Return a real number as a float, and NaN for anything else, so that every comparison with it fails.

    Example:
        >>> number_or_nan(3), number_or_nan("3"), number_or_nan(True)
        (3.0, nan, nan)
    """
    if isinstance(x, bool) or not isinstance(x, (int, float, Fraction, np.integer, np.floating)):
        return math.nan
    try:
        return float(x)
    except OverflowError:
        return math.inf
