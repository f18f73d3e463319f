"""Rows on disk: nothing finished is lost, nothing broken is taken for a result."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab._support.processes import process_pool, worker_number
from compresslab.errors import CorruptFile, InvalidParameter, UnreadableFile
from compresslab.experiments.pool import run_units
from compresslab.experiments.rows import append_rows, open_rows, read_rows, settle_rows

ROWS = {"a/seed 0": [{"x": 0.1, "name": "é"}, {"x": None, "name": "b"}], "a/seed 1": [{"x": 1e-300, "name": "c"}]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "rows.jsonl"
    for unit, rows in ROWS.items():
        append_rows(target, unit, rows)
    return target


def test_rows_come_back_as_they_were_written(path: Path) -> None:
    assert read_rows(path) == ROWS
    assert open_rows(path) == ROWS
    assert read_rows(path.with_name("none.jsonl")) == {}


@settings(max_examples=50, deadline=None)
@given(cut=st.integers(0, 10_000))
def test_a_file_cut_anywhere_holds_exactly_the_units_that_are_whole(
    cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    target = tmp_path_factory.mktemp("cut") / "rows.jsonl"
    for unit, rows in ROWS.items():
        append_rows(target, unit, rows)
    whole = target.read_bytes()
    cut %= len(whole) + 1
    target.write_bytes(whole[:cut])
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    expected = {"a/seed 0": ROWS["a/seed 0"]} if cut >= ends[1] else {}
    if cut == len(whole):
        expected = ROWS
    assert open_rows(target) == expected
    # what was left unfinished is gone: the file can be gone on with, and ends as if nothing had happened
    for unit, rows in ROWS.items():
        if unit not in expected:
            append_rows(target, unit, rows)
    assert target.read_bytes() == whole


@settings(max_examples=50, deadline=None)
@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_never_gives_another_result(at: int, bit: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    target = tmp_path_factory.mktemp("flip") / "rows.jsonl"
    for unit, rows in ROWS.items():
        append_rows(target, unit, rows)
    damaged = bytearray(target.read_bytes())
    damaged[at % len(damaged)] ^= 1 << bit
    target.write_bytes(damaged)
    try:
        found = read_rows(target)
    except CorruptFile:
        return
    assert all(ROWS[unit] == rows for unit, rows in found.items())


def test_damage_in_the_middle_is_an_error_that_names_the_line(path: Path) -> None:
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([lines[0].replace(b"0.1", b"0.2"), *lines[1:]]))
    with pytest.raises(CorruptFile, match="line 1 of .* is broken: its checksum does not fit"):
        read_rows(path)


def test_two_results_of_one_unit_are_an_error(path: Path) -> None:
    append_rows(path, "a/seed 1", [{"x": 2.0, "name": "c"}])
    with pytest.raises(CorruptFile, match="contradicts an earlier result of a/seed 1"):
        read_rows(path)


def test_a_row_that_json_cannot_hold_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "rows.jsonl"
    with pytest.raises(InvalidParameter, match="write None for a number there is none"):
        append_rows(target, "a", [{"x": float("nan")}])
    with pytest.raises(InvalidParameter, match="keeps for itself"):
        append_rows(target, "a", [{"part": 1}])
    with pytest.raises(InvalidParameter, match="at least one"):
        append_rows(target, "a", [])
    with pytest.raises(UnreadableFile, match="cannot write"):
        append_rows(tmp_path / "none" / "rows.jsonl", "a", [{"x": 1}])
    assert not target.exists()


def test_each_line_is_plain_json_with_its_unit(path: Path) -> None:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(line["unit"], line["part"]) for line in lines] == [
        ("a/seed 0", [1, 2]),
        ("a/seed 0", [2, 2]),
        ("a/seed 1", [1, 1]),
    ]


def test_settling_puts_units_in_the_order_given(path: Path) -> None:
    settle_rows(path, dict(reversed(list(ROWS.items()))))
    assert list(read_rows(path)) == ["a/seed 1", "a/seed 0"]


def square(x: int) -> list[dict[str, int]]:
    return [{"x": x, "square": x * x}]


@pytest.mark.parametrize("workers", [1, 2])
def test_units_are_done_once_in_any_order_and_stand_in_theirs(workers: int, tmp_path: Path) -> None:
    target = tmp_path / "rows.jsonl"
    append_rows(target, "2", [{"x": 2, "square": -1}])  # marks that it is not done again
    units = {str(x): x for x in range(4)}
    seen: list[int] = []
    rows = run_units(
        square, units, target, workers=workers, cost=lambda x: x + 1, progress=lambda done, total: seen.append(done)
    )
    assert [row["square"] for row in rows] == [0, 1, -1, 9]
    assert list(read_rows(target)) == list(units)
    assert seen[0] == 300
    assert seen[-1] == 1000
    assert seen == sorted(seen)


def number_after(seconds: float) -> int:
    time.sleep(seconds)  # so that no worker does everything
    return worker_number()


def test_workers_have_numbers_of_their_own() -> None:
    with process_pool(2) as pool:
        assert {one.result() for one in [pool.submit(number_after, 0.5) for _ in range(4)]} == {0, 1}
    assert worker_number() == 0


def test_a_file_with_foreign_units_is_refused(path: Path) -> None:
    with pytest.raises(InvalidParameter, match="'a/seed 0', which is not a part of this experiment"):
        run_units(square, {"0": 0}, path)
