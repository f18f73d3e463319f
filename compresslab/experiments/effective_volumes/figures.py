"""Figures of the effective-volume experiment: what a phrase counts for, and the rebound beside the theory's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from compresslab.errors import InvalidParameter
from compresslab.experiments.effective_volumes.summary import Exchange, Rebound
from compresslab.report.style import COLOURS, DASHES, new_axes, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["exchange_figure", "rebound_theory_figure"]

_CYCLE = ("blue", "orange", "green", "pink", "sky", "amber")
_MARKS = ("o", "s", "^", "D", "v", "P")
_ROLES = {
    "pretrain": ("pre-training data $D_p$", "blue", 0),
    "align": ("alignment data: names", "orange", 1),
    "rest": ("prose, which the\nperturbation does not hold", "green", 2),
}


def exchange_figure(exchanges: Sequence[Exchange]) -> Figure:
    """Draw the exchange rate against the phrases of alignment, a line for each learning rate; both axes logarithmic."""
    if not exchanges:
        raise InvalidParameter("no exchange rates to draw: give at least one")
    with style():
        figure, axes = new_axes("phrases of alignment", "phrases of pre-training\nthat one counts for")
        axes.set_xscale("log")
        axes.set_yscale("log")
        for i, rate in enumerate(dict.fromkeys(one.learning_rate for one in exchanges)):
            line = [one for one in exchanges if one.learning_rate == rate]
            mean = np.array([one.rate.mean for one in line])
            half = np.array([0.0 if one.rate.runs == 1 else one.rate.half_width for one in line])
            axes.errorbar(
                [one.phrases for one in line], mean, yerr=np.stack([np.minimum(half, 0.9 * mean), half]), capsize=3,
                color=COLOURS[_CYCLE[i % 6]], marker=_MARKS[i % 6], linestyle=DASHES[i % 4],
                label=f"learning rate {rate:g}",
            )  # fmt: skip
        axes.axhline(1, color=COLOURS["ink"], linewidth=0.8, label="every phrase alike")
        _tick(axes, [one.phrases for one in exchanges])
        figure.legend(loc="outside upper left", ncols=2)
    return figure


def rebound_theory_figure(rebounds: Sequence[Rebound]) -> Figure:
    """Draw the changes of code lengths against the perturbation: dots are networks, lines the theory; a panel a role.

    Args:
        rebounds: of one learning rate and one amount of alignment.
    """
    if not rebounds or len({(one.learning_rate, one.aligned) for one in rebounds}) != 1:
        raise InvalidParameter("a rebound is drawn for one learning rate and one amount of alignment at a time")
    with style():
        figure = new_figure(4.9, 5.2)
        panels = figure.subplots(3, 1, sharex=True)
        for axes, (role, (label, colour, dash)) in zip(panels, _ROLES.items(), strict=True):
            held = [one for one in rebounds if role in one.grown]
            axes.axhline(0, color=COLOURS["ink"], linewidth=0.8)
            axes.plot(
                [one.phrases for one in held], [one.grown[role].mean for one in held],
                color=COLOURS[colour], linestyle=DASHES[dash],
            )  # fmt: skip
            net = [one.network[role] for one in rebounds]
            half = [0.0 if x.runs == 1 else x.half_width for x in net]
            axes.errorbar([one.phrases for one in rebounds], [x.mean for x in net], yerr=half, fmt="o", capsize=3,
                          color=COLOURS[colour], linewidth=1.2)  # fmt: skip
            axes.set_title(label.replace("\n", " "), color=COLOURS[colour])
            axes.set_xscale("log")
            axes.margins(y=0.15)
        figure.supylabel("change of the code length, nats per phrase", fontsize=9)
        panels[2].set_xlabel("phrases of the perturbation (code)")
        _tick(panels[2], [one.phrases for one in rebounds])
    return figure


def _tick(axes: Axes, phrases: Sequence[int]) -> None:
    """Mark the measured points, not the decades."""
    ticks = sorted(set(phrases))
    axes.set_xticks(ticks, [f"{x:,}" for x in ticks])
    axes.set_xticks([], minor=True)
    axes.tick_params(axis="x", labelsize=7.5)
