"""Kernels for strings that fit into a word: ``depth`` codes, the first one highest, zeros after EOS."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab._support.jit import jit
from compresslab.trees.counting.kernels.any_depth import MIDDLING, SHORT, insertion_sort, partition_sort, radix_sort

__all__ = ["ROOM", "fold_words", "measure_words", "read_words", "sort_words"]

Array = NDArray[Any]

ROOM = 1 << 20  # words that a task makes a copy of to sort them; more are left as they are


@jit
def sort_words(words: Array, groups: Array) -> int:
    """Sort each group of at most ``ROOM`` words; return how many words of all the groups differ from the one before.

    Args:
        words: uint64.
        groups: int64, shape ``(g, 2)``: the places from and to, one group after the other.
    """
    room = 0
    for g in range(len(groups)):
        size = groups[g, 1] - groups[g, 0]
        if MIDDLING < size <= ROOM:
            room = max(room, size)
    other, digits = np.empty(room, np.uint64), np.empty((8, 256), np.int64)
    distinct, before = 0, np.uint64(0)
    for g in range(len(groups)):
        lo, hi = groups[g, 0], groups[g, 1]
        if hi - lo <= SHORT:
            insertion_sort(words, None, lo, hi)
        elif hi - lo <= MIDDLING:
            partition_sort(words, None, lo, hi)
        elif hi - lo <= ROOM:
            radix_sort(words[lo:hi], None, hi - lo, other, None, digits)
        for i in range(lo, hi):
            distinct += distinct == 0 or words[i] != before
            before = words[i]
    return distinct


@jit
def fold_words(words: Array, tied: bool, counts: Array) -> int:
    """Keep each of some sorted words once, at the front, and count it.

    If ``tied``, the first word is left out, and how many there are of it is returned.
    """
    at, run, lost = 0, 0, 0
    for i in range(len(words)):
        run += 1
        if i + 1 < len(words) and words[i + 1] == words[i]:
            continue
        if tied:
            tied, lost = False, run
        else:
            words[at], counts[at] = words[i], run
            at += 1
        run = 0
    return lost


@jit
def measure_words(
    words: Array, before: np.uint64, depth: int, bits: int, shared: Array, length: Array, nodes: Array
) -> None:
    """Find what each word shares with the one before and how long it is, and count its nodes in ``nodes[m - 1]``."""
    ubits = np.uint64(bits)
    mask = (np.uint64(1) << ubits) - np.uint64(1)
    for i in range(len(words)):
        word = words[i]
        differ, common = word ^ before, depth
        while differ:
            differ >>= ubits
            common -= 1
        end, rest = depth, word
        while end and not rest & mask:
            rest >>= ubits
            end -= 1
        shared[i], length[i] = common, end
        nodes[common] += 1
        nodes[end] -= 1
        before = word
    for m in range(1, depth + 1):
        nodes[m] += nodes[m - 1]


@jit
def read_words(words: Array, shared: Array, length: Array, bits: int, at: Array, flat: Array) -> None:
    """Write each word's new symbols, layer ``m`` from ``flat[at[m - 1]]`` on."""
    ubits = np.uint64(bits)
    mask = (np.uint64(1) << ubits) - np.uint64(1)
    depth = len(at)
    for i in range(len(words)):
        for j in range(shared[i], length[i]):
            flat[at[j]] = ((words[i] >> np.uint64(bits * (depth - 1 - j))) & mask) - np.uint64(1)
            at[j] += 1
