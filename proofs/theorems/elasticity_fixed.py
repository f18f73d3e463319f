"""Elasticity with fixed roles: bounds by two overlaps under the pre-training data alone, and that they are needed.

The setting of ``elasticity_ratio``, with pre-training data that covers every leaf.
"""

from __future__ import annotations

import sympy as sp

from ..expressions import Diff, Lim, masses, nonnegative, total
from ..facts import Assume, Claim, Define, Fact, Goal
from ..notation import Notation, noted
from ..rules_algebra import Combine, Signed, Use
from ..rules_analysis import Differentiate, Squeeze
from ..vocabulary import ONE, j
from .elasticity_ratio import UNIT_A, UNIT_P, UNIT_T, W, ali, ell, k, l, per

__all__ = ["CLAIMS"]

ZERO = sp.Integer(0)

# --- bounds by the overlaps under the pre-training data alone ---

ppos = masses("p_p", positive=True)
Q_COVERED = k * ppos[j] + ali[j] + l * per[j]


def pslope(own: sp.Expr) -> sp.Expr:
    """``dγ/dl`` where the pre-training data covers every leaf."""
    grown = k * ppos[j] + ali[j] + ell * per[j]
    return Diff(-total(own[j] * sp.log(grown / (k + 1 + ell)), j), ell, l, ONE)


UNIT_PP = Assume("masses-p", UNIT_P.words, Fact(total(ppos[j], j), "=", ONE))
o_at, o_tt = nonnegative("o_at o_tt")
G = k + o_at + l * o_tt
GIVES_A = total(
    (
        k * per[j] * (ali[j] - ppos[j]) ** 2
        + k * l * ali[j] * (per[j] - ppos[j]) ** 2
        + l * ppos[j] * (ali[j] - per[j]) ** 2
    )
    / (ppos[j] * W**2 * Q_COVERED),
    j,
)
GIVES_P = total(per[j] * (Q_COVERED - G * ppos[j]) ** 2 / (ppos[j] * G**2 * Q_COVERED), j)
BOUND_A = k * (1 - o_at) / W**2
BOUND_P = ((o_tt - 1) * l - (1 - o_at)) / (W * G)
fixed_roles = Claim(
    id="elasticity-fixed-roles",
    title="Elasticity with fixed roles: what is enough, from two overlaps",
    prose="Let p_p > 0 on every leaf, o_at = Σ_j p_aj p_tj / p_pj and o_tt = Σ_j p_tj² / p_pj. For any k > 0, l "
    ">= 0: "
    "dγ_a/dl >= k (1 - o_at)/W², and dγ_p/dl <= ((o_tt - 1) l - (1 - o_at)) / (W (k + o_at + l o_tt)). So with o_at "
    "<= 1 alignment "
    "always loses, and pre-training recovers for l <= l* = (1 - o_at)/(o_tt - 1).",
    setting=(
        "any three distributions p_p, p_a, p_t on any number M of leaves, p_p > 0 on every leaf; each sums to 1",
        "volumes |D_p| = k > 0, |D_a| = 1, |D_t| = l >= 0; Q_j = k p_pj + p_aj + l p_tj; W = k + 1 + l; nats per "
        "phrase",
        "no containment, no averaging, no law for the masses",
    ),
    source="new",
    kind="tight bound",
    idea="On each leaf, x y/Q <= (k xy/z + y + l x)/W² (harmonic and arithmetic mean) and 1/Q >= (2Gz - Q)/(Gz)² (a "
    "tangent at Gz, "
    "with G = k + o_at + l o_tt). Both gaps are squares over positive quantities. Summed over the leaves, only the "
    "two overlaps are left.",
    assumptions=(
        UNIT_PP,
        UNIT_A,
        UNIT_T,
        Assume(
            "apart",
            "alignment and perturbation overlap at most like independent data",
            Fact(o_at, "<=", ONE),
            case=True,
        ),
        Assume("small", "the perturbation is small", Fact((o_tt - 1) * l, "<=", 1 - o_at), case=True),
    ),
    definitions=(
        Define(
            "o_at",
            "overlap of alignment and perturbation under the pre-training data",
            Fact(o_at, "=", total(ali[j] * per[j] / ppos[j], j)),
        ),
        Define(
            "o_tt",
            "self-overlap of the perturbation under the pre-training data",
            Fact(o_tt, "=", total(per[j] ** 2 / ppos[j], j)),
        ),
    ),
    steps=(
        Differentiate(
            "diff-a",
            "Differentiate the code length of the alignment data",
            Fact(pslope(ali), "=", total(ali[j], j) / W - total(ali[j] * per[j] / Q_COVERED, j)),
        ),
        Combine(
            "leaf-a",
            "On one leaf: the bound for its overlap, and what it gives away",
            Fact(
                (k * ali[j] * per[j] / ppos[j] + per[j] + l * ali[j]) / W**2 - ali[j] * per[j] / Q_COVERED,
                "=",
                GIVES_A.function,
            ),
        ),
        Combine(
            "sum-a",
            "Sum over the leaves",
            Fact(pslope(ali), "=", BOUND_A + GIVES_A),
            (
                Use("diff-a"),
                Use("leaf-a", over=(j,)),
                Use("o_at", times=k / W**2),
                Use("masses-a", times=1 / W - l / W**2),
                Use("masses-t", times=-1 / W**2),
            ),
        ),
        Signed("gives-a", "What the bound gives away is not negative", Fact(GIVES_A, ">=", ZERO), GIVES_A),
        Combine(
            "bound-a",
            "so the alignment data loses at least this much",
            Fact(pslope(ali), ">=", BOUND_A),
            (Use("sum-a"), Use("gives-a")),
        ),
        Combine(
            "loses",
            "which is not negative for o_at <= 1",
            Fact(pslope(ali), ">=", ZERO),
            (Use("bound-a"), Use("apart", times=k / W**2)),
        ),
        Differentiate(
            "diff-p",
            "Differentiate the code length of the pre-training data",
            Fact(pslope(ppos), "=", total(ppos[j], j) / W - total(ppos[j] * per[j] / Q_COVERED, j)),
        ),
        Combine(
            "leaf-p",
            "On one leaf: the tangent, and what it gives away",
            Fact(
                ppos[j] * per[j] / Q_COVERED - per[j] * (2 * G * ppos[j] - Q_COVERED) / (G**2 * ppos[j]),
                "=",
                GIVES_P.function,
            ),
        ),
        Combine(
            "sum-p",
            "Sum over the leaves",
            Fact(pslope(ppos), "=", BOUND_P - GIVES_P),
            (
                Use("diff-p"),
                Use("leaf-p", times=-ONE, over=(j,)),
                Use("o_at", times=-1 / G**2),
                Use("o_tt", times=-l / G**2),
                Use("masses-p", times=1 / W),
                Use("masses-t", times=-2 / G + k / G**2),
            ),
        ),
        Signed("gives-p", "What the tangent gives away is not negative", Fact(GIVES_P, ">=", ZERO), GIVES_P),
        Combine(
            "bound-p",
            "so the pre-training data recovers at least this much",
            Fact(pslope(ppos), "<=", BOUND_P),
            (Use("sum-p", times=-ONE), Use("gives-p")),
        ),
        Combine(
            "recovers",
            "which is not positive for l <= l*",
            Fact(pslope(ppos), "<=", ZERO),
            (Use("bound-p"), Use("small", times=1 / (W * G))),
        ),
    ),
    goals=(
        Goal("alignment data, a rate", Fact(pslope(ali), ">=", BOUND_A), "bound-a"),
        Goal("alignment data loses", Fact(pslope(ali), ">=", ZERO), "loses", ("apart",)),
        Goal("pre-training data, a rate", Fact(pslope(ppos), "<=", BOUND_P), "bound-p"),
        Goal("pre-training data recovers", Fact(pslope(ppos), "<=", ZERO), "recovers", ("small",)),
    ),
    finding="Both are best possible: with disjoint supports (o_at = 0, o_tt = N) the second is an equality and l* = "
    "1/(N-1), where "
    "the sign turns; and o_at <= 1 cannot be weakened (elasticity-fixed-roles-threshold).",
)

# --- the threshold is needed ---

START_A = Diff(-total(ali[j] * sp.log((k * ppos[j] + ali[j] + ell * per[j]) / (k + 1 + ell)), j), ell, ZERO, ONE)
LOW_A = (k * (1 - o_at)) / (1 + k) ** 2
HIGH_A = 1 / (1 + k) - o_at / k + total(ali[j] ** 2 * per[j] / ppos[j] ** 2, j) / k**2
Q_START = k * ppos[j] + ali[j]
GIVES_START = total(
    per[j] * (ali[j] - ppos[j]) ** 2 * k / (ppos[j] * (1 + k) ** 2 * Q_START),
    j,
)
threshold = Claim(
    id="elasticity-fixed-roles-threshold",
    title="The condition o_at <= 1 is needed",
    prose="Let p_p > 0 on every leaf. At l = 0: k (1 - o_at)/(1 + k)² <= dγ_a/dl <= 1/(1+k) - o_at/k + (Σ_j "
    "p_aj² p_tj/p_pj²)/k². So "
    "k dγ_a/dl -> 1 - o_at as k -> ∞: if o_at > 1, alignment gains for every large k, whatever the rest.",
    setting=(
        "any three distributions p_p, p_a, p_t on any number M of leaves, p_p > 0 on every leaf; each sums to 1",
        "volumes |D_p| = k > 0, |D_a| = 1, |D_t| = 0; nats per phrase",
    ),
    source="new",
    kind="tight bound",
    idea="The lower bound is elasticity-fixed-roles at l = 0. For the upper one, 1/(kz + x) >= 1/(kz) - x/(kz)². "
    "Times k, both tend to "
    "1 - o_at.",
    assumptions=(UNIT_A, UNIT_T),
    definitions=(
        Define(
            "o_at",
            "overlap of alignment and perturbation under the pre-training data",
            Fact(o_at, "=", total(ali[j] * per[j] / ppos[j], j)),
        ),
    ),
    steps=(
        Differentiate(
            "diff",
            "Differentiate the code length of the alignment data at l = 0",
            Fact(START_A, "=", total(ali[j], j) / (1 + k) - total(ali[j] * per[j] / Q_START, j)),
        ),
        Combine(
            "leaf-low",
            "On one leaf, as in elasticity-fixed-roles",
            Fact(
                (k * ali[j] * per[j] / ppos[j] + per[j]) / (1 + k) ** 2 - ali[j] * per[j] / Q_START,
                "=",
                GIVES_START.function,
            ),
        ),
        Signed("gives", "what the bound gives away is not negative", Fact(GIVES_START, ">=", ZERO), GIVES_START),
        Combine(
            "low",
            "so, summed over the leaves and times k",
            Fact(k * START_A, ">=", k * LOW_A),
            (
                Use("diff", times=k),
                Use("leaf-low", times=k, over=(j,)),
                Use("gives", times=k),
                Use("o_at", times=k**2 / (1 + k) ** 2),
                Use("masses-a", times=k / (1 + k)),
                Use("masses-t", times=-k / (1 + k) ** 2),
            ),
        ),
        Signed(
            "leaf-high",
            "On one leaf, 1/(kz + x) is at least 1/(kz) - x/(kz)²",
            Fact(
                ali[j] * per[j] / Q_START,
                ">=",
                ali[j] * per[j] / (k * ppos[j]) - ali[j] ** 2 * per[j] / (k * ppos[j]) ** 2,
            ),
            ali[j] ** 3 * per[j] / ((k * ppos[j]) ** 2 * Q_START),
        ),
        Combine(
            "high",
            "so, summed over the leaves and times k",
            Fact(k * START_A, "<=", k * HIGH_A),
            (
                Use("diff", times=-k),
                Use("leaf-high", times=k, over=(j,)),
                Use("o_at", times=-ONE),
                Use("masses-a", times=-k / (1 + k)),
            ),
        ),
        Squeeze(
            "limit", "Both bounds tend to 1 - o_at", Fact(Lim(k * START_A, k, sp.oo), "=", 1 - o_at), "low", "high"
        ),
    ),
    goals=(
        Goal("from below", Fact(k * START_A, ">=", k * LOW_A), "low"),
        Goal("from above", Fact(k * START_A, "<=", k * HIGH_A), "high"),
        Goal("the limit in k", Fact(Lim(k * START_A, k, sp.oo), "=", 1 - o_at), "limit"),
    ),
)

NOTATION = (
    Notation("W", "W", W),
    Notation("dγ_a/dl", r"\tfrac{d\gamma_a}{dl}", pslope(ali)),
    Notation("dγ_p/dl", r"\tfrac{d\gamma_p}{dl}", pslope(ppos)),
    Notation("dγ_a/dl", r"\tfrac{d\gamma_a}{dl}", START_A),
    Notation("R_a", "R_a", GIVES_A),
    Notation("R_p", "R_p", GIVES_P),
    Notation("R", "R", GIVES_START),
)
CLAIMS = noted((fixed_roles, threshold), NOTATION)
