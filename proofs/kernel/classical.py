"""Classical theorems that proofs may rest on, each by name, with every hypothesis checked.

They are few: the mean of a function of one draw as an integral (the law of the unconscious statistician), Kolmogorov's
strong law of large numbers, and Tonelli's theorem. A step that uses one names it; the printed proof says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from .context import Context, NotShown, Rules, settled
from .facts import Fact, Step
from .language import Int, Lim, Mean, free_names, kind_of, known_range, law_of, replace, walk

__all__ = ["CHECKS", "REFERENCES", "LargeNumbers", "MeanIs", "Tonelli"]

Expr = Any
REFERENCES = {
    "MeanIs": "the mean of a function of a draw is its integral against the density (Billingsley, Thm 16.13)",
    "LargeNumbers": "the strong law of large numbers (Kolmogorov 1933; Billingsley, Thm 22.1)",
    "Tonelli": "Tonelli's theorem and the product rule for independent draws (Billingsley, Thm 18.3)",
}


@dataclass(frozen=True, kw_only=True)
class MeanIs(Step):
    """``Mean(g(X), X) = Int(g(x) * density, x, low, oo)``, the law's own density and lower end.

    Sound: the density is >= 0, and ``unit`` names the fact that it integrates to 1, so there is such a law.
    """

    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class LargeNumbers(Step):
    """The strong law: the average of ``g(x_j)`` over independent draws ``x_j`` tends to ``Mean(g(X), X)``.

    Sound: ``x`` is an array of draws of X's own law, ``mean`` names the fact that gives the mean a finite value. What
    is shown holds almost surely. (An elementary function keeps one sign far out, Hardy 1910, so a mean that converges
    does so absolutely.)
    """

    mean: str = ""


@dataclass(frozen=True, kw_only=True)
class Tonelli(Step):
    """``Mean(F; X, Y, ..) = Int(product of one-draw means, s, 0, oo)`` where ``F = Int(product of factors, s, 0, oo)``.

    Sound (Tonelli, independence): each of the ``factors`` is >= 0 and a function of s and one draw; ``means`` name the
    facts that give their means, finite values that are put for them, for every s > 0; ``inner`` is the integral over s,
    at the sum of the draws.
    """

    inner: str = ""
    s: Expr
    factors: tuple[Expr, ...] = ()
    means: tuple[str, ...] = ()


def _check_mean_is(step: MeanIs, context: Context) -> str:
    left, right = step.fact.left, step.fact.right
    if step.fact.relation != "=" or not isinstance(left, Mean) or len(left.args) != 2 or not isinstance(right, Int):
        raise NotShown("the left side must be the mean over one draw, the right side an integral")
    g, X = left.args
    law = law_of(X)
    x, a = law.variable, law.low
    if right.args[1:] != (x, a, sp.oo) or x in free_names(left) | free_names(a):
        raise NotShown(f"the integral must run in {x} from {a} to infinity, as the law does")
    if context.cite(step.unit) != Fact(Int(law.density, x, a, sp.oo), "=", sp.Integer(1)):
        raise NotShown("the fact cited does not say that the law's density integrates to 1")
    context.defined(law.density, g, right)
    if not context.sign(law.density):
        raise NotShown("the density is not known to be >= 0")
    if not context.vanishes(right.args[0] - replace(g, {X: x}) * law.density):
        raise NotShown("the integrand is not the function times the density")
    return REFERENCES["MeanIs"]


def _check_large_numbers(step: LargeNumbers, context: Context) -> str:
    g, X = settled(fact := context.cite(step.mean), Mean, 2)
    left = step.fact.left
    if step.fact.relation != "=" or not isinstance(left, Lim):
        raise NotShown("the left side must be a limit")
    average, number, _ = left.args
    terms = {n for n in walk(average) if isinstance(n, sp.Indexed)}
    if len(terms) != 1 or law_of(next(iter(terms))) != law_of(X):
        raise NotShown("the terms are not functions of one array of draws of the law in the mean cited")
    (term,) = terms
    (j,) = term.indices
    whole = sp.Sum(replace(g, {X: term}), (j, 1, number))
    if known_range(j) != number or {j, number} & free_names(g) or not context.vanishes(average * number - whole):
        raise NotShown("the left side is not the average of the same function of each draw, over their number")
    context.defined(left, step.fact.right)
    if not context.vanishes(step.fact.right - fact.right):
        raise NotShown("the limit is not the mean")
    return REFERENCES["LargeNumbers"]


def _check_tonelli(step: Tonelli, context: Context) -> str:
    left, right, s = step.fact.left, step.fact.right, step.s
    inner = context.cite(step.inner)
    settled(inner, Int, 4)
    (scale,) = free_names(inner.right)
    if not isinstance(left, Mean) or step.fact.relation != "=":
        raise NotShown("the left side must be a mean")
    function, *drawn = left.args
    if (kind := kind_of(scale)) is None or kind.role != "number":  # a sum of draws is a positive number
        raise NotShown(f"the inner integral must hold for every number {scale}")
    product, *over = replace(inner.left, {scale: sp.Add(*drawn)}).args
    if over != [s, 0, sp.oo] or not len(step.factors) == len(step.means) == len(drawn):
        raise NotShown("the inner integral must be over s from 0 to infinity; each draw has one factor")
    means = []
    for factor, X, name in zip(step.factors, drawn, step.means, strict=True):
        g, one = settled(fact := context.cite(name), Mean, 2)
        own = free_names(factor) & set(drawn) == {X} and replace(g, {one: X}) == factor and law_of(one) == law_of(X)
        if not own or free_names(fact.left) & set(drawn) or not context.sign(factor):
            raise NotShown(f"{factor} must be >= 0, of no draw but {X}, and have the mean that {name!r} gives")
        context.defined(factor)
        means.append(fact.right)
    outside = function / replace(inner.right, {scale: sp.Add(*drawn)})
    context.defined(left, right)
    if s in free_names(outside) or not context.vanishes(outside * product - sp.Mul(*step.factors)):
        raise NotShown("the factors do not multiply to the function under the mean")
    over_s = isinstance(right, Int) and right.args[1:] == (s, 0, sp.oo)
    if not over_s or not context.vanishes(right.args[0] - sp.Mul(*means)):
        raise NotShown("the right side is not the integral of the product of the means over s, from 0 to infinity")
    return REFERENCES["Tonelli"]


CHECKS: Rules = {MeanIs: _check_mean_is, LargeNumbers: _check_large_numbers, Tonelli: _check_tonelli}
