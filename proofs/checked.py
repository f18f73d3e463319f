"""Who checks a claim: Coq, the kernel, Coq beside a derivation (both), a classical theorem; and Coq's text of it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from .classical import REFERENCES
from .derivation import decided_alone
from .facts import Claim
from .tie import COQ, ties

__all__ = ["Checker", "InCoq", "checker", "classical", "in_coq", "is_tied", "not_in_coq", "theorem_text"]

Checker = Literal["Coq", "kernel", "both", "classical", "derivation", "nobody"]


@dataclass(frozen=True)
class InCoq:
    """Where Coq has a claim: ``also`` are further theorems of it; ``scope`` says what it does not cover, or ""."""

    theorem: str
    file: str
    also: tuple[str, ...]
    scope: str

    @property
    def theorems(self) -> tuple[str, ...]:
        """All theorems of the claim."""
        return (self.theorem, *self.also)


@cache
def in_coq() -> dict[str, InCoq]:
    """Return where Coq has each claim."""
    claims = json.loads((COQ / "claims.json").read_text(encoding="utf-8"))["claims"]
    return {
        name: InCoq(held["theorem"], held["file"], tuple(held.get("also", ())), held.get("scope", ""))
        for name, held in claims.items()
    }


def not_in_coq() -> dict[str, str]:
    """Return why the other claims are not in Coq."""
    reasons: dict[str, str] = json.loads((COQ / "claims.json").read_text(encoding="utf-8"))["not_in_coq"]
    return reasons


def is_tied(name: str) -> bool:
    """Tell whether the formal goals of a claim are printed for Coq and closed there; False in an installed package."""
    return (COQ / "ties.json").is_file() and name in ties()


def classical(claim: Claim) -> list[str]:
    """Return the classical theorems that a claim rests on: those of its steps, and those of its words."""
    steps = dict.fromkeys(type(step).__name__ for step in claim.steps)
    return [*(REFERENCES[rule] for rule in steps if rule in REFERENCES), *claim.classical]


def checker(name: str, claim: Claim | None) -> Checker:
    """Return who checks a claim; ``claim`` is None for one that Coq alone has.

    ``both``: Coq checks it, and there is a derivation in Python. ``derivation``: there is nothing but that.
    ``classical``: the kernel checks the steps, but some of them are theorems that it takes from the literature.
    """
    if claim is None or not claim.goals:
        return "nobody" if claim is not None else "Coq"
    if name in in_coq():
        return "both"
    if not decided_alone(claim):
        return "derivation"
    return "classical" if classical(claim) else "kernel"


def theorem_text(theorem: str) -> str:
    """Return what a theorem says, as ``Statements.v`` writes it; "" where that is not here."""
    path = COQ / "Statements.v"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = re.search(rf"^Theorem {theorem} : (.*?)\.\nProof\.", text, re.M | re.S)
    return f"Theorem {theorem} : {found[1]}." if found else ""
