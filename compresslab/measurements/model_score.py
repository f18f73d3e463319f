"""What texts cost under one model: the one measurement behind ``score``, ``rate --model`` and the demo."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from compresslab.data.texts import Texts
from compresslab.lm.documents import Conversations, Layout
from compresslab.lm.log_prob_files import LogProbs
from compresslab.lm.protocol import LanguageModel
from compresslab.lm.responses import ScoredResponses, score_responses
from compresslab.lm.windows import Windows

__all__ = ["ModelScore", "Scored", "Scorer", "model_score", "score_texts"]

Scorer = LanguageModel | LogProbs  # what gives the log-probabilities of texts


@dataclass(frozen=True)
class ModelScore:
    """What texts cost under a model, each text starting from the prefix token and ending in EOS.

    Prompts are context: no bit and no byte of theirs is counted. Where log-probabilities come from a file that has only
    their sums, what is per token is None.

    Attributes:
        name: what the texts are.
        model: the model's name.
        fingerprint: the model's fingerprint; of a file of log-probabilities its SHA-256.
        window: inputs of a window, or None where texts are read in one piece.
        stride: symbols that each window after the first predicts.
        eos: whether EOS is predicted and counted.
        prefix_token: the token that each text starts from, as its tokenizer spells it.
        eos_token: the token that ends each text.
        own_prefixes: texts that began with the prefix token themselves: they got no second one.
        own_ends: texts that ended with EOS themselves.
        control_tokens: all other tokens that control the model, such as ``<|im_start|>``, that texts and prompts spell.
        read_control_tokens: whether those were read as such; otherwise as their characters.
        template: whose chat template laid the texts out; None where none did.
        template_sha256: digest of that template and of the special tokens that it was given.
        layout: a sentence on the template; empty where there is nothing to say.
        context_tokens: tokens of prompts, that the model reads and that are not counted; None where not known.
        context_bytes: bytes of prompts, as they stand before each response.
        responses: number of texts.
        tokens: tokens, EOS not counted; one that holds the end of a prompt and the start of its response counts.
        symbols: tokens, and EOS where it is counted.
        bytes: bytes of the original texts.
        exact: whether every text decodes from its tokens; bits are per original byte either way.
        bits: all bits.
        eos_bits: those of the EOS symbols.
        bits_per_token: bits of the tokens over tokens.
        error_bits_per_token: its standard error over texts; None below two.
        nats_per_token: the same in nats: what is usually called the loss.
        perplexity: ``exp(nats_per_token)``; None where that is too large for a float.
        bits_per_symbol: all bits over symbols.
        bits_per_byte: all bits over bytes; None for empty texts.
        error_bits_per_byte: its standard error over texts; None below two.
        seconds: time of scoring.
    """

    name: str
    model: str
    fingerprint: str
    window: int | None
    stride: int | None
    eos: bool
    prefix_token: str
    eos_token: str
    own_prefixes: int
    own_ends: int
    control_tokens: int
    read_control_tokens: bool
    template: str | None
    template_sha256: str | None
    layout: str
    context_tokens: int | None
    context_bytes: int
    responses: int
    tokens: int | None
    symbols: int | None
    bytes: int
    exact: bool
    bits: float
    eos_bits: float
    bits_per_token: float | None
    error_bits_per_token: float | None
    nats_per_token: float | None
    perplexity: float | None
    bits_per_symbol: float | None
    bits_per_byte: float | None
    error_bits_per_byte: float | None
    seconds: float


@dataclass(frozen=True, eq=False)
class Scored:
    """A measurement with all that it was made from.

    Attributes:
        result: the numbers.
        responses: the code length of each symbol of each response.
    """

    result: ModelScore
    responses: ScoredResponses


def score_texts(
    model: Scorer,
    texts: Texts,
    name: str = "",
    *,
    prompts: Texts | None = None,
    conversations: Conversations | None = None,
    layout: Layout = Layout(),  # noqa: B008
    windows: Windows | None = None,
    eos: bool = True,
    batch_tokens: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    resume: str | PathLike[str] | None = None,
    folder: Path | None = None,
) -> Scored:
    """Score texts under a model, or by log-probabilities from elsewhere, on all processes that were started.

    Args:
        model: the model, or what `compresslab.lm.log_prob_files.read_log_probs` read.
        texts: each is one response: a document, a line, ...
        name: a label for tables.
        prompts: what stands before each, as context: a prompt and a line feed; None for texts that stand alone.
        conversations: the turns up to each text, for the chat template.
        layout: whether a chat template lays the texts out, and how control tokens in them are read; nothing to a file
            of log-probabilities.
        windows: how long texts are read; `Windows.default` where None.
        eos: predict EOS at the end of each text, and count it.
        batch_tokens: inputs of a batch of the model; by its vocabulary and device where None.
        progress: called with (symbols done, in all).
        resume: a file that keeps what is done.
        folder: instead of it a folder, where the file is called by the content of model, texts and settings.

    Example:
        >>> from compresslab import Dataset
        >>> from compresslab.lm.tree_model import TreeModel
        >>> texts = Texts.pack(["to be", "or not to be"])
        >>> model = TreeModel.of(Dataset.from_texts(texts), depth=2, smoothing=0.5)
        >>> result = score_texts(model, texts).result
        >>> result.tokens, result.symbols, result.bytes, result.exact
        (17, 19, 17, True)
        >>> abs(result.bits_per_byte - result.bits / 17) < 1e-12
        True
    """
    if isinstance(model, LogProbs):
        found = model.scored(texts, prompts, name, eos=eos)
    else:
        found = score_responses(
            model, texts, prompts, name, conversations=conversations, layout=layout, windows=windows, eos=eos,
            batch_tokens=batch_tokens, progress=progress, resume=resume, folder=folder,
        )  # fmt: skip
    return Scored(model_score(found, name, 0 if prompts is None else int(prompts.lengths.sum())), found)


def model_score(found: ScoredResponses, name: str, context_bytes: int) -> ModelScore:
    """Return the numbers of scored responses."""
    scores = found.scores
    size = scores.num_bytes or 0
    by_token = found.knows_tokens and scores.num_tokens > 0
    certain = math.isfinite(scores.total_bits)  # of infinitely many bits there is no error
    rate = scores.rate("token").value if by_token else None
    nats = None if rate is None else rate * math.log(2)
    return ModelScore(
        name=name,
        model=scores.model,
        fingerprint=scores.fingerprint,
        window=scores.windows.length if scores.windows else None,
        stride=scores.windows.stride if scores.windows else None,
        eos=scores.eos,
        prefix_token=found.prefix_token,
        eos_token=found.eos_token,
        own_prefixes=found.own_prefixes,
        own_ends=found.own_ends,
        control_tokens=found.control_tokens,
        read_control_tokens=found.read_control_tokens,
        template=None if found.template is None else found.template.origin,
        template_sha256=None if found.template is None else found.template.fingerprint,
        layout=found.layout,
        context_tokens=found.context_tokens,
        context_bytes=context_bytes,
        responses=scores.num_responses,
        tokens=scores.num_tokens if found.knows_tokens else None,
        symbols=scores.num_symbols if found.knows_tokens else None,
        bytes=size,
        exact=found.exact,
        bits=scores.total_bits,
        eos_bits=scores.eos_bits,
        bits_per_token=rate,
        error_bits_per_token=scores.standard_error("token") if by_token and certain else None,
        nats_per_token=nats,
        perplexity=math.exp(nats) if nats is not None and nats < 700 else None,
        bits_per_symbol=scores.rate("symbol").value if found.knows_tokens and scores.num_symbols else None,
        bits_per_byte=scores.rate("byte").value if size else None,
        error_bits_per_byte=scores.standard_error("byte") if size and certain else None,
        seconds=found.seconds,
    )
