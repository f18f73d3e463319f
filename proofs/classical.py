"""Classical theorems that proofs may rest on, each by name, with every hypothesis checked.

They are few: the mean of a function of one draw as an integral (the law of the unconscious statistician), Kolmogorov's
strong law of large numbers, Tonelli's theorem, linearity and positivity of the mean, and a recurrence of the incomplete
gamma function. A step that uses one names it; the printed proof says so.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import sympy as sp

from .algebra import is_zero, normal_terms
from .context import Context, NotShown
from .expressions import Int, Lim, Mean, free_names, known_range, law_of, replace, walk
from .facts import Fact, Step
from .rules_analysis import elementary

__all__ = ["CHECKS", "REFERENCES", "Average", "GammaRecurrence", "LargeNumbers", "MeanIs", "Tonelli"]

Expr = Any
REFERENCES = {
    "MeanIs": "the mean of a function of a draw is its integral against the density (Billingsley, Thm 16.13)",
    "LargeNumbers": "the strong law of large numbers (Kolmogorov 1933; Billingsley, Thm 22.1)",
    "Tonelli": "Tonelli's theorem and the product rule for independent draws (Billingsley, Thm 18.3)",
    "GammaRecurrence": "the recurrence of the incomplete gamma function (DLMF 8.8.2)",
    "Average": "the mean is linear and positive on functions with a finite mean (Billingsley, Thm 16.1)",
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
    facts that their means are finite for every s > 0; ``inner`` is the integral over s, at the sum of the draws.
    """

    inner: str = ""
    s: Expr
    factors: tuple[Expr, ...] = ()
    means: tuple[str, ...] = ()


@dataclass(frozen=True)
class GammaRecurrence(Step):
    """``Gamma(a + 1, z) = a Gamma(a, z) + z^a exp(-z)`` for z > 0."""


@dataclass(frozen=True, kw_only=True)
class Average(Step):
    """Take the mean of a fact that holds for all positive draws: a linear relation between means.

    Sound: the draws are independent and of one law, so each term may be averaged over the orders of the draws; every
    term under a mean lies between 0 and a multiple of the draws' sum, and ``finite`` names the fact that one draw has a
    finite mean. A weak inequality becomes strict if at ``witness``, inside the law's range, where its density is
    positive, the two sides differ: they are continuous, so they differ with positive probability.
    """

    pointwise: str = ""
    draws: tuple[Expr, ...] = ()
    finite: str = ""
    witness: tuple[Expr, ...] = ()


def _mean_of_one(fact: Fact) -> tuple[Expr, Expr]:
    """Return ``g(X)`` and ``X`` of a fact ``Mean(g(X), X) = a number``."""
    left, right = fact.left, fact.right
    closed = not any(isinstance(node, Mean | Int | Lim) for node in walk(right))
    if fact.relation != "=" or not isinstance(left, Mean) or len(left.args) != 2 or not closed:
        raise NotShown("the fact cited does not give the mean over one draw a finite value")
    return left.args[0], left.args[1]


def _check_mean_is(step: MeanIs, context: Context) -> str:
    left, right = step.fact.left, step.fact.right
    if step.fact.relation != "=" or not isinstance(left, Mean) or len(left.args) != 2 or not isinstance(right, Int):
        raise NotShown("the left side must be the mean over one draw, the right side an integral")
    g, X = left.args
    law = law_of(X)
    x, a = law.variable, law.low
    if right.args[1:] != (x, a, sp.oo) or x in free_names(left) | free_names(a):
        raise NotShown(f"the integral must run in {x} from {a} to infinity, as the law does")
    unit = context.cite_solid(step.unit)
    if unit != Fact(Int(law.density, x, a, sp.oo), "=", sp.Integer(1)):
        raise NotShown("the fact cited does not say that the law's density integrates to 1")
    context.defined(law.density, g)
    if not context.sign(law.density):
        raise NotShown("the density is not known to be >= 0")
    context.generic([x, X], context.rests_on)
    if not is_zero(right.args[0] - replace(g, {X: x}) * law.density):
        raise NotShown("the integrand is not the function times the density")
    return REFERENCES["MeanIs"]


def _check_large_numbers(step: LargeNumbers, context: Context) -> str:
    g, X = _mean_of_one(fact := context.cite_solid(step.mean))
    left = step.fact.left
    if step.fact.relation != "=" or not isinstance(left, Lim):
        raise NotShown("the left side must be a limit")
    average, number, _ = left.args
    terms = {n for n in walk(average) if isinstance(n, sp.Indexed)}
    if len(terms) != 1 or law_of(next(iter(terms))) != law_of(X):
        raise NotShown("the terms are not functions of one array of draws of the law in the mean cited")
    (term,) = terms
    (j,) = term.indices
    if (
        known_range(j) != number
        or {j, number} & free_names(g)
        or not is_zero(average * number - sp.Sum(replace(g, {X: term}), (j, 1, number)))
    ):
        raise NotShown("the left side is not the average of the same function of each draw, over their number")
    if not is_zero(step.fact.right - fact.right):
        raise NotShown("the limit is not the mean")
    return REFERENCES["LargeNumbers"]


def _check_tonelli(step: Tonelli, context: Context) -> str:
    left, right, s = step.fact.left, step.fact.right, step.s
    inner = context.cite_solid(step.inner)
    (scale,) = free_names(inner.right)
    if not isinstance(left, Mean) or step.fact.relation != "=" or not isinstance(inner.left, Int):
        raise NotShown("the left side must be a mean, the inner fact an integral")
    function, *drawn = left.args
    inner = context.instance(step.inner, {scale: sp.Add(*drawn)})
    if inner.left.args[1:] != (s, 0, sp.oo) or not len(step.factors) == len(step.means) == len(drawn):
        raise NotShown("the inner integral must be over s from 0 to infinity; each draw has one factor")
    means = []
    for factor, X, name in zip(step.factors, drawn, step.means, strict=True):
        g, one = _mean_of_one(context.cite_solid(name))
        if (
            free_names(factor) & set(drawn) != {X}
            or not context.sign(factor)
            or replace(g, {one: X}) != factor
            or law_of(one) != law_of(X)
        ):
            raise NotShown(
                f"{factor} must be >= 0, a function of {X} alone of the draws, with the mean that {name!r} gives"
            )
        context.defined(factor)
        means.append(Mean(g, one))
    outside = function / inner.right
    if s in free_names(outside) or not is_zero(outside * inner.left.args[0] - sp.Mul(*step.factors)):
        raise NotShown("the factors do not multiply to the function under the mean")
    if not isinstance(right, Int) or right.args[1:] != (s, 0, sp.oo) or not is_zero(right.args[0] - sp.Mul(*means)):
        raise NotShown("the right side is not the integral of the product of the means")
    context.generic([s, *drawn], context.rests_on)
    return REFERENCES["Tonelli"]


def _check_gamma_recurrence(step: GammaRecurrence, context: Context) -> str:
    above = step.fact.left
    if step.fact.relation != "=" or not isinstance(above, sp.uppergamma):
        raise NotShown("the left side is not Gamma(a + 1, z)")
    a, z = above.args[0] - 1, above.args[1]
    context.defined(above, step.fact.right)
    if not is_zero(step.fact.right - a * sp.uppergamma(a, z) - z**a * sp.exp(-z)):
        raise NotShown("the right side is not a Gamma(a, z) + z^a exp(-z)")
    return REFERENCES["GammaRecurrence"]


def _check_average(step: Average, context: Context) -> str:
    pointwise, drawn = context.cite(step.pointwise), step.draws
    one, X = _mean_of_one(context.cite_solid(step.finite))
    if (free_names(step.fact.left) | free_names(step.fact.right)) & set(step.draws):
        raise NotShown("a draw is left free beside the means")
    law = law_of(X)
    if one != X or len(set(drawn)) != len(drawn) or any(law_of(d) != law for d in drawn):
        raise NotShown("different draws are needed, of the law whose finite mean is cited")
    if (pointwise.relation == "=") != (step.fact.relation == "="):
        raise NotShown("an equality gives an equality, an inequality an inequality")
    under = sp.Integer(0)
    for monomial, coefficient in normal_terms(step.fact.gap).items():
        means = [base for base, exponent in monomial if isinstance(base, Mean) and exponent == 1]
        rest = sp.Mul(*(b**e for b, e in monomial if b not in means))
        if len(means) != 1 or free_names(rest) & set(drawn) or any(isinstance(node, Mean) for node in walk(rest)):
            raise NotShown("both sides must be linear in means")
        if len(means[0].args) > len(drawn) + 1 or law_of(means[0].args[1]) != law:
            raise NotShown("there are too few draws, or they are of another law")
        term = replace(means[0].args[0], dict(zip(means[0].args[1:], drawn, strict=False)))
        context.defined(term)
        room = sp.cancel(sp.Add(*drawn) * len(drawn) - term)
        if not is_zero(room + term - sp.Add(*drawn) * len(drawn)) or not context.sign(term) or not context.sign(room):
            raise NotShown(f"{term} is not known to lie between 0 and a multiple of the sum of the draws")
        under += coefficient * rest * term
    if not is_zero(_symmetric(under, drawn) - _symmetric(pointwise.gap, drawn)):
        raise NotShown("the mean of the fact cited is not this relation")
    if step.fact.strict and not pointwise.strict:
        at = dict(zip(drawn, step.witness, strict=True))
        for one in drawn:
            elementary(pointwise.gap, one)
        inside = all(context.sign(w - law.low, strict=True) for w in step.witness)
        if not inside or not context.sign(law.density, strict=True):
            raise NotShown("the witness must lie inside the law, whose density must be positive there")
        if not context.sign(replace(pointwise.gap, at), strict=True):
            raise NotShown("the two sides are not known to differ at the witness")
    context.generic([*drawn, law.variable], context.rests_on)
    return REFERENCES["Average"] + "; each term lies between 0 and a multiple of the draws' sum"


def _symmetric(expr: Expr, drawn: tuple[Expr, ...]) -> Expr:
    orders = list(itertools.permutations(drawn))
    return sp.Add(*(replace(expr, dict(zip(drawn, order, strict=True))) for order in orders)) / len(orders)


CHECKS: dict[type[Step], Any] = {
    MeanIs: _check_mean_is,
    LargeNumbers: _check_large_numbers,
    Tonelli: _check_tonelli,
    GammaRecurrence: _check_gamma_recurrence,
    Average: _check_average,
}
