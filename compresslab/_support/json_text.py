"""JSON that others wrote, read within bounds: what is broken, nested too deep or too large is one kind of error.

Python's own reader calls itself for every level of nesting, refuses whole numbers of more than 4,300 digits, and gives
strings that no file can hold. Here nesting is counted before anything is read, and a number that long is read as a
float, as other languages read every number.
"""

from __future__ import annotations

import json
import math
import re
from os import PathLike, fspath
from typing import Any, Final

import numpy as np

from compresslab._support.files import open_file, unreadable
from compresslab.errors import CorruptFile

__all__ = ["DEEPEST", "finite", "nesting", "parse_json", "parse_saved", "read_json"]

DEEPEST: Final = 200
LARGEST: Final = 64 << 20  # bytes of a file that the library itself wrote

_STRING: Final = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)  # one that never ends goes to the end
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_STEP: Final = np.zeros(256, np.int64)
_STEP[list(b"[{")] = 1
_STEP[list(b"]}")] = -1


class _KeyTwice(ValueError):
    """An object has one key twice."""


def _checked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _KeyTwice(next(key for key in keys if keys.count(key) > 1))
    return found


_UNIQUE: Final = json.JSONDecoder(object_pairs_hook=_checked)  # made once: it takes longer than to read a line


def parse_json(text: bytes | str, what: str = "this", *, unique: bool = False) -> Any:
    r"""Return the value of a JSON text.

    Args:
        text: UTF-8, or another of JSON's encodings.
        what: what the error says it was, such as "line 3 of data.jsonl".
        unique: refuse an object that has one key twice, of which a reader would take either.

    Raises:
        CorruptFile: it is not JSON, is nested deeper than `DEEPEST`, or has one key twice.

    Example:
        >>> parse_json(b'{"a": [1, "\\u00e9"]}')
        {'a': [1, 'é']}
        >>> parse_json("[" * 201 + "]" * 201)
        Traceback (most recent call last):
        compresslab.errors.CorruptFile: this is nested 201 levels deep: JSON is read down to 200 levels, flatten it
    """
    read = _UNIQUE.decode if unique else json.loads
    try:
        if isinstance(text, bytes):
            text = text.decode(json.detect_encoding(text), "surrogatepass")
        elif text.startswith("\ufeff"):
            raise ValueError("it begins with a byte order mark")
        depth = nesting(text, DEEPEST)
        if depth > DEEPEST:
            raise CorruptFile(
                f"{what} is nested {depth:,} levels deep: JSON is read down to {DEEPEST} levels, flatten it"
            )
        try:
            return read(text)
        except (json.JSONDecodeError, _KeyTwice):
            raise
        except ValueError:  # a whole number with more digits than Python makes an int of
            return json.loads(text, parse_int=_whole, object_pairs_hook=_checked if unique else None)
    except CorruptFile:
        raise
    except MemoryError as error:
        raise CorruptFile(f"{what} does not fit into memory: {len(text):,} bytes of JSON") from error
    except _KeyTwice as error:
        raise CorruptFile(f"{what} has the key {str(error)!r} twice in one object: leave one of them out") from error
    except ValueError as error:  # bad JSON, or bytes that are not of its encoding
        raise CorruptFile(f"{what} is not JSON: {error}") from error


def parse_saved(text: bytes | str, what: str = "this") -> Any:
    """Return what :func:`parse_json` returns, of a text whose strings are to be written again.

    Raises:
        CorruptFile: as for :func:`parse_json`; or a string holds a lone surrogate, which UTF-8 cannot hold.
    """
    found = parse_json(text, what)
    whole = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    if _SURROGATE.search(whole):
        try:
            json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise CorruptFile(
                f"{what} holds the lone surrogate U+{ord(error.object[error.start]):04X}, which UTF-8 cannot hold: "
                "restore the file"
            ) from error
    return found


def read_json(path: str | PathLike[str], most: int = LARGEST) -> Any:
    """Return the value of a JSON file that is part of saved work.

    Args:
        path: the file.
        most: bytes that it may have.

    Raises:
        UnreadableFile: it is missing or cannot be read.
        CorruptFile: as for :func:`parse_saved`; or it is too large to be such a file.
    """
    try:
        with open_file(path) as file:
            text = file.read(most + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(text) > most:
        raise CorruptFile(f"{fspath(path)} is larger than {most:,} bytes, which no such file is: restore or remove it")
    return parse_saved(text, fspath(path))


def finite(value: Any) -> Any:
    """Return a value with None for every number that JSON has no word for: infinite ones, and NaN.

    Example:
        >>> finite({"bits": float("inf"), "rates": (0.5, float("nan"))})
        {'bits': None, 'rates': [0.5, None]}
    """
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def nesting(text: str, most: int) -> int:
    """Return how deep brackets are nested, those in strings left out; or 0, where that cannot be above ``most``."""
    if text.count("[") + text.count("{") <= most:
        return 0
    bare = np.frombuffer(_STRING.sub("", text).encode("ascii", "replace"), np.uint8)
    return int(np.cumsum(_STEP[bare]).max(initial=0))


def _whole(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:
        return float(digits)
