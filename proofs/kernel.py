"""The kernel: it recomputes every step of a claim, and gives the verdict.

A claim is proved when every step checks, every goal is to the letter what its step concludes, rests on no premise that
the goal does not name, and nothing in the proof is idle: each premise, definition and step is needed by some goal. So
a proof from which anything is deleted, or in which any expression is altered, is not proved. Definitions are
conservative: what is defined exists, is of its symbol's type, and says nothing of what was there before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import sympy as sp

from . import classical, exact, rules_algebra, rules_analysis
from .context import Context, Known, NotShown, bound_variables, spoken
from .expressions import free_names, ill_formed, is_index, law_of, type_of, walk
from .facts import Claim, Define, Fact, Item, Relation, Step, Verdict

__all__ = ["Report", "StepReport", "check"]

Expr = Any
_RULES: dict[type[Step], Callable[[Any, Context], str]] = {
    **rules_algebra.CHECKS, **rules_analysis.CHECKS, **classical.CHECKS, **exact.CHECKS
}  # fmt: skip


@dataclass(frozen=True)
class StepReport:
    """What came of one step: ``machine`` says what was checked, or ``problem`` why it failed."""

    name: str
    ok: bool
    machine: str
    problem: str
    cites: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """The verdict on a claim, and what came of each step."""

    claim: Claim
    verdict: Verdict
    steps: tuple[StepReport, ...]
    problems: tuple[str, ...]
    nanoseconds: int
    rests_on: Mapping[str, frozenset[str]]


def check(claim: Claim, library: Mapping[str, Claim] | None = None, *, stop: bool = False) -> Report:
    """Check a claim, step by step, and give the verdict.

    Args:
        claim: the claim.
        library: the claims that it may cite.
        stop: leave off at the first problem; the verdict is then "undecided" without a look at the rest.
    """
    start, problems = time.process_time_ns(), list(_ill_formed(claim))
    known = {item.name: Known(item.fact, frozenset({item.name})) for item in claim.assumptions}
    cited_by: dict[str, set[str]] = {}
    for number, definition in enumerate(claim.definitions):
        new = set(map(_head, claim.definitions[number:]))  # a premise about what is new says nothing of its own type
        context = Context(dict(known), {a.name: a for a in claim.assumptions if not spoken(a.fact) & new}, {})
        problems += _not_conservative(definition, claim, context)
        rests_on = frozenset({definition.name, *context.rests_on})
        known[definition.name], cited_by[definition.name] = Known(definition.fact, rests_on), context.cited
    reports: list[StepReport] = []
    refuting: set[str] = set()
    for step in claim.steps:
        if stop and problems:
            break
        report, conclusion, cites = _check_step_once(step, claim, known, library or {})
        reports.append(report)
        if conclusion is None:
            problems.append(f"step {step.name!r}: {report.problem}")
            continue
        cited_by[step.name] = cites
        if isinstance(step, exact.Counterexample):  # what holds at its values is no fact for later steps
            refuting.add(step.name)
        else:
            known.setdefault(step.name, conclusion)
    problems += _goals(claim, known, refuting)
    problems += [] if problems else _idle(claim, cited_by)
    verdict: Verdict = "proved"
    if problems:
        verdict = "undecided"
    elif claim.kind in {"open", "hypothesis"}:
        verdict = "open" if claim.kind == "open" else "hypothesis"
    elif claim.kind == "refutation":
        verdict = "refuted"
    grounds = {name: k.rests_on for name, k in known.items()}
    return Report(claim, verdict, tuple(reports), tuple(problems), time.process_time_ns() - start, grounds)


_STEPS: dict[Any, tuple[StepReport, Known | None, set[str]]] = {}


def _check_step_once(
    step: Step, claim: Claim, known: dict[str, Known], library: Mapping[str, Claim]
) -> tuple[StepReport, Known | None, set[str]]:
    """Check a step; the same step before the same premises, definitions and facts is not checked again.

    A step that cites another claim is always checked: what it says depends on the library.
    """
    key = (step, claim.assumptions, claim.definitions, tuple(known.items()))
    if isinstance(step, rules_algebra.Lemma) or key not in _STEPS:
        _STEPS[key] = _check_step(step, claim, known, library)
    return _STEPS[key]


def _check_step(
    step: Step, claim: Claim, known: dict[str, Known], library: Mapping[str, Claim]
) -> tuple[StepReport, Known | None, set[str]]:
    others = {name: other for name, other in library.items() if name != claim.id}
    context = Context(
        dict(known),
        {a.name: a for a in claim.assumptions},
        {d.name: d for d in claim.definitions},
        lambda name, goal: _proved_goal(name, goal, others),
    )
    try:
        machine, problem = _RULES[type(step)](step, context), ""
    except NotShown as reason:
        machine, problem = "", str(reason)
    except Exception as error:  # a rule that stumbles over malformed data has shown nothing
        machine, problem = "", f"the check failed: {type(error).__name__}: {error}"
    report = StepReport(step.name, not problem, machine, problem, tuple(sorted(context.cited)))
    conclusion = None if problem else Known(step.fact, frozenset(context.rests_on))
    return report, conclusion, context.cited


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
    items: tuple[Item, ...] = (*claim.assumptions, *claim.definitions, *claim.steps)
    names = [item.name for item in items]
    yield from (f"the name {name!r} is used twice" for name in sorted({n for n in names if names.count(n) > 1}))
    facts = [item.fact for item in items] + [goal.fact for goal in claim.goals]
    sides = [side for fact in facts for side in (fact.left, fact.right)]
    odd = (f for f in facts if type(f) is not Fact or f.relation not in get_args(Relation))
    wrong = next(filter(None, map(ill_formed, sides)), "") or next((f"{f} is no fact" for f in odd), "")
    if wrong:
        yield wrong
        return
    bound = bound_variables(*sides)
    for item in (*claim.assumptions, *claim.definitions):
        said = spoken(item.fact)
        nodes = [node for side in (item.fact.left, item.fact.right) for node in walk(side)]
        random = any(law_of(node) is not None for node in nodes)
        if not said:
            yield f"{item.name!r} says nothing about the claim's symbols"
        if said & bound or random:
            yield f"{item.name!r} speaks about a draw, or about a variable that is bound elsewhere"
    whole = list(walk(sp.Tuple(*sides)))
    met = dict.fromkeys(n for n in whole if isinstance(n, sp.Indexed | sp.Symbol))
    met |= dict.fromkeys(n for sum_ in whole if isinstance(sum_, sp.Sum) for limit in sum_.limits for n in limit[::2])
    named: dict[str, Expr] = {}
    for one in (node.base if isinstance(node, sp.Indexed) else node for node in met):
        if named.setdefault(str(one), one) != one:
            yield f"two symbols have one name, {one}"
            return
    signature: dict[Expr, tuple[Expr, ...]] = {}
    for node in (node for node in met if isinstance(node, sp.Indexed)):
        ranges = tuple(type_of(i).length for i in node.indices)  # type: ignore[union-attr]
        if signature.setdefault(node.base, ranges) != ranges:
            yield f"the array {node.base} runs over {signature[node.base]} and over {ranges}"
            return
    yield from (
        f"goal {n} says {g.fact.left} {g.fact.relation} itself"
        for n, g in enumerate(claim.goals, 1)
        if g.fact.left == g.fact.right
    )
    if claim.kind not in {"open", "hypothesis"} and not claim.goals:
        yield "it has no goal"


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


def _goals(claim: Claim, known: dict[str, Known], refuting: set[str]) -> Iterator[str]:
    free = {d.name for d in claim.definitions} | {a.name for a in claim.assumptions if not a.case}
    steps = {step.name: step for step in claim.steps}
    for number, goal in enumerate(claim.goals, 1):
        step = steps.get(goal.by)
        if isinstance(step, exact.Counterexample):
            if claim.kind != "refutation" or goal.by not in refuting or step.refuted != goal.fact or goal.given:
                yield f"goal {number}: {goal.by!r} does not refute it"
            continue
        if goal.by not in known or step is None or step.fact != goal.fact:
            yield f"goal {number}: no step {goal.by!r} concludes it"
            continue
        grounds = known[goal.by].rests_on
        if grounds - free - set(goal.given):
            yield f"goal {number} rests on {sorted(grounds - free - set(goal.given))}, which it does not name as given"
        if set(goal.given) - grounds:
            yield f"goal {number} names {sorted(set(goal.given) - grounds)} as given, but does not need it"
    if claim.kind == "refutation" and not any(goal.by in refuting for goal in claim.goals):
        yield "a refutation needs a counterexample"


def _idle(claim: Claim, cited_by: dict[str, set[str]]) -> list[str]:
    """Everything must be needed: a goal reaches every premise, definition and step."""
    reached: set[str] = set()
    frontier = [goal.by for goal in claim.goals]
    while frontier:
        name = frontier.pop()
        if name not in reached:
            reached.add(name)
            frontier += sorted(cited_by.get(name, ()))
    everything = [item.name for item in (*claim.assumptions, *claim.definitions, *claim.steps)]
    return [f"{name!r} is idle: no goal needs it" for name in everything if name not in reached]
