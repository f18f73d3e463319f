"""Which leaf of a tree each phrase of a dataset is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from compresslab.data.dataset import Dataset
from compresslab.errors import InvalidParameter, MismatchedVocabulary
from compresslab.trees.leaves import LocatedPhrases, SortedLeaves
from compresslab.trees.phrases import locate_phrases
from compresslab.trees.tree import TokenTree

__all__ = ["leaves_of_phrases"]


def leaves_of_phrases(dataset: Dataset, tree: TokenTree) -> NDArray[np.int64]:
    """Return the leaf (its place in ``tree.leaves()``) of every phrase of a dataset, in order, whatever the parse.

    Raises:
        InvalidParameter: the tree lacks a phrase.
        MismatchedVocabulary: the vocabularies differ.

    Example:
        >>> data = Dataset.from_texts(["ab", "a"])
        >>> leaves_of_phrases(data, TokenTree.build(data, depth=2, parse="windows")).tolist()    # ab b. . a. .
        [2, 3, 0, 1, 0]
    """
    if dataset.vocab_size != tree.vocab_size:
        raise MismatchedVocabulary(
            f"dataset and tree have vocabularies of {dataset.vocab_size} and {tree.vocab_size} tokens: "
            "use one tokenizer"
        )
    strings = LocatedPhrases(dataset.tokens, *locate_phrases(dataset.offsets, tree.depth, tree.parse))
    leaves = np.zeros(len(strings), dtype=np.int64)
    node = np.zeros(len(strings), dtype=np.int64)
    for m in range(tree.depth + 1):
        first = _first_leaves(tree.sorted_leaves, m)
        if m:
            here = np.flatnonzero(strings.length >= m)
            layer = tree.layers[m]
            keys = layer.parent * tree.vocab_size + layer.symbol.astype(np.int64)
            wanted = node[here] * tree.vocab_size + strings.symbol(m - 1)[here].astype(np.int64)
            node[here] = np.searchsorted(keys, wanted)
            known = keys[np.minimum(node[here], len(keys) - 1)] == wanted
            if not known.all():
                raise _unknown(strings, int(here[np.flatnonzero(~known)[0]]))
        ending = np.flatnonzero(strings.length == m)
        leaves[ending] = first[node[ending]]
        wrong = np.flatnonzero(tree.sorted_leaves.length[leaves[ending]] != m)
        if len(wrong):
            raise _unknown(strings, int(ending[wrong[0]]))
    return leaves


def _first_leaves(held: SortedLeaves, m: int) -> NDArray[np.int64]:
    """First leaf of every node of layer ``m``: its EOS leaf, if it has one."""
    if not m:
        return np.zeros(1, dtype=np.int64)
    breaks = np.flatnonzero(held.shared < m)
    return breaks[held.length[breaks] >= m]


def _unknown(strings: LocatedPhrases, phrase: int) -> InvalidParameter:
    start, length = int(strings.start[phrase]), int(strings.length[phrase])
    tokens = strings.tokens[start : start + length].tolist()
    return InvalidParameter(
        f"the tree has no leaf for phrase {phrase}, tokens {tokens}: it has probability 0, so it cannot be coded; "
        "build the tree on data that holds it"
    )
