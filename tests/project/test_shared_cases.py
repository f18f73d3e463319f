"""The inputs that once failed, as they lie in ../shared/cases: each behaves as the README beside them says.

The laws behind them are tested where they belong, on inputs that the tests make. This is the list of the inputs
themselves, so that none is forgotten: a file that the table below lacks fails the first test.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compresslab import Mixture, TokenTree
from compresslab.errors import CorruptFile
from compresslab.experiments.data.dialogues import read_pairs
from compresslab.experiments.data.tuning_texts import read_source

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"
if not CASES.is_dir():
    pytest.skip("../shared/cases is absent", allow_module_level=True)

Run = Callable[..., tuple[int, str, str]]
LISTED = "the header cannot be true: "

# file -> what info, verify and decompress say; and how many bytes --recover writes (None: it refuses)
CLZ: dict[str, tuple[str, int | None]] = {
    "chunk_size_zero.clz": (LISTED + "its chunks have 0 bytes each", 5),
    "facts_json_list.clz": (LISTED + "the text of its facts is not a JSON object", 5),
    "facts_json_deep.clz": (LISTED + "the text of its facts has more than 16384 bytes", 5),
    "facts_no_settings.clz": (LISTED + "the text of its facts lacks 'settings'", 5),
    "fingerprint_empty.clz": (LISTED + "the fingerprint of its model is empty", 430),
    "hdr_only_1TB.clz": (LISTED + "it claims chunks of 2147483648 bytes", None),
    "claims_2p60_chunks_of_1_hdr_only.clz": (LISTED + "it claims 1152921504606846976 chunks", None),
    "claims_1TB_raw.clz": (LISTED + "it claims chunks of 1099511627776 bytes", None),
    "claims_2p62_lzma.clz": (LISTED + "it claims chunks of 4611686018427387904 bytes", None),
    "quad_5000.clz": ("the end of the file is missing or damaged", 5),
}
TWO = [(b"How do I boil rice?", b"Ten minutes."), (b"How do I peel corn?", b"By hand.")]
MINUTES = b"Ten minutes."

# file -> its pairs; or what is said of it, where no reading of it is the only one
DATA: dict[str, list[tuple[bytes, bytes]] | str] = {
    "pairs.jsonl": TWO,
    "pairs_json_lines.txt": TWO,
    "pairs.tsv": TWO[:1],
    "indented.jsonl": [(b"def double(x):", b"    return 2 * x\n")],
    "short_row.csv": "row 3 of .*short_row.csv has no 'Question'",
    "alpaca.jsonl": [(b"Boil rice?", MINUTES)],
    "beaver.jsonl": [(b"Boil rice?", MINUTES)],
    "completion.jsonl": [(b"Boil rice?", MINUTES)],
    "messages.jsonl": [(b"Boil rice?", MINUTES)],
    "sharegpt.jsonl": [(b"Boil rice?", MINUTES)],
    "dpo.jsonl": "can be read in 2 ways: give one of --response-field chosen",
    "hh.jsonl": "can be read in 2 ways: give one of --response-field chosen",
}
PAIRS = {name: pairs for name, pairs in DATA.items() if not isinstance(pairs, str)}
REFUSED = {name: said for name, said in DATA.items() if isinstance(said, str)}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_input_is_in_a_table() -> None:
    others = {"ansi_in_model.clz", "heap_corruption.tree"}
    assert {path.name for path in (CASES / "clz").iterdir()} == CLZ.keys() | others
    assert {path.name for path in (CASES / "data").iterdir()} == DATA.keys()


@pytest.mark.parametrize("name", CLZ)
def test_a_file_that_lies_is_refused_by_name_and_recovery_saves_what_is_there(run: Run, here: Path, name: str) -> None:
    said, saved = CLZ[name]
    for command in (["info"], ["verify"], ["decompress", "--out", "out"]):
        code, out, err = run(*command, CASES / "clz" / name)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert said in err
    assert not Path("out").exists()
    begun = time.process_time()
    code, out, err = run("decompress", "--recover", "--out", "saved", CASES / "clz" / name)
    assert code == 1
    assert name != "quad_5000.clz" or time.process_time() - begun < 2
    if saved is None:
        assert (out, err.count("\n")) == ("", 1)
        assert "nothing to recover" in err
        assert not list(here.iterdir())
    else:
        assert Path("saved").stat().st_size == saved


def test_what_a_header_says_reaches_a_terminal_as_escapes(run: Run, here: Path) -> None:
    file = CASES / "clz" / "ansi_in_model.clz"
    code, out, _ = run("info", file)
    assert code == 0
    assert r"\x1b]0;pwned\x07\x1b[2J" in out
    code, more, err = run("verify", file)
    assert (code, more, err.count("\n")) == (1, "", 1)
    assert "a file does not choose what is loaded here: name it with --model" in err
    assert all(sign.isprintable() or sign == "\n" for sign in out + err)


@pytest.mark.parametrize("mapped", [False, True])
def test_arrays_of_a_tree_that_do_not_agree_are_refused(mapped: bool) -> None:
    with pytest.raises(CorruptFile, match="array lengths do not agree"):
        TokenTree.load(CASES / "clz" / "heap_corruption.tree", mapped=mapped)


def test_rows_that_miss_1_by_as_much_as_they_differ() -> None:
    rows = {"a": [0.3863697000679164, 0.6136302999320837], "b": [0.3863697000679152, 0.6136302999320847]}
    jacobian = Mixture(rows, {"a": 0.00015519294229211444, "b": 1.0168512053885068e-06}).jacobian_nats()
    assert np.abs(jacobian).max() == pytest.approx(2.1183e-28, rel=1e-4)


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_are_read_as_pairs_in_every_form(run: Run, here: Path, name: str) -> None:
    file = CASES / "data" / name
    wanted = PAIRS[name]
    size = sum(len(response) for _, response in wanted)
    assert read_pairs(str(file)) == wanted
    assert list(read_source(str(file))) == [response for _, response in wanted]
    assert json.loads(run("rate", file, "--no-code", "--json")[1])["bytes"] == size


def test_every_command_counts_the_responses_of_pairs(run: Run, here: Path) -> None:
    file = CASES / "data" / "pairs.jsonl"
    assert json.loads(run("tree", file, "--save", "T", "--json")[1])["phrases"] == 7  # of 12 and of 8 bytes, and EOS
    assert json.loads(run("rate", file, "--model", "tree:T", "--json")[1])["bytes"] == 20
    assert "pairs.jsonl          2     20  " in run("score", "--model", "tree:T", "--data", file)[1]
    found = json.loads(run("elasticity", "--pretrain", file, "--align", file, "--perturb", file, "--json")[1])
    assert [part["symbols"] for part in found["parts"]] == [20 + 2] * 3
    lines = CASES / "data" / "pairs_json_lines.txt"
    code, _, err = run("experiment", "resistance", "--data", lines, "--out", "o")
    assert (code, err.count("\n")) == (1, 1)
    assert "pairs_json_lines.txt has 2 different prompts of pairs" in err


@pytest.mark.parametrize("name", [f"pairs{suffix}" for suffix in (".ndjson", ".JSONL", ".json", ".txt")])
def test_the_name_of_a_file_of_json_lines_changes_nothing(here: Path, name: str) -> None:
    shutil.copy(CASES / "data" / "pairs_json_lines.txt", name)
    assert read_pairs(name) == TWO
    assert list(read_source(name)) == [response for _, response in TWO]


def test_a_table_is_read_by_its_columns_with_commas_too(run: Run, here: Path) -> None:
    Path("pairs.csv").write_text((CASES / "data" / "pairs.tsv").read_text("utf-8").replace("\t", ","))
    assert read_pairs("pairs.csv") == TWO[:1]
    assert list(read_source("pairs.csv")) == [MINUTES]
    assert json.loads(run("rate", "pairs.csv", "--no-code", "--json")[1])["bytes"] == len(MINUTES)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_in_one_way_is_refused_with_the_fields_and_the_option(
    run: Run, here: Path, name: str
) -> None:
    file = CASES / "data" / name
    for command in (["rate"], ["tree"], ["experiment", "resistance", "--out", "o", "--data"]):
        code, out, err = run(*command, file)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert re.search(REFUSED[name], err)
    if name != "short_row.csv":
        found: Any = json.loads(run("rate", file, "--response-field", "chosen", "--no-code", "--json")[1])
        assert found["bytes"] == len(MINUTES)
