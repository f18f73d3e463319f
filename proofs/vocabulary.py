"""The paper's symbols, shared by the claims: datasets, leaves, masses, volumes, mixtures.

``N`` datasets, ``M`` leaves, ``p[s, j]`` the mass of dataset ``s`` on leaf ``j``, ``n[s]`` its volume, ``W`` the total
volume, ``Q[j]`` the volume-weighted mass, so that ``p_D = Q/W``. ``i`` and ``t`` are two fixed datasets; ``s`` and
``j`` run over all datasets and all leaves. Code lengths are in nats here, as everywhere in the mathematics of
elasticity.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from .expressions import Diff, index, masses, member, positive, real, size, total
from .facts import Assume, Define, Fact, Step
from .notation import Notation
from .rules_algebra import Combine, Rewrite, Use
from .rules_analysis import Differentiate

__all__ = [
    "DATASET_MASSES",
    "DEFINE_Q",
    "DEFINE_W",
    "DELTA",
    "LEAVES",
    "MIXTURE_DOMAIN",
    "ONE",
    "M",
    "N",
    "Q",
    "W",
    "code_length",
    "eps",
    "i",
    "j",
    "n",
    "p",
    "s",
    "slope",
    "slope_notation",
    "slope_steps",
    "slope_value",
    "t",
]

Expr = Any
ONE = sp.Integer(1)
N, M = size("N"), size("M")
s, j = index("s", N), index("j", M)
i, t = member("i", N), member("t", N)
p, n, Q = masses("p"), masses("n", positive=True), masses("Q", positive=True)
W = positive("W")
eps = real("epsilon")
DELTA = sp.KroneckerDelta

DATASET_MASSES = Assume("masses", "the masses of every dataset sum to 1", Fact(total(p[s, j], j), "=", ONE))
LEAVES = Assume("leaf", "every leaf carries mass of some dataset", Fact(total(n[s] * p[s, j], s), ">", sp.Integer(0)))
DEFINE_Q = Define("Q", "the volume-weighted mass of leaf j", Fact(Q[j], "=", total(n[s] * p[s, j], s)))
DEFINE_W = Define("W", "the total volume", Fact(W, "=", total(n[s], s)))
MIXTURE_DOMAIN = (
    "any number N of datasets with volumes n_s > 0, any number M of leaves",
    "masses p_sj >= 0 that sum to 1 for every dataset s; every leaf carries mass of some dataset (Q_j > 0)",
    "code lengths in nats per phrase",
)


def code_length(dataset: Expr, step: Expr, grown: Expr) -> Expr:
    """``C_i`` in nats when the volume of dataset ``grown`` is raised by ``step``, written out in full."""
    volume = n[s] + step * DELTA(s, grown)
    return -total(p[dataset, j] * sp.log(total(volume * p[s, j], s) / total(volume, s)), j)


def slope(dataset: Expr, grown: Expr) -> Expr:
    """``dC_i/dn_t``: how the code length of one dataset moves with the volume of another."""
    return Diff(code_length(dataset, eps, grown), eps, sp.Integer(0), ONE)


def slope_notation(*pairs: tuple[Expr, Expr]) -> tuple[Notation, ...]:
    """Short names for the derivatives of code lengths in volumes."""
    return tuple(
        Notation(f"dC_{own}/dn_{grown}", rf"\tfrac{{\partial C_{own}}}{{\partial n_{grown}}}", slope(own, grown))
        for own, grown in pairs
    )


def slope_value(dataset: Expr, grown: Expr) -> Expr:
    """``1/W - sum_j p_ij p_tj / Q_j``."""
    return 1 / W - total(p[dataset, j] * p[grown, j] / Q[j], j)


def slope_steps(prefix: str, pairs: tuple[tuple[Expr, Expr], ...]) -> tuple[Step, ...]:
    """The steps that show ``slope(i, t) = slope_value(i, t)``, for each pair; each ends in ``<prefix>-it``."""
    steps: list[Step] = []
    for grown in dict.fromkeys(t for _, t in pairs):
        volume = n[s] + eps * DELTA(s, grown)
        steps += [
            Combine(
                f"{prefix}-Q-{grown}",
                f"Raising the volume of dataset {grown} by ε adds ε times its mass to every leaf",
                Fact(total(volume * p[s, j], s), "=", Q[j] + eps * p[grown, j]),
                (Use("Q", times=-ONE),),
            ),
            Combine(
                f"{prefix}-W-{grown}",
                "and ε to the total volume",
                Fact(total(volume, s), "=", W + eps),
                (Use("W", times=-ONE),),
            ),
        ]
    for dataset, grown in pairs:
        log = sp.log((Q[j] + eps * p[grown, j]) / (W + eps))
        moved = Diff(-total(p[dataset, j] * log, j), eps, sp.Integer(0), ONE)
        raw = total(p[grown, j] * p[dataset, j] / Q[j], j)
        steps += [
            Rewrite(
                f"{prefix}-rewrite-{dataset}{grown}",
                f"So the code length of dataset {dataset} is, along this direction",
                Fact(slope(dataset, grown), "=", moved),
                (f"{prefix}-Q-{grown}", f"{prefix}-W-{grown}"),
            ),
            Differentiate(
                f"{prefix}-diff-{dataset}{grown}",
                "Differentiate each leaf's term at ε = 0",
                Fact(moved, "=", total(p[dataset, j], j) / W - raw),
            ),
            Combine(
                f"{prefix}-{dataset}{grown}",
                "The masses sum to 1",
                Fact(slope(dataset, grown), "=", slope_value(dataset, grown)),
                (
                    Use(f"{prefix}-rewrite-{dataset}{grown}"),
                    Use(f"{prefix}-diff-{dataset}{grown}"),
                    Use("masses", times=1 / W, at=((s, dataset),)),
                ),
            ),
        ]
    return tuple(steps)
