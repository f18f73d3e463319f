"""Rates of language models, and files coded by them, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from compresslab.measurements.demo import TREE_DEPTH, TinyRow
from compresslab.measurements.model_coding import CodedRateResult
from compresslab.measurements.model_rate import ModelRateResult
from compresslab.measurements.model_score import layout_notes
from compresslab.report.digits import rounded
from compresslab.report.sheet import make_table

__all__ = [
    "coded_rate_text",
    "ends_notes",
    "model_rate_table",
    "tiny_cells",
    "tiny_notes",
    "tiny_table",
]


def model_rate_table(results: Sequence[ModelRateResult]) -> RenderableType:
    """Draw the rates of one or more sets of texts under a model, one column each."""
    first = results[0]
    table = make_table(f"Rate under {first.model}", ["", *(r.name or "texts" for r in results)])
    rows: list[tuple[str, list[str]]] = [
        ("responses", [f"{r.responses:,}" for r in results]),
        ("tokens", [rounded(r.tokens, 0) for r in results]),
        *(
            [("tokens of prompts, as context", [rounded(r.context_tokens, 0) for r in results])]
            if any(r.context_tokens for r in results)
            else []
        ),
        ("bytes", [f"{r.bytes:,}" for r in results]),
        ("bits", [rounded(r.bits, 0) for r in results]),
        ("  of which EOS", [rounded(r.eos_bits, 0) if r.eos else "not counted" for r in results]),
        ("bits per token", [rounded(r.bits_per_token, 4) for r in results]),
        ("bits per byte", [rounded(r.bits_per_byte, 4) for r in results]),
        ("  standard error over responses", [rounded(r.error_bits_per_byte, 4) for r in results]),
    ]
    if first.tree_bits_per_byte is not None:
        rows.append(
            (
                f"token tree, d = {first.tree_depth}, bits per byte *",
                [rounded(r.tree_bits_per_byte, 4) for r in results],
            )
        )
    rows += [
        (f"{tool}, bits per byte", [rounded(r.general_bits_per_byte.get(tool), 4) for r in results])
        for tool in first.general_bits_per_byte
    ]
    for label, cells in rows:
        table.add_row(label, *cells)
    window = "in one piece" if first.window is None else f"in windows of {first.window}, {first.stride} new tokens each"
    notes = [
        f"Each response starts from the prefix token and is read {window}; bits are per original byte.",
        *ends_notes(results),
    ]
    for r in results:
        notes += layout_notes(r, r.name or "texts")
    if first.tree_bits_per_byte is not None:
        notes.append("* The texts' own tree, which the decoder must have; the others need nothing but themselves.")
    lossy = [r.name or "texts" for r in results if not r.exact]
    if lossy:
        notes.append(
            f"The tokenizer does not give {', '.join(lossy)} back exactly: the bits are those of the text that it does "
            "give back, still per byte of the original."
        )
    return Group(table, *(Text(note, style="dim") for note in notes))


def ends_notes(results: Sequence[ModelRateResult]) -> list[str]:
    """Say what begins and ends the texts: once, or for each of the results where they differ."""
    each = [f"Prefix {r.prefix_token}, EOS {r.eos_token}{'' if r.eos else ' not counted'}." for r in results]
    if len(set(each)) == 1:
        return each[:1]
    return [f"{r.name or 'texts'}: {said[0].lower()}{said[1:]}" for r, said in zip(results, each, strict=True)]


def tiny_table(rows: Sequence[TinyRow]) -> RenderableType:
    """Draw the rates of the small model, one line a corpus, beside the tree's and the compressors'."""
    columns, cells = tiny_cells(rows)
    table = make_table("Held-out text of the embedded corpora, bits per byte", columns)
    for row in cells:
        table.add_row(*row)
    return Group(table, *(Text(note, style="dim") for note in tiny_notes(rows)))


def tiny_cells(rows: Sequence[TinyRow]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the columns of that table, and its cells."""
    tools = tuple(rows[0].model.general_bits_per_byte)
    columns = ("corpus", "bytes", rows[0].model.model, "standard error", "token tree", *tools)
    return columns, [
        (
            row.model.name,
            f"{row.model.bytes:,}",
            rounded(row.model.bits_per_byte, 3),
            rounded(row.model.error_bits_per_byte, 3),
            rounded(row.trained_tree_bits_per_byte, 3),
            *(rounded(row.model.general_bits_per_byte.get(tool), 3) for tool in tools),
        )
        for row in rows
    ]


def tiny_notes(rows: Sequence[TinyRow]) -> tuple[str, ...]:
    """Return what a reader of that table must know."""
    return (
        f"{rows[0].model.model}: a small Llama over bytes, trained on other documents of the same corpora; token tree: "
        f"of all those documents, each symbol given the {TREE_DEPTH - 1} before it.",
        "Standard error: over documents. The compressors have only the text itself to learn from.",
    )


def coded_rate_text(result: CodedRateResult) -> str:
    """Say how many bits coding took beside the scored bits, and where the difference is."""
    info = result.info
    rate = f", {info.bits_per_byte:.4f} bits per byte" if info.original_size else ""
    lines = [f"{info.path}: {info.original_size:,} bytes in {info.coded_size:,}{rate}"]
    if not result.tokens:
        lines.append(_escaped(result))
        return "\n".join(lines)
    if result.scored_bits is not None and result.float_path_bits is not None:
        lines.append(f"scored in one pass         {result.scored_bits:16,.1f} bits, {result.tokens:,} tokens")
        lines.append(f"float path, step by step   {result.float_path_bits:+16,.1f}")
    else:
        lines.append(f"by the rows coded under    {result.stepped_bits:16,.1f} bits, {result.tokens:,} tokens")
    lines.append(f"quantised and coded        {result.coder_bits:+16,.1f}  (at most {result.coder_bound_bits:,.0f})")
    rest = "other chunks, header, ...  " if result.escaped_bytes else "header, checksums, index   "
    lines.append(f"{rest}{result.file_bits - result.stream_bits:+16,.1f}")
    lines.append(f"the file                   {result.file_bits:16,.1f} bits")
    if result.escaped_bytes:
        lines.append(_escaped(result))
    return "\n".join(lines)


def _escaped(result: CodedRateResult) -> str:
    return f"{result.escaped_bytes:,} bytes are stored without the model: no text of its tokenizer, or smaller so"
