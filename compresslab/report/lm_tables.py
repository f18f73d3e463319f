"""Rates of language models, and files coded by them, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from compresslab.jobs.lm_compress import CodedRateResult
from compresslab.jobs.lm_rate import ModelRateResult
from compresslab.report.tables import make_table, shown_number

__all__ = ["coded_rate_text", "model_rate_table"]


def model_rate_table(results: Sequence[ModelRateResult]) -> RenderableType:
    """Draw the rates of one or more sets of texts under a model, one column each."""
    first = results[0]
    table = make_table(f"Rate under {first.model}", ["", *(r.name or "texts" for r in results)])
    rows: list[tuple[str, list[str]]] = [
        ("responses", [f"{r.responses:,}" for r in results]),
        ("tokens", [f"{r.tokens:,}" for r in results]),
        ("bytes", [f"{r.bytes:,}" for r in results]),
        ("bits", [shown_number(r.bits, 0) for r in results]),
        ("  of which EOS", [shown_number(r.eos_bits, 0) if r.eos else "not counted" for r in results]),
        ("bits per token", [shown_number(r.bits_per_token) for r in results]),
        ("bits per byte", [shown_number(r.bits_per_byte) for r in results]),
        ("  standard error over responses", [shown_number(r.error_bits_per_byte) for r in results]),
    ]
    if first.tree_bits_per_byte is not None:
        rows.append(
            (
                f"token tree, d = {first.tree_depth}, bits per byte *",
                [shown_number(r.tree_bits_per_byte) for r in results],
            )
        )
    rows += [
        (f"{tool}, bits per byte", [shown_number(r.general_bits_per_byte.get(tool)) for r in results])
        for tool in first.general_bits_per_byte
    ]
    for label, cells in rows:
        table.add_row(label, *cells)
    window = "in one piece" if first.window is None else f"in windows of {first.window}, {first.stride} new tokens each"
    notes = [f"Each response starts from the prefix token and is read {window}; bits are per original byte."]
    if first.tree_bits_per_byte is not None:
        notes.append("* The texts' own tree, which the decoder must have; the others need nothing but themselves.")
    lossy = [r.name or "texts" for r in results if not r.exact]
    if lossy:
        notes.append(
            f"The tokenizer does not give back {', '.join(lossy)} exactly: these bits are those of another text."
        )
    return Group(table, *(Text(note, style="dim") for note in notes))


def coded_rate_text(result: CodedRateResult) -> str:
    """Say how many bits coding took beside the scored bits, and where the difference is."""
    info = result.info
    rate = f", {info.bits_per_byte:.4f} bits per byte" if info.original_size else ""
    lines = [f"{info.path}: {info.original_size:,} bytes in {info.coded_size:,}{rate}"]
    if result.scored_bits is not None and result.float_path_bits is not None:
        lines.append(f"scored in one pass         {result.scored_bits:16,.1f} bits, {result.tokens:,} tokens")
        lines.append(f"float path, step by step   {result.float_path_bits:+16,.1f}")
    else:
        lines.append(f"by the rows coded under    {result.stepped_bits:16,.1f} bits, {result.tokens:,} tokens")
    lines.append(f"quantised and coded        {result.coder_bits:+16,.1f}  (at most {result.coder_bound_bits:,.0f})")
    lines.append(f"header, checksums, index   {result.file_bits - result.stream_bits:+16,.1f}")
    lines.append(f"the file                   {result.file_bits:16,.1f} bits")
    if result.escaped_bytes:
        lines.append(
            f"{result.escaped_bytes:,} bytes are stored without the model: no text of its tokenizer, or smaller so"
        )
    return "\n".join(lines)
