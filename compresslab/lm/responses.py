"""What responses cost under a model, given their prompts: laid out in its tokens, scored, the prompts left out again.

Everything that measures responses under a model does it here: ``score``, ``rate --model``, the experiments.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from compresslab._support.arrays import Int64Array
from compresslab.data.templates import ChatTemplate
from compresslab.data.texts import Texts
from compresslab.lm.documents import Conversations, Layout, documents_of
from compresslab.lm.journal import scoring_key
from compresslab.lm.protocol import LanguageModel
from compresslab.lm.scoring import Scores, score_everywhere
from compresslab.lm.windows import Windows

__all__ = ["ScoredResponses", "score_responses", "token_name"]


@dataclass(frozen=True, eq=False)
class ScoredResponses:
    """The code lengths of responses, and of EOS where it is counted; prompts are context alone.

    Attributes:
        scores: of the responses' symbols.
        token_ids: the tokens that are counted, EOS left out, in a row as in ``scores``; None where they are not known.
        knows_tokens: whether each number of ``scores`` is that of one token; else each is that of a whole response.
        exact: whether every text decodes from its tokens.
        prefix_token: what each text starts from, as the tokenizer spells it.
        eos_token: what ends each.
        own_prefixes: as of `compresslab.lm.prompts.Dialogues`.
        own_ends: likewise.
        control_tokens: likewise.
        context_tokens: tokens of prompts, which are not counted.
        seconds: time of scoring.
        read_control_tokens: whether control tokens that texts spell were read as such, not as characters.
        template: what laid conversations out; None where nothing did.
        layout: a sentence on it; empty where there is nothing to say.
    """

    scores: Scores
    token_ids: Int64Array | None
    knows_tokens: bool
    exact: bool
    prefix_token: str
    eos_token: str
    own_prefixes: int
    own_ends: int
    control_tokens: int
    context_tokens: int | None
    seconds: float
    read_control_tokens: bool = False
    template: ChatTemplate | None = None
    layout: str = ""


def score_responses(
    model: LanguageModel,
    texts: Texts,
    prompts: Texts | None = None,
    name: str = "",
    *,
    conversations: Conversations | None = None,
    layout: Layout = Layout(),  # noqa: B008
    windows: Windows | None = None,
    eos: bool = True,
    batch_tokens: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    resume: str | PathLike[str] | None = None,
    folder: Path | None = None,
) -> ScoredResponses:
    """Score responses under a model, on all processes that were started.

    Args:
        model: the model.
        texts: each is one response.
        prompts: what stands before each, as context; None for texts that stand alone.
        name: a label for tables.
        conversations: the turns up to each text, for the chat template.
        layout: whether a chat template lays the texts out, and how control tokens in them are read.
        windows: how long texts are read; `Windows.default` where None.
        eos: predict EOS at the end of each text, and count it.
        batch_tokens: inputs of a batch of the model; by its vocabulary and device where None.
        progress: called with (symbols done, in all).
        resume: a file that keeps what is done.
        folder: instead of it a folder, where the file is called by the content of model, texts and settings.
    """
    laid, said = documents_of(model, texts, prompts, conversations, layout, name)
    model, eos = laid.reader(model), eos and laid.ends
    if folder is not None:
        key = scoring_key(model.fingerprint(), laid.data, windows, eos, (0, 1))
        resume = folder / f"{key.hex()[:32]}.scores"
    begun = time.perf_counter()
    scores = score_everywhere(
        model, laid.data, windows, eos=eos, batch_tokens=batch_tokens, progress=progress, resume=resume
    )
    seconds = time.perf_counter() - begun
    sizes = np.diff(laid.data.offsets)
    place = np.arange(laid.data.num_tokens) - np.repeat(laid.data.offsets[:-1], sizes)
    counted = place >= np.repeat(laid.hidden, sizes)
    return ScoredResponses(
        scores=scores.after(laid.hidden, texts.lengths),
        token_ids=laid.data.tokens[counted].astype(np.int64),
        knows_tokens=True,
        exact=bool(laid.data.exact),
        prefix_token=token_name(model, model.prefix_id),
        eos_token=token_name(model, model.eos_id),
        own_prefixes=laid.own_prefixes,
        own_ends=laid.own_ends,
        control_tokens=laid.control_tokens,
        context_tokens=int(laid.hidden.sum()),
        seconds=seconds,
        read_control_tokens=layout.control_tokens,
        template=laid.template,
        layout=said,
    )


def token_name(model: LanguageModel, token: int) -> str:
    """Return how a model's tokenizer spells a token; its number where that is not one of the tokenizer's."""
    tokenizer = model.tokenizer
    if tokenizer is None or token >= tokenizer.vocab_size:
        return f"token {token}"
    return tokenizer.token_text(token)
