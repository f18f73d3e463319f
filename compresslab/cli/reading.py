"""Reading the files of a command, all through one door and with one tokenizer."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from compresslab._support.piping import named
from compresslab._support.printable import printable
from compresslab.data.choice import DataChoice, choice_for_role
from compresslab.data.dataset import Dataset
from compresslab.data.door import ReadData, read_data
from compresslab.data.texts import Texts
from compresslab.data.tokenizers import Tokenizer, get_tokenizer
from compresslab.errors import InvalidParameter

__all__ = ["labelled", "read_each", "read_each_role", "reading_notes"]


def labelled(given: str, form: str = "NAME=FILE", never: str = "/") -> tuple[str, str]:
    """Return the name that something is given, and what it is; "" where it is given none.

    Args:
        given: what a user typed; the path of a file that is there may hold the sign itself.
        form: how it is written, for the error.
        never: characters that no name has: what holds one before the sign has no name.

    Raises:
        InvalidParameter: nothing stands before the sign, or behind it.

    Example:
        >>> labelled("base=hf:gpt2"), labelled("tree:a=b", never=":/"), labelled("./a=b")
        (('base', 'hf:gpt2'), ('', 'tree:a=b'), ('', './a=b'))
    """
    label, equals, rest = given.partition("=")
    if not equals or os.path.exists(given) or any(sign in label for sign in never):
        return "", given
    if not label.strip() or not rest.strip():
        raise InvalidParameter(f"{given!r} is not of the form {form}: give both")
    return label, rest


def read_each(
    paths: Sequence[Path], tokenizer: str, split: str | None, options: Sequence[str]
) -> tuple[list[Dataset], list[ReadData]]:
    """Read each path as a dataset of its own, all with one tokenizer; options as `data_options` gives them."""
    choice = choice_for_role(options)
    return _as_datasets([read_data(path, choice, unit=split) for path in paths], tokenizer)


def read_each_role(
    paths: Sequence[tuple[str, Path]], tokenizer: str, split: str | None, options: Sequence[str], roles: Sequence[str]
) -> tuple[list[Dataset], list[ReadData]]:
    """Read each path of a role; options may be meant for one role."""
    choices: dict[str, DataChoice] = {role: choice_for_role(options, role, roles) for role in roles}
    return _as_datasets([read_data(path, choices[role], unit=split) for role, path in paths], tokenizer)


def _as_datasets(found: list[ReadData], tokenizer: str) -> tuple[list[Dataset], list[ReadData]]:
    texts = Texts.concat([one.responses for one in found]) if tokenizer == "words" else None
    shared: str | Tokenizer = get_tokenizer(tokenizer, texts)
    count = getattr(shared, "count_control_tokens", None)
    if count is not None:
        found = [replace(one, control_tokens=sum(map(count, one.responses))) for one in found]
    return [Dataset.from_read(one, shared) for one in found], found


def reading_notes(found: Sequence[ReadData], *, with_model: bool = False) -> Iterator[str]:
    """Yield how each dataset was read, and what was left out or not counted; nothing of plain texts read whole."""
    for one in found:
        if one.control_tokens:
            what = named(one.label) or "data"
            yield printable(f"{what}: texts spell control tokens, {one.control_tokens:,} in all, read as characters.")
        if one.prompts is None and not any(one.left_out.values()) and one.how.startswith("text by"):
            continue
        prompts = ""
        if one.prompts is not None:
            role = "are context" if with_model else "are not counted"
            prompts = f"; {one.prompt_bytes:,} bytes of prompts {role}"
        yield printable(f"{one}{prompts}.")
