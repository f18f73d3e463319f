"""Kernels of the compiled engine: loops over one coded text, each run by several threads on ranges of their own.

The coded text holds every response's tokens as ``token + 1`` and then 0 for EOS; it ends in EOS, so that no string runs
over its end. A string is a position in it, and ends ``depth`` codes later or at EOS, whichever comes first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab._support.jit import jit

__all__ = [
    "MIDDLING",
    "SHORT",
    "add_frequencies",
    "count_runs",
    "encode",
    "fold_runs",
    "guess_at",
    "histogram",
    "insertion_sort",
    "join_groups",
    "measure",
    "partition_sort",
    "radix_sort",
    "read_run",
    "read_symbols",
    "refine",
    "scatter",
    "scatter_words",
]

Array = NDArray[Any]

SHORT = 24  # strings that insertion sorts fastest
HUGE = 1 << 20  # strings too many to copy their keys: they are dealt out by one code at a time
MIDDLING = 1024  # strings that partitioning sorts fastest; more go through a radix sort, whose time is bounded


@jit
def encode(tokens: Array, offsets: Array, text: Array) -> None:
    """Write the coded text of some responses."""
    for r in range(len(offsets) - 1):
        for i in range(offsets[r], offsets[r + 1]):
            text[i + r] = np.uint64(tokens[i]) + np.uint64(1)
        text[offsets[r + 1] + r] = 0


@jit
def add_frequencies(text: Array, frequency: Array) -> None:
    """Count every code."""
    for p in range(len(text)):
        frequency[text[p]] += 1


@jit
def guess_at(text: Array, at: int, low: Array, width: Array, scale: float) -> float:
    """Guess where the string at a position belongs, without reading the text after it to its end.

    Each step back is monotone: once the least and the greatest guess ahead have led to the same one, so has the true
    one.
    """
    ahead = 64
    while True:
        end = min(at + ahead, len(text))
        least, greatest = 0.0, 1.0
        for p in range(end - 1, at - 1, -1):
            c = text[p]
            least = 0.0 if c == 0 else (low[c] + width[c] * least) * scale
            greatest = 0.0 if c == 0 else (low[c] + width[c] * greatest) * scale
        if least == greatest or end == len(text):
            return least
        ahead *= 8


@jit
def histogram(
    text: Array,
    chosen: Array,
    limit: int,
    lo: int,
    hi: int,
    guess: float,
    low: Array,
    width: Array,
    scale: float,
    count: Array,
) -> None:
    """Count the buckets of the strings that start in a part of the text: at the chosen places, and below a limit.

    ``low`` places in the text hold a smaller code and ``width`` the same one; ``guess`` is the one at ``hi``.
    """
    k = len(chosen) - 1
    for p in range(hi - 1, lo - 1, -1):
        c = text[p]
        guess = 0.0 if c == 0 else (low[c] + width[c] * guess) * scale
        if k >= 0 and chosen[k] == p:
            k -= 1
        elif p >= limit:
            continue
        count[int(guess * len(count))] += 1


@jit
def scatter(
    text: Array,
    chosen: Array,
    limit: int,
    lo: int,
    hi: int,
    guess: float,
    low: Array,
    width: Array,
    scale: float,
    end: Array,
    order: Array,
) -> None:
    """Write the same strings' positions into their buckets, whose ends are given (and moved to their starts)."""
    k = len(chosen) - 1
    for p in range(hi - 1, lo - 1, -1):
        c = text[p]
        guess = 0.0 if c == 0 else (low[c] + width[c] * guess) * scale
        if k >= 0 and chosen[k] == p:
            k -= 1
        elif p >= limit:
            continue
        b = int(guess * len(end))
        end[b] -= 1
        order[end[b]] = p


@jit
def scatter_words(
    text: Array,
    chosen: Array,
    limit: int,
    lo: int,
    hi: int,
    guess: float,
    low: Array,
    width: Array,
    scale: float,
    end: Array,
    bits: int,
    top: int,
    words: Array,
) -> None:
    """Write the same strings themselves into their buckets: codes packed into a word, zeros after EOS."""
    k = len(chosen) - 1
    ubits, utop = np.uint64(bits), np.uint64(top)
    word = np.uint64(0)
    for p in range(min(hi + top // bits, len(text)) - 1, hi - 1, -1):
        word = (word >> ubits) | (np.uint64(text[p]) << utop) if text[p] else np.uint64(0)
    for p in range(hi - 1, lo - 1, -1):
        c = text[p]
        guess = 0.0 if c == 0 else (low[c] + width[c] * guess) * scale
        word = (word >> ubits) | (np.uint64(c) << utop) if c else np.uint64(0)
        if k >= 0 and chosen[k] == p:
            k -= 1
        elif p >= limit:
            continue
        b = int(guess * len(end))
        end[b] -= 1
        words[end[b]] = word


@jit
def _word(text: Array, at: int, width: int, bits: np.uint64) -> np.uint64:
    """Pack ``width`` codes from a position on into an integer, zeros after EOS."""
    key = np.uint64(0)
    for j in range(width):
        code = np.uint64(text[at + j])
        if code == 0:
            return key << np.uint64(bits * np.uint64(width - j)) if j else key
        key = (key << bits) | code
    return key


@jit
def _common(difference: np.uint64, width: int, bits: np.uint64) -> int:
    """Tell how many leading codes two words of ``width`` codes share, given their exclusive or."""
    equal = width
    while difference:
        difference >>= bits
        equal -= 1
    return equal


@jit
def insertion_sort(keys: Array, rows: Array | None, lo: int, hi: int) -> None:
    """Sort keys, and rows with them where there are any."""
    for i in range(lo + 1, hi):
        key = keys[i]
        j = i
        while j > lo and keys[j - 1] > key:
            keys[j] = keys[j - 1]
            j -= 1
        keys[j] = key
        if rows is not None:
            row = rows[i]
            for m in range(i, j, -1):
                rows[m] = rows[m - 1]
            rows[j] = row


@jit
def partition_sort(keys: Array, rows: Array | None, lo: int, hi: int) -> None:
    """Quicksort with the median of three: the longer side waits on a stack, which therefore stays short."""
    stack = np.empty((64, 2), np.int64)
    top = 0
    while True:
        while hi - lo > SHORT:
            a, b, c = keys[lo], keys[(lo + hi) >> 1], keys[hi - 1]
            pivot = max(min(a, b), min(max(a, b), c))
            i, j = lo, hi - 1
            while i <= j:
                while keys[i] < pivot:
                    i += 1
                while keys[j] > pivot:
                    j -= 1
                if i <= j:
                    keys[i], keys[j] = keys[j], keys[i]
                    if rows is not None:
                        rows[i], rows[j] = rows[j], rows[i]
                    i += 1
                    j -= 1
            if j + 1 - lo > hi - i:
                stack[top, 0], stack[top, 1] = lo, j + 1
                lo = i
            else:
                stack[top, 0], stack[top, 1] = i, hi
                hi = j + 1
            top += 1
        insertion_sort(keys, rows, lo, hi)
        if top == 0:
            return
        top -= 1
        lo, hi = stack[top, 0], stack[top, 1]


@jit
def radix_sort(
    keys: Array, rows: Array | None, n: int, other_keys: Array, other_rows: Array | None, digits: Array
) -> None:
    """Sort by bytes, the last one first, leaving out bytes that are all alike."""
    digits[:] = 0
    for i in range(n):
        key = keys[i]
        for byte in range(8):
            digits[byte, (key >> np.uint64(8 * byte)) & np.uint64(255)] += 1
    here = True
    for byte in range(8):
        shift = np.uint64(8 * byte)
        place = digits[byte]
        if place[(keys[0] >> shift) & np.uint64(255)] == n:
            continue
        total = 0
        for value in range(256):
            total += place[value]
            place[value] = total - place[value]
        if here:
            _deal(keys, rows, other_keys, other_rows, n, shift, place)
        else:
            _deal(other_keys, other_rows, keys, rows, n, shift, place)
        here = not here
    if not here:  # in loops: numba spends seconds on compiling the error that a slice of a wrong length would raise
        for i in range(n):
            keys[i] = other_keys[i]
        if rows is not None and other_rows is not None:
            for i in range(n):
                rows[i] = other_rows[i]


@jit
def _deal(
    keys: Array, rows: Array | None, to_keys: Array, to_rows: Array | None, n: int, shift: np.uint64, place: Array
) -> None:
    for i in range(n):
        key = keys[i]
        digit = (key >> shift) & np.uint64(255)
        at = place[digit]
        place[digit] = at + 1
        to_keys[at] = key
        if rows is not None and to_rows is not None:
            to_rows[at] = rows[i]


@jit
def _deal_in_place(text: Array, rows: Array, known: int, place: Array) -> None:
    """Sort by a single code without room for a copy, as there are too many to copy."""
    begin, end = place[0], place[1]
    end[:] = 0
    for i in range(len(rows)):
        end[text[rows[i] + known]] += 1
    total = 0
    for code in range(len(end)):
        begin[code] = total
        total += end[code]
        end[code] = total
    for code in range(len(end)):
        while begin[code] < end[code]:
            row = rows[begin[code]]
            home = text[row + known]
            at = begin[home]
            rows[begin[code]] = rows[at]
            rows[at] = row
            begin[home] = at + 1


@jit
def refine(
    text: Array, order: Array, shared: Array, groups: Array, done: int, stop: int, depth: int, bits: int, fit: int
) -> None:
    """Sort groups of strings that share ``done`` codes by the codes up to ``stop``.

    Args:
        text: the coded text.
        order: positions; each group's are put in order.
        shared: for each place in the order, the codes shared with the place before; written where strings differ
            within ``stop`` codes. The second place of a group that is still tied and has not ended gets ``depth + 2``.
        groups: int64, shape ``(g, 2)``: the places from and to.
        done: codes that the strings of a group share.
        stop: codes to compare.
        depth: codes of a whole string.
        bits: bits per code.
        fit: codes that fit into a word.
    """
    largest = 0
    for g in range(len(groups)):
        largest = max(largest, groups[g, 1] - groups[g, 0])
    room = min(largest, HUGE)
    keys, other_keys = np.empty(room, np.uint64), np.empty(room if room > MIDDLING else 0, np.uint64)
    other_rows = np.empty(len(other_keys), order.dtype)
    digits = np.empty((8, 256), np.int64)
    place = np.empty((2, (1 << bits) + 1 if largest > HUGE else 0), np.int64)
    stack = np.empty((256, 3), np.int64)
    ubits = np.uint64(bits)
    mask = (np.uint64(1) << ubits) - np.uint64(1)
    for g in range(len(groups)):
        stack[0, 0], stack[0, 1], stack[0, 2] = groups[g, 0], groups[g, 1], done
        top = 1
        while top:
            top -= 1
            lo, hi, known = stack[top, 0], stack[top, 1], stack[top, 2]
            n = hi - lo
            if n == 2:
                _order_two(text, order, shared, lo, known, stop, depth)
                continue
            rows = order[lo:hi]
            if n > HUGE:
                width = 1
                _deal_in_place(text, rows, known, place)
            else:
                width = min(fit, stop - known)
                for i in range(n):
                    keys[i] = _word(text, rows[i] + known, width, ubits)
                if n <= SHORT:
                    insertion_sort(keys, rows, 0, n)
                elif n <= MIDDLING:
                    partition_sort(keys, rows, 0, n)
                else:
                    radix_sort(keys, rows, n, other_keys, other_rows, digits)
            first = 0
            before = np.uint64(text[rows[0] + known]) if n > HUGE else keys[0]
            for i in range(1, n + 1):
                key = before
                if i < n:
                    key = np.uint64(text[rows[i] + known]) if n > HUGE else keys[i]
                    if key == before:
                        continue
                    shared[lo + i] = known + _common(key ^ before, width, ubits)
                if i - first > 1 and before & mask:
                    if known + width < stop:
                        if top == len(stack):
                            longer = np.empty((2 * top, 3), np.int64)
                            for k in range(top):
                                longer[k, 0], longer[k, 1], longer[k, 2] = stack[k, 0], stack[k, 1], stack[k, 2]
                            stack = longer
                        stack[top, 0], stack[top, 1], stack[top, 2] = lo + first, lo + i, known + width
                        top += 1
                    elif stop < depth:
                        shared[lo + first + 1] = depth + 2
                first, before = i, key


@jit
def _order_two(text: Array, order: Array, shared: Array, lo: int, known: int, stop: int, depth: int) -> None:
    a, b = order[lo], order[lo + 1]
    for j in range(known, stop):
        x, y = text[a + j], text[b + j]
        if x != y:
            shared[lo + 1] = j
            if x > y:
                order[lo], order[lo + 1] = b, a
            return
        if x == 0:
            return
    if stop < depth:
        shared[lo + 1] = depth + 2


@jit
def join_groups(text: Array, order: Array, shared: Array, starts: Array, stop: int, depth: int) -> None:
    """Write what the first string of each bucket shares with the last one of the bucket before."""
    for g in range(len(starts)):
        at = starts[g]
        if at:
            _order_two(text, order, shared, at - 1, 0, stop, depth)
        else:
            shared[at] = 0


@jit
def count_runs(shared: Array, tie: int) -> tuple[int, int]:
    """Return the number of runs of equal strings, and the longest one's length."""
    runs, longest, run = 0, 0, 0
    for i in range(len(shared)):
        if shared[i] != tie:
            runs += 1
            longest = max(longest, run)
            run = 0
        run += 1
    return runs, max(longest, run)


@jit
def fold_runs(order: Array, shared: Array, tie: int, counts: Array) -> None:
    """Keep the first string of each run of equal ones, at the front of the arrays, and count the run."""
    leaf = -1
    for i in range(len(shared)):
        if shared[i] != tie:
            leaf += 1
            order[leaf] = order[i]
            shared[leaf] = shared[i]
        counts[leaf] += 1


@jit
def measure(text: Array, start: Array, shared: Array, length: Array, nodes: Array) -> None:
    """Find each leaf's length, and count in ``nodes[m - 1]`` the nodes that the leaves add to layer ``m``."""
    depth = len(nodes) - 1
    for i in range(len(start)):
        at, end = start[i], shared[i]
        while end < depth and text[at + end]:
            end += 1
        length[i] = end
        nodes[shared[i]] += 1
        nodes[end] -= 1
    for m in range(1, depth + 1):
        nodes[m] += nodes[m - 1]


@jit
def read_symbols(text: Array, start: Array, shared: Array, length: Array, at: Array, flat: Array) -> None:
    """Write each leaf's new symbols, layer ``m`` from ``flat[at[m - 1]]`` on."""
    for i in range(len(start)):
        p = start[i]
        for j in range(shared[i], length[i]):
            flat[at[j]] = text[p + j] - 1
            at[j] += 1


@jit
def read_run(text: Array, start: Array, shared: Array, length: Array, symbols: Array) -> None:
    """Write each leaf's new symbols, one leaf after the other."""
    to = 0
    for i in range(len(start)):
        p = start[i]
        for j in range(shared[i], length[i]):
            symbols[to] = text[p + j] - 1
            to += 1
