"""Ragged data as one flat array and offsets: item ``i`` is ``flat[offsets[i]:offsets[i + 1]]``.

Millions of short responses held as Python objects cost more memory than their text and cannot be counted by numpy;
one flat array and one array of offsets can. Texts (bytes) and datasets (tokens) are both kept this way.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from compresslab.errors import InvalidParameter, InvalidTokens

__all__ = [
    "MAX_VOCAB",
    "Int64Array",
    "UIntArray",
    "as_array",
    "as_generator",
    "as_indices",
    "as_offsets",
    "as_tokens",
    "checked_vocab_size",
    "gather",
    "offsets_of",
    "read_only",
    "smallest_unsigned",
]

MAX_VOCAB = 2**32
GATHER_BLOCK = 1 << 21  # items moved at once: the index takes 8 bytes each, so 16 MiB at a time

UIntArray: TypeAlias = npt.NDArray[np.unsignedinteger[Any]]
Int64Array: TypeAlias = npt.NDArray[np.int64]
ScalarT = TypeVar("ScalarT", bound=np.generic)


def smallest_unsigned(largest: int) -> np.dtype[np.unsignedinteger[Any]]:
    """Return the smallest unsigned dtype that holds ``largest``.

    Example:
        >>> smallest_unsigned(255), smallest_unsigned(256)
        (dtype('uint8'), dtype('uint16'))
    """
    return np.min_scalar_type(largest)


def checked_vocab_size(vocab_size: object) -> int:
    """Return a vocabulary size as an int; raise InvalidParameter unless it is a whole number from 1 to 2**32.

    Example:
        >>> checked_vocab_size(np.int64(256))
        256
    """
    try:
        size = operator.index(vocab_size)  # type: ignore[arg-type]
    except TypeError:
        size = 0
    if not 1 <= size <= MAX_VOCAB:
        raise InvalidParameter(f"vocab_size is {vocab_size!r}: it must be a whole number from 1 to 2**32")
    return size


def read_only(array: npt.NDArray[ScalarT]) -> npt.NDArray[ScalarT]:
    """Return a C-contiguous array that cannot be written to; a writable one is copied, a read-only one is shared.

    Example:
        >>> a = np.arange(3); b = read_only(a); a[0] = 9; b.tolist(), b.flags.writeable, read_only(b) is b
        ([0, 1, 2], False, True)
    """
    if not array.flags.writeable and array.flags.c_contiguous:
        return array
    kept = np.array(array, order="C", copy=True)
    kept.flags.writeable = False
    return kept


def as_array(values: object, dtype: npt.DTypeLike | None = None) -> npt.NDArray[Any]:
    """Return a value as an array, as `numpy.asarray` does; a torch tensor may be on any device and of any type.

    Those that record gradients, lie on a GPU, are sparse, or are bfloat16 (which becomes float32) have no array that
    numpy finds by itself.

    Raises:
        InvalidParameter: a tensor without numbers.

    Example:
        >>> as_array([1, 2], np.float64)
        array([1., 2.])
    """
    held: Any = values
    if _is_tensor(held):
        held = _of_tensor(held)
    elif isinstance(held, list | tuple) and held and _is_tensor(held[0]):
        held = [_of_tensor(one) if _is_tensor(one) else one for one in held]
    return np.asarray(held, dtype)


def _is_tensor(value: object) -> bool:
    """Return whether a value is a torch tensor, without importing torch."""
    return hasattr(value, "detach") and hasattr(value, "numpy")


def _of_tensor(tensor: Any) -> npt.NDArray[Any]:
    try:
        held = tensor.detach()
        dense = held.to_dense() if "strided" not in str(held.layout) else held
        array: npt.NDArray[Any] = (dense.float() if str(dense.dtype) == "torch.bfloat16" else dense).numpy(force=True)
    except (RuntimeError, TypeError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise InvalidParameter(f"a tensor cannot be read as an array ({reason}): give a numpy array") from error
    return array


def offsets_of(lengths: npt.NDArray[Any] | Iterable[int]) -> Int64Array:
    """Return the int64 offsets, shape (n + 1,), of n items that have these lengths.

    Example:
        >>> offsets_of([2, 0, 3]).tolist()
        [0, 2, 2, 5]
    """
    whole = isinstance(lengths, np.ndarray) or _is_tensor(lengths)
    sizes = as_array(lengths if whole else list(lengths), np.int64)
    offsets = np.zeros(sizes.size + 1, dtype=np.int64)
    np.cumsum(sizes, out=offsets[1:])
    offsets.flags.writeable = False
    return offsets


def as_offsets(offsets: object, total: int) -> Int64Array:
    """Check offsets into a flat array of ``total`` items and return them as read-only int64.

    Raises:
        InvalidParameter: not one-dimensional integers that start at 0, never fall, and end at ``total``.

    Example:
        >>> as_offsets([0, 2, 2, 5], 5).tolist()
        [0, 2, 2, 5]
    """
    array = as_array(offsets)
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
        raise InvalidParameter(
            f"offsets must be a non-empty one-dimensional array of integers, "
            f"not {array.dtype} of shape {array.shape}: give num_responses + 1 of them, from 0 to the number of tokens"
        )
    if int(array[0]) != 0 or int(array[-1]) != total:
        raise InvalidParameter(
            f"offsets run from {array[0]} to {array[-1]}, not from 0 to {total}: "
            "response i is tokens[offsets[i]:offsets[i + 1]]"
        )
    falls = array[1:] < array[:-1]
    if falls.any():
        at = int(np.argmax(falls))
        raise InvalidParameter(f"offsets fall from {array[at]} to {array[at + 1]} at index {at + 1}: sort them")
    return array if array.dtype == np.int64 and not array.flags.writeable else read_only(array.astype(np.int64))


def gather(
    flat: npt.NDArray[ScalarT], offsets: Int64Array, indices: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[ScalarT], Int64Array]:
    """Return the flat array and offsets of the items at ``indices``, in that order, copies allowed.

    Works in blocks of two million entries, so that the index it needs stays at 16 MiB whatever the size of the data.

    Example:
        >>> flat, offsets = gather(np.array([1, 2, 3, 4, 5]), offsets_of([2, 0, 3]), np.array([2, 0, 2]))
        >>> flat.tolist(), offsets.tolist()
        ([3, 4, 5, 1, 2, 3, 4, 5], [0, 3, 5, 8])
    """
    starts = offsets[:-1][indices]
    new = offsets_of(offsets[1:][indices] - starts)
    out = np.empty(int(new[-1]), dtype=flat.dtype)
    shifts = starts - new[:-1]
    for begin in range(0, out.size, GATHER_BLOCK):
        end = min(begin + GATHER_BLOCK, out.size)
        first = int(np.searchsorted(new, begin, side="right")) - 1
        last = int(np.searchsorted(new, end, side="left"))
        taken = np.minimum(new[first + 1 : last + 1], end) - np.maximum(new[first:last], begin)
        where = np.repeat(shifts[first:last], taken)
        where += np.arange(begin, end)
        np.take(flat, where, out=out[begin:end])
    out.flags.writeable = False
    return out, new


def as_tokens(
    values: object, vocab_size: int | None = None, offsets: Int64Array | None = None
) -> tuple[UIntArray, int]:
    """Check tokens and return them, read-only, in the smallest unsigned dtype, with the vocabulary size.

    Args:
        values: one-dimensional whole numbers from 0 to 2**32 - 1, of any numeric dtype (floats must be whole).
        vocab_size: V; the largest token plus one (at least 1) where not given.
        offsets: the responses that the tokens belong to, only to say in an error which response is at fault.

    Raises:
        InvalidTokens: a token that is negative, fractional, 2**32 or above, or not below ``vocab_size``; the message
            gives its position and its value.
        InvalidParameter: ``vocab_size`` is outside 1 .. 2**32.

    Example:
        >>> tokens, size = as_tokens([3, 0, 299])
        >>> tokens.dtype.name, size
        ('uint16', 300)
        >>> as_tokens([3, -1])
        Traceback (most recent call last):
        compresslab.errors.InvalidTokens: token 1 is -1: tokens are whole numbers from 0 to 2**32 - 1
    """
    given = None if vocab_size is None else checked_vocab_size(vocab_size)
    array = as_array(values)
    if array.ndim != 1:
        raise InvalidTokens(f"tokens have shape {array.shape}: give a one-dimensional array")
    if array.size == 0:
        size = given or 1
        return read_only(np.zeros(0, dtype=smallest_unsigned(size - 1))), size
    wrong = _not_tokens(array)
    if wrong is not None:
        at = int(wrong)
        raise InvalidTokens(
            f"{_position(at, offsets)} is {_shown(array[at])}: tokens are whole numbers from 0 to 2**32 - 1"
        )
    largest = int(array.max())
    size = largest + 1 if given is None else given
    if largest >= size:
        at = int(np.argmax(array >= size))
        raise InvalidTokens(
            f"{_position(at, offsets)} is {_shown(array[at])}, not below the vocabulary size {size}: "
            f"give vocab_size={largest + 1} or more, or leave it out"
        )
    dtype = smallest_unsigned(size - 1)
    return (read_only(array) if array.dtype == dtype else read_only(_frozen(array.astype(dtype)))), size


def _frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Mark an array of our own as read-only, so that it is not copied again."""
    array.flags.writeable = False
    return array


def _not_tokens(array: npt.NDArray[Any]) -> int | None:
    """Return the index of the first entry that is not a token, or None."""
    kind = array.dtype.kind
    if kind == "b" or (kind == "u" and array.dtype.itemsize <= 4):
        return None
    if kind == "O":  # whole numbers beyond 64 bits, or things that are not numbers at all
        return next((i for i, v in enumerate(array) if not _is_token(v)), None)
    if kind not in "iuf":
        return 0
    wrong = (array < 0) | (array >= MAX_VOCAB)
    if kind == "f":
        wrong |= np.floor(array) != array  # true for NaN as well
    return int(np.argmax(wrong)) if wrong.any() else None


def _is_token(value: object) -> bool:
    try:
        return 0 <= operator.index(value) < MAX_VOCAB  # type: ignore[arg-type]
    except TypeError:
        return False


def _shown(value: object) -> str:
    return repr(value.item() if isinstance(value, np.generic) else value)


def _position(at: int, offsets: Int64Array | None) -> str:
    if offsets is None:
        return f"token {at}"
    response = int(np.searchsorted(offsets, at, side="right")) - 1
    return f"token {at - int(offsets[response])} of response {response}"


def as_indices(indices: npt.ArrayLike, count: int) -> npt.NDArray[np.intp]:
    """Return indices from 0 to ``count - 1``; negative ones count from the end, a mask of booleans is taken too.

    Raises:
        InvalidParameter: an index out of range, or not whole numbers.

    Example:
        >>> as_indices([0, -1], 3).tolist(), as_indices([True, False, True], 3).tolist()
        ([0, 2], [0, 2])
    """
    where = as_array(indices)
    if where.ndim == 1 and where.dtype == np.bool_ and where.size == count:
        return np.flatnonzero(where)
    if where.ndim == 1 and where.size == 0:
        return np.zeros(0, dtype=np.intp)
    if where.ndim != 1 or where.dtype.kind not in "iu":
        raise InvalidParameter(
            f"indices are {where.dtype} of shape {where.shape}: give whole numbers, or a mask of {count} booleans"
        )
    wrong = (where >= count) | (where < -count)
    if wrong.any():
        raise InvalidParameter(f"index {where[np.argmax(wrong)]} is out of range: there are {count} responses")
    return np.where(where < 0, where + count, where).astype(np.intp)


def as_generator(seed: int | np.random.Generator) -> np.random.Generator:
    """Return numpy's default generator for a seed; a generator is returned unchanged.

    Raises:
        InvalidParameter: neither a generator nor a whole number of 0 or more (None would not repeat).
    """
    if isinstance(seed, np.random.Generator):
        return seed
    try:
        number = operator.index(seed)
    except TypeError:
        number = -1
    if number < 0:
        raise InvalidParameter(f"seed is {seed!r}: it must be a whole number, 0 or more, or a numpy Generator")
    return np.random.default_rng(number)
