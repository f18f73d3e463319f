"""``compresslab audit``: what the function finds, as tables, as JSON, as a page; resumed; and wrong calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra 'lm'")
pytest.importorskip("transformers", reason="needs the extra 'lm'")
import compresslab
from compresslab.audit.json_form import as_json, schema
from compresslab.audit.planning import plan_audit
from compresslab.audit.settings import QUICK, AuditSettings
from compresslab.data.door import read_data
from compresslab.lm.checkpoints import load, save
from compresslab.lm.tiny import TinyShape, make_tiny
from tests.json_rules import valid

Run = Callable[..., tuple[int, str, str]]
SHAPE = TinyShape(hidden=8, layers=1, heads=2, context=24)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("audit")
    for name, seed in (("base", 0), ("aligned", 1), ("later", 2)):
        save(make_tiny(SHAPE, seed=seed, device="cpu"), where / name)
    for name, lines in {"p": "to be\nor not\nto be", "a": "please\nthanks\nsorry", "n": "1\n22\n333\n4"}.items():
        (where / f"{name}.txt").write_text(lines + "\n")
    rows = [{"prompt": f"what {i}?", "response": "no" * i} for i in range(1, 5)]
    (where / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return where


def options(folder: Path) -> list[str]:
    return [
        "--pretrain", f"plays={folder / 'p.txt'}", "--align", str(folder / "a.txt"), "--perturb",
        f"new={folder / 't.jsonl'}", "--learning-rate", "1e-3", "--device", "cpu", "--first-order",
    ]  # fmt: skip


def models(folder: Path, *names: str) -> list[str]:
    return [str(folder / name) for name in names]


def test_json_is_what_the_function_finds(run: Run, folder: Path, tmp_path: Path) -> None:
    more = ("--quick", "--json", "-q", "--rows", tmp_path / "rows.jsonl")
    code, out, err = run("audit", *models(folder, "base", "aligned"), *options(folder), *more)
    assert (code, err) == (0, "")
    value = json.loads(out)
    found = compresslab.audit(
        load(folder / "base", device="cpu"), load(folder / "aligned", device="cpu"),
        pretrain={"plays": read_data(folder / "p.txt")}, align={"a.txt": read_data(folder / "a.txt")},
        perturb={"new": read_data(folder / "t.jsonl")}, learning_rate=1e-3, linearised=False, **QUICK,
    )  # fmt: skip
    wanted = as_json(found)
    for part in ("settings", "data", "code_length_nats", "kl_nats", "net_of_control", "undone_share", "shares", "gate"):
        assert value[part] == wanted[part], part
    assert value["data"]["new"]["tokens"] == sum(2 * i + 1 for i in range(1, 5))  # prompts are context alone
    assert [one["name"] for one in value["read"]] == ["p.txt", "a.txt", "t.jsonl"]
    assert valid(value, schema()) == []
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [row["what"] for row in rows] == [*["change"] * len(value["changes"]), *[s["what"] for s in value["shares"]]]
    for row, one in zip(rows, [*value["changes"], *value["shares"]], strict=True):
        key = "net_of_control_nats" if row["what"] == "change" else "net_of_control"
        assert [row[key], row[f"{key}_low"], row[f"{key}_high"]] == [one[key][end] for end in ("value", "low", "high")]


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_a_series_has_a_row_each_and_goes_on_from_its_folder(run: Run, folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra 'report'")
    given = [
        "audit", *models(folder, "base", "aligned", "later"), *options(folder), "--neutral",
        f"numbers={folder / 'n.txt'}", "--examples", "4", "--seeds", "1", "--out", str(tmp_path / "kept"), "--quiet",
    ]  # fmt: skip
    code, out, err = run(*given, "--report", tmp_path / "page")
    assert (code, err) == (0, "")
    assert out.startswith("How elastic each model is, after 4 examples, net of control")
    assert "The placebo was aligned to 4 neutral examples" in out
    assert "net of placebo" in out
    page = (tmp_path / "page" / "report.html").read_text(encoding="utf-8")
    assert "what comes back?" in page
    drawn = {path.stem for path in (tmp_path / "page" / "figures").glob("*.svg")}
    assert {"positions-0", "positions-1"} <= drawn
    code, again, _ = run(*given)
    assert (code, again) == (0, out.partition("Report: ")[0])


def test_a_dry_run_touches_no_weights(run: Run, folder: Path, tmp_path: Path) -> None:
    for name in ("base", "aligned"):
        (tmp_path / name).mkdir()
        for file in ("config.json", "compresslab.json"):
            (tmp_path / name / file).write_bytes((folder / name / file).read_bytes())
    code, out, err = run("audit", *models(tmp_path, "base", "aligned"), *options(folder), "--dry-run", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["parameters"] == sum(
        p.numel() for p in load(folder / "base", device="cpu").module.parameters()
    )


def test_a_plan_grows_with_what_is_asked() -> None:
    data = {"pretrain": {"p": 10**4}, "align": {"a": 10**4}, "perturb": {"t": 10**4}, "neutral": {}}

    def seconds(neutral: int = 0, pairs: int = 1, **changes: object) -> float:
        given = {**data, "neutral": {"n": neutral} if neutral else {}}
        asked = AuditSettings(linearised=False).changed(changes)
        found = plan_audit(10**6, given, asked, pairs=pairs, flops=1e9).seconds
        assert found is not None
        return found

    usual = seconds()
    assert usual < seconds(seeds=4)
    assert usual < seconds(examples=(4, 16, 64, 256))
    assert usual < seconds(linearised=True)
    assert usual < seconds(neutral=10**4) < seconds(neutral=10**4, alignment_sum=1.0)
    assert usual < seconds(pairs=2) < 2 * usual  # the control is trained once


@pytest.mark.parametrize(
    ("names", "more", "message"),
    [
        (["base"], [], "give both, BASE ALIGNED"),
        (["base", "aligned", "later"], ["--sizes"], "--sizes takes pairs"),
        (["base", "aligned"], ["--examples", "4,x"], "--examples are whole numbers"),
        (["base", "aligned"], ["--examples", "6"], "multiples of the batch, 4"),
        (["base", "aligned"], ["--level", "0"], "level_nats is above 0"),
        (["base", "aligned"], ["--neutral", "FOLDER/p.txt"], "p.txt is in two roles, pretrain and neutral"),
        (["base", "aligned"], ["--align", "plays=FOLDER/n.txt"], "two datasets are called 'plays'"),
        (["base", "nothing"], [], "there is no such folder"),
    ],
)
def test_a_wrong_call_is_one_line(run: Run, folder: Path, names: list[str], more: list[str], message: str) -> None:
    given = [one.replace("FOLDER", str(folder)) for one in more]
    code, out, err = run("audit", *models(folder, *names), *options(folder), *given, "--quiet")
    assert (code, out) == (1, "")
    assert message in err
    assert err.count("\n") == 1


def test_every_role_is_needed(run: Run, folder: Path) -> None:
    code, _, err = run("audit", *models(folder, "base", "aligned"), "--pretrain", folder / "p.txt")
    assert code == 1
    assert "no --align" in err
