"""Kernels that merge runs of sorted leaves: a tournament whose every match starts where the players first differ.

Each player's string is known to share some number of tokens with the leaf written last. Of two players the one that
shares more comes first, without looking at a token; only where they share equally many are tokens compared, from there
on. So all matches together read every token about once.

Source: the tournament tree with longest common prefixes of Ng and Kakehi, IEICE Trans. Inf. Syst. E91-D (2008).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab._support.jit import jit

__all__ = ["FINISHED", "FULL", "State", "count_nodes", "from_layers", "merge", "new_state", "start", "to_layers"]

Array = NDArray[Any]
State = tuple[Array, Array, Array, Array, Array, Array]

FINISHED = -1  # all runs are at their end
FULL = -2  # there is no room for another leaf


def new_state(runs: int, depth: int, dtype: np.dtype[Any]) -> State:
    """Make the arrays ``path``, ``size``, ``count``, ``loser``, ``common`` and ``champion`` of :func:`start`."""
    path = np.zeros((runs, depth), dtype)
    size, count, loser, common = (np.zeros(runs, np.int64) for _ in range(4))
    return path, size, count, loser, common, np.zeros(3, np.int64)


@jit
def from_layers(layered: Array, at: Array, shared: Array, length: Array, symbols: Array) -> None:
    """Read symbols from their layers, which start ``at`` places, leaf by leaf."""
    to = 0
    for i in range(len(shared)):
        for j in range(shared[i], length[i]):
            symbols[to] = layered[at[j]]
            at[j] += 1
            to += 1


@jit
def count_nodes(shared: Array, length: Array, nodes: Array) -> None:
    """Count in ``nodes[m - 1]`` the nodes that leaves add to layer ``m``; ``depth + 1`` places."""
    for i in range(len(shared)):
        nodes[shared[i]] += 1
        nodes[length[i]] -= 1
    for m in range(1, len(nodes)):
        nodes[m] += nodes[m - 1]


@jit
def to_layers(symbols: Array, shared: Array, length: Array, at: Array, layered: Array) -> None:
    """Write symbols from a run to their layers, which start ``at`` places."""
    source = 0
    for i in range(len(shared)):
        for j in range(shared[i], length[i]):
            layered[at[j]] = symbols[source]
            at[j] += 1
            source += 1


@jit
def _advance(
    k: int,
    leaf: Array,
    at: Array,
    shared: Array,
    length: Array,
    counts: Array,
    symbols: Array,
    path: Array,
    size: Array,
    count: Array,
) -> int:
    """Read the next leaf of run ``k`` into its path; return what it shares with the one before."""
    i = leaf[k]
    leaf[k] = i + 1
    common, end = int(shared[i]), int(length[i])
    a = at[k]
    for j in range(common, end):
        path[k, j] = symbols[a]
        a += 1
    at[k] = a
    size[k] = end
    count[k] = counts[i]
    return common


@jit
def _match(a: int, b: int, common_a: int, common_b: int, path: Array, size: Array, tie: int) -> tuple[bool, int]:
    """Tell whether ``a`` comes before ``b`` (or is equal), and what the loser shares with the winner."""
    if common_a != common_b:
        return common_a > common_b, min(common_a, common_b)
    if common_a < 0 or common_a == tie:
        return True, common_a
    j, end = common_a, min(size[a], size[b])
    while j < end and path[a, j] == path[b, j]:
        j += 1
    if j < end:
        return path[a, j] < path[b, j], j
    if size[a] == size[b]:
        return True, tie
    return size[a] < size[b], j


@jit
def start(
    leaf: Array,
    end: Array,
    at: Array,
    shared: Array,
    length: Array,
    counts: Array,
    symbols: Array,
    path: Array,
    size: Array,
    count: Array,
    loser: Array,
    common: Array,
    champion: Array,
) -> None:
    """Read the first leaf of every run and play all matches.

    Args:
        leaf: int64, shape ``(K,)``: each run's next leaf in ``shared``, ``length`` and ``counts``.
        end: int64, shape ``(K,)``: where each run's leaves end there.
        at: int64, shape ``(K,)``: each run's next symbol.
        shared: all runs' leaves, as in ``Run``.
        length: as in ``Run``.
        counts: int64, as in ``Run``.
        symbols: as in ``Run``.
        path: shape ``(K, depth)``: each run's string.
        size: int64, shape ``(K,)``: its tokens.
        count: int64, shape ``(K,)``: its count.
        loser: int64, shape ``(K,)``: the loser of match ``n``, whose players come from matches (or runs, from ``K``
            on) ``2n`` and ``2n + 1``.
        common: int64, shape ``(K,)``: what the loser shares with the winner.
        champion: int64, shape ``(3,)``: the run that won, what it shares with the leaf written last, and 1 if that
            run must be read on first.
    """
    runs, tie = len(leaf), path.shape[1] + 1
    winner, ahead = np.empty(2 * runs, np.int64), np.empty(2 * runs, np.int64)
    for k in range(runs):
        winner[runs + k] = k
        ahead[runs + k] = -1
        if leaf[k] < end[k]:
            ahead[runs + k] = _advance(k, leaf, at, shared, length, counts, symbols, path, size, count)
    for n in range(runs - 1, 0, -1):
        a, b = winner[2 * n], winner[2 * n + 1]
        first, between = _match(a, b, ahead[2 * n], ahead[2 * n + 1], path, size, tie)
        winner[n], ahead[n] = (a, ahead[2 * n]) if first else (b, ahead[2 * n + 1])
        loser[n], common[n] = (b if first else a), between
    champion[0], champion[1], champion[2] = winner[1], ahead[1], 0


@jit
def merge(
    leaf: Array,
    end: Array,
    last: Array,
    at: Array,
    shared: Array,
    length: Array,
    counts: Array,
    symbols: Array,
    path: Array,
    size: Array,
    count: Array,
    loser: Array,
    common: Array,
    champion: Array,
    column: Array,
    to_shared: Array,
    to_length: Array,
    to_counts: Array,
    to_symbols: Array,
    written: Array,
) -> int:
    """Write leaves until a run must be read on, the room runs out, or all is written.

    The arrays up to ``champion`` are those of :func:`start`, and ``last`` (bool, shape ``(K,)``) tells whether a run
    ends where its buffer does. There is room for leaves in ``to_shared``, ``to_length`` and ``to_symbols``, as in
    ``Run``; the counts of run ``k`` are added to column ``column[k]`` of ``to_counts`` (shape ``(leaves, columns)``).
    ``written`` (int64, shape ``(2,)``) counts the leaves and symbols there so far.

    Returns:
        FINISHED, FULL, or the number of the run whose buffer is at its end.
    """
    runs, depth = path.shape
    tie = depth + 1
    leaves, used = written[0], written[1]
    w, ahead = champion[0], champion[1]
    waiting = champion[2] == 1
    status = 0
    while True:
        if not waiting:
            if ahead < 0:
                status = FINISHED
                break
            if ahead == tie:
                to_counts[leaves - 1, column[w]] += count[w]
            else:
                if leaves == len(to_shared) or used + size[w] - ahead > len(to_symbols):
                    status = FULL
                    break
                to_shared[leaves] = ahead
                to_length[leaves] = size[w]
                to_counts[leaves] = 0
                to_counts[leaves, column[w]] = count[w]
                leaves += 1
                for j in range(ahead, size[w]):
                    to_symbols[used] = path[w, j]
                    used += 1
        waiting = False
        if leaf[w] < end[w]:
            ahead = _advance(w, leaf, at, shared, length, counts, symbols, path, size, count)
        elif last[w]:
            ahead = -1
        else:
            waiting = True
            status = w
            break
        n = (runs + w) >> 1
        while n:
            first, between = _match(w, loser[n], ahead, common[n], path, size, tie)
            if first:
                common[n] = between
            else:
                w, loser[n] = loser[n], w
                ahead, common[n] = common[n], between
            n >>= 1
    written[0], written[1] = leaves, used
    champion[0], champion[1], champion[2] = w, ahead, 1 if waiting else 0
    return status
