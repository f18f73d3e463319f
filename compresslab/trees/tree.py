"""Token trees: every phrase of a dataset, counted exactly.

A tree is stored as its sorted leaves (see :mod:`compresslab.trees.leaves`): one symbol per node and three small
numbers per leaf. Layers, nodes and leaf distributions are read off it. Two trees over the same phrases are equal array
for array, whichever way they were built.

Source: Ji et al., arXiv 2406.06144, Def. 3.1 (token tree) and 3.3 (pruned tree); theory, section 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from compresslab._support.arrays import as_array, smallest_unsigned
from compresslab.data.dataset import Dataset
from compresslab.errors import EmptyDataset, InvalidParameter, InvalidTokens, MismatchedVocabulary
from compresslab.trees.counting import count_dataset, merge_leaves
from compresslab.trees.distribution import LeafDistribution
from compresslab.trees.leaves import SortedLeaves, Unsigned
from compresslab.trees.phrases import Parse, check_depth, check_parse
from compresslab.trees.tree_file import map_tree_file, read_tree_file, write_tree_file

__all__ = ["Layer", "Node", "TokenTree"]


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer of a token tree: all prefixes of ``depth`` tokens, in lexicographic order.

    Attributes:
        depth: the layer's number; the root is layer 0.
        parent: int64, shape ``(n,)``: each node's parent, as an index into the layer above.
        symbol: unsigned, shape ``(n,)``: each node's last token (0 for the root, which has none).
        count: int64, shape ``(n,)``: phrases that pass through or end in the node.
        eos_count: int64, shape ``(n,)``: phrases whose next symbol is EOS, which makes an EOS leaf on the layer below.
            On the tree's last layer it is 0: there a phrase is cut before its next symbol.
    """

    depth: int
    parent: NDArray[np.int64]
    symbol: Unsigned
    count: NDArray[np.int64]
    eos_count: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.count)


@dataclass(frozen=True)
class Node:
    """One node of a token tree.

    Attributes:
        prefix: the tokens from the root to the node.
        count: phrases that pass through or end in the node.
        eos_count: phrases whose next symbol is EOS.
    """

    prefix: tuple[int, ...]
    count: int
    eos_count: int


@dataclass(frozen=True, eq=False, repr=False)
class TokenTree:
    """The token tree of a dataset, pruned to depth ``d``.

    Build one with :meth:`build`; the constructor takes sorted leaves that are known to be right.

    Attributes:
        sorted_leaves: the flat arrays.
        vocab_size: V, EOS not counted.
        parse: how responses were cut into phrases; "phrases", "prefix" or "windows".

    Example:
        >>> tree = TokenTree.build(Dataset.from_texts(["to be", "to do"]), depth=4, parse="prefix")
        >>> tree
        TokenTree(depth 4, prefix, vocabulary 256: 2 phrases, 6 nodes, 2 leaves)
        >>> [layer.count.tolist() for layer in tree.layers]
        [[2], [2], [2], [2], [1, 1]]
        >>> tree.find(b"to").count
        2
    """

    sorted_leaves: SortedLeaves
    vocab_size: int
    parse: Parse

    # ---- making one ----

    @classmethod
    def build(cls, dataset: Dataset, depth: int, parse: str = "phrases") -> TokenTree:
        """Count every phrase of a dataset, on disk where the tree could take more memory than there is.

        Args:
            dataset: the responses.
            depth: symbols per phrase, ``d``: 1 to 65535.
            parse: "phrases" (every ``d`` symbols; what can be decoded), "prefix" (the first phrase of each response:
                the paper's reading), or "windows" (a phrase starts at every symbol: the stationary reading).

        Raises:
            InvalidParameter: a depth below 1, or an unknown parse.

        Source: Ji et al., arXiv 2406.06144, Def. 3.1 and 3.3; see :mod:`compresslab.trees.phrases`.

        Example:
            >>> TokenTree.build(Dataset.from_token_lists([[0, 1, 0], []], vocab_size=2), depth=2).leaves().as_dict()
            {(-1, -1): 0.3333333333333333, (0, -1): 0.3333333333333333, (0, 1): 0.3333333333333333}
        """
        if not isinstance(dataset, Dataset):
            raise InvalidParameter(
                f"a token tree is built of a Dataset, not of {type(dataset).__name__}: give Dataset.from_texts(texts), "
                "or Dataset.from_token_lists(lists)"
            )
        known = check_parse(parse)
        depth = check_depth(depth)
        leaves = count_dataset(dataset.tokens, dataset.offsets, depth, known, dataset.vocab_size)
        return cls._of(leaves, dataset.vocab_size, known)

    @classmethod
    def _of(cls, leaves: SortedLeaves, vocab_size: int, parse: Parse) -> TokenTree:
        """Give the symbols the dtype that the vocabulary asks for, so that equal trees are equal array for array."""
        dtype = smallest_unsigned(vocab_size - 1)
        symbols = tuple(layer.astype(dtype, copy=False) for layer in leaves.symbols)
        return cls(SortedLeaves(symbols, leaves.shared, leaves.length, leaves.counts), vocab_size, parse)

    def prune(self, depth: int) -> TokenTree:
        """Keep layers 0 to ``depth``: counts of cut-off leaves are added to their ancestors on that layer.

        Pruning commutes with merging, exactly (claim ``prune-mix-commute``).

        Args:
            depth: 1 to the tree's own depth.

        Raises:
            InvalidParameter: a depth below 1 or above the tree's own.

        Example:
            >>> tree = TokenTree.build(Dataset.from_texts(["ab", "ac"]), depth=3)
            >>> tree.prune(1).leaves().as_dict()
            {(97,): 1.0}
        """
        depth = check_depth(depth)
        if depth > self.depth:
            raise InvalidParameter(
                f"cannot prune a tree of depth {self.depth} to depth {depth}: build the deeper tree from the dataset"
            )
        if depth == self.depth:
            return self
        old = self.sorted_leaves
        first = np.flatnonzero(old.shared < depth)
        counts = np.add.reduceat(old.counts, first, dtype=np.int64)
        small = smallest_unsigned(depth)
        leaves = SortedLeaves(
            old.symbols[:depth],
            old.shared[first].astype(small),
            np.minimum(old.length[first], depth).astype(small),
            counts.astype(smallest_unsigned(int(counts.max()))),
        )
        return TokenTree(leaves, self.vocab_size, self.parse)

    def merge(self, other: TokenTree) -> TokenTree:
        """Return the tree of both trees' phrases together.

        Raises:
            MismatchedVocabulary: the vocabularies differ.
            InvalidParameter: the depths or the parses differ.

        Example:
            >>> a, b = (TokenTree.build(Dataset.from_texts([text]), depth=2) for text in ("a", "b"))
            >>> a.merge(b) == b.merge(a) == TokenTree.build(Dataset.from_texts(["a", "b"]), depth=2)
            True
        """
        return TokenTree.merge_all([self, other])

    @classmethod
    def merge_all(cls, trees: Iterable[TokenTree]) -> TokenTree:
        """Return the tree of all the trees' phrases together, in one pass; the order of the trees does not matter.

        Raises:
            EmptyDataset: no trees.
            MismatchedVocabulary: the vocabularies differ.
            InvalidParameter: the depths or the parses differ.
        """
        held = list(trees)
        if not held:
            raise EmptyDataset("no trees to merge: give at least one")
        first = held[0]
        for other in held[1:]:
            first._check_mergeable(other)
        if len(held) == 1:
            return first
        leaves = merge_leaves([tree.sorted_leaves for tree in held], smallest_unsigned(first.vocab_size - 1))
        return cls._of(leaves, first.vocab_size, first.parse)

    def _check_mergeable(self, other: TokenTree) -> None:
        if self.vocab_size != other.vocab_size:
            raise MismatchedVocabulary(
                f"trees over vocabularies of {self.vocab_size} and {other.vocab_size} tokens cannot be merged: "
                "tokenize both datasets with one tokenizer"
            )
        if self.depth != other.depth:
            shallow = min(self.depth, other.depth)
            raise InvalidParameter(
                f"trees of depth {self.depth} and {other.depth} cannot be merged: prune the deeper one to {shallow}"
            )
        if self.parse != other.parse:
            raise InvalidParameter(
                f"trees of parse '{self.parse}' and '{other.parse}' cannot be merged: build both with one parse"
            )

    def save(self, path: str | PathLike[str]) -> None:
        """Write the tree to a file, whole or not at all; equal trees give equal files.

        Raises:
            UnreadableFile: the file cannot be written.
        """
        write_tree_file(path, self.sorted_leaves, self.vocab_size, self.parse)

    @classmethod
    def load(cls, path: str | PathLike[str], *, mapped: bool = False) -> TokenTree:
        """Read a tree that :meth:`save` wrote.

        Args:
            path: the file.
            mapped: map it into memory instead of reading it: for trees larger than memory, which
                :mod:`compresslab.trees.out_of_core.sweeping` reads piece by piece. Checked are then the header, all
                sizes, and that every leaf's place in the tree is possible. Symbols, counts and checksums are not:
                damage there gives wrong numbers. :func:`compresslab.trees.tree_file.verify_tree_file` checks them.

        Raises:
            UnreadableFile: the file is missing, cannot be read, or does not fit into memory.
            CorruptFile: it is not a tree file, or it is damaged.
        """
        return cls(*(map_tree_file(path) if mapped else read_tree_file(path)))

    # ---- looking at it ----

    @property
    def depth(self) -> int:
        """Layers below the root, ``d``."""
        return self.sorted_leaves.depth

    @cached_property
    def total(self) -> int:
        """Phrases counted: the dataset's volume ``|D|``."""
        return int(self.sorted_leaves.counts.sum(dtype=np.int64))

    @property
    def num_leaves(self) -> int:
        """Leaves: EOS leaves on layers 1 to ``d`` and truncated leaves on layer ``d``; the paper's ``M``."""
        return len(self.sorted_leaves.counts)

    @property
    def num_nodes(self) -> int:
        """Prefixes of at most ``d`` tokens, the root included; EOS leaves are not counted here but in `num_leaves`."""
        return 1 + sum(len(layer) for layer in self.sorted_leaves.symbols)

    @property
    def num_eos_leaves(self) -> int:
        """Leaves that end in EOS."""
        return int((self.sorted_leaves.length < self.depth).sum())

    @property
    def nbytes(self) -> int:
        """Bytes that the tree's arrays take in memory."""
        held = self.sorted_leaves
        return sum(array.nbytes for array in (*held.symbols, held.shared, held.length, held.counts))

    def leaves(self, *, exact: bool = False) -> LeafDistribution:
        """Return the distribution on the leaves: each leaf's count over `total`.

        Args:
            exact: give the probabilities as Fractions.

        Returns:
            In lexicographic order, EOS first. A key is a row of ``d`` whole numbers: the leaf's tokens, and -1 from EOS
            on. ``counts`` holds the counts.

        Source: Ji et al., arXiv 2406.06144, Def. 3.3.
        """
        counts = self.sorted_leaves.counts.astype(np.int64)
        return LeafDistribution.from_sorted_leaves(self._keys, counts, exact=exact)

    def _keys(self) -> NDArray[np.signedinteger[npt.NBitBase]]:
        wide = np.min_scalar_type(-self.vocab_size)
        keys = np.full((self.num_leaves, self.depth), -1, wide)
        for j, (held, column) in enumerate(self.sorted_leaves.columns()):
            keys[held, j] = column
        return keys

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """All layers, from the root (layer 0) to layer ``d``."""
        held = self.sorted_leaves
        layers: list[Layer] = []
        above = np.empty(0, np.int64)  # for every leaf, its node on the layer above
        for m in range(self.depth + 1):
            breaks = np.flatnonzero(held.shared < m) if m else np.zeros(1, np.int64)
            reach = held.length[breaks] >= m
            first = breaks[reach]
            count = np.add.reduceat(held.counts, breaks, dtype=np.int64)[reach]
            ends_here = (held.length[first] == m) & (m < self.depth)
            layers.append(
                Layer(
                    depth=m,
                    parent=above[first] if m else np.zeros(1, np.int64),
                    symbol=held.symbols[m - 1] if m else np.zeros(1, smallest_unsigned(self.vocab_size - 1)),
                    count=count,
                    eos_count=np.where(ends_here, held.counts[first], 0).astype(np.int64),
                )
            )
            above = _node_of_leaf(first, self.num_leaves)
        return tuple(layers)

    def find(self, prefix: Sequence[int] | npt.ArrayLike | bytes) -> Node | None:
        """Look a node up by its tokens; None if no phrase starts with them.

        Args:
            prefix: at most ``d`` tokens (``bytes`` stand for the tokens of the tokenizer `bytes`); empty for the root.

        Raises:
            InvalidParameter: more tokens than the tree is deep.
            InvalidTokens: a token outside the vocabulary, or no whole numbers.

        Example:
            >>> TokenTree.build(Dataset.from_texts(["ab", "a"]), depth=2, parse="prefix").find([97])
            Node(prefix=(97,), count=2, eos_count=1)
        """
        tokens = list(prefix) if isinstance(prefix, bytes) else _whole_numbers(prefix)
        if len(tokens) > self.depth:
            raise InvalidParameter(
                f"a prefix of {len(tokens)} tokens is longer than the tree is deep ({self.depth}): give fewer tokens"
            )
        node = 0
        for above, token in enumerate(tokens):
            if not 0 <= token < self.vocab_size:
                raise InvalidTokens(f"token {token} is outside the vocabulary of {self.vocab_size}: 0 <= token < V")
            layer = self.layers[above + 1]
            lo, hi = np.searchsorted(layer.parent, [node, node + 1])
            node = int(lo + np.searchsorted(layer.symbol[lo:hi], token))
            if node >= hi or int(layer.symbol[node]) != token:
                return None
        layer = self.layers[len(tokens)]
        return Node(tuple(tokens), int(layer.count[node]), int(layer.eos_count[node]))

    def nodes(self) -> Iterator[Node]:
        """Walk all nodes in lexicographic order, parents first. For small trees: one Python object a node."""
        held, layers = self.sorted_leaves, self.layers
        place = [0] * (self.depth + 1)
        prefix: list[int] = []
        yield Node((), self.total, int(layers[0].eos_count[0]))
        for shared, length in zip(held.shared.tolist(), held.length.tolist(), strict=True):
            del prefix[shared:]
            for m in range(shared + 1, length + 1):
                layer, at = layers[m], place[m]
                prefix.append(int(layer.symbol[at]))
                yield Node(tuple(prefix), int(layer.count[at]), int(layer.eos_count[at]))
                place[m] += 1

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TokenTree):
            return NotImplemented
        if (self.vocab_size, self.parse, self.depth) != (other.vocab_size, other.parse, other.depth):
            return False
        a, b = self.sorted_leaves, other.sorted_leaves
        pairs = [*zip(a.symbols, b.symbols, strict=True), (a.shared, b.shared), (a.length, b.length)]
        return all(np.array_equal(x, y) for x, y in [*pairs, (a.counts, b.counts)])

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"TokenTree(depth {self.depth}, {self.parse}, vocabulary {self.vocab_size:,}: "
            f"{self.total:,} phrases, {self.num_nodes:,} nodes, {self.num_leaves:,} leaves)"
        )


def _whole_numbers(prefix: Sequence[int] | npt.ArrayLike) -> list[int]:
    array = as_array(prefix)
    if array.size and array.dtype.kind not in "iu":
        raise InvalidTokens(
            f"a prefix is a sequence of tokens, whole numbers, or bytes: not {prefix!r}; encode it first"
        )
    return [int(token) for token in array.ravel()]


def _node_of_leaf(first: NDArray[np.int64], num_leaves: int) -> NDArray[np.int64]:
    """For every leaf the node it lies under, given each node's first leaf (leaves that end above get a neighbour's)."""
    node = np.zeros(num_leaves, np.int64)
    node[first[1:]] = 1
    return np.cumsum(node)
