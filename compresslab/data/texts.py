"""Texts: byte strings laid back to back, the form in which data is read, split and given to a tokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from compresslab._support.arrays import Int64Array, as_offsets, gather, offsets_of, read_only
from compresslab.errors import InvalidParameter, NotText

__all__ = ["Texts", "as_bytes"]


def as_bytes(text: str | bytes) -> bytes:
    r"""Return the UTF-8 bytes of a text; bytes stay as they are, valid UTF-8 or not.

    Strings that the operating system decoded with ``surrogateescape`` give back their original bytes.

    Raises:
        NotText: neither str nor bytes, or a string with a lone surrogate, which no UTF-8 can hold.

    Example:
        >>> as_bytes("é"), as_bytes(b"\xff")
        (b'\xc3\xa9', b'\xff')
    """
    if isinstance(text, bytes):
        return text
    if not isinstance(text, str):
        raise NotText(f"a text is {type(text).__name__}, not str or bytes: {text!r:.60}")
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise NotText(
            f"character {error.start} of a text is the lone surrogate U+{ord(text[error.start]):04X}, which UTF-8 "
            "cannot hold: give the text as bytes"
        ) from error


@dataclass(frozen=True, eq=False)
class Texts:
    r"""Byte strings back to back: text ``i`` is ``buffer[offsets[i]:offsets[i + 1]]``.

    Attributes:
        buffer: uint8, shape (total bytes,), read-only.
        offsets: int64, shape (number of texts + 1,), read-only.

    Example:
        >>> texts = Texts.pack(["to be", b"\xff", ""])
        >>> len(texts), texts[1], list(texts), texts.lengths.tolist()
        (3, b'\xff', [b'to be', b'\xff', b''], [5, 1, 0])
    """

    buffer: npt.NDArray[np.uint8]
    offsets: Int64Array

    def __post_init__(self) -> None:
        if self.buffer.dtype != np.uint8 or self.buffer.ndim != 1:
            raise InvalidParameter(f"a text buffer is 1-D uint8, not {self.buffer.ndim}-D {self.buffer.dtype}")
        object.__setattr__(self, "buffer", read_only(self.buffer))
        object.__setattr__(self, "offsets", as_offsets(self.offsets, self.buffer.size))

    @classmethod
    def pack(cls, texts: Iterable[str | bytes]) -> Texts:
        """Lay texts back to back; strings become UTF-8 (see `as_bytes`).

        Raises:
            InvalidParameter: one str or bytes was given instead of several.
        """
        if isinstance(texts, Texts):
            return texts
        if isinstance(texts, str | bytes):
            raise InvalidParameter(
                f"texts is a single {type(texts).__name__}, which would give one response for each character: "
                "put it in a list"
            )
        pieces = [as_bytes(text) for text in texts]
        joined = np.frombuffer(b"".join(pieces), dtype=np.uint8)
        return cls(joined, offsets_of(np.fromiter(map(len, pieces), dtype=np.int64, count=len(pieces))))

    @classmethod
    def concat(cls, parts: Iterable[Texts]) -> Texts:
        """Lay several Texts one after the other.

        Example:
            >>> list(Texts.concat([Texts.pack(["a"]), Texts.pack(["b", "c"])]))
            [b'a', b'b', b'c']
        """
        held = list(parts)
        if len(held) == 1:
            return held[0]
        buffer = np.concatenate([np.zeros(0, np.uint8), *(part.buffer for part in held)])
        buffer.flags.writeable = False
        return cls(buffer, offsets_of(np.concatenate([np.zeros(0, np.int64), *(part.lengths for part in held)])))

    @property
    def lengths(self) -> Int64Array:
        """Bytes of each text: int64, shape (number of texts,)."""
        return np.diff(self.offsets)

    def spans(self, starts: Int64Array, stops: Int64Array) -> Texts:
        """Return the texts ``buffer[starts[i]:stops[i]]``; the spans lie in order and do not overlap.

        Example:
            >>> list(Texts.pack(["one two"]).spans(np.array([0, 4]), np.array([3, 7])))
            [b'one', b'two']
        """
        lengths = stops - starts
        total = int(lengths.sum())
        if total == self.buffer.size:  # nothing is dropped: share the buffer
            return Texts(self.buffer, offsets_of(lengths))
        held = lengths > 0
        # +1 where a span opens and -1 where it closes: the running sum is 1 inside. This takes one byte for each byte.
        inside = np.zeros(self.buffer.size + 1, dtype=np.int8)
        inside[starts[held]] += 1
        inside[stops[held]] -= 1
        np.cumsum(inside, dtype=np.int8, out=inside)
        buffer = self.buffer[inside[:-1].view(np.bool_)]
        buffer.flags.writeable = False
        return Texts(buffer, offsets_of(lengths))

    def select(self, indices: npt.NDArray[np.intp]) -> Texts:
        """Return the texts at ``indices``, in that order."""
        return Texts(*gather(self.buffer, self.offsets, indices))

    def __len__(self) -> int:
        return self.offsets.size - 1

    def __getitem__(self, index: int) -> bytes:
        if not -len(self) <= index < len(self):
            raise IndexError(f"text {index} of {len(self)}")
        index %= len(self)
        return self.buffer[self.offsets[index] : self.offsets[index + 1]].tobytes()

    def __iter__(self) -> Iterator[bytes]:
        whole = self.buffer.tobytes()
        bounds = self.offsets.tolist()
        return (whole[a:b] for a, b in pairwise(bounds))
