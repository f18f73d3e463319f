"""Exact values: a fact at given rationals is true or false, with no rounding, logarithms included.

A value is a rational, or a rational combination of logarithms of primes; its sign is decided by comparing whole
numbers: ``sum q_i log r_i > 0`` iff the product of ``r_i ** (q_i * common denominator)`` exceeds 1. Where something is
not defined (0 under a logarithm or a fraction bar), or is no such value, nothing is decided.

Example:
    >>> import sympy as sp
    >>> exact_sign(sp.log(25) - sp.log(27)), exact_sign(sp.log(8) - 3 * sp.log(2))
    (-1, 0)
    >>> huffman_length((sp.Rational(8, 10), sp.Rational(1, 10), sp.Rational(1, 10)))
    6/5
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from .algebra import normal_terms
from .context import Context, NotShown
from .expressions import Diff, Huffman, free_names, is_index, known_range, type_of, walk
from .facts import Fact, Step
from .kernel.context import Rules

__all__ = ["CHECKS", "Counterexample", "Values", "evaluate", "everywhere", "exact_sign", "huffman_length", "ill_typed"]

Expr = Any
Values = Mapping[Expr, Any]  # number, size or member -> rational; array name (``p.label``) -> nested tuple of rationals


@dataclass(frozen=True, kw_only=True)
class Counterexample(Step):
    """Exact values of the symbols' types that satisfy every premise (no case) and definition, at every index.

    Sound: what holds for all values of the types that meet the premises holds at these. ``fact`` reads ``gap of the
    refuted fact = value``.
    """

    values: tuple[tuple[Expr, Any], ...] = ()
    refuted: Fact


def huffman_length(p: Sequence[Expr]) -> Expr:
    """Return the expected length of a Huffman code, which is optimal (Huffman 1952), as an exact rational."""
    tie = itertools.count()
    heap = [(value, next(tie)) for value in p]
    heapq.heapify(heap)
    length = sp.Integer(0)
    while len(heap) > 1:
        (a, _), (b, _) = heapq.heappop(heap), heapq.heappop(heap)
        length += a + b
        heapq.heappush(heap, (a + b, next(tie)))
    return length


def evaluate(expr: Expr, values: Values) -> Expr:
    """Put exact values into an expression: indexed sums are written out, derivatives taken.

    Raises:
        NotShown: a value is missing, or something is not defined there.
    """
    if isinstance(expr, sp.Symbol):
        if expr not in values:
            raise NotShown(f"no value is given for {expr}")
        return values[expr]
    if isinstance(expr, sp.Indexed):
        value: Any = values.get(expr.base.label)
        for place in expr.indices:
            at = evaluate(place, values)
            if not isinstance(value, tuple) or not 1 <= at <= len(value):
                raise NotShown(f"no value is given for {expr} at {at}")
            value = value[int(at) - 1]
        return value
    if isinstance(expr, sp.Sum):
        ranges = [range(1, int(evaluate(high, values)) + 1) for _, _, high in expr.limits]
        names = [s for s, _, _ in expr.limits]
        places = (dict(zip(names, map(sp.Integer, at), strict=True)) for at in itertools.product(*ranges))
        return sp.Add(*(evaluate(expr.function, {**values, **place}) for place in places))
    if isinstance(expr, Diff):
        f, x, x0, order = expr.args
        inside, at = evaluate(f, {**values, x: x}), evaluate(x0, values)
        for node in walk(inside):  # near this place it must be a smooth function of x
            evaluate(node, {x: at})
        return evaluate(sp.diff(inside, x, int(order)), {x: at})
    if not isinstance(expr, sp.Add | sp.Mul | sp.Pow | sp.log | sp.ceiling | sp.Rational | sp.KroneckerDelta | Huffman):
        raise NotShown(f"{expr} has no exact value here")
    parts = [evaluate(arg, values) for arg in expr.args]
    open_ = any(free_names(part) for part in parts)
    if open_ and isinstance(expr, sp.ceiling | Huffman | sp.KroneckerDelta):
        raise NotShown(f"{expr} is not smooth")
    if isinstance(expr, Huffman):
        return huffman_length(parts)
    if isinstance(expr, sp.ceiling):
        return _ceiling(parts[0])
    if isinstance(expr, sp.log) and not open_ and exact_sign(parts[0]) <= 0:
        raise NotShown(f"{expr}: the logarithm of {parts[0]}")
    if isinstance(expr, sp.Pow) and not (expr.exp.is_Integer and expr.exp >= 0) and not free_names(parts[0]):
        sign = exact_sign(parts[0])
        if sign == 0 or (sign < 0 and not parts[1].is_Integer):
            raise NotShown(f"{expr}: {parts[0]} to the power {parts[1]}")
    return expr.func(*parts) if parts else expr


def _ceiling(value: Expr) -> Expr:
    up = next(n for n in itertools.count() if exact_sign(n - value) >= 0 or exact_sign(-n - value) < 0)
    if exact_sign(up - value) >= 0 and exact_sign(up - 1 - value) < 0:
        return sp.Integer(up)
    return next(sp.Integer(n) for n in itertools.count(-up) if exact_sign(n - value) >= 0)


def exact_sign(value: Expr) -> int:
    """Return -1, 0 or 1: the sign of a rational combination of logarithms of rationals, decided in whole numbers.

    A quotient by a logarithm (``log2``) is allowed.
    """
    numerator, denominator = sp.fraction(sp.together(value))
    if not denominator.is_Rational:
        return exact_sign(numerator) * exact_sign(denominator)
    logs = dict[Expr, Expr]()
    terms = normal_terms(value)
    if set(terms) <= {frozenset()}:
        rational = terms.get(frozenset(), sp.Integer(0))
        return int(bool(rational > 0)) - int(bool(rational < 0))
    for monomial, coefficient in terms.items():
        (base, exponent), *others = monomial or ((None, None),)
        if others or exponent != 1 or not isinstance(base, sp.log) or not base.args[0].is_Integer:
            raise NotShown(f"the sign of {value} is not decided: {base}")
        logs[base.args[0]] = coefficient
    scale = math.lcm(*(int(c.q) for c in logs.values()))
    above = below = 1
    for prime, coefficient in logs.items():
        power = int(coefficient * scale)
        above, below = above * int(prime) ** max(power, 0), below * int(prime) ** max(-power, 0)
    return (above > below) - (above < below)


def _holds(fact: Fact, values: Values) -> bool:
    left, right = evaluate(fact.left, values), evaluate(fact.right, values)
    found = exact_sign(left - right if fact.relation in {">", ">=", "="} else right - left)
    return found == 0 if fact.relation == "=" else (found > 0 if fact.strict else found >= 0)


def everywhere(fact: Fact, values: Values) -> list[dict[Expr, Any]]:
    """Write out the free indices of a fact: one set of values for each place."""
    free = [s for s in free_names(fact.left) | free_names(fact.right) if is_index(s)]
    ranges = [range(1, int(evaluate(known_range(s), values)) + 1) for s in free]
    return [
        {**values, **dict(zip(free, map(sp.Integer, places), strict=True))} for places in itertools.product(*ranges)
    ]


def ill_typed(values: Values) -> str:
    """Return which value is not of its symbol's type, or "" where all are."""
    for key, value in values.items():
        kind = type_of(key, array=isinstance(value, tuple))
        if kind is None or kind.role not in {"number", "array", "size", "member"}:
            return f"{key} is no number, array, size or member: it takes no value"
        for number in _flat(value):
            if not isinstance(number, sp.Rational):
                return f"{number} is not an exact rational"
            if (kind.sign == "positive" and number <= 0) or (kind.sign == "nonnegative" and number < 0):
                return f"{key} = {number} breaks its sign"
            if kind.role in {"size", "member"} and not number.is_Integer:
                return f"{key} = {number} is not a whole number"
        if kind.role == "member" and value > evaluate(known_range(key), values):
            return f"{key} = {value} is beyond its range"
    return ""


def _flat(value: Any) -> list[Expr]:
    return [n for part in value for n in _flat(part)] if isinstance(value, tuple) else [value]


def _check_counterexample(step: Counterexample, context: Context) -> str:
    values = dict(step.values)
    if ill_typed(values):
        raise NotShown(ill_typed(values))
    for name in [*(a.name for a in context.assumptions.values() if not a.case), *context.definitions]:
        fact = context.cite(name)
        if not all(_holds(fact, local) for local in everywhere(fact, values)):
            raise NotShown(f"the premise {name!r} does not hold at the values")
    if len(everywhere(step.refuted, values)) != 1 or any(map(is_index, free_names(step.refuted.gap))):
        raise NotShown("the refuted statement must have no free index: name a member instead")
    if _holds(step.refuted, values):
        raise NotShown("the statement holds at the values: they refute nothing")
    if step.fact.relation != "=" or step.fact.left != step.refuted.gap:
        raise NotShown("the step must state the gap of the refuted statement")
    found = evaluate(step.refuted.gap, values)
    if exact_sign(found - step.fact.right) != 0:
        raise NotShown(f"the gap is {found}, not what is stated")
    return "the values satisfy every premise exactly; both sides are evaluated exactly; the statement is false there"


CHECKS: Rules = {Counterexample: _check_counterexample}
