"""Datasets: nothing is lost between the text and the tokens, and every part of a dataset counts its own bytes."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab._support.arrays import GATHER_BLOCK, gather, offsets_of
from compresslab.data.dataset import Dataset
from compresslab.data.tokenizers import WordTokenizer
from compresslab.errors import (
    CompressLabError,
    DecodingError,
    EmptyDataset,
    InvalidParameter,
    InvalidTokens,
    MismatchedVocabulary,
    NotText,
    UnknownName,
)

law = settings(max_examples=50, deadline=None)
texts_of = st.lists(st.binary(max_size=12), min_size=1, max_size=12)
lists_of = st.lists(st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 300), max_size=6), min_size=1, max_size=10)
names_of = st.sampled_from(["bits", "bytes", "words"])


# ---- laws ----


@law
@given(texts_of, names_of)
def test_texts_come_back_exactly(texts: list[bytes], tokenizer: str) -> None:
    data = Dataset.from_texts(texts, tokenizer)
    assert data.texts() == texts
    assert data.exact is True
    assert data.num_bytes == sum(map(len, texts))
    assert data.num_responses == len(data) == len(texts)
    assert data.num_symbols == data.num_tokens + len(texts) == data.lengths.sum()
    assert [data[i].tolist() for i in range(len(data))] == [r.tolist() for r in data]


@law
@given(lists_of)
def test_token_lists_come_back_exactly(lists: list[list[int]]) -> None:
    data = Dataset.from_token_lists(lists)
    largest = max((token for tokens in lists for token in tokens), default=0)
    assert [response.tolist() for response in data] == lists
    assert data.vocab_size == largest + 1
    assert data.tokens.dtype == (np.uint8 if largest < 256 else np.uint16 if largest < 65536 else np.uint32)
    assert data.num_bytes is None
    assert data.lengths.tolist() == [len(tokens) + 1 for tokens in lists]
    arrays = [np.array(tokens, dtype=np.int64) for tokens in lists]
    mixed = [a if i % 2 else t for i, (a, t) in enumerate(zip(arrays, lists, strict=True))]
    for other in (arrays, mixed, map(tuple, lists)):
        assert Dataset.from_token_lists(other).same_as(data)
    assert Dataset.from_arrays(data.tokens, data.offsets, data.vocab_size).same_as(data)


@law
@given(texts_of, names_of, st.data())
def test_selecting_takes_the_responses_and_their_bytes(texts: list[bytes], tokenizer: str, draw: st.DataObject) -> None:
    data = Dataset.from_texts(texts, tokenizer)
    indices = draw.draw(st.lists(st.integers(-len(texts), len(texts) - 1), min_size=1, max_size=20))
    part = data.select(indices)
    assert part.texts() == [texts[i] for i in indices]
    assert part.num_bytes == sum(len(texts[i]) for i in indices)
    assert part.tokenizer is data.tokenizer


@law
@given(texts_of, st.integers(1, 12))
def test_shards_concatenate_to_the_whole(texts: list[bytes], count: int) -> None:
    data = Dataset.from_texts(texts)
    count = min(count, len(texts))
    shards = data.shards(count)
    sizes = [len(shard) for shard in shards]
    assert len(shards) == count
    assert max(sizes) - min(sizes) <= 1
    whole = Dataset.concat(shards)
    assert whole.same_as(data)
    assert whole.num_bytes == data.num_bytes == sum(shard.num_bytes or 0 for shard in shards)


@law
@given(st.integers(2, 40), st.floats(0.01, 0.99), st.integers(0, 2**40))
def test_a_split_is_a_partition_that_the_seed_decides(count: int, fraction: float, seed: int) -> None:
    data = Dataset.from_token_lists([[i] for i in range(count)])
    if round(fraction * count) in (0, count):
        with pytest.raises(InvalidParameter, match="leaves one part empty"):
            data.split(fraction, seed)
        return
    train, held_out = data.split(fraction, seed)
    assert len(train) == round(fraction * count)
    assert sorted(train.tokens.tolist() + held_out.tokens.tolist()) == list(range(count))
    assert train.tokens.tolist() == sorted(train.tokens.tolist())  # the order is kept
    again, _ = data.split(fraction, np.random.default_rng(seed))
    assert again.same_as(train)


@law
@given(st.integers(1, 30), st.data())
def test_a_subsample_is_distinct_responses_in_order(count: int, draw: st.DataObject) -> None:
    data = Dataset.from_token_lists([[i] for i in range(count)])
    taken = draw.draw(st.integers(1, count))
    chosen = data.subsample(taken, seed=3).tokens.tolist()
    assert chosen == sorted(set(chosen))
    assert len(chosen) == taken


def test_other_seeds_give_other_splits() -> None:
    data = Dataset.from_token_lists([[i] for i in range(100)])
    assert not data.split(0.5, 0)[0].same_as(data.split(0.5, 1)[0])
    assert not data.subsample(50, 0).same_as(data.subsample(50, 1))


# ---- the parts ----


def test_gathering_in_blocks_is_gathering_at_once() -> None:
    rng = np.random.default_rng(5)
    lengths = np.concatenate([rng.integers(0, 50, 1000), [0, GATHER_BLOCK + 77, 0, 3]])
    offsets = offsets_of(lengths)
    flat = rng.integers(0, 256, int(offsets[-1])).astype(np.uint8)
    indices = rng.permutation(lengths.size)
    gathered, new = gather(flat, offsets, indices)
    assert np.array_equal(gathered, np.concatenate([flat[offsets[i] : offsets[i + 1]] for i in indices]))
    assert np.array_equal(np.diff(new), lengths[indices])


def test_tokens_cannot_be_written_to_from_either_side() -> None:
    mine = np.array([1, 2, 3], dtype=np.uint8)
    data = Dataset.from_arrays(mine)
    mine[0] = 9
    assert data.tokens.tolist() == [1, 2, 3]
    for array in (data.tokens, data.offsets, data[0], data.select([0]).tokens, data.shards(1)[0].tokens):
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7


def test_a_read_only_array_is_shared() -> None:
    held = np.arange(5, dtype=np.uint8)
    held.flags.writeable = False
    assert Dataset.from_arrays(held).tokens is held


def test_the_bytes_of_a_part_are_unknown_where_only_the_total_is_known() -> None:
    data = Dataset.from_token_lists([[1], [2]], num_bytes=7)
    assert data.num_bytes == 7
    assert data.select([0]).num_bytes is None
    assert Dataset.concat([data, data]).num_bytes == 14
    assert Dataset.concat([data, data.select([0])], name="both").num_bytes is None


def test_concat_keeps_what_is_common() -> None:
    a, b = Dataset.from_texts(["x"], name="a"), Dataset.from_texts(["yz"], name="b")
    both = Dataset.concat([a, b])
    assert (both.name, both.exact, both.num_bytes, both.select([1]).num_bytes) == ("a + b", True, 3, 2)
    bare = Dataset.from_token_lists([[1]], vocab_size=256)
    assert Dataset.concat([a, bare]).exact is None


def test_words_shared_by_datasets_can_be_joined() -> None:
    shared = WordTokenizer.train(["to be", "or not"])
    a, b = Dataset.from_texts(["to be"], shared), Dataset.from_texts(["or not", "at all"], shared)
    assert Dataset.concat([a, b]).texts() == [b"to be", b"or not", b"at all"]
    alone = Dataset.from_texts(["or not"], "words")
    with pytest.raises(MismatchedVocabulary, match="tokenizers 'words' and 'words' differ"):
        Dataset.concat([Dataset.from_texts(["to be"], "words"), alone])
    with pytest.raises(
        MismatchedVocabulary, match="vocabularies of 2 and 256 tokens: tokenize both with one tokenizer"
    ):
        Dataset.concat([Dataset.from_texts(["a"], "bits"), Dataset.from_texts(["a"])])


def test_same_as_sees_every_difference() -> None:
    data = Dataset.from_token_lists([[1, 2], [3]])
    assert data.same_as(Dataset.from_token_lists([[1, 2], [3]], name="another"))
    for other in ([[1], [2, 3]], [[1, 2], [2, 3]], [[1, 2], [0]]):
        assert not data.same_as(Dataset.from_token_lists(other, vocab_size=4))
    assert not data.same_as(Dataset.from_token_lists([[1, 2], [3]], vocab_size=5))


@pytest.mark.parametrize("tokenizer", ["bits", "bytes", "words"])
def test_a_pickle_is_the_same_and_as_safe(tokenizer: str) -> None:
    data = Dataset.from_texts(["to be", "", "or not"], tokenizer, name="x")
    again = pickle.loads(pickle.dumps(data))
    assert again.same_as(data)
    assert (again.name, again.num_bytes, again.exact, again.tokenizer) == ("x", 11, True, data.tokenizer)
    assert not again.tokens.flags.writeable


def test_a_mask_selects() -> None:
    data = Dataset.from_texts(["a", "b", "c"], name="letters")
    assert data.select(np.array([True, False, True])).texts() == [b"a", b"c"]
    assert data.select([1], name="one").name == "one"
    assert data.select([1]).name == "letters"


def test_reprs_say_what_there_is() -> None:
    assert repr(Dataset.from_texts(["to be"], "bits", name="x")) == (
        "Dataset('x', 1 response, 40 tokens, vocabulary 2 (bits), 5 bytes)"
    )
    assert repr(Dataset.from_token_lists([[1000], []])) == "Dataset(2 responses, 1 tokens, vocabulary 1,001)"


def test_the_whole_32_bits_are_usable() -> None:
    data = Dataset.from_token_lists([[2**32 - 1]], vocab_size=2**32)
    assert data.tokens.dtype == np.uint32
    assert data.vocab_size == 2**32
    assert Dataset.from_arrays(np.array([2.0**32 - 1])).tokens.tolist() == [2**32 - 1]


def test_responses_may_be_empty_but_not_absent() -> None:
    data = Dataset.from_texts(["", ""])
    assert (data.num_tokens, data.num_symbols, data.num_bytes, data.texts()) == (0, 2, 0, [b"", b""])
    assert Dataset.from_token_lists([[], []]).vocab_size == 1
    unnamed: list[Callable[[], object]] = [lambda: Dataset.from_token_lists([]), lambda: data.select([])]
    named: list[Callable[[], object]] = [
        lambda: Dataset.from_texts([], name="void"),
        lambda: Dataset.from_texts([" \n"], split="line", name="void"),
        lambda: Dataset(np.zeros(0, np.uint8), np.zeros(1, np.int64), 2, name="void"),
    ]
    for make in named:
        with pytest.raises(EmptyDataset, match=r"void: no responses"):
            make()
    for make in unnamed:
        with pytest.raises(EmptyDataset, match="no responses: a dataset needs at least one"):
            make()
    with pytest.raises(EmptyDataset, match="no datasets"):
        Dataset.concat([])


def test_a_tokenizer_gives_token_lists_their_vocabulary_and_text() -> None:
    source = Dataset.from_texts(["to be"], "words")
    data = Dataset.from_token_lists([[257]], tokenizer=source.tokenizer)
    assert (data.vocab_size, data.texts()) == (258, [b"to"])
    assert Dataset.from_arrays([256, 257], [0, 1, 2], tokenizer=source.tokenizer).texts() == [b" be", b"to"]
    with pytest.raises(DecodingError, match="came without a tokenizer: give one as tokenizer="):
        Dataset.from_token_lists([[1]]).texts()


def test_a_hugging_face_tokenizer_that_loses_text_is_found_out(tmp_path: Any) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="the package tokenizers is not installed")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"to": 0, "be": 1, "?": 2}, unk_token="?"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    kept = Dataset.from_texts(["to be", "be"], f"hf:{tmp_path}")
    assert kept.exact is True
    lost = Dataset.from_texts(["to be", "to  see", b"\xff"], f"hf:{tmp_path}")
    assert lost.exact is False
    assert lost.num_bytes == 13  # of the original
    assert repr(lost).endswith("13 bytes, not exact)")


# ---- bad input ----


@pytest.mark.parametrize(
    ("lists", "vocab_size", "message"),
    [
        ([[0], [1, -1]], None, r"token 1 of response 1 is -1: tokens are whole numbers from 0 to 2\*\*32 - 1"),
        ([[0, 1.5]], None, "token 1 of response 0 is 1.5: tokens are whole numbers"),
        ([[], [float("nan")]], None, "token 0 of response 1 is nan"),
        ([[0], [2**32]], None, "token 0 of response 1 is 4294967296"),
        ([[0, 2**70]], None, "token 1 of response 0 is 1180591620717411303424"),
        ([[0], [-(2**70)]], None, "token 0 of response 1 is -1180591620717411303424"),
        ([[0, "a"]], None, "token 1 of response 0 is 'a'"),
        ([[0, None]], None, "token 1 of response 0 is None"),
        ([[0], [[1], [2]]], None, r"token 0 of response 1 is \[1\]"),
        ([[0], [[1, 2], [3]]], None, r"token 0 of response 1 is \[1, 2\]"),
        ([[0], "text"], None, "response 1 is str: give a list"),
        ([[0], 5], None, "response 1 is int: give a list"),
        ([np.zeros((2, 2), int)], None, r"response 0 is an array of shape \(2, 2\)"),
        ([[3], [5]], 5, "token 0 of response 1 is 5, not below the vocabulary size 5: give vocab_size=6 or more"),
        ([np.array([1, 2]), np.array([-7])], None, "token 0 of response 1 is -7"),
    ],
)
def test_bad_tokens_are_named_with_their_place(lists: Any, vocab_size: int | None, message: str) -> None:
    with pytest.raises(InvalidTokens, match=message):
        Dataset.from_token_lists(lists, vocab_size)


bad = Dataset.from_texts(["a", "b", "c"])


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda: Dataset.from_arrays([1], [0, 2]), InvalidParameter, "offsets run from 0 to 2, not from 0 to 1"),
        (lambda: Dataset.from_arrays([1, 1], [0, 2, 1, 2]), InvalidParameter, "offsets fall from 2 to 1 at index 2"),
        (lambda: Dataset.from_arrays([1], [0.0, 1.0]), InvalidParameter, "array of integers, not float64"),
        (lambda: Dataset.from_arrays([[1, 2]]), CompressLabError, r"shape \(1, 2\)"),
        (lambda: Dataset.from_arrays([1], vocab_size=0), InvalidParameter, "vocab_size is 0: it must be a whole"),
        (lambda: Dataset.from_arrays([1], vocab_size=2**32 + 1), InvalidParameter, "vocab_size is 4294967297"),
        (lambda: Dataset.from_arrays([1], vocab_size=2.5), InvalidParameter, "vocab_size is 2.5"),  # type: ignore[arg-type]
        (lambda: Dataset.from_token_lists([[1]], num_bytes=-1), InvalidParameter, "num_bytes is -1"),
        (lambda: Dataset.from_texts("text"), InvalidParameter, "a single str, .* put it in a list"),
        (lambda: Dataset.from_texts(b"text"), InvalidParameter, "a single bytes"),  # type: ignore[arg-type]
        (lambda: Dataset.from_texts(["\ud800"]), NotText, "character 0 of a text is the lone surrogate U\\+D800"),
        (lambda: Dataset.from_texts([3]), NotText, "a text is int, not str or bytes: 3"),  # type: ignore[list-item]
        (lambda: Dataset.from_texts(["a"], split="lines"), UnknownName, "unknown unit 'lines' .* did you mean 'line'"),
        (lambda: bad.select([3]), InvalidParameter, "index 3 is out of range: there are 3 responses"),
        (lambda: bad.select([-4]), InvalidParameter, "index -4 is out of range"),
        (lambda: bad.select([0.5]), InvalidParameter, "indices are float64"),
        (lambda: bad.select([True]), InvalidParameter, "a mask of 3 booleans"),
        (lambda: bad.split(0, 1), InvalidParameter, "fraction is 0: it must lie between 0 and 1"),
        (lambda: bad.split(1.0, 1), InvalidParameter, "fraction is 1.0"),
        (lambda: bad.split(float("nan"), 1), InvalidParameter, "fraction is nan"),
        (lambda: bad.split(0.1, 1), InvalidParameter, "0.1 of 3 responses leaves one part empty"),
        (lambda: bad.split(0.5, -1), InvalidParameter, "seed is -1: it must be a whole number, 0 or more"),
        (lambda: bad.split(0.5, None), InvalidParameter, "seed is None"),  # type: ignore[arg-type]
        (lambda: bad.subsample(4, 0), InvalidParameter, "cannot draw 4 of 3 responses: give 1 to 3"),
        (lambda: bad.subsample(0, 0), InvalidParameter, "cannot draw 0 of 3"),
        (lambda: bad.shards(4), InvalidParameter, "cannot cut 3 responses into 4 shards: give 1 to 3"),
        (lambda: bad[3], IndexError, "response 3 of 3"),
        (
            lambda: Dataset(bad.tokens, bad.offsets, 256, response_bytes=np.array([1])),
            InvalidParameter,
            "response_bytes must be 3 whole numbers",
        ),
        (
            lambda: Dataset(bad.tokens, bad.offsets, 256, num_bytes=9, response_bytes=np.array([1, 1, 1])),
            InvalidParameter,
            "response_bytes sum to 3, num_bytes is 9",
        ),
    ],
)
def test_bad_input_is_named(act: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        act()
