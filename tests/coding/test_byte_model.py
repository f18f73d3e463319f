"""The embedded model: exact round trips, compression worth having, and a version that pins its output."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import importlib
import lzma

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab._support import jit
from compresslab.coding import EmbeddedModel
from compresslab.coding.byte_model.bit_history import HISTORIES, tables
from compresslab.coding.byte_model.model import _cut, compress_bytes, decompress_bytes
from compresslab.errors import CorruptStream

kernels = importlib.import_module("compresslab.coding.byte_model.byte_kernels")
byte_model = importlib.import_module("compresslab.coding.byte_model.model")
needs_numba = pytest.mark.skipif(not jit.available(), reason="numba (extra 'scale') is not installed")


def source_code(size):
    import argparse
    import inspect
    import typing

    text = "".join(inspect.getsource(module) for module in (argparse, typing, inspect)).encode()
    return (text * (size // len(text) + 1))[:size]


@given(st.one_of(st.binary(max_size=80), st.text(max_size=30).map(str.encode)))
@settings(max_examples=10, deadline=None)
def test_any_small_bytes_round_trip(data):
    assert decompress_bytes(compress_bytes(data), len(data)) == data


@pytest.mark.parametrize("size", [1, *(pytest.param(size, marks=pytest.mark.slow) for size in (1999, 2501))])
def test_sizes_at_which_lanes_are_cut_differently_round_trip(size):
    data = source_code(size)
    assert decompress_bytes(compress_bytes(data), size) == data


@given(st.integers(1, 10**9))
def test_lanes_cover_the_data_and_only_the_last_is_short(size):
    lanes, length = _cut(size)
    assert (lanes - 1) * length < size <= lanes * length


def test_source_code_takes_less_room_than_in_gzip_and_xz():
    data = source_code(120_000)
    coded = len(compress_bytes(data))
    assert coded < 0.85 * len(gzip.compress(data, 9))
    assert coded < 0.95 * len(lzma.compress(data, preset=9))


@pytest.mark.parametrize(
    "compiled", [pytest.param(False, marks=pytest.mark.slow), pytest.param(True, marks=needs_numba)]
)
def test_the_same_bytes_give_the_same_code_as_when_the_version_was_set(compiled, monkeypatch):
    monkeypatch.setattr(kernels, "pays", lambda size: compiled)
    # If this fails, the model has changed: old files would no longer decode. Set a new fingerprint, then this digest.
    data = bytes(np.random.default_rng(0).integers(97, 105, 1500, dtype=np.uint8)) + b"def f(x):\n    return x\n" * 60
    digest = hashlib.blake2b(compress_bytes(data), digest_size=8).hexdigest()
    assert (EmbeddedModel().fingerprint(), digest) == ("656d6265646465642d31", "378aaa88a4114e1f")


def noise(size):
    return np.random.default_rng(1).bytes(size)


KINDS = {
    "text": source_code,
    "lines and indents": lambda size: (b"a = [\n    1,\n        2,\n]\n\n" * (size // 20 + 1))[:size],
    "noise": noise,
    "numbers": lambda size: np.arange(size, dtype="<u4").tobytes()[:size],
    "one byte": bytes,
    "two bytes": lambda size: np.random.default_rng(2).choice([0, 255], size).astype(np.uint8).tobytes(),
    "far repeats": lambda size: (noise(size // 3 + 1) * 3)[:size],
}


@needs_numba
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("size", "lanes"),
    [
        (1, 1),
        (7, 1),
        (161, 2),
        *(pytest.param(*cut, marks=pytest.mark.slow) for cut in ((400, 1), (2001, 9), (10_007, 60))),
    ],
)
def test_compiled_loops_write_the_same_bytes_as_numpy_and_each_reads_the_other(kind, size, lanes, monkeypatch):
    # The last lane ends before the others, where there are several.
    monkeypatch.setattr(byte_model, "_cut", lambda size: (lanes, -(-size // lanes)))
    data = KINDS[kind](size)
    monkeypatch.setattr(kernels, "pays", lambda size: False)
    coded = compress_bytes(data)
    monkeypatch.setattr(kernels, "pays", lambda size: True)
    assert compress_bytes(data) == coded
    assert decompress_bytes(coded, size) == data
    monkeypatch.setattr(kernels, "pays", lambda size: False)
    assert decompress_bytes(coded, size) == data


@needs_numba
def test_compiled_loops_with_lanes_that_meet_in_one_place_write_the_same_bytes(monkeypatch):
    # So many lanes, so alike, and tables so small that lanes overwrite each other's buckets, histories, corrections;
    # and enough steps for the time when shared things learn at every fourth only.
    monkeypatch.setattr(byte_model, "_cut", lambda size: (60, -(-size // 60)))
    monkeypatch.setattr(byte_model, "_LEARN_ALL", 50)
    line = b"    return self.value + other.value  # the same in every lane\n"
    data = (line * 40 + source_code(6000)) * 3
    size = len(data) - 5
    coded = []
    for compiled in (False, True):
        monkeypatch.setattr(kernels, "pays", lambda size, compiled=compiled: compiled)
        coded.append(compress_bytes(data[:size]))
    assert coded[0] == coded[1]
    assert decompress_bytes(coded[0], size) == data[:size]


@needs_numba
def test_compiled_loops_are_called_where_loading_them_takes_less_time_than_they_save():
    assert [kernels.pays(size) for size in (1, 511, 512, 1 << 30)] == [False, False, True, True]


def test_without_numba_numpy_does_it_all(monkeypatch):
    monkeypatch.setattr(kernels, "available", lambda: False)
    assert not kernels.pays(1 << 40)


@pytest.mark.usefixtures("compiled_byte_model")
def test_damage_is_refused_or_changes_the_text_but_never_crashes():
    data = source_code(300)
    coded = bytearray(compress_bytes(data))
    for at in range(0, len(coded), 40):
        broken = coded.copy()
        broken[at] ^= 1
        with contextlib.suppress(CorruptStream):
            assert len(decompress_bytes(bytes(broken), len(data))) == len(data)
    with pytest.raises(CorruptStream, match="for nothing"):
        decompress_bytes(b"1234", 0)
    with pytest.raises(CorruptStream, match="left over|does not decode"):
        decompress_bytes(bytes(coded) + bytes(range(1, 101)), 100)
    with pytest.raises(CorruptStream, match="cut or glued"):
        decompress_bytes(bytes(coded[:-1]), 300)


def test_progress_counts_up_to_the_size():
    seen = []
    compress_bytes(b"abc" * 500, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (1500, 1500)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert len(seen) > 10


def test_tables_are_what_they_say():
    t = tables()
    assert (np.diff(t.squash) >= 0).all()
    assert t.squash[2048] == 1 << 15
    assert np.abs(t.squash[1:] + t.squash[:0:-1] - (1 << 16)).max() <= 1  # P(1) and P(0) mirror each other
    assert np.abs(t.squash - 65536 / (1 + np.exp(-np.arange(-2048, 2048) / 256))).max() <= 0.5001
    p = (np.arange(1, 4096)) / 4096
    exact = np.clip(256 * np.log(p / (1 - p)), -2047, 2047)
    assert np.abs(t.stretch[1:] - exact)[300:3700].max() < 1.5
    reached = {0}
    while True:
        more = reached | {int(t.next_history[h + HISTORIES * bit]) for h in reached for bit in (0, 1)}
        if more == reached:
            break
        reached = more
    assert 0 not in {int(t.next_history[h + HISTORIES * bit]) for h in reached for bit in (0, 1)}
    assert len(reached) == 179
    assert ((t.start > 0) & (t.start < 1 << 16)).all()


def test_after_many_equal_bits_the_history_expects_another():
    t = tables()
    history = 0
    for _ in range(60):
        history = int(t.next_history[history + HISTORIES])
    assert t.start[history] > 0.98 * 65536
    assert t.start[t.next_history[history]] < 0.9 * 65536  # one zero, and most of the run is forgotten


@pytest.mark.parametrize("coded", [b"", b"\x56\0\0\x2c", bytes(range(1, 41))])
def test_decoding_stops_soon_after_the_end_of_a_stream(coded):
    done = []
    with pytest.raises(CorruptStream):
        decompress_bytes(coded, 16_384, lambda so_far, _: done.append(so_far))
    assert max(done, default=0) < 2_000
