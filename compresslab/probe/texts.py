"""Data of a probe in a model's tokens: examples in a seeded order, the tokens that count, and groups of responses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import Int64Array
from compresslab.data.dataset import Dataset
from compresslab.data.door import ReadData
from compresslab.data.texts import Texts, as_bytes
from compresslab.errors import EmptyDataset, InvalidParameter, MismatchedVocabulary
from compresslab.lm.curriculum import Curriculum, Source, make_curriculum
from compresslab.lm.documents import Layout, documents_of
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.lm.prompts import Dialogues
from compresslab.lm.scoring import check_tokens
from compresslab.lm.windows import batches
from compresslab.probe.settings import ProbeSettings

__all__ = ["Given", "ProbeData", "dealt_groups", "dialogues_of", "every_window", "longest_example", "prepare"]

Text: TypeAlias = str | bytes
Given: TypeAlias = Dataset | Dialogues | ReadData | Iterable[Text | tuple[Text, Text]]


@dataclass(frozen=True, eq=False)
class ProbeData:
    """One dataset.

    Attributes:
        name: unique in a probe.
        role: "pretrain", "align", "other" or "perturb".
        dialogues: its tokens, and how many of each response are a prompt's.
        stream: every window once, in the order in which a perturbation is trained; what a prompt is does not count.
        group: int64, shape (number of responses,): the group of each, from 0 on.
        layout: a sentence on the chat template; empty where there is nothing to say.
        width: 2 for pairs, chosen and rejected in turn in ``stream``, whose objective is the DPO loss; else 1.
        reference: of pairs, the code length of each response under the reference model, nats; None before it is known.
        beta: of pairs, DPO's.
    """

    name: str
    role: str
    dialogues: Dialogues
    stream: Curriculum
    group: Int64Array
    layout: str = ""
    width: int = 1
    reference: NDArray[np.float64] | None = None
    beta: float = 0.0

    @property
    def objective(self) -> str:
        """What is measured of it."""
        return "code length" if self.width == 1 else "dpo"

    @property
    def unit(self) -> str:
        """What a mean is taken over."""
        return "token" if self.width == 1 else "pair"

    @property
    def responses(self) -> int:
        """How many there are; of pairs, how many pairs."""
        return self.group.size

    @property
    def symbols(self) -> int:
        """Tokens that count, each response's EOS among them; of pairs, how many pairs."""
        return int(self.stream.plan.new.sum()) if self.width == 1 else self.responses

    def of(self, rows: NDArray[np.intp]) -> Int64Array:
        """Return the response that each example is of; of pairs, the pair of each two examples."""
        found: Int64Array = self.stream.plan.document[rows[:: self.width]] // self.width
        return found

    @property
    def num_bytes(self) -> int | None:
        """Bytes of the responses; None where they came as bare tokens."""
        return self.dialogues.num_bytes or None

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return int(self.group.max()) + 1

    def batches(self, size: int, group: int) -> Iterator[NDArray[np.intp]]:
        """Give the examples of a group of responses, ``size`` (pairs: twice as many) at a time, each once."""
        rows, most = np.flatnonzero(self.group[self.stream.plan.document // self.width] == group), size * self.width
        for start in range(0, rows.size, most):
            yield rows[start : start + most]

    def left_over(self, size: int) -> Iterator[NDArray[np.intp]]:
        """Give the examples that `batches` of all groups have in batches below ``size``, in whole ones.

        The last one is filled up from the first example on, as in training.
        """
        most = size * self.width
        short = [rows for group in range(self.groups) for rows in self.batches(size, group) if rows.size < most]
        rows = np.sort(np.concatenate([np.zeros(0, dtype=np.intp), *short]))
        filling = np.arange(-rows.size % most) % len(self.stream)
        yield from np.append(rows, filling).reshape(-1, most)

    def everything(self, tokens: int) -> Iterator[NDArray[np.intp]]:
        """Give all examples, each once, as many at a time as ``tokens`` allows."""
        if self.width == 1:
            yield from batches(self.stream.plan, tokens)
            return
        most = self.width * max(1, tokens // (self.width * int(self.stream.plan.size.max())))
        for start in range(0, len(self.stream), most):
            yield np.arange(start, min(len(self.stream), start + most))

    def step(self, number: int, size: int) -> NDArray[np.intp]:
        """Return the examples of a step, from 0 on; after the last example comes the first one again."""
        return np.arange(number * size, (number + 1) * size) % len(self.stream)


def prepare(model: HuggingFaceModel, name: str, role: str, given: Given, settings: ProbeSettings) -> ProbeData:
    """Put data into a model's tokens.

    Args:
        model: the model.
        name: for the data.
        role: likewise.
        given: a dataset in the model's tokens, dialogues, what the data's door has read, or texts; a pair is a prompt
            and its response.
        settings: of the probe.

    Raises:
        EmptyDataset: no responses.
        MismatchedVocabulary: other tokens than the model's.
    """
    dialogues, said = _dialogues(model, name, given, settings)
    check_tokens(model, dialogues.data)
    every = every_window(model, name, dialogues, settings)
    dealt = dealt_groups(len(dialogues.data), settings)
    return ProbeData(name, role, dialogues, every.hiding(dialogues.hidden), dealt, said)


def longest_example(model: HuggingFaceModel, settings: ProbeSettings) -> int:
    """Return how many tokens an example has at most."""
    return settings.length if model.context is None else min(settings.length, model.context)


def every_window(model: HuggingFaceModel, name: str, laid: Dialogues, settings: ProbeSettings) -> Curriculum:
    """Return every window of data once, in a seeded order; its prompts are not hidden yet."""
    return make_curriculum(
        {name: Source(laid.data, 1.0)}, length=longest_example(model, settings), examples=None, seed=settings.seed,
        eos_id=model.eos_id if laid.eos_id is None else laid.eos_id,
        prefix_id=model.prefix_id if laid.prefix_id is None else laid.prefix_id, ends=laid.ends,
    )  # fmt: skip


def dealt_groups(count: int, settings: ProbeSettings) -> Int64Array:
    """Return the group of each response, dealt in a seeded order."""
    dealt = np.empty(count, dtype=np.int64)
    order = np.random.default_rng([settings.seed, 1]).permutation(count)
    dealt[order] = np.arange(count) % min(settings.groups, count)
    return dealt


def dialogues_of(model: HuggingFaceModel, name: str, given: Given, settings: ProbeSettings) -> Dialogues:
    """Return data in a model's tokens, and what of it is context alone; as for `prepare`."""
    return _dialogues(model, name, given, settings)[0]


def _dialogues(model: HuggingFaceModel, name: str, given: Given, settings: ProbeSettings) -> tuple[Dialogues, str]:
    if isinstance(given, Dialogues):
        return given, ""
    if isinstance(given, Dataset):
        return Dialogues(given, np.zeros(len(given), dtype=np.int64), given.num_bytes or 0), ""
    if isinstance(given, str | bytes):
        raise InvalidParameter(f"'{name}' is one text: give a list of texts, each a response")
    if not isinstance(given, ReadData | Iterable):
        raise InvalidParameter(f"'{name}' is a list of texts, or of pairs of a prompt and a response: not {given!r}")
    if model.tokenizer is None:
        raise MismatchedVocabulary(
            f"'{model.name}' is a model over bare numbers: it has no tokenizer to read '{name}' with"
        )
    layout = Layout(settings.template)
    if isinstance(given, ReadData):
        return documents_of(model, given.responses, given.prompts, given.conversations, layout, name)
    pairs = [_pair(name, one) for one in given]
    if not pairs:
        raise EmptyDataset(f"'{name}' has no responses: a dataset needs at least one")
    prompts, responses = (Texts.pack(column) for column in zip(*pairs, strict=True))
    return documents_of(model, responses, prompts if prompts.buffer.size else None, None, layout, name)


def _pair(name: str, one: object) -> tuple[bytes, bytes]:
    if isinstance(one, str | bytes):
        return b"", as_bytes(one)
    if isinstance(one, tuple) and len(one) == 2 and all(isinstance(part, str | bytes) for part in one):
        return as_bytes(one[0]), as_bytes(one[1])
    if isinstance(one, tuple) and len(one) == 3:
        raise InvalidParameter(
            f"'{name}' holds pairs of responses (prompt, chosen, rejected): a probe takes them as alignment data with "
            "align_loss='dpo' (--align-loss dpo); else leave one of the two responses out"
        )
    raise InvalidParameter(f"'{name}' holds texts, or pairs of a prompt and a response: not {one!r}")
