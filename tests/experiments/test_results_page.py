"""The tables of docs/results.md are those of the rows beside it, to the last digit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

from compresslab.errors import InvalidParameter
from compresslab.experiments.joint.page import read_joint
from compresslab.experiments.joint.tables import joint_markdown
from compresslab.experiments.rebound.page import read_rebound
from compresslab.experiments.rebound.tables import markdown, rebound_sheets
from compresslab.experiments.resistance.page import read_resistance
from compresslab.experiments.resistance.tables import resistance_sheets
from compresslab.experiments.scaling.page import read_scaling
from compresslab.experiments.scaling.tables import scaling_sheets

DOCS = Path(__file__).parents[2] / "docs"
RESULTS = DOCS / "results"
TABLE = re.compile(r"^\*\*(.+)\*\*\n\n((?:\|.*\n)+)", re.MULTILINE)

pytestmark = pytest.mark.skipif(not (DOCS / "results.md").is_file(), reason="docs/results.md is not here")


def joint(folder: Path) -> str:
    from compresslab.experiments.joint.summary import summarise_joint

    try:
        return joint_markdown(summarise_joint(*read_joint(folder)))
    except InvalidParameter as error:
        pytest.skip(f"this Python's corpora are not those of the run: {error}")


def volumes(folder: Path) -> str:
    from compresslab.experiments.effective_volumes.page import read_effective
    from compresslab.experiments.effective_volumes.tables import effective_markdown

    return effective_markdown(*read_effective(folder))


def resistance(folder: Path) -> str:
    from compresslab.experiments.resistance.summary import summarise_resistance

    return markdown([], list(resistance_sheets(summarise_resistance(*read_resistance(folder)))))


def rebound(folder: Path) -> str:
    from compresslab.experiments.rebound.summary import summarise_rebound

    return markdown([], list(rebound_sheets(summarise_rebound(*read_rebound(folder)))))


def scaling(folder: Path) -> str:
    from compresslab.experiments.scaling.summary import summarise_scaling

    return markdown([], list(scaling_sheets(summarise_scaling(*read_scaling(folder)))))


MADE = {
    "joint-cpu": joint,
    "volumes-cpu": volumes,
    "resistance-cpu": resistance,
    "rebound-cpu": rebound,
    "rebound-demo": rebound,
    "scaling-cpu": scaling,
}


@lru_cache(maxsize=1)
def shown() -> dict[str, str]:
    return dict(tables((DOCS / "results.md").read_text(encoding="utf-8")))


def tables(text: str) -> Iterator[tuple[str, str]]:
    for title, rows in TABLE.findall(text + "\n"):
        yield title, rows.strip()


@pytest.mark.parametrize("name", MADE)
def test_the_tables_are_those_of_the_rows(name: str) -> None:
    made = dict(tables(MADE[name](RESULTS / name)))
    both = made.keys() & shown().keys()
    assert both, f"docs/results.md shows no table of {name}"
    for title in both:
        assert shown()[title] == made[title], f"docs/results.md, {title}: make it again from {name}"


def test_every_table_is_of_some_rows_or_named() -> None:
    made = {title for name, make in MADE.items() for title, _ in tables(make(RESULTS / name))}
    assert set(shown()) <= made
