"""Coding yes or no at almost no loss: a range coder of flags whose probabilities have 32 bits and whose range has 64.

Rows of probabilities often have one symbol that is nearly certain. The range coder for many alternatives
(`compresslab.coding.range_coder`) loses about 1.3e-4 bits with every symbol, which is nothing beside bits but much
beside 0.001 bits. Whether the likely symbol came (a *hit*) or not (a *miss*) is therefore coded here: what rounding
leaves over goes to the hit, and a hit of probability 1 costs ``1.44 * 2**-32`` bits.

The coder keeps an interval ``[low, low + width)`` of 64-bit numbers, ``2**48 <= width < 2**64``. A miss of weight ``m``
(in ``2**32``) takes its upper ``floor(width / 2**32) m``, a hit the rest. Whenever the width falls below ``2**48``, the
leading 16 bits are written. The stream ends with as few bytes as name a number in the interval, when all that follows
is taken for zeros; trailing zero bytes are left out. Where numba is, ``compiled`` loops do the same faster.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from compresslab.coding.rows.row_kernels import decode_flags, encode_flags

__all__ = ["FLAG_PRECISION", "FlagDecoder", "FlagEncoder"]

FLAG_PRECISION = 32
"""Weights of misses are parts of ``2**FLAG_PRECISION``."""

_WORD = 16
_STATE = 64
_WORD_MASK = (1 << _WORD) - 1
_STATE_MASK = (1 << _STATE) - 1
_LEAST = 1 << (_STATE - _WORD)


class FlagEncoder:
    """Encodes flags, first in first out.

    Example:
        >>> misses = np.array([1 << 31, 1, 1 << 20])
        >>> encoder = FlagEncoder()
        >>> encoder.encode(misses, np.array([False, True, True]))
        >>> data = encoder.finish()
        >>> data.hex(), FlagDecoder(data).decode(misses).tolist()
        ('81', [False, True, True])
    """

    def __init__(self) -> None:
        self._low, self._width = 0, _STATE_MASK
        self._words: list[int] = []

    def encode(self, misses: npt.NDArray[np.int64], hits: npt.NDArray[np.bool_], *, compiled: bool = False) -> None:
        """Append ``hits`` (n,), given the weights (n,) of a miss, each from 1 to ``2**32 - 1``."""
        if compiled:
            state = np.array([self._low, self._width, 0], dtype=np.uint64)
            more = np.empty(2 * len(misses), dtype=np.uint16)
            count = encode_flags(state, misses.astype(np.uint64), hits, more)
            self._low, self._width = int(state[0]), int(state[1])
            if state[2]:
                _carry(self._words)
            self._words += more[:count].tolist()
            return
        low, width, words = self._low, self._width, self._words
        for miss, hit in zip(misses.tolist(), hits.tolist(), strict=True):
            cut = (width >> FLAG_PRECISION) * miss
            if hit:
                width -= cut
            else:
                low += width - cut
                width = cut
                if low > _STATE_MASK:
                    low &= _STATE_MASK
                    _carry(words)
            while width < _LEAST:
                words.append(low >> (_STATE - _WORD))
                low = (low << _WORD) & _STATE_MASK
                width <<= _WORD
        self._low, self._width = low, width

    def finish(self) -> bytes:
        """Return the stream. (More can still be encoded; then finish again.)"""
        words, point = self._words.copy(), 0
        for spare in range(_STATE, -8, -8):  # as few bytes as there can be
            point = -(-self._low >> spare) << spare
            if point < self._low + self._width:
                break
        if point > _STATE_MASK:
            point &= _STATE_MASK
            _carry(words)
        head = np.array(words, dtype=">u2").tobytes()
        return (head + point.to_bytes(_STATE // 8, "big")).rstrip(b"\0")


class FlagDecoder:
    """Decodes what a `FlagEncoder` wrote; any bytes decode to something."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._size = len(data)
        padded = bytes(data) + bytes(-len(data) % 2 + _STATE // 8)
        self._array = np.frombuffer(padded, dtype=">u2").astype(np.uint16)
        self._words: list[int] = self._array.tolist()
        self._at = _STATE // _WORD
        self._code = int.from_bytes(padded[: _STATE // 8], "big")
        self._width = _STATE_MASK

    def decode(self, misses: npt.NDArray[np.int64], *, compiled: bool = False) -> npt.NDArray[np.bool_]:
        """Take a flag for each weight of a miss (n,) off the stream: (n,), True for a hit."""
        if compiled:
            state = np.array([self._code, self._width, self._at], dtype=np.uint64)
            found = np.empty(len(misses), dtype=np.bool_)
            decode_flags(state, misses.astype(np.uint64), self._array, found)
            self._code, self._width, self._at = (int(number) for number in state)
            return found
        code, width, at, words = self._code, self._width, self._at, self._words
        hits = []
        for miss in misses.tolist():
            cut = (width >> FLAG_PRECISION) * miss
            rest = width - cut
            hit = code < rest
            if hit:
                width = rest
            else:
                code -= rest
                width = cut
            hits.append(hit)
            while width < _LEAST:
                code = code << _WORD | (words[at] if at < len(words) else 0)
                at += 1
                width <<= _WORD
        self._code, self._width, self._at = code, width, at
        return np.array(hits, dtype=np.bool_)

    def may_be_exhausted(self) -> bool:
        """Return False if bytes are certainly left over, True if the stream may end here."""
        return self._at * (_WORD // 8) >= self._size


def _carry(words: list[int]) -> None:
    """Add one to the number that the words are the digits of. (It is below 1, so there is room.)"""
    at = len(words) - 1
    while words[at] == _WORD_MASK:
        words[at] = 0
        at -= 1
    words[at] += 1
