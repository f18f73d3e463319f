"""Rules of analysis for derivations: squeezed limits of rational functions, minima of functions of one variable.

The kernel's rules (:mod:`.kernel.analysis`) hold here too. Nobody needs to trust these: Coq decides what they show.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from .algebra import is_zero
from .context import Context, NotShown
from .expressions import Diff, Lim, Type, free_names, ill_formed, substitute, type_of
from .facts import Fact, Step
from .kernel import analysis as kernel
from .kernel.analysis import Differentiate, Integrate, LimitOf, elementary
from .kernel.context import Rules

__all__ = ["CHECKS", "Differentiate", "Integrate", "LimitOf", "Minimum", "Squeeze"]

Expr = Any


@dataclass(frozen=True)
class Squeeze(Step):
    """``low <= f <= high`` for every x, and both bounds tend to the value, so ``f`` does (the squeeze theorem).

    The bounds are rational functions of x.
    """

    low: str = ""
    high: str = ""


@dataclass(frozen=True, kw_only=True)
class Minimum(Step):
    """``left >= right`` for every ``x > 0``: equal at ``x0 > 0``; the gap's derivative is ``(x - x0) * slope``.

    Sound (the mean value theorem): the gap is smooth for every x > 0, falls before ``x0`` and rises after it, as
    slope >= 0 for every x > 0.
    """

    x: Expr
    x0: Expr
    slope: Expr


def _split(f: Expr) -> Expr:
    """Write the logarithm of a product as a sum: equal, where every factor is positive."""
    if isinstance(f, sp.log) and isinstance(f.args[0], sp.Mul | sp.Pow):
        parts = (part.as_base_exp() for part in sp.Mul.make_args(f.args[0]))
        return sp.Add(*(exponent * sp.log(base) for base, exponent in parts))
    return f.func(*(_split(arg) for arg in f.args)) if isinstance(f, sp.Add | sp.Mul | sp.Sum) else f


def _check_differentiate(step: Differentiate, context: Context) -> str:
    left = step.fact.left
    context.defined(left)
    split = left.func(_split(left.args[0]), *left.args[1:]) if isinstance(left, Diff) else left
    return kernel.CHECKS[Differentiate](replace(step, fact=Fact(split, step.fact.relation, step.fact.right)), context)


def _limit(f: Expr, x: Expr, x0: Expr, context: Context) -> Expr:
    """Return the limit of a rational function of x, at 0 or at infinity, by the values or the leading coefficients.

    Sound: polynomials are continuous, and a polynomial behaves as its leading term; what is divided by is not zero.
    """
    top, bottom = sp.fraction(sp.together(f))
    top, bottom = (sp.Poly(part, x).all_coeffs()[::-1] for part in (top, bottom))  # from the constant upwards
    if any(x in free_names(c) for c in (*top, *bottom)):
        raise NotShown(f"{f} is no rational function of {x}")
    whole = [sp.Add(*(c * x**n for n, c in enumerate(part))) for part in (top, bottom)]
    if not is_zero(f * whole[1] - whole[0]):
        raise NotShown(f"{f} is not the quotient that was found")
    degree = 0 if x0 == 0 else len(bottom) - 1
    if x0 != 0 and len(top) - 1 > degree:
        raise NotShown(f"{f} does not tend to a number")
    if not (context.sign(bottom[degree], strict=True) or context.sign(-bottom[degree], strict=True)):
        raise NotShown(f"{bottom[degree]} is not known to be different from zero")
    return top[degree] / bottom[degree] if degree < len(top) else sp.Integer(0)


def _check_squeeze(step: Squeeze, context: Context) -> str:
    left = step.fact.left
    if step.fact.relation != "=" or not isinstance(left, Lim) or left.args[1] in free_names(step.fact.right):
        raise NotShown("the left side must be a limit, the right side must not move")
    f, x, x0 = left.args
    for name, low in ((step.low, True), (step.high, False)):
        fact = context.cite(name)
        if fact.relation == "=":
            raise NotShown(f"{name!r} is no inequality")
        small, big = (fact.left, fact.right) if fact.relation in {"<", "<="} else (fact.right, fact.left)
        inside, bound = (big, small) if low else (small, big)
        if not is_zero(inside - f):
            raise NotShown(f"{name!r} does not bound the function")
        value = _limit(bound, x, x0, context)
        if not is_zero(value - step.fact.right):
            raise NotShown(f"the bound {bound} tends to {value}")
    context.defined(left, step.fact.right)
    return (
        "both bounds, rational functions, tend to the right side: by their leading coefficients, or their values at 0"
    )


def _check_minimum(step: Minimum, context: Context) -> str:
    gap, x = step.fact.gap, step.x
    if step.fact.relation not in {">=", "<="} or type_of(x) != Type("number") or x in free_names(step.x0):
        raise NotShown("a minimum shows a weak inequality in a positive variable")
    if ill_formed(step.slope) or ill_formed(step.x0) or not context.sign(step.x0, strict=True):
        raise NotShown("the minimum lies at a positive number")
    for part in (step.fact.left, step.fact.right):
        elementary(part, x)
    context.defined(step.fact.left, step.fact.right, step.slope, step.x0)
    if not is_zero(substitute(gap, {x: step.x0})):
        raise NotShown(f"the two sides differ at {x} = {step.x0}")
    if not is_zero(sp.diff(gap, x) - (x - step.x0) * step.slope):
        raise NotShown("the derivative of the difference is not (x - x0) times the stated slope")
    if not context.sign(step.slope):
        raise NotShown(f"the slope {step.slope} is not known to be >= 0")
    context.generic([x], context.rests_on)
    return "the sides agree at x0, and the derivative of their difference is (x - x0) times a quantity >= 0"


CHECKS: Rules = {Differentiate: _check_differentiate, Squeeze: _check_squeeze, Minimum: _check_minimum}
