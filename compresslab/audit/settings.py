"""What an audit is asked: how the short fine-tunings are done, and how much is measured."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from compresslab._support.checks import known_fields, number_or_nan
from compresslab.errors import InvalidParameter
from compresslab.experiments.models.finetuning import Recipe
from compresslab.probe.settings import ProbeSettings

__all__ = ["QUICK", "AuditSettings"]

QUICK = {"examples": (4, 16), "seeds": 2, "texts": 32}
"""What differs in a quick audit: fewer examples, seeds and texts, and so wider intervals."""


@dataclass(frozen=True)
class AuditSettings:
    """How the short fine-tunings of an audit are done, by AdamW without decay, and what is measured on the way.

    Attributes:
        learning_rate: at which the gate begins; the rate of all arms is this, or it halved a number of times.
        examples: after how many everything is measured; rising, each a multiple of ``batch``.
        batch: examples of a step.
        length: tokens of an example at most; the shorter of both models' contexts where that is less.
        seeds: of the order of the examples, how many: runs of each arm.
        texts: of each dataset that are measured at most, drawn by ``seed``; of a perturbation, which is measured where
            it is trained, no more are used than these or the last number of examples.
        level_nats: the gate: the control's divergence from its base after all examples, nats per token, stays below.
        lora: rank of a LoRA (of all linear layers, by the package peft); 0: all weights are trained.
        alignment_sum: the sum of the learning rates of all steps of the alignment, at which the placebo is aligned to
            neutral data; None where it is not known: that of the longest fine-tuning here.
        linearised: predict with the linearised model too; it costs more than the fine-tuning that it predicts.
        template: the chat template that lays out conversations; see `compresslab.lm.documents`.
        seed: the first one.

    Raises:
        InvalidParameter: a number outside its domain.

    Example:
        >>> AuditSettings(level_nats=0)
        Traceback (most recent call last):
        compresslab.errors.InvalidParameter: level_nats is above 0, and finite: not 0
    """

    learning_rate: float = 2e-5
    examples: tuple[int, ...] = (4, 16, 64)
    batch: int = 4
    length: int = 256
    seeds: int = 3
    texts: int = 128
    level_nats: float = 0.1
    lora: int = 0
    alignment_sum: float | None = None
    linearised: bool = True
    template: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "examples", self.probe().examples)  # checks what a probe has as well
        for name, low in (("seeds", 1), ("texts", 1), ("lora", 0)):
            value = getattr(self, name)
            if not (isinstance(value, int) and number_or_nan(value) >= low):
                raise InvalidParameter(f"{name} is a whole number, {low} or more: not {value!r}")
        if not number_or_nan(self.learning_rate) < 1:
            raise InvalidParameter(f"learning_rate lies between 0 and 1: not {self.learning_rate!r}")
        for name in ("level_nats", "alignment_sum"):
            value = getattr(self, name)
            if value is not None and not 0 < number_or_nan(value) < math.inf:
                raise InvalidParameter(f"{name} is above 0, and finite: not {value!r}")

    @property
    def last(self) -> int:
        """The last number of examples."""
        return self.examples[-1]

    def probe(self, learning_rate: float | None = None) -> ProbeSettings:
        """Return the settings of a probe that predicts the first seed's fine-tuning, at a rate of the gate's."""
        return ProbeSettings(
            optimizer="adamw",
            learning_rate=self.learning_rate if learning_rate is None else learning_rate,
            examples=self.examples,
            batch=self.batch,
            length=self.length,
            linearised=self.linearised,
            template=self.template,
            seed=self.seed,
        )

    def recipe(self, learning_rate: float) -> Recipe:
        """Return how one arm is trained, at a rate of the gate's."""
        return Recipe(batch=self.batch, length=self.length, learning_rate=learning_rate)

    def neutral_examples(self, learning_rate: float) -> int:
        """Return how many neutral examples give the placebo the alignment's sum of learning rates."""
        if self.alignment_sum is None:
            return self.last
        return self.batch * max(1, round(self.alignment_sum / learning_rate))

    def changed(self, changes: dict[str, Any]) -> AuditSettings:
        """Return settings in which some fields differ.

        Raises:
            InvalidParameter: no such field.
        """
        return replace(self, **known_fields(self, changes, "an audit"))
