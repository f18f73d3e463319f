"""Which checkpoints of a training are whole: one that was being written when the process was killed is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from compresslab.files import write_atomic

__all__ = ["last_whole", "mark_whole"]

WHOLE = "whole.json"


def mark_whole(checkpoint: Path) -> None:
    """Write into a checkpoint which files it has and how large they are: it is whole if that is so."""
    sizes = {file.name: file.stat().st_size for file in checkpoint.iterdir() if file.is_file()}
    write_atomic(checkpoint / WHOLE, [json.dumps(sizes).encode()])


def last_whole(folder: Path) -> tuple[Path | None, int]:
    """Return the last checkpoint that is whole, with its step; those after it were being written and are deleted."""
    found = [(int(path.name.rpartition("-")[2]), path) for path in folder.glob("checkpoint-*")]
    for step, path in sorted(found, reverse=True):
        try:
            sizes = json.loads((path / WHOLE).read_text("utf-8"))
            if all((path / name).stat().st_size == size for name, size in sizes.items()):
                return path, step
        except (OSError, ValueError):
            pass
        shutil.rmtree(path)
    return None, 0
