"""A token tree as a coder: a dataset's phrases, coded under the tree's leaf distribution, and decoded again.

The tree is static: the leaves' probabilities are the whole dataset's. Coding costs the entropy of the leaves per
phrase, if the decoder has the tree; the tree itself, packed as small as plain means allow, is the other part of the
bill. Both are reported, since "stored" and "not stored" are different questions.
"""

from __future__ import annotations

import lzma
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import smallest_unsigned
from compresslab.coding.huffman_stream import HuffmanCode
from compresslab.coding.static_coder import decode_static, encode_static
from compresslab.data.dataset import Dataset
from compresslab.errors import CorruptStream, InvalidParameter
from compresslab.theory.huffman import huffman_lengths
from compresslab.trees.leaves import SortedLeaves, Unsigned
from compresslab.trees.phrase_leaves import leaves_of_phrases
from compresslab.trees.phrases import PARSES, check_parse
from compresslab.trees.tree import TokenTree

__all__ = ["TreeCoding", "code_dataset", "dataset_of_leaves", "leaves_of_dataset", "pack_tree", "unpack_tree"]


@dataclass(frozen=True)
class TreeCoding:
    """What coding a dataset under its token tree costs; everything was decoded again and compared.

    Attributes:
        num_phrases, num_leaves, depth: of the tree.
        num_bytes: of the dataset's original text; None where unknown.
        ideal_bits: ``-sum log2 p(leaf)`` over the phrases.
        coded_bits: the range coder's stream.
        huffman_bits: the Huffman stream, padding included.
        tree_bits: the tree packed by `pack_tree`: what must be added where the decoder has no tree.
    """

    num_phrases: int
    num_leaves: int
    depth: int
    num_bytes: int | None
    ideal_bits: float
    coded_bits: int
    huffman_bits: int
    tree_bits: int

    @property
    def coded_bits_with_tree(self) -> int:
        """The range coder's stream and the stored tree."""
        return self.coded_bits + self.tree_bits

    @property
    def huffman_bits_with_tree(self) -> int:
        """The Huffman stream and the stored tree."""
        return self.huffman_bits + self.tree_bits


def code_dataset(dataset: Dataset, tree: TokenTree) -> TreeCoding:
    """Code a dataset under a token tree by range coding and by Huffman coding, decode both, and report the bits.

    Args:
        dataset: the responses.
        tree: a tree of parse "phrases" that has a leaf for each of their phrases (the dataset's own has).

    Raises:
        InvalidParameter: the tree's parse cannot be decoded from, or it lacks a phrase (probability 0: infinite bits).
        MismatchedVocabulary: the vocabularies differ.
        CorruptStream: decoding gave something else (it never should).

    Source: Ji et al., arXiv 2406.06144, section 3 and Thm 3.4 (Huffman coding of the pruned tree's leaves).

    Example:
        >>> data = Dataset.from_texts(["to be or not to be", "that is the question"] * 50)
        >>> coding = code_dataset(data, TokenTree.build(data, depth=2))
        >>> round(coding.ideal_bits), coding.coded_bits, coding.huffman_bits
        (4312, 4320, 4400)
    """
    leaves = leaves_of_dataset(dataset, tree)
    counts = tree.sorted_leaves.counts.astype(np.int64)
    used = np.bincount(leaves, minlength=tree.num_leaves)
    held = used > 0
    ideal = float(-(used[held] * np.log2(counts[held] / tree.total)).sum())
    stream = encode_static(leaves, counts)
    code = HuffmanCode(huffman_lengths(counts / tree.total))
    words = code.encode(leaves)
    packed = pack_tree(tree)
    again = unpack_tree(packed)
    same_tree = again == tree
    for decoded in (decode_static(stream, len(leaves), counts), code.decode(words, len(leaves))):
        copy = dataset_of_leaves(decoded, again)
        if not (same_tree and np.array_equal(copy[0], dataset.tokens) and np.array_equal(copy[1], dataset.offsets)):
            raise CorruptStream("the coded dataset does not decode to itself: please report this as a bug")
    return TreeCoding(
        num_phrases=len(leaves),
        num_leaves=tree.num_leaves,
        depth=tree.depth,
        num_bytes=dataset.num_bytes,
        ideal_bits=ideal,
        coded_bits=8 * len(stream),
        huffman_bits=8 * len(words),
        tree_bits=8 * len(packed),
    )


def leaves_of_dataset(dataset: Dataset, tree: TokenTree) -> NDArray[np.int64]:
    """Return the leaf (its place in ``tree.leaves()``) of every phrase of the dataset, in order.

    Raises:
        InvalidParameter: the tree's parse is not "phrases", or it lacks a phrase.
        MismatchedVocabulary: the vocabularies differ.

    Example:
        >>> data = Dataset.from_texts(["abc", "ab"])
        >>> leaves_of_dataset(data, TokenTree.build(data, depth=2)).tolist()
        [1, 2, 1, 0]
    """
    if tree.parse != "phrases":
        raise InvalidParameter(
            f"a tree of parse '{tree.parse}' is not a code: build it with parse='phrases', which can be decoded from"
        )
    return leaves_of_phrases(dataset, tree)


def dataset_of_leaves(leaves: NDArray[np.int64], tree: TokenTree) -> tuple[Unsigned, NDArray[np.int64]]:
    """Return the flat tokens and the offsets of the responses whose phrases are ``leaves``, in order.

    A leaf of fewer than ``depth`` tokens ends its response.

    Raises:
        CorruptStream: the last phrase does not end a response.
    """
    flat = tree.sorted_leaves.strings(smallest_unsigned(tree.vocab_size - 1))
    length = flat.length[leaves]
    ends = np.cumsum(length)
    within = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - length, length)
    tokens = flat.tokens[np.repeat(flat.start[leaves], length) + within]
    last = np.flatnonzero(length < tree.depth)
    if len(leaves) and (not len(last) or last[-1] != len(leaves) - 1):
        raise CorruptStream("the last response has no end: the data is damaged, or the tree is another")
    return tokens, np.concatenate([[0], ends[last]]).astype(np.int64)


def pack_tree(tree: TokenTree) -> bytes:
    """Write a tree as small as plain means allow: its flat arrays, numbers in as few bytes as they need, by LZMA.

    Example:
        >>> tree = TokenTree.build(Dataset.from_texts(["to be", "to do"]), depth=2)
        >>> unpack_tree(pack_tree(tree)) == tree
        True
    """
    held = tree.sorted_leaves
    parts = [held.shared, held.length, held.counts, *held.symbols]
    sizes = np.array(
        [tree.vocab_size, PARSES.index(tree.parse), tree.depth, *(len(part) for part in parts)], dtype=np.uint64
    )
    numbers = np.concatenate([sizes, *(part.astype(np.uint64) for part in parts)])
    # Numbers of up to 7, 14, .. bits in 1, 2, .. bytes (LEB128), one plane of bytes after another: alike beside alike.
    return lzma.compress(_leb128_planes(numbers), format=lzma.FORMAT_ALONE, preset=9)


def unpack_tree(data: bytes) -> TokenTree:
    """Read what `pack_tree` wrote.

    Raises:
        CorruptStream: it cannot be that.
    """
    try:
        numbers = _from_leb128_planes(lzma.decompress(data, format=lzma.FORMAT_ALONE))
        vocab_size, parse, depth = (int(number) for number in numbers[:3])
        sizes = numbers[3 : 6 + depth].astype(np.int64)
        bounds = np.cumsum(sizes)
        if len(sizes) != depth + 3 or len(numbers) != 6 + depth + int(bounds[-1]):
            raise ValueError("the parts of the tree do not fit together")
        shared, length, counts, *symbols = np.split(numbers[6 + depth :], bounds[:-1])
        small, token = smallest_unsigned(depth), smallest_unsigned(vocab_size - 1)
        leaves = SortedLeaves(
            tuple(layer.astype(token) for layer in symbols),
            shared.astype(small),
            length.astype(small),
            counts.astype(smallest_unsigned(int(counts.max()))),
        )
        return TokenTree(leaves, vocab_size, check_parse(PARSES[parse]))
    except (lzma.LZMAError, ValueError, IndexError, EOFError) as error:
        raise CorruptStream(f"the packed tree does not decode ({error}): it is damaged") from error


def _leb128_planes(numbers: NDArray[np.uint64]) -> bytes:
    planes = [len(numbers).to_bytes(8, "little")]
    while len(numbers):
        rest = numbers >> np.uint64(7)
        planes.append(
            ((numbers & np.uint64(0x7F)) | ((rest > 0).astype(np.uint64) << np.uint64(7))).astype(np.uint8).tobytes()
        )
        numbers = rest[rest > 0]
    return b"".join(planes)


def _from_leb128_planes(data: bytes) -> NDArray[np.uint64]:
    count = int.from_bytes(data[:8], "little")
    numbers = np.zeros(count, dtype=np.uint64)
    open_, at, shift = np.arange(count), 8, 0
    while len(open_):
        plane = np.frombuffer(data, dtype=np.uint8, count=len(open_), offset=at)
        numbers[open_] |= (plane & np.uint8(0x7F)).astype(np.uint64) << np.uint64(shift)
        at += len(open_)
        open_ = open_[plane >= 0x80]
        shift += 7
    if at != len(data):
        raise ValueError("bytes are left over")
    return numbers
