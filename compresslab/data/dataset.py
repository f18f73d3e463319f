"""Dataset: responses as one flat array of tokens and offsets, with the exact byte count of their text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from compresslab._support.arrays import (
    Int64Array,
    UIntArray,
    as_array,
    as_generator,
    as_indices,
    as_offsets,
    as_tokens,
    gather,
    offsets_of,
)
from compresslab.data.choice import DataChoice
from compresslab.data.door import ReadData, read_data
from compresslab.data.readers import Paths, read_files, read_jsonl, read_parquet
from compresslab.data.splitting import split_texts
from compresslab.data.texts import Texts
from compresslab.data.token_lists import flatten
from compresslab.data.tokenizers import Tokenizer, get_tokenizer
from compresslab.errors import DecodingError, EmptyDataset, InvalidParameter, MismatchedVocabulary

__all__ = ["Dataset"]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A multiset of responses over one vocabulary: what a token tree is built from (theory, section 1).

    Every response ends in one EOS that is not stored. An empty response (EOS alone) is legal, a dataset without
    responses is not.

    Attributes:
        tokens: flat, shape (num_tokens,), read-only; the smallest of uint8, uint16, uint32 that holds V - 1.
        offsets: int64, shape (num_responses + 1,): response ``i`` is ``tokens[offsets[i]:offsets[i + 1]]``.
        vocab_size: V, EOS not counted; 1 to 2**32.
        num_bytes: bytes of the original text of the responses (UTF-8, or as read); None where unknown.
        tokenizer: what the tokens came from; None for bare numbers.
        name: a label for tables.
        response_bytes: int64, shape (num_responses,): the bytes of each, ``num_bytes`` in all; None where unknown.
        exact: True if every response decodes to its very text; False if one does not, here or in the data this was
            cut from (some Hugging Face tokenizers; bytes are counted in the original either way); None without a text.

    Raises:
        EmptyDataset: no responses.
        InvalidTokens: a token that is not a whole number from 0 to ``vocab_size - 1``.
        InvalidParameter: offsets, ``vocab_size`` or a byte count that cannot be.

    Example:
        >>> data = Dataset.from_texts(["to be", "", "or not"])
        >>> data
        Dataset(3 responses, 11 tokens, vocabulary 256 (bytes), 11 bytes)
        >>> data[0].tolist(), data.lengths.tolist(), data.num_symbols
        ([116, 111, 32, 98, 101], [6, 1, 7], 14)
    """

    tokens: UIntArray
    offsets: Int64Array
    vocab_size: int
    num_bytes: int | None = None
    tokenizer: Tokenizer | None = None
    name: str = ""
    response_bytes: Int64Array | None = None
    exact: bool | None = None

    def __post_init__(self) -> None:
        offsets = as_offsets(self.offsets, np.size(self.tokens))
        if offsets.size == 1:
            raise EmptyDataset(f"{f'{self.name}: ' if self.name else ''}no responses: a dataset needs at least one")
        tokens, vocab_size = as_tokens(self.tokens, self.vocab_size, offsets)
        num_bytes = self.num_bytes
        if self.response_bytes is not None:
            num_bytes = _checked_bytes(self.response_bytes, offsets.size - 1, num_bytes)
        elif num_bytes is not None and (int(num_bytes) != num_bytes or num_bytes < 0):
            raise InvalidParameter(f"num_bytes is {num_bytes}: it must be a whole number, 0 or more, or None")
        values = {"tokens": tokens, "offsets": offsets, "vocab_size": vocab_size, "num_bytes": num_bytes}
        for key, value in values.items():
            object.__setattr__(self, key, value)

    def __reduce__(self) -> tuple[type[Dataset], tuple[object, ...]]:
        # Through the constructor: arrays come out of a pickle writable, and what comes from elsewhere is checked.
        return Dataset, tuple(getattr(self, field.name) for field in fields(self))

    # ---- making one ----

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str | bytes] | Texts,
        tokenizer: str | Tokenizer = "bytes",
        *,
        split: str = "document",
        keep_blank: bool = False,
        name: str = "",
    ) -> Dataset:
        r"""Tokenize texts; strings become UTF-8, bytes stay as they are.

        Args:
            texts: the texts; with ``split="document"`` each is one response, empty ones included.
            tokenizer: a name for `get_tokenizer` ("words" builds its vocabulary from these texts) or a Tokenizer.
            split: "document", "line", "sentence" or "word": what each is and drops, `compresslab.data.splitting` says.
            keep_blank: keep blank lines (``split="line"`` only).
            name: a label for tables.

        Example:
            >>> Dataset.from_texts([b"\xff\n\nb\n"], split="line").texts()
            [b'\xff', b'b']
        """
        packed = Texts.pack(texts)
        responses = split_texts(packed, split, keep_blank=keep_blank)
        if not len(responses):
            label = f"{name}: " if name else ""
            why = f"every text is empty or blank (split by {split})" if len(packed) else "there are no texts"
            raise EmptyDataset(f"{label}no responses: {why}")
        chosen = get_tokenizer(tokenizer, responses)
        tokens, offsets = chosen.encode_batch(responses)
        return cls(
            tokens=tokens,
            offsets=offsets,
            vocab_size=chosen.vocab_size,
            tokenizer=chosen,
            name=name,
            response_bytes=responses.lengths,
            exact=chosen.lossless or _decodes(chosen, tokens, offsets, responses),
        )

    @classmethod
    def from_files(
        cls,
        paths: Paths,
        tokenizer: str | Tokenizer = "bytes",
        *,
        split: str | None = None,
        keep_blank: bool = False,
        text: bool = True,
        encoding: str = "utf-8",
        pattern: str = "*",
        format: str | None = None,
        field: str | None = None,
        prompt_field: str | tuple[str, ...] = (),
        response_field: str | None = None,
        where: str | tuple[str, ...] = (),
        skip_missing: bool = False,
        name: str = "",
    ) -> Dataset:
        """Read files of text or data, and directories recursively in sorted order; see `compresslab.data.door`.

        Of prompts and responses the responses alone are taken; `read_data` has the prompts too, and counts what was
        left out.

        Args:
            paths: a path or several.
            tokenizer: as for `from_texts`.
            split: as for `from_texts`, every file on its own; "line" where None, and of data a row.
            keep_blank: keep blank lines (``split="line"`` only).
            text: check that each file is text; False takes any bytes as they are (best with ``split="document"``).
            encoding: "utf-8" keeps the bytes as they are, valid or not; any other is converted to UTF-8, strictly.
            pattern: which file names to take in directories, such as ``"*.txt"``.
            format: see `compresslab.data.choice.DataChoice`, as for the next five.
            field: the field of the texts.
            prompt_field: the fields of the prompts.
            response_field: the field of the responses.
            where: ``NAME=VALUE``: only such rows.
            skip_missing: pass over rows without the field.
            name: a label for tables; the file's name where there is one file.

        Raises:
            UnreadableFile: a file is missing or cannot be read, or a directory holds no such files.
            NotText: a file is binary, or not in the encoding.
            InvalidParameter: a file can be read in several ways, or in none.
            EmptyDataset: nothing but blank lines.
        """
        if not text:
            raw = read_files(paths, text=False, encoding=encoding, pattern=pattern)
            unit = split or "line"
            return cls.from_texts(raw.texts, tokenizer, split=unit, keep_blank=keep_blank, name=name or raw.label)
        choice = DataChoice(
            format=format, field=field, prompt_field=_names(prompt_field), response_field=response_field,
            where=_names(where), skip_missing=skip_missing, encoding=encoding,
        )  # fmt: skip
        found = read_data(paths, choice, unit=split, keep_blank=keep_blank, pattern=pattern)
        return cls.from_read(found, tokenizer, name=name)

    @classmethod
    def from_read(cls, found: ReadData, tokenizer: str | Tokenizer = "bytes", *, name: str = "") -> Dataset:
        """Return the responses of what `compresslab.data.door.read_data` read.

        Raises:
            EmptyDataset: there are none.
        """
        label = name or found.label
        if not len(found.responses):
            raise EmptyDataset(f"{f'{label}: ' if label else ''}no responses: the text is empty or blank")
        return cls.from_texts(found.responses, tokenizer, name=label)

    @classmethod
    def from_jsonl(
        cls,
        paths: Paths,
        field: str = "text",
        tokenizer: str | Tokenizer = "bytes",
        *,
        split: str = "document",
        keep_blank: bool = False,
        skip_missing: bool = False,
        name: str = "",
    ) -> Dataset:
        """Read one field of JSON lines; see `compresslab.data.readers.read_jsonl`.

        Raises:
            CorruptFile: a line is not a JSON object.
            InvalidParameter: the field is missing, null (unless ``skip_missing``) or not a string.
        """
        found = read_jsonl(paths, field, skip_missing=skip_missing)
        return cls.from_texts(found.texts, tokenizer, split=split, keep_blank=keep_blank, name=name or found.label)

    @classmethod
    def from_parquet(
        cls,
        paths: Paths,
        column: str = "text",
        tokenizer: str | Tokenizer = "bytes",
        *,
        split: str = "document",
        keep_blank: bool = False,
        skip_missing: bool = False,
        name: str = "",
    ) -> Dataset:
        """Read a string or binary column of Parquet files; see `compresslab.data.readers.read_parquet`.

        Raises:
            MissingExtra: pyarrow is not installed.
            CorruptFile: not a Parquet file.
            InvalidParameter: no such column, not a text column, or a null (unless ``skip_missing``).
        """
        found = read_parquet(paths, column, skip_missing=skip_missing)
        return cls.from_texts(found.texts, tokenizer, split=split, keep_blank=keep_blank, name=name or found.label)

    @classmethod
    def from_token_lists(
        cls,
        lists: Iterable[Any],
        vocab_size: int | None = None,
        num_bytes: int | None = None,
        *,
        tokenizer: Tokenizer | None = None,
        name: str = "",
    ) -> Dataset:
        """Take responses that are tokens already, without EOS.

        Args:
            lists: each response a sequence of whole numbers, or a one-dimensional array; empty ones are legal.
            vocab_size: V; the tokenizer's, or the largest token plus one, where not given.
            num_bytes: the bytes of the original text, where known, for rates per byte.
            tokenizer: what the tokens came from, to decode and draw them.
            name: a label for tables.

        Example:
            >>> data = Dataset.from_token_lists([[0, 1, 1], [], [2]])
            >>> data.vocab_size, data.tokens.tolist(), data.offsets.tolist()
            (3, [0, 1, 1, 2], [0, 3, 3, 4])
            >>> Dataset.from_token_lists([[0, 1], [2, 0.5]])
            Traceback (most recent call last):
            compresslab.errors.InvalidTokens: token 1 of response 1 is 0.5: tokens are whole numbers from 0 to 2**32 - 1
        """
        flat, offsets = flatten(lists)
        if vocab_size is None and tokenizer is not None:
            vocab_size = tokenizer.vocab_size
        tokens, size = as_tokens(flat, vocab_size, offsets)
        return cls(tokens, offsets, size, num_bytes, tokenizer, name)

    @classmethod
    def from_arrays(
        cls,
        tokens: npt.ArrayLike,
        offsets: npt.ArrayLike | None = None,
        vocab_size: int | None = None,
        num_bytes: int | None = None,
        *,
        tokenizer: Tokenizer | None = None,
        name: str = "",
    ) -> Dataset:
        """Take a flat array of tokens; without offsets it is one response.

        A read-only array of the right dtype (such as a memory map) is shared, any other is copied.

        Example:
            >>> Dataset.from_arrays(np.array([1, 2, 3]), [0, 1, 3])[1].tolist()
            [2, 3]
        """
        held = as_array(tokens)
        bounds = np.array([0, held.size]) if offsets is None else offsets
        if vocab_size is None and tokenizer is not None:
            vocab_size = tokenizer.vocab_size
        checked = as_offsets(bounds, held.size)
        flat, size = as_tokens(held, vocab_size, checked)
        return cls(flat, checked, size, num_bytes, tokenizer, name)

    @classmethod
    def concat(cls, datasets: Iterable[Dataset], name: str = "") -> Dataset:
        """Lay datasets of one vocabulary one after the other.

        Raises:
            MismatchedVocabulary: the sizes of the vocabularies or the tokenizers differ.
            EmptyDataset: no datasets.

        Example:
            >>> a, b = Dataset.from_texts(["x"]), Dataset.from_texts(["y", "z"])
            >>> Dataset.concat([a, b]).texts()
            [b'x', b'y', b'z']
        """
        held = list(datasets)
        if not held:
            raise EmptyDataset("no datasets to concatenate: give at least one")
        first = held[0]
        for other in held[1:]:
            first.check_same_vocabulary(other)
        sizes = [d.response_bytes for d in held if d.response_bytes is not None]
        counts = [d.num_bytes for d in held if d.num_bytes is not None]
        exact = [d.exact for d in held]
        return cls(
            tokens=_frozen(np.concatenate([d.tokens for d in held])),
            offsets=offsets_of(np.concatenate([np.diff(d.offsets) for d in held])),
            vocab_size=first.vocab_size,
            num_bytes=sum(counts) if len(counts) == len(held) else None,
            tokenizer=first.tokenizer,
            name=name or " + ".join(d.name for d in held if d.name),
            response_bytes=np.concatenate(sizes) if len(sizes) == len(held) else None,
            exact=False if False in exact else None if None in exact else True,
        )

    # ---- looking at it ----

    @property
    def num_responses(self) -> int:
        """Number of responses."""
        return self.offsets.size - 1

    @property
    def num_tokens(self) -> int:
        """Number of tokens, EOS not counted."""
        return self.tokens.size

    @property
    def num_symbols(self) -> int:
        """Number of symbols: the tokens and one EOS for each response."""
        return self.num_tokens + self.num_responses

    @property
    def lengths(self) -> Int64Array:
        """Symbols of each response, its EOS counted: the paper's ``|x|``; int64, shape (num_responses,)."""
        return np.diff(self.offsets) + 1

    def __len__(self) -> int:
        return self.num_responses

    def __getitem__(self, index: int) -> UIntArray:
        """Return the tokens of one response (EOS not stored), read-only; a negative index counts from the end."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"response {index} of {len(self)}")
        index %= len(self)
        return self.tokens[self.offsets[index] : self.offsets[index + 1]]

    def __iter__(self) -> Iterator[UIntArray]:
        bounds = self.offsets.tolist()
        return (self.tokens[a:b] for a, b in pairwise(bounds))

    def texts(self) -> list[bytes]:
        """Return the text of every response, decoded.

        Raises:
            DecodingError: no tokenizer is known, or it cannot decode the tokens.
        """
        if self.tokenizer is None:
            raise DecodingError("these tokens came without a tokenizer: give one as tokenizer=...")
        return [self.tokenizer.decode(response) for response in self]

    def same_as(self, other: Dataset) -> bool:
        """Say whether two datasets hold the same responses, in the same order, over the same vocabulary.

        Names and byte counts do not matter. (``==`` is identity: a dataset may be large.)

        Example:
            >>> Dataset.from_texts(["a"]).same_as(Dataset.from_token_lists([[97]], vocab_size=256))
            True
        """
        return (
            self.vocab_size == other.vocab_size
            and np.array_equal(self.offsets, other.offsets)
            and np.array_equal(self.tokens, other.tokens)
        )

    def check_same_vocabulary(self, other: Dataset) -> None:
        """Raise MismatchedVocabulary unless the other dataset is over the same vocabulary.

        Sizes must agree, and so must the tokenizers where both are known: equal numbers must mean equal tokens.
        """
        if self.vocab_size != other.vocab_size:
            sizes = f"{self.vocab_size} and {other.vocab_size}"
            raise MismatchedVocabulary(f"vocabularies of {sizes} tokens: tokenize both with one tokenizer")
        if self.tokenizer is not None and other.tokenizer is not None and self.tokenizer != other.tokenizer:
            raise MismatchedVocabulary(
                f"tokenizers '{self.tokenizer.name}' and '{other.tokenizer.name}' differ, so equal tokens may mean "
                "different texts: tokenize both with one tokenizer (WordTokenizer.train takes all their texts)"
            )

    def __repr__(self) -> str:
        label = f"{self.name!r}, " if self.name else ""
        kind = f" ({self.tokenizer.name})" if self.tokenizer is not None else ""
        size = f", {self.num_bytes:,} bytes" if self.num_bytes is not None else ""
        lossy = ", not exact" if self.exact is False else ""
        return (
            f"Dataset({label}{self.num_responses:,} response{'s' * (len(self) != 1)}, {self.num_tokens:,} tokens, "
            f"vocabulary {self.vocab_size:,}{kind}{size}{lossy})"
        )

    # ---- taking parts of it ----

    def select(self, indices: npt.ArrayLike, name: str | None = None) -> Dataset:
        """Return the responses at ``indices``, in that order; repeats are allowed.

        Args:
            indices: whole numbers, negative ones counted from the end, or a mask of num_responses booleans.
            name: a label for tables; this dataset's where None.

        Raises:
            InvalidParameter: an index out of range, or not whole numbers.
            EmptyDataset: no indices.

        Example:
            >>> Dataset.from_texts(["a", "b", "c"]).select([2, 0]).texts()
            [b'c', b'a']
        """
        where = as_indices(indices, len(self))
        tokens, offsets = gather(self.tokens, self.offsets, where)
        sizes = None if self.response_bytes is None else self.response_bytes[where]
        return self._part(tokens, offsets, sizes, name)

    def split(self, fraction: float, seed: int | np.random.Generator) -> tuple[Dataset, Dataset]:
        """Split into (train, held out) at random: ``round(fraction * num_responses)`` responses go to train.

        Every response goes to exactly one part and the order is kept within each. The same seed gives the same split.

        Raises:
            InvalidParameter: the fraction is not between 0 and 1, or leaves one part empty.

        Example:
            >>> train, held_out = Dataset.from_texts("abcdefgh"[i] for i in range(8)).split(0.75, seed=1)
            >>> len(train), len(held_out)
            (6, 2)
        """
        if not 0 < fraction < 1:
            raise InvalidParameter(f"fraction is {fraction}: it must lie between 0 and 1, both excluded")
        taken = round(fraction * len(self))
        if taken in (0, len(self)):
            raise InvalidParameter(
                f"a fraction of {fraction} of {len(self)} responses leaves one part empty: "
                "use more data or another fraction"
            )
        order = as_generator(seed).permutation(len(self))
        return self.select(np.sort(order[:taken])), self.select(np.sort(order[taken:]))

    def subsample(self, count: int, seed: int | np.random.Generator) -> Dataset:
        """Return ``count`` different responses drawn at random, in their order.

        Raises:
            InvalidParameter: ``count`` is below 1 or above num_responses.
        """
        if not 1 <= count <= len(self):
            raise InvalidParameter(f"cannot draw {count} of {len(self)} responses: give 1 to {len(self)}")
        return self.select(np.sort(as_generator(seed).permutation(len(self))[:count]))

    def shards(self, count: int) -> list[Dataset]:
        """Cut into ``count`` runs of consecutive responses whose numbers differ by at most one; the tokens are shared.

        Raises:
            InvalidParameter: ``count`` is below 1 or above num_responses.

        Example:
            >>> [shard.texts() for shard in Dataset.from_texts(["a", "b", "c"]).shards(2)]
            [[b'a', b'b'], [b'c']]
        """
        if not 1 <= count <= len(self):
            raise InvalidParameter(f"cannot cut {len(self)} responses into {count} shards: give 1 to {len(self)}")
        size, extra = divmod(len(self), count)
        cuts = [i * size + min(i, extra) for i in range(count + 1)]
        return [self._slice(a, b) for a, b in pairwise(cuts)]

    def _slice(self, first: int, last: int) -> Dataset:
        begin, end = int(self.offsets[first]), int(self.offsets[last])
        sizes = None if self.response_bytes is None else self.response_bytes[first:last]
        return self._part(self.tokens[begin:end], self.offsets[first : last + 1] - begin, sizes, None)

    def _part(self, tokens: UIntArray, offsets: Int64Array, sizes: Int64Array | None, name: str | None) -> Dataset:
        # A total without its parts cannot be divided: num_bytes is unknown unless the bytes of each response are known.
        label = self.name if name is None else name
        return Dataset(tokens, offsets, self.vocab_size, None, self.tokenizer, label, sizes, self.exact)


def _checked_bytes(sizes: Int64Array, num_responses: int, num_bytes: int | None) -> int:
    """Return the total of the byte counts; raise InvalidParameter if they cannot be."""
    if sizes.shape != (num_responses,) or sizes.dtype.kind not in "iu" or (sizes < 0).any():
        raise InvalidParameter(
            f"response_bytes must be {num_responses} whole numbers, 0 or more, one for each response; "
            f"got {sizes.dtype} of shape {sizes.shape}"
        )
    total = int(sizes.sum())
    if num_bytes not in (None, total):
        raise InvalidParameter(f"response_bytes sum to {total}, num_bytes is {num_bytes}: leave num_bytes out")
    return total


def _decodes(tokenizer: Tokenizer, tokens: UIntArray, offsets: Int64Array, texts: Texts) -> bool:
    """Say whether every response decodes to its text."""
    bounds = offsets.tolist()
    pairs = zip(texts, bounds[:-1], bounds[1:], strict=True)
    return all(tokenizer.decode(tokens[a:b]) == text for text, a, b in pairs)


def _names(given: str | tuple[str, ...]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _frozen(tokens: UIntArray) -> UIntArray:
    tokens.flags.writeable = False
    return tokens
