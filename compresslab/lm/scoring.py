"""Scoring: what every symbol of a dataset costs under a language model, each predicted exactly once.

The law is in `compresslab.lm.windows`: a document is one response, starts from the prefix token, ends in EOS (counted,
unless told otherwise) and sees nothing of the others; long ones are read in windows. Bits are divided by tokens,
symbols, or bytes of the *original* text, whatever the tokenizer made of it.

Memory: one number (8 bytes) for each symbol, four for each window, and one batch inside the model, which is bounded by
``batch_tokens`` (on a GPU by what is free there) and cut in halves where memory runs out. A table of V probabilities
for each position is only made by models without their own `token_nats`, one batch at a time.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import Int64Array, offsets_of
from compresslab.data.dataset import Dataset
from compresslab.data.texts import Texts
from compresslab.data.tokenizers import Tokenizer
from compresslab.errors import InvalidParameter, MismatchedVocabulary, did_you_mean
from compresslab.lm.batch_work import Work, begin_batch
from compresslab.lm.journal import new_journal, open_journal, scoring_key
from compresslab.lm.memory import Parts
from compresslab.lm.protocol import LanguageModel
from compresslab.lm.special_tokens import without_spelled
from compresslab.lm.windows import Windows, batches, plan_windows
from compresslab.theory.estimates import ratio_standard_error
from compresslab.theory.rate import Rate

__all__ = [
    "UNITS",
    "Scores",
    "check_tokens",
    "reading",
    "score",
    "score_everywhere",
    "tokenize",
    "tokenized",
    "without_doubles",
]

UNITS = ("token", "symbol", "byte")
LOGITS = 1 << 26  # what a batch may hold by default, in numbers: 256 MiB of float32
MOST_TOKENS = 1 << 14

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Scores:
    """The code lengths of a dataset's symbols under a model.

    Attributes:
        nats: float64, shape (number of symbols,): ``-ln p`` of each token, and of EOS where it is counted.
        offsets: int64, shape (num_responses + 1,): response ``i`` is ``nats[offsets[i]:offsets[i + 1]]``.
        eos: whether each response's last number is its EOS.
        num_bytes: bytes of the original text, or None.
        response_bytes: int64, shape (num_responses,): bytes of each response, or None.
        model: the model's name.
        fingerprint: the model's fingerprint.
        windows: how long responses were read; None: in one piece, however long.

    Example:
        >>> from compresslab import Dataset
        >>> from compresslab.lm.tree_model import TreeModel
        >>> data = Dataset.from_texts(["aab", "ccd"])
        >>> scores = score(TreeModel.of(data, depth=2), data)
        >>> scores.rate("byte")                                     # 4 leaves, each of weight 1/4
        Rate(1.33333 bits per byte = 8 bits / 6)
        >>> abs(scores.total_bits - 8) < 1e-14
        True
        >>> scores.response_bits.round(3).tolist()                  # aa|b EOS, and cc|d EOS
        [4.0, 4.0]
    """

    nats: NDArray[np.float64]
    offsets: Int64Array
    eos: bool
    num_bytes: int | None
    response_bytes: Int64Array | None
    model: str
    fingerprint: str
    windows: Windows | None

    @property
    def num_responses(self) -> int:
        """Number of responses."""
        return self.offsets.size - 1

    @property
    def num_symbols(self) -> int:
        """Number of symbols scored: the tokens, and one EOS for each response where it is counted."""
        return self.nats.size

    @property
    def num_tokens(self) -> int:
        """Number of tokens, EOS not counted."""
        return self.num_symbols - (self.num_responses if self.eos else 0)

    @cached_property
    def response_bits(self) -> NDArray[np.float64]:
        """Bits of each response, EOS included where it is counted: float64, shape (num_responses,)."""
        return self._bits_of(self.nats)

    def _bits_of(self, nats: NDArray[np.float64]) -> NDArray[np.float64]:
        owner = np.repeat(np.arange(self.num_responses), np.diff(self.offsets))
        return np.bincount(owner, weights=nats, minlength=self.num_responses) / math.log(2)

    @property
    def total_bits(self) -> float:
        """Bits of the whole dataset."""
        return float(self.response_bits.sum())

    @property
    def eos_bits(self) -> float:
        """Bits of the EOS symbols alone; 0 where they are not counted."""
        return float(self.nats[self.offsets[1:] - 1].sum()) / math.log(2) if self.eos else 0.0

    def after(self, hidden: Int64Array, response_bytes: Int64Array | None = None) -> Scores:
        """Return the scores without the first symbols of each response, as those of a prompt are.

        Args:
            hidden: how many of each; int64, shape (num_responses,).
            response_bytes: bytes of what is left of each, where they are known.
        """
        lengths = np.diff(self.offsets) - hidden
        keep = np.ones(self.nats.size, dtype=bool)
        for start, count in zip(self.offsets[:-1].tolist(), hidden.tolist(), strict=True):
            keep[start : start + count] = False
        total = None if response_bytes is None else int(response_bytes.sum())
        return replace(
            self, nats=self.nats[keep], offsets=offsets_of(lengths), num_bytes=total, response_bytes=response_bytes
        )

    def rate(self, unit: str = "byte") -> Rate:
        """Return the bits over tokens, symbols or bytes.

        ======  ===========================  ===========================================
        unit    bits                         denominator
        ======  ===========================  ===========================================
        token   those of the tokens          tokens (what is usually called the loss)
        symbol  all                          tokens, and EOS where it is counted
        byte    all                          bytes of the original text
        ======  ===========================  ===========================================

        Raises:
            InvalidParameter: an unknown unit, or bytes that are not known or 0.
        """
        bits, units = self._bits_and_units(unit)
        return Rate(float(bits.sum()), float(units.sum()), unit)

    def standard_error(self, unit: str = "byte") -> float | None:
        """Return the standard error of a rate over responses, in its bits per unit; None below two responses.

        The rate is a ratio ``R = sum b / sum y``; its error is that of the mean of ``b - R y`` over ``mean y`` (the
        delta method), the responses being a sample. It says nothing about the model.
        """
        return ratio_standard_error(*self._bits_and_units(unit))

    def _bits_and_units(self, unit: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if unit not in UNITS:
            raise InvalidParameter(f"unknown unit {unit!r}: {did_you_mean(str(unit), UNITS)}")
        if unit == "byte":
            if self.response_bytes is None and not self.num_bytes:
                raise InvalidParameter("a rate per byte needs the bytes of the original text: score a dataset of texts")
            if self.response_bytes is None:
                return np.array([self.total_bits]), np.array([float(self.num_bytes or 0)])
            return self.response_bits, self.response_bytes.astype(np.float64)
        symbols = np.diff(self.offsets).astype(np.float64)
        if unit == "symbol" or not self.eos:
            return self.response_bits, symbols
        tokens = self.nats.copy()
        tokens[self.offsets[1:] - 1] = 0.0  # not subtracted: EOS may cost infinitely much
        return self._bits_of(tokens), symbols - 1

    def merge(self, other: Scores) -> Scores:
        """Put the shares of two processes together: each has NaN where the other has scored."""
        return replace(self, nats=np.where(np.isnan(self.nats), other.nats, self.nats))


def score(
    model: LanguageModel,
    dataset: Dataset,
    windows: Windows | None = None,
    *,
    eos: bool = True,
    whole: bool = False,
    batch_tokens: int | None = None,
    progress: Progress | None = None,
    resume: str | PathLike[str] | None = None,
    share: tuple[int, int] = (0, 1),
    fingerprint: str | None = None,
) -> Scores:
    """Score every symbol of a dataset, exactly once.

    Args:
        model: any language model.
        dataset: responses in the model's own tokens (`tokenize` makes them from texts).
        windows: how long responses are read; `Windows.default` where None and the model has a context, else whole.
        eos: predict EOS at the end of each response, and count it.
        whole: read every response in one window, which the context must hold; ``windows`` is then None.
        batch_tokens: inputs of a batch, padding counted; by the size of the vocabulary where None, on a GPU by the free
            memory.
        progress: called with (symbols done, symbols in all).
        resume: a file that keeps what is done; a scoring that was stopped goes on from it.
        share: ``(i, n)``: score the ``i``-th share of ``n`` only; the rest is NaN (see `score_everywhere`).
        fingerprint: the model's, for the record, or "" for none; it is taken where None, which reads all weights once:
            longer than scoring a few texts takes.

    Raises:
        MismatchedVocabulary: the dataset is not in the model's tokens.
        InvalidParameter: windows longer than the model's context; a resume file of another scoring.
        InvalidDistribution: the model gave NaN.
        OutOfMemory: a single window does not fit into the memory.
    """
    check_tokens(model, dataset)
    if windows is not None and whole:
        raise InvalidParameter("whole responses have no windows: give one of the two")
    if windows is None and model.context is not None and not whole:
        windows = Windows.default(model.context)
    if windows is not None and model.context is not None and windows.length > model.context:
        raise InvalidParameter(
            f"windows of {windows.length} tokens are longer than the context of '{model.name}', {model.context}: "
            f"give a length of at most {model.context}"
        )
    lengths = np.diff(dataset.offsets) + (1 if eos else 0)
    offsets = offsets_of(lengths)
    fingerprint = model.fingerprint() if fingerprint is None else fingerprint
    total = int(offsets[-1])
    if resume is None:
        journal = new_journal(total)
    else:
        journal = open_journal(resume, scoring_key(fingerprint, dataset, windows, eos, share), total)
    plan = plan_windows(lengths, windows)
    mine, of = share
    budget = batch_tokens or _budget(model, alone=of == 1)
    parts, work = Parts(), Work(model, dataset, plan, offsets, journal)
    begun: deque[Callable[[], int]] = deque()
    ahead = 1 if getattr(getattr(model, "device", None), "type", "cpu") == "cuda" else 0
    done = 0

    def finish(left: int) -> None:
        nonlocal done
        while len(begun) > left:
            done += begun.popleft()()
            if progress is not None:
                progress(done * of, total)

    for number, batch in enumerate(batches(plan, budget, int(getattr(model, "free_padding", 0)))):
        if number % of == mine:
            for one in begin_batch(work, batch, parts):
                begun.append(one)
                finish(ahead)
    finish(0)
    kept = np.array(journal.nats)  # out of the journal's file, if there is one
    kept.flags.writeable = False
    return Scores(kept, offsets, eos, dataset.num_bytes, dataset.response_bytes, model.name, fingerprint, windows)


def _budget(model: LanguageModel, *, alone: bool) -> int:
    """Return the inputs of a batch; by the free memory only where no other process must find the same batches."""
    found = getattr(model, "scoring_tokens", None) if alone else None
    usual = min(MOST_TOKENS, max(1, LOGITS // model.vocab_size))
    return int(found or getattr(model, "batch_tokens", None) or usual)


def score_everywhere(
    model: LanguageModel, dataset: Dataset, windows: Windows | None = None, **settings: object
) -> Scores:
    """Score a dataset on all processes that ``accelerate launch`` has started; each returns all the scores.

    Every process scores its share of the batches, with its model on its own device. With one process it is `score`.
    Takes the settings of `score`, ``share`` excepted; a ``resume`` file gets the process's number as a suffix.

    Raises:
        MissingExtra: there are several processes, and accelerate is not installed.
    """
    from compresslab.lm.distributed import processes, sum_over_processes

    mine, of = processes()
    if of > 1 and settings.get("resume") is not None:
        settings["resume"] = f"{settings['resume']}.{mine}"
    part = score(model, dataset, windows, share=(mine, of), **settings)  # type: ignore[arg-type]
    if of == 1:
        return part
    return replace(part, nats=sum_over_processes(np.nan_to_num(part.nats, nan=0.0, posinf=np.inf)))


def tokenize(model: LanguageModel, texts: Texts | Sequence[str | bytes], name: str = "") -> Dataset:
    """Return texts as a dataset in a model's tokens: each text is one response.

    A prefix token that a text begins with, and an EOS that it ends with, are left out: every response is given both.

    Raises:
        MismatchedVocabulary: the model is over bare numbers and has no tokenizer.
    """
    return tokenized(model, texts, name)[0]


def tokenized(
    model: LanguageModel, texts: Texts | Sequence[str | bytes], name: str = "", *, control_tokens: bool = False
) -> tuple[Dataset, Int64Array, Int64Array]:
    """Return what `tokenize` does, and for each text 1 where its prefix (its EOS) was left out, else 0.

    Args:
        model: the model.
        texts: the texts.
        name: a label for tables.
        control_tokens: read other control tokens that a text spells as such, not as characters.
    """
    tokenizer = reading(model, control_tokens)
    packed = Texts.pack(texts)
    bare, begun, ended = without_spelled(packed, tokenizer, model.prefix_id, model.eos_id)
    made, starts, ends = without_doubles(Dataset.from_texts(bare, tokenizer, name=name), model)
    return replace(made, num_bytes=None, response_bytes=packed.lengths), begun + starts, ended + ends


def reading(model: LanguageModel, control_tokens: bool = False) -> Tokenizer:
    """Return a model's tokenizer, which reads control tokens that a text spells as such, or as characters.

    Raises:
        MismatchedVocabulary: the model is over bare numbers and has no tokenizer.
    """
    if model.tokenizer is None:
        raise MismatchedVocabulary(
            f"'{model.name}' is a model over bare numbers: it has no tokenizer to read texts with"
        )
    choose = getattr(model.tokenizer, "reading", None)
    chosen: Tokenizer = model.tokenizer if choose is None else choose(control_tokens)
    return chosen


def without_doubles(dataset: Dataset, model: LanguageModel) -> tuple[Dataset, Int64Array, Int64Array]:
    """Return a dataset in which no response begins with the model's prefix token or ends with its EOS.

    Every response is given the one and ends in the other; those of a rendered template would have both twice.

    Returns:
        The dataset, and for each response 1 where its first (its last) token was left out, else 0; int64.

    Example:
        >>> from compresslab.lm.tree_model import TreeModel
        >>> model = TreeModel.of(Dataset.from_texts(["ab"]), depth=2)
        >>> data, starts, ends = without_doubles(Dataset.from_token_lists([[256, 97], [98]], 257), model)
        >>> [one.tolist() for one in data], starts.tolist(), ends.tolist()
        ([[97], [98]], [1, 0], [0, 0])
    """
    first, last = dataset.offsets[:-1].copy(), dataset.offsets[1:].copy()
    starts = np.zeros(first.size, dtype=np.int64)
    held = first < last
    starts[held] = dataset.tokens[first[held]] == model.prefix_id
    ends = np.zeros(first.size, dtype=np.int64)
    held = first + starts < last
    ends[held] = dataset.tokens[last[held] - 1] == model.eos_id
    if not starts.any() and not ends.any():
        return dataset, starts, ends
    keep = np.ones(dataset.num_tokens, dtype=bool)
    keep[first[starts == 1]] = False
    keep[last[ends == 1] - 1] = False
    offsets = offsets_of(np.diff(dataset.offsets) - starts - ends)
    return replace(dataset, tokens=dataset.tokens[keep], offsets=offsets), starts, ends


def check_tokens(model: LanguageModel, dataset: Dataset) -> None:
    """Raise MismatchedVocabulary unless the dataset is in the model's tokens."""
    ours, theirs = model.tokenizer, dataset.tokenizer
    if ours is not None and theirs is not None and ours != theirs:
        raise MismatchedVocabulary(
            f"the dataset is in tokens of '{theirs.name}', the model '{model.name}' reads those of '{ours.name}': "
            "tokenize the texts with compresslab.lm.scoring.tokenize(model, texts)"
        )
    if dataset.vocab_size > model.vocab_size:
        raise MismatchedVocabulary(
            f"the dataset has {dataset.vocab_size} tokens, the model '{model.name}' only {model.vocab_size}: "
            "tokenize the texts with the model's own tokenizer"
        )
