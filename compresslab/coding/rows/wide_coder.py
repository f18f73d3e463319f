"""Coding symbols under rows of many probabilities: flags of favourites, blocks, and places in them.

What the three parts are, `compresslab.coding.rows.row_model` says. The byte lengths (LEB128) of all but the last of
them stand in front; if all are empty, the stream is no bytes at all. In streams of version 1 rows of few probabilities
are coded in this way too; `compresslab.coding.rows.share_coder` codes them now.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from compresslab.coding.range_coder import WordDecoder, WordEncoder
from compresslab.coding.rows.flag_coder import FlagDecoder, FlagEncoder
from compresslab.coding.rows.joined import cut_streams, join_streams
from compresslab.coding.rows.quantize import BlockLayout, Rows
from compresslab.coding.rows.row_kernels import pays
from compresslab.coding.rows.row_model import RowModel
from compresslab.errors import CorruptStream

__all__ = ["WideDecoder", "WideEncoder"]

Symbols = NDArray[np.int32]

_PIECE_WEIGHTS = 1 << 18  # rows are worked on in pieces of so many weights: memory is bounded, whatever the length


class WideEncoder:
    """Encodes symbols under rows that are cut as ``layout`` says."""

    def __init__(self, layout: BlockLayout) -> None:
        self._layout = layout
        self._flags = FlagEncoder()
        self._coders = [WordEncoder() for _ in range(layout.levels)]

    def push(self, tokens: Symbols, rows: Rows, first_row: int) -> None:
        """Append ``tokens`` (n,), each under its row; raises InvalidDistribution. ``first_row`` rows came before."""
        blocks, places = np.divmod(tokens, np.int32(self._layout.places))
        for piece, model in _models(rows, self._layout, first_row, blocks):
            self._push(tokens[piece], blocks[piece], places[piece], model)

    def _push(self, tokens: Symbols, blocks: Symbols, places: Symbols, model: RowModel) -> None:
        rest = model.all()
        if len(model.sure):
            hits = tokens[model.sure] == model.favourites
            self._flags.encode(model.misses, hits, compiled=model.compiled)
            rest = model.after(hits)
            blocks, places = blocks[rest.chosen], places[rest.chosen]
        self._coders[0].encode(blocks, rest.outer())
        if self._layout.levels == 2:
            self._coders[1].encode(places, rest.inner(blocks))

    @staticmethod
    def push_each(encoders: Sequence[WideEncoder], tokens: Symbols, rows: Rows, steps: int) -> None:
        """Append ``tokens[i]`` to the stream of ``encoders[i]``, under ``rows[i]``; ``steps`` steps came before."""
        layout = encoders[0]._layout
        model = RowModel.of(rows, layout, compiled=pays((1 + steps) * rows.size))
        rest = model.all()
        if len(model.sure):
            hits = tokens[model.sure] == model.favourites
            for i, row in enumerate(model.sure):
                encoders[row]._flags.encode(model.misses[i : i + 1], hits[i : i + 1])
            rest = model.after(hits)
        tokens = tokens[rest.chosen]
        levels = [(tokens, rest.outer())]
        if layout.levels == 2:
            blocks, places = np.divmod(tokens, np.int32(layout.places))
            levels = [(blocks, levels[0][1]), (places, rest.inner(blocks))]
        for i, s in enumerate(rest.chosen):
            for coder, (symbol, weights) in zip(encoders[s]._coders, levels, strict=True):
                coder.encode(symbol[i : i + 1], weights[i : i + 1])

    def finish(self) -> bytes:
        """Return the stream. (More can still be pushed; then finish again.)"""
        return join_streams([self._flags.finish(), *(coder.finish(trimmed=True) for coder in self._coders)])


class WideDecoder:
    """Decodes what a `WideEncoder` of the same layout wrote; raises CorruptStream if ``data`` cannot be a stream."""

    def __init__(self, data: bytes, layout: BlockLayout) -> None:
        self._layout = layout
        flags, *words = cut_streams(data, 1 + layout.levels)
        self._flags = FlagDecoder(flags)
        self._coders = [WordDecoder(part, trimmed=True) for part in words]

    def pull(self, rows: Rows, first_row: int) -> Symbols:
        """Return the next symbols (n,), given their rows; raises InvalidDistribution and CorruptStream."""
        symbols = np.empty(len(rows), dtype=np.int32)
        for piece, model in _models(rows, self._layout, first_row):
            symbols[piece] = self._pull(model)
        return symbols

    def _pull(self, model: RowModel) -> Symbols:
        rest = model.all()
        if len(model.sure):
            rest = model.after(self._flags.decode(model.misses, compiled=model.compiled))
        found = self._coders[0].decode(rest.outer())
        if self._layout.levels == 2:
            places = self._coders[1].decode(rest.inner(found))
            found = _joined(found, places, self._layout)
        if not len(model.sure):
            return found
        symbols = model.found.astype(np.int32)
        symbols[rest.chosen] = found
        return symbols

    @staticmethod
    def pull_each(decoders: Sequence[WideDecoder], rows: Rows, steps: int) -> Symbols:
        """Return the next symbol of each stream, given ``rows[i]`` for ``decoders[i]``; ``steps`` steps came before."""
        layout = decoders[0]._layout
        model = RowModel.of(rows, layout, compiled=pays((1 + steps) * rows.size))
        symbols, rest = model.found.astype(np.int32), model.all()
        if len(model.sure):
            flags = [decoders[row]._flags for row in model.sure]
            hits = np.concatenate([flag.decode(model.misses[i : i + 1]) for i, flag in enumerate(flags)])
            rest = model.after(hits)
        coders = [decoders[s]._coders for s in rest.chosen]
        found = _level([each[0] for each in coders], rest.outer())
        if layout.levels == 2:
            found = _joined(found, _level([each[1] for each in coders], rest.inner(found)), layout)
        symbols[rest.chosen] = found
        return symbols

    def may_be_exhausted(self) -> bool:
        """Return False if bytes are certainly left over, True if the stream may end here."""
        return self._flags.may_be_exhausted() and all(coder.may_be_exhausted() for coder in self._coders)


def _level(coders: Sequence[WordDecoder], weights: NDArray[np.float64]) -> Symbols:
    """Decode one symbol of each stream on one level."""
    parts = [coder.decode(weights[i : i + 1]) for i, coder in enumerate(coders)]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)


def _models(
    rows: Rows, layout: BlockLayout, first_row: int, blocks: Symbols | None = None
) -> Iterator[tuple[slice, RowModel]]:
    """Models of rows, piece by piece; ``first_row`` rows were coded before."""
    compiled = pays((first_row + len(rows)) * layout.vocab_size)
    step = max(1, _PIECE_WEIGHTS // (layout.blocks + layout.places))
    for i in range(0, len(rows), step):
        piece = slice(i, min(i + step, len(rows)))
        known = None if blocks is None else blocks[piece]
        yield piece, RowModel.of(rows[piece], layout, first_row + i, known, compiled=compiled)


def _joined(blocks: Symbols, places: Symbols, layout: BlockLayout) -> Symbols:
    symbols = blocks * np.int32(layout.places) + places
    if len(symbols) and symbols.max() >= layout.vocab_size:
        raise CorruptStream(
            f"symbol {int(symbols.max())} decoded from a vocabulary of {layout.vocab_size}: "
            "the data is damaged, or the model is not the one that wrote it"
        )
    return symbols
