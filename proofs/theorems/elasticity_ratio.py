"""Elasticity with fixed roles: any three distributions for pre-training, alignment and perturbation, no averaging.

``Q_j = k p_pj + p_aj + l p_tj`` and ``W = k + 1 + l``, in units of ``|D_a|``; rates in nats per phrase.
"""

from __future__ import annotations

import sympy as sp

from ..expressions import Diff, Lim, masses, nonnegative, positive, real, total
from ..facts import Assume, Claim, Fact, Goal
from ..notation import Notation, noted
from ..rules_algebra import Combine, Signed, Use
from ..rules_analysis import Differentiate, Squeeze
from ..vocabulary import ONE, j

__all__ = ["CLAIMS"]

ZERO, R = sp.Integer(0), sp.Rational
k, l, ell = positive("k"), nonnegative("l"), real("lambda")  # noqa: E741
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
    Combine(
        "leaf-sum",
        "Each leaf's three shares make up the whole leaf",
        Fact(k * pre[j] * per[j] / Q + ali[j] * per[j] / Q + l * per[j] ** 2 / Q, "=", per[j]),
    ),
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
    prose="For any three distributions and any k, l: dγ_a/dl = -k dγ_p/dl - l dγ_t/dl.",
    setting=DOMAIN,
    source="new (theory, section 4); the Θ(-k) of Thm 4.2, exact",
    kind="identity",
    idea="The conservation law for three datasets with volumes k, 1, l.",
    assumptions=(UNIT_P, UNIT_A, UNIT_T, LEAF),
    definitions=(),
    steps=(*SLOPES, *BALANCE),
    goals=(Goal("the ratio", Fact(SLOPE_A, "=", -k * SLOPE_P - l * SLOPE_T), "balance"),),
    finding="So the ratio is -k to leading order as soon as l dγ_t/dl vanishes with l and dγ_p/dl does not.",
)

# --- the limit of small perturbations ---

cap = positive("C")
COVERED = Assume(
    "covered", "the data before covers the perturbation: p_t <= C (k p_p + p_a)", Fact(per[j], "<=", cap * BASE)
)
BASE_LEAF = Assume("leaf", "every leaf has mass before the perturbation", Fact(BASE, ">", ZERO))
BOTH = SLOPE_A + k * SLOPE_P
SQUARES = total(Q * (per[j] / Q - 1 / W) ** 2, j)
ratio_limit = Claim(
    id="elasticity-ratio-limit",
    title="Alignment's slope and k times pre-training's cancel as l tends to 0",
    prose="If p_t <= C (k p_p + p_a) on every leaf for some C (on finitely many leaves: p_t is absolutely continuous), "
    "then 0 <= dγ_a/dl + k dγ_p/dl <= l C, so dγ_a/dl + k dγ_p/dl -> 0 as l -> 0. The ratio of the two then "
    "tends to -k "
    "provided that dγ_p/dl is not 0 at l = 0.",
    setting=(*DOMAIN, "k p_p + p_a > 0 on every leaf, and p_t <= C (k p_p + p_a) there for some C > 0"),
    source="new (theory, section 4)",
    kind="tight bound",
    idea="By the exact ratio the sum is -l dγ_t/dl. More data of a kind never worsens that kind, so it is not "
    "negative; and p_t²/Q is "
    "at most C p_t, so it is at most l C.",
    assumptions=(UNIT_P, UNIT_A, UNIT_T, BASE_LEAF, COVERED),
    definitions=(),
    steps=(
        *SLOPES,
        *BALANCE,
        Combine(
            "leaf-square",
            "Expand a square on each leaf",
            Fact(Q * (per[j] / Q - 1 / W) ** 2, "=", per[j] ** 2 / Q - 2 * per[j] / W + Q / W**2),
        ),
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
        Signed(
            "extra",
            "The perturbation's own part of a leaf only helps the bound",
            Fact(cap * l * per[j] ** 2 / Q, ">=", ZERO),
            cap * l * per[j] ** 2 / Q,
        ),
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
    finding="Where both slopes vanish at l = 0 the ratio need not tend to -k: with k = 10, p_p = (1/2, 1/4, "
    "1/4), p_a = "
    "(1/4, 1/2, 1/4), p_t = (1/3, 4/21, 10/21) it is +1 for every small l > 0 (exact; tested, not proved here). "
    "Without "
    "absolute continuity it can be +1 too (elasticity-separate-disjoint-fails).",
)

# --- signs ---

OVERLAP_A, OVERLAP_P = W * total(ali[j] * per[j] / Q, j), W * total(pre[j] * per[j] / Q, j)


def iff(name: str, own_slope: sp.Expr, overlap: sp.Expr, below: bool) -> tuple[Combine, ...]:
    """The two directions of "the derivative has this sign iff the overlap is on this side of 1"."""
    sign: tuple[str, str] = (">", "<") if below else ("<", ">")
    factor = ONE if below else -ONE
    return (
        Combine(
            f"by-overlap-{name}",
            "Multiply and divide by W",
            Fact(own_slope, "=", (1 - overlap) / W),
            (Use(f"slope-{name}"),),
        ),
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
    prose="For any three distributions: dγ_a/dl > 0 iff <p_a, p_t>_D < 1, and dγ_p/dl < 0 iff <p_p, p_t>_D > 1, "
    "with "
    "<u, v>_D = Σ_j u_j v_j / p_Dj and p_D = Q/W.",
    setting=DOMAIN,
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
    finding="As l -> 0 under absolute continuity dγ_a/dl + k dγ_p/dl -> 0 (elasticity-ratio-limit), so where "
    "the slopes do "
    "not vanish at l = 0 either holds iff the other does (not proved here).",
)

# --- perturbation data that is alignment data ---

SAME_A, SAME_P = (
    Diff(-total(own[j] * sp.log((BASE + ell * ali[j]) / (k + 1 + ell)), j), ell, l, ONE) for own in (ali, pre)
)
SAME_Q = BASE + l * ali[j]
SAME_SQUARES = total(SAME_Q * (ali[j] / SAME_Q - 1 / W) ** 2, j)
same_data = Claim(
    id="elasticity-same-data-reversed",
    title="More alignment data reverses both signs",
    prose="If the perturbation data is distributed as the alignment data (p_t = p_a): dγ_a/dl <= 0 <= dγ_p/dl, and "
    "k dγ_p/dl = -(1 + l) dγ_a/dl.",
    setting=(
        "any two distributions p_p, p_a on any number M of leaves; each sums to 1; Q_j = k p_pj + (1 + l) p_aj > 0 "
        "on every leaf",
        "k > 0, l >= 0, W = k + 1 + l; nats per phrase",
    ),
    source="new (theory, section 4)",
    kind="tight bound",
    idea="More data of a kind never worsens that kind; by conservation the rest then loses.",
    assumptions=(UNIT_P, UNIT_A, Assume("leaf", "every leaf carries mass", Fact(BASE, ">", ZERO))),
    definitions=(),
    steps=(
        Differentiate(
            "diff-a",
            "Differentiate the code length of the alignment data",
            Fact(SAME_A, "=", total(ali[j], j) / W - total(ali[j] ** 2 / SAME_Q, j)),
        ),
        Combine(
            "leaf-square",
            "Expand a square on each leaf",
            Fact(SAME_Q * (ali[j] / SAME_Q - 1 / W) ** 2, "=", ali[j] ** 2 / SAME_Q - 2 * ali[j] / W + SAME_Q / W**2),
        ),
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
        Combine(
            "gains",
            "so the alignment data does not lose",
            Fact(SAME_A, "<=", ZERO),
            (Use("squares", times=-ONE), Use("squares-sign")),
        ),
        Differentiate(
            "diff-p",
            "Differentiate the code length of the pre-training data",
            Fact(SAME_P, "=", total(pre[j], j) / W - total(pre[j] * ali[j] / SAME_Q, j)),
        ),
        Combine(
            "leaf-sum",
            "Each leaf's shares make up the whole leaf",
            Fact(k * pre[j] * ali[j] / SAME_Q + (1 + l) * ali[j] ** 2 / SAME_Q, "=", ali[j]),
        ),
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
        Combine(
            "loses",
            "so the pre-training data loses",
            Fact(SAME_P, ">=", ZERO),
            (Use("balance", times=1 / k), Use("gains", times=(1 + l) / k)),
        ),
    ),
    goals=(
        Goal("alignment data gains", Fact(SAME_A, "<=", ZERO), "gains"),
        Goal("pre-training data loses", Fact(SAME_P, ">=", ZERO), "loses"),
        Goal("the balance", Fact(k * SAME_P, "=", -(1 + l) * SAME_A), "balance"),
    ),
)

NOTATION = (
    Notation("W", "W", W),
    Notation("dγ_p/dl", r"\tfrac{d\gamma_p}{dl}", SLOPE_P),
    Notation("dγ_a/dl", r"\tfrac{d\gamma_a}{dl}", SLOPE_A),
    Notation("dγ_t/dl", r"\tfrac{d\gamma_t}{dl}", SLOPE_T),
    Notation("dγ_a/dl", r"\tfrac{d\gamma_a}{dl}", SAME_A),
    Notation("dγ_p/dl", r"\tfrac{d\gamma_p}{dl}", SAME_P),
)
CLAIMS = noted((ratio, ratio_limit, signs, same_data), NOTATION)
