"""Texts dealt out to roles: no text is in two parts, no file in two roles, and what was left out is counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compresslab.errors import InvalidParameter, UnknownName
from compresslab.experiments.data.tuning_texts import TextSpec, deal_texts, read_source, source_label, text_record
from compresslab.experiments.models.given_models import given_model
from compresslab.experiments.rebound.experiment import read_texts
from compresslab.experiments.rebound.presets import rebound_preset
from compresslab.experiments.resistance.presets import resistance_preset
from compresslab.experiments.resistance.spec import resistance_notes, source_labels, usable_pairs

SMALL = {"held_out": 3, "contained": 4, "judged": 5, "longest": 30}


def made(folder: Path, **repeats: int) -> dict[str, tuple[str, ...]]:
    """Write thirty different texts for each role, each ``repeats[role]`` times."""
    found = {}
    for role in ("pretrain", "positive", "negative"):
        path = folder / f"{role}.txt"
        path.write_text("".join(f"{role} {i}\n" for i in range(30)) * repeats.get(role, 1))
        found[role] = (str(path),)
    return found


def test_no_text_is_in_two_parts(tmp_path: Path) -> None:
    spec = TextSpec(**made(tmp_path, pretrain=3, positive=20, negative=7), **SMALL)
    dealt = deal_texts(spec, 10)
    for role in ("positive", "negative"):
        parts = [dealt.held_out[role], dealt.train[role], dealt.judge[role]]
        parts.append([text for text in dealt.contained if text.startswith(role.encode())])
        texts = [text for part in parts for text in part]
        assert sorted(texts) == sorted(f"{role} {i}".encode() for i in range(30))
    assert not set(dealt.held_out["pretrain"]) & set(dealt.pretrain)
    assert "positive: positive.txt is text by line, 600 rows: 570 repeated: 30 used." in dealt.notes


def test_repeats_are_kept_when_asked_for_and_in_embedded_corpora(tmp_path: Path) -> None:
    files = made(tmp_path, positive=4)
    kept = deal_texts(TextSpec(**files, **SMALL, repeats="kept"), 10)
    assert len(kept.train["positive"]) == 120 - 3 - 4 - 5
    corpus = TextSpec(**{**files, "negative": ("code",)}, **SMALL)
    assert not corpus.are_apart("negative")
    assert corpus.are_apart("positive")
    with pytest.raises(UnknownName, match="unknown way with repeats 'apar': did you mean 'apart'"):
        TextSpec(repeats="apar").check()


def test_one_file_in_two_roles_is_refused(tmp_path: Path) -> None:
    files = made(tmp_path)
    with pytest.raises(InvalidParameter, match=r"positive\.txt is in two roles, positive and negative"):
        deal_texts(TextSpec(**{**files, "negative": files["positive"]}, **SMALL), 10)
    (tmp_path / "copy.txt").write_bytes(Path(files["positive"][0]).read_bytes())
    with pytest.raises(InvalidParameter, match="30 equal texts are in two roles, pretrain and positive"):
        deal_texts(TextSpec(**{**files, "pretrain": (str(tmp_path / "copy.txt"),)}, **SMALL), 10)
    Path(files["negative"][0]).write_text("".join(f"negative {i}\n" for i in range(40)) + "positive 1\n")
    notes = deal_texts(TextSpec(**files, **SMALL, repeats="apart"), 10).notes
    size = sum(len(f"positive {i}") for i in range(30))
    wanted = f"1 of 30 positive texts (10 of {size} bytes) stand in the negative data: whole, or in runs of 50 bytes."
    assert notes[-2] == wanted
    assert notes[-1].startswith("1 of 41 negative texts (10 of ")


@pytest.mark.slow
def test_a_file_that_holds_text_of_an_embedded_corpus_is_reported(tmp_path: Path) -> None:
    files = made(tmp_path)
    known = next(text for text in read_source("prose") if 60 < len(text) < 90)
    Path(files["positive"][0]).write_bytes(b"".join(b"positive %d\n" % i for i in range(29)) + known + b"!\n")
    spec = TextSpec(**{**files, "pretrain": ("prose",)}, **{**SMALL, "longest": 100}, limit=None)
    notes = deal_texts(spec, 10).notes
    size = sum(len(f"positive {i}") for i in range(29)) + len(known) + 1
    assert f"1 of 30 positive texts ({len(known)} of {size} bytes) stand in the pretrain data" in " ".join(notes)
    embedded = deal_texts(TextSpec(limit=500), 10).notes
    assert embedded == ()


def test_rows_are_read_by_role_and_left_out_rows_are_counted(tmp_path: Path) -> None:
    files = made(tmp_path)
    path = tmp_path / "pairs.jsonl"
    rows = [{"prompt": "p", "chosen": f"good {i}", "rejected": f"bad {i}"} for i in range(30)]
    rows += [
        rows[0],
        {"prompt": "p", "chosen": "", "rejected": ""},
        {"prompt": "p", "chosen": "x" * 31, "rejected": "y" * 31},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = ["response_field=positive:chosen", "response_field=negative:rejected"]
    data = [f"pretrain={files['pretrain'][0]}", f"positive={path}", f"negative={path}"]
    spec = rebound_preset("demo", data=data, reading=options, longest=30).texts
    spec = TextSpec(spec.pretrain, spec.positive, spec.negative, **SMALL, options=spec.options)
    dealt = deal_texts(spec, 10)
    assert all(text.startswith(b"good") for text in dealt.train["positive"])
    assert all(text.startswith(b"bad") for text in dealt.train["negative"])
    assert (
        "positive: pairs.jsonl is JSON lines, preference (prompt, chosen), 33 rows: 1 empty, 1 repeated, 1 longer than "
        "30 bytes (--longest): 30 used; 32 bytes of prompts are context."
    ) in dealt.notes
    said = text_record(spec, 10)
    assert said["options"] == options
    assert read_texts(said).options == options
    with pytest.raises(InvalidParameter, match="--response-field is for files of data: give them with --data"):
        rebound_preset("demo", reading=options)


def test_pairs_of_every_form_are_the_same_pairs(tmp_path: Path) -> None:
    pairs = [(f"How is {i}?", f"It is {i}.") for i in range(6)]
    rows = [{"prompt": p, "response": r} for p, r in pairs]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    table = "prompt\tresponse\n" + "".join(f"{p}\t{r}\n" for p, r in pairs)
    wanted = tuple((p.encode(), r.encode()) for p, r in pairs)
    names = {"a.jsonl": lines, "a.txt": lines, "a.ndjson": lines, "a.JSONL": lines, "b.json": lines, "a.tsv": table,
             "a.csv": table.replace("\t", ",")}  # fmt: skip
    for name, text in names.items():
        (tmp_path / name).write_text(text)
        assert usable_pairs(str(tmp_path / name), 200) == wanted, name
    spec = resistance_preset("demo", data=[str(tmp_path / "a.txt")], longest=16)
    assert resistance_notes(spec) == [
        "a.txt is JSON lines, prompt-completion (prompt, response), 6 rows: 6 longer than 16 bytes (--longest): "
        "0 pairs used."
    ]
    texts = tmp_path / "texts.jsonl"
    texts.write_text('{"text": "one two three four five"}\n')
    with pytest.raises(InvalidParameter, match="which has no prompts: name their field with --prompt-field"):
        usable_pairs(str(texts), 200)


def test_the_command_names_its_options(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_text('{"title": "x"}\n')
    options: list[Any] = ["--data", "pretrain=prose", "--data", "positive=a.jsonl", "--data", "negative=names"]
    code, _, err = run("experiment", "rebound", "--out", "out", *options)
    assert code == 1
    assert (
        "a.jsonl has no fields of a known kind: its fields are 'title'; name the field of the texts with --field" in err
    )
    code, _, err = run("experiment", "resistance", "--out", "out", "--data", "a.jsonl")
    assert (code, "--prompt-field ... and --response-field ..." in err) == (1, True)
    assert not Path("out").exists()


def test_two_files_of_one_name_have_different_labels(tmp_path: Path) -> None:
    sources = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "pairs.jsonl"
        path.write_text("".join(json.dumps({"prompt": f"{folder} {i}", "response": "r"}) + "\n" for i in range(12)))
        sources.append(str(path))
    assert list(source_labels([*sources, "names"]).values()) == ["a/pairs.jsonl", "b/pairs.jsonl", "names"]
    assert list(source_labels(["a/pairs.jsonl", "b/pairs.jsonl"]).values()) == ["a/pairs.jsonl", "b/pairs.jsonl"]
    spec = replace(resistance_preset("demo", data=sources), slice_pairs=2, prompts=4, responses=4)
    spec.check()
    with pytest.raises(InvalidParameter, match="each once"):
        replace(spec, data=(sources[0], sources[0])).check()


def test_a_size_that_is_nearly_one_is_suggested() -> None:
    pytest.importorskip("transformers", reason="needs the extra 'lm'")
    with pytest.raises(UnknownName, match="unknown model '96': did you mean '96k'"):
        given_model("96", "cpu")


def test_a_source_whose_name_is_not_unicode_has_a_name_that_files_can_hold() -> None:
    assert source_label("a/p\udcff.txt") == source_label("p\\xff.txt") == "p\\xff.txt"
    assert source_labels(["p\udcff.txt"]) == {"p\udcff.txt": "p\\xff.txt"}
