"""What a ``tokenizer.json`` may ask of the tokenizers library, which ends the process where it is asked for too much.

That library takes memory as the file says, for every token up to the largest number, and an allocation that fails in it
ends the whole process. So numbers and lengths are compared with limits, far above those of any model, before it reads
the file.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Final

from compresslab._support.json_text import DEEPEST, nesting
from compresslab.errors import CorruptFile

__all__ = ["GROWTH_MOST", "TOKENS_MOST", "TOKEN_MOST", "check_definition", "check_tokens"]

TOKENS_MOST: Final = 1 << 22
"""Numbers of tokens are below that: the library lists each number that is not used."""

TOKEN_MOST: Final = 1 << 12
"""Characters of a token, at most: it keeps a node for each, one within the other."""

GROWTH_MOST: Final = 1 << 10
"""Times that all replacements of a normalizer or decoder, one after the other, may make a text longer."""


def check_definition(text: str) -> None:
    """Raise CorruptFile where a ``tokenizer.json`` is not JSON, names a thing twice, or asks for more than the limits.

    The error says what is wrong, and not of which file.
    """
    depth = nesting(text, DEEPEST)
    if depth > DEEPEST:
        raise CorruptFile(f"it is nested {depth:,} levels deep, more than {DEEPEST}")
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except CorruptFile:
        raise
    except ValueError as error:  # also a whole number of more digits than Python reads
        raise CorruptFile(f"it is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise CorruptFile("it is not a JSON object")
    model = found.get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if isinstance(vocabulary, dict):
        check_tokens(vocabulary.items())
    elif isinstance(vocabulary, list):  # of pieces and their scores, numbered by their places
        pieces = (piece[0] for piece in vocabulary if isinstance(piece, list) and piece)
        check_tokens((piece, number) for number, piece in enumerate(pieces))
    added = found.get("added_tokens")
    if isinstance(added, list):
        tokens = (token for token in added if isinstance(token, dict))
        check_tokens((token.get("content"), token.get("id")) for token in tokens)
    for part in ("normalizer", "decoder"):
        _check_growth(part, found.get(part))
    for item in _objects(found.get("normalizer")):
        if item.get("type") == "Precompiled":
            _check_table(item.get("precompiled_charsmap"))
        _check_added("its normalizer", item.get("prepend"))
    for key in ("continuing_subword_prefix", "end_of_word_suffix"):
        _check_added("its model", model.get(key) if isinstance(model, dict) else None)


def check_tokens(tokens: Iterable[tuple[Any, Any]]) -> None:
    """Raise CorruptFile for a token whose number or spelling is above the limits; other types are left to the library.

    Args:
        tokens: spelling and number of each.
    """
    for spelling, number in tokens:
        if isinstance(number, int | float) and number >= TOKENS_MOST:
            raise CorruptFile(
                f"a token has the number {str(number)[:30]}, and tokens are read up to {TOKENS_MOST - 1:,}: give it a "
                "lower one"
            )
        if isinstance(spelling, str) and len(spelling) > TOKEN_MOST:
            raise CorruptFile(
                f"a token, {spelling[:20]!r}..., has {len(spelling):,} characters, and tokens are read up to "
                f"{TOKEN_MOST:,}: shorten it"
            )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object as a dict; one that names a thing twice could be read in two ways."""
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise CorruptFile(f"it names {twice[:60]!r} twice: remove one of them")
    return made


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a value."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        inside = value.values() if isinstance(value, dict) else value
        yield from chain.from_iterable(_objects(one) for one in inside if isinstance(one, dict | list))


def _check_growth(part: str, value: Any) -> None:
    growth = 1
    for item in _objects(value):
        if item.get("type") != "Replace" or not isinstance(item.get("content"), str):
            continue
        pattern = item.get("pattern")
        plain = pattern.get("String") if isinstance(pattern, dict) else None
        content = len(item["content"].encode("utf-8", "surrogatepass"))
        if plain == "":  # found between any two characters
            growth *= 1 + content
        else:
            growth *= max(1, -(-content // len(plain.encode("utf-8", "surrogatepass"))) if plain else content)
        if growth > GROWTH_MOST:
            raise CorruptFile(
                f"the replacements of its {part} can make a text {growth:,} times as long, and {GROWTH_MOST:,} times "
                "is the most that is read: shorten what they put in"
            )


def _check_added(what: str, text: Any) -> None:
    """Check the length of what is put before or behind every text or word."""
    if isinstance(text, str) and len(text) > TOKEN_MOST:
        raise CorruptFile(
            f"{what} adds {len(text):,} characters to every text, and {TOKEN_MOST:,} are the most that are read: "
            "shorten it"
        )


def _check_table(text: Any) -> None:
    """Check the length that a table of characters claims, the first 4 bytes of it, against the bytes that it has."""
    if not isinstance(text, str):
        return
    try:
        claimed = int.from_bytes(base64.b64decode(text[:8].encode())[:4], "little")
    except (binascii.Error, ValueError):
        return  # the library says what is wrong with it
    if claimed < 4:
        raise CorruptFile(f"its precompiled_charsmap has a table of {claimed} bytes, which is none: restore the file")
    if claimed > len(text) // 4 * 3:
        raise CorruptFile(
            f"its precompiled_charsmap claims a table of {claimed:,} bytes, and has {len(text) // 4 * 3:,} in all: it "
            "was cut or damaged, restore the file"
        )
