"""A normal form for expressions with indexed sums, and the test whether an expression is zero.

The normal form distributes products, pulls constants out of sums, swaps and merges nested sums, contracts
Kronecker deltas, renames bound indices and splits logarithms of products of positive numbers. Two expressions with one
normal form are equal wherever every denominator is not zero and every logarithm's and root's argument is positive
(the rules see to that). What is left, rational functions, is settled by clearing denominators, exactly, with sympy's
polynomials over the rationals: an expression whose numerator is the zero polynomial of its atoms is zero.

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

from .expressions import Diff, Int, Lim, Mean, fits, free_names, index, known_range, replace, total, type_of

__all__ = ["is_zero", "normal", "normal_terms", "plainly_positive", "rational_zero"]

Expr = Any
Monomial = frozenset[tuple[Expr, Expr]]
Terms = dict[Monomial, Expr]
ZERO, UNIT = sp.Integer(0), sp.Integer(1)
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
        terms: Terms = {ONE: UNIT}
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
        for symbol, _, _ in expr.limits:
            terms = _sum(terms, symbol)
        return terms
    if isinstance(expr, Diff | Int | Lim | Mean | sp.Indexed) or not expr.args:
        return _atom(expr)
    return _atom(expr.func(*(normal(arg) for arg in expr.args)))


def plainly_positive(base: Expr) -> bool:
    """Tell whether an atom is positive by its types; a sum of positive products is (no range is empty)."""
    if isinstance(base, sp.Sum | sp.Add):
        terms = normal_terms(base.function if isinstance(base, sp.Sum) else base)
        return bool(terms) and all(c > 0 and all(plainly_positive(b) for b, _ in m) for m, c in terms.items())
    if isinstance(base, sp.Indexed | sp.Symbol):
        array = isinstance(base, sp.Indexed)
        kind = type_of(base.base.label if array else base, array=array)
        return kind is not None and kind.sign == "positive"
    return isinstance(base, sp.exp) or (isinstance(base, sp.Rational) and base > 0)


def _atom(expr: Expr) -> Terms:
    return {frozenset({(expr, UNIT)}): UNIT}


def _add(*many: Terms) -> Terms:
    out: Terms = {}
    for terms in many:
        for monomial, coefficient in terms.items():
            out[monomial] = out.get(monomial, ZERO) + coefficient
    return {monomial: coefficient for monomial, coefficient in out.items() if coefficient}


def _times(left: Terms, right: Terms) -> Terms:
    """Multiply; what turned into a positive power of a sum of terms is multiplied out."""
    out: Terms = {}
    for (m1, c1), (m2, c2) in itertools.product(left.items(), right.items()):
        powers = dict(m1)
        for base, exponent in m2:
            powers[base] = sp.expand(powers[base] + exponent) if base in powers else exponent
        expand = [(b, powers.pop(b)) for b, e in m2 if isinstance(b, sp.Add) and powers[b].is_Integer and powers[b] > 0]
        piece: Terms = {frozenset((b, e) for b, e in powers.items() if e != 0): c1 * c2}
        for base, exponent in expand:
            for _ in range(int(exponent)):
                piece = _times(piece, normal_terms(base))
        for monomial, coefficient in piece.items():
            out[monomial] = out.get(monomial, ZERO) + coefficient
    return {monomial: coefficient for monomial, coefficient in out.items() if coefficient}


def _exponential(argument: Expr) -> Terms:
    """Write ``exp(a + b)`` as a product, one factor for each term of the argument."""
    out: Terms = {ONE: UNIT}
    for monomial, coefficient in normal_terms(argument).items():
        out = _times(out, {frozenset({(sp.exp(_to_expr({monomial: UNIT})), coefficient)}): UNIT})
    return out


def _power(base: Expr, exponent: Expr) -> Terms:
    terms = normal_terms(base)
    if exponent.is_Integer and exponent >= 0:
        out: Terms = {ONE: UNIT}
        for _ in range(int(exponent)):
            out = _times(out, terms)
        return out
    exponent = sp.expand(exponent)
    if not terms:
        raise ZeroDivisionError(f"0 to the power {exponent}")
    whole = exponent.is_Integer
    if whole and len(terms) > 1:
        common, rest = _common(terms, positive=False)
        if common:
            outside = frozenset((b, sp.expand(e * exponent)) for b, e in common)
            return _times({outside: UNIT}, _power(_to_expr(rest), exponent))
    content, primitive = _primitive(terms)
    ((monomial, coefficient), *others) = primitive.items()
    if others and (whole or content > 0):
        body: Terms = {frozenset({(_to_expr(primitive), exponent)}): UNIT}
        return _times(body, _number_power(content, exponent))
    if not others and (whole or (content * coefficient > 0 and all(plainly_positive(b) for b, _ in monomial))):
        powers = frozenset((b, sp.expand(e * exponent)) for b, e in monomial)
        return _times({powers: UNIT}, _number_power(content * coefficient, exponent))
    return _atom(sp.Pow(_to_expr(terms), exponent))


def _number_power(number: Expr, exponent: Expr) -> Terms:
    if exponent.is_Integer:
        return {ONE: number**exponent}
    primes = sp.factorrat(number).items()
    return {frozenset((sp.Integer(prime), sp.expand(n * exponent)) for prime, n in primes if prime != 1): UNIT}


def _primitive(terms: Terms) -> tuple[Expr, Terms]:
    """Split off the rational content, with the sign of the first term in a fixed order."""
    content = sp.Rational(math.gcd(*(int(c.p) for c in terms.values())), math.lcm(*(int(c.q) for c in terms.values())))
    first = min(terms, key=lambda monomial: _key(_to_expr({monomial: UNIT})))
    content = -content if terms[first] < 0 else content
    return content, {monomial: coefficient / content for monomial, coefficient in terms.items()}


def _common(terms: Terms, *, positive: bool) -> tuple[Monomial, Terms]:
    """Split off the powers that all terms share (of positive atoms only, if asked), and return the rest."""
    monomials = [dict(monomial) for monomial in terms]
    shared: dict[Expr, Expr] = {}
    for base in {b for monomial in monomials for b in monomial}:
        exponents = [monomial.get(base, ZERO) for monomial in monomials]
        if all(e.is_Rational for e in exponents) and min(exponents) != 0 and (plainly_positive(base) or not positive):
            shared[base] = min(exponents)
    inverse: Terms = {frozenset((b, -e) for b, e in shared.items()): UNIT}
    return frozenset(shared.items()), _times(terms, inverse) if shared else terms


def _logarithm(argument: Expr) -> Terms:
    """Split the logarithm of a product of positive numbers."""
    terms = normal_terms(argument)
    if not terms:
        raise ZeroDivisionError("log(0)")
    if len(terms) > 1:
        common, rest = _common(terms, positive=True)
        if common:
            return _add(_logarithm(sp.Mul(*(sp.Pow(b, e) for b, e in common))), _logarithm(_to_expr(rest)))
    number, primitive = _primitive(terms)
    ((monomial, coefficient), *others) = primitive.items()
    out = _atom(sp.log(_to_expr(primitive)))
    if not others:
        number, out = number * coefficient, {}
    if number < 0 or not (others or all(plainly_positive(base) for base, _ in monomial)):
        return _atom(sp.log(_to_expr(terms)))
    for base, exponent in () if others else monomial:
        part = normal_terms(base.args[0]) if isinstance(base, sp.exp) else _atom(sp.log(base))
        out = _add(out, _times(part, normal_terms(exponent)))
    for prime, multiplicity in sp.factorrat(number).items():
        if prime != 1:
            out = _add(out, {frozenset({(sp.log(prime), UNIT)}): sp.Integer(multiplicity)})
    return out


# --- sums ---------------------------------------------------------------------------------------------------------


def _names(factors: list[tuple[Expr, Expr]]) -> set[Expr]:
    return set().union(*(free_names(b) | free_names(e) for b, e in factors))


def _sum(terms: Terms, symbol: Expr) -> Terms:
    out: Terms = {}
    for monomial, coefficient in terms.items():
        outside = frozenset(f for f in monomial if symbol not in _names([f]))
        out = _add(out, _times({outside: coefficient}, _sum_product(list(monomial - outside), symbol)))
    return out


def _sum_product(inside: list[tuple[Expr, Expr]], symbol: Expr) -> Terms:
    """Sum a product over an index: at the one place that a delta picks out, or as canonical sums."""
    for base, exponent in inside:
        if isinstance(base, sp.KroneckerDelta) and symbol in base.args and exponent.is_Integer and exponent > 0:
            other = base.args[1] if base.args[0] == symbol else base.args[0]
            if fits(other, symbol):  # the delta is 1 at one place of the range, and 0 elsewhere
                return normal_terms(replace(sp.Mul(*(b**e for b, e in inside if b != base)), {symbol: other}))
    binders, body, factor = [symbol], list[tuple[Expr, Expr]](), UNIT
    for base, exponent in inside:
        if not (isinstance(base, sp.Sum) and exponent.is_Integer and exponent > 0):
            body.append((base, exponent))
            continue
        for _ in range(int(exponent)):  # a product of sums is a sum over independent indices
            taken = {*binders, *_names(inside), *_names(body)}
            fresh = {s: _fresh(known_range(s), taken | set(binders)) for s, _, _ in base.limits[:1]}
            for s, _, _ in base.limits[1:]:
                fresh[s] = _fresh(known_range(s), taken | set(fresh.values()))
            binders += fresh.values()
            ((inner, number),) = normal_terms(replace(base.function, fresh)).items()  # -1 where names turn its sign
            factor, body = factor * number, body + list(inner)
    return _times({ONE: factor}, _components(body, binders))


def _fresh(length: Expr, taken: set[Expr]) -> Expr:
    return next(s for n in itertools.count(1) if (s := index(f"_{n}_{length}_", length)) not in taken)


def _components(body: list[tuple[Expr, Expr]], binders: list[Expr]) -> Terms:
    """Split a sum over several indices into factors that share no index, and name each one canonically."""
    out: Terms = {ONE: UNIT}
    left = list(binders)
    while left:
        group = [left.pop(0)]
        while True:
            factors = [f for f in body if set(group) & _names([f])]
            more = [symbol for symbol in left if symbol in _names(factors)]
            if not more:
                break
            group += more
            left = [symbol for symbol in left if symbol not in more]
        term = sp.Mul(*(b**e for b, e in factors))
        out = _times(out, _atom(_canonical_sum(term, group)) if factors else normal_terms(known_range(group[0])))
    return out


def _canonical_sum(term: Expr, binders: list[Expr]) -> Expr:
    found = []
    for order in itertools.permutations(sorted(binders, key=lambda s: str(known_range(s)))):
        lengths = [known_range(s) for s in order]
        if list(map(str, lengths)) == sorted(map(str, lengths)):
            names = [index(f"_{n + 1}_{length}", length) for n, length in enumerate(lengths)]
            found.append(total(replace(term, dict(zip(order, names, strict=True))), *names))
    return min(found, key=_key)


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
            return atomised(expr.base) ** integer * (generator(expr.base**rest) if rest != 0 else 1)
        return generator(expr)

    denominators: dict[Expr, int] = {}
    pieces: list[tuple[Expr, dict[Expr, int]]] = []
    for monomial, coefficient in terms.items():
        top, bottom = coefficient, dict[Expr, int]()
        for base, exponent in monomial:
            numerator, denominator = sp.fraction(
                atomised(base) ** exponent if exponent.is_Integer else atomised(base**exponent)
            )
            top *= numerator
            if denominator != 1:
                root, n = denominator.as_base_exp()
                bottom[root] = bottom.get(root, 0) + int(n)
        for root, n in bottom.items():
            denominators[root] = max(denominators.get(root, 0), n)
        pieces.append((top, bottom))
    symbols = sorted(set().union(*(e.free_symbols for e in (*(t for t, _ in pieces), *denominators))), key=str)
    if not symbols:
        return bool(sum(top for top, _ in pieces) == 0) if not denominators else False
    ring = sp.QQ.poly_ring(*symbols)
    powers = {root: ring.from_sympy(root) for root in denominators}
    value = ring.zero
    for top, bottom in pieces:
        term = ring.from_sympy(top)
        for root, n in denominators.items():
            term *= powers[root] ** (n - bottom.get(root, 0))
        value += term
    return not value
