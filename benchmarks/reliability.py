"""What damaged and hostile files do: every input is refused by name or read right, soon, and in little memory.

    python benchmarks/reliability.py                             # 100,000 of a new seed; writes docs/reliability.md
    python benchmarks/reliability.py --inputs 2000 --seed 7      # as many of that seed; writes nothing
    python benchmarks/reliability.py --inputs 500 --only clz     # of the kinds whose names begin so
    python benchmarks/reliability.py --replay 7:1234             # one input, with the trace of what went wrong

Inputs are made by `fuzzing`: files that the library's own writers made, changed in one claim or several with all
checksums made right again, files of a grammar, and damage as a disk or a network does it. What is counted is said in
`fuzzing.engine`. The exit code is 1 if anything was silent, raw, slow or large.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import importlib.metadata
import os
import pathlib
import platform
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np
from fuzzing import shards

from compresslab.coding import verify_file
from compresslab.errors import CompressLabError

ROOT = pathlib.Path(__file__).resolve().parent.parent
INPUTS = 100_000


def kills(times: int) -> collections.Counter[str]:
    """Kill a compression (SIGKILL, SIGINT) at various moments; the target must be absent or whole."""
    count: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        source, target = folder / "big", folder / "big.clz"
        source.write_bytes(os.urandom(20_000_000))
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
            count["times"] += 1
            if not target.exists():
                count["nothing there"] += 1
                continue
            try:
                verify_file(target)
                count["whole"] += 1
            except CompressLabError:
                count["broken"] += 1
    return count


TEXT = """\
# Reliability

Written by `python benchmarks/reliability.py`, which anyone can run. An input is a file, or several, or a command line:
made by the library's own writers or of a format's grammar, then changed in a claim or two with every checksum made
right again, so that what lies behind the checksums is tried; or damaged, so that the checksums are. It is read in every
way that there is, and counts once, as the worst of what happened:

- *refused*: by an error of compresslab, each time that it was read;
- *read right*: the result is the right one wherever that is known: the original's bytes (of recovery those that a whole
  chunk of the file backs), a tree's counts by plain Python, the tokens and texts that were written;
- *silent*: read with a wrong result; a chunk lost that no fault had touched; control characters of a file printed;
  files left behind;
- *raw*: any other exception, or a crash of the process;
- *hangs*: over 2 s of processor time in one reading; *memory*: over 300 MB, taken or asked for, in memory or on disk.

Seed {seed}, drawn when it was run: {inputs:,} inputs in {took:,.0f} s, with
`python benchmarks/reliability.py --inputs {inputs} --seed {seed} --shards {processes}`; `--replay {seed}:N` plays
the input N again. {versions}.

{table}

A compression was killed or interrupted {times} times while it wrote. Under the file's name there was nothing
{nothing} times, a whole file {whole} times, a broken one {broken} times.
"""


KEPT = "## Kinds of faults"


def versions() -> str:
    """Return the processor and the versions of what reads files."""
    found = [f"Python {platform.python_version()}"]
    for name in ("numpy", "numba", "constriction", "pyarrow", "tokenizers", "transformers", "torch"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found.append(f"{name} {importlib.metadata.version(name)}")
    return f"{simd()}; {', '.join(found)}"


def simd() -> str:
    """Return the kind of processor, and the widest vectors that numpy uses on it."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
    wide = np.show_config(mode="dicts")["SIMD Extensions"]["found"]  # type: ignore[index,call-overload]
    return f"{name}, {wide[-1] if wide else 'no vectors'}"


def show(seed: int, index: int) -> int:
    kind, outcome = shards.replay(seed, index)
    print(f"{seed}:{index} {kind.name}: {outcome.outcome}, {outcome.megabytes:.0f} MB, {outcome.seconds:.2f} s")
    for fault in outcome.faults:
        print(f"  {fault.outcome} in {fault.where}: {fault.what}\n{fault.trace}")
    return bool(outcome.faults)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Damaged and hostile files: are they refused by name, or read right?")
    parser.add_argument(
        "--inputs", type=int, metavar="N", help=f"how many; {INPUTS:,}, and docs/reliability.md, by default"
    )
    parser.add_argument("--seed", type=int, metavar="S", help="of all chance; a new one by default")
    parser.add_argument("--shards", type=int, default=os.cpu_count() or 1, metavar="K", help="processes; one a core")
    parser.add_argument("--only", default="", metavar="NAME", help="only kinds whose names begin so")
    parser.add_argument("--replay", metavar="S:I", help="play one input of a seed again")
    given = parser.parse_args(arguments)
    if given.replay:
        seed, _, index = given.replay.partition(":")
        return show(int(seed), int(index))
    seed = secrets.randbelow(1 << 32) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    start = time.monotonic()
    last = [start]

    def said(found: shards.Found) -> str:
        fault = found.fault
        return f"{seed}:{found.index} {found.kind}: {fault.outcome} in {fault.where}: {fault.what}"

    def tell(done: int, found: Any) -> None:
        if found is not None:
            print(
                f"{seed}:{found.index} {found.kind}: {found.fault.outcome} in {found.fault.where}: {found.fault.what}"
            )
        elif time.monotonic() - last[0] > 30:
            last[0] = time.monotonic()
            print(f"{done:,} inputs, {last[0] - start:.0f} s", flush=True)

    kinds = shards.all_kinds()
    chosen = shards.numbers(kinds, INPUTS if given.inputs is None else given.inputs, given.only)
    tallies, faults = shards.run_shards(seed, chosen, given.shards, tell)
    took = time.monotonic() - start
    lines = list(shards.table(tallies))
    print("\n".join(lines))
    for count, found in sorted(faults.values(), key=lambda pair: (pair[1].kind, -pair[0])):
        print(f"{count:6} x {said(found)}")
    print(f"{len(chosen):,} inputs of seed {seed} in {took:.0f} s on {given.shards} processes")
    broken = False
    if given.inputs is None and not given.only:
        killed = kills(16)
        broken = killed["broken"] > 0
        text = TEXT.format(
            seed=seed,
            inputs=len(chosen),
            took=took,
            processes=given.shards,
            table="\n".join(lines),
            versions=versions(),
            times=killed["times"],
            nothing=killed["nothing there"],
            whole=killed["whole"],
            broken=killed["broken"],
        )
        page = ROOT / "docs" / "reliability.md"
        _, heading, kept = page.read_text(encoding="utf-8").partition(KEPT)  # which is not measured here
        page.write_text(f"{text}\n{heading}{kept}", encoding="utf-8")
    return int(broken or bool(faults))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
