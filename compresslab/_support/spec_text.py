"""Specs as text: a table of plain values, read from TOML, YAML or JSON, and written as such."""

from __future__ import annotations

import importlib
import json
import math
import re
import tomllib
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final

from compresslab._support.files import open_file, unreadable, write_atomic
from compresslab._support.json_text import parse_json
from compresslab._support.printable import in_utf8
from compresslab.errors import CorruptFile, InvalidParameter, MissingExtra

__all__ = ["KINDS", "check_kind", "read_table", "write_table"]

KINDS: Final = (".toml", ".yaml", ".yml", ".json")
_MOST = 1 << 20  # bytes
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_TEXT, _MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"
_BREAKS = re.compile("[\x85\u2028\u2029\ufeff]")


def check_kind(path: str | PathLike[str]) -> str:
    """Return how the name of a spec ends, in lower case.

    Raises:
        InvalidParameter: it is not one of `KINDS`.
        MissingExtra: YAML, without PyYAML, which comes with transformers.
    """
    kind = Path(path).suffix.lower()
    if kind not in KINDS:
        raise InvalidParameter(f"{path} is not a spec: its name ends in .toml, .yaml or .json")
    if kind in (".yaml", ".yml"):
        try:
            importlib.import_module("yaml")
        except ImportError as error:
            raise MissingExtra("reading YAML", "lm") from error
    return kind


def read_table(path: str | PathLike[str]) -> dict[str, Any]:
    """Return what a spec holds: name -> value.

    Raises:
        CorruptFile: it is not of the kind that its name says, has one name twice, or holds no table.
        InvalidParameter: as of `check_kind`.
        MissingExtra: likewise.
        UnreadableFile: it cannot be read.
    """
    kind = check_kind(path)
    try:
        with open_file(path) as file:
            raw = file.read(_MOST + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(raw) > _MOST:
        raise CorruptFile(f"{path} is larger than {_MOST:,} bytes, which no spec is")
    try:
        text = raw.decode("utf-8-sig")
        if kind == ".toml":
            found: Any = tomllib.loads(text)
        elif kind == ".json":
            found = parse_json(text, str(path), unique=True)
        else:
            found = _yaml(text)
    except (ValueError, RecursionError) as error:
        if isinstance(error, CorruptFile):
            raise
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise CorruptFile(f"{path} cannot be read as {kind[1:].upper()}: {reason}") from error
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise CorruptFile(f"{path} is not a table of names and values: write one 'name: value' for each option")
    return found


def write_table(path: str | PathLike[str], values: Mapping[str, Any]) -> None:
    """Write a table of plain values as a spec, of the kind that the name says; `read_table` gives it back.

    Args:
        path: of the spec.
        values: text, numbers, truth values, and lists and tables of these.

    Raises:
        InvalidParameter: as of `check_kind`; TOML of text that is not Unicode, as the name of a file may be.
        MissingExtra: likewise.
        UnreadableFile: it cannot be written.
    """
    kind = check_kind(path)
    if kind == ".toml":
        text = "".join(f"{_toml_name(name)} = {_toml(value)}\n" for name, value in values.items())
    elif kind == ".json":
        text = json.dumps(dict(values), indent=2, ensure_ascii=False) + "\n"
    else:
        yaml: Any = importlib.import_module("yaml")
        # PyYAML leaves other breaks of lines than "\\n" as they are, and reads them back as spaces.
        plain = not _BREAKS.search(json.dumps(dict(values), ensure_ascii=False))
        text = yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=plain)
    try:
        raw = text.encode(errors="strict" if kind == ".toml" else "backslashreplace")  # JSON has such an escape
    except UnicodeEncodeError as error:
        raise InvalidParameter(
            f"{path} cannot hold {in_utf8(text[error.start : error.end])!r}, which is not Unicode and which TOML has "
            "no escape for: save a spec whose name ends in .json"
        ) from error
    write_atomic(path, [raw])


def _yaml(text: str) -> Any:
    yaml: Any = importlib.import_module("yaml")

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        """Takes names as they are written, also ``no`` and ``1``, and refuses one twice."""

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            scalars = [name for name, _ in node.value if isinstance(name, yaml.ScalarNode)]
            for name in scalars:
                name.tag = name.tag if name.tag == _MERGE else _TEXT
            names = [name.value for name in scalars]
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"it has the name {name!r} twice")
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _toml_name(name: str) -> str:
    return name if _BARE.fullmatch(name) else _toml(name)


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_toml_name(str(name))} = {_toml(one)}' for name, one in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(one) for one in value)}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else f"{value:+}"
    return json.dumps(value)
