"""The experiment ``resistance``: inverse against forward alignment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from compresslab.experiments.experiment import Design, Experiment
from compresslab.experiments.models.given_models import training_bytes
from compresslab.experiments.rebound.experiment import read_recipes
from compresslab.experiments.resistance.page import resistance_page
from compresslab.experiments.resistance.presets import resistance_preset
from compresslab.experiments.resistance.run import ResistanceUnit, resistance_unit, resistance_units
from compresslab.experiments.resistance.spec import (
    ResistanceSpec,
    check_resistance,
    finished_sources,
    resistance_notes,
    resistance_record,
)
from compresslab.experiments.resistance.summary import ResistanceSummary, summarise_resistance
from compresslab.experiments.resistance.tables import resistance_findings, resistance_tables

__all__ = ["RESISTANCE"]


def restore_resistance(found: Mapping[str, Any]) -> ResistanceSpec:
    """Return the spec that ``spec.json`` holds: sources are names without folders, to be shown, not to be read."""
    rest = {field.name: {"reading": (), "template": "auto", **found}[field.name] for field in fields(ResistanceSpec)}
    return ResistanceSpec(**{**rest, **read_recipes(found)})


RESISTANCE: Experiment[ResistanceSpec, ResistanceUnit, tuple[ResistanceSummary, ...]] = Experiment(
    name="resistance",
    design=Design(
        primary="the training loss of inverse alignment is below that of forward alignment, paired by seed, "
        "checkpoints 1 and 3",
        stopping="all seeds of the spec",
        equivalence="none stated: an interval that holds 0 is undecided",
        treated="a later checkpoint, trained on what an earlier one says",
        control="the earlier checkpoint, trained on what the later one says",
        placebo="none yet: both checkpoints on neutral data is to come",
        factors="seeds of the first weights, the slices, all orders and all draws; the corpora are fixed",
        rate="one constant rate throughout",
    ),
    preset=lambda name, options: resistance_preset(name, **options),
    check=check_resistance,
    record=resistance_record,
    restore=restore_resistance,
    gpu_bytes=lambda spec: training_bytes([spec.model], 3),
    units=resistance_units,
    work=resistance_unit,
    cost=lambda unit: 1.0,
    keep=finished_sources,
    summarise=summarise_resistance,
    findings=lambda spec, summaries: resistance_findings(summaries),
    tables=lambda spec, summaries, wide: resistance_tables(summaries, wide=wide),
    plain=lambda spec, summaries, rows: {"data": [asdict(one) for one in summaries]},
    notes=resistance_notes,
    page=resistance_page,
)
