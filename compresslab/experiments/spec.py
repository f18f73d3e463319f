"""Specs: what an experiment is to do, frozen, checked before anything is trained, and saved beside its rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from compresslab.errors import InvalidParameter
from compresslab.files import read_buffer, unreadable, write_atomic

__all__ = ["read_spec", "save_spec"]


def save_spec(folder: str | PathLike[str], spec: Mapping[str, Any]) -> None:
    """Write ``spec.json`` into a folder (made where missing), or check that the one there says the same.

    Args:
        folder: where the rows are to go.
        spec: what fixes the rows: plain values that JSON can hold.

    Raises:
        InvalidParameter: the folder belongs to another experiment; the message names what differs.
        UnreadableFile: the folder cannot be made or written to.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise unreadable(path, error, "make") from error
    wanted = json.loads(json.dumps(spec, allow_nan=False))
    target = path / "spec.json"
    if target.exists():
        try:
            found = json.loads(read_buffer(target).tobytes())
        except ValueError as error:
            raise InvalidParameter(f"{target} is no JSON: name another folder, or delete this one") from error
        if found != wanted:
            raise InvalidParameter(
                f"{path} holds the rows of another experiment ({_difference(found, wanted)}): "
                "name another folder, or delete this one"
            )
        return
    if (path / "rows.jsonl").exists():
        raise InvalidParameter(f"{path} holds rows, but no spec.json that says of what: name another folder")
    write_atomic(target, [(json.dumps(wanted, indent=2, ensure_ascii=False) + "\n").encode()])


def read_spec(folder: str | PathLike[str], experiment: str | None = None) -> dict[str, Any]:
    """Return what ``spec.json`` in a folder says, lists as tuples: what a spec's class is made of.

    Args:
        folder: of a run.
        experiment: the experiment that it must be of; any where None.

    Raises:
        UnreadableFile: there is no ``spec.json``.
        InvalidParameter: it is not the spec of such an experiment.
    """
    path = Path(folder) / "spec.json"
    text = read_buffer(path).tobytes()
    try:
        found: Any = json.loads(text)
        if not isinstance(found, dict) or not isinstance(found.get("experiment"), str):
            raise ValueError("it names no experiment")
        if experiment is not None and found["experiment"] != experiment:
            raise ValueError(f"its experiment is not {experiment!r}")
    except ValueError as error:
        raise InvalidParameter(
            f"{path} is no spec that a report can be made of ({error}): "
            f"give the folder of 'compresslab experiment {experiment or 'NAME'}'"
        ) from error
    return {name: _tuples(value) for name, value in found.items()}


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _difference(found: Any, wanted: Mapping[str, Any]) -> str:
    if not isinstance(found, dict):
        return "spec.json is not an object"
    names = [name for name in {**found, **wanted} if found.get(name) != wanted.get(name)]
    shown = [f"{name}: {_short(found.get(name))} there, {_short(wanted.get(name))} here" for name in names[:2]]
    return "; ".join(shown) + (f"; and {len(names) - 2} more" if len(names) > 2 else "")


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
