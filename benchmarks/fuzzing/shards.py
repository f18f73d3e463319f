"""Many inputs on several processes; a process that crashes or gets stuck is replaced, and its input counted."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Final

from .engine import OUTCOMES, Fault, Kind, Outcome, kind_of, play

__all__ = ["TARGETS", "Found", "Tally", "all_kinds", "numbers", "replay", "run_shards"]

TARGETS: Final = (
    "clz_files",
    "bombs",
    "damage",
    "tree_files",
    "token_files",
    "builds",
    "records",
    "reports",
    "data_files",
    "models",
    "commands",
)
STUCK: Final = 30.0  # seconds without a word, after which a process is ended
LOADING: Final = 400.0  # the same at first, when kernels may have to be compiled


def all_kinds() -> list[Kind]:
    """Return every kind of input, in a fixed order, which the numbers of inputs depend on."""
    return [kind for target in TARGETS for kind in _module(target).KINDS]


def _module(target: str) -> Any:
    return importlib.import_module(f"{__package__}.{target}")


@dataclass
class Tally:
    """Of a kind: inputs by outcome, the most megabytes, the seconds of all and the most of one."""

    counts: Counter[str] = field(default_factory=Counter)
    megabytes: float = 0.0
    seconds: float = 0.0
    longest: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self.counts[outcome.outcome] += 1
        self.megabytes = max(self.megabytes, outcome.megabytes)
        self.seconds += outcome.seconds
        self.longest = max(self.longest, outcome.seconds)


@dataclass(frozen=True)
class Found:
    """A fault and the first input that showed it."""

    kind: str
    fault: Fault
    index: int


def numbers(kinds: Sequence[Kind], inputs: int, only: str) -> list[int]:
    """Return the numbers of the first inputs whose kinds' names begin with one of ``only``."""
    chosen = {which for which, kind in enumerate(kinds) if kind.name.startswith(tuple(only.split(",")))}
    out: list[int] = []
    index = 0
    while chosen and len(out) < inputs:
        if kind_of(kinds, index) in chosen:
            out.append(index)
        index += 1
    return out


@contextlib.contextmanager
def quick_folder() -> Iterator[Path]:
    """Make a folder, in memory where the system has such, so that nothing waits for a disk."""
    where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="reliability-", dir=where) as name:
        yield Path(name)


def prepare(folder: Path, kinds: Sequence[Kind], chosen: Sequence[int]) -> None:
    """Make this process ready to play: everything loaded that may take long."""
    wanted = {kinds[kind_of(kinds, index)].name for index in chosen[:2000]}
    (folder / "input").mkdir()
    for target in TARGETS:
        module = _module(target)
        if any(kind.name in wanted for kind in module.KINDS):
            module.warm(folder / "input")
    os.chdir(folder)


def replay(seed: int, index: int) -> tuple[Kind, Outcome]:
    """Play one input in this process."""
    kinds = all_kinds()
    kind = kinds[kind_of(kinds, index)]
    with quick_folder() as folder:
        before = Path.cwd()
        prepare(folder, kinds, [index])
        try:
            return kind, play(kind, seed, index, folder)
        finally:
            os.chdir(before)


def _work(seed: int, chosen: Sequence[int], folder: Path, at: Any, pipe: Connection) -> None:
    """Play inputs, one after the other, and tell of each."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 2)  # libraries written in C and Rust say there what they die of
    kinds = all_kinds()
    prepare(folder, kinds, chosen)
    for i, index in enumerate(chosen):
        at.value = i
        pipe.send((i, play(kinds[kind_of(kinds, index)], seed, index, folder)))
    pipe.send(None)
    pipe.close()
    os._exit(0)  # some of what was loaded complains when Python ends


class _Shard:
    """A process and what it still has to play."""

    def __init__(self, seed: int, chosen: Sequence[int], folder: Path) -> None:
        self.seed, self.chosen, self.base, self.folder = seed, chosen, 0, folder
        self.start()

    def start(self) -> None:
        context = multiprocessing.get_context("fork")
        shutil.rmtree(self.folder, ignore_errors=True)  # of a process that died
        self.folder.mkdir()
        self.at = context.Value("q", -1, lock=False)
        self.pipe, theirs = context.Pipe(duplex=False)
        self.process: Any = context.Process(
            target=_work, args=(self.seed, self.chosen[self.base :], self.folder, self.at, theirs), daemon=True
        )
        self.process.start()
        theirs.close()
        self.heard = time.monotonic()

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()

    def lost(self) -> int | None:
        """Return the input at which the process ended; None where it had not begun."""
        return None if self.at.value < 0 else self.base + self.at.value


def run_shards(
    seed: int,
    chosen: Sequence[int],
    shards: int,
    tell: Callable[[int, Found | None], None],
) -> tuple[dict[str, Tally], dict[tuple[str, Fault], tuple[int, Found]]]:
    """Play inputs on some processes.

    Args:
        seed: of all chance.
        chosen: numbers of inputs.
        shards: processes.
        tell: called with how many are done, and with each fault of a new sort.

    Returns:
        Kind -> tally; and each sort of fault with how often it showed, and where first.
    """
    kinds = all_kinds()
    tallies = {kind.name: Tally() for kind in kinds}
    faults: dict[tuple[str, Fault], tuple[int, Found]] = {}
    done = 0

    def take(index: int, outcome: Outcome) -> None:
        nonlocal done
        done += 1
        kind = kinds[kind_of(kinds, index)]
        tallies[kind.name].add(outcome)
        for fault in set(outcome.faults):
            key = (kind.name, fault)
            count, first = faults.get(key, (0, None))
            if first is None:
                first = Found(kind.name, fault, index)
                tell(done, first)
            faults[key] = (count + 1, first)
        tell(done, None)

    stack = contextlib.ExitStack()
    root = stack.enter_context(quick_folder())
    running = [_Shard(seed, chosen[i::shards], root / str(i)) for i in range(shards) if chosen[i::shards]]
    failures = 0
    try:
        while running:
            ready = wait([shard.pipe for shard in running], timeout=1.0)
            for shard in list(running):
                ended = False
                if shard.pipe in ready:
                    try:
                        message = shard.pipe.recv()
                        shard.heard = time.monotonic()
                        if message is None:
                            shard.end()
                            running.remove(shard)
                            continue
                        take(shard.chosen[shard.base + message[0]], message[1])
                    except (EOFError, OSError):
                        ended = True
                stuck = time.monotonic() - shard.heard > (STUCK if shard.at.value > 0 else LOADING)
                if ended or stuck:
                    lost = shard.lost()
                    shard.end()
                    code = shard.process.exitcode
                    failures += lost is None
                    if failures > 3:
                        raise RuntimeError(f"the processes cannot start (exit code {code})")
                    if lost is not None:
                        what = Fault("hang", "process", "stuck") if stuck else Fault("raw", "process", f"died: {code}")
                        take(shard.chosen[lost], Outcome(what.outcome, (what,), 0.0, STUCK if stuck else 0.0))
                        shard.base = lost + 1
                    if shard.base < len(shard.chosen):
                        shard.start()
                    else:
                        running.remove(shard)
    finally:
        for shard in running:
            shard.end()
        stack.close()
    return tallies, faults


def table(tallies: dict[str, Tally]) -> Iterator[str]:
    """Yield the lines of a table by kind."""
    yield "| kind | inputs | refused | read right | silent | raw | hangs | memory | peak MB | longest s | s |"
    yield "|---|" + "---:|" * 10
    total = Tally()
    for name, tally in tallies.items():
        if tally.counts:
            yield _line(name, tally)
        total.counts.update(tally.counts)
        total.megabytes, total.longest = max(total.megabytes, tally.megabytes), max(total.longest, tally.longest)
        total.seconds += tally.seconds
    yield _line("**all**", total)


def _line(name: str, tally: Tally) -> str:
    counts = [f"{tally.counts[outcome]:,}" for outcome in OUTCOMES]
    ends = (f"{tally.megabytes:.0f}", f"{tally.longest:.2f}", f"{tally.seconds:,.0f}")
    return f"| {name} | {sum(tally.counts.values()):,} | " + " | ".join((*counts, *ends)) + " |"
