"""Scores of several models on a Dask cluster are those of one process."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

if importlib.util.find_spec("distributed") is None:
    pytest.skip("needs dask (the extra 'scale')", allow_module_level=True)

from distributed import Client, LocalCluster

from compresslab import Dataset, TokenTree
from compresslab.errors import InvalidParameter, UnknownName
from compresslab.lm.tree_model import TreeModel
from compresslab.measurements.score import ScoreTable, score

DATA = {"pairs": [("to be", " or not"), ("to", " be")], "alone": ["to be or not to be", "", "not"]}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("trees")
    for depth in (2, 3):
        TokenTree.build(Dataset.from_texts(["to be or not to be"]), depth).save(folder / f"{depth}.tree")
    return {f"depth {depth}": f"tree:{folder / f'{depth}.tree'}" for depth in (3, 2)}


def plain(table: ScoreTable) -> dict[str, Any]:
    found = table.plain()
    for cell in found["scores"]:
        del cell["seconds"]
    return found


def test_a_cluster_scores_as_one_process_does(models: dict[str, str], tmp_path: Path) -> None:
    wanted = plain(score(models, DATA))
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        assert plain(score(models, DATA, cluster=client, resume=tmp_path / "kept")) == wanted
        assert len(list((tmp_path / "kept").iterdir())) == 4
        saved = tmp_path / "saved.jsonl"
        score(models["depth 3"], DATA, cluster=client, save_log_probs=saved)
        score(models["depth 3"], DATA, save_log_probs=tmp_path / "here.jsonl")
        assert saved.read_bytes() == (tmp_path / "here.jsonl").read_bytes()
        with pytest.raises(UnknownName, match="nothing"):
            score([*models.values(), "nothing"], DATA, cluster=client)
        own = TreeModel.of(Dataset.from_texts(["to be"]), 2)
        with pytest.raises(InvalidParameter, match="load models by name: 'tree' is not one, save it and name it"):
            score({"named": models["depth 2"], "tree": own}, DATA, cluster=client)


def test_launched_processes_and_a_scheduler_do_not_go_together(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: dict[str, str]
) -> None:
    (tmp_path / "a.txt").write_text("to be")
    monkeypatch.setattr("compresslab.lm.distributed.processes", lambda: (0, 2))
    options = ("--model", models["depth 2"], "--data", tmp_path / "a.txt", "--scheduler", "tcp://nobody:1")
    code, _, err = run("score", *options)
    assert (code, err.count("\n")) == (1, 1)
    assert "2 processes were launched, and --scheduler has the workers of a cluster do the work" in err


@pytest.mark.slow  # processes of workers: the law is that of the first test
def test_the_command_scores_on_workers_in_processes_of_their_own(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path, models: dict[str, str]
) -> None:
    (tmp_path / "a.txt").write_text("to be\nor not to be\n")
    (tmp_path / "b.jsonl").write_text('{"prompt": "to", "response": " be"}\n' * 2)
    command = ["score", "--model", *models.values(), "--data", tmp_path / "a.txt", tmp_path / "b.jsonl", "--json"]
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        there = run(*command, "--scheduler", cluster.scheduler_address)
    here = run(*command)
    assert there[0] == here[0] == 0
    tables = [json.loads(out) for _, out, _ in (there, here)]
    for table in tables:
        for cell in table["scores"]:
            del cell["seconds"]
    assert tables[0] == tables[1]
