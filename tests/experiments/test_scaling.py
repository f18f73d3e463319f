"""The scaling experiment and effective depth, on specs of seconds and on rows whose summary is known."""

from __future__ import annotations

import importlib.util
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab.cli.main import main
from compresslab.data.dataset import Dataset
from compresslab.data.texts import Texts
from compresslab.errors import InvalidParameter, UnknownName
from compresslab.experiments.data.tuning_texts import RoleTexts
from compresslab.experiments.experiment import finished, run
from compresslab.experiments.models.base_models import SHAPES
from compresslab.experiments.models.depth_measured import fractional_depth, layer_excess_bits
from compresslab.experiments.rows import Row
from compresslab.experiments.scaling.experiment import SCALING
from compresslab.experiments.scaling.presets import SCALING_PRESETS, scaling_preset
from compresslab.experiments.scaling.run import ScalingSpec, finished_seeds, mixed_texts, scaling_units
from compresslab.experiments.scaling.summary import summarise_scaling
from compresslab.experiments.scaling.tables import scaling_findings, scaling_tables
from compresslab.lm.tree_model import TreeModel
from compresslab.report.markdown import markdown
from compresslab.report.page import Section
from compresslab.theory.effective_depth import effective_depth, layer_entropies_bits
from compresslab.trees.tree import TokenTree
from tests.experiments.tuning import NEGATIVE, made_row, small_scaling


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path, Any]:
    if importlib.util.find_spec("transformers") is None:
        pytest.skip("needs the extra 'lm' (torch and transformers)")
    folder = tmp_path_factory.mktemp("scaling")
    spec = small_scaling(folder / "texts")
    return spec, folder / "out", run(SCALING, spec, folder / "out")


@pytest.mark.slow
def test_a_base_that_is_in_both_series_is_made_once(done: Any) -> None:
    spec, out, rows = done
    points = ["7k, 400 symbols", "35k, 400 symbols", "7k, 100 symbols"]
    assert list(spec.points()) == points
    assert list(dict.fromkeys(row["point"] for row in rows)) == points
    assert len(rows) == 3 * 2 * 2 * len(NEGATIVE)
    assert len(list((out / "bases").iterdir())) == 6
    summary = summarise_scaling(spec, rows)
    names = [[point.name for point in series.points] for series in summary.series]
    assert names == [points[:2], [points[2], points[0]]]
    assert [series.sizes for series in summary.series] == [(7488.0, 35008.0), (100.0, 400.0)]


@pytest.mark.slow
def test_every_base_has_its_excess_and_more_training_lowers_it(done: Any) -> None:
    rows = [row for row in done[2] if "excess_bits" in row]
    assert all((row["positive"], row["negative"], len(row["excess_bits"])) == (0, 0, 4) for row in rows)
    assert len(rows) == 6
    total = {(row["point"], row["seed"]): sum(row["excess_bits"]) for row in rows}
    for seed in (0, 1):
        assert total["7k, 400 symbols", seed] < total["7k, 100 symbols", seed]


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_a_run_goes_on_and_the_same_rows_come_from_any_number_of_processes(
    done: Any, tmp_path: Path, workers: int
) -> None:
    spec, out, _ = done
    (tmp_path / "spec.json").write_bytes((out / "spec.json").read_bytes())
    lines = (out / "rows.jsonl").read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["unit"] != "7k, 400 symbols/seed 1"]
    if workers > 1:
        kept.clear()  # all units anew
    (tmp_path / "rows.jsonl").write_bytes(b"".join(kept[:-3]))  # one unit gone, another cut short
    run(SCALING, spec, tmp_path, workers=workers)
    assert (tmp_path / "rows.jsonl").read_bytes() == (out / "rows.jsonl").read_bytes()


@pytest.mark.slow
def test_the_seeds_that_are_finished_can_be_summarised(done: Any, tmp_path: Path) -> None:
    spec, out, rows = done
    lines = (out / "rows.jsonl").read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["unit"] != "35k, 400 symbols/seed 0"]
    (tmp_path / "rows.jsonl").write_bytes(b"".join(kept))
    (tmp_path / "spec.json").write_bytes((out / "spec.json").read_bytes())
    point = summarise_scaling(*finished(SCALING, spec, tmp_path)).series[0].points[1]
    (base,) = (r for r in rows if r["seed"] == 1 and "excess_bits" in r and r["point"] == point.name)
    assert point.excess_bits == pytest.approx(base["excess_bits"])
    with pytest.raises(InvalidParameter, match="no seed of this experiment has all its bases finished"):
        finished_seeds(spec, list(spec.points()))


@pytest.mark.slow
def test_the_command_writes_its_report(done: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    spec, out, _ = done
    monkeypatch.setitem(SCALING_PRESETS, "demo", lambda: spec)
    with pytest.raises(SystemExit) as stopped:
        main(["experiment", "scaling", "--out", str(out), "--workers", "1", "--json", "--quiet"])
    assert stopped.value.code in (0, None)
    shown = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in shown["series"]] == ["size", "pre-training"]
    assert "effective depth at a tolerance" in (out / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": ("7k",)}, "two models or more"),
        ({"models": ("7k", "7kk")}, "unknown model '7kk'|so its symbols are 0"),
        ({"volumes": (400, 100)}, "pre-training volumes rise"),
        ({"volume_model": "smollm2"}, "need a size that is trained here"),
        ({"depth": 0}, "the depth is a whole number of layers, 1 or more"),
        ({"tolerances": (0.0,)}, "tolerances are positive numbers"),
        ({"negative": (0, 2)}, "the negative volumes start at 0"),
        ({"symbols": 3}, "pre-training takes 64 symbols or more: not 3"),
    ],
)
def test_a_wrong_spec_fails_before_anything_is_written(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs the extra 'lm'")
    spec = replace(small_scaling(tmp_path / "texts"), **change)
    with pytest.raises((InvalidParameter, UnknownName), match=message):
        run(SCALING, spec, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("preset", sorted(SCALING_PRESETS))
def test_every_preset_is_a_spec_that_holds(preset: str) -> None:
    spec = scaling_preset(preset)
    spec.check()
    assert len(scaling_units(spec, Path("out"))) == len(spec.points()) * len(spec.seeds)
    if preset != "demo":
        assert len(spec.models) >= 4
        assert len(spec.volumes) >= 4
        assert spec.volumes[-1] >= 30 * spec.volumes[0]
        assert list(SHAPES).index(spec.models[-1]) - list(SHAPES).index(spec.models[0]) >= 3
    with pytest.raises(UnknownName, match="did you mean 'cpu'"):
        scaling_preset("cpuu")
    assert scaling_preset(preset, models=["smollm2", "hf:other"]).volumes == ()


# ---- summary ----


def made_scaling() -> tuple[ScalingSpec, list[Row]]:
    """Excess rates 1, 2, 3, 4 over doublings of the pre-training, depths 1 to 4; the same at all sizes."""
    spec = ScalingSpec(
        models=("7k", "35k"), symbols=8000, volume_model="7k", volumes=(1000, 2000, 4000, 8000), seeds=(0, 1, 2),
        positive=8, negative=NEGATIVE, tolerances=(1.0,), depth=4,
    )  # fmt: skip
    rows = []
    for name, arm in spec.points().items():
        rate = math.log2(arm.symbols / 500)
        for seed in spec.seeds:
            for n in (0, 8):
                for m in NEGATIVE:
                    score = (0.1 if n else 0.0) - (rate * bool(n) + 1) * m / 1000
                    score += 1e-6 * (seed - 1) * m * bool(n) * (1 if arm.model == "7k" else 5)  # seeds differ
                    row = {
                        "point": name, "model": arm.model, "parameters": {"7k": 7488, "35k": 35008}[arm.model],
                        "symbols": arm.symbols, **made_row(seed, n, m, score, 0.1 * bool(n)),
                    }  # fmt: skip
                    if n == m == 0:
                        row["excess_bits"] = [0.0] * int(rate - 1) + [1.0] + [2.0] * int(4 - rate)
                    rows.append(row)
    return spec, rows


def test_a_loss_of_the_control_does_not_count_as_rebound() -> None:
    spec, rows = made_scaling()
    alike = []
    for row in rows:
        rate = math.log2(row["symbols"] / 500)
        own = -rate * row["negative"] / 1000 if row["positive"] == 0 else 0.0  # the control falls as the others do
        noise = 1e-6 * (row["seed"] - 1) * row["negative"] * (row["symbols"] % 7 - 3) if row["positive"] else 0.0
        alike.append({**row, "negative_bits_per_byte": row["negative_bits_per_byte"] + own + noise})
    _, volume = summarise_scaling(spec, alike).series
    assert volume.slopes["fallen"].mean == pytest.approx(0.012, rel=1e-3)
    assert volume.slopes["control_fallen"].mean == pytest.approx(0.012, rel=1e-3)
    assert volume.slopes["net_fallen"].mean == pytest.approx(0, abs=1e-6)
    text = "\n".join(scaling_findings(summarise_scaling(spec, alike)).lines)
    assert "what the negative data takes back grows with pre-training (undecided" in text


def test_the_slopes_are_those_of_the_rows() -> None:
    spec, rows = made_scaling()
    summary = summarise_scaling(spec, rows)
    size, volume = summary.series
    assert summary.early == 2
    assert [point.values["excess_rate"].mean for point in volume.points] == pytest.approx([1, 2, 3, 4], abs=2e-3)
    assert volume.slopes["excess_rate"].mean == pytest.approx(1, abs=1e-9)
    assert volume.slopes["control_rate"].mean == pytest.approx(0, abs=1e-9)
    assert size.slopes["early_rate"].mean == pytest.approx(0, abs=1e-9)
    assert [point.depths[1.0].mean for point in volume.points] == [1, 2, 3, 4]
    assert volume.depth_slopes[1.0].mean == pytest.approx(1)
    assert volume.points[0].values["gained"].mean == pytest.approx(0.1)
    assert volume.points[0].values["kl"].mean == pytest.approx(0.1)
    findings = "\n".join(scaling_findings(summary).lines)
    assert "rebound grows with pre-training (seen): early fall above the control's +1 ± 0 for" in findings
    assert "rebound grows with size (undecided" in findings
    assert (
        "the effective depth at 1 bit grows with pre-training (seen): +1 ± 0 for each doubling, from 1 to 4" in findings
    )
    assert "what the negative data takes back grows with pre-training (seen): +0.012 ± 0 for" in findings
    text = markdown(Section("", tables=tuple(scaling_tables(summary))))
    assert text.count("| each doubling |") == 4
    del rows[0]["excess_bits"]
    with pytest.raises(InvalidParameter, match="no effective depth of 7k, 8000 symbols, seed 0: run it first"):
        summarise_scaling(spec, rows)


def with_placebo(rows: list[Row]) -> list[Row]:
    """Rows with a placebo that falls half as fast as the treated model, and more slowly with size."""
    found = [{**row, "group": "treated" if row["positive"] else "control", "neutral": 0} for row in rows]
    for row in rows:
        if row["positive"]:
            rate = math.log2(row["symbols"] / 500)
            score = -(0.5 * rate + 1 + 1e-3 * row["seed"] * rate) * row["negative"] / 1000
            own = made_row(row["seed"], row["positive"], row["negative"], score, 0.05)
            found.append({**row, **own, "group": "placebo", "positive": 0, "neutral": row["positive"]})
    return found


def test_the_slopes_net_of_placebo_turn_when_its_rows_are_swapped() -> None:
    spec, rows = made_scaling()
    rows = with_placebo(rows)
    turned = [
        {**row, "group": {"treated": "placebo", "placebo": "treated"}.get(row["group"], row["group"]),
         "positive": row["neutral"], "neutral": row["positive"]}
        for row in rows
    ]  # fmt: skip
    summary, other = summarise_scaling(spec, rows), summarise_scaling(spec, turned)
    for one, two in zip(summary.series, other.series, strict=True):
        for name in ("fallen_over_placebo", "rate_over_placebo"):
            assert two.slopes[name].mean == pytest.approx(-one.slopes[name].mean)
        assert two.slopes["fallen"].mean == pytest.approx(one.slopes["placebo_fallen"].mean)
    assert summary.series[1].slopes["rate_over_placebo"].mean == pytest.approx(0.5, abs=0.01)
    said = [["\n".join(scaling_findings(x).lines) for x in (summary, other)], ["(seen)", "(the opposite seen)"]]
    for text, verdict in zip(*said, strict=True):
        assert f"takes back net of the placebo grows with pre-training {verdict}: " in text
    table = next(iter(scaling_tables(summary)))
    assert "fall in all, net of placebo" in table.columns
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_rows_without_a_placebo_say_so() -> None:
    spec, rows = made_scaling()
    summary = summarise_scaling(spec, rows)
    assert "There is no placebo" in scaling_findings(summary).lead
    assert not any("placebo" in name for table in scaling_tables(summary) for name in table.columns)
    assert SCALING.designed(spec, SCALING.design) == SCALING.design
    neutral = replace(spec, texts=replace(spec.texts, neutral=("prose-backwards",)))
    assert "neutral: prose-backwards" in SCALING.designed(neutral, SCALING.design).placebo


# ---- depth ----


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text("abc", max_size=5).map(str.encode), min_size=1, max_size=12), st.integers(1, 4))
def test_the_excesses_sum_to_the_divergence_of_the_leaves(texts: list[bytes], depth: int) -> None:
    data, other = Dataset.from_texts(texts), Dataset.from_texts([*texts, b"abc", b"", b"cccccc"])
    excess = layer_excess_bits(TreeModel.of(data, depth=8), data, depth)
    assert excess == pytest.approx(np.zeros(depth), abs=1e-9)  # the data's own tree
    model = TreeModel.of(other, depth=8)
    excess = layer_excess_bits(model, data, depth)
    ours, theirs = (TokenTree.build(one, depth, "prefix").leaves().as_dict() for one in (data, other))
    assert excess.sum() == pytest.approx(sum(p * math.log2(p / theirs[leaf]) for leaf, p in ours.items()), abs=1e-9)
    assert (excess > -1e-9).all()
    assert layer_entropies_bits(TokenTree.build(data, depth, "prefix")).shape == excess.shape


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 2), min_size=1, max_size=6), st.floats(0, 5))
def test_the_fractional_depth_lies_in_the_next_layer(excess: list[float], tau: float) -> None:
    whole, found = effective_depth(excess, tau), fractional_depth(excess, tau)
    assert whole <= found <= whole + 1
    assert (found == len(excess)) == (whole == len(excess)) or found == pytest.approx(len(excess))


def test_texts_are_mixed_as_they_were_read() -> None:
    other, both = Texts.pack([b"x" * 9] * 100), Texts.pack([b"y" * 19] * 100)
    dealt = RoleTexts(other, both, {}, {}, {}, "")
    mixed = list(mixed_texts(dealt, 0.75))
    read = sum(len(text) + 1 for text in mixed)
    assert sum(len(text) + 1 for text in mixed if text.startswith(b"y")) / read == pytest.approx(0.75, abs=0.01)
    assert sum(text.startswith(b"y") for text in mixed) == 100  # all of them: 67 others are there
    few = list(mixed_texts(dealt, 0.2))
    assert sum(len(text) + 1 for text in few if text.startswith(b"y")) / sum(len(text) + 1 for text in few) == (
        pytest.approx(0.2, abs=0.02)
    )
    assert list(mixed_texts(dealt, 0.0)) == list(other)
