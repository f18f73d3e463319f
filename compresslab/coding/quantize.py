"""From probabilities to whole numbers: what makes coding exact, and what it costs.

A range coder needs positive integer weights ``w_1 .. w_k`` with the sum ``2**24``. From masses ``x_1 .. x_k`` (not
necessarily normalised) with running sums ``F_i`` we take, in one pass and without any search,

    ``w_i = 1 + floor(s F_i) - floor(s F_{i-1})``,   ``s = (2**24 - k) / F_k``.

The floors telescope, so the weights have the right sum whatever the rounding. As ``floor(a) - floor(b) > a - b - 1``,
each weight exceeds ``(2**24 - k) x_i / F_k``, hence (claim `quantization-overhead`):

    ``-log2(w_i / 2**24) < -log2(x_i / F_k) - log2(1 - k / 2**24)``   for every symbol, whatever its probability.

Above `ONE_LEVEL` symbols a row is coded in two levels: symbol ``v`` lies in block ``v % B`` at place ``v // B``; the
block is coded under the block masses, then the place under the masses in that block. Only one block of the row has to
be looked at closely, which makes coding about as fast as reading the row, and it shrinks ``k`` from ``V`` to about
``2 sqrt(V)`` in the bound. Block masses are added up by halving: a fixed tree of additions of whole slices, each
rounded as IEEE 754 says, so the weights are a function of the row's floats on any machine and any numpy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from compresslab.errors import InvalidDistribution, InvalidParameter

__all__ = [
    "MAX_VOCABULARY",
    "ONE_LEVEL",
    "PRECISION",
    "SUM_TOLERANCE",
    "Rows",
    "Split",
    "as_rows",
    "block_weights",
    "inner_weights",
    "overhead_bound_bits",
    "quantize",
    "split_of",
]

PRECISION = 24
"""Weights are parts of ``2**PRECISION``: constriction's precision."""

MAX_VOCABULARY = (1 << PRECISION) - 2
"""The largest number of symbols that can be told apart."""

ONE_LEVEL = 64
"""Up to this many symbols a row is coded in one level; measured: above it two levels are faster."""

SUM_TOLERANCE = 1e-4
"""How far from 1 a row may sum: what float32 rounding leaves of a softmax over a large vocabulary, and some."""

_TINY = 2.0**-900  # below this, (2**24 / total) could overflow

Rows: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.float64]


@dataclass(frozen=True)
class Split:
    """How a row of ``vocab_size`` symbols is cut: symbol ``v`` is place ``v // blocks`` of block ``v % blocks``."""

    vocab_size: int
    blocks: int
    places: int

    @property
    def levels(self) -> int:
        """1 (a symbol is coded at once) or 2 (its block, then its place)."""
        return 1 if self.places == 1 else 2


def split_of(vocab_size: int) -> Split:
    """Return how rows of ``vocab_size`` symbols are cut into blocks of about ``sqrt(vocab_size)`` places.

    Raises:
        InvalidParameter: if ``vocab_size`` is not from 2 to `MAX_VOCABULARY`.

    Example:
        >>> split_of(49152)
        Split(vocab_size=49152, blocks=192, places=256)
        >>> split_of(64)
        Split(vocab_size=64, blocks=64, places=1)
    """
    if not 2 <= vocab_size <= MAX_VOCABULARY:
        raise InvalidParameter(
            f"a coder needs from 2 to {MAX_VOCABULARY} symbols (2**{PRECISION} - 2), not {vocab_size}"
            + (": a single symbol carries no information, code nothing" if vocab_size == 1 else "")
        )
    if vocab_size <= ONE_LEVEL:
        return Split(vocab_size, vocab_size, 1)
    places = 1 << round(math.log2(vocab_size) / 2)
    return Split(vocab_size, -(-vocab_size // places), places)


def overhead_bound_bits(vocab_size: int, dtype: npt.DTypeLike = np.float64) -> float:
    """Bound on the bits per symbol that quantisation adds to ``-log2(p / sum(row))``, for every symbol of any row.

    The exact part is ``-log2(1 - k/2**24)`` for each level of ``k`` alternatives (claim `quantization-overhead`); the
    rest bounds what rounding in float64 (running sums) and ``dtype`` (block masses) can add.

    Example:
        >>> f"{overhead_bound_bits(256, np.float32):.1e}", f"{overhead_bound_bits(49152, np.float32):.1e}"
        ('3.7e-06', '4.2e-05')
    """
    split = split_of(vocab_size)
    unit = float(np.finfo(np.dtype(dtype)).eps) / 2
    bound = 0.0
    for k in (split.blocks, split.places) if split.levels == 2 else (split.blocks,):
        slack = 2 * (k + 4) * 2.0 ** (PRECISION - 53)
        bound -= math.log2(1 - k / 2**PRECISION) + math.log2(1 - slack)
    if split.levels == 2:
        bound -= 2 * math.log2(split.places) * math.log2(1 - unit)
    return bound


def as_rows(rows: npt.ArrayLike, vocab_size: int | None = None) -> Rows:
    """Return ``rows`` as a C-contiguous (n, V) array of float32 or float64, without a copy where it is one.

    Raises:
        InvalidDistribution: if it is not a matrix of float32 or float64, or not ``vocab_size`` wide.
    """
    array = np.asarray(rows)
    if array.ndim != 2:
        raise InvalidDistribution(
            f"probabilities must be a matrix, one row per symbol, but have shape {array.shape}"
            + (": add an axis, rows[None, :]" if array.ndim == 1 else "")
        )
    if array.dtype not in (np.float32, np.float64):
        raise InvalidDistribution(
            f"probabilities must be float32 or float64, not {array.dtype}: convert them once, "
            "and give the very same numbers to the encoder and the decoder"
        )
    if vocab_size is not None and array.shape[1] != vocab_size:
        raise InvalidDistribution(
            f"every row must have {vocab_size} probabilities, one per symbol of the vocabulary, not {array.shape[1]}"
        )
    return np.ascontiguousarray(array)


def quantize(rows: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Quantise probability rows (n, V) to integer weights (n, V), int64, in one level; every row sums to ``2**24``.

    This is the map that the coder applies on each of its levels; ``weights / 2**24`` is the distribution that is coded.

    Raises:
        InvalidDistribution: if a row holds NaN, an infinity or a negative number, or does not sum to 1.
        InvalidParameter: if V is not from 2 to `MAX_VOCABULARY`.

    Example:
        >>> import numpy as np
        >>> weights = quantize(np.array([[0.75, 0.25, 0.0], [1.0, 1e-300, 0.0]]))
        >>> weights.tolist(), weights.sum(axis=1).tolist()
        ([[12582910, 4194305, 1], [16777214, 1, 1]], [16777216, 16777216])
    """
    array = as_rows(rows)
    split = split_of(array.shape[1])
    _check(array, array.sum(axis=1, dtype=np.float64), 0)
    return _weights_minus_one(array, Split(split.vocab_size, split.vocab_size, 1).blocks).astype(np.int64) + 1


def block_weights(rows: Rows, split: Split, first_row: int = 0) -> npt.NDArray[np.float64]:
    """Validate ``rows`` (n, V) and return the weights minus one of their blocks, (n, ``split.blocks``) float64.

    ``first_row`` is the number of the first row in the caller's count, for messages. `as_rows` must hold.

    Raises:
        InvalidDistribution: naming the first row that is not a probability distribution, and why.
    """
    masses = rows if split.levels == 1 else _fold(rows, split)
    running = np.cumsum(masses, axis=1, dtype=np.float64)
    _check(rows, running[:, -1], first_row)
    return _telescope(running, split.blocks)


def inner_weights(rows: Rows, split: Split, blocks: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """Return the weights minus one of the places in block ``blocks[t]`` of row ``t``: (n, ``split.places``) float64.

    Places beyond the vocabulary (in the last blocks, if ``V`` is not a multiple) have mass 0, so weight 1.
    """
    n, vocab_size = rows.shape
    symbols = blocks[:, None].astype(np.int64) + np.arange(split.places, dtype=np.int64) * split.blocks
    beyond = None
    if split.blocks * split.places > vocab_size:
        beyond = symbols >= vocab_size
        symbols[beyond] = 0
    symbols += (np.arange(n, dtype=np.int64) * vocab_size)[:, None]
    masses = rows.reshape(-1).take(symbols)
    if beyond is not None:
        masses[beyond] = 0.0
    return _weights_minus_one(masses, split.places)


def _weights_minus_one(masses: Rows, k: int) -> npt.NDArray[np.float64]:
    return _telescope(np.cumsum(masses, axis=1, dtype=np.float64), k)


def _telescope(running: npt.NDArray[np.float64], k: int) -> npt.NDArray[np.float64]:
    """Turn running sums (n, k), which are overwritten, into weights minus one; a row of zeros becomes uniform."""
    free = float((1 << PRECISION) - k)
    total = running[:, -1:]
    if total.size and not total.min() >= _TINY:
        tiny = total[:, 0] < _TINY
        running[tiny] *= 2.0**600  # exact, subnormal numbers included
        running[tiny & (total[:, 0] == 0)] = np.arange(1, k + 1, dtype=np.float64)
    running *= free / running[:, -1:]
    np.floor(running, out=running)
    running[:, -1] = free
    weights = np.empty_like(running)
    weights[:, 0] = running[:, 0]
    np.subtract(running[:, 1:], running[:, :-1], out=weights[:, 1:])
    return weights


def _fold(rows: Rows, split: Split) -> Rows:
    """Add up the places of every block by halving: (n, V) to (n, blocks), the same tree of additions everywhere."""
    n, vocab_size = rows.shape
    blocks, half = split.blocks, split.places // 2
    width = half * blocks
    rest = vocab_size - width
    folded = np.empty((n, width), dtype=rows.dtype)
    np.add(rows[:, :rest], rows[:, width:], out=folded[:, :rest])
    folded[:, rest:] = rows[:, rest:width]
    while half > 1:
        half //= 2
        width = half * blocks
        folded = folded[:, :width] + folded[:, width : 2 * width]
    return folded


def _check(rows: Rows, totals: npt.NDArray[np.float64], first_row: int) -> None:
    """Raise unless every row is non-negative, finite and sums to 1 within `SUM_TOLERANCE`."""
    if not rows.size:
        return
    # NaN and infinities reach the totals, and every comparison with NaN is false.
    if rows.min() >= 0 and np.abs(totals - 1.0).max() <= SUM_TOLERANCE:
        return
    for t, row in enumerate(rows):
        _check_row(row, first_row + t)
    _check_row(rows[int(np.abs(totals - 1.0).argmax())], first_row, certainly_bad=True)  # off by rounding alone


def _check_row(row: Rows, number: int, certainly_bad: bool = False) -> None:
    if not np.isfinite(row).all():
        v = int(np.flatnonzero(~np.isfinite(row))[0])
        raise InvalidDistribution(
            f"probabilities must be finite, but row {number} has {row[v]} at symbol {v}: "
            "look for an overflow in the model, or a log of 0"
        )
    if (row < 0).any():
        v = int(row.argmin())
        raise InvalidDistribution(
            f"probabilities must not be negative, but row {number} has {row[v]:g} at symbol {v}: "
            "are these logits or log-probabilities? take exp of log-probabilities, softmax of logits"
        )
    total = float(row.sum(dtype=np.float64))
    if total == 0:
        raise InvalidDistribution(f"probabilities must sum to 1, but row {number} is all zero: no symbol is possible")
    if certainly_bad or abs(total - 1.0) > SUM_TOLERANCE:
        raise InvalidDistribution(f"row {number}: probabilities sum to {total:.6g}, not 1: divide by their sum")
