"""The options of every command that reads data: which format, which fields, which rows; see the data's door."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final

import typer

from compresslab.data.choice import data_options

__all__ = [
    "DATA_OPTIONS",
    "DataFormat",
    "Field",
    "PromptField",
    "ResponseField",
    "SkipMissing",
    "Where",
    "as_given",
    "chosen_data",
]

DATA_OPTIONS: Final = ("format", "field", "prompt_field", "response_field", "where", "skip_missing")
_PANEL = "Data"

DataFormat = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        help="text, bytes, jsonl, json, csv, tsv, parquet or arrow.",
        show_default="by content; tables by name",
        rich_help_panel=_PANEL,
    ),
]
Field = Annotated[
    list[str] | None,
    typer.Option(
        help="The field of the texts, or of the messages.", show_default="by its name", rich_help_panel=_PANEL
    ),
]
PromptField = Annotated[
    list[str] | None,
    typer.Option(help="The field of the prompts; may be repeated.", show_default="by its name", rich_help_panel=_PANEL),
]
ResponseField = Annotated[
    list[str] | None,
    typer.Option(
        help="The field of the responses, such as chosen.", show_default="by its name", rich_help_panel=_PANEL
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE", help="Only rows with this value.", show_default="all rows", rich_help_panel=_PANEL
    ),
]
SkipMissing = Annotated[
    bool, typer.Option("--skip-missing", help="Pass over rows without the field.", rich_help_panel=_PANEL)
]


def chosen_data(context: typer.Context) -> tuple[str, ...]:
    """Return what a command was told of its data, the encoding too, as `compresslab.data.choice.data_options` does."""
    return data_options({name: context.params[name] for name in (*DATA_OPTIONS, "encoding")})


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
