"""Batches that do not fit: cut in halves where memory runs out, by whatever error says so, and scored all the same."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compresslab import Dataset
from compresslab.errors import OutOfMemory
from compresslab.lm.memory import MOST_TOKENS, Parts, in_parts, tokens_that_fit
from compresslab.lm.scoring import score
from tests.lm.test_scoring import Counter


def errors_of_memory() -> list[type[Exception]]:
    try:
        import torch
    except ImportError:
        return [MemoryError]
    return [MemoryError, torch.OutOfMemoryError]


class Cramped(Counter):
    """A model that has room for so many tokens at once; it notes the batches that it is given."""

    def __init__(self, room: int, error: Exception) -> None:
        super().__init__()
        self.room, self.error, self.sizes = room, error, list[int]()

    def log_probs(self, ids: npt.ArrayLike) -> npt.NDArray[np.float64]:
        self.sizes.append(np.asarray(ids).size)
        if np.asarray(ids).size > self.room:
            raise self.error
        return super().log_probs(ids)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 5))
def test_parts_cover_the_rows_in_order_and_stay_small(rows: int, room: int, halved: int) -> None:
    parts, tried = Parts(2**halved), list[int]()

    def work(part: slice) -> slice:
        tried.append(part.stop - part.start)
        if tried[-1] > room:
            raise MemoryError
        return part

    found = list(in_parts(work, rows, parts))
    assert [i for one in found for i in range(one.start, one.stop)] == list(range(rows))
    assert all(a >= b for a, b in pairwise(tried))  # it never grows again
    assert parts.count == max(2**halved, min(n for n in (2**k for k in range(9)) if math.ceil(rows / n) <= room))


@pytest.mark.parametrize("kind", errors_of_memory())
def test_a_batch_without_room_is_scored_in_halves(kind: type[Exception]) -> None:
    data = Dataset.from_token_lists([[0, 1, 2, 3, 0], [1, 1, 2], [3, 3, 3, 3], [2], [0, 1]] * 4, vocab_size=4)
    model = Cramped(20, kind("CUDA out of memory. Tried to allocate 12.00 GiB"))
    found = score(model, data, batch_tokens=64)
    assert np.array_equal(found.nats, score(Counter(), data, batch_tokens=64).nats)
    failed = [size for size in model.sizes if size > 20]
    assert len(failed) == 2  # what was learned from the first batch holds for the others


def test_an_error_that_is_not_of_memory_stays_what_it_is() -> None:
    data = Dataset.from_token_lists([[0, 1]], vocab_size=4)
    with pytest.raises(RuntimeError, match="device-side assert"):
        score(Cramped(0, RuntimeError("CUDA error: device-side assert triggered")), data)


def test_a_sequence_that_does_not_fit_alone_is_refused() -> None:
    data = Dataset.from_token_lists([[0] * 9, [1] * 9], vocab_size=4)
    with pytest.raises(OutOfMemory, match="scoring under 'counter', with a single sequence in it: read shorter"):
        score(Cramped(5, MemoryError()), data)


def test_the_tokens_that_fit_are_a_power_of_two_that_grows_with_what_is_free() -> None:
    config: Any = type("Config", (), {"hidden_size": 2048, "intermediate_size": 5632})
    sizes = [tokens_that_fit(1 << n, config, 2) for n in range(20, 42)]
    assert sizes == sorted(sizes)
    assert sizes[-1] == MOST_TOKENS
    assert all(size & (size - 1) == 0 for size in sizes)
    assert tokens_that_fit(1 << 33, config, 4) <= tokens_that_fit(1 << 33, config, 2)
