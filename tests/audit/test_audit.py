"""The audit: against plain torch, the probe's own fine-tuning, and laws that any audit keeps; killed, it goes on."""

from __future__ import annotations

import copy
import json
import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'lm'")
pytest.importorskip("transformers", reason="needs the extra 'lm'")
import torch

import compresslab
from compresslab.audit import AuditResult, arms, audit_series
from compresslab.audit.auditing import audit
from compresslab.audit.json_form import as_json, schema, series_as_json
from compresslab.audit.layers import TOLERANCE_BITS, measure_volumes
from compresslab.audit.reading import read_roles
from compresslab.audit.sentences import elastic
from compresslab.audit.settings import AuditSettings
from compresslab.errors import CompressLabError, InvalidParameter, MismatchedVocabulary
from compresslab.experiments.models.depth_measured import layer_excess_bits
from compresslab.lm.tree_model import TreeModel
from compresslab.theory.effective_depth import effective_depth
from tests.audit.small_pairs import (
    ASKED,
    DATA,
    ROLES,
    SHORT,
    WITHOUT,
    aligned_model,
    audited,
    base_model,
    changed,
    short,
)
from tests.json_rules import valid
from tests.probe.small_models import EOS, small_llama

if TYPE_CHECKING:
    from compresslab.lm.hugging_face import HuggingFaceModel


def rows_of(model: HuggingFaceModel, name: str) -> list[tuple[list[int], Any]]:
    """Each response of a dataset with the model's log probabilities after each of its symbols, one at a time."""
    found = []
    for response in DATA[name]:
        row = [EOS, *response.tolist(), EOS]
        with torch.no_grad():
            log_p = torch.log_softmax(model.module(input_ids=torch.tensor([row[:-1]])).logits[0].double(), -1)
        found.append((row[1:], log_p))
    return found


def test_code_lengths_and_divergence_are_those_of_plain_torch() -> None:
    found = as_json(audited())
    for name in "pat":
        sides = {side: rows_of(model, name) for side, model in (("base", base_model()), ("aligned", aligned_model()))}
        for side, rows in sides.items():
            nats = sum(-float(log_p[i, symbol]) for symbols, log_p in rows for i, symbol in enumerate(symbols))
            count = sum(len(symbols) for symbols, _ in rows)
            assert found["code_length_nats"][side][name] == pytest.approx(nats / count, rel=1e-5)
        if name == "a":
            for position in range(5):
                kl = [
                    float((p[position].exp() * (p[position] - q[position])).sum())
                    for (_, p), (_, q) in zip(sides["aligned"], sides["base"], strict=True)
                ]
                assert found["kl_nats"]["aligned_to_base"][str(position + 1)] == pytest.approx(np.mean(kl), rel=1e-4)
                back = [
                    float((q[position].exp() * (q[position] - p[position])).sum())
                    for (_, p), (_, q) in zip(sides["aligned"], sides["base"], strict=True)
                ]
                assert found["kl_nats"]["base_to_aligned"][str(position + 1)] == pytest.approx(np.mean(back), rel=1e-4)


def test_shares_of_divergence_by_position_sum_to_one() -> None:
    rows = audited().kl
    for name in "pat":
        for direction in ("aligned_to_base", "base_to_aligned"):
            shares = [k.share for k in rows if (k.dataset, k.direction) == (name, direction)]
            assert sum(shares) == pytest.approx(1)
            assert len(shares) == 5  # four symbols and EOS


def test_fine_tuning_is_what_the_probe_measures_by_its_own_loop() -> None:
    """The same batches, optimiser and rate, by another loop; and what it predicted stands in the audit."""
    result = compresslab.audit(base_model(), aligned_model(), **WITHOUT, **{**ASKED, "seeds": 1})
    asked = result.settings.probe(result.learning_rate)
    predicted = {}
    for arm, model in (("aligned", aligned_model()), ("control", base_model())):
        found = compresslab.probe(model, **WITHOUT, verify=True, settings=asked)
        for row in found.measured:
            one = next(c for c in result.curve("t", row.dataset) if c.examples == row.examples)
            assert getattr(one, arm).mean == pytest.approx(row.change_nats, rel=2e-3, abs=1e-5)
        predicted[arm] = {(p.dataset, p.examples): p.nats for p in found.predicted}
    gained = result.share("undone").of_nats.mean
    lost = predicted["aligned"]["a", 16]
    assert result.prediction("undone").raw == pytest.approx(lost / gained, rel=1e-4)
    net = (lost - predicted["control"]["a", 16]) / gained
    assert result.prediction("undone").net_of_control == pytest.approx(net, rel=1e-4)


def test_shares_are_ratios_of_what_stands_beside_them() -> None:
    result = audited()
    for what, name, sign in (("undone", "a", 1), ("returned", "p", -1)):
        share = result.share(what)
        lengths = [result.code_lengths[side][name].nats.mean for side in ("base", "aligned")]
        assert share.of_nats.mean == pytest.approx(sign * (lengths[0] - lengths[1]), rel=1e-5)
        change = next(c for c in result.curve("t", name) if c.examples == 16)
        assert change.placebo is not None
        for arm, found in (("control", share.net_of_control), ("placebo", share.net_of_placebo)):
            net = change.aligned.mean - getattr(change, arm).mean
            assert getattr(change, f"net_of_{arm}").mean == pytest.approx(net)
            assert found is not None
            assert found.mean == pytest.approx(sign * net / share.of_nats.mean, rel=1e-6)
            assert found.low is not None
            assert found.low < found.mean


@pytest.mark.slow
def test_frozen_weights_are_trained_and_predicted_alike() -> None:
    """What a model comes with is no part of the question: all arms train all weights, and so does the prediction."""
    frozen = copy.copy(aligned_model())
    frozen.module = copy.deepcopy(frozen.module)
    for weight in frozen.module.model.parameters():
        weight.requires_grad_(False)
    result = compresslab.audit(base_model(), frozen, **WITHOUT, **SHORT)
    assert result.changes == short().changes
    assert result.predicted == short().predicted
    assert not any(weight.requires_grad for weight in frozen.module.model.parameters())


def test_a_model_that_is_no_numbers_is_refused_before_it_is_trained() -> None:
    broken = copy.copy(base_model())
    broken.module = copy.deepcopy(broken.module)
    with torch.no_grad():
        broken.module.lm_head.weight.fill_(math.nan)
    with pytest.raises(InvalidParameter, match="is not a number before anything is trained"):
        compresslab.audit(broken, aligned_model(), **WITHOUT, **SHORT)


def test_an_audit_of_a_model_against_itself_undoes_nothing() -> None:
    result = compresslab.audit(base_model(), base_model(), **WITHOUT, **SHORT)
    for what in ("undone", "returned"):
        share = result.share(what)
        assert (share.of_nats.mean, share.raw, share.net_of_control) == (0.0, None, None)
        assert result.prediction(what).raw is None
    assert all(change.net_of_control.mean == 0 for change in result.changes)
    assert any(change.aligned.mean < -1e-4 for change in result.changes)  # it learns all the same
    assert all(k.nats.mean == 0 for k in result.kl)
    assert "is not defined (alignment gained nothing: 0 nats per token)" in elastic(result)
    value = as_json(result)
    assert value["undone_share"] == {"value": None, "low": None, "high": None}
    assert value["verdict"] == "not defined"
    assert valid(value, schema()) == []


def test_swapping_base_and_aligned_model_turns_the_signs() -> None:
    """With one rate for both, what is net of control changes its sign, and nothing else."""
    one = compresslab.audit(base_model(), aligned_model(), **WITHOUT, **SHORT, level_nats=9.0)
    two = compresslab.audit(aligned_model(), base_model(), **WITHOUT, **SHORT, level_nats=9.0)
    assert one.learning_rate == two.learning_rate
    for a, b in zip(one.changes, two.changes, strict=True):
        assert (a.aligned, a.control) == (b.control, b.aligned)
        assert a.net_of_control.mean == pytest.approx(-b.net_of_control.mean)
        assert (a.net_of_control.low or 0) == pytest.approx(-(b.net_of_control.high or 0))
    assert one.share("undone").of_nats.mean == pytest.approx(-two.share("undone").of_nats.mean, rel=1e-5)
    assert two.share("undone").raw is None  # of a loss no share is undone


@cache
def with_placebo() -> dict[str, Any]:
    return series_as_json([compresslab.audit(base_model(), aligned_model(), **ROLES, **SHORT)])


@pytest.mark.parametrize("stop", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (10, 22))])
def test_an_audit_that_was_killed_goes_on_and_ends_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    """Killed while it measures for the n-th time, of 24: two datasets at two stops of three arms with two seeds."""
    wanted = with_placebo()
    real, calls = arms.score_pair, 0

    def measured(*given: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == stop:
            raise RuntimeError("killed")
        return real(*given)

    monkeypatch.setattr(arms, "score_pair", measured)
    with pytest.raises(RuntimeError, match="killed"):
        compresslab.audit(base_model(), aligned_model(), **ROLES, **SHORT, folder=tmp_path)
    found = compresslab.audit(base_model(), aligned_model(), **ROLES, **SHORT, folder=tmp_path)
    assert series_as_json([found]) == wanted
    assert calls <= 24 + 2  # what was measured at the stop itself is measured again, and nothing else


KILLED = """
import sys
sys.path.insert(0, sys.argv[2])
import compresslab
from tests.audit.small_pairs import ROLES, SHORT, aligned_model, base_model
base, aligned = base_model(), aligned_model()
print("begun", flush=True)
compresslab.audit(base, aligned, **ROLES, **SHORT, folder=sys.argv[1])
"""


@pytest.mark.slow
def test_an_audit_that_is_killed_at_random_moments_ends_alike(tmp_path: Path) -> None:
    out, root, drawn = tmp_path / "out", str(Path(__file__).resolve().parents[2]), random.Random(0)
    begun, killed = time.monotonic(), 0
    compresslab.audit(base_model(), aligned_model(), **ROLES, **SHORT, folder=tmp_path / "timed")
    whole = time.monotonic() - begun
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(out), root], stdout=subprocess.PIPE, env=os.environ
        )
        assert process.stdout is not None
        with process.stdout:
            assert process.stdout.readline() == b"begun\n"
            try:
                process.wait(timeout=drawn.uniform(0, whole / 2))
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                killed += 1
    assert killed
    found = compresslab.audit(base_model(), aligned_model(), **ROLES, **SHORT, folder=out)
    assert series_as_json([found]) == with_placebo()
    held = [sorted(path.relative_to(top) for path in top.rglob("*.jsonl")) for top in (out, tmp_path / "timed")]
    assert held[0] == held[1]
    assert all((out / path).read_bytes() == (tmp_path / "timed" / path).read_bytes() for path in held[0])


def test_a_finished_audit_trains_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, before = as_json(short()), [model.fingerprint() for model in (base_model(), aligned_model())]
    first = compresslab.audit(base_model(), aligned_model(), **WITHOUT, **SHORT, folder=tmp_path)
    assert [model.fingerprint() for model in (base_model(), aligned_model())] == before
    monkeypatch.setattr("compresslab.audit.arms.fit", None)
    monkeypatch.setattr("compresslab.audit.predicting.probe", None)
    again = compresslab.audit(base_model(), aligned_model(), **WITHOUT, **SHORT, folder=tmp_path)
    assert as_json(again) == as_json(first) == wanted
    with pytest.raises(InvalidParameter, match=r"holds the rows of another experiment \(settings"):
        compresslab.audit(base_model(), aligned_model(), **WITHOUT, **{**SHORT, "seeds": 3}, folder=tmp_path)


@pytest.mark.slow
def test_an_audit_on_several_processes_is_that_of_one(tmp_path: Path) -> None:
    found = audit(base_model(), aligned_model(), **WITHOUT, **SHORT, folder=tmp_path, workers=2)
    wanted = short()
    assert found.tried == pytest.approx(wanted.tried, rel=1e-4)
    for one, two in zip(found.changes, wanted.changes, strict=True):
        assert (one.perturbation, one.dataset) == (two.perturbation, two.dataset)
        assert one.aligned.mean == pytest.approx(two.aligned.mean, rel=1e-4, abs=1e-7)
        assert one.control.mean == pytest.approx(two.control.mean, rel=1e-4, abs=1e-7)
    rows = sorted(path.name for path in tmp_path.glob("*/*.jsonl"))
    assert rows == ["aligned.jsonl", "control-0.jsonl"]
    with pytest.raises(InvalidParameter, match="the number of workers is at least 1, not 0"):
        audit(base_model(), aligned_model(), **WITHOUT, **SHORT, workers=0)


@pytest.mark.slow
def test_checkpoints_of_one_base_share_its_control(tmp_path: Path) -> None:
    later = changed(aligned_model(), DATA["a"], 10)
    pairs = [(base_model(), aligned_model()), (base_model(), later)]
    results = audit_series(pairs, **WITHOUT, **SHORT, folder=tmp_path)
    assert len(list(tmp_path.glob("base-*"))) == 1
    assert len(list(tmp_path.glob("pair-*"))) == 2
    assert as_json(results[0]) == as_json(short())
    assert results[1].share("undone").of_nats.mean > results[0].share("undone").of_nats.mean
    assert [change.control for change in results[1].changes] == [change.control for change in results[0].changes]
    value = series_as_json(results)
    assert [one["aligned"]["fingerprint"] for one in value["series"]] == [
        aligned_model().content_fingerprint(), later.content_fingerprint(),
    ]  # fmt: skip
    assert valid(value, schema()) == []


def test_the_gate_halves_the_rate_until_the_base_moves_little() -> None:
    result = compresslab.audit(base_model(), aligned_model(), **WITHOUT, **{**SHORT, "learning_rate": 0.5})
    rates, kl = zip(*result.tried.items(), strict=True)
    assert len(rates) > 2
    assert all(b == a / 2 for a, b in pairwise(rates))
    assert all(x is None or x >= result.settings.level_nats for x in kl[:-1])
    assert kl[-1] is not None
    assert kl[-1] < result.settings.level_nats
    assert result.learning_rate == rates[-1]
    assert all(change.control.mean is not None for change in result.changes)


def test_a_gate_that_no_rate_passes_says_what_to_do() -> None:
    with pytest.raises(InvalidParameter, match="moves by .* than the gate's 1e-15: give fewer examples"):
        compresslab.audit(base_model(), aligned_model(), **WITHOUT, **{**SHORT, "level_nats": 1e-15, "seeds": 1})


def test_the_placebo_has_the_alignments_sum_of_learning_rates() -> None:
    result = compresslab.audit(base_model(), aligned_model(), **ROLES, **SHORT, alignment_sum=0.02)
    assert result.neutral_examples == 4 * round(0.02 / result.learning_rate)
    small = audited()
    assert small.neutral_examples == 16  # that of the longest fine-tuning, where the alignment's is not known
    assert result.placebo_kl_nats is not None
    assert small.placebo_kl_nats is not None
    assert 0 < small.placebo_kl_nats < result.placebo_kl_nats
    assert result.kl_to_base["control"]["t"][0].mean == 0


def test_effective_volumes_are_of_the_models_own_beginnings() -> None:
    settings = AuditSettings()
    data = read_roles(base_model(), WITHOUT, settings)
    found = measure_volumes(base_model(), data.measured)
    assert sum(found.weights.values()) == pytest.approx(1)
    beginnings = {tuple(r[:2].tolist()) for name in "pat" for r in DATA[name]}
    mass = 0.0
    for first, second in beginnings:
        with torch.no_grad():
            p = torch.softmax(base_model().module(input_ids=torch.tensor([[EOS, first]])).logits[0].double(), -1)
        mass += float(p[0, first] * p[1, second])
    assert found.covered == pytest.approx(mass, rel=1e-5)
    after = measure_volumes(aligned_model(), data.measured)
    assert after.weights["a"] > found.weights["a"] + 0.2  # alignment is most of what it became


def test_effective_depth_is_that_of_the_experiments() -> None:
    for side, model in (("base", base_model()), ("aligned", aligned_model())):
        for one in audited().depths[side]:
            excess = layer_excess_bits(model, DATA[one.dataset], 5)
            assert one.excess_bits == pytest.approx(excess.tolist(), abs=1e-5)
            assert one.layers == effective_depth(excess, TOLERANCE_BITS)


def test_prompts_are_context_and_have_no_depth(make_llama: Callable[..., HuggingFaceModel]) -> None:
    pairs = [("Who?", "a fox"), ("Who else?", "a hen"), ("Why?", "no")]
    model, other = make_llama(initializer_range=0.05), make_llama(1, initializer_range=0.05)
    result = compresslab.audit(
        model, other, pretrain={"p": ["1, 2", "3", "4"]}, align={"a": pairs}, perturb={"t": ["never", "no"]},
        **{**SHORT, "seeds": 1},
    )  # fmt: skip
    assert result.data["a"].tokens == sum(len(r) + 1 for _, r in pairs)
    assert {one.dataset for one in result.depths["base"]} == {"p", "t"}
    bits = result.code_lengths["base"]["a"].bits_per_byte
    assert bits is not None
    nats = result.code_lengths["base"]["a"].nats.mean
    assert bits.mean == pytest.approx(nats * result.data["a"].tokens / math.log(2) / sum(len(r) for _, r in pairs))


def test_json_is_as_the_published_schema_says() -> None:
    value = json.loads(json.dumps(as_json(audited()), allow_nan=False))
    assert next(iter(value)) == "schema_version"
    assert valid(value, schema()) == []
    wanted = {"base", "aligned", "code_length_nats", "kl_nats", "net_of_control", "undone_share", "returned_share"}
    assert {*wanted, "verdict"} <= value.keys()
    assert value["net_of_control"]["a"]["16"].keys() == {"value_nats", "low", "high"}
    assert value["by_perturbation"]["t"]["undone_share"] == value["undone_share"]
    for broken in ({"undone_share": 3}, {"schema_version": 2}, {"verdict": "perhaps"}):
        assert valid({**value, **broken}, schema())
    del value["kl_nats"]["aligned_to_base"]
    assert valid(value, schema())


def test_the_first_sentence_has_both_shares_with_their_intervals() -> None:
    said = elastic(audited())
    assert said.startswith("After 16 examples of 't', net of control, ")
    assert said.count("%") == 6
    assert said.endswith("of what alignment cost pre-training comes back.")


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"pretrain": {}}, InvalidParameter, "give some with --pretrain"),
        ({"align": {"t": DATA["a"]}}, InvalidParameter, "two datasets are called 't'"),
        ({"align": {"a": DATA["p"]}}, InvalidParameter, r"'p' \(pretrain\) and 'a' \(align\) are the same responses"),
        ({"neutral": {"x": DATA["n"], "y": DATA["t"]}}, InvalidParameter, "give one --neutral"),
        ({"perturb": ["no"]}, InvalidParameter, "perturb is a dictionary of data by name"),
        ({"learnin_rate": 1}, InvalidParameter, "no setting 'learnin_rate': did you mean 'learning_rate'"),
        ({"examples": (3,)}, InvalidParameter, "multiples of the batch, 4"),
        ({"seeds": 0}, InvalidParameter, "seeds is a whole number, 1 or more"),
        ({"alignment_sum": -1.0}, InvalidParameter, "alignment_sum is above 0"),
        ({"learning_rate": 2.0}, InvalidParameter, "learning_rate lies between 0 and 1"),
    ],
)
def test_wrong_calls_say_what_is_wrong(changes: dict[str, Any], error: type[CompressLabError], message: str) -> None:
    with pytest.raises(error, match=message):
        compresslab.audit(base_model(), aligned_model(), **{**WITHOUT, **SHORT, **changes})


def test_models_that_do_not_belong_together_are_refused(make_llama: Callable[..., HuggingFaceModel]) -> None:
    with pytest.raises(MismatchedVocabulary, match="do not predict the same tokens"):
        compresslab.audit(make_llama(), aligned_model(), **WITHOUT, **SHORT)
    with pytest.raises(InvalidParameter, match="has no weights that are trained by gradients"):
        compresslab.audit(base_model(), TreeModel.of(DATA["p"], depth=2), **WITHOUT, **SHORT)
    with pytest.raises(InvalidParameter, match="give both"):
        audit_series([], **WITHOUT)


@pytest.mark.slow
def test_a_lora_trains_an_adapter_alone() -> None:
    pytest.importorskip("peft", reason="needs the package peft")
    result: AuditResult = compresslab.audit(base_model(), aligned_model(), **WITHOUT, **SHORT, lora=2)
    for one, two in zip(result.changes, short().changes, strict=True):
        if one.dataset == "t":
            assert 0 > one.aligned.mean > two.aligned.mean  # it learns, and less than all weights do
    assert result.prediction("undone").raw is not None


def test_a_lora_without_peft_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(InvalidParameter, match="LoRA needs the package peft"):
        compresslab.audit(base_model(), aligned_model(), **WITHOUT, **SHORT, lora=2)


def test_a_wider_model_of_the_same_tokens_is_a_base_too() -> None:
    """Sizes may differ: what is compared are distributions over the same tokens."""
    result = compresslab.audit(small_llama(size=8, layers=1), aligned_model(), **WITHOUT, **{**SHORT, "seeds": 1})
    assert result.base.parameters < result.aligned.parameters
