"""Any Hugging Face tokenizer as a Tokenizer. Nothing is downloaded; the packages are imported when asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from compresslab.arrays import Int64Array, UIntArray, as_tokens, offsets_of, read_only
from compresslab.errors import CorruptFile, DecodingError, InvalidTokens, MissingExtra, UnknownName, UnreadableFile
from compresslab.texts import Texts

__all__ = ["HuggingFaceTokenizer", "load_hugging_face"]

ENCODE_BATCH = 4096  # texts encoded at once: the library's own objects take far more memory than their tokens


@dataclass(frozen=True)
class HuggingFaceTokenizer:
    """A Hugging Face tokenizer. Two are equal if their names and their contents (``fingerprint``) are.

    Special tokens are not added, nothing is truncated or padded. Such tokenizers read text, so bytes that are not
    valid UTF-8 reach them as U+FFFD; some also change white space or case. A `Dataset` therefore checks every response,
    and its ``exact`` says whether all decode to their bytes. Byte counts are those of the original either way.

    Attributes:
        name: "hf:NAME".
        vocab_size: the largest token plus one, added tokens included.
        lossless: False: what it loses depends on the text.
        fingerprint: SHA-256 of its definition.
    """

    name: str
    vocab_size: int
    fingerprint: str
    encode_texts: Callable[[list[str]], list[Sequence[int]]] = field(repr=False, compare=False)
    decode_tokens: Callable[[list[int]], str] = field(repr=False, compare=False)
    token_name: Callable[[int], str | None] = field(repr=False, compare=False)
    lossless: bool = field(default=False, init=False)

    def encode(self, data: bytes) -> UIntArray:
        """Return the tokens of one text."""
        return self.encode_batch([data])[0]

    def encode_batch(self, texts: Sequence[bytes] | Texts) -> tuple[UIntArray, Int64Array]:
        """Return the tokens of many texts, flat, and their offsets."""
        flat: list[int] = []
        lengths: list[int] = []
        batch: list[str] = []

        def flush() -> None:
            for ids in self.encode_texts(batch):
                flat.extend(ids)
                lengths.append(len(ids))
            batch.clear()

        for text in texts:
            batch.append(text.decode("utf-8", "replace"))
            if len(batch) == ENCODE_BATCH:
                flush()
        if batch:
            flush()
        return as_tokens(np.array(flat, dtype=np.int64), self.vocab_size)[0], offsets_of(lengths)

    def decode(self, tokens: object) -> bytes:
        """Return the text of one response, special tokens included."""
        try:
            ids = as_tokens(tokens, self.vocab_size)[0].tolist()
        except InvalidTokens as error:
            reason = str(error).split(":", maxsplit=1)[0]
            raise DecodingError(f"{reason}: '{self.name}' has the tokens 0 to {self.vocab_size - 1}") from error
        return self.decode_tokens(ids).encode("utf-8") if ids else b""

    def token_text(self, token: int) -> str:
        """Return the token's own spelling in the vocabulary."""
        return self.token_name(int(token)) or f"<{int(token)}>"
