"""Effective depth: how many layers of the data's token tree a model has captured.

By the chain rule the entropy of the leaves is ``H = sum_m h_m``, ``h_m`` being the entropy of symbol ``m`` of a phrase
given the symbols before it. A model's cross-entropy at the same places exceeds it by ``e_m >= 0``, and
``sum_m e_m = KL(p_D || p_model)``. The effective depth at tolerance ``tau`` is the largest ``d`` with
``sum_{m <= d} e_m <= tau``. The paper assumes that it grows with the parameters; here it is measured.

Source: Ji et al., arXiv 2406.06144, Assumption 3.2; theory, section 8; claim ``effective-depth-chain-rule``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from compresslab._support.arrays import as_array
from compresslab._support.checks import number_or_nan
from compresslab.errors import InvalidParameter
from compresslab.theory.code_length import entropy_bits
from compresslab.trees.tree import TokenTree

__all__ = ["effective_depth", "layer_entropies_bits"]


def layer_entropies_bits(tree: TokenTree) -> NDArray[np.float64]:
    """Return ``h_m``: the entropy of symbol ``m`` of a phrase given those before it, EOS being a symbol.

    Returns:
        float64, shape ``(d,)``, bits per phrase; ``h_1 + ... + h_d`` is the entropy of the leaves.

    Source: theory, section 8.

    Example:
        >>> from compresslab import Dataset
        >>> layer_entropies_bits(TokenTree.build(Dataset.from_texts(["aa", "ab", "b"]), depth=2)).round(4)
        array([1.5219, 0.4   ])
    """
    cut = [0.0, *(entropy_bits(tree.prune(m).leaves()) for m in range(1, tree.depth + 1))]
    return np.diff(cut)


def effective_depth(excess_bits: npt.ArrayLike, tolerance_bits: float) -> int:
    """Return the largest ``d`` with ``e_1 + ... + e_d <= tolerance_bits``.

    Args:
        excess_bits: ``e_m``, the model's cross-entropy of symbol ``m`` less ``h_m``; shape ``(d,)``, bits per phrase.
            Sampling noise may make single ones slightly negative.
        tolerance_bits: ``tau``, 0 or more.

    Returns:
        0 to ``d``.

    Raises:
        InvalidParameter: excesses that are not numbers in one dimension, or a negative tolerance.

    Source: theory, section 8.

    Example:
        >>> effective_depth([0.01, 0.02, 0.5, 0.9], tolerance_bits=0.1)
        2
    """
    excess = as_array(excess_bits, dtype=np.float64)
    if excess.ndim != 1 or np.isnan(excess).any():
        raise InvalidParameter(f"excesses are numbers in one dimension, one for each layer: not {excess_bits!r}")
    if not number_or_nan(tolerance_bits) >= 0:
        raise InvalidParameter(f"the tolerance is a number of bits, 0 or more: not {tolerance_bits!r}")
    within = np.flatnonzero(np.cumsum(excess) <= tolerance_bits)
    return int(within[-1]) + 1 if len(within) else 0
