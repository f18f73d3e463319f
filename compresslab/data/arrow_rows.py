"""Rows of Parquet, Arrow IPC (files and streams) and Feather, batch by batch; pyarrow is imported when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from compresslab.data.rows import Row, Rows
from compresslab.errors import CompressLabError, CorruptFile, MissingExtra, is_out_of_memory

__all__ = ["arrow_rows"]

_BATCH = 4096


def arrow_rows(data: bytes, where: str, form: str) -> Rows:
    """Return the rows of a file; ``form`` is "parquet" or "arrow".

    Raises:
        MissingExtra: pyarrow is not installed.
        CorruptFile: it is damaged.
    """
    try:
        import pyarrow as pa
    except ImportError as error:
        name = "Parquet" if form == "parquet" else "Arrow"
        raise MissingExtra(f"reading {name} files", "scale") from error
    opened = _parquet if form == "parquet" else _ipc
    with _explained(where, form):
        schema, batches = opened(pa.py_buffer(data))
        columns = tuple(schema.names)
        nested = tuple(name for field in schema for name in _below(field.name, field.type))

    def read(needed: Sequence[str]) -> Iterator[Row]:
        places = [i for i, name in enumerate(columns) if _is_needed(name, needed)]
        number = 0
        with _explained(where, form):
            for batch in batches(places):
                batch.validate(full=True)  # offsets of a damaged file may lead anywhere in memory
                held = [batch.column(i).to_pylist() for i in range(batch.num_columns)]
                for values in zip(*held, strict=True) if held else [()] * batch.num_rows:
                    number += 1
                    yield Row(f"row {number} of {where}", dict(zip(batch.schema.names, values, strict=True)))

    return Rows(where, columns, nested, read)


def _is_needed(column: str, needed: Sequence[str]) -> bool:
    return any(name == column or name.startswith(f"{column}.") for name in needed)


Batches = Callable[[Sequence[int]], Iterator[Any]]


def _parquet(buffer: Any) -> tuple[Any, Batches]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pq.ParquetFile(pa.BufferReader(buffer)).schema_arrow

    def batches(places: Sequence[int]) -> Iterator[Any]:
        with pq.ParquetFile(pa.BufferReader(buffer)) as file:
            names = [schema.names[i] for i in places]
            # Parquet's reader finds columns by paths: a name with a dot, or one given twice, would find others.
            plain = all("." not in name for name in schema.names) and len(set(schema.names)) == len(schema.names)
            for batch in file.iter_batches(_BATCH, columns=names if plain else None):
                yield batch if plain else batch.select(list(places))

    return schema, batches


def _ipc(buffer: Any) -> tuple[Any, Batches]:
    import pyarrow as pa

    magic = buffer.slice(0, 6).to_pybytes()
    if magic[:4] == b"FEA1":
        import pyarrow.feather

        table = pyarrow.feather.read_table(pa.BufferReader(buffer))
        return table.schema, lambda places: iter(table.select(list(places)).to_batches(_BATCH))
    if magic == b"ARROW1":
        file = pa.ipc.open_file(buffer)
        return file.schema, lambda places: (
            file.get_batch(i).select(list(places)) for i in range(file.num_record_batches)
        )
    schema = pa.ipc.open_stream(buffer).schema
    return schema, lambda places: (batch.select(list(places)) for batch in pa.ipc.open_stream(buffer))


def _below(name: str, kind: Any) -> Iterator[str]:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        for field in kind:
            yield f"{name}.{field.name}"
            yield from _below(f"{name}.{field.name}", field.type)


@contextmanager
def _explained(where: str, form: str) -> Iterator[None]:
    """Turn what pyarrow raises, which is of many kinds, into an error that names the file."""
    try:
        yield
    except CompressLabError:
        raise
    except Exception as error:
        if is_out_of_memory(error) and type(error).__name__ != "ArrowMemoryError":  # that of a size which is damaged
            raise
        name = "a Parquet" if form == "parquet" else "an Arrow"
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise CorruptFile(f"{where} is not {name} file that can be read: {reason}") from error
