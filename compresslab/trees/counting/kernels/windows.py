"""Compiled loops of `compresslab.trees.counting.sorted_windows`: windows of four symbols, words of ``4 bits`` bits.

Indices are unsigned: for signed ones numba tests for numbers from the end, which costs `deal` 40 % of its speed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab._support.jit import jit

__all__ = ["DEPTH", "count_ends", "deal", "histogram", "measure", "place_ends", "tabulate", "write_leaves"]

Array = NDArray[Any]

DEPTH = 4

_U = np.uint64
_0, _1, _2, _3 = np.uint64(0), np.uint64(1), np.uint64(2), np.uint64(3)
_CHUNK = 512  # words whose leaves are written at a time


@jit
def _word(tokens: Array, p: Any, bits: Any) -> Any:
    return ((_U(tokens[p]) << bits | _U(tokens[p + _1])) << bits | _U(tokens[p + _2])) << bits | _U(tokens[p + _3])


@jit
def _bucket(edge: Array, first: Any, second: Any, shift: Any) -> Any:
    """Return the bucket of windows that begin with two symbols: a guess at their place, monotone in both."""
    low = _U(edge[first])
    return low + ((_U(edge[_U(first) + _1]) - low) * _U(edge[second]) >> _U(16)) >> shift


@jit
def _common(a: Any, b: Any, bits: Any) -> Any:
    """Return how many symbols two words share."""
    x, same = a ^ b, 4
    while x:
        x, same = x >> bits, same - 1
    return same


@jit
def tabulate(tokens: Array, spans: Array, bits: Any, count: Array) -> None:
    """Count in ``count`` each word that starts in one of the ``spans`` (k, 2)."""
    for k in range(len(spans)):
        for p in range(_U(spans[k, 0]), _U(spans[k, 1])):
            count[_word(tokens, p, bits)] += _1


@jit
def histogram(tokens: Array, spans: Array, edge: Array, shift: Any, count: Array) -> None:
    """Count in ``count`` the words of each bucket that start in one of the ``spans`` (k, 2)."""
    for k in range(len(spans)):
        for p in range(_U(spans[k, 0]), _U(spans[k, 1])):
            count[_bucket(edge, tokens[p], tokens[p + _1], shift)] += _1


@jit
def deal(tokens: Array, spans: Array, edge: Array, shift: Any, bits: Any, at: Array, words: Array) -> None:
    """Write the words that start in one of the ``spans`` to ``words``, those of a bucket from ``at[bucket]`` on."""
    for k in range(len(spans)):
        for p in range(_U(spans[k, 0]), _U(spans[k, 1])):
            b = _bucket(edge, tokens[p], tokens[p + _1], shift)
            i = at[b]
            at[b] = i + _1
            words[i] = _word(tokens, p, bits)


@jit
def measure(words: Array, bits: Any, nodes: Array) -> None:
    """Count the nodes that a sorted bucket without its first word adds to layers 1 to 4, and its long runs.

    ``nodes`` (6,): the layers; how many words equal the one 255 places before, and 65,535 places before.
    """
    n1 = n2 = n3 = n4 = over = far = 0
    t3, t2, t1, size = _1 << bits, _1 << bits * _2, _1 << bits * _3, _U(len(words))
    for i in range(_1, size):
        x = words[i] ^ words[i - _1]
        n4, n3, n2, n1 = n4 + (x != 0), n3 + (x >= t3), n2 + (x >= t2), n1 + (x >= t1)
    for i in range(_U(255), size):
        over += words[i] == words[i - _U(255)]
    for i in range(_U(65535), size):
        far += words[i] == words[i - _U(65535)]
    nodes[0], nodes[1], nodes[2], nodes[3], nodes[4], nodes[5] = n1, n2, n3, n4, over, far


@jit
def place_ends(words: Array, first: Array, bits: Any, edge: Array, shift: Any, keys: Array, place: Array) -> None:
    """Fill ``place`` with the word before which each window that ends (``keys``, padded with zeros) comes."""
    mask = (_1 << bits) - _1
    for e in range(len(keys)):
        key = keys[e]
        b = _bucket(edge, key >> bits * _3, (key >> bits * _2) & mask, shift)
        place[e] = np.searchsorted(words[first[b] : first[b + _1]], key) + first[b]


@jit
def count_ends(words: Array, first: Array, bits: Any, keys: Array, length: Array, place: Array, nodes: Array) -> None:
    """Add to ``nodes`` (buckets, 6) what the windows that end change: their own nodes, and those of the word after."""
    e = 0
    while e < len(keys):
        p = place[e]
        row = min(np.searchsorted(first, p, side="right"), len(nodes)) - 1
        has, key, size = p > 0, _U(words[max(p, 1) - 1]), 4
        old = _common(key, _U(words[p]), bits) if has and p < len(words) else 0
        while e < len(keys) and place[e] == p:
            same = min(_common(key, keys[e], bits), size, length[e]) if has else 0
            for m in range(same, length[e]):
                nodes[row, m] += 1
            key, size, has, e = keys[e], length[e], True, e + 1
        if p < len(words):
            same = min(_common(key, _U(words[p]), bits), size)
            for m in range(4):
                nodes[row, m] += np.int64(same <= m) - np.int64(old <= m)


@jit
def write_leaves(
    words: Array, tally: Array, lo: Any, hi: Any, bits: Any,
    e: Any, last: Any, place: Array, keys: Array, lengths: Array, many: Array,
    at: Array, f1: Array, f2: Array, f3: Array, f4: Array, shared: Array, length: Array, counts: Array,
) -> None:  # fmt: skip
    """Write the leaves of sorted ``words[lo:hi]`` and of the ends ``e`` to ``last``, and their symbols on each layer.

    ``at`` (5,): the nodes before them on each layer, then the leaves. A node's symbol is written again with each of its
    leaves, which needs no branch. ``tally`` has how many windows each word stands for, where it is not empty.
    """
    t3, t2, t1 = _1 << bits, _1 << bits * _2, _1 << bits * _3
    a1, a2, a3, a4, leaf = at[0] - _1, at[1] - _1, at[2] - _1, at[3], at[4]
    key, size, mask, has, i = _U(words[max(lo, 1) - 1]), 4, (_1 << bits) - _1, lo > 0 or e > 0, _U(lo)
    own, start = np.empty(_CHUNK + 2, _U), np.empty(_CHUNK + 2, _U)  # different words of a chunk; where each begins
    while True:
        stop, begun = _U(place[e]) if e < last else _U(hi), leaf
        while i < stop:
            top = min(i + _U(_CHUNK), stop)
            while top < stop and words[top] == words[top - _1]:
                top += _1
            same = min(_common(key, _U(words[i]), bits), size) if has else 0
            own[0] = _U(words[i]) ^ (_1 << bits * _U(3 - same) if same < 4 else _0)  # shares so much with the first
            own[1], start[1], k = words[i], i, _2
            for j in range(i + _1, top):
                own[k], start[k] = words[j], j
                k += _U(words[j] != words[j - _1])
            start[k] = top
            for j in range(_1, k):  # one after the other in memory: the compiler uses vectors
                x, to = own[j] ^ own[j - _1], leaf + j - _1
                shared[to], f4[a4 + j - _1] = _U(x < t1) + _U(x < t2) + _U(x < t3), own[j] & mask
                counts[to] = start[j + _1] - start[j]
            if len(tally):
                for j in range(_1, k):
                    counts[leaf + j - _1] = tally[i + j - _1]
            for j in range(_1, k):
                w, x = own[j], own[j] ^ own[j - _1]
                a1, a2, a3 = a1 + _U(x >= t1), a2 + _U(x >= t2), a3 + _U(x >= t3)
                f1[a1], f2[a2], f3[a3] = w >> bits * _3, w >> bits * _2 & mask, w >> bits & mask
            leaf, a4, i, key, size, has = leaf + k - _1, a4 + k - _1, top, _U(words[top - _1]), 4, True
        length[begun:leaf] = 4
        if e == last:
            break
        k, n = keys[e], lengths[e]
        same = min(_common(key, k, bits), size, n) if has else 0
        if n > 0:
            a1 += _U(same < 1)
            f1[a1] = k >> bits * _3
        if n > 1:
            a2 += _U(same < 2)
            f2[a2] = k >> bits * _2 & mask
        if n > 2:
            a3 += _U(same < 3)
            f3[a3] = k >> bits & mask
        shared[leaf], counts[leaf], length[leaf] = same, many[e], n
        leaf, e, key, size, has = leaf + _1, e + 1, k, n, True
