"""``compresslab probe``: what the function finds, as tables, as JSON, as a page; and wrong calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra 'lm'")
pytest.importorskip("transformers", reason="needs the extra 'lm'")
import compresslab
from compresslab.data.door import read_data
from compresslab.lm.checkpoints import load, save
from compresslab.lm.tiny import TinyShape, make_tiny
from compresslab.probe.json_form import as_json
from compresslab.probe.planning import plan_probe, weights_of
from compresslab.probe.settings import ProbeSettings

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("probe")
    save(make_tiny(TinyShape(hidden=8, layers=1, heads=2, context=16), device="cpu"), where / "model")
    for name, lines in {"p": "to be\nor not\nto be\nthat is", "a": "please\nthanks", "o": "1\n22\n333\n4"}.items():
        (where / f"{name}.txt").write_text(lines + "\n")
    rows = [{"prompt": f"what {i}?", "response": "no" * i} for i in range(1, 5)]
    (where / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return where


def options(folder: Path) -> list[str]:
    return [
        "probe", "--model", str(folder / "model"), "--pretrain", f"plays={folder / 'p.txt'}", "--align",
        str(folder / "a.txt"), "--other", f"numbers={folder / 'o.txt'}", "--perturb", f"new={folder / 't.jsonl'}",
        "--learning-rate", "1e-3", "--examples", "4", "--device", "cpu",
    ]  # fmt: skip


def test_json_is_what_the_function_finds(run: Run, folder: Path) -> None:
    code, out, err = run(*options(folder), "--json", "--quiet", "--precision", "0.5")
    assert (code, err) == (0, "")
    value = json.loads(out)
    found = compresslab.probe(
        load(folder / "model", device="cpu"),
        pretrain={"plays": read_data(folder / "p.txt")}, align={"a.txt": read_data(folder / "a.txt")},
        other={"numbers": read_data(folder / "o.txt")}, perturb={"new": read_data(folder / "t.jsonl")},
        learning_rate=1e-3, examples=[4],
    )  # fmt: skip
    wanted = as_json(found, 0.5)
    for part in (
        "settings",
        "roles",
        "datasets",
        "overlap",
        "predicted",
        "stationarity",
        "return_criterion",
        "precision",
    ):
        assert value[part] == wanted[part], part
    assert value["datasets"]["new"]["tokens"] == sum(2 * i + 1 for i in range(1, 5))  # prompts are context alone
    assert [one["name"] for one in value["read"]] == ["p.txt", "a.txt", "o.txt", "t.jsonl"]


def test_a_page_shows_the_matrix_the_curves_and_what_was_measured(run: Run, folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra 'report'")
    code, out, err = run(*options(folder), "--verify", "--report", tmp_path / "page", "--quiet")
    assert (code, err) == (0, "")
    assert "Training on 4 examples of 'new' by adamw" in out
    assert "measured" in out
    page = (tmp_path / "page" / "report.html").read_text(encoding="utf-8")
    assert "What will fine-tuning" in page
    drawn = {path.stem for path in (tmp_path / "page" / "figures").glob("*.svg")}
    assert drawn == {"overlaps", "changes-0", "agreement"}


def test_a_dry_run_touches_no_weights(run: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for name in ("config.json", "compresslab.json"):
        (tmp_path / "model" / name).write_bytes((folder / "model" / name).read_bytes())
    given = options(folder)
    given[2] = str(tmp_path / "model")
    code, out, err = run(*given, "--dry-run", "--json")
    assert (code, err) == (0, "")
    weights = sum(p.numel() for p in load(folder / "model", device="cpu").module.parameters())
    assert json.loads(out)["parameters"] == weights == weights_of(str(folder / "model"))
    assert "of memory" in run(*given, "--dry-run")[1]


def test_a_plan_grows_with_what_is_asked() -> None:
    def plan(**changes: object) -> float:
        asked = {"linearised": False, "examples": (64,), **changes}
        settings = ProbeSettings(**asked)  # type: ignore[arg-type]
        found = plan_probe(10**6, {"a": 10**4}, settings, perturbations=1, verify=False, flops=1e9)
        assert found.seconds is not None
        return found.seconds

    assert plan() < plan(examples=(128,)) < plan(examples=(128,), linearised=True)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--examples", "4,x"], "--examples are whole numbers"),
        (["--examples", "6"], "multiples of the batch, 4"),
        (["--optimizer", "adam"], "did you mean 'adamw'"),
        (["--precision", "0"], "a precision is half an interval"),
        (["--other", "plays=FOLDER/o.txt"], "two datasets are called 'plays'"),
        (["--perturb", "=FOLDER/o.txt"], "is not of the form NAME=FILE"),
        (["--perturb", "more=FOLDER/none"], "cannot read"),
    ],
)
def test_a_wrong_call_is_one_line(run: Run, folder: Path, more: list[str], message: str) -> None:
    given = [one.replace("FOLDER", str(folder)) for one in more]
    usual = options(folder)
    if given[0] == "--examples":  # an option that is given once
        at = usual.index(given[0])
        del usual[at : at + 2]
    code, out, err = run(*usual, *given, "--quiet")
    assert (code, out) == (1, "")
    assert message in err
    assert err.count("\n") == 1


def test_something_to_train_on_is_needed(run: Run, folder: Path) -> None:
    code, _, err = run("probe", "--model", folder / "model", "--pretrain", folder / "p.txt")
    assert code == 1
    assert "no --perturb" in err


def test_a_model_without_known_size_is_refused_in_a_dry_run(run: Run, folder: Path) -> None:
    code, _, err = run("probe", "--model", "nope", "--perturb", folder / "p.txt", "--dry-run")
    assert code == 1
    assert "the size of 'nope' is not known" in err
