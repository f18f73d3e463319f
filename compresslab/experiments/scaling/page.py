"""The page of the experiment ``scaling``: rebound and effective depth against size and against pre-training."""

from __future__ import annotations

from collections.abc import Sequence

from compresslab.experiments.models.finetuning import learning_rate_sum
from compresslab.experiments.rows import Row
from compresslab.experiments.scaling.run import ScalingSpec
from compresslab.experiments.scaling.summary import ScalingSummary, Series
from compresslab.experiments.scaling.tables import bits, has_placebo, scaling_findings, scaling_tables
from compresslab.report.digits import measured
from compresslab.report.ledger import claim_verdicts
from compresslab.report.model_figures import Cell, Trend, depth_figure, rebound_figure, scaling_figure
from compresslab.report.page import Fact, Page, PageFigure, Section, tone
from compresslab.report.provenance import Provenance
from compresslab.theory.estimates import Estimate
from compresslab.theory.verdicts import verdict

__all__ = ["scaling_page"]


def scaling_page(spec: ScalingSpec, summary: ScalingSummary, rows: Sequence[Row], source: Provenance) -> Page:
    """Put the report together: see `compresslab.experiments.experiment.Experiment`."""
    return Page(
        title="Does the rebound grow with the model and its pre-training?",
        question="The paper finds that larger models, and models that were pre-trained on more, fall back faster; and "
        "it assumes that larger models capture deeper token trees. Is it so for small ones?",
        answer=_answer(spec, summary),
        facts=tuple(fact for series in summary.series for fact in _facts(series, spec.tolerances[0])),
        sections=(
            scaling_findings(summary),
            *(_section(series, spec) for series in summary.series),
            Section("Tables", tables=tuple(scaling_tables(summary))),
        ),
        provenance=source,
        claims=claim_verdicts(["effective-depth-chain-rule"]),
        symbols={
            "positive, negative data": "two kinds of text, told apart by their style, such as praise and blame",
            "base": "the model before any fine-tuning",
            "score": "preference for positive texts: how much more a model prefers them than its base does, bits per "
            "byte",
            "early fall": f"of the score, with the first {summary.early:,} negative responses after {spec.positive:,} "
            "positive ones, bits per byte for each 1,000",
            "control": "the same negative data without any positive data before; excess in the tables: early fall less "
            "the control's; net fall: the fall over all negative data less the control's",
            "placebo": "the negative data after as much neutral data on a base, at the same sum of learning rates"
            if has_placebo(summary)
            else "none here: it would be a base that was aligned to neutral data and then given the negative data",
            "Σ lr": "sum of the learning rates of all steps: "
            f"{learning_rate_sum(spec.recipe, spec.positive):.3g} of the positive data, "
            f"{learning_rate_sum(spec.recipe, spec.negative[-1]):.3g} of all the negative data",
            "rebound": "here: early fall above the control's",
            "KL": "Kullback-Leibler divergence: how far a model's predictions are from its base's, nats per token",
            "token tree": "all beginnings of the texts, one layer for each symbol",
            "effective depth": "layers of the token tree that a model codes with a summed excess over the tree's own "
            "entropy within the tolerance; fractions of a layer count",
            "each doubling": "slope in log2 of the size, a line for each seed",
            "±": "half a 95 % interval, Student's, over seeds",
            "seen, undecided": "seen: the interval lies on the side of 0 that the paper's finding is on; undecided: it "
            "holds 0; so many seeds would decide if mean and spread stay as they are",
        },
    )


def _answer(spec: ScalingSpec, summary: ScalingSummary) -> tuple[str, ...]:
    series, tau = summary.series, spec.tolerances[-1]
    bases = len(spec.points()) * len(spec.seeds)
    over = " and of ".join(f"{one.sizes[0]:,.0f} to {one.sizes[-1]:,.0f} {one.unit}" for one in series)

    def grows(slopes: Sequence[Estimate]) -> str:
        return " and ".join(f"with {one.name} ({verdict(x, 1)})" for one, x in zip(series, slopes, strict=True))

    both = ""
    if has_placebo(summary):
        own = grows([one.slopes["fallen_over_placebo"] for one in series])
        both = f", net of what they take after as much neutral text {own}"
    return (
        f"{bases} language models of {over} were fine-tuned on {spec.positive:,} positive texts, then on "
        f"{spec.negative[-1]:,} negative ones.",
        f"How much of the preference for positive texts the negative ones take back, net of what they take from a "
        f"model without positive training, grows {grows([one.slopes['net_fallen'] for one in series])}{both}; how "
        f"fast they do so at first, likewise net, grows {grows([one.slopes['excess_rate'] for one in series])}.",
        f"How deep a model captures the token tree of its data (to {bits(tau)} of excess) grows "
        f"{grows([one.depth_slopes[tau] for one in series])}.",
    )


def _facts(series: Series, tau: float) -> list[Fact]:
    def fact(label: str, slope: Estimate, unit: str) -> Fact:
        found = verdict(slope, 1)
        said = f"{label}, more for each doubling of {series.name}"
        return Fact(said, measured(slope), f"{unit}; {found}", tone(found.kind))

    return [
        fact("fall over all negative texts, net of the control's", series.slopes["net_fallen"], "bits per byte"),
        fact("early fall above the control's", series.slopes["excess_rate"], "bits per byte for 1,000 negative texts"),
        fact(f"effective depth at {bits(tau)}", series.depth_slopes[tau], "layers of the token tree"),
    ]


def _section(series: Series, spec: ScalingSpec) -> Section:
    tag = series.name.replace(" ", "-")
    rates = [
        Trend(label, size, x.mean, x.low, x.high)
        for measure, label in (("early_rate", "after positive data"), ("control_rate", "control"))
        for size, point in zip(series.sizes, series.points, strict=True)
        for x in [point.values[measure]]
    ]
    depths = [
        Trend(bits(tau), size, x.mean, x.low, x.high)
        for tau in spec.tolerances
        for size, point in zip(series.sizes, series.points, strict=True)
        for x in [point.depths[tau]]
    ]
    curves = [
        Cell(int(size), m, x.mean, x.low, x.high)
        for size, point in zip(series.sizes, series.points, strict=True)
        for m, x in zip(spec.negative, point.after.curves["score"], strict=True)
    ]
    excess = {f"{size:,.0f}": point.excess_bits for size, point in zip(series.sizes, series.points, strict=True)}
    return Section(
        f"Curves by {series.name}",
        figures=(
            PageFigure(f"{tag}-rates", "How fast the score falls at first", "Bars are 95 % intervals over seeds.",
                       scaling_figure(rates, "early fall of the score,\nbits per byte for 1,000", series.unit)),
            PageFigure(f"{tag}-curves", "The rebound", f"A line for each base, by its {series.unit}.",
                       rebound_figure(curves, "score, bits per byte", series.unit)),
            PageFigure(f"{tag}-depth", "Effective depth", "A line for each tolerance.",
                       scaling_figure(depths, "effective depth, layers", series.unit)),
            PageFigure(f"{tag}-excess", "Excess over the data's own entropy",
                       f"A line for each base, by its {series.unit}.",
                       depth_figure(excess, spec.tolerances[0])),
        ),
    )  # fmt: skip
