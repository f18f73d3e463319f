"""Wrong use of the command line: one clear line and the documented exit code, never a trace, and no harm done."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import compresslab
from compresslab._support.files import check_target, check_target_folder, file_at, write_atomic
from compresslab.cli.main import main
from compresslab.errors import UnreadableFile

pytestmark = pytest.mark.usefixtures("compiled_byte_model")

Run = Callable[..., tuple[int, str, str]]
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("to be or not to be\n" * 5)
    Path("empty.txt").write_text("")
    Path("t.bin").write_bytes(bytes(range(200)))
    Path("odd.bin").write_bytes(b"abc")
    Path("bad.npy").write_bytes(b"\x93NUMPY junk")
    Path("folder").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("rate empty.txt", "empty.txt: no responses"),
        ("rate folder", "cannot read folder: the directory holds no file"),
        ("rate missing", "cannot read missing: no such file"),
        ("rate a.txt --encoding latin1x", "unknown encoding 'latin1x'"),
        ("rate a.txt --model nope", "unknown model 'nope': known are"),
        ("rate a.txt --model tree:a.txt", "a.txt is not a token tree file"),
        ("rate a.txt --model tree:missing", "cannot read missing"),
        ("rate a.txt --report a.txt", "a.txt is not a directory: choose another --report path"),
        ("tree a.txt --save folder", "cannot write folder: is a directory"),
        ("tree a.txt --save missing/x", "cannot write missing/x: no such file or directory"),
        ("tree --tokens empty.txt", "not a token file by its name"),
        ("tree --tokens folder", "not a token file by its name"),
        ("tree --tokens odd.bin", "no multiple of 2"),
        ("tree --tokens bad.npy", "bad.npy is not a .npy file"),
        ("tree --tokens t.bin --dtype floot", "there is no type 'floot'"),
        ("tree --tokens t.bin --dtype float32", "tokens cannot be of type float32"),
        ("tree --tokens t.bin --eos -4", "the token that ends a response is -4"),
        ("tree --tokens t.bin --memory 3XB", "'3XB' is no amount of memory"),
        ("elasticity --seed -1", "seed is -1"),
        ("elasticity --k nan", "is a positive number, not nan"),
        ("compress folder", "cannot read folder: is a directory"),
        ("compress a.txt --out folder", "folder is there already"),
        ("compress a.txt --out missing/x.clz", "cannot write missing/x.clz: no such file or directory"),
        ("compress a.txt --chunk-size 0", "chunks must have from 1"),
        ("decompress a.txt", "does not end in .clz"),
        ("decompress missing.clz", "cannot read missing.clz"),
        ("info folder", "cannot read folder: is a directory"),
        ("verify a.txt", "not a .clz file"),
        ("report folder", "cannot read folder/spec.json: no such file"),
        ("report a.txt", "a.txt is not a directory"),
    ],
)
def test_bad_input_is_one_line_and_code_1(run: Run, here: Path, command: str, message: str) -> None:
    if "tokens" in command:
        pytest.importorskip("numba", reason="token files need numba (the extra 'scale')")
    code, out, err = run(*command.split())
    assert (code, out) == (1, "")
    assert err.startswith("compresslab: ")
    assert err.count("\n") == 1
    assert message in err
    assert sorted(os.listdir(here)) == ["a.txt", "bad.npy", "empty.txt", "folder", "odd.bin", "t.bin"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("rat a.txt", "Did you mean 'rate'"),
        ("experiment jont", "Did you mean 'joint'"),
        ("rate a.txt --dept 3", "Possible options: --depth"),
        ("rate a.txt --jsno", "Possible options: --json"),
        ("rate a.txt --depth x", "valid integer"),
        ("tree a.txt --layers 0", "greater than or equal to 1"),
        ("corpora extra", "unexpected extra argument"),
        ("experiment joint", "Missing option '--out'"),
        ("compress a.txt --workers -1", "greater than or equal to 0"),
        ("prove --jsn", "unrecognized arguments: --jsn"),
    ],
)
def test_a_wrong_call_is_code_2_and_says_what_was_meant(run: Run, here: Path, command: str, message: str) -> None:
    code, out, err = run(*command.split())
    assert (code, out) == (2, "")
    assert message in re.sub(r"[\s│]+", " ", err)


@needs_full
@pytest.mark.parametrize(
    "command",
    ["tree a.txt --save /dev/full", "compress a.txt --out /dev/full --force", "tree --tokens t.bin --save /dev/full"],
)
def test_a_device_is_not_replaced_by_a_file(run: Run, here: Path, command: str) -> None:
    if os.access("/dev", os.W_OK):
        pytest.skip("were this test to fail, it would harm this machine: this user may replace its devices")
    assert run(*command.split())[::2] == (
        1,
        "compresslab: cannot write /dev/full: it is a device, give the name of a file\n",
    )
    assert stat.S_ISCHR(FULL.stat().st_mode)


def test_only_files_are_replaced_and_links_are_kept(tmp_path: Path) -> None:
    pipe, link, file = tmp_path / "pipe", tmp_path / "link", tmp_path / "file"
    os.mkfifo(pipe)
    with pytest.raises(UnreadableFile, match="cannot write .*pipe: it is a pipe"):
        write_atomic(pipe, [b"x"])
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    with pytest.raises(UnreadableFile, match="is a directory"):
        file_at(tmp_path)
    link.symlink_to(file)
    for text in (b"one", b"two"):  # a link to nothing yet, and to a file
        write_atomic(link, [text])
        assert link.is_symlink()
        assert file.read_bytes() == text
    assert sorted(os.listdir(tmp_path)) == ["file", "link", "pipe"]


@needs_full
@pytest.mark.parametrize("command", ["rate a.txt", "tree a.txt --json", "--help", "--version", "corpora --json"])
def test_a_full_disk_under_the_output_is_one_line(here: Path, command: str) -> None:
    env = {**os.environ, "PYTHONPATH": str(Path(compresslab.__file__).parents[1])}
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "compresslab", *command.split()],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=env,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "compresslab: cannot use standard output: no space left on device"
    assert "Traceback" not in done.stderr


def test_without_standard_output_a_command_works_in_silence(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", None)  # what Python does where it is closed
        with pytest.raises(SystemExit) as end:
            main(["tree", "a.txt", "--quiet"])
    assert (end.value.code, capsys.readouterr().err) == (0, "")


def _work(*_: object, **__: object) -> object:
    raise AssertionError("work was begun")


# command line -> what is said, before anything is read, loaded, measured or trained
EARLY = {
    "elasticity --epsilon nan": "epsilon is a divergence in nats, 0 or more: not nan",
    "elasticity --epsilon inf": "epsilon is a finite divergence in nats",
    "elasticity --k nan": "k = |D_p| / |D_a| is a positive number, not nan",
    "elasticity --k 1 0": "k = |D_p| / |D_a| is a positive number, not 0.0",
    "elasticity --l 0 nan": "l = |D_t| / |D_a| is a number, 0 or more",
    "elasticity --depth 0": "a tree's depth is a whole number of layers from 1 to 65535, not 0",
    "elasticity --parse frases": "unknown parse 'frases': did you mean 'phrases'?",
    "elasticity --split page": "unknown unit 'page' to split by",
    "elasticity --encoding utf-9": "unknown encoding 'utf-9'",
    "elasticity --tokenizer byte": "unknown tokenizer 'byte': did you mean 'bytes'?",
    "elasticity --report /dev/null/x": "cannot write /dev/null/x: not a directory",
    "rate a.txt --split page": "unknown unit 'page' to split by",
    "rate a.txt --report a.txt/x": "cannot write a.txt/x: not a directory",
    "rate a.txt --model tiny --window 0": "a window's length is 0",
    "rate a.txt --model tiny --stride 0": "a window's stride is 0",
    "rate a.txt --model tiny --window 8 --stride 9": "a window's stride is 9",
    "rate a.txt --model tiny --depth 0": "a tree's depth is a whole number",
    "rate a.txt --model tiny --resume /dev/null/x": "cannot write /dev/null/x: not a directory",
    "rate a.txt --model tiny --resume pipe": "cannot write pipe: it is a pipe",
    "tree a.txt --save /dev/null/x": "cannot write /dev/null/x: not a directory",
    "tree a.txt --save missing/x": "cannot write missing/x: no such file or directory",
    "tree a.txt --save pipe": "cannot write pipe: it is a pipe",
    "compress a.txt --model tiny --out missing/x": "cannot write missing/x: no such file or directory",
    "compress a.txt --model tiny --out /dev/null/x": "cannot write /dev/null/x: not a directory",
    "compress a.txt --model tiny --chunk-size 0": "chunks must have from 1 to 33554432 bytes",
    "compress a.txt --model tiny --streams 99999": "streams is 99999: it must be a whole number, 1 or more",
    "compress a.txt --model tiny --segment 9999999999": "segment is 9999999999: it must be a whole number",
    "experiment joint --out /dev/null/x": "cannot write /dev/null/x: not a directory",
    "experiment volumes --out o --report a.txt/x": "cannot write a.txt/x: not a directory",
    "experiment rebound --out o --data positive=-": "- is a stream, which can be read once",
    "experiment rebound --out o --data positive=/dev/fd/63": "/dev/fd/63 is a stream, which can be read once",
    "experiment scaling --out o --data negative=/dev/stdin": "/dev/stdin is a stream, which can be read once",
    "experiment resistance --out o --data -": "- is a stream, which can be read once",
    "experiment rebound --out o --scale nan": "the scale of the volumes is a positive number, not nan",
    "demo --report /dev/null/x": "cannot write /dev/null/x: not a directory",
    "demo --joint /dev/null/x": "cannot write /dev/null/x: not a directory",
    "demo --report -": "- is standard input or output, which this option cannot use",
    "report o --out a.txt/x": "cannot write a.txt/x: not a directory",
    "prove --page -": "- is standard input or output, which this option cannot use",
    "prove --page pipe": "cannot write pipe: it is a pipe",
    "prove --page /dev/null/x": "cannot write /dev/null/x: not a directory",
    "prove --width -5": "--width is in columns, 20 or more, not -5",
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such pipes")
@pytest.mark.parametrize("line", EARLY)
def test_an_impossible_call_is_refused_before_any_work_begins(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    os.mkfifo("pipe")
    if "report" in line or line.startswith("demo"):
        pytest.importorskip("jinja2")
        pytest.importorskip("matplotlib")
    for place in (
        "cli.reading.read_data", "cli.elasticity.default_scenario", "cli.tree._tree_of_tokens",
        "cli.rate_under_model.read_data", "cli.rate_under_model.load_scorer", "cli.compress.load_model",
        "cli.compress.compress_file", "cli.demo._measure",
        "cli.demo._networks_begun", "experiments.data.tuning_texts.source_of", "experiments.experiment.run_units",
    ):  # fmt: skip
        monkeypatch.setattr(f"compresslab.{place}", _work)
    if line.startswith("prove"):
        pytest.importorskip("sympy")
        pytest.importorskip("flint")
        monkeypatch.setattr("proofs.derivation.check", _work)
    before = sorted(os.listdir())
    code, out, err = run(*line.split())
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert EARLY[line] in err
    assert sorted(os.listdir()) == before


def test_a_folder_that_is_to_be_made_may_lie_in_others_that_are_to_be_made(here: Path) -> None:
    for path in ("new", "new/er/est", here / "new", "."):
        check_target_folder(path)
    check_target("new")
    check_target("a.txt")
    with pytest.raises(UnreadableFile, match="cannot write new/x: no such file or directory"):
        check_target("new/x")
    with pytest.raises(UnreadableFile, match="cannot write a.txt/x/y: not a directory"):
        check_target_folder("a.txt/x/y")
