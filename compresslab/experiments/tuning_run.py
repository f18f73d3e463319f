"""What ``compresslab experiment rebound`` and ``scaling`` run: a preset changed by options, its rows, its summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from compresslab.errors import InvalidParameter
from compresslab.experiments.pool import Step, num_workers
from compresslab.experiments.rebound.run import ReboundSpec, rebound_record, run_rebound
from compresslab.experiments.rebound.summary import ReboundSummary, summarise_rebound
from compresslab.experiments.rows import Row, read_rows
from compresslab.experiments.scaling.run import ScalingSpec, run_scaling, scaling_record
from compresslab.experiments.scaling.summary import ScalingSummary, summarise_scaling
from compresslab.experiments.spec import save_spec
from compresslab.experiments.tuning_presets import rebound_preset, scaling_preset

__all__ = ["ReboundResult", "ScalingResult", "run_rebound_preset", "run_scaling_preset"]


@dataclass(frozen=True, eq=False)
class ReboundResult:
    """A finished ``rebound`` experiment.

    Attributes:
        spec: what was done.
        summaries: one an arm.
        folder: where ``spec.json`` and ``rows.jsonl`` are.
    """

    spec: ReboundSpec
    summaries: tuple[ReboundSummary, ...]
    folder: Path


@dataclass(frozen=True, eq=False)
class ScalingResult:
    """A finished ``scaling`` experiment; attributes as those of :class:`ReboundResult`."""

    spec: ScalingSpec
    summary: ScalingSummary
    folder: Path


def run_rebound_preset(
    out: str | PathLike[str],
    preset: str = "demo",
    *,
    data: Sequence[str] = (),
    model: str | None = None,
    scale: float | None = None,
    seeds: int | None = None,
    workers: int | None = None,
    so_far: bool = False,
    progress: Step | None = None,
) -> ReboundResult:
    """Run ``rebound``, or go on with it, and summarise it.

    Args:
        out: a folder; made where missing.
        preset: "demo", "cpu" or "gpu".
        data: ``role=source`` entries instead of the embedded corpora.
        model: instead of the preset's.
        scale: of the paper's volumes, instead of the preset's.
        seeds: how many seeds every arm has, instead of the preset's own numbers.
        workers: processes of one thread each; one for each core, or GPU, where not given.
        so_far: train nothing; summarise the seeds that are finished.
        progress: see :func:`compresslab.experiments.pool.run_units`.

    Raises:
        UnknownName: no such preset.
        InvalidParameter: options that cannot be, or a folder of another experiment.
        UnreadableFile: data that is missing.
        MissingExtra: torch or transformers is not installed.
    """
    spec = rebound_preset(preset, data=data, model=model, scale=scale, seeds=seeds)
    if so_far:
        found = read_rows(Path(out) / "rows.jsonl")
        save_spec(out, rebound_record(spec))
        spec = finished_arms(spec, list(found))
        rows = [row for held in found.values() for row in held]
    else:
        rows = run_rebound(spec, out, workers=num_workers(workers, spec.device), progress=progress)
    return ReboundResult(spec, tuple(summarise_rebound(spec, rows)), Path(out))


def finished_arms(spec: ReboundSpec, units: Sequence[str]) -> ReboundSpec:
    """Return the spec with those seeds alone that are finished, and without arms that have none."""
    arms = [
        replace(arm, seeds=tuple(seed for seed in arm.seeds if f"{arm.name}/seed {seed}" in units)) for arm in spec.arms
    ]
    held = tuple(arm for arm in arms if arm.seeds)
    if not held:
        raise InvalidParameter("no seed of this experiment is finished there: run it first")
    return replace(spec, arms=held)


def finished_seeds(spec: ScalingSpec, units: Sequence[str]) -> ScalingSpec:
    """Return the spec with those seeds alone for which every base is finished."""
    seeds = tuple(seed for seed in spec.seeds if all(f"{point}/seed {seed}" in units for point in spec.points()))
    if not seeds:
        raise InvalidParameter("no seed of this experiment has all its bases finished there: run it first")
    return replace(spec, seeds=seeds)


def run_scaling_preset(
    out: str | PathLike[str],
    preset: str = "demo",
    *,
    data: Sequence[str] = (),
    models: Sequence[str] = (),
    seeds: int | None = None,
    workers: int | None = None,
    so_far: bool = False,
    progress: Step | None = None,
) -> ScalingResult:
    """Run ``scaling``, or go on with it; arguments and errors as for :func:`run_rebound_preset`."""
    spec = scaling_preset(preset, data=data, models=models, seeds=seeds)
    if so_far:
        found = read_rows(Path(out) / "rows.jsonl")
        save_spec(out, scaling_record(spec))
        spec = finished_seeds(spec, list(found))
        rows: list[Row] = [row for held in found.values() for row in held]
    else:
        rows = run_scaling(spec, out, workers=num_workers(workers, spec.device), progress=progress)
    return ScalingResult(spec, summarise_scaling(spec, rows), Path(out))
