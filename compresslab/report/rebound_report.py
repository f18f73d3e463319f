"""The page of the experiment ``rebound``: how a model falls back, in curves, grids and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from os import PathLike
from pathlib import Path
from typing import Any

from compresslab.errors import InvalidParameter
from compresslab.experiments.finetuning import Recipe
from compresslab.experiments.rebound import ReboundArm, ReboundSpec
from compresslab.experiments.rebound_summary import CURVES, ReboundSummary, summarise_rebound, verdict
from compresslab.experiments.rows import Row, read_rows
from compresslab.experiments.spec import read_spec
from compresslab.experiments.texts import TextSpec
from compresslab.experiments.tuning_run import finished_arms
from compresslab.report.ledger import claim_verdicts
from compresslab.report.model_figures import Cell, rebound_figure, rebound_heatmap
from compresslab.report.page import Fact, Page, PageFigure, Section, TableBlock
from compresslab.report.page_parts import signed, tone
from compresslab.report.provenance import Provenance
from compresslab.report.rebound_view import rebound_findings, rebound_sheets, seeds_of

__all__ = ["read_rebound", "read_recipes", "read_texts", "rebound_page"]

_DRAWN = {
    "score": "A line for each amount of positive data, 0 being the control. Bands are 95 % intervals over seeds. The "
    "base has score 0.",
    "kl": "At 0 the model would be its base again.",
    "judged": "Samples drawn from the model, judged by naive Bayes over words.",
}


def read_rebound(folder: str | PathLike[str]) -> tuple[ReboundSpec, list[Row]]:
    """Read a ``rebound`` experiment; of one that is not finished, the seeds that are.

    Raises:
        UnreadableFile: there is no ``spec.json``.
        InvalidParameter: it is not the spec of a ``rebound`` experiment, or no seed is finished.
        CorruptFile: the rows are damaged.
    """
    found = read_spec(folder, "rebound")
    try:
        arms = tuple(ReboundArm(**_tuples(arm)) for arm in found["arms"])
        rest = {field.name: found[field.name] for field in fields(ReboundSpec)}
        spec = ReboundSpec(**{**rest, "arms": arms, "texts": read_texts(found["texts"]), **read_recipes(found)})
    except (KeyError, TypeError) as error:
        raise InvalidParameter(
            f"{Path(folder) / 'spec.json'} is no spec of 'rebound' as this version has it ({error}): run it again"
        ) from error
    units = read_rows(Path(folder) / "rows.jsonl")
    return finished_arms(spec, list(units)), [row for unit in units.values() for row in unit]


def read_recipes(found: Mapping[str, Any]) -> dict[str, Recipe]:
    """Return the two recipes of a saved spec."""
    return {name: Recipe(**found[name]) for name in ("recipe", "pretraining")}


def read_texts(found: Mapping[str, Any]) -> TextSpec:
    """Return the texts of a saved spec: sources are names without folders, to be shown, not to be read."""
    return TextSpec(**{field.name: _tuples(found)[field.name] for field in fields(TextSpec)})


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def rebound_page(spec: ReboundSpec, rows: Sequence[Row], source: Provenance) -> Page:
    """Put an experiment together.

    Args:
        spec: what was done.
        rows: what came out.
        source: where the numbers come from.

    Raises:
        InvalidParameter: rows are missing.
    """
    summaries = summarise_rebound(spec, rows)
    findings = list(rebound_findings(summaries))
    sheets = [
        TableBlock(title, tuple(columns), tuple(map(tuple, cells)))
        for title, columns, cells in rebound_sheets(summaries)
    ]
    first = summaries[0]
    texts = spec.texts
    return Page(
        title="Does a fine-tuned model rebound?",
        question="A model is fine-tuned on positive texts and then on negative ones. How fast does it fall back, does "
        "more positive data make it fall faster, and does it come back to its base?",
        answer=(
            f"{sum(one.seeds for one in summaries)} base models; positive data {', '.join(texts.positive)}, negative "
            f"data {', '.join(texts.negative)}, pre-training data {', '.join(texts.pretrain)}.",
            *findings[:4],
        ),
        facts=_facts(first),
        sections=(
            Section("What each arm showed", points=tuple(findings)),
            *(_arm_section(i, one) for i, one in enumerate(summaries)),
            Section("Tables", tables=tuple(sheets)),
        ),
        provenance=source,
        claims=claim_verdicts(["elasticity-finite-size", "conservation-law"]),
        symbols={
            "score": "how much more a model prefers positive texts than its base does, bits per byte: negative code "
            "length less positive one, less the same of the base",
            "interval": "95 %, Student's, over seeds",
            "early": f"up to {first.early:,} negative responses, a quarter of all; late: from there",
            "control": "the negative data on a base without positive data",
        },
    )


def _facts(one: ReboundSummary) -> tuple[Fact, ...]:
    most = one.after[-1]

    facts = [
        Fact(f"score after {most.positive:,} positive", signed(one.gained.mean, 3), "bits per byte; the base: 0",
             tone(verdict(one.gained, 1))),
        Fact(f"score after {one.negative[-1]:,} negative more", signed(most.curves["score"][-1].mean, 3),
             "bits per byte"),
        Fact("early fall above the control's", signed(most.excess_rate.mean, 3),
             f"± {most.excess_rate.half_width:.2g} bits per byte for 1,000", tone(verdict(most.excess_rate, 1))),
        Fact("for each doubling of positive data", signed(one.rate_by_volume.mean, 3),
             f"± {one.rate_by_volume.half_width:.2g}: early fall", tone(verdict(one.rate_by_volume, 1))),
    ]  # fmt: skip
    return tuple(facts)


def cells_of(one: ReboundSummary, quantity: str) -> list[Cell]:
    """Return a quantity's means and intervals over the grid of volumes."""
    return [
        Cell(found.positive, m, x.mean, x.low, x.high)
        for found in one.after
        for m, x in zip(one.negative, found.curves[quantity], strict=True)
    ]


def _arm_section(number: int, one: ReboundSummary) -> Section:
    figures = []
    for quantity, caption in _DRAWN.items():
        if quantity in one.after[0].curves:
            title = CURVES[quantity][0].upper() + CURVES[quantity][1:]
            drawn = rebound_figure(cells_of(one, quantity), _short(quantity))
            figures.append(PageFigure(f"arm-{number}-{quantity}", title, caption, drawn))
    grid = rebound_heatmap(cells_of(one, "score"), _short("score"))
    figures.append(
        PageFigure(f"arm-{number}-grid", "The score over both volumes", "Mean over seeds; the paper's layout.", grid)
    )
    return Section(
        f"Arm “{one.arm}”", f"{one.parameters:,} parameters, {seeds_of(one.seeds)}.", figures=tuple(figures)
    )  # fmt: skip


def _short(quantity: str) -> str:
    return {
        "score": "score, bits per byte",
        "kl": "KL to the base, nats per token",
        "judged": "share of samples judged positive",
    }[quantity]
