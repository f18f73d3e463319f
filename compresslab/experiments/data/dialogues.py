r"""Prompts and their responses: read from files, laid out for a model, and what a response alone costs.

A dialogue is a prompt, a line feed and a response, in a model's tokens. Training and code lengths count the symbols of
the response and its EOS; the prompt is context. Sources of pairs:

====================  ==============================================================================================
``.jsonl``            objects with the fields ``prompt`` and ``response``
``.csv``              a column ``Question``, and ``Best Answer``, ``Correct Answers`` or both (several, by ``;``): the
                      layout of TruthfulQA; every different answer makes a pair
an embedded corpus    its sentences: the first third of the words is the prompt, what follows the response
any other file        its lines, in the same way
====================  ==============================================================================================
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compresslab._support.files import read_buffer
from compresslab.data.corpora import corpus_names
from compresslab.data.dataset import Dataset
from compresslab.data.readers import read_jsonl
from compresslab.data.tokenizers import Tokenizer
from compresslab.errors import CorruptFile, InvalidParameter
from compresslab.experiments.data.tuning_texts import read_source
from compresslab.lm.protocol import LanguageModel
from compresslab.lm.scoring import score

__all__ = ["Dialogues", "Pair", "lay_out", "pairs_digest", "read_pairs", "response_bits"]

Pair = tuple[bytes, bytes]  # prompt and response

ANSWERS = ("Best Answer", "Correct Answers")
FEW = 4  # words that a text needs, to be cut into a prompt and a response


@dataclass(frozen=True, eq=False)
class Dialogues:
    """Pairs in a model's tokens.

    Attributes:
        data: prompt, line feed and response of each pair.
        hidden: int64, shape ``(number of pairs,)``: the tokens of each prompt and its line feed, which do not count.
        num_bytes: bytes of all responses, without their prompts.
    """

    data: Dataset
    hidden: NDArray[np.int64]
    num_bytes: int

    @property
    def symbols(self) -> int:
        """Symbols that count: tokens of the responses, and one EOS each."""
        return int((self.data.lengths - self.hidden).sum())


def read_pairs(source: str) -> list[Pair]:
    """Return the pairs of a source, in its order; see the top of this file. Pairs with an empty part are left out.

    Raises:
        UnreadableFile: neither an embedded corpus nor a file.
        InvalidParameter: JSON lines or a table without the fields that it needs.
        CorruptFile: a damaged file.

    Example:
        >>> (b"LATIN", b"CAPITAL LETTER B") in read_pairs("names")
        True
    """
    if source.lower().endswith(".jsonl") and source not in corpus_names():
        prompts, responses = (read_jsonl(source, field).texts for field in ("prompt", "response"))
        pairs: Iterable[Pair] = zip(prompts, responses, strict=True)
    elif source.lower().endswith(".csv") and source not in corpus_names():
        pairs = _table(source)
    else:
        pairs = filter(None, map(_cut, read_source(source)))
    return list(dict.fromkeys((p.strip(), r.strip()) for p, r in pairs if p.strip() and r.strip()))


def _table(source: str) -> list[Pair]:
    try:
        text = read_buffer(source).tobytes().decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise CorruptFile(f"{source} is not a table of comma-separated UTF-8: {error}") from error
    columns = list(rows[0]) if rows else []
    answers = [name for name in ANSWERS if name in columns]
    if "Question" not in columns or not answers:
        raise InvalidParameter(
            f"{source} needs a column 'Question' and one of {', '.join(map(repr, ANSWERS))}: it has {columns}"
        )
    return [
        (row["Question"].encode(), answer.strip().encode())
        for row in rows
        for name in answers
        for answer in ((row[name] or "").split(";") if name == "Correct Answers" else [row[name] or ""])
    ]


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


def lay_out(pairs: Sequence[Pair], tokenizer: Tokenizer, name: str = "") -> Dialogues:
    """Put pairs into a model's tokens.

    A tokenizer may join the line feed with what follows; the tokens of the prompt are then counted without that.

    Raises:
        EmptyDataset: no pairs.

    Example:
        >>> from compresslab.data.tokenizers import get_tokenizer
        >>> found = lay_out([(b"hi", b"you")], get_tokenizer("bytes"))
        >>> found.data.lengths.tolist(), found.hidden.tolist(), found.num_bytes
        ([7], [3], 3)
    """
    data = Dataset.from_texts([prompt + b"\n" + response for prompt, response in pairs], tokenizer, name=name)
    prompts = np.array([len(tokenizer.encode(prompt + b"\n")) for prompt, _ in pairs], dtype=np.int64)
    return Dialogues(data, np.minimum(prompts, data.lengths - 1), sum(len(response) for _, response in pairs))


def response_bits(model: LanguageModel, dialogues: Dialogues) -> float:
    """Return the bits of all responses and their EOS under a model, given their prompts.

    Raises:
        MismatchedVocabulary: dialogues that are not in the model's tokens.
    """
    scores = score(model, dialogues.data)
    starts = scores.offsets[:-1] + dialogues.hidden
    counted = np.concatenate([scores.nats[a:b] for a, b in zip(starts, scores.offsets[1:], strict=True)])
    return float(counted.sum() / np.log(2))
