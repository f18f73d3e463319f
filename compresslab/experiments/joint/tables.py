"""What the experiment ``joint`` says, in words and tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from compresslab.experiments.joint.summary import ArmSummary, Slope
from compresslab.report.digits import measured, measured_mean, rounded, shared_decimals, significant
from compresslab.report.page import Group, Section, Table, seeds_of

__all__ = ["SYMBOLS", "joint_findings", "joint_tables", "slope_pair", "slope_table"]

_PLACES = 5  # decimals of a slope at most: training stops short by more than that, whatever the seeds agree on
SYMBOLS = {"pretrain": "p", "align": "a", "perturb": "t"}


def joint_findings(summaries: Sequence[ArmSummary]) -> Section:
    """Say in words what each arm showed, agreement and disagreement alike."""
    groups = (
        Group(f"Arm “{_arm_name(one)}”", (_finding(one),), _network(one), label=_arm_name(one)) for one in summaries
    )
    return Section("Findings", groups=tuple(groups), points=tuple(_by_arithmetic(summaries[0])))


def _network(one: ArmSummary) -> str:
    """Say what an arm is."""
    return (
        f"Network {one.arm.network}, {one.parameters:,} parameters, {seeds_of(len(one.arm.seeds))}, "
        f"{one.leaves:,} leaves, k = {one.arm.k:g}, {one.arm.reading} reading."
    )


def _finding(one: ArmSummary) -> str:
    """Say in words what one arm showed, without its name."""
    early = [slope for slope in one.slopes if slope.l < 0.5]
    right = sum(slope.sign_agrees for slope in early)
    errors = ", ".join(f"γ_{symbol} {_worst(one, role):.1%}" for role, symbol in SYMBOLS.items())
    spread = ", ".join(f"γ_{symbol} {_spread(one, role)}" for role, symbol in SYMBOLS.items())
    return (
        f"excess {significant(one.largest_excess, 2)} nats at most; {right} of {len(early)} signs for l < 1/2 as the "
        f"theory says, at 95 %; bias: mean slopes off by at most {errors} of the largest; spread over seeds, half "
        f"intervals: at most {spread} of it."
    )


def _by_arithmetic(one: ArmSummary) -> Iterator[str]:
    """Say what of the theory's slopes holds for any words; nothing where alignment shares leaves with the rest."""
    k, align = one.arm.k, one.at("align", one.arm.l[0])
    if not align.l and math.isclose(align.theory, 1 / (k + 1), rel_tol=1e-9):
        yield (
            f"Alignment data shares no leaf with the rest in the arm “{one.arm.name}”, so that at l = 0 the theory's "
            f"slopes are 1/{k + 1:g} and -1/{k * (k + 1):g} by arithmetic: that a network has them follows from its "
            "fit."
        )


def _worst(one: ArmSummary, role: str) -> float:
    """Return the largest error of a role over its largest slope: near a turning point a slope itself is nothing."""
    slopes = [slope for slope in one.slopes if slope.role == role]
    return max(abs(s.network.mean - s.theory) for s in slopes) / max(abs(s.theory) for s in slopes)


def _spread(one: ArmSummary, role: str) -> str:
    """Write the largest half interval over seeds in the same unit; "-" for a single seed."""
    slopes = [slope for slope in one.slopes if slope.role == role]
    widest = max(s.network.half_width for s in slopes) / max(abs(s.theory) for s in slopes)
    return "-" if math.isnan(widest) else f"{widest:.1%}"


def joint_tables(summaries: Sequence[ArmSummary], *, wide: bool) -> Iterator[Table]:
    """Yield the tables; to fit a terminal, those that are not wide leave out what follows from the rest or its titles.

    These are the errors in percent, and of the arms their reading, k and parameters.
    """
    yield Table(
        "Arms: the fit, and the slopes at l = 0",
        ("arm", *("reading", "k", "parameters") * wide, "excess", "dγ_p/dl", "theory", "dγ_a/dl", "theory", "ratio"),
        [
            (
                _arm_name(one),
                *(one.arm.reading, f"{one.arm.k:g}", f"{one.parameters:,}") * wide,
                measured_mean(one.excess, most=4),
                *(cell for role in ("pretrain", "align") for cell in slope_pair(one.at(role, 0.0))),
                measured(one.ratio, most=2),
            )
            for one in summaries
        ],
    )
    for one in summaries:
        size = "" if wide else f", {one.parameters:,} parameters"
        about = f"{one.leaves:,} leaves, {len(one.arm.seeds)} seeds, k = {one.arm.k:g}, {one.arm.reading}"
        yield slope_table(f"{_arm_name(one)}{size}: {about}", one, wide=wide)
        yield Table(
            f"{_arm_name(one)}: through the range coder, streams of sampled phrases",
            ("l", *(x for s in SYMBOLS.values() for x in (f"dγ_{s}/dl", "theory"))),
            [
                (f"{l:g}", *(x for role in SYMBOLS for x in slope_pair(one.at(role, l), coded=True)))
                for l in one.arm.l  # noqa: E741
            ],
        )


def slope_table(title: str, one: ArmSummary, *, wide: bool, scale: float = 1.0) -> Table:
    """Return the slopes of an arm beside the theory's, in nats times ``scale``; a wide table has errors and intervals.

    Wide are also the intervals of the conservation law, which is a share.
    """
    rows = []
    for l, residual in zip(one.arm.l, one.conservation, strict=True):  # noqa: E741
        slopes = [one.at(role, l) for role in SYMBOLS]
        cells = (x for slope in slopes for x in (*slope_pair(slope, scale=scale), *[_error(slope)] * wide))
        kept = measured(residual, most=4) if wide else measured_mean(residual, signed=True, most=4)
        rows.append((f"{l:g}", *cells, kept))
    heads = (x for symbol in SYMBOLS.values() for x in (f"dγ_{symbol}/dl", "theory", *["error"] * wide))
    return Table(title, ("l", *heads, "conservation"), rows, text_columns=())


def _arm_name(one: ArmSummary) -> str:
    """Return an arm's name with its network."""
    label = f"{one.arm.network} {one.arm.size}"
    return one.arm.name if one.arm.name == label else f"{one.arm.name} ({label})"


def slope_pair(slope: Slope, *, coded: bool = False, scale: float = 1.0) -> tuple[str, str]:
    """Write a network's slope and the theory's, in nats times ``scale``; or the slope of the coded streams."""
    found = slope.coded if coded else slope.network
    theory = measured_mean(found, slope.theory, signed=True, scale=scale, most=_PLACES)
    return measured(found, scale=scale, most=_PLACES), theory


def _error(slope: Slope) -> str:
    if abs(slope.relative_error) >= 10:
        return "-"
    half = 100 * slope.network.half_width / abs(slope.theory)
    return rounded(100 * slope.relative_error, min(1, shared_decimals([half], 1)), signed=True) + "%"
