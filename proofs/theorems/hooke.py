"""Hooke's law for datasets: forces that sum to zero in one direction of KL, and do not in the other.

Theory, section 5. The force on dataset ``i`` when dataset ``t`` grows is ``F_i = n_i dKL_i/dn_t``.
"""

from __future__ import annotations

import sympy as sp

from ..exact import Counterexample
from ..expressions import Diff, masses, total
from ..facts import Assume, Claim, Define, Fact, Goal
from ..notation import Notation, noted
from ..rules_algebra import Combine, Rewrite, Use
from ..rules_analysis import Differentiate
from ..vocabulary import (
    DATASET_MASSES,
    DEFINE_Q,
    DEFINE_W,
    DELTA,
    LEAVES,
    MIXTURE_DOMAIN,
    ONE,
    M,
    N,
    Q,
    W,
    eps,
    i,
    j,
    n,
    p,
    s,
    slope,
    slope_notation,
    slope_steps,
    t,
)

__all__ = ["CLAIMS"]

ZERO = sp.Integer(0)
R = sp.Rational
volume = n[s] + eps * DELTA(s, t)
mixture = total(volume * p[s, j], s) / total(volume, s)
line = (Q[j] + eps * p[t, j]) / (W + eps)


def forward(dataset: sp.Expr, own: sp.Expr) -> sp.Expr:
    """``dKL(p_i || p_D)/dn_t``, with ``own`` the entropy of dataset i (its size does not move it)."""
    return Diff(-own - total(p[dataset, j] * sp.log(mixture), j), eps, ZERO, ONE)


own = masses("H")
FORCES = total(n[s] * forward(s, own[s]), s)
hooke_forward = Claim(
    id="hooke-forward",
    title="Forward forces sum to zero",
    prose="With the forces F_i = n_i dKL(p_i‖p_D)/dn_t (forward KL): Σ_i F_i = 0, exactly, for every t.",
    setting=(*MIXTURE_DOMAIN, "H_i, the entropy of dataset i, so that KL(p_i‖p_D) = C_i - H_i"),
    source="Hooke's law of the paper (section 5 of the theory), made exact",
    kind="identity",
    idea="A dataset's entropy does not move with the volumes, so the force is n_i times the derivative of the code "
    "length, and "
    "the conservation law says that these sum to zero.",
    assumptions=(DATASET_MASSES, LEAVES),
    definitions=(DEFINE_Q, DEFINE_W),
    steps=(
        *(step for step in slope_steps("slope", ((s, t),)) if step.name in {"slope-Q-t", "slope-W-t"}),
        Rewrite(
            "rewrite",
            "The divergence of dataset s along the line on which dataset t grows",
            Fact(forward(s, own[s]), "=", Diff(-own[s] - total(p[s, j] * sp.log(line), j), eps, ZERO, ONE)),
            ("slope-Q-t", "slope-W-t"),
        ),
        Differentiate(
            "diff",
            "The entropy is constant; differentiate each leaf's term at ε = 0",
            Fact(
                Diff(-own[s] - total(p[s, j] * sp.log(line), j), eps, ZERO, ONE),
                "=",
                total(p[s, j], j) / W - total(p[s, j] * p[t, j] / Q[j], j),
            ),
        ),
        Combine(
            "conserved",
            "Weigh with the volumes, sum over the datasets, use W = Σ n, Q_j = Σ n p and Σ_j p_tj = 1",
            Fact(FORCES, "=", ZERO),
            (
                Use("rewrite", times=n[s], over=(s,)),
                Use("diff", times=n[s], over=(s,)),
                Use("masses", times=n[s] / W, over=(s,)),
                Use("W", times=-1 / W),
                Use("Q", times=p[t, j] / Q[j], over=(j,)),
                Use("masses", times=-ONE, at=((s, t),)),
            ),
        ),
    ),
    goals=(Goal("the forces sum to zero", Fact(FORCES, "=", ZERO), "conserved"),),
)

pp = masses("p", positive=True)
POSITIVE = (
    "any number N of datasets with volumes n_s > 0, any number M of leaves",
    "every dataset has mass on every leaf: p_sj > 0; its masses sum to 1",
    "divergences in nats per phrase",
)


MASSES = Assume("masses", DATASET_MASSES.words, Fact(total(pp[s, j], j), "=", ONE))
POS_Q = Define("Q", DEFINE_Q.words, Fact(Q[j], "=", total(n[s] * pp[s, j], s)))
pos_mixture = total(volume * pp[s, j], s) / total(volume, s)
pos_line = (Q[j] + eps * pp[t, j]) / (W + eps)


def reverse(which: sp.Expr, mix: sp.Expr) -> sp.Expr:
    """``dKL(p_D || p_i)/dn_t``."""
    return Diff(total(mix * sp.log(mix / pp[which, j]), j), eps, ZERO, ONE)


def reverse_value(which: sp.Expr) -> sp.Expr:
    """``sum_j (p_tj - p_Dj)/W ln(p_Dj/p_ij)``."""
    return total((pp[t, j] - Q[j] / W) / W * sp.log(Q[j] / (W * pp[which, j])), j)


hooke_reverse_derivative = Claim(
    id="hooke-reverse-derivative",
    title="The force in the paper's direction",
    prose="In the reverse direction: dKL(p_D‖p_i)/dn_t = Σ_j (p_tj - p_Dj)/W · ln(p_Dj/p_ij), with p_D = Q/W.",
    setting=POSITIVE,
    source="new (theory, section 5)",
    kind="identity",
    idea="Write the mixture along the line on which dataset t grows and differentiate; the terms without a logarithm "
    "sum to "
    "zero because both p_t and p_D sum to 1.",
    assumptions=(MASSES,),
    definitions=(POS_Q, DEFINE_W),
    steps=(
        Combine(
            "line-Q",
            "Raising the volume of dataset t by ε adds ε times its mass to every leaf",
            Fact(total(volume * pp[s, j], s), "=", Q[j] + eps * pp[t, j]),
            (Use("Q", times=-ONE),),
        ),
        Combine("line-W", "and ε to the total volume", Fact(total(volume, s), "=", W + eps), (Use("W", times=-ONE),)),
        Rewrite(
            "rewrite",
            "So the divergence along this line is",
            Fact(reverse(i, pos_mixture), "=", reverse(i, pos_line)),
            ("line-Q", "line-W"),
        ),
        Differentiate(
            "diff",
            "Differentiate each leaf's term at ε = 0",
            Fact(
                reverse(i, pos_line),
                "=",
                reverse_value(i) + total(pp[t, j] / W - Q[j] / W**2, j),
            ),
        ),
        Combine(
            "mass",
            "The weighted masses sum to the total volume",
            Fact(total(Q[j], j), "=", W),
            (Use("Q", over=(j,)), Use("masses", times=n[s], over=(s,)), Use("W", times=-ONE)),
        ),
        Combine(
            "derivative",
            "Both p_t and p_D sum to 1, so the last sum vanishes",
            Fact(reverse(i, pos_mixture), "=", reverse_value(i)),
            (
                Use("rewrite"),
                Use("diff"),
                Use("masses", times=1 / W, at=((s, t),)),
                Use("mass", times=-1 / W**2),
            ),
        ),
    ),
    goals=(Goal("the derivative", Fact(reverse(i, pos_mixture), "=", reverse_value(i)), "derivative"),),
    finding="Where dataset i lacks a leaf that the mixture has, KL(p_D‖p_i) is infinite: the premise p_ij > 0 is "
    "needed.",
)

REVERSE_FORCES = total(n[s] * reverse(s, pos_mixture), s)
hooke_reverse_not_conserved = Claim(
    id="hooke-reverse-not-conserved",
    title="Reverse forces do not sum to zero",
    prose="The statement refuted: in the paper's direction (reverse KL) the forces n_i dKL(p_D‖p_i)/dn_t sum to zero.",
    setting=POSITIVE,
    source="the paper's Hooke's law, read with its KL(P_θ‖P_D)",
    kind="refutation",
    idea="Two datasets of one volume on two leaves, p_1 = (1/2, 1/2), p_2 = (1/4, 3/4): the forces sum to "
    "ln(25/27)/16 nats, and "
    "25 is not 27.",
    assumptions=(MASSES,),
    definitions=(),
    steps=(
        Counterexample(
            "witness",
            "N = M = 2, n = (1, 1), p_1 = (1/2, 1/2), p_2 = (1/4, 3/4), t = 2",
            Fact(REVERSE_FORCES, "=", (2 * sp.log(5) - 3 * sp.log(3)) / 16),
            values=(
                (N, sp.Integer(2)),
                (M, sp.Integer(2)),
                (n.label, (ONE, ONE)),
                (pp.label, ((R(1, 2), R(1, 2)), (R(1, 4), R(3, 4)))),
                (t, sp.Integer(2)),
            ),
            refuted=Fact(REVERSE_FORCES, "=", ZERO),
        ),
    ),
    goals=(Goal("the forces would sum to zero", Fact(REVERSE_FORCES, "=", ZERO), "witness"),),
    finding="Forces in the forward direction do sum to zero (hooke-forward). In the reverse direction they sum to what "
    "hooke-reverse-derivative gives, which is not zero in general.",
)

hooke_all_equal = Claim(
    id="hooke-all-equal",
    title="The forces are not the same for all datasets",
    prose="The statement refuted: the forces n_i dC_i/dn_t are the same for all datasets, as for springs in series.",
    setting=MIXTURE_DOMAIN,
    source="the paper's Hooke's law, taken literally",
    kind="refutation",
    idea="Two datasets with disjoint leaves: the forces are +1/2 and -1/2. They are equal and opposite, as they must "
    "be: they "
    "sum to zero, so they can only be all the same where all vanish.",
    assumptions=(DATASET_MASSES, LEAVES),
    definitions=(DEFINE_Q, DEFINE_W),
    steps=(
        Counterexample(
            "witness",
            "N = M = 2, n = (1, 1), p_1 = (1, 0), p_2 = (0, 1), i = 1, t = 2",
            Fact(n[i] * slope(i, t) - n[t] * slope(t, t), "=", ONE),
            values=(
                (N, sp.Integer(2)),
                (M, sp.Integer(2)),
                (n.label, (ONE, ONE)),
                (p.label, ((ONE, ZERO), (ZERO, ONE))),
                (Q.label, (ONE, ONE)),
                (W, sp.Integer(2)),
                (i, ONE),
                (t, sp.Integer(2)),
            ),
            refuted=Fact(n[i] * slope(i, t), "=", n[t] * slope(t, t)),
        ),
    ),
    goals=(Goal("two forces would be equal", Fact(n[i] * slope(i, t), "=", n[t] * slope(t, t)), "witness"),),
    finding="For two datasets the forces are equal in size and opposite (conservation-law with N = 2).",
)

NOTATION = (
    *slope_notation((i, t), (t, t)),
    Notation("dKL(p_s‖p_D)/dn_t", r"\tfrac{\partial\mathrm{KL}(p_s\|p_D)}{\partial n_t}", forward(s, own[s])),
    Notation("dKL(p_D‖p_i)/dn_t", r"\tfrac{\partial\mathrm{KL}(p_D\|p_i)}{\partial n_t}", reverse(i, pos_mixture)),
    Notation("dKL(p_D‖p_s)/dn_t", r"\tfrac{\partial\mathrm{KL}(p_D\|p_s)}{\partial n_t}", reverse(s, pos_mixture)),
)
CLAIMS = noted((hooke_forward, hooke_reverse_derivative, hooke_reverse_not_conserved, hooke_all_equal), NOTATION)
