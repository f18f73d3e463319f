"""Reading the files of a command, all with one tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from compresslab.data.dataset import Dataset
from compresslab.data.readers import read_files
from compresslab.data.splitting import split_texts
from compresslab.data.texts import Texts
from compresslab.data.tokenizers import Tokenizer, get_tokenizer

__all__ = ["read_each"]


def read_each(paths: Sequence[Path], tokenizer: str, split: str, encoding: str) -> list[Dataset]:
    """Read each path as a dataset of its own, all with one tokenizer."""
    found = [read_files(path, encoding=encoding) for path in paths]
    texts = [split_texts(one.texts, split) for one in found]
    shared: str | Tokenizer = get_tokenizer(tokenizer, Texts.concat(texts) if tokenizer == "words" else None)
    return [Dataset.from_texts(text, shared, name=one.label) for text, one in zip(texts, found, strict=True)]
