"""The normal form of derivations: the kernel's, with nested sums brought into one form and deltas contracted.

Sums are swapped and merged, and a product of sums is split into sums that share no index.

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
from typing import Any

import sympy as sp

from .expressions import fits, index, known_range, replace, total
from .kernel.algebra import Normal, Terms, atom, key_of, names_of

__all__ = ["NESTED", "NestedSums", "is_zero", "normal", "normal_terms"]

Expr = Any
UNIT = sp.Integer(1)


class NestedSums(Normal):
    """The normal form in which sums over several indices have one form."""

    def summed(self, inside: list[tuple[Expr, Expr]], symbol: Expr) -> Terms:
        """Sum a product over an index: at the one place that a delta picks out, or as canonical sums."""
        for base, exponent in inside:
            if isinstance(base, sp.KroneckerDelta) and symbol in base.args and exponent.is_Integer and exponent > 0:
                other = base.args[1] if base.args[0] == symbol else base.args[0]
                if fits(other, symbol):  # the delta is 1 at one place of the range, and 0 elsewhere
                    return self.terms(replace(sp.Mul(*(b**e for b, e in inside if b != base)), {symbol: other}))
        binders, body, factor = [symbol], list[tuple[Expr, Expr]](), UNIT
        for base, exponent in inside:
            if not (isinstance(base, sp.Sum) and exponent.is_Integer and exponent > 0):
                body.append((base, exponent))
                continue
            for _ in range(int(exponent)):  # a product of sums is a sum over independent indices
                taken = {*binders, *names_of(inside), *names_of(body)}
                fresh = {s: _fresh(known_range(s), taken | set(binders)) for s, _, _ in base.limits[:1]}
                for s, _, _ in base.limits[1:]:
                    fresh[s] = _fresh(known_range(s), taken | set(fresh.values()))
                binders += fresh.values()
                ((inner, number),) = self.terms(replace(base.function, fresh)).items()  # -1 where names turn its sign
                factor, body = factor * number, body + list(inner)
        return self.times({frozenset(): factor}, self._components(body, binders))

    def _components(self, body: list[tuple[Expr, Expr]], binders: list[Expr]) -> Terms:
        """Split a sum over several indices into factors that share no index, and name each one canonically."""
        out: Terms = {frozenset(): UNIT}
        left = list(binders)
        while left:
            group = [left.pop(0)]
            while True:
                factors = [f for f in body if set(group) & names_of([f])]
                more = [symbol for symbol in left if symbol in names_of(factors)]
                if not more:
                    break
                group += more
                left = [symbol for symbol in left if symbol not in more]
            term = sp.Mul(*(b**e for b, e in factors))
            out = self.times(out, atom(_canonical_sum(term, group)) if factors else self.terms(known_range(group[0])))
        return out


def _fresh(length: Expr, taken: set[Expr]) -> Expr:
    return next(s for n in itertools.count(1) if (s := index(f"_{n}_{length}_", length)) not in taken)


def _canonical_sum(term: Expr, binders: list[Expr]) -> Expr:
    found = []
    for order in itertools.permutations(sorted(binders, key=lambda s: str(known_range(s)))):
        lengths = [known_range(s) for s in order]
        if list(map(str, lengths)) == sorted(map(str, lengths)):
            names = [index(f"_{n + 1}_{length}", length) for n, length in enumerate(lengths)]
            found.append(total(replace(term, dict(zip(order, names, strict=True))), *names))
    return min(found, key=key_of)


NESTED = NestedSums()
normal, normal_terms, is_zero = NESTED.normal, NESTED.terms, NESTED.vanishes
