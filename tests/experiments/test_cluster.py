"""Units on a Dask cluster: the same rows whoever computes them, and what workers must be."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the extra 'lm'")
if importlib.util.find_spec("distributed") is None:
    pytest.skip("needs dask (the extra 'scale')", allow_module_level=True)

import torch
from distributed import Client, LocalCluster

from compresslab._support import cluster
from compresslab.errors import InvalidParameter, TimeLimitReached, UnreadableFile, WorkerKilled
from compresslab.experiments.experiment import run
from compresslab.experiments.pool import run_units
from tests.experiments.test_stages import made

Run = Callable[..., tuple[int, str, str]]


def started(**settings: Any) -> LocalCluster:
    return LocalCluster(dashboard_address=":0", **settings)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A cluster of one worker in this process: what a unit is and does, without waiting for processes."""
    with started(n_workers=1, threads_per_worker=1, processes=False) as made_here, Client(made_here) as found:
        yield found


def work(unit: int) -> list[dict[str, Any]]:
    if unit == 3:
        raise TimeLimitReached("the time limit is reached")
    if unit == 4:
        raise InvalidParameter("unit 4 cannot be")
    return [{"number": unit, "threads": torch.get_num_threads(), "place": os.getcwd()}]


def rows(units: list[int], path: Path, **settings: Any) -> list[dict[str, Any]]:
    return run_units(work, {str(unit): unit for unit in units}, path, **settings)


def test_rows_of_a_cluster_are_in_the_order_of_the_units_and_resumed(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    saved: list[int] = []
    wanted = [{"number": unit, "threads": 1, "place": str(tmp_path)} for unit in (2, 0, 1)]
    assert rows([2, 0, 1], tmp_path / "r", cluster=client, saved=saved.append) == wanted
    assert sorted(saved) == [0, 1, 2]
    assert rows([2, 0, 1], tmp_path / "r", cluster="tcp://nobody:1") == wanted  # nothing is missing: nobody is asked


def test_a_time_limit_lets_the_other_units_end_and_keeps_them(client: Client, tmp_path: Path) -> None:
    with pytest.raises(TimeLimitReached):
        rows([3, 0, 1], tmp_path / "r", cluster=client)
    kept = rows([0, 1], tmp_path / "r", workers=1)
    assert [row["number"] for row in kept] == [0, 1]


def test_an_error_of_a_unit_is_the_error_of_the_run(client: Client, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="unit 4 cannot be"):
        rows([4], tmp_path / "r", cluster=client)


def test_a_scheduler_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import distributed

    def nobody(*_: object, **__: object) -> Any:
        raise OSError("timed out")

    monkeypatch.setattr(distributed, "Client", type("Client", (), {"__init__": nobody}))
    with pytest.raises(UnreadableFile, match="no Dask scheduler answers at tcp://nobody:1: start one"):
        rows([0], tmp_path / "r", cluster="tcp://nobody:1")


class Told:
    """A client whose workers say what they are told to."""

    def __init__(self, threads: int = 1, versions: dict[str, str] | None = None, sees: bool = True) -> None:
        self.threads, self.versions, self.sees = threads, versions, sees

    def scheduler_info(self, **_: object) -> dict[str, Any]:
        return {"workers": {"tcp://w:1": {"nthreads": self.threads}} if self.threads else {}}

    def wait_for_workers(self, *_: object, **__: object) -> None:
        if not self.threads:
            raise TimeoutError

    def run(self, function: Any, *_: object) -> dict[str, Any]:
        facts = self.sees if function is os.path.isdir else self.versions or cluster._versions()
        return {"tcp://w:1": facts}


@pytest.mark.parametrize(
    ("told", "error", "words"),
    [
        (Told(threads=0), UnreadableFile, "the cluster has no workers, and none came in 20 s: start some"),
        (Told(threads=2), InvalidParameter, "the worker tcp://w:1 has 2 threads, .* start workers with --nthreads 1"),
        (
            Told(versions=cluster._versions() | {"torch": "1.0"}),
            InvalidParameter,
            "tcp://w:1 has other versions: torch 1.0 there, .* here: install the same",
        ),
        (Told(sees=False), UnreadableFile, "tcp://w:1 does not see the folder .*: put it where all machines see it"),
    ],
)
def test_workers_that_would_make_other_rows_are_refused(told: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        cluster.check_workers(told, ["here"])
    cluster.check_workers(Told(), ["here"])


def test_a_worker_that_is_gone_again_is_waited_for() -> None:
    class Coming(Told):
        def scheduler_info(self, **_: object) -> dict[str, Any]:
            self.threads += 1  # the first one was killed between the two questions
            return {"workers": {} if self.threads == 2 else {"tcp://w:1": {"nthreads": 1}}}

    assert cluster.workers_of(Coming()) == {"tcp://w:1": {"nthreads": 1}}


def test_processes_here_and_a_scheduler_do_not_go_together(run: Run, tmp_path: Path) -> None:
    options = ("--out", tmp_path / "x", "--workers", 2, "--scheduler", "tcp://nobody:1")
    code, _, err = run("experiment", "joint", *options)
    assert (code, err.count("\n")) == (1, 1)
    assert "--workers: of processes here, leave it out beside --scheduler" in err
    assert not (tmp_path / "x").exists()


def die(unit: int) -> list[dict[str, Any]]:
    os._exit(1)


@pytest.mark.slow  # processes that import torch: the law is that of the tests above
def test_an_experiment_has_the_same_rows_on_a_cluster(tmp_path: Path) -> None:
    experiment, spec = made("joint", tmp_path / "data")
    wanted = run(experiment, spec, tmp_path / "here")
    with started(n_workers=2, threads_per_worker=1) as two, Client(two) as found:
        assert run(experiment, spec, tmp_path / "there", cluster=found.scheduler.address) == wanted
        assert (tmp_path / "there" / "rows.jsonl").read_bytes() == (tmp_path / "here" / "rows.jsonl").read_bytes()
        assert not (tmp_path / "there" / "stages").exists()
        with pytest.raises(WorkerKilled, match="died of the same piece of work"):
            run_units(die, {"a": 0}, tmp_path / "dead", cluster=found)
