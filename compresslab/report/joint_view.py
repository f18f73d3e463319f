"""The summary of the experiment ``joint`` as tables: for a terminal, and as Markdown for the documentation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from compresslab.experiments.joint_summary import ArmSummary, Slope
from compresslab.experiments.slopes import Estimate
from compresslab.report.tables import make_table

__all__ = ["joint_findings", "joint_markdown", "joint_view"]

SYMBOLS = {"pretrain": "p", "align": "a", "perturb": "t"}

Sheet = tuple[str, list[str], list[list[str]]]


def joint_view(summaries: Sequence[ArmSummary]) -> RenderableType:
    """Draw the findings and their tables for a terminal."""
    views: list[RenderableType] = [Text(f"- {line}") for line in joint_findings(summaries)]
    for title, columns, rows in _sheets(summaries, wide=False):
        table = make_table(title, columns)
        for row in rows:
            table.add_row(*row)
        views += [Text(), table]
    return Group(*views)


def joint_markdown(summaries: Sequence[ArmSummary]) -> str:
    """Write the findings and their tables as Markdown."""
    parts = ["\n".join(f"- {line}" for line in joint_findings(summaries))]
    for title, columns, rows in _sheets(summaries, wide=True):
        marks = ["---", *["---:"] * (len(columns) - 1)]
        lines = ["| " + " | ".join(cells) + " |" for cells in (columns, marks, *rows)]
        parts.append(f"**{title}**\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def joint_findings(summaries: Sequence[ArmSummary]) -> Iterator[str]:
    """Say in words what each arm showed, agreement and disagreement alike."""
    for one in summaries:
        early = [slope for slope in one.slopes if slope.l < 0.5]
        right = sum(slope.sign_agrees for slope in early)
        errors = ", ".join(f"γ_{symbol} {_worst(one, role):.1%}" for role, symbol in SYMBOLS.items())
        yield (
            f"{_name(one)}: excess {one.largest_excess:.4f} nats at most; {right} of {len(early)} signs for l < 1/2 "
            f"as the theory says, at 95 %; slopes off by at most {errors} of the largest."
        )


def _worst(one: ArmSummary, role: str) -> float:
    """Return the largest error of a role over its largest slope: near a turning point a slope itself is nothing."""
    slopes = [slope for slope in one.slopes if slope.role == role]
    return max(abs(s.network.mean - s.theory) for s in slopes) / max(abs(s.theory) for s in slopes)


def _sheets(summaries: Sequence[ArmSummary], *, wide: bool) -> Iterator[Sheet]:
    """Yield the tables; to fit a terminal, those that are not wide leave out what follows from the rest or its titles.

    These are the errors in percent, and of the arms their reading, k and parameters.
    """
    yield (
        "Arms: the fit, and the slopes at l = 0",
        ["arm", *(["reading", "k", "parameters"] * wide), "excess", "dγ_p/dl", "theory", "dγ_a/dl", "theory", "ratio"],
        [
            [
                _name(one),
                *[one.arm.reading, f"{one.arm.k:g}", f"{one.parameters:,}"] * wide,
                f"{one.excess.mean:.4f}",
                *(cell for role in ("pretrain", "align") for cell in _pair(one.at(role, 0.0))),
                _with_error(one.ratio, 1),
            ]
            for one in summaries
        ],
    )
    for one in summaries:
        size = "" if wide else f", {one.parameters:,} parameters"
        yield (
            f"{_name(one)}{size}: {one.leaves:,} leaves, {len(one.arm.seeds)} seeds, "
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
                    _with_error(one.conservation[i], 4) if wide else f"{one.conservation[i].mean:+.4f}",
                ]
                for i, l in enumerate(one.arm.l)  # noqa: E741
            ],
        )

        yield (
            f"{_name(one)}: through the range coder, streams of sampled phrases",
            ["l", *(x for s in SYMBOLS.values() for x in (f"dγ_{s}/dl", "theory"))],
            [
                [
                    f"{l:g}",
                    *(x for r in SYMBOLS for x in (_with_error(one.at(r, l).coded, 5), f"{one.at(r, l).theory:+.5f}")),
                ]
                for l in one.arm.l  # noqa: E741
            ],
        )


def _name(one: ArmSummary) -> str:
    label = f"{one.arm.network} {one.arm.size}"
    return one.arm.name if one.arm.name == label else f"{one.arm.name} ({label})"


def _pair(slope: Slope) -> tuple[str, str]:
    return _with_error(slope.network, 5), f"{slope.theory:+.5f}"


def _error(slope: Slope) -> str:
    return f"{slope.relative_error:+.1%}" if abs(slope.relative_error) < 10 else "-"


def _with_error(x: Estimate, digits: int) -> str:
    half = f" ± {x.half_width:.{digits}f}" if x.runs > 1 else ""
    return f"{x.mean:+.{digits}f}{half}"
