"""The normal form and the signs against exact values: random expressions, random models of their types."""

from __future__ import annotations

import random
from typing import Any

import pytest
import sympy as sp

from proofs.algebra import is_zero, normal
from proofs.context import NotShown
from proofs.exact import Values, evaluate
from proofs.expressions import index, masses, member, nonnegative, positive, real, size, total
from proofs.signs import sign

N, M = size("N"), size("M")
S, J = (index("s", N), index("f_r", N)), (index("j", M), index("f_j", M))
t = member("t", N)
NUMBERS = (*positive("k f_c"), *nonnegative("f_a f_b"), *real("f_x f_y"))
u, n, w, v = masses("u"), masses("n", positive=True), masses("f_w", real=True), masses("v")


def expression(rng: random.Random, depth: int, free: tuple[Any, ...] = ()) -> Any:
    """A random expression whose free indices are among ``free``."""
    if depth == 0 or rng.random() < 0.15:
        arrays = [a[i] for i in free for a in ((u, w) if i in J else (n,))]
        arrays += [v[i, k] for i in free if i in S for k in free if k in J] + [n[t]]
        deltas = [sp.KroneckerDelta(i, t) for i in free if i in S]
        return rng.choice([*NUMBERS, *arrays, *deltas, sp.Rational(rng.randint(-3, 4), rng.randint(1, 3))])
    kind = rng.choice("+*-^Sl+*S")
    if kind == "S":
        symbol = rng.choice([i for i in (*S, *J) if i not in free] or [None])
        return total(expression(rng, depth - 1, (*free, symbol)), symbol) if symbol is not None else sp.Integer(1)
    left = expression(rng, depth - 1, free)
    if kind == "^":
        return sp.Pow(left, rng.choice((-2, -1, 2, 3, sp.Rational(1, 2)))) if left != 0 else left
    if kind == "l":
        return sp.log(1 + left**2)
    right = expression(rng, depth - 1, free)
    return left + right if kind == "+" else left - right if kind == "-" else left * right


def model(rng: random.Random) -> Values:
    rows, leaves = rng.randint(1, 3), rng.randint(1, 3)

    def number(low: int) -> Any:
        return sp.Rational(rng.randint(low, 7), rng.randint(1, 4))

    lows = (1, 1, 0, 0, -7, -7)
    return {
        N: sp.Integer(rows),
        M: sp.Integer(leaves),
        t: sp.Integer(rng.randint(1, rows)),
        **{x: number(low) for x, low in zip(NUMBERS, lows, strict=True)},
        u.label: tuple(number(0) for _ in range(leaves)),
        w.label: tuple(number(-7) for _ in range(leaves)),
        n.label: tuple(number(1) for _ in range(rows)),
        v.label: tuple(tuple(number(0) for _ in range(leaves)) for _ in range(rows)),
    }


def values_of(rng: random.Random, *exprs: Any) -> list[list[Any]]:
    """The values of the expressions at a few models at which the first is defined."""
    found = []
    for _ in range(4):
        at = model(rng)
        try:
            found.append([sp.N(evaluate(expr, at), 30) for expr in exprs])
        except (NotShown, ZeroDivisionError):
            continue
    return found


def normal_form_agrees(rng: random.Random) -> int:
    expr = expression(rng, 4)
    try:
        other = normal(expr)
    except ZeroDivisionError:  # 0 under a fraction bar: the rules take it for "not shown"
        return 0
    found = [pair for pair in values_of(rng, expr, other) if all(value.is_number for value in pair)]
    for one, two in found:
        assert abs(one - two) <= 1e-20 * (1 + abs(one)), expr
    twice = expression(rng, 2)
    try:
        zero = is_zero(expr - twice)
    except ZeroDivisionError:
        return len(found)
    if zero:
        assert all(abs(one - two) <= 1e-20 * (1 + abs(one)) for one, two in values_of(rng, expr, twice))
    return len(found)


def sign_is_right(rng: random.Random) -> int:
    expr = expression(rng, 4)
    try:
        seen = sign(expr)
    except ZeroDivisionError:
        return 0
    found = values_of(rng, expr) if seen is not None else []
    for (value,) in found:
        assert value > 0 if seen is not None and seen.strict else value >= -1e-25, expr
    return len(found)


@pytest.mark.slow
def test_the_normal_form_of_a_random_expression_has_its_values() -> None:
    rng = random.Random(1)
    assert sum(normal_form_agrees(rng) for _ in range(150)) > 200


def test_the_sign_of_a_random_expression_is_that_of_its_values() -> None:
    rng = random.Random(2)
    assert sum(sign_is_right(rng) for _ in range(400)) > 200
