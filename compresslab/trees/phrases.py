"""Parsing: how the responses of a dataset are cut into the phrases that a token tree counts.

A response of ``n`` tokens ends in an end-of-sequence symbol (EOS), so it has ``n + 1`` symbols. A phrase is a run of at
most ``d`` symbols of one response. A phrase that holds ``d`` tokens goes on (a *truncated* leaf of the tree); a shorter
one holds fewer than ``d`` tokens and then EOS.

========= =====================================================================  ====================
parse     a phrase starts                                                        phrases per response
========= =====================================================================  ====================
phrases   every ``d`` symbols: the parse that a code can be decoded from          ``ceil((n + 1) / d)``
prefix    at the first symbol only: the paper's reading (Def. 3.3)               1
windows   at every symbol, EOS included: the stationary reading                   ``n + 1``
========= =====================================================================  ====================

Source: Ji et al., arXiv 2406.06144, Def. 3.1 and 3.3, made exact.
"""

from __future__ import annotations

import operator
from typing import Final, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from compresslab.errors import InvalidParameter, did_you_mean

__all__ = ["MAX_DEPTH", "PARSES", "Parse", "check_depth", "check_parse", "locate_phrases", "num_phrases"]

Parse = Literal["phrases", "prefix", "windows"]
PARSES: Final[tuple[str, ...]] = get_args(Parse)
MAX_DEPTH: Final = 65_535


def check_depth(depth: int) -> int:
    """Return ``depth`` as an int, or raise :class:`InvalidParameter` unless it is a whole number in 1..65535."""
    try:
        whole = 0 if isinstance(depth, bool) else operator.index(depth)
    except TypeError:
        whole = 0
    if not 1 <= whole <= MAX_DEPTH:
        raise InvalidParameter(
            f"a tree's depth is a whole number of layers from 1 to {MAX_DEPTH}, not {depth!r}: choose d >= 1"
        )
    return whole


def check_parse(parse: str) -> Parse:
    """Return ``parse`` if it names a parse mode, or raise :class:`InvalidParameter` with the closest name."""
    if parse in PARSES:
        return cast(Parse, parse)
    raise InvalidParameter(f"unknown parse {parse!r}: {did_you_mean(str(parse), PARSES)}")


def num_phrases(num_tokens: NDArray[np.int64], depth: int, parse: Parse) -> NDArray[np.int64]:
    """Count the phrases of responses with ``num_tokens`` tokens (EOS not counted).

    Args:
        num_tokens: int64, shape ``(R,)``.
        depth: symbols per phrase, ``d``.
        parse: the parse mode.

    Returns:
        int64, shape ``(R,)``.

    Example:
        >>> num_phrases(np.array([0, 3, 4]), depth=4, parse="phrases").tolist()
        [1, 1, 2]
    """
    if parse == "phrases":
        return num_tokens // depth + 1
    return np.ones_like(num_tokens) if parse == "prefix" else num_tokens + 1


def locate_phrases(offsets: NDArray[np.int64], depth: int, parse: Parse) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Locate every phrase in the flat token array.

    Args:
        offsets: int64, shape ``(R + 1,)``; response ``i`` is ``tokens[offsets[i]:offsets[i + 1]]``.
        depth: symbols per phrase, ``d``.
        parse: the parse mode.

    Returns:
        ``start`` and ``length``, int64, shape ``(num phrases,)``: the phrase's tokens are
        ``tokens[start:start + length]``; ``length == d`` says that it goes on, ``length < d`` that EOS follows.

    Example:
        >>> start, length = locate_phrases(np.array([0, 5]), depth=3, parse="phrases")
        >>> start.tolist(), length.tolist()      # abc | de<EOS>
        ([0, 3], [3, 2])
    """
    num_tokens = np.diff(offsets)
    counts = num_phrases(num_tokens, depth, parse)
    ordinal = np.arange(counts.sum(), dtype=np.int64) - np.repeat(np.cumsum(counts) - counts, counts)
    if parse == "phrases":
        ordinal *= depth
    length = np.minimum(np.repeat(num_tokens, counts) - ordinal, depth)
    return np.repeat(offsets[:-1], counts) + ordinal, length
