"""What the measurement ``tree`` says: layers and top of a token tree for a terminal, and its page."""

from __future__ import annotations

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from compresslab.measurements.leaf_figures import SYMBOLS, TAIL_LEAD, leaf_figure
from compresslab.measurements.tree import TreeResult
from compresslab.report.digits import rounded, significant
from compresslab.report.ledger import claim_verdicts
from compresslab.report.page import Fact, Page, PageFigure, Section, Table
from compresslab.report.provenance import Provenance
from compresslab.report.terminal import table_view
from compresslab.report.tree_figures import tree_figure
from compresslab.trees.drawing import Branch, visible
from compresslab.trees.tree import TokenTree

__all__ = ["entropy_words", "layer_table", "tree_page", "tree_view"]

_FIRST_LAYERS, _LAST_LAYERS = 60, 5  # of a tree, that a table shows: nobody reads 65,535 lines


def layer_table(result: TreeResult, name: str) -> Table:
    """Return the layers of a tree, without the middle ones of a very deep tree."""
    rows = [
        (str(x.layer), f"{x.nodes:,}", f"{x.eos_leaves:,}", f"{x.phrases:,}", rounded(x.mean_children, 2))
        for x in result.layers
    ]
    hidden = len(rows) - _FIRST_LAYERS - _LAST_LAYERS
    if hidden > 0:
        rows[_FIRST_LAYERS:-_LAST_LAYERS] = [("...", "", "", "", "")]
    return Table(
        f"Token tree of {name}",
        ("layer", "nodes", "EOS leaves", "phrases", "children per node"),
        rows,
        notes=(f"{hidden:,} layers are left out; --json has them all.",) if hidden > 0 else (),
    )


def tree_view(result: TreeResult, top: Branch, name: str) -> RenderableType:
    """Draw the layers of a tree, and the heaviest branches of its top."""
    summary = (
        f"{result.phrases:,} phrases ({result.parse}, d = {result.depth}), {result.nodes:,} nodes, "
        f"{result.leaves:,} leaves ({result.eos_leaves:,} end in EOS), {result.bytes:,} bytes in memory"
    )
    words = Text(summary + "\n" + entropy_words(result))
    return Group(table_view(layer_table(result, name)), words, Text(), _branches(top))


def entropy_words(result: TreeResult) -> str:
    """Say what the leaves' entropy is, and what finite data leaves open of it."""
    found = result.entropy
    error, same = "", ""
    if found.standard_error_bits is not None:
        error = f" (standard error {significant(found.standard_error_bits, 2)} over {found.units})"
    if found.collision is not None:
        same = f", and two phrases are the same with chance {significant(found.collision, 3)}"
    return (
        f"Entropy {rounded(found.plug_in_bits, 4)} bits per phrase as observed{error}: too low for what the data is a "
        f"sample of, estimated {rounded(found.corrected_bits, 4)}. The next phrase is a new one with chance "
        f"{found.missing_mass:.1%} (Good and Turing){same}."
    )


def _branches(top: Branch) -> Tree:
    def hang(tree: Tree, branch: Branch) -> None:
        for child in branch.children:
            label = Text.assemble(visible(child.label), (f"  {child.weight:.2%}", "dim"))
            hang(tree.add(label), child)

    root = Tree(Text(f"{top.label}, by weight"))
    hang(root, top)
    return root


def tree_page(result: TreeResult, tree: TokenTree, top: Branch, name: str, source: Provenance) -> Page:
    """Put a token tree together: its layers, its top, its leaves.

    Args:
        result: the tree in numbers.
        tree: the tree.
        top: its heaviest branches.
        name: the dataset's name.
        source: where the numbers come from.
    """
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
            Fact("entropy H", f"{rounded(result.entropy.plug_in_bits, 3)} bits",
                 f"as observed; {rounded(result.entropy.corrected_bits, 3)} estimated for more such data"),
            Fact("nodes", f"{result.nodes:,}", "prefixes, the root included"),
            Fact("memory", f"{result.bytes:,} bytes", f"{result.bytes / result.nodes:.1f} bytes a node"),
        ),
        sections=(
            Section(
                "The tree",
                "Each layer's phrases are those that reach it. The root is layer 0. An EOS leaf is the end of a "
                "response.",
                points=(entropy_words(result),),
                tables=(layer_table(result, name),),
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
