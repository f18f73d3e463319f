"""The elasticity theorem for any number of pre-training datasets.

The pre-training data is the union of N datasets of equal size (the paper: N = 3). Alignment data is more of dataset
``a``, perturbation data more of dataset ``b``. With ``|D_a|`` as the unit, ``|D_p| = k``, ``|D_t| = l``, leaf ``j`` has
the mass ``Q_abj = k m_j + p_aj + l p_bj`` in the joint data, ``m_j`` being the mean of the N datasets' masses.
"""

from __future__ import annotations

import sympy as sp

from ..expressions import Diff, index, masses, nonnegative, positive, real, total
from ..facts import Assume, Claim, Define, Fact, Goal
from ..notation import Notation, noted
from ..rules_algebra import Combine, Signed, Use, Vanish
from ..rules_analysis import Differentiate
from ..vocabulary import DATASET_MASSES, DELTA, ONE, N, j, p, s

__all__ = ["CLAIMS"]

ZERO = sp.Integer(0)
k, l, ell = positive("k"), nonnegative("l"), real("lambda")  # noqa: E741
m = masses("m", positive=True)
a, b = index("a", N), index("b", N)
W = k + 1 + l
APART = 1 - DELTA(a, b)


def joint(volume: sp.Expr) -> sp.Expr:
    """The mass of leaf j when the perturbation data has this volume."""
    return k * m[j] + p[a, j] + volume * p[b, j]


def rate_slope(own: sp.Expr) -> sp.Expr:
    """``dγ/dl`` of the data with masses ``own``: nats per phrase."""
    return Diff(-total(own * sp.log(joint(ell) / (k + 1 + ell)), j), ell, l, ONE)


ALIGN, PRE = rate_slope(p[a, j]), rate_slope(m[j])
SUM_ALIGN, SUM_PRE = total(APART * ALIGN, a, b), total(APART * PRE, a, b)
DIVERSITY = total((p[s, j] - m[j]) ** 2 / m[j], s, j)

mean = positive("z")
x, y = nonnegative("x y")
LEAF = k * mean + x + l * y


def left_over_align(mean: sp.Expr, x: sp.Expr, y: sp.Expr) -> sp.Expr:
    """What the bound for the alignment data gives away on one leaf: squares over positive quantities."""
    squares = k * y * (x - mean) ** 2 + k * l * x * (y - mean) ** 2 + l * mean * (x - y) ** 2
    return squares / (mean * W**2 * (k * mean + x + l * y))


def left_over_pre(mean: sp.Expr, x: sp.Expr, y: sp.Expr) -> sp.Expr:
    """What the bound for the pre-training data gives away on one leaf."""
    return y * (k * mean + x + l * y - W * mean) ** 2 / (mean * W**2 * (k * mean + x + l * y))


REST_ALIGN = total(APART * left_over_align(m[j], p[a, j], p[b, j]), j, a, b)
REST_PRE = total(APART * left_over_pre(m[j], p[a, j], p[b, j]), j, a, b)
ROOM = 1 - (N - 1) * l
PAIR_MASS = total(APART * p[a, j] * p[b, j] / m[j], j, a, b)
SQUARED_MASS = total(p[s, j] ** 2 / m[j], s, j)

DOMAIN = (
    "any number N of datasets and M of leaves; masses p_sj >= 0 that sum to 1 for each dataset s",
    "D_p is the union of the N datasets in equal parts: m_j = (1/N) Σ_s p_sj > 0 on every leaf",
    "D_a is distributed as dataset a, D_t as dataset b, a and b different; Q_abj = k m_j + p_aj + l p_bj; W = k + 1 "
    "+ l",
    "k > 0, l >= 0",
    "sums over a ≠ b run over the N(N-1) ways to give the two roles; divided by N(N-1) they are averages",
)
LEAVES = Assume("leaf", "every leaf carries mass of some dataset", Fact(total(p[s, j], s), ">", ZERO))
DEFINE_M = Define("m", "the pre-training data's mass on leaf j", Fact(m[j], "=", total(p[s, j], s) / N))

COMMON = (
    Combine(
        "unit",
        "The pre-training masses sum to 1",
        Fact(total(m[j], j), "=", ONE),
        (Use("m", over=(j,)), Use("masses", times=1 / N, over=(s,))),
    ),
    Combine(
        "diversity",
        "Expand the sum of the χ² divergences of the parts from the whole",
        Fact(DIVERSITY, "=", SQUARED_MASS - N),
        (Use("masses", times=sp.Integer(-2), over=(s,)), Use("unit", times=N)),
    ),
    Combine(
        "pairs",
        "Products of masses over pairs of different datasets: the square of the sum, N² m_j², less the squares",
        Fact(PAIR_MASS, "=", N * (N - 1) - DIVERSITY),
        (
            Use("m", times=-N * (N * m[j] + total(p[s, j], s)) / m[j], over=(j,)),
            Use("unit", times=N**2),
            Use("diversity"),
        ),
    ),
)
ALIGN_SLOPE = (
    Differentiate(
        "align-diff",
        "Differentiate the alignment data's code length in the volume of the perturbation data",
        Fact(ALIGN, "=", total(p[a, j], j) / W - total(p[a, j] * p[b, j] / joint(l), j)),
    ),
    Combine(
        "align-slope",
        "Its masses sum to 1",
        Fact(ALIGN, "=", 1 / W - total(p[a, j] * p[b, j] / joint(l), j)),
        (Use("align-diff"), Use("masses", times=1 / W, at=((s, a),))),
    ),
)
PRE_SLOPE = (
    Differentiate(
        "pre-diff",
        "Differentiate the pre-training data's code length in the volume of the perturbation data",
        Fact(PRE, "=", total(m[j], j) / W - total(m[j] * p[b, j] / joint(l), j)),
    ),
    Combine(
        "pre-slope",
        "Its masses sum to 1",
        Fact(PRE, "=", 1 / W - total(m[j] * p[b, j] / joint(l), j)),
        (Use("pre-diff"), Use("unit", times=1 / W)),
    ),
)
ALIGN_STEPS = (
    *ALIGN_SLOPE,
    Combine(
        "align-leaf",
        "On one leaf with mean mass z and masses x, y: a bound whose gap is a sum of squares",
        Fact((k * x * y / mean + y + l * x) / W**2 - x * y / LEAF, "=", left_over_align(mean, x, y)),
    ),
    Combine(
        "align-sum",
        "Sum over the leaves and over all ordered pairs of different datasets",
        Fact(SUM_ALIGN, "=", k * DIVERSITY / W**2 + REST_ALIGN),
        (
            Use("align-slope", times=APART, over=(a, b)),
            Use("align-leaf", times=APART, over=(j, a, b), at=((mean, m[j]), (x, p[a, j]), (y, p[b, j]))),
            Use("pairs", times=-k / W**2),
            Use("masses", times=-(1 + l) * (N - 1) / W**2, over=(s,)),
        ),
    ),
    Signed("align-rest", "What the bound gives away is not negative", Fact(REST_ALIGN, ">=", ZERO), REST_ALIGN),
    Combine(
        "align-bound",
        "So the alignment data loses, on average over the roles, at least in proportion to the diversity of the parts",
        Fact(SUM_ALIGN, ">=", k * DIVERSITY / W**2),
        (Use("align-sum"), Use("align-rest")),
    ),
)
PRE_STEPS = (
    *PRE_SLOPE,
    Combine(
        "pre-leaf",
        "On one leaf: 1/Q >= (2Wz - Q)/(Wz)², the tangent at Q = Wz; its gap is a square",
        Fact(mean * y / LEAF - y * (2 * W * mean - LEAF) / (W**2 * mean), "=", left_over_pre(mean, x, y)),
    ),
    Combine(
        "pre-sum",
        "Sum over the leaves and over all ordered pairs of different datasets",
        Fact(SUM_PRE, "=", -ROOM * DIVERSITY / W**2 - REST_PRE),
        (
            Use("pre-slope", times=APART, over=(a, b)),
            Use("pre-leaf", times=-APART, over=(j, a, b), at=((mean, m[j]), (x, p[a, j]), (y, p[b, j]))),
            Use("pairs", times=1 / W**2),
            Use("masses", times=-(2 * W - k) * (N - 1) / W**2, over=(s,)),
            Use("diversity", times=-l * (N - 1) / W**2),
        ),
    ),
    Signed("pre-rest", "What the bound gives away is not negative", Fact(REST_PRE, ">=", ZERO), REST_PRE),
    Combine(
        "pre-bound",
        "So the pre-training data recovers, on average over the roles, at least in proportion to the diversity",
        Fact(SUM_PRE, "<=", -ROOM * DIVERSITY / W**2),
        (Use("pre-sum", times=-ONE), Use("pre-rest")),
    ),
)

any_number = Claim(
    id="elasticity-any-number",
    title="Elasticity for any number of pre-training datasets",
    prose="For any N >= 2 datasets (for N = 1 there is no pair, and both sums are empty), with X = Σ_s "
    "χ²(p_s‖p_p) their diversity: Σ_{a≠b} dγ_a/dl >= k X / W² >= 0 for "
    "every "
    "l >= 0, and Σ_{a≠b} dγ_p/dl <= -(1 - (N-1) l) X / W², which is <= 0 for l <= 1/(N-1).",
    setting=DOMAIN,
    source="new: Thm 4.2 for N datasets instead of 3, with a rate",
    kind="tight bound",
    idea="Two inequalities hold on every leaf: x y/Q <= (k xy/z + y + l x)/W² (the harmonic mean is at most the "
    "arithmetic one) "
    "and 1/Q >= (2Wz - Q)/(Wz)² (a tangent). Summed over the leaves and over all pairs of roles, everything but the "
    "diversity X of the pre-training data cancels. Both gaps are sums of squares, so nothing is lost where all "
    "datasets agree.",
    assumptions=(
        DATASET_MASSES,
        LEAVES,
        Assume("small", "the perturbation data is small: (N-1) l <= 1", Fact((N - 1) * l, "<=", ONE), case=True),
    ),
    definitions=(DEFINE_M,),
    steps=(
        *COMMON,
        *ALIGN_STEPS,
        Signed("diverse", "The diversity is a sum of squares", Fact(DIVERSITY, ">=", ZERO), DIVERSITY),
        Combine(
            "align",
            "In particular the average is not negative",
            Fact(SUM_ALIGN, ">=", ZERO),
            (Use("align-bound"), Use("diverse", times=k / W**2)),
        ),
        *PRE_STEPS,
        Combine(
            "pre",
            "In particular, for l <= 1/(N-1), the average is not positive",
            Fact(SUM_PRE, "<=", ZERO),
            (Use("pre-bound"), Use("diverse", times=ROOM / W**2, because=("small",))),
        ),
    ),
    goals=(
        Goal("alignment data loses, with a rate", Fact(SUM_ALIGN, ">=", k * DIVERSITY / W**2), "align-bound"),
        Goal("alignment data loses", Fact(SUM_ALIGN, ">=", ZERO), "align"),
        Goal("pre-training data recovers, with a rate", Fact(SUM_PRE, "<=", -ROOM * DIVERSITY / W**2), "pre-bound"),
        Goal("pre-training data recovers", Fact(SUM_PRE, "<=", ZERO), "pre", ("small",)),
    ),
    finding="The rates are the more-diverse-more-elastic law: an LM whose pre-training parts differ more (larger X) "
    "is pulled "
    "back more strongly. With disjoint parts X = N(N-1), the largest value it can have.",
)

any_number_equality = Claim(
    id="elasticity-any-number-equality",
    title="When nothing is elastic",
    prose="In elasticity-any-number, equality holds only if all N datasets are alike: Σ_{a≠b} dγ_a/dl = 0 (any l "
    ">= 0), or "
    "Σ_{a≠b} dγ_p/dl = 0 with (N-1) l < 1, force p_sj = m_j on every leaf j for every dataset s. And then both vanish.",
    setting=DOMAIN,
    source="new",
    kind="tight bound",
    idea="Both sums are, exactly, a positive multiple of the diversity plus sums of squares. Where they vanish, each "
    "square does.",
    assumptions=(
        DATASET_MASSES,
        LEAVES,
        Assume("align-flat", "the alignment data's average is zero", Fact(SUM_ALIGN, "=", ZERO), case=True),
        Assume("pre-flat", "the pre-training data's average is zero", Fact(SUM_PRE, "=", ZERO), case=True),
        Assume("smaller", "(N-1) l < 1", Fact((N - 1) * l, "<", ONE), case=True),
        Assume("alike", "all datasets are alike", Fact(p[s, j], "=", m[j]), case=True),
    ),
    definitions=(DEFINE_M,),
    steps=(
        *COMMON,
        *(step for step in ALIGN_STEPS if step.name not in {"align-rest", "align-bound"}),
        Combine(
            "align-zero",
            "If the average is zero, this sum of squares is zero",
            Fact(k * DIVERSITY / W**2 + REST_ALIGN, "=", ZERO),
            (Use("align-sum", times=-ONE), Use("align-flat")),
        ),
        Vanish(
            "align-alike",
            "so each square of the diversity is zero",
            Fact(p[s, j], "=", m[j]),
            zero="align-zero",
            weight=k / (W**2 * m[j]),
            base=p[s, j] - m[j],
            power=2,
            over=(s, j),
            rest=REST_ALIGN,
        ),
        *(step for step in PRE_STEPS if step.name not in {"pre-rest", "pre-bound"}),
        Combine(
            "pre-zero",
            "If the average is zero, this sum of squares is zero",
            Fact(ROOM * DIVERSITY / W**2 + REST_PRE, "=", ZERO),
            (Use("pre-sum"), Use("pre-flat", times=-ONE)),
        ),
        Vanish(
            "pre-alike",
            "so, with (N-1) l < 1, each square of the diversity is zero",
            Fact(p[s, j], "=", m[j]),
            zero="pre-zero",
            weight=ROOM / (W**2 * m[j]),
            base=p[s, j] - m[j],
            power=2,
            over=(s, j),
            rest=REST_PRE,
            because=("smaller",),
        ),
        Combine(
            "align-alike-leaf",
            "Conversely, if all are alike, each leaf's share is m_j/W",
            Fact(p[a, j] * p[b, j] / joint(l), "=", m[j] / W),
            (
                Use("alike", times=(W * (p[b, j] - m[j]) + (W - 1) * m[j]) / (W * joint(l)), at=((s, a),)),
                Use("alike", times=(W - l) * m[j] / (W * joint(l)), at=((s, b),)),
            ),
        ),
        Combine(
            "align-back",
            "so the alignment data's sum vanishes",
            Fact(SUM_ALIGN, "=", ZERO),
            (
                Use("align-slope", times=APART, over=(a, b)),
                Use("align-alike-leaf", times=-APART, over=(j, a, b)),
                Use("unit", times=-N * (N - 1) / W),
            ),
        ),
        Combine(
            "pre-alike-leaf",
            "and for the pre-training data likewise",
            Fact(m[j] * p[b, j] / joint(l), "=", m[j] / W),
            (
                Use("alike", times=(W - l) * m[j] / (W * joint(l)), at=((s, b),)),
                Use("alike", times=-m[j] / (W * joint(l)), at=((s, a),)),
            ),
        ),
        Combine(
            "pre-back",
            "so its sum vanishes too",
            Fact(SUM_PRE, "=", ZERO),
            (
                Use("pre-slope", times=APART, over=(a, b)),
                Use("pre-alike-leaf", times=-APART, over=(j, a, b)),
                Use("unit", times=-N * (N - 1) / W),
            ),
        ),
    ),
    goals=(
        Goal(
            "the alignment data's average is zero only if all are alike",
            Fact(p[s, j], "=", m[j]),
            "align-alike",
            ("align-flat",),
        ),
        Goal(
            "the pre-training data's average is zero only if all are alike",
            Fact(p[s, j], "=", m[j]),
            "pre-alike",
            ("pre-flat", "smaller"),
        ),
        Goal(
            "if all are alike, the alignment data's average is zero",
            Fact(SUM_ALIGN, "=", ZERO),
            "align-back",
            ("alike",),
        ),
        Goal(
            "if all are alike, the pre-training data's average is zero",
            Fact(SUM_PRE, "=", ZERO),
            "pre-back",
            ("alike",),
        ),
    ),
    finding="At (N-1) l = 1 there are other cases: disjoint supports give dγ_p/dl = 0 "
    "(elasticity-disjoint-any-number).",
)

NOTATION = (
    Notation("W", "W", W),
    Notation("dγ_a/dl", r"\tfrac{d\gamma_a}{dl}", ALIGN),
    Notation("dγ_p/dl", r"\tfrac{d\gamma_p}{dl}", PRE),
    Notation("X", "X", DIVERSITY),
    Notation("R_a", "R_a", REST_ALIGN),
    Notation("R_p", "R_p", REST_PRE),
)
CLAIMS = noted((any_number, any_number_equality), NOTATION)
