"""One input at a time: what it is made of, what reading it did, and how much time and memory that took.

An input is a seed and a number: the number chooses the kind, both together all chance. A kind makes its input and reads
it by `Game.attempt`; what is right it knows itself, and says by `Game.wrong` what is not. Outcomes, the worst counts:

refused   by an error of compresslab (a `CompressLabError`), every time that it was read
right     read, and the result is right wherever the right one is known
silent    read with a wrong result, or files were left behind
raw       another exception; a crash of the process (found by whoever watches it) is one too
hang      over `SECONDS` of processor time in one reading, or five times as long by the clock (on a busy machine these
          differ)
memory    more than `MEGABYTES`, asked for or taken, in memory or on disk
"""

from __future__ import annotations

import errno
import os
import random
import resource
import shutil
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from compresslab.errors import CompressLabError

__all__ = [
    "MEGABYTES",
    "OUTCOMES",
    "REFUSED",
    "SECONDS",
    "Fault",
    "Game",
    "Kind",
    "Outcome",
    "kind_of",
    "play",
]

SECONDS: Final = 2.0
MEGABYTES: Final = 300
OUTCOMES: Final = ("refused", "right", "silent", "raw", "hang", "memory")
_SPARE: Final = 1 << 30  # address space beyond what a process begins with; threads take some that they never touch
_LARGEST_FILE: Final = 400 << 20  # what a chunk truly holds may be written, zeros without end may not


class _Refused:
    def __bool__(self) -> bool:
        return False


REFUSED: Final = _Refused()
"""What an attempt gives that an error of compresslab ended. It is false."""


class _Hang(BaseException):
    """Raised by the alarm: no `except Exception` may stop it."""


@dataclass(frozen=True)
class Fault:
    """What went wrong: which outcome, in which attempt, and how it shows."""

    outcome: str
    where: str
    what: str
    trace: str = field(default="", compare=False)


@dataclass(frozen=True)
class Outcome:
    """What came of an input; megabytes are what the process grew by at its peak, seconds those of the processor."""

    outcome: str
    faults: tuple[Fault, ...]
    megabytes: float
    seconds: float


class Clock:
    """When the reading that is under way began: by the clock, and by this process's own time."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin anew."""
        self.begun, self.worked = time.monotonic(), time.process_time()


class Game:
    """An input being played: its chance, an empty folder, and what has happened so far."""

    def __init__(self, chance: random.Random, folder: Path) -> None:
        self.chance, self.folder = chance, folder
        self.faults: list[Fault] = []
        self.read = 0
        self.clock = Clock()

    def attempt(self, where: str, call: Callable[..., Any], *args: Any, **settings: Any) -> Any:
        """Return what a call returns; `REFUSED` where it raised, and what it raised is looked at."""
        self.clock.start()
        try:
            result = call(*args, **settings)
        except _Hang:
            raise
        except BaseException as error:  # tokenizers and pyarrow raise some that are no Exception
            self._judge(where, error)
            return REFUSED
        self.read += 1
        return result

    def _judge(self, where: str, error: BaseException) -> None:
        chain = list(_chain(error))
        full = [one for one in chain if isinstance(one, OSError) and one.errno in {errno.EFBIG, errno.ENOSPC}]
        if full or any(isinstance(one, MemoryError) for one in chain):
            what = "wrote without end" if full else "asked for more memory than there is"
            self.faults.append(Fault("memory", where, what, _trace(error)))
        elif not isinstance(error, CompressLabError):
            self.faults.append(Fault("raw", where, f"{type(error).__name__} at {_place(error)}", _trace(error)))

    def wrong(self, where: str, what: str) -> None:
        """Note a result that is not right."""
        self.faults.append(Fault("silent", where, what))

    def check(self, where: str, right: bool, what: str) -> None:
        """Note a result as not right unless it is."""
        if not right:
            self.wrong(where, what)

    def write(self, name: str, data: bytes) -> Path:
        """Put bytes into a file of the folder."""
        path = self.folder / name
        path.write_bytes(data)
        return path


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Attributes:
        name: "target: what is done to it".
        play: makes an input of a game's chance, and reads it.
        weight: how many of all inputs, in proportion.
    """

    name: str
    play: Callable[[Game], None]
    weight: int = 1


@lru_cache(maxsize=4)
def _schedule(weights: tuple[int, ...]) -> list[int]:
    """Spread kinds evenly, each as often as its weight."""
    order = sorted((k + 0.5, which) for which, weight in enumerate(weights) for k in range(weight))
    places = sorted((at / weights[which], which) for at, which in order)
    return [which for _, which in places]


def kind_of(kinds: Sequence[Kind], index: int) -> int:
    """Return which kind an input of this number is."""
    schedule = _schedule(tuple(kind.weight for kind in kinds))
    return schedule[index % len(schedule)]


def play(kind: Kind, seed: int, index: int, folder: Path) -> Outcome:
    """Play one input; one that takes too long is played again, in case the machine was busy."""
    outcome = _play(kind, seed, index, folder)
    return _play(kind, seed, index, folder) if outcome.outcome == "hang" else outcome


def _play(kind: Kind, seed: int, index: int, folder: Path) -> Outcome:
    work = folder / "input"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    game = Game(random.Random(f"{seed}:{index}"), work)
    held = _reset_peak()
    start = time.process_time()
    try:
        with _limited(), _alarm(SECONDS, game.clock):
            kind.play(game)
    except _Hang as error:
        game.faults.append(Fault("hang", "input", f"over {SECONDS:g} s at {_place(error)}", _trace(error)))
    except Exception as error:  # a mistake of the kind's own
        game.faults.append(Fault("raw", "the fuzzer", f"{type(error).__name__} at {_place(error)}", _trace(error)))
    seconds = time.process_time() - start
    megabytes = max(0.0, (_status("VmHWM") - held) / 1e6)
    if megabytes > MEGABYTES:
        game.faults.append(Fault("memory", "input", f"over {MEGABYTES} MB"))
    litter = [path.name for path in work.rglob("*") if path.name.endswith(".part")]
    if litter:
        game.faults.append(Fault("silent", "input", "left .part files behind"))
    worst = max((OUTCOMES.index(fault.outcome) for fault in game.faults), default=1 if game.read else 0)
    return Outcome(OUTCOMES[worst], tuple(game.faults), megabytes, seconds)


@contextmanager
def _alarm(seconds: float, clock: Clock) -> Iterator[None]:
    def ring(*_: object) -> None:
        if time.process_time() - clock.worked > 0.98 * seconds or time.monotonic() - clock.begun > 5 * seconds:
            raise _Hang
        signal.setitimer(signal.ITIMER_REAL, 0.2)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _limited() -> Iterator[None]:
    """Limit this process: what asks for much more than it has is refused it by the system; so are large files."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = {resource.RLIMIT_AS: _status("VmSize") + _SPARE, resource.RLIMIT_FSIZE: _LARGEST_FILE}
    before = {which: resource.getrlimit(which) for which in limits}
    for which, most in limits.items():
        resource.setrlimit(which, (most, before[which][1]))
    try:
        yield
    finally:
        for which, pair in before.items():
            resource.setrlimit(which, pair)


def _reset_peak() -> int:
    """Let the peak of this process's memory begin anew; return what it holds, in bytes."""
    with open("/proc/self/clear_refs", "wb") as file:
        file.write(b"5")
    return _status("VmRSS")


def _status(name: str) -> int:
    with open("/proc/self/status", "rb") as file:
        text = file.read()
    at = text.index(name.encode() + b":") + len(name) + 1
    return int(text[at : text.index(b"kB", at)]) * 1024


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _place(error: BaseException) -> str:
    """Return the last place of the library that an exception went through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if f"{os.sep}compresslab{os.sep}" in frame.filename] or frames
    if not own:
        return "?"
    return f"{Path(own[-1].filename).name}:{own[-1].name}"


def _trace(error: BaseException) -> str:
    lines = traceback.format_exception(error)
    text = "".join(lines)
    return text if len(text) < 6000 else text[:2000] + "\n...\n" + text[-3500:]
