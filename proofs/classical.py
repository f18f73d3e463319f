"""The mean of a fact that holds for all draws, for derivations; the kernel has the other classical theorems.

Nobody needs to trust it: what it shows of finite laws is decided by Coq.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import sympy as sp

from .algebra import is_zero, normal_terms
from .context import Context, NotShown
from .expressions import Mean, free_names, law_of, replace, walk
from .facts import Step
from .kernel import classical as kernel
from .kernel.analysis import elementary
from .kernel.classical import LargeNumbers, MeanIs, Tonelli
from .kernel.context import Rules, settled

__all__ = ["CHECKS", "REFERENCES", "Average", "LargeNumbers", "MeanIs", "Tonelli"]

Expr = Any
REFERENCES = kernel.REFERENCES | {
    "Average": "the mean is linear and positive on functions with a finite mean (Billingsley, Thm 16.1)",
}


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


def _check_average(step: Average, context: Context) -> str:
    pointwise, drawn = context.cite(step.pointwise), step.draws
    one, X = settled(context.cite(step.finite), Mean, 2)
    if (free_names(step.fact.left) | free_names(step.fact.right)) & set(step.draws):
        raise NotShown("a draw is left free beside the means")
    law = law_of(X)
    if one != X or len(set(drawn)) != len(drawn) or any(law_of(d) != law for d in drawn):
        raise NotShown("different draws are needed, of the law whose finite mean is cited")
    if (pointwise.relation == "=") != (step.fact.relation == "="):
        raise NotShown("an equality gives an equality, an inequality an inequality")
    context.defined(step.fact.left, step.fact.right)
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


CHECKS: Rules = {Average: _check_average}
