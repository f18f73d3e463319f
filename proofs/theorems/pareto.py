"""Pareto masses in closed form. Theory, section 4 (the paper's Assumption A.7).

``x_j`` independent Pareto(alpha, x_m): density ``alpha x_m^alpha x^(-alpha-1)`` for ``x > x_m``; ``p_j = x_j / sum x``.
The mean is finite iff ``alpha > 1``, so we write ``alpha = 1 + beta`` with ``beta > 0``. Natural logarithms.
"""

from __future__ import annotations

import sympy as sp

from ..classical import Average, GammaRecurrence, LargeNumbers, MeanIs, Tonelli
from ..expressions import Diff, Int, Lim, Mean, masses, positive, total
from ..facts import Claim, Define, Fact, Goal
from ..rules_algebra import Combine, Rewrite, Signed, Use
from ..rules_analysis import Differentiate, Integrate, LimitOf
from ..vocabulary import ONE, M, j

__all__ = ["CLAIMS"]

ZERO = sp.Integer(0)
beta, xm, x, s = positive("beta x_m x s")
X, Y, Z = positive("X Y Z")
alpha = 1 + beta
density = alpha * xm**alpha * x ** (-alpha - 1)
mu = alpha * xm / beta
f = sp.Symbol("f", positive=True)
DENSITY = Define("density", "Pareto's density for x > x_m, with α = 1 + β", Fact(f, "=", density))
DOMAIN = ("masses x_1, ..., x_M independent Pareto(α, x_m), α = 1 + β > 1, x_m > 0; p_j = x_j / Σ x", "nats")

MEAN = (
    MeanIs(
        "mean-def",
        "The mean mass is an integral",
        Fact(Mean(X, X), "=", Int(alpha * xm**alpha * x ** (-alpha), x, xm, sp.oo)),
        draw=X,
        density=density,
        variable=x,
        low=xm,
    ),
    Integrate(
        "mean-int",
        "which is finite because α > 1",
        Fact(Int(alpha * xm**alpha * x ** (-alpha), x, xm, sp.oo), "=", mu),
        antiderivative=-alpha * xm**alpha * x ** (-beta) / beta,
    ),
    Combine("mean", "so the mean is α x_m/(α - 1)", Fact(Mean(X, X), "=", mu), (Use("mean-def"), Use("mean-int"))),
)

draw = masses("x", positive=True)
SUM = total(draw[j], j)
SUM_LOG = total(draw[j] * sp.log(draw[j]), j)
ENTROPY = -total(draw[j] / SUM * sp.log(draw[j] / SUM), j)
log_integrand = alpha * xm**alpha * x ** (-alpha) * sp.log(x)
mu_log = mu * (sp.log(xm) + 1 / beta)
first, second = positive("A B")
VALUE = sp.log(alpha / beta) - 1 / beta
pareto_entropy = Claim(
    id="pareto-entropy",
    title="Entropy of a Pareto dataset",
    statement="As M -> ∞, almost surely: H - ln M -> ln(α/(α-1)) - 1/(α-1): the normalised rate of a Pareto dataset "
    "by itself depends on "
    "α only.",
    latex=r"As $M\to\infty$, almost surely: $H - \ln M \to \ln\frac{\alpha}{\alpha-1} - \frac{1}{\alpha-1}$.",
    premises=DOMAIN,
    source="new (theory, section 4)",
    kind="identity",
    idea="H - ln M = ln A - B/A with the averages A = Σx/M and B = Σ x ln x / M. By the law of large numbers they "
    "tend to E[X] and "
    "E[X ln X], two integrals.",
    assumptions=(),
    definitions=(DENSITY,),
    steps=(
        Combine(
            "averages",
            "Split the logarithm of x/Σx",
            Fact(ENTROPY - sp.log(M), "=", sp.log(SUM / M) - (SUM_LOG / M) / (SUM / M)),
        ),
        *MEAN,
        MeanIs(
            "log-def",
            "The mean of X ln X is an integral",
            Fact(Mean(X * sp.log(X), X), "=", Int(log_integrand, x, xm, sp.oo)),
            draw=X,
            density=density,
            variable=x,
            low=xm,
        ),
        Integrate(
            "log-int",
            "with an elementary antiderivative",
            Fact(Int(log_integrand, x, xm, sp.oo), "=", mu_log),
            antiderivative=-alpha * xm**alpha * x ** (-beta) * (sp.log(x) + 1 / beta) / beta,
        ),
        Combine("log-mean", "so it is", Fact(Mean(X * sp.log(X), X), "=", mu_log), (Use("log-def"), Use("log-int"))),
        LargeNumbers(
            "lln",
            "The average mass tends to its mean",
            Fact(Lim(SUM / M, M, sp.oo), "=", mu),
            mean="mean",
            term=draw[j],
            over=j,
            draw=X,
        ),
        LargeNumbers(
            "lln-log",
            "and the average of x ln x to its mean",
            Fact(Lim(SUM_LOG / M, M, sp.oo), "=", mu_log),
            mean="log-mean",
            term=draw[j] * sp.log(draw[j]),
            over=j,
            draw=X,
        ),
        Rewrite(
            "rewrite",
            "The limit of the entropy is that of the averages' expression",
            Fact(Lim(ENTROPY - sp.log(M), M, sp.oo), "=", Lim(sp.log(SUM / M) - (SUM_LOG / M) / (SUM / M), M, sp.oo)),
            ("averages",),
        ),
        LimitOf(
            "limit",
            "which is continuous in them",
            Fact(Lim(sp.log(SUM / M) - (SUM_LOG / M) / (SUM / M), M, sp.oo), "=", VALUE),
            outer=sp.log(first) - second / first,
            parts=((first, "lln"), (second, "lln-log")),
        ),
        Combine(
            "entropy", "together", Fact(Lim(ENTROPY - sp.log(M), M, sp.oo), "=", VALUE), (Use("rewrite"), Use("limit"))
        ),
    ),
    goals=(Goal("the limit", Fact(Lim(ENTROPY - sp.log(M), M, sp.oo), "=", VALUE), "entropy"),),
)

# --- overlap ---

laplace = alpha * (xm * s) ** alpha * sp.uppergamma(-alpha, xm * s)
minus_slope = alpha * xm**alpha * s ** (alpha - 1) * sp.uppergamma(1 - alpha, xm * s)
TRIPLE = Y * Z / (X + Y + Z)
OVERLAP = 3 * Mean(TRIPLE, X, Y, Z) / Mean(X, X)
CLOSED = 3 * Int(laplace * minus_slope**2, s, ZERO, sp.oo) / mu
T, lam = positive("T sigma")
laplace_at = laplace.xreplace({s: lam})


def laplace_steps(
    name: str, factor: sp.Expr, power: sp.Expr, value: sp.Expr, anti: sp.Expr
) -> tuple[MeanIs | Integrate | Combine, ...]:
    """``E[factor(X) exp(-s X)]`` by its integral."""
    integrand = alpha * xm**alpha * x**power * sp.exp(-s * x)
    return (
        MeanIs(
            f"{name}-def",
            "This mean is an integral",
            Fact(Mean(factor * sp.exp(-s * X), X), "=", Int(integrand, x, xm, sp.oo)),
            draw=X,
            density=density,
            variable=x,
            low=xm,
        ),
        Integrate(
            f"{name}-int",
            "with an incomplete gamma function as antiderivative, which vanishes at infinity",
            Fact(Int(integrand, x, xm, sp.oo), "=", value),
            antiderivative=anti,
        ),
        Combine(
            name,
            "so it is",
            Fact(Mean(factor * sp.exp(-s * X), X), "=", value),
            (Use(f"{name}-def"), Use(f"{name}-int")),
        ),
    )


pareto_overlap = Claim(
    id="pareto-overlap",
    title="Contained overlap of Pareto masses",
    statement="For independent Pareto masses X, Y, Z the contained overlap o(α) = E[3YZ/(X+Y+Z)]/E[X] equals 3 ∫_0^∞ "
    "φ(s) φ'(s)² ds / E[X], with "
    "φ(s) = E exp(-sX) = α (x_m s)^α Γ(-α, x_m s) and φ'(s) = -α x_m^α s^(α-1) Γ(1-α, x_m s).",
    latex=r"$o(\alpha) = \frac{E[3YZ/(X+Y+Z)]}{E[X]} = \frac{3}{E[X]}\int_0^\infty \varphi(s)\,\varphi'(s)^2\,ds$ with "
    r"$\varphi(s) = \alpha (x_m s)^\alpha\,\Gamma(-\alpha, x_m s)$, $\varphi'(s) = -\alpha x_m^\alpha "
    r"s^{\alpha-1}\,\Gamma(1-\alpha, x_m s)$.",
    premises=DOMAIN,
    source="new (theory, section 4)",
    kind="identity",
    idea="1/T = ∫ exp(-sT) ds with T = X + Y + Z; the draws are independent, so the mean of the product is a product "
    "of Laplace transforms.",
    assumptions=(),
    definitions=(DENSITY,),
    steps=(
        *MEAN,
        *laplace_steps(
            "laplace", ONE, -alpha - 1, laplace, -alpha * xm**alpha * s**alpha * sp.uppergamma(-alpha, s * x)
        ),
        *laplace_steps(
            "slope", X, -alpha, minus_slope, -alpha * xm**alpha * s ** (alpha - 1) * sp.uppergamma(1 - alpha, s * x)
        ),
        GammaRecurrence(
            "recurrence",
            "The recurrence of the incomplete gamma function (DLMF 8.8.2)",
            Fact(
                sp.uppergamma(1 - alpha, xm * lam),
                "=",
                -alpha * sp.uppergamma(-alpha, xm * lam) + (xm * lam) ** (-alpha) * sp.exp(-xm * lam),
            ),
            a=-alpha,
            z=xm * lam,
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
            Fact(
                Mean(TRIPLE, X, Y, Z),
                "=",
                Int(Mean(sp.exp(-s * X), X) * Mean(X * sp.exp(-s * X), X) ** 2, s, ZERO, sp.oo),
            ),
            inner="reciprocal",
            s=s,
            factors=(sp.exp(-s * X), Y * sp.exp(-s * Y), Z * sp.exp(-s * Z)),
            draws=(X, Y, Z),
            draw=X,
        ),
        Rewrite(
            "closed",
            "Put in the closed forms",
            Fact(
                Int(Mean(sp.exp(-s * X), X) * Mean(X * sp.exp(-s * X), X) ** 2, s, ZERO, sp.oo),
                "=",
                Int(laplace * minus_slope**2, s, ZERO, sp.oo),
            ),
            ("laplace", "slope"),
        ),
        Combine(
            "overlap",
            "and divide by the mean",
            Fact(OVERLAP, "=", CLOSED),
            (
                Use("swap", times=3 / Mean(X, X)),
                Use("closed", times=3 / Mean(X, X)),
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
    statement="For every α > 1: 3 E[YZ/(X+Y+Z)] < E[X], that is o(α) < 1, and exactly E[X] - 3 E[YZ/(X+Y+Z)] = "
    "E[(X-Y)²/(2(X+Y+Z))]: the more the "
    "masses scatter, the more elastic.",
    latex=r"For every $\alpha>1$: $o(\alpha)<1$; exactly, $(1-o(\alpha))\,E[X] = "
    r"E\!\left[\frac{(X-Y)^2}{2(X+Y+Z)}\right]$.",
    premises=DOMAIN,
    source="new (theory, section 4)",
    kind="tight bound",
    idea="Average over the orders of three independent draws: (X+Y+Z)² - 3(XY+YZ+ZX) is half the sum of the squared "
    "differences. (The proof "
    "uses of the law only that it has a density on the positive numbers and a finite mean.)",
    assumptions=(),
    definitions=(DENSITY,),
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
            "Take the mean: three different draws scatter, so the inequality is strict",
            Fact(3 * Mean(TRIPLE, X, Y, Z), "<", Mean(X, X)),
            pointwise="bound",
            draws=(X, Y, Z),
            finite="mean",
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
