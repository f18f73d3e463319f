"""Counting phrases: every engine agrees with a dictionary of prefixes, array for array."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab._support import jit
from compresslab._support.arrays import smallest_unsigned
from compresslab.trees import counting
from compresslab.trees.counting.numpy_any_depth import count_refining
from compresslab.trees.counting.numpy_words import bits_per_symbol, count_packed, count_packed_windows, fits
from compresslab.trees.counting.rank_doubling import rank_by_doubling, sort_by_ranks
from compresslab.trees.leaves import LocatedPhrases, SortedLeaves
from compresslab.trees.phrases import PARSES, locate_phrases

fast = settings(deadline=None, max_examples=50)
needs_numba = pytest.mark.skipif(not jit.available(), reason="numba (extra 'scale') is not installed")


@st.composite
def responses(draw, largest=None):
    """Responses over an alphabet of any size, some of them repeating themselves."""
    top = draw(st.sampled_from([1, 2, 5, 255, 256, 65_534, 65_535, 2**32 - 1])) if largest is None else largest
    symbol = st.integers(0, min(top, 3)) | st.integers(0, top)
    plain = st.lists(symbol, max_size=40)
    repeated = st.builds(lambda unit, times: unit * times, st.lists(symbol, min_size=1, max_size=3), st.integers(1, 40))
    return draw(st.lists(plain | repeated, min_size=1, max_size=6))


depths = st.integers(1, 6) | st.sampled_from([7, 16, 33, 64, 100, 300])


def flat(lists):
    """Return responses as the engines take them: one flat array, and offsets."""
    tokens = np.array([t for response in lists for t in response], np.uint64)
    tokens = tokens.astype(smallest_unsigned(int(tokens.max(initial=0))))
    return tokens, np.cumsum([0] + [len(response) for response in lists]).astype(np.int64)


def shared_by(a, b) -> int:
    """Symbols that two tuples start with in common."""
    return next((j for j, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def brute(lists, depth, parse) -> SortedLeaves:
    """Count phrases in a dictionary and lay its sorted keys out as leaves."""
    starts = {
        "phrases": lambda n: range(0, n + 1, depth),
        "prefix": lambda n: range(1),
        "windows": lambda n: range(n + 1),
    }[parse]
    counted = Counter(tuple(r[i : i + depth]) for r in lists for i in starts(len(r)))
    leaves = sorted(counted)
    shared = [0, *(shared_by(a, b) for a, b in pairwise(leaves))]
    layers = [[leaf[m] for leaf, s in zip(leaves, shared, strict=True) if s <= m < len(leaf)] for m in range(depth)]
    return SortedLeaves(
        tuple(np.array(layer, np.uint32) for layer in layers),
        np.array(shared, np.uint16),
        np.array([len(leaf) for leaf in leaves], np.uint16),
        np.array([counted[leaf] for leaf in leaves], np.uint64),
    )


def assert_same(got: SortedLeaves, want: SortedLeaves) -> None:
    for name in ("shared", "length", "counts"):
        np.testing.assert_array_equal(getattr(got, name), getattr(want, name), err_msg=name)
    assert got.depth == want.depth
    for m, (a, b) in enumerate(zip(got.symbols, want.symbols, strict=True), start=1):
        np.testing.assert_array_equal(a, b, err_msg=f"layer {m}")


def engines(tokens, offsets, depth, parse):
    """Yield the leaves of every engine that can count these phrases."""
    strings = LocatedPhrases(tokens, *locate_phrases(offsets, depth, parse))
    yield counting.count_phrases(tokens, offsets, depth, parse)
    yield count_refining(strings, depth)
    bits = bits_per_symbol(tokens)
    if fits(bits, depth):
        yield count_packed(strings, depth, bits)
        if parse == "windows":
            yield count_packed_windows(tokens, offsets, depth, bits)
    if jit.available():
        yield importlib.import_module("compresslab.trees.counting.compiled_any_depth").count_compiled(
            tokens, offsets, depth, parse
        )


@fast
@given(responses(), depths, st.sampled_from(PARSES))
def test_every_engine_agrees_with_a_dictionary(lists, depth, parse):
    want = brute(lists, depth, parse)
    for got in engines(*flat(lists), depth, parse):
        assert_same(got, want)
        assert got.shared.dtype == got.length.dtype == smallest_unsigned(depth)
        assert got.counts.dtype == smallest_unsigned(int(got.counts.max()))


@needs_numba
@pytest.mark.parametrize("depth", [3, 16])
@pytest.mark.parametrize("parse", PARSES)
def test_many_buckets_and_threads_agree_with_the_reference(depth, parse):
    rng = np.random.default_rng(1)
    tokens = np.minimum(rng.zipf(1.3, 150_000), 5000).astype(np.uint16)
    offsets = np.concatenate([[0], np.sort(rng.integers(0, len(tokens) + 1, 3000)), [len(tokens)]]).astype(np.int64)
    got = importlib.import_module("compresslab.trees.counting.compiled_any_depth").count_compiled(
        tokens, offsets, depth, parse
    )
    assert_same(got, count_refining(LocatedPhrases(tokens, *locate_phrases(offsets, depth, parse)), depth))


@needs_numba
@pytest.mark.parametrize("parse", PARSES)
def test_strings_that_fill_many_parts_are_counted_once(parse):
    compiled, words = (
        importlib.import_module(f"compresslab.trees.counting.{name}")
        for name in ("compiled_any_depth", "compiled_words")
    )
    tokens = np.concatenate(
        [np.zeros(words.ROOM + 5, np.uint8), np.random.default_rng(2).integers(0, 2, 300_000, np.uint8)]
    )
    offsets = np.array([0, 7, words.ROOM + 5, len(tokens)])
    got = compiled.count_compiled(tokens, offsets, 3, parse)
    assert_same(got, count_packed(LocatedPhrases(tokens, *locate_phrases(offsets, 3, parse)), 3, 1))


@needs_numba
@fast
@given(st.lists(st.integers(0, 3), min_size=1, max_size=200), st.integers(0, 400), st.data())
def test_a_guess_from_the_middle_is_the_one_from_the_end(unit, times, data):
    kernels = importlib.import_module("compresslab.trees.counting.kernels.any_depth")
    codes = np.array([*(unit * times), *unit, 0], np.uint8)
    width = np.bincount(codes, minlength=4).astype(float)
    low, scale = np.cumsum(width) - width, (1 - 2.0**-50) / len(codes)
    at = data.draw(st.integers(0, len(codes)))
    want = 0.0
    for code in codes[at:][::-1].tolist():
        want = 0.0 if code == 0 else (low[code] + width[code] * want) * scale
    assert kernels.guess_at(codes, at, low, width, scale) == want


@needs_numba
@fast
@given(responses(largest=1), st.sampled_from([5, 16, 33, 64, 300]), st.sampled_from(PARSES))
def test_repetitive_text_is_sorted_by_ranks_with_the_same_result(lists, depth, parse):
    compiled = importlib.import_module("compresslab.trees.counting.compiled_any_depth")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "PATIENCE", 2)
        assert_same(compiled.count_compiled(*flat(lists), depth, parse), brute(lists, depth, parse))


@fast
@given(responses(largest=2), st.integers(2, 40), st.data())
def test_doubling_ranks_strings_as_sorting_does(lists, depth, data):
    text = np.array([code for r in lists for code in [*(t + 1 for t in r), 0]], np.uint8)
    known = data.draw(st.integers(1, depth - 1))

    def string(p: int, codes: int) -> tuple[int, ...]:
        held = tuple(text[p : p + codes].tolist())
        return held[: held.index(0) + 1] if 0 in held else held

    order = np.array(sorted(range(len(text)), key=lambda p: string(p, known)), np.uint32)
    strings = [string(int(p), known) for p in order]
    shared = np.array([0, *(depth + 1 if a == b else shared_by(a, b) for a, b in pairwise(strings))])
    ranks = rank_by_doubling(text, order, shared, known, depth)
    for positions in (None, np.arange(0, len(text), 2)):
        where = range(len(text)) if positions is None else positions.tolist()
        got, common = sort_by_ranks(ranks, positions)
        held = [string(int(p), depth) for p in got]
        assert held == sorted(string(p, depth) for p in where)
        assert common.tolist() == [0, *(depth + 1 if a == b else shared_by(a, b) for a, b in pairwise(held))]


@fast
@given(st.lists(responses(largest=6), min_size=1, max_size=5), depths, st.sampled_from(PARSES), st.booleans())
def test_merging_shards_gives_the_tree_of_all(shards, depth, parse, compiled):
    parts = [counting.count_phrases(*flat(lists), depth, parse) for lists in shards]
    with pytest.MonkeyPatch.context() as patch:
        if compiled:
            patch.setattr(counting, "pays", lambda work: jit.available())
        got = counting.merge_leaves(parts, np.dtype(np.uint8))
    assert_same(got, brute([response for lists in shards for response in lists], depth, parse))


@needs_numba
def test_large_input_goes_to_the_compiled_engine_and_small_input_does_not(monkeypatch):
    tokens, offsets = flat([[1, 2, 3] * 50])
    compiled = importlib.import_module("compresslab.trees.counting.compiled_any_depth")
    calls = []
    monkeypatch.setattr(compiled, "count_compiled", lambda *given: calls.append(given))
    counting.count_phrases(tokens, offsets, 16, "windows")
    assert not calls
    monkeypatch.setattr(jit, "LARGE", 1)
    counting.count_phrases(tokens, offsets, 16, "windows")
    assert len(calls) == 1


def test_without_numba_large_input_is_counted_by_numpy(monkeypatch):
    tokens, offsets = flat([[1, 2, 3] * 50])
    want = counting.count_phrases(tokens, offsets, 16, "windows")
    monkeypatch.setattr(jit, "LARGE", 1)
    monkeypatch.setattr(jit, "available", lambda: False)
    assert_same(counting.count_phrases(tokens, offsets, 16, "windows"), want)


def test_counting_small_input_does_not_load_numba():
    code = (
        "import sys, numpy as np\nfrom compresslab.trees.counting import count_phrases\n"
        "count_phrases(np.arange(9, dtype=np.uint8), np.array([0, 9]), 16, 'windows')\n"
        "assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@needs_numba
@pytest.mark.parametrize("period", [2, *(pytest.param(period, marks=pytest.mark.slow) for period in (1, 1000))])
def test_text_that_repeats_itself_takes_no_time_per_symbol_of_depth(period):
    compiled = importlib.import_module("compresslab.trees.counting.compiled_any_depth")
    tokens = np.tile(np.arange(period, dtype=np.uint16), 200_000 // period)
    leaves = compiled.count_compiled(tokens, np.array([0, len(tokens)]), 65_535, "windows")
    # One truncated leaf for each place in the period, and an EOS leaf for each of the last 65535 windows.
    assert len(leaves.counts) == period + 65_535
    assert leaves.counts.sum() == len(tokens) + 1
