"""Signs, decided exactly: by the structure of an expression and the types of its symbols.

No decimal is looked at, and nothing of sympy's own reasoning about signs. Each case is a line of the definition of an
ordered field: sums and products of positive numbers are positive, squares are not negative, a sum over a range that
is not empty has the sign of its terms, ``log x >= 0`` where ``x >= 1``, a mean of what is >= 0 is >= 0 (or infinite).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import sympy as sp

from .algebra import PLAIN, Normal
from .language import Mean, kind_of

__all__ = ["SIGNS", "Signs"]

Expr = Any


class Signs:
    """Signs by structure: True for > 0, False for >= 0, None where neither is seen; a subclass may know more."""

    def __init__(self, form: Normal) -> None:
        self.form = form
        self.of: Callable[..., bool | None] = lru_cache(maxsize=100_000)(self._of)

    def _of(self, expr: Expr, strict: bool = True) -> bool | None:
        """Return the sign; where a ``strict`` answer is not wanted, the first that is found will do."""
        direct = self.structure(expr, strict)
        if direct or (direct is False and not strict):
            return direct
        expanded = self.form.normal(expr)
        again = self.structure(expanded, strict)
        direct = direct if again is None else again
        return direct or self.otherwise(expanded, direct)

    def otherwise(self, expr: Expr, found: bool | None) -> bool | None:
        """Return what else shows the sign, or what is ``found``: nothing else does."""
        return found

    def structure(self, expr: Expr, full: bool) -> bool | None:
        """Return the sign that the outermost head and the signs of its parts give."""
        if isinstance(expr, sp.Rational):
            return bool(expr > 0) if expr >= 0 else None
        if (kind := kind_of(expr)) is not None and kind.sign != "real":
            return kind.sign == "positive" or self.otherwise(expr, False)
        if isinstance(expr, sp.Add):
            parts = [self.structure(arg, full) for arg in expr.args]
            return None if None in parts else any(parts)
        if isinstance(expr, sp.Mul):
            return self._product(expr, full)
        if isinstance(expr, sp.Pow):
            base = self.of(expr.base)
            if base or (base is False and expr.exp.is_Rational and expr.exp > 0):
                return base
            return False if expr.exp.is_Integer and expr.exp % 2 == 0 else None
        if isinstance(expr, sp.Sum | Mean):
            return self.of(expr.args[0], full)
        if isinstance(expr, sp.log) and (inner := self.of(expr.args[0] - 1)) is not None:
            return inner
        if isinstance(expr, sp.exp):
            return True
        if isinstance(expr, sp.uppergamma):  # an integral of a positive function, for a positive second argument
            return self.of(expr.args[1]) or None
        return self.otherwise(expr, None)

    def _product(self, expr: Expr, full: bool) -> bool | None:
        strict, negative = True, 0
        for arg in expr.args:
            sums = isinstance(arg, sp.Add)
            part = self.of(arg, full) if sums else self.structure(arg, full)
            if part is None:
                part, negative = self.of(-arg, full) if sums or isinstance(arg, sp.Rational) else None, negative + 1
            if part is None:
                return None
            strict &= part
        return strict if negative % 2 == 0 else None


SIGNS = Signs(PLAIN)
