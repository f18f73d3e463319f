"""What is lost where a LoRA's space stands for all weights: three predictions beside two fine-tunings.

A LoRA moves a model less at the same learning rate, so the two are compared where both change the new data alike to
first order: all weights are trained at the rate at which they do. Each prediction is held against a fine-tuning by
``R^2`` about zero, ``1 - sum (measured - predicted)^2 / sum measured^2`` over the datasets:

============================  =======================================================================================
``lora_r_squared``            the linearised LoRA against fine-tuning of the LoRA: is it good in its own space?
``whole_r_squared``           the linearised model of all weights against fine-tuning of them
``lora_for_whole_r_squared``  the linearised LoRA against fine-tuning of *all* weights
``accuracy_lost``             the second less the third: what it costs to ask the LoRA's space instead
============================  =======================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from compresslab.errors import InvalidParameter
from compresslab.lm.protocol import LanguageModel
from compresslab.probe.probing import Progress, probe
from compresslab.probe.result import ProbeResult, agreement_of
from compresslab.probe.settings import ProbeSettings
from compresslab.probe.texts import Given

__all__ = ["LoraAccuracy", "lora_accuracy"]


@dataclass(frozen=True)
class LoraAccuracy:
    """What was predicted and measured in both spaces, for one perturbation after its last number of examples.

    Attributes:
        perturbation: what is trained on.
        examples: how many.
        whole_learning_rate: at which all weights change the perturbation as the LoRA does, to first order.
        datasets: whose changes follow, nats per token.
        lora_linearised_nats: by the linearised LoRA, at the rate of the settings.
        lora_measured_nats: by fine-tuning the LoRA.
        whole_linearised_nats: by the linearised model of all weights, at ``whole_learning_rate``.
        whole_measured_nats: by fine-tuning them.
        lora_r_squared: of the first against the second; None where nothing changes.
        whole_r_squared: of the third against the fourth.
        lora_for_whole_r_squared: of the first against the fourth.
    """

    perturbation: str
    examples: int
    whole_learning_rate: float
    datasets: tuple[str, ...]
    lora_linearised_nats: tuple[float, ...]
    lora_measured_nats: tuple[float, ...]
    whole_linearised_nats: tuple[float, ...]
    whole_measured_nats: tuple[float, ...]
    lora_r_squared: float | None
    whole_r_squared: float | None
    lora_for_whole_r_squared: float | None

    @property
    def accuracy_lost(self) -> float | None:
        """``whole_r_squared`` less ``lora_for_whole_r_squared``."""
        if self.whole_r_squared is None or self.lora_for_whole_r_squared is None:
            return None
        return self.whole_r_squared - self.lora_for_whole_r_squared

    def __str__(self) -> str:
        """Return a sentence."""
        one, two, three = (
            "not defined" if x is None else f"{x:.3f}"
            for x in (self.lora_r_squared, self.whole_r_squared, self.lora_for_whole_r_squared)
        )
        return (
            f"'{self.perturbation}' after {self.examples:,} examples, R^2 about zero over the datasets: the LoRA's "
            f"prediction has {one} for fine-tuning the LoRA, and {three} for fine-tuning all weights at the rate that "
            f"changes '{self.perturbation}' alike ({self.whole_learning_rate:.3g}), where theirs has {two}."
        )


def lora_accuracy(
    model: str | LanguageModel,
    found: ProbeResult,
    *,
    perturb: Mapping[str, Given],
    pretrain: Mapping[str, Given] | None = None,
    align: Mapping[str, Given] | None = None,
    other: Mapping[str, Given] | None = None,
    base: str | LanguageModel | None = None,
    progress: Progress | None = None,
) -> tuple[LoraAccuracy, ...]:
    """Say what a probe in a LoRA's space has lost against one of all weights, for each perturbation.

    It takes a probe and a fine-tuning of all weights for each.

    Args:
        model: that was probed.
        found: what the probe found, with ``lora``, linearised and verified.
        perturb: the data that it was given.
        pretrain: likewise.
        align: likewise.
        other: likewise.
        base: likewise.
        progress: as of `compresslab.probe.probing.probe`.

    Raises:
        InvalidParameter: a probe without one of these; or one whose new data has no first-order change.
        CompressLabError: as of `compresslab.probe.probing.probe`.
    """
    settings = found.settings
    if not (settings.lora and settings.linearised and found.measured):
        raise InvalidParameter("give a probe of a LoRA's space (lora) that is linearised and verified (verify=True)")
    data: dict[str, Any] = {"pretrain": pretrain, "align": align, "base": base, "progress": progress}
    last = settings.examples[-1]
    whole: dict[str, Any] = {"lora": 0, "examples": (last,)}
    first = probe(model, perturb=perturb, other=other, settings=settings, linearised=False, **whole, **data)
    rows = []
    for name in perturb:
        rate = settings.learning_rate * _first_order(found, name, last) / _first_order(first, name, last)
        others = {**(other or {}), **{one: given for one, given in perturb.items() if one != name}}
        there = probe(
            model, perturb={name: perturb[name]}, other=others, verify=True, settings=settings, learning_rate=rate,
            **whole, **data,
        )  # fmt: skip
        rows.append(_compared(found, there, name, settings, rate))
    return tuple(rows)


def _first_order(found: ProbeResult, name: str, examples: int) -> float:
    change = next(row.first_order_nats for row in found.curve(name, name) if row.examples == examples)
    if not change < 0:
        raise InvalidParameter(
            f"training on '{name}' does not make it cheaper to first order: there is nothing to compare a LoRA at"
        )
    return change


def _compared(lora: ProbeResult, whole: ProbeResult, name: str, settings: ProbeSettings, rate: float) -> LoraAccuracy:
    last, datasets = settings.examples[-1], tuple(lora.datasets)
    values = [side for result in (lora, whole) for side in _changes(result, name, datasets, last)]
    (a, b), (c, d) = values[:2], values[2:]
    squared = [agreement_of(np.array(x), np.array(y))[2] for x, y in ((a, b), (c, d), (a, d))]
    return LoraAccuracy(name, last, rate, datasets, a, b, c, d, *squared)


def _changes(
    result: ProbeResult, perturbation: str, datasets: Sequence[str], examples: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return what was predicted of each dataset by the linearised model, and what was measured."""
    key = [(perturbation, name, examples) for name in datasets]
    predicted = {(row.perturbation, row.dataset, row.examples): row.nats for row in result.predicted}
    measured = {(row.perturbation, row.dataset, row.examples): row.change_nats for row in result.measured}
    return tuple(predicted[one] for one in key), tuple(measured[one] for one in key)
