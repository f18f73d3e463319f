"""What a step of a derivation may see: the facts before it, what each rests on, premises, definitions, other claims."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import sympy as sp

from .algebra import NESTED
from .expressions import fits, free_names, ill_formed, is_index, kind_of, known_range, law_of, substitute, walk
from .facts import Assume, Define, Fact, Item
from .kernel import context as kernel
from .kernel.algebra import Normal
from .kernel.context import NotShown
from .signs import sign

__all__ = ["Context", "NotShown", "spoken"]

Expr = Any


@dataclass
class Context(kernel.Context):
    """The facts known so far, each with the premises and definitions that it rests on (``grounds``).

    What a rule looks at is recorded in ``cited`` and ``rests_on``; ``because`` names facts that may show a sign.
    """

    form: ClassVar[Normal] = NESTED
    grounds: Mapping[str, frozenset[str]] = field(default_factory=dict)
    assumptions: Mapping[str, Assume] = field(default_factory=dict)
    definitions: Mapping[str, Define] = field(default_factory=dict)
    library: Callable[[str, int], tuple[Fact, tuple[Item, ...]]] | None = None
    rests_on: set[str] = field(default_factory=set)
    because: tuple[str, ...] = ()

    def cite(self, name: str) -> Fact:
        """Return an earlier fact by name; the conclusion will rest on all that it rests on."""
        fact = super().cite(name)
        self.rests_on |= self.grounds[name]
        return fact

    def sign(self, expr: Expr, *, strict: bool = False) -> bool:
        """Tell whether an expression is non-negative (positive if ``strict``), recording the facts that say so.

        The general premises may say so, and the facts named in ``because``.
        """
        hints = [(name, super(Context, self).cite(name)) for name in self.because]
        hints += [(a.name, a.fact) for a in self.assumptions.values() if not a.case]
        found = sign(expr, tuple(hints), strict)
        if found is None or (strict and not found.strict):
            return False
        for name in found.by:
            self.cite(name)
        return True

    def instance(self, name: str, values: Mapping[Expr, Expr]) -> Fact:
        """Return a fact with its generic variables replaced: "for all x" gives it at every x of the type.

        What is replaced must be generic: no definition that the fact rests on speaks of it, and each premise that does
        is shown anew for the new values. An index becomes an index or a member of its range; sizes are never replaced.
        """
        fact = super().cite(name)
        kept = set(self.grounds[name])
        names = {key.base.label if isinstance(key, sp.Indexed) else key for key in values if not is_index(key)}
        places = set[Expr]()
        for key, value in values.items():
            self._admissible(key, value, fact)
            formal = key.indices if isinstance(key, sp.Indexed) else ()
            places |= set() if is_index(key) else {s for s in free_names(value) - set(formal) if is_index(s)}
        laws = [law for side in (fact.left, fact.right) for node in walk(side) if (law := law_of(node)) is not None]
        if any(names & (free_names(law.density) | free_names(law.low)) for law in laws):
            raise NotShown(f"{sorted(map(str, names))}: the law of a draw depends on it")
        for premise in self.grounds[name] if names else ():
            said = self.known[premise]
            if not spoken(said) & names:
                continue
            if premise in self.definitions:
                raise NotShown(f"{sorted(map(str, names))} is not generic in {name!r}: {premise!r} defines with it")
            if places & spoken(said):  # it holds for every place, not only for those where the value is taken
                raise NotShown(f"the value and the premise {premise!r} speak of one index: take another index")
            gap = substitute(said.gap, {k: v for k, v in values.items() if not is_index(k)})
            shown = self._equality(gap) if said.relation == "=" else self.sign(gap, strict=said.strict)
            if not shown:
                raise NotShown(f"the premise {premise!r} of {name!r} is not shown for the values given")
            kept.discard(premise)
        self.rests_on |= kept
        return Fact(substitute(fact.left, values), fact.relation, substitute(fact.right, values))

    def _equality(self, gap: Expr) -> bool:
        """Tell whether some premise says that ``gap`` is zero, recording it."""
        for premise in self.assumptions.values():
            if premise.fact.relation == "=" and not premise.case and self.vanishes(gap - premise.fact.gap):
                self.cite(premise.name)
                return True
        return False

    def _admissible(self, key: Expr, value: Expr, fact: Fact) -> None:
        """Fail unless the value is of the key's type; an array is replaced as a function of its own indices."""
        kind = kind_of(key)
        if kind is None or kind.role in {"size", "draws"}:
            raise NotShown(f"{key} stands for a size or for draws: it cannot be replaced")
        if ill_formed(value) or any(isinstance(n, sp.Indexed) and law_of(n) is not None for n in walk(value)):
            raise NotShown(ill_formed(value) or f"{value} depends on draws: almost surely is not everywhere")
        if known_range(key) is not None:
            if not fits(value, key):
                raise NotShown(f"the index {key} may only become another index of the same range, not {value}")
            return
        if isinstance(key, sp.Indexed):
            whole = walk(sp.Tuple(fact.left, fact.right))
            uses = [n for n in whole if isinstance(n, sp.Indexed) and n.base == key.base]
            if len(set(key.indices)) < len(key.indices) or not all(map(is_index, key.indices)):
                raise NotShown(f"{key} does not name an array by different indices")
            if not all(len(n.indices) == len(key.indices) and all(map(fits, n.indices, key.indices)) for n in uses):
                raise NotShown(f"{key} has other ranges than in {fact.left} and {fact.right}")
        self.defined(value)
        if kind.sign != "real" and not self.sign(value, strict=kind.sign == "positive"):
            raise NotShown(f"{key} stands for a {kind.sign} number; {value} is not known to be one")

    def generic(self, names: Iterable[Expr], rests_on: Iterable[str]) -> None:
        """Fail unless no premise or definition in ``rests_on`` speaks about the variables ``names``."""
        wanted = {name for name in names if not is_index(name)}  # an index is generic: premises hold for every one
        for premise in rests_on:
            if met := wanted & spoken(self.known[premise]):
                raise NotShown(f"{sorted(map(str, met))} is not generic: the premise {premise!r} speaks about it")


def spoken(fact: Fact) -> frozenset[Expr]:
    """Return what a fact speaks of: its free names, and the sizes of the ranges of its free places."""
    names = free_names(fact.left) | free_names(fact.right)
    return names | {known_range(name) for name in names}
