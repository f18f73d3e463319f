r"""Prompts and their responses, read from files. Training and code lengths count the response; the prompt is context.

====================  ==============================================================================================
a file with fields    prompts and responses as `compresslab.data.door` reads them
an embedded corpus    its sentences: the first third of the words is the prompt, what follows the response
a text                its lines, in the same way
====================  ==============================================================================================

Bytes are kept: no pair is stripped of white space.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from compresslab.data.choice import choice_for_role
from compresslab.data.door import read_data
from compresslab.data.texts import Texts
from compresslab.data.turns import Turn
from compresslab.errors import InvalidParameter
from compresslab.experiments.data.layouts import check_ends
from compresslab.experiments.data.neutral_text import is_embedded
from compresslab.experiments.data.tuning_texts import read_source
from compresslab.lm.documents import Layout, documents_of
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.lm.prompts import Dialogues, Pair, lay_out, response_bits

__all__ = [
    "Dialogues",
    "Pair",
    "ReadPairs",
    "lay_out",
    "lay_out_pairs",
    "pairs_digest",
    "pairs_of",
    "read_pairs",
    "response_bits",
]

FEW = 4  # words that a text needs, to be cut into a prompt and a response


@dataclass(frozen=True)
class ReadPairs:
    """Pairs of a source: what is used, and what was left out.

    Attributes:
        pairs: the different pairs, in the source's order.
        how: what the source was read as.
        rows: how many rows it had.
        left_out: why pairs or rows were left out -> how many.
        talks: pairs that stand in a conversation -> its turns, the response the last of them.
    """

    pairs: tuple[Pair, ...]
    how: str
    rows: int
    left_out: Mapping[str, int]
    talks: Mapping[Pair, tuple[Turn, ...]] = field(default_factory=dict)


def read_pairs(source: str, options: Sequence[str] = ()) -> list[Pair]:
    """Return the different pairs of a source, in its order; see `pairs_of`.

    Example:
        >>> (b"LATIN", b"CAPITAL LETTER B") in read_pairs("names")
        True
    """
    return list(pairs_of(source, options).pairs)


def pairs_of(source: str, options: Sequence[str] = ()) -> ReadPairs:
    """Read the pairs of a source; see the top of this file. Pairs with a blank part are left out, and repeated ones.

    Args:
        source: an embedded corpus, or a file.
        options: what of it, as `compresslab.data.choice.data_options` gives them.

    Raises:
        UnreadableFile: neither an embedded corpus nor a file.
        InvalidParameter: rows without prompts, or that can be read in several ways.
        CorruptFile: a damaged file.
    """
    pairs: list[Pair]
    if is_embedded(source):
        texts = read_source(source)
        how, rows, left = "an embedded corpus", len(texts), Counter[str]()
        prompts, turns = None, None
    else:
        found = read_data(source, choice_for_role(options))
        texts, prompts, turns = found.responses, found.prompts, found.conversations
        how, rows, left = found.how, found.rows, Counter(found.left_out)
        if prompts is None and not how.startswith("text"):
            raise InvalidParameter(
                f"{source} is {how}, which has no prompts: name their field with --prompt-field and that of the "
                "responses with --response-field"
            )
    talks: dict[Pair, tuple[Turn, ...]] = {}
    if prompts is None:
        cut = [_cut(text) for text in texts]
        pairs = [one for one in cut if one is not None]
        left["of fewer than four words"] += len(cut) - len(pairs)
    else:
        every = list(zip(prompts, texts, strict=True))
        pairs = [(prompt, response) for prompt, response in every if prompt.strip() and response.strip()]
        left["without a prompt"] += len(every) - len(pairs)
        for pair, talk in zip(every, turns or (), strict=False):
            if talk is not None:
                talks.setdefault(pair, talk)
    different = tuple(dict.fromkeys(pairs))
    left["repeated"] += len(pairs) - len(different)
    return ReadPairs(different, how, rows, {why: count for why, count in left.items() if count}, talks)


def lay_out_pairs(
    pairs: Sequence[Pair], model: HuggingFaceModel, talks: Mapping[Pair, tuple[Turn, ...]], template: str = "auto"
) -> Dialogues:
    """Put pairs into a model's tokens, those that stand in a conversation by the chat template.

    Args:
        pairs: prompts and responses.
        model: the model.
        talks: the conversations, as `ReadPairs` has them.
        template: as of `compresslab.lm.documents.Layout`.

    Raises:
        InvalidParameter: the template cannot be used, or writes nothing that ends a response.
    """
    prompts, responses = (Texts.pack([pair[i] for pair in pairs]) for i in (0, 1))
    laid, _ = documents_of(model, responses, prompts, [talks.get(pair) for pair in pairs], Layout(template))
    check_ends(laid)
    return laid


def _cut(text: bytes) -> Pair | None:
    words = text.split()
    if len(words) < FEW:
        return None
    at = len(words) // 3
    return b" ".join(words[:at]), b" ".join(words[at:])


def pairs_digest(pairs: Iterable[Pair]) -> str:
    """Return the SHA-256 of pairs, in order."""
    digest = hashlib.sha256()
    for prompt, response in pairs:
        digest.update(f"{len(prompt)} {len(response)} ".encode() + prompt + response)
    return digest.hexdigest()
