"""Work on a Dask cluster: the same results whoever computes them.

A worker takes one task at a time, with one thread, in the folder that this process works in; it must have the versions
of this process, and see the same folders under the same names.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import chdir, contextmanager
from typing import Any, Final

from compresslab._support.processes import take_as_they_come
from compresslab._support.threads import torch_threads
from compresslab.errors import InvalidParameter, MissingExtra, UnreadableFile, WorkerKilled

__all__ = ["WAIT", "check_workers", "connected", "dask_distributed", "on_cluster", "workers_of"]

WAIT: Final = 20  # seconds for a first worker: one that was killed comes back in a few
_NUMBERS = ("numpy", "torch", "transformers")  # whose versions are among what results depend on


def dask_distributed(what: str) -> Any:
    """Return the package ``distributed``; raise MissingExtra, for ``what``, where it is not installed."""
    try:
        return importlib.import_module("distributed")
    except ImportError as error:
        raise MissingExtra(what, "scale") from error


@contextmanager
def connected(cluster: Any, what: str) -> Iterator[Any]:
    """Yield a ``distributed.Client``: the one that is given, or one of a scheduler's address, closed after the block.

    Raises:
        MissingExtra: dask is not installed; ``what`` needs it.
        UnreadableFile: no scheduler answers.
    """
    distributed = dask_distributed(what)
    if isinstance(cluster, distributed.Client):
        yield cluster
        return
    try:
        client = distributed.Client(str(cluster), timeout=10)
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"no Dask scheduler answers at {cluster}: start one, or give its address") from error
    try:
        yield client
    finally:
        client.close()


def workers_of(client: Any, wait: float = WAIT) -> dict[str, dict[str, Any]]:
    """Return what a cluster says of its workers, by their addresses, once there is one.

    Raises:
        UnreadableFile: none came in ``wait`` seconds.
    """
    end = time.monotonic() + wait
    found: dict[str, dict[str, Any]] = {}
    while not found:  # the one that was waited for may be gone again
        try:
            client.wait_for_workers(1, timeout=max(0.1, end - time.monotonic()))
        except TimeoutError as error:
            raise UnreadableFile(f"the cluster has no workers, and none came in {wait} s: start some") from error
        found = client.scheduler_info(n_workers=-1)["workers"]
    return found


def on_cluster(
    client: Any,
    tasks: Mapping[str, tuple[Any, ...]],
    take: Callable[[str, Any], None],
    folders: Iterable[str | os.PathLike[str]] = (),
) -> None:
    """Have the workers of a cluster do tasks, the first of them first, and take their results as they come.

    Args:
        client: a ``distributed.Client``.
        tasks: name -> a function of a module, and its arguments; a future of the client's stands for its value.
        take: called with the name and the result of each task that is done.
        folders: that all workers must see.

    Raises:
        UnreadableFile: there are no workers, or one does not see a folder.
        InvalidParameter: a worker has several threads, or other versions than this process.
        WorkerKilled: workers died of the same task, one after the other; what was taken is done.
        TimeLimitReached: a task raised it; all others have come to the end of what they were at.
    """
    distributed = dask_distributed("work on a cluster")
    place = os.getcwd()
    check_workers(client, [place, *folders])
    futures = {
        client.submit(_alone, place, *task, key=f"task-{uuid.uuid4().hex}", pure=False, priority=-i): name
        for i, (name, task) in enumerate(tasks.items())
    }
    try:
        take_as_they_come(distributed.as_completed(futures), futures, take)
    except distributed.KilledWorker as error:
        raise WorkerKilled(
            "workers of the cluster died of the same piece of work, as they do out of memory: give them more, and run "
            "the same again"
        ) from error
    finally:
        client.cancel(list(futures))


def check_workers(client: Any, folders: Iterable[str | os.PathLike[str]]) -> None:
    """Raise unless there are workers, each with one thread, the versions of this process, and its folders."""
    held = workers_of(client)
    several = [address for address, facts in held.items() if facts["nthreads"] != 1]
    if several:
        raise InvalidParameter(
            f"the worker {several[0]} has {held[several[0]]['nthreads']} threads, and what shares a process shares its "
            "random numbers: start workers with --nthreads 1, several on one machine with --nworkers"
        )
    here = _versions()
    for address, facts in client.run(_versions).items():
        if facts != here:
            what = ", ".join(f"{key} {facts[key]} there, {here[key]} here" for key in here if facts[key] != here[key])
            raise InvalidParameter(f"the worker {address} has other versions: {what}: install the same everywhere")
    for place in (str(folder) for folder in folders):
        blind = [address for address, sees in client.run(os.path.isdir, place).items() if not sees]
        if blind:
            raise UnreadableFile(
                f"the worker {blind[0]} does not see the folder {place}: put it where all machines see it under this "
                "name"
            )


def _alone(place: str, work: Callable[..., Any], *given: Any) -> Any:
    """Do a task with one thread, so that sums have one order, in the folder that relative names are of."""
    with chdir(place):
        if importlib.util.find_spec("torch") is None:
            return work(*given)
        with torch_threads(1):
            return work(*given)


def _versions() -> dict[str, str]:
    """Return the versions that results depend on."""
    from importlib.metadata import PackageNotFoundError, version

    from compresslab import __version__

    found = {"compresslab": __version__}
    for name in _NUMBERS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
