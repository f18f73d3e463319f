"""The specs that ``--preset`` names: ``demo`` for a first look, ``cpu`` for the report, ``gpu`` for more leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from compresslab.experiments.experiment import named_preset
from compresslab.experiments.joint.run import Arm, JointSpec
from compresslab.experiments.spec import first_seeds

__all__ = ["JOINT_PRESETS", "joint_preset"]

_COARSE = (0.0, 0.25, 0.5, 0.75, 1.0)
_FINE = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)
_FIVE = (0, 1, 2, 3, 4)


def _demo() -> JointSpec:
    return JointSpec(
        words=120,
        arms=(Arm("contained", "gru", 48, (0, 1, 2), _COARSE, steps=1200, branch_steps=250),),
    )


def _cpu() -> JointSpec:
    capacities = [
        Arm(f"gru {size}", "gru", size, (0, 1, 2), _COARSE, steps=1000, branch_steps=200)
        for size in (8, 16, 32, 48, 64)
    ]
    return JointSpec(
        words=385,
        arms=(
            Arm("gru", "gru", 96, _FIVE, _FINE, steps=1200, branch_steps=250),
            Arm(
                "transformer",
                "transformer",
                32,
                _FIVE,
                _COARSE,
                steps=1200,
                branch_steps=200,
                learning_rate=0.01,
                branch_learning_rate=0.001,
            ),
            Arm("separate", "gru", 96, _FIVE, _COARSE, reading="separate", steps=1000, branch_steps=200),
            Arm("same data", "gru", 96, _FIVE, _COARSE, reading="same", steps=1000, branch_steps=200),
            Arm("k = 5", "gru", 96, (0, 1, 2), _COARSE, k=5.0, steps=1000, branch_steps=200),
            Arm("k = 20", "gru", 96, (0, 1, 2), _COARSE, k=20.0, steps=1000, branch_steps=200),
            *capacities,
        ),
    )


def _gpu() -> JointSpec:
    ten = tuple(range(10))
    capacities = [
        Arm(f"gru {size}", "gru", size, _FIVE, _COARSE, steps=3000, branch_steps=500)
        for size in (8, 16, 32, 64, 128, 256)
    ]
    return JointSpec(
        words=4000,
        max_bytes=12,
        phrases=1_000_000,
        device="cuda",
        arms=(
            Arm("gru", "gru", 384, ten, _FINE, steps=4000, branch_steps=800, learning_rate=0.01),
            Arm(
                "transformer",
                "transformer",
                256,
                ten,
                _FINE,
                steps=4000,
                branch_steps=800,
                learning_rate=0.003,
                branch_learning_rate=0.0003,
            ),
            Arm("separate", "gru", 384, _FIVE, _COARSE, reading="separate", steps=4000, branch_steps=800),
            Arm("same data", "gru", 384, _FIVE, _COARSE, reading="same", steps=4000, branch_steps=800),
            *(
                Arm(f"k = {k:g}", "gru", 384, _FIVE, _COARSE, k=k, steps=4000, branch_steps=800)
                for k in (5.0, 20.0, 50.0)
            ),
            *capacities,
        ),
    )


JOINT_PRESETS: dict[str, Callable[[], JointSpec]] = {"demo": _demo, "cpu": _cpu, "gpu": _gpu}


def joint_preset(name: str, *, seeds: int | None = None) -> JointSpec:
    """Return the spec of a preset, with so many seeds for every arm where a number is given.

    Raises:
        UnknownName: no such preset.

    Example:
        >>> [arm.name for arm in joint_preset("demo").arms]
        ['contained']
    """
    spec = named_preset(JOINT_PRESETS, name)
    if seeds is None:
        return spec
    chosen = first_seeds(seeds)
    return replace(spec, arms=tuple(replace(arm, seeds=chosen) for arm in spec.arms))
