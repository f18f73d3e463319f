"""A lock on a file, which ends with the process that holds it, however that ends."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from typing import Any

from compresslab.errors import InvalidParameter

fcntl: Any
try:
    fcntl = importlib.import_module("fcntl")
except ImportError:  # Windows: nothing is locked there
    fcntl = None

__all__ = ["alone_with"]


@contextmanager
def alone_with(path: str | PathLike[str], busy: str) -> Iterator[None]:
    """Hold a lock on a file that exists, within the block.

    Args:
        path: the file; it is neither read nor changed.
        busy: the message where another process, or another block of this one, holds the lock.

    Raises:
        InvalidParameter: it does.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InvalidParameter(busy) from error
        except OSError:  # a file system without locks
            pass
        yield
    finally:
        os.close(handle)
