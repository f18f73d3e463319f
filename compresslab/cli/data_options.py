"""The options of every command that reads data: which format, which fields, which rows; see the data's door."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final

import typer

from compresslab.data.choice import data_options
from compresslab.data.readers import check_encoding

__all__ = ["DATA_OPTIONS", "DataOptions", "as_given"]

DATA_OPTIONS: Final = ("format", "field", "prompt_field", "response_field", "where", "skip_missing")
_PANEL = "Data"


@dataclass(frozen=True)
class DataOptions:
    """How the data of a command is read: the options of the same names."""

    format: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="text, bytes, jsonl, json, csv, tsv, parquet or arrow.",
            show_default="by content; tables by name",
            rich_help_panel=_PANEL,
        ),
    ] = None
    field: Annotated[
        list[str] | None,
        typer.Option(
            help="The field of the texts, or of the messages.", show_default="by its name", rich_help_panel=_PANEL
        ),
    ] = None
    prompt_field: Annotated[
        list[str] | None,
        typer.Option(
            help="The field of the prompts; may be repeated.", show_default="by its name", rich_help_panel=_PANEL
        ),
    ] = None
    response_field: Annotated[
        list[str] | None,
        typer.Option(
            help="The field of the responses, such as chosen.", show_default="by its name", rich_help_panel=_PANEL
        ),
    ] = None
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="Only rows with this value.", show_default="all rows", rich_help_panel=_PANEL
        ),
    ] = None
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Pass over rows without the field.", rich_help_panel=_PANEL)
    ] = False
    encoding: Annotated[
        str, typer.Option(help="utf-8 keeps bytes as they are; others are converted to it.", callback=check_encoding)
    ] = "utf-8"

    @property
    def chosen(self) -> tuple[str, ...]:
        """The options that were given, as `compresslab.data.choice.data_options` returns them."""
        return data_options(vars(self))


def as_given(options: Iterable[str]) -> dict[str, list[str]]:
    """Return options, as `compresslab.data.choice.data_options` gives them, by the names that a command has for them.

    Example:
        >>> as_given(["response_field=positive:chosen", "where=a=1", "where=b=2"])
        {'response-field': ['positive:chosen'], 'where': ['a=1', 'b=2']}
    """
    found: dict[str, list[str]] = {}
    for option in options:
        name, _, value = option.partition("=")
        found.setdefault(name.replace("_", "-"), []).append(value)
    return found
