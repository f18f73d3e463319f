"""The rate of texts under a language model, beside their token tree and general compressors."""

from __future__ import annotations

import gzip
import importlib
import lzma
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike

from compresslab.data.dataset import Dataset
from compresslab.data.texts import Texts
from compresslab.lm.documents import Conversations, Layout
from compresslab.lm.windows import Windows
from compresslab.measurements.model_score import ModelScore, Scorer, score_texts
from compresslab.theory.code_length import entropy_bits
from compresslab.trees.tree import TokenTree

__all__ = ["ModelRateResult", "general_compressors", "measure_model_rate"]

TREE_DEPTH = 4


@dataclass(frozen=True)
class ModelRateResult(ModelScore):
    """What texts cost under a language model, and by other means.

    Attributes:
        tree_bits_per_byte: entropy of the texts' own token tree over bytes, which its decoder must have; None where
            it was not asked for.
        tree_depth: its depth.
        general_bits_per_byte: bits per byte of gzip, xz and zstd (where there is one), on all texts in a row.
    """

    tree_bits_per_byte: float | None
    tree_depth: int
    general_bits_per_byte: dict[str, float]


def measure_model_rate(
    model: Scorer,
    texts: Texts,
    name: str = "",
    *,
    prompts: Texts | None = None,
    conversations: Conversations | None = None,
    layout: Layout = Layout(),  # noqa: B008
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
        model: the model, or log-probabilities from elsewhere.
        texts: each is one response: a document, a line, ...
        name: a label for tables.
        prompts: what stands before each, as context: a prompt and a line feed; None for texts that stand alone.
        conversations: the turns up to each text, for the chat template.
        layout: whether a chat template lays the texts out, and how control tokens in them are read.
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
    scored = score_texts(
        model, texts, name, prompts=prompts, conversations=conversations, layout=layout, windows=windows, eos=eos,
        batch_tokens=batch_tokens, progress=progress, resume=resume,
    )  # fmt: skip
    raw = texts.buffer.tobytes()
    compared = baselines and bool(raw)
    return ModelRateResult(
        **vars(scored.result),
        tree_bits_per_byte=_tree_rate(texts, depth) if compared else None,
        tree_depth=depth,
        general_bits_per_byte=(
            {tool: 8 * size / len(raw) for tool, size in general_compressors(raw).items()} if compared else {}
        ),
    )


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
