"""Huffman streams: symbols to codewords to bytes and back, the paper's protocol for a token tree's leaves.

The code is canonical (of each length in order of the symbols, shorter ones first), so the lengths alone say it all.
Bits fill bytes from the highest down; the last byte is filled up with zeros. Decoding looks up the codeword length at
every bit position at once, follows the chain of codewords, and reads off the symbols.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from compresslab._support.arrays import as_array
from compresslab.errors import CorruptStream, InvalidParameter, InvalidTokens
from compresslab.theory.huffman import kraft_sum

__all__ = ["LONGEST", "HuffmanCode"]

LONGEST: Final = 57
"""Longest codeword that is supported: what is left of 64 bits that start at any bit of a byte."""

_TABLE_BITS: Final = 16
_BLOCK: Final = 1 << 15  # symbols encoded, or bytes decoded, at a time


class HuffmanCode:
    """The canonical prefix code with given codeword lengths.

    Args:
        lengths: whole numbers, shape ``(M,)``, as `compresslab.theory.huffman.huffman_lengths` gives; 0 means no
            codeword.

    Raises:
        InvalidParameter: no codeword at all, one longer than `LONGEST`, or a Kraft sum above 1.

    Source: Huffman 1952; Schwartz and Kallick 1964 (canonical codes).

    Example:
        >>> code = HuffmanCode([1, 2, 3, 3])
        >>> data = code.encode([0, 3, 0, 1])
        >>> data.hex(), code.size_bits([0, 3, 0, 1]), code.decode(data, 4).tolist()
        ('74', 7, [0, 3, 0, 1])
    """

    def __init__(self, lengths: npt.ArrayLike) -> None:
        if kraft_sum(lengths) > 1:
            raise InvalidParameter(
                f"the lengths have Kraft sum {kraft_sum(lengths)} > 1: no prefix code has such lengths"
            )
        self.lengths: NDArray[np.int64] = as_array(lengths).astype(np.int64)
        longest = int(self.lengths.max(initial=0))
        if not longest:
            raise InvalidParameter("no symbol has a codeword: at least one length must be 1 or more")
        if longest > LONGEST:
            raise InvalidParameter(
                f"a codeword has {longest} bits, more than {LONGEST}: the distribution is too skewed for a Huffman "
                "stream; use the range coder"
            )
        order = np.argsort(self.lengths, kind="stable")
        self._symbols = order[np.count_nonzero(self.lengths == 0) :]  # in order of their codewords
        count = np.bincount(self.lengths, minlength=longest + 1)
        count[0] = 0
        self._first = np.zeros(longest + 2, dtype=np.uint64)  # first codeword of each length
        for length in range(1, longest + 1):
            self._first[length + 1] = (int(self._first[length]) + int(count[length])) << 1
        self._index = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)  # place of that codeword in _symbols
        self._codes = np.zeros(len(self.lengths), dtype=np.uint64)
        sorted_lengths = self.lengths[self._symbols]
        rank = np.arange(len(self._symbols)) - self._index[sorted_lengths]
        self._codes[self._symbols] = self._first[sorted_lengths] + rank.astype(np.uint64)
        # A window of 64 bits begins with a codeword of at most ``length`` bits iff it is below ``limit[length - 1]``.
        self._limit = np.array(
            [
                min((int(self._first[length]) + int(count[length])) << (64 - length), 2**64 - 1)
                for length in range(1, longest + 1)
            ],
            dtype=np.uint64,
        )
        self._full = kraft_sum(self.lengths) == 1
        self._table_bits = min(_TABLE_BITS, longest)
        windows = np.arange(1 << self._table_bits, dtype=np.uint64) << np.uint64(64 - self._table_bits)
        found = self._lengths_at(windows)
        self._table = np.where(found <= self._table_bits, found, 0).astype(np.uint8)  # 0: longer, or none

    def size_bits(self, symbols: npt.ArrayLike) -> int:
        """Return the number of bits that `encode` fills, without the padding."""
        return int(self.lengths[self._checked(symbols)].sum())

    def encode(self, symbols: npt.ArrayLike) -> bytes:
        """Return the codewords of ``symbols`` (n,) one after the other.

        Raises:
            InvalidTokens: a symbol without a codeword.
        """
        array = self._checked(symbols)
        parts: list[bytes] = []
        rest = np.zeros(0, dtype=np.uint8)
        for start in range(0, len(array), _BLOCK):
            block = array[start : start + _BLOCK]
            lengths = self.lengths[block]
            ends = np.cumsum(lengths)
            down = np.repeat(ends, lengths) - np.arange(1, int(ends[-1]) + 1)  # bits below each bit in its codeword
            bits = ((np.repeat(self._codes[block], lengths) >> down.astype(np.uint64)) & np.uint64(1)).astype(np.uint8)
            bits = np.concatenate([rest, bits])
            whole = len(bits) // 8 * 8
            parts.append(np.packbits(bits[:whole]).tobytes())
            rest = bits[whole:]
        parts.append(np.packbits(rest).tobytes())
        return b"".join(parts)

    def decode(self, data: bytes, count: int) -> NDArray[np.int64]:
        """Return the ``count`` symbols (int64) that ``data`` holds: no more and no less.

        Raises:
            CorruptStream: bits that start no codeword, too few bits, bytes left over, or padding that is not zero.
        """
        if count < 0:
            raise InvalidParameter(f"the number of symbols must be 0 or more, not {count}")
        padded = np.frombuffer(data + bytes(16), dtype=np.uint8)
        symbols = np.zeros(count, dtype=np.int64)
        done, at = 0, 0
        while done < count and at < 8 * len(data):
            first = at // 8
            block = padded[first : first + _BLOCK + 16]
            positions = self._chain(block, at - 8 * first, count - done)
            if len(positions) < 2:
                raise CorruptStream(f"bits from {at} on start no codeword: the data is damaged, or the code is another")
            windows = _windows(block, positions[:-1])
            lengths = np.diff(positions)
            codes = windows >> (64 - lengths).astype(np.uint64)
            places = self._index[lengths] + (codes - self._first[lengths]).astype(np.int64)
            symbols[done : done + len(places)] = self._symbols[places]
            done += len(places)
            at = 8 * first + int(positions[-1])
        if done < count or at > 8 * len(data):
            raise CorruptStream(f"the data ends before symbol {min(done, count - 1)} of {count}: it was cut")
        if -(-at // 8) < len(data):
            raise CorruptStream(f"{len(data) - -(-at // 8)} bytes are left over after {count} symbols: wrong count?")
        if at % 8 and data[-1] & ((1 << (8 - at % 8)) - 1):
            raise CorruptStream("the bits after the last codeword are not zero: the data is damaged")
        return symbols

    def _checked(self, symbols: npt.ArrayLike) -> NDArray[np.int64]:
        array = as_array(symbols)
        if not array.size:
            return np.zeros(0, dtype=np.int64)
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise InvalidTokens(f"symbols must be whole numbers in one dimension, not {array.dtype} {array.shape}")
        if array.min() < 0 or array.max() >= len(self.lengths):
            bad = int(array.min()) if array.min() < 0 else int(array.max())
            raise InvalidTokens(f"symbol {bad} is not among the code's {len(self.lengths)} symbols")
        whole: NDArray[np.int64] = array.astype(np.int64)
        missing = np.flatnonzero(self.lengths[whole] == 0)
        if len(missing):
            raise InvalidTokens(
                f"symbol {int(whole[missing[0]])} has no codeword: its probability was 0 when the code was made"
            )
        return whole

    def _lengths_at(self, windows: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Length of the codeword in front of each window of 64 bits; 64 where there is none."""
        # Where limits are equal there are no codewords of the later lengths: the first limit above the window decides.
        lengths = np.searchsorted(self._limit, windows, side="right") + 1
        if self._full:
            return np.minimum(lengths, len(self._limit))
        return np.where(lengths <= len(self._limit), lengths, 64)

    def _chain(self, block: NDArray[np.uint8], start: int, most: int) -> NDArray[np.int64]:
        """Bit positions where codewords start, from ``start`` on, and where the last one ends."""
        size = len(block) - 16
        wide = block.astype(np.uint32)
        words = (wide[:size] << np.uint32(16)) | (wide[1 : size + 1] << np.uint32(8)) | wide[2 : size + 2]
        down = np.arange(24 - self._table_bits, 16 - self._table_bits, -1, dtype=np.uint32)
        prefixes = (words[:, None] >> down) & np.uint32((1 << self._table_bits) - 1)
        lengths = self._table[prefixes].reshape(-1).astype(np.int64)
        long = np.flatnonzero(lengths == 0)
        if len(long):
            lengths[long] = self._lengths_at(_windows(block, long))
        steps = lengths.tolist()
        at, end, positions = start, 8 * size, [start]
        while at < end and len(positions) <= most:
            step = steps[at]
            if step == 64:
                break
            at += step
            positions.append(at)
        return np.array(positions, dtype=np.int64)


def _windows(block: NDArray[np.uint8], positions: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The 64 bits (at least 57 of them true, then zeros) from each bit position on."""
    eights = np.lib.stride_tricks.sliding_window_view(block, 8)[positions >> 3]
    words = np.ascontiguousarray(eights).view(">u8").reshape(-1).astype(np.uint64)
    return words << (positions & 7).astype(np.uint64)
