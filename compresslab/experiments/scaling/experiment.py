"""The experiment ``scaling``: rebound and effective depth against the size of a model and its pre-training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from compresslab.experiments.experiment import Design, Experiment
from compresslab.experiments.models.given_models import training_bytes
from compresslab.experiments.rebound.claims import placebo_words
from compresslab.experiments.rebound.experiment import read_recipes, read_texts
from compresslab.experiments.scaling.page import scaling_page
from compresslab.experiments.scaling.presets import scaling_preset
from compresslab.experiments.scaling.run import (
    ScalingSpec,
    ScalingUnit,
    check_scaling,
    finished_seeds,
    scaling_cost,
    scaling_notes,
    scaling_record,
    scaling_unit,
    scaling_units,
)
from compresslab.experiments.scaling.summary import ScalingSummary, summarise_scaling
from compresslab.experiments.scaling.tables import scaling_findings, scaling_tables

__all__ = ["SCALING"]


def restore_scaling(found: Mapping[str, Any]) -> ScalingSpec:
    """Return the spec that ``spec.json`` holds."""
    rest = {field.name: found[field.name] for field in fields(ScalingSpec)}
    return ScalingSpec(**{**rest, "texts": read_texts(found["texts"]), **read_recipes(found)})


def placebo_design(spec: ScalingSpec, design: Design) -> Design:
    """Return the design of a spec: neutral texts make a placebo."""
    return replace(design, placebo=placebo_words(spec.texts)) if spec.texts.neutral else design


def plain_series(summary: ScalingSummary) -> Any:
    """Return the series as JSON can hold them: without one number for each seed, which the rows have."""
    held = asdict(summary)["series"]
    for series in held:
        for point in series["points"]:
            del point["by_seed"]
    return held


SCALING: Experiment[ScalingSpec, ScalingUnit, ScalingSummary] = Experiment(
    name="scaling",
    design=Design(
        primary="what the negative data takes back, net of control, grows with each doubling of the number of weights",
        stopping="all seeds of the spec",
        equivalence="none stated: an interval that holds 0 is undecided",
        treated="each base after the positive volume, given the negative data",
        control="each base, given the same negative data",
        placebo="none: a base aligned to neutral data at the same sum of learning rates needs texts of that role",
        factors="seeds of the first weights and of the order of all data; the corpora are fixed",
        rate="one constant rate for all sizes, from a pilot",
    ),
    preset=lambda name, options: scaling_preset(name, **options),
    check=check_scaling,
    record=scaling_record,
    restore=restore_scaling,
    gpu_bytes=lambda spec: training_bytes(spec.models, 2),
    units=scaling_units,
    work=scaling_unit,
    cost=scaling_cost,
    keep=finished_seeds,
    summarise=summarise_scaling,
    findings=lambda spec, summary: scaling_findings(summary),
    tables=lambda spec, summary, wide: scaling_tables(summary, wide=wide),
    plain=lambda spec, summary, rows: {"series": plain_series(summary)},
    notes=scaling_notes,
    designed=placebo_design,
    page=scaling_page,
)
