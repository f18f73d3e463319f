"""Short fine-tunings: the aligned model, the base (the control), and the base aligned to neutral data (the placebo).

An arm and a seed are one unit of `compresslab.experiments.pool`: its rows are saved at once, and each stop within it is
a stage, so that an audit that was killed goes on from its last stop. The batches of the first seed are those that the
probe predicts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from compresslab._support.interrupts import if_stopped
from compresslab.audit.reading import AuditData
from compresslab.audit.settings import AuditSettings
from compresslab.audit.standing import score_pair
from compresslab.errors import InvalidParameter
from compresslab.experiments.models.finetuning import Diverged, fit, get_state, set_state
from compresslab.experiments.rows import Row
from compresslab.experiments.stages import Stages
from compresslab.lm.curriculum import Curriculum
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.probe.lora import to_train
from compresslab.probe.products import Network, code_lengths_nats
from compresslab.probe.settings import BETAS
from compresslab.probe.texts import ProbeData, prepare

__all__ = ["ARMS", "ArmUnit", "arm_rows", "nothing_kept"]

ARMS = ("aligned", "control", "placebo")


@dataclass(frozen=True, eq=False)
class ArmUnit:
    """One arm with one seed: every perturbation, each from the same weights.

    Attributes:
        arm: one of `ARMS`.
        model: where it begins; it is not changed.
        base: the base, to which divergence is measured.
        data: of the audit.
        settings: likewise.
        learning_rate: of all steps.
        number: of the seed, from 0 on.
        stages: of the unit.
    """

    arm: str
    model: HuggingFaceModel
    base: HuggingFaceModel
    data: AuditData
    settings: AuditSettings
    learning_rate: float
    number: int
    stages: Stages

    @property
    def seed(self) -> int:
        """Of the order of the examples."""
        return self.settings.seed + self.number


def arm_rows(unit: ArmUnit) -> list[Row]:
    """Fine-tune an arm on every perturbation, and measure before it and after each number of examples.

    Returns:
        A row for each perturbation and each number of examples, from 0 on: ``nats`` of each response of each dataset,
        and the divergence to the base, nats per token, of pre-training and alignment data.

    Raises:
        Diverged: a loss or a code length that is not a number.
    """
    with nullcontext() if unit.stages.folder else if_stopped(nothing_kept):
        return list(_arm_rows(unit))


def nothing_kept() -> str:
    """Say what an audit without a folder leaves behind."""
    return "nothing is kept; with --out DIR an audit goes on where it was stopped"


def _arm_rows(unit: ArmUnit) -> Iterator[Row]:
    tuned = to_train(unit.model, unit.settings.lora, unit.seed)
    if unit.arm == "placebo":
        _align(unit, tuned)
    start = get_state(tuned)
    for data in unit.data.of_role("perturb"):
        set_state(tuned, start)
        found = _fit(unit, tuned, data, unit.settings.examples, lambda seen: _measured(unit, tuned, seen))
        head = {"arm": unit.arm, "seed": unit.seed, "learning_rate": unit.learning_rate, "perturbation": data.name}
        stops = (0, *unit.settings.examples)
        yield from ({**head, "examples": seen, **one} for seen, one in zip(stops, found, strict=True))


def _align(unit: ArmUnit, tuned: HuggingFaceModel) -> None:
    """Align a base to neutral data, at the sum of learning rates of the alignment."""
    neutral = unit.data.neutral
    assert neutral is not None  # there is no placebo without it
    last = unit.settings.neutral_examples(unit.learning_rate)
    _fit(unit, tuned, neutral, (last,), lambda _: None, from_start=False)


def _fit(
    unit: ArmUnit,
    tuned: HuggingFaceModel,
    data: ProbeData,
    stops: Sequence[int],
    at: Any,
    *,
    from_start: bool = True,
) -> tuple[Any, ...]:
    settings = unit.settings
    order = replace(settings.probe(), seed=unit.seed)
    stream = prepare(tuned, data.name, data.role, data.dialogues, order).stream
    found = fit(
        tuned, first_examples(stream, stops[-1]), settings.recipe(unit.learning_rate), betas=BETAS, clip=np.inf,
        dropout=False, stops=(0, *stops) if from_start else tuple(stops), at=at,
        stages=unit.stages.part(f"{data.role} {data.name}"),
    )  # fmt: skip
    return found.at


def first_examples(stream: Curriculum, count: int) -> Curriculum:
    """Return so many examples of a stream; after its last one comes its first again, as the probe has it."""
    return stream.taking(np.arange(count) % len(stream))


def _measured(unit: ArmUnit, tuned: HuggingFaceModel, seen: int) -> dict[str, Any]:
    nats: dict[str, list[float]] = {}
    kl: dict[str, float] = {}
    for data in unit.data.measured:
        if data.role == "perturb":
            network = Network.of(tuned)
            nats[data.name] = code_lengths_nats(network, network.weights, data).tolist()
        else:
            scores = score_pair(unit.base, tuned, data)
            nats[data.name] = scores.per_response(scores.aligned, data.responses).tolist()
            kl[data.name] = float(scores.kl["aligned_to_base"].mean())
    if not all(np.isfinite(list(_numbers(nats, kl)))):
        if not seen and unit.arm != "placebo":  # no learning rate mends that
            raise InvalidParameter(
                f"a code length under '{unit.model.name}' is not a number before anything is trained: look for an "
                "overflow in the model (try float32)"
            )
        raise Diverged(
            f"training diverged: a code length is not a number at learning rate {unit.learning_rate:g}: lower it"
        )
    return {"nats": nats, "kl_base_nats": kl}


def _numbers(nats: dict[str, list[float]], kl: dict[str, float]) -> Iterator[float]:
    for values in nats.values():
        yield from values
    yield from kl.values()
