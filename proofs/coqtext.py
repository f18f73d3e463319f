"""The formal objects of a claim as text of Coq: its goals, with nothing in them but sums, ``ln`` and derivatives.

A goal is printed whole: a binder for every symbol of the claim, then what its type says, then the premises, then the
fact. Definitions are written out. The places of a range 1, .., n become 0, .., n-1, as in ``coq/Base.v``; a place is
only ever compared, summed over and put into an array, so nothing else changes.

Example:
    >>> from .expressions import index, masses, size, total
    >>> p, j = masses("p"), index("j", size("M"))
    >>> text(total(p[j] ** 2, j) / 2)
    '((1 / 2) * (Σ j < M, (p j ^ 2)))'
"""

from __future__ import annotations

import re
from typing import Any

import sympy as sp

from .exact import Counterexample
from .expressions import Diff, Lim, free_names, is_index, known_range, replace, type_of, walk
from .facts import Assume, Claim, Fact, Goal

__all__ = ["NotPrinted", "goal_text", "name_of", "text"]

Expr = Any
_WORDS = {
    "at", "in", "fun", "let", "if", "then", "else", "end", "nat", "R", "O", "S", "E", "ln", "exp", "INR", "Nat",
    "Derive", "Derive_n", "filterlim", "at_right", "locally", "Rbar_locally", "p_infty", "forall", "exists", "match",
    "with", "return", "as", "for", "fix", "cofix", "where", "using", "Set", "Prop", "Type", "SProp", "IF",
}  # fmt: skip
_OWN = re.compile(r"x\d+|(type|so)_.*")  # names that a printed statement gives itself
_RELATIONS = {"=": "{0} = {1}", "<=": "{0} <= {1}", "<": "{0} < {1}", ">=": "{1} <= {0}", ">": "{1} < {0}"}


class NotPrinted(Exception):
    """Coq's side has no such thing as an expression speaks of."""


def name_of(symbol: Expr) -> str:
    """Return the name that a symbol or an array has in Coq."""
    name = re.sub(r"[^A-Za-z0-9_']", "_", str(symbol.label if isinstance(symbol, sp.IndexedBase) else symbol))
    return f"{name}_" if name in _WORDS or name[0] in "_'" or _OWN.fullmatch(name) else name


def text(expr: Expr) -> str:
    """Return a number of the language as a term of Coq's reals.

    Raises:
        NotPrinted: an integral, a mean, a draw of a law, a Huffman code or a gamma function is in it.
    """
    match expr:
        case sp.Rational():
            whole = str(expr.p) if expr.q == 1 else f"{expr.p} / {expr.q}"
            return whole if expr.q == 1 and expr.p >= 0 else f"({whole})"
        case sp.Symbol():
            kind = type_of(expr)
            if kind is None or kind.role in {"index", "member", "draw"}:
                raise NotPrinted(f"{expr} is no number")
            return f"INR {name_of(expr)}" if kind.role == "size" else name_of(expr)
        case sp.Indexed():
            kind = type_of(expr.base.label, array=True)
            if kind is None or kind.role != "array":
                raise NotPrinted(f"{expr.base.label} is an array of draws")
            return " ".join([name_of(expr.base), *map(name_of, expr.indices)])
        case sp.Sum():
            inner = text(expr.function)
            for symbol, _, high in expr.limits:
                inner = f"(Σ {name_of(symbol)} < {name_of(high)}, {inner})"
            return inner
        case Diff():
            f, x, x0, order = expr.args
            head = f"Derive (fun {name_of(x)} => {text(f)})" if order == 1 else (
                f"Derive_n (fun {name_of(x)} => {text(f)}) {order}"
            )  # fmt: skip
            return f"({head} {_argument(x0)})"
        case sp.KroneckerDelta():
            return f"(if Nat.eqb {name_of(expr.args[0])} {name_of(expr.args[1])} then 1 else 0)"
        case sp.Add():
            return f"({' + '.join(map(text, expr.args))})"
        case sp.Mul() if expr.args[0].is_Rational and expr.args[0] < 0:
            rest = (
                sp.Mul(*expr.args[1:]) if expr.args[0] == -1 else sp.Mul(-expr.args[0], *expr.args[1:], evaluate=False)
            )
            return f"(- {text(rest)})"
        case sp.Mul():
            return f"({' * '.join(map(text, expr.args))})"
        case sp.Pow() if expr.exp.is_Integer:
            power = text(expr.base) if abs(expr.exp) == 1 else f"({text(expr.base)} ^ {abs(expr.exp)})"
            return power if expr.exp > 0 else f"/ {power}"
        case sp.log() | sp.exp():
            return f"{'ln' if isinstance(expr, sp.log) else 'exp'} {_argument(expr.args[0])}"
    raise NotPrinted(f"{type(expr).__name__} is not written for Coq")


def _argument(expr: Expr) -> str:
    found = text(expr)
    return found if " " not in found or found.startswith("(") else f"({found})"


def _fact(fact: Fact) -> str:
    if isinstance(fact.left, Lim) and fact.relation == "=":
        return _limit(fact.left, fact.right)
    return _RELATIONS[fact.relation].format(text(fact.left), text(fact.right))


def _limit(limit: Expr, value: Expr) -> str:
    """A limit within the type of its variable: from the right at 0, along the whole numbers for a size."""
    f, x, place = limit.args
    kind = type_of(x)
    if kind is not None and kind.role == "number":
        where = "(at_right 0)" if place == 0 else "(Rbar_locally p_infty)"
        return f"filterlim (fun {name_of(x)} => {text(f)}) {where} (locally ({text(value)}))"
    raise NotPrinted("a limit over whole numbers is not written for Coq")


def _every(fact: Fact) -> str:
    free = sorted((s for s in free_names(fact.left) | free_names(fact.right) if is_index(s)), key=str)
    if not free:
        return _fact(fact)
    ranges = [f"({name_of(s)} < {name_of(known_range(s))})%nat" for s in free]
    return f"forall {' '.join(map(name_of, free))} : nat, {' -> '.join(ranges)} -> {_fact(fact)}"


def _written_out(claim: Claim, facts: list[Fact]) -> list[Fact]:
    """Put what each defined symbol stands for in its place."""
    values: dict[Expr, Expr] = {}
    for definition in claim.definitions:
        values[definition.fact.left] = replace(definition.fact.right, values)
    return [Fact(replace(f.left, values), f.relation, replace(f.right, values)) for f in facts]


def _symbols(facts: list[Fact]) -> dict[Expr, Expr]:
    """Return what is free in facts, each with an expression that shows it: sizes, members, arrays, numbers."""
    sides = [side for fact in facts for side in (fact.left, fact.right)]
    free = set().union(*map(free_names, sides))
    nodes = {node.base.label: node for side in sides for node in walk(side) if isinstance(node, sp.Indexed)}
    ranges = {known_range(place) for node in nodes.values() for place in node.indices}
    ranges |= {known_range(symbol) for symbol in free}
    found = {name: nodes.get(name, name) for name in free | {r for r in ranges if isinstance(r, sp.Symbol)}}
    order = ("size", "member", "array", "number")

    def rank(name: Expr) -> tuple[int, str]:
        kind = type_of(name, array=name in nodes)
        if kind is None or kind.role not in (*order, "index"):
            raise NotPrinted(f"{name} is a draw of a law")
        return (("index", *order).index(kind.role), str(name))

    return {name: found[name] for name in sorted(found, key=rank) if not is_index(name)}


def _binder(name: Expr, node: Expr) -> tuple[str, str]:
    """Return a symbol's binder, and what its type says of it."""
    own, array = name_of(name), isinstance(node, sp.Indexed)
    kind = type_of(name, array=array)
    assert kind is not None
    if kind.role == "size":
        return f"({own} : nat)", f"(0 < {own})%nat"
    if kind.role == "member":
        return f"({own} : nat)", f"({own} < {name_of(kind.length)})%nat"
    sign = {"positive": "0 < ", "nonnegative": "0 <= "}.get(kind.sign)
    if not array:
        return f"({own} : R)", f"{sign}{own}" if sign else ""
    places = [f"x{n}" for n in range(1, len(node.indices) + 1)]
    ranges = [f"({x} < {name_of(known_range(i))})%nat" for x, i in zip(places, node.indices, strict=True)]
    said = f"forall {' '.join(places)} : nat, {' -> '.join(ranges)} -> {sign}{own} {' '.join(places)}"
    return f"({own} : {'nat -> ' * len(places)}R)", said if sign else ""


def _name_each_apart(facts: list[Fact]) -> None:
    """Fail where two symbols, free or bound, have one name in Coq: one would stand for the other there."""
    nodes = [node for fact in facts for side in (fact.left, fact.right) for node in walk(side)]
    shown: set[Expr] = {node.base.label if isinstance(node, sp.Indexed) else node for node in nodes}
    places = {place for node in nodes if isinstance(node, sp.Indexed | sp.KroneckerDelta) for place in node.args}
    places |= {limit[0] for node in nodes if isinstance(node, sp.Sum) for limit in node.limits}
    symbols = {one for one in shown | places if isinstance(one, sp.Symbol)}
    named: dict[str, Expr] = {}
    for one in symbols | {known_range(one) for one in symbols} - {None, sp.oo}:
        if named.setdefault(name_of(one), one) != one:
            raise NotPrinted(f"{one} and {named[name_of(one)]} would both be {name_of(one)}")


def label(premise: Assume) -> str:
    """Return the name that a premise has in Coq."""
    return "so_" + re.sub(r"[^A-Za-z0-9]", "_", premise.name)


def goal_text(claim: Claim, goal: Goal) -> str:
    """Return a goal as a closed statement of Coq; for one that is refuted, its negation.

    Raises:
        NotPrinted: something in it has no form in Coq, or it says nothing.
    """
    given = [a for a in claim.assumptions if not a.case or a.name in goal.given]
    facts = _written_out(claim, [*(a.fact for a in given), goal.fact])
    if facts[-1].left == facts[-1].right:
        raise NotPrinted(f"{goal.fact} says that something is itself, with the definitions written out")
    _name_each_apart(facts)
    pairs = {name_of(name): _binder(name, node) for name, node in _symbols(facts).items()}
    said = [f"(type_{name} : {kind})" for name, (_, kind) in pairs.items() if kind]
    said += [f"({label(item)} : {_every(fact)})" for item, fact in zip(given, facts[:-1], strict=True)]
    lines = [" ".join(binder for binder, _ in pairs.values()), *said]
    whole = "forall " + "\n  ".join([*lines[:-1], f"{lines[-1]},", _every(facts[-1])])
    by = next((step for step in claim.steps if step.name == goal.by), None)
    return f"~ ({whole})" if isinstance(by, Counterexample) else whole
