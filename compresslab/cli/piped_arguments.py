"""Arguments and options of the command line that name files to read, and take ``-`` and ``<(...)``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from compresslab._support.files import check_target, check_target_folder
from compresslab._support.piping import STREAM, is_stream, piped
from compresslab.errors import InvalidParameter

__all__ = ["RowsFolder", "no_stream", "output_file", "output_folder", "piped_argument", "stored_sources"]


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


def no_stream(given: Path | None) -> Path | None:
    """Return the path that an option was given, of what cannot be a stream: a folder, or a file that is read again.

    To be used as a parameter's ``callback``.

    Raises:
        InvalidParameter: it is ``-``.
    """
    if given is not None and str(given) == STREAM:
        raise InvalidParameter(
            f"{STREAM} is standard input or output, which this option cannot use: give a name (./{STREAM} for a file "
            f"or folder called {STREAM})"
        )
    return given


def output_file(given: Path | None) -> Path | None:
    """Return the path of a file that an option is to write, which can be written: it is refused before any work.

    To be used as a parameter's ``callback``.

    Raises:
        InvalidParameter: it is ``-``.
        UnreadableFile: no file can be written there.
    """
    if given is not None:
        no_stream(given)
        check_target(given)
    return given


def output_folder(given: Path | None) -> Path | None:
    """Return the path of a folder that an option is to write files in; likewise."""
    if given is not None:
        no_stream(given)
        check_target_folder(given)
    return given


def stored_sources(given: list[str] | None) -> list[str] | None:
    """Return sources of data, ``SOURCE`` or ``ROLE=SOURCE``, that can be read again when an experiment goes on.

    To be used as a parameter's ``callback``.

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
