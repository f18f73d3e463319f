"""Rates: the identity and the bounds of the normalized rate, its three forms, and units that cannot be confused."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab.errors import InvalidParameter, MismatchedLeaves
from compresslab.testing.strategies import mixtures
from compresslab.theory.code_length import cross_entropy_bits, kl_bits
from compresslab.theory.mixture import Mixture
from compresslab.theory.rate import Rate, compression_rate, normalized_rate

law = settings(max_examples=50, deadline=None)


@pytest.mark.claim("rate-identity", "rate-bounds")
@law
@given(mixtures(), st.integers(1, 64))
def test_identity_and_bounds_of_the_normalized_rate(mixture: Mixture, depth: int) -> None:
    """Theory, section 2: ``CE - log M = KL(p||p_D) - KL(p||u)``, and ``-log M <= CE - log M <= log(1 / w)``."""
    q = mixture.distribution.probabilities
    for p, n in zip(mixture.probabilities, mixture.volumes, strict=True):
        held = p > 0
        M = int(held.sum())
        rate = normalized_rate(p, q).value
        uniform = np.where(held, 1 / M, 0.0)
        assert rate == pytest.approx(kl_bits(p, q) - kl_bits(p, uniform), rel=1e-9, abs=1e-10)
        weight = n / mixture.total_volume
        assert -math.log2(M) - 1e-9 <= rate <= -math.log2(weight) + 1e-9
        # the three forms
        CE = cross_entropy_bits(p, q)
        assert rate == pytest.approx(CE - math.log2(M), abs=1e-12)
        assert normalized_rate(p, q, depth, "symbol").value == pytest.approx(rate / depth, abs=1e-12)
        assert normalized_rate(p, q, depth, "literal").value == pytest.approx(CE / depth - math.log2(M), abs=1e-12)
        assert compression_rate(p, q, depth).value == CE / depth


def test_the_bounds_are_reached() -> None:
    assert normalized_rate([1.0, 0.0], [1.0, 0.0]).value == 0
    disjoint = Mixture({"a": [1.0, 0.0], "b": [0.0, 1.0]}, {"a": 1, "b": 7})
    assert normalized_rate([1.0, 0.0], disjoint.distribution.probabilities).value == pytest.approx(
        3, rel=1e-15
    )  # log2(1 / w), w = 1/8
    tiny = 1 - 1e-12
    assert normalized_rate([tiny, 1 - tiny], [tiny, 1 - tiny]).value == pytest.approx(-1, abs=1e-9)


def test_exact_distributions_have_rates() -> None:
    p, q = [Fraction(1, 2), Fraction(1, 2), Fraction(0)], [Fraction(1, 4), Fraction(1, 4), Fraction(1, 2)]
    assert normalized_rate(p, q).value == 1  # CE = 2, M = 2: a leaf of mass 0 does not count


@pytest.mark.claim("normalization-units")
def test_units_are_named() -> None:
    p = [0.5, 0.5]
    assert compression_rate(p, p, 4).unit == "symbol"
    assert normalized_rate(p, p).unit == "phrase"
    assert normalized_rate(p, p, 4, "symbol").unit == "symbol"
    assert "mixed units" in normalized_rate(p, p, 4, "literal").unit
    rate = Rate(12.0, 8, "byte")
    assert (float(rate), str(rate), repr(rate)) == (
        1.5,
        "1.5 bits per byte",
        "Rate(1.5 bits per byte = 12 bits / 8)",
    )
    assert compression_rate([1.0, 0.0], [0.0, 1.0], 2).value == math.inf


@pytest.mark.parametrize("denominator", [0, -1, math.nan, math.inf])
def test_nothing_to_divide_by(denominator: float) -> None:
    with pytest.raises(InvalidParameter, match=f"positive number of units, not {denominator} bytes"):
        Rate(1.0, denominator, "byte")


def test_bad_rates() -> None:
    with pytest.raises(InvalidParameter, match="the bits of a rate per byte are NaN"):
        Rate(math.nan, 1, "byte")
    with pytest.raises(InvalidParameter, match="unknown form 'phrases' of the normalized rate: did you mean 'phrase'"):
        normalized_rate([1.0], [1.0], form="phrases")  # type: ignore[arg-type]
    bad: Any
    for bad in (0, 1.5, None):
        with pytest.raises(InvalidParameter, match="choose d >= 1"):
            compression_rate([1.0], [1.0], bad)
    with pytest.raises(MismatchedLeaves, match="p has 1 leaves and q has 2"):
        normalized_rate([1.0], [0.5, 0.5])
