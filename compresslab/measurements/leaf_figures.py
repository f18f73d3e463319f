"""What the pages of token trees share: their words, and the figure of a dataset's leaves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from compresslab.report.page import PageFigure, Section
from compresslab.report.tree_figures import leaf_mass_figure
from compresslab.theory.tail import fit_pareto_tail
from compresslab.trees.tree import TokenTree

__all__ = ["SYMBOLS", "TAIL_LEAD", "leaf_figure", "leaf_section"]

SYMBOLS: Final = {
    "phrase": "d symbols in a row; EOS, the end of a response, is a symbol",
    "leaf": "a phrase of the token tree; M is their number",
    "H": "entropy of the leaves, bits per phrase",
}
TAIL_LEAD: Final = (
    "The paper assumes that the masses have a Pareto tail, a straight line on these axes. The exponent α is the "
    "maximum-likelihood estimate above x_min, the least mass from which on a Pareto law is not rejected at 5 %. "
    "The mean of such masses exists only for α above 1."
)


def leaf_section(trees: Iterable[tuple[str, TokenTree]]) -> Section:
    """Return the section on the leaf masses of datasets: label and tree of each."""
    figures = tuple(leaf_figure(f"leaves-{i}", label, tree) for i, (label, tree) in enumerate(trees))
    return Section("Masses of the leaves", TAIL_LEAD, figures=figures)


def leaf_figure(name: str, label: str, tree: TokenTree) -> PageFigure:
    """Draw the leaf masses of one dataset, with the tail that fits them."""
    leaves = tree.leaves()
    tail = fit_pareto_tail(leaves)
    caption = (
        "No Pareto tail can be fitted: too few leaves." if tail is None else f"Tail: {str(tail).replace('alpha', 'α')}."
    )
    return PageFigure(name, f"Leaf masses of {label}", caption, leaf_mass_figure(leaves, tail))
