"""The kernel: it recomputes every step of a claim, and gives the verdict.

A claim is proved when every step checks, every goal is to the letter what its step concludes, rests on no premise that
the goal does not name, and nothing in the proof is idle: each premise, definition and step is needed by some goal. So
a proof from which anything is deleted, or in which any expression is altered, is not proved.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import classical, exact, rules_algebra, rules_analysis
from .context import Context, Known, NotShown
from .expressions import free_names
from .facts import Claim, Fact, Item, Step, Verdict

__all__ = ["Report", "StepReport", "check"]

_RULES: dict[type[Step], Callable[[Any, Context], str]] = {
    rules_algebra.Combine: rules_algebra.check_combine,
    rules_algebra.Signed: rules_algebra.check_signed,
    rules_algebra.Certificate: rules_algebra.check_certificate,
    rules_algebra.Rewrite: rules_algebra.check_rewrite,
    rules_algebra.Vanish: rules_algebra.check_vanish,
    rules_algebra.Induct: rules_algebra.check_induct,
    rules_algebra.Lemma: rules_algebra.check_lemma,
    rules_analysis.Differentiate: rules_analysis.check_differentiate,
    rules_analysis.LimitOf: rules_analysis.check_limit_of,
    rules_analysis.Squeeze: rules_analysis.check_squeeze,
    rules_analysis.Integrate: rules_analysis.check_integrate,
    rules_analysis.Minimum: rules_analysis.check_minimum,
    classical.Ceiling: classical.check_ceiling,
    classical.Kraft: classical.check_kraft,
    classical.McMillan: classical.check_mcmillan,
    classical.GammaRecurrence: classical.check_gamma_recurrence,
    classical.Average: classical.check_average,
    classical.MeanIs: classical.check_mean_is,
    classical.LargeNumbers: classical.check_large_numbers,
    classical.Tonelli: classical.check_tonelli,
    exact.Counterexample: exact.check_counterexample,
}


@dataclass(frozen=True)
class StepReport:
    """What came of one step: ``machine`` says what was checked, or ``problem`` why it failed."""

    name: str
    ok: bool
    machine: str
    problem: str
    cites: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Report:
    """The verdict on a claim, and what came of each step."""

    claim: Claim
    verdict: Verdict
    steps: tuple[StepReport, ...]
    problems: tuple[str, ...]
    seconds: float
    rests_on: Mapping[str, frozenset[str]]


def check(claim: Claim, library: Mapping[str, Claim] | None = None, *, stop: bool = False) -> Report:
    """Check a claim, step by step, and give the verdict.

    Args:
        claim: the claim.
        library: the claims that it may cite.
        stop: leave off at the first problem; the verdict is then "undecided" without a look at the rest.
    """
    start = time.perf_counter()
    problems = list(_ill_formed(claim))
    known: dict[str, Known] = {}
    cited_by: dict[str, set[str]] = {}
    for item in (*claim.assumptions, *claim.definitions):
        known[item.name] = Known(item.fact, frozenset({item.name}))
    reports: list[StepReport] = []
    for step in claim.steps:
        if stop and problems:
            break
        report, conclusion, cites = _check_step_once(step, claim, known, library or {})
        reports.append(report)
        if conclusion is None:
            problems.append(f"step {step.name!r}: {report.problem}")
            continue
        known.setdefault(step.name, conclusion)
        cited_by[step.name] = cites
    problems += _goals(claim, known)
    problems += [] if problems else _idle(claim, cited_by)
    verdict = _verdict(claim, problems)
    return Report(
        claim,
        verdict,
        tuple(reports),
        tuple(problems),
        time.perf_counter() - start,
        {n: k.rests_on for n, k in known.items()},
    )


_STEPS: dict[Any, tuple[StepReport, Known | None, set[str]]] = {}


def _check_step_once(
    step: Step, claim: Claim, known: dict[str, Known], library: Mapping[str, Claim]
) -> tuple[StepReport, Known | None, set[str]]:
    """Check a step; the same step before the same premises, definitions and facts is not checked again.

    A step that cites another claim is always checked: what it says depends on the library.
    """
    if isinstance(step, rules_algebra.Lemma):
        return _check_step(step, claim, known, library)
    key = (step, claim.assumptions, claim.definitions, tuple(known.items()))
    if key not in _STEPS:
        if len(_STEPS) > 20_000:
            _STEPS.clear()
        _STEPS[key] = _check_step(step, claim, known, library)
    return _STEPS[key]


def _check_step(
    step: Step, claim: Claim, known: dict[str, Known], library: Mapping[str, Claim]
) -> tuple[StepReport, Known | None, set[str]]:
    start = time.perf_counter()
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
    seconds = time.perf_counter() - start
    report = StepReport(step.name, not problem, machine, problem, tuple(sorted(context.cited)), seconds)
    conclusion = None if problem else Known(step.fact, frozenset(context.rests_on))
    return report, conclusion, context.cited


def _proved_goal(name: str, number: int, library: Mapping[str, Claim]) -> tuple[Fact, tuple[Item, ...]]:
    """Return a goal of a claim that is proved, with the premises and definitions that it rests on."""
    if name not in library:
        raise NotShown(f"there is no other claim {name!r}")
    claim = library[name]
    if claim not in _CACHE:
        _CACHE[claim] = _resting(claim, check(claim, library))
    goals = _CACHE[claim]
    if not 1 <= number <= len(goals):
        raise NotShown(f"{name!r} has no proved goal {number}")
    return goals[number - 1]


_CACHE: dict[Claim, list[tuple[Fact, tuple[Item, ...]]]] = {}


def _resting(claim: Claim, report: Report) -> list[tuple[Fact, tuple[Item, ...]]]:
    if report.verdict != "proved":
        return []
    items = {item.name: item for item in (*claim.assumptions, *claim.definitions)}
    return [(goal.fact, tuple(items[n] for n in sorted(report.rests_on[goal.by]))) for goal in claim.goals]


def _ill_formed(claim: Claim) -> list[str]:
    problems = []
    names = [item.name for item in (*claim.assumptions, *claim.definitions, *claim.steps)]
    problems += [f"the name {name!r} is used twice" for name in sorted({n for n in names if names.count(n) > 1})]
    defined: set[Any] = set()
    for definition in claim.definitions:
        heads = _head(definition.fact.left)
        if definition.fact.relation != "=" or heads is None:
            problems.append(f"{definition.name!r} does not define a symbol")
            continue
        if heads in free_names(definition.fact.right) or heads in defined:
            problems.append(f"{definition.name!r} is circular or defines {heads} twice")
        later = claim.definitions[claim.definitions.index(definition) + 1 :]
        if any(_head(d.fact.left) in free_names(definition.fact.right) for d in later):
            problems.append(f"{definition.name!r} uses a symbol that is defined after it")
        defined.add(heads)
    if claim.kind != "open" and not claim.goals:
        problems.append("it has no goal")
    return problems


def _head(left: Any) -> Any:
    """Return the symbol that a definition introduces, or None."""
    if left.is_Symbol:
        return left
    if hasattr(left, "base") and hasattr(left, "indices") and all(i.is_Symbol for i in left.indices):
        return left.base.label
    return None


def _goals(claim: Claim, known: dict[str, Known]) -> list[str]:
    problems = []
    definitions = {d.name for d in claim.definitions}
    general = {a.name for a in claim.assumptions if not a.case}
    steps = {step.name: step for step in claim.steps}
    for number, goal in enumerate(claim.goals, 1):
        if goal.by not in known or goal.by not in steps:
            problems.append(f"goal {number}: no step {goal.by!r} concludes it")
            continue
        step = steps[goal.by]
        if claim.kind == "refutation" and isinstance(step, exact.Counterexample):
            if step.refuted != goal.fact:
                problems.append(f"goal {number}: {goal.by!r} refutes another statement")
            continue
        if step.fact != goal.fact:
            problems.append(f"goal {number}: {goal.by!r} concludes something else")
        extra = known[goal.by].rests_on - definitions - general - set(goal.given)
        if extra:
            problems.append(f"goal {number} rests on {sorted(extra)}, which it does not name as given")
        unused = set(goal.given) - known[goal.by].rests_on
        if unused:
            problems.append(f"goal {number} names {sorted(unused)} as given, but does not need it")
    if claim.kind == "refutation" and not any(
        isinstance(steps.get(goal.by), exact.Counterexample) for goal in claim.goals
    ):
        problems.append("a refutation needs a counterexample")
    return problems


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


def _verdict(claim: Claim, problems: list[str]) -> Verdict:
    if problems:
        return "undecided"
    if claim.kind == "open":
        return "open"
    return "refuted" if claim.kind == "refutation" else "proved"
