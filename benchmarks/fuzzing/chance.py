"""Chance that knows where programs break: edges of whole numbers, JSON that no writer writes, damage to bytes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any, Final

__all__ = [
    "EDGES",
    "damaged",
    "hostile_int",
    "hostile_json",
    "hostile_text",
    "json_text",
    "twist_json",
]

EDGES: Final = tuple(
    sorted({0, *(sign * ((1 << power) + by) for power in (0, 7, 8, 15, 16, 24, 31, 32, 40, 53, 60, 62, 63, 64, 70, 128)
                 for by in (-1, 0, 1) for sign in (1, -1))})
)  # fmt: skip
_CONTROLS: Final = ("\x1b[2J\x1b]0;owned\x07", "\x9b31m", "\r", "\x08" * 5, "a\u202eb", "\x00", "\ud800", "\x7f")
_WORDS: Final = (
    "",
    " ",
    "a",
    "../../etc/passwd",
    "/dev/zero",
    "~nosuchuser/x",
    "hf:no/such",
    "tree:x",
    "%s%n",
    "NaN",
    "é" * 300,
)


def hostile_int(chance: random.Random, near: int | None = None, least: int | None = None) -> int:
    """Return a whole number at an edge, small, or near a given one; none below ``least``."""
    while True:
        roll = chance.random()
        if near is not None and roll < 0.4:
            value = near + chance.choice((-2, -1, 1, 2, near, -near, 64))
        elif roll < 0.6:
            value = chance.randrange(-2, 300)
        elif roll < 0.9:
            value = chance.choice(EDGES)
        else:
            value = chance.getrandbits(chance.randrange(1, 70))
        if least is None or value >= least:
            return value


def hostile_text(chance: random.Random) -> str:
    """Return text that a terminal, a path or a table may trip over."""
    return chance.choice(_CONTROLS if chance.random() < 0.5 else _WORDS)


def hostile_json(chance: random.Random, depth: int = 2) -> Any:
    """Return a value that JSON can hold, of any type."""
    roll = chance.randrange(12 if depth else 9)
    if roll < 2:
        return hostile_int(chance)
    if roll == 2:
        return chance.choice((0.5, -0.0, 1e308, 5e-324, float("nan"), float("inf"), 1e16))
    if roll == 3:
        return chance.choice((True, False, None))
    if roll < 7:
        return hostile_text(chance)
    if roll == 7:
        return chance.choice(([], {}, [[]], {"": None}, [None] * 3))
    if roll == 8:
        return chance.choice((10**400, -(10**400), "9" * 5000))
    if roll < 11:
        return [hostile_json(chance, depth - 1) for _ in range(chance.randrange(4))]
    return {hostile_text(chance): hostile_json(chance, depth - 1) for _ in range(chance.randrange(4))}


def twist_json(chance: random.Random, value: Any, times: int = 1) -> Any:
    """Return a copy of a JSON value with something in it changed: replaced, removed, renamed, added, or doubled."""
    value = json.loads(json.dumps(value))
    for _ in range(times):
        value = _twisted(chance, value)
    return value


def _twisted(chance: random.Random, value: Any) -> Any:
    if isinstance(value, (dict, list)) and value and chance.random() < 0.85:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = chance.choice(keys)
        roll = chance.random()
        if roll < 0.75:
            value[key] = _twisted(chance, value[key])
        elif roll < 0.85:
            del value[key]
        elif isinstance(value, dict):
            value[hostile_text(chance) if roll < 0.92 else chance.choice(keys)] = hostile_json(chance)
        else:
            value.insert(key, hostile_json(chance) if roll < 0.92 else value[key])
        return value
    if isinstance(value, int) and not isinstance(value, bool) and chance.random() < 0.6:
        return hostile_int(chance, value)
    return hostile_json(chance)


def json_text(chance: random.Random, value: Any) -> bytes:
    """Write a value as JSON, mostly; sometimes as what a parser chokes on."""
    text = json.dumps(value)
    roll = chance.randrange(24)
    if roll == 0:
        deep = chance.choice((500, 2_000, 100_000))
        return ("[" * deep + "]" * deep).encode()
    if roll == 1:
        deep = chance.choice((2_000, 100_000))
        return (text[:-1] + ',"deep":' + '{"a":' * deep + "1" + "}" * deep + "}").encode()
    if roll == 2:
        return (text[:-1] + ',"n":' + "9" * chance.choice((400, 5_000, 50_000)) + "}").encode()
    if roll == 3:
        return damaged(chance, text.encode())
    if roll == 4:
        return text.encode("utf-16")
    if roll == 5:
        return b"\xef\xbb\xbf" + text.encode()
    if roll == 6:
        return (text[:-1] + "," + text[1:]).encode()  # every key twice
    return text.encode()


def damaged(chance: random.Random, data: bytes) -> bytes:
    """Return bytes with a bit flipped, noise or zeros over a part, a part cut out, doubled or added, or the end cut."""
    if not data:
        return chance.randbytes(chance.randrange(20))
    at = chance.randrange(len(data))
    width = min(len(data) - at, chance.choice((1, 2, 4, 8, 64, 1000)))
    return _DAMAGES[chance.randrange(len(_DAMAGES))](chance, data, at, width)


def _flip(chance: random.Random, data: bytes, at: int, width: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


_DAMAGES: Final[tuple[Callable[[random.Random, bytes, int, int], bytes], ...]] = (
    _flip,
    _flip,
    lambda chance, data, at, width: data[:at] + chance.randbytes(width) + data[at + width :],
    lambda chance, data, at, width: data[:at] + bytes(width) + data[at + width :],
    lambda chance, data, at, width: data[:at] + b"\xff" * width + data[at + width :],
    lambda chance, data, at, width: data[:at] + data[at + width :],
    lambda chance, data, at, width: data[: at + width] + data[at:],
    lambda chance, data, at, width: data[:at] + chance.randbytes(width) + data[at:],
    lambda chance, data, at, width: data[:at],
)
