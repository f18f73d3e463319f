"""Options that several commands share, as one frozen dataclass: a field is an option."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_type_hints

__all__ = ["grouped"]


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with one option for each field of its parameters whose types are dataclasses.

    Fields are annotated as Typer's options are, and have defaults; options stand in the help in the order of the
    parameters, those of a class before those that it inherits.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Output:
        ...     quiet: bool = False
        >>> @grouped
        ... def command(file: str, *, output: Output) -> None:
        ...     print(file, output)
        >>> list(inspect.signature(command).parameters)
        ['file', 'quiet']
        >>> command(file="a.txt", quiet=True)
        a.txt Output(quiet=True)
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if is_dataclass(kind) and isinstance(kind, type)}
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name in groups:
            parameters += _options(groups[name])
        else:
            parameters.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(command)
    def called(**given: Any) -> None:
        for name, kind in groups.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        command(**given)

    vars(called)["__signature__"] = inspect.Signature(parameters)
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return called


def _options(kind: type) -> Iterator[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    defaults = {field.name: field.default for field in fields(kind)}
    for one in kind.__mro__:
        for name in inspect.get_annotations(one):
            default = inspect.Parameter.empty if defaults[name] is MISSING else defaults[name]
            kind_of = inspect.Parameter.KEYWORD_ONLY
            yield inspect.Parameter(name, kind_of, default=default, annotation=hints[name])
