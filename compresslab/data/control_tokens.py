"""Control tokens as characters: a text that spells ``<|im_end|>`` does not control the model that reads it.

A definition is copied with every control token respelled in characters that no text has, of the same number::

    spelled in a text      <|im_end|>       read as its characters: the copy has no such token
    written by a template  <|im_end|>       respelled before it is encoded, hence read as the token, of the same number

So places in a text stay what they are, and one call encodes both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from compresslab.errors import NotText

__all__ = ["Respelling", "as_typed", "respelled_definition"]

_OURS, _TYPED = 0xF0000, 0x100000  # the planes of private use; control tokens by their place in a sorted list


@dataclass(frozen=True)
class Respelling:
    """How control tokens are respelled.

    Attributes:
        spellings: of the control tokens, each once.

    Example:
        >>> names = Respelling(("<|end|>",))
        >>> held = names.hide("typed <|end|>")
        >>> names.reveal(names.respell(f"{held}<|end|>"))[:13], names.count("<|end|><|end|>")
        ('typed <|end|>', 2)
    """

    spellings: tuple[str, ...]

    @cached_property
    def _found(self) -> re.Pattern[str]:
        longest_first = sorted(self.spellings, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    @cached_property
    def _hidden(self) -> dict[str, str]:
        return {_of_plane(_TYPED, i, text): text for i, text in enumerate(self.spellings)}

    @cached_property
    def new(self) -> Mapping[str, str]:
        """Return the new spelling of each."""
        return {text: _of_plane(_OURS, i, text) for i, text in enumerate(self.spellings)}

    def count(self, text: str) -> int:
        """Return how many control tokens a text spells."""
        return sum(1 for _ in self._found.finditer(text))

    def find(self, text: str, at: int) -> str | None:
        """Return the control token that is spelled at a place of a text; None where there is none."""
        found = self._found.match(text, at)
        return found.group() if found else None

    def clashes(self, text: str) -> bool:
        """Whether a text holds characters that stand for control tokens here."""
        return any(one[0] in text for one in (*self._hidden, *self.new.values()))

    def hide(self, text: str) -> str:
        """Return a text with the control tokens that it spells put out of a template's sight."""
        held = dict(zip(self._hidden.values(), self._hidden, strict=True))
        return self._found.sub(lambda found: held[found.group()], text)

    def respell(self, text: str) -> str:
        """Return a text with its control tokens respelled, so that the copy reads them as such."""
        return self._found.sub(lambda found: self.new[found.group()], text)

    def reveal(self, text: str) -> str:
        """Return a text with what `hide` put out of sight as it was."""
        signs = {hidden[0]: hidden for hidden in self._hidden}
        if not any(sign in text for sign in signs):
            return text
        for hidden, spelled in self._hidden.items():
            text = text.replace(hidden, spelled)
        return text


def _of_plane(plane: int, number: int, text: str) -> str:
    return chr(plane + number) * len(text)


def respelled_definition(definition: str, names: Respelling) -> str:
    """Return a ``tokenizer.json`` whose control tokens have their new spellings, under the numbers that they had."""
    held = json.loads(definition)
    held["post_processor"] = None  # ByteLevel's may trim white space off the places of tokens
    new, model = names.new, held["model"]
    vocabulary = model.get("vocab")
    if isinstance(vocabulary, dict):
        model["vocab"] = {new.get(token, token): number for token, number in vocabulary.items()}
    elif isinstance(vocabulary, list):
        model["vocab"] = [[new.get(piece, piece), score] for piece, score in vocabulary]
    if isinstance(model.get("unk_token"), str):
        model["unk_token"] = new.get(model["unk_token"], model["unk_token"])
    if isinstance(model.get("merges"), list):  # those that would put a control token together from its characters
        model["merges"] = [pair for pair in model["merges"] if not _makes(pair, new)]
    for token in held.get("added_tokens") or []:
        if token["content"] in new:
            token.update(content=new[token["content"]], normalized=False)
    return json.dumps(held)


def _makes(pair: Any, new: Mapping[str, str]) -> bool:
    parts = pair.split(" ") if isinstance(pair, str) else list(pair)
    return any(part in new for part in (*parts, "".join(parts)))


def as_typed(
    texts: Sequence[str], encodings: list[Any], control: frozenset[int], encode: Callable[[list[str]], list[Any]],
    names: Respelling,
) -> list[Any]:  # fmt: skip
    """Return encodings of texts in which what a text spells is characters; those without control tokens stay.

    Args:
        texts: the texts.
        encodings: of them, in which a control token that a text spells is one.
        control: the numbers of the control tokens.
        encode: by the copy.
        names: how it spells them.

    Raises:
        NotText: a text that holds the characters which stand for control tokens.
    """
    wrong = [i for i, one in enumerate(encodings) if not control.isdisjoint(one.ids)]
    if not wrong:
        return encodings
    if any(names.clashes(texts[i]) for i in wrong):
        raise NotText(
            "a text spells a control token, and holds characters of a plane of private use which stand for such tokens "
            "here: leave it out, or read control tokens as such (--control-tokens)"
        )
    found = list(encodings)
    for i, one in zip(wrong, encode([texts[i] for i in wrong]), strict=True):
        found[i] = one
    return found
