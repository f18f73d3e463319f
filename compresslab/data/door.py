"""The door: any file of data as responses, with their prompts where it has them, and what was left out, counted.

Every command and every experiment reads its files here, so that a file means the same everywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from compresslab._support.files import read_buffer
from compresslab._support.piping import named
from compresslab.data.arrow_rows import arrow_rows
from compresslab.data.choice import DataChoice
from compresslab.data.formats import FORMAT_NAMES, recognised
from compresslab.data.json_rows import json_array_rows, json_line_rows
from compresslab.data.kinds import Reading, choose_reading, examples_of
from compresslab.data.packing import unpack
from compresslab.data.readers import Paths, checked_text, converted, find_files, label_of
from compresslab.data.rows import MISSING, Row, Rows
from compresslab.data.splitting import check_unit, split_texts
from compresslab.data.table_rows import table_rows
from compresslab.data.texts import Texts
from compresslab.data.turns import EARLIER, SETTINGS, Turn
from compresslab.errors import EmptyDataset, InvalidParameter

__all__ = ["ReadData", "check_not_empty", "read_data"]

EMPTY, FILTERED, MISSED = "empty", "of other values", "without the field"


@dataclass(frozen=True, eq=False)
class ReadData:
    """What was read.

    Attributes:
        responses: the texts that are measured.
        prompts: what stands before each of them; None where nothing stands before any.
        label: the name of the file, where there was one.
        how: what it was read as, such as "JSON lines, prompt-completion (prompt, response)".
        rows: rows (of a text: lines, or whatever it was split into) that there were.
        used: rows that gave a response.
        left_out: why rows were left out -> how many.
        prompt_bytes: bytes of all prompts, each counted once.
        conversations: the turns up to each response, which is the last of them; None for a response of no conversation,
            and where there are none. A turn's text is as it is in the file; the first turn may be of settings.
        control_tokens: control tokens that the responses spell, which are read as characters; None where no tokenizer
            has looked at them yet.
    """

    responses: Texts
    prompts: Texts | None
    label: str
    how: str
    rows: int
    used: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    prompt_bytes: int = 0
    conversations: tuple[tuple[Turn, ...] | None, ...] | None = None
    control_tokens: int | None = None

    def __str__(self) -> str:
        """Return a sentence: what was read, what was left out."""
        parts = [f"{count:,} {why}" for why, count in self.left_out.items() if count]
        counted = f"{self.rows:,} row{'s' * (self.rows != 1)}"
        if parts:
            counted += f": {', '.join(parts)}: {self.used:,} used"
        if len(self.responses) != self.used:
            counted += f", {len(self.responses):,} responses"
        return f"{named(self.label) or 'data'} is {self.how}, {counted}"

    def facts(self) -> dict[str, Any]:
        """Return the same for JSON."""
        return {
            "name": named(self.label),
            "read_as": self.how,
            "rows": self.rows,
            "rows_used": self.used,
            "left_out": dict(self.left_out),
            "responses": len(self.responses),
            "response_bytes": int(self.responses.buffer.size),
            "prompt_bytes": self.prompt_bytes,
            **({} if self.control_tokens is None else {"control_tokens": self.control_tokens}),
        }


def read_data(
    paths: Paths,
    choice: DataChoice | None = None,
    *,
    unit: str | None = None,
    usual: str = "line",
    keep_blank: bool = False,
    pattern: str = "*",
) -> ReadData:
    r"""Read files, and directories recursively in sorted order: the format, the fields and the kind of each is found.

    Args:
        paths: a path or several.
        choice: what of them, where they do not say it themselves; see `DataChoice`.
        unit: what a response is: "line", "sentence", "word" or "document". Where it is None, a plain text is split by
            ``usual``, and a row is a response as it is.
        usual: see ``unit``.
        keep_blank: keep blank lines of plain texts.
        pattern: which file names to take in directories.

    Raises:
        UnreadableFile: a file is missing or cannot be read.
        CorruptFile: damaged, or not what its name or ``choice`` says.
        NotText: binary, not in the encoding, or a lone surrogate.
        InvalidParameter: a file can be read in several ways, or in none; a row lacks a field.
        MissingExtra: what reads the format is not installed.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "pairs.jsonl"
        >>> _ = path.write_text('{"prompt": "Boil rice?", "response": "Ten minutes."}\n')
        >>> found = read_data(path)
        >>> list(found.responses), list(found.prompts), found.prompt_bytes
        ([b'Ten minutes.'], [b'Boil rice?'], 10)
        >>> print(found)
        pairs.jsonl is JSON lines, prompt-completion (prompt, response), 1 row
    """
    wanted = choice or DataChoice()
    if unit is not None:
        check_unit(unit)
    files = find_files(paths, pattern)
    parts = [_read_file(file, wanted, unit, usual, keep_blank) for file in files]
    return parts[0] if len(parts) == 1 else _joined(parts, label_of(files))


def _opened(file: Path, choice: DataChoice) -> tuple[bytes, str]:
    data = unpack(read_buffer(file).tobytes(), named(str(file)))
    form = recognised(data, str(file), choice)
    if form not in ("bytes", "parquet", "arrow"):
        data = converted(data, choice.encoding, named(str(file)))
        if choice.format is None and choice.encoding != "utf-8":  # such as UTF-16, which hides what it holds
            form = recognised(data, str(file), choice)
    return data, form


def _read_file(file: Path, choice: DataChoice, unit: str | None, usual: str, keep_blank: bool) -> ReadData:
    data, form = _opened(file, choice)
    label = label_of([file])
    if form in ("text", "bytes"):
        if choice.names_fields:
            given = next(
                name
                for name in ("field", "prompt_field", "response_field", "where", "skip_missing")
                if getattr(choice, name)
            )
            raise InvalidParameter(
                f"{named(str(file))} is text, which has no fields: leave out {choice.said(given)}, or give "
                f"{choice.said('format', 'csv')} (or another format) if it has"
            )
        if form == "text":
            checked_text(data, named(str(file)), choice)
        return _read_text(data, label, unit or ("document" if form == "bytes" else usual), form, keep_blank)
    rows = _rows(data, named(str(file)), form)
    return _read_rows(rows, choice, unit, label, FORMAT_NAMES[form])


def _read_text(data: bytes, label: str, unit: str, form: str, keep_blank: bool) -> ReadData:
    whole = Texts.pack([data])
    every = found = split_texts(whole, unit, keep_blank=True)
    if unit == "line" and not keep_blank:
        found = split_texts(whole, unit)
    blank = len(every) - len(found)
    left_out = {EMPTY: blank} if blank else {}
    return ReadData(found, None, label, f"{FORMAT_NAMES[form]} by {unit}", len(every), len(found), left_out)


def _rows(data: bytes, where: str, form: str) -> Rows:
    if form == "jsonl":
        return json_line_rows(data, where)
    if form == "json":
        return json_array_rows(data, where)
    if form in ("csv", "tsv"):
        return table_rows(data, where, "\t" if form == "tsv" else ",")
    return arrow_rows(data, where, form)


def _read_rows(rows: Rows, choice: DataChoice, unit: str | None, label: str, form: str) -> ReadData:
    if not rows.columns:
        raise EmptyDataset(f"{rows.where} has no rows")
    reading = choose_reading(rows, choice)
    conditions = [_condition(one) for one in choice.where]
    responses: list[bytes] = []
    prompts: list[bytes | None] = []
    conversations: list[tuple[Turn, ...] | None] = []
    left: Counter[str] = Counter()
    total = used = prompt_bytes = 0
    values: Counter[str] = Counter()
    for row in rows.read(
        [*_needed(reading, choice), *(name for name in (*EARLIER, *SETTINGS) if name in rows.columns)]
    ):
        total += 1
        if not all(_holds(row, name, value, values) for name, value in conditions):
            left[FILTERED] += 1
            continue
        examples = examples_of(row, reading, choice)
        if examples is None:
            left[MISSED] += 1
            continue
        kept = [one for one in examples if not _is_blank(one.response)]
        if not kept:
            left[EMPTY] += 1
            continue
        used += 1
        for one in kept:
            responses.append(one.response)
            prompts.append(one.context)
            conversations.append(one.turns)
        prompt_bytes += sum(one.prompt_bytes for one in examples)
    if conditions and not used and left[FILTERED] == total:
        seen = ", ".join(repr(value) for value, _ in values.most_common(5))
        raise EmptyDataset(f"no row of {rows.where} has {' and '.join(choice.where)}: the values there are {seen}")
    if not used:
        why = ", ".join(f"{count:,} {reason}" for reason, count in left.items()) or "there are none"
        raise EmptyDataset(f"{rows.where} has no row with a response ({why})")
    found = Texts.pack(responses)
    has_prompts = any(one is not None for one in prompts)
    if unit not in (None, "document"):
        if has_prompts:
            raise InvalidParameter(
                f"{rows.where} holds prompts and responses, which are not split: leave out {choice.said('split', unit)}"
            )
        found = split_texts(found, str(unit))
    context = Texts.pack([one or b"" for one in prompts]) if has_prompts else None
    turns = tuple(conversations) if any(conversations) and unit in (None, "document") else None
    return ReadData(found, context, label, f"{form}, {reading}", total, used, dict(left), prompt_bytes, turns)


def _needed(reading: Reading, choice: DataChoice) -> list[str]:
    other = ["chosen", "rejected"] if reading.kind == "preference" else []
    return [*reading.prompt, *reading.response, *other, *(one.partition("=")[0] for one in choice.where)]


def check_not_empty(found: ReadData) -> ReadData:
    """Return what was read, or raise EmptyDataset if there is nothing in it to measure: no response, or a blank one."""
    if not found.responses.buffer.tobytes().strip():
        where = f"{named(found.label)}: " if found.label else ""
        raise EmptyDataset(f"{where}no responses: the text is empty or blank")
    return found


def _is_blank(text: bytes) -> bool:
    return not text.strip()  # of the white space of `compresslab.data.splitting`


def _condition(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _holds(row: Row, name: str, wanted: str, seen: Counter[str]) -> bool:
    """Whether a field has a value, as JSON or a table writes it; numbers are compared as numbers."""
    value = row.get(name)
    if value is MISSING:
        raise InvalidParameter(f"{row.place} has no {name!r}, by which rows are chosen: correct it")
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    shown = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    if len(seen) < 50:
        seen[shown] += 1
    if shown == wanted or (shown.lower() == wanted.lower() and wanted.lower() in ("true", "false", "null")):
        return True
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(wanted) == float(value)
        except (ValueError, OverflowError):
            return False
    return False


def _joined(parts: list[ReadData], label: str) -> ReadData:
    """Return several files as one."""
    with_prompts = any(one.prompts is not None for one in parts)
    prompts = None
    if with_prompts:
        prompts = Texts.concat(
            one.prompts if one.prompts is not None else Texts.pack([b""] * len(one.responses)) for one in parts
        )
    turns = None
    if any(one.conversations for one in parts):
        turns = tuple(chain.from_iterable(one.conversations or (None,) * len(one.responses) for one in parts))
    left: Counter[str] = Counter()
    for one in parts:
        left.update(one.left_out)
    kinds = list(dict.fromkeys(one.how for one in parts))
    return ReadData(
        Texts.concat([one.responses for one in parts]),
        prompts,
        label,
        "; ".join(kinds[:5]) + (f"; and {len(kinds) - 5} more" if len(kinds) > 5 else ""),
        sum(one.rows for one in parts),
        sum(one.used for one in parts),
        dict(left),
        sum(one.prompt_bytes for one in parts),
        turns,
    )
