"""Figures of the scores of several models on several datasets; from plain rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from compresslab.errors import InvalidParameter
from compresslab.report.style import COLOURS, DASHES, legend_above, new_axes, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ScoredPoint", "score_figure", "series_figure", "steps_of"]

_CYCLE = ("blue", "orange", "green", "pink", "sky", "amber")
_MARKS = ("o", "s", "^", "D", "v", "P")
_STEP = re.compile(r"(.*?)(?:checkpoint-|step-?)(\d+)")


@dataclass(frozen=True)
class ScoredPoint:
    """What one dataset costs under one model.

    Attributes:
        dataset: what was scored.
        model: under what.
        bits_per_byte: its rate.
        error: the rate's standard error; None where there is none.
    """

    dataset: str
    model: str
    bits_per_byte: float
    error: float | None = None


def steps_of(models: Sequence[str]) -> list[int] | None:
    """Return the steps of training that models are of, where all are checkpoints of one run; else None.

    Example:
        >>> steps_of(["checkpoint-100", "checkpoint-200", "checkpoint-50"]), steps_of(["base", "checkpoint-50"])
        ([100, 200, 50], None)
    """
    found = [_STEP.fullmatch(model) for model in models]
    if len(models) < 3 or len({one[1] for one in found if one}) != 1 or not all(found):
        return None
    return [int(one[2]) for one in found if one]


def score_figure(points: Sequence[ScoredPoint]) -> Figure:
    """Draw rates in bits per byte: a group of lines for each dataset, a dot for each model, bars of one error."""
    datasets, models = _held(points)
    room = 0.75 / len(models)
    with style():
        height = 1.2 + len(datasets) * (0.25 + 0.2 * len(models))
        figure, axes = new_axes("bits per byte of the responses", "data", height=height)
        for i, model in enumerate(models):
            mine = [point for point in points if point.model == model]
            axes.errorbar(
                [point.bits_per_byte for point in mine],
                [datasets.index(point.dataset) + (i - (len(models) - 1) / 2) * room for point in mine],
                xerr=[point.error or 0.0 for point in mine],
                fmt=_MARKS[i % 6],
                color=COLOURS[_CYCLE[i % 6]],
                capsize=2,
                label=_short(model),
            )
        axes.set_yticks(range(len(datasets)), [_short(name) for name in datasets])
        axes.set_ylim(len(datasets) - 0.5, -0.5)
        axes.grid(axis="y", visible=False)
        legend_above(figure)
    return figure


def series_figure(points: Sequence[ScoredPoint], steps: Sequence[int]) -> Figure:
    """Draw rates in bits per byte against the step of training: a line for each dataset, with bars of one error.

    Args:
        points: the rates.
        steps: of the models, in the order in which they first stand among the points.
    """
    datasets, models = _held(points)
    at = dict(zip(models, steps, strict=True))
    with style():
        figure, axes = new_axes("steps of training", "bits per byte of the responses")
        for i, name in enumerate(datasets):
            mine = sorted((point for point in points if point.dataset == name), key=lambda point: at[point.model])
            x, y = [at[point.model] for point in mine], np.array([point.bits_per_byte for point in mine])
            axes.errorbar(
                x,
                y,
                yerr=[point.error or 0.0 for point in mine],
                color=COLOURS[_CYCLE[i % 6]],
                marker=_MARKS[i % 6],
                linestyle=DASHES[i % 4],
                capsize=2,
                label=_short(name),
            )
        legend_above(figure)
    return figure


def _held(points: Sequence[ScoredPoint]) -> tuple[list[str], list[str]]:
    if not points:
        raise InvalidParameter("no rates to draw: give at least one measurement")
    return (
        list(dict.fromkeys(point.dataset for point in points)),
        list(dict.fromkeys(point.model for point in points)),
    )


def _short(name: str) -> str:
    return name if len(name) < 25 else f"{name[:11]}…{name[-12:]}"
