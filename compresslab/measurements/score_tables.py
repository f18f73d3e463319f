"""Scores of several models on several datasets, for a terminal; the cells of a page are made here too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from compresslab.measurements.model_score import ModelScore, layout_notes
from compresslab.measurements.score import ScoreTable
from compresslab.report.digits import rounded
from compresslab.report.sheet import make_table

__all__ = ["data_cells", "score_cells", "score_notes", "score_tables", "sentence"]

Cells = list[tuple[str, ...]]


def score_tables(table: ScoreTable) -> RenderableType:
    """Draw what was scored, and what it costs: one line for each dataset under each model."""
    columns, cells = score_cells(table)
    scores = make_table("Responses, given their prompts", columns, labels=2)
    scores.columns[1].justify = "left"
    for row in cells:
        scores.add_row(*row)
    heads, about = data_cells(table)
    data = make_table("Data", heads)
    for row in about:
        data.add_row(*row)
    return Group(data, Text(), scores, *(Text(note, style="dim") for note in score_notes(table)))


def data_cells(table: ScoreTable) -> tuple[tuple[str, ...], Cells]:
    """Return the columns of the table of what was read, and its cells."""
    first = table.models[0]
    rows = [(name, table.scores[first, name]) for name in table.datasets]
    return ("data", "responses", "bytes", "bytes of prompts, not counted"), [
        (name, f"{one.responses:,}", f"{one.bytes:,}", f"{one.context_bytes:,}") for name, one in rows
    ]


def score_cells(table: ScoreTable) -> tuple[tuple[str, ...], Cells]:
    """Return the columns of the table of scores, and its cells; of several models each beside the first."""
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
    return tuple(columns), cells


def score_notes(table: ScoreTable) -> Iterator[str]:
    """Return what a reader of the table must know, a sentence each."""
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


def sentence(table: ScoreTable, name: str) -> str:
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
