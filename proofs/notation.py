"""Short names under which expressions are printed; the kernel never sees them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .facts import Claim, Item

__all__ = ["Notation", "noted"]


@dataclass(frozen=True)
class Notation:
    """A short name under which an expression is printed."""

    name: str
    latex: str
    expr: Any


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
