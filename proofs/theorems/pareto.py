"""Pareto masses in closed form. Theory, section 4 (the paper's Assumption A.7).

``x_j`` independent Pareto(alpha, x_m): density ``alpha x_m^alpha x^(-alpha-1)`` for ``x > x_m``; ``p_j = x_j / sum x``.
The mean is finite iff ``alpha > 1``, so we write ``alpha = 1 + beta`` with ``beta > 0``. Natural logarithms.
"""

from __future__ import annotations

import sympy as sp

from ..classical import Average, LargeNumbers, MeanIs, Tonelli
from ..expressions import Diff, Int, Law, Lim, Mean, draw, draws, positive, total
from ..facts import Claim, Fact, Goal
from ..rules_algebra import Combine, Signed, Use
from ..rules_analysis import Differentiate, Integrate, LimitOf
from ..vocabulary import ONE, M, j

__all__ = ["CLAIMS"]

ZERO = sp.Integer(0)
beta, xm, v, s = positive("beta x_m v s")
alpha = 1 + beta
PARETO = Law(v, alpha * xm**alpha * v ** (-alpha - 1), xm)
X, Y, Z = (draw(name, PARETO) for name in "XYZ")
mu = alpha * xm / beta
DOMAIN = ("masses x_1, ..., x_M independent Pareto(α, x_m), α = 1 + β > 1, x_m > 0; p_j = x_j / Σ x", "nats")

UNIT = Integrate(
    "unit",
    "Pareto's density integrates to 1",
    Fact(Int(PARETO.density, v, xm, sp.oo), "=", ONE),
    antiderivative=-(xm**alpha) * v ** (-alpha),
)


def mean_of(
    name: str, what: str, of_draw: sp.Expr, value: sp.Expr, anti: sp.Expr
) -> tuple[MeanIs | Integrate | Combine, ...]:
    """The mean of a function of X, by its integral."""
    integral = Int(of_draw.xreplace({X: v}) * PARETO.density, v, xm, sp.oo)
    return (
        MeanIs(f"{name}-def", f"The mean of {what} is an integral", Fact(Mean(of_draw, X), "=", integral), unit="unit"),
        Integrate(
            f"{name}-int",
            "with an antiderivative that vanishes at infinity, because α > 1",
            Fact(integral, "=", value),
            antiderivative=anti,
        ),
        Combine(name, "so it is", Fact(Mean(of_draw, X), "=", value), (Use(f"{name}-def"), Use(f"{name}-int"))),
    )


MEAN = (UNIT, *mean_of("mean", "X", X, mu, -alpha * xm**alpha * v ** (-beta) / beta))

x = draws("x", PARETO)
SUM = total(x[j], j)
SUM_LOG = total(x[j] * sp.log(x[j]), j)
ENTROPY = -total(x[j] / SUM * sp.log(x[j] / SUM), j)
mu_log = mu * (sp.log(xm) + 1 / beta)
first, second = positive("A B")
VALUE = sp.log(alpha / beta) - 1 / beta
pareto_entropy = Claim(
    id="pareto-entropy",
    title="Entropy of a Pareto dataset",
    prose="As M -> ∞, almost surely: H - ln M -> ln(α/(α-1)) - 1/(α-1): the normalised rate of a Pareto dataset "
    "by itself depends on "
    "α only.",
    setting=DOMAIN,
    source="new (theory, section 4)",
    kind="identity",
    idea="H - ln M = ln A - B/A with the averages A = Σx/M and B = Σ x ln x / M. By the law of large numbers they "
    "tend to E[X] and "
    "E[X ln X], two integrals.",
    assumptions=(),
    definitions=(),
    steps=(
        *MEAN,
        *mean_of(
            "log-mean",
            "X ln X",
            X * sp.log(X),
            mu_log,
            -alpha * xm**alpha * v ** (-beta) * (sp.log(v) + 1 / beta) / beta,
        ),
        LargeNumbers("lln", "The average mass tends to its mean", Fact(Lim(SUM / M, M, sp.oo), "=", mu), mean="mean"),
        LargeNumbers(
            "lln-log",
            "and the average of x ln x to its mean",
            Fact(Lim(SUM_LOG / M, M, sp.oo), "=", mu_log),
            mean="log-mean",
        ),
        LimitOf(
            "limit",
            "Split the logarithms of x/Σx: H - ln M is a continuous function of the two averages",
            Fact(Lim(ENTROPY - sp.log(M), M, sp.oo), "=", VALUE),
            outer=sp.log(first) - second / first,
            parts=((first, "lln"), (second, "lln-log")),
        ),
    ),
    goals=(Goal("the limit", Fact(Lim(ENTROPY - sp.log(M), M, sp.oo), "=", VALUE), "limit"),),
)

# --- overlap ---

laplace = alpha * (xm * s) ** alpha * sp.uppergamma(-alpha, xm * s)
minus_slope = alpha * xm**alpha * s ** (alpha - 1) * sp.uppergamma(1 - alpha, xm * s)
TRIPLE = Y * Z / (X + Y + Z)
OVERLAP = 3 * Mean(TRIPLE, X, Y, Z) / Mean(X, X)
CLOSED = 3 * Int(laplace * minus_slope**2, s, ZERO, sp.oo) / mu
T, lam = positive("T sigma")
BY_PARTS = Int(lam * (lam * v) ** (-alpha) * sp.exp(-lam * v), v, xm, sp.oo)
RECURRENCE = -alpha * sp.uppergamma(-alpha, xm * lam) + (xm * lam) ** (-alpha) * sp.exp(-xm * lam)


pareto_overlap = Claim(
    id="pareto-overlap",
    title="Contained overlap of Pareto masses",
    prose="The integral identity alone, not the limit that it is the value of (that the overlap of M masses "
    "tends to it "
    "as M grows): for independent Pareto masses X, Y, Z, o(α) = E[3YZ/(X+Y+Z)]/E[X] equals 3 ∫_0^∞ "
    "φ(s) φ'(s)² ds / E[X], with "
    "φ(s) = E exp(-sX) = α (x_m s)^α Γ(-α, x_m s) and φ'(s) = -α x_m^α s^(α-1) Γ(1-α, x_m s).",
    setting=DOMAIN,
    source="new (theory, section 4)",
    kind="identity",
    idea="1/T = ∫ exp(-sT) ds with T = X + Y + Z; the draws are independent, so the mean of the product is a product "
    "of Laplace transforms.",
    assumptions=(),
    definitions=(),
    steps=(
        *MEAN,
        *mean_of(
            "laplace",
            "exp(-sX)",
            sp.exp(-s * X),
            laplace,
            -alpha * xm**alpha * s**alpha * sp.uppergamma(-alpha, s * v),
        ),
        *mean_of(
            "slope",
            "X exp(-sX)",
            X * sp.exp(-s * X),
            minus_slope,
            -alpha * xm**alpha * s ** (alpha - 1) * sp.uppergamma(1 - alpha, s * v),
        ),
        Integrate(
            "parts",
            "An integral by one antiderivative",
            Fact(BY_PARTS, "=", sp.uppergamma(1 - alpha, xm * lam)),
            antiderivative=-sp.uppergamma(1 - alpha, lam * v),
        ),
        Integrate(
            "parts-again",
            "and by another, after integration by parts",
            Fact(BY_PARTS, "=", RECURRENCE),
            antiderivative=alpha * sp.uppergamma(-alpha, lam * v) - (lam * v) ** (-alpha) * sp.exp(-lam * v),
        ),
        Combine(
            "recurrence",
            "gives the recurrence of the incomplete gamma function (DLMF 8.8.2)",
            Fact(sp.uppergamma(1 - alpha, xm * lam), "=", RECURRENCE),
            (Use("parts", times=-ONE), Use("parts-again")),
        ),
        Differentiate(
            "derivative",
            "Differentiate the Laplace transform",
            Fact(
                Diff(laplace, s, lam, ONE),
                "=",
                alpha**2 * xm**alpha * lam**beta * sp.uppergamma(-alpha, xm * lam) - alpha * sp.exp(-xm * lam) / lam,
            ),
        ),
        Combine(
            "phi-slope",
            "so its derivative is minus the mean of X exp(-sX)",
            Fact(
                Diff(laplace, s, lam, ONE),
                "=",
                -alpha * xm**alpha * lam ** (alpha - 1) * sp.uppergamma(1 - alpha, xm * lam),
            ),
            (Use("derivative"), Use("recurrence", times=alpha * xm**alpha * lam**beta)),
        ),
        Integrate(
            "reciprocal",
            "The reciprocal of a positive number is an integral",
            Fact(Int(sp.exp(-s * T), s, ZERO, sp.oo), "=", 1 / T),
            antiderivative=-sp.exp(-s * T) / T,
        ),
        Tonelli(
            "swap",
            "Put T = X + Y + Z, swap mean and integral, and factor (Tonelli, independence)",
            Fact(Mean(TRIPLE, X, Y, Z), "=", Int(laplace * minus_slope**2, s, ZERO, sp.oo)),
            inner="reciprocal",
            s=s,
            factors=(sp.exp(-s * X), Y * sp.exp(-s * Y), Z * sp.exp(-s * Z)),
            means=("laplace", "slope", "slope"),
        ),
        Combine(
            "overlap",
            "and divide by the mean",
            Fact(OVERLAP, "=", CLOSED),
            (
                Use("swap", times=3 / Mean(X, X)),
                Use("mean", times=-3 * Int(laplace * minus_slope**2, s, ZERO, sp.oo) / (mu * Mean(X, X))),
            ),
        ),
    ),
    goals=(
        Goal("Laplace transform", Fact(Mean(sp.exp(-s * X), X), "=", laplace), "laplace"),
        Goal(
            "its derivative",
            Fact(
                Diff(laplace, s, lam, ONE),
                "=",
                -alpha * xm**alpha * lam ** (alpha - 1) * sp.uppergamma(1 - alpha, xm * lam),
            ),
            "phi-slope",
        ),
        Goal("the overlap", Fact(OVERLAP, "=", CLOSED), "overlap"),
    ),
    finding="At x_m = 1: o(1.5) ≈ 0.6825, o(2) ≈ 0.84835, o(2.5) ≈ 0.91252, o(4) ≈ 0.97119 (by quadrature; no part "
    "of the proof).",
)

SQUARES = ((X - Y) ** 2 + (Y - Z) ** 2 + (X - Z) ** 2) / (2 * (X + Y + Z))
PAIRS = 3 * (X * Y + Y * Z + X * Z) / (X + Y + Z)
below_one = Claim(
    id="pareto-overlap-below-one",
    title="The overlap is below one: elastic for every α",
    prose="For every α > 1: 3 E[YZ/(X+Y+Z)] < E[X], that is o(α) < 1, and exactly E[X] - 3 E[YZ/(X+Y+Z)] = "
    "E[(X-Y)²/(2(X+Y+Z))]: the more the "
    "masses scatter, the more elastic.",
    setting=DOMAIN,
    source="new (theory, section 4)",
    kind="tight bound",
    idea="Average over the orders of three independent draws: (X+Y+Z)² - 3(XY+YZ+ZX) is half the sum of the squared "
    "differences. (The proof "
    "uses of the law only that it has a density on the positive numbers and a finite mean.)",
    assumptions=(),
    definitions=(),
    steps=(
        *MEAN,
        Combine(
            "pointwise-third",
            "For all positive X, Y, Z",
            Fact((X + Y + Z) / 3 - PAIRS / 3, "=", SQUARES / 3),
        ),
        Average(
            "gap",
            "Take the mean",
            Fact(Mean(X, X) - 3 * Mean(TRIPLE, X, Y, Z), "=", Mean((X - Y) ** 2 / (2 * (X + Y + Z)), X, Y, Z)),
            pointwise="pointwise-third",
            draws=(X, Y, Z),
            finite="mean",
        ),
        Signed("squares", "The sum of squares is not negative", Fact(SQUARES / 3, ">=", ZERO), SQUARES / 3),
        Combine(
            "bound",
            "so for all positive X, Y, Z",
            Fact(PAIRS / 3, "<=", (X + Y + Z) / 3),
            (Use("squares"),),
        ),
        Average(
            "below",
            "Take the mean: at X, Y, Z = 2 x_m, 3 x_m, 4 x_m the two sides differ, so the inequality is strict",
            Fact(3 * Mean(TRIPLE, X, Y, Z), "<", Mean(X, X)),
            pointwise="bound",
            draws=(X, Y, Z),
            finite="mean",
            witness=(2 * xm, 3 * xm, 4 * xm),
        ),
        Combine(
            "overlap",
            "Divide by the mean",
            Fact(OVERLAP, "<", ONE),
            (Use("below", times=1 / mu), Use("mean", times=OVERLAP / mu - 1 / mu)),
        ),
    ),
    goals=(
        Goal(
            "the gap",
            Fact(Mean(X, X) - 3 * Mean(TRIPLE, X, Y, Z), "=", Mean((X - Y) ** 2 / (2 * (X + Y + Z)), X, Y, Z)),
            "gap",
        ),
        Goal("below one", Fact(OVERLAP, "<", ONE), "overlap"),
    ),
)

CLAIMS = (pareto_entropy, pareto_overlap, below_one)
