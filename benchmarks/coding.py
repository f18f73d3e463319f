"""Coding speed side by side, in one run: ours, constriction called directly, pure Python, torchac; and file sizes.

    python benchmarks/coding.py              # streams, V = 2 to 49,152, float32 and float64; symbols per second, ratios
    python benchmarks/coding.py --files      # bits per byte of 10 MB of source code beside gzip, xz, zstd, brotli, zpaq

Ours and constriction take turns, eleven times each in one process, and the least processor time of each counts. Both
must give the symbols back before anything is timed. Ratios above 1 mean that ours is faster. "read" is one pass over
the probabilities, ``rows.sum(axis=1)``. Rows are float32, as language models give them, and float64; symbols are
sampled from them.
"""

from __future__ import annotations

import argparse
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from typing import Any

import constriction
import numpy as np
from side_by_side import in_turn, peak_bytes, print_machine

from compresslab.coding import compress_file, decode, decompress_file, encode

FAMILY: Any = constriction.stream.model.Categorical(perfect=False)


def best(run: Callable[[], Any], times: int = 5) -> tuple[float, Any]:
    """Return the shortest processor time of several runs, and the last result."""
    shortest, result = float("inf"), None
    for _ in range(times):
        start = time.process_time()
        result = run()
        shortest = min(shortest, time.process_time() - start)
    return shortest, result


def sample(n: int, V: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(V)
    logits = rng.normal(size=(n, V)) * 2
    rows = np.exp(logits - logits.max(axis=1, keepdims=True))
    rows = (rows / rows.sum(axis=1, keepdims=True)).astype(dtype)
    cumulative = rows.cumsum(axis=1, dtype=np.float64)
    symbols = (cumulative < rng.random((n, 1)) * cumulative[:, -1:]).sum(axis=1)
    return np.minimum(symbols, V - 1).astype(np.int32), rows


def direct_encode(symbols: np.ndarray, rows: np.ndarray) -> np.ndarray:
    encoder: Any = constriction.stream.queue.RangeEncoder()
    encoder.encode(symbols, FAMILY, rows)
    return encoder.get_compressed()


def direct_decode(words: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return constriction.stream.queue.RangeDecoder(words).decode(FAMILY, rows)


class PythonCoder:
    """Textbook arithmetic coding in Python integers, digit by digit, the row's running sums by numpy: what published
    code for language-model compression does (32-bit state, carry by delayed digits).
    """

    BITS = 32

    def intervals(self, row: np.ndarray) -> np.ndarray:
        weights = np.maximum((row.astype(np.float64) * (1 << 24)).astype(np.int64), 1)
        return np.concatenate([[0], np.cumsum(weights)])

    def encode(self, symbols: np.ndarray, rows: np.ndarray) -> list[int]:
        low, high, pending, out = 0, (1 << self.BITS) - 1, 0, []
        half, quarter = 1 << (self.BITS - 1), 1 << (self.BITS - 2)
        for symbol, row in zip(symbols.tolist(), rows, strict=True):
            cumulative = self.intervals(row)
            width, total = high - low + 1, int(cumulative[-1])
            high = low + width * int(cumulative[symbol + 1]) // total - 1
            low += width * int(cumulative[symbol]) // total
            while True:
                if high < half:
                    out += [0] + [1] * pending
                    pending = 0
                elif low >= half:
                    out += [1] + [0] * pending
                    pending, low, high = 0, low - half, high - half
                elif low >= quarter and high < half + quarter:
                    pending, low, high = pending + 1, low - quarter, high - quarter
                else:
                    break
                low, high = 2 * low, 2 * high + 1
        return [*out, 0, 1, *[1] * (pending + 1)] if low < quarter else [*out, 1, 0, *[0] * (pending + 1)]

    def decode(self, bits: list[int], rows: np.ndarray) -> list[int]:
        low, high, at = 0, (1 << self.BITS) - 1, self.BITS
        bits = bits + [0] * (2 * self.BITS)
        half, quarter = 1 << (self.BITS - 1), 1 << (self.BITS - 2)
        value = int("".join(map(str, bits[: self.BITS])), 2)
        symbols = []
        for row in rows:
            cumulative = self.intervals(row)
            width, total = high - low + 1, int(cumulative[-1])
            symbol = int(np.searchsorted(cumulative, ((value - low + 1) * total - 1) // width, side="right")) - 1
            symbols.append(symbol)
            high = low + width * int(cumulative[symbol + 1]) // total - 1
            low += width * int(cumulative[symbol]) // total
            while True:
                if high < half:
                    pass
                elif low >= half:
                    value, low, high = value - half, low - half, high - half
                elif low >= quarter and high < half + quarter:
                    value, low, high = value - quarter, low - quarter, high - quarter
                else:
                    break
                low, high, value = 2 * low, 2 * high + 1, 2 * value + bits[at]
                at += 1
        return symbols


def torchac_speed(symbols: np.ndarray, rows: np.ndarray) -> str:
    """Nanoseconds of torchac to encode and decode a symbol, or why there are none."""
    if rows.shape[1] > 1 << 15:  # its tables are of 16 bits: at V = 49152 it ends the process
        return "crashes"
    try:
        import torch
        import torchac
    except ImportError:
        return "not installed"
    try:
        cdf = torch.zeros(rows.shape[0], rows.shape[1] + 1)
        cdf[:, 1:] = torch.from_numpy(rows).cumsum(dim=1).clamp(max=1)
        wanted = torch.from_numpy(symbols.astype(np.int16))
        encoding, data = best(lambda: torchac.encode_float_cdf(cdf, wanted), 3)
        decoding, back = best(lambda: torchac.decode_float_cdf(cdf, data), 3)
        if not torch.equal(back, wanted):
            return "decodes to other symbols"
        return f"{1e9 * encoding / len(symbols):,.0f} / {1e9 * decoding / len(symbols):,.0f}"
    except Exception as error:
        return f"fails ({type(error).__name__})"


def streams(V: int, n: int, dtype: Any, slow_peers: bool) -> None:
    """Print a row for ours and constriction, and with ``slow_peers`` what else there is, on fewer symbols."""
    symbols, rows = sample(n, V, dtype)
    data, words = encode(symbols, rows), direct_encode(symbols, rows)
    assert np.array_equal(decode(data, rows), symbols)
    assert np.array_equal(direct_decode(words, rows), symbols)
    got = in_turn(
        {
            "ours": lambda: encode(symbols, rows),
            "back": lambda: decode(data, rows),
            "theirs": lambda: direct_encode(symbols, rows),
            "their back": lambda: direct_decode(words, rows),
            "read": lambda: rows.sum(axis=1),
        }
    )
    ns = {name: 1e9 * spent.cpu / n for name, spent in got.items()}
    ideal = float(-np.log2(rows[np.arange(n), symbols].astype(np.float64)).sum())
    print(
        f"  {V:>6,} {np.dtype(dtype).name}{n:>9,}{ns['ours']:>11,.1f} / {ns['back']:<10,.1f}"
        f"{ns['theirs']:>11,.1f} / {ns['their back']:<10,.1f}"
        f"{ns['theirs'] / ns['ours']:6.2f} / {ns['their back'] / ns['back']:<6.2f}{ns['read']:>9,.1f}"
        f"{8 * len(data) - ideal:>9,.0f} of {ideal:,.0f}",
        flush=True,
    )
    if not slow_peers:
        return
    few = min(n, 3000 if V < 1000 else 60)
    python = PythonCoder()
    python_encoding, bits = best(lambda: python.encode(symbols[:few], rows[:few]), 1)
    python_decoding, back = best(lambda: python.decode(bits, rows[:few]), 1)
    assert back == symbols[:few].tolist()
    print(f"         pure Python: {1e9 * python_encoding / few:,.0f} / {1e9 * python_decoding / few:,.0f} ns a symbol")
    print(f"         torchac: {torchac_speed(symbols, rows.astype(np.float32))} ns a symbol")


def source_code(size: int) -> bytes:
    """The standard library's source files, in order of their paths, tests last."""
    root = pathlib.Path(sysconfig.get_paths()["stdlib"])
    paths = [p for p in sorted(root.rglob("*.py")) if "site-packages" not in p.parts]
    tests = {p for p in paths if {"test", "tests", "idlelib"} & set(p.parts)}
    data = b""
    for path in [*(p for p in paths if p not in tests), *(p for p in paths if p in tests)]:
        if len(data) < size:
            data += path.read_bytes()
    return data[:size]


PEERS = {
    "gzip -9": ["gzip", "-9", "-c"],
    "xz -9e": ["xz", "-9e", "-c"],
    "zstd -19": ["zstd", "-19", "-q", "-c"],
    "brotli -q 11": ["brotli", "-q", "11", "-w", "24", "-c"],
    "bzip2 -9": ["bzip2", "-9", "-c"],
    "zpaq -m5": ["zpaq"],
}


def files() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        source = folder / "source"
        source.write_bytes(source_code(10_000_000))
        size = source.stat().st_size
        print(f"{size:,} bytes of Python source: bits per byte, MB/s compressing / decompressing")
        start = time.perf_counter()
        info = compress_file(source)
        middle = time.perf_counter()
        decompress_file(folder / "source.clz", folder / "back")
        end = time.perf_counter()
        assert (folder / "back").read_bytes() == source.read_bytes()
        print(
            f"  {'compresslab':14} {info.bits_per_byte:.4f}   {size / (middle - start) / 1e6:.2f}"
            f" / {size / (end - middle) / 1e6:.2f}"
        )
        for label, command in PEERS.items():
            if shutil.which(command[0]) is None:
                print(f"  {label:14} not installed")
                continue
            start = time.perf_counter()
            if command[0] == "zpaq":
                archive = folder / "source.zpaq"
                subprocess.run(["zpaq", "add", archive, source, "-m5"], check=True, capture_output=True)
                coded = archive.stat().st_size
            else:
                coded = len(subprocess.run([*command, source], check=True, capture_output=True).stdout)
            print(f"  {label:14} {8 * coded / size:.4f}   {size / (time.perf_counter() - start) / 1e6:.2f}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Coding speed and size beside peers.")
    parser.add_argument("--files", action="store_true", help="compress 10 MB of source code instead")
    if parser.parse_args(arguments).files:
        files()
        return 0
    print_machine(["numpy", "numba", "constriction"])
    print("processor time in ns a symbol, encode / decode; excess over the ideal in bits")
    print(
        f"  {'V':>6} {'rows':<7}{'symbols':>9}{'compresslab':>16}{'constriction':>24}{'ratio':>17}{'read':>16}   excess"
    )
    for V, n in ((2, 500_000), (16, 300_000), (64, 200_000), (256, 100_000), (49152, 400)):
        for dtype in (np.float32, np.float64):
            streams(V, n, dtype, slow_peers=V >= 256 and dtype == np.float32)
    print(f"  peak memory of all that: {peak_bytes() / 1e6:,.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
