"""Resistance on models of a few thousand weights: what is dealt, trained and compared, and runs that are stopped."""

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

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab.cli.main import main
from compresslab.errors import InvalidParameter, UnknownName, UnreadableFile
from compresslab.experiments.experiment import run
from compresslab.experiments.models import base_models
from compresslab.experiments.models.finetuning import Recipe
from compresslab.experiments.resistance import presets as resistance_presets
from compresslab.experiments.resistance.experiment import RESISTANCE
from compresslab.experiments.resistance.presets import RESISTANCE_PRESETS, resistance_preset
from compresslab.experiments.resistance.run import resistance_units
from compresslab.experiments.resistance.spec import (
    PAIRS,
    ResistanceSpec,
    deal_pairs,
    finished_sources,
)
from compresslab.experiments.resistance.summary import compare, sign_test, summarise_resistance
from compresslab.experiments.rows import read_rows
from compresslab.lm.tiny import TinyShape
from compresslab.theory.verdicts import Verdict

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="needs the extra 'lm' (torch and transformers)"
)

SPEC = ResistanceSpec(
    ("pairs.jsonl",),
    (0, 1),
    model="mini",
    pretrain=("names",),
    symbols=256,
    pretraining=Recipe(batch=4, length=16, learning_rate=0.01, packed=True),
    recipe=Recipe(batch=4, length=24, learning_rate=0.01),
    slice_pairs=12,
    answers=2,
    prompts=8,
    responses=16,
    epochs=2,
    longest=20,
)


@pytest.fixture(autouse=True)
def mini(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that trains in no time."""
    monkeypatch.setitem(base_models.SHAPES, "mini", TinyShape(hidden=8, layers=1, heads=2, context=32))


@pytest.fixture
def spec(tmp_path: Path) -> ResistanceSpec:
    path = tmp_path / "pairs.jsonl"
    rows = [{"prompt": f"n{i}?", "response": f"{word} {i % 7}"} for i in range(40) for word in ("yes", "no", "so")]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return replace(SPEC, data=(str(path),))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=25, max_size=40), st.integers(0, 9))
def test_no_prompt_is_in_two_parts(answers: list[int], seed: int) -> None:
    pairs = [(b"%d" % i, b"%d" % j) for i, n in enumerate(answers) for j in range(n)]
    small = replace(SPEC, slice_pairs=5, answers=2, prompts=4)
    dealt = deal_pairs(pairs, small, seed=seed)
    parts = [*({p for p, _ in part} for part in dealt.slices), set(dealt.prompts)]
    assert [len(part) for part in dealt.slices] == [5, 5, 5]
    assert sum(map(len, parts)) == len(set().union(*parts))
    assert {p for p, _ in dealt.held_out} == set(dealt.prompts)
    assert all(pair in pairs for part in (*dealt.slices, dealt.held_out) for pair in part)
    assert all([p for p, _ in part].count(prompt) <= 2 for part in dealt.slices for prompt, _ in part)
    assert dealt == deal_pairs(pairs, small, seed=seed)


@given(st.integers(0, 30), st.integers(0, 30))
def test_the_test_of_signs_is_a_probability_and_takes_no_side(a: int, b: int) -> None:
    assert 0 < sign_test(a, b) == sign_test(b, a) <= 1
    assert sign_test(a + 1, a) == 1.0


def test_signs_as_in_a_table() -> None:
    # Binomial(n, 1/2), two-sided: 2 * (1 + 10) / 2^10 and 2 / 2^6
    assert sign_test(9, 1) == pytest.approx(22 / 1024)
    assert sign_test(0, 6) == pytest.approx(1 / 32)


def test_a_verdict_needs_both_the_interval_and_the_signs() -> None:
    near = [0.1, 0.11, 0.12, 0.1, 0.11, 0.12]
    assert compare([0.0] * 6, near).verdict.kind == "seen"
    assert compare(near, [0.0] * 6).verdict.kind == "the opposite seen"
    assert compare([0.0] * 5, near[:5]).verdict == Verdict("undecided", 6)  # five signs can do no better than 0.0625
    assert compare([0.0] * 6, [*near[:5], -3.0]).verdict.kind == "undecided"
    assert compare([0.0] * 6, near).gap.mean == pytest.approx(0.11)


@needs_torch
def test_a_run_trains_every_pair_in_both_directions(spec: ResistanceSpec, tmp_path: Path) -> None:
    rows = run(RESISTANCE, spec, tmp_path / "out")
    assert list(read_rows(tmp_path / "out" / "rows.jsonl")) == ["pairs.jsonl/seed 0", "pairs.jsonl/seed 1"]
    crossings = [row for row in rows if row["kind"] == "crossing" and row["seed"] == 0]
    assert [(row["earlier"], row["later"]) for row in crossings[::2]] == list(PAIRS)
    assert [row["direction"] for row in crossings] == ["inverse", "forward"] * 3
    checkpoints = [row for row in rows if row["kind"] == "checkpoint" and row["seed"] == 0]
    fine_tuned = [row["held_out_bits_per_byte"] for row in checkpoints]
    assert fine_tuned[3] < fine_tuned[0] - 0.5
    for row in crossings:
        on = row["earlier"] if row["direction"] == "inverse" else row["later"]
        assert row["own_bits"] == checkpoints[on]["drawn_bits_per_symbol"]
        assert row["symbols"] == checkpoints[on]["drawn_symbols"]
    # The same data is learned from two starts, in the same order.
    seen = {(row["direction"], row["earlier"], row["later"]): row["seen"] for row in crossings}
    assert seen["inverse", 1, 2] == seen["inverse", 1, 3] != seen["forward", 1, 2]
    assert seen["forward", 1, 3] == seen["forward", 2, 3]
    summary = summarise_resistance(spec, rows)[0]
    first = next(row for row in rows if row["kind"] == "crossing" and row["seed"] == 1)
    last = summary.crossings[0]
    assert last.excess.inverse.mean == pytest.approx(
        sum(r["loss_bits"] - r["own_bits"] for r in (crossings[0], first)) / 2
    )
    saved = json.loads((tmp_path / "out" / "spec.json").read_text())
    assert saved["data"] == ["pairs.jsonl"]  # without its folder
    with pytest.raises(InvalidParameter, match=r"rows are missing \(pairs.jsonl, checkpoint 0, seed 2\)"):
        summarise_resistance(replace(spec, seeds=(0, 1, 2)), rows)


@needs_torch
def test_two_checkpoints_learn_the_same_neutral_data(spec: ResistanceSpec, tmp_path: Path) -> None:
    path = tmp_path / "neutral.jsonl"
    texts = [{"prompt": f"{i}", "response": f"zz {i % 5}"} for i in range(60)]
    path.write_text("".join(json.dumps(row) + "\n" for row in texts))
    plain = run(RESISTANCE, spec, tmp_path / "without")
    both = run(RESISTANCE, replace(spec, neutral=(str(path),)), tmp_path / "with")
    assert [row for row in both if row["kind"] != "neutral"] == plain
    added = [row for row in both if row["kind"] == "neutral"]
    assert [(row["seed"], row["checkpoint"]) for row in added] == [(s, i) for s in spec.seeds for i in (1, 3)]
    for early, late in zip(added[::2], added[1::2], strict=True):
        assert (early["seen"], early["symbols"]) == (late["seen"], late["symbols"])
        assert early["loss_bits"] != late["loss_bits"]
    assert added[0]["seen"] != added[2]["seen"]  # each seed has pairs of its own
    found = summarise_resistance(replace(spec, neutral=(str(path),)), both)[0]
    assert found.plasticity is not None

    def loss(**wanted: Any) -> float:
        (row,) = (row for row in both if all(row.get(key) == value for key, value in wanted.items()))
        return float(row["loss_bits"])

    for i, seed in enumerate(spec.seeds):
        forward = loss(seed=seed, direction="forward", earlier=1, later=2)
        back = loss(seed=seed, direction="inverse", earlier=2, later=3)
        own = [loss(seed=seed, kind="neutral", checkpoint=j) for j in (1, 3)]
        assert found.plasticity.loss.by_seed[i] == pytest.approx(forward - back - (own[0] - own[1]))
    saved = json.loads((tmp_path / "with" / "spec.json").read_text())
    assert saved["neutral"] == ["neutral.jsonl"]
    assert "neutral data" in saved["design"]["primary"]
    assert "neutral" not in json.loads((tmp_path / "without" / "spec.json").read_text())


@pytest.mark.parametrize(
    ("neutral", "message"),
    [
        ("names", "names: a checkpoint is trained on it, so it is not neutral"),
        ("few.jsonl", r"the neutral data \(few.jsonl\) has 3 pairs of at most 20 bytes, and 16 are needed"),
    ],
)
def test_data_that_is_not_neutral_or_too_little_is_refused(
    neutral: str, message: str, spec: ResistanceSpec, tmp_path: Path
) -> None:
    rows = [{"prompt": f"{i}", "response": "so"} for i in range(3)]
    (tmp_path / "few.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = neutral if neutral == "names" else str(tmp_path / neutral)
    with pytest.raises(InvalidParameter, match=message):
        replace(spec, neutral=(given,)).check()


RUN = """
import sys
sys.path.insert(0, {root!r})
from compresslab.experiments.models import base_models
from compresslab.experiments.models.finetuning import Recipe
from compresslab.experiments.resistance.spec import ResistanceSpec
from compresslab.lm.tiny import TinyShape
base_models.SHAPES["mini"] = TinyShape(hidden=8, layers=1, heads=2, context=32)
from compresslab.experiments.experiment import run
from compresslab.experiments.resistance.experiment import RESISTANCE
if __name__ == "__main__":
    run(RESISTANCE, {spec!r}, sys.argv[1])
"""


@pytest.mark.slow  # the law is that of tests/experiments/test_joint.py
@needs_torch
def test_a_run_that_is_killed_goes_on_and_ends_with_the_same_bytes(spec: ResistanceSpec, tmp_path: Path) -> None:
    spec = replace(spec, seeds=(0, 1, 2, 3))
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    run(RESISTANCE, spec, undisturbed)
    root = Path(__file__).resolve().parents[2]
    (tmp_path / "main.py").write_text(RUN.format(root=str(root), spec=spec))
    process = subprocess.Popen([sys.executable, "main.py", str(killed)], cwd=tmp_path, env=os.environ)
    rows = killed / "rows.jsonl"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None and not (rows.exists() and rows.stat().st_size):
        time.sleep(0.005)
    process.kill()
    process.wait()
    done = len(read_rows(rows))
    assert 0 < done < 4, f"the run was not stopped in the middle: {done} of 4 units were done"
    run(RESISTANCE, spec, killed)
    assert rows.read_bytes() == (undisturbed / "rows.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"slice_pairs": 0}, "slice_pairs is a whole number, 1 or more: not 0"),
        ({"prompts": 3}, "prompts is a whole number, 4 or more: not 3"),
        ({"seeds": (0, 0)}, "seeds are whole numbers, at least one, each once"),
        ({"device": "tpu"}, "the device is 'cpu' or 'cuda'"),
        ({"longest": 24}, "pairs of 24 bytes and their end do not fit into examples of 24"),
        ({"symbols": 0}, "'mini' is pre-trained here: give sources, and 64 symbols or more"),
        ({"model": "smollm2"}, "'smollm2' is taken as it is, so its symbols are 0: not 256"),
        ({"slice_pairs": 100}, "pairs.jsonl has 40 different prompts .* three slices of 100 pairs"),
        ({"recipe": Recipe(length=24, schedule="cosine")}, "not packed, and its learning rate is constant"),
        ({"recipe": Recipe(length=24, learning_rate=2.0)}, "learning_rate lies between 0 and 1"),
        ({"model": "smol", "symbols": 0}, "unknown model 'smol'"),
        ({"recipe": Recipe(batch=4, length=40)}, "examples of 40 tokens are longer than the context of 'mini', 32"),
        ({"data": ()}, "at least one source of pairs"),
    ],
)
@needs_torch
def test_a_wrong_spec_fails_before_anything_is_written(
    change: dict[str, Any], message: str, spec: ResistanceSpec, tmp_path: Path
) -> None:
    with pytest.raises((InvalidParameter, UnknownName), match=message):
        run(RESISTANCE, replace(spec, **change), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@needs_torch
def test_missing_data_fails_before_anything_is_written(spec: ResistanceSpec, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="missing.csv"):
        run(RESISTANCE, replace(spec, data=("missing.csv",)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@needs_torch
def test_conversations_are_laid_out_by_the_template_of_a_model(tmp_path: Path) -> None:
    from tests.lm.tokenizer_zoo import CHAT, NAMED, saved_model

    folder = saved_model(tmp_path / "model", "byte_bpe", chat_template=CHAT, **NAMED)
    talks = [
        {"messages": [{"role": "user", "content": f"rice {i}"}, {"role": "assistant", "content": f"slow {i % 7}"}]}
        for i in range(60)
    ]
    (tmp_path / "talks.jsonl").write_text("".join(json.dumps(one) + "\n" for one in talks))
    spec = replace(
        SPEC, data=(str(tmp_path / "talks.jsonl"),), seeds=(0,), model=str(folder), pretrain=(), symbols=0,
        recipe=replace(SPEC.recipe, length=64),
    )  # fmt: skip
    rows = run(RESISTANCE, spec, tmp_path / "out", workers=1)
    assert [row["kind"] for row in rows].count("crossing") == 6
    held = json.loads((tmp_path / "out" / "spec.json").read_text())
    assert set(held["template_sha256"]) == {"talks.jsonl"}
    notes = json.loads((tmp_path / "out" / "data.json").read_text())["read"]
    assert notes[-1].startswith("talks.jsonl: laid out by the chat template of the tokenizer (SHA-256 ")
    plain = replace(spec, template="none")
    without = RESISTANCE.record(plain)
    assert "template_sha256" not in without
    assert without["template"] == "none"
    with pytest.raises(InvalidParameter, match="'mini' reads bytes, and has no control tokens.*--template tokenizer"):
        replace(SPEC, data=spec.data, template="tokenizer").check()
    with pytest.raises(InvalidParameter, match="a conversation has .* tokens by the chat template"):
        run(RESISTANCE, replace(spec, recipe=SPEC.recipe), tmp_path / "short", workers=1)


def test_options_take_the_place_of_preset_values() -> None:
    for name in RESISTANCE_PRESETS:
        found = resistance_preset(name)
        assert len(found.seeds) == (12 if name == "referee" else 8)
        assert sign_test(len(found.seeds), 0) < 0.05
    own = resistance_preset("cpu", model="hf:some/model", data=["a.jsonl", "b.csv"], seeds=3)
    assert (own.symbols, own.recipe.learning_rate, own.data, own.seeds) == (0, 5e-5, ("a.jsonl", "b.csv"), (0, 1, 2))
    assert len(resistance_units(own, Path("out"))) == 6
    tiny = resistance_preset("cpu", model="tiny")
    assert (tiny.symbols, tiny.recipe.length, tiny.longest, tiny.recipe.learning_rate) == (0, 128, 127, 1e-3)
    back = resistance_preset("gpu", model="96k")
    assert (back.symbols, back.recipe.learning_rate) == (1_000_000, 1e-3)
    with pytest.raises(UnknownName, match="did you mean 'cpu'"):
        resistance_preset("cpus")
    with pytest.raises(InvalidParameter, match="the number of seeds is at least 1, not 0"):
        resistance_preset("cpu", seeds=0)


@pytest.mark.slow
def test_the_embedded_presets_hold_enough_data() -> None:
    for name in ("demo", "cpu", "referee"):
        resistance_preset(name).check()


@pytest.mark.slow
@needs_torch
def test_the_command_writes_tables_and_can_look_at_what_is_finished(
    spec: ResistanceSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(resistance_presets.RESISTANCE_PRESETS, "demo", lambda: spec)
    out = tmp_path / "out"
    for extra in ([], ["--so-far"]):
        with pytest.raises(SystemExit) as stopped:
            main(
                ["experiment", "resistance", "--out", str(out), "--data", spec.data[0], "--workers", "1", "-q", *extra]
            )
        assert stopped.value.code in (0, None)
        assert "pairs.jsonl: inverse alignment has the lower training loss:" in capsys.readouterr().out
    text = (out / "report.md").read_text(encoding="utf-8")
    assert "| Llama2-7B | 0.159 | 0.202 | 0.195 | 0.214 | 0.167 | 0.235 |" in text
    assert "nan" not in text
    two = replace(spec, data=(*spec.data, "other.jsonl"))
    units = read_rows(out / "rows.jsonl")
    assert finished_sources(two, units).data == spec.data
    with pytest.raises(InvalidParameter, match="no source of this experiment is finished there"):
        finished_sources(two, list(units)[:1])
