"""What long work keeps on disk: rows, specs, run records, journals, caches."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
from pathlib import Path
from typing import Any, Final

import numpy as np

from compresslab.data.cache import MAGIC as TEXTS_MAGIC
from compresslab.data.cache import cached_texts, load_texts, save_texts
from compresslab.data.texts import Texts
from compresslab.experiments.row_source import experiment_run
from compresslab.experiments.rows import append_rows, open_rows, read_rows
from compresslab.experiments.run_record import read_runs
from compresslab.experiments.spec import read_spec, save_spec
from compresslab.lm import journal

from .chance import damaged, hostile_int, hostile_json, hostile_text, json_text, twist_json
from .engine import REFUSED, Game, Kind

__all__ = ["KINDS", "warm"]

UNITS: Final = {
    "a/seed 0": [{"x": 1, "y": 0.5}, {"x": 2, "y": None}],
    "a/seed 1": [{"x": 3, "name": "é"}],
    "b": [{"list": [1, 2], "deep": {"k": True}}, {"x": -1}, {"x": 1e300}],
}
TEXTS: Final = (b"to be", b"", b"or not \xff", b"x" * 40)


def checksum(full: Any) -> str:
    """Return the checksum of a row, whatever it holds."""
    text = json.dumps(full, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def line_of(full: Any, chance: random.Random | None = None) -> bytes:
    """Write a row with its checksum."""
    if isinstance(full, dict):
        try:
            full = {**full, "checksum": checksum(full)}
        except TypeError:
            full = {**full, "checksum": "0" * 16}
    text = json.dumps(full, ensure_ascii=chance is not None and chance.random() < 0.5)
    return text.encode("utf-8", "surrogatepass") + b"\n"


def right_rows() -> list[dict[str, Any]]:
    return [
        {"unit": unit, "part": [i, len(rows)], **row} for unit, rows in UNITS.items() for i, row in enumerate(rows, 1)
    ]


def play_rows(game: Game) -> None:
    """Rows whose unit, part, checksum or values are of another type; lines broken, twice, or in another order."""
    chance = game.chance
    held = right_rows()
    lines = [line_of(row) for row in held]
    true = True  # whether every line is as it was written
    for _ in range(chance.choice((0, 1, 1, 2))):
        at, roll = chance.randrange(len(lines)), chance.randrange(8)
        row = held[at % len(held)]
        if roll == 0:
            row, true = {**row, "part": hostile_json(chance)}, False
        elif roll == 1:
            part = [hostile_json(chance, 0) if chance.random() < 0.5 else hostile_int(chance, 1) for _ in range(2)]
            row, true = {**row, "part": part}, False
        elif roll == 2:
            row, true = {**row, "unit": hostile_json(chance)}, False
        elif roll == 3:
            row, true = twist_json(chance, row), False
        elif roll == 4:
            row, true = {**row, hostile_text(chance): hostile_json(chance)}, False
        elif roll == 5:
            with contextlib.suppress(ValueError):  # noise of an earlier turn
                lines[at], true = json_text(chance, json.loads(lines[at])) + b"\n", False
            continue
        elif roll == 6:
            lines[at] = damaged(chance, lines[at])  # its checksum must tell
            continue
        else:
            chance.shuffle(lines)
            continue
        lines[at] = line_of(row, chance)
    data = b"".join(lines)
    if chance.random() < 0.2:
        data = damaged(chance, data)
    path = game.write("rows.jsonl", data)
    found = game.attempt("read", read_rows, path)
    if found is not REFUSED and true:
        game.check("read", all(UNITS.get(unit) == rows for unit, rows in found.items()), "read other rows")
    again = game.attempt("open", open_rows, path)
    if again is not REFUSED:
        game.check("open", again == found, "is not what was read")
        if game.attempt("append", append_rows, path, "new", [{"z": 1}]) is not REFUSED:
            last = game.attempt("read again", read_rows, path)
            if last is REFUSED or last.get("new") != [{"z": 1}]:
                game.wrong("read again", "what was appended cannot be read")


def play_spec(game: Game) -> None:
    """spec.json and run.json: any JSON, or none."""
    chance = game.chance
    spec = {"experiment": "joint", "seeds": [0, 1], "arms": [{"name": "a", "seeds": [0]}], "n": 3, "x": 0.5}
    data = json_text(chance, twist_json(chance, spec, chance.choice((0, 1, 2))))
    game.write("spec.json", data)
    runs = {"runs": [{"command": "compresslab experiment joint", "versions": {"numpy": "2"}, "machine": "m"}]}
    if chance.random() < 0.7:
        game.write("run.json", json_text(chance, twist_json(chance, runs, chance.choice((0, 1, 2)))))
    found = game.attempt("read", read_spec, game.folder)
    if found is not REFUSED:
        game.check("read", isinstance(found, dict), "is not an object")
    game.attempt("save", save_spec, game.folder, spec)
    game.attempt("runs", read_runs, game.folder)
    game.attempt("source", experiment_run, game.folder)


def play_journal(game: Game) -> None:
    """A scoring journal: another head, key or length; what is taken up must be what is there."""
    chance = game.chance
    key, size = hashlib.sha256(b"key").digest(), chance.choice((0, 1, 7, 300))
    path = game.folder / "journal"
    made = game.attempt("make", journal.open_journal, path, key, size)
    numbers = np.arange(size // 2, dtype="<f8")
    made.write(0, numbers)
    del made
    data = path.read_bytes()
    broken = damaged(chance, data) if chance.random() < 0.8 else data
    if chance.random() < 0.2 and size:  # a number under a check of its own
        at = chance.randrange(size)
        broken = data[: journal.HEAD + 8 * at] + chance.randbytes(8) + data[journal.HEAD + 8 * at + 8 :]
    path.write_bytes(broken)
    found = game.attempt("open", journal.open_journal, path, key, size)
    if found is not REFUSED:
        kept = ~np.isnan(found.nats)
        held, first = len(numbers), kept[: len(numbers)]
        right = not kept[held:].any() and np.array_equal(found.nats[:held][first], numbers[first])
        game.check("open", bool(right), "took up other numbers")
        game.check("open", broken != data or int(kept.sum()) == len(numbers), "lost numbers that were right")


def play_cache(game: Game) -> None:
    """A cache of texts, damaged, or with a checksum to match: it is built again, and the texts are right or refused."""
    chance = game.chance
    texts = Texts.pack(TEXTS)
    path = game.folder / "key.texts"
    save_texts(path, texts)
    data = path.read_bytes()
    body = data[len(TEXTS_MAGIC) + 32 :]
    signed = chance.random() < 0.7
    if signed:
        roll = chance.randrange(4)
        if roll == 0:
            body = (hostile_int(chance, 4, 0) % 2**64).to_bytes(8, "little") + body[8:]
        elif roll == 1:
            at = 8 * chance.randrange(1, 6)
            body = body[:at] + ((hostile_int(chance, 5) + 2**63) % 2**64).to_bytes(8, "little") + body[at + 8 :]
        else:
            body = damaged(chance, body)
        path.write_bytes(TEXTS_MAGIC + hashlib.sha256(body).digest() + body)
    else:
        path.write_bytes(damaged(chance, data))
    found = game.attempt("load", load_texts, path)
    if found is not REFUSED:
        game.attempt("list", list, found)
        game.check("load", signed or list(found) == list(TEXTS), "read other texts")
    os.environ["COMPRESSLAB_CACHE"] = str(game.folder)
    try:
        got = game.attempt("cached", cached_texts, "key", lambda: texts)
    finally:
        del os.environ["COMPRESSLAB_CACHE"]
    game.check("cached", got is not REFUSED, "failed where it should build again")
    if got is not REFUSED and not signed:
        game.check("cached", list(got) == list(TEXTS), "gave other texts")


KINDS = (
    Kind("records: rows", play_rows, 5),
    Kind("records: spec, run", play_spec, 4),
    Kind("records: journal", play_journal, 2),
    Kind("records: cache", play_cache, 2),
)


def warm(folder: Path) -> None:
    """There is nothing to make."""
