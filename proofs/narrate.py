"""A proof as text that a person can follow without reading code."""

from __future__ import annotations

import dataclasses
import itertools
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from .checked import in_coq, theorem_text
from .coq_claims import CoqClaim
from .derivation import Report
from .exact import Counterexample
from .facts import Claim, Step
from .mathtext import abbreviate, plain, plain_fact
from .notation import Notation
from .rules_algebra import Combine, Signed, Use, Vanish
from .rules_analysis import Integrate, Minimum
from .statement import in_text

__all__ = ["VERDICTS", "details", "narrate", "narrate_coq", "rule_name"]

Expr = Any
VERDICTS = {
    "proved": "PROVED",
    "refuted": "REFUTED (the statement is false; the counterexample is exact)",
    "open": "OPEN (no proof and no counterexample is known here)",
    "hypothesis": "HYPOTHESIS (no mathematical claim)",
    "undecided": "UNDECIDED (a check failed: not proved)",
}
_RULES = {
    "Combine": "linear combination",
    "Signed": "sign",
    "Rewrite": "equals for equals",
    "Vanish": "a sum of squares is zero",
    "Lemma": "theorem cited",
    "Differentiate": "derivative",
    "LimitOf": "limit",
    "Squeeze": "squeezed limit",
    "Integrate": "integral",
    "Minimum": "minimum",
    "MeanIs": "definition of the mean",
    "LargeNumbers": "strong law of large numbers",
    "Tonelli": "Tonelli's theorem",
    "Average": "mean of a pointwise fact",
    "Counterexample": "exact counterexample",
}


def rule_name(step: Step) -> str:
    """Return what kind of step it is, in words; identities are combinations of nothing."""
    if isinstance(step, Combine) and not step.uses:
        return "identity"
    return _RULES[type(step).__name__]


def details(step: Step, labels: dict[str, str], notation: Sequence[Notation]) -> list[str]:
    """Return the data of a step in words: what it combines, its certificate, its antiderivative, its values."""

    def show(expr: Expr) -> str:
        return plain(abbreviate(expr, notation))

    if isinstance(step, Combine) and step.uses:
        return [f"from {'; '.join(_uses(step.uses, labels, notation))}"]
    if isinstance(step, Signed):
        return [f"the gap is {show(step.gap)}"]
    if isinstance(step, Vanish):
        over = f" summed over {', '.join(map(plain, step.over))}" if step.over else ""
        rest = f", plus {show(step.rest)} ≥ 0" if step.rest != 0 else ""
        return [f"{labels[step.zero]} is {show(step.weight)} · ({show(step.base)})^{step.power}{over}{rest}"]
    if isinstance(step, Integrate):
        return [f"antiderivative {show(step.antiderivative)}"]
    if isinstance(step, Minimum):
        return [
            f"equal at {plain(step.x)} = {plain(step.x0)}; derivative of the gap ({plain(step.x)} - "
            f"{plain(step.x0)}) · {show(step.slope)}"
        ]
    if isinstance(step, Counterexample):
        return [f"values: {', '.join(f'{plain(key)} = {_value(value)}' for key, value in step.values)}"]
    return []


def _value(value: Any) -> str:
    return f"({', '.join(map(_value, value))})" if isinstance(value, tuple) else plain(value)


def _uses(uses: Sequence[Use], labels: dict[str, str], notation: Sequence[Notation]) -> list[str]:
    """Say each use; uses of one fact that differ only in where it is taken are said together."""

    def alike(use: Use) -> Any:
        return (use.name, use.times, use.over, use.because, tuple(key for key, _ in use.at))

    out = []
    for _, group in itertools.groupby(uses, key=alike):
        same = list(group)
        if len(same) == 1 or not same[0].at:
            out += [_use(use, labels, notation) for use in same]
            continue
        keys = ", ".join(plain(key) for key, _ in same[0].at)
        places = [", ".join(plain(abbreviate(value, notation)) for _, value in use.at) for use in same]
        whole = _use(dataclasses.replace(same[0], at=()), labels, notation)
        out.append(f"{whole}, in {len(same)} instances ({keys}) := {', '.join(f'({place})' for place in places)}")
    return out


def _use(use: Use, labels: dict[str, str], notation: Sequence[Notation]) -> str:
    text = labels.get(use.name, use.name)
    if use.at:
        where = ", ".join(f"{plain(key)} := {plain(abbreviate(value, notation))}" for key, value in use.at)
        text += f" at {where}"
    if use.times != 1:
        factor = plain(abbreviate(use.times, notation))
        text += f", times {factor}"
    if use.over:
        text += f", summed over {', '.join(plain(i) for i in use.over)}"
    if use.because:
        text += f" (sign by {', '.join(labels[name] for name in use.because)})"
    return text


def labels_of(claim: Claim) -> dict[str, str]:
    """Return how premises, definitions and steps are called in print."""
    labels = {a.name: f"P{n}" for n, a in enumerate(claim.assumptions, 1)}
    labels |= {d.name: f"D{n}" for n, d in enumerate(claim.definitions, 1)}
    labels |= {s.name: f"({n})" for n, s in enumerate(claim.steps, 1)}
    return labels


def _wrapped(text: str, width: int, first: str, rest: str) -> str:
    return textwrap.fill(
        text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def narrate(report: Report, width: int = 100) -> str:
    """Return the whole proof: statement, premises, idea, each step with its mathematics, what was checked, verdict."""
    return "\n".join(_lines(report, width)) + "\n"


def _lines(report: Report, width: int) -> Iterable[str]:
    claim = report.claim
    labels = labels_of(claim)
    yield f"{claim.id}: {claim.title}"
    yield "=" * min(width, len(claim.id) + len(claim.title) + 2)
    yield _wrapped(in_text.statement(claim) or "(none)", width, "Statement  ", " " * 11)
    yield _wrapped("; ".join(in_text.types(claim)), width, "Types      ", " " * 11)
    yield _wrapped(f"{claim.prose} (nothing checks this)", width, "In words   ", " " * 11)
    for n, premise in enumerate(claim.setting):
        yield _wrapped(premise, width, "Setting    " if not n else " " * 11, " " * 13)
    yield f"Source     {claim.source}"
    yield f"Kind       {claim.kind}"
    if claim.idea:
        yield _wrapped(claim.idea, width, "Idea       ", " " * 11)
    if claim.notation:
        yield "\nNotation"
        for item in claim.notation:
            others = [other for other in claim.notation if other is not item]
            yield _wrapped(f"{item.name} = {plain(abbreviate(item.expr, others))}", width, "  ", " " * 6)
    if claim.assumptions:
        yield "\nPremises"
        for a in claim.assumptions:
            case = " (only for the goals that say so)" if a.case else ""
            yield _wrapped(
                f"{labels[a.name]}  {plain_fact(a.fact, claim.notation)}    {a.words}{case}", width, "  ", " " * 6
            )
    if claim.definitions:
        yield "\nDefinitions"
        for d in claim.definitions:
            yield _wrapped(f"{labels[d.name]}  {plain_fact(d.fact, claim.notation)}    {d.words}", width, "  ", " " * 6)
    if claim.goals:
        yield "\nRefuted" if claim.kind == "refutation" else "\nTo be shown"
        for n, goal in enumerate(claim.goals, 1):
            given = f", given {', '.join(labels[g] for g in goal.given)}" if goal.given else ""
            yield _wrapped(
                f"G{n}  {plain_fact(goal.fact, claim.notation)}    {goal.words}{given}: step "
                f"{labels.get(goal.by, goal.by)}",
                width,
                "  ",
                " " * 6,
            )
    if claim.steps:
        yield "\nProof"
    for step, checked in zip(claim.steps, report.steps, strict=True):
        yield _wrapped(f"{labels[step.name]} {step.words}:", width, "  ", " " * 6)
        yield _wrapped(plain_fact(step.fact, claim.notation), width, " " * 6, " " * 10)
        for line in details(step, labels, claim.notation):
            yield _wrapped(f"[{rule_name(step)}] {line}", width, " " * 6, " " * 10)
        result = checked.machine if checked.ok else f"NOT SHOWN: {checked.problem}"
        kind = "" if details(step, labels, claim.notation) else f"[{rule_name(step)}] "
        yield _wrapped(f"{kind}machine: {result}", width, " " * 6, " " * 10)
    for problem in report.problems:
        yield _wrapped(f"PROBLEM: {problem}", width, "  ", " " * 6)
    if claim.finding:
        yield ""
        yield _wrapped(f"{claim.finding} (nothing checks this)", width, "Finding    ", " " * 11)
    yield f"\nVerdict    {VERDICTS[report.verdict]}; {len(claim.steps)} steps, {report.nanoseconds / 1e9:.2f} s"


def narrate_coq(claim: CoqClaim, width: int) -> str:
    """Return a claim that Coq alone checks: in words, and as Coq states it where the checkout is at hand."""

    def filled(head: str, text: str) -> str:
        return textwrap.fill(text, width, initial_indent=f"{head:<11}", subsequent_indent=" " * 11)

    held = in_coq().get(claim.id)
    lines = [f"{claim.id}: {claim.title}", "", filled("Statement", claim.statement)]
    lines += [filled("Premise", premise) for premise in claim.premises]
    lines += [filled("Idea", claim.proof), filled("Verdict", "PROVED, by Coq (make coq-check)"), ""]
    for name in held.theorems if held else ():
        lines += [theorem_text(name), ""]
    return "\n".join(lines) + "\n"
