"""Huffman streams: the canonical code, bit for bit; round trips; lengths; refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab.coding import HuffmanCode
from compresslab.errors import CorruptStream, InvalidParameter, InvalidTokens
from compresslab.theory.huffman import canonical_codewords, huffman_lengths


@given(
    weights=st.lists(st.integers(0, 10**9), min_size=1, max_size=200).filter(any),
    seed=st.integers(0, 1000),
    n=st.integers(0, 300),
)
@settings(max_examples=50, deadline=None)
def test_streams_are_the_canonical_codewords_and_decode(weights, seed, n):
    lengths = huffman_lengths(np.array(weights) / sum(weights))
    code = HuffmanCode(lengths)
    symbols = np.random.default_rng(seed).choice(np.flatnonzero(lengths), n)
    data = code.encode(symbols)
    words = canonical_codewords(lengths)
    bits = "".join(words[s] for s in symbols)
    assert code.size_bits(symbols) == len(bits)
    assert data == bytes(int(bits[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(bits), 8))
    assert code.decode(data, n).tolist() == symbols.tolist()


def test_long_streams_cross_the_blocks():
    rng = np.random.default_rng(0)
    p = 1 / np.arange(1, 5001)
    code = HuffmanCode(huffman_lengths(p / p.sum()))
    symbols = rng.choice(5000, 200_000, p=p / p.sum())
    assert np.array_equal(code.decode(code.encode(symbols), 200_000), symbols)


def test_the_longest_codewords_decode():
    lengths = [*range(1, 58), 57]
    code = HuffmanCode(lengths)
    symbols = np.random.default_rng(1).integers(0, 58, 3000)
    assert np.array_equal(code.decode(code.encode(symbols), 3000), symbols)


def test_incomplete_codes_decode_what_they_can_and_name_the_rest():
    code = HuffmanCode([2, 2, 3])
    assert code.decode(code.encode([0, 1, 2, 0]), 4).tolist() == [0, 1, 2, 0]
    with pytest.raises(CorruptStream, match="start no codeword"):
        code.decode(b"\xff", 2)


def test_damage_is_named():
    code = HuffmanCode([1, 2, 3, 3])
    data = code.encode([3, 3, 0, 1])
    assert data == bytes([0b11111101, 0b00000000])
    with pytest.raises(CorruptStream, match="it was cut"):
        code.decode(data[:1], 4)
    with pytest.raises(CorruptStream, match="it was cut"):
        code.decode(data, 20)
    with pytest.raises(CorruptStream, match="1 bytes are left over"):
        code.decode(data + b"\0", 4)
    with pytest.raises(CorruptStream, match="not zero"):
        code.decode(data[:1] + b"\x01", 4)


def test_bad_codes_and_symbols_are_refused():
    with pytest.raises(InvalidParameter, match="Kraft sum 5/4 > 1"):
        HuffmanCode([1, 2, 2, 2])
    with pytest.raises(InvalidParameter, match="no symbol has a codeword"):
        HuffmanCode([0, 0])
    with pytest.raises(InvalidParameter, match="58 bits"):
        HuffmanCode([58])
    code = HuffmanCode([1, 0, 1])
    with pytest.raises(InvalidTokens, match="symbol 1 has no codeword"):
        code.encode([0, 1])
    with pytest.raises(InvalidTokens, match="symbol 3 is not among"):
        code.encode([3])
    with pytest.raises(InvalidParameter, match="0 or more"):
        code.decode(b"", -1)
