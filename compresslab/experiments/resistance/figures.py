"""Figures of the experiment ``resistance``: who has it easier, and along the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from compresslab.experiments.resistance.summary import ResistanceSummary
from compresslab.report.style import COLOURS, DASHES, inner_ticks, new_axes, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["crossing_curves_figure", "resistance_gap_figure"]

_KINDS = {"loss": ("training loss (the paper's)", "orange", "s"), "excess": ("excess over the generator", "blue", "o")}


def resistance_gap_figure(one: ResistanceSummary) -> Figure:
    """Draw forward less inverse for each pair: each seed as a faint dot, the mean with its 95 % interval."""
    with style():
        figure, axes = new_axes("pair of checkpoints", "forward less inverse,\nbits per symbol")
        axes.axhline(0, color=COLOURS["ink"], linewidth=0.8)
        for i, (name, (label, colour, mark)) in enumerate(_KINDS.items()):
            found = [getattr(crossing, name) for crossing in one.crossings]
            x = np.arange(len(found)) + (i - 0.5) * 0.3
            for at, compared in zip(x, found, strict=True):
                spread = np.linspace(-0.05, 0.05, len(compared.by_seed)) if len(compared.by_seed) > 1 else [0.0]
                axes.plot(at + np.array(spread), compared.by_seed, linestyle="", marker=".", markersize=4,
                          color=COLOURS["faint"])  # fmt: skip
            half = [0.0 if c.gap.runs == 1 else c.gap.half_width for c in found]
            axes.errorbar(x, [c.gap.mean for c in found], yerr=half, fmt=mark, capsize=3, color=COLOURS[colour],
                          label=label)  # fmt: skip
        axes.set_xticks(range(len(one.crossings)), [f"$θ_{c.later}$, $θ_{c.earlier}$" for c in one.crossings])
        axes.grid(axis="x", visible=False)
        figure.legend(loc="outside upper left", ncols=2)
    return figure


def crossing_curves_figure(one: ResistanceSummary) -> Figure:
    """Draw the excess along the pass, a panel for each pair: inverse and forward, means over seeds."""
    with style():
        figure = new_figure()
        panels = figure.subplots(1, len(one.crossings), sharey=True)
        for axes, crossing in zip(np.atleast_1d(panels), one.crossings, strict=True):
            for i, (direction, colour) in enumerate((("inverse", "blue"), ("forward", "orange"))):
                curve = crossing.curves[direction]
                share = (np.arange(len(curve)) + 0.5) / len(curve)
                axes.plot(share, curve, color=COLOURS[colour], linestyle=DASHES[i], label=direction)
            axes.set_title(f"$θ_{crossing.later}$, $θ_{crossing.earlier}$")
            axes.set_xlim(0, 1)
            inner_ticks(axes, (0.0, 0.5, 1.0))
        figure.supylabel("excess, bits per symbol", fontsize=9)
        figure.supxlabel("share of the pass", fontsize=9)
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=2)
    return figure
