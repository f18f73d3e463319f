"""Standard streams: closed ones, encodings that lack signs, and ``-`` for what is piped in and out."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import compresslab
from compresslab._support.streams import mend_streams, speaks_unicode
from compresslab.cli.main import main
from compresslab.coding import compress_file

Run = Callable[..., tuple[int, str, str]]
TEXT = b"to be or not to be\n" * 40
SOURCE = str(Path(compresslab.__file__).parents[1])
needs_shell = pytest.mark.skipif(not Path("/bin/sh").exists(), reason="closes streams by a shell")


def shell(line: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of a shell, in which $C is the command."""
    env = {**os.environ, "PYTHONPATH": SOURCE, "C": f"{sys.executable} -m compresslab", **settings}
    return subprocess.run(["/bin/sh", "-c", line], cwd=folder, env=env, capture_output=True, check=False)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_bytes(TEXT)
    return tmp_path


@pytest.mark.parametrize(
    "encoding",
    ["ascii", "cp1252", *(pytest.param(name, marks=pytest.mark.slow) for name in ("latin-1", "utf-8", "cp932"))],
)
def test_no_encoding_of_the_output_stops_a_command(here: Path, monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    names = ["café", "中文.txt", "\udcff", "× − →.txt", "😀"]
    for name in names:
        Path(name).write_bytes(TEXT)
    for command in (["tree"], ["rate", "--no-code"], ["rate", "--json"], ["compress"], ["tree", "--save", "naïve"]):
        for name in names:
            raw, err = io.BytesIO(), io.BytesIO()
            monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding, errors="strict"))
            monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(err, encoding, errors="strict"))
            with pytest.raises(SystemExit) as end:
                main([*command, name, "-q"])
            sys.stderr.flush()
            assert (end.value.code or 0, err.getvalue()) == (0, b"")
            if "--json" in command:
                assert json.loads(raw.getvalue().decode("utf-8"))["name"] == name
            elif encoding == "utf-8" and name != "\udcff":
                assert name in raw.getvalue().decode()
    with pytest.raises(SystemExit):
        main(["rate", "nö→"])
    sys.stderr.flush()
    assert b"cannot read n" in err.getvalue()


def test_signs_that_are_there_are_written_as_themselves() -> None:
    assert speaks_unicode()
    before = sys.stdout, sys.stderr
    mend_streams()
    assert (sys.stdout, sys.stderr) == before  # open ones stay what they are


@needs_shell
@pytest.mark.parametrize(
    ("line", "code", "out"),
    [
        ("$C tree a.txt --json -q 2>&-", 0, b"{"),
        ("$C rate missing --json 2>&-", 1, b""),
        pytest.param("$C info a.clz >&-", 1, b"", marks=pytest.mark.slow),
        pytest.param("$C info a.clz >&- 2>&-", 1, b"", marks=pytest.mark.slow),
        ("$C info a.clz <&- >&- 2>&-", 1, b""),
        ("$C info a.clz -q <&- | head -c 6", 0, b"a.clz:"),
        pytest.param("$C rate - <&-", 1, b"", marks=pytest.mark.slow),
    ],
)
def test_closed_streams(here: Path, line: str, code: int, out: bytes) -> None:
    compress_file("a.txt", "a.clz")
    done = shell(line, here)
    assert done.returncode == code
    assert done.stdout[: len(out) or None].rstrip(b"\n") == out
    assert b"Traceback" not in done.stderr
    assert done.stderr.count(b"\n") <= 1
    if out == b"{":
        json.loads(done.stdout)


def test_a_file_never_takes_the_number_of_a_closed_stream(here: Path) -> None:
    script = (
        "import os, sys; [os.close(n) for n in (0, 1, 2)]; from compresslab._support.streams import mend_streams; "
        "mend_streams(); f = open('made', 'w'); os.write(2, b'lost'); sys.stderr.write('lost'); sys.stderr.flush(); "
        "f.write(str(f.fileno() > 2)); f.close()\n"
        "try: print('x', flush=True)\n"
        "except OSError: os._exit(7)"
    )
    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": SOURCE}, check=False)
    assert done.returncode == 7
    assert Path("made").read_text() == "True"


class Pipe:
    """Standard input and output as bytes, in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
        self._patch, self._captured = monkeypatch, capfdbinary

    def __call__(self, *arguments: str, given: bytes = b"") -> tuple[int, bytes, bytes]:
        kept = os.dup(0)
        read, write = os.pipe()
        os.write(write, given)  # less than a pipe holds
        os.close(write)
        os.dup2(read, 0)
        os.close(read)
        try:
            with pytest.raises(SystemExit) as end:
                main([*arguments, "-q"])
        finally:
            os.dup2(kept, 0)
            os.close(kept)
        sys.stdout.flush()
        out, err = self._captured.readouterr()
        return int(end.value.code or 0), out, err


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Pipe:
    return Pipe(monkeypatch, capfdbinary)


@pytest.mark.slow
def test_what_is_piped_in_and_out_comes_back_byte_for_byte(here: Path, pipe: Pipe, tmp_path: Path) -> None:
    data = bytes(range(256)) * 8 + b"\r\n\x1a\0"
    code, coded, err = pipe("compress", "-", given=data)
    assert (code, err) == (0, b"")
    assert pipe("decompress", "-", given=coded) == (0, data, b"")
    assert pipe("decompress", "/dev/stdin", "--out", "-", given=coded) == (0, data, b"")
    assert pipe("compress", "-", "--out", "b.clz", given=TEXT)[0] == 0
    assert oct(Path("b.clz").stat().st_mode & 0o777 ^ Path("a.txt").stat().st_mode & 0o777) == "0o0"
    assert pipe("decompress", "b.clz", "--out", "-") == (0, TEXT, b"")
    assert pipe("verify", "-", given=coded)[1].startswith(b"standard input: 2,052 bytes")
    assert json.loads(pipe("info", "-", "--json", given=coded)[1])["path"] == "standard input"
    assert os.listdir(here) == ["a.txt", "b.clz"] or sorted(os.listdir(here)) == ["a.txt", "b.clz"]


def test_nothing_of_a_damaged_file_goes_out_and_messages_keep_apart(here: Path, pipe: Pipe) -> None:
    coded = bytearray(pipe("compress", "-", given=os.urandom(5000))[1])
    coded[2500] ^= 1
    code, out, err = pipe("decompress", "-", given=bytes(coded))
    assert (code, out) == (1, b"")
    assert err.startswith(b"compresslab: standard input: chunk 0 of 1")
    code, out, err = pipe("decompress", "-", "--recover", given=bytes(coded))
    assert (code, len(out)) == (1, 5000)
    assert b"0 of 5,000 bytes saved" in err
    code, out, err = pipe("compress", "a.txt", "--out", "-", "--json")
    assert (code, out) == (1, b"")
    assert b"--json: standard output holds the result itself" in err


@pytest.mark.parametrize(
    "command",
    [
        "rate - --json",
        "tree - --json",
        "rate - a.txt --json",
        "elasticity --pretrain - a.txt --align a.txt --perturb a.txt",
    ],
)
def test_measuring_commands_read_standard_input(here: Path, pipe: Pipe, command: str) -> None:
    words = command.split()
    code, out, err = pipe(*words, given=TEXT)
    assert (code, err) == (0, b"")
    Path("standard input").write_bytes(TEXT)
    assert pipe(*("standard input" if word == "-" else word for word in words))[1] == out


def test_a_report_names_standard_input_and_its_digest(here: Path, pipe: Pipe) -> None:
    pytest.importorskip("matplotlib", reason="figures need matplotlib (the extra 'report')")
    pytest.importorskip("jinja2", reason="pages need jinja2 (the extra 'report')")
    assert pipe("tree", "-", "--report", "page", given=TEXT)[0] == 0
    html = Path("page/report.html").read_text(encoding="utf-8")
    assert "standard input" in html
    assert ".part" not in html


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("rate - -", "- is given twice"),
        ("elasticity --pretrain - --align - --perturb a.txt", "- is given twice"),
        ("info -", "standard input is not a .clz file"),
        ("rate -", "standard input is not text"),
        ("rate ./-", "-: no such file"),
    ],
)
def test_errors_of_standard_input_call_it_so(here: Path, pipe: Pipe, command: str, said: str) -> None:
    code, out, err = pipe(*command.split(), given=b"\0" * 50)
    assert (code, out) == (1, b"")
    assert said.encode() in err
    assert b".part" not in err


def test_a_file_called_minus_can_be_named(here: Path, pipe: Pipe) -> None:
    Path("-").write_bytes(TEXT)
    assert json.loads(pipe("tree", "./-", "--json")[1])["name"] == "-"
    assert pipe("compress", "./-")[0] == 0
    assert Path("-.clz").exists()


@pytest.mark.slow
@needs_shell
def test_devices_that_never_end_are_refused_and_the_empty_one_is_empty(here: Path) -> None:
    done = shell("$C rate - -q </dev/zero; $C compress - -q </dev/null | $C decompress - -q | wc -c", here)
    assert done.stderr == b"compresslab: cannot read standard input: it is a device, give the name of a file\n"
    assert done.stdout.strip() == b"0"


@pytest.mark.skipif(not Path("/bin/bash").exists(), reason="bash makes pipes of <(...)")
def test_a_pipe_of_a_shell_is_read(here: Path) -> None:
    env = {**os.environ, "PYTHONPATH": SOURCE}
    line = f"{sys.executable} -m compresslab tree <(cat a.txt) --json -q"
    done = subprocess.run(["/bin/bash", "-c", line], env=env, capture_output=True, check=True)
    assert json.loads(done.stdout)["phrases"] == 40 * 5


@needs_shell
@pytest.mark.parametrize(
    "name", ["/dev/stdout", *(pytest.param(n, marks=pytest.mark.slow) for n in ("/dev/fd/1", "/proc/self/fd/1"))]
)
def test_standard_output_has_other_names(here: Path, name: str) -> None:
    if not Path(name).exists():
        pytest.skip(f"there is no {name} here")
    done = shell(f"$C compress a.txt -q --out {name} | cat > b.clz; $C decompress b.clz -q --out {name} | cat", here)
    assert (done.stderr, done.stdout) == (b"", TEXT)


@pytest.mark.parametrize(
    "command",
    [
        "tree a.txt --save -",
        "tree a.txt --report -",
        "rate a.txt --report -",
        "rate a.txt --model tree:nothing --resume -",
        "report a.txt --out -",
        "experiment joint --out -",
        "experiment resistance --out -",
        "experiment rebound --out -",
        "experiment effective-volumes --out -",
    ],
)
def test_a_minus_never_becomes_a_file_or_folder(here: Path, run: Run, command: str) -> None:
    code, out, err = run(*command.split())
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "- is standard input or output, which this option cannot use: give a name" in err
    assert os.listdir(here) == ["a.txt"]


def test_compressed_data_is_not_written_to_a_terminal(run: Run, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    code, out, err = run("compress", "a.txt", "--out", "-")
    assert (code, out) == (1, "")
    assert "is not written to a terminal: name a file with --out" in err
