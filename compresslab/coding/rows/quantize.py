"""From probabilities to whole numbers: what makes coding exact, and what it costs.

A range coder needs positive integer weights ``w_1 .. w_k`` with the sum ``2**24``. From masses ``x_1 .. x_k`` (not
necessarily normalised) we take, in one pass and without any search,

    ``w_i = 1 + floor(s x_i)``,   ``s = (2**24 - k) / (x_1 + .. + x_k)``,

and give what is left of ``2**24`` to the first symbol. As ``1 + floor(a) > a``, each weight exceeds
``(2**24 - k) p_i``, where ``p_i`` is the normalised mass; hence (claim `quantization-overhead`)

    ``-log2(w_i / 2**24) < -log2(p_i) - log2(1 - k / 2**24)``   for every symbol, whatever its probability.

Above `ONE_LEVEL` symbols a row is coded in two levels: symbol ``v`` is place ``v % m`` of block ``v // m``; the block
is coded under the block masses, then the place under the masses in that block. Only one block of the row has to be
looked at closely, which makes coding about as fast as reading the row, and in the bound ``k`` falls from ``V`` to about
``2 sqrt(V)``.

The weights are a function of the row's floats alone: every addition of floats happens in an order that is written down
here (`_sum_in_lanes`), each rounded as IEEE 754 says; sums of whole numbers are exact in any order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from compresslab._support.arrays import as_array
from compresslab.errors import InvalidDistribution, InvalidParameter

__all__ = [
    "FAVOURITE",
    "MAX_VOCABULARY",
    "ONE_LEVEL",
    "PRECISION",
    "SUM_TOLERANCE",
    "TINY",
    "BlockLayout",
    "Rows",
    "as_rows",
    "block_layout",
    "block_masses",
    "check_rows",
    "place_masses",
    "quantize",
    "refuse_row",
    "sums_of",
    "totals_of",
    "weights_bound_bits",
    "weights_minus_one",
]

FAVOURITE: Final = 31 / 128
"""Exact in float32. Above it, a symbol is its row's favourite; a row without one has more than 2.1 bits."""

PRECISION = 24
"""Weights are parts of ``2**PRECISION``: constriction's precision."""

MAX_VOCABULARY = (1 << PRECISION) - 2
"""The largest number of symbols that can be told apart."""

ONE_LEVEL = 64
"""Up to this many symbols a row is coded in one level; measured: above it two levels are faster."""

SUM_TOLERANCE = 1e-4
"""How far from 1 a row may sum: what float32 rounding leaves of a softmax over a large vocabulary, and some."""

TINY: Final = 2.0**-900
"""Masses with a smaller total are scaled up first: ``2**24 / total`` could overflow."""

_FEWEST_PLACES = 16  # four vectors of four lanes, see `_sum_in_lanes`
_CACHE_BYTES = 1 << 20  # rows are read in pieces of this size: once from memory, then from the cache

Rows: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.float64]


@dataclass(frozen=True)
class BlockLayout:
    """How a row of ``vocab_size`` symbols is cut: symbol ``v`` is place ``v % places`` of block ``v // places``."""

    vocab_size: int
    blocks: int
    places: int

    @property
    def levels(self) -> int:
        """1 (a symbol is coded at once) or 2 (its block, then its place)."""
        return 1 if self.places == 1 else 2


def block_layout(vocab_size: int) -> BlockLayout:
    """Return how rows of ``vocab_size`` symbols are cut into blocks of about ``sqrt(vocab_size)`` places.

    Raises:
        InvalidParameter: if ``vocab_size`` is not from 2 to `MAX_VOCABULARY`.

    Example:
        >>> block_layout(49152)
        BlockLayout(vocab_size=49152, blocks=192, places=256)
        >>> block_layout(64)
        BlockLayout(vocab_size=64, blocks=64, places=1)
    """
    if not 2 <= vocab_size <= MAX_VOCABULARY:
        raise InvalidParameter(
            f"a coder needs from 2 to {MAX_VOCABULARY} symbols (2**{PRECISION} - 2), not {vocab_size}"
            + (": a single symbol carries no information, code nothing" if vocab_size == 1 else "")
        )
    if vocab_size <= ONE_LEVEL:
        return BlockLayout(vocab_size, vocab_size, 1)
    places = max(_FEWEST_PLACES, 1 << round(math.log2(vocab_size) / 2))
    return BlockLayout(vocab_size, -(-vocab_size // places), places)


def weights_bound_bits(vocab_size: int, dtype: npt.DTypeLike = np.float64) -> float:
    """Bound on the bits that weights add to ``-log2(p / sum(row))``, for every symbol of any valid row.

    The exact part is ``-log2(1 - k/2**24)`` for each level of ``k`` alternatives (claim `quantization-overhead`); the
    rest bounds what rounding can add: ``k`` additions and three more operations in float64 on each level, and
    ``places`` additions in ``dtype`` for the block masses.

    Example:
        >>> f"{weights_bound_bits(256):.2e}", f"{weights_bound_bits(49152):.2e}"
        ('2.75e-06', '3.85e-05')
    """
    layout = block_layout(vocab_size)
    unit = float(np.finfo(np.dtype(dtype)).eps) / 2
    bound = 0.0
    for k in (layout.blocks, layout.places) if layout.levels == 2 else (layout.blocks,):
        bound -= math.log2(1 - k / 2**PRECISION) + (k + 3) * math.log2(1 - 2.0**-53)
    if layout.levels == 2:
        bound -= 2 * layout.places * math.log2(1 - unit)
    return bound


def as_rows(rows: npt.ArrayLike, vocab_size: int | None = None) -> Rows:
    """Return ``rows`` as a C-contiguous (n, V) array of float32 or float64, without a copy where it is one.

    Raises:
        InvalidDistribution: if it is not a matrix of float32 or float64, or not ``vocab_size`` wide.
    """
    array = as_array(rows)
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
        ([[12582911, 4194304, 1], [16777214, 1, 1]], [16777216, 16777216])
    """
    array = as_rows(rows)
    k = block_layout(array.shape[1]).vocab_size
    masses, _ = block_masses(array, BlockLayout(k, k, 1))
    return weights_minus_one(masses).astype(np.int64) + 1


def block_masses(rows: Rows, layout: BlockLayout, first_row: int = 0) -> tuple[Rows, npt.NDArray[np.float64]]:
    """Validate ``rows`` (n, V); return the masses of their blocks (n, blocks) and their totals (n,), float64.

    Masses are in the rows' dtype; with one level they are the rows themselves, not a copy. ``first_row`` is the number
    of the first row in the caller's count, for messages. `as_rows` must hold.

    Raises:
        InvalidDistribution: naming the first row that is not a probability distribution, and why.
    """
    n, vocab_size = rows.shape
    masses = rows if layout.levels == 1 else np.empty((n, layout.blocks), dtype=rows.dtype)
    non_negative = True
    step = max(1, _CACHE_BYTES // (vocab_size * rows.itemsize))
    for i in range(0, n, step):
        piece = rows[i : i + step]
        if layout.levels == 2:
            _block_masses(piece, layout, masses[i : i + step])
        non_negative = bool(piece.min() >= 0) and non_negative  # a comparison with NaN is false
    totals = totals_of(masses)
    check_rows(rows, totals, non_negative, first_row)
    return masses, totals


def place_masses(
    rows: Rows, layout: BlockLayout, chosen: npt.NDArray[np.integer], blocks: npt.NDArray[np.integer]
) -> Rows:
    """Copy the masses of the places in block ``blocks[i]`` of row ``chosen[i]``: (len(chosen), ``layout.places``).

    Places beyond the vocabulary (in the last block, if ``V`` is not a multiple) have mass 0.
    """
    whole = layout.vocab_size // layout.places
    used = whole * layout.places
    if used == layout.vocab_size:
        masses: Rows = rows.reshape(-1, layout.places).take(chosen * layout.blocks + blocks, axis=0)
        return masses
    masses = rows[:, :used].reshape(len(rows), whole, layout.places)[chosen, np.minimum(blocks, whole - 1)]
    last = np.flatnonzero(blocks == whole)
    if len(last):
        masses[last] = 0
        masses[last, : layout.vocab_size - used] = rows[chosen[last], used:]
    return masses


def weights_minus_one(masses: Rows, totals: npt.NDArray[np.float64] | None = None) -> npt.NDArray[np.float64]:
    """Return the weights minus one (n, k), float64, of non-negative masses (n, k), k >= 2; no mass at all: uniform.

    ``totals`` are those of `totals_of`, where they are known.
    """
    k = masses.shape[1]
    free = float((1 << PRECISION) - k)
    totals = totals_of(masses) if totals is None else totals
    if len(masses) and not totals.min() >= TINY:
        tiny = np.flatnonzero(totals < TINY)
        masses = masses.astype(np.float64)
        masses[tiny] *= 2.0**600  # exact, subnormal numbers included
        masses[tiny[totals[tiny] == 0]] = 1.0
        totals = totals_of(masses)
    x = np.multiply(masses, (free / totals)[:, None], dtype=np.float64)
    np.floor(x, out=x)
    x[:, 0] += free - np.einsum("ij->i", x)  # whole numbers: exact in any order
    return x


def check_rows(rows: Rows, totals: npt.NDArray[np.float64], non_negative: bool, first_row: int) -> None:
    """Raise unless every row is ``non_negative``, finite and sums to 1 within `SUM_TOLERANCE`.

    ``totals`` (n,) are the sums of the rows, and ``first_row`` is the number of the first, for messages.

    Raises:
        InvalidDistribution: naming the first row that is not a probability distribution, and why.
    """
    # NaN and infinities reach the totals, and every comparison with NaN is false.
    if not len(rows) or (non_negative and np.abs(totals - 1.0).max() <= SUM_TOLERANCE):
        return
    for t, row in enumerate(rows):
        _check_row(row, first_row + t)
    worst = int(np.abs(totals - 1.0).argmax())  # the sums disagree in rounding only: this one is at the very limit
    refuse_row(rows[worst], first_row + worst)


def refuse_row(row: Rows, number: int) -> None:
    """Raise InvalidDistribution, which says why ``row`` (V,), of this number, is not a distribution."""
    _check_row(row, number, certainly_bad=True)


def totals_of(masses: Rows) -> npt.NDArray[np.float64]:
    """Add up masses (n, k) along the last axis in float64, in the order that the format defines: (n,)."""
    out = np.empty((len(masses), 1))
    _sum_over_last(masses.astype(np.float64, copy=False)[:, None, :], out)
    total: npt.NDArray[np.float64] = out[:, 0]
    return total


def sums_of(masses: Rows) -> Rows:
    """Add up masses (n, k) along the last axis in their own dtype, in the order that the format defines: (n,)."""
    out = np.empty((len(masses), 1), dtype=masses.dtype)
    _sum_over_last(masses[:, None, :], out)
    total: Rows = out[:, 0]
    return total


def _cut(rows: Rows, layout: BlockLayout) -> tuple[Rows, Rows | None]:
    """View rows (n, V) as whole blocks (n, V // places, places); and the rest, filled up with zeros, or None."""
    whole = layout.vocab_size // layout.places
    used = whole * layout.places
    blocks = rows[:, :used].reshape(len(rows), whole, layout.places)
    if used == layout.vocab_size:
        return blocks, None
    rest = np.zeros((len(rows), layout.places), dtype=rows.dtype)
    rest[:, : layout.vocab_size - used] = rows[:, used:]
    return blocks, rest


def _block_masses(rows: Rows, layout: BlockLayout, out: Rows) -> None:
    whole, rest = _cut(rows, layout)
    if rest is None:
        _sum_over_last(whole, out)
    else:
        _sum_over_last(whole, out[:, :-1])
        _sum_over_last(rest[:, None, :], out[:, -1:])


def _sum_over_last(values: Rows, out: Rows) -> None:
    """Add up the last axis of ``values`` (n, j, k) in the order of `_sum_in_lanes`, fast where numpy agrees."""
    if _einsum_adds_in_lanes(values.dtype.itemsize, values.shape[-1]):
        np.einsum("ijk->ij", values, out=out)
    else:
        out[...] = _sum_in_lanes(values)


def _sum_in_lanes(values: Rows) -> Rows:
    """Add up the last axis in vectors of 16 bytes (4 float32 or 2 float64); at the end the lanes of the sum, in pairs.

    Vectors are added four at a time while there are four, then one by one, the last one filled up with zeros. This is
    the definition of a sum in this file, in element-wise additions, which are the same everywhere.
    """
    lanes = 16 // values.itemsize
    k = values.shape[-1]
    padded = np.zeros((*values.shape[:-1], -(-k // lanes), lanes), dtype=values.dtype)
    padded.reshape(*values.shape[:-1], -1)[..., :k] = values
    vectors = [padded[..., i, :] for i in range(padded.shape[-2])]
    total = np.zeros_like(vectors[0])
    whole = k // (4 * lanes) * 4
    for i in range(0, whole, 4):
        total = ((vectors[i] + vectors[i + 1]) + (vectors[i + 2] + vectors[i + 3])) + total
    for vector in vectors[whole:]:
        total = vector + total
    while lanes > 1:
        lanes //= 2
        total = total[..., 0::2] + total[..., 1::2]
    return total[..., 0]


@cache
def _einsum_adds_in_lanes(itemsize: int, k: int) -> bool:
    """Whether this numpy's einsum adds in the order of `_sum_in_lanes`, seen on sums that depend on the order.

    numpy promises no order. Where it is this one (numpy 2 on a CPU with 128-bit vectors) einsum is several times
    faster; anywhere else the definition itself is computed, and the bits are the same.
    """
    rng = np.random.default_rng(k)
    wide = np.ldexp(rng.random((16, 3, k)), rng.integers(-20, 1, (16, 3, k)))
    values: Rows = wide.astype(np.float32) if itemsize == 4 else wide
    return bool(np.array_equal(np.einsum("ijk->ij", values), _sum_in_lanes(values)))


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
