"""Random exact models of the premises, to evaluate facts at."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import sympy as sp

from proofs import vocabulary as v
from proofs.theorems import coding, hooke
from proofs.theorems import elasticity_any_number as many
from proofs.theorems import elasticity_fixed as fixed
from proofs.theorems import elasticity_ratio as roles
from proofs.theorems import elasticity_three as three

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


MODELS: dict[str, Callable[[random.Random], Values]] = {
    "volume-derivative": mixture,
    "conservation-law": mixture,
    "own-rate-falls": mixture,
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
