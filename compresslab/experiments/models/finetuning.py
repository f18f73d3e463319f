"""Training a model on texts and stopping on the way: the loop that all fine-tuning experiments share.

What is seen is a :class:`compresslab.lm.curriculum.Curriculum`, fixed before the first step by the data and a seed.
With a constant learning rate the first ``n`` examples of a long run are the whole of a run of ``n`` examples, optimizer
state and all; so one run, stopped at each volume, stands for a run at each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compresslab._support.checks import number_or_nan
from compresslab.data.dataset import Dataset
from compresslab.errors import InvalidParameter, UnknownName, did_you_mean
from compresslab.experiments.models.networks import require_torch
from compresslab.experiments.stages import Part
from compresslab.lm.curriculum import IGNORE, Curriculum, Source, make_curriculum
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.lm.scoring import check_tokens
from compresslab.lm.steps import adamw, batches_ahead

__all__ = [
    "Diverged",
    "Fitted",
    "Losses",
    "Recipe",
    "State",
    "check_recipe",
    "fit",
    "fit_texts",
    "get_state",
    "learning_rate_sum",
    "set_state",
]

State: TypeAlias = dict[str, Any]  # name -> tensor

SCHEDULES = ("constant", "cosine")
LOOK = 64  # steps on a GPU after which it is looked whether a training has diverged


class Diverged(InvalidParameter):
    """A training whose loss left what floats hold: its learning rate is too high."""


@dataclass(frozen=True)
class Recipe:
    """How a model is trained on texts: AdamW, gradients clipped at norm 1.

    Attributes:
        batch: examples of a step.
        length: inputs of an example at most.
        learning_rate: the highest.
        schedule: "constant", or "cosine" (down to 0), after the warm-up.
        warmup: steps in which the learning rate rises.
        weight_decay: AdamW's.
        packed: join responses into full examples (pre-training); otherwise an example never spans responses.
    """

    batch: int = 4
    length: int = 256
    learning_rate: float = 1e-3
    schedule: str = "constant"
    warmup: int = 0
    weight_decay: float = 0.0
    packed: bool = False


@dataclass(frozen=True)
class Fitted:
    """What a training did.

    Attributes:
        examples: how many were seen.
        symbols: how many symbols they predicted.
        losses_bits: mean bits per predicted symbol of each step, before its update.
        total_bits: of all symbols, each before the update that it is part of: what the data costs while it is learned.
        seen: digest of what was seen, in order.
        at: what was returned at each stop.
    """

    examples: int
    symbols: int
    losses_bits: tuple[float, ...]
    total_bits: float
    seen: str
    at: tuple[Any, ...] = ()


def check_recipe(recipe: Recipe) -> None:
    """Raise InvalidParameter, or UnknownName for a schedule, unless a model can be trained so."""
    if recipe.schedule not in SCHEDULES:
        raise UnknownName(f"unknown schedule {recipe.schedule!r}: {did_you_mean(recipe.schedule, SCHEDULES)}")
    for name, low in (("batch", 1), ("length", 1), ("warmup", 0)):
        value = getattr(recipe, name)
        if not (isinstance(value, int) and number_or_nan(value) >= low):
            raise InvalidParameter(f"a recipe's {name} is a whole number, {low} or more: not {value!r}")
    if not 0 < number_or_nan(recipe.learning_rate) < 1:
        raise InvalidParameter(f"a recipe's learning_rate lies between 0 and 1: not {recipe.learning_rate!r}")
    if not 0 <= number_or_nan(recipe.weight_decay) < math.inf:
        raise InvalidParameter(f"a recipe's weight_decay is 0 or more: not {recipe.weight_decay!r}")


def get_state(model: HuggingFaceModel) -> State:
    """Return a copy of a model's weights."""
    return {name: value.detach().clone() for name, value in model.module.state_dict().items()}


def set_state(model: HuggingFaceModel, state: State) -> None:
    """Give a model the weights that :func:`get_state` returned."""
    model.module.load_state_dict(state)


def fit_texts(
    model: HuggingFaceModel,
    data: Dataset | Mapping[str, tuple[Dataset, float]],
    recipe: Recipe,
    *,
    seed: int,
    examples: int | None = None,
    hidden: NDArray[np.int64] | None = None,
    stops: Sequence[int] = (),
    at: Callable[[int], Any] | None = None,
    stages: Part | None = None,
) -> Fitted:
    """Train a model on the responses of a dataset, in place.

    The loss of a step is the mean over the symbols of its batch, each response's EOS among them. Examples are in a
    random order, a new one for each epoch. Nothing but the seed is random: what a model with dropout drops out follows
    from the examples and the step.

    Args:
        model: in float32; on a GPU it is computed in bfloat16.
        data: a dataset in the model's tokens; or several by name, each with its share of the symbols, in any unit.
        recipe: how.
        seed: of the order.
        examples: how many; every response of the only dataset once where None.
        hidden: of the only dataset, how many symbols each response begins with that are context alone, as a prompt is:
            they are not learned, and do not count. int64, shape ``(number of responses,)``; none where None.
        stops: numbers of examples, rising, from 0 on, multiples of ``recipe.batch`` (or all of them).
        at: called with each stop when so many have been seen, with the model in evaluation mode; it may read the
            model, not change it. What it returns is in `Fitted.at`, a value for each stop.
        stages: where each stop is kept, with what ``at`` returned, the weights and the optimizer: a training that was
            killed goes on from its last stop.

    Raises:
        InvalidParameter: a recipe or stops that cannot be, examples longer than the context, or (`Diverged`) a loss
            that is no number.
        MismatchedVocabulary: data that is not in the model's tokens.
    """
    check_recipe(recipe)
    named = {data.name or "data": (data, 1.0)} if isinstance(data, Dataset) else data
    for one, _ in named.values():
        check_tokens(model, one)
    if model.context is not None and recipe.length > model.context:
        raise InvalidParameter(
            f"examples of {recipe.length} tokens are longer than the context of '{model.name}', {model.context}"
        )
    seen = make_curriculum(
        {name: Source(*source) for name, source in named.items()}, length=recipe.length, examples=examples, seed=seed,
        eos_id=model.eos_id, prefix_id=model.prefix_id, packed=recipe.packed,
    )  # fmt: skip
    if hidden is not None:
        if recipe.packed:
            raise InvalidParameter("symbols are hidden in one dataset that is not packed: leave out one of the two")
        seen = seen.hiding(hidden)
    return fit(model, seen, recipe, stops=stops, at=at, stages=stages)


def fit(
    model: HuggingFaceModel,
    seen: Curriculum,
    recipe: Recipe,
    *,
    stops: Sequence[int] = (),
    at: Callable[[int], Any] | None = None,
    stages: Part | None = None,
    betas: tuple[float, float] = (0.9, 0.99),
    clip: float = 1.0,
    dropout: bool = True,
) -> Fitted:
    """Train a model on examples that are laid out, in place: those of its weights that have ``requires_grad``.

    Args:
        model: as for `fit_texts`.
        seen: the examples, in order.
        recipe: how; what says how examples are laid out is not looked at.
        stops: as for `fit_texts`.
        at: likewise.
        stages: likewise.
        betas: of AdamW.
        clip: the largest norm of a gradient.
        dropout: drop out what the model says; without it nothing but the examples and the weights decides.

    Raises:
        InvalidParameter: stops that cannot be.
        Diverged: a loss that is not a number.
    """
    torch = require_torch()
    halts = _check_stops(stops, len(seen), recipe.batch)
    parameters = [p for p in model.module.parameters() if p.requires_grad]
    adam = adamw(parameters, lr=recipe.learning_rate, betas=betas, weight_decay=recipe.weight_decay)
    steps = math.ceil(len(seen) / recipe.batch)
    values: list[Any] = []
    begun = 0
    cuda = model.device.type == "cuda"
    losses = Losses(recipe, seen, every=LOOK if cuda else 1)

    def halt(count: int) -> None:
        model.module.eval()
        values.append(None if at is None else at(count))
        if stages is not None:
            stages.put(f"at {count}", {"value": values[-1]})
            state = {"weights": get_state(model), "adam": adam.state_dict()}
            stages.put("last", {"count": count, **state, "losses": losses.bits, "total": losses.total})
        model.module.train(dropout)

    kept = None if stages is None else stages.get("last")
    if stages is not None and kept is not None:
        found = [stages.get(f"at {count}") for count in sorted(halts) if count <= kept["count"]]
        if None not in found:
            values = [one["value"] for one in found]
            set_state(model, kept["weights"])
            adam.load_state_dict(kept["adam"])
            losses.bits, losses.total = list(kept["losses"]), kept["total"]
            begun = math.ceil(kept["count"] / recipe.batch)
    if not values and 0 in halts:
        halt(0)
    model.module.train(dropout)
    digest = seen.digest()
    with ExitStack() as undo:
        undo.callback(model.module.eval)
        undo.enter_context(torch.random.fork_rng())
        for step, inputs, targets in batches_ahead(seen, recipe.batch, range(begun, steps), model.device):
            torch.manual_seed(int(digest[:12], 16) + step)  # dropout follows from the examples: a run can go on
            for group in adam.param_groups:
                group["lr"] = recipe.learning_rate * _rate(recipe, step, steps)
            with torch.autocast("cuda", torch.bfloat16, enabled=cuda):
                logits = model.module(input_ids=inputs, use_cache=False).logits
            loss = torch.nn.functional.cross_entropy(
                logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORE
            )
            adam.zero_grad(set_to_none=True)
            loss.backward()
            if math.isfinite(clip):
                torch.nn.utils.clip_grad_norm_(parameters, clip)
            adam.step()
            losses.add(loss.detach())
            last = min(len(seen), (step + 1) * recipe.batch)
            if last in halts:
                losses.fetch()
                halt(last)
        losses.fetch()
    return Fitted(len(seen), int(seen.plan.new.sum()), tuple(losses.bits), losses.total, digest, tuple(values))


class Losses:
    """The losses of a training, which stay where the model is until they are asked for.

    To ask a GPU for a number is to wait for all that it was given: done at each step, it stands still in between.

    Attributes:
        bits: the mean loss of each step that has been fetched.
        total: what all their symbols cost together, in bits.
    """

    def __init__(self, recipe: Recipe, seen: Curriculum, every: int) -> None:
        self.recipe, self.every = recipe, every
        starts = np.arange(0, len(seen), recipe.batch)
        self.symbols = np.add.reduceat(seen.plan.new, starts).tolist() if len(seen) else []
        self.bits: list[float] = []
        self.total = 0.0
        self._waiting: list[Any] = []

    def add(self, loss: Any) -> None:
        """Note the mean loss of a step, in nats; once in a while it is looked whether it is a number."""
        self._waiting.append(loss)
        if len(self._waiting) >= self.every:
            self.fetch()

    def fetch(self) -> None:
        """Fetch what is waiting.

        Raises:
            Diverged: a loss that is not a number.
        """
        if not self._waiting:
            return
        for nats in require_torch().stack(self._waiting).tolist():
            if not math.isfinite(nats):
                raise Diverged(
                    f"training diverged: the loss is not a number at learning rate {self.recipe.learning_rate:g}: "
                    "lower it"
                )
            self.total += nats / math.log(2) * self.symbols[len(self.bits)]
            self.bits.append(nats / math.log(2))
        self._waiting.clear()


def learning_rate_sum(recipe: Recipe, examples: int, of: int | None = None) -> float:
    """Return the sum of the learning rates of all steps of a training, or of its first ones.

    It says how far a training can have moved a model, whatever its rate, batch and warm-up are.

    Args:
        recipe: how is trained.
        examples: that have been seen.
        of: how many the whole training sees, which a cosine depends on; no more than ``examples`` where None.

    Example:
        >>> recipe = Recipe(batch=4, learning_rate=0.001, warmup=4)
        >>> round(learning_rate_sum(recipe, 8), 6), round(learning_rate_sum(recipe, 40), 6)
        (0.00075, 0.0085)
    """
    steps = math.ceil((examples if of is None else of) / recipe.batch)
    return sum(recipe.learning_rate * _rate(recipe, step, steps) for step in range(math.ceil(examples / recipe.batch)))


def _check_stops(stops: Sequence[int], examples: int, batch: int) -> frozenset[int]:
    for before, stop in zip((-1, *stops), stops, strict=False):
        if not before < stop <= examples or (stop % batch and stop != examples):
            raise InvalidParameter(
                f"stops rise, are multiples of the batch ({batch}) and at most the number of examples ({examples}): "
                f"not {list(stops)}"
            )
    return frozenset(stops)


def _rate(recipe: Recipe, step: int, steps: int) -> float:
    rising = min(1.0, (step + 1) / recipe.warmup) if recipe.warmup else 1.0
    return rising if recipe.schedule == "constant" else rising * 0.5 * (1 + math.cos(math.pi * step / steps))
