"""The range coder itself: exact integer weights in, whole 32-bit words out.

This is the only file that imports constriction (0.5). It gives constriction weights that are already whole numbers
with the sum that constriction would scale them to, so its own rounding is the identity: symbol ``i`` of a row gets
exactly ``weights_minus_one[i] + 1`` of the 2**24 parts. What a coder did is then a matter of integers only.

A stream is a whole number of little-endian 32-bit words. It carries neither the number of symbols nor a checksum: the
container (`compresslab.coding.container`) adds both.
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

        Both must be C-contiguous and come from `compresslab.coding.quantize`: rows of whole numbers whose sum is
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

    def finish(self) -> bytes:
        """Return the stream: little-endian 32-bit words; no words at all if nothing was encoded."""
        words: npt.NDArray[np.uint32] = self._coder.get_compressed()
        return words.astype(_WORD).tobytes()


class WordDecoder:
    """A range decoder of what a `WordEncoder` wrote.

    Raises:
        CorruptStream: if ``data`` is not a whole number of 32-bit words.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        if len(data) % _WORD.itemsize:
            raise CorruptStream(
                f"a coded stream is a whole number of 4-byte words, but this one has {len(data)} bytes: "
                "it was cut or glued; fetch the data again"
            )
        self._coder: Any = constriction.stream.queue.RangeDecoder(np.frombuffer(data, _WORD).astype(np.uint32))

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
        """Return False if words are certainly left over, True if the stream may end here."""
        return bool(self._coder.maybe_exhausted())


def _one_model(weights_minus_one: npt.NDArray[np.float64]) -> Any:
    return constriction.stream.model.Categorical(weights_minus_one, perfect=False)
