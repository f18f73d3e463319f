"""Rates and normalised rates. Theory, section 2."""

from __future__ import annotations

import sympy as sp

from ..expressions import Diff, masses, positive, real, size, total
from ..facts import Assume, Claim, Define, Fact, Goal
from ..rules_algebra import Combine, Signed, Use
from ..rules_analysis import Differentiate
from ..vocabulary import ONE, M, j
from .lemmas import LOG_BOUND
from .lemmas import x as generic

__all__ = ["CLAIMS"]

ZERO = sp.Integer(0)
p, mix, other = masses("p", positive=True), masses("p_D", positive=True), masses("o")
UNIT = Assume("masses", "the masses of dataset i sum to 1", Fact(total(p[j], j), "=", ONE))
CE = -total(p[j] * sp.log(mix[j]), j)
KL_MIX = total(p[j] * sp.log(p[j] / mix[j]), j)
KL_UNIFORM = total(p[j] * sp.log(p[j] * M), j)
DOMAIN = (
    "dataset i with mass p_j > 0 on its M = M_i leaves; the mixture's mass p_Dj > 0 there",
    "per phrase, in nats (the identity and the bounds hold in any unit)",
)

rate_identity = Claim(
    id="rate-identity",
    title="The normalised rate as a difference of divergences",
    prose="CE(p_i, p_D) - log M_i = KL(p_i‖p_D) - KL(p_i‖u_i), u_i uniform on the leaves of dataset i.",
    setting=DOMAIN,
    source="new (theory, section 2)",
    kind="identity",
    idea="Write the logarithms of quotients as differences; the entropies cancel.",
    assumptions=(UNIT,),
    definitions=(),
    steps=(
        Combine(
            "identity",
            "Split the logarithms; the masses sum to 1",
            Fact(CE - sp.log(M), "=", KL_MIX - KL_UNIFORM),
            (Use("masses", times=sp.log(M)),),
        ),
    ),
    goals=(Goal("the identity", Fact(CE - sp.log(M), "=", KL_MIX - KL_UNIFORM), "identity"),),
)

w = positive("w")
rate_bounds = Claim(
    id="rate-bounds",
    title="Bounds of the normalised rate",
    prose="-log M_i <= CE(p_i, p_D) - log M_i <= log(1/w_i), with w_i = |D_i|/|D| the share of dataset i in the "
    "mixture.",
    setting=(*DOMAIN, "p_D = w p_i + (what the other datasets add, >= 0), 0 < w; p_Dj <= 1"),
    source="new (theory, section 2)",
    kind="one-sided bound",
    idea="Below: -log of a mass is not negative. Above: ln y <= y - 1 at y = w/(M p_Dj), whose mean under p_i is at "
    "most 1 because "
    "p_D contains w p_i.",
    assumptions=(UNIT, Assume("below-one", "a mass is at most 1", Fact(mix[j], "<=", ONE))),
    definitions=(
        Define("mixture", "the mixture: dataset i with share w, and the rest", Fact(mix[j], "=", w * p[j] + other[j])),
    ),
    steps=(
        LOG_BOUND,
        Combine(
            "positive",
            "Use ln x <= x - 1 at x = p_Dj on every leaf, and p_Dj <= 1",
            Fact(CE, ">=", ZERO),
            (
                Use("log", times=p[j], over=(j,), at=((generic, mix[j]),)),
                Use("below-one", times=p[j], over=(j,)),
            ),
        ),
        Combine("low", "so the lower bound holds", Fact(CE - sp.log(M), ">=", -sp.log(M)), (Use("positive"),)),
        Signed(
            "rest",
            "The mixture is at least w p_i, because the rest is not negative",
            Fact(total(other[j] / (M * mix[j]), j), ">=", ZERO),
            total(other[j] / (M * mix[j]), j),
        ),
        Combine(
            "high",
            "Use ln x <= x - 1 at x = w/(M p_Dj) on every leaf; sum with p_i",
            Fact(CE - sp.log(M), "<=", sp.log(1 / w)),
            (
                Use("log", times=p[j], over=(j,), at=((generic, w / (M * mix[j])),)),
                Use("mixture", times=1 / (M * mix[j]), over=(j,)),
                Use("rest"),
                Use("masses", times=ONE - sp.log(M) + sp.log(w)),
            ),
        ),
    ),
    goals=(
        Goal("from below", Fact(CE - sp.log(M), ">=", -sp.log(M)), "low"),
        Goal("from above", Fact(CE - sp.log(M), "<=", sp.log(1 / w)), "high"),
    ),
    finding="The upper bound is reached by a uniform dataset that shares no leaf with the others.",
)

d, V, r, C, rescaled = size("d"), positive("V"), positive("rho"), positive("C"), positive("d'")
eps, W = real("epsilon"), positive("W")
Q, q, u = masses("Q", positive=True), masses("q"), masses("u")
MOVING = -total(u[j] * sp.log((Q[j] + eps * q[j]) / (W + eps)), j)


def literal(code: sp.Expr, depth: sp.Expr, leaves: sp.Expr) -> sp.Expr:
    """The paper's form: bits per symbol minus bits per phrase."""
    return code / depth - sp.log(leaves)


def consistent(code: sp.Expr, depth: sp.Expr, leaves: sp.Expr) -> sp.Expr:
    """Both terms per symbol."""
    return (code - sp.log(leaves)) / depth


# The rate per symbol, consistently and literally; the same with length counted in units of 1/rho symbols.
CON, LIT, CON_R, LIT_R = real("A B A' B'")
LIT_SLOPE = Diff(MOVING / d - sp.log(M), eps, ZERO, ONE)
CON_SLOPE = Diff((MOVING - sp.log(M)) / d, eps, ZERO, ONE)
SLOPE = (total(u[j], j) / W - total(u[j] * q[j] / Q[j], j)) / d
units = Claim(
    id="normalization-units",
    title="The literal normalised rate mixes units",
    prose="With C = CE per phrase of d symbols, the consistent rate per symbol is A = (C - log M)/d; the literal "
    "B = C/d - log M differs from it by (1 - 1/d) log M. Counting in units of 1/ρ symbols multiplies the consistent "
    "form by ρ, but not the literal one. For a uniform source over V symbols (C = d log V, M = V^d) the consistent "
    "form is 0 at every depth, the literal (1 - d) log V. Their derivatives in the volumes are the same.",
    setting=(
        "C = CE(p_i, p_D) per phrase of d symbols; M leaves; V symbols",
        "ρ > 0 a change of the unit of length; nats",
    ),
    source="new (theory, section 2), for the paper's normalised rate",
    kind="identity",
    idea="Compute. A quantity per symbol must be multiplied by ρ when a symbol is counted as 1/ρ units of length (d "
    "becomes d' = d/ρ).",
    assumptions=(
        Assume(
            "leaves", "a uniform source over V symbols has V^d leaves", Fact(sp.log(M), "=", d * sp.log(V)), case=True
        ),
        Assume("uniform", "and each phrase costs d log V", Fact(C, "=", d * sp.log(V)), case=True),
        Assume("unit", "the depth d counted in units of 1/ρ symbols", Fact(r * rescaled, "=", d), case=True),
    ),
    definitions=(
        Define("A", "the consistent rate per symbol", Fact(CON, "=", consistent(C, d, M))),
        Define("B", "the literal rate", Fact(LIT, "=", literal(C, d, M))),
        Define("A'", "the consistent rate in units of 1/ρ symbols", Fact(CON_R, "=", consistent(C, rescaled, M))),
        Define("B'", "the literal rate in these units", Fact(LIT_R, "=", literal(C, rescaled, M))),
    ),
    steps=(
        Combine(
            "difference",
            "The two forms differ by",
            Fact(CON - LIT, "=", (1 - ONE / d) * sp.log(M)),
            (Use("A"), Use("B", times=-ONE)),
        ),
        Combine(
            "scale-consistent",
            "Count length in another unit: the consistent form scales",
            Fact(CON_R, "=", r * CON),
            (Use("A'"), Use("A", times=-r), Use("unit", times=-(C - sp.log(M)) / (rescaled * d))),
        ),
        Combine(
            "scale-literal",
            "and the literal form does not: it is off by",
            Fact(LIT_R - r * LIT, "=", (r - 1) * sp.log(M)),
            (Use("B'"), Use("B", times=-r), Use("unit", times=-C / (rescaled * d))),
        ),
        Combine(
            "uniform-consistent",
            "A uniform source is not compressible at any depth",
            Fact(CON, "=", ZERO),
            (Use("A"), Use("uniform", times=ONE / d), Use("leaves", times=-ONE / d)),
        ),
        Combine(
            "uniform-literal",
            "but the literal form falls with the depth",
            Fact(LIT, "=", (1 - d) * sp.log(V)),
            (Use("B"), Use("uniform", times=ONE / d), Use("leaves", times=-ONE)),
        ),
        Differentiate(
            "slope-literal",
            "In the volumes, log M is constant: the literal form moves like",
            Fact(LIT_SLOPE, "=", SLOPE),
        ),
        Differentiate("slope-consistent", "and the consistent one too", Fact(CON_SLOPE, "=", SLOPE)),
        Combine(
            "slopes",
            "so their derivatives agree",
            Fact(LIT_SLOPE, "=", CON_SLOPE),
            (Use("slope-literal"), Use("slope-consistent", times=-ONE)),
        ),
    ),
    goals=(
        Goal("the difference", Fact(CON - LIT, "=", (1 - ONE / d) * sp.log(M)), "difference"),
        Goal("the consistent form scales", Fact(CON_R, "=", r * CON), "scale-consistent", ("unit",)),
        Goal("the literal one does not", Fact(LIT_R - r * LIT, "=", (r - 1) * sp.log(M)), "scale-literal", ("unit",)),
        Goal("uniform source, consistent", Fact(CON, "=", ZERO), "uniform-consistent", ("leaves", "uniform")),
        Goal("uniform source, literal", Fact(LIT, "=", (1 - d) * sp.log(V)), "uniform-literal", ("leaves", "uniform")),
        Goal("derivatives agree", Fact(LIT_SLOPE, "=", CON_SLOPE), "slopes"),
    ),
)

CLAIMS = (rate_identity, rate_bounds, units)
