"""Rules of analysis: derivatives, limits, integrals by an antiderivative, minima of functions of one variable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from .algebra import is_zero, normal
from .context import Context, NotShown
from .expressions import Diff, Int, Lim, free_names, replace
from .facts import Step

__all__ = ["Differentiate", "Integrate", "LimitOf", "Minimum", "Squeeze"]

Expr = Any


@dataclass(frozen=True)
class Differentiate(Step):
    """``Diff(f, x, x0, n) = right``: differentiate term by term and compare."""


@dataclass(frozen=True, kw_only=True)
class LimitOf(Step):
    """Limits pass through a continuous function: ``Lim(F(u, v)) = F(lim u, lim v)``.

    ``parts`` maps each place holder in ``outer`` to the name of the fact that gives its limit.
    """

    outer: Expr
    parts: tuple[tuple[Expr, str], ...] = ()


@dataclass(frozen=True)
class Squeeze(Step):
    """``low <= f <= high`` and both bounds tend to the value, so ``f`` does: ``Lim(f, x, x0) = value``."""

    low: str = ""
    high: str = ""


@dataclass(frozen=True, kw_only=True)
class Integrate(Step):
    """``Int(f, x, a, b) = right``: the antiderivative's derivative is ``f``, its limits at the ends give the value."""

    antiderivative: Expr


@dataclass(frozen=True, kw_only=True)
class Minimum(Step):
    """``left >= right`` for ``x > 0``: equal at ``x0``; the gap's derivative is ``(x - x0) * slope``, slope >= 0."""

    x: Expr
    x0: Expr
    slope: Expr


def check_differentiate(step: Differentiate, context: Context) -> str:
    """Check the rule of the same name; return what was checked."""
    left = step.fact.left
    if step.fact.relation != "=" or not isinstance(left, Diff):
        raise NotShown("the left side must be a derivative")
    f, x, x0, order = left.args
    context.defined(left, step.fact.right)
    value = _split_logarithms(f)
    for _ in range(int(order)):
        value = sp.diff(value, x)
    if value.has(sp.Derivative):
        raise NotShown("a derivative is not elementary")
    value = replace(value, {x: x0})
    if not is_zero(value - step.fact.right):
        raise NotShown(f"the derivative is {normal(value)}")
    return "differentiated term by term; the result minus the right side reduces to 0"


def _split_logarithms(f: Expr) -> Expr:
    """Write the logarithm of a product as a sum: the derivative is the same wherever the product is positive."""
    if isinstance(f, sp.log) and isinstance(f.args[0], sp.Mul | sp.Pow):
        parts = (part.as_base_exp() for part in sp.Mul.make_args(f.args[0]))
        return sp.Add(*(exponent * sp.log(base) for base, exponent in parts))
    return f.func(*(_split_logarithms(arg) for arg in f.args)) if isinstance(f, sp.Add | sp.Mul | sp.Sum) else f


def limit(f: Expr, x: Expr, x0: Expr) -> Expr | None:
    """Take the limit of an elementary function from within its domain; incomplete gamma functions vanish at infinity.

    Gamma(a, z) -> 0 as z -> infinity: DLMF 8.11.2.
    """
    if x0 not in (0, sp.oo) or not x.is_nonnegative:
        return None  # only limits at the ends of the positive axis, from within
    direction = "-" if x0 == sp.oo else "+"
    vanishing: dict[Expr, Expr] = {}
    for node in f.atoms(sp.uppergamma):
        if x in node.free_symbols and sp.limit(node.args[1], x, x0, direction) == sp.oo:
            vanishing[node] = sp.Symbol(f"gone{len(vanishing)}")
    if vanishing:
        body = f.xreplace(vanishing)
        free = body.xreplace(dict.fromkeys(vanishing.values(), sp.Integer(0)))
        factors = sp.expand(body - free)
        if x in factors.free_symbols:
            return None  # a vanishing factor times something that moves: not decided here
        f = free
    value = sp.limit(f, x, x0, direction)
    return None if value.has(sp.Limit, sp.oo, sp.nan, sp.zoo) else value


def check_limit_of(step: LimitOf, context: Context) -> str:
    """Check the rule of the same name; return what was checked."""
    left = step.fact.left
    if step.fact.relation != "=" or not isinstance(left, Lim):
        raise NotShown("the left side must be a limit")
    f, x, x0 = left.args
    inner, outer_value = {}, {}
    for holder, name in step.parts:
        fact = context.cite(name)
        if not isinstance(fact.left, Lim) or fact.relation != "=" or fact.left.args[1:] != (x, x0):
            raise NotShown(f"{name!r} is no limit in {x}")
        inner[holder] = fact.left.args[0]
        outer_value[holder] = fact.right
    if x in free_names(step.outer):
        raise NotShown(f"the outer function must not contain {x}")
    if not is_zero(f - replace(step.outer, inner)):
        raise NotShown("the function is not the stated composition")
    value = replace(step.outer, outer_value)
    context.defined(value)
    if not is_zero(value - step.fact.right):
        raise NotShown(f"the composition tends to {value}")
    allowed = (sp.Add, sp.Mul, sp.Pow, sp.log, sp.exp)
    if not all(isinstance(node, allowed) or not node.args for node in sp.preorder_traversal(step.outer)):
        raise NotShown("the outer function is not elementary, so its continuity is not seen")
    return "the function is the stated composition; the outer function is elementary and defined at the limits"


def check_squeeze(step: Squeeze, context: Context) -> str:
    """Check the rule of the same name; return what was checked."""
    left = step.fact.left
    if step.fact.relation != "=" or not isinstance(left, Lim):
        raise NotShown("the left side must be a limit")
    f, x, x0 = left.args
    bounds = []
    for name, low in ((step.low, True), (step.high, False)):
        fact = context.cite(name)
        if fact.relation == "=":
            raise NotShown(f"{name!r} is no inequality")
        context.generic([x], context.known[name].rests_on)
        small, big = (fact.left, fact.right) if fact.relation in {"<", "<="} else (fact.right, fact.left)
        inside, bound = (big, small) if low else (small, big)
        if not is_zero(inside - f):
            raise NotShown(f"{name!r} does not bound the function")
        bounds.append(bound)
    for bound in bounds:
        value = limit(bound, x, x0)
        if value is None or not is_zero(value - step.fact.right):
            raise NotShown(f"the bound {bound} tends to {value}")
    return "both bounds, taken to their limit by sympy, tend to the right side"


def check_integrate(step: Integrate, context: Context) -> str:
    """Check the rule of the same name; return what was checked."""
    left = step.fact.left
    if step.fact.relation != "=" or not isinstance(left, Int):
        raise NotShown("the left side must be an integral")
    f, x, a, b = left.args
    slope = sp.diff(step.antiderivative, x)
    if slope.has(sp.Derivative) or not is_zero(sp.expand_func(slope) - f):
        raise NotShown(f"the derivative of the antiderivative is {slope}")
    for node in sp.preorder_traversal(step.antiderivative):
        singular = isinstance(node, sp.Pow) and not node.exp.is_nonnegative and x in node.base.free_symbols
        if singular and node.base not in (x, sp.E):
            raise NotShown(f"{node} could be singular inside the interval")
    if not x.is_positive or not (a == 0 or context.sign(a)):
        raise NotShown("integrals are taken over part of the positive axis")
    first, last = _end(step.antiderivative, x, a), _end(step.antiderivative, x, b)
    if b == sp.oo and (last is None or last != 0):
        raise NotShown("the antiderivative must be the one that vanishes at infinity")
    if first is None or last is None or not is_zero(last - first - step.fact.right):
        raise NotShown(f"the antiderivative goes from {first} to {last}")
    return (
        "the antiderivative's derivative minus the integrand reduces to 0; its values at both ends give the right side"
    )


def _end(f: Expr, x: Expr, x0: Expr) -> Expr | None:
    if x0 in (0, sp.oo):
        return limit(f, x, x0)
    return replace(f, {x: x0})


def check_minimum(step: Minimum, context: Context) -> str:
    """Check the rule of the same name; return what was checked."""
    gap = step.fact.gap
    if step.fact.relation not in {">=", "<="} or not step.x.is_positive or not context.sign(step.x0, strict=True):
        raise NotShown("a minimum shows a weak inequality in a positive variable")
    context.defined(step.fact.left, step.fact.right, step.slope)
    if not is_zero(replace(gap, {step.x: step.x0})):
        raise NotShown(f"the two sides differ at {step.x} = {step.x0}")
    if not is_zero(sp.diff(gap, step.x) - (step.x - step.x0) * step.slope):
        raise NotShown("the derivative of the difference is not (x - x0) times the stated slope")
    if not context.sign(step.slope):
        raise NotShown(f"the slope {step.slope} is not known to be >= 0")
    return "the sides agree at x0, and the derivative of their difference is (x - x0) times a quantity >= 0"
