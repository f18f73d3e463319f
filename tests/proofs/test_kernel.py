"""The kernel refuses what does not follow; its normal form agrees with numbers."""

from __future__ import annotations

import ast
import random
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sympy as sp

from proofs import kernel
from proofs.algebra import is_zero, normal
from proofs.checked import not_in_coq
from proofs.derivation import check, decided_alone
from proofs.exact import evaluate, exact_sign, huffman_length
from proofs.expressions import Diff, Int, index, masses, member, nonnegative, positive, real, size, substitute, total
from proofs.facts import Assume, Claim, Define, Fact, Goal, Step
from proofs.kernel import checking
from proofs.kernel.algebra import PLAIN
from proofs.kernel.signs import SIGNS
from proofs.registry import all_claims
from proofs.rules_algebra import Combine, Rewrite, Signed, Use, Vanish
from proofs.rules_analysis import Differentiate, Integrate, Minimum
from proofs.signs import sign
from proofs.theorems import elasticity_ratio
from proofs.vocabulary import M, N, j, p, s, t

ZERO, ONE = sp.Integer(0), sp.Integer(1)
x, y = real("x y")
a, b = nonnegative("a b")
k = positive("k")


def verdict(
    *steps: Step, assumptions: tuple[Assume, ...] = (), definitions: tuple[Define, ...] = ()
) -> tuple[str, str]:
    """Check a small claim whose goal is its last step."""
    claim = Claim(
        "small", "", "", (), "", "identity", "", assumptions, definitions, steps,
        (Goal("", steps[-1].fact, steps[-1].name, tuple(c.name for c in assumptions if c.case)),),
    )  # fmt: skip
    report = check(claim)
    return report.verdict, "; ".join(report.problems)


def refused(*steps: Step, match: str, **given: Any) -> None:
    found, problems = verdict(*steps, **given)
    assert found == "undecided"
    assert match in problems, problems


def test_an_identity_is_proved_and_a_false_one_is_not() -> None:
    assert verdict(Combine("c", "", Fact((x + y) ** 2, "=", x**2 + 2 * x * y + y**2)))[0] == "proved"
    refused(Combine("c", "", Fact((x + y) ** 2, "=", x**2 + y**2)), match="there remains 2*x*y")


def test_an_inequality_takes_no_negative_factor() -> None:
    premise = Assume("P", "", Fact(x, ">=", y))
    good = Combine("c", "", Fact(k * x, ">=", k * y), (Use("P", times=k),))
    assert verdict(good, assumptions=(premise,))[0] == "proved"
    bad = Combine("c", "", Fact(-x, ">=", -y), (Use("P", times=-ONE),))
    refused(bad, match="is not known to be >= 0", assumptions=(premise,))


def test_equality_does_not_follow_from_inequality() -> None:
    premise = Assume("P", "", Fact(x, ">=", y))
    refused(
        Combine("c", "", Fact(x, "=", y), (Use("P"),)), match="cannot rest on the inequality", assumptions=(premise,)
    )


def test_strictness_is_stated_as_it_was_shown() -> None:
    premise = Assume("P", "", Fact(x, ">", y))
    refused(Combine("c", "", Fact(x, ">=", y), (Use("P"),)), match="state what was shown", assumptions=(premise,))
    weak = Assume("P", "", Fact(x, ">=", y))
    refused(Combine("c", "", Fact(x, ">", y), (Use("P"),)), match="state what was shown", assumptions=(weak,))


def test_a_denominator_that_may_vanish_is_refused() -> None:
    refused(Combine("c", "", Fact(k / x + 0 * y, "=", k * x / x**2)), match="not known to be different from zero")
    refused(Combine("c", "", Fact(sp.log(a) * 2, "=", sp.log(a) + sp.log(a))), match="not known to be positive")


def test_a_premise_s_variable_is_not_generic() -> None:
    premise = Assume("P", "", Fact(x, ">=", ONE))
    step = Combine("c", "", Fact(y, ">=", ONE), (Use("P", at=((x, y),)),))
    refused(step, match="is not shown for the values given", assumptions=(premise,))


def test_an_instance_respects_signs() -> None:
    square = Signed("s", "", Fact(k + 1, ">", ZERO), k + 1)
    refused(
        square,
        Combine("c", "", Fact(x + 1, ">", ZERO), (Use("s", at=((k, x),)),)),
        match="stands for a positive number",
    )


def test_an_index_stands_for_every_place_and_a_member_for_one() -> None:
    every = Assume("every", "", Fact(total(p[s, j], j), "=", ONE))
    one = Combine("c", "", Fact(total(p[t, j], j), "=", ONE), (Use("every", at=((s, t),)),))
    assert verdict(one, assumptions=(every,))[0] == "proved"
    single = Assume("single", "", Fact(total(p[t, j], j), "=", ONE))
    refused(
        Combine("c", "", Fact(total(p[s, j], j), "=", ONE), (Use("single", at=((t, s),)),)),
        match="is not shown for the values given",
        assumptions=(single,),
    )
    other = member("elsewhere", size("K_other"))
    refused(
        Combine("c", "", Fact(total(p[other, j], j), "=", ONE), (Use("every", at=((s, other),)),)),
        match="may only become another index of the same range",
        assumptions=(every,),
    )


def test_substitution_never_captures() -> None:
    with pytest.raises(ValueError, match="captured"):
        substitute(total(p[s, j] * x, j), {x: p[s, j]})
    with pytest.raises(ValueError, match="bound symbol"):
        substitute(total(p[s, j], j), {j: s})


def test_equals_are_not_put_for_equals_that_depend_on_the_bound_variable() -> None:
    premise = Assume("P", "", Fact(x, "=", y))
    step = Rewrite("c", "", Fact(Diff(x**2, x, ONE, ONE), "=", Diff(y**2, x, ONE, ONE)), ("P",))
    refused(step, match="is not generic", assumptions=(premise,))


def test_derivatives_and_integrals_are_recomputed() -> None:
    assert verdict(Differentiate("d", "", Fact(Diff(x**3, x, y, ONE), "=", 3 * y**2)))[0] == "proved"
    refused(Differentiate("d", "", Fact(Diff(x**3, x, y, ONE), "=", 2 * y**2)), match="the derivative is 3*y**2")
    z = positive("z")
    good = Integrate("i", "", Fact(Int(z**-2, z, ONE, sp.oo), "=", ONE), antiderivative=-1 / z)
    assert verdict(good)[0] == "proved"
    refused(replace(good, fact=Fact(good.fact.left, "=", 2 * ONE)), match="the antiderivative goes from -1 to 0")
    refused(replace(good, antiderivative=1 - 1 / z), match="vanishes at infinity")


def test_a_minimum_needs_its_slope() -> None:
    z = positive("z")
    good = Minimum("m", "", Fact(z - 1, ">=", sp.log(z)), x=z, x0=ONE, slope=1 / z)
    assert verdict(good)[0] == "proved"
    refused(replace(good, fact=Fact(sp.log(z), ">=", z - 1), slope=-1 / z), match="is not known to be >= 0")


def test_a_sum_vanishes_term_by_term_only_with_signs() -> None:
    premise = Assume("zero", "", Fact(k * x**2 + a, "=", ZERO), case=True)
    good = Vanish("v", "", Fact(x, "=", ZERO), zero="zero", weight=k, base=x, power=2, rest=a)
    assert verdict(good, assumptions=(premise,))[0] == "proved"
    loose = replace(premise, fact=Fact(k * x**2 + y, "=", ZERO))
    refused(replace(good, rest=y), match="is not known to be >= 0", assumptions=(loose,))


def test_what_is_idle_circular_or_named_twice_is_refused() -> None:
    identity = Combine("c", "", Fact(x * (x + 1), "=", x**2 + x))
    refused(replace(identity, name="idle"), identity, match="'idle' is idle")
    refused(identity, identity, match="is used twice")
    refused(identity, definitions=(Define("d", "", Fact(k, "=", k + 1)),), match="circular")
    refused(Combine("c", "", Fact(x, "=", y), (Use("c"),)), match="no earlier fact")


def test_a_goal_rests_on_no_case_that_it_does_not_name() -> None:
    claim = all_claims()["elasticity-finite-size"]
    goal = replace(claim.goals[1], given=())
    report = check(replace(claim, goals=(claim.goals[0], goal)), all_claims())
    assert "goal 2 rests on ['small']" in "; ".join(report.problems)


def test_minus_k_replaced_by_k_is_not_proved() -> None:
    claim = all_claims()["elasticity-ratio"]
    wrong = Fact(
        elasticity_ratio.SLOPE_A, "=", k * elasticity_ratio.SLOPE_P - elasticity_ratio.l * elasticity_ratio.SLOPE_T
    )
    steps = tuple(replace(step, fact=wrong) if step.name == "balance" else step for step in claim.steps)
    assert check(replace(claim, steps=steps, goals=(Goal("", wrong, "balance"),))).verdict == "undecided"


def test_a_lemma_must_be_proved_and_its_premises_must_hold_here() -> None:
    claims = dict(all_claims())
    claims["elasticity-finite-size"] = claims["elasticity-finite-size"].without("align-leaf")
    assert check(claims["elasticity-paper"], claims).verdict == "undecided"
    assert "no other claim" in "; ".join(check(claims["elasticity-paper"]).problems)
    fewer = all_claims()["elasticity-exchangeable"].without("leaf")
    assert "is no premise here" in "; ".join(check(fewer, all_claims()).problems)


def test_the_normal_form_agrees_with_numbers() -> None:
    rng = random.Random(0)
    q, i2 = masses("q"), index("i2", N)
    n = masses("n", positive=True)
    pieces = [
        total(n[s] * p[s, j] / (1 + q[j]), s, j) * total(q[j], j),
        total(total(p[s, j], s) ** 2 * q[j], j) - total(p[s, j] * p[i2, j] * q[j], s, i2, j),
        total((q[j] - x) ** 3 / n[t], j) + sp.log(n[t] * (1 + a) / 6),
        total(sp.KroneckerDelta(s, t) * n[s] * (p[s, j] - q[j]), s, j) - (x + 2 * a) ** -2,
    ]
    for _ in range(5):
        values = {
            N: sp.Integer(3), M: sp.Integer(2), t: sp.Integer(rng.randint(1, 3)),
            x: sp.Rational(rng.randint(1, 9), 7), a: sp.Rational(rng.randint(1, 9), 5),
            p.label: tuple(tuple(sp.Rational(rng.randint(0, 5), 3) for _ in range(2)) for _ in range(3)),
            q.label: tuple(sp.Rational(rng.randint(0, 5), 3) for _ in range(2)),
            n.label: tuple(sp.Rational(rng.randint(1, 5), 3) for _ in range(3)),
        }  # fmt: skip
        for piece in pieces:
            difference = sp.N(evaluate(piece, values) - evaluate(normal(piece), values), 30)
            assert abs(difference) < 1e-25
    assert is_zero(pieces[1])
    assert not any(is_zero(piece) for piece in (pieces[0], pieces[2], pieces[3]))


def test_the_kernel_s_own_normal_form_and_signs() -> None:
    q, z = masses("q"), nonnegative("a")
    assert PLAIN.vanishes(total(x * p[s, j] + q[j], j) - x * total(p[s, j], j) - total(q[j], j))
    assert PLAIN.vanishes(k / (1 + k**2) + 1 / (k + k**3) - 1 / k)
    assert not PLAIN.vanishes(total(q[j] ** 2, j) - total(q[j], j) ** 2)
    assert [SIGNS.of(e) for e in ((x - y) ** 2 + k, (x - y) ** 2, x - y, z, -z)] == [True, False, None, False, None]


def test_a_delta_is_contracted_within_its_range_only() -> None:
    other = member("far", size("K_far"))
    assert is_zero(total(sp.KroneckerDelta(s, t) * p[s, j], s) - p[t, j])
    assert not is_zero(total(sp.KroneckerDelta(s, other) * p[s, j], s) - p[other, j])


def test_signs_are_seen_and_say_by_what() -> None:
    assert sign(k * (x - y) ** 2 + a) is not None
    assert sign(x) is None
    assert sign(-a) is None
    found = sign(1 - 2 * a, (("half", Fact(a, "<=", sp.Rational(1, 2))),))
    assert found is not None
    assert found.by == {"half"}


def test_exact_signs_do_not_round() -> None:
    assert exact_sign(sp.log(2**60 + 1) - sp.log(2**60)) == 1
    assert exact_sign(sp.log(2) / 3 - sp.log(4) / 6) == 0
    assert huffman_length([sp.Rational(1, 4)] * 4) == 2


KERNEL = Path(kernel.__file__).parent


def test_the_kernel_imports_nothing_but_itself_and_sympy() -> None:
    allowed = {"sympy", *sys.stdlib_module_names}
    for path in KERNEL.rglob("*"):
        if path.suffix == ".py":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    inside = [node.module] if node.module else [alias.name for alias in node.names]
                    assert node.level <= 1, path
                    assert node.level == 0 or all((KERNEL / f"{name}.py").is_file() for name in inside), path
                    names = [] if node.level else inside
                assert {name.partition(".")[0] for name in names} <= allowed, path
                assert not (isinstance(node, ast.Name) and node.id in {"__import__", "exec", "eval"}), path
                assert not (isinstance(node, ast.Name) and node.id == "importlib"), path
        else:
            assert path.is_dir() or path.suffix == ".pyc", path


def test_no_verdict_rests_on_decimals_or_on_sympy_s_signs() -> None:
    names = ["checking", "algebra", "signs", "classical", "analysis", "language", "linear"]
    paths = {*KERNEL.glob("*.py"), *(KERNEL.parent / f"{name}.py" for name in WIDER)}
    assert {KERNEL / f"{name}.py" for name in names} <= paths
    files = {path: path.read_text(encoding="utf-8") for path in paths}
    banned = (
        r"evalf|\.is_(positive|negative|nonnegative|nonpositive|real|zero)\b|\bfloat\b|sp\.(N|limit|solve|simplify)\b"
    )
    assert {name: re.findall(banned, text) for name, text in files.items() if re.search(banned, text)} == {}


WIDER = ("derivation", "context", "algebra", "signs", "rules_algebra", "rules_analysis", "classical", "exact")


def test_the_kernel_is_at_most_1200_lines() -> None:
    texts = [path.read_text(encoding="utf-8") for path in KERNEL.glob("*.py")]
    assert sum(text.count("\n") for text in texts) <= 1200
    assert max(len(line) for text in texts for line in text.splitlines()) <= 120


def test_what_coq_does_not_check_the_kernel_decides_alone() -> None:
    claims = all_claims()
    for name in not_in_coq():
        claim = claims[name]
        if claim.kind == "hypothesis":
            assert not claim.goals
            continue
        assert not checking.check(claim.steps, claim.goals).problems, name
        report = check(claim, claims)
        assert report.alone, name
        assert not (*claim.assumptions, *claim.definitions), name
    alone = {name for name, claim in claims.items() if decided_alone(claim)}
    assert alone == {"pareto-entropy", "pareto-overlap"} <= set(not_in_coq())


def test_an_index_has_one_range() -> None:
    with pytest.raises(ValueError, match="choose another name"):
        index("j", size("K_range"))
