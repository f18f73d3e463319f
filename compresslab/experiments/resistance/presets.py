"""The specs of the experiment ``resistance`` that ``--preset`` names, with a model or data of the user's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from compresslab.data.choice import without_files
from compresslab.experiments.data.neutral_text import PROSE_BACKWARDS
from compresslab.experiments.experiment import named_preset
from compresslab.experiments.models.base_models import SHAPES
from compresslab.experiments.models.finetuning import Recipe
from compresslab.experiments.resistance.spec import ResistanceSpec
from compresslab.experiments.spec import first_seeds
from compresslab.lm.tiny import TINY

__all__ = ["RESISTANCE_PRESETS", "resistance_preset"]

_EIGHT = tuple(range(8))  # from six on a sign test can reach 5 %
_GIVEN = 5e-5  # learning rate of a ready model


def _demo() -> ResistanceSpec:
    return ResistanceSpec(
        ("names",), _EIGHT, model="35k", symbols=150_000, slice_pairs=200, prompts=80, responses=200, epochs=1,
        longest=100, recipe=Recipe(batch=8, length=128, learning_rate=2e-3),
    )  # fmt: skip


def _cpu() -> ResistanceSpec:
    return ResistanceSpec(("names", "code"), _EIGHT)


def _gpu() -> ResistanceSpec:
    return ResistanceSpec(
        ("prose", "code"), _EIGHT, model="smollm2", symbols=0, slice_pairs=2000, prompts=400, responses=2000,
        longest=300, recipe=Recipe(batch=16, length=512, learning_rate=_GIVEN), device="cuda",
        neutral=(PROSE_BACKWARDS,),
    )  # fmt: skip


def _referee() -> ResistanceSpec:
    """With neutral data, on seeds of no other run; ten pairs fewer, since `names` has no more for some of them."""
    return replace(_cpu(), seeds=tuple(range(100, 112)), slice_pairs=590, neutral=(PROSE_BACKWARDS,))


RESISTANCE_PRESETS: dict[str, Callable[[], ResistanceSpec]] = {
    "demo": _demo,
    "cpu": _cpu,
    "referee": _referee,
    "gpu": _gpu,
}


def resistance_preset(
    name: str,
    *,
    model: str | None = None,
    data: Sequence[str] = (),
    seeds: int | None = None,
    reading: Sequence[str] = (),
    longest: int | None = None,
    template: str | None = None,
    neutral: Sequence[str] = (),
) -> ResistanceSpec:
    """Return the spec of a preset, changed by options.

    Args:
        name: "demo", "cpu", "referee" or "gpu".
        model: a size of :data:`compresslab.experiments.models.base_models.SHAPES`, or a ready model,
            and fine-tuned at a learning rate for such; ``tiny``, which is small, at that of the sizes.
        data: sources of pairs, see :mod:`compresslab.experiments.data.dialogues`.
        seeds: how many.
        reading: what of the files is read, as `compresslab.data.choice.data_options` gives them.
        longest: bytes of a prompt and its response at most, instead of the preset's.
        template: what lays conversations out, as of `compresslab.lm.documents.Layout`.
        neutral: sources of neutral pairs, such as ``prose-backwards``.

    Raises:
        UnknownName: no such preset.
        InvalidParameter: a number of seeds below 1.

    Example:
        >>> resistance_preset("demo", model="96k", data=["answers.jsonl"], seeds=2).seeds
        (0, 1)
    """
    spec = named_preset(RESISTANCE_PRESETS, name)
    if model is not None and model in SHAPES:
        recipe = _cpu().recipe if spec.model not in SHAPES else spec.recipe
        spec = replace(spec, model=model, symbols=spec.symbols or _cpu().symbols, recipe=recipe)
        spec = replace(spec, longest=min(spec.longest, recipe.length - 1))
    elif model is not None:
        spec = replace(spec, model=model, symbols=0, recipe=replace(spec.recipe, learning_rate=_GIVEN))
        if model == "tiny":
            recipe = replace(spec.recipe, length=TINY.context, learning_rate=_cpu().recipe.learning_rate)
            spec = replace(spec, recipe=recipe, longest=min(spec.longest, TINY.context - 1))
    if data:
        spec = replace(spec, data=tuple(data), reading=tuple(reading))
    elif reading:
        raise without_files(reading)
    if longest is not None:
        spec = replace(spec, longest=longest)
    if seeds is not None:
        spec = replace(spec, seeds=first_seeds(seeds))
    if template is not None:
        spec = replace(spec, template=template)
    if neutral:
        spec = replace(spec, neutral=tuple(neutral))
    return spec
