"""What the rows of ``rebound`` say: curves with intervals, phases, rates beside the control's, least volumes.

The *score* is how much more the model prefers positive texts than its base does, in bits per byte: the code length of
held-out negative texts less that of positive ones, less the same of the base. Nothing is sampled for it, and the texts
are the same for all models, so that their own difficulty cancels. Intervals are Student's over seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab.errors import InvalidParameter
from compresslab.experiments.phases import Phases, fit_phases, least_volume, pooled_gain
from compresslab.experiments.rebound import ReboundSpec
from compresslab.experiments.rows import Row
from compresslab.experiments.slopes import Estimate, estimate

__all__ = [
    "CURVES",
    "AfterPositive",
    "LeastVolume",
    "ReboundSummary",
    "curve_table",
    "early_volume",
    "summarise_rebound",
    "trend",
    "verdict",
]

Values = NDArray[np.float64]

# Quantity -> its title; each is a curve over the negative volume.
CURVES = {
    "score": "preference for positive texts over the base's, bits per byte",
    "positive": "code length of positive texts, bits per byte",
    "negative": "code length of negative texts, bits per byte",
    "pretrain": "code length of pre-training texts, bits per byte",
    "kl": "KL to the base on positive and negative texts, nats per token",
    "kl_pretrain": "KL to the base on pre-training texts, nats per token",
    "judged": "share of samples judged positive",
}


@dataclass(frozen=True)
class LeastVolume:
    """The least negative volume that brings KL to the base to a level: the paper's Table 3.

    Attributes:
        level: epsilon, nats per token.
        reached: the volume, one for each seed that came down to the level.
        seeds: how many there are; the others are censored: they had not by the largest volume.
        at_once: seeds that were at or below the level before any negative data.
    """

    level: float
    reached: tuple[float, ...]
    seeds: int
    at_once: int

    @property
    def censored(self) -> int:
        """Seeds that did not come down to the level."""
        return self.seeds - len(self.reached)


@dataclass(frozen=True)
class AfterPositive:
    """What the negative data did after one positive volume.

    Attributes:
        positive: the volume ``n``; 0 is the control.
        curves: quantity of `CURVES` -> one Estimate for each negative volume.
        early_rate: fall of the score for each 1,000 negative responses, from none to the early volume.
        late_rate: the same from the early volume to the last.
        excess_rate: the early rate less the control's, seed by seed; the control's own is 0.
        fallen: fall of the score over all the negative data.
        regained: share of what the positive data had gained that the negative data took back; None for the control.
        phases: of each seed's score.
        change: late rate less early one of the line with a knee, for each 1,000 responses.
        knee: the volume at the knee.
        gain: AICc of one phase less that of two, on each seed's curve.
        pooled_gain: the same on the curves of all seeds at once.
        least: at each level.
        closest_kl: the least KL to the base on the way, over that at no negative data: 1 is no return at all.
    """

    positive: int
    curves: dict[str, tuple[Estimate, ...]]
    early_rate: Estimate
    late_rate: Estimate
    excess_rate: Estimate
    fallen: Estimate
    regained: Estimate | None
    phases: tuple[Phases, ...]
    change: Estimate
    knee: Estimate
    gain: Estimate
    pooled_gain: float
    least: tuple[LeastVolume, ...]
    closest_kl: Estimate | None


@dataclass(frozen=True)
class ReboundSummary:
    """What one arm showed.

    Attributes:
        arm: its name.
        parameters: of its model.
        seeds: how many.
        negative: the negative volumes.
        early: the early volume: see :func:`early_volume`.
        after: for each positive volume, the control first.
        rate_by_volume: slope of the early rate in ``log2 n``: above 0, more positive data falls faster.
        gained: score after the largest positive volume.
    """

    arm: str
    parameters: int
    seeds: int
    negative: tuple[int, ...]
    early: int
    after: tuple[AfterPositive, ...]
    rate_by_volume: Estimate
    gained: Estimate


def verdict(found: Estimate, expected: int) -> str:
    """Say what an interval says about a sign that the paper finds.

    Example:
        >>> verdict(estimate([1.0, 1.1, 0.9]), 1), verdict(estimate([1.0, 1.1, 0.9]), -1), verdict(estimate([-1, 1]), 1)
        ('seen', 'not seen, but the opposite', 'undecided here')
    """
    if found.sign == 0:
        return "undecided here"
    return "seen" if found.sign == expected else "not seen, but the opposite"


def early_volume(negative: Sequence[int]) -> int:
    """Return the negative volume that ends the early stretch: the last one within a quarter of the largest.

    The paper's curves fall within the first 500 of 2,000.

    Example:
        >>> early_volume([0, 20, 40, 100, 200, 400])
        100
    """
    inside = [m for m in negative if 0 < m <= negative[-1] / 4]
    return inside[-1] if inside else negative[1]


def trend(sizes: Sequence[float], values: Values) -> Estimate:
    """Return the slope of values in ``log2`` of sizes: one least-squares line for each run, an Estimate over the runs.

    Args:
        sizes: shape ``(n,)``, positive, two different ones or more.
        values: shape ``(runs, n)``.

    Example:
        >>> trend([1, 2, 4], np.array([[0.0, 1.0, 2.0], [0.0, 1.0, 2.0]])).mean
        1.0
    """
    x = np.log2(np.asarray(sizes, dtype=np.float64))
    x = x - x.mean()
    if values.shape[1:] != x.shape or not np.any(x):
        raise InvalidParameter(f"a trend needs two sizes or more, and a value at each: not {list(sizes)!r}")
    return estimate(values @ x / float(x @ x))


def curve_table(rows: Sequence[Mapping[str, Any]], seeds: Sequence[int], positive: Sequence[int],
                negative: Sequence[int]) -> dict[str, Values]:  # fmt: skip
    """Return every quantity of `CURVES` as float64 of shape ``(seeds, positive, negative)``.

    Raises:
        InvalidParameter: rows are missing.
    """
    at = {(row["seed"], row["positive"], row["negative"]): row for row in rows}
    missing = [key for key in ((s, n, m) for s in seeds for n in positive for m in negative) if key not in at]
    if missing:
        raise InvalidParameter("no row for seed {}, {} positive and {} negative: run it first".format(*missing[0]))

    def column(name: str) -> Values:
        return np.array([[[at[s, n, m][name] for m in negative] for n in positive] for s in seeds], dtype=np.float64)

    plus, minus = column("positive_bits_per_byte"), column("negative_bits_per_byte")
    preference = minus - plus
    table = {
        "score": preference - preference[:, :1, :1],
        "positive": plus,
        "negative": minus,
        "pretrain": column("pretrain_bits_per_byte"),
        "kl": (column("kl_positive_nats") + column("kl_negative_nats")) / 2,
        "kl_pretrain": column("kl_pretrain_nats"),
    }
    if all("judged_positive" in row for row in at.values()):
        table["judged"] = column("judged_positive")
    return table


def summarise_rebound(spec: ReboundSpec, rows: Sequence[Row]) -> list[ReboundSummary]:
    """Summarise the rows of a finished experiment, arm by arm.

    Raises:
        InvalidParameter: rows are missing.
    """
    found = []
    for arm in spec.arms:
        mine = [row for row in rows if row["arm"] == arm.name]
        table = curve_table(mine, arm.seeds, spec.positive, spec.negative)
        after = tuple(after_positive(table, i, spec.positive, spec.negative, spec.levels)
                      for i in range(len(spec.positive)))  # fmt: skip
        early = early_volume(spec.negative)
        rates = _rates(table["score"], spec.negative, 0, early)
        tuned = [i for i, n in enumerate(spec.positive) if n]
        slope = trend([spec.positive[i] for i in tuned], rates[:, tuned]) if len(tuned) > 1 else estimate([0.0])
        found.append(
            ReboundSummary(
                arm=arm.name,
                parameters=int(mine[0]["parameters"]),
                seeds=len(arm.seeds),
                negative=spec.negative,
                early=early,
                after=after,
                rate_by_volume=slope,
                gained=estimate(table["score"][:, -1, 0]),
            )
        )
    return found


def after_positive(
    table: Mapping[str, Values], i: int, positive: Sequence[int], negative: Sequence[int], levels: Sequence[float]
) -> AfterPositive:
    """Summarise the negative runs after the positive volume of index ``i``; index 0 is the control."""
    early, score, kl = early_volume(negative), table["score"], table["kl"]
    first, last = (_rates(score, negative, *ends) for ends in ((0, early), (early, negative[-1])))
    fits = tuple(fit_phases(negative, curve) for curve in score[:, i])
    fallen, gained = score[:, i, 0] - score[:, i, -1], score[:, i, 0]
    return AfterPositive(
        positive=positive[i],
        curves={name: tuple(estimate(values[:, i, j]) for j in range(len(negative))) for name, values in table.items()},
        early_rate=estimate(first[:, i]),
        late_rate=estimate(last[:, i]),
        excess_rate=estimate(first[:, i] - first[:, 0]),
        fallen=estimate(fallen),
        # A share of means: a seed whose gain is near 0 has no share of its own.
        regained=_ratio(fallen, gained) if i else None,
        phases=fits,
        change=estimate([1000 * fit.change for fit in fits]),
        knee=estimate([fit.knee for fit in fits]),
        gain=estimate([fit.gain for fit in fits]),
        pooled_gain=pooled_gain(negative, score[:, i]),
        least=tuple(_least(negative, kl[:, i], level) for level in levels),
        closest_kl=estimate(kl[:, i].min(axis=1) / kl[:, i, 0]) if i else None,
    )


def _rates(score: Values, negative: Sequence[int], start: int, stop: int) -> Values:
    """Fall of the score between two volumes, for each 1,000 negative responses; shape ``(seeds, positive)``."""
    a, b = list(negative).index(start), list(negative).index(stop)
    fall: Values = (score[:, :, a] - score[:, :, b]) * 1000 / (stop - start)
    return fall


def _ratio(over: Values, under: Values) -> Estimate:
    """Return the ratio of two means over runs, its interval from the residuals ``over - ratio * under``."""
    ratio = float(over.mean() / under.mean())
    return estimate(ratio + (over - ratio * under) / under.mean())


def _least(negative: Sequence[int], curves: Values, level: float) -> LeastVolume:
    found = [least_volume(negative, curve, level) for curve in curves]
    reached = tuple(volume for volume in found if volume is not None)
    return LeastVolume(level, reached, len(curves), sum(volume == 0 for volume in reached))
