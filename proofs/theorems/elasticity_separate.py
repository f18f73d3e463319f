"""Three unrelated datasets: the elasticity theorem fails without containment.

Pre-training, alignment and perturbation data are three datasets of their own; ``p_t`` is no part of ``p_p``.
"""

from __future__ import annotations

import sympy as sp

from ..exact import Counterexample
from ..expressions import Diff, index, masses, positive, size, total
from ..facts import Assume, Claim, Fact, Goal
from ..notation import Notation, noted
from ..rules_algebra import Combine, Signed, Use
from ..rules_analysis import Differentiate
from ..vocabulary import ONE, M, j
from .elasticity_ratio import DOMAIN as ROLES_DOMAIN
from .elasticity_ratio import (
    LEAF,
    SLOPE_A,
    SLOPE_P,
    UNIT_A,
    UNIT_P,
    UNIT_T,
    Q,
    W,
    ali,
    ell,
    k,
    l,
    per,
    pre,
    slope_of,
)

__all__ = ["CLAIMS"]

ZERO = sp.Integer(0)
POINT = ((ONE, ZERO, ZERO), (ZERO, ONE, ZERO), (ZERO, ZERO, ONE))
FAILS = Fact(SLOPE_P, "<", ZERO)
separate_disjoint = Claim(
    id="elasticity-separate-disjoint-fails",
    title="Unrelated datasets with disjoint supports: the theorem fails",
    prose="The statement refuted: dγ_p/dl < 0 for any three datasets, related or not. With a perturbation that "
    "shares no leaf "
    "with the others, dγ_p/dl = dγ_a/dl = 1/W > 0 for every k > 0 and l > 0: the ratio is +1.",
    setting=ROLES_DOMAIN,
    source="Thm 4.2 of the paper, without containment",
    kind="refutation",
    idea="On every leaf p_p p_t = p_a p_t = 0, so both overlaps vanish. One leaf each, k = 2, l = 1/10 is an exact "
    "counterexample.",
    assumptions=(
        UNIT_P,
        UNIT_A,
        UNIT_T,
        LEAF,
        Assume(
            "apart-p", "perturbation and pre-training data share no leaf", Fact(pre[j] * per[j], "=", ZERO), case=True
        ),
        Assume("apart-a", "perturbation and alignment data share no leaf", Fact(ali[j] * per[j], "=", ZERO), case=True),
    ),
    definitions=(),
    steps=(
        Counterexample(
            "witness",
            "M = 3, p_p = (1, 0, 0), p_a = (0, 1, 0), p_t = (0, 0, 1), k = 2, l = 1/10; the gap is -1/W = -10/31",
            Fact(FAILS.gap, "=", sp.Rational(-10, 31)),
            values=(
                (M, sp.Integer(3)),
                (pre.label, POINT[0]),
                (ali.label, POINT[1]),
                (per.label, POINT[2]),
                (k, sp.Integer(2)),
                (l, sp.Rational(1, 10)),
            ),
            refuted=FAILS,
        ),
        *slope_of("p", pre, "pre-training"),
        *slope_of("a", ali, "alignment"),
        Combine(
            "pre",
            "Without a common leaf the overlap is 0",
            Fact(SLOPE_P, "=", 1 / W),
            (Use("slope-p"), Use("apart-p", times=-1 / Q, over=(j,))),
        ),
        Combine(
            "ali",
            "for the alignment data too",
            Fact(SLOPE_A, "=", 1 / W),
            (Use("slope-a"), Use("apart-a", times=-1 / Q, over=(j,))),
        ),
    ),
    goals=(
        Goal("the pre-training data would recover", FAILS, "witness"),
        Goal("pre-training data, disjoint supports", Fact(SLOPE_P, "=", 1 / W), "pre", ("apart-p",)),
        Goal("alignment data, disjoint supports", Fact(SLOPE_A, "=", 1 / W), "ali", ("apart-a",)),
    ),
    finding="The theorem needs that the pre-training data contains what perturbs it: l dγ_t/dl does not vanish here.",
)

# --- independent masses on shared leaves ---

Omega = size("Omega")
w = index("omega", Omega)
weight = masses("q")
x, y, z = masses("X_p", positive=True), masses("X_a", positive=True), masses("X_t")
volume = positive("k")


def start(own: sp.Expr, other_first: sp.Expr, other_second: sp.Expr) -> sp.Expr:
    """``dγ/dl`` at l = 0 of the data with masses ``own``, in the outcome omega."""
    mass = volume * other_first[w, j] + other_second[w, j] + ell * z[w, j]
    return Diff(-total(own[w, j] * sp.log(mass / (volume + 1 + ell)), j), ell, ZERO, ONE)


def share(first: sp.Expr, second: sp.Expr) -> sp.Expr:
    """The mass of a leaf at l = 0."""
    return volume * first[w, j] + second[w, j]


MEAN_P, MEAN_A = total(weight[w] * start(x, x, y), w), total(weight[w] * start(y, x, y), w)
u, v = positive("u v")
PAIR_P = u / (volume * u + v) + v / (volume * v + u)
PAIR_A = v / (volume * u + v) + u / (volume * v + u)
LEFT_P = (volume - 1) * (u - v) ** 2 / ((1 + volume) * (volume * u + v) * (volume * v + u))
LEFT_A = volume * LEFT_P
ABOVE = Assume("k", "there is more pre-training than alignment data", Fact(volume, ">", ONE))


def gap_over(left: sp.Expr) -> sp.Expr:
    """The mean over outcomes and leaves of what a leaf inequality gives away."""
    return total(weight[w] * left.xreplace({u: x[w, j], v: y[w, j]}), j, w)


iid_reversed = Claim(
    id="elasticity-separate-iid-reversed",
    title="Unrelated datasets with independent masses on shared leaves: both signs reversed",
    prose="Let (p_p, p_a) be an exchangeable random pair of distributions, and p_t independent of it with "
    "uniform mean 1/M. Then "
    "at l = 0, for k > 1: E[dγ_a/dl] <= 0 <= E[dγ_p/dl], for every M.",
    setting=(
        "a finite probability space: outcomes ω with weights q_ω >= 0 that sum to 1",
        "in each outcome, distributions X = p_p, Y = p_a (> 0 on every leaf) and Z = p_t (>= 0) on M leaves, each "
        "summing to 1",
        "(X, Y) exchangeable, Z independent of (X, Y) with mean 1/M on every leaf: the premises 'exchangeable' and "
        "'independent' say "
        "so for the two functions of the leaf's masses that the proof needs",
        "k > 1, |D_a| = 1, l = 0; nats per phrase",
    ),
    source="Thm 4.2 of the paper, without containment (theory, section 4)",
    kind="tight bound",
    idea="At l = 0 the derivative is linear in p_t, which is independent with uniform mean, so p_t may be replaced "
    "by 1/M. By "
    "exchangeability each leaf's share may be averaged with the pair swapped; and x/(kx+y) + y/(ky+x) <= 2/(1+k) <= "
    "y/(kx+y) + x/(ky+x), the gaps being multiples of (k-1)(x-y)².",
    assumptions=(
        ABOVE,
        Assume("masses-x", "the pre-training masses sum to 1 in every outcome", Fact(total(x[w, j], j), "=", ONE)),
        Assume("masses-y", "the alignment masses sum to 1 in every outcome", Fact(total(y[w, j], j), "=", ONE)),
        *(
            Assume(
                f"independent-{name}",
                f"the perturbation is independent of the pair, with mean 1/M: the mean of its mass times "
                f"{name.upper()}/Q",
                Fact(
                    total(weight[w] * own[w, j] * z[w, j] / share(x, y), w),
                    "=",
                    total(weight[w] * own[w, j] / share(x, y), w) / M,
                ),
            )
            for name, own in (("x", x), ("y", y))
        ),
        *(
            Assume(
                f"exchangeable-{name}",
                f"the pair is exchangeable: the mean of {name.upper()}/Q does not change when X and Y change places",
                Fact(
                    total(weight[w] * own[w, j] / share(x, y), w),
                    "=",
                    total(weight[w] * swapped[w, j] / share(y, x), w),
                ),
            )
            for name, own, swapped in (("x", x, y), ("y", y, x))
        ),
    ),
    definitions=(),
    steps=(
        Differentiate(
            "diff-p",
            "In each outcome, differentiate the code length of the pre-training data at l = 0",
            Fact(start(x, x, y), "=", total(x[w, j], j) / (1 + volume) - total(x[w, j] * z[w, j] / share(x, y), j)),
        ),
        Combine(
            "pair-p",
            "On one leaf, for the pair and the swapped pair together",
            Fact(2 / (1 + volume) - PAIR_P, "=", LEFT_P),
        ),
        Signed("pair-p-sign", "which is not negative for k > 1", Fact(gap_over(LEFT_P), ">=", ZERO), gap_over(LEFT_P)),
        Combine(
            "mean-p",
            "Take the mean, replace p_t by its mean, average with the swapped pair, and sum over the leaves",
            Fact(MEAN_P, ">=", ZERO),
            (
                Use("diff-p", times=weight[w], over=(w,)),
                Use("masses-x", times=weight[w] / (1 + volume), over=(w,)),
                Use("independent-x", times=-ONE, over=(j,)),
                Use("exchangeable-x", times=-1 / (2 * M), over=(j,)),
                Use("pair-p", times=weight[w] / (2 * M), over=(j, w), at=((u, x[w, j]), (v, y[w, j]))),
                Use("pair-p-sign", times=1 / (2 * M)),
            ),
        ),
        Differentiate(
            "diff-a",
            "In each outcome, differentiate the code length of the alignment data at l = 0",
            Fact(start(y, x, y), "=", total(y[w, j], j) / (1 + volume) - total(y[w, j] * z[w, j] / share(x, y), j)),
        ),
        Combine(
            "pair-a",
            "On one leaf, for the pair and the swapped pair together",
            Fact(PAIR_A - 2 / (1 + volume), "=", LEFT_A),
        ),
        Signed("pair-a-sign", "which is not negative for k > 1", Fact(gap_over(LEFT_A), ">=", ZERO), gap_over(LEFT_A)),
        Combine(
            "mean-a",
            "Take the mean, replace p_t by its mean, average with the swapped pair, and sum over the leaves",
            Fact(MEAN_A, "<=", ZERO),
            (
                Use("diff-a", times=-weight[w], over=(w,)),
                Use("masses-y", times=-weight[w] / (1 + volume), over=(w,)),
                Use("independent-y", times=ONE, over=(j,)),
                Use("exchangeable-y", times=1 / (2 * M), over=(j,)),
                Use("pair-a", times=weight[w] / (2 * M), over=(j, w), at=((u, x[w, j]), (v, y[w, j]))),
                Use("pair-a-sign", times=1 / (2 * M)),
            ),
        ),
    ),
    goals=(
        Goal("pre-training data loses", Fact(MEAN_P, ">=", ZERO), "mean-p"),
        Goal("alignment data gains", Fact(MEAN_A, "<=", ZERO), "mean-a"),
    ),
    finding="The two slopes still cancel as l -> 0 (elasticity-ratio-limit). Strict unless X = Y on every leaf "
    "in almost every "
    "outcome, or k = 1.",
)

NOTATION = (
    Notation("W", "W", W),
    Notation("dγ_p/dl", r"\tfrac{d\gamma_p}{dl}", SLOPE_P),
    Notation("dγ_a/dl", r"\tfrac{d\gamma_a}{dl}", SLOPE_A),
    Notation("dγ_p/dl", r"\tfrac{d\gamma_p}{dl}", start(x, x, y)),
    Notation("dγ_a/dl", r"\tfrac{d\gamma_a}{dl}", start(y, x, y)),
)
CLAIMS = noted((separate_disjoint, iid_reversed), NOTATION)
