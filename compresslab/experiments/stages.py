"""Stages: what is done of a unit, on disk. A run that is killed at any moment loses one stage at most.

A stage is the smallest piece that is journaled: a checkpoint, a positive volume, a stop of a negative run. What a unit
needs to go on from there (rows, weights, the state of the optimizer) is written under the stage's name, synced, and
read again instead of being computed. When the rows of the unit are saved, its stages are deleted.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from compresslab.errors import TimeLimitReached
from compresslab.experiments.models.sealed import read_sealed, write_sealed

__all__ = ["Stages"]

Value = TypeVar("Value")

# A run, named by its deadline -> seconds of its longest stage in this process: a unit's first stage is judged by those
# of the units before it.
_longest: dict[float, float] = {}


class Stages:
    """The stages of one unit.

    Args:
        folder: where they are kept; None for a run that keeps none.
        deadline: seconds since the epoch by which the run must have ended; None for no limit.
        of: what they are stages of: the spec and the unit. What another spec or unit left is not read.

    Example:
        >>> Stages().do("trunk", lambda: 3)
        3
    """

    def __init__(self, folder: str | PathLike[str] | None = None, deadline: float | None = None, of: str = "") -> None:
        self.folder = None if folder is None else Path(folder)
        self.deadline, self.of = deadline, of
        self._begun = time.time()

    def get(self, name: str) -> Any:
        """Return the kept result of a stage; None if there is none.

        A file that is damaged, or of another spec, unit or stage, counts as none: the stage is done again.
        """
        path = self._path(name)
        return None if path is None else read_sealed(path, self._of(name))

    def put(self, name: str, value: Any) -> None:
        """Keep the result of a stage: tensors, numbers, texts, and lists and dictionaries of them.

        Raises:
            TimeLimitReached: the next stage would not end before the deadline; this one is kept.
        """
        if (path := self._path(name)) is not None:
            write_sealed(path, value, self._of(name))
        now = time.time()
        if self.deadline is not None:
            _longest[self.deadline] = max(self._expected(), now - self._begun)
        self._begun = now
        self.check_time()

    def do(self, name: str, compute: Callable[[], Value]) -> Value:
        """Return the kept result of a stage, or compute and keep it.

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
        """Raise TimeLimitReached where another stage, as long as the run's longest, would end after the deadline."""
        if self.deadline is not None and time.time() + self._expected() >= self.deadline:
            raise TimeLimitReached("the time limit is reached: what is finished is kept, and the same command goes on")

    def _expected(self) -> float:
        return 0.0 if self.deadline is None else _longest.get(self.deadline, 0.0)

    def _of(self, name: str) -> str:
        return f"{len(self.of)} {self.of}{name}"

    def _path(self, name: str) -> Path | None:
        return None if self.folder is None else self.folder / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.stage"


class Part:
    """The stages of a part of a unit: see `Stages.part`."""

    def __init__(self, stages: Stages, name: str) -> None:
        self.stages, self.name = stages, name

    def get(self, name: str) -> Any:
        """Return the kept result of a stage; None if there is none."""
        return self.stages.get(f"{self.name}/{name}")

    def put(self, name: str, value: Any) -> None:
        """Keep the result of a stage: see `Stages.put`."""
        self.stages.put(f"{self.name}/{name}", value)
