"""The specs that ``--preset`` names for ``effective-volumes``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from compresslab.experiments.effective_volumes.run import EQUAL, EffectiveSpec
from compresslab.experiments.experiment import named_preset
from compresslab.experiments.spec import first_seeds

__all__ = ["EFFECTIVE_PRESETS", "effective_preset"]

_MIXTURES = (EQUAL, (0.6, 0.3, 0.1), (0.1, 0.6, 0.3), (0.3, 0.1, 0.6), (0.9, 0.05, 0.05), (0.05, 0.05, 0.9))


def _demo() -> EffectiveSpec:
    return EffectiveSpec(
        120, _MIXTURES[:5], (0,), (0.003,), size=48, pretrain_steps=600, align_steps=(5, 20, 60),
        perturb_after=(5, 60), perturb_steps=(2, 5, 20),
    )  # fmt: skip


def _cpu() -> EffectiveSpec:
    return EffectiveSpec(385, _MIXTURES, (0, 1, 2, 3, 4), (0.001, 0.003))


def _gpu() -> EffectiveSpec:
    return EffectiveSpec(
        4000, _MIXTURES, tuple(range(5)), (0.0003, 0.001, 0.003), size=384, max_bytes=12, steps=4000,
        learning_rate=0.01, phrases=100_000, pretrain_steps=20_000,
    )  # fmt: skip


EFFECTIVE_PRESETS: dict[str, Callable[[], EffectiveSpec]] = {"demo": _demo, "cpu": _cpu, "gpu": _gpu}


def effective_preset(name: str, *, seeds: int | None = None) -> EffectiveSpec:
    """Return the spec of a preset, with so many seeds where a number is given.

    Raises:
        UnknownName: no such preset.

    Example:
        >>> len(effective_preset("cpu").mixtures)
        6
    """
    spec = named_preset(EFFECTIVE_PRESETS, name)
    return spec if seeds is None else replace(spec, seeds=first_seeds(seeds))
