"""The rebound experiment on specs of seconds, and its summary on rows whose summary is known."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compresslab.cli.main import main
from compresslab.errors import InvalidParameter, UnknownName, UnreadableFile
from compresslab.experiments.experiment import finished, run
from compresslab.experiments.rebound.experiment import REBOUND
from compresslab.experiments.rebound.placebo import trend
from compresslab.experiments.rebound.presets import REBOUND_PRESETS, rebound_preset
from compresslab.experiments.rebound.run import (
    PAPER_NEGATIVE,
    ReboundArm,
    finished_arms,
    rebound_units,
    scaled_volumes,
)
from compresslab.experiments.rebound.summary import early_volume, summarise_rebound
from compresslab.experiments.rebound.tables import rebound_findings, rebound_tables
from compresslab.experiments.rows import read_rows
from compresslab.lm.checkpoints import save
from compresslab.lm.tiny import TinyShape, make_tiny
from compresslab.report.markdown import markdown
from compresslab.report.page import Section
from compresslab.theory.estimates import estimate
from compresslab.theory.verdicts import verdict
from tests.experiments.tuning import NEGATIVE, POSITIVE, VOLUMES, made_rebound, small_rebound, small_texts, without_arm

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="needs the extra 'lm' (torch and transformers)"
)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path, Any]:
    if importlib.util.find_spec("transformers") is None:
        pytest.skip("needs the extra 'lm' (torch and transformers)")
    folder = tmp_path_factory.mktemp("rebound")
    spec = small_rebound(folder / "texts")
    return spec, folder / "out", run(REBOUND, spec, folder / "out")


def test_every_pair_of_volumes_has_a_row(done: Any) -> None:
    spec, out, rows = done
    assert [(r["arm"], r["seed"], r["positive"], r["negative"]) for r in rows] == [
        (arm.name, seed, n, m) for arm in spec.arms for seed in arm.seeds for n in spec.positive for m in spec.negative
    ]
    saved = json.loads((out / "spec.json").read_text())
    assert saved["experiment"] == "rebound"
    assert saved["texts"]["positive"] == ["good.txt"]
    assert str(out.parent) not in json.dumps(saved)


def test_without_any_tuning_a_model_is_its_base(done: Any) -> None:
    for row in done[2]:
        untouched = (row["positive"], row["negative"]) == (0, 0)
        for role in ("pretrain", "positive", "negative"):
            assert (row[f"kl_{role}_nats"] == 0) == untouched
            assert row[f"kl_{role}_nats"] >= 0


def test_positive_data_makes_positive_texts_shorter_and_negative_data_negative_ones(done: Any) -> None:
    at = {(r["arm"], r["seed"], r["positive"], r["negative"]): r for r in done[2]}
    for arm, seed in (("contained", 0), ("contained", 1), ("separate", 0)):
        base, tuned, back = at[arm, seed, 0, 0], at[arm, seed, 40, 0], at[arm, seed, 40, NEGATIVE[-1]]
        assert tuned["positive_bits_per_byte"] < base["positive_bits_per_byte"]
        assert back["negative_bits_per_byte"] < tuned["negative_bits_per_byte"]
        assert tuned["kl_positive_nats"] > 0.01
        assert 0 <= tuned["judged_positive"] <= 1


def test_the_arms_have_the_same_texts_but_other_bases(done: Any) -> None:
    first = [r for r in done[2] if r["seed"] == 0]
    contained, separate = ([r for r in first if r["arm"] == arm] for arm in ("contained", "separate"))
    assert [r["seen_positive"] for r in contained] == [r["seen_positive"] for r in separate]
    assert contained[0]["positive_bits_per_byte"] < separate[0]["positive_bits_per_byte"]  # it has read such texts
    assert len({r["seen_negative"] for r in contained}) == 1  # the same negative data after each positive volume


RUN = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from tests.experiments.tuning import small_rebound
from compresslab.experiments.experiment import finished, run
from compresslab.experiments.rebound.experiment import REBOUND
if __name__ == "__main__":
    run(REBOUND, small_rebound(Path(sys.argv[1])), sys.argv[2])
"""


@pytest.mark.slow  # the law is that of tests/experiments/test_joint.py
def test_a_run_that_is_killed_goes_on_and_ends_with_the_same_bytes(done: Any, tmp_path: Path) -> None:
    spec, undisturbed, _ = done
    texts, killed, here = undisturbed.parent / "texts", tmp_path / "killed", Path(__file__).resolve()
    (tmp_path / "main.py").write_text(RUN)
    command = [sys.executable, "main.py", str(texts), str(killed), str(here.parents[2])]
    process = subprocess.Popen(command, cwd=tmp_path, env=os.environ)
    rows = killed / "rows.jsonl"
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None and not (rows.exists() and rows.stat().st_size):
        time.sleep(0.005)
    process.kill()
    process.wait()
    finished = len(read_rows(rows))
    assert 0 < finished < 3, f"the run was not stopped in the middle: {finished} of 3 units were done"
    # What a killed write leaves behind, and a base model that is damaged: both are made again.
    with rows.open("a", encoding="utf-8") as file:
        file.write('{"unit": "separ')
    for kept in (killed / "bases").iterdir():
        kept.write_bytes(b"")
    run(REBOUND, spec, killed, workers=2)
    assert rows.read_bytes() == (undisturbed / "rows.jsonl").read_bytes()
    assert (killed / "spec.json").read_bytes() == (undisturbed / "spec.json").read_bytes()


def test_finished_units_can_be_summarised(done: Any, tmp_path: Path) -> None:
    spec, out, _ = done
    half = tmp_path / "half"
    half.mkdir()
    lines = (out / "rows.jsonl").read_bytes().splitlines(keepends=True)
    (half / "rows.jsonl").write_bytes(b"".join(lines[: len(lines) // 3]))
    (half / "spec.json").write_bytes((out / "spec.json").read_bytes())
    summaries = summarise_rebound(*finished(REBOUND, spec, half))
    assert [(one.arm, one.seeds) for one in summaries] == [("contained", 1)]
    with pytest.raises(InvalidParameter, match="no seed of this experiment is finished"):
        finished_arms(spec, [])


def test_the_command_writes_its_report(done: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    spec, out, _ = done
    asked: dict[str, Any] = {}
    changed = replace(REBOUND, preset=lambda name, options: asked.update(options, name=name) or spec)
    monkeypatch.setattr("compresslab.experiments.rebound.experiment.REBOUND", changed)
    command = ["experiment", "rebound", "--out", str(out), "--preset", "cpu", "--data", "positive=a.txt", "--quiet"]
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--scale", "0.5", "--model", "7k", "--workers", "1", "--json"])
    assert stopped.value.code in (0, None)
    shown = json.loads(capsys.readouterr().out)
    assert [arm["arm"] for arm in shown["arms"]] == ["contained", "separate"]
    assert asked == {"name": "cpu", "data": ["positive=a.txt"], "scale": 0.5, "model": "7k"}
    assert "least negative data that brings KL" in (out / "report.md").read_text(encoding="utf-8")


@needs_torch
def test_a_ready_model_needs_no_pretraining(tmp_path: Path) -> None:
    kept = tmp_path / "model"
    save(make_tiny(TinyShape(hidden=16, layers=1, heads=2, context=32), seed=7, device="cpu"), kept)
    like = small_rebound(tmp_path / "texts")
    spec = replace(like, arms=(ReboundArm("kept", str(kept), 0, 0.0, (0, 1)),), positive=(0, 40), samples=0)
    rows = run(REBOUND, spec, tmp_path / "out")
    first = [row for row in rows if row["positive"] == row["negative"] == 0]
    assert first[0]["positive_bits_per_byte"] == first[1]["positive_bits_per_byte"]  # one base
    assert len({row["seen_positive"] for row in rows}) == 2  # two orders
    assert "judged_positive" not in rows[0]
    assert not (tmp_path / "out" / "bases").exists()
    with pytest.raises(InvalidParameter, match="examples of 33 tokens are longer than the context of .*, 32"):
        run(REBOUND, replace(spec, recipe=replace(spec.recipe, length=33)), tmp_path / "other")


# ---- specs ----


@needs_torch
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"positive": (4, 8)}, "the positive volumes start at 0 and rise"),
        ({"positive": (0, 5)}, r"multiples of the batch \(2\)"),
        ({"negative": NEGATIVE[:6]}, "at least 7"),
        ({"levels": ()}, "levels are positive numbers"),
        ({"samples": -1}, "samples is a whole number, 0 or more: not -1"),
        ({"device": "gpu"}, "the device is 'cpu' or 'cuda'"),
        ({"positive": (0, 100)}, r"the positive data \(good.txt\) has 90 texts .* and 130 are needed"),
        ({"arms": ()}, "at least one arm"),
        ({"arms": (ReboundArm("a", "7k", 10, 0.5, (0,)),)}, "pre-training takes 64 symbols or more: not 10"),
        ({"arms": (ReboundArm("a", "7k", 400, 1.0, (0,)),)}, "a share is at least 0 and below 1: not 1.0"),
        ({"arms": (ReboundArm("a", "7k", 400, 0.5, ()),)}, "seeds are whole numbers, at least one"),
        ({"arms": (ReboundArm("a", "smollm2", 400, 0.0, (0,)),)}, "so its symbols are 0: not 400"),
        ({"arms": (ReboundArm("a", "8k", 0, 0.0, (0,)),)}, "unknown model '8k'"),
        ({"arms": (ReboundArm("a", "tree:x", 0, 0.0, (0,)),)}, "'tree:x' cannot be fine-tuned"),
    ],
)
def test_a_wrong_spec_fails_before_anything_is_written(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    spec = replace(small_rebound(tmp_path / "texts"), **change)
    with pytest.raises((InvalidParameter, UnknownName), match=message):
        run(REBOUND, spec, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@needs_torch
def test_recipes_that_do_not_fit(tmp_path: Path) -> None:
    spec = small_rebound(tmp_path / "texts")
    with pytest.raises(InvalidParameter, match="needs a constant learning rate"):
        replace(spec, recipe=replace(spec.recipe, schedule="cosine")).check()
    with pytest.raises(InvalidParameter, match="texts of 20 bytes and their end do not fit into examples of 20"):
        replace(spec, recipe=replace(spec.recipe, length=20)).check()
    with pytest.raises(UnreadableFile):
        replace(spec, texts=replace(spec.texts, positive=(str(tmp_path / "none.txt"),))).check()


@pytest.mark.parametrize("preset", sorted(REBOUND_PRESETS))
def test_every_preset_is_a_spec_that_holds(preset: str) -> None:
    spec = rebound_preset(preset)
    spec.check()
    assert len(rebound_units(spec, Path("out"))) == sum(len(arm.seeds) for arm in spec.arms)
    assert early_volume(spec.negative) * 4 <= spec.negative[-1]
    assert set(scaled_volumes(PAPER_NEGATIVE, spec.negative[-1] / 2000, 4)) <= set(spec.negative)


def test_options_change_a_preset(tmp_path: Path) -> None:
    small_texts(tmp_path)
    data = [f"{role}={tmp_path / name}.txt" for role, name in
            (("pretrain", "other"), ("positive", "good"), ("negative", "bad"))]  # fmt: skip
    spec = rebound_preset("cpu", data=data, model="35k", scale=1.0, seeds=2)
    assert spec.texts.positive == (str(tmp_path / "good.txt"),)
    assert spec.positive == (0, 1000, 2000, 5000, 10000)
    assert {(arm.model, arm.seeds) for arm in spec.arms} == {("35k", (0, 1))}
    given = rebound_preset("cpu", model="smollm2")
    assert [(arm.model, arm.symbols) for arm in given.arms] == [("smollm2", 0)]
    assert given.recipe.learning_rate < 1e-4
    smaller = rebound_preset("gpu", model="7k")
    assert smaller.arms[0].symbols > 0
    assert smaller.recipe == rebound_preset("cpu").recipe
    tiny = rebound_preset("demo", model="tiny")
    assert (tiny.recipe.length, tiny.texts.longest) == (128, 127)
    for options, message in (
        ({"scale": 0.0001}, "take a larger one"),
        ({"scale": -1.0}, "is a positive number, not -1.0"),
        ({"seeds": 0}, "at least 1, not 0"),
        ({"data": ["positive=x"]}, "none for pretrain, negative"),
    ):
        with pytest.raises(InvalidParameter, match=message):
            rebound_preset("cpu", **options)
    with pytest.raises(UnknownName, match="did you mean 'demo'"):
        rebound_preset("demoo")


# ---- summary ----


def test_the_summary_is_that_of_the_rows() -> None:
    spec, rows = made_rebound()
    (one,) = summarise_rebound(spec, rows)
    assert one.early == 40
    control, _, _, most = one.after
    assert [found.early_rate.mean for found in one.after] == pytest.approx([0.5, 1.0, 2.0, 3.0], abs=2e-6)
    assert most.late_rate.mean == pytest.approx(0.3, abs=2e-6)
    assert most.excess_rate.mean == pytest.approx(2.5, abs=1e-9)
    assert control.excess_rate.mean == 0
    assert one.rate_by_volume.mean == pytest.approx(1.0, abs=1e-9)  # 1, 2, 3 at doublings
    assert one.gained.mean == pytest.approx(0.06)
    assert most.fallen.mean == pytest.approx(3 * (40 + 12) / 1000, rel=1e-3)
    assert most.regained is not None
    assert most.regained.mean == pytest.approx(3 * (40 + 12) / 1000 / 0.06, rel=1e-3)
    assert most.knee.mean == pytest.approx(40, abs=1)
    assert most.change.mean == pytest.approx(2.7, abs=0.05)
    assert most.gain.low is not None
    assert most.gain.low > 10
    assert most.curves["kl"][0].mean == pytest.approx(0.2)
    assert most.curves["kl_pretrain"][0].mean == pytest.approx(0.4)
    never, reached = most.least
    assert (never.reached, never.censored) == ((), 3)
    assert reached.reached == pytest.approx((60, 60))  # 100 - 400 / 10
    assert (reached.seeds, reached.censored, reached.at_once) == (3, 1, 0)
    assert control.least[0].at_once == 3


def test_net_of_control_is_the_value_less_the_controls() -> None:
    spec, rows = made_rebound()
    rows = [{**row, "positive_bits_per_byte": 3.0 + 0.001 * row["negative"] * (row["positive"] == 0)} for row in rows]
    (one,) = summarise_rebound(spec, rows)
    control, _, _, most = one.after
    fall = 3 * (40 + 12) / 1000
    own = 0.5 * (40 + 12) / 1000 + 0.16  # made scores and the control's dearer positive texts
    assert most.fallen.mean == pytest.approx(fall, rel=1e-3)
    assert control.fallen.mean == pytest.approx(own, rel=1e-3)
    assert most.net_fallen.mean == pytest.approx(fall - own, rel=1e-3)
    assert control.net_fallen.mean == 0
    assert most.survives.mean == pytest.approx(0.06 - fall + own, rel=1e-3)
    assert most.net_regained is not None
    assert most.net_regained.mean == pytest.approx((fall - own) / 0.06, rel=1e-3)
    assert [x.mean for x in most.changed["positive"]] == [0.0] * len(VOLUMES)
    assert [x.mean for x in most.net_changed["positive"]] == pytest.approx([-0.001 * m for m in VOLUMES])
    assert one.loss_by_volume.mean == pytest.approx(52 / 1000, rel=1e-3)  # 1, 2, 3 at doublings


def test_a_level_below_the_noise_is_undecidable_and_an_early_return_is_not_seen() -> None:
    spec, rows = made_rebound()
    noisy = [
        {**row, "kl_positive_nats": 0.001 * row["negative"], "kl_negative_nats": 0.001 * row["negative"]}
        if row["positive"] == 0
        else row
        for row in rows
    ]
    (one,) = summarise_rebound(spec, noisy)
    assert [x.noise for x in one.after[-1].least] == [40, 120]  # the first made volumes above 0.02 and 0.1
    assert [x.undecidable for x in one.after[-1].least] == [True, False]
    text = "\n".join(rebound_findings(spec, [one]).lines)
    assert "to 0.02 nats in 0 of 9 runs (undecidable); the level is below the noise: 40 negative responses" in text
    assert "| 400 | 0.2 | 0.2 ± 0 | 0.5 of it | undecidable |" in markdown(
        Section("", tables=tuple(rebound_tables(spec, [one])))
    )
    there = [{**row, "kl_positive_nats": 0.01, "kl_negative_nats": 0.01} for row in rows]
    (one,) = summarise_rebound(spec, there)
    assert one.after[-1].least[0].at_once == 3
    assert one.after[-1].least[0].brought_back == ()
    text = "\n".join(rebound_findings(spec, [one]).lines)
    assert "in 0 of 0 runs (undecided); 9 more were there before any negative data" in text
    assert "3 of 3 before" in markdown(Section("", tables=tuple(rebound_tables(spec, [one]))))


def test_the_findings_say_what_was_seen() -> None:
    spec, rows = made_rebound()
    text = "\n".join(rebound_findings(spec, summarise_rebound(spec, rows)).lines)
    assert "the positive data works (seen): after 400 responses the score is +0.06 ± 0 bits" in text
    assert "more positive data, faster fall (seen): +1 ± 0 for each doubling" in text
    assert (
        "a fast fall, then a slow one (seen): the rate after the knee less that before it is above 0 at 95 % after 3"
        in text
    )
    assert "describe all seeds' curves together better than one (AICc) after 3." in text
    assert "to 0.02 nats in 0 of 9 runs (not seen); the others stay above it up to 160 responses" in text
    assert "to 0.1 nats in 6 of 9 runs (undecided)" in text
    upside_down = [{**row, "negative_bits_per_byte": 6.5 - row["negative_bits_per_byte"]} for row in rows]
    text = "\n".join(rebound_findings(spec, summarise_rebound(spec, upside_down)).lines)
    assert "the positive data works (the opposite seen)" in text
    assert "faster fall (the opposite seen)" in text


def test_the_tables_hold_every_volume() -> None:
    spec, rows = made_rebound()
    summaries = summarise_rebound(spec, rows)
    text = markdown(Section("", points=("x",), tables=tuple(rebound_tables(spec, summaries))))
    for m in VOLUMES:
        assert f"| {m} " in text
    assert "| 400 | 0.2 | 0.2 ± 0 | 0.5 of it | > 160 | 60 (2 of 3), else > 160 |" in text
    assert "| Llama2-7B | 961 | 844 | 801 | 729 |" in text
    assert text.count("\n| 100 ") == 6  # one row in each of the arm's tables


def test_missing_rows_are_named() -> None:
    spec, rows = made_rebound()
    with pytest.raises(InvalidParameter, match="no row for seed 2, 400 positive and 160 negative: run it first"):
        summarise_rebound(spec, rows[:-1])
    assert without_arm(spec, "other") == spec


def test_a_trend_is_the_slope_of_each_run() -> None:
    found = trend([10, 20, 40], np.array([[1.0, 3.0, 5.0], [1.0, 1.0, 1.0]]))
    assert (found.mean, found.runs) == (pytest.approx(1.0), 2)
    assert verdict(found, 1).kind == "undecided"
    assert verdict(estimate([1.0, 1.1]), 1).kind == "seen"
    with pytest.raises(InvalidParameter, match="two sizes or more"):
        trend([10], np.array([[1.0]]))
    assert POSITIVE[0] == 0
