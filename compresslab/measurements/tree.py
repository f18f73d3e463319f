"""What a dataset's token tree looks like, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compresslab.data.dataset import Dataset
from compresslab.theory.finite_entropy import EntropyEstimate, estimate_entropy
from compresslab.trees.phrase_leaves import leaves_of_phrases
from compresslab.trees.phrases import num_phrases
from compresslab.trees.tree import TokenTree

__all__ = ["LayerResult", "TreeResult", "measure_tree"]

_PIECE = 1 << 20  # leaves looked at a time


@dataclass(frozen=True)
class LayerResult:
    """One layer.

    Attributes:
        layer: its number; the root is 0.
        nodes: prefixes of so many tokens.
        eos_leaves: EOS leaves that hang on this layer.
        phrases: phrases that reach it.
        mean_children: children of a node on this layer, EOS leaves included; None on the last layer.
    """

    layer: int
    nodes: int
    eos_leaves: int
    phrases: int
    mean_children: float | None


@dataclass(frozen=True)
class TreeResult:
    """A token tree in numbers.

    Attributes:
        depth: layers below the root, ``d``.
        parse: the parse mode.
        vocab_size: V, EOS not counted.
        phrases: the volume ``|D|``.
        nodes: prefixes, the root included.
        leaves: ``M``.
        eos_leaves: leaves that end in EOS; the others are truncated.
        bytes: memory of the tree's arrays.
        layers: from the root down.
        entropy: of the leaves, as observed and as estimated for what the data is a sample of.
    """

    depth: int
    parse: str
    vocab_size: int
    phrases: int
    nodes: int
    leaves: int
    eos_leaves: int
    bytes: int
    layers: tuple[LayerResult, ...]
    entropy: EntropyEstimate


def measure_tree(tree: TokenTree, dataset: Dataset | None = None) -> TreeResult:
    """Count the nodes, leaves and phrases of every layer, and estimate the entropy of the leaves.

    Args:
        tree: the tree.
        dataset: what it was built from: then the entropy's standard error is over responses, else over phrases.

    Example:
        >>> from compresslab import Dataset
        >>> result = measure_tree(TokenTree.build(Dataset.from_texts(["ab", "a"]), depth=2, parse="prefix"))
        >>> [(layer.nodes, layer.eos_leaves, layer.phrases) for layer in result.layers]
        [(1, 0, 2), (1, 0, 2), (1, 1, 2)]
    """
    held, d = tree.sorted_leaves, tree.depth
    nodes = [1, *(len(symbols) for symbols in held.symbols)]
    ends, ended = np.zeros(d + 1, np.int64), np.zeros(d + 1, np.int64)
    for lo in range(0, tree.num_leaves, _PIECE):  # a mapped tree may be larger than memory
        length, counts = held.length[lo : lo + _PIECE], held.counts[lo : lo + _PIECE]
        ends += np.bincount(length, minlength=d + 1)
        ended += np.bincount(length, weights=counts, minlength=d + 1).astype(np.int64)
    eos = [0, *ends[:d].tolist()]  # an EOS leaf after m tokens lies on layer m + 1
    gone = np.concatenate([[0, 0], np.cumsum(ended[: d - 1])]) if d > 1 else np.zeros(2, np.int64)
    layers = tuple(
        LayerResult(
            layer=m,
            nodes=nodes[m],
            eos_leaves=eos[m],
            phrases=tree.total - int(gone[m]),
            mean_children=(nodes[m + 1] + eos[m + 1]) / nodes[m] if m < d and nodes[m] else None,
        )
        for m in range(d + 1)
    )
    return TreeResult(
        depth=d,
        parse=tree.parse,
        vocab_size=tree.vocab_size,
        phrases=tree.total,
        nodes=tree.num_nodes,
        leaves=tree.num_leaves,
        eos_leaves=int(ends[:d].sum()),
        bytes=tree.nbytes,
        layers=layers,
        entropy=_entropy(tree, dataset),
    )


def _entropy(tree: TokenTree, dataset: Dataset | None) -> EntropyEstimate:
    if dataset is None:
        return estimate_entropy(tree.sorted_leaves.counts)
    each = num_phrases(np.diff(dataset.offsets), tree.depth, tree.parse)
    response = np.repeat(np.arange(len(each)), each)
    return estimate_entropy(tree.sorted_leaves.counts, leaves_of_phrases(dataset, tree), response)
