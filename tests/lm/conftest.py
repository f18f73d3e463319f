"""The zoo of small tokenizers with their models, each made once in a session."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lm.tokenizer_zoo import CHAT, NAMED, saved_model

if TYPE_CHECKING:
    from compresslab.lm.hugging_face import HuggingFaceModel


@pytest.fixture(scope="session")
def zoo_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a small Llama with a tokenizer of a kind, several EOS, and a chat template; not to be changed."""
    pytest.importorskip("torch", reason="needs the extra 'lm'")

    @cache
    def made(kind: str) -> Path:
        folder = tmp_path_factory.mktemp(kind)
        settings = {"eos_token_id": [2, 0], "max_position_embeddings": 256}
        return saved_model(folder, kind, config=settings, chat_template=CHAT, **NAMED)

    return made


@pytest.fixture(scope="session")
def zoo_model(zoo_folder: Callable[[str], Path]) -> Callable[[str], HuggingFaceModel]:
    """That model, loaded on the CPU; not to be changed."""
    from compresslab.lm.checkpoints import load

    @cache
    def made(kind: str) -> HuggingFaceModel:
        return load(zoo_folder(kind), device="cpu")

    return made
