"""What can go wrong, one class per broken law.

Every message names the law that was broken, the value that broke it, and the remedy. Each class also derives
from the built-in exception that a caller would expect, so that ``except ValueError`` keeps working.

Example:
    >>> from compresslab.errors import CompressLabError, InvalidDistribution
    >>> issubclass(InvalidDistribution, CompressLabError), issubclass(InvalidDistribution, ValueError)
    (True, True)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "BrokenLaw",
    "CompressLabError",
    "CorruptFile",
    "CorruptStream",
    "DecodingError",
    "EmptyDataset",
    "InvalidCounts",
    "InvalidDistribution",
    "InvalidParameter",
    "InvalidTokens",
    "InvalidVolume",
    "MismatchedLeaves",
    "MismatchedVocabulary",
    "MissingExtra",
    "NotText",
    "OutOfMemory",
    "TimeLimitReached",
    "UnknownName",
    "UnreadableFile",
    "WorkerKilled",
    "WrongModel",
    "did_you_mean",
    "is_out_of_memory",
]


class CompressLabError(Exception):
    """Base of every error that compresslab raises on purpose."""


class InvalidDistribution(CompressLabError, ValueError):
    """Probabilities must be finite, non-negative, and sum to 1."""


class InvalidCounts(CompressLabError, ValueError):
    """Counts must be whole numbers, non-negative, with a positive sum."""


class InvalidVolume(CompressLabError, ValueError):
    """Volumes must be finite and positive."""


class InvalidParameter(CompressLabError, ValueError):
    """A parameter lies outside its domain."""


class InvalidTokens(CompressLabError, ValueError):
    """Tokens must be whole numbers from 0 to 2**32 - 1, below the vocabulary size."""


class EmptyDataset(CompressLabError, ValueError):
    """A dataset must hold at least one response."""


class MismatchedLeaves(CompressLabError, ValueError):
    """Distributions can be mixed or compared only on a common set of leaves."""


class MismatchedVocabulary(CompressLabError, ValueError):
    """Trees and datasets can be joined only over one vocabulary."""


class UnknownName(CompressLabError, ValueError):
    """A name (tokenizer, corpus, model, extra) that compresslab does not know."""


class UnreadableFile(CompressLabError, OSError):
    """A file or directory that is missing or cannot be read or written."""


class NotText(CompressLabError, ValueError):
    """Bytes that were given as text but are not."""


class DecodingError(CompressLabError, ValueError):
    """Tokens that no text encodes to."""


class CorruptFile(CompressLabError, ValueError):
    """A file whose checksum or structure is broken."""


class CorruptStream(CompressLabError, ValueError):
    """A coded stream that does not decode under the model it names."""


class BrokenLaw(CompressLabError, AssertionError):
    """Something that was put to the test does not keep a law that it must keep."""


class WrongModel(CompressLabError, ValueError):
    """A file that was written with another model, or with other settings of it."""


class NotRepeatable(CompressLabError, RuntimeError):
    """A model gives other probabilities for the same tokens on the same machine: what it codes would not decode."""


class WorkerKilled(CompressLabError, RuntimeError):
    """A worker process was ended from outside, before its work was done."""


class TimeLimitReached(CompressLabError, TimeoutError):
    """A run was asked to end by a certain time, and has; what is finished is kept, and it can be gone on with."""


class OutOfMemory(CompressLabError, MemoryError):
    """More memory than there is: the message says what was being done."""


class MissingExtra(CompressLabError, ImportError):
    """An optional dependency is not installed; the message names the extra that brings it."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the optional extra '{extra}': pip install 'compresslab[{extra}]'")
        self.extra = extra


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception says that memory ran out: Python's and numpy's, the system's, or torch's.

    An error of compresslab that speaks of memory, such as WorkerKilled, stays what it is.
    """
    return isinstance(error, MemoryError) or (
        isinstance(error, OSError | RuntimeError)
        and not isinstance(error, CompressLabError)
        and any(sign in str(error) for sign in ("allocate memory", "out of memory"))
    )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint for an unknown name: the closest known one, then all of them.

    Example:
        >>> did_you_mean("byte", ["bits", "bytes", "words"])
        "did you mean 'bytes'? (known: bits, bytes, words)"
        >>> did_you_mean("gpt2", ["bits", "bytes", "words"])
        'known are bits, bytes, words'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    listed = ", ".join(names)
    return f"did you mean '{close[0]}'? (known: {listed})" if close else f"known are {listed}"
