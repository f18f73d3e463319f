"""How an experiment was run can be told from its folder: by what it recorded, or by the spec alone."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from compresslab import __version__
from compresslab.errors import InvalidParameter
from compresslab.experiments.effective_volumes.run import effective_preset
from compresslab.experiments.joint.presets import joint_preset
from compresslab.experiments.resistance.presets import resistance_preset
from compresslab.experiments.row_source import experiment_run
from compresslab.experiments.run_record import experiment_command, find_command, read_runs, recorded_run
from compresslab.experiments.tuning_presets import rebound_preset, scaling_preset

DATA = ["pretrain=prose", "positive=good.txt", "positive=names", "negative=bad.txt"]
FLAGS = " ".join(f"--data {entry}" for entry in DATA)


def saved(experiment: str, spec: Any, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps({"experiment": experiment, **asdict(spec), **more}))
    return found


@pytest.mark.parametrize(
    ("found", "options"),
    [
        (saved("joint", joint_preset("demo"), leaves=3), "joint --preset demo --out run"),
        (saved("volumes", effective_preset("cpu")), "volumes --preset cpu --out run"),
        (saved("volumes", replace(effective_preset("cpu"), seeds=(0, 1))), "volumes --preset cpu --out run --seeds 2"),
        (saved("resistance", resistance_preset("demo")), "resistance --preset demo --out run"),
        (
            saved("resistance", resistance_preset("cpu", model="35k", data=["a.csv"], seeds=2)),
            "resistance --preset cpu --out run --data a.csv --model 35k --seeds 2",
        ),
        (saved("rebound", rebound_preset("cpu", data=DATA)), f"rebound --preset cpu --out run {FLAGS}"),
        (
            saved("rebound", rebound_preset("cpu", scale=0.4, seeds=2, model="35k")),
            "rebound --preset cpu --out run --model 35k --scale 0.4 --seeds 2",
        ),
        (
            saved("scaling", scaling_preset("demo", models=["7k", "96k"], data=DATA)),
            f"scaling --preset demo --out run {FLAGS} --model 7k --model 96k",
        ),
    ],
)
def test_a_spec_tells_the_command_that_makes_it(found: dict[str, Any], options: str) -> None:
    assert find_command("somewhere/run", found) == f"compresslab experiment {options}"


def test_a_spec_of_no_preset_has_no_command(tmp_path: Path) -> None:
    found = saved("rebound", rebound_preset("cpu"))
    found["recipe"]["learning_rate"] = 0.5
    assert find_command(tmp_path, found) is None
    assert find_command(tmp_path, {"experiment": "baking"}) is None
    (tmp_path / "spec.json").write_text(json.dumps(found))
    told = experiment_run(tmp_path)
    assert told.command == ""
    assert told.said.startswith("No preset with any options gives these rows' spec")
    assert told.facts["seeds"] == "0 to 3 (contained); 0 to 2 (separate)"


def test_a_run_is_recorded_once_and_without_folders(tmp_path: Path) -> None:
    options = {"data": ["positive=/home/someone/good.txt"], "seeds": 2, "model": None}
    for _ in range(2):
        with recorded_run("rebound", "cpu", tmp_path, options):
            (tmp_path / "spec.json").write_text(json.dumps(saved("rebound", rebound_preset("cpu", seeds=2))))
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
    with recorded_run("rebound", "demo", tmp_path):
        pass
    assert "the last of 2" in experiment_run(tmp_path).said


def test_what_is_refused_leaves_no_record_and_what_is_interrupted_does(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter), recorded_run("joint", "demo", tmp_path):
        raise InvalidParameter("another experiment's folder")
    with recorded_run("joint", "demo", tmp_path):
        pass  # nothing is there to be told of
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "spec.json").write_text(json.dumps(saved("joint", joint_preset("demo"))))
    with pytest.raises(KeyboardInterrupt), recorded_run("joint", "demo", tmp_path):
        raise KeyboardInterrupt
    assert len(read_runs(tmp_path)) == 1


@pytest.mark.parametrize("text", ["", "[]", '{"runs": [1]}', '{"runs": [{"command": 3, "versions": {}}]}'])
def test_a_damaged_record_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(InvalidParameter, match=r"run\.json is no record of runs .*: delete it"):
        read_runs(tmp_path)
