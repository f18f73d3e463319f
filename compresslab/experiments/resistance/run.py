"""Resistance: is it cheaper to train a later checkpoint back towards an earlier one than the earlier one forward?

For each source of prompts and responses and each seed:

1. the base: a small model pre-trained on the spot, or one that is given;
2. fine-tuning on three slices of the pairs, one after the other: the checkpoints ``theta_1, theta_2, theta_3``;
3. each checkpoint draws responses to prompts that are in no slice, at temperature 1: the data ``D_1, D_2, D_3``;
4. for each pair ``i < j``: *inverse alignment* trains ``theta_j`` on ``D_i``, *forward alignment* ``theta_i`` on
   ``D_j``, one pass each. The mean training loss is what the paper compares;
5. where there is neutral data, ``theta_1`` and ``theta_3`` learn as many responses of it: a checkpoint that was trained
   longer may learn anything faster, or more slowly, whatever it is trained on.

Each symbol of a single pass is predicted before it is learned, so that the loss is also the code length of the data for
a learner that starts where it starts. Data that one checkpoint drew costs that checkpoint its own entropy; checkpoints
differ in it, and no training can go below. So each loss is also given less the generator's own code length of the same
data: the *excess*, what the start and the learning cost.

In the theory a checkpoint is a mixture, and a later one holds the earlier: ``p_j = (W_i p_i + more) / W_j``. So
``KL(p_i || p_j) <= ln(W_j / W_i)`` bounds what inverse alignment starts with; nothing bounds ``KL(p_j || p_i)``, with
which forward alignment starts.

Source: Ji et al., arXiv 2406.06144, section 4.1 and Table 1; theory, section 6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab.data.turns import Turn
from compresslab.errors import InvalidParameter
from compresslab.experiments.data.dialogues import lay_out_pairs
from compresslab.experiments.data.layouts import prompt_tokens
from compresslab.experiments.models.base_models import SHAPES, num_weights, pretrained
from compresslab.experiments.models.finetuning import Recipe, fit_texts, get_state, set_state
from compresslab.experiments.models.given_models import given_model
from compresslab.experiments.models.measures import sample_responses
from compresslab.experiments.pool import worker_device
from compresslab.experiments.resistance.spec import (
    PAIRS,
    TESTED,
    Dealt,
    ResistanceSpec,
    deal_pairs,
    neutral_pairs,
    pretraining_texts,
    source_labels,
    talks_of,
    usable_pairs,
)
from compresslab.experiments.rows import Row
from compresslab.experiments.stages import Stages
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.lm.prompts import Dialogues, Pair, of_tokens, response_bits

__all__ = ["ResistanceUnit", "resistance_unit", "resistance_units"]

_CURVE = 10  # points of a loss curve


@dataclass(frozen=True)
class ResistanceUnit:
    """One base and all that is trained from it: what one process does at a time."""

    spec: ResistanceSpec
    source: str
    seed: int
    folder: str


def resistance_unit(unit: ResistanceUnit, stages: Stages) -> list[Row]:
    """Train one base through the slices, draw, and train across: a row, and a stage, for each of these."""
    from compresslab.experiments.models.exact_training import one_thread

    spec, label = unit.spec, source_labels(unit.spec.data)[unit.source]
    dealt = deal_pairs(usable_pairs(unit.source, spec.longest, spec.reading), spec, seed=unit.seed, name=label)
    device = worker_device(spec.device)
    with one_thread():
        model = _base(spec, unit.seed, unit.folder, device)
        head: Row = {"data": label, "seed": unit.seed, "model": spec.model, "parameters": num_weights(model)}
        talks = talks_of(unit.source, spec.reading) if spec.model not in SHAPES else {}
        return [{**head, **row} for row in _across(model, dealt, spec, unit.seed, stages, talks)]


def _base(spec: ResistanceSpec, seed: int, folder: str, device: str) -> HuggingFaceModel:
    if spec.model in SHAPES:
        return pretrained(
            SHAPES[spec.model], pretraining_texts(spec.pretrain, spec.recipe.length), symbols=spec.symbols, seed=seed,
            recipe=spec.pretraining, device=device, folder=folder,
        )  # fmt: skip
    return given_model(spec.model, device)


def _across(
    given: HuggingFaceModel, dealt: Dealt, spec: ResistanceSpec, seed: int, stages: Stages,
    talks: Mapping[Pair, tuple[Turn, ...]],
) -> list[Row]:  # fmt: skip
    if given.tokenizer is None:
        raise InvalidParameter(f"the model '{given.name}' has no tokenizer: pairs of texts need one")
    held_out = lay_out_pairs(dealt.held_out, given, talks, spec.template)
    model = held_out.reader(given)  # with the prefix and the EOS of the template, if there is one
    assert isinstance(model, HuggingFaceModel)
    prompts = prompt_tokens(model, held_out, dealt.prompts)
    limit = _limit(model, held_out, prompts, spec)

    def held_bits() -> float:
        return response_bits(model, held_out) / held_out.num_bytes

    def base_row() -> Row:
        return {"kind": "checkpoint", "checkpoint": 0, "held_out_bits_per_byte": held_bits()}

    def checkpoint(number: int, part: Sequence[Pair]) -> dict[str, Any]:
        pairs = lay_out_pairs(part, given, talks, spec.template)
        _check_lengths(pairs, spec)
        fit_texts(
            model, pairs.data, spec.recipe, seed=4 * seed + number, examples=spec.epochs * len(part),
            hidden=pairs.hidden,
        )  # fmt: skip
        tokens = _draw(model, prompts, spec, limit, seed=4 * seed + number)
        train, test = (of_tokens(one[0], one[1], model) for one in tokens)
        row = {
            "kind": "checkpoint", "checkpoint": number, "held_out_bits_per_byte": held_bits(),
            "drawn_bits_per_symbol": response_bits(model, train) / train.symbols,
            "drawn_test_bits_per_symbol": response_bits(model, test) / test.symbols,
            "drawn_cut": float(np.mean(np.append(train.data.lengths, test.data.lengths) > limit)),
            "drawn_symbols": train.symbols, "drawn_responses": len(train.data), "drawn_bytes": train.num_bytes,
        }  # fmt: skip
        return {"row": row, "weights": get_state(model), "drawn": tokens}

    def crossing(earlier: int, later: int, direction: str) -> Row:
        start, on = (later, earlier) if direction == "inverse" else (earlier, later)
        set_state(model, states[start - 1])
        own = rows[on]
        return {
            "kind": "crossing", "earlier": earlier, "later": later, "direction": direction,
            **_cross(model, *drawn[on - 1], spec.recipe, seed=4 * seed),
            "own_bits": own["drawn_bits_per_symbol"], "own_test_bits": own["drawn_test_bits_per_symbol"],
        }  # fmt: skip

    def neutral(number: int) -> Row:
        """Train a checkpoint on as many neutral responses as the second one drew."""
        counts = [len(part.data) for part in drawn[1]]
        pairs = neutral_pairs(spec, sum(counts), seed=seed)
        train, test = (
            lay_out_pairs(part, given, {}, spec.template) for part in (pairs[: counts[0]], pairs[counts[0] :])
        )
        _check_lengths(train, spec)
        set_state(model, states[number - 1])
        return {"kind": "neutral", "checkpoint": number, **_cross(model, train, test, spec.recipe, seed=4 * seed)}

    rows: list[Row] = [stages.do("base", base_row)]
    states, drawn = [], []
    for number, part in enumerate(dealt.slices, 1):
        done = stages.do(f"checkpoint {number}", partial(checkpoint, number, part))
        set_state(model, done["weights"])
        states.append(done["weights"])
        train, test = (of_tokens(one[0], one[1], model) for one in done["drawn"])
        drawn.append((train, test))
        rows.append(done["row"])
    for earlier, later in PAIRS:
        for direction in ("inverse", "forward"):
            name = f"{direction} {earlier} {later}"
            rows.append(stages.do(name, partial(crossing, earlier, later, direction)))
    if spec.neutral:
        rows += [stages.do(f"neutral {number}", partial(neutral, number)) for number in (1, 3)]
    return rows


Drawn = tuple[list[list[int]], list[int]]  # tokens of each prompt and response, and how many of them are the prompt's


def _limit(
    model: HuggingFaceModel, held_out: Dialogues, prompts: Sequence[NDArray[np.int64]], spec: ResistanceSpec
) -> int:
    """Return how many tokens a prompt and its drawn response have at most: a template's come on top of the text's."""
    longest = spec.longest + (0 if held_out.template is None else max(prompt.size for prompt in prompts))
    return min(longest, model.context or longest)


def _check_lengths(pairs: Dialogues, spec: ResistanceSpec) -> None:
    """Raise InvalidParameter unless conversations fit into the examples that a model is trained on."""
    longest = int(pairs.data.lengths.max())
    if pairs.template is not None and longest > spec.recipe.length:
        raise InvalidParameter(
            f"a conversation has {longest} tokens by the chat template, and examples have {spec.recipe.length}: lower "
            "--longest (longest=...), or give --template none (template='none')"
        )


def _draw(
    model: HuggingFaceModel, asked: Sequence[NDArray[np.int64]], spec: ResistanceSpec, length: int, seed: int
) -> tuple[Drawn, Drawn]:
    """Draw responses: for training, and those to every fourth prompt for tests. What is drawn stays tokens."""
    kept = [tokens for tokens in asked if len(tokens) < length]
    if len(kept) < TESTED:
        raise InvalidParameter(f"the context of '{model.name}' is too short for the prompts: give another model")
    drawn = sample_responses(model, spec.responses, seed=seed, length=length, prompts=kept, batch=256)
    parts: tuple[Drawn, Drawn] = (([], []), ([], []))
    for number, tokens in enumerate(drawn):
        place = number % len(kept)
        lists, hidden = parts[place % TESTED == 0]
        lists.append(tokens.tolist())
        hidden.append(len(kept[place]))
    return parts


def _cross(model: HuggingFaceModel, train: Dialogues, test: Dialogues, recipe: Recipe, seed: int) -> Row:
    before = response_bits(model, train) / train.symbols
    fitted = fit_texts(model, train.data, recipe, seed=seed, hidden=train.hidden)
    return {
        "loss_bits": fitted.total_bits / fitted.symbols,
        "curve_bits": [float(np.mean(part)) for part in np.array_split(fitted.losses_bits, _CURVE) if len(part)],
        "start_bits": before,
        "end_test_bits": response_bits(model, test) / test.symbols,
        "symbols": fitted.symbols,
        "seen": fitted.seen[:16],
    }


def resistance_units(spec: ResistanceSpec, out: Path) -> dict[str, ResistanceUnit]:
    """Return the units of a spec by name, in order; base models are kept in ``out/bases``."""
    folder = str(out / "bases")
    return {
        f"{source_labels(spec.data)[source]}/seed {seed}": ResistanceUnit(spec, source, seed, folder)
        for source in spec.data
        for seed in spec.seeds
    }
