"""Rebound: positive data, then negative data; how fast does a model fall back, and does it come back to its base?

For each *arm* (a model, and what its pre-training data holds) and each seed:

1. the base: a model pre-trained on the spot, or one that is given;
2. the positive run: from the base over the largest positive volume, its weights kept at each volume, 0 too;
3. the negative runs: from each of those, over the largest negative volume, measured at each volume on the way.

One row for each pair of volumes: code lengths of held-out texts of all three kinds, KL to the base, samples judged.
With 0 positive examples the negative run is the control: what the negative data does to a model never aligned. Where
there are neutral texts, 2 and 3 are done with them in place of the positive ones too: the placebo.

Source: Ji et al., arXiv 2406.06144, section 5 (figure of rebound: n in 1000 ... 10000, m in 100 ... 2000; Table 3).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from compresslab._support.checks import number_or_nan
from compresslab.data.dataset import Dataset
from compresslab.errors import InvalidParameter
from compresslab.experiments.data.tuning_texts import EMBEDDED, RoleTexts, TextSpec, deal_texts, text_record
from compresslab.experiments.models.base_models import PRETRAINING, SHAPES, num_weights, pretrained
from compresslab.experiments.models.finetuning import Recipe, check_recipe
from compresslab.experiments.models.given_models import (
    check_model,
    check_template,
    given_model,
    model_record,
    template_notes,
    template_record,
)
from compresslab.experiments.pool import worker_device
from compresslab.experiments.rebound.gate import RateGate, check_gate
from compresslab.experiments.rebound.tuning import tuning_rows
from compresslab.experiments.rows import Row
from compresslab.experiments.stages import Stages
from compresslab.lm.hugging_face import HuggingFaceModel

__all__ = [
    "LATER",
    "PAPER_NEGATIVE",
    "PAPER_POSITIVE",
    "ReboundArm",
    "ReboundSpec",
    "ReboundUnit",
    "finished_arms",
    "rebound_notes",
    "rebound_record",
    "rebound_units",
    "scaled_volumes",
]

PAPER_POSITIVE = (1000, 2000, 5000, 10000)
PAPER_NEGATIVE = (100, 200, 500, 1000, 2000)
LATER = ("margin_bits", "margin_share", "gate")  # fields that older specs do not have


@dataclass(frozen=True)
class ReboundArm:
    """Runs that differ in their seeds alone.

    Attributes:
        name: what it is called in rows and tables.
        model: a size of :data:`compresslab.experiments.models.base_models.SHAPES`, to be pre-trained here; else a
            model that :func:`compresslab.lm.registry.get_model` knows: a ready model, which is not trained here.
        symbols: of pre-training; 0 for a ready model.
        share: of the pre-training symbols, from texts like the positive and the negative data (as many of each): what
            the theorem calls contained. 0: none, the separate reading.
        seeds: of the first weights, and of the order of all data.
    """

    name: str
    model: str
    symbols: int
    share: float
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class ReboundSpec:
    """What is to be done; it fixes every number of the rows on one kind of machine.

    Attributes:
        arms: what is trained.
        positive: positive volumes in responses, rising, from 0.
        negative: negative volumes, rising, from 0; 7 or more, so that phases can be told apart.
        recipe: of both fine-tunings; one learning rate throughout, so that a volume on the way is a run of that volume.
        pretraining: the recipe of the base.
        texts: the data.
        samples: responses drawn from the model at each pair of volumes, for the judge of style; 0 for none.
        sample_length: tokens of a sample at most.
        levels: values of epsilon, in nats per token, for the least volume that brings KL to the base below it.
        device: "cpu", or "cuda" for the GPUs there are.
        margin_bits: a change of the score or of a code length within it, bits per byte, counts as nothing; 0: none is
            stated.
        margin_share: a change of the share that is taken back, for each doubling of the positive data, within it
            counts as a loss in proportion; 0: none is stated.
        gate: of the learning rate; None: the recipe's is taken as it is.
    """

    arms: tuple[ReboundArm, ...]
    positive: tuple[int, ...]
    negative: tuple[int, ...]
    recipe: Recipe = field(default_factory=lambda: Recipe(batch=4, learning_rate=3e-4, warmup=5))
    pretraining: Recipe = PRETRAINING
    texts: TextSpec = EMBEDDED
    samples: int = 64
    sample_length: int = 160
    levels: tuple[float, ...] = (0.01, 0.03, 0.06)
    device: str = "cpu"
    margin_bits: float = 0.0
    margin_share: float = 0.0
    gate: RateGate | None = None

    def check(self) -> None:
        """Check everything that can be wrong, before anything is trained; the texts are read for it.

        Raises:
            InvalidParameter, UnknownName: a value outside its domain.
            UnreadableFile: texts that are missing.
        """
        if not self.arms or len({arm.name for arm in self.arms}) != len(self.arms):
            raise InvalidParameter("an experiment needs at least one arm, and every arm a name of its own")
        for arm in self.arms:
            check_arm(arm, self.pretraining)
        check_recipe(self.recipe)
        if self.recipe.schedule != "constant" or self.recipe.packed:
            raise InvalidParameter(
                "fine-tuning needs a constant learning rate and one response an example: else what is measured on the "
                "way is not a run of that volume"
            )
        for name, volumes, least in (("positive", self.positive, 2), ("negative", self.negative, 7)):
            _check_volumes(name, volumes, least, self.recipe.batch)
        for name, low in (("samples", 0), ("sample_length", 1)):
            if not is_whole(getattr(self, name), low):
                raise InvalidParameter(f"{name} is a whole number, {low} or more: not {getattr(self, name)!r}")
        if not self.levels or not all(0 < number_or_nan(level) < float("inf") for level in self.levels):
            raise InvalidParameter(f"levels are positive numbers of nats, at least one: not {self.levels!r}")
        for name in ("margin_bits", "margin_share"):
            if not 0 <= number_or_nan(getattr(self, name)) < float("inf"):
                raise InvalidParameter(f"{name} is 0 or more, 0 for none: not {getattr(self, name)!r}")
        if self.gate is not None:
            check_gate(self.gate, self.recipe.learning_rate, {seed for arm in self.arms for seed in arm.seeds})
        if self.device not in ("cpu", "cuda"):
            raise InvalidParameter(f"the device is 'cpu' or 'cuda', not {self.device!r}")
        if self.texts.longest + 1 > self.recipe.length and any(arm.model in SHAPES for arm in self.arms):
            raise InvalidParameter(
                f"texts of {self.texts.longest} bytes and their end do not fit into examples of {self.recipe.length}: "
                "lower longest, or raise the recipe's length"
            )
        for arm in self.arms:
            check_template(arm.model, self.texts.template)
        deal_texts(self.texts, self.most)

    @property
    def most(self) -> int:
        """Texts of each kind that fine-tuning needs."""
        return max(*self.positive, *self.negative)


@dataclass(frozen=True)
class ReboundUnit:
    """One base and all that is trained from it: what one process does at a time."""

    spec: ReboundSpec
    arm: ReboundArm
    seed: int
    folder: str


def scaled_volumes(volumes: Sequence[int], scale: float, batch: int) -> tuple[int, ...]:
    """Return the paper's volumes times ``scale``, each rounded to a multiple of the batch, at least one batch.

    Raises:
        InvalidParameter: a scale that is not positive, or one at which two volumes fall together.

    Example:
        >>> scaled_volumes(PAPER_POSITIVE, 0.2, 4)
        (200, 400, 1000, 2000)
    """
    if not 0 < number_or_nan(scale) < float("inf"):
        raise InvalidParameter(f"the scale of the volumes is a positive number, not {scale!r}")
    found = tuple(max(batch, round(volume * scale / batch) * batch) for volume in volumes)
    if len(set(found)) != len(found):
        raise InvalidParameter(f"at scale {scale:g} the volumes {tuple(volumes)} become {found}: take a larger one")
    return found


def check_arm(arm: ReboundArm, pretraining: Recipe) -> None:
    """Raise InvalidParameter unless there can be such an arm."""
    if arm.model in SHAPES:
        check_recipe(pretraining)
        least = pretraining.batch * pretraining.length
        if not is_whole(arm.symbols, least):
            raise InvalidParameter(f"arm {arm.name}: pre-training takes {least} symbols or more: not {arm.symbols!r}")
        if not 0 <= number_or_nan(arm.share) < 1:
            raise InvalidParameter(f"arm {arm.name}: a share is at least 0 and below 1: not {arm.share!r}")
    elif arm.symbols != 0:
        raise InvalidParameter(
            f"arm {arm.name}: '{arm.model}' is taken as it is, so its symbols are 0: not {arm.symbols}"
        )
    if not arm.seeds or len(set(arm.seeds)) != len(arm.seeds) or not all(is_whole(seed, 0) for seed in arm.seeds):
        raise InvalidParameter(f"arm {arm.name}: seeds are whole numbers, at least one, each once: not {arm.seeds!r}")


def is_whole(value: object, least: int) -> bool:
    """Say whether a value is a whole number, ``least`` or more."""
    return isinstance(value, int) and number_or_nan(value) >= least


def _check_volumes(name: str, volumes: tuple[int, ...], least: int, batch: int) -> None:
    whole = all(is_whole(volume, 0) and volume % batch == 0 for volume in volumes)
    if len(volumes) < least or not whole or volumes[0] != 0 or not all(a < b for a, b in pairwise(volumes)):
        raise InvalidParameter(
            f"the {name} volumes start at 0 and rise, are multiples of the batch ({batch}), and at least {least}: "
            f"not {volumes!r}"
        )


# ---- one unit ----


def base_model(
    arm: ReboundArm, seed: int, dealt: RoleTexts, recipe: Recipe, folder: str, device: str
) -> HuggingFaceModel:
    """Return an arm's base: pre-trained on its texts by the recipe, or a ready one."""
    if arm.model not in SHAPES:
        return given_model(arm.model, device)
    sources = {"other": (Dataset.from_texts(dealt.pretrain), 1 - arm.share)}
    if arm.share:
        sources["contained"] = (Dataset.from_texts(dealt.contained), arm.share)
    return pretrained(
        SHAPES[arm.model], sources, symbols=arm.symbols, seed=seed, recipe=recipe, device=device, folder=folder
    )


def rebound_unit(unit: ReboundUnit, stages: Stages) -> list[Row]:
    """Train one base and all that starts from it; return a row for each pair of volumes."""
    from compresslab.experiments.models.exact_training import one_thread

    spec, arm = unit.spec, unit.arm
    device = worker_device(spec.device)
    with one_thread():
        dealt = deal_texts(spec.texts, spec.most)
        base = base_model(arm, unit.seed, dealt, spec.pretraining, unit.folder, device)
        head = {"arm": arm.name, "model": arm.model, "parameters": num_weights(base), "seed": unit.seed}
        return [
            {**head, **row}
            for row in tuning_rows(
                base, dealt, unit.seed, positive=spec.positive, negative=spec.negative, recipe=spec.recipe,
                samples=spec.samples, sample_length=spec.sample_length, template=spec.texts.template, stages=stages,
            )
        ]  # fmt: skip


# ---- all of them ----


def rebound_units(spec: ReboundSpec, out: Path) -> dict[str, ReboundUnit]:
    """Return the units of a spec by name, in order; base models are kept in ``out/bases``."""
    folder = str(out / "bases")
    return {f"{arm.name}/seed {s}": ReboundUnit(spec, arm, s, folder) for arm in spec.arms for s in arm.seeds}


def rebound_cost(unit: ReboundUnit) -> float:
    """Return about how long a unit takes, in any measure."""
    spec = unit.spec
    weights = SHAPES[unit.arm.model].hidden ** 2 * SHAPES[unit.arm.model].layers if unit.arm.model in SHAPES else 1e8
    runs = len(spec.positive) + bool(spec.texts.neutral) * (len(spec.positive) - 1)
    examples = (1 + bool(spec.texts.neutral)) * spec.positive[-1] + runs * spec.negative[-1]
    measured = runs * len(spec.negative) * (4 * spec.texts.held_out + 2 * spec.samples)
    return (4000.0 + weights) * (unit.arm.symbols + 120 * (examples + measured))


def check_rebound(spec: ReboundSpec) -> None:
    """Raise unless the spec can be run here: see `ReboundSpec.check` and `check_model`."""
    spec.check()
    for name in dict.fromkeys(arm.model for arm in spec.arms):
        check_model(name, spec.recipe.length, spec.device)


def finished_arms(spec: ReboundSpec, units: Collection[str]) -> ReboundSpec:
    """Return the spec with those seeds alone that are finished, and without arms that have none.

    Raises:
        InvalidParameter: no seed is finished.
    """
    arms = [
        replace(arm, seeds=tuple(seed for seed in arm.seeds if f"{arm.name}/seed {seed}" in units)) for arm in spec.arms
    ]
    held = tuple(arm for arm in arms if arm.seeds)
    if not held:
        raise InvalidParameter("no seed of this experiment is finished there: run it first")
    return replace(spec, arms=held)


def rebound_record(spec: ReboundSpec) -> dict[str, Any]:
    """Return what ``spec.json`` holds: the spec, its texts by name and digest."""
    held = asdict(spec)
    for one in fields(ReboundSpec):  # older folders do not say what they do not have
        if one.name in LATER and held[one.name] == one.default:
            del held[one.name]
    return {
        **held,
        "texts": text_record(spec.texts, spec.most),
        **model_record([arm.model for arm in spec.arms], spec.device),
        **template_record([arm.model for arm in spec.arms], spec.texts, spec.most, spec.recipe.length),
    }


def rebound_notes(spec: ReboundSpec) -> tuple[str, ...]:
    """Say what the texts were read as, what was left out, and how each ready model has them laid out."""
    models = [arm.model for arm in spec.arms]
    return deal_texts(spec.texts, spec.most).notes + template_notes(models, spec.texts, spec.most, spec.recipe.length)
