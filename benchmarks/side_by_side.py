"""Timing several pieces of work side by side in one process, in turn, and saying on what machine that was."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

REPEATS = 11


@dataclass(frozen=True)
class Spent:
    """The least that a piece of work took: seconds by the clock, and seconds of all processors together."""

    wall: float
    cpu: float

    @property
    def busy(self) -> float:
        """Processors that were busy, on average: less than its threads where others use the machine too."""
        return self.cpu / self.wall


def in_turn(work: dict[str, Callable[[], Any]], repeats: int = REPEATS) -> dict[str, Spent]:
    """Do each piece of work once to warm up and then ``repeats`` times, A B C A B C ..; return the least times.

    What drifts in the machine meets all of them. On a machine that others use too, compare processor seconds.
    """
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
    for round_ in range(1 + repeats):
        for name, run in work.items():
            start, cpu = time.perf_counter(), time.process_time()
            result = run()
            took = time.perf_counter() - start, time.process_time() - cpu
            del result  # outside the times
            if round_:
                spent[name].append(took)
    return {name: Spent(min(w for w, _ in each), min(c for _, c in each)) for name, each in spent.items()}


def processor() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith(("model name", "Model")):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def simd() -> str:
    """Return the widest vector instructions that numpy uses here."""
    shown: Any = np.show_config(mode="dicts")
    found = shown["SIMD Extensions"]
    return str((found.get("found") or found["baseline"])[-1])


def print_machine(packages: Iterable[str]) -> None:
    """Print processor, SIMD level, versions, and how busy the machine is: what a ratio depends on."""
    held = {dist.metadata["Name"] for dist in importlib.metadata.distributions()}
    versions = [f"{name} {importlib.metadata.version(name)}" for name in packages if name in held]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{processor()}, {cores} processors, numpy's SIMD {simd()}{load}")
    print(f"Python {platform.python_version()}, {', '.join(versions)}")


def peak_bytes() -> int:
    """Return this process's largest resident set (on Linux counted afresh since it started)."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
