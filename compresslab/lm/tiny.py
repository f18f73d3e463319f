"""``tiny``: a small Llama over bytes, trained on the embedded corpora when it is first asked for, then kept.

Nothing is downloaded: text and model are made here. 0.26 million weights, a context of 128 bytes, two million bytes of
training text in equal volumes of prose, code and names: about a minute and a half of one core. One document in twenty
is held out: `tiny_data` gives both parts. The model is kept in the cache folder (`compresslab.data.cache`) under a key
of its settings and of the Python whose sources the corpora are.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path

from compresslab._support.files import unreadable
from compresslab.data.cache import cache_folder
from compresslab.data.corpora import corpus_names, load_corpus
from compresslab.data.dataset import Dataset
from compresslab.data.stdlib_text import sources_key
from compresslab.data.tokenizers import ByteTokenizer
from compresslab.errors import CompressLabError, CorruptFile
from compresslab.lm.checkpoints import default_device, load, torch_device, torch_dtype
from compresslab.lm.complete_folders import WHOLE, is_whole
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.lm.training import MODEL, RESULT, Training, train

__all__ = ["EOS", "TINY", "TINY_TRAINING", "TinyShape", "load_tiny", "make_tiny", "tiny_data"]

EOS = 256
HELD_OUT = 0.05
RECIPE = 1  # raise it when the model is made in another way: it is part of the key

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class TinyShape:
    """The size of a small Llama over bytes."""

    hidden: int = 96
    layers: int = 2
    heads: int = 4
    context: int = 128


TINY = TinyShape()
TINY_TRAINING = Training(
    steps=2000,
    batch=8,
    length=128,
    learning_rate=3e-3,
    warmup=100,
    weight_decay=0.1,
    betas=(0.9, 0.95),
    packed=True,
    save_every=200,
)


def make_tiny(shape: TinyShape = TINY, *, seed: int = 0, device: str | None = None) -> HuggingFaceModel:
    """Return a small Llama over bytes with random weights; EOS, and the prefix token, is the token 256."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=EOS + 1,
        hidden_size=shape.hidden,
        intermediate_size=3 * shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=shape.context,
        bos_token_id=EOS,
        eos_token_id=EOS,
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = LlamaForCausalLM(config)
    return HuggingFaceModel(module.to(device or default_device()), ByteTokenizer(), name="tiny")


def tiny_data(*, progress: Progress | None = None) -> dict[str, tuple[Dataset, Dataset]]:
    """Return the documents of each embedded corpus in bytes: (those that `tiny` is trained on, those held out)."""
    return {
        name: load_corpus(name, "document", progress=progress).split(1 - HELD_OUT, seed=0) for name in corpus_names()
    }


def load_tiny(
    *,
    shape: TinyShape = TINY,
    training: Training = TINY_TRAINING,
    device: str | None = None,
    dtype: str | None = None,
    folder: str | PathLike[str] | None = None,
    progress: Progress | None = None,
) -> HuggingFaceModel:
    """Return the small model, trained; a training that was stopped goes on where it was.

    Args:
        shape: its size.
        training: how it is trained.
        device: a torch device; a GPU where there is one, where None.
        dtype: what it computes in once it is trained, as for `compresslab.lm.checkpoints.load`; float32 where None.
        folder: where to keep it; in the cache folder where None.
        progress: called with (steps done, steps in all) while it is trained.

    Raises:
        MissingExtra: the extra lm is not installed.
        InvalidParameter: no such device or dtype.
        UnreadableFile: the folder that was given cannot be written.
    """
    where = str(torch_device(device))
    final = torch_dtype(dtype or "float32", where)
    kept = Path(folder) if folder is not None else cache_folder() / f"tiny-{_key(shape, training)}"
    if (kept / RESULT).is_file() and (is_whole(kept / MODEL) or not (kept / MODEL / WHOLE).exists()):
        try:
            return load(kept / MODEL, device=where, dtype=dtype or "float32", label="tiny")
        except CompressLabError:
            pass  # damaged: made again below, as is a model whose files have changed
    model = make_tiny(shape, seed=training.seed, device=where)
    data = {name: shown for name, (shown, _) in tiny_data().items()}
    try:
        kept.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if folder is not None:
            raise unreadable(folder, error, "write") from error
        train(model, data, training, progress=progress)  # a cache that cannot be written is not an error
    else:
        try:
            train(model, data, training, kept, progress=progress)
        except CorruptFile:
            if folder is not None:
                raise
            shutil.rmtree(kept, ignore_errors=True)  # a damaged cache, which is nobody's only copy
            train(model, data, training, progress=progress)
    if final != "auto":
        model.module.to(final)
    return model


def _key(shape: TinyShape, training: Training) -> str:
    facts = repr((RECIPE, sources_key(), asdict(shape), asdict(training), HELD_OUT))
    return hashlib.sha256(facts.encode()).hexdigest()[:16]
