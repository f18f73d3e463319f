"""The page of the experiment ``rebound``: how a model falls back, in curves, grids and words."""

from __future__ import annotations

from collections.abc import Sequence

from compresslab.experiments.data.tuning_texts import source_label
from compresslab.experiments.rebound.claim_tables import claim_verdict
from compresslab.experiments.rebound.claims import claims_of
from compresslab.experiments.rebound.run import ReboundSpec
from compresslab.experiments.rebound.summary import CURVES, ReboundSummary
from compresslab.experiments.rebound.tables import (
    brought_back,
    code_length_changes,
    rebound_findings,
    rebound_tables,
    taken_back,
)
from compresslab.experiments.rows import Row
from compresslab.report.digits import measured, spanned
from compresslab.report.ledger import claim_verdicts
from compresslab.report.model_figures import Cell, rebound_figure, rebound_heatmap
from compresslab.report.page import Fact, Page, PageFigure, Section, tone
from compresslab.report.provenance import Provenance
from compresslab.theory.verdicts import verdict

__all__ = ["rebound_page"]

_DRAWN = {
    "score": "A line for each amount of positive data, 0 being the control. Bands are 95 % intervals over seeds. The "
    "base has score 0.",
    "kl": "At 0 the model would be its base again.",
    "judged": "Samples drawn from the model, judged by naive Bayes over words.",
}


def rebound_page(
    spec: ReboundSpec, summaries: Sequence[ReboundSummary], rows: Sequence[Row], source: Provenance
) -> Page:
    """Put the report together: see `compresslab.experiments.experiment.Experiment`."""
    first = summaries[0]
    return Page(
        title="Does a fine-tuned model rebound?",
        question="A model is fine-tuned on positive texts and then on negative ones. How fast does it fall back, does "
        "more positive data make it fall faster, and does it come back to its base?",
        answer=_answer(spec, summaries),
        facts=_facts(first),
        sections=(
            rebound_findings(spec, summaries),
            *(_arm_section(i, one) for i, one in enumerate(summaries)),
            Section("Tables", tables=tuple(rebound_tables(spec, summaries))),
        ),
        provenance=source,
        claims=claim_verdicts(["elasticity-finite-size", "conservation-law"]),
        symbols={
            "positive, negative texts": "two kinds of text, told apart by their style, such as praise and blame",
            "base": "the model before any fine-tuning",
            "score": "preference for positive texts: how much more a model prefers them than its base does, bits per "
            "byte; the code length of negative texts less that of positive ones, less the same of the base",
            "arm": "models that were trained alike. In the arm “contained” pre-training held texts of both kinds, in "
            "“separate” neither",
            "control": "the negative data on a base without positive data; net of control is less what it does there. "
            "A control begins at the base and so has more pre-training to lose than an aligned model",
            "taken back": "fall of the score over its gain, a ratio of means with Fieller's 95 % interval; not defined "
            "where the interval of the gain holds 0",
            "placebo": _placebo_words(spec),
            "Σ lr": "sum of the learning rates of all steps of a training",
            "undecidable": "a level of KL that the negative data alone takes a base above",
            "early fall": f"fall of the score up to {first.early:,} negative responses, a quarter of all; late: from "
            "there",
            "KL to the base": "Kullback-Leibler divergence: how far a model's predictions are from its base's, nats "
            "per token; 0 would be the base again",
            "± and bands": "half a 95 % interval, Student's, over seeds",
            "seen, undecided": "seen: the interval lies on the side of 0 that the paper's finding is on; undecided: it "
            "holds 0; so many seeds would decide if mean and spread stay as they are",
        },
    )


def _answer(spec: ReboundSpec, summaries: Sequence[ReboundSummary]) -> tuple[str, ...]:
    first, texts = summaries[0], spec.texts
    arm = next(arm for arm in spec.arms if arm.name == first.arm)
    size = spanned(one.parameters for one in summaries)
    most = first.after[-1]
    where = f" (arm “{first.arm}”{', whose pre-training held such texts' if arm.share else ''})"
    least = [found.least[0] for one in summaries for found in one.after if found.positive]
    back, runs, _ = brought_back(least)
    near = f"as near as the paper asks ({spec.levels[0]:g} nats per token)"
    if any(found.undecidable for found in least):
        came = (
            f"whether a run comes back to the base {near} is undecidable: the negative texts alone take a base farther"
        )
    else:
        came = f"{back} of {runs} runs came back to the base {near}"
    claims = claims_of(spec, summaries)
    if claims:
        net, fell = "what they do to a base that was trained on neutral texts instead", claim_verdict(claims[0])
        of_both = f", net of that placebo {taken_back(most.placebo.regained)}" if most.placebo else ""
    else:
        net, fell, of_both = "what the negative texts do to a base", str(verdict(most.net_fallen, 1)), ""
    return (
        f"{sum(one.seeds for one in summaries)} language models of {size} parameters were fine-tuned on up to "
        f"{most.positive:,} positive texts ({', '.join(texts.positive)}), then on up to {first.negative[-1]:,} "
        f"negative ones ({', '.join(texts.negative)}).",
        f"That they fall back, net of {net}, is {fell}{where}: of the preference for positive texts that was gained, "
        f"{taken_back(most.regained)} is taken back, net of control {taken_back(most.net_regained)}{of_both}; the code "
        f"lengths changed by this: {code_length_changes(most)}.",
        f"That this is faster than without positive training is {verdict(most.excess_rate, 1)}; that more positive "
        f"texts make it faster is {verdict(first.rate_by_volume, 1)}, that they make the loss larger, as for a spring, "
        f"{verdict(first.loss_by_volume, 1)}; {came}.",
    )


def _placebo_words(spec: ReboundSpec) -> str:
    if not spec.texts.neutral:
        return "none here: it would be a base that was aligned to neutral data and then given the negative data"
    return (
        f"a base after as much neutral data ({', '.join(map(source_label, spec.texts.neutral))}) as the aligned model "
        "had positive data, at the same sum of learning rates, then given the negative data; net of placebo is less "
        "what it does there"
    )


def _facts(one: ReboundSummary) -> tuple[Fact, ...]:
    most = one.after[-1]
    net = () if most.placebo is None else (
        Fact("fall of the score over all negative texts, net of the placebo's", measured(most.placebo.fallen),
             "bits per byte; the claim that was frozen as the primary one", tone(verdict(most.placebo.fallen, 1).kind)),
    )  # fmt: skip
    return (
        *net,
        Fact(f"score (preference for positive texts) after {most.positive:,} of them", measured(one.gained),
             "bits per byte; the base: 0", tone(verdict(one.gained, 1).kind)),
        Fact(f"score after {one.negative[-1]:,} negative texts more", measured(most.curves["score"][-1]),
             "bits per byte"),
        Fact("early fall of the score, above that without positive texts", measured(most.excess_rate),
             f"bits per byte for 1,000 negative texts; {verdict(most.excess_rate, 1)}",
             tone(verdict(most.excess_rate, 1).kind)),
        Fact("early fall, more for each doubling of positive texts", measured(one.rate_by_volume),
             f"the same unit; {verdict(one.rate_by_volume, 1)}", tone(verdict(one.rate_by_volume, 1).kind)),
    )  # fmt: skip


def cells_of(one: ReboundSummary, quantity: str) -> list[Cell]:
    """Return a quantity's means and intervals over the grid of volumes."""
    return [
        Cell(found.positive, m, x.mean, x.low, x.high)
        for found in one.after
        for m, x in zip(one.negative, found.curves[quantity], strict=True)
    ]


def _arm_section(number: int, one: ReboundSummary) -> Section:
    figures = []
    for quantity, caption in _DRAWN.items():
        if quantity in one.after[0].curves:
            title = CURVES[quantity][0].upper() + CURVES[quantity][1:]
            drawn = rebound_figure(cells_of(one, quantity), _short(quantity))
            figures.append(PageFigure(f"arm-{number}-{quantity}", title, caption, drawn))
    grid = rebound_heatmap(cells_of(one, "score"), _short("score"))
    figures.append(
        PageFigure(
            f"arm-{number}-grid",
            "The score over both volumes",
            "Means over seeds, in the paper's layout, with no more digits than their intervals allow.",
            grid,
            wide=True,
        )
    )
    placebo = [(found.positive, found.placebo) for found in one.after if found.placebo is not None]
    if placebo:
        cells = [
            Cell(n, m, x.mean, x.low, x.high)
            for n, net in placebo
            for m, x in zip(one.negative, net.curves["score"], strict=True)
        ]
        drawn = rebound_figure(cells, _short("score"), "samples of neutral data")
        said = "A line for each amount of neutral data in place of positive data."
        figures.append(PageFigure(f"arm-{number}-placebo", "The placebo's score", said, drawn))
    return Section(f"Curves of the arm “{one.arm}”", figures=tuple(figures))


def _short(quantity: str) -> str:
    return {
        "score": "score, bits per byte",
        "kl": "KL to the base, nats per token",
        "judged": "share of samples judged positive",
    }[quantity]
