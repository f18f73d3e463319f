"""Quantisation: exact sums, the stated bound for every symbol, the same bits on every machine, and refusals by name."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab.coding import quantize
from compresslab.coding import quantize as quantize_function
from compresslab.coding.rows.quantize import (
    MAX_VOCABULARY,
    PRECISION,
    as_rows,
    block_layout,
    block_masses,
    place_masses,
    weights_bound_bits,
    weights_minus_one,
)
from compresslab.errors import InvalidDistribution, InvalidParameter

module = importlib.import_module("compresslab.coding.rows.quantize")
SIZES = [2, 3, 16, 64, 65, 66, 100, 255, 256, 257, 1000, 4097, 49152, 50257]


def skewed_rows(rng, n, V, spread, dtype):
    logits = rng.normal(size=(n, V)) * spread
    rows = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (rows / rows.sum(axis=1, keepdims=True)).astype(dtype)


def block_weights(rows, layout):
    return weights_minus_one(*block_masses(rows, layout))


def inner_weights(rows, layout, blocks):
    return weights_minus_one(place_masses(rows, layout, np.arange(len(rows)), blocks))


def two_level_cost(rows, symbols):
    """Bits of each symbol under the weights that are coded, from the definition of the two levels."""
    layout = block_layout(rows.shape[1])
    total = 2.0**PRECISION
    if layout.levels == 1:
        return -np.log2((block_weights(rows, layout)[np.arange(len(rows)), symbols] + 1) / total)
    blocks, places = np.divmod(symbols, layout.places)
    t = np.arange(len(rows))
    outer = block_weights(rows, layout)[t, blocks] + 1
    inner = inner_weights(rows, layout, blocks)[t, places] + 1
    return -np.log2(outer / total) - np.log2(inner / total)


@pytest.mark.parametrize("V", SIZES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_of_each_level_are_positive_and_sum_to_2_to_the_24(V, dtype):
    rng = np.random.default_rng(V)
    rows = skewed_rows(rng, 5, V, 8.0, dtype)
    layout = block_layout(V)
    outer = block_weights(rows, layout)
    assert outer.shape == (5, layout.blocks)
    assert outer.min() >= 0
    assert (outer.sum(axis=1) == 2**PRECISION - layout.blocks).all()
    assert (outer == np.floor(outer)).all()
    if layout.levels == 2:
        for block in (0, layout.blocks // 2, layout.blocks - 1):
            inner = inner_weights(rows, layout, np.full(5, block))
            assert inner.min() >= 0
            assert (inner.sum(axis=1) == 2**PRECISION - layout.places).all()


@pytest.mark.claim("quantization-overhead")
@pytest.mark.parametrize("V", SIZES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("spread", [0.0, 1.0, 30.0])
def test_every_symbol_costs_less_than_the_bound_above_its_ideal(V, dtype, spread):
    rng = np.random.default_rng(V + int(spread))
    rows = skewed_rows(rng, 40, V, spread, dtype)
    bound = weights_bound_bits(V, dtype)
    wide = rows.astype(np.float64)
    p = wide / wide.sum(axis=1, keepdims=True)
    for symbols in (p.argmax(axis=1), p.argmin(axis=1), rng.integers(0, V, 40), np.full(40, V - 1), np.zeros(40, int)):
        chosen = p[np.arange(40), symbols]
        possible = chosen > 0
        excess = (two_level_cost(rows, symbols) + np.log2(np.where(possible, chosen, 1)))[possible]
        assert (excess < bound).all()


def test_the_bound_is_nearly_reached_so_it_is_not_idle():
    # One symbol has all the mass, and 2**24 - k of the weights beside the rest that goes to symbol 0.
    V = 64
    row = np.zeros((1, V))
    row[0, V - 1] = 1.0
    excess = two_level_cost(row, np.array([V - 1]))[0]
    assert 0.9 * weights_bound_bits(V) < excess < weights_bound_bits(V)


def test_the_bound_at_the_vocabularies_of_the_issue_is_far_below_a_hundredth_of_a_percent():
    assert weights_bound_bits(256, np.float32) < 2e-5
    assert weights_bound_bits(49152, np.float32) < 1e-4
    assert weights_bound_bits(MAX_VOCABULARY, np.float64) < 1e-3


@given(st.lists(st.floats(min_value=0, max_value=1e300, allow_nan=False), min_size=2, max_size=80))
@settings(max_examples=50, deadline=None)
def test_weights_of_any_row_sum_to_2_to_the_24(masses):
    row = np.array([masses])
    if row.sum() == 0 or not np.isfinite(row.sum()):
        row = np.ones_like(row)
    row = row / row.sum()
    weights = quantize(row)
    assert weights.min() >= 1
    assert weights.sum() == 2**PRECISION


def test_tiny_and_subnormal_masses_keep_their_ratios_inside_a_block():
    row = np.zeros((1, 1000))
    row[0, 0] = 1.0
    row[0, 32:34] = [3e-310, 1e-310]
    layout = block_layout(1000)
    weights = inner_weights(row, layout, np.array([1]))[0] + 1
    assert layout.places == 32
    assert weights[0] / weights[1] == pytest.approx(3, rel=1e-4)
    empty = inner_weights(row, layout, np.array([5]))[0] + 1
    assert empty.tolist() == [2**PRECISION / 32] * 32  # a block without mass is uniform


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [2, 3, 16, 17, 31, 64, 192, 257, 4096])
@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (1, 5), (40, 1)])
def test_fast_sums_equal_the_defined_order_bit_for_bit(dtype, k, shape):
    values = np.exp(np.random.default_rng(k).normal(size=(*shape, k)) * 5).astype(dtype)
    fast = np.empty(shape, dtype)
    module._sum_over_last(values, fast)
    assert fast.tobytes() == module._sum_in_lanes(values).tobytes()
    assert fast == pytest.approx(values.sum(axis=-1), rel=1e-5)


@pytest.mark.parametrize("V", [50, 256, 1003])
def test_weights_do_not_depend_on_the_fast_path(monkeypatch, V):
    rows = skewed_rows(np.random.default_rng(0), 30, V, 3.0, np.float32)
    layout = block_layout(V)
    blocks = np.arange(30) % layout.blocks
    before = block_weights(rows, layout), inner_weights(rows, layout, blocks)
    monkeypatch.setattr(module, "_einsum_adds_in_lanes", lambda itemsize, k: False)
    assert np.array_equal(before[0], block_weights(rows, layout))
    assert np.array_equal(before[1], inner_weights(rows, layout, blocks))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, "must be finite, but row 7 has nan at symbol 3"),
        (np.inf, "must be finite, but row 7 has inf at symbol 3"),
        (-0.25, "must not be negative, but row 7 has -0.25 at symbol 3"),
        (5.0, "row 7: probabilities sum to"),
    ],
)
@pytest.mark.parametrize("V", [8, 300])
def test_a_bad_row_is_named_with_its_value(V, value, message):
    rows = np.full((9, V), 1 / V)
    rows[7, 3] = value
    with pytest.raises(InvalidDistribution, match=message):
        block_weights(rows, block_layout(V))
    with pytest.raises(InvalidDistribution, match=message):
        quantize_function(rows)


def test_a_negative_number_hidden_in_a_block_of_positive_mass_is_found():
    rows = np.full((3, 1024), 1 / 1024)
    rows[2, 500] -= 2 / 1024
    rows[2, 501] += 2 / 1024
    with pytest.raises(InvalidDistribution, match=r"row 2 has -0\.0009"):
        block_weights(rows, block_layout(1024))


def test_other_refusals_say_what_to_do():
    with pytest.raises(InvalidDistribution, match=r"all zero"):
        quantize(np.zeros((1, 4)))
    with pytest.raises(InvalidDistribution, match=r"sum to 1\.083, not 1: divide by their sum"):
        quantize(np.array([[0.5, 0.583]]))
    with pytest.raises(InvalidDistribution, match="rows\\[None, :\\]"):
        quantize(np.array([0.5, 0.5]))
    with pytest.raises(InvalidDistribution, match="float32 or float64, not float16"):
        as_rows(np.ones((1, 2), np.float16) / 2)
    with pytest.raises(InvalidParameter, match="carries no information"):
        quantize(np.ones((1, 1)))
    with pytest.raises(InvalidParameter, match="16777214"):
        block_layout(MAX_VOCABULARY + 1)
    assert quantize(np.zeros((0, 4))).shape == (0, 4)
