"""Rules of algebra for derivations: inequalities combined, signs, rewriting, squares that vanish, theorems cited.

They are as the kernel's rules (:mod:`.kernel.linear`): each recomputes its step's fact, and its docstring names the
theorem that makes it sound. Nobody needs to trust them: what they show is finite, and Coq decides it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from .algebra import is_zero, normal
from .context import Context, NotShown
from .expressions import bound_variables, ill_formed, total, walk
from .facts import Step
from .kernel.context import Rules
from .kernel.linear import Combine, Use

__all__ = ["CHECKS", "Combine", "Lemma", "Rewrite", "Signed", "Use", "Vanish"]

Expr = Any
ZERO = sp.Integer(0)


@dataclass(frozen=True)
class Signed(Step):
    """The gap is >= 0 or > 0 as it stands, by the axioms of an ordered field (see :mod:`.signs`)."""

    gap: Expr = ZERO


@dataclass(frozen=True)
class Rewrite(Step):
    """The right side is the left side with equals put for equals, also inside sums, derivatives and limits.

    Sound (extensionality): no premise of the equality speaks of a variable bound around it, so the two functions
    under the head are one on the whole type of the variable; a derivative's place lies inside that type.
    """

    by: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Vanish(Step):
    """A sum of non-negative terms is zero, so each is: ``weight * base**power`` with ``weight > 0`` gives base = 0.

    Sound: in an ordered field a sum of terms >= 0 that is 0 has no term > 0, and a field has no zero divisors.
    ``zero`` names the fact that says that the sum is 0; ``rest >= 0`` is what the sum holds beside
    ``sum over (weight * base**power)``; an odd power needs ``base >= 0``.
    """

    zero: str = ""
    weight: Expr
    base: Expr
    power: int = 2
    over: tuple[Expr, ...] = ()
    rest: Expr = ZERO
    because: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lemma(Step):
    """A goal of another claim, which must be proved; its premises and definitions must be here too, to the letter."""

    claim: str = ""
    goal: int = 1


def _check_combine(step: Combine, context: Context) -> str:
    rest, strict, unequal = step.fact.gap, False, False
    context.because = tuple(name for use in step.uses for name in use.because)
    for use in step.uses:
        fact = context.instance(use.name, dict(use.at))
        if fact.relation != "=":
            unequal = True
            if step.fact.relation == "=":
                raise NotShown(f"an equality cannot rest on the inequality {use.name!r}")
            if not context.sign(use.times):
                raise NotShown(f"the factor {use.times} of the inequality {use.name!r} is not known to be >= 0")
            strict |= fact.strict and context.sign(use.times, strict=True)
        context.defined(use.times)
        if ill_formed(use.times):
            raise NotShown(ill_formed(use.times))
        part = total(use.times * fact.gap, *use.over)
        if is_zero(part):
            raise NotShown(f"{use.name!r} adds nothing here: it is an identity that needs no proof, or its factor is 0")
        rest = rest - part
    context.defined(step.fact.left, step.fact.right)
    if step.fact.strict != strict:
        raise NotShown("the fact is strict where its grounds are not, or they are and it is not: state what was shown")
    if step.fact.relation != "=" and not unequal:
        raise NotShown("its grounds are equalities, so it is one too: state it as an equality")
    if not is_zero(rest):
        raise NotShown(f"the combination does not come out: there remains {normal(rest)}")
    if not step.uses:
        return "both sides have the same normal form: their difference reduces to 0"
    return "left side minus right side, minus the stated combination of the facts cited, reduces to 0"


def _check_signed(step: Signed, context: Context) -> str:
    if step.fact.relation == "=":
        raise NotShown("a sign does not show an equality")
    context.defined(step.fact.left, step.fact.right, step.gap)
    if ill_formed(step.gap) or not is_zero(step.fact.gap - step.gap):
        raise NotShown("the stated gap is not the difference of the two sides")
    if not context.sign(step.gap, strict=step.fact.strict):
        raise NotShown(f"the sign of {step.gap} is not seen")
    return "the difference of the two sides equals the expression shown, whose parts all have a known sign"


def _check_rewrite(step: Rewrite, context: Context) -> str:
    if step.fact.relation != "=":
        raise NotShown("rewriting gives an equality")
    result = step.fact.left
    for name in step.by:
        fact = context.cite(name)
        if fact.relation != "=":
            raise NotShown(f"{name!r} is no equality")
        context.generic(bound_variables(result), context.grounds[name])
        if all(node != fact.left for node in walk(result)):
            raise NotShown(f"the left side of {name!r} does not occur")
        result = result.xreplace({fact.left: fact.right})
    if ill_formed(result) or not is_zero(result - step.fact.right):
        raise NotShown(f"putting equals for equals gives {result}")
    context.defined(step.fact.left, step.fact.right, result)
    return "putting equals for equals in the left side gives the right side"


def _check_vanish(step: Vanish, context: Context) -> str:
    zero, context.because = context.cite(step.zero), step.because
    if zero.relation != "=" or step.fact.relation != "=":
        raise NotShown("terms vanish only where their sum is said to be 0")
    body = total(step.weight * step.base**step.power, *step.over) + step.rest
    if ill_formed(body) or not is_zero(zero.gap - body):
        raise NotShown("the sum that is 0 is not the stated sum of terms")
    context.defined(step.base, step.weight, step.rest, step.fact.left, step.fact.right)
    if not context.sign(step.weight, strict=True):
        raise NotShown(f"the weight {step.weight} is not known to be positive")
    if step.power % 2 and not context.sign(step.base):
        raise NotShown(f"{step.base} is not known to be >= 0")
    if step.power < 1 or not context.sign(step.rest):
        raise NotShown(f"the rest {step.rest} is not known to be >= 0")
    if not is_zero(step.fact.gap - step.base):
        raise NotShown("the conclusion is not that the base vanishes")
    return "the sum is the stated sum of non-negative terms; it is 0, so each term is 0, and its positive weight is not"


def _check_lemma(step: Lemma, context: Context) -> str:
    if context.library is None:
        raise NotShown("there is no library of claims to cite from")
    fact, items = context.library(step.claim, step.goal)
    if fact != step.fact:
        raise NotShown(f"goal {step.goal} of {step.claim!r} is another fact")
    here = {item.fact: item.name for item in (*context.assumptions.values(), *context.definitions.values())}
    for item in items:
        if item.fact not in here:
            raise NotShown(f"{step.claim!r} rests on {item.name!r} ({item.words}), which is no premise here")
        context.cite(here[item.fact])
    return f"goal {step.goal} of {step.claim}, which is proved from premises that hold here"


CHECKS: Rules = {
    Combine: _check_combine,
    Signed: _check_signed,
    Rewrite: _check_rewrite,
    Vanish: _check_vanish,
    Lemma: _check_lemma,
}
