r"""Conversations in a model's tokens, as its chat template lays them out: which tokens are context, and which count.

Each response is a document: the conversation up to it, rendered, and cut where the response ends. What comes before is
context alone, so every response counts once::

    tokens     [<|im_start|>][user][\n][Boil rice?][<|im_end|>][\n][<|im_start|>][assistant][\n][Yes.][<|im_end|>]
    prefix      ^^^^^^^^^^^^
    context                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    counted                                                                                 ^^^^^^^^^^^^^^^^^^

A template writes the tokens that begin and end a document itself. So its own first token is the prefix, which is given
and never predicted, and the token that ends the model's turn is EOS, where every document has the same; none is put
beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compresslab._support.arrays import offsets_of
from compresslab.data.dataset import Dataset
from compresslab.data.hugging_face_tokenizer import HuggingFaceTokenizer
from compresslab.data.templates import ChatTemplate, Rendered, render
from compresslab.data.turns import Turn
from compresslab.errors import InvalidParameter
from compresslab.lm.prompts import Dialogues
from compresslab.lm.protocol import LanguageModel

__all__ = ["lay_out_chats"]


def lay_out_chats(
    conversations: Sequence[Sequence[Turn]],
    model: LanguageModel,
    tokenizer: HuggingFaceTokenizer,
    template: ChatTemplate,
    name: str = "",
    *,
    keep_prefix: bool = False,
    keep_eos: bool = False,
) -> Dialogues:
    """Put conversations, each of which ends in a response, into a model's tokens.

    Args:
        conversations: the turns up to each response.
        model: the model.
        tokenizer: the model's, which reads control tokens in turns as characters, or as such.
        template: what lays them out.
        name: a label for tables and errors.
        keep_prefix: begin each document with the model's prefix, even where the template begins with another token.
        keep_eos: end each with the model's EOS, even where the template ends turns with another token.

    Raises:
        InvalidParameter: the template cannot be used with a conversation, or the tokenizer not with templates.
        NotText: a turn that holds characters of private use which stand for control tokens.
    """
    rendered = render(template, conversations, name or "the data")
    typed = np.array([one.typed for one in rendered], dtype=np.int64)
    tokens: list[np.ndarray] = []
    hidden = np.zeros(len(rendered), dtype=np.int64)
    exact = True
    for some in (False, True):
        places = np.flatnonzero((typed > 0) == some).tolist()
        texts = [rendered[i].text for i in places]
        for i, (ids, where) in zip(places, tokenizer.encode_rendered(texts, some), strict=True):
            hidden[i], last = _counted(rendered[i], where, f"response {i + 1} of {name or 'the data'}")
            full = np.array(ids, dtype=np.int64)
            tokens.append(full[:last])
            text = tokenizer.names.reveal(rendered[i].text) if some else rendered[i].text
            exact = exact and tokenizer.decode(full) == text.encode()
    order = np.argsort(np.concatenate([np.flatnonzero(typed == 0), np.flatnonzero(typed > 0)]))
    return _as_dialogues(
        [tokens[i] for i in order.tolist()], hidden, conversations, model, tokenizer, template, name, int(typed.sum()),
        exact, keep_prefix=keep_prefix, keep_eos=keep_eos,
    )  # fmt: skip


def _counted(one: Rendered, places: Sequence[tuple[int, int]], what: str) -> tuple[int, int]:
    """Return which tokens hold a character of the response: from which one, to behind which one."""
    first = next((i for i, (_, end) in enumerate(places) if end > one.start), len(places))
    last = next((i for i in range(first, len(places)) if places[i][0] >= one.end), len(places))
    if first == last:
        raise InvalidParameter(f"{what} has no token in the rendered conversation: leave it out, or the template")
    return first, last


def _as_dialogues(
    tokens: list[np.ndarray],
    hidden: np.ndarray,
    conversations: Sequence[Sequence[Turn]],
    model: LanguageModel,
    tokenizer: HuggingFaceTokenizer,
    template: ChatTemplate,
    name: str,
    typed: int,
    exact: bool,
    *,
    keep_prefix: bool,
    keep_eos: bool,
) -> Dialogues:
    """Take the tokens that begin and end the documents as prefix and EOS."""
    prefix = _shared([int(one[0]) for one in tokens], tokenizer)
    if prefix is None or not hidden.all() or (keep_prefix and prefix != model.prefix_id):
        prefix = None
    start = model.prefix_id if prefix is None else prefix
    eos = _shared([int(one[-1]) for one in tokens], tokenizer)
    ends = eos is not None
    if keep_eos and eos != model.eos_id:
        eos, ends = None, True
    begun = np.array([int(one[0]) == start and gone > 0 for one, gone in zip(tokens, hidden, strict=True)])
    bare = [one[int(cut) : one.size - (eos is not None)] for one, cut in zip(tokens, begun, strict=True)]
    sizes = np.array([len(turns[-1].text) for turns in conversations], dtype=np.int64)
    data = Dataset(
        np.concatenate(bare), offsets_of([one.size for one in bare]), tokenizer.vocab_size, tokenizer=tokenizer,
        name=name, response_bytes=sizes, exact=exact,
    )  # fmt: skip
    hidden = hidden - begun
    return Dialogues(
        data, hidden, int(sizes.sum()), int(begun.sum()), len(tokens) if eos is not None else 0, typed, template,
        prefix, eos, ends,
    )  # fmt: skip


def _shared(tokens: Sequence[int], tokenizer: HuggingFaceTokenizer) -> int | None:
    """Return the control token that all of some tokens are; None where they are not one."""
    first = tokens[0]
    return first if first in tokenizer.control_ids and all(one == first for one in tokens) else None
