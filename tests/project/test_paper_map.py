"""The README's map of the paper, and the table of public names, say what is there."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

import compresslab

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAP = README.split("## The paper, and where it is here")[1].split("\n## ")[0]
ROWS = [
    [cell.strip().strip("`") for cell in line.strip("|\n").split("|")]
    for line in MAP.splitlines()
    if line.startswith("|") and not line.startswith(("|---", "| paper"))
]
WANTED = ("Def 3.1", "Def 3.3", "Def 3.6", "Thm 3.4", "Thm 4.2", "Assumption 3.2", "A.7", "Hooke's law")


def test_every_definition_and_theorem_has_one_row() -> None:
    for wanted in WANTED:
        assert len([row for row in ROWS if wanted in row[0]]) == 1, wanted


def defined(path: Path) -> set[str]:
    """What a file defines: functions, classes, methods by ``Class.method``, and typed constants."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.AnnAssign):
            found.add(ast.unparse(node.target))
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
            found |= {f"{node.name}.{one.name}" for one in node.body if isinstance(one, ast.FunctionDef)}
    return found


@pytest.mark.parametrize("row", ROWS, ids=[row[0].split(",")[0] for row in ROWS])
def test_a_row_names_what_is_there(row: list[str]) -> None:
    _, name, file, claim, test = row
    assert name in defined(ROOT / file)
    assert re.search(rf"\b{name.split('.')[-1]}\b", (ROOT / test).read_text(encoding="utf-8"))
    if claim:
        assert claim in json.loads((ROOT / "proofs" / "ledger.json").read_text(encoding="utf-8"))["verdicts"]


def test_the_table_of_names_holds_every_public_name_once() -> None:
    table = (ROOT / "docs" / "api" / "index.md").read_text(encoding="utf-8").split("## Names by task")[1]
    names = re.findall(r"`cl\.(\w+)`", "\n".join(line for line in table.splitlines() if line.startswith("|")))
    assert sorted(names) == sorted(set(names))
    assert set(names) == set(compresslab.__all__)
