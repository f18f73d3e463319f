"""``--spec FILE``: the options of a command from a file, as TOML, YAML or JSON; and ``--save-spec FILE``, the way back.

A spec names options as the command line does, without the dashes at their beginning::

    model: hf:my-model
    pretrain: {plays: plays.txt, lists: lists.txt}     # --pretrain plays=plays.txt lists=lists.txt
    perturb: {reviews: reviews.jsonl}
    learning-rate: 1e-5
    examples: [4, 16]                                  # --examples 4,16
    verify: true

What the command line says goes before what the spec says of the same option.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Annotated, Any

import typer

from compresslab._support.files import check_target
from compresslab._support.spec_text import check_kind, read_table, write_table
from compresslab.errors import InvalidParameter, UnknownName, did_you_mean

__all__ = ["GIVEN", "SpecFiles"]

GIVEN = ("COMMANDLINE", "DEFAULT_MAP")  # where a value is from that a user gave
_APART = ("help", "spec", "save_spec")
_SAID = ("dry_run", "json", "quiet")  # not of what is done, but of how it is said
_COMMAND = "command"


def _read(context: typer.Context, given: Path | None) -> Path | None:
    """Take the options of a spec, before those of the command line are looked at."""
    if given is not None and not context.resilient_parsing:
        context.default_map = dict(_options(context, given))
    return given


def _check(given: Path | None) -> Path | None:
    """Check that a spec can be written, before anything is measured."""
    if given is not None:
        check_kind(given)
        check_target(given)
    return given


@dataclass(frozen=True)
class SpecFiles:
    """Where options are read from, and where they are written.

    Attributes:
        spec: the file that holds options.
        save_spec: the file to write all options to that were given.
    """

    spec: Annotated[
        Path | None,
        typer.Option(
            "--spec",
            metavar="FILE.toml|.yaml|.json",
            help="Take options from a file, under their names here.",
            show_default=False,
            is_eager=True,
            callback=_read,
        ),
    ] = None
    save_spec: Annotated[
        Path | None,
        typer.Option(
            "--save-spec",
            metavar="FILE",
            help="Write what was asked for to a file that --spec reads.",
            show_default=False,
            callback=_check,
        ),
    ] = None

    def save(self, context: typer.Context) -> None:
        """Write the options that were given, here or in a spec, where that is asked for."""
        if self.save_spec is not None:
            write_table(self.save_spec, {_COMMAND: _command(context), **dict(_given(context))})


def _command(context: typer.Context) -> str:
    """Return the name of a command, without that of the program."""
    return context.command_path.partition(" ")[2]


def _names(context: typer.Context) -> dict[str, Any]:
    """Return the parameters of a command by the names that a spec gives them."""
    found = {}
    for parameter in context.command.params:
        if parameter.name not in _APART:
            long = next((name for name in parameter.opts if name.startswith("--")), str(parameter.name))
            found[long.removeprefix("--").replace("-", "_")] = parameter
    return found


def _options(context: typer.Context, path: Path) -> Iterator[tuple[str, Any]]:
    """Give the options of a spec as a command takes them: parameter -> value."""
    known, seen = _names(context), set[str]()
    for written, value in read_table(path).items():
        name = written.replace("-", "_")
        if name == _COMMAND:
            if value != _command(context):
                raise InvalidParameter(f"{path} is a spec of 'compresslab {value}': give it to that command")
            continue
        if name not in known:
            raise UnknownName(f"{path} has the unknown option {written!r}: {did_you_mean(name, known)}")
        if name in seen:
            raise InvalidParameter(f"{path} has the option {written!r} twice: leave one of the two out")
        seen.add(name)
        if value is not None:
            yield str(known[name].name), _as_typed(known[name], value, f"{written} in {path}")


def _as_typed(parameter: Any, value: Any, what: str) -> Any:
    """Return a value of a spec as the command line would bring it."""
    if getattr(parameter, "is_flag", False):
        if not isinstance(value, bool):
            raise InvalidParameter(f"{what} is true or false: not {value!r}")
        return value
    if getattr(parameter, "multiple", False) or parameter.nargs != 1:
        if isinstance(value, Mapping):
            return [f"{name}={_word(one, what)}" for name, one in value.items()]
        return [_word(one, what) for one in (value if isinstance(value, list) else [value])]
    return ",".join(_word(one, what) for one in value) if isinstance(value, list) else _word(value, what)


def _word(value: Any, what: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidParameter(f"{what} is text, a number, or a list of these: not {value!r:.80}")
    return str(value)


def _given(context: typer.Context) -> Iterable[tuple[str, Any]]:
    """Give the options that a user gave, by the names that a spec gives them."""
    for name, parameter in _names(context).items():
        source = context.get_parameter_source(str(parameter.name))
        if source is not None and source.name in GIVEN and name not in _SAID:
            yield name, _plain(context.params[str(parameter.name)])


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, PathLike) else value
