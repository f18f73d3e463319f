"""Small Llamas over bytes, pre-trained on the spot: what the fine-tuning experiments start from.

The plain loop of :mod:`compresslab.experiments.models.finetuning` trains them, not transformers' Trainer: an
experiment here is hundreds of short stretches of training on models whose step takes a few milliseconds, and the
Trainer's set-up for a stretch and bookkeeping for a step cost more than that. What is seen is laid out by the same
curriculum.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import Any

from compresslab.data.dataset import Dataset
from compresslab.errors import InvalidParameter, UnreadableFile
from compresslab.experiments.models.finetuning import Recipe, State, check_recipe, fit_texts, get_state, set_state
from compresslab.experiments.models.networks import require_torch
from compresslab.experiments.models.sealed import read_sealed, write_sealed
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.lm.tiny import TinyShape, make_tiny

__all__ = ["PRETRAINING", "SHAPES", "check_shape", "num_weights", "pretrained"]

# From 7,488 to 3.9 million weights: any four neighbours span a factor of 30 or more. The context holds a long sentence.
SHAPES = {
    "7k": TinyShape(hidden=16, layers=1, heads=2, context=256),
    "35k": TinyShape(hidden=32, layers=2, heads=2, context=256),
    "96k": TinyShape(hidden=56, layers=2, heads=2, context=256),
    "325k": TinyShape(hidden=88, layers=3, heads=4, context=256),
    "1.1m": TinyShape(hidden=144, layers=4, heads=4, context=256),
    "3.9m": TinyShape(hidden=224, layers=6, heads=4, context=256),
}

PRETRAINING = Recipe(batch=4, length=128, learning_rate=1.5e-3, schedule="cosine", warmup=20, packed=True)

_RECIPE = 2  # raise it when base models are made in another way: it is part of the key


def check_shape(shape: TinyShape) -> None:
    """Raise InvalidParameter unless a Llama can have this shape (rotary positions need heads of an even width)."""
    sizes = (shape.hidden, shape.layers, shape.heads, shape.context)
    if min(sizes) < 1 or shape.hidden % (2 * shape.heads):
        raise InvalidParameter(
            f"a model's width must be a multiple of twice its heads, and all of its sizes 1 or more: not {shape}"
        )


def num_weights(model: HuggingFaceModel) -> int:
    """Return how many numbers are trained; one that is used twice counts once."""
    return sum(int(p.numel()) for p in model.module.parameters())


def pretrained(
    shape: TinyShape,
    data: Dataset | Mapping[str, tuple[Dataset, float]],
    *,
    symbols: int,
    seed: int = 0,
    recipe: Recipe = PRETRAINING,
    device: str = "cpu",
    folder: str | PathLike[str] | None = None,
) -> HuggingFaceModel:
    """Return a model pre-trained on ``symbols`` symbols (of the same texts again and again, where there are fewer).

    Args:
        shape: its size.
        data: what it reads, in bytes; or several datasets by name, each with its share of the symbols.
        symbols: how many symbols it reads, rounded down to whole batches.
        seed: of its first weights and of the order of the data.
        recipe: how.
        device: a torch device.
        folder: where finished models are kept, under a key of all of the above, so that experiments share them; none
            is kept where None. A file that is damaged is made again.

    Raises:
        InvalidParameter: no shape or recipe that can be, or fewer symbols than one batch has.
        MissingExtra: transformers is not installed.
    """
    check_shape(shape)
    check_recipe(recipe)
    steps = symbols // (recipe.batch * recipe.length)
    if steps < 1:
        raise InvalidParameter(
            f"pre-training on {symbols} symbols is less than one batch of {recipe.batch} x {recipe.length}: give more"
        )
    model = make_tiny(shape, seed=seed, device=device)
    kept = None if folder is None else Path(folder) / f"{_key(shape, data, steps, seed, recipe, device)}.pt"
    if kept is not None and kept.is_file():
        state = _read(kept, model)
        if state is not None:
            set_state(model, state)
            return model
    fit_texts(model, data, recipe, seed=seed, examples=steps * recipe.batch)
    if kept is not None:
        _write(kept, model)
    return model


def _key(
    shape: TinyShape,
    data: Dataset | Mapping[str, tuple[Dataset, float]],
    steps: int,
    seed: int,
    recipe: Recipe,
    device: str,
) -> str:
    torch = require_torch()
    kind = torch.device(device).type  # which of several GPUs does not matter
    facts = (_RECIPE, asdict(shape), steps, seed, asdict(recipe), kind, torch.__version__)
    digest = hashlib.sha256(repr(facts).encode())
    for name, (one, share) in ({"data": (data, 1.0)} if isinstance(data, Dataset) else data).items():
        digest.update(f"{name} {share}".encode())
        digest.update(one.offsets.data)
        digest.update(one.tokens.data)
    return f"base-{digest.hexdigest()[:24]}"


def _read(path: Path, model: HuggingFaceModel) -> State | None:
    held: Any = read_sealed(path, device=model.device)
    wanted = {name: tuple(value.shape) for name, value in model.module.state_dict().items()}
    return held if held is not None and {name: tuple(one.shape) for name, one in held.items()} == wanted else None


def _write(path: Path, model: HuggingFaceModel) -> None:
    """Keep a model; a folder that cannot be written is not an error: the model is there all the same."""
    with suppress(UnreadableFile):
        write_sealed(path, get_state(model))
