"""Compiled loops for `byte_model` and `byte_contexts`: the same whole numbers, so the same bytes, faster.

numpy makes dozens of passes over the lanes for every bit; a compiled loop makes a few, and none of its intermediate
results leave the cache. Where numba (extra ``scale``) is missing, numpy does it all, and its answer is the reference.

numpy reads everything before it writes anything, and where two lanes write to one place, the later lane's number stays.
The loops keep to that: what is written is computed from what was read before the first write, lane after lane.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab._support.jit import available, jit

__all__ = [
    "LANE_ROWS",
    "PHI",
    "advance_contexts",
    "advance_matches",
    "begin_byte",
    "find_buckets",
    "learn",
    "learn_maps",
    "pays",
    "predict",
]

Array = NDArray[Any]

PHI = np.uint64(0x9E3779B97F4A7C15)
"""Odd multiplier of all hashes: 2**64 over the golden ratio."""

LANE_ROWS = 10
"""Rows of ``lane`` (LANE_ROWS, K) int32: what the kernels keep about each lane while it is in a byte."""

_SO_FAR, _NODE, _PREVIOUS, _EXPECTED, _GRADE, _CHOSEN, _SHARED, _OWN, _AT, _VALUE = range(LANE_ROWS)

_LARGE = 1 << 9  # bytes from which on loading compiled kernels costs less than it saves: numpy takes 1 to 2 ms for each
_LIMIT = 2047  # LOGIT_LIMIT
_LEAST, _MOST = 32, (1 << 16) - 32  # probabilities in 1/65536
_BYTE = np.uint64(0xFF)
_EIGHT = np.uint64(8)
_TOP = np.uint64(64)
_ONE = np.uint64(1)
_FOUR = np.uint64(4)


def pays(size: int) -> bool:
    """Tell whether to call kernels for ``size`` bytes."""
    return size >= _LARGE and available()


@jit
def advance_contexts(
    step: int,
    data: Array,
    text: Array,
    keys: Array,
    orders: tuple[int, ...],
    is_word: Array,
    first: Array,
    lane_key: Array,
    last: Array,
    words: Array,
    lines: Array,
) -> None:
    """Do `byte_contexts.Contexts.advance`. ``lines`` (5, K): column, indent, in indent, this line, the line above."""
    column, indent, in_indent, line, above = lines[0], lines[1], lines[2], lines[3], lines[4]
    size = len(data)
    for k in range(size):
        byte = data[k]
        last[k] = (last[k] << _EIGHT) | np.uint64(byte)
        words[k] = (words[k] + np.uint64(byte) + _ONE) * PHI if is_word[byte] else np.uint64(0)
        if byte == 10:
            above[k] = line[k]
            line[k] = first[k] + (step + 1)
            column[k] = 0
            in_indent[k] = 1
        else:
            column[k] += 1
            if byte != 32:
                in_indent[k] = 0
        if in_indent[k]:
            indent[k] = column[k]
    i = len(orders)
    for j in range(i):
        shift, row = np.uint64(64 - 8 * orders[j]), keys[j]
        for k in range(size):
            row[k] = last[k] << shift
    for k in range(size):
        over = np.uint64(text[min(above[k] + column[k], line[k])])
        one, two, three = last[k] & _BYTE, last[k] & np.uint64(0xFFFF), last[k] & np.uint64(0xFFFFFF)
        keys[i, k] = words[k] ^ one
        keys[i + 1, k] = np.uint64((indent[k] << 32) | (column[k] << 8)) | one
        keys[i + 2, k] = (over << np.uint64(16)) | two
        keys[i + 3, k] = three + lane_key[k]
        keys[i + 4, k] = words[k] ^ lane_key[k]


@jit
def advance_matches(
    step: int,
    least: int,
    text: Array,
    size: int,
    last: Array,
    first: Array,
    seen: Array,
    pending: Array,
    place: Array,
    length: Array,
) -> None:
    """Do `byte_contexts.Matches.advance`; ``pending`` (K,) uint64 holds the keys that are to be filed (from step 1)."""
    lanes = len(last)
    shift = _TOP
    room = len(seen)
    while room > 1:
        shift, room = shift - _ONE, room >> 1
    if step:
        for k in range(lanes):
            seen[pending[k]] = first[k] + step
    for k in range(lanes):
        pending[k] = ((last[k] << np.uint64(16)) * PHI) >> shift
        place[k] += 1
        length[k] = length[k] + 1 if length[k] > 0 and place[k] < size else 0
    for k in range(lanes):
        if length[k] == 0:
            found = seen[pending[k]]
            if found >= 8:
                agree, rest = 0, last[k]
                while agree < 8 and np.uint64(text[found - 1 - agree]) == rest & _BYTE:
                    agree, rest = agree + 1, rest >> _EIGHT
                if agree >= least:
                    place[k], length[k] = found, agree


@jit
def begin_byte(lane: Array, text: Array, last: Array, place: Array, length: Array) -> None:
    """Set up ``lane``: no bits so far, the byte before, and what the match (if any) expects, and its grade."""
    for k in range(lane.shape[1]):
        lane[_SO_FAR, k] = 1
        lane[_PREVIOUS, k] = np.int64(last[k] & _BYTE) << 8
        lane[_EXPECTED, k] = np.int64(text[place[k]]) | 256 if length[k] > 0 else 0
        lane[_GRADE, k] = min(length[k], 15) + min(max(length[k] - 16, 0) >> 3, 16)


@jit
def find_buckets(half: bool, bits: int, keys: Array, lane: Array, histories: Array, start: Array, check: Array) -> None:
    """Fill ``start`` (CONTEXTS, K), uint32, with where the buckets of the contexts begin; empty those of others.

    For the second ``half`` of a byte, the bits so far count as a part of the context. ``check`` (K,) uint8 is scratch.
    """
    lanes = lane.shape[1]
    so_far = lane[_SO_FAR]
    shift, low, to_check, mix = np.uint64(64 - bits), np.uint64(20), np.uint64(16), np.uint64(29)
    for k in range(lanes):
        lane[_NODE, k] = 1
    for c in range(keys.shape[0]):
        key, begin, base = keys[c], start[c], np.uint64(c << bits)
        for k in range(lanes):
            hashed = key[k] * PHI
            if half:
                hashed = (hashed ^ (np.uint64(so_far[k]) << low)) * PHI
            hashed ^= hashed >> mix
            hashed *= PHI
            begin[k] = np.uint32(((hashed >> shift) + base) << _FOUR)
            check[k] = np.uint8(hashed >> to_check)
        # A bucket of another context: all are found before the first is emptied, by bit 0 of where they begin.
        for k in range(lanes):
            begin[k] |= np.uint32(histories[begin[k]] != check[k])
        for k in range(lanes):
            at = np.uint64(begin[k])
            if at & _ONE:
                at ^= _ONE
                begin[k] = np.uint32(at)
                for j in range(16):
                    histories[at + np.uint64(j)] = 0
                histories[at] = check[k]


@jit
def predict(
    place: int,
    histories: Array,
    start: Array,
    seen: Array,
    logits: Array,
    match_map: Array,
    stretch: Array,
    squash: Array,
    inputs: Array,
    shared: Array,
    own: Array,
    correction: Array,
    lane: Array,
    sums: Array,
    known: Array,
    weights: Array,
) -> None:
    """Fill ``weights`` (K, 2), as the range coder takes them, for bit ``place``.

    Also filled, for `learn`: ``seen`` (CONTEXTS, K) uint8, the histories; ``inputs``; rows of ``lane``. ``sums`` (2, K)
    and ``known`` (K,) uint8 are scratch. There must be an even number of inputs.
    """
    contexts, lanes = seen.shape
    n = inputs.shape[0]
    so_far, node, chosen = lane[_SO_FAR], lane[_NODE], lane[_CHOSEN]
    known[:] = 0
    for c in range(contexts):
        begin, found, x, logit = start[c], seen[c], inputs[c], logits[c << 8 : (c + 1) << 8]
        for k in range(lanes):
            history = histories[np.uint64(begin[k]) | np.uint64(node[k])]
            found[k] = history
            x[k] = logit[history]
        for k in range(lanes):
            known[k] += np.uint8(found[k] != 0)
    for k in range(lanes):
        expected, grade = lane[_EXPECTED, k], lane[_GRADE, k]
        group = 4 * (np.int64(known[k]) * 3 // contexts)
        x_match = np.float32(0)
        if expected >> (8 - place) == so_far[k]:
            logit_match = stretch[match_map[grade] >> 4]
            x_match = logit_match if (expected >> (7 - place)) & 1 else -logit_match
            group += 1 + (grade >= 15) + (grade >= 20)
        inputs[contexts, k] = x_match
        chosen[k] = group
    s, o = sums[0], sums[1]
    for k in range(lanes):
        s[k] = o[k] = 0.0
    for i in range(n):
        x, w = inputs[i], own[place, i]
        for k in range(lanes):
            o[k] += w[k] * np.float64(x[k])
    for i in range(0, n, 2):
        x, y, w, v = inputs[i], inputs[i + 1], shared[place, i], shared[place, i + 1]
        for k in range(lanes):
            j = np.uint64(chosen[k])
            s[k] += w[j] * np.float64(x[k]) + v[j] * np.float64(y[k])
    for k in range(lanes):
        by_set: Any = min(max(np.int64(s[k]) >> 16, -_LIMIT), _LIMIT)
        by_lane: Any = min(max(np.int64(o[k]) >> 16, -_LIMIT), _LIMIT)
        lane[_SHARED, k], lane[_OWN, k] = by_set, by_lane
        mixed = ((by_set + by_lane) >> 1) + 2048
        position = mixed << 5
        low, part = np.int64(lane[_PREVIOUS, k] | so_far[k]) * 33 + (position >> 12), position & 4095
        below, above = np.int64(correction[np.uint64(low)]), np.int64(correction[np.uint64(low + 1)])
        ones = (np.int64(squash[np.uint64(mixed)]) + ((below * (4096 - part) + above * part) >> 12)) >> 1
        nearer = part >> 11
        lane[_AT, k] = low + nearer
        lane[_VALUE, k] = above if nearer else below
        weight = np.float64(min(max(ones, _LEAST), _MOST) << 8)
        weights[k, 0] = 16777216.0 - weight - 1.0
        weights[k, 1] = weight - 1.0


@jit
def learn(
    place: int,
    learn_shared: bool,
    bits: Array,
    next_history: Array,
    histories: Array,
    start: Array,
    seen: Array,
    squash: Array,
    inputs: Array,
    shared: Array,
    own: Array,
    correction: Array,
    lane: Array,
    errors: Array,
    gradient: Array,
    counts: Array,
    match_counts: Array,
    length: Array,
) -> None:
    """Learn from ``bits`` (K,) what `predict` was to know; then they are a part of the bits so far.

    With ``learn_shared`` also what all lanes share: the mixer now, the maps later from ``counts`` (CONTEXTS * 512,), of
    history h and bit b at h + 256 b, and ``match_counts``. ``errors`` (K,) and ``gradient`` (INPUTS + 1, SETS) are
    scratch. Matches that failed get length 0.
    """
    contexts, lanes = seen.shape
    n, sets = shared.shape[1], shared.shape[2]
    node, so_far, chosen = lane[_NODE], lane[_SO_FAR], lane[_CHOSEN]
    for c in range(contexts):
        begin, found, count = start[c], seen[c], counts[c << 9 : (c + 1) << 9]
        if learn_shared:
            for k in range(lanes):
                case = np.uint64(found[k]) | (np.uint64(bits[k]) << _EIGHT)
                histories[np.uint64(begin[k]) | np.uint64(node[k])] = next_history[case]
                count[case] += 1
        else:
            for k in range(lanes):
                case = np.uint64(found[k]) | (np.uint64(bits[k]) << _EIGHT)
                histories[np.uint64(begin[k]) | np.uint64(node[k])] = next_history[case]
    for k in range(lanes):
        bit, value = np.int64(bits[k]), np.int64(lane[_VALUE, k])
        correction[np.uint64(lane[_AT, k])] = np.uint16(value + (((bit << 16) - bit - value) >> 6))
        error = (bit << 16) - np.int64(squash[np.uint64(lane[_OWN, k] + 2048)])
        errors[k] = np.float64(error) * (10.0 / 2**18)
    for i in range(n):
        x, w = inputs[i], own[place, i]
        for k in range(lanes):
            w[k] += np.floor(np.float64(x[k]) * errors[k] + 0.5)
    if learn_shared:
        gradient[:] = 0.0
        for k in range(lanes):
            error = (np.int64(bits[k]) << 16) - np.int64(squash[np.uint64(lane[_SHARED, k] + 2048)])
            errors[k] = np.float64(error)
            gradient[n, chosen[k]] += 1.0
        for i in range(0, n, 2):  # by twos: while one sum is on its way to memory, another is added to
            x, y, g, h = inputs[i], inputs[i + 1], gradient[i], gradient[i + 1]
            for k in range(lanes):
                j = np.uint64(chosen[k])
                g[j] += np.float64(x[k]) * errors[k]
                h[j] += np.float64(y[k]) * errors[k]
        for i in range(n):
            for of in range(sets):
                shared[place, i, of] += np.floor(gradient[i, of] * 6.0 / (max(gradient[n, of], 16.0) * 8192.0))
    for k in range(lanes):
        bit, expected = np.int64(bits[k]), lane[_EXPECTED, k]
        if expected >> (8 - place) == so_far[k]:
            right = (expected >> (7 - place)) & 1 == bit
            if learn_shared:
                match_counts[lane[_GRADE, k] * 2 + right] += 1
            if not right:
                length[k] = 0
        so_far[k] = np.int32((so_far[k] << 1) | bit)
        node[k] = np.int32((node[k] << 1) | bit)


@jit
def learn_maps(
    counts: Array, maps: Array, stretch: Array, logits: Array, match_counts: Array, match_map: Array
) -> None:
    """Move the maps towards the shares of ones that were counted; set the counts to 0."""
    for i in range(len(maps)):
        at = (i >> 8 << 9) | (i & 255)  # 256 zeros and 256 ones in turn
        ones = np.int64(counts[at + 256])
        total = ones + counts[at]
        if total:
            maps[i] += (ones * 65535 - total * maps[i]) // (total + 256)
            logits[i] = stretch[maps[i] >> 4]
    for i in range(len(match_map)):
        ones, total = np.int64(match_counts[2 * i + 1]), np.int64(match_counts[2 * i] + match_counts[2 * i + 1])
        match_map[i] += (ones * 65535 - total * match_map[i]) // (total + 512)
    counts[:] = 0
    match_counts[:] = 0
