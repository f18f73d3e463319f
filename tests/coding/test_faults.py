"""Faults by hand: nothing goes unnoticed, what is whole is saved. By the thousand: benchmarks/reliability.py."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from compresslab.coding import compress_file, decompress_file, recover_file, verify_file
from compresslab.coding.clz.reader import ClzReader
from compresslab.errors import CorruptFile

pytestmark = pytest.mark.usefixtures("compiled_byte_model")


@pytest.fixture
def packed(tmp_path):
    (tmp_path / "f").write_bytes(
        np.random.default_rng(0).bytes(25_000)
    )  # noise: the model is not asked, which is quick
    compress_file(tmp_path / "f", chunk_size=5000)
    return tmp_path / "f.clz"


def test_the_damaged_chunk_is_named_and_the_rest_is_recovered(packed):
    data = bytearray(packed.read_bytes())
    original = packed.with_name("f").read_bytes()
    third = [i for i in range(len(data)) if data[i : i + 4] == b"CLZc"][2]
    data[third + 60] ^= 4
    packed.write_bytes(data)
    with pytest.raises(
        CorruptFile, match=r"chunk 2 of 5 \(bytes 10000 to 15000 of the original\) is damaged.*--recover"
    ):
        decompress_file(packed, packed.with_name("g"))
    assert not packed.with_name("g").exists()
    recovery = recover_file(packed, packed.with_name("g"))
    assert [(d.chunk, d.start, d.stop) for d in recovery.damages] == [(2, 10_000, 15_000)]
    assert "chunk 2, bytes 10000 to 15000: its data does not match its checksum" in str(recovery.damages[0])
    assert (recovery.size, recovery.recovered) == (25_000, 20_000)
    assert packed.with_name("g").read_bytes() == original[:10_000] + bytes(5000) + original[15_000:]


def test_each_part_is_blamed_by_name(packed):
    data = packed.read_bytes()
    for at, words in (
        (20, "header is damaged"),
        (len(data) - 3, "end of the file is missing"),
        (-60, "index at the end"),
    ):
        broken = bytearray(data)
        broken[at] ^= 16
        packed.write_bytes(broken)
        with pytest.raises(CorruptFile, match=words):
            verify_file(packed)
        recovery = recover_file(packed, packed.with_name("g"))
        assert recovery.recovered == 25_000
        assert not recovery.is_whole
        assert packed.with_name("g").read_bytes() == packed.with_name("f").read_bytes()


def test_without_header_and_trailer_the_chunks_speak_for_themselves(packed):
    data = packed.read_bytes()
    with ClzReader(packed) as reader:
        first, last = reader.trailer.entries[0].offset, reader.trailer_offset
    assert data[first:].startswith(b"CLZc")
    packed.write_bytes(data[first:last])
    assert recover_file(packed, packed.with_name("g")).recovered == 25_000
    assert packed.with_name("g").read_bytes() == packed.with_name("f").read_bytes()
    second = data.index(b"CLZc", first + 1)
    packed.write_bytes(data[second:last])
    recovery = recover_file(packed, packed.with_name("g"))
    assert (recovery.size, recovery.recovered) == (25_000, 20_000)


def test_a_file_of_a_later_version_is_refused_not_misread(packed):
    whole = packed.read_bytes()
    with ClzReader(packed) as reader:
        end = reader.trailer.entries[0].offset
    later = whole[:4] + b"\4" + whole[5 : end - 4]
    packed.write_bytes(later + zlib.crc32(later).to_bytes(4, "little") + whole[end:])
    for use in (verify_file, lambda path: recover_file(path, path.with_name("g"))):
        with pytest.raises(CorruptFile, match="format version 4, this compresslab reads 2 and 3: update it"):
            use(packed)


def test_a_file_of_the_first_version_is_refused_by_name(tmp_path):
    # the header of version 1: magic, u32 length, JSON, CRC-32
    header = b"\x93CLZ\r\n\x1a\n" + (13).to_bytes(4, "little") + b'{"version":1}'
    old = tmp_path / "old.clz"
    old.write_bytes(header + zlib.crc32(header).to_bytes(4, "little") + bytes(100))
    for use in (verify_file, lambda path: recover_file(path, path.with_name("g"))):
        with pytest.raises(CorruptFile, match="format version 1, this compresslab reads 2 and 3: decompress it with"):
            use(old)


def test_junk_between_chunks_is_reported_though_nothing_is_lost(packed):
    data = packed.read_bytes()
    second = [i for i in range(len(data)) if data[i : i + 4] == b"CLZc"][1]
    packed.write_bytes(data[:second] + b"junk" + data[second:])
    with pytest.raises(CorruptFile):
        verify_file(packed)
    recovery = recover_file(packed, packed.with_name("g"))
    assert recovery.recovered == 25_000
    assert [str(d) for d in recovery.damages] == ["the file: 4 bytes in it belong to no part of it"]
