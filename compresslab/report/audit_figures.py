"""Figures of an audit, from plain rows: shares that new data turns back, and how far apart two models are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compresslab.errors import InvalidParameter
from compresslab.report.style import COLOURS, DASHES, label_logarithmic, legend_above, new_axes, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PositionPoint", "SharePoint", "position_figure", "share_figure"]

_CYCLE = ("orange", "blue", "green", "pink", "sky", "amber")
_MARKS = ("o", "s", "^", "D", "v", "P")


@dataclass(frozen=True)
class SharePoint:
    """A share after some examples.

    Attributes:
        label: of its line.
        examples: how many were trained on.
        share: 1 is all.
        low: the interval's lower end; None for no interval.
        high: its upper end.
        predicted: the same before anything was trained; None where it is not known.
    """

    label: str
    examples: int
    share: float
    low: float | None = None
    high: float | None = None
    predicted: float | None = None


@dataclass(frozen=True)
class PositionPoint:
    """The divergence of two models over some positions of responses.

    Attributes:
        label: of its line.
        first: position, from 1 on.
        last: likewise.
        nats: per token.
        low: the interval's lower end; None for no interval.
        high: its upper end.
    """

    label: str
    first: int
    last: int
    nats: float
    low: float | None = None
    high: float | None = None


def share_figure(points: Sequence[SharePoint]) -> Figure:
    """Draw shares in percent against numbers of examples, with bars; crosses are predictions."""
    if not points:
        raise InvalidParameter("no share is defined: there is nothing to draw")
    with style():
        figure, axes = new_axes("examples trained on", "share, %")
        axes.set_xscale("log")
        axes.axhline(0, color=COLOURS["faint"], linewidth=0.8)
        for k, name in enumerate(dict.fromkeys(p.label for p in points)):
            line = sorted((p for p in points if p.label == name), key=lambda p: p.examples)
            colour = COLOURS[_CYCLE[k % 6]]
            x, y = [p.examples for p in line], [100 * p.share for p in line]
            bars = [_bar(p.share, p.low, p.high, 100) for p in line]
            axes.errorbar(x, y, yerr=list(zip(*bars, strict=True)), color=colour, marker=_MARKS[k % 6], markersize=4,
                          capsize=3, linestyle=DASHES[k % 4], label=name)  # fmt: skip
            said = [(p.examples, 100 * p.predicted) for p in line if p.predicted is not None]
            if said:
                axes.plot(*zip(*said, strict=True), color=colour, linestyle="", marker="x", markersize=8)
        label_logarithmic(axes.xaxis)
        legend_above(figure)
    return figure


def position_figure(points: Sequence[PositionPoint]) -> Figure:
    """Draw the divergence against the position in a response; a group of positions stands at its first."""
    if not points:
        raise InvalidParameter("there is nothing to draw: give one point at least")
    with style():
        figure, axes = new_axes("position in the response", "divergence, nats per token")
        axes.set_xscale("log")
        for k, name in enumerate(dict.fromkeys(p.label for p in points)):
            line = sorted((p for p in points if p.label == name), key=lambda p: p.first)
            bars = [_bar(p.nats, p.low, p.high, 1) for p in line]
            axes.errorbar([p.first for p in line], [p.nats for p in line], yerr=list(zip(*bars, strict=True)),
                          color=COLOURS[_CYCLE[k % 6]], marker=_MARKS[k % 6], markersize=4, capsize=3,
                          linestyle=DASHES[k % 4], label=name)  # fmt: skip
        axes.set_xlim(left=1)
        label_logarithmic(axes.xaxis)
        legend_above(figure)
    return figure


def _bar(value: float, low: float | None, high: float | None, scale: float) -> tuple[float, float]:
    """Return how far an interval reaches below and above a value; 0 where there is none."""
    if low is None or high is None:
        return 0.0, 0.0
    return scale * max(0.0, value - low), scale * max(0.0, high - value)
