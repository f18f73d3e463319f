"""The text among the facts of a `.clz` file: JSON of a known form, bounded in size and depth, checked before use.

Whoever writes a file can write its checksums too, so what a header says is believed only as far as it can be true.
"""

from __future__ import annotations

import json
import zlib
from typing import Any, Final

from compresslab._support.json_text import nesting
from compresslab.errors import CorruptStream

__all__ = ["NUMBERS", "TEXT_MOST", "read_text"]

TEXT_MOST: Final = 1 << 14
"""The text is at most that many bytes."""

NUMBERS: Final = {"streams": 1 << 16, "segment": 1 << 31, "threads": 1 << 10}
"""Settings that are whole numbers from 1 on, and the most that each may be."""

_DEPTH_MOST = 8
_STRING_MOST = 4096
_REQUIRED = {"libraries", "model", "settings"}
_OPTIONAL = {2: set[str](), 3: {"machine"}}


def read_text(deflated: bytes, dictionary: bytes, version: int) -> dict[str, Any]:
    """Return ``libraries``, ``model``, ``settings`` and (from version 3 on, where it is there) ``machine``.

    Raises:
        CorruptStream: naming what is not as it must be.
    """
    unpacker = zlib.decompressobj(-15, dictionary)
    try:
        plain = unpacker.decompress(deflated, TEXT_MOST + 1)
    except zlib.error as error:
        raise CorruptStream(f"the text of its facts does not inflate ({error})") from error
    if len(plain) > TEXT_MOST:
        raise CorruptStream(f"the text of its facts has more than {TEXT_MOST} bytes")
    if not unpacker.eof or unpacker.unused_data:
        raise CorruptStream("the text of its facts is cut, or something follows it")
    if nesting(plain.decode("ascii", "replace"), _DEPTH_MOST) > _DEPTH_MOST:
        raise CorruptStream(f"the text of its facts is nested more than {_DEPTH_MOST} levels deep")
    try:
        held = json.loads(plain.decode("ascii"), object_pairs_hook=_object, parse_constant=_no_constant)
    except ValueError as error:
        raise CorruptStream(f"the text of its facts is not JSON ({error})") from error
    _check(held, version)
    facts: dict[str, Any] = held
    return facts


def _check(held: Any, version: int) -> None:
    if not isinstance(held, dict):
        raise CorruptStream(f"the text of its facts is not a JSON object but {type(held).__name__}")
    missing = sorted(_REQUIRED - held.keys())
    foreign = sorted(held.keys() - _REQUIRED - _OPTIONAL[version])
    if missing or foreign:
        what = f"lacks {missing[0]!r}" if missing else f"has {foreign[0]!r}, which has no place there"
        raise CorruptStream(f"the text of its facts {what}")
    if not isinstance(held["model"], str):
        raise CorruptStream("the model's name among its facts is not a text")
    for part in held.keys() - {"model"}:
        if not isinstance(held[part], dict):
            raise CorruptStream(f"{part!r} among its facts is not a JSON object")
    for part in {"libraries"} & held.keys():
        if not all(isinstance(value, str) for value in held[part].values()):
            raise CorruptStream(f"a value of {part!r} among its facts is not a text")
    for value in held.get("machine", {}).values():
        if not isinstance(value, str | int):
            raise CorruptStream("a value of 'machine' among its facts is neither a text nor a number")
    _check_lengths(held)
    for key, value in held["settings"].items():
        if key in NUMBERS and not (type(value) is int and 1 <= value <= NUMBERS[key]):
            raise CorruptStream(f"the setting {key!r} among its facts is not a whole number from 1 to {NUMBERS[key]}")


def _check_lengths(held: Any) -> None:
    """Refuse texts longer than any that is written; the depth of ``held`` is bounded."""
    if isinstance(held, str) and len(held) > _STRING_MOST:
        raise CorruptStream(f"a text among its facts has more than {_STRING_MOST} characters")
    for part in [*held.keys(), *held.values()] if isinstance(held, dict) else held if isinstance(held, list) else ():
        _check_lengths(part)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    held = dict(pairs)
    if len(held) < len(pairs):
        raise ValueError("a key stands in it twice")
    return held


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
