"""Fine-tuning a base over positive, then over negative texts, and what is measured on the way."""

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
from compresslab.experiments.data.tuning_texts import ROLES, RoleTexts
from compresslab.experiments.models.finetuning import Fitted, Recipe, fit_texts, get_state, set_state
from compresslab.experiments.models.measures import Known, code_lengths, kl_nats, sample_responses
from compresslab.experiments.rows import Row
from compresslab.experiments.stages import Stages
from compresslab.lm.hugging_face import HuggingFaceModel

__all__ = ["drawn_texts", "in_tokens", "tuning_rows"]


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
        dealt: the texts.
        seed: of the order of the data; the negative data has the same order after every positive volume.
        positive: volumes, rising, from 0.
        negative: volumes, rising, from 0.
        recipe: of both fine-tunings, its learning rate constant.
        samples: drawn at each pair, for the judge; 0 for none.
        sample_length: tokens of a sample at most, its prompt not counted.
        template: what lays conversations out, as of `compresslab.lm.documents.Layout`.
        stages: of the unit; each positive volume and each negative stop is one.

    Returns:
        A row for each pair, the positive volume first.
    """
    model = HuggingFaceModel(copy.deepcopy(base.module), base.tokenizer, name=base.name, eos_id=base.eos_id,
                             prefix_id=base.prefix_id)  # fmt: skip
    held = {
        role: lay_out_examples(model, dealt.held_out[role], recipe.length, role, template) for role in ROLES
    }  # fmt: skip
    train = {
        role: lay_out_examples(model, dealt.train[role], recipe.length, role, template).dialogues for role in ROLES[1:]
    }
    sets = {role: one.dialogues for role, one in held.items()}
    drawing, prompts = asked_of(model, [held[role] for role in ROLES[1:]])
    known: dict[str, Known] = {role: {} for role in sets}  # the base stays as it is: it is asked once
    judge = StyleJudge.of(dealt.judge["positive"], dealt.judge["negative"])

    def measure(n: int, m: int) -> Row:
        row: Row = {"positive": n, "negative": m}
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

    fitted = fit("positive", seed, positive, lambda n: get_state(model), "positive")
    rows: list[Row] = []
    for n, state in zip(positive, fitted.at, strict=True):
        set_state(model, state)
        tuned = fit("negative", seed + 1, negative, partial(measure, n), f"negative after {n}")
        seen = {"seen_positive": fitted.seen[:16], "seen_negative": tuned.seen[:16]}
        rows += [{**row, **seen} for row in tuned.at]
    return rows


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
