"""Windows of four symbols: every array is that of a dictionary and of numpy; and where another engine is asked."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from hypothesis import given, settings

from compresslab._support import jit
from compresslab.trees import counting
from compresslab.trees.counting.numpy_words import bits_per_symbol, count_packed_windows
from tests.trees.test_counting import assert_same, brute, flat, responses

windows = importlib.import_module("compresslab.trees.counting.sorted_windows")
needs_numba = pytest.mark.skipif(not jit.available(), reason="numba (extra 'scale') is not installed")


def whole(*lengths):
    return np.cumsum([0, *lengths]).astype(np.int64)


@pytest.fixture
def always(monkeypatch):
    """Count by this engine whatever the text, in small buckets."""
    monkeypatch.setattr(windows, "_RESPONSE_LEAST", 0)
    monkeypatch.setattr(windows, "_SHARE_MOST", 2)
    monkeypatch.setattr(windows, "_BUCKET", 64)
    monkeypatch.setattr(windows, "_sorts_by_vectors", lambda: True)


def check(tokens, offsets):
    """Compare with the numpy engine, types included."""
    bits = bits_per_symbol(tokens)
    got, want = windows.count_windows(tokens, offsets, 4, bits), count_packed_windows(tokens, offsets, 4, bits)
    assert got is not None
    assert_same(got, want)
    for name in ("shared", "length", "counts"):
        assert getattr(got, name).dtype == getattr(want, name).dtype, name
    assert [layer.dtype for layer in got.symbols] == [layer.dtype for layer in want.symbols]


@needs_numba
@given(responses())
@settings(deadline=None, max_examples=40)
def test_windows_are_those_of_a_dictionary(lists):
    tokens, offsets = flat(lists)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "_RESPONSE_LEAST", 0)
        patch.setattr(windows, "_SHARE_MOST", 2)
        patch.setattr(windows, "_BUCKET", 4)
        patch.setattr(windows, "_sorts_by_vectors", lambda: True)
        got = windows.count_windows(tokens, offsets, 4, bits_per_symbol(tokens))
    if got is None:
        assert max(map(len, lists)) < 4 or int(tokens.max()) > 65_535
    else:
        assert_same(got, brute(lists, 4, "windows"))


@needs_numba
@pytest.mark.parametrize(
    "V", [2, 17, 256, 65_536, *(pytest.param(V, marks=pytest.mark.slow) for V in (3, 16, 255, 257, 5000, 65_535))]
)
def test_alphabets_of_any_size_give_the_arrays_of_the_numpy_engine(always, V):
    rng = np.random.default_rng(V)
    for lengths in ([40_000], [5, 0, 3, 2, 1, 4, 7], rng.integers(0, 9, 3000), rng.integers(0, 60, 700)):
        offsets = whole(*lengths)
        n = int(offsets[-1])
        for text in (rng.integers(0, V, n), rng.zipf(1.2, n) % V, np.full(n, V - 1), np.arange(n) * 7 % V):
            check(text.astype(np.uint8 if V <= 256 else np.uint16), offsets)


@needs_numba
@pytest.mark.parametrize("most", [255, 256, 65_535, 65_536])
@pytest.mark.parametrize("V", [pytest.param(2, marks=pytest.mark.slow), 300])
def test_counts_have_the_smallest_type_that_holds_them(always, most, V):
    text = np.concatenate([np.full(most + 3, 1), np.random.default_rng(0).permutation(V)]).astype(np.uint16)
    check(text, whole(most + 3, V))


@needs_numba
def test_read_only_wide_and_mapped_tokens_are_counted(always, tmp_path):
    tokens = np.random.default_rng(0).integers(0, 300, 5000).astype(np.uint32)
    tokens.tofile(tmp_path / "tokens")
    tokens.flags.writeable = False
    check(tokens, whole(5000))
    check(np.memmap(tmp_path / "tokens", np.uint32, "r"), whole(2000, 3000))


def test_another_engine_is_asked_where_it_is_faster(monkeypatch):
    rng = np.random.default_rng(0)
    text = rng.integers(0, 256, 200_000).astype(np.uint8)
    monkeypatch.setattr(windows, "_sorts_by_vectors", lambda: True)
    declined = [
        (text, whole(*[25] * 8000), 4, 8),  # short responses
        (text, whole(len(text)), 3, 8),
        (text.astype(np.uint32), whole(len(text)), 4, 17),
        (np.zeros(2, np.uint8), whole(2), 4, 1),  # no window goes on
    ]
    for given_ in declined:
        assert windows.count_windows(*given_) is None
    monkeypatch.setattr(windows, "_sorts_by_vectors", lambda: False)
    assert windows.count_windows(text, whole(len(text)), 4, 8) is None


@needs_numba
def test_where_one_bucket_has_most_words_numpy_counts_them(monkeypatch):
    rng = np.random.default_rng(0)
    monkeypatch.setattr(windows, "_sorts_by_vectors", lambda: True)
    calls = []
    monkeypatch.setattr(windows, "count_packed_windows", lambda *given: calls.append(given))
    for likely, asked in ((0.5, 0), (0.95, 1)):
        text = np.where(rng.random(200_000) < likely, 0, rng.integers(0, 256, 200_000)).astype(np.uint8)
        windows.count_windows(text, whole(200_000), 4, 8)
        assert len(calls) == asked


@pytest.mark.parametrize(
    ("found", "answer"),
    [(["X86_V3"], True), (["SSE42", "AVX2"], True), (["X86_V3", "X86_V4"], True), (["SSE42"], False), (["SVE"], False)],
)
def test_vectors_of_numpy_are_seen_in_its_configuration(monkeypatch, found, answer):
    shown = {"SIMD Extensions": {"baseline": ["X86_V2"], "found": found}}
    monkeypatch.setattr(np, "show_config", lambda mode: shown)
    assert windows._sorts_by_vectors.__wrapped__() == answer


@needs_numba
@pytest.mark.parametrize("parse", ["windows", "phrases"])
def test_words_that_only_eos_makes_too_long_are_left_to_numpy(monkeypatch, parse):
    tokens = np.array([65_535, 1, 2, 65_535, 65_535], np.uint16)
    compiled = importlib.import_module("compresslab.trees.counting.compiled_any_depth")
    want = counting.count_phrases(tokens, whole(5), 4, parse)
    monkeypatch.setattr(jit, "LARGE", 1)
    calls = []
    monkeypatch.setattr(compiled, "count_compiled", lambda *given: calls.append(given))
    assert_same(counting.count_phrases(tokens, whole(5), 4, parse), want)
    counting.count_phrases(tokens, whole(5), 5, parse)
    assert len(calls) == 1


@needs_numba
def test_large_windows_of_four_come_from_this_engine(always, monkeypatch):
    tokens = np.random.default_rng(0).integers(0, 65_536, 3000).astype(np.uint16)
    want = counting.count_phrases(tokens, whole(3000), 4, "windows")
    monkeypatch.setattr(jit, "LARGE", 1)
    seen = []
    real = windows.count_windows
    monkeypatch.setattr(windows, "count_windows", lambda *given: seen.append(real(*given)) or seen[-1])
    assert_same(counting.count_phrases(tokens, whole(3000), 4, "windows"), want)
    assert seen[0] is not None
