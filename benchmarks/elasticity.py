"""Elasticity curves and divergences beside the least work that they could be: ratios in one run.

* An elasticity curve of 64 volumes over 1e6 leaves x 3 datasets, beside one ``log2`` pass over the three arrays.
* KL and cross-entropy over 1e6 outcomes, beside ``scipy.stats.entropy``.

Run: python benchmarks/elasticity.py
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

from compresslab import Elasticity, cross_entropy_bits, kl_bits


def seconds(work: Callable[[], Any], repeats: int) -> float:
    """Return the median of several runs."""
    spent = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return float(np.median(spent))


def main() -> None:
    M = int(float(sys.argv[1])) if len(sys.argv) > 1 else 1_000_000
    rng = np.random.default_rng(0)
    p1, p2, p3 = rng.dirichlet(np.ones(M), size=3)
    stacked = np.stack([p1, p2, p3])
    scenario = Elasticity.contained(p1, p2, p3, k=10)
    grid = np.linspace(0, 1, 64)
    log_pass = seconds(lambda: np.log2(stacked), 9)
    curve = seconds(lambda: scenario.curve(grid), 3)
    print(f"M = {M:,} leaves, medians")
    title = "curve of 64 volumes x 3 datasets"
    print(f"{title:<33} {curve:8.4f} s  = {curve / log_pass:6.1f} x one log2 pass ({log_pass:.4f} s)")

    pairs: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "KL": (lambda: kl_bits(p1, p2), lambda: stats.entropy(p1, p2, base=2)),
        "cross-entropy": (lambda: cross_entropy_bits(p1, p2), lambda: stats.entropy(p1, p2, base=2)),
    }
    for name, (ours, theirs) in pairs.items():
        mine, peer = seconds(ours, 9), seconds(theirs, 9)
        print(f"{name:<33} {mine:8.4f} s  = {mine / peer:6.2f} x scipy.stats.entropy ({peer:.4f} s)")


if __name__ == "__main__":
    main()
