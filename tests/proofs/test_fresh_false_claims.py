"""False claims made after the kernel was mended, by someone who had not written it: each was accepted then.

The first are of mathematics; the others lie by what they are made of: names, types, classes that say that they equal
anything. As in ``test_false_claims.py``, a claim is refused when it is not accepted or cannot be written down.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sympy as sp

from proofs import theorems
from proofs.classical import LargeNumbers, MeanIs, Tonelli
from proofs.exact import Counterexample
from proofs.expressions import Diff, Int, Law, Lim, Mean, draw, index, masses, nonnegative, positive, real, total
from proofs.facts import Claim, Fact, Goal, Step
from proofs.kernel import checking
from proofs.kernel.context import NotShown
from proofs.kernel.language import Type, declare
from proofs.rules_algebra import Combine, Use
from proofs.rules_analysis import Differentiate, Integrate, LimitOf, Squeeze
from tests.proofs.test_false_claims import (
    DENSITY,
    MU,
    ONE,
    OO,
    PARETO,
    PHI,
    PHI_SLOPE,
    SLOPE,
    TRANSFORM,
    UNIT,
    ZERO,
    M,
    X,
    Y,
    Z,
    accepted_by_the_kernel,
    alpha,
    assert_passes,
    assert_refused,
    average,
    beta,
    c,
    claim,
    j,
    k,
    l,
    low,
    mean_steps,
    n,
    say,
    sig,
    signed,
    tonelli,
    u,
    var,
    w,
    x,
    xs,
    y,
    z,
)

SQUARE = Fact((x + 1) ** 2, "=", x**2 + 2 * x + 1)
ONLY_IF = (w**2 + w) / w  # w + 1, but where w = 0 it is nothing
MOVING = Lim(M, M, OO)  # there is no such limit
PAID = sp.exp(-sig)
PARTS = (sp.exp(-sig * X), sp.exp(-sig * Y))


def law_of_large_numbers(average: Any, value: Any) -> Claim:
    return claim(*mean_steps(), LargeNumbers("c", "", Fact(Lim(average, M, OO), "=", value), mean="mean"))


def mean_with_a_free_draw() -> tuple[Step, ...]:
    """E[X Z exp(-s Z)] over Z alone, X free."""
    integral, mean = Int(X * alpha * low**alpha * var ** (-alpha) * sp.exp(-sig * var), var, low, OO), X * PHI_SLOPE
    under = Mean(X * Z * sp.exp(-sig * Z), Z)
    return (
        MeanIs("d", "", Fact(under, "=", integral), unit="unit"),
        Integrate("i", "", Fact(integral, "=", mean), antiderivative=X * SLOPE[1].antiderivative),  # type: ignore[attr-defined]
        say("free", under, "=", mean, Use("d"), Use("i")),
    )


def hidden_scale() -> Claim:
    """E[XY/(X+Y)], by an inner integral that is 1/z because the mean of a draw is: the law does not become X + Y."""
    law = Law(var, z * sp.exp(-z * var), ZERO)
    E = draw("h_E", law)
    mean, by, inner = Mean(E, E), Int(var * law.density, var, ZERO, OO), Int(Mean(E, E) * sp.exp(-sig), sig, ZERO, OO)
    factor, scaled = X * mean * sp.exp(-sig), Int(var * mean * sp.exp(-sig) * DENSITY, var, low, OO)
    anti = -alpha * low**alpha * var ** (-beta) / beta * mean * sp.exp(-sig)
    return claim(
        *mean_steps(),
        Integrate("h0", "", Fact(Int(law.density, var, ZERO, OO), "=", ONE), antiderivative=-sp.exp(-z * var)),
        MeanIs("h1", "", Fact(mean, "=", by), unit="h0"),
        Integrate("h2", "", Fact(by, "=", 1 / z), antiderivative=-(var + 1 / z) * sp.exp(-z * var)),
        say("h3", mean, "=", 1 / z, Use("h1"), Use("h2")),
        Integrate("h4", "", Fact(inner, "=", mean), antiderivative=-mean * sp.exp(-sig)),
        say("h5", inner, "=", 1 / z, Use("h4"), Use("h3")),
        MeanIs("h6", "", Fact(Mean(factor, X), "=", scaled), unit="unit"),
        Integrate("h7", "", Fact(scaled, "=", MU * mean * sp.exp(-sig)), antiderivative=anti),
        say("h8", Mean(factor, X), "=", MU / z * PAID, Use("h6"), Use("h7"), Use("h3", times=MU * PAID)),
        Tonelli(
            "c", "", Fact(Mean(X * Y / (X + Y), X, Y), "=", Int(MU**2 / z * sp.exp(-sig), sig, ZERO, OO)),
            inner="h5", s=sig, factors=(factor, Y), means=("h8", "mean"),
        ),
    )  # fmt: skip


def diverging() -> Claim:
    """Tonelli for an inner integral that has no value, by a fact that says nothing."""
    inner = Int(z, sig, ZERO, OO)
    mean = Mean(X * Y / (X + Y) * Int(X + Y, sig, ZERO, OO), X, Y)
    rule = Tonelli(
        "c", "", Fact(mean, "=", Int(MU**2, sig, ZERO, OO)),
        inner="i", s=sig, factors=(X, Y), means=("mean", "mean"),
    )  # fmt: skip
    return claim(*mean_steps(), say("i", inner, "=", inner), rule)


def moving_law() -> Claim:
    """A law that depends on another symbol of the name beta: as it is printed, the derivative is false."""
    other = real("beta")
    D = draw("h_D", Law(var, (1 + other**2) * sp.exp(-(1 + other**2) * var), ZERO))
    return claim(Differentiate("c", "", Fact(Diff(beta * Mean(D, D), beta, c, ONE), "=", Mean(D, D))))


def many() -> tuple[Any, Any]:
    """Masses over a range that may be empty."""
    place = index("h_i", declare("h_0", Type("size", "nonnegative")))
    return n[place], place


class Agreeable(Law):
    """A law that equals every other."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = Law.__hash__


def of_any_law() -> Claim:
    law = Agreeable(var, sp.exp(-var), ZERO)
    A, B = draw("h_A", law), draw("h_B", law)
    return tonelli(
        Mean(1 / (A + B), A, B), Int(PHI**2, sig, ZERO, OO), sp.exp(-sig * A), sp.exp(-sig * B)
    )  # fmt: skip


class Silent:
    """What refuses to be looked at without giving a reason."""

    def __iter__(self) -> Iterator[Use]:
        raise NotShown("")


class Shifty(Use):
    """A use whose factor divides by zero from the fifth look on."""

    looks = 0

    def __getattribute__(self, name: str) -> Any:
        if name != "times":
            return super().__getattribute__(name)
        Shifty.looks += 1
        return ONE if Shifty.looks < 5 else -1 / (Int(z**-2, z, ONE, OO) - 1)

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = Use.__hash__


class Both(str):
    """A relation that is "=" where it is checked, and ">" where it is printed."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return other in ("=", ">")

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash("=")


class Nought(sp.Integer):  # type: ignore[misc]
    """A 0 that is printed as 1."""

    def __new__(cls) -> Any:
        made = sp.Expr.__new__(cls)
        made.p = 0
        return made

    def _sympystr(self, printer: object) -> str:
        return "1"


class Posing(type):
    """The class of a class that equals the rule Combine."""

    def __eq__(cls, other: object) -> bool:
        return other is Combine or other is cls

    def __hash__(cls) -> int:
        return hash(Combine)


class Posed(Step, metaclass=Posing):
    uses = ()


class Remembered(Combine):
    """A step that equals one that was checked."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash(Combine("c", "", SQUARE))


class AnyFact(Fact):
    """A statement that equals every other: a counterexample to it would be one to all."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = Fact.__hash__


class Mutating(tuple[Use, ...]):
    """Uses that change, when they are looked at, a fact that was checked before."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Use]:
        object.__setattr__(CHANGED, "right", ZERO)
        return super().__iter__()


CHANGED = Fact((x + 2) ** 2, "=", x**2 + 4 * x + 4)


def refuting(refuted: Fact) -> Claim:
    step = Counterexample("w", "", Fact(x - 1, "=", -ONE), values=((x, ZERO),), refuted=refuted)
    return claim(step, kind="refutation", goals=(Goal("", Fact(x**2, ">=", ZERO), "w"),))


FALSE: dict[str, Callable[[], Claim]] = {
    # --- limits, integrals and means that have no value, or not for every value of a symbol ---
    "a limit through a function that has none": lambda: claim(
        say("l", MOVING, "=", MOVING),
        LimitOf(
            "c",
            "",
            Fact(Lim(1 / (M**2 + 1), M, OO), "=", 1 / (MOVING**2 + 1)),
            outer=1 / (x**2 + 1),
            parts=((x, "l"),),
        ),
    ),
    "a limit of what is nothing at w = 0": lambda: claim(
        LimitOf("c", "", Fact(Lim((w * l + w**2 * l) / (w * l), l, ZERO), "=", 1 + w), outer=1 + w)
    ),
    "a squeezed limit of what is nothing at w = 0": lambda: claim(
        signed("p", l, ">=", 0),
        signed("q", 2 * l, ">=", l),
        Squeeze("c", "", Fact(Lim((ONLY_IF - w) * l, l, ZERO), "=", ZERO), low="p", high="q"),
    ),
    "the law of large numbers with a limit that is nothing at w = 0": lambda: law_of_large_numbers(
        total(xs[j], j) / M, MU + ONLY_IF - w - 1
    ),
    "the law of large numbers for terms that are nothing at w = 0": lambda: law_of_large_numbers(
        total(xs[j], j) / M + ONLY_IF - w - 1, MU
    ),
    "a mean as an integral of what is nothing at w = 0": lambda: claim(
        *UNIT, MeanIs("c", "", Fact(Mean(X, X), "=", Int(var * DENSITY + ONLY_IF - w - 1, var, low, OO)), unit="unit")
    ),
    "Tonelli for what is nothing at w = 0": lambda: tonelli(
        Mean((ONLY_IF - w) / (X + Y), X, Y), Int(PHI**2, sig, ZERO, OO), *PARTS
    ),
    "Tonelli with an integral of what is nothing at w = 0": lambda: tonelli(
        Mean(1 / (X + Y), X, Y), Int(PHI**2 + ONLY_IF - w - 1, sig, ZERO, OO), *PARTS
    ),
    "an average times what is nothing at w = 0": lambda: average(
        Fact(3 * Mean(Y * Z / (X + Y + Z), X, Y, Z) * (ONLY_IF - w), "<=", Mean(X, X))
    ),
    "Tonelli with an inner integral that diverges": diverging,
    # --- what depends on what ---
    "Tonelli with the square of a draw for its product with another": lambda: tonelli(
        Mean(X**2 / (X + Y), X, Y),
        Int(X * PHI_SLOPE * PHI, sig, ZERO, OO),
        X**2 * PARTS[0],
        PARTS[1],
        means=("free", "phi"),
        steps=(*UNIT, *TRANSFORM, *mean_with_a_free_draw()),
    ),
    "Tonelli with a scale that is the parameter of a law": hidden_scale,
    "a derivative in what a law depends on, under another symbol's name": moving_law,
    # --- types that are none ---
    "a law on numbers below zero": lambda: claim(
        signed("c", Mean(draw("h_below", Law(var, sp.exp(-(var + 5)), sp.Integer(-5))), X), ">", 0)
    ),
    "the mean of a draw above -5": lambda: claim(
        signed("c", Mean(*[draw("h_below", Law(var, sp.exp(-(var + 5)), sp.Integer(-5)))] * 2), ">", 0)
    ),
    "a law above a number of any sign": lambda: claim(
        signed("c", Mean(*[draw("h_any", Law(var, sp.exp(-(var - y)), y))] * 2), ">", 0)
    ),
    "a draw of no law": lambda: claim(signed("c", Mean(*[declare("h_no", Type("draw"))] * 2), ">", 0)),
    "the law of large numbers for an array of a type with a law": lambda: law_of_large_numbers(
        total(declare("h_array", Type("array", law=PARETO))[j], j) / M, MU
    ),
    "a size that may be 0": lambda: claim(signed("c", total(*many()), ">", 0)),
    # --- names ---
    "0 > 0, by a symbol of that name": lambda: claim(signed("c", positive("0"), ">", 0)),
    "the derivative of x**2 is x, by a symbol of that name": lambda: claim(
        Differentiate("c", "", Fact(Diff(x * real("1*f_x"), x, y, ONE), "=", real("1*f_x")))
    ),
    "sum_j h_j g_j = h_j sum_j g_j, by a number h_j": lambda: claim(
        say("c", total(nonnegative("h_j") * u[j], j), "=", nonnegative("h_j") * total(u[j], j))
    ),
    "one place is another, by a number and an element": lambda: claim(
        signed("c", masses("h_u", positive=True)[j] + positive("h_u_j"), ">", positive("h_u_j"))
    ),
    # --- classes of a claim's own ---
    "a law that equals every law": of_any_law,
    "uses that refuse to be looked at": lambda: claim(Combine("c", "", Fact(ZERO, "=", ONE), Silent())),  # type: ignore[arg-type]
    "a relation that is two": lambda: claim(Combine("c", "", Fact(SQUARE.left, Both(">"), SQUARE.right))),  # type: ignore[arg-type]
    "a step that equals one that was checked": lambda: claim(Remembered("c", "", Fact(x, "=", y))),
    "a counterexample to every statement": lambda: refuting(AnyFact(x, ">=", ONE)),
}

TRUE: dict[str, Callable[[], Claim]] = {
    "a limit through a function that has one": lambda: claim(
        signed("p", l, ">=", 0),
        signed("q", 2 * l, ">=", l),
        Squeeze("zero", "", Fact(Lim(l, l, ZERO), "=", ZERO), low="p", high="q"),
        LimitOf("c", "", Fact(Lim(1 / (l**2 + 1), l, ZERO), "=", ONE), outer=1 / (x**2 + 1), parts=((x, "zero"),)),
    ),
    "Tonelli, divided by a positive number": lambda: tonelli(
        Mean((k**2 + k) / k / (X + Y), X, Y),
        Int((k + 1) * PHI**2, sig, ZERO, OO),
        PARTS[0] * (k + 1),
        PARTS[1],
        means=("more", "phi"),
        steps=(*UNIT, *TRANSFORM, *more()),
    ),
    "a counterexample": lambda: claim(
        Counterexample("w", "", Fact(x - 1, "=", -ONE), values=((x, ZERO),), refuted=Fact(x, ">=", ONE)),
        kind="refutation",
    ),
}


def more() -> tuple[Step, ...]:
    """E[(k + 1) exp(-s X)]."""
    integral = Int((k + 1) * sp.exp(-sig * var) * DENSITY, var, low, OO)
    mean = Mean((k + 1) * sp.exp(-sig * X), X)
    return (
        MeanIs("more-def", "", Fact(mean, "=", integral), unit="unit"),
        Integrate(
            "more-int", "", Fact(integral, "=", (k + 1) * PHI), antiderivative=(k + 1) * TRANSFORM[1].antiderivative  # type: ignore[attr-defined]
        ),
        say("more", mean, "=", (k + 1) * PHI, Use("more-def"), Use("more-int")),
    )  # fmt: skip


@pytest.mark.parametrize("name", FALSE)
def test_a_false_claim_is_refused_with_a_reason(name: str) -> None:
    assert_refused(FALSE[name])


@pytest.mark.parametrize("name", TRUE)
def test_its_true_twin_passes(name: str) -> None:
    assert_passes(TRUE[name])


ALONE: dict[str, tuple[Step, ...]] = {
    "uses that refuse to be looked at": (Combine("c", "", Fact(ZERO, "=", ONE), Silent()),),  # type: ignore[arg-type]
    "a factor that changes when it is looked at": (
        Integrate("i", "", Fact(Int(z**-2, z, ONE, OO), "=", ONE), antiderivative=-1 / z),
        Combine("c", "", Fact(ZERO, "=", ONE), (Shifty("i"),)),
    ),
    "a fact that is changed after it was checked": (
        Combine("c", "", CHANGED),
        Combine("d", "", SQUARE, Mutating()),
    ),
    "a relation that is two": (Combine("c", "", Fact(SQUARE.left, Both(">"), SQUARE.right)),),  # type: ignore[arg-type]
    "0 = 1, by a number of a class of its own": (Combine("c", "", Fact(ZERO, "=", Nought())),),
    "a kind of step that passes as another": (Posed("c", "", SQUARE),),
}


@pytest.mark.parametrize("name", ALONE)
def test_the_kernel_itself_takes_plain_data_only(name: str) -> None:
    steps = ALONE[name]
    found = checking.check(steps, [Goal("", step.fact, "c") for step in steps if step.name == "c"])
    assert "is not of the language" in "; ".join(found.problems)
    assert not found.steps


def test_the_kernel_alone_accepts_nothing_that_is_false() -> None:
    # this one is true: what is false is how it reads
    assert accepted_by_the_kernel(FALSE) == ["sum_j h_j g_j = h_j sum_j g_j, by a number h_j"]


ATTRIBUTES = {  # of sympy, of text, and of claims, facts and steps: what reads, and what makes an expression
    "Add", "Expr", "Integer", "Rational", "ceiling", "exp", "log", "oo", "uppergamma", "function", "label", "xreplace",
    "join", "upper", "permutations", "assumptions", "density", "gap", "index", "name", "words",
}  # fmt: skip


@pytest.mark.parametrize("path", sorted(Path(theorems.__file__).parent.glob("*.py")), ids=lambda path: path.name)
def test_a_module_of_claims_has_nothing_that_could_alter_what_checks_it(path: Path) -> None:
    """It shares a process with the kernel: it may assign names, call functions by name, read these attributes."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not isinstance(node, ast.ClassDef | ast.Global | ast.Nonlocal | ast.Delete | ast.With | ast.Try)
        if isinstance(node, ast.Attribute):
            assert node.attr in ATTRIBUTES
            assert isinstance(node.ctx, ast.Load)
        if isinstance(node, ast.Subscript):
            assert isinstance(node.ctx, ast.Load)
        if isinstance(node, ast.Import):
            assert {alias.name for alias in node.names} <= {"sympy", "itertools"}
        if isinstance(node, ast.ImportFrom) and node.module != "__future__":
            assert node.level in {1, 2}
            assert not node.module.startswith("kernel")  # type: ignore[union-attr]
            assert not any(alias.name.startswith("_") for alias in node.names)
        if isinstance(node, ast.Name):
            assert not node.id.startswith("_") or node.id in {"__all__", "_"}, node.id
            assert node.id not in {"setattr", "delattr", "getattr", "object", "type", "vars", "globals", "exec", "eval"}
