"""Arguments and options of the command line that name files to read, and take ``-`` and ``<(...)``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from compresslab._support.piping import is_stream, output_folder, piped
from compresslab.errors import InvalidParameter

__all__ = ["RowsFolder", "piped_argument", "stored_sources"]


def piped_argument(context: typer.Context, given: Any) -> Any:
    """Return the path or paths of an argument; a pipe becomes a file that lasts as long as the command.

    Use it as a parameter's ``callback``.
    """
    if not given or context.resilient_parsing:  # a shell completes the line
        return given
    try:
        paths: list[Path] = context.with_resource(piped(given if isinstance(given, list) else [given]))
    except BaseException:
        context.close()  # a command that never begins does not end either: the files of other options would stay
        raise
    return paths if isinstance(given, list) else paths[0]


def stored_sources(given: list[str] | None) -> list[str] | None:
    """Return sources of data, ``SOURCE`` or ``ROLE=SOURCE``, that can be read again when an experiment goes on.

    Use it as a parameter's ``callback``.

    Raises:
        InvalidParameter: one is standard input or a pipe.
    """
    for entry in given or ():
        source = entry.rpartition("=")[2]
        if is_stream(source):
            raise InvalidParameter(
                f"{source} is a stream, which can be read once, and an experiment that goes on reads its data again: "
                "write it to a file, and give the name of that"
            )
    return given


RowsFolder = Annotated[
    Path,
    typer.Option("--out", "-o", help="Folder of the spec and the rows.", show_default=False, callback=output_folder),
]
