"""Running the units of an experiment: resumed from what is on disk, on several processes, rows saved as they come."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from compresslab._support import threads
from compresslab._support.interrupts import if_stopped
from compresslab._support.processes import process_pool
from compresslab.errors import InvalidParameter, TimeLimitReached
from compresslab.experiments.cluster import units_on_cluster
from compresslab.experiments.rows import Row, append_rows, open_rows, settle_rows

__all__ = ["num_workers", "run_units"]

Job = TypeVar("Job")

Step = Callable[[int, int], None]


def num_workers(workers: int | None, device: str = "cpu") -> int:
    """Return how many processes to use: as given, else one for each core that this process may use, or for each GPU.

    Raises:
        InvalidParameter: a number below 1.
    """
    if workers is not None:
        if workers < 1:
            raise InvalidParameter(f"the number of workers is at least 1, not {workers}")
        return workers
    if device == "cuda":
        import torch

        return max(1, int(torch.cuda.device_count()))
    return threads.workers()


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

    late: TimeLimitReached | None = None
    with process_pool(workers) as pool:
        names = {pool.submit(work, units[name]): name for name in missing}
        for future in as_completed(names):
            try:
                rows = future.result()
            except TimeLimitReached as reached:  # the others end by themselves, each at its next stage
                late = reached
            else:
                take(names[future], rows)
    if late is not None:
        raise late
