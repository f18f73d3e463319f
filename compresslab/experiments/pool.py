"""Running the units of an experiment: resumed from what is on disk, on several processes, rows saved as they come."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from compresslab._support import threads
from compresslab._support.interrupts import if_stopped
from compresslab._support.processes import process_pool, take_as_they_come, worker_number
from compresslab.errors import InvalidParameter
from compresslab.experiments.cluster import units_on_cluster
from compresslab.experiments.rows import Row, append_rows, open_rows, settle_rows

__all__ = ["num_workers", "run_units", "worker_device", "workers_that_fit"]

Job = TypeVar("Job")

Step = Callable[[int, int], None]


def num_workers(workers: int | None, device: str = "cpu", need_bytes: int = 0) -> int:
    """Return how many processes to use: as given, else one for each core that this process may use, or for each GPU.

    Processes share a GPU only as far as its memory goes: see `workers_that_fit`.

    Args:
        workers: as many as are wanted, or None.
        device: "cpu" or "cuda".
        need_bytes: of a GPU's memory, for each process.

    Raises:
        InvalidParameter: a number below 1.
    """
    if workers is not None and workers < 1:
        raise InvalidParameter(f"the number of workers is at least 1, not {workers}")
    if device != "cuda":
        return threads.workers() if workers is None else workers
    import torch

    count = int(torch.cuda.device_count())
    if workers is None:
        return max(1, count)
    free = [int(torch.cuda.mem_get_info(number)[0]) for number in range(count)]
    return workers_that_fit(workers, free, need_bytes)


def workers_that_fit(workers: int, free_bytes: Sequence[int], need_bytes: int) -> int:
    """Return as many workers as are wanted, or as the GPUs have memory for: they are dealt out to them in turn.

    At least one works on each GPU, however little is free there: its batches are cut in halves where memory runs out.

    Args:
        workers: how many are wanted.
        free_bytes: of each GPU.
        need_bytes: of each worker; 0 where it is not known: then nothing bounds them.

    Example:
        >>> workers_that_fit(8, [24 << 30, 24 << 30], 10 << 30), workers_that_fit(1, [1 << 30], 10 << 30)
        (4, 1)
    """
    if not need_bytes or not free_bytes:
        return workers
    return min(workers, len(free_bytes) * max(1, min(free_bytes) // need_bytes))


def worker_device(device: str) -> str:
    """Return the torch device of this process: GPUs are dealt out to the workers of a pool in turn, by their numbers.

    Args:
        device: "cpu", or "cuda" for the GPUs there are.
    """
    if device != "cuda":
        return device
    import torch

    return f"cuda:{worker_number() % max(1, int(torch.cuda.device_count()))}"


def run_units(
    work: Callable[[Job], list[Row]],
    units: Mapping[str, Job],
    path: str | PathLike[str],
    *,
    workers: int = 1,
    cost: Callable[[Job], float] = lambda job: 1.0,
    progress: Step | None = None,
    saved: Callable[[Job], None] = lambda job: None,
    begin: Callable[[], None] = lambda: None,
    cluster: Any = None,
) -> list[Row]:
    """Run every unit that the file does not hold yet; return the rows of all units, in their order.

    Args:
        work: a function of a module (processes must find it by name) that turns a unit into its rows. The rows may
            depend on nothing but the unit.
        units: name -> unit.
        path: the file of the rows.
        workers: processes; with 1 the units are done in this one. Each worker should use one thread: then they do not
            get into each other's way, and sums have the same order whatever else the machine does.
        cost: how long a unit takes, in any measure; the longest are begun first.
        progress: called with (cost done, cost of all, both in thousandths of the whole) after each unit.
        saved: called with each unit whose rows have been saved.
        begin: called once, before the first unit is done; not at all where none is missing.
        cluster: a Dask scheduler's address or a ``distributed.Client``, whose workers do the units instead of processes
            here; see `compresslab.experiments.cluster.units_on_cluster`, which says what it raises.

    Raises:
        InvalidParameter: the file holds a unit that is not among these.
        TimeLimitReached: ``work`` raised it; all workers have come to the end of what they were at.
        WorkerKilled: a worker process was killed; what is finished is kept.
    """
    finished = open_rows(path)
    foreign = [name for name in finished if name not in units]
    if foreign:
        raise InvalidParameter(f"{Path(path)} holds rows of {foreign[0]!r}, which is not a part of this experiment")
    missing = sorted((name for name in units if name not in finished), key=lambda name: -cost(units[name]))
    total, done = sum(cost(unit) for unit in units.values()), sum(cost(units[name]) for name in finished)

    def take(name: str, rows: list[Row]) -> None:
        nonlocal done
        append_rows(path, name, rows)
        saved(units[name])
        finished[name] = rows
        done += cost(units[name])
        if progress is not None:
            progress(round(1000 * done / total), 1000)

    if progress is not None and done:
        progress(round(1000 * done / total), 1000)

    def kept() -> str:
        done = f"{len(finished)} of {len(units)} units are kept in {Path(path)}, and the stages of those begun"
        return f"{done}; the same command goes on from there"

    if missing:
        begin()
    with if_stopped(kept):
        if missing and cluster is not None:
            units_on_cluster(work, units, missing, cluster, take, Path(path).absolute().parent)
        elif workers <= 1 or len(missing) <= 1:
            for name in missing:
                take(name, work(units[name]))
        else:
            _in_parallel(work, units, missing, min(workers, len(missing)), take)
    ordered = {name: finished[name] for name in units}
    settle_rows(path, ordered)
    return [row for rows in ordered.values() for row in rows]


def _in_parallel(
    work: Callable[[Job], list[Row]],
    units: Mapping[str, Job],
    missing: Sequence[str],
    workers: int,
    take: Callable[[str, list[Row]], None],
) -> None:
    from concurrent.futures import as_completed

    with process_pool(workers) as pool:
        names = {pool.submit(work, units[name]): name for name in missing}
        take_as_they_come(as_completed(names), names, take)
