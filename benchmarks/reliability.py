"""Fault injection into .clz files: damage them in every way we know, and count what goes unnoticed (it must be 0).

    python benchmarks/reliability.py            # the full run, some minutes; writes docs/reliability.md
    python benchmarks/reliability.py --quick    # a fraction of it, writes nothing

For every damaged file four things are counted: whether reading it was refused with a compresslab error (*noticed*);
whether it was read as if nothing had happened (*silent*); whether anything else was raised (*raw traces*); and whether
recovery returned every byte of every chunk that the fault had not touched (*intact chunks lost* counts failures).
"""

from __future__ import annotations

import argparse
import collections
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator

import numpy as np

from compresslab.coding import compress_file, recover_file, verify_file
from compresslab.coding.clz_reader import ClzReader
from compresslab.errors import CompressLabError

ROOT = pathlib.Path(__file__).resolve().parent.parent


class FastModel:
    """A stand-in for a language model: quick, so that thousands of damaged files can be decoded."""

    name = "zlib of negated bytes"

    def fingerprint(self) -> str:
        return "fa57"

    def settings(self) -> dict[str, str]:
        return {}

    def compress(self, data: bytes, progress: object = None) -> bytes:
        return zlib.compress(bytes(255 - b for b in data), 9)[2:]

    def decompress(self, coded: bytes, size: int, progress: object = None) -> bytes:
        return bytes(255 - b for b in zlib.decompress(b"x\xda" + coded))


class Lab:
    """A file, its `.clz`, and counts of what happened to damaged copies."""

    def __init__(self, folder: pathlib.Path, name: str, data: bytes, chunk_size: int, model: object) -> None:
        self.data, self.chunk_size, self.model = data, chunk_size, model
        self.path = folder / name
        self.path.write_bytes(data)
        compress_file(self.path, chunk_size=chunk_size, model=model)
        self.clz = self.path.with_name(name + ".clz").read_bytes()
        with ClzReader(str(self.path) + ".clz") as reader:
            starts = [entry.offset for entry in reader.trailer.entries]
            self.spans = list(zip(starts, [*starts[1:], reader.trailer_offset], strict=True))
        self.damaged = folder / "damaged.clz"
        self.saved = folder / "saved"
        self.counts: dict[str, collections.Counter[str]] = {}

    def try_fault(
        self, kind: str, broken: bytes, touched: set[int] | None, recover: bool = True, original: bytes = b""
    ) -> None:
        """Read and recover a damaged copy; ``touched`` chunks may be lost, None means any."""
        original = original or self.data
        count = self.counts.setdefault(kind, collections.Counter())
        if broken == self.clz:
            return
        count["faults"] += 1
        self.damaged.write_bytes(broken)
        try:
            verify_file(self.damaged, model=self.model)
            count["silent"] += 1
        except CompressLabError:
            count["noticed"] += 1
        except Exception:
            count["raw traces"] += 1
        if not recover:
            return
        count["recoveries"] += 1
        try:
            result = recover_file(self.damaged, self.saved, model=self.model)
        except CompressLabError:
            count["intact chunks lost"] += 0 if touched is None else len(self.spans) - len(touched)
            return
        except Exception:
            count["raw traces"] += 1
            return
        saved = self.saved.read_bytes()
        lost = [(d.start, d.stop) for d in result.damages]
        wrong = np.frombuffer(saved, np.uint8)[: len(original)] != np.frombuffer(original, np.uint8)[: len(saved)]
        for start, stop in lost:
            wrong[start:stop] = False
        count["wrong bytes passed on"] += int(wrong.sum())
        count["silent"] += result.is_whole
        if touched is None:
            return
        for index in set(range(len(self.spans))) - touched:
            start = index * self.chunk_size
            whole = self.data[start : start + self.chunk_size]
            count["intact chunks"] += 1
            count["intact chunks lost"] += saved[start : start + len(whole)] != whole

    def touched_by(self, start: int, stop: int) -> set[int]:
        """Chunks that share a byte with bytes ``start`` to ``stop`` of the `.clz` file."""
        return {i for i, (a, b) in enumerate(self.spans) if a < stop and start < b}


def every_single_bit(lab: Lab, step: int) -> None:
    for bit in range(0, 8 * len(lab.clz), step):
        broken = bytearray(lab.clz)
        broken[bit // 8] ^= 1 << bit % 8
        lab.try_fault("single bits, every one", bytes(broken), lab.touched_by(bit // 8, bit // 8 + 1))


def every_truncation(lab: Lab, step: int) -> None:
    for length in range(0, len(lab.clz), step):
        lab.try_fault("truncations, every length", lab.clz[:length], _all_but_leading(lab, length), length > 60)


def _all_but_leading(lab: Lab, length: int) -> set[int] | None:
    return {i for i, (_, end) in enumerate(lab.spans) if end > length} if length >= lab.spans[0][0] else None


def random_faults(lab: Lab, rng: np.random.Generator, times: int) -> None:
    size = len(lab.clz)
    for _ in range(times):
        bit = int(rng.integers(8 * size))
        broken = bytearray(lab.clz)
        broken[bit // 8] ^= 1 << bit % 8
        lab.try_fault("single bits, random", bytes(broken), lab.touched_by(bit // 8, bit // 8 + 1), rng.random() < 0.2)

        at, width = int(rng.integers(size)), int(rng.integers(2, 5000))
        noise = rng.bytes(len(lab.clz[at : at + width]))
        broken = lab.clz[:at] + noise + lab.clz[at + width :]
        lab.try_fault("bursts of noise", broken, lab.touched_by(at, at + width), rng.random() < 0.2)

        broken = lab.clz[:at] + bytes(len(noise)) + lab.clz[at + width :]
        lab.try_fault("bursts of zeros", broken, lab.touched_by(at, at + width), rng.random() < 0.2)

        length = int(rng.integers(size))
        lab.try_fault("truncations", lab.clz[:length], _all_but_leading(lab, length), rng.random() < 0.2)
        broken = lab.clz[:at] + lab.clz[at + width :]
        lab.try_fault("bytes cut out", broken, lab.touched_by(at, at + width), rng.random() < 0.2)
        broken = lab.clz[:at] + noise + lab.clz[at:]
        lab.try_fault("bytes put in", broken, lab.touched_by(at, at + 1), rng.random() < 0.2)


def chunk_faults(lab: Lab, other: Lab, rng: np.random.Generator, times: int) -> None:
    head, tail = lab.clz[: lab.spans[0][0]], lab.clz[lab.spans[-1][1] :]
    parts = [lab.clz[a:b] for a, b in lab.spans]
    foreign = [other.clz[a:b] for a, b in other.spans]
    for _ in range(times):
        i, j = (int(k) for k in rng.choice(len(parts), 2, replace=False))
        swapped = parts.copy()
        swapped[i], swapped[j] = parts[j], parts[i]
        lab.try_fault("two chunks swapped", head + b"".join(swapped) + tail, set())
        lab.try_fault("a chunk removed", head + b"".join(parts[:i] + parts[i + 1 :]) + tail, {i})
        lab.try_fault("a chunk repeated", head + b"".join(parts[: i + 1] + parts[i:]) + tail, set())
        alien = parts.copy()
        alien[i] = foreign[i % len(foreign)]
        lab.try_fault("a chunk of another file", head + b"".join(alien) + tail, {i})
    lab.try_fault("two files glued", lab.clz + lab.clz, None)
    lab.try_fault("two files glued", lab.clz + other.clz, None, original=other.data)  # which ends last
    lab.try_fault("two files glued", other.clz + lab.clz, None)
    lab.try_fault("bytes before or behind", lab.clz + b"\0", set())
    lab.try_fault("bytes before or behind", lab.clz + rng.bytes(1000), set())
    lab.try_fault("bytes before or behind", b"\n" + lab.clz, set())


def kills(folder: pathlib.Path, times: int) -> collections.Counter[str]:
    """Kill a compression (SIGKILL) at various moments; the target must be absent or whole."""
    count: collections.Counter[str] = collections.Counter()
    source, target = folder / "big", folder / "big.clz"
    source.write_bytes(np.random.default_rng(0).bytes(40_000_000))
    code = (
        "from compresslab.coding import compress_file; print('go', flush=True); "
        f"compress_file({str(source)!r}, chunk_size=1 << 16)"
    )
    for i in range(times):
        target.unlink(missing_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.15 * i)
        process.send_signal(signal.SIGKILL if i % 2 else signal.SIGINT)
        process.wait()
        process.stdout.close()
        count["faults"] += 1
        if not target.exists():
            count["noticed"] += 1  # nothing under the final name
        else:
            try:
                verify_file(target)
                count["whole files"] += 1
            except CompressLabError:
                count["silent"] += 1
        for part in folder.glob(".big.clz.*"):
            part.unlink()
    return count


def small_data(rng: np.random.Generator) -> bytes:
    return rng.bytes(40) + b"the cat sat on the mat. " * 8 + bytes(rng.integers(97, 105, 150, dtype=np.uint8))


def large_data(rng: np.random.Generator) -> bytes:
    text = b"\n".join(bytes(rng.choice(np.frombuffer(b"abcdefgh ", np.uint8), 40)) for _ in range(20_000))
    return text + rng.bytes(300_000) + bytes(200_000)


def run(quick: bool) -> dict[str, collections.Counter[str]]:
    """Run all faults; return the counts of each kind."""
    rng = np.random.default_rng(0)
    counts: dict[str, collections.Counter[str]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        small = Lab(folder, "small", small_data(rng), 130, FastModel())
        every_single_bit(small, 97 if quick else 1)
        every_truncation(small, 29 if quick else 1)
        large = Lab(folder, "large", large_data(rng), 1 << 15, FastModel())
        other = Lab(folder, "other", large_data(rng), 1 << 15, FastModel())
        random_faults(large, rng, 4 if quick else 600)
        chunk_faults(large, other, rng, 2 if quick else 100)
        for lab in (small, large):
            for kind, count in lab.counts.items():
                counts.setdefault(kind, collections.Counter()).update(count)
        counts["killed or interrupted while writing"] = kills(folder, 2 if quick else 16)
    return counts


COLUMNS = [
    "faults",
    "noticed",
    "silent",
    "raw traces",
    "recoveries",
    "intact chunks",
    "intact chunks lost",
    "wrong bytes passed on",
]


def table(counts: dict[str, collections.Counter[str]]) -> Iterator[str]:
    yield "| fault | " + " | ".join(COLUMNS) + " |"
    yield "|---|" + "---:|" * len(COLUMNS)
    for kind, count in counts.items():
        yield f"| {kind} | " + " | ".join(f"{count[c]:,}" for c in COLUMNS) + " |"
    total: collections.Counter[str] = sum(counts.values(), collections.Counter())
    yield "| **all** | " + " | ".join(f"**{total[c]:,}**" for c in COLUMNS) + " |"


def report(counts: dict[str, collections.Counter[str]], seconds: float) -> str:
    lines = [
        "# Reliability of .clz files",
        "",
        "Written by `python benchmarks/reliability.py`, which anyone can run; the random faults have a fixed seed.",
        "",
        "Each fault is put into a fresh copy of a good file. *Noticed*: reading it was refused with an error that",
        "names the damage. *Silent*: it was read as if nothing had happened. *Raw traces*: anything but a compresslab",
        "error. *Recoveries*: copies that `recover_file` was tried on too (all, or a fifth where there are thousands);",
        "*intact chunks* are those that the fault had not touched, *lost* those of them that were not saved bit for",
        "bit; *wrong bytes passed on* counts bytes that recovery wrote as good and that were not. After a kill,",
        "*noticed* means that there is nothing under the final name; the rest of those runs had finished.",
        "",
        *table(counts),
        "",
        f"The run took {seconds:.0f} seconds.",
        "",
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Fault injection into .clz files.")
    parser.add_argument("--quick", action="store_true", help="a fraction of the faults; writes no report")
    quick = parser.parse_args(arguments).quick
    start = time.perf_counter()
    counts = run(quick)
    print("\n".join(table(counts)))
    if not quick:
        target = ROOT / "docs" / "reliability.md"
        target.parent.mkdir(exist_ok=True)
        target.write_text(report(counts, time.perf_counter() - start), encoding="utf-8")
    total: collections.Counter[str] = sum(counts.values(), collections.Counter())
    bad: Callable[[str], int] = total.__getitem__
    return 1 if bad("silent") or bad("raw traces") or bad("intact chunks lost") or bad("wrong bytes passed on") else 0


if __name__ == "__main__":
    sys.exit(main())
