"""Rules of analysis: derivatives, limits, integrals by an antiderivative, minima of functions of one variable.

Taken from sympy: ``diff`` (the derivative of sums, products, powers, logarithms, exponentials and of the incomplete
gamma function in its second argument), ``together`` and ``Poly`` (a rational function as a quotient of polynomials,
checked here by multiplying out). Limits are not sympy's: they are decided below, for two kinds of functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from .algebra import is_zero, normal, normal_terms
from .context import Context, NotShown
from .expressions import Diff, Int, Lim, Type, free_names, ill_formed, replace, type_of, walk
from .facts import Step

__all__ = ["CHECKS", "Differentiate", "Integrate", "LimitOf", "Minimum", "Squeeze", "elementary"]

Expr = Any


@dataclass(frozen=True)
class Differentiate(Step):
    """``Diff(f, x, x0, n) = right``: differentiate term by term and compare.

    Sound: ``f`` is made of sums, products, powers, logarithms and exponentials that are all defined at ``x0``, an inner
    point of the type of x, so they are smooth near it, and the chain rule holds.
    """


@dataclass(frozen=True, kw_only=True)
class LimitOf(Step):
    """Limits pass through a continuous function: ``Lim(F(u, v)) = F(lim u, lim v)``.

    Sound: F is elementary (sums, products, powers, logarithms, exponentials), hence continuous wherever it is defined,
    and it is defined at the limits; the limits exist (:meth:`Context.cite_solid`). ``parts`` maps each place holder in
    ``outer`` to the name of the fact that gives its limit.
    """

    outer: Expr
    parts: tuple[tuple[Expr, str], ...] = ()


@dataclass(frozen=True)
class Squeeze(Step):
    """``low <= f <= high`` for every x, and both bounds tend to the value, so ``f`` does (the squeeze theorem).

    The bounds are rational functions of x.
    """

    low: str = ""
    high: str = ""


@dataclass(frozen=True, kw_only=True)
class Integrate(Step):
    """``Int(f, x, a, oo) = right``: minus the antiderivative at ``a``.

    Sound (the fundamental theorem of calculus): F and f are elementary and defined for every x > 0, F' = f there, F is
    continuous at ``a`` from the right and vanishes at infinity.
    """

    antiderivative: Expr


@dataclass(frozen=True, kw_only=True)
class Minimum(Step):
    """``left >= right`` for every ``x > 0``: equal at ``x0 > 0``; the gap's derivative is ``(x - x0) * slope``.

    Sound (the mean value theorem): the gap is smooth for every x > 0, falls before ``x0`` and rises after it, as
    slope >= 0 for every x > 0.
    """

    x: Expr
    x0: Expr
    slope: Expr


def elementary(f: Expr, x: Expr) -> None:
    """Fail unless ``f``, as a function of x, is made of smooth functions only, each smooth where it is defined."""
    if (kind := type_of(x)) is None or kind.role not in {"number", "draw"}:  # such as a whole array
        raise NotShown(f"{x} is no number")
    for node in walk(f):
        moves = x in free_names(node)
        if moves and not isinstance(
            node, sp.Add | sp.Mul | sp.Pow | sp.log | sp.exp | sp.Sum | sp.uppergamma | sp.Symbol
        ):
            raise NotShown(f"{node} is not elementary in {x}")
        if moves and isinstance(node, sp.uppergamma) and x in free_names(node.args[0]):
            raise NotShown(f"{node} is not differentiated in its first argument")


def _derivative(f: Expr, x: Expr, order: int = 1) -> Expr:
    f = _split_logarithms(f)
    for _ in range(order):
        f = sp.diff(f, x)
    return f


def _split_logarithms(f: Expr) -> Expr:
    """Write the logarithm of a product as a sum: the derivative is the same wherever the product is not 0."""
    if isinstance(f, sp.log) and isinstance(f.args[0], sp.Mul | sp.Pow):
        parts = (part.as_base_exp() for part in sp.Mul.make_args(f.args[0]))
        return sp.Add(*(exponent * sp.log(base) for base, exponent in parts))
    return f.func(*(_split_logarithms(arg) for arg in f.args)) if isinstance(f, sp.Add | sp.Mul | sp.Sum) else f


def _check_differentiate(step: Differentiate, context: Context) -> str:
    left = step.fact.left
    if step.fact.relation != "=" or not isinstance(left, Diff):
        raise NotShown("the left side must be a derivative")
    f, x, x0, order = left.args
    elementary(f, x)
    context.defined(left, step.fact.right)
    value = replace(_derivative(f, x, int(order)), {x: x0})
    if not is_zero(value - step.fact.right):
        raise NotShown(f"the derivative is {normal(value)}")
    return "differentiated term by term by sympy's diff; the result minus the right side reduces to 0"


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


def _check_limit_of(step: LimitOf, context: Context) -> str:
    left = step.fact.left
    if step.fact.relation != "=" or not isinstance(left, Lim):
        raise NotShown("the left side must be a limit")
    f, x, x0 = left.args
    inner, outer_value = {}, {}
    for holder, name in step.parts:
        fact = context.cite_solid(name)
        if not isinstance(fact.left, Lim) or fact.relation != "=" or fact.left.args[1:] != (x, x0):
            raise NotShown(f"{name!r} is no limit in {x}")
        inner[holder], outer_value[holder] = fact.left.args[0], fact.right
        elementary(step.outer, holder)
    if x in free_names(step.outer) | free_names(step.fact.right) or ill_formed(step.outer):
        raise NotShown(f"the outer function and the limit must not contain {x}")
    if not is_zero(f - replace(step.outer, inner)):
        raise NotShown("the function is not the stated composition")
    context.defined(step.outer, at=outer_value)
    value = replace(step.outer, outer_value)
    context.defined(value, step.fact.right)
    if not is_zero(value - step.fact.right):
        raise NotShown(f"the composition tends to {value}")
    return "the function is the stated composition; the outer function is elementary and defined at the limits"


def _check_squeeze(step: Squeeze, context: Context) -> str:
    left = step.fact.left
    if step.fact.relation != "=" or not isinstance(left, Lim) or left.args[1] in free_names(step.fact.right):
        raise NotShown("the left side must be a limit, the right side must not move")
    f, x, x0 = left.args
    for name, low in ((step.low, True), (step.high, False)):
        fact = context.cite(name)
        if fact.relation == "=":
            raise NotShown(f"{name!r} is no inequality")
        context.generic([x], context.known[name].rests_on)
        small, big = (fact.left, fact.right) if fact.relation in {"<", "<="} else (fact.right, fact.left)
        inside, bound = (big, small) if low else (small, big)
        if not is_zero(inside - f):
            raise NotShown(f"{name!r} does not bound the function")
        value = _limit(bound, x, x0, context)
        if not is_zero(value - step.fact.right):
            raise NotShown(f"the bound {bound} tends to {value}")
    context.generic([x], context.rests_on)
    context.defined(step.fact.right)
    return (
        "both bounds, rational functions, tend to the right side: by their leading coefficients, or their values at 0"
    )


def _check_integrate(step: Integrate, context: Context) -> str:
    left, F = step.fact.left, step.antiderivative
    if step.fact.relation != "=" or not isinstance(left, Int):
        raise NotShown("the left side must be an integral")
    f, x, a, _ = left.args
    if ill_formed(F):
        raise NotShown(ill_formed(F))
    for part in (f, F):
        elementary(part, x)
    context.defined(f, F, step.fact.right)
    if not is_zero(_derivative(F, x) - f):
        raise NotShown(f"the derivative of the antiderivative is {_derivative(F, x)}")
    _vanishes(F, x, context)
    if a == 0 and not all(_entire(node, x) for node in walk(F)):
        raise NotShown("an antiderivative at 0 must be made of sums, products and exponentials")
    context.generic([x], context.rests_on)
    first = replace(F, {x: a})
    if not is_zero(-first - step.fact.right):
        raise NotShown(f"the antiderivative goes from {first} to 0")
    return (
        "the antiderivative's derivative (sympy's diff) minus the integrand reduces to 0; it vanishes at infinity, and "
        "minus its value at the lower end is the right side"
    )


def _entire(node: Expr, x: Expr) -> bool:
    power = isinstance(node, sp.Pow) and node.exp.is_Integer and node.exp >= 0
    return power or isinstance(node, sp.Add | sp.Mul | sp.exp) or node == x or x not in free_names(node)


def _vanishes(f: Expr, x: Expr, context: Context) -> None:
    """Fail unless each term of ``f`` tends to 0 at infinity: exponentials beat powers, and powers beat logarithms.

    ``Gamma(a, c x)`` with c > 0 falls like an exponential: DLMF 8.11.2.
    """
    for monomial in normal_terms(f):
        decays, power = False, sp.Integer(0)
        for base, exponent in ((b, e) for b, e in monomial if x in free_names(b) | free_names(e)):
            if isinstance(base, sp.exp | sp.uppergamma):
                rate = -base.args[0] * exponent / x if isinstance(base, sp.exp) else base.args[1] / x
                whole = isinstance(base, sp.exp) or (exponent.is_Integer and exponent > 0)
                if not whole or not is_zero(sp.diff(rate, x)) or not context.sign(rate, strict=True):
                    raise NotShown(f"{base}**{exponent} is not known to decay")
                decays = True
            elif base == x and x not in free_names(exponent):
                power = exponent
            elif base != sp.log(x) or not (exponent.is_Integer and exponent > 0):
                raise NotShown(f"the behaviour of {base}**{exponent} at infinity is not decided")
        if not decays and not context.sign(-power, strict=True):
            raise NotShown("the antiderivative must be the one that vanishes at infinity")


def _check_minimum(step: Minimum, context: Context) -> str:
    gap, x = step.fact.gap, step.x
    if step.fact.relation not in {">=", "<="} or type_of(x) != Type("number") or x in free_names(step.x0):
        raise NotShown("a minimum shows a weak inequality in a positive variable")
    if ill_formed(step.slope) or ill_formed(step.x0) or not context.sign(step.x0, strict=True):
        raise NotShown("the minimum lies at a positive number")
    for part in (step.fact.left, step.fact.right):
        elementary(part, x)
    context.defined(step.fact.left, step.fact.right, step.slope, step.x0)
    if not is_zero(replace(gap, {x: step.x0})):
        raise NotShown(f"the two sides differ at {x} = {step.x0}")
    if not is_zero(_derivative(gap, x) - (x - step.x0) * step.slope):
        raise NotShown("the derivative of the difference is not (x - x0) times the stated slope")
    if not context.sign(step.slope):
        raise NotShown(f"the slope {step.slope} is not known to be >= 0")
    context.generic([x], context.rests_on)
    return "the sides agree at x0, and the derivative of their difference is (x - x0) times a quantity >= 0"


CHECKS: dict[type[Step], Any] = {
    Differentiate: _check_differentiate,
    LimitOf: _check_limit_of,
    Squeeze: _check_squeeze,
    Integrate: _check_integrate,
    Minimum: _check_minimum,
}
