"""The CRC of a stretch is that of its bytes, read or computed from others."""

from __future__ import annotations

import io
import zlib

from hypothesis import given
from hypothesis import strategies as st

from compresslab.coding.clz.crc_ranges import CrcRanges, crc32_after


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_the_crc_of_what_follows(before: bytes, after: bytes) -> None:
    assert crc32_after(zlib.crc32(before + after), zlib.crc32(before), len(after)) == zlib.crc32(after)


def test_the_crc_of_what_follows_is_right_for_long_stretches() -> None:
    for length in (1 << 20, (1 << 22) + 12345):
        after = bytes(range(256)) * (length // 256)
        assert crc32_after(zlib.crc32(after, zlib.crc32(b"a")), zlib.crc32(b"a"), len(after)) == zlib.crc32(after)


@given(st.binary(min_size=1, max_size=20_000), st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=20))
def test_stretches_of_a_file_whether_they_are_read_or_computed(data: bytes, cuts: list[tuple[float, float]]) -> None:
    ranges = CrcRanges(io.BytesIO(data), len(data))
    for reading in (1 << 30, -1):
        ranges._to_read = reading
        for cut in cuts:
            start, stop = sorted(round(c * len(data)) for c in cut)
            assert ranges.crc32(start, stop - start) == zlib.crc32(data[start:stop])
