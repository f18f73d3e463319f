"""Which folders of weights are whole: one that was being written when the process was killed is not, nor a damaged one.

``whole.json`` lists every file beside it with its size and SHA-256. (An older one has sizes alone, which are checked.)
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from compresslab._support.files import open_file, write_atomic
from compresslab._support.json_text import read_json

__all__ = ["WHOLE", "is_whole", "last_whole", "mark_whole"]

WHOLE = "whole.json"


def mark_whole(folder: Path) -> None:
    """Write into a folder which files it has, how large they are and what is in them: it is whole if that is so."""
    files = [file for file in sorted(folder.iterdir()) if file.is_file() and file.name != WHOLE]
    facts = {file.name: [file.stat().st_size, _digest(file)] for file in files}
    write_atomic(folder / WHOLE, [json.dumps(facts).encode()])


def is_whole(folder: Path) -> bool:
    """Tell whether a folder holds what :func:`mark_whole` noted of it."""
    try:
        facts = read_json(folder / WHOLE)
        return all(_is_as_noted(folder, name, noted) for name, noted in facts.items())
    except (OSError, ValueError, AttributeError, TypeError):
        return False


def last_whole(folder: Path) -> tuple[Path | None, int]:
    """Return the last checkpoint that is whole, with its step; those after it are broken and are deleted."""
    named = [(path.name.rpartition("-")[2], path) for path in folder.glob("checkpoint-*") if path.is_dir()]
    for step, path in sorted(((int(step), path) for step, path in named if step.isdecimal()), reverse=True):
        if is_whole(path):
            return path, step
        shutil.rmtree(path)
    return None, 0


def _is_as_noted(folder: Path, name: str, noted: object) -> bool:
    size, digest = noted if isinstance(noted, list) else (noted, None)
    file = folder / name
    return file.parent == folder and file.stat().st_size == size and digest in (None, _digest(file))


def _digest(file: Path) -> str:
    with open_file(file) as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
