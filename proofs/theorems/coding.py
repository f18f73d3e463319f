"""From probabilities to whole numbers: what a range coder's integer weights cost. docs/format.md, section 1."""

from __future__ import annotations

import sympy as sp

from ..expressions import index, masses, member, positive, real, size, total
from ..facts import Assume, Claim, Define, Fact, Goal
from ..rules_algebra import Combine, Use
from ..vocabulary import DELTA, ONE
from .lemmas import LOG_BOUND
from .lemmas import x as generic

__all__ = ["CLAIMS"]

ZERO, LN2 = sp.Integer(0), sp.log(2)
A = size("A")
z, y = index("z", A), index("y", A)
first, coded = member("first", A), member("e", A)
f, m, v = positive("f m v")
q = masses("q")
a = masses("a", real=True)
w = masses("w", real=True)
R = real("R")

SHARE = w[coded] / (f + A)
COST = Fact(-sp.log(SHARE) / LN2, "<", -sp.log(m) / LN2 - sp.log(f / (f + A)) / LN2)

quantization_overhead = Claim(
    id="quantization-overhead",
    title="What whole-number weights cost",
    prose="A symbols with masses q_z that sum to 1 get the weights w_z = 1 + ⌊f q_z⌋ parts of f + A, and the "
    "first one what is left over. Then the weights sum to f + A, each is at least 1, and a symbol of mass m > 0 "
    "costs less than -log2(f/(f+A)) bits more than its ideal -log2 m. With f + A = 2^24 parts that is "
    "-log2(1 - A/2^24).",
    setting=(
        "any number A of symbols with masses q_z >= 0 that sum to 1",
        "f > 0 parts beyond one for each symbol; whole if the weights are to be whole, which the proof does not need",
        "a_z = ⌊f q_z⌋, of which only 0 <= a_z <= f q_z < a_z + 1 is used; exact arithmetic",
        "cost in bits, of one symbol by itself: what the range coder's own rounding adds is not in it",
    ),
    source="new (docs/format.md, section 1)",
    kind="one-sided bound",
    idea="The whole parts sum to at most f, so what is left over is not negative and the weights are never lowered. "
    "As 1 + ⌊y⌋ > y, every weight exceeds f q_z; divide by f + A and take the logarithm.",
    assumptions=(
        Assume("masses", "the masses sum to 1", Fact(total(q[z], z), "=", ONE)),
        Assume("possible", "the symbol that is coded, e, has a mass m > 0", Fact(q[coded], "=", m)),
        Assume("floor-sign", "a_z is the whole part of f q_z: it is not negative", Fact(a[z], ">=", ZERO)),
        Assume("floor-low", "not above f q_z", Fact(a[z], "<=", f * q[z])),
        Assume("floor-high", "and less than 1 below it", Fact(f * q[z], "<", a[z] + 1)),
    ),
    definitions=(
        Define("rest", "what is left over", Fact(R, "=", f - total(a[y], y))),
        Define("weights", "the weights", Fact(w[z], "=", 1 + a[z] + DELTA(z, first) * R)),
    ),
    steps=(
        Combine(
            "left",
            "The whole parts sum to at most f, so what is left over is not negative",
            Fact(R, ">=", ZERO),
            (Use("rest"), Use("floor-low", over=(z,)), Use("masses", times=-f)),
        ),
        Combine(
            "sum",
            "The weights sum to all parts",
            Fact(total(w[z], z), "=", f + A),
            (Use("weights", over=(z,)), Use("rest")),
        ),
        Combine(
            "codable",
            "Every weight is at least 1",
            Fact(w[z], ">=", ONE),
            (Use("weights"), Use("floor-sign"), Use("left", times=DELTA(z, first))),
        ),
        Combine(
            "above",
            "and exceeds f q_z, since f q_z < a_z + 1",
            Fact(w[z], ">", f * q[z]),
            (Use("weights"), Use("floor-high"), Use("left", times=DELTA(z, first))),
        ),
        LOG_BOUND,
        Combine(
            "coded",
            "in particular that of the symbol coded",
            Fact(w[coded], ">=", ONE),
            (Use("codable", at=((z, coded),)),),
        ),
        Combine(
            "bound",
            "For any weight v > 0, use ln x <= x - 1 at x = f m/v",
            Fact(
                -sp.log(v / (f + A)) / LN2, "<=", -sp.log(m) / LN2 - sp.log(f / (f + A)) / LN2 + (f * m / v - 1) / LN2
            ),
            (Use("log", times=1 / LN2, at=((generic, f * m / v),)),),
        ),
        Combine(
            "cost",
            "Here f m/v < 1, for v the weight of the symbol coded",
            COST,
            (
                Use("bound", at=((v, w[coded]),), because=("coded",)),
                Use("above", times=1 / (w[coded] * LN2), at=((z, coded),), because=("coded",)),
                Use("possible", times=f / (w[coded] * LN2), because=("coded",)),
            ),
        ),
    ),
    goals=(
        Goal("the weights sum to all parts", Fact(total(w[z], z), "=", f + A), "sum"),
        Goal("every symbol can be coded", Fact(w[z], ">=", ONE), "codable"),
        Goal("what it costs", COST, "cost"),
    ),
    finding="Nearly reached: for masses (0, .., 0, 1) the last weight is f + 1. In two levels, a block and then a "
    "place in it, a symbol's probability is the product of two such quotients, and the bound is the sum of two.",
)

CLAIMS = (quantization_overhead,)
