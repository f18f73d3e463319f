"""What the measurement ``rate`` says: its table, and its page."""

from __future__ import annotations

from collections.abc import Sequence

from compresslab.measurements.leaf_figures import SYMBOLS, leaf_section
from compresslab.measurements.rate import RateResult
from compresslab.report.digits import rounded
from compresslab.report.ledger import claim_verdicts
from compresslab.report.page import Fact, Page, Section, Table, joined
from compresslab.report.provenance import Provenance
from compresslab.trees.tree import TokenTree

__all__ = ["rate_page", "rate_table"]


def rate_table(results: Sequence[RateResult]) -> Table:
    """Return the rates of one or more datasets, one column each."""
    first = results[0]
    rows = {
        "responses": [f"{r.responses:,}" for r in results],
        "symbols (EOS counted)": [f"{r.symbols:,}" for r in results],
        "bytes": [f"{r.bytes:,}" if r.bytes is not None else "-" for r in results],
        f"phrases (d = {first.depth}, {first.parse})": [f"{r.phrases:,}" for r in results],
        "leaves M": [f"{r.leaves:,}" for r in results],
        "entropy H, bits per phrase": [rounded(r.entropy_bits, 4) for r in results],
        "Huffman code, bits per phrase": [rounded(r.huffman_bits, 4) for r in results],
        "normalized rate H - log2 M, bits per phrase": [rounded(r.normalized_rate_bits_per_phrase, 4) for r in results],
    }
    if first.total_entropy_bits is not None:
        rows["total at entropy, bits"] = [rounded(r.total_entropy_bits, 0) for r in results]
        rows["total by Huffman code, bits"] = [rounded(r.total_huffman_bits, 0) for r in results]
        rows["total of ideal code lengths, bits"] = [rounded(r.total_ideal_bits, 0) for r in results]
    note = "Rates and totals are for a decoder that has the tree."
    if first.coded_bits is not None:
        rows["coded and decoded again, bits"] = [rounded(r.coded_bits, 0) for r in results]
        rows["the tree itself, stored, bits"] = [rounded(r.tree_bits, 0) for r in results]
        note = f"{note[:-1]}; one that has not needs the stored tree too."
    rows["bits per symbol"] = [rounded(r.bits_per_symbol, 4) for r in results]
    rows["bits per byte"] = [rounded(r.bits_per_byte, 4) for r in results]
    return Table(
        "Rate under the data's own token tree",
        ("", *(r.name or "data" for r in results)),
        [(label, *cells) for label, cells in rows.items()],
        notes=(note,),
    )


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
    return Page(
        title=f"Code lengths of {_what(results)}",
        question=f"How many bits does this data take in a code made for its own {tree}?",
        answer=tuple(answer),
        facts=(
            Fact(f"bits per {unit}", f"{value:.3f}", f"entropy of the leaves over the {unit}s"),
            Fact("entropy H, bits per phrase", f"{whole.entropy_bits:.3f}", f"phrases of {whole.depth} symbols"),
            Fact("Huffman code, bits per phrase", f"{whole.huffman_bits:.3f}", "at most 1 above H", "good"),
            Fact("normalized rate H − log2 M", rounded(whole.normalized_rate_bits_per_phrase, 3),
                 "bits per phrase; 0 is uniform"),
        ),
        sections=(
            Section("Rates", f"Parse “{whole.parse}”, tokenizer {whole.tokenizer or 'none'}.",
                    points=tuple(more), tables=(rate_table(results),)),
            leaf_section((r.name or "data", tree) for r, tree in zip(results, trees, strict=True)),
        ),
        provenance=source,
        claims=claim_verdicts(["code-length-bounds", "code-length-not-equality", "rate-bounds", "normalization-units"]),
        symbols=SYMBOLS,
    )  # fmt: skip


def _what(results: Sequence[RateResult]) -> str:
    names = [f"“{r.name}”" if r.name else "the data" for r in results]
    return names[0] if len(names) == 1 else f"{joined(names[:-1])} together"
