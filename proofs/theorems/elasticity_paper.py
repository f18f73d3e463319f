"""Thm 4.2 of the paper: the premises that make it true, in expectation, and why fixed roles are not enough."""

from __future__ import annotations

import sympy as sp

from ..exact import Counterexample
from ..expressions import Diff, index, masses, size, substitute, total
from ..facts import Assume, Claim, Fact, Goal
from ..notation import Notation, noted
from ..rules_algebra import Combine, Lemma, Signed, Use
from ..vocabulary import ONE, M, j
from .elasticity_three import (
    A_,
    AVERAGE,
    AVERAGES,
    B_,
    C_,
    DOMAIN,
    GENERIC,
    LEAF_MASS,
    MEAN_ALIGN,
    MEAN_PRE,
    ONE_WAY,
    OWN_ALIGN,
    OWN_PRE,
    ROLES,
    SMALL,
    UNITS,
    P,
    Q,
    W,
    align,
    before,
    ell,
    k,
    l,
    order_of,
    pre,
    set_roles,
)

__all__ = ["CLAIMS"]

ZERO, R = sp.Integer(0), sp.Rational

# --- the paper's theorem: what makes it true ---

MEAN_SUM = sp.Add(*(align(r) + k * before(r) for r in ROLES)) / 6
LEAD = l * (3 / (k + 3 * l) - 1 / W)


OWN_SQUARE = total(Q * (P[2][j] / Q - 1 / W) ** 2, j)


def rest_of_others(at: sp.Expr) -> sp.Expr:
    """The mass of a leaf that is not of the perturbation's own dataset."""
    return A_ * P[0][at] + B_ * P[1][at]


OWN_ROOM = total(P[2][j] * rest_of_others(j) / (Q * C_), j)
OWN_OVERLAP = total(P[2][j] ** 2 / Q, j)
BOTH = OWN_ALIGN + k * OWN_PRE


def renamed(roles: tuple[sp.Expr, ...]) -> tuple[tuple[sp.Expr, sp.Expr], ...]:
    """The values that give the roles in another way."""
    return tuple((old[j], new[j]) for old, new in zip(P, roles, strict=True))


paper = Claim(
    id="elasticity-paper",
    title="Thm 4.2 of the paper, with the premises that make it true",
    prose="For D_p = D_1 ∪ D_2 ∪ D_3, D_a as D_2, D_t as D_3, "
    + AVERAGE
    + ": dγ_a/dl >= 0 (any l), dγ_p/dl <= 0 (l <= 1/2), and "
    "0 <= dγ_a/dl + k dγ_p/dl <= l (3/(k+3l) - 1/W): their sum tends to 0 with l, and the ratio to -k where "
    "dγ_p/dl is not 0 at l = 0. The law of the masses (Pareto) "
    "is not needed; "
    "containment and the average over roles are.",
    setting=DOMAIN,
    source="Thm 4.2 of the paper, corrected",
    kind="tight bound",
    idea="The signs are those of elasticity-finite-size. The total code length of the three is stationary, so "
    "alignment and "
    "pre-training data together lose l times what the perturbation data gains, and that is bounded because the "
    "pre-training "
    "data already contains what perturbs it.",
    assumptions=(*UNITS, LEAF_MASS, SMALL),
    definitions=(),
    steps=(
        Lemma("signs-align", "The alignment data loses", Fact(MEAN_ALIGN, ">=", ZERO), "elasticity-finite-size", 1),
        Lemma(
            "signs-pre", "and the pre-training data recovers", Fact(MEAN_PRE, "<=", ZERO), "elasticity-finite-size", 2
        ),
        GENERIC,
        Combine(
            "leaf-sum",
            "The leaf's mass is that of the three data sets",
            Fact(k * pre(ONE_WAY, j) * P[2][j] / Q + P[1][j] * P[2][j] / Q, "=", P[2][j] - l * P[2][j] ** 2 / Q),
        ),
        Combine(
            "sum",
            "The total code length is stationary: alignment and pre-training data together lose what the "
            "perturbation data gains",
            Fact(BOTH, "=", l * (OWN_OVERLAP - 1 / W)),
            (
                Use("derivative", at=set_roles(P[1][j], ONE_WAY)),
                Use("derivative", times=k, at=set_roles(pre(ONE_WAY, j), ONE_WAY)),
                Use("leaf-sum", times=-ONE, over=(j,)),
                *(Use(f"masses-{r}", times=k / (3 * W)) for r in (1, 2, 3)),
                Use("masses-2", times=1 / W),
                Use("masses-3", times=-ONE),
            ),
        ),
        Combine(
            "leaf-square",
            "Expand a square on each leaf",
            Fact(Q * (P[2][j] / Q - 1 / W) ** 2, "=", P[2][j] ** 2 / Q - 2 * P[2][j] / W + Q / W**2),
        ),
        Combine(
            "gain",
            "which is l times a sum of squares",
            Fact(BOTH, "=", l * OWN_SQUARE),
            (
                Use("sum"),
                Use("leaf-square", times=-l, over=(j,)),
                Use("masses-3", times=l * (2 / W - C_ / W**2)),
                Use("masses-2", times=-l * B_ / W**2),
                Use("masses-1", times=-l * A_ / W**2),
            ),
        ),
        Signed("gain-sign", "and so not negative", Fact(l * OWN_SQUARE, ">=", ZERO), l * OWN_SQUARE),
        Combine(
            "leaf-room",
            "Because the pre-training data contains what perturbs it, Q_j >= c p_3j with c = k/3 + l, and the gap is",
            Fact(P[2][j] ** 2 / Q, "=", P[2][j] / C_ - P[2][j] * rest_of_others(j) / (Q * C_)),
        ),
        Combine(
            "bound",
            "so the sum is at most l (1/c - 1/W); what is left out is",
            Fact(BOTH, "=", LEAD - l * OWN_ROOM),
            (Use("sum"), Use("leaf-room", times=l, over=(j,)), Use("masses-3", times=l / C_)),
        ),
        Signed("bound-sign", "not negative", Fact(l * OWN_ROOM, ">=", ZERO), l * OWN_ROOM),
        Combine(
            "low",
            "This holds for each of the six ways to give the roles; average",
            Fact(MEAN_SUM, ">=", ZERO),
            tuple(
                Use(name, times=sp.Rational(1, 6), at=renamed(roles))
                for roles in ROLES
                for name in ("gain", "gain-sign")
            ),
        ),
        Combine(
            "high",
            "from below and from above",
            Fact(MEAN_SUM, "<=", LEAD),
            tuple(
                Use(name, times=sign * sp.Rational(1, 6), at=renamed(roles))
                for roles in ROLES
                for name, sign in (("bound", -1), ("bound-sign", 1))
            ),
        ),
    ),
    goals=(
        Goal("alignment data loses", Fact(MEAN_ALIGN, ">=", ZERO), "signs-align"),
        Goal("pre-training data recovers", Fact(MEAN_PRE, "<=", ZERO), "signs-pre", ("small",)),
        Goal("the ratio, from below", Fact(MEAN_SUM, ">=", ZERO), "low"),
        Goal("the ratio, from above", Fact(MEAN_SUM, "<=", LEAD), "high"),
    ),
    finding="For fixed roles the signs can fail (elasticity-paper-fixed-roles); for unrelated datasets they do fail "
    "(elasticity-separate-disjoint-fails, elasticity-separate-iid-reversed).",
)

# --- in expectation ---

OMEGA = size("Omega")
w = index("omega", OMEGA)
weight = masses("q")
X = tuple(masses(f"X_{r}") for r in (1, 2, 3))


def in_outcome(expr: sp.Expr, roles: tuple[sp.Expr, ...] = X) -> sp.Expr:
    """The same expression about the random masses of outcome omega."""
    return substitute(expr, {old[j]: new[w, j] for old, new in zip(P, roles, strict=True)})


def mean(expr: sp.Expr) -> sp.Expr:
    """The expectation of an expression about p_1, p_2, p_3, put at the random masses."""
    return total(weight[w] * in_outcome(expr), w)


EXPECT_ALIGN, EXPECT_PRE = mean(align(P)), mean(before(P))
AT_OUTCOME = tuple((old[j], new[w, j]) for old, new in zip(P, X, strict=True))
SWAPS = tuple(
    Assume(
        f"exchangeable-{kind}-{number}",
        f"the expected dγ_{kind}/dl does not change when the three datasets change places "
        f"({', '.join(str(r) for r in roles)})",
        Fact(mean(function(roles)), "=", mean(function(P))),
    )
    for kind, function in (("a", align), ("p", before))
    for number, roles in enumerate(ROLES[1:], 2)
)
exchangeable = Claim(
    id="elasticity-exchangeable",
    title="In expectation, for exchangeable random datasets",
    prose="For any exchangeable random triple of distributions on a finite probability space, with "
    "the roles fixed: "
    "E[dγ_a/dl] >= 0 for every k > 0, l >= 0, and E[dγ_p/dl] <= 0 for 0 <= l <= 1/2.",
    setting=(
        "a finite probability space with weights q_ω >= 0; in each outcome three distributions X_1, X_2, X_3, every "
        "leaf with mass",
        "exchangeable: the expectations of dγ_a/dl and dγ_p/dl do not change when the three change places",
        *DOMAIN[1:],
    ),
    source="Thm 4.2 of the paper (its expectation over random masses)",
    kind="tight bound",
    idea="By exchangeability the expectation for fixed roles is the expectation of the average over the roles, and "
    "that average has its "
    "sign in every outcome (elasticity-finite-size).",
    assumptions=(
        LEAF_MASS,
        SMALL,
        Assume("outcome", "in every outcome, every leaf has mass", Fact(sp.Add(*(x[w, j] for x in X)), ">", ZERO)),
        *SWAPS,
    ),
    definitions=(),
    steps=(
        Lemma(
            "align",
            "In every outcome the average over the roles is not negative",
            Fact(MEAN_ALIGN, ">=", ZERO),
            "elasticity-finite-size",
            1,
        ),
        Combine(
            "expect-align",
            "Take the expectation; each of the six ways has the same",
            Fact(EXPECT_ALIGN, ">=", ZERO),
            (
                Use("align", times=weight[w], over=(w,), at=AT_OUTCOME),
                *(Use(f"exchangeable-a-{n}", times=-sp.Rational(1, 6)) for n in range(2, 7)),
            ),
        ),
        Lemma(
            "pre",
            "and that of the pre-training data is not positive",
            Fact(MEAN_PRE, "<=", ZERO),
            "elasticity-finite-size",
            2,
        ),
        Combine(
            "expect-pre",
            "Take the expectation; each of the six ways has the same",
            Fact(EXPECT_PRE, "<=", ZERO),
            (
                Use("pre", times=weight[w], over=(w,), at=AT_OUTCOME),
                *(Use(f"exchangeable-p-{n}", times=sp.Rational(1, 6)) for n in range(2, 7)),
            ),
        ),
    ),
    goals=(
        Goal("alignment data loses", Fact(EXPECT_ALIGN, ">=", ZERO), "expect-align"),
        Goal("pre-training data recovers", Fact(EXPECT_PRE, "<=", ZERO), "expect-pre", ("small",)),
    ),
    classical=(
        "masses of a continuous law, such as independent Pareto masses, are no finite space: there the sums "
        "over outcomes "
        "are means, and the same proof is by their linearity and positivity (in words only)",
    ),
)

# --- the paper's theorem needs the average over the roles ---

three = tuple(masses(f"p_{r}") for r in (1, 2, 3))
UNITS3 = tuple(
    Assume(f"masses-{r}", f"the masses of dataset {r} sum to 1", Fact(total(x[j], j), "=", ONE))
    for r, x in enumerate(three, 1)
)
LEAF3 = Assume("leaf", "every leaf has mass of some dataset", Fact(sp.Add(*(x[j] for x in three)), ">", ZERO))
contained = k / 3 * three[0][j] + (k / 3 + 1) * three[1][j] + (k / 3 + ell) * three[2][j]
CONTAINED_A = Diff(-total(three[1][j] * sp.log(contained / (k + 1 + ell)), j), ell, l, ONE)
paper_fixed = Claim(
    id="elasticity-paper-fixed-roles",
    title="For fixed roles the paper's signs can fail",
    prose="The statement refuted: for any three distributions with D_p = D_1 ∪ D_2 ∪ D_3, D_a as D_2, D_t as D_3 "
    "(no averaging over "
    "the roles), dγ_a/dl > 0.",
    setting=(
        "three distributions p_1, p_2, p_3 on any number of leaves, every leaf with mass of one of them",
        "volumes |D_p| = k > 0, |D_a| = 1, |D_t| = l >= 0; nats per phrase",
    ),
    source="Thm 4.2 of the paper, without its random masses",
    kind="refutation",
    idea="If alignment and perturbation data are alike (p_2 = p_3 = (1, 0)) and the rest is different (p_1 = (0, "
    "1)), more perturbation "
    "data is more alignment data: with k = 3, l = 0 the derivative is -1/12.",
    assumptions=(*UNITS3, LEAF3),
    definitions=(),
    steps=(
        Counterexample(
            "witness",
            "M = 2, p_1 = (0, 1), p_2 = p_3 = (1, 0), k = 3, l = 0",
            Fact(CONTAINED_A, "=", R(-1, 12)),
            values=(
                (M, sp.Integer(2)),
                (three[0].label, (ZERO, ONE)),
                (three[1].label, (ONE, ZERO)),
                (three[2].label, (ONE, ZERO)),
                (k, sp.Integer(3)),
                (l, ZERO),
            ),
            refuted=Fact(CONTAINED_A, ">", ZERO),
        ),
    ),
    goals=(Goal("alignment would always lose", Fact(CONTAINED_A, ">", ZERO), "witness"),),
    finding="What is enough for fixed roles is in elasticity-fixed-roles: o_at <= 1 and l <= (1 - o_at)/(o_tt - 1).",
)

NOTATION = (
    Notation("W", "W", W),
    *AVERAGES,
    Notation("avg (dγ_a/dl + k dγ_p/dl)", r"\overline{d\gamma_a/dl + k\,d\gamma_p/dl}", MEAN_SUM),
    Notation("dγ_a/dl", r"\tfrac{d\gamma_a}{dl}", CONTAINED_A),
    *(
        Notation(f"E dγ_a/dl[{order_of(r)}]", rf"E\tfrac{{d\gamma_a}}{{dl}}[{order_of(r)}]", mean(align(r)))
        for r in ROLES
    ),
    *(
        Notation(f"E dγ_p/dl[{order_of(r)}]", rf"E\tfrac{{d\gamma_p}}{{dl}}[{order_of(r)}]", mean(before(r)))
        for r in ROLES
    ),
)
CLAIMS = noted((paper, exchangeable, paper_fixed), NOTATION)
