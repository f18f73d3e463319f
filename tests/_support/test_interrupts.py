"""Ctrl-C: exit code 130, one line on what is kept, nothing half-written, no process left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import compresslab
from compresslab._support.interrupts import if_stopped, said_of
from compresslab._support.processes import process_pool
from compresslab.cli.main import main
from compresslab.experiments.pool import run_units
from compresslab.experiments.rows import Row, read_rows


def stop(
    arguments: list[str],
    sign: str,
    *,
    press: bool = True,
    pressed: list[float] | None = None,
    by: signal.Signals = signal.SIGINT,
) -> tuple[int, str, str]:
    """Start Python, wait for a line with ``sign`` on standard error, and send a signal: to all of its processes."""
    # A job in the background of a shell ignores Ctrl-C, one under nohup SIGHUP, and so would all that it starts: these
    # tests may be such a job.
    before = {signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler)}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert process.stderr is not None
    first = ""
    for line in process.stderr:
        first += line
        if sign in line:
            break
    if press:
        os.killpg(process.pid, by)
        if pressed is not None:
            pressed.append(time.monotonic())
    late = threading.Timer(60, process.kill)
    late.start()
    assert process.stdout is not None
    with process:  # not communicate(), which would not see what was read ahead of the sign
        err, out = process.stderr.read(), process.stdout.read()
    late.cancel()
    return process.returncode, out, first + err


def is_running(pid: int) -> bool:
    """Whether a process is there and is more than an exit code that nobody asked for yet."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


SLEEPERS = """
import glob, os, sys, time
from compresslab._support.processes import process_pool

def sleep(_):
    open(f"{os.getpid()}.pid", "w").close()
    time.sleep(100)

if __name__ == "__main__":
    with process_pool(2) as pool:
        waiting = [pool.submit(sleep, i) for i in range(4)]
        while len(glob.glob("*.pid")) < 2:
            time.sleep(0.05)
        print("begun", file=sys.stderr, flush=True)
        THEN
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize(("then", "press"), [("waiting[0].result()", True), ("raise ValueError(7)", False)])
def test_workers_end_with_the_block_whatever_they_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str, press: bool
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(compresslab.__file__).parents[1]))
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "sleepers.py"
    script.write_text(SLEEPERS.replace("THEN", then))
    begun = time.monotonic()
    code, _, err = stop([str(script)], "begun", press=press)
    assert code == (-signal.SIGINT if press else 1)
    assert err.count("Traceback") == 1  # the parent's; no worker says a word
    assert time.monotonic() - begun < 60
    pids = [int(path.stem) for path in tmp_path.glob("*.pid")]
    assert len(pids) == 2
    assert not any(map(is_running, pids))


def test_a_pool_gives_results_and_leaves_the_signal_as_it_was() -> None:
    before = signal.getsignal(signal.SIGINT)
    with process_pool(2) as pool:
        assert signal.getsignal(signal.SIGINT) is before
        assert list(pool.map(abs, [-1, 2, -3])) == [1, 2, 3]


@pytest.mark.parametrize(
    ("by", "workers"),
    [
        (signal.SIGTERM, 2),
        (signal.SIGHUP, 1),
        pytest.param(signal.SIGINT, 2, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, 1, marks=pytest.mark.slow),
    ],
)
def test_a_stopped_compress_writes_nothing_and_says_so(tmp_path: Path, by: signal.Signals, workers: int) -> None:
    file = tmp_path / "long.txt"
    file.write_bytes(b"".join(b"%d %s\n" % (i * i, b"abc" * (i % 7)) for i in range(400_000)))
    arguments = ["-m", "compresslab", "compress", str(file), "--chunk-size", "1000000", "--workers", str(workers)]
    code, out, err = stop(arguments, "compressing long.txt", by=by)
    assert (code, out) == (128 + by, "")
    said = err.splitlines()[-1]
    assert said == f"compresslab: stopped: {file}.clz is not written; the same command begins again"
    assert "Traceback" not in err
    assert os.listdir(tmp_path) == ["long.txt"]


DEAF = """
import sys, threading, time
import numpy as np
import compresslab.measurements.token_file_tree as jobs
from compresslab.__main__ import run
from compresslab._support.interrupts import if_stopped

def build(*_, **__):
    threading.Timer(0.5, print, ["begun"], {"file": sys.stderr, "flush": True}).start()
    WORK

jobs.build_tree_file = build
sys.argv = ["compresslab", "tree", "--tokens", "t.bin", "--quiet"]
run()
"""


@pytest.mark.parametrize(
    ("work", "said"),
    [
        # One call of compiled code, which takes a minute and hears nothing meanwhile
        ("np.convolve(np.ones(1_000_000), np.ones(1_000_000))", "with --save FILE a build goes on"),
        ("""
    try:
        with if_stopped(lambda: "2 of 3 are kept"):
            time.sleep(100)
    finally:
        time.sleep(100)""", "stopped: 2 of 3 are kept"),
        ("""
    threading.Thread(target=time.sleep, args=(100,)).start()  # waited for at the end of a process
    time.sleep(100)""", "with --save FILE a build goes on"),
    ],
    ids=["deaf", "slow to clean up", "slow to end"],
)  # fmt: skip
def test_a_command_ends_within_a_second_whatever_it_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: str, said: str
) -> None:
    temporaries = tmp_path / "temporaries"
    temporaries.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporaries))
    monkeypatch.setenv("PYTHONPATH", str(Path(compresslab.__file__).parents[1]))
    monkeypatch.chdir(tmp_path)
    Path("t.bin").write_bytes(bytes(40))
    Path("deaf.py").write_text(DEAF.replace("WORK", work))
    pressed: list[float] = []
    code, out, err = stop(["deaf.py"], "begun", pressed=pressed)
    assert (code, out) == (130, "")
    assert time.monotonic() - pressed[0] < 15  # of 100; the machine may be busy
    (line,) = err.splitlines()[1:]
    assert line.startswith("compresslab: stopped: ")
    assert said in line
    assert list(temporaries.iterdir()) == []


@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP"])  # in the background of a shell, and under nohup
def test_a_command_that_ignores_a_signal_goes_on_ignoring_it(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(compresslab.__file__).parents[1]))
    script = (
        f"import os, signal; signal.signal(signal.{name}, signal.SIG_IGN); "
        "from compresslab._support.interrupts import listen; "
        f"listen(); os.kill(os.getpid(), signal.{name}); import time; time.sleep(1.5); print('done')"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "done\n"


def unit(number: int) -> list[Row]:
    if number == 2:
        raise KeyboardInterrupt
    return [{"number": number}]


def test_a_stopped_experiment_keeps_its_finished_units_and_goes_on(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    with pytest.raises(KeyboardInterrupt) as stopped:
        run_units(unit, {"two": 2, "one": 1}, rows)
    kept = f"of 2 units are kept in {rows}, and the stages of those begun; the same command goes on from there"
    assert said_of(stopped.value) == f"0 {kept}"
    with pytest.raises(KeyboardInterrupt) as stopped:
        run_units(unit, {"one": 1, "two": 2}, rows)
    assert said_of(stopped.value) == f"1 {kept}"
    assert list(read_rows(rows)) == ["one"]


def test_the_innermost_block_speaks() -> None:
    with (
        pytest.raises(KeyboardInterrupt) as stopped,
        if_stopped(lambda: "outer"),
        if_stopped(lambda: "inner"),
    ):
        raise KeyboardInterrupt
    assert said_of(stopped.value) == "inner"
    assert said_of(KeyboardInterrupt()) == "nothing is half-written; the same command begins again"


@pytest.mark.parametrize(
    ("arguments", "place", "kept"),
    [
        (["elasticity"], "compresslab.cli.elasticity.measure_scenarios", "nothing is half-written"),
        (["rate", "FILE"], "compresslab.cli.rate.measure_rate", "nothing is half-written"),
        (
            ["rate", "FILE", "--model", "tree:TREE"],
            "compresslab.measurements.model_rate.measure_model_rate",
            "with --resume FILE a scoring goes on",
        ),
        (
            ["rate", "FILE", "--model", "tree:TREE", "--resume", "JOURNAL"],
            "compresslab.measurements.model_rate.measure_model_rate",
            "what is scored is kept in JOURNAL; the same command goes on from there",
        ),
        (
            ["tree", "--tokens", "TOKENS.bin"],
            "compresslab.measurements.token_file_tree.build_tree_file",
            "with --save FILE a build",
        ),
        (
            ["tree", "--tokens", "TOKENS.bin", "--save", "T"],
            "compresslab.measurements.token_file_tree.build_tree_file",
            "no shard was counted yet",
        ),
    ],
)
def test_every_command_says_in_one_line_what_it_keeps(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    place: str,
    kept: str,
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    Path("FILE").write_text("to be or not to be\n")
    Path("TOKENS.bin").write_bytes(bytes(40))
    with pytest.raises(SystemExit):
        main(["tree", "FILE", "--save", "TREE"])
    capsys.readouterr()
    monkeypatch.setattr(place, interrupted)
    monkeypatch.setattr("compresslab._support.progress._PATIENCE", 600.0)  # nothing is slow on a busy machine
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    out, err = capsys.readouterr()
    assert (stopped.value.code, out) == (130, "")
    assert err.startswith("compresslab: stopped: ")
    assert err.count("\n") == 1
    assert kept in err


def test_a_stopped_build_keeps_its_work_only_if_there_is_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("TOKENS.bin").write_bytes(bytes(40))
    for run, kept in (("000000.1f.part", False), ("000000", True)):

        def interrupted(*_: object, run: str = run, **__: object) -> None:
            (Path("T.work") / "runs" / run).mkdir(parents=True)
            (Path("T.work") / "plan.json").write_text("{}")
            raise KeyboardInterrupt

        monkeypatch.setattr("compresslab.measurements.token_file_tree.build_tree_file", interrupted)
        with pytest.raises(SystemExit):
            main(["tree", "--tokens", "TOKENS.bin", "--save", "T", "--quiet"])
        err = capsys.readouterr().err
        assert ("the shards that are counted are kept in T.work" in err) is kept
        assert ("no shard was counted yet" in err) is not kept
        assert Path("T.work").exists() is kept


KILLED = """
import os, signal
from compresslab.errors import WorkerKilled
from compresslab._support.processes import process_pool

def die(_):
    os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    try:
        with process_pool(2) as pool:
            pool.submit(die, 0).result()
    except WorkerKilled as error:
        print(error)
"""


def test_a_killed_worker_is_a_named_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(compresslab.__file__).parents[1]))
    (tmp_path / "killed.py").write_text(KILLED)
    done = subprocess.run([sys.executable, tmp_path / "killed.py"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("a worker process was ended from outside, most often because memory ran out")
