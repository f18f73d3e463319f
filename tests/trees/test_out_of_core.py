"""Trees of corpora larger than memory: every way to cut, spill, merge and resume gives one and the same file."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab._support import jit
from compresslab.data.dataset import Dataset
from compresslab.errors import (
    CorruptFile,
    EmptyDataset,
    InvalidParameter,
    InvalidTokens,
    MissingExtra,
    UnknownName,
    UnreadableFile,
)
from compresslab.trees import counting
from compresslab.trees.out_of_core import building, memory, spill, spilling
from compresslab.trees.out_of_core.building import build_tree_file
from compresslab.trees.out_of_core.memory import parse_bytes
from compresslab.trees.out_of_core.shards import cut_shards
from compresslab.trees.out_of_core.token_files import Block, largest_token, open_tokens
from compresslab.trees.phrases import PARSES
from compresslab.trees.tree import TokenTree

needs_numba = pytest.mark.skipif(not jit.available(), reason="numba (extra 'scale') is not installed")
fast = settings(deadline=None, max_examples=50)
EOS = 9


# ---- token files ----


def responses_of(file, block: int) -> list[list[int]]:
    """Put the responses of a token file together again."""
    out: list[list[int]] = []
    goes_on = False
    for part in file.read(block):
        for i, (a, b) in enumerate(zip(part.offsets[:-1], part.offsets[1:], strict=True)):
            tokens = part.tokens[a:b].tolist()
            if i == 0 and goes_on:
                out[-1] += tokens
            else:
                out.append(tokens)
        goes_on = part.goes_on
    assert not goes_on
    return out


def flat_with_eos(lists: list[list[int]]) -> list[int]:
    return [token for response in lists for token in [*response, EOS]]


def write_megatron(stem: Path, lists: list[list[int]], eos: bool = True) -> None:
    """Write what Megatron's tools/preprocess_data.py writes: one sequence a document, with an end-of-document token."""
    held = [[*response, EOS] if eos else response for response in lists]
    np.array([t for doc in held for t in doc], "<u2").tofile(stem.with_suffix(".bin"))
    lengths = np.array([len(doc) for doc in held], "<i4")
    pointers = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)[:-1] * 2]).astype("<i8")
    index = b"MMIDIDX\x00\x00" + (1).to_bytes(8, "little") + bytes([8])
    index += len(held).to_bytes(8, "little") + (len(held) + 1).to_bytes(8, "little")
    index += lengths.tobytes() + pointers.tobytes() + np.arange(len(held) + 1, dtype="<i8").tobytes()
    stem.with_suffix(".idx").write_bytes(index)


def write_as(kind: str, folder: Path, lists: list[list[int]]) -> Path:
    pyarrow = pytest.importorskip("pyarrow") if kind in ("parquet", "arrow", "stream", "flat parquet") else None
    flat = flat_with_eos(lists)
    if kind == "bin":
        np.array(flat, "<u2").tofile(folder / "a.bin")
        return folder / "a.bin"
    if kind == "llm.c":
        head = np.zeros(256, "<i4")
        head[:3] = 20240520, 1, len(flat)
        (folder / "a.bin").write_bytes(head.tobytes() + np.array(flat, "<u2").tobytes())
        return folder / "a.bin"
    if kind == "npy":
        np.save(folder / "a.npy", np.array(flat, np.int64))
        return folder / "a.npy"
    if kind == "megatron":
        write_megatron(folder / "a", lists)
        return folder / "a.bin"
    if kind == "flat parquet":
        table = pyarrow.table({"text": ["x"] * len(flat), "ids": pyarrow.array(flat, pyarrow.int32())})
    else:
        table = pyarrow.table({"text": ["x"] * len(lists), "ids": pyarrow.array(lists, pyarrow.list_(pyarrow.int32()))})
    if kind.endswith("parquet"):
        import pyarrow.parquet as parquet

        parquet.write_table(table, folder / "a.parquet", row_group_size=3)
        return folder / "a.parquet"
    new = pyarrow.ipc.new_file if kind == "arrow" else pyarrow.ipc.new_stream
    with new(str(folder / "a.arrow"), table.schema) as writer:
        writer.write_table(table, max_chunksize=3)
    return folder / "a.arrow"


KINDS = ["bin", "llm.c", "npy", "megatron", "parquet", "arrow", "stream", "flat parquet"]
LISTS = [[1, 2, 3], [], [4] * 10, [], [], [5, 6], [7]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("block", [1, 2, 5, 1000])
def test_every_token_file_gives_the_responses_that_were_written(tmp_path, kind, block):
    lists = LISTS * 200 if kind == "llm.c" else LISTS
    file = open_tokens(write_as(kind, tmp_path, lists), eos=EOS)
    assert responses_of(file, block) == lists


def test_flat_files_without_eos_are_one_response(tmp_path):
    np.array([3, 1, 2], "<u4").tofile(tmp_path / "a.bin")
    assert responses_of(open_tokens(tmp_path / "a.bin", dtype="uint32"), 2) == [[3, 1, 2]]
    np.array([3, 9, 2], "<u2").tofile(tmp_path / "b.bin")
    assert responses_of(open_tokens(tmp_path / "b.bin", eos=9), 2) == [[3], [2]]
    assert largest_token([open_tokens(tmp_path / "b.bin")]) == 9


def test_bad_token_files_are_named_with_a_remedy(tmp_path):
    (tmp_path / "odd.bin").write_bytes(b"abc")
    with pytest.raises(CorruptFile, match=r"3 bytes, no multiple of 2: give its dtype"):
        open_tokens(tmp_path / "odd.bin")
    with pytest.raises(UnreadableFile, match=r"cannot read .*missing\.bin: no such file"):
        open_tokens(tmp_path / "missing.bin")
    with pytest.raises(UnknownName, match=r"did you mean '\.npy'"):
        open_tokens(tmp_path / "a.npz")
    np.save(tmp_path / "a.npy", np.array([1, -2]))
    with pytest.raises(InvalidTokens, match=r"token 1 of .* is -2"):
        list(open_tokens(tmp_path / "a.npy").read(10))
    np.save(tmp_path / "f.npy", np.array([0.5]))
    with pytest.raises(InvalidTokens, match=r"holds float64"):
        open_tokens(tmp_path / "f.npy")
    write_megatron(tmp_path / "m", LISTS)
    (tmp_path / "m.idx").write_bytes(b"MMIDIDY" + (tmp_path / "m.idx").read_bytes()[7:])
    with pytest.raises(CorruptFile, match=r"no Megatron index"):
        open_tokens(tmp_path / "m.bin")
    write_megatron(tmp_path / "m", LISTS)
    (tmp_path / "m.bin").write_bytes((tmp_path / "m.bin").read_bytes()[:-2])
    with pytest.raises(CorruptFile, match=r"header promises .*: it was cut"):
        open_tokens(tmp_path / "m.bin")


def test_columns_are_chosen_by_name(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    parquet.write_table(pyarrow.table({"ids": [[1, 2]], "mask": [[1, 1]]}), tmp_path / "a.parquet")
    with pytest.raises(UnknownName, match=r"2 columns of tokens .*: name one with column="):
        open_tokens(tmp_path / "a.parquet")
    with pytest.raises(UnknownName, match=r"did you mean 'ids'"):
        open_tokens(tmp_path / "a.parquet", column="id")
    assert responses_of(open_tokens(tmp_path / "a.parquet", column="ids"), 5) == [[1, 2]]
    (tmp_path / "b.parquet").write_bytes(b"nothing")
    with pytest.raises(CorruptFile, match=r"no parquet file"):
        open_tokens(tmp_path / "b.parquet")


# ---- shards ----


def phrases(lists: list[list[int]], depth: int, parse: str) -> Counter[tuple[int, ...]]:
    step = {"phrases": depth, "windows": 1}
    starts = [range(1) if parse == "prefix" else range(0, len(r) + 1, step[parse]) for r in lists]
    return Counter(tuple(r[i : i + depth]) for r, at in zip(lists, starts, strict=True) for i in at)


def phrases_of_shard(shard, depth: int, parse: str) -> Counter[tuple[int, ...]]:
    lists = [shard.tokens[a:b].tolist() for a, b in zip(shard.offsets[:-1], shard.offsets[1:], strict=True)]
    counted: Counter[tuple[int, ...]] = Counter()
    for i, response in enumerate(lists):
        for at in range(0, len(response) + 1, depth if parse == "phrases" else 1):
            if shard.cut is not None and i == len(lists) - 1 and at >= shard.cut:
                break
            if parse == "prefix" and (at or (i == 0 and shard.resumes)):
                break
            counted[tuple(response[at : at + depth])] += 1
    return counted


@st.composite
def streams(draw):
    """Responses, and the same cut into blocks anywhere."""
    lists = draw(st.lists(st.lists(st.integers(0, 3), max_size=30), min_size=1, max_size=6))
    blocks = []
    for n, response in enumerate(lists):
        cuts = sorted(draw(st.lists(st.integers(0, len(response)), max_size=3)))
        for a, b in zip([0, *cuts], [*cuts, len(response)], strict=True):
            goes_on = b < len(response) or (len(blocks), b) != (len(blocks), len(response))
            blocks.append((n, response[a:b], goes_on))
    joined = []
    for i, (n, tokens, _) in enumerate(blocks):
        goes_on = i + 1 < len(blocks) and blocks[i + 1][0] == n
        joined.append(Block(np.array(tokens, np.uint8), np.array([0, len(tokens)]), goes_on))
    return lists, joined


@fast
@given(streams(), st.integers(1, 7), st.integers(1, 40), st.sampled_from(PARSES))
def test_every_phrase_starts_in_exactly_one_shard(held, depth, size, parse):
    lists, blocks = held
    counted: Counter[tuple[int, ...]] = Counter()
    for shard in cut_shards(blocks, size, depth):
        counted += phrases_of_shard(shard, depth, parse)
        assert len(shard.tokens) <= max(size, 2 * depth) + 2 * depth + 30
    assert counted == phrases(lists, depth, parse)


# ---- building ----


def text_like(size: int, seed: int = 0) -> np.ndarray:
    """Tokens with repeats of every length, 0 to 299, and EOS now and then."""
    rng = np.random.default_rng(seed)
    base = np.minimum(rng.zipf(1.4, 4000), 300).astype(np.uint16) - 1
    lengths = rng.geometric(0.1, size // 5 + 10)
    starts = rng.integers(0, len(base) - lengths.max(), len(lengths))
    pieces = np.concatenate([base[s : s + n] for s, n in zip(starts, lengths, strict=True)])[:size]
    pieces[rng.integers(0, size, size // 200)] = 299
    return pieces


def tree_of(lists_file: Path, depth: int, parse: str, eos: int | None) -> TokenTree:
    lists = responses_of(open_tokens(lists_file, eos=eos), 1 << 20)
    vocab = 1 + largest_token([open_tokens(lists_file, eos=eos)])
    return TokenTree.build(Dataset.from_token_lists([np.array(x, np.uint16) for x in lists], vocab), depth, parse)


@needs_numba
@pytest.mark.parametrize("parse", PARSES)
@pytest.mark.parametrize(("depth", "eos"), [(1, 299), (4, 299), (16, 299), (16, None), (70, 299)])
def test_a_build_from_shards_gives_the_saved_tree_byte_for_byte(tmp_path, parse, depth, eos):
    tokens = text_like(20_000)
    tokens.tofile(tmp_path / "a.bin")
    tree_of(tmp_path / "a.bin", depth, parse, eos).save(tmp_path / "want")
    for shards in (1, 7, 64) if (depth, parse, eos) == (16, "windows", 299) else (1, 7):
        build_tree_file(
            open_tokens(tmp_path / "a.bin", eos=eos), tmp_path / "got", depth, parse, shard=-(-21_000 // shards)
        )
        assert (tmp_path / "got").read_bytes() == (tmp_path / "want").read_bytes(), shards
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a.bin", "got", "want"]


@needs_numba
def test_more_runs_than_are_merged_at_a_time_are_merged_in_rounds(tmp_path, monkeypatch):
    text_like(5000).tofile(tmp_path / "a.bin")
    tree_of(tmp_path / "a.bin", 5, "windows", None).save(tmp_path / "want")
    monkeypatch.setattr(building, "FAN_IN", 3)
    build_tree_file(tmp_path / "a.bin", tmp_path / "got", 5, "windows", shard=200)
    assert (tmp_path / "got").read_bytes() == (tmp_path / "want").read_bytes()


@needs_numba
def test_several_files_and_kinds_make_one_tree(tmp_path):
    kinds = ["npy", "megatron", "parquet"]
    files = []
    for kind in kinds:
        (tmp_path / kind).mkdir()
        files.append(open_tokens(write_as(kind, tmp_path / kind, LISTS), eos=EOS))
    build_tree_file(files, tmp_path / "got", 3)
    assert TokenTree.load(tmp_path / "got") == TokenTree.build(Dataset.from_token_lists(LISTS * 3, 8), 3)


@needs_numba
def test_a_tree_file_opens_as_a_memory_map_with_the_same_leaves(tmp_path):
    text_like(5000).tofile(tmp_path / "a.bin")
    build_tree_file(tmp_path / "a.bin", tmp_path / "t", 8)
    mapped = TokenTree.load(tmp_path / "t", mapped=True)
    assert mapped == TokenTree.load(tmp_path / "t")
    assert isinstance(mapped.sorted_leaves.counts.base, np.ndarray)
    (tmp_path / "cut").write_bytes((tmp_path / "t").read_bytes()[:-1000])
    with pytest.raises(CorruptFile, match="cut short"):
        TokenTree.load(tmp_path / "cut", mapped=True)
    with pytest.raises(CorruptFile, match="not a token tree file"):
        TokenTree.load(tmp_path / "a.bin", mapped=True)
    with pytest.raises(UnreadableFile, match="no such file"):
        TokenTree.load(tmp_path / "none", mapped=True)


@needs_numba
@pytest.mark.parametrize("parse", PARSES)
def test_a_dataset_too_large_for_memory_is_counted_on_disk(monkeypatch, parse):
    tokens = text_like(50_000)
    data = Dataset.from_arrays(tokens, [0, 0, 10, 10, 30_000, 50_000, 50_000], 300)
    want = TokenTree.build(data, 6, parse)
    monkeypatch.setattr(counting, "LARGE", 1)
    monkeypatch.setattr(spilling, "ALWAYS_FITS", 1)
    monkeypatch.setattr(spilling, "BLOCK", 1000)
    calls = []
    counted = spilling.count_spilled
    monkeypatch.setattr(spilling, "count_spilled", lambda *given: calls.append(given) or counted(*given, shard=4000))
    monkeypatch.setattr(spilling, "available_bytes", lambda: 10_000_000)
    assert TokenTree.build(data, 6, parse) == want
    assert not calls
    monkeypatch.setattr(spilling, "available_bytes", lambda: 1_000_000)
    assert TokenTree.build(data, 6, parse) == want
    assert len(calls) == 1


BUILD = """
import sys
from compresslab.trees.out_of_core.building import build_tree_file
from compresslab.trees.out_of_core.token_files import open_tokens
build_tree_file(open_tokens(sys.argv[1], eos=299), sys.argv[2], 16, "windows", shard=int(sys.argv[3]))
"""


def start_build(folder: Path, shard: int, **options) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILD, str(folder / "a.bin"), str(folder / "got"), str(shard)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2], **options)


@pytest.mark.slow
@needs_numba
def test_a_build_that_is_killed_again_and_again_ends_in_the_same_file(tmp_path):
    text_like(1_500_000).tofile(tmp_path / "a.bin")
    tree_of(tmp_path / "a.bin", 16, "windows", 299).save(tmp_path / "want")
    rng, kills, start = random.Random(1), 0, time.monotonic()
    while True:
        process = start_build(tmp_path, 40_000)
        while not (tmp_path / "got.work").exists() and process.poll() is None:
            time.sleep(0.01)
        try:
            process.wait(rng.uniform(0, 1.0) if kills < 6 else None)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            kills += 1
            assert not (tmp_path / "got").exists() or not (tmp_path / "got.work" / "runs").exists()
            continue
        assert process.communicate()[1] == ""
        break
    assert kills, f"the build ended before it could be killed, after {time.monotonic() - start:.1f} s"
    assert (tmp_path / "got").read_bytes() == (tmp_path / "want").read_bytes()
    assert not (tmp_path / "got.work").exists()


@needs_numba
def test_finished_shards_are_not_counted_again(tmp_path, monkeypatch):
    text_like(5000).tofile(tmp_path / "a.bin")
    monkeypatch.setattr(building, "finish_tree", lambda *given, **options: None)
    build_tree_file(tmp_path / "a.bin", tmp_path / "got", 4, shard=1000)
    monkeypatch.undo()
    monkeypatch.setattr(building, "count_shard", lambda *given: pytest.fail("counted again"))
    build_tree_file(tmp_path / "a.bin", tmp_path / "got", 4, shard=1000)
    assert TokenTree.load(tmp_path / "got") == tree_of(tmp_path / "a.bin", 4, "phrases", None)


@needs_numba
@pytest.mark.parametrize(("then", "counted"), [(0.6, False), (0.4, True)])
def test_a_build_goes_on_with_somewhat_less_free_memory(tmp_path, monkeypatch, then, counted):
    """Shards are made for half of what is free: they are counted again only where they no longer fit into all of it."""
    free = 4 * 10**9
    text_like(5000).tofile(tmp_path / "a.bin")
    monkeypatch.setattr(building, "available_bytes", lambda: free)
    monkeypatch.setattr(building, "finish_tree", lambda *given, **options: None)
    build_tree_file(tmp_path / "a.bin", tmp_path / "got", 4)
    monkeypatch.undo()
    monkeypatch.setattr(building, "available_bytes", lambda: int(then * free))
    again = []
    count = building.count_shard
    monkeypatch.setattr(building, "count_shard", lambda *given: (again.append(given), count(*given)))
    build_tree_file(tmp_path / "a.bin", tmp_path / "got", 4)
    assert bool(again) is counted
    assert TokenTree.load(tmp_path / "got") == tree_of(tmp_path / "a.bin", 4, "phrases", None)


@needs_numba
def test_runs_that_were_changed_do_not_become_a_tree(tmp_path, monkeypatch):
    """Their checksums may be right: what goes on from an earlier attempt is checked before it gets its name."""
    np.array([5, 6, 1, 2], "<u2").tofile(tmp_path / "a.bin")
    monkeypatch.setattr(building, "finish_tree", lambda *given, **options: None)
    build_tree_file(tmp_path / "a.bin", tmp_path / "got", 2)
    monkeypatch.undo()
    (run,) = (tmp_path / "got.work" / "runs").iterdir()
    dtypes = tuple(np.dtype(one) for one in ("u1", "u1", "<i8", "u1"))
    held = ([0, 0], [2, 2], [1, 1], [5, 6, 1, 2])  # shared, length, counts, symbols: (5, 6) before (1, 2)
    shutil.rmtree(run)
    writer = spill.RunWriter(run, dtypes)
    writer.write(*(np.array(part, dtype) for part, dtype in zip(held, dtypes, strict=True)))
    writer.finish()
    with pytest.raises(CorruptFile, match=r"got\.work holds runs that do not make a tree: .*; delete it"):
        build_tree_file(tmp_path / "a.bin", tmp_path / "got", 2)
    assert not (tmp_path / "got").exists()


@pytest.mark.slow
@needs_numba
def test_a_full_disk_is_a_clear_error_and_finished_work_stays(tmp_path):
    resource = pytest.importorskip("resource")
    text_like(300_000).tofile(tmp_path / "a.bin")

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    process = start_build(tmp_path, 40_000, preexec_fn=limited)
    error = process.communicate()[1]
    assert process.returncode == 1
    assert "UnreadableFile: no space left to write" in error
    assert "finished shards are kept" in error
    assert not (tmp_path / "got").exists()
    work = tmp_path / "got.work"
    assert sorted(p.name for p in work.iterdir()) == ["plan.json", "runs"]
    assert all((run / "run.json").exists() for run in (work / "runs").iterdir())
    process = start_build(tmp_path, 40_000)
    assert process.communicate()[1] == ""
    assert TokenTree.load(tmp_path / "got") == tree_of(tmp_path / "a.bin", 16, "windows", 299)


@needs_numba
def test_damaged_and_foreign_work_is_refused(tmp_path, monkeypatch):
    text_like(5000).tofile(tmp_path / "a.bin")
    monkeypatch.setattr(building, "finish_tree", lambda *given, **options: None)
    build_tree_file(tmp_path / "a.bin", tmp_path / "got", 4, shard=1000)
    monkeypatch.undo()
    with pytest.raises(InvalidParameter, match=r"holds another build \(depth 4, phrases.*: remove it"):
        build_tree_file(tmp_path / "a.bin", tmp_path / "got", 5, shard=1000)
    run = tmp_path / "got.work" / "runs" / "000001"
    data = bytearray((run / "symbols").read_bytes())
    data[10] ^= 1
    (run / "symbols").write_bytes(data)
    with pytest.raises(CorruptFile, match=r"000001 is damaged: its checksums do not match; remove it"):
        build_tree_file(tmp_path / "a.bin", tmp_path / "got", 4, shard=1000)
    assert not (tmp_path / "got").exists()


@pytest.mark.slow
@needs_numba
def test_memory_stays_within_the_budget(tmp_path):
    size, budget = 12_000_000, 450_000_000
    tokens = text_like(1_000_000)
    with (tmp_path / "a.bin").open("wb") as file:
        for i in range(12):
            file.write(np.roll(tokens, i * 1000).tobytes())
    code = (
        "import sys\nfrom pathlib import Path\nfrom compresslab.trees.out_of_core.building import build_tree_file\n"
        f"build_tree_file(sys.argv[1], sys.argv[2], 16, 'windows', memory={budget}, vocab_size=300)\n"
        "print([l for l in Path('/proc/self/status').read_text().splitlines() if 'VmHWM' in l][0].split()[1])"
    )
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not tell a process's peak memory in /proc")
    command = [sys.executable, "-c", code, str(tmp_path / "a.bin"), str(tmp_path / "got")]
    peak = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) * 1024
    assert peak < budget
    assert TokenTree.load(tmp_path / "got", mapped=True).total == size + 1


def test_bad_builds_are_named_with_a_remedy(tmp_path, monkeypatch):
    text_like(500).tofile(tmp_path / "a.bin")
    if jit.available():
        with pytest.raises(InvalidParameter, match=r"too few to count in: give at least [0-9,]+ MB"):
            build_tree_file(tmp_path / "a.bin", tmp_path / "got", 4, memory=1_000_000)
        with pytest.raises(InvalidTokens, match=r"token 29[0-9] is outside the vocabulary of 10"):
            build_tree_file(tmp_path / "a.bin", tmp_path / "got", 4, vocab_size=10)
        with pytest.raises(EmptyDataset, match="give at least one"):
            build_tree_file([], tmp_path / "got", 4)
        (tmp_path / "none.bin").write_bytes(b"")
        with pytest.raises(EmptyDataset, match="hold no tokens"):
            build_tree_file(tmp_path / "none.bin", tmp_path / "other", 4)
        with pytest.raises(UnreadableFile, match="is not a directory"):
            build_tree_file(tmp_path / "a.bin", tmp_path / "no" / "got", 4)
    monkeypatch.setattr(jit, "available", lambda: False)
    with pytest.raises(MissingExtra, match=r"needs the optional extra 'scale'"):
        build_tree_file(tmp_path / "a.bin", tmp_path / "got", 4)
    with pytest.raises(InvalidParameter, match="no amount of memory: give a number and a unit"):
        parse_bytes("much")


def test_the_plan_is_plain_json(tmp_path, monkeypatch):
    if not jit.available():
        pytest.skip("numba (extra 'scale') is not installed")
    text_like(500).tofile(tmp_path / "a.bin")
    monkeypatch.setattr(building, "finish_tree", lambda *given, **options: None)
    build_tree_file(tmp_path / "a.bin", tmp_path / "got", 4, shard=100)
    plan = json.loads((tmp_path / "got.work" / "plan.json").read_bytes())
    assert (plan["depth"], plan["parse"], plan["shard"]) == (4, "phrases", 100)


def test_a_system_that_does_not_say_how_much_memory_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Windows: trees in memory are built, those from token files refused by name. A stand-in, not Windows."""
    monkeypatch.delattr(os, "sysconf")
    monkeypatch.setitem(sys.modules, "resource", None)
    assert memory.available_bytes() == sys.maxsize
    with pytest.raises(InvalidParameter, match="does not say how much memory a process takes.*Linux or macOS"):
        memory.resident_bytes()
