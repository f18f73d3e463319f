"""What the demo says of its small model: a table, a sentence, a number of the first screen."""

from __future__ import annotations

from collections.abc import Sequence

from compresslab.measurements.demo import TREE_DEPTH, TinyRow
from compresslab.measurements.model_rate_page import CAPTION
from compresslab.report.digits import rounded
from compresslab.report.model_figures import Bar, rate_figure
from compresslab.report.page import Fact, PageFigure, Section, Table, joined

__all__ = ["tiny_fact", "tiny_section", "tiny_sentence", "tiny_table"]


def tiny_table(rows: Sequence[TinyRow]) -> Table:
    """Return the rates of the small model, one line a corpus, beside the tree's and the compressors'."""
    model, tools = rows[0].model.model, tuple(rows[0].model.general_bits_per_byte)
    return Table(
        "Held-out text of the embedded corpora, bits per byte",
        ("corpus", "bytes", model, "standard error", "token tree", *tools),
        [
            (
                row.model.name,
                f"{row.model.bytes:,}",
                rounded(row.model.bits_per_byte, 3),
                rounded(row.model.error_bits_per_byte, 3),
                rounded(row.trained_tree_bits_per_byte, 3),
                *(rounded(row.model.general_bits_per_byte.get(tool), 3) for tool in tools),
            )
            for row in rows
        ],
        notes=(
            f"{model}: a small Llama over bytes, trained on other documents of the same corpora; token tree: of all "
            f"those documents, each symbol given the {TREE_DEPTH - 1} before it.",
            "Standard error: over documents. The compressors have only the text itself to learn from.",
        ),
    )


def tiny_section(rows: Sequence[TinyRow]) -> Section:
    """Return the section on the small model: a table and a figure."""
    bars = []
    for row in rows:
        values = {row.model.model: row.model.bits_per_byte or 0.0, "token tree": row.trained_tree_bits_per_byte}
        bars += [
            Bar(row.model.name, method, value) for method, value in (values | row.model.general_bits_per_byte).items()
        ]
    return Section(
        "A small language model on the same corpora",
        tables=(tiny_table(rows),),
        figures=(PageFigure("tiny-rates", "Bits per byte of held-out text", CAPTION, rate_figure(bars)),),
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
    return Fact(
        f"small language model, held-out {row.model.name}, bits per byte",
        f"{value:.2f}",
        f"token tree {row.trained_tree_bits_per_byte:.2f}, {best[0]} {best[1]:.2f}",
        "good" if value < best[1] else "bad",
    )
