"""Every bound is attacked: with its premises no counterexample is found; with one that matters dropped, one is.

All in exact fractions. ``find`` is hypothesis' search for an example; it raises where there is none to be found.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from compresslab.theory.code_length import cross_entropy_bits, entropy_bits, huffman_code_length_bits

ATTACK = settings(max_examples=50, deadline=None, derandomize=True, database=None)
# Where a counterexample is to be found, the first one will do: none is made small.
SEARCH = settings(
    max_examples=500, deadline=None, derandomize=True, database=None, phases=(Phase.explicit, Phase.generate)
)

Row = list[Fraction]
counts = st.integers(0, 6)
VOLUME = st.builds(Fraction, st.integers(1, 40), st.integers(1, 4))
SMALL = st.builds(Fraction, st.integers(0, 12), st.integers(1, 12))


def rows(number: int, leaves: int = 3, low: int = 0) -> st.SearchStrategy[list[Row]]:
    """Distributions over the same leaves; every leaf has mass of one of them."""
    row = st.lists(st.integers(low, 6), min_size=leaves, max_size=leaves).filter(any)
    scaled = row.map(lambda r: [Fraction(x, sum(r)) for x in r])
    many = st.lists(scaled, min_size=number, max_size=number)
    return many.filter(lambda p: all(any(r[j] for r in p) for j in range(leaves)))


def slopes(pre: Row, ali: Row, per: Row, k: Fraction, l: Fraction) -> tuple[Fraction, Fraction]:  # noqa: E741
    """``dγ_p/dl`` and ``dγ_a/dl``."""
    Q = [k * p + a + l * t for p, a, t in zip(pre, ali, per, strict=True)]
    W = k + 1 + l
    return tuple(1 / W - sum(u * t / q for u, t, q in zip(own, per, Q, strict=True) if q) for own in (pre, ali))  # type: ignore[return-value]


def mean_of(p: list[Row]) -> Row:
    return [sum(column, Fraction(0)) / len(p) for column in zip(*p, strict=True)]


def sums(p: list[Row], k: Fraction, l: Fraction) -> tuple[Fraction, Fraction]:  # noqa: E741
    """The two derivatives, summed over the ways to give the roles."""
    found = [slopes(mean_of(p), a, b, k, l) for a, b in itertools.permutations(p, 2)]
    return sum((x for x, _ in found), Fraction(0)), sum((y for _, y in found), Fraction(0))


def search(strategy: st.SearchStrategy, condition: object) -> object:
    from hypothesis import find

    return find(strategy, condition, settings=SEARCH)  # type: ignore[arg-type]


TRIPLE = st.tuples(rows(3), VOLUME, SMALL)


@ATTACK
@given(TRIPLE)
def test_alignment_loses_on_average_over_the_roles(case: tuple[list[Row], Fraction, Fraction]) -> None:
    assert sums(*case)[1] >= 0


@ATTACK
@given(st.integers(2, 4).flatmap(lambda n: st.tuples(rows(n), VOLUME, SMALL)))
def test_the_diversity_bounds_hold(case: tuple[list[Row], Fraction, Fraction]) -> None:
    p, k, l = case  # noqa: E741
    m, W, n = mean_of(p), k + 1 + l, len(p)
    X = sum((x - z) ** 2 / z for r in p for x, z in zip(r, m, strict=True))
    pre, ali = sums(p, k, l)
    assert ali >= k * X / W**2
    assert pre <= -(1 - (n - 1) * l) * X / W**2


def test_dropping_the_bound_on_l_breaks_the_recovery() -> None:
    p, _, l = search(TRIPLE, lambda case: sums(*case)[0] > 0)  # type: ignore[misc] # noqa: E741
    assert l > Fraction(1, 2)
    assert len(p) == 3


@pytest.mark.slow
def test_no_counterexample_is_found_at_one_half_or_below() -> None:
    with pytest.raises(NoSuchExample):
        search(TRIPLE, lambda case: case[2] <= Fraction(1, 2) and sums(*case)[0] > 0)


def test_dropping_the_average_over_the_roles_breaks_both_signs() -> None:
    search(TRIPLE, lambda c: slopes(mean_of(c[0]), c[0][1], c[0][2], c[1], c[2])[1] < 0)
    search(TRIPLE, lambda c: c[2] <= Fraction(1, 2) and slopes(mean_of(c[0]), c[0][1], c[0][2], c[1], c[2])[0] > 0)


def test_dropping_containment_breaks_both_signs_even_on_average() -> None:
    def averaged(case: tuple[list[Row], Fraction, Fraction], which: int) -> Fraction:
        p, k, l = case  # noqa: E741
        return sum((slopes(*roles, k, l)[which] for roles in itertools.permutations(p)), Fraction(0))

    search(TRIPLE, lambda c: c[2] <= Fraction(1, 2) and averaged(c, 0) > 0)
    search(TRIPLE, lambda c: averaged(c, 1) < 0)


@pytest.mark.slow
def test_that_the_masses_sum_to_one_does_not_matter_for_the_average() -> None:
    """The proof does not use it, and the search finds no counterexample without it."""
    loose = st.tuples(
        st.lists(st.lists(counts.map(Fraction), min_size=3, max_size=3), min_size=3, max_size=3).filter(
            lambda p: all(any(r[j] for r in p) for j in range(3))
        ),
        VOLUME,
        SMALL,
    )

    def align(case: tuple[list[Row], Fraction, Fraction]) -> Fraction:
        p, k, l = case  # noqa: E741
        W, m, out = k + 1 + l, mean_of(p), Fraction(0)
        for a, b in itertools.permutations(p, 2):
            Q = [k * z + x + l * y for z, x, y in zip(m, a, b, strict=True)]
            out += sum(a) / W - sum(x * y / q for x, y, q in zip(a, b, Q, strict=True))
        return out

    with pytest.raises(NoSuchExample):
        search(loose, lambda case: align(case) < 0)


COVERED = st.tuples(rows(1, low=1), rows(2, low=0), VOLUME, SMALL)


def overlaps(case: tuple[list[Row], list[Row], Fraction, Fraction]) -> tuple[Fraction, Fraction]:
    (pre,), (ali, per), _, _ = case
    o_at = sum(a * t / p for a, t, p in zip(ali, per, pre, strict=True))
    return o_at, sum((t * t / p for t, p in zip(per, pre, strict=True)), Fraction(0))


def fixed(case: tuple[list[Row], list[Row], Fraction, Fraction]) -> tuple[Fraction, Fraction]:
    (pre,), (ali, per), k, l = case  # noqa: E741
    return slopes(pre, ali, per, k, l)


@ATTACK
@given(COVERED)
def test_the_bounds_for_fixed_roles_hold(case: tuple[list[Row], list[Row], Fraction, Fraction]) -> None:
    (o_at, o_tt), (pre, ali), (_, _, k, l) = overlaps(case), fixed(case), case  # noqa: E741
    W = k + 1 + l
    assert ali >= k * (1 - o_at) / W**2
    assert pre <= ((o_tt - 1) * l - (1 - o_at)) / (W * (k + o_at + l * o_tt))


def test_dropping_the_overlap_condition_breaks_alignment_s_loss() -> None:
    case = search(COVERED, lambda c: fixed(c)[1] < 0)
    assert overlaps(case)[0] > 1  # type: ignore[arg-type]


def test_dropping_the_condition_on_l_breaks_the_recovery_for_fixed_roles() -> None:
    case = search(COVERED, lambda c: overlaps(c)[0] < 1 and fixed(c)[0] > 0)
    o_at, o_tt = overlaps(case)  # type: ignore[arg-type]
    assert (o_tt - 1) * case[3] > 1 - o_at  # type: ignore[index]


@ATTACK
@given(st.tuples(rows(3), VOLUME, VOLUME, VOLUME))
def test_more_of_a_kind_never_worsens_it_and_rebounds_slow(
    case: tuple[list[Row], Fraction, Fraction, Fraction],
) -> None:
    p, *n = case
    W, Q = sum(n), [sum(v * r[j] for v, r in zip(n, p, strict=True)) for j in range(3)]

    def jacobian(i: int, t: int) -> Fraction:
        return 1 / W - sum(a * b / q for a, b, q in zip(p[i], p[t], Q, strict=True))

    for t in range(3):
        assert jacobian(t, t) <= 0
        assert (jacobian(t, t) == 0) == all(p[t][j] == Q[j] / W for j in range(3))
        assert sum(n[i] * jacobian(i, t) for i in range(3)) == 0
        for i in range(3):
            slope = jacobian(i, t)
            bend = sum(a * b * b / (q * q) for a, b, q in zip(p[i], p[t], Q, strict=True)) - 1 / W**2
            assert bend >= slope * (slope - 2 / W)


@pytest.mark.slow
def test_another_dataset_can_be_worsened_and_a_rising_rate_can_be_concave() -> None:
    """The premises "own" and "falling" matter."""

    def parts(case: tuple[list[Row], Fraction, Fraction]) -> tuple[Fraction, Fraction]:
        p, k, l = case  # noqa: E741
        W, Q = k + 1 + l, [k * a + b + l * c for a, b, c in zip(*p, strict=True)]
        slope = 1 / W - sum(a * b / q for a, b, q in zip(p[0], p[2], Q, strict=True) if q)
        bend = sum(a * b * b / (q * q) for a, b, q in zip(p[0], p[2], Q, strict=True) if q) - 1 / W**2
        return slope, bend

    search(TRIPLE, lambda c: parts(c)[0] > 0)
    search(TRIPLE, lambda c: parts(c)[0] > 0 and parts(c)[1] < 0)
    with pytest.raises(NoSuchExample):
        search(TRIPLE, lambda c: parts(c)[0] <= 0 and parts(c)[1] < 0)


@pytest.mark.slow
def test_the_reversal_for_unrelated_data_needs_k_above_one() -> None:
    pairs = st.tuples(rows(2, low=1), VOLUME)

    def gap(case: tuple[list[Row], Fraction]) -> Fraction:
        (x, y), k = case
        both = [(x, y), (y, x)]
        return sum((slopes(a, b, [Fraction(1, 3)] * 3, k, Fraction(0))[0] for a, b in both), Fraction(0))

    with pytest.raises(NoSuchExample):
        search(pairs, lambda c: c[1] > 1 and gap(c) < 0)
    assert search(pairs, lambda c: gap(c) < 0)[1] < 1  # type: ignore[index]


@ATTACK
@given(rows(1, leaves=5, low=1))
def test_huffman_s_code_is_within_one_bit_of_the_entropy(p: list[Row]) -> None:
    length = huffman_code_length_bits(p[0])
    assert entropy_bits(p[0]) - 1e-12 <= length < entropy_bits(p[0]) + 1


@pytest.mark.slow
def test_the_rate_bound_needs_that_the_mixture_contains_the_dataset() -> None:
    pairs = st.tuples(rows(2, low=1), st.integers(1, 9).map(lambda n: Fraction(n, 10)))

    def above(case: tuple[list[Row], Fraction], mix: Row) -> bool:
        (p, _), w = case
        return cross_entropy_bits(p, mix) > math.log2(3) + math.log2(1 / w) + 1e-9

    def mixed(case: tuple[list[Row], Fraction]) -> Row:
        (p, q), w = case
        return [w * a + (1 - w) * b for a, b in zip(p, q, strict=True)]

    with pytest.raises(NoSuchExample):
        search(pairs, lambda c: above(c, mixed(c)))
    search(pairs, lambda c: above(c, c[0][1]))
