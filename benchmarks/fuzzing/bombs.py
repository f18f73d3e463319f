"""Chunks that inflate to far more than they are: bombs, and true zeros, which look like one and are none."""

from __future__ import annotations

import hashlib
import lzma
import struct
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Final

import compresslab.coding.clz.format as clz
from compresslab.coding import decompress_file, file_info, recover_file, verify_file
from compresslab.coding.clz.header import VERSION

from .clz_files import LZMA, ZLIB, FastModel
from .clz_forge import Forged, Piece, copy_of, facts_of, piece_of
from .engine import REFUSED, Game, Kind

__all__ = ["KINDS", "warm"]

BOMB: Final = 310 << 20  # more than may be in memory at once


@lru_cache(maxsize=1)
def zlib_bomb() -> bytes:
    """Return zlib data of `BOMB` zeros, made of one piece again and again."""
    packer = zlib.compressobj(9)
    first = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    check = (BOMB % 65521 << 16 | 1).to_bytes(4, "big")  # Adler-32 of so many zeros
    return first + again * (BOMB // (1 << 20) - 1) + b"\x03\x00" + check


@lru_cache(maxsize=1)
def lzma_bomb() -> bytes:
    """Return xz data of `BOMB` zeros."""
    packer = lzma.LZMACompressor(lzma.FORMAT_XZ, lzma.CHECK_NONE, preset=0)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(BOMB >> 20)) + packer.flush()


@lru_cache(maxsize=1)
def bomb_digest() -> bytes:
    digest = hashlib.blake2b(struct.pack("<IQI", 0, 0, BOMB), digest_size=16, person=b"clz chunk")
    for _ in range(BOMB >> 20):
        digest.update(bytes(1 << 20))
    return digest.digest()


def play_bomb(game: Game) -> None:
    """A chunk that inflates to `BOMB` zeros, claimed to be as large, or small."""
    chance, model = game.chance, FastModel()
    method, payload = chance.choice(((ZLIB, zlib_bomb()), (LZMA, lzma_bomb())))
    size = chance.choice((BOMB, BOMB, 100, 1 << 24, (1 << 31) - 1, 1 << 40))
    chunk_size = chance.choice((size, (1 << 31) - 1, 1 << 24))
    # Version 2 had chunks of up to 2 GiB: such a one is read, piece by piece, which takes as long as it is large.
    version = VERSION if size in {BOMB, (1 << 31) - 1} else chance.choice((2, VERSION))
    piece = Piece(0, 0, method, size, payload, b"", bomb_digest())
    facts = facts_of(model, size, chunk_size, version)
    data = Forged(facts, copy_of(facts, 1), [piece], b"", facts.version).packed()
    path = game.write("f.clz", data)
    game.attempt("info", file_info, path)
    way = chance.choice(("verify", "recover"))
    if way == "verify":
        game.attempt(way, verify_file, path, model=model)
    else:
        game.attempt(way, recover_file, path, game.folder / "saved", model=model)


def play_zeros(game: Game) -> None:
    """True zeros, some megabytes of them, in chunks: what a bomb looks like and is not."""
    model = FastModel()
    size, chunk_size = game.chance.randrange(1 << 20, 6 << 20), game.chance.choice((1 << 20, 1 << 22))
    data = bytes(size)
    pieces = []
    for index, start in enumerate(range(0, size, chunk_size)):
        content = data[start : start + chunk_size]
        pieces.append(piece_of(index, start, ZLIB, zlib.compress(content, 1), content))
    digest = clz.whole_digest()
    digest.update(data)
    facts = facts_of(model, size, chunk_size)
    file = Forged(facts, copy_of(facts, len(pieces)), pieces, digest.digest())
    out = game.folder / "out"
    path = game.write("f.clz", file.packed())
    result = game.attempt("decompress", decompress_file, path, out, model=model)
    game.check("decompress", result is not REFUSED and out.read_bytes() == data, "did not give true zeros back")


KINDS = (Kind("clz: inflating chunks", play_bomb, 1), Kind("clz: true zeros", play_zeros, 1))


def warm(folder: Path) -> None:
    """Make what takes long to make."""
    zlib_bomb(), lzma_bomb(), bomb_digest()
