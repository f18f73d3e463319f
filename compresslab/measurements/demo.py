"""The small model on the embedded corpora: beside a token tree and general compressors, and how elastic it is."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from compresslab.data.dataset import Dataset
from compresslab.data.texts import Texts
from compresslab.experiments.models.finetuning import Recipe, fit_texts
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.lm.protocol import LanguageModel
from compresslab.lm.scoring import score, tokenize
from compresslab.lm.tiny import TINY, tiny_data
from compresslab.lm.tree_model import TreeModel
from compresslab.lm.windows import Windows
from compresslab.measurements.model_rate import ModelRateResult, measure_model_rate
from compresslab.probe.probing import probe
from compresslab.probe.result import ProbeResult

__all__ = ["TREE_DEPTH", "TinyRow", "measure_tiny", "probe_tiny"]

SAMPLE = 12_000  # bytes of held-out text of each corpus
TREE_DEPTH, TREE_SMOOTHING = 4, 0.01
PIECES, PIECE = 16, 120  # held-out texts of each kind that are probed, and their bytes
ALIGNED_BY = Recipe(batch=8, length=128, learning_rate=1e-3)
ALIGNED_FOR = 192  # examples
PERTURBED_FOR = (16, 64)


@dataclass(frozen=True)
class TinyRow:
    """Held-out text of one corpus.

    Attributes:
        model: its rate under the small model, beside its own tree, gzip, xz and zstd.
        trained_tree_bits_per_byte: its rate under a token tree of the model's training data (windows, order d - 1).
    """

    model: ModelRateResult
    trained_tree_bits_per_byte: float


def measure_tiny(model: LanguageModel, *, sample: int = SAMPLE) -> list[TinyRow]:
    """Measure held-out text of each embedded corpus under the small model.

    Args:
        model: the small model, or another over bytes.
        sample: bytes of each corpus: whole documents, the last one cut.
    """
    data = tiny_data()
    length = min(model.context or TINY.context, TINY.context)
    windows = Windows(length, max(1, length // 2))
    shown = Dataset.concat([train for train, _ in data.values()])
    tree = TreeModel.of(shown, TREE_DEPTH, "windows", TREE_SMOOTHING)
    rows = []
    for name, (_, held_out) in data.items():
        texts = _sample(held_out, sample)
        result = measure_model_rate(model, texts, name, windows=windows)
        beside = score(tree, Dataset.from_texts(texts), windows)
        rows.append(TinyRow(result, beside.rate("byte").value))
    return rows


def probe_tiny(base: HuggingFaceModel) -> ProbeResult:
    """Align a copy of the small model with prose in capitals, and probe it: what will fine-tuning on code undo?

    All texts are held out. The prediction is made first, the fine-tuning that is measured beside it afterwards.

    Args:
        base: the small model, or another of transformers over bytes.
    """
    aligned = copy.deepcopy(base)
    length = min(base.context or TINY.context, ALIGNED_BY.length)
    pieces = {name: _pieces(held_out, min(PIECE, length - 8)) for name, (_, held_out) in tiny_data().items()}
    capitals = [text.upper() for text in pieces["prose"]]
    shown, kept = capitals[PIECES : 3 * PIECES], capitals[3 * PIECES :]
    recipe = Recipe(batch=ALIGNED_BY.batch, length=length, learning_rate=ALIGNED_BY.learning_rate)
    fit_texts(aligned, tokenize(aligned, shown * (ALIGNED_FOR // len(shown))), recipe, seed=0)
    return probe(
        aligned,
        pretrain={name: texts[:PIECES] for name, texts in pieces.items()},
        align={"capitals": kept},
        perturb={"more code": pieces["code"][PIECES:]},
        base=base,
        verify=True,
        learning_rate=3e-4,
        examples=list(PERTURBED_FOR),
        batch=8,
        length=length,
    )


def _pieces(dataset: Dataset, size: int) -> list[str]:
    """Return four times `PIECES` pieces of ``size`` bytes, from all over a dataset."""
    found = [text[at : at + size] for text in dataset.texts() for at in range(0, max(1, len(text) - size), size)]
    return [piece.decode(errors="ignore") for piece in found[:: max(1, len(found) // (4 * PIECES))][: 4 * PIECES]]


def _sample(dataset: Dataset, size: int) -> Texts:
    """Return the first documents of a dataset, ``size`` bytes in all: no document gives more than a quarter."""
    taken: list[bytes] = []
    for text in dataset.texts():
        left = size - sum(map(len, taken))
        if left <= 0:
            break
        taken.append(text[: min(left, size // 4)])
    return Texts.pack(taken)
