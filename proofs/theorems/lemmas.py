"""Steps that several proofs share."""

from __future__ import annotations

import sympy as sp

from ..expressions import positive
from ..facts import Fact
from ..rules_analysis import Minimum
from ..vocabulary import ONE

__all__ = ["LOG", "LOG_BOUND", "x"]

x = positive("xi")
LOG = Fact(x - 1, ">=", sp.log(x))
LOG_BOUND = Minimum("log", "For every x > 0, ln x <= x - 1", LOG, x=x, x0=ONE, slope=1 / x)
