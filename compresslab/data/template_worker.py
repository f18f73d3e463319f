"""A process that renders chat templates, for `compresslab.data.templates`: what a template does, it does here.

A template is a program that came with a checkpoint. transformers runs it in Jinja's sandbox, which keeps it from files
and from Python; nothing there keeps it from running for ever, or from filling the memory. So it runs in a process of
its own, which has so much memory and so much time, and no more. A request is a line of JSON, and so is its answer.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, TextIO

__all__ = ["DATE", "MEMORY", "TEXT_MOST", "main", "serve"]

MEMORY: Final = 2 << 30
"""Bytes of memory that the process may take beside what it has when it starts; where the system can limit it."""

TEXT_MOST: Final = 1 << 26
"""Characters that a rendered conversation may have."""

DATE: Final = datetime(2025, 1, 1)
"""What a template that asks for the date is given: a score is the same on every day."""


class _Fixed(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
        """Return the one date."""
        return DATE if tz is None else DATE.replace(tzinfo=tz)


def serve(requests: TextIO, answers: TextIO) -> None:
    """Answer requests until there are no more: the first answer says that the process is ready."""
    render = _renderer()
    _limit_memory()
    _answer(answers, {"ready": True})
    for line in requests:
        held = json.loads(line)
        try:
            _limit_time(held["seconds"])
            answer = _rendered(render, held)
        except MemoryError:
            answer = {"error": "it needs more memory than it is given", "limit": True}
        except Exception as error:  # a template may raise anything
            answer = {"error": " ".join(f"{type(error).__name__}: {error}".split())[:300]}
        _answer(answers, answer)


def _answer(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _renderer() -> Callable[..., Any]:
    """Return transformers' own function for templates, and give it the fixed date."""
    sys.modules["torch"] = None  # type: ignore[assignment]  # nothing of it is needed, and it is slow to import
    from transformers.utils import chat_template_utils

    chat_template_utils.datetime = _Fixed
    found: Callable[..., Any] = chat_template_utils.render_jinja_template
    return found


def _rendered(render: Callable[..., Any], held: dict[str, Any]) -> dict[str, Any]:
    texts, spans = render(
        conversations=[held["messages"]],
        chat_template=held["template"],
        return_assistant_tokens_mask=held["marked"],
        add_generation_prompt=held["opened"],
        **held["special_tokens"],
        **held["settings"],
    )
    if len(texts[0]) > TEXT_MOST:
        return {"error": f"it makes a text of {len(texts[0]):,} characters", "limit": True}
    return {"text": texts[0], "spans": spans[0] if spans else []}


def _limit_memory() -> None:
    """Let the process take so much memory more, where the system can hold it to that."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        taken = 0
        with suppress(OSError), open("/proc/self/statm", encoding="ascii") as file:
            taken = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        wanted = taken + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (wanted if most < 0 else min(wanted, most), most))


def _limit_time(seconds: float) -> None:
    """End the process after so many seconds more of its processor, should nobody be left to do so."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        most = resource.getrlimit(resource.RLIMIT_CPU)[1]
        wanted = math.ceil(used.ru_utime + used.ru_stime + seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (wanted if most < 0 else min(wanted, most), most))


def main() -> None:
    """Serve what comes on standard input; who started the process hears Ctrl-C, and ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(sys.stdin, sys.stdout)
