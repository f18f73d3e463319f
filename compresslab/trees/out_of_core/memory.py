"""How much memory there is, and how much this process takes."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

__all__ = ["available_bytes", "parse_bytes", "resident_bytes"]

from compresslab.errors import InvalidParameter

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def available_bytes() -> int:
    """Return the memory that new arrays can take without swapping, a control group's limit included.

    A system that does not say (Windows) is taken to have enough.
    """
    if not hasattr(os, "sysconf"):
        return sys.maxsize
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        pass
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text("ascii").strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text("ascii"))
        return free if limit == "max" else max(0, min(free, int(limit) - used))
    except (OSError, ValueError):
        return free


def resident_bytes() -> int:
    """Return the memory that this process takes now (where that cannot be read, the most it has taken).

    Raises:
        InvalidParameter: the system says neither (Windows).
    """
    try:
        import resource
    except ImportError as error:
        raise InvalidParameter(
            f"{platform.system()} does not say how much memory a process takes, which trees from token files must "
            "know: build them on Linux or macOS"
        ) from error
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def parse_bytes(text: str) -> int:
    """Read an amount of memory.

    Raises:
        InvalidParameter: not a number with a unit.

    Example:
        >>> parse_bytes("2GB"), parse_bytes("512 MiB")
        (2000000000, 536870912)
    """
    digits = text.strip().rstrip("BKMGTIbkmgti ")
    unit = text.strip()[len(digits) :].strip().upper()
    try:
        return int(float(digits) * _UNITS[unit])
    except (ValueError, KeyError, OverflowError) as error:
        raise InvalidParameter(f"{text!r} is no amount of memory: give a number and a unit, such as 2GB") from error
