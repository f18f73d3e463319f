"""The commands ``compresslab experiment joint`` and ``volumes``, on specs small enough for a test."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from compresslab.cli.main import main
from compresslab.experiments.effective_volumes.presets import EFFECTIVE_PRESETS
from compresslab.experiments.effective_volumes.run import EffectiveSpec
from compresslab.experiments.experiment import run
from compresslab.experiments.joint.experiment import JOINT as EXPERIMENT
from compresslab.experiments.joint.presets import JOINT_PRESETS
from compresslab.experiments.joint.run import Arm, JointSpec
from compresslab.experiments.rows import read_rows

pytest.importorskip("torch", reason="training needs torch (the extra 'lm')")

JOINT = JointSpec(
    words=4,
    max_bytes=4,
    phrases=100,
    arms=(Arm("small", "gru", 4, (0, 1), (0.0, 0.5, 1.0), steps=5, branch_steps=3),),
)
VOLUMES = EffectiveSpec(
    words=4,
    mixtures=((0.5, 0.25, 0.25),),
    seeds=(0,),
    learning_rates=(0.01,),
    size=4,
    steps=3,
    phrases=50,
    pretrain_steps=5,
    align_steps=(1,),
    perturb_after=(1,),
    perturb_steps=(1,),
)


@pytest.fixture(autouse=True)
def small_presets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(JOINT_PRESETS, "demo", lambda: JOINT)
    monkeypatch.setitem(EFFECTIVE_PRESETS, "demo", lambda: VOLUMES)


def run_command(*arguments: object) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["experiment", *map(str, arguments), "--quiet"])
    assert stopped.value.code in (0, None)


def test_joint_prints_and_saves_its_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "joint"
    run_command("joint", "--out", out, "--workers", 1, "--rows", tmp_path / "rows.jsonl")
    shown = capsys.readouterr().out
    assert "small (gru 4)" in shown
    assert (out / "report.md").read_text(encoding="utf-8").startswith("- small (gru 4): excess")
    units = read_rows(out / "rows.jsonl")
    assert list(units) == ["small/seed 0", "small/seed 1"]
    written = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert written == [row for rows in units.values() for row in rows]
    assert json.loads((out / "spec.json").read_text())["arms"][0]["name"] == "small"


def test_joint_as_json_holds_no_infinity_even_for_one_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_command("joint", "--out", tmp_path / "joint", "--seeds", 1, "--workers", 1, "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["arms"][0]["excess"]["low"] is None
    assert found["arms"][0]["arm"]["seeds"] == [0]
    assert len(found["arms"][0]["slopes"]) == 9


def test_joint_takes_its_options_from_a_spec(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "joint"
    (tmp_path / "a.toml").write_text(f"out = {json.dumps(str(out))}\nseeds = 1\nworkers = 1\njson = true\n")
    run_command("joint", "--spec", tmp_path / "a.toml", "--save-spec", tmp_path / "b.json")
    assert json.loads(capsys.readouterr().out)["arms"][0]["arm"]["seeds"] == [0]
    saved = json.loads((tmp_path / "b.json").read_text())
    assert saved == {"command": "experiment joint", "out": str(out), "seeds": 1, "workers": 1}
    (run_once,) = json.loads((out / "run.json").read_text())["runs"]
    assert run_once["command"] == "compresslab experiment joint --preset demo --out joint --seeds 1"


@pytest.mark.usefixtures("undrawn")
def test_joint_writes_a_report_besides_that_says_how_it_was_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="reports need the extra 'report'")
    pytest.importorskip("jinja2", reason="reports need the extra 'report'")
    out, to = tmp_path / "joint", tmp_path / "pages"
    run_command("joint", "--out", out, "--workers", 1, "--report", to, "--json")
    shown = capsys.readouterr()
    assert json.loads(shown.out)["folder"] == str(out)
    assert shown.err == f"Report: {to / 'report.html'}\n"
    page = (to / "report.html").read_text(encoding="utf-8")
    assert "<title>Do trained networks follow the elasticity theorem?" in page
    assert "compresslab experiment joint --preset demo --out joint" in page
    assert f"--report {to}" in page


@pytest.mark.slow
def test_volumes_names_its_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "volumes"
    run_command("volumes", "--out", out, "--workers", 1)
    shown = capsys.readouterr().out
    assert "Known mixtures: 0 of 1 come back" in shown
    assert "Known mixtures: prose / names / code" in (out / "report.md").read_text(encoding="utf-8")
    run_command("volumes", "--out", out, "--workers", 1, "--json")
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 4


def test_finished_units_can_be_read_while_others_are_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "joint"
    with pytest.raises(SystemExit):
        main(["experiment", "joint", "--out", str(out), "--so-far", "--quiet"])
    assert "no arm of this experiment is finished there" in capsys.readouterr().err
    both = replace(JOINT, arms=(*JOINT.arms, replace(JOINT.arms[0], name="missing")))
    monkeypatch.setitem(JOINT_PRESETS, "demo", lambda: both)
    run(EXPERIMENT, both, out)
    rows = (out / "rows.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (out / "rows.jsonl").write_text("".join(rows[:-3]), encoding="utf-8")
    run_command("joint", "--out", out, "--so-far")
    shown = capsys.readouterr().out
    assert "small" in shown
    assert "missing" not in shown


@pytest.mark.parametrize("experiment", ["joint", "volumes", "effective-volumes"])
@pytest.mark.parametrize("option", ["--workers", "--seeds"])
def test_impossible_numbers_are_one_line_on_standard_error(
    experiment: str, option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["experiment", experiment, "--out", str(tmp_path / "x"), option, "0", "--quiet"])
    assert stopped.value.code == 1
    assert capsys.readouterr().err.strip() == f"compresslab: the number of {option[2:]} is at least 1, not 0"
    assert not (tmp_path / "x").exists()
