"""An audit as tables: for a terminal, and the cells that a page shows too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from compresslab.audit.result import MODELS, AuditResult
from compresslab.audit.sentences import beside, of_perturbation
from compresslab.report.digits import measured, ranged, significant
from compresslab.report.page import Table
from compresslab.report.terminal import table_view

__all__ = ["audit_view", "change_table", "code_length_table", "series_table", "share_table"]

_WHAT = {"undone": "of what alignment gained, undone", "returned": "of what it cost pre-training, back"}


def audit_view(results: Sequence[AuditResult]) -> RenderableType:
    """Draw audits: of several a row for each first, then each by itself."""
    views: list[RenderableType] = []
    if len(results) > 1:
        views += [table_view(series_table(results)), Text()]
    for result in results:
        views += _views(result)
    return Group(*views)


def _views(result: AuditResult) -> Iterator[RenderableType]:
    yield Text(f"{result.aligned.name}, aligned from {result.base.name}", style="bold")
    for name in result.perturbations:
        first, *rest = of_perturbation(result, name)
        yield Text(first, style="bold")
        for line in rest:
            yield Text(f"- {line}")
    yield Text()
    for line in beside(result):
        yield Text(line)
    for table in (code_length_table(result), share_table(result), change_table(result)):
        yield Text()
        yield table_view(table)
    yield Text("Intervals are of 95 %, over texts and seeds; those of shares are Fieller's.", style="dim")


def series_table(results: Sequence[AuditResult]) -> Table:
    """Return one row for each pair: both shares, net of control, the gate, the divergence."""
    columns = ("model", "base", "weights", "perturbation", "undone", "comes back", "learning rate", "KL to base, nats")
    rows = [
        (one.aligned.name, one.base.name, f"{one.aligned.parameters:,}", name,
         *(ranged(one.share(what, name).net_of_control, percent=True) for what in ("undone", "returned")),
         f"{one.learning_rate:g}", significant(one.aligned_kl_nats))
        for one in results
        for name in one.perturbations
    ]  # fmt: skip
    return Table(f"How elastic each model is, after {results[0].settings.last:,} examples, net of control", columns,
                 rows, (0, 1, 3, 4, 5), labels=1)  # fmt: skip


def code_length_table(result: AuditResult) -> Table:
    """Return the code lengths of all data under both models."""
    rows = []
    for name, facts in result.data.items():
        if facts.role == "neutral":
            continue
        lengths = [result.code_lengths[side][name] for side in MODELS]
        rows.append((
            facts.role, name, f"{facts.responses:,}", f"{facts.tokens:,}",
            *(measured(one.nats, signed=False) for one in lengths),
            *(measured(one.bits_per_byte, signed=False) for one in lengths),
        ))  # fmt: skip
    columns = ("role", "data", "responses", "tokens", "base, nats per token", "aligned", "base, bits per byte",
               "aligned")  # fmt: skip
    return Table("Code lengths", columns, rows, (0, 1), labels=2)


def share_table(result: AuditResult) -> Table:
    """Return the shares after each number of examples, by every control and by the probe."""
    columns = (
        "perturbation",
        "examples",
        "share",
        "raw",
        "net of control",
        "net of placebo",
        "predicted net",
        "in range",
    )
    rows = []
    for one in result.shares:
        found = result.prediction(one.what, one.perturbation, one.examples)
        predicted = "-" if found.net_of_control is None else f"{significant(100 * found.net_of_control)}%"
        inside = {True: "yes", False: "no", None: "-"}[found.within_linear_range]
        placebo = ranged(one.net_of_placebo, percent=True) if result.neutral_examples else "-"
        rows.append((
            one.perturbation, f"{one.examples:,}", _WHAT[one.what], ranged(one.raw, percent=True),
            ranged(one.net_of_control, percent=True), placebo, predicted, inside,
        ))  # fmt: skip
    notes = ("Predicted before anything is trained, by the probe of both models.",)
    return Table("What new data turns back", columns, rows, (0, 2, 3, 4, 5, 7), notes, labels=3)


def change_table(result: AuditResult) -> Table:
    """Return what new data does to each dataset in each arm, and net of both controls."""
    placebo = bool(result.neutral_examples)
    columns = ["perturbation", "data", "examples", "aligned", "base", *["placebo"] * placebo, "net of base",
               *["net of placebo"] * placebo]  # fmt: skip
    rows = []
    for one in result.changes:
        cells = [
            one.aligned,
            one.control,
            *[one.placebo] * placebo,
            one.net_of_control,
            *[one.net_of_placebo] * placebo,
        ]
        rows.append((one.perturbation, one.dataset, f"{one.examples:,}", *map(measured, cells)))
    return Table("Changes of code lengths, nats per token", columns, rows, (0, 1), labels=3)
