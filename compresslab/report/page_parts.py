"""What the pages share: words, colours, tables of a view, and the figure of a dataset's leaves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from compresslab.report.page import PageFigure, TableBlock
from compresslab.report.tree_figures import leaf_mass_figure
from compresslab.theory.tail import fit_pareto_tail
from compresslab.trees.tree import TokenTree

__all__ = ["SYMBOLS", "TAIL_LEAD", "joined", "leaf_figure", "opened", "table_blocks", "tone"]

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


def joined(names: Sequence[str]) -> str:
    """``a, b and c``; five and more are only counted."""
    return (
        " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if len(names) < 5 else f"{len(names)} datasets"
    )


def opened(sentence: str) -> str:
    """Return a sentence that begins with a capital.

    Example:
        >>> opened("it is so.")
        'It is so.'
    """
    return sentence[:1].upper() + sentence[1:]


def table_blocks(sheets: Iterable[tuple[str, Sequence[str], Sequence[Sequence[str]]]]) -> tuple[TableBlock, ...]:
    """Return tables of a view as those of a page; columns of words are aligned left."""
    words = ("data", "model", "pair", "what", "verdict")
    return tuple(
        TableBlock(
            title, tuple(columns), tuple(map(tuple, rows)),
            tuple(i for i, column in enumerate(columns) if i == 0 or column in words),
        )
        for title, columns, rows in sheets
    )  # fmt: skip


def tone(verdict: str) -> str:
    """The colour of a fact that was "seen", is "undecided here", or is neither."""
    return {"seen": "good", "undecided here": ""}.get(verdict, "bad")


def leaf_figure(name: str, label: str, tree: TokenTree) -> PageFigure:
    """Draw the leaf masses of one dataset, with what was fitted to them."""
    leaves = tree.leaves()
    tail = fit_pareto_tail(leaves)
    caption = (
        "No Pareto tail can be fitted: too few leaves." if tail is None else f"Tail: {str(tail).replace('alpha', 'α')}."
    )
    return PageFigure(name, f"Leaf masses of {label}", caption, leaf_mass_figure(leaves, tail))
