"""An option that takes one value is given once: a second value is refused by name, never taken in silence."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from typer import BadParameter

from tests.commands import every_command

UsageError: Any = BadParameter.__mro__[1]  # of the click that typer holds
Run = Callable[..., tuple[int, str, str]]


EVERY = [(tuple(words.split()), command) for words, command in every_command().items()]
OPTIONS = [
    pytest.param(path, command, option, id=f"{' '.join(path)} {option.opts[0]}")
    for path, command in EVERY
    for option in command.params
    if option.param_type_name == "option" and not option.multiple and option.name != "help"
]


def said(err: str) -> str:
    return re.sub(r"[\s│]+", " ", err)


@pytest.mark.parametrize(("path", "command", "option"), OPTIONS)
def test_an_option_of_one_value_is_refused_when_it_is_given_twice(
    path: tuple[str, ...], command: Any, option: Any
) -> None:
    if option.is_flag:
        if option.secondary_opts:
            with pytest.raises(UsageError, match="contradict each other: give one of the two") as refused:
                command.make_context(path[-1], [option.opts[0], option.secondary_opts[0]])
            assert refused.value.exit_code == 2
        return
    for name in option.opts:
        joined = f"{name}=2" if name.startswith("--") else f"{name}2"
        with pytest.raises(UsageError, match=f"^{option.opts[0]} takes one value and is given 1, 2: give it once"):
            command.make_context(path[-1], [name, "1", joined])


def test_every_command_is_looked_at() -> None:
    paths = {" ".join(path) for path, _ in EVERY}
    assert {"rate", "compress", "decompress", "verify", "experiment rebound", "demo", "report"} <= paths
    assert {"rate --model", "compress --model", "experiment resistance --model"} <= {str(one.id) for one in OPTIONS}


def test_a_second_model_is_not_taken_in_place_of_the_first(run: Run) -> None:
    code, out, err = run("rate", "a.txt", "--model", "tiny", "--model", "smollm2")
    assert (code, out) == (2, "")
    assert "--model takes one value and is given tiny, smollm2" in said(err)
    assert "compresslab score compares several models" in said(err)


def test_a_flag_may_be_given_twice_and_a_list_of_values_too(run: Run) -> None:
    assert run("corpora", "--json", "--json")[0] == 0
    assert run("rate", "missing", "--where", "a=1", "--where", "b=2")[0] == 1  # the file, not the options


@pytest.mark.parametrize("option", ["--width", "--page"])
def test_the_prover_refuses_a_second_value_too(run: Run, option: str) -> None:
    code, out, err = run("prove", option, "100", option, "200")
    assert (code, out) == (2, "")
    assert f"argument {option}: it takes one value and is given 100, 200: give it once" in said(err)
