"""Commands that refuse an option given twice where it takes one value, instead of taking the last one in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand

__all__ = ["refuse_repeated_options"]

# option -> what to give where several values are meant
_SEVERAL = {"--model": "compresslab score compares several models, in a column each"}


class _OneValueCommand(TyperCommand):
    """A command whose options of one value are given once."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:  # a shell completes the line
            *_, order = self.make_parser(ctx).parse_args(args=list(args))
            for param, count in Counter(order).items():
                if count > 1 and param.param_type_name == "option":
                    _check_once(ctx, param, args)
        return super().parse_args(ctx, args)


def refuse_repeated_options(app: typer.Typer) -> None:
    """Let every command of an app, and of the apps inside it, refuse an option of one value that is given twice."""
    for command in app.registered_commands:
        command.cls = _OneValueCommand
    for group in app.registered_groups:
        if group.typer_instance is not None:
            refuse_repeated_options(group.typer_instance)


def _check_once(ctx: Any, option: Any, args: Sequence[str]) -> None:
    if option.multiple or option.count:
        return
    names = [*option.opts, *option.secondary_opts]
    if option.is_flag:
        sides = [side for side in (option.opts, option.secondary_opts) if set(side) & set(args)]
        if len(sides) > 1:
            ctx.fail(f"{' and '.join(side[0] for side in sides)} contradict each other: give one of the two")
        return
    values = ", ".join(_values(names, args))
    several = _SEVERAL.get(option.opts[0], "")
    ctx.fail(f"{option.opts[0]} takes one value and is given {values}: give it once{several and f' ({several})'}")


def _values(names: Sequence[str], args: Sequence[str]) -> list[str]:
    """Return what stands after an option, or joined to it, wherever it is given."""
    found = []
    for i, word in enumerate(args):
        head, equals, value = word.partition("=")
        if word in names:
            found.append(args[i + 1])
        elif equals and head in names:
            found.append(value)
        elif not word.startswith("--") and word[:2] in names:
            found.append(word[2:])
    return found
