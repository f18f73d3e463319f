"""What earlier code wrote is read, byte for byte; `golden/` holds it, made before the format was changed."""

from __future__ import annotations

import hashlib
import json
import pathlib

import numpy as np
import pytest

from compresslab import Dataset
from compresslab.coding import (
    EmbeddedModel,
    HuffmanCode,
    decode,
    decompress_file,
    encode,
    file_info,
    read_range,
    recover_file,
    verify_file,
)
from compresslab.coding.clz.reader import ClzReader
from compresslab.coding.static_coder import decode_static
from compresslab.coding.tree_coder import dataset_of_leaves, unpack_tree
from compresslab.errors import InvalidParameter, WrongModel
from compresslab.lm.chunk_coder import TokenCoder
from compresslab.lm.tree_model import TreeModel
from compresslab.theory.huffman import huffman_lengths

pytestmark = pytest.mark.usefixtures("compiled_byte_model")

GOLDEN = pathlib.Path(__file__).parent / "golden"
RECORD = json.loads((GOLDEN / "golden.json").read_text())
STREAMS = {name: bytes.fromhex(digits) for name, digits in RECORD["streams"].items()}
LATER = {"model-3.clz": (3, 1), "model-3-2.clz": (3, 2)}  # of which format and stream version
FILES = sorted(set(RECORD) - {"streams", *LATER})
TEXT = b"it was the best of times, it was the worst of times, it was the age of wisdom. "


def tree_coder(smoothing=0.01, streams=4):
    return TokenCoder(TreeModel.of(Dataset.from_texts([TEXT]), 3, "windows", smoothing), streams, 64)


@pytest.mark.parametrize("name", FILES)
def test_files_of_version_2_decode_to_what_they_were_made_of(name, tmp_path):
    packed, wanted = GOLDEN / name, RECORD[name]
    assert hashlib.sha256(packed.read_bytes()).hexdigest() == wanted["sha256"]
    model = tree_coder() if name.startswith("model") else None
    info = file_info(packed)
    assert (info.version, info.original_size) == (2, wanted["original_bytes"])
    decompress_file(packed, tmp_path / "original", model=model)
    assert hashlib.sha256((tmp_path / "original").read_bytes()).hexdigest() == wanted["original_sha256"]
    recovery = recover_file(packed, tmp_path / "again", model=model)
    assert (recovery.is_whole, recovery.recovered) == (True, wanted["original_bytes"])


def test_the_golden_files_are_of_all_methods():
    methods = set().union(*(file_info(GOLDEN / name).methods for name in FILES))
    assert methods == {"model", "raw", "zlib"}
    assert sum(path.stat().st_size for path in GOLDEN.iterdir()) < 1 << 13


def test_another_model_or_shape_does_not_decode_a_file_of_version_2():
    for other in (tree_coder(0.02), tree_coder(streams=5), EmbeddedModel()):
        with pytest.raises(WrongModel, match="written with the model 'tree'"):
            verify_file(GOLDEN / "model.clz", model=other)


@pytest.mark.parametrize("name", LATER)
def test_files_of_later_versions_decode_to_what_they_were_made_of(name, tmp_path):
    packed, wanted, model = GOLDEN / name, RECORD[name], tree_coder()
    assert hashlib.sha256(packed.read_bytes()).hexdigest() == wanted["sha256"]
    with ClzReader(packed) as reader:
        assert (reader.header.version, reader.header.stream_version) == LATER[name]
        assert {reader.head(i).method.name for i in range(reader.num_chunks)} == {"MODEL", "RAW"}
    decompress_file(packed, tmp_path / "original", model=model)
    assert (tmp_path / "original").read_bytes() == TEXT * 3
    assert read_range(packed, 90, 110, model=model) == (TEXT * 3)[90:110]
    for lost in (b"", packed.read_bytes()[-90:]):  # the header, then also the index at the end
        (tmp_path / "cut.clz").write_bytes(packed.read_bytes()[6:].removesuffix(lost))
        recovery = recover_file(tmp_path / "cut.clz", tmp_path / "again", model=model)
        assert recovery.recovered > 100
        assert (tmp_path / "again").read_bytes() == (TEXT * 3)[: recovery.recovered]


@pytest.mark.parametrize("name", FILES)
def test_files_of_version_2_that_lost_their_header_are_recovered(name, tmp_path):
    wanted = RECORD[name]
    (tmp_path / "cut.clz").write_bytes((GOLDEN / name).read_bytes()[6:])
    model = tree_coder() if name.startswith("model") else None
    recovery = recover_file(tmp_path / "cut.clz", tmp_path / "original", model=model)
    assert recovery.recovered == wanted["original_bytes"]
    assert hashlib.sha256((tmp_path / "original").read_bytes()).hexdigest() == wanted["original_sha256"]


def test_streams_of_stream_version_1_decode():
    rows = np.array([[1, 2, 5, 0.5], [1, 0, 0, 1e-9], [3, 3, 3, 3], [0, 1, 8, 1]])
    assert decode(STREAMS["rows"], rows / rows.sum(1, keepdims=True), version=1).tolist() == [2, 3, 0, 1]
    wide = np.tile(np.arange(1, 301, dtype=np.float64), (5, 1))
    wide[1, 7] = 1e6
    assert decode(STREAMS["wide"], wide / wide.sum(1, keepdims=True), version=1).tolist() == [299, 7, 0, 150, 64]
    assert EmbeddedModel().decompress(STREAMS["bytes"], 2 * len(TEXT)) == TEXT * 2


def test_streams_of_stream_version_2_decode():
    rows = np.array([[1, 2, 5, 0.5], [1, 0, 0, 1e-9], [3, 3, 3, 3], [0, 1, 8, 1]])
    rows /= rows.sum(1, keepdims=True)
    assert encode([2, 3, 0, 1], rows) == STREAMS["rows-2"]
    assert decode(STREAMS["rows-2"], rows).tolist() == [2, 3, 0, 1]
    wide = np.tile(np.arange(1, 601, dtype=np.float64), (5, 1))
    wide[1, 7] = 1e6
    wide /= wide.sum(1, keepdims=True)
    assert encode([299, 7, 0, 550, 64], wide) == STREAMS["wide-2"]
    assert decode(STREAMS["wide-2"], wide).tolist() == [299, 7, 0, 550, 64]
    with pytest.raises(InvalidParameter, match="streams of version 3 are not read here, but those of version 1 and 2"):
        decode(STREAMS["rows-2"], rows, version=3)


def test_a_tree_and_the_data_that_it_codes_decode():
    data = Dataset.from_texts(["to be", "or not to be", "that is the question"])
    tree = unpack_tree(STREAMS["tree"])
    counts = tree.sorted_leaves.counts.astype(int)
    leaves = decode_static(STREAMS["leaves"], 21, counts)
    tokens, offsets = dataset_of_leaves(leaves, tree)
    assert (tokens.tolist(), offsets.tolist()) == (data.tokens.tolist(), data.offsets.tolist())
    words = HuffmanCode(huffman_lengths(counts / counts.sum())).decode(STREAMS["huffman"], 21)
    assert words.tolist() == leaves.tolist()
