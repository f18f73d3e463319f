"""What the packages of tokenizers raise, bare exceptions and Rust's panics, as errors that name the tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from compresslab.errors import CompressLabError, CorruptFile, is_out_of_memory

__all__ = ["guarded", "is_theirs", "reason_of"]

Result = TypeVar("Result")


def guarded(name: str, work: Callable[..., Result]) -> Callable[..., Result]:
    """Have what the packages raise, bare exceptions and Rust's panics, become an error that names the tokenizer."""

    def careful(*given: Any) -> Result:
        try:
            return work(*given)
        except BaseException as error:
            if isinstance(error, CompressLabError) or not is_theirs(error):
                raise
            raise CorruptFile(
                f"the tokenizer 'hf:{name}' fails on what it is given ({reason_of(error)}): its definition must hold a "
                "token for every text, such as an unknown token or all bytes; correct it, or use another tokenizer"
            ) from error

    return careful


def is_theirs(error: BaseException) -> bool:
    """Whether an exception is one to explain: not Ctrl-C, nor that memory ran out."""
    is_panic = type(error).__name__ == "PanicException"  # of Rust: no Exception
    return is_panic or (isinstance(error, Exception) and not is_out_of_memory(error))


def reason_of(error: BaseException) -> str:
    """Return what an exception says, on one short line."""
    return " ".join(str(error).split())[:300] or type(error).__name__
