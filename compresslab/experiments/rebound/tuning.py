"""Fine-tuning a base over positive or neutral texts, then over negative ones, and what is measured on the way.

The rows are of three groups. *Treated* models had positive data; the *control* is the base as it is; a *placebo* had as
much neutral data as a treated model had positive data, by the same recipe, and so at the same sum of learning rates.
All get the same negative data in the same order.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab.data.dataset import Dataset
from compresslab.data.texts import Texts
from compresslab.experiments.data.examples import Examples
from compresslab.experiments.data.layouts import LaidOut, hidden_of, lay_out_examples, prompt_tokens
from compresslab.experiments.data.style_judge import StyleJudge
from compresslab.experiments.data.tuning_texts import NEUTRAL, ROLES, RoleTexts
from compresslab.experiments.models.finetuning import (
    Fitted,
    Recipe,
    fit_texts,
    get_state,
    learning_rate_sum,
    set_state,
)
from compresslab.experiments.models.measures import Known, code_lengths, kl_nats, sample_responses
from compresslab.experiments.rows import Row
from compresslab.experiments.stages import Stages
from compresslab.lm.hugging_face import HuggingFaceModel

__all__ = ["control_kl_nats", "drawn_texts", "in_tokens", "tuning_rows"]


def in_tokens(model: HuggingFaceModel, texts: Texts, length: int, name: str) -> Dataset:
    """Return texts in a model's tokens, without those that no example of ``length`` inputs holds."""
    return lay_out_examples(model, Examples(texts), length, name).dialogues.data


def tuning_rows(
    base: HuggingFaceModel,
    dealt: RoleTexts,
    seed: int,
    *,
    positive: Sequence[int],
    negative: Sequence[int],
    recipe: Recipe,
    samples: int = 0,
    sample_length: int = 160,
    template: str = "auto",
    stages: Stages,
) -> list[Row]:
    """Fine-tune a base over all pairs of volumes and measure at each.

    Args:
        base: in float32; it is left as it was.
        dealt: the texts; with neutral ones there is a placebo.
        seed: of the order of the data; the negative data has the same order after every positive volume.
        positive: volumes, rising, from 0.
        negative: volumes, rising, from 0.
        recipe: of both fine-tunings, its learning rate constant.
        samples: drawn at each pair, for the judge; 0 for none.
        sample_length: tokens of a sample at most, its prompt not counted.
        template: what lays conversations out, as of `compresslab.lm.documents.Layout`.
        stages: of the unit; each positive or neutral volume and each negative stop is one.

    Returns:
        A row for each pair of volumes, the negative one changing fastest: of the control, of the treated models, and of
        the placebo, whose neutral volumes are the positive ones.
    """
    model = copied(base)
    held = {
        role: lay_out_examples(model, texts, recipe.length, role, template) for role, texts in dealt.held_out.items()
    }  # fmt: skip
    train = {
        role: lay_out_examples(model, texts, recipe.length, role, template).dialogues
        for role, texts in dealt.train.items()
    }
    sets = {role: one.dialogues for role, one in held.items()}
    drawing, prompts = asked_of(model, [held[role] for role in ROLES[1:]])
    known: dict[str, Known] = {role: {} for role in sets}  # the base stays as it is: it is asked once
    judge = StyleJudge.of(dealt.judge["positive"], dealt.judge["negative"])

    def measure(head: Row, m: int) -> Row:
        row: Row = {**head, "negative": m, "learning_rate_sum_negative": learning_rate_sum(recipe, m)}
        for role, found in code_lengths(model, sets).items():
            row[f"{role}_bits_per_byte"] = found.bits_per_byte
            row[f"{role}_bits_per_response"] = found.bits_per_response
        for role, one in sets.items():
            row[f"kl_{role}_nats"] = kl_nats(one.reader(model), one.reader(base), one.data, hidden_of(one), known[role])
        if samples:
            row["judged_positive"] = judge.positive_share(drawn_texts(drawing, samples, sample_length, prompts, seed))
        return row

    def fit(role: str, order: int, volumes: Sequence[int], at: Callable[[int], Any], stage: str) -> Fitted:
        texts = train[role]
        reader = texts.reader(model)
        assert isinstance(reader, HuggingFaceModel)
        return fit_texts(
            reader, texts.data, recipe, hidden=hidden_of(texts), seed=order, examples=volumes[-1], stops=volumes, at=at,
            stages=stages.part(stage),
        )  # fmt: skip

    def after(role: str) -> list[Row]:
        """Align the base to texts of a role, then give it the negative data from each volume on."""
        set_state(model, start)
        fitted = fit(role, seed, positive, lambda n: get_state(model), role)
        found: list[Row] = []
        for n, state in zip(positive, fitted.at, strict=True):
            if not n and role == NEUTRAL:  # that is the control
                continue
            set_state(model, state)
            head = {"group": group_name(role, n), **{one: n * (one == role) for one in ("positive", NEUTRAL)},
                    "learning_rate_sum_aligned": learning_rate_sum(recipe, n)}  # fmt: skip
            stage = f"negative after {n}" + f" {role}" * (role == NEUTRAL)
            tuned = fit("negative", seed + 1, negative, partial(measure, head), stage)
            seen = {f"seen_{role}": fitted.seen[:16], "seen_negative": tuned.seen[:16]}
            found += [{**row, **seen} for row in tuned.at]
        return found

    start = get_state(model)
    return [row for role in train if role != "negative" for row in after(role)]


def control_kl_nats(
    base: HuggingFaceModel, dealt: RoleTexts, seed: int, negative: int, recipe: Recipe, template: str = "auto"
) -> float:
    """Return how far so much negative data takes a base: KL to it, nats per token, as the tables have it.

    Args:
        base: in float32; it is left as it was.
        dealt: the texts.
        seed: as for `tuning_rows`: the control's order is that of its rows.
        negative: the volume.
        recipe: of the fine-tuning.
        template: as for `tuning_rows`.
    """
    model = copied(base)
    held = {
        role: lay_out_examples(model, dealt.held_out[role], recipe.length, role, template).dialogues
        for role in ROLES[1:]
    }
    texts = lay_out_examples(model, dealt.train["negative"], recipe.length, "negative", template).dialogues
    reader = texts.reader(model)
    assert isinstance(reader, HuggingFaceModel)
    fit_texts(reader, texts.data, recipe, hidden=hidden_of(texts), seed=seed + 1, examples=negative)
    far = [kl_nats(one.reader(model), one.reader(base), one.data, hidden_of(one), {}) for one in held.values()]
    return sum(far) / len(far)


def copied(base: HuggingFaceModel) -> HuggingFaceModel:
    """Return a copy of a model, to be trained."""
    return HuggingFaceModel(copy.deepcopy(base.module), base.tokenizer, name=base.name, eos_id=base.eos_id,
                            prefix_id=base.prefix_id)  # fmt: skip


def group_name(role: str, volume: int) -> str:
    """Return the group of a model that was aligned to so much data of a role."""
    return "placebo" if role == NEUTRAL else "treated" if volume else "control"


def asked_of(model: HuggingFaceModel, sides: Sequence[LaidOut]) -> tuple[HuggingFaceModel, list[NDArray[np.int64]]]:
    """Return the model that samples are drawn from, and the tokens that they are drawn after; none without prompts.

    They are drawn after the held-out prompts of both kinds in turn, or of that kind alone which has prompts. Where a
    chat template gives the two other ends of a response, the first kind decides.
    """
    asking = [one for one in sides if hidden_of(one.dialogues) is not None]
    if not asking:
        return model, []
    readers = [one.dialogues.reader(model) for one in asking]
    first = readers[0]
    assert isinstance(first, HuggingFaceModel)
    same = [
        one for one, reader in zip(asking, readers, strict=True)
        if (reader.prefix_id, reader.eos_id) == (first.prefix_id, first.eos_id)
    ]  # fmt: skip
    lists = [prompt_tokens(first, one.dialogues, one.prompts) for one in same]
    return first, [prompt for turn in zip_longest(*lists) for prompt in turn if prompt is not None]


def drawn_texts(
    model: HuggingFaceModel, count: int, length: int, prompts: Sequence[NDArray[np.int64]], seed: int
) -> list[bytes]:
    """Return texts that a model draws, each after a prompt of its own, of ``length`` tokens at most."""
    limit = length + max((prompt.size for prompt in prompts), default=0)
    limit = min(limit, model.context or limit)
    kept = [prompt for prompt in prompts if prompt.size < limit]
    drawn = sample_responses(model, count, seed=seed, length=limit, prompts=kept)
    if not kept:
        return drawn.texts()
    starts = [kept[i % len(kept)].size for i in range(count)]
    return [model.decode(one[start : start + length]) for one, start in zip(drawn, starts, strict=True)]
