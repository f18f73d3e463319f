"""JSON that others wrote: whatever the bytes are, a value or one named error, soon."""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab._support.json_text import DEEPEST, parse_json, parse_saved, read_json
from compresslab.data.dataset import Dataset
from compresslab.errors import CorruptFile, NotText, UnreadableFile

text = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('[]{}"\\'))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text,
    lambda inner: st.lists(inner) | st.dictionaries(text, inner),
    max_leaves=30,
)


@given(value=values, ascii_only=st.booleans(), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_texts_of_json_dumps_are_read(value: Any, ascii_only: bool, encoding: str) -> None:
    told = json.dumps(value, ensure_ascii=ascii_only)
    assert parse_json(told) == parse_saved(told) == parse_json(told.encode(encoding)) == value


@given(value=values, depth=st.integers(0, 3 * DEEPEST), kind=st.booleans())
def test_depth_is_counted_exactly_and_brackets_in_strings_are_not(value: Any, depth: int, kind: bool) -> None:
    inner = json.dumps(["[" * 300, '"[{' * 300])
    told = f'{{"{"{" * 250}": ' * depth + inner + "}" * depth if kind else "[" * depth + inner + "]" * depth
    if depth + 1 <= DEEPEST:
        assert parse_json(told) == json.loads(told)
        return
    with pytest.raises(CorruptFile, match=f"^x is nested {depth + 1} levels deep: JSON is read down to 200 levels"):
        parse_json(told, "x")


@settings(max_examples=300)
@given(data=st.binary() | st.text('[]{}":,\\u0123456789dD8eE+-.', max_size=80).map(str.encode))
def test_any_bytes_give_a_value_or_a_named_error(data: bytes) -> None:
    for read in (parse_json, parse_saved):
        with contextlib.suppress(CorruptFile):
            read(data)


HOSTILE = {
    "lists": "[" * 100_000,
    "closed lists": "[" * 100_000 + "]" * 100_000,
    "objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "an endless string": '["' + '\\"' * 100_000,
    "a backslash at the end": '"\\',
    "nothing": "",
    "a mark": "\ufeff{}",
}


@pytest.mark.parametrize("told", HOSTILE.values(), ids=HOSTILE)
def test_hostile_json_is_refused(told: str) -> None:
    for read in (parse_json, parse_saved):
        with pytest.raises(CorruptFile, match=r"^data\.json (is not JSON: |is nested 100,000 levels deep)"):
            read(told, "data.json")


def test_a_number_of_any_length_is_read() -> None:
    assert parse_json("9" * 4000) == int("9" * 4000)
    assert parse_json("[" + "9" * 5000 + ", 1, -0, 12345678901234567890]") == [math.inf, 1, 0, 12345678901234567890]
    assert parse_json("-" + "9" * 5000) == -math.inf


def test_half_of_a_pair_is_read_from_data_and_refused_in_saved_work() -> None:
    for half in ("\\ud800", "\\uDC80", "\ud834"):
        assert len(parse_json(f'"{half}"')) == 1
        with pytest.raises(CorruptFile, match=r"^x holds the lone surrogate U\+D"):
            parse_saved(f'{{"{half}": 1}}', "x")
    assert parse_saved('"\\ud834\\udd1e"') == parse_saved('"𝄞"') == "𝄞"


def test_files_are_bounded_and_named(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    path.write_text("[1]      ")
    assert read_json(path) == [1]
    with pytest.raises(CorruptFile, match=r"facts\.json is larger than 8 bytes, which no such file is"):
        read_json(path, most=8)
    with pytest.raises(UnreadableFile, match="cannot read .*none: no such file"):
        read_json(tmp_path / "none")
    with pytest.raises(UnreadableFile, match="cannot read "):
        read_json(tmp_path / "a\0b")


# ---- data ----


@pytest.mark.parametrize("told", ["[" * 100_000, '{"text": ' * 100_000], ids=["lists", "objects"])
def test_a_line_of_data_that_is_nested_too_deep_is_named(tmp_path: Path, told: str) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n' + told + "\n")
    with pytest.raises(CorruptFile, match=r"line 2 of .*a\.jsonl is nested 100,000 levels deep"):
        Dataset.from_jsonl(tmp_path / "a.jsonl")


def test_the_values_of_other_fields_do_not_matter(tmp_path: Path) -> None:
    lines = ['{"text": "a", "id": ' + "7" * 5000 + "}", '{"id": "\\udc80", "text": "b"}', '{"\\ud800": 1, "text": "c"}']
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    assert Dataset.from_jsonl(tmp_path / "a.jsonl").texts() == [b"a", b"b", b"c"]


def test_half_of_a_pair_in_a_text_is_never_taken_for_a_byte(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "ab\\udc80"}')
    with pytest.raises(NotText, match=r"field 'text' in line 1 of .*a\.jsonl holds the lone surrogate U\+DC80"):
        Dataset.from_jsonl(tmp_path / "a.jsonl")


def test_a_line_longer_than_any_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compresslab.data.json_rows.LONGEST_LINE", 20)
    (tmp_path / "a.jsonl").write_text('{"text": "short"}\n{"text": "' + "x" * 1000 + '"}\n')
    with pytest.raises(CorruptFile, match=r"line 2 of .*a\.jsonl is longer than 20 bytes: write one object a line"):
        Dataset.from_jsonl(tmp_path / "a.jsonl")
