"""Rules of analysis: derivatives, limits through continuous functions, integrals by an antiderivative.

Taken from sympy: ``diff`` (the derivative of sums, products, powers, logarithms, exponentials and of the incomplete
gamma function in its second argument).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from .context import Context, NotShown, Rules, settled
from .facts import Step
from .language import Diff, Int, Lim, binds, free_names, ill_formed, kind_of, replace, walk

__all__ = ["CHECKS", "Differentiate", "Integrate", "LimitOf", "elementary"]

Expr = Any
SMOOTH = (sp.Add, sp.Mul, sp.Pow, sp.log, sp.exp, sp.Sum, sp.uppergamma, sp.Symbol)


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
    and it is defined at the limits; the limits exist (:class:`Context`). ``parts`` maps each place holder in ``outer``
    to the name of the fact that gives its limit.
    """

    outer: Expr
    parts: tuple[tuple[Expr, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Integrate(Step):
    """``Int(f, x, a, oo) = right``: minus the antiderivative at ``a``.

    Sound (the fundamental theorem of calculus): F and f are elementary and defined for every x > 0, F' = f there, F is
    continuous at ``a`` from the right and vanishes at infinity.
    """

    antiderivative: Expr


def elementary(f: Expr, x: Expr) -> None:
    """Fail unless ``f``, as a function of x, is made of smooth functions only, each smooth where it is defined."""
    if (kind := kind_of(x)) is None or kind.role not in {"number", "draw"}:  # such as a whole array
        raise NotShown(f"{x} is no number")
    for node in walk(f):
        if x in binds(node) or (x in free_names(node) and not isinstance(node, SMOOTH)):
            raise NotShown(f"{node} is not elementary in {x}")
        if isinstance(node, sp.uppergamma) and x in free_names(node.args[0]):
            raise NotShown(f"{node} is not differentiated in its first argument")


def _check_differentiate(step: Differentiate, context: Context) -> str:
    left = step.fact.left
    if step.fact.relation != "=" or not isinstance(left, Diff):
        raise NotShown("the left side must be a derivative")
    f, x, x0, order = left.args
    elementary(f, x)
    context.defined(left, step.fact.right)
    value = replace(sp.diff(f, (x, int(order))), {x: x0})
    if not context.vanishes(value - step.fact.right):
        raise NotShown(f"the derivative is {context.form.normal(value)}")
    return "differentiated term by term by sympy's diff; the result minus the right side reduces to 0"


def _check_limit_of(step: LimitOf, context: Context) -> str:
    left = step.fact.left
    if step.fact.relation != "=" or not isinstance(left, Lim):
        raise NotShown("the left side must be a limit")
    f, x, x0 = left.args
    inner, limits = {}, {}
    for holder, name in step.parts:
        inner[holder], *along = settled(fact := context.cite(name), Lim, 3)
        if along != [x, x0]:
            raise NotShown(f"{name!r} is no limit in {x}")
        limits[holder] = fact.right
        elementary(step.outer, holder)
    if x in free_names(step.outer) | free_names(step.fact.right) or ill_formed(step.outer):
        raise NotShown(f"the outer function and the limit must not contain {x}")
    if not context.vanishes(f - replace(step.outer, inner)):
        raise NotShown("the function is not the stated composition")
    context.defined(step.outer, at=limits)
    value = replace(step.outer, limits)
    context.defined(left, value, step.fact.right)
    if not context.vanishes(value - step.fact.right):
        raise NotShown(f"the composition tends to {value}")
    return "the function is the stated composition; the outer function is elementary and defined at the limits"


def _check_integrate(step: Integrate, context: Context) -> str:
    left, F = step.fact.left, step.antiderivative
    if step.fact.relation != "=" or not isinstance(left, Int) or ill_formed(F):
        raise NotShown(ill_formed(F) or "the left side must be an integral")
    f, x, a, _ = left.args
    elementary(f, x)
    elementary(F, x)
    context.defined(f, F, step.fact.right)
    if not context.vanishes(sp.diff(F, x) - f):
        raise NotShown(f"the derivative of the antiderivative is {sp.diff(F, x)}")
    _tends_to_zero(F, x, context)
    powers = {node for node in walk(F) if isinstance(node, sp.Pow) and node.exp.is_Integer and node.exp >= 0}
    moving = {node for node in walk(F) if x in free_names(node)} - powers - {x}
    if a == 0 and not all(isinstance(node, sp.Add | sp.Mul | sp.exp) for node in moving):
        raise NotShown("an antiderivative at 0 must be made of sums, products and exponentials")
    first = replace(F, {x: a})
    if not context.vanishes(-first - step.fact.right):
        raise NotShown(f"the antiderivative goes from {first} to 0")
    return "the antiderivative's derivative (sympy's diff) is the integrand; it goes from minus the right side to 0"


def _tends_to_zero(f: Expr, x: Expr, context: Context) -> None:
    """Fail unless each term of ``f`` tends to 0 at infinity: exponentials beat powers, and powers beat logarithms.

    ``Gamma(a, c x)`` with c > 0 falls like an exponential: DLMF 8.11.2.
    """
    for monomial in context.form.terms(f):
        decays, power = False, sp.Integer(0)
        for base, exponent in ((b, e) for b, e in monomial if x in free_names(b) | free_names(e)):
            if isinstance(base, sp.exp | sp.uppergamma):
                rate = -base.args[0] * exponent / x if isinstance(base, sp.exp) else base.args[1] / x
                whole = isinstance(base, sp.exp) or (exponent.is_Integer and exponent > 0)
                if not whole or not context.vanishes(sp.diff(rate, x)) or not context.sign(rate, strict=True):
                    raise NotShown(f"{base}**{exponent} is not known to decay")
                decays = True
            elif base == x and x not in free_names(exponent):
                power = exponent
            elif base != sp.log(x) or not (exponent.is_Integer and exponent > 0):
                raise NotShown(f"the behaviour of {base}**{exponent} at infinity is not decided")
        if not decays and not context.sign(-power, strict=True):
            raise NotShown("the antiderivative must be the one that vanishes at infinity")


CHECKS: Rules = {Differentiate: _check_differentiate, LimitOf: _check_limit_of, Integrate: _check_integrate}
