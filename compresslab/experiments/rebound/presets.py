"""The specs that ``--preset`` names for ``rebound``, and what the command's options change in them.

The learning rates of the small models are those of a pilot. Fine-tuning at 3e-4 shortens positive texts from the first
hundred responses on, and negative data is felt as soon; at 1e-3 the noise of the optimizer alone makes them longer, and
moves a model 0.1 nats per token away from its base.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from compresslab.experiments.data.neutral_text import PROSE_BACKWARDS
from compresslab.experiments.data.tuning_texts import EMBEDDED, TextSpec, given_texts
from compresslab.experiments.experiment import named_preset
from compresslab.experiments.models.base_models import SHAPES
from compresslab.experiments.models.finetuning import Recipe
from compresslab.experiments.rebound.gate import RateGate
from compresslab.experiments.rebound.run import (
    PAPER_POSITIVE,
    ReboundArm,
    ReboundSpec,
    scaled_volumes,
)
from compresslab.experiments.spec import first_seeds
from compresslab.lm.tiny import TINY

__all__ = ["CPU_TEXTS", "DEMO_TEXTS", "REBOUND_PRESETS", "rebound_preset", "suited", "volume_steps"]

DEMO_TEXTS = replace(EMBEDDED, held_out=40, contained=800, judged=500, limit=3000)
CPU_TEXTS = replace(EMBEDDED, held_out=100)
_SMALL = Recipe(batch=4, learning_rate=3e-4, warmup=5)
_LARGE = Recipe(batch=4, length=512, learning_rate=1e-5, warmup=10)  # for a model of a hundred million weights


def volume_steps(scale: float, batch: int) -> tuple[int, ...]:
    """Return the paper's five negative volumes times ``scale``, in steps fine enough to tell phases apart."""
    paper = (100, 200, 300, 500, 700, 1000, 1500, 2000)
    return (0, *scaled_volumes(paper, scale, batch))


def _rebound_demo() -> ReboundSpec:
    return ReboundSpec(
        arms=(ReboundArm("contained", "35k", 250_000, 0.5, (0, 1, 2, 3, 4)),),
        positive=(0, 40, 200),
        negative=volume_steps(0.04, 4),
        recipe=Recipe(batch=4, learning_rate=1e-3, warmup=5),  # so few responses need larger steps
        texts=DEMO_TEXTS,
        samples=32,
        sample_length=80,
    )


def _rebound_cpu() -> ReboundSpec:
    return ReboundSpec(
        arms=(
            ReboundArm("contained", "96k", 1_500_000, 0.75, (0, 1, 2, 3)),
            ReboundArm("separate", "96k", 1_500_000, 0.0, (0, 1, 2)),
        ),
        positive=(0, *scaled_volumes(PAPER_POSITIVE, 0.2, 4)),
        negative=volume_steps(0.2, 4),
        texts=CPU_TEXTS,
        samples=40,
    )


def _rebound_referee() -> ReboundSpec:
    """With a placebo, on seeds of no other run; what decides is frozen with it.

    The rate is what the pilot chose: see `compresslab.experiments.rebound.pilot`. The margins are about a twentieth of
    what a pilot gained, and a tenth of the gain for each doubling of the positive data.
    """
    return ReboundSpec(
        arms=(ReboundArm("contained", "35k", 1_000_000, 0.75, tuple(range(100, 120))),),
        positive=(0, 400, 1600, 6400),
        negative=volume_steps(0.1, 4),
        recipe=Recipe(batch=4, learning_rate=3e-5, warmup=5),
        texts=replace(EMBEDDED, held_out=100, judged=100, neutral=(PROSE_BACKWARDS,)),
        samples=0,
        margin_bits=0.02,
        margin_share=0.1,
        gate=RateGate(0.005, 99, ((1.2e-4, 0.026880725), (6e-5, 0.009653171), (3e-5, 0.003175127))),
    )


def _rebound_gpu() -> ReboundSpec:
    return ReboundSpec(
        arms=(ReboundArm("smollm2", "smollm2", 0, 0.0, (0, 1, 2)),),
        positive=(0, *PAPER_POSITIVE),
        negative=volume_steps(1.0, 4),
        recipe=_LARGE,
        texts=replace(EMBEDDED, held_out=500, contained=0, judged=5000, longest=2000, neutral=(PROSE_BACKWARDS,)),
        samples=256,
        sample_length=128,
        device="cuda",
    )


REBOUND_PRESETS: dict[str, Callable[[], ReboundSpec]] = {
    "demo": _rebound_demo,
    "cpu": _rebound_cpu,
    "referee": _rebound_referee,
    "gpu": _rebound_gpu,
}


def rebound_preset(
    name: str,
    *,
    data: Sequence[str] = (),
    model: str | None = None,
    scale: float | None = None,
    seeds: int | None = None,
    reading: Sequence[str] = (),
    repeats: str | None = None,
    longest: int | None = None,
    template: str | None = None,
    gate: float | None = None,
) -> ReboundSpec:
    """Return the spec of a preset, changed by options.

    Args:
        name: "demo", "cpu", "referee" or "gpu".
        data: ``role=source`` entries instead of the embedded corpora: see
            :func:`compresslab.experiments.data.tuning_texts.given_texts`.
        model: a size, or a ready model, instead of the preset's.
        scale: of the paper's volumes, instead of the preset's.
        seeds: how many seeds every arm has.
        reading: what of the files is read, as `compresslab.data.choice.data_options` gives them.
        repeats: "apart" or "kept": see `compresslab.experiments.data.tuning_texts.TextSpec`.
        longest: bytes of a text and its prompt at most, instead of the preset's.
        template: what lays conversations out for a ready model, as of `compresslab.lm.documents.Layout`.
        gate: KL to the base at most that all the negative data takes a base to, nats per token: a pilot halves the
            learning rate until it holds.

    Raises:
        UnknownName: no such preset.
        InvalidParameter: options that cannot be.

    Example:
        >>> rebound_preset("cpu", scale=1.0).positive
        (0, 1000, 2000, 5000, 10000)
    """
    spec = named_preset(REBOUND_PRESETS, name)
    if spec.gate is not None and (data or model is not None or scale is not None or longest is not None):
        spec = replace(spec, **unpiloted(spec.recipe, spec.gate))  # what was chosen was chosen for something else
    spec = replace(spec, texts=given_texts(spec.texts, data, reading, repeats, template))
    if model is not None:
        spec = replace(spec, arms=_given_arms(spec, model))
        recipe, texts = suited([model], spec.recipe, spec.texts)
        spec = replace(spec, recipe=recipe, texts=texts)
    if longest is not None:
        spec = replace(spec, texts=replace(spec.texts, longest=longest))
    if scale is not None:
        batch = spec.recipe.batch
        spec = replace(
            spec, positive=(0, *scaled_volumes(PAPER_POSITIVE, scale, batch)), negative=volume_steps(scale, batch)
        )  # fmt: skip
    if seeds is not None:
        spec = replace(spec, arms=tuple(replace(arm, seeds=first_seeds(seeds)) for arm in spec.arms))
    if gate is not None:
        spec = replace(spec, gate=RateGate(gate, 1 + max(seed for arm in spec.arms for seed in arm.seeds)))
    return spec


def unpiloted(recipe: Recipe, gate: RateGate) -> dict[str, Any]:
    """Return a recipe and a gate as they were before the pilot, as fields of a spec."""
    first = gate.tried[0][0] if gate.tried else recipe.learning_rate
    return {"recipe": replace(recipe, learning_rate=first), "gate": replace(gate, tried=())}


def suited(models: Sequence[str], recipe: Recipe, texts: TextSpec) -> tuple[Recipe, TextSpec]:
    """Return the recipe and the texts for ready models, if any: their pre-training is done."""
    given = [model for model in models if model not in SHAPES]
    if not given:
        return (_SMALL if recipe == _LARGE else recipe), texts
    if "tiny" in given:  # it is small, and so is its context
        return replace(_SMALL, length=TINY.context), replace(texts, contained=0, longest=TINY.context - 1)
    return _LARGE, replace(texts, contained=0)


def _given_arms(spec: ReboundSpec, model: str) -> tuple[ReboundArm, ...]:
    if model in SHAPES:
        symbols = max(arm.symbols for arm in spec.arms) or 1_000_000
        return tuple(replace(arm, model=model, symbols=symbols) for arm in spec.arms)
    return (ReboundArm(model, model, 0, 0.0, spec.arms[0].seeds),)
