"""Proof and code speak of the same thing: facts at random rationals, and beside the numeric library."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy as sp
from scipy import integrate

from compresslab.coding.rows.quantize import PRECISION, quantize
from compresslab.theory.code_length import cross_entropy_bits, entropy_bits, huffman_code_length_bits, kl_bits
from compresslab.theory.effective_depth import layer_entropies_bits
from compresslab.theory.effective_volumes import effective_volumes
from compresslab.theory.elasticity import Elasticity
from compresslab.theory.mixture import Mixture
from compresslab.theory.pareto import pareto_normalized_entropy_nats, pareto_overlap
from compresslab.theory.rate import normalized_rate
from proofs import models
from proofs import vocabulary as v
from proofs.exact import evaluate, everywhere, exact_sign, huffman_length, ill_typed
from proofs.expressions import Lim
from proofs.facts import Fact
from proofs.registry import all_claims
from proofs.theorems import code_length, elasticity_any_number, elasticity_fixed, hooke, pareto, rebound
from proofs.theorems import elasticity_ratio as roles
from proofs.theorems import elasticity_three as three
from tests.proofs.durations import by_length

CLAIMS = all_claims()


def holds(fact: Fact, values: models.Values) -> bool:
    for local in everywhere(fact, values):
        gap = evaluate(fact.gap, local)
        if not gap.has(sp.log):
            sign = exact_sign(gap)
        else:  # rationals beside logarithms: 40 digits
            number = sp.N(gap, 40)
            sign = 0 if abs(number) < 1e-30 else int(sp.sign(number))
        if not (sign == 0 if fact.relation == "=" else sign > 0 if fact.strict else sign >= 0):
            return False
    return True


SLOW = {"elasticity-rebound-slows", "elasticity-exchangeable"}
LONGEST = {"elasticity-any-number", "elasticity-paper", "elasticity-finite-size", "elasticity-separate-iid-reversed"}


@pytest.mark.parametrize("name", by_length(models.MODELS, SLOW | LONGEST))
def test_every_goal_holds_at_random_rationals_that_satisfy_the_premises(name: str) -> None:
    claim, rng = CLAIMS[name], random.Random(name)
    cases = {a.name: a.fact for a in claim.assumptions if a.case}
    # what a limit is squeezed between are goals of their own
    left = {n for n, goal in enumerate(claim.goals) if not isinstance(goal.fact.left, Lim)}
    for draw in range(60):
        if draw >= 4 and not left:
            break
        values = models.MODELS[name](rng)
        if name != "normalization-units":  # rates of logarithms: exact, and no rationals
            assert not ill_typed(values)
        for item in (*claim.assumptions, *claim.definitions):
            if not getattr(item, "case", False):
                assert holds(item.fact, values), item.name
        for number, goal in enumerate(claim.goals):
            if not isinstance(goal.fact.left, Lim) and all(holds(cases[g], values) for g in goal.given):
                left.discard(number)
                assert holds(goal.fact, values), goal.words
    assert not left, "no values met the case of these goals"


def test_every_claim_has_a_model_or_a_reason_why_not() -> None:
    have = {name for name, claim in CLAIMS.items() if models.has_model(claim)}
    assert have | set(models.WITHOUT) == set(CLAIMS)
    assert not have & set(models.WITHOUT)


@pytest.mark.parametrize("name", by_length(models.MODELS, SLOW))
def test_a_goal_with_its_sign_flipped_fails_somewhere(name: str) -> None:
    """The evaluation can fail: it is no rubber stamp."""
    claim, rng = CLAIMS[name], random.Random(name)
    goal = claim.goals[0]
    wrong = Fact(goal.fact.left, goal.fact.relation, goal.fact.right + (1 if goal.fact.relation != "<=" else -1))
    assert not all(holds(wrong, models.MODELS[name](rng)) for _ in range(40))


def fractions(values: Any) -> list[Fraction]:
    return [Fraction(int(x.p), int(x.q)) for x in values]


def mixture_of(values: models.Values, label: Any = v.p.label) -> Mixture:
    names = [f"d{n}" for n in range(int(values[v.N]))]
    rows = [fractions(row) for row in values[label]]
    return Mixture(dict(zip(names, rows, strict=True)), dict(zip(names, fractions(values[v.n.label]), strict=True)))


def test_mixture_agrees_with_the_derivatives_exactly() -> None:
    rng = random.Random(1)
    for _ in range(10):
        values = models.mixture(rng)
        i, t = int(values[v.i]) - 1, int(values[v.t]) - 1
        mixture = mixture_of(values)
        assert sp.Rational(mixture.jacobian_nats()[i, t]) == evaluate(v.slope(v.i, v.t), values)
        assert sp.Rational(mixture.second_derivatives_nats()[i, t]) == evaluate(rebound.BEND, values)
        force = evaluate(v.n[v.i] * v.slope(v.i, v.t), values)
        assert sp.Rational(mixture.forces()[i, t]) == force
        value = float(evaluate(v.code_length(v.i, sp.Integer(0), v.t), values))
        assert mixture.code_lengths_nats()[i] == pytest.approx(value, rel=1e-12)


def test_integer_weights_are_those_of_the_coder_and_cost_what_the_bound_allows() -> None:
    """Rows of dyadic masses, so that the coder's floats are exact: the theorem's weights, to the last part."""
    rng = random.Random(3)
    for size in (2, 5, 64, 300):
        counts = [0, *(rng.randint(0, 2**20) for _ in range(size - 2))]
        row = [Fraction(c, 2**30) for c in counts]
        row.append(1 - sum(row))
        parts = 2**PRECISION - size
        whole = [parts * mass // 1 for mass in row]
        wanted = [1 + a for a in whole]
        wanted[0] += parts - sum(whole)
        assert quantize(np.array([[float(mass) for mass in row]])).tolist() == [wanted]
        bound = -math.log2(1 - size / 2**PRECISION)
        for mass, weight in zip(row, wanted, strict=True):
            if mass:
                assert -math.log2(weight / 2**PRECISION) + math.log2(mass) < bound
    last = quantize(np.array([[0.0] * 63 + [1.0]]))[0, -1]  # the bound is nearly reached
    assert 0.98 * -math.log2(1 - 64 / 2**PRECISION) < -math.log2(last / 2**PRECISION)


def test_reverse_forces_agree() -> None:
    rng = random.Random(2)
    for _ in range(10):
        values = models.positive_mixture(rng)
        i, t = int(values[v.i]) - 1, int(values[v.t]) - 1
        force = float(evaluate(v.n[v.i] * hooke.reverse_value(v.i), values))
        assert mixture_of(values, hooke.pp.label).forces("reverse")[i, t] == pytest.approx(force, abs=1e-12)


def test_the_reverse_counterexample_is_one_for_the_library_too() -> None:
    mixture = Mixture({"a": [0.5, 0.5], "b": [0.25, 0.75]}, {"a": 1, "b": 1})
    assert mixture.forces("reverse")[:, 1].sum() == pytest.approx(math.log(25 / 27) / 16, rel=1e-12)
    assert mixture.forces("forward")[:, 1].sum() == pytest.approx(0, abs=1e-15)


def test_elasticity_agrees_with_the_role_derivatives() -> None:
    rng = random.Random(3)
    for _ in range(10):
        values = models.three_roles(rng)
        k, l = float(values[roles.k]), float(values[roles.l])  # noqa: E741
        arrays = [[float(x) for x in values[a.label]] for a in (roles.pre, roles.ali, roles.per)]
        slope = Elasticity(*arrays, k).derivatives(l)
        for got, own in zip((slope.pretrain, slope.align), (roles.SLOPE_P, roles.SLOPE_A), strict=True):
            assert got == pytest.approx(float(evaluate(own, values)), abs=1e-12)


@pytest.mark.slow
def test_contained_elasticity_agrees_and_so_do_second_derivatives() -> None:
    rng = random.Random(4)
    for _ in range(10):
        values = models.contained_three(rng)
        k, l = float(values[three.k]), float(values[three.l])  # noqa: E741
        scenario = Elasticity.contained(*([float(x) for x in values[a.label]] for a in three.P), k)
        first, second = scenario.derivatives(l), scenario.second_derivatives(l)
        assert first.pretrain == pytest.approx(float(evaluate(three.before(three.P), values)), abs=1e-12)
        assert first.align == pytest.approx(float(evaluate(three.align(three.P), values)), abs=1e-12)
        assert second.pretrain == pytest.approx(float(evaluate(three.before(three.P, 2), values)), abs=1e-12)
        assert second.align == pytest.approx(float(evaluate(three.align(three.P, 2), values)), abs=1e-12)


def test_the_turning_point_respects_the_proved_bound() -> None:
    rng = random.Random(5)
    seen = 0
    for _ in range(60):
        values = models.covered_roles(rng)
        pre, ali, per = ([float(x) for x in values[a.label]] for a in (elasticity_fixed.ppos, roles.ali, roles.per))
        o_at, o_tt = float(values[elasticity_fixed.o_at]), float(values[elasticity_fixed.o_tt])
        if o_at < 1 and o_tt > 1 + 1e-9:
            seen += 1
            assert Elasticity(pre, ali, per, float(values[roles.k])).turning_point() >= (1 - o_at) / (o_tt - 1) - 1e-7
    assert seen > 10
    for n in (2, 3, 4, 5):  # n disjoint parts: the bound is attained
        eye = np.eye(n)
        assert Elasticity(np.full(n, 1 / n), eye[0], eye[1], 7).turning_point() == pytest.approx(1 / (n - 1), abs=1e-7)


def test_diversity_bounds_the_library_s_averages() -> None:
    rng = np.random.default_rng(6)
    for n in (2, 3, 5):
        p, k = rng.dirichlet(np.full(6, 0.3), size=n), 10.0
        mean, l = p.mean(axis=0), 0.5 / (n - 1)  # noqa: E741
        W, X = k + 1 + l, float(((p - mean) ** 2 / mean).sum())
        pairs = [Elasticity(mean, p[a], p[b], k).derivatives(l) for a in range(n) for b in range(n) if a != b]
        assert sum(slope.align for slope in pairs) >= k * X / W**2
        assert sum(slope.pretrain for slope in pairs) <= -(1 - (n - 1) * l) * X / W**2
    assert elasticity_any_number.any_number.id == "elasticity-any-number"


def test_code_lengths_agree() -> None:
    rng = random.Random(7)
    for _ in range(20):
        p = models.distribution(rng, rng.randint(2, 7), 1)
        exact = huffman_length([models.rational(x) for x in p])
        assert huffman_code_length_bits(p) == pytest.approx(float(exact), rel=1e-12)
        assert entropy_bits(p) <= float(exact) + 1e-12 < entropy_bits(p) + 1
    p = [Fraction(8, 10), Fraction(1, 10), Fraction(1, 10)]
    assert huffman_code_length_bits(p) == pytest.approx(1.2)
    assert math.ceil(entropy_bits(p)) == 1
    assert dict(code_length.SKEWED) == dict(zip(code_length.three, map(models.rational, p), strict=True))


def test_normalised_rates_agree_with_the_identity_and_the_bounds() -> None:
    rng = random.Random(8)
    for _ in range(20):
        p, rest = (models.distribution(rng, 4, 1) for _ in range(2))
        w = Fraction(rng.randint(1, 9), 10)
        mix = [w * a + (1 - w) * b for a, b in zip(p, rest, strict=True)]
        uniform = [Fraction(1, 4)] * 4
        rate = cross_entropy_bits(p, mix) - 2
        assert rate == pytest.approx(kl_bits(p, mix) - kl_bits(p, uniform), abs=1e-12)
        assert float(normalized_rate(p, mix)) == pytest.approx(rate, abs=1e-12)
        assert -2 <= rate <= math.log2(1 / w) + 1e-12


def test_pareto_closed_forms_agree() -> None:
    beta = sp.Symbol("beta", positive=True)
    for alpha in (1.5, 2.0, 2.5, 4.0):
        value = float(pareto.VALUE.subs({beta: sp.Rational(alpha) - 1}))
        assert pareto_normalized_entropy_nats(alpha) == pytest.approx(value, rel=1e-12)

        def integrand(s: float, alpha: float = alpha) -> float:
            phi, slope = (alpha * _exponential(n, s) for n in (alpha + 1, alpha))
            return phi * slope**2

        total = integrate.quad(integrand, 0, np.inf, epsabs=1e-11, limit=400)[0]
        assert pareto_overlap(alpha) == pytest.approx(3 * total * (alpha - 1) / alpha, rel=1e-6)
        assert pareto_overlap(alpha) < 1


def _exponential(n: float, s: float) -> float:
    """``E_n(s) = s^(n-1) Gamma(1-n, s)``, by its defining integral."""
    return integrate.quad(lambda t: math.exp(-s * t) * t**-n, 1, np.inf, epsabs=1e-13)[0]


def test_effective_volumes_meet_the_optimality_condition() -> None:
    rng = np.random.default_rng(9)
    p, q = rng.dirichlet(np.ones(5), size=3), rng.dirichlet(np.ones(5))
    found = effective_volumes(dict(zip("abc", p, strict=True)), q, bootstrap=0)
    scores = p @ (q / (found.weights @ p))
    assert scores.max() <= 1 + 1e-8
    best = float(q @ np.log(found.weights @ p))
    for rival in rng.dirichlet(np.ones(3), size=200):
        assert float(q @ np.log(rival @ p)) <= best + 1e-9


def test_layer_entropies_sum_to_the_entropy_of_the_leaves() -> None:
    from compresslab import Dataset
    from compresslab.trees.tree import TokenTree

    tree = TokenTree.build(Dataset.from_texts(["abca", "abab", "b", "cab", ""]), depth=3)
    assert layer_entropies_bits(tree).sum() == pytest.approx(entropy_bits(tree.leaves()), rel=1e-12)


def test_pruning_and_union_commute_in_the_library() -> None:
    from compresslab import Dataset
    from compresslab.trees.tree import TokenTree

    parts = [Dataset.from_texts(["abca", "ab"]), Dataset.from_texts(["b", "cab", "abab"])]
    whole = Dataset.from_texts(["abca", "ab", "b", "cab", "abab"])
    trees = [TokenTree.build(part, depth=3) for part in parts]
    merged = trees[0].merge(trees[1]).prune(2).leaves()
    at_once = TokenTree.build(whole, depth=3).prune(2).leaves()
    assert np.array_equal(merged.keys, at_once.keys)
    assert np.array_equal(merged.probabilities, at_once.probabilities)


def test_the_ratio_need_not_tend_to_minus_k_where_both_slopes_vanish() -> None:
    """What the finding of elasticity-ratio-limit says, in exact fractions."""
    F = Fraction
    k, pre, ali = 10, (F(1, 2), F(1, 4), F(1, 4)), (F(1, 4), F(1, 2), F(1, 4))
    per = (F(1, 3), F(4, 21), F(10, 21))

    def slope(own: tuple[Fraction, ...], l: Fraction) -> Fraction:  # noqa: E741
        shares = (u * t / (k * p + a + l * t) for u, p, a, t in zip(own, pre, ali, per, strict=True))
        return 1 / (k + 1 + l) - sum(shares)

    assert slope(pre, F(0)) == slope(ali, F(0)) == 0
    for l in (F(1, 10), F(1, 10**6)):  # noqa: E741
        assert slope(pre, l) != 0
        assert slope(ali, l) == slope(pre, l)
