"""The experiment ``joint``: networks trained on exact mixtures, held against the elasticity theorem."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from compresslab.errors import InvalidParameter
from compresslab.experiments.experiment import Design, Experiment
from compresslab.experiments.joint.page import joint_page
from compresslab.experiments.joint.presets import joint_preset
from compresslab.experiments.joint.run import (
    Arm,
    JointSpec,
    Unit,
    data_digest,
    joint_record,
    joint_units,
    joint_words,
    train_unit,
    unit_cost,
)
from compresslab.experiments.joint.summary import ArmSummary, summarise_joint
from compresslab.experiments.joint.tables import joint_findings, joint_tables

__all__ = ["JOINT"]


def restore_joint(found: Mapping[str, Any]) -> JointSpec:
    """Return the spec that ``spec.json`` holds.

    Raises:
        InvalidParameter: it is of another Python's corpora.
    """
    known = {field.name for field in fields(JointSpec)} - {"arms"}
    arms = tuple(Arm(**arm) for arm in found["arms"])
    spec = JointSpec(arms=arms, **{key: value for key, value in found.items() if key in known})
    spec.check()
    digest = data_digest(*joint_words(spec.words, spec.max_bytes))
    if found.get("data_sha256", digest) != digest:
        raise InvalidParameter(
            f"spec.json is of other texts than this Python's (data_sha256 is {str(found['data_sha256'])[:12]}, here "
            f"{digest[:12]}): make the report with the Python that ran the experiment"
        )
    return spec


def finished_arms(spec: JointSpec, units: Collection[str]) -> JointSpec:
    """Return the spec with those arms alone of which every seed is among the finished units.

    Raises:
        InvalidParameter: there is none.
    """
    held = tuple(arm for arm in spec.arms if all(f"{arm.name}/seed {seed}" in units for seed in arm.seeds))
    if not held:
        raise InvalidParameter("no arm of this experiment is finished there: run it first")
    return replace(spec, arms=held)


JOINT: Experiment[JointSpec, Unit, list[ArmSummary]] = Experiment(
    name="joint",
    design=Design(
        primary="the signs of dγ_p/dl and dγ_a/dl of the first arm, for l < 1/2, are those of the theory at 95 %",
        stopping="all seeds of the spec",
        equivalence="none: slopes are compared with exact values, bias and spread are given apart",
        treated="the network trained on the mixture at each l, from one trunk",
        control="the branch at l = 0, trained on for the same steps",
        placebo="none: the theory gives the exact value for each arm",
        factors="seeds of the first weights and of the sampled streams; the corpora are fixed",
        rate="a cosine down to 0 in each branch, the same for all",
    ),
    preset=lambda name, options: joint_preset(name, **options),
    check=JointSpec.check,
    record=joint_record,
    restore=restore_joint,
    units=joint_units,
    work=train_unit,
    cost=unit_cost,
    keep=finished_arms,
    summarise=summarise_joint,
    findings=lambda spec, summaries: joint_findings(summaries),
    tables=lambda spec, summaries, wide: joint_tables(summaries, wide=wide),
    plain=lambda spec, summaries, rows: {"arms": [asdict(one) for one in summaries]},
    page=joint_page,
)
