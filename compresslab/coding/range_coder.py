"""The range coder itself: exact integer weights in, whole 32-bit words out.

This is the only file that imports constriction (0.5). It gives constriction weights that are already whole numbers
with the sum that constriction would scale them to, so its own rounding is the identity: symbol ``i`` of a row gets
exactly ``weights_minus_one[i] + 1`` of the 2**24 parts. What a coder did is then a matter of integers only.

A stream is a whole number of little-endian 32-bit words. It carries neither the number of symbols nor a checksum: the
container (`compresslab.coding.clz.container`) adds both.
"""

from __future__ import annotations

from typing import Any

import constriction
import numpy as np
import numpy.typing as npt

from compresslab.errors import CorruptStream

__all__ = ["WordDecoder", "WordEncoder"]

_WORD = np.dtype("<u4")
# perfect=False is constriction's fast path; on whole numbers that already have the right sum it is also exact.
_FAMILY: Any = constriction.stream.model.Categorical(perfect=False)
_HALVES: Any = constriction.stream.model.Categorical(np.full(2, 2.0**23 - 1), perfect=False)


class WordEncoder:
    """A range encoder that symbols are pushed into, first in first out.

    Example:
        >>> import numpy as np
        >>> weights_minus_one = np.array([[2.0**23 - 1, 2.0**23 - 1], [2.0**24 - 2, 0.0]])
        >>> encoder = WordEncoder()
        >>> encoder.encode(np.array([1, 0], dtype=np.int32), weights_minus_one)
        >>> words = encoder.finish()
        >>> WordDecoder(words).decode(weights_minus_one).tolist()
        [1, 0]
    """

    def __init__(self) -> None:
        self._coder: Any = constriction.stream.queue.RangeEncoder()

    def encode(self, symbols: npt.NDArray[np.int32], weights_minus_one: npt.NDArray[np.float64]) -> None:
        """Append ``symbols`` (n,), each under its row of ``weights_minus_one`` (n, k), k >= 2.

        Both must be C-contiguous and come from `compresslab.coding.rows.quantize`: rows of whole numbers whose sum is
        ``2**24 - k``. Nothing is checked here; this is the inner loop.
        """
        if len(symbols):
            self._coder.encode(symbols, _FAMILY, weights_minus_one)

    def encode_iid(self, symbols: npt.NDArray[np.int32], weights_minus_one: npt.NDArray[np.float64]) -> None:
        """Append ``symbols`` (n,), all under the one row ``weights_minus_one`` (k,)."""
        if len(symbols):
            self._coder.encode(symbols, _one_model(weights_minus_one))

    @property
    def size_bits(self) -> int:
        """Size of the stream if it were finished now, in bits: a multiple of 32."""
        return int(self._coder.num_bits())

    def finish(self, trimmed: bool = False) -> bytes:
        """Return the stream: little-endian 32-bit words; no words at all if nothing was encoded.

        With ``trimmed`` the words are big-endian, the last ones are chosen so that they end in as many zero bytes as
        can be, and those are left out: 1.7 bytes less, on average. A decoder takes what is missing for zeros.
        """
        words: npt.NDArray[np.uint32] = self._coder.get_compressed()
        if not trimmed:
            return words.astype(_WORD).tobytes()
        position, (low, width) = self._coder.pos()
        return _trimmed(words.tolist(), position, low, width)


class WordDecoder:
    """A range decoder of what a `WordEncoder` wrote, ``trimmed`` or not.

    Raises:
        CorruptStream: if ``data`` is not a whole number of 32-bit words.
    """

    def __init__(self, data: bytes | memoryview, trimmed: bool = False) -> None:
        self._trimmed = trimmed
        if trimmed:
            words = np.frombuffer(bytes(data) + bytes(-len(data) % _WORD.itemsize), ">u4").astype(np.uint32)
            self._coder: Any = constriction.stream.queue.RangeDecoder(words)
            return
        if len(data) % _WORD.itemsize:
            raise CorruptStream(
                f"a coded stream is a whole number of 4-byte words, but this one has {len(data)} bytes: "
                "it was cut or glued; fetch the data again"
            )
        self._coder = constriction.stream.queue.RangeDecoder(np.frombuffer(data, _WORD).astype(np.uint32))

    def decode(self, weights_minus_one: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
        """Take one symbol (int32) for each row of ``weights_minus_one`` (n, k) off the stream.

        Raises:
            CorruptStream: if the words cannot have been written under these weights. (Most damage decodes to wrong
                symbols instead; only a checksum finds it.)
        """
        if not len(weights_minus_one):
            return np.zeros(0, dtype=np.int32)
        return self._decode(_FAMILY, weights_minus_one)

    def decode_iid(self, count: int, weights_minus_one: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
        """Take ``count`` symbols (int32), all under the one row ``weights_minus_one`` (k,), off the stream.

        Raises:
            CorruptStream: see `decode`.
        """
        if not count:
            return np.zeros(0, dtype=np.int32)
        return self._decode(_one_model(weights_minus_one), count)

    def _decode(self, *model: Any) -> npt.NDArray[np.int32]:
        try:
            symbols: npt.NDArray[np.int32] = self._coder.decode(*model)
        except AssertionError as error:  # what constriction raises on impossible words
            raise CorruptStream(
                "the coded stream does not decode under these probabilities: the data is damaged, "
                "or the model is not the one that wrote it"
            ) from error
        return symbols

    def may_be_exhausted(self) -> bool:
        """Return False if words are certainly left over, True if the stream may end here (a word may go unnoticed)."""
        if not self._trimmed:
            return bool(self._coder.maybe_exhausted())
        # constriction says yes if all words were read and the rest of them is as small as its own encoder leaves it.
        # Halving the interval makes the rest small enough, at the latest just before another word would be read.
        coder = self._coder.clone()
        for _ in range(32):
            if coder.maybe_exhausted():
                return True
            try:
                coder.decode(_HALVES, 1)
            except AssertionError:  # what does not divide by 2**24 is in neither half
                return True
        return bool(coder.maybe_exhausted())


def _one_model(weights_minus_one: npt.NDArray[np.float64]) -> Any:
    return constriction.stream.model.Categorical(weights_minus_one, perfect=False)


def _trimmed(words: list[int], position: int, low: int, width: int) -> bytes:
    """End a stream anew: ``words`` as constriction ended it, after ``position`` words, in ``[low, low + width)``."""
    tail = words[position:]
    if not words or not 1 <= len(tail) <= 2:
        return np.array(words, dtype=">u4").tobytes()
    theirs = (tail[0] << 32) | (tail[1] if len(tail) == 2 else 0)
    prefix = words[:position]
    if theirs < low:  # their point lies beyond a carry, which is in the prefix already: count from there
        low -= 1 << 64
    point = low
    for spare in range(64, -8, -8):
        point = -(-low >> spare) << spare
        if point < low + width:
            break
    step = point >> 64  # from where theirs is: -1, 0 or 1
    point &= (1 << 64) - 1
    at = position - 1
    while step:
        total = prefix[at] + step
        prefix[at], step = total & 0xFFFFFFFF, total >> 32
        at -= 1
    return (np.array(prefix, dtype=">u4").tobytes() + point.to_bytes(8, "big")).rstrip(b"\0")
