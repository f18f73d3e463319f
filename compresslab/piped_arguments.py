"""Arguments and options of the command line that name files to read, and take ``-`` and ``<(...)``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from compresslab.piping import piped

__all__ = ["piped_argument"]


def piped_argument(context: typer.Context, given: Any) -> Any:
    """Return the path or paths that were given, those of pipes as files that last as long as the command.

    To be used as a parameter's ``callback``.
    """
    if not given or context.resilient_parsing:  # a shell completes the line
        return given
    try:
        paths: list[Path] = context.with_resource(piped(given if isinstance(given, list) else [given]))
    except BaseException:
        context.close()  # a command that never begins does not end either: the files of other options would stay
        raise
    return paths if isinstance(given, list) else paths[0]
