"""Signs, decided exactly: by the structure of an expression and the types of its symbols, and by premises.

No decimal is looked at, and nothing of sympy's own reasoning about signs. Each case is a line of the definition of an
ordered field: sums and products of positive numbers are positive, squares are not negative, a sum over a range that
is not empty has the sign of its terms, ``log x >= 0`` where ``x >= 1``, a mean of what is >= 0 is >= 0.

Example:
    >>> from .expressions import nonnegative, positive, real
    >>> k, x, y = positive("k"), *real("x y")
    >>> sign((x - y) ** 2 + k).strict, sign((x - y) ** 2).strict
    (True, False)
    >>> sign(x - y) is None
    True
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy as sp

from .algebra import normal, normal_terms
from .expressions import Mean, free_names, type_of
from .facts import Fact

__all__ = ["Sign", "sign"]

Expr = Any
Hints = tuple[tuple[str, Fact], ...]


@dataclass(frozen=True)
class Sign:
    """An expression is >= 0 (> 0 if ``strict``) wherever it is defined, by its symbols' types and the facts ``by``."""

    strict: bool
    by: frozenset[str] = frozenset()


@lru_cache(maxsize=100_000)
def sign(expr: Expr, facts: Hints = (), strict: bool = True) -> Sign | None:
    """Return why an expression is non-negative, or None where that is not seen.

    ``facts`` are named facts that may be used: their gaps are known to be non-negative (positive if strict). Where a
    ``strict`` answer is not wanted, the first that is found will do.
    """
    direct = _structure(expr, facts, strict)
    if direct is not None and (direct.strict or not strict):
        return direct
    expanded = normal(expr)
    again = _structure(expanded, facts, strict)
    if again is not None and (direct is None or again.strict):
        direct = again
    return direct if direct is not None and direct.strict else _by_facts(expanded, facts, direct)


def _structure(expr: Expr, facts: Hints, full: bool = True) -> Sign | None:
    if isinstance(expr, sp.Rational):
        return Sign(bool(expr > 0)) if expr >= 0 else None
    if isinstance(expr, sp.Symbol | sp.Indexed):
        array = isinstance(expr, sp.Indexed)
        kind = type_of(expr.base.label if array else expr, array=array)
        if kind is not None and kind.sign != "real":
            return Sign(True) if kind.sign == "positive" else _by_facts(expr, facts, Sign(False))
    if isinstance(expr, sp.Add):
        if isinstance(1 - expr, sp.KroneckerDelta):
            return Sign(False)
        parts = [_structure(arg, facts, full) for arg in expr.args]
        found = [part for part in parts if part is not None]
        return _joined(found, any(p.strict for p in found)) if len(found) == len(parts) else None
    if isinstance(expr, sp.Mul):
        return _product(expr, facts, full)
    if isinstance(expr, sp.Pow):
        base = sign(expr.base, facts)
        if base is not None and (base.strict or (expr.exp.is_Rational and expr.exp > 0)):
            return base
        return Sign(False) if expr.exp.is_Integer and expr.exp % 2 == 0 else None
    if isinstance(expr, sp.Sum):
        return sign(expr.function, facts, full)
    if isinstance(expr, Mean):
        return sign(expr.args[0], tuple(h for h in facts if not free_names(h[1].gap) & set(expr.args[1:])))
    if isinstance(expr, sp.log):
        inner = sign(expr.args[0] - 1, facts)
        return inner if inner is not None else _by_facts(expr, facts, None)
    if isinstance(expr, sp.KroneckerDelta):
        return Sign(False)
    if isinstance(expr, sp.exp):
        return Sign(True)
    if isinstance(expr, sp.uppergamma):  # an integral of a positive function, for a positive second argument
        inner = sign(expr.args[1], facts)
        return inner if inner is not None and inner.strict else None
    return _by_facts(expr, facts, None)


def _joined(parts: list[Sign], strict: bool) -> Sign:
    return Sign(strict, frozenset().union(*(part.by for part in parts)))


def _product(expr: Expr, facts: Hints, full: bool) -> Sign | None:
    found, negative = list[Sign](), 0
    for arg in expr.args:
        part = sign(arg, facts, full) if isinstance(arg, sp.Add) else _structure(arg, facts, full)
        if part is None:
            part, negative = sign(-arg, facts, full) if isinstance(arg, sp.Add | sp.Rational) else None, negative + 1
        if part is None:
            return None
        found.append(part)
    return _joined(found, all(p.strict for p in found)) if negative % 2 == 0 else None


def _by_facts(expr: Expr, facts: Hints, direct: Sign | None) -> Sign | None:
    """Look for ``c * gap + rest`` with ``c`` positive and ``rest`` non-negative, both by structure alone."""
    terms = normal_terms(expr)
    for name, fact in facts:
        if fact.relation == "=":
            continue
        for multiple in _multiples(terms, normal_terms(fact.gap)):
            weight = _structure(multiple, ())
            if weight is None or not weight.strict:
                continue
            rest = normal(expr - multiple * fact.gap)
            left = _structure(rest, ())
            if left is not None and (fact.strict or left.strict or direct is None):
                return Sign(fact.strict or left.strict, left.by | {name})
    return direct


def _multiples(terms: dict[Any, Expr], gap: dict[Any, Expr]) -> list[Expr]:
    """Candidates for ``c``: what takes a term of the gap to a term of the expression."""
    out: list[Expr] = []
    for have, c1 in gap.items():
        below = sp.Mul(c1, *(b**e for b, e in have))
        for want, c2 in terms.items():
            candidate = normal(sp.Mul(c2, *(b**e for b, e in want)) / below)
            if candidate not in out:
                out.append(candidate)
    return sorted(out, key=lambda e: int(e.count_ops()))
