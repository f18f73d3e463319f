"""The pilot of a rebound: which learning rate its gate lets in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from compresslab.errors import InvalidParameter
from compresslab.experiments.data.tuning_texts import deal_texts
from compresslab.experiments.pool import worker_device
from compresslab.experiments.rebound.gate import RateGate
from compresslab.experiments.rebound.run import ReboundSpec, base_model
from compresslab.experiments.rebound.tuning import control_kl_nats
from compresslab.experiments.spec import of_saved, read_spec

__all__ = ["HALVINGS", "through_gate"]

HALVINGS: Final = 12  # a rate that is too high after so many is not the reason


def through_gate(spec: ReboundSpec, folder: Path) -> ReboundSpec:
    """Return a spec with the rate that its gate lets in; the spec itself where it has no gate, or its pilot is done.

    The pilot is a control of the first arm, with the gate's seed: a base, given all the negative data. Where the folder
    has a ``spec.json``, nothing is trained: of the same gate, what its pilot chose is taken.

    Args:
        spec: what is to be done.
        folder: of the run; base models are kept in it.

    Raises:
        InvalidParameter: a spec that does not hold, or no rate lets the gate in.
    """
    from compresslab.experiments.models.exact_training import one_thread

    gate = spec.gate
    if gate is None or gate.tried:
        return spec
    spec.check()
    rate, last = spec.recipe.learning_rate, spec.negative[-1]
    if (folder / "spec.json").is_file():  # what is there was chosen, or is of another spec, which is refused later
        known = _kept(folder)
        if known is not None and known.passed and replace(known, tried=()) == gate and known.tried[0][0] == rate:
            return replace(spec, recipe=replace(spec.recipe, learning_rate=known.tried[-1][0]), gate=known)
        return spec
    tried: list[tuple[float, float]] = []
    with one_thread():
        dealt = deal_texts(spec.texts, spec.most)
        base = base_model(
            spec.arms[0], gate.seed, dealt, spec.pretraining, str(folder / "bases"), worker_device(spec.device)
        )
        for _ in range(HALVINGS):
            recipe = replace(spec.recipe, learning_rate=rate)
            tried.append((rate, control_kl_nats(base, dealt, gate.seed, last, recipe, spec.texts.template)))
            if tried[-1][1] <= gate.level_nats:
                return replace(spec, recipe=recipe, gate=replace(gate, tried=tuple(tried)))
            rate /= 2
    raise InvalidParameter(
        f"after {HALVINGS} halvings of the learning rate {last:,} negative responses still take a base "
        f"{tried[-1][1]:.3g} nats per token away, above {gate.level_nats:g}: raise the level"
    )


def _kept(folder: Path) -> RateGate | None:
    """Return the gate that a folder's ``spec.json`` has; None where it has none."""
    found = read_spec(folder).get("gate")
    with of_saved(f"{folder / 'spec.json'} has a gate that is not one"):
        return None if found is None else RateGate(**found)
