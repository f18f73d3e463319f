"""The command line as tests look at it: every command by its words, with its options."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import typer

from compresslab.cli.main import app

__all__ = ["every_command", "options_of"]


@lru_cache(maxsize=1)
def every_command() -> dict[str, Any]:
    """Every command by its words, such as "experiment joint"."""
    found: dict[str, Any] = {}

    def walk(command: Any, words: tuple[str, ...]) -> None:
        if not hasattr(command, "list_commands"):
            found[" ".join(words)] = command
            return
        for name in command.list_commands(None):
            walk(command.get_command(None, name), (*words, name))

    walk(typer.main.get_command(app), ())
    return found


def options_of(command: Any) -> set[str]:
    """The options of a command, as they are typed."""
    return {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
