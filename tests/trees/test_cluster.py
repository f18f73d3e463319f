"""Trees built on a Dask cluster of real processes: the same file, whatever happens to the workers."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from compresslab._support import jit
from compresslab.data.dataset import Dataset
from compresslab.errors import EmptyDataset, InvalidParameter, MissingExtra
from compresslab.trees.out_of_core.cluster import build_tree_on_cluster
from compresslab.trees.out_of_core.parts import join_tree_parts
from compresslab.trees.out_of_core.sweeping import open_tree_parts
from compresslab.trees.tree import TokenTree

needs_cluster = pytest.mark.skipif(
    not jit.available() or importlib.util.find_spec("distributed") is None,
    reason="dask and numba (extra 'scale') are not installed",
)
SHARD, KILLS = 60_000, 2
SCRIPT = """
import os, signal, sys, threading, time
from distributed import Client, LocalCluster
from compresslab.trees.out_of_core.cluster import build_tree_on_cluster
from compresslab.trees.out_of_core.token_files import open_tokens

def kill(client, killed):
    for _ in range(int(sys.argv[4])):
        time.sleep(0.4)
        pid = next(iter(client.run(os.getpid).values()))
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)

if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        killed = []
        thread = threading.Thread(target=kill, args=(client, killed))
        thread.start()
        files = [open_tokens(path, eos=299) for path in sys.argv[5:]]
        build_tree_on_cluster(files, sys.argv[1], 16, sys.argv[2], cluster=client, shard=int(sys.argv[3]))
        thread.join()
        build_tree_on_cluster(
            files, sys.argv[1] + ".parts", 16, sys.argv[2], cluster=client, shard=int(sys.argv[3]), parts=20
        )
    print(len(killed))
"""


def tokens_with_repeats(size: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    base = np.minimum(rng.zipf(1.4, 4000), 300).astype(np.uint16) - 1
    starts = rng.integers(0, len(base) - 20, size // 20)
    return np.concatenate([base[start : start + 20] for start in starts])


@pytest.mark.slow  # the law is that of tests/trees/test_out_of_core.py: a build from shards gives the same file
@needs_cluster
@pytest.mark.parametrize(("parse", "num_files", "kills"), [("windows", 1, KILLS), ("phrases", 11, 0)])
def test_a_cluster_writes_the_same_file_though_workers_are_killed(tmp_path, parse, num_files, kills):
    pieces = [tokens_with_repeats(900_000 // num_files, seed) for seed in range(num_files)]
    paths = [tmp_path / f"{i:02d}.bin" for i in range(num_files)]
    responses = []
    for path, piece in zip(paths, pieces, strict=True):
        piece.tofile(path)
        ends = np.flatnonzero(piece == 299)
        parts = [part[part != 299] for part in np.split(piece, ends + 1)]
        responses += parts if len(parts[-1]) or ends[-1:].tolist() != [len(piece) - 1] else parts[:-1]
    vocab = 1 + max(int(piece.max()) for piece in responses if len(piece))
    TokenTree.build(Dataset.from_token_lists(responses, vocab), 16, parse).save(tmp_path / "want")
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "got"), parse, str(SHARD), str(kills)]
    root = str(Path(__file__).parents[2])
    command += map(str, paths)
    env = {**os.environ, "PYTHONPATH": root}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(kills)
    assert (tmp_path / "got").read_bytes() == (tmp_path / "want").read_bytes()
    assert not (tmp_path / "got.work").exists()
    parts = open_tree_parts(tmp_path / "got.parts")
    tops = [np.asarray(part.sorted_leaves.symbols[0]) for part in parts]
    assert 4 < len(parts) <= 20
    assert all(above.max() < below.min() for above, below in pairwise(tops))
    join_tree_parts(tmp_path / "got.parts", tmp_path / "joined")
    assert (tmp_path / "joined").read_bytes() == (tmp_path / "want").read_bytes()


@needs_cluster
def test_a_cluster_that_does_not_answer_is_named(tmp_path):
    np.arange(9, dtype=np.uint16).tofile(tmp_path / "a.bin")
    code = (
        "import sys\nfrom compresslab.trees.out_of_core.cluster import build_tree_on_cluster\n"
        "build_tree_on_cluster(sys.argv[1], sys.argv[2], 4, cluster='nonsense://')"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.bin"), str(tmp_path / "got")]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert "UnreadableFile: no Dask scheduler answers at nonsense://: start one, or give its address" in done.stderr


@pytest.mark.slow
def test_a_cluster_without_workers_is_named_once_none_has_come(tmp_path):
    np.array([1, 2], np.uint16).tofile(tmp_path / "a.bin")
    code = (
        "import sys\n"
        "from distributed import Client, LocalCluster\n"
        "from compresslab.trees.out_of_core import cluster\n"
        "cluster.WAIT = 1\n"
        "with LocalCluster(n_workers=0, processes=False, dashboard_address=None) as none, Client(none) as client:\n"
        "    cluster.build_tree_on_cluster(sys.argv[1], sys.argv[2], 4, cluster=client)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.bin"), str(tmp_path / "got")]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert "UnreadableFile: the cluster has no workers, and none came in 1 s: start some" in done.stderr


def test_without_dask_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtra, match=r"building on a cluster needs the optional extra 'scale'"):
        build_tree_on_cluster(tmp_path / "a.bin", tmp_path / "got", 4, cluster="tcp://127.0.0.1:1")


def test_parts_that_are_none_are_named(tmp_path):
    with pytest.raises(EmptyDataset, match="holds no parts of a tree"):
        open_tree_parts(tmp_path)
    if importlib.util.find_spec("distributed") is not None:
        with pytest.raises(InvalidParameter, match="cannot be written in 0 parts: give 1 or more"):
            build_tree_on_cluster(tmp_path / "a.bin", tmp_path / "got", 4, cluster="tcp://127.0.0.1:1", parts=0)
