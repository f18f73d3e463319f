"""Facts and steps: pure data.

A step carries the fact it concludes and the mathematics that justifies it, as expressions; the kernel recomputes each
one. Because a step is data, a test can alter any expression in it and watch the proof fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Fact", "Goal", "Item", "Relation", "Step"]

Expr = Any
Relation = Literal["=", "<=", "<", ">=", ">"]


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
class Step(Item):
    """One step of a proof: the fact concluded, and why. Each kind of step is a subclass with its own data."""


@dataclass(frozen=True)
class Goal:
    """One thing to be shown: ``fact`` must be, to the letter, what step ``by`` concludes, ``given`` some premises."""

    words: str
    fact: Fact
    by: str
    given: tuple[str, ...] = ()
