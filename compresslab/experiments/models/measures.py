"""What fine-tuning experiments measure on a model: code lengths of held-out texts, KL to the base model, samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from compresslab._support.arrays import as_array
from compresslab.data.dataset import Dataset
from compresslab.errors import InvalidParameter, MismatchedVocabulary
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.lm.memory import Parts, in_parts
from compresslab.lm.places import Places, pieces, places_of, sent
from compresslab.lm.prompts import Dialogues
from compresslab.lm.protocol import LanguageModel
from compresslab.lm.scoring import check_tokens, score
from compresslab.lm.windows import Windows, batches, plan_windows, window_tokens

__all__ = ["CodeLength", "Known", "code_lengths", "kl_nats", "sample_responses"]

Known: TypeAlias = dict[tuple[int, int, int], list[Any]]  # batch, first and last row -> tensors of each piece

_TABLE = 1 << 19  # probabilities held at once for each model, in numbers: 2 MiB of float32 stay in a cache
_KNOWN_BYTES = 1 << 27  # of a base's log-probabilities, for one dataset
_MOST = 1 << 14  # tokens of a batch on a GPU, where two models read it


@dataclass(frozen=True)
class CodeLength:
    """The code length of a set of held-out texts.

    Attributes:
        bits_per_byte: of the original text, EOS counted in the bits.
        bits_per_response: mean over responses.
        standard_error: of the latter over responses; None below two.
        responses: how many.
    """

    bits_per_byte: float
    bits_per_response: float
    standard_error: float | None
    responses: int


def code_lengths(model: LanguageModel, sets: Mapping[str, Dataset | Dialogues]) -> dict[str, CodeLength]:
    """Return the code lengths of several sets of texts under a model, by name; prompts of dialogues are context.

    Raises:
        MismatchedVocabulary: a set that is not in the model's tokens.
        InvalidParameter: a set whose bytes are not known.

    Example:
        >>> from compresslab.lm.tree_model import TreeModel
        >>> data = Dataset.from_texts(["aab", "ccd"])
        >>> abs(code_lengths(TreeModel.of(data, depth=2), {"all": data})["all"].bits_per_response - 4) < 1e-14
        True
    """
    found = {}
    size = None if _on_gpu(model) else _table_tokens(model)
    for name, held in sets.items():
        if isinstance(held, Dialogues):
            scores = score(held.reader(model), held.data, batch_tokens=size, fingerprint="")
            scores = scores.after(held.hidden, held.data.response_bytes)
        else:
            scores = score(model, held, batch_tokens=size, fingerprint="")
        bits = scores.response_bits
        error = float(bits.std(ddof=1) / np.sqrt(bits.size)) if bits.size > 1 else None
        found[name] = CodeLength(scores.rate("byte").value, float(bits.mean()), error, bits.size)
    return found


def kl_nats(
    model: LanguageModel,
    base: LanguageModel,
    data: Dataset,
    hidden: npt.NDArray[np.int64] | None = None,
    known: Known | None = None,
) -> float:
    """Return ``KL(model || base)`` of the next symbol, in nats, averaged over all positions of the given texts.

    At each position it is exact: the sum over the whole vocabulary, not over what occurs in the text. The text is the
    context only; every symbol's position counts once, that of EOS too.

    Args:
        model: the one.
        base: the other.
        data: the texts.
        hidden: how many symbols each text begins with whose positions do not count, as those of a prompt; int64, shape
            (number of texts,); none where None.
        known: what the base gave for these texts; empty at first, it is filled for the next call, where it is not too
            much. Only for one base, one dataset and one ``hidden``; the base must not change.

    Raises:
        MismatchedVocabulary: models of different vocabularies, or texts in other tokens.

    Example:
        >>> from compresslab.lm.tree_model import TreeModel
        >>> data = Dataset.from_texts(["ab"])
        >>> model = TreeModel.of(data, depth=2)
        >>> kl_nats(model, model, data)
        0.0
    """
    if (model.vocab_size, model.eos_id, model.prefix_id) != (base.vocab_size, base.eos_id, base.prefix_id):
        raise MismatchedVocabulary(f"'{model.name}' and '{base.name}' have different vocabularies: no KL between them")
    check_tokens(model, data)
    limits = [one.context for one in (model, base) if one.context is not None]
    plan = plan_windows(data.lengths, Windows.default(min(limits)) if limits else None)
    total, count, parts = 0.0, 0, Parts()
    size = min(_MOST, int(model.scoring_tokens)) if _on_gpu(model) else _table_tokens(model)  # type: ignore[attr-defined]
    if known is not None and 4 * model.vocab_size * int(plan.new.sum()) > _KNOWN_BYTES:
        known = None
    for number, batch in enumerate(batches(plan, size, int(getattr(model, "free_padding", 0)))):
        width = int(plan.size[batch[0]])
        ids = np.full((batch.size, width), model.prefix_id, dtype=np.int64)
        counted = np.zeros((batch.size, width), dtype=bool)
        for row, w in enumerate(batch.tolist()):
            document, start, size, new = (int(a[w]) for a in (plan.document, plan.start, plan.size, plan.new))
            ids[row, :size] = window_tokens(data, document, start, size, model.prefix_id, model.eos_id)[:-1]
            first = size - new if hidden is None else max(size - new, int(hidden[document]) - start)
            counted[row, first:size] = True
        count += int(counted.sum())
        work = partial(_kl_sum, model, base, ids, counted, known, number)
        total += sum(in_parts(work, batch.size, parts, f"comparing '{model.name}' with its base"))
    return total / count


def _on_gpu(model: LanguageModel) -> bool:
    return isinstance(model, HuggingFaceModel) and model.device.type == "cuda"


def _table_tokens(model: LanguageModel) -> int:
    return max(512, _TABLE // model.vocab_size)


def _kl_sum(
    model: LanguageModel,
    base: LanguageModel,
    ids: npt.NDArray[np.int64],
    counted: npt.NDArray[np.bool_],
    known: Known | None,
    number: int,
    rows: slice,
) -> float:
    """Return the sum of the divergences at the counted positions of some rows of a batch."""
    if isinstance(model, HuggingFaceModel) and isinstance(base, HuggingFaceModel):
        held = None if known is None else known.setdefault((number, rows.start, rows.stop), [])
        return kl_of_places(model, base, ids[rows], counted[rows], held)
    return kl_of_tables(model, base, ids[rows], counted[rows])


def kl_of_tables(
    model: LanguageModel, base: LanguageModel, ids: npt.NDArray[np.int64], counted: npt.NDArray[np.bool_]
) -> float:
    """Return the sum of ``KL(model || base)`` at the counted positions, by the tables of two models of any kind."""
    log_p, log_q = (as_array(one.log_probs(ids))[counted] for one in (model, base))
    p = np.exp(log_p)
    gap = np.subtract(log_p, log_q, out=np.zeros_like(p), where=p > 0)  # 0 ln 0 = 0
    return float((p * gap).sum(dtype=np.float64))


def kl_of_places(
    model: HuggingFaceModel,
    base: HuggingFaceModel,
    ids: npt.NDArray[np.int64],
    counted: npt.NDArray[np.bool_],
    known: list[Any] | None = None,
) -> float:
    """Return the same where models of transformers are, a piece of the positions at a time.

    Args:
        model: the one.
        base: the other.
        ids: shape (B, T).
        counted: likewise.
        known: the base's log-probabilities of each piece; where it is empty, it is filled.
    """
    import torch

    def read(one: HuggingFaceModel) -> Places:
        return places_of(one.module, one.apart, sent(ids, one.device), sent(counted, one.device))

    with torch.inference_mode():
        ours, theirs = read(model), None if known else read(base)
        total = torch.zeros((), dtype=torch.float64, device=ours.states.device)
        found = list(known or [])
        for number, part in enumerate(pieces(ours)):
            if theirs is not None:
                found.append(torch.log_softmax(theirs.logits(part).to(total.device), dim=-1))
            log_p, log_q = torch.log_softmax(ours.logits(part), dim=-1), found[number]
            p = log_p.exp()
            total += (p * torch.where(p > 0, log_p - log_q, 0.0)).sum(dtype=torch.float64)
            if known is None:
                found[number] = None
        if known is not None:
            known[:] = found
        return float(total)


def sample_responses(
    model: LanguageModel,
    count: int,
    *,
    seed: int,
    length: int | None = None,
    prompts: Sequence[npt.ArrayLike] = (),
    batch: int = 64,
) -> Dataset:
    """Draw responses from a model, at temperature 1.

    Args:
        model: any language model.
        count: how many.
        seed: of the draws.
        length: tokens of a response at most, its prompt counted; the context holds it where None. A response that has
            not ended by then is cut.
        prompts: the tokens that the responses begin with, taken in turn; a response holds its prompt. None: empty ones.
        batch: responses that advance together.

    Returns:
        ``count`` responses in the model's tokens.

    Raises:
        InvalidParameter: no limit on the length, a length above the context, or a prompt that fills it.
    """
    limit = model.context if length is None else length
    if limit is None or count < 1 or (model.context is not None and limit > model.context):
        raise InvalidParameter(
            f"cannot draw {count} responses of at most {limit} tokens from '{model.name}' with a context of "
            f"{model.context}: give at least one, and a length within the context"
        )
    given = [as_array(prompt, dtype=np.int64).ravel() for prompt in prompts] or [np.empty(0, np.int64)]
    if max(prompt.size for prompt in given) >= limit:
        raise InvalidParameter(f"a prompt of {max(p.size for p in given)} tokens leaves no room in {limit}: cut it")
    rng = np.random.default_rng(seed)
    drawn: list[list[int]] = []
    for first in range(0, count, batch):
        drawn += _draw(model, [given[i % len(given)] for i in range(first, min(count, first + batch))], limit, rng)
    tokenizer = model.tokenizer
    most = max((max(one, default=0) for one in drawn), default=0)
    if tokenizer is None or most >= tokenizer.vocab_size:  # or an output of the model that is not a token
        return Dataset.from_token_lists(drawn, model.vocab_size, name="samples")
    # What is drawn stays tokens: to decode and encode it again may give others.
    return Dataset.from_token_lists(drawn, tokenizer.vocab_size, tokenizer=tokenizer, name="samples")


def _draw(
    model: LanguageModel, prompts: list[npt.NDArray[np.int64]], limit: int, rng: np.random.Generator
) -> list[list[int]]:
    stepper = model.stepper(len(prompts))
    tokens = np.full(len(prompts), model.prefix_id, dtype=np.int64)
    out: list[list[int]] = [[] for _ in prompts]
    open_ = np.ones(len(prompts), dtype=bool)
    for place in range(limit):
        log_p = as_array(stepper.step(tokens), dtype=np.float64)
        chosen = np.argmax(log_p + rng.gumbel(size=log_p.shape), axis=1)
        for i, prompt in enumerate(prompts):
            if place < prompt.size:
                chosen[i] = prompt[place]
            elif open_[i] and chosen[i] == model.eos_id:
                open_[i] = False
            if open_[i]:
                out[i].append(int(chosen[i]))
        if not open_.any():
            break
        tokens = chosen
    return out
