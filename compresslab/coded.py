"""A coded text: every response's tokens as ``token + 1`` and then 0 for EOS; and where phrases start in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from compresslab import kernels
from compresslab.arrays import smallest_unsigned
from compresslab.phrases import Parse, locate_phrases, num_phrases
from compresslab.strings import Unsigned

__all__ = ["CodedText", "Places", "Positions", "encode_text", "locate_places"]

Positions = NDArray[Any]  # in a coded text: uint32, or int64 where it is longer than that

SPARSE: Final = 1 << 20  # tokens from here on are numbered anew where few of them occur


@dataclass(frozen=True, eq=False)
class CodedText:
    """Responses as one array of codes, which ends in EOS.

    Attributes:
        codes: unsigned.
        largest: the largest token, or place in the alphabet.
        alphabet: the tokens that codes stand for; None if a code is a token plus 1.
    """

    codes: Unsigned
    largest: int
    alphabet: Unsigned | None

    @property
    def bits(self) -> int:
        """Bits per code."""
        return (self.largest + 1).bit_length()

    @property
    def symbol_dtype(self) -> np.dtype[np.unsignedinteger[Any]]:
        """The smallest type for a code minus 1."""
        return smallest_unsigned(self.largest)

    def tokens_of(self, symbols: Unsigned) -> Unsigned:
        """Return the tokens that codes minus 1 stand for."""
        return symbols if self.alphabet is None else self.alphabet[symbols]


@dataclass(frozen=True, eq=False)
class Places:
    """Where phrases start in a coded text: at the ``chosen`` places (ascending), and everywhere below ``limit``."""

    chosen: Positions
    limit: int

    def __len__(self) -> int:
        return len(self.chosen) or self.limit


def encode_text(tokens: Unsigned, offsets: NDArray[np.int64]) -> CodedText:
    """Write some responses as a coded text."""
    alphabet: Unsigned | None = None
    largest = int(tokens.max(initial=0))
    if largest >= max(SPARSE, len(tokens)):
        alphabet, dense = np.unique(tokens, return_inverse=True)
        largest = len(alphabet) - 1
        tokens = dense.astype(smallest_unsigned(largest))
    codes = np.empty(len(tokens) + len(offsets) - 1, smallest_unsigned(largest + 1))
    kernels.encode(tokens, offsets, codes)
    return CodedText(codes, largest, alphabet)


def locate_places(
    offsets: NDArray[np.int64], depth: int, parse: Parse, *, resumes: bool = False, cut: int | None = None
) -> Places:
    """Find where phrases start.

    Args:
        offsets: int64, as in a dataset.
        depth: symbols per phrase, ``d``.
        parse: the parse mode.
        resumes: whether the first response started earlier, by a multiple of ``d`` symbols.
        cut: leave out phrases that start in the last response at this symbol or later.
    """
    last = len(offsets) - 2
    limit = int(offsets[-1]) + last + 1 if cut is None else int(offsets[last]) + last + cut
    if parse == "windows":
        return Places(np.empty(0, np.int64), limit)
    response = np.repeat(np.arange(last + 1), num_phrases(np.diff(offsets), depth, parse))
    start = locate_phrases(offsets, depth, parse)[0] + response
    return Places(start[(start < limit) & ~(resumes & (parse == "prefix") & (response == 0))], 0)
