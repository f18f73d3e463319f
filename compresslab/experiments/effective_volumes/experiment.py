"""The experiment ``effective-volumes``: the mixture that a trained network behaves like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from compresslab.experiments.effective_volumes.page import effective_page
from compresslab.experiments.effective_volumes.presets import effective_preset
from compresslab.experiments.effective_volumes.run import (
    EffectiveSpec,
    EffectiveUnit,
    effective_cost,
    effective_record,
    effective_units,
    finished_networks,
    train_effective,
)
from compresslab.experiments.effective_volumes.summary import EffectiveSummary, summarise_effective
from compresslab.experiments.effective_volumes.tables import effective_findings, effective_tables
from compresslab.experiments.experiment import Design, Experiment

__all__ = ["EFFECTIVE_VOLUMES"]


def restore_effective(found: Mapping[str, Any]) -> EffectiveSpec:
    """Return the spec that ``spec.json`` holds."""
    spec = EffectiveSpec(**{field.name: found[field.name] for field in fields(EffectiveSpec)})
    spec.check()
    return spec


EFFECTIVE_VOLUMES: Experiment[EffectiveSpec, EffectiveUnit, EffectiveSummary] = Experiment(
    name="effective-volumes",
    design=Design(
        primary="every share of every network's whole distribution on a known mixture is within 2 standard errors",
        stopping="all seeds of the spec",
        equivalence="2 standard errors of the sampled phrases",
        treated="networks trained on pre-training data, then on alignment data, then on a perturbation",
        control="networks trained on known mixtures",
        placebo="none: the theory at effective volumes stands beside the network",
        factors="seeds of the first weights and of all batches; the corpora are fixed",
        rate="each learning rate of the spec is a sequence of its own",
    ),
    preset=lambda name, options: effective_preset(name, **options),
    check=EffectiveSpec.check,
    record=effective_record,
    restore=restore_effective,
    units=effective_units,
    work=train_effective,
    cost=effective_cost,
    keep=finished_networks,
    summarise=summarise_effective,
    findings=effective_findings,
    tables=lambda spec, summary, wide: effective_tables(spec, summary),
    plain=lambda spec, summary, rows: {"rows": list(rows)},
    page=effective_page,
    former=("volumes",),
)
