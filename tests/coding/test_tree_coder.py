"""Token trees as coders: real datasets in coded bits, decoded back, with and without the tree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab.coding import code_dataset
from compresslab.coding.tree_coder import dataset_of_leaves, leaves_of_dataset, pack_tree, unpack_tree
from compresslab.data.dataset import Dataset
from compresslab.errors import CorruptStream, InvalidParameter, MismatchedVocabulary
from compresslab.theory.code_length import entropy_bits, huffman_code_length_bits
from compresslab.trees.tree import TokenTree

responses = st.lists(st.lists(st.integers(0, 4), max_size=12), min_size=1, max_size=20)


@given(data=responses, depth=st.integers(1, 6))
@settings(max_examples=50, deadline=None)
def test_any_dataset_is_coded_and_decoded_under_its_tree(data, depth):
    dataset = Dataset.from_token_lists(data, vocab_size=5)
    tree = TokenTree.build(dataset, depth)
    coding = code_dataset(dataset, tree)
    entropy = entropy_bits(tree.leaves())
    assert coding.ideal_bits == pytest.approx(coding.num_phrases * entropy, abs=1e-6)
    assert coding.ideal_bits - 64 < coding.coded_bits < coding.ideal_bits * 1.001 + 100
    huffman = coding.num_phrases * huffman_code_length_bits(tree.leaves())
    assert huffman - 1e-6 <= coding.huffman_bits < huffman + 8


def test_real_text_costs_its_entropy_in_a_range_coder_and_its_huffman_length_in_huffman():
    lines = _lines()
    dataset = Dataset.from_texts(lines * 20)
    coding = code_dataset(dataset, TokenTree.build(dataset, 3))
    assert abs(coding.coded_bits - coding.ideal_bits) < 2e-4 * coding.ideal_bits + 100
    assert coding.ideal_bits <= coding.huffman_bits < coding.ideal_bits + coding.num_phrases
    assert coding.coded_bits_with_tree - coding.coded_bits == coding.tree_bits > 0
    assert coding.huffman_bits_with_tree == coding.huffman_bits + coding.tree_bits


def _lines():
    import inspect

    return inspect.getsource(np.linalg).splitlines()[:400] or ["a"]


@pytest.mark.slow
@given(data=responses, depth=st.integers(1, 5), parse=st.sampled_from(["phrases", "prefix", "windows"]))
@settings(max_examples=40, deadline=None)
def test_packed_trees_unpack_to_the_same_tree(data, depth, parse):
    tree = TokenTree.build(Dataset.from_token_lists(data, vocab_size=5), depth, parse)
    assert unpack_tree(pack_tree(tree)) == tree


def test_large_counts_and_vocabularies_survive_packing():
    dataset = Dataset.from_token_lists([[70_000, 3], [70_000]] * 3000, vocab_size=2**32)
    tree = TokenTree.build(dataset, 3)
    assert unpack_tree(pack_tree(tree)) == tree


def test_a_damaged_packed_tree_is_refused():
    packed = bytearray(pack_tree(TokenTree.build(Dataset.from_texts(["abc"] * 9), 2)))
    with pytest.raises(CorruptStream, match="packed tree"):
        unpack_tree(bytes(packed[:10]))
    with pytest.raises(CorruptStream, match="packed tree"):
        unpack_tree(b"")


def test_what_cannot_be_coded_is_named():
    data = Dataset.from_texts(["abab", "ab"])
    with pytest.raises(InvalidParameter, match="build it with parse='phrases'"):
        code_dataset(data, TokenTree.build(data, 2, "prefix"))
    tree = TokenTree.build(data, 2)
    with pytest.raises(InvalidParameter, match=r"no leaf for phrase 0, tokens \[97, 99\]"):
        code_dataset(Dataset.from_texts(["ac"]), tree)
    with pytest.raises(InvalidParameter, match=r"no leaf for phrase 1, tokens \[97\]"):
        code_dataset(Dataset.from_texts(["aba"]), tree)
    with pytest.raises(MismatchedVocabulary, match="one tokenizer"):
        code_dataset(Dataset.from_token_lists([[0]], vocab_size=4), tree)
    with pytest.raises(CorruptStream, match="no end"):
        dataset_of_leaves(np.array([1]), tree)
    assert leaves_of_dataset(data, tree).tolist() == [1, 1, 0, 1, 0]
