"""Facts, steps and claims: pure data.

A claim says *what* is to be shown (its goals) and *how* (its steps); it holds no code that could answer "true". Every
step carries the fact it concludes and the mathematics that justifies it, as expressions; the kernel recomputes each
one. Because a step is data, a test can alter any expression in it and watch the claim fail.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Assume", "Claim", "Define", "Fact", "Goal", "Item", "Kind", "Relation", "Step", "Verdict"]

Expr = Any
Relation = Literal["=", "<=", "<", ">=", ">"]
Kind = Literal["identity", "tight bound", "one-sided bound", "refutation", "open", "hypothesis"]
Verdict = Literal["proved", "refuted", "open", "hypothesis", "undecided"]


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
class Claim:
    """A theorem with its proof, or a statement with its counterexample, or an open question.

    What the claim says is its goals, assumptions and definitions; the ledger prints them. ``title``, ``prose``,
    ``setting``, ``idea`` and ``finding`` are words for people, which nothing checks.

    Attributes:
        id: permanent name; never reused.
        title: a few words.
        prose: the statement in words. For a refutation, the statement that is false.
        setting: what is assumed, in words.
        source: the paper's number, or "new".
        kind: identity, tight bound, one-sided bound, refutation, open or hypothesis.
        idea: the proof in a few sentences.
        assumptions: the premises, as facts.
        definitions: the symbols that the statement uses.
        steps: the proof.
        goals: what must come out of the steps.
        finding: what holds instead, or what is known (refutations, open questions), or a corollary.
        classical: theorems that the words rest on beyond what the kernel checks, each with its reference.
        notation: short names for expressions that occur often; for print only.
    """

    id: str
    title: str
    prose: str
    setting: tuple[str, ...]
    source: str
    kind: Kind
    idea: str
    assumptions: tuple[Assume, ...]
    definitions: tuple[Define, ...]
    steps: tuple[Step, ...]
    goals: tuple[Goal, ...]
    finding: str = ""
    classical: tuple[str, ...] = ()
    notation: tuple[Any, ...] = ()

    def without(self, name: str) -> Claim:
        """Return the claim with one step, definition or premise deleted."""
        kinds = ("assumptions", "definitions", "steps")
        kept: Any = {kind: tuple(item for item in getattr(self, kind) if item.name != name) for kind in kinds}
        return dataclasses.replace(self, **kept)
