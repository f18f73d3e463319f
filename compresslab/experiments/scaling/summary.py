"""What the rows of ``scaling`` say: rebound and effective depth of each base, and their slopes against its size.

The scalar of the rebound is the *excess rate*: how fast the score (see
:mod:`compresslab.experiments.rebound.summary`) falls with the first negative responses after the positive data, less
how fast it falls without any positive data. It is the paper's "performance declines more rapidly at first" for larger
models and more pre-training, freed of what the negative data does to any model. The *net fall* is the same over all
the negative data: what it takes back, less what it takes from a base that had no positive data. Beside them: both raw,
and what the positive data had gained. Only what is net decides whether the rebound grows: net of control, and net of
the placebo (see `compresslab.experiments.rebound.placebo`) where there are neutral texts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compresslab.errors import InvalidParameter
from compresslab.experiments.models.depth_measured import fractional_depth
from compresslab.experiments.rebound.placebo import trend
from compresslab.experiments.rebound.summary import AfterPositive, after_positive, curve_tables, early_volume
from compresslab.experiments.rows import Row
from compresslab.experiments.scaling.run import ScalingSpec
from compresslab.theory.estimates import Estimate, estimate, net_of_control

__all__ = ["MEASURES", "PLACEBO_MEASURES", "ScalingPoint", "ScalingSummary", "Series", "summarise_scaling"]

Values = NDArray[np.float64]

# Measure -> its title; each is a number for each base and seed.
MEASURES = {
    "early_rate": "early fall of the score, bits per byte for each 1,000 negative responses",
    "control_rate": "the same without positive data",
    "excess_rate": "early fall less the control's",
    "gained": "score after the positive data, bits per byte",
    "fallen": "fall of the score over all negative data, bits per byte",
    "control_fallen": "the same without positive data",
    "net_fallen": "fall over all negative data less the control's",
    "left": "score after all negative data, bits per byte",
    "kl": "KL to the base after the positive data, nats per token",
    "base_bits": "code length of positive and negative texts under the base, bits per byte",
}
# The same where there is a placebo.
PLACEBO_MEASURES = {
    "placebo_rate": "early fall of the score after neutral data",
    "rate_over_placebo": "early fall less the placebo's",
    "placebo_fallen": "fall of the score over all negative data, after neutral data",
    "fallen_over_placebo": "fall over all negative data less the placebo's",
    "placebo_kl": "KL to the base after the neutral data, nats per token",
}


@dataclass(frozen=True)
class ScalingPoint:
    """What one base showed.

    Attributes:
        name: of the point.
        parameters: of the base.
        symbols: of its pre-training.
        values: measure -> Estimate over seeds.
        by_seed: measure -> one number for each seed.
        depths: tolerance -> fractional effective depth, an Estimate over seeds.
        excess_bits: mean excess of each layer, shape ``(depth,)``.
        after: all of the negative runs after the positive data.
    """

    name: str
    parameters: int
    symbols: int
    values: dict[str, Estimate]
    by_seed: dict[str, Values]
    depths: dict[float, Estimate]
    excess_bits: tuple[float, ...]
    after: AfterPositive


@dataclass(frozen=True)
class Series:
    """Bases that differ in one thing.

    Attributes:
        name: "size" or "pre-training".
        unit: what the sizes count.
        sizes: rising.
        points: one for each size.
        slopes: measure -> its slope for each doubling of the size, an Estimate over seeds.
        depth_slopes: tolerance -> slope of the effective depth for each doubling.
    """

    name: str
    unit: str
    sizes: tuple[float, ...]
    points: tuple[ScalingPoint, ...]
    slopes: dict[str, Estimate]
    depth_slopes: dict[float, Estimate]


@dataclass(frozen=True)
class ScalingSummary:
    """The series, and the negative volume that ends the early stretch."""

    series: tuple[Series, ...]
    early: int


def summarise_scaling(spec: ScalingSpec, rows: Sequence[Row]) -> ScalingSummary:
    """Summarise the rows of a finished experiment.

    Raises:
        InvalidParameter: rows are missing.
    """
    points, depths = {}, {}
    for name in spec.points():
        mine = [row for row in rows if row["point"] == name]
        points[name], depths[name] = _point(spec, name, mine)
    sized = [name for name, arm in spec.points().items() if arm.model in spec.models and _is_sized(spec, name)]
    series = [_series("size", "parameters", sized, points, depths, lambda point: float(point.parameters))]
    if spec.volumes:
        read = [name for name, arm in spec.points().items() if arm.model == spec.volume_model
                and arm.symbols in spec.volumes]  # fmt: skip
        read.sort(key=lambda name: points[name].symbols)
        series.append(
            _series("pre-training", "symbols of pre-training", read, points, depths, lambda p: float(p.symbols))
        )
    return ScalingSummary(tuple(series), early_volume(spec.negative))


def _is_sized(spec: ScalingSpec, name: str) -> bool:
    return spec.points()[name].symbols in (0, spec.symbols)


def _point(spec: ScalingSpec, name: str, rows: Sequence[Row]) -> tuple[ScalingPoint, dict[float, Values]]:
    positive = (0, spec.positive)
    table, placebo = curve_tables(rows, spec.seeds, positive, spec.negative)
    score, early = table["score"], early_volume(spec.negative)
    at = spec.negative.index(early)

    def early_falls(score: Values) -> Values:
        found: Values = (score[:, :, 0] - score[:, :, at]) * 1000 / early
        return found

    rates, falls = early_falls(score), score[:, :, 0] - score[:, :, -1]
    by_seed = {
        "early_rate": rates[:, 1],
        "control_rate": rates[:, 0],
        "excess_rate": net_of_control(rates)[:, 1],
        "gained": score[:, 1, 0],
        "fallen": falls[:, 1],
        "control_fallen": falls[:, 0],
        "net_fallen": net_of_control(falls)[:, 1],
        "left": score[:, 1, -1],
        "kl": table["kl"][:, 1, 0],
        "base_bits": (table["positive"][:, 0, 0] + table["negative"][:, 0, 0]) / 2,
    }
    if placebo is not None:
        own = placebo["score"]
        rate, fallen = early_falls(own)[:, 1], (own[:, :, 0] - own[:, :, -1])[:, 1]
        by_seed |= {
            "placebo_rate": rate,
            "rate_over_placebo": rates[:, 1] - rate,
            "placebo_fallen": fallen,
            "fallen_over_placebo": falls[:, 1] - fallen,
            "placebo_kl": placebo["kl"][:, 1, 0],
        }
    bases = {row["seed"]: row["excess_bits"] for row in rows if "excess_bits" in row}
    missing = [seed for seed in spec.seeds if seed not in bases]
    if missing:
        raise InvalidParameter(f"no effective depth of {name}, seed {missing[0]}: run it first")
    excess = np.array([bases[seed] for seed in spec.seeds])
    depths = {tau: np.array([fractional_depth(one, tau) for one in excess]) for tau in spec.tolerances}
    point = ScalingPoint(
        name=name,
        parameters=int(rows[0]["parameters"]),
        symbols=int(rows[0]["symbols"]),
        values={measure: estimate(values) for measure, values in by_seed.items()},
        by_seed=by_seed,
        depths={tau: estimate(values) for tau, values in depths.items()},
        excess_bits=tuple(excess.mean(axis=0).tolist()),
        after=after_positive(table, 1, positive, spec.negative, (0.01,), placebo),
    )
    return point, depths


def _series(
    name: str,
    unit: str,
    names: Sequence[str],
    points: dict[str, ScalingPoint],
    depths: dict[str, dict[float, Values]],
    size: Callable[[ScalingPoint], float],
) -> Series:
    held = tuple(points[one] for one in names)
    sizes = tuple(size(point) for point in held)
    slopes = {
        measure: trend(sizes, np.stack([point.by_seed[measure] for point in held], axis=1))
        for measure in held[0].by_seed
    }
    depth_slopes = {
        tau: trend(sizes, np.stack([depths[one][tau] for one in names], axis=1)) for tau in depths[names[0]]
    }
    return Series(name, unit, sizes, held, slopes, depth_slopes)
