"""What scoring does with one batch of windows: fill it, have the model read it, write what each symbol costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import Int64Array
from compresslab.data.dataset import Dataset
from compresslab.errors import InvalidDistribution
from compresslab.lm.journal import Journal
from compresslab.lm.memory import Parts, in_parts
from compresslab.lm.protocol import LanguageModel, begin_token_nats
from compresslab.lm.windows import Plan, window_tokens

__all__ = ["Work", "begin_batch"]


@dataclass(frozen=True, eq=False)
class Work:
    """What a scoring works on: which windows of which responses under which model, and where the results go."""

    model: LanguageModel
    dataset: Dataset
    plan: Plan
    offsets: Int64Array
    journal: Journal


def begin_batch(work: Work, batch: NDArray[np.int64], parts: Parts) -> Iterator[Callable[[], int]]:
    """Begin with the windows of a batch, in as many parts as the memory needs; what is yielded ends one of them.

    Each returns how many symbols it scored. Nothing is computed where a journal holds them all already.
    """
    plan = work.plan
    document, start, size, new = plan.document[batch], plan.start[batch], plan.size[batch], plan.new[batch]
    stops = work.offsets[document] + start + size
    nats = work.journal.nats
    if not any(np.isnan(nats[stop - count : stop]).any() for stop, count in zip(stops, new, strict=True)):
        yield lambda: int(new.sum())
        return
    width = int(size[0])
    # One column more than the window: inputs are all but its last token, targets all but its first.
    rows = np.full((batch.size, width + 1), work.model.prefix_id, dtype=np.int64)
    for row, which, begin, count in zip(rows, document.tolist(), start.tolist(), size.tolist(), strict=True):
        row[: count + 1] = window_tokens(work.dataset, which, begin, count, work.model.prefix_id, work.model.eos_id)

    def begin_part(part: slice) -> Callable[[], int]:
        longest = int(size[part][0])
        costs = begin_token_nats(work.model, rows[part, :longest], rows[part, 1 : longest + 1])
        return lambda: _written(work, batch[part], stops[part], costs())

    yield from in_parts(begin_part, batch.size, parts, f"scoring under '{work.model.name}'")


def _written(work: Work, batch: NDArray[np.int64], stops: Int64Array, costs: NDArray[np.float64]) -> int:
    """Write the costs of some windows; return how many symbols they are of."""
    size, new = work.plan.size[batch], work.plan.new[batch]
    for i, (stop, count, taken) in enumerate(zip(stops.tolist(), size.tolist(), new.tolist(), strict=True)):
        part = costs[i, count - taken : count]
        if np.isnan(part).any():
            document = int(work.plan.document[batch[i]])
            raise InvalidDistribution(
                f"'{work.model.name}' gave NaN for symbol {stop - taken - int(work.offsets[document])} of response "
                f"{document}: look for an overflow in the model (try float32)"
            )
        work.journal.write(stop - taken, part)
    return int(new.sum())
