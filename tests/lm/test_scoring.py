"""Scoring: each symbol once, rates over the right units, the same scores whichever way they are computed."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab import Dataset
from compresslab._support.arrays import UIntArray
from compresslab.data.tokenizers import ByteTokenizer
from compresslab.errors import InvalidDistribution, InvalidParameter, MismatchedVocabulary, MissingExtra
from compresslab.lm.scoring import score, score_everywhere, tokenize
from compresslab.lm.tree_model import TreeModel
from compresslab.lm.windows import Windows

law = settings(max_examples=50, deadline=None)
lists_of = st.lists(st.lists(st.integers(0, 3), max_size=14), min_size=1, max_size=6)
windows_of = st.integers(1, 9).flatmap(lambda n: st.builds(Windows, st.just(n), st.integers(1, n)))


class Counter:
    """A model over 4 tokens and EOS (4) whose probabilities say how long a context is and what it ends in.

    ``p(x | ids) = (1 + [x == (len(ids) + last) % 5]) / 6``: a wrong context, an off-by-one or a token that is predicted
    twice changes the scores. It has no `token_nats`, and counts what it is asked for.
    """

    name = "counter"
    vocab_size = 5
    eos_id = prefix_id = 4
    tokenizer = None

    def __init__(self, context: int | None = None, nan: bool = False) -> None:
        self.context, self.nan, self.calls = context, nan, 0

    def log_probs(self, ids: npt.ArrayLike) -> npt.NDArray[np.float64]:
        tokens = np.asarray(ids)
        assert self.context is None or tokens.shape[1] <= self.context
        self.calls += 1
        favoured = (np.arange(1, tokens.shape[1] + 1) + tokens) % 5
        rows = np.where(np.arange(5) == favoured[:, :, None], 2.0, 1.0) / 6
        return np.log(rows) * (np.nan if self.nan else 1.0)

    def encode(self, text: bytes) -> UIntArray:
        raise NotImplementedError

    decode = stepper = encode  # type: ignore[assignment]

    def fingerprint(self) -> str:
        return f"counter {self.context}"


def by_hand(response: list[int], windows: Windows | None, eos: bool) -> list[float]:
    """The same scores, one symbol at a time, from the words of the law."""
    symbols = response + ([4] if eos else [])
    inputs = [4, *response]
    out = []
    for i, symbol in enumerate(symbols):
        start = 0
        if windows is not None and windows.stride is not None and i >= windows.length:
            ordinal = (i - windows.length) // windows.stride + 1
            end = min(windows.length + ordinal * windows.stride, len(symbols))
            start = end - windows.length
        seen = inputs[start : i + 1]
        out.append(-math.log((2 if symbol == (len(seen) + seen[-1]) % 5 else 1) / 6))
    return out


@law
@given(lists_of, st.none() | windows_of, st.booleans(), st.integers(1, 40))
def test_scores_are_those_of_the_law(
    lists: list[list[int]], windows: Windows | None, eos: bool, batch_tokens: int
) -> None:
    data = Dataset.from_token_lists(lists, vocab_size=4)
    scores = score(Counter(), data, windows, eos=eos, batch_tokens=batch_tokens)
    wanted = [by_hand(response, windows, eos) for response in lists]
    assert scores.nats.tolist() == pytest.approx([x for row in wanted for x in row], abs=1e-12)
    assert scores.response_bits.tolist() == pytest.approx([sum(row) / math.log(2) for row in wanted], abs=1e-9)
    assert np.diff(scores.offsets).tolist() == [len(row) for row in wanted]
    assert scores.num_tokens == data.num_tokens


@law
@given(lists_of, windows_of, st.integers(1, 4))
def test_shares_put_together_are_the_whole(lists: list[list[int]], windows: Windows, count: int) -> None:
    data = Dataset.from_token_lists(lists, vocab_size=4)
    whole = score(Counter(), data, windows, batch_tokens=8)
    parts = [score(Counter(), data, windows, batch_tokens=8, share=(i, count)) for i in range(count)]
    assert sum(int((~np.isnan(part.nats)).sum()) for part in parts) == whole.num_symbols
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
    assert np.array_equal(merged.nats, whole.nats)


def test_documents_do_not_see_each_other() -> None:
    a, b = [0, 1, 2, 3, 0, 1], [3, 3, 1]
    both = score(Counter(), Dataset.from_token_lists([a, b], vocab_size=4), Windows(4, 2))
    alone = score(Counter(), Dataset.from_token_lists([b], vocab_size=4), Windows(4, 2))
    assert both.nats[len(a) + 1 :].tolist() == alone.nats.tolist()


def test_rates_divide_by_what_they_name() -> None:
    texts = ["aab", "ccd", "éé"]
    data = Dataset.from_texts(texts)
    scores = score(TreeModel.of(data, 2, smoothing=0.5), data)
    bits = scores.nats / math.log(2)
    ends = scores.offsets[1:] - 1
    assert scores.rate("byte").denominator == 10
    assert scores.rate("byte").value == pytest.approx(bits.sum() / 10)
    assert scores.rate("symbol").value == pytest.approx(bits.sum() / (10 + 3))
    assert scores.rate("token").value == pytest.approx((bits.sum() - bits[ends].sum()) / 10)
    assert scores.eos_bits == pytest.approx(bits[ends].sum())
    assert [scores.rate(unit).unit for unit in ("byte", "symbol", "token")] == ["byte", "symbol", "token"]


def test_the_standard_error_is_that_of_many_samples() -> None:
    # A population of responses; the spread of the rate over samples of 60 is what one sample says it is.
    rng = np.random.default_rng(5)
    texts = [
        "ab" * int(n) + "c" * int(m) for n, m in zip(rng.integers(1, 9, 4000), rng.integers(0, 4, 4000), strict=True)
    ]
    population = Dataset.from_texts(texts)
    scores = score(TreeModel.of(population, 2, smoothing=0.1), population)
    assert population.response_bytes is not None
    picks = rng.integers(0, 4000, (400, 60))
    rates = [scores.response_bits[p].sum() / population.response_bytes[p].sum() for p in picks]
    sample = population.select(picks[0])
    said = score(TreeModel.of(population, 2, smoothing=0.1), sample).standard_error("byte")
    assert said is not None
    assert said == pytest.approx(float(np.std(rates)), rel=0.35)
    assert score(TreeModel.of(population, 2), population.select([0])).standard_error() is None


def test_a_stopped_scoring_goes_on_where_it_was(tmp_path: Path) -> None:
    data = Dataset.from_token_lists([[i % 4] * (i % 7) for i in range(40)], vocab_size=4)
    path = tmp_path / "journal"
    whole_model = Counter()
    whole = score(whole_model, data, Windows(3), batch_tokens=9)

    class Stop(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done > total // 2:
            raise Stop

    first, second = Counter(), Counter()
    with pytest.raises(Stop):
        score(first, data, Windows(3), batch_tokens=9, resume=path, progress=stop)
    again = score(second, data, Windows(3), batch_tokens=9, resume=path)
    assert np.array_equal(again.nats, whole.nats)
    assert first.calls + second.calls == whole_model.calls
    assert 0 < second.calls < whole_model.calls
    third = Counter()
    assert np.array_equal(score(third, data, Windows(3), resume=path).nats, whole.nats)
    assert third.calls == 0
    with pytest.raises(InvalidParameter, match="is of another model, dataset or setting: delete it"):
        score(Counter(), data, Windows(4), resume=path)
    path.write_bytes(b"hello")
    with pytest.raises(InvalidParameter, match="is not a scoring journal"):
        score(Counter(), data, Windows(3), resume=path)


def test_progress_reaches_the_end() -> None:
    data = Dataset.from_token_lists([[0] * 10, [1] * 3], vocab_size=4)
    seen: list[tuple[int, int]] = []
    score(Counter(), data, Windows(4), batch_tokens=4, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (15, 15)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_windows_default_to_the_context_of_the_model() -> None:
    data = Dataset.from_token_lists([[0, 1, 2, 3] * 5], vocab_size=4)
    scores = score(Counter(context=6), data)
    assert scores.windows == Windows(6)
    assert scores.nats.tolist() == pytest.approx(by_hand([0, 1, 2, 3] * 5, Windows(6), True))
    with pytest.raises(InvalidParameter, match="windows of 7 tokens are longer than the context of 'counter', 6"):
        score(Counter(context=6), data, Windows(7))


def test_a_single_process_scores_everything_and_needs_no_accelerate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "accelerate", None)
    data = Dataset.from_token_lists([[0, 1, 2]], vocab_size=4)
    with monkeypatch.context() as several:
        several.setenv("WORLD_SIZE", "2")
        with pytest.raises(MissingExtra, match="work on several processes needs the optional extra 'lm'"):
            score_everywhere(Counter(), data, Windows(2))
    assert np.array_equal(score_everywhere(Counter(), data, Windows(2)).nats, score(Counter(), data, Windows(2)).nats)


def test_wrong_use_is_refused() -> None:
    model = TreeModel.of(Dataset.from_texts(["ab"], "bytes"), 2)
    with pytest.raises(MismatchedVocabulary, match="in tokens of 'bits', the model 'tree' reads those of 'bytes'"):
        score(model, Dataset.from_texts(["a"], "bits"))
    with pytest.raises(MismatchedVocabulary, match="the dataset has 300 tokens, the model 'tree' only 257"):
        score(model, Dataset.from_token_lists([[1]], vocab_size=300))
    with pytest.raises(InvalidParameter, match="unknown unit 'bytes': did you mean 'byte'"):
        score(model, Dataset.from_texts(["ab"])).rate("bytes")
    with pytest.raises(InvalidParameter, match="needs the bytes of the original text"):
        score(model, Dataset.from_token_lists([[1]], vocab_size=256)).rate("byte")
    with pytest.raises(InvalidDistribution, match="'counter' gave NaN for symbol 0 of response 0"):
        score(Counter(nan=True), Dataset.from_token_lists([[1]], vocab_size=4))
    with pytest.raises(MismatchedVocabulary, match="over bare numbers"):
        tokenize(Counter(), ["a"])


def test_texts_become_responses_in_the_model_s_tokens() -> None:
    model = TreeModel.of(Dataset.from_texts(["ab"]), 2)
    data = tokenize(model, ["a\nb", ""], name="x")
    assert data.texts() == [b"a\nb", b""]
    assert data.tokenizer == ByteTokenizer()
    assert data.name == "x"


def test_a_fingerprint_that_is_given_is_not_taken_again() -> None:
    class Dear(Counter):
        def fingerprint(self) -> str:
            raise AssertionError("it reads all weights")

    data = Dataset.from_token_lists([[0, 1]], vocab_size=4)
    assert score(Dear(), data, fingerprint="known").fingerprint == "known"
    assert score(Counter(), data).fingerprint == "counter None"
