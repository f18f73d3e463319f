"""The embedded model of bytes: context mixing, adaptive, in numpy alone, the same on every machine.

Nothing is trained beforehand and no model is stored: encoder and decoder learn alike from the bytes so far. Each byte
is coded as eight bits, the highest first. For each bit every context (`byte_contexts`) looks up the history of bits in
its place (`bit_history`), a learned map turns histories into logits, two linear mixers add the logits up, and a last
map corrects the mixture by what it turned out to be worth (the ideas of the PAQ family of compressors).

Python is slow one bit at a time, so the data is cut into *lanes* that advance together, one byte each per step, and
every operation is one numpy call for all lanes. Histories, maps and one of the mixers are shared by all lanes: what one
lane learns, all know at the next step. The cut depends on the size only.

That is the reference. Where numba is installed, `byte_kernels` do the same for each bit in a few compiled loops, on the
same arrays, and their bytes are the same.

Every number is whole. Where numbers are kept in float64, it is because numpy multiplies those fastest: all products and
sums stay below 2**53, so they are exact in any order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

import compresslab.coding.byte_model.byte_kernels as kernels
from compresslab.coding.byte_model.bit_history import HISTORIES, LOGIT_LIMIT, Tables, tables
from compresslab.coding.byte_model.byte_contexts import CONTEXTS, Contexts, Matches
from compresslab.coding.byte_model.byte_kernels import PHI
from compresslab.coding.range_coder import WordDecoder, WordEncoder
from compresslab.errors import CorruptStream

__all__ = ["BYTES_PER_CODED_BYTE", "compress_bytes", "decompress_bytes"]

Progress = Callable[[int, int], None]
_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]
_Bits = npt.NDArray[np.int32]

BYTES_PER_CODED_BYTE = 1420
"""No stream holds more: a bit costs at least ``-log2(1 - 32 / 2**16)`` bits, so a byte at least 0.00563."""

_MOST_LANES = 512
_INPUTS = CONTEXTS + 2  # the contexts, the match, a constant
_ONE = 1 << 16  # weights and probabilities are in 1/65536
_MATCH_GRADES = 32
_LEARN_ALL, _LEARN_EVERY = 1000, 4  # what all lanes share learns from the first steps, then from every fourth
_COUNT_ALL, _COUNT_EVERY = 64, 8  # bits are counted in all of the first steps, or of few lanes, then in some
_SETS = 16  # weight sets of the shared mixer: 4 grades of match by 4 of how many contexts are known


def compress_bytes(data: bytes, progress: Progress | None = None) -> bytes:
    """Code ``data``. ``progress`` is called with (bytes done, bytes in all).

    On one core of a busy server, 10 MB of source code took 12.4 s of processor time with numba (extra ``scale``; used
    from 512 bytes on, after compiling for 4 s once per machine) and 46 s without; memory up to about 500 MB.


    Example:
        >>> text = b"to be, or not to be, that is the question: " * 20
        >>> coded = compress_bytes(text)
        >>> len(coded) < len(text) / 5, decompress_bytes(coded, len(text)) == text
        (True, True)
    """
    if not data:
        return b""
    coder = _BitEncoder(np.frombuffer(data, dtype=np.uint8), *_cut(len(data)))
    _run(coder, len(data), progress)
    return coder.finish()


def decompress_bytes(coded: bytes, size: int, progress: Progress | None = None) -> bytes:
    """Decode what `compress_bytes` made of ``size`` bytes; as fast and as large.

    Raises:
        CorruptStream: if ``coded`` cannot be that. (Most damage gives wrong bytes: the container checks them.)
    """
    if not size:
        if coded:
            raise CorruptStream(f"{len(coded)} bytes of data for nothing: the data is damaged")
        return b""
    coder = _BitDecoder(coded)
    text = _run(coder, size, progress)
    coder.finish()
    return text[:size].tobytes()


def _cut(size: int) -> tuple[int, int]:
    """Return (lanes, bytes per lane): all lanes are full but the last. More lanes are faster, fewer compress better."""
    lanes = min(_MOST_LANES, math.isqrt(size) // 5 + 1, size // 2500 + 1)
    length = -(-size // lanes)
    return -(-size // length), length


class _BitCoder(Protocol):
    """Passes bits between the model and a range coder."""

    def code(self, step: int, place: int, weights: _Floats) -> _Bits:
        """Code bit ``place`` (0 the highest) of byte ``step`` of the first lanes, given `_weights`; return it."""
        ...


class _BitEncoder:
    def __init__(self, data: npt.NDArray[np.uint8], lanes: int, length: int) -> None:
        text = np.zeros(lanes * length, dtype=np.uint8)
        text[: len(data)] = data
        self._steps = np.ascontiguousarray(text.reshape(lanes, length).T)
        self._bits = np.zeros((8, lanes), dtype=np.int32)
        self._coder = WordEncoder()

    def code(self, step: int, place: int, weights: _Floats) -> _Bits:
        if not place:
            self._bits[:] = np.unpackbits(self._steps[step : step + 1], axis=0)
        bits = self._bits[place, : len(weights)]
        self._coder.encode(bits, weights)
        return bits

    def finish(self) -> bytes:
        return self._coder.finish()


class _BitDecoder:
    """Decodes bits, and stops where they are worth more than there are coded ones: behind its end a stream is noise."""

    def __init__(self, coded: bytes) -> None:
        self._coder = WordDecoder(coded)
        self._left = 8.0 * len(coded) + 64  # bits that may still be taken: those of the stream, and the coder's state

    def code(self, step: int, place: int, weights: _Floats) -> _Bits:
        bits = self._coder.decode(weights)
        if len(bits) <= _COUNT_ALL or step < _COUNT_ALL or step % _COUNT_EVERY == 0:  # a part is enough, at no cost
            self._left -= 24.0 * len(bits) - float(np.log2(np.where(bits, weights[:, 1], weights[:, 0]) + 1.0).sum())
            if self._left < 0:
                raise CorruptStream("the coded bytes end long before the bytes that they claim: the data is damaged")
        return bits

    def finish(self) -> None:
        if not self._coder.may_be_exhausted():
            raise CorruptStream("coded data is left over after the last byte: the data is damaged")


def _weights(ones: _Ints) -> _Floats:
    """Weights minus one of the bits 0 and 1, in 2**24, as the range coder takes them."""
    weights = np.empty((len(ones), 2))
    np.multiply(ones, 256.0, out=weights[:, 1])
    np.subtract(float(1 << 24), weights[:, 1], out=weights[:, 0])
    weights -= 1.0
    return weights


def _run(coder: _BitCoder, size: int, progress: Progress | None) -> npt.NDArray[np.uint8]:
    lanes, length = _cut(size)
    text = np.zeros(lanes * length + 8, dtype=np.uint8)
    by_lane = text[: lanes * length].reshape(lanes, length)
    in_last = size - (lanes - 1) * length
    compiled = kernels.pays(size)
    contexts = Contexts(text, lanes, length, compiled=compiled)
    matches = Matches(text, lanes, length, compiled=compiled)
    predictor = _CompiledPredictor(lanes, size) if compiled else _Predictor(lanes, size)
    report_every = max(1, length // 200)
    for step in range(length):
        active = lanes if step < in_last else lanes - 1  # where the last lane has ended, it goes on with zeros, uncoded
        data = predictor.byte(coder, step, active, contexts, matches)
        by_lane[:, step] = data
        contexts.advance(step, data)
        matches.advance(step, contexts.last)
        if progress is not None and step % report_every == report_every - 1:
            progress(min(size, (step + 1) * lanes), size)
    if progress is not None:
        progress(size, size)
    return text


class _Predictor:
    """All that is learned: histories, the maps from histories to logits, two mixers and the last correction."""

    def __init__(self, lanes: int, size: int) -> None:
        self._tables: Tables = tables()
        self._lanes = lanes
        # A bucket of 16 bytes holds a check byte and the 15 histories of half a byte in one context.
        self._bits = min(20, max(10, size.bit_length() - 3))
        self._histories = np.zeros(CONTEXTS << (self._bits + 4), dtype=np.uint8)
        self._buckets = self._histories.view(np.uint64).reshape(-1, 2)
        self._table_start = (np.arange(CONTEXTS, dtype=np.int64) << self._bits)[:, None]
        # history -> P(1), one map per context, and the same as logits
        self._maps = np.tile(self._tables.start, CONTEXTS)
        self._logits = self._tables.stretch.take(self._maps >> 4)
        self._map_start = (np.arange(CONTEXTS, dtype=np.int64) * HISTORIES)[:, None]
        self._match_map = np.array(
            [_ONE - _ONE // (2 + min(grade, 16)) for grade in range(_MATCH_GRADES)], dtype=np.int64
        )
        # mixers: one per bit place, by set for all lanes, and by lane
        self._shared = np.full((8, _INPUTS, _SETS), float(_ONE * 3 // 10))
        self._own = np.full((8, _INPUTS, lanes), float(_ONE * 3 // 10))
        self._shared[:, -1] = self._own[:, -1] = 0.0
        # last correction: by previous byte and bits so far, at 33 logits, interpolated
        row = self._tables.squash.take(np.minimum(np.arange(33) * 128, 4095))
        self._correction = np.tile(row, 1 << 16)
        self._inputs = np.empty((_INPUTS, lanes))
        self._input_start = (np.arange(_INPUTS, dtype=np.int64) * _SETS)[:, None]
        self._inputs[-1] = 256.0
        self._seen = np.empty((8, CONTEXTS, lanes), dtype=np.int64)

    def byte(
        self, coder: _BitCoder, step: int, active: int, contexts: Contexts, matches: Matches
    ) -> npt.NDArray[np.uint8]:
        """Code one byte per lane and learn from it."""
        so_far = np.ones(self._lanes, dtype=np.int64)  # a 1, then the bits so far
        previous = (contexts.last & np.uint64(0xFF)).astype(np.int64) << 8
        expected = matches.expected()
        grade = np.minimum(matches.length, 15) + np.minimum(np.maximum(matches.length - 16, 0) >> 3, 16)
        match_seen: list[_Ints] = []
        start = node = so_far
        learn_shared = step < _LEARN_ALL or step % _LEARN_EVERY == 0
        for place in range(8):
            if place in (0, 4):
                start = self._find(contexts.keys, so_far if place else None)
                node = np.ones(self._lanes, dtype=np.int64)
            where = start + node
            history = self._histories[where].astype(np.int64)
            seen = self._map_start + history
            self._inputs[:CONTEXTS] = self._logits[seen]
            matched = (expected >> (8 - place)) == so_far
            expected_bit = (expected >> (7 - place)) & 1
            logit = self._tables.stretch.take(self._match_map.take(grade) >> 4)
            self._inputs[CONTEXTS] = np.where(matched, np.where(expected_bit, logit, -logit), 0.0)
            known = np.count_nonzero(history, axis=0) * 3 // CONTEXTS
            chosen = np.where(matched, 1 + (grade >= 15) + (grade >= 20), 0) + 4 * known
            shared, own = self._mix(place, chosen)
            mixed = (shared + own) >> 1
            ones, at = self._correct(previous | so_far, mixed)

            weights = _weights(np.clip(ones[:active], 32, _ONE - 32))
            bits = coder.code(step, place, weights).astype(np.int64)
            if active < self._lanes:
                bits = np.append(bits, 0)

            self._histories[where] = self._tables.next_history[history + HISTORIES * bits]
            if learn_shared:
                np.add(seen * 2, bits, out=self._seen[place])
            self._correction[at] += ((bits << 16) - bits - self._correction[at]) >> 6
            if learn_shared:
                self._learn_shared(place, chosen, (bits << 16) - self._tables.squash[shared + 2048])
            self._learn_own(place, (bits << 16) - self._tables.squash[own + 2048])
            right = expected_bit == bits
            if learn_shared:
                match_seen.append((grade * 2 + right)[matched])
            matches.length[matched & ~right] = 0
            so_far = (so_far << 1) | bits
            node = (node << 1) | bits
        if learn_shared:
            self._learn_maps(np.concatenate(match_seen))
        return so_far.astype(np.uint8)  # drops the leading 1

    def _find(self, keys: npt.NDArray[np.uint64], so_far: _Ints | None) -> _Ints:
        """Return where the buckets (CONTEXTS, K) of the contexts begin; one that held another context is emptied."""
        hashed = keys * PHI
        if so_far is not None:
            hashed = (hashed ^ (so_far.astype(np.uint64) << np.uint64(20))) * PHI
        hashed ^= hashed >> np.uint64(29)
        hashed *= PHI
        bucket = (hashed >> np.uint64(64 - self._bits)).astype(np.int64) + self._table_start
        check = ((hashed >> np.uint64(16)) & np.uint64(0xFF)).astype(np.uint8)
        start = bucket << 4
        foreign = np.flatnonzero(self._histories[start] != check)
        self._buckets[bucket.reshape(-1)[foreign]] = 0
        self._histories[start.reshape(-1)[foreign]] = check.reshape(-1)[foreign]
        return start

    def _mix(self, place: int, chosen: _Ints) -> tuple[_Ints, _Ints]:
        """Return the logits (K,) by the shared mixer's chosen set and by each lane's own."""
        weights = self._shared[place].take(chosen, axis=1)
        shared = (weights * self._inputs).sum(axis=0).astype(np.int64) >> 16
        own = (self._own[place] * self._inputs).sum(axis=0).astype(np.int64) >> 16
        return np.clip(shared, -LOGIT_LIMIT, LOGIT_LIMIT), np.clip(own, -LOGIT_LIMIT, LOGIT_LIMIT)

    def _correct(self, context: _Ints, logit: _Ints) -> tuple[_Ints, _Ints]:
        """Return the mean of P(1) at the logit and the corrected one, and which entry is to learn."""
        position = (logit + 2048) << 5
        low, part = context * 33 + (position >> 12), position & 4095
        below, above = self._correction.take(low), self._correction.take(low + 1)
        corrected = (below * (4096 - part) + above * part) >> 12
        return (self._tables.squash.take(logit + 2048) + corrected) >> 1, low + (part >> 11)

    def _learn_shared(self, place: int, chosen: _Ints, error: _Ints) -> None:
        """Move the weights of every set that was chosen along the mean gradient of its code length."""
        count = np.maximum(np.bincount(chosen, minlength=_SETS), 16)
        # whole numbers below 2**40: exact in any order (and no BLAS, whose threads cost more than they gain here)
        cell = self._input_start + chosen
        gradient = np.bincount(cell.reshape(-1), (self._inputs * error).reshape(-1), _INPUTS * _SETS)
        self._shared[place] += np.floor(gradient.reshape(_INPUTS, _SETS) * 6.0 / (count * 8192.0))

    def _learn_own(self, place: int, error: _Ints) -> None:
        """Move each lane's own weights along the gradient of its code length."""
        change = self._inputs * (error * (10.0 / 2**18))
        change += 0.5
        np.floor(change, out=change)
        self._own[place] += change

    def _learn_maps(self, match_seen: _Ints) -> None:
        """Move the maps towards the shares of ones that were seen in the last eight bits."""
        counts = np.bincount(self._seen.reshape(-1), minlength=2 * len(self._maps)).reshape(-1, 2)
        total = counts.sum(axis=1)
        self._maps += (counts[:, 1] * (_ONE - 1) - total * self._maps) // (total + 256)
        self._tables.stretch.take(self._maps >> 4, out=self._logits, mode="clip")
        counts = np.bincount(match_seen, minlength=2 * _MATCH_GRADES).reshape(-1, 2)
        total = counts.sum(axis=1)
        self._match_map += (counts[:, 1] * (_ONE - 1) - total * self._match_map) // (total + 512)


class _CompiledPredictor(_Predictor):
    """The same numbers by compiled loops, in narrower arrays, so that more of them stay in the cache."""

    def __init__(self, lanes: int, size: int) -> None:
        super().__init__(lanes, size)
        self._narrow_logits = self._logits.astype(np.float32)  # whole numbers up to 2047
        self._narrow_inputs = np.full((_INPUTS, lanes), 256, dtype=np.float32)  # the last row stays
        self._narrow_stretch = self._tables.stretch.astype(np.float32)
        self._narrow_squash = self._tables.squash.astype(np.uint16)  # below 2**16, as corrections are
        self._narrow_correction = np.tile(self._narrow_squash[np.minimum(np.arange(33) * 128, 4095)], 1 << 16)
        self._lane = np.zeros((kernels.LANE_ROWS, lanes), dtype=np.int32)
        self._start = np.zeros((CONTEXTS, lanes), dtype=np.uint32)
        self._found = np.zeros((CONTEXTS, lanes), dtype=np.uint8)
        self._scratch = np.zeros((2, lanes))
        self._check = np.zeros(lanes, dtype=np.uint8)
        self._weights = np.zeros((lanes, 2))
        self._coded = np.zeros(lanes, dtype=np.int32)
        self._gradient = np.zeros((_INPUTS + 1, _SETS))
        self._counts = np.zeros(2 * len(self._maps), dtype=np.int32)
        self._match_counts = np.zeros(2 * _MATCH_GRADES, dtype=np.int32)

    def byte(
        self, coder: _BitCoder, step: int, active: int, contexts: Contexts, matches: Matches
    ) -> npt.NDArray[np.uint8]:
        """Code one byte per lane and learn from it."""
        lane, bits, counts = self._lane, self._coded, (self._counts, self._match_counts)
        logits, stretch, squash = self._narrow_logits, self._narrow_stretch, self._narrow_squash
        buckets, scratch = (self._histories, self._start), (self._scratch, self._check)
        mixers = self._narrow_inputs, self._shared, self._own, self._narrow_correction, lane
        learn_shared = step < _LEARN_ALL or step % _LEARN_EVERY == 0
        kernels.begin_byte(lane, contexts.text, contexts.last, matches.place, matches.length)
        for place in range(8):
            if place in (0, 4):
                kernels.find_buckets(place == 4, self._bits, contexts.keys, lane, *buckets, self._check)
            maps = logits, self._match_map, stretch, squash
            kernels.predict(place, *buckets, self._found, *maps, *mixers, *scratch, self._weights)
            bits[active:] = 0
            bits[:active] = coder.code(step, place, self._weights[:active])
            learnt = *buckets, self._found, squash, *mixers, self._scratch[0], self._gradient, *counts
            kernels.learn(place, learn_shared, bits, self._tables.next_history, *learnt, matches.length)
        if learn_shared:
            kernels.learn_maps(counts[0], self._maps, stretch, logits, counts[1], self._match_map)
        so_far: _Ints = lane[0]
        return so_far.astype(np.uint8)  # drops the leading 1
