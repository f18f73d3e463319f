"""Scaling: does the rebound grow with the size of a model, and with its pre-training? And does the effective depth?

Two series of base models that share their data: sizes at one volume of pre-training, and volumes of pre-training at
one size. Each base goes through a rebound (:mod:`compresslab.experiments.rebound.run`): one positive volume and none,
the latter being the control, each followed by the negative data, measured on the way. Before that its effective depth
is measured: :mod:`compresslab.experiments.models.depth_measured`.

Source: Ji et al., arXiv 2406.06144, section 5 (rebound against model size: Qwen 0.5B/4B/7B; against pre-training:
TinyLlama 0.1T to 3T) and Assumption 3.2; theory, section 8.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from compresslab._support.checks import number_or_nan
from compresslab.data.texts import Texts
from compresslab.errors import InvalidParameter
from compresslab.experiments.data.tuning_texts import EMBEDDED, RoleTexts, TextSpec, deal_texts, text_record
from compresslab.experiments.models.base_models import PRETRAINING, SHAPES, num_weights
from compresslab.experiments.models.depth_measured import layer_excess_bits
from compresslab.experiments.models.finetuning import Recipe
from compresslab.experiments.models.given_models import check_model, model_record, template_record
from compresslab.experiments.pool import worker_device
from compresslab.experiments.rebound.run import (
    ReboundArm,
    ReboundSpec,
    ReboundUnit,
    base_model,
    is_whole,
    rebound_cost,
    rebound_notes,
)
from compresslab.experiments.rebound.tuning import in_tokens, tuning_rows
from compresslab.experiments.rows import Row
from compresslab.experiments.stages import Stages

__all__ = ["ScalingSpec", "ScalingUnit", "finished_seeds", "scaling_notes", "scaling_record", "scaling_units"]


@dataclass(frozen=True)
class ScalingSpec:
    """What is to be done; it fixes every number of the rows on one kind of machine.

    Attributes:
        models: sizes of :data:`compresslab.experiments.models.base_models.SHAPES` for the series of sizes, rising; or
            ready models.
        symbols: pre-training of each of them; 0 for ready models.
        volume_model: the size of the series of pre-training volumes.
        volumes: pre-training volumes of that series, in symbols, rising; none where empty.
        share: of the pre-training symbols, from texts like the positive and the negative data.
        seeds: of each base and all that follows.
        positive: the positive volume, in responses.
        negative: negative volumes, rising, from 0.
        recipe: of both fine-tunings, the same for all sizes.
        pretraining: the recipe of the bases, the same for all sizes.
        texts: the data.
        depth: layers of the token tree for the effective depth.
        tolerances: values of ``tau`` for it, in bits.
        device: "cpu", or "cuda".
    """

    models: tuple[str, ...]
    symbols: int
    volume_model: str
    volumes: tuple[int, ...]
    seeds: tuple[int, ...]
    positive: int
    negative: tuple[int, ...]
    share: float = 0.75
    recipe: Recipe = field(default_factory=lambda: Recipe(batch=4, learning_rate=3e-4, warmup=5))
    pretraining: Recipe = PRETRAINING
    texts: TextSpec = EMBEDDED
    depth: int = 8
    tolerances: tuple[float, ...] = (1.0, 2.0, 4.0)
    device: str = "cpu"

    def check(self) -> None:
        """Check everything that can be wrong, before anything is trained; the texts are read for it.

        Raises:
            InvalidParameter, UnknownName: a value outside its domain.
            UnreadableFile: texts that are missing.
        """
        if len(self.models) < 2 or len(set(self.models)) != len(self.models):
            raise InvalidParameter(f"a series of sizes has two models or more, each once: not {self.models!r}")
        if self.volumes:
            if self.volume_model not in SHAPES:
                raise InvalidParameter(
                    f"volumes of pre-training need a size that is trained here ({', '.join(SHAPES)}): not "
                    f"{self.volume_model!r}"
                )
            if len(self.volumes) < 2 or list(self.volumes) != sorted(set(self.volumes)):
                raise InvalidParameter(f"pre-training volumes rise, two or more (or none): not {self.volumes!r}")
        if not is_whole(self.depth, 1):
            raise InvalidParameter(f"the depth is a whole number of layers, 1 or more: not {self.depth!r}")
        if not self.tolerances or not all(0 < number_or_nan(tau) < float("inf") for tau in self.tolerances):
            raise InvalidParameter(f"tolerances are positive numbers of bits, at least one: not {self.tolerances!r}")
        self.as_rebound().check()

    @property
    def most(self) -> int:
        """Texts of each kind that fine-tuning needs."""
        return max(self.positive, *self.negative)

    def points(self) -> dict[str, ReboundArm]:
        """Return the bases by name: those of the sizes, then those of the volumes that are not among them."""
        sized = [(name, self.symbols if name in SHAPES else 0) for name in self.models]
        pairs = dict.fromkeys([*sized, *((self.volume_model, symbols) for symbols in self.volumes)])
        named = {f"{model}, {symbols} symbols" if symbols else model: (model, symbols) for model, symbols in pairs}
        return {
            name: ReboundArm(name, model, symbols, self.share if symbols else 0.0, self.seeds)
            for name, (model, symbols) in named.items()
        }

    def as_rebound(self) -> ReboundSpec:
        """Return the rebound experiment that is done at every point."""
        return ReboundSpec(
            arms=tuple(self.points().values()), positive=(0, self.positive), negative=self.negative,
            recipe=self.recipe, pretraining=self.pretraining, texts=self.texts, samples=0, device=self.device,
        )  # fmt: skip


@dataclass(frozen=True)
class ScalingUnit:
    """One base and what is done with it: what one process does at a time."""

    spec: ScalingSpec
    point: str
    seed: int
    folder: str


def scaling_unit(unit: ScalingUnit, stages: Stages) -> list[Row]:
    """Make one base, measure its depth, fine-tune it; return a row for each pair of volumes."""
    from compresslab.experiments.models.exact_training import one_thread

    spec, points = unit.spec, unit.spec.points()
    arm = points[unit.point]
    device = worker_device(spec.device)
    with one_thread():
        dealt = deal_texts(spec.texts, spec.most)
        base = base_model(arm, unit.seed, dealt, spec.pretraining, unit.folder, device)
        head = {
            "point": unit.point, "model": arm.model, "parameters": num_weights(base), "symbols": arm.symbols,
            "seed": unit.seed,
        }  # fmt: skip
        data = in_tokens(base, mixed_texts(dealt, spec.share if arm.symbols else 0.5), spec.recipe.length, "mixed")
        excess = stages.do("depth", lambda: layer_excess_bits(base, data, spec.depth).tolist())
        rows = tuning_rows(
            base, dealt, unit.seed, positive=(0, spec.positive), negative=spec.negative, recipe=spec.recipe,
            template=spec.texts.template, stages=stages,
        )  # fmt: skip
    rows[0]["excess_bits"] = excess  # of the base: 0 positive, 0 negative
    return [{**head, **row} for row in rows]


def mixed_texts(dealt: RoleTexts, share: float) -> Texts:
    """Return texts as the pre-training mixes them, ``share`` of the bytes contained ones; no response twice.

    The tree of these is what the base models were trained on, as nearly as whole responses give the share.
    """
    parts = [dealt.pretrain, dealt.contained]
    if not share or not len(dealt.contained):
        return dealt.pretrain
    mean = [part.buffer.size / len(part) + 1 for part in parts]
    ratio = (1 - share) / mean[0] / (share / mean[1])  # others for each contained response
    count = min(len(dealt.contained), int(len(dealt.pretrain) / ratio))
    rng = np.random.default_rng(0)
    taken = [rng.permutation(len(part))[:size] for part, size in zip(parts, (round(count * ratio), count), strict=True)]
    return Texts.concat(part.select(np.sort(at)) for part, at in zip(parts, taken, strict=True))


def scaling_units(spec: ScalingSpec, out: Path) -> dict[str, ScalingUnit]:
    """Return the units of a spec by name, in order; base models are kept in ``out/bases``."""
    folder = str(out / "bases")
    return {f"{p}/seed {seed}": ScalingUnit(spec, p, seed, folder) for p in spec.points() for seed in spec.seeds}


def scaling_cost(unit: ScalingUnit) -> float:
    """Return about how long a unit takes, in any measure."""
    return rebound_cost(ReboundUnit(unit.spec.as_rebound(), unit.spec.points()[unit.point], unit.seed, unit.folder))


def check_scaling(spec: ScalingSpec) -> None:
    """Raise unless the spec can be run here: see `ScalingSpec.check` and `check_model`."""
    spec.check()
    for arm in spec.points().values():
        check_model(arm.model, spec.recipe.length, spec.device)


def finished_seeds(spec: ScalingSpec, units: Collection[str]) -> ScalingSpec:
    """Return the spec with those seeds alone for which every base is finished.

    Raises:
        InvalidParameter: there is none.
    """
    seeds = tuple(seed for seed in spec.seeds if all(f"{point}/seed {seed}" in units for point in spec.points()))
    if not seeds:
        raise InvalidParameter("no seed of this experiment has all its bases finished there: run it first")
    return replace(spec, seeds=seeds)


def scaling_record(spec: ScalingSpec) -> dict[str, Any]:
    """Return what ``spec.json`` holds: the spec, its texts by name and digest."""
    return {
        **asdict(spec),
        "texts": text_record(spec.texts, spec.most),
        **model_record(spec.models, spec.device),
        **template_record(spec.models, spec.texts, spec.most, spec.recipe.length),
    }


def scaling_notes(spec: ScalingSpec) -> tuple[str, ...]:
    """Say what the texts were read as, what was left out, and how each ready model has them laid out."""
    return rebound_notes(spec.as_rebound())
