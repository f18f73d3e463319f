"""Coding with a model: everything comes back, bit for bit, and the bits are those that the scores promise."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab import Dataset
from compresslab.cli.compress import coded_rate_text
from compresslab.coding.clz.chunk_model import EmbeddedModel, Encoded
from compresslab.coding.clz.container import compress_file, decompress_file, file_info
from compresslab.errors import CorruptFile, CorruptStream, InvalidParameter, UnknownName, WrongModel
from compresslab.lm.chunk_coder import TokenCoder, segments_of
from compresslab.lm.scoring import score
from compresslab.lm.tree_model import TreeModel
from compresslab.measurements.model_coding import compress_with_model, model_coder, model_of_file
from compresslab.trees.tree import TokenTree

if TYPE_CHECKING:
    from compresslab.lm.hugging_face import HuggingFaceModel

Make = Callable[..., "HuggingFaceModel"]
law = settings(max_examples=40, deadline=None)
pytestmark = pytest.mark.usefixtures("compiled_byte_model")
TEXT = b"To be, or not to be, that is the question:\nWhether 'tis nobler in the mind to suffer\n" * 4
CHUNK = len(TEXT) // 2
shapes = st.tuples(st.integers(1, 5), st.integers(1, 40))


def tree_model(smoothing: float = 0.01) -> TreeModel:
    return TreeModel.of(Dataset.from_texts([TEXT]), 3, "windows", smoothing)


@law
@given(st.binary(max_size=200), shapes)
def test_any_bytes_come_back(data: bytes, shape: tuple[int, int]) -> None:
    coder = TokenCoder(tree_model(), *shape)
    assert coder.decompress(coder.compress(data), len(data)) == data
    assert [coded.tokens for coded in coder.coded.values()] == [len(data)]


@law
@given(st.integers(0, 300), shapes)
def test_segments_are_as_few_and_as_equal_as_can_be(count: int, shape: tuple[int, int]) -> None:
    streams, segment = shape
    tokens = np.arange(count, dtype=np.uint16)
    parts = segments_of(tokens, streams, segment)
    assert np.concatenate([np.zeros(0, np.uint16), *parts]).tolist() == tokens.tolist()
    assert len(parts) == -(-count // segment)
    lengths = [part.size for part in parts]
    assert not lengths or (max(lengths) <= segment and max(lengths) - min(lengths) <= 1)


@pytest.mark.parametrize("shape", [(1, 1000), (4, 16), (16, 7)])
def test_coded_bits_are_the_scored_bits(shape: tuple[int, int]) -> None:
    model = tree_model()
    coder = TokenCoder(model, *shape)
    coded = coder.encode_tokens(model.encode(TEXT))
    parts = Dataset.from_token_lists(segments_of(model.encode(TEXT), *shape), vocab_size=256)
    scored = score(model, parts, eos=False, whole=True).total_bits
    assert coded.ideal_bits == pytest.approx(scored, rel=1e-9)
    assert scored - 1e-6 <= 8 * len(coded.stream) <= scored * 1.0005 + 160


def test_a_model_s_choices_of_shape_change_the_bits_as_they_should() -> None:
    coder, short = TokenCoder(tree_model(), 4, 1000), TokenCoder(tree_model(), 4, 4)
    assert len(coder.compress(TEXT)) < len(short.compress(TEXT))  # a segment forgets what was before it


@pytest.mark.parametrize("shape", [(1, 64), (3, 20), (5, 64)])
def test_a_llama_codes_and_decodes_bit_for_bit(make_llama: Make, shape: tuple[int, int]) -> None:
    model = make_llama()
    coder = TokenCoder(model, *shape)
    assert coder.decompress(coder.compress(TEXT), len(TEXT)) == TEXT
    parts = Dataset.from_token_lists(segments_of(model.encode(TEXT), *shape), vocab_size=256)
    scored = score(model, parts, eos=False, whole=True).total_bits
    (coded,) = coder.coded.values()
    assert coded.ideal_bits == pytest.approx(scored, rel=1e-5)
    assert 8 * len(coded.stream) == pytest.approx(scored, rel=5e-4, abs=160)


def test_the_same_bits_with_other_weights_do_not_decode(make_llama: Make) -> None:
    coder, other = TokenCoder(make_llama(), 2, 32), TokenCoder(make_llama(seed=1), 2, 32)
    coded = coder.compress(TEXT)
    with contextlib.suppress(CorruptStream):
        assert other.decompress(coded, len(TEXT)) != TEXT
    assert coder.fingerprint() != other.fingerprint()
    assert coder.fingerprint() != TokenCoder(make_llama(), 2, 33).fingerprint()
    assert coder.fingerprint() != TokenCoder(make_llama(), 3, 32).fingerprint()
    assert coder.fingerprint() == TokenCoder(make_llama(), 2, 32).fingerprint()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_llama_on_a_gpu_codes_and_decodes_bit_for_bit(make_llama: Make, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    coder = TokenCoder(make_llama(dtype=dtype, device="cuda"), 4, 40)
    assert coder.decompress(coder.compress(TEXT), len(TEXT)) == TEXT


# ---- files ----


def test_a_file_comes_back_and_the_difference_to_its_score_is_explained(tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_bytes(TEXT)
    result = compress_with_model(source, tmp_path / "a.clz", TokenCoder(tree_model(), 4, 64), chunk_size=CHUNK)
    assert result.info.methods == {"model": 2}
    assert result.tokens == len(TEXT)
    assert result.scored_bits is not None
    assert result.float_path_bits == pytest.approx(0, abs=1e-6)
    assert result.stepped_bits + result.coder_bits == result.stream_bits
    # A stream's end can be lucky, by 16 bits at most; there are two.
    assert -16 * 2 < result.coder_bits <= result.coder_bound_bits
    assert result.file_bits == 8 * (tmp_path / "a.clz").stat().st_size
    text = coded_rate_text(result)
    assert f"{result.scored_bits:,.1f} bits, {len(TEXT)} tokens" in text
    assert "float path, step by step" in text
    decompress_file(tmp_path / "a.clz", tmp_path / "b.txt", model=TokenCoder(tree_model(), 4, 64))
    assert (tmp_path / "b.txt").read_bytes() == TEXT


def test_what_a_model_cannot_code_is_stored_without_it(make_llama: Make, tmp_path: Path) -> None:
    source = tmp_path / "noise"
    source.write_bytes(np.random.default_rng(0).bytes(300))
    result = compress_with_model(source, None, TokenCoder(make_llama(), 4, 64))
    assert result.info.methods == {"raw": 1}
    assert (result.tokens, result.stream_bits, result.escaped_bytes) == (0, 0, 300)
    text = coded_rate_text(result)
    assert "300 bytes are stored without the model" in text
    assert "300 bytes in 1 chunk: the model makes them no smaller than storing, zlib or LZMA does; nothing is" in text
    assert json.loads(json.dumps(asdict(result)))["escapes"] == [asdict(found) for found in result.escapes]
    decompress_file(tmp_path / "noise.clz", tmp_path / "again", model=TokenCoder(make_llama(), 4, 64))
    assert (tmp_path / "again").read_bytes() == source.read_bytes()


def test_a_wrong_model_is_refused_before_decoding(tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_bytes(TEXT)
    compress_file(source, model=TokenCoder(tree_model(), 4, 64))
    with pytest.raises(WrongModel, match="written with the model 'tree'"):
        decompress_file(tmp_path / "a.txt.clz", tmp_path / "b", model=TokenCoder(tree_model(0.02), 4, 64))
    assert not (tmp_path / "b").exists()


def test_a_file_sets_up_the_model_that_is_named_for_it(tmp_path: Path) -> None:
    tree = TokenTree.build(Dataset.from_texts([TEXT]), 4, "windows")
    tree.save(tmp_path / "t.tree")
    (tmp_path / "a.txt").write_bytes(TEXT)
    compress_file(tmp_path / "a.txt", model=model_coder(f"tree:{tmp_path / 't.tree'}", streams=3, segment=50))
    with pytest.raises(InvalidParameter, match="which compresslab does not bring, .*: name it with --model"):
        model_of_file(tmp_path / "a.txt.clz")
    with pytest.raises(UnknownName, match="the name of a model is empty"):  # an unset variable of a shell: no leave
        model_of_file(tmp_path / "a.txt.clz", "")
    (tmp_path / "t.tree").rename(tmp_path / "elsewhere.tree")
    coder = model_of_file(tmp_path / "a.txt.clz", f"tree:{tmp_path / 'elsewhere.tree'}")
    assert isinstance(coder, TokenCoder)
    assert (coder.streams, coder.segment) == (3, 50)
    assert decompress_file(tmp_path / "a.txt.clz", tmp_path / "b", model=coder).read_bytes() == TEXT
    compress_file(tmp_path / "a.txt", tmp_path / "c.clz")
    assert isinstance(model_of_file(tmp_path / "c.clz"), EmbeddedModel)
    with pytest.raises(InvalidParameter, match="was written with the embedded model"):
        model_of_file(tmp_path / "c.clz", "tiny")


ELSEWHERE = """
import sys
from compresslab.coding.clz.container import decompress_file
from compresslab.measurements.model_coding import model_of_file
decompress_file(sys.argv[1], sys.argv[2], model=model_of_file(sys.argv[1], sys.argv[3], device="cpu"))
"""


@pytest.mark.slow
def test_a_file_decodes_in_another_process(make_llama: Make, tmp_path: Path) -> None:
    from compresslab.lm.checkpoints import save

    save(make_llama(), tmp_path / "llama")
    (tmp_path / "a.txt").write_bytes(TEXT)
    coder = model_coder(str(tmp_path / "llama"), streams=3, segment=40, device="cpu")
    result = compress_with_model(tmp_path / "a.txt", None, coder, verify=False, compare=False)
    assert result.scored_bits is None
    info = file_info(tmp_path / "a.txt.clz")
    if info.methods != {"model": 1}:  # random weights compress nothing: code it all the same
        (tmp_path / "a.txt.clz").unlink()
        _force(tmp_path / "a.txt", coder)
    given = [str(tmp_path / name) for name in ("a.txt.clz", "b", "llama")]
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, *given],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "b").read_bytes() == TEXT


def _force(source: Path, coder: TokenCoder) -> None:
    """Write a file whose chunk is coded by the model, though it is larger than the text."""
    from compresslab.coding.clz import container
    from compresslab.coding.clz.format import Method

    original = container.encode_chunk
    container.encode_chunk = lambda data, model, *_: Encoded(Method.MODEL, model.compress(data))  # type: ignore[assignment]
    try:
        compress_file(source, model=coder)
    finally:
        container.encode_chunk = original
    assert file_info(f"{source}.clz").methods == {"model": 1}


# ---- damage and wrong use ----


@law
@given(st.integers(0, 10**6), st.integers(0, 7))
def test_damage_is_an_error_or_other_bytes_never_a_crash(place: int, bit: int) -> None:
    coder = TokenCoder(tree_model(), 3, 30)
    coded = bytearray(coder.compress(TEXT))
    coded[place % len(coded)] ^= 1 << bit
    with contextlib.suppress(CorruptStream):
        assert len(coder.decompress(bytes(coded), len(TEXT))) == len(TEXT)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(TEXT)
    coder = TokenCoder(tree_model(), 3, 30)
    compress_file(tmp_path / "a", model=coder)
    raw = bytearray((tmp_path / "a.clz").read_bytes())
    raw[len(raw) // 2] ^= 1
    (tmp_path / "a.clz").write_bytes(raw)
    with pytest.raises(CorruptFile, match="damaged"):
        decompress_file(tmp_path / "a.clz", tmp_path / "b", model=coder)


def test_wrong_use_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="it needs a tokenizer to code bytes"):
        TokenCoder(TreeModel.of(Dataset.from_token_lists([[0, 1]]), 2))
    with pytest.raises(InvalidParameter, match="streams is 0: it must be a whole number, 1 or more"):
        TokenCoder(tree_model(), 0)
    with pytest.raises(InvalidParameter, match="segment is 0"):
        TokenCoder(tree_model(), 1, 0)
    with pytest.raises(InvalidParameter, match="streams is 65537: .* at most 65536"):
        TokenCoder(tree_model(), (1 << 16) + 1)
    with pytest.raises(InvalidParameter, match="segment is 2147483649: .* at most 2147483648"):
        TokenCoder(tree_model(), 1, (1 << 31) + 1)
    coder = TokenCoder(tree_model())
    with pytest.raises(CorruptStream, match="announces 99999 tokens"):
        coder.decompress(b"\x9f\x8d\x06", 10)
    with pytest.raises(CorruptStream, match="the number of tokens at the start of a chunk is broken"):
        coder.decompress(b"\xff" * 12, 10)
    with pytest.raises(CorruptStream, match="for no tokens"):
        coder.decompress(b"\0abcd", 0)
    assert coder.compress(b"") == b"\0"
