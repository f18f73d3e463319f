"""Trees of depth 4 for alphabets of 2 to 65,536 symbols: compresslab beside one ``np.sort`` of the packed words.

In turn, the least of eleven: all layers by the engine that compresslab chooses, the engine without numba, and one
``np.sort`` of the words of 64 bits (16 bits a symbol, one thread), which counts nothing. The trees of the engines must
be the same, array for array, before anything is timed. Ratios are of time by the clock and, in brackets, of processor
time: that is the one to read on a machine that others use too, divided by the processors that are free otherwise.

Run: python benchmarks/alphabets.py [tokens, 1e7 if not given] [repeats]
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from side_by_side import REPEATS, in_turn, peak_bytes, print_machine

from compresslab.trees.counting import count_phrases
from compresslab.trees.counting.numpy_words import bits_per_symbol, count_packed_windows
from compresslab.trees.leaves import SortedLeaves

DEPTH = 4


def texts(n: int) -> Iterator[tuple[str, NDArray[Any], NDArray[np.int64]]]:
    """Yield name, tokens and offsets; the last ones are unkind to an engine that deals words into buckets."""
    rng = np.random.default_rng(1)
    one = np.array([0, n])
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).rglob("*.py"))
    source = np.frombuffer(b"".join(f.read_bytes() for f in files if "site-packages" not in f.parts), np.uint8)
    yield "source, bytes", np.resize(source, n), one
    for V in (2, 16, 17, 256):
        yield f"random, {V}", rng.integers(0, V, n).astype(np.uint8), one
    yield "zipf, 256", (rng.zipf(1.3, n) % 256).astype(np.uint8), one
    yield "random, 50,257", rng.integers(0, 50_257, n).astype(np.uint16), one
    yield "random, 65,536", rng.integers(0, 65_536, n).astype(np.uint16), one
    yield "zipf, 65,536", (rng.zipf(1.2, n) % 65_536).astype(np.uint16), one
    mostly = np.where(rng.random(n) < 0.9, 0, rng.integers(0, 65_536, n)).astype(np.uint16)
    yield "nine in ten the same", mostly, one
    yield "responses of 10", rng.integers(0, 256, n).astype(np.uint8), np.arange(0, n + 1, 10)


def words_of(tokens: NDArray[Any]) -> NDArray[np.uint64]:
    """Pack each window of four into a word."""
    words = np.zeros(len(tokens) - DEPTH + 1, np.uint64)
    for j in range(DEPTH):
        words |= tokens[j : j + len(words)].astype(np.uint64) << np.uint64(16 * (DEPTH - 1 - j))
    return words


def check_same(a: SortedLeaves, b: SortedLeaves) -> None:
    """Raise unless two trees are the same."""
    pairs = [*zip(a.symbols, b.symbols, strict=True), (a.shared, b.shared), (a.length, b.length), (a.counts, b.counts)]
    if not all(x.dtype == y.dtype and np.array_equal(x, y) for x, y in pairs):
        raise AssertionError("the engines disagree")


def main() -> None:
    n = int(float(sys.argv[1])) if len(sys.argv) > 1 else 10_000_000
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else REPEATS
    print_machine(["numpy", "numba"])
    print(f"depth {DEPTH}, all layers, {n:,} tokens, windows; seconds by the clock (of processors)")
    heads = ("compresslab", "without numba", "one np.sort")
    print(f"  {'text':<22}" + "".join(f"{head:>18}" for head in heads) + "   ours / np.sort   busy")
    for name, tokens, offsets in texts(n):
        bits = bits_per_symbol(tokens)
        check_same(count_phrases(tokens, offsets, DEPTH, "windows"), count_packed_windows(tokens, offsets, DEPTH, bits))
        words = words_of(tokens)
        got = in_turn(
            {
                heads[0]: lambda: count_phrases(tokens, offsets, DEPTH, "windows"),  # noqa: B023
                heads[1]: lambda: count_packed_windows(tokens, offsets, DEPTH, bits),  # noqa: B023
                heads[2]: lambda: np.sort(words),  # noqa: B023
            },
            repeats,
        )
        ours, peer = got[heads[0]], got[heads[2]]
        cells = "".join(f"{spent.wall:9.3f} ({spent.cpu:.3f})" for spent in got.values())
        ratio = f"{ours.wall / peer.wall:8.2f} ({ours.cpu / peer.cpu:.2f})"
        print(f"  {name:<22}{cells}{ratio}{ours.busy:9.2f}", flush=True)
    print(f"  peak memory of all that: {peak_bytes() / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()
