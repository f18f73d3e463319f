"""Joint compression of several datasets: how the code length of one moves with the volume of another.

Theory, section 3. With ``Q_j = sum_s n_s p_sj`` and ``W = sum_s n_s``, the code length of dataset ``i`` under the
mixture is ``C_i = -sum_j p_ij ln(Q_j / W)`` nats per phrase.
"""

from __future__ import annotations

import sympy as sp

from ..expressions import total
from ..facts import Assume, Claim, Fact, Goal
from ..notation import noted
from ..rules_algebra import Combine, Signed, Use, Vanish
from ..vocabulary import (
    DATASET_MASSES,
    DEFINE_Q,
    DEFINE_W,
    DELTA,
    LEAVES,
    MIXTURE_DOMAIN,
    ONE,
    Q,
    W,
    i,
    j,
    n,
    p,
    s,
    slope,
    slope_notation,
    slope_steps,
    slope_value,
    t,
)

__all__ = ["CLAIMS"]

ZERO = sp.Integer(0)
MIXTURE = (DEFINE_Q, DEFINE_W)

volume_derivative = Claim(
    id="volume-derivative",
    title="Derivative of a code length in a volume",
    prose="For any datasets i and t: dC_i/dn_t = 1/W - Σ_j p_ij p_tj / Q_j, which is symmetric in i and t.",
    setting=MIXTURE_DOMAIN,
    source="new (theory, section 3)",
    kind="identity",
    idea="Raise one volume by ε, write the mixture along that line, and differentiate each leaf's term at ε = 0.",
    assumptions=(DATASET_MASSES, LEAVES),
    definitions=MIXTURE,
    steps=(
        *slope_steps("slope", ((i, t), (t, i))),
        Combine(
            "symmetric",
            "The formula does not change when i and t change places",
            Fact(slope(i, t), "=", slope(t, i)),
            (Use("slope-it"), Use("slope-ti", times=-ONE)),
        ),
    ),
    goals=(
        Goal("the derivative", Fact(slope(i, t), "=", slope_value(i, t)), "slope-it"),
        Goal("its symmetry", Fact(slope(i, t), "=", slope(t, i)), "symmetric"),
    ),
)

conservation_law = Claim(
    id="conservation-law",
    title="Conservation law",
    prose="For every dataset t: Σ_i n_i dC_i/dn_t = 0. To first order, what one dataset gains the others lose.",
    setting=MIXTURE_DOMAIN,
    source="new (theory, section 3)",
    kind="identity",
    idea="Sum the derivative over the datasets with their volumes as weights: the volumes sum to W, the weighted "
    "masses to "
    "Q_j, and what is left is 1 - Σ_j p_tj = 0.",
    assumptions=(DATASET_MASSES, LEAVES),
    definitions=MIXTURE,
    steps=(
        *slope_steps("slope", ((s, t),)),
        Combine(
            "conserved",
            "Weigh with the volumes and sum over the datasets; use W = Σ n, Q_j = Σ n p, and Σ_j p_tj = 1",
            Fact(total(n[s] * slope(s, t), s), "=", ZERO),
            (
                Use("slope-st", times=n[s], over=(s,)),
                Use("W", times=-1 / W),
                Use("Q", times=p[t, j] / Q[j], over=(j,)),
                Use("masses", times=-ONE, at=((s, t),)),
            ),
        ),
    ),
    goals=(Goal("conservation", Fact(total(n[s] * slope(s, t), s), "=", ZERO), "conserved"),),
    finding="The mixture already minimises the total code length, so it is stationary (an envelope theorem).",
)

SQUARES = total(Q[j] * (p[t, j] / Q[j] - 1 / W) ** 2, j)
OTHERS = total(n[s] * (1 - DELTA(s, t)) * slope(s, t), s)
own_rate_falls = Claim(
    id="own-rate-falls",
    title="More data of a kind never worsens that kind",
    prose="For every dataset t: dC_t/dn_t <= 0, with equality iff p_t = p_D; hence the others together cannot "
    "gain: "
    "Σ_{i≠t} n_i dC_i/dn_t >= 0.",
    setting=MIXTURE_DOMAIN,
    source="new (theory, section 3)",
    kind="tight bound",
    idea="Minus the derivative is a sum of squares, Σ_j Q_j (p_tj/Q_j - 1/W)^2: the Cauchy-Schwarz inequality with its "
    "remainder written out. It vanishes only where p_tj/Q_j = 1/W on every leaf.",
    assumptions=(
        DATASET_MASSES,
        LEAVES,
        Assume("flat", "the derivative is zero", Fact(slope(t, t), "=", ZERO), case=True),
        Assume("same", "dataset t has the mixture's masses", Fact(p[t, j], "=", Q[j] / W), case=True),
    ),
    definitions=MIXTURE,
    steps=(
        *slope_steps("slope", ((t, t), (s, t))),
        Combine(
            "mass",
            "The weighted masses sum to the total volume",
            Fact(total(Q[j], j), "=", W),
            (Use("Q", over=(j,)), Use("masses", times=n[s], over=(s,)), Use("W", times=-ONE)),
        ),
        Combine(
            "squares",
            "Expand the square: minus the derivative is a sum of squares",
            Fact(-slope(t, t), "=", SQUARES),
            (
                Use("slope-tt", times=-ONE),
                Use("masses", times=2 / W, at=((s, t),)),
                Use("mass", times=-1 / W**2),
            ),
        ),
        Signed(
            "positive", "A sum of squares with positive weights is not negative", Fact(SQUARES, ">=", ZERO), SQUARES
        ),
        Combine(
            "falls",
            "So the derivative is not positive",
            Fact(slope(t, t), "<=", ZERO),
            (Use("squares"), Use("positive")),
        ),
        Combine(
            "no-square",
            "If it is zero, the sum of squares is zero",
            Fact(SQUARES, "=", ZERO),
            (Use("squares", times=-ONE), Use("flat", times=-ONE)),
        ),
        Vanish(
            "each-square",
            "so every square is zero",
            Fact(p[t, j] / Q[j], "=", 1 / W),
            zero="no-square",
            weight=Q[j],
            base=p[t, j] / Q[j] - 1 / W,
            power=2,
            over=(j,),
        ),
        Combine(
            "only-if",
            "that is, dataset t has the mixture's masses on every leaf",
            Fact(p[t, j], "=", Q[j] / W),
            (Use("each-square", times=Q[j]),),
        ),
        Combine(
            "if",
            "Conversely, if it has, the derivative is zero",
            Fact(slope(t, t), "=", ZERO),
            (
                Use("slope-tt"),
                Use("same", times=-p[t, j] / Q[j], over=(j,)),
                Use("masses", times=-1 / W, at=((s, t),)),
            ),
        ),
        Combine(
            "conserved",
            "By the conservation law the volume-weighted derivatives of all datasets sum to zero",
            Fact(total(n[s] * slope(s, t), s), "=", ZERO),
            (
                Use("slope-st", times=n[s], over=(s,)),
                Use("W", times=-1 / W),
                Use("Q", times=p[t, j] / Q[j], over=(j,)),
                Use("masses", times=-ONE, at=((s, t),)),
            ),
        ),
        Combine(
            "others",
            "so those of the other datasets sum to -n_t dC_t/dn_t, which is not negative",
            Fact(OTHERS, ">=", ZERO),
            (Use("conserved"), Use("falls", times=n[t])),
        ),
    ),
    goals=(
        Goal("own rate", Fact(slope(t, t), "<=", ZERO), "falls"),
        Goal("equality only if p_t = p_D", Fact(p[t, j], "=", Q[j] / W), "only-if", ("flat",)),
        Goal("equality if p_t = p_D", Fact(slope(t, t), "=", ZERO), "if", ("same",)),
        Goal("the other datasets together", Fact(OTHERS, ">=", ZERO), "others"),
    ),
)

OVERLAP = W * total(p[i, j] * p[t, j] / Q[j], j)
SELF_OVERLAP = W * total(p[t, j] ** 2 / Q[j], j)
CHI2 = total((p[t, j] - Q[j] / W) ** 2 / (Q[j] / W), j)
overlap_sign = Claim(
    id="overlap-sign",
    title="Overlap below one: harm",
    prose="dC_i/dn_t = (1 - <p_i, p_t>_D)/W with the overlap <p_i, p_t>_D = Σ_j p_ij p_tj / p_Dj: data t makes i "
    "worse "
    "iff their overlap under the mixture is below 1. <p_t, p_t>_D - 1 is the χ² divergence of p_t from p_D.",
    setting=MIXTURE_DOMAIN,
    source="new (theory, section 3)",
    kind="identity",
    idea="Put p_Dj = Q_j/W into the derivative.",
    assumptions=(
        DATASET_MASSES,
        LEAVES,
        Assume("apart", "the overlap is below 1", Fact(OVERLAP, "<", ONE), case=True),
        Assume("worse", "data t makes i worse", Fact(slope(i, t), ">", ZERO), case=True),
    ),
    definitions=MIXTURE,
    steps=(
        *slope_steps("slope", ((i, t),)),
        Combine(
            "overlap",
            "Multiply and divide by W",
            Fact(slope(i, t), "=", (1 - OVERLAP) / W),
            (Use("slope-it"),),
        ),
        Combine(
            "if",
            "An overlap below 1 makes the derivative positive",
            Fact(slope(i, t), ">", ZERO),
            (Use("overlap"), Use("apart", times=1 / W)),
        ),
        Combine(
            "only-if",
            "and a positive derivative makes the overlap less than 1",
            Fact(OVERLAP, "<", ONE),
            (Use("overlap", times=-W), Use("worse", times=W)),
        ),
        Combine(
            "mass",
            "The weighted masses sum to the total volume",
            Fact(total(Q[j], j), "=", W),
            (Use("Q", over=(j,)), Use("masses", times=n[s], over=(s,)), Use("W", times=-ONE)),
        ),
        Combine(
            "chi2",
            "Expand the χ² divergence",
            Fact(SELF_OVERLAP - 1, "=", CHI2),
            (Use("masses", times=sp.Integer(2), at=((s, t),)), Use("mass", times=-1 / W)),
        ),
    ),
    goals=(
        Goal("the derivative by the overlap", Fact(slope(i, t), "=", (1 - OVERLAP) / W), "overlap"),
        Goal("overlap below 1 is enough", Fact(slope(i, t), ">", ZERO), "if", ("apart",)),
        Goal("and needed", Fact(OVERLAP, "<", ONE), "only-if", ("worse",)),
        Goal("self-overlap and χ²", Fact(SELF_OVERLAP - 1, "=", CHI2), "chi2"),
    ),
)

NOTATION = (*slope_notation((i, t), (t, i), (t, t), (s, t)),)
CLAIMS = noted((volume_derivative, conservation_law, own_rate_falls, overlap_sign), NOTATION)
