"""Code lengths in bits: entropy and its relatives, the paper's ideal code length, and real Huffman codes.

Sums are numpy's pairwise sums: their rounding error grows with the logarithm of the number of terms. Distributions
given as Fractions are exact up to the logarithm, and their terms are added without rounding error (``math.fsum``).

Source: Ji et al., arXiv 2406.06144, Thm 3.4; Cover and Thomas, *Elements of Information Theory*, ch. 2 and 5.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from compresslab._support.arrays import as_array
from compresslab.errors import InvalidParameter
from compresslab.theory.divergence import centred, relative_entropy_nats
from compresslab.theory.huffman import canonical_codewords, huffman_lengths, kraft_sum
from compresslab.trees.distribution import DistributionLike, LeafDistribution, Probabilities, align, as_probabilities
from compresslab.trees.phrases import check_depth

__all__ = [
    "LN2",
    "canonical_codewords",
    "cross_entropy_bits",
    "entropy_bits",
    "huffman_code_length_bits",
    "huffman_lengths",
    "ideal_code_length_bits",
    "kl_bits",
    "kraft_sum",
]

LN2 = math.log(2)

# An entropy this close below or above a whole number is that number: a uniform distribution on 8 leaves has H = 3.
_CEIL_TOLERANCE = 1e-9

_PLAIN_KL = 1e-3  # bits; above it, summing the plain terms loses three digits of sixteen at most


def entropy_bits(p: DistributionLike) -> float:
    """Return the entropy ``H(p) = -sum p log2 p`` in bits.

    Args:
        p: shape ``(M,)``.

    Raises:
        InvalidDistribution: see :func:`compresslab.trees.distribution.as_probabilities`.

    Example:
        >>> abs(entropy_bits([0.5, 0.25, 0.25]) - 1.5) < 1e-15
        True
    """
    checked = as_probabilities(p)
    if checked.dtype == object:
        return -math.fsum(float(x) * _log2_exact(x) for x in checked.tolist() if x)
    return -_sum_p_log2(checked, checked) + 0.0  # + 0.0: never print -0.0


def cross_entropy_bits(p: DistributionLike, q: DistributionLike) -> float:
    """Return the cross-entropy ``CE(p, q) = -sum p log2 q`` in bits: what ``p`` costs in a code made for ``q``.

    Args:
        p: the distribution that is coded.
        q: the distribution that the code is made for. Plain arrays must be of one length; leaf distributions are
            aligned on the union of their keys.

    Returns:
        Bits per phrase; infinite where ``q`` lacks a leaf that ``p`` has.

    Raises:
        InvalidDistribution: see :func:`compresslab.trees.distribution.as_probabilities`.
        MismatchedLeaves: plain arrays of different lengths.

    Example:
        >>> abs(cross_entropy_bits([1.0, 0.0], [0.25, 0.75]) - 2) < 1e-15
        True
    """
    a, b = _aligned_pair(p, q)
    if a.dtype == object:
        pairs = [(x, y) for x, y in zip(a.tolist(), b.tolist(), strict=True) if x]
        return math.inf if not all(y for _, y in pairs) else -math.fsum(float(x) * _log2_exact(y) for x, y in pairs)
    return -_sum_p_log2(a, b) + 0.0


def kl_bits(p: DistributionLike, q: DistributionLike) -> float:
    """Return the Kullback-Leibler divergence ``KL(p||q) = sum p log2(p / q) = CE(p, q) - H(p)`` in bits.

    Arguments, errors and the infinite case are those of :func:`cross_entropy_bits`. A small divergence keeps its
    digits: it is summed as :mod:`compresslab.theory.divergence` says.

    Example:
        >>> abs(kl_bits([1.0, 0.0], [0.25, 0.75]) - 2) < 1e-15
        True
    """
    a, b = _aligned_pair(p, q)
    if a.dtype == object:
        pairs = [(x, y) for x, y in zip(a.tolist(), b.tolist(), strict=True) if x]
        return math.inf if not all(y for _, y in pairs) else math.fsum(float(x) * _log2_exact(x / y) for x, y in pairs)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = np.divide(a, b)
        if not a.min() > 0:
            ratio[a == 0] = 1.0
        np.log2(ratio, out=ratio)
        ratio *= a
        total = float(ratio.sum())
    # A small sum is what is left of larger terms; one that is not finite, of a ratio that overflowed.
    return total if _PLAIN_KL < total < math.inf else relative_entropy_nats(a, b, centred(a - b, b)) / LN2


def _aligned_pair(p: DistributionLike, q: DistributionLike) -> tuple[Probabilities, Probabilities]:
    if not isinstance(p, LeafDistribution) and not isinstance(q, LeafDistribution):
        a, b = as_probabilities(p, "p"), as_probabilities(q, "q")
        if a.shape == b.shape and a.dtype == b.dtype:
            return a, b
    _, table = align([p, q], ["p", "q"])
    return table[0], table[1]


def _sum_p_log2(p: Probabilities, q: Probabilities) -> float:
    """``sum p log2 q`` with ``0 log2 0 = 0``."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.log2(q, dtype=np.float64)
        terms *= p
    total = float(terms.sum())
    if math.isnan(total):  # 0 * -inf: a leaf that p lacks and q lacks too
        total = float(terms[p > 0].sum())
    return total


def _log2_exact(x: Fraction) -> float:
    """``log2`` of an exact number: near 1 by log1p, so that nothing cancels; elsewhere of its two parts."""
    if Fraction(1, 2) < x < 2:
        return math.log1p(float(x - 1)) / LN2
    return math.log2(x.numerator) - math.log2(x.denominator)


def ideal_code_length_bits(length: npt.ArrayLike, depth: int, p: DistributionLike) -> Any:
    """Return the paper's ideal code length ``ceil(|x| / d) * ceil(H(p))`` in bits.

    What is true of it (theory, section 2): it lies within one bit per phrase of a real Huffman code, and it is neither
    equal to that code's length nor a bound on it.

    Args:
        length: symbols of a response, its EOS counted, ``|x|``: a whole number >= 1, or an array of them.
        depth: symbols per phrase, ``d``.
        p: the distribution on the leaves.

    Returns:
        int for one length, int64 array of the same shape for several. An entropy within 1e-9 of a whole number counts
        as that number: rounding errors must not cost a bit per phrase.

    Raises:
        InvalidParameter: a length below 1 or no whole number, or a depth below 1.
        InvalidDistribution: see :func:`compresslab.trees.distribution.as_probabilities`.

    Source: Ji et al., arXiv 2406.06144, Thm 3.4.

    Example:
        >>> ideal_code_length_bits(10, 4, [0.5, 0.25, 0.25])     # 3 phrases of ceil(1.5) bits
        6
    """
    symbols = as_array(length)
    depth = check_depth(depth)
    if symbols.dtype.kind not in "iu" or (symbols.size and symbols.min() < 1):
        raise InvalidParameter(f"a length is a whole number of symbols, its EOS counted, so at least 1: not {length!r}")
    phrases = -(-symbols.astype(np.int64) // depth)
    bits = phrases * math.ceil(entropy_bits(p) - _CEIL_TOLERANCE)
    return int(bits) if bits.ndim == 0 else bits


def huffman_code_length_bits(p: DistributionLike) -> float:
    """Return the expected length ``sum p l`` of a Huffman code for ``p``, in bits per phrase.

    ``H(p) <= L < H(p) + 1``; a single leaf still takes one bit.

    Raises:
        InvalidDistribution: see :func:`compresslab.trees.distribution.as_probabilities`.

    Example:
        >>> round(huffman_code_length_bits([0.8, 0.1, 0.1]), 12)     # ceil(H) = 1: the ideal length is not a bound
        1.2
    """
    checked = as_probabilities(p)
    lengths = huffman_lengths(checked)
    if checked.dtype == object:
        return float(sum((x * n for x, n in zip(checked.tolist(), lengths.tolist(), strict=True)), Fraction(0)))
    return float((checked * lengths).sum())
