"""Specs: what an experiment is to do, frozen, checked before anything is trained, and saved beside its rows."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

from compresslab._support.files import unreadable, write_atomic
from compresslab._support.json_text import read_json
from compresslab.errors import CompressLabError, InvalidParameter

__all__ = ["first_seeds", "of_saved", "read_spec", "save_spec", "saved_spec"]


_LATER = ("design", "models", "model_tokens")  # what older folders do not say of themselves


def save_spec(folder: str | PathLike[str], spec: Mapping[str, Any], *, former: Collection[str] = ()) -> None:
    """Write ``spec.json`` into a folder (made where missing), or check that the one there says the same.

    Args:
        folder: where the rows are to go.
        spec: what fixes the rows: plain values that JSON can hold.
        former: names that the experiment had, which an older folder may give.

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
            found = read_json(target)
        except ValueError as error:
            raise InvalidParameter(f"{error}: name another folder, or delete this one") from error
        if isinstance(found, dict):
            wanted = {name: value for name, value in wanted.items() if name in found or name not in _LATER}
            if found.get("experiment") in former:
                found["experiment"] = wanted["experiment"]
        if found != wanted:
            raise InvalidParameter(
                f"{path} holds the rows of another experiment ({_difference(found, wanted)}): "
                "name another folder, or delete this one"
            )
        return
    if (path / "rows.jsonl").exists():
        raise InvalidParameter(f"{path} holds rows, but no spec.json that says of what: name another folder")
    write_atomic(target, [(json.dumps(wanted, indent=2, ensure_ascii=False) + "\n").encode()])


def read_spec(folder: str | PathLike[str], *experiments: str) -> dict[str, Any]:
    """Return the values of ``spec.json`` in a folder, lists as tuples, as the class of a spec takes them.

    Args:
        folder: of a run.
        experiments: the names of the experiment that it must be of; any where none is given.

    Raises:
        UnreadableFile: there is no ``spec.json``.
        InvalidParameter: it is not the spec of such an experiment.
    """
    path = Path(folder) / "spec.json"
    try:
        found: Any = read_json(path)
        if not isinstance(found, dict) or not isinstance(found.get("experiment"), str):
            raise ValueError("it names no experiment")
        if experiments and found["experiment"] not in experiments:
            raise ValueError(f"its experiment is not {experiments[0]!r}")
    except ValueError as error:
        raise InvalidParameter(
            f"{path} is not a spec that a report can be made of ({error}): "
            f"give the folder of 'compresslab experiment {(*experiments, 'NAME')[0]}'"
        ) from error
    read: dict[str, Any] = _tuples(found)
    return read


@contextmanager
def saved_spec(folder: str | PathLike[str], *experiments: str) -> Iterator[dict[str, Any]]:
    """Yield what `read_spec` returns to a block that makes the spec from it.

    Raises:
        UnreadableFile: as `read_spec` does.
        InvalidParameter: as `read_spec` does; or the block failed: something is missing, new, or of another type.
    """
    found = read_spec(folder, *experiments)
    with of_saved(f"{Path(folder) / 'spec.json'} is not a spec of '{experiments[0]}' as this version has it"):
        yield found


@contextmanager
def of_saved(said: str) -> Iterator[None]:
    """Turn what plain Python raises where saved values are not what they should be into an error that says so.

    Args:
        said: which file is not what; the reason follows it.

    Raises:
        InvalidParameter: the block raised anything of the kind.
    """
    try:
        yield
    except CompressLabError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise InvalidParameter(f"{said} ({str(error) or type(error).__name__}): run it again") from error


def first_seeds(count: int) -> tuple[int, ...]:
    """Return the seeds that ``--seeds`` stands for.

    Raises:
        InvalidParameter: ``count`` is below 1.

    Example:
        >>> first_seeds(3)
        (0, 1, 2)
    """
    if count < 1:
        raise InvalidParameter(f"the number of seeds is at least 1, not {count}")
    return tuple(range(count))


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _tuples(one) for name, one in value.items()}
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
