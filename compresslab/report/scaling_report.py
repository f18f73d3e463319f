"""The page of the experiment ``scaling``: rebound and effective depth against size and against pre-training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from os import PathLike
from pathlib import Path

from compresslab.errors import InvalidParameter
from compresslab.experiments.rebound_summary import verdict
from compresslab.experiments.rows import Row, read_rows
from compresslab.experiments.scaling import ScalingSpec
from compresslab.experiments.scaling_summary import Series, summarise_scaling
from compresslab.experiments.slopes import Estimate
from compresslab.experiments.spec import read_spec
from compresslab.experiments.tuning_run import finished_seeds
from compresslab.report.ledger import claim_verdicts
from compresslab.report.model_figures import Cell, Trend, depth_figure, rebound_figure, scaling_figure
from compresslab.report.page import Fact, Page, PageFigure, Section, TableBlock
from compresslab.report.page_parts import signed, tone
from compresslab.report.provenance import Provenance
from compresslab.report.rebound_report import read_recipes, read_texts
from compresslab.report.scaling_view import bits, scaling_findings, scaling_sheets

__all__ = ["read_scaling", "scaling_page"]


def read_scaling(folder: str | PathLike[str]) -> tuple[ScalingSpec, list[Row]]:
    """Read a ``scaling`` experiment; of one that is not finished, the seeds that are.

    Raises:
        UnreadableFile: there is no ``spec.json``.
        InvalidParameter: it is not the spec of a ``scaling`` experiment, or no seed is finished.
        CorruptFile: the rows are damaged.
    """
    found = read_spec(folder, "scaling")
    try:
        rest = {field.name: found[field.name] for field in fields(ScalingSpec)}
        spec = ScalingSpec(**{**rest, "texts": read_texts(found["texts"]), **read_recipes(found)})
    except (KeyError, TypeError) as error:
        raise InvalidParameter(
            f"{Path(folder) / 'spec.json'} is no spec of 'scaling' as this version has it ({error}): run it again"
        ) from error
    units = read_rows(Path(folder) / "rows.jsonl")
    return finished_seeds(spec, list(units)), [row for unit in units.values() for row in unit]


def scaling_page(spec: ScalingSpec, rows: Sequence[Row], source: Provenance) -> Page:
    """Put a finished experiment together.

    Args:
        spec: what was done.
        rows: what came out.
        source: where the numbers come from.

    Raises:
        InvalidParameter: rows are missing.
    """
    summary = summarise_scaling(spec, rows)
    findings = list(scaling_findings(summary))
    sheets = [TableBlock(title, tuple(columns), tuple(map(tuple, cells)))
              for title, columns, cells in scaling_sheets(summary)]  # fmt: skip
    return Page(
        title="Does the rebound grow with the model and its pre-training?",
        question="The paper finds that larger models, and models that were pre-trained on more, fall back faster; and "
        "it assumes that larger models capture deeper token trees. Is it so for small ones?",
        answer=tuple(findings),
        facts=tuple(fact for series in summary.series for fact in _facts(series, spec.tolerances[0])),
        sections=(
            *(_section(series, spec) for series in summary.series),
            Section("Tables", tables=tuple(sheets)),
        ),
        provenance=source,
        claims=claim_verdicts(["effective-depth-chain-rule"]),
        symbols={
            "early fall": f"of the score, with the first {summary.early:,} negative responses after {spec.positive:,} "
            "positive ones, bits per byte for each 1,000; the control has no positive ones",
            "effective depth": "layers of the token tree that a model codes with a summed excess within the tolerance; "
            "fractions of a layer count",
            "interval": "95 %, Student's, over seeds",
        },
    )


def _facts(series: Series, tau: float) -> list[Fact]:
    def fact(label: str, slope: Estimate, digits: int) -> Fact:
        word = verdict(slope, 1)
        return Fact(label, signed(slope.mean, digits), f"± {slope.half_width:.2g}: {word}", tone(word))

    return [
        fact(f"early fall above the control's, a doubling of {series.name}", series.slopes["excess_rate"], 3),
        fact(f"effective depth at {bits(tau)}, a doubling of {series.name}", series.depth_slopes[tau], 2),
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
        f"By {series.name}",
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
