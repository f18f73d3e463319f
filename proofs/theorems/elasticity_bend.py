"""Beyond the first derivative: does a rebound slow down, and do alignment's losses; and how sharp is 1/(N-1).

The setting of ``elasticity_any_number``: pre-training data of N equal parts, roles averaged.
"""

from __future__ import annotations

import sympy as sp

from ..exact import Counterexample
from ..expressions import Diff, index, member, total
from ..facts import Assume, Claim, Fact, Goal
from ..notation import Notation, noted
from ..rules_algebra import Combine, Lemma, Signed, Use
from ..rules_analysis import Differentiate
from ..vocabulary import DATASET_MASSES, DELTA, ONE, M, N, j, p, s
from .elasticity_any_number import (
    APART,
    COMMON,
    DEFINE_M,
    DOMAIN,
    LEAVES,
    PRE,
    PRE_SLOPE,
    SUM_PRE,
    W,
    a,
    any_number,
    b,
    ell,
    joint,
    k,
    l,
    m,
)
from .elasticity_three import DOMAIN as THREE_DOMAIN
from .elasticity_three import LEAF_MASS, ROLES, UNITS, P, align, order_of
from .elasticity_three import l as l3

__all__ = ["CLAIMS"]

ZERO, TWO = sp.Integer(0), sp.Integer(2)
BEND = Diff(-total(m[j] * sp.log(joint(ell) / (k + 1 + ell)), j), ell, l, TWO)
SUM_BEND = total(APART * BEND, a, b)
SHARE = total(m[j] * p[b, j] / joint(l), j)
SPREAD = total(m[j] * (p[b, j] / joint(l) - SHARE) ** 2, j)
SQUARED = total(APART * PRE**2, a, b)
SUM_SPREAD = total(APART * SPREAD, a, b)
SMALL = next(item for item in any_number.assumptions if item.name == "small")

rebound = Claim(
    id="elasticity-rebound-slows",
    title="The rebound of the pre-training data is fast first, then slow",
    prose="For any N datasets, on average over the roles: Σ_{a≠b} d²γ_p/dl² >= -(2/W) Σ_{a≠b} dγ_p/dl, which is "
    ">= 0 for l <= 1/(N-1): "
    "γ_p falls and is convex, as in the paper's experiments.",
    setting=DOMAIN,
    source="new (the paper's experiments on rebound)",
    kind="one-sided bound",
    idea="For each way to give the roles, the second derivative is D² - 2D/W plus a variance, D being the first "
    "(rebound-slows). Sum over "
    "the roles and use elasticity-any-number for the sign of ΣD.",
    assumptions=(DATASET_MASSES, LEAVES, SMALL),
    definitions=(DEFINE_M,),
    steps=(
        COMMON[0],
        *PRE_SLOPE,
        Differentiate(
            "bend-diff",
            "Differentiate the pre-training data's code length twice",
            Fact(BEND, "=", total(m[j] * p[b, j] ** 2 / joint(l) ** 2, j) - total(m[j], j) / W**2),
        ),
        Combine(
            "bend",
            "With D = dγ_p/dl = 1/W - E[r] and r = p_b/Q under p_p: the second derivative is D² - 2D/W plus the "
            "variance of r",
            Fact(BEND, "=", PRE**2 - 2 * PRE / W + SPREAD),
            (
                Use("bend-diff"),
                Use("pre-slope", times=-(PRE - 1 / W - SHARE)),
                Use("unit", times=-1 / W**2 - SHARE**2),
            ),
        ),
        Signed("spread", "A variance is not negative", Fact(SPREAD, ">=", ZERO), SPREAD),
        Signed("square", "nor is a square", Fact(PRE**2, ">=", ZERO), PRE**2),
        Combine(
            "bound",
            "Sum over the roles",
            Fact(SUM_BEND, ">=", -2 * SUM_PRE / W),
            (
                Use("bend", times=APART, over=(a, b)),
                Use("spread", times=APART, over=(a, b)),
                Use("square", times=APART, over=(a, b)),
            ),
        ),
        Lemma(
            "falls", "On average the pre-training data recovers", Fact(SUM_PRE, "<=", ZERO), "elasticity-any-number", 4
        ),
        Combine(
            "convex",
            "so its code length is convex",
            Fact(SUM_BEND, ">=", ZERO),
            (Use("bound"), Use("falls", times=2 / W)),
        ),
    ),
    goals=(
        Goal("the bound", Fact(SUM_BEND, ">=", -2 * SUM_PRE / W), "bound"),
        Goal("convex", Fact(SUM_BEND, ">=", ZERO), "convex", ("small",)),
    ),
)

MEAN_ALIGN_BEND = sp.Add(*(align(roles, 2) for roles in ROLES)) / 6
HALF = sp.Rational(1, 2)
alignment_bend = Claim(
    id="elasticity-alignment-concave",
    title="Alignment's losses need not slow down",
    prose="The statement refuted: averaged over the six roles, alignment's losses slow down, d²γ_a/dl² <= 0 for "
    "every k > 0, l >= 0.",
    setting=THREE_DOMAIN,
    source="new",
    kind="refutation",
    idea="Three leaves, each shared by two of the three datasets: for k = 12, l = 0 the average is positive. (With "
    "disjoint supports it is "
    "-1/W², so no sign holds for all distributions.)",
    assumptions=(*UNITS, LEAF_MASS),
    definitions=(),
    steps=(
        Counterexample(
            "witness",
            "M = 3, p_1 = (1/2, 1/2, 0), p_2 = (1/2, 0, 1/2), p_3 = (0, 1/2, 1/2), k = 12, l = 0",
            Fact(-MEAN_ALIGN_BEND, "=", sp.Rational(-7, 27378)),
            values=(
                (M, sp.Integer(3)),
                (P[0].label, (HALF, HALF, ZERO)),
                (P[1].label, (HALF, ZERO, HALF)),
                (P[2].label, (ZERO, HALF, HALF)),
                (k, sp.Integer(12)),
                (l3, ZERO),
            ),
            refuted=Fact(MEAN_ALIGN_BEND, "<=", ZERO),
        ),
    ),
    goals=(Goal("alignment's losses would slow down", Fact(MEAN_ALIGN_BEND, "<=", ZERO), "witness"),),
)

# --- disjoint supports for any number of datasets ---

left, right = index("r", N), index("q", N)
first, second = member("a'", N), member("b'", N)


def fixed_slope(own: sp.Expr) -> sp.Expr:
    """``dγ/dl`` for one way to give the roles."""
    mass = k * m[j] + p[first, j] + ell * p[second, j]
    return Diff(-total(own * sp.log(mass / (k + 1 + ell)), j), ell, l, ONE)


FIXED = k * m[j] + p[first, j] + l * p[second, j]
FIX_A, FIX_P = fixed_slope(p[first, j]), fixed_slope(m[j])
VALUE = ((N - 1) * l - 1) / (W * (k + N * l))
disjoint_any = Claim(
    id="elasticity-disjoint-any-number",
    title="Disjoint supports, any number of datasets: where the sign turns",
    prose="If the N datasets share no leaf: dγ_a/dl = 1/W and dγ_p/dl = ((N-1) l - 1)/(W (k + N l)), for every k "
    "> 0. So the sign of "
    "dγ_p/dl turns exactly at l* = 1/(N-1), the bound of elasticity-any-number.",
    setting=(*DOMAIN[:-1], "no two datasets share a leaf: p_rj p_qj = 0 for r ≠ q", "a' ≠ b' are the two roles"),
    source="new",
    kind="identity",
    idea="On the leaves of dataset b the joint mass is (k/N + l) p_b; elsewhere p_b = 0.",
    assumptions=(
        DATASET_MASSES,
        LEAVES,
        Assume(
            "apart",
            "different datasets share no leaf",
            Fact(p[left, j] * p[right, j] * (1 - DELTA(left, right)), "=", ZERO),
        ),
        Assume("roles", "the two roles go to different datasets", Fact(DELTA(first, second), "=", ZERO)),
    ),
    definitions=(DEFINE_M,),
    steps=(
        COMMON[0],
        Differentiate(
            "align-diff",
            "Differentiate the alignment data's code length",
            Fact(FIX_A, "=", total(p[first, j], j) / W - total(p[first, j] * p[second, j] / FIXED, j)),
        ),
        Combine(
            "no-share",
            "The two datasets share no leaf",
            Fact(p[first, j] * p[second, j], "=", ZERO),
            (Use("apart", at=((left, first), (right, second))), Use("roles", times=p[first, j] * p[second, j])),
        ),
        Combine(
            "align",
            "so the overlap is 0",
            Fact(FIX_A, "=", 1 / W),
            (
                Use("align-diff"),
                Use("no-share", times=-1 / FIXED, over=(j,)),
                Use("masses", times=1 / W, at=((s, first),)),
            ),
        ),
        Differentiate(
            "pre-diff",
            "Differentiate the pre-training data's code length",
            Fact(FIX_P, "=", total(m[j], j) / W - total(m[j] * p[second, j] / FIXED, j)),
        ),
        Combine(
            "own-leaf",
            "On every leaf, m_j p_bj = p_bj² / N",
            Fact(m[j] * p[second, j], "=", p[second, j] ** 2 / N),
            (Use("m", times=p[second, j]), Use("apart", times=1 / N, over=(left,), at=((right, second),))),
        ),
        Combine(
            "leaf-share",
            "so its share is p_bj / (k + N l)",
            Fact(m[j] * p[second, j] / FIXED, "=", p[second, j] / (k + N * l)),
            (
                Use("own-leaf", times=(1 - k / (k + N * l)) / FIXED),
                Use("no-share", times=-1 / ((k + N * l) * FIXED)),
            ),
        ),
        Combine(
            "pre",
            "Sum over the leaves",
            Fact(FIX_P, "=", VALUE),
            (
                Use("pre-diff"),
                Use("leaf-share", times=-ONE, over=(j,)),
                Use("unit", times=1 / W),
                Use("masses", times=-1 / (k + N * l), at=((s, second),)),
            ),
        ),
    ),
    goals=(
        Goal("alignment data", Fact(FIX_A, "=", 1 / W), "align"),
        Goal("pre-training data", Fact(FIX_P, "=", VALUE), "pre"),
    ),
)

NOTATION = (
    Notation("W", "W", W),
    Notation("dγ_p/dl", r"\tfrac{d\gamma_p}{dl}", PRE),
    Notation("d²γ_p/dl²", r"\tfrac{d^2\gamma_p}{dl^2}", BEND),
    Notation("dγ_a/dl", r"\tfrac{d\gamma_a}{dl}", FIX_A),
    Notation("dγ_p/dl", r"\tfrac{d\gamma_p}{dl}", FIX_P),
    *(
        Notation(f"d²γ_a/dl²[{order_of(r)}]", rf"\tfrac{{d^2\gamma_a}}{{dl^2}}[{order_of(r)}]", align(r, 2))
        for r in ROLES
    ),
)
CLAIMS = noted((rebound, alignment_bend, disjoint_any), NOTATION)
