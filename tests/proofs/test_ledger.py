"""The ledger: verdicts, record, command, printed proofs, JSON, docs page, LaTeX."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import sympy as sp

from compresslab.errors import UnknownName
from proofs import ledger, mathtext, statement
from proofs.__main__ import main
from proofs.checked import checker, in_coq, is_tied, not_in_coq, theorem_text
from proofs.coq_claims import coq_claims
from proofs.derivation import Report, check
from proofs.expressions import Law, Mean, draw, draws, index, positive, size
from proofs.facts import Claim
from proofs.narrate import narrate
from proofs.registry import all_claims, collect
from proofs.tex import document
from proofs.theorem_page import theorems

ROOT = Path(__file__).parents[2]
EXPECTED = {  # what theory.md predicts; a refutation's statement is the false one
    "prune-mix-commute": "proved",
    "code-length-bounds": "proved",
    "code-length-not-equality": "refuted",
    "code-length-block-limit": "proved",
    "quantization-overhead": "proved",
    "rate-identity": "proved",
    "rate-bounds": "proved",
    "volume-derivative": "proved",
    "conservation-law": "proved",
    "own-rate-falls": "proved",
    "overlap-sign": "proved",
    "elasticity-ratio": "proved",
    "elasticity-paper": "proved",
    "elasticity-finite-size": "proved",
    "elasticity-finite-size-sharp": "proved",
    "elasticity-disjoint": "proved",
    "elasticity-separate-disjoint-fails": "refuted",
    "elasticity-separate-iid-reversed": "proved",
    "elasticity-same-data-reversed": "proved",
    "pareto-entropy": "proved",
    "pareto-overlap": "proved",
    "pareto-overlap-below-one": "proved",
    "hooke-forward": "proved",
    "hooke-reverse-derivative": "proved",
    "hooke-reverse-not-conserved": "refuted",
    "effective-volumes-concave": "proved",
    "effective-depth-chain-rule": "proved",
    "normalization-units": "proved",
    # beyond what was asked for
    "second-derivative": "proved",
    "rebound-slows": "proved",
    "sign-turns-once": "proved",
    "elasticity-ratio-limit": "proved",
    "elasticity-signs": "proved",
    "elasticity-exchangeable": "proved",
    "elasticity-paper-fixed-roles": "refuted",
    "elasticity-any-number": "proved",
    "elasticity-any-number-equality": "proved",
    "elasticity-rebound-slows": "proved",
    "elasticity-alignment-concave": "refuted",
    "elasticity-disjoint-any-number": "proved",
    "elasticity-fixed-roles": "proved",
    "elasticity-fixed-roles-threshold": "proved",
    "hooke-all-equal": "refuted",
    "pareto-overlap-monotone": "proved",
    "capacity-depth": "hypothesis",
    "turning-point-from-above": "refuted",
}


@pytest.fixture(scope="module")
def reports() -> list[Report]:
    claims = all_claims()
    return [check(claim, claims) for claim in claims.values()]


@pytest.fixture
def checked_once(reports: list[Report], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command print what was checked before."""
    found = {report.claim.id: report for report in reports}
    monkeypatch.setattr("proofs.derivation.check", lambda claim, claims: found[claim.id])


def test_every_claim_has_the_verdict_that_the_theory_predicts(reports: list[Report]) -> None:
    assert {report.claim.id: report.verdict for report in reports} == EXPECTED
    assert ledger.recorded() == EXPECTED


def test_the_whole_run_takes_less_than_half_a_minute(reports: list[Report]) -> None:
    assert sum(report.nanoseconds / 1e9 for report in reports) < 30


def test_a_second_claim_with_one_id_raises() -> None:
    claim = next(iter(all_claims().values()))
    with pytest.raises(ValueError, match="an ID is permanent"):
        collect([claim, claim])


def test_every_claim_is_complete() -> None:
    for claim in all_claims().values():
        assert all((claim.title, claim.prose, claim.setting, claim.source)), claim.id
        assert claim.kind in {"open", "hypothesis"} or (claim.idea and claim.steps and claim.goals), claim.id
        assert claim.kind not in {"open", "hypothesis"} or claim.finding, claim.id


def test_no_two_things_are_printed_alike() -> None:
    for claim in all_claims().values():
        nodes = [node for node, _ in statement.typed(claim)]
        for write in (mathtext.plain, mathtext.latex):
            printed = [write(node) for node in nodes] + [short.name for short in claim.notation]
            assert len(set(printed)) == len(printed), (claim.id, sorted(printed))
        assert all(short.name[0].isalpha() for short in claim.notation), "a short name is no number"


def test_a_mean_says_over_what_it_is_taken_where_a_draw_is_left_free() -> None:
    beta, y = positive("beta m_y")
    law = Law(y, beta * sp.exp(-beta * y), sp.Integer(0))
    one, other, many = draw("m_X", law), draw("m_Y", law), draws("m_xs", law)
    assert mathtext.plain(Mean(one * other, one, other)) == "E[m_X m_Y]"
    assert mathtext.plain(Mean(one * other, one)) == "E_m_X[m_X m_Y]"
    assert mathtext.latex(Mean(one * other, one)).startswith("E_{m_{X}}")
    assert mathtext.plain(Mean(one * many[index("m_j", size("M"))], one)).startswith("E_m_X[")


def test_premises_and_statements_are_printed_from_the_formal_objects() -> None:
    claim = all_claims()["conservation-law"]
    first = claim.assumptions[0]
    worded = dataclasses.replace(first, words="0 = 0")
    other = dataclasses.replace(claim, prose="anything", setting=(), assumptions=(worded, *claim.assumptions[1:]))
    for printer in (statement.in_text, statement.in_latex):
        assert printer.statement(other) == printer.statement(claim)
        assert [said for said, _ in printer.premises(other)] == [said for said, _ in printer.premises(claim)]
    assert statement.in_text.premises(claim)[0][0] == "for every s: Σ_j p_sj = 1"


@pytest.mark.usefixtures("checked_once")
def test_json_has_what_a_reader_of_it_expects(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert len(data["claims"]) == len(EXPECTED)
    for claim in data["claims"]:
        assert {"id", "statement", "premises", "source", "kind", "verdict", "steps", "seconds"} <= claim.keys()
        assert claim["verdict"] == EXPECTED[claim["id"]]
        assert claim["seconds"] >= 0
        assert all(step["ok"] and step["fact"] and step["machine"] for step in claim["steps"])
    assert sum(data["counts"].values()) == len(EXPECTED)
    assert [claim["id"] for claim in data["coq_claims"]] == NEW
    assert all(claim["coq"] and claim["checked_by"] == "Coq" for claim in data["coq_claims"])


@pytest.mark.usefixtures("checked_once")
def test_the_table_names_every_claim_with_its_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--width", "150"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, verdict in EXPECTED.items():
        assert any(line.startswith(name) and f" {verdict} " in line for line in lines), name
    assert lines[-1].startswith("46 claims: 38 proved, 7 refuted, 1 hypothesis; ")


@pytest.mark.slow
def test_a_proof_is_printed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["elasticity-finite-size"]) == 0
    text = capsys.readouterr().out
    for heading in (
        "Statement",
        "Types",
        "In words",
        "Premises",
        "Idea",
        "Notation",
        "To be shown",
        "Proof",
        "Finding",
        "Verdict    PROVED",
    ):
        assert heading in text
    claim = all_claims()["elasticity-finite-size"]
    assert all(f"  ({n}) " in text for n in range(1, len(claim.steps) + 1))


def test_a_broken_proof_says_what_failed() -> None:
    claims = all_claims()
    text = narrate(check(claims["conservation-law"].without("Q"), claims))
    assert "NOT SHOWN: it cites 'Q', which is no earlier fact" in text
    assert "UNDECIDED" in text


def test_an_unknown_claim_is_refused_with_a_hint() -> None:
    with pytest.raises(UnknownName, match="did you mean 'conservation-law'"):
        main(["conservation-lav"])


def test_a_changed_verdict_gives_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ledger, "recorded", lambda: {**EXPECTED, "rate-identity": "open"})
    assert main(["rate-identity"]) == 1
    assert "'rate-identity' is proved, and recorded as open" in capsys.readouterr().err


def test_a_claim_that_is_gone_or_new_is_a_change(reports: list[Report]) -> None:
    known = {**EXPECTED, "gone": "proved"}
    del known["rate-identity"]
    lines = ledger.changes(reports, known)
    assert any("'rate-identity' is proved, and not recorded" in line for line in lines)
    assert any("'gone' is recorded as proved, and is gone" in line for line in lines)
    assert len(lines) == 2


def test_the_record_is_written_and_read_back(reports: list[Report], tmp_path: Path) -> None:
    path = tmp_path / "ledger.json"
    ledger.record(reports, path)
    assert ledger.recorded(path) == EXPECTED
    assert [p.name for p in tmp_path.iterdir()] == ["ledger.json"]
    assert ledger.recorded(tmp_path / "none.json") == {}


def test_the_docs_hold_the_generated_page(reports: list[Report]) -> None:
    page = (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8")
    assert page == ledger.page(reports), "run: python -m proofs --page docs/ledger.md"


def test_the_docs_hold_the_theorems_with_their_proofs(reports: list[Report]) -> None:
    page = (ROOT / "docs" / "theorems.md").read_text(encoding="utf-8")
    assert page == theorems(reports), "run: python -m proofs --theorems docs/theorems.md"
    for number, name in enumerate([*EXPECTED_ORDER, *coq_claims()], 1):
        assert re.search(rf"^\({name}-theorem\)=\n## {number}\. ", page, re.MULTILINE), name
    assert page.count("**Proof.**") == len(EXPECTED) - 1 + len(coq_claims())  # all but the hypothesis
    assert page.count("**Hypotheses.**") == page.count("**Proof.**")


EXPECTED_ORDER = list(all_claims())
NEW = [
    "parametric-first-order", "parametric-converse", "parametric-second-order", "parametric-influence",
    "parametric-softmax-is-the-tree", "parametric-rebound-need-not-slow", "parametric-sign-may-turn-back",
    "parametric-weight-decay", "parametric-early-stopping", "logit-flow", "logit-conservation", "logit-own-rate",
    "logit-return-threshold", "logit-criterion", "logit-sum-rule", "logit-forgetting-equalises", "logit-return-bound",
    "logit-only-common-nodes", "softmax-linear-range", "logit-exchange-rate", "logit-against-mixture",
    "logit-alignment-need-not-return", "logit-return-need-not-start-at-once", "logit-share-may-exceed",
]  # fmt: skip


def test_claims_that_coq_alone_checks_are_in_the_ledger_under_permanent_ids() -> None:
    assert list(coq_claims()) == NEW
    assert set(NEW) == in_coq().keys() - EXPECTED.keys()
    page = (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8")
    for claim in coq_claims().values():
        assert all((claim.title, claim.statement, claim.proof)), claim.id
        assert f"\n## {claim.id}\n" in page
        assert f"Theorem {in_coq()[claim.id].theorem} : " in page
        if claim.test:
            file, function = claim.test.split("::")
            assert f"def {function}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), claim.test
    assert sum(bool(claim.test) for claim in coq_claims().values()) >= 14


def test_premises_stand_beside_a_coq_claim_where_its_theorem_has_some() -> None:
    without = {"parametric-rebound-need-not-slow", "parametric-sign-may-turn-back", "logit-own-rate", "logit-criterion"}
    assert {name for name, claim in coq_claims().items() if not claim.premises} == without | {"logit-against-mixture"}


def test_who_checks_a_claim() -> None:
    claims = all_claims()
    found = {name: checker(name, claim) for name, claim in claims.items()} | {n: checker(n, None) for n in coq_claims()}
    counts = {
        who: list(found.values()).count(who) for who in ("Coq", "kernel", "both", "classical", "derivation", "nobody")
    }
    assert counts == {"Coq": 24, "kernel": 0, "both": 43, "classical": 2, "derivation": 0, "nobody": 1}
    assert counts["Coq"] + counts["both"] == len(in_coq()) >= 55
    assert {name for name, who in found.items() if who in {"classical", "nobody"}} == set(not_in_coq())
    unknown = dataclasses.replace(claims["rate-identity"], id="new")
    assert checker("new", unknown) == "derivation"  # no verdict rests on a derivation alone in silence
    assert sum(map(is_tied, found)) == 36
    assert all(theorem_text(theorem) for held in in_coq().values() for theorem in held.theorems)


def test_pages_state_the_counts_of_the_ledger(reports: list[Report]) -> None:
    assert ledger.total_counts(reports) == "70 claims: 62 proved, 7 refuted, 1 hypothesis"
    readme = (ROOT / "README.md").read_text(encoding="utf-8").replace("\n", " ")
    assert "70 claims, for any number of datasets and leaves: 62 proved, 7 refuted, 1 a hypothesis." in readme
    assert "67 are theorems that Coq checks" in readme
    assert "`make proofs` derives 43 of these in Python too, and decides 2 that Coq does not by a kernel" in readme
    assert "For 36 the formal goals are printed for Coq" in readme
    page = (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8").replace("\n", " ")
    assert "67 of 70 claims are checked by Coq" in page
    assert "43 of these are derived in Python too; for 36 the formal goals" in page
    coq = (ROOT / "proofs" / "coq" / "README.md").read_text(encoding="utf-8").replace("\n", " ")
    assert "36 claims with 90 goals" in coq
    assert "The 7 claims of the ledger that are not tied" in coq


def test_a_claim_of_coq_is_printed_with_its_theorem(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logit-own-rate", "rate-identity"]) == 0
    shown = capsys.readouterr().out
    assert "PROVED, by Coq" in shown
    assert "Theorem logit_own_rate : forall" in shown
    assert shown.startswith("rate-identity")


@pytest.fixture(scope="module")
def latex(reports: list[Report]) -> str:
    return document(reports)


@pytest.mark.slow
def test_the_latex_document_compiles(latex: str, tmp_path: Path) -> None:
    source = tmp_path / "ledger.tex"
    source.write_text(latex, encoding="utf-8")
    engine = shutil.which("pdflatex") or shutil.which("tectonic")
    if engine is None:
        pytest.skip("neither pdflatex nor tectonic is installed")
    options = ["-interaction=nonstopmode", "-halt-on-error"] if engine.endswith("pdflatex") else []
    run = subprocess.run([engine, *options, source.name], cwd=tmp_path, capture_output=True, check=False, timeout=120)
    assert run.returncode == 0, run.stdout.decode(errors="replace")[-2000:]
    assert (tmp_path / "ledger.pdf").stat().st_size > 50_000


def check_latex(text: str, names: list[str]) -> None:
    for name in names:
        assert rf"\label{{{name}}}" in text
    assert text.isascii() or not set(text) - set(map(chr, range(256)))


@pytest.mark.slow
def test_the_latex_document_holds_every_claim(latex: str) -> None:
    check_latex(latex, list(all_claims()))


def test_a_latex_document_holds_the_claims_it_is_made_of(reports: list[Report]) -> None:
    long = {"elasticity-paper", "elasticity-exchangeable", "elasticity-finite-size"}  # thousands of terms
    short = [report for report in reports if report.claim.id not in long]
    assert len(short) == len(reports) - 3
    check_latex(document(short), [report.claim.id for report in short])


def test_an_open_claim_with_a_goal_is_not_called_proved() -> None:
    claim: Claim = all_claims()["rate-identity"]
    opened = dataclasses.replace(claim, kind="open")
    assert check(opened).verdict == "open"
    empty = dataclasses.replace(claim, steps=(), goals=())
    assert check(empty).verdict == "undecided"
