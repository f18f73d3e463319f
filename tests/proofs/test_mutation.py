"""A proof from which anything is deleted, or in which any expression is changed, is not proved."""

from __future__ import annotations

import os

import pytest

from proofs.derivation import check
from proofs.registry import all_claims
from tests.proofs.durations import by_length
from tests.proofs.mutations import alterations, deletions, goals_altered

CLAIMS = {name: claim for name, claim in all_claims().items() if claim.kind not in {"open", "hypothesis"}}


# These claims' mutants take longest: those of the others are tried by `make test`.
LONGEST = {
    "elasticity-any-number",
    "elasticity-any-number-equality",
    "elasticity-exchangeable",
    "elasticity-finite-size",
    "elasticity-fixed-roles",
    "elasticity-paper",
    "elasticity-ratio-limit",
    "elasticity-rebound-slows",
    "elasticity-separate-iid-reversed",
    "own-rate-falls",
    "pareto-overlap",
}


@pytest.mark.parametrize("name", by_length(CLAIMS, LONGEST))
def test_a_deleted_part_is_missed(name: str) -> None:
    claim = CLAIMS[name]
    survivors = [what for what, mutant in deletions(claim) if check(mutant, CLAIMS, stop=True).verdict != "undecided"]
    assert not survivors


LONG = {
    "elasticity-any-number",
    "elasticity-any-number-equality",
    "elasticity-finite-size",
    "elasticity-separate-iid-reversed",
    "elasticity-alignment-concave",
}
FEW, MANY = 15, 120


@pytest.mark.parametrize(
    ("name", "about"),
    [
        pytest.param(name, about, marks=pytest.mark.slow if name in LONG | LONGEST or about > FEW else ())
        for name in CLAIMS
        for about in ((MANY,) if name in LONG else (FEW, MANY))
    ],
)
def test_an_altered_step_is_not_proved(name: str, about: int) -> None:
    mutants = list(alterations(CLAIMS[name]))
    assert len(mutants) > len(CLAIMS[name].steps)
    if "COMPRESSLAB_ALL_MUTANTS" not in os.environ:  # all of them take minutes; every so manieth, a fixed choice
        mutants = mutants[:: 1 + len(mutants) // about]
    survivors = [what for what, mutant in mutants if check(mutant, CLAIMS, stop=True).verdict != "undecided"]
    assert not survivors


PROVED = [name for name, claim in CLAIMS.items() if claim.kind != "refutation"]


@pytest.mark.parametrize(
    "name", by_length(PROVED, LONGEST)
)  # a counterexample refutes its statement, and many a stronger one
def test_a_wrong_variant_of_the_theorem_is_not_proved(name: str) -> None:
    claim = CLAIMS[name]
    survivors = [
        what for what, mutant in goals_altered(claim) if check(mutant, CLAIMS, stop=True).verdict != "undecided"
    ]
    assert not survivors
