"""A normal form for expressions with indexed sums, and the test whether an expression is zero.

The normal form distributes products, pulls constants out of sums, names bound indices in one way and splits logarithms
of products of positive numbers. Two expressions with one normal form are equal wherever every denominator is not zero
and every logarithm's and root's argument is positive (the rules see to that). Quotients are settled by multiplying with
the denominators: a product is zero only if a factor is, and a denominator is not.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import sympy as sp

from .language import Diff, Int, Lim, Mean, Type, declare, free_names, kind_of, known_range, replace, total

__all__ = ["PLAIN", "Monomial", "Normal", "Terms", "add", "atom", "key_of", "names_of", "to_expr"]

Expr = Any
Monomial = frozenset[tuple[Expr, Expr]]
Terms = dict[Monomial, Expr]
ZERO, UNIT = sp.Integer(0), sp.Integer(1)
ONE: Monomial = frozenset()


class Normal:
    """The normal form; a subclass may bring more sums into one form (:meth:`summed`)."""

    def __init__(self) -> None:
        self.terms: Callable[[Expr], Terms] = lru_cache(maxsize=200_000)(self._terms)
        self.normal: Callable[[Expr], Expr] = lru_cache(maxsize=200_000)(lambda expr: to_expr(self.terms(expr)))
        self.vanishes: Callable[[Expr], bool] = lru_cache(maxsize=50_000)(self._vanishes)

    def _vanishes(self, expr: Expr) -> bool:
        """Tell whether an expression is identically zero wherever it is defined; False means "not shown"."""
        terms = self.terms(expr)
        while terms:
            powers = [f for m in terms for f in m if isinstance(f[0], sp.Add) and f[1].is_Integer and f[1] < 0]
            if not powers:
                return False
            base = powers[0][0]
            terms = self.times(terms, {frozenset({(base, max(-e for b, e in powers if b == base))}): UNIT})
        return True

    def _terms(self, expr: Expr) -> Terms:
        """Return the normal form as a map from monomials to their rational coefficients (shared: do not change it)."""
        if isinstance(expr, sp.Rational):
            return {ONE: expr} if expr else {}
        if isinstance(expr, sp.Add):
            return add(*(self.terms(arg) for arg in expr.args))
        if isinstance(expr, sp.Mul):
            terms: Terms = {ONE: UNIT}
            for arg in expr.args:
                terms = self.times(terms, self.terms(arg))
            return terms
        if isinstance(expr, sp.exp):
            return self._exponential(expr.args[0])
        if isinstance(expr, sp.Pow):
            return self._power(expr.base, expr.exp)
        if isinstance(expr, sp.log):
            return self._logarithm(expr.args[0])
        if isinstance(expr, sp.Sum):
            terms = self.terms(expr.function)
            for symbol, _, _ in expr.limits:
                terms = self._sum(terms, symbol)
            return terms
        if isinstance(expr, Diff | Int | Lim | Mean | sp.Indexed) or not expr.args:
            return atom(expr)
        return atom(expr.func(*(self.normal(arg) for arg in expr.args)))

    def plainly_positive(self, base: Expr) -> bool:
        """Tell whether an atom is positive by its types; a sum of positive products is (no range is empty)."""
        if isinstance(base, sp.Sum | sp.Add):
            terms = self.terms(base.function if isinstance(base, sp.Sum) else base)
            return bool(terms) and all(c > 0 and all(self.plainly_positive(b) for b, _ in m) for m, c in terms.items())
        if (kind := kind_of(base)) is not None:
            return kind.sign == "positive"
        return isinstance(base, sp.exp) or (isinstance(base, sp.Rational) and base > 0)

    def times(self, left: Terms, right: Terms) -> Terms:
        """Multiply; what turned into a positive power of a sum of terms is multiplied out."""
        out: Terms = {}
        for (m1, c1), (m2, c2) in itertools.product(left.items(), right.items()):
            powers = dict(m1)
            for base, exponent in m2:
                powers[base] = sp.expand(powers[base] + exponent) if base in powers else exponent
            whole = [(b, e) for b, e in powers.items() if isinstance(b, sp.Add) and e.is_Integer and e > 0]
            piece: Terms = {frozenset((b, e) for b, e in powers.items() if e != 0 and (b, e) not in whole): c1 * c2}
            for base, exponent in whole:
                for _ in range(int(exponent)):
                    piece = self.times(piece, self.terms(base))
            for monomial, coefficient in piece.items():
                out[monomial] = out.get(monomial, ZERO) + coefficient
        return {monomial: coefficient for monomial, coefficient in out.items() if coefficient}

    def _exponential(self, argument: Expr) -> Terms:
        """Write ``exp(a + b)`` as a product, one factor for each term of the argument."""
        out: Terms = {ONE: UNIT}
        for monomial, coefficient in self.terms(argument).items():
            out = self.times(out, {frozenset({(sp.exp(to_expr({monomial: UNIT})), coefficient)}): UNIT})
        return out

    def _power(self, base: Expr, exponent: Expr) -> Terms:
        terms = self.terms(base)
        if exponent.is_Integer and exponent >= 0:
            out: Terms = {ONE: UNIT}
            for _ in range(int(exponent)):
                out = self.times(out, terms)
            return out
        exponent = sp.expand(exponent)
        if not terms:
            raise ZeroDivisionError(f"0 to the power {exponent}")
        whole = exponent.is_Integer
        if whole and len(terms) > 1:
            common, rest = self._common(terms, positive=False)
            if common:
                outside = frozenset((b, sp.expand(e * exponent)) for b, e in common)
                return self.times({outside: UNIT}, self._power(to_expr(rest), exponent))
        content, primitive = _primitive(terms)
        ((monomial, coefficient), *others) = primitive.items()
        if others and (whole or content > 0):
            body: Terms = {frozenset({(to_expr(primitive), exponent)}): UNIT}
            return self.times(body, _number_power(content, exponent))
        if not others and (whole or (content * coefficient > 0 and all(self.plainly_positive(b) for b, _ in monomial))):
            powers = frozenset((b, sp.expand(e * exponent)) for b, e in monomial)
            return self.times({powers: UNIT}, _number_power(content * coefficient, exponent))
        return atom(sp.Pow(to_expr(terms), exponent))

    def _common(self, terms: Terms, *, positive: bool) -> tuple[Monomial, Terms]:
        """Split off the powers that all terms share (of positive atoms only, if asked), and return the rest."""
        monomials = [dict(monomial) for monomial in terms]
        shared: dict[Expr, Expr] = {}
        for base in {b for monomial in monomials for b in monomial}:
            powers = [monomial.get(base, ZERO) for monomial in monomials]
            if all(e.is_Rational for e in powers) and min(powers) != 0:
                shared |= {base: min(powers)} if self.plainly_positive(base) or not positive else {}
        inverse: Terms = {frozenset((b, -e) for b, e in shared.items()): UNIT}
        return frozenset(shared.items()), self.times(terms, inverse) if shared else terms

    def _logarithm(self, argument: Expr) -> Terms:
        """Split the logarithm of a product of positive numbers."""
        terms = self.terms(argument)
        if not terms:
            raise ZeroDivisionError("log(0)")
        if len(terms) > 1:
            common, rest = self._common(terms, positive=True)
            if common:
                return add(self._logarithm(to_expr({common: UNIT})), self._logarithm(to_expr(rest)))
        number, primitive = _primitive(terms)
        ((monomial, coefficient), *others) = primitive.items()
        out = atom(sp.log(to_expr(primitive)))
        if not others:
            number, out = number * coefficient, {}
        if number < 0 or not (others or all(self.plainly_positive(base) for base, _ in monomial)):
            return atom(sp.log(to_expr(terms)))
        for base, exponent in () if others else monomial:
            part = self.terms(base.args[0]) if isinstance(base, sp.exp) else atom(sp.log(base))
            out = add(out, self.times(part, self.terms(exponent)))
        primes = ((p, n) for p, n in sp.factorrat(number).items() if p != 1)
        return add(out, *({frozenset({(sp.log(prime), UNIT)}): sp.Integer(n)} for prime, n in primes))

    def _sum(self, terms: Terms, symbol: Expr) -> Terms:
        """Sum over an index: what does not depend on it stands outside."""
        out: Terms = {}
        for monomial, coefficient in terms.items():
            outside = frozenset(f for f in monomial if symbol not in names_of([f]))
            out = add(out, self.times({outside: coefficient}, self.summed(list(monomial - outside), symbol)))
        return out

    def summed(self, inside: list[tuple[Expr, Expr]], symbol: Expr) -> Terms:
        """Sum a product whose factors all depend on the index: an atom, its index named in one way."""
        length = known_range(symbol)
        name = declare(f"_1_{length}", Type("index", length=length))
        term = sp.Mul(*(b**e for b, e in inside))
        return atom(total(replace(term, {symbol: name}), name)) if inside else self.terms(length)


def atom(expr: Expr) -> Terms:
    """Return the normal form of what is not looked into."""
    return {frozenset({(expr, UNIT)}): UNIT}


def add(*many: Terms) -> Terms:
    """Add normal forms."""
    out: Terms = {}
    for terms in many:
        for monomial, coefficient in terms.items():
            out[monomial] = out.get(monomial, ZERO) + coefficient
    return {monomial: coefficient for monomial, coefficient in out.items() if coefficient}


def to_expr(terms: Terms) -> Expr:
    """Return a normal form as an expression."""
    return sp.Add(*(sp.Mul(c, *(sp.Pow(b, e) for b, e in monomial)) for monomial, c in terms.items()))


def names_of(factors: list[tuple[Expr, Expr]]) -> set[Expr]:
    """Return the free names of a product of powers."""
    return set().union(*(free_names(b) | free_names(e) for b, e in factors))


def _number_power(number: Expr, exponent: Expr) -> Terms:
    if exponent.is_Integer:
        return {ONE: number**exponent}
    primes = sp.factorrat(number).items()
    return {frozenset((sp.Integer(prime), sp.expand(n * exponent)) for prime, n in primes if prime != 1): UNIT}


def _primitive(terms: Terms) -> tuple[Expr, Terms]:
    """Split off the rational content, with the sign of the first term in a fixed order."""
    content = sp.Rational(math.gcd(*(int(c.p) for c in terms.values())), math.lcm(*(int(c.q) for c in terms.values())))
    first = min(terms, key=lambda monomial: key_of(to_expr({monomial: UNIT})))
    content = -content if terms[first] < 0 else content
    return content, {monomial: coefficient / content for monomial, coefficient in terms.items()}


@lru_cache(maxsize=200_000)
def key_of(expr: Expr) -> str:
    """Return what expressions are ordered by."""
    return str(sp.srepr(expr))


PLAIN = Normal()
