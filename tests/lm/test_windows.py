"""Windows: every symbol is predicted exactly once, in the context that the drawing promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab.errors import InvalidParameter
from compresslab.lm.windows import Plan, Windows, batches, plan_windows

law = settings(max_examples=50, deadline=None)
documents = st.lists(st.integers(0, 40), min_size=1, max_size=8)
windows_of = st.integers(1, 12).flatmap(lambda n: st.builds(Windows, st.just(n), st.integers(1, n)))


def predictions(plan: Plan) -> list[tuple[int, int, int]]:
    """List (document, symbol, inputs it is predicted from), computed one symbol at a time."""
    out = []
    for document, start, size, new in zip(plan.document, plan.start, plan.size, plan.new, strict=True):
        out += [(int(document), int(start) + i, i + 1) for i in range(int(size - new), int(size))]
    return out


@law
@given(documents, windows_of)
def test_every_symbol_is_predicted_exactly_once_in_the_context_that_is_promised(
    lengths: list[int], windows: Windows
) -> None:
    assert windows.stride is not None
    plan = plan_windows(np.array(lengths), windows)
    seen = predictions(plan)
    assert sorted((d, s) for d, s, _ in seen) == [(d, s) for d, n in enumerate(lengths) for s in range(n)]
    assert (plan.size <= windows.length).all()
    assert all(inputs >= min(symbol + 1, windows.length - windows.stride + 1) for _, symbol, inputs in seen)
    # a window that is shorter than it might be begins at the document's start
    assert (plan.start[plan.size < windows.length] == 0).all()


@law
@given(documents, windows_of, st.integers(1, 60))
def test_batches_hold_every_window_once_and_keep_to_their_size(
    lengths: list[int], windows: Windows, batch_tokens: int
) -> None:
    plan = plan_windows(np.array(lengths), windows)
    found = list(batches(plan, batch_tokens))
    assert sorted(w for batch in found for w in batch.tolist()) == list(range(len(plan)))
    for batch in found:
        assert batch.size == 1 or batch.size * plan.size[batch].max() <= batch_tokens
    heights = [int(plan.size[batch].max()) for batch in found]
    assert heights == sorted(heights, reverse=True)


def test_the_drawing_of_the_docs() -> None:
    plan = plan_windows(np.array([7]), Windows(4, 2))
    rows = [plan.start.tolist(), plan.size.tolist(), plan.new.tolist()]
    assert rows == [[0, 2, 3], [4, 4, 4], [4, 2, 1]]


def reference_rolling_windows(num_tokens: int, max_seq_len: int, context_len: int) -> list[tuple[int, int, int]]:
    """(first input, inputs, predicted) by the description of loglikelihood_rolling in lm-evaluation-harness 0.4.

    The first window predicts max_seq_len tokens from the prefix on; each later one predicts the next
    max_seq_len - context_len + 1, or what is left, from the max_seq_len inputs before its last prediction.
    """
    first = min(max_seq_len, num_tokens)
    out = [(0, first, first)]
    predicted, step = first, max_seq_len - context_len + 1
    while predicted < num_tokens:
        count = min(num_tokens - predicted, step)
        end = predicted + count
        out.append((end - max_seq_len, max_seq_len, count))
        predicted = end
    return out


@law
@given(st.integers(1, 50), windows_of)
def test_windows_are_those_of_the_evaluation_harness(num_tokens: int, windows: Windows) -> None:
    assert windows.stride is not None
    plan = plan_windows(np.array([num_tokens]), windows)
    context_len = windows.length - windows.stride + 1
    found = list(zip(plan.start.tolist(), plan.size.tolist(), plan.new.tolist(), strict=True))
    assert found == reference_rolling_windows(num_tokens, windows.length, context_len)


@pytest.mark.parametrize(
    ("length", "stride", "message"),
    [
        (0, None, "length is 0: it must be a whole number, 1 or more"),
        (2.5, None, "length is 2.5"),
        (True, None, "length is True"),
        (8, 0, "stride is 0: it must be a whole number from 1 to its length, 8"),
        (8, 9, "stride is 9: it must be a whole number from 1 to its length, 8"),
    ],
)
def test_windows_that_cannot_be_are_refused(length: int, stride: int | None, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        Windows(length, stride)


@law
@given(st.lists(st.integers(1, 300), min_size=1, max_size=60), st.integers(1, 600), st.integers(0, 100))
def test_little_of_a_batch_is_padding(lengths: list[int], batch_tokens: int, free: int) -> None:
    plan = plan_windows(np.array(lengths), None)
    for batch in batches(plan, batch_tokens, free):
        sizes = plan.size[batch]
        assert sizes.max() * sizes.size - sizes.sum() <= max(free, sizes.sum() / 8)


def test_windows_of_one_length_fill_their_batches() -> None:
    plan = plan_windows(np.full(50, 12), None)
    assert [batch.size for batch in batches(plan, 100)] == [8, 8, 8, 8, 8, 8, 2]
