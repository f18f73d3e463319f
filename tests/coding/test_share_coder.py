"""Coding by shares: the stream that is written down, the bound for every symbol, one answer with numba and without."""

from __future__ import annotations

import importlib
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab._support import jit
from compresslab.coding import BatchDecoder, BatchEncoder, decode, encode, overhead_bound_bits
from compresslab.coding.rows.share_coder import SHARES_MOST, ShareDecoder, ShareEncoder, sums_of_shares
from compresslab.errors import CorruptStream, InvalidDistribution

coder = importlib.import_module("compresslab.coding.rows.share_coder")
SIZES = [2, 3, 8, 9, 16, 17, 63, 64, 65, 128, 257, 512]
KINDS = ["even", "spiky", "one hot", "flat", "tiny"]
BOTH = [False, pytest.param(True, marks=pytest.mark.skipif(not jit.available(), reason="numba is not installed"))]


def made(rng, kind, n, V, dtype):
    if kind == "one hot":
        rows = np.eye(V)[rng.integers(0, V, n)]
    elif kind == "flat":
        rows = np.full((n, V), 1 / V)
    elif kind == "tiny":
        rows = 10.0 ** rng.uniform(-300 if dtype == np.float64 else -44, -1, (n, V))
        rows[:, rng.integers(V)] += 1
    else:
        rows = rng.dirichlet(np.full(V, 1.0 if kind == "even" else 0.05), size=n)
    return np.ascontiguousarray((rows / rows.sum(axis=1, keepdims=True)).astype(dtype))


def drawn(rng, rows):
    running = rows.cumsum(axis=1, dtype=np.float64)
    chosen = (running < rng.random((len(rows), 1)) * running[:, -1:]).sum(axis=1)
    return np.minimum(chosen, rows.shape[1] - 1).astype(np.int32)


def defined(symbols, rows):
    """The stream, by docs/format.md, with an interval of any length in place of words and carries."""
    low, width, shifted = 0, 2**64 - 1, 0
    for s, row in zip(symbols.tolist(), rows.tolist(), strict=True):
        shares = [1 + int(Fraction(x) * 2**30) for x in row]
        unit = (width >> 24) * (2**53 // sum(shares)) >> 29
        low, width = low + unit * sum(shares[:s]), unit * shares[s]
        while width < 2**48:
            low, width, shifted = low << 16, width << 16, shifted + 16
    for zeros in range(64, -8, -8):
        point = -(-low >> zeros) << zeros
        if point < low + width:
            break
    digits = point.to_bytes(shifted // 8 + 8, "big")
    return digits[: shifted // 8] + digits[shifted // 8 :].rstrip(b"\0")


@pytest.fixture(params=BOTH, ids=["plain", "compiled"])
def compiled(request, monkeypatch):
    monkeypatch.setattr(coder, "_pays", lambda rows, size: request.param)
    return request.param


@given(
    V=st.sampled_from(SIZES),
    n=st.integers(0, 60),
    kind=st.sampled_from(KINDS),
    dtype=st.sampled_from([np.float32, np.float64]),
    chance=st.sampled_from(["drawn", "any", "last"]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None)
def test_the_stream_is_the_one_that_the_format_defines(V, n, kind, dtype, chance, seed):
    rng = np.random.default_rng(seed)
    rows = made(rng, kind, n, V, dtype)
    symbols = {"drawn": drawn(rng, rows), "any": rng.integers(0, V, n), "last": np.full(n, V - 1)}[chance]
    data = encode(symbols, rows)
    assert data == defined(symbols, rows)
    assert decode(data, rows).tolist() == symbols.tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("V", [V if V in (2, 9, 64, 257) else pytest.param(V, marks=pytest.mark.slow) for V in SIZES])
def test_compiled_loops_and_python_write_and_read_the_same_stream(monkeypatch, V, dtype):
    if not jit.available():
        pytest.skip("numba is not installed")
    rng = np.random.default_rng(V)
    rows = np.concatenate([made(rng, kind, 60, V, dtype) for kind in KINDS])
    symbols = np.where(rng.random(len(rows)) < 0.5, drawn(rng, rows), rng.integers(0, V, len(rows))).astype(np.int32)
    found = {}
    for answer in (False, True):
        monkeypatch.setattr(coder, "_pays", lambda rows, size, answer=answer: answer)
        found[answer] = encode(symbols, [rows[:100], rows[100:101], rows[101:]])
    assert found[False] == found[True]
    for answer in (False, True):
        monkeypatch.setattr(coder, "_pays", lambda rows, size, answer=answer: answer)
        decoder = ShareDecoder(found[False])
        assert np.concatenate([decoder.pull(rows[:7]), decoder.pull(rows[7:])]).tolist() == symbols.tolist()
        assert decoder.may_be_exhausted()


@given(V=st.sampled_from(SIZES), kind=st.sampled_from(KINDS), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_every_symbol_has_nearly_its_own_probability(V, kind, seed):
    """In exact numbers: ``p_s / (q_s / S) < 1 + V / (2**30 X)``, which the bound in bits is the logarithm of."""
    rows = made(np.random.default_rng(seed), kind, 2, V, np.float64)
    for row, sums in zip(rows.tolist(), sums_of_shares(rows).tolist(), strict=True):
        total = sum(map(Fraction, row))
        for x, left, right in zip(row, sums, sums[1:], strict=False):
            assert right > left
            assert Fraction(x) / total * sums[-1] < (right - left) * (1 + Fraction(V, 2**30) / total)
    assert float(np.log2(1 + V / 2**30)) <= overhead_bound_bits(V) < 5e-7 * V / 256


@pytest.mark.parametrize("V", [2, 16, 256])
@pytest.mark.parametrize("rest", [0.0, 1e-4, 1e-3, 1e-2, 0.3])
def test_however_sure_the_rows_are_the_excess_is_below_a_hundredth_of_a_percent_and_64_bits(V, rest):
    rng = np.random.default_rng(V)
    unique, repeats = 500, 200
    rows = rng.random((unique, V))
    rows *= rest / rows.sum(axis=1, keepdims=True)
    rows[np.arange(unique), rng.integers(0, V, unique)] += 1 - rest
    symbols = np.concatenate([drawn(rng, rows) for _ in range(repeats)])
    data = encode(symbols, (rows for _ in range(repeats)))
    p = rows / rows.sum(axis=1, keepdims=True)
    ideal = -np.log2(p[np.tile(np.arange(unique), repeats), symbols]).sum()
    assert 8 * len(data) - ideal < 1e-4 * ideal + 64
    assert np.array_equal(decode(data, (rows for _ in range(repeats))), symbols)


@pytest.mark.parametrize("above", [0, 1])
def test_a_carry_runs_through_many_bytes_and_through_calls(compiled, above):
    """Symbols that keep the middle of all streams inside the interval, until the last one lies above it or below."""
    low, width, middle, rows = 0, 2**64 - 1, 2**63, []
    for _ in range(40):
        at = (middle - low) / width
        rows.append([at - 2.0**-9, 2.0**-8, 1 - at - 2.0**-9])
        shares = [1 + int(x * 2**30) for x in rows[-1]]
        unit = (width >> 24) * (2**53 // sum(shares)) >> 29
        low, width = low + unit * shares[0], unit * shares[1]
        while width < 2**48:
            low, width, middle = low << 16, width << 16, middle << 16
    at = (middle - low) / width
    rows = np.array([*rows, [at - 2.0**-9, 2.0**-8, 1 - at - 2.0**-9]])
    symbols = np.array([1] * 40 + [2 * above], np.int32)
    encoder = ShareEncoder()
    for i in range(0, 41, 7):
        encoder.push(symbols[i : i + 7], rows[i : i + 7])
    data = encoder.finish()
    assert data.startswith(b"\x80" + bytes(30) if above else b"\x7f" + b"\xff" * 30)
    assert data == defined(symbols, rows)
    assert decode(data, rows).tolist() == symbols.tolist()


@given(symbols=st.lists(st.integers(0, 2), max_size=60), cut=st.integers(1, 40), seed=st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_cut_streams_and_bytes_left_over_are_noticed_by_length(symbols, cut, seed):
    rows = np.random.default_rng(seed).dirichlet(np.ones(3), len(symbols)) if symbols else np.empty((0, 3))
    data = encode(symbols, rows)
    if cut > 8 and len(data) >= cut:
        with pytest.raises(CorruptStream, match="ends before its symbols do: it was cut"):
            decode(data[:-cut], rows)
    if cut > 8:
        with pytest.raises(CorruptStream, match=f"left over after {len(symbols)} symbols|no probability rows"):
            decode(data + bytes(cut), rows)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("V", [2, 3, 16, 100])
def test_a_bad_row_is_named_in_every_place(compiled, V, dtype):
    good = np.full((20, V), 1 / V, dtype)
    zeros = np.zeros(20, np.int32)
    for place in range(V):
        for value in (np.nan, np.inf, -np.inf, -1e-30, 1.5, 3.0, 1e30, -0.2, 2 - 2.0**-52):
            rows = good.copy()
            rows[13, place] = value
            for use in (lambda rows=rows: encode(zeros, rows), lambda rows=rows: decode(b"\x10" * 90, rows)):
                with pytest.raises(InvalidDistribution, match=r"row 13\b"):
                    use()


def test_a_row_whose_shares_would_wrap_around_is_refused(compiled):
    rows = np.array([[2 - 2.0**-52, 1.0, 1.0, 1.0], [1.0, 2.0 - 2.0**-52, 2 - 2.0**-52, 0.0]])
    for row in rows:
        with pytest.raises(InvalidDistribution, match="row 0: probabilities sum to 5, not 1"):
            encode([0], row[None])


def test_rows_are_taken_up_to_the_tolerance_of_their_sum(compiled):
    for V in (2, 10, 300):
        for off in (1 - 0.99e-4, 1 + 0.99e-4):
            assert decode(encode([1], np.full((1, V), off / V)), np.full((1, V), off / V)).tolist() == [1]
        for off in (1 - 1.02e-4, 1 + 1.02e-4):
            with pytest.raises(InvalidDistribution, match="probabilities sum to"):
                encode([1], np.full((1, V), off / V))


@pytest.mark.parametrize("V", [2, 12, 300])
def test_a_negative_zero_is_a_zero(compiled, V):
    rng = np.random.default_rng(0)
    rows = made(rng, "spiky", 40, V, np.float64)
    rows[:, 1] += rows[:, 0]
    rows[:, 0] = 0
    signed = rows.copy()
    signed[[3, 9, 10, 39], 0] = -0.0
    symbols = rng.integers(0, V, 40)
    assert encode(symbols, signed) == encode(symbols, rows)
    assert decode(encode(symbols, rows), signed).tolist() == symbols.tolist()


@pytest.mark.parametrize("V", [2, 3, 16, 100, 500])
def test_any_bytes_decode_to_symbols_or_are_corrupt(compiled, V):
    rng = np.random.default_rng(V)
    rows = made(rng, "even", 40, V, np.float32)
    with pytest.raises(CorruptStream, match="does not decode under these probabilities"):
        decode(b"\xff" * 400, rows)
    for _ in range(30):
        try:
            symbols = decode(rng.bytes(int(rng.integers(0, 400))), rows)
        except CorruptStream:
            continue
        assert 0 <= symbols.min() <= symbols.max() < V


def test_streams_in_step_are_each_what_a_single_encoder_writes():
    rng = np.random.default_rng(3)
    rows = made(rng, "spiky", 60, 30, np.float32).reshape(3, 20, 30)
    symbols = rng.integers(0, 30, (3, 20))
    encoder = BatchEncoder(3, 30)
    for step in range(20):
        encoder.push(symbols[:, step], rows[:, step], active=[True, step < 5, True])
    streams = encoder.finish()
    assert streams[0] == encode(symbols[0], rows[0])
    assert streams[1] == encode(symbols[1, :5], rows[1, :5])
    decoder = BatchDecoder(streams, 30)
    for step in range(20):
        found = decoder.pull(rows[:, step], active=[True, step < 5, True])
        assert found.tolist() == [symbols[0, step], symbols[1, step] if step < 5 else -1, symbols[2, step]]
    decoder.finish()


def test_rows_of_one_symbol_more_than_that_have_three_streams():
    rows = np.full((4, SHARES_MOST + 1), 1 / (SHARES_MOST + 1))
    few = np.full((4, SHARES_MOST), 1 / SHARES_MOST)
    assert decode(encode([5, 6, 7, 8], rows), rows).tolist() == [5, 6, 7, 8]
    assert encode([5, 6, 7, 8], few) == defined(np.array([5, 6, 7, 8]), few)
