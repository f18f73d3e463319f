"""False claims, over every rule and every kind of hole: each must be refused; their true twins must pass.

A case is refused when the kernel does not accept it, or when the language does not let it be written down at all. The
claims were collected before the kernel was mended: on the kernel before, most of them were accepted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import sympy as sp

from proofs.classical import Average, LargeNumbers, MeanIs, Tonelli
from proofs.derivation import check
from proofs.exact import Counterexample
from proofs.expressions import (
    Diff,
    Int,
    Law,
    Lim,
    Mean,
    draw,
    draws,
    index,
    masses,
    member,
    nonnegative,
    positive,
    real,
    size,
    total,
)
from proofs.facts import Assume, Claim, Define, Fact, Goal, Step
from proofs.kernel import checking as kernel
from proofs.rules_algebra import Combine, Lemma, Rewrite, Signed, Use, Vanish
from proofs.rules_analysis import Differentiate, Integrate, LimitOf, Minimum, Squeeze

ZERO, ONE, TWO, HALF, OO = sp.Integer(0), sp.Integer(1), sp.Integer(2), sp.Rational(1, 2), sp.oo
DELTA = sp.KroneckerDelta
N, M, K = size("N"), size("M"), size("F_K")
s, r, j = index("s", N), index("f_r", N), index("j", M)
t, far = member("t", N), member("f_far", K)
k, c, z, x0 = positive("k f_c f_z f_x0")
a, b, l = nonnegative("f_a f_b l")  # noqa: E741
x, y, w = real("f_x f_y f_w")
u, v, n = masses("u"), masses("v"), masses("n", positive=True)
d, e = positive("f_d"), nonnegative("f_e")
array_d = masses("f_D", positive=True)
beta, low, var, sig = positive("beta x_m f_v f_s")
alpha = 1 + beta
DENSITY = alpha * low**alpha * var ** (-alpha - 1)
PARETO = Law(var, DENSITY, low)
X, Y, Z = (draw(name, PARETO) for name in ("f_X", "f_Y", "f_Z"))
xs = draws("f_xs", PARETO)
MU = alpha * low / beta


def claim(*steps: Step, given: Any = (), define: Any = (), kind: str = "identity", goals: Any = None) -> Claim:
    """A claim whose goal is its last step; every field that it does not need is empty."""
    cases = tuple(item.name for item in given if item.case)
    last = steps[-1]
    aim = last.refuted if isinstance(last, Counterexample) else last.fact
    values: dict[str, Any] = {
        "id": "small",
        "kind": kind,
        "assumptions": tuple(given),
        "definitions": tuple(define),
        "steps": steps,
        "goals": goals or (Goal("", aim, last.name, cases),),
    }
    for field in dataclasses.fields(Claim):
        if field.name not in values and field.default is dataclasses.MISSING:
            values[field.name] = () if "tuple" in str(field.type) else ""
    return Claim(**values)


def say(name: str, left: Any, relation: Any, right: Any, *uses: Use) -> Combine:
    return Combine(name, "", Fact(sp.sympify(left), relation, sp.sympify(right)), uses)


def signed(name: str, left: Any, relation: Any, right: Any) -> Signed:
    fact = Fact(sp.sympify(left), relation, sp.sympify(right))
    return Signed(name, "", fact, fact.gap)


def suppose(name: str, left: Any, relation: Any, right: Any, *, case: bool = False) -> Assume:
    return Assume(name, "the masses sum to 1", Fact(sp.sympify(left), relation, sp.sympify(right)), case)


def let(name: str, left: Any, right: Any) -> Define:
    return Define(name, "", Fact(left, "=", right))


def witness(statement: Fact, value: Any, *values: tuple[Any, Any], given: Any = (), define: Any = ()) -> Claim:
    step = Counterexample("w", "", Fact(statement.gap, "=", sp.sympify(value)), values=tuple(values), refuted=statement)
    return claim(step, given=given, define=define, kind="refutation")


UNIT = (
    Integrate("unit", "", Fact(Int(DENSITY, var, low, OO), "=", ONE), antiderivative=-(low**alpha) * var ** (-alpha)),
)


def mean_steps(lower: Any = low, density: Any = DENSITY, unit: Any = UNIT) -> tuple[Step, ...]:
    integral = Int(var * density, var, lower, OO)
    return (
        *unit,
        MeanIs("def", "", Fact(Mean(X, X), "=", integral), unit=unit[-1].name if unit else ""),
        Integrate("int", "", Fact(integral, "=", MU), antiderivative=-alpha * low**alpha * var ** (-beta) / beta),
        say("mean", Mean(X, X), "=", MU, Use("def"), Use("int")),
    )


def law_of_large_numbers(left: Any, right: Any, mean: str = "mean") -> Claim:
    return claim(*mean_steps(), LargeNumbers("lln", "", Fact(Lim(left, M, OO), "=", right), mean=mean))


LARGE = LargeNumbers("lln", "", Fact(Lim(total(xs[j], j) / M, M, OO), "=", MU), mean="mean")


def through(left: Any, right: Any, outer: Any) -> Claim:
    """A limit through a function of the average of draws."""
    return claim(*mean_steps(), LARGE, LimitOf("c", "", Fact(left, "=", right), outer=outer, parts=((c, "lln"),)))


INNER = Integrate(
    "inner", "", Fact(Int(sp.exp(-sig * z), sig, ZERO, OO), "=", 1 / z), antiderivative=-sp.exp(-sig * z) / z
)


def laplace(name: str, times: Any, value: Any) -> tuple[Step, ...]:
    """The mean of X**times * exp(-s X), by its integral."""
    integral = Int(alpha * low**alpha * var ** (times - alpha - 1) * sp.exp(-sig * var), var, low, OO)
    anti = -alpha * low**alpha * sig ** (alpha - times) * sp.uppergamma(times - alpha, sig * var)
    return (
        MeanIs(f"{name}-def", "", Fact(Mean(X**times * sp.exp(-sig * X), X), "=", integral), unit="unit"),
        Integrate(f"{name}-int", "", Fact(integral, "=", value), antiderivative=anti),
        say(name, Mean(X**times * sp.exp(-sig * X), X), "=", value, Use(f"{name}-def"), Use(f"{name}-int")),
    )


PHI = alpha * low**alpha * sig**alpha * sp.uppergamma(-alpha, sig * low)
PHI_SLOPE = alpha * low**alpha * sig**beta * sp.uppergamma(-beta, sig * low)
TRANSFORM = laplace("phi", ZERO, PHI)
SLOPE = laplace("slope", ONE, PHI_SLOPE)
DEPENDENT = Law(var, sig * sp.exp(-sig * var), ZERO)


def tonelli(
    mean: Any, integral: Any, *factors: Any, means: Any = ("phi", "phi"), steps: Any = (*UNIT, *TRANSFORM)
) -> Claim:
    rule = Tonelli("swap", "", Fact(mean, "=", integral), inner="inner", s=sig, factors=factors, means=means)
    return claim(*steps, INNER, rule)


def of_two_signs() -> tuple[Step, ...]:
    """The mean of (X - 1) exp(-s X), a function that is negative for X < 1."""
    integral = Int((var - 1) * sp.exp(-sig * var) * DENSITY, var, low, OO)
    anti = SLOPE[1].antiderivative - TRANSFORM[1].antiderivative  # type: ignore[attr-defined]
    mean = Mean((X - 1) * sp.exp(-sig * X), X)
    return (
        MeanIs("two-def", "", Fact(mean, "=", integral), unit="unit"),
        Integrate("two-int", "", Fact(integral, "=", PHI_SLOPE - PHI), antiderivative=anti),
        say("two", mean, "=", PHI_SLOPE - PHI, Use("two-def"), Use("two-int")),
    )


def by_parts(first: Any, second: Any, anti: Any) -> Claim:
    """The recurrence of the incomplete gamma function, from two antiderivatives of one function."""
    integral = Int(c * (c * var) ** x * sp.exp(-c * var), var, low, OO)
    return claim(
        Integrate("one", "", Fact(integral, "=", first), antiderivative=-sp.uppergamma(x + 1, c * var)),
        Integrate("two", "", Fact(integral, "=", second), antiderivative=anti),
        say("c", first, "=", second, Use("one", times=-ONE), Use("two")),
    )


GAMMA = sp.uppergamma(x + 1, c * low)
SQUARES = ((X - Y) ** 2 + (Y - Z) ** 2 + (X - Z) ** 2) / (6 * (X + Y + Z))
THIRD = (X * Y + Y * Z + X * Z) / (X + Y + Z)
POINTWISE = (
    signed("squares", SQUARES, ">=", 0),
    say("bound", THIRD, "<=", (X + Y + Z) / 3, Use("squares")),
)
SPREAD = (2 * low, 3 * low, 4 * low)


def average(
    fact: Fact, *, pointwise: str = "bound", steps: Any = POINTWISE, witness: Any = (), finite: str = "mean"
) -> Claim:
    rule = Average("avg", "", fact, pointwise=pointwise, draws=(X, Y, Z), finite=finite, witness=witness)
    return claim(*mean_steps(), *steps, rule)


def limit_at(name: str, f: Any, variable: Any, point: Any, value: Any, extra: Any) -> Claim:
    """A limit squeezed between f and f + extra, extra tending to 0."""
    return claim(
        signed(f"{name}-low", f + extra, ">=", f),
        signed(f"{name}-high", f, "<=", f + extra),
        say("low", f, ">=", f - extra, Use(f"{name}-low")),
        Squeeze("lim", "", Fact(Lim(f, variable, point), "=", value), low="low", high=f"{name}-high"),
    )


def other_symbol(name: str, **assumptions: bool) -> Any:
    return sp.Symbol(name, **assumptions)


class Untrue(Fact):
    """A fact of a class of its own, which says that its sides agree."""

    @property
    def gap(self) -> Any:
        return ZERO


class Own(Mean):  # type: ignore[misc]
    """An expression of a class of its own."""


def to_zero(f: Any, value: Any, outer: Any, *more: Any) -> LimitOf:
    """A limit at l = 0 through a function of what tends to 0."""
    return LimitOf(
        "c", "", Fact(Lim(f, l, ZERO), "=", value), outer=outer, parts=tuple((h, "zero") for h in (x, *more))
    )


TENDS = (
    signed("p", l, ">=", 0),
    signed("q", 2 * l, ">=", l),
    Squeeze("zero", "", Fact(Lim(l, l, ZERO), "=", ZERO), low="p", high="q"),
)
A, B = index("F_A", N), index("F_B", N)  # capitals come before the normal form's own names, other letters after
ABOVE = (suppose("P", x + u[A] - u[B], ">", 0), suppose("Q", x + u[s] - u[r], ">", 0))
MERGED = total(n[B] * total(1 / (x + u[A] - u[B]), A), B)
APART = total(n[r] / (u[r] - u[s] - x), r, s)
HIDDEN = Mean(Diff(beta * X, beta, c, ONE), X)
LEMMA_LIBRARY = {
    "unproved": dataclasses.replace(claim(say("s", x, "=", y)), id="unproved"),
    "premised": dataclasses.replace(
        claim(say("s", x, ">=", 1, Use("P")), given=(suppose("P", x, ">=", ONE),)), id="premised"
    ),
    "defined": dataclasses.replace(
        claim(signed("p", k, ">", 0), say("s", d, ">", 1, Use("D"), Use("p")), define=(let("D", d, k + 1),)),
        id="defined",
    ),
    "good": dataclasses.replace(claim(say("s", (x + 1) ** 2, "=", x**2 + 2 * x + 1)), id="good"),
}
EVERY = suppose("every", total(u[j], j), "=", ONE)

FALSE: dict[str, Callable[[], Claim]] = {
    # --- instances and indices ---
    "0 = 1": lambda: claim(say("c", 0, "=", 1)),
    "0 = 1 from an identity": lambda: claim(say("i", x - x, "=", 0), say("c", 0, "=", 1, Use("i"))),
    "a size is set to 1 under a free index": lambda: claim(
        say("one", total(DELTA(s, r), s), "=", 1),
        say("c", N, "=", 1, Use("one", over=(r,), at=((N, ONE),))),
    ),
    "a size and a member are set": lambda: claim(
        say("one", total(DELTA(s, t), s), "=", 1), say("c", 0, "=", 1, Use("one", at=((N, ONE), (t, TWO))))
    ),
    "a member is set to 2": lambda: claim(
        say("one", total(DELTA(s, t) * u[s], s), "=", u[t]),
        say("c", total(DELTA(s, TWO) * u[s], s), "=", u[TWO], Use("one", at=((t, TWO),))),
    ),
    "a size becomes a half": lambda: claim(
        signed("big", N, ">=", 1), say("c", HALF, ">=", 1, Use("big", at=((N, HALF),)))
    ),
    "an index becomes a number": lambda: claim(
        say("c", u[7], ">=", 1, Use("P", at=((j, sp.Integer(7)),))), given=(suppose("P", u[j], ">=", 1),)
    ),
    "an index becomes one of another range": lambda: claim(
        say("c", u[s], ">=", 1, Use("P", at=((j, s),))), given=(suppose("P", u[j], ">=", 1),)
    ),
    "an index becomes a member of another range": lambda: claim(
        say("c", u[far], ">=", 1, Use("P", at=((j, far),))), given=(suppose("P", u[j], ">=", 1),)
    ),
    "an index becomes an index plus one": lambda: claim(
        say("c", u[j + 1], ">=", 1, Use("P", at=((j, j + 1),))), given=(suppose("P", u[j], ">=", 1),)
    ),
    "what holds of one member holds of all": lambda: claim(
        say("c", n[s], ">=", 1, Use("P", at=((t, s),))), given=(suppose("P", n[t], ">=", 1),)
    ),
    "what holds of one member is summed": lambda: claim(
        say("c", sp.Sum(n[t], (t, 1, N)), ">=", N, Use("P", over=(t,))), given=(suppose("P", n[t], ">=", 1),)
    ),
    "a delta meets a place of another range": lambda: claim(say("c", total(DELTA(s, far), s), "=", 1)),
    "a delta meets the next place": lambda: claim(say("c", total(DELTA(s, t + 1), s), "=", 1)),
    "a delta meets the place before the first": lambda: claim(say("c", sp.Sum(DELTA(s, t), (s, 2, N)), "=", 1)),
    "a sum from 0": lambda: claim(say("c", sp.Sum(ONE + 0 * s, (s, 0, N)), "=", N)),
    "a sum up to another end": lambda: claim(say("c", sp.Sum(n[s], (s, 1, N + 1)), "=", total(n[s], s))),
    "an empty range is positive": lambda: claim(
        signed("c", total(n[index("f_short", N - 1)], index("f_short", N - 1)), ">", 0)
    ),
    "a range of no place is positive": lambda: claim(
        signed("c", total(n[index("f_none", ZERO)], index("f_none", ZERO)), ">", 0)
    ),
    "a range of half a place": lambda: claim(say("c", total(ONE, index("f_half", HALF)), "=", HALF)),
    "a range that is a mere number": lambda: claim(signed("c", total(ONE, index("f_real", k)), ">=", 1)),
    "a definition with a free index": lambda: claim(
        say("c", n[s], "=", n[r], Use("c0", times=-ONE), Use("c0", at=((s, r),))), define=(let("c0", c, n[s]),)
    ),
    "a definition at one index twice": lambda: claim(
        say("c", array_d[s, r], "=", n[s] + n[r], Use("D", at=((s, r),))), define=(let("D", array_d[s, s], 2 * n[s]),)
    ),
    "a definition at a member, used everywhere": lambda: claim(
        say("c", array_d[s], "=", n[s], Use("D", at=((t, s),))), define=(let("D", array_d[t], n[t]),)
    ),
    "one array over two ranges": lambda: claim(
        say("c", total(u[s], s), "=", 1, Use("P", at=((j, s),))), given=(EVERY,)
    ),
    "an array over two ranges in one goal": lambda: claim(say("c", total(u[s], s), "=", total(u[j], j))),
    "one array with one index and with two": lambda: claim(
        say("c", total(v[s, j], j), "=", 1, Use("P", at=((v[j], v[s, j]),))),
        given=(suppose("P", total(v[j], j), "=", 1),),
    ),
    "an instance is captured by a sum": lambda: claim(
        say("i", total(x * n[s], s), "=", x * total(n[s], s)),
        say("c", total(n[s] ** 2, s), "=", n[s] * total(n[s], s), Use("i", at=((x, n[s]),))),
    ),
    "a premise s variable is not generic": lambda: claim(
        say("c", y, ">=", 1, Use("P", at=((x, y),))), given=(suppose("P", x, ">=", 1),)
    ),
    "a premise s array is not generic": lambda: claim(
        say("c", total(v[j], j), "=", 1, Use("every", at=((u[j], v[j]),))), given=(EVERY,)
    ),
    "a defined symbol is not generic": lambda: claim(
        say("c", z, "=", k + 1, Use("D", at=((d, z),))), define=(let("D", d, k + 1),)
    ),
    "what a definition rests on is not generic": lambda: claim(
        say("c", d, "=", z + 1, Use("D", at=((k, z),))), define=(let("D", d, k + 1),)
    ),
    "a positive number becomes any number": lambda: claim(
        signed("p", k + 1, ">", 0), say("c", x + 1, ">", 0, Use("p", at=((k, x),)))
    ),
    "a positive number becomes zero": lambda: claim(
        signed("p", k, ">", 0), say("c", a, ">", 0, Use("p", at=((k, a),)))
    ),
    "a number becomes something undefined": lambda: claim(
        signed("p", x**2, ">=", 0), say("c", sp.log(x) ** 2, ">=", 0, Use("p", at=((x, sp.log(x)),)))
    ),
    "a sum over a member": lambda: claim(
        say("c", N * n[t], "=", total(n[s], s), Use("i", over=(t,))), given=(suppose("i", n[t], "=", n[t]),)
    ),
    "an index beyond its range": lambda: claim(signed("c", n[s + 1], ">", 0)),
    "a fact is used before it is shown": lambda: claim(say("c", x, "=", y, Use("c"))),
    # --- signs ---
    "10 < k for every k > 0": lambda: claim(
        signed("s", d, ">", 0), say("c", k, ">", 10, Use("D", times=-ONE), Use("s")), define=(let("D", d, k - 10),)
    ),
    "10 <= k, through a symbol said to be >= 0": lambda: claim(
        signed("s", e, ">=", 0), say("c", k, ">=", 10, Use("D", times=-ONE), Use("s")), define=(let("D", e, k - 10),)
    ),
    "10 < k, by the right side of a definition": lambda: claim(
        say("u", d, "=", k - 10, Use("D")),
        signed("s", k - 10, ">", 0),
        say("c", k, ">", 10, Use("s"), Use("u", times=ZERO)),
        define=(let("D", d, k - 10),),
    ),
    "an array said to be positive": lambda: claim(
        signed("s", array_d[s], ">", 0),
        say("c", n[s], ">", 1, Use("D", times=-ONE), Use("s")),
        define=(let("D", array_d[s], n[s] - 1),),
    ),
    "a defined quotient by zero": lambda: claim(
        say("c", w * x, "=", 1, Use("D", times=x)), define=(let("D", w, 1 / x),)
    ),
    "a mean with a premise about its draw": lambda: claim(
        signed("c", Mean(X - 10, X), ">=", 0), given=(suppose("P", X, ">=", 10),)
    ),
    "a mean of what may be negative": lambda: claim(signed("c", Mean(X - 10, X), ">=", 0)),
    "a sum with a premise about one member": lambda: claim(
        signed("c", sp.Sum(n[t] - 5, (t, 1, N)), ">=", 0), given=(suppose("P", n[t], ">=", 5),)
    ),
    "a product of two numbers": lambda: claim(signed("c", x * y, ">=", 0)),
    "a product of two gaps": lambda: claim(signed("c", (k - 1) * (c - 1), ">=", 0)),
    "an odd power": lambda: claim(signed("c", x**3, ">=", 0)),
    "a logarithm": lambda: claim(signed("c", sp.log(k), ">=", 0)),
    "a reciprocal of what may be zero": lambda: claim(signed("c", 1 / a, ">", 0)),
    "a reciprocal of what may be negative": lambda: claim(signed("c", 1 / (1 + x), ">", 0)),
    "a delta is positive": lambda: claim(signed("c", DELTA(s, t), ">", 0)),
    "one less a delta is positive": lambda: claim(signed("c", 1 - DELTA(s, t), ">", 0)),
    "a sum of masses is positive": lambda: claim(signed("c", total(u[j], j), ">", 0)),
    "a square is positive": lambda: claim(signed("c", x**2, ">", 0)),
    "a square of what is not real": lambda: claim(signed("c", sp.log(-k) ** 2, ">=", 0)),
    "a root of what may be negative": lambda: claim(signed("c", sp.sqrt(1 - k), ">=", 0)),
    "0**b = 0 for every b >= 0": lambda: claim(say("c", sp.Integer(0) ** b, "=", 0)),
    "a power with a base that may be 0": lambda: claim(say("c", a ** (b + 1), "=", a**b * a)),
    "(x**2)**(1/2) = x": lambda: claim(say("c", sp.Pow(x**2, HALF), "=", x)),
    "log(x**2) = 2 log x": lambda: claim(say("c", sp.log(x**2), "=", 2 * sp.log(x))),
    "log(x y) = log x + log y": lambda: claim(say("c", sp.log(x * y), "=", sp.log(x) + sp.log(y))),
    "a weak premise gives a strict fact": lambda: claim(
        say("c", x, ">", y, Use("P")), given=(suppose("P", x, ">=", y),)
    ),
    "a weak premise gives a strict sign": lambda: claim(signed("c", x - 1, ">", 0), given=(suppose("P", x, ">=", 1),)),
    "the sign of a case that is not cited": lambda: claim(
        signed("c", x - 1, ">=", 0), given=(suppose("P", x, ">=", 1, case=True),)
    ),
    "an inequality times a negative number": lambda: claim(
        say("c", -x, ">=", -y, Use("P", times=-ONE)), given=(suppose("P", x, ">=", y),)
    ),
    "an inequality times any number": lambda: claim(
        say("c", w * x, ">=", w * y, Use("P", times=w)), given=(suppose("P", x, ">=", y),)
    ),
    "strict, times what may be zero": lambda: claim(
        say("c", a * x, ">", a * y, Use("P", times=a)), given=(suppose("P", x, ">", y),)
    ),
    "an equality from an inequality": lambda: claim(say("c", x, "=", y, Use("P")), given=(suppose("P", x, ">=", y),)),
    "an undefined factor": lambda: claim(
        say("c", y / x, "=", 1, Use("P", times=1 / x)), given=(suppose("P", y, "=", x),)
    ),
    "division by what may vanish": lambda: claim(say("c", (x**2 - 1) / (x - 1), "=", x + 1)),
    "a quotient that only looks like 1": lambda: claim(say("c", (x + y) / (x + y) ** 2 * (x + y) + 0 / k, "=", 2)),
    # --- sums of squares that vanish ---
    "vanish with a weight of no sign": lambda: claim(
        Vanish("c", "", Fact(y, "=", ZERO), zero="P", weight=x, base=y), given=(suppose("P", x * y**2, "=", 0),)
    ),
    "vanish with a weight that may be 0": lambda: claim(
        Vanish("c", "", Fact(y, "=", ZERO), zero="P", weight=a, base=y), given=(suppose("P", a * y**2, "=", 0),)
    ),
    "vanish with a rest of no sign": lambda: claim(
        Vanish("c", "", Fact(y, "=", ZERO), zero="P", weight=k, base=y, rest=x),
        given=(suppose("P", k * y**2 + x, "=", 0),),
    ),
    "vanish with an odd power": lambda: claim(
        Vanish("c", "", Fact(v[j] - 1, "=", ZERO), zero="P", weight=k, base=v[j] - 1, power=1, over=(j,)),
        given=(suppose("P", total(k * (v[j] - 1), j), "=", 0),),
    ),
    "vanish with power 0": lambda: claim(
        Vanish("c", "", Fact(y, "=", ZERO), zero="P", weight=k, base=y, power=0), given=(suppose("P", k + x, "=", 0),)
    ),
    "vanish from an inequality": lambda: claim(
        Vanish("c", "", Fact(y, "=", ZERO), zero="P", weight=k, base=y), given=(suppose("P", k * y**2, ">=", 0),)
    ),
    # --- rewriting ---
    "a rewrite divides by what may vanish": lambda: claim(
        Rewrite("c", "", Fact((x**2 - 1) / (x - 1) + y, "=", x + 1 + w), ("P",)), given=(suppose("P", y, "=", w),)
    ),
    "a rewrite under a derivative in the same variable": lambda: claim(
        Rewrite("r", "", Fact(Diff(x**2, x, y, ONE), "=", Diff(w**2, x, y, ONE)), ("P",)),
        given=(suppose("P", x, "=", w),),
    ),
    "a rewrite for y > 0 under a derivative at 0": lambda: claim(
        say("p", sp.Pow(k**2, HALF), "=", k),
        Rewrite("c", "", Fact(Diff(k * sp.log(k) / sp.log(k), k, ZERO, ONE), "=", ONE), ("p",)),
    ),
    "a rewrite by an inequality": lambda: claim(
        Rewrite("c", "", Fact(x + w, "=", y + w), ("P",)), given=(suppose("P", x, ">=", y),)
    ),
    "a rewrite that does not occur": lambda: claim(
        Rewrite("c", "", Fact(x, "=", w), ("P",)), given=(suppose("P", y, "=", w),)
    ),
    "a rewrite of a bound index": lambda: claim(
        Rewrite("c", "", Fact(total(n[s], s), "=", total(n[t], s)), ("P",)), given=(suppose("P", n[t], "=", n[t]),)
    ),
    # --- derivatives ---
    "a wrong derivative": lambda: claim(Differentiate("c", "", Fact(Diff(x**3, x, y, ONE), "=", 2 * y**2))),
    "d|x|/dx at 0": lambda: claim(Differentiate("c", "", Fact(Diff(sp.Abs(x), x, ZERO, ONE), "=", ZERO))),
    "the derivative of a sign": lambda: claim(Differentiate("c", "", Fact(Diff(sp.sign(x), x, ONE, ONE), "=", ZERO))),
    "the derivative of a ceiling": lambda: claim(
        Differentiate("c", "", Fact(Diff(sp.ceiling(x), x, ZERO, ONE), "=", sp.diff(sp.ceiling(x), x).subs(x, 0)))
    ),
    "the derivative of a maximum": lambda: claim(
        Differentiate("c", "", Fact(Diff(sp.Max(x, 0), x, ZERO, ONE), "=", HALF))
    ),
    "a derivative at a pole": lambda: claim(Differentiate("c", "", Fact(Diff(x + 1 / x, x, ZERO, ONE), "=", ONE))),
    "a derivative of log at -1": lambda: claim(Differentiate("c", "", Fact(Diff(sp.log(x), x, -ONE, ONE), "=", -ONE))),
    "a derivative of log at any point": lambda: claim(
        Differentiate("c", "", Fact(Diff(sp.log(x), x, y, ONE), "=", 1 / y))
    ),
    "a root's derivative at 0": lambda: claim(
        Differentiate("c", "", Fact(Diff(a ** sp.Rational(3, 2), a, ZERO, ONE), "=", ZERO))
    ),
    "a derivative from one side": lambda: claim(Differentiate("c", "", Fact(Diff(a**2, a, ZERO, ONE), "=", ZERO))),
    "a derivative in an index": lambda: claim(Differentiate("c", "", Fact(Diff(u[s] * s, s, ONE, ONE), "=", u[s]))),
    "a derivative in a size": lambda: claim(Differentiate("c", "", Fact(Diff(N**2, N, ONE, ONE), "=", TWO))),
    "a derivative at its own variable": lambda: claim(
        Differentiate("c", "", Fact(Diff(x**2, x, x**2, ONE), "=", 2 * x**2))
    ),
    "a derivative of a symbol defined through x": lambda: claim(
        Differentiate("d", "", Fact(Diff(w * y, x, y, ONE), "=", ZERO)),
        say("c", Diff(w * y, x, y, ONE) + w, "=", x**2, Use("d"), Use("D")),
        define=(let("D", w, x**2),),
    ),
    "a derivative of order 0": lambda: claim(Differentiate("c", "", Fact(Diff(x**2, x, y, ZERO), "=", ONE))),
    # --- minima ---
    "ln x >= x - 1": lambda: claim(Minimum("c", "", Fact(sp.log(z), ">=", z - 1), x=z, x0=ONE, slope=-1 / z)),
    "a minimum of no sign": lambda: claim(
        Minimum("c", "", Fact(z**3, ">=", 3 * z - 2), x=z, x0=ONE, slope=3 * (x + 1))
    ),
    "a minimum with a premise about its variable": lambda: claim(
        Minimum(
            "c",
            "",
            Fact(z**3 / 3 - 2 * z**2, ">=", -sp.Rational(25, 3) * z + 5 * z**2 / 2 - sp.Rational(125, 3) + 75),
            x=z,
            x0=sp.Integer(5),
            slope=z - 4,
        ),
        given=(suppose("P", z, ">=", 4),),
    ),
    "a minimum beyond its domain": lambda: claim(
        Minimum("c", "", Fact(x**2, ">=", 2 * x - 1), x=x, x0=ONE, slope=sp.log(x) / sp.log(x) * 2)
    ),
    "a minimum across a jump": lambda: claim(
        Minimum("c", "", Fact(z - sp.floor(z), ">=", ONE - ONE), x=z, x0=ONE, slope=ZERO)
    ),
    "a minimum across a sign": lambda: claim(
        Minimum("c", "", Fact(3 * sp.sign(2 - z) + (z - 1) ** 2, ">=", sp.Integer(3)), x=z, x0=ONE, slope=TWO)
    ),
    "a minimum across a pole": lambda: claim(
        Minimum("c", "", Fact(1 / (2 - z), ">=", z - 0 * z), x=z, x0=ONE, slope=(3 - z) / (2 - z) ** 2)
    ),
    "a strict minimum": lambda: claim(Minimum("c", "", Fact(z - 1, ">", sp.log(z)), x=z, x0=ONE, slope=1 / z)),
    # --- integrals ---
    "an integral over a pole": lambda: claim(
        Integrate("c", "", Fact(Int((z - 1) ** -2, z, HALF, OO), "=", -TWO), antiderivative=-1 / (z - 1))
    ),
    "an integral over a log singularity": lambda: claim(
        Integrate(
            "c",
            "",
            Fact(Int(2 / (z - 1) - 2 / z, z, HALF, OO), "=", ZERO),
            antiderivative=sp.log((z - 1) ** 2) - 2 * sp.log(z),
        )
    ),
    "an integral from a pole at 0": lambda: claim(
        Integrate("c", "", Fact(Int(z**-2, z, ZERO, OO), "=", ONE), antiderivative=-1 / z)
    ),
    "an integral that diverges": lambda: claim(
        Integrate("c", "", Fact(Int(1 / z, z, ONE, OO), "=", ZERO), antiderivative=sp.log(z))
    ),
    "a power integral of any exponent": lambda: claim(
        Integrate("c", "", Fact(Int(z ** (-x), z, ONE, OO), "=", 1 / (x - 1)), antiderivative=z ** (1 - x) / (1 - x))
    ),
    "a power integral that only converges for some": lambda: claim(
        Integrate("c", "", Fact(Int(z ** (-c), z, ONE, OO), "=", 1 / (c - 1)), antiderivative=z ** (1 - c) / (1 - c))
    ),
    "an antiderivative that does not vanish": lambda: claim(
        Integrate("c", "", Fact(Int(z**-2, z, ONE, OO), "=", ZERO), antiderivative=1 - 1 / z)
    ),
    "a wrong integral": lambda: claim(
        Integrate("c", "", Fact(Int(z**-2, z, ONE, OO), "=", TWO), antiderivative=-1 / z)
    ),
    "a wrong antiderivative": lambda: claim(
        Integrate("c", "", Fact(Int(z**-2, z, ONE, OO), "=", HALF), antiderivative=-1 / (2 * z))
    ),
    "an exponential that grows": lambda: claim(
        Integrate("c", "", Fact(Int(sp.exp(x * z), z, ZERO, OO), "=", -1 / x), antiderivative=sp.exp(x * z) / x)
    ),
    "an integral over the whole axis": lambda: claim(
        Integrate("c", "", Fact(Int(x**-2, x, -ONE, OO), "=", -ONE), antiderivative=-1 / x)
    ),
    "an incomplete gamma with both places moving": lambda: claim(
        Integrate(
            "c",
            "",
            Fact(Int(-sp.diff(sp.uppergamma(z, z), z), z, ONE, OO), "=", sp.uppergamma(ONE, ONE)),
            antiderivative=sp.uppergamma(z, z),
        )
    ),
    # --- limits ---
    "x**b -> 0 for every b >= 0": lambda: limit_at("l", a**b, a, ZERO, ZERO, a),
    "Gamma(z, z) -> 0": lambda: limit_at("l", sp.uppergamma(z, z), z, OO, ZERO, 1 / z),
    "a limit that divides by what may vanish": lambda: limit_at("l", z / (1 + x**2 * z), z, OO, 1 / x**2, 1 / z),
    "a limit of a quotient of no degree": lambda: limit_at("l", (x * z + 1) / (z + 1), z, OO, ZERO, 1 / z),
    "a limit at 0 over a pole": lambda: limit_at("l", 1 / (k * l + l), l, ZERO, ZERO, l),
    "a limit at 0 of 0/0": lambda: limit_at("l", (l + k * l**2) / l, l, ZERO, ZERO, l),
    "a limit in the middle": lambda: limit_at("l", k**2, k, ONE, ONE, k),
    "a limit in a number of any sign": lambda: limit_at("l", x**2, x, ZERO, ZERO, x**2),
    "a wrong limit": lambda: limit_at("l", (2 * z + 1) / (z + 1), z, OO, ONE, 1 / z),
    "a squeeze with a premise about its variable": lambda: claim(
        signed("h", 1 / k, ">=", 0),
        say("low", 5 / k, "<=", k, Use("P")),
        Squeeze("c", "", Fact(Lim(1 / k, k, OO), "=", ZERO), low="h", high="P"),
        given=(suppose("P", 1 / k, "<=", ZERO + 2 / k - 1 / k),),
    ),
    "a squeeze under a premise on its variable": lambda: claim(
        signed("h", k, ">=", 0),
        Squeeze("c", "", Fact(Lim(k, k, OO), "=", ZERO), low="h", high="P"),
        given=(suppose("P", k, "<=", 1 / k),),
    ),
    "a limit through a pole": lambda: claim(
        signed("p", l, ">=", 0),
        signed("q", 2 * l, ">=", l),
        Squeeze("zero", "", Fact(Lim(l, l, ZERO), "=", ZERO), low="p", high="q"),
        LimitOf(
            "c", "", Fact(Lim(1 / (1 + l) - 1 / l, l, ZERO), "=", ONE), outer=1 / (1 + x) - 1 / x, parts=((x, "zero"),)
        ),
    ),
    "a limit through a jump": lambda: claim(
        signed("p", l, ">=", 0),
        signed("q", 2 * l, ">=", l),
        Squeeze("zero", "", Fact(Lim(l, l, ZERO), "=", ZERO), low="p", high="q"),
        LimitOf("c", "", Fact(Lim(sp.ceiling(l), l, ZERO), "=", ZERO), outer=sp.ceiling(x), parts=((x, "zero"),)),
    ),
    "a limit through what still moves": lambda: claim(
        signed("p", l, ">=", 0),
        signed("q", 2 * l, ">=", l),
        Squeeze("zero", "", Fact(Lim(l, l, ZERO), "=", ZERO), low="p", high="q"),
        LimitOf("c", "", Fact(Lim(l + l / k, l, ZERO), "=", l / k), outer=x + l / k, parts=((x, "zero"),)),
    ),
    # --- classical facts ---
    "a density that does not integrate to 1": lambda: claim(
        Integrate(
            "unit",
            "",
            Fact(Int(2 * DENSITY, var, low, OO), "=", TWO),
            antiderivative=-2 * (low**alpha) * var ** (-alpha),
        ),
        MeanIs(
            "c",
            "",
            Fact(
                Mean(draw("f_bad", Law(var, 2 * DENSITY, low)), draw("f_bad", Law(var, 2 * DENSITY, low))),
                "=",
                Int(2 * var * DENSITY, var, low, OO),
            ),
            unit="unit",
        ),
    ),
    "a mean without a word on its density": lambda: claim(
        MeanIs("c", "", Fact(Mean(X, X), "=", Int(var * DENSITY, var, low, OO)), unit="")
    ),
    "a mean by another density": lambda: claim(
        *UNIT, MeanIs("c", "", Fact(Mean(X, X), "=", Int(2 * var * DENSITY, var, low, OO)), unit="unit")
    ),
    "a mean over another lower end": lambda: claim(
        *UNIT, MeanIs("c", "", Fact(Mean(X, X), "=", Int(var * DENSITY, var, 2 * low, OO)), unit="unit")
    ),
    "a mean over another lower end, evaluated": lambda: claim(*mean_steps(lower=ONE)),
    "a mean of another function": lambda: claim(
        *UNIT, MeanIs("c", "", Fact(Mean(X**2, X), "=", Int(var * DENSITY, var, low, OO)), unit="unit")
    ),
    "a density that may be negative": lambda: claim(
        say("unit", Int((1 - var) * sp.exp(-var) + sp.exp(-var) * var, var, ZERO, OO), "=", 1),
        MeanIs(
            "c",
            "",
            Fact(
                Mean(
                    draw("f_neg", Law(var, (2 - var) * sp.exp(-var), ZERO)),
                    draw("f_neg", Law(var, (2 - var) * sp.exp(-var), ZERO)),
                ),
                "=",
                Int(var * (2 - var) * sp.exp(-var), var, ZERO, OO),
            ),
            unit="unit",
        ),
    ),
    "the law of large numbers for any array": lambda: law_of_large_numbers(total(u[j], j) / M, MU),
    "the law of large numbers for any array of positive numbers": lambda: law_of_large_numbers(
        total(masses("f_pos", positive=True)[j], j) / M, MU
    ),
    "the law of large numbers for another function": lambda: law_of_large_numbers(total(xs[j] ** 2, j) / M, MU),
    "the law of large numbers with another limit": lambda: law_of_large_numbers(total(xs[j], j) / M, 2 * MU),
    "the law of large numbers without division": lambda: law_of_large_numbers(total(xs[j], j), MU),
    "the law of large numbers for an unproved mean": lambda: claim(
        LargeNumbers("lln", "", Fact(Lim(total(xs[j], j) / M, M, OO), "=", MU), mean="P"),
        given=(suppose("P", Mean(X, X), "=", MU),),
    ),
    "the law of large numbers for an infinite mean": lambda: claim(
        *UNIT,
        MeanIs("def", "", Fact(Mean(X**2, X), "=", Int(var**2 * DENSITY, var, low, OO)), unit="unit"),
        LargeNumbers(
            "lln", "", Fact(Lim(total(xs[j] ** 2, j) / M, M, OO), "=", Int(var**2 * DENSITY, var, low, OO)), mean="def"
        ),
    ),
    "the law of large numbers for products of neighbours": lambda: law_of_large_numbers(
        total(xs[j] * total(xs[j], j), j) / M, MU
    ),
    "the law of large numbers for terms of different laws": lambda: claim(
        *UNIT,
        MeanIs("def", "", Fact(Mean(j * X, X), "=", Int(j * var * DENSITY, var, low, OO)), unit="unit"),
        Integrate(
            "int",
            "",
            Fact(Int(j * var * DENSITY, var, low, OO), "=", j * MU),
            antiderivative=-j * alpha * low**alpha * var ** (-beta) / beta,
        ),
        say("mean", Mean(j * X, X), "=", j * MU, Use("def"), Use("int")),
        LargeNumbers("lln", "", Fact(Lim(total(j * xs[j], j) / M, M, OO), "=", j * MU), mean="mean"),
    ),
    "the law of large numbers for terms that grow with their number": lambda: claim(
        *UNIT,
        MeanIs("def", "", Fact(Mean(M * X, X), "=", Int(M * var * DENSITY, var, low, OO)), unit="unit"),
        Integrate(
            "int",
            "",
            Fact(Int(M * var * DENSITY, var, low, OO), "=", M * MU),
            antiderivative=-M * alpha * low**alpha * var ** (-beta) / beta,
        ),
        say("mean", Mean(M * X, X), "=", M * MU, Use("def"), Use("int")),
        LargeNumbers("lln", "", Fact(Lim(total(xs[j], j), M, OO), "=", M * MU), mean="mean"),
    ),
    "draws may be set": lambda: claim(
        *mean_steps(),
        LargeNumbers("lln", "", Fact(Lim(total(xs[j], j) / M, M, OO), "=", MU), mean="mean"),
        say("c", Lim(total(n[j], j) / M, M, OO), "=", MU, Use("lln", at=((xs[j], n[j]),))),
    ),
    "Tonelli with a factor of two signs": lambda: tonelli(
        Mean((X - 1) * Y / (X + Y), X, Y),
        Int((PHI_SLOPE - PHI) * PHI_SLOPE, sig, ZERO, OO),
        (X - 1) * sp.exp(-sig * X),
        Y * sp.exp(-sig * Y),
        means=("two", "slope"),
        steps=(*UNIT, *of_two_signs(), *SLOPE),
    ),
    "Tonelli with one draw twice": lambda: tonelli(
        Mean(X / (2 * X), X),
        Int(PHI * PHI_SLOPE, sig, ZERO, OO),
        sp.exp(-sig * X),
        X * sp.exp(-sig * X),
        means=("phi", "slope"),
        steps=(*UNIT, *TRANSFORM, *SLOPE),
    ),
    "Tonelli with a factor of two draws": lambda: tonelli(
        Mean(X * Y / (X + Y), X, Y),
        Int(Y * PHI_SLOPE * PHI, sig, ZERO, OO),
        X * Y * sp.exp(-sig * X),
        sp.exp(-sig * Y),
    ),
    "Tonelli with another integral": lambda: tonelli(
        Mean(1 / (X + Y), X, Y), Int(PHI**3, sig, ZERO, OO), sp.exp(-sig * X), sp.exp(-sig * Y)
    ),
    "Tonelli with another function": lambda: tonelli(
        Mean(2 / (X + Y), X, Y), Int(PHI**2, sig, ZERO, OO), sp.exp(-sig * X), sp.exp(-sig * Y)
    ),
    "Tonelli with a factor of infinite mean": lambda: claim(
        *UNIT,
        *TRANSFORM,
        MeanIs("def", "", Fact(Mean(X**2, X), "=", Int(var**2 * DENSITY, var, low, OO)), unit="unit"),
        Integrate(
            "one", "", Fact(Int(sp.exp(-sig * z), sig, ZERO, OO), "=", 1 / z), antiderivative=-sp.exp(-sig * z) / z
        ),
        Tonelli(
            "swap",
            "",
            Fact(Mean(X**2 / (X + Y), X, Y), "=", Int(Int(var**2 * DENSITY, var, low, OO) * PHI, sig, ZERO, OO)),
            inner="one",
            s=sig,
            factors=(X**2 * sp.exp(-sig * X), sp.exp(-sig * Y)),
            means=("def", "phi"),
        ),
    ),
    "a law's parameter is set": lambda: claim(
        *mean_steps(), say("c", Mean(X, X), "=", alpha * 5 / beta, Use("mean", at=((low, sp.Integer(5)),)))
    ),
    "a law's parameter is set in a limit of its draws": lambda: claim(
        *mean_steps(),
        LargeNumbers("lln", "", Fact(Lim(total(xs[j], j) / M, M, OO), "=", MU), mean="mean"),
        say("c", Lim(total(xs[j], j) / M, M, OO), "=", MU.subs(low, 5), Use("lln", at=((low, sp.Integer(5)),))),
    ),
    "the mean of a premise": lambda: claim(
        *UNIT,
        Average("c", "", Fact(Mean(X, X), ">=", Mean(X / 2, X)), pointwise="p", draws=(X,), finite="P", witness=()),
        given=(suppose("P", Mean(X, X), "=", MU),),
    ),
    "draws of two laws in one mean": lambda: claim(
        signed(
            "c",
            Mean(X * draw("f_other", Law(var, sp.exp(-var), ZERO)), X, draw("f_other", Law(var, sp.exp(-var), ZERO))),
            ">",
            0,
        )
    ),
    "a mean over a number that is no draw": lambda: claim(signed("c", Mean(k, k), ">", 0)),
    "a mean of a product is not taken apart": lambda: claim(say("c", Mean(X * Y, X, Y), "=", Mean(X, X) ** 2)),
    "a mean of a square": lambda: claim(say("c", Mean(X**2, X), "=", Mean(X, X) ** 2)),
    "an average of what may be infinite": lambda: claim(
        *mean_steps(),
        signed("p", X**2, ">=", 0),
        say("q", X**2, ">=", X**2 / 2, Use("p", times=HALF)),
        Average(
            "c", "", Fact(Mean(X**2, X), ">=", Mean(X**2, X) / 2), pointwise="q", draws=(X,), finite="mean", witness=()
        ),
    ),
    "an average without a finite mean": lambda: average(
        Fact(3 * Mean(Y * Z / (X + Y + Z), X, Y, Z), "<=", Mean(X, X)), finite="def"
    ),
    "a strict average without a witness": lambda: average(
        Fact(3 * Mean(Y * Z / (X + Y + Z), X, Y, Z), "<", Mean(X, X))
    ),
    "a strict average with a witness where both agree": lambda: average(
        Fact(3 * Mean(Y * Z / (X + Y + Z), X, Y, Z), "<", Mean(X, X)), witness=(2 * low, 2 * low, 2 * low)
    ),
    "a strict average with a witness beyond the law": lambda: average(
        Fact(3 * Mean(Y * Z / (X + Y + Z), X, Y, Z), "<", Mean(X, X)), witness=(low / 2, low / 3, low / 4)
    ),
    "an average of another relation": lambda: average(Fact(4 * Mean(Y * Z / (X + Y + Z), X, Y, Z), "<=", Mean(X, X))),
    "an average the other way": lambda: average(Fact(3 * Mean(Y * Z / (X + Y + Z), X, Y, Z), ">=", Mean(X, X))),
    "an average of a premise about the draws": lambda: claim(
        *mean_steps(),
        Average(
            "c", "", Fact(Mean(X, X), ">=", 10 * Mean(X / X, X)), pointwise="P", draws=(X,), finite="mean", witness=()
        ),
        given=(suppose("P", X, ">=", 10),),
    ),
    "Gamma's recurrence without its power": lambda: by_parts(
        GAMMA, x * sp.uppergamma(x, c * low) + sp.exp(-c * low), -x * sp.uppergamma(x, c * var) - sp.exp(-c * var)
    ),
    "Gamma's recurrence at 0": lambda: claim(
        Integrate(
            "c",
            "",
            Fact(Int(z**x * sp.exp(-z), z, ZERO, OO), "=", x * sp.uppergamma(x, c)),
            antiderivative=-x * sp.uppergamma(x, z) - z**x * sp.exp(-z),
        )
    ),
    "Gamma's recurrence, one place too far": lambda: by_parts(
        GAMMA,
        (x + 1) * sp.uppergamma(x, c * low) + (c * low) ** x * sp.exp(-c * low),
        -(x + 1) * sp.uppergamma(x, c * var) - (c * var) ** x * sp.exp(-c * var),
    ),
    "Tonelli for an inner integral at whole numbers": lambda: claim(
        *UNIT,
        *TRANSFORM,
        Integrate(
            "inner",
            "",
            Fact(Int(sp.exp(-sig * N), sig, ZERO, OO), "=", 1 / N),
            antiderivative=-sp.exp(-sig * N) / N,
        ),
        Tonelli(
            "c",
            "",
            Fact(Mean(1 / (X + Y), X, Y), "=", Int(PHI**2, sig, ZERO, OO)),
            inner="inner",
            s=sig,
            factors=(sp.exp(-sig * X), sp.exp(-sig * Y)),
            means=("phi", "phi"),
        ),
    ),
    "Tonelli for a law that moves with s": lambda: claim(
        Integrate(
            "unit", "", Fact(Int(DEPENDENT.density, var, ZERO, OO), "=", ONE), antiderivative=-sp.exp(-sig * var)
        ),
        MeanIs(
            "def",
            "",
            Fact(
                Mean(sp.exp(-sig * draw("f_m1", DEPENDENT)), draw("f_m1", DEPENDENT)),
                "=",
                Int(sp.exp(-sig * var) * DEPENDENT.density, var, ZERO, OO),
            ),
            unit="unit",
        ),
        Integrate(
            "int",
            "",
            Fact(Int(sp.exp(-sig * var) * DEPENDENT.density, var, ZERO, OO), "=", HALF),
            antiderivative=-sp.exp(-2 * sig * var) / 2,
        ),
        say(
            "mean",
            Mean(sp.exp(-sig * draw("f_m1", DEPENDENT)), draw("f_m1", DEPENDENT)),
            "=",
            HALF,
            Use("def"),
            Use("int"),
        ),
        INNER,
        Tonelli(
            "c",
            "",
            Fact(
                Mean(
                    1 / (draw("f_m1", DEPENDENT) + draw("f_m2", DEPENDENT)),
                    draw("f_m1", DEPENDENT),
                    draw("f_m2", DEPENDENT),
                ),
                "=",
                Int(HALF**2, sig, ZERO, OO),
            ),
            inner="inner",
            s=sig,
            factors=(sp.exp(-sig * draw("f_m1", DEPENDENT)), sp.exp(-sig * draw("f_m2", DEPENDENT))),
            means=("mean", "mean"),
        ),
    ),
    # --- found by a second look at the mended kernel ---
    "a real number becomes the imaginary unit": lambda: claim(
        signed("p", x**2, ">=", 0), say("c", -1, ">=", 0, Use("p", at=((x, sp.I),)))
    ),
    "a real number becomes a symbol of no type": lambda: claim(
        signed("p", x**2, ">=", 0),
        say(
            "c",
            other_symbol("f_imaginary", imaginary=True) ** 2,
            ">=",
            0,
            Use("p", at=((x, other_symbol("f_imaginary", imaginary=True)),)),
        ),
    ),
    "a law that depends on an index": lambda: claim(
        Integrate(
            "unit",
            "",
            Fact(Int(n[s] * sp.exp(-n[s] * var), var, ZERO, OO), "=", ONE),
            antiderivative=-sp.exp(-n[s] * var),
        ),
        MeanIs(
            "def",
            "",
            Fact(
                Mean(
                    draw("f_exp", Law(var, n[s] * sp.exp(-n[s] * var), ZERO)),
                    draw("f_exp", Law(var, n[s] * sp.exp(-n[s] * var), ZERO)),
                ),
                "=",
                Int(var * n[s] * sp.exp(-n[s] * var), var, ZERO, OO),
            ),
            unit="unit",
        ),
        Integrate(
            "int",
            "",
            Fact(Int(var * n[s] * sp.exp(-n[s] * var), var, ZERO, OO), "=", 1 / n[s]),
            antiderivative=-(var + 1 / n[s]) * sp.exp(-n[s] * var),
        ),
        say(
            "c",
            1 / n[s],
            "=",
            1 / n[r],
            Use("def", times=-ONE),
            Use("int", times=-ONE),
            Use("def", at=((s, r),)),
            Use("int", at=((s, r),)),
        ),
    ),
    "a derivative in a law's parameter": lambda: claim(
        *mean_steps(), Differentiate("c", "", Fact(Diff(Mean(X, X), beta, c, ONE), "=", ZERO))
    ),
    "Tonelli with the means of another law": lambda: claim(
        *UNIT,
        *TRANSFORM,
        INNER,
        Integrate("unit2", "", Fact(Int(sp.exp(-var), var, ZERO, OO), "=", ONE), antiderivative=-sp.exp(-var)),
        Tonelli(
            "swap",
            "",
            Fact(
                Mean(
                    1 / (draw("f_e1", Law(var, sp.exp(-var), ZERO)) + draw("f_e2", Law(var, sp.exp(-var), ZERO))),
                    draw("f_e1", Law(var, sp.exp(-var), ZERO)),
                    draw("f_e2", Law(var, sp.exp(-var), ZERO)),
                ),
                "=",
                Int(PHI**2, sig, ZERO, OO),
            ),
            inner="inner",
            s=sig,
            factors=(
                sp.exp(-sig * draw("f_e1", Law(var, sp.exp(-var), ZERO))),
                sp.exp(-sig * draw("f_e2", Law(var, sp.exp(-var), ZERO))),
            ),
            means=("phi", "phi"),
        ),
    ),
    "an index with a name of the normal form's own": lambda: claim(
        say("c", total(sp.log(n[s] + n[index("_1_N", N)]), s), "=", total(sp.log(2 * n[s]), s))
    ),
    "a symbol with a name of the normal form's own": lambda: claim(
        say("i", total(n[s], s), "=", total(n[r], r) + 0 * k),
        say(
            "c",
            total(sp.log(n[s] + n[other_symbol("_1_N", integer=True, positive=True)]), s),
            "=",
            total(sp.log(2 * n[s]), s),
        ),
    ),
    "a relation that is none": lambda: claim(say("c", x, "==", y, Use("P")), given=(suppose("P", x, ">=", y),)),
    "what holds almost surely, at a number that depends on the draws": lambda: claim(
        *mean_steps(),
        LargeNumbers("lln", "", Fact(Lim(total(xs[j], j) / M, M, OO), "=", MU), mean="mean"),
        say("p", Lim(total(xs[j], j) / M, M, OO) + k, "=", MU + k, Use("lln")),
        say("c", Lim(total(xs[j], j) / M, M, OO) + xs[j], "=", MU + xs[j], Use("p", at=((k, xs[j]),))),
    ),
    "a strict average by a jump": lambda: claim(
        *mean_steps(),
        say("p", X + sp.ceiling(X) - sp.ceiling(X) + X, ">=", X, Use("q")),
        Average(
            "c",
            "",
            Fact(Mean(2 * X, X), ">", Mean(X, X)),
            pointwise="p",
            draws=(X,),
            finite="mean",
            witness=(ZERO * low,),
        ),
        given=(),
    ),
    "a case taken as general": lambda: claim(signed("c", 1 / x, ">", 0), given=(suppose("P", x, ">", 0, case=True),)),
    "an average that leaves a draw free": lambda: claim(
        *mean_steps(),
        say("p", (X + Y) ** 2, "=", X**2 + 2 * X * Y + Y**2),
        Average(
            "c",
            "",
            Fact(Mean(X * Z / (X + Z), X), "=", Mean(X * Y / (X + Y), X, Y)),
            pointwise="p",
            draws=(X, Y, Z),
            finite="mean",
        ),
    ),
    "a premise about an array of draws": lambda: claim(
        say("c", total(xs[j], j), ">=", 10 * M, Use("P", over=(j,))), given=(suppose("P", xs[j], ">=", 10),)
    ),
    "a definition through draws": lambda: claim(
        say("c", w, "=", total(xs[j], j), Use("D")), define=(let("D", w, total(xs[j], j)),)
    ),
    # --- counterexamples to what is true ---
    "a counterexample at one index": lambda: witness(
        Fact(u[1], "<", ONE), ZERO, (M, ONE), (u.label, (ONE,)), (j, ONE), given=(suppose("P", u[j], "<=", HALF),)
    ),
    "a counterexample whose premise holds at one index": lambda: witness(
        Fact(total(u[j], j), "<=", M),
        -ONE,
        (M, TWO),
        (u.label, (ONE, TWO)),
        (j, ONE),
        given=(suppose("P", u[j], "<=", ONE),),
    ),
    "a counterexample with half a dataset": lambda: witness(Fact(N, ">=", ONE), -HALF, (N, HALF)),
    "a counterexample with no dataset": lambda: witness(Fact(N, ">=", ONE), -ONE, (N, ZERO)),
    "a counterexample with a member outside": lambda: witness(
        Fact(total(DELTA(s, t), s), "=", ONE), -ONE, (N, ONE), (t, TWO)
    ),
    "a counterexample with half a member": lambda: witness(
        Fact(total(DELTA(s, t), s), "=", ONE), -ONE, (N, TWO), (t, HALF)
    ),
    "a counterexample with a sign broken": lambda: witness(Fact(k, ">", ZERO), -ONE, (k, -ONE)),
    "a counterexample with a mass below 0": lambda: witness(
        Fact(total(u[j], j), ">=", ZERO), -ONE, (M, ONE), (u.label, (-ONE,))
    ),
    "a counterexample that breaks a premise": lambda: witness(
        Fact(x, ">=", ONE), -ONE, (x, ZERO), given=(suppose("P", x, ">=", ONE),)
    ),
    "a counterexample that breaks a definition": lambda: witness(
        Fact(d, ">", k), -ONE, (k, TWO), (d, ONE), define=(let("D", d, k + 1),)
    ),
    "a counterexample with too short an array": lambda: witness(
        Fact(total(u[j], j), "=", ONE), -HALF, (M, ONE), (u.label, (HALF, HALF)), given=(EVERY,)
    ),
    "a counterexample with too long a range": lambda: witness(
        Fact(total(u[j], j), "=", ONE), -HALF, (M, sp.Integer(3)), (u.label, (HALF, HALF)), given=(EVERY,)
    ),
    "a counterexample by 0 log 0": lambda: witness(Fact(a * sp.log(a) + 1, ">", ONE), ZERO, (a, ZERO)),
    "a counterexample by 1/0": lambda: witness(Fact(x / x**2, "=", 1 / x), ZERO, (x, ZERO)),
    "a counterexample by the log of a negative number": lambda: witness(
        Fact(sp.log(x**2) / 2, "=", sp.log(x)), ZERO, (x, -ONE)
    ),
    "a counterexample by d|x|/dx": lambda: witness(Fact(Diff(sp.Abs(x) + x, x, ZERO, ONE), "=", ZERO), ONE),
    "a counterexample by a derivative of log at -1": lambda: witness(
        Fact(Diff(sp.log(x), x, y, ONE), ">", ZERO), -ONE, (y, -ONE)
    ),
    "a counterexample in floats": lambda: witness(
        Fact(x, "=", x + sp.Float("1e-20") - sp.Float("1e-20")), ZERO, (x, sp.Float(0.1))
    ),
    "a counterexample that states another gap": lambda: witness(Fact(x, ">=", ONE), ONE, (x, ZERO)),
    "a counterexample that refutes nothing": lambda: witness(Fact(x, ">=", ONE), ONE, (x, TWO)),
    "a counterexample to something else": lambda: dataclasses.replace(
        witness(Fact(x, ">=", ONE), -ONE, (x, ZERO)), goals=(Goal("", Fact(x**2, ">=", ZERO), "w"),)
    ),
    "what holds at a counterexample's values is used everywhere": lambda: claim(
        Counterexample("w", "", Fact(x - 1, "=", -ONE), values=((x, ZERO),), refuted=Fact(x, ">=", ONE)),
        say("c", x, "=", 0, Use("w")),
    ),
    "what holds at a counterexample's values is used in a refutation": lambda: claim(
        Counterexample("w", "", Fact(x - 1, "=", -ONE), values=((x, ZERO),), refuted=Fact(x, ">=", ONE)),
        say("c", x, "=", 0, Use("w")),
        kind="refutation",
        goals=(Goal("", Fact(x, ">=", ONE), "w"), Goal("", Fact(x, "=", ZERO), "c")),
    ),
    "a counterexample as a proof of its gap": lambda: claim(
        Counterexample("w", "", Fact(x - 1, "=", -ONE), values=((x, ZERO),), refuted=Fact(x, ">=", ONE)),
        goals=(Goal("", Fact(x - 1, "=", -ONE), "w"),),
    ),
    "a counterexample to a goal with a case that it breaks": lambda: dataclasses.replace(
        witness(Fact(x, ">=", ONE), -ONE, (x, ZERO), given=(suppose("P", x, ">=", ONE, case=True),)),
        goals=(Goal("", Fact(x, ">=", ONE), "w", ("P",)),),
    ),
    "a counterexample without a value": lambda: witness(Fact(x + y, ">=", x), -ONE, (x, ZERO)),
    "a counterexample for draws": lambda: witness(Fact(X, ">=", low), -ONE, (X, ONE), (low, TWO)),
    # --- declarations ---
    "a premise 0 = 1, worded as another": lambda: claim(
        say("c", x, "=", y, Use("P", times=y - x)), given=(suppose("P", 0, "=", 1),)
    ),
    "a premise 1 < 0": lambda: claim(say("c", x, ">", x + 1, Use("P")), given=(suppose("P", ONE, "<", ZERO),)),
    "x > x, by two symbols of one name": lambda: claim(
        say("c", positive("f_same"), ">", real("f_same"), Use("P")),
        given=(suppose("P", positive("f_same"), ">", real("f_same")),),
    ),
    "an array and a number of one name": lambda: claim(
        say("c", total(masses("f_both")[j], j), "=", nonnegative("f_both") * M, Use("P", over=(j,))),
        given=(suppose("P", masses("f_both")[j], "=", nonnegative("f_both")),),
    ),
    "a goal that says x = x": lambda: claim(say("c", x, "=", x)),
    "a goal that says x >= x": lambda: claim(signed("c", x, ">=", x)),
    "two symbols that print alike": lambda: claim(
        say("c", positive("alpha"), ">", real("α"), Use("P")), given=(suppose("P", positive("alpha"), ">", real("α")),)
    ),
    "a symbol of no type": lambda: claim(signed("c", other_symbol("f_untyped", positive=True), ">", 0)),
    "a negative symbol": lambda: claim(signed("c", -other_symbol("f_negative", negative=True), ">", 0)),
    "a complex symbol": lambda: claim(
        say("c", sp.re(other_symbol("f_complex")), "=", sp.re(other_symbol("f_complex")) + 0 * x)
    ),
    "a float": lambda: claim(say("c", sp.Float(0.1) + sp.Float(0.2), "=", sp.Float(0.3))),
    "the imaginary unit": lambda: claim(say("c", sp.I * x + y, "=", x)),
    "infinity as a number": lambda: claim(signed("c", sp.oo + x, ">", 0)),
    "a definition that is circular": lambda: claim(say("c", d, "=", k + d, Use("D")), define=(let("D", d, k + d),)),
    "a symbol defined twice": lambda: claim(
        say("c", k, "=", 2 * k, Use("D", times=-ONE), Use("E")),
        define=(let("D", d, k), let("E", d, 2 * k)),
    ),
    "a symbol defined through a later one": lambda: claim(
        say("c", d, "=", e + 1, Use("D")),
        define=(let("D", d, e + 1), let("E", e, d + 1)),
    ),
    "a definition of a sum": lambda: claim(say("c", k + c, "=", 1, Use("D")), define=(let("D", k + c, ONE),)),
    "a definition of a size": lambda: claim(say("c", N, "=", k, Use("D")), define=(let("D", N, k),)),
    "a definition of a member": lambda: claim(say("c", t, "=", k, Use("D")), define=(let("D", t, k),)),
    "a definition of a draw": lambda: claim(say("c", X, "=", k, Use("D")), define=(let("D", X, k),)),
    "a definition of what a premise bounds": lambda: claim(
        say("c", k, ">=", 10, Use("D", times=-ONE), Use("P")),
        given=(suppose("P", w, ">=", 10, case=True),),
        define=(let("D", w, k),),
        goals=(Goal("", Fact(k, ">=", sp.Integer(10)), "c"),),
    ),
    "a goal that no step shows": lambda: claim(
        say("c", x + y, "=", y + x + 0), goals=(Goal("", Fact(x, "=", y), "c"),)
    ),
    "a goal that drops its case": lambda: claim(
        say("c", x, ">=", 1, Use("P")),
        given=(suppose("P", x, ">=", 1, case=True),),
        goals=(Goal("", Fact(x, ">=", ONE), "c"),),
    ),
    "a name used twice": lambda: claim(say("P", x, "=", y, Use("P")), given=(suppose("P", y, "=", x),)),
    "a lemma that is not proved": lambda: claim(Lemma("c", "", Fact(x, "=", y), "unproved", 1)),
    "a lemma without its premise": lambda: claim(Lemma("c", "", Fact(x, ">=", ONE), "premised", 1)),
    "a lemma that says something else": lambda: claim(Lemma("c", "", Fact(x, "=", y), "good", 1)),
    "a lemma of no such number": lambda: claim(Lemma("c", "", Fact((x + 1) ** 2, "=", x**2 + 2 * x + 1), "good", 0)),
    "a refutation without a counterexample": lambda: claim(
        say("c", (x + 1) ** 2, "=", x**2 + 2 * x + 1), kind="refutation"
    ),
    # --- found by a third look: these were accepted, or rest on what was ---
    "a premise about every place is shown for one place, the value's": lambda: claim(
        say("f", x, ">=", n[r], Use("P", at=((s, r),))),
        say("c", n[s], ">=", n[r], Use("f", at=((x, n[s]),))),
        given=(suppose("P", x, ">=", n[s]),),
    ),
    "the largest member is every member": lambda: claim(
        say("f", n[t], ">=", n[r], Use("P", at=((s, r),))),
        say("c", n[s], ">=", n[r], Use("f", at=((t, s),))),
        given=(suppose("P", n[t], ">=", n[s]),),
    ),
    "an equality at every place is shown for one place": lambda: claim(
        say("f", x, "=", n[r], Use("P", at=((s, r),))),
        say("c", n[s], "=", n[r], Use("f", at=((x, n[s]),))),
        given=(suppose("P", x, "=", n[s]), suppose("Q", n[s], "=", n[s])),
    ),
    "10 < k, by a premise about the symbol that is defined": lambda: claim(
        signed("s", d, ">", 0),
        say("c", k, ">", 10, Use("D", times=-ONE), Use("s")),
        given=(suppose("P", k, ">=", 10 + d),),
        define=(let("D", d, k - 10),),
    ),
    "10 < k, by a premise about a symbol that is defined later": lambda: claim(
        signed("s", d, ">", 0),
        say("c", k, ">", 10, Use("D", times=-ONE), Use("s")),
        given=(suppose("P", k, ">=", 10 + e),),
        define=(let("D", d, k - 10), let("E", e, d / 2)),
    ),
    "a quotient by zero, defined by a premise about it": lambda: claim(
        say("c", w * x, "=", 1, Use("D", times=x)),
        given=(suppose("P", x * w, ">", 0), suppose("Q", x, ">=", w**2)),
        define=(let("D", w, 1 / x),),
    ),
    "a sum over s of another s": lambda: claim(
        say("c", sp.Sum(real("f_twin"), (index("f_twin", N), 1, N)), "=", N * real("f_twin"))
    ),
    "a sum up to one end of another end": lambda: claim(
        say("c", x * total(1 + 0 * s, index("f_over", size("f_end"))), "<", x * real("f_end"), Use("P", times=k)),
        given=(suppose("P", x * size("f_end") / k, "<", x * real("f_end") / k),),
    ),
    "a premise about 1, .., N is used for all N": lambda: claim(
        say("f", total(n[s], s), "=", N, Use("P", over=(s,))),
        Rewrite("c", "", Fact(Lim(total(n[s], s) / N, N, OO), "=", Lim(ONE + 0 * N, N, OO)), ("f",)),
        given=(suppose("P", n[s], "=", 1),),
    ),
    "a premise about one of 1, .., N is used for all N": lambda: claim(
        signed("h", n[t] / N, ">=", 0),
        say("b", n[t] / N, "<=", 1 / N, Use("P", times=1 / N)),
        Squeeze("c", "", Fact(Lim(n[t] / N, N, OO), "=", ZERO), low="h", high="b"),
        given=(suppose("P", n[t], "<=", 1),),
    ),
    "a derivative hides what the law of a draw depends on": lambda: claim(
        signed("low", 1 / beta, ">=", 0),
        signed("high", 2 / beta, ">=", 1 / beta),
        Squeeze("zero", "", Fact(Lim(1 / beta, beta, OO), "=", ZERO), low="low", high="high"),
        LimitOf(
            "c",
            "",
            Fact(Lim(1 / beta + HIDDEN, beta, OO), "=", HIDDEN),
            outer=y + HIDDEN,
            parts=((y, "zero"),),
        ),
    ),
    "a limit in what the law of free draws depends on": lambda: claim(
        signed("low", 1 / beta, ">=", 0),
        signed("high", 2 / beta, ">=", 1 / beta),
        Squeeze("zero", "", Fact(Lim(1 / beta, beta, OO), "=", ZERO), low="low", high="high"),
        LimitOf("c", "", Fact(Lim(xs[j] / beta, beta, OO), "=", ZERO), outer=y * xs[j], parts=((y, "zero"),)),
    ),
    "a sign is lost when sums are merged": lambda: claim(say("c", MERGED, "=", APART), given=ABOVE),
    "a fact whose gap is not its own": lambda: claim(Combine("c", "", Untrue(ZERO, "=", ONE + x))),
    "an expression of a kind of its own": lambda: claim(signed("c", Own(x, x), ">=", 0)),
    "a derivative at a place that is none": lambda: claim(
        Differentiate("c", "", Fact(Diff(x, x, 1 / y, ONE), "=", ONE))
    ),
    "a member of an empty range": lambda: claim(signed("c", n[member("f_nobody", ZERO)], ">", 0)),
    "a member of a range that is a mere number": lambda: claim(signed("c", n[member("f_part", k)], ">", 0)),
    "a power with a size that is 0 below": lambda: claim(
        Vanish("c", "", Fact(x, "=", ZERO), zero="P", weight=k, base=x, power=N),
        given=(suppose("P", k * x**N, "=", 0),),
    ),
    "vanish at every place, from one": lambda: claim(
        Vanish("c", "", Fact(n[s] - 1, "=", ZERO), zero="P", weight=k, base=n[t] - 1),
        given=(suppose("P", k * (n[t] - 1) ** 2, "=", 0),),
    ),
    "a size is rewritten": lambda: claim(
        Rewrite("c", "", Fact(total(n[s], s) + N, "=", sp.Sum(n[s], (s, 1, K)) + K), ("P",)),
        given=(suppose("P", N, "=", K),),
    ),
    "one draw is put for another under a mean": lambda: claim(
        say("p", X + Y, "=", Y + X + 0), Rewrite("c", "", Fact(Mean(X * Y, X, Y), "=", Mean(X * X, X)), ("p",))
    ),
    "x log x -> 0 log 0": lambda: claim(*TENDS, to_zero(l * sp.log(l), ZERO, x * sp.log(x))),
    "a limit through a jump of an array": lambda: claim(
        *TENDS,
        LimitOf("c", "", Fact(Lim(sp.ceiling(l), l, ZERO), "=", ZERO), outer=sp.ceiling(u[t]), parts=((u[s], "zero"),)),
    ),
    "limits change places, through an array": lambda: claim(
        *TENDS,
        LimitOf(
            "c",
            "",
            Fact(Lim(Lim(l / (l + k), k, ZERO), l, ZERO), "=", Lim(ZERO * k, k, ZERO)),
            outer=Lim(u[t] / (u[t] + k), k, ZERO),
            parts=((u[s], "zero"),),
        ),
    ),
    "a limit of a sum of ever more parts that tend to 0": lambda: claim(
        signed("low", 1 / N, ">=", 0),
        signed("high", 2 / N, ">=", 1 / N),
        Squeeze("zero", "", Fact(Lim(1 / N, N, OO), "=", ZERO), low="low", high="high"),
        LimitOf("c", "", Fact(Lim(total(1 / N, s), N, OO), "=", ZERO), outer=total(x, s), parts=((x, "zero"),)),
    ),
    "one lemma's definition for another": lambda: claim(
        Lemma("c", "", Fact(d, ">", ONE), "defined", 1), define=(let("D", d, k / 2),)
    ),
    "l**l -> 0**0": lambda: claim(*TENDS, to_zero(l**l, ONE, x**y, y)),
    "a limit of a sum with more and more terms": lambda: claim(
        signed("h", 1 / N, ">=", 0),
        say("low", total(n[s], s) - 1 / N, "<=", total(n[s], s), Use("h")),
        say("high", total(n[s], s), "<=", total(n[s], s) + 1 / N, Use("h")),
        Squeeze("c", "", Fact(Lim(total(n[s], s), N, OO), "=", total(n[s], s)), low="low", high="high"),
    ),
    "an integral from a root's pole at 0": lambda: claim(
        Integrate(
            "c",
            "",
            Fact(Int(sp.exp(-z) / sp.sqrt(z) / 2 - sp.sqrt(z) * sp.exp(-z), z, ZERO, OO), "=", ONE),
            antiderivative=sp.sqrt(z) * sp.exp(-z),
        )
    ),
    "an exponential that may not fall": lambda: claim(
        Integrate("c", "", Fact(Int(a * sp.exp(-a * z), z, ZERO, OO), "=", ONE), antiderivative=-sp.exp(-a * z))
    ),
    "an integral over 1 / log": lambda: claim(
        Integrate(
            "c",
            "",
            Fact(Int(1 / (z * sp.log(z) ** 2), z, HALF, OO), "=", 1 / sp.log(HALF)),
            antiderivative=-1 / sp.log(z),
        )
    ),
    "a minimum at a place that moves": lambda: claim(
        Minimum("c", "", Fact((z - c) ** 2, ">=", z - z + (z - c) ** 2 - 0), x=z, x0=z, slope=TWO)
    ),
    "a counterexample with a ragged array": lambda: witness(
        Fact(total(v[s, j], s, j), "<=", N), ONE, (N, TWO), (M, TWO), (v.label, ((TWO, ONE), (ONE,)))
    ),
    "a counterexample with a value for an index": lambda: witness(
        Fact(u[t], "<", ONE), ZERO, (M, ONE), (N, ONE), (t, ONE), (u.label, (ONE,)), (s, ONE)
    ),
    "a counterexample at a kink": lambda: witness(
        Fact(Diff(sp.Pow((x - 1) ** 2 + a, HALF), x, ONE, ONE), ">", ZERO), ZERO, (a, ZERO)
    ),
    # --- against the kernel, when it had become small ---
    "an antiderivative with a base that moves": lambda: claim(
        Integrate("c", "", Fact(Int(sp.diff(z**-z, z), z, ONE, OO), "=", ONE), antiderivative=z**-z)
    ),
    "a sum that decays at rates that may be 0": lambda: claim(
        Integrate(
            "c",
            "",
            Fact(Int(total(u[j] * sp.exp(-u[j] * z), j), z, ZERO, OO), "=", M),
            antiderivative=-total(sp.exp(-u[j] * z), j),
        )
    ),
    "a derivative in a variable that is bound": lambda: claim(
        Differentiate("c", "", Fact(Diff(Int(sp.exp(-z), z, ZERO, OO), z, c, ONE), "=", ONE))
    ),
    "the law of large numbers in another number": lambda: claim(
        *mean_steps(), LargeNumbers("c", "", Fact(Lim(total(xs[j], j) / M, N, OO), "=", MU), mean="mean")
    ),
    "a limit through what grows": lambda: through(Lim(total(xs[j], j), M, OO), MU, c * M),
    "a limit that still moves": lambda: through(Lim(total(xs[j], j) / M + 1 / M, M, OO), MU + 1 / M, c + 1 / M),
    "a limit at the edge of a logarithm": lambda: through(
        Lim(sp.log(1 + total(xs[j], j) / M - MU), M, OO), ONE, sp.log(1 + c - MU)
    ),
    "a limit of 0/0": lambda: through(
        Lim((total(xs[j], j) / M - MU) / (2 * total(xs[j], j) / M - 2 * MU), M, OO), ZERO, (c - MU) / (2 * c - 2 * MU)
    ),
    "a mean beside another draw": lambda: claim(
        *mean_steps(), LARGE, say("c", Mean(X * Y, X), "=", MU, Use("mean"), Use("lln", times=ZERO))
    ),
    "a density of another law integrates to 1": lambda: claim(
        Integrate("unit", "", Fact(Int(sp.exp(-var), var, ZERO, OO), "=", ONE), antiderivative=-sp.exp(-var)),
        MeanIs("c", "", Fact(Mean(X, X), "=", Int(var * DENSITY, var, low, OO)), unit="unit"),
    ),
}

TRUE: dict[str, Callable[[], Claim]] = {
    "merged sums keep their sign": lambda: claim(say("c", MERGED, "=", -APART), given=ABOVE),
    "a premise about every place is shown for every place": lambda: claim(
        say("f", 2 * x, ">=", 2 * n[r], Use("P", times=TWO, at=((s, r),))),
        say("c", 2 * w, ">=", 2 * n[r], Use("f", at=((x, w),))),
        given=(suppose("P", x, ">=", n[s]), suppose("W", w, ">=", n[s])),
    ),
    "an identity": lambda: claim(say("c", (x + y) ** 2, "=", x**2 + 2 * x * y + y**2)),
    "sums change places": lambda: claim(say("c", total(n[s] * v[s, j], s, j), "=", total(n[s] * total(v[s, j], j), s))),
    "a delta meets its place": lambda: claim(say("c", total(DELTA(s, t) * n[s], s), "=", n[t])),
    "an index becomes a member": lambda: claim(
        say("c", n[t], ">=", 1, Use("P", at=((s, t),))), given=(suppose("P", n[s], ">=", 1),)
    ),
    "an index becomes another": lambda: claim(
        say("c", n[s] + n[r], ">=", 2, Use("P"), Use("P", at=((s, r),))), given=(suppose("P", n[s], ">=", 1),)
    ),
    "a number becomes another": lambda: claim(
        signed("p", k + 1, ">", 0), say("c", n[s] + 1, ">", 0, Use("p", at=((k, n[s]),)))
    ),
    "an array becomes another": lambda: claim(
        signed("i", total(u[j], j) + k, ">", 0),
        say("c", total(v[s, j], j) + k, ">", 0, Use("i", at=((u[j], v[s, j]),))),
    ),
    "10 < k, where it is a premise": lambda: claim(
        signed("s", d, ">", 0),
        say("c", k, ">", 10, Use("D", times=-ONE), Use("s")),
        given=(suppose("P", k - 10, ">", 0),),
        define=(let("D", d, k - 10),),
    ),
    "a defined sum is positive": lambda: claim(
        signed("s", 1 / d, ">", 0),
        say("c", 1 / d + d, ">", total(n[s], s), Use("s"), Use("D")),
        define=(let("D", d, total(n[s], s)),),
    ),
    "signs": lambda: claim(signed("c", k * (x - y) ** 2 + a + total(n[s] * u[s], s), ">=", 0)),
    "a sign by a premise": lambda: claim(signed("c", k * x - k, ">=", 0), given=(suppose("P", x, ">=", 1),)),
    "a log above 1": lambda: claim(signed("c", sp.log(1 + k), ">", 0)),
    "powers of positive numbers": lambda: claim(say("c", (k * c) ** x, "=", k**x * c**x)),
    "squares vanish": lambda: claim(
        Vanish("c", "", Fact(y, "=", ZERO), zero="P", weight=k, base=y, rest=a),
        given=(suppose("P", k * y**2 + a, "=", 0),),
    ),
    "a rewrite": lambda: claim(
        Rewrite("c", "", Fact(Diff(x * (y + 1), x, ONE, ONE), "=", Diff(x * w, x, ONE, ONE)), ("P",)),
        given=(suppose("P", y + 1, "=", w),),
    ),
    "a derivative": lambda: claim(
        Differentiate(
            "c",
            "",
            Fact(
                Diff(total(u[j] * sp.log(1 + k * u[j] + x**2), j), x, ONE, ONE),
                "=",
                total(2 * u[j] / (2 + k * u[j]), j),
            ),
        )
    ),
    "a second derivative": lambda: claim(Differentiate("c", "", Fact(Diff(sp.log(c), c, k, TWO), "=", -1 / k**2))),
    "ln x <= x - 1": lambda: claim(Minimum("c", "", Fact(z - 1, ">=", sp.log(z)), x=z, x0=ONE, slope=1 / z)),
    "an integral": lambda: claim(Integrate("c", "", Fact(Int(z**-2, z, ONE, OO), "=", ONE), antiderivative=-1 / z)),
    "an integral from 0": lambda: claim(INNER),
    "an incomplete gamma": lambda: claim(
        Integrate(
            "c",
            "",
            Fact(Int(z**x * sp.exp(-z), z, ONE, OO), "=", sp.uppergamma(x + 1, ONE)),
            antiderivative=-sp.uppergamma(x + 1, z),
        )
    ),
    "a limit at infinity": lambda: limit_at("l", (2 * z + x) / (z + 1), z, OO, TWO, 1 / z),
    "a limit at 0": lambda: limit_at("l", (k + l) / (1 + l), l, ZERO, k, l),
    "a limit through a function": lambda: claim(
        signed("p", l, ">=", 0),
        signed("q", 2 * l, ">=", l),
        Squeeze("zero", "", Fact(Lim(l, l, ZERO), "=", ZERO), low="p", high="q"),
        LimitOf("c", "", Fact(Lim(sp.log(k + l), l, ZERO), "=", sp.log(k)), outer=sp.log(k + a), parts=((a, "zero"),)),
    ),
    "a mean": lambda: claim(*mean_steps()),
    "the law of large numbers": lambda: law_of_large_numbers(total(xs[j], j) / M, MU),
    "a limit through a function of an average": lambda: through(
        Lim(sp.log(total(xs[j], j) / M), M, OO), sp.log(MU), sp.log(c)
    ),
    "Tonelli": lambda: tonelli(Mean(1 / (X + Y), X, Y), Int(PHI**2, sig, ZERO, OO), sp.exp(-sig * X), sp.exp(-sig * Y)),
    "an average": lambda: average(Fact(3 * Mean(Y * Z / (X + Y + Z), X, Y, Z), "<=", Mean(X, X))),
    "a strict average": lambda: average(Fact(3 * Mean(Y * Z / (X + Y + Z), X, Y, Z), "<", Mean(X, X)), witness=SPREAD),
    "Gamma's recurrence": lambda: by_parts(
        GAMMA,
        x * sp.uppergamma(x, c * low) + (c * low) ** x * sp.exp(-c * low),
        -x * sp.uppergamma(x, c * var) - (c * var) ** x * sp.exp(-c * var),
    ),
    "a counterexample": lambda: witness(Fact(x, ">=", ONE), -ONE, (x, ZERO)),
    "a counterexample to a sum": lambda: witness(
        Fact(total(u[j] ** 2, j), "=", ONE), -HALF, (M, TWO), (u.label, (HALF, HALF)), given=(EVERY,)
    ),
    "a counterexample to what should hold at every index": lambda: witness(
        Fact(n[t], "<=", ONE), -ONE, (N, TWO), (t, TWO), (n.label, (ONE, TWO))
    ),
    "a lemma": lambda: claim(Lemma("c", "", Fact((x + 1) ** 2, "=", x**2 + 2 * x + 1), "good", 1)),
    "a lemma with its premise": lambda: claim(
        Lemma("c", "", Fact(x, ">=", ONE), "premised", 1), given=(suppose("P", x, ">=", ONE),)
    ),
}


def verdict(build: Callable[[], Claim]) -> tuple[str, str]:
    """The kernel's verdict; "not written" where the language refuses to write the claim down."""
    try:
        small = build()
    except ValueError as error:
        return "not written", str(error)
    report = check(small, LEMMA_LIBRARY)
    return report.verdict, "; ".join(report.problems)


def assert_refused(build: Callable[[], Claim]) -> None:
    found, reason = verdict(build)
    assert found in {"undecided", "not written"}
    assert reason


def assert_passes(build: Callable[[], Claim]) -> None:
    found, reason = verdict(build)
    assert found in {"proved", "refuted"}, reason


@pytest.mark.parametrize("name", FALSE)
def test_a_false_claim_is_refused_with_a_reason(name: str) -> None:
    assert_refused(FALSE[name])


@pytest.mark.parametrize("name", TRUE)
def test_its_true_twin_passes(name: str) -> None:
    assert_passes(TRUE[name])


def accepted_by_the_kernel(claims: dict[str, Callable[[], Claim]]) -> list[str]:
    """The kernel knows no premise: it is asked for the goals from nothing."""
    accepted = []
    for name, build in claims.items():
        try:
            small = build()
        except ValueError:
            continue
        if not kernel.check(small.steps, small.goals).problems:
            accepted.append(name)
    return accepted


def test_the_kernel_alone_accepts_nothing_that_is_false() -> None:
    assert accepted_by_the_kernel(FALSE) == [
        "a goal that says x = x",
        "a refutation without a counterexample",
    ]  # both true


def test_there_are_enough_of_them() -> None:
    assert len(FALSE) >= 80
