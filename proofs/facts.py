"""Facts, steps and claims: pure data.

A claim says *what* is to be shown (its goals) and *how* (its steps); it holds no code that could answer "true". Every
step carries the fact it concludes and the mathematics that justifies it, as expressions; the kernel recomputes each
one. Because a step is data, a test can alter any expression in it and watch the claim fail.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "Assume",
    "Claim",
    "Define",
    "Fact",
    "Goal",
    "Item",
    "Kind",
    "Notation",
    "Relation",
    "Step",
    "Verdict",
    "noted",
]

Expr = Any
Relation = Literal["=", "<=", "<", ">=", ">"]
Kind = Literal["identity", "tight bound", "one-sided bound", "refutation", "open"]
Verdict = Literal["proved", "refuted", "open", "undecided"]


@dataclass(frozen=True)
class Fact:
    """A relation between two expressions; free indices and free variables are read as "for every"."""

    left: Expr
    relation: Relation
    right: Expr

    @property
    def strict(self) -> bool:
        """Whether the relation is ``<`` or ``>``."""
        return self.relation in {"<", ">"}

    @property
    def gap(self) -> Expr:
        """What the fact says is zero (``=``), or non-negative or positive (the other relations)."""
        return self.right - self.left if self.relation in {"<", "<="} else self.left - self.right


@dataclass(frozen=True)
class Item:
    """A named fact of a proof: a premise, a definition or a step. ``words`` say it for people."""

    name: str
    words: str
    fact: Fact


@dataclass(frozen=True)
class Assume(Item):
    """A premise. ``case`` marks one that only some goals may use (they name it in ``given``)."""

    case: bool = False


@dataclass(frozen=True)
class Define(Item):
    """A new symbol and what it stands for. ``fact`` is ``symbol = expression``."""


@dataclass(frozen=True)
class Step(Item):
    """One step of a proof: the fact concluded, and why. Each kind of step is a subclass with its own data."""


@dataclass(frozen=True)
class Goal:
    """One thing to be shown: ``fact`` must be, to the letter, what step ``by`` concludes."""

    words: str
    fact: Fact
    by: str
    given: tuple[str, ...] = ()


@dataclass(frozen=True)
class Notation:
    """A short name under which an expression is printed; the kernel never sees it."""

    name: str
    latex: str
    expr: Expr


def noted(claims: Iterable[Claim], notation: Sequence[Notation]) -> tuple[Claim, ...]:
    """Return the claims with those of the short names that occur in them."""
    out = []
    for claim in claims:
        items: tuple[Item, ...] = (*claim.assumptions, *claim.definitions, *claim.steps)
        facts = [*(item.fact for item in items), *(goal.fact for goal in claim.goals)]
        seen = [side for fact in facts for side in (fact.left, fact.right)]
        kept: list[Notation] = []
        for item in sorted(notation, key=lambda n: -len(str(n.expr))):  # one may occur only inside a larger one
            if any(item.expr in (side, -side) or side.has(item.expr) for side in seen):
                kept.append(item)
                seen.append(item.expr)
        ordered = tuple(item for item in notation if item in kept)
        out.append(dataclasses.replace(claim, notation=ordered))
    return tuple(out)


@dataclass(frozen=True)
class Claim:
    """A theorem with its proof, or a statement with its counterexample, or an open question.

    Attributes:
        id: permanent name; never reused.
        title: a few words.
        statement: the statement in words and plain mathematics. For a refutation, the statement that is false.
        latex: the statement, for LaTeX.
        premises: what is assumed, in words (positivity of symbols included).
        source: the paper's number, or "new".
        kind: identity, tight bound, one-sided bound, refutation or open.
        idea: the proof in a few sentences.
        assumptions: the premises that the proof uses, as facts.
        definitions: the symbols that the statement uses.
        steps: the proof.
        goals: what must come out of the steps.
        finding: what holds instead, or what is known (refutations, open questions), or a corollary.
        notation: short names for expressions that occur often; for print only.
    """

    id: str
    title: str
    statement: str
    latex: str
    premises: tuple[str, ...]
    source: str
    kind: Kind
    idea: str
    assumptions: tuple[Assume, ...]
    definitions: tuple[Define, ...]
    steps: tuple[Step, ...]
    goals: tuple[Goal, ...]
    finding: str = ""
    notation: tuple[Notation, ...] = ()

    def without(self, name: str) -> Claim:
        """Return the claim with one step, definition or premise deleted."""
        return dataclasses.replace(
            self,
            steps=tuple(s for s in self.steps if s.name != name),
            definitions=tuple(d for d in self.definitions if d.name != name),
            assumptions=tuple(a for a in self.assumptions if a.name != name),
        )
