"""The ledger: every claim with its verdict, as a table, as JSON, as a page of the docs, and as a record."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from compresslab._support.files import write_atomic

from .checked import checker, classical, in_coq, is_tied, not_in_coq, theorem_text
from .coq_claims import CoqClaim, coq_claims
from .derivation import Report
from .exact import Counterexample
from .facts import Claim, Verdict
from .kernel.classical import REFERENCES
from .mathtext import plain_fact
from .models import WITHOUT, has_model
from .narrate import labels_of, rule_name
from .statement import in_latex, in_text

__all__ = [
    "RECORD", "as_json", "changes", "counts", "page", "record", "recorded", "table", "total_counts", "write_atomically",
]  # fmt: skip

VERDICTS: tuple[Verdict, ...] = ("proved", "refuted", "open", "hypothesis", "undecided")
RECORD = Path(__file__).with_name("ledger.json")


def counts(reports: Sequence[Report]) -> str:
    """Return the counts of verdicts in words.

    Example:
        >>> counts([])
        '0 claims'
    """
    found = Counter(report.verdict for report in reports)
    parts = [f"{found[verdict]} {verdict}" for verdict in VERDICTS if found[verdict]]
    return ": ".join([f"{len(reports)} claims", ", ".join(parts)] if parts else [f"{len(reports)} claims"])


def as_json(reports: Sequence[Report]) -> dict[str, Any]:
    """Return the ledger as plain data: ``{"claims": [...], "coq_claims": [...], "counts": {...}, "seconds": ...}``."""
    return {
        "claims": [_claim(report) for report in reports],
        "coq_claims": [_coq_claim(claim) for claim in coq_claims().values()],
        "counts": dict(Counter(report.verdict for report in reports)),
        "seconds": round(sum(report.nanoseconds / 1e9 for report in reports), 3),
    }


def _claim(report: Report) -> dict[str, Any]:
    claim, labels = report.claim, labels_of(report.claim)
    return {
        "id": claim.id,
        "title": claim.title,
        "statement": in_text.statement(claim),
        "latex": in_latex.statement(claim),
        "types": in_text.types(claim),
        "premises": [said for said, _ in in_text.premises(claim)],
        "definitions": [said for said, _ in in_text.definitions(claim)],
        "prose": claim.prose,
        "setting": list(claim.setting),
        "classical": classical(claim),
        "checked_by": checker(claim.id, claim),
        "coq": list(in_coq()[claim.id].theorems) if claim.id in in_coq() else [],
        "tied": is_tied(claim.id),
        "model": has_model(claim),
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
        "seconds": round(report.nanoseconds / 1e9, 3),
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
    """Return the ledger as a table for a terminal or a pipe: what each claim says, from its formal goals."""
    import io

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    view = Table(show_lines=False, pad_edge=False, box=None, padding=(0, 2, 1, 0))
    for name, style in (("ID", "bold"), ("in words", "dim"), ("statement", ""), ("verdict", "")):
        view.add_column(
            name,
            style=style,
            no_wrap=name == "verdict",
            overflow="fold",
            ratio={"ID": 3, "in words": 3, "statement": 9}.get(name),
        )
    view.add_column("steps", justify="right")
    view.add_column("seconds", justify="right")
    for report in reports:
        claim = report.claim
        cells = (claim.id, claim.title, in_text.statement(claim), report.verdict)
        view.add_row(
            *(Text(cell) for cell in cells), Text(str(len(claim.steps))), Text(f"{report.nanoseconds / 1e9:.2f}")
        )
    buffer = io.StringIO()
    Console(file=buffer, width=width, color_system=None, force_terminal=False).print(view)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


TRUST = """\
**What is trusted.** {coq} of {all} claims are checked by Coq: read the theorem, and trust Coq with the four axioms of
its real numbers, which `make coq-check` lists (`proofs/coq/`; `Statements.v` states each theorem afresh). {both} of
these are derived in Python too; for {tied} the formal goals are printed for Coq and closed there by the theorem (`make
coq`; this page is printed without running Coq), for {loose} people compare the two ({where}). A goal that says more
than its theorem is not closed; one that says less, as with a premise more, may be: so the tests hold that the
derivation needs each premise, and that an exact model meets it. What Coq does not check: {others}.

The kernel, in Python, decides {alone}. It is all of `proofs/kernel/`: at most 1,200 lines,
docstrings and all, which import nothing but each other, sympy and Python's own library. It knows no premises, and shows
equalities that hold for all values of the types of the symbols, and whatever positive number a limit, an integral or a
mean that does not converge stands for. A step is plain data, of no class but the kernel's and sympy's; the modules that
hold the steps, `proofs/theorems/`, are Python in the same process, and a test holds that they only write
expressions down:

- *recomputed exactly, in whole numbers and rationals*: linear combinations of equalities, normal forms of sums,
  products, powers and logarithms, denominators cleared, signs (by the types of symbols; no decimal, and nothing of
  sympy's reasoning about signs), what an antiderivative tends to at infinity;
- *taken from sympy, on trust*: how it builds and simplifies what is written down in typed symbols (sums, products,
  powers, logarithms, exponentials, incomplete gamma functions; what cancels there, such as x/x, is gone before the
  kernel sees it); `diff` (for the rules derivative and integral); `expand`, of exponents; prime factors (`factorrat`);
- *classical and assumed, by name*: {classical}. The rules' docstrings name what else they rest on: the fundamental
  theorem of calculus, the continuity of elementary functions. Where a claim's words rest on more, it says so.

What is derived in Python beside Coq is for the reader: a symbolic proof in steps, each recomputed by the kernel's rules
and by others (inequalities, signs by premises, instances, squeezed limits, minima, counterexamples), which the tests
attack as they attack the kernel. Nobody needs to trust it.

A claim is *proved* when Coq has accepted its theorem, or the kernel every step of its proof, and every step in Python
checks; *refuted* when an exact counterexample is at hand (its statement is then the false one); *open* when neither is
known; a *hypothesis* when it is no mathematics. Types, premises, definitions and goals of what is shown in Python are
printed below from its formal objects, Coq's theorems from `Statements.v`; what is *in words* stands beside them, and
nothing checks it. `python -m proofs ID` prints a whole proof; the [theorems](theorems.md) have proofs for people.

**Can the premises be met?** For {models} of the claims in Python an exact model of all premises is at hand, and the
tests evaluate every goal, but for limits, at random exact ones. Not for these: {without}. For every claim in Coq with
premises, `Models.v` has numbers that meet them.
"""


def _trust(reports: Sequence[Report]) -> str:
    ids, held = {report.claim.id for report in reports}, in_coq()
    both = ids & held.keys()
    tied = sum(is_tied(name) for name in both)
    return TRUST.format(
        coq=len(held),
        all=len(ids | held.keys()),
        both=len(both),
        tied=tied,
        loose=len(both) - tied,
        where="the reasons are in `proofs/coq/ties.json`",
        others="; ".join(f"`{name}` ({reason})" for name, reason in not_in_coq().items() if name in ids),
        alone=" and ".join(f"`{report.claim.id}`" for report in reports if report.alone),
        classical="; ".join(REFERENCES.values()),
        models=sum(has_model(report.claim) for report in reports),
        without="; ".join(f"`{name}` ({reason})" for name, reason in WITHOUT.items()),
    )


def _checked(name: str, claim: Claim | None) -> str:
    """Return the last cells of a claim's row: who checks it, the theorem, and whether both are tied."""
    theorem = f"`{in_coq()[name].theorem}`" if name in in_coq() else ""
    return f"{checker(name, claim)} | {theorem} | {'yes' if is_tied(name) else ''}"


def total_counts(reports: Sequence[Report]) -> str:
    """Return the counts of all claims: those with a proof in Python, and those that Coq alone checks, which are proved.

    Example:
        >>> total_counts([])
        '24 claims: 24 proved'
    """
    found = Counter([*(report.verdict for report in reports), *("proved" for _ in coq_claims())])
    parts = [f"{found[verdict]} {verdict}" for verdict in VERDICTS if found[verdict]]
    return f"{found.total()} claims: {', '.join(parts)}"


def page(reports: Sequence[Report]) -> str:
    """Return the ledger as a page of the docs (Markdown); it holds no times, so it changes only when a claim does."""
    lines = [
        "# Theorem ledger",
        "",
        f"{total_counts(reports)}. Generated by `python -m proofs --page docs/ledger.md`; do not edit by hand.",
        "",
        _trust(reports),
        "| claim | what it says, in words | verdict | steps | checked by | theorem in Coq | tied |",
        "|---|---|---|---|---|---|---|",
    ]
    for report in reports:
        claim, name = report.claim, report.claim.id
        row = (
            f"| [`{name}`](#{name}) | {claim.title} | {report.verdict} | {len(claim.steps)} | {_checked(name, claim)} |"
        )
        lines.append(row)
    lines += [
        f"| [`{other.id}`](#{other.id}) | {other.title} | proved | | {_checked(other.id, None)} |"
        for other in coq_claims().values()
    ]
    for report in reports:
        lines += ["", *_section(report)]
    for other in coq_claims().values():
        lines += ["", *_coq_section(other)]
    return "\n".join(lines) + "\n"


def _coq_claim(claim: CoqClaim) -> dict[str, Any]:
    held = in_coq().get(claim.id)
    return {
        "id": claim.id,
        "title": claim.title,
        "statement": claim.statement,
        "premises": list(claim.premises),
        "idea": claim.proof,
        "verdict": "proved",
        "checked_by": "Coq",
        "coq": list(held.theorems) if held else [],
    }


def _coq_section(claim: CoqClaim) -> list[str]:
    held = in_coq().get(claim.id)
    where = f" (`{held.file}`)" if held else ""
    lines = [f"## {claim.id}", "", f"**{claim.title}.** Source: new. Verdict: **proved**, by Coq{where}.", ""]
    lines += [f"In words: {claim.statement}", ""]
    if claim.premises:
        lines += ["Premises, in words:", "", *(f"- {premise}" for premise in claim.premises), ""]
    lines.append(f"Idea: {claim.proof}")
    if held is not None:
        lines += ["", "What Coq checked:", "", "```coq", *(theorem_text(name) for name in held.theorems), "```"]
        lines += ["", f"Scope: {held.scope}."] if held.scope else []
    return lines


def _section(report: Report) -> list[str]:
    claim = report.claim
    lines = [f"## {claim.id}", "", f"**{claim.title}.** Source: {claim.source}. Kind: {claim.kind}. Verdict: "]
    lines[-1] += f"**{report.verdict}**" + (f", {len(claim.steps)} steps." if claim.steps else ".")
    if claim.goals:
        lines += ["", f"For all values of: {'; '.join(f'`{line}`' for line in in_text.types(claim))}."]
        for head, items in (("Premises", in_text.premises(claim)), ("Definitions", in_text.definitions(claim))):
            lines += ["", f"{head}:", "", *(f"- `{fact}` ({words})" for fact, words in items)] if items else []
        refuting = {step.name for step in claim.steps if isinstance(step, Counterexample)}
        goals = zip(claim.goals, in_text.goals(claim), strict=True)
        said = [(goal.by in refuting, words, fact) for goal, (fact, words) in goals]
        for wanted in (True, False):
            found = [f"- {words}: `{fact}`" for refuted, words, fact in said if refuted is wanted]
            lines += ["", f"{_shown(report, refuted=wanted)}:", "", *found] if found else []
        if claim.notation:
            lines += ["", "where " + "; ".join(f"`{n.name} = {_definition(n, claim)}`" for n in claim.notation) + "."]
    lines += ["", f"In words (not checked): {claim.prose}", "", f"Setting, in words: {'; '.join(claim.setting)}."]
    if claim.idea:
        lines += ["", f"Idea: {claim.idea}"]
    if named := classical(claim):
        lines += ["", f"Classical: {'; '.join(named)}."]
    if claim.finding:
        lines += ["", f"Finding (in words, not checked): {claim.finding}"]
    if (held := in_coq().get(claim.id)) is not None:
        names = ", ".join(f"`{name}`" for name in held.theorems)
        lines += ["", f"Coq: {names} (`{held.file}`)" + (f", {held.scope}." if held.scope else ".")]
    return lines


def _shown(report: Report, *, refuted: bool) -> str:
    """Return how the goals were shown, and what stands behind that."""
    if report.alone:
        return "What the kernel checked"
    tied = is_tied(report.claim.id)
    return ("Refuted" if refuted else "Derived") + (
        ", and closed by Coq to the letter" if tied else ", to be compared with the theorem in Coq"
    )


def _definition(item: Any, claim: Any) -> str:
    from .mathtext import abbreviate, plain

    return plain(abbreviate(item.expr, [other for other in claim.notation if other is not item]))


def write_atomically(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    write_atomic(path, [text.encode()])
