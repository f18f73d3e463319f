"""What the measurement ``rate --model`` says: its table, and its page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compresslab.lm.layout_notes import layout_notes
from compresslab.measurements.model_rate import ModelRateResult
from compresslab.report.digits import measured, rounded
from compresslab.report.model_figures import Bar, rate_figure
from compresslab.report.page import Fact, Page, PageFigure, Section, Table, joined
from compresslab.report.provenance import Provenance
from compresslab.theory.estimates import Estimate

__all__ = ["CAPTION", "model_rate_page", "model_rate_table"]

_SYMBOLS = {
    "bits per byte": "bits of all tokens, and of EOS where it is counted, over the bytes of the original text",
    "standard error": "over responses, which are taken as a sample; none for a single one",
    "token tree": "entropy of the leaves of a tree that the decoder must have as well",
}
CAPTION = "Shorter is better. The compressors start from nothing; a model has read much before, which is not counted."


def model_rate_table(results: Sequence[ModelRateResult]) -> Table:
    """Return the rates of one or more sets of texts under a model, one column each."""
    first = results[0]
    rows = {
        "responses": [f"{r.responses:,}" for r in results],
        "tokens": [rounded(r.tokens, 0) for r in results],
        "tokens of prompts, as context": [rounded(r.context_tokens, 0) for r in results],
        "bytes": [f"{r.bytes:,}" for r in results],
        "bits": [rounded(r.bits, 0) for r in results],
        "  of which EOS": [rounded(r.eos_bits, 0) if r.eos else "not counted" for r in results],
        "bits per token": [rounded(r.bits_per_token, 4) for r in results],
        "bits per byte": [rounded(r.bits_per_byte, 4) for r in results],
        "  standard error over responses": [rounded(r.error_bits_per_byte, 4) for r in results],
    }
    if not any(r.context_tokens for r in results):
        del rows["tokens of prompts, as context"]
    if any(r.tree_bits_per_byte is not None for r in results):
        tree = f"token tree, d = {first.tree_depth}, bits per byte *"
        rows[tree] = [rounded(r.tree_bits_per_byte, 4) for r in results]
    for tool in first.general_bits_per_byte:
        rows[f"{tool}, bits per byte"] = [rounded(r.general_bits_per_byte.get(tool), 4) for r in results]
    return Table(
        f"Rate under {first.model}",
        ("", *(r.name or "texts" for r in results)),
        [(label, *cells) for label, cells in rows.items()],
        notes=tuple(_notes(results)),
    )


def _notes(results: Sequence[ModelRateResult]) -> Iterator[str]:
    first = results[0]
    window = "in one piece" if first.window is None else f"in windows of {first.window}, {first.stride} new tokens each"
    yield f"Each response starts from the prefix token and is read {window}; bits are per original byte."
    ends = [f"Prefix {r.prefix_token}, EOS {r.eos_token}{'' if r.eos else ' not counted'}." for r in results]
    if len(set(ends)) == 1:
        yield ends[0]
    else:
        yield from (f"{r.name or 'texts'}: {said[0].lower()}{said[1:]}" for r, said in zip(results, ends, strict=True))
    for r in results:
        yield from layout_notes(r, r.name or "texts")
    if any(r.tree_bits_per_byte is not None for r in results):
        yield "* The texts' own tree, which the decoder must have; the others need nothing but themselves."
    lossy = [r.name or "texts" for r in results if not r.exact]
    if lossy:
        yield (
            f"The tokenizer does not give {', '.join(lossy)} back exactly: the bits are those of the text that it does "
            "give back, still per byte of the original."
        )


def model_rate_page(results: Sequence[ModelRateResult], source: Provenance) -> Page:
    """Put the rates of texts under a language model together.

    Args:
        results: one for each set of texts.
        source: where the numbers come from.
    """
    first = results[0]
    names = joined([f"“{r.name or 'the texts'}”" for r in results])
    said = tuple(_sentence(r) for r in results)
    bars = [
        Bar(r.name or "texts", method, value)
        for r in results
        if r.bits_per_byte is not None
        for method, value in ((first.model, r.bits_per_byte), *r.general_bits_per_byte.items())
    ]
    rates = Section(
        "Rates",
        f"Model {first.model}, fingerprint {first.fingerprint[:16]}.",
        tables=(model_rate_table(results),),
        figures=(PageFigure("rates", "Beside general compressors", CAPTION, rate_figure(bars)),) if bars else (),
    )
    return Page(
        title=f"Rate under {first.model}",
        question=f"How many bits do {names} take under the language model {first.model}?",
        answer=said if len(said) <= 3 else (*said[:2], f"The other {len(said) - 2} are in the findings below."),
        facts=tuple(_fact(r, r.bits_per_byte) for r in results if r.bits_per_byte is not None),
        sections=(*([Section("Findings", points=said[2:])] if len(said) > 3 else []), rates),
        provenance=source,
        symbols=_SYMBOLS,
    )


def _fact(r: ModelRateResult, rate: float) -> Fact:
    error = r.error_bits_per_byte
    shown = rounded(rate, 3)
    if error is not None:
        shown = measured(Estimate(rate, rate - error, rate + error, 2), signed=False)
    best = min(r.general_bits_per_byte.items(), key=lambda pair: pair[1], default=None)
    note = f"{best[0]}: {best[1]:.3f}" if best else ""
    tone = "" if best is None else "good" if rate < best[1] else "bad"
    return Fact(f"{r.name or 'texts'}, bits per byte", shown, note, tone)


def _sentence(r: ModelRateResult) -> str:
    name = f"“{r.name}”" if r.name else "The text"
    if r.bits_per_byte is None:
        return f"{name} has no bytes: its {rounded(r.symbols, 0)} symbols take {r.bits:,.0f} bits."
    exactly = "" if r.exact else "; the tokenizer does not give it back exactly, see below the table"
    return (
        f"{name} ({r.bytes:,} bytes, {rounded(r.tokens, 0)} tokens) takes {r.bits_per_byte:.3f} bits per byte, "
        f"{r.bits_per_byte / 8:.1%} of its size{exactly}."
    )
