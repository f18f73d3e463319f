"""The command line as a person uses it: what it prints, where errors go, and with which exit code."""

from __future__ import annotations

import importlib.util
import json
import math
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compresslab import Dataset, TokenTree, entropy_bits, huffman_code_length_bits, ideal_code_length_bits
from compresslab._support import progress
from compresslab._support.progress import working
from compresslab.cli.main import COMMANDS, load_command
from tests.commands import every_command

pytestmark = pytest.mark.usefixtures("compiled_byte_model")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def texts(tmp_path: Path) -> dict[str, Path]:
    contents = {
        "names": "ALPHA\nBETA\nGAMMA\nDELTA\n" * 5,
        "prose": "to be or not\nthat is the\nquestion to be\n" * 5,
        "code": "if x: y = 1\nfor z in y:\n    pass\n" * 5,
        "more": "not to be\nis that the question\n" * 3,
        "other": "for y in x:\n    y = 2\n" * 3,
    }
    paths = {name: tmp_path / f"{name}.txt" for name in contents}
    for name, text in contents.items():
        paths[name].write_text(text)
    return paths


def test_rate_says_what_the_library_says(run: Run, texts: dict[str, Path]) -> None:
    code, out, err = run("rate", texts["prose"], "--depth", 3, "--json")
    assert (code, err) == (0, "")
    got = json.loads(out)
    data = Dataset.from_files(texts["prose"])
    tree = TokenTree.build(data, 3)
    p = tree.leaves()
    assert got["symbols"] == data.num_symbols
    assert got["bytes"] == data.num_bytes == sum(map(len, data.texts()))
    assert (got["phrases"], got["leaves"], got["depth"]) == (tree.total, tree.num_leaves, 3)
    assert got["entropy_bits"] == entropy_bits(p)
    assert got["total_entropy_bits"] == tree.total * entropy_bits(p)
    assert got["total_huffman_bits"] == pytest.approx(tree.total * huffman_code_length_bits(p), abs=1e-6)
    assert got["total_ideal_bits"] == ideal_code_length_bits(data.lengths, 3, p).sum()
    assert got["total_entropy_bits"] <= got["coded_bits"] <= 1.0002 * got["total_entropy_bits"] + 64
    assert got["tree_bits"] > 0
    assert got["bits_per_symbol"] == got["total_entropy_bits"] / data.num_symbols
    assert got["bits_per_byte"] == pytest.approx(got["total_entropy_bits"] / data.num_bytes, rel=1e-15)
    assert got["normalized_rate_bits_per_phrase"] == pytest.approx(entropy_bits(p) - math.log2(len(p)), rel=1e-12)


def test_rate_of_several_files_gives_each_and_all_together(run: Run, texts: dict[str, Path]) -> None:
    got = json.loads(run("rate", texts["prose"], texts["code"], "--json", "--tokenizer", "words")[1])
    assert [one["name"] for one in got["files"]] == ["prose.txt", "code.txt"]
    assert got["name"] == "all"
    assert got["phrases"] == sum(one["phrases"] for one in got["files"])
    assert {one["vocab_size"] for one in [*got["files"], got]} == {got["vocab_size"]}  # one vocabulary for all


def test_windows_have_a_rate_and_no_totals(run: Run, texts: dict[str, Path]) -> None:
    got = json.loads(run("rate", texts["prose"], "--parse", "windows", "--json")[1])
    assert got["total_entropy_bits"] is got["total_huffman_bits"] is got["total_ideal_bits"] is None
    assert got["bits_per_symbol"] == got["entropy_bits"] / 4


def test_tables_show_the_same_numbers(run: Run, texts: dict[str, Path]) -> None:
    got = json.loads(run("rate", texts["prose"], "--json")[1])
    _, out, _ = run("rate", texts["prose"])
    assert f"{got['entropy_bits']:.4f}" in out
    assert f"{got['bits_per_byte']:.4f}" in out
    assert f"{got['coded_bits']:,}" in out
    assert "needs the stored tree too" in out
    assert "…" not in out  # nothing is cut off where there is no terminal


def test_tree_draws_counts_and_saves(run: Run, texts: dict[str, Path], tmp_path: Path) -> None:
    saved = tmp_path / "prose.tree"
    code, out, _ = run("tree", texts["prose"], "--depth", 2, "--save", saved)
    assert code == 0
    tree = TokenTree.build(Dataset.from_files(texts["prose"]), 2)
    assert TokenTree.load(saved) == tree
    assert f"{tree.num_nodes:,} nodes" in out
    assert "EOS" in out
    got = json.loads(run("tree", texts["prose"], "--depth", 2, "--json")[1])
    assert got["entropy"]["plug_in_bits"] == pytest.approx(entropy_bits(tree.leaves()))
    assert got["entropy"]["plug_in_bits"] < got["entropy"]["corrected_bits"]
    assert got["entropy"]["units"] == "responses"
    assert f"estimated {got['entropy']['corrected_bits']:.4f}" in " ".join(out.split())
    assert [layer["nodes"] for layer in got["layers"]] == [len(layer) for layer in tree.layers]
    assert got["layers"][0]["phrases"] == tree.total
    assert sum(layer["eos_leaves"] for layer in got["layers"]) == tree.num_eos_leaves


def scenario(texts: dict[str, Path]) -> list[object]:
    parts = [texts["names"], texts["prose"], texts["code"]]
    return ["elasticity", "--pretrain", *parts, "--align", texts["more"], "--perturb", texts["other"], "--depth", 2]


def test_elasticity_of_files_measures_both_readings(run: Run, texts: dict[str, Path]) -> None:
    code, out, _ = run(*scenario(texts), "--k", 5, 20, "--l", 0, 0.1, "--json")
    assert code == 0
    got = json.loads(out)
    assert [part["role"] for part in got["parts"]] == ["pretrain"] * 3 + ["align", "perturb"]
    assert [reading["name"] for reading in got["readings"]] == ["contained", "fresh"]
    for reading in got["readings"]:
        assert [(row["k"], row["l"]) for row in reading["rows"]] == [(5, 0), (5, 0.1), (20, 0), (20, 0.1)]
        assert all(abs(row["conservation_residual"]) < 1e-12 for row in reading["rows"])
        for row in reading["rows"]:
            for role in ("pretrain", "align"):
                error, slope = row["errors"][role], row[f"slope_{role}_bits"]
                assert error["low_bits"] <= error["corrected_bits"] <= error["high_bits"]
                assert error["sign"] == (
                    "+" if error["low_bits"] > 0 else "-" if error["high_bits"] < 0 else "undecided"
                )
                overlap = 1 - (row["k"] + 1 + row["l"]) * error["corrected_bits"] * math.log(2)
                assert error["overlap_corrected"] == pytest.approx(overlap)
                assert math.isfinite(slope)
            assert (row["errors"]["perturb"] is None) == (row["l"] == 0)
    assert len(got["units"]) == len(got["parts"])
    contained = got["readings"][0]
    assert contained["new_mass"] == 0
    assert [row["ratio"] for row in contained["rows"] if row["l"] == 0] == pytest.approx([-5, -20], rel=1e-9)


def test_elasticity_without_files_takes_the_embedded_corpora(run: Run) -> None:
    code, out, _ = run("elasticity", "--depth", 4, "--quiet")
    assert code == 0
    for word in ("names", "prose", "code", "Contained reading", "Fresh reading", "Forces"):
        assert word in out
    # 8 % of the new phrases were not seen before: the slope of pre-training data is above 0 only if they are absent.
    words = " ".join(out.split())
    assert "costs the pre-training data (+0.00" in words
    assert re.search(r"pre-training data -0\.00\d+ \(-0\.00\d+ to \+0\.00\d+, sign undecided\)", words)


def test_elasticity_says_where_no_error_can_be_known(run: Run, tmp_path: Path) -> None:
    one = tmp_path / "one.txt"
    one.write_text("a\n")
    out = run("elasticity", "--pretrain", one, "--align", one, "--perturb", one, "--quiet")[1]
    assert "is not known: a dataset has fewer than 20 phrases" in out


def test_elasticity_in_natural_volumes_has_no_contained_reading(run: Run, texts: dict[str, Path]) -> None:
    got = json.loads(run(*scenario(texts), "--natural", "--json")[1])
    assert [reading["name"] for reading in got["readings"]] == ["fresh"]


def test_corpora_are_listed(run: Run) -> None:
    got = json.loads(run("corpora", "--json")[1])
    assert [corpus["name"] for corpus in got["corpora"]] == ["prose", "code", "names"]
    assert all(len(corpus["digest"]) == 64 and corpus["num_bytes"] > 100_000 for corpus in got["corpora"])


def test_files_are_compressed_and_come_back(run: Run, tmp_path: Path) -> None:
    file, coded, back = tmp_path / "a.txt", tmp_path / "a.txt.clz", tmp_path / "b.txt"
    file.write_bytes(b"to be or not to be, that is the question\n" * 6 + bytes(range(256)))
    code, out, _ = run("compress", file, "--json")
    assert code == 0
    assert json.loads(out)["original_size"] == file.stat().st_size
    assert json.loads(run("info", coded, "--json")[1])["methods"]
    assert "whole" in run("verify", coded)[1]
    assert run("decompress", coded)[:2] != (0, "")  # a.txt is there already
    assert run("decompress", coded, "--out", back)[0] == 0
    assert back.read_bytes() == file.read_bytes()
    damaged = bytearray(coded.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    coded.write_bytes(damaged)
    code, out, err = run("decompress", coded, "--out", tmp_path / "c.txt")
    assert (code, out) == (1, "")
    assert "chunk 0" in err
    assert "--recover" in err
    assert not (tmp_path / "c.txt").exists()
    code, out, _ = run("decompress", coded, "--out", tmp_path / "c.txt", "--recover")
    assert code == 1
    assert "chunk 0" in out


def empty(tmp_path: Path) -> Path:
    (tmp_path / "empty.txt").write_text("")
    return tmp_path / "empty.txt"


def binary(tmp_path: Path) -> Path:
    (tmp_path / "binary.txt").write_bytes(bytes(range(256)) * 4)
    return tmp_path / "binary.txt"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda t: ["rate", t / "missing"], "cannot read .*missing: no such file"),
        (lambda t: ["rate", empty(t)], "empty.txt: no responses"),
        (lambda t: ["rate", binary(t)], "binary.txt"),
        (lambda t: ["rate", __file__, "--depth", 0], "from 1 to 65535, not 0"),
        (lambda t: ["rate", __file__, "--parse", "phrase"], "did you mean 'phrases'"),
        (lambda t: ["rate", __file__, "--tokenizer", "byte"], "did you mean 'bytes'"),
        (lambda t: ["rate", __file__, "--split", "lines"], "did you mean 'line'"),
        (lambda t: ["elasticity", "--align", __file__], "no --pretrain and no --perturb"),
        (lambda t: ["elasticity", "--k", -1], "k = .* is a positive number, not -1"),
        (lambda t: ["elasticity", "--l", -1], "l = .* is a number, 0 or more"),
        (lambda t: ["compress", t / "missing"], "cannot read .*missing"),
        (lambda t: ["decompress", __file__, "--out", t / "x"], "not a .clz file"),
        (lambda t: ["tree", __file__, "--save", t / "no" / "folder"], "cannot write .*folder"),
    ],
)
def test_bad_data_is_one_readable_line_and_code_1(
    run: Run, tmp_path: Path, arguments: Callable[[Path], list[Any]], message: str
) -> None:
    code, out, err = run(*arguments(tmp_path))
    assert code == 1
    assert out == ""
    assert err.startswith("compresslab: ")
    assert err.count("\n") == 1
    assert re.search(message, err), err


def test_debug_shows_the_trace(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "compresslab", "rate", str(tmp_path / "missing"), "--debug"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "UnreadableFile" in done.stderr


@pytest.mark.parametrize("arguments", [["rat"], ["rate"], ["rate", "--depth", "x", "f"], ["rate", "--nope", "f"]])
def test_a_wrong_call_is_code_2(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    assert "Usage" in err


def test_help_and_version(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert re.findall(r"^\W+([a-z]+)  ", out.partition("Commands")[2], flags=re.M) == list(COMMANDS)
    from compresslab import __version__

    assert run("--version")[1].strip() == f"compresslab {__version__}"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_of_a_command_what_the_command_says_of_itself(name: str) -> None:
    assert load_command(name).help == COMMANDS[name]


def test_prove_prints_a_proof(run: Run) -> None:
    code, out, _ = run("prove", "conservation-law")
    assert code == 0
    assert "PROVED" in out
    assert run("prove", "conservation-law", "--quiet")[::2] == (0, "")
    code, _, err = run("prove", "conservation-lore")
    assert code == 1
    assert "did you mean 'conservation-law'" in err


def test_progress_is_silent_at_first_and_then_speaks_on_standard_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with working("counting"):
        pass
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("compresslab._support.progress._PATIENCE", 0.05)
    with working("counting") as step:
        step(1, 4)
        time.sleep(0.4)
    out, err = capsys.readouterr()
    assert out == ""
    assert "counting: 25%" in err
    with working("counting", quiet=True):
        time.sleep(0.2)
    assert capsys.readouterr().err == ""


def test_a_table_of_many_layers_is_cut_and_json_is_not(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("to be or not\n")
    _, out, _ = run("tree", tmp_path / "a.txt", "--depth", 300)
    assert "236 layers are left out; --json has them all." in out
    assert len(out.splitlines()) < 110
    assert len(json.loads(run("tree", tmp_path / "a.txt", "--depth", 300, "--json")[1])["layers"]) == 301


def test_the_time_left_follows_the_pace_since_the_first_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what was loaded before nor what an earlier run had done enters it, and no guess is made from a moment."""
    now = [0.0]
    monkeypatch.setattr("compresslab._support.progress.time.monotonic", lambda: now[0])
    state = progress._State("training")
    now[0] = 60.0  # libraries were loaded for a minute
    state.step(500, 1000)  # an earlier run had done half
    assert state.line() == "training: 50%, 60 s"
    now[0] = 61.0
    state.step(505, 1000)
    assert state.line() == "training: 50%, 61 s"
    now[0] = 70.0
    state.step(600, 1000)  # ten a second
    assert state.line() == "training: 60%, 70 s, about 40 s left"


@pytest.mark.slow
def test_the_contained_ratio_tends_to_minus_k_on_real_text(run: Run) -> None:
    got = json.loads(run("elasticity", "--k", 100, "--l", 0, 1e-6, "--json")[1])
    rows = got["readings"][0]["rows"]
    assert rows[0]["ratio"] == pytest.approx(-100, rel=1e-9)
    assert np.sign(rows[1]["slope_align_bits"]) == 1
    assert np.sign(rows[1]["slope_pretrain_bits"]) == -1


def test_many_files_and_strange_names_are_all_in_the_table(run: Run, tmp_path: Path) -> None:
    files = [tmp_path / f"a file with a long name, version [v{i}] of many.txt" for i in range(6)]
    for i, file in enumerate(files):
        file.write_text("to be or not to be\n" * (i + 1))
    _, out, _ = run("rate", *files)
    assert all(file.name in out for file in files)
    assert "…" not in out
    assert not any(line.endswith(" ") for line in out.splitlines())
    assert out.splitlines()[2].split() == ["responses", *(str(i + 1) for i in range(6)), "21"]


def test_help_shows_every_default_and_the_tasks_in_the_order_of_the_tutorial(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "150")
    assert "default: (uint16)" in run("tree", "--help")[1]
    shown = re.findall(r"^\W+([a-z]+)  ", run("--help")[1].partition("Commands")[2], flags=re.M)
    tutorial = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text(encoding="utf-8")
    places = {name: tutorial.find(f"compresslab {name}") for name in shown}
    taught = [name for name in shown if places[name] >= 0]
    assert taught == shown
    assert taught == sorted(taught, key=places.__getitem__)


@pytest.mark.parametrize(
    ("arguments", "missing", "extra"),
    [
        (["elasticity", "--report", "X"], "matplotlib", "report"),
        (["rate", __file__, "--report", "X"], "jinja2", "report"),
        (["tree", __file__, "--report", "X"], "matplotlib", "report"),
        (["report", "X"], "matplotlib", "report"),
        (["demo"], "jinja2", "report"),
        (["demo"], "accelerate", "lm"),
        (["rate", __file__, "--model", "tiny"], "transformers", "lm"),
        (["rate", __file__, "--model", "smollm2"], "transformers", "smollm2"),
        (["score", "--model", "tiny", "--data", __file__], "transformers", "lm"),
        (["score", "--model", "tiny", "--data", __file__, "--report", "X"], "jinja2", "report"),
        (["compress", __file__, "--out", "X", "--model", "smollm2"], "transformers", "smollm2"),
        (["prove"], "flint", "proofs"),
    ],
)
def test_a_missing_extra_is_named_before_anything_is_done(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], missing: str, extra: str
) -> None:
    monkeypatch.chdir(tmp_path)
    there = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == missing else there("json" if "." not in name else name)
    )
    for work in (
        "elasticity.default_scenario",
        "rate.measure_rate",
        "tree.measure_tree",
        "elasticity.measure_scenarios",
    ):
        monkeypatch.setattr(f"compresslab.cli.{work}", lambda *_, **__: pytest.fail("work was begun"))
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    assert err.rstrip().endswith(f"needs the optional extra '{extra}': pip install 'compresslab[{extra}]'")
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("typed", "offered"), [("ra", ["rate"]), ("elasticity --rep", ["--report"]), ("experiment jo", ["joint"])]
)
def test_a_shell_completes_commands_and_options(
    run: Run, monkeypatch: pytest.MonkeyPatch, typed: str, offered: list[str]
) -> None:
    words = ["compresslab", *typed.split()]
    for name, value in (("WORDS", " ".join(words)), ("CWORD", str(len(words) - 1))):
        monkeypatch.setenv(f"COMP_{name}", value)
    monkeypatch.setenv("_COMPRESSLAB_COMPLETE", "complete_bash")
    code, out, _ = run()
    assert code == 0
    assert out.split() == offered


def test_an_option_means_the_same_in_every_command() -> None:
    commands = {
        name: {option: one for one in command.params for option in one.opts}
        for name, command in every_command().items()
    }
    assert len(commands) >= 13
    short = {"--quiet": "-q", "--out": "-o", "--force": "-f", "--depth": "-d", "--tokenizer": "-t"}
    kinds: dict[str, set[tuple[int, bool]]] = {}
    for name, options in commands.items():
        for option, one in options.items():
            if option in {"--json", "--quiet", "--seed", "--out", "--report"}:
                kinds.setdefault(option, set()).add((one.nargs, one.is_flag))
            if option in short:
                assert short[option] in one.opts, f"{name} {option}"
    assert all(len(kind) == 1 for kind in kinds.values()), kinds
    assert {name for name, options in commands.items() if "--json" not in options} <= {"prove"}  # it has its own parser
    assert {name for name, options in commands.items() if "--quiet" not in options} <= {"prove"}
    assert {"rate", "tree", "elasticity", "demo"} <= {name for name in commands if "--report" in commands[name]}


@pytest.mark.slow
def test_the_proofs_of_a_checkout_are_found_from_any_folder(tmp_path: Path) -> None:
    pytest.importorskip("sympy", reason="needs the extra 'proofs'")
    pytest.importorskip("flint", reason="needs the extra 'proofs'")
    root = str(Path(__file__).parents[2])
    script = (
        f"import sys; sys.path.insert(0, {root!r}); import compresslab; sys.path.remove({root!r})\n"
        "sys.argv = ['compresslab', 'prove', 'conservation-law', '--json']\n"
        "from compresslab.__main__ import run; run()"
    )
    command = [sys.executable, "-I", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["claims"][0]["verdict"] == "proved"
