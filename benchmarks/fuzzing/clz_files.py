"""Forged `.clz` files: a plan that is right, then some claims of it changed, then all checksums made right again."""

from __future__ import annotations

import json
import lzma
import random
import zlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

import compresslab.coding.clz.format as clz
from compresslab.coding import (
    EmbeddedModel,
    decompress_file,
    file_info,
    read_range,
    recover_file,
    verify_file,
)
from compresslab.coding.byte_model.model import compress_bytes, decompress_bytes
from compresslab.coding.clz.header import VERSION
from compresslab.data.dataset import Dataset
from compresslab.errors import CorruptStream
from compresslab.lm.chunk_coder import TokenCoder
from compresslab.lm.tree_model import TreeModel

from .chance import damaged, hostile_int, hostile_json, hostile_text, json_text, twist_json
from .clz_forge import Forged, Piece, copy_of, facts_of, leb, piece_of
from .engine import REFUSED, Game, Kind

__all__ = ["KINDS", "FastModel", "forged", "use"]

RAW, ZLIB, LZMA, MODEL = 0, 1, 2, 3


class FastModel:
    """A stand-in for a language model: quick, so that thousands of damaged files can be decoded."""

    name = "zlib of negated bytes"

    def fingerprint(self) -> str:
        return "fa57fa57fa57"

    def settings(self) -> dict[str, str]:
        return {}

    def compress(self, data: bytes, progress: object = None) -> bytes:
        return zlib.compress(_negated(data), 9)[2:]

    def decompress(self, coded: bytes, size: int, progress: object = None) -> bytes:
        try:
            return _negated(zlib.decompressobj().decompress(b"x\xda" + coded, size + 1))
        except zlib.error as error:
            raise CorruptStream(str(error)) from error


def _negated(data: bytes) -> bytes:
    return (~np.frombuffer(data, np.uint8)).tobytes()


@lru_cache(maxsize=1)
def tree_coder() -> TokenCoder:
    """Return a coder by a small token tree over bytes: a language model without torch."""
    return TokenCoder(TreeModel.of(Dataset.from_texts(["the cat sat on the mat"] * 3), 3, smoothing=0.01), 4, 64)


def some_bytes(chance: random.Random, size: int) -> bytes:
    """Return noise, text or zeros."""
    roll = chance.randrange(4)
    if roll == 0:
        return chance.randbytes(size)
    if roll == 1:
        return bytes(size)
    return bytes(chance.choices(b"the cat, sat\n", k=size))


def coded_by(method: int, content: bytes, model: Any) -> bytes:
    """Code bytes by a method."""
    match method:
        case 0:
            return content
        case 1:
            return zlib.compress(content, 6)
        case 2:
            return lzma.compress(content, format=lzma.FORMAT_XZ, check=lzma.CHECK_NONE, preset=0)
        case _:
            return bytes(model.compress(content))


def forged(chance: random.Random, model: Any, most: int = 600, version: int = 0) -> tuple[Forged, bytes]:
    """Return the parts of a right file, and its original; of either version that is read, where none is given."""
    version = version or chance.choice((VERSION, VERSION, 2))
    size = chance.choice((0, 1, most // 3, most, chance.randrange(most)))
    chunk_size = chance.choice((1 << 24, 128, most // 3 + 1, max(1, size), max(1, size - 1), 64))
    if size / chunk_size > 12:
        chunk_size = size // 8 + 1
    data = some_bytes(chance, size)
    methods = [chance.choice((RAW, ZLIB, LZMA, MODEL, MODEL)) for _ in range(-(-size // chunk_size))]
    pieces = []
    for index, method in enumerate(methods):
        content = data[index * chunk_size : (index + 1) * chunk_size]
        pieces.append(piece_of(index, index * chunk_size, method, coded_by(method, content, model), content))
    digest = clz.whole_digest()
    digest.update(data)
    facts = facts_of(model, size, chunk_size, version)
    return Forged(facts, copy_of(facts, len(pieces)), pieces, digest.digest(), version), data


# ---- what is changed ----


def twist_sizes(chance: random.Random, file: Forged) -> None:
    """Original and chunk size: anything, in the header and mostly in its copy too."""
    both = chance.random() < 0.85
    if chance.random() < 0.6:
        file.facts.size = hostile_int(chance, file.facts.size, 0)
    if chance.random() < 0.6:
        file.facts.chunk_size = hostile_int(chance, file.facts.chunk_size, 0)
    if both and file.copy is not None:
        file.copy.size, file.copy.chunk_size = file.facts.size, file.facts.chunk_size


def twist_text(chance: random.Random, file: Forged) -> None:
    """The facts in JSON: another type, missing, deep, controls, large; or no JSON at all."""
    try:
        held = json.loads(file.facts.text or b"{}")
    except (ValueError, RecursionError):  # changed before
        return
    if not isinstance(held, dict):
        return
    roll = chance.randrange(10)
    if roll < 3:
        held = twist_json(chance, held, chance.randrange(1, 3))
        text = json_text(chance, held)
    elif roll == 3:
        text = json_text(chance, hostile_json(chance))
    elif roll == 4:  # binary fields, again
        taken = {"original_size": hostile_int(chance), "chunk_size": hostile_int(chance), "fingerprint": "00"}
        text = json_text(chance, {**held, **dict(chance.sample(sorted(taken.items()), chance.randrange(1, 4)))})
    elif roll == 5:
        key = chance.choice(sorted(held) or ["model"])
        text = json_text(chance, {**held, key: hostile_text(chance)})
    elif roll == 6:
        held.pop(chance.choice(sorted(held) or ["model"]), None)
        text = json_text(chance, held)
    elif roll == 7:  # large: of a single chunk, where it is there but once
        text = json.dumps({**held, "settings": {"a": "x" * (1 << chance.randrange(10, 25))}}).encode()
    elif roll == 8:
        deep = 1 << chance.randrange(6, 18)
        text = json.dumps({**held, "settings": 0})[:-2].encode() + b"[" * deep + b"]" * deep + b"}"
    else:
        text = chance.randbytes(chance.randrange(60))
    set_text(file, text, both=chance.random() < 0.9)


def set_text(file: Forged, text: bytes, both: bool = True) -> None:
    """Put another text among the facts, and into their copy where there is one."""
    file.facts.text = text
    if both and file.copy is not None and file.copy.text is not None:
        file.copy.text = text


def twist_fingerprint(chance: random.Random, file: Forged) -> None:
    """The fingerprint: none, short, long, another."""
    held = file.facts.fingerprint
    held = chance.choice((b"", held[:1], held[:4], held + held, chance.randbytes(len(held)), held * 300))
    file.facts.fingerprint = held
    if file.facts.version > 2 and chance.random() < 0.5:
        others = [chance.choice((b"", b"", chance.randbytes(4), bytes(32), bytes(400))) for _ in range(3)]
        file.facts.others, file.facts.stream = others, chance.choice((1, 1, 0, 2, hostile_int(chance, 1, 0)))
    if file.copy is not None:
        file.copy.fingerprint = held if file.copy.text is not None else held[:4]
        file.copy.others, file.copy.stream = file.facts.others, file.facts.stream


def twist_head(chance: random.Random, file: Forged) -> None:
    """A chunk's head: index, start, method, size, coded size, tag."""
    if not file.pieces:
        return
    piece = chance.choice(file.pieces)
    field = chance.choice(("index", "start", "method", "size", "claimed", "tag", "listed"))
    if field == "tag":
        piece.tag = chance.randbytes(clz.TAG)
        return
    near = {"claimed": len(piece.payload), "listed": len(piece.payload)}.get(field) or getattr(piece, field)
    setattr(piece, field, hostile_int(chance, near, 0) if field != "method" else chance.choice((0, 1, 2, 3, 4, 255)))
    if field in {"claimed", "listed"} and chance.random() < 0.5:
        piece.claimed = piece.listed = getattr(piece, field)


def twist_payload(chance: random.Random, file: Forged) -> None:
    """A chunk's coded bytes: noise, cut, longer, none, of another method."""
    if not file.pieces:
        return
    piece = chance.choice(file.pieces)
    piece.payload = chance.choice(
        (
            chance.randbytes(chance.randrange(1, 80)),
            damaged(chance, piece.payload),
            piece.payload[: chance.randrange(len(piece.payload) + 1)],
            piece.payload + chance.randbytes(9),
            piece.payload * 2,
            b"",
            lzma.compress(piece.content, format=lzma.FORMAT_XZ),  # with a check of its own
        )
    )
    if chance.random() < 0.3:
        piece.method = chance.randrange(4)
    if chance.random() < 0.3:  # as much as a damaged size may be, so that a model decodes on and on
        piece.size = 1 << chance.randrange(1, 24)


def twist_digest(chance: random.Random, file: Forged) -> None:
    """A digest, of a chunk or of the whole: of other bytes."""
    if file.pieces and chance.random() < 0.7:
        piece = chance.choice(file.pieces)
        piece.content = damaged(chance, piece.content)
        piece.digest = clz.chunk_digest(piece.index % 2**32, piece.start % 2**64, piece.content)
    else:
        file.whole = chance.randbytes(len(file.whole))


def twist_layout(chance: random.Random, file: Forged) -> None:
    """Where chunks lie: another order, twice, missing, with junk between; no header or no trailer."""
    count = len(file.pieces)
    roll = chance.randrange(6)
    if roll == 0 and count:
        file.order = chance.sample(range(count), count)
    elif roll == 1 and count:
        file.order = sorted([*range(count), chance.randrange(count)])
    elif roll == 2 and count:
        file.order = sorted(set(range(count)) - {chance.randrange(count)})
    elif roll == 3 and count:
        junk = (b"CLZc", b"CLZ\n", chance.randbytes(9), clz.MAGIC, file.pieces[0].head())
        file.between[chance.randrange(count)] = chance.choice(junk)
    else:
        file.bare = frozenset(chance.sample(("header", "trailer"), chance.choice((1, 1, 2))))


def twist_index(chance: random.Random, file: Forged) -> None:
    """The index: too few or too many lines, long numbers, another length."""
    roll = chance.randrange(5)
    entries = [piece.entry() for piece in file.pieces]
    if roll == 0:
        file.entries = b"".join(entries[:-1])
    elif roll == 1:
        file.entries = b"".join(entries * 2)
    elif roll == 2:
        file.entries = b"".join(entries) + leb(hostile_int(chance, None, 0)) + chance.randbytes(16)
    elif roll == 3:
        file.claimed_trailer = hostile_int(chance, 60, 0)
    else:
        file.claimed_facts = hostile_int(chance, 60, 0)
    if chance.random() < 0.2:
        file.version = chance.choice((0, 1, 2, VERSION, VERSION + 1, 255))


TWISTS: Final[dict[str, Callable[[random.Random, Forged], None]]] = {
    "sizes": twist_sizes,
    "facts": twist_text,
    "fingerprint": twist_fingerprint,
    "heads": twist_head,
    "coded bytes": twist_payload,
    "digests": twist_digest,
    "layout": twist_layout,
    "index": twist_index,
}


# ---- what is done with the file ----


def use(
    game: Game, data: bytes, pieces: list[Piece], right: bytes | None, model: Any, original: bytes | None = None
) -> None:
    """Read a file in every way; whatever is read must be ``right`` (None: nothing is), or pieces of the file.

    Args:
        game: the input.
        data: the file.
        pieces: what it holds.
        right: the whole that it may be taken for.
        model: of its chunks.
        original: what its chunks hold, where some are right and the whole is not.
    """
    path = game.write("f.clz", data)
    info = game.attempt("info", file_info, path)
    if info is not REFUSED:
        game.check("info", min(info.original_size, info.chunk_size) < 1 << 31, "took a claim that no chunk can keep")
        raw = [piece for piece in pieces if piece.method == RAW and piece.size != len(piece.payload)]
        game.check(
            "info",
            not raw or info.methods.get("raw", 0) < sum(p.method == RAW for p in pieces),
            "took a raw chunk of another size",
        )
    out = game.folder / "out"
    if game.chance.random() < 0.7:
        if game.attempt("decompress", decompress_file, path, out, model=model) is not REFUSED:
            game.check("decompress", right is not None and out.read_bytes() == right, "wrote other bytes")
    elif game.attempt("verify", verify_file, path, model=model) is not REFUSED:
        game.check("verify", right is not None, "took a file for whole that is not")
    if game.chance.random() < 0.3:
        start = game.chance.randrange(600)
        part = game.attempt("read_range", read_range, path, start, start + 10, model=model)
        if part is not REFUSED:
            game.check("read_range", part == (right or original or b"")[start : start + 10], "read other bytes")
    saved = game.folder / "saved"
    result = game.attempt("recover", recover_file, path, saved, model=model)
    if result is not REFUSED:
        game.read -= 1  # what counts is whether the file was taken for whole
        check_recovered(game, saved.read_bytes(), result, pieces, right)


def check_recovered(game: Game, saved: bytes, result: Any, pieces: list[Piece], right: bytes | None) -> None:
    """Every byte that is not said to be lost must be of a chunk of the file, in its place."""
    wrong = np.ones(len(saved), bool)
    got = np.frombuffer(saved, np.uint8)
    for piece in pieces:
        if not 0 <= piece.start <= len(saved):
            continue
        part = slice(piece.start, min(piece.start + len(piece.content), len(saved)))
        wrong[part] &= got[part] != np.frombuffer(piece.content, np.uint8)[: part.stop - part.start]
    for damage in result.damages:
        wrong[max(0, damage.start) : max(0, damage.stop)] = False
    game.check("recover", not wrong.any(), "passed on bytes that no chunk holds")
    if result.is_whole:
        game.check("recover", right is not None and saved == right, "called a file whole that is not")


def _claims(file: Forged, data: bytes) -> bytes | None:
    """Return what the file decodes to, if it is taken for whole; None if it must not be, as digests are of others."""
    return data if b"".join(piece.content for piece in file.pieces) == data else None


def _twisted(name: str) -> Callable[[Game], None]:
    def play(game: Game) -> None:
        chance = game.chance
        model = FastModel()
        file, data = forged(chance, model)
        names = {name, *chance.sample(sorted(TWISTS), chance.choice((0, 0, 0, 1, 2)))}
        for one in sorted(names):
            TWISTS[one](chance, file)
        use(game, file.packed(), file.pieces, _claims(file, data), model, data)

    return play


def play_model(make: Callable[[], Any], most: int, sizes: int) -> Callable[[Game], None]:
    """Chunks of a true model: noise for coded bytes, or sizes that it did not code."""

    def play(game: Game) -> None:
        chance, model = game.chance, make()
        file, data = forged(chance, model, most, VERSION)
        right: bytes | None = data
        if file.pieces and chance.random() < 0.8:
            piece = chance.choice(file.pieces)
            piece.method = MODEL
            piece.payload = chance.choice(
                (
                    chance.randbytes(chance.randrange(1, 40)),
                    leb(hostile_int(chance, piece.size, 0)) + chance.randbytes(chance.randrange(20)),
                    damaged(chance, model.compress(piece.content)),
                    model.compress(piece.content),
                    b"",
                )
            )
            if chance.random() < 0.1:
                piece.size = 1 << chance.randrange(1, sizes)
                if len(file.pieces) == 1:
                    file.facts.size = piece.size
                    file.facts.chunk_size = 1 << 24
                    right = None
        use(game, file.packed(), file.pieces, right, model)

    return play


def play_crowd(game: Game) -> None:
    """Thousands of heads, each of which claims the rest of the file; or thousands of chunks of a byte."""
    chance, model = game.chance, FastModel()
    count = chance.choice((2_000, 8_000))
    if chance.random() < 0.6:
        heads, behind = [], 0
        for index in reversed(range(count)):
            piece = Piece(index, index * 100, RAW, 100, b"", b"", bytes(16), claimed=behind)
            heads.append(piece.head())
            behind += len(heads[-1])
        middle = b"".join(reversed(heads))
        facts = facts_of(model, count * 100, 100)
        head = Forged(facts, None, [], b"", bare=frozenset({"trailer"}))
        data = (head.packed() if chance.random() < 0.5 else b"") + middle + bytes(4)
        use(game, data, [], None, model)
        return
    count //= 6
    data = chance.randbytes(count)
    pieces = [piece_of(i, i, RAW, data[i : i + 1], data[i : i + 1]) for i in range(count)]
    digest = clz.whole_digest()
    digest.update(data)
    facts = facts_of(model, count, 1)
    file = Forged(facts, copy_of(facts, count), pieces, digest.digest())
    if chance.random() < 0.5:
        file.bare = frozenset({chance.choice(("header", "trailer"))})
    use(game, file.packed(), pieces, data, model)


def play_claims(game: Game) -> None:
    """A header alone, or with a chunk or two, that claims what no file holds."""
    chance, model = game.chance, FastModel()
    size, chunk_size = (hostile_int(chance, None, 0) for _ in range(2))
    if chance.random() < 0.5:
        size, chunk_size = 1 << chance.randrange(30, 63), chance.choice((1, 1 << 10, 1 << 24, (1 << 31) - 1))
    content = some_bytes(chance, chance.randrange(50))
    place = chance.choice((0, 0, 1, hostile_int(chance, None, 0)))
    pieces = [] if chance.random() < 0.4 else [piece_of(place, place * chunk_size, RAW, content, content)]
    facts = facts_of(model, size, chunk_size)
    facts.version = chance.choice((2, VERSION))
    file = Forged(facts, copy_of(facts, chance.choice((1, 1, 2))), pieces, bytes(32), facts.version)
    if chance.random() < 0.7:
        file.bare = frozenset({"trailer"})
    if chance.random() < 0.2:
        for piece in pieces:
            piece.claimed = piece.listed = hostile_int(chance, None, 0)
            piece.size = hostile_int(chance, size, 0)
    whole = content if pieces and len(content) == size and place == 0 and not file.bare else None
    use(game, file.packed(), pieces, b"" if size == 0 and not pieces else whole, model)


KINDS = (
    *(Kind(f"clz: {name}", _twisted(name), 5) for name in TWISTS),
    Kind("clz: claims", play_claims, 5),
    Kind("clz: chunks of a language model", play_model(tree_coder, 60, 14), 2),
    Kind("clz: chunks of the embedded model", play_model(EmbeddedModel, 8, 23), 1),
    Kind("clz: thousands of chunks", play_crowd, 1),
)


def warm(folder: Path) -> None:
    """Make the tree of the language model, and load what is compiled for the embedded one (seconds, at first)."""
    tree_coder()
    decompress_bytes(compress_bytes(bytes(600)), 600)
