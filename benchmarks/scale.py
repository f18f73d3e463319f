"""Tree files of 1e7, 1e8 and 1e9 tokens of 16 bits within 2 GB: time, processor time, peak memory, bytes, growth.

Each build is a process of its own, from a flat token file to a tree file (see ``text_like.py`` for the text), reading
and writing included. The exponent compares a size with the one before: 1 is linear. On a machine that others use too,
processor seconds are the figure to compare.

Run: python benchmarks/scale.py [sizes, 1e7,1e8 if not given] [depths, 4,16] [parses, windows,phrases]
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from side_by_side import peak_bytes
from text_like import token_file

from compresslab.trees.out_of_core.building import build_tree_file
from compresslab.trees.tree import TokenTree

MEMORY = 2_000_000_000


def build(size: int, depth: int, parse: str) -> None:
    """Build one tree file in this process, and print what it took."""
    source = token_file(size)
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        path = Path(folder) / "tree"
        start = time.perf_counter()
        build_tree_file(source, path, depth, parse, memory=MEMORY)
        wall, cpu, peak = time.perf_counter() - start, time.process_time(), peak_bytes()
        tree = TokenTree.load(path, mapped=True)
        leaves, nodes, size = tree.num_leaves, tree.num_nodes, os.path.getsize(path)
    print(wall, cpu, peak, leaves, nodes, size)


def main() -> None:
    if sys.argv[1:2] == ["--build"]:
        build(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
        return
    given = [*sys.argv[1:], *["1e7,1e8", "4,16", "windows,phrases"][len(sys.argv) - 1 :]]
    sizes = [int(float(size)) for size in given[0].split(",")]
    print(f"builds within {MEMORY / 1e9:g} GB, {len(os.sched_getaffinity(0))} processors")
    for parse in given[2].split(","):
        for depth in map(int, given[1].split(",")):
            print(f"\ndepth {depth}, {parse}")
            heads = ("s", "cpu s", "peak MB", "leaves", "nodes", "bytes/leaf")
            print(f"  {'tokens':>13}" + "".join(f"{head:>15}" for head in heads) + "  growth")
            before: tuple[int, np.ndarray] | None = None
            for size in sizes:
                token_file(size)
                command = [sys.executable, __file__, "--build", str(size), str(depth), parse]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                got = np.array(done.stdout.split(), np.float64)
                wall, cpu, peak, leaves, nodes, held = got
                growth = ""
                if before is not None:
                    by = math.log(size / before[0])
                    growth = "  ".join(
                        f"{name} ^{math.log(got[i] / before[1][i]) / by:.2f}"
                        for i, name in enumerate(("s", "cpu", "peak"))
                    )
                cells = f"{wall:15.1f}{cpu:15.1f}{peak / 1e6:15,.0f}{leaves:15,.0f}{nodes:15,.0f}{held / leaves:15.1f}"
                print(f"  {size:>13,}{cells}  {growth}", flush=True)
                before = size, got


if __name__ == "__main__":
    main()
