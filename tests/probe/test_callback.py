"""The callback of a training: rows against the probe and plain torch, resumed, and nothing of the training changed."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'lm'")
pytest.importorskip("transformers", reason="needs the extra 'lm'")
import torch

import compresslab
from compresslab.errors import CorruptFile, InvalidParameter, MismatchedVocabulary
from compresslab.lm.checkpoints import save
from compresslab.lm.tiny import TinyShape, make_tiny
from compresslab.probe import probe_callback, read_steps
from tests.probe.small_models import EOS, small_llama, words

if TYPE_CHECKING:
    from compresslab.lm.hugging_face import HuggingFaceModel

DATA: dict[str, Any] = {
    "pretrain": {"p": words(1, 8, range(6))},
    "align": {"a": words(3, 8, range(2, 8))},
    "perturb": {"t": words(4, 8, range(6, 11))},
}
SETTINGS: dict[str, Any] = {"optimizer": "sgd", "batch": 4, "examples": (4,), "every": 2}
DOCS = Path(__file__).parents[2] / "docs" / "probe.md"


def examples() -> list[dict[str, list[int]]]:
    rows = [[EOS, *response.tolist(), EOS] for response in DATA["perturb"]["t"]]
    return [{"input_ids": row, "labels": row} for row in rows]


def trained(model: HuggingFaceModel, folder: Path, steps: int, *callbacks: Any, **given: Any) -> Any:
    """Train with dropout, whose random numbers nothing else may draw."""
    from transformers import Trainer, TrainingArguments

    arguments = TrainingArguments(
        str(folder), max_steps=steps, per_device_train_batch_size=4, learning_rate=1e-2, report_to="none", save_steps=3,
        disable_tqdm=True, use_cpu=True, lr_scheduler_type="constant", logging_strategy="no", seed=3,
    )  # fmt: skip
    trainer = Trainer(model.module, arguments, train_dataset=examples(), callbacks=list(callbacks))
    trainer.train(**given)
    return trainer


def dropping() -> HuggingFaceModel:
    return small_llama(size=8, layers=1, attention_dropout=0.5)


def recording(model: HuggingFaceModel, path: Path, **changes: Any) -> Any:
    return probe_callback(model, path, **DATA, **{**SETTINGS, **changes})


@pytest.mark.slow
def test_rows_are_what_a_probe_says_there_and_the_training_is_unchanged(tmp_path: Path) -> None:
    plain, model = dropping(), dropping()
    trained(plain, tmp_path / "plain", 3)
    first = compresslab.probe(model, **DATA, optimizer="sgd", batch=4, examples=(4,), linearised=False)
    trained(model, tmp_path / "recorded", 3, recording(model, tmp_path / "rows.jsonl"))
    for one, two in zip(plain.module.parameters(), model.module.parameters(), strict=True):
        assert torch.equal(one, two)
    rows = read_steps(tmp_path / "rows.jsonl")
    assert [row["step"] for row in rows] == [0, 2, 3]  # where it begins and ends, too
    assert all(row["learning_rate"] == 1e-2 for row in rows)
    model.module.eval()
    last = compresslab.probe(model, **DATA, optimizer="sgd", batch=4, examples=(4,), linearised=False)
    for row, found in ((rows[0], first), (rows[-1], last)):
        assert row["code_length_nats"] == {name: x.code_length_nats for name, x in found.datasets.items()}
        assert [[*one.values()] for one in row["overlap"].values()] == found.overlaps.matrix.tolist()
        assert row["stationarity"]["a/p"]["k_eff"]["value"] == found.stationarity["a/p"].k_eff.mean
    nats, tokens = 0.0, 0  # by plain torch
    for response in DATA["align"]["a"]:
        row = [EOS, *response.tolist(), EOS]
        logits = model.module(input_ids=torch.tensor([row[:-1]])).logits[0].detach()
        nats += float(torch.nn.functional.cross_entropy(logits, torch.tensor(row[1:]), reduction="sum"))
        tokens += len(row) - 1
    assert rows[-1]["code_length_nats"]["a"] == pytest.approx(nats / tokens, rel=1e-5)


@pytest.mark.slow
def test_a_resumed_training_ends_with_the_same_rows(tmp_path: Path) -> None:
    """Killed after step 4, and resumed from the checkpoint of step 3: the row of step 4 is written again."""
    wanted, path = tmp_path / "whole.jsonl", tmp_path / "rows.jsonl"
    model = dropping()
    trained(model, tmp_path / "whole", 6, recording(model, wanted))
    from transformers import TrainerCallback

    class Kill(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == 4:
                raise RuntimeError("killed")

    model = dropping()
    with pytest.raises(RuntimeError, match="killed"):
        trained(model, tmp_path / "out", 6, recording(model, path), Kill())
    assert [row["step"] for row in read_steps(path)] == [0, 2, 4]
    with open(path, "ab") as file:
        file.write(b'{"step": 5, "co')  # what a kill leaves
    model = dropping()
    trained(model, tmp_path / "out", 6, recording(model, path), resume_from_checkpoint=True)
    assert path.read_bytes() == wanted.read_bytes()
    with pytest.raises(InvalidParameter, match="holds rows up to step 6, and training begins anew"):
        trained(dropping(), tmp_path / "new", 1, recording(model, path))
    with pytest.raises(InvalidParameter, match="rows of other data or settings"):
        trained(dropping(), tmp_path / "new", 1, recording(model, path, batch=2, examples=(2,)))
    assert path.read_bytes() == wanted.read_bytes()


def test_an_adapter_is_measured_in_its_own_weights(tmp_path: Path) -> None:
    peft = pytest.importorskip("peft", reason="needs the package peft")
    model = small_llama(size=8, layers=1)
    record = recording(model, tmp_path / "rows.jsonl")
    tuned = peft.inject_adapter_in_model(peft.LoraConfig(r=1, target_modules=["q_proj"]), model.module)
    record.on_train_begin(state_args(), state_at(0), None, model=tuned)
    (row,) = read_steps(tmp_path / "rows.jsonl")
    found = compresslab.probe(model, **DATA, optimizer="sgd", batch=4, examples=(4,), linearised=False)
    assert found.model.parameters == sum(p.numel() for p in tuned.parameters() if p.requires_grad)
    assert [[*one.values()] for one in row["overlap"].values()] == found.overlaps.matrix.tolist()


def state_args(**changes: Any) -> Any:
    from transformers import TrainingArguments

    return TrainingArguments("unused", use_cpu=True, report_to="none", **changes)


def state_at(step: int) -> Any:
    from transformers import TrainerState

    return TrainerState(global_step=step, epoch=0.0)


def test_wrong_callbacks_and_rows_say_what_is_wrong(tmp_path: Path) -> None:
    model, path = small_llama(size=8, layers=1), tmp_path / "rows.jsonl"
    for changes, message in (
        ({"every": 0}, "every is a number of steps"),
        ({"batsh": 2}, "no setting 'batsh': did you mean 'batch'"),
        ({"other": {"p": DATA["align"]["a"]}}, "two datasets are called 'p'"),
    ):
        with pytest.raises(InvalidParameter, match=message):
            recording(model, path, **changes)
    with pytest.raises(InvalidParameter, match="nothing to measure"):
        probe_callback(model, path)
    wider = small_llama(size=8, layers=1)
    wider.module.resize_token_embeddings(20)
    with pytest.raises(MismatchedVocabulary, match="what is trained has 20 tokens"):
        recording(model, path).on_train_begin(state_args(), state_at(0), None, model=wider.module)
    path.write_text('{"step": 1, "of": "x"}\n{"step": 1, "of": "x"}\n{"step": 2, "of": "x"}\n')
    with pytest.raises(CorruptFile, match="line 2 of .* its step does not rise"):
        read_steps(path)


def test_the_example_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save(make_tiny(TinyShape(hidden=8, layers=1, heads=2, context=16), device="cpu"), "FOLDER")
    code = next(c for c in re.findall(r"```py\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL) if "probe_callback" in c)
    *lines, last = ast.parse(code.replace('TrainingArguments("trained")', "arguments")).body
    assert isinstance(last, ast.Expr)
    rows = [{"input_ids": list(text), "labels": list(text)} for text in (b"to be", b"or no")]
    arguments = state_args(max_steps=50, logging_strategy="no", save_strategy="no", disable_tqdm=True)
    texts, pairs = ["to be", "or not"], [("who?", "please"), ("me", "thanks")]
    held = {"rows": rows, "arguments": arguments, "texts": texts, "pairs": pairs}
    exec(compile(ast.Module(lines, []), "page", "exec"), held)
    found = eval(compile(ast.Expression(last.value), "page", "eval"), held)
    assert [step for step, *_ in found] == [0, 50]
    assert np.isfinite(found).all()
    assert all(json.loads(line) for line in (tmp_path / "steps.jsonl").read_text().splitlines())
