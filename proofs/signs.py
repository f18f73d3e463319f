"""Signs in derivations: the kernel's, with deltas, and with facts that may be used.

Example:
    >>> from .expressions import nonnegative
    >>> from .facts import Fact
    >>> a = nonnegative("a")
    >>> sign(1 - a) is None, sign(1 - a, (("small", Fact(a, "<", 1)),))
    (True, Sign(strict=True, by=frozenset({'small'})))
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy as sp

from .algebra import NESTED
from .facts import Fact
from .kernel.algebra import to_expr
from .kernel.signs import Signs

__all__ = ["Hints", "Sign", "sign"]

Expr = Any
Hints = tuple[tuple[str, Fact], ...]


@dataclass(frozen=True)
class Sign:
    """An expression is >= 0 (> 0 if ``strict``) wherever it is defined, by its symbols' types and the facts ``by``."""

    strict: bool
    by: frozenset[str] = frozenset()


class _Hinted(Signs):
    """Signs by structure, and by named facts, whose gaps are known to be >= 0 (> 0 if strict)."""

    def __init__(self, facts: Hints = ()) -> None:
        super().__init__(NESTED)
        self.facts = tuple((name, fact) for name, fact in facts if fact.relation != "=")

    def structure(self, expr: Expr, full: bool) -> bool | None:
        """Return the sign by structure; a delta and one less a delta are >= 0."""
        one = 1 - expr if isinstance(expr, sp.Add) else expr
        return False if isinstance(one, sp.KroneckerDelta) else super().structure(expr, full)

    def otherwise(self, expr: Expr, found: bool | None) -> bool | None:
        """Look for ``c * gap + rest`` with ``c`` positive and ``rest`` non-negative, both by structure alone."""
        for _, fact in self.facts:
            for multiple in _multiples(expr, fact.gap):
                if not _BARE.structure(multiple, True):
                    continue
                rest = _BARE.structure(NESTED.normal(expr - multiple * fact.gap), True)
                if rest is not None and (fact.strict or rest or found is None):
                    return fact.strict or rest
        return found


def _multiples(expr: Expr, gap: Expr) -> list[Expr]:
    """Candidates for ``c``: what takes a term of the gap to a term of the expression."""
    out: dict[Expr, None] = {}
    for have, c1 in NESTED.terms(gap).items():
        for want, c2 in NESTED.terms(expr).items():
            out[NESTED.normal(to_expr({want: c2}) / to_expr({have: c1}))] = None
    return sorted(out, key=lambda e: int(e.count_ops()))


_BARE = _Hinted()
_hinted = lru_cache(maxsize=500)(_Hinted)


def sign(expr: Expr, facts: Hints = (), strict: bool = True) -> Sign | None:
    """Return why an expression is non-negative, or None where that is not seen.

    ``facts`` may be used, as few as will do. Where a ``strict`` answer is not wanted, the first that is found will do.
    """
    found = _BARE.of(expr, strict)
    if found or (found is False and not strict):
        return Sign(found)
    seen = _hinted(facts).of(expr, strict)
    for pair in facts if seen != found else ():
        fewer = tuple(other for other in facts if other != pair)
        facts = fewer if _hinted(fewer).of(expr, strict) == seen else facts
    return None if seen is None else Sign(seen, frozenset(name for name, _ in facts) if seen != found else frozenset())
