"""Elasticity: derivatives, the exact ratio, closed forms, the finite-size theorem, both sign reversals."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from compresslab.data.dataset import Dataset
from compresslab.errors import InvalidDistribution, InvalidParameter, InvalidVolume, MismatchedLeaves
from compresslab.testing.strategies import aligned_distributions, exact_distributions
from compresslab.theory.elasticity import Elasticity
from compresslab.theory.mixture import Direction, Mixture
from compresslab.trees.tree import TokenTree

law = settings(max_examples=50, deadline=None)
few = settings(max_examples=40, deadline=None)
ks = st.floats(1e-2, 1e9) | st.sampled_from([1.0, 3.0, 1e9])
ls = st.floats(1e-9, 10.0)
ls0 = ls | st.just(0.0)
directions = st.sampled_from(["forward", "reverse"])
ROLES = ("pretrain", "align", "perturb")
E1, E2, E3 = np.eye(3)


def values(roles: Any) -> list[Any]:
    return [roles.pretrain, roles.align, roles.perturb]


def exact_slopes(rows: Any, k: float, l: float) -> list[float]:  # noqa: E741
    """``1/W - sum_j p_ij p_tj / Q_j`` in Fractions, of the rows normalised exactly."""
    p = [[Fraction(x) for x in row] for row in np.asarray(rows).tolist()]
    p = [[x / sum(row) for x in row] for row in p]
    n = [Fraction(k), Fraction(1), Fraction(l)]
    Q = [sum(x * y for x, y in zip(n, column, strict=True)) for column in zip(*p, strict=True)]
    sums = [sum(x * y / q for x, y, q in zip(row, p[2], Q, strict=True) if q) for row in p]
    return [float(1 / sum(n) - s) if s < 10**300 else -math.inf for s in sums]


# ---- derivatives ----


@law
@given(aligned_distributions(3), ks, ls)
def test_derivatives_against_the_mixture(parts: list[Any], k: float, l: float) -> None:  # noqa: E741
    scenario = Elasticity(*parts, k)
    mixture = Mixture(dict(zip(ROLES, parts, strict=True)), dict(zip(ROLES, (k, 1.0, l), strict=True)))
    J = mixture.jacobian_nats()
    size = np.sqrt(np.diag(J) * J[2, 2])  # Cauchy-Schwarz: no derivative is larger
    assert (np.abs(values(scenario.derivatives(l)) - J[:, 2]) <= 1e-9 * size + 1e-30).all()
    assert values(scenario.code_lengths_nats(l)) == pytest.approx(mixture.code_lengths_nats(), rel=1e-10, abs=1e-10)
    assert values(scenario.overlaps(l)) == pytest.approx(mixture.overlaps()[:, 2], rel=1e-9)
    second = mixture.second_derivatives_nats()[:, 2]
    assert values(scenario.second_derivatives(l)) == pytest.approx(second, rel=1e-6, abs=1e-9 * np.abs(second).max())
    assert values(scenario.forces(l)) == pytest.approx(mixture.forces()[:, 2], rel=1e-12)
    assert values(scenario.forces(l, "reverse")) == pytest.approx(mixture.forces("reverse")[:, 2], rel=1e-12)
    assert scenario.mixture(l).volumes.tolist() == [k, 1.0, l]


@pytest.mark.claim("volume-derivative")
@few
@given(aligned_distributions(3, 6, zeros=False), st.floats(0.1, 1e4), st.floats(1e-3, 5.0))
def test_derivatives_against_finite_differences(parts: list[Any], k: float, l: float) -> None:  # noqa: E741
    scenario = Elasticity(*parts, k)
    first, second = values(scenario.derivatives(l)), values(scenario.second_derivatives(l))
    with mpmath.workdps(70):
        rows = [[mpmath.mpf(x) for x in row] for row in np.asarray(parts).tolist()]
        rows = [[x / mpmath.fsum(row) for x in row] for row in rows]

        def code(i: int, x: Any) -> Any:
            W = k + 1 + x
            Q = [k * a + b + x * c for a, b, c in zip(*rows, strict=True)]
            return -mpmath.fsum(p * mpmath.log(q / W) for p, q in zip(rows[i], Q, strict=True))

        h, x = mpmath.mpf(10) ** -15, mpmath.mpf(l)
        for i in range(3):
            up, at, down = code(i, x + h), code(i, x), code(i, x - h)
            assert first[i] == pytest.approx(float((up - down) / (2 * h)), rel=1e-6, abs=1e-11 / k)
            assert second[i] == pytest.approx(float((up - 2 * at + down) / h**2), rel=1e-6, abs=1e-11 / k)


@pytest.mark.parametrize("l", [0.0, 1e-9, 0.1, 3.0])
@pytest.mark.parametrize("k", [2.0, 1e4, 1e9])
@pytest.mark.parametrize("apart", [1.0, 1e-3, 1e-6, 1e-9])
def test_nothing_cancels_for_close_datasets_and_huge_k(apart: float, k: float, l: float) -> None:  # noqa: E741
    rng = np.random.default_rng(5)
    base = rng.dirichlet(np.ones(20))
    rows = [base * (1 + apart * rng.uniform(-0.5, 0.5, 20)) for _ in range(3)]
    rows = [row / row.sum() for row in rows]
    slopes = values(Elasticity(*rows, k).derivatives(l))
    assert slopes == pytest.approx(exact_slopes(rows, k, l), rel=1e-11 + 1e-14 / apart, abs=0)


@pytest.mark.claim("elasticity-ratio")
@law
@given(aligned_distributions(3), ks, ls)
def test_exact_ratio_and_conservation(parts: list[Any], k: float, l: float) -> None:  # noqa: E741
    """``dgamma_a/dl = -k dgamma_p/dl - l dgamma_t/dl`` for any distributions; no Pareto assumption is needed."""
    scenario = Elasticity(*parts, k)
    d = scenario.derivatives(l)
    size = abs(k * d.pretrain) + abs(l * d.perturb) + abs(d.align)
    assert abs(d.align + k * d.pretrain + l * d.perturb) <= 1e-12 * size
    assert abs(scenario.conservation_residual(l)) <= 1e-12
    assert d.perturb <= 0
    if d.pretrain != 0:
        assert scenario.ratio(l) == d.align / d.pretrain
        # the identity as written; what cancels there is bounded by the terms
        slack = 1e-9 * (k + abs(l * d.perturb / d.pretrain))
        assert scenario.ratio(l) == pytest.approx(-k - l * d.perturb / d.pretrain, rel=1e-9, abs=slack)
    overlaps = scenario.overlaps(l)
    for sign, overlap, slope in zip(values(scenario.signs(l)), values(overlaps), values(d), strict=True):
        assert sign == (0 if abs(1 - overlap) <= 1e-12 else np.sign(slope))


@pytest.mark.claim("elasticity-ratio-limit")
@law
@given(aligned_distributions(3), ks)
def test_at_zero_the_ratio_is_minus_k_where_the_perturbation_is_covered(parts: list[Any], k: float) -> None:
    p, a, t = parts
    assume((((p > 0) | (a > 0)) | (t == 0)).all())
    d = Elasticity(p, a, t, k).derivatives(0)
    assert d.align == pytest.approx(-k * d.pretrain, rel=1e-12, abs=1e-300)
    signs = Elasticity(p, a, t, k).signs(0)
    if signs.align and signs.pretrain:
        assert signs.align == -signs.pretrain  # either of the theorem's signs holds iff the other does


@pytest.mark.claim("elasticity-ratio-limit")
@few
@given(st.lists(exact_distributions(5), min_size=3, max_size=3), st.floats(0.1, 1e3))
def test_limits_at_zero(exact: list[list[Fraction]], k: float) -> None:
    p, a, t = parts = np.array(exact, dtype=float)  # no masses so small that l = 1e-12 were large beside them
    scenario = Elasticity(*parts, k)
    outside = float(t[(p == 0) & (a == 0)].sum())
    at, near = scenario.derivatives(0), scenario.derivatives(1e-12)
    scale = abs(np.asarray(values(scenario.second_derivatives(1e-12)))[:2]).max() * 1e-12
    assert at.pretrain == pytest.approx(near.pretrain, rel=1e-6, abs=2 * scale + 1e-300)
    assert at.align == pytest.approx(near.align, rel=1e-6, abs=2 * scale + 1e-300)
    assert math.isinf(at.perturb) == (outside > 0)
    assert math.isinf(scenario.second_derivatives(0).perturb) == (outside > 0)
    assert math.isinf(scenario.code_lengths_nats(0).perturb) == (outside > 0)
    assert abs(scenario.conservation_residual(0)) <= 1e-9


# ---- curves ----


@few
@given(
    aligned_distributions(3), st.lists(ks, min_size=1, max_size=3), st.lists(ls | st.just(0.0), min_size=1, max_size=4)
)
def test_curves_are_pointwise(parts: list[Any], k: list[float], l: list[float]) -> None:  # noqa: E741
    curve = Elasticity(*parts, 7.0).curve(l, k)
    assert (curve.k.tolist(), curve.l.tolist()) == (k, l)
    for i, x in enumerate(k):
        scenario = Elasticity(*parts, x)
        for j, y in enumerate(l):
            for role in ROLES:
                slope = getattr(scenario.derivatives(y), role)
                assert getattr(curve.derivatives, role)[i, j] == pytest.approx(slope, rel=1e-9, abs=1e-15 / x)
                code = getattr(scenario.code_lengths_nats(y), role)
                assert getattr(curve.code_lengths, role)[i, j] == pytest.approx(code, rel=1e-12, abs=1e-12)
                overlap = getattr(scenario.overlaps(y), role)
                assert getattr(curve.overlaps, role)[i, j] == pytest.approx(overlap, rel=1e-9, abs=1e-9)
            with np.errstate(all="ignore"):
                ratio = curve.derivatives.align[i, j] / curve.derivatives.pretrain[i, j]
            assert np.array_equal(curve.ratio[i, j], ratio, equal_nan=True)


def test_curves_over_many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    parts = [rng.dirichlet(np.full(3000, 0.05)) for _ in range(3)]
    parts[2][rng.random(3000) < 0.5] = 0
    parts[2] /= parts[2].sum()
    l = np.array([0, 1e-6, 0.25, 2])  # noqa: E741
    scenario = Elasticity.contained(*parts, 50)
    whole = scenario.curve(l)
    monkeypatch.setattr("compresslab.theory.elasticity._BLOCK", 1)
    blocks = scenario.curve(l)
    for role in ROLES:
        assert getattr(blocks.derivatives, role) == pytest.approx(getattr(whole.derivatives, role), rel=1e-11)
        assert getattr(blocks.code_lengths, role) == pytest.approx(getattr(whole.code_lengths, role), rel=1e-13)
    assert scenario.curve(0.25).derivatives.align.shape == (1, 1)
    assert scenario.derivatives([0.25, 2.0]).align == pytest.approx(whole.derivatives.align[0, 2:], rel=1e-12)
    assert scenario.ratio(l) == pytest.approx(whole.ratio[0], rel=1e-12)
    assert scenario.signs(l).align.dtype == np.int64


# ---- the contained reading: the theorem's ----


@pytest.mark.claim("elasticity-disjoint", "elasticity-disjoint-any-number")
@pytest.mark.parametrize("l", [0.0, 1e-9, 0.1, 0.5, 2.0, 1e3])
@pytest.mark.parametrize("k", [1e-3, 1.0, 8.0, 1e9])
def test_disjoint_closed_forms(k: float, l: float) -> None:  # noqa: E741
    """Theory, section 4: the finite-size theorem's extreme case."""
    scenario = Elasticity.contained(E1, E2, E3, k)
    d, W = scenario.derivatives(l), k + 1 + l
    assert d.align == pytest.approx(1 / W, rel=1e-13)
    assert d.pretrain == pytest.approx((2 * l - 1) / (W * (k + 3 * l)), rel=1e-12, abs=1e-16 / W**2)
    assert d.perturb == pytest.approx(1 / W - 3 / (k + 3 * l), rel=1e-10)
    if l != 0.5:
        assert scenario.ratio(l) == pytest.approx(-(k + 3 * l) / (1 - 2 * l), rel=1e-11)
    assert scenario.turning_point() == pytest.approx(0.5, rel=1e-9)
    assert scenario.signs(l).pretrain == np.sign(2 * l - 1) or abs(2 * l - 1) / (k + 3 * l) < 1e-11
    code = scenario.code_lengths_nats(l)
    assert code.align == pytest.approx(math.log(W / (k / 3 + 1)), rel=1e-12, abs=1e-13)
    assert code.perturb == pytest.approx(math.log(W / (k / 3 + l)), rel=1e-12, abs=1e-13)


def averages(triple: Any, k: float, l: float) -> tuple[float, float, float]:  # noqa: E741
    """Both derivatives averaged over the six roles, and the size of what is averaged."""
    slopes = [Elasticity.contained(*roles, k).derivatives(l) for roles in itertools.permutations(triple)]
    size = max(abs(d.align) for d in slopes)
    return sum(d.align for d in slopes) / 6, sum(d.pretrain for d in slopes) / 6, size


@pytest.mark.claim("elasticity-finite-size", "elasticity-any-number", "elasticity-exchangeable")
@law
@given(aligned_distributions(3), ks, st.floats(0, 1e3))
def test_finite_size_theorem_for_alignment(triple: list[Any], k: float, l: float) -> None:  # noqa: E741
    """For any three distributions, averaged over the roles, ``dgamma_a/dl >= 0`` for every k > 0 and l >= 0."""
    align, _, size = averages(triple, k, l)
    assert align >= -1e-11 * size - 1e-30


@pytest.mark.claim("elasticity-finite-size", "elasticity-signs")
@law
@given(aligned_distributions(3), ks, st.floats(0, 0.5))
def test_finite_size_theorem_for_pre_training(triple: list[Any], k: float, l: float) -> None:  # noqa: E741
    """``dgamma_p/dl <= 0`` on average for every k > 0 and 0 <= l <= 1/2."""
    _, pretrain, size = averages(triple, k, l)
    assert pretrain <= 1e-11 * size / min(k, 1) + 1e-30


@pytest.mark.claim("elasticity-finite-size")
@pytest.mark.parametrize(("k", "l"), [(Fraction(1, 3), Fraction(1, 2)), (Fraction(5), Fraction(0))])
def test_finite_size_theorem_exactly(k: Fraction, l: Fraction) -> None:  # noqa: E741
    """In Fractions, on a grid of all triples with small masses: no rounding to hide behind."""
    rows = [[Fraction(a, 4), Fraction(b, 4), Fraction(4 - a - b, 4)] for a in range(5) for b in range(5 - a)]
    for triple in itertools.combinations(rows, 3):
        W, align, pretrain = k + 1 + l, Fraction(0), Fraction(0)
        for p1, p2, p3 in itertools.permutations(triple):
            for x, y, z in zip(p1, p2, p3, strict=True):
                if x + y + z:
                    q = (k / 3) * x + (k / 3 + 1) * y + (k / 3 + l) * z
                    align -= y * z / q
                    pretrain -= (x + y + z) / 3 * z / q
        assert align / 6 + 1 / W >= 0
        assert pretrain / 6 + 1 / W <= 0


@pytest.mark.claim("elasticity-finite-size-sharp")
def test_one_half_is_sharp() -> None:
    """Beyond l = 1/2 there are triples for which pre-training loses on average: disjoint ones."""
    for l in (0.500001, 0.6, 3.0):  # noqa: E741
        assert averages((E1, E2, E3), 10, l)[1] > 0
    assert abs(averages((E1, E2, E3), 10, 0.5)[1]) < 1e-16


@pytest.mark.claim("elasticity-any-number-equality")
def test_equality_for_equal_distributions() -> None:
    p = np.array([0.3, 0.3, 0.4])
    for k in (1, 1e6):
        d = Elasticity.contained(p, p, p, k).derivatives(0.3)
        assert values(d) == pytest.approx([0, 0, 0], abs=1e-30)
        assert values(Elasticity.contained(p, p, p, k).signs(0.3)) == [0, 0, 0]


@pytest.mark.claim("elasticity-paper")
@pytest.mark.parametrize(("alpha", "overlap"), [(1.5, 0.6825), (2.0, 0.84835), (2.5, 0.91252), (4.0, 0.97119)])
def test_pareto_triples_approach_the_closed_form(alpha: float, overlap: float) -> None:
    """``dgamma_a/dl -> (1 - o(alpha)) / k``, at finite M with the error that was seen between draws."""
    rng = np.random.default_rng(int(alpha * 10))
    k, runs = 1e9, []
    for _ in range(12):
        triple = [x / x.sum() for x in 1 + rng.pareto(alpha, (3, 100_000))]
        runs.append(Elasticity.contained(*triple, k).derivatives(0).align * k)
    error = np.std(runs, ddof=1) / math.sqrt(len(runs))
    bias = 0.05 if alpha < 2 else 0.002  # slow in M for alpha <= 1.5
    assert abs(np.mean(runs) - (1 - overlap)) < 5 * error + bias
    assert (np.array(runs) > 0).all()


# ---- where the theorem's signs turn round ----


@pytest.mark.claim("elasticity-separate-disjoint-fails")
@pytest.mark.parametrize(("k", "l"), [*itertools.product((1.0, 10.0, 1e9), (0.0, 1e-9, 0.3))])
def test_separate_disjoint_datasets_reverse_the_sign_of_pre_training(k: float, l: float) -> None:  # noqa: E741
    """Three unrelated datasets: both derivatives are 1/W, the ratio is +1; ``l dgamma_t/dl`` does not vanish."""
    scenario = Elasticity(E1, E2, E3, k)
    d, W = scenario.derivatives(l), k + 1 + l
    assert d.pretrain == pytest.approx(1 / W, rel=1e-13)
    assert d.align == pytest.approx(1 / W, rel=1e-13)
    assert scenario.ratio(l) == pytest.approx(1, rel=1e-13)
    assert values(scenario.signs(l))[:2] == [1, 1]
    assert d.perturb == (pytest.approx(-(k + 1) / (l * W), rel=1e-12) if l else -math.inf)
    assert scenario.turning_point() == 0  # gamma_p never falls


@pytest.mark.claim("elasticity-separate-iid-reversed")
@pytest.mark.parametrize("alpha", [1.2, 2.0, 5.0])
@pytest.mark.parametrize("k", [2.0, 10.0, 1e3])
def test_separate_iid_datasets_reverse_both_signs(alpha: float, k: float) -> None:
    """I.i.d. masses on shared leaves, no containment: ``dgamma_a/dl < 0 < dgamma_p/dl`` for k > 1, ratio still -k."""
    rng = np.random.default_rng(3)
    p, a, t = (x / x.sum() for x in 1 + rng.pareto(alpha, (3, 20_000)))
    align = [Elasticity(x, y, t, k).derivatives(0).align for x, y in ((p, a), (a, p))]
    pretrain = [Elasticity(x, y, t, k).derivatives(0).pretrain for x, y in ((p, a), (a, p))]
    assert sum(align) < 0 < sum(pretrain)
    assert Elasticity(p, a, t, k).ratio(0) == pytest.approx(-k, rel=1e-12)


def test_separate_reversal_exactly_and_where_k_turns_it() -> None:
    """Exact at finite M: summed over the exchangeable pair and all perturbations with uniform mean, k > 1 decides."""
    p, a = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])
    for k, sign in ((0.5, 1), (1.0, 0), (2.0, -1), (100.0, -1)):
        total = sum(Elasticity(x, y, t, k).derivatives(0).align for x, y in ((p, a), (a, p)) for t in (E1, E2, E3))
        assert (0 if abs(total) < 1e-15 else np.sign(total)) == sign


@pytest.mark.claim("elasticity-same-data-reversed")
@law
@given(aligned_distributions(2), ks, st.floats(0, 10))
def test_more_alignment_data_reverses_both_signs(pair: list[Any], k: float, l: float) -> None:  # noqa: E741
    """``p_t = p_a``: alignment gains and pre-training loses, whatever the data (unless all is one)."""
    p, a = pair
    d = Elasticity(p, a, a, k).derivatives(l)
    assert d.align <= 0 <= d.pretrain
    if np.abs(p - a).max() > 1e-3:
        assert d.align < 0 < d.pretrain


# ---- the turning point ----


@pytest.mark.claim("sign-turns-once")
@few
@given(aligned_distributions(3, zeros=False), st.floats(0.1, 1e6))
def test_turning_point(parts: list[Any], k: float) -> None:
    scenario = Elasticity.contained(*parts, k)
    assume(max(np.abs(x - y).max() for x, y in itertools.combinations(parts, 2)) > 1e-3)
    at = scenario.turning_point()
    if 0 < at < 1e6 * k:
        assert scenario.derivatives(at * 0.999).pretrain < 0 < scenario.derivatives(at * 1.001).pretrain
    elif at == 0:
        assert scenario.derivatives(1e-9 * k).pretrain >= 0
    codes = scenario.code_lengths_nats([at, at * 0.99, at * 1.01]).pretrain if 0 < at < 1e6 * k else [0]
    assert codes[0] <= min(codes) + 1e-12


def test_turning_point_never_reached() -> None:
    p, a = np.array([0.5, 0.5]), np.array([0.9, 0.1])
    assert Elasticity(p, a, p, 3.0).turning_point() == math.inf  # more of D_p itself: gamma_p falls for ever
    assert Elasticity(p, a, p, 1e9).turning_point() == math.inf
    assert Elasticity(p, a, a, 3.0).turning_point() == 0


# ---- inverse alignment ----


def brute_kl(scenario: Elasticity, l: float, direction: Direction) -> float:  # noqa: E741
    p, a, t = scenario.probabilities.tolist()
    with mpmath.workdps(80):
        p, a, t = ([mpmath.mpf(x) / mpmath.fsum(map(mpmath.mpf, v)) for x in v] for v in (p, a, t))
        k = mpmath.mpf(scenario.k)
        mixed = [(k * x + y + l * z) / (k + 1 + l) for x, y, z in zip(p, a, t, strict=True)]
        pairs = zip(*((mixed, p) if direction == "forward" else (p, mixed)), strict=True)
        return float(mpmath.fsum(x * mpmath.log(x / y) if y else mpmath.inf for x, y in pairs if x))


HALF = np.array([0.5, 0.5, 0.0])


@law
@given(
    aligned_distributions(3),
    st.booleans(),
    ks,
    ls0,
    directions,
)
def test_divergence_from_pre_training(parts: list[Any], contained: bool, k: float, l: float, direction: Any) -> None:  # noqa: E741
    scenario = (Elasticity.contained if contained else Elasticity)(*parts, k)
    expected = brute_kl(scenario, l, direction)
    got = scenario.kl_nats(l, direction)
    assert got == (math.inf if math.isinf(expected) else pytest.approx(expected, rel=1e-6, abs=1e-26))
    if direction == "reverse":
        assert math.isfinite(got)


@pytest.mark.claim("rebound-slows")
@law
@given(
    aligned_distributions(3),
    st.booleans(),
    st.floats(0.1, 1e9),
    st.floats(0, 1),
    directions,
)
@example([HALF, HALF, np.full(3, 1 / 3)], True, 6.0, 1 - 2.0**-53, "forward")  # as near to the start as floats are
def test_inverse_alignment_finds_the_smallest(
    parts: list[Any], contained: bool, k: float, fraction: float, direction: Any
) -> None:
    scenario = (Elasticity.contained if contained else Elasticity)(*parts, k)
    start = scenario.kl_nats(0, direction)
    least = scenario.inverse_alignment(0.0, direction).least_kl_nats
    assume(start > 1e-28)
    if math.isinf(start):
        found = scenario.inverse_alignment(1.0, direction)
        assert (found.reachable, found.l, found.least_kl_nats) == (False, None, math.inf)
        assert "the KL is infinite for every l" in str(found)
        return
    assert least <= start
    epsilon = least + fraction * (start - least)
    found = scenario.inverse_alignment(epsilon, direction)
    assert (found.start_kl_nats, found.least_kl_nats, found.epsilon) == (start, least, epsilon)
    if found.l is None:
        assert math.isinf(found.least_l) or epsilon < least
        return
    assert found.reachable
    assert found.kl_nats == scenario.kl_nats(found.l, direction)
    assert found.kl_nats <= epsilon * (1 + 1e-12) + 1e-30
    assert found.l <= found.least_l * (1 + 1e-9)
    # What a millionth of l changes must be more than what rounding does to the KL.
    if found.l > 0 and fraction > 1e-3 and start - epsilon > 1e-9 * start:
        assert scenario.kl_nats(found.l * (1 - 1e-6), direction) > epsilon  # just below it is too little
        grid = np.linspace(0, found.l * (1 - 1e-6), 7)
        assert all(scenario.kl_nats(float(x), direction) > epsilon for x in grid)


@few
@given(aligned_distributions(3, zeros=False), st.floats(0.1, 1e6), directions)
def test_the_least_divergence_is_the_least(parts: list[Any], k: float, direction: Any) -> None:
    scenario = Elasticity.contained(*parts, k)
    found = scenario.inverse_alignment(0.0, direction)
    at = min(found.least_l, 1e6 * k)
    others = [scenario.kl_nats(x, direction) for x in (0, at / 2, at * 0.99, at * 1.01, at * 2, 0.1 * k, k, 10 * k)]
    assert found.least_kl_nats <= min(others) * (1 + 1e-9) + 1e-30
    if not found.reachable:
        assert found.kl_nats == found.least_kl_nats
        assert str(found).startswith("not reachable: the ")


def test_inverse_alignment_by_hand() -> None:
    """Two leaves: p' = p exactly when the perturbation undoes the alignment, at l = 1 by symmetry."""
    p, a, t = [0.5, 0.5], [0.8, 0.2], [0.2, 0.8]
    for k, direction in itertools.product((1.0, 100.0, 1e9), ("forward", "reverse")):
        scenario = Elasticity(p, a, t, k)
        found = scenario.inverse_alignment(1e-6 * scenario.kl_nats(0), direction)  # type: ignore[arg-type]
        assert found.least_l == pytest.approx(1, rel=1e-9)
        assert found.least_kl_nats == pytest.approx(0, abs=1e-28)
        # KL is quadratic here: (1 - l)**2 of the start is left, up to order 1 / k
        assert found.l == pytest.approx(1 - 1e-3, abs=2e-3 if k == 1 else 1e-4)
    assert str(Elasticity(p, a, t, 1.0).inverse_alignment(0.01)).startswith("KL <= 0.01 nats from l = ")


def test_tolerances_at_the_ends() -> None:
    scenario = Elasticity.contained([0.6, 0.2, 0.2], [0.2, 0.6, 0.2], [0.2, 0.2, 0.6], 4)
    start = scenario.kl_nats(0)
    assert scenario.inverse_alignment(start).l == 0
    assert scenario.inverse_alignment(math.inf).l == 0
    nothing = scenario.inverse_alignment(0)
    assert (nothing.reachable, nothing.l) == (False, None)
    where = f"at l = {nothing.least_l:.6g}, above epsilon = 0"
    assert str(nothing) == f"not reachable: the least KL is {nothing.least_kl_nats:.6g} nats, {where}"
    at_best = scenario.inverse_alignment(nothing.least_kl_nats)
    assert at_best.reachable
    assert at_best.l == pytest.approx(nothing.least_l, rel=1e-6)


def test_a_limit_that_is_only_approached_is_not_reached() -> None:
    """More of D_p itself brings the model back only in the limit: epsilon = 0 has no l."""
    scenario = Elasticity([0.5, 0.5], [0.9, 0.1], [0.5, 0.5], 10)
    for direction in ("forward", "reverse"):
        found = scenario.inverse_alignment(0.0, direction)  # type: ignore[arg-type]
        assert (found.reachable, found.l, found.least_l) == (False, None, math.inf)
        assert "only tends to" in str(found)
        near = scenario.inverse_alignment(1e-12, direction)  # type: ignore[arg-type]
        assert near.reachable
        assert near.kl_nats == pytest.approx(1e-12, rel=1e-9)


def test_infinite_divergences() -> None:
    p, a, t = [0.5, 0.5, 0.0], [0.9, 0.1, 0.0], [0.1, 0.4, 0.5]
    scenario = Elasticity(p, a, t, 3)
    assert scenario.kl_nats(0.1) == math.inf  # the perturbation has a leaf that pre-training lacks
    assert math.isfinite(scenario.kl_nats(0))
    found = scenario.inverse_alignment(1e-6)
    assert (found.reachable, found.least_l, found.least_kl_nats) == (False, 0.0, scenario.kl_nats(0))
    back = scenario.inverse_alignment(0.9 * scenario.kl_nats(0, "reverse"), "reverse")
    assert math.isfinite(back.least_kl_nats)


# ---- sources and bad input ----


def test_datasets_and_trees() -> None:
    data = [Dataset.from_texts([text]) for text in ("to be or not", "to be", "or not")]
    trees = [TokenTree.build(d, 2) for d in data]
    a = Elasticity(*data, 5, depth=2)
    b = Elasticity(*trees, 5)
    assert values(a.derivatives(0.1)) == values(b.derivatives(0.1))
    c = Elasticity.contained(*data, 5, depth=2)
    q = Elasticity.contained(*trees, 5)
    assert np.array_equal(q.probabilities, c.probabilities)


@given(aligned_distributions(3))
def test_contained_is_the_mean_of_its_parts(parts: list[Any]) -> None:
    scenario = Elasticity.contained(*parts, 2)
    assert scenario.probabilities[0] == pytest.approx(np.mean(parts, axis=0), rel=1e-15)
    assert np.array_equal(scenario.probabilities[1:], parts[1:])
    separate = Elasticity(np.mean(parts, axis=0), parts[1], parts[2], 2)
    assert values(separate.derivatives(0.3)) == pytest.approx(values(scenario.derivatives(0.3)), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("k", [0, -1, math.nan, math.inf, "8", None, True, [8]])
def test_bad_k(k: Any) -> None:
    for make in (Elasticity, Elasticity.contained):
        with pytest.raises(InvalidVolume) as caught:
            make(E1, E2, E3, k)
        assert f"k = |D_p| / |D_a| is a positive number, not {k!r}" in str(caught.value)
    if k not in (None, True, [8]):
        with pytest.raises(InvalidVolume, match="is a positive number, or a one-dimensional array of such"):
            Elasticity(E1, E2, E3, 1).curve([0.1], [2.0, k])


@pytest.mark.parametrize("l", [-1e-9, math.nan, math.inf, "0.1", None, 1j, [], [[0.1]], [0.1, -1], [0.1, None], ["a"]])
def test_bad_l(l: Any) -> None:  # noqa: E741
    scenario = Elasticity.contained(E1, E2, E3, 8)
    names = ("derivatives", "code_lengths_nats", "overlaps", "signs", "ratio", "second_derivatives", "curve")
    for name in (*names, "conservation_residual"):
        with pytest.raises(InvalidVolume) as caught:
            getattr(scenario, name)(l)
        assert "l = |D_t| / |D_a| is a number, 0 or more" in str(caught.value)
        assert repr(l) in str(caught.value)
    with pytest.raises(InvalidVolume, match="is one number here, 0 or more"):
        scenario.kl_nats(l)


def test_other_bad_input() -> None:
    scenario = Elasticity.contained(E1, E2, E3, 8)
    for epsilon in (-1e-9, math.nan, "1", None):
        with pytest.raises(InvalidParameter) as caught:
            scenario.inverse_alignment(epsilon)  # type: ignore[arg-type]
        assert str(caught.value) == f"epsilon is a divergence in nats, 0 or more: not {epsilon!r}"
    for call in (scenario.inverse_alignment, scenario.kl_nats, scenario.forces):
        with pytest.raises(
            InvalidParameter, match="unknown direction 'forwards' of the divergence: did you mean 'forward'"
        ):
            call(0.1, "forwards")  # type: ignore[arg-type]
    with pytest.raises(InvalidVolume, match="a force of the perturbation needs some of it: give l above 0"):
        scenario.forces(0)
    with pytest.raises(InvalidVolume, match="one-dimensional array of such: not \\[\\]"):
        scenario.curve([0.1], [])
    with pytest.raises(InvalidDistribution, match="perturb sum to 2, not 1"):
        Elasticity(E1, E2, 2 * E3, 1)
    with pytest.raises(InvalidDistribution, match="p2 must not be negative"):
        Elasticity.contained(E1, -E2, E3, 1)
    with pytest.raises(MismatchedLeaves, match="pretrain has 3 leaves and align has 2"):
        Elasticity(E1, [0.5, 0.5], E3, 1)
    with pytest.raises(InvalidParameter, match="give depth="):
        Elasticity(*[Dataset.from_texts(["a"])] * 3, 1)


@pytest.mark.parametrize("tiny", [1e-300, 1e-308, 1e-320])
def test_tiny_masses(tiny: float) -> None:
    rows = [[tiny, 1.0], [tiny, 1.0], [0.5, 0.5]]
    d = Elasticity(*rows, 1.0).derivatives([0.0, 0.1])
    exact = [exact_slopes(rows, 1.0, x)[:2] for x in (0.0, 0.1)]
    assert pytest.approx(np.array(exact), rel=1e-9, abs=1e-290) == np.array([d.pretrain, d.align]).T
    rows = [[tiny, 1.0], [1.0, tiny], [0.5, 0.5]]
    assert values(Elasticity(*rows, 2.0).derivatives(0.5)) == pytest.approx(exact_slopes(rows, 2.0, 0.5), rel=1e-12)


def test_single_precision_and_a_single_leaf() -> None:
    rng = np.random.default_rng(0)
    rows = [rng.dirichlet(np.ones(50)).astype(np.float32) for _ in range(3)]
    double = [row.astype(float) / row.astype(float).sum() for row in rows]
    expected = values(Elasticity(*double, 10).derivatives(0.2))
    assert values(Elasticity(*rows, 10).derivatives(0.2)) == pytest.approx(expected, rel=1e-4)
    one = Elasticity([1.0], [1.0], [1.0], 3)
    assert values(one.derivatives([0, 1])) == pytest.approx(np.zeros((3, 2)))
    assert one.inverse_alignment(0).l == 0
    off = [r * (1 + 1e-9) for r in (E1, E2, E3)]  # a sum that is off by what is let through
    assert values(Elasticity.contained(*off, 8).derivatives(0.1)) == pytest.approx(
        values(Elasticity.contained(E1, E2, E3, 8).derivatives(0.1)), rel=1e-7
    )
    assert Elasticity.contained(*off, 8).conservation_residual(0.1) < 1e-12
