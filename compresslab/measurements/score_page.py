"""What the measurement ``score`` says: several models on several datasets, for a terminal, and as a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from compresslab.lm.layout_notes import layout_notes
from compresslab.measurements.model_score import ModelScore
from compresslab.measurements.score import ScoreTable
from compresslab.report.digits import measured, rounded
from compresslab.report.page import Fact, Page, PageFigure, Section, Table, joined
from compresslab.report.provenance import Provenance
from compresslab.report.score_figures import ScoredPoint, score_figure, series_figure, steps_of
from compresslab.report.terminal import table_view
from compresslab.theory.estimates import Estimate

__all__ = ["data_table", "score_page", "score_sentence", "score_table", "score_view"]

_SYMBOLS = {
    "bits per byte": "bits of the responses, and of EOS where it is counted, over the bytes of the original text",
    "nats per token": "what is usually called the loss, EOS left out; the perplexity is its exponential",
    "standard error": "over responses, which are taken as a sample; none for a single one",
}
_CAPTION = "Further left is cheaper. Bars: one standard error over responses, of each rate by itself."
_SERIES = "Lower is cheaper. Bars: one standard error over responses, of each rate by itself."
_ANSWERS = 3  # sentences of the first screen


def score_view(table: ScoreTable) -> RenderableType:
    """Draw what was scored, and what it costs: one line for each dataset under each model."""
    return Group(table_view(data_table(table)), Text(), table_view(score_table(table)))


def data_table(table: ScoreTable) -> Table:
    """Return the table of what was read."""
    first = table.models[0]
    rows = [(name, table.scores[first, name]) for name in table.datasets]
    return Table(
        "Data",
        ("data", "responses", "bytes", "bytes of prompts, not counted"),
        [(name, f"{one.responses:,}", f"{one.bytes:,}", f"{one.context_bytes:,}") for name, one in rows],
    )


def score_table(table: ScoreTable) -> Table:
    """Return the table of scores; of several models each beside the first."""
    several = len(table.models) > 1
    columns = ["data", "model", "bits per byte", "± error"]
    columns += [f"minus {table.models[0]}", "± error"] if several else []
    columns += ["bits per token", "nats per token", "perplexity", "tokens"]
    cells = []
    for name in table.datasets:
        for i, model in enumerate(table.models):
            one = table.scores[model, name]
            row = [name if not i else "", model, rounded(one.bits_per_byte, 4), rounded(one.error_bits_per_byte, 4)]
            if several:
                other = table.differences.get((model, name))
                row += ["", ""] if other is None else [
                    rounded(other.bits_per_byte, 4, signed=True), rounded(other.error_bits_per_byte, 4)
                ]  # fmt: skip
            row += [rounded(one.bits_per_token, 4), rounded(one.nats_per_token, 4), rounded(one.perplexity, 3)]
            cells.append((*row, rounded(one.tokens, 0)))
    return Table(
        "Responses, given their prompts", columns, cells, text_columns=(0, 1), notes=tuple(_notes(table)), labels=2
    )


def _notes(table: ScoreTable) -> Iterator[str]:
    """Yield what a reader of the table must know, a sentence each."""
    first = table.models[0]
    counted = "EOS" if next(iter(table.scores.values())).eos else "no EOS"
    yield (
        f"Bits of the responses and {counted}, per original byte; per token without EOS. "
        "± is the standard error over responses, which are taken as a sample."
    )
    if len(table.models) > 1:
        yield (
            f"Minus {first}: each response is compared with itself, so that this error is smaller than those of the "
            f"two; above 0 is dearer than under {first}. Only bits per byte compare models of different tokenizers."
        )
    for model, one in _per_model(table):
        window = "in one piece" if one.window is None else f"in windows of {one.window}, {one.stride} new tokens each"
        ends = f"EOS {one.eos_token}" + ("" if one.eos else ", not counted")
        yield f"{model}: prefix {one.prefix_token}, {ends}; read {window}; fingerprint {one.fingerprint[:16]}."
        for name in list(table.datasets)[1:]:
            other = table.scores[model, name]
            if (other.prefix_token, other.eos_token, other.eos) != (one.prefix_token, one.eos_token, one.eos):
                uncounted = "" if other.eos else ", not counted"
                yield f"{name} under {model}: prefix {other.prefix_token}, EOS {other.eos_token}{uncounted}."
    for (model, name), one in table.scores.items():
        yield from _of_cell(model, name, one)
    for model, count in table.unused.items():
        yield f"{model}: {count:,} of its lines are of no response here."


def _per_model(table: ScoreTable) -> list[tuple[str, ModelScore]]:
    name = next(iter(table.datasets))
    return [(model, table.scores[model, name]) for model in table.models]


def _of_cell(model: str, name: str, one: ModelScore) -> Iterator[str]:
    yield from layout_notes(one, f"{name} under {model}")
    if not one.exact:
        yield (
            f"{name} under {model}: the tokenizer does not give every text back exactly: the bits are those of the "
            "text that it does give back, still per byte of the original."
        )
    if one.tokens is None:
        yield f"{name} under {model}: only sums of log-probabilities are known, so nothing is given per token."


def score_sentence(table: ScoreTable, name: str) -> str:
    """Say in a sentence which model a dataset is cheapest under."""
    rates = {model: table.scores[model, name].bits_per_byte for model in table.models}
    known = {model: rate for model, rate in rates.items() if rate is not None}
    if not known:
        return f"“{name}” has no bytes."
    best = min(known, key=lambda model: known[model])
    said = f"“{name}” takes {known[best]:.3f} bits per byte under {best}"
    others: Sequence[str] = [model for model in known if model != best]
    if not others:
        return f"{said}."
    if len(others) == 1:
        return f"{said} and {known[others[0]]:.3f} under {others[0]}."
    worst = max(known, key=lambda model: known[model])
    return f"{said}, the least of {len(known)} models; the most is {known[worst]:.3f}, under {worst}."


def score_page(table: ScoreTable, source: Provenance) -> Page:
    """Put the scores of several models on several datasets together.

    Args:
        table: what `compresslab.measurements.score.score` returned.
        source: where the numbers come from.
    """
    names = list(table.datasets)
    said = [score_sentence(table, name) for name in names]
    shown = said if len(said) <= _ANSWERS else [*said[: _ANSWERS - 1], _rest(len(said) - _ANSWERS + 1)]
    points = [
        ScoredPoint(name, model, cell.bits_per_byte, cell.error_bits_per_byte)
        for (model, name), cell in sorted(table.scores.items(), key=lambda item: names.index(item[0][1]))
        if cell.bits_per_byte is not None
    ]
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
                tables=(score_table(table),),
                figures=_figures(points, table.models),
            ),
            Section("What was scored", tables=(data_table(table),)),
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
