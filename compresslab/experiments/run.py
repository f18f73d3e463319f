"""What ``compresslab experiment`` runs: a preset of an experiment, its rows, its summary and its report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from compresslab.errors import InvalidParameter
from compresslab.experiments.effective_volumes.run import EffectiveSpec, effective_preset, run_effective
from compresslab.experiments.joint.presets import joint_preset
from compresslab.experiments.joint.run import JointSpec, joint_record, run_joint
from compresslab.experiments.joint.summary import ArmSummary, summarise_joint
from compresslab.experiments.pool import Step, num_workers
from compresslab.experiments.rows import Row, read_rows
from compresslab.experiments.spec import first_seeds, save_spec

__all__ = ["JointResult", "effective_spec", "joint_spec", "run_effective_preset", "run_joint_preset"]


@dataclass(frozen=True, eq=False)
class JointResult:
    """A finished ``joint`` experiment.

    Attributes:
        spec: what was done.
        summaries: one an arm.
        folder: where ``spec.json`` and ``rows.jsonl`` are.
    """

    spec: JointSpec
    summaries: tuple[ArmSummary, ...]
    folder: Path


def joint_spec(preset: str, seeds: int | None = None) -> JointSpec:
    """Return a preset of ``joint``, with so many seeds for every arm where a number is given."""
    spec = joint_preset(preset)
    if seeds is None:
        return spec
    chosen = first_seeds(seeds)
    return replace(spec, arms=tuple(replace(arm, seeds=chosen) for arm in spec.arms))


def effective_spec(preset: str, seeds: int | None = None) -> EffectiveSpec:
    """Return a preset of ``volumes``, with so many seeds where a number is given."""
    spec = effective_preset(preset)
    return spec if seeds is None else replace(spec, seeds=first_seeds(seeds))


def run_joint_preset(
    out: str | PathLike[str],
    preset: str = "demo",
    *,
    seeds: int | None = None,
    workers: int | None = None,
    so_far: bool = False,
    progress: Step | None = None,
) -> JointResult:
    """Run ``joint``, or go on with it, and summarise it.

    Args:
        out: a folder; made where missing.
        preset: "demo", "cpu" or "gpu".
        seeds: how many seeds every arm has, instead of the preset's own numbers.
        workers: processes of one thread each; as many as there are cores where not given.
        so_far: train nothing; summarise the arms that are finished.
        progress: see :func:`compresslab.experiments.pool.run_units`.

    Raises:
        UnknownName: no such preset.
        InvalidParameter: a number of seeds or workers below 1, or a folder of another experiment.
        MissingExtra: torch is not installed.
    """
    spec = joint_spec(preset, seeds)
    if so_far:
        spec, rows = _finished(spec, Path(out))
    else:
        rows = run_joint(spec, out, workers=num_workers(workers), progress=progress)
    return JointResult(spec, tuple(summarise_joint(spec, rows)), Path(out))


def _finished(spec: JointSpec, out: Path) -> tuple[JointSpec, list[Row]]:
    """Return the spec with those arms alone that have all their rows, and the rows."""
    found = read_rows(out / "rows.jsonl")
    arms = {arm for arm in spec.arms if all(f"{arm.name}/seed {seed}" in found for seed in arm.seeds)}
    if not arms:
        raise InvalidParameter(f"no arm of this experiment is finished in {out}: run it first")
    save_spec(out, joint_record(spec))
    return replace(spec, arms=tuple(arm for arm in spec.arms if arm in arms)), [
        r for rows in found.values() for r in rows
    ]


def run_effective_preset(
    out: str | PathLike[str],
    preset: str = "demo",
    *,
    seeds: int | None = None,
    workers: int | None = None,
    progress: Step | None = None,
) -> tuple[EffectiveSpec, list[Row]]:
    """Run the effective volumes, or go on with them; arguments and errors as for :func:`run_joint_preset`."""
    spec = effective_spec(preset, seeds)
    return spec, run_effective(spec, out, workers=num_workers(workers), progress=progress)
