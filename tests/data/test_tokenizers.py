"""Tokenizers: the round trip is exact on any bytes, and what no text encodes to is refused."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab.data.dataset import Dataset
from compresslab.data.texts import Texts
from compresslab.data.tokenizer_limits import TOKEN_MOST, TOKENS_MOST
from compresslab.data.tokenizers import RUN, BitTokenizer, ByteTokenizer, Tokenizer, WordTokenizer, get_tokenizer
from compresslab.errors import (
    CorruptFile,
    DecodingError,
    InvalidParameter,
    MissingExtra,
    UnknownName,
    UnreadableFile,
)

law = settings(max_examples=50, deadline=None)
# Arbitrary bytes seldom hold words; a second source is made of what the word splitter looks at.
wordy = st.lists(st.sampled_from([b" ", b"  ", b"\n", b"a", b"don't", b"'", b".", b"\xff", b"\x00", b"to", b"_9"]))
any_bytes = st.binary(max_size=40) | wordy.map(b"".join)
any_texts = st.lists(any_bytes, max_size=8)


def lossless(train: list[bytes]) -> list[Tokenizer]:
    return [BitTokenizer(), ByteTokenizer(), WordTokenizer.train(train), WordTokenizer.train(train, 2)]


@law
@given(any_texts, any_texts)
def test_decoding_inverts_encoding_on_any_bytes(seen: list[bytes], unseen: list[bytes]) -> None:
    for tokenizer in lossless(seen):
        assert tokenizer.lossless
        for text in seen + unseen:
            tokens = tokenizer.encode(text)
            assert tokens.dtype.kind == "u"
            assert tokenizer.decode(tokens) == text


@law
@given(any_texts, any_texts)
def test_a_batch_is_its_texts_one_by_one(seen: list[bytes], unseen: list[bytes]) -> None:
    texts = seen + unseen
    for tokenizer in lossless(seen):
        for given_as in (texts, Texts.pack(texts)):
            flat, offsets = tokenizer.encode_batch(given_as)
            assert offsets.dtype == np.int64
            assert offsets.size == len(texts) + 1
            for i, text in enumerate(texts):
                assert flat[offsets[i] : offsets[i + 1]].tolist() == tokenizer.encode(text).tolist()
            assert flat.size == offsets[-1]
            assert flat.max(initial=0) < tokenizer.vocab_size


@law
@given(any_bytes)
def test_the_word_split_loses_nothing(text: bytes) -> None:
    assert b"".join(RUN.findall(text)) == text


@law
@given(any_texts)
def test_a_trained_vocabulary_holds_every_run_of_its_texts(texts: list[bytes]) -> None:
    tokenizer = WordTokenizer.train(texts)
    for text in texts:
        assert tokenizer.encode(text).size == len(RUN.findall(text))


@law
@given(any_texts, st.randoms(use_true_random=False))
def test_the_vocabulary_does_not_depend_on_the_order_of_the_texts(texts: list[bytes], random: object) -> None:
    shuffled = list(texts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert WordTokenizer.train(texts) == WordTokenizer.train(shuffled)


def test_bits_are_those_of_the_byte_highest_first() -> None:
    assert BitTokenizer().encode(b"\x80\x03").tolist() == [1] + [0] * 13 + [1, 1]


def test_words_carry_the_space_before_them() -> None:
    words = WordTokenizer.train([b"I can't -- we can't!  Stop\n"])
    texts = [words.token_text(token) for token in words.encode(b"I can't -- we can't!  Stop\n")]
    assert texts == ["I", " can't", " --", " we", " can't", "!", " ", " Stop", "\\n"]


def test_the_vocabulary_is_the_most_frequent_runs_ties_in_byte_order() -> None:
    words = WordTokenizer.train(["bb aa", " cc cc", " aa"])
    assert words.words == (b" aa", b" cc", b"bb")
    assert WordTokenizer.train(["bb aa", " cc cc", " aa"], max_vocab=1).words == (b" aa",)
    assert words.vocab_size == 259
    assert repr(words) == "WordTokenizer(3 words)"


def test_a_word_outside_the_vocabulary_is_spelled_in_bytes() -> None:
    words = WordTokenizer.train(["to be"])
    assert words.encode(b"to see").tolist() == [257, *b" see"]
    assert words.encode_batch([b"to", b"see", b""])[1].tolist() == [0, 1, 4, 4]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((b"a",), "word 0 of the vocabulary, b'a', is not one run of at least two bytes"),
        ((b"aa", b"bb cc"), "word 1 of the vocabulary, b'bb cc', is not one run"),
        ((b"aa", b"aa"), "word 1 of the vocabulary, b'aa', is there twice"),
    ],
)
def test_a_vocabulary_that_could_not_be_inverted_is_refused(words: tuple[bytes, ...], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        WordTokenizer(words)


def test_a_negative_vocabulary_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="max_vocab is -1: it must be 0 or more"):
        WordTokenizer.train(["a"], max_vocab=-1)


@pytest.mark.parametrize(
    ("tokenizer", "tokens", "message"),
    [
        (
            BitTokenizer(),
            [0, 1, 2],
            "token 2 is 2, not below the vocabulary size 2: the tokenizer 'bits' has the tokens",
        ),
        (BitTokenizer(), [0, 1, 1], "3 bits are no whole number of bytes: give a multiple of 8"),
        (ByteTokenizer(), [1, 256], "token 1 is 256, .*'bytes' has the tokens 0 to 255"),
        (ByteTokenizer(), [-1], "token 0 is -1: the tokenizer"),
        (ByteTokenizer(), [0.5], "token 0 is 0.5: the tokenizer"),
        (WordTokenizer((b"to",)), [257], "token 0 is 257, .*'words' has the tokens 0 to 256"),
    ],
)
def test_tokens_of_no_text_are_refused(tokenizer: Tokenizer, tokens: list[float], message: str) -> None:
    with pytest.raises(DecodingError, match=message):
        tokenizer.decode(tokens)


def test_names_lead_to_tokenizers() -> None:
    assert get_tokenizer("bits") == BitTokenizer()
    assert get_tokenizer("bytes") == ByteTokenizer()
    assert get_tokenizer("words", ["to be"]) == WordTokenizer((b" be", b"to"))
    mine = WordTokenizer((b"to",))
    assert get_tokenizer(mine) is mine
    for tokenizer in (BitTokenizer(), ByteTokenizer(), mine):
        assert isinstance(tokenizer, Tokenizer)


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("byte", UnknownName, "unknown tokenizer 'byte': did you mean 'bytes'"),
        ("hf:", UnknownName, "unknown tokenizer 'hf:'"),
        ("", UnknownName, "known are bits, bytes, hf:NAME, words"),
        (7, UnknownName, "a tokenizer is a name or a Tokenizer, not int"),
        ("words", InvalidParameter, "'words' needs texts to build its vocabulary from: use WordTokenizer.train"),
    ],
)
def test_unknown_names_say_what_is_known(name: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        get_tokenizer(name)


# ---- Hugging Face ----


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A byte-level BPE whose file asks for truncation and padding, as some do."""
    tokenizers = pytest.importorskip("tokenizers", reason="the package tokenizers is not installed")
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=270,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["</s>"],
        show_progress=False,
    )
    made.train_from_iterator(["to be or not to be"] * 9, trainer)
    made.enable_truncation(2)
    made.enable_padding(length=50)
    made.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def test_a_hugging_face_tokenizer_neither_truncates_nor_pads(folder: Path) -> None:
    tokenizer = get_tokenizer(f"hf:{folder}")
    text = "to be or not to be, é 雪".encode()
    tokens = tokenizer.encode(text)
    assert 2 < tokens.size < len(text)
    assert tokens.dtype == np.uint16
    assert tokenizer.decode(tokens) == text
    assert tokenizer.vocab_size > tokens.max()
    assert tokenizer.name == f"hf:{folder}"
    assert tokenizer.token_text(int(tokenizer.encode(b"to")[0])) == "to"
    assert tokenizer.decode([]) == b""
    assert isinstance(tokenizer, Tokenizer)


def test_a_hugging_face_batch_is_its_texts_one_by_one(folder: Path) -> None:
    tokenizer = get_tokenizer(f"hf:{folder / 'tokenizer.json'}")
    texts = [b"to be", b"", "naïve".encode()] * 2000  # more than one batch
    flat, offsets = tokenizer.encode_batch(texts)
    for i in (0, 1, 2, 5997, 5998, 5999):
        assert flat[offsets[i] : offsets[i + 1]].tolist() == tokenizer.encode(texts[i]).tolist()
    assert offsets.size == 6001


def test_hugging_face_tokenizers_are_equal_by_content(folder: Path) -> None:
    first = get_tokenizer(f"hf:{folder}")
    assert first == get_tokenizer(f"hf:{folder}") == pickle.loads(pickle.dumps(first))
    definition = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    definition["pre_tokenizer"]["add_prefix_space"] = True
    (folder / "tokenizer.json").write_text(json.dumps(definition), "utf-8")
    assert first != get_tokenizer(f"hf:{folder}")


def test_a_tokenizer_in_two_folders_is_one(folder: Path, tmp_path: Path) -> None:
    """As those of a base and the model aligned from it: neither the place nor what is put around a text counts."""
    other = tmp_path / "aligned"
    other.mkdir()
    definition = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    definition["post_processor"] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    (other / "tokenizer.json").write_text(json.dumps(definition), "utf-8")
    one, two = get_tokenizer(f"hf:{folder}"), get_tokenizer(f"hf:{other}")
    assert one.name != two.name
    assert one == two
    assert hash(one) == hash(two)
    datasets = [Dataset.from_texts(["a"], tokenizer) for tokenizer in (one, two)]
    datasets[0].check_same_vocabulary(datasets[1])


def test_hugging_face_tokens_out_of_range_are_refused(folder: Path) -> None:
    with pytest.raises(DecodingError, match="token 0 is 99999, not below"):
        get_tokenizer(f"hf:{folder}").decode([99999])


def test_a_name_in_the_local_cache_is_found(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    constants = pytest.importorskip("huggingface_hub.constants", reason="the package tokenizers is not installed")
    revision = "0" * 40
    model = tmp_path / "cache" / "models--someone--something"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text(revision)
    (model / "snapshots" / revision).mkdir(parents=True)
    (folder / "tokenizer.json").rename(model / "snapshots" / revision / "tokenizer.json")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    assert get_tokenizer("hf:someone/something").decode(get_tokenizer("hf:someone/something").encode(b"to")) == b"to"
    with pytest.raises(UnknownName, match=r"'hf:someone/else': there is no such folder .* not in the local"):
        get_tokenizer("hf:someone/else")


def test_a_damaged_definition_is_named(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers", reason="the package tokenizers is not installed")
    (tmp_path / "tokenizer.json").write_text('{"model": 3}')
    with pytest.raises(CorruptFile, match=r"tokenizer\.json is not a tokenizer that can be read"):
        get_tokenizer(f"hf:{tmp_path}")
    (tmp_path / "tokenizer.json").write_bytes(b"\xff")
    with pytest.raises(CorruptFile, match=r"tokenizer\.json is not a tokenizer that can be read"):
        get_tokenizer(f"hf:{tmp_path}")


def test_a_missing_package_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtra, match=r"needs the optional extra 'lm': pip install 'compresslab\[lm\]'"):
        get_tokenizer(f"hf:{tmp_path}")
    (tmp_path / "tokenizer.json").unlink()
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"a folder without tokenizer\.json"):
        get_tokenizer(f"hf:{tmp_path}")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtra, match="'hf:someone/something' needs"):
        get_tokenizer("hf:someone/something")


class FolderTokenizer:
    """What transformers returns for a tokenizer without a fast implementation."""

    @staticmethod
    def from_pretrained(path: str, local_files_only: bool, trust_remote_code: bool) -> FolderTokenizer:
        assert (local_files_only, trust_remote_code) == (True, False)
        if Path(path).name == "empty":
            raise OSError("no vocabulary here")
        return FolderTokenizer()

    def get_vocab(self) -> dict[str, int]:
        return {"a": 0, "b": 5}

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        assert not add_special_tokens
        return [self.get_vocab()[letter] for letter in text]

    def decode(self, ids: list[int], skip_special_tokens: bool, clean_up_tokenization_spaces: bool) -> str:
        assert not skip_special_tokens
        assert not clean_up_tokenization_spaces
        return "".join("a" if i == 0 else "b" for i in ids)


def test_a_folder_without_a_definition_is_read_by_transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = type(sys)("transformers")
    fake.AutoTokenizer = FolderTokenizer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "transformers", fake)
    tokenizer = get_tokenizer(f"hf:{tmp_path}")
    assert tokenizer.encode(b"aba").tolist() == [0, 5, 0]
    assert (tokenizer.vocab_size, tokenizer.decode([5, 0]), tokenizer.token_text(3)) == (6, b"ba", "<3>")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnreadableFile, match=r"empty holds no tokenizer that can be read: it has no tokenizer\.json"):
        get_tokenizer(f"hf:{tmp_path / 'empty'}")
    (tmp_path / "empty" / "vocab.txt").write_text("")
    with pytest.raises(UnreadableFile, match="empty holds no tokenizer that can be read: no vocabulary here"):
        get_tokenizer(f"hf:{tmp_path / 'empty'}")


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a":' * 100_000, b'"a"', b'{"a": ' + b"9" * 5000 + b"}"])
@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_a_hostile_definition_of_a_tokenizer_is_one_named_error(tmp_path: Path, name: str, content: bytes) -> None:
    pytest.importorskip("transformers", reason="needs the extra 'lm'")
    (tmp_path / name).write_bytes(content)
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises((CorruptFile, UnreadableFile), match="tokenizer that can be read"):
        get_tokenizer(f"hf:{tmp_path}")


def _definition(**changes: object) -> str:
    model = {"type": "WordLevel", "vocab": {"a": 0, "b": 1, "?": 2}, "unk_token": "?"}
    return json.dumps({"version": "1.0", "model": model, **changes})


def _words(**vocab: object) -> dict[str, object]:
    return {"type": "WordLevel", "vocab": {"?": 0, **vocab}, "unk_token": "?"}


def _replace(content: str, pattern: str = "a") -> dict[str, object]:
    return {"type": "Replace", "pattern": {"String": pattern}, "content": content}


# Each ends the process of a library that takes what the file says: an allocation, or a stack, that fails in it.
EXCESSIVE = {
    "id": _definition(model=_words(a=1 << 31)),
    "id 2^40": _definition(model=_words(a=1 << 40)),
    "id of 400 digits": _definition(model=_words(a=10**400)),
    "piece": _definition(model={"type": "Unigram", "vocab": [["z" * 2_000_000, -1.0]], "unk_id": 0}),
    "table": _definition(normalizer={"type": "Precompiled", "precompiled_charsmap": "/////wAAAAAAAAAA"}),
    "no table": _definition(normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAAAA=="}),
    "put before": _definition(
        normalizer={"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "a" * 9999}]}
    ),
    "put before words": _definition(
        model={"type": "BPE", "vocab": {"a": 0}, "merges": [], "continuing_subword_prefix": "a" * 9999}
    ),
    "growth": _definition(normalizer={"type": "Sequence", "normalizers": [_replace("a" * 100)] * 6}),
    "growth between": _definition(normalizer={"type": "Sequence", "normalizers": [_replace("a", "")] * 40}),
    "growth of what is decoded": _definition(decoder={"type": "Sequence", "decoders": [_replace("aa")] * 40}),
    "twice": _definition(model=_words(a=1 << 31))[:-1] + ',"model":' + json.dumps(_words()) + "}",
}


@pytest.mark.parametrize("what", EXCESSIVE)
def test_a_definition_that_asks_for_too_much_is_refused_before_it_is_read(tmp_path: Path, what: str) -> None:
    pytest.importorskip("tokenizers", reason="the package tokenizers is not installed")
    (tmp_path / "tokenizer.json").write_text(EXCESSIVE[what])
    with pytest.raises(CorruptFile, match=r"tokenizer\.json is not a tokenizer that can be read: .*: [a-z ]+"):
        get_tokenizer(f"hf:{tmp_path}")


def test_limits_of_definitions_are_far_above_what_models_have(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers", reason="the package tokenizers is not installed")
    spaced = {"type": "Sequence", "normalizers": [_replace("\u2581", " "), _replace('"', "``"), _replace('"', "''")]}
    model = _words(**{"a": TOKENS_MOST - 1, "x" * TOKEN_MOST: 1})
    (tmp_path / "tokenizer.json").write_text(_definition(model=model, normalizer=spaced))
    assert get_tokenizer(f"hf:{tmp_path}").vocab_size == TOKENS_MOST


def test_token_numbers_of_other_files_are_checked_too(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs the extra 'lm'")
    (tmp_path / "vocab.json").write_text(json.dumps({"a": 0, "b": 1, "ab": 1 << 31}))
    (tmp_path / "merges.txt").write_text("a b\n")
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "GPT2Tokenizer"}')
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(CorruptFile, match="a token has the number 2147483648, and tokens are read up to 4,194,303"):
        get_tokenizer(f"hf:{tmp_path}")
