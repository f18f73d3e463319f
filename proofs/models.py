"""Random exact models of the premises: they show that the premises can be met, and facts are evaluated at them.

A model gives every symbol of a claim's premises, definitions and goals a value of its type. A refutation is its own
model: its counterexample is shown to meet every premise.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import sympy as sp

from . import vocabulary as v
from .facts import Claim
from .theorems import code_length, coding, effective, hooke, open_questions, rate, rebound, trees
from .theorems import elasticity_any_number as many
from .theorems import elasticity_bend as bend
from .theorems import elasticity_fixed as fixed
from .theorems import elasticity_paper as paper
from .theorems import elasticity_ratio as roles
from .theorems import elasticity_separate as separate
from .theorems import elasticity_three as three

__all__ = ["MODELS", "WITHOUT", "has_model"]

Values = dict[Any, Any]


def rational(x: Fraction) -> sp.Rational:
    return sp.Rational(x.numerator, x.denominator)


def array(x: Any) -> Any:
    return tuple(array(part) for part in x) if isinstance(x, list | tuple) else rational(Fraction(x))


def distribution(rng: random.Random, size: int, low: int) -> list[Fraction]:
    while True:
        weights = [rng.randint(low, 6) for _ in range(size)]
        if sum(weights):
            return [Fraction(w, sum(weights)) for w in weights]


def distributions(rng: random.Random, rows: int, size: int, low: int = 0) -> list[list[Fraction]]:
    """Distributions that leave no leaf without mass."""
    while True:
        p = [distribution(rng, size, low) for _ in range(rows)]
        if all(any(row[j] for row in p) for j in range(size)):
            return p


def mixture(rng: random.Random, p_label: Any = v.p.label, low: int = 0) -> Values:
    rows, size = rng.randint(2, 3), rng.randint(2, 4)
    p, n = distributions(rng, rows, size, low), [Fraction(rng.randint(1, 9), rng.randint(1, 4)) for _ in range(rows)]
    return {
        v.N: sp.Integer(rows),
        v.M: sp.Integer(size),
        p_label: array(p),
        v.n.label: array(n),
        v.Q.label: array([sum(n[s] * p[s][j] for s in range(rows)) for j in range(size)]),
        v.W: rational(sum(n, Fraction(0))),
        v.i: sp.Integer(rng.randint(1, rows)),
        v.t: sp.Integer(rng.randint(1, rows)),
        hooke.own.label: array([Fraction(rng.randint(0, 5), 3) for _ in range(rows)]),
    }


def volumes(rng: random.Random, most: Fraction | None = None) -> tuple[Fraction, Fraction]:
    k, l = Fraction(rng.randint(1, 30), rng.randint(1, 3)), Fraction(rng.randint(0, 12), rng.randint(1, 12))  # noqa: E741
    return k, l if most is None else min(l, most)


def three_roles(rng: random.Random) -> Values:
    size = rng.randint(2, 4)
    p, (k, l) = distributions(rng, 3, size), volumes(rng)  # noqa: E741
    arrays = dict(zip((roles.pre.label, roles.ali.label, roles.per.label), map(array, p), strict=True))
    return {v.M: sp.Integer(size), roles.k: rational(k), roles.l: rational(l), **arrays}


def two_roles(rng: random.Random) -> Values:
    size = rng.randint(2, 4)
    p, (k, l) = distributions(rng, 2, size), volumes(rng)  # noqa: E741
    arrays = dict(zip((roles.pre.label, roles.ali.label), map(array, p), strict=True))
    return {v.M: sp.Integer(size), roles.k: rational(k), roles.l: rational(l), **arrays}


def covered_roles(rng: random.Random) -> Values:
    size = rng.randint(2, 4)
    (pre,), (k, l) = distributions(rng, 1, size, 1), volumes(rng)  # noqa: E741
    ali, per = distribution(rng, size, 0), distribution(rng, size, 0)
    return {
        v.M: sp.Integer(size),
        roles.k: rational(k),
        roles.l: rational(l),
        fixed.ppos.label: array(pre),
        roles.ali.label: array(ali),
        roles.per.label: array(per),
        fixed.o_at: rational(sum((a * t / p for a, t, p in zip(ali, per, pre, strict=True)), Fraction(0))),
        fixed.o_tt: rational(sum((t * t / p for t, p in zip(per, pre, strict=True)), Fraction(0))),
    }


def contained_three(rng: random.Random) -> Values:
    size = rng.randint(2, 4)
    p, (k, l) = distributions(rng, 3, size), volumes(rng, Fraction(1, 2))  # noqa: E741
    arrays = dict(zip((x.label for x in three.P), map(array, p), strict=True))
    return {v.M: sp.Integer(size), three.k: rational(k), three.l: rational(l), **arrays}


def contained_many(rng: random.Random) -> Values:
    rows, size = rng.randint(2, 4), rng.randint(2, 3)
    p, (k, l) = distributions(rng, rows, size), volumes(rng, Fraction(1, rows - 1))  # noqa: E741
    return {
        v.N: sp.Integer(rows),
        v.M: sp.Integer(size),
        v.p.label: array(p),
        many.m.label: array([sum(row[j] for row in p) / rows for j in range(size)]),
        many.k: rational(k),
        many.l: rational(l),
    }


def perhaps_alike(rng: random.Random) -> Values:
    """Some mixtures of datasets that are all the same: what moves no rate."""
    if rng.random() < 0.5:
        return mixture(rng)
    values = mixture(rng, low=1)
    (own, *_), total = values[v.p.label], values[v.W]
    return {**values, v.p.label: (own,) * int(values[v.N]), v.Q.label: tuple(total * x for x in own)}


def positive_mixture(rng: random.Random) -> Values:
    return mixture(rng, hooke.pp.label, 1)


def weights(rng: random.Random) -> Values:
    """Whole parts, what is left over, and the weights, as `compresslab.coding.rows.quantize` defines them."""
    size, parts = rng.randint(2, 5), rng.randint(1, 60)
    q = distribution(rng, size, 0)
    whole = [parts * mass // 1 for mass in q]
    first, coded = rng.randint(1, size), rng.choice([z for z in range(1, size + 1) if q[z - 1]])
    rest = parts - sum(whole)
    return {
        coding.A: sp.Integer(size),
        coding.f: sp.Integer(parts),
        coding.q.label: array(q),
        coding.a.label: array(whole),
        coding.R: sp.Integer(rest),
        coding.w.label: array([1 + a + rest * (z == first) for z, a in enumerate(whole, 1)]),
        coding.first: sp.Integer(first),
        coding.coded: sp.Integer(coded),
        coding.m: rational(q[coded - 1]),
    }


def part(rng: random.Random, low: int = 1) -> Fraction:
    return Fraction(rng.randint(low, 12), rng.randint(1, 5))


def tree(rng: random.Random) -> Values:
    """Counts of phrases in two datasets; each phrase falls on one leaf, each leaf has one leaf above it."""
    sets, phrases, leaves, above = 2, rng.randint(2, 4), rng.randint(2, 3), 2
    count = [[rng.randint(0, 3) for _ in range(phrases - 1)] + [rng.randint(1, 3)] for _ in range(sets)]
    falls = [[int(v_ == leaf) for v_ in range(leaves)] for leaf in (rng.randrange(leaves) for _ in range(phrases))]
    over = [[int(u == upper) for u in range(above)] for upper in (rng.randrange(above) for _ in range(leaves))]
    volume = [sum(row) for row in count]
    weight = [
        [Fraction(sum(c * f[leaf] for c, f in zip(row, falls, strict=True)), n) for leaf in range(leaves)]
        for row, n in zip(count, volume, strict=True)
    ]
    return {
        v.N: sp.Integer(sets), trees.K: sp.Integer(phrases), trees.D: sp.Integer(leaves), trees.E: sp.Integer(above),
        trees.count.label: array(count), trees.falls.label: array(falls), trees.prefix.label: array(over),
        trees.volume.label: array(volume), trees.weight.label: array(weight), trees.W: sp.Integer(sum(volume)),
    }  # fmt: skip


def dyadic_code(rng: random.Random) -> Values:
    """Masses that are powers of two, for which every length is whole."""
    lengths = rng.choice(([1, 1], [1, 2, 2], [2, 1, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4, 4]))
    mass = [Fraction(1, 2**n) for n in lengths]
    entropy = sum((m * n for m, n in zip(mass, lengths, strict=True)), Fraction(0))
    return {
        v.M: sp.Integer(len(lengths)), code_length.p.label: array(mass), code_length.h.label: array(lengths),
        code_length.c.label: array(lengths), code_length.H: rational(entropy), code_length.L: rational(entropy),
        code_length.R: sp.Integer(-(-entropy // 1)), code_length.n: sp.Integer(rng.randint(1, 9)),
    }  # fmt: skip


def rates(rng: random.Random) -> Values:
    size, w = rng.randint(2, 4), Fraction(rng.randint(1, 9), 10)
    p, rest = distribution(rng, size, 1), distribution(rng, size, 0)
    mix = [w * a + (1 - w) * b for a, b in zip(p, rest, strict=True)]
    return {
        v.M: sp.Integer(size), rate.w: rational(w), rate.p.label: array(p), rate.mix.label: array(mix),
        rate.other.label: array([(1 - w) * b for b in rest]),
    }  # fmt: skip


def units(rng: random.Random) -> Values:
    leaves, depth, symbols = rng.randint(2, 5), rng.randint(1, 2), rng.randint(2, 3)
    values = {
        v.M: sp.Integer(leaves), rate.d: sp.Integer(depth), rate.V: sp.Integer(symbols),
        rate.r: rational(part(rng)), rate.C: rational(part(rng)), rate.W: rational(part(rng)),
        rate.Q.label: array([part(rng) for _ in range(leaves)]), rate.u.label: array(distribution(rng, leaves, 0)),
        rate.q.label: array(distribution(rng, leaves, 0)),
    }  # fmt: skip
    values |= {rate.rescaled: values[rate.d] / values[rate.r]}
    if rng.random() < 0.5:  # a uniform source
        values |= {v.M: sp.Integer(symbols**depth), rate.C: depth * sp.log(symbols)}
        values |= {x.label: array(distribution(rng, symbols**depth, 1)) for x in (rate.Q, rate.u, rate.q)}
    return {**values, **{d.fact.left: d.fact.right.subs(values) for d in rate.units.definitions}}


def turns(rng: random.Random) -> Values:
    size, delta = rng.randint(2, 4), part(rng, 0)
    u, w, base = distribution(rng, size, 0), [part(rng, 0) for _ in range(size)], [part(rng) for _ in range(size)]
    early = sum((a * b / c for a, b, c in zip(u, w, base, strict=True)), Fraction(0))
    late = sum((a * b / (c + delta * b) for a, b, c in zip(u, w, base, strict=True)), Fraction(0))
    volume = part(rng) if not early or rng.random() < 0.3 else 1 / (early + part(rng, 0))
    return {
        v.M: sp.Integer(size), rebound.u.label: array(u), rebound.v.label: array(w), rebound.base.label: array(base),
        rebound.delta: rational(delta), rebound.V: rational(volume), rebound.early: rational(early),
        rebound.late: rational(late),
    }  # fmt: skip


def covered(rng: random.Random) -> Values:
    values = three_roles(rng)
    base = [values[roles.k] * a + b for a, b in zip(values[roles.pre.label], values[roles.ali.label], strict=True)]
    if not all(base):
        return covered(rng)
    return {**values, roles.cap: max(t / b for t, b in zip(values[roles.per.label], base, strict=True)) + 1}


def disjoint_three(rng: random.Random) -> Values:
    p, (k, l) = distributions(rng, 2, 2), volumes(rng)  # noqa: E741
    rows = [[*p[0], 0, 0], [*p[1], 0, 0], [0, 0, *distribution(rng, 2, 1)]]
    arrays = dict(zip((x.label for x in three.P), map(array, rows), strict=True))
    return {v.M: sp.Integer(4), three.k: rational(k), three.l: rational(l), **arrays}


def only_volumes(rng: random.Random) -> Values:
    k, l = volumes(rng)  # noqa: E741
    return {three.k: rational(k), three.l: rational(l)}


def exchangeable(rng: random.Random) -> Values:
    """One triple of distributions in its six orders, each as likely."""
    import itertools

    values = contained_three(rng)
    rows = [values[x.label] for x in three.P]
    orders = list(itertools.permutations(rows))
    arrays = {x.label: tuple(order[n] for order in orders) for n, x in enumerate(paper.X)}
    return {**values, **arrays, paper.OMEGA: sp.Integer(6), paper.weight.label: array([Fraction(1, 6)] * 6)}


def alike(rng: random.Random) -> Values:
    """All datasets alike: every case of the premises is met."""
    values, row = contained_many(rng), None
    row = array(distribution(rng, int(values[v.M]), 1))
    l = values[many.l] / 2  # noqa: E741
    return {**values, v.p.label: (row,) * int(values[v.N]), many.m.label: row, many.l: l}


def disjoint_many(rng: random.Random) -> Values:
    n, (k, l) = rng.randint(2, 3), volumes(rng)  # noqa: E741
    rows = [[Fraction(0)] * 2 * s + distribution(rng, 2, 1) + [Fraction(0)] * 2 * (n - 1 - s) for s in range(n)]
    one, two = rng.sample(range(1, n + 1), 2)
    return {
        v.N: sp.Integer(n), v.M: sp.Integer(2 * n), v.p.label: array(rows), many.k: rational(k), many.l: rational(l),
        many.m.label: array([sum(row[j] for row in rows) / n for j in range(2 * n)]),
        bend.first: sp.Integer(one), bend.second: sp.Integer(two),
    }  # fmt: skip


def independent(rng: random.Random) -> Values:
    """A pair of distributions in both orders, and, independent of it, one distribution in all its rotations."""
    size = rng.randint(2, 3)
    x, y, z = distribution(rng, size, 1), distribution(rng, size, 1), distribution(rng, size, 0)
    outcomes = [(a, b, z[n:] + z[:n]) for a, b in ((x, y), (y, x)) for n in range(size)]
    arrays = {a.label: array([o[n] for o in outcomes]) for n, a in enumerate((separate.x, separate.y, separate.z))}
    weight = array([Fraction(1, 2 * size)] * (2 * size))
    return {
        v.M: sp.Integer(size), separate.Omega: sp.Integer(2 * size), separate.weight.label: weight,
        separate.volume: rational(1 + part(rng)), **arrays,
    }  # fmt: skip


def weighted(rng: random.Random) -> Values:
    """Weights, rival weights and a target: half the time the mixture itself, so that no score exceeds 1."""
    rows, size = 2, rng.randint(2, 3)
    p, w, rival = distributions(rng, rows, size, 1), distribution(rng, rows, 1), distribution(rng, rows, 0)
    R, R2 = ([sum(a * row[j] for a, row in zip(x, p, strict=True)) for j in range(size)] for x in (w, rival))
    return {
        v.N: sp.Integer(rows), v.M: sp.Integer(size), v.p.label: array(p), effective.weights.label: array(w),
        effective.rival.label: array(rival), effective.R.label: array(R), effective.R2.label: array(R2),
        effective.target.label: array(R if rng.random() < 0.5 else distribution(rng, size, 0)),
        effective.direction.label: array([rng.randint(-3, 3) for _ in range(rows)]),
    }  # fmt: skip


def binary_tree(rng: random.Random) -> Values:
    """A tree of depth 2 with two children at each node: four leaves; at position 1 only the first node is reached."""

    def conditionals() -> list[list[list[Fraction]]]:
        return [[distribution(rng, 2, 1) for _ in range(2)] for _ in range(2)]

    cond, guess = conditionals(), conditionals()
    leaves = [(a, b) for a in range(2) for b in range(2)]
    passes = [
        [
            [[int(c == 0 and g == a) for g in range(2)] for c in range(2)],
            [[int(c == a and g == b) for g in range(2)] for c in range(2)],
        ]
        for a, b in leaves
    ]
    return {
        v.M: sp.Integer(4), effective.d: sp.Integer(2), effective.Kp: sp.Integer(2), effective.Kc: sp.Integer(2),
        effective.leaf.label: array([cond[0][0][a] * cond[1][a][b] for a, b in leaves]),
        effective.model.label: array([guess[0][0][a] * guess[1][a][b] for a, b in leaves]),
        effective.node.label: array([[1, 0], cond[0][0]]), effective.cond.label: array(cond),
        effective.guess.label: array(guess), effective.passes.label: array(passes),
    }  # fmt: skip


def spread_out(rng: random.Random) -> Values:
    rows, size = rng.randint(1, 3), rng.randint(2, 3)
    kernel, wide = [distribution(rng, size, 0) for _ in range(rows)], [part(rng) for _ in range(size)]
    x = [sum(a * b for a, b in zip(row, wide, strict=True)) for row in kernel]
    return {
        open_questions.A: sp.Integer(rows), open_questions.B: sp.Integer(size),
        open_questions.q.label: array(distribution(rng, rows, 0)), open_questions.spread.label: array(kernel),
        open_questions.x.label: array(x), open_questions.wide.label: array(wide),
        open_questions.y: rational(part(rng)), open_questions.z: rational(part(rng)),
    }  # fmt: skip


MODELS: dict[str, Callable[[random.Random], Values]] = {
    "prune-mix-commute": tree,
    "code-length-bounds": dyadic_code,
    "rate-identity": rates,
    "rate-bounds": rates,
    "normalization-units": units,
    "sign-turns-once": turns,
    "elasticity-ratio-limit": covered,
    "elasticity-finite-size-sharp": only_volumes,
    "elasticity-disjoint": disjoint_three,
    "elasticity-exchangeable": exchangeable,
    "elasticity-any-number-equality": alike,
    "elasticity-disjoint-any-number": disjoint_many,
    "elasticity-fixed-roles-threshold": covered_roles,
    "elasticity-separate-iid-reversed": independent,
    "effective-volumes-concave": weighted,
    "effective-depth-chain-rule": binary_tree,
    "pareto-overlap-monotone": spread_out,
    "volume-derivative": mixture,
    "conservation-law": mixture,
    "own-rate-falls": perhaps_alike,
    "overlap-sign": mixture,
    "second-derivative": mixture,
    "rebound-slows": mixture,
    "hooke-forward": mixture,
    "hooke-reverse-derivative": positive_mixture,
    "quantization-overhead": weights,
    "elasticity-ratio": three_roles,
    "elasticity-signs": three_roles,
    "elasticity-same-data-reversed": two_roles,
    "elasticity-fixed-roles": covered_roles,
    "elasticity-finite-size": contained_three,
    "elasticity-paper": contained_three,
    "elasticity-any-number": contained_many,
    "elasticity-rebound-slows": contained_many,
}

WITHOUT = {
    "code-length-block-limit": "its premises speak of blocks of every length; H_m = L_m = m H meets them",
    "pareto-entropy": "draws of a continuous law; no premises",
    "pareto-overlap": "draws of a continuous law; no premises",
    "pareto-overlap-below-one": "draws of a continuous law; no premises",
    "capacity-depth": "no mathematics",
}


def has_model(claim: Claim) -> bool:
    """Tell whether an exact model of the claim's premises is at hand."""
    return claim.id in MODELS or claim.kind == "refutation"
