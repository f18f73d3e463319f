"""Chunks that are stored without their model: for which of the reasons, how many, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Escape", "EscapedChunks", "Reason", "tally"]


class Reason(StrEnum):
    """Why a chunk is stored without the model."""

    NOT_TEXT = "not_text"
    NO_SMALLER = "no_smaller"
    NOT_REPEATED = "not_repeated"
    REFUSED = "refused"


_WHAT = {
    Reason.NOT_TEXT: "the tokenizer does not give these bytes back",
    Reason.NO_SMALLER: "the model makes them no smaller than storing, zlib or LZMA does",
    Reason.NOT_REPEATED: "the encoder's own check failed: this machine did not compute the same probabilities twice",
    Reason.REFUSED: "the model could not code them",
}
_REMEDY = {
    Reason.NOT_TEXT: (
        "convert the file to the encoding that the tokenizer reads (mostly UTF-8), or take a model over bytes, such as "
        "tiny"
    ),
    Reason.NO_SMALLER: "nothing is wrong; a model that knows such data may code them",
    Reason.NOT_REPEATED: (
        "take dtype float32, the device cpu, or a device that no other program works on, and compress again"
    ),
    Reason.REFUSED: "mend what the error says, and compress again",
}


@dataclass(frozen=True)
class Escape:
    """A chunk of ``size`` bytes that is stored without the model; ``detail`` is the model's error, where it had one."""

    reason: Reason
    size: int
    detail: str = ""


@dataclass(frozen=True)
class EscapedChunks:
    """The chunks of a file that are stored without the model for one reason.

    Attributes:
        reason: of `Reason`.
        chunks, bytes: how many, and of how many original bytes in all.
        detail: the model's error at the first of them; empty where there was none.
        remedy: what a user can do.
    """

    reason: Reason
    chunks: int
    bytes: int
    detail: str
    remedy: str

    def __str__(self) -> str:
        said = f" ({self.detail})" if self.detail and self.reason is not Reason.NOT_TEXT else ""
        many = "s" if self.chunks != 1 else ""
        return f"{self.bytes:,} bytes in {self.chunks:,} chunk{many}: {_WHAT[self.reason]}{said}; {self.remedy}"


def tally(escapes: Iterable[Escape]) -> tuple[EscapedChunks, ...]:
    """Return how many chunks were stored without the model for each reason that occurs, in the order of `Reason`.

    Example:
        >>> (found,) = tally([Escape(Reason.NO_SMALLER, 300), Escape(Reason.NO_SMALLER, 20)])
        >>> print(found)
        320 bytes in 2 chunks: the model makes them no smaller than storing, zlib or LZMA does; nothing is wrong; a
        model that knows such data may code them
    """
    held = list(escapes)
    found = []
    for reason in Reason:
        of_it = [escape for escape in held if escape.reason is reason]
        if of_it:
            size = sum(escape.size for escape in of_it)
            found.append(EscapedChunks(reason, len(of_it), size, of_it[0].detail, _REMEDY[reason]))
    return tuple(found)
