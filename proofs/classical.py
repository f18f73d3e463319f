"""Classical theorems that proofs may rest on, each by name, with every hypothesis that can be checked checked.

They are few, and each is older than this project: Kraft's theorem with Huffman's, McMillan's inequality, the
defining property of the ceiling, the law of large numbers, Tonelli's theorem for products of one-variable functions.
A step that uses one names it; the printed proof says so.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import sympy as sp

from .algebra import is_zero, normal_terms
from .context import Context, NotShown
from .expressions import Int, Lim, Mean, free_names, range_of, replace, total
from .facts import Step

__all__ = ["Average", "Ceiling", "GammaRecurrence", "Kraft", "LargeNumbers", "McMillan", "MeanIs", "Tonelli"]

Expr = Any


@dataclass(frozen=True)
class Ceiling(Step):
    """Definition of the ceiling: ``y <= ceil(y)`` or ``ceil(y) < y + 1``."""


@dataclass(frozen=True, kw_only=True)
class Kraft(Step):
    """Kraft and Huffman: whole lengths with ``sum 2^-length <= 1`` belong to a prefix code, and Huffman's is shortest.

    ``fact`` reads ``shortest <= sum of p * length``; ``shortest`` is the symbol defined as the Huffman code's length.
    """

    inequality: str = ""
    lengths: Expr
    weights: Expr
    over: Expr


@dataclass(frozen=True, kw_only=True)
class McMillan(Step):
    """McMillan: the lengths of a code that can be decoded satisfy ``sum 2^-length <= 1``."""

    lengths: Expr
    over: Expr


@dataclass(frozen=True, kw_only=True)
class MeanIs(Step):
    """Definition of a mean under a density: ``Mean(f, X) = integral of f * density``, for one draw."""

    draw: Expr
    density: Expr
    variable: Expr
    low: Expr


@dataclass(frozen=True, kw_only=True)
class LargeNumbers(Step):
    """The strong law: the average of ``f(x_j)`` over independent draws tends to ``Mean(f(X), X)``, a finite number."""

    mean: str = ""
    term: Expr
    over: Expr
    draw: Expr


@dataclass(frozen=True, kw_only=True)
class Tonelli(Step):
    """Tonelli and independence: ``Mean(g h k / (X+Y+Z)) = integral over s of the product of three one-draw means``.

    ``inner`` names ``Int(exp(-s T), s, 0, oo) = 1/T`` as a fact, instantiated at ``T`` = the sum of the draws;
    ``factors`` are the one-variable functions, one per draw.
    """

    inner: str = ""
    s: Expr
    factors: tuple[Expr, ...] = ()
    draws: tuple[Expr, ...] = ()
    draw: Expr


@dataclass(frozen=True, kw_only=True)
class GammaRecurrence(Step):
    """The recurrence of the incomplete gamma function, DLMF 8.8.2: ``Gamma(a+1, z) = a Gamma(a, z) + z^a exp(-z)``."""

    a: Expr
    z: Expr


@dataclass(frozen=True, kw_only=True)
class Average(Step):
    """Take the mean of a fact that holds for all positive draws: a linear relation between means.

    The draws are independent and of one law, so each term may be averaged over the orders of the draws. Every term
    under a mean must lie between 0 and a multiple of the draws' sum, and ``finite`` names the fact that one draw has
    a finite mean. A weak inequality becomes strict if the law has a density and the two sides are different functions.
    """

    pointwise: str = ""
    draws: tuple[Expr, ...] = ()
    finite: str = ""


def check_gamma_recurrence(step: GammaRecurrence, context: Context) -> str:
    """Check the rule of the same name; return what was checked."""
    right = step.a * sp.uppergamma(step.a, step.z) + step.z**step.a * sp.exp(-step.z)
    if step.fact.relation != "=" or not is_zero(step.fact.left - sp.uppergamma(step.a + 1, step.z)):
        raise NotShown("the left side is not Gamma(a + 1, z)")
    if not is_zero(step.fact.right - right) or not context.sign(step.z, strict=True):
        raise NotShown("the right side is not a Gamma(a, z) + z^a exp(-z) with z > 0")
    return "DLMF 8.8.2, compared term by term"


def check_average(step: Average, context: Context) -> str:
    """Check the rule of the same name; return what was checked."""
    pointwise, finite = context.cite(step.pointwise), context.cite(step.finite)
    context.generic(step.draws, context.known[step.pointwise].rests_on)
    one = finite.left.args[0] if isinstance(finite.left, Mean) else None
    if one is None or finite.left.args[1:] != (one,) or finite.relation != "=" or finite.right.has(sp.oo, Mean, Int):
        raise NotShown("the fact cited does not say that one draw has a finite mean")
    if not all(d.is_positive for d in step.draws):
        raise NotShown("the draws must be positive")
    strict = step.fact.strict and not pointwise.strict
    if (pointwise.relation == "=") != (step.fact.relation == "="):
        raise NotShown("an equality gives an equality, an inequality an inequality")
    under = sp.Integer(0)
    for monomial, coefficient in normal_terms(step.fact.gap).items():
        means = [base for base, exponent in monomial if isinstance(base, Mean) and exponent == 1]
        others = {b for b, _ in monomial} - set(means)
        if len(means) != 1 or any(free_names(b) & set(step.draws) for b in others):
            raise NotShown("both sides must be linear in means")
        (mean,) = means
        if len(mean.args) - 1 > len(step.draws):
            raise NotShown("there are too few draws")
        term = replace(mean.args[0], dict(zip(mean.args[1:], step.draws, strict=False)))
        for bound in (term, sp.Add(*step.draws) * len(step.draws) - term):
            if not context.sign(sp.cancel(bound) if not context.sign(bound) else bound):
                raise NotShown(f"{term} is not known to lie between 0 and a multiple of the sum of the draws")
        under += coefficient * sp.Mul(*(b**e for b, e in monomial if b != mean)) * term
    if not is_zero(_symmetric(under, step.draws) - _symmetric(pointwise.gap, step.draws)):
        raise NotShown("the mean of the fact cited is not this relation")
    if strict and (not any(d.name == "density" for d in context.definitions.values()) or is_zero(pointwise.gap)):
        raise NotShown("without a density the inequality may be an equality")
    if strict:
        context.cite("density")
    return (
        "each term lies between 0 and a multiple of the draws' sum, so every mean is finite; averaged over the "
        "orders of the "
        "independent draws, both sides agree with the fact cited"
        + ("; the law has a density and the two sides differ, so the mean differs" if strict else "")
    )


def _symmetric(expr: Expr, draws: tuple[Expr, ...]) -> Expr:
    orders = list(itertools.permutations(draws))
    return sp.Add(*(replace(expr, dict(zip(draws, order, strict=True))) for order in orders)) / len(orders)


def check_ceiling(step: Ceiling, context: Context) -> str:
    """Check the rule of the same name; return what was checked."""
    left, relation, right = step.fact.left, step.fact.relation, step.fact.right
    low = relation == "<=" and isinstance(right, sp.ceiling) and is_zero(right.args[0] - left)
    high = relation == "<" and isinstance(left, sp.ceiling) and is_zero(left.args[0] + 1 - right)
    if not (low or high):
        raise NotShown("the fact is not y <= ceil(y) nor ceil(y) < y + 1")
    context.defined(left, right)
    return "the defining property of the ceiling"


def check_kraft(step: Kraft, context: Context) -> str:
    """Check the rule of the same name; return what was checked."""
    kraft = context.cite(step.inequality)
    j = step.over
    if kraft.relation != "<=" or not is_zero(kraft.left - total(2 ** (-step.lengths), j)) or kraft.right != 1:
        raise NotShown("the fact cited is not Kraft's inequality for the lengths")
    if not step.lengths.is_integer:  # each 2^-length is at most their sum, so no length is negative
        raise NotShown(f"the lengths {step.lengths} must be whole numbers")
    if step.fact.relation != "<=" or not is_zero(step.fact.right - total(step.weights * step.lengths, j)):
        raise NotShown("the fact is not about the expected length under the weights")
    _shortest(step.fact.left, step.weights, j, context)
    return "whole lengths that satisfy Kraft's inequality: a prefix code has them, and Huffman's is no longer"


def check_mcmillan(step: McMillan, context: Context) -> str:
    """Check the rule of the same name; return what was checked."""
    j = step.over
    if (
        step.fact.relation != "<="
        or step.fact.right != 1
        or not is_zero(step.fact.left - total(2 ** (-step.lengths), j))
    ):
        raise NotShown("the fact is not Kraft's inequality for the lengths")
    if not (isinstance(step.lengths, sp.Indexed) and step.lengths.is_integer and step.lengths.is_nonnegative):
        raise NotShown("the lengths must be an array of whole numbers >= 0")
    if not any(
        d.name.startswith("huffman") and step.lengths in d.fact.right.atoms(sp.Indexed)
        for d in context.definitions.values()
    ):
        raise NotShown("the lengths are not those of a code that the claim defines")
    return "Huffman's code is a prefix code, so its lengths satisfy Kraft's inequality"


def _shortest(symbol: Expr, weights: Expr, j: Expr, context: Context) -> None:
    for definition in context.definitions.values():
        if definition.name.startswith("huffman") and definition.fact.left == symbol:
            lengths = [n for n in definition.fact.right.atoms(sp.Indexed) if n.is_integer]
            if len(lengths) == 1 and is_zero(definition.fact.right - total(weights * lengths[0], j)):
                return
    raise NotShown(f"{symbol} is not defined as the Huffman code's expected length under {weights}")


def check_mean_is(step: MeanIs, context: Context) -> str:
    """Check the rule of the same name; return what was checked."""
    left, right = step.fact.left, step.fact.right
    if step.fact.relation != "=" or not isinstance(left, Mean) or left.args[1:] != (step.draw,):
        raise NotShown("the left side must be the mean over one draw")
    if not isinstance(right, Int) or right.args[1:] != (step.variable, step.low, sp.oo):
        raise NotShown("the right side must be the integral over the law's range")
    if step.variable in free_names(left) or not step.variable.is_positive:
        raise NotShown("the variable of integration must be new and positive")
    law = [d for d in context.definitions.values() if d.name == "density"]
    if not law or not is_zero(law[0].fact.right - step.density):
        raise NotShown("the density is not the one that the claim defines")
    context.cite("density")
    if not is_zero(right.args[0] - replace(left.args[0], {step.draw: step.variable}) * step.density):
        raise NotShown("the integrand is not the function times the density")
    return "the definition of the mean under the density"


def check_large_numbers(step: LargeNumbers, context: Context) -> str:
    """Check the rule of the same name; return what was checked."""
    mean = context.cite(step.mean)
    j, left = step.over, step.fact.left
    if mean.relation != "=" or not isinstance(mean.left, Mean) or mean.left.args[1:] != (step.draw,):
        raise NotShown("the mean cited is not a mean over one draw")
    if mean.right.has(sp.oo, sp.nan, Int, Mean):
        raise NotShown("the mean is not known to be finite")
    if step.fact.relation != "=" or not isinstance(left, Lim) or left.args[1:] != (range_of(j), sp.oo):
        raise NotShown("the left side must be a limit over the number of draws")
    if not is_zero(left.args[0] - total(step.term, j) / range_of(j)):
        raise NotShown("the left side is not the average of the terms")
    draws = {n for n in step.term.atoms(sp.Indexed) if j in n.indices}
    if len(draws) != 1 or not is_zero(step.term.xreplace({draws.pop(): step.draw}) - mean.left.args[0]):
        raise NotShown("the term is not the same function of each draw as in the mean")
    if not is_zero(step.fact.right - mean.right):
        raise NotShown("the limit is not the mean")
    return "the terms are one function of independent draws with a finite mean: the strong law of large numbers"


def check_tonelli(step: Tonelli, context: Context) -> str:
    """Check the rule of the same name; return what was checked."""
    sum_of_draws = sp.Add(*step.draws)
    known = context.known[step.inner].fact if step.inner in context.known else None
    if known is None:
        raise NotShown(f"it cites {step.inner!r}, which is no earlier fact")
    scale = [t for t in free_names(known.right) if t.is_positive]
    if len(scale) != 1:
        raise NotShown("the inner integral must depend on one positive number")
    inner = context.instance(step.inner, {scale[0]: sum_of_draws})
    product = sp.Mul(*step.factors)
    left, right = step.fact.left, step.fact.right
    if not isinstance(inner.left, Int) or inner.left.args[1:] != (step.s, 0, sp.oo):
        raise NotShown("the inner integral must be over s from 0 to infinity")
    if step.fact.relation != "=" or not isinstance(left, Mean) or set(left.args[1:]) != set(step.draws):
        raise NotShown("the left side must be the mean over the draws")
    if len(set(step.draws)) != len(step.draws) or len(step.factors) != len(step.draws):
        raise NotShown("there must be one factor for each draw")
    for factor, draw in zip(step.factors, step.draws, strict=True):
        if free_names(factor) - {draw, step.s} or not context.sign(factor):
            raise NotShown(f"the factor {factor} must be a function >= 0 of {draw} and s alone")
    outside = left.args[0] / inner.right
    if step.s in free_names(outside) or not is_zero(outside * inner.left.args[0] - product):
        raise NotShown("the factors do not multiply to the function under the mean")
    means = [Mean(replace(f, {d: step.draw}), step.draw) for f, d in zip(step.factors, step.draws, strict=True)]
    if (
        not isinstance(right, Int)
        or right.args[1:] != (step.s, 0, sp.oo)
        or not is_zero(right.args[0] - sp.Mul(*means))
    ):
        raise NotShown("the right side is not the integral of the product of the means")
    return (
        "the function is the integral over s of a product of non-negative functions of one draw each; the draws are "
        "independent: Tonelli's theorem swaps mean and integral, and the mean of the product is the product of the "
        "means"
    )
