"""The page of the experiment ``resistance``: inverse against forward alignment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from os import PathLike
from pathlib import Path

from compresslab.errors import InvalidParameter
from compresslab.experiments.finetuning import Recipe
from compresslab.experiments.resistance import ResistanceSpec, finished_sources
from compresslab.experiments.resistance_summary import ResistanceSummary, summarise_resistance
from compresslab.experiments.rows import Row, read_rows
from compresslab.experiments.spec import read_spec
from compresslab.report.page import Fact, Page, PageFigure, Section, TableBlock
from compresslab.report.page_parts import signed
from compresslab.report.provenance import Provenance
from compresslab.report.resistance_figures import crossing_curves_figure, resistance_gap_figure
from compresslab.report.resistance_view import resistance_findings, resistance_sheets

__all__ = ["read_resistance", "resistance_page"]


def read_resistance(folder: str | PathLike[str]) -> tuple[ResistanceSpec, list[Row]]:
    """Read a ``resistance`` experiment; of one that is not finished, the sources that are.

    Sources are names without folders, to be shown, not to be read.

    Raises:
        UnreadableFile: there is no ``spec.json``.
        InvalidParameter: it is not the spec of a ``resistance`` experiment, or no source is finished.
        CorruptFile: the rows are damaged.
    """
    found = read_spec(folder, "resistance")
    try:
        rest = {field.name: found[field.name] for field in fields(ResistanceSpec)}
        recipes = {name: Recipe(**found[name]) for name in ("recipe", "pretraining")}
        spec = ResistanceSpec(**{**rest, **recipes})
    except (KeyError, TypeError) as error:
        raise InvalidParameter(
            f"{Path(folder) / 'spec.json'} is no spec of 'resistance' as this version has it ({error}): run it again"
        ) from error
    units = read_rows(Path(folder) / "rows.jsonl")
    return finished_sources(spec, units), [row for unit in units.values() for row in unit]


def resistance_page(spec: ResistanceSpec, rows: Sequence[Row], source: Provenance) -> Page:
    """Put a finished experiment together.

    Args:
        spec: what was done.
        rows: what came out.
        source: where the numbers come from.

    Raises:
        InvalidParameter: rows are missing.
    """
    summaries = summarise_resistance(spec, rows)
    sheets = []
    for title, columns, cells in resistance_sheets(summaries):
        words = tuple(i for i, column in enumerate(columns) if column in ("data", "model", "pair", "what", "verdict"))
        sheets.append(TableBlock(title, tuple(columns), tuple(map(tuple, cells)), words))
    return Page(
        title="Is it easier to train a model back than forward?",
        question="A model is fine-tuned on three slices of data, one after the other. Is a later checkpoint trained "
        "back on what an earlier one says more easily than the earlier one forward?",
        answer=tuple(resistance_findings(summaries)),
        facts=tuple(fact for one in summaries for fact in _facts(one)),
        sections=(
            Section("Losses, in the paper's layout", tables=tuple(sheets[:2])),
            *(_section(i, one, sheets[2 + i]) for i, one in enumerate(summaries)),
        ),
        provenance=source,
        symbols={
            "θ1, θ2, θ3": "the checkpoints, in the order of training",
            "D_i": "responses drawn from θ_i to held-out prompts, at temperature 1",
            "θj→θi": "θj trained on D_i for one pass: inverse alignment where j > i, forward where j < i",
            "excess": "training loss less what the same data costs the checkpoint that drew it",
            "interval": "95 %, Student's, over seeds, paired",
        },
    )


def _facts(one: ResistanceSummary) -> tuple[Fact, ...]:
    tones = {"seen": "good", "not seen, but the opposite": "bad"}
    last = one.crossings[-1]
    return tuple(
        Fact(
            f"{one.data}: {name}, forward less inverse, θ{last.later} and θ{last.earlier}",
            signed(x.gap.mean, 3),
            f"bits per symbol; {x.verdict}",
            tones.get(x.verdict, ""),
        )
        for name, x in (("training loss", last.loss), ("excess", last.excess))
    )


def _section(number: int, one: ResistanceSummary, table: TableBlock) -> Section:
    return Section(
        one.data,
        f"{one.model}, {one.parameters:,} parameters, {one.seeds} seeds.",
        tables=(table,),
        figures=(
            PageFigure(f"data-{number}-gaps", "Forward less inverse", "Above 0, inverse alignment is the easier. Large "
                       "marks are means with 95 % intervals, small dots seeds.", resistance_gap_figure(one)),
            PageFigure(f"data-{number}-curves", "Along the pass", "What the other checkpoint's data costs while it is "
                       "learned, less what it costs its generator: 0 would be the generator itself.",
                       crossing_curves_figure(one), wide=True),
        ),
    )  # fmt: skip
