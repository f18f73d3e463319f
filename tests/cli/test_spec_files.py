"""``--spec`` is the command line in a file, and ``--save-spec`` writes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from compresslab._support.spec_text import read_table, write_table

pytest.importorskip("torch", reason="needs the extra 'lm'")
pytest.importorskip("transformers", reason="needs the extra 'lm'")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from compresslab.lm.checkpoints import save
    from compresslab.lm.tiny import TinyShape, make_tiny

    where = tmp_path_factory.mktemp("specs")
    save(make_tiny(TinyShape(hidden=8, layers=1, heads=2, context=16), device="cpu"), where / "model")
    for name in "pt":
        (where / f"{name}.txt").write_text(f"to be {name}\nor not\n")
    return where


def test_a_spec_is_the_command_line_and_is_written_as_it_was_given(run: Run, folder: Path, tmp_path: Path) -> None:
    typed = [
        "probe", "--model", folder / "model", "--pretrain", f"plays={folder / 'p.txt'}", "--perturb",
        f"new={folder / 't.txt'}", "--examples", "4,8", "--learning-rate", "1e-3", "--first-order", "--device", "cpu",
    ]  # fmt: skip
    code, out, err = run(*typed, "--save-spec", tmp_path / "a.toml", "--json", "-q")
    assert (code, err) == (0, "")
    saved = read_table(tmp_path / "a.toml")
    assert saved == {
        "command": "probe", "model": str(folder / "model"), "pretrain": [f"plays={folder / 'p.txt'}"],
        "perturb": [f"new={folder / 't.txt'}"], "learning_rate": 1e-3, "examples": "4,8", "first_order": True,
        "device": "cpu",
    }  # fmt: skip
    written = saved | {"pretrain": {"plays": str(folder / "p.txt")}, "examples": [4, 8]}  # as a person writes it
    written["learning-rate"] = written.pop("learning_rate")
    write_table(tmp_path / "b.yaml", written)
    code, again, err = run("probe", "--spec", tmp_path / "b.yaml", "--save-spec", tmp_path / "c.json", "--json", "-q")
    assert (code, err) == (0, "")
    one, two = json.loads(out), json.loads(again)
    assert {**one, "seconds": {}} == {**two, "seconds": {}}
    assert read_table(tmp_path / "c.json") == saved
    code, other, _ = run("probe", "--spec", tmp_path / "c.json", "--learning-rate", "2e-3", "--dry-run", "--json", "-q")
    assert code == 0
    assert json.loads(other)["parameters"] == one["model"]["parameters"]


def test_arguments_stand_in_a_spec_too(run: Run, folder: Path, tmp_path: Path) -> None:
    values = {
        "models": [str(folder / "model")] * 2, "pretrain": str(folder / "p.txt"), "align": str(folder / "t.txt"),
        "perturb": [f"new={folder / 'model' / 'config.json'}"], "dry_run": True, "format": "perturb:text",
    }  # fmt: skip
    write_table(tmp_path / "a.toml", values)
    code, out, err = run("audit", "--spec", tmp_path / "a.toml", "--json", "-q")
    assert (code, err) == (0, "")
    assert json.loads(out)["parameters"] > 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"modell": "tiny"}, "has the unknown option 'modell': did you mean 'model'?"),
        ({"command": "audit"}, "is a spec of 'compresslab audit': give it to that command"),
        ({"learning-rate": 1, "learning_rate": 2}, "has the option 'learning_rate' twice"),
        ({"verify": "yes"}, "verify in a.json is true or false: not 'yes'"),
        ({"batch": True}, "batch in a.json is text, a number, or a list of these: not True"),
        ({"model": {"a": "b"}}, "model in a.json is text, a number, or a list of these: not {'a': 'b'}"),
        ({"model": "tiny", "batch": 4.5}, "Invalid value for '--batch'"),
        ({"model": "tiny", "state": "mixture", "optimizer": "sgd"}, "--state: only adamw has a state"),
        ({}, "Missing option '--model'"),
    ],
)
def test_what_a_spec_cannot_say_is_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, object], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_table("a.json", values)
    code, _, err = run("probe", "--spec", "a.json")
    assert code in (1, 2)
    assert message in " ".join(err.replace("\u2502", " ").split())
