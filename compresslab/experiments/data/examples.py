"""Examples of a role: responses, with the prompts and the conversations that they stand in, where there are any."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from compresslab._support.arrays import Int64Array
from compresslab.data.cache import texts_digest
from compresslab.data.door import ReadData
from compresslab.data.texts import Texts
from compresslab.data.turns import Turn

__all__ = ["Examples"]

Turns = tuple[tuple[Turn, ...] | None, ...]


@dataclass(frozen=True, eq=False)
class Examples:
    r"""Responses and what stands before each.

    Attributes:
        responses: the texts that are learned and measured.
        prompts: what stands before each, as context; None where nothing stands before any.
        turns: the turns up to each response, which is the last of them; None for one of no conversation, and where
            there are none.

    Example:
        >>> pairs = Examples(Texts.pack(["yes", "no"]), Texts.pack(["sure?", ""]))
        >>> list(pairs.whole), pairs.sizes.tolist(), list(pairs.select(np.array([1])))
        ([b'sure?\nyes', b'no'], [9, 2], [b'no'])
    """

    responses: Texts
    prompts: Texts | None = None
    turns: Turns | None = None

    @classmethod
    def of(cls, read: ReadData) -> Examples:
        """Return the examples of what was read."""
        return cls(read.responses, read.prompts, read.conversations)

    @classmethod
    def concat(cls, parts: Iterable[Examples]) -> Examples:
        """Lay several examples one after the other."""
        held = list(parts)
        prompts, turns = None, None
        if any(one.prompts is not None for one in held):
            prompts = Texts.concat(one.prompts or Texts.pack([b""] * len(one)) for one in held)
        if any(one.turns is not None for one in held):
            turns = tuple(chain.from_iterable(one.turns or (None,) * len(one) for one in held))
        return cls(Texts.concat(one.responses for one in held), prompts, turns)

    @property
    def whole(self) -> Texts:
        """Each response with its prompt and a line feed before it: what pre-training reads."""
        if self.prompts is None:
            return self.responses
        pairs = zip(self.prompts, self.responses, strict=True)
        return Texts.pack(prompt + b"\n" + response if prompt else response for prompt, response in pairs)

    @property
    def sizes(self) -> Int64Array:
        """Bytes of each, its prompt and the line feed among them."""
        if self.prompts is None:
            return self.responses.lengths
        return self.responses.lengths + self.prompts.lengths + (self.prompts.lengths > 0)

    @property
    def asks(self) -> bool:
        """Whether anything stands before a response, which a chat template could lay out."""
        return self.prompts is not None or self.turns is not None

    def select(self, indices: npt.NDArray[np.intp]) -> Examples:
        """Return the examples at ``indices``, in that order."""
        turns = None if self.turns is None else tuple(self.turns[i] for i in indices.tolist())
        prompts = None if self.prompts is None else self.prompts.select(indices)
        return Examples(self.responses.select(indices), prompts, turns)

    def digest(self) -> str:
        """Return the SHA-256 of all of it; that of the responses where there is nothing else."""
        if not self.asks:
            return texts_digest(self.responses)
        found = hashlib.sha256(texts_digest(self.responses).encode())
        found.update(b"" if self.prompts is None else texts_digest(self.prompts).encode())
        for turns in self.turns or ():
            for turn in turns or ():
                found.update(f"{turn.role} {len(turn.text)} ".encode() + turn.text)
            found.update(b";")
        return found.hexdigest()

    def __len__(self) -> int:
        return len(self.responses)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.responses)
