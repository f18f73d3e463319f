"""A connection to a Dask cluster."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from compresslab.errors import MissingExtra, UnreadableFile

__all__ = ["WAIT", "connected", "dask_distributed", "workers_of"]

WAIT: Final = 20  # seconds for a first worker: one that was killed comes back in a few


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
    try:
        client.wait_for_workers(1, timeout=wait)
    except TimeoutError as error:
        raise UnreadableFile(f"the cluster has no workers, and none came in {wait} s: start some") from error
    found: dict[str, dict[str, Any]] = client.scheduler_info(n_workers=-1)["workers"]
    return found
