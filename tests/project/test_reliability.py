"""The tool that plays hostile files: it tells each fault apart, and finds none in some inputs of every kind."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from compresslab.errors import CorruptFile

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

if not BENCHMARKS.exists():
    pytest.skip("benchmarks/ is not part of an installed package", allow_module_level=True)
if not Path("/proc/self/clear_refs").exists():
    pytest.skip("the peak of a process's memory is read from Linux's /proc", allow_module_level=True)


@pytest.fixture
def engine(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from fuzzing import engine

    return engine


def refused():
    raise CorruptFile("no")


def spin():
    while True:
        pass


def write_much(path):
    with open(path, "wb") as file:
        while True:
            file.write(bytes(1 << 22))


def write_part(path):
    path.with_name("x.part").write_bytes(b"")


@pytest.mark.parametrize(
    ("outcome", "call"),
    [
        ("refused", lambda path: refused()),
        ("right", lambda path: 1),
        ("silent", write_part),
        ("raw", lambda path: {}[path]),
        ("hang", lambda path: spin()),
        ("memory", lambda path: np.ones(40_000_000).sum()),
        ("memory", lambda path: np.empty(1 << 42)),
        ("memory", write_much),
    ],
)
def test_an_input_counts_as_the_worst_that_it_did(engine, monkeypatch, tmp_path, outcome, call):
    monkeypatch.setattr(engine, "SECONDS", 0.1 if outcome == "hang" else 60.0)
    kind = engine.Kind("kind", lambda game: game.attempt("call", call, game.folder / "f"))
    found = engine.play(kind, 1, 2, tmp_path)
    assert found.outcome == outcome
    assert [fault.outcome for fault in found.faults] == ([] if outcome in {"refused", "right"} else [outcome])


def test_a_wrong_result_is_silent_and_an_input_depends_on_its_seed_and_number_alone(engine, tmp_path):
    drawn = []

    def play(game):
        drawn.append(game.chance.random())
        game.check("call", False, "is wrong")

    for seed, index in ((1, 2), (1, 2), (1, 3), (2, 2)):
        assert engine.play(engine.Kind("kind", play), seed, index, tmp_path).outcome == "silent"
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 3


def test_a_crash_is_an_outcome_of_its_input_and_the_others_are_played():
    script = """
    import os, signal, sys
    sys.path.insert(0, sys.argv[1])
    from fuzzing import engine, shards

    def play(game):
        if game.chance.random() < 0.2:
            os.kill(os.getpid(), signal.SIGSEGV)
        game.attempt("call", int)

    shards.TARGETS = ()
    shards.all_kinds = lambda: [engine.Kind("kind", play)]
    tallies, faults = shards.run_shards(3, range(30), 2, lambda done, found: None)
    print(sum(tallies["kind"].counts.values()), sorted(tallies["kind"].counts), *(f.what for _, f in faults))
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(BENCHMARKS)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said == "30 ['raw', 'right'] died: -11\n"


def play(inputs, only=""):
    command = [
        sys.executable,
        str(BENCHMARKS / "reliability.py"),
        "--inputs",
        str(inputs),
        "--seed",
        "20",
        "--shards",
        "1",
    ]
    return subprocess.run([*command, "--only", only], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_hostile_clz_files_rows_and_data_are_refused_by_name_or_read_right():
    only = "clz: s,clz: f,clz: h,clz: co,clz: di,clz: l,clz: cl,clz: da,records: ro,records: j,records: ca,data,token"
    done = play(700, only)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_hostile_inputs_of_every_kind_are_refused_by_name_or_read_right():
    done = play(4_000)
    assert done.returncode == 0, done.stdout
    rows = re.findall(r"^\| (\w[^|]*) \| ([\d,]+) \|", done.stdout, re.MULTILINE)
    assert len(rows) > 40


def test_every_kind_of_fault_has_tests_that_are_there():
    """Kinds A to Q and 1 to 8 of what people met: docs/reliability.md says which tests hold each."""
    tests = Path(__file__).parents[1]
    page = (BENCHMARKS.parent / "docs" / "reliability.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\w) \|.*\| ([^|]+) \|$", page.partition("## Kinds of faults")[2], re.MULTILINE))
    assert "".join(rows) == "ABCDEFGJKLMNOQ12345678"
    for kind, named in rows.items():
        found = re.findall(r"`([\w/]+\.py)::(\w+)`", named)
        assert found, kind
        for file, name in found:
            assert f"\ndef {name}(" in (tests / file).read_text(encoding="utf-8"), f"{kind}: {file} has no {name}"
