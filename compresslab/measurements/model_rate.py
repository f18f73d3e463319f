"""The rate of texts under a language model, beside their token tree and general compressors."""

from __future__ import annotations

import gzip
import importlib
import lzma
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike

import numpy as np

from compresslab.data.dataset import Dataset
from compresslab.data.texts import Texts
from compresslab.lm.prompts import lay_out
from compresslab.lm.protocol import LanguageModel
from compresslab.lm.scoring import Scores, score_everywhere, tokenize, without_doubles
from compresslab.lm.windows import Windows
from compresslab.theory.code_length import entropy_bits
from compresslab.trees.tree import TokenTree

__all__ = ["ModelRateResult", "general_compressors", "measure_model_rate", "token_name"]

TREE_DEPTH = 4


@dataclass(frozen=True)
class ModelRateResult:
    """What texts cost under a language model, each text starting from the prefix token and ending in EOS.

    Attributes:
        name: what the texts are.
        model: the model's name.
        fingerprint: the model's fingerprint.
        window: inputs of a window, or None where texts are read in one piece.
        stride: symbols that each window after the first predicts.
        eos: whether EOS is predicted and counted.
        prefix_token: the token that each text starts from, as its tokenizer spells it.
        eos_token: the token that ends each text.
        own_prefixes: texts that began with the prefix token themselves: they got no second one.
        own_ends: texts that ended with EOS themselves.
        control_tokens: tokens of the texts and prompts that control the model, such as ``<|im_start|>``, all others.
        context_tokens: tokens of prompts, that the model reads and that are not counted.
        responses: number of texts.
        tokens: tokens, EOS not counted.
        symbols: tokens, and EOS where it is counted.
        bytes: bytes of the original texts.
        exact: whether every text decodes from its tokens; bits are per original byte either way.
        bits: all bits.
        eos_bits: those of the EOS symbols.
        bits_per_token: bits of the tokens over tokens.
        bits_per_symbol: all bits over symbols.
        bits_per_byte: all bits over bytes; None for empty texts.
        error_bits_per_byte: its standard error over texts; None below two.
        seconds: time of scoring.
        tree_bits_per_byte: entropy of the texts' own token tree over bytes, which its decoder must have; None where
            it was not asked for.
        tree_depth: its depth.
        general_bits_per_byte: bits per byte of gzip, xz and zstd (where there is one), on all texts in a row.
    """

    name: str
    model: str
    fingerprint: str
    window: int | None
    stride: int | None
    eos: bool
    prefix_token: str
    eos_token: str
    own_prefixes: int
    own_ends: int
    control_tokens: int
    context_tokens: int
    responses: int
    tokens: int
    symbols: int
    bytes: int
    exact: bool
    bits: float
    eos_bits: float
    bits_per_token: float | None
    bits_per_symbol: float
    bits_per_byte: float | None
    error_bits_per_byte: float | None
    seconds: float
    tree_bits_per_byte: float | None
    tree_depth: int
    general_bits_per_byte: dict[str, float]


def measure_model_rate(
    model: LanguageModel,
    texts: Texts,
    name: str = "",
    *,
    prompts: Texts | None = None,
    windows: Windows | None = None,
    eos: bool = True,
    baselines: bool = True,
    depth: int = TREE_DEPTH,
    batch_tokens: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    resume: str | PathLike[str] | None = None,
) -> ModelRateResult:
    """Score texts under a model, on all processes that were started, and measure the same texts by other means.

    Args:
        model: the model.
        texts: each is one response: a document, a line, ...
        name: a label for tables.
        prompts: what stands before each, as context: a prompt and a line feed; None for texts that stand alone.
        windows: how long texts are read; `Windows.default` where None.
        eos: predict EOS at the end of each text, and count it.
        baselines: also measure the token tree, gzip, xz and zstd.
        depth: of that tree.
        batch_tokens: inputs of a batch of the model; by its vocabulary and device where None.
        progress: called with (symbols done, in all).
        resume: a file that keeps what is done.

    Example:
        >>> from compresslab.lm.tree_model import TreeModel
        >>> texts = Texts.pack(["to be", "or not to be"])
        >>> model = TreeModel.of(Dataset.from_texts(texts), depth=2, smoothing=0.5)
        >>> result = measure_model_rate(model, texts)
        >>> result.tokens, result.symbols, result.exact, sorted(result.general_bits_per_byte)[:1]
        (17, 19, True, ['gzip -9'])
    """
    hidden = np.zeros(len(texts), dtype=np.int64)
    if model.tokenizer is None or prompts is None:
        data = tokenize(model, texts, name, own=True)
    else:
        laid = lay_out(list(zip(prompts, texts, strict=True)), model.tokenizer, name)
        data, hidden = laid.data, laid.hidden
    data, starts, ends = without_doubles(data, model)
    hidden = np.maximum(hidden - starts, 0)
    begun = time.perf_counter()
    scores = score_everywhere(
        model, data, windows, eos=eos, batch_tokens=batch_tokens, progress=progress, resume=resume
    )
    seconds = time.perf_counter() - begun
    if prompts is not None:
        scores = scores.after(hidden, texts.lengths)
    raw = texts.buffer.tobytes()
    return ModelRateResult(
        name=name,
        model=model.name,
        fingerprint=scores.fingerprint,
        window=scores.windows.length if scores.windows else None,
        stride=scores.windows.stride if scores.windows else None,
        eos=eos,
        prefix_token=token_name(model, model.prefix_id),
        eos_token=token_name(model, model.eos_id),
        own_prefixes=int(starts.sum()),
        own_ends=int(ends.sum()),
        control_tokens=int(np.isin(data.tokens, sorted(getattr(model.tokenizer, "control_ids", ()))).sum()),
        context_tokens=int(hidden.sum()),
        responses=len(texts),
        tokens=scores.num_tokens,
        symbols=scores.num_symbols,
        bytes=len(raw),
        exact=bool(data.exact),
        bits=scores.total_bits,
        eos_bits=scores.eos_bits,
        bits_per_token=scores.rate("token").value if scores.num_tokens else None,
        bits_per_symbol=scores.rate("symbol").value,
        bits_per_byte=scores.rate("byte").value if raw else None,
        error_bits_per_byte=_error(scores) if raw else None,
        seconds=seconds,
        tree_bits_per_byte=_tree_rate(texts, depth) if baselines and raw else None,
        tree_depth=depth,
        general_bits_per_byte=(
            {tool: 8 * size / len(raw) for tool, size in general_compressors(raw).items()} if baselines and raw else {}
        ),
    )


def token_name(model: LanguageModel, token: int) -> str:
    """Return how a model's tokenizer spells a token; its number where that is not one of the tokenizer's."""
    tokenizer = model.tokenizer
    if tokenizer is None or token >= tokenizer.vocab_size:
        return f"token {token}"
    return tokenizer.token_text(token)


def _error(scores: Scores) -> float | None:
    return scores.standard_error("byte")


def _tree_rate(texts: Texts, depth: int) -> float:
    tree = TokenTree.build(Dataset.from_texts(texts), depth)
    return tree.total * entropy_bits(tree.leaves().probabilities) / int(texts.lengths.sum())


def general_compressors(data: bytes) -> dict[str, int]:
    """Return how many bytes gzip, xz and, where there is one, zstd make of ``data``.

    Example:
        >>> general_compressors(bytes(1000))["gzip -9"] < 50
        True
    """
    sizes = {
        "gzip -9": len(gzip.compress(data, 9, mtime=0)),
        "xz -9e": len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)),
    }
    packed = _zstd(data)
    return sizes if packed is None else {**sizes, "zstd -19": packed}


def _zstd(data: bytes) -> int | None:
    """Return the size that zstd makes of data: by Python's own module, the package zstandard, or the program."""
    for module in ("compression.zstd", "zstandard"):
        try:
            return len(importlib.import_module(module).compress(data, level=19))
        except ImportError:
            continue
    program = shutil.which("zstd")
    if program is None:
        return None
    done = subprocess.run([program, "-19", "-c", "-q"], input=data, capture_output=True, check=False)
    return len(done.stdout) if done.returncode == 0 else None
