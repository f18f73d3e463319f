"""The page on data: each row of its table is read as it says, in every format that can hold it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from compresslab.data.choice import choice_for_role
from compresslab.data.door import read_data
from compresslab.errors import InvalidParameter
from compresslab.experiments.data.dialogues import read_pairs
from compresslab.experiments.data.tuning_texts import read_source
from tests.data.made_files import FORMATS, PACKED

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
KINDS = PAGE.split("## Kinds")[1].split("## Experiments")[0]
LINES = [
    [cell.strip() for cell in line.strip("|\n").split(" | ")]
    for line in KINDS.replace("| |", "|  |").splitlines()
    if line.startswith("| ") and "`{" in line
]


def options_of(text: str) -> list[str]:
    words = shlex.split(text.strip("`"))
    return [
        f"{name.removeprefix('--').replace('-', '_')}={value}"
        for name, value in zip(words[::2], words[1::2], strict=True)
    ]


def holds(name: str, line: list[str]) -> bool:
    """Whether a format can hold a row of the page: a table has no lists."""
    return name not in ("csv", "tsv") or "[" not in line[1]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        pytest.param(name, line, id=f"{name}-{i} {line[0]}")
        for name in FORMATS
        for i, line in enumerate(LINES)
        if holds(name, line)
    ],
)
def test_the_table_of_kinds_is_what_is_read(tmp_path: Path, line: list[str], name: str) -> None:
    _, row, option, responses, prompts, pairs = line
    values: dict[str, Any] = json.loads(row.strip("`"))
    if name not in ("jsonl", "json", "csv", "tsv"):
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    path = tmp_path / f"a.{name}.gz"
    path.write_bytes(PACKED[".gz"](FORMATS[name][0]([values])))
    options = options_of(option)
    choice = choice_for_role(options)
    if responses == "refused":
        with pytest.raises(InvalidParameter):
            read_data(path, choice)
        with pytest.raises(InvalidParameter):
            read_source(str(path), options)
    else:
        wanted = [text.encode() for text in re.findall(r"`([^`]*)`", responses)]
        found = read_data(path, choice)
        assert list(found.responses) == wanted
        assert found.prompt_bytes == int(prompts)
        assert list(read_source(str(path), options)) == wanted
    if pairs == "refused":
        with pytest.raises(InvalidParameter):
            read_pairs(str(path), options)
    else:
        assert [response for _, response in read_pairs(str(path), options)] == wanted


def test_the_page_has_every_kind() -> None:
    assert len(LINES) == 15
    assert {line[0] for line in LINES} >= {"preference", "unpaired preference", "prompt-only", "Alpaca", "TruthfulQA"}
