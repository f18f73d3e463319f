"""Every number of docs/results.md follows from the rows by arithmetic that shares nothing with the reports."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from compresslab.experiments.rebound.summary import summarise_rebound
from compresslab.experiments.rebound.tables import rebound_tables
from compresslab.report.markdown import markdown
from compresslab.report.page import Section
from tests.experiments.recompute_prose import prose
from tests.experiments.recompute_results import (
    NUMBER,
    TITLED,
    Results,
    blocks,
    main,
    section_tables,
    wrong_prose,
    wrong_tables,
)
from tests.experiments.recompute_results import rebound_tables as rebound_tables_again
from tests.experiments.tuning import made_placebo

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
HERE = Path(__file__).parent
SCRIPTS = ("recompute_results.py", "recompute_claims.py", "recompute_prose.py")

pytestmark = pytest.mark.skipif(not (DOCS / "results.md").is_file(), reason="docs/results.md is not here")


@pytest.fixture(scope="module")
def text() -> str:
    return (DOCS / "results.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def results() -> Results:
    return Results(DOCS / "results")


def test_every_number_of_the_page_is_that_of_the_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "0 do not hold" in capsys.readouterr().out


def test_the_script_imports_nothing_of_the_package() -> None:
    for name in SCRIPTS:
        assert not re.search(r"^\s*(from|import) compresslab", (HERE / name).read_text("utf-8"), re.MULTILINE)


def altered(number: str) -> str:
    """Another number of the same form: its last digit is another one."""
    words = {"two": "three"}
    if not number[-1].isdigit():
        return words.get(number.lower(), "two")
    return number[:-1] + str((int(number[-1]) + 1) % 10)


def numbers_of_prose(text: str) -> Iterator[tuple[int, int]]:
    """Where every number of prose stands: outside of tables, their titles and the addresses of links."""
    hidden = [match.span() for match in TITLED.finditer(text)]
    hidden += [match.span(1) for match in re.finditer(r"\]\(([^)]*)\)", text)]
    hidden += [match.span() for match in re.finditer(r"^#.*$", text, re.MULTILINE)]
    for match in NUMBER.finditer(text):
        if not any(a <= match.start() < b for a, b in hidden):
            yield match.span()


@pytest.mark.slow
def test_no_number_of_prose_can_be_altered(text: str, results: Results) -> None:
    claims = prose(results, text)
    places = list(numbers_of_prose(text))
    assert len(places) == sum(len(NUMBER.findall(said)) for _, said in blocks(text)) > 400
    assert not list(wrong_prose(text, claims))
    for start, end in places:
        other = text[:start] + altered(text[start:end]) + text[end:]
        assert list(wrong_prose(other, claims)), f"{text[start - 40 : end + 20]!r} may be anything"


def test_a_number_that_is_bound_to_nothing_is_found(text: str, results: Results) -> None:
    claims = prose(results, text)
    for place, more in (("Intervals are Student's", "All 7 runs ended. "), ("\n## scaling", "\nIt grows by 0.3.\n")):
        assert list(wrong_prose(text.replace(place, more + place), claims))


@pytest.mark.slow
def test_no_cell_of_the_rows_can_be_altered(text: str, results: Results) -> None:
    shown = [(made, *table) for part, made in section_tables(text, results) for table in TITLED.findall(part)]
    assert len(shown) == len(TITLED.findall(text)) > 40
    for made, title, block in shown:
        held = f"**{title}**\n\n{block}"
        assert not list(wrong_tables(held, made))
        lines = block.splitlines()[2:]
        for i in {0, len(lines) // 2, len(lines) - 1}:
            cells = [cell.strip() for cell in lines[i].strip("|").split("|")]
            for j, cell in enumerate(cells):
                if not isinstance(made[title][i][j], str) or not cell or not cell[-1].isdigit():
                    continue
                other = "| " + " | ".join([*cells[:j], altered(cell), *cells[j + 1 :]]) + " |"
                assert list(wrong_tables(held.replace(lines[i], other), made)), (
                    title,
                    cells[0],
                    j,
                )


@pytest.mark.parametrize("change", ["as it is", "a gain that is not told from 0", "no margins"])
def test_tables_of_a_placebo_are_worked_out_again(change: str) -> None:
    spec, rows = made_placebo()
    rng = np.random.default_rng(1)
    for row in rows:
        for name in ("positive", "negative", "pretrain"):
            row[f"{name}_bits_per_byte"] += 1e-4 * rng.standard_normal()
            row[f"kl_{name}_nats"] *= 1 + 1e-3 * rng.standard_normal()
        row["judged_positive"] += 1e-2 * rng.standard_normal()
    if change == "no margins":
        spec = replace(spec, margin_bits=0.0, margin_share=0.0)
    if change.startswith("a gain"):
        for row in rows:
            if row["positive"] == 100:
                row["negative_bits_per_byte"] = 3.25 + 0.01 * (row["seed"] - 1)
    summaries = summarise_rebound(spec, rows)
    text = markdown(Section("", tables=tuple(rebound_tables(spec, summaries))))
    if change.startswith("a gain"):
        assert text.count("not defined") > 2
    results = Results(Path("none"))
    results.rows, results.specs = {"made": rows}, {"made": asdict(spec)}
    made = dict(rebound_tables_again(results, "made"))
    assert list(wrong_tables(text, made)) == []
    assert sum("placebo" in title for title in made) == 4
    altered_rows = [{**row, "negative_bits_per_byte": row["negative_bits_per_byte"] + 0.3 * (row["group"] == "placebo")
                     * (row["negative"] == 160)} for row in rows]  # fmt: skip
    results.rows = {"made": altered_rows}
    wrong = list(wrong_tables(text, dict(rebound_tables_again(results, "made"))))
    assert any("Claims of the design" in line for line in wrong)
    assert any("; change of the score" in line for line in wrong)


COLUMNS = {
    "joint-cpu": "gamma_align_nats",
    "effective-volumes-cpu": "residual_nats",
    "resistance-cpu": "loss_bits",
    "resistance-referee": "loss_bits",
    "rebound-cpu": "negative_bits_per_byte",
    "rebound-demo": "kl_positive_nats",
    "rebound-referee": "positive_bits_per_byte",
    "scaling-cpu": "positive_bits_per_byte",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COLUMNS)
def test_an_altered_row_is_found(name: str, tmp_path: Path) -> None:
    for run in COLUMNS:
        (tmp_path / "results" / run).mkdir(parents=True)
        for file in ("rows.jsonl", "spec.json"):
            shutil.copy(DOCS / "results" / run / file, tmp_path / "results" / run / file)
    shutil.copy(DOCS / "results.md", tmp_path / "results.md")
    path = tmp_path / "results" / name / "rows.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    at = [i for i, row in enumerate(rows) if COLUMNS[name] in row and row.get("stage", "align") == "align"][-1]
    rows[at][COLUMNS[name]] *= 1.5
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert main([str(tmp_path)]) == 1
