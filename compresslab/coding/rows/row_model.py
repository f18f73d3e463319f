"""One piece of probability rows, ready to be coded: what is asked about each symbol, and under which weights.

1. A row whose largest probability exceeds `compresslab.coding.rows.quantize.FAVOURITE` has a *favourite*: its first
   largest symbol. Whether it came is coded as a flag (`compresslab.coding.rows.flag_coder`), at next to no loss.
2. Where there is no favourite, or it was missed: the block of the symbol, under the masses of the blocks; and then its
   place in the block (`compresslab.coding.rows.quantize`). A missed favourite has mass 0 in both.

So the loss of step 2, about 2.9e-4 bits for a symbol, is paid where symbols cost 2.1 bits or more on average, or where
the favourite was missed. As a favourite has nearly a quarter of the row, so has its block, and no second pass over the
row is needed to find it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from compresslab.coding.rows.flag_coder import FLAG_PRECISION
from compresslab.coding.rows.quantize import (
    FAVOURITE,
    PRECISION,
    TINY,
    BlockLayout,
    Rows,
    block_masses,
    check_rows,
    place_masses,
    sums_of,
    totals_of,
    weights_minus_one,
)
from compresslab.coding.rows.row_kernels import gather, measure, weigh

__all__ = ["Rest", "RowModel"]

Indices = npt.NDArray[np.int64]

_MISSABLE = float((1 << FLAG_PRECISION) - 2)  # the greatest weight of a miss, less one


@dataclass(frozen=True)
class RowModel:
    """Rows (n, V) as the coders take them.

    Attributes:
        rows, layout: what was given.
        masses: of the blocks (n, blocks), without the favourites.
        totals: of those masses (n,).
        found: the favourite of each row (n,), or -1.
        sure: the rows that have a favourite, ascending: (s,).
        favourites: their favourites (s,).
        misses: weights of a miss (s,), in ``2**32``.
        compiled: whether compiled loops are used.
        inside: masses of the places in one block of each row (n, places), without the favourites, and their totals
            (n,), float64: where the blocks were told and compiled loops are used.
    """

    rows: Rows
    layout: BlockLayout
    masses: Rows
    totals: npt.NDArray[np.float64]
    found: Indices
    sure: Indices
    favourites: npt.NDArray[np.int32]
    misses: Indices
    compiled: bool
    inside: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None = None

    @classmethod
    def of(
        cls,
        rows: Rows,
        layout: BlockLayout,
        first_row: int = 0,
        blocks: npt.NDArray[np.int32] | None = None,
        *,
        compiled: bool = False,
    ) -> RowModel:
        """Validate rows, and look for favourites; arguments and errors as of `block_masses`.

        ``blocks`` (n,) are those that `Rest.inner` will be asked for, where that is known: it makes ``compiled`` loops
        faster. These give the same as numpy, in less time where rows are many.
        """
        if layout.levels == 2 and compiled:
            seen = measure(rows, layout.places, FAVOURITE, _MISSABLE, blocks)
            check_rows(rows, seen.sums, seen.unsigned or bool(rows.min() >= 0), first_row)
            likely = np.flatnonzero(seen.found >= 0)
            them, missed = seen.found[likely].astype(np.int32), seen.misses[likely]
            return cls(rows, layout, seen.masses, seen.totals, seen.found, likely, them, missed, True, seen.inside)
        masses, totals = block_masses(rows, layout, first_row)
        sure, favourites = _favourites(rows, layout, masses)
        found = np.full(len(rows), -1, dtype=np.int64)
        if not len(sure):
            return cls(rows, layout, masses, totals, found, sure, favourites.astype(np.int32), sure, compiled)
        found[sure] = favourites
        block, place = np.divmod(favourites, layout.places)
        largest = rows[sure, favourites].astype(np.float64)
        if layout.levels == 1:
            masses = masses.copy()
            masses[sure, block] = 0
        else:
            inside = place_masses(rows, layout, sure, block)
            inside[np.arange(len(sure)), place] = 0
            masses[sure, block] = sums_of(inside)
        rest = totals_of(masses.take(sure, axis=0))
        totals[sure] = rest
        misses = (rest / (largest + rest) * _MISSABLE).astype(np.int64) + 1
        return cls(rows, layout, masses, totals, found, sure, favourites.astype(np.int32), misses, compiled)

    def all(self) -> Rest:
        """Where no favourite was hit: all rows are still to be coded."""
        return Rest(self, np.arange(len(self.rows)))

    def after(self, hits: npt.NDArray[np.bool_]) -> Rest:
        """What is still to be coded, given which favourites (s,) were hit."""
        left = np.ones(len(self.rows), dtype=np.bool_)
        left[self.sure[hits]] = False
        return Rest(self, np.flatnonzero(left))


@dataclass(frozen=True)
class Rest:
    """The rows of which blocks and places are coded: those without a favourite, and those that missed it.

    Attributes:
        model: all rows.
        chosen: their numbers, ascending (c,).
    """

    model: RowModel
    chosen: Indices

    def outer(self) -> npt.NDArray[np.float64]:
        """Weights minus one of the blocks of each row: (c, blocks)."""
        model, chosen = self.model, self.chosen
        if model.compiled:
            return _weights(model.masses, model.totals, chosen)
        return weights_minus_one(model.masses.take(chosen, axis=0), model.totals[chosen])

    def inner(self, blocks: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
        """Weights minus one of the places in block ``blocks[i]`` of each row: (c, places)."""
        model, chosen, places = self.model, self.chosen, self.model.layout.places
        if model.inside is not None:
            return _weights(*model.inside, chosen)
        if model.compiled:
            return _weights(*gather(model.rows, places, chosen, blocks, model.found), np.arange(len(chosen)))
        masses = place_masses(model.rows, model.layout, chosen, blocks)
        block, place = np.divmod(model.found[chosen], places)  # without a favourite: block -1
        missed = np.flatnonzero(block == blocks)
        masses[missed, place[missed]] = 0
        return weights_minus_one(masses)


def _weights(masses: Rows, totals: npt.NDArray[np.float64], chosen: Indices) -> npt.NDArray[np.float64]:
    """Weights minus one (c, k) of the rows ``chosen`` (c,) of ``masses`` (n, k), compiled where no total is tiny."""
    k = masses.shape[1]
    weights = np.empty((len(chosen), k))
    if weigh(masses, totals, chosen, float((1 << PRECISION) - k), TINY, weights):
        return weights
    return weights_minus_one(masses.take(chosen, axis=0), totals[chosen])


def _favourites(rows: Rows, layout: BlockLayout, masses: Rows) -> tuple[Indices, Indices]:
    """Return the rows that have a favourite (s,), ascending, and their favourites (s,)."""
    row, block = np.divmod(np.flatnonzero(masses.reshape(-1) > FAVOURITE), layout.blocks)
    if layout.levels == 1:
        likely, place = _largest_of_each(row, np.arange(len(row)), block, masses[row, block])
        return row[likely], place
    inside = place_masses(rows, layout, row, block)  # of the heavy blocks, which are few
    likely, place = np.divmod(np.flatnonzero(inside.reshape(-1) > FAVOURITE), layout.places)
    likely, place = _largest_of_each(row, likely, place, inside[likely, place])
    return row[likely], block[likely] * layout.places + place


def _largest_of_each(row: Indices, likely: Indices, place: Indices, mass: Rows) -> tuple[Indices, Indices]:
    """Up to four symbols of a row can be as likely as that: keep the largest, of equals the first."""
    rows = row[likely]
    first = np.ones(len(rows), dtype=np.bool_)
    np.not_equal(rows[1:], rows[:-1], out=first[1:])
    if first.all():
        return likely, place
    largest = np.maximum.reduceat(mass, np.flatnonzero(first))[first.cumsum() - 1]
    at = np.flatnonzero(mass == largest)
    keep = at[np.concatenate([[True], rows[at[1:]] != rows[at[:-1]]])]
    return likely[keep], place[keep]
