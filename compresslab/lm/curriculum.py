"""What a model is trained on, example by example: fixed before training starts, by the data, the volumes and a seed.

An example is a window over a response (see `compresslab.lm.windows`: disjoint windows, so that an epoch predicts every
symbol exactly once). Each source gives its windows in a random order, a new one for each epoch. Where there are several
sources, every example is taken from the one that is furthest behind its share: after any number of examples, each has
given its volume's share of the symbols, to within one window.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import Int64Array
from compresslab._support.checks import number_or_nan
from compresslab._support.files import write_atomic
from compresslab.data.dataset import Dataset
from compresslab.errors import InvalidParameter, InvalidVolume
from compresslab.lm.windows import Plan, Windows, plan_windows, window_tokens

__all__ = ["IGNORE", "Curriculum", "Source", "make_curriculum", "pack"]

IGNORE = -100  # torch's mark of a target that does not count


@dataclass(frozen=True)
class Source:
    """A dataset and the volume that it is given, in any unit: only the ratios of volumes matter."""

    dataset: Dataset
    volume: float


@dataclass(frozen=True, eq=False)
class Curriculum:
    """The examples of a training, in order: the exact record of what is seen.

    Attributes:
        names: the names of the sources.
        datasets: the datasets that the windows lie in, one for each source.
        source: int64, shape (number of examples,): the source of each.
        plan: the window of each.
        eos_id: the token that ends a response.
        prefix_id: the token that starts it.
    """

    names: tuple[str, ...]
    datasets: tuple[Dataset, ...]
    source: Int64Array
    plan: Plan
    eos_id: int
    prefix_id: int

    def __len__(self) -> int:
        return self.source.size

    @property
    def symbols(self) -> dict[str, int]:
        """Symbols that each source gives, repeats counted."""
        totals = np.bincount(self.source, weights=self.plan.new, minlength=len(self.names))
        return {name: int(total) for name, total in zip(self.names, totals, strict=True)}

    def example(self, index: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return inputs and targets of an example, each int64, shape (size,); targets that do not count are -100."""
        plan, data = self.plan, self.datasets[int(self.source[index])]
        which, start, size, new = (int(a[index]) for a in (plan.document, plan.start, plan.size, plan.new))
        row = window_tokens(data, which, start, size, self.prefix_id, self.eos_id)
        targets = row[1:].copy()
        targets[: size - new] = IGNORE
        return row[:-1], targets

    def padded(self, indices: Sequence[int] | NDArray[np.intp]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return inputs and targets of several examples, each int64, shape (examples, size of the longest).

        Shorter ones are filled up with EOS, whose targets are -100: they do not count.
        """
        pairs = [self.example(int(i)) for i in indices]
        width = max(inputs.size for inputs, _ in pairs)
        inputs = np.full((len(pairs), width), self.eos_id, dtype=np.int64)
        targets = np.full((len(pairs), width), IGNORE, dtype=np.int64)
        for row, (x, y) in enumerate(pairs):
            inputs[row, : x.size], targets[row, : y.size] = x, y
        return inputs, targets

    def hiding(self, hidden: Int64Array) -> Curriculum:
        """Return the same examples, in which fewer symbols count; those in which none would are left out.

        Args:
            hidden: how many symbols each response of the only dataset begins with that are context alone, as those of
                a prompt are; int64, shape (number of responses,).

        Raises:
            InvalidParameter: several datasets, or not one number for each response.
        """
        if len(self.datasets) != 1 or len(hidden) != len(self.datasets[0]):
            raise InvalidParameter(
                "symbols are hidden in one dataset that is not packed, by a number for each of its responses"
            )
        plan = self.plan
        new = np.minimum(plan.new, plan.start + plan.size - hidden[plan.document])
        held = new > 0
        left = Plan(plan.document[held], plan.start[held], plan.size[held], new[held])
        return replace(self, source=self.source[held], plan=left)

    def taking(self, indices: NDArray[np.intp]) -> Curriculum:
        """Return these examples alone, in this order; one may be there several times."""
        plan = self.plan
        taken = Plan(plan.document[indices], plan.start[indices], plan.size[indices], plan.new[indices])
        return replace(self, source=self.source[indices], plan=taken)

    def digest(self) -> str:
        """Return the SHA-256 of everything that is seen, in order."""
        digest = hashlib.sha256(repr((self.names, self.eos_id, self.prefix_id)).encode())
        for array in self._arrays().values():
            digest.update(np.ascontiguousarray(array).data)
        for data in self.datasets:
            digest.update(data.offsets.data)
            digest.update(np.ascontiguousarray(data.tokens).data)
        return digest.hexdigest()

    def save(self, path: str | PathLike[str]) -> None:
        """Write which window of which response of which source each example is, as an ``.npz`` file."""
        import io

        buffer = io.BytesIO()
        np.savez_compressed(buffer, names=np.array(self.names), **self._arrays())  # type: ignore[arg-type]
        write_atomic(path, [buffer.getvalue()])

    def _arrays(self) -> dict[str, NDArray[Any]]:
        plan = self.plan
        arrays = {"source": self.source, "response": plan.document, "start": plan.start, "size": plan.size}
        return {**arrays, "new": plan.new}


def make_curriculum(
    sources: Mapping[str, Source],
    *,
    length: int,
    examples: int | None,
    seed: int,
    eos_id: int,
    prefix_id: int,
    packed: bool = False,
    ends: bool = True,
) -> Curriculum:
    """Lay out what a training sees.

    Args:
        sources: datasets by name, all in the model's tokens.
        length: inputs of an example at most.
        examples: how many; every window of the only source once, where None.
        seed: of every random choice.
        eos_id: the token that ends a response.
        prefix_id: the token that starts one.
        packed: join the responses of each source, in a random order, into one long document with EOS between them, so
            that no example is short (for pre-training); otherwise an example never spans responses.
        ends: predict what ends a response; False where nothing does.

    Raises:
        InvalidParameter: no sources, or several and no number of examples.
        InvalidVolume: a volume that is not positive and finite.
    """
    if not sources:
        raise InvalidParameter("there is nothing to train on: give at least one dataset")
    if examples is None and len(sources) > 1:
        raise InvalidParameter("several datasets have no common epoch: give the number of steps")
    for name, source in sources.items():
        if not 0 < number_or_nan(source.volume) < float("inf"):
            raise InvalidVolume(f"the volume of '{name}' is {source.volume!r}: volumes are positive and finite")
    rngs = [np.random.default_rng([seed, i]) for i in range(len(sources))]
    datasets = tuple(
        pack(source.dataset, eos_id, rng) if packed else source.dataset
        for source, rng in zip(sources.values(), rngs, strict=True)
    )
    plans = [plan_windows(np.diff(data.offsets) + int(ends), Windows(length)) for data in datasets]
    count = len(plans[0]) if examples is None else examples
    chosen, window = _interleave(plans, [source.volume for source in sources.values()], rngs, count)
    plan = Plan(
        document=_picked([one.document for one in plans], chosen, window),
        start=_picked([one.start for one in plans], chosen, window),
        size=_picked([one.size for one in plans], chosen, window),
        new=_picked([one.new for one in plans], chosen, window),
    )
    return Curriculum(tuple(sources), datasets, chosen, plan, eos_id, prefix_id)


def _picked(columns: list[Int64Array], source: Int64Array, window: Int64Array) -> Int64Array:
    """Return ``columns[source[i]][window[i]]`` for every ``i``."""
    out = np.empty(source.size, dtype=np.int64)
    for i, column in enumerate(columns):
        out[source == i] = column[window[source == i]]
    return out


def _interleave(
    plans: list[Plan], volumes: list[float], rngs: list[np.random.Generator], count: int
) -> tuple[Int64Array, Int64Array]:
    """Choose the source and the window of each example."""
    streams = [_forever(len(plan), rng) for plan, rng in zip(plans, rngs, strict=True)]
    seen = [0.0] * len(plans)
    source, window = [], []
    for _ in range(count):
        behind = min(range(len(plans)), key=lambda i: seen[i] / volumes[i])
        chosen = next(streams[behind])
        seen[behind] += float(plans[behind].new[chosen])
        source.append(behind)
        window.append(chosen)
    return np.array(source, dtype=np.int64), np.array(window, dtype=np.int64)


def _forever(count: int, rng: np.random.Generator) -> Iterator[int]:
    """Give 0 .. count - 1 in a random order, then again in another."""
    while True:
        yield from rng.permutation(count).tolist()


def pack(dataset: Dataset, eos_id: int, rng: np.random.Generator) -> Dataset:
    """Join the responses of a dataset, in a random order, into one, with EOS between them.

    Example:
        >>> data = Dataset.from_token_lists([[1], [2, 3]])
        >>> sorted(pack(data, 9, np.random.default_rng(0))[0].tolist())
        [1, 2, 3, 9]
    """
    order = rng.permutation(len(dataset))
    lengths = np.diff(dataset.offsets)[order] + 1
    joined = np.full(int(lengths.sum()) - 1, eos_id, dtype=np.int64)
    at = 0
    for which, length in zip(order.tolist(), lengths.tolist(), strict=True):
        joined[at : at + length - 1] = dataset[which]
        at += length
    return Dataset.from_arrays(joined, vocab_size=max(dataset.vocab_size, eos_id + 1), name=dataset.name)
