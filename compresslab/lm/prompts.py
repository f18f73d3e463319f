r"""Prompts and their responses in a model's tokens: which tokens are context alone, and what a response costs.

A prompt, a line feed and a response are one text, and are tokenized as one. A token may hold the end of a prompt and
the beginning of its response; it counts, for it holds a byte of the response. So only those tokens are context that lie
wholly inside the prompt and its line feed::

    text       H o w   d o   I   b o i l   r i c e ? \n T a k e   a   s l o w   s t a r t .
    tokens    [How do I boil][ rice?\nTake a ][slow][ start][.]
    context    ^^^^^^^^^^^^^  counted from here on

Where a tokenizer says which characters a token is of, that decides; where it does not, the tokens that the text and
its prompt alone begin with alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import as_array
from compresslab.data.dataset import Dataset
from compresslab.data.templates import ChatTemplate
from compresslab.data.texts import Texts
from compresslab.data.tokenizers import Tokenizer
from compresslab.errors import InvalidParameter
from compresslab.lm.protocol import LanguageModel
from compresslab.lm.scoring import score, without_doubles
from compresslab.lm.special_tokens import spelled, without_spelled

__all__ = ["Dialogues", "Pair", "lay_out", "of_tokens", "response_bits"]

Pair = tuple[bytes, bytes]  # prompt and response


@dataclass(frozen=True, eq=False)
class Dialogues:
    """Prompts and responses in a model's tokens.

    Attributes:
        data: each response with what stands before it, without prefix and EOS.
        hidden: int64, shape ``(number of responses,)``: the tokens that each begins with which do not count.
        num_bytes: bytes of all responses, without their prompts.
        own_prefixes: of these, texts that began with the prefix themselves.
        own_ends: texts that ended with EOS themselves.
        control_tokens: control tokens that the texts spell, those two left out.
        template: what laid conversations out; None where nothing did.
        prefix_id: the token that each starts from, where a template says so; the model's where None.
        eos_id: the token that ends each, likewise.
        ends: whether a response ends in a token that counts; False where a template writes none.
    """

    data: Dataset
    hidden: NDArray[np.int64]
    num_bytes: int
    own_prefixes: int = 0
    own_ends: int = 0
    control_tokens: int = 0
    template: ChatTemplate | None = None
    prefix_id: int | None = None
    eos_id: int | None = None
    ends: bool = True

    @property
    def symbols(self) -> int:
        """Symbols that count: tokens of the responses, and what ends each."""
        return int((self.data.lengths - self.hidden).sum()) + (0 if self.ends else -len(self.data))

    @property
    def tokens(self) -> int:
        """Tokens of all responses and of what stands before them, with what begins each."""
        return self.data.num_tokens + len(self.data)

    def reader(self, model: LanguageModel) -> LanguageModel:
        """Return the model that reads them: the same, with the prefix and EOS of the template where it has others.

        Raises:
            InvalidParameter: a model of another kind, which has no other prefix and EOS.
        """
        prefix = model.prefix_id if self.prefix_id is None else self.prefix_id
        eos = model.eos_id if self.eos_id is None else self.eos_id
        if (prefix, eos) == (model.prefix_id, model.eos_id):
            return model
        change = getattr(model, "with_tokens", None)
        if change is None:
            raise InvalidParameter(
                f"the model '{model.name}' has a prefix and EOS of its own, and the chat template has others: leave "
                "the template out with --template none (template='none')"
            )
        found: LanguageModel = change(prefix, eos)
        return found


def lay_out(
    pairs: Sequence[Pair], tokenizer: Tokenizer, name: str = "", *, model: LanguageModel | None = None
) -> Dialogues:
    """Put pairs into a model's tokens; a response without a prompt (an empty one) stands alone.

    Args:
        pairs: prompts and responses.
        tokenizer: of the model.
        name: a label for tables.
        model: where it is given, a text that begins with its prefix token or ends with its EOS gets no second one.

    Raises:
        EmptyDataset: no pairs.

    Example:
        >>> from compresslab.data.tokenizers import get_tokenizer
        >>> found = lay_out([(b"hi", b"you")], get_tokenizer("bytes"))
        >>> found.data.lengths.tolist(), found.hidden.tolist(), found.num_bytes
        ([7], [3], 3)
    """
    before = [prompt + b"\n" if prompt else b"" for prompt, _ in pairs]
    texts = Texts.pack(start + response for start, (_, response) in zip(before, pairs, strict=True))
    none = np.zeros(len(texts), dtype=np.int64)
    begun, ended = none, none
    if model is not None:
        texts, begun, ended = without_spelled(texts, tokenizer, model.prefix_id, model.eos_id)
        first = len(spelled(tokenizer, model.prefix_id))
        before = [start[first:] if cut else start for start, cut in zip(before, begun.tolist(), strict=True)]
    data = Dataset.from_texts(texts, tokenizer, name=name)
    hidden = np.minimum(_inside(tokenizer, before, list(texts), data), data.lengths - 1)
    starts, ends = none, none
    if model is not None:
        data, starts, ends = without_doubles(data, model)
        hidden = np.minimum(np.maximum(hidden - starts, 0), data.lengths - 1)
    sizes = np.array([len(response) for _, response in pairs], dtype=np.int64)
    count = getattr(tokenizer, "count_control_tokens", None)
    typed = 0 if count is None else sum(map(count, texts)) - int((starts + ends).sum())
    return Dialogues(
        replace(data, num_bytes=None, response_bytes=sizes), hidden, int(sizes.sum()), int((begun + starts).sum()),
        int((ended + ends).sum()), typed,
    )  # fmt: skip


def of_tokens(lists: Sequence[Sequence[int]], hidden: Sequence[int], model: LanguageModel, name: str = "") -> Dialogues:
    """Return pairs that are tokens already, as a model drew them: no text is made of them and cut again.

    Args:
        lists: the tokens of each prompt and its response, without prefix and EOS.
        hidden: how many of each are the prompt's.
        model: whose tokens they are.
        name: a label for tables.
    """
    tokenizer = model.tokenizer
    most = max((max(one, default=0) for one in lists), default=0)
    if (
        tokenizer is not None and most >= tokenizer.vocab_size
    ):  # a model may have more outputs than its tokenizer tokens
        tokenizer = None
    size = model.vocab_size if tokenizer is None else tokenizer.vocab_size
    data = Dataset.from_token_lists(lists, size, tokenizer=tokenizer, name=name)
    if model.tokenizer is None:
        return Dialogues(data, np.array(hidden, dtype=np.int64), 0)
    sizes = [len(model.decode(tokens[start:])) for tokens, start in zip(lists, hidden, strict=True)]
    return Dialogues(data, np.array(hidden, dtype=np.int64), sum(sizes))


def _inside(tokenizer: Tokenizer, prompts: Sequence[bytes], texts: Sequence[bytes], data: Dataset) -> NDArray[np.int64]:
    """Return how many tokens of each text lie wholly inside its prompt."""
    found = np.zeros(len(texts), dtype=np.int64)
    find = getattr(tokenizer, "token_places", None)
    places = find(texts) if find is not None else None
    for i, prompt in enumerate(prompts):
        if not prompt:
            continue
        tokens = data[i]
        if places is not None and places[i] is not None and len(places[i]) == tokens.size:
            limit = len(prompt.decode("utf-8", "replace"))
            outside = np.flatnonzero(as_array([end for _, end in places[i]]) > limit)
            found[i] = outside[0] if outside.size else tokens.size
        else:
            alone = tokenizer.encode(prompt)
            size = min(alone.size, tokens.size)
            differ = np.flatnonzero(alone[:size] != tokens[:size])
            found[i] = differ[0] if differ.size else size
    return found


def response_bits(model: LanguageModel, dialogues: Dialogues) -> float:
    """Return the bits of all responses and their EOS under a model, given their prompts.

    Raises:
        MismatchedVocabulary: dialogues that are not in the model's tokens.
    """
    scores = score(dialogues.reader(model), dialogues.data, eos=dialogues.ends, fingerprint="")
    return scores.after(dialogues.hidden).total_bits
