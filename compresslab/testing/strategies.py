"""Hypothesis strategies: the values that the library's own laws are tested on, for property tests of your own.

They draw what is rare in practice and breaks code: empty responses, vocabularies of one token and of 2**32, phrases
longer than their response, leaves of mass 0 and of tiny mass. Needs the extra ``testing`` (hypothesis).

Example:
    >>> from hypothesis import given, settings
    >>> from compresslab import entropy_bits
    >>> @settings(max_examples=20, deadline=None, database=None)
    ... @given(distributions(max_size=9))
    ... def entropy_is_at_most_that_of_equal_masses(p):
    ...     assert entropy_bits(p) <= np.log2(p.size) + 1e-12
    >>> entropy_is_at_most_that_of_equal_masses()
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab.data.dataset import Dataset
from compresslab.errors import MissingExtra
from compresslab.theory.mixture import Mixture
from compresslab.trees.distribution import LeafDistribution
from compresslab.trees.phrases import PARSES
from compresslab.trees.tree import TokenTree

try:
    from hypothesis import strategies as st
except ImportError as error:
    raise MissingExtra("compresslab.testing.strategies", "testing") from error

__all__ = [
    "aligned_distributions",
    "datasets",
    "depths",
    "distributions",
    "exact_distributions",
    "leaf_distributions",
    "mixtures",
    "parses",
    "token_lists",
    "trees",
    "vocab_sizes",
    "volumes",
]

#: How responses are cut.
parses = st.sampled_from(PARSES)
#: Depths of trees: small ones, and those around the widths of machine words.
depths = st.integers(1, 8) | st.sampled_from([9, 16, 17, 31, 32, 33, 63, 64])
#: Sizes of vocabularies: small ones, and those around the widths of integers, up to 2**32.
vocab_sizes = st.integers(1, 5) | st.sampled_from([16, 255, 256, 257, 65536, 65537, 2**31, 2**32 - 1, 2**32])


def token_lists(vocab_size: int, max_responses: int = 8, max_length: int = 12) -> st.SearchStrategy[list[list[int]]]:
    """Responses as lists of tokens, empty ones included: few different tokens, so that phrases repeat, or any."""
    edge = sorted({x for x in (0, 1, vocab_size // 2, vocab_size - 2, vocab_size - 1) if 0 <= x < vocab_size})
    few = st.sampled_from(edge[:2])
    some = st.sampled_from(edge) | st.integers(0, vocab_size - 1)
    responses = st.lists(few, max_size=max_length) | st.lists(some, max_size=max_length)
    return st.lists(responses, min_size=1, max_size=max_responses)


@st.composite
def datasets(draw: st.DrawFn, vocab_size: int | None = None, max_responses: int = 8, max_length: int = 12) -> Dataset:
    """Datasets over a given vocabulary, or one drawn from 1 to 2**32."""
    V = draw(vocab_sizes) if vocab_size is None else vocab_size
    return Dataset.from_token_lists(draw(token_lists(V, max_responses, max_length)), vocab_size=V)


@st.composite
def trees(
    draw: st.DrawFn, vocab_size: int | None = None, depth: int | None = None, parse: str | None = None
) -> TokenTree:
    """Token trees; what is not given is drawn."""
    return TokenTree.build(draw(datasets(vocab_size)), depth or draw(depths), parse or draw(parses))


def _weights(size: int, zeros: bool) -> st.SearchStrategy[list[float]]:
    weight = st.floats(1e-6, 1.0)
    if zeros:
        weight = weight | st.just(0.0) | st.sampled_from([1e-100, 1e-12])
    return st.lists(weight, min_size=size, max_size=size).filter(lambda w: sum(w) > 1e-6)


@st.composite
def distributions(
    draw: st.DrawFn, size: int | None = None, max_size: int = 12, zeros: bool = True
) -> NDArray[np.float64]:
    """Plain arrays of probabilities; with ``zeros``, leaves of mass 0 and of tiny mass among them."""
    w: NDArray[np.float64] = np.array(draw(_weights(size or draw(st.integers(1, max_size)), zeros)))
    p: NDArray[np.float64] = w / w.sum()
    return p


@st.composite
def aligned_distributions(
    draw: st.DrawFn, count: int, max_size: int = 12, zeros: bool = True
) -> list[NDArray[np.float64]]:
    """Several plain arrays over one set of leaves."""
    size = draw(st.integers(1, max_size))
    return [draw(distributions(size, zeros=zeros)) for _ in range(count)]


@st.composite
def exact_distributions(draw: st.DrawFn, size: int | None = None, max_size: int = 8) -> list[Fraction]:
    """Distributions in Fractions, leaves of mass 0 among them."""
    M = size or draw(st.integers(1, max_size))
    n = draw(st.lists(st.integers(0, 50), min_size=M, max_size=M).filter(any))
    return [Fraction(x, sum(n)) for x in n]


@st.composite
def leaf_distributions(draw: st.DrawFn, max_size: int = 10) -> LeafDistribution:
    """Distributions with keys out of one small pool, so that several overlap in part."""
    keys = draw(st.lists(st.sampled_from("abcdefghijkl"), min_size=1, max_size=max_size, unique=True))
    return LeafDistribution(keys, draw(distributions(len(keys))))


def volumes(count: int) -> st.SearchStrategy[list[float]]:
    """Positive volumes over twelve orders of magnitude."""
    return st.lists(st.floats(1e-3, 1e9), min_size=count, max_size=count)


@st.composite
def mixtures(
    draw: st.DrawFn, min_count: int = 1, max_count: int = 8, max_size: int = 12, zeros: bool = True
) -> Mixture:
    """Mixtures of random datasets."""
    count = draw(st.integers(min_count, max_count))
    parts = draw(aligned_distributions(count, max_size, zeros))
    names = [f"D{i}" for i in range(count)]
    sources: dict[str, Any] = dict(zip(names, parts, strict=True))
    return Mixture(sources, dict(zip(names, draw(volumes(count)), strict=True)))
