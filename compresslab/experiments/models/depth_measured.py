"""Assumption 3.2 measured: how far into the token tree of its training data a model has come.

The tree is that of the first ``d`` symbols of each response (the paper's reading of a phrase), so that a model reads
what it predicts from the start of the response; the excess is that of theory, section 8.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from compresslab._support.arrays import as_array
from compresslab.data.dataset import Dataset
from compresslab.errors import InvalidParameter
from compresslab.lm.protocol import LanguageModel
from compresslab.lm.scoring import score
from compresslab.theory.code_length import LN2
from compresslab.theory.effective_depth import effective_depth, layer_entropies_bits
from compresslab.trees.phrases import check_depth
from compresslab.trees.tree import TokenTree

__all__ = ["fractional_depth", "layer_excess_bits"]


def layer_excess_bits(model: LanguageModel, data: Dataset, depth: int) -> NDArray[np.float64]:
    """Return ``e_m``: what a model spends on symbol ``m`` of a response above the entropy ``h_m`` of the data itself.

    Args:
        model: any language model.
        data: the responses, in its tokens.
        depth: symbols of each response that count, EOS among them.

    Returns:
        float64, shape ``(depth,)``, bits per response; their sum is ``KL(p_D || p_model)`` over the leaves of the tree.

    Source: theory, section 8; claim ``effective-depth-chain-rule``.

    Example:
        >>> from compresslab.lm.tree_model import TreeModel
        >>> data = Dataset.from_texts(["ab", "ac", "b", "b"])
        >>> bool(np.abs(layer_excess_bits(TreeModel.of(data, depth=3), data, 3)).max() < 1e-14)
        True
        >>> other = TreeModel.of(Dataset.from_texts(["ab", "ac", "ab", "b"]), depth=3)
        >>> layer_excess_bits(other, data, 3).round(3).tolist()
        [0.208, 0.042, 0.0]
    """
    depth = check_depth(depth)
    entropy = layer_entropies_bits(TokenTree.build(data, depth, parse="prefix"))
    lengths = np.minimum(np.diff(data.offsets), depth)
    first = Dataset.from_token_lists([response[:size] for response, size in zip(data, lengths, strict=True)],
                                     data.vocab_size, tokenizer=data.tokenizer)  # fmt: skip
    scores = score(model, first, fingerprint="")  # with an EOS after what was cut, too: it is not counted below
    place = np.arange(scores.nats.size) - np.repeat(scores.offsets[:-1], np.diff(scores.offsets))
    counted = place < depth
    spent = np.bincount(place[counted], weights=scores.nats[counted], minlength=depth) / LN2 / len(data)
    excess: NDArray[np.float64] = spent - entropy
    return excess


def fractional_depth(excess_bits: npt.ArrayLike, tolerance_bits: float) -> float:
    """Return the effective depth, with the share of the next layer that the tolerance still pays for.

    A whole number of layers is too coarse to compare models whose sizes differ by a factor of three.

    Args:
        excess_bits: ``e_m``, shape ``(d,)``.
        tolerance_bits: ``tau``, 0 or more.

    Raises:
        InvalidParameter: see :func:`compresslab.theory.effective_depth.effective_depth`.

    Example:
        >>> fractional_depth([0.0, 0.5, 1.0], 1.0)
        2.5
        >>> fractional_depth([0.0, 0.5, 1.0], 2.0)
        3.0
    """
    whole = effective_depth(excess_bits, tolerance_bits)
    excess = as_array(excess_bits, dtype=np.float64)
    if whole == len(excess):
        return float(whole)
    left = tolerance_bits - float(excess[:whole].sum())
    step = float(excess[whole])
    if step <= 0:  # layers after a later crossing are not counted: the sum is above the tolerance, so this cannot be
        raise InvalidParameter(f"excesses {excess_bits!r} do not rise where they cross {tolerance_bits:g} bits")
    return whole + max(0.0, left) / step
