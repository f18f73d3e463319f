"""How a code length bends: recovery is fast first and then slow, and its sign turns at most once.

Theory, section 4 (second derivative), and beyond it. All of this holds for any datasets, with fixed roles: no
averaging, no law for the masses, no containment.
"""

from __future__ import annotations

import sympy as sp

from ..expressions import Diff, index, masses, nonnegative, positive, total
from ..facts import Assume, Claim, Define, Fact, Goal
from ..notation import Notation, noted
from ..rules_algebra import Combine, Rewrite, Signed, Use
from ..rules_analysis import Differentiate
from ..vocabulary import (
    DATASET_MASSES,
    DEFINE_Q,
    DEFINE_W,
    LEAVES,
    MIXTURE_DOMAIN,
    ONE,
    M,
    Q,
    W,
    code_length,
    eps,
    i,
    j,
    p,
    s,
    slope,
    slope_notation,
    slope_steps,
    t,
)

__all__ = ["CLAIMS"]

ZERO, TWO = sp.Integer(0), sp.Integer(2)
BEND = Diff(code_length(i, eps, t), eps, ZERO, TWO)
BEND_VALUE = total(p[i, j] * p[t, j] ** 2 / Q[j] ** 2, j) - 1 / W**2
LINE = -total(p[i, j] * sp.log((Q[j] + eps * p[t, j]) / (W + eps)), j)
SHARE = total(p[i, j] * p[t, j] / Q[j], j)
SPREAD = total(p[i, j] * (p[t, j] / Q[j] - SHARE) ** 2, j)
LOWER = slope(i, t) * (slope(i, t) - 2 / W)

BEND_STEPS = (
    Rewrite(
        "bend-rewrite",
        "The code length of dataset i along this direction, as before",
        Fact(BEND, "=", Diff(LINE, eps, ZERO, TWO)),
        ("slope-Q-t", "slope-W-t"),
    ),
    Differentiate(
        "bend-diff",
        "Differentiate twice at ε = 0",
        Fact(Diff(LINE, eps, ZERO, TWO), "=", total(p[i, j] * p[t, j] ** 2 / Q[j] ** 2, j) - total(p[i, j], j) / W**2),
    ),
    Combine(
        "bend",
        "The masses sum to 1",
        Fact(BEND, "=", BEND_VALUE),
        (Use("bend-rewrite"), Use("bend-diff"), Use("masses", times=-1 / W**2, at=((s, i),))),
    ),
)

second_derivative = Claim(
    id="second-derivative",
    title="Second derivative of a code length in a volume",
    prose="For any datasets i and t: d²C_i/dn_t² = Σ_j p_ij p_tj² / Q_j² - 1/W².",
    setting=MIXTURE_DOMAIN,
    source="new (theory, section 4)",
    kind="identity",
    idea="Differentiate twice along the line on which one volume grows.",
    assumptions=(DATASET_MASSES, LEAVES),
    definitions=(DEFINE_Q, DEFINE_W),
    steps=(*slope_steps("slope", ((i, t),))[:2], *BEND_STEPS),
    goals=(Goal("the second derivative", Fact(BEND, "=", BEND_VALUE), "bend"),),
)

rebound_slows = Claim(
    id="rebound-slows",
    title="A rebound is fast first and then slow",
    prose="For any datasets i and t, with D = dC_i/dn_t: d²C_i/dn_t² >= D (D - 2/W). So wherever data t lowers "
    "the code "
    "length of i (D <= 0), that code length is convex in n_t: each further sample recovers less.",
    setting=MIXTURE_DOMAIN,
    source="new (the paper's experiments show it: fast fall, then a plateau)",
    kind="tight bound",
    idea="The second derivative is E[r²] - 1/W² for r = p_t/Q under p_i, the first is 1/W - E[r]. The variance of r "
    "is not "
    "negative, so E[r²] >= (1/W - D)².",
    assumptions=(
        DATASET_MASSES,
        LEAVES,
        Assume("falling", "data t does not worsen i", Fact(slope(i, t), "<=", ZERO), case=True),
    ),
    definitions=(DEFINE_Q, DEFINE_W),
    steps=(
        *slope_steps("slope", ((i, t),)),
        *BEND_STEPS,
        Combine(
            "variance",
            "The gap is the variance of p_t/Q under p_i, with mean Σ_j p_ij p_tj / Q_j = 1/W - D",
            Fact(BEND - LOWER, "=", SPREAD),
            (
                Use("bend"),
                Use("slope-it", times=-(slope(i, t) - 1 / W - SHARE)),
                Use("masses", times=-(SHARE**2), at=((s, i),)),
            ),
        ),
        Signed("spread", "A variance is not negative", Fact(SPREAD, ">=", ZERO), SPREAD),
        Combine("bound", "so the bound holds", Fact(BEND, ">=", LOWER), (Use("variance"), Use("spread"))),
        Combine(
            "convex",
            "Where D <= 0, the bound is the product of -D >= 0 and 2/W - D > 0",
            Fact(BEND, ">=", ZERO),
            (Use("bound"), Use("falling", times=2 / W - slope(i, t), because=("falling",))),
        ),
    ),
    goals=(
        Goal("the bound", Fact(BEND, ">=", LOWER), "bound"),
        Goal("convex where falling", Fact(BEND, ">=", ZERO), "convex", ("falling",)),
    ),
)

# --- the sign turns at most once: two amounts of data t, delta apart ---

j2 = index("j'", M)
u, v, base = masses("u"), masses("v"), masses("B", positive=True)
delta, V = nonnegative("delta"), positive("V")
early, late = nonnegative("y_1 y_2")
LATE = base[j] + delta * v[j]


def cross(one: sp.Expr, two: sp.Expr) -> sp.Expr:
    """``u u' (a - a')(b - b')`` for ``a = v/B`` and ``b = v/(B + delta v)``, as a square over positive quantities."""
    square = (v[one] * base[two] - v[two] * base[one]) ** 2
    return (
        u[one] * u[two] * square / (base[one] * base[two] * (base[one] + delta * v[one]) * (base[two] + delta * v[two]))
    )


def product(one: sp.Expr, two: sp.Expr) -> sp.Expr:
    """The same, multiplied out."""
    a1, a2 = v[one] / base[one], v[two] / base[two]
    b1, b2 = v[one] / (base[one] + delta * v[one]), v[two] / (base[two] + delta * v[two])
    return u[one] * u[two] * (a1 * b1 - a1 * b2 - a2 * b1 + a2 * b2)


PAIRS = total(cross(j, j2), j, j2)
turns_once = Claim(
    id="sign-turns-once",
    title="The sign of a rate's change turns at most once",
    prose="Let more and more of data v be mixed in, B_j being the other mass of leaf j and V the other volume, "
    "and let "
    "y = Σ_j u_j v_j / Q_j, so that the code length of u changes at the rate 1/W - y. When δ more is mixed in, "
    "y_1 - y_2 >= δ y_1 y_2, for any u and v. So once the code length of u does not fall (y_1 <= 1/V), it never "
    "falls again (y_2 <= 1/(V + δ)): its slope turns from < 0 to >= 0 at most once. It may stay level: where v is the "
    "mixture (v/V = B/V on every leaf), it does.",
    setting=(
        "u a distribution on the leaves, v >= 0, B_j > 0 the mass of leaf j in the mixture so far, V > 0 its volume",
        "δ >= 0: how much more of v is mixed in",
    ),
    source="new",
    kind="tight bound",
    idea="With a = v/B and b = v/(B + δv), y_1 - y_2 = δ E_u[ab], and a and b are ordered alike, so E_u[ab] >= "
    "E_u[a] E_u[b]: "
    "Chebyshev's sum inequality, here as a double sum of squares.",
    assumptions=(
        Assume("u", "u sums to 1", Fact(total(u[j], j), "=", ONE)),
        Assume("rising", "the code length of u does not fall at the start", Fact(early, "<=", 1 / V), case=True),
    ),
    definitions=(
        Define("y1", "the overlap rate at the start", Fact(early, "=", total(u[j] * v[j] / base[j], j))),
        Define("y2", "the overlap rate when δ more of v is mixed in", Fact(late, "=", total(u[j] * v[j] / LATE, j))),
    ),
    steps=(
        Combine(
            "leaf",
            "On each leaf, the difference of the two shares is δ times their product",
            Fact(v[j] / base[j] - v[j] / LATE, "=", delta * (v[j] / base[j]) * (v[j] / LATE)),
        ),
        Combine(
            "difference",
            "so, summed with u, the difference of the two overlap rates is",
            Fact(early - late, "=", delta * total(u[j] * v[j] ** 2 / (base[j] * LATE), j)),
            (Use("y1"), Use("y2", times=-ONE), Use("leaf", times=u[j], over=(j,))),
        ),
        Combine(
            "square",
            "For two leaves, u u' (a - a')(b - b') is a square over positive quantities",
            Fact(product(j, j2), "=", cross(j, j2)),
        ),
        Combine(
            "pairs",
            "Sum over all pairs of leaves; u sums to 1",
            Fact(2 * total(u[j] * v[j] ** 2 / (base[j] * LATE), j) - 2 * early * late, "=", PAIRS),
            (
                Use("square", over=(j, j2)),
                Use("u", times=-2 * total(u[j] * v[j] ** 2 / (base[j] * LATE), j)),
                Use("y1", times=-2 * late),
                Use("y2", times=-2 * total(u[j] * v[j] / base[j], j)),
            ),
        ),
        Signed("pairs-sign", "which is not negative", Fact(PAIRS, ">=", ZERO), PAIRS),
        Combine(
            "falls",
            "So the overlap rate falls at least this much",
            Fact(early - late, ">=", delta * early * late),
            (Use("difference"), Use("pairs", times=delta / 2), Use("pairs-sign", times=delta / 2)),
        ),
        Combine(
            "stays",
            "If y_1 <= 1/V, then y_2 <= y_1/(1 + δ y_1) <= 1/(V + δ)",
            Fact(late, "<=", 1 / (V + delta)),
            (
                Use("falls", times=1 / (1 + delta * early)),
                Use("rising", times=V / ((V + delta) * (1 + delta * early))),
            ),
        ),
    ),
    goals=(
        Goal("the overlap rate falls", Fact(early - late, ">=", delta * early * late), "falls"),
        Goal("once rising, always rising", Fact(late, "<=", 1 / (V + delta)), "stays", ("rising",)),
    ),
)

NOTATION = (
    *slope_notation((i, t)),
    Notation("d²C_i/dn_t²", r"\tfrac{\partial^2 C_i}{\partial n_t^2}", BEND),
)
CLAIMS = noted((second_derivative, rebound_slows, turns_once), NOTATION)
