"""Coded streams: exact round trips, sizes near the ideal, one stream whatever the calls, damage that is noticed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab.coding import BatchDecoder, BatchEncoder, Decoder, Encoder, decode, encode, overhead_bound_bits
from compresslab.coding.range_coder import WordEncoder
from compresslab.coding.rows.share_coder import SHARES_MOST
from compresslab.coding.static_coder import decode_static, encode_static
from compresslab.errors import CorruptStream, InvalidDistribution, InvalidParameter, InvalidTokens

ROUNDING_BITS = 4e-4  # per symbol, two levels of the range coder's own rounding (1.3e-4 each is expected)


def sample(rng, n, V, spread=2.0, dtype=np.float64):
    logits = rng.normal(size=(n, V)) * spread
    rows = np.exp(logits - logits.max(axis=1, keepdims=True))
    rows = (rows / rows.sum(axis=1, keepdims=True)).astype(dtype)
    cumulative = rows.cumsum(axis=1, dtype=np.float64)
    symbols = (cumulative < rng.random((n, 1)) * cumulative[:, -1:]).sum(axis=1)
    return np.minimum(symbols, V - 1), rows


@given(
    V=st.one_of(st.integers(2, 300), st.sampled_from([4095, 4096, 4097, 50257, 200_000])),
    n=st.integers(0, 12),
    spread=st.sampled_from([0.0, 1.0, 20.0, 300.0]),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=50, deadline=None)
def test_any_symbols_round_trip_under_any_rows(V, n, spread, dtype, seed):
    rng = np.random.default_rng(seed)
    _, rows = sample(rng, n, V, spread, dtype)
    symbols = rng.integers(0, V, n)  # not sampled: improbable and impossible ones too
    assert decode(encode(symbols, rows), rows).tolist() == symbols.tolist()


@given(
    st.lists(
        st.tuples(st.integers(0, 99), st.sampled_from(["one hot", "1e-300", "two", "flat", "edge"])),
        min_size=1,
        max_size=30,
    )
)
@settings(max_examples=40, deadline=None)
def test_adversarial_rows_round_trip(kinds):
    rows = np.zeros((len(kinds), 100))
    for row, (symbol, kind) in zip(rows, kinds, strict=True):
        if kind == "one hot":
            row[(symbol + 1) % 100] = 1.0  # the symbol itself has probability 0
        elif kind == "1e-300":
            row[:] = 1e-300
            row[(symbol + 50) % 100] = 1.0
        elif kind == "two":
            row[[symbol, (symbol + 1) % 100]] = 0.5
        elif kind == "edge":
            row[[0, 99]] = [1 - 2.0**-53, 2.0**-53]
        else:
            row[:] = 0.01
    symbols = [symbol for symbol, _ in kinds]
    assert decode(encode(symbols, rows), rows).tolist() == symbols


@pytest.mark.parametrize(
    ("V", "n", "unique", "dtype"),
    [
        (256, 100_000, 1000, np.float32),
        (256, 100_000, 1000, np.float64),
        pytest.param(49152, 100_000, 40, np.float32, marks=pytest.mark.slow),
    ],
)
def test_excess_over_the_ideal_is_below_a_fiftieth_of_a_percent_and_64_bits(V, n, unique, dtype):
    rng = np.random.default_rng(V)
    _, rows = sample(rng, unique, V, 3.0, dtype)
    repeats = n // unique
    p = rows.astype(np.float64)
    p /= p.sum(axis=1, keepdims=True)
    symbols = np.stack([rng.choice(V, size=repeats, p=row) for row in p], axis=1)  # (repeats, unique)
    data = encode(symbols.reshape(-1), (rows for _ in range(repeats)))
    ideal = -np.log2(p[np.arange(unique), symbols]).sum()
    excess = 8 * len(data) - ideal
    assert -64 < excess < 2e-4 * ideal + 64
    assert excess < n * (overhead_bound_bits(V, dtype) + ROUNDING_BITS) + 64
    assert np.array_equal(decode(data, (rows for _ in range(repeats))), symbols.reshape(-1))


def test_a_long_stream_of_sure_symbols_costs_next_to_nothing():
    rows = np.full((20_000, 300), 1e-9)
    rows[:, 7] = 1 - 299e-9
    data = encode(np.full(20_000, 7), rows)
    assert 8 * len(data) < 20_000 * ROUNDING_BITS + 64 + 20_000 * 5e-5


@given(cuts=st.lists(st.integers(0, 40), max_size=4), V=st.sampled_from([5, 400]), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_the_stream_does_not_depend_on_how_rows_are_grouped(cuts, V, seed):
    symbols, rows = sample(np.random.default_rng(seed), 40, V)
    bounds = sorted({0, 40, *cuts})
    whole = encode(symbols, rows)
    assert encode(symbols, [rows[a:b] for a, b in itertools.pairwise(bounds)]) == whole
    decoder = Decoder(whole, V)
    assert [decoder.pull(rows[t : t + 1]).item() for t in range(40)] == symbols.tolist()
    decoder.finish()
    assert decoder.count == 40


def test_rows_may_depend_on_the_symbols_so_far():
    def row(previous):
        p = np.full(256, 0.5 / 255)
        p[(previous * 7 + 1) % 256] = 0.5
        return p[None, :]

    symbols = np.random.default_rng(0).integers(0, 256, 100).tolist()
    encoder, previous = Encoder(256), 0
    for symbol in symbols:
        encoder.push([symbol], row(previous))
        previous = symbol
    decoder, previous, decoded = Decoder(encoder.finish(), 256), 0, []
    for _ in symbols:
        previous = decoder.pull(row(previous)).item()
        decoded.append(previous)
    assert decoded == symbols


def test_streams_in_step_are_each_what_a_single_encoder_writes():
    rng = np.random.default_rng(1)
    lengths = [30, 0, 17, 1]
    data = [sample(rng, n, 500, dtype=np.float32) for n in lengths]
    encoder = BatchEncoder(4, 500)
    tables, actives = [], []
    for step in range(30):
        active = np.array([step < n for n in lengths])
        table = np.stack(
            [r[step] if a else np.full(500, np.nan, np.float32) for (_, r), a in zip(data, active, strict=True)]
        )
        tokens = [s[step] if a else -5 for (s, _), a in zip(data, active, strict=True)]
        encoder.push(tokens, table, active)
        tables.append(table)
        actives.append(active)
    streams = encoder.finish()
    assert streams == [encode(s, r) for s, r in data]
    decoder = BatchDecoder(streams, 500)
    out = np.stack([decoder.pull(table, active) for table, active in zip(tables, actives, strict=True)])
    decoder.finish()
    for column, (symbols, _) in zip(out.T, data, strict=True):
        assert column[: len(symbols)].tolist() == symbols.tolist()
        assert (column[len(symbols) :] == -1).all()


def test_a_step_in_which_every_stream_rests_changes_nothing():
    rows = np.full((2, 300), 1 / 300)
    encoder = BatchEncoder(2, 300)
    encoder.push([1, 2], rows, active=[False, False])
    assert encoder.finish() == [b"", b""]
    assert BatchDecoder([b"", b""], 300).pull(rows, active=[False, False]).tolist() == [-1, -1]


def test_a_batch_names_the_stream_count_that_is_left_over():
    symbols, rows = sample(np.random.default_rng(9), 200, 300)
    decoder = BatchDecoder([encode(symbols, rows), b""], 300)
    decoder.pull(rows[[0, 0]], active=[True, False])
    with pytest.raises(CorruptStream, match="left over after 1 symbols"):
        decoder.finish()


@pytest.mark.parametrize("V", [10, 1000])
def test_left_over_and_missing_data_is_noticed(V):
    symbols, rows = sample(np.random.default_rng(2), 400, V)
    data = encode(symbols, rows)
    with pytest.raises(CorruptStream, match="left over after 100 symbols"):
        decode(data, rows[:100])
    with pytest.raises(CorruptStream, match="left over after 400 symbols"):
        decode(data + b"four more words!", rows)
    cut = "ends before its symbols do: it was cut" if V <= SHARES_MOST else "in its first parts but only .*: it was cut"
    with pytest.raises(CorruptStream, match=cut):
        decode(data[: len(data) // 4], rows)
    with pytest.raises(CorruptStream, match="no probability rows"):
        decode(data, [])


@given(garbage=st.binary(max_size=60), V=st.sampled_from([3, 70, 5000]))
@settings(max_examples=50, deadline=None)
def test_garbage_raises_corrupt_stream_or_decodes_to_valid_symbols(garbage, V):
    rows = np.full((20, V), 1 / V)
    try:
        symbols = decode(garbage, rows)
    except CorruptStream:
        return
    assert symbols.min() >= 0
    assert symbols.max() < V


def test_trailing_bytes_are_not_read():
    # As for any prefix of a file: a decoder given exactly its stream reads nothing behind it.
    symbols, rows = sample(np.random.default_rng(3), 50, 30)
    data = encode(symbols, rows)
    decoder = Decoder(data + np.random.default_rng(0).bytes(64), 30)
    assert decoder.pull(rows).tolist() == symbols.tolist()


def test_bad_calls_are_refused_with_a_remedy():
    rows = np.full((2, 4), 0.25)
    with pytest.raises(InvalidParameter, match="3 symbols but only 2 rows"):
        encode([0, 1, 2], rows)
    with pytest.raises(InvalidTokens, match="from 0 to 3 .* but 4 is among them"):
        encode([0, 4], rows)
    with pytest.raises(InvalidTokens, match="but -1 is among them"):
        encode([0, -1], rows)
    with pytest.raises(InvalidTokens, match="whole numbers, not float64"):
        encode([0.0, 1.0], rows)
    with pytest.raises(InvalidDistribution, match="must have 5 probabilities"):
        Encoder(5).push([0, 1], rows)
    with pytest.raises(InvalidParameter, match="2 to 16777214"):
        Encoder(1)
    with pytest.raises(InvalidParameter, match="use `active`"):
        BatchEncoder(3, 4).push([0, 1], rows)
    with pytest.raises(InvalidParameter, match="booleans"):
        BatchEncoder(2, 4).push([0, 1], rows, active=[1, 0])
    with pytest.raises(InvalidParameter, match="at least one stream"):
        BatchDecoder([], 4)
    bad = np.full((10_000, 4), 0.25)
    bad[9_000, 2] = np.nan
    with pytest.raises(InvalidDistribution, match="row 9000 has nan at symbol 2"):
        encode(np.zeros(10_000, int), bad)


def test_every_integer_dtype_of_symbols_and_layout_of_rows_is_the_same_stream():
    symbols, rows = sample(np.random.default_rng(4), 60, 90)
    whole = encode(symbols, rows)
    for dtype in (np.uint8, np.int16, np.uint32, np.int64):
        assert encode(symbols.astype(dtype), rows) == whole
    assert encode(symbols, np.asfortranarray(rows)) == whole
    assert encode(symbols, [rows[::2].repeat(1, axis=0)[:1], rows[1:]]) == whole


def test_the_coder_uses_exactly_the_weights_it_is_given():
    # constriction's state after one symbol: its range is (2**64 - 1 >> 24) times the symbol's weight.
    rng = np.random.default_rng(5)
    for k in (2, 3, 64, 192, 4096):
        cuts = np.sort(rng.integers(0, 2**24 - k + 1, k - 1))
        weights = np.diff(np.concatenate([[0], cuts, [2**24 - k]])).astype(np.float64)[None, :]
        symbol = int(rng.integers(k))
        encoder = WordEncoder()
        encoder.encode(np.array([symbol], np.int32), weights)
        _, (_, width) = encoder._coder.pos()
        expected = ((2**64 - 1) >> 24) * (int(weights[0, symbol]) + 1)
        assert width in (expected, expected << 32)


@given(counts=st.lists(st.integers(0, 10**6), min_size=1, max_size=300).filter(any), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_static_coding_round_trips(counts, seed):
    symbols = np.random.default_rng(seed).integers(0, len(counts), 50)
    assert decode_static(encode_static(symbols, counts), 50, counts).tolist() == symbols.tolist()
