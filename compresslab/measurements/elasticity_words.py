"""What the measurement ``elasticity`` says in words: the answer, the numbers of the first screen, the findings."""

from __future__ import annotations

from collections.abc import Iterator

from compresslab.measurements.elasticity import ElasticityResult, ElasticityRow, Reading, SlopeError
from compresslab.report.digits import significant
from compresslab.report.page import Fact, joined
from compresslab.theory.elasticity import Roles

__all__ = ["READINGS", "elasticity_answer", "elasticity_facts", "reading_findings"]

READINGS = {
    "contained": "D_a is distributed exactly as the second part of D_p, D_t exactly as the third (Theorem 4.2)",
    "fresh": "D_a and D_t are the data given: other texts, and other phrases, than those of D_p",
}


def elasticity_answer(result: ElasticityResult) -> list[str]:
    """Say what was measured, and in a sentence for each reading who pays."""
    names = {
        role: joined([f"“{part.name}”" for part in result.parts if part.role == role])
        for role in ("pretrain", "align", "perturb")
    }
    sentences = [
        f"Measured: pre-training data {names['pretrain']}; alignment data {names['align']}; new data "
        f"{names['perturb']}; {result.k[0]:g} times as much pre-training as alignment data."
    ]
    for reading in result.readings:
        row = _first_row(reading)
        pretrain, align = reading.signs
        setting = (
            "Where the pre-training data contains what aligns it and what perturbs it (the theorem's reading)"
            if reading.name == "contained"
            else "With the held-out data as it is"
        )
        outcome = {
            (-1, 1): "the alignment data pays and the pre-training data gains: the model is elastic",
            (1, 1): "both pay: alignment and pre-training data alike get dearer",
            (1, -1): "the signs are reversed: the alignment data gains and the pre-training data pays",
        }.get((pretrain, align), "neither clearly pays")
        reason = ""
        if reading.new_mass > 0:
            reason = (
                f" {reading.new_mass:.1%} of the new data's phrases were never seen before, which the theorem excludes."
            )
        both = (significant(slope, 3, signed=True) for slope in (row.slope_align_bits, row.slope_pretrain_bits))
        slopes = f"{' and '.join(both)} bits per phrase"
        doubt = _doubt(row)
        sentences.append(f"{setting}, {outcome} ({slopes} and unit of l, at l = {row.l:g}).{reason}{doubt}")
    return sentences


def elasticity_facts(result: ElasticityResult, reading: Reading) -> tuple[Fact, ...]:
    """Return the numbers of the first screen: those of one reading."""
    k = result.k[0]
    row = _first_row(reading)
    start: ElasticityRow | None = next((r for r in reading.rows if r.l == 0 and r.k == k), None)
    turn = reading.turning_points[0]
    worst = max(abs(r.conservation_residual) for r in reading.rows)
    where = f"bits per phrase, {reading.name} reading, l = {row.l:g}"
    facts = [
        Fact("alignment data, dγ/dl", significant(row.slope_align_bits, 3, signed=True),
             where + _beside(_error(row, "align")),
             _tone(row.slope_align_bits > 0, _error(row, "align"))),
        Fact("pre-training data, dγ/dl", significant(row.slope_pretrain_bits, 3, signed=True),
             where + _beside(_error(row, "pretrain")),
             _tone(row.slope_pretrain_bits < 0, _error(row, "pretrain"))),
    ]  # fmt: skip
    ratio = start or row
    if ratio.ratio is not None:
        near = abs(ratio.ratio + k) < 0.01 * k
        note = f"the theorem: −{k:g} as l goes to 0"
        facts.append(
            Fact(
                f"ratio of the two, l = {ratio.l:g}",
                significant(ratio.ratio, 4, signed=True),
                note,
                "good" if near else "bad",
            )
        )
    doubt = "by the measured slope, whose sign is not certain" if _undecided(_error(row, "pretrain")) else ""
    facts.append(
        Fact(
            "pre-training gains until l =",
            "never gains" if turn == 0 else "always gains" if turn is None else f"{turn:.3g}",
            ", ".join(filter(None, ["then it loses too" if turn else "", doubt])),
        )
    )
    rounding = worst < 1e-9
    size = f"{worst:.0e}".replace("-", "−")
    facts.append(
        Fact(
            "sum of the three forces",
            "0" if rounding else size,
            f"worst {size} of their size",
            "good" if rounding else "bad",
        )
    )
    return tuple(facts)


def reading_findings(result: ElasticityResult, reading: Reading) -> Iterator[str]:
    """Say in words what one reading shows, at the first ``k`` and the smallest positive ``l``."""
    k = result.k[0]
    row = _first_row(reading)
    yield (
        f"k = {k:g}, l = {row.l:g}: the perturbation {_effect(reading.signs[1])} the alignment data "
        f"({_slope(row, 'align')}) and {_effect(reading.signs[0])} the pre-training data ({_slope(row, 'pretrain')})."
    )
    if reading.missing_mass is not None:
        yield from _finite_data(row, reading.missing_mass)
    elif reading is result.readings[0]:
        yield "How much the slopes may be off is not known: a dataset has fewer than 20 phrases."
    if row.ratio is None:
        yield "The pre-training data neither gains nor loses, so there is no ratio to compare with -k."
    else:
        cause = ""
        if reading.new_mass > 0:
            cause = f"; {reading.new_mass:.1%} of D_t's phrases are new to D_p and D_a, which the theorem excludes"
        start = next((r.ratio for r in reading.rows if r.l == 0 and r.ratio is not None), None)
        limit = f", {start:+.2f} at l = 0" if start is not None and row.l > 0 else ""
        yield f"Ratio of the two {row.ratio:+.2f}{limit}; the theorem says about {-k:g} for small l{cause}."
    turn = reading.turning_points[0]
    who = "The pre-training data"
    if _undecided(_error(row, "pretrain")):
        who = "By the measured slope, whose sign is not certain, the pre-training data"
    if turn:
        yield f"{who} gains until l = {turn:.3g}, then loses."
    elif turn == 0:
        yield f"{who} loses from the start."
    back = reading.returns[0]
    if back.aligned_kl_nats is None:
        yield "KL to the pre-trained model is infinite: alignment brought phrases that it never saw."
    elif back.l == 0:
        yield (
            f"KL to the pre-trained model is {back.aligned_kl_nats:.4g} nats after alignment, "
            f"within {back.epsilon_nats:g} already."
        )
    elif back.l is not None:
        yield (
            f"KL to the pre-trained model is {back.aligned_kl_nats:.4g} nats after alignment, "
            f"back to {back.epsilon_nats:g} at l = {back.l:.3g}."
        )
    else:
        least = "infinite" if back.least_kl_nats is None else f"{back.least_kl_nats:.4g} nats"
        yield (
            f"KL to the pre-trained model is {back.aligned_kl_nats:.4g} nats after alignment; "
            f"no amount of D_t brings it to {back.epsilon_nats:g} (least: {least})."
        )
    worst = max(abs(r.conservation_residual) for r in reading.rows)
    yield f"Forces on the three datasets sum to zero: worst residual {worst:.0e} of their size."


def _finite_data(row: ElasticityRow, missing: Roles[float]) -> Iterator[str]:
    """Say what finite data leaves open of the two slopes."""
    align, pretrain = _error(row, "align"), _error(row, "pretrain")
    if align is not None and pretrain is not None:
        both = f"alignment data {_corrected(align)}; pre-training data {_corrected(pretrain)}"
        yield f"Corrected for finite data: {both}."
    yield (
        "Phrases that a dataset has and did not show yet (Good and Turing): "
        f"{missing.pretrain:.1%} of D_p's next phrases, {missing.align:.1%} of D_a's, {missing.perturb:.1%} of D_t's."
    )


def _corrected(error: SlopeError) -> str:
    low, high = significant(error.low_bits, 3, signed=True), significant(error.high_bits, 3, signed=True)
    sign = "sign undecided" if error.sign == "undecided" else "sign certain"
    return f"{significant(error.corrected_bits, 3, signed=True)} ({low} to {high}, {sign})"


def _doubt(row: ElasticityRow) -> str:
    """Say which of the two signs is not certain, and between what the slope lies."""
    said = []
    for role, name in (("align", "alignment"), ("pretrain", "pre-training")):
        error = _error(row, role)
        if error is not None and _undecided(error):
            low, high = significant(error.low_bits, 3, signed=True), significant(error.high_bits, 3, signed=True)
            said.append(f"the {name} data's slope lies between {low} and {high}")
    signs = "this sign is" if len(said) == 1 else "these signs are"
    return f" With so much data {signs} not certain: {joined(said)}." if said else ""


def _error(row: ElasticityRow, role: str) -> SlopeError | None:
    if row.errors is None:
        return None
    return row.errors.align if role == "align" else row.errors.pretrain


def _undecided(error: SlopeError | None) -> bool:
    return error is not None and error.sign == "undecided"


def _beside(error: SlopeError | None) -> str:
    return "" if error is None else f"; corrected {_corrected(error)}"


def _tone(as_in_theory: bool, error: SlopeError | None) -> str:
    if _undecided(error):
        return ""
    return "good" if as_in_theory else "bad"


def _effect(sign: int) -> str:
    return {1: "costs", -1: "helps", 0: "does not touch"}[sign]


def _slope(row: ElasticityRow, role: str) -> str:
    slope = row.slope_align_bits if role == "align" else row.slope_pretrain_bits
    overlap = row.overlap_align if role == "align" else row.overlap_pretrain
    return f"{slope:+.5f} bits per phrase and unit of l; overlap {overlap:.4f}"


def _first_row(reading: Reading) -> ElasticityRow:
    """Return the row at the first ``k`` and the smallest positive ``l``."""
    return next((row for row in reading.rows if row.l > 0), reading.rows[0])
