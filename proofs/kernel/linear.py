"""The rule of algebra: linear combinations of equalities.

A rule is a kind of step (data) and a check (code). The check recomputes the step's fact from its data and from the
facts that it cites, exactly; it raises :class:`NotShown` when the fact does not come out. Each rule's docstring names
the theorem that makes it sound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from .context import Context, NotShown, Rules
from .facts import Step
from .language import ill_formed

__all__ = ["CHECKS", "Combine", "Use"]

Expr = Any
ONE = sp.Integer(1)


@dataclass(frozen=True)
class Use:
    """One use of an earlier fact: ``times`` it, summed ``over`` indices, with its generic variables set ``at`` values.

    ``because`` names facts that show the signs that the use needs. The kernel takes a fact as it is, times a factor.
    """

    name: str
    times: Expr = ONE
    over: tuple[Expr, ...] = ()
    at: tuple[tuple[Expr, Expr], ...] = ()
    because: tuple[str, ...] = ()


@dataclass(frozen=True)
class Combine(Step):
    """The fact's gap is exactly the stated combination of the gaps of earlier facts (inequalities times >= 0).

    Sound: in a field a sum of multiples of what is 0 is 0; in an ordered field a sum of multiples, with factors >= 0,
    of what is >= 0 is >= 0, and > 0 if one multiple is > 0. Both sides and every factor are defined. With no uses, the
    fact is an identity. The kernel combines equalities alone.
    """

    uses: tuple[Use, ...] = ()


def _check_combine(step: Combine, context: Context) -> str:
    rest = step.fact.gap
    for use in step.uses:
        fact = context.cite(use.name)
        if fact.relation != "=" or use != Use(use.name, use.times) or ill_formed(use.times):
            raise NotShown(f"of {use.name!r} more is wanted than an equality, times a factor")
        context.defined(use.times)
        if context.vanishes(use.times * fact.gap):
            raise NotShown(f"{use.name!r} adds nothing here: it is an identity that needs no proof, or its factor is 0")
        rest -= use.times * fact.gap
    context.defined(step.fact.left, step.fact.right)
    if step.fact.relation != "=" or not context.vanishes(rest):
        raise NotShown(f"the combination does not come out: there remains {context.form.normal(rest)}")
    return "left side minus right side, minus the stated combination of the facts cited, reduces to 0"


CHECKS: Rules = {Combine: _check_combine}
