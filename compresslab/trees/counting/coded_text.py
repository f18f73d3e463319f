"""A coded text: each response's tokens as ``token + 1`` and then 0 for EOS; where its phrases start; its layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import smallest_unsigned
from compresslab._support.threads import on_all_cores, workers
from compresslab.trees.counting.kernels import any_depth as kernels
from compresslab.trees.leaves import Unsigned
from compresslab.trees.phrases import Parse, locate_phrases, num_phrases

__all__ = ["CodedText", "Places", "Positions", "encode_text", "locate_places", "read_layers"]

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


def read_layers(
    text: CodedText,
    leaves: int,
    depth: int,
    measure: Callable[[slice, NDArray[np.int64]], None],
    read: Callable[[slice, NDArray[np.int64], Unsigned], None],
) -> tuple[Unsigned, ...]:
    """Return each layer's symbols.

    Args:
        text: where the leaves come from.
        leaves: how many there are.
        depth: symbols per phrase, ``d``.
        measure: told some leaves, counts the nodes that they add to layer ``m`` in place ``m - 1`` of an array.
        read: told some leaves and where they begin in each layer, writes their symbols to an array of all layers.
    """
    step = max(1, -(-leaves // (4 * workers())))
    parts = [slice(lo, min(lo + step, leaves)) for lo in range(0, leaves, step)]
    nodes = np.zeros((len(parts), depth + 1), np.int64)
    on_all_cores(lambda i: measure(parts[i], nodes[i]), range(len(parts)))
    layers = nodes[:, :depth].sum(axis=0)
    base = np.cumsum(layers) - layers
    flat = np.empty(int(layers.sum()), text.symbol_dtype)
    at = base + np.cumsum(nodes[:, :depth], axis=0) - nodes[:, :depth]
    on_all_cores(lambda i: read(parts[i], at[i], flat), range(len(parts)))
    return tuple(text.tokens_of(layer) for layer in np.split(flat, base[1:]))
