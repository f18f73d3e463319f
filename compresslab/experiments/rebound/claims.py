"""The claims of a rebound with a placebo: one primary, tested by itself, and a family corrected by Holm.

They are frozen with the spec: which statistic, on which side of 0, within which margin it counts as nothing. They are
about the first arm. A claim with a margin has two tests in the family, that of no effect and that of equivalence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from compresslab.experiments.data.tuning_texts import TextSpec, source_label
from compresslab.experiments.experiment import Design
from compresslab.experiments.rebound.run import ReboundSpec
from compresslab.experiments.rebound.summary import AfterPositive, ReboundSummary
from compresslab.theory.estimates import Estimate
from compresslab.theory.multiple_tests import holm, p_equivalent, p_value
from compresslab.theory.verdicts import power, runs_to_decide

__all__ = ["CLAIMS", "LEVEL", "Claim", "Tested", "claims_of", "claims_tested", "placebo_design", "plain_claims"]

LEVEL = 0.05


@dataclass(frozen=True)
class Claim:
    """What is claimed.

    Attributes:
        name: in words.
        side: of 0 that the claim is on, 1 or -1.
        found: the summary of the arm -> the statistic; None where it is not defined.
        margin: the spec -> within which it counts as nothing; 0: no margin.
        nothing: the verdict where the statistic lies within the margin.
    """

    name: str
    side: int
    found: Callable[[ReboundSummary], Estimate | None]
    margin: Callable[[ReboundSpec], float] = lambda _: 0.0
    nothing: str = "equivalent to nothing"


@dataclass(frozen=True)
class Tested:
    """What came of a claim.

    Attributes:
        claim: in words.
        primary: whether it is the primary one, which no other test corrects.
        side: of 0 that the claim is on.
        found: the statistic; None where it is not defined.
        margin: of equivalence; 0: none.
        p: two-sided, of no effect; NaN where there is none.
        p_corrected: by Holm over the family; the same for the primary claim.
        p_equivalent: of an effect as large as the margin; NaN without a margin.
        p_equivalent_corrected: likewise.
        verdict: "seen", "the opposite seen", "undecided", or what it means that the statistic is nothing, at the level
            0.05, corrected; "not defined" without a statistic.
        runs: how many seeds would decide by themselves, uncorrected, where it is undecided; None: unknown, or too many.
        power: the chance to see, uncorrected, an effect as large as the margin; NaN without a margin.
    """

    claim: str
    primary: bool
    side: int
    found: Estimate | None
    margin: float
    p: float
    p_corrected: float
    p_equivalent: float
    p_equivalent_corrected: float
    verdict: str
    runs: int | None
    power: float


def _last(one: ReboundSummary) -> AfterPositive:
    return one.after[-1]


def _length(name: str) -> Callable[[ReboundSummary], Estimate | None]:
    def found(one: ReboundSummary) -> Estimate | None:
        net = _last(one).placebo
        return None if net is None else net.changed[name][-1]

    return found


def _bits(spec: ReboundSpec) -> float:
    return spec.margin_bits


def _share(spec: ReboundSpec) -> float:
    return spec.margin_share


_SPRING = "loss in proportion, as a spring's"
_LAST = "by all negative data after the largest positive volume"

# The first is the primary one.
CLAIMS: tuple[Claim, ...] = (
    Claim(
        f"the score falls {_LAST}, net of the placebo", 1,
        lambda one: None if (net := _last(one).placebo) is None else net.fallen, _bits,
    ),
    Claim(f"the score falls {_LAST}, net of the control", 1, lambda one: _last(one).net_fallen, _bits),
    Claim(f"positive texts get dearer {_LAST}, net of the placebo", 1, _length("positive"), _bits),
    Claim(f"negative texts get cheaper {_LAST}, net of the placebo", -1, _length("negative"), _bits),
    Claim(f"pre-training texts get cheaper {_LAST}, net of the placebo", -1, _length("pretrain"), _bits),
    Claim(
        "the score falls faster at first than the placebo's", 1,
        lambda one: None if (net := _last(one).placebo) is None else net.early_rate,
    ),
    Claim("the score falls faster at first the more positive data there was", 1, lambda one: one.rate_by_volume),
    Claim(
        "not a spring: the share of the gain that is taken back falls with each doubling of the positive data, net of "
        "the placebo", -1, lambda one: None if one.placebo is None else one.placebo.share, _share, _SPRING,
    ),
    Claim(
        "not a spring: the share of the gain that is taken back falls with each doubling of the positive data, net of "
        "the control", -1, lambda one: one.share_by_volume, _share, _SPRING,
    ),
)  # fmt: skip


def claims_tested(spec: ReboundSpec, one: ReboundSummary) -> tuple[Tested, ...]:
    """Return what came of each claim, the primary one first.

    Args:
        spec: whose margins count.
        one: of the arm that the claims are about.
    """
    raw = [_uncorrected(claim, spec, one, not i) for i, claim in enumerate(CLAIMS)]
    differ, equal = [found.p for found in raw[1:]], [found.p_equivalent for found in raw[1:] if found.margin]
    corrected = holm([*differ, *equal])
    rest = iter(corrected[len(differ) :])
    found = [raw[0]]
    for test, p in zip(raw[1:], corrected, strict=False):
        found.append(replace(test, p_corrected=p, p_equivalent_corrected=next(rest) if test.margin else float("nan")))
    return tuple(replace(test, verdict=_verdict(test, claim)) for test, claim in zip(found, CLAIMS, strict=True))


def _uncorrected(claim: Claim, spec: ReboundSpec, one: ReboundSummary, primary: bool) -> Tested:
    found, margin, none = claim.found(one), claim.margin(spec), float("nan")
    if found is None:
        return Tested(claim.name, primary, claim.side, None, margin, none, none, none, none, "", None, none)
    p, equal = p_value(found), p_equivalent(found, margin) if margin else none
    return Tested(
        claim.name, primary, claim.side, found, margin, p, p, equal, equal, "", runs_to_decide(found, margin),
        power(found, margin) if margin else none,
    )  # fmt: skip


def _verdict(test: Tested, claim: Claim) -> str:
    if test.found is None:
        return "not defined"
    if test.p_equivalent_corrected <= LEVEL:
        return claim.nothing
    if test.p_corrected <= LEVEL:
        return "seen" if test.found.mean * test.side > 0 else "the opposite seen"
    return "undecided"


def placebo_design(spec: ReboundSpec, design: Design) -> Design:
    """Return the design of a spec: with a placebo, its primary claim, its family and its margins are frozen."""
    if spec.gate is not None:
        gate, tried = spec.gate, ", ".join(f"{rate:g} (KL {kl:.4f})" for rate, kl in spec.gate.tried)
        level = f"until all the negative data takes a base {gate.level_nats:g} nats per token away at most"
        pilot = f"in a pilot on seed {gate.seed}, which is in no arm"
        design = replace(
            design,
            rate=f"one constant rate for all trainings, halved {level}, {pilot}" + f": {tried}" * bool(tried),
        )
    if not spec.texts.neutral:
        return design
    first, family = CLAIMS[0], CLAIMS[1:]
    margins = [f"{spec.margin_bits:g} bits per byte"] * bool(spec.margin_bits)
    margins += [f"{spec.margin_share:g} of the gain for each doubling"] * bool(spec.margin_share)
    return replace(
        design,
        primary=f"{first.name}: {'> 0' if first.side > 0 else '< 0'}, of the arm '{spec.arms[0].name}', Student's test "
        f"over seeds at {LEVEL:g}, two-sided",
        secondary=f"corrected by Holm, the {len(family)} tests of no effect and those of equivalence as one family: "
        + "; ".join(f"{claim.name} ({'> 0' if claim.side > 0 else '< 0'})" for claim in family),
        equivalence=f"two one-sided tests within {' and '.join(margins)}" if margins else design.equivalence,
        placebo=placebo_words(spec.texts),
    )


def placebo_words(texts: TextSpec) -> str:
    """Say what the placebo is where there are neutral texts."""
    neutral = ", ".join(map(source_label, texts.neutral))
    return (
        "the base after as much neutral data as each positive volume, by the same recipe and so at the same sum of "
        f"learning rates, given the same negative data; neutral: {neutral}; pre-training holds such texts where it "
        "holds positive ones"
    )


def claims_of(spec: ReboundSpec, summaries: Sequence[ReboundSummary]) -> tuple[Tested, ...]:
    """Return what came of the claims of an experiment; none without a placebo, or where the first arm has no rows."""
    one = next((one for one in summaries if one.arm == spec.arms[0].name), None)
    return () if one is None or _last(one).placebo is None else claims_tested(spec, one)


def plain_claims(spec: ReboundSpec, summaries: Sequence[ReboundSummary]) -> list[dict[str, Any]]:
    """Return the same as JSON holds it: what is not a number is None."""
    return [
        {name: None if isinstance(x, float) and math.isnan(x) else x for name, x in asdict(test).items()}
        for test in claims_of(spec, summaries)
    ]
