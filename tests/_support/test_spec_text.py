"""Specs as text: what is read back is what was written, and what is no spec is named."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from compresslab._support.spec_text import read_table, write_table
from compresslab.errors import CorruptFile, InvalidParameter, UnreadableFile

words = st.text(st.characters(exclude_categories=["Cs", "Cn"]), max_size=8)
plain = words | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=6
)


@pytest.mark.parametrize("kind", ["toml", "yaml", "json"])
@settings(max_examples=40, deadline=None)
@given(table=st.dictionaries(words, values, max_size=4))
@example(table={"": "\x85", "é": ["\u2028", "\ufeffa"]})
def test_what_is_read_back_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, kind: str, table: dict[str, Any]
) -> None:
    pytest.importorskip("yaml", reason="needs PyYAML, which comes with transformers")
    path = tmp_path_factory.mktemp("spec") / f"a.{kind}"
    write_table(path, table)
    assert read_table(path) == table


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.toml", "a = 1\na = 2\n", "cannot be read as TOML"),
        ("a.yaml", "a: 1\na: 2\n", "cannot be read as YAML: it has the name 'a' twice"),
        ("a.json", '{"a": 1, "a": 2}', "has the key 'a' twice|one key twice|twice"),
        ("a.yaml", "a: [1", "cannot be read as YAML"),
        ("a.yaml", "a: !!python/object/apply:os.getcwd []", "cannot be read as YAML"),
        ("a.yaml", "- a\n- b\n", "is not a table of names and values"),
        ("a.yaml", "? [1]\n: a\n", "cannot be read as YAML"),
        ("a.yaml", "a: {1: b, '1': c}\n", "it has the name '1' twice"),
        ("a.json", "[" * 10000, "nested"),
        ("a.toml", b"a = '\xff'", "cannot be read as TOML"),
        ("a.toml", "x" * (1 << 20) + "y", "is larger than 1,048,576 bytes"),
    ],
)
def test_what_is_not_a_spec_is_named(tmp_path: Path, name: str, text: str | bytes, message: str) -> None:
    pytest.importorskip("yaml", reason="needs PyYAML, which comes with transformers")
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(CorruptFile, match=message):
        read_table(tmp_path / name)


def test_a_spec_of_another_kind_or_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match=r"its name ends in \.toml, \.yaml or \.json"):
        write_table(tmp_path / "a.ini", {})
    with pytest.raises(UnreadableFile):
        read_table(tmp_path / "a.toml")


@pytest.mark.parametrize("kind", ["toml", "yaml", "json"])
def test_numbers_that_are_not_finite_are_read_back(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("yaml", reason="needs PyYAML, which comes with transformers")
    write_table(tmp_path / f"a.{kind}", {"a": math.inf, "b": [-math.inf], "c": math.nan})
    found = read_table(tmp_path / f"a.{kind}")
    assert (found["a"], found["b"], math.isnan(found["c"])) == (math.inf, [-math.inf], True)


def test_the_name_of_a_file_that_is_not_unicode_is_read_back_or_refused(tmp_path: Path) -> None:
    pytest.importorskip("yaml", reason="needs PyYAML, which comes with transformers")
    for kind in ("yaml", "json"):
        write_table(tmp_path / f"a.{kind}", {"file": "caf\udcff"})
        assert read_table(tmp_path / f"a.{kind}") == {"file": "caf\udcff"}
    with pytest.raises(InvalidParameter, match=r"cannot hold '\\\\xff', which is not Unicode .* ends in \.json"):
        write_table(tmp_path / "a.toml", {"file": "caf\udcff"})
    assert not (tmp_path / "a.toml").exists()


def test_names_in_yaml_are_text_as_they_are_in_toml_and_json(tmp_path: Path) -> None:
    pytest.importorskip("yaml", reason="needs PyYAML, which comes with transformers")
    (tmp_path / "a.yaml").write_text("no: 1\npretrain: {no: no.txt, 1: one.txt, 2024-01-01: day.txt, ~: none.txt}\n")
    names = {"no": "no.txt", "1": "one.txt", "2024-01-01": "day.txt", "~": "none.txt"}
    assert read_table(tmp_path / "a.yaml") == {"no": 1, "pretrain": names}
    (tmp_path / "b.yaml").write_text("a: &a {no: 1, on: 2}\nb: {<<: *a, on: 3}\n")
    assert read_table(tmp_path / "b.yaml") == {"a": {"no": 1, "on": 2}, "b": {"no": 1, "on": 3}}
