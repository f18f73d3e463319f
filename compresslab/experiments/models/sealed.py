"""Tensors and plain values on disk behind a checksum: what is damaged, or of something else, is not read."""

from __future__ import annotations

import hashlib
import io
from os import PathLike
from pathlib import Path
from typing import Any

from compresslab._support.files import read_buffer, unreadable, write_atomic
from compresslab.experiments.models.networks import require_torch

__all__ = ["read_sealed", "write_sealed"]

_DIGEST = 32  # bytes of SHA-256 in front of what torch writes


def write_sealed(path: str | PathLike[str], value: Any, of: str = "") -> None:
    """Write a value, and in front of it a checksum of it and of what it belongs to; the folder is made where missing.

    Raises:
        UnreadableFile: the folder cannot be made, or the file not be written.
    """
    buffer, folder = io.BytesIO(), Path(path).parent
    require_torch().save(value, buffer)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unreadable(folder, error, "make") from error
    data = buffer.getvalue()
    write_atomic(path, [_digest(of, data), data])


def read_sealed(path: str | PathLike[str], of: str = "", device: Any = "cpu") -> Any:
    """Return a value that `write_sealed` wrote; None where there is no file, or a damaged one, or of something else."""
    if not Path(path).is_file():
        return None
    torch = require_torch()
    try:
        data = read_buffer(path).tobytes()
        if _digest(of, data[_DIGEST:]) != data[:_DIGEST]:
            return None
        return torch.load(io.BytesIO(data[_DIGEST:]), map_location=device, weights_only=True)
    except Exception:  # torch has no common class for what a damaged file raises
        return None


def _digest(of: str, data: bytes) -> bytes:
    return hashlib.sha256(f"{len(of)} {of}".encode() + data).digest()
