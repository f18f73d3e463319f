"""Reading and splitting: what a line, a sentence and a word are, and which files are text."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab._support.files import write_atomic
from compresslab.data.dataset import Dataset
from compresslab.data.readers import find_files
from compresslab.data.splitting import split_texts
from compresslab.data.texts import Texts
from compresslab.errors import (
    CompressLabError,
    CorruptFile,
    EmptyDataset,
    InvalidParameter,
    MissingExtra,
    NotText,
    UnknownName,
    UnreadableFile,
)

law = settings(max_examples=200, deadline=None)
raw_text = st.lists(
    st.sampled_from(
        [b"a", b"\xc3\xa9", b"\xff", b" ", b"\t", b"\n", b"\r", b"\r\n", b"\x0b", b".", b"!", b'"', b"\xe3\x80\x82"]
    ),
    max_size=20,
).map(b"".join)
raw_texts = st.lists(raw_text, max_size=5)
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def split(texts: list[bytes], unit: str, *, keep_blank: bool = False) -> list[bytes]:
    return list(split_texts(Texts.pack(texts), unit, keep_blank=keep_blank))


# ---- splitting: against the slowest possible reading of the definition ----


@law
@given(raw_texts)
def test_lines_are_what_ends_in_a_line_break(texts: list[bytes]) -> None:
    expected = [re.sub(rb"\r?\n\Z", b"", line) for text in texts for line in re.findall(rb"[^\n]*\n|[^\n]+", text)]
    assert split(texts, "line", keep_blank=True) == expected
    assert split(texts, "line") == [line for line in expected if line.strip()]


@law
@given(raw_texts)
def test_words_are_what_white_space_parts(texts: list[bytes]) -> None:
    assert split(texts, "word") == [word for text in texts for word in text.split()]


@law
@given(raw_texts)
def test_sentences_lose_nothing_but_the_white_space_between_them(texts: list[bytes]) -> None:
    sentences = split(texts, "sentence")
    assert all(sentence == sentence.strip() != b"" for sentence in sentences)
    assert b"".join(b"".join(sentences).split()) == b"".join(b"".join(texts).split())
    if len(texts) == 1:
        at = 0
        for sentence in sentences:  # each stands in the text as it is, after the one before
            at = texts[0].index(sentence, at) + len(sentence)


@law
@given(raw_texts)
def test_documents_are_the_texts(texts: list[bytes]) -> None:
    assert split(texts, "document") == texts


@law
@given(raw_texts, st.sampled_from(["line", "sentence", "word"]))
def test_a_response_never_spans_two_texts(texts: list[bytes], unit: str) -> None:
    assert split(texts, unit) == [piece for text in texts for piece in split([text], unit)]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("To be. Or not to be?! That is it", ["To be.", "Or not to be?!", "That is it"]),
        ('He said "No." And left.', ['He said "No."', "And left."]),
        ("He said “No.” (Why?) Pi is 3.14 e.g.this", ["He said “No.”", "(Why?)", "Pi is 3.14 e.g.this"]),
        ("A title\n \nThe text\nruns on", ["A title", "The text\nruns on"]),
        ("雪。月！花？」夜", ["雪。", "月！", "花？」", "夜"]),
        ("Mr. Smith", ["Mr.", "Smith"]),  # as documented: abbreviations are not known
        (" \n\n \n", []),
    ],
)
def test_sentences_end_where_the_table_says(text: str, sentences: list[str]) -> None:
    assert split([text.encode()], "sentence") == [sentence.encode() for sentence in sentences]


def test_units_are_checked() -> None:
    with pytest.raises(UnknownName, match=r"unknown unit 'wrod' to split by: did you mean 'word'\?"):
        split([b"a"], "wrod")


# ---- files ----


def test_files_are_read_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\r\n\n  two\xff \nthree")
    data = Dataset.from_files(tmp_path / "a.txt")
    assert data.texts() == [b"one", b"  two\xff ", b"three"]
    assert (data.num_bytes, data.name) == (15, "a.txt")
    assert Dataset.from_files(str(tmp_path / "a.txt"), keep_blank=True).texts()[1] == b""
    assert Dataset.from_files(tmp_path / "a.txt", split="document").num_bytes == 19


def test_a_file_without_a_last_line_break_does_not_run_into_the_next(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"two")
    assert Dataset.from_files([tmp_path / "b", tmp_path / "a"]).texts() == [b"two", b"one"]


def test_directories_are_read_in_sorted_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.txt", "a/c/y.txt", "a.txt", ".hidden", ".git/x.txt", "c.bin"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    names = [path.relative_to(tmp_path).as_posix() for path in find_files(tmp_path, "*.txt")]
    assert names == ["a/c/y.txt", "a/z.txt", "a.txt", "b.txt"]
    assert Dataset.from_files(tmp_path, pattern="*.bin").texts() == [b"c.bin"]
    assert Dataset.from_files(tmp_path).num_responses == 5
    assert Dataset.from_files(tmp_path).name == ""
    with pytest.raises(UnreadableFile, match=r"the directory holds no file that matches '\*\.md'"):
        Dataset.from_files(tmp_path, pattern="*.md")


def test_other_encodings_become_utf8(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes("né\n".encode("latin-1"))
    assert Dataset.from_files(file).texts() == [b"n\xe9"]
    assert Dataset.from_files(file, encoding="latin-1").texts() == ["né".encode()]
    with pytest.raises(NotText, match=r"a\.txt is not ascii: .* position 1"):
        Dataset.from_files(file, encoding="ascii")
    with pytest.raises(UnknownName, match="unknown encoding 'latin-one'"):
        Dataset.from_files(file, encoding="latin-one")
    with pytest.raises(UnknownName, match="unknown encoding 'zlib'"):  # a codec, but not of text
        Dataset.from_files(file, encoding="zlib")


def test_binary_files_are_refused_as_text(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(b"abc\0def")
    with pytest.raises(NotText, match=r"a\.bin is not text: byte 3 is NUL; .* use text=False with split='document'"):
        Dataset.from_files(file)
    assert Dataset.from_files(file, text=False, split="document").texts() == [b"abc\0def"]
    file.write_bytes("héllo".encode("utf-16"))
    with pytest.raises(NotText, match="begins like UTF-16, so try encoding='utf-16'"):
        Dataset.from_files(file)
    assert Dataset.from_files(file, encoding="utf-16").texts() == ["héllo".encode()]


@pytest.mark.parametrize(("controls", "refused"), [(5, False), (6, True)])
def test_the_share_of_control_characters_decides(tmp_path: Path, controls: int, refused: bool) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"\x01" * controls + b"a" * (100 - controls))
    if refused:
        with pytest.raises(NotText, match=r"6% of its bytes are control characters, over 5%"):
            Dataset.from_files(file)
    else:
        assert Dataset.from_files(file).num_bytes == 100


def test_tabs_escapes_and_high_bytes_are_text(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"\t\x1b[0m\x08\x0c\r\n\v" + bytes(range(128, 256)))
    assert Dataset.from_files(file, split="document").num_bytes == 138


@pytest.mark.parametrize(
    ("paths", "error", "message"),
    [
        ("missing.txt", UnreadableFile, r"cannot read missing\.txt: no such file"),
        ("nul\0.txt", UnreadableFile, "cannot read nul\0.txt: embedded null"),
        ([], InvalidParameter, "no paths: give at least one"),
    ],
)
def test_unreadable_paths_are_named(paths: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Dataset.from_files(paths)
    with pytest.raises(OSError if error is UnreadableFile else ValueError):  # the built-in class counts
        Dataset.from_files(paths)


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "locked"
    file.write_text("a")
    file.chmod(0)
    try:
        file.read_bytes()
    except PermissionError:
        with pytest.raises(UnreadableFile, match="locked: permission denied"):
            Dataset.from_files(file)
    else:
        pytest.skip("this user reads files whatever their permissions")


def test_a_blank_file_is_an_empty_dataset(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(" \n\n")
    with pytest.raises(EmptyDataset, match=r"a\.txt: no responses: the text is empty or blank"):
        Dataset.from_files(tmp_path / "a.txt")
    (tmp_path / "b.txt").write_text("")
    assert Dataset.from_files(tmp_path / "b.txt", split="document").lengths.tolist() == [1]


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is absent")
def test_film_reviews_are_read_as_they_are() -> None:
    files = [SHARED / "rt-polarity.neg", SHARED / "rt-polarity.pos"]
    data = Dataset.from_files(files)
    assert data.num_responses == 2 * 5331
    assert b"\n".join(data.texts()) + b"\n" == b"".join(file.read_bytes() for file in files)


# ---- JSON lines ----


def jsonl(path: Path, *lines: object) -> Path:
    path.write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


def test_json_lines_are_read_by_field(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "a.jsonl", {"text": "né\n", "id": 1}, "\n", {"text": ""}, {"text": "b", "answer": "c"})
    data = Dataset.from_jsonl(file)
    assert data.texts() == ["né\n".encode(), b"", b"b"]
    assert (data.num_bytes, data.name) == (5, "a.jsonl")
    assert Dataset.from_jsonl(file, "answer", skip_missing=True).texts() == [b"c"]
    assert Dataset.from_jsonl(tmp_path, split="word").texts() == ["né".encode(), b"b"]


@pytest.mark.parametrize(
    ("line", "error", "message"),
    [
        ('{"text": 1', CorruptFile, r"line 2 of .*a\.jsonl is not JSON: "),
        ("[1]", CorruptFile, r"line 2 of .* is not a JSON object: b'\[1\]'"),
        ('{"texts": "a"}', InvalidParameter, r"line 2 of .* has no field 'text': did you mean 'texts'\?"),
        ('{"text": null}', InvalidParameter, "'text' in line 2 of .* is None, not a string: use skip_missing=True"),
        ('{"text": 3}', InvalidParameter, "'text' in line 2 of .* is 3, not a string$"),
        ('{"text": "\\ud800"}', NotText, r"'text' in line 2 of .*lone surrogate U\+D800"),
    ],
)
def test_bad_json_lines_are_named(tmp_path: Path, line: str, error: type[CompressLabError], message: str) -> None:
    with pytest.raises(error, match=message):
        Dataset.from_jsonl(jsonl(tmp_path / "a.jsonl", {"text": "a"}, line))


def test_missing_json_lines_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"cannot read .*none\.jsonl: no such file"):
        Dataset.from_jsonl(tmp_path / "none.jsonl")


# ---- Parquet ----


def test_parquet_columns_are_read(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    pq = pytest.importorskip("pyarrow.parquet")
    values = ["né", "", None, "c" * 1000]
    kinds = {
        "string": pa.array(values),
        "large": pa.array(values, pa.large_string()),
        "binary": pa.array([None if v is None else v.encode() for v in values], pa.binary()),
        "dictionary": pa.array(values).dictionary_encode(),
        "full": pa.array(["a", "b", "c", "d"]),
        "number": pa.array([1, 2, 3, 4]),
    }
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table(kinds), file, row_group_size=2)
    for column in ("string", "large", "binary", "dictionary"):
        data = Dataset.from_parquet(file, column, skip_missing=True)
        assert data.texts() == ["né".encode(), b"", b"c" * 1000], column
        with pytest.raises(InvalidParameter, match=rf"row 2 of column '{column}' of .* is null: use skip_missing=True"):
            Dataset.from_parquet(file, column)
    assert Dataset.from_parquet([file, file], "full").texts() == [b"a", b"b", b"c", b"d"] * 2
    assert Dataset.from_parquet(tmp_path, "full", "bits").num_tokens == 32
    with pytest.raises(InvalidParameter, match=r"column 'number' of .* holds int64, not strings"):
        Dataset.from_parquet(file, "number")
    with pytest.raises(InvalidParameter, match=r"has no column 'strings': did you mean 'string'\?"):
        Dataset.from_parquet(file, "strings")


def test_bad_parquet_files_are_named(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    (tmp_path / "a.parquet").write_text("no such thing")
    with pytest.raises(CorruptFile, match=r"a\.parquet is not a Parquet file"):
        Dataset.from_parquet(tmp_path / "a.parquet", "text")
    with pytest.raises(UnreadableFile, match=r"cannot read .*b\.parquet"):
        Dataset.from_parquet(tmp_path / "b.parquet", "text")


def test_parquet_without_pyarrow_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"reading Parquet files needs .* pip install 'compresslab\[scale\]'"):
        Dataset.from_parquet("a.parquet", "text")


# ---- writing ----


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a"
    write_atomic(target, [b"old"])

    def failing() -> Iterator[bytes]:
        yield b"new"
        raise OSError(28, "No space left on device")

    with pytest.raises(UnreadableFile, match=r"cannot write .*a: no space left on device"):
        write_atomic(target, failing())
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    write_atomic(target, [b"ne", memoryview(b"w")])
    assert target.read_bytes() == b"new"


def test_texts_refuse_what_is_no_buffer_of_bytes() -> None:
    makers: list[Callable[[], object]] = [
        lambda: Texts(np.zeros(2, np.int64), np.array([0, 2])),
        lambda: Texts(np.zeros((1, 1), np.uint8), np.array([0, 1])),
    ]
    for make in makers:
        with pytest.raises(InvalidParameter, match="a text buffer is 1-D uint8, not"):
            make()
    with pytest.raises(IndexError, match="text 1 of 1"):
        Texts.pack(["a"])[1]
