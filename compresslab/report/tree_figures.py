"""Figures of one dataset: the top of its token tree, and the masses of its leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from compresslab.report.style import COLOURS, new_axes, style
from compresslab.theory.tail import ParetoTail, fit_pareto_tail
from compresslab.trees.distribution import DistributionLike, LeafDistribution, as_probabilities
from compresslab.trees.drawing import Branch, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["leaf_mass_figure", "tree_figure"]

_TINTS = ("tint-blue", "tint-orange", "tint-green", "tint-grey")
_LEAST_LABELLED = 0.024  # of the figure's height: lower boxes have no room for a label
_LEAST_DRAWN = 0.006  # lower boxes are drawn as one with the rest
_POINTS = 400


def tree_figure(top: Branch) -> Figure:
    """Draw the top of a token tree: one box a node, as high as its share of the phrases, children to its right.

    Boxes too low to be seen are drawn together, in grey, with the children that ``top`` leaves out.

    Args:
        top: from :func:`compresslab.trees.drawing.top_branches`.
    """
    depth = _depth(top)
    with style():
        figure, axes = new_axes("symbol of the phrase", "share of phrases", width=max(4.9, 1.65 * depth), height=5.4)
        axes.grid(False)
        _boxes(axes, top, 0, 1.0, 0)
        axes.set_xlim(0, max(depth, 1))
        axes.set_ylim(0, 1)
        axes.set_xticks([i + 0.5 for i in range(depth)], [str(i + 1) for i in range(depth)])
        axes.tick_params(axis="x", length=0)
        axes.set_yticks(np.linspace(0, 1, 6), [f"{x:.0%}" for x in np.linspace(0, 1, 6)])
    return figure


def _depth(branch: Branch) -> int:
    return max((1 + _depth(child) for child in branch.children), default=0)


def _boxes(axes: Axes, branch: Branch, layer: int, top: float, number: int) -> None:
    drawn = [child for child in branch.children if child.weight >= _LEAST_DRAWN and not _is_rest(child)]
    low = top
    for i, child in enumerate(drawn):
        tint = "tint-grey" if child.label == "EOS" else _TINTS[(number + i) % 3]
        _box(axes, layer, low, child.weight, tint, f"{_short(child.label)}  {child.weight:.0%}")
        _boxes(axes, child, layer + 1, low, number + i + 1)
        low -= child.weight
    rest = sum(child.weight for child in branch.children) - (top - low)
    if rest > 1e-9:
        others = sum(_count(child) for child in branch.children) - len(drawn)
        _box(axes, layer, low, rest, "tint-grey", f"{others:,} more  {rest:.0%}")


def _box(axes: Axes, layer: int, top: float, height: float, tint: str, label: str) -> None:
    from matplotlib.patches import Rectangle

    edge = COLOURS["page"]
    axes.add_patch(Rectangle((layer, top - height), 1, height, facecolor=COLOURS[tint], edgecolor=edge, linewidth=0.7))
    if height >= _LEAST_LABELLED:
        axes.text(layer + 0.05, top - height / 2, label, va="center", fontsize=7.5, parse_math=False, clip_on=True)


def _is_rest(branch: Branch) -> bool:
    return branch.label.startswith("... ") and branch.label.endswith(" more")


def _count(branch: Branch) -> int:
    return int(branch.label.split()[1].replace(",", "")) if _is_rest(branch) else 1


def _short(label: str) -> str:
    text = "".join(c if c.isprintable() else "·" for c in visible(label))
    return text if len(text) <= 14 else text[:13] + "…"


def leaf_mass_figure(p: DistributionLike, tail: ParetoTail | None = None) -> Figure:
    """Draw how many leaves have at least a given mass, on log-log axes, with the fitted Pareto tail.

    A Pareto tail is a straight line of slope ``-alpha`` here; that of counts bends where they are small.

    Args:
        p: the distribution.
        tail: as fitted by :func:`compresslab.theory.tail.fit_pareto_tail`; fitted here where not given.
    """
    fitted = fit_pareto_tail(p) if tail is None else tail
    masses = (p.probabilities if isinstance(p, LeafDistribution) else as_probabilities(p)).astype(np.float64)
    values, times = np.unique(masses[masses > 0], return_counts=True)
    share = np.cumsum(times[::-1])[::-1] / times.sum()
    if len(values) > _POINTS:  # evenly on the logarithmic axis
        marks = np.geomspace(values[0], values[-1], _POINTS)
        keep = np.unique(np.searchsorted(values, marks).clip(0, len(values) - 1))
        values, share = values[keep], share[keep]
    with style():
        figure, axes = new_axes("mass of a leaf, $p$ (share of all phrases)", "share of leaves with mass at least $p$")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.plot(values, share, linestyle="", marker="o", markersize=3, color=COLOURS["blue"], label="leaves")
        if fitted is not None:
            x = np.geomspace(fitted.x_min, values[-1], 50)
            estimate = str(fitted).partition(" for ")[0].replace("alpha", r"$\alpha$")
            label = f"Pareto tail, {estimate}\n{fitted.leaves:,} leaves from {fitted.x_min:.1e} on"
            if fitted.total is not None:  # only whole counts have a mass
                x = np.unique(np.rint(x * fitted.total)) / fitted.total
            axes.plot(
                x, fitted.share * fitted.survival(x), color=COLOURS["orange"], linestyle=(0, (5, 1.5)), label=label
            )
            axes.axvline(fitted.x_min, color=COLOURS["faint"], linewidth=0.8, linestyle=(0, (2, 2)))
        axes.set_ylim(bottom=max(share[-1] / 3, 1e-12), top=2)
        axes.legend(loc="upper right" if fitted is None else "lower left")
    return figure
