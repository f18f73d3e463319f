"""What a probe is asked: the optimiser whose steps are predicted, and how."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import index
from typing import Any

from compresslab._support.checks import known_fields, number_or_nan
from compresslab.errors import InvalidParameter, UnknownName, did_you_mean

__all__ = ["ALIGN_LOSSES", "BETAS", "EPSILON", "OPTIMIZERS", "STATES", "ProbeSettings"]

OPTIMIZERS = ("sgd", "sign", "adamw")
STATES = ("fresh", "mixture")
ALIGN_LOSSES = ("code length", "dpo")
BETAS = (0.9, 0.999)
EPSILON = 1e-8


def _whole(numbers: object) -> tuple[int, ...]:
    """Return numbers of examples as ints, numpy's too."""
    try:
        return tuple(index(n) for n in numbers)  # type: ignore[attr-defined]
    except TypeError:
        raise InvalidParameter(f"examples are whole numbers, such as (4, 16): not {numbers!r}") from None


@dataclass(frozen=True)
class ProbeSettings:
    """How the fine-tuning is done that a probe predicts.

    Attributes:
        optimizer: "sgd", "sign" (of the gradient) or "adamw" (without decay, betas 0.9 and 0.999).
        learning_rate: of all steps.
        examples: after how many the changes are predicted; rising, each a multiple of ``batch``.
        batch: examples of a step.
        length: tokens of an example at most; the context of the model, or of its base, where that is shorter.
        state: of AdamW, when fine-tuning begins: "fresh", or "mixture": its second moment is the mean square of the
            gradients of batches of all datasets, each dataset with the same weight. Other optimisers have none.
        linearised: predict with the linearised model too; it costs more than the fine-tuning that it predicts.
        template: the chat template that lays out conversations: "auto", "tokenizer", "none" or a file; see
            `compresslab.lm.documents`.
        align_loss: the objective of alignment data: "code length", or "dpo", of pairs of responses; see
            `compresslab.probe.preferences`.
        dpo_beta: of the DPO loss.
        lora: rank of a LoRA (of all linear layers, by the package peft), in whose weights fine-tuning is done; 0: in
            all weights that have ``requires_grad``.
        groups: of responses, whose differences give the standard errors of gradients.
        seed: of the order of the examples, and of the groups.

    Raises:
        UnknownName: no such optimiser or state.
        InvalidParameter: a number outside its domain.

    Example:
        >>> ProbeSettings(examples=(4, 6))
        Traceback (most recent call last):
        compresslab.errors.InvalidParameter: numbers of examples rise, and are multiples of the batch, 4: not (4, 6)
    """

    optimizer: str = "adamw"
    learning_rate: float = 2e-5
    examples: tuple[int, ...] = (4, 16, 64, 256)
    batch: int = 4
    length: int = 256
    state: str = "fresh"
    linearised: bool = True
    template: str = "auto"
    align_loss: str = ALIGN_LOSSES[0]
    dpo_beta: float = 0.1
    lora: int = 0
    groups: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        chosen = (self.optimizer, OPTIMIZERS, "optimizer"), (self.state, STATES, "state")
        for value, known, what in (*chosen, (self.align_loss, ALIGN_LOSSES, "loss of alignment data")):
            if value not in known:
                raise UnknownName(f"unknown {what} {value!r}: {did_you_mean(str(value), known)}")
        object.__setattr__(self, "examples", _whole(self.examples))
        for name, low in (("batch", 1), ("length", 1), ("lora", 0), ("groups", 2), ("seed", 0)):
            value = getattr(self, name)
            if not (isinstance(value, int) and number_or_nan(value) >= low):
                raise InvalidParameter(f"{name} is a whole number, {low} or more: not {value!r}")
        if not 0 < number_or_nan(self.learning_rate) < math.inf:
            raise InvalidParameter(f"learning_rate is above 0: not {self.learning_rate!r}")
        if not 0 < number_or_nan(self.dpo_beta) < math.inf:
            raise InvalidParameter(f"dpo_beta is above 0: not {self.dpo_beta!r}")
        numbers = self.examples
        if (
            not numbers
            or not all(number_or_nan(n) > 0 and number_or_nan(n) % self.batch == 0 for n in numbers)
            or any(b <= a for a, b in pairwise(numbers))
        ):
            raise InvalidParameter(
                f"numbers of examples rise, and are multiples of the batch, {self.batch}: not {numbers!r}"
            )

    @property
    def keeps_state(self) -> bool:
        """Whether the optimiser has a state, whose beginning matters."""
        return self.optimizer == "adamw"

    def changed(self, changes: Mapping[str, Any]) -> ProbeSettings:
        """Return settings in which some fields differ.

        Raises:
            InvalidParameter: no such field.
        """
        return replace(self, **known_fields(self, changes, "a probe"))
