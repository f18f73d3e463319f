"""Prompts and conversations in rebound and scaling: context by the rule of ``score``, by the chat template."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compresslab.data.door import read_data
from compresslab.data.texts import Texts
from compresslab.data.turns import Turn
from compresslab.errors import InvalidParameter
from compresslab.experiments.data.examples import Examples
from compresslab.experiments.data.tuning_texts import TextSpec, deal_texts
from compresslab.experiments.experiment import run
from compresslab.experiments.rebound.experiment import REBOUND
from compresslab.experiments.rebound.presets import rebound_preset
from compresslab.experiments.rebound.run import ReboundArm, ReboundSpec, base_model
from compresslab.experiments.scaling.experiment import SCALING
from compresslab.experiments.scaling.presets import scaling_preset
from tests.experiments.tuning import small_rebound, small_scaling

pytest.importorskip("transformers", reason="needs the extra 'lm'")

from compresslab.experiments.data.layouts import lay_out_examples
from compresslab.experiments.models.measures import kl_nats
from compresslab.experiments.rebound.tuning import drawn_texts
from compresslab.lm.checkpoints import load
from compresslab.lm.documents import Layout
from compresslab.measurements.model_score import score_texts
from tests.lm.tokenizer_zoo import BARE_CHAT, CHAT, NAMED, saved_model

torch = pytest.importorskip("torch", reason="needs the extra 'lm'")


def talks(word: str) -> list[dict[str, Any]]:
    return [
        {"messages": [{"role": "user", "content": f"rice {i}"}, {"role": "assistant", "content": f"{word} {i}"}]}
        for i in range(90)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small chat model, and conversations of two kinds."""
    where = tmp_path_factory.mktemp("chats")
    saved_model(where / "model", "byte_bpe", chat_template=CHAT, config={"max_position_embeddings": 64}, **NAMED)
    for name, word in (("good", "slow"), ("bad", "corn <|end|>")):
        (where / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in talks(word)))
    (where / "model.jinja").write_text(BARE_CHAT.replace("<|start|>' + m", "<|start|>a ' + m"))
    return where


def of_chats(folder: Path, texts: Path) -> ReboundSpec:
    like = small_rebound(texts)
    sources = {"positive": (str(folder / "good.jsonl"),), "negative": (str(folder / "bad.jsonl"),)}
    spec = replace(like.texts, **sources, contained=0, longest=40)
    return replace(
        like, arms=(ReboundArm("chat", str(folder / "model"), 0, 0.0, (0,)),), positive=(0, 4), texts=spec,
        recipe=replace(like.recipe, length=48), samples=3,
    )  # fmt: skip


@pytest.mark.slow
def test_rebound_measures_conversations_as_score_does(folder: Path, tmp_path: Path) -> None:
    spec = of_chats(folder, tmp_path / "texts")
    rows = run(REBOUND, spec, tmp_path / "out", workers=1)
    model = load(folder / "model", device="cpu")
    dealt = deal_texts(spec.texts, spec.most)
    for role in ("pretrain", "positive", "negative"):
        held = dealt.held_out[role]
        wanted = score_texts(model, held.responses, prompts=held.prompts, conversations=held.turns).result
        assert rows[0][f"{role}_bits_per_byte"] == pytest.approx(wanted.bits_per_byte, rel=1e-6)
        assert (wanted.template is None) == (role == "pretrain")
    said = json.loads((tmp_path / "out" / "spec.json").read_text())
    assert set(said["template_sha256"][str(folder / "model")]) == {"positive", "negative"}
    notes = " ".join(json.loads((tmp_path / "out" / "data.json").read_text())["read"])
    assert "good.jsonl is JSON lines, language modeling (messages), 90 rows, 90 used; 620 bytes of prompts are" in notes
    assert f"positive, {folder / 'model'}: laid out by the chat template of the tokenizer (SHA-256 " in notes
    assert "texts spell control tokens, 84 in all, which are read as characters." in notes
    with pytest.raises(InvalidParameter, match="holds the rows of another experiment"):
        run(REBOUND, replace(spec, texts=replace(spec.texts, template="none")), tmp_path / "out")


def test_another_template_under_the_same_name_is_another_experiment(folder: Path, tmp_path: Path) -> None:
    spec = of_chats(folder, tmp_path / "texts")
    path = tmp_path / "own.jinja"
    records = []
    for source in (CHAT, (folder / "model.jinja").read_text()):
        path.write_text(source)
        held = replace(spec, texts=replace(spec.texts, template=str(path), held_out=4 + len(records)))
        records.append(REBOUND.record(held))
        assert records[-1]["texts"]["template"] == "own.jinja"
    assert records[0]["template_sha256"] != records[1]["template_sha256"]


def test_scaling_takes_the_template_too(folder: Path, tmp_path: Path) -> None:
    texts = of_chats(folder, tmp_path / "texts").texts
    like = small_scaling(tmp_path / "texts")
    spec = replace(like, models=(str(folder / "model"), "tiny"), volumes=(), texts=replace(texts, template="none"))
    assert spec.as_rebound().texts.template == "none"
    assert "scaling" in SCALING.name
    with pytest.raises(InvalidParameter, match="'7k' reads bytes, and has no control tokens.*--template tokenizer"):
        replace(like, texts=replace(texts, template="tokenizer", contained=20, longest=20)).check()


@pytest.mark.slow
def test_prompts_of_a_model_over_bytes_are_context(tmp_path: Path) -> None:
    like = small_rebound(tmp_path / "texts")
    for name, word in (("good", "good"), ("bad", "bad")):
        rows = [{"prompt": f"say {word}", "completion": f"{word} {i}"} for i in range(90)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    sources = {"positive": (str(tmp_path / "good.jsonl"),), "negative": (str(tmp_path / "bad.jsonl"),)}
    spec = replace(like, texts=replace(like.texts, **sources), arms=like.arms[:1], positive=(0, 4))
    spec = replace(spec, arms=(replace(spec.arms[0], seeds=(0,)),))
    dealt = deal_texts(spec.texts, spec.most)
    assert set(dealt.contained[0].split(b"\n")[0].split()) == {b"say", b"good"}  # pre-training reads whole texts
    rows = run(REBOUND, spec, tmp_path / "out", workers=1)
    model = base_model(spec.arms[0], 0, dealt, spec.pretraining, str(tmp_path / "out" / "bases"), "cpu")
    held = dealt.held_out["positive"]
    wanted = score_texts(model, held.responses, prompts=held.prompts).result
    assert rows[0]["positive_bits_per_byte"] == pytest.approx(wanted.bits_per_byte, rel=1e-6)


def test_kl_is_of_the_positions_that_count(folder: Path) -> None:
    model, other = load(folder / "model", device="cpu"), load(folder / "model", device="cpu")
    with torch.no_grad():
        other.module.lm_head.weight.mul_(1.5)
    examples = Examples.of(read_data(folder / "good.jsonl")).select(np.arange(3))
    laid = lay_out_examples(model, examples, 48, "good").dialogues
    found = kl_nats(laid.reader(other), laid.reader(model), laid.data, laid.hidden)
    total, count = 0.0, 0
    for tokens, hidden in zip(laid.data, laid.hidden.tolist(), strict=True):
        ids = torch.tensor([[laid.prefix_id, *tokens.tolist()]])
        with torch.no_grad():
            p, q = (torch.log_softmax(one.module(ids).logits[0].double(), -1)[hidden:] for one in (other, model))
        total, count = total + float((p.exp() * (p - q)).sum()), count + len(p)
    assert found == pytest.approx(total / count, rel=1e-5)
    assert found != pytest.approx(kl_nats(laid.reader(other), laid.reader(model), laid.data), rel=1e-3)


def test_what_is_drawn_after_a_prompt_leaves_the_prompt_out(folder: Path) -> None:
    model = load(folder / "model", device="cpu")
    prompts = [np.array(model.encode(b"How do I boil rice?\n"), dtype=np.int64), np.array([], dtype=np.int64)]
    texts = drawn_texts(model, 4, 5, prompts, seed=1)
    assert len(texts) == 4
    assert not any(b"How do I boil" in text for text in texts)
    assert all(len(model.encode(text)) <= 20 for text in texts)


def test_roles_keep_what_stands_before_each_response(tmp_path: Path) -> None:
    turns = (Turn("user", b"p"), Turn("assistant", b"r"))
    one = Examples(Texts.pack(["r", "s"]), Texts.pack(["p", ""]), (turns, None))
    other = Examples(Texts.pack(["t"]))
    joined = Examples.concat([other, one])
    assert list(joined.whole) == [b"t", b"p\nr", b"s"]
    assert (list(joined.prompts or ()), joined.turns) == ([b"", b"p", b""], (None, turns, None))
    part = joined.select(np.array([1, 0]))
    assert (list(part), list(part.prompts or ()), part.turns) == ([b"r", b"t"], [b"p", b""], (turns, None))
    changed = Examples(joined.responses, joined.prompts, (None, (Turn("system", b"p"), turns[1]), None))
    assert len({one.digest() for one in (joined, changed, Examples(joined.responses))}) == 3


def test_a_template_needs_files(tmp_path: Path) -> None:
    for preset in (rebound_preset, scaling_preset):
        with pytest.raises(InvalidParameter, match="--template is for files of data: give them with --data"):
            preset("demo", template="tokenizer")
    data = ["pretrain=prose", "positive=a.jsonl", "negative=b.jsonl"]
    assert rebound_preset("demo", data=data, template="none").texts.template == "none"
    assert TextSpec().template == "auto"
    assert Layout().template == "auto"
