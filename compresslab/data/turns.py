r"""Conversations: messages, ShareGPT's list, or HH-RLHF's turns in one string, as turns of a role and a text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from compresslab._support.json_text import parse_json
from compresslab.errors import CorruptFile, InvalidParameter, NotText, did_you_mean

__all__ = [
    "EARLIER",
    "SETTINGS",
    "Turn",
    "as_text",
    "earlier_turns",
    "hh_turns",
    "is_hh",
    "said",
    "settings_of",
    "turns_of",
]

SETTINGS = ("tools", "chat_template_kwargs")  # TRL's columns for the chat template, beside the messages
EARLIER = ("system", "history")  # columns of Alpaca's and ShareGPT's layouts: what was said before the rest of a row

_MODEL = ("assistant", "gpt", "chatgpt", "bot", "model")  # whose turns are responses
_OTHERS = ("user", "human", "prompter", "system", "developer", "tool", "function", "ipython", "observation")
_NAMES = dict.fromkeys(_MODEL, "assistant") | dict.fromkeys(("human", "prompter"), "user")  # as templates call them
_NOT_TEXT = ("tool_calls", "function_call", "reasoning_content", "reasoning", "thinking")  # templates write these too
_HH = re.compile(r"\n\n(Human|Assistant):[ ]?")


@dataclass(frozen=True)
class Turn:
    """One turn: who speaks, as chat templates call it, and what is said.

    The first turn of a conversation may be of the role "settings": nobody says it; it is JSON, of what the chat
    template is given beside the messages.
    """

    role: str
    text: bytes

    @property
    def is_response(self) -> bool:
        """Whether the model speaks."""
        return self.role == "assistant"

    @property
    def is_settings(self) -> bool:
        """Whether it is what the chat template is given, and not said by anyone."""
        return self.role == "settings"


def said(turns: Iterable[Turn]) -> bytes:
    """Return the texts of turns as a plain text has them, joined by line feeds."""
    return b"\n".join(turn.text for turn in turns if not turn.is_settings)


def settings_of(values: dict[str, Any], what: str) -> Turn | None:
    """Return what the chat template is given beside the messages, as a turn; None where that is nothing.

    Args:
        values: of `SETTINGS`, those that a row has: a list of tools, an object of other settings; or the JSON of one.
        what: the row, for errors.

    Raises:
        InvalidParameter: a value of another type.

    Example:
        >>> settings_of({"tools": '[{"name": "add"}]', "chat_template_kwargs": None}, "line 1")
        Turn(role='settings', text=b'{"tools": [{"name": "add"}]}')
        >>> settings_of({"tools": []}, "line 1") is None
        True
    """
    held = {}
    for name, given in values.items():
        value = _parsed(given, f"{name!r} of {what}")
        if value is None or value in ("", [], {}):
            continue
        kind = list if name == "tools" else dict
        if not isinstance(value, kind):
            wanted = "a list of tools" if kind is list else "an object"
            raise InvalidParameter(f"{name!r} of {what} is {_shown(value)}, not {wanted}: correct it, or leave it out")
        held[name] = _without_nulls(value)
    if not held:
        return None
    return Turn("settings", as_text(json.dumps(held, ensure_ascii=False), f"what stands beside the messages of {what}"))


def _parsed(value: Any, what: str) -> Any:
    """Return what the JSON of a text says, as a cell of a table holds a list; another text, or value, as it is."""
    if not isinstance(value, str | bytes) or not value.strip():
        return value
    try:
        return parse_json(as_text(value, what))
    except CorruptFile:
        return value


def earlier_turns(values: dict[str, Any], what: str) -> list[Turn]:
    """Return the turns that stand before a row's prompt in columns of their own; none where these are empty.

    Args:
        values: of `EARLIER`, those that a row has: the system's text, and pairs of a prompt and its response, or the
            JSON of such a list.
        what: the row, for errors.

    Raises:
        InvalidParameter: a value of another form.

    Example:
        >>> earlier_turns({"system": "Be brief.", "history": [["hi", "hello"]]}, "line 1")
        [Turn(role='system', text=b'Be brief.'), Turn(role='user', text=b'hi'), Turn(role='assistant', text=b'hello')]
        >>> earlier_turns({"system": "", "history": None}, "line 1")
        []
    """
    found = []
    if system := values.get("system"):
        found.append(Turn("system", as_text(system, f"'system' of {what}")))
    history = _parsed(values.get("history"), f"'history' of {what}")
    nothing = history is None or history in ("", [], {})
    for pair in history if isinstance(history, list) else () if nothing else (None,):
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(one, str | bytes) for one in pair):
            raise InvalidParameter(
                f"'history' of {what} is not a list of pairs of a prompt and its response ({values['history']!s:.60}): "
                "write it so, write 'messages' in place of it, or name the fields of prompts and responses"
            )
        found += [Turn(role, as_text(one, f"'history' of {what}"))
                  for role, one in zip(("user", "assistant"), pair, strict=True)]  # fmt: skip
    return found


def _without_nulls(value: Any) -> Any:
    """Return a value without keys that have null, as a column of Arrow fills up what other rows have."""
    if isinstance(value, dict):
        return {key: _without_nulls(one) for key, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value


def as_text(value: Any, what: str) -> bytes:
    r"""Return the bytes of a value that is a text; ``what`` names it in errors.

    Raises:
        NotText: a lone surrogate.
        InvalidParameter: another type.
    """
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise InvalidParameter(f"{what} is {_shown(value)}, not a text")
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise NotText(
            f"{what} holds the lone surrogate U+{ord(value[error.start]):04X}, which UTF-8 cannot hold: write the "
            "whole pair"
        ) from error


def turns_of(value: Sequence[Any], what: str) -> list[Turn]:
    """Return the turns of a list of messages: objects with ``role`` and ``content``, or ``from`` and ``value``.

    Raises:
        InvalidParameter: a message of another form, a role that is not known, or content that is not text.

    Example:
        >>> turns_of([{"from": "human", "value": "hi"}, {"from": "gpt", "value": "yes"}], "line 1")
        [Turn(role='user', text=b'hi'), Turn(role='assistant', text=b'yes')]
    """
    found = []
    for number, message in enumerate(value, 1):
        place = f"message {number} of {what}"
        if not isinstance(message, dict):
            raise InvalidParameter(f"{place} is {_shown(message)}, not an object with 'role' and 'content'")
        names = ("from", "value") if "from" in message and "role" not in message else ("role", "content")
        for name in names:
            if name not in message:
                raise InvalidParameter(f"{place} has no {name!r}: it has {', '.join(map(repr, message)) or 'nothing'}")
        role = message[names[0]]
        if not isinstance(role, str) or role.lower() not in (*_MODEL, *_OTHERS):
            raise InvalidParameter(
                f"{place} is said by {_shown(role)}, a role that is not known: "
                f"{did_you_mean(str(role), _MODEL + _OTHERS)}"
            )
        beside = next((name for name in _NOT_TEXT if message.get(name)), None)
        if beside is not None:
            raise InvalidParameter(
                f"{place} has {beside!r} beside its text, which the model wrote too: only text is read, leave such "
                "rows out"
            )
        found.append(Turn(_NAMES.get(role.lower(), role.lower()), _content(message[names[1]], place)))
    return found


def _content(value: Any, place: str) -> bytes:
    """Return the text of a message's content: a text, or a list of parts that are all text."""
    if value is None:
        raise InvalidParameter(f"{place} has no text: its content is null, as that of a call of a tool")
    if not isinstance(value, list):
        return as_text(value, f"the content of {place}")
    texts = []
    for part in value:
        if isinstance(part, str):
            texts.append(as_text(part, f"a part of {place}"))
            continue
        kind = part.get("type") if isinstance(part, dict) else type(part).__name__
        if not isinstance(part, dict) or kind != "text" or part.get("text") is None:
            raise InvalidParameter(f"{place} has a part of type {kind!r}: only text is read, leave such rows out")
        texts.append(as_text(part["text"], f"a part of {place}"))
    return b"".join(texts)


def is_hh(text: Any) -> bool:
    """Whether a value is a conversation in one string, as those of HH-RLHF are."""
    return isinstance(text, str) and text.startswith("\n\nHuman:") and "\n\nAssistant:" in text


def hh_turns(text: str, what: str) -> list[Turn]:
    r"""Return the turns of a conversation in one string.

    Example:
        >>> hh_turns("\n\nHuman: Boil rice?\n\nAssistant: Ten minutes.", "line 1")
        [Turn(role='user', text=b'Boil rice?'), Turn(role='assistant', text=b'Ten minutes.')]
    """
    pieces = _HH.split(text)[1:]
    pairs = zip(pieces[::2], pieces[1::2], strict=True)
    return [Turn("user" if speaker == "Human" else "assistant", as_text(said, what)) for speaker, said in pairs]


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "an object"}
    kind = kinds.get(type(value))
    return f"{kind} ({str(value)[:60]})" if kind else f"{value!r:.60}"
