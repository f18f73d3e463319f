"""The small model on the embedded corpora, beside a token tree of the same training data and general compressors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from compresslab.data.dataset import Dataset
from compresslab.data.texts import Texts
from compresslab.lm.protocol import LanguageModel
from compresslab.lm.scoring import score
from compresslab.lm.tiny import TINY, load_tiny, tiny_data
from compresslab.lm.tree_model import TreeModel
from compresslab.lm.windows import Windows
from compresslab.measurements.model_rate import ModelRateResult, measure_model_rate

__all__ = ["TREE_DEPTH", "TinyRow", "measure_tiny"]

SAMPLE = 12_000  # bytes of held-out text of each corpus
TREE_DEPTH, TREE_SMOOTHING = 4, 0.01


@dataclass(frozen=True)
class TinyRow:
    """Held-out text of one corpus.

    Attributes:
        model: its rate under the small model, beside its own tree, gzip, xz and zstd.
        trained_tree_bits_per_byte: its rate under a token tree of the model's training data (windows, order d - 1).
    """

    model: ModelRateResult
    trained_tree_bits_per_byte: float


def measure_tiny(
    model: LanguageModel | None = None,
    *,
    sample: int = SAMPLE,
    progress: Callable[[int, int], None] | None = None,
) -> list[TinyRow]:
    """Train the small model, or load the one that was kept, and measure held-out text of each embedded corpus.

    Args:
        model: another byte model to measure in its place.
        sample: bytes of each corpus: whole documents, the last one cut.
        progress: called with (training steps done, in all).
    """
    tiny = load_tiny(progress=progress) if model is None else model
    data = tiny_data()
    length = min(tiny.context or TINY.context, TINY.context)
    windows = Windows(length, max(1, length // 2))
    shown = Dataset.concat([train for train, _ in data.values()])
    tree = TreeModel.of(shown, TREE_DEPTH, "windows", TREE_SMOOTHING)
    rows = []
    for name, (_, held_out) in data.items():
        texts = _sample(held_out, sample)
        result = measure_model_rate(tiny, texts, name, windows=windows)
        beside = score(tree, Dataset.from_texts(texts), windows)
        rows.append(TinyRow(result, beside.rate("byte").value))
    return rows


def _sample(dataset: Dataset, size: int) -> Texts:
    """Return the first documents of a dataset, ``size`` bytes in all: no document gives more than a quarter."""
    taken: list[bytes] = []
    for text in dataset.texts():
        left = size - sum(map(len, taken))
        if left <= 0:
            break
        taken.append(text[: min(left, size // 4)])
    return Texts.pack(taken)
