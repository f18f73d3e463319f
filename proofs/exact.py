"""Exact values: a fact at given rationals is true or false, with no rounding, logarithms included.

A value is a rational combination of logarithms of primes plus a rational; its sign is decided by comparing whole
numbers: ``sum q_i log r_i > 0`` iff the product of ``r_i ** (q_i * common denominator)`` exceeds 1.

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
from .expressions import Diff, free_names, range_of, replace
from .facts import Fact, Step

__all__ = [
    "Counterexample",
    "Huffman",
    "Values",
    "check_counterexample",
    "evaluate",
    "exact_sign",
    "holds",
    "huffman_length",
]

Expr = Any
Values = Mapping[Expr, Any]  # scalar or size -> number; array name (``p.label``) -> nested tuple of numbers


class Huffman(sp.Function):  # type: ignore[misc]
    """``Huffman(p1, ..., pM)``: the expected length in bits of an optimal prefix code."""

    is_real = True
    is_nonnegative = True


@dataclass(frozen=True, kw_only=True)
class Counterexample(Step):
    """Exact values that satisfy every premise and make ``refuted`` false; ``fact`` states the two sides' gap there.

    ``values`` maps symbols and sizes to rationals, array names to nested tuples of rationals. ``fact`` reads
    ``gap of the refuted fact = value``.
    """

    values: tuple[tuple[Expr, Any], ...] = ()
    refuted: Fact


def huffman_length(p: Sequence[Expr]) -> Expr:
    """Return the expected length of a Huffman code, as an exact rational."""
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
    """Put exact values into an expression: indexed sums are written out, derivatives taken."""
    arrays = {key: value for key, value in values.items() if isinstance(value, tuple)}
    scalars = {key: value for key, value in values.items() if not isinstance(value, tuple)}

    def walk(node: Expr, local: dict[Expr, Expr]) -> Expr:
        if isinstance(node, sp.Symbol):
            return local.get(node, node)
        if isinstance(node, sp.Indexed):
            value: Any = arrays.get(node.base.label)
            places = [walk(i, local) for i in node.indices]
            if value is None:
                return node.base[tuple(places)]
            for place in places:
                value = value[int(place) - 1]
            return value
        if isinstance(node, sp.Sum):
            ((symbol, low, high),) = node.limits[:1]
            rest = sp.Sum(node.function, *node.limits[1:]) if len(node.limits) > 1 else node.function
            first, last = walk(low, local), walk(high, local)
            return sp.Add(*(walk(rest, {**local, symbol: sp.Integer(v)}) for v in range(int(first), int(last) + 1)))
        if isinstance(node, Diff):
            f, x, x0, order = node.args
            inside = walk(f, {key: value for key, value in local.items() if key != x})
            return replace(sp.diff(inside, x, int(order)), {x: walk(x0, local)})
        if isinstance(node, Huffman):
            return huffman_length([walk(arg, local) for arg in node.args])
        if isinstance(node, sp.ceiling):
            return _ceiling(walk(node.args[0], local))
        if isinstance(node, sp.Mul):
            # A leaf without mass counts 0, whatever its logarithm is: 0 log 0 = 0.
            parts: list[Expr] = []
            for arg in sorted(node.args, key=lambda a: a.has(sp.log)):
                part = walk(arg, local) if not (parts and parts[-1] == 0) else sp.Integer(0)
                if part == 0:
                    return sp.Integer(0)
                parts.append(part)
            return sp.Mul(*parts)
        if not node.args:
            return node
        return node.func(*(walk(arg, local) for arg in node.args))

    return walk(expr, dict(scalars))


def _ceiling(value: Expr) -> Expr:
    low = sp.floor(sp.N(value, 50))
    for candidate in (low - 1, low, low + 1, low + 2):
        if exact_sign(candidate - value) >= 0:
            return sp.Integer(candidate)
    raise NotShown(f"the ceiling of {value} was not found")


def exact_sign(value: Expr) -> int:
    """Return -1, 0 or 1: the sign of a rational combination of logarithms of rationals, decided in whole numbers.

    A quotient by a positive logarithm (``log2``) is allowed: it does not change the sign.
    """
    numerator, denominator = sp.fraction(sp.together(value))
    if denominator.has(sp.log):
        return exact_sign(numerator) * exact_sign(denominator)
    rational, logs = sp.Integer(0), dict[Expr, Expr]()
    for monomial, coefficient in normal_terms(sp.expand(value)).items():
        if not monomial:
            rational += coefficient
            continue
        ((base, exponent),) = monomial
        if exponent != 1 or not isinstance(base, sp.log) or not base.args[0].is_Integer:
            raise NotShown(f"the sign of {value} is not decided: {base}")
        logs[base.args[0]] = coefficient
    if not logs:
        return int(sp.sign(rational))
    if rational:
        raise NotShown(f"a rational beside logarithms is not compared exactly: {value}")
    scale = math.lcm(*(int(c.q) for c in logs.values()))
    above = below = 1
    for prime, coefficient in logs.items():
        power = int(coefficient * scale)
        if power > 0:
            above *= int(prime) ** power
        else:
            below *= int(prime) ** -power
    return (above > below) - (above < below)


def holds(fact: Fact, values: Values) -> bool:
    """Tell whether a fact without free indices holds at exact values."""
    found = exact_sign(evaluate(fact.gap, values))
    return found == 0 if fact.relation == "=" else (found > 0 if fact.strict else found >= 0)


def _for_every_index(fact: Fact, values: Values) -> list[dict[Expr, Any]]:
    """Write out the free indices of a fact: one set of values for each place."""
    free = []
    for symbol in free_names(fact.left) | free_names(fact.right):
        if symbol in values:
            continue
        try:
            free.append((symbol, range(1, int(evaluate(range_of(symbol), values)) + 1)))
        except ValueError as error:
            raise NotShown(f"no value is given for {symbol}") from error
    return [
        {**values, **dict(zip([s for s, _ in free], map(sp.Integer, places), strict=True))}
        for places in itertools.product(*(r for _, r in free))
    ]


def check_counterexample(step: Counterexample, context: Context) -> str:
    """Check the rule of the same name; return what was checked."""
    values = dict(step.values)
    for key, value in values.items():
        for number in _flat(value):
            if not isinstance(number, sp.Rational):
                raise NotShown(f"{number} is not an exact rational")
            if (key.is_positive and number <= 0) or (key.is_nonnegative and number < 0):
                raise NotShown(f"{key} = {number} breaks its sign")
    for name in [*context.assumptions, *context.definitions]:
        fact = context.cite(name)
        for local in _for_every_index(fact, values):
            if not holds(fact, local):
                raise NotShown(f"the premise {name!r} does not hold at the values")
    places = _for_every_index(step.refuted, values)
    if all(holds(step.refuted, local) for local in places):
        raise NotShown("the statement holds at the values: they refute nothing")
    if len(places) != 1 or step.fact.relation != "=" or step.fact.left != step.refuted.gap:
        raise NotShown("the step must state the gap of the refuted statement, without free indices")
    if exact_sign(evaluate(step.fact.left, values) - step.fact.right) != 0:
        raise NotShown(f"the gap is {evaluate(step.fact.left, values)}, not what is stated")
    return "the values satisfy every premise exactly; both sides are evaluated exactly; the statement is false there"


def _flat(value: Any) -> list[Expr]:
    return [n for part in value for n in _flat(part)] if isinstance(value, tuple) else [value]
