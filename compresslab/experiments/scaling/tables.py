"""The summary of the experiment ``scaling`` in words and tables."""

from __future__ import annotations

from collections.abc import Iterator

from compresslab.experiments.rebound.tables import NO_PLACEBO
from compresslab.experiments.scaling.summary import PLACEBO_MEASURES, ScalingPoint, ScalingSummary, Series
from compresslab.report.digits import measured, measured_mean
from compresslab.report.page import Group, Section, Table, seeds_of
from compresslab.theory.estimates import Estimate
from compresslab.theory.verdicts import verdict

__all__ = ["bits", "has_placebo", "scaling_findings", "scaling_tables"]

_SHOWN = (
    "base_bits",
    "gained",
    "early_rate",
    "control_rate",
    "excess_rate",
    "fallen",
    "control_fallen",
    "net_fallen",
    "left",
    "kl",
)
_HEADS = {
    "base_bits": "base, bits per byte",
    "gained": "score after positive",
    "early_rate": "early fall",
    "control_rate": "control's",
    "excess_rate": "excess",
    "fallen": "fall in all",
    "control_fallen": "control's in all",
    "net_fallen": "net fall",
    "left": "score at the end",
    "kl": "KL after positive",
    "placebo_rate": "placebo's early fall",
    "rate_over_placebo": "early fall, net of placebo",
    "placebo_fallen": "placebo's in all",
    "fallen_over_placebo": "fall in all, net of placebo",
    "placebo_kl": "KL after neutral",
}


def scaling_findings(summary: ScalingSummary) -> Section:
    """Say in words what each series showed of what the paper finds: seen, the opposite seen, or undecided."""
    groups = (Group(f"By {series.name}", tuple(_findings(series)), _bases(series)) for series in summary.series)
    lead = "Each says what the paper finds, and whether it is seen here, the opposite seen, or undecided."
    if not has_placebo(summary):
        lead += f" {NO_PLACEBO}"
    return Section("Findings", lead, groups=tuple(groups))


def _bases(series: Series) -> str:
    """Say what the bases of a series are."""
    fixed = "symbols of pre-training" if series.unit == "parameters" else "parameters"
    held = sorted({point.symbols if series.unit == "parameters" else point.parameters for point in series.points})
    alike = f", {held[0]:,} {fixed} each" if len(held) == 1 and held[0] else ""
    seeds = seeds_of(series.points[0].values["gained"].runs)
    grown = f"{series.sizes[0]:,.0f} to {series.sizes[-1]:,.0f} {series.unit}"
    return f"{len(series.points)} bases of {grown}{alike}, {seeds}."


def _findings(series: Series) -> Iterator[str]:
    """Say in words what one series showed."""
    slopes = series.slopes
    yield (
        f"rebound grows with {series.name} ({verdict(slopes['excess_rate'], 1)}): early fall above the control's "
        f"{_slope(slopes['excess_rate'])}, over {series.sizes[0]:,.0f} to {series.sizes[-1]:,.0f} {series.unit}."
    )
    yield (
        f"the early fall itself grows with {series.name} ({verdict(slopes['early_rate'], 1)}): "
        f"{_slope(slopes['early_rate'])}; that of the control {_slope(slopes['control_rate'])}."
    )
    yield (
        f"what the positive data gains grows with {series.name} ({verdict(slopes['gained'], 1)}): "
        f"{_slope(slopes['gained'])}."
    )
    yield (
        f"what the negative data takes back grows with {series.name} ({verdict(slopes['net_fallen'], 1)}): "
        f"{_slope(slopes['net_fallen'])}, net of the control's own fall; raw {_slope(slopes['fallen'])}, of the "
        f"control {_slope(slopes['control_fallen'])}."
    )
    if "fallen_over_placebo" in slopes:
        net, own, early = (slopes[name] for name in ("fallen_over_placebo", "placebo_fallen", "rate_over_placebo"))
        yield (
            f"what it takes back net of the placebo grows with {series.name} ({verdict(net, 1)}): {_slope(net)}, of "
            f"the placebo itself {_slope(own)}; early fall net of the placebo ({verdict(early, 1)}): {_slope(early)}."
        )
    for tau, slope in series.depth_slopes.items():
        yield (
            f"the effective depth at {bits(tau)} grows with {series.name} ({verdict(slope, 1)}): {_slope(slope)}, from "
            f"{measured_mean(series.points[0].depths[tau])} to {measured_mean(series.points[-1].depths[tau])} layers."
        )


def has_placebo(summary: ScalingSummary) -> bool:
    """Say whether a base that had neutral data stands beside each."""
    return "placebo_fallen" in summary.series[0].slopes


def bits(count: float) -> str:
    """Write a number of bits.

    Example:
        >>> bits(1.0), bits(2.5)
        ('1 bit', '2.5 bits')
    """
    return f"{count:g} bit{'s' * (count != 1)}"


def _slope(x: Estimate) -> str:
    return f"{measured(x)} for each doubling"


def scaling_tables(summary: ScalingSummary, *, wide: bool = True) -> Iterator[Table]:
    """Yield the tables; those that are not wide leave out what a terminal has no room for."""
    shown = _SHOWN if wide else ("gained", "early_rate", "excess_rate", "net_fallen")
    if has_placebo(summary):
        shown = (*shown, *(PLACEBO_MEASURES if wide else ("fallen_over_placebo",)))
    for series in summary.series:
        seeds = series.points[0].values["gained"].runs
        yield Table(
            f"By {series.name}, {seeds_of(seeds)}; rates in bits per byte for each 1,000 negative responses, early: to "
            f"{summary.early:,}",
            [series.unit, *(_HEADS[name] for name in shown)],
            [
                *(
                    [f"{size:,.0f}", *(_value(point, name) for name in shown)]
                    for size, point in zip(series.sizes, series.points, strict=True)
                ),
                ["each doubling", *(measured(series.slopes[name]) for name in shown)],
            ],
        )
        yield _depth_sheet(series, wide)


def _value(point: ScalingPoint, name: str) -> str:
    return measured(point.values[name], signed=name not in ("base_bits", "kl", "placebo_kl"))


def _depth_sheet(series: Series, wide: bool) -> Table:
    taus = list(series.depth_slopes)
    layers = len(series.points[0].excess_bits) if wide else 0
    return Table(
        f"By {series.name}: effective depth at a tolerance in bits"
        + (", and the summed excess of the first layers, in bits" if wide else ""),
        [series.unit, *(f"depth at {tau:g}" for tau in taus), *(f"e_1..e_{m + 1}" for m in range(layers))],
        [
            *(
                [
                    f"{size:,.0f}",
                    *(measured(point.depths[tau], signed=False) for tau in taus),
                    *(f"{sum(point.excess_bits[: m + 1]):.2f}" for m in range(layers)),
                ]
                for size, point in zip(series.sizes, series.points, strict=True)
            ),
            ["each doubling", *(measured(series.depth_slopes[tau]) for tau in taus), *[""] * layers],
        ],
    )
