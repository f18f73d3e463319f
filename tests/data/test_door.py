"""The door: every format of every kind is read right, or refused with the reason; bytes in are bytes counted."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab import Dataset
from compresslab.data.choice import DataChoice, choice_for_role
from compresslab.data.door import ReadData, read_data
from compresslab.errors import (
    CompressLabError,
    CorruptFile,
    EmptyDataset,
    InvalidParameter,
    MissingExtra,
    NotText,
    UnknownName,
)
from tests.data.made_files import FLAT, FORMATS, KINDS, PACKED, TURNS, json_array, json_lines, table

ARROW = ("parquet", "arrow", "arrows", "feather")
TWENTY = [f'text {i} of twenty, with a comma\tand a "quote"{" é" * (i % 3)}' for i in range(20)]


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def read(path: Path, **choice: Any) -> ReadData:
    return read_data(path, DataChoice(**choice))


def needs_pyarrow(name: str, packing: str = "") -> None:
    if name in ARROW or packing == ".zst":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_in_every_format_is_read_right(tmp_path: Path, kind: str, name: str) -> None:
    needs_pyarrow(name)
    rows, choice, responses, prompt_bytes = KINDS[kind]
    if kind not in FLAT and name in ("csv", "tsv"):
        pytest.skip("a table has no lists")
    found = read(written(tmp_path / f"a.{name}", FORMATS[name][0](rows)), **choice)
    assert list(found.responses) == responses
    assert found.prompt_bytes == prompt_bytes
    assert (found.prompts is None) == (prompt_bytes == 0)
    assert found.rows == len(rows)
    assert found.used + sum(found.left_out.values()) == found.rows


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("name", FORMATS)
def test_the_same_texts_are_read_in_every_packing_and_under_every_name(tmp_path: Path, name: str, packing: str) -> None:
    needs_pyarrow(name, packing)
    make, option, certain = FORMATS[name]
    data = PACKED[packing](make([{"text": text, "id": str(i)} for i, text in enumerate(TWENTY)]))
    wanted = [text.encode() for text in TWENTY]
    assert list(read(written(tmp_path / f"a.{name.upper()}{packing}", data)).responses) == wanted
    for wrong in ("a.txt", "a", "a.jsonl", "a.csv", "a.gz", "b.parquet"):
        path = written(tmp_path / wrong, data)
        assert list(read(path, format=option).responses) == wanted
        if certain:
            assert list(read(path).responses) == wanted, wrong


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".json", ".arrow"])
def test_text_under_the_name_of_data_is_refused_or_text_when_asked_for(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path / f"a{suffix}", "\n".join(TWENTY).encode())
    with pytest.raises(CorruptFile, match=r"a\.\w+.*") as raised:
        read(path)
    assert "format" in str(raised.value) or "line 1" in str(raised.value)
    assert list(read(path, format="text").responses) == [text.encode() for text in TWENTY]


PROSE = [
    b"prose, with commas, and more\nanother, line, here\n",
    b"1\n2\n3\n",
    b"[a line in brackets]\n[and another]\n",
    b"[1, 2]\n[3]\n",
    b'"a"\n"b"\n',
    b"{not json}\n{either}\n",
    b"{}\n{}\n",
    b"{\n  int x;\n}\n",
    b'prose\n{"a": 1}\n',
    b"BZh is not packed\n",
    b"PAR1 is a word\n",
    b"\xff\xfe is not UTF-8\n",
]


@pytest.mark.parametrize("data", PROSE)
def test_what_only_looks_like_data_stays_text(tmp_path: Path, data: bytes) -> None:
    found = read(written(tmp_path / "a.txt", data))
    assert found.how == "text by line"
    assert list(found.responses) == data.splitlines()


def test_json_lines_can_be_read_as_text(tmp_path: Path) -> None:
    data = json_lines([{"text": "a"}, {"text": "b"}])
    path = written(tmp_path / "a.jsonl", data)
    assert list(read(path, format="text").responses) == data.splitlines()
    with pytest.raises(InvalidParameter, match=r"a\.jsonl is text, which has no fields: leave out field"):
        read(path, format="text", field="text")


def test_lines_of_which_most_are_objects_are_not_read_in_silence(tmp_path: Path) -> None:
    data = json_lines([{"text": "a"}] * 3) + b'{"text": "cut sho'
    with pytest.raises(InvalidParameter, match=r"3 lines are JSON objects and 1 are not: .*jsonl.* or .*text"):
        read(written(tmp_path / "a.txt", data))
    with pytest.raises(CorruptFile, match=r"line 4 of .*a\.jsonl is not JSON"):
        read(written(tmp_path / "a.jsonl", data))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{\n "data": [\n  {"text": "a"}]\n}', "holds one JSON object, not rows"),
        (b'["a", "b"]', r'row 1 of .*a\.json is not a JSON object: "a"'),
        (b"", "a.json has no rows"),
        (b"[]", "a.json has no rows"),
    ],
)
def test_json_that_holds_no_rows_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(CompressLabError, match=message):
        read(written(tmp_path / "a.json", data))


def test_several_readings_are_listed_with_what_chooses_each(tmp_path: Path) -> None:
    row = {"prompt": "p", "chosen": "c", "rejected": "r"}
    path = written(tmp_path / "a.jsonl", json_lines([row]))
    with pytest.raises(InvalidParameter, match=r"in 2 ways: .*response_field='chosen'.*; response_field='rejected'"):
        read(path)
    with pytest.raises(InvalidParameter, match=r"in 2 ways: give one of --response-field chosen: .*; --response-field"):
        read_data(path, DataChoice(as_options=True))
    ways = {**row, "messages": [{"role": "assistant", "content": "m"}], "text": "t", "response": "x"}
    path = written(tmp_path / "a.jsonl", json_lines([ways]))
    with pytest.raises(InvalidParameter, match="in 5 ways") as raised:
        read_data(path, DataChoice(as_options=True))
    for choice, response in (
        ({"field": "text"}, b"t"), ({"field": "messages"}, b"m"), ({"response_field": "chosen"}, b"c"),
        ({"prompt_field": "prompt", "response_field": "response"}, b"x"),
    ):  # fmt: skip
        assert list(read(path, **choice).responses) == [response]
        said = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in choice.items())
        assert said in str(raised.value)
    labelled = [{"prompt": "p", "completion": "c", "label": label} for label in (True, False)]
    path = written(tmp_path / "a.jsonl", json_lines(labelled))
    with pytest.raises(InvalidParameter, match=r"where='label=true'.*where='label=false'.*\(any label\)"):
        read(path)
    assert len(read(path, response_field="completion").responses) == 2


def test_prompts_alone_have_no_response_to_measure(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", json_lines([{"prompt": "p"}]))
    with pytest.raises(InvalidParameter, match=r"prompts alone \(prompt-only\).*field='prompt' reads the prompts"):
        read(path)
    assert list(read(path, field="prompt").responses) == [b"p"]


def test_unknown_fields_are_refused_with_those_there_are(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", table([{"question": "q", "reply": "r"}], ","))
    with pytest.raises(InvalidParameter, match="its fields are 'question', 'reply'; .* format='text'"):
        read(path)
    with pytest.raises(InvalidParameter, match=r"no field 'replay' \(response_field\): did you mean 'reply'"):
        read(path, response_field="replay")
    found = read(path, prompt_field="question", response_field="reply")
    assert (list(found.prompts or ()), list(found.responses)) == ([b"q"], [b"r"])


BAD = [
    ([{"text": "a"}, {"txt": "b"}], r"line 2 of .* has no 'text': .*skip_missing=True", InvalidParameter),
    ([{"text": "a"}, {"text": None}], r"line 2 of .* has null in 'text': .*skip_missing=True", InvalidParameter),
    ([{"text": "a"}, {"text": 3}], r"'text' of line 2 of .* is a number \(3\), not a text", InvalidParameter),
    ([{"text": "a"}, {"text": ["b"]}], r"message 1 of 'text' of line 2 of .* is 'b', not an object", InvalidParameter),
    ([{"messages": [{"role": "user"}]}], r"message 1 of 'messages' of line 1 .* has no 'content'", InvalidParameter),
    ([{"messages": [{"role": "boss", "content": "a"}]}], "said by 'boss', a role that is not known", InvalidParameter),
    ([{"messages": [{"role": "assistant", "content": None}]}], "its content is null", InvalidParameter),
    ([{"messages": [{"role": "assistant"}]}], r"message 1 of .* has no 'content': it has 'role'", InvalidParameter),
    ([{"messages": [{"content": "a"}]}], r"message 1 of .* has no 'role': it has 'content'", InvalidParameter),
    ([{"messages": [{"role": None, "content": "a"}]}], "said by null, a role that is not known", InvalidParameter),
    ([{"messages": [["user", "a"]]}], r"message 1 of .* is a list .*, not an object", InvalidParameter),
    ([{"messages": "hello"}], r"'messages' of line 1 of .* is a text \('hello'\), not a list", InvalidParameter),
    ([{"messages": 3}], r"'messages' of line 1 of .* is a number \(3\), not a text", InvalidParameter),
    ([{"conversations": 4.5}], r"'conversations' of line 1 of .* is a number \(4.5\)", InvalidParameter),
    ([{"conversation": {"role": "user"}}], r"'conversation' of line 1 of .* is an object", InvalidParameter),
    (
        [{"messages": [{"role": "assistant", "content": "Wait.", "tool_calls": [{"name": "add"}]}]}],
        r"message 1 of .* has 'tool_calls' beside its text", InvalidParameter,
    ),
    (
        [{"messages": [{"role": "assistant", "content": "Yes.", "reasoning_content": "Well"}]}],
        "has 'reasoning_content' beside its text", InvalidParameter,
    ),
    ([{"messages": TURNS, "tools": "saw"}], r"'tools' of line 1 of .* is 'saw', not a list of tools", InvalidParameter),
    ([{"messages": TURNS, "chat_template_kwargs": [1]}], "is a list .*, not an object", InvalidParameter),
    (
        [{"messages": [{"role": "user", "content": [{"type": "image", "url": "x"}]}]}],
        r"message 1 of 'messages' of line 1 of .* has a part of type 'image'", InvalidParameter,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "message", "error"), BAD)
def test_bad_rows_name_the_file_and_the_row(
    tmp_path: Path, rows: list[dict[str, Any]], message: str, error: type[CompressLabError]
) -> None:
    with pytest.raises(error, match=message):
        read(written(tmp_path / "a.jsonl", json_lines(rows)))


@pytest.mark.parametrize(
    "data", [b'{"prompt": "a", "prompt": "b", "response": "r"}\n', b'[{"text": "a", "text": "b"}]']
)
def test_a_key_that_is_there_twice_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(CorruptFile, match=r"a\.txt has the key '(prompt|text)' twice in one object"):
        read(written(tmp_path / "a.txt", data))


def test_a_text_where_messages_belong_is_read_as_a_text_when_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", json_lines([{"messages": "hello"}]))
    assert list(read(path, field="messages").responses) == [b"hello"]


@pytest.mark.parametrize("name", ["jsonl", "json", "csv", "tsv", "parquet", "arrow", "feather"])
def test_what_columns_say_before_a_prompt_is_context_whatever_the_format(tmp_path: Path, name: str) -> None:
    if name not in ("jsonl", "json", "csv", "tsv"):
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    said = {"system": "Be brief.", "history": [["Hi", "Hello"]]}
    none = {"system": "", "history": []}
    if name in ("csv", "tsv"):
        said, none = ({**one, "history": json.dumps(one["history"])} for one in (said, none))
    rows = [{"instruction": "Add", "input": "1 2", "output": "3"} | before for before in (said, none)]
    path = tmp_path / f"a.{name}"
    path.write_bytes(FORMATS[name][0](rows))
    found = read_data(path, DataChoice())
    assert list(found.responses) == [b"3", b"3"]
    turns = [("system", b"Be brief."), ("user", b"Hi"), ("assistant", b"Hello"), ("user", b"Add"), ("user", b"1 2")]
    first, second = found.conversations or ()
    assert [(turn.role, turn.text) for turn in first or ()] == [*turns, ("assistant", b"3")]
    assert (second, found.prompt_bytes) == (None, 9 + 2 + 5 + 6 + 6)
    named = DataChoice(prompt_field=("instruction", "input"), response_field="output")
    assert read_data(path, named).conversations is None


@pytest.mark.parametrize("history", [3, "yes", ["Hi"], [["Hi"]], [["Hi", 3]], {"a": 1}])
def test_a_history_that_is_not_of_pairs_is_named(tmp_path: Path, history: object) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"instruction": "Add", "output": "3", "history": history}))
    with pytest.raises(InvalidParameter, match=r"'history' of .* is not a list of pairs"):
        read_data(path, DataChoice())


@pytest.mark.parametrize("nothing", ["", "[]", None, [], {}])
def test_an_empty_history_is_none(tmp_path: Path, nothing: object) -> None:
    path = written(tmp_path / "a.jsonl", json_lines([{"instruction": "Add", "output": "3", "history": nothing}]))
    assert (read(path).conversations, list(read(path).responses)) == (None, [b"3"])


def test_a_system_column_stands_before_a_conversation(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    talk = [{"from": "human", "value": "Boil rice?"}, {"from": "gpt", "value": "Yes."}]
    path.write_text(json.dumps({"conversations": talk, "system": "Be brief."}))
    (turns,) = read_data(path, DataChoice()).conversations or ()
    assert [turn.role for turn in turns or ()] == ["system", "user", "assistant"]


@pytest.mark.parametrize("name", ["jsonl", "json", "parquet", "arrow"])
def test_tools_stand_beside_the_messages_whatever_the_format(tmp_path: Path, name: str) -> None:
    if name not in ("jsonl", "json"):
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    tools = [{"name": "add", "of": {"a": 1}}, {"name": "half", "of": {"b": 2}}]  # Arrow fills up what each lacks
    rows = [{"messages": TURNS, "tools": tools}, {"messages": TURNS, "tools": None}, {"messages": TURNS, "tools": []}]
    found = read(written(tmp_path / f"a.{name}", FORMATS[name][0](rows)))
    settings, *turns = (found.conversations or ())[0] or ()
    assert (settings.role, json.loads(settings.text)) == ("settings", {"tools": tools})
    assert found.conversations == ((settings, *turns), tuple(turns), tuple(turns))
    assert (found.prompt_bytes, list(found.prompts or ())) == (30, [b"Boil rice?"] * 3)
    as_text = read(written(tmp_path / "b.jsonl", json_lines([{**rows[0], "tools": json.dumps(tools)}])))
    assert as_text.conversations == (found.conversations or ())[:1]
    plain = read(written(tmp_path / "c.jsonl", json_lines([{"prompt": "p", "response": "r", "tools": "a hammer"}])))
    assert plain.conversations is None  # only a chat template has a use for it


def test_a_lone_surrogate_and_a_long_number_are_named_or_read(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", b'{"text": "a"}\n{"text": "\\udc80"}\n')
    with pytest.raises(NotText, match=r"'text' of line 2 of .*lone surrogate U\+DC80"):
        read(path)
    path = written(tmp_path / "b.jsonl", b'{"text": "a", "n": ' + b"9" * 5000 + b"}\n")
    assert list(read(path).responses) == [b"a"]


def test_short_and_long_rows_of_a_table_are_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", b"Best Answer,Question\nTen minutes.,Boil rice?\nshort row\n")
    with pytest.raises(InvalidParameter, match=r"row 3 of .*a\.csv has no 'Question'"):
        read(path)
    assert read(path, skip_missing=True).left_out == {"without the field": 1}
    path = written(tmp_path / "b.csv", b"text\na,b\n")
    with pytest.raises(CorruptFile, match=r"row 2 of .*b\.csv has 2 fields, and the table 1 columns"):
        read(path)
    path = written(tmp_path / "c.csv", b'text\n"never closed\n')
    with pytest.raises(CorruptFile, match=r"c\.csv is not a table of comma-separated values"):
        read(path)


def test_a_field_of_a_table_may_be_long(tmp_path: Path) -> None:
    long = "a" * 180_000
    assert list(read(written(tmp_path / "a.csv", table([{"text": long}], ","))).responses) == [long.encode()]


def test_bytes_are_kept(tmp_path: Path) -> None:
    rows = [{"prompt": "def double(x):", "response": "    return 2 * x\n"}, {"prompt": " p ", "response": "\tr \r\n"}]
    for name, data in (("a.jsonl", json_lines(rows)), ("a.json", json_array(rows)), ("a.csv", table(rows, ","))):
        found = read(written(tmp_path / name, data))
        assert list(found.responses) == [b"    return 2 * x\n", b"\tr \r\n"]
        assert list(found.prompts or ()) == [b"def double(x):", b" p "]


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    rows = [{"text": "a", "lang": "en"}, {"text": " ", "lang": "en"}, {"text": "b", "lang": "de"}, {"lang": "en"}]
    path = written(tmp_path / "a.jsonl", json_lines(rows))
    found = read(path, where="lang=en", skip_missing=True)
    assert (found.rows, found.used) == (4, 1)
    assert found.left_out == {"empty": 1, "of other values": 1, "without the field": 1}
    assert "4 rows: 1 empty, 1 of other values, 1 without the field: 1 used" in str(found)
    assert read(written(tmp_path / "a.txt", b"a\n\nb\n")).left_out == {"empty": 1}
    with pytest.raises(EmptyDataset, match=r"no row of .* has lang=fr: the values there are 'en', 'de'"):
        read(path, where="lang=fr")
    with pytest.raises(InvalidParameter, match="not of the form NAME=VALUE"):
        read(path, where="lang")


@pytest.mark.parametrize(
    ("value", "wanted"), [(True, "True"), (True, "true"), (1, "1.0"), (0.5, "0.50"), ("x y", "x y"), (None, "null")]
)
def test_rows_are_chosen_by_value_whatever_its_type(tmp_path: Path, value: object, wanted: str) -> None:
    path = written(tmp_path / "a.jsonl", json_lines([{"text": "a", "v": value}, {"text": "b", "v": "other"}]))
    assert list(read(path, where=f"v={wanted}").responses) == [b"a"]


def test_other_encodings_are_decoded_first(tmp_path: Path) -> None:
    data = json_lines([{"text": "é"}]).decode()
    for encoding in ("utf-16", "latin-1", "utf-8-sig"):
        path = written(tmp_path / "a.jsonl", data.encode(encoding))
        assert list(read(path, encoding=encoding).responses) == ["é".encode()]
    assert list(read(written(tmp_path / "a.txt", data.encode("utf-8-sig"))).responses) == ["é".encode()]
    assert list(read(written(tmp_path / "a.csv", b"\xef\xbb\xbftext\nb\n")).responses) == [b"b"]


def test_a_directory_is_read_file_by_file(tmp_path: Path) -> None:
    written(tmp_path / "a.txt", b"one\n")
    written(tmp_path / "b.jsonl", json_lines([{"prompt": "p", "response": "two"}]))
    found = read(tmp_path)
    assert list(found.responses) == [b"one", b"two"]
    assert list(found.prompts or ()) == [b"", b"p"]


def test_damaged_files_are_named(tmp_path: Path) -> None:
    for packing in (".gz", ".bz2", ".xz"):
        path = written(tmp_path / f"a.jsonl{packing}", PACKED[packing](json_lines([{"text": "a"}] * 100))[:-6])
        with pytest.raises(CorruptFile, match=r"a\.jsonl.* cut short or damaged"):
            read(path)
    for packing in (".gz", ".bz2", ".xz", ".zst"):
        needs_pyarrow("jsonl", packing)
        part = PACKED[packing](json_lines([{"text": "a"}]))
        path = written(tmp_path / f"b.jsonl{packing}", part + part)
        assert list(read(path).responses) == [b"a", b"a"]
        path.write_bytes(part + b"damaged" + part[7:])
        with pytest.raises(CorruptFile, match=r"b\.jsonl.* cut short or damaged"):
            read(path)
    for name in ARROW:
        whole = FORMATS[name][0]([{"text": "a" * 100}] * 100)
        path = written(tmp_path / f"a.{name}", whole[: len(whole) // 2] + whole[-4:])
        with pytest.raises(CorruptFile, match=rf"a\.{name} "):
            read(path, format=FORMATS[name][1])


@pytest.mark.parametrize("name", ARROW)
def test_no_damage_to_a_file_of_arrow_ends_the_process(tmp_path: Path, name: str) -> None:
    import random

    needs_pyarrow(name)
    chance, whole = random.Random(3), FORMATS[name][0]([{"text": f"row {i}", "n": i} for i in range(50)])
    refused = 0
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 1, 3))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            read(written(tmp_path / f"a.{name}", bytes(data)), format=FORMATS[name][1])
        except CompressLabError:
            refused += 1
    assert refused > 100


def test_a_missing_package_is_named_by_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"reading Parquet files needs .*compresslab\[scale\]"):
        read(written(tmp_path / "a.parquet", b"PAR1PAR1"))


def test_arrows_own_types_are_read_or_refused_by_name(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    pq = pytest.importorskip("pyarrow.parquet")

    def made(name: str, table: Any, ipc: bool = False) -> Path:
        path = tmp_path / name
        if ipc:
            with pa.ipc.new_file(str(path), table.schema) as writer:
                writer.write_table(table)
        else:
            pq.write_table(table, path)
        return path

    for kind in (pa.large_string(), pa.string_view(), pa.binary(), pa.dictionary(pa.int32(), pa.string())):
        values = pa.array(["a", "b"]).cast(kind) if not pa.types.is_dictionary(kind) else pa.array(["a", "b"], kind)
        path = made("a.arrow", pa.table({"text": values}), ipc=True)
        assert list(read(path).responses) == [b"a", b"b"], kind
    fixed = made("f.arrow", pa.table({"text": pa.array([b"ab", b"cd"], pa.binary(2))}), ipc=True)
    assert list(read(fixed).responses) == [b"ab", b"cd"]
    turns = [[{"role": "user", "content": "p"}, {"role": "assistant", "content": "r"}]]
    kind = pa.struct({"role": pa.string(), "content": pa.string()})
    for lists in (pa.list_(kind, 2), pa.list_view(kind), pa.large_list(kind)):
        path = made("l.arrow", pa.table({"messages": pa.array(turns, lists)}), ipc=True)
        assert list(read(path).responses) == [b"r"], lists
    numbers = made("n.parquet", pa.table({"text": pa.array([1, 2]).dictionary_encode()}))
    with pytest.raises(InvalidParameter, match=r"'text' of row 1 of .*n\.parquet is a number \(1\), not a text"):
        read(numbers)
    twice = made("t.parquet", pa.table([pa.array(["a"]), pa.array(["b"])], names=["text", "text"]))
    with pytest.raises(InvalidParameter, match=r"t\.parquet has 2 columns called 'text'"):
        read(twice)
    flat = pa.table({"a": pa.array([{"b": "inside"}]), "a.b": pa.array(["flat"]), "c": pa.array([{"d": "deep"}])})
    path = made("s.parquet", flat)
    assert list(read(path, field="a.b").responses) == [b"flat"]
    assert list(read(path, field="c.d").responses) == [b"deep"]


def test_options_of_one_role_are_not_those_of_another() -> None:
    options = ["response_field=chosen", "response_field=perturb:rejected", "where=align:good=true"]
    roles = ("align", "perturb")
    assert choice_for_role(options, "perturb", roles).response_field == "rejected"
    assert choice_for_role(options, "align", roles).response_field == "chosen"
    assert [choice_for_role(options, role, roles).where for role in roles] == [("good=true",), ()]
    with pytest.raises(InvalidParameter, match=r"--field is given 2 times .*or once for each role, such as align:a"):
        choice_for_role(["field=a", "field=b"], "align", roles)
    with pytest.raises(InvalidParameter, match="--field a and --response-field b are two ways"):
        choice_for_role(["field=a", "response_field=b"])
    with pytest.raises(UnknownName, match="unknown format 'jsnl': did you mean 'jsonl'"):
        DataChoice(format="jsnl")


solid = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=12).filter(
    lambda text: bool(text.encode().strip())
)


@settings(max_examples=50)
@given(st.lists(st.tuples(solid, solid), min_size=1, max_size=6), st.randoms())
def test_bytes_in_are_bytes_counted_whatever_the_wrapping(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]], random: Any
) -> None:
    folder = tmp_path_factory.mktemp("wrapped")
    rows: list[dict[str, Any]] = [{"prompt": p, "response": r, "id": str(i)} for i, (p, r) in enumerate(pairs)]
    wanted = [response.encode() for _, response in pairs]
    for name in ("jsonl", "json", "csv", "tsv"):
        found = read(written(folder / f"a.{name}", FORMATS[name][0](rows)))
        assert list(found.responses) == wanted, name
        assert found.prompt_bytes == sum(len(prompt.encode()) for prompt, _ in pairs)
    random.shuffle(rows)
    bare = [{"text": row["response"]} for row in rows]
    assert sorted(read(written(folder / "b.jsonl", json_lines(bare))).responses) == sorted(wanted)


def test_the_library_reads_files_through_the_same_door(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl.gz", PACKED[".gz"](json_lines([{"prompt": "p", "response": "r r"}])))
    assert Dataset.from_files(path).texts() == [b"r r"]
    assert Dataset.from_files(path, split="document", format="text").num_bytes == 35
    with pytest.raises(InvalidParameter, match="are not split: leave out split='word'"):
        Dataset.from_files(path, split="word")
    assert Dataset.from_jsonl(path, "response").texts() == [b"r r"]
    array = written(tmp_path / "a.json", json.dumps([{"text": "x"}, {"text": "y"}]).encode())
    assert Dataset.from_jsonl(array).texts() == [b"x", b"y"]
    with pytest.raises(InvalidParameter, match=r"field is \['a', 'b'\], not one name"):
        Dataset.from_jsonl(array, ["a", "b"])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.txt", "a.csv"])
@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n", b" \n\n", b"\xef\xbb\xbf \r\n"])
def test_a_file_of_nothing_is_empty_or_refused_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    try:
        found = read(written(tmp_path / name, content))
    except CompressLabError:
        return
    assert not any(bytes(text).strip(b"\xef\xbb\xbf \r\n") for text in found.responses)
