"""Workers: each has a GPU by its number, and no more of them share one than its memory holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compresslab.errors import InvalidParameter
from compresslab.experiments import pool
from compresslab.experiments.pool import num_workers, worker_device, workers_that_fit

torch = pytest.importorskip("torch", reason="needs the extra 'lm'")


def test_gpus_are_dealt_out_to_workers_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    devices = []
    for number in range(5):
        monkeypatch.setattr(pool, "worker_number", lambda number=number: number)
        devices.append(worker_device("cuda"))
    assert devices == ["cuda:0", "cuda:1", "cuda:0", "cuda:1", "cuda:0"]
    assert worker_device("cpu") == "cpu"


@given(st.integers(1, 64), st.lists(st.integers(0, 80 << 30), min_size=1, max_size=8), st.integers(1, 40 << 30))
def test_no_more_workers_share_a_gpu_than_fit(workers: int, free: list[int], need: int) -> None:
    found = workers_that_fit(workers, free, need)
    assert 1 <= found <= workers
    on_each = [len(range(number, found, len(free))) for number in range(len(free))]  # dealt out in turn
    assert all(count <= 1 or count * need <= room for count, room in zip(on_each, free, strict=True))
    if found < workers:  # one more on each would be one too many somewhere
        assert found % len(free) == 0
        assert (found // len(free) + 1) * need > min(free)


def test_the_number_of_workers_goes_by_cores_gpus_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda number: ((40 - 20 * number) << 30, 80 << 30))
    assert num_workers(None, "cuda") == 2
    assert num_workers(8, "cuda", need_bytes=9 << 30) == 4  # two on the second, which has 20 GiB left
    assert num_workers(3, "cuda", need_bytes=9 << 30) == 3
    assert num_workers(8, "cuda") == 8
    assert num_workers(5, "cpu", need_bytes=9 << 30) == 5
    for device in ("cpu", "cuda"):
        with pytest.raises(InvalidParameter, match="the number of workers is at least 1, not 0"):
            num_workers(0, device)


@pytest.mark.parametrize(("name", "least"), [("rebound", 3 << 30), ("scaling", 3 << 30), ("joint", 1 << 30)])
def test_every_experiment_says_what_a_process_takes(name: str, least: int) -> None:
    from compresslab.experiments.registry import get_experiment

    found = get_experiment(name)
    assert least <= found.gpu_bytes(found.preset("cpu", {})) < 8 << 30


def test_fewer_workers_than_asked_for_are_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from compresslab.cli.experiment import _processes
    from compresslab.experiments.registry import get_experiment

    found = get_experiment("joint")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda number: (5 << 29, 80 << 30))
    assert _processes(found, found.preset("gpu", {}), 4) == 2
    assert "--workers 4 is more than the memory of the GPUs holds, at about 1.1 GB each: 2 are used" in (
        capsys.readouterr().err
    )
    assert _processes(found, found.preset("gpu", {}), 2) == 2
    assert not capsys.readouterr().err
