"""Results as tables for a terminal; also readable where it is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text
from rich.tree import Tree

from compresslab.data.corpora import CorpusInfo
from compresslab.measurements.elasticity import ElasticityResult, ElasticityRow, Reading
from compresslab.measurements.rate import RateResult
from compresslab.measurements.tree import TreeResult
from compresslab.report.digits import rounded
from compresslab.report.sheet import make_table
from compresslab.trees.drawing import Branch, visible

__all__ = ["corpora_table", "elasticity_view", "rate_table", "tree_view"]

READINGS = {
    "contained": "D_a is distributed exactly as the second part of D_p, D_t exactly as the third (Theorem 4.2)",
    "fresh": "D_a and D_t are the data given: other texts, and other phrases, than those of D_p",
}


def rate_table(results: Sequence[RateResult]) -> RenderableType:
    """Draw the rates of one or more datasets, one column each."""
    first = results[0]
    table = make_table("Rate under the data's own token tree", ["", *(r.name or "data" for r in results)])
    rows: list[tuple[str, list[str]]] = [
        ("responses", [f"{r.responses:,}" for r in results]),
        ("symbols (EOS counted)", [f"{r.symbols:,}" for r in results]),
        ("bytes", [f"{r.bytes:,}" if r.bytes is not None else "-" for r in results]),
        (f"phrases (d = {first.depth}, {first.parse})", [f"{r.phrases:,}" for r in results]),
        ("leaves M", [f"{r.leaves:,}" for r in results]),
        ("entropy H, bits per phrase", [rounded(r.entropy_bits, 4) for r in results]),
        ("Huffman code, bits per phrase", [rounded(r.huffman_bits, 4) for r in results]),
        (
            "normalized rate H - log2 M, bits per phrase",
            [rounded(r.normalized_rate_bits_per_phrase, 4) for r in results],
        ),
    ]
    if first.total_entropy_bits is not None:
        rows += [
            ("total at entropy, bits", [rounded(r.total_entropy_bits, 0) for r in results]),
            ("total by Huffman code, bits", [rounded(r.total_huffman_bits, 0) for r in results]),
            ("total of ideal code lengths, bits", [rounded(r.total_ideal_bits, 0) for r in results]),
        ]
    if first.coded_bits is not None:
        rows += [
            ("coded and decoded again, bits", [rounded(r.coded_bits, 0) for r in results]),
            ("the tree itself, stored, bits", [rounded(r.tree_bits, 0) for r in results]),
        ]
    rows += [
        ("bits per symbol", [rounded(r.bits_per_symbol, 4) for r in results]),
        ("bits per byte", [rounded(r.bits_per_byte, 4) for r in results]),
    ]
    for label, cells in rows:
        table.add_row(label, *cells)
    note = "Rates and totals are for a decoder that has the tree"
    note += "; one that has not needs the stored tree too." if first.coded_bits is not None else "."
    return Group(table, Text(note, style="dim"))


_FIRST_LAYERS, _LAST_LAYERS = 60, 5  # of a tree, that a table shows


def tree_view(result: TreeResult, top: Branch, name: str) -> RenderableType:
    """Draw the layers of a tree, and the heaviest branches of its top."""
    table = make_table(f"Token tree of {name}", ["layer", "nodes", "EOS leaves", "phrases", "children per node"])
    hidden = range(_FIRST_LAYERS, len(result.layers) - _LAST_LAYERS)  # nobody reads a table of 65,535 lines
    for place, layer in enumerate(result.layers):
        if place in hidden:
            if place == hidden[0]:
                table.add_row("...", *[""] * 4)
            continue
        cells = [
            f"{layer.nodes:,}",
            f"{layer.eos_leaves:,}",
            f"{layer.phrases:,}",
            rounded(layer.mean_children, 2),
        ]
        table.add_row(str(layer.layer), *cells)
    summary = (
        f"{result.phrases:,} phrases ({result.parse}, d = {result.depth}), {result.nodes:,} nodes, "
        f"{result.leaves:,} leaves ({result.eos_leaves:,} end in EOS), {result.bytes:,} bytes in memory"
    )
    left_out = [Text(f"{len(hidden):,} layers are left out; --json has them all.", style="dim")] if hidden else []
    return Group(table, *left_out, Text(summary), Text(), _branches(top))


def _branches(top: Branch) -> Tree:
    def hang(tree: Tree, branch: Branch) -> None:
        for child in branch.children:
            hang(tree.add(_label(visible(child.label), child.weight)), child)

    root = Tree(Text(f"{top.label}, by weight"))
    hang(root, top)
    return root


def _label(text: str, weight: float) -> Text:
    return Text.assemble(text, (f"  {weight:.2%}", "dim"))


def corpora_table(infos: Sequence[CorpusInfo]) -> RenderableType:
    """Draw the embedded corpora."""
    table = make_table("Embedded corpora", ["name", "documents", "lines", "bytes", "sha-256", "what it is"])
    table.columns[-1].justify, table.columns[-1].no_wrap = "left", False
    for info in infos:
        sizes = [f"{n:,}" for n in (info.num_documents, info.num_lines, info.num_bytes)]
        table.add_row(info.name, *sizes, info.digest[:12], info.title)
    return table


def elasticity_view(result: ElasticityResult) -> RenderableType:
    """Draw an elasticity measurement: the data, then for each reading what came out and the grid."""
    data = make_table(
        f"Data: phrases of {result.depth} symbols ({result.parse}), tokenizer {result.tokenizer or 'none'}",
        ["role", "data", "responses", "phrases", "leaves", "entropy, bits/phrase"],
        labels=2,
    )
    data.columns[1].justify, data.columns[1].no_wrap = "left", False
    for part in result.parts:
        cells = [f"{part.responses:,}", f"{part.phrases:,}", f"{part.leaves:,}", rounded(part.entropy_bits, 3)]
        data.add_row(part.role, part.name, *cells)
    legend = "γ: code length under the mixture of all three, bits per phrase; ratio: dγ_a/dl over dγ_p/dl."
    views = (view for reading in result.readings for view in _reading_view(result, reading))
    return Group(data, *views, Text(), Text(legend, style="dim"))


def _reading_view(result: ElasticityResult, reading: Reading) -> Iterator[RenderableType]:
    yield Text()
    yield Text.assemble((f"{reading.name.capitalize()} reading", "bold"), f": {READINGS[reading.name]}.")
    yield _indented(Group(*(Text(f"- {line}") for line in findings(result, reading))))
    table = make_table(
        "",
        ["k", "l", "γ_p", "γ_a", "γ_t", "dγ_p/dl", "dγ_a/dl", "ratio"],
        labels=2,
    )
    for row in reading.rows:
        table.add_row(
            f"{row.k:g}",
            f"{row.l:g}",
            rounded(row.gamma_pretrain_bits, 4),
            rounded(row.gamma_align_bits, 4),
            rounded(row.gamma_perturb_bits, 4),
            rounded(row.slope_pretrain_bits, 5, signed=True),
            rounded(row.slope_align_bits, 5, signed=True),
            rounded(row.ratio, 2, signed=True),
        )
    yield _indented(table)


def _indented(view: RenderableType) -> RenderableType:
    return Padding(view, (0, 0, 0, 2), expand=False)


def findings(result: ElasticityResult, reading: Reading) -> Iterator[str]:
    """Say in words what one reading shows, at the first ``k`` and the smallest positive ``l``."""
    k = result.k[0]
    row = next((r for r in reading.rows if r.l > 0), reading.rows[0])
    yield (
        f"k = {k:g}, l = {row.l:g}: the perturbation {_effect(reading.signs[1])} the alignment data "
        f"({_slope(row, 'align')}) and {_effect(reading.signs[0])} the pre-training data ({_slope(row, 'pretrain')})."
    )
    if row.ratio is None:
        yield "The pre-training data neither gains nor loses, so there is no ratio to compare with -k."
    else:
        cause = ""
        if reading.new_mass > 0:
            cause = f"; {reading.new_mass:.1%} of D_t's phrases are new to D_p and D_a, which the theorem excludes"
        start = next((r.ratio for r in reading.rows if r.l == 0 and r.ratio is not None), None)
        limit = f", {start:+.2f} at l = 0" if start is not None and row.l > 0 else ""
        yield f"Ratio of the two {row.ratio:+.2f}{limit}; the theorem says about {-k:g} for small l{cause}."
    turn = reading.turning_points[0]
    if turn:
        yield f"The pre-training data gains until l = {turn:.3g}, then loses."
    elif turn == 0:
        yield "The pre-training data loses from the start."
    back = reading.returns[0]
    if back.aligned_kl_nats is None:
        yield "KL to the pre-trained model is infinite: alignment brought phrases that it never saw."
    elif back.l == 0:
        yield (
            f"KL to the pre-trained model is {back.aligned_kl_nats:.4g} nats after alignment, "
            f"within {back.epsilon_nats:g} already."
        )
    elif back.l is not None:
        yield (
            f"KL to the pre-trained model is {back.aligned_kl_nats:.4g} nats after alignment, "
            f"back to {back.epsilon_nats:g} at l = {back.l:.3g}."
        )
    else:
        least = "infinite" if back.least_kl_nats is None else f"{back.least_kl_nats:.4g} nats"
        yield (
            f"KL to the pre-trained model is {back.aligned_kl_nats:.4g} nats after alignment; "
            f"no amount of D_t brings it to {back.epsilon_nats:g} (least: {least})."
        )
    worst = max(abs(r.conservation_residual) for r in reading.rows)
    yield f"Forces on the three datasets sum to zero: worst residual {worst:.0e} of their size."


def _effect(sign: int) -> str:
    return {1: "costs", -1: "helps", 0: "does not touch"}[sign]


def _slope(row: ElasticityRow, role: str) -> str:
    slope = row.slope_align_bits if role == "align" else row.slope_pretrain_bits
    overlap = row.overlap_align if role == "align" else row.overlap_pretrain
    return f"{slope:+.5f} bits per phrase and unit of l; overlap {overlap:.4f}"
