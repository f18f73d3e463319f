"""The page of ``rate --model``, and the section of a page on the small model of the demo."""

from __future__ import annotations

from collections.abc import Sequence

from compresslab.measurements.demo import TinyRow
from compresslab.measurements.model_rate import ModelRateResult
from compresslab.measurements.model_score import layout_notes
from compresslab.measurements.model_tables import ends_notes, tiny_cells, tiny_notes
from compresslab.report.digits import measured, rounded
from compresslab.report.model_figures import Bar, rate_figure
from compresslab.report.page import Fact, Page, PageFigure, Section, TableBlock
from compresslab.report.page_parts import joined
from compresslab.report.provenance import Provenance
from compresslab.theory.estimates import Estimate

__all__ = ["model_rate_page", "tiny_fact", "tiny_section", "tiny_sentence"]

_SYMBOLS = {
    "bits per byte": "bits of all tokens, and of EOS where it is counted, over the bytes of the original text",
    "standard error": "over responses, which are taken as a sample; none for a single one",
    "token tree": "entropy of the leaves of a tree that the decoder must have as well",
}
_CAPTION = "Shorter is better. The compressors start from nothing; a model has read much before, which is not counted."


def model_rate_page(results: Sequence[ModelRateResult], source: Provenance) -> Page:
    """Put the rates of texts under a language model together.

    Args:
        results: one for each set of texts.
        source: where the numbers come from.
    """
    first = results[0]
    names = joined([f"“{r.name or 'the texts'}”" for r in results])
    said = tuple(_sentence(r) for r in results)
    facts = []
    for r in results:
        if r.bits_per_byte is None:
            continue
        best = min(r.general_bits_per_byte.items(), key=lambda pair: pair[1], default=None)
        note = f"{best[0]}: {best[1]:.3f}" if best else ""
        tone = "" if best is None else "good" if r.bits_per_byte < best[1] else "bad"
        facts.append(Fact(f"{r.name or 'texts'}, bits per byte", _with_error(r), note, tone))
    return Page(
        title=f"Rate under {first.model}",
        question=f"How many bits do {names} take under the language model {first.model}?",
        answer=said if len(said) <= 3 else (*said[:2], f"The other {len(said) - 2} are in the findings below."),
        facts=tuple(facts),
        sections=(*([Section("Findings", points=said[2:])] if len(said) > 3 else []), _rate_section(results)),
        provenance=source,
        symbols=_SYMBOLS,
    )


def _with_error(r: ModelRateResult) -> str:
    rate, error = r.bits_per_byte or 0.0, r.error_bits_per_byte
    if error is None:
        return rounded(rate, 3)
    return measured(Estimate(rate, rate - error, rate + error, 2), signed=False)


def _sentence(r: ModelRateResult) -> str:
    name = f"“{r.name}”" if r.name else "The text"
    if r.bits_per_byte is None:
        return f"{name} has no bytes: its {rounded(r.symbols, 0)} symbols take {r.bits:,.0f} bits."
    said = (
        f"{name} ({r.bytes:,} bytes, {rounded(r.tokens, 0)} tokens) takes {r.bits_per_byte:.3f} bits per byte, "
        f"{r.bits_per_byte / 8:.1%} of its size."
    )
    if not r.exact:
        said += (
            " The tokenizer does not give this text back exactly: the bits are those of the text that it does give "
            "back, still per byte of the original."
        )
    return said


def _rate_section(results: Sequence[ModelRateResult]) -> Section:
    first = results[0]
    tools = tuple(first.general_bits_per_byte)
    rows: list[tuple[str, ...]] = [
        ("responses", *(f"{r.responses:,}" for r in results)),
        ("tokens", *(rounded(r.tokens, 0) for r in results)),
        ("bytes", *(f"{r.bytes:,}" for r in results)),
        ("bits", *(rounded(r.bits, 0) for r in results)),
        ("of which EOS", *(rounded(r.eos_bits, 0) if r.eos else "not counted" for r in results)),
        ("bits per token", *(rounded(r.bits_per_token, 4) for r in results)),
        ("bits per byte", *(rounded(r.bits_per_byte, 4) for r in results)),
        ("standard error, bits per byte", *(rounded(r.error_bits_per_byte, 4) for r in results)),
    ]
    if any(r.tree_bits_per_byte is not None for r in results):
        rows.append(
            (
                f"own token tree, d = {first.tree_depth}, bits per byte",
                *(rounded(r.tree_bits_per_byte, 4) for r in results),
            )
        )
    rows += [
        (f"{tool}, bits per byte", *(rounded(r.general_bits_per_byte.get(tool), 4) for r in results)) for tool in tools
    ]
    window = "in one piece" if first.window is None else f"in windows of {first.window}, {first.stride} new tokens each"
    bars = [
        Bar(r.name or "texts", method, value)
        for r in results
        if r.bits_per_byte is not None
        for method, value in ((first.model, r.bits_per_byte), *r.general_bits_per_byte.items())
    ]
    figures = (PageFigure("rates", "Beside general compressors", _CAPTION, rate_figure(bars)),) if bars else ()
    return Section(
        "Rates",
        f"Each response starts from the prefix token and is read {window}. Model {first.model}, fingerprint "
        f"{first.fingerprint[:16]}. {' '.join(ends_notes(results))}",
        points=tuple(said for r in results for said in layout_notes(r, r.name or "texts")),
        tables=(TableBlock("Under the model, and by other means", ("", *(r.name or "texts" for r in results)),
                           tuple(rows)),),
        figures=figures,
    )  # fmt: skip


def tiny_section(rows: Sequence[TinyRow]) -> Section:
    """Return the section on the small model: a table, a figure, and how to read them."""
    columns, cells = tiny_cells(rows)
    bars = []
    for row in rows:
        values = {row.model.model: row.model.bits_per_byte or 0.0, "token tree": row.trained_tree_bits_per_byte}
        bars += [
            Bar(row.model.name, method, value) for method, value in (values | row.model.general_bits_per_byte).items()
        ]
    lead, note = tiny_notes(rows)
    return Section(
        "A small language model on the same corpora",
        lead[:1].upper() + lead[1:],
        tables=(TableBlock("Held-out text, bits per byte", columns, tuple(cells), note=note),),
        figures=(PageFigure("tiny-rates", "Bits per byte of held-out text", _CAPTION, rate_figure(bars)),),
    )


def tiny_sentence(rows: Sequence[TinyRow]) -> str:
    """Say in a sentence what the small model reached."""
    each = joined([f"{row.model.bits_per_byte or 0.0:.2f} on {row.model.name}" for row in rows])
    trees = joined([f"{row.trained_tree_bits_per_byte:.2f}" for row in rows])
    return (
        f"A small language model trained on the same corpora takes {each} (bits per byte of held-out text); a token "
        f"tree of its training data takes {trees}."
    )


def tiny_fact(rows: Sequence[TinyRow]) -> Fact:
    """Return the number of the first screen: the small model on the first corpus."""
    row = rows[0]
    best = min(row.model.general_bits_per_byte.items(), key=lambda pair: pair[1])
    value = row.model.bits_per_byte or 0.0
    note = f"token tree {row.trained_tree_bits_per_byte:.2f}, {best[0]} {best[1]:.2f}"
    return Fact(
        f"small language model, held-out {row.model.name}, bits per byte",
        f"{value:.2f}",
        note,
        "good" if value < best[1] else "bad",
    )
