"""The check of a proof: every step is recomputed, from the steps before it and from nothing else.

A proof holds when every step checks and every goal is to the letter what its step concludes. The kernel knows no
premises: what it shows holds for all values of the types of the symbols.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

import sympy as sp

from . import analysis, classical, linear
from .context import Context, NotShown, Rules
from .facts import Fact, Goal, Relation, Step
from .language import foreign, ill_formed, known_range, law_of, walk
from .linear import Use

__all__ = ["RULES", "Checked", "StepReport", "check", "check_step", "malformed"]

RULES: Rules = {**linear.CHECKS, **analysis.CHECKS, **classical.CHECKS}


@dataclass(frozen=True)
class StepReport:
    """What came of one step: ``machine`` says what was checked, or ``problem`` why it failed."""

    name: str
    ok: bool
    machine: str
    problem: str
    cites: tuple[str, ...]


@dataclass(frozen=True)
class Checked:
    """What came of each step, and every problem: a proof without one holds."""

    steps: tuple[StepReport, ...]
    problems: tuple[str, ...]


def check(steps: Sequence[Step], goals: Sequence[Goal], *, stop: bool = False) -> Checked:
    """Check a proof, step by step; ``stop`` leaves off at the first problem."""
    steps, goals = tuple(steps), tuple(goals)
    if wrong := foreign((steps, goals), (Fact, Goal, Use, *RULES)):
        return Checked((), (wrong,))
    problems = list(malformed([step.name for step in steps], [*(s.fact for s in steps), *(g.fact for g in goals)]))
    known, reports = dict[str, Fact](), list[StepReport]()
    for step in steps:
        if stop and problems:
            break
        reports.append(report := check_step(step, Context(dict(known)), RULES))
        if report.ok:
            known.setdefault(step.name, step.fact)
        else:
            problems.append(f"step {step.name!r}: {report.problem}")
    for number, goal in enumerate(goals, 1):
        if known.get(goal.by) != goal.fact:
            problems.append(f"goal {number}: no step {goal.by!r} concludes it")
    return Checked(tuple(reports), tuple(problems))


def check_step(step: Step, context: Context, table: Rules) -> StepReport:
    """Check a step by the rule of its kind."""
    try:
        machine, problem = table[type(step)](step, context), ""
    except NotShown as reason:
        machine, problem = "", str(reason) or "it is not shown"
    except Exception as error:  # a rule that stumbles over malformed data has shown nothing
        machine, problem = "", f"the check failed: {type(error).__name__}: {error}"
    return StepReport(step.name, not problem, machine, problem, tuple(sorted(context.cited)))


def malformed(names: Sequence[str], facts: Sequence[Fact]) -> Iterator[str]:
    """Say what is wrong before anything is checked: names, expressions, types."""
    yield from (f"the name {name!r} is used twice" for name in sorted({n for n in names if names.count(n) > 1}))
    sides = [side for fact in facts for side in (fact.left, fact.right)]
    odd = (f"{fact} is no fact" for fact in facts if fact.relation not in get_args(Relation))
    if wrong := next(filter(None, map(ill_formed, sides)), "") or next(odd, ""):
        yield wrong
        return
    whole = list(walk(sp.Tuple(*sides)))
    whole += [n for law in {law_of(n) for n in whole} - {None} for n in walk(sp.Tuple(law.density, law.low))]
    met = dict.fromkeys(n for n in whole if isinstance(n, sp.Indexed | sp.Symbol))
    met |= dict.fromkeys(n for sum_ in whole if isinstance(sum_, sp.Sum) for limit in sum_.limits for n in limit[::2])
    named, ranges = dict[str, object](), dict[object, object]()
    for node in met:
        one = node.base if isinstance(node, sp.Indexed) else node
        runs = tuple(map(known_range, node.indices)) if isinstance(node, sp.Indexed) else ()
        if named.setdefault(str(one), one) != one:
            yield f"two symbols have one name, {one}"
            return
        if ranges.setdefault(one, runs) != runs:
            yield f"the array {one} runs over {ranges[one]} and over {runs}"
            return
