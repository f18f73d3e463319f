"""Ideal and Huffman code lengths. Theory, section 2: what is true of the paper's Theorem 3.4, and what is not."""

from __future__ import annotations

import sympy as sp

from ..classical import Ceiling, Kraft, McMillan
from ..exact import Counterexample, Huffman
from ..expressions import Lim, index, masses, positive, size, total
from ..facts import Assume, Claim, Define, Fact, Goal, Step
from ..rules_algebra import Combine, Induct, Use
from ..rules_analysis import Squeeze
from ..vocabulary import ONE, M, j
from .lemmas import LOG_BOUND
from .lemmas import x as generic

__all__ = ["CLAIMS"]

ZERO, LN2 = sp.Integer(0), sp.log(2)
p = masses("p", positive=True)
h = sp.IndexedBase("h", integer=True, nonnegative=True)
H, L = sp.Symbol("H", real=True), sp.Symbol("L", real=True)
n = size("n")


def shannon(mass: sp.Expr) -> sp.Expr:
    """The lengths of Shannon's code."""
    return sp.ceiling(-sp.log(mass) / LN2)


def bounds(
    mass: sp.Expr, length: sp.Expr, over: sp.Expr, entropy: sp.Expr, best: sp.Expr, names: tuple[str, str, str]
) -> tuple[Step, ...]:
    """The steps that show ``entropy <= best < entropy + 1`` for Huffman's code of one distribution.

    ``names`` are the names of the premise that the masses sum to 1 and of the definitions of entropy and length.
    """
    unit, define_entropy, define_best = names
    code = shannon(mass)
    return (
        LOG_BOUND,
        McMillan(
            "mcmillan",
            "Huffman's code can be decoded, so its lengths satisfy Kraft's inequality (McMillan)",
            Fact(total(2 ** (-length), over), "<=", ONE),
            lengths=length,
            over=over,
        ),
        Combine(
            "low",
            "Use ln x <= x - 1 on every leaf at x = 2^(-h)/p: no code that can be decoded beats the entropy",
            Fact(best, ">=", entropy),
            (
                Use("log", times=mass / LN2, over=(over,), at=((generic, 2 ** (-length) / mass),)),
                Use("mcmillan", times=1 / LN2),
                Use(define_best),
                Use(define_entropy, times=-ONE),
                Use(unit, times=1 / LN2),
            ),
        ),
        Ceiling("round-up", "Shannon's lengths: round -log2 p up", Fact(-sp.log(mass) / LN2, "<=", code)),
        Combine(
            "short-enough",
            "so 2^(-length) <= p on every leaf (ln x <= x - 1 at x = p 2^length)",
            Fact(2 ** (-code), "<=", mass),
            (
                Use("log", times=2 ** (-code), at=((generic, mass * 2**code),)),
                Use("round-up", times=LN2 * 2 ** (-code)),
            ),
        ),
        Combine(
            "kraft-sum",
            "and they satisfy Kraft's inequality",
            Fact(total(2 ** (-code), over), "<=", ONE),
            (Use("short-enough", over=(over,)), Use(unit, times=-ONE)),
        ),
        Kraft(
            "kraft",
            "Kraft: a prefix code has these lengths; Huffman: his code is no longer",
            Fact(best, "<=", total(mass * code, over)),
            inequality="kraft-sum",
            lengths=code,
            weights=mass,
            over=over,
        ),
        Ceiling("round-less", "Rounding up adds less than 1", Fact(code, "<", -sp.log(mass) / LN2 + 1)),
        Combine(
            "high",
            "so Huffman's code is less than one bit above the entropy",
            Fact(best, "<", entropy + 1),
            (
                Use("kraft"),
                Use("round-less", times=mass, over=(over,)),
                Use(define_entropy),
                Use(unit, times=-ONE),
            ),
        ),
    )


UNIT = Assume("masses", "the masses sum to 1", Fact(total(p[j], j), "=", ONE))
ENTROPY = Define("H", "the entropy of the leaves, in bits", Fact(H, "=", -total(p[j] * sp.log(p[j]), j) / LN2))
BEST = Define(
    "huffman", "the expected length of Huffman's code, with lengths h_j, in bits", Fact(L, "=", total(p[j] * h[j], j))
)
DOMAIN = (
    "any distribution on any number M of leaves, each with mass p_j > 0",
    "a prefix code of the leaves; for M = 1 the empty word is allowed",
    "lengths in bits; n phrases, each coded by itself",
)

code_length_bounds = Claim(
    id="code-length-bounds",
    title="A real code is within one bit per phrase",
    statement="For n phrases coded one by one with Huffman's code of expected length L: n H <= n L < n (H + 1); so "
    "the paper's value "
    "n ⌈H⌉ is less than n bits away: |n ⌈H⌉ - n L| < n.",
    latex=r"For $n$ phrases: $nH \le nL < n(H+1)$, hence $|n\lceil H\rceil - nL| < n$.",
    premises=DOMAIN,
    source="new (theory, section 2), for Thm 3.4 of the paper",
    kind="tight bound",
    idea="Below: Kraft's inequality and ln x <= x - 1. Above: Shannon's code rounds every -log2 p up, satisfies "
    "Kraft's inequality, and "
    "Huffman's code is no longer.",
    assumptions=(UNIT,),
    definitions=(ENTROPY, BEST),
    steps=(
        *bounds(p[j], h[j], j, H, L, ("masses", "H", "huffman")),
        Combine("n-low", "n phrases, from below", Fact(n * L, ">=", n * H), (Use("low", times=n),)),
        Combine("n-high", "and from above", Fact(n * L, "<", n * (H + 1)), (Use("high", times=n),)),
        Ceiling("ceil-low", "The paper rounds the entropy up", Fact(H, "<=", sp.ceiling(H))),
        Ceiling("ceil-high", "by less than 1", Fact(sp.ceiling(H), "<", H + 1)),
        Combine(
            "over",
            "so its value is less than n bits above the real code",
            Fact(n * sp.ceiling(H) - n * L, "<", n),
            (Use("ceil-high", times=n), Use("low", times=n)),
        ),
        Combine(
            "under",
            "and less than n bits below it",
            Fact(n * sp.ceiling(H) - n * L, ">", -n),
            (Use("ceil-low", times=n), Use("high", times=n)),
        ),
    ),
    goals=(
        Goal("from below", Fact(n * L, ">=", n * H), "n-low"),
        Goal("from above", Fact(n * L, "<", n * (H + 1)), "n-high"),
        Goal("the paper's value is not much above", Fact(n * sp.ceiling(H) - n * L, "<", n), "over"),
        Goal("and not much below", Fact(n * sp.ceiling(H) - n * L, ">", -n), "under"),
    ),
    finding="The bound n H is reached for p_j = 2^(-h_j). As H -> 0 the two differ by a whole bit per phrase, so a "
    "rate Θ(H) needs H "
    "bounded away from 0.",
)

three = positive("p_1 p_2 p_3")
H3 = -sp.Add(*(q * sp.log(q) for q in three)) / LN2
EQUAL = Fact(Huffman(*three), "=", sp.ceiling(H3))
UPPER = Fact(Huffman(*three), "<=", sp.ceiling(H3))
LOWER = Fact(Huffman(*three), ">=", sp.ceiling(H3))
SKEWED = tuple(zip(three, (sp.Rational(8, 10), sp.Rational(1, 10), sp.Rational(1, 10)), strict=True))
DYADIC = tuple(zip(three, (sp.Rational(1, 2), sp.Rational(1, 4), sp.Rational(1, 4)), strict=True))
not_equality = Claim(
    id="code-length-not-equality",
    title="The ideal code length is no equality and no bound",
    statement="The statement refuted: the expected code length is ⌈H⌉ bits per phrase (Thm 3.4), or at most that, or "
    "at least that. For "
    "p = (0.8, 0.1, 0.1): H < 1, so ⌈H⌉ = 1, but the best prefix code takes 6/5 bits.",
    latex=r"Refuted: the expected code length of a phrase is $\lceil H\rceil$ (or at most, or at least that). For "
    r"$p=(0.8,0.1,0.1)$: "
    r"$\lceil H\rceil = 1 < L_{\mathrm{huff}} = 6/5$; for $p = (\frac12,\frac14,\frac14)$: $L_{\mathrm{huff}} = "
    r"\frac32 < \lceil H\rceil = 2$.",
    premises=("any distribution on three leaves", "the best prefix code of one phrase (Huffman), in bits"),
    source="Thm 3.4 of the paper",
    kind="refutation",
    idea="Two exact distributions. That H < 1 for the first is 10^10 < 2^34, in whole numbers.",
    assumptions=(Assume("masses", "the masses sum to 1", Fact(sp.Add(*three), "=", ONE)),),
    definitions=(),
    steps=(
        Counterexample(
            "equal",
            "p = (4/5, 1/10, 1/10): Huffman's code takes 6/5 bits, 1/5 more than ⌈H⌉ = 1",
            Fact(EQUAL.gap, "=", sp.Rational(1, 5)),
            values=SKEWED,
            refuted=EQUAL,
        ),
        Counterexample(
            "above", "so ⌈H⌉ is no upper bound", Fact(UPPER.gap, "=", sp.Rational(-1, 5)), values=SKEWED, refuted=UPPER
        ),
        Counterexample(
            "below",
            "p = (1/2, 1/4, 1/4): 3/2 bits, 1/2 less than ⌈H⌉ = 2; so ⌈H⌉ is no lower bound",
            Fact(LOWER.gap, "=", sp.Rational(-1, 2)),
            values=DYADIC,
            refuted=LOWER,
        ),
    ),
    goals=(
        Goal("equality", EQUAL, "equal"),
        Goal("an upper bound", UPPER, "above"),
        Goal("a lower bound", LOWER, "below"),
    ),
    finding="What is true is in code-length-bounds: within one bit per phrase, both ways.",
)

# --- blocks ---

LENGTHS = size("T")
m = index("m", LENGTHS)
b = index("beta", M**m)
block = masses("r", positive=True)
hb = sp.IndexedBase("h", integer=True, nonnegative=True)
Hb, Lb = sp.IndexedBase("H_", real=True), sp.IndexedBase("L_", real=True)
PAIR = -total(block[m, b] * p[j] * sp.log(block[m, b] * p[j]), b, j) / LN2
block_limit = Claim(
    id="code-length-block-limit",
    title="Long blocks reach the entropy",
    statement="Huffman's code for blocks of m independent phrases has m H <= L_m < m H + 1, so L_m/m -> H.",
    latex=r"Huffman's code for blocks of $m$ independent phrases has $mH \le L_m < mH+1$, so $L_m/m \to H$.",
    premises=(
        "any distribution on any number M of leaves, each with mass p_j > 0",
        "phrases are independent: the M^m blocks of m phrases have the products of their phrases' masses, r_mβ > 0",
        "lengths in bits",
    ),
    source="Shannon's source coding theorem; used for Thm 3.4 of the paper",
    kind="tight bound",
    idea="The entropy of a block grows by H with every phrase, so it is m H; a block is coded within one bit of it; "
    "divide by m.",
    assumptions=(
        UNIT,
        Assume("block-masses", "the masses of the blocks of m phrases sum to 1", Fact(total(block[m, b], b), "=", ONE)),
        Assume("first", "a block of one phrase has the entropy of a phrase", Fact(Hb[1], "=", H)),
        Assume(
            "longer",
            "the blocks of m + 1 phrases are those of m phrases, each with every phrase, independent",
            Fact(Hb[m + 1], "=", PAIR),
        ),
    ),
    definitions=(
        ENTROPY,
        Define(
            "H_m",
            "the entropy of a block of m phrases, in bits",
            Fact(Hb[m], "=", -total(block[m, b] * sp.log(block[m, b]), b) / LN2),
        ),
        Define(
            "huffman-m",
            "the expected length of Huffman's code for a block of m phrases, in bits",
            Fact(Lb[m], "=", total(block[m, b] * hb[m, b], b)),
        ),
    ),
    steps=(
        Combine(
            "grow",
            "The logarithm of a product is a sum: one more phrase adds H",
            Fact(Hb[m + 1] - Hb[m], "=", H),
            (
                Use("longer"),
                Use("H_m", times=-ONE),
                Use("H", times=-ONE),
                Use("masses", times=-total(block[m, b] * sp.log(block[m, b]), b) / LN2),
                Use("block-masses", times=-total(p[j] * sp.log(p[j]), j) / LN2),
            ),
        ),
        Induct(
            "additive",
            "so, by induction, a block of m phrases has m times the entropy",
            Fact(Hb[m], "=", m * H),
            n=m,
            base="first",
            step="grow",
        ),
        *bounds(block[m, b], hb[m, b], b, Hb[m], Lb[m], ("block-masses", "H_m", "huffman-m")),
        Combine("block-low", "A block's code, from below", Fact(Lb[m], ">=", m * H), (Use("low"), Use("additive"))),
        Combine(
            "block-high", "and from above", Fact(Lb[m], "<", m * H + 1), (Use("high"), Use("additive", times=-ONE))
        ),
        Combine("rate-low", "Divide by m", Fact(Lb[m] / m, ">=", H), (Use("block-low", times=1 / m),)),
        Combine("rate-high", "on both sides", Fact(Lb[m] / m, "<", H + 1 / m), (Use("block-high", times=1 / m),)),
        Squeeze("limit", "Both bounds tend to H", Fact(Lim(Lb[m] / m, m, sp.oo), "=", H), "rate-low", "rate-high"),
    ),
    goals=(
        Goal("from below", Fact(Lb[m], ">=", m * H), "block-low"),
        Goal("from above", Fact(Lb[m], "<", m * H + 1), "block-high"),
        Goal("the limit", Fact(Lim(Lb[m] / m, m, sp.oo), "=", H), "limit"),
    ),
)

CLAIMS = (code_length_bounds, not_equality, block_limit)
