"""Signs, decided exactly: by structure, by hypotheses, or by the coefficients of a polynomial.

Example:
    >>> import sympy as sp
    >>> from .expressions import nonnegative, positive, real
    >>> k, x, y = positive("k"), *real("x y")
    >>> sign((x - y) ** 2 + k).strict, sign((x - y) ** 2).strict
    (True, False)
    >>> sign(x - y) is None
    True
    >>> a, b = nonnegative("a b")
    >>> polynomial_terms(a**2 + b * (a + b))
    [1, 1, 1]
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy as sp

from .algebra import normal, normal_terms
from .expressions import Mean
from .facts import Fact

__all__ = ["Sign", "flint_terms", "polynomial_terms", "sign"]

Expr = Any


@dataclass(frozen=True)
class Sign:
    """An expression is non-negative (positive if ``strict``), by the symbols' assumptions and the facts ``by``."""

    strict: bool
    by: frozenset[str] = frozenset()


@lru_cache(maxsize=100_000)
def sign(expr: Expr, facts: tuple[tuple[str, Fact], ...] = ()) -> Sign | None:
    """Return why an expression is non-negative, or None where that is not seen.

    ``facts`` are named facts that may be used: their gaps are known to be non-negative (positive if strict).
    """
    direct = _structure(expr, facts)
    if direct is not None and direct.strict:
        return direct
    expanded = normal(expr)
    again = _structure(expanded, facts)
    if again is not None and (direct is None or again.strict):
        direct = again
    if direct is not None and direct.strict:
        return direct
    return _by_facts(expanded, facts, direct)


def _structure(expr: Expr, facts: tuple[tuple[str, Fact], ...]) -> Sign | None:
    if expr.is_positive:
        return Sign(True)
    if isinstance(expr, sp.Add):
        parts = [_structure(arg, facts) for arg in expr.args]
        if all(part is not None for part in parts):
            found = [part for part in parts if part is not None]
            return Sign(any(p.strict for p in found), frozenset().union(*(p.by for p in found)))
        if _one_minus_delta(expr):
            return Sign(False)
    if isinstance(expr, sp.Mul):
        return _product(expr, facts)
    if isinstance(expr, sp.Pow) and expr.exp.is_real:
        if expr.exp.is_Integer and expr.exp % 2 == 0:
            base = sign(expr.base, facts) if not expr.base.is_Atom else _structure(expr.base, facts)
            if base is not None and base.strict:
                return base
            return Sign(False) if _real(expr.base) else None
        base = sign(expr.base, facts)
        if base is not None and (base.strict or expr.exp.is_positive):
            return base
    if isinstance(expr, sp.Sum):
        return sign(expr.function, facts)
    if isinstance(expr, sp.log):
        inner = sign(expr.args[0] - 1, facts)
        if inner is not None:
            return inner
    if isinstance(expr, Mean):
        return sign(expr.args[0], facts)
    if isinstance(expr, sp.KroneckerDelta) or expr.is_nonnegative:
        return Sign(False)
    if isinstance(expr, sp.exp) and expr.args[0].is_real:
        return Sign(True)
    if isinstance(expr, sp.uppergamma):
        inner = sign(expr.args[1], facts)
        if inner is not None and inner.strict:
            return inner
    if not isinstance(expr, sp.Add | sp.Mul | sp.Pow | sp.Rational):
        return _by_facts(expr, facts, None)
    return None


def _real(expr: Expr) -> bool:
    """Tell whether an expression is real wherever it is defined (what is defined is checked elsewhere)."""
    if expr.is_real:
        return True
    if isinstance(expr, sp.Pow):
        return bool(expr.exp.is_Integer) and _real(expr.base)
    if isinstance(expr, sp.Sum):
        return _real(expr.function)
    return isinstance(expr, sp.Add | sp.Mul | sp.log) and all(_real(arg) for arg in expr.args)


def _one_minus_delta(expr: Expr) -> bool:
    rest = 1 - expr
    return isinstance(rest, sp.KroneckerDelta)


def _product(expr: Expr, facts: tuple[tuple[str, Fact], ...]) -> Sign | None:
    strict, by, negative = True, frozenset[str](), 0
    for arg in expr.args:
        part = sign(arg, facts) if isinstance(arg, sp.Add) else _structure(arg, facts)
        if part is None:
            if isinstance(arg, sp.Add):
                part = sign(-arg, facts)
            elif arg.is_negative:
                part = Sign(True)
            negative += 1
        if part is None:
            return None
        strict, by = strict and part.strict, by | part.by
    return Sign(strict, by) if negative % 2 == 0 else None


def _by_facts(expr: Expr, facts: tuple[tuple[str, Fact], ...], direct: Sign | None) -> Sign | None:
    """Look for ``c * gap + rest`` with ``c`` positive and ``rest`` non-negative."""
    terms = normal_terms(expr)
    for name, fact in facts:
        if fact.relation == "=":
            continue
        gap = normal_terms(fact.gap)
        for multiple in _multiples(terms, gap):
            weight = _structure(multiple, ())
            if weight is None or not weight.strict:
                continue
            rest = normal(expr - multiple * fact.gap)
            left = Sign(False) if rest == 0 else _structure(rest, ())
            if left is not None:
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


def polynomial_terms(expr: Expr) -> list[int]:
    """Expand a polynomial with sympy's sparse rings and return its integer coefficients (denominators cleared)."""
    symbols = sorted(expr.free_symbols, key=str)
    ring = sp.QQ.poly_ring(*symbols)
    coefficients = [sp.Rational(str(c)) for c in ring.from_sympy(expr).coeffs()]
    scale = math.lcm(*(int(c.q) for c in coefficients))
    return [int(c * scale) for c in coefficients]


def flint_terms(expr: Expr) -> list[int]:
    """Expand the same polynomial with FLINT, another engine, walking the expression itself."""
    import flint

    symbols = sorted(expr.free_symbols, key=str)
    context = flint.fmpq_mpoly_ctx.get([str(s) for s in symbols], "lex")
    generators = dict(zip(symbols, context.gens(), strict=True))

    def walk(node: Expr) -> Any:
        if isinstance(node, sp.Rational):
            return context.constant(flint.fmpq(int(node.p), int(node.q)))
        if isinstance(node, sp.Symbol):
            return generators[node]
        if isinstance(node, sp.Pow) and node.exp.is_Integer and node.exp > 0:
            return walk(node.base) ** int(node.exp)
        if isinstance(node, sp.Add | sp.Mul):
            parts = [walk(arg) for arg in node.args]
            out = parts[0]
            for part in parts[1:]:
                out = out + part if isinstance(node, sp.Add) else out * part
            return out
        raise TypeError(f"not a polynomial: {node}")

    coefficients = [flint.fmpq(c) for c in walk(expr).coeffs()]
    scale = math.lcm(*(int(c.q) for c in coefficients))
    return [int((c * scale).p) for c in coefficients]
