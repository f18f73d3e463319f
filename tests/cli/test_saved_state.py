"""Saved work that was damaged, or made to do harm: one named error, or it is made again; and nothing is lost."""

from __future__ import annotations

import json
import os
import stat
import tracemalloc
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab._support import jit
from compresslab._support.files import rename, write_atomic
from compresslab._support.processes import process_pool
from compresslab.data.cache import MAGIC, cached_texts, load_texts
from compresslab.data.dataset import Dataset
from compresslab.data.texts import Texts
from compresslab.errors import CompressLabError, CorruptFile, InvalidParameter, WorkerKilled
from compresslab.experiments.pool import run_units
from compresslab.experiments.row_source import experiment_run
from compresslab.experiments.rows import Row, _checksum, append_rows, read_rows
from compresslab.experiments.run_record import read_runs
from compresslab.experiments.spec import of_saved, read_spec, save_spec, saved_spec
from compresslab.lm.complete_folders import is_whole, last_whole, mark_whole
from compresslab.lm.journal import open_journal
from compresslab.report.ledger import claim_verdicts
from compresslab.trees.out_of_core import building
from compresslab.trees.out_of_core.building import build_tree_file
from compresslab.trees.out_of_core.token_files import open_tokens
from compresslab.trees.tree import TokenTree

needs_numba = pytest.mark.skipif(not jit.available(), reason="numba (extra 'scale') is not installed")

HOSTILE = {
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"experiment":' * 100_000,
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a text": b'"\\udc80"',
    "a surrogate": b'{"experiment": "\\udc80"}',
    "a number": b'{"experiment": ' + b"9" * 5000 + b"}",
    "no text": b"\xff\xfe\x00{",
    "half": b'{"experiment": "joi',
}
each = pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)


# ---- what an experiment leaves ----


@each
def test_a_damaged_spec_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "spec.json").write_bytes(content)
    with pytest.raises(InvalidParameter, match=r"spec\.json is not a spec that a report can be made of"):
        read_spec(tmp_path)
    with pytest.raises(InvalidParameter, match="name another folder, or delete this one"):
        save_spec(tmp_path, {"experiment": "joint"})


@pytest.mark.parametrize(
    ("experiment", "found"),
    [
        ("joint", {"seeds": 7}),
        ("joint", {"seeds": [[], 1, 2]}),
        ("joint", {"arms": [1]}),
        ("rebound", {"arms": 3, "positive": [1]}),
        ("resistance", {"data": 1.5, "data_sha256": ["a"], "seeds": [0]}),
        ("scaling", {"texts": {"sha256": "a"}, "models": None}),
    ],
)
def test_a_page_of_a_hostile_spec_is_refused_by_name(tmp_path: Path, experiment: str, found: dict[str, Any]) -> None:
    save_spec(tmp_path, {"experiment": experiment, **found})
    with pytest.raises(InvalidParameter, match="is not a spec of an experiment as this version has it"):
        experiment_run(tmp_path)


def test_seeds_that_are_far_apart_are_not_counted_out(tmp_path: Path) -> None:
    save_spec(tmp_path, {"experiment": "other", "seeds": [0, 1, 10**15]})
    assert experiment_run(tmp_path).facts["seeds"] == "0, 1, 1000000000000000"


@pytest.mark.parametrize(
    "use",
    [
        lambda found: found["seeds"],
        lambda found: found["experiment"].seeds,
        lambda found: found["experiment"] + 1,
        lambda found: found["empty"][0],
        lambda found: 1 / found["zero"],
        lambda found: int(found["experiment"]),
        lambda found: float(10**400 + found["zero"]),
    ],
)
def test_a_spec_of_other_types_is_named(tmp_path: Path, use: Callable[[Any], Any]) -> None:
    save_spec(tmp_path, {"experiment": "joint", "empty": [], "zero": 0})
    with (
        pytest.raises(InvalidParameter, match="is not a spec of 'joint' as this version has it"),
        saved_spec(tmp_path, "joint") as found,
    ):
        use(found)
    with pytest.raises(WorkerKilled), of_saved("x"):  # what is named already stays
        raise WorkerKilled("y")


@each
def test_a_damaged_record_of_runs_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(InvalidParameter, match=r"run\.json is not a record of runs .*: delete it, the rows do"):
        read_runs(tmp_path)


@each
def test_a_damaged_row_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.jsonl"
    append_rows(path, "a", [{"x": 1}])
    with path.open("ab") as file:
        file.write(content.replace(b"\n", b"") + b"\n")
    append_rows(path, "b", [{"x": 2}])
    with pytest.raises(CorruptFile, match=r"line 2 of .*rows\.jsonl is broken: its checksum does not fit"):
        read_rows(path)


@pytest.mark.parametrize(
    "row",
    [
        {"part": [1, 1]},
        {"unit": "a"},
        {"unit": [], "part": [1, 1]},
        {"unit": None, "part": [1, 1]},
        {"unit": "a", "part": [2, 1]},
        {"unit": "a", "part": [0, 1]},
        {"unit": "a", "part": [1]},
        {"unit": "a", "part": ["1", 1]},
        {"unit": "a", "part": [True, True]},
        {"unit": "a", "part": 5},
        {"unit": "a", "part": [{}, []]},
    ],
)
def test_a_row_with_a_right_checksum_and_no_unit_is_broken_all_the_same(tmp_path: Path, row: Row) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({**row, "checksum": _checksum(row)}) + "\n")
    append_rows(path, "b", [{"x": 2}])
    with pytest.raises(CorruptFile, match=r"line 1 of .*rows\.jsonl is broken"):
        read_rows(path)


def test_a_report_of_rows_that_lack_columns_is_one_named_error(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="reports need the extra 'report'")
    pytest.importorskip("jinja2", reason="reports need the extra 'report'")
    from compresslab.cli.report import experiment_page
    from compresslab.experiments.effective_volumes.run import EffectiveSpec, effective_units
    from compresslab.report.provenance import provenance

    spec = EffectiveSpec(
        words=10, mixtures=((0.5, 0.25, 0.25),), seeds=(0, 1), learning_rates=(0.001,), align_steps=(2,),
        perturb_after=(2,), perturb_steps=(1,),
    )  # fmt: skip
    save_spec(tmp_path, {"experiment": "volumes", **vars(spec), "data_sha256": "x"})
    for unit in effective_units(spec, tmp_path):
        append_rows(tmp_path / "rows.jsonl", unit, [{"stage": "align", "shares": "no"}])
    with pytest.raises(InvalidParameter, match="does not hold the spec and the rows of 'volumes' as this version has"):
        experiment_page(tmp_path, provenance([], []))


@each
def test_a_damaged_ledger_counts_as_missing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ledger.json").write_bytes(content)
    assert claim_verdicts(["conservation-law"], tmp_path / "ledger.json")[0].verdict == "not recorded"


# ---- workers ----


def test_a_killed_worker_is_a_named_error() -> None:
    assert in_a_worker(abs, -3) == 3
    with pytest.raises(WorkerKilled, match=r"a worker process was ended from outside.*run the same again"):
        in_a_worker(os._exit, 9)


def in_a_worker(function: Callable[[int], Any], argument: int) -> Any:
    with process_pool(1) as pool:
        return pool.submit(function, argument).result()


def test_units_that_are_finished_outlive_a_killed_worker(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    append_rows(path, "first", [{"x": 1}])
    with pytest.raises(WorkerKilled):
        run_units(os._exit, {"first": 0, "second": 1, "third": 1}, path, workers=2)  # type: ignore[arg-type]
    assert read_rows(path) == {"first": [{"x": 1}]}


# ---- files ----


def test_a_new_name_is_synced_with_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    sync, replace = os.fsync, os.replace

    def noting_sync(handle: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        sync(handle)

    def noting_replace(source: Any, target: Any) -> None:
        done.append("name")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noting_sync)
    monkeypatch.setattr(os, "replace", noting_replace)
    write_atomic(tmp_path / "a", [b"x"])
    assert done == ["file", "name", "folder"]
    rename(tmp_path / "a", tmp_path / "b")
    assert done[3:] == ["name", "folder"]
    monkeypatch.setattr(os, "fsync", _refuse)  # as file systems do that sync no folders
    rename(tmp_path / "b", tmp_path / "c")
    assert (tmp_path / "c").read_bytes() == b"x"


def _refuse(handle: int) -> None:
    raise OSError(22, "Invalid argument")


# ---- caches and checkpoints ----


def cached(body: bytes) -> bytes:
    return MAGIC + sha256(body).digest() + body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\1",
        (2**63).to_bytes(8, "little"),
        (2**64 - 1).to_bytes(8, "little") + bytes(8),
        (1).to_bytes(8, "little") + np.array([0, 5], "<i8").tobytes() + b"abc",
        (1).to_bytes(8, "little") + np.array([0], "<i8").tobytes(),
        (2).to_bytes(8, "little") + np.array([0, 9, 3], "<i8").tobytes() + b"abc",
    ],
)
def test_a_cache_that_holds_no_texts_is_made_again(
    tmp_path: Path, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPRESSLAB_CACHE", str(tmp_path))
    (tmp_path / "key.texts").write_bytes(cached(body))
    with pytest.raises(CompressLabError):
        load_texts(tmp_path / "key.texts")
    assert list(cached_texts("key", lambda: Texts.pack(["a", "bc"]))) == [b"a", b"bc"]
    assert list(load_texts(tmp_path / "key.texts")) == [b"a", b"bc"]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for step in (5, 10):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"weights" * step)
        (folder / "trainer_state.json").write_bytes(b"{}")
        mark_whole(folder)
    (tmp_path / "checkpoint-last").mkdir()
    (tmp_path / "checkpoint-99").write_bytes(b"a file")
    return tmp_path


def test_the_last_whole_checkpoint_is_found(run: Path) -> None:
    assert last_whole(run) == (run / "checkpoint-10", 10)
    mark_whole(run / "checkpoint-10")  # again
    assert is_whole(run / "checkpoint-10")
    assert not is_whole(run / "checkpoint-last")


@each
def test_a_checkpoint_with_a_damaged_note_is_not_trusted(run: Path, content: bytes) -> None:
    (run / "checkpoint-10" / "whole.json").write_bytes(content)
    assert last_whole(run) == (run / "checkpoint-5", 5)
    assert not (run / "checkpoint-10").exists()


def test_a_checkpoint_with_one_flipped_bit_is_not_trusted(run: Path) -> None:
    weights = run / "checkpoint-10" / "model.safetensors"
    weights.write_bytes(b"X" + weights.read_bytes()[1:])
    assert last_whole(run) == (run / "checkpoint-5", 5)


def test_notes_of_sizes_alone_and_of_files_elsewhere(run: Path) -> None:
    note = run / "checkpoint-10" / "whole.json"
    note.write_text('{"model.safetensors": 70, "trainer_state.json": 2}')  # as earlier versions wrote it
    assert is_whole(run / "checkpoint-10")
    note.write_text('{"../checkpoint-5/trainer_state.json": 2}')
    assert not is_whole(run / "checkpoint-10")


# ---- journals ----

KEY = bytes(range(32))


@settings(max_examples=50, deadline=None)
@given(at=st.integers(0, 10_000), bit=st.integers(0, 7), size=st.integers(1, 40))
def test_a_flipped_bit_of_a_journal_gives_no_other_score(
    at: int, bit: int, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("j") / "journal"
    wanted = np.random.default_rng(size).exponential(size=size)
    wanted[size // 2] = np.inf
    open_journal(path, KEY, size).write(0, wanted)
    again = open_journal(path, KEY, size)
    assert np.array_equal(again.nats, wanted)
    del again
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= 1 << bit
    path.write_bytes(data)
    try:
        found = open_journal(path, KEY, size)
    except InvalidParameter:
        return
    scored = ~np.isnan(found.nats)
    assert np.array_equal(found.nats[scored], wanted[scored])
    assert (~scored).sum() <= 1
    found.write(0, wanted)
    assert np.array_equal(open_journal(path, KEY, size).nats, wanted)


def test_a_journal_of_an_earlier_version_says_so(tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(b"compresslab scoring journal 1\n".ljust(32) + KEY + bytes(8))
    with pytest.raises(InvalidParameter, match="it is of another version of compresslab: delete it"):
        open_journal(tmp_path / "j", KEY, 1)


# ---- builds ----


@needs_numba
@each
def test_a_damaged_plan_is_named(tmp_path: Path, content: bytes) -> None:
    np.arange(9, dtype=np.uint16).tofile(tmp_path / "a.bin")
    (tmp_path / "t.work").mkdir()
    (tmp_path / "t.work" / "plan.json").write_bytes(content)
    with pytest.raises(CorruptFile, match=r"plan\.json is not a plan of a build .*: remove .*t\.work and build again"):
        build_tree_file(tmp_path / "a.bin", tmp_path / "t", 2)


@needs_numba
@pytest.mark.parametrize(
    "change", [{"depth": 0}, {"depth": "2"}, {"shard": -1}, {"shard": True}, {"cuts": [3, 1]}, {"cuts": [1e999]},
               {"cuts": None}, {"vocab_size": 2**40}, {"parse": []}, {"parts": 0}, {"more": 1}],
)  # fmt: skip
def test_a_plan_that_cannot_be_is_named(tmp_path: Path, change: dict[str, Any]) -> None:
    plan = {"files": [], "depth": 2, "parse": "phrases", "vocab_size": 9, "shard": 100, "parts": 1, "cuts": []}
    np.arange(9, dtype=np.uint16).tofile(tmp_path / "a.bin")
    (tmp_path / "t.work").mkdir()
    (tmp_path / "t.work" / "plan.json").write_text(json.dumps(plan | change))
    with pytest.raises(CorruptFile, match="is not a plan of a build"):
        build_tree_file(tmp_path / "a.bin", tmp_path / "t", 2)
    (tmp_path / "t.work" / "plan.json").unlink()
    build_tree_file(tmp_path / "a.bin", tmp_path / "t", 2)
    assert TokenTree.load(tmp_path / "t") == TokenTree.build(Dataset.from_token_lists([range(9)], 9), 2)


@needs_numba
@pytest.mark.parametrize("change", [{"shard": 9}, {"vocab_size": 12}, {"sha256": "0" * 64}, {"sha256": None}])
def test_a_plan_that_was_changed_makes_no_other_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    """Shards of another size are other runs: finished ones would be counted together with others than their own."""
    np.tile(np.arange(9, dtype=np.uint16), 20).tofile(tmp_path / "a.bin")
    monkeypatch.setattr(building, "finish_tree", lambda *given, **options: None)
    build_tree_file(tmp_path / "a.bin", tmp_path / "t", 2, shard=30)
    monkeypatch.undo()
    note = tmp_path / "t.work" / "plan.json"
    plan = json.loads(note.read_bytes())
    note.write_text(json.dumps(plan | change))
    with pytest.raises(CorruptFile, match=r"plan\.json is not a plan of a build \(its checksum .*: remove "):
        build_tree_file(tmp_path / "a.bin", tmp_path / "t", 2)
    assert not (tmp_path / "t").exists()
    note.write_text(json.dumps(plan))
    build_tree_file(tmp_path / "a.bin", tmp_path / "t", 2)
    assert TokenTree.load(tmp_path / "t") == TokenTree.build(Dataset.from_token_lists([[*range(9)] * 20], 9), 2)


# ---- token files ----


def test_a_npy_header_is_not_given_the_memory_that_it_claims(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{'descr': '<u2'")
    tracemalloc.start()
    try:
        with pytest.raises(CorruptFile, match=r"a\.npy is not a \.npy file: "):
            open_tokens(tmp_path / "a.npy")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def npy(header: bytes) -> bytes:
    text = header.ljust(-(-(len(header) + 11) // 64) * 64 - 11) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(64)


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<u2', 'fortran_order': False, 'shape': (-3,), }",
        b"{'descr': '<u2', 'fortran_order': False, 'shape': (" + b"9" * 4000 + b",), }",
        b"{'descr': '|O', 'fortran_order': False, 'shape': (3,), }",
        b"{'descr': " + b"-" * 9000 + b"1, 'fortran_order': False, 'shape': (3,), }",
        b"{'descr': " + b"(" * 150 + b"1" + b")" * 150 + b", 'fortran_order': False, 'shape': (3,), }",
        b"{'descr': {}, 'fortran_order': False, 'shape': (3,), }",
        b"[]",
        b"[[[[",
        b"{'a': {'b': ",
        b"'",
        b"1 +",
    ],
)
def test_a_hostile_npy_header_is_one_named_error(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(npy(header))
    with pytest.raises(CompressLabError, match=r"a\.npy"):
        open_tokens(tmp_path / "a.npy")


def test_a_token_file_with_less_than_no_tokens_is_refused(tmp_path: Path) -> None:
    np.array([20240520, 1, -5] + [0] * 400, "<i4").tofile(tmp_path / "a.bin")
    with pytest.raises(CorruptFile, match=r"a\.bin has -5 tokens by its header"):
        open_tokens(tmp_path / "a.bin")


def test_documents_that_do_not_follow_each_other_are_refused(tmp_path: Path) -> None:
    def write(documents: list[int]) -> Path:
        np.arange(6, dtype="<u2").tofile(tmp_path / "a.bin")
        index = b"MMIDIDX\x00\x00" + (1).to_bytes(8, "little") + bytes([8])
        index += (3).to_bytes(8, "little") + len(documents).to_bytes(8, "little")
        index += np.array([2, 2, 2], "<i4").tobytes() + np.array([0, 4, 8], "<i8").tobytes()
        (tmp_path / "a.idx").write_bytes(index + np.array(documents, "<i8").tobytes())
        return tmp_path / "a.bin"

    (block,) = open_tokens(write([0, 1, 3])).read(100)
    assert block.offsets.tolist() == [0, 2, 6]
    for documents in ([0, 9, 3], [0, -1, 3], [0, 2, 1, 3]):
        with pytest.raises(CorruptFile, match=r"a\.idx does not cut 3 sequences into documents"):
            open_tokens(write(documents))


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_damage_inside_a_column_is_named(tmp_path: Path, kind: str) -> None:
    """Every byte of a file is set to another: what is read is whole numbers, or one named error."""
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    pq = pytest.importorskip("pyarrow.parquet")
    table = pa.table({"ids": pa.array([[1, 2], [], [3, 4, 5]], pa.list_(pa.uint16()))})
    path = tmp_path / f"a.{kind}"
    if kind == "parquet":
        pq.write_table(table, path)
    else:
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    good = path.read_bytes()
    for at in range(0, len(good), 7):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :])
        try:
            blocks = list(open_tokens(path).read(10))
        except CompressLabError:
            continue
        assert all(block.offsets[-1] == len(block.tokens) for block in blocks)
