"""The tie: the kernel's goals printed for Coq. What is printed, what is not, and that Coq sees a goal that drifts."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import sympy as sp

from compresslab.errors import UnreadableFile
from proofs import tie
from proofs.coqtext import NotPrinted, goal_text, name_of, text
from proofs.expressions import Diff, index, masses, member, positive, real, size, total
from proofs.facts import Claim, Fact, Goal
from proofs.registry import all_claims

ROOT = Path(__file__).parents[2]
TABLE = json.loads((ROOT / "proofs" / "coq" / "claims.json").read_text())["claims"]
CLAIMS = all_claims()
# All that a printed statement may hold beside its own names: Coq's logic, reals and lists of binders, and Base.v's sum.
WORDS = {
    "forall", "nat", "R", "fun", "Derive", "Derive_n", "if", "then", "else", "Nat", "eqb", "INR", "ln", "exp", "Σ",
    "filterlim", "at_right", "locally", "Rbar_locally", "p_infty",
}  # fmt: skip


def test_every_claim_that_both_have_is_tied_or_named_with_a_reason() -> None:
    tied, others = tie.ties(), tie.not_tied()
    assert tied.keys() | others.keys() == CLAIMS.keys() & TABLE.keys()
    assert not tied.keys() & others.keys()
    assert (len(tied), len(others)) == (36, 7)
    assert all(len(reason) > 5 for reason in others.values())


@pytest.mark.parametrize("name", tie.ties())
def test_every_goal_of_a_tied_claim_is_printed_and_closed_by_a_theorem_of_the_library(name: str) -> None:
    how, known = tie.ties()[name], {t for entry in TABLE.values() for t in (entry["theorem"], *entry.get("also", ()))}
    assert len(how.goals) == len(CLAIMS[name].goals)
    assert how.by.split()[0] in known
    shown = tie.printed(CLAIMS[name], how)
    assert shown.count("Theorem ") == shown.count(" Qed.") == len(how.goals)
    for number, line in enumerate(how.goals):
        used = set(re.findall(r"\w+", how.tactic(number)))
        assert used & known, line


@pytest.mark.parametrize("name", tie.ties())
def test_a_printed_statement_holds_nothing_but_sums_logarithms_derivatives_and_limits(name: str) -> None:
    for goal in CLAIMS[name].goals:
        said = goal_text(CLAIMS[name], goal)
        bound = set(re.findall(r"(?:\(|fun |Σ )([\w']+) (?::|=>|<)", said)) | set(re.findall(r"x\d", said))
        for names in re.findall(r"forall ([\w' ]+) : nat", said):
            bound |= set(names.split())
        assert set(re.findall(r"[^\W\d][\w']*", said)) <= WORDS | bound, said


def test_the_words_of_a_printed_statement_mean_what_coq_means_by_them() -> None:
    files = {name: (tie.COQ / f"{name}.v").read_text() for name in ("Base", "Statements", "Tie")}
    assert set(re.findall(r"^From Compresslab Require Import (.*)\.$", tie._HEAD, re.MULTILINE)) == {" ".join(files)}
    for name, written in files.items():
        for line in re.findall(r"(?<!Tactic )(?:Notation|Infix|Coercion|Canonical|Reserved|Declare|Bind) .*", written):
            assert (name, line.split(" :=")[0]) == ("Base", "Notation \"'Σ' j < n , e\""), line
        defined = re.findall(
            r"(?:Definition|Fixpoint|Lemma|Theorem|Corollary|Inductive|Ltac|Let|Instance) ([\w']+)", written
        )
        assert not set(defined) & WORDS, name
        assert not re.search(r"^(?:#\[|Unset|Set |Module|Export|Require Export)", written, re.MULTILINE), name


def test_premises_and_types_are_printed_from_the_formal_objects() -> None:
    claim = CLAIMS["elasticity-ratio"]
    said = goal_text(claim, claim.goals[0])
    assert "(type_k : 0 < k)" in said
    assert "(type_p_a : forall x1 : nat, (x1 < M)%nat -> 0 <= p_a x1)" in said
    assert sum(line.strip().startswith("(so_") for line in said.splitlines()) == len(claim.assumptions)
    fewer = claim.without(claim.assumptions[0].name)
    assert goal_text(fewer, claim.goals[0]) != said


def test_definitions_are_written_out_and_refuted_goals_are_denied() -> None:
    law = CLAIMS["conservation-law"]
    assert not re.search(r"\bQ\b|\bW\b", goal_text(law, law.goals[0]))
    false = CLAIMS["hooke-all-equal"]
    assert goal_text(false, false.goals[0]).startswith("~ (forall ")


def test_a_goal_that_says_nothing_once_definitions_are_written_out_is_not_printed() -> None:
    law = CLAIMS["conservation-law"]
    (volume, *_) = [d.fact for d in law.definitions]
    empty = dataclasses.replace(law.goals[0], fact=volume)
    with pytest.raises(NotPrinted, match="is itself"):
        goal_text(law, empty)


def test_terms() -> None:
    N, x, e = size("N"), positive("c"), real("epsilon")
    s, t, n = index("s", N), member("t", N), masses("n", positive=True)
    assert text(total(n[s], s) ** -2) == "/ ((Σ s < N, n s) ^ 2)"
    assert text(-x / 2) == "(- ((1 / 2) * c))"
    assert text(N - 1) == "((-1) + INR N)"
    assert text(Diff(e * n[t], e, x, 2)) == "(Derive_n (fun epsilon => (epsilon * n t)) 2 c)"
    assert name_of(positive("R'")) == "R'"


@pytest.mark.parametrize("word", ["p_infty", "INR", "Derive", "x1", "type_k", "so_leaf", "match", "at_right"])
def test_no_symbol_has_a_name_that_the_statement_needs(word: str) -> None:
    assert name_of(real(word)) == f"{word}_"


def small(fact: Fact) -> Claim:
    return dataclasses.replace(CLAIMS["conservation-law"], assumptions=(), definitions=(), goals=(Goal("", fact, ""),))


def test_symbols_that_would_be_one_in_coq_are_not_printed() -> None:
    places, others = index("c_s.a", size("c_N")), index("c_s_a", size("c_N"))
    u = masses("c_u")
    for fact in (
        Fact(real("c.z"), "=", real("c_z")),
        Fact(real("E"), "=", real("E_")),
        Fact(real("c.u") + 0 * positive("c"), "=", u[places]),
        Fact(total(total(u[places] * u[others], places), others), ">=", sp.Integer(0)),
        Fact(total(u[index("c_i", size("c.N"))], index("c_i", size("c.N"))), "=", real("c_N")),
    ):
        with pytest.raises(NotPrinted, match="would both be"):
            goal_text(small(fact), small(fact).goals[0])
    fine = small(Fact(real("c.z"), "=", u[places]))
    assert goal_text(fine, fine.goals[0]).startswith("forall (c_N : nat) (c_u : nat -> R) (c_z : R)")


@pytest.mark.parametrize(
    "line",
    [
        "Abort. Theorem other : True. Proof. exact I.",
        "Admitted.\nLemma other : True. exact I.",
        "exact I (* .",
        "*) exact I.",
        'idtac ".',
    ],
)
def test_a_goal_is_not_left_for_another(line: str) -> None:
    with pytest.raises(ValueError, match="one sentence"):
        tie.Tie("law", (line,)).tactic(0)


@pytest.mark.parametrize("name", ["pareto-entropy", "pareto-overlap", "code-length-not-equality"])
def test_what_has_no_form_in_coq_is_refused(name: str) -> None:
    for goal in CLAIMS[name].goals[:1]:
        with pytest.raises(NotPrinted):
            goal_text(CLAIMS[name], goal)


def test_files_are_left_alone_where_nothing_changed(tmp_path: Path) -> None:
    paths = tie.write(tmp_path, CLAIMS)
    before = [path.stat().st_mtime_ns for path in paths]
    assert tie.write(tmp_path, CLAIMS) == paths
    assert [path.stat().st_mtime_ns for path in paths] == before
    theorems = "".join(path.read_text() for path in paths).count("\nTheorem ")
    assert theorems == sum(len(CLAIMS[name].goals) for name in tie.ties())


def test_an_installed_package_says_that_coq_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tie, "COQ", tmp_path)
    tie._table.cache_clear()
    with pytest.raises(UnreadableFile, match="checkout"):
        tie.ties()
    tie._table.cache_clear()


def doubled(claim: Claim) -> Claim:
    """``dγ_a/dl = -k dγ_p/dl - l dγ_t/dl`` with -2k in place of -k."""
    fact = claim.goals[0].fact
    (term,) = (term for term in fact.right.args if positive("k") in term.args)
    goal = dataclasses.replace(claim.goals[0], fact=Fact(fact.left, fact.relation, fact.right + term))
    return dataclasses.replace(claim, goals=(goal,))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("coqc") is None, reason="Coq was not found (apt-get install coq libcoq-coquelicot)")
def test_a_goal_that_drifts_no_longer_compiles(tmp_path: Path) -> None:
    subprocess.run(["make", "-s", "coq"], cwd=ROOT, check=True, capture_output=True)
    claim, how = CLAIMS["elasticity-ratio"], tie.ties()["elasticity-ratio"]
    for number, (said, works) in enumerate(((claim, True), (doubled(claim), False))):
        file = tmp_path / f"Drift{number}.v"
        file.write_text(tie._HEAD + tie.printed(said, how))
        done = subprocess.run(
            ["coqc", "-q", "-w", "none", "-Q", str(ROOT / "build" / "coq"), "Compresslab", str(file)],
            cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert (done.returncode == 0) is works, done.stderr
