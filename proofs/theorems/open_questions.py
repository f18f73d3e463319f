"""What was open: two questions settled, and one that is no mathematics.

``turning-point-from-above`` is refuted by a family of examples, and another bound put in its place;
``pareto-overlap-monotone`` is shown for finite laws of which one spreads out the other.
"""

from __future__ import annotations

import sympy as sp

from ..exact import Counterexample
from ..expressions import Diff, index, masses, nonnegative, positive, real, size, total
from ..facts import Assume, Claim, Define, Fact, Goal
from ..notation import Notation, noted
from ..rules_algebra import Combine, Signed, Use
from ..rules_analysis import Differentiate
from ..vocabulary import ONE, M, j

__all__ = ["CLAIMS"]

ZERO = sp.Integer(0)

# --- more spread, less overlap ---

A, B = size("A"), size("B")
a, b = index("mu", A), index("nu", B)
q, spread = masses("q"), masses("K")
x, wide = masses("X", positive=True), masses("X'", positive=True)
y, z = positive("y z")
one, two = positive("u v")


def overlap(first: sp.Expr) -> sp.Expr:
    """``(xy + yz + zx)/(x + y + z)``: its mean over three independent draws is the overlap times the mean."""
    return (first * y + y * z + z * first) / (first + y + z)


SLOPE = (y**2 + y * z + z**2) / (one + y + z) ** 2
ROOM = (y**2 + y * z + z**2) * (two - one) ** 2 / ((one + y + z) ** 2 * (two + y + z))
NARROW_MEAN = total(q[a] * overlap(x[a]), a)
WIDE_MEAN = total(q[a] * total(spread[a, b] * overlap(wide[b]), b), a)
LOSS = total(
    q[a] * spread[a, b] * ROOM.xreplace({one: x[a], two: wide[b]}),
    a,
    b,
)
monotone = Claim(
    id="pareto-overlap-monotone",
    title="Heavier tails, more elastic",
    prose="Let x' be a spread of x: from the value x_a it goes to x'_b with probability K_ab, and x_a is the "
    "mean of where "
    "it goes. Then the mean of (xy + yz + zx)/(x + y + z) does not rise when x' takes the place of x, for any "
    "y, z > 0. "
    "Replacing the three independent masses one at a time, the overlap o of the wider law is at most that of "
    "the narrower "
    "one of the same mean. Pareto masses with a smaller α, scaled to one mean, are wider: so o(α) increases with α.",
    setting=(
        "finite laws: q_a the mass of the value x_a, K_ab >= 0 with Σ_b K_ab = 1, Σ_b K_ab x'_b = x_a; y, z > 0",
        "the step from finite laws to Pareto's is classical, and no part of the proof",
    ),
    source="theory, sections 4 and 12 (heavier tails, more elastic); any laws in Lorenz order",
    kind="tight bound",
    idea="f is strictly concave in each place: it lies below its tangent, and the gap is a square. Jensen's "
    "inequality, "
    "value by value.",
    assumptions=(
        Assume("kernel", "the probabilities of where a value goes sum to 1", Fact(total(spread[a, b], b), "=", ONE)),
        Assume("centred", "their mean is the value", Fact(total(spread[a, b] * wide[b], b), "=", x[a])),
    ),
    definitions=(),
    steps=(
        Combine(
            "tangent",
            "For any two numbers u, v > 0, the tangent at u lies above f(v), by a square",
            Fact(overlap(one) + SLOPE * (two - one) - overlap(two), "=", ROOM),
        ),
        Combine(
            "mean",
            "Take it at u = x_a, v = x'_b, and the mean: the tangents' slopes cancel, as x_a is the mean of x'_b",
            Fact(NARROW_MEAN - WIDE_MEAN, "=", LOSS),
            (
                Use("tangent", times=q[a] * spread[a, b], over=(b, a), at=((one, x[a]), (two, wide[b]))),
                Use("kernel", times=-q[a] * (overlap(x[a]) - x[a] * SLOPE.xreplace({one: x[a]})), over=(a,)),
                Use("centred", times=-q[a] * SLOPE.xreplace({one: x[a]}), over=(a,)),
            ),
        ),
        Signed("loss", "A mean of squares is not negative", Fact(LOSS, ">=", ZERO), LOSS),
        Combine(
            "falls", "so the overlap does not rise", Fact(WIDE_MEAN, "<=", NARROW_MEAN), (Use("mean"), Use("loss"))
        ),
    ),
    goals=(
        Goal("what the spread costs", Fact(NARROW_MEAN - WIDE_MEAN, "=", LOSS), "mean"),
        Goal("the overlap does not rise", Fact(WIDE_MEAN, "<=", NARROW_MEAN), "falls"),
    ),
    classical=(
        "of two laws with one mean, the second is larger in convex order iff it is a spread of the first (Hardy, "
        "Littlewood and Pólya 1929; Strassen 1965), and iff its Lorenz curve is lower",
        "the Lorenz curve of Pareto(α) is 1 - (1-u)^(1-1/α), which rises with α (Arnold 2015, section 3.2)",
    ),
    finding="Limits: o(α) <= 6 (α-1)/(2α-1) -> 0 as α -> 1, and o(α) -> 1 as α -> ∞ (theory, section 12; not "
    "proved here).",
)

capacity = Claim(
    id="capacity-depth",
    title="More parameters, more depth",
    prose="A model with more parameters captures the token tree to a larger depth (Assumption 3.2 of the paper).",
    setting=("trained language models; the effective depth of effective-depth-chain-rule",),
    source="Assumption 3.2 of the paper",
    kind="hypothesis",
    idea="",
    assumptions=(),
    definitions=(),
    steps=(),
    goals=(),
    finding="An empirical hypothesis about training, no mathematical claim. effective-depth-chain-rule makes it a "
    "measurement: the excess of every position is >= 0, and they sum to the divergence from the data.",
)

# --- the turning point from above ---

k, l, ell = positive("k"), nonnegative("l"), real("lambda")  # noqa: E741
pre, ali, per = masses("p_p", positive=True), masses("p_a"), masses("p_t")
W = k + 1 + l
GROWN = k * pre[j] + ali[j] + ell * per[j]
RATE = Diff(-total(pre[j] * sp.log(GROWN / (k + 1 + ell)), j), ell, l, ONE)
o_at, o_tt = nonnegative("o_at o_tt")
BEYOND = Fact(RATE, ">=", ZERO)
beta = sp.Rational(1, 100)
UNITS = tuple(
    Assume(f"masses-{name}", f"the {word} masses sum to 1", Fact(total(own[j], j), "=", ONE))
    for name, word, own in (("p", "pre-training", pre), ("a", "alignment", ali), ("t", "perturbation", per))
)
OVERLAPS = (
    Define("o_at", "overlap of alignment and perturbation data", Fact(o_at, "=", total(ali[j] * per[j] / pre[j], j))),
    Define("o_tt", "self-overlap of the perturbation data", Fact(o_tt, "=", total(per[j] ** 2 / pre[j], j))),
)
# The family, written out, with g = 1 - b.
g, b_, late = positive("g b l'")
PRE_3, PER_3 = (g, b_**2 / (1 + b_), b_ / (1 + b_)), (g, b_, ZERO)
MASSES_3 = tuple(k * p + q_ + ell * t_ for p, q_, t_ in zip(PRE_3, (ZERO, ZERO, ONE), PER_3, strict=True))
RATE_3 = Diff(-sp.Add(*(p * sp.log(q_ / (k + 1 + ell)) for p, q_ in zip(PRE_3, MASSES_3, strict=True))), ell, l, ONE)
VALUE_3 = (g + b_) / W - g / (k + l) - b_**2 / (k * b_ + l * (1 + b_))
BELOW = W * (k + l) * (l + b_ * (k + l))
# The bound in its place, by means of R.
ratio = masses("R", positive=True)
far = ratio[j] - k - 1
W_L = k + 1 + late
SPREAD_MEAN, EXCESS = total(pre[j] * far**2, j), total(pre[j] * far, j)
COVERED = Diff(-total(pre[j] * sp.log((ratio[j] + ell) / (k + 1 + ell)), j), ell, late, ONE)
LEFT = far**2 * ratio[j] / (W_L**2 * late * (ratio[j] + late))
turning = Claim(
    id="turning-point-from-above",
    title="The latest possible turning point is not bounded by two overlaps",
    prose="The statement refuted: what bounds the turning point l* of dγ_p/dl from below "
    "(elasticity-fixed-roles) bounds it "
    "from above too, so that dγ_p/dl >= 0 for (o_tt - 1) l >= 1 - o_at. And no other function of o_at, o_tt and "
    "k does: in "
    "the family p_p = (1-b, b²/(1+b), b/(1+b)), p_t = (1-b, b, 0), p_a = (0, 0, 1) both overlaps are the same "
    "for every "
    "b (0 and 2), but dγ_p/dl < 0 for every l < 1/b - k - 1. In its place: with R = (k p_p + p_a)/p_t, K = k + "
    "1 and means "
    "under p_p, dγ_p/dl >= 0 for l (E[R] - K) >= E[(R - K)²].",
    setting=(
        "any three distributions, p_p > 0 on every leaf; overlaps as in elasticity-fixed-roles; nats per phrase",
        "in the family g stands for 1 - b; for the bound in its place p_t > 0 on every leaf, and the rate is written "
        "with R_j (the part of the logarithm that does not depend on l is left out)",
    ),
    source="new",
    kind="refutation",
    idea="A leaf of small mass that only the perturbation data fills takes long to fill. For the bound: 1/(K+l) - "
    "1/(R+l) is (R-K)/((K+l)(R+l)), at least (R-K)/(K+l)² less (R-K)²/(l (K+l)²).",
    assumptions=(
        *UNITS,
        Assume("beyond", "l is beyond the lower bound", Fact((o_tt - 1) * l, ">=", 1 - o_at)),
        Assume("rest", "g = 1 - b", Fact(g, "=", 1 - b_), case=True),
        Assume("early", "l < 1/b - k - 1", Fact(b_ * W, "<", ONE), case=True),
        Assume("excess", "l' is beyond the bound by means", Fact(late * EXCESS, ">=", SPREAD_MEAN), case=True),
    ),
    definitions=OVERLAPS,
    steps=(
        Counterexample(
            "witness",
            "b = 1/100, k = 10, l = 50: beyond the lower bound 1, and below 1/b - k - 1 = 89",
            Fact(RATE, "=", sp.Rational(-67, 617320)),
            values=(
                (M, sp.Integer(3)),
                (pre.label, (1 - beta, beta**2 / (1 + beta), beta / (1 + beta))),
                (ali.label, (ZERO, ZERO, ONE)),
                (per.label, (1 - beta, beta, ZERO)),
                (o_at, ZERO),
                (o_tt, sp.Integer(2)),
                (k, sp.Integer(10)),
                (l, sp.Integer(50)),
            ),
            refuted=BEYOND,
        ),
        Combine(
            "self-overlap",
            "In the family the self-overlap of the perturbation, g²/g + b²/(b²/(1+b)), is 2 for every b",
            Fact(g + (1 + b_), "=", sp.Integer(2)),
            (Use("rest"),),
        ),
        Differentiate("family-diff", "and the derivative is", Fact(RATE_3, "=", VALUE_3)),
        Combine(
            "family-value",
            "over a common denominator",
            Fact(RATE_3, "=", -(l * (1 - b_ * W) + b_ * (k + l)) / BELOW),
            (Use("family-diff"), Use("rest", times=1 / W - 1 / (k + l))),
        ),
        Signed("family-sign", "Its last term", Fact(b_ * (k + l) / BELOW, ">", ZERO), b_ * (k + l) / BELOW),
        Combine(
            "family",
            "and so the whole is negative, however large l is, if only b is small enough",
            Fact(RATE_3, "<", ZERO),
            (Use("family-value", times=-ONE), Use("family-sign"), Use("early", times=l / BELOW)),
        ),
        Differentiate(
            "covered-diff",
            "For the bound in its place, differentiate",
            Fact(COVERED, "=", total(pre[j], j) / W_L - total(pre[j] / (ratio[j] + late), j)),
        ),
        Combine(
            "leaf",
            "On one leaf, with W = k + 1 + l': expand about R = k + 1",
            Fact(1 / W_L - 1 / (ratio[j] + late), "=", far / W_L**2 - far**2 / (W_L**2 * late) + LEFT),
        ),
        Signed("left", "What is left over is not negative", Fact(LEFT, ">=", ZERO), LEFT),
        Combine(
            "covered",
            "Take the mean under p_p",
            Fact(COVERED, ">=", ZERO),
            (
                Use("covered-diff"),
                Use("leaf", times=pre[j], over=(j,)),
                Use("left", times=pre[j], over=(j,)),
                Use("excess", times=1 / (W_L**2 * late)),
            ),
        ),
    ),
    goals=(
        Goal("the lower bound would be an upper one", BEYOND, "witness"),
        Goal("in the family, o_tt = 2 for every b", Fact(g + (1 + b_), "=", sp.Integer(2)), "self-overlap", ("rest",)),
        Goal("in the family, still falling", Fact(RATE_3, "<", ZERO), "family", ("rest", "early")),
        Goal("the bound in its place", Fact(COVERED, ">=", ZERO), "covered", ("excess",)),
    ),
    finding="What holds: l* >= (1 - o_at)/(o_tt - 1) (elasticity-fixed-roles), l* is unique (sign-turns-once), "
    "and with N "
    "disjoint parts l* = 1/(N-1) for every k (elasticity-disjoint-any-number).",
)

CLAIMS = noted(
    (monotone, capacity, turning),
    (
        Notation("W", "W", W),
        Notation("dγ_p/dl", r"\tfrac{d\gamma_p}{dl}", RATE),
        Notation("dγ_p/dl (family)", r"\tfrac{d\gamma_p}{dl}\text{ (family)}", RATE_3),
        Notation("dγ_p/dl (by R)", r"\tfrac{d\gamma_p}{dl}\text{ (by }R)", COVERED),
    ),
)
