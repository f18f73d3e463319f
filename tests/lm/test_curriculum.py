"""What a training sees is fixed beforehand: every symbol once an epoch, and each source its share."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab import Dataset
from compresslab.errors import InvalidParameter, InvalidVolume
from compresslab.lm.curriculum import IGNORE, Curriculum, Source, make_curriculum, pack

law = settings(max_examples=50, deadline=None)
V = 4
datasets = st.lists(st.lists(st.integers(0, V - 1), max_size=11), min_size=1, max_size=6).map(
    lambda lists: Dataset.from_token_lists(lists, vocab_size=V)
)


def make(sources: dict[str, Source], **changes: object) -> Curriculum:
    settings = {"length": 4, "examples": None, "seed": 0, "eos_id": V, "prefix_id": V + 1}
    return make_curriculum(sources, **{**settings, **changes})  # type: ignore[arg-type]


@law
@given(datasets, st.integers(1, 8), st.integers(0, 3))
def test_an_epoch_predicts_every_symbol_exactly_once(data: Dataset, length: int, seed: int) -> None:
    seen = make({"a": Source(data, 1.0)}, length=length, seed=seed)
    predicted: Counter[tuple[int, int]] = Counter()
    for i in range(len(seen)):
        inputs, targets = seen.example(i)
        which, start = int(seen.plan.document[i]), int(seen.plan.start[i])
        symbols = [*data[which].tolist(), V]
        assert inputs.size == targets.size <= length
        assert inputs.tolist() == [V + 1, *symbols][start : start + inputs.size]
        for offset, target in enumerate(targets.tolist()):
            if target != -100:
                assert target == symbols[start + offset]
                predicted[which, start + offset] += 1
    wanted = [(r, s) for r, length in enumerate(data.lengths.tolist()) for s in range(length)]
    assert predicted == Counter(wanted)


@law
@given(datasets, datasets, st.floats(0.1, 10), st.integers(1, 60), st.integers(0, 2))
def test_at_any_time_each_source_has_given_its_share(
    a: Dataset, b: Dataset, volume: float, examples: int, seed: int
) -> None:
    seen = make({"a": Source(a, volume), "b": Source(b, 1.0)}, examples=examples, seed=seed)
    given_a = np.cumsum(np.where(seen.source == 0, seen.plan.new, 0))
    given_b = np.cumsum(np.where(seen.source == 1, seen.plan.new, 0))
    # whoever is behind gives the next window, of at most 4 symbols
    assert (np.abs(given_a / volume - given_b) <= 4 / min(volume, 1) + 1e-9).all()
    assert seen.symbols == {"a": int(given_a[-1]), "b": int(given_b[-1])}


def test_the_same_seed_gives_the_same_examples_and_another_gives_others(tmp_path: Path) -> None:
    sources = {"a": Source(Dataset.from_token_lists([[i % V] * 3 for i in range(50)], vocab_size=V), 1.0)}
    first, same, other = make(sources), make(sources), make(sources, seed=1)
    assert first.digest() == same.digest() != other.digest()
    first.save(tmp_path / "seen.npz")
    held = np.load(tmp_path / "seen.npz")
    assert held["names"].tolist() == ["a"]
    assert np.array_equal(held["response"], first.plan.document)
    assert len(first) == 50


@law
@given(datasets, st.integers(1, 8), st.data())
def test_hidden_symbols_are_read_and_all_others_count_once(data: Dataset, length: int, draw: st.DataObject) -> None:
    hidden = np.array([draw.draw(st.integers(0, n - 1)) for n in data.lengths.tolist()])
    seen = make({"a": Source(data, 1.0)}, length=length).hiding(hidden)
    assert int(seen.plan.new.sum()) == int((data.lengths - hidden).sum())
    assert (seen.plan.new > 0).all()
    inputs, targets = seen.padded(range(len(seen)))
    assert inputs.shape == targets.shape == (len(seen), int(seen.plan.size.max()))
    counted: Counter[int] = Counter()
    for i in range(len(seen)):
        own, wanted = seen.example(i)
        assert inputs[i].tolist() == [*own.tolist(), *[V] * (inputs.shape[1] - own.size)]
        assert targets[i].tolist() == [*wanted.tolist(), *[IGNORE] * (targets.shape[1] - wanted.size)]
        counted[int(seen.plan.document[i])] += int((wanted != IGNORE).sum())
    assert [counted[i] for i in range(len(data))] == (data.lengths - hidden).tolist()


def test_packing_joins_all_responses_with_eos_between() -> None:
    lists = [[0, 1], [], [2, 2, 2], [3]]
    packed = pack(Dataset.from_token_lists(lists, vocab_size=V), V, np.random.default_rng(0))
    parts = " ".join(map(str, packed[0].tolist())).split(str(V))
    assert sorted([int(t) for t in part.split()] for part in parts) == sorted(lists)
    assert packed.vocab_size == V + 1
    seen = make({"a": Source(Dataset.from_token_lists(lists, vocab_size=V), 1.0)}, packed=True)
    assert seen.plan.size.tolist() == [4, 4, 4]  # 6 tokens and 4 EOS: 10 symbols, the last window moves back
    assert int(seen.plan.new.sum()) == 10


def test_what_cannot_be_is_refused() -> None:
    data = Dataset.from_token_lists([[0]], vocab_size=V)
    with pytest.raises(InvalidParameter, match="nothing to train on"):
        make({})
    with pytest.raises(InvalidParameter, match="several datasets have no common epoch: give the number of steps"):
        make({"a": Source(data, 1.0), "b": Source(data, 1.0)})
    with pytest.raises(InvalidVolume, match="the volume of 'a' is 0.0: volumes are positive and finite"):
        make({"a": Source(data, 0.0)})
    with pytest.raises(InvalidParameter, match="symbols are hidden in one dataset"):
        make({"a": Source(data, 1.0)}).hiding(np.array([0, 0]))
