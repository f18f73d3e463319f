"""The specs that ``--preset`` names for ``scaling``, and what the command's options change in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from compresslab.experiments.data.neutral_text import PROSE_BACKWARDS
from compresslab.experiments.data.tuning_texts import EMBEDDED, given_texts
from compresslab.experiments.experiment import named_preset
from compresslab.experiments.models.base_models import SHAPES
from compresslab.experiments.rebound.presets import CPU_TEXTS, DEMO_TEXTS, suited, volume_steps
from compresslab.experiments.scaling.run import ScalingSpec
from compresslab.experiments.spec import first_seeds

__all__ = ["SCALING_PRESETS", "scaling_preset"]


def _scaling_demo() -> ScalingSpec:
    return ScalingSpec(
        models=("7k", "35k"),
        symbols=120_000,
        volume_model="7k",
        volumes=(12_000, 120_000),
        seeds=(0, 1),
        positive=100,
        negative=(0, 4, 8, 12, 16, 20, 24),
        share=0.5,
        texts=DEMO_TEXTS,
    )


def _scaling_cpu() -> ScalingSpec:
    return ScalingSpec(
        models=("7k", "35k", "96k", "325k"),
        symbols=500_000,
        volume_model="96k",
        volumes=(16_500, 50_000, 165_000, 500_000),
        seeds=(0, 1, 2, 3, 4),
        positive=1000,
        negative=(0, 20, 40, 60, 100, 140, 200),
        texts=CPU_TEXTS,
    )


def _scaling_gpu() -> ScalingSpec:
    return ScalingSpec(
        models=("35k", "96k", "325k", "1.1m", "3.9m"),
        symbols=30_000_000,
        volume_model="1.1m",
        volumes=(300_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000),
        seeds=(0, 1, 2, 3, 4),
        positive=2000,
        negative=volume_steps(0.2, 4),
        texts=replace(EMBEDDED, held_out=200, limit=None, neutral=(PROSE_BACKWARDS,)),
        device="cuda",
    )


SCALING_PRESETS: dict[str, Callable[[], ScalingSpec]] = {
    "demo": _scaling_demo,
    "cpu": _scaling_cpu,
    "gpu": _scaling_gpu,
}


def scaling_preset(
    name: str,
    *,
    data: Sequence[str] = (),
    models: Sequence[str] = (),
    seeds: int | None = None,
    reading: Sequence[str] = (),
    repeats: str | None = None,
    longest: int | None = None,
    template: str | None = None,
) -> ScalingSpec:
    """Return the spec of a preset, changed by options.

    They are those of :func:`compresslab.experiments.rebound.presets.rebound_preset`.

    Args:
        name: "demo", "cpu" or "gpu".
        data: ``role=source`` entries.
        models: of the series of sizes, rising; where any is a ready model, there is no series of volumes.
        seeds: how many seeds every base has.
        reading: what of the files is read, as `compresslab.data.choice.data_options` gives them.
        repeats: "apart" or "kept": see `compresslab.experiments.data.tuning_texts.TextSpec`.
        longest: bytes of a text and its prompt at most, instead of the preset's.
        template: what lays conversations out for a ready model, as of `compresslab.lm.documents.Layout`.

    Raises:
        UnknownName: no such preset.
        InvalidParameter: options that cannot be.

    Example:
        >>> scaling_preset("cpu", models=["7k", "35k"]).models
        ('7k', '35k')
    """
    spec = named_preset(SCALING_PRESETS, name)
    spec = replace(spec, texts=given_texts(spec.texts, data, reading, repeats, template))
    if models:
        spec = replace(spec, models=tuple(models))
        if any(model not in SHAPES for model in models):
            spec = replace(spec, volumes=())
        recipe, texts = suited(models, spec.recipe, spec.texts)
        spec = replace(spec, recipe=recipe, texts=texts)
    if longest is not None:
        spec = replace(spec, texts=replace(spec.texts, longest=longest))
    return spec if seeds is None else replace(spec, seeds=first_seeds(seeds))
