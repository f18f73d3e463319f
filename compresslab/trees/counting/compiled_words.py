"""Counting strings that fit into a word with compiled kernels: the words themselves are dealt out, sorted and folded.

Against positions, this takes 8 bytes a string instead of 5, and reads the text once, from its end to its start.
"""

from __future__ import annotations

import numpy as np

from compresslab._support.arrays import smallest_unsigned
from compresslab._support.threads import on_all_cores
from compresslab.trees.counting.buckets import batches, bucket_words
from compresslab.trees.counting.coded_text import CodedText, Places, read_layers
from compresslab.trees.counting.kernels.words import ROOM, fold_words, measure_words, read_words, sort_words
from compresslab.trees.leaves import Key, SortedLeaves, Unsigned

__all__ = ["count_words"]


def count_words(text: CodedText, places: Places, depth: int) -> SortedLeaves:
    """Count the phrases that start at some places of a text, whose ``depth`` codes fit into 64 bits."""
    words, counts = _tally(*bucket_words(text, places, depth))
    shared, length = (np.empty(len(words), smallest_unsigned(depth)) for _ in range(2))

    def measure(part: slice, nodes: np.ndarray) -> None:
        # The very first leaf shares nothing with the one before: with a word of another first code.
        before = words[part.start - 1] if part.start else words[0] ^ np.uint64(1 << text.bits * (depth - 1))
        measure_words(words[part], before, depth, text.bits, shared[part], length[part], nodes)

    def read(part: slice, at: np.ndarray, flat: Unsigned) -> None:
        read_words(words[part], shared[part], length[part], text.bits, at, flat)

    symbols = read_layers(text, len(words), depth, measure, read)
    return SortedLeaves(symbols, shared, length, counts.astype(smallest_unsigned(int(counts.max(initial=0)))))


def _tally(words: Key, groups: np.ndarray) -> tuple[Key, Unsigned]:
    """Sort words that are dealt into groups, and count equal ones."""
    for lo, hi in groups[groups[:, 1] - groups[:, 0] > ROOM]:
        words[lo:hi].sort()
    parts = batches(groups)
    distinct = np.array(on_all_cores(lambda part: sort_words(words, part), parts), np.int64)
    first, last = [int(part[0, 0]) for part in parts], [int(part[-1, 1]) for part in parts]
    # Equal strings may lie in two parts, as buckets look further than a string goes: the earlier one has the leaf.
    tied = np.array([False] + [bool(words[at] == words[at - 1]) for at in first[1:]])
    leaves = distinct - tied
    slot = np.cumsum(leaves) - leaves
    counts = np.empty(int(leaves.sum()), smallest_unsigned(len(words)))
    lost = on_all_cores(
        lambda i: fold_words(words[first[i] : last[i]], bool(tied[i]), counts[slot[i] :]), range(len(parts))
    )
    for i in np.flatnonzero(tied):
        counts[slot[i] - 1] += lost[i]
    for to, at, size in zip(slot.tolist(), first, leaves.tolist(), strict=True):
        if to != at:
            words[to : to + size] = words[at : at + size]
    return words[: len(counts)], counts
