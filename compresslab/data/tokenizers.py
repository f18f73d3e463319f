r"""Tokenizers: from bytes to whole numbers and back.

==========  =======================  ==========================================================================
name        V, the alphabet's size   tokens
==========  =======================  ==========================================================================
``bits``    2                        the bits of each byte, the highest first (the paper's binary alphabet)
``bytes``   256                      the bytes
``words``   256 + the vocabulary     a word with the space before it, a run of punctuation, a run of white space;
                                     one that is not in the vocabulary is spelled in bytes
``hf:X``    that of X                those of any Hugging Face tokenizer: a folder, a ``tokenizer.json``, or a
                                     name in the local cache (`compresslab.data.hugging_face_tokenizer`)
==========  =======================  ==========================================================================

The end of a response, EOS, is not a token and is not counted in V: every response has exactly one, after its tokens.
The first three are lossless: ``decode(encode(x)) == x`` for any bytes ``x``.

Example:
    >>> get_tokenizer("bits").encode(b"A").tolist()
    [0, 1, 0, 0, 0, 0, 0, 1]
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from compresslab._support.arrays import Int64Array, UIntArray, as_tokens, smallest_unsigned
from compresslab._support.printable import printable
from compresslab.data.texts import Texts
from compresslab.errors import DecodingError, InvalidParameter, InvalidTokens, UnknownName, did_you_mean

__all__ = [
    "BitTokenizer",
    "ByteTokenizer",
    "Tokenizer",
    "WordTokenizer",
    "check_tokenizer_name",
    "get_tokenizer",
    "tokenizer_fingerprint",
    "tokenizer_names",
]


@runtime_checkable
class Tokenizer(Protocol):
    """What a tokenizer is."""

    @property
    def name(self) -> str:
        """The name that `get_tokenizer` takes."""
        ...

    @property
    def vocab_size(self) -> int:
        """V; tokens are ``0 .. V - 1``; EOS is not one of them."""
        ...

    @property
    def lossless(self) -> bool:
        """True where ``decode(encode(x)) == x`` holds for every ``x`` by construction."""
        ...

    def encode(self, data: bytes) -> UIntArray:
        """Return the tokens of one text: unsigned, shape (number of tokens,)."""
        ...

    def encode_batch(self, texts: Sequence[bytes] | Texts) -> tuple[UIntArray, Int64Array]:
        """Return the tokens of many texts, flat, and their offsets (int64, shape (number of texts + 1,))."""
        ...

    def decode(self, tokens: object) -> bytes:
        """Return the text of one response; raise DecodingError for tokens that no text encodes to."""
        ...

    def token_text(self, token: int) -> str:
        """Return a short printable form of one token, to draw trees with."""
        ...


@dataclass(frozen=True)
class BitTokenizer:
    """The paper's binary alphabet: each byte is eight tokens, its highest bit first.

    Example:
        >>> bits = BitTokenizer()
        >>> flat, offsets = bits.encode_batch([b"a", b"", b"b"])
        >>> flat.size, offsets.tolist(), bits.decode(flat)
        (16, [0, 8, 8, 16], b'ab')
    """

    name: str = field(default="bits", init=False)
    vocab_size: int = field(default=2, init=False)
    lossless: bool = field(default=True, init=False)

    def encode(self, data: bytes) -> UIntArray:
        """Return the tokens of one text."""
        return _frozen(np.unpackbits(np.frombuffer(data, dtype=np.uint8)))

    def encode_batch(self, texts: Sequence[bytes] | Texts) -> tuple[UIntArray, Int64Array]:
        """Return the tokens of many texts, flat, and their offsets."""
        packed = Texts.pack(texts)
        return _frozen(np.unpackbits(packed.buffer)), _frozen_offsets(packed.offsets * 8)

    def decode(self, tokens: object) -> bytes:
        """Return the text of one response."""
        bits = _decodable(tokens, self)
        if bits.size % 8:
            raise DecodingError(f"{bits.size} bits are no whole number of bytes: give a multiple of 8")
        return np.packbits(bits).tobytes()

    def token_text(self, token: int) -> str:
        """Return a short printable form of one token."""
        return str(int(_decodable([token], self)[0]))


@dataclass(frozen=True)
class ByteTokenizer:
    r"""Each byte is a token; whatever the bytes are, valid UTF-8 or not.

    Example:
        >>> tokens = ByteTokenizer().encode(b"\xffA")
        >>> tokens.tolist(), ByteTokenizer().decode(tokens), ByteTokenizer().token_text(10)
        ([255, 65], b'\xffA', '\\n')
    """

    name: str = field(default="bytes", init=False)
    vocab_size: int = field(default=256, init=False)
    lossless: bool = field(default=True, init=False)

    def encode(self, data: bytes) -> UIntArray:
        """Return the tokens of one text."""
        return np.frombuffer(data, dtype=np.uint8)

    def encode_batch(self, texts: Sequence[bytes] | Texts) -> tuple[UIntArray, Int64Array]:
        """Return the tokens of many texts, flat, and their offsets."""
        packed = Texts.pack(texts)
        return packed.buffer, packed.offsets

    def decode(self, tokens: object) -> bytes:
        """Return the text of one response."""
        return _decodable(tokens, self).tobytes()

    def token_text(self, token: int) -> str:
        """Return a short printable form of one token."""
        return printable(self.decode([token]))


# A token is " word" (letters, digits, "_", inner apostrophes, any byte above 127), a run of other visible or control
# characters with the space before it, or white space. White space before a word leaves its last space to the word.
# The three classes cover all bytes, so joining the runs gives back the text: the split is lossless.
RUN = re.compile(
    rb" ?[0-9A-Za-z_\x80-\xff]+(?:'[0-9A-Za-z_\x80-\xff]+)*"
    rb"| ?[^\s0-9A-Za-z_\x80-\xff]+"
    rb"|\s+(?!\S)"
    rb"|\s"
)


@dataclass(frozen=True)
class WordTokenizer:
    r"""Words with the space before them, over a vocabulary that was built from data.

    Tokens 0 to 255 are bytes; token ``256 + i`` is ``words[i]``. A run of the split that is one byte long, or not in
    the vocabulary, is spelled in bytes, so any bytes can be encoded and come back exactly. Datasets that are to be
    mixed or compared must share one vocabulary: train it on all of them.

    Attributes:
        words: the vocabulary: distinct runs of two bytes or more.

    Raises:
        InvalidParameter: a word that is repeated, or that the split would not leave whole.

    Example:
        >>> words = WordTokenizer.train([b"to be or not to be"])
        >>> words.words
        (b' be', b' not', b' or', b' to', b'to')
        >>> words.encode(b"to be, or\xff").tolist()
        [260, 256, 44, 32, 111, 114, 255]
        >>> words.decode(words.encode(b"to be, or\xff"))
        b'to be, or\xff'
    """

    words: tuple[bytes, ...]
    name: str = field(default="words", init=False)
    lossless: bool = field(default=True, init=False)
    _ids: dict[bytes, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ids = {bytes([byte]): byte for byte in range(256)}
        for index, word in enumerate(self.words):
            if word in ids or RUN.findall(word) != [word]:
                why = "is there twice" if word in ids and len(word) > 1 else "is not one run of at least two bytes"
                raise InvalidParameter(f"word {index} of the vocabulary, {word!r:.60}, {why}: use WordTokenizer.train")
            ids[word] = 256 + index
        object.__setattr__(self, "_ids", ids)

    @classmethod
    def train(cls, texts: Iterable[str | bytes] | Texts, max_vocab: int | None = None) -> WordTokenizer:
        """Build the vocabulary of all runs in ``texts``, the most frequent first, ties in byte order.

        Args:
            texts: the responses of every dataset that will share the vocabulary.
            max_vocab: keep at most this many words (so V is at most 256 more); all where None.

        Raises:
            InvalidParameter: ``max_vocab`` is negative.
        """
        if max_vocab is not None and max_vocab < 0:
            raise InvalidParameter(f"max_vocab is {max_vocab}: it must be 0 or more")
        counts: Counter[bytes] = Counter()
        for text in Texts.pack(texts):
            counts.update(RUN.findall(text))
        ranked = sorted((word for word in counts if len(word) > 1), key=lambda word: (-counts[word], word))
        return cls(tuple(ranked[:max_vocab]))

    @property
    def vocab_size(self) -> int:
        """256 bytes and the words."""
        return 256 + len(self.words)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the vocabulary."""
        digest = hashlib.sha256()
        for word in self.words:
            digest.update(len(word).to_bytes(8, "little") + word)
        return digest.hexdigest()

    def encode(self, data: bytes) -> UIntArray:
        """Return the tokens of one text."""
        return self.encode_batch([data])[0]

    def encode_batch(self, texts: Sequence[bytes] | Texts) -> tuple[UIntArray, Int64Array]:
        """Return the tokens of many texts, flat, and their offsets."""
        dtype = smallest_unsigned(self.vocab_size - 1)
        lookup, findall = self._ids.get, RUN.findall
        flat: list[int] = []
        ends: list[int] = []
        for text in Texts.pack(texts):
            runs = findall(text)
            ids = list(map(lookup, runs))
            if None in ids:
                for run, known in zip(runs, ids, strict=True):
                    flat.extend(run if known is None else (known,))
            else:
                flat.extend(ids)  # type: ignore[arg-type]
            ends.append(len(flat))
        return _frozen(np.array(flat, dtype=dtype)), _frozen_offsets(np.array([0, *ends], dtype=np.int64))

    def decode(self, tokens: object) -> bytes:
        """Return the text of one response."""
        words = self.words
        return b"".join(words[t - 256] if t > 255 else bytes((t,)) for t in _decodable(tokens, self).tolist())

    def token_text(self, token: int) -> str:
        """Return a short printable form of one token."""
        return printable(self.decode([token]))

    def __repr__(self) -> str:
        return f"WordTokenizer({len(self.words):,} words)"


LOCAL: dict[str, type[BitTokenizer] | type[ByteTokenizer]] = {"bits": BitTokenizer, "bytes": ByteTokenizer}


def tokenizer_names() -> tuple[str, ...]:
    """Return the names that `get_tokenizer` knows; ``hf:NAME`` stands for any Hugging Face tokenizer."""
    return ("bits", "bytes", "words", "hf:NAME")


def get_tokenizer(
    name: str | Tokenizer, texts: Iterable[str | bytes] | Texts | None = None, *, max_vocab: int | None = None
) -> Tokenizer:
    """Return a tokenizer by name; a tokenizer is returned as it is.

    Args:
        name: "bits", "bytes", "words" or "hf:" and a folder, a ``tokenizer.json`` or a name in the local cache.
        texts: what "words" builds its vocabulary from; the others do not look at it.
        max_vocab: passed on to `WordTokenizer.train`.

    Raises:
        UnknownName: no tokenizer has this name.
        InvalidParameter: "words" without texts.
        MissingExtra: "hf:NAME" without the package tokenizers.

    Example:
        >>> get_tokenizer("words", ["to be"]).vocab_size
        258
        >>> get_tokenizer("byte")
        Traceback (most recent call last):
        compresslab.errors.UnknownName: unknown tokenizer 'byte': did you mean 'bytes'?
        (known: bits, bytes, hf:NAME, words)
    """
    if not isinstance(name, str):
        if not isinstance(name, Tokenizer):
            raise UnknownName(f"a tokenizer is a name or a Tokenizer, not {type(name).__name__}")
        return name
    if name in LOCAL:
        return LOCAL[name]()
    if name == "words":
        if texts is None:
            raise InvalidParameter(
                "the tokenizer 'words' needs texts to build its vocabulary from: use WordTokenizer.train(texts)"
            )
        return WordTokenizer.train(texts, max_vocab)
    from compresslab.data.hugging_face_tokenizer import load_hugging_face

    return load_hugging_face(check_tokenizer_name(name)[3:])


def check_tokenizer_name(name: str) -> str:
    """Return ``name`` if it is one that `get_tokenizer` knows, or raise UnknownName with the closest one."""
    if name not in {*LOCAL, "words"} and not (name.startswith("hf:") and len(name) > 3):
        raise UnknownName(f"unknown tokenizer {name!r}: {did_you_mean(name, tokenizer_names())}")
    return name


def tokenizer_fingerprint(tokenizer: Tokenizer) -> str:
    """Return what tells a tokenizer's content from another's: its own ``fingerprint``; its name if it has none.

    Two that were read from different places and do the same have one fingerprint.

    Example:
        >>> tokenizer_fingerprint(ByteTokenizer())
        'bytes'
    """
    return str(getattr(tokenizer, "fingerprint", "") or tokenizer.name)


def _decodable(tokens: object, tokenizer: Tokenizer) -> UIntArray:
    """Return tokens as an array; raise DecodingError unless each is in the tokenizer's vocabulary."""
    try:
        return as_tokens(tokens, tokenizer.vocab_size)[0]
    except InvalidTokens as error:
        reason = str(error).split(":", maxsplit=1)[0]
        raise DecodingError(
            f"{reason}: the tokenizer '{tokenizer.name}' has the tokens 0 to {tokenizer.vocab_size - 1}"
        ) from error


def _frozen(array: UIntArray) -> UIntArray:
    array.flags.writeable = False
    return array


def _frozen_offsets(offsets: Int64Array) -> Int64Array:
    offsets.flags.writeable = False
    return offsets
