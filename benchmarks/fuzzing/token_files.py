"""Token files: .npy, llm.c's and nanoGPT's .bin, Megatron's .bin with .idx, Arrow and Parquet; headers that lie."""

from __future__ import annotations

import io
import random
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from compresslab.trees.out_of_core.token_files import TokenFile, largest_token, open_tokens

from .chance import damaged, hostile_int, hostile_json
from .engine import REFUSED, Game, Kind

__all__ = ["KINDS", "warm"]

DESCRS: Final = (
    "<u2", "<u4", "<i4", "<i8", "|u1", ">u2", ">i4", "<f8", "|O", "|b1", "<U5", "<M8[s]", "<u8", "<c8", "|V0", "<i9",
)  # fmt: skip


def responses(file: TokenFile, block: int) -> list[list[int]]:
    """Join what a token file yields in blocks to responses."""
    out: list[list[int]] = []
    goes_on = False
    for part in file.read(block):
        bounds = part.offsets.tolist()
        if bounds[0] != 0 or bounds != sorted(bounds) or bounds[-1] != len(part.tokens):
            raise AssertionError("a block's offsets do not fit its tokens")
        for lo, hi in pairwise(bounds):
            tokens = part.tokens[lo:hi].tolist()
            if goes_on:
                out[-1] += tokens
                goes_on = False
            else:
                out.append(tokens)
        goes_on = part.goes_on
    return out


def cut_at(tokens: list[int], eos: int | None) -> list[list[int]]:
    """Return the responses of a flat file."""
    if eos is None:
        return [tokens]
    out: list[list[int]] = [[]]
    for token in tokens:
        if token == eos:
            out.append([])
        else:
            out[-1].append(token)
    return out if out[-1] or len(out) == 1 else out[:-1]


def read_all(game: Game, path: Path, wanted: Any, **options: Any) -> None:
    """Read a token file in small blocks; ``wanted`` are its responses, None where not known, False where none are."""
    file = game.attempt("open", open_tokens, path, **options)
    if file is REFUSED:
        game.check("open", not isinstance(wanted, list), "refused a right file") if wanted else None
        return
    found = game.attempt("read", responses, file, game.chance.choice((1, 3, 64, 1 << 20)))
    if found is not REFUSED and wanted is not None:
        some = [one for one in found if one] if wanted == [[]] else found
        right = wanted is not False and some == (wanted if wanted != [[]] else [])
        game.check("read", right, "read other tokens")
    if game.chance.random() < 0.3:
        game.attempt("largest", largest_token, [file])


def some_tokens(chance: random.Random, top: int) -> list[int]:
    return [chance.randrange(min(top, 8)) for _ in range(chance.choice((0, 1, 5, 40, 300)))]


def play_npy(game: Game) -> None:
    """A .npy header: another type, shape, order, length, version; or no Python literal that ends."""
    chance = game.chance
    tokens = some_tokens(chance, 256)
    dtype = chance.choice(("<u2", "<u4", "|u1", "<i8", ">u2"))
    raw = np.array(tokens, dtype).tobytes()
    fields: dict[str, Any] = {"descr": dtype, "fortran_order": False, "shape": (len(tokens),)}
    roll = chance.randrange(9)
    wanted: Any = cut_at(tokens, None) if roll == 0 else None
    if roll in {1, 2}:
        fields["descr"] = chance.choice(DESCRS) if chance.random() < 0.9 else hostile_json(chance)
    elif roll in {3, 4}:
        shape = chance.choice(
            (
                (hostile_int(chance, len(tokens)),),
                (len(tokens), 1),
                (),
                (True,),
                (1.0,),
                ("1",),
                (None,),
                [len(tokens)],
                5,
            )
        )
        fields["shape"] = shape
    elif roll == 5:
        fields[chance.choice(("descr", "shape", "x"))] = hostile_json(chance)
    text = repr(fields)
    if roll == 6:
        deep = chance.choice((60, 300, 5_000, 30_000))
        text = chance.choice(
            (
                "[" * deep,
                "(" * deep + ")" * deep,
                "{'a':" * deep,
                "-" * deep + "1",
                "9" * deep,
                "'" + "x" * deep,
                "\0",
                "1+" * deep,
            )
        )
    version = chance.choice((1, 1, 1, 2, 3, 0, 9)) if roll == 7 else 1
    header = text.encode("latin-1", "replace") + b"\n"
    size = len(header) if roll != 8 else hostile_int(chance, len(header), 0)
    width = 2 if version == 1 else 4
    data = b"\x93NUMPY" + bytes([version, 0]) + (size % (1 << 8 * width)).to_bytes(width, "little") + header + raw
    if chance.random() < 0.1:
        data, wanted = damaged(chance, data), None
    path = game.write("t.npy", data)
    if wanted is None:
        try:
            held = np.load(io.BytesIO(data), allow_pickle=False)
            whole = held.ndim == 1 and held.dtype.kind in "iu" and (held.size == 0 or held.min() >= 0)
            wanted = [held.tolist()] if whole else None
        except Exception:  # whatever numpy makes of it; then nothing is known
            wanted = None
        if wanted is not None and roll not in {0, 1, 3, 7}:
            wanted = None
    read_all(game, path, wanted if wanted is None or chance.random() < 2 else None)


def play_bin(game: Game) -> None:
    """A .bin: llm.c's header with another count, magic or version; odd sizes; any dtype."""
    chance = game.chance
    tokens = some_tokens(chance, 256)
    eos = chance.choice((None, None, 3, hostile_int(chance)))
    if chance.random() < 0.6:
        magic, dtype = chance.choice(((20240520, "<u2"), (20240801, "<u4")))
        version = {20240520: 1, 20240801: 7}[magic]
        count = len(tokens) if chance.random() < 0.3 else hostile_int(chance, len(tokens))
        if chance.random() < 0.1:
            version = chance.randrange(9)
        fields = [magic, version, (count + 2**31) % 2**32 - 2**31]
        raw = np.array(tokens, dtype).tobytes()
        data = np.array(fields, "<i4").tobytes().ljust(1024, b"\0") + raw
        known = version == {20240520: 1, 20240801: 7}[magic]
        held: Any = None
        if known:
            fits = 0 <= fields[2] <= len(tokens)
            held = cut_at(tokens[: fields[2]], eos) if fits else False
        if eos is not None and not 0 <= eos < 2**32:
            held = False
        path = game.write("t.bin", data)
        if held == [[]] or held is None or held is False or chance.random() < 2:
            read_all(game, path, held, eos=eos)
        return
    kind = chance.choice(
        ("u1", "u2", "u4", "i8", None, "f8", "", "O", "S3", "V0", "hello", "\0", "u2,u2", "(2,)u2", 5, [], {})
    )
    data = chance.randbytes(chance.randrange(60))
    path = game.write("t.bin", data)
    held = None
    if kind in {"u1", "u2", "u4", None} if isinstance(kind, (str, type(None))) else False:
        width = np.dtype(kind or "u2").itemsize
        held = [np.frombuffer(data, f"<u{width}").tolist()] if len(data) % width == 0 else False
    read_all(game, path, held, dtype=kind)


def play_megatron(game: Game) -> None:
    """A Megatron index: counts, lengths and bounds that do not agree."""
    chance = game.chance
    lengths = [chance.randrange(6) for _ in range(chance.randrange(1, 8))]
    bounds = sorted({0, len(lengths), *(chance.randrange(len(lengths) + 1) for _ in range(3))})
    tokens = [chance.randrange(9) for _ in range(sum(lengths))]
    code, dtype = chance.choice(((8, "<u2"), (4, "<i4"), (5, "<i8"), (1, "u1")))
    version, sequences, count = 1, len(lengths), len(bounds)
    right = True
    for _ in range(chance.choice((0, 1, 1, 2))):
        right = False
        roll = chance.randrange(6)
        if roll == 0:
            lengths[chance.randrange(len(lengths))] = (hostile_int(chance, 3) + 2**31) % 2**32 - 2**31
        elif roll == 1:
            bounds[chance.randrange(len(bounds))] = (hostile_int(chance, 3) + 2**63) % 2**64 - 2**63
        elif roll == 2:
            sequences = hostile_int(chance, sequences, 0) % 2**64
        elif roll == 3:
            count = hostile_int(chance, count, 0) % 2**64
        elif roll == 4:
            version, code = chance.choice((version, 2, 0)), chance.choice((code, 6, 7, 0, 255, 2))
        else:
            chance.shuffle(bounds)
    head = b"MMIDIDX\x00\x00" + version.to_bytes(8, "little") + bytes([code])
    head += sequences.to_bytes(8, "little") + count.to_bytes(8, "little")
    places = np.cumsum([0, *lengths[:-1]]) * np.dtype(dtype).itemsize
    index = (
        head + np.array(lengths, "<i4").tobytes() + places.astype("<i8").tobytes() + np.array(bounds, "<i8").tobytes()
    )
    if chance.random() < 0.1:
        index, right = damaged(chance, index), None  # type: ignore[assignment]
    game.write("t.idx", index)
    path = game.write("t.bin", np.array(tokens, dtype).tobytes())
    wanted: Any = None
    starts = [0, *np.cumsum(lengths).tolist()] if right is not None else []
    if (
        right is not None
        and sorted(bounds) == bounds
        and bounds[0] == 0
        and bounds[-1] == len(lengths)
        and min(lengths) >= 0
    ):
        if (version, sequences, count) == (1, len(lengths), len(bounds)) and right:
            wanted = [tokens[starts[a] : starts[b]] for a, b in pairwise(bounds)]
    elif right is False and (version, sequences, count) == (1, len(lengths), len(bounds)):
        wanted = False
    read_all(game, path, wanted)


@lru_cache(maxsize=1)
def arrow_files() -> list[tuple[str, bytes]]:
    """Return small Arrow and Parquet files of tokens, with the endings of their names."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = []
    for column in (pa.array([[1, 2], [3], []], pa.list_(pa.uint16())), pa.array([1, 2, 3, 4], pa.int64())):
        table = pa.table({"tokens": column})
        sink = io.BytesIO()
        pq.write_table(table, sink)
        out.append(("parquet", sink.getvalue()))
        sink = io.BytesIO()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        out.append(("arrow", sink.getvalue()))
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        out.append(("arrow", sink.getvalue()))
    return out


def play_arrow(game: Game) -> None:
    """Damaged Arrow and Parquet files."""
    suffix, data = game.chance.choice(arrow_files())
    if game.chance.random() < 0.9:
        data = damaged(game.chance, data)
    path = game.write(f"t.{game.chance.choice((suffix, suffix, 'arrow', 'parquet', 'feather'))}", data)
    read_all(game, path, None)


KINDS = (
    Kind("token files: .npy", play_npy, 4),
    Kind("token files: .bin", play_bin, 4),
    Kind("token files: Megatron", play_megatron, 4),
    Kind("token files: Arrow, Parquet", play_arrow, 2),
)


def warm(folder: Path) -> None:
    arrow_files()
