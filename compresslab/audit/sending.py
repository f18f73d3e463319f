"""Arms of an audit on several processes: each seed is a unit, and the models go to the workers once, by a file."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from compresslab._support import threads
from compresslab._support.files import temporary_folder
from compresslab.audit.arms import ArmUnit
from compresslab.audit.reading import AuditData
from compresslab.audit.settings import AuditSettings
from compresslab.experiments.pool import num_workers, run_units, worker_device
from compresslab.experiments.rows import Row
from compresslab.experiments.stages import Stages
from compresslab.lm.hugging_face import HuggingFaceModel

__all__ = ["processes_for", "run_arm"]

Progress = Callable[[int, int], None]

_PROCESS_BYTES = 3 << 30  # of a GPU: torch's own, and a batch


@dataclass(frozen=True)
class _Sent:
    """A unit on its way to a process; what all units of an arm share is in a file.

    Attributes:
        work: turns the unit into its rows.
        shared: the file.
        device: "cpu" or "cuda".
        threads: of a process: all of them together have as many as there are cores.
    """

    work: Callable[[ArmUnit], list[Row]]
    shared: str
    device: str
    threads: int
    arm: str
    settings: AuditSettings
    learning_rate: float
    number: int
    stages: Stages


def processes_for(model: HuggingFaceModel, workers: int) -> int:
    """Return how many processes train copies of a model: as many as are asked for, or as a GPU's memory holds.

    Raises:
        InvalidParameter: fewer than one.
    """
    weights = sum(int(one.numel()) for one in model.module.parameters())
    # In float32: both models, a copy of one that is trained, where it began, its gradient, its two moments.
    return num_workers(workers, model.device.type, _PROCESS_BYTES + 28 * weights)


def run_arm(
    work: Callable[[ArmUnit], list[Row]],
    units: Mapping[str, ArmUnit],
    path: Path,
    *,
    workers: int,
    progress: Progress | None,
) -> list[Row]:
    """Run the units of an arm that a file does not hold yet; see `compresslab.experiments.pool.run_units`.

    Args:
        work: a function of a module.
        units: of the same models and data, by name.
        path: of the rows.
        workers: processes. With several, each has its share of the cores: the rows are those of one process but for
            rounding, which depends on the number of threads.
        progress: of the units.
    """
    if workers == 1 or len(units) == 1:
        return run_units(work, units, path, progress=progress, saved=lambda unit: unit.stages.clear())
    torch: Any = importlib.import_module("torch")
    first = next(iter(units.values()))
    share = max(1, threads.workers() // min(workers, len(units)))
    with temporary_folder() as folder:
        shared = str(folder / "models.pt")
        torch.save((first.model, first.base, first.data), shared)
        sent = {
            name: _Sent(
                work, shared, first.model.device.type, share, one.arm, one.settings, one.learning_rate, one.number,
                one.stages,
            )
            for name, one in units.items()
        }  # fmt: skip
        return run_units(
            _sent_rows, sent, path, workers=workers, progress=progress, saved=lambda unit: unit.stages.clear()
        )


def _sent_rows(sent: _Sent) -> list[Row]:
    with threads.torch_threads(sent.threads):
        model, base, data = _opened(sent.shared, worker_device(sent.device))
        unit = ArmUnit(
            sent.arm, model, base, data, sent.settings, sent.learning_rate, sent.number, sent.stages
        )  # fmt: skip
        return sent.work(unit)


@lru_cache(maxsize=1)
def _opened(shared: str, device: str) -> tuple[HuggingFaceModel, HuggingFaceModel, AuditData]:
    """Return what the units of an arm share, kept for the next one."""
    import torch

    found: tuple[HuggingFaceModel, HuggingFaceModel, AuditData]
    found = torch.load(shared, map_location=device, weights_only=False)  # written by this run, in its own folder
    return found
