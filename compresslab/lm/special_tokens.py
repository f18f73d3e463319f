"""Which token starts a document for a model, and which ends it: one rule, where checkpoints say several things.

========  ==============================================================================================================
EOS       the one given; else the tokenizer's ``eos_token``; else the ``eos_token_id`` of the generation's settings;
          else that of the model's. A list of several without a tokenizer that says which is refused: only one is what
          the model ends a document with
prefix    the one given; else the tokenizer's ``bos_token``; else the ``bos_token_id`` of the generation's settings;
          else that of the model's; each unless it opens a turn of a chat (``<|im_start|>``), after which no plain text
          stands; else ``<|endoftext|>``, where the tokenizer has it; else EOS
========  ==============================================================================================================

Files that are coded by a model keep the rule that was before (``rule="config"``): the first id of the configuration.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from compresslab._support.arrays import Int64Array
from compresslab.data.texts import Texts
from compresslab.data.tokenizers import Tokenizer
from compresslab.errors import InvalidParameter, UnknownName

__all__ = ["RULES", "end_token", "spelled", "start_token", "without_spelled"]

RULES = ("tokenizer", "config")
OPENS_A_TURN = ("<|im_start|>", "<|start_header_id|>", "<start_of_turn>")
SEPARATOR = "<|endoftext|>"


def end_token(
    module: Any, tokenizer: Tokenizer | None, name: str, vocab_size: int, given: int | str | None, rule: str
) -> int:
    """Return EOS by the table above.

    Raises:
        InvalidParameter: there is none, or there are several; or the one given is not a token of the model.
        UnknownName: the tokenizer does not have the one given.
    """
    if given is not None:
        return _named(tokenizer, name, vocab_size, given, "eos_id")
    if rule == "tokenizer":
        own = _of_tokenizer(tokenizer, "eos_token", vocab_size)
        if own is not None:
            return own
    for source in _sources(module, rule):
        found = getattr(source, "eos_token_id", None)
        ids = [one for one in (found if isinstance(found, list | tuple) else [found]) if isinstance(one, int)]
        if len(set(ids)) > 1 and rule == "tokenizer":
            raise InvalidParameter(
                f"the model '{name}' has {len(set(ids))} end-of-sequence tokens ({', '.join(map(str, ids))}), and no "
                "tokenizer that says which one ends its documents: give it as eos_id=... (--eos-token)"
            )
        if ids:
            return _named(tokenizer, name, vocab_size, ids[0], "eos_id")
    raise InvalidParameter(
        f"the model '{name}' has no end-of-sequence token, so no document can end: give eos_id=... (--eos-token), or "
        "set eos_token_id in its config.json"
    )


def start_token(
    module: Any, tokenizer: Tokenizer | None, name: str, vocab_size: int, given: int | str | None, rule: str, eos: int
) -> int:
    """Return the prefix token by the table above; ``eos`` is what :func:`end_token` returned.

    Raises:
        InvalidParameter: the one given is not a token of the model.
        UnknownName: the tokenizer does not have the one given.
    """
    if given is not None:
        return _named(tokenizer, name, vocab_size, given, "prefix_id")
    configured = [
        one
        for source in _sources(module, rule)
        for found in [getattr(source, "bos_token_id", None)]
        for one in (found[:1] if isinstance(found, list | tuple) else [found])
        if isinstance(one, int)
    ]
    if rule == "config":
        return _named(tokenizer, name, vocab_size, configured[0], "prefix_id") if configured else eos
    own = _of_tokenizer(tokenizer, "bos_token", vocab_size)
    for one in ([own] if own is not None else []) + configured:
        if not _opens_a_turn(tokenizer, _named(tokenizer, name, vocab_size, one, "prefix_id")):
            return one
    separator = _id_of(tokenizer, SEPARATOR)
    return separator if separator is not None and separator < vocab_size else eos


def without_spelled(
    texts: Texts, tokenizer: Tokenizer, prefix_id: int, eos_id: int
) -> tuple[Texts, Int64Array, Int64Array]:
    """Return texts without the prefix token that they spell at their beginning, and without EOS at their end.

    A tokenizer that reads control tokens as such leaves both to `compresslab.lm.scoring.without_doubles`.

    Returns:
        The texts, and for each 1 where its beginning (its end) was left out, else 0; int64.
    """
    starts, ends = np.zeros(len(texts), dtype=np.int64), np.zeros(len(texts), dtype=np.int64)
    first, last = spelled(tokenizer, prefix_id), spelled(tokenizer, eos_id)
    if not first and not last:
        return texts, starts, ends
    found = []
    for i, text in enumerate(texts):
        bare = text.removeprefix(first)
        starts[i] = len(bare) < len(text)
        found.append(bare.removesuffix(last))
        ends[i] = len(found[-1]) < len(bare)
    return (Texts.pack(found) if starts.any() or ends.any() else texts), starts, ends


def spelled(tokenizer: Tokenizer, token: int) -> bytes:
    """Return the spelling of a control token that the tokenizer reads as characters; empty if it does not."""
    typed = token in getattr(tokenizer, "control_ids", ()) and not getattr(tokenizer, "control_tokens", True)
    return tokenizer.token_text(token).encode() if typed else b""


def _sources(module: Any, rule: str) -> Iterator[Any]:
    generation = getattr(module, "generation_config", None)
    yield from (module.config, generation) if rule == "config" else (generation, module.config)


def _id_of(tokenizer: Tokenizer | None, text: str) -> int | None:
    find = getattr(tokenizer, "token_id", None)
    return None if find is None else find(text)


def _of_tokenizer(tokenizer: Tokenizer | None, kind: str, vocab_size: int) -> int | None:
    text = getattr(tokenizer, kind, None)
    found = _id_of(tokenizer, text) if text else None
    return found if found is not None and found < vocab_size else None


def _opens_a_turn(tokenizer: Tokenizer | None, token: int) -> bool:
    return any(_id_of(tokenizer, text) == token for text in OPENS_A_TURN)


def _named(tokenizer: Tokenizer | None, name: str, vocab_size: int, given: int | str, argument: str) -> int:
    """Return the number of a token that is given by its number or its spelling."""
    option = {"eos_id": "--eos-token", "prefix_id": "--prefix-token"}[argument]
    token: int | None
    if isinstance(given, str):
        token = int(given) if given.isascii() and given.isdigit() else _id_of(tokenizer, given)
        if token is None:
            raise UnknownName(
                f"{argument} is {given!r}: the tokenizer of '{name}' has no such token; give another spelling or a "
                f"number ({option})"
            )
    else:
        token = given
    if not 0 <= token < vocab_size:
        raise InvalidParameter(f"{argument} is {token}: the model '{name}' has the tokens 0 to {vocab_size - 1}")
    return token
