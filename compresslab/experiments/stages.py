"""Stages: what is done of a unit, on disk. A run that is killed at any moment loses one stage at most.

A stage is the smallest piece that is journaled: a checkpoint, a positive volume, a stop of a negative run. What a unit
needs to go on from there (rows, weights, the state of the optimizer) is written under the stage's name, synced, and
read again instead of being computed. When the rows of the unit are saved, its stages are deleted.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import time
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from compresslab._support.files import read_buffer, write_atomic
from compresslab.errors import TimeLimitReached
from compresslab.experiments.models.networks import require_torch

__all__ = ["Stages"]

Value = TypeVar("Value")

_DIGEST = 32  # bytes of SHA-256 in front of what torch writes


class Stages:
    """The stages of one unit.

    Args:
        folder: where they are kept; None for a run that keeps none.
        deadline: seconds since the epoch by which the run must have ended; None for no limit.

    Example:
        >>> Stages().do("trunk", lambda: 3)
        3
    """

    def __init__(self, folder: str | PathLike[str] | None = None, deadline: float | None = None) -> None:
        self.folder = None if folder is None else Path(folder)
        self.deadline = deadline
        self._begun = time.time()
        self._longest = 0.0

    def get(self, name: str) -> Any:
        """Return what was kept of a stage; None where nothing was, or where the file is damaged: it is done again."""
        path = self._path(name)
        if path is None or not path.is_file():
            return None
        torch = require_torch()
        try:
            data = read_buffer(path).tobytes()
            if hashlib.sha256(data[_DIGEST:]).digest() != data[:_DIGEST]:
                return None
            return torch.load(io.BytesIO(data[_DIGEST:]), map_location="cpu", weights_only=True)
        except Exception:  # torch has no common class for what a damaged file raises
            return None

    def put(self, name: str, value: Any) -> None:
        """Keep a stage that is done: tensors, numbers, texts, and lists and dictionaries of them.

        Raises:
            TimeLimitReached: the next stage would not end before the deadline; this one is kept.
        """
        if (path := self._path(name)) is not None:
            buffer = io.BytesIO()
            require_torch().save(value, buffer)
            path.parent.mkdir(parents=True, exist_ok=True)
            data = buffer.getvalue()
            write_atomic(path, [hashlib.sha256(data).digest(), data])
        now = time.time()
        self._longest, self._begun = max(self._longest, now - self._begun), now
        self.check_time()

    def do(self, name: str, compute: Callable[[], Value]) -> Value:
        """Return what was kept of a stage, or compute and keep it.

        Raises:
            TimeLimitReached: it would not end before the deadline.
        """
        found: Value | None = self.get(name)
        if found is not None:
            return found
        self.check_time()
        found = compute()
        self.put(name, found)
        return found

    def part(self, name: str) -> Part:
        """Return the stages of a part of the unit, whose names begin with the part's."""
        return Part(self, name)

    def clear(self) -> None:
        """Delete all stages: the rows of the unit are saved."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def check_time(self) -> None:
        """Raise TimeLimitReached where another stage, as long as the longest so far, would end after the deadline."""
        if self.deadline is not None and time.time() + self._longest >= self.deadline:
            raise TimeLimitReached("the time limit is reached: what is finished is kept, and the same command goes on")

    def _path(self, name: str) -> Path | None:
        return None if self.folder is None else self.folder / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.stage"


class Part:
    """The stages of a part of a unit: see `Stages.part`."""

    def __init__(self, stages: Stages, name: str) -> None:
        self.stages, self.name = stages, name

    def get(self, name: str) -> Any:
        """Return what was kept of a stage; None where nothing was."""
        return self.stages.get(f"{self.name}/{name}")

    def put(self, name: str, value: Any) -> None:
        """Keep a stage that is done: see `Stages.put`."""
        self.stages.put(f"{self.name}/{name}", value)
