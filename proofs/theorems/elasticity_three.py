"""The elasticity theorem as the paper sets it: D_p is the union of three datasets in equal parts.

``D_a`` is distributed as one of them, ``D_t`` as another. With ``a = k/3``, ``b = k/3 + 1``, ``c = k/3 + l``, leaf
``j`` has the mass ``Q_j = a p_1j + b p_2j + c p_3j`` when the roles (1, 2, 3) = (rest, alignment, perturbation) go to
datasets 1, 2, 3. Averages are over the six ways to give the roles.
"""

from __future__ import annotations

import itertools

import sympy as sp

from ..expressions import Diff, masses, nonnegative, positive, real, total
from ..facts import Assume, Claim, Fact, Goal, Notation, noted
from ..rules_algebra import Certificate, Combine, Use
from ..rules_analysis import Differentiate
from ..vocabulary import ONE, j

__all__ = ["CLAIMS"]

ZERO, THIRD, HALF = sp.Integer(0), sp.Rational(1, 3), sp.Rational(1, 2)
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

# --- one leaf: two inequalities in six variables ---

xs = nonnegative("x_1 x_2 x_3")
a = positive("a")
uu, vv, ww = nonnegative("u v w")
steps = nonnegative("s t r")
S = sp.Add(*xs)
PERMS = tuple(itertools.permutations(xs))
SOME = Assume(
    "some", "the one leaf of the lemmas has mass; shown for every leaf where they are used", Fact(S, ">", ZERO)
)


def first_leaf(x: tuple[sp.Expr, ...], a: sp.Expr, u: sp.Expr, v: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Both sides of: the alignment data's overlap on a leaf is at most ``2 S/(a + b + c)``, summed over the roles."""
    b, c = a + u, a + v
    left = sp.Add(*(y[1] * y[2] / (a * y[0] + b * y[1] + c * y[2]) for y in itertools.permutations(x)))
    return left, 2 * sp.Add(*x) / (3 * a + u + v)


def second_leaf(x: tuple[sp.Expr, ...], a: sp.Expr, v: sp.Expr, w: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Both sides of: the pre-training data's overlap on a leaf is at least ``6/(a + b + c)``, summed over the roles."""
    b, c = a + 2 * v + w, a + v
    left = sp.Add(*(y[2] / (a * y[0] + b * y[1] + c * y[2]) for y in itertools.permutations(x)))
    return left, 6 / (3 * a + 3 * v + w)


L1, R1 = first_leaf(xs, a, uu, vv)
L2, R2 = second_leaf(xs, a, vv, ww)
FIRST = Certificate(
    "leaf-align",
    "On one leaf, with masses x_1, x_2, x_3 and b = a + u, c = a + v (u, v >= 0): sum over the six orders of the "
    "masses",
    Fact(L1, "<=", R1),
    symmetric=xs,
    steps=steps,
    terms=785,
)
SECOND = Certificate(
    "leaf-pre",
    "On one leaf, with b = a + 2v + w, c = a + v (v, w >= 0, that is b - a >= 2(c - a)): sum over the six orders",
    Fact(L2, ">=", R2),
    symmetric=xs,
    steps=steps,
    terms=609,
)
AT_X = tuple((x, p[j]) for x, p in zip(xs, P, strict=True))
AT_FIRST = (*AT_X, (a, k / 3), (uu, ONE), (vv, l))
AT_SECOND = (*AT_X, (a, k / 3), (vv, l), (ww, 1 - 2 * l))
SUM = P[0][j] + P[1][j] + P[2][j]

finite_size = Claim(
    id="elasticity-finite-size",
    title="Finite-size elasticity theorem",
    statement="For any three distributions, "
    + AVERAGE
    + ": dγ_a/dl >= 0 for every k > 0 and l >= 0, and dγ_p/dl <= 0 for every "
    "k > 0 and 0 <= l <= 1/2. No Pareto law, no limit in k, l or M.",
    latex=r"For any three distributions, averaged over the six ways to give the roles $D_1, D_2, D_3$: "
    r"$d\gamma_a/dl \ge 0$ for every $k>0$, $l\ge0$, and $d\gamma_p/dl \le 0$ for every $k>0$, $0\le l\le 1/2$.",
    premises=DOMAIN,
    source="Thm 4.2 of the paper, finite size (new)",
    kind="tight bound",
    idea="dγ/dl is 1/W minus an overlap, a sum over the leaves. So it is enough to bound, on each leaf by itself, "
    "the overlap "
    "summed over the six orders of the leaf's three masses. Each bound is symmetric in the masses, so they may be "
    "put in "
    "order, x_1 = s, x_2 = s + t, x_3 = s + t + r; multiplied by all six denominators, the difference of the two "
    "sides is a "
    "polynomial in s, t, r, a, u, v (or v, w) in which every coefficient is a positive whole number. It cannot be "
    "negative.",
    assumptions=(LEAF_MASS, SMALL, SOME),
    definitions=(),
    steps=(
        GENERIC,
        FIRST,
        SECOND,
        Combine(
            "align",
            "The alignment data: use the derivative for each of the six ways; bound the overlap on every leaf with a "
            "= k/3, "
            "u = 1, v = l, so that a + b + c = W; sum over the leaves",
            Fact(MEAN_ALIGN, ">=", ZERO),
            (
                *(Use("derivative", times=sp.Rational(1, 6), at=set_roles(roles[1][j], roles)) for roles in ROLES),
                Use("leaf-align", times=sp.Rational(1, 6), over=(j,), at=AT_FIRST),
            ),
        ),
        Combine(
            "pre",
            "The pre-training data: p_pj = S_j/3 does not depend on the roles; bound the rest on every leaf with a = "
            "k/3, "
            "v = l, w = 1 - 2l, which is >= 0; weigh with S_j and sum over the leaves",
            Fact(MEAN_PRE, "<=", ZERO),
            (
                *(Use("derivative", times=-sp.Rational(1, 6), at=set_roles(pre(roles, j), roles)) for roles in ROLES),
                Use("leaf-pre", times=SUM / 18, over=(j,), at=AT_SECOND, because=("small",)),
            ),
        ),
    ),
    goals=(
        Goal("alignment data loses", Fact(MEAN_ALIGN, ">=", ZERO), "align"),
        Goal("pre-training data recovers", Fact(MEAN_PRE, "<=", ZERO), "pre", ("small",)),
    ),
    finding="elasticity-any-number proves the same in a second, independent way (tangents and squares instead of a "
    "certificate), "
    "for any number of datasets, and settles the equality cases: for l < 1/2 only p_1 = p_2 = p_3. "
    "elasticity-finite-size-sharp shows that 1/2 cannot be raised.",
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
    statement="In elasticity-finite-size the bound l <= 1/2 cannot be raised: for three datasets with one leaf each, "
    "the average of "
    "dγ_p/dl is (2l - 1)/((k + 1 + l)(k + 3l)), which is > 0 for every k > 0 and every l > 1/2.",
    latex=r"For three datasets with one leaf each, the average of $d\gamma_p/dl$ is $\frac{2l-1}{(k+1+l)(k+3l)} > 0$ "
    r"for every "
    r"$k>0$ and $l>1/2$.",
    premises=(
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
    statement="If the perturbation data shares no leaf with the other two datasets: dγ_a/dl = 1/(k+1+l), dγ_p/dl = "
    "(2l-1)/((k+1+l)(k+3l)); "
    "the ratio is -(k+3l)/(1-2l), and the sign of dγ_p/dl turns at l = 1/2.",
    latex=r"If $D_3$ shares no leaf with $D_1, D_2$: $d\gamma_a/dl = \frac{1}{k+1+l}$, $d\gamma_p/dl = "
    r"\frac{2l-1}{(k+1+l)(k+3l)}$; "
    r"the ratio is $-(k+3l)/(1-2l)$.",
    premises=(*DOMAIN, "p_1j p_3j = p_2j p_3j = 0 on every leaf (D_1 and D_2 may overlap)"),
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
