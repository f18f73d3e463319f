"""Token trees beside the tools that come close, on one text, all in one run: time, ratio and peak memory.

Each measurement is a process of its own: the least of three runs in it (one from 5e7 tokens on), compiled code warm;
peak = its largest resident set. ``windows``: a phrase starts at every token. On a machine that others use too, compare
processor seconds: they count all threads.

* depth 4, all layers, beside one ``np.sort`` of the packed 64-bit keys (one thread), tokengrams' index, duckdb and
  polars (which count the last layer only);
* depth 16, all layers, beside pydivsufsort's suffix array and its LCP array (which still hold no tree);
* a dict of dicts, on fewer tokens, in time per token.

Run: python benchmarks/trees.py [tokens, 1e7 if not given] [text or random]
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from alphabets import check_same
from numpy.typing import NDArray
from side_by_side import peak_bytes, print_machine
from text_like import token_file

from compresslab._support import jit
from compresslab.trees import counting
from compresslab.trees.counting.numpy_any_depth import count_refining
from compresslab.trees.counting.numpy_words import count_packed_windows
from compresslab.trees.leaves import LocatedPhrases

Tokens = NDArray[np.uint16]
REPEATS = 3
FEW = 1_000_000  # tokens for a dict of dicts, which takes up to 2 kB for each
CHECKED = 300_000  # tokens of which the answers are compared before anything is timed


def tree(tokens: Tokens, depth: int) -> None:
    counting.count_phrases(tokens, np.array([0, len(tokens)]), depth, "windows")


def tree_numpy(tokens: Tokens, depth: int) -> None:
    if depth * 16 <= 64:
        count_packed_windows(tokens, np.array([0, len(tokens)]), depth, 16)
        return
    start = np.arange(len(tokens) + 1)
    count_refining(LocatedPhrases(tokens, start, np.minimum(len(tokens) - start, depth)), depth)


def one_sort(tokens: Tokens, depth: int) -> None:
    keys = np.zeros(len(tokens) - depth + 1, np.uint64)
    for j in range(depth):
        keys |= tokens[j : j + len(keys)].astype(np.uint64) << np.uint64(16 * (depth - 1 - j))
    start, cpu = time.perf_counter(), time.process_time()
    keys.sort()
    raise Timed(time.perf_counter() - start, time.process_time() - cpu)


def suffix_array(tokens: Tokens, depth: int) -> None:
    peer = importlib.import_module("pydivsufsort")
    peer.kasai(tokens, peer.divsufsort(tokens))


def dict_of_dicts(tokens: Tokens, depth: int) -> None:
    root: dict[int, Any] = {}
    held = tokens.tolist()
    for i in range(len(held)):
        node = root
        for token in held[i : i + depth]:
            node = node.setdefault(token, {})
            node[-1] = node.get(-1, 0) + 1


def tokengrams(tokens: Tokens, depth: int) -> None:
    importlib.import_module("tokengrams").InMemoryIndex.from_token_file(str(token_file(len(tokens))), None, 65_536)


def duckdb(tokens: Tokens, depth: int) -> None:
    columns = {f"c{j}": tokens[j : len(tokens) - depth + 1 + j] for j in range(depth)}
    names = ", ".join(columns)
    base = importlib.import_module("duckdb")
    base.register("grams", columns)
    base.sql(
        f"create or replace table counted as select {names}, count(*) n from grams group by {names} order by {names}"
    )


def polars(tokens: Tokens, depth: int) -> None:
    frame = importlib.import_module("polars").DataFrame(
        {f"c{j}": tokens[j : len(tokens) - depth + 1 + j] for j in range(depth)}
    )
    frame.group_by(frame.columns).len().sort(frame.columns)


class Timed(Exception):
    """Carries a time that a measurement took by itself, without its preparation."""

    def __init__(self, seconds: float, cpu: float) -> None:
        super().__init__(seconds)
        self.seconds, self.cpu = seconds, cpu


WORK: dict[str, Callable[[Tokens, int], None]] = {
    f.__name__: f for f in (tree, tree_numpy, one_sort, suffix_array, dict_of_dicts, tokengrams, duckdb, polars)
}
NEEDS = {"suffix_array": "pydivsufsort", "tokengrams": "tokengrams", "duckdb": "duckdb", "polars": "polars"}


def measure(name: str, path: Path, size: int, depth: int) -> None:
    """Print seconds and peak bytes of one piece of work, in this process."""
    tokens = np.fromfile(path, np.uint16, size)
    if name == "tree" and jit.available():
        importlib.import_module("compresslab.trees.counting.compiled_any_depth").count_compiled(
            tokens[:1000], np.array([0, 1000]), depth, "windows"
        )
    spent = []
    once = name == "dict_of_dicts" or size >= 50_000_000
    for _ in range(1 if once else REPEATS):
        start, cpu = time.perf_counter(), time.process_time()
        try:
            WORK[name](tokens, depth)
            spent.append((time.perf_counter() - start, time.process_time() - cpu))
        except Timed as timed:
            spent.append((timed.seconds, timed.cpu))
    print(*min(spent), peak_bytes())


def run(name: str, size: int, depth: int, kind: str) -> tuple[float, float, float] | None:
    """Measure in a process of its own; None where the peer is not installed."""
    if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
        return None
    command = [sys.executable, __file__, "--measure", name, str(token_file(size, kind)), str(size), str(depth)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"  {name}: failed: {done.stderr.strip().splitlines()[-1]}")
        return None
    seconds, cpu, peak = map(float, done.stdout.split())
    return seconds, cpu, peak


def compare(depth: int, size: int, kind: str, peers: dict[str, str]) -> None:
    engine = "compiled" if jit.available() else "numpy"
    print(f"\ndepth {depth}, all layers, {size:,} tokens ({kind}), windows, {engine} engine")
    ours = run("tree", size, depth, kind)
    assert ours is not None
    print(f"  {'compresslab':<44}{ours[0]:9.3f} s {ours[1]:9.3f} cpu s {ours[2] / 1e6:7,.0f} MB")
    for name, label in peers.items():
        few = min(size, FEW) if name == "dict_of_dicts" else size
        got = run(name, few, depth, kind)
        if got is None:
            print(f"  {label:<44} not installed or failed")
            continue
        ratio = (got[0] / few) / (ours[0] / size)
        scale = f" a token, on {few:,} tokens" if few != size else ""
        print(
            f"  {label:<44}{got[0]:9.3f} s {got[1]:9.3f} cpu s {got[2] / 1e6:7,.0f} MB {ratio:7.2f} x our time{scale}"
        )


def distinct_windows(name: str, tokens: Tokens, depth: int) -> int | None:
    """Return how many different windows a peer finds; None where it is missing or gives no count."""
    if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
        return None
    if name == "duckdb":
        duckdb(tokens, depth)
        return int(importlib.import_module("duckdb").sql("select count(*) from counted").fetchone()[0])
    if name == "polars":
        columns = {f"c{j}": tokens[j : len(tokens) - depth + 1 + j] for j in range(depth)}
        frame = importlib.import_module("polars").DataFrame(columns)
        return int(frame.group_by(frame.columns).len().height)
    if name == "suffix_array":
        peer = importlib.import_module("pydivsufsort")
        order = peer.divsufsort(tokens)
        shared = np.concatenate([[0], peer.kasai(tokens, order)[: len(order) - 1]])
        return int(((order + depth <= len(tokens)) & (shared < depth)).sum())
    return None


def check(size: int, depth: int, kind: str) -> None:
    """Raise unless the engines give the same tree, and the peers that count as many different windows, on a part."""
    tokens = np.fromfile(token_file(size, kind), np.uint16, min(size, CHECKED))
    offsets, start = np.array([0, len(tokens)]), np.arange(len(tokens) + 1)
    strings = LocatedPhrases(tokens, start, np.minimum(len(tokens) - start, depth))
    trees = [count_refining(strings, depth)]
    if depth * 16 <= 64:
        trees.append(count_packed_windows(tokens, offsets, depth, 16))
    if jit.available():
        compiled = importlib.import_module("compresslab.trees.counting.compiled_any_depth")
        trees.append(compiled.count_compiled(tokens, offsets, depth, "windows"))
        windows = importlib.import_module("compresslab.trees.counting.sorted_windows")
        trees += [tree for tree in [windows.count_windows(tokens, offsets, depth, 16)] if tree is not None]
    for tree in trees[1:]:
        check_same(tree, trees[0])
    full, agreed = int((trees[0].length == depth).sum()), []
    for name in ("duckdb", "polars") if depth == 4 else ("suffix_array",):
        found = distinct_windows(name, tokens, depth)
        if found not in (None, full):
            raise AssertionError(f"{name} finds {found} different windows of {depth} tokens, not {full}")
        agreed += [name] if found is not None else []
    peers = f"; {' and '.join(agreed)} found as many windows" if agreed else ""
    print(f"\ndepth {depth}: {len(trees)} engines gave the same tree of {len(tokens):,} tokens{peers}")


def main() -> None:
    if sys.argv[1:2] == ["--measure"]:
        _, _, name, path, size, depth = sys.argv
        measure(name, Path(path), int(size), int(depth))
        return
    size = int(float(sys.argv[1])) if len(sys.argv) > 1 else 10_000_000
    kind = sys.argv[2] if len(sys.argv) > 2 else "text"
    if kind == "text":
        size = min(size, functools.partial(token_file, size, kind)().stat().st_size // 2)
    print_machine(["numpy", "numba", *NEEDS.values()])
    check(size, 4, kind)
    check(size, 16, kind)
    compare(4, size, kind, {
        "one_sort": "one np.sort of the packed keys",
        "tree_numpy": "compresslab without numba",
        "tokengrams": "tokengrams, index in memory",
        "duckdb": "duckdb, group by (last layer only)",
        "polars": "polars, group by (last layer only)",
        "dict_of_dicts": "dict of dicts",
    })  # fmt: skip
    compare(16, size, kind, {
        "suffix_array": "pydivsufsort: suffix array and LCP (no tree)",
        "tree_numpy": "compresslab without numba",
        "dict_of_dicts": "dict of dicts",
    })  # fmt: skip


if __name__ == "__main__":
    main()
