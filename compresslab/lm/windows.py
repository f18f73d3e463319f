r"""Windows: how a document that is longer than a model's context is read, so that every symbol is predicted once.

A document's symbols are its tokens and EOS. The model reads the prefix token ``s``, then the symbols; a window is a run
of at most ``length`` inputs, each of which predicts the symbol after it. The first window predicts ``length`` symbols,
each later one the next ``stride``; it looks back as far as its length allows, and so does the last one, which moves
back to end where the document ends. With ``length = 4`` and ``stride = 2``::

    document      s   x1   x2   x3   x4   x5   x6   EOS

    window 0     [s   x1   x2   x3]                          4 inputs
    predicts          x1   x2   x3   x4                      4 symbols

    window 1              [x2   x3   x4   x5]                4 inputs
    predicts                              x5   x6            2 symbols

    window 2                   [x3   x4   x5   x6]           4 inputs
    predicts                                        EOS      1 symbol

So symbol ``i = 1, 2, ..`` is predicted from at least ``min(i, length - stride + 1)`` inputs. ``stride = length`` is the
cheapest, as nearly every symbol is read once, and gives the most bits; ``stride = 1`` is the dearest. A document starts
from the prefix token and never sees the document before it. (These are lm-evaluation-harness's rolling windows, with
its ``max_seq_len = length`` and ``context_len = length - stride + 1``.)
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import Int64Array, as_array
from compresslab.data.dataset import Dataset
from compresslab.errors import InvalidParameter

__all__ = ["DEFAULT_LENGTH", "Plan", "Windows", "batches", "plan_windows", "window_tokens"]

DEFAULT_LENGTH = 1024
_PADDING = 8  # of so many tokens of a batch one more may be padding


@dataclass(frozen=True)
class Windows:
    """The two numbers of the drawing above.

    Attributes:
        length: inputs of a window, 1 or more.
        stride: symbols that each window after the first predicts, 1 to ``length``; ``length`` where None.

    Raises:
        InvalidParameter: a length or a stride out of its range.

    Example:
        >>> Windows(8), Windows(8, 2).stride
        (Windows(length=8, stride=8), 2)
    """

    length: int
    stride: int | None = None

    def __post_init__(self) -> None:
        length = _whole(self.length)
        stride = length if self.stride is None else _whole(self.stride)
        if length < 1:
            raise InvalidParameter(f"a window's length is {self.length!r}: it must be a whole number, 1 or more")
        if not 1 <= stride <= length:
            raise InvalidParameter(
                f"a window's stride is {self.stride!r}: it must be a whole number from 1 to its length, {length}"
            )
        object.__setattr__(self, "length", length)
        object.__setattr__(self, "stride", stride)

    @classmethod
    def default(cls, context: int | None) -> Windows:
        """Return the windows that are used where none are given: disjoint, of 1024 inputs or the model's context."""
        return cls(min(DEFAULT_LENGTH, context or DEFAULT_LENGTH))


@dataclass(frozen=True, eq=False)
class Plan:
    """Windows over the symbols of many documents. Each array is int64, of shape (number of windows,).

    Window ``w`` reads ``size[w]`` inputs of document ``document[w]``, from input ``start[w]`` (input 0 is the prefix
    token, input ``j`` is symbol ``j - 1``); its input ``i`` predicts symbol ``start[w] + i``. Only the last ``new[w]``
    predictions count.
    """

    document: Int64Array
    start: Int64Array
    size: Int64Array
    new: Int64Array

    def __len__(self) -> int:
        return self.start.size


def plan_windows(num_symbols: Int64Array, windows: Windows | None) -> Plan:
    """Lay windows over documents of ``num_symbols`` symbols; None is one window for each document, whatever its length.

    Every symbol is predicted by exactly one window. Documents without symbols have no window.

    Example:
        >>> plan = plan_windows(np.array([7, 0, 3]), Windows(4, 2))
        >>> for w in range(len(plan)):
        ...     print(plan.document[w], plan.start[w], plan.size[w], plan.new[w])
        0 0 4 4
        0 2 4 2
        0 3 4 1
        2 0 3 3
    """
    symbols = as_array(num_symbols, dtype=np.int64)
    longest = int(symbols.max(initial=1))
    length, stride = (longest, longest) if windows is None else (windows.length, windows.stride or windows.length)
    if length > longest:  # one window for each document; a length may be more than 64 bits hold
        length = stride = longest
    counts = np.where(symbols > 0, 1 + np.maximum(0, -(-(symbols - length) // stride)), 0)
    document = np.repeat(np.arange(symbols.size), counts)
    ordinal = np.arange(document.size) - np.repeat(np.cumsum(counts) - counts, counts)
    end = np.minimum(length + ordinal * stride, symbols[document])
    before = np.where(ordinal > 0, length + (ordinal - 1) * stride, 0)
    start = np.maximum(0, end - length)
    return Plan(document, start, end - start, end - before)


def window_tokens(
    dataset: Dataset, document: int, start: int, size: int, prefix_id: int, eos_id: int
) -> NDArray[np.int64]:
    """Return a window's inputs and its last target: int64, shape (size + 1,); all but the first are its targets.

    Example:
        >>> data = Dataset.from_token_lists([[5, 6, 7]])
        >>> [window_tokens(data, 0, start, 2, 8, 9).tolist() for start in range(3)]
        [[8, 5, 6], [5, 6, 7], [6, 7, 9]]
    """
    tokens = dataset.tokens[dataset.offsets[document] : dataset.offsets[document + 1]]
    row = np.empty(size + 1, dtype=np.int64)
    first = 1 if start == 0 else 0  # input 0 is the prefix token, input j is token j - 1
    held = tokens[max(0, start - 1) : start + size]
    row[0] = prefix_id  # overwritten unless the window starts the document
    row[first : first + held.size] = held
    row[first + held.size :] = eos_id  # at most one: the window may end the document
    return row


def batches(plan: Plan, batch_tokens: int, free_padding: int = 0) -> Iterator[NDArray[np.int64]]:
    """Group windows into batches of at most ``batch_tokens`` inputs, padding counted; each has at least one window.

    The longest windows come first, so that a batch that is too large for the memory fails at once. A batch ends before
    a window for which its padding were more than an eighth of its tokens, and more than ``free_padding``: what costs no
    more than another batch does.

    Example:
        >>> [batch.tolist() for batch in batches(plan_windows(np.array([8, 8, 5, 7, 1]), None), 24)]
        [[0, 1, 3], [2], [4]]
    """
    order = np.argsort(-plan.size, kind="stable")
    sizes = plan.size[order]
    at = 0
    while at < order.size:
        longest = int(sizes[at])
        some = sizes[at : at + max(1, batch_tokens // longest)]
        padding = np.cumsum(longest - some)
        much = padding > np.maximum(free_padding, np.cumsum(some) // _PADDING)
        rows = int(much.argmax()) if much.any() else some.size  # never the first one, which has no padding
        yield order[at : at + rows]
        at += rows


def _whole(value: object) -> int:
    try:
        return 0 if isinstance(value, bool) else int(operator.index(value))  # type: ignore[arg-type]
    except TypeError:
        return 0
