"""A probe's result as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from compresslab.probe.result import ProbeResult, texts_needed
from compresslab.probe.sentences import change_of, stationary, who_pays
from compresslab.report.digits import measured, rounded, significant
from compresslab.report.page import Table
from compresslab.report.terminal import table_view

__all__ = ["CERTAIN", "FIRST_ORDER_ONLY", "brief_view", "change_cells", "probe_view"]

FIRST_ORDER_ONLY = "first order alone: good from a base model, poor from an aligned one, where curvature rules"
CERTAIN = "Certain is meant of the linearised step, which real fine-tuning need not take."


def probe_view(result: ProbeResult, half_width: float) -> RenderableType:
    """Draw what a probe found: who pays, the predictions, the overlaps, the stationarity, and what it took.

    Args:
        result: of the probe.
        half_width: half the interval for which the number of texts is said, nats per token.
    """
    return Group(*_views(result, half_width))


def brief_view(result: ProbeResult) -> RenderableType:
    """Draw who pays and the predictions alone."""
    return Group(*_who_pays(result), _changes(result))


def _who_pays(result: ProbeResult) -> Iterator[RenderableType]:
    for sentences in who_pays(result).values():
        yield Text(sentences[0], style="bold")
        for line in sentences[1:]:
            yield Text(f"- {line}")
        yield Text()


def _views(result: ProbeResult, half_width: float) -> Iterator[RenderableType]:
    yield from _who_pays(result)
    for line in stationary(result):
        yield Text(line)
    yield Text()
    yield _data(result, half_width)
    yield Text()
    yield _changes(result)
    yield Text()
    yield _overlaps(result)
    took = ", ".join(f"{stage.replace('_', '-')} {seconds:.1f} s" for stage, seconds in result.seconds.items())
    yield Text(f"Intervals are of 95 %, over responses. It took: {took}.", style="dim")


def _data(result: ProbeResult, half_width: float) -> RenderableType:
    needed = texts_needed(result, half_width)
    columns = ["role", "data", "responses", "tokens", "nats per token", "|gradient|", f"texts for ± {half_width:g}"]
    rows = []
    for name, facts in result.datasets.items():
        rows.append((
            facts.role, name, f"{facts.responses:,}", f"{facts.tokens:,}", rounded(facts.code_length_nats, 4),
            significant(facts.gradient_norm), "-" if needed[name] is None else f"{needed[name]:,}",
        ))  # fmt: skip
    title = f"Data under {result.model.name} ({result.model.parameters:,} weights)"
    return table_view(Table(title, columns, rows, (0, 1), labels=2))


def change_cells(result: ProbeResult) -> tuple[list[str], list[tuple[str, ...]]]:
    """Return headings and rows of all changes, nats per token: predicted, and measured where that was asked for."""
    real = {(m.perturbation, m.dataset, m.examples): m.change_nats for m in result.measured}
    columns = ["perturbation", "data", "examples", "first order"]
    if result.settings.linearised:
        columns += ["linearised", "certain", "left out", "in range"]
    rows = []
    for row in result.predicted:
        cells = [row.perturbation, row.dataset, f"{row.examples:,}", significant(row.first_order_nats, signed=True)]
        if result.settings.linearised:
            ends = (significant(x, signed=True) for x in (row.certain_low_nats, row.certain_high_nats))
            cells += [
                measured(change_of(result, row)), " to ".join(ends), significant(row.leading_error_nats, signed=True),
                "yes" if row.within_linear_range else "no",
            ]  # fmt: skip
        if real:
            cells.append(significant(real[row.perturbation, row.dataset, row.examples], signed=True))
        rows.append(tuple(cells))
    return [*columns, *(["measured"] if real else [])], rows


def _changes(result: ProbeResult) -> RenderableType:
    columns, rows = change_cells(result)
    note = CERTAIN if result.settings.linearised else f"By {FIRST_ORDER_ONLY}."
    return table_view(Table("Predicted changes, nats per token", columns, rows, (0, 1), (note,), labels=2))


def _overlaps(result: ProbeResult) -> RenderableType:
    names = list(result.datasets)
    rows = [
        (name, *(f"{significant(x)} ({rounded(c, 2, signed=True)})" for x, c in zip(row, cosines, strict=True)))
        for name, row, cosines in zip(names, result.overlaps.matrix, result.overlaps.cosine, strict=True)
    ]
    note = "A positive overlap: training on t makes i cheaper. The cosine says little about sizes."
    return table_view(Table("Overlaps g_i · P g_t (cosine of the gradients)", ["i", *names], rows, notes=(note,)))
