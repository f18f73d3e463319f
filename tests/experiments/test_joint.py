"""The elasticity theorem on small trained networks, and runs that are stopped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compresslab.errors import InvalidParameter, UnknownName
from compresslab.experiments.experiment import run
from compresslab.experiments.joint.experiment import JOINT
from compresslab.experiments.joint.presets import JOINT_PRESETS, joint_preset
from compresslab.experiments.joint.run import Arm, JointSpec, joint_scenario, joint_units, joint_words
from compresslab.experiments.joint.summary import ArmSummary, summarise_joint
from compresslab.experiments.joint.tables import joint_tables
from compresslab.experiments.rows import read_rows
from compresslab.report.markdown import markdown
from compresslab.report.page import Section

pytest.importorskip("torch", reason="training needs torch (the extra 'lm')")

GRID = (0.0, 0.25, 0.5, 1.0)
SMALL = Arm("gru", "gru", 32, (0, 1, 2), GRID, steps=400, branch_steps=100)
SPEC = JointSpec(
    words=10,
    max_bytes=5,
    phrases=100_000,
    arms=(
        SMALL,
        replace(SMALL, name="transformer", network="transformer", size=16, learning_rate=0.01, seeds=(0, 1)),
        replace(SMALL, name="separate", reading="separate"),
        replace(SMALL, name="same", reading="same"),
        replace(SMALL, name="too small", size=1, seeds=(0, 1)),
    ),
)
Summary = Callable[[str], ArmSummary]
TINY = replace(SPEC, arms=(replace(SMALL, size=4, seeds=(0, 1, 2, 3), steps=100, branch_steps=10),))


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ArmSummary]:
    """Give an arm's summary by its name; its networks are trained when it is asked for, and once."""

    @cache
    def of_arm(name: str) -> ArmSummary:
        alone = replace(SPEC, arms=tuple(arm for arm in SPEC.arms if arm.name == name))
        (one,) = summarise_joint(alone, run(JOINT, alone, tmp_path_factory.mktemp("joint")))
        return one

    return of_arm


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gru", "transformer"])
def test_the_slopes_of_a_network_that_fits_are_those_of_the_theory(name: str, summary: Summary) -> None:
    one = summary(name)
    assert one.largest_excess < 0.02
    for slope in one.slopes:
        assert slope.network.mean == pytest.approx(slope.theory, rel=0.1, abs=0.002)
        assert slope.polynomial == pytest.approx(slope.theory, rel=0.05, abs=0.002)
        assert slope.coded.mean == pytest.approx(slope.theory, rel=0.2, abs=0.01)
    if len(one.arm.seeds) > 2:
        assert all(slope.sign_agrees for slope in one.slopes if slope.role != "pretrain")
    assert one.at("pretrain", 0.0).network.mean < 0 < one.at("pretrain", 1.0).network.mean
    assert all(abs(residual.mean) < 0.3 for residual in one.conservation)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["separate", "same"])
def test_both_signs_turn_where_the_pretraining_data_does_not_hold_the_rest(name: str, summary: Summary) -> None:
    one = summary(name)
    assert one.at("pretrain", 0.25).network.sign == 1
    assert one.at("align", 0.25).network.sign == -1


@pytest.mark.slow
def test_a_network_that_does_not_fit_has_other_slopes(summary: Summary) -> None:
    one = summary("too small")
    assert one.excess.mean > 0.1
    off = max(abs(s.network.mean - s.theory) for s in one.slopes if s.role == "align")
    best = max(abs(s.network.mean - s.theory) for s in summary("gru").slopes if s.role == "align")
    assert off > 5 * best


@pytest.mark.slow
def test_the_report_names_every_arm_and_every_number(summary: Summary) -> None:
    text = markdown(Section("", tables=tuple(joint_tables([summary(arm.name) for arm in SPEC.arms], wide=True))))
    assert all(f"{arm.name}" in text for arm in SPEC.arms)
    assert f"{summary('gru').at('align', 0.25).theory:+.5f}" in text
    assert "nan" not in text


def test_the_words_are_leaves_and_the_parts_are_distributions() -> None:
    words, parts = joint_words(50, 6)
    assert words == sorted(set(words))
    assert max(map(len, words)) <= 6
    assert parts.shape == (3, len(words))
    assert parts.sum(axis=1) == pytest.approx(1)
    assert (np.count_nonzero(parts, axis=1) == 50).all()


def test_the_theory_of_each_reading_has_the_signs_it_is_there_for() -> None:
    _, parts = joint_words(100)
    for reading, signs in (("contained", (-1, 1)), ("separate", (1, -1)), ("same", (1, -1))):
        found = joint_scenario(parts, reading, 10.0).signs(0.25)
        assert (found.pretrain, found.align) == signs
    other = joint_scenario(parts, "contained", 10.0, ("code", "prose", "names")).probabilities
    assert np.array_equal(other[1:], parts[:2])


@pytest.mark.parametrize("preset", sorted(JOINT_PRESETS))
def test_every_preset_is_a_spec_that_holds(preset: str) -> None:
    joint_preset(preset).check()
    units = joint_units(joint_preset(preset), Path())
    assert len(units) == sum(len(arm.seeds) for arm in joint_preset(preset).arms)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"l": (0.1, 0.2, 0.3)}, "l is a grid that starts at 0 and rises"),
        ({"l": (0.0, 0.5, 0.5)}, "l is a grid that starts at 0 and rises"),
        ({"k": -1.0}, "k = .* is a positive number, not -1.0"),
        ({"seeds": ()}, "give at least one seed"),
        ({"seeds": (1, 1)}, "each once: not \\(1, 1\\)"),
        ({"steps": 0}, "steps is a whole number, 1 or more: not 0"),
        ({"learning_rate": 2.0}, "learning_rate lies between 0 and 1: not 2.0"),
        ({"network": "gruu"}, "did you mean 'gru'"),
        ({"reading": "contain"}, "did you mean 'contained'"),
        ({"roles": ("prose", "prose", "code")}, "the roles are prose, names, code in some order"),
    ],
)
def test_a_wrong_spec_fails_before_anything_is_written(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    spec = replace(SPEC, arms=(SMALL, replace(SMALL, name="wrong", **change)))
    with pytest.raises((InvalidParameter, UnknownName), match=message):
        run(JOINT, spec, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_other_wrong_specs() -> None:
    for change, message in (
        ({"words": 1}, "words is a whole number, 2 or more"),
        ({"device": "gpu"}, "the device is 'cpu' or 'cuda'"),
        ({"arms": (SMALL, SMALL)}, "every arm a name of its own"),
        ({"arms": ()}, "at least one arm"),
    ):
        with pytest.raises(InvalidParameter, match=message):
            replace(SPEC, **change).check()
    with pytest.raises(UnknownName, match="did you mean 'demo'"):
        joint_preset("demoo")


def test_a_folder_of_another_experiment_is_refused(tmp_path: Path) -> None:
    quick = replace(TINY, arms=(replace(TINY.arms[0], steps=2, branch_steps=2, seeds=(0,)),))
    run(JOINT, quick, tmp_path)
    saved = json.loads((tmp_path / "spec.json").read_text())
    assert saved["experiment"] == "joint"
    assert saved["arms"][0]["seeds"] == [0]
    with pytest.raises(
        InvalidParameter, match=r"holds the rows of another experiment \(phrases: 100000 there, 7 here\)"
    ):
        run(JOINT, replace(quick, phrases=7), tmp_path)
    with pytest.raises(InvalidParameter, match="no row for seed 1, l = 0: run it first"):
        summarise_joint(TINY, run(JOINT, quick, tmp_path))


RUN = """
import sys
from tests_joint import TINY
from compresslab.experiments.experiment import run
from compresslab.experiments.joint.experiment import JOINT
if __name__ == "__main__":
    run(JOINT, TINY, sys.argv[1], workers=int(sys.argv[2]))
"""


@pytest.mark.slow  # test_stages stops runs after each stage, in this process
@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_is_killed_goes_on_and_ends_with_the_same_bytes(workers: int, tmp_path: Path) -> None:
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    run(JOINT, TINY, undisturbed)
    root = Path(__file__).resolve().parents[2]
    (tmp_path / "tests_joint.py").write_text(
        f"import sys; sys.path.insert(0, {str(root)!r})\n"
        "from compresslab.experiments.joint.run import Arm, JointSpec\n"
        f"TINY = {TINY!r}\n"
    )
    (tmp_path / "main.py").write_text(RUN)
    process = subprocess.Popen([sys.executable, "main.py", str(killed), str(workers)], cwd=tmp_path, env=os.environ)
    rows = killed / "rows.jsonl"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None and not (rows.exists() and rows.stat().st_size):
        time.sleep(0.005)
    process.kill()
    process.wait()
    done = len(read_rows(rows))
    assert 0 < done < 4, f"the run was not stopped in the middle: {done} of 4 units were done"
    run(JOINT, TINY, killed, workers=workers)
    assert rows.read_bytes() == (undisturbed / "rows.jsonl").read_bytes()
    assert (killed / "spec.json").read_bytes() == (undisturbed / "spec.json").read_bytes()
