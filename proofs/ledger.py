"""The ledger: every claim with its verdict, as a table, as JSON, as a page of the docs, and as a record."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from compresslab._support.files import write_atomic

from .kernel import Report
from .mathtext import plain_fact
from .narrate import labels_of, rule_name

__all__ = ["RECORD", "as_json", "changes", "counts", "page", "record", "recorded", "table", "write_atomically"]

RECORD = Path(__file__).with_name("ledger.json")


def counts(reports: Sequence[Report]) -> str:
    """Return the counts of verdicts in words.

    Example:
        >>> counts([])
        '0 claims'
    """
    found = Counter(report.verdict for report in reports)
    parts = [f"{found[verdict]} {verdict}" for verdict in ("proved", "refuted", "open", "undecided") if found[verdict]]
    return ": ".join([f"{len(reports)} claims", ", ".join(parts)] if parts else [f"{len(reports)} claims"])


def as_json(reports: Sequence[Report]) -> dict[str, Any]:
    """Return the ledger as plain data: ``{"claims": [...], "counts": {...}, "seconds": ...}``."""
    return {
        "claims": [_claim(report) for report in reports],
        "counts": dict(Counter(report.verdict for report in reports)),
        "seconds": round(sum(report.seconds for report in reports), 3),
    }


def _claim(report: Report) -> dict[str, Any]:
    claim, labels = report.claim, labels_of(report.claim)
    return {
        "id": claim.id,
        "title": claim.title,
        "statement": claim.statement,
        "latex": claim.latex,
        "premises": list(claim.premises),
        "source": claim.source,
        "kind": claim.kind,
        "verdict": report.verdict,
        "idea": claim.idea,
        "finding": claim.finding,
        "goals": [
            {
                "words": goal.words,
                "fact": plain_fact(goal.fact),
                "given": list(goal.given),
                "by": labels.get(goal.by, goal.by),
            }
            for goal in claim.goals
        ],
        "steps": [
            {
                "name": step.name,
                "words": step.words,
                "rule": rule_name(step),
                "fact": plain_fact(step.fact),
                "cites": list(checked.cites),
                "ok": checked.ok,
                "machine": checked.machine or checked.problem,
            }
            for step, checked in zip(claim.steps, report.steps, strict=True)
        ],
        "problems": list(report.problems),
        "seconds": round(report.seconds, 3),
    }


def recorded(path: Path = RECORD) -> dict[str, str]:
    """Return the recorded verdicts by ID; none where nothing is recorded."""
    if not path.exists():
        return {}
    verdicts: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))["verdicts"]
    return verdicts


def record(reports: Sequence[Report], path: Path = RECORD) -> None:
    """Record the verdicts, to be compared with by later runs."""
    verdicts = {report.claim.id: report.verdict for report in reports}
    write_atomically(path, json.dumps({"verdicts": verdicts}, indent=2, ensure_ascii=False) + "\n")


def changes(reports: Sequence[Report], known: Mapping[str, str], *, all_run: bool = True) -> list[str]:
    """Say what differs from the record: changed verdicts, claims that are new, claims that are gone.

    Example:
        >>> changes([], {"old": "proved"})
        ["'old' is recorded as proved, and is gone: an ID is permanent"]
    """
    now = {report.claim.id: report.verdict for report in reports}
    out = [
        f"{name!r} is {verdict}, and recorded as {known[name]}"
        if name in known
        else f"{name!r} is {verdict}, and not recorded: run with --record"
        for name, verdict in now.items()
        if known.get(name) != verdict
    ]
    if all_run:
        out += [
            f"{name!r} is recorded as {verdict}, and is gone: an ID is permanent"
            for name, verdict in known.items()
            if name not in now
        ]
    return out


def table(reports: Sequence[Report], width: int) -> str:
    """Return the ledger as a table for a terminal or a pipe."""
    import io

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    view = Table(show_lines=False, pad_edge=False, box=None, padding=(0, 2, 1, 0))
    for name, style in (("ID", "bold"), ("statement", ""), ("premises", "dim"), ("verdict", "")):
        view.add_column(
            name,
            style=style,
            no_wrap=name == "verdict",
            overflow="fold",
            ratio={"ID": 3, "statement": 7, "premises": 5}.get(name),
        )
    view.add_column("steps", justify="right")
    view.add_column("seconds", justify="right")
    for report in reports:
        claim = report.claim
        cells = (claim.id, claim.statement, "; ".join(claim.premises), report.verdict)
        view.add_row(*(Text(cell) for cell in cells), Text(str(len(claim.steps))), Text(f"{report.seconds:.2f}"))
    buffer = io.StringIO()
    Console(file=buffer, width=width, color_system=None, force_terminal=False).print(view)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def page(reports: Sequence[Report]) -> str:
    """Return the ledger as a page of the docs (Markdown); it holds no times, so it changes only when a claim does."""
    lines = [
        "# Theorem ledger",
        "",
        f"{counts(reports)}. Generated by `python -m proofs --page docs/ledger.md`; do not edit by hand.",
        "",
        "A claim is *proved* when the kernel has accepted every step of its proof; *refuted* when a counterexample is",
        "at hand (its statement is then the false one); *open* when neither is known. `python -m proofs ID` prints a",
        "whole proof.",
        "",
        "**The kernel is not sound yet.** It takes the declared sign of a defined symbol on trust, and sympy's `evalf`",
        "decides some signs: it accepts a proof of `10 < k` for every `k > 0` (`d := k - 10`, declared positive). No",
        "proof on this page is known to use such a gap, but *proved* guarantees nothing until it is closed.",
        "",
        "| claim | what it says | verdict | steps |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| [`{r.claim.id}`](#{r.claim.id}) | {r.claim.title} | {r.verdict} | {len(r.claim.steps)} |" for r in reports
    ]
    for report in reports:
        lines += ["", *_section(report)]
    return "\n".join(lines) + "\n"


def _section(report: Report) -> list[str]:
    claim = report.claim
    lines = [f"## {claim.id}", "", f"**{claim.title}.** {claim.statement}", "", "Premises:", ""]
    lines += [f"- {premise}" for premise in claim.premises]
    lines += ["", f"Source: {claim.source}. Kind: {claim.kind}. Verdict: **{report.verdict}**"]
    lines[-1] += f", {len(claim.steps)} steps." if claim.steps else "."
    if claim.idea:
        lines += ["", f"Idea: {claim.idea}"]
    if claim.goals:
        lines += ["", "What the kernel refuted:" if claim.kind == "refutation" else "What the kernel checked:", ""]
        for goal in claim.goals:
            given = (
                f" (given: {'; '.join(a.words for a in claim.assumptions if a.name in goal.given)})"
                if goal.given
                else ""
            )
            lines.append(f"- {goal.words}{given}: `{plain_fact(goal.fact, claim.notation)}`")
        if claim.notation:
            lines += ["", "where " + "; ".join(f"`{n.name} = {_definition(n, claim)}`" for n in claim.notation) + "."]
    if claim.finding:
        lines += ["", f"Finding: {claim.finding}"]
    return lines


def _definition(item: Any, claim: Any) -> str:
    from .mathtext import abbreviate, plain

    return plain(abbreviate(item.expr, [other for other in claim.notation if other is not item]))


def write_atomically(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    write_atomic(path, [text.encode()])
