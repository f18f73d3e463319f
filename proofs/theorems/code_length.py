"""Ideal and Huffman code lengths. Theory, section 2: what is true of the paper's Theorem 3.4, and what is not.

What is classical here enters as a premise: that the lengths of a code that can be decoded satisfy Kraft's inequality,
and that Huffman's code is no longer than one with Shannon's lengths.
"""

from __future__ import annotations

import sympy as sp

from ..exact import Counterexample
from ..expressions import Huffman, Lim, index, masses, positive, real, size, total
from ..facts import Assume, Claim, Define, Fact, Goal
from ..rules_algebra import Combine, Use
from ..rules_analysis import Squeeze
from ..vocabulary import ONE, j
from .lemmas import LOG_BOUND
from .lemmas import x as generic

__all__ = ["CLAIMS"]

ZERO, LN2 = sp.Integer(0), sp.log(2)
p = masses("p", positive=True)
h, c = masses("h", real=True), masses("c", real=True)
H, L, R = real("H L R")
n = size("n")
IDEAL = -sp.log(p[j]) / LN2

UNIT = Assume("masses", "the masses sum to 1", Fact(total(p[j], j), "=", ONE))
ENTROPY = Define("H", "the entropy of the leaves, in bits", Fact(H, "=", -total(p[j] * sp.log(p[j]), j) / LN2))
KRAFT_SUM = Fact(total(2 ** (-c[j]), j), "<=", ONE)

code_length_bounds = Claim(
    id="code-length-bounds",
    title="A real code is within one bit per phrase",
    prose="For n phrases coded one by one with an optimal prefix code (Huffman's) of expected length L: "
    "n H <= n L < n (H + 1); so the paper's value n ⌈H⌉ is less than n bits away: |n ⌈H⌉ - n L| < n.",
    setting=(
        "any distribution on any number M of leaves, each with mass p_j > 0",
        "h_j the lengths of the code: of any code that can be decoded for the lower bound, of an optimal one "
        "for the upper",
        "c_j = ⌈-log2 p_j⌉, Shannon's lengths, and R = ⌈H⌉; of the ceiling only y <= ⌈y⌉ < y + 1 is used",
        "lengths in bits; n phrases, each coded by itself; for M = 1 the empty word is allowed",
    ),
    source="new (theory, section 2), for Thm 3.4 of the paper",
    kind="tight bound",
    idea="Below: Kraft's inequality and ln x <= x - 1. Above: Shannon's code rounds every -log2 p up, satisfies "
    "Kraft's inequality, and Huffman's code is no longer.",
    assumptions=(
        UNIT,
        Assume(
            "kraft",
            "the lengths of a code that can be decoded satisfy Kraft's inequality (McMillan)",
            Fact(total(2 ** (-h[j]), j), "<=", ONE),
        ),
        Assume("shannon-low", "Shannon's lengths round -log2 p up", Fact(IDEAL, "<=", c[j])),
        Assume("shannon-high", "by less than 1", Fact(c[j], "<", IDEAL + 1)),
        Assume(
            "optimal",
            "the code is no longer than one with Shannon's lengths (the first goal and Kraft's theorem: there is one)",
            Fact(L, "<=", total(p[j] * c[j], j)),
        ),
        Assume("ceil-low", "the paper rounds the entropy up", Fact(H, "<=", R)),
        Assume("ceil-high", "by less than 1", Fact(R, "<", H + 1)),
    ),
    definitions=(ENTROPY, Define("L", "the expected length of the code", Fact(L, "=", total(p[j] * h[j], j)))),
    steps=(
        LOG_BOUND,
        Combine(
            "short-enough",
            "2^(-length) <= p on every leaf (ln x <= x - 1 at x = p 2^length)",
            Fact(2 ** (-c[j]), "<=", p[j]),
            (
                Use("log", times=2 ** (-c[j]), at=((generic, p[j] * 2 ** c[j]),)),
                Use("shannon-low", times=LN2 * 2 ** (-c[j])),
            ),
        ),
        Combine(
            "kraft-sum",
            "so Shannon's lengths satisfy Kraft's inequality",
            KRAFT_SUM,
            (Use("short-enough", over=(j,)), Use("masses", times=-ONE)),
        ),
        Combine(
            "low",
            "Use ln x <= x - 1 on every leaf at x = 2^(-h)/p: no code that can be decoded beats the entropy",
            Fact(L, ">=", H),
            (
                Use("log", times=p[j] / LN2, over=(j,), at=((generic, 2 ** (-h[j]) / p[j]),)),
                Use("kraft", times=1 / LN2),
                Use("L"),
                Use("H", times=-ONE),
                Use("masses", times=1 / LN2),
            ),
        ),
        Combine(
            "high",
            "Shannon's code is less than one bit above the entropy, and the best is no longer",
            Fact(L, "<", H + 1),
            (
                Use("optimal"),
                Use("shannon-high", times=p[j], over=(j,)),
                Use("H"),
                Use("masses", times=-ONE),
            ),
        ),
        Combine("n-low", "n phrases, from below", Fact(n * L, ">=", n * H), (Use("low", times=n),)),
        Combine("n-high", "and from above", Fact(n * L, "<", n * (H + 1)), (Use("high", times=n),)),
        Combine(
            "over",
            "so the paper's value is less than n bits above the real code",
            Fact(n * R - n * L, "<", n),
            (Use("ceil-high", times=n), Use("low", times=n)),
        ),
        Combine(
            "under",
            "and less than n bits below it",
            Fact(n * R - n * L, ">", -n),
            (Use("ceil-low", times=n), Use("high", times=n)),
        ),
    ),
    goals=(
        Goal("Shannon's lengths are those of a prefix code", KRAFT_SUM, "kraft-sum"),
        Goal("from below", Fact(n * L, ">=", n * H), "n-low"),
        Goal("from above", Fact(n * L, "<", n * (H + 1)), "n-high"),
        Goal("the paper's value is not much above", Fact(n * R - n * L, "<", n), "over"),
        Goal("and not much below", Fact(n * R - n * L, ">", -n), "under"),
    ),
    classical=(
        "the lengths of a uniquely decodable code satisfy Kraft's inequality (McMillan 1956)",
        "lengths that satisfy Kraft's inequality belong to a prefix code (Kraft 1949), and Huffman's code is no longer "
        "than any prefix code (Huffman 1952)",
    ),
    finding="The bound n H is reached for p_j = 2^(-h_j). As H -> 0 the two differ by a whole bit per phrase, so a "
    "rate Θ(H) needs H bounded away from 0.",
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
    prose="The statement refuted: the expected code length is ⌈H⌉ bits per phrase (Thm 3.4), or at most that, or "
    "at least that. For "
    "p = (0.8, 0.1, 0.1): H < 1, so ⌈H⌉ = 1, but the best prefix code takes 6/5 bits.",
    setting=("any distribution on three leaves", "the best prefix code of one phrase (Huffman), in bits"),
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

K, m = size("K"), index("m", sp.oo)
b = index("beta", K)
block = masses("r", positive=True)
Hb, Lb = masses("H_", real=True), masses("L_", real=True)
PAIR = -total(block[b] * p[j] * sp.log(block[b] * p[j]), b, j) / LN2
PARTS = -total(block[b] * sp.log(block[b]), b) / LN2 - total(p[j] * sp.log(p[j]), j) / LN2
RATE = Lb[m] / m
block_limit = Claim(
    id="code-length-block-limit",
    title="Long blocks reach the entropy",
    prose="One more independent phrase adds its entropy H to that of a block, so a block of m phrases has entropy m H; "
    "Huffman's code for such blocks has m H <= L_m < m H + 1 (code-length-bounds), so L_m/m -> H.",
    setting=(
        "any distribution on any number M of leaves, each with mass p_j > 0; r any distribution of blocks, r_β > 0",
        "H_m, L_m: entropy and expected code length of a block of m = 1, 2, 3, ... independent phrases, in bits",
    ),
    source="Shannon's source coding theorem; used for Thm 3.4 of the paper",
    kind="tight bound",
    idea="The logarithm of a product is a sum; a block is coded within one bit of its entropy; divide by m.",
    assumptions=(
        UNIT,
        Assume("block-masses", "the masses of the blocks sum to 1", Fact(total(block[b], b), "=", ONE)),
        Assume(
            "additive",
            "a block of m phrases has m times the entropy (first goal, by induction)",
            Fact(Hb[m], "=", m * H),
        ),
        Assume("low", "its code is no shorter than its entropy (code-length-bounds)", Fact(Lb[m], ">=", Hb[m])),
        Assume("high", "and less than one bit longer (code-length-bounds)", Fact(Lb[m], "<", Hb[m] + 1)),
    ),
    definitions=(),
    steps=(
        Combine(
            "grow",
            "The logarithm of a product is a sum: an independent phrase adds its entropy",
            Fact(PAIR, "=", PARTS),
            (
                Use("masses", times=-total(block[b] * sp.log(block[b]), b) / LN2),
                Use("block-masses", times=-total(p[j] * sp.log(p[j]), j) / LN2),
            ),
        ),
        Combine(
            "rate-low", "Divide by m", Fact(RATE, ">=", H), (Use("low", times=1 / m), Use("additive", times=1 / m))
        ),
        Combine(
            "rate-high",
            "on both sides",
            Fact(RATE, "<", H + 1 / m),
            (Use("high", times=1 / m), Use("additive", times=-1 / m)),
        ),
        Squeeze("limit", "Both bounds tend to H", Fact(Lim(RATE, m, sp.oo), "=", H), "rate-low", "rate-high"),
    ),
    goals=(
        Goal("entropies of independent parts add up", Fact(PAIR, "=", PARTS), "grow"),
        Goal("from below", Fact(RATE, ">=", H), "rate-low"),
        Goal("from above", Fact(RATE, "<", H + 1 / m), "rate-high"),
        Goal("the limit", Fact(Lim(RATE, m, sp.oo), "=", H), "limit"),
    ),
)

CLAIMS = (code_length_bounds, not_equality, block_limit)
