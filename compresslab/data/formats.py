r"""Formats: what a file is, by its content where that is certain, by its name or by choice where it is not.

==================  =================================================================================================
packed              by the first bytes (gzip, bzip2, xz, zstd), whatever the name; what is inside is then looked at
Parquet, Arrow,     by the first bytes, whatever the name
Feather
JSON lines          every line that is not blank is a JSON *object*; or the name ends in ``.jsonl``, ``.ndjson``,
                    ``.jsonlines``, and then a line that is not one is an error
JSON array          the file is one array of objects; or its name ends in ``.json``
CSV, TSV            by the name (``.csv``, ``.tsv``) or by choice alone: prose has commas too
text                anything else
==================  =================================================================================================
"""

from __future__ import annotations

from compresslab._support.json_text import parse_json
from compresslab.data.choice import DataChoice
from compresslab.data.json_rows import looks_like_json_lines
from compresslab.data.packing import PACKED_SUFFIXES
from compresslab.errors import CorruptFile, InvalidParameter

__all__ = ["FORMAT_NAMES", "recognised"]

FORMAT_NAMES = {
    "text": "text",
    "bytes": "bytes",
    "jsonl": "JSON lines",
    "json": "JSON",
    "csv": "CSV",
    "tsv": "TSV",
    "parquet": "Parquet",
    "arrow": "Arrow",
}
_LINES = (".jsonl", ".ndjson", ".jsonlines")
_BINARY = {".parquet": "parquet", ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow"}
_BOM = b"\xef\xbb\xbf"


def recognised(data: bytes, name: str, choice: DataChoice) -> str:
    r"""Return the format of a file, one of `compresslab.data.choice.FORMATS`.

    Args:
        data: what it holds, unpacked.
        name: its name; of a packed one with the ending of that.
        choice: what was asked for.

    Raises:
        CorruptFile: its name says what it is not.
        InvalidParameter: most of its lines are JSON objects, some are not.

    Example:
        >>> recognised(b'{"a": 1}\n', "a.txt", DataChoice()), recognised(b"one, two\n", "a.txt", DataChoice())
        ('jsonl', 'text')
    """
    if choice.format is not None:
        return choice.format
    if data[:4] == b"PAR1" and data[-4:] in (b"PAR1", b"PARE"):
        return "parquet"
    if data[:6] == b"ARROW1" or data[:4] == b"FEA1" or _is_arrow_stream(data):
        return "arrow"
    ending = _ending(name)
    start = data[: len(_BOM) + 4096].removeprefix(_BOM).lstrip()
    if ending in _LINES or ending == ".json":
        if start[:1] == b"[":
            return "json"
        return _lines_or_object(data, name, ending, choice)
    if start[:1] == b"{":
        objects, others = looks_like_json_lines(data)
        if objects and not others:
            return "jsonl"
        if objects > others and ending not in (".csv", ".tsv"):
            raise InvalidParameter(
                f"{name} can be read in two ways: {objects:,} lines are JSON objects and {others:,} are not: give "
                f"{choice.said('format', 'jsonl')} (and see which line is damaged), or {choice.said('format', 'text')}"
            )
    if start[:1] == b"[" and start[1:].lstrip()[:1] == b"{" and data.rstrip().endswith(b"]"):
        try:
            found = parse_json(data.removeprefix(_BOM))
        except CorruptFile:
            found = None
        if isinstance(found, list) and found and all(isinstance(one, dict) for one in found):
            return "json"
    if ending in _BINARY:
        kind = FORMAT_NAMES[_BINARY[ending]]
        raise CorruptFile(
            f"{name} does not begin as {kind} files do, or is cut short: copy it again, or give "
            f"{choice.said('format', 'text')} if it is text"
        )
    return ending[1:] if ending in (".csv", ".tsv") else "text"


def _lines_or_object(data: bytes, name: str, ending: str, choice: DataChoice) -> str:
    """Tell lines of objects from one object over many lines, as a file of settings is."""
    bare = data.removeprefix(_BOM)
    if ending == ".json" and bare.strip():
        first = next(line for line in bare.split(b"\n") if line.strip())
        try:
            parse_json(first)
        except CorruptFile as error:
            try:
                found = parse_json(bare)
            except CorruptFile:
                raise CorruptFile(
                    f"line 1 of {name} is not JSON, and the whole is not either: give "
                    f"{choice.said('format', 'text')} to read it as text"
                ) from error
            raise InvalidParameter(
                f"{name} holds one JSON {'object' if isinstance(found, dict) else 'value'}, not rows: write one object "
                f"a line or an array of objects, or give {choice.said('format', 'text')} to read it as text"
            ) from error
    return "jsonl"


def _ending(name: str) -> str:
    low = name.lower()
    while low.endswith(PACKED_SUFFIXES):
        low = low.rpartition(".")[0]
    dot = low.rfind(".")
    return low[dot:] if dot > low.rfind("/") else ""


def _is_arrow_stream(data: bytes) -> bool:
    """Whether data begins as a stream of Arrow does: a mark, then the size of a schema, which a text has not."""
    if data[:4] != b"\xff\xff\xff\xff" or len(data) < 16:
        return False
    return 0 < int.from_bytes(data[4:8], "little") <= len(data) - 8
