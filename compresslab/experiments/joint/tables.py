"""The summary of the experiment ``joint`` as tables: for a terminal, and as Markdown for the documentation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from compresslab.experiments.joint.summary import ArmSummary, Slope
from compresslab.report.digits import measured, measured_mean, rounded, shared_decimals, significant
from compresslab.report.findings import TableText

__all__ = ["PLACES", "arm_finding", "arm_name", "by_arithmetic", "joint_findings", "joint_tables"]

PLACES = 5  # decimals of a slope at most: training stops short by more than that, whatever the seeds agree on
SYMBOLS = {"pretrain": "p", "align": "a", "perturb": "t"}


def joint_findings(summaries: Sequence[ArmSummary]) -> Iterator[str]:
    """Say in words what each arm showed, agreement and disagreement alike."""
    for one in summaries:
        yield f"{arm_name(one)}: {arm_finding(one)}"
    yield from filter(None, [by_arithmetic(summaries[0])])


def arm_finding(one: ArmSummary) -> str:
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


def by_arithmetic(one: ArmSummary) -> str:
    """Say what of the theory's slopes holds for any words; "" where alignment shares leaves with the rest."""
    k, align = one.arm.k, one.at("align", one.arm.l[0])
    if align.l or not math.isclose(align.theory, 1 / (k + 1), rel_tol=1e-9):
        return ""
    return (
        f"Alignment data shares no leaf with the rest in the arm “{one.arm.name}”, so that at l = 0 the theory's "
        f"slopes are 1/{k + 1:g} and -1/{k * (k + 1):g} by arithmetic: that a network has them follows from its fit."
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


def joint_tables(summaries: Sequence[ArmSummary], *, wide: bool) -> Iterator[TableText]:
    """Yield the tables; to fit a terminal, those that are not wide leave out what follows from the rest or its titles.

    These are the errors in percent, and of the arms their reading, k and parameters.
    """
    yield (
        "Arms: the fit, and the slopes at l = 0",
        ["arm", *(["reading", "k", "parameters"] * wide), "excess", "dγ_p/dl", "theory", "dγ_a/dl", "theory", "ratio"],
        [
            [
                arm_name(one),
                *[one.arm.reading, f"{one.arm.k:g}", f"{one.parameters:,}"] * wide,
                measured_mean(one.excess, most=4),
                *(cell for role in ("pretrain", "align") for cell in _pair(one.at(role, 0.0))),
                measured(one.ratio, most=2),
            ]
            for one in summaries
        ],
    )
    for one in summaries:
        size = "" if wide else f", {one.parameters:,} parameters"
        yield (
            f"{arm_name(one)}{size}: {one.leaves:,} leaves, {len(one.arm.seeds)} seeds, "
            f"k = {one.arm.k:g}, {one.arm.reading}",
            ["l", *(x for s in SYMBOLS.values() for x in (f"dγ_{s}/dl", "theory", *["error"] * wide)), "conservation"],
            [
                [
                    f"{l:g}",
                    *(
                        cell
                        for role in SYMBOLS
                        for cell in (*_pair(one.at(role, l)), *[_error(one.at(role, l))] * wide)
                    ),
                    measured(one.conservation[i], most=4)
                    if wide
                    else measured_mean(one.conservation[i], signed=True, most=4),
                ]
                for i, l in enumerate(one.arm.l)  # noqa: E741
            ],
        )

        yield (
            f"{arm_name(one)}: through the range coder, streams of sampled phrases",
            ["l", *(x for s in SYMBOLS.values() for x in (f"dγ_{s}/dl", "theory"))],
            [
                [
                    f"{l:g}",
                    *(cell for role in SYMBOLS for cell in _coded_pair(one.at(role, l))),
                ]
                for l in one.arm.l  # noqa: E741
            ],
        )


def arm_name(one: ArmSummary) -> str:
    """Return an arm's name with its network."""
    label = f"{one.arm.network} {one.arm.size}"
    return one.arm.name if one.arm.name == label else f"{one.arm.name} ({label})"


def _pair(slope: Slope) -> tuple[str, str]:
    return measured(slope.network, most=PLACES), measured_mean(slope.network, slope.theory, signed=True, most=PLACES)


def _coded_pair(slope: Slope) -> tuple[str, str]:
    return measured(slope.coded, most=PLACES), measured_mean(slope.coded, slope.theory, signed=True, most=PLACES)


def _error(slope: Slope) -> str:
    if abs(slope.relative_error) >= 10:
        return "-"
    half = 100 * slope.network.half_width / abs(slope.theory)
    return rounded(100 * slope.relative_error, min(1, shared_decimals([half], 1)), signed=True) + "%"
