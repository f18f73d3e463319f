"""Kinds of data, by TRL's names: which fields are prompts and which responses, and what a row gives.

======================  =============================================================================================
language modeling       ``text``; or ``messages``, ``conversations``: each turn of the model is a response, the turns
                        before it are its context
prompt-completion       ``prompt`` with ``completion``, ``response``, ``output`` or ``answer``
unpaired preference     the same with ``label``: choose one label, or all
preference              ``chosen`` and ``rejected``, with ``prompt`` or as whole conversations: choose one of the two
prompt-only             ``prompt`` alone: there is no response to measure
Alpaca                  ``instruction``, ``input``, ``output``
TruthfulQA              ``Question``, ``Best Answer``, ``Correct Answers`` (several, by ``;``): every different answer
======================  =============================================================================================

A prompt and a response are texts (*standard*) or lists of messages (*conversational*). Beside messages ``tools`` and
``chat_template_kwargs`` are for the chat template. Beside ``instruction`` and ``conversations``, ``system`` and
``history`` (pairs of a prompt and its response) hold what was said before: such a row is conversational.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from compresslab.data.choice import DataChoice
from compresslab.data.rows import MISSING, Row, Rows
from compresslab.data.turns import (
    EARLIER,
    SETTINGS,
    Turn,
    as_text,
    earlier_turns,
    hh_turns,
    is_hh,
    said,
    settings_of,
    turns_of,
)
from compresslab.errors import InvalidParameter

__all__ = ["Example", "Reading", "choose_reading", "examples_of"]

COMPLETIONS = ("completion", "response", "output", "answer")
CONVERSATIONS = ("messages", "conversations", "conversation")
PREFERENCES = ("chosen", "rejected")
EARLIER_IN = {"instruction", "conversations"}  # fields beside which `EARLIER` is what was said before
QUESTION, BEST, SEVERAL = "Question", "Best Answer", ("Correct Answers", "Incorrect Answers")


@dataclass(frozen=True)
class Reading:
    """One way to read rows.

    Attributes:
        kind: TRL's name of it, or that of a layout.
        prompt: fields of the prompt.
        response: fields of the response.
        optional: of these, fields that a row may lack.
    """

    kind: str
    prompt: tuple[str, ...]
    response: tuple[str, ...]
    optional: tuple[str, ...] = ()

    def __str__(self) -> str:
        fields = ", ".join((*self.prompt, *self.response))
        return f"{self.kind} ({fields})"


@dataclass(frozen=True)
class Example:
    """One response.

    Attributes:
        context: what stands before it, parts joined by line feeds; None where it stands alone.
        response: its text.
        prompt_bytes: of the prompt's own texts, each turn counted with the first response after it.
        turns: the conversation up to the response, which is its last turn; None where it is not one.
    """

    context: bytes | None
    response: bytes
    prompt_bytes: int
    turns: tuple[Turn, ...] | None = None


def choose_reading(rows: Rows, choice: DataChoice) -> Reading:
    """Return the reading that is asked for, or the only one that is possible.

    Raises:
        InvalidParameter: none is possible, or several are; the message lists them, each with what chooses it.
    """
    for column in choice.prompt_field:
        rows.check(column, choice.said("prompt_field"))
    for condition in choice.where:
        rows.check(condition.partition("=")[0], choice.said("where"))
    if choice.field is not None:
        rows.check(choice.field, choice.said("field"))
        return Reading("language modeling", (), (choice.field,))
    known = _readings(rows.columns)
    if choice.response_field is not None:
        rows.check(choice.response_field, choice.said("response_field"))
        return _with_response(rows, choice, known)
    if choice.prompt_field:
        known = [one for one in known if set(choice.prompt_field) & set(one.prompt)]
        known = [Reading(one.kind, choice.prompt_field, one.response) for one in known]
    filtered = {condition.partition("=")[0] for condition in choice.where}
    ways = [way for one in known for way in _ways(one, choice, filtered)]
    if len(ways) == 1 and not ways[0][1]:
        rows.check(ways[0][0].response[0], choice.said("response_field"))
        return ways[0][0]
    names = ", ".join(map(repr, rows.columns[:20])) or "none"
    if not ways:
        only = f"; {choice.said('field', 'prompt')} reads the prompts themselves" if "prompt" in rows.columns else ""
        what = "prompts alone (prompt-only), and no response to measure" if only else "no fields of a known kind"
        raise InvalidParameter(
            f"{rows.where} has {what}: its fields are {names}; name the field of the texts with "
            f"{choice.said('field', '...')}, or those of prompts and responses with "
            f"{choice.said('prompt_field', '...')} and {choice.said('response_field', '...')}{only}"
            f"{'' if choice.format else ', or read it as text with ' + choice.said('format', 'text')}"
        )
    listed = "; ".join(f"{how or _chooses(one, choice)}: {one}" for one, how in ways)
    raise InvalidParameter(f"{rows.where} can be read in {len(ways)} ways: give one of {listed}")


def _readings(columns: Sequence[str]) -> list[Reading]:
    """Return all readings that a file's columns allow."""
    held = set(columns)
    found = [Reading("language modeling", (), (name,)) for name in ("text", *CONVERSATIONS) if name in held]
    if "prompt" in held:
        kind = "unpaired preference" if "label" in held else "prompt-completion"
        found += [Reading(kind, ("prompt",), (name,)) for name in COMPLETIONS if name in held]
    prompt: tuple[str, ...] = ()
    if held.issuperset(PREFERENCES):
        prompt = ("prompt",) if "prompt" in held else ()
        found += [Reading("preference", prompt, (name,)) for name in PREFERENCES]
    if "instruction" in held:
        prompt = ("instruction", "input") if "input" in held else ("instruction",)
        found += [Reading("Alpaca", prompt, (name,), ("input",)) for name in ("output", "response") if name in held]
    answers = tuple(name for name in (BEST, SEVERAL[0]) if name in held)
    if QUESTION in held and answers:
        found.append(Reading("TruthfulQA", (QUESTION,), answers))
    return found


def _ways(one: Reading, choice: DataChoice, filtered: set[str]) -> list[tuple[Reading, str]]:
    """Return a reading with what chooses it: nothing, where it needs no choice but to be the only one."""
    response = choice.said("response_field", one.response[0])
    if one.kind == "unpaired preference" and "label" not in filtered:
        labels = [(one, choice.said("where", f"label={value}")) for value in ("true", "false")]
        return [*labels, (one, f"{response} (any label)")]
    if one.kind == "preference":
        return [(one, response)]
    return [(one, "")]


def _chooses(one: Reading, choice: DataChoice) -> str:
    """Return what chooses a reading among several."""
    if not one.prompt:
        return choice.said("field", one.response[0])
    prompts = [choice.said("prompt_field", name) for name in one.prompt] if choice.as_options else []
    if not choice.as_options:
        prompts = [f"prompt_field={one.prompt!r}"]
    return " ".join([*prompts, choice.said("response_field", one.response[0])])


def _with_response(rows: Rows, choice: DataChoice, known: list[Reading]) -> Reading:
    """Return the reading of a response field that was named: with the prompts named, or those that belong to it."""
    name = choice.response_field or ""
    fitting = next((one for one in known if name in one.response and one.kind != "language modeling"), None)
    if choice.prompt_field:
        return Reading(fitting.kind if fitting else "prompt-completion", choice.prompt_field, (name,))
    if fitting is not None:
        return Reading(fitting.kind, fitting.prompt, (name,), fitting.optional)
    columns = rows.columns
    if QUESTION in columns and name in SEVERAL:
        return Reading("TruthfulQA", (QUESTION,), (name,))
    if "prompt" in columns:
        return Reading("prompt-completion", ("prompt",), (name,))
    if "instruction" in columns:
        prompt = ("instruction", "input") if "input" in columns else ("instruction",)
        return Reading("Alpaca", prompt, (name,), ("input",))
    raise InvalidParameter(
        f"{rows.where} does not say which field the prompts of {name!r} are in: add "
        f"{choice.said('prompt_field', '...')}, or give {choice.said('field', name)} to read it without prompts"
    )


def examples_of(row: Row, reading: Reading, choice: DataChoice) -> list[Example] | None:
    """Return the responses of a row, blank ones included; None where a field is missing and such rows are passed over.

    Raises:
        InvalidParameter: a field is missing, null or not a text; a conversation that is not one.
        NotText: a lone surrogate.
    """
    values: dict[str, Any] = {}
    for name in (*reading.prompt, *reading.response):
        value = row.get(name)
        if value is MISSING or value is None:
            if name in reading.optional:
                value = ""
            elif choice.skip_missing:
                return None
            elif reading.kind == "TruthfulQA" and name in reading.response and value is None:
                value = ""
            else:
                what = "has no" if value is MISSING else "has null in"
                raise InvalidParameter(
                    f"{row.place} {what} {name!r}: correct it, or pass over such rows with "
                    f"{choice.said('skip_missing', True)}"
                )
        values[name] = value
    if reading.kind == "TruthfulQA":
        return list(_answers(row, reading, values))
    found = list(_examples(row, reading, values, choice))
    if not any(one.turns for one in found):
        return found
    settings = settings_of({name: value for name in SETTINGS if (value := row.get(name)) is not MISSING}, row.place)
    return found if settings is None else [_with_settings(one, settings) for one in found]


def _with_settings(one: Example, settings: Turn) -> Example:
    return one if one.turns is None else replace(one, turns=(settings, *one.turns))


def _answers(row: Row, reading: Reading, values: dict[str, Any]) -> Iterator[Example]:
    (question,) = reading.prompt
    prompt = as_text(values[question], f"{question!r} of {row.place}").strip()
    seen = set()
    for name in reading.response:
        text = as_text(values[name], f"{name!r} of {row.place}")
        for part in text.split(b";") if name in SEVERAL else [text]:
            answer = part.strip()
            if answer and answer not in seen:
                seen.add(answer)
                yield Example(prompt, answer, 0 if len(seen) > 1 else len(prompt))
    if not seen:
        yield Example(prompt, b"", len(prompt))


def _earlier(row: Row, reading: Reading, choice: DataChoice) -> list[Turn]:
    """Return what a row says before its prompt in columns of their own, where its layout has such."""
    if choice.field is not None or choice.prompt_field or not EARLIER_IN & {*reading.prompt, *reading.response}:
        return []
    values = {name: value for name in EARLIER if (value := row.get(name)) is not MISSING}
    return earlier_turns(values, row.place)


def _examples(row: Row, reading: Reading, values: dict[str, Any], choice: DataChoice) -> Iterator[Example]:
    earlier = _earlier(row, reading, choice)
    before = list(earlier) if reading.prompt else []
    for name in reading.prompt:
        what = f"{name!r} of {row.place}"
        if isinstance(values[name], list):
            before += turns_of(values[name], what)
        elif values[name] or name not in reading.optional:
            before.append(Turn("user", as_text(values[name], what)))
    (name,) = reading.response
    value, what = values[name], f"{name!r} of {row.place}"
    if not isinstance(value, list):
        if reading.kind == "preference" and not reading.prompt:
            yield from _preferred(row, value, name, what, choice)
            return
        if name in CONVERSATIONS and choice.field is None and isinstance(value, str | bytes):
            raise InvalidParameter(
                f"{what} is a text ({value!r:.40}), not a list of messages: write a list of objects with 'role' and "
                f"'content', or give {choice.said('field', name)} to read it as a text"
            )
        context = said(before) if reading.prompt else None
        text = as_text(value, what)
        in_turns = bool(earlier) or any(isinstance(values[name], list) for name in reading.prompt)
        turns = (*before, Turn("assistant", text)) if in_turns else None
        yield Example(context, text, sum(len(turn.text) for turn in before), turns)
        return
    spoken = [*(() if before else earlier), *turns_of(value, what)]
    if reading.kind == "preference" and not reading.prompt:
        other = row.get(PREFERENCES[name == PREFERENCES[0]])
        shared = _shared(spoken, turns_of(other, what) if isinstance(other, list) else [])
        yield from _responses(spoken[:shared], spoken[shared:])
    elif before and spoken and not spoken[0].is_response:  # the conversation from its start: it holds its prompt
        last = max((i for i, turn in enumerate(spoken) if turn.is_response), default=len(spoken))
        at = last if reading.prompt else 0
        yield from _responses(spoken[:at], spoken[at:])
    else:
        yield from _responses(before, spoken)


def _preferred(row: Row, value: Any, name: str, what: str, choice: DataChoice) -> Iterator[Example]:
    """Give the responses of a conversation in one string, after what it shares with the other one."""
    if not is_hh(value):
        raise InvalidParameter(
            f"{what} has no prompt: there is no field 'prompt', and it is not a conversation of turns 'Human:' and "
            f"'Assistant:' either; {choice.said('field', name)} reads the whole texts"
        )
    turns = hh_turns(value, what)
    other = row.get(PREFERENCES[name == PREFERENCES[0]])
    shared = _shared(turns, hh_turns(other, what) if is_hh(other) else [])
    yield from _responses(turns[:shared], turns[shared:])


def _shared(turns: list[Turn], other: list[Turn]) -> int:
    """Return how many turns two conversations begin with alike, the last response of either being left out."""
    count = 0
    for a, b in zip(turns, other, strict=False):
        if a != b:
            break
        count += 1
    responses = [i for i, turn in enumerate(turns) if turn.is_response]
    return min(count, responses[-1]) if responses and other else (responses[-1] if responses else count)


def _responses(before: list[Turn], turns: list[Turn]) -> Iterator[Example]:
    """Give each turn of the model, with all turns before it as its context."""
    held, new = list(before), sum(len(turn.text) for turn in before)
    given = False
    for turn in turns:
        if turn.is_response:
            given = True
            context = said(held) if held else None
            yield Example(context, turn.text, new, (*held, turn))
            new = 0
        else:
            new += len(turn.text)
        held.append(turn)
    if not given:
        yield Example(said(held), b"", new)
