"""What a step may see while it is checked: the facts before it, and what each of them rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from .algebra import is_zero
from .expressions import Diff, Int, Lim, Mean, bound_symbols, fits, free_names, is_index, replace, substitute
from .facts import Assume, Define, Fact, Item
from .positivity import Sign, sign

__all__ = ["Context", "Known", "NotShown"]

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

    def _find(self, name: str) -> Known:
        if name not in self.known:
            raise NotShown(f"it cites {name!r}, which is no earlier fact")
        self.cited.add(name)
        return self.known[name]

    def lemma(self, claim: str, goal: int) -> tuple[Fact, tuple[Item, ...]]:
        """Return a goal of another claim, and the premises and definitions on which it rests."""
        if self.library is None:
            raise NotShown("there is no library of claims to cite from")
        return self.library(claim, goal)

    def hints(self, because: Iterable[str] = ()) -> tuple[tuple[str, Fact], ...]:
        """Facts that may decide a sign: the general premises, and those cited by name."""
        general = [(a.name, a.fact) for a in self.assumptions.values() if not a.case]
        general += [
            (d.name, Fact(d.fact.right, ">" if d.fact.left.is_positive else ">=", sp.Integer(0)))
            for d in self.definitions.values()
            if d.fact.left.is_nonnegative
        ]
        return tuple([(name, self._find(name).fact) for name in because] + general)

    def sign(self, expr: Expr, because: Iterable[str] = (), *, strict: bool = False) -> bool:
        """Tell whether an expression is non-negative (positive if ``strict``), recording the facts that say so."""
        found = sign(expr, self.hints(because))
        if found is None or (strict and not found.strict):
            return False
        self._rest(found)
        return True

    def _rest(self, found: Sign) -> None:
        for name in found.by:
            self.cited.add(name)
            self.rests_on |= self.known[name].rests_on

    def instance(self, name: str, values: Mapping[Expr, Expr], because: Iterable[str] = ()) -> Fact:
        """Return a fact with its generic variables replaced, if they are generic and the new ones are admissible."""
        known = self._find(name)
        if not values:
            self.rests_on |= known.rests_on
            return known.fact
        scalars = {key for key in values if not isinstance(key, sp.Indexed) and not is_index(key)}
        names = scalars | {key.base.label for key in values if isinstance(key, sp.Indexed)}
        for key, value in values.items():
            self._admissible(key, value, because)
        kept = set(known.rests_on)
        for premise in known.rests_on:
            if premise in self.definitions:
                if free_names(self.definitions[premise].fact.left) & names or (
                    free_names(self.definitions[premise].fact.right) & names
                ):
                    raise NotShown(f"{sorted(map(str, names))} is not generic in {name!r}: {premise!r} defines with it")
                continue
            fact = self.assumptions[premise].fact
            if not (free_names(fact.left) | free_names(fact.right)) & names:
                continue
            gap = substitute(fact.gap, {k: v for k, v in values.items() if not is_index(k)})
            shown = self._equality(gap) if fact.relation == "=" else self.sign(gap, because, strict=fact.strict)
            if not shown:
                raise NotShown(f"the premise {premise!r} of {name!r} is not shown for the values given")
            kept.discard(premise)
        self.rests_on |= kept
        fact = known.fact
        try:
            return Fact(substitute(fact.left, values), fact.relation, substitute(fact.right, values))
        except ValueError as error:
            raise NotShown(str(error)) from error

    def _equality(self, gap: Expr) -> bool:
        """Tell whether some premise says that ``gap`` is zero, recording it."""
        for premise in self.assumptions.values():
            if premise.fact.relation == "=" and not premise.case and is_zero(gap - premise.fact.gap):
                self.cited.add(premise.name)
                self.rests_on.add(premise.name)
                return True
        return False

    def _admissible(self, key: Expr, value: Expr, because: Iterable[str]) -> None:
        if is_index(key):
            if not fits(value, key):
                raise NotShown(f"the index {key} may only become another index of the same range, not {value}")
            return
        if key.is_integer and not value.is_integer:
            raise NotShown(f"{key} stands for a whole number; {value} is not known to be one")
        if key.is_positive and not self.sign(value, because, strict=True):
            raise NotShown(f"{key} stands for a positive number; {value} is not known to be positive")
        if key.is_nonnegative and not self.sign(value, because):
            raise NotShown(f"{key} stands for a number >= 0; {value} is not known to be >= 0")
        if value.is_real is False or (value.is_real is None and not self.sign(value, because)):
            raise NotShown(f"{value} is not known to be real")

    def generic(self, names: Iterable[Expr], rests_on: Iterable[str]) -> None:
        """Fail unless no premise or definition in ``rests_on`` speaks about the variables ``names``."""
        wanted = {name for name in names if not is_index(name)}  # an index is generic: premises hold for every one
        for premise in rests_on:
            fact = self.known[premise].fact
            met = wanted & (free_names(fact.left) | free_names(fact.right))
            if met:
                raise NotShown(f"{sorted(map(str, met))} is not generic: the premise {premise!r} speaks about it")

    def defined(self, *exprs: Expr) -> None:
        """Fail unless every denominator is non-zero and every logarithm has a positive argument."""
        for expr in exprs:
            for node in sp.preorder_traversal(expr):
                if isinstance(node, Diff):
                    inner = replace(node.args[0], {node.args[1]: node.args[2]})
                    self.defined(inner)
            for node in _open_nodes(expr):
                if isinstance(node, sp.Pow) and not node.exp.is_nonnegative:
                    base = node.base
                    if base.is_number and base != 0:
                        continue
                    if not (self.sign(base, strict=True) or self.sign(-base, strict=True)):
                        raise NotShown(f"the denominator {base} is not known to be different from zero")
                if isinstance(node, sp.log) and not self.sign(node.args[0], strict=True):
                    raise NotShown(f"log({node.args[0]}): the argument is not known to be positive")


def _open_nodes(expr: Expr) -> Iterable[Expr]:
    """Walk an expression without entering derivatives, integrals, limits and means."""
    yield expr
    if isinstance(expr, Diff | Int | Lim | Mean):
        return
    for arg in expr.args:
        yield from _open_nodes(arg)


def bound_variables(expr: Expr) -> set[Expr]:
    """Return the bound symbols that are no indices (variables of derivatives, integrals, limits, means)."""
    return {symbol for symbol in bound_symbols(expr) if not is_index(symbol)}
