"""Huffman codes: optimal lengths, canonical codewords, Kraft sums.

Source: Huffman 1952; Cover and Thomas, *Elements of Information Theory*, sections 5.2 (Kraft) and 5.6 (Huffman).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from compresslab._support.arrays import as_array
from compresslab.errors import InvalidParameter
from compresslab.trees.distribution import DistributionLike, as_probabilities

__all__ = ["canonical_codewords", "huffman_lengths", "kraft_sum"]


def huffman_lengths(p: DistributionLike) -> NDArray[np.int64]:
    """Return the codeword lengths of a Huffman code: no prefix code has a smaller expected length.

    All nodes lighter than the sum of the two lightest are joined in one vectorised round, which is what one-at-a-time
    merging does with them; the rounds needed grow with ``log2(max p / min p)``, not with the number of leaves.

    Args:
        p: shape ``(M,)``; floats, or Fractions (then without rounding).

    Returns:
        int64, shape ``(M,)``, in bits. A leaf of probability 0 has no codeword: length 0. A single leaf has length 1.

    Raises:
        InvalidDistribution: see :func:`compresslab.trees.distribution.as_probabilities`.

    Example:
        >>> huffman_lengths([0.4, 0.3, 0.2, 0.1]).tolist()
        [1, 2, 3, 3]
    """
    weights = as_probabilities(p)
    lengths = np.zeros(len(weights), np.int64)
    leaves = np.flatnonzero(weights > 0)
    if len(leaves) == 1:
        lengths[leaves] = 1
        return lengths
    order = leaves[np.argsort(weights[leaves], kind="stable")]
    lengths[order] = _depths(_join_all(weights[order]))
    return lengths


def _join_all(sorted_weights: NDArray[Any]) -> NDArray[np.int64]:
    """Join nodes until one is left; return every node's parent: leaves first, then joined nodes in order of birth."""
    count = len(sorted_weights)
    parent = np.zeros(2 * count - 1, np.int64)
    weight, node, born = sorted_weights, np.arange(count), count
    while len(node) > 1:
        # Every node born from here on weighs at least this much, so all lighter ones are joined with one another.
        light = max(2, int(np.searchsorted(weight, weight[0] + weight[1], side="right")))
        light -= light % 2
        new = np.arange(born, born + light // 2)
        parent[node[:light:2]], parent[node[1:light:2]] = new, new
        joined = weight[:light:2] + weight[1:light:2]
        at = np.searchsorted(weight[light:], joined, side="right")
        weight = np.insert(weight[light:], at, joined)
        node = np.insert(node[light:], at, new)
        born += len(new)
    return parent


def _depths(parent: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return every leaf's depth, by pointer doubling from the root: a parent is born after its children."""
    depth = np.ones(len(parent), np.int64)
    depth[-1] = 0
    above = parent.copy()
    above[-1] = len(parent) - 1
    while (above != len(parent) - 1).any():
        depth += depth[above]
        above = above[above]
    return depth[: (len(parent) + 1) // 2]


def canonical_codewords(lengths: npt.ArrayLike) -> list[str]:
    """Return canonical codewords: of each length in order of the leaves, shorter ones first, counted upwards.

    Args:
        lengths: whole numbers, shape ``(M,)``, with a Kraft sum of at most 1; 0 means no codeword.

    Returns:
        The codewords as strings of 0 and 1, the first bit first; "" where the length is 0.

    Raises:
        InvalidParameter: negative lengths, or a Kraft sum above 1: no prefix code has such lengths.

    Example:
        >>> canonical_codewords([1, 2, 3, 3])
        ['0', '10', '110', '111']
    """
    checked = _checked_lengths(lengths)
    if kraft_sum(checked) > 1:
        raise InvalidParameter(f"the lengths have Kraft sum {kraft_sum(checked)} > 1: no prefix code has such lengths")
    words = [""] * len(checked)
    code, width = 0, 0
    for leaf in np.argsort(checked, kind="stable").tolist():
        length = int(checked[leaf])
        if not length:
            continue
        code <<= length - width
        words[leaf], width = format(code, f"0{length}b"), length
        code += 1
    return words


def kraft_sum(lengths: npt.ArrayLike) -> Fraction:
    """Return ``sum 2**-l`` over the codewords, exactly: at most 1 for every prefix code, 1 for a complete one.

    Args:
        lengths: whole numbers, shape ``(M,)``; 0 means no codeword.

    Example:
        >>> kraft_sum([1, 2, 3, 3])
        Fraction(1, 1)
    """
    present, times = np.unique(_checked_lengths(lengths), return_counts=True)
    pairs = zip(present.tolist(), times.tolist(), strict=True)
    return sum((Fraction(n, 2**length) for length, n in pairs if length), Fraction(0))


def _checked_lengths(lengths: npt.ArrayLike) -> NDArray[np.int64]:
    try:
        array = as_array(lengths)
    except ValueError as error:
        raise InvalidParameter(f"codeword lengths are whole numbers in one dimension: {error}") from error
    if array.ndim != 1 or array.dtype.kind not in "iu" or (array.size and array.min() < 0):
        raise InvalidParameter(f"codeword lengths are whole numbers, 0 or more, in one dimension: not {lengths!r}")
    return array.astype(np.int64)
