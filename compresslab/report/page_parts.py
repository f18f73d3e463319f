"""What the pages share: numbers as a reader sees them, and the figure of a dataset's leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from compresslab.report.page import PageFigure
from compresslab.report.tree_figures import leaf_mass_figure
from compresslab.tail import fit_pareto_tail
from compresslab.tree import TokenTree

__all__ = ["SYMBOLS", "TAIL_LEAD", "fixed", "joined", "leaf_figure", "signed", "tone"]

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


def signed(x: float | None, digits: int = 4) -> str:
    """Significant digits, with a true minus sign."""
    if x is None:
        return "–"
    return (f"{x:+#.{digits}g}" if x else "0").replace("-", "−")


def fixed(x: float | None, digits: int = 4) -> str:
    """Decimal places, thousands apart."""
    return "–" if x is None else f"{x:,.{digits}f}".replace("-", "−")


def joined(names: Sequence[str]) -> str:
    """``a, b and c``; five and more are only counted."""
    return (
        " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if len(names) < 5 else f"{len(names)} datasets"
    )


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
