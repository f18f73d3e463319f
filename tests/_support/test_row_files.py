"""Rows in files that other programs read: what is read back is what was written."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab._support.row_files import write_rows
from compresslab.errors import InvalidParameter, UnreadableFile

values = {
    "text": st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
    "real": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    "truth": st.none() | st.booleans(),
    "several": st.none() | st.lists(st.integers(0, 9), max_size=3),
}
rows = st.lists(st.fixed_dictionaries({}, optional=values), max_size=6)


@settings(max_examples=25, deadline=None)
@given(rows)
def test_what_is_read_back_is_what_was_written(tmp_path_factory: pytest.TempPathFactory, given: list[Any]) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra 'scale'")
    folder = tmp_path_factory.mktemp("rows")
    write_rows(folder / "a.jsonl", given)
    assert [json.loads(line) for line in (folder / "a.jsonl").read_text("utf-8").split("\n")[:-1]] == given
    write_rows(folder / "a.parquet", given)
    names = {name for row in given for name in row}
    if names:
        wanted = [{name: row.get(name) for name in names} for row in given]
        assert parquet.read_table(folder / "a.parquet").to_pylist() == wanted


def test_numbers_that_are_not_finite_are_null_and_mixed_columns_are_text(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra 'scale'")
    write_rows(tmp_path / "a.parquet", [{"x": math.inf, "y": 1}, {"x": 0.5, "y": "one"}, {"y": None}])
    wanted = [{"x": None, "y": "1"}, {"x": 0.5, "y": '"one"'}, {"x": None, "y": None}]
    assert parquet.read_table(tmp_path / "a.parquet").to_pylist() == wanted


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match=r"end its name in \.jsonl or \.parquet"):
        write_rows(tmp_path / "a.csv", [])
    with pytest.raises(UnreadableFile):
        write_rows(tmp_path / "none" / "a.jsonl", [])


def test_text_that_utf8_cannot_hold_is_written_escaped(tmp_path: Path) -> None:
    rows = [{"name": "caf\udcff"}, {"name": "é"}]
    write_rows(tmp_path / "a.jsonl", rows)
    assert [json.loads(line) for line in (tmp_path / "a.jsonl").read_text("utf-8").splitlines()] == rows
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra 'scale'")
    write_rows(tmp_path / "a.parquet", rows)
    assert parquet.read_table(tmp_path / "a.parquet").to_pylist() == [{"name": "caf\\xff"}, {"name": "é"}]


@pytest.mark.parametrize("value", [{}, [{}], {"a": {}}])
def test_objects_without_fields_are_text_in_parquet(tmp_path: Path, value: Any) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra 'scale'")
    write_rows(tmp_path / "a.parquet", [{"x": value}, {"x": None}])
    assert parquet.read_table(tmp_path / "a.parquet").to_pylist() == [{"x": json.dumps(value)}, {"x": None}]
