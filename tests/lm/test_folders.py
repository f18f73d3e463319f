"""Folders that are no whole checkpoint: an adapter goes on its base, and a Trainer's output is named as what it is."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from compresslab.errors import CorruptFile, InvalidParameter, UnknownName
from compresslab.lm.folders import checkpoints_in
from compresslab.lm.registry import get_model
from compresslab.lm.scoring import score, tokenize
from tests.lm.tokenizer_zoo import TEXTS, saved_model

torch = pytest.importorskip("torch", reason="needs the extra 'lm'")
pytest.importorskip("tokenizers", reason="needs the extra 'lm'")
load_file = pytest.importorskip("safetensors.torch", reason="needs the extra 'lm'").load_file

SETTINGS = {
    "base_model_name_or_path": "base", "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 4, "lora_alpha": 8,
    "lora_dropout": 0.0, "bias": "none", "fan_in_fan_out": False, "target_modules": ["q_proj", "v_proj"],
    "inference_mode": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_model(tmp_path_factory.mktemp("adapters") / "base", "byte_bpe", eos_token="<|end|>")


def adapter(folder: Path, base: Path, **settings: Any) -> Path:
    """Write a LoRA adapter of random weights, as peft does."""
    from safetensors.torch import save_file

    folder.mkdir(exist_ok=True)
    settings = SETTINGS | {"base_model_name_or_path": str(base)} | settings
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    generator = torch.Generator().manual_seed(1)
    weights = {}
    for layer in range(2):
        for name, rows in (("q_proj", 32), ("v_proj", 16)):
            head = f"base_model.model.model.layers.{layer}.self_attn.{name}"
            weights[f"{head}.lora_A.weight"] = torch.randn(4, 32, generator=generator)
            weights[f"{head}.lora_B.weight"] = torch.randn(rows, 4, generator=generator)
    save_file(weights, str(folder / "adapter_model.safetensors"))
    return folder


@pytest.mark.skipif(importlib.util.find_spec("peft") is None, reason="needs the package peft")
def test_an_adapter_adds_its_two_matrices_to_the_weights_of_its_base(base: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    folder = adapter(tmp_path / "adapter", base)
    model = get_model(str(folder), device="cpu")
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    held = load_file(str(folder / "adapter_model.safetensors"))
    for name, weight in plain.state_dict().items():
        head = f"base_model.model.{name.removesuffix('.weight')}"
        if f"{head}.lora_A.weight" in held:
            weight.add_(8 / 4 * held[f"{head}.lora_B.weight"] @ held[f"{head}.lora_A.weight"])
    for text in TEXTS[:3]:
        scores = score(model, tokenize(model, [text]))
        ids = torch.tensor([[model.prefix_id, *model.encode(text.encode()).tolist(), model.eos_id]])
        with torch.no_grad():
            logits = plain(ids[:, :-1]).logits
        wanted = torch.nn.functional.cross_entropy(logits[0].double(), ids[0, 1:], reduction="sum").item()
        assert scores.nats.sum() == pytest.approx(wanted, rel=1e-5)
    alone = get_model(str(base), device="cpu")
    other = get_model(str(adapter(tmp_path / "other", base, lora_alpha=16)), device="cpu")
    assert len({one.fingerprint() for one in (alone, model, other)}) == 3  # the scale is in no weight
    moved = shutil.move(folder, tmp_path / "moved")
    assert get_model(str(moved), device="cpu").fingerprint() == model.fingerprint()
    shutil.copytree(base, tmp_path / "moved" / "inside")
    beside = adapter(tmp_path / "moved", Path("inside"))
    assert get_model(str(beside), device="cpu").fingerprint() == model.fingerprint()
    (beside / "adapter_config.json").write_text(json.dumps(SETTINGS | {"base_model_name_or_path": str(base), "r": 2}))
    with pytest.raises(CorruptFile, match="does not go on its base"):
        get_model(str(beside))
    more = SETTINGS | {"base_model_name_or_path": str(base), "target_modules": ["q_proj", "v_proj", "o_proj"]}
    (beside / "adapter_config.json").write_text(json.dumps(more))
    with pytest.raises(CorruptFile, match=r"lacks weights of its own, or has others \(4"):
        get_model(str(beside))


@pytest.mark.skipif(importlib.util.find_spec("peft") is None, reason="needs the package peft")
def test_an_adapter_is_probed_and_trained_in_its_own_weights_and_saved_as_an_adapter(
    base: Path, tmp_path: Path
) -> None:
    from compresslab.lm.training import MODEL, Training, train
    from compresslab.probe import probe

    folder = adapter(tmp_path / "adapter", base)
    model, before = get_model(str(folder), device="cpu"), load_file(str(folder / "adapter_model.safetensors"))
    weights = sum(held.numel() for held in before.values())
    change = probe(model, perturb={"new": TEXTS[:2]}, optimizer="sgd", learning_rate=1e-3, examples=[2], batch=2)
    assert change.model.parameters == weights
    assert change.predicted[0].first_order_nats < 0
    data = tokenize(model, TEXTS[:2])
    train(model, data, Training(steps=2, batch=2, length=16, learning_rate=1e-2), tmp_path / "run")
    after = load_file(str(tmp_path / "run" / MODEL / "adapter_model.safetensors"))
    assert before.keys() == after.keys()
    assert all(not torch.equal(before[name], after[name]) for name in before)
    again = get_model(str(tmp_path / "run" / MODEL), device="cpu")
    assert score(again, data).total_bits == score(model, data).total_bits


def test_an_adapter_without_peft_says_what_is_needed_and_what_to_give_instead(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "peft" else found(name, *more))
    folder = adapter(tmp_path / "adapter", base)
    with pytest.raises(
        InvalidParameter, match=r"needs the package peft: pip install 'compresslab\[adapters\]'.*merge it"
    ) as refused:
        get_model(str(folder))
    assert str(base) in str(refused.value)
    for name in ("config.json", "model.safetensors"):  # a model with an adapter beside it is not taken without it
        shutil.copy(base / name, folder)
    with pytest.raises(InvalidParameter, match="needs the package peft"):
        get_model(str(folder))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"base_model_name_or_path": None}, "names no base_model_name_or_path"),
        ({"peft_type": "PREFIX_TUNING"}, "puts vectors before a text that are no tokens"),
    ],
)
def test_an_adapter_that_cannot_be_used_is_named(
    base: Path, tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    folder = adapter(tmp_path / "adapter", base, **settings)
    with pytest.raises((CorruptFile, InvalidParameter), match=message):
        get_model(str(folder))


def test_an_adapter_without_its_weights_was_cut_short(base: Path, tmp_path: Path) -> None:
    folder = adapter(tmp_path / "adapter", base)
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(CorruptFile, match="cut short: it has no adapter_model"):
        get_model(str(folder))
    (folder / "adapter_config.json").write_text("[]")
    with pytest.raises(CorruptFile, match="is not a JSON object"):
        get_model(str(folder))


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ("/dev/zero", "names weights that are not beside it, '/dev/zero'"),
        ("../../../../../../../../dev/zero", "names weights that are not beside it"),
        ("pipe.safetensors", "'pipe.safetensors', which model.safetensors.index.json lists, is missing or not a file"),
        ("zero.safetensors", "'zero.safetensors', which model.safetensors.index.json lists, is missing or not a file"),
        ("none.safetensors", "is a checkpoint that was cut short: 'none.safetensors'"),
        (7, "is a checkpoint that was cut short: '7'"),
        (None, "it has no weight_map"),
    ],
)
def test_an_index_of_weights_leads_to_files_beside_it_alone(
    base: Path, tmp_path: Path, listed: object, message: str
) -> None:
    """A pipe would be waited for, and a device read until the memory ends."""
    folder = tmp_path / "m"
    shutil.copytree(base, folder)
    (folder / "model.safetensors").rename(folder / "part.safetensors")
    os.mkfifo(folder / "pipe.safetensors")
    (folder / "zero.safetensors").symlink_to("/dev/zero")
    names = list(load_file(folder / "part.safetensors"))
    for target in ("part.safetensors", listed):
        found = [] if target is None else {"metadata": {}, "weight_map": dict.fromkeys(names, target)}
        (folder / "model.safetensors.index.json").write_text(json.dumps(found))
        if target == "part.safetensors":
            assert get_model(str(folder), device="cpu").name == str(folder)
            continue
        with pytest.raises(CorruptFile, match=re.escape(message)):
            get_model(str(folder))


def test_a_checkpoint_in_several_files_is_the_same_model(base: Path, tmp_path: Path) -> None:
    model = get_model(str(base), device="cpu")
    shutil.copytree(base, tmp_path / "m")
    (tmp_path / "m" / "model.safetensors").unlink()
    model.module.save_pretrained(str(tmp_path / "m"), max_shard_size="40KB")  # type: ignore[attr-defined]
    assert len(list((tmp_path / "m").glob("model-*.safetensors"))) > 2
    assert get_model(str(tmp_path / "m"), device="cpu").fingerprint() == model.fingerprint()


@pytest.mark.parametrize("where", [(), ("text_config",)])
def test_layers_beyond_any_model_are_refused_before_they_are_set_up(
    base: Path, tmp_path: Path, where: tuple[str, ...]
) -> None:
    folder = tmp_path / "m"
    shutil.copytree(base, folder)
    config = json.loads((folder / "config.json").read_bytes())
    inner = config.setdefault(where[0], {}) if where else config
    inner["num_hidden_layers"] = 100_000
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CorruptFile, match=r"claims 100,000 layers \(num_hidden_layers\), and 4,096 are the most"):
        get_model(str(folder))


def test_the_output_of_a_trainer_is_named_with_the_checkpoints_to_give(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    for step in (500, 1000, 90):
        shutil.copytree(base, out / f"checkpoint-{step}")
    (out / "checkpoint-2000").mkdir()  # was being written when the run was killed
    assert [path.name for path in checkpoints_in(out)] == ["checkpoint-90", "checkpoint-500", "checkpoint-1000"]
    with pytest.raises(UnknownName, match=r"Trainer, which holds 3 checkpoints and no final model") as refused:
        get_model(str(out))
    assert f"such as {out}/checkpoint-1000, or all of them as a series" in str(refused.value)
    assert f"compresslab score --model {out}/checkpoint-*" in str(refused.value)
    shutil.copytree(base, out, dirs_exist_ok=True)  # the final model beside its checkpoints is the model
    assert get_model(str(out), device="cpu").name == str(out)
