"""The DPO loss as an objective of the probe, against plain torch; and what it refuses."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the extra 'lm'")
pytest.importorskip("transformers", reason="needs the extra 'lm'")
import torch

import compresslab
from compresslab.errors import CompressLabError, EmptyDataset, InvalidParameter
from compresslab.lm.checkpoints import save
from compresslab.lm.tiny import TinyShape, make_tiny
from compresslab.probe import Preferences, ProbeResult
from compresslab.probe.json_form import as_json, schema
from tests.json_rules import valid
from tests.probe.small_models import EOS, small_llama, words

CHOSEN, REJECTED = words(11, 10, range(2, 8)), words(12, 10, range(5, 10))
DATA: dict[str, Any] = {"pretrain": {"p": words(1, 12, range(6))}, "perturb": {"t": words(4, 16, range(6, 11))}}
ASKED: dict[str, Any] = {"optimizer": "sgd", "batch": 4, "examples": (4, 16), "align_loss": "dpo", "dpo_beta": 0.5}
PAIRS = {"align": {"a": Preferences(CHOSEN, REJECTED)}}


@cache
def probed(rate: float = 0.02) -> ProbeResult:
    return compresslab.probe(
        small_llama(0, size=16, layers=1), base=small_llama(1, size=16, layers=1), **DATA, **PAIRS, **ASKED,
        learning_rate=rate, verify=True,
    )  # fmt: skip


def log_p(module: Any, response: Any) -> Any:
    row = torch.tensor([[EOS, *response.tolist(), EOS]])
    return torch.log_softmax(module(input_ids=row[:, :-1]).logits, -1).gather(2, row[:, 1:, None]).sum()


def plain_loss(module: Any) -> Any:
    """The mean of DPO's loss over pairs, as its paper writes it."""
    base = small_llama(1, size=16, layers=1).module
    losses = []
    for chosen, rejected in zip(CHOSEN, REJECTED, strict=True):
        with torch.no_grad():
            before = [log_p(base, one) for one in (chosen, rejected)]
        now = [log_p(module, one) for one in (chosen, rejected)]
        losses.append(-torch.log(torch.sigmoid(0.5 * (now[0] - before[0] - now[1] + before[1]))))
    return torch.stack(losses).mean()


def test_loss_and_overlaps_are_those_of_plain_torch() -> None:
    found, module = probed(), small_llama(0, size=16, layers=1).module
    loss = plain_loss(module)
    assert found.datasets["a"].code_length_nats == pytest.approx(float(loss.detach()), rel=1e-5)
    assert found.datasets["a"].gained_nats == pytest.approx(math.log(2) - float(loss.detach()), abs=1e-5)
    assert (found.datasets["a"].objective, found.datasets["a"].tokens) == ("dpo", 10)
    of_a = torch.autograd.grad(loss, list(module.parameters()))
    data = [*DATA["perturb"]["t"]]
    nats = -torch.stack([log_p(module, one) for one in data]).sum() / sum(len(one) + 1 for one in data)
    of_t = torch.autograd.grad(nats, list(module.parameters()))
    overlap = sum(float((x * y).sum()) for x, y in zip(of_a, of_t, strict=True))
    matrix, names = found.overlaps.matrix, list(found.datasets)
    a, t = names.index("a"), names.index("t")
    assert matrix[a, t] == pytest.approx(overlap, rel=1e-4)
    assert matrix[a, a] == pytest.approx(sum(float((x * x).sum()) for x in of_a), rel=1e-4)


@pytest.mark.slow
def test_predicted_changes_of_the_loss_are_those_measured() -> None:
    """Each change by itself; what the linearised model leaves out, where that is of the second order."""
    for rate in (0.02, 0.002):
        found = probed(rate)
        real = {(m.dataset, m.examples): m.change_nats for m in found.measured}
        for row in found.curve("t", "a"):
            assert row.linearised_nats == pytest.approx(real["a", row.examples], rel=0.1)
            assert row.certain_low_nats is row.certain_high_nats is None  # the bound is of a code length
            assert row.linearised_bits_per_byte is None
    last = probed(0.002).curve("t", "a")[-1]
    assert last.at_step_nats is not None
    assert last.linearised_nats is not None
    assert last.at_step_nats - last.linearised_nats == pytest.approx(last.leading_error_nats, rel=0.05)
    near = probed(1e-4).curve("t", "a")[0]
    assert near.linearised_nats == pytest.approx(near.first_order_nats, rel=0.02)
    assert near.standard_error_nats is not None


def test_a_reference_to_itself_has_gained_nothing() -> None:
    model = small_llama(0, size=16, layers=1)
    found = compresslab.probe(model, base=model, **DATA, **PAIRS, **ASKED, linearised=False)
    assert found.datasets["a"].code_length_nats == pytest.approx(math.log(2), abs=1e-6)
    assert found.datasets["a"].gained_nats == pytest.approx(0, abs=1e-6)
    assert "a" not in found.criteria  # of code lengths alone


def test_json_and_sentences_name_the_loss() -> None:
    value = as_json(probed())
    assert valid(value, schema()) == []
    assert value["datasets"]["a"]["objective"] == "dpo"
    assert value["datasets"]["p"]["objective"] == "code length"
    said = next(line for line in value["who_pays"]["t"] if "'a'" in line)
    assert "nats of the DPO loss per pair" in said


@pytest.mark.parametrize(
    ("align", "changes", "error", "message"),
    [
        (PAIRS["align"]["a"], {"base": None}, InvalidParameter, r"relative to a reference.*--base"),
        (Preferences(CHOSEN, words(1, 3, range(3))), {}, InvalidParameter, "10 chosen responses and 3 rejected ones"),
        (Preferences(CHOSEN, CHOSEN), {}, EmptyDataset, "no pair of different responses"),
        (PAIRS["align"]["a"], {"length": 2}, InvalidParameter, "responses of more than 2 tokens"),
        (CHOSEN, {}, InvalidParameter, r"give a list of \(prompt, chosen, rejected\)"),
        (PAIRS["align"]["a"], {"dpo_beta": 0}, InvalidParameter, "dpo_beta is above 0"),
    ],
)
def test_what_are_not_pairs_is_refused(
    align: Any, changes: dict[str, Any], error: type[CompressLabError], message: str
) -> None:
    model = small_llama(0, size=16, layers=1)
    with pytest.raises(error, match=message):
        compresslab.probe(model, **DATA, align={"a": align}, **{"base": model, **ASKED, **changes})


def test_a_file_of_preferences_is_read_as_pairs(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    model = make_tiny(TinyShape(hidden=8, layers=1, heads=2, context=32), seed=0, device="cpu")
    base = make_tiny(TinyShape(hidden=8, layers=1, heads=2, context=32), seed=1, device="cpu")
    save(model, tmp_path / "m")
    save(base, tmp_path / "b")
    pairs = [("who?", "you", "nobody"), ("what?", "this", "nothing at all"), ("how?", "so", "so")]
    rows = [dict(zip(("prompt", "chosen", "rejected"), one, strict=True)) for one in pairs]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "t.txt").write_text("to be\nor not\n")
    given = (
        "probe", "--model", tmp_path / "m", "--base", tmp_path / "b", "--align", f"a={tmp_path / 'a.jsonl'}",
        "--perturb", f"t={tmp_path / 't.txt'}", "--examples", "2", "--batch", "2", "--device", "cpu", "--first-order",
    )  # fmt: skip
    code, out, err = run(*given, "--align-loss", "dpo", "--json", "-q")
    assert (code, err) == (0, "")
    found = compresslab.probe(
        model, base=base, align={"a": pairs}, perturb={"t": ["to be", "or not"]}, align_loss="dpo", examples=(2,),
        batch=2, linearised=False,
    )  # fmt: skip
    value = json.loads(out)
    assert value["datasets"]["a"]["responses"] == 2  # of the third pair nothing is learned
    assert value["datasets"]["a"]["code_length_nats"] == found.datasets["a"].code_length_nats
    _, out, _ = run(*given, "--align-loss", "dpo", "-q")
    assert "a: the DPO loss per pair stands where other data has its code length per token" in " ".join(out.split())
    code, _, err = run(*given, "--dpo-beta", "0.2")
    assert code == 1
    assert "ask for that with --align-loss dpo" in err
    with pytest.raises(InvalidParameter, match="align_loss='dpo'"):
        compresslab.probe(model, base=base, align={"a": pairs}, perturb={"t": ["to be"]}, examples=(2,), batch=2)
