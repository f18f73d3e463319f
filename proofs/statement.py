"""What a claim says, printed from its formal objects: types, premises, definitions, goals. No prose enters here.

A fact is read "for all values of the types of its symbols"; what it says of an index, it says "for every" place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from .expressions import Type, free_names, is_index, type_of, walk
from .facts import Claim, Fact, Goal
from .mathtext import latex, latex_fact, plain, plain_fact

__all__ = ["Printer", "in_latex", "in_text", "typed"]

Expr = Any
_SIGNS = {"positive": ("> 0", "> 0"), "nonnegative": ("≥ 0", r"\ge 0"), "real": ("real", r"\in\mathbb{R}")}


@dataclass(frozen=True)
class Printer:
    """How one kind of output writes expressions, facts and the few words that formal objects need."""

    expr: Callable[[Expr], str]
    fact: Callable[[Fact, Sequence[Any]], str]
    wrap: Callable[[str], str]
    which: int  # which of a pair of signs
    member: str
    endless: str

    def types(self, claim: Claim) -> list[str]:
        """Return what each symbol of the claim stands for, one line for each type."""
        found: dict[str, list[str]] = {}
        for node, kind in typed(claim):
            line = self._type(kind)
            names = found.setdefault(line, [])
            if (name := self.wrap(self.expr(node))) not in names:
                names.append(name)
        return [f"{', '.join(names)}{line}" for line, names in found.items()]

    def _type(self, kind: Type) -> str:
        if kind.role == "size":
            return ": a size, a whole number " + self.wrap(("≥ 1", r"\ge 1")[self.which])
        if kind.role in {"index", "member"}:
            end = self.endless if kind.length == sp.oo else self.expr(kind.length)
            word = " (for every)" if kind.role == "index" else " (a fixed place)"
            return f" {self.wrap(f'{self.member} 1, {self.endless_dots}, {end}')}{word}"
        if kind.law is not None:
            law = kind.law
            where = self.wrap(f"{self.expr(law.variable)} > {self.expr(law.low)}")
            return f": independent draws of the law with density {self.wrap(self.expr(law.density))} for {where}"
        return f" {self.wrap(_SIGNS[kind.sign][self.which])}"

    @property
    def endless_dots(self) -> str:
        """Three dots."""
        return ("..", r"\dots")[self.which]

    def said(self, fact: Fact, claim: Claim) -> str:
        """Return a fact with its "for every"."""
        free = sorted((s for s in free_names(fact.left) | free_names(fact.right) if is_index(s)), key=str)
        nodes = [node for side in (fact.left, fact.right) for node in walk(side) if isinstance(node, sp.Indexed)]
        kinds = [type_of(node.base.label, array=True) for node in nodes]
        almost = "almost surely, " if any(kind is not None and kind.role == "draws" for kind in kinds) else ""
        every = f"for every {', '.join(self.wrap(self.expr(s)) for s in free)}: " if free else ""
        return almost + every + self.wrap(self.fact(fact, claim.notation))

    def premises(self, claim: Claim) -> list[tuple[str, str]]:
        """Return each premise, with the words that stand beside it; a case is one that only some goals have."""
        return [(("in the case: " if a.case else "") + self.said(a.fact, claim), a.words) for a in claim.assumptions]

    def definitions(self, claim: Claim) -> list[tuple[str, str]]:
        """Return each definition, with the words that stand beside it."""
        return [(self.said(d.fact, claim), d.words) for d in claim.definitions]

    def goals(self, claim: Claim) -> list[tuple[str, str]]:
        """Return each goal, after the cases that it is given, with the words that stand beside it."""
        return [(self._given(goal, claim) + self.said(goal.fact, claim), goal.words) for goal in claim.goals]

    def _given(self, goal: Goal, claim: Claim) -> str:
        given = [self.said(a.fact, claim) for a in claim.assumptions if a.name in goal.given]
        return f"if {' and '.join(given)}, then " if given else ""

    def statement(self, claim: Claim) -> str:
        """Return the goals in one line."""
        return "; ".join(goal for goal, _ in self.goals(claim))


def typed(claim: Claim) -> Iterable[tuple[Expr, Type]]:
    """Yield every number, array, size, index, member and draw of the statement, sizes first."""
    facts = [item.fact for item in (*claim.assumptions, *claim.definitions)] + [goal.fact for goal in claim.goals]
    seen: dict[Expr, tuple[Expr, Type]] = {}
    for node in (node for fact in facts for side in (fact.left, fact.right) for node in walk(side)):
        if isinstance(node, sp.Sum):
            for symbol, _, high in node.limits:
                seen.setdefault(high, (high, type_of(high)))  # type: ignore[arg-type]
                seen.setdefault(symbol, (symbol, type_of(symbol)))  # type: ignore[arg-type]
        name = node.base if isinstance(node, sp.Indexed) else node
        array = isinstance(node, sp.Indexed)
        if array or isinstance(node, sp.Symbol):
            kind = type_of(name.label if array else name, array=array)
            if kind is not None:
                seen.setdefault(name, (node, kind))
            for one in (
                sorted(free_names(kind.law.density + kind.law.low), key=str) if kind is not None and kind.law else ()
            ):
                if type_of(one) is not None and one != kind.law.variable:  # type: ignore[union-attr]
                    seen.setdefault(one, (one, type_of(one)))  # type: ignore[arg-type]
    order = ("size", "index", "member", "array", "number", "draw", "draws")
    return sorted(seen.values(), key=lambda pair: order.index(pair[1].role))


in_text = Printer(plain, plain_fact, str, 0, "in", "without end")
in_latex = Printer(latex, latex_fact, lambda text: f"${text}$", 1, r"\in", r"\infty")
