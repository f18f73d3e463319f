"""What whole numbers in place of probabilities cost at most."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from compresslab.coding.rows.quantize import block_layout, weights_bound_bits
from compresslab.coding.rows.share_coder import SHARES_MOST, share_bound_bits

__all__ = ["overhead_bound_bits"]


def overhead_bound_bits(vocab_size: int, dtype: npt.DTypeLike = np.float64) -> float:
    """Bound on the bits that whole numbers add to ``-log2(p / sum(row))``, for every symbol of any valid row.

    Args:
        vocab_size: symbols of a row, V.
        dtype: of the rows; it matters for many symbols only, whose masses are rounded when they are added up.

    Raises:
        InvalidParameter: if ``vocab_size`` is not from 2 to 2**24 - 2.

    Example:
        >>> f"{overhead_bound_bits(256):.2e}", f"{overhead_bound_bits(49152):.2e}"
        ('3.44e-07', '3.85e-05')
    """
    if block_layout(vocab_size).vocab_size <= SHARES_MOST:
        return share_bound_bits(vocab_size)
    return weights_bound_bits(vocab_size, dtype)
