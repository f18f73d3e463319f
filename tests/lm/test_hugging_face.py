"""Models of transformers: the laws, the same scores as plain transformers code, and clear refusals."""

from __future__ import annotations

import importlib.util
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from compresslab import Dataset
from compresslab.data.hugging_face_tokenizer import load_hugging_face
from compresslab.data.tokenizers import ByteTokenizer
from compresslab.errors import (
    CorruptFile,
    DecodingError,
    InvalidParameter,
    MismatchedVocabulary,
    MissingExtra,
    UnknownName,
)
from compresslab.lm.registry import get_model
from compresslab.lm.scoring import score, tokenize
from compresslab.lm.windows import Windows
from compresslab.testing import check_language_model

torch = pytest.importorskip("torch", reason="needs the extra 'lm'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'lm'")

if TYPE_CHECKING:
    from compresslab.lm.hugging_face import HuggingFaceModel

Make = Callable[..., "HuggingFaceModel"]
SIZES = {"layers": 1, "attention_heads": 2, "ffn_dim": 16}
TEXTS = ["To be, or not to be: that is the question.", "", "Whether 'tis nobler", "é" * 40 + "x" * 90]
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def plain_nats(module: Any, symbols: list[int], prefix: int, length: int) -> list[float]:
    """Score one document in disjoint windows by nothing but transformers and cross-entropy, one window at a time."""
    inputs, out = [prefix, *symbols[:-1]], []
    for start in range(0, len(symbols), length):
        stop = min(start + length, len(symbols))
        begin = max(0, stop - length)  # the last window moves back
        with torch.no_grad():
            logits = module(torch.tensor([inputs[begin:stop]])).logits[0]
        costs = torch.nn.functional.cross_entropy(logits.double(), torch.tensor(symbols[begin:stop]), reduction="none")
        out += costs[start - begin :].tolist()
    return out


@pytest.mark.parametrize("length", [64, 17, 1])
def test_scores_are_those_of_plain_transformers_code(make_llama: Make, length: int) -> None:
    model = make_llama()
    data = tokenize(model, TEXTS)
    scores = score(model, data, Windows(length))
    wanted = [x for r in data for x in plain_nats(model.module, [*r.tolist(), 256], 256, length)]
    assert scores.nats == pytest.approx(wanted, rel=1e-4, abs=1e-5)
    assert scores.rate("byte").value == pytest.approx(sum(wanted) / math.log(2) / data.num_bytes, rel=1e-6)
    assert data.num_bytes == sum(len(text.encode()) for text in TEXTS)


def test_a_llama_keeps_the_laws_in_float32(make_llama: Make) -> None:
    variants = [
        make_llama(seed=1),
        make_llama(dtype="bfloat16"),
        make_llama(attn_implementation="eager"),
        make_llama(rope_parameters={"rope_type": "default", "rope_theta": 5e4}),
    ]
    check_language_model(make_llama(), TEXTS, variants=variants)


def test_a_llama_keeps_the_laws_in_bfloat16_less_exactly(make_llama: Make) -> None:
    model = make_llama(dtype="bfloat16", initializer_range=0.05)
    check_language_model(model, TEXTS, tolerance_nats=0.25)


def test_a_gpt2_keeps_the_laws() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    from compresslab.lm.hugging_face import HuggingFaceModel

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=260, n_embd=32, n_layer=2, n_head=2, n_positions=24, bos_token_id=256, eos_token_id=256,
        initializer_range=0.3,
    )  # fmt: skip
    model = HuggingFaceModel(GPT2LMHeadModel(config), ByteTokenizer(), name="gpt2")
    assert (model.context, model.vocab_size) == (24, 260)
    check_language_model(model, TEXTS)


@needs_gpu
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-3), ("bfloat16", 0.25)])
def test_a_llama_keeps_the_laws_on_a_gpu(make_llama: Make, dtype: str, tolerance: float) -> None:
    model = make_llama(dtype=dtype, device="cuda", initializer_range=0.05)
    check_language_model(model, TEXTS, tolerance_nats=tolerance, variants=[make_llama(initializer_range=0.05)])
    data = tokenize(model, TEXTS)
    there = score(model, data).total_bits
    assert there == pytest.approx(score(make_llama(initializer_range=0.05), data).total_bits, rel=tolerance / 5)


def test_a_saved_model_is_the_same_model(make_llama: Make, tmp_path: Path) -> None:
    from compresslab.lm.checkpoints import save

    model = make_llama()
    save(model, tmp_path / "kept")
    again = get_model(str(tmp_path / "kept"), device="cpu")
    assert again.fingerprint() == model.fingerprint()
    assert again.tokenizer == ByteTokenizer()
    assert get_model(f"hf:{tmp_path / 'kept'}", device="cpu", dtype="bfloat16").fingerprint() != model.fingerprint()
    assert (again.eos_id, again.prefix_id, again.context) == (256, 256, 64)


# ---- a tokenizer of its own ----


def bpe(folder: Path, *, lowercase: bool = False) -> Path:
    """Train a byte-level BPE of 300 tokens, <|eos|> among them, and write its tokenizer.json."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    if lowercase:
        made.normalizer = normalizers.Lowercase()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        TEXTS * 3, trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, special_tokens=["<|eos|>"])
    )
    folder.mkdir(exist_ok=True)
    made.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture
def checkpoint(make_llama: Make, tmp_path: Path) -> Path:
    """A folder as transformers writes it, with a tokenizer.json."""
    folder = bpe(tmp_path / "checkpoint")
    size = load_hugging_face(str(folder)).vocab_size
    model = make_llama(vocab_size=size + 4, bos_token_id=None, eos_token_id=0, bare=True)
    model.module.save_pretrained(str(folder))
    return folder


def test_a_checkpoint_folder_brings_its_tokenizer(checkpoint: Path) -> None:
    model = get_model(str(checkpoint), device="cpu")
    data = tokenize(model, TEXTS)
    assert data.exact is True
    assert data.num_tokens < data.num_bytes
    assert (model.eos_id, model.prefix_id) == (0, 0)
    check_language_model(model, TEXTS)


def test_a_lossy_tokenizer_is_told_and_rates_stay_per_original_byte(checkpoint: Path) -> None:
    bpe(checkpoint, lowercase=True)
    model = get_model(str(checkpoint), device="cpu")
    data = tokenize(model, ["ABC def"])
    assert data.exact is False
    scores = score(model, data)
    assert scores.rate("byte").denominator == 7
    check_language_model(model, ["ABC def"])


def test_a_model_over_bare_numbers(checkpoint: Path) -> None:
    model = get_model(str(checkpoint), device="cpu", tokenizer=None)
    assert score(model, Dataset.from_token_lists([[1, 2, 3]])).num_symbols == 4
    with pytest.raises(DecodingError, match="was loaded without a tokenizer"):
        model.encode(b"x")


# ---- refusals ----


def test_checkpoints_that_were_cut_short_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    def copy(name: str) -> Path:
        shutil.copytree(checkpoint, tmp_path / name)
        return tmp_path / name

    broken = copy("weights")
    whole = (broken / "model.safetensors").read_bytes()
    (broken / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CorruptFile, match="is not a checkpoint that can be read, or it was cut short"):
        get_model(str(broken))
    broken = copy("none")
    (broken / "model.safetensors").unlink()
    with pytest.raises(CorruptFile, match="is not a checkpoint that can be read, or it was cut short"):
        get_model(str(broken))
    broken = copy("config")
    (broken / "config.json").unlink()
    with pytest.raises(CorruptFile, match=r"it has no config\.json"):
        get_model(str(broken))
    broken = copy("half a config")
    (broken / "config.json").write_text('{"model_type": "llama",')
    with pytest.raises(CorruptFile, match="cut short"):
        get_model(str(broken))
    broken = copy("layer")
    from safetensors.torch import load_file, save_file

    held = load_file(broken / "model.safetensors")
    del held["model.layers.1.mlp.up_proj.weight"]
    save_file(held, broken / "model.safetensors", {"format": "pt"})
    with pytest.raises(CorruptFile, match=r"lacks 1 of the model's weights, such as model\.layers\.1\.mlp\.up_proj"):
        get_model(str(broken))
    broken = copy("card")
    (broken / "compresslab.json").write_text("{")
    with pytest.raises(CorruptFile, match="save the model again"):
        get_model(str(broken))


def test_encoders_are_refused(tmp_path: Path) -> None:
    from transformers import BertConfig, BertLMHeadModel, DistilBertConfig, DistilBertForMaskedLM

    from compresslab.lm.hugging_face import HuggingFaceModel

    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    torch.manual_seed(0)
    BertLMHeadModel(BertConfig(vocab_size=50, is_decoder=True, **small)).save_pretrained(tmp_path / "bert")
    config = json.loads((tmp_path / "bert" / "config.json").read_text())
    (tmp_path / "bert" / "config.json").write_text(json.dumps(config | {"is_decoder": False}))
    with pytest.raises(InvalidParameter, match=r"\(bert\) is not causal, a later token changes what it predicts"):
        get_model(str(tmp_path / "bert"), tokenizer=None, device="cpu")
    for weights in (True, False):
        with pytest.raises(InvalidParameter, match=r"\(bert\) is not causal"):
            get_model(str(tmp_path / "bert"), tokenizer=None, device="cpu", weights=weights)
    with pytest.raises(InvalidParameter, match=r"\(distilbert\) is not causal"):  # its weights are small, as drawn
        HuggingFaceModel(DistilBertForMaskedLM(DistilBertConfig(vocab_size=50, dim=16, n_layers=1, n_heads=2)), None)


def test_encoder_decoders_are_refused_though_their_decoders_could_be_loaded(tmp_path: Path) -> None:
    from transformers import BartConfig, BartForConditionalGeneration, T5Config, T5ForConditionalGeneration

    small = {f"{part}_{what}": size for part in ("encoder", "decoder") for what, size in SIZES.items()}
    T5ForConditionalGeneration(
        T5Config(vocab_size=50, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    ).save_pretrained(tmp_path / "t5")
    BartForConditionalGeneration(BartConfig(vocab_size=50, d_model=16, **small)).save_pretrained(tmp_path / "bart")
    for kind in ("t5", "bart"):
        for weights in (True, False):
            with pytest.raises(InvalidParameter, match=rf"is an encoder-decoder \({kind}\), not a causal language mod"):
                get_model(str(tmp_path / kind), tokenizer=None, device="cpu", weights=weights)


def test_what_gives_no_logits_of_tokens_is_refused() -> None:
    from transformers import GPT2Config, GPT2ForSequenceClassification, GPT2Model

    from compresslab.lm.hugging_face import HuggingFaceModel

    config = GPT2Config(vocab_size=50, n_embd=16, n_layer=1, n_head=2, n_positions=16, eos_token_id=0, pad_token_id=0)
    for kind in (GPT2Model, GPT2ForSequenceClassification):
        with pytest.raises(InvalidParameter, match=rf"\({kind.__name__}\) gives no logits of a next token"):
            HuggingFaceModel(kind(config), None)


def test_settings_within_settings_are_no_part_of_where_a_model_is_from(tmp_path: Path) -> None:
    from transformers import MptConfig, MptForCausalLM

    from compresslab.lm.checkpoints import save
    from compresslab.lm.hugging_face import HuggingFaceModel

    config = MptConfig(vocab_size=50, d_model=16, n_heads=2, n_layers=1, max_seq_len=16, eos_token_id=0)
    model = HuggingFaceModel(MptForCausalLM(config), None)
    save(model, tmp_path)
    again = get_model(str(tmp_path), device="cpu", tokenizer=None)
    assert again.fingerprint() == model.fingerprint()
    assert again.content_fingerprint() == model.content_fingerprint()


def test_a_model_without_eos_is_refused_unless_one_is_given(checkpoint: Path) -> None:
    for name in ("config.json", "generation_config.json"):
        held = json.loads((checkpoint / name).read_text())
        (checkpoint / name).write_text(json.dumps({k: None if k.endswith("token_id") else v for k, v in held.items()}))
    with pytest.raises(InvalidParameter, match="has no end-of-sequence token, so no document can end: give eos_id="):
        get_model(str(checkpoint), device="cpu")
    model = get_model(str(checkpoint), device="cpu", eos_id=0)
    assert (model.eos_id, model.prefix_id) == (0, 0)
    with pytest.raises(InvalidParameter, match="eos_id is 999: the model .* has the tokens 0 to"):
        get_model(str(checkpoint), device="cpu", eos_id=999)


def test_too_long_a_sequence_is_refused(make_llama: Make) -> None:
    model = make_llama(max_position_embeddings=8)
    with pytest.raises(InvalidParameter, match="a sequence of 9 tokens is longer than the model's context of 8"):
        model.log_probs(np.zeros((1, 9), dtype=np.int64))
    stepper = model.stepper(1)
    for _ in range(8):
        stepper.step(np.zeros(1, dtype=np.int64))
    with pytest.raises(InvalidParameter, match="the context of 'llama' holds 8 tokens, all of them taken"):
        stepper.step(np.zeros(1, dtype=np.int64))
    with pytest.raises(InvalidParameter, match="windows of 9 tokens are longer than the context of 'llama', 8"):
        score(model, tokenize(model, ["x"]), Windows(9))


def test_settings_that_cannot_be_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="unknown dtype 'bfloat61': did you mean 'bfloat16'"):
        get_model(str(checkpoint), dtype="bfloat61")
    with pytest.raises(InvalidParameter, match="device 'gpu' cannot be used here"):
        get_model(str(checkpoint), device="gpu")
    with pytest.raises(InvalidParameter, match="attention 'flush' cannot be used with"):
        get_model(str(checkpoint), device="cpu", attention="flush")
    with pytest.raises(UnknownName, match="not in the local Hugging Face cache"):
        get_model("hf:nobody/nothing")
    with pytest.raises(UnknownName, match="there is no file"):
        get_model(str(tmp_path / "none.gguf"))
    (tmp_path / "bad.gguf").write_bytes(b"GGUF but not really")
    with pytest.raises(CorruptFile, match="cut short"):
        get_model(str(tmp_path / "bad.gguf"))


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused(make_llama: Make) -> None:
    from compresslab.lm.hugging_face import HuggingFaceModel

    module = make_llama(vocab_size=200, bos_token_id=0, eos_token_id=0, bare=True).module
    with pytest.raises(MismatchedVocabulary, match="the tokenizer 'bytes' has 256 tokens, the model 'x' only 200"):
        HuggingFaceModel(module, ByteTokenizer(), name="x")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="the model 'smollm2' needs the optional extra 'smollm2'"):
        get_model("smollm2")
    with pytest.raises(MissingExtra, match=r"the model 'tiny' needs the optional extra 'lm': pip install"):
        get_model("tiny")
    from compresslab.lm.smollm2 import smollm2_file

    with pytest.raises(MissingExtra, match="needs the optional extra 'smollm2'"):
        smollm2_file()
