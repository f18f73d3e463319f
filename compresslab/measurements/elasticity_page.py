"""What the measurement ``elasticity`` says: who pays for new data, for a terminal, and as a page with an explorer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.text import Text

from compresslab.measurements.elasticity import ElasticityResult, Reading, Scenarios, SlopeError
from compresslab.measurements.elasticity_words import READINGS, elasticity_answer, elasticity_facts, reading_findings
from compresslab.measurements.leaf_figures import SYMBOLS, leaf_section
from compresslab.report.curve_figures import code_length_figure, force_figure, slope_figure
from compresslab.report.digits import rounded, significant
from compresslab.report.families import explorer_settings
from compresslab.report.ledger import claim_verdicts
from compresslab.report.page import Page, PageFigure, Section, Table
from compresslab.report.provenance import Provenance
from compresslab.report.sign_map import sign_map, sign_map_figure
from compresslab.report.terminal import notes_view, section_view, table_view
from compresslab.theory.code_length import LN2
from compresslab.theory.elasticity import Elasticity

__all__ = ["elasticity_page", "elasticity_view"]

Values = NDArray[np.float64]

_POINTS = 61  # of a curve
_ERRORS = (
    "Low and high hold both answers to what was not seen, that it is not there and that it was missed, and beyond each "
    "its error over responses. A sign is undecided where they hold 0."
)
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
    sections = [Section("Data", tables=(_data_table(result),))]
    sections += [_drawn_reading(result, reading, built.readings[reading.name], l) for reading in result.readings]
    if "contained" in built.readings:
        sections.append(_sign_section(built, k))
    trees = {part.name: tree for part, tree in zip(built.parts, built.trees, strict=True)}
    sections.append(leaf_section(list(trees.items())[-2:]))  # D_a and D_t
    at = next((x for x in result.l if x > 0), 0.05)
    return Page(
        title="Elasticity: what new data does to an aligned model",
        question="Pre-train on much data, align on little, then add new data: who pays for it, measured in bits?",
        answer=tuple(elasticity_answer(result)),
        facts=elasticity_facts(result, first),
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


def elasticity_view(result: ElasticityResult) -> RenderableType:
    """Draw an elasticity measurement: the data, then for each reading what came out and the grid."""
    legend = "γ: code length under the mixture of all three, bits per phrase; ratio: dγ_a/dl over dγ_p/dl."
    readings = [section_view(_reading_section(result, reading), heading=True) for reading in result.readings]
    blank = Text()
    spaced = [view for reading in readings for view in (blank, reading)]
    return Group(table_view(_data_table(result)), *spaced, blank, notes_view([legend]))


def _data_table(result: ElasticityResult) -> Table:
    return Table(
        f"Data: phrases of {result.depth} symbols ({result.parse}), tokenizer {result.tokenizer or 'none'}",
        ("role", "data", "responses", "phrases", "leaves", "entropy, bits/phrase"),
        [
            (p.role, p.name, f"{p.responses:,}", f"{p.phrases:,}", f"{p.leaves:,}", rounded(p.entropy_bits, 3))
            for p in result.parts
        ],
        text_columns=(0, 1),
        labels=2,
    )


def _reading_section(result: ElasticityResult, reading: Reading) -> Section:
    """Return what one reading shows, in words and in a table without a title: the section has it."""
    rows = [
        (
            f"{r.k:g}",
            f"{r.l:g}",
            rounded(r.gamma_pretrain_bits, 4),
            rounded(r.gamma_align_bits, 4),
            rounded(r.gamma_perturb_bits, 4),
            _slope(r.slope_pretrain_bits),
            _slope(r.slope_align_bits),
            rounded(r.ratio, 2, signed=True),
        )
        for r in reading.rows
    ]
    columns = ("k", "l", "γ_p", "γ_a", "γ_t", "dγ_p/dl", "dγ_a/dl", "ratio")
    return Section(
        f"{reading.name.capitalize()} reading",
        f"{READINGS[reading.name]}.",
        points=tuple(reading_findings(result, reading)),
        tables=(Table("", columns, rows, text_columns=(), labels=2), *_error_tables(result, reading)),
    )


def _error_tables(result: ElasticityResult, reading: Reading) -> tuple[Table, ...]:
    """Return the slopes corrected for finite data; nothing where they are not known."""
    rows = []
    for row in reading.rows:
        if row.errors is not None and row.errors.pretrain is not None and row.errors.align is not None:
            pretrain, align = row.errors.pretrain, row.errors.align
            rows.append((f"{row.k:g}", f"{row.l:g}", *_error_cells(pretrain), *_error_cells(align)))
    columns = ("k", "l", "dγ_p/dl", "low", "high", "sign", "dγ_a/dl", "low", "high", "sign")
    title = f"{reading.name.capitalize()} reading: slopes corrected for finite data, bits per phrase, intervals of 95 %"
    notes = (_ERRORS,) if reading is result.readings[0] else ()
    return (Table(title, columns, rows, text_columns=(), notes=notes, labels=2),) if rows else ()


def _error_cells(error: SlopeError) -> tuple[str, ...]:
    return (*map(_slope, (error.corrected_bits, error.low_bits, error.high_bits)), error.sign.replace("-", "−"))


def _slope(x: float) -> str:
    """Write a slope with five places, or more where these would hold fewer than three digits of it."""
    return significant(x, 3, signed=True) if 1e-8 < abs(x) < 1e-3 else rounded(x, 5, signed=True)


def _drawn_reading(result: ElasticityResult, reading: Reading, scenario: Elasticity, l: Values) -> Section:  # noqa: E741
    """Return what one reading shows, for a page: with figures, and the table under a title of its own."""
    said = _reading_section(result, reading)
    title = f"{said.title}: code lengths γ and slopes dγ/dl, bits per phrase"
    theorem = "The theorem says that the ratio dγ_a/dl over dγ_p/dl is about −k for small l."
    notes = (theorem,) if reading is result.readings[0] else ()
    curves = {}
    for k in result.k[:4]:
        slope = scenario.with_k(k).derivatives(l)
        curves[k] = (l, np.asarray(slope.pretrain) / LN2, np.asarray(slope.align) / LN2)
    first = scenario.with_k(result.k[0])
    tag, k = reading.name, result.k[0]
    return replace(
        said,
        tables=(replace(said.tables[0], title=title, notes=notes), *said.tables[1:]),
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
