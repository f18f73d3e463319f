"""Entropies against scipy, Fractions and mpmath; Huffman codes against a textbook implementation."""

from __future__ import annotations

import heapq
import math
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from compresslab.errors import InvalidDistribution, InvalidParameter, MismatchedLeaves
from compresslab.testing.strategies import aligned_distributions, distributions, exact_distributions, leaf_distributions
from compresslab.theory.code_length import (
    cross_entropy_bits,
    entropy_bits,
    huffman_code_length_bits,
    ideal_code_length_bits,
    kl_bits,
)
from compresslab.theory.divergence import relative_entropy_nats
from compresslab.theory.huffman import canonical_codewords, huffman_lengths, kraft_sum
from compresslab.trees.distribution import LeafDistribution

law = settings(max_examples=50, deadline=None)


def exact_kl_bits(p: Any, q: Any) -> float:
    """``KL`` of floats, normalised exactly, in 60 digits."""
    with mpmath.workdps(60):
        a, b = ([mpmath.mpf(x) for x in v] for v in (p, q))
        a, b = [x / mpmath.fsum(a) for x in a], [x / mpmath.fsum(b) for x in b]
        return float(mpmath.fsum(x * mpmath.log(x / y, 2) for x, y in zip(a, b, strict=True) if x))


# ---- entropy and its relatives ----


@pytest.mark.parametrize(
    ("p", "bits"),
    [
        # Cover and Thomas, Elements of Information Theory, 2nd ed.
        ([1 / 2, 1 / 4, 1 / 8, 1 / 8], 7 / 4),  # example 2.1.2
        ([1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 64, 1 / 64, 1 / 64, 1 / 64], 2.0),  # example 1.1.2: the horse race
        ([1 / 32] * 32, 5.0),  # example 1.1.1
        ([1 / 8, 1 / 16, 1 / 16, 1 / 4, 1 / 8, 1 / 16, 1 / 16, 1 / 4], 2.75),
        ([1.0], 0.0),
        ([0.0, 1.0, 0.0], 0.0),
    ],
)
def test_known_entropies(p: list[float], bits: float) -> None:
    assert entropy_bits(p) == pytest.approx(bits, rel=1e-15, abs=0)
    assert math.copysign(1, entropy_bits(p)) == 1  # never -0.0
    assert entropy_bits([Fraction(x) for x in p]) == pytest.approx(bits, abs=1e-15)


def test_known_divergence() -> None:
    """Cover and Thomas, 2nd ed., example 2.3.1: r = 1/2, s = 1/4."""
    assert kl_bits([0.5, 0.5], [0.75, 0.25]) == pytest.approx(1 - math.log2(3) / 2, rel=1e-15)
    assert round(kl_bits([0.5, 0.5], [0.75, 0.25]), 4) == 0.2075
    assert round(kl_bits([0.75, 0.25], [0.5, 0.5]), 4) == 0.1887


@law
@given(aligned_distributions(2))
def test_against_scipy(pair: list[Any]) -> None:
    p, q = pair
    assert entropy_bits(p) == pytest.approx(scipy.stats.entropy(p, base=2), rel=1e-12, abs=1e-14)
    expected = scipy.stats.entropy(p, q, base=2)
    assert kl_bits(p, q) == (math.inf if math.isinf(expected) else pytest.approx(expected, rel=1e-9, abs=1e-12))
    assert cross_entropy_bits(p, q) == pytest.approx(kl_bits(p, q) + entropy_bits(p), rel=1e-12, abs=1e-12)


@law
@given(exact_distributions(), st.data())
def test_fractions_agree_with_mpmath(p: list[Fraction], data: st.DataObject) -> None:
    q = data.draw(exact_distributions(len(p)))
    with mpmath.workdps(40):
        log = [mpmath.log(mpmath.mpf(y.numerator) / y.denominator, 2) if y else -mpmath.inf for y in q]
        mp = [mpmath.mpf(x.numerator) / x.denominator for x in p]
        cross = float(-mpmath.fsum(x * y for x, y in zip(mp, log, strict=True) if x))
        entropy = float(-mpmath.fsum(x * mpmath.log(x, 2) for x in mp if x))
    assert entropy_bits(p) == pytest.approx(entropy, rel=1e-14, abs=1e-15)
    assert cross_entropy_bits(p, q) == pytest.approx(cross, rel=1e-14, abs=1e-15)
    assert kl_bits(p, q) == pytest.approx(cross - entropy, rel=1e-11, abs=1e-14)
    assert entropy_bits([float(x) for x in p]) == pytest.approx(entropy, rel=1e-14, abs=1e-14)


def test_fractions_beyond_floats() -> None:
    tiny = Fraction(1, 10**400)  # no float holds it
    assert cross_entropy_bits([Fraction(1), Fraction(0)], [tiny, 1 - tiny]) == pytest.approx(400 * math.log2(10))
    assert kl_bits([tiny, 1 - tiny], [tiny, 1 - tiny]) == 0
    half = Fraction(1, 2)
    closer = Fraction(1, 10**30)
    expected = 2 * float(closer) ** 2 / math.log(2)
    assert kl_bits([half + closer, half - closer], [half, half]) == pytest.approx(expected, rel=1e-12, abs=1e-46)


@law
@given(aligned_distributions(2))
def test_gibbs(pair: list[Any]) -> None:
    p, q = pair
    assert kl_bits(p, q) >= 0
    assert kl_bits(p, p) == 0
    assert 0 <= entropy_bits(p) <= math.log2(len(p)) + 1e-12
    assert cross_entropy_bits(p, q) >= entropy_bits(p) - 1e-12


@law
@given(distributions(max_size=8, zeros=False), st.sampled_from([1e-1, 1e-3, 1e-5, 1e-7, 1e-9]), st.integers(0, 10**6))
def test_close_distributions_keep_their_digits(p: Any, apart: float, seed: int) -> None:
    """Where p and q differ by delta, KL is of order delta**2: summing plain terms would leave no digit of it."""
    assume(len(p) > 1)
    q = p * (1 + apart * np.random.default_rng(seed).uniform(-1, 1, len(p)))
    q /= q.sum()
    exact = exact_kl_bits(p, q)
    assert kl_bits(p, q) == pytest.approx(exact, rel=1e-6, abs=1e-30)  # q itself is known to 1e-16 / 1e-9 of apart


@law
@given(aligned_distributions(2))
def test_relative_entropy_against_mpmath(pair: list[Any]) -> None:
    p, q = pair
    assume(((q > 0) | (p == 0)).all())
    assert relative_entropy_nats(p, q) == pytest.approx(exact_kl_bits(p, q) * math.log(2), rel=1e-9, abs=1e-15)
    assert relative_entropy_nats(p, q, p - q) == relative_entropy_nats(p, q)


@pytest.mark.parametrize("ratio", [1e-300, 1e-9, 0.1, 0.97999, 0.98001, 1.01999, 1.02001, 1.99, 2.01, 1e9, 1e290])
def test_relative_entropy_is_continuous_between_its_branches(ratio: float) -> None:
    a, b = np.array([1e-10 * ratio]), np.array([1e-10])
    with mpmath.workdps(400):
        x, y = mpmath.mpf(a[0]), mpmath.mpf(b[0])
        expected = float(x * mpmath.log(x / y) - x + y)
    assert relative_entropy_nats(a, b) == pytest.approx(expected, rel=1e-12)


def test_where_a_leaf_is_missing() -> None:
    assert kl_bits([0.5, 0.5], [1.0, 0.0]) == cross_entropy_bits([0.5, 0.5], [1.0, 0.0]) == math.inf
    assert kl_bits([1.0, 0.0], [1.0, 0.0]) == cross_entropy_bits([1.0, 0.0], [1.0, 0.0]) == 0
    exact = [[Fraction(1, 2)] * 2, [Fraction(1), Fraction(0)]]
    assert kl_bits(*exact) == cross_entropy_bits(*exact) == math.inf
    assert kl_bits(exact[1], exact[0]) == cross_entropy_bits(exact[1], exact[0]) == 1


@pytest.mark.parametrize("tiny", [1e-300, 1e-308, 5e-324])
def test_tiny_masses(tiny: float) -> None:
    assert kl_bits([0.5, 0.5], [tiny, 1.0]) == pytest.approx(-1 - math.log2(tiny) / 2, rel=1e-12)
    assert kl_bits([tiny, 1.0], [0.5, 0.5]) == pytest.approx(1, rel=1e-12)
    assert kl_bits([tiny, 1.0], [tiny, 1.0]) == 0
    assert entropy_bits([tiny, 1.0]) == pytest.approx(0, abs=1e-290)
    assert cross_entropy_bits([1.0, 0.0], [tiny, 1.0]) == pytest.approx(-math.log2(tiny), rel=1e-14)


def test_a_million_leaves() -> None:
    w = np.random.default_rng(0).pareto(1.1, 10**6) + 1
    p = w / w.sum()
    expected = -math.fsum(x * math.log2(x) for x in p.tolist())
    assert entropy_bits(p) == pytest.approx(expected, rel=1e-14)
    u = np.full(10**6, 1e-6)
    assert entropy_bits(u) == pytest.approx(math.log2(10**6), rel=1e-14)
    assert kl_bits(p, u) == pytest.approx(math.log2(10**6) - expected, rel=1e-13)


def test_single_precision_is_summed_in_double() -> None:
    p = np.full(1000, 1e-3, np.float32)
    assert entropy_bits(p) == pytest.approx(math.log2(1000), rel=1e-6)
    assert kl_bits(p, np.full(1000, 1e-3)) < 1e-12


@law
@given(leaf_distributions(), leaf_distributions())
def test_named_leaves_are_aligned(p: LeafDistribution, q: LeafDistribution) -> None:
    union = sorted({*p.as_dict(), *q.as_dict()})
    a, b = ([d.as_dict().get(key, 0.0) for key in union] for d in (p, q))
    assert cross_entropy_bits(p, q) == pytest.approx(cross_entropy_bits(a, b), rel=1e-13)
    assert kl_bits(p, q) == pytest.approx(kl_bits(a, b), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("function", [cross_entropy_bits, kl_bits])
def test_bad_pairs(function: Any) -> None:
    with pytest.raises(InvalidDistribution, match=r"^q sum to 0\.9, not 1"):
        function([0.5, 0.5], [0.5, 0.4])
    with pytest.raises(InvalidDistribution, match="^p must be finite: entry 0 is nan"):
        function([math.nan, 0.5], [0.5, 0.5])
    with pytest.raises(MismatchedLeaves, match="p has 2 leaves and q has 1"):
        function([0.5, 0.5], [1.0])
    with pytest.raises(MismatchedLeaves, match="q is a plain array"):
        function(LeafDistribution(["a"], [1.0]), [1.0])


# ---- Huffman codes ----


def textbook_huffman(p: list[Any]) -> Any:
    """The expected length: the sum of all joined weights (Cover and Thomas, 5.6), one join at a time."""
    heap = [x for x in p if x > 0]
    if len(heap) == 1:
        return heap[0]
    heapq.heapify(heap)
    total = 0 * heap[0]
    while len(heap) > 1:
        joined = heapq.heappop(heap) + heapq.heappop(heap)
        total += joined
        heapq.heappush(heap, joined)
    return total


@pytest.mark.claim("code-length-bounds")
@law
@given(exact_distributions(max_size=24))
def test_huffman_is_optimal(p: list[Fraction]) -> None:
    lengths = huffman_lengths(p)
    assert sum(x * n for x, n in zip(p, lengths.tolist(), strict=True)) == textbook_huffman(p)
    held = sum(x > 0 for x in p)
    assert [n == 0 for n in lengths.tolist()] == [x == 0 for x in p]
    assert kraft_sum(lengths) == (1 if held > 1 else Fraction(1, 2))
    assert huffman_code_length_bits(p) == pytest.approx(float(textbook_huffman(p)), rel=1e-15)


@law
@given(distributions(max_size=40))
def test_huffman_of_floats(p: Any) -> None:
    assert huffman_code_length_bits(p) == pytest.approx(textbook_huffman(p.tolist()), rel=1e-12)
    if (p > 0).sum() > 1:
        assert entropy_bits(p) - 1e-12 <= huffman_code_length_bits(p) <= entropy_bits(p) + 1


@law
@given(exact_distributions(max_size=16), st.lists(st.integers(0, 10**6), max_size=30))
def test_codewords_decode(p: list[Fraction], picks: list[int]) -> None:
    words = canonical_codewords(huffman_lengths(p))
    used = [word for word in words if word]
    assert not any(a != b and b.startswith(a) for a in used for b in used)
    assert len(set(used)) == len(used)
    leaves = [i for i, word in enumerate(words) if word]
    message = [leaves[x % len(leaves)] for x in picks]
    table, decoded, at = {words[i]: i for i in leaves}, [], ""
    for bit in "".join(words[i] for i in message):
        at += bit
        if at in table:
            decoded.append(table[at])
            at = ""
    assert (decoded, at) == (message, "")
    # canonical: by length and then by leaf, the codewords count upwards
    ordered = sorted(leaves, key=lambda i: (len(words[i]), i))
    assert [words[i] for i in ordered] == sorted(used)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=12))
def test_codewords_exist_exactly_where_kraft_allows(lengths: list[int]) -> None:
    """Kraft's inequality (Cover and Thomas, theorem 5.2.1)."""
    total = sum(Fraction(1, 2**n) for n in lengths if n)
    assert kraft_sum(lengths) == total
    if total > 1:
        with pytest.raises(InvalidParameter, match=f"Kraft sum {total} > 1: no prefix code"):
            canonical_codewords(lengths)
    else:
        assert [len(word) for word in canonical_codewords(lengths)] == lengths


@pytest.mark.parametrize(
    ("p", "lengths"),
    [
        ([0.25, 0.25, 0.2, 0.15, 0.15], [2, 2, 2, 3, 3]),  # Cover and Thomas, 2nd ed., example 5.6.1
        ([0.5, 0.25, 0.125, 0.125], [1, 2, 3, 3]),
        ([1.0], [1]),
        ([0.0, 1.0], [0, 1]),
        ([1 / 1024] * 1024, [10] * 1024),
    ],
)
def test_known_huffman_codes(p: list[float], lengths: list[int]) -> None:
    assert sorted(huffman_lengths(p).tolist()) == sorted(lengths)
    assert huffman_code_length_bits(p) == pytest.approx(sum(x * n for x, n in zip(p, lengths, strict=True)))


def test_longest_possible_codes() -> None:
    """Fibonacci weights give a code that is a chain; masses down to 1e-300 one of a thousand bits."""
    fib = [1, 1]
    while len(fib) < 80:
        fib.append(fib[-1] + fib[-2])
    assert max(huffman_lengths([Fraction(x, sum(fib)) for x in fib]).tolist()) == 79
    p = np.append(2.0 ** -np.arange(1, 1001), 2.0**-1000)
    assert huffman_lengths(p).tolist() == [*range(1, 1001), 1000]
    assert huffman_code_length_bits(p) == pytest.approx(entropy_bits(p), rel=1e-14)


def test_a_large_huffman_code() -> None:
    w = np.random.default_rng(3).pareto(1.2, 100_000)
    p = w / w.sum()
    assert huffman_code_length_bits(p) == pytest.approx(textbook_huffman(p.tolist()), rel=1e-10)
    assert kraft_sum(huffman_lengths(p)) == 1


@pytest.mark.parametrize("lengths", [[-1], [1.5], [[1]], ["1"], [[1], [1, 2]], [None]])
def test_bad_lengths(lengths: Any) -> None:
    for function in (kraft_sum, canonical_codewords):
        with pytest.raises(InvalidParameter, match="codeword lengths are whole numbers"):
            function(lengths)


# ---- the paper's ideal code length ----


@pytest.mark.claim("code-length-not-equality")
def test_the_ideal_length_is_not_a_bound() -> None:
    """The counterexample of theory, section 2."""
    p = [0.8, 0.1, 0.1]
    assert round(entropy_bits(p), 4) == 0.9219
    assert ideal_code_length_bits(1, 1, p) == 1
    assert huffman_code_length_bits(p) == pytest.approx(1.2)
    exact = [Fraction(8, 10), Fraction(1, 10), Fraction(1, 10)]
    assert huffman_code_length_bits(exact) == 1.2


@law
@given(distributions(), st.integers(1, 500), st.integers(1, 20))
def test_ideal_length_is_within_a_bit_a_phrase_of_huffman(p: Any, length: int, depth: int) -> None:
    assume((p > 0).sum() > 1)
    phrases = -(-length // depth)
    H = entropy_bits(p)
    assume(abs(H - round(H)) > 1e-8)
    ideal = ideal_code_length_bits(length, depth, p)
    assert ideal == phrases * math.ceil(H)
    assert isinstance(ideal, int)
    assert abs(ideal - phrases * huffman_code_length_bits(p)) < phrases


def test_ideal_lengths_of_several_and_dyadic_entropies() -> None:
    lengths = np.array([[1, 4], [5, 8]])
    assert ideal_code_length_bits(lengths, 4, [0.5, 0.25, 0.25]).tolist() == [[2, 2], [4, 4]]
    for M in (1, 2, 3, 7, 8, 1000, 1024):  # rounding of a whole entropy must not cost a bit a phrase
        assert ideal_code_length_bits(10, 1, np.full(M, 1 / M)) == 10 * math.ceil(round(math.log2(M), 9))
    assert ideal_code_length_bits(10**15, 1, [0.5, 0.5]) == 10**15


@pytest.mark.parametrize("length", [0, -3, 2.0, "a", [1, 0], None, True])
def test_bad_response_lengths(length: Any) -> None:
    with pytest.raises(InvalidParameter) as caught:
        ideal_code_length_bits(length, 1, [1.0])
    assert "its EOS counted, so at least 1" in str(caught.value)
    assert repr(length) in str(caught.value)


def test_bad_depth_of_an_ideal_length() -> None:
    with pytest.raises(InvalidParameter, match="not 0: choose d >= 1"):
        ideal_code_length_bits(1, 0, [1.0])
