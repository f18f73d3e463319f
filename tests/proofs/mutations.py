"""Alter a claim mechanically: delete a part, or change one expression or relation in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import sympy as sp

from proofs.algebra import is_zero
from proofs.facts import Claim, Fact, Step
from proofs.rules_algebra import Use

FLIPPED = {"=": ("<=", ">="), "<=": (">=", "<", "="), ">=": ("<=", ">", "="), "<": (">", "<="), ">": ("<", ">=")}
OPAQUE = ("x", "draws", "over", "s")  # names, not mathematics


def deletions(claim: Claim) -> Iterator[tuple[str, Claim]]:
    """Every claim with one step, premise or definition fewer.

    A counterexample to a statement with fewer premises is one all the more, so a refutation loses only steps.
    """
    premises = () if claim.kind == "refutation" else (*claim.assumptions, *claim.definitions)
    for item in (*claim.steps, *premises):
        yield f"without {item.name}", claim.without(item.name)


def alterations(claim: Claim) -> Iterator[tuple[str, Claim]]:
    """Every claim with one expression, relation or number changed: in a step, a definition, or a premise.

    Of the premises only the equalities, and only their expressions: another inequality, or a weaker relation, may be
    enough for the same conclusion, which makes another theorem, not a broken proof.
    """
    for kind in ("steps",) if claim.kind == "refutation" else ("steps", "definitions", "assumptions"):
        items = getattr(claim, kind)
        for place, item in enumerate(items):
            if kind == "assumptions" and item.fact.relation != "=":
                continue
            for label, changed in altered(item):
                if kind == "assumptions" and changed.fact.relation != "=":
                    continue
                yield (
                    f"{item.name}: {label}",
                    dataclasses.replace(claim, **{kind: (*items[:place], changed, *items[place + 1 :])}),
                )


def altered(item: Any) -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(item):
        if field.name in {"name", "words", "case", *OPAQUE}:
            continue
        for label, value in _values(getattr(item, field.name)):
            yield f"{field.name} {label}", dataclasses.replace(item, **{field.name: value})


def _values(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Fact):
        for relation in FLIPPED[value.relation]:
            yield f"relation {relation}", dataclasses.replace(value, relation=relation)
        for side in ("left", "right"):
            for label, expr in expressions(getattr(value, side)):
                yield f"{side} {label}", dataclasses.replace(value, **{side: expr})
    elif isinstance(value, Use):
        for label, expr in expressions(value.times):
            yield f"{value.name} times {label}", dataclasses.replace(value, times=expr)
        for n, (key, expr) in enumerate(value.at):
            for label, other in expressions(expr):
                at = (*value.at[:n], (key, other), *value.at[n + 1 :])
                yield f"{value.name} at {key} {label}", dataclasses.replace(value, at=at)
        if value.over:
            yield f"{value.name} over fewer", dataclasses.replace(value, over=value.over[1:])
    elif isinstance(value, sp.Basic):
        yield from expressions(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield "one more", value + 1
    elif isinstance(value, tuple):
        for n, part in enumerate(value):
            if isinstance(part, Use | sp.Basic):
                yield f"without part {n}", (*value[:n], *value[n + 1 :])
            for label, other in _values(part):
                yield f"part {n} {label}", (*value[:n], other, *value[n + 1 :])


def expressions(expr: Any) -> Iterator[tuple[str, Any]]:
    """The expression negated, one more, with one sign inside flipped, with one number inside raised."""
    if isinstance(expr, sp.Symbol):
        yield "doubled", 2 * expr
        return
    if expr != 0:
        yield "negated", -expr
    yield "plus one", expr + 1
    for node in sp.preorder_traversal(expr):
        if isinstance(node, sp.Add) and node is not expr:
            *rest, last = node.args
            yield "sign flipped", expr.xreplace({node: sp.Add(*rest, -last)})
            break
    for node in sp.postorder_traversal(expr):
        if isinstance(node, sp.Pow) and node.exp.is_Integer:
            yield "power raised", expr.xreplace({node: node.base ** (node.exp + 1)})
            break


def goals_altered(claim: Claim) -> Iterator[tuple[str, Claim]]:
    """Wrong theorems: a goal and the step that concludes it changed alike (unless an identity is left)."""
    for place, goal in enumerate(claim.goals):
        for label, fact in _values(goal.fact):
            if fact.relation == "=" and is_zero(fact.gap):
                continue
            steps = tuple(_conclude(step, fact) if step.name == goal.by else step for step in claim.steps)
            goals = (*claim.goals[:place], dataclasses.replace(goal, fact=fact), *claim.goals[place + 1 :])
            yield f"goal {place + 1} {label}", dataclasses.replace(claim, goals=goals, steps=steps)


def _conclude(step: Step, fact: Fact) -> Step:
    return dataclasses.replace(step, fact=fact)
