"""Figures of a probe, from plain rows: the overlaps as colours, predicted changes with bands and what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compresslab.errors import InvalidParameter
from compresslab.report.digits import significant
from compresslab.report.style import COLOURS, DASHES, label_logarithmic, legend_above, new_axes, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ChangePoint", "agreement_figure", "change_figure", "overlap_figure"]

_CYCLE = ("orange", "blue", "pink", "green", "sky", "amber")
_MARKS = ("o", "s", "^", "D", "v", "P")


@dataclass(frozen=True)
class ChangePoint:
    """One dataset's change after some examples.

    Attributes:
        dataset: whose code length changes.
        examples: how many were trained on.
        predicted: nats per token.
        low: the interval's lower end; None for no interval.
        high: its upper end.
        measured: in real fine-tuning; None where it was not done.
    """

    dataset: str
    examples: int
    predicted: float
    low: float | None = None
    high: float | None = None
    measured: float | None = None


def overlap_figure(names: Sequence[str], matrix: NDArray[np.float64]) -> Figure:
    """Draw overlaps as a grid of colours with their numbers: the dataset that changes down, what is trained on across.

    Colours are symmetric about 0, on a scale that is linear near it and logarithmic beyond.
    """
    if not names or matrix.shape != (len(names),) * 2:
        raise InvalidParameter(f"overlaps are a square of one row for each of {len(names)} names: not {matrix.shape}")
    largest = float(np.abs(matrix).max()) or 1.0
    shade = np.sign(matrix) * np.log1p(99 * np.abs(matrix) / largest) / np.log(100)
    size = max(3.2, 1.6 + 0.75 * len(names))
    with style():
        figure, axes = new_axes("trained on, t", "what changes, i", width=size + 0.6, height=size)
        axes.grid(False)
        edges = np.arange(len(names) + 1) - 0.5
        axes.pcolormesh(edges, edges, shade, cmap="RdBu", vmin=-1, vmax=1, linewidth=0)
        for (i, j), value in np.ndenumerate(matrix):
            ink = "#ffffff" if abs(shade[i, j]) > 0.75 else "#000000"
            text = significant(float(value), 2).replace("-", "\N{MINUS SIGN}")
            axes.text(j, i, text, ha="center", va="center", fontsize=8, color=ink)
        axes.set_xticks(range(len(names)), [_short(name) for name in names], rotation=30, ha="right")
        axes.set_yticks(range(len(names)), [_short(name) for name in names])
        axes.invert_yaxis()
    return figure


def change_figure(points: Sequence[ChangePoint]) -> Figure:
    """Draw predicted changes against numbers of examples, a line with its band each; crosses are real fine-tuning."""
    if not points:
        raise InvalidParameter("there is nothing to draw: give one point at least")
    with style():
        figure, axes = new_axes("examples trained on", "change, nats per token")
        axes.set_xscale("log")
        axes.axhline(0, color=COLOURS["faint"], linewidth=0.8)
        for k, name in enumerate(dict.fromkeys(p.dataset for p in points)):
            line = sorted((p for p in points if p.dataset == name), key=lambda p: p.examples)
            x = [p.examples for p in line]
            colour = COLOURS[_CYCLE[k % 6]]
            axes.plot(x, [p.predicted for p in line], color=colour, marker=_MARKS[k % 6], markersize=4,
                      linestyle=DASHES[k % 4], label=_short(name))  # fmt: skip
            ends = [(p.low, p.high) for p in line if p.low is not None and p.high is not None]
            if len(ends) == len(line):
                low, high = zip(*ends, strict=True)
                axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
            real = [(p.examples, p.measured) for p in line if p.measured is not None]
            if real:
                axes.plot(*zip(*real, strict=True), color=colour, linestyle="", marker="x", markersize=8)
        label_logarithmic(axes.xaxis)
        legend_above(figure)
    return figure


def agreement_figure(points: Sequence[ChangePoint]) -> Figure:
    """Draw measured against predicted changes, with the line on which they are equal."""
    held = [p for p in points if p.measured is not None]
    if not held:
        raise InvalidParameter("nothing was measured: there is nothing to hold the predictions against")
    x, y = np.array([p.predicted for p in held]), np.array([p.measured for p in held])
    ends = [float(min(x.min(), y.min())), float(max(x.max(), y.max()))]
    with style():
        figure, axes = new_axes("predicted change, nats per token", "measured change, nats per token")
        axes.plot(ends, ends, color=COLOURS["faint"], linewidth=1.0)
        for k, name in enumerate(dict.fromkeys(p.dataset for p in held)):
            mine = [i for i, p in enumerate(held) if p.dataset == name]
            axes.plot(x[mine], y[mine], color=COLOURS[_CYCLE[k % 6]], linestyle="", marker=_MARKS[k % 6],
                      label=_short(name))  # fmt: skip
        legend_above(figure)
    return figure


def _short(name: str) -> str:
    return name if len(name) < 25 else f"{name[:11]}…{name[-12:]}"
