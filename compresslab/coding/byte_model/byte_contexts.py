"""What the byte model looks at before each byte: the contexts of many lanes at once, and where they matched before.

The data is cut into K lanes of L bytes that advance together, one byte each per step; everything here is an array over
lanes. A lane sees its own past and, through the shared tables, the past of every lane.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from compresslab.coding.byte_model.byte_kernels import PHI, advance_contexts, advance_matches

__all__ = ["CONTEXTS", "Contexts", "Matches"]

_ORDERS = (1, 2, 3, 4, 6)  # contexts of the last 1, 2, .. bytes

CONTEXTS = len(_ORDERS) + 5
"""Number of contexts; beside `_ORDERS`: the word, the indentation, the byte above, and two seen in this lane only."""

_BYTE = np.uint64(8)
_MATCH_BITS = 20  # log2 of the positions that are remembered
_MATCH_LEAST = 5  # bytes that must agree for a match to begin
_SPACE, _NEWLINE = 32, 10

_WORD = np.zeros(256, dtype=bool)
_WORD[list(range(ord("a"), ord("z") + 1))] = True
_WORD[list(range(ord("A"), ord("Z") + 1))] = True
_WORD[list(range(ord("0"), ord("9") + 1))] = True
_WORD[ord("_")] = True
_WORD[128:] = True


class Contexts:
    """The contexts of every lane, as 64-bit keys (CONTEXTS, K); `advance` takes in one byte per lane.

    ``text`` is the buffer (K * L,) of uint8 that is filled as coding goes on; only its known part is read. With
    ``compiled``, kernels do the work.
    """

    def __init__(self, text: npt.NDArray[np.uint8], lanes: int, length: int, *, compiled: bool = False) -> None:
        self.text = text
        self._compiled = compiled
        self._start = np.arange(lanes, dtype=np.int64) * length
        self._lane = np.arange(lanes, dtype=np.uint64) * PHI
        self.last = np.zeros(lanes, dtype=np.uint64)  # the last 8 bytes, the newest lowest
        self._word = np.zeros(lanes, dtype=np.uint64)
        self._lines = np.zeros((5, lanes), dtype=np.int64)
        self._lines[2] = 1  # everything up to here was indentation
        self._lines[3:] = self._start  # where this line begins, and the one above
        self.keys = np.zeros((CONTEXTS, lanes), dtype=np.uint64)

    def advance(self, step: int, data: npt.NDArray[np.uint8]) -> None:
        """Take in ``data`` (K,), the bytes at place ``step`` of each lane, and compute the keys for the next."""
        if self._compiled:
            fixed = _ORDERS, _WORD, self._start, self._lane
            advance_contexts(step, data, self.text, self.keys, *fixed, self.last, self._word, self._lines)
            return
        self.last = (self.last << _BYTE) | data
        word = _WORD[data]
        self._word = np.where(word, (self._word + data + np.uint64(1)) * PHI, np.uint64(0))
        newline = data == _NEWLINE
        column, indent, in_indent, line, line_above = self._lines
        line_above[newline] = line[newline]
        line[newline] = self._start[newline] + (step + 1)
        column += 1
        column[newline] = 0
        in_indent &= data == _SPACE
        in_indent[newline] = 1
        np.copyto(indent, column, where=in_indent != 0)
        # The place above may lie beyond that line's end; the start of this line stands for "nothing", and is known.
        above = self.text.take(np.minimum(line_above + column, line), mode="clip")
        keys, last = self.keys, self.last
        for i, order in enumerate(_ORDERS):
            np.left_shift(last, np.uint64(64 - 8 * order), out=keys[i])
        one, two = last & np.uint64(0xFF), last & np.uint64(0xFFFF)
        i = len(_ORDERS)
        keys[i] = self._word ^ one
        keys[i + 1] = ((indent << 32) | (column << 8)).astype(np.uint64) | one
        keys[i + 2] = (above.astype(np.uint64) << np.uint64(16)) | two
        keys[i + 3] = (last & np.uint64(0xFFFFFF)) + self._lane
        keys[i + 4] = self._word ^ self._lane


class Matches:
    """For every lane the place (if any) where its last bytes occurred before, and how long they have agreed since.

    A place is always one that the decoder knows too: it lies earlier in its lane than this lane's own next byte.
    """

    def __init__(self, text: npt.NDArray[np.uint8], lanes: int, length: int, *, compiled: bool = False) -> None:
        self._text = text
        self._compiled = compiled
        self._size = lanes * length
        self._start = np.arange(lanes, dtype=np.int64) * length
        self._seen = np.zeros(1 << _MATCH_BITS, dtype=np.int64)
        self._pending = np.zeros(lanes, dtype=np.uint64)
        self.place = np.zeros(lanes, dtype=np.int64)
        self.length = np.zeros(lanes, dtype=np.int64)
        # every place's last 8 bytes, as the bytes from place - 8 on (for places from 8 on)
        self._eights = np.ndarray((max(0, self._size - 7),), dtype="<u8", buffer=text.data, strides=(1,))

    def advance(self, step: int, last: npt.NDArray[np.uint64]) -> None:
        """Go one byte on, where lengths were not set to 0 since; then look for new matches of ``last`` (K,)."""
        if self._compiled:
            text, state = (self._text, self._size), (self._start, self._seen, self._pending, self.place, self.length)
            advance_matches(step, _MATCH_LEAST, *text, last, *state)
            return
        if step:
            # What preceded place `step` is filed only now that the byte at that place is known.
            self._seen[self._pending] = self._start + step
        going = self.length > 0
        self.place += 1
        self.length = np.where(going & (self.place < self._size), self.length + 1, 0)
        keys = ((last << np.uint64(16)) * PHI) >> np.uint64(64 - _MATCH_BITS)
        self._pending = keys
        lost = np.flatnonzero(self.length == 0)
        places = self._seen[keys[lost]]
        found = places >= 8
        lost, places = lost[found], places[found]
        if not len(lost):
            return
        differ = self._eights[places - 8] ^ last[lost].byteswap()
        agree = np.zeros(len(lost), dtype=np.int64)
        for count in range(1, 9):
            agree += (differ >> np.uint64(64 - 8 * count)) == 0
        good = agree >= _MATCH_LEAST
        self.place[lost[good]] = places[good]
        self.length[lost[good]] = agree[good]

    def expected(self) -> npt.NDArray[np.int64]:
        """The byte (K,) that followed the earlier place, with 256 added; 0 where there is no match."""
        return np.where(self.length > 0, self._text.take(self.place, mode="clip").astype(np.int64) | 256, 0)
