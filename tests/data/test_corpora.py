"""Embedded corpora: the same on every run, free of what they leave out, and independent of their cache."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import token
import tokenize
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from compresslab.data.cache import cache_folder, cached_texts, load_texts, save_texts, texts_digest
from compresslab.data.corpora import (
    Scenario,
    corpus_info,
    corpus_names,
    corpus_texts,
    default_scenario,
    load_corpus,
)
from compresslab.data.stdlib_text import (
    LEFT_OUT,
    docstrings,
    prose_documents,
    source_files,
    strip_docstrings_and_comments,
)
from compresslab.data.texts import Texts
from compresslab.errors import CorruptFile, InvalidParameter, UnknownName, UnreadableFile

# ---- what is in them ----


@pytest.mark.parametrize("name", corpus_names())
def test_sizes_are_those_of_real_text(name: str) -> None:
    info = corpus_info(name)
    megabytes = {"prose": (1, 4), "code": (3, 10), "names": (0.5, 3)}[name]
    assert megabytes[0] < info.num_bytes / 1e6 < megabytes[1]
    assert info.num_lines > 20_000
    lines = load_corpus(name)
    assert (lines.num_responses, lines.name) == (info.num_lines, name)
    assert load_corpus(name, "document").num_bytes == info.num_bytes
    assert load_corpus(name, "document").num_responses == info.num_documents


def test_code_and_names_have_lines_for_sentences() -> None:
    for name in ("code", "names"):
        assert load_corpus(name, "sentence").same_as(load_corpus(name, "line"))
    assert not load_corpus("prose", "sentence").same_as(load_corpus("prose", "line"))


def test_prose_holds_docstrings_and_topics() -> None:
    documents = list(corpus_texts("prose"))
    assert any(b"Serialize ``obj`` to a JSON formatted ``str``." in text for text in documents)
    assert any(text.startswith(b'The "assert" statement') for text in documents)


def test_code_holds_no_docstrings_and_no_comments() -> None:
    code = corpus_texts("code").buffer.tobytes()
    assert b"def dumps(obj" in code
    assert b"Serialize ``obj``" not in code
    assert b"# cached encoder" not in code


def test_names_leave_out_those_made_by_a_rule() -> None:
    names = load_corpus("names").texts()
    assert b"LATIN SMALL LETTER A" in names
    assert not any(name.startswith((b"CJK UNIFIED", b"HANGUL SYLLABLE ", b"TANGUT IDEOGRAPH")) for name in names)
    assert len(set(names)) == len(names)


def test_only_the_standard_library_counts() -> None:
    files = source_files()
    names = [name for name, _ in files]
    assert names == sorted(set(names))
    assert "json/decoder.py" in names
    for name in names:
        parts = name.removesuffix(".py").split("/")
        assert not LEFT_OUT & set(parts)
        assert "site-packages" not in parts
        assert parts[0] in sys.stdlib_module_names
    assert len(files) > 250


# ---- taking source apart ----

SOURCE = '''#!/usr/bin/env python
"""Module."""
import os  # why


class A:
    """é class
    of two lines."""

    # alone
    x = "# no comment"; """no docstring"""
    def f(self): "One line."
    def g(self):
        "First."; return 1
    async def h(self):
        """H.

        Indented.
        """
        # last
        return "é"  # é
'''
STRIPPED = '''import os


class A:

    x = "# no comment"; """no docstring"""
    def f(self):
    def g(self):
        ; return 1
    async def h(self):
        return "é"
'''


def test_stripping_leaves_everything_else_as_it_is() -> None:
    assert strip_docstrings_and_comments(SOURCE) == STRIPPED
    assert docstrings(SOURCE) == ["Module.", "é class\nof two lines.", "One line.", "First.", "H.\n\nIndented."]


@pytest.mark.parametrize(
    "source", ["", "x = 1", "# alone", '"""alone"""', "x = 1  # end", "def f(): pass\n\x0c\n# a\n"]
)
def test_stripping_at_the_edges(source: str) -> None:
    stripped = strip_docstrings_and_comments(source)
    assert "#" not in stripped
    assert "alone" not in stripped
    assert ("x = 1" in source) == ("x = 1" in stripped)


def significant(source: str) -> list[str]:
    layout = {token.NL, token.NEWLINE, token.INDENT, token.DEDENT, token.COMMENT, token.ENDMARKER}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [t.string for t in tokens if t.type not in layout]


def test_stripping_keeps_the_tokens_of_real_modules() -> None:
    def mentions(source: str) -> int:
        return sum(len(text) for text in docstrings(source))

    for name, path in source_files()[::40]:
        source = path.read_text("utf-8")
        stripped = strip_docstrings_and_comments(source, name)
        before, after = significant(source), significant(stripped)
        rest = iter(before)
        assert all(string in rest for string in after), name  # a subsequence: nothing new, nothing moved
        lost = len(before) - len(after)
        assert lost == len(docstring_statements(source)), name
        assert mentions(source) == 0 or len(stripped) < len(source)


def docstring_statements(source: str) -> list[str]:
    """Docstring tokens, counted in another way: a string that makes up the first statement of a block."""
    found: list[str] = []
    statement: list[tokenize.TokenInfo] = []
    opens = True
    for t in tokenize.generate_tokens(io.StringIO(source).readline):
        if t.type in (token.NL, token.COMMENT):
            continue
        if t.type in (token.NEWLINE, token.ENDMARKER):
            if opens and statement and all(s.type == token.STRING for s in statement):
                found += [s.string for s in statement]
            first = next((s.string for s in statement), "")
            opens = first in ("def", "class", "async") and statement[-1].string == ":"
            statement = []
        elif t.type not in (token.INDENT, token.DEDENT):
            statement.append(t)
    return found


def test_source_that_does_not_parse_is_named() -> None:
    with pytest.raises(CorruptFile, match=r"mine\.py is not Python source: "):
        strip_docstrings_and_comments("def", "mine.py")


def test_a_python_without_sources_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    with pytest.raises(UnreadableFile, match="holds no Python sources"):
        corpus_texts("code")
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path / "none"))
    with pytest.raises(UnreadableFile, match="none: no such file"):
        corpus_texts("code")


def test_a_python_without_topics_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compresslab.data.stdlib_text.source_files", list)
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(UnreadableFile, match=r"cannot read pydoc_data\.topics"):
        prose_documents()


# ---- the same on every run ----


@pytest.mark.slow
def test_another_process_makes_the_same_corpus(tmp_path: Path) -> None:
    script = (
        "from compresslab.data.corpora import corpus_info as info; print(info('prose').digest, info('names').digest)"
    )
    path = os.pathsep.join([str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")])
    made = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "COMPRESSLAB_CACHE": str(tmp_path), "PYTHONHASHSEED": "77", "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert made.stdout.split() == [corpus_info("prose").digest, corpus_info("names").digest]
    assert len(list(tmp_path.iterdir())) == 1  # names are not kept


@pytest.mark.slow
def test_progress_runs_to_the_end_when_a_corpus_is_made_and_not_when_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPRESSLAB_CACHE", str(tmp_path))
    calls: list[tuple[int, int]] = []
    first = corpus_texts("prose", progress=lambda done, total: calls.append((done, total)))
    total = len(source_files())
    assert calls == [(done, total) for done in range(1, total + 1)]
    calls.clear()
    second = corpus_texts("prose", progress=lambda done, total: calls.append((done, total)))
    assert calls == []
    assert texts_digest(first) == texts_digest(second)


# ---- the cache ----

SMALL = Texts.pack([b"one", b"", b"\xff two"])


def counting(key: str, counts: list[str]) -> list[bytes]:
    def build() -> Texts:
        counts.append(key)
        return SMALL

    return list(cached_texts(key, build))


def test_what_is_kept_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPRESSLAB_CACHE", str(tmp_path / "a" / "b"))
    counts: list[str] = []
    assert counting("x", counts) == counting("x", counts) == list(SMALL)
    assert counts == ["x"]
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["x.texts"]


def test_every_damage_is_noticed_and_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPRESSLAB_CACHE", str(tmp_path))
    path = tmp_path / "x.texts"
    save_texts(path, SMALL)
    whole = path.read_bytes()
    damaged = [whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in range(len(whole))]
    damaged += [whole[:i] for i in range(len(whole))] + [whole + b"\0"]
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(CorruptFile, match=r"x\.texts is (damaged|not a file of texts)"):
            load_texts(path)
    counts: list[str] = []
    assert counting("x", counts) == list(SMALL)
    assert counts == ["x"]
    assert path.read_bytes() == whole


def test_a_cache_that_cannot_be_written_breaks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    counts: list[str] = []
    for folder in (tmp_path / "file" / "below", tmp_path / "file", Path("/proc/none")):
        monkeypatch.setenv("COMPRESSLAB_CACHE", str(folder))
        assert counting("x", counts) == list(SMALL)
    assert len(counts) == 3
    assert (tmp_path / "file").read_text() == ""


def test_the_environment_says_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COMPRESSLAB_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == tmp_path / ".cache" / "compresslab"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "compresslab"
    monkeypatch.setenv("COMPRESSLAB_CACHE", "~/own")
    assert cache_folder() == tmp_path / "own"


# ---- the scenario ----


def parts(scenario: Scenario) -> list[object]:
    return [*scenario.pretrain.values(), scenario.align, scenario.perturb]


@pytest.mark.parametrize("unit", ["line", "sentence", pytest.param("word", marks=pytest.mark.slow), "document"])
def test_the_five_parts_are_equal_in_number_and_disjoint(unit: str) -> None:
    scenario = default_scenario(unit)
    assert list(scenario.pretrain) == ["names", "prose", "code"]
    sizes = {len(part) for part in parts(scenario)}  # type: ignore[arg-type]
    whole = {name: corpus_texts(name, unit) for name in corpus_names()}
    assert sizes == {min(len(whole["names"]), len(whole["prose"]) // 2, len(whole["code"]) // 2)}
    for name, held_out in (("prose", scenario.align), ("code", scenario.perturb)):
        used = Counter(scenario.pretrain[name].texts() + held_out.texts())
        assert used <= Counter(whole[name])  # as multisets: no response twice


def test_held_out_prose_is_like_prose_and_held_out_code_like_code() -> None:
    scenario = default_scenario()
    shares = {
        part.name: np.bincount(part.tokens, minlength=256) / part.num_tokens
        for part in [*scenario.pretrain.values(), scenario.align, scenario.perturb]
    }

    def distance(a: str, b: str) -> float:
        return float(np.abs(shares[a] - shares[b]).sum())

    for held_out, like in (("prose, held out", "prose"), ("code, held out", "code")):
        for other in {"names", "prose", "code"} - {like}:
            assert distance(held_out, like) < 0.02 < 0.2 < distance(held_out, other)


def test_the_seed_decides_the_scenario() -> None:
    first, again, other = (default_scenario(seed=seed) for seed in (1, np.random.default_rng(1), 2))
    assert all(a.same_as(b) for a, b in zip(parts(first), parts(again), strict=True))  # type: ignore[attr-defined]
    assert not first.align.same_as(other.align)
    with pytest.raises(InvalidParameter, match="seed is -1"):
        default_scenario(seed=-1)


@pytest.mark.slow
def test_words_are_shared_by_the_whole_scenario() -> None:
    scenario = default_scenario(tokenizer="words", max_vocab=1000)
    assert {part.vocab_size for part in [*scenario.pretrain.values(), scenario.align, scenario.perturb]} == {1256}
    scenario.align.check_same_vocabulary(scenario.perturb)
    first = corpus_texts("prose")
    assert scenario.align.texts()[0] in first.buffer.tobytes()


@pytest.mark.parametrize(
    ("name", "unit", "message"),
    [
        ("prosa", "line", r"unknown corpus 'prosa': did you mean 'prose'\? \(known: code, names, prose\)"),
        ("prose", "lines", r"unknown unit 'lines' to split by: did you mean 'line'\?"),
    ],
)
def test_unknown_names_say_what_is_known(name: str, unit: str, message: str) -> None:
    with pytest.raises(UnknownName, match=message):
        load_corpus(name, unit)
