"""Words as the leaves of a prefix tree, laid out so that a network evaluates every leaf in one pass.

Responses are words over bytes; each ends in EOS. A node is a prefix, a leaf is a word with its EOS. The probability of
a leaf under a language model is the product, down the path, of the conditional probabilities of the symbols: computing
those once for each node, layer by layer, gives all leaves exactly, and no prefix is computed twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compresslab.errors import InvalidParameter

__all__ = ["Trie"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Trie:
    """The prefix tree of some words; nodes are numbered layer by layer, from the root, 0.

    Attributes:
        words: the leaves, in order, shape ``(M,)``.
        alphabet: the bytes that occur; symbol 0 is EOS (and the start), symbol ``i`` is ``alphabet[i - 1]``.
        parent: shape ``(N,)``, the node before; the root's is 0.
        symbol: shape ``(N,)``, the symbol that led here; the root's is 0.
        starts: shape ``(layers + 1,)``: layer ``m`` holds the nodes ``starts[m]`` to ``starts[m + 1] - 1``.
        leaf: shape ``(M,)``, the node at which each word ends.
        path: shape ``(N, layers)``, the nodes from the root to each node, then the node itself again.

    Example:
        >>> trie = Trie.build([b"a", b"ab", b"b"])
        >>> trie.parent.tolist(), trie.symbol.tolist(), trie.starts.tolist(), trie.leaf.tolist()
        ([0, 0, 0, 1], [0, 1, 2, 2], [0, 1, 3, 4], [1, 3, 2])
        >>> trie.path.tolist()
        [[0, 0, 0], [0, 1, 1], [0, 2, 2], [0, 1, 3]]
    """

    words: tuple[bytes, ...]
    alphabet: bytes
    parent: Ints
    symbol: Ints
    starts: Ints
    leaf: Ints
    path: Ints

    @classmethod
    def build(cls, words: Sequence[bytes]) -> Trie:
        """Lay out words.

        Raises:
            InvalidParameter: no words, or one that is there twice.
        """
        if not words or len(set(words)) != len(words):
            raise InvalidParameter("a prefix tree needs at least one word, and every word once")
        alphabet = bytes(sorted(set(b"".join(words))))
        code = {byte: i for i, byte in enumerate(alphabet, 1)}
        number: dict[bytes, int] = {b"": 0}
        parent, symbol, starts = [0], [0], [0, 1]
        for m in range(1, max(map(len, words)) + 1):
            for prefix in dict.fromkeys(word[:m] for word in words if len(word) >= m):
                number[prefix] = len(parent)
                parent.append(number[prefix[:-1]])
                symbol.append(code[prefix[-1]])
            starts.append(len(parent))
        up = np.array(parent, dtype=np.int64)
        path = np.repeat(np.arange(len(parent))[:, None], len(starts) - 1, axis=1)
        for m in range(1, len(starts) - 1):
            here = slice(starts[m], starts[m + 1])
            path[here, :m] = path[up[here], :m]
        leaf = np.array([number[word] for word in words], dtype=np.int64)
        return cls(
            tuple(words), alphabet, up, np.array(symbol, dtype=np.int64), np.array(starts, dtype=np.int64), leaf, path
        )

    @property
    def num_symbols(self) -> int:
        """The bytes that occur, and EOS."""
        return len(self.alphabet) + 1

    @property
    def num_nodes(self) -> int:
        """Nodes, the root among them: what a network evaluates."""
        return len(self.parent)

    @property
    def num_layers(self) -> int:
        """Layers of nodes: the length of the longest word, and one for the root."""
        return len(self.starts) - 1
