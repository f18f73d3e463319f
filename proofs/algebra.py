"""A normal form for expressions with indexed sums, and the test whether an expression is zero.

The normal form distributes products, pulls constants out of sums, swaps and merges nested sums, contracts
Kronecker deltas, renames bound indices and splits logarithms of products. Two expressions with one normal form are
equal wherever they are defined. What is left (rational functions) is settled by clearing denominators, exactly, over
the integers. Nothing here rounds.

Example:
    >>> from .expressions import index, masses, size, total
    >>> p, q, N, M = masses("p"), masses("q"), size("N"), size("M")
    >>> s, j = index("s", N), index("j", M)
    >>> is_zero(total(total(p[s] * q[s, j], s), j) - total(p[s] * total(q[s, j], j), s))
    True
    >>> is_zero(total(p[s], s) - total(q[s, s], s))
    False
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from typing import Any

import sympy as sp

from .expressions import Diff, Int, Lim, Mean, free_names, known_range, replace

__all__ = ["is_zero", "normal", "normal_terms", "rational_zero"]

Expr = Any
Monomial = frozenset[tuple[Expr, Expr]]
Terms = dict[Monomial, Expr]
ONE: Monomial = frozenset()


@lru_cache(maxsize=200_000)
def normal(expr: Expr) -> Expr:
    """Return the normal form of an expression, itself an expression."""
    return _to_expr(normal_terms(expr))


@lru_cache(maxsize=50_000)
def is_zero(expr: Expr) -> bool:
    """Tell whether an expression is identically zero wherever it is defined; False means "not shown"."""
    terms = normal_terms(expr)
    return not terms or rational_zero(terms)


@lru_cache(maxsize=200_000)
def normal_terms(expr: Expr) -> Terms:
    """Return the normal form as a map from monomials to their rational coefficients (shared: do not change it)."""
    if isinstance(expr, sp.Rational):
        return {ONE: expr} if expr else {}
    if isinstance(expr, sp.Add):
        return _add(*(normal_terms(arg) for arg in expr.args))
    if isinstance(expr, sp.Mul):
        terms: Terms = {ONE: sp.Integer(1)}
        for arg in expr.args:
            terms = _times(terms, normal_terms(arg))
        return terms
    if isinstance(expr, sp.exp):
        return _exponential(expr.args[0])
    if isinstance(expr, sp.Pow):
        return _power(expr.base, expr.exp)
    if isinstance(expr, sp.log):
        return _logarithm(expr.args[0])
    if isinstance(expr, sp.Sum):
        terms = normal_terms(expr.function)
        for symbol, low, high in expr.limits:
            terms = _sum(terms, symbol, low, high)
        return terms
    if isinstance(expr, Diff | Int | Lim | Mean) or not expr.args:
        return _atom(expr)
    if isinstance(expr, sp.Indexed):
        return _atom(expr)
    return _atom(expr.func(*(normal(arg) for arg in expr.args)))


def _atom(expr: Expr) -> Terms:
    return {frozenset({(expr, sp.Integer(1))}): sp.Integer(1)}


def _add(*many: Terms) -> Terms:
    out: Terms = {}
    for terms in many:
        for monomial, coefficient in terms.items():
            value = out.get(monomial, sp.Integer(0)) + coefficient
            if value:
                out[monomial] = value
            else:
                out.pop(monomial, None)
    return out


def _join(left: Monomial, right: Monomial) -> tuple[Monomial, list[tuple[Expr, Expr]]]:
    """Multiply two monomials; what turned into a positive power of a sum of terms is returned apart."""
    powers = dict(left)
    for base, exponent in right:
        powers[base] = sp.expand(powers[base] + exponent) if base in powers else exponent
    expand = [(b, e) for b, e in powers.items() if isinstance(b, sp.Add) and e.is_Integer and e > 0]
    for base, _ in expand:
        del powers[base]
    return frozenset((b, e) for b, e in powers.items() if e != 0), expand


def _times(left: Terms, right: Terms) -> Terms:
    out: Terms = {}
    for (m1, c1), (m2, c2) in itertools.product(left.items(), right.items()):
        monomial, expand = _join(m1, m2)
        piece: Terms = {monomial: c1 * c2}
        for base, exponent in expand:
            for _ in range(int(exponent)):
                piece = _times(piece, normal_terms(base))
        out = _add(out, piece)
    return out


def _exponential(argument: Expr) -> Terms:
    """Write ``exp(a + b)`` as a product, one factor for each term of the argument."""
    out: Terms = {ONE: sp.Integer(1)}
    for monomial, coefficient in normal_terms(argument).items():
        base = sp.exp(_to_expr({monomial: sp.Integer(1)}))
        out = _times(out, {frozenset({(base, coefficient)}): sp.Integer(1)})
    return out


def _power(base: Expr, exponent: Expr) -> Terms:
    terms = normal_terms(base)
    if exponent.is_Integer and exponent >= 0:
        out: Terms = {ONE: sp.Integer(1)}
        for _ in range(int(exponent)):
            out = _times(out, terms)
        return out
    exponent = sp.expand(exponent)
    if not terms:
        raise ZeroDivisionError(f"0 to the power {exponent} in {base}**{exponent}")
    if exponent.is_Integer and len(terms) > 1:
        common, rest = _common(terms, positive=False)
        if common:
            outside = frozenset((b, sp.expand(e * exponent)) for b, e in common)
            return _times({outside: sp.Integer(1)}, _power(_to_expr(rest), exponent))
    content, primitive = _primitive(terms)
    if len(primitive) == 1:
        ((monomial, coefficient),) = primitive.items()
        if exponent.is_Integer or all(_is_positive(b) for b, _ in monomial):
            powers = frozenset((b, sp.expand(e * exponent)) for b, e in monomial)
            return _times({powers: sp.Integer(1)}, _number_power(content * coefficient, exponent))
        return _atom(sp.Pow(_to_expr(terms), exponent))
    if not exponent.is_Integer and content < 0:
        return _atom(sp.Pow(_to_expr(terms), exponent))
    body: Terms = {frozenset({(_to_expr(primitive), exponent)}): sp.Integer(1)}
    return _times(body, _number_power(content, exponent))


def _is_positive(base: Expr) -> bool:
    """Tell whether an atom is positive; a sum is, if its terms are (no range is empty)."""
    if isinstance(base, sp.Sum):
        return all(_is_positive(b) for b, _ in next(iter(normal_terms(base.function))))
    return bool(base.is_positive)


def _number_power(number: Expr, exponent: Expr) -> Terms:
    value = number**exponent
    if isinstance(value, sp.Rational):
        return {ONE: value}
    out: Terms = {ONE: sp.Integer(1)}
    for prime, multiplicity in sp.factorrat(number).items():
        out = _times(out, {frozenset({(sp.Integer(prime), sp.expand(multiplicity * exponent))}): sp.Integer(1)})
    return out


def _primitive(terms: Terms) -> tuple[Expr, Terms]:
    """Split off the rational content, with the sign of the first term in a fixed order."""
    content = sp.Rational(math.gcd(*(int(c.p) for c in terms.values())), math.lcm(*(int(c.q) for c in terms.values())))
    first = min(terms, key=lambda monomial: _key(_to_expr({monomial: sp.Integer(1)})))
    if terms[first] < 0:
        content = -content
    return content, {monomial: coefficient / content for monomial, coefficient in terms.items()}


def _common(terms: Terms, *, positive: bool) -> tuple[Monomial, Terms]:
    """Split off the powers that all terms share (of positive atoms only, if asked), and return the rest."""
    first, *others = (dict(monomial) for monomial in terms)
    shared: dict[Expr, Expr] = {}
    for base in {b for monomial in (first, *others) for b in monomial}:
        exponents = [monomial.get(base, sp.Integer(0)) for monomial in (first, *others)]
        if all(e.is_Rational for e in exponents) and not (positive and not _is_positive(base)):
            lowest = min(exponents)
            if lowest != 0:
                shared[base] = lowest
    if not shared:
        return ONE, terms
    common = frozenset(shared.items())
    inverse = {frozenset((b, -e) for b, e in common): sp.Integer(1)}
    return common, _times(terms, inverse)


def _logarithm(argument: Expr) -> Terms:
    terms = normal_terms(argument)
    if not terms:
        raise ZeroDivisionError(f"log(0) in log({argument})")
    if len(terms) > 1:
        common, rest = _common(terms, positive=True)
        if common:
            outside = sp.Mul(*(sp.Pow(b, e) for b, e in common))
            return _add(_logarithm(outside), _logarithm(_to_expr(rest)))
    content, primitive = _primitive(terms)
    out: Terms = {}
    if len(primitive) == 1:
        ((monomial, coefficient),) = primitive.items()
        number = content * coefficient
        if number < 0 or not all(_is_positive(base) for base, _ in monomial):
            return _atom(sp.log(_to_expr(terms)))
        for base, exponent in monomial:
            part = normal_terms(base.args[0]) if isinstance(base, sp.exp) else _atom(sp.log(base))
            out = _add(out, _times(part, normal_terms(exponent)))
    else:
        if content < 0:
            return _atom(sp.log(_to_expr(terms)))
        number = content
        out = _atom(sp.log(_to_expr(primitive)))
    for prime, multiplicity in sp.factorrat(number).items():
        if prime != 1:
            out = _add(out, {frozenset({(sp.log(prime), sp.Integer(1))}): sp.Integer(multiplicity)})
    return out


# --- sums ---------------------------------------------------------------------------------------------------------


def _sum(terms: Terms, symbol: Expr, low: Expr, high: Expr) -> Terms:
    if low == 1 and isinstance(high, sp.Integer):
        expr = _to_expr(terms)
        return _add(*(normal_terms(replace(expr, {symbol: sp.Integer(v)})) for v in range(1, int(high) + 1)))
    out: Terms = {}
    for monomial, coefficient in terms.items():
        piece = _sum_monomial(monomial, symbol, low, high)
        out = _add(out, {m: c * coefficient for m, c in piece.items()})
    return out


def _sum_monomial(monomial: Monomial, symbol: Expr, low: Expr, high: Expr) -> Terms:
    outside = [(b, e) for b, e in monomial if symbol not in free_names(b) | free_names(e)]
    inside = [(b, e) for b, e in monomial if symbol in free_names(b) | free_names(e)]
    factor: Terms = {frozenset(outside): sp.Integer(1)}
    for base, _ in inside:
        if isinstance(base, sp.KroneckerDelta) and symbol in base.args:
            other = base.args[1] if base.args[0] == symbol else base.args[0]
            if _range(other) != high:
                continue  # another range: the delta need not be met
            rest = sp.Mul(*(b**e for b, e in inside if b != base))
            return _times(factor, normal_terms(replace(rest, {symbol: other})))
    if not inside:
        return _times(factor, normal_terms(high - low + 1))
    binders: list[tuple[Expr, Expr, Expr]] = [(symbol, low, high)]
    body: list[tuple[Expr, Expr]] = []
    for base, exponent in inside:
        if isinstance(base, sp.Sum) and exponent.is_Integer and exponent > 0:
            for _ in range(int(exponent)):
                fresh = {s: _bind(sp.Dummy(s.name, integer=True, positive=True), hi) for s, _, hi in base.limits}
                binders += [(fresh[s], lo, hi) for s, lo, hi in base.limits]
                ((inner, _),) = normal_terms(replace(base.function, fresh)).items()
                body += list(inner)
        else:
            body.append((base, exponent))
    return _times(factor, _components(body, binders))


_BOUND: dict[Expr, Expr] = {}


def _bind(symbol: Expr, high: Expr) -> Expr:
    """Remember the range of a bound symbol that the normal form made."""
    return _BOUND.setdefault(symbol, high) and symbol


def _range(symbol: Expr) -> Expr | None:
    return _BOUND[symbol] if symbol in _BOUND else known_range(symbol)


def _components(body: list[tuple[Expr, Expr]], binders: list[tuple[Expr, Expr, Expr]]) -> Terms:
    """Split a sum over several indices into factors that share no index, and name each one canonically."""
    out: Terms = {ONE: sp.Integer(1)}
    left = list(binders)
    while left:
        group, names = [left.pop(0)], set()
        while True:
            names = {s for s, _, _ in group}
            factors = [(b, e) for b, e in body if names & (free_names(b) | free_names(e))]
            touched = set().union(*(free_names(b) | free_names(e) for b, e in factors)) if factors else set()
            more = [binder for binder in left if binder[0] in touched]
            if not more:
                break
            group += more
            left = [binder for binder in left if binder not in more]
        if not factors:
            for _, low, high in group:
                out = _times(out, normal_terms(high - low + 1))
            continue
        out = _times(out, _atom(_canonical_sum(sp.Mul(*(b**e for b, e in factors)), group)))
    return out


def _canonical_sum(term: Expr, binders: list[tuple[Expr, Expr, Expr]]) -> Expr:
    best: tuple[Any, Expr] | None = None
    for order in itertools.permutations(binders):
        ranges = [str(high) for _, _, high in order]
        if ranges != sorted(ranges):
            continue
        names = {
            s: _bind(sp.Symbol(f"_{n + 1}_{high}", integer=True, positive=True), high)
            for n, (s, _, high) in enumerate(order)
        }
        candidate = sp.Sum(replace(term, names), *((names[s], low, high) for s, low, high in order))
        key = _key(candidate)
        if best is None or key < best[0]:
            best = (key, candidate)
    if best is None:
        raise AssertionError("no ordering of binders")
    return best[1]


@lru_cache(maxsize=200_000)
def _key(expr: Expr) -> str:
    return str(sp.srepr(expr))


def _to_expr(terms: Terms) -> Expr:
    return sp.Add(*(sp.Mul(c, *(sp.Pow(b, e) for b, e in monomial)) for monomial, c in terms.items()))


# --- rational functions -------------------------------------------------------------------------------------------


def rational_zero(terms: Terms) -> bool:
    """Decide whether a normal form vanishes as a rational function of its atoms, by clearing denominators."""
    names: dict[Expr, Expr] = {}

    def generator(atom: Expr) -> Expr:
        return names.setdefault(atom, sp.Symbol(f"g{len(names)}"))

    def atomised(expr: Expr) -> Expr:
        if isinstance(expr, sp.Rational):
            return expr
        if isinstance(expr, sp.Add | sp.Mul):
            return expr.func(*(atomised(arg) for arg in expr.args))
        if isinstance(expr, sp.Pow):
            integer, rest = expr.exp.as_coeff_Add()
            if not integer.is_Integer:
                return generator(expr)
            out = atomised(expr.base) ** integer
            return out * generator(expr.base**rest) if rest != 0 else out
        return generator(expr)

    denominators: dict[Expr, int] = {}
    pieces: list[tuple[Expr, dict[Expr, int]]] = []
    for monomial, coefficient in terms.items():
        top, bottom = coefficient, dict[Expr, int]()
        for base, exponent in monomial:
            power = atomised(sp.Pow(base, exponent)) if not exponent.is_Integer else atomised(base) ** exponent
            numerator, denominator = sp.fraction(power)
            top *= numerator
            if denominator != 1:
                root, n = denominator.as_base_exp()
                bottom[root] = bottom.get(root, 0) + int(n)
        for root, n in bottom.items():
            denominators[root] = max(denominators.get(root, 0), n)
        pieces.append((top, bottom))
    if not denominators and not any(isinstance(b, sp.Add) for m in terms for b, _ in m):
        return False
    symbols = sorted(
        set().union(*(t.free_symbols for t, _ in pieces), *(d.free_symbols for d in denominators)), key=str
    )
    if not symbols:
        return bool(sum(top for top, _ in pieces) == 0)
    ring = sp.QQ.poly_ring(*symbols)
    powers = {root: ring.from_sympy(root) for root in denominators}
    value = ring.zero
    for top, bottom in pieces:
        term = ring.from_sympy(top)
        for root, n in denominators.items():
            term *= powers[root] ** (n - bottom.get(root, 0))
        value += term
    return not value
