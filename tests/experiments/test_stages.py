"""A run that is stopped after any stage, or killed at any moment, ends with the rows of one that was not."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from compresslab.cli.main import main
from compresslab.errors import InvalidParameter, TimeLimitReached, UnreadableFile
from compresslab.experiments import stages as stages_module
from compresslab.experiments.effective_volumes.experiment import EFFECTIVE_VOLUMES
from compresslab.experiments.effective_volumes.run import EffectiveSpec
from compresslab.experiments.experiment import Experiment, Work, _work, design_of, run
from compresslab.experiments.joint.experiment import JOINT
from compresslab.experiments.joint.presets import JOINT_PRESETS
from compresslab.experiments.joint.run import Arm, JointSpec
from compresslab.experiments.models import base_models
from compresslab.experiments.models.finetuning import Recipe
from compresslab.experiments.rebound.experiment import REBOUND
from compresslab.experiments.registry import EXPERIMENTS, get_experiment
from compresslab.experiments.resistance.experiment import RESISTANCE
from compresslab.experiments.resistance.spec import ResistanceSpec
from compresslab.experiments.rows import read_rows
from compresslab.experiments.run_record import read_runs
from compresslab.experiments.scaling.experiment import SCALING
from compresslab.experiments.stages import Stages
from compresslab.lm.tiny import TinyShape
from tests.experiments.tuning import small_rebound, small_scaling
from tests.lm.test_hugging_face import bpe

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="needs the extra 'lm' (torch and transformers)"
)

JOINT_SPEC = JointSpec(
    words=4, max_bytes=4, phrases=100, arms=(Arm("a", "gru", 4, (0,), (0.0, 0.5, 1.0), steps=5, branch_steps=3),)
)
VOLUMES_SPEC = EffectiveSpec(
    words=4, mixtures=((0.5, 0.25, 0.25),), seeds=(0,), learning_rates=(0.01,), size=4, steps=3, phrases=50,
    pretrain_steps=5, align_steps=(1, 3), perturb_after=(1,), perturb_steps=(1, 2),
)  # fmt: skip
MINI = TinyShape(hidden=8, layers=1, heads=2, context=32)
RESISTANCE_SPEC = ResistanceSpec(
    ("pairs.jsonl",), (0,), model="mini", symbols=400, slice_pairs=12, answers=2, prompts=8, responses=16, epochs=1,
    longest=20, pretraining=Recipe(batch=2, length=32, packed=True), recipe=Recipe(batch=2, length=32),
)  # fmt: skip


class Stopped(BaseException):
    """In place of a kill: nothing is caught on the way."""


def made(name: str, folder: Path) -> tuple[Experiment[Any, Any, Any], Any]:
    """An experiment and a spec of seconds, whose data is in the folder."""
    if name == "joint":
        return JOINT, JOINT_SPEC
    if name == "effective-volumes":
        return EFFECTIVE_VOLUMES, VOLUMES_SPEC
    if name == "resistance":
        folder.mkdir(exist_ok=True)
        rows = [{"prompt": f"n{i}?", "response": f"{word} {i % 7}"} for i in range(40) for word in ("yes", "é", "so")]
        (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return RESISTANCE, replace(RESISTANCE_SPEC, data=(str(folder / "pairs.jsonl"),))
    if name == "rebound":
        spec = small_rebound(folder)
        (folder / "neutral.txt").write_text("".join(f"so {i}\n" for i in range(60)))
        texts = replace(spec.texts, neutral=(str(folder / "neutral.txt"),))
        arms = (replace(spec.arms[0], seeds=(0,)),)
        return REBOUND, replace(spec, arms=arms, positive=(0, 4), samples=2, texts=texts)
    return SCALING, replace(small_scaling(folder), seeds=(0,), volumes=())


@pytest.fixture(autouse=True)
def mini(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(base_models.SHAPES, "mini", MINI)


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Let the run end right after it has kept so many stages; beside the number, which file it kept last."""
    put = Stages.put
    left: list[Any] = [10**9, None]

    def count(self: Stages, name: str, value: Any) -> None:
        put(self, name, value)
        left[0] -= 1
        if left[0] == 0:
            left[1] = name
            raise Stopped

    monkeypatch.setattr(Stages, "put", count)
    yield left
    left[0] = 10**9


@pytest.mark.parametrize(
    "name", ["joint", "resistance", *(pytest.param(n, marks=pytest.mark.slow)
                                      for n in ("effective-volumes", "rebound", "scaling"))]
)  # fmt: skip
def test_a_run_that_is_stopped_after_any_stage_ends_with_the_same_rows(
    name: str, tmp_path: Path, stop_after: Any
) -> None:
    experiment, spec = made(name, tmp_path / "data")
    rows = run(experiment, spec, tmp_path / "whole")
    out, stops, before = tmp_path / "stopped", 0, ""
    while True:  # each time one stage further, each time from where the last one was
        # A stop of a training is kept in two files: what was stopped between them goes on to the second.
        stop_after[0], before = 1 + (stop_after[1] == before), stop_after[1]
        try:
            again = run(experiment, spec, out)
            break
        except Stopped:
            stops += 1
            assert stops < 200
    assert again == rows
    assert (out / "rows.jsonl").read_bytes() == (tmp_path / "whole" / "rows.jsonl").read_bytes()
    assert stops >= 4
    assert not (out / "stages").exists()


def test_the_test_above_would_notice_a_stage_that_goes_on_from_elsewhere(
    tmp_path: Path, stop_after: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = run(JOINT, JOINT_SPEC, tmp_path / "whole")
    stop_after[0] = 1
    with pytest.raises(Stopped):
        run(JOINT, JOINT_SPEC, tmp_path / "stopped")
    get = Stages.get

    def another(self: Stages, name: str) -> Any:
        found = get(self, name)
        return {key: value + 0.01 for key, value in found.items()} if name == "trunk" and found else found

    monkeypatch.setattr(Stages, "get", another)
    assert run(JOINT, JOINT_SPEC, tmp_path / "stopped") != rows


def test_a_damaged_stage_is_done_again(tmp_path: Path, stop_after: Any) -> None:
    rows = run(JOINT, JOINT_SPEC, tmp_path / "whole")
    out = tmp_path / "stopped"
    stop_after[0] = 3
    with pytest.raises(Stopped):
        run(JOINT, JOINT_SPEC, out)
    stages = sorted(out.rglob("*.stage"))
    assert len(stages) == 3
    for path, content in zip(stages, (b"", b"x" * 100, stages[2].read_bytes()[:-1]), strict=True):
        path.write_bytes(content)
    assert run(JOINT, JOINT_SPEC, out) == rows


def test_a_stage_of_another_spec_unit_or_name_is_not_read(tmp_path: Path, stop_after: Any) -> None:
    other = replace(JOINT_SPEC, arms=(replace(JOINT_SPEC.arms[0], steps=6),))
    rows = run(JOINT, JOINT_SPEC, tmp_path / "whole")
    out = tmp_path / "left"
    stop_after[0] = 4
    with pytest.raises(Stopped):
        run(JOINT, other, out)
    (out / "spec.json").unlink()  # somebody began anew, and left the stages
    stop_after[0] = 10**9
    assert run(JOINT, JOINT_SPEC, out) == rows
    Stages(tmp_path / "s", of="a").put("one", 5)
    (path,) = (tmp_path / "s").iterdir()
    assert Stages(tmp_path / "s", of="b").get("one") is None
    os.rename(path, Stages(tmp_path / "s")._path("two"))  # type: ignore[arg-type]
    assert Stages(tmp_path / "s", of="a").get("two") is None


def test_two_runs_in_one_folder_are_refused(tmp_path: Path) -> None:
    rows = run(JOINT, JOINT_SPEC, tmp_path / "whole")
    tried = []

    def work(unit: Any, stages: Stages) -> list[dict[str, Any]]:
        with pytest.raises(InvalidParameter, match="another process runs the experiment in .*: wait until it ends"):
            run(JOINT, JOINT_SPEC, tmp_path / "one")
        tried.append(unit)
        return JOINT.work(unit, stages)

    assert run(replace(JOINT, work=work), JOINT_SPEC, tmp_path / "one") == rows
    assert len(tried) == 1
    assert run(JOINT, JOINT_SPEC, tmp_path / "one") == rows


def test_a_run_is_recorded_before_its_first_stage_and_not_where_it_adds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_after: Any
) -> None:
    monkeypatch.setitem(JOINT_PRESETS, "demo", lambda: JOINT_SPEC)
    command = ["experiment", "joint", "--out", str(tmp_path / "x"), "--workers", "1", "-q", "--json"]

    def call(*more: str) -> None:
        with pytest.raises((SystemExit, Stopped)):
            main([*command, *more])

    call("--time-limit", "1e-9")
    assert len(read_runs(tmp_path / "x")) == 1
    (tmp_path / "x" / "run.json").unlink()
    stop_after[0] = 1
    call()
    assert len(read_runs(tmp_path / "x")) == 1
    stop_after[0] = 10**9
    call()
    (tmp_path / "x" / "run.json").unlink()
    call()
    assert not (tmp_path / "x" / "run.json").exists()
    monkeypatch.setitem(JOINT_PRESETS, "demo", lambda: replace(JOINT_SPEC, phrases=101))
    call()  # refused: another experiment's folder
    assert not (tmp_path / "x" / "run.json").exists()


def test_a_kept_stage_comes_back_equal(tmp_path: Path) -> None:
    import torch

    kept = {"rows": [{"a": 1 / 3, "b": None, "c": "é", "d": [True, 10**30]}], "weights": {"w": torch.arange(3) / 7}}
    Stages(tmp_path / "s").put("one", kept)
    found = Stages(tmp_path / "s").get("one")
    assert found["rows"] == kept["rows"]
    assert torch.equal(found["weights"]["w"], torch.arange(3) / 7)
    assert Stages(tmp_path / "s").get("two") is None
    assert Stages().get("one") is None
    (tmp_path / "file").write_text("")
    with pytest.raises(UnreadableFile, match="cannot make .*file/s"):
        Stages(tmp_path / "file" / "s").put("one", 1)
    part = Stages(tmp_path / "s").part("p")
    part.put("one", 5)
    assert (part.get("one"), Stages(tmp_path / "s").get("p/one")) == (5, 5)


# ---- a limit of time ----


def test_a_run_ends_before_its_time_limit_and_goes_on_later(tmp_path: Path) -> None:
    rows = run(JOINT, JOINT_SPEC, tmp_path / "whole")
    with pytest.raises(TimeLimitReached, match="what is finished is kept, and the same command goes on"):
        run(JOINT, JOINT_SPEC, tmp_path / "limited", time_limit=1e-9)
    assert read_rows(tmp_path / "limited" / "rows.jsonl") == {}
    assert run(JOINT, JOINT_SPEC, tmp_path / "limited", time_limit=1e6) == rows
    for limit in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InvalidParameter, match="a time limit is a positive number of seconds"):
            run(JOINT, JOINT_SPEC, tmp_path / "no", time_limit=limit)


def test_the_next_stage_is_thought_to_take_as_long_as_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = Stages(deadline=time.time() + 1000)
    stages.check_time()
    monkeypatch.setitem(stages_module._longest, stages.deadline, 1001.0)
    with pytest.raises(TimeLimitReached):
        stages.check_time()


def test_a_unit_is_not_begun_where_a_stage_of_the_one_before_took_longer_than_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, begun = [1000.0], []
    monkeypatch.setattr(stages_module, "time", SimpleNamespace(time=lambda: now[0]))
    monkeypatch.setattr(stages_module, "_longest", {})

    def work(seconds: float, stages: Stages) -> list[dict[str, Any]]:
        begun.append(seconds)
        now[0] += seconds
        stages.put("one", 1)
        return [{"seconds": seconds}]

    def take(seconds: float) -> None:
        _work(Work(work, seconds, str(tmp_path / f"{seconds}"), deadline=1105.0, of=""))

    take(50.0)
    now[0] += 10
    with pytest.raises(TimeLimitReached):
        take(10.0)
    assert begun == [50.0]


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_says_that_the_limit_is_reached(
    as_json: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(JOINT_PRESETS, "demo", lambda: JOINT_SPEC)
    command = ["experiment", "joint", "--out", str(tmp_path / "x"), "--workers", "1", "--time-limit", "1e-9", "-q"]
    with pytest.raises(SystemExit) as stop:
        main([*command, *["--json"] * as_json])
    assert stop.value.code in (0, None)
    shown = capsys.readouterr()
    assert shown.err.startswith("compresslab: the time limit is reached")
    assert (json.loads(shown.out) == {"folder": str(tmp_path / "x"), "finished": False}) if as_json else not shown.out


# ---- kills ----

KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from compresslab.experiments.experiment import run
from compresslab.experiments.models import base_models
from tests.experiments.test_stages import MINI, made
base_models.SHAPES["mini"] = MINI
if __name__ == "__main__":
    experiment, spec = made(sys.argv[1], Path(sys.argv[2]))
    run(experiment, spec, sys.argv[3], workers=2)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(EXPERIMENTS))
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_rows(name: str, tmp_path: Path) -> None:
    experiment, spec = made(name, tmp_path / "data")
    rows = run(experiment, spec, tmp_path / "whole")
    (tmp_path / "main.py").write_text(KILLED)
    root = str(Path(__file__).resolve().parents[2])
    command = [sys.executable, str(tmp_path / "main.py"), name, str(tmp_path / "data"), str(tmp_path / "killed"), root]
    drawn = random.Random(0)
    for _ in range(5):
        process = subprocess.Popen(command, cwd=tmp_path, env=os.environ)
        try:
            process.wait(timeout=drawn.uniform(2, 8))
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    assert run(experiment, spec, tmp_path / "killed") == rows
    assert (tmp_path / "killed" / "rows.jsonl").read_bytes() == (tmp_path / "whole" / "rows.jsonl").read_bytes()


# ---- the protocol ----


@pytest.mark.parametrize("name", sorted(EXPERIMENTS))
def test_every_experiment_states_its_design_before_there_are_rows(name: str, tmp_path: Path) -> None:
    experiment = get_experiment(name)
    assert experiment.name == name
    assert all(vars(experiment.design).values())
    small, spec = made(name, tmp_path / "data")
    assert small is experiment
    with pytest.raises(TimeLimitReached):
        run(experiment, spec, tmp_path / "out", time_limit=1e-9)
    saved = json.loads((tmp_path / "out" / "spec.json").read_text())
    assert saved["experiment"] == name
    assert saved["design"] == vars(design_of(experiment, spec))
    assert not read_rows(tmp_path / "out" / "rows.jsonl")


def test_a_folder_from_before_designs_were_saved_can_be_gone_on_with(tmp_path: Path) -> None:
    rows = run(JOINT, JOINT_SPEC, tmp_path)
    saved = json.loads((tmp_path / "spec.json").read_text())
    del saved["design"]
    (tmp_path / "spec.json").write_text(json.dumps(saved))
    assert run(JOINT, JOINT_SPEC, tmp_path) == rows
    saved["design"] = {"primary": "another"}
    (tmp_path / "spec.json").write_text(json.dumps(saved))
    with pytest.raises(InvalidParameter, match="another experiment"):
        run(JOINT, JOINT_SPEC, tmp_path)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("rebound", "weights"),
        ("resistance", "weights"),
        ("scaling", "weights"),
        ("rebound", "tokenizer"),
        ("rebound", "eos"),
        ("rebound", "prefix"),
        ("rebound", "template"),
    ],
)
def test_a_folder_whose_model_is_another_by_now_is_refused(name: str, what: str, tmp_path: Path) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    model = tmp_path / "model"
    bpe(model)
    config = LlamaConfig(
        vocab_size=300, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=512, bos_token_id=None, eos_token_id=0,
    )  # fmt: skip
    module = LlamaForCausalLM(config)
    module.save_pretrained(model)
    experiment, spec = made(name, tmp_path / "data")
    if name == "scaling":
        spec = replace(spec, models=("7k", str(model)))
    elif name == "rebound":
        spec = replace(spec, arms=(replace(spec.arms[0], model=str(model), symbols=0, share=0.0),))
    else:
        spec = replace(spec, model=str(model), symbols=0)
    for _ in range(2):  # the same weights are let in again
        with pytest.raises(TimeLimitReached):
            run(experiment, spec, tmp_path / "out", time_limit=1e-9)
    if what == "weights":
        with torch.no_grad():
            next(module.parameters()).add_(1)
        module.save_pretrained(model)
    elif what == "tokenizer":
        bpe(model, lowercase=True)
    elif what == "template":
        (model / "chat_template.jinja").write_text("{{ messages }}")
    else:  # in files beside the weights, which stay as they are
        told = json.loads((model / "generation_config.json").read_text())
        told |= {"eos_token_id": 1} if what == "eos" else {"bos_token_id": 2}
        (model / "generation_config.json").write_text(json.dumps(told))
    key = "models" if what in ("weights", "tokenizer") else "model_tokens"
    with pytest.raises(InvalidParameter, match=f"holds the rows of another experiment .*{key}: "):
        run(experiment, spec, tmp_path / "out", time_limit=1e-9)
    saved = json.loads((tmp_path / "out" / "spec.json").read_text())
    if what == "eos":  # folders from before these were saved are gone on with
        del saved["model_tokens"]
        (tmp_path / "out" / "spec.json").write_text(json.dumps(saved))
        with pytest.raises(TimeLimitReached):
            run(experiment, spec, tmp_path / "out", time_limit=1e-9)
