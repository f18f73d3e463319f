"""The experiment ``rebound``: positive data, then negative data; how fast does a model fall back?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from compresslab.experiments.data.tuning_texts import TextSpec
from compresslab.experiments.experiment import Design, Experiment
from compresslab.experiments.models.finetuning import Recipe
from compresslab.experiments.models.given_models import training_bytes
from compresslab.experiments.rebound.claims import placebo_design, plain_claims
from compresslab.experiments.rebound.gate import RateGate
from compresslab.experiments.rebound.page import rebound_page
from compresslab.experiments.rebound.pilot import through_gate
from compresslab.experiments.rebound.presets import rebound_preset
from compresslab.experiments.rebound.run import (
    LATER,
    ReboundArm,
    ReboundSpec,
    ReboundUnit,
    check_rebound,
    finished_arms,
    rebound_cost,
    rebound_notes,
    rebound_record,
    rebound_unit,
    rebound_units,
)
from compresslab.experiments.rebound.summary import ReboundSummary, summarise_rebound
from compresslab.experiments.rebound.tables import rebound_findings, rebound_tables

__all__ = ["REBOUND", "read_recipes", "read_texts"]


def read_recipes(found: Mapping[str, Any]) -> dict[str, Recipe]:
    """Return the two recipes of a saved spec."""
    return {name: Recipe(**found[name]) for name in ("recipe", "pretraining")}


def read_texts(found: Mapping[str, Any]) -> TextSpec:
    """Return the texts of a saved spec: sources are names without folders, to be shown, not to be read."""
    later = {"repeats": None, "options": (), "template": "auto", "neutral": ()}  # what older folders do not say
    return TextSpec(**{field.name: {**later, **found}[field.name] for field in fields(TextSpec)})


def restore_rebound(found: Mapping[str, Any]) -> ReboundSpec:
    """Return the spec that ``spec.json`` holds."""
    arms = tuple(ReboundArm(**arm) for arm in found["arms"])
    named = (field.name for field in fields(ReboundSpec))
    rest = {name: found[name] for name in named if name in found or name not in LATER}
    if rest.get("gate") is not None:
        rest["gate"] = RateGate(**rest["gate"])
    return ReboundSpec(**{**rest, "arms": arms, "texts": read_texts(found["texts"]), **read_recipes(found)})


REBOUND: Experiment[ReboundSpec, ReboundUnit, list[ReboundSummary]] = Experiment(
    name="rebound",
    design=Design(
        primary="the score that the negative data takes back after the largest positive volume, net of control, is > 0",
        stopping="all seeds of the spec",
        equivalence="none stated: an interval that holds 0 is undecided",
        treated="the base after each positive volume, given the negative data",
        control="the base, given the same negative data",
        placebo="none: a base aligned to neutral data at the same sum of learning rates needs texts of that role",
        factors="seeds of the first weights and of the order of all data; the corpora are fixed",
        rate="one constant rate for both trainings, from a pilot",
    ),
    preset=lambda name, options: rebound_preset(name, **options),
    check=check_rebound,
    record=rebound_record,
    restore=restore_rebound,
    gpu_bytes=lambda spec: training_bytes([arm.model for arm in spec.arms], len(spec.positive)),
    units=rebound_units,
    work=rebound_unit,
    cost=rebound_cost,
    keep=finished_arms,
    summarise=summarise_rebound,
    findings=rebound_findings,
    tables=lambda spec, summaries, wide: rebound_tables(spec, summaries, wide=wide),
    plain=lambda spec, summaries, rows: {
        "arms": [asdict(one) for one in summaries],
        "claims": plain_claims(spec, summaries),
    },
    notes=rebound_notes,
    prepare=through_gate,
    designed=placebo_design,
    page=rebound_page,
)
