"""Elasticity with fixed roles: any three distributions for pre-training, alignment and perturbation, no averaging.

``Q_j = k p_pj + p_aj + l p_tj`` and ``W = k + 1 + l``, in units of ``|D_a|``; rates in nats per phrase.
"""

from __future__ import annotations

import sympy as sp

from ..exact import Counterexample
from ..expressions import Diff, Lim, masses, nonnegative, positive, real, total
from ..facts import Assume, Claim, Define, Fact, Goal
from ..rules_algebra import Combine, Signed, Use
from ..rules_analysis import Differentiate, Squeeze
from ..vocabulary import ONE, M, j

__all__ = ["CLAIMS"]

ZERO, R = sp.Integer(0), sp.Rational
k, l, ell = positive("k"), nonnegative("l"), real("lambda")
W = k + 1 + l
pre, ali, per = masses("p_p"), masses("p_a"), masses("p_t")
BASE = k * pre[j] + ali[j]
Q = BASE + l * per[j]

UNIT_P = Assume("masses-p", "the pre-training masses sum to 1", Fact(total(pre[j], j), "=", ONE))
UNIT_A = Assume("masses-a", "the alignment masses sum to 1", Fact(total(ali[j], j), "=", ONE))
UNIT_T = Assume("masses-t", "the perturbation masses sum to 1", Fact(total(per[j], j), "=", ONE))
LEAF = Assume("leaf", "every leaf carries mass", Fact(Q, ">", ZERO))
DOMAIN = (
    "any three distributions p_p, p_a, p_t >= 0 on any number M of leaves; each sums to 1; Q_j > 0 on every leaf",
    "volumes |D_p| = k > 0, |D_a| = 1, |D_t| = l >= 0; Q_j = k p_pj + p_aj + l p_tj; W = k + 1 + l; nats per phrase",
)


def slope(own: sp.Expr, order: int = 1) -> sp.Expr:
    """``dγ/dl`` of the data with masses ``own``."""
    grown = BASE + ell * per[j]
    return Diff(-total(own[j] * sp.log(grown / (k + 1 + ell)), j), ell, l, sp.Integer(order))


SLOPE_P, SLOPE_A, SLOPE_T = slope(pre), slope(ali), slope(per)


def value(own: sp.Expr) -> sp.Expr:
    """``1/W - sum_j u_j p_tj / Q_j``."""
    return 1 / W - total(own[j] * per[j] / Q, j)


def slope_of(name: str, own: sp.Expr, words: str) -> tuple[Differentiate | Combine, ...]:
    """The steps that give ``dγ/dl`` of one of the three data sets."""
    return (
        Differentiate(
            f"diff-{name}",
            f"Differentiate the code length of the {words} data in l",
            Fact(slope(own), "=", total(own[j], j) / W - total(own[j] * per[j] / Q, j)),
        ),
        Combine(
            f"slope-{name}",
            "Its masses sum to 1",
            Fact(slope(own), "=", value(own)),
            (Use(f"diff-{name}"), Use(f"masses-{name}", times=1 / W)),
        ),
    )


SLOPES = (
    *slope_of("p", pre, "pre-training"),
    *slope_of("a", ali, "alignment"),
    *slope_of("t", per, "perturbation"),
)
BALANCE = (
    Combine("leaf-sum", "Each leaf's three shares make up the whole leaf", Fact(k * pre[j] * per[j] / Q + ali[j] * per[j] / Q + l * per[j] ** 2 / Q, "=", per[j])),
    Combine(
        "balance",
        "So the three derivatives, weighed with the volumes, sum to W/W - 1 = 0",
        Fact(SLOPE_A, "=", -k * SLOPE_P - l * SLOPE_T),
        (
            Use("slope-a"),
            Use("slope-p", times=k),
            Use("slope-t", times=l),
            Use("leaf-sum", times=-ONE, over=(j,)),
            Use("masses-t", times=-ONE),
        ),
    ),
)

ratio = Claim(
    id="elasticity-ratio",
    title="Exact ratio",
    statement="For any three distributions and any k, l: dγ_a/dl = -k dγ_p/dl - l dγ_t/dl.",
    latex=r"For any three distributions: $d\gamma_a/dl = -k\,d\gamma_p/dl - l\,d\gamma_t/dl$.",
    premises=DOMAIN,
    source="new (theory, section 4); the Θ(-k) of Thm 4.2, exact",
    kind="identity",
    idea="The conservation law for three datasets with volumes k, 1, l.",
    assumptions=(UNIT_P, UNIT_A, UNIT_T, LEAF),
    definitions=(),
    steps=(*SLOPES, *BALANCE),
    goals=(Goal("the ratio", Fact(SLOPE_A, "=", -k * SLOPE_P - l * SLOPE_T), "balance"),),
    finding="So the ratio is -k to leading order as soon as l dγ_t/dl vanishes with l (elasticity-ratio-limit).",
)

# --- the limit of small perturbations ---------------------------------------------------------------------------------

cap = positive("C")
COVERED = Assume("covered", "the data before covers the perturbation: p_t <= C (k p_p + p_a)", Fact(per[j], "<=", cap * BASE))
BASE_LEAF = Assume("leaf", "every leaf has mass before the perturbation", Fact(BASE, ">", ZERO))
BOTH = SLOPE_A + k * SLOPE_P
SQUARES = total(Q * (per[j] / Q - 1 / W) ** 2, j)
ratio_limit = Claim(
    id="elasticity-ratio-limit",
    title="The ratio tends to -k",
    statement="If p_t <= C (k p_p + p_a) on every leaf for some C (on finitely many leaves: p_t is absolutely continuous), then "
    "0 <= dγ_a/dl + k dγ_p/dl <= l C, so dγ_a/dl + k dγ_p/dl -> 0 as l -> 0: the ratio tends to -k.",
    latex=r"If $p_t \le C\,(k p_p + p_a)$: $0 \le d\gamma_a/dl + k\,d\gamma_p/dl \le l\,C \to 0$ as $l \to 0$.",
    premises=(*DOMAIN, "k p_p + p_a > 0 on every leaf, and p_t <= C (k p_p + p_a) there for some C > 0"),
    source="new (theory, section 4)",
    kind="tight bound",
    idea="By the exact ratio the sum is -l dγ_t/dl. More data of a kind never worsens that kind, so it is not negative; and p_t²/Q is "
    "at most C p_t, so it is at most l C.",
    assumptions=(UNIT_P, UNIT_A, UNIT_T, BASE_LEAF, COVERED),
    definitions=(),
    steps=(
        *SLOPES,
        *BALANCE,
        Combine("leaf-square", "Expand a square on each leaf", Fact(Q * (per[j] / Q - 1 / W) ** 2, "=", per[j] ** 2 / Q - 2 * per[j] / W + Q / W**2)),
        Combine(
            "squares",
            "The perturbation data's own derivative is minus a sum of squares",
            Fact(SLOPE_T, "=", -SQUARES),
            (
                Use("slope-t"),
                Use("leaf-square", over=(j,)),
                Use("masses-t", times=-2 / W + l / W**2),
                Use("masses-p", times=k / W**2),
                Use("masses-a", times=1 / W**2),
            ),
        ),
        Signed("squares-sign", "which is not negative", Fact(SQUARES, ">=", ZERO), SQUARES),
        Combine(
            "low",
            "so the sum of the two derivatives is not negative",
            Fact(BOTH, ">=", ZERO),
            (Use("balance"), Use("squares", times=-l), Use("squares-sign", times=l)),
        ),
        Signed("extra", "The perturbation's own part of a leaf only helps the bound", Fact(cap * l * per[j] ** 2 / Q, ">=", ZERO), cap * l * per[j] ** 2 / Q),
        Combine(
            "leaf-bound",
            "On every leaf, p_t²/Q <= C p_t",
            Fact(per[j] ** 2 / Q, "<=", cap * per[j]),
            (Use("covered", times=per[j] / Q), Use("extra")),
        ),
        Signed("spare", "The term 1/W only helps the bound", Fact(l / W, ">=", ZERO), l / W),
        Combine(
            "high",
            "and it is at most l C",
            Fact(BOTH, "<=", l * cap),
            (
                Use("balance", times=-ONE),
                Use("slope-t", times=l),
                Use("leaf-bound", times=l, over=(j,)),
                Use("masses-t", times=-l * cap),
                Use("spare"),
            ),
        ),
        Squeeze("limit", "Both bounds tend to 0 with l", Fact(Lim(BOTH, l, ZERO), "=", ZERO), "low", "high"),
    ),
    goals=(
        Goal("from below", Fact(BOTH, ">=", ZERO), "low"),
        Goal("from above", Fact(BOTH, "<=", l * cap), "high"),
        Goal("the limit", Fact(Lim(BOTH, l, ZERO), "=", ZERO), "limit"),
    ),
    finding="Without absolute continuity the ratio can be +1 (elasticity-separate-disjoint-fails).",
)

# --- signs -----------------------------------------------------------------------------------------------------------

OVERLAP_A, OVERLAP_P = W * total(ali[j] * per[j] / Q, j), W * total(pre[j] * per[j] / Q, j)


def iff(name: str, own_slope: sp.Expr, overlap: sp.Expr, below: bool) -> tuple[Combine, ...]:
    """The two directions of "the derivative has this sign iff the overlap is on this side of 1"."""
    sign: tuple[str, str] = (">", "<") if below else ("<", ">")
    factor = ONE if below else -ONE
    return (
        Combine(f"by-overlap-{name}", "Multiply and divide by W", Fact(own_slope, "=", (1 - overlap) / W), (Use(f"slope-{name}"),)),
        Combine(
            f"if-{name}",
            "so the overlap's side of 1 gives the sign",
            Fact(own_slope, sign[0], ZERO),  # type: ignore[arg-type]
            (Use(f"by-overlap-{name}", times=factor), Use(f"overlap-{name}", times=1 / W)),
        ),
        Combine(
            f"only-if-{name}",
            "and the sign gives the overlap's side of 1",
            Fact(overlap, sign[1], ONE),  # type: ignore[arg-type]
            (Use(f"by-overlap-{name}", times=-factor * W), Use(f"sign-{name}", times=W)),
        ),
    )


signs = Claim(
    id="elasticity-signs",
    title="Signs by overlap",
    statement="For any three distributions: dγ_a/dl > 0 iff <p_a, p_t>_D < 1, and dγ_p/dl < 0 iff <p_p, p_t>_D > 1, with "
    "<u, v>_D = Σ_j u_j v_j / p_Dj and p_D = Q/W.",
    latex=r"$d\gamma_a/dl > 0 \iff \langle p_a, p_t\rangle_D < 1$; $d\gamma_p/dl < 0 \iff \langle p_p, p_t\rangle_D > 1$.",
    premises=DOMAIN,
    source="new (theory, section 4)",
    kind="identity",
    idea="Each derivative is (1 - overlap)/W.",
    assumptions=(
        UNIT_P,
        UNIT_A,
        LEAF,
        Assume("overlap-a", "alignment and perturbation overlap little", Fact(OVERLAP_A, "<", ONE), case=True),
        Assume("sign-a", "the alignment data loses", Fact(SLOPE_A, ">", ZERO), case=True),
        Assume("overlap-p", "pre-training and perturbation overlap much", Fact(OVERLAP_P, ">", ONE), case=True),
        Assume("sign-p", "the pre-training data recovers", Fact(SLOPE_P, "<", ZERO), case=True),
    ),
    definitions=(),
    steps=(*SLOPES[:4], *iff("a", SLOPE_A, OVERLAP_A, below=True), *iff("p", SLOPE_P, OVERLAP_P, below=False)),
    goals=(
        Goal("alignment: enough", Fact(SLOPE_A, ">", ZERO), "if-a", ("overlap-a",)),
        Goal("alignment: needed", Fact(OVERLAP_A, "<", ONE), "only-if-a", ("sign-a",)),
        Goal("pre-training: enough", Fact(SLOPE_P, "<", ZERO), "if-p", ("overlap-p",)),
        Goal("pre-training: needed", Fact(OVERLAP_P, ">", ONE), "only-if-p", ("sign-p",)),
    ),
    finding="As l -> 0 under absolute continuity dγ_a/dl = -k dγ_p/dl (elasticity-ratio-limit), so either holds iff the other does.",
)

# --- bounds by the overlaps under the pre-training data alone ----------------------------------------------------------

ppos = masses("p_p", positive=True)
pQ = k * ppos[j] + ali[j] + l * per[j]


def pslope(own: sp.Expr) -> sp.Expr:
    """``dγ/dl`` where the pre-training data covers every leaf."""
    grown = k * ppos[j] + ali[j] + ell * per[j]
    return Diff(-total(own[j] * sp.log(grown / (k + 1 + ell)), j), ell, l, ONE)


UNIT_PP = Assume("masses-p", UNIT_P.words, Fact(total(ppos[j], j), "=", ONE))
o_at, o_tt = nonnegative("o_at o_tt")
G = k + o_at + l * o_tt
GIVES_A = total(
    (k * per[j] * (ali[j] - ppos[j]) ** 2 + k * l * ali[j] * (per[j] - ppos[j]) ** 2 + l * ppos[j] * (ali[j] - per[j]) ** 2)
    / (ppos[j] * W**2 * pQ),
    j,
)
GIVES_P = total(per[j] * (pQ - G * ppos[j]) ** 2 / (ppos[j] * G**2 * pQ), j)
BOUND_A = k * (1 - o_at) / W**2
BOUND_P = ((o_tt - 1) * l - (1 - o_at)) / (W * G)
fixed_roles = Claim(
    id="elasticity-fixed-roles",
    title="Elasticity with fixed roles: what is enough, from two overlaps",
    statement="Let p_p > 0 on every leaf, o_at = Σ_j p_aj p_tj / p_pj and o_tt = Σ_j p_tj² / p_pj. For any k > 0, l >= 0: "
    "dγ_a/dl >= k (1 - o_at)/W², and dγ_p/dl <= ((o_tt - 1) l - (1 - o_at)) / (W (k + o_at + l o_tt)). So with o_at <= 1 alignment "
    "always loses, and pre-training recovers for l <= l* = (1 - o_at)/(o_tt - 1).",
    latex=r"With $o_{at} = \sum_j p_{aj}p_{tj}/p_{pj}$, $o_{tt} = \sum_j p_{tj}^2/p_{pj}$: "
    r"$\frac{d\gamma_a}{dl} \ge \frac{k(1-o_{at})}{W^2}$, $\frac{d\gamma_p}{dl} \le "
    r"\frac{(o_{tt}-1)l-(1-o_{at})}{W(k+o_{at}+l\,o_{tt})}$; so $l^* = \frac{1-o_{at}}{o_{tt}-1}$.",
    premises=(
        "any three distributions p_p, p_a, p_t on any number M of leaves, p_p > 0 on every leaf; each sums to 1",
        "volumes |D_p| = k > 0, |D_a| = 1, |D_t| = l >= 0; Q_j = k p_pj + p_aj + l p_tj; W = k + 1 + l; nats per phrase",
        "no containment, no averaging, no law for the masses",
    ),
    source="new",
    kind="tight bound",
    idea="On each leaf, x y/Q <= (k xy/z + y + l x)/W² (harmonic and arithmetic mean) and 1/Q >= (2Gz - Q)/(Gz)² (a tangent at Gz, "
    "with G = k + o_at + l o_tt). Both gaps are squares over positive quantities. Summed over the leaves, only the two overlaps are left.",
    assumptions=(
        UNIT_PP,
        UNIT_A,
        UNIT_T,
        Assume("apart", "alignment and perturbation overlap at most like independent data", Fact(o_at, "<=", ONE), case=True),
        Assume("small", "the perturbation is small", Fact((o_tt - 1) * l, "<=", 1 - o_at), case=True),
    ),
    definitions=(
        Define("o_at", "overlap of alignment and perturbation under the pre-training data", Fact(o_at, "=", total(ali[j] * per[j] / ppos[j], j))),
        Define("o_tt", "self-overlap of the perturbation under the pre-training data", Fact(o_tt, "=", total(per[j] ** 2 / ppos[j], j))),
    ),
    steps=(
        Differentiate("diff-a", "Differentiate the code length of the alignment data", Fact(pslope(ali), "=", total(ali[j], j) / W - total(ali[j] * per[j] / pQ, j))),
        Combine(
            "leaf-a",
            "On one leaf: the bound for its overlap, and what it gives away",
            Fact(
                (k * ali[j] * per[j] / ppos[j] + per[j] + l * ali[j]) / W**2 - ali[j] * per[j] / pQ,
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
        Combine("bound-a", "so the alignment data loses at least this much", Fact(pslope(ali), ">=", BOUND_A), (Use("sum-a"), Use("gives-a"))),
        Combine("loses", "which is not negative for o_at <= 1", Fact(pslope(ali), ">=", ZERO), (Use("bound-a"), Use("apart", times=k / W**2))),
        Differentiate("diff-p", "Differentiate the code length of the pre-training data", Fact(pslope(ppos), "=", total(ppos[j], j) / W - total(ppos[j] * per[j] / pQ, j))),
        Combine(
            "leaf-p",
            "On one leaf: the tangent, and what it gives away",
            Fact(
                ppos[j] * per[j] / pQ - per[j] * (2 * G * ppos[j] - pQ) / (G**2 * ppos[j]),
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
        Combine("bound-p", "so the pre-training data recovers at least this much", Fact(pslope(ppos), "<=", BOUND_P), (Use("sum-p", times=-ONE), Use("gives-p"))),
        Combine("recovers", "which is not positive for l <= l*", Fact(pslope(ppos), "<=", ZERO), (Use("bound-p"), Use("small", times=1 / (W * G)))),
    ),
    goals=(
        Goal("alignment data, a rate", Fact(pslope(ali), ">=", BOUND_A), "bound-a"),
        Goal("alignment data loses", Fact(pslope(ali), ">=", ZERO), "loses", ("apart",)),
        Goal("pre-training data, a rate", Fact(pslope(ppos), "<=", BOUND_P), "bound-p"),
        Goal("pre-training data recovers", Fact(pslope(ppos), "<=", ZERO), "recovers", ("small",)),
    ),
    finding="Both are best possible: with disjoint supports (o_at = 0, o_tt = N) the second is an equality and l* = 1/(N-1), where "
    "the sign turns; and o_at <= 1 cannot be weakened (elasticity-fixed-roles-threshold).",
)

# --- the threshold is needed -------------------------------------------------------------------------------------------

START_A = Diff(-total(ali[j] * sp.log((k * ppos[j] + ali[j] + ell * per[j]) / (k + 1 + ell)), j), ell, ZERO, ONE)
LOW_A = (k * (1 - o_at)) / (1 + k) ** 2
HIGH_A = 1 / (1 + k) - o_at / k + total(ali[j] ** 2 * per[j] / ppos[j] ** 2, j) / k**2
startQ = k * ppos[j] + ali[j]
GIVES_START = total(
    per[j] * (ali[j] - ppos[j]) ** 2 * k / (ppos[j] * (1 + k) ** 2 * startQ),
    j,
)
threshold = Claim(
    id="elasticity-fixed-roles-threshold",
    title="The condition o_at <= 1 is needed",
    statement="Let p_p > 0 on every leaf. At l = 0: k (1 - o_at)/(1 + k)² <= dγ_a/dl <= 1/(1+k) - o_at/k + (Σ_j p_aj² p_tj/p_pj²)/k². So "
    "k dγ_a/dl -> 1 - o_at as k -> ∞: if o_at > 1, alignment gains for every large k, whatever the rest.",
    latex=r"At $l=0$: $\frac{k(1-o_{at})}{(1+k)^2} \le \frac{d\gamma_a}{dl} \le \frac1{1+k} - \frac{o_{at}}k + "
    r"\frac1{k^2}\sum_j \frac{p_{aj}^2 p_{tj}}{p_{pj}^2}$; so $k\,d\gamma_a/dl \to 1 - o_{at}$ as $k\to\infty$.",
    premises=(
        "any three distributions p_p, p_a, p_t on any number M of leaves, p_p > 0 on every leaf; each sums to 1",
        "volumes |D_p| = k > 0, |D_a| = 1, |D_t| = 0; nats per phrase",
    ),
    source="new",
    kind="tight bound",
    idea="The lower bound is elasticity-fixed-roles at l = 0. For the upper one, 1/(kz + x) >= 1/(kz) - x/(kz)². Times k, both tend to "
    "1 - o_at.",
    assumptions=(UNIT_A, UNIT_T),
    definitions=(
        Define("o_at", "overlap of alignment and perturbation under the pre-training data", Fact(o_at, "=", total(ali[j] * per[j] / ppos[j], j))),
    ),
    steps=(
        Differentiate(
            "diff",
            "Differentiate the code length of the alignment data at l = 0",
            Fact(START_A, "=", total(ali[j], j) / (1 + k) - total(ali[j] * per[j] / startQ, j)),
        ),
        Combine(
            "leaf-low",
            "On one leaf, as in elasticity-fixed-roles",
            Fact((k * ali[j] * per[j] / ppos[j] + per[j]) / (1 + k) ** 2 - ali[j] * per[j] / startQ, "=", GIVES_START.function),
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
            Fact(ali[j] * per[j] / startQ, ">=", ali[j] * per[j] / (k * ppos[j]) - ali[j] ** 2 * per[j] / (k * ppos[j]) ** 2),
            ali[j] ** 3 * per[j] / ((k * ppos[j]) ** 2 * startQ),
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
        Squeeze("limit", "Both bounds tend to 1 - o_at", Fact(Lim(k * START_A, k, sp.oo), "=", 1 - o_at), "low", "high"),
    ),
    goals=(
        Goal("from below", Fact(k * START_A, ">=", k * LOW_A), "low"),
        Goal("from above", Fact(k * START_A, "<=", k * HIGH_A), "high"),
        Goal("the limit in k", Fact(Lim(k * START_A, k, sp.oo), "=", 1 - o_at), "limit"),
    ),
)

# --- the paper's theorem needs the average over the roles ----------------------------------------------------------------

three = tuple(masses(f"p_{r}") for r in (1, 2, 3))
UNITS3 = tuple(
    Assume(f"masses-{r}", f"the masses of dataset {r} sum to 1", Fact(total(x[j], j), "=", ONE)) for r, x in enumerate(three, 1)
)
LEAF3 = Assume("leaf", "every leaf has mass of some dataset", Fact(sp.Add(*(x[j] for x in three)), ">", ZERO))
contained = k / 3 * three[0][j] + (k / 3 + 1) * three[1][j] + (k / 3 + ell) * three[2][j]
CONTAINED_A = Diff(-total(three[1][j] * sp.log(contained / (k + 1 + ell)), j), ell, l, ONE)
paper_fixed = Claim(
    id="elasticity-paper-fixed-roles",
    title="For fixed roles the paper's signs can fail",
    statement="The statement refuted: for any three distributions with D_p = D_1 ∪ D_2 ∪ D_3, D_a as D_2, D_t as D_3 (no averaging over "
    "the roles), dγ_a/dl > 0.",
    latex=r"Refuted: for any $D_p = D_1\cup D_2\cup D_3$, $D_a\sim D_2$, $D_t\sim D_3$ (no averaging): $d\gamma_a/dl > 0$.",
    premises=(
        "three distributions p_1, p_2, p_3 on any number of leaves, every leaf with mass of one of them",
        "volumes |D_p| = k > 0, |D_a| = 1, |D_t| = l >= 0; nats per phrase",
    ),
    source="Thm 4.2 of the paper, without its random masses",
    kind="refutation",
    idea="If alignment and perturbation data are alike (p_2 = p_3 = (1, 0)) and the rest is different (p_1 = (0, 1)), more perturbation "
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

# --- perturbation data that is alignment data ----------------------------------------------------------------------------

SAME_A, SAME_P = (Diff(-total(own[j] * sp.log((BASE + ell * ali[j]) / (k + 1 + ell)), j), ell, l, ONE) for own in (ali, pre))
SAME_Q = BASE + l * ali[j]
SAME_SQUARES = total(SAME_Q * (ali[j] / SAME_Q - 1 / W) ** 2, j)
same_data = Claim(
    id="elasticity-same-data-reversed",
    title="More alignment data reverses both signs",
    statement="If the perturbation data is distributed as the alignment data (p_t = p_a): dγ_a/dl <= 0 <= dγ_p/dl, and "
    "k dγ_p/dl = -(1 + l) dγ_a/dl.",
    latex=r"If $p_t = p_a$: $d\gamma_a/dl \le 0 \le d\gamma_p/dl$, and $k\,d\gamma_p/dl = -(1+l)\,d\gamma_a/dl$.",
    premises=(
        "any two distributions p_p, p_a on any number M of leaves; each sums to 1; Q_j = k p_pj + (1 + l) p_aj > 0 on every leaf",
        "k > 0, l >= 0, W = k + 1 + l; nats per phrase",
    ),
    source="new (theory, section 4)",
    kind="tight bound",
    idea="More data of a kind never worsens that kind; by conservation the rest then loses.",
    assumptions=(UNIT_P, UNIT_A, Assume("leaf", "every leaf carries mass", Fact(BASE, ">", ZERO))),
    definitions=(),
    steps=(
        Differentiate("diff-a", "Differentiate the code length of the alignment data", Fact(SAME_A, "=", total(ali[j], j) / W - total(ali[j] ** 2 / SAME_Q, j))),
        Combine("leaf-square", "Expand a square on each leaf", Fact(SAME_Q * (ali[j] / SAME_Q - 1 / W) ** 2, "=", ali[j] ** 2 / SAME_Q - 2 * ali[j] / W + SAME_Q / W**2)),
        Combine(
            "squares",
            "Its derivative is minus a sum of squares",
            Fact(SAME_A, "=", -SAME_SQUARES),
            (
                Use("diff-a"),
                Use("leaf-square", over=(j,)),
                Use("masses-a", times=-1 / W + (1 + l) / W**2),
                Use("masses-p", times=k / W**2),
            ),
        ),
        Signed("squares-sign", "which is not negative", Fact(SAME_SQUARES, ">=", ZERO), SAME_SQUARES),
        Combine("gains", "so the alignment data does not lose", Fact(SAME_A, "<=", ZERO), (Use("squares", times=-ONE), Use("squares-sign"))),
        Differentiate("diff-p", "Differentiate the code length of the pre-training data", Fact(SAME_P, "=", total(pre[j], j) / W - total(pre[j] * ali[j] / SAME_Q, j))),
        Combine("leaf-sum", "Each leaf's shares make up the whole leaf", Fact(k * pre[j] * ali[j] / SAME_Q + (1 + l) * ali[j] ** 2 / SAME_Q, "=", ali[j])),
        Combine(
            "balance",
            "The total code length is stationary",
            Fact(k * SAME_P, "=", -(1 + l) * SAME_A),
            (
                Use("diff-p", times=k),
                Use("diff-a", times=1 + l),
                Use("leaf-sum", times=-ONE, over=(j,)),
                Use("masses-p", times=k / W),
                Use("masses-a", times=(1 + l) / W - 1),
            ),
        ),
        Combine("loses", "so the pre-training data loses", Fact(SAME_P, ">=", ZERO), (Use("balance", times=1 / k), Use("gains", times=(1 + l) / k))),
    ),
    goals=(
        Goal("alignment data gains", Fact(SAME_A, "<=", ZERO), "gains"),
        Goal("pre-training data loses", Fact(SAME_P, ">=", ZERO), "loses"),
        Goal("the balance", Fact(k * SAME_P, "=", -(1 + l) * SAME_A), "balance"),
    ),
)

CLAIMS = (ratio, ratio_limit, signs, fixed_roles, threshold, paper_fixed, same_data)
