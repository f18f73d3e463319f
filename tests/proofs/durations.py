"""Claims as parameters of tests, those that take longest marked slow."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pytest
from _pytest.mark.structures import ParameterSet

__all__ = ["by_length"]


def by_length(names: Iterable[str], slow: Collection[str]) -> list[ParameterSet]:
    """Return each name as a parameter; those in ``slow`` are left to the slow tests."""
    return [pytest.param(name, marks=pytest.mark.slow if name in slow else ()) for name in names]
