"""The gate of the learning rate: how far the negative data alone may move a base.

What is said net of a control is worth little where the control itself is moved far: then it is the rate that is
measured. So the rate is halved until all the negative data takes a base no farther than a stated level. A pilot says
so, on a seed that is in no arm; what it tried is part of the spec, and so is there before any row.
"""

from __future__ import annotations

from dataclasses import dataclass

from compresslab._support.checks import number_or_nan
from compresslab.errors import InvalidParameter

__all__ = ["RateGate", "check_gate"]


@dataclass(frozen=True)
class RateGate:
    """What the learning rate has to hold, and what a pilot tried.

    Attributes:
        level_nats: KL to the base at most, of the control after all negative data, nats per token, the mean of that on
            positive and on negative texts.
        seed: of the pilot; of no arm.
        tried: learning rates in the order in which they were tried, each half of the one before, with that KL; empty
            before the pilot.
    """

    level_nats: float
    seed: int
    tried: tuple[tuple[float, float], ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the last rate that was tried holds the level."""
        return bool(self.tried) and self.tried[-1][1] <= self.level_nats


def check_gate(gate: RateGate, rate: float, seeds: set[int]) -> None:
    """Raise InvalidParameter unless a gate can be, and a pilot's end is the rate that is used.

    Args:
        gate: the gate.
        rate: of the recipe.
        seeds: of all arms.
    """
    if not 0 < number_or_nan(gate.level_nats) < float("inf"):
        raise InvalidParameter(f"the gate's level is a positive number of nats per token, not {gate.level_nats!r}")
    if not number_or_nan(gate.seed) >= 0 or gate.seed in seeds:
        raise InvalidParameter(
            f"the pilot of the learning rate has a seed that is in no arm: not {gate.seed!r} beside {sorted(seeds)}"
        )
    if gate.tried and not (gate.passed and gate.tried[-1][0] == rate):
        raise InvalidParameter(
            f"the pilot ended at a learning rate of {gate.tried[-1][0]:g} with a KL of {gate.tried[-1][1]:g} nats per "
            f"token; the recipe has {rate:g}, and the gate lets in {gate.level_nats:g}: run the pilot again"
        )
