"""Files of every format that hold the same rows, for tests; and what they hold, by plain Python."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
from collections.abc import Callable, Sequence
from typing import Any

Row = dict[str, Any]

USER, MODEL = {"role": "user"}, {"role": "assistant"}
TURNS = [{**USER, "content": "Boil rice?"}, {**MODEL, "content": "Ten minutes."}]
SHARED = [{"from": "human", "value": "Boil rice?"}, {"from": "gpt", "value": "Ten minutes."}]
HH = "\n\nHuman: Boil rice?\n\nAssistant: "

# Kind -> rows, the options that choose the reading (none where there is one only), its responses, bytes of its prompts.
KINDS: dict[str, tuple[list[Row], dict[str, str], list[bytes], int]] = {
    "language modeling": ([{"text": "Ten minutes."}, {"text": "By hand."}], {}, [b"Ten minutes.", b"By hand."], 0),
    "messages": ([{"messages": TURNS}], {}, [b"Ten minutes."], 10),
    "several turns": (
        [{"messages": [*TURNS, {**USER, "content": "Really?"}, {**MODEL, "content": "Yes."}]}], {},
        [b"Ten minutes.", b"Yes."], 17,
    ),
    "sharegpt": ([{"conversations": SHARED}], {}, [b"Ten minutes."], 10),
    "prompt-completion": ([{"prompt": "Boil rice?", "completion": "Ten minutes."}], {}, [b"Ten minutes."], 10),
    "prompt and response": (
        [{"prompt": "Boil rice?", "response": "Ten minutes."}, {"prompt": "Peel corn?", "response": "By hand."}], {},
        [b"Ten minutes.", b"By hand."], 20,
    ),
    "conversational completion": (
        [{"prompt": TURNS[:1], "completion": TURNS[1:]}], {}, [b"Ten minutes."], 10,
    ),
    "unpaired preference": (
        [{"prompt": "Boil rice?", "completion": "Ten minutes.", "label": True},
         {"prompt": "Boil rice?", "completion": "No.", "label": False}],
        {"where": "label=true"}, [b"Ten minutes."], 10,
    ),
    "beaver": (
        [{"prompt": "Boil rice?", "response": "Ten minutes.", "is_safe": True},
         {"prompt": "Boil rice?", "response": "No.", "is_safe": False}],
        {"where": "is_safe=false"}, [b"No."], 10,
    ),
    "preference, chosen": (
        [{"prompt": "Boil rice?", "chosen": "Ten minutes.", "rejected": "No."}], {"response_field": "chosen"},
        [b"Ten minutes."], 10,
    ),
    "preference, rejected": (
        [{"prompt": "Boil rice?", "chosen": "Ten minutes.", "rejected": "No."}], {"response_field": "rejected"},
        [b"No."], 10,
    ),
    "conversational preference": (
        [{"chosen": TURNS, "rejected": [TURNS[0], {**MODEL, "content": "No."}]}], {"response_field": "rejected"},
        [b"No."], 10,
    ),
    "hh": ([{"chosen": f"{HH}Ten minutes.", "rejected": f"{HH}No."}], {"response_field": "chosen"},
           [b"Ten minutes."], 10),
    "alpaca": (
        [{"instruction": "Boil rice?", "input": "", "output": "Ten minutes."},
         {"instruction": "Add", "input": "1 2", "output": "3"}], {}, [b"Ten minutes.", b"3"], 16,
    ),
    "truthfulqa": (
        [{"Question": "Boil rice?", "Best Answer": "Ten minutes.", "Correct Answers": "Ten minutes.; Or so; "}], {},
        [b"Ten minutes.", b"Or so"], 10,
    ),
}  # fmt: skip
FLAT = [kind for kind, (rows, *_) in KINDS.items() if not any(isinstance(v, list) for r in rows for v in r.values())]


def json_lines(rows: Sequence[Row]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def json_array(rows: Sequence[Row]) -> bytes:
    return json.dumps(list(rows), indent=1).encode()


def table(rows: Sequence[Row], delimiter: str) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows({key: str(v).lower() if isinstance(v, bool) else v for key, v in row.items()} for row in rows)
    return out.getvalue().encode()


def arrow(rows: Sequence[Row], form: str) -> bytes:
    import pyarrow as pa
    import pyarrow.feather
    import pyarrow.parquet as pq

    held, sink = pa.Table.from_pylist(list(rows)), pa.BufferOutputStream()
    if form == "parquet":
        pq.write_table(held, sink)
    elif form == "feather":
        pyarrow.feather.write_feather(held, sink)
    else:
        make = pa.ipc.new_file if form == "arrow" else pa.ipc.new_stream
        with make(sink, held.schema) as writer:
            writer.write_table(held)
    return sink.getvalue().to_pybytes()


# Name of a format -> how it is written; what it is called by the option; whether it can be told by its content.
FORMATS: dict[str, tuple[Callable[[Sequence[Row]], bytes], str, bool]] = {
    "jsonl": (json_lines, "jsonl", True),
    "json": (json_array, "json", True),
    "csv": (lambda rows: table(rows, ","), "csv", False),
    "tsv": (lambda rows: table(rows, "\t"), "tsv", False),
    "parquet": (lambda rows: arrow(rows, "parquet"), "parquet", True),
    "arrow": (lambda rows: arrow(rows, "arrow"), "arrow", True),
    "arrows": (lambda rows: arrow(rows, "stream"), "arrow", True),
    "feather": (lambda rows: arrow(rows, "feather"), "arrow", True),
}


def zstd(data: bytes) -> bytes:
    import pyarrow as pa

    return pa.compress(data, codec="zstd", asbytes=True)


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd,
}
