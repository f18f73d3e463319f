"""What the files of a tokenizer say: how its special tokens are called, its chat template, which tokens are its own."""

from __future__ import annotations

import json
from os.path import isfile  # false, not an error, for a name that is too long
from pathlib import Path
from typing import Any

from compresslab._support.files import read_buffer
from compresslab._support.json_text import read_json
from compresslab.errors import CorruptFile

__all__ = ["TEMPLATE_FILE", "named_template", "special_tokens", "without_invented", "written_template"]

TEMPLATE_FILE = "chat_template.jinja"
_FILES = ("special_tokens_map.json", "tokenizer_config.json")  # the later one counts
_KINDS = ("eos_token", "bos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token")


def _read(path: Path, what: str) -> dict[str, Any]:
    try:
        held = read_json(path)
    except CorruptFile as error:
        raise CorruptFile(f"{error}: it says {what}") from error
    return held if isinstance(held, dict) else {}


def special_tokens(folder: Path) -> dict[str, str]:
    """Return how the special tokens of a tokenizer are called: "eos_token" -> its spelling.

    Raises:
        CorruptFile: a file that is not JSON.
    """
    found: dict[str, str] = {}
    for file in _FILES:
        if not isfile(folder / file):
            continue
        held = _read(folder / file, "how the tokenizer's special tokens are called")
        for key in _KINDS:
            value = held.get(key)
            text = value.get("content") if isinstance(value, dict) else value
            if isinstance(text, str):
                found[key] = text
    return found


def written_template(folder: Path) -> str | None:
    """Return the chat template that lies beside a ``tokenizer.json``, as transformers looks for it; None without one.

    Raises:
        CorruptFile: a file that is not JSON, or not text.
    """
    if isfile(folder / TEMPLATE_FILE):
        try:
            return read_buffer(folder / TEMPLATE_FILE).tobytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise CorruptFile(f"{folder / TEMPLATE_FILE} is not UTF-8: restore the file") from error
    for file in ("tokenizer_config.json", "chat_template.json"):
        if isfile(folder / file):
            found = named_template(_read(folder / file, "what the chat template is").get("chat_template"))
            if found is not None:
                return found
    return None


def named_template(value: Any) -> str | None:
    """Return a chat template out of what names it: a text, or several with names, of which "default" counts.

    Example:
        >>> named_template([{"name": "tool_use", "template": "a"}, {"name": "default", "template": "b"}])
        'b'
        >>> named_template({"default": "b"}), named_template(None)
        ('b', None)
    """
    if isinstance(value, list):
        value = {one.get("name"): one.get("template") for one in value if isinstance(one, dict)}
    if isinstance(value, dict):
        value = value.get("default")
    return value if isinstance(value, str) else None


def without_invented(fast: Any) -> Any:
    """Return the tokenizer of a GGUF file without tokens that are not in the file, which no model has a logit for.

    A file lists all its tokens; a class of transformers adds its own unknown token behind them where it is not there.
    """
    from tokenizers import Tokenizer

    held = json.loads(fast.to_str())
    listed = fast.get_vocab_size(with_added_tokens=False)
    kept = [token for token in held["added_tokens"] if token["id"] < listed]
    if len(kept) == len(held["added_tokens"]):
        return fast
    return Tokenizer.from_str(json.dumps(held | {"added_tokens": kept}))
