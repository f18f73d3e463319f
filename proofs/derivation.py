"""The check of a claim, and its verdict.

A claim is proved when every step checks, every goal is to the letter what its step concludes, rests on no premise that
the goal does not name, and nothing in the proof is idle: each premise, definition and step is needed by some goal. So
a proof from which anything is deleted, or in which any expression is altered, is not proved.

Claims on limits of draws and on integrals over their means (:data:`ALONE`) are the kernel's, which decides them alone
and without premises. All others are finite, and Coq decides them: what is checked here is their *derivation*, for the
reader, by more rules than the kernel has, with premises, definitions and instances. It is checked as strictly, but
nobody needs to trust it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from . import classical, exact, rules_algebra, rules_analysis
from .context import Context, NotShown, spoken
from .expressions import Int, Lim, Mean, binds, bound_variables, free_names, is_index, law_of, type_of, walk
from .facts import Assume, Claim, Define, Fact, Goal, Item, Step, Verdict
from .kernel import checking
from .kernel.checking import StepReport, check_step, malformed
from .kernel.classical import LargeNumbers, Tonelli
from .kernel.context import Rules
from .kernel.language import foreign
from .mathtext import plain

__all__ = ["ALONE", "Report", "StepReport", "check", "decided_alone"]

Expr = Any
ALONE = (LargeNumbers, Tonelli)  # no derivation may use these: a claim that does is the kernel's
_KERNEL = {rule: verify for rule, verify in checking.RULES.items() if rule not in ALONE}
_RULES: Rules = {**_KERNEL, **rules_algebra.CHECKS, **rules_analysis.CHECKS, **classical.CHECKS, **exact.CHECKS}


@dataclass(frozen=True)
class Report:
    """The verdict on a claim, and what came of each step; ``alone`` where the kernel decided."""

    claim: Claim
    verdict: Verdict
    steps: tuple[StepReport, ...]
    problems: tuple[str, ...]
    nanoseconds: int
    rests_on: Mapping[str, frozenset[str]]
    alone: bool = False


def decided_alone(claim: Claim) -> bool:
    """Tell whether a claim is the kernel's: it uses a rule that no derivation may use."""
    return any(isinstance(step, ALONE) for step in claim.steps)


def check(claim: Claim, library: Mapping[str, Claim] | None = None, *, stop: bool = False) -> Report:
    """Check a claim, step by step, and give the verdict.

    Args:
        claim: the claim.
        library: the claims that it may cite.
        stop: leave off at the first problem; the verdict is then "undecided" without a look at the rest.
    """
    start = time.process_time_ns()
    alone = decided_alone(claim)
    found = _alone(claim, stop) if alone else _derived(claim, library or {}, stop)
    problems = list(found.problems)
    if claim.kind not in {"open", "hypothesis"} and not claim.goals:
        problems.append("it has no goal")
    for number, goal in enumerate(claim.goals, 1):
        if goal.fact.left == goal.fact.right:
            problems.append(f"goal {number} says {goal.fact.left} {goal.fact.relation} itself")
    problems += [] if problems else [*_idle(claim, found.cites), *_alike(claim)]
    verdict: Verdict = "proved"
    if problems:
        verdict = "undecided"
    elif claim.kind in {"open", "hypothesis"}:
        verdict = "open" if claim.kind == "open" else "hypothesis"
    elif claim.kind == "refutation":
        verdict = "refuted"
    took = time.process_time_ns() - start
    return Report(claim, verdict, found.steps, tuple(problems), took, found.grounds, alone)


@dataclass(frozen=True)
class _Found:
    """What came of a proof: what its items cite, and what each rests on."""

    steps: tuple[StepReport, ...]
    problems: tuple[str, ...]
    cites: Mapping[str, Iterable[str]]
    grounds: Mapping[str, frozenset[str]]


def _alone(claim: Claim, stop: bool) -> _Found:
    """Have the kernel decide: it knows of no premise, and refutes nothing."""
    found = checking.check(claim.steps, claim.goals, stop=stop)
    more = () if claim.kind != "refutation" else ("a refutation needs a counterexample",)
    cites = {report.name: report.cites for report in found.steps}
    return _Found(found.steps, (*found.problems, *more), cites, {name: frozenset() for name in cites})


def _derived(claim: Claim, library: Mapping[str, Claim], stop: bool) -> _Found:
    """Check a derivation."""
    data = (claim.assumptions, claim.definitions, claim.steps, claim.goals)
    if wrong := foreign(data, (Assume, Define, Fact, Goal, rules_algebra.Use, *_RULES)):
        return _Found((), (wrong,), {}, {})
    problems = list(_ill_formed(claim))
    known = {item.name: item.fact for item in claim.assumptions}
    grounds = {name: frozenset({name}) for name in known}
    cites: dict[str, Iterable[str]] = {}
    for number, definition in enumerate(claim.definitions):
        new = set(map(_head, claim.definitions[number:]))  # a premise about what is new says nothing of its own type
        premises = {a.name: a for a in claim.assumptions if not spoken(a.fact) & new}
        context = Context(dict(known), grounds=dict(grounds), assumptions=premises)
        problems += _not_conservative(definition, claim, context)
        known[definition.name], cites[definition.name] = definition.fact, context.cited
        grounds[definition.name] = frozenset({definition.name, *context.rests_on})
    reports: list[StepReport] = []
    refuting: set[str] = set()
    for step in claim.steps:
        if stop and problems:
            break
        report, rests_on = _check_once(step, claim, known, grounds, library)
        reports.append(report)
        if not report.ok:
            problems.append(f"step {step.name!r}: {report.problem}")
            continue
        cites[step.name] = report.cites
        if isinstance(step, exact.Counterexample):  # what holds at its values is no fact for later steps
            refuting.add(step.name)
        elif step.name not in known:
            known[step.name], grounds[step.name] = step.fact, rests_on
    problems += _goals(claim, grounds, refuting)
    return _Found(tuple(reports), tuple(problems), cites, grounds)


_STEPS: dict[Any, tuple[StepReport, frozenset[str]]] = {}


def _check_once(
    step: Step, claim: Claim, known: dict[str, Fact], grounds: dict[str, frozenset[str]], library: Mapping[str, Claim]
) -> tuple[StepReport, frozenset[str]]:
    """Check a step; the same step before the same premises, definitions and facts is not checked again.

    A step that cites another claim is always checked: what it says depends on the library.
    """
    key = (step, claim.assumptions, claim.definitions, tuple(known.items()))
    if isinstance(step, rules_algebra.Lemma) or key not in _STEPS:
        others = {name: other for name, other in library.items() if name != claim.id}
        context = Context(
            dict(known),
            grounds=dict(grounds),
            assumptions={a.name: a for a in claim.assumptions},
            definitions={d.name: d for d in claim.definitions},
            library=lambda name, goal: _proved_goal(name, goal, others),
        )
        report = check_step(step, context, _RULES)
        _STEPS[key] = report, frozenset(context.rests_on)
    return _STEPS[key]


def _proved_goal(name: str, number: int, library: Mapping[str, Claim]) -> tuple[Fact, tuple[Item, ...]]:
    """Return a goal of a claim that is proved, with the premises and definitions that it rests on."""
    if name not in library:
        raise NotShown(f"there is no other claim {name!r}")
    claim = library[name]
    key = (claim, tuple(library.values()))
    if key not in _CACHE:
        report = check(claim, library)
        items = {item.name: item for item in (*claim.assumptions, *claim.definitions)}
        _CACHE[key] = [
            (goal.fact, tuple(items[n] for n in sorted(report.rests_on[goal.by])))
            for goal in (claim.goals if report.verdict == "proved" else ())
        ]
    if not 1 <= number <= len(_CACHE[key]):
        raise NotShown(f"{name!r} has no proved goal {number}")
    return _CACHE[key][number - 1]


_CACHE: dict[Any, list[tuple[Fact, tuple[Item, ...]]]] = {}


def _ill_formed(claim: Claim) -> Iterator[str]:
    """Say what is wrong before anything is checked; a premise speaks of nothing that is bound or drawn.

    So whatever rests on premises holds for every value of what a sum, a limit or a mean binds, and no premise says
    anything of a limit, an integral or a mean.
    """
    items: tuple[Item, ...] = (*claim.assumptions, *claim.definitions, *claim.steps)
    facts = [item.fact for item in items] + [goal.fact for goal in claim.goals]
    wrong = list(malformed([item.name for item in items], facts))
    yield from wrong
    if wrong:
        return
    whole = sp.Tuple(*(side for fact in facts for side in (fact.left, fact.right)))
    bound = bound_variables(whole) | {law.variable for node in walk(whole) if (law := law_of(node)) is not None}
    for item in (*claim.assumptions, *claim.definitions):
        said = spoken(item.fact)
        nodes = [node for side in (item.fact.left, item.fact.right) for node in walk(side)]
        if not said:
            yield f"{item.name!r} says nothing about the claim's symbols"
        if said & bound or any(law_of(node) is not None for node in nodes):
            yield f"{item.name!r} speaks about a draw, or about a variable that is bound elsewhere"
        if any(isinstance(node, Lim | Int | Mean) for node in nodes):
            yield f"{item.name!r} is about a limit, an integral or a mean: show what is said of it"


def _head(definition: Define) -> Expr:
    left = definition.fact.left
    return left.base.label if isinstance(left, sp.Indexed) else left


def _not_conservative(definition: Define, claim: Claim, context: Context) -> Iterator[str]:
    """Say what is wrong with a definition: its symbol must be new, and its right side of the symbol's type."""
    left, right = definition.fact.left, definition.fact.right
    array = isinstance(left, sp.Indexed)
    head, places = (left.base.label, left.indices) if array else (left, ())
    kind = type_of(head, array=array)
    if definition.fact.relation != "=" or kind is None or kind.role not in {"number", "array"}:
        yield f"{definition.name!r} does not define a symbol"
        return
    if len(set(places)) < len(places) or not all(map(is_index, places)):
        yield f"{definition.name!r} must define {head} at every place: at different indices"
    if any(is_index(name) and name not in places for name in free_names(right)):
        yield f"{definition.name!r} depends on an index that is not on its left side"
    heads = [_head(later) for later in claim.definitions[claim.definitions.index(definition) :]]
    if set(heads) & free_names(right) or heads.count(head) > 1:
        yield f"{definition.name!r} is circular, uses a symbol defined after it, or defines {head} twice"
    try:
        context.defined(right)
        if kind.sign != "real" and not context.sign(right, strict=kind.sign == "positive"):
            yield f"{definition.name!r}: {right} is not known to be {kind.sign}, as {head} is declared to be"
    except NotShown as reason:
        yield f"{definition.name!r}: {reason}"


def _goals(claim: Claim, grounds: Mapping[str, frozenset[str]], refuting: set[str]) -> Iterator[str]:
    free = {d.name for d in claim.definitions} | {a.name for a in claim.assumptions if not a.case}
    steps = {step.name: step for step in claim.steps}
    for number, goal in enumerate(claim.goals, 1):
        step = steps.get(goal.by)
        if isinstance(step, exact.Counterexample):
            if claim.kind != "refutation" or goal.by not in refuting or step.refuted != goal.fact or goal.given:
                yield f"goal {number}: {goal.by!r} does not refute it"
            continue
        if goal.by not in grounds or step is None or step.fact != goal.fact:
            yield f"goal {number}: no step {goal.by!r} concludes it"
            continue
        needed = grounds[goal.by] - free
        if needed - set(goal.given):
            yield f"goal {number} rests on {sorted(needed - set(goal.given))}, which it does not name as given"
        if set(goal.given) - grounds[goal.by]:
            unneeded = sorted(set(goal.given) - grounds[goal.by])
            yield f"goal {number} names {unneeded} as given, but does not need it"
    if claim.kind == "refutation" and not any(goal.by in refuting for goal in claim.goals):
        yield "a refutation needs a counterexample"


def _alike(claim: Claim) -> Iterator[str]:
    """Say what in the claim's statement is printed as something else is: a number ``x_j`` reads as the element x[j]."""
    facts = [*(item.fact for item in (*claim.assumptions, *claim.definitions)), *(goal.fact for goal in claim.goals)]
    nodes = dict.fromkeys(node for fact in facts for side in (fact.left, fact.right) for node in walk(side))
    places = {str(one) for node in nodes for one in (*binds(node), node) if is_index(one)}
    shown: dict[str, Expr] = {}
    for node in nodes:
        if isinstance(node, sp.Symbol | sp.Indexed) and shown.setdefault(plain(node), node) != node:
            yield f"{node} and {shown[plain(node)]} are both printed as {plain(node)}"
        if isinstance(node, sp.Symbol) and "_" in node.name and node.name.rpartition("_")[2] in places - {node.name}:
            yield f"{node} is a symbol of its own, but reads as an element at {node.name.rpartition('_')[2]}"


def _idle(claim: Claim, cites: Mapping[str, Iterable[str]]) -> list[str]:
    """Everything must be needed: a goal reaches every premise, definition and step."""
    reached: set[str] = set()
    frontier = [goal.by for goal in claim.goals]
    while frontier:
        name = frontier.pop()
        if name not in reached:
            reached.add(name)
            frontier += sorted(cites.get(name, ()))
    everything = [item.name for item in (*claim.assumptions, *claim.definitions, *claim.steps)]
    return [f"{name!r} is idle: no goal needs it" for name in everything if name not in reached]
