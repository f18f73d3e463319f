"""Reading numbers and settings that a user gave."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from fractions import Fraction
from typing import Any

import numpy as np

from compresslab.errors import InvalidParameter, did_you_mean

__all__ = ["known_fields", "number_or_nan"]


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


def known_fields(settings: Any, changes: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """Return changes of a dataclass, ready for ``dataclasses.replace``.

    Args:
        settings: the dataclass, or one of it.
        changes: field -> value.
        owner: whose settings these are, as "a probe".

    Raises:
        InvalidParameter: no such field.
    """
    known = [field.name for field in fields(settings)]
    for name in changes:
        if name not in known:
            raise InvalidParameter(f"{owner} has no setting {name!r}: {did_you_mean(name, known)}")
    return dict(changes)
