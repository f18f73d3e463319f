"""The probe in a LoRA's space: its gradients by plain torch, and what it loses against all weights."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'lm'")
pytest.importorskip("transformers", reason="needs the extra 'lm'")
pytest.importorskip("peft", reason="needs the extra 'adapters'")
import torch

from compresslab.errors import InvalidParameter
from compresslab.probe import LoraAccuracy, ProbeResult, lora_accuracy, probe, probe_callback
from compresslab.probe.lora import to_train
from tests.probe.small_models import EOS, small_llama, words

RANK, RATE = 2, 1e-2
ROLES: dict[str, Any] = {
    "pretrain": {"p": words(1, 12, range(6))}, "other": {"o": words(2, 12, range(4, 10))},
    "perturb": {"t": words(4, 12, range(6, 11))},
}  # fmt: skip


@cache
def probed() -> ProbeResult:
    settings = {"optimizer": "sgd", "learning_rate": RATE, "examples": [4, 8], "batch": 4}
    return probe(small_llama(), **ROLES, verify=True, lora=RANK, **settings)


@cache
def accuracy() -> LoraAccuracy:
    (found,) = lora_accuracy(small_llama(), probed(), **ROLES)
    return found


def test_a_copy_with_a_lora_is_the_model_and_trains_the_lora_alone() -> None:
    model = small_llama()
    tuned = to_train(model, RANK, 0)
    ids = np.arange(8)[None]
    assert np.array_equal(tuned.log_probs(ids), model.log_probs(ids))
    trained = [name for name, weight in tuned.module.named_parameters() if weight.requires_grad]
    assert trained
    assert all("lora_" in name for name in trained)
    assert not any("lora_" in name for name, _ in model.module.named_parameters())
    assert probed().model.parameters == sum(dict(tuned.module.named_parameters())[name].numel() for name in trained)
    assert probed().model.fingerprint == model.fingerprint()


def test_an_adapter_is_still_there_beside_the_lora_that_is_trained() -> None:
    adapted = to_train(small_llama(), 2, 0)
    with torch.no_grad():
        for name, weight in adapted.module.named_parameters():
            if "lora_B" in name:
                weight.normal_()
    ids = np.arange(8)[None]
    wanted = adapted.log_probs(ids)
    assert np.abs(wanted - small_llama().log_probs(ids)).max() > 0.1
    assert to_train(adapted, 3, 0).log_probs(ids) == pytest.approx(wanted, abs=1e-4)


def test_overlaps_are_those_of_the_second_factor_by_plain_torch() -> None:
    """A LoRA begins at B = 0: the gradient of B is that of the weight, times A, times the scale; that of A is 0."""
    model, scale = small_llama(), 2.0
    layers = {name: a for name, a in to_train(model, RANK, 0).module.named_parameters() if "lora_A" in name}

    def gradients(name: str) -> list[Any]:
        data = next(sets[name] for sets in ROLES.values() if name in sets)
        nats = torch.zeros(())
        for response in data:
            symbols = [*response.tolist(), EOS]
            logits = model.module(input_ids=torch.tensor([[EOS, *symbols[:-1]]])).logits[0]
            nats = nats + torch.nn.functional.cross_entropy(logits, torch.tensor(symbols), reduction="sum")
        model.module.zero_grad()
        (nats / (data.num_tokens + len(data))).backward()
        held = dict(model.module.named_parameters())
        return [scale * held[a.replace("lora_A.default.", "")].grad @ layers[a].T for a in layers]

    one, two = gradients("p"), gradients("t")
    wanted = sum((a * b).sum().item() for a, b in zip(one, two, strict=True))
    names = list(probed().datasets)
    assert probed().overlaps.matrix[names.index("p"), names.index("t")] == pytest.approx(wanted, rel=1e-4)


def test_both_spaces_are_compared_where_they_change_the_new_data_alike() -> None:
    found, last = accuracy(), 8
    whole = probe(
        small_llama(), **ROLES, optimizer="sgd", learning_rate=found.whole_learning_rate, examples=[last], batch=4,
        linearised=False,
    )  # fmt: skip
    lora = next(row for row in probed().curve("t", "t") if row.examples == last)
    assert whole.curve("t", "t")[0].first_order_nats == pytest.approx(lora.first_order_nats, rel=1e-5)
    assert found.whole_learning_rate < RATE


def test_accuracy_lost_is_the_difference_of_two_fits() -> None:
    found = accuracy()

    def fit(x: Any, y: Any) -> float:
        predicted, measured = np.array(x), np.array(y)
        return float(1 - ((measured - predicted) ** 2).sum() / (measured**2).sum())

    lora, whole = found.lora_linearised_nats, found.whole_measured_nats
    assert found.lora_r_squared == pytest.approx(fit(lora, found.lora_measured_nats))
    assert found.whole_r_squared == pytest.approx(fit(found.whole_linearised_nats, whole))
    assert found.lora_for_whole_r_squared == pytest.approx(fit(lora, whole))
    assert found.accuracy_lost == pytest.approx(fit(found.whole_linearised_nats, whole) - fit(lora, whole))
    assert found.lora_r_squared > 0.9
    assert found.accuracy_lost > 0.001  # two thin matrices are not all weights
    assert dict(zip(found.datasets, found.lora_measured_nats, strict=True)) == {
        row.dataset: row.change_nats for row in probed().measured if row.examples == 8
    }


def test_what_no_lora_can_be_asked_is_refused(tmp_path: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"give a probe of a LoRA's space \(lora\)"):
        lora_accuracy(small_llama(), probe(small_llama(), **ROLES, examples=[4], linearised=False), **ROLES)
    with pytest.raises(InvalidParameter, match="lora is a whole number, 0 or more: not -1"):
        probe(small_llama(), **ROLES, lora=-1)
    with pytest.raises(InvalidParameter, match="leave lora out"):
        probe_callback(small_llama(), tmp_path / "steps.jsonl", **ROLES, lora=2)
