"""The theorems that Coq checks: the table of claims, the files, and what all proofs rest on."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COQ = ROOT / "proofs" / "coq"
TABLE = json.loads((COQ / "claims.json").read_text())
SOURCES = sorted(path.name for path in COQ.glob("*.v"))
# Words that would let a file pass without a proof; looked for in comments too, so that a search by hand finds nothing.
FORBIDDEN = re.compile(
    "Admit" + "ted|adm" + "it|Axi" + "om|Parame" + "ter|Conjec" + "ture|bypass_" + "check|type-in-" + "type"
)


# Counterexamples and identities without a premise: nothing to be met.
WITHOUT_PREMISES = {
    "code-length-not-equality",
    "elasticity-paper-fixed-roles",
    "elasticity-alignment-concave",
    "hooke-reverse-not-conserved",
    "hooke-all-equal",
    "parametric-rebound-need-not-slow",
    "parametric-sign-may-turn-back",
    "logit-own-rate",
    "logit-criterion",
    "logit-against-mixture",
    "logit-alignment-need-not-return",
    "logit-return-need-not-start-at-once",
    "logit-share-may-exceed",
}


@cache
def text(name: str) -> str:
    return (COQ / name).read_text()


def theorems(name: str) -> set[str]:
    return set(re.findall(r"^(?:Theorem|Corollary) (\w+)", text(name), re.MULTILINE))


def listed() -> dict[str, str]:
    """Every theorem that the table names, with its file."""
    names = {}
    for claim in TABLE["claims"].values():
        names |= {claim["theorem"]: claim["file"]} | claim.get("also", {})
    return names


@pytest.mark.parametrize("claim", TABLE["claims"])
def test_theorem_is_named_as_its_claim_and_stands_in_its_file(claim: str) -> None:
    entry = TABLE["claims"][claim]
    assert entry["theorem"] == claim.replace("-", "_")
    assert entry["theorem"] in theorems(entry["file"])
    for also, file in entry.get("also", {}).items():
        assert also.startswith(entry["theorem"] + "_")
        assert also in theorems(file)


def test_every_claim_of_the_ledger_is_in_the_table_once() -> None:
    ledger = json.loads((ROOT / "proofs" / "ledger.json").read_text())["verdicts"]
    assert not TABLE["claims"].keys() & TABLE["not_in_coq"].keys()
    assert ledger.keys() <= TABLE["claims"].keys() | TABLE["not_in_coq"].keys()
    assert len(TABLE["claims"]) >= 55


def test_every_theorem_of_a_file_with_claims_is_in_the_table() -> None:
    names = listed()
    for source in set(names.values()):
        assert theorems(source) <= {name for name, file in names.items() if file == source}


def test_every_claim_is_stated_afresh_and_closed_by_its_theorem() -> None:
    statements = text("Statements.v")
    for claim in TABLE["claims"]:
        assert re.search(rf"^\(\*.*(?<![\w-]){claim}(?![\w-])", statements, re.MULTILINE), claim
    for theorem, file in listed().items():
        assert re.search(rf"^Theorem {theorem} :", statements, re.MULTILINE), theorem
        assert f"Proof. exact {file[:-2]}.{theorem}. Qed." in statements, theorem
    # nothing but the sums of Base.v stands between a reader and Coq's own symbols: no other file is opened
    opened = re.findall(r"^From Compresslab Require Import (.*)\.$", statements, re.MULTILINE)
    assert opened == ["Base"]
    own = set(re.findall(r"^(?:Definition|Fixpoint) (\w+)", text("Base.v"), re.MULTILINE)) - {"Sum"}
    goals = re.sub(r"Proof\..*", "", re.sub(r"\(\*.*?\*\)", "", statements, flags=re.DOTALL))
    assert not own & set(re.findall(r"\w+", goals))


def test_premises_of_every_claim_are_met_by_a_model() -> None:
    models = set(re.findall(r"^(?:Definition|Lemma) (\w+)_model\b", text("Models.v"), re.MULTILINE))
    assert {claim.replace("-", "_") for claim in TABLE["claims"].keys() - WITHOUT_PREMISES} <= models
    assert not {claim.replace("-", "_") for claim in WITHOUT_PREMISES} & models


def test_header_of_a_file_names_its_claims() -> None:
    for claim, entry in TABLE["claims"].items():
        header = text(entry["file"]).split("*)")[0]
        assert re.search(rf"(?<![\w-]){claim}(?![\w-])", header), (claim, entry["file"])
        assert "docs/theory.md" in header or "docs/format.md" in header


def test_project_lists_every_file_after_those_it_needs() -> None:
    listed_files = re.findall(r"^(\w+\.v)$", text("_CoqProject"), re.MULTILINE)
    assert sorted(listed_files) == SOURCES
    for position, name in enumerate(listed_files):
        for line in re.findall(r"^From Compresslab Require Import (.*)\.$", text(name), re.MULTILINE):
            assert {f"{needed}.v" for needed in line.split()} <= set(listed_files[:position]), name


def test_no_file_holds_a_word_that_stands_for_a_missing_proof() -> None:
    written = list(COQ.iterdir())
    assert len(written) > 20
    assert {path.suffix for path in written} == {
        ".v",
        ".md",
        ".json",
        ".sh",
        ".txt",
        "",
    }  # what is compiled lies in build/coq
    for path in written:
        assert not FORBIDDEN.search(path.read_text()), path.name


def test_assumptions_are_the_four_of_the_real_numbers() -> None:
    names = [line.rsplit(".", 1)[1] for line in text("assumptions.txt").splitlines()]
    assert names == ["classic", "functional_extensionality_dep", "sig_forall_dec", "sig_not_dec"]


needs_coq = pytest.mark.skipif(
    shutil.which("coqc") is None or shutil.which("coqchk") is None,
    reason="Coq was not found (apt-get install coq libcoq-coquelicot)",
)


@needs_coq
@pytest.mark.slow
def test_all_files_compile_and_rest_on_four_assumptions() -> None:
    done = subprocess.run(["make", "-s", "coq-check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rest on the four assumptions" in done.stdout


@needs_coq
@pytest.mark.slow
def test_check_refuses_one_more_assumption(tmp_path: Path) -> None:
    for name in ("check.sh", "assumptions.txt"):
        shutil.copy(COQ / name, tmp_path)
    (tmp_path / "_CoqProject").write_text("-Q . Compresslab\nExtra.v\n")
    (tmp_path / "Extra.v").write_text(
        "Ax" + "iom free : False.\nLemma all (P : Prop) : P. Proof. destruct free. Qed.\n"
    )
    subprocess.run(["coqc", "-q", "-Q", ".", "Compresslab", "Extra.v"], cwd=tmp_path, check=True)
    done = subprocess.run(["./check.sh", "."], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Compresslab.Extra.free" in done.stdout
