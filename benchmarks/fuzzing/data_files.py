"""Data: JSON lines, tables, text of any encoding, packed files; by every reader that takes them."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import random
from pathlib import Path
from typing import Any, Final

from compresslab.data.choice import FORMATS, DataChoice
from compresslab.data.dataset import Dataset
from compresslab.data.door import read_data
from compresslab.data.readers import read_files, read_jsonl
from compresslab.data.splitting import UNITS
from compresslab.experiments.data.dialogues import read_pairs
from compresslab.experiments.data.tuning_texts import read_source

from .chance import damaged, hostile_json, hostile_text, json_text
from .engine import REFUSED, Game, Kind

__all__ = ["KINDS", "warm"]

ENCODINGS: Final = (
    "utf-8", "latin-1", "utf-16", "utf-32", "ascii", "cp1252", "utf-7", "idna", "punycode", "raw_unicode_escape",
    "unicode_escape", "rot13", "hex", "base64", "zlib", "undefined", "mbcs", "\0", "", "utf-8\0x", "x" * 999, "../x",
    "utf_8_sig", "shift_jis", "big5", "iso2022_jp", "hz", "uu",
)  # fmt: skip
ODD: Final = (
    *(b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\r\n", b"\x1b[31m", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3"),
    *("\u2028".encode(), "\u202e".encode(), "é".encode(), b"\t" * 30, b"\x0c", b". ", b"\n\n"),
)


def word(chance: random.Random) -> str:
    return chance.choice(
        ("cat", "sat on", "é", "  indented", "x" * 50, "a\tb", '"quoted"', "a,b", "1", "true", "ü\u0301")
    )


def play_jsonl(game: Game) -> None:
    """JSON lines: any objects, any JSON, deep, long numbers, lone surrogates, other line breaks; no JSON."""
    chance = game.chance
    values = [word(chance) for _ in range(chance.randrange(1, 6))]
    lines = [json.dumps({"text": value, "n": 1}, ensure_ascii=chance.random() < 0.5).encode() for value in values]
    right = True
    for _ in range(chance.choice((0, 1, 1, 2))):
        right = False
        at, roll = chance.randrange(len(lines)), chance.randrange(6)
        if roll == 0:
            lines[at] = json_text(chance, hostile_json(chance))
        elif roll == 1:
            lines[at] = json_text(chance, {"text": hostile_json(chance)})
        elif roll == 2:
            lines[at] = json_text(chance, {"text": "a", hostile_text(chance): hostile_json(chance)})
        elif roll == 3:
            lines[at] = damaged(chance, lines[at])
        elif roll == 4:
            lines[at] = b'{"text": "\\ud800"}'
        else:
            lines[at] = b'{"text": "a", "n": ' + b"9" * chance.choice((310, 4_301, 60_000)) + b"}"
    data = chance.choice((b"\n", b"\n", b"\r\n", b"\n\n")).join(lines) + chance.choice((b"", b"\n", b" "))
    path = game.write("d.jsonl", data)
    found = game.attempt("jsonl", read_jsonl, path, chance.choice(("text", "text", "text", "txt")))
    if found is not REFUSED and right:
        game.check("jsonl", list(found.texts) == [value.encode() for value in values], "read other texts")
    if chance.random() < 0.3:
        game.attempt("dataset", Dataset.from_jsonl, path, split=chance.choice(UNITS), skip_missing=True)
    if chance.random() < 0.3:
        game.attempt("source", read_source, str(path))
    if chance.random() < 0.3:
        game.attempt("pairs", read_pairs, str(path))


def play_pairs(game: Game) -> None:
    """Pairs of prompts and responses, as JSON lines and as a table: as they are, and with rows of other shapes."""
    chance = game.chance
    pairs = list(
        dict.fromkeys((f"why {word(chance)}?", f"as {word(chance).strip()} is") for _ in range(chance.randrange(1, 5)))
    )
    wanted = [(prompt.strip().encode(), response.strip().encode()) for prompt, response in pairs]
    right = chance.random() < 0.4
    if chance.random() < 0.5:
        lines = [json.dumps({"prompt": prompt, "response": response}).encode() for prompt, response in pairs]
        if not right:
            at = chance.randrange(len(lines))
            lines[at] = json_text(chance, {"prompt": hostile_json(chance), "response": hostile_json(chance)})
        path = game.write("p.jsonl", b"\n".join(lines) + b"\n")
    else:
        sink = io.StringIO(newline="")
        table = csv.writer(sink)
        table.writerow(["Question", "Best Answer"])
        table.writerows(pairs)
        data = sink.getvalue().encode()
        if not right:
            data = chance.choice(
                (
                    damaged(chance, data),
                    data + b"one cell\n",
                    data + b"a,b,c,d\n",
                    data + b'"never closed\n',
                    data + b"x" * chance.choice((1000, 200_000)) + b",b\n",
                    b"\xef\xbb\xbf" + data,
                    data.replace(b"Best Answer", b"Correct Answers"),
                    b"Question,Question,Best Answer\na,b,c\n",
                    b"",
                    b"\n" * 5,
                    data.replace(b"\r\n", b"\r"),
                )
            )
        path = game.write("p.csv", data)
    found = game.attempt("pairs", read_pairs, str(path))
    if right:
        game.check("pairs", found == wanted, "read other pairs" if found else "refused right pairs")


def play_text(game: Game) -> None:
    """Text files: odd bytes, any encoding, any unit; the bytes of a UTF-8 text come back as they are."""
    chance = game.chance
    data = b"".join(
        chance.choice((word(chance).encode(), chance.choice(ODD), b"\n", b" ")) for _ in range(chance.randrange(12))
    )
    roll = chance.randrange(8)
    if roll == 0:
        data = data.decode("utf-8", "replace").encode("utf-16")
    elif roll == 1:
        data = gzip.compress(data)
    elif roll == 2:
        data = damaged(chance, gzip.compress(data))
    name = chance.choice(
        ("t.txt", "t", "t.tsv", "t.json", "t.gz", "t.csv.gz", "t.jsonl.gz", "t\n.txt", "t\x1b[31m.txt", "é" * 100)
    )
    path = game.write(name, data)
    encoding = "utf-8" if chance.random() < 0.6 else chance.choice(ENCODINGS)
    text = chance.random() < 0.7
    found = game.attempt("files", read_files, path, text=text, encoding=encoding)
    if found is not REFUSED and encoding == "utf-8" and not name.endswith(".gz"):
        game.check("files", found.texts.buffer.tobytes() == data, "changed bytes")
    unit = chance.choice((*UNITS, hostile_text(chance)))
    tokenizer = chance.choice(("bytes", "bits", "words", "bytes", hostile_text(chance)))
    made = game.attempt("dataset", Dataset.from_files, path, tokenizer, split=unit, text=text, encoding=encoding)
    if made is not REFUSED:
        game.attempt("texts", made.texts)
    if chance.random() < 0.3 and len(name) < 50:
        game.attempt("pairs", read_pairs, str(path))


def play_json(game: Game) -> None:
    """JSON and tables under other names, as `read_pairs` and `read_source` may take them."""
    chance = game.chance
    rows: list[Any] = [{"prompt": word(chance), "response": word(chance)} for _ in range(3)]
    if chance.random() < 0.7:
        rows[chance.randrange(3)] = hostile_json(chance)
    data = json_text(chance, rows if chance.random() < 0.7 else {"data": rows})
    name = chance.choice(("d.json", "d.ndjson", "d.JSONL", "d.tsv", "d.csv", "d.txt"))
    if name.endswith("sv"):
        data = b"prompt\tresponse\nwhy?\tso it is\n" if name == "d.tsv" else b"prompt,response\nwhy?,so it is\n"
        data = damaged(chance, data) if chance.random() < 0.8 else data
    path = game.write(name, data)
    game.attempt("pairs", read_pairs, str(path))
    game.attempt("source", read_source, str(path))


def play_door(game: Game) -> None:
    """Rows in any packing under any name, with any options, whole or damaged: read right, or refused by name."""
    chance = game.chance
    texts = [word(chance) for _ in range(chance.randrange(1, 6))]
    rows: list[Any] = [{"text": text, "n": i, "kind": "ab"[i % 2]} for i, text in enumerate(texts)]
    if chance.random() < 0.3:
        rows[chance.randrange(len(rows))] = hostile_json(chance)
    lines = chance.random() < 0.6
    data = b"".join(json.dumps(row).encode() + b"\n" for row in rows) if lines else json.dumps(rows).encode()
    right = all(isinstance(row, dict) and row.get("text") == text for row, text in zip(rows, texts, strict=True))
    data = chance.choice((bytes, bytes, gzip.compress, bz2.compress, lzma.compress))(data)
    if chance.random() < 0.3:
        data, right = damaged(chance, data), False
    path = game.write(chance.choice(("d.jsonl", "d.txt", "d", "d.parquet", "d.json", "d.csv", "d.arrow")), data)
    options: dict[str, Any] = {}
    if chance.random() < 0.4:
        right = False
        options = {
            "format": chance.choice((None, *FORMATS)),
            "field": chance.choice((None, "text", "n", hostile_text(chance))),
            "where": chance.choice(((), (f"n={chance.randrange(4)}",), ("kind=a",), (f"{hostile_text(chance)}=1",))),
            "skip_missing": chance.random() < 0.5,
            "encoding": chance.choice(("utf-8", "utf-16", "latin-1")),
        }
    choice = DataChoice() if not options else game.attempt("choice", lambda: DataChoice(**options))
    if choice is REFUSED:
        return
    found = game.attempt("door", read_data, path, choice, unit=chance.choice((None, None, "word", "line")))
    if found is not REFUSED and right and found.how.endswith("(text)") and found.rows == len(texts):
        held = b"".join(b"".join(found.responses).split())
        game.check("door", held == "".join("".join(texts).split()).encode(), "read other texts")


KINDS = (
    Kind("data: JSON lines", play_jsonl, 5),
    Kind("data: the door", play_door, 5),
    Kind("data: pairs", play_pairs, 4),
    Kind("data: text", play_text, 5),
    Kind("data: JSON, tables", play_json, 3),
)


def warm(folder: Path) -> None:
    """There is nothing to make."""
