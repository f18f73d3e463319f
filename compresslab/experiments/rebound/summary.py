"""What the rows of ``rebound`` say: curves with intervals, phases, rates beside the control's, least volumes.

The *score* is how much more the model prefers positive texts than its base does, in bits per byte: the code length of
held-out negative texts less that of positive ones, less the same of the base. Nothing is sampled for it, and the texts
are the same for all models, so that their own difficulty cancels. A score can fall while positive texts stay as they
were, so the three code lengths stand beside it. The control is the base, given the same negative data: it is moved too,
and what is said of alignment is said net of control, and net of the placebo where there is one (see
`compresslab.experiments.rebound.placebo`). Intervals are Student's over seeds, those of shares Fieller's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab.errors import InvalidParameter
from compresslab.experiments.models.finetuning import learning_rate_sum
from compresslab.experiments.rebound.phases import Phases, fit_phases, least_volume, pooled_gain
from compresslab.experiments.rebound.placebo import (
    NetOfPlacebo,
    PlaceboTrends,
    net_of_placebo,
    placebo_trends,
    share_trend,
    trend,
)
from compresslab.experiments.rebound.run import ReboundSpec
from compresslab.experiments.rows import Row
from compresslab.theory.estimates import Estimate, estimate, net_of_control, ratio_of_means

__all__ = [
    "CHANGED",
    "CODE_LENGTHS",
    "CURVES",
    "AfterPositive",
    "LeastVolume",
    "ReboundSummary",
    "curve_tables",
    "early_volume",
    "summarise_rebound",
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

CODE_LENGTHS = ("positive", "negative", "pretrain")  # the curves that are code lengths
CHANGED = ("score", *CODE_LENGTHS)  # those whose changes are said raw and net


@dataclass(frozen=True)
class LeastVolume:
    """The least negative volume that brings KL to the base to a level: the paper's Table 3.

    Attributes:
        level: epsilon, nats per token.
        reached: the volume, one for each seed that came down to the level.
        seeds: how many there are; the others are censored: they had not by the largest volume.
        at_once: seeds that were at or below the level before any negative data.
        noise: the least negative volume that takes a base, the control, above the level by itself; None where none
            does. From there on nothing shows whether a model has come back to within the level.
    """

    level: float
    reached: tuple[float, ...]
    seeds: int
    at_once: int
    noise: int | None = None

    @property
    def brought_back(self) -> tuple[float, ...]:
        """The volumes of the seeds that the negative data itself brought down to the level."""
        return tuple(volume for volume in self.reached if volume > 0)

    @property
    def undecidable(self) -> bool:
        """Whether the level lies below the protocol's noise, and no seed came down to it."""
        return self.noise is not None and not self.reached

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
        net_fallen: the same net of control.
        survives: score after all the negative data, net of control.
        regained: share of what the positive data had gained that the negative data took back, a ratio of means; None
            for the control, and where it is not defined (see
            :func:`compresslab.theory.estimates.ratio_of_means`).
        net_regained: the same of the fall net of control.
        changed: each of `CHANGED` -> its change from the end of the positive data on, bits per byte, one
            Estimate for each negative volume.
        net_changed: the same net of control.
        phases: of each seed's score.
        change: late rate less early one of the line with a knee, for each 1,000 responses.
        knee: the volume at the knee.
        gain: AICc of one phase less that of two, on each seed's curve.
        pooled_gain: the same on the curves of all seeds at once.
        least: at each level.
        closest_kl: the least KL to the base on the way, over the KL without negative data: 1 means no return.
        placebo: the same net of the placebo; None for the control, and where there is no placebo.
    """

    positive: int
    curves: dict[str, tuple[Estimate, ...]]
    early_rate: Estimate
    late_rate: Estimate
    excess_rate: Estimate
    fallen: Estimate
    net_fallen: Estimate
    survives: Estimate
    regained: Estimate | None
    net_regained: Estimate | None
    changed: dict[str, tuple[Estimate, ...]]
    net_changed: dict[str, tuple[Estimate, ...]]
    phases: tuple[Phases, ...]
    change: Estimate
    knee: Estimate
    gain: Estimate
    pooled_gain: float
    least: tuple[LeastVolume, ...]
    closest_kl: Estimate | None
    placebo: NetOfPlacebo | None = None


@dataclass(frozen=True)
class ReboundSummary:
    """What one arm showed.

    Attributes:
        arm: its name.
        parameters: of its model.
        seeds: how many.
        negative: the negative volumes.
        early: the early volume: see :func:`early_volume`.
        aligned_sums: sum of the learning rates of each positive (or neutral) volume.
        negative_sums: the same of each negative volume.
        after: for each positive volume, the control first.
        rate_by_volume: slope of the early rate in ``log2 n``: above 0, more positive data falls faster.
        gained: score after the largest positive volume.
        loss_by_volume: slope in ``log2 n`` of what all the negative data takes, net of control: a spring loses more,
            the further it was stretched.
        survival_by_volume: the same slope of what survives, net of control.
        share_by_volume: the same slope of the share of the gain that is taken back, net of control: 0 for a spring,
            whose loss is in proportion; None where a share is not defined.
        placebo: the last three net of the placebo; None where there is none.
    """

    arm: str
    parameters: int
    seeds: int
    negative: tuple[int, ...]
    early: int
    aligned_sums: tuple[float, ...]
    negative_sums: tuple[float, ...]
    after: tuple[AfterPositive, ...]
    rate_by_volume: Estimate
    gained: Estimate
    loss_by_volume: Estimate
    survival_by_volume: Estimate
    share_by_volume: Estimate | None = None
    placebo: PlaceboTrends | None = None


def early_volume(negative: Sequence[int]) -> int:
    """Return the negative volume that ends the early stretch: the last one within a quarter of the largest.

    The paper's curves fall within the first 500 of 2,000.

    Example:
        >>> early_volume([0, 20, 40, 100, 200, 400])
        100
    """
    inside = [m for m in negative if 0 < m <= negative[-1] / 4]
    return inside[-1] if inside else negative[1]


def curve_tables(
    rows: Sequence[Mapping[str, Any]], seeds: Sequence[int], positive: Sequence[int], negative: Sequence[int]
) -> tuple[dict[str, Values], dict[str, Values] | None]:
    """Return every quantity of `CURVES` of the treated models, and of the placebo; None where there is no placebo.

    Each is float64 of shape ``(seeds, positive, negative)``; at 0 positive responses both are the control's.

    Raises:
        InvalidParameter: rows are missing.
    """
    at = {(group_of(row), row["seed"], aligned_volume(row), row["negative"]): row for row in rows}

    def table_of(group: str) -> dict[str, Values]:
        groups = [group if n else "control" for n in positive]
        keys = [[[(g, s, n, m) for m in negative] for g, n in zip(groups, positive, strict=True)] for s in seeds]
        for g, s, n, m in (key for one in keys for line in one for key in line):
            if (g, s, n, m) not in at:
                kind = "neutral" if g == "placebo" else "positive"
                raise InvalidParameter(f"no row for seed {s}, {n} {kind} and {m} negative: run it first")
        return _quantities([[[at[key] for key in line] for line in one] for one in keys])

    treated = table_of("treated")
    return treated, table_of("placebo") if any(group == "placebo" for group, *_ in at) else None


def group_of(row: Mapping[str, Any]) -> str:
    """Return the group of a row; older rows, without a placebo, do not name it."""
    return str(row.get("group") or ("treated" if row["positive"] else "control"))


def aligned_volume(row: Mapping[str, Any]) -> int:
    """Return the positive or neutral volume of a row."""
    return int(row["positive"]) + int(row.get("neutral", 0))


def _quantities(rows: Sequence[Sequence[Sequence[Mapping[str, Any]]]]) -> dict[str, Values]:
    def column(name: str) -> Values:
        return np.array([[[row[name] for row in line] for line in one] for one in rows], dtype=np.float64)

    plus, minus = column("positive_bits_per_byte"), column("negative_bits_per_byte")
    preference = minus - plus  # the first one is the base's: 0 positive and 0 negative responses
    table = {
        "score": preference - preference[:, :1, :1],
        "positive": plus,
        "negative": minus,
        "pretrain": column("pretrain_bits_per_byte"),
        "kl": (column("kl_positive_nats") + column("kl_negative_nats")) / 2,
        "kl_pretrain": column("kl_pretrain_nats"),
    }
    if all("judged_positive" in row for one in rows for line in one for row in line):
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
        table, placebo = curve_tables(mine, arm.seeds, spec.positive, spec.negative)
        after = tuple(after_positive(table, i, spec.positive, spec.negative, spec.levels, placebo)
                      for i in range(len(spec.positive)))  # fmt: skip
        early = early_volume(spec.negative)
        rates = _rates(table["score"], spec.negative, 0, early)
        tuned = [i for i, n in enumerate(spec.positive) if n]
        score = net_of_control(table["score"])

        volumes, many = [spec.positive[i] for i in tuned], len(tuned) > 1
        losses = (score[:, :, 0] - score[:, :, -1])[:, tuned]

        def slope(values: Values, tuned: list[int] = tuned) -> Estimate:
            return trend([spec.positive[i] for i in tuned], values[:, tuned]) if len(tuned) > 1 else estimate([0.0])

        found.append(
            ReboundSummary(
                arm=arm.name,
                parameters=int(mine[0]["parameters"]),
                seeds=len(arm.seeds),
                negative=spec.negative,
                early=early,
                aligned_sums=tuple(learning_rate_sum(spec.recipe, n) for n in spec.positive),
                negative_sums=tuple(learning_rate_sum(spec.recipe, m) for m in spec.negative),
                after=after,
                rate_by_volume=slope(rates),
                gained=estimate(table["score"][:, -1, 0]),
                loss_by_volume=slope(score[:, :, 0] - score[:, :, -1]),
                survival_by_volume=slope(score[:, :, -1]),
                share_by_volume=share_trend(volumes, losses, table["score"][:, tuned, 0]) if many else None,
                placebo=None
                if placebo is None or not many
                else placebo_trends(volumes, table["score"][:, tuned], placebo["score"][:, tuned]),
            )
        )
    return found


def after_positive(
    table: Mapping[str, Values], i: int, positive: Sequence[int], negative: Sequence[int], levels: Sequence[float],
    placebo: Mapping[str, Values] | None = None,
) -> AfterPositive:  # fmt: skip
    """Summarise the negative runs after the positive volume of index ``i``; index 0 is the control."""
    early, score, kl = early_volume(negative), table["score"], table["kl"]
    first, last = (_rates(score, negative, *ends) for ends in ((0, early), (early, negative[-1])))
    fits = tuple(fit_phases(negative, curve) for curve in score[:, i])
    falls, gained = score[:, :, 0] - score[:, :, -1], score[:, i, 0]
    fallen, net_fallen = falls[:, i], net_of_control(falls)[:, i]
    changed = {name: table[name] - table[name][:, :, :1] for name in CHANGED}

    def along(values: Values) -> tuple[Estimate, ...]:
        return tuple(estimate(values[:, i, j]) for j in range(len(negative)))

    return AfterPositive(
        positive=positive[i],
        curves={name: along(values) for name, values in table.items()},
        early_rate=estimate(first[:, i]),
        late_rate=estimate(last[:, i]),
        excess_rate=estimate(net_of_control(first)[:, i]),
        fallen=estimate(fallen),
        net_fallen=estimate(net_fallen),
        survives=estimate(net_of_control(score)[:, i, -1]),
        regained=ratio_of_means(fallen, gained) if i else None,
        net_regained=ratio_of_means(net_fallen, gained) if i else None,
        changed={name: along(values) for name, values in changed.items()},
        net_changed={name: along(net_of_control(values)) for name, values in changed.items()},
        phases=fits,
        change=estimate([1000 * fit.change for fit in fits]),
        knee=estimate([fit.knee for fit in fits]),
        gain=estimate([fit.gain for fit in fits]),
        pooled_gain=pooled_gain(negative, score[:, i]),
        least=tuple(_least(negative, kl[:, i], kl[:, 0], level) for level in levels),
        closest_kl=estimate(kl[:, i].min(axis=1) / kl[:, i, 0]) if i else None,
        placebo=net_of_placebo(table, placebo, i, negative, early, CHANGED) if i and placebo else None,
    )


def _rates(score: Values, negative: Sequence[int], start: int, stop: int) -> Values:
    """Return the fall of the score between two volumes, per 1,000 negative responses; shape ``(seeds, positive)``."""
    a, b = list(negative).index(start), list(negative).index(stop)
    fall: Values = (score[:, :, a] - score[:, :, b]) * 1000 / (stop - start)
    return fall


def _least(negative: Sequence[int], curves: Values, control: Values, level: float) -> LeastVolume:
    found = [least_volume(negative, curve, level) for curve in curves]
    reached = tuple(volume for volume in found if volume is not None)
    noise = next((m for m, kl in zip(negative, control.mean(axis=0), strict=True) if kl > level), None)
    return LeastVolume(level, reached, len(curves), sum(volume == 0 for volume in reached), noise)
