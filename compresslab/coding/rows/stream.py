"""Coding streams of symbols, each under its own probability row: all at once, token by token, or many in step.

One interface for every use. The encoder is given a symbol and the row (V,) that was predicted for it; the decoder is
given the same row, bit for bit, and returns the symbol. Rows come in matrices (n, V) of any number of rows: how the
rows are grouped into calls makes no difference to the stream, so what was encoded in large blocks can be decoded
token by token, and the other way round.

- `encode` / `decode`: one stream, the rows as one matrix or as an iterable of matrices (memory stays bounded).
- `Encoder` / `Decoder`: the same, call by call; rows may depend on the symbols so far.
- `BatchEncoder` / `BatchDecoder`: S independent streams in step, as a language model decodes them: at every step one
  row per stream; streams may end at different steps (``active``).

A stream holds no length and no checksum: the caller knows how many symbols there are, `.clz` files hold both. Rows of
few symbols are coded by `share_coder`, as one stream; rows of many by `wide_coder`, as three.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from compresslab._support.arrays import as_array
from compresslab.coding.rows.quantize import Rows, as_rows, block_layout
from compresslab.coding.rows.share_coder import SHARES_MOST, ShareDecoder, ShareEncoder
from compresslab.coding.rows.wide_coder import WideDecoder, WideEncoder
from compresslab.coding.stream_version import ROW_VERSIONS, STREAM_VERSION
from compresslab.errors import CorruptStream, InvalidDistribution, InvalidParameter, InvalidTokens

__all__ = ["BatchDecoder", "BatchEncoder", "Decoder", "Encoder", "decode", "encode"]

Symbols: TypeAlias = npt.NDArray[np.int32]


class Encoder:
    """Encodes one stream over ``vocab_size`` symbols.

    Raises:
        InvalidParameter: if ``vocab_size`` is not from 2 to 2**24 - 2.

    Example:
        >>> import numpy as np
        >>> rows = np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])
        >>> encoder = Encoder(vocab_size=3)
        >>> encoder.push([0], rows[:1])
        >>> encoder.push([2], rows[1:])
        >>> data = encoder.finish()
        >>> decoder = Decoder(data, vocab_size=3)
        >>> [decoder.pull(row[None, :]).item() for row in rows]
        [0, 2]
        >>> decoder.finish()
    """

    def __init__(self, vocab_size: int) -> None:
        layout = block_layout(vocab_size)
        self._vocab_size, self._count = vocab_size, 0
        self._coder: ShareEncoder | WideEncoder = ShareEncoder() if vocab_size <= SHARES_MOST else WideEncoder(layout)

    @property
    def count(self) -> int:
        """Number of symbols so far."""
        return self._count

    def push(self, symbols: npt.ArrayLike, rows: npt.ArrayLike) -> None:
        """Append ``symbols`` (n,), whole numbers below V, each under its probability row of ``rows`` (n, V).

        Raises:
            InvalidDistribution: if a row is not a distribution (row number and value are named); nothing of the
                piece of rows at fault is encoded, and the stream should be given up.
            InvalidTokens: if a symbol is not below V.
            InvalidParameter: if there are not as many symbols as rows.
        """
        table = as_rows(rows, self._vocab_size)
        self._coder.push(_as_symbols(symbols, len(table), self._vocab_size), table, self._count)
        self._count += len(table)

    def finish(self) -> bytes:
        """Return the stream. (More can still be pushed; then finish again.)"""
        return self._coder.finish()


class Decoder:
    """Decodes what an `Encoder` of the same ``vocab_size`` wrote; ``version`` is that of the stream.

    Raises:
        CorruptStream: if ``data`` cannot be a stream.
        InvalidParameter: if ``vocab_size`` is not from 2 to 2**24 - 2, or the version is not known.
    """

    def __init__(self, data: bytes, vocab_size: int, version: int = STREAM_VERSION) -> None:
        if version not in ROW_VERSIONS:
            raise InvalidParameter(
                f"streams of version {version} are not read here, but those of version "
                f"{' and '.join(map(str, ROW_VERSIONS))}: update compresslab"
            )
        layout = block_layout(vocab_size)
        self._vocab_size, self._count = vocab_size, 0
        few = version > 1 and vocab_size <= SHARES_MOST
        self._coder: ShareDecoder | WideDecoder = ShareDecoder(data) if few else WideDecoder(data, layout)

    @property
    def count(self) -> int:
        """Number of symbols so far."""
        return self._count

    def pull(self, rows: npt.ArrayLike) -> npt.NDArray[np.int32]:
        """Return the next n symbols (n,), int32, given their probability rows (n, V), the encoder's bit for bit.

        Raises:
            InvalidDistribution: if a row is not a distribution.
            CorruptStream: if the data does not decode under these rows.
        """
        table = as_rows(rows, self._vocab_size)
        symbols = self._coder.pull(table, self._count)
        self._count += len(table)
        return symbols

    def finish(self) -> None:
        """Check that the stream ends here.

        Raises:
            CorruptStream: if words are left over. (A spare word or two may go unnoticed: checksums are for that.)
        """
        if not self._coder.may_be_exhausted():
            raise CorruptStream(
                f"data is left over after {self._count} symbols: there are more symbols than rows, "
                "or the model is not the one that wrote the data"
            )


class BatchEncoder:
    """Encodes ``streams`` independent streams in step: one row per stream and step.

    Example:
        >>> import numpy as np
        >>> rows = np.full((2, 300), 1 / 300)
        >>> encoder = BatchEncoder(streams=2, vocab_size=300)
        >>> encoder.push([7, 8], rows)
        >>> encoder.push([9, 0], rows, active=[True, False])
        >>> first, second = encoder.finish()
        >>> decoder = BatchDecoder([first, second], vocab_size=300)
        >>> decoder.pull(rows).tolist(), decoder.pull(rows, active=[True, False]).tolist()
        ([7, 8], [9, -1])
        >>> decode(second, rows[:1]).tolist()
        [8]
    """

    def __init__(self, streams: int, vocab_size: int) -> None:
        self._vocab_size = vocab_size
        self._encoders = [Encoder(vocab_size) for _ in range(_at_least_one(streams))]

    def push(self, symbols: npt.ArrayLike, rows: npt.ArrayLike, active: npt.ArrayLike | None = None) -> None:
        """Append ``symbols[s]`` to stream ``s`` under ``rows[s]``: symbols (S,), rows (S, V).

        Where ``active`` (S,) is False the stream rests: its symbol and its row are not looked at.
        Raises what `Encoder.push` raises; rows are counted among the active ones.
        """
        table, tokens = as_array(rows), as_array(symbols)
        _check_step(len(self._encoders), len(table), tokens.shape)
        chosen = _chosen(active, len(self._encoders))
        part = as_rows(table[chosen], self._vocab_size)
        values = _as_symbols(tokens[chosen], len(part), self._vocab_size)
        encoders = [self._encoders[s] for s in chosen]
        if encoders:
            coder: Any = type(encoders[0]._coder)
            coder.push_each([encoder._coder for encoder in encoders], values, part, self._encoders[0].count)
        for encoder in encoders:
            encoder._count += 1

    def finish(self) -> list[bytes]:
        """Return the streams, each of which `decode` reads by itself."""
        return [encoder.finish() for encoder in self._encoders]


class BatchDecoder:
    """Decodes independent streams in step, as a `BatchEncoder` or several `Encoder` wrote them."""

    def __init__(self, data: Sequence[bytes], vocab_size: int) -> None:
        _at_least_one(len(data))
        self._vocab_size = vocab_size
        self._decoders = [Decoder(part, vocab_size) for part in data]

    def pull(self, rows: npt.ArrayLike, active: npt.ArrayLike | None = None) -> npt.NDArray[np.int32]:
        """Return the next symbol of every stream (S,), int32, given ``rows`` (S, V); -1 where ``active`` is False.

        Raises what `Decoder.pull` raises; rows are counted among the active ones.
        """
        table = as_array(rows)
        _check_step(len(self._decoders), len(table), (len(table),))
        chosen = _chosen(active, len(self._decoders))
        part = as_rows(table[chosen], self._vocab_size)
        decoders = [self._decoders[s] for s in chosen]
        symbols = np.full(len(self._decoders), -1, dtype=np.int32)
        if decoders:
            coder: Any = type(decoders[0]._coder)
            each = [decoder._coder for decoder in decoders]
            symbols[chosen] = coder.pull_each(each, part, self._decoders[0].count)
        for decoder in decoders:
            decoder._count += 1
        return symbols

    def finish(self) -> None:
        """Check that every stream ends here; raises CorruptStream if not."""
        for decoder in self._decoders:
            decoder.finish()


def encode(symbols: npt.ArrayLike, rows: npt.ArrayLike | Iterable[npt.NDArray[np.floating]]) -> bytes:
    """Encode ``symbols`` (n,) under ``rows``: a matrix (n, V), or an iterable of matrices with n rows in all.

    The stream is less than 0.02 % and 64 bits longer than the ideal ``-sum log2 rows[t, s_t]``, however sure the rows
    are; docs/format.md, section 1, says what the parts of the excess are and which of them are bounds.

    Raises:
        InvalidDistribution: naming the row and the value, if a row is not a distribution.
        InvalidTokens: if a symbol is not a whole number from 0 to V - 1.
        InvalidParameter: if there are not as many symbols as rows.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> rows = rng.dirichlet(np.full(1000, 0.1), size=200)
        >>> symbols = [int(rng.choice(1000, p=row)) for row in rows]
        >>> data = encode(symbols, rows)
        >>> decode(data, rows).tolist() == symbols, data == encode(symbols, iter([rows[:50], rows[50:]]))
        (True, True)
    """
    tokens = as_array(symbols)
    encoder: Encoder | None = None
    for block in _blocks(rows):
        if encoder is None:
            encoder = Encoder(block.shape[1])
        start = encoder.count
        encoder.push(tokens[start : start + len(block)], block)
    count = encoder.count if encoder else 0
    if count != len(tokens):
        raise InvalidParameter(f"{len(tokens)} symbols but only {count} rows: give one probability row per symbol")
    return encoder.finish() if encoder else b""


def decode(
    data: bytes, rows: npt.ArrayLike | Iterable[npt.NDArray[np.floating]], version: int = STREAM_VERSION
) -> npt.NDArray[np.int32]:
    """Decode the symbols (n,), int32, that `encode` wrote under the same ``rows``, bit for bit.

    ``version`` is that of the stream: an earlier `encode` wrote others.

    Raises:
        CorruptStream: if the data does not decode under these rows, or data is left over. Without a checksum most
            damage is *not* noticed: use `.clz` files for data that must not change.
        InvalidDistribution: if a row is not a distribution.
    """
    decoder: Decoder | None = None
    parts = []
    for block in _blocks(rows):
        if decoder is None:
            decoder = Decoder(data, block.shape[1], version)
        parts.append(decoder.pull(block))
    if decoder is not None:
        decoder.finish()
    elif data:
        raise CorruptStream(f"{len(data)} bytes of data but no probability rows: give one row per symbol")
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)


def _blocks(rows: npt.ArrayLike | Iterable[npt.NDArray[np.floating]]) -> Iterable[Rows]:
    if hasattr(rows, "ndim") or (isinstance(rows, Sequence) and len(rows) and np.ndim(rows[0]) < 2):
        return [as_rows(cast(npt.ArrayLike, rows))]
    if not isinstance(rows, Iterable):
        raise InvalidDistribution(
            f"probabilities must be a matrix or an iterable of matrices, not {type(rows).__name__}"
        )
    return (as_rows(block) for block in rows)


def _as_symbols(symbols: npt.ArrayLike, n: int, vocab_size: int) -> npt.NDArray[np.int32]:
    array = as_array(symbols)
    if array.shape != (n,):
        raise InvalidParameter(f"{n} rows need {n} symbols in one dimension, not shape {array.shape}")
    if not n:
        return np.zeros(0, dtype=np.int32)
    if array.dtype.kind not in "iu":
        raise InvalidTokens(f"symbols must be whole numbers, not {array.dtype}: convert them with astype(np.int32)")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= vocab_size:
        raise InvalidTokens(
            f"symbols must be from 0 to {vocab_size - 1} (one per column of the rows), "
            f"but {low if low < 0 else high} is among them"
        )
    return np.ascontiguousarray(array, dtype=np.int32)


def _at_least_one(streams: int) -> int:
    if streams < 1:
        raise InvalidParameter(f"a batch needs at least one stream, not {streams}")
    return streams


def _check_step(streams: int, n_rows: int, symbols_shape: tuple[int, ...]) -> None:
    if n_rows != streams or symbols_shape != (streams,):
        raise InvalidParameter(
            f"a step of {streams} streams needs {streams} rows and symbols, not {n_rows} rows and symbols of shape "
            f"{symbols_shape}: use `active` to let streams rest"
        )


def _chosen(active: npt.ArrayLike | None, streams: int) -> npt.NDArray[np.int64]:
    if active is None:
        return np.arange(streams)
    mask = as_array(active)
    if mask.shape != (streams,) or mask.dtype != np.bool_:
        raise InvalidParameter(f"`active` must be {streams} booleans, one per stream, not {mask.dtype} {mask.shape}")
    return np.flatnonzero(mask)
