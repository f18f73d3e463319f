"""Modules as users have them in hand: left in training mode, of long RoPE, or wrapped by peft."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from compresslab.data.tokenizers import ByteTokenizer
from compresslab.errors import InvalidParameter
from compresslab.lm.chunk_coder import TokenCoder
from compresslab.lm.scoring import score, tokenize
from tests.lm.architectures import COMMON, make_model, make_module

torch = pytest.importorskip("torch", reason="needs the extra 'lm'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'lm'")

if TYPE_CHECKING:
    from compresslab.lm.hugging_face import HuggingFaceModel

TEXTS = ["To be, or not", "to be", ""]


def in_training(model: HuggingFaceModel) -> HuggingFaceModel:
    """Return a model as a loop of training leaves it, but for one part that was set to evaluation."""
    model.module.train()
    model.module.transformer.h[0].eval()
    return model


def modes(model: HuggingFaceModel) -> list[bool]:
    return [part.training for part in model.module.modules()]


def test_a_model_left_in_training_mode_predicts_without_dropout_and_stays_in_it() -> None:
    quiet, trained = make_model("GPT-2"), in_training(make_model("GPT-2"))
    before, data = modes(trained), tokenize(quiet, TEXTS)
    assert trained.module.transformer.drop.p > 0
    assert np.array_equal(score(trained, data).nats, score(quiet, data).nats)
    assert (trained.apart is None) == (quiet.apart is None)
    ids = np.arange(6)[None]
    assert np.array_equal(trained.log_probs(ids), quiet.log_probs(ids))
    assert np.array_equal(trained.stepper(2).step(np.arange(2)), quiet.stepper(2).step(np.arange(2)))
    assert modes(trained) == before


def test_a_probe_of_a_model_left_in_training_mode_is_that_of_the_model() -> None:
    from compresslab.probe import probe

    given: dict[str, Any] = {"pretrain": {"p": ["to be"]}, "perturb": {"t": ["12", "34"]}, "batch": 2, "examples": [2]}
    one, two = (probe(model, **given) for model in (make_model("GPT-2"), in_training(make_model("GPT-2"))))
    assert one.predicted == two.predicted


def long_rope(original: int) -> Any:
    """Return the settings of a Phi-3 that was extended from a context of so many tokens."""
    factors = {"short_factor": [1.0] * 4, "long_factor": [2.0, 3.0, 4.0, 5.0], "factor": 4.0}
    settings = COMMON | {"pad_token_id": 257, "original_max_position_embeddings": original}
    return transformers.Phi3Config(**settings, rope_scaling={"type": "longrope", "rope_type": "longrope"} | factors)


def test_a_model_of_long_rope_scores_a_text_alike_beside_a_longer_one() -> None:
    from compresslab.lm.hugging_face import HuggingFaceModel

    torch.manual_seed(0)
    module = transformers.AutoModelForCausalLM.from_config(long_rope(16))
    model = HuggingFaceModel(module, ByteTokenizer(), name="phi")
    texts = ["to be, or not", "that is the question"]  # 14 and 21 symbols
    beside = score(model, tokenize(model, texts)).response_bits
    alone = [score(model, tokenize(model, [text])).total_bits for text in texts]
    assert beside == pytest.approx(alone, rel=1e-6)
    assert model.context == 16
    assert HuggingFaceModel(make_module("Phi-3"), None).context == 64


@pytest.fixture
def peft() -> Any:
    return pytest.importorskip("peft", reason="needs the extra 'adapters'")


def wrap(peft: Any, settings: Any) -> HuggingFaceModel:
    """Return a model in peft's own wrapper."""
    from compresslab.lm.hugging_face import HuggingFaceModel

    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # some versions of peft read what transformers has deprecated
        module = peft.get_peft_model(make_module("Llama"), settings)
    return HuggingFaceModel(module, ByteTokenizer(), name="wrapped")


def wrapped(peft: Any) -> HuggingFaceModel:
    """Return a model in the wrapper, with a LoRA of random weights."""
    return wrap(peft, peft.LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False))


def test_a_model_in_the_wrapper_of_peft_codes_what_it_scores(peft: Any) -> None:
    model = wrapped(peft)
    coder, tokens = TokenCoder(model, 2, 10), np.arange(15, dtype=np.uint32)
    coded = coder.encode_tokens(tokens)
    assert coder.decode_tokens(coded.stream, 15).tolist() == tokens.tolist()
    rows = model.log_probs(np.concatenate([[model.prefix_id], tokens[:7]])[None])[0]
    steps = model.stepper(1)
    for fed, row in zip([model.prefix_id, *tokens[:7].tolist()], rows, strict=True):
        assert steps.step(np.array([fed]))[0] == pytest.approx(row, abs=1e-4)


def test_a_lora_is_trained_beside_what_the_wrapper_of_peft_holds(peft: Any) -> None:
    from compresslab.probe.lora import to_train

    model, ids = wrapped(peft), np.arange(8)[None]
    tuned = to_train(model, 2, 0)  # a new LoRA adds nothing yet
    assert tuned.log_probs(ids) == pytest.approx(model.log_probs(ids), abs=1e-4)
    assert all("lora_" in name for name, one in tuned.module.named_parameters() if one.requires_grad)


def test_a_learned_prompt_is_refused_by_name(peft: Any) -> None:
    with pytest.raises(InvalidParameter, match="'wrapped' .* gives 7 rows of logits for 4 tokens, as a prompt"):
        wrap(peft, peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3))
