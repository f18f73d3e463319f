"""What the commands share that take data by role, each file under a name: ``--pretrain NAME=FILE``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from compresslab._support.piping import named, piped
from compresslab._support.progress import Step
from compresslab.cli.output import Output
from compresslab.cli.reading import labelled
from compresslab.data.choice import DataChoice, choice_for_role
from compresslab.data.contamination import Overlap, overlaps
from compresslab.data.door import ReadData, check_not_empty, read_data
from compresslab.data.readers import label_of
from compresslab.data.texts import Texts
from compresslab.errors import InvalidParameter

__all__ = ["named_data", "numbers_of", "read_named", "shared_texts", "stages_shown"]


def named_data(help_text: str) -> Any:
    """Return an option that takes files, each with a name or without."""
    return typer.Option(metavar="[NAME=]FILE", help=help_text, show_default=False)


def numbers_of(text: str) -> tuple[int, ...]:
    """Return ``4,16`` as numbers.

    Raises:
        InvalidParameter: it is something else.
    """
    try:
        return tuple(int(part) for part in text.replace(" ", "").split(","))
    except ValueError:
        raise InvalidParameter(
            f"--examples are whole numbers with commas between them, as in 4,16: not {text!r}"
        ) from None


def read_named(
    given: Mapping[str, list[str] | None],
    options: Sequence[str],
    split: str | None,
    streams: ExitStack,
    output: Output,
    responses: Mapping[str, str] | None = None,
) -> tuple[dict[str, dict[str, ReadData]], list[Path]]:
    """Read the files of each role, each under its name: the one that was given, or the file's.

    Args:
        given: role -> what was typed.
        options: as `compresslab.data.choice.data_options` gives them.
        split: what a response is.
        streams: what keeps a pipe open.
        output: shows that files are read.
        responses: role -> the field of its responses, whatever the options say.

    Raises:
        InvalidParameter: two datasets of one name; one file, read in one way, twice.
        EmptyDataset: a file of nothing.
    """
    found: dict[str, dict[str, ReadData]] = {role: {} for role in given}
    files: list[Path] = []
    seen: dict[tuple[Path, DataChoice], str] = {}
    entries = [(role, *labelled(entry)) for role in given for entry in given[role] or ()]
    paths = streams.enter_context(piped([Path(path) for _, _, path in entries]))
    with output.working("reading"):
        for (role, name, _), path in zip(entries, paths, strict=True):
            choice = choice_for_role(options, role, tuple(given))
            if responses and role in responses:
                choice = replace(choice, response_field=responses[role])
            label = name or label_of([path])
            if any(label in sets for sets in found.values()):
                raise InvalidParameter(f"two datasets are called '{label}': give each a name of its own, as NAME=FILE")
            first = seen.get((path.resolve(), choice))
            if first is not None:
                where = f"in two roles, {first} and {role}" if first != role else f"given twice for --{role}"
                raise InvalidParameter(
                    f"{named(str(path))} is {where}: what is said of the one is then said of the other too; give other "
                    f"data, or other rows of it, such as --where {role}:NAME=VALUE"
                )
            seen[path.resolve(), choice] = role
            read = check_not_empty(read_data(path, choice, unit=split))
            found[role][label] = read
            files.append(path)
    return found, files


def shared_texts(found: Mapping[str, Mapping[str, ReadData]]) -> list[Overlap]:
    """Return which roles hold texts of each other."""
    return overlaps({
        role: Texts.concat(one.responses for one in sets.values()) for role, sets in found.items() if sets
    })  # fmt: skip


@contextmanager
def stages_shown(output: Output) -> Iterator[Any]:
    """Show each stage of long work under its own title: yield what is called with (stage, done, in all)."""
    with ExitStack() as stack:
        shown: dict[str, Step] = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in shown:
                stack.pop_all().close()
                shown[stage] = stack.enter_context(output.working(stage))
            shown[stage](done, total)

        yield progress
