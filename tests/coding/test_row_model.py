"""Favourites: found wherever they are, coded at next to no loss, and the same with compiled loops and without."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab._support import jit
from compresslab.coding import decode, encode
from compresslab.coding.range_coder import WordDecoder, WordEncoder
from compresslab.coding.rows.flag_coder import FlagDecoder, FlagEncoder
from compresslab.coding.rows.quantize import FAVOURITE, block_layout
from compresslab.coding.rows.row_model import RowModel

kernels = importlib.import_module("compresslab.coding.rows.row_kernels")
wide = importlib.import_module("compresslab.coding.rows.wide_coder")
needs_numba = pytest.mark.skipif(not jit.available(), reason="numba (extra 'scale') is not installed")


def peaked(rng, n, V, rest, dtype):
    """Rows of which one symbol has all but ``rest``."""
    rows = rng.random((n, V))
    rows *= rest / rows.sum(axis=1, keepdims=True)
    rows[np.arange(n), rng.integers(0, V, n)] += 1 - rest
    return rows.astype(dtype)


def equal(rng, n, V, k, dtype):
    """Rows of ``k`` symbols that are equally probable."""
    rows = np.zeros((n, V), dtype)
    for row in rows:
        row[rng.choice(V, k, replace=False)] = 1 / k
    return rows


@st.composite
def flags(draw):
    n = draw(st.integers(0, 200))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([1.0, 1e-3, 1e-6, 1e-10]))
    misses = np.clip(rng.random(n) * scale * 2**32, 1, 2**32 - 1).astype(np.int64)
    hits = rng.random(n) > misses / 2**32
    return misses, hits if draw(st.booleans()) else ~hits


@given(flags(), st.integers(0, 200))
@settings(max_examples=50, deadline=None)
def test_flags_round_trip_within_nine_bits_of_their_cost(case, cut):
    misses, hits = case
    encoder = FlagEncoder()
    encoder.encode(misses[:cut], hits[:cut])
    encoder.encode(misses[cut:], hits[cut:])
    data = encoder.finish()
    assert data == encoder.finish()
    ideal = -np.log2(np.where(hits, 1 - misses / 2**32, misses / 2**32)).sum()
    assert 8 * len(data) <= ideal * (1 + 1e-4) + 9
    decoder = FlagDecoder(data)
    assert decoder.decode(misses[:cut]).tolist() == hits[:cut].tolist()
    assert decoder.decode(misses[cut:]).tolist() == hits[cut:].tolist()
    assert decoder.may_be_exhausted()
    longer = FlagDecoder(data + bytes(range(1, 40)))
    longer.decode(misses)
    assert not longer.may_be_exhausted()


@needs_numba
@given(flags(), st.integers(0, 200))
@settings(max_examples=40, deadline=None)
def test_compiled_flags_are_the_same_flags(case, cut):
    misses, hits = case
    plain, compiled = FlagEncoder(), FlagEncoder()
    for part in (slice(0, cut), slice(cut, None)):
        plain.encode(misses[part], hits[part])
        compiled.encode(misses[part], hits[part], compiled=True)
    assert plain.finish() == compiled.finish()
    decoder = FlagDecoder(plain.finish())
    first = decoder.decode(misses[:cut], compiled=True)
    assert np.concatenate([first, decoder.decode(misses[cut:])]).tolist() == hits.tolist()


def test_a_carry_runs_through_many_words_and_through_calls():
    encoder, compiled = FlagEncoder(), FlagEncoder()
    # After ones upon ones, a miss at the very top carries through all of them, if hits brought it there.
    misses = np.array([1 << 31] * 200 + [(1 << 32) - 1] * 3, dtype=np.int64)
    hits = np.array([False] * 200 + [False, True, False])
    for m, h in zip(misses, hits, strict=True):
        encoder.encode(m[None], h[None])
        if jit.available():
            compiled.encode(m[None], h[None], compiled=True)
    assert FlagDecoder(encoder.finish()).decode(misses).tolist() == hits.tolist()
    assert not jit.available() or compiled.finish() == encoder.finish()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("V", [2, 50, 64, 65, 256, 257, 1003, 4096])
def test_favourites_are_the_first_largest_above_the_threshold(dtype, V):
    rng = np.random.default_rng(V)
    parts = [peaked(rng, 20, V, rest, dtype) for rest in (0.0, 0.1, 0.6, 0.9)]
    parts += [equal(rng, 20, V, k, dtype) for k in range(1, min(V, 6))]
    rows = np.concatenate(parts)
    model = RowModel.of(rows, block_layout(V))
    wanted = np.flatnonzero(rows.max(axis=1) > FAVOURITE)
    assert model.sure.tolist() == wanted.tolist()
    assert model.favourites.tolist() == rows[wanted].argmax(axis=1).tolist()
    wide = rows[wanted].astype(np.float64)
    largest = wide.max(axis=1)
    missed = 1 - largest / wide.sum(axis=1)
    assert np.abs(model.misses / 2**32 - missed).max() < 1e-6
    assert (model.misses >= 1).all()
    assert (model.misses < 2**32).all()


def test_two_symbols_of_half_each_are_coded_in_a_bit():
    rng = np.random.default_rng(0)
    rows = equal(rng, 4000, 300, 2, np.float64)
    symbols = np.array([rng.choice(np.flatnonzero(row)) for row in rows])
    data = encode(symbols, rows)
    assert 8 * len(data) < 4000 * (1 + 2e-4) + 64
    assert decode(data, rows).tolist() == symbols.tolist()


CASES = {f"rest {rest}": (peaked, rest) for rest in (0.0, 1e-4, 1e-3, 1e-2, 0.2, 0.76)}
CASES |= {f"{k} equal": (equal, k) for k in (2, 3, 4, 5)}


@pytest.mark.parametrize(
    ("V", "dtype", "case"),
    [(256, dtype, case) for dtype in (np.float32, np.float64) for case in CASES]
    + [pytest.param(49152, np.float32, case, marks=pytest.mark.slow) for case in ("rest 0.001", "3 equal")],
)
def test_however_sure_the_rows_are_the_excess_is_below_a_fiftieth_of_a_percent_and_64_bits(V, dtype, case):
    rng = np.random.default_rng(7)
    unique, repeats = (500, 200) if V == 256 else (20, 5000)
    make, size = CASES[case]
    rows = make(rng, unique, V, size, dtype)
    wide = rows.astype(np.float64)
    p = wide / wide.sum(axis=1, keepdims=True)
    running = p.cumsum(axis=1)
    symbols = np.stack(
        [np.searchsorted(row, rng.random(repeats) * row[-1], side="right") for row in running], axis=1
    ).reshape(-1)
    ideal = -np.log2(p[np.tile(np.arange(unique), repeats), symbols]).sum()
    at_once = 20 if V == 256 else 10
    block = np.tile(rows, (at_once, 1))
    data = encode(symbols, (block for _ in range(repeats // at_once)))
    assert 8 * len(data) - ideal < 2e-4 * ideal + 64
    assert np.array_equal(decode(data, (block for _ in range(repeats // at_once))), symbols)


@needs_numba
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "V", [2, 65, 1003, *(pytest.param(V, marks=pytest.mark.slow) for V in (27, 64, 255, 256, 1024))]
)
def test_streams_are_the_same_with_compiled_loops_and_without(monkeypatch, dtype, V):
    rng = np.random.default_rng(V)
    rows = np.concatenate([peaked(rng, 60, V, rest, dtype) for rest in (0.0, 0.3, 0.8, 1.0)])
    symbols = rng.integers(0, V, len(rows))
    symbols[::2] = rows[::2].argmax(axis=1)
    layout, found = block_layout(V), {}
    for answer in (False, True):
        monkeypatch.setattr(wide, "pays", lambda size, answer=answer: answer)
        encoder = wide.WideEncoder(layout)
        encoder.push(symbols.astype(np.int32), rows, 0)
        found[answer] = encoder.finish()
        decoder = wide.WideDecoder(found[answer], layout)
        assert decoder.pull(rows, 0).tolist() == symbols.tolist()
        assert decoder.may_be_exhausted()
        assert decode(found[answer], rows, version=1).tolist() == symbols.tolist()
    assert found[False] == found[True]


@needs_numba
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("V", [65, 256, 257, 1003, 4096])
def test_compiled_loops_find_the_very_same_numbers(dtype, V):
    rng = np.random.default_rng(V)
    rows = np.exp(rng.normal(size=(300, V)) * rng.uniform(0, 9, (300, 1)))
    rows = (rows / rows.sum(axis=1, keepdims=True)).astype(dtype)
    rows[7] = 0
    rows[7, V - 1] = 1  # nothing is left of it when it is missed
    layout = block_layout(V)
    blocks = rng.integers(0, layout.blocks, len(rows)).astype(np.int32)
    blocks[:150] = rows[:150].argmax(axis=1) // layout.places  # the favourite's own block
    found = {}
    for answer in (False, True):
        model = RowModel.of(rows, layout, compiled=answer)
        told = RowModel.of(rows, layout, blocks=blocks, compiled=answer)
        assert (told.inside is not None) == answer
        hits = np.arange(len(model.sure)) % 3 > 0
        parts = [model.masses, model.totals, model.found, model.sure, model.favourites, model.misses]
        for rest in (model.all(), model.after(hits)):
            parts += [rest.outer(), rest.inner(blocks[rest.chosen])]
            assert told.all().inner(blocks).tobytes() == model.all().inner(blocks).tobytes()
        found[answer] = [(part.dtype, part.shape, part.tobytes()) for part in parts]
    assert found[False] == found[True]


@needs_numba
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("V", [256, 257, 1003])
def test_compiled_loops_see_every_minus_sign_and_every_nan(dtype, V):
    rows = np.full((7, V), 1 / V, dtype)
    places = block_layout(V).places
    assert kernels.measure(rows, places, FAVOURITE, 1.0).unsigned
    for place in range(V):
        for value in (-1e-30, -np.inf, -0.0):
            broken = rows.copy()
            broken[5, place] = value
            assert not kernels.measure(broken, places, FAVOURITE, 1.0).unsigned
        broken[5, place] = np.nan
        seen = kernels.measure(broken, places, FAVOURITE, 1.0)
        assert np.isnan(seen.sums[5])


@given(st.integers(0, 80), st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=50, deadline=None)
def test_a_trimmed_stream_decodes_and_is_no_longer(n, seed, sure):
    rng = np.random.default_rng(seed)
    share = rng.random(n) ** 30 if sure else rng.random(n)
    zero = np.clip(((1 - share) * 2**24).astype(np.int64), 1, 2**24 - 1)
    weights = np.stack([zero - 1.0, 2.0**24 - zero - 1.0], axis=1)
    symbols = (rng.random(n) < share).astype(np.int32)
    encoder = WordEncoder()
    encoder.encode(symbols, weights)
    whole, trimmed = encoder.finish(), encoder.finish(trimmed=True)
    assert len(trimmed) <= len(whole)
    assert not trimmed.endswith(b"\0")
    decoder = WordDecoder(trimmed, trimmed=True)
    assert decoder.decode(weights).tolist() == symbols.tolist()
    assert decoder.may_be_exhausted()
