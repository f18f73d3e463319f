"""Figures of what was measured on language models: rebound, size, effective volumes and depth; from plain rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from compresslab.errors import InvalidParameter
from compresslab.report.digits import rounded, shared_decimals
from compresslab.report.style import COLOURS, DASHES, label_logarithmic, legend_above, new_axes, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "Bar",
    "Cell",
    "Trend",
    "Weight",
    "depth_figure",
    "rate_figure",
    "rebound_figure",
    "rebound_heatmap",
    "scaling_figure",
    "volumes_figure",
]

_CYCLE = ("blue", "orange", "green", "pink", "sky", "amber")
_MARKS = ("o", "s", "^", "D", "v", "P")


@dataclass(frozen=True)
class Cell:
    """One run of the rebound experiment.

    Attributes:
        positive: samples of the first fine-tuning, the paper's ``n``.
        negative: samples of the second, the paper's ``m``.
        value: what was measured after both.
        low: the interval's lower end; None for no interval.
        high: its upper end.
    """

    positive: int
    negative: int
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Trend:
    """One measurement at one size.

    Attributes:
        series: what is compared, as in "bytes, 3 seeds".
        size: parameters, or tokens of pre-training; positive.
        value: what was measured.
        low: the interval's lower end; None for no interval.
        high: its upper end.
    """

    series: str
    size: float
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Weight:
    """One effective volume.

    Attributes:
        component: the dataset.
        stage: the model: "base", "aligned", "perturbed", or any name.
        weight: its weight in the best mixture, 0 to 1.
        standard_error: of the weight; None where it is exact.
        nominal: the share of the data by volume, where known.
    """

    component: str
    stage: str
    weight: float
    standard_error: float | None = None
    nominal: float | None = None


@dataclass(frozen=True)
class Bar:
    """The rate of one text by one method.

    Attributes:
        text: what was coded.
        method: a model or a compressor.
        bits_per_byte: its rate.
    """

    text: str
    method: str
    bits_per_byte: float


def rate_figure(bars: Sequence[Bar]) -> Figure:
    """Draw rates in bits per byte: a group of bars for each text, a colour for each method, the number beside each."""
    _held(bars)
    texts, methods = (list(dict.fromkeys(names)) for names in ([b.text for b in bars], [b.method for b in bars]))
    thick = 0.8 / len(methods)
    with style():
        figure, axes = new_axes("bits per byte", "text", height=1.1 + len(texts) * (0.35 + 0.17 * len(methods)))
        for i, method in enumerate(methods):
            mine = [bar for bar in bars if bar.method == method]
            y = [texts.index(bar.text) + (i - (len(methods) - 1) / 2) * thick for bar in mine]
            drawn = axes.barh(
                y, [bar.bits_per_byte for bar in mine], thick * 0.9, color=COLOURS[_CYCLE[i % 6]], label=method
            )
            axes.bar_label(drawn, fmt="%.2f", padding=2, fontsize=7.5)
        axes.set_yticks(range(len(texts)), [name if len(name) < 25 else f"{name[:11]}…{name[-12:]}" for name in texts])
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set_xlim(0, 1.15 * max(bar.bits_per_byte for bar in bars) or 1.0)
        figure.legend(loc="outside upper left", ncols=min(3, len(methods)))
    return figure


def rebound_figure(cells: Sequence[Cell], quantity: str = "score", series: str | None = None) -> Figure:
    """Draw the rebound as in the paper: one line for each amount of positive data, against the negative data.

    Args:
        cells: the runs; several with equal amounts are seeds, and their mean is drawn.
        quantity: what was measured, with its unit.
        series: what the lines differ in, where it is not the positive data: a cell's ``positive`` then counts that.
    """
    _held(cells)
    with style():
        figure, axes = new_axes("samples of the second fine-tuning, $m$", quantity)
        for i, n in enumerate(sorted({cell.positive for cell in cells})):
            line = [cell for cell in cells if cell.positive == n]
            m = sorted({cell.negative for cell in line})
            mean, low, high = _joined([[cell for cell in line if cell.negative == x] for x in m])
            colour = COLOURS[_CYCLE[i % 6]]
            axes.plot(m, mean, color=colour, marker=_MARKS[i % 6], linestyle=DASHES[i % 4], label=f"{n:,}")
            if (low < high).any():
                axes.fill_between(m, low, high, color=colour, alpha=0.15, linewidth=0)
        figure.legend(loc="outside upper left", title=series or "samples of the first fine-tuning, $n$", ncols=5)
    return figure


def rebound_heatmap(cells: Sequence[Cell], quantity: str = "score") -> Figure:
    """Draw the rebound as a grid of colours with its numbers, in the paper's layout: n down, m across.

    The numbers have as many digits as the intervals of the cells allow, where they have some.
    """
    _held(cells)
    n, m = sorted({cell.positive for cell in cells}), sorted({cell.negative for cell in cells})
    grid = np.full((len(n), len(m)), np.nan)
    for i, x in enumerate(n):
        for j, y in enumerate(m):
            here = [cell.value for cell in cells if (cell.positive, cell.negative) == (x, y)]
            grid[i, j] = np.mean(here) if here else np.nan
    with style():
        figure, axes = new_axes(
            "samples of the second fine-tuning, $m$",
            "samples of the first, $n$",
            width=max(4.9, 1.6 + 0.9 * len(m)),
            height=max(2.6, 1.1 + 0.5 * len(n)),
        )
        axes.grid(False)
        edges = np.arange(len(m) + 1) - 0.5, np.arange(len(n) + 1) - 0.5
        mesh = axes.pcolormesh(*edges, np.ma.masked_invalid(grid), cmap="cividis", linewidth=0)
        span = float(np.nanmax(grid) - np.nanmin(grid)) or 1.0
        halves = [(cell.high - cell.low) / 2 for cell in cells if cell.low is not None and cell.high is not None]
        decimals = shared_decimals(halves, min(4, max(0, 2 - int(np.floor(np.log10(span))))))
        for (i, j), value in np.ndenumerate(grid):
            if np.isfinite(value):
                bright = (value - np.nanmin(grid)) / span > 0.55
                ink = "#000000" if bright else "#ffffff"
                text = rounded(value, decimals).replace("-", "\N{MINUS SIGN}")
                axes.text(j, i, text, ha="center", va="center", fontsize=9.5, color=ink)
        axes.set_xticks(range(len(m)), [f"{x:,}" for x in m])
        axes.set_yticks(range(len(n)), [f"{x:,}" for x in n])
        axes.invert_yaxis()
        figure.colorbar(mesh, ax=axes, label=quantity)
    return figure


def scaling_figure(rows: Sequence[Trend], quantity: str, size: str = "parameters", *, log: bool = False) -> Figure:
    """Draw a quantity against size, on a logarithmic axis, with intervals.

    Args:
        rows: the measurements; several of one series and size are seeds, and their mean is drawn.
        quantity: what was measured, with its unit.
        size: what the size counts, as in "parameters" or "tokens of pre-training".
        log: whether the quantity's axis is logarithmic too.
    """
    _held(rows)
    if log and min(row.value for row in rows) <= 0:
        raise InvalidParameter(
            f"a quantity must be above 0, not {min(row.value for row in rows)!r}, on a logarithmic axis: use log=False"
        )
    if min(row.size for row in rows) <= 0:
        raise InvalidParameter(
            f"a size must be above 0, not {min(row.size for row in rows)!r}: its axis is logarithmic"
        )
    with style():
        figure, axes = new_axes(size, quantity)
        axes.set_xscale("log")
        axes.set_yscale("log" if log else "linear")
        for i, name in enumerate(dict.fromkeys(row.series for row in rows)):
            line = [row for row in rows if row.series == name]
            x = sorted({row.size for row in line})
            mean, low, high = _joined([[row for row in line if row.size == at] for at in x])
            axes.errorbar(
                x, mean, yerr=np.stack([mean - low, high - mean]), color=COLOURS[_CYCLE[i % 6]], marker=_MARKS[i % 6],
                linestyle=DASHES[i % 4], capsize=3, label=name,
            )  # fmt: skip
        label_logarithmic(axes.xaxis)
        if log:
            label_logarithmic(axes.yaxis)
        legend_above(figure)
    return figure


def volumes_figure(weights: Sequence[Weight]) -> Figure:
    """Draw effective volumes: for each stage of a model one bar a component, with its error and the nominal share."""
    _held(weights)
    stages = list(dict.fromkeys(row.stage for row in weights))
    components = list(dict.fromkeys(row.component for row in weights))
    width = 0.8 / len(components)
    with style():
        figure, axes = new_axes("stage of the model", "effective volume (weight in the mixture)")
        for i, component in enumerate(components):
            row = [r for r in weights if r.component == component]
            x = [stages.index(r.stage) + (i - (len(components) - 1) / 2) * width for r in row]
            errors = [r.standard_error or 0.0 for r in row]
            axes.bar(
                x,
                [r.weight for r in row],
                width * 0.92,
                color=COLOURS[_CYCLE[i % 6]],
                label=component,
                yerr=errors,
                error_kw={"ecolor": COLOURS["ink"], "capsize": 2.5, "elinewidth": 1.0},
            )
            nominal = [(at, r.nominal) for at, r in zip(x, row, strict=True) if r.nominal is not None]
            if nominal:
                label = "share of the data" if i == len(components) - 1 else None
                at, shares = zip(*nominal, strict=True)
                look: dict[str, Any] = {"linestyle": "", "marker": "_", "markersize": 14, "markeredgewidth": 2}
                axes.plot(at, shares, color=COLOURS["ink"], label=label, **look)
        axes.set_xticks(range(len(stages)), stages)
        axes.grid(axis="x", visible=False)
        axes.set_ylim(bottom=0)
        handles, labels = axes.get_legend_handles_labels()
        order = sorted(range(len(labels)), key=lambda i: labels[i] not in components)  # bars first
        figure.legend(
            [handles[i] for i in order], [labels[i] for i in order], loc="outside upper left", ncols=min(4, len(labels))
        )
    return figure


def depth_figure(excess_bits: Mapping[str, Sequence[float]], tolerance_bits: float) -> Figure:
    """Draw the summed excess ``e_1 + ... + e_m`` of models over the data's own entropy, layer by layer.

    A model's effective depth is the last layer at which its line is within the tolerance.

    Args:
        excess_bits: model -> ``e_m`` for layers 1, 2, ...; bits per phrase.
        tolerance_bits: ``tau``.
    """
    _held(list(excess_bits.values()))
    with style():
        figure, axes = new_axes(
            "layer of the token tree, $m$", "excess over the data's entropy\nup to layer m, bits per phrase"
        )
        for i, (name, excess) in enumerate(excess_bits.items()):
            layers = np.arange(1, len(excess) + 1)
            axes.plot(layers, np.cumsum(excess), color=COLOURS[_CYCLE[i % 6]], marker=_MARKS[i % 6],
                      linestyle=DASHES[i % 4], label=name)  # fmt: skip
        axes.axhline(tolerance_bits, color=COLOURS["ink"], linewidth=1.0,
                     label=f"tolerance, {tolerance_bits:g} {'bit' if tolerance_bits == 1 else 'bits'}")  # fmt: skip
        axes.set_xticks(np.arange(1, max(map(len, excess_bits.values())) + 1))
        axes.set_ylim(bottom=min(0.0, *(float(np.cumsum(e).min()) for e in excess_bits.values())))
        legend_above(figure)
    return figure


Floats = np.typing.NDArray[np.float64]


def _joined(groups: Sequence[Sequence[Cell | Trend]]) -> tuple[Floats, Floats, Floats]:
    """Return the mean of each group and an interval: its own, or from the least to the greatest of several seeds."""
    mean = np.array([np.mean([row.value for row in group]) for group in groups])
    low = np.array([min(row.value if row.low is None else row.low for row in group) for group in groups])
    high = np.array([max(row.value if row.high is None else row.high for row in group) for group in groups])
    return mean, np.minimum(low, mean), np.maximum(high, mean)


def _held(rows: Sequence[object]) -> None:
    if not rows:
        raise InvalidParameter("no rows to draw: give at least one measurement")
