"""A cache on disk for texts that take seconds to make. It may be damaged, deleted or read-only: nothing breaks."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from compresslab._support.files import expanded, read_buffer, write_atomic
from compresslab.data.texts import Texts
from compresslab.errors import CompressLabError, CorruptFile

__all__ = ["cache_folder", "cached_texts", "load_texts", "save_texts", "texts_digest"]

MAGIC = b"compresslab texts 1\n"
HEAD = len(MAGIC) + 32  # the magic, then SHA-256 of all that follows


def cache_folder() -> Path:
    """Return where caches go: $COMPRESSLAB_CACHE, else $XDG_CACHE_HOME/compresslab, else ~/.cache/compresslab.

    Settings that are empty count as absent, and so does a relative $XDG_CACHE_HOME (as its standard demands).
    """
    own, shared = os.environ.get("COMPRESSLAB_CACHE", ""), os.environ.get("XDG_CACHE_HOME", "")
    if own:
        return expanded(own)
    # "~" stays as it is where there is no home; such a folder is then simply not made
    base = Path(shared) if os.path.isabs(shared) else expanded("~/.cache")
    return base / "compresslab"


def cached_texts(key: str, build: Callable[[], Texts]) -> Texts:
    """Return the texts kept under ``key``; build and keep them where they are missing or damaged.

    If they cannot be kept (a read-only or full disk, no home), they are returned all the same.
    """
    folder = cache_folder()
    path = folder / f"{key}.texts"
    try:
        return load_texts(path)
    except CompressLabError:
        texts = build()
    try:
        if folder.is_absolute():
            folder.mkdir(parents=True, exist_ok=True)
            save_texts(path, texts)
    except OSError:  # UnreadableFile is one
        pass
    return texts


def save_texts(path: Path, texts: Texts) -> None:
    """Write texts to a file with their checksum, atomically.

    Raises:
        UnreadableFile: the file cannot be written.
    """
    write_atomic(path, [MAGIC, bytes.fromhex(texts_digest(texts)), *_body(texts)])


def load_texts(path: Path) -> Texts:
    """Read texts that `save_texts` wrote.

    Raises:
        UnreadableFile: missing, or not readable.
        CorruptFile: not such a file, or its checksum does not match.
    """
    raw = read_buffer(path)
    if raw[: len(MAGIC)].tobytes() != MAGIC:
        raise CorruptFile(f"{path} is not a file of texts: delete it")
    body = raw[HEAD:]
    if hashlib.sha256(body.data).digest() != raw[len(MAGIC) : HEAD].tobytes():
        raise CorruptFile(f"{path} is damaged, its checksum does not match: delete it")
    count = int.from_bytes(body[:8].tobytes(), "little")
    end = 8 + 8 * (count + 1)
    try:
        return Texts(body[end:], np.frombuffer(body[8:end].tobytes(), "<i8", count + 1).astype(np.int64))
    except (ValueError, OverflowError) as error:  # a right checksum over what is no such file
        raise CorruptFile(f"{path} is damaged, its texts do not lie back to back: delete it") from error


def texts_digest(texts: Texts) -> str:
    """Return the SHA-256 (hexadecimal) of the number of texts, their offsets and their bytes.

    Example:
        >>> texts_digest(Texts.pack(["ab"])) == texts_digest(Texts.pack(["a", "b"]))
        False
    """
    digest = hashlib.sha256()
    for part in _body(texts):
        digest.update(part)
    return digest.hexdigest()


def _body(texts: Texts) -> list[bytes | memoryview]:
    return [len(texts).to_bytes(8, "little"), texts.offsets.astype("<i8").tobytes(), texts.buffer.data]
