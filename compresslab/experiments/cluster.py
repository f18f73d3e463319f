"""Units of an experiment on a Dask cluster: the same rows whoever computes them.

A worker takes one unit at a time, with one thread, as a process of one machine does, in the folder that this process
works in. All workers must see that folder, the experiment's, the models and the data under the same names (a shared
file system): a unit's stages are kept there, so a unit whose worker dies goes on elsewhere from where it was.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any, TypeVar

from compresslab import __version__
from compresslab._support.cluster import connected, dask_distributed, workers_of
from compresslab.errors import InvalidParameter, TimeLimitReached, UnreadableFile, WorkerKilled
from compresslab.experiments.rows import Row

__all__ = ["on_cluster"]

Job = TypeVar("Job")

_WHAT = "experiments on a cluster"
_NUMBERS = ("numpy", "torch", "transformers")  # whose versions are among what rows depend on


def on_cluster(
    work: Callable[[Job], list[Row]],
    units: Mapping[str, Job],
    missing: Sequence[str],
    cluster: Any,
    take: Callable[[str, list[Row]], None],
    folder: Path,
) -> None:
    """Have the workers of a cluster do units, the first of ``missing`` first, and take their rows as they come.

    Args:
        work: a function of a module that turns a unit into its rows.
        units: name -> unit.
        missing: the names of those to do.
        cluster: a scheduler's address, or a ``distributed.Client``.
        take: called with the name and the rows of each unit that is done.
        folder: of the experiment, which all workers must see.

    Raises:
        MissingExtra: dask is not installed.
        UnreadableFile: no scheduler answers, there are no workers, or one does not see the folder.
        InvalidParameter: a worker has several threads, or other versions than this process.
        WorkerKilled: workers died of the same unit, one after the other; what is finished is kept.
        TimeLimitReached: ``work`` raised it; all units have come to the end of what they were at.
    """
    distributed = dask_distributed(_WHAT)
    late: TimeLimitReached | None = None
    with connected(cluster, _WHAT) as client:
        _check_workers(client, folder)
        order = dict(zip(missing, range(len(missing), 0, -1), strict=True))  # the higher, the sooner
        futures = {
            client.submit(
                _alone, work, units[name], os.getcwd(), key=f"unit-{uuid.uuid4().hex}", pure=False, priority=order[name]
            ): name
            for name in missing
        }
        try:
            for future in distributed.as_completed(futures):
                try:
                    rows = future.result()
                except TimeLimitReached as reached:  # the others end by themselves, each at its next stage
                    late = reached
                else:
                    take(futures[future], rows)
        except distributed.KilledWorker as error:
            raise WorkerKilled(
                "workers of the cluster died of the same unit, as they do out of memory: give them more, and run the "
                "same again"
            ) from error
        finally:
            client.cancel(list(futures))
    if late is not None:
        raise late


def _alone(work: Callable[[Job], list[Row]], unit: Job, place: str) -> list[Row]:
    """Do a unit with one thread, so that sums have one order, in the folder that relative names are of."""
    from compresslab.experiments.models.exact_training import one_thread

    with chdir(place), one_thread():
        return work(unit)


def _check_workers(client: Any, folder: Path) -> None:
    """Raise unless there are workers, each with one thread, the versions of this process, and the folder."""
    held = workers_of(client)
    several = [address for address, facts in held.items() if facts["nthreads"] != 1]
    if several:
        raise InvalidParameter(
            f"the worker {several[0]} has {held[several[0]]['nthreads']} threads, and units that share a process share "
            "its random numbers: start workers with --nthreads 1, several on one machine with --nworkers"
        )
    here = _facts()
    for address, facts in client.run(_facts).items():
        if facts != here:
            what = ", ".join(f"{key} {facts[key]} there, {here[key]} here" for key in here if facts[key] != here[key])
            raise InvalidParameter(f"the worker {address} has other versions: {what}: install the same everywhere")
    for place in (str(folder), os.getcwd()):
        blind = [address for address, sees in client.run(os.path.isdir, place).items() if not sees]
        if blind:
            raise UnreadableFile(
                f"the worker {blind[0]} does not see the folder {place}: put it where all machines see it under this "
                "name"
            )


def _facts() -> dict[str, str]:
    """Return the versions that rows depend on."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"compresslab": __version__}
    for name in _NUMBERS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
