"""The experiment ``resistance``: inverse against forward alignment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from compresslab.experiments.data.tuning_texts import source_label
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
    later: dict[str, Any] = {"reading": (), "template": "auto", "neutral": ()}  # what older folders do not say
    rest = {field.name: {**later, **found}[field.name] for field in fields(ResistanceSpec)}
    return ResistanceSpec(**{**rest, **read_recipes(found)})


def neutral_design(spec: ResistanceSpec, design: Design) -> Design:
    """Return the design of a spec: with neutral data, what two learners differ by on it is taken off."""
    if not spec.neutral:
        return design
    return replace(
        design,
        primary="what θ1 needs beyond θ3 to learn the data of θ2 is more than what it needs beyond θ3 to learn neutral "
        "data (training loss of one pass): > 0, paired by seed, on every source; Student's interval and an exact test "
        "of signs, both at 0.05",
        placebo="θ1 and θ3 trained on as many neutral responses by the same recipe, and so at the same sum of learning "
        f"rates; neutral: {', '.join(map(source_label, spec.neutral))}",
    )


RESISTANCE: Experiment[ResistanceSpec, ResistanceUnit, tuple[ResistanceSummary, ...]] = Experiment(
    name="resistance",
    design=Design(
        primary="the training loss of inverse alignment is below that of forward alignment, paired by seed, "
        "checkpoints 1 and 3",
        stopping="all seeds of the spec",
        equivalence="none stated: an interval that holds 0 is undecided",
        treated="a later checkpoint, trained on what an earlier one says",
        control="the earlier checkpoint, trained on what the later one says",
        placebo="none: both checkpoints on neutral data needs neutral pairs",
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
    designed=neutral_design,
    page=resistance_page,
)
