"""The claims of a rebound with a placebo, in words and in a table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from compresslab.experiments.rebound.claims import LEVEL, Tested, claims_of
from compresslab.experiments.rebound.run import ReboundSpec
from compresslab.experiments.rebound.summary import ReboundSummary
from compresslab.report.digits import measured, written_p
from compresslab.report.page import Group, Table

__all__ = ["claim_groups", "claim_tables", "claim_verdict"]


def claim_groups(spec: ReboundSpec, summaries: Sequence[ReboundSummary]) -> Iterator[Group]:
    """Yield what came of the claims, the primary one first; nothing where there are none."""
    tests = claims_of(spec, summaries)
    if not tests:
        return
    points = tuple(
        f"{'primary: ' * test.primary}{test.claim}: {claim_verdict(test)}"
        + (f" ({measured(test.found)})" if test.found is not None else "")
        for test in tests
    )
    lead = (
        f"They were frozen with the spec, and are about the arm “{spec.arms[0].name}”. The primary one is tested at "
        f"{LEVEL:g}; the others are one family, corrected by Holm. Verdicts of other findings are not corrected."
    )
    yield Group("Claims of the design", points, lead, label="claim")


def claim_tables(spec: ReboundSpec, summaries: Sequence[ReboundSummary]) -> Iterator[Table]:
    """Yield the table of the claims; nothing where there are none."""
    tests = claims_of(spec, summaries)
    if tests:
        yield Table(
            f"Claims of the design, arm {spec.arms[0].name}: the primary one, then the family, corrected by Holm",
            ["claim", "side", "found", "p", "by Holm", "margin", "p of equivalence", "by Holm", "power", "verdict"],
            [_row(test) for test in tests],
            text_columns=(0, 9),
        )


def claim_verdict(test: Tested) -> str:
    """Write a verdict; of one that is undecided, how many seeds would decide without the correction."""
    if test.verdict == "undecided" and test.found is not None and test.runs is not None and test.runs > test.found.runs:
        return f"undecided: about {test.runs:,} seeds would decide"
    return test.verdict


def _row(test: Tested) -> list[str]:
    return [
        test.claim,
        "> 0" if test.side > 0 else "< 0",
        "not defined" if test.found is None else measured(test.found),
        written_p(test.p),
        "primary" if test.primary else written_p(test.p_corrected),
        f"{test.margin:g}" if test.margin else "-",
        written_p(test.p_equivalent),
        "primary" if test.primary and test.margin else written_p(test.p_equivalent_corrected),
        "-" if math.isnan(test.power) else f"{test.power:.2f}",
        claim_verdict(test),
    ]
