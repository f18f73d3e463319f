"""What of a file is read, where it does not say so itself: the options of every command that reads data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from compresslab.errors import InvalidParameter, UnknownName, did_you_mean

__all__ = ["FORMATS", "DataChoice", "choice_for_role", "data_options", "without_files"]

FORMATS = ("text", "bytes", "jsonl", "json", "csv", "tsv", "parquet", "arrow")
_MANY = ("prompt_field", "where")  # may be given several times


@dataclass(frozen=True)
class DataChoice:
    """What is read of a file. Nothing need be said where only one reading is possible.

    Attributes:
        format: one of `FORMATS`; None: as `compresslab.data.formats` recognises it.
        field: the field that holds each text (or the turns of a conversation), which is read whole.
        prompt_field: the fields of a prompt, which are joined by line feeds.
        response_field: the field of a response.
        where: ``NAME=VALUE``: only rows whose field has this value are read.
        skip_missing: pass over rows that lack the field, or have null in it.
        encoding: of text; "utf-8" keeps the bytes as they are.
        as_options: errors name options of a command, not arguments of a function.

    Raises:
        UnknownName: no such format.
        InvalidParameter: fields that contradict each other.

    Example:
        >>> DataChoice(field="text", response_field="answer")
        Traceback (most recent call last):
        compresslab.errors.InvalidParameter: field='text' and response_field='answer' are two ways to read a file: leave
        out one
    """

    format: str | None = None
    field: str | None = None
    prompt_field: tuple[str, ...] = ()
    response_field: str | None = None
    where: tuple[str, ...] = ()
    skip_missing: bool = False
    encoding: str = "utf-8"
    as_options: bool = False

    def __post_init__(self) -> None:
        if self.format is not None and self.format not in FORMATS:
            raise UnknownName(f"unknown format {self.format!r}: {did_you_mean(self.format, FORMATS)}")
        for name in _MANY:
            value: object = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(getattr(self, name)))
        other = ("response_field", self.response_field) if self.response_field else ("prompt_field", self.prompt_field)
        for name in ("field", "response_field"):
            if not isinstance(getattr(self, name), str | None):
                raise InvalidParameter(f"{name} is the name of one field, not {getattr(self, name)!r}")
        if self.field is not None and other[1]:
            second = other[1] if isinstance(other[1], str) else other[1][0]
            raise InvalidParameter(
                f"{self.said('field', self.field)} and {self.said(other[0], second)} are two ways to read a file: "
                "leave out one"
            )
        for one in self.where:
            if not one.partition("=")[0] or "=" not in one:
                raise InvalidParameter(f"{self.said('where', one)} is not of the form NAME=VALUE, such as is_safe=true")

    def said(self, name: str, value: object = None) -> str:
        """Return how a choice is written: ``--field text``, or ``field='text'`` where a function was called."""
        if self.as_options:
            shown = "" if value is None or value is True else f" {_quoted(str(value))}"
            return f"--{name.replace('_', '-')}{shown}"
        return name if value is None else f"{name}={value!r}"

    @property
    def names_fields(self) -> bool:
        """Whether any choice is given that only rows have."""
        return bool(self.field or self.prompt_field or self.response_field or self.where or self.skip_missing)


def _quoted(text: str) -> str:
    return f"'{text}'" if not text or any(sign in text for sign in ' \t"$*;&|<>()') else text


def data_options(
    given: dict[str, Any],
) -> tuple[str, ...]:
    """Return options of a command as ``name=value``, those alone that were given: what a spec keeps.

    Example:
        >>> data_options({"format": None, "field": ["positive:chosen"], "skip_missing": True})
        ('field=positive:chosen', 'skip_missing=true')
    """
    return tuple(
        f"{name}={'true' if one is True else one}"
        for name, value in given.items()
        for one in (value if isinstance(value, list | tuple) else [value])
        if one is not None and one is not False and (name, one) != ("encoding", "utf-8")
    )


def choice_for_role(options: Iterable[str], role: str | None = None, roles: Sequence[str] = ()) -> DataChoice:
    """Return what is read of a role's files: options as `data_options` gives them, those of other roles left out.

    A value may be meant for one role: ``positive:chosen``. Such a value is preferred to one without a role.

    Raises:
        InvalidParameter: an option is given twice for the same files.

    Example:
        >>> choice_for_role(["field=text", "field=align:note"], "align", ("align", "perturb")).field
        'note'
    """
    common: dict[str, list[str]] = {}
    own: dict[str, list[str]] = {}
    for option in options:
        name, _, value = option.partition("=")
        head, colon, rest = value.partition(":")
        if colon and head in roles:
            if head == role:
                own.setdefault(name, []).append(rest)
        else:
            common.setdefault(name, []).append(value)
    known = {one.name for one in fields(DataChoice)}
    choice = DataChoice(as_options=True)
    found: dict[str, Any] = {}
    for name, values in {**common, **own}.items():
        if name not in known:
            raise InvalidParameter(f"{name!r} is not an option of data: {did_you_mean(name, known)}")
        if name in _MANY:
            found[name] = tuple(values)
        elif len(values) > 1:
            raise InvalidParameter(
                f"{choice.said(name)} is given {len(values)} times for the same files ({', '.join(values)}): give it "
                "once" + (f", or once for each role, such as {roles[0]}:{values[0]}" if roles else "")
            )
        else:
            found[name] = True if name == "skip_missing" else values[0]
    if own.keys() & {"field", "prompt_field", "response_field"}:  # a role's own way to read takes the place of another
        found = {name: value for name, value in found.items() if name in own or name not in _WAYS}
    return replace(choice, **found)


def without_files(options: Sequence[str]) -> InvalidParameter:
    """Return the error to raise for options of files where there are none."""
    name = options[0].partition("=")[0].replace("_", "-")
    return InvalidParameter(f"--{name} is for files of data: give them with --data, or leave it out")


_WAYS = ("field", "prompt_field", "response_field")
