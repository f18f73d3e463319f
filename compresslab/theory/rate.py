"""Rates: bits over a named denominator, and the paper's normalized compression rate.

Source: Ji et al., arXiv 2406.06144, section 3; theory, section 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np

from compresslab.errors import InvalidParameter, did_you_mean
from compresslab.theory.code_length import cross_entropy_bits
from compresslab.trees.distribution import DistributionLike, as_probabilities
from compresslab.trees.phrases import check_depth

__all__ = ["FORMS", "Form", "Rate", "compression_rate", "normalized_rate"]

Form = Literal["phrase", "symbol", "literal"]
FORMS: Final[tuple[str, ...]] = get_args(Form)


@dataclass(frozen=True)
class Rate:
    """Bits over a denominator that carries its name, so that bits per token are never taken for bits per byte.

    Attributes:
        bits: total bits.
        denominator: how many units they are spread over; positive.
        unit: the name of one unit, in the singular: "phrase", "symbol", "byte", ...

    Raises:
        InvalidParameter: a denominator that is not positive, or bits that are NaN.

    Example:
        >>> Rate(12.0, 8, "byte")
        Rate(1.5 bits per byte = 12 bits / 8)
        >>> Rate(12.0, 8, "byte").value
        1.5
    """

    bits: float
    denominator: float
    unit: str

    def __post_init__(self) -> None:
        if not self.denominator > 0 or math.isinf(self.denominator):
            raise InvalidParameter(
                f"a rate needs a positive number of units, not {self.denominator} {self.unit}s: "
                "there is nothing to divide by"
            )
        if math.isnan(self.bits):
            raise InvalidParameter(
                f"the bits of a rate per {self.unit} are NaN: a probability before it was not a number"
            )

    @property
    def value(self) -> float:
        """Bits per unit."""
        return self.bits / self.denominator

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return f"{self.value:.6g} bits per {self.unit}"

    def __repr__(self) -> str:
        return f"Rate({self} = {self.bits:.10g} bits / {self.denominator:.10g})"


def compression_rate(p: DistributionLike, q: DistributionLike, depth: int) -> Rate:
    """Return the compression rate ``gamma = CE(p, q) / d`` of a dataset ``p`` in a mixture ``q``, in bits per symbol.

    Args:
        p: leaf distribution of the dataset, ``p_i``.
        q: leaf distribution of what the code was made for, ``p_D``.
        depth: symbols per phrase, ``d``.

    Source: Ji et al., arXiv 2406.06144, section 3 (ceilings dropped).

    Example:
        >>> compression_rate([1.0, 0.0], [0.25, 0.75], depth=2)
        Rate(1 bits per symbol = 2 bits / 2)
    """
    return Rate(cross_entropy_bits(p, q), check_depth(depth), "symbol")


def normalized_rate(p: DistributionLike, q: DistributionLike, depth: int = 1, form: Form = "phrase") -> Rate:
    """Return the normalized compression rate of a dataset ``p`` in a mixture ``q``.

    ======= ============================ ================================================================
    form    value                        units
    ======= ============================ ================================================================
    phrase  ``CE(p, q) - log2 M``        bits per phrase
    symbol  ``(CE(p, q) - log2 M) / d``  bits per symbol
    literal ``CE(p, q) / d - log2 M``    the paper's own formula: bits per symbol minus bits per phrase
    ======= ============================ ================================================================

    ``M`` is the number of leaves of ``p`` (those of positive probability). The derivatives of all forms in the volumes
    are the same up to ``1/d``. Identity: ``CE(p, q) - log2 M = KL(p||q) - KL(p||u)`` with ``u`` uniform on the leaves
    of ``p``. Bounds: ``-log2 M <= CE(p, q) - log2 M <= log2(1 / w)`` where ``q`` is a mixture with weight ``w`` on
    ``p``.

    Args:
        p: leaf distribution of the dataset, ``p_i``.
        q: leaf distribution of the mixture, ``p_D``.
        depth: symbols per phrase, ``d``; of no effect on the form "phrase".
        form: which of the three.

    Raises:
        InvalidParameter: an unknown form, or a depth below 1.

    Source: Ji et al., arXiv 2406.06144, section 3; theory, section 2.

    Example:
        >>> normalized_rate([0.5, 0.5], [0.25, 0.75]).value == cross_entropy_bits([0.5, 0.5], [0.25, 0.75]) - 1
        True
    """
    depth = check_depth(depth)
    bits = cross_entropy_bits(p, q)
    log_leaves = math.log2(int(np.count_nonzero(as_probabilities(p) > 0)))
    if form == "phrase":
        return Rate(bits - log_leaves, 1, "phrase")
    if form == "symbol":
        return Rate(bits - log_leaves, depth, "symbol")
    if form == "literal":
        return Rate(bits / depth - log_leaves, 1, "symbol (mixed units, as the paper writes it)")
    raise InvalidParameter(f"unknown form {form!r} of the normalized rate: {did_you_mean(str(form), FORMS)}")
