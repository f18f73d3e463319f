"""Responses that are lists of tokens already: laid flat without rounding or parsing anything on the way."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from compresslab._support.arrays import Int64Array, as_array, offsets_of
from compresslab.errors import InvalidTokens

__all__ = ["flatten"]


def flatten(lists: Iterable[Any]) -> tuple[npt.NDArray[Any], Int64Array]:
    """Return the entries of all lists, flat and not yet checked (see `as_tokens`), and their offsets.

    Raises:
        InvalidTokens: a response that is not a sequence, or an array that is not one-dimensional.

    Example:
        >>> flat, offsets = flatten([[1, 2], [], [3]])
        >>> flat.tolist(), offsets.tolist()
        ([1, 2, 3], [0, 2, 2, 3])
    """
    held = list(lists)
    offsets = _list_offsets(held)
    if held and all(isinstance(item, np.ndarray) for item in held):
        return np.concatenate(held), offsets
    return _flat_array(chain.from_iterable(x.tolist() if isinstance(x, np.ndarray) else x for x in held)), offsets


def _list_offsets(lists: list[Any]) -> Int64Array:
    for index, item in enumerate(lists):
        if isinstance(item, str) or not hasattr(item, "__len__") or (isinstance(item, np.ndarray) and item.ndim != 1):
            what = f"an array of shape {item.shape}" if isinstance(item, np.ndarray) else type(item).__name__
            raise InvalidTokens(f"response {index} is {what}: give a list or one-dimensional array of tokens")
    return offsets_of(np.fromiter(map(len, lists), dtype=np.int64, count=len(lists)))


def _flat_array(values: Iterable[Any]) -> npt.NDArray[Any]:
    """Return values as an array that still shows what they were: nothing is rounded or parsed on the way."""
    held = list(values)
    try:
        array = as_array(held)
    except (ValueError, OverflowError):  # nested lists of different lengths
        array = np.empty(len(held), dtype=object)
        array[:] = held
    if array.ndim == 1 and array.dtype.kind in "biufO":
        return array
    whole = np.empty(len(held), dtype=object)
    whole[:] = held
    return whole
