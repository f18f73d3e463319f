"""How an experiment was run can be told from its folder: by what it recorded, or by the spec alone."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from compresslab import __version__
from compresslab.errors import InvalidParameter
from compresslab.experiments.rebound.presets import rebound_preset
from compresslab.experiments.row_source import experiment_run
from compresslab.experiments.run_record import experiment_command, read_runs, record_run

DATA = ["pretrain=prose", "positive=good.txt", "positive=names", "negative=bad.txt"]
FLAGS = " ".join(f"--data {entry}" for entry in DATA)


def saved(experiment: str, spec: Any, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps({"experiment": experiment, **asdict(spec), **more}))
    return found


def test_rows_without_a_record_say_so(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text(json.dumps(saved("rebound", rebound_preset("cpu"))))
    told = experiment_run(tmp_path)
    assert told.command == ""
    assert told.said.startswith("How these rows were measured is not recorded")
    assert told.facts["seeds"] == "0 to 3 (contained); 0 to 2 (separate)"
    entry = {"command": "compresslab experiment rebound --preset cpu", "versions": {}, "machine": "not recorded"}
    (tmp_path / "run.json").write_text(json.dumps({"runs": [entry]}))
    told = experiment_run(tmp_path)
    assert told.command == entry["command"]
    assert told.facts["machine and versions"] == "not recorded with these rows"


def test_a_run_is_recorded_once_and_without_folders(tmp_path: Path) -> None:
    options = {"data": ["positive=/home/someone/good.txt"], "seeds": 2, "model": None}
    (tmp_path / "spec.json").write_text(json.dumps(saved("rebound", rebound_preset("cpu", seeds=2))))
    for _ in range(2):
        record_run("rebound", "cpu", tmp_path, options)
    (one,) = read_runs(tmp_path)
    command = f"compresslab experiment rebound --preset cpu --out {tmp_path.name} --data positive=good.txt --seeds 2"
    assert one["command"] == command == experiment_command("rebound", "cpu", tmp_path, options)
    assert one["versions"]["compresslab"] == __version__
    assert set(one["versions"]) >= {"compresslab", "numpy", "torch", "Python"}
    assert str(tmp_path.parent) not in (tmp_path / "run.json").read_text()
    told = experiment_run(tmp_path)
    assert told.command == command
    assert told.said == "The rows were measured by this command:"
    assert one["machine"] == told.facts["machine"]
    record_run("rebound", "demo", tmp_path)
    assert "the last of 2" in experiment_run(tmp_path).said


@pytest.mark.parametrize("text", ["", "[]", '{"runs": [1]}', '{"runs": [{"command": 3, "versions": {}}]}'])
def test_a_damaged_record_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(InvalidParameter, match=r"run\.json is not a record of runs .*: delete it"):
        read_runs(tmp_path)
