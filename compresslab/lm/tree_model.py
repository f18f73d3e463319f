"""A token tree as a language model: its conditional probabilities, exactly, without torch.

=========  ==========================================================  ==========================================
parse      the context of a token                                      a product of conditionals is
=========  ==========================================================  ==========================================
phrases    the symbols of its phrase so far (the phrase restarts       the weight of the phrase's leaf, exactly
           every ``d`` symbols, and after EOS)
windows    the last ``d - 1`` tokens of its response                   that of the Markov chain of order ``d - 1``
=========  ==========================================================  ==========================================

The parse "prefix" says nothing about what comes after ``d`` symbols, so it is not a language model.

**Smoothing.** With ``N`` phrases through a node, ``c`` of them going on with a symbol, and ``V + 1`` symbols (EOS is
one), ``p = (c + a) / (N + a (V + 1))``. ``a = 0`` gives the tree's own probabilities, and 0 (infinitely many bits) to
what the tree has not seen. A context that is not in the tree predicts uniformly, whatever ``a``.

Source: theory, section 1 (chain rule on the tree: section 8).
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from compresslab._support.arrays import UIntArray, as_array
from compresslab._support.checks import number_or_nan
from compresslab.data.dataset import Dataset
from compresslab.data.tokenizers import Tokenizer, tokenizer_fingerprint
from compresslab.errors import DecodingError, InvalidParameter, MismatchedVocabulary
from compresslab.lm.protocol import as_ids
from compresslab.trees.tree import TokenTree

__all__ = ["TreeModel"]


class TreeModel:
    """A token tree as a `compresslab.lm.protocol.LanguageModel`. EOS, and the prefix token, is the token ``V``.

    Args:
        tree: a tree of parse "phrases" or "windows".
        smoothing: ``a``, 0 or more; see above.
        tokenizer: what the tree's tokens came from, to read and write text; None for bare numbers.
        name: for tables.

    Raises:
        InvalidParameter: a tree of parse "prefix", or a smoothing that is negative or not finite.
        MismatchedVocabulary: the tokenizer's vocabulary is not the tree's.

    Example:
        >>> from compresslab import Dataset, TokenTree
        >>> data = Dataset.from_token_lists([[0, 1], [0, 0], [1]], vocab_size=2)
        >>> model = TreeModel(TokenTree.build(data, depth=2))
        >>> np.exp(model.log_probs([[2, 0]])).round(3).tolist()   # at the root: of 5 phrases 2 start with 0, 1 with 1
        [[[0.4, 0.2, 0.4], [0.5, 0.5, 0.0]]]
    """

    context: int | None = None

    def __init__(
        self, tree: TokenTree, smoothing: float = 0.0, tokenizer: Tokenizer | None = None, name: str = "tree"
    ) -> None:
        alpha = number_or_nan(smoothing)
        if not (alpha >= 0 and math.isfinite(alpha)):
            raise InvalidParameter(f"smoothing is {smoothing!r}: it must be a finite number, 0 or more")
        if tree.parse == "prefix":
            raise InvalidParameter(
                "a tree of parse 'prefix' is not a language model: it holds the first phrase of each response only; "
                "build it with parse='phrases' or parse='windows'"
            )
        if tokenizer is not None and tokenizer.vocab_size != tree.vocab_size:
            raise MismatchedVocabulary(
                f"the tokenizer '{tokenizer.name}' has {tokenizer.vocab_size} tokens, the tree {tree.vocab_size}: "
                "give the tokenizer that the tree was built with"
            )
        self.name, self.tree, self.smoothing, self.tokenizer = name, tree, alpha, tokenizer
        self.vocab_size = tree.vocab_size + 1
        self.eos_id = self.prefix_id = tree.vocab_size
        self._nodes = _Nodes(tree)

    @classmethod
    def of(cls, dataset: Dataset, depth: int, parse: str = "phrases", smoothing: float = 0.0) -> TreeModel:
        """Build the tree of a dataset and make a model of it."""
        name = f"tree of {dataset.name}" if dataset.name else "tree"
        return cls(TokenTree.build(dataset, depth, parse), smoothing, dataset.tokenizer, name)

    def encode(self, text: bytes) -> UIntArray:
        """Return the tokens of one text; DecodingError where the model has no tokenizer."""
        return self._known_tokenizer().encode(text)

    def decode(self, tokens: object) -> bytes:
        """Return the text of tokens; DecodingError where the model has no tokenizer."""
        return self._known_tokenizer().decode(tokens)

    def _known_tokenizer(self) -> Tokenizer:
        if self.tokenizer is None:
            raise DecodingError("this tree model is over bare numbers: give it a tokenizer=... to read and write text")
        return self.tokenizer

    def log_probs(self, ids: npt.ArrayLike) -> NDArray[np.float64]:
        """Return ``ln p(next token)`` at every position: (B, T) to (B, T, V + 1), float64; ``-inf`` for the impossible.

        A sequence starts a response, whether its first token is the prefix or not; each EOS starts another one.
        """
        tokens = as_ids(ids, self.vocab_size)
        out = np.empty((*tokens.shape, self.vocab_size))
        stepper = self.stepper(len(tokens))
        for t in range(tokens.shape[1]):
            out[:, t] = stepper.step(tokens[:, t])
        return out

    def token_nats(self, ids: npt.ArrayLike, targets: npt.ArrayLike) -> NDArray[np.float64]:
        """Return ``-ln p(targets[b, t] | ids[b, :t + 1])``, float64, (B, T)."""
        tokens, wanted = as_ids(ids, self.vocab_size), as_ids(targets, self.vocab_size)
        if wanted.shape != tokens.shape:
            raise InvalidParameter(f"targets have shape {wanted.shape}, ids {tokens.shape}: give one target per token")
        out = np.empty(tokens.shape)
        stepper = self.stepper(len(tokens))
        for t in range(tokens.shape[1]):
            stepper.feed(tokens[:, t])
            out[:, t] = -stepper.log_of(wanted[:, t])
        return out

    def stepper(self, batch: int) -> TreeStepper:
        """Return ``batch`` empty sequences."""
        if batch < 1:
            raise InvalidParameter(f"a stepper needs at least one sequence, not {batch}")
        return TreeStepper(self._nodes, self.smoothing, batch)

    def fingerprint(self) -> str:
        """Return the SHA-256 of the tree, the smoothing and the tokenizer's content."""
        return self.former_fingerprint(tokenizer_fingerprint(self.tokenizer) if self.tokenizer is not None else None)

    def content_fingerprint(self) -> str:
        """Return the SHA-256 of the tree and the smoothing."""
        return self.former_fingerprint(None)

    def former_fingerprint(self, tokenizer: str | None) -> str:
        """Return the SHA-256 of the tree, the smoothing and some name of the tokenizer, as it once was."""
        held, tree = self.tree.sorted_leaves, self.tree
        digest = hashlib.sha256(
            repr(("tree 1", tree.depth, tree.parse, tree.vocab_size, self.smoothing, tokenizer)).encode()
        )
        for array in (*held.symbols, held.shared, held.length, held.counts):
            digest.update(f"{array.dtype.str}{array.size};".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def __repr__(self) -> str:
        return f"TreeModel({self.name!r}, {self.tree!r}, smoothing {self.smoothing:g})"


class _Nodes:
    """All nodes of a tree in one numbering, layer after layer: node 0 is the root. Children are found by one search."""

    def __init__(self, tree: TokenTree) -> None:
        layers = tree.layers
        base = np.cumsum([0, *(len(layer) for layer in layers)])
        self.vocab_size, self.depth, self.parse = tree.vocab_size, tree.depth, tree.parse
        self.count = np.concatenate([layer.count for layer in layers])
        self.eos_count = np.concatenate([layer.eos_count for layer in layers])
        below = layers[1:]
        self.symbol = np.concatenate([np.zeros(0, np.int64), *(layer.symbol.astype(np.int64) for layer in below)])
        parent = np.concatenate(
            [np.zeros(0, np.int64), *(layer.parent + base[m] for m, layer in enumerate(below))]
        )  # rises: layers follow one another, and within a layer nodes are in lexicographic order
        self.key = parent * self.vocab_size + self.symbol
        self.first_child = np.searchsorted(parent, np.arange(len(self.count) + 1)) + 1

    def child(self, node: NDArray[np.int64], token: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the child of each node by each token; -1 where there is none, or the node is -1 itself."""
        if not self.key.size:
            return np.full(node.shape, -1, np.int64)
        wanted = np.where((node >= 0) & (token < self.vocab_size), node * self.vocab_size + token, -1)
        at = np.minimum(np.searchsorted(self.key, wanted), self.key.size - 1)
        return np.where(self.key[at] == wanted, at + 1, -1)


class TreeStepper:
    """Sequences that walk down a tree together; see `compresslab.lm.protocol.Stepper`."""

    def __init__(self, nodes: _Nodes, smoothing: float, batch: int) -> None:
        self._nodes, self._smoothing = nodes, smoothing
        self._node = np.zeros(batch, np.int64)  # where each sequence stands; -1 off the tree
        self._length = np.zeros(batch, np.int64)  # tokens of its phrase ("phrases"), or of its context ("windows")
        self._recent = np.zeros((batch, nodes.depth - 1), np.int64)  # "windows": the last tokens, the newest first

    def step(self, tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """Append one token to every sequence (B,) and return ``ln p(next)``, (B, V + 1), float64."""
        self.feed(tokens)
        nodes, alpha = self._nodes, self._smoothing
        counts = np.zeros((len(self._node), nodes.vocab_size + 1))
        for row, node in zip(counts, self._node.tolist(), strict=True):
            if node >= 0:
                first, last = nodes.first_child[node : node + 2]
                row[nodes.symbol[first - 1 : last - 1]] = nodes.count[first:last]
                row[-1] = nodes.eos_count[node]
        with np.errstate(divide="ignore"):
            out: NDArray[np.float64] = np.log((counts + self._off()[:, None] + alpha) / self._totals()[:, None])
        return out

    def log_of(self, tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return ``ln p(token)`` for one next token of every sequence: (B,) to (B,)."""
        nodes, node = self._nodes, self._node
        below = nodes.child(node, tokens)
        count = np.where(below >= 0, nodes.count[below], 0)
        ends = (tokens == nodes.vocab_size) & (node >= 0)
        count = np.where(ends, nodes.eos_count[node], count)
        with np.errstate(divide="ignore"):
            out: NDArray[np.float64] = np.log((count + self._off() + self._smoothing) / self._totals())
        return out

    def _off(self) -> NDArray[np.float64]:
        """1 for sequences off the tree, whose symbols get one count each, which makes them uniform."""
        return (self._node < 0).astype(np.float64)

    def _totals(self) -> NDArray[np.float64]:
        symbols = self._nodes.vocab_size + 1
        seen = np.where(self._node >= 0, self._nodes.count[self._node], symbols)
        return seen + self._smoothing * symbols

    def feed(self, tokens: NDArray[np.int64]) -> None:
        """Append one token to every sequence (B,)."""
        token = as_array(tokens, dtype=np.int64)
        if token.shape != self._node.shape:
            raise InvalidParameter(f"{len(self._node)} sequences advance together, not {token.shape}: one token each")
        ends = token == self._nodes.vocab_size
        if self._nodes.parse == "phrases":
            self._node = np.where(ends, 0, self._nodes.child(self._node, token))
            self._length = np.where(ends, 0, self._length + 1)
            over = self._length == self._nodes.depth
            self._node[over] = self._length[over] = 0
            return
        self._recent = np.concatenate([token[:, None], self._recent], axis=1)[:, : self._nodes.depth - 1]
        self._length = np.where(ends, 0, np.minimum(self._length + 1, self._nodes.depth - 1))
        self._node = np.zeros_like(self._node)
        for back in range(self._nodes.depth - 1, 0, -1):  # from the oldest token of the context to the newest
            held = back <= self._length
            self._node[held] = self._nodes.child(self._node[held], self._recent[held, back - 1])
