"""What a step may see while it is checked: the facts before it, and what each of them rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from .algebra import is_zero
from .expressions import (
    Diff,
    Int,
    Lim,
    Mean,
    bound_symbols,
    fits,
    free_names,
    ill_formed,
    is_index,
    known_range,
    law_of,
    replace,
    substitute,
    type_of,
    walk,
)
from .facts import Assume, Define, Fact, Item
from .signs import sign

__all__ = ["Context", "Known", "NotShown", "spoken"]

Expr = Any


class NotShown(Exception):
    """A step's check failed: its claim is not proved. The message says what did not come out."""


@dataclass(frozen=True)
class Known:
    """A fact, and the names of the premises and definitions that it rests on."""

    fact: Fact
    rests_on: frozenset[str]


@dataclass
class Context:
    """The facts known so far. Everything that a rule looks at is recorded in ``cited`` and ``rests_on``."""

    known: Mapping[str, Known]
    assumptions: Mapping[str, Assume]
    definitions: Mapping[str, Define]
    library: Callable[[str, int], tuple[Fact, tuple[Item, ...]]] | None = None
    cited: set[str] = field(default_factory=set)
    rests_on: set[str] = field(default_factory=set)

    def cite(self, name: str) -> Fact:
        """Return an earlier fact by name; the conclusion will rest on all that it rests on."""
        known = self._find(name)
        self.rests_on |= known.rests_on
        return known.fact

    def cite_solid(self, name: str) -> Fact:
        """Cite a fact whose limits and integrals exist: no premise says anything of a limit, integral or mean.

        What is shown without such a premise holds whatever value the heads have where nothing converges; so where it
        gives a head a value, it converges.
        """
        fact = self.cite(name)
        premises = [self.known[premise].fact for premise in self.known[name].rests_on]
        if any(isinstance(n, Lim | Int | Mean) for p in premises for n in walk(sp.Tuple(p.left, p.right))):
            raise NotShown(f"{name!r} rests on a premise about a limit, an integral or a mean")
        return fact

    def _find(self, name: str) -> Known:
        if name not in self.known:
            raise NotShown(f"it cites {name!r}, which is no earlier fact")
        self.cited.add(name)
        return self.known[name]

    def sign(self, expr: Expr, because: Iterable[str] = (), *, strict: bool = False) -> bool:
        """Tell whether an expression is non-negative (positive if ``strict``), recording the facts that say so.

        The general premises may say so, and the facts cited by name in ``because``.
        """
        hints = [(name, self._find(name).fact) for name in because]
        hints += [(a.name, a.fact) for a in self.assumptions.values() if not a.case]
        found = sign(expr, tuple(hints), strict)
        if found is None or (strict and not found.strict):
            return False
        for name in found.by:
            self.cite(name)
        return True

    def instance(self, name: str, values: Mapping[Expr, Expr], because: Iterable[str] = ()) -> Fact:
        """Return a fact with its generic variables replaced: "for all x" gives it at every x of the type.

        What is replaced must be generic: no definition that the fact rests on speaks of it, and each premise that does
        is shown anew for the new values. An index becomes an index or a member of its range; sizes are never replaced.
        """
        known = self._find(name)
        fact, kept = known.fact, set(known.rests_on)
        names = {key.base.label if isinstance(key, sp.Indexed) else key for key in values if not is_index(key)}
        places = set[Expr]()
        for key, value in values.items():
            self._admissible(key, value, because, fact)
            formal = key.indices if isinstance(key, sp.Indexed) else ()
            places |= set() if is_index(key) else {s for s in free_names(value) - set(formal) if is_index(s)}
        laws = [law for side in (fact.left, fact.right) for node in walk(side) if (law := law_of(node)) is not None]
        if any(names & (free_names(law.density) | free_names(law.low)) for law in laws):
            raise NotShown(f"{sorted(map(str, names))}: the law of a draw depends on it")
        for premise in known.rests_on if names else ():
            said = self.known[premise].fact
            if not spoken(said) & names:
                continue
            if premise in self.definitions:
                raise NotShown(f"{sorted(map(str, names))} is not generic in {name!r}: {premise!r} defines with it")
            if places & spoken(said):  # it holds for every place, not only for those where the value is taken
                raise NotShown(f"the value and the premise {premise!r} speak of one index: take another index")
            gap = substitute(said.gap, {k: v for k, v in values.items() if not is_index(k)})
            shown = self._equality(gap) if said.relation == "=" else self.sign(gap, because, strict=said.strict)
            if not shown:
                raise NotShown(f"the premise {premise!r} of {name!r} is not shown for the values given")
            kept.discard(premise)
        self.rests_on |= kept
        return Fact(substitute(fact.left, values), fact.relation, substitute(fact.right, values))

    def _equality(self, gap: Expr) -> bool:
        """Tell whether some premise says that ``gap`` is zero, recording it."""
        for premise in self.assumptions.values():
            if premise.fact.relation == "=" and not premise.case and is_zero(gap - premise.fact.gap):
                self.cite(premise.name)
                return True
        return False

    def _admissible(self, key: Expr, value: Expr, because: Iterable[str], fact: Fact) -> None:
        """Fail unless the value is of the key's type; an array is replaced as a function of its own indices."""
        array = isinstance(key, sp.Indexed)
        kind = type_of(key.base.label if array else key, array=array)
        if kind is None or kind.role in {"size", "draws"}:
            raise NotShown(f"{key} stands for a size or for draws: it cannot be replaced")
        if ill_formed(value) or any(isinstance(n, sp.Indexed) and law_of(n) is not None for n in walk(value)):
            raise NotShown(ill_formed(value) or f"{value} depends on draws: almost surely is not everywhere")
        if known_range(key) is not None:
            if not fits(value, key):
                raise NotShown(f"the index {key} may only become another index of the same range, not {value}")
            return
        if array:
            whole = walk(sp.Tuple(fact.left, fact.right))
            uses = [n for n in whole if isinstance(n, sp.Indexed) and n.base == key.base]
            if len(set(key.indices)) < len(key.indices) or not all(map(is_index, key.indices)):
                raise NotShown(f"{key} does not name an array by different indices")
            if not all(len(n.indices) == len(key.indices) and all(map(fits, n.indices, key.indices)) for n in uses):
                raise NotShown(f"{key} has other ranges than in {fact.left} and {fact.right}")
        self.defined(value, because=because)
        if kind.sign != "real" and not self.sign(value, because, strict=kind.sign == "positive"):
            raise NotShown(f"{key} stands for a {kind.sign} number; {value} is not known to be one")

    def generic(self, names: Iterable[Expr], rests_on: Iterable[str]) -> None:
        """Fail unless no premise or definition in ``rests_on`` speaks about the variables ``names``."""
        wanted = {name for name in names if not is_index(name)}  # an index is generic: premises hold for every one
        for premise in rests_on:
            if met := wanted & spoken(self.known[premise].fact):
                raise NotShown(f"{sorted(map(str, met))} is not generic: the premise {premise!r} speaks about it")

    def defined(self, *exprs: Expr, because: Iterable[str] = (), at: Mapping[Expr, Expr] | None = None) -> None:
        """Fail unless denominators are not 0, and what logarithms and other powers are taken of is positive.

        Some symbols may be looked ``at`` values. Derivatives are looked into, at their place: there what is
        differentiated must be defined.
        """
        at = dict(at or {})
        for node in (node for expr in exprs for node in _open_nodes(expr)):
            if isinstance(node, Diff):
                f, x, x0, _ = node.args
                self.defined(f, because=because, at={**at, x: replace(x0, at)})
                self.defined(x0, because=because, at=at)
            whole = isinstance(node, sp.Pow) and node.exp.is_Integer
            if (whole and node.exp >= 0) or not isinstance(node, sp.Pow | sp.log | sp.uppergamma):
                continue
            inner = replace(node.args[1] if isinstance(node, sp.uppergamma) else node.args[0], at)
            if not (self.sign(inner, because, strict=True) or (whole and self.sign(-inner, because, strict=True))):
                what = "different from zero" if whole else "positive"
                raise NotShown(f"{inner} in {node} is not known to be {what}")


def spoken(fact: Fact) -> frozenset[Expr]:
    """Return what a fact speaks of: its free names, and the sizes of the ranges of its free places."""
    names = free_names(fact.left) | free_names(fact.right)
    return names | {known_range(name) for name in names}


def _open_nodes(expr: Expr) -> Iterator[Expr]:
    """Walk an expression without entering derivatives, integrals, limits and means."""
    yield expr
    if not isinstance(expr, Diff | Int | Lim | Mean | sp.Indexed):
        for arg in (expr.function,) if isinstance(expr, sp.Sum) else expr.args:
            yield from _open_nodes(arg)


def bound_variables(*exprs: Expr) -> set[Expr]:
    """Return the bound symbols that are no indices (variables of derivatives, integrals, limits, means)."""
    return {symbol for expr in exprs for symbol in bound_symbols(expr) if not is_index(symbol)}
