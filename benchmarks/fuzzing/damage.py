"""Damage to whole `.clz` files, with no checksum made right: it is noticed, and no chunk that is untouched is lost."""

from __future__ import annotations

import random
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from compresslab.coding import compress_file, recover_file, verify_file
from compresslab.coding.clz.reader import ClzReader

from .chance import damaged
from .clz_files import FastModel, some_bytes
from .engine import REFUSED, Game, Kind

__all__ = ["KINDS", "warm"]


class _Base(NamedTuple):
    """A file, what it was compressed to, and where its chunks lie in that."""

    data: bytes
    clz: bytes
    spans: list[tuple[int, int]]
    chunk_size: int

    def parts(self) -> tuple[bytes, list[bytes], bytes]:
        return (
            self.clz[: self.spans[0][0]],
            [self.clz[a:b] for a, b in self.spans],
            self.clz[self.spans[-1][1] :],
        )


@lru_cache(maxsize=8)
def base(which: int) -> _Base:
    """Return one of some files: small ones of few chunks, and larger ones of many."""
    chance = random.Random(which)
    size, chunk_size = ((370, 130), (20_000, 1 << 10), (4_000, 1 << 9))[which % 3]
    data = some_bytes(chance, size // 2) + chance.randbytes(size // 4) + b"the cat sat on the mat. " * (size // 90)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "f"
        path.write_bytes(data)
        compress_file(path, chunk_size=chunk_size, model=FastModel())
        clz = path.with_name("f.clz").read_bytes()
        with ClzReader(path.with_name("f.clz")) as reader:
            starts = [entry.offset for entry in reader.trailer.entries]
            spans = list(zip(starts, [*starts[1:], reader.trailer_offset], strict=True))
    return _Base(data, clz, spans, chunk_size)


def _look(game: Game, held: _Base, broken: bytes, touched: set[int] | None, original: bytes | None = None) -> None:
    """Verify and recover; ``touched`` chunks may be lost, None means any."""
    data = held.data if original is None else original
    if broken in {held.clz, b""}:
        return
    path, saved = game.write("f.clz", broken), game.folder / "saved"
    if game.attempt("verify", verify_file, path, model=FastModel()) is not REFUSED:
        game.wrong("verify", "took a damaged file for whole")
    result: Any = game.attempt("recover", recover_file, path, saved, model=FastModel())
    if result is REFUSED:
        game.check("recover", touched is None or len(touched) >= len(held.spans), "saved nothing of whole chunks")
        return
    game.read -= 1  # what counts is that damage is noticed
    game.check("recover", not result.is_whole, "called a damaged file whole")
    got, wanted = np.frombuffer(saved.read_bytes(), np.uint8), np.frombuffer(data, np.uint8)
    wrong = got[: wanted.size] != wanted[: got.size]
    for damage in result.damages:
        wrong[damage.start : damage.stop] = False
    game.check("recover", not wrong.any(), "passed on wrong bytes")
    for index in () if touched is None else set(range(len(held.spans))) - touched:
        part = slice(index * held.chunk_size, (index + 1) * held.chunk_size)
        game.check("recover", got[part].tobytes() == data[part], "lost a chunk that is whole")


def play_bytes(game: Game) -> None:
    """Bits flipped, noise, zeros, cuts and insertions, at any place of the file."""
    held = base(game.chance.randrange(6))
    broken = damaged(game.chance, held.clz)
    same = next(
        (i for i, (a, b) in enumerate(zip(broken, held.clz, strict=False)) if a != b), min(len(broken), len(held.clz))
    )
    tail = 0
    while tail < min(len(broken), len(held.clz)) - same and broken[-1 - tail] == held.clz[-1 - tail]:
        tail += 1
    stop = max(same + 1, len(held.clz) - tail)
    touched: set[int] | None = {i for i, (a, b) in enumerate(held.spans) if a < stop and same < b}
    if len(broken) < 60:
        touched = None  # nothing may be left
    _look(game, held, broken, touched)


def play_chunks(game: Game) -> None:
    """Whole chunks swapped, removed, repeated, or of another file; files glued together."""
    chance = game.chance
    which = chance.randrange(6)
    held, other = base(which), base((which + 3) % 6)
    head, parts, tail = held.parts()
    i, j = chance.sample(range(len(parts)), 2)
    roll = chance.randrange(7)
    if roll == 0:
        parts[i], parts[j] = parts[j], parts[i]
        _look(game, held, head + b"".join(parts) + tail, set())
    elif roll == 1:
        _look(game, held, head + b"".join(parts[:i] + parts[i + 1 :]) + tail, {i})
    elif roll == 2:
        _look(game, held, head + b"".join(parts[: i + 1] + parts[i:]) + tail, set())
    elif roll == 3:
        alien = other.parts()[1]
        broken = head + b"".join([*parts[:i], alien[i % len(alien)], *parts[i + 1 :]]) + tail
        same = alien[i % len(alien)] == parts[i]
        if not same:
            _look(game, held, broken, {i})
    elif roll == 4:
        first, last = chance.sample((held, other), 2)
        _look(game, held, first.clz + last.clz, None, original=last.data)
    else:
        junk = chance.choice((b"\0", b"\n", chance.randbytes(chance.randrange(1, 1000)), b"CLZc", b"CLZ\n"))
        _look(game, held, junk + held.clz if roll == 5 else held.clz + junk, set())


KINDS = (Kind("clz: damaged bytes", play_bytes, 8), Kind("clz: chunks moved", play_chunks, 4))


def warm(folder: Path) -> None:
    for which in range(6):
        base(which)
