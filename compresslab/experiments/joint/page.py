"""The page of the experiment ``joint``: networks trained on mixtures, held against the elasticity theorem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from compresslab.experiments.joint.run import JointSpec, scenarios
from compresslab.experiments.joint.summary import ArmSummary
from compresslab.experiments.joint.tables import SYMBOLS, joint_findings, slope_pair, slope_table
from compresslab.experiments.rows import Row
from compresslab.report.curve_figures import Measured, code_length_figure, measured_slope_figure
from compresslab.report.digits import measured, significant, spanned
from compresslab.report.ledger import claim_verdicts
from compresslab.report.model_figures import Trend, scaling_figure
from compresslab.report.page import Fact, Page, PageFigure, Section
from compresslab.report.provenance import Provenance
from compresslab.theory.code_length import LN2
from compresslab.theory.elasticity import Elasticity
from compresslab.theory.estimates import estimate

__all__ = ["joint_page"]

_POINTS = 61  # of a curve


def joint_page(spec: JointSpec, summaries: Sequence[ArmSummary], rows: Sequence[Row], source: Provenance) -> Page:
    """Put the report together: see `compresslab.experiments.experiment.Experiment`."""
    theory = dict(zip((arm.name for arm in spec.arms), (scenario for _, scenario in scenarios(spec)), strict=True))
    first = summaries[0]
    networks = sum(len(one.arm.seeds) for one in summaries)
    kinds = ", ".join(dict.fromkeys(one.arm.network for one in summaries))
    size = spanned(one.parameters for one in summaries)
    answer = (
        f"{networks} networks ({kinds}; {size} parameters) were trained on mixtures of pre-training data, alignment "
        "data and more and more of a perturbation, and their code lengths held against the theorem's.",
        _verdict(first),
    )
    sections = [joint_findings(summaries)]
    sections += [_arm_section(i, one, theory[one.arm.name], rows) for i, one in enumerate(summaries)]
    alike = [one for one in summaries if (one.arm.reading, one.arm.k) == (first.arm.reading, first.arm.k)]
    if len({one.parameters for one in alike}) > 2:
        sections.append(_fit_section(alike))
    return Page(
        title="Do trained networks follow the elasticity theorem?",
        question="The theorem speaks of ideal codes. What do networks do that are trained by gradient descent?",
        answer=answer,
        facts=_facts(first),
        sections=tuple(sections),
        provenance=source,
        claims=claim_verdicts(["conservation-law", "elasticity-ratio", "elasticity-finite-size"]),
        symbols={
            "D_p, D_a, D_t": "pre-training data, alignment data, and the perturbation: new data added after alignment",
            "k, l": "|D_p| / |D_a| and |D_t| / |D_a|",
            "γ": "code length of a dataset under a network, bits per phrase; in the findings nats",
            "slope": "change of a code length for one more |D_a| of perturbation, bits per phrase",
            "excess": "how far a network is above the best code for its data",
            "contained, separate, same": "readings: D_p contains a part like D_a and one like D_t; the three are "
            "unrelated; D_t is distributed as D_a",
            "arm": "networks that were trained alike, over several seeds",
            "bias, spread": "how far the mean over seeds is from the theory; how far seeds are apart. Intervals know "
            "of the spread alone",
            "±": "half a 95 % interval, Student's, over seeds",
        },
    )


def _fit_section(alike: Sequence[ArmSummary]) -> Section:
    fits = [Trend(one.arm.network, one.parameters, one.excess.mean / LN2) for one in alike]
    fit = scaling_figure(fits, "excess over the mixture's entropy,\nbits per phrase", log=True)
    caption = "How far a network is from the best code for its data, as the mean over seeds at l = 0."
    errors = [
        Trend(
            f"γ_{symbol}",
            one.largest_excess / LN2,
            max(abs(s.network.mean - s.theory) for s in one.slopes if s.role == role) / LN2,
        )
        for one in alike
        for role, symbol in SYMBOLS.items()
    ]
    law = scaling_figure(
        errors,
        "largest error of a slope,\nbits per phrase",
        "excess over the mixture's entropy, bits per phrase",
        log=True,
    )
    told = (
        "The theorem holds for a network to the extent that it fits. A dot is an arm: its excess at most, over l and "
        "seeds, and the error of its mean slope at most, over l."
    )
    return Section(
        "Fit",
        figures=(
            PageFigure("excess", "Fit against the number of parameters", caption, fit),
            PageFigure("law", "Agreement against fit", told, law),
        ),
    )


def _verdict(one: ArmSummary) -> str:
    early = [slope for slope in one.slopes if slope.l < 0.5]
    right = sum(slope.sign_agrees for slope in early)
    worst = max(abs(s.relative_error) for s in one.slopes if s.role == "align")
    return (
        f"In the arm “{one.arm.name}” the theorem says rightly in {right} of {len(early)} cases, at 95 %, whether a "
        "kind of data gains or loses (perturbations of less than half the alignment data); the slopes of the alignment "
        f"data are within {worst:.1%} of it."
    )


def _facts(one: ArmSummary) -> tuple[Fact, ...]:
    facts = []
    for role, words in (("align", "alignment data"), ("pretrain", "pre-training data")):
        slope = one.at(role, one.arm.l[0])
        network, theory = slope_pair(slope, scale=1 / LN2)
        label = f"{words}: slope dγ/dl of its code length, l = 0"
        tone = "good" if slope.sign_agrees else "bad"
        facts.append(Fact(label, network, f"theory {theory}; bits per phrase", tone))
    facts.append(Fact("ratio of the two slopes", measured(one.ratio, most=2), f"the theorem: -{one.arm.k:g}"))
    excess = significant(one.largest_excess / LN2, 2)
    facts.append(Fact("excess, bits per phrase", excess, "over the best code, at most"))
    return tuple(facts)


def _arm_section(number: int, one: ArmSummary, scenario: Elasticity, rows: Sequence[Row]) -> Section:
    grid = np.linspace(one.arm.l[0], one.arm.l[-1], _POINTS)
    mine = [row for row in rows if row["arm"] == one.arm.name]
    lengths, slopes = [], []
    for role in SYMBOLS:
        for l in one.arm.l:  # noqa: E741
            found = estimate([row[f"gamma_{role}_nats"] / LN2 for row in mine if row["l"] == l])
            lengths.append(Measured(role, l, found.mean, found.low, found.high))
            if role != "perturb":
                net = one.at(role, l).network
                low, high = (None if x is None else x / LN2 for x in (net.low, net.high))
                slopes.append(Measured(role, l, net.mean / LN2, low, high))
    title = f"Arm “{one.arm.name}”: slopes, bits per phrase, with 95 % intervals over seeds"
    table = slope_table(title, one, wide=False, scale=1 / LN2)
    if not number:
        note = "Conservation: the sum of the three forces over the sum of their sizes; 0 in the theory."
        table = replace(table, notes=(note,))
    tag = f"arm-{number}"
    return Section(
        f"Curves of the arm “{one.arm.name}”",
        tables=(table,),
        figures=(
            PageFigure(f"{tag}-code-lengths", "Code lengths", "Lines are theory, dots networks. A network is above its "
                       "line by its excess.", code_length_figure(scenario, grid, lengths)),
            PageFigure(f"{tag}-slopes", "Who pays", "Lines are theory, dots networks with 95 % intervals over seeds.",
                       measured_slope_figure(scenario, grid, slopes)),
        ),
    )  # fmt: skip
