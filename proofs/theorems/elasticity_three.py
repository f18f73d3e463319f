"""The elasticity theorem as the paper sets it: D_p is the union of three datasets in equal parts.

``D_a`` is distributed as one of them, ``D_t`` as another. With ``a = k/3``, ``b = k/3 + 1``, ``c = k/3 + l``, leaf
``j`` has the mass ``Q_j = a p_1j + b p_2j + c p_3j`` when the roles (1, 2, 3) = (rest, alignment, perturbation) go to
datasets 1, 2, 3. Averages are over the six ways to give the roles.
"""

from __future__ import annotations

import itertools

import sympy as sp

from ..expressions import Diff, masses, nonnegative, positive, real, total
from ..facts import Assume, Claim, Fact, Goal
from ..notation import Notation, noted
from ..rules_algebra import Combine, Signed, Use
from ..rules_analysis import Differentiate
from ..vocabulary import ONE, j
from .elasticity_any_number import ALIGN_STEPS, PRE_STEPS, left_over_align, left_over_pre, mean, x, y

__all__ = ["CLAIMS"]

ALIGN_LEAF, PRE_LEAF = (
    next(s for s in steps if s.name == f"{who}-leaf") for who, steps in (("align", ALIGN_STEPS), ("pre", PRE_STEPS))
)

ZERO, HALF = sp.Integer(0), sp.Rational(1, 2)
k, l, ell = positive("k"), nonnegative("l"), real("lambda")  # noqa: E741
W = k + 1 + l
P = tuple(masses(f"p_{r}") for r in (1, 2, 3))
ROLES = tuple(itertools.permutations(P))

DOMAIN = (
    "three datasets with masses p_1, p_2, p_3 >= 0 on any number M of leaves; each sums to 1; every leaf has mass of "
    "one",
    "D_p is their union in equal parts: p_p = (p_1 + p_2 + p_3)/3; D_a is distributed as D_2, D_t as D_3",
    "dγ/dl[132] is for the roles D_1 = p_1, D_2 = p_3, D_3 = p_2; λ, the volume of D_t, is l after differentiating",
    "volumes |D_p| = k > 0, |D_a| = 1, |D_t| = l >= 0; Q_j = k p_pj + p_2j + l p_3j; W = k + 1 + l; nats per phrase",
)
AVERAGE = (
    "averaged over the six ways to give the roles D_1, D_2, D_3 (so in expectation for any exchangeable random triple)"
)


def joint(roles: tuple[sp.Expr, ...], at: sp.Expr, volume: sp.Expr) -> sp.Expr:
    """The mass of a leaf: ``k/3 x_1 + (k/3 + 1) x_2 + (k/3 + l) x_3``."""
    one, two, three = (x[at] for x in roles)
    return k / 3 * one + (k / 3 + 1) * two + (k / 3 + volume) * three


def rest_of(roles: tuple[sp.Expr, ...], at: sp.Expr) -> sp.Expr:
    """The mass of a leaf without the perturbation data."""
    return joint(roles, at, ZERO)


def pre(roles: tuple[sp.Expr, ...], at: sp.Expr) -> sp.Expr:
    """The pre-training mass of a leaf."""
    return sp.Add(*(x[at] for x in roles)) / 3


def rate_slope(own: sp.Expr, roles: tuple[sp.Expr, ...], order: int = 1) -> sp.Expr:
    """``dγ/dl`` of the data with masses ``own``."""
    grown = rest_of(roles, j) + ell * roles[2][j]
    return Diff(-total(own * sp.log(grown / (k + 1 + ell)), j), ell, l, sp.Integer(order))


def align(roles: tuple[sp.Expr, ...], order: int = 1) -> sp.Expr:
    """``dγ_a/dl`` for one way to give the roles."""
    return rate_slope(roles[1][j], roles, order)


def before(roles: tuple[sp.Expr, ...], order: int = 1) -> sp.Expr:
    """``dγ_p/dl`` for one way to give the roles."""
    return rate_slope(pre(roles, j), roles, order)


MEAN_ALIGN = sp.Add(*(align(roles) for roles in ROLES)) / 6
MEAN_PRE = sp.Add(*(before(roles) for roles in ROLES)) / 6
MEAN_BEND = sp.Add(*(before(roles, 2) for roles in ROLES)) / 6

# A generic derivative, used for each way to give the roles.
u, v, B = masses("u"), masses("v"), masses("B", positive=True)
V = positive("V")


def generic(order: int) -> sp.Expr:
    """The derivative of ``-sum_j u_j ln((B_j + l v_j)/(V + l))`` in l."""
    return Diff(-total(u[j] * sp.log((B[j] + ell * v[j]) / (V + ell)), j), ell, l, sp.Integer(order))


GENERIC = Differentiate(
    "derivative",
    "For any masses u, v, B and volume V: the code length of u when l of v is mixed into B",
    Fact(generic(1), "=", total(u[j], j) / (V + l) - total(u[j] * v[j] / (B[j] + l * v[j]), j)),
)
GENERIC_BEND = Differentiate(
    "bend",
    "and its second derivative",
    Fact(generic(2), "=", total(u[j] * v[j] ** 2 / (B[j] + l * v[j]) ** 2, j) - total(u[j], j) / (V + l) ** 2),
)


def set_roles(own: sp.Expr, roles: tuple[sp.Expr, ...]) -> tuple[tuple[sp.Expr, sp.Expr], ...]:
    """The values at which the generic derivative is used."""
    return ((u[j], own), (v[j], roles[2][j]), (B[j], rest_of(roles, j)), (V, k + 1))


UNITS = tuple(
    Assume(f"masses-{r}", f"the masses of dataset {r} sum to 1", Fact(total(P[r - 1][j], j), "=", ONE))
    for r in (1, 2, 3)
)
LEAF_MASS = Assume("leaf", "every leaf has mass of some dataset", Fact(P[0][j] + P[1][j] + P[2][j], ">", ZERO))
SMALL = Assume("small", "the perturbation data is at most half the alignment data", Fact(l, "<=", HALF), case=True)

# --- one leaf, and the diversity of the three ---

SUM = P[0][j] + P[1][j] + P[2][j]
MEAN = SUM / 3
SPREAD = sp.Add(*((x[j] - MEAN) ** 2 / MEAN for x in P))
DIVERSITY = total(SPREAD, j)
REST_ALIGN = total(sp.Add(*(left_over_align(MEAN, r[1][j], r[2][j]) for r in ROLES)), j)
REST_PRE = total(sp.Add(*(left_over_pre(MEAN, r[1][j], r[2][j]) for r in ROLES)), j)
SIXTH = sp.Rational(1, 6)


def on_leaf(roles: tuple[sp.Expr, ...]) -> tuple[tuple[sp.Expr, sp.Expr], ...]:
    """The values at which an identity of one leaf is used."""
    return ((mean, MEAN), (x, roles[1][j]), (y, roles[2][j]))


PAIRS = Combine(
    "pairs",
    "On a leaf with mean mass z = S/3: the products of two masses, over z, make 2 S less the scatter",
    Fact(sp.Add(*(r[1][j] * r[2][j] / MEAN for r in ROLES)), "=", 2 * SUM - SPREAD),
)
TANGENT = Combine(
    "tangents",
    "and the six tangents at z sum to",
    Fact(
        sp.Add(*(r[2][j] * (2 * W * MEAN - k * MEAN - r[1][j] - l * r[2][j]) / (W**2 * MEAN) for r in ROLES)),
        "=",
        2 * SUM / W + (1 - 2 * l) * SPREAD / W**2,
    ),
)

finite_size = Claim(
    id="elasticity-finite-size",
    title="Finite-size elasticity theorem",
    prose="For any three distributions, " + AVERAGE + ": dγ_a/dl >= 0 for every k > 0 and l >= 0, and dγ_p/dl <= 0 for "
    "every k > 0 and 0 <= l <= 1/2. No Pareto law, no limit in k, l or M.",
    setting=DOMAIN,
    source="Thm 4.2 of the paper, finite size (new)",
    kind="tight bound",
    idea="elasticity-any-number, for N = 3, where it does not even need that the masses sum to 1. dγ/dl is 1/W "
    "minus an "
    "overlap, a sum over the leaves; on each leaf the overlap is bounded, and what the bound gives away is a sum of "
    "squares over positive quantities. Summed over the six roles, only the diversity of the three is left.",
    assumptions=(LEAF_MASS, SMALL),
    definitions=(),
    steps=(
        GENERIC,
        ALIGN_LEAF,
        PRE_LEAF,
        PAIRS,
        TANGENT,
        Combine(
            "align-sum",
            "The alignment data: use the derivative and the bound on a leaf for each of the six ways; sum over "
            "the leaves",
            Fact(MEAN_ALIGN, "=", (k * DIVERSITY / W**2 + REST_ALIGN) / 6),
            (
                *(Use("derivative", times=SIXTH, at=set_roles(r[1][j], r)) for r in ROLES),
                *(Use("align-leaf", times=SIXTH, over=(j,), at=on_leaf(r)) for r in ROLES),
                Use("pairs", times=-k / (6 * W**2), over=(j,)),
            ),
        ),
        Signed(
            "align",
            "which is a sum of squares over positive quantities",
            Fact((k * DIVERSITY / W**2 + REST_ALIGN) / 6, ">=", ZERO),
            (k * DIVERSITY / W**2 + REST_ALIGN) / 6,
        ),
        Combine("align-mean", "So it does not gain", Fact(MEAN_ALIGN, ">=", ZERO), (Use("align-sum"), Use("align"))),
        Combine(
            "pre-sum",
            "The pre-training data: p_pj = S_j/3 does not depend on the roles",
            Fact(MEAN_PRE, "=", -((1 - 2 * l) * DIVERSITY / W**2 + REST_PRE) / 6),
            (
                *(Use("derivative", times=SIXTH, at=set_roles(pre(r, j), r)) for r in ROLES),
                *(Use("pre-leaf", times=-SIXTH, over=(j,), at=on_leaf(r)) for r in ROLES),
                Use("tangents", times=-SIXTH, over=(j,)),
            ),
        ),
        Signed("rest", "What the tangent gives away is not negative", Fact(REST_PRE, ">=", ZERO), REST_PRE),
        Signed("diverse", "nor is the diversity", Fact(DIVERSITY, ">=", ZERO), DIVERSITY),
        Combine(
            "pre",
            "so for l <= 1/2 it does not lose",
            Fact(MEAN_PRE, "<=", ZERO),
            (
                Use("pre-sum", times=-ONE),
                Use("rest", times=SIXTH),
                Use("diverse", times=(1 - 2 * l) * SIXTH / W**2, because=("small",)),
            ),
        ),
    ),
    goals=(
        Goal("alignment data loses", Fact(MEAN_ALIGN, ">=", ZERO), "align-mean"),
        Goal("pre-training data recovers", Fact(MEAN_PRE, "<=", ZERO), "pre", ("small",)),
    ),
    finding="elasticity-any-number-equality settles the equality cases: for l < 1/2 only p_1 = p_2 = p_3. "
    "elasticity-finite-size-sharp shows that 1/2 cannot be raised. A second proof, by a polynomial with 785 and one "
    "with 609 terms and no negative coefficient, is in an earlier version of this ledger.",
)


def order_of(roles: tuple[sp.Expr, ...]) -> str:
    """Which datasets have the three roles, such as "132"."""
    return "".join(str(P.index(x) + 1) for x in roles)


AVERAGES = (
    Notation("avg dγ_a/dl", r"\overline{d\gamma_a/dl}", MEAN_ALIGN),
    *(Notation(f"dγ_a/dl[{order_of(r)}]", rf"\tfrac{{d\gamma_a}}{{dl}}[{order_of(r)}]", align(r)) for r in ROLES),
    Notation("avg dγ_p/dl", r"\overline{d\gamma_p/dl}", MEAN_PRE),
    *(Notation(f"dγ_p/dl[{order_of(r)}]", rf"\tfrac{{d\gamma_p}}{{dl}}[{order_of(r)}]", before(r)) for r in ROLES),
)

# --- disjoint supports: 1/2 is sharp ---


def point_slope(own: tuple[int, ...], roles: tuple[int, ...]) -> sp.Expr:
    """``dγ/dl`` where each dataset has one leaf of its own, written out: ``own`` is 3 times the mass on each leaf."""
    masses_ = {
        0: k / 3,
        1: k / 3 + 1,
        2: k / 3 + ell,
    }
    grown = [masses_[roles[leaf]] for leaf in range(3)]
    return Diff(
        -sp.Add(*(sp.Rational(own[leaf], 3) * sp.log(grown[leaf] / (k + 1 + ell)) for leaf in range(3))), ell, l, ONE
    )


POINTS = tuple(itertools.permutations((0, 1, 2)))
POINT_MEAN = sp.Add(*(point_slope((1, 1, 1), roles) for roles in POINTS)) / 6
POINT = point_slope((1, 1, 1), (0, 1, 2))
POINT_VALUE = (2 * l - 1) / (W * (k + 3 * l))
sharp = Claim(
    id="elasticity-finite-size-sharp",
    title="One half is sharp",
    prose="In elasticity-finite-size the bound l <= 1/2 cannot be raised: for three datasets with one leaf each, "
    "the average of "
    "dγ_p/dl is (2l - 1)/((k + 1 + l)(k + 3l)), which is > 0 for every k > 0 and every l > 1/2.",
    setting=(
        "p_1 = (1, 0, 0), p_2 = (0, 1, 0), p_3 = (0, 0, 1); D_p their union in equal parts; k > 0, l >= 0; W = k + 1 "
        "+ l",
        "nats per phrase",
    ),
    source="new",
    kind="tight bound",
    idea="Write the three leaves out. All six ways to give the roles lead to the same value.",
    assumptions=(Assume("large", "l is above 1/2", Fact(l, ">", HALF), case=True),),
    definitions=(),
    steps=(
        Differentiate(
            "slope",
            "Differentiate, leaf by leaf; the six ways to give the roles are alike",
            Fact(POINT, "=", POINT_VALUE),
        ),
        Combine("mean", "so this is their average", Fact(POINT_MEAN, "=", POINT_VALUE), (Use("slope"),)),
        Combine(
            "positive",
            "which is positive for l > 1/2",
            Fact(POINT_MEAN, ">", ZERO),
            (Use("mean"), Use("large", times=2 / (W * (k + 3 * l)))),
        ),
    ),
    goals=(
        Goal("the value", Fact(POINT_MEAN, "=", POINT_VALUE), "mean"),
        Goal("positive above 1/2", Fact(POINT_MEAN, ">", ZERO), "positive", ("large",)),
    ),
)

ONE_WAY = P
OWN_ALIGN, OWN_PRE = align(ONE_WAY), before(ONE_WAY)
Q = joint(ONE_WAY, j, l)
A_, B_, C_ = k / 3, k / 3 + 1, k / 3 + l
APART = tuple(
    Assume(f"apart-{r}{q}", f"datasets {r} and {q} share no leaf", Fact(P[r - 1][j] * P[q - 1][j], "=", ZERO))
    for r, q in ((1, 3), (2, 3))
)
DISJOINT_VALUE = (2 * l - 1) / (W * (k + 3 * l))
disjoint = Claim(
    id="elasticity-disjoint",
    title="Disjoint supports, exactly",
    prose="If the perturbation data shares no leaf with the other two datasets: dγ_a/dl = 1/(k+1+l), dγ_p/dl = "
    "(2l-1)/((k+1+l)(k+3l)); "
    "the ratio is -(k+3l)/(1-2l), and the sign of dγ_p/dl turns at l = 1/2.",
    setting=(*DOMAIN, "p_1j p_3j = p_2j p_3j = 0 on every leaf (D_1 and D_2 may overlap)"),
    source="new (theory, section 4)",
    kind="identity",
    idea="On the leaves of D_3 the joint mass is c p_3j, elsewhere p_3j = 0: each overlap is a sum of p_3j/c or of 0.",
    assumptions=(*UNITS, LEAF_MASS, *APART),
    definitions=(),
    steps=(
        GENERIC,
        Combine(
            "align-slope",
            "The alignment data, whose masses sum to 1",
            Fact(OWN_ALIGN, "=", 1 / W - total(P[1][j] * P[2][j] / Q, j)),
            (Use("derivative", at=set_roles(P[1][j], ONE_WAY)), Use("masses-2", times=1 / W)),
        ),
        Combine(
            "align",
            "shares no leaf with D_3: its overlap is 0",
            Fact(OWN_ALIGN, "=", 1 / W),
            (Use("align-slope"), Use("apart-23", times=-1 / Q, over=(j,))),
        ),
        Combine(
            "pre-slope",
            "The pre-training data, whose masses sum to 1",
            Fact(OWN_PRE, "=", 1 / W - total(pre(ONE_WAY, j) * P[2][j] / Q, j)),
            (
                Use("derivative", at=set_roles(pre(ONE_WAY, j), ONE_WAY)),
                *(Use(f"masses-{r}", times=1 / (3 * W)) for r in (1, 2, 3)),
            ),
        ),
        Combine(
            "leaf-share",
            "On every leaf, p_pj p_3j / Q_j is p_3j / (3c) with c = k/3 + l",
            Fact(pre(ONE_WAY, j) * P[2][j] / Q, "=", P[2][j] / (3 * C_)),
            (
                Use("apart-13", times=(1 - A_ / C_) / (3 * Q)),
                Use("apart-23", times=(1 - B_ / C_) / (3 * Q)),
            ),
        ),
        Combine(
            "pre",
            "so the overlap is 1/(3c) = 1/(k + 3l)",
            Fact(OWN_PRE, "=", DISJOINT_VALUE),
            (Use("pre-slope"), Use("leaf-share", times=-ONE, over=(j,)), Use("masses-3", times=-1 / (3 * C_))),
        ),
        Combine(
            "ratio",
            "The two together",
            Fact((1 - 2 * l) * OWN_ALIGN, "=", -(k + 3 * l) * OWN_PRE),
            (Use("align", times=1 - 2 * l), Use("pre", times=k + 3 * l)),
        ),
    ),
    goals=(
        Goal("alignment data", Fact(OWN_ALIGN, "=", 1 / W), "align"),
        Goal("pre-training data", Fact(OWN_PRE, "=", DISJOINT_VALUE), "pre"),
        Goal("the ratio", Fact((1 - 2 * l) * OWN_ALIGN, "=", -(k + 3 * l) * OWN_PRE), "ratio"),
    ),
)

NOTATION = (
    Notation("W", "W", W),
    *AVERAGES,
    Notation("avg dγ_p/dl", r"\overline{d\gamma_p/dl}", POINT_MEAN),
)
CLAIMS = noted((finite_size, sharp, disjoint), NOTATION)
