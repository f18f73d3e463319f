"""Tree files that were damaged, or made to do harm: none reaches a kernel, and old ones are read for ever."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab._support import files
from compresslab.data.dataset import Dataset
from compresslab.errors import CorruptFile, InvalidParameter, UnreadableFile
from compresslab.testing.strategies import datasets
from compresslab.trees.counting import count_strings, merge_leaves
from compresslab.trees.counting.front_coded import Run
from compresslab.trees.leaf_checks import check_leaves
from compresslab.trees.leaves import SortedLeaves
from compresslab.trees.out_of_core.merging import merge_on_disk
from compresslab.trees.out_of_core.parts import join_tree_parts
from compresslab.trees.out_of_core.spill import RunReader, RunWriter
from compresslab.trees.out_of_core.sweeping import merge_tree_files, open_tree_parts, prune_tree_file
from compresslab.trees.phrases import PARSES
from compresslab.trees.tree import TokenTree
from compresslab.trees.tree_file import TreeHeader, read_tree_header, verify_tree_file, write_tree_file

GOLDEN = Path(__file__).parent / "golden"
NOTED = json.loads((GOLDEN / "trees.json").read_text())


def checksum(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=32).digest()


def forged(good: bytes, change: Any = None, arrays: dict[str, Any] | None = None) -> bytes:
    """A version-2 file with a changed header, or other bytes in its arrays, and all the checksums that belong to it."""
    size = int.from_bytes(good[8:12], "little")
    header = json.loads(good[12 : 12 + size])
    held = bytearray(good)
    for entry in header["arrays"]:
        if entry["name"] in (arrays or {}):
            array = np.asarray(arrays[entry["name"]], entry["dtype"])
            held[entry["offset"] : entry["offset"] + array.nbytes] = array.tobytes()
    sums = b""
    for entry in header["arrays"]:
        end = entry["offset"] + -(-entry["size"] * int(entry["dtype"][-1]) // 64) * 64
        sums += checksum(bytes(held[entry["offset"] : end]))
    if change is not None:
        change(header)
        text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
        assert len(text) <= size
        held[12 : 12 + size] = text.ljust(size)
    seal = checksum(bytes(held[: 12 + size]))
    held[12 + size : 44 + size] = seal
    return bytes(held[: len(held) - len(sums) - 32]) + sums + checksum(seal + sums)


@functools.cache
def small() -> tuple[TokenTree, dict[str, Any]]:
    tree = TokenTree.build(Dataset.from_texts(["to be or not to be", "that is the question", "", "to"]), 3)
    held = tree.sorted_leaves
    arrays: dict[str, Any] = {f"symbols{m}": symbols for m, symbols in enumerate(held.symbols, start=1)}
    return tree, arrays | {"shared": held.shared, "length": held.length, "counts": held.counts}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "tree"
    small()[0].save(target)
    return target


# ---- old files ----


def contents(tree: TokenTree) -> str:
    leaves = tree.leaves()
    told = [tree.depth, tree.vocab_size, tree.parse, leaves.keys.tolist(), leaves.counts.tolist()]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


@pytest.mark.parametrize("name", NOTED)
def test_every_version_ever_written_is_read(name: str, tmp_path: Path) -> None:
    golden = GOLDEN / name
    assert hashlib.sha256(golden.read_bytes()).hexdigest() == NOTED[name]["sha256"]
    for mapped in (False, True):
        tree = TokenTree.load(golden, mapped=mapped)
        assert contents(tree) == NOTED[name]["contents_sha256"]
    verify_tree_file(golden)
    header = read_tree_header(golden)
    assert (header.version, header.fingerprints) == (int(name.split("-")[1]), {})
    assert (header.depth, header.vocab_size, header.parse) == (tree.depth, tree.vocab_size, tree.parse)
    tree.save(tmp_path / "again")  # in the version of today, the same tree and the same bytes for ever
    assert TokenTree.load(tmp_path / "again") == tree
    today = golden.with_name(name.replace("tree-1-", "tree-2-"))
    assert not today.exists() or today.read_bytes() == (tmp_path / "again").read_bytes()


def test_every_flipped_bit_of_a_file_of_version_1_is_noticed(tmp_path: Path) -> None:
    good = (GOLDEN / "tree-1-large-counts.tree").read_bytes()
    for at in range(len(good)):
        (tmp_path / "flipped").write_bytes(good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1 :])
        with pytest.raises(CorruptFile):
            TokenTree.load(tmp_path / "flipped")


def test_the_file_is_laid_out_as_its_description_says(path: Path) -> None:
    data = path.read_bytes()
    size = int.from_bytes(data[8:12], "little")
    header = json.loads(data[12 : 12 + size])
    assert data[:8] == b"CLTREE\r\n"
    assert sorted(header) == list(header) == ["arrays", "fingerprints", "parse", "version", "vocab_size"]
    assert (44 + size) % 64 == 0
    sums = checksum(data[: 12 + size])
    assert data[12 + size : 44 + size] == sums
    at = 44 + size
    for name, entry in zip(
        ["symbols1", "symbols2", "symbols3", "shared", "length", "counts"], header["arrays"], strict=True
    ):
        assert (entry["name"], entry["offset"]) == (name, at)
        assert np.array_equal(np.frombuffer(data, entry["dtype"], entry["size"], at), small()[1][name])
        end = -(-(at + entry["size"] * int(entry["dtype"][-1])) // 64) * 64
        sums += checksum(data[at:end])
        at = end
    assert data[at:] == sums[32:] + checksum(sums)


def test_fingerprints_are_kept_and_must_be_digests(tmp_path: Path) -> None:
    tree, _ = small()
    told = {"tokenizer": "00ff" * 16, "template": "ab"}
    write_tree_file(tmp_path / "t", tree.sorted_leaves, tree.vocab_size, tree.parse, told)
    assert read_tree_header(tmp_path / "t") == TreeHeader(2, 3, 256, "phrases", told)
    assert TokenTree.load(tmp_path / "t") == tree
    for wrong in ({"tokenizer": "gpt2"}, {"tokenizer": ""}, {"é": "00"}, {"a": 1}):
        with pytest.raises(InvalidParameter, match="fingerprints are names with digests in lower-case hexadecimal"):
            write_tree_file(tmp_path / "no", tree.sorted_leaves, 256, "phrases", wrong)  # type: ignore[arg-type]
    assert not (tmp_path / "no").exists()


# ---- headers that lie ----


def set_array(key: str, value: Any, index: int = 3) -> Any:
    return lambda header: header["arrays"][index].__setitem__(key, value)


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_array("size", 8), "array lengths do not agree: shared has 8 leaves, length 15"),
        (set_array("size", -1), "size -1"),
        (set_array("size", True), "size True"),
        (set_array("size", 1.0), "size 1.0"),
        (set_array("offset", 0), "offset 0"),
        (set_array("dtype", "|u2"), "not 'shared' of |u1"),
        (set_array("dtype", "<u2"), "not 'shared' of |u1"),
        (set_array("dtype", "|i1"), "not 'shared' of |u1"),
        (set_array("dtype", "|O"), "not 'shared' of |u1"),
        (set_array("dtype", "<f8", 5), "not 'counts' of |u1"),
        (set_array("dtype", [], 5), "not 'counts' of |u1"),
        (set_array("name", "length"), "not 'shared'"),
        (lambda header: header["arrays"].reverse(), "not 'symbols1'"),
        (lambda header: header["arrays"].pop(), "not 'shared'"),
        (lambda header: header.update(arrays=header["arrays"][:3]), "depth 0"),
        (lambda header: header.update(arrays={}), "depth -3"),
        (lambda header: header.update(vocab_size=0), "vocab_size is 0"),
        (lambda header: header.update(vocab_size=True), "vocabulary True"),
        (lambda header: header.update(vocab_size=257), "not 'symbols1' of <u2"),
        (lambda header: header.update(vocab_size="256"), "vocabulary '256'"),
        (lambda header: header.update(vocab_size=10**40), "vocab_size is 1"),
        (lambda header: header.update(parse=[]), r"unknown parse \[\]"),
        (lambda header: header.update(fingerprints=[]), "fingerprints are not"),
        (lambda header: header.update(fingerprints={"x": "y"}), "fingerprints are not"),
        (lambda header: header.update(version=True), "format version True"),
        (lambda header: header.update(version=0), "format version 0"),
        (lambda header: header.update(version=[1]), r"format version \[1\]"),
    ],
)
def test_a_header_that_lies_is_refused_before_any_array_is_read(
    path: Path, change: Any, said: str, mapped: bool
) -> None:
    path.write_bytes(forged(path.read_bytes(), change))
    with pytest.raises(CorruptFile, match=said.replace("|", r"\|")):
        TokenTree.load(path, mapped=mapped)


@pytest.mark.parametrize(
    "text", [b"[" * 100_000, b'{"a":' * 100_000, b'{"version":' + b"9" * 5000 + b"}", b'"\\udc80"']
)
def test_a_header_that_python_cannot_read_is_refused(tmp_path: Path, text: bytes) -> None:
    text = text.ljust(-(-(44 + len(text)) // 64) * 64 - 44)
    head = b"CLTREE\r\n" + len(text).to_bytes(4, "little") + text
    (tmp_path / "t").write_bytes(head + checksum(head) + bytes(256))
    for mapped in (False, True):
        with pytest.raises(CorruptFile, match=r"t has (a header that is not a token tree's|format version inf)"):
            TokenTree.load(tmp_path / "t", mapped=mapped)


def test_a_header_longer_than_any_is_not_even_read(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:8] + b"\xff\xff\xff\xff" + data[12:])
    with pytest.raises(CorruptFile, match="its header is cut short"):
        TokenTree.load(path, mapped=True)


# ---- arrays that lie ----


def test_arrays_of_other_sizes_than_their_leaves_need_are_refused(tmp_path: Path) -> None:
    held = small()[0].sorted_leaves
    short = SortedLeaves((*held.symbols[:2], held.symbols[2][:1]), held.shared, held.length, held.counts)
    write_tree_file(tmp_path / "layer", short, 256, "phrases")
    write_tree_file(
        tmp_path / "counts", SortedLeaves(held.symbols, held.shared, held.length, held.counts[:4]), 256, "phrases"
    )
    none = np.empty(0, np.uint8)
    write_tree_file(tmp_path / "none", SortedLeaves((none,), none, none, none), 256, "phrases")
    for mapped in (False, True):
        with pytest.raises(CorruptFile, match=r"layer is damaged: array lengths do not agree: layer 3 holds 1 symbols"):
            TokenTree.load(tmp_path / "layer", mapped=mapped)
        for name in ("counts", "none"):
            with pytest.raises(CorruptFile, match=f"{name} is damaged: array lengths do not agree: shared has"):
                TokenTree.load(tmp_path / name, mapped=mapped)


@pytest.mark.parametrize(
    ("name", "at", "value", "said"),
    [
        ("length", 5, 200, "leaf 5 has 200 tokens"),
        ("length", 5, 0, "leaf 5 has 0 tokens"),
        ("shared", 0, 1, "shares 1 with"),
        ("shared", 1, 1, "shares 1 with"),
        ("shared", 5, 255, "shares 255 with"),
        ("counts", 3, 0, "leaf 3 has the count 0"),
        ("symbols1", 1, 0, "not in order|outside"),
    ],
)
def test_leaves_that_no_tree_holds_are_refused(path: Path, name: str, at: int, value: int, said: str) -> None:
    array = np.array(small()[1][name])
    array[at] = value
    path.write_bytes(forged(path.read_bytes(), arrays={name: array}))
    with pytest.raises(CorruptFile, match=said):
        TokenTree.load(path)
    with pytest.raises(CorruptFile, match=said):
        verify_tree_file(path)
    if name in ("length", "shared"):
        with pytest.raises(CorruptFile, match=said):
            TokenTree.load(path, mapped=True)


def test_symbols_are_of_the_vocabulary_and_counts_add_up(tmp_path: Path) -> None:
    one = SortedLeaves((np.array([3], np.uint8),), np.zeros(1, np.uint8), np.ones(1, np.uint8), np.ones(1, np.uint8))
    write_tree_file(tmp_path / "t", one, 3, "phrases")
    with pytest.raises(CorruptFile, match="symbol 0 of layer 1 is 3, outside the vocabulary of 3"):
        TokenTree.load(tmp_path / "t")
    many = SortedLeaves(
        (np.array([1, 2], np.uint8),), np.zeros(2, np.uint8), np.ones(2, np.uint8), np.array([2**62, 2**62], np.uint64)
    )
    with pytest.raises(CorruptFile, match=r"add up to 2\*\*63 or more"):
        check_leaves(many, 3)
    check_leaves(SortedLeaves(many.symbols, many.shared, many.length, many.counts - 1), 3)


@settings(max_examples=50, deadline=None)
@given(dataset=datasets(), depth=st.integers(1, 5), parse=st.sampled_from(PARSES), data=st.data())
def test_changed_bytes_load_as_a_tree_or_are_refused(
    dataset: Dataset, depth: int, parse: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any bytes in the arrays, under right checksums: an error, or what counting the leaves again gives."""
    tree = TokenTree.build(dataset, depth, parse)
    folder = tmp_path_factory.mktemp("t")
    tree.save(folder / "t")
    held = tree.sorted_leaves
    arrays = {f"symbols{m}": np.array(s) for m, s in enumerate(held.symbols, start=1)}
    arrays |= {name: np.array(getattr(held, name)) for name in ("shared", "length", "counts")}
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from([name for name, array in arrays.items() if array.size]))
        array = arrays[name]
        array[data.draw(st.integers(0, array.size - 1))] = data.draw(st.integers(0, 6) | st.just(255))
    (folder / "t").write_bytes(forged((folder / "t").read_bytes(), arrays=arrays))
    try:
        found = TokenTree.load(folder / "t")
    except CorruptFile:
        found = None
    else:
        leaves = found.sorted_leaves
        again = count_strings(leaves.strings(leaves.symbols[0].dtype), depth)
        assert TokenTree(again, found.vocab_size, found.parse) == found
    try:
        mapped = TokenTree.load(folder / "t", mapped=True)
    except CorruptFile:
        assert found is None
        return
    # Symbols and counts of a map may be wrong, but nothing reads beyond an array: kernels run as plain Python would.
    Run.of(mapped.sorted_leaves, mapped.sorted_leaves.symbols[0].dtype)
    prune_tree_file(mapped, 1, folder / "pruned")
    merge_tree_files([mapped, tree], folder / "merged")
    if found is not None:
        assert mapped == found
        assert TokenTree.load(folder / "merged") == TokenTree.merge_all([found, tree])


@pytest.mark.parametrize("block", [2, 3, 1 << 17])
def test_leaves_are_checked_the_same_in_any_pieces(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from compresslab.trees import leaf_checks

    monkeypatch.setattr(leaf_checks, "BLOCK", block)
    tree, _ = small()
    held = tree.sorted_leaves
    check_leaves(held, 256)
    for at in range(1, len(held.symbols[0])):
        symbols = np.array(held.symbols[0])
        symbols[at] = symbols[at - 1]
        with pytest.raises(CorruptFile, match=f"node {at} of layer 1 is not in order"):
            check_leaves(SortedLeaves((symbols, *held.symbols[1:]), held.shared, held.length, held.counts), 256)
    for shallow in (0, 16):
        monkeypatch.setattr(leaf_checks, "SHALLOW", shallow)
        check_leaves(held, 256)
        for at in range(1, len(held.shared)):
            shared = np.array(held.shared)
            shared[at] = held.length[at]
            with pytest.raises(CorruptFile):
                check_leaves(SortedLeaves(held.symbols, shared, held.length, held.counts))


def test_a_damaged_part_of_a_tree_in_parts_is_named(path: Path) -> None:
    folder = path.parent / "parts"
    folder.mkdir()
    shutil.copy(path, folder / "part-0000.tree")
    lengths = np.array(small()[1]["length"])
    lengths[2] = 99
    (folder / "part-0001.tree").write_bytes(forged(path.read_bytes(), arrays={"length": lengths}))
    with pytest.raises(CorruptFile, match=r"part-0001\.tree is damaged: leaf 2 has 99 tokens"):
        open_tree_parts(folder)


def test_joining_checks_all_of_every_part(path: Path) -> None:
    folder = path.parent / "parts"
    folder.mkdir()
    good = path.read_bytes()
    (folder / "part-0000.tree").write_bytes(good)
    join_tree_parts(folder, path.parent / "joined")
    assert (path.parent / "joined").read_bytes() == good
    at = json.loads(good[12 : 12 + int.from_bytes(good[8:12], "little")])["arrays"][5]["offset"]
    (folder / "part-0001.tree").write_bytes(good[:at] + b"\x09" + good[at + 1 :])  # a count, which a map does not check
    with pytest.raises(CorruptFile, match=r"part-0001\.tree is damaged: its checksum does not match"):
        join_tree_parts(folder, path.parent / "no")
    small()[0].prune(2).save(folder / "part-0001.tree")
    with pytest.raises(InvalidParameter, match=r"part-0001\.tree is of depth 2, .*: give a folder with the parts"):
        join_tree_parts(folder, path.parent / "no")
    assert not (path.parent / "no").exists()


def test_parts_are_joined_in_their_order_and_each_once(path: Path) -> None:
    folder = path.parent / "parts"
    folder.mkdir()
    low, high = (Dataset.from_token_lists(lists, 9) for lists in ([[0, 1], []], [[3, 1], [4]]))
    for name, data in (("part-0000.tree", low), ("part-0001.tree", high)):
        TokenTree.build(data, 3).save(folder / name)
    join_tree_parts(folder, path.parent / "joined")
    assert TokenTree.load(path.parent / "joined") == TokenTree.build(Dataset.concat([low, high]), 3)
    (folder / "part-0000.tree").rename(folder / "part-0002.tree")
    with pytest.raises(InvalidParameter, match=r"part-0002\.tree does not begin behind the phrases of the part before"):
        join_tree_parts(folder, path.parent / "no")
    shutil.copy(folder / "part-0001.tree", folder / "part-0002.tree")
    with pytest.raises(InvalidParameter, match=r"part-0002\.tree does not begin behind the phrases of the part before"):
        join_tree_parts(folder, path.parent / "no")
    assert not (path.parent / "no").exists()


def test_a_tree_too_large_for_memory_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class TooLarge(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise MemoryError

    monkeypatch.setattr(files, "open_file", lambda path: TooLarge())
    with pytest.raises(UnreadableFile, match="tree: it does not fit into memory"):
        TokenTree.load(path)
    assert TokenTree.load(path, mapped=True) == small()[0]


# ---- runs ----


def write_run(folder: Path, **changed: Any) -> None:
    held = small()[0].sorted_leaves
    run = Run.of(held, np.dtype(np.uint8))
    pieces = {"shared": run.shared, "length": run.length, "counts": run.counts, "symbols": run.symbols} | changed
    writer = RunWriter(folder, tuple(np.dtype(array.dtype) for array in pieces.values()))
    writer.write(*pieces.values())
    writer.finish()


class Once:
    """A reader that gives one piece, as a damaged run or a map that changed would."""

    name = "odd"
    dtypes = (np.dtype(np.uint8),) * 4

    def __init__(self, **change: Any) -> None:
        run = Run.of(small()[0].sorted_leaves, np.dtype(np.uint8))
        self.piece = [change.get(name, getattr(run, name)) for name in ("shared", "length", "counts", "symbols")]

    def read(self, leaves: int, /) -> Any:
        piece, self.piece = self.piece, [np.empty(0, np.uint8)] * 4
        return piece


def changed(name: str, at: int, value: int) -> dict[str, Any]:
    array = np.array(getattr(Run.of(small()[0].sorted_leaves, np.dtype(np.uint8)), name))
    array[at] = value
    return {name: array}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed("length", 4, 77), "leaf 4 has 77 tokens"),
        (changed("length", 0, 9), "leaf 0 has 9 tokens"),
        (changed("shared", 4, 3), "shares 3 with"),
        (changed("shared", 0, 1), "shares 1 with"),
        (changed("shared", 4, 2), "array lengths do not agree: 3[0-9] symbols, the leaves bring 3[0-9]|shares 2 with"),
        ({"counts": np.ones(3, np.uint8)}, "array lengths do not agree: 15, 15 and 3 leaves"),
        ({"symbols": np.ones(3, np.uint8)}, "array lengths do not agree: 3 symbols"),
    ],
)
def test_leaves_are_checked_before_they_are_merged(change: dict[str, Any], said: str) -> None:
    assert len(list(merge_on_disk([Once(), Once()], 3, 1 << 20))) == 1
    with pytest.raises(CorruptFile, match=f"odd is damaged: .*({said}).*; remove it, and build again"):
        list(merge_on_disk([Once(), Once(**change)], 3, 1 << 20))


@pytest.mark.parametrize("change", [changed("length", 4, 77), changed("shared", 4, 3), changed("length", 0, 9)])
def test_a_run_with_right_checksums_and_wrong_leaves_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    write_run(tmp_path / "bad", **change)
    reader = RunReader(tmp_path / "bad")
    with pytest.raises(CorruptFile, match="remove .*, and build again"):
        list(merge_on_disk([reader], 3, 1 << 20))
    reader.close()


@pytest.mark.parametrize(
    "note",
    [
        b"[" * 100_000,
        b"[]",
        b"{}",
        b'{"dtypes": ["|O8", "|u1", "|u1", "|u1"], "sizes": [1, 1, 1, 1], "crc32": [0, 0, 0, 0]}',
        b'{"dtypes": ["|u1", "|u1", "|u1", "|u1"], "sizes": [9, 9, 9, 9], "crc32": [0, 0, 0, 0]}',
        b'{"dtypes": ["|u1", "|u1", "|u1", [1]], "sizes": [9, 9, 9, 9], "crc32": [0, 0, 0, 0]}',
        b'{"dtypes": ["|u1", "|u1", "|u1", "|u1"], "sizes": [1e999, -1, "a", null], "crc32": [0, 0, 0, 0]}',
    ],
)
def test_a_damaged_note_of_a_run_is_named(tmp_path: Path, note: bytes) -> None:
    write_run(tmp_path / "run")
    (tmp_path / "run" / "run.json").write_bytes(note)
    with pytest.raises(CorruptFile, match=r"run is damaged \(.*\): remove it, and build again"):
        RunReader(tmp_path / "run")


def test_merging_in_memory_gives_the_same_tree() -> None:
    held = small()[0].sorted_leaves
    assert int(merge_leaves([held, held], np.dtype(np.uint8)).counts.sum()) == 2 * int(held.counts.sum())
