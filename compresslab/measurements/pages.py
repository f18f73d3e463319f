"""The pages of the jobs ``rate`` and ``tree``: results in, a :class:`compresslab.report.page.Page` out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compresslab.measurements.rate import RateResult
from compresslab.measurements.tree import TreeResult
from compresslab.report.digits import rounded
from compresslab.report.ledger import claim_verdicts
from compresslab.report.page import Fact, Page, PageFigure, Section, TableBlock
from compresslab.report.page_parts import SYMBOLS, TAIL_LEAD, joined, leaf_figure
from compresslab.report.provenance import Provenance
from compresslab.report.tree_figures import tree_figure
from compresslab.trees.drawing import Branch
from compresslab.trees.tree import TokenTree

__all__ = ["rate_page", "tree_page"]


def rate_page(results: Sequence[RateResult], trees: Sequence[TokenTree], source: Provenance) -> Page:
    """Put the rates of one or more datasets together.

    Args:
        results: one for each dataset; of several the last is all together.
        trees: their token trees.
        source: where the numbers come from.
    """
    whole = results[-1]
    unit, value = (
        ("byte", whole.bits_per_byte) if whole.bits_per_byte is not None else ("symbol", whole.bits_per_symbol)
    )
    tree = f"token tree of depth {whole.depth}"
    size = f", {whole.bytes:,} bytes" if whole.bytes is not None else ""
    takes, its = ("takes", "its") if len(results) == 1 else ("take", "their")
    answer = [
        f"{_what(results)} ({whole.responses:,} responses{size}) {takes} {value:.3f} bits per {unit} in a code "
        f"made for {its} own {tree}" + (f", {value / 8:.1%} of {its} size." if unit == "byte" else "."),
        f"The tree itself has {whole.leaves:,} leaves for {whole.phrases:,} phrases and is known to both sides here: "
        "its own cost is not counted, so this is not the size of a file.",
    ]
    if whole.coded_bits is not None and whole.total_entropy_bits:
        above = whole.coded_bits / whole.total_entropy_bits - 1
        answer.append(f"Coded by a range coder and decoded again, the data took {above:.2%} more than the entropy.")
    more = []
    if whole.total_huffman_bits is not None and whole.total_entropy_bits:
        above = whole.total_huffman_bits / whole.total_entropy_bits - 1
        more.append(
            f"A Huffman code for the leaves costs {above:.2%} more than the entropy; the paper's ideal code length, "
            "which rounds both phrases and bits up, is in the table."
        )
    facts = (
        Fact(f"bits per {unit}", f"{value:.3f}", f"entropy of the leaves over the {unit}s"),
        Fact("entropy H, bits per phrase", f"{whole.entropy_bits:.3f}", f"phrases of {whole.depth} symbols"),
        Fact("Huffman code, bits per phrase", f"{whole.huffman_bits:.3f}", "at most 1 above H", "good"),
        Fact(
            "normalized rate H − log2 M",
            rounded(whole.normalized_rate_bits_per_phrase, 3),
            "bits per phrase; 0 is uniform",
        ),
    )
    columns = ("", *(r.name or "data" for r in results))
    rows = [
        ("responses", *(f"{r.responses:,}" for r in results)),
        ("symbols, EOS counted", *(f"{r.symbols:,}" for r in results)),
        ("bytes", *(f"{r.bytes:,}" if r.bytes is not None else "–" for r in results)),
        ("phrases", *(f"{r.phrases:,}" for r in results)),
        ("leaves M", *(f"{r.leaves:,}" for r in results)),
        ("entropy H, bits per phrase", *(rounded(r.entropy_bits, 4) for r in results)),
        ("Huffman code, bits per phrase", *(rounded(r.huffman_bits, 4) for r in results)),
        ("H − log2 M, bits per phrase", *(rounded(r.normalized_rate_bits_per_phrase, 4) for r in results)),
        ("total at entropy, bits", *(rounded(r.total_entropy_bits, 0) for r in results)),
        ("total by Huffman code, bits", *(rounded(r.total_huffman_bits, 0) for r in results)),
        ("total of ideal code lengths, bits", *(rounded(r.total_ideal_bits, 0) for r in results)),
        ("coded and decoded again, bits", *(rounded(r.coded_bits, 0) for r in results)),
        ("the tree itself, stored, bits", *(rounded(r.tree_bits, 0) for r in results)),
        ("bits per symbol", *(rounded(r.bits_per_symbol, 4) for r in results)),
        ("bits per byte", *(rounded(r.bits_per_byte, 4) for r in results)),
    ]
    figures = tuple(
        leaf_figure(f"leaves-{i}", r.name or "data", t) for i, (r, t) in enumerate(zip(results, trees, strict=True))
    )
    return Page(
        title=f"Code lengths of {_what(results)}",
        question=f"How many bits does this data take in a code made for its own {tree}?",
        answer=tuple(answer),
        facts=facts,
        sections=(
            Section("Rates", f"Parse “{whole.parse}”, tokenizer {whole.tokenizer or 'none'}.",
                    points=tuple(more), tables=(TableBlock("Under the data's own token tree", columns, tuple(rows)),)),
            Section("Masses of the leaves", TAIL_LEAD, figures=figures),
        ),
        provenance=source,
        claims=claim_verdicts(["code-length-bounds", "code-length-not-equality", "rate-bounds", "normalization-units"]),
        symbols=SYMBOLS,
    )  # fmt: skip


def _what(results: Sequence[RateResult]) -> str:
    names = [f"“{r.name}”" if r.name else "the data" for r in results]
    return names[0] if len(names) == 1 else f"{joined(names[:-1])} together"


def tree_page(result: TreeResult, tree: TokenTree, top: Branch, name: str, source: Provenance) -> Page:
    """Put a token tree together: its layers, its top, its leaves.

    Args:
        result: the tree in numbers.
        tree: the tree.
        top: its heaviest branches.
        name: the dataset's name.
        source: where the numbers come from.
    """
    layers = TableBlock(
        "Layers",
        ("layer", "nodes", "EOS leaves", "phrases that reach it", "children per node"),
        tuple(
            (str(x.layer), f"{x.nodes:,}", f"{x.eos_leaves:,}", f"{x.phrases:,}", rounded(x.mean_children, 2))
            for x in result.layers
        ),
        note="The root is layer 0. An EOS leaf is the end of a response.",
    )
    once = float(np.mean(np.asarray(tree.sorted_leaves.counts) == 1))
    return Page(
        title=f"Token tree of {name}",
        question="Which phrases does the data consist of, and how are their masses spread?",
        answer=(
            f"Cut into phrases of {result.depth} symbols, {name} has {result.phrases:,} phrases; {result.leaves:,} of "
            f"them are different: the leaves of its token tree. {once:.0%} of the leaves occur only once.",
        ),
        facts=(
            Fact("phrases |D|", f"{result.phrases:,}", f"{result.parse}, d = {result.depth}"),
            Fact("leaves M", f"{result.leaves:,}", f"{result.eos_leaves:,} end in EOS"),
            Fact("nodes", f"{result.nodes:,}", "prefixes, the root included"),
            Fact("memory", f"{result.bytes:,} bytes", f"{result.bytes / result.nodes:.1f} bytes a node"),
        ),
        sections=(
            Section(
                "The tree",
                tables=(layers,),
                figures=(
                    PageFigure("tree-top", "The top of the tree", "A box is a prefix, as high as its share of the "
                               "phrases; grey boxes stand for all the rest.", tree_figure(top)),
                    leaf_figure("leaves", name, tree),
                ),
            ),
            Section("How to read the leaf masses", TAIL_LEAD),
        ),
        provenance=source,
        claims=claim_verdicts(["prune-mix-commute"]),
        symbols=SYMBOLS,
    )  # fmt: skip
