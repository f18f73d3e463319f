"""Figures of the elasticity theorem: code lengths, slopes and forces against the perturbation's volume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from compresslab.errors import InvalidParameter
from compresslab.report.style import COLOURS, DASHES, ROLES, legend_above, new_axes, new_figure, style
from compresslab.theory.code_length import LN2
from compresslab.theory.elasticity import Elasticity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Measured", "code_length_figure", "force_figure", "measured_slope_figure", "slope_figure"]

L_LABEL = "volume of the perturbation, $l = |D_t| / |D_a|$"


@dataclass(frozen=True)
class Measured:
    """A measured value with its interval, to be drawn beside the theory.

    Attributes:
        role: "pretrain", "align" or "perturb".
        l: ``|D_t| / |D_a|``.
        value_bits: the model's code length, bits per phrase.
        low_bits: the interval's lower end; None for no interval.
        high_bits: its upper end.
    """

    role: str
    l: float  # noqa: E741 - the paper's symbol
    value_bits: float
    low_bits: float | None = None
    high_bits: float | None = None


def code_length_figure(scenario: Elasticity, l: npt.ArrayLike, points: Sequence[Measured] = ()) -> Figure:  # noqa: E741
    """Draw ``gamma(l)`` of the three datasets, each in a panel of its own scale: lines are theory, dots a model.

    The panels differ in scale, as the changes do; each says how far its line moves from end to end.

    Args:
        scenario: the scenario.
        l: shape ``(L,)``, two or more values of ``|D_t| / |D_a|``, rising.
        points: what a model was measured to do.
    """
    grid = _rising(l)
    gamma = scenario.code_lengths_nats(grid)
    with style():
        figure = new_figure(4.9, 5.2)
        panels = figure.subplots(3, 1, sharex=True)
        for axes, (role, (label, colour, dash)) in zip(panels, ROLES.items(), strict=True):
            bits = np.asarray(getattr(gamma, role)) / LN2
            held = np.isfinite(bits)
            axes.plot(grid[held], bits[held], color=COLOURS[colour], linestyle=DASHES[dash])
            _dots(axes, [point for point in points if point.role == role], COLOURS[colour])
            axes.set_title(f"{label}" + (": " + _moves(bits[held]) if held.sum() > 1 else ""), color=COLOURS[colour])
            axes.margins(y=0.15)
            edge = 0.02 * (grid[-1] - grid[0]) if points else 0.0  # room for the dots at the ends
            axes.set_xlim(grid[0] - edge, grid[-1] + edge)
        figure.supylabel("code length γ, bits per phrase", fontsize=9)
        panels[2].set_xlabel(L_LABEL)
    return figure


def _moves(bits: npt.NDArray[np.float64]) -> str:
    change = float(bits[-1] - bits[0])
    return (f"{change:+.3f} bits" if abs(change) >= 0.0005 else f"{change:+.1e} bits").replace("-", "−")


def _dots(axes: Axes, points: Sequence[Measured], colour: str) -> None:
    for point in points:
        low = point.value_bits if point.low_bits is None else point.low_bits
        high = point.value_bits if point.high_bits is None else point.high_bits
        spread = [[max(point.value_bits - low, 0.0)], [max(high - point.value_bits, 0.0)]]
        axes.errorbar([point.l], [point.value_bits], yerr=spread, fmt="o", color=colour, capsize=3, linewidth=1.2)


def slope_figure(curves: Mapping[float, tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike]]) -> Figure:
    """Draw the slopes of pre-training and alignment against ``l``: above 0 a dataset loses, below it gains.

    Args:
        curves: ``k`` -> (``l``, ``dgamma_p/dl``, ``dgamma_a/dl``), each of shape ``(L,)``, in bits per phrase.
    """
    if not curves:
        raise InvalidParameter("no curves to draw: give {k: (l, slope of D_p, slope of D_a), ...}")
    with style():
        figure, axes = new_axes(L_LABEL, "slope dγ/dl, bits per phrase")
        axes.axhline(0, color=COLOURS["ink"], linewidth=0.8)
        for i, (k, (l, pretrain, align)) in enumerate(curves.items()):  # noqa: E741
            for role, slope in (("pretrain", pretrain), ("align", align)):
                name, colour, _ = ROLES[role]
                label = f"{name}, k = {k:g}" if len(curves) > 1 else name
                axes.plot(np.asarray(l), np.asarray(slope), color=COLOURS[colour], linestyle=DASHES[i % 4], label=label)
        axes.set_xlim(*_ends([np.asarray(l) for l, _, _ in curves.values()]))  # noqa: E741
        figure.legend(loc="outside upper left", ncols=1 if len(curves) == 1 else 2)
    return figure


def force_figure(scenario: Elasticity, l: npt.ArrayLike) -> Figure:  # noqa: E741
    """Draw Hooke's forces ``n_i dgamma_i/dl`` on the three datasets, stacked, and their sum, which is 0.

    Args:
        scenario: the scenario.
        l: shape ``(L,)``, two or more values of ``|D_t| / |D_a|``, rising.
    """
    grid = _rising(l)
    slope = scenario.derivatives(grid)
    with np.errstate(invalid="ignore"):
        own = np.where(grid > 0, grid * np.asarray(slope.perturb), -scenario.new_mass)
    forces = {
        "pretrain": scenario.k * np.asarray(slope.pretrain) / LN2,
        "align": np.asarray(slope.align) / LN2,
        "perturb": own / LN2,
    }
    with style():
        figure, axes = new_axes(L_LABEL, "force $n_i$ dγ$_i$/dl, bits per phrase")
        for role, force in forces.items():
            name, colour, dash = ROLES[role]
            axes.plot(grid, force, color=COLOURS[colour], linestyle=DASHES[dash], label=f"on {name}")
        total = np.sum(list(forces.values()), axis=0)
        axes.plot(grid, total, color=COLOURS["ink"], linewidth=1.2, marker="s", markersize=3.5,
                  markevery=max(1, len(grid) // 8), label="their sum: 0")  # fmt: skip
        axes.set_xlim(grid[0], grid[-1])
        figure.legend(loc="outside upper left", ncols=2)
    return figure


def _rising(l: npt.ArrayLike) -> npt.NDArray[np.float64]:  # noqa: E741
    grid = np.asarray(l, dtype=np.float64)
    if grid.ndim != 1 or len(grid) < 2 or not (np.diff(grid) > 0).all():
        raise InvalidParameter(f"a curve needs two or more values of l, rising: not {l!r}")
    return grid


def _ends(grids: Sequence[npt.NDArray[np.float64]]) -> tuple[float, float]:
    return min(float(grid.min()) for grid in grids), max(float(grid.max()) for grid in grids)


def measured_slope_figure(scenario: Elasticity, l: npt.ArrayLike, points: Sequence[Measured]) -> Figure:  # noqa: E741
    """Draw the slopes that models were measured to have, dots with intervals, on the theory's lines.

    Args:
        scenario: the theory.
        l: shape ``(L,)``, two or more values of ``|D_t| / |D_a|``, rising.
        points: measured slopes of pre-training and alignment, ``value_bits`` being bits per phrase.
    """
    grid = _rising(l)
    slope = scenario.derivatives(grid)
    with style():
        figure, axes = new_axes(L_LABEL, "slope dγ/dl, bits per phrase")
        axes.axhline(0, color=COLOURS["ink"], linewidth=0.8)
        for role in ("pretrain", "align"):
            name, colour, dash = ROLES[role]
            line = np.asarray(getattr(slope, role)) / LN2
            axes.plot(grid, line, color=COLOURS[colour], linestyle=DASHES[dash], label=name)
            _dots(axes, [point for point in points if point.role == role], COLOURS[colour])
        legend_above(figure)
    return figure
