"""The tables of docs/results.md are those of the rows beside it, to the last digit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

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
    both = made.keys() & shown().keys()
    assert both, f"docs/results.md shows no table of {name}"
    for title in both:
        assert shown()[title] == made[title], f"docs/results.md, {title}: make it again from {name}"


def test_every_table_is_of_some_rows_or_named() -> None:
    made = {title for name in MADE for title, _ in tables(tables_of(RESULTS / name))}
    assert set(shown()) <= made
