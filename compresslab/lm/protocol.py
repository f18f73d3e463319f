r"""What a language model is here. This file imports no implementation, and nothing but numpy.

A model predicts the next token from the tokens before it:

    ``ids``             ``s   x_1 x_2 x_3``            shape (B, T); ``s`` is the prefix token
    ``log_probs(ids)``  ``·   ·   ·   ·``              shape (B, T, V): row ``t`` is ``ln p( . | ids[:, :t + 1])``
    predicted           ``x_1 x_2 x_3 EOS``

The prefix token ``s`` starts every document, is given and never predicted; EOS ends it and is predicted like any
other token. Row ``t`` depends on ``ids[:, :t + 1]`` alone, so whatever stands to the right of a sequence (padding)
changes nothing. Log-probabilities are in nats: this is the edge of a language model, the only place outside the
mathematics of elasticity where the library does not count in bits.

`compresslab.testing.check_language_model` tests all of this on any model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from compresslab._support.arrays import UIntArray, as_array
from compresslab.data.tokenizers import Tokenizer
from compresslab.errors import InvalidParameter, InvalidTokens

__all__ = ["Floats", "Ids", "LanguageModel", "Stepper", "TokenScorer", "as_ids", "begin_token_nats", "token_nats"]

Ids: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.float64]


class Stepper(Protocol):
    """A batch of sequences that advance together, one token each at a time (with a model's KV cache)."""

    def step(self, tokens: npt.NDArray[np.int64]) -> Floats:
        """Append one token to every sequence: ``tokens`` (B,); return ``ln p(next)``, shape (B, V), in nats.

        The first call is given the prefix token. Equal calls on a new stepper of the same batch size give equal bits:
        what a decoder needs to follow an encoder.

        Raises:
            InvalidParameter: more steps than the model's context holds.
        """
        ...


@runtime_checkable
class LanguageModel(Protocol):
    """A causal language model."""

    @property
    def name(self) -> str:
        """The name for tables, such as `compresslab.lm.registry.get_model` takes."""
        ...

    @property
    def vocab_size(self) -> int:
        """V: the columns of `log_probs`, EOS and the model's other special tokens among them."""
        ...

    @property
    def eos_id(self) -> int:
        """The token that ends a document."""
        ...

    @property
    def prefix_id(self) -> int:
        """The token that every document starts from: it is given, never predicted."""
        ...

    @property
    def context(self) -> int | None:
        """The most tokens that a sequence may hold, the prefix counted; None where there is no limit."""
        ...

    @property
    def tokenizer(self) -> Tokenizer | None:
        """What turns texts into the model's tokens; None for a model over bare numbers."""
        ...

    def encode(self, text: bytes) -> UIntArray:
        """Return the tokens of one text, without prefix and EOS: unsigned, shape (number of tokens,)."""
        ...

    def decode(self, tokens: object) -> bytes:
        """Return the text of tokens."""
        ...

    def log_probs(self, ids: npt.ArrayLike) -> Floats:
        """Return ``ln p(next token)`` at every position: ids (B, T) to (B, T, V), nats, float32 or float64.

        Raises:
            InvalidTokens: ids outside ``0 .. V - 1``.
            InvalidParameter: ids not of shape (B, T), or T above `context`.
        """
        ...

    def stepper(self, batch: int) -> Stepper:
        """Return a new batch of ``batch`` empty sequences."""
        ...

    def fingerprint(self) -> str:
        """Return a hexadecimal digest of all that the probabilities depend on: weights, dtype, settings, tokenizer."""
        ...


@runtime_checkable
class TokenScorer(Protocol):
    """A model that can give the log-probabilities of given tokens without a table of all V of them."""

    def token_nats(self, ids: npt.ArrayLike, targets: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return ``-ln p(targets[b, t] | ids[b, :t + 1])``: (B, T) and (B, T) to (B, T), nats, float64."""
        ...


def token_nats(model: LanguageModel, ids: npt.ArrayLike, targets: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the code lengths ``-ln p(targets[b, t] | ids[b, :t + 1])`` in nats, float64, shape (B, T).

    Uses the model's own `TokenScorer.token_nats` where it has one; else looks them up in its `log_probs`.
    """
    if isinstance(model, TokenScorer):
        return model.token_nats(ids, targets)
    rows = model.log_probs(ids)
    wanted = as_ids(targets, model.vocab_size)
    if wanted.shape != rows.shape[:2]:
        raise InvalidParameter(f"targets have shape {wanted.shape}, ids {rows.shape[:2]}: give one target per token")
    return -np.take_along_axis(rows, wanted[:, :, None], axis=2)[:, :, 0].astype(np.float64)


def begin_token_nats(
    model: LanguageModel, ids: npt.ArrayLike, targets: npt.ArrayLike
) -> Callable[[], npt.NDArray[np.float64]]:
    """Begin with `token_nats`, and return what waits for its result.

    A model whose work goes on elsewhere meanwhile, as on a GPU, has a method of this name; of others it is done here. A
    subclass that changes ``token_nats`` alone is asked for that.
    """
    begin = getattr(model, "begin_token_nats", None)
    if begin is not None and _owner(model, "begin_token_nats") is _owner(model, "token_nats"):
        waiting: Callable[[], npt.NDArray[np.float64]] = begin(ids, targets)
        return waiting
    found = token_nats(model, ids, targets)
    return lambda: found


def _owner(model: object, name: str) -> type | None:
    """Return the class that a model has a method from."""
    return next((one for one in type(model).__mro__ if name in vars(one)), None)


def as_ids(ids: npt.ArrayLike, vocab_size: int, context: int | None = None) -> Ids:
    """Return token ids (B, T) as int64.

    Raises:
        InvalidTokens: not whole numbers, or outside ``0 .. vocab_size - 1``.
        InvalidParameter: not of shape (B, T), or T above ``context``.

    Example:
        >>> as_ids([[0, 1]], vocab_size=2).shape
        (1, 2)
        >>> as_ids([[0, 1, 1]], vocab_size=2, context=2)
        Traceback (most recent call last):
        compresslab.errors.InvalidParameter: a sequence of 3 tokens is longer than the model's context of 2: cut it into
        windows (compresslab.lm.scoring does)
    """
    array = as_array(ids)
    if array.ndim != 2:
        raise InvalidParameter(f"ids have shape {array.shape}: give a matrix (B, T), one row per sequence")
    if array.dtype.kind not in "iu":
        raise InvalidTokens(f"ids are {array.dtype}: give whole numbers")
    if array.size and (int(array.min()) < 0 or int(array.max()) >= vocab_size):
        wrong = int(array.min()) if int(array.min()) < 0 else int(array.max())
        raise InvalidTokens(f"token {wrong} is outside the model's vocabulary: 0 to {vocab_size - 1}")
    if context is not None and array.shape[1] > context:
        raise InvalidParameter(
            f"a sequence of {array.shape[1]} tokens is longer than the model's context of {context}: "
            "cut it into windows (compresslab.lm.scoring does)"
        )
    return np.ascontiguousarray(array, dtype=np.int64)
