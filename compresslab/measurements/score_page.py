"""The page of ``score``: several models on several datasets."""

from __future__ import annotations

from compresslab.measurements.score import ScoreTable
from compresslab.measurements.score_tables import data_cells, score_cells, score_notes, sentence
from compresslab.report.digits import measured, rounded
from compresslab.report.page import Fact, Page, PageFigure, Section, TableBlock
from compresslab.report.page_parts import joined
from compresslab.report.provenance import Provenance
from compresslab.report.score_figures import ScoredPoint, score_figure, series_figure, steps_of
from compresslab.theory.estimates import Estimate

__all__ = ["score_page"]

_SYMBOLS = {
    "bits per byte": "bits of the responses, and of EOS where it is counted, over the bytes of the original text",
    "nats per token": "what is usually called the loss, EOS left out; the perplexity is its exponential",
    "standard error": "over responses, which are taken as a sample; none for a single one",
}
_CAPTION = "Further left is cheaper. Bars: one standard error over responses, of each rate by itself."
_SERIES = "Lower is cheaper. Bars: one standard error over responses, of each rate by itself."
_ANSWERS = 3  # sentences of the first screen


def score_page(table: ScoreTable, source: Provenance) -> Page:
    """Put the scores of several models on several datasets together.

    Args:
        table: what `compresslab.measurements.score.score` returned.
        source: where the numbers come from.
    """
    names = list(table.datasets)
    said = [sentence(table, name) for name in names]
    shown = said if len(said) <= _ANSWERS else [*said[: _ANSWERS - 1], _rest(len(said) - _ANSWERS + 1)]
    points = [
        ScoredPoint(name, model, cell.bits_per_byte, cell.error_bits_per_byte)
        for (model, name), cell in sorted(table.scores.items(), key=lambda item: names.index(item[0][1]))
        if cell.bits_per_byte is not None
    ]
    columns, cells = score_cells(table)
    heads, about = data_cells(table)
    under = table.models[0] if len(table.models) == 1 else f"{len(table.models)} models"
    return Page(
        title=f"Scores under {under}",
        question=f"How many bits do the responses of {joined([f'“{name}”' for name in names])} take under {under}?",
        answer=tuple(shown),
        facts=tuple(_facts(table))[:4],
        sections=(
            *([Section("Findings", points=tuple(said[_ANSWERS - 1 :]))] if len(said) > _ANSWERS else []),
            Section(
                "Scores",
                tables=(TableBlock("Responses, given their prompts", columns, tuple(cells), text_columns=(0, 1)),),
                figures=_figures(points, table.models),
                points=tuple(score_notes(table)),
            ),
            Section("Data", tables=(TableBlock("What was scored", heads, tuple(about)),)),
        ),
        provenance=source,
        symbols=_SYMBOLS,
    )


def _rest(count: int) -> str:
    return f"The other {count} are in the findings below."


def _facts(table: ScoreTable) -> list[Fact]:
    """Return the differences to the first model, of one model the rates themselves."""
    facts = []
    for (model, name), cell in table.scores.items():
        other = table.differences.get((model, name))
        if other is not None:
            error = other.error_bits_per_byte
            value = (
                rounded(other.bits_per_byte, 3, signed=True)
                if error is None
                else measured(_around(other.bits_per_byte, error))
            )
            facts.append(Fact(f"{name}: {model} minus {other.to}, bits per byte", value, "below 0: cheaper"))
        elif len(table.models) == 1 and cell.bits_per_byte is not None:
            error = cell.error_bits_per_byte
            value = (
                rounded(cell.bits_per_byte, 3)
                if error is None
                else measured(_around(cell.bits_per_byte, error), signed=False)
            )
            facts.append(Fact(f"{name}, bits per byte", value, f"{cell.responses:,} responses"))
    return facts


def _around(value: float, error: float) -> Estimate:
    return Estimate(value, value - error, value + error, 2)


def _figures(points: list[ScoredPoint], models: tuple[str, ...]) -> tuple[PageFigure, ...]:
    if not points:
        return ()
    steps = steps_of(models)
    if steps is not None and len({point.model for point in points}) == len(models):
        return (PageFigure("scores", "Along training", _SERIES, series_figure(points, steps)),)
    return (PageFigure("scores", "Bits per byte", _CAPTION, score_figure(points)),)
