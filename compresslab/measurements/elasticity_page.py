"""The page of the job ``elasticity``: who pays for new data, in words, figures, and an explorer to move about in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from compresslab.measurements.elasticity import ElasticityResult, ElasticityRow, Part, Reading, Scenarios
from compresslab.measurements.tables import READINGS, findings
from compresslab.report.curve_figures import code_length_figure, force_figure, slope_figure
from compresslab.report.digits import rounded, significant
from compresslab.report.families import explorer_settings
from compresslab.report.ledger import claim_verdicts
from compresslab.report.page import Fact, Page, PageFigure, Section, TableBlock
from compresslab.report.page_parts import SYMBOLS, TAIL_LEAD, joined, leaf_figure
from compresslab.report.provenance import Provenance
from compresslab.report.sign_map import sign_map, sign_map_figure
from compresslab.theory.code_length import LN2
from compresslab.theory.elasticity import Elasticity

__all__ = ["elasticity_page"]

_POINTS = 61  # of a curve
_ELASTICITY_SYMBOLS = {
    "D_p, D_a, D_t": "pre-training data, alignment data, and the perturbation: new data added after alignment",
    "k": "|D_p| / |D_a|, how much more pre-training data than alignment data",
    "l": "|D_t| / |D_a|, how much of the perturbation there is",
    "γ": "code length of a dataset in the code made for all three together, bits per phrase",
    "overlap": "⟨p_i, p_t⟩, how much dataset i is like the perturbation: below 1 the perturbation makes i dearer",
    "force": "volume of a dataset times the slope of its γ",
}


def elasticity_page(result: ElasticityResult, built: Scenarios, source: Provenance) -> Page:
    """Put an elasticity measurement together.

    Args:
        result: the grid and the findings.
        built: what it was measured on.
        source: where the numbers come from.
    """
    l = np.linspace(0.0, max(1.0, *result.l), _POINTS)  # noqa: E741
    k = result.k[0]
    first = result.readings[0]
    sections = [_reading_section(result, reading, built.readings[reading.name], l) for reading in result.readings]
    if "contained" in built.readings:
        sections.append(_sign_section(built, k))
    trees = {part.name: tree for part, tree in zip(built.parts, built.trees, strict=True)}
    shown = list(trees.items())[-2:]  # D_a and D_t
    leaves = tuple(leaf_figure(f"leaves-{i}", name, tree) for i, (name, tree) in enumerate(shown))
    sections.append(Section("Masses of the leaves", TAIL_LEAD, figures=leaves))
    sections.insert(0, _data_section(result))
    at = next((x for x in result.l if x > 0), 0.05)
    return Page(
        title="Elasticity: what new data does to an aligned model",
        question="Pre-train on much data, align on little, then add new data: who pays for it, measured in bits?",
        answer=tuple(_elasticity_answer(result)),
        facts=_elasticity_facts(result, first),
        sections=tuple(sections),
        provenance=source,
        claims=claim_verdicts(
            ["conservation-law", "overlap-sign", "elasticity-ratio", "elasticity-finite-size",
             "elasticity-finite-size-sharp", "elasticity-separate-disjoint-fails", "elasticity-same-data-reversed"]
        ),
        explorer=explorer_settings(
            {f"This data, {name} reading": scenario for name, scenario in built.readings.items()}, k, at
        ),
        symbols={**_ELASTICITY_SYMBOLS, **SYMBOLS},
    )  # fmt: skip


def _parts(result: ElasticityResult, role: str) -> list[Part]:
    return [part for part in result.parts if part.role == role]


def _elasticity_answer(result: ElasticityResult) -> list[str]:
    names = {
        role: joined([f"“{part.name}”" for part in _parts(result, role)]) for role in ("pretrain", "align", "perturb")
    }
    sentences = [
        f"Measured: pre-training data {names['pretrain']}; alignment data {names['align']}; new data "
        f"{names['perturb']}; {result.k[0]:g} times as much pre-training as alignment data."
    ]
    for reading in result.readings:
        row = next((r for r in reading.rows if r.l > 0), reading.rows[0])
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
        sentences.append(f"{setting}, {outcome} ({slopes} and unit of l, at l = {row.l:g}).{reason}")
    return sentences


def _elasticity_facts(result: ElasticityResult, reading: Reading) -> tuple[Fact, ...]:
    k = result.k[0]
    row = next((r for r in reading.rows if r.l > 0), reading.rows[0])
    start: ElasticityRow | None = next((r for r in reading.rows if r.l == 0 and r.k == k), None)
    turn = reading.turning_points[0]
    worst = max(abs(r.conservation_residual) for r in reading.rows)
    where = f"bits per phrase, {reading.name} reading, l = {row.l:g}"
    facts = [
        Fact("alignment data, dγ/dl", significant(row.slope_align_bits, 3, signed=True), where,
             "good" if row.slope_align_bits > 0 else "bad"),
        Fact("pre-training data, dγ/dl", significant(row.slope_pretrain_bits, 3, signed=True), where,
             "good" if row.slope_pretrain_bits < 0 else "bad"),
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
    facts.append(
        Fact(
            "pre-training gains until l =",
            "never gains" if turn == 0 else "always gains" if turn is None else f"{turn:.3g}",
            "then it loses too" if turn else "",
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


def _data_section(result: ElasticityResult) -> Section:
    rows = tuple(
        (p.role, p.name, f"{p.responses:,}", f"{p.phrases:,}", f"{p.leaves:,}", rounded(p.entropy_bits, 3))
        for p in result.parts
    )
    columns = ("role", "data", "responses", "phrases", "leaves", "entropy, bits per phrase")
    return Section(
        "Data",
        f"Phrases of {result.depth} symbols ({result.parse}), tokenizer {result.tokenizer or 'none'}.",
        tables=(TableBlock("The datasets", columns, rows, (0, 1)),),
    )


def _reading_section(
    result: ElasticityResult,
    reading: Reading,
    scenario: Elasticity,
    l: NDArray[np.float64],  # noqa: E741
) -> Section:
    table = TableBlock(
        f"{reading.name.capitalize()} reading: code lengths γ and slopes dγ/dl, bits per phrase",
        ("k", "l", "γ_p", "γ_a", "γ_t", "dγ_p/dl", "dγ_a/dl", "ratio"),
        tuple(
            (
                f"{r.k:g}",
                f"{r.l:g}",
                rounded(r.gamma_pretrain_bits, 4),
                rounded(r.gamma_align_bits, 4),
                rounded(r.gamma_perturb_bits, 4),
                significant(r.slope_pretrain_bits, 3, signed=True),
                significant(r.slope_align_bits, 3, signed=True),
                significant(r.ratio, 4, signed=True),
            )
            for r in reading.rows
        ),
        (),
        "The theorem says that the ratio dγ_a/dl over dγ_p/dl is about −k for small l."
        if reading is result.readings[0]
        else "",
    )
    curves = {}
    for k in result.k[:4]:
        slope = scenario.with_k(k).derivatives(l)
        curves[k] = (l, np.asarray(slope.pretrain) / LN2, np.asarray(slope.align) / LN2)
    first = scenario.with_k(result.k[0])
    tag, k = reading.name, result.k[0]
    return Section(
        f"{reading.name.capitalize()} reading",
        f"{READINGS[reading.name]}.",
        points=tuple(findings(result, reading)),
        tables=(table,),
        figures=(
            PageFigure(f"{tag}-code-lengths", f"Code lengths, k = {k:g}",
                       "Theory, exact for this data. Each panel has its own scale.", code_length_figure(first, l)),
            PageFigure(f"{tag}-slopes", "Who pays", "Above zero a dataset gets dearer as the perturbation grows, below "
                       "it cheaper.", slope_figure(curves)),
            PageFigure(f"{tag}-forces", f"Forces, k = {k:g}", "Hooke's law: what one dataset gains the others lose. "
                       "The squares are the sum of the three, zero everywhere.", force_figure(first, l)),
        ),
    )  # fmt: skip


def _sign_section(built: Scenarios, k: float) -> Section:
    p1, p2, p3 = built.trees[:3]
    ks = sorted({1.0, k, 10 * k})
    found = sign_map(p1, p2, p3, np.linspace(0, 1, 17).tolist(), np.linspace(0, 1.5, 25).tolist(), ks)
    caption = (
        "Left edge: the theorem's reading. Right edge: the new data is more alignment data. The solid line is where "
        "the overlap of alignment data and perturbation is 1, the dashed one where pre-training turns from gaining to "
        "losing."
    )
    return Section(
        "When the signs hold",
        "The same data, but with a share of the alignment data drawn from the perturbation's distribution.",
        figures=(PageFigure("sign-map", "Sign map", caption, sign_map_figure(found), wide=True),),
    )
