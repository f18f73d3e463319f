"""What a file claims is not what it holds: claims are checked, memory and time follow the bytes that are there."""

from __future__ import annotations

import contextlib
import hashlib
import lzma
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab.coding import compress_file, decompress_file, file_info, recover_file, verify_file
from compresslab.coding.clz.format import parse_header
from compresslab.coding.clz.header import CHUNK_MOST, CHUNKS_MOST
from compresslab.coding.clz.recovery import zeros_most
from compresslab.coding.clz.schema import NUMBERS
from compresslab.errors import CorruptFile, InvalidParameter, WrongModel

from .forge import EMBEDDED, LZMA, MODEL, RAW, TEXT, ZLIB, Chunk, Forged

pytestmark = pytest.mark.usefixtures("compiled_byte_model")
READERS = (file_info, verify_file, lambda path: decompress_file(path, path.with_name("out")))


def refused(path: Path, data: bytes, words: str) -> None:
    path.write_bytes(data)
    for use in READERS:
        with pytest.raises(CorruptFile, match=words) as caught:
            use(path)
        assert "\n" not in str(caught.value)
    assert not path.with_name("out").exists()


def one(**changes) -> bytes:
    plan = {"size": 5, "chunk_size": 1 << 24, "chunks": [Chunk(0, 0, RAW, 5, b"hello")]}
    return Forged(**(plan | changes)).packed()


def test_a_forged_file_that_claims_the_truth_is_read(tmp_path):
    for version in (2, 3):
        (tmp_path / "f.clz").write_bytes(one(version=version))
        assert decompress_file(tmp_path / "f.clz").read_bytes() == b"hello"


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"chunk_size": 0, "chunks": []}, "its chunks have 0 bytes each"),
        ({"size": 1 << 40, "chunk_size": 1 << 40}, "it claims chunks of 1099511627776 bytes, more than"),
        ({"size": 1 << 62, "chunk_size": 1 << 62}, "it claims chunks of 4611686018427387904 bytes, more than"),
        ({"size": 1 << 60, "chunk_size": 1, "chunks": []}, "it claims 1152921504606846976 chunks, more than 2097152"),
        ({"size": 1 << 40, "chunk_size": 1 << 24}, "index at the end of the file is damaged"),
        ({"fingerprints": (b"", b"", b"", b"")}, "the fingerprint of its model is empty"),
        ({"fingerprints": (b"x" * 33, b"", b"", b"")}, "the fingerprint of its model has 33 bytes, more than 32"),
        ({"text": [1, 2]}, "not a JSON object but list"),
        ({"text": b"{"}, "is not JSON"),
        ({"text": b"[" * 9 + b"]" * 9}, "nested more than 8 levels deep"),
        ({"text": b"[" * 100_000 + b"]" * 100_000}, "has more than 16384 bytes"),
        ({"text": {"model": "embedded", "libraries": {}}}, "lacks 'settings'"),
        ({"text": TEXT | {"original_size": 7}}, "has 'original_size', which has no place there"),
        ({"text": TEXT | {"chunk_size": 0}}, "has 'chunk_size', which has no place there"),
        ({"text": TEXT | {"model": 5}}, "the model's name among its facts is not a text"),
        ({"text": TEXT | {"settings": None}}, "'settings' among its facts is not a JSON object"),
        ({"text": TEXT | {"libraries": {"numpy": 2}}}, "a value of 'libraries' among its facts is not a text"),
        ({"text": TEXT | {"model": "m" * 5000}}, "a text among its facts has more than 4096 characters"),
        ({"text": b'{"libraries":{},"model":"a","model":"b","settings":{}}'}, "a key stands in it twice"),
        ({"text": b'{"libraries":{},"model":"a","settings":{"x":NaN}}'}, "NaN is not JSON"),
        ({"text": b'{"libraries":{},"model":"a","settings":{"x":' + b"9" * 5000 + b"}}"}, "is not JSON"),
        *(
            ({"text": TEXT | {"settings": {key: value}}}, f"the setting '{key}' among its facts is not a whole number")
            for key, most in NUMBERS.items()
            for value in (0, -1, most + 1, True, 1.5, "1", None, [1])
        ),
    ],
)  # fmt: skip
def test_facts_that_cannot_be_are_one_named_error_each(tmp_path, version, changes, words):
    refused(tmp_path / "f.clz", one(version=version, **changes), words)


def test_facts_of_version_3_that_cannot_be_are_named(tmp_path):
    for changes, words in (
        ({"size": CHUNK_MOST + 1, "chunk_size": CHUNK_MOST + 1}, "more than 33554432"),
        ({"chunk_size": CHUNK_MOST + 1}, "chunks of 33554433 bytes, more than 33554432"),
        ({"chunk_size": (1 << 64) - 40}, "more than 33554432"),
        ({"stream_version": 4}, "holds streams of version 4, this compresslab reads 1 to 3: update it"),
        ({"text": TEXT | {"machine": {"cpu": ["x"]}}}, "a value of 'machine' among its facts is neither"),
        ({"fingerprints": (EMBEDDED, b"x" * 99, b"", b"")}, "the fingerprint of its tokenizer has 99 bytes"),
    ):
        refused(tmp_path / "f.clz", one(**changes), words)


@given(
    text=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*TEXT, "threads", "x"]), inner),
        max_leaves=10,
    ),
    version=st.integers(0, 5),
    sizes=st.tuples(*[st.sampled_from([0, 1, 5, 31, 1 << 20, 1 << 25, (1 << 25) + 1, 1 << 40, (1 << 64) - 1])] * 2),
)
@settings(max_examples=50, deadline=None)
def test_any_facts_are_read_or_refused_by_name(tmp_path_factory, text, version, sizes):
    path = tmp_path_factory.mktemp("facts") / "f.clz"
    path.write_bytes(one(text=text, version=version, size=sizes[0], chunk_size=sizes[1]))
    for use in (*READERS, lambda path: recover_file(path, path.with_name("saved"))):
        with contextlib.suppress(CorruptFile, WrongModel):
            use(path)


# ---- chunks ----

GIVES = {ZLIB: lambda data: zlib.compress(data, 9), LZMA: lambda data: lzma.compress(data, lzma.FORMAT_XZ)}


@pytest.mark.parametrize("method", GIVES)
def test_a_chunk_that_inflates_beyond_its_size_is_stopped_there(tmp_path, method):
    """However much would come out: 64 MiB here, and never more than the pieces in memory."""
    coded = GIVES[method](bytes(64 << 20))
    path = tmp_path / "f.clz"
    path.write_bytes(Forged(1000, 1000, [Chunk(0, 0, method, 1000, coded, bytes(1000))]).packed())
    tracemalloc.start()
    try:
        with pytest.raises(CorruptFile, match="decodes to more than 1000 bytes, not the 1000 that it announces"):
            verify_file(path)
        recovery = recover_file(path, tmp_path / "saved")
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()
    assert (recovery.recovered, recovery.size) == (0, 1000)


@pytest.mark.parametrize("method", GIVES)
def test_a_chunk_ends_where_its_stream_does(tmp_path, method):
    coded = GIVES[method](b"hello" * 100)
    for broken, words in ((coded + b"x", "something follows it"), (coded[:-3], "it is cut|decodes to")):
        chunk = Chunk(0, 0, method, 500, broken, b"hello" * 100)
        (tmp_path / "f.clz").write_bytes(Forged(500, 500, [chunk]).packed())
        with pytest.raises(CorruptFile, match=words):
            verify_file(tmp_path / "f.clz")


def test_raw_bytes_of_another_number_than_announced_are_refused_at_once(tmp_path):
    chunk = Chunk(0, 0, RAW, 1 << 25, b"12345", original=b"12345")
    (tmp_path / "f.clz").write_bytes(Forged(1 << 25, 1 << 25, [chunk]).packed())
    with pytest.raises(CorruptFile, match="33554432 bytes stored as they are cannot take 5"):
        file_info(tmp_path / "f.clz")


def test_a_file_of_no_bytes_whose_index_lists_a_chunk_is_not_whole(tmp_path):
    """What fuzzing found: with the one chunk gone and 0 bytes claimed there was nothing left to miss."""
    whole = Forged(1, 1, [Chunk(0, 0, RAW, 1, b"x", original=b"x")]).packed()
    empty = Forged(0, 1, []).packed()
    header = empty[: parse_header(empty, "f.clz")[1]]
    trailer = whole[whole.index(b"CLZc") + len(Chunk(0, 0, RAW, 1, b"x", original=b"x").packed()) :]
    (tmp_path / "f.clz").write_bytes(header + trailer)
    assert not recover_file(tmp_path / "f.clz", tmp_path / "out").is_whole


def test_lzma_does_not_take_the_memory_that_its_header_asks_for(tmp_path):
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 1, "dict_size": 1 << 30}]
    coded = lzma.compress(b"hello", lzma.FORMAT_XZ, lzma.CHECK_NONE, filters=[{**filters[0], "dict_size": 1 << 29}])
    (tmp_path / "f.clz").write_bytes(Forged(5, 5, [Chunk(0, 0, LZMA, 5, coded, b"hello")]).packed())
    with pytest.raises(CorruptFile, match="Memory usage limit"):
        verify_file(tmp_path / "f.clz")


def test_the_embedded_model_is_not_asked_for_more_than_its_stream_can_hold(tmp_path):
    (tmp_path / "f.clz").write_bytes(
        Forged(1 << 25, 1 << 25, [Chunk(0, 0, MODEL, 1 << 25, b"abcd" * 10, b"")]).packed()
    )
    with pytest.raises(CorruptFile, match="a chunk claims 33554432 bytes from 40 coded ones, more than the model can"):
        verify_file(tmp_path / "f.clz")


def test_an_old_file_of_larger_chunks_is_read_where_no_model_coded_them(tmp_path):
    size = CHUNK_MOST + 1000
    zeros = zlib.compress(bytes(size), 9)
    path = tmp_path / "f.clz"
    path.write_bytes(Forged(size, 1 << 26, [Chunk(0, 0, ZLIB, size, zeros, bytes(size))], version=2).packed())
    assert decompress_file(path).stat().st_size == size
    assert recover_file(path, tmp_path / "saved").is_whole


def test_what_would_not_be_read_is_not_written(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    with pytest.raises(InvalidParameter, match=r"chunks must have from 1 to 33554432 bytes \(32 MiB\), not 33554433"):
        compress_file(tmp_path / "f", chunk_size=CHUNK_MOST + 1)
    with open(tmp_path / "f", "wb") as file:
        file.truncate(CHUNKS_MOST + 1)
    with pytest.raises(InvalidParameter, match="more than 2097152 chunks of 1: take larger ones"):
        compress_file(tmp_path / "f", chunk_size=1)


# ---- recovery ----


def test_a_header_alone_is_nothing_to_recover(tmp_path):
    for size, chunk_size in ((1 << 40, 1 << 25), (1 << 40, 1 << 31), (1 << 60, 1), (5, 5)):
        for version in (2, 3):
            (tmp_path / "f.clz").write_bytes(Forged(size, chunk_size, version=version).header())
            with pytest.raises(CorruptFile, match="nothing to recover"):
                recover_file(tmp_path / "f.clz", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["f.clz"]


@pytest.mark.parametrize("with_header", [True, False])
@pytest.mark.parametrize("with_trailer", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_what_no_byte_of_the_file_backs_is_not_written(tmp_path, with_header, with_trailer):
    """One true chunk, and claims of a terabyte before it, behind it, or both."""
    size, step = 1 << 40, 1 << 25
    zeros = GIVES[LZMA](bytes(step))
    for at in (0,) if with_trailer else (0, 1, (size // step) - 1):  # a trailer of one entry is of the first chunk
        chunk = Chunk(at, at * step, LZMA, step, zeros, bytes(step))
        plan = Forged(size, step, [chunk])
        data = (plan.header() if with_header else b"") + chunk.packed() + (plan.trailer() if with_trailer else b"")
        (tmp_path / "f.clz").write_bytes(data)
        recovery = recover_file(tmp_path / "f.clz", tmp_path / "out")
        written = (tmp_path / "out").stat().st_size
        assert written == recovery.size <= recovery.recovered + zeros_most(len(data))
        assert recovery.recovered == (step if at < 2 else 0)
        assert recovery.damages or (at == 0 and not with_header)
        assert at < 2 or any("from here on nothing is written" in str(d) for d in recovery.damages)


def test_recovery_reads_a_file_of_false_heads_a_few_times_at_most(tmp_path, monkeypatch):
    """Every head claims all that follows it: checked one by one, that would be half the square of their number."""
    from compresslab.coding.clz import head_search

    body = Chunk(0, 0, RAW, 5, b"", b"").packed()
    read = [0]
    original = head_search.CrcRanges._read

    def counted(self, start, length, crc):
        read[0] += length
        return original(self, start, length, crc)

    monkeypatch.setattr(head_search.CrcRanges, "_read", counted)
    costs = []
    for count in (1000, 2000):
        length = count * 40
        data = b""
        while len(data) < length:
            data += Chunk(0, 0, RAW, 5, b"", b"", coded_size=length - len(data)).packed()[: len(body) + 1]
        (tmp_path / "f.clz").write_bytes(Forged(5, 1 << 24).header() + data + bytes(50))
        read[0] = 0
        recover_file(tmp_path / "f.clz", tmp_path / "out")
        costs.append(read[0])
    assert costs[1] < 2.5 * costs[0]


GIGABYTE = """
import resource, sys, time
from compresslab.coding import decompress_file, recover_file
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
decompress_file(sys.argv[1], sys.argv[2])
recover_file(sys.argv[1], sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_a_true_gigabyte_of_zeros_decodes_in_little_memory(tmp_path):
    step, count = 1 << 25, 32
    zeros = GIVES[LZMA](bytes(step))
    chunks = [Chunk(i, i * step, LZMA, step, zeros, b"") for i in range(count)]
    whole = hashlib.blake2b(digest_size=32, person=b"clz whole")
    plan = Forged(step * count, step, chunks)
    packed = [plan.header()]
    for chunk in chunks:
        packed.append(Chunk(chunk.index, chunk.start, LZMA, step, zeros, bytes(step)).packed())
        chunk.original = bytes(step)
        whole.update(chunk.original)
    packed.append(plan.trailer())
    (tmp_path / "f.clz").write_bytes(b"".join(packed))
    done = subprocess.run(
        [sys.executable, "-c", GIGABYTE, str(tmp_path / "f.clz"), str(tmp_path / "out")],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    assert (tmp_path / "out").stat().st_size == 1 << 30
    assert int(done.stdout) < 200 << 10  # KiB
