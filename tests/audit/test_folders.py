"""Pairs of checkpoints as users have them: folders with tokenizers, chat templates and contexts of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the extra 'lm'")
pytest.importorskip("transformers", reason="needs the extra 'lm'")

import compresslab
from compresslab.audit import audit_series
from compresslab.data.door import read_data
from compresslab.errors import MismatchedVocabulary
from compresslab.lm.checkpoints import load
from compresslab.lm.hugging_face import HuggingFaceModel
from tests.lm.tokenizer_zoo import BARE_CHAT, saved_model

SMALL = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
SHORT: dict[str, Any] = {"learning_rate": 1e-3, "examples": (2,), "batch": 2, "seeds": 1, "linearised": False}
DATA: dict[str, Any] = {
    "pretrain": {"web": ["Take a slow start.", "How do I boil corn?"]},
    "align": {"chat": ["Take a look.", "How do I look?", "Take corn."]},
    "perturb": {"new": ["rice rice", "corn corn", "au lait"]},
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., HuggingFaceModel]:
    """Make a checkpoint in a folder of its own, with weights of its own, and load it."""
    where = tmp_path_factory.mktemp("pairs")

    def made(name: str, kind: str = "byte_bpe", template: str | None = None, **config: Any) -> HuggingFaceModel:
        folder = where / name
        if not folder.exists():
            config = {**SMALL, "num_key_value_heads": 2, "initializer_range": 0.02 * (len(name) + 1), **config}
            saved_model(folder, kind, config=config, eos_token="<|end|>", chat_template=template)
        return load(folder, device="cpu", dtype="float32")

    return made


def test_a_base_and_an_aligned_model_in_two_folders_are_a_pair(checkpoint: Callable[..., HuggingFaceModel]) -> None:
    result = compresslab.audit(checkpoint("base"), checkpoint("aligned"), **DATA, **SHORT)
    assert result.share("undone").of_nats.mean != 0
    found = compresslab.probe(
        checkpoint("aligned"), base=checkpoint("base"), **DATA, learning_rate=1e-3, examples=(2,), batch=2,
        linearised=False,
    )  # fmt: skip
    lengths = [result.code_lengths[side]["chat"].nats.mean for side in ("base", "aligned")]
    assert found.datasets["chat"].gained_nats == pytest.approx(lengths[0] - lengths[1], rel=1e-5)


def test_other_tokens_of_the_same_number_are_refused(checkpoint: Callable[..., HuggingFaceModel]) -> None:
    """By the probe as by the audit: a base that reads the same numbers as other texts has no code length of them."""
    aligned = checkpoint("aligned")
    other = checkpoint("lowered", "lower", vocab_size=aligned.vocab_size)
    with pytest.raises(MismatchedVocabulary, match="do not predict the same tokens"):
        compresslab.audit(other, aligned, **DATA, **SHORT)
    with pytest.raises(MismatchedVocabulary, match="give the model that it was aligned from"):
        compresslab.probe(aligned, base=other, **DATA, learning_rate=1e-3, examples=(2,), batch=2)


@pytest.mark.slow
def test_each_model_of_a_series_reads_conversations_by_its_own_template(
    checkpoint: Callable[..., HuggingFaceModel], tmp_path: Path
) -> None:
    rows = '{"messages": [{"role": "user", "content": "rice?"}, {"role": "assistant", "content": "Take %s."}]}\n'
    (tmp_path / "chat.jsonl").write_text("".join(rows % what for what in ("corn", "rice", "a look")))
    chat = DATA | {"align": {"chat": read_data(tmp_path / "chat.jsonl")}}
    base = checkpoint("base", template=BARE_CHAT)
    one = checkpoint("one", template=BARE_CHAT)
    shouted = checkpoint("shouted", template=BARE_CHAT.replace("m['role']", "m['role'].upper()"))
    folder = tmp_path / "kept"
    series = audit_series([(base, one), (base, shouted)], **chat, **SHORT, folder=folder)
    assert len(list(folder.glob("base-*"))) == 2
    alone = compresslab.audit(base, shouted, **chat, **SHORT)
    for side in ("base", "aligned"):
        assert series[1].code_lengths[side]["chat"] == alone.code_lengths[side]["chat"]
    assert series[1].changes == alone.changes
    assert series[0].code_lengths["base"]["chat"] != series[1].code_lengths["base"]["chat"]


@pytest.mark.slow
def test_examples_fit_into_the_context_of_both_models(checkpoint: Callable[..., HuggingFaceModel]) -> None:
    """Else a base was read beyond its context, and both arms were trained on other examples."""
    short, wide = checkpoint("narrow", max_position_embeddings=6), checkpoint("base")
    long = DATA | {"align": {"chat": ["How do I boil rice?\nTake a slow start. " * 3] * 2}}
    one, two = (compresslab.audit(*pair, **long, **SHORT) for pair in ((short, wide), (wide, short)))
    assert one.settings.length == two.settings.length == 6
    assert [c.aligned for c in one.changes] == [c.control for c in two.changes]
    asked: dict[str, Any] = {"learning_rate": 1e-3, "examples": (2,), "batch": 2, "linearised": False}
    gained = compresslab.probe(wide, base=short, **long, **asked).datasets["chat"].gained_nats
    assert gained == pytest.approx(one.share("undone").of_nats.mean, rel=1e-5)


def test_data_that_can_be_gone_through_once_is_read_by_every_model(
    checkpoint: Callable[..., HuggingFaceModel],
) -> None:
    once: dict[str, Any] = {role: {name: iter(texts) for name, texts in sets.items()} for role, sets in DATA.items()}
    base, aligned = checkpoint("base"), checkpoint("aligned")
    one, two = audit_series([(base, aligned), (aligned, base)], **once, **SHORT)
    assert one.data == two.data
