"""Read sorted leaves' symbols layer by layer, on all cores: measure some leaves, then read them to their places."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from compresslab.coded import CodedText
from compresslab.strings import Unsigned
from compresslab.threads import on_all_cores, workers

__all__ = ["read_layers"]


def read_layers(
    text: CodedText,
    leaves: int,
    depth: int,
    measure: Callable[[slice, NDArray[np.int64]], None],
    read: Callable[[slice, NDArray[np.int64], Unsigned], None],
) -> tuple[Unsigned, ...]:
    """Return each layer's symbols.

    Args:
        text: where the leaves come from.
        leaves: how many there are.
        depth: symbols per phrase, ``d``.
        measure: told some leaves, counts the nodes that they add to layer ``m`` in place ``m - 1`` of an array.
        read: told some leaves and where they begin in each layer, writes their symbols to an array of all layers.
    """
    step = max(1, -(-leaves // (4 * workers())))
    parts = [slice(lo, min(lo + step, leaves)) for lo in range(0, leaves, step)]
    nodes = np.zeros((len(parts), depth + 1), np.int64)
    on_all_cores(lambda i: measure(parts[i], nodes[i]), range(len(parts)))
    layers = nodes[:, :depth].sum(axis=0)
    base = np.cumsum(layers) - layers
    flat = np.empty(int(layers.sum()), text.symbol_dtype)
    at = base + np.cumsum(nodes[:, :depth], axis=0) - nodes[:, :depth]
    on_all_cores(lambda i: read(parts[i], at[i], flat), range(len(parts)))
    return tuple(text.tokens_of(layer) for layer in np.split(flat, base[1:]))
