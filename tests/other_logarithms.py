"""A plugin of pytest: numpy's logarithms and exponentials as another processor's mathematical library may give them.

Every result may be off by one unit in the last place, up or down, as a function of the argument; exact zeros stay.
Loaded by ``-p tests.other_logarithms``; the environment variable OTHER_LOGARITHMS numbers the variants.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

_FACTOR = np.uint64(2654435761 + 2 * int(os.environ.get("OTHER_LOGARITHMS", "0")))


class _Other:
    def __init__(self, ufunc: Any) -> None:
        self.ufunc = ufunc

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ufunc, name)

    def __call__(self, x: Any, *args: Any, **options: Any) -> Any:
        result = self.ufunc(x, *args, **options)
        if getattr(result, "dtype", None) != np.float64 or "where" in options:
            return result
        with np.errstate(all="ignore"):
            bits = np.array(np.broadcast_to(np.asarray(x, np.float64), result.shape)).view(np.uint64)
            way = (bits * _FACTOR >> np.uint64(52)) % np.uint64(3)
            moved = np.where(way == 1, np.nextafter(result, np.inf), np.nextafter(result, -np.inf))
            other = np.where((way == 0) | (result == 0) | ~np.isfinite(result), result, moved)
        if isinstance(result, np.ndarray):
            result[...] = other
            return result
        return np.float64(other)


def pytest_configure() -> None:
    """Change numpy, in a process that was started with the plugin: whoever imports this file changes nothing."""
    for name in ("log", "log2", "log10", "log1p", "exp", "exp2", "expm1"):
        setattr(np, name, _Other(getattr(np, name)))
