"""Rules of algebra: linear combinations, signs, certificates, rewriting, induction.

Each rule is a kind of step (data) and a check (code). The check recomputes the step's fact from its data and from the
facts that it cites, exactly; it raises :class:`NotShown` when the fact does not come out.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import sympy as sp

from .algebra import is_zero, normal
from .context import Context, NotShown, bound_variables
from .expressions import replace, total
from .facts import Fact, Step
from .positivity import flint_terms, polynomial_terms

__all__ = ["Certificate", "Combine", "Induct", "Lemma", "Rewrite", "Signed", "Use", "Vanish", "same_fact"]

Expr = Any
ZERO, ONE = sp.Integer(0), sp.Integer(1)


@dataclass(frozen=True)
class Use:
    """One use of an earlier fact: ``times`` it, summed ``over`` indices, with its generic variables set ``at`` values.

    ``because`` names facts that show the signs that the use needs.
    """

    name: str
    times: Expr = ONE
    over: tuple[Expr, ...] = ()
    at: tuple[tuple[Expr, Expr], ...] = ()
    because: tuple[str, ...] = ()


@dataclass(frozen=True)
class Combine(Step):
    """The fact's gap is exactly the stated combination of the gaps of earlier facts (inequalities times >= 0).

    With no uses, the fact is an identity: both sides have one normal form.
    """

    uses: tuple[Use, ...] = ()


@dataclass(frozen=True)
class Signed(Step):
    """The gap is non-negative as it stands: sums, products, even powers of quantities of known sign."""

    gap: Expr = ZERO


@dataclass(frozen=True, kw_only=True)
class Certificate(Step):
    """Polynomial positivity: order the ``symmetric`` variables, clear denominators, expand, and look at coefficients.

    The gap must not change when two neighbours among ``symmetric`` are swapped; then they may be taken in increasing
    order and written with non-negative steps. ``terms`` is the number of terms of the expanded polynomial.
    """

    symmetric: tuple[Expr, ...] = ()
    steps: tuple[Expr, ...] = ()
    terms: int = 0


@dataclass(frozen=True)
class Rewrite(Step):
    """The right side is the left side with equals put for equals, also inside sums, derivatives and limits."""

    by: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Vanish(Step):
    """A sum of non-negative terms is zero, so each is: ``weight * base**power`` with ``weight > 0`` gives base = 0.

    ``zero`` names the fact that says that the sum is 0; ``rest`` is what the sum holds beside
    ``sum over (weight * base**power)``.
    """

    zero: str = ""
    weight: Expr
    base: Expr
    power: int = 2
    over: tuple[Expr, ...] = ()
    rest: Expr = ZERO
    because: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Induct(Step):
    """Induction over ``n >= 1``: the fact at 1 is ``base``; from ``n`` to ``n + 1`` it grows by ``step``."""

    n: Expr
    base: str = ""
    step: str = ""


@dataclass(frozen=True)
class Lemma(Step):
    """A goal of another claim, which must be proved; its premises and definitions must be here too, to the letter."""

    claim: str = ""
    goal: int = 1


def same_fact(one: Fact, two: Fact) -> bool:
    """Tell whether two facts are the same to the letter."""
    return one == two


def check_combine(step: Combine, context: Context) -> str:
    """Check the rule of the same name; return what was checked."""
    rest, strict, unequal = step.fact.gap, False, False
    for use in step.uses:
        fact = context.instance(use.name, dict(use.at), use.because)
        if fact.relation != "=":
            unequal = True
            if step.fact.relation == "=":
                raise NotShown(f"an equality cannot rest on the inequality {use.name!r}")
            if not context.sign(use.times, use.because):
                raise NotShown(f"the factor {use.times} of the inequality {use.name!r} is not known to be >= 0")
            if fact.strict and context.sign(use.times, use.because, strict=True):
                strict = True
        context.defined(use.times)
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


def check_signed(step: Signed, context: Context) -> str:
    """Check the rule of the same name; return what was checked."""
    if step.fact.relation == "=":
        raise NotShown("a sign does not show an equality")
    context.defined(step.fact.left, step.fact.right)
    if not is_zero(step.fact.gap - step.gap):
        raise NotShown("the stated gap is not the difference of the two sides")
    if not context.sign(step.gap, strict=step.fact.strict):
        raise NotShown(f"the sign of {step.gap} is not seen")
    return "the difference of the two sides equals the expression shown, whose parts all have a known sign"


def check_certificate(step: Certificate, context: Context) -> str:
    """Check the rule of the same name; return what was checked."""
    gap = step.fact.gap
    if step.fact.relation not in {"<=", ">="}:
        raise NotShown("a certificate shows a weak inequality")
    context.defined(step.fact.left, step.fact.right)
    ordered = list(step.symmetric)
    for one, two in itertools.pairwise(ordered):
        if not is_zero(gap - gap.xreplace({one: two, two: one})):
            raise NotShown(f"the inequality is not symmetric in {one} and {two}, so they cannot be ordered")
    if len(step.steps) != len(ordered) or not all(s.is_nonnegative for s in (*ordered, *step.steps)):
        raise NotShown("ordering needs one step variable >= 0 for each variable >= 0")
    if len(set(step.steps)) != len(step.steps) or set(step.steps) & gap.free_symbols:
        raise NotShown("the step variables must be new and distinct")
    values = {x: sp.Add(*step.steps[: n + 1]) for n, x in enumerate(ordered)}
    numerator, denominator = sp.fraction(sp.together(gap))
    if not context.sign(denominator, strict=True):
        raise NotShown(f"the common denominator {denominator} is not known to be positive")
    polynomial = numerator.xreplace(values)
    if not all(s.is_nonnegative for s in polynomial.free_symbols):
        raise NotShown("every variable of the polynomial must be >= 0")
    first, second = polynomial_terms(polynomial), flint_terms(polynomial)
    if sorted(first) != sorted(second):
        raise NotShown("the two engines disagree about the expanded polynomial")
    if any(c < 0 for c in first):
        raise NotShown(f"{sum(c < 0 for c in first)} of {len(first)} coefficients are negative")
    if len(first) != step.terms:
        raise NotShown(f"the polynomial has {len(first)} terms, not {step.terms}")
    return (
        f"the difference is unchanged by every swap; its denominator is positive; its numerator has {len(first)} "
        f"terms, "
        f"every coefficient a whole number from {min(first)} to {max(first)}; expanded twice, by sympy and by FLINT, "
        f"with "
        "the same coefficients"
    )


def check_rewrite(step: Rewrite, context: Context) -> str:
    """Check the rule of the same name; return what was checked."""
    if step.fact.relation != "=":
        raise NotShown("rewriting gives an equality")
    result = step.fact.left
    for name in step.by:
        fact = context.cite(name)
        if fact.relation != "=":
            raise NotShown(f"{name!r} is no equality")
        context.generic(bound_variables(result), context.known[name].rests_on)
        replaced = result.xreplace({fact.left: fact.right})
        if replaced == result:
            raise NotShown(f"the left side of {name!r} does not occur")
        result = replaced
    if not is_zero(result - step.fact.right):
        raise NotShown(f"putting equals for equals gives {result}")
    return "putting equals for equals in the left side gives the right side"


def check_vanish(step: Vanish, context: Context) -> str:
    """Check the rule of the same name; return what was checked."""
    zero = context.cite(step.zero)
    if zero.relation != "=" or step.fact.relation != "=":
        raise NotShown("terms vanish only where their sum is said to be 0")
    body = total(step.weight * step.base**step.power, *step.over) + step.rest
    if not is_zero(zero.gap - body):
        raise NotShown("the sum that is 0 is not the stated sum of terms")
    context.defined(step.base, step.weight)
    if not context.sign(step.weight, step.because, strict=True):
        raise NotShown(f"the weight {step.weight} is not known to be positive")
    if step.power % 2 and not context.sign(step.base):
        raise NotShown(f"{step.base} is not known to be >= 0")
    if step.power < 1 or not context.sign(step.rest, step.because):
        raise NotShown(f"the rest {step.rest} is not known to be >= 0")
    if not is_zero(step.fact.gap - step.base):
        raise NotShown("the conclusion is not that the base vanishes")
    return "the sum is the stated sum of non-negative terms; it is 0, so each term is 0, and its positive weight is not"


def check_induct(step: Induct, context: Context) -> str:
    """Check the rule of the same name; return what was checked."""
    base, grow = context.cite(step.base), context.cite(step.step)
    if {base.relation, grow.relation, step.fact.relation} != {"="}:
        raise NotShown("induction is used for equalities only")
    if not (step.n.is_integer and step.n.is_positive):
        raise NotShown(f"{step.n} must be a positive whole number")
    context.generic([step.n], context.known[step.step].rests_on)
    gap = step.fact.gap
    if not is_zero(replace(gap, {step.n: sp.Integer(1)}) - base.gap):
        raise NotShown("the fact at n = 1 is not the base")
    if not is_zero(replace(gap, {step.n: step.n + 1}) - gap - grow.gap):
        raise NotShown("the growth from n to n + 1 is not the induction step")
    return "the fact at n = 1 is the base, and its change from n to n + 1 is the induction step"


def check_lemma(step: Lemma, context: Context) -> str:
    """Check the rule of the same name; return what was checked."""
    fact, items = context.lemma(step.claim, step.goal)
    if not same_fact(fact, step.fact):
        raise NotShown(f"goal {step.goal} of {step.claim!r} is another fact")
    here = {item.fact: item.name for item in (*context.assumptions.values(), *context.definitions.values())}
    for item in items:
        if item.fact not in here:
            raise NotShown(f"{step.claim!r} rests on {item.name!r} ({item.words}), which is no premise here")
        context.cite(here[item.fact])
    return f"goal {step.goal} of {step.claim}, which is proved from premises that hold here"
