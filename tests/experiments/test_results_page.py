"""The tables of docs/results.md are those of the rows beside it, to the last digit."""

from __future__ import annotations

import importlib.util
import re
import shutil
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import pytest

from compresslab.errors import InvalidParameter
from compresslab.experiments.experiment import findings_and_tables, read
from compresslab.experiments.registry import get_experiment
from compresslab.experiments.spec import read_spec
from compresslab.report.markdown import markdown

DOCS = Path(__file__).parents[2] / "docs"
RESULTS = DOCS / "results"
TABLE = re.compile(r"^\*\*(.+)\*\*\n\n((?:\|.*\n)+)", re.MULTILINE)

pytestmark = pytest.mark.skipif(not (DOCS / "results.md").is_file(), reason="docs/results.md is not here")


def tables_of(folder: Path) -> str:
    """The tables that an experiment's rows give, as Markdown."""
    experiment = get_experiment(read_spec(folder)["experiment"])
    try:
        spec, rows = read(experiment, folder)
    except InvalidParameter as error:
        if "other texts" in str(error):
            pytest.skip(f"this Python's corpora are not those of the run: {error}")
        raise
    return markdown(findings_and_tables(experiment, spec, experiment.summarise(spec, rows)))


MADE = sorted(path.parent.name for path in RESULTS.glob("*/rows.jsonl"))  # a spec may be there before its rows


@lru_cache(maxsize=1)
def shown() -> dict[str, str]:
    return dict(tables((DOCS / "results.md").read_text(encoding="utf-8")))


def tables(text: str) -> Iterator[tuple[str, str]]:
    for title, rows in TABLE.findall(text + "\n"):
        yield title, rows.strip()


@pytest.mark.parametrize("name", MADE)
def test_the_tables_are_those_of_the_rows(name: str) -> None:
    made = dict(tables(tables_of(RESULTS / name)))
    text = (DOCS / "results.md").read_text(encoding="utf-8")
    sections = [part for part in re.split(r"(?m)^(?=## )", text) if f"](results/{name}/" in part]
    mine = dict(tables("\n".join(sections)))
    both = made.keys() & mine.keys()
    assert both, f"docs/results.md shows no table of {name} beside its figures"
    for title in both:
        assert mine[title] == made[title], f"docs/results.md, {title}: make it again from {name}"


def test_every_table_is_of_some_rows_or_named() -> None:
    made = {title for name in MADE for title, _ in tables(tables_of(RESULTS / name))}
    assert set(shown()) <= made


def maker() -> ModuleType:
    """The script that ``make results`` runs."""
    found = importlib.util.spec_from_file_location("make_results", DOCS / "make_results.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_make_results_makes_what_was_altered_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="figures need the extra 'report'")
    folder = tmp_path / "results" / "rebound-demo"
    shutil.copytree(RESULTS / "rebound-demo", folder)
    whole = (DOCS / "results.md").read_text(encoding="utf-8")
    title, block = next((title, rows) for title, rows in TABLE.findall(whole) if "35,008 parameters, 5 seeds" in title)
    figure = "![Score](results/rebound-demo/figures/arm-0-score.svg)"
    page = f"# Results\n\nBefore.\n\n**{title}**\n\n{block}\nAfter.\n\n{figure}\n"
    drawn = (folder / "figures" / "arm-0-score.svg").read_bytes()
    (tmp_path / "results.md").write_text(page.replace("| 40 ", "| 41 "), encoding="utf-8")
    (folder / "figures" / "arm-0-score.svg").write_bytes(b"")
    assert maker().main(tmp_path) == 0
    assert (tmp_path / "results.md").read_text(encoding="utf-8") == page
    assert (folder / "figures" / "arm-0-score.svg").read_bytes() == drawn
    other = page.replace(title, "Another table").replace("arm-0-score", "arm-9-score")
    (tmp_path / "results.md").write_text(other, encoding="utf-8")
    assert maker().main(tmp_path) == 2  # named, and nothing written
    assert "no rows make the table 'Another table'" in capsys.readouterr().out
    assert (tmp_path / "results.md").read_text(encoding="utf-8") == other
