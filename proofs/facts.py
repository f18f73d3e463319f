"""Claims: what is to be shown, how, and words for people.

A claim says *what* is to be shown (its goals) and *how* (its steps); it holds no code that could answer "true". Facts,
steps and goals are the kernel's (:mod:`.kernel.facts`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from .kernel.facts import Fact, Goal, Item, Relation, Step

__all__ = ["Assume", "Claim", "Define", "Fact", "Goal", "Item", "Kind", "Relation", "Step", "Verdict"]

Kind = Literal["identity", "tight bound", "one-sided bound", "refutation", "open", "hypothesis"]
Verdict = Literal["proved", "refuted", "open", "hypothesis", "undecided"]


@dataclass(frozen=True)
class Assume(Item):
    """A premise. ``case`` marks one that only some goals may use (they name it in ``given``)."""

    case: bool = False


@dataclass(frozen=True)
class Define(Item):
    """A new symbol and what it stands for. ``fact`` is ``symbol = expression``."""


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
        classical: theorems that the words rest on beyond what is checked, each with its reference.
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
