r"""Chat templates: a conversation as the text that a model was trained to read, and where in it a response stands.

The Jinja template is the tokenizer's, or a file's. transformers renders it, in a process of its own
(`compresslab.data.template_worker`), since a template is a program that came with a checkpoint: one that fails, runs
for ever or fills the memory is one error with a name.

A response is found in one of four ways, the first that holds:

1. the template marks it, by ``{% generation %}``: what is marked;
2. signs that no text has are put around it: without them, the rendered text is the same;
3. signs are put around it without the white space at its ends, which many templates strip;
4. it is all that is rendered after the same conversation without it, opened for a response, where its end is rendered
   there once.

In ways 2 to 4 the control token that ends the turn belongs to it, as EOS does to a response of plain text.
"""

from __future__ import annotations

import atexit
import hashlib
import importlib.util
import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import IO, Any, Final

import compresslab
from compresslab._support.files import expanded, read_buffer
from compresslab._support.piping import named
from compresslab.data.control_tokens import Respelling
from compresslab.data.turns import Turn
from compresslab.errors import InvalidParameter, MissingExtra, NotText

__all__ = ["ChatTemplate", "Rendered", "read_template", "render"]

SECONDS: Final = 20.0
"""Time that a template may take for one conversation."""

# Modules come from where Python has them, and never from the current folder, which may be a checkpoint's.
_PROGRAM = "import sys; sys.path.append(sys.argv[1]); from compresslab.data.template_worker import main; main()"
_START_SECONDS = 300.0  # for the process to start; a busy machine takes its time
_SOURCE_MOST = 1 << 22  # bytes of a template
_SIGNS = tuple(chr(0xFFF80 + i) for i in range(64))  # of a plane of private use: two that no text has are taken


@dataclass(frozen=True)
class ChatTemplate:
    """A template.

    Attributes:
        source: its text, Jinja.
        origin: whose it is, for tables: "of the tokenizer", or the name of its file.
        special_tokens: what it is given of the tokenizer: "bos_token" -> its spelling.
        names: the control tokens of the tokenizer, and how they are put out of the template's sight.

    Example:
        >>> ChatTemplate("{{ messages[0].content }}", "x.jinja").fingerprint[:8]
        'fd9bed13'
    """

    source: str
    origin: str
    special_tokens: Mapping[str, str] = field(default_factory=dict)
    names: Respelling = field(default=Respelling(()), repr=False)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of its text and of what it is given."""
        held = json.dumps([self.source, dict(sorted(self.special_tokens.items()))])
        return hashlib.sha256(held.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Rendered:
    """A conversation as a text.

    Attributes:
        text: what the template made of it; control tokens that a turn spelled are out of sight (`Respelling.hide`).
        start: the first character of the response.
        end: behind its last one, and behind the token that ends its turn.
        typed: how many control tokens the turns spelled.
    """

    text: str
    start: int
    end: int
    typed: int


def read_template(path: str | PathLike[str]) -> str:
    """Return the text of a template's file.

    Raises:
        UnreadableFile: there is no such file, or it cannot be read.
        NotText: it is not UTF-8.
        InvalidParameter: it is empty, or longer than any template.
    """
    data = read_buffer(expanded(path)).tobytes()
    where = named(str(path))
    if not data.strip() or len(data) > _SOURCE_MOST:
        raise InvalidParameter(f"{where} has {len(data):,} bytes, which is not a chat template: give a file of Jinja")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotText(f"{where} is not UTF-8, so it is not a chat template: give a file of Jinja") from error


def render(template: ChatTemplate, conversations: Sequence[Sequence[Turn]], what: str = "data") -> list[Rendered]:
    """Render conversations, each of which ends in a response.

    Args:
        template: the template.
        conversations: the turns of each.
        what: what they are of, for errors.

    Raises:
        InvalidParameter: the template fails, takes too long or too much, or does not show where a response stands.
        NotText: a turn holds characters that stand for control tokens here.
        MissingExtra: transformers is not installed.
    """
    if importlib.util.find_spec("transformers") is None or importlib.util.find_spec("jinja2") is None:
        raise MissingExtra("a chat template", "lm")
    found = []
    for number, turns in enumerate(conversations, 1):
        found.append(_rendered(_Asking(template, f"response {number} of {what}"), turns))
    return found


def _rendered(asking: _Asking, turns: Sequence[Turn]) -> Rendered:
    names = asking.template.names
    settings = turns[0].text.decode("utf-8", "replace") if turns[0].is_settings else ""
    turns = turns[1:] if settings else turns
    plain = [settings, *(turn.text.decode("utf-8", "replace") for turn in turns)]
    typed = sum(names.count(text) for text in plain)
    if typed and any(names.clashes(text) for text in plain):
        raise NotText(
            f"{asking.what} spells a control token, and holds characters of a plane of private use which stand for "
            "such tokens here: leave it out"
        )
    settings, *shown = [names.hide(text) for text in plain] if typed else plain
    asking = replace(asking, settings=asking.checked(json.loads(settings or "{}")))
    messages = [{"role": turn.role, "content": text} for turn, text in zip(turns, shown, strict=True)]
    text, spans = asking.ask(messages, marked="generation" in asking.template.source)
    if spans:
        if len(spans) > sum(turn.is_response for turn in turns):
            raise asking.error("marks more parts by {% generation %} than the assistant has turns: mark each turn once")
        start, end = spans[-1]
        if start < end:
            return Rendered(text, start, end, typed)
    start, end = _found(asking, messages, text)
    return Rendered(text, start, _with_turn_end(names, text, end), typed)


def _found(asking: _Asking, messages: list[dict[str, str]], text: str) -> tuple[int, int]:
    """Return from where to where the last turn stands in its rendered conversation: ways 2 to 4."""
    *before, last = messages
    content = last["content"]
    free = [sign for sign in _SIGNS if sign not in text and sign not in asking.template.source]
    core = content.strip()
    at = content.find(core)
    forms = [(0, len(content))] + ([(at, at + len(core))] if core and len(core) < len(content) else [])
    shown = -1
    for low, high in forms if len(free) > 1 else []:
        first, second = free[:2]
        signed = f"{content[:low]}{first}{content[low:high]}{second}{content[high:]}"
        other, _ = asking.ask([*before, {**last, "content": signed}])
        start, end = other.find(first), other.find(second) - 1
        once = other.count(first) == other.count(second) == 1
        if once and start <= end and other.replace(first, "").replace(second, "") == text:
            return start, end
        shown = end if other.count(second) == 1 else shown
    opened, _ = asking.ask(before, opened=True)
    if before and text.startswith(opened) and len(opened) <= shown and len(opened) < len(text.rstrip()):
        return len(opened), len(text.rstrip())
    raise asking.error(
        "does not show where the response stands: mark it with {% generation %} ... {% endgeneration %} in a file of "
        "your own"
    )


def _with_turn_end(names: Respelling, text: str, end: int) -> int:
    """Return the end of a turn: behind the control token after it, if but white space is between."""
    after = end
    while after < len(text) and text[after].isspace():
        after += 1
    token = names.find(text, after)
    return end if token is None else after + len(token)


@dataclass(frozen=True)
class _Asking:
    """A template, and what it is asked about, for errors."""

    template: ChatTemplate
    what: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def checked(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return what the data has for the template, or raise InvalidParameter if that has no place for it."""
        given = {**({"tools": settings["tools"]} if "tools" in settings else {})}
        given |= settings.get("chat_template_kwargs", {})
        for name in given:
            if name not in self.template.source:
                raise self.error(f"has no place for {name!r}, which the data has for it")
        return given

    def error(self, why: str) -> InvalidParameter:
        """Return the error to raise, which names the template and the conversation."""
        whose = self.template.origin
        whose = f"the chat template {whose}" if whose.startswith("of ") else f"the chat template {named(whose)}"
        return InvalidParameter(
            f"{whose} {why}; this is {self.what}: give another template, or leave it out with --template none "
            "(template='none')"
        )

    def ask(
        self, messages: list[dict[str, str]], *, marked: bool = False, opened: bool = False
    ) -> tuple[str, list[list[int]]]:
        """Return the rendered text, and from where to where each marked part of it goes."""
        request = {
            "messages": messages, "template": self.template.source, "marked": marked, "opened": opened,
            "special_tokens": dict(self.template.special_tokens), "settings": dict(self.settings), "seconds": SECONDS,
        }  # fmt: skip
        answer = _WORKER.answer(request)
        if answer is None:
            raise self.error(f"takes more than {SECONDS:g} seconds or all the memory that it is given")
        if "error" in answer:
            raise self.error(f"cannot be used ({answer['error']})")
        return answer["text"], answer["spans"]


class _Worker:
    """The process that renders, started when it is first asked; a new one after one that was ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the answer to a request; None where the process had to be ended."""
        with self._lock:
            try:
                process = self._started()
                return self._read(process, json.dumps(request) + "\n", float(request["seconds"]))
            except BaseException:
                self.end()
                raise

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self.end()
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _PROGRAM, str(Path(compresslab.__file__).parents[1])],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
            )  # fmt: skip
            if self._read(self._process, "", _START_SECONDS) is None:
                raise InvalidParameter(
                    "the process that renders chat templates did not start: try again, or leave the template out with "
                    "--template none (template='none')"
                )
        return self._process

    def _read(self, process: subprocess.Popen[str], request: str, seconds: float) -> dict[str, Any] | None:
        timer = threading.Timer(seconds, process.kill)
        timer.daemon = True
        timer.start()
        try:
            _pipe(process.stdin).write(request)
            _pipe(process.stdin).flush()
            line = _pipe(process.stdout).readline()
        except OSError:  # it is gone
            line = ""
        finally:
            timer.cancel()
        if not line.endswith("\n"):
            self.end()
            return None
        found: dict[str, Any] = json.loads(line)
        return found

    def end(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):  # what was not yet written
                _pipe(pipe).close()
        process.wait()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None  # both are pipes: see above
    return pipe


_WORKER = _Worker()
atexit.register(_WORKER.end)
