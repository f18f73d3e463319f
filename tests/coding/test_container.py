"""`.clz` files: whatever the file, it comes back; what cannot be done is refused with a remedy."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab.coding import (
    EmbeddedModel,
    compress_file,
    decompress_file,
    file_info,
    read_range,
    recover_file,
    verify_file,
)
from compresslab.coding.clz.chunk_model import decode_chunk, encode_chunk
from compresslab.coding.clz.escapes import Escape, Reason, tally
from compresslab.coding.clz.format import Method
from compresslab.errors import (
    CorruptFile,
    CorruptStream,
    DecodingError,
    InvalidDistribution,
    InvalidParameter,
    UnreadableFile,
    WrongModel,
)

pytestmark = pytest.mark.usefixtures("compiled_byte_model")
TEXT = b"it was the best of times, it was the worst of times, it was the age of wisdom. "


class Quick:
    """A model for tests: turns every byte around, and takes orders on how to fail."""

    name = "quick"

    def __init__(self, fingerprint="0a", fail="", settings=None):
        self._fingerprint, self._fail, self._settings = fingerprint, fail, settings or {"dtype": "float32"}

    def fingerprint(self):
        return self._fingerprint

    def settings(self):
        return self._settings

    def compress(self, data, progress=None):
        if self._fail == "raise":
            raise CorruptStream("no")
        if isinstance(self._fail, Exception):
            raise self._fail
        if progress is not None:
            progress(len(data), len(data))
        return data[: len(data) // 3]

    def decompress(self, coded, size, progress=None):
        if self._fail == "decode":
            return bytes(size)
        return (coded * 4)[:size]


def threefold(n):
    return np.random.default_rng(n).bytes(n) * 3


CASES = {
    "empty": b"",
    "one byte": b"x",
    "a zero": b"\0",
    "text": TEXT * 6,
    "utf-8": "naïve façade – Ωμέγα\r\n".encode() * 12,
    "zeros": bytes(3000),
    "noise": np.random.default_rng(0).bytes(1000),
    "like a .clz file": b"\x93CLZ\r\n\x1a\nCLZcCLZtCLZ.end\n" * 3,
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("chunk_size", [1 << 24, 397])
def test_the_file_comes_back_whatever_it_is(tmp_path, name, chunk_size):
    source = tmp_path / name
    source.write_bytes(CASES[name])
    info = compress_file(source, chunk_size=chunk_size)
    packed = tmp_path / (name + ".clz")
    assert info == file_info(packed)
    assert info.original_size == len(CASES[name])
    assert info.num_chunks == -(-len(CASES[name]) // chunk_size)
    assert info.coded_size == packed.stat().st_size
    source.unlink()
    assert decompress_file(packed) == source
    assert source.read_bytes() == CASES[name]
    assert verify_file(packed) == info
    recovery = recover_file(packed, tmp_path / "again")
    assert recovery.is_whole
    assert recovery.recovered == recovery.size == len(CASES[name])
    assert (tmp_path / "again").read_bytes() == CASES[name]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([name, name + ".clz", "again"])  # nothing left behind


def test_a_clz_file_inside_a_clz_file_is_only_data(tmp_path):
    inner = tmp_path / "inner"
    inner.write_bytes(np.random.default_rng(0).bytes(15_000))
    compress_file(inner, chunk_size=5000)
    outer = tmp_path / "inner.clz"
    compress_file(outer, chunk_size=1 << 20)
    packed = bytearray((tmp_path / "inner.clz.clz").read_bytes())
    recovery = recover_file(tmp_path / "inner.clz.clz", tmp_path / "out")
    assert (recovery.is_whole, (tmp_path / "out").read_bytes()) == (True, outer.read_bytes())
    packed[packed.index(b"CLZc") + 400] ^= 1  # the outer chunk is damaged: the inner chunks are not ours
    (tmp_path / "bad.clz").write_bytes(packed)
    recovery = recover_file(tmp_path / "bad.clz", tmp_path / "out")
    assert [(d.chunk, d.start, d.stop) for d in recovery.damages] == [(0, 0, outer.stat().st_size)]


def test_equal_files_give_equal_files_and_the_name_is_no_part_of_it(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(TEXT)
        compress_file(tmp_path / name)
    assert (tmp_path / "a.clz").read_bytes() == (tmp_path / "b.clz").read_bytes()


@given(
    data=st.binary(min_size=1, max_size=300),
    chunk_size=st.integers(1, 80),
    cut=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
@settings(max_examples=25, deadline=None)
def test_ranges_are_slices(tmp_path_factory, data, chunk_size, cut):
    folder = tmp_path_factory.mktemp("ranges")
    (folder / "f").write_bytes(data)
    compress_file(folder / "f", chunk_size=chunk_size, verify=False, model=Quick(fail="raise"))
    start, stop = sorted(round(c * len(data)) for c in cut)
    assert read_range(folder / "f.clz", start, stop, model=Quick()) == data[start:stop]


@pytest.mark.slow
def test_chunks_are_independent_of_workers(tmp_path):
    (tmp_path / "f").write_bytes(TEXT * 4)
    one = compress_file(tmp_path / "f", tmp_path / "one.clz", chunk_size=80, verify=False)
    two = compress_file(tmp_path / "f", tmp_path / "two.clz", chunk_size=80, verify=False, workers=2)
    assert one.num_chunks == 4
    assert (tmp_path / "one.clz").read_bytes() == (tmp_path / "two.clz").read_bytes()
    assert two.digest == one.digest
    decompress_file(tmp_path / "one.clz", tmp_path / "out", workers=2)
    assert (tmp_path / "out").read_bytes() == TEXT * 4


def test_another_model_codes_the_chunks_and_only_it_decodes_them(tmp_path):
    data = threefold(500)
    (tmp_path / "f").write_bytes(data)
    info = compress_file(tmp_path / "f", model=Quick())
    assert info.methods == {"model": 1}
    assert (info.model, info.fingerprint, info.settings) == ("quick", "0a", {"dtype": "float32"})
    assert info.bits_per_byte == pytest.approx(8 * info.coded_size / 1500)
    decompress_file(tmp_path / "f.clz", tmp_path / "g", model=Quick())
    assert (tmp_path / "g").read_bytes() == data
    for other in (Quick(fingerprint="0b", settings={"dtype": "float64"}), EmbeddedModel(), None):
        for use in (decompress_file, recover_file):
            with pytest.raises(WrongModel, match=r"written with the model 'quick' .*float32.*same settings"):
                use(tmp_path / "f.clz", tmp_path / "h", model=other)
        with pytest.raises(WrongModel):
            verify_file(tmp_path / "f.clz", model=other)
    assert not (tmp_path / "h").exists()
    with pytest.raises(InvalidParameter, match="use workers=1"):
        compress_file(tmp_path / "f", model=Quick(), workers=2)


@pytest.mark.parametrize("fail", ["raise", "decode"])
def test_a_chunk_on_which_the_model_fails_is_stored_without_it(tmp_path, fail):
    (tmp_path / "f").write_bytes(threefold(500))
    info = compress_file(tmp_path / "f", model=Quick(fail=fail))
    assert "model" not in info.methods
    decompress_file(tmp_path / "f.clz", tmp_path / "g", model=Quick(fail=fail))
    assert (tmp_path / "g").read_bytes() == threefold(500)


def test_a_model_that_decodes_otherwise_than_it_did_is_found_out(tmp_path):
    (tmp_path / "f").write_bytes(threefold(500))
    compress_file(tmp_path / "f", model=Quick())
    with pytest.raises(CorruptFile, match=r"chunk 0 of 1 .*the model does not run here as it ran there"):
        decompress_file(tmp_path / "f.clz", tmp_path / "g", model=Quick(fail="decode"))
    assert not (tmp_path / "g").exists()


def test_methods_are_chosen_by_size_and_all_decode():
    seen = set()
    mixed = np.random.default_rng(1).bytes(5000)
    for data in (b"", b"ab", bytes(1_000_000), bytes(3000), TEXT, TEXT * 4, mixed * 2, mixed):
        method, coded, _ = encode_chunk(data, EmbeddedModel())
        seen.add(method)
        assert len(coded) <= len(data)
        assert decode_chunk(method, coded, len(data), EmbeddedModel()) == data
        if method is not Method.MODEL:  # a model cannot know; the digest does
            with pytest.raises(CorruptStream):
                decode_chunk(method, coded, len(data) + 1, EmbeddedModel())
    assert seen >= {Method.RAW, Method.ZLIB, Method.LZMA, Method.MODEL}


@pytest.mark.parametrize(
    ("fail", "reason", "detail"),
    [
        (DecodingError("it is not text"), Reason.NOT_TEXT, "it is not text"),
        (InvalidDistribution("row 3 has nan"), Reason.REFUSED, "row 3 has nan"),
        ("decode", Reason.NOT_REPEATED, ""),
    ],
)
def test_a_chunk_that_the_model_does_not_code_says_why(tmp_path, fail, reason, detail):
    (tmp_path / "f").write_bytes(b"".join(threefold(500) for _ in range(3)))
    seen = []
    info = compress_file(tmp_path / "f", model=Quick(fail=fail), chunk_size=1500, escaped=seen.append)
    assert "model" not in info.methods
    assert seen == [Escape(reason, 1500, detail)] * 3
    (found,) = tally(seen)
    assert (found.reason, found.chunks, found.bytes, found.detail) == (reason, 3, 4500, detail)
    assert str(found).startswith("4,500 bytes in 3 chunks: ")
    assert str(found).endswith(found.remedy)


def test_chunks_of_several_reasons_are_counted_by_reason_and_none_is_lost(tmp_path):
    (tmp_path / "f").write_bytes(threefold(500) + np.random.default_rng(0).bytes(1500 * 3) + bytes(1500))
    seen = []
    info = compress_file(tmp_path / "f", model=Quick(), chunk_size=1500, escaped=seen.append)
    assert info.methods == {"model": 1, "raw": 3, "zlib": 1}
    found = {each.reason: (each.chunks, each.bytes) for each in tally(seen)}
    # Quick makes anything shorter, but only three times the same comes back: the check finds it out.
    assert found == {Reason.NO_SMALLER: (1, 1500), Reason.NOT_REPEATED: (3, 4500)}
    assert tally([]) == ()


def test_without_the_check_nothing_is_said_to_differ(tmp_path):
    (tmp_path / "f").write_bytes(threefold(500))
    seen = []
    compress_file(tmp_path / "f", model=Quick(fail="decode"), verify=False, escaped=seen.append)
    assert seen == []


def test_progress_reaches_the_size_and_never_falls(tmp_path):
    (tmp_path / "f").write_bytes(np.random.default_rng(0).bytes(15_000) + TEXT)
    for run in (
        lambda report: compress_file(tmp_path / "f", chunk_size=5000, progress=report),
        lambda report: decompress_file(tmp_path / "f.clz", tmp_path / "g", progress=report),
        lambda report: verify_file(tmp_path / "f.clz", progress=report),
        lambda report: recover_file(tmp_path / "f.clz", tmp_path / "g", progress=report),
    ):
        seen = []
        run(lambda done, total, seen=seen: seen.append((done, total)))
        assert seen[-1] == (15_079, 15_079)
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_what_cannot_be_read_or_written_is_refused_by_name(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    with pytest.raises(UnreadableFile, match=r"cannot read .*missing: no such file"):
        compress_file(tmp_path / "missing")
    with pytest.raises(UnreadableFile, match="cannot read"):
        compress_file(tmp_path)
    with pytest.raises(UnreadableFile, match="cannot write"):
        compress_file(tmp_path / "f", tmp_path / "no" / "such.clz")
    with pytest.raises(InvalidParameter, match=r"does not end in \.clz: say where"):
        decompress_file(tmp_path / "f")
    with pytest.raises(InvalidParameter, match="chunks must have from 1"):
        compress_file(tmp_path / "f", chunk_size=0)
    with pytest.raises(InvalidParameter, match="at least one worker"):
        compress_file(tmp_path / "f", workers=0)
    with pytest.raises(CorruptFile, match=r"is not a \.clz file"):
        decompress_file(tmp_path / "f", tmp_path / "g")
    with pytest.raises(CorruptFile, match="nothing to recover"):
        recover_file(tmp_path / "f", tmp_path / "g")
    compress_file(tmp_path / "f")
    with pytest.raises(InvalidParameter, match="do not lie within the original's 3"):
        read_range(tmp_path / "f.clz", 0, 4)


def test_a_source_that_changes_while_it_is_read_is_refused(tmp_path):
    source = tmp_path / "f"
    for change, word in ((b"", "shorter"), (bytes(900_000), "longer")):
        source.write_bytes(np.random.default_rng(0).bytes(20_000) * 15)

        class Meddler(Quick):
            def compress(self, data, progress=None, change=change):
                source.write_bytes(change)
                os.truncate(source, len(change))
                return super().compress(data)

        with pytest.raises(UnreadableFile, match=f"became {word}"):
            compress_file(source, model=Meddler(), chunk_size=150_000)
        assert [p.name for p in tmp_path.iterdir()] == ["f"]
