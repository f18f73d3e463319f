"""Units of an experiment on a Dask cluster: the same rows whoever computes them.

A worker takes one unit at a time, as a process of one machine does. All workers must see the folder of the experiment,
the models, the data and the folder that the run is started in under the same names (a shared file system): a unit's
stages are kept there, so a unit whose worker dies goes on elsewhere from where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from compresslab._support.cluster import connected, on_cluster
from compresslab.experiments.rows import Row

__all__ = ["units_on_cluster"]

Job = TypeVar("Job")


def units_on_cluster(
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
        UnreadableFile: no scheduler answers, there are no workers, or one does not see a folder.
        InvalidParameter: a worker has several threads, or other versions than this process.
        WorkerKilled: workers died of the same unit, one after the other; what is finished is kept.
        TimeLimitReached: ``work`` raised it; all units have come to the end of what they were at.
    """
    with connected(cluster, "experiments on a cluster") as client:
        on_cluster(client, {name: (work, units[name]) for name in missing}, take, [folder])
