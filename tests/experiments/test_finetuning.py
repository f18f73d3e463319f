"""The core of the fine-tuning experiments: what is seen, what is measured, and that volumes on the way are volumes."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from compresslab.data.dataset import Dataset
from compresslab.data.texts import Texts
from compresslab.errors import EmptyDataset, InvalidParameter, MismatchedVocabulary, UnknownName, UnreadableFile
from compresslab.experiments.data.style_judge import StyleJudge
from compresslab.experiments.data.tuning_texts import EMBEDDED, TextSpec, deal_texts, given_texts, text_record
from compresslab.experiments.models import measures
from compresslab.experiments.models.base_models import SHAPES, num_weights, pretrained
from compresslab.experiments.models.finetuning import (
    Diverged,
    Losses,
    Recipe,
    check_recipe,
    fit_texts,
    get_state,
    set_state,
)
from compresslab.experiments.models.measures import code_lengths, kl_nats, sample_responses
from compresslab.lm.curriculum import Source, make_curriculum
from compresslab.lm.tiny import TinyShape, make_tiny
from compresslab.lm.tree_model import TreeModel

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="needs the extra 'lm' (torch and transformers)"
)

SMALL = TinyShape(hidden=16, layers=1, heads=2, context=32)
FAST = Recipe(batch=4, length=32, learning_rate=0.01)
POSITIVE = Dataset.from_texts([b"good", b"very good", b"so good", b"good good"] * 10, name="positive")
NEGATIVE = Dataset.from_texts([b"bad", b"very bad", b"so bad", b"bad bad"] * 10, name="negative")


class HandMade:
    """A model over the symbols 0, 1 and EOS = 2 whose next symbol depends on nothing but the last one."""

    name, vocab_size, eos_id, prefix_id, tokenizer = "hand-made", 3, 2, 2, None

    def __init__(self, table: npt.ArrayLike, context: int | None = None) -> None:
        self.table, self.context = np.asarray(table, dtype=np.float64), context

    def log_probs(self, ids: npt.ArrayLike) -> npt.NDArray[np.float64]:
        with np.errstate(divide="ignore"):
            return np.log(self.table[np.asarray(ids)])

    def stepper(self, batch: int) -> Any:
        model = self

        class Stepper:
            def step(self, tokens: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
                return model.log_probs(tokens)

        return Stepper()

    def encode(self, text: bytes) -> Any:
        raise NotImplementedError

    def decode(self, tokens: object) -> bytes:
        raise NotImplementedError

    def fingerprint(self) -> str:
        return "hand-made"


P = HandMade([[0.5, 0.25, 0.25], [0.0, 0.5, 0.5], [0.75, 0.25, 0.0]])
Q = HandMade([[0.25, 0.5, 0.25], [0.5, 0.25, 0.25], [0.75, 0.25, 0.0]])


@pytest.mark.parametrize("context", [None, 1, 2])
def test_the_kl_is_the_exact_sum_at_every_position(context: int | None) -> None:
    data = Dataset.from_token_lists([[0, 1], [1]])  # read: s 0 1, and s 1; so s twice, 0 once, 1 twice
    at_start, after_0, after_1 = 0.0, 0.5 * math.log(2) + 0.25 * math.log(0.5), math.log(2)
    expected = (2 * at_start + after_0 + 2 * after_1) / 5
    ours = HandMade(P.table, context)
    assert kl_nats(ours, Q, data) == pytest.approx(expected, abs=1e-12)
    assert kl_nats(Q, ours, data) == math.inf  # the base gives 0 where the model does not
    assert kl_nats(ours, ours, data) == 0


@needs_torch
def test_the_kl_is_the_same_where_the_models_are() -> None:
    model, base = (make_tiny(SMALL, seed=seed, device="cpu") for seed in (0, 1))
    ids, counted = np.arange(24).reshape(2, 12) % 257, np.arange(24).reshape(2, 12) % 5 > 0
    here = measures.kl_of_tables(model, base, ids, counted)
    assert here > 0
    assert measures.kl_of_places(model, base, ids, counted) == pytest.approx(here, rel=1e-5)


@needs_torch
def test_the_kl_is_the_same_where_memory_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    model, base = (make_tiny(SMALL, seed=seed, device="cpu") for seed in (0, 1))
    wanted, whole = kl_nats(model, base, POSITIVE), measures.kl_of_places
    tried: list[int] = []

    def cramped(model: Any, base: Any, ids: Any, counted: Any, known: Any) -> float:
        tried.append(len(ids))
        if len(ids) > 7:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return whole(model, base, ids, counted, known)

    monkeypatch.setattr(measures, "kl_of_places", cramped)
    assert kl_nats(model, base, POSITIVE) == pytest.approx(wanted, rel=1e-6)
    assert max(tried) > 7


@needs_torch
def test_a_base_that_is_known_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model, base, other = (make_tiny(SMALL, seed=seed, device="cpu") for seed in (0, 1, 2))
    wanted = [kl_nats(one, base, POSITIVE) for one in (model, other)]
    known: measures.Known = {}
    assert kl_nats(model, base, POSITIVE, known=known) == wanted[0]
    asked: list[int] = []
    base.module.register_forward_hook(lambda *_: asked.append(1))
    base.module.model.register_forward_hook(lambda *_: asked.append(1))
    assert kl_nats(other, base, POSITIVE, known=known) == wanted[1]
    assert not asked
    monkeypatch.setattr(measures, "_KNOWN_BYTES", 10)  # too much to be kept
    assert kl_nats(other, base, POSITIVE, known=(little := {})) == wanted[1]
    assert asked
    assert not little


def test_no_kl_between_models_of_different_vocabularies() -> None:
    data = Dataset.from_texts(["ab"])
    with pytest.raises(MismatchedVocabulary, match="different vocabularies"):
        kl_nats(TreeModel.of(data, depth=2), P, data)


def test_samples_follow_the_model() -> None:
    drawn = sample_responses(P, 20_000, seed=1, length=30, batch=5000)
    lengths, first = drawn.lengths - 1, np.array([response[0] for response in drawn])
    assert (lengths > 0).all()  # an empty response has probability 0
    assert np.mean(first == 0) == pytest.approx(0.75, abs=4 * math.sqrt(0.75 * 0.25 / 20_000))
    # after 1 only 1 or the end; the expected number of symbols: E_1 = 2, E_0 = 1 + E_0 / 2 + E_1 / 4 = 3
    assert lengths.mean() == pytest.approx(0.75 * 3 + 0.25 * 2, abs=0.05)
    assert all((np.diff(response.astype(int)) >= 0).all() for response in drawn)


def test_samples_begin_with_their_prompts_and_stop_at_the_length() -> None:
    drawn = sample_responses(P, 50, seed=0, length=3, prompts=[[1, 1], [0]], batch=7)
    assert len(drawn) == 50
    for i, response in enumerate(drawn):
        assert response[: 2 - i % 2].tolist() == ([1, 1], [0])[i % 2]
        assert len(response) <= 3
    again = sample_responses(P, 50, seed=0, length=3, prompts=[[1, 1], [0]], batch=7)
    assert again.same_as(drawn)


def test_samples_that_cannot_be() -> None:
    with pytest.raises(InvalidParameter, match="leaves no room in 2"):
        sample_responses(P, 1, seed=0, length=2, prompts=[[1, 1]])
    with pytest.raises(InvalidParameter, match="length within the context"):
        sample_responses(HandMade(P.table, context=4), 1, seed=0, length=5)
    with pytest.raises(InvalidParameter, match="at least one"):
        sample_responses(P, 0, seed=0, length=5)


def test_code_lengths_are_those_of_the_model() -> None:
    data = Dataset.from_texts(["aab", "ccd", "aab", "ccd"])
    found = code_lengths(TreeModel.of(Dataset.from_texts(["aab", "ccd"]), depth=2), {"x": data, "y": data})
    assert list(found) == ["x", "y"]
    assert found["x"].bits_per_response == 4
    assert found["x"].bits_per_byte == pytest.approx(4 / 3)
    assert (found["x"].standard_error, found["x"].responses) == (0, 4)


# ---- training ----


@needs_torch
def test_a_stop_on_the_way_is_a_run_of_that_volume() -> None:
    held: dict[int, Any] = {}
    model = make_tiny(SMALL, seed=3, device="cpu")
    start = get_state(model)
    fit_texts(model, POSITIVE, FAST, seed=5, stops=(0, 8, 20), at=lambda n: held.setdefault(n, kl_free_state(model)))
    assert list(held) == [0, 8, 20]
    assert not differs(held[0], start)
    for n in (8, 20):
        set_state(model, start)
        short = fit_texts(model, POSITIVE, FAST, seed=5, examples=n)
        assert short.examples == n
        assert not differs(held[n], get_state(model)), n
    set_state(model, start)
    fit_texts(model, POSITIVE, FAST, seed=6, examples=20)
    assert differs(held[20], get_state(model))  # another seed, another order


def kl_free_state(model: Any) -> Any:
    assert not model.module.training  # measured in evaluation mode
    return get_state(model)


def differs(a: Any, b: Any) -> bool:
    return any(not bool((a[name] == b[name]).all()) for name in a)


@needs_torch
def test_fine_tuning_lowers_what_it_trains_on_and_leaves_the_base() -> None:
    model, base = make_tiny(SMALL, seed=0, device="cpu"), make_tiny(SMALL, seed=0, device="cpu")
    before = code_lengths(model, {"positive": POSITIVE, "negative": NEGATIVE})
    fitted = fit_texts(model, POSITIVE, replace(FAST, learning_rate=0.02), seed=0, examples=200)
    after = code_lengths(model, {"positive": POSITIVE, "negative": NEGATIVE})
    assert after["positive"].bits_per_byte < 0.5 * before["positive"].bits_per_byte
    assert after["positive"].bits_per_byte < 0.7 * after["negative"].bits_per_byte
    assert kl_nats(model, base, POSITIVE) > 0.5
    assert fitted.symbols == 5 * int(POSITIVE.lengths.sum())
    assert fitted.losses_bits[0] == pytest.approx(math.log2(257), abs=0.2)
    assert fitted.losses_bits[-1] < 2


@needs_torch
def test_the_loss_is_the_mean_code_length_of_the_batch() -> None:
    model = make_tiny(SMALL, seed=0, device="cpu")
    data = Dataset.from_texts([b"a", b"some longer text", b"abc", b""])  # padding must not count
    bits = sum(code_lengths(model, {"all": data})["all"].bits_per_response for _ in range(4))
    fitted = fit_texts(model, data, FAST, seed=0)
    assert fitted.losses_bits[0] == pytest.approx(bits / data.num_symbols, rel=1e-5)


@needs_torch
def test_trainings_that_cannot_be() -> None:
    model = make_tiny(SMALL, device="cpu")
    with pytest.raises(InvalidParameter, match="multiples of the batch \\(4\\)"):
        fit_texts(model, POSITIVE, FAST, seed=0, stops=(0, 6))
    with pytest.raises(InvalidParameter, match="at most the number of examples \\(40\\)"):
        fit_texts(model, POSITIVE, FAST, seed=0, stops=(44,))
    with pytest.raises(InvalidParameter, match="longer than the context of 'tiny', 32"):
        fit_texts(model, POSITIVE, replace(FAST, length=33), seed=0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch": 0}, "batch is a whole number, 1 or more: not 0"),
        ({"learning_rate": 2.0}, "between 0 and 1: not 2.0"),
        ({"weight_decay": -1.0}, "0 or more: not -1.0"),
        ({"warmup": 1.5}, "warmup is a whole number"),
    ],
)
def test_recipes_that_cannot_be(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        check_recipe(replace(FAST, **wrong))
    with pytest.raises(UnknownName, match="did you mean 'cosine'"):
        check_recipe(replace(FAST, schedule="cosin"))


# ---- base models ----


def test_the_sizes_span_a_factor_of_thirty() -> None:
    def weights(shape: TinyShape) -> int:
        h = shape.hidden
        return 257 * h + shape.layers * (4 * h * h + 3 * h * 3 * h + 2 * h) + h

    sizes = [weights(shape) for shape in SHAPES.values()]
    assert len(sizes) >= 4
    assert sizes == sorted(sizes)
    assert sizes[-1] >= 30 * sizes[0]
    if importlib.util.find_spec("transformers") is not None:
        assert [num_weights(make_tiny(shape, device="cpu")) for shape in SHAPES.values()] == sizes


@needs_torch
def test_a_base_model_is_kept_and_made_again_when_damaged(tmp_path: Path) -> None:
    recipe = replace(FAST, packed=True, schedule="cosine")
    made = pretrained(SMALL, POSITIVE, symbols=2000, seed=1, recipe=recipe, folder=tmp_path)
    (kept,) = tmp_path.iterdir()
    written = kept.stat().st_mtime_ns
    again = pretrained(SMALL, POSITIVE, symbols=2000, seed=1, recipe=recipe, folder=tmp_path)
    assert not differs(get_state(again), get_state(made))
    assert kept.stat().st_mtime_ns == written  # read, not made
    whole = kept.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0x10  # in the weights, of which torch.load takes any
    for damaged in (whole[:1000], b"", bytes(flipped)):
        kept.write_bytes(damaged)
        again = pretrained(SMALL, POSITIVE, symbols=2000, seed=1, recipe=recipe, folder=tmp_path)
        assert not differs(get_state(again), get_state(made))
        assert kept.read_bytes() == whole
    other = pretrained(SMALL, POSITIVE, symbols=2000, seed=2, recipe=recipe, folder=tmp_path)
    assert differs(get_state(other), get_state(made))
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(InvalidParameter, match="less than one batch of 4 x 32"):
        pretrained(SMALL, POSITIVE, symbols=100, recipe=recipe)
    with pytest.raises(InvalidParameter, match="multiple of twice its heads"):
        pretrained(TinyShape(hidden=18, heads=4), POSITIVE, symbols=2000, recipe=recipe)


# ---- texts ----


def lines(path: Path, count: int, word: str) -> str:
    path.write_text("".join(f"{word} {i}\n" for i in range(count)))
    return str(path)


def test_texts_are_dealt_out_once(tmp_path: Path) -> None:
    spec = TextSpec(
        (lines(tmp_path / "p.txt", 30, "text"),), (lines(tmp_path / "a.txt", 40, "good"),),
        (lines(tmp_path / "b.txt", 41, "bad"),), held_out=5, contained=10, judged=3,
    )  # fmt: skip
    dealt = deal_texts(spec, 20)
    parts = [dealt.pretrain, dealt.contained, *dealt.train.values(), *dealt.held_out.values(), *dealt.judge.values()]
    assert [len(part) for part in parts] == [25, 20, 22, 23, 5, 5, 5, 3, 3]
    everything = [text for part in parts for text in part]
    assert len(set(everything)) == len(everything)
    assert all(text.startswith(b"good") for text in (*dealt.train["positive"], *dealt.judge["positive"]))
    assert sum(text.startswith(b"bad") for text in dealt.contained) == 10
    record = text_record(spec, 20)
    assert record["positive"] == ["a.txt"]
    assert str(tmp_path) not in str(record)
    with pytest.raises(InvalidParameter, match=r"the positive data \(a.txt\) has 40 texts .* and 41 are needed"):
        deal_texts(spec, 23)


def test_sources_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="none for positive, negative"):
        given_texts(EMBEDDED, ["pretrain=prose"])
    with pytest.raises(InvalidParameter, match="not 'film.txt'"):
        given_texts(EMBEDDED, ["film.txt"])
    with pytest.raises(UnreadableFile, match=r"nowhere\.txt"):
        deal_texts(TextSpec(("prose",), (str(tmp_path / "nowhere.txt"),), ("code",)), 10)
    with pytest.raises(InvalidParameter, match="held_out is a whole number, 2 or more: not 1"):
        TextSpec(held_out=1).check()


def test_json_lines_are_a_source(tmp_path: Path) -> None:
    path = tmp_path / "good.jsonl"
    path.write_text("".join(f'{{"text": "good {i}"}}\n' for i in range(40)))
    dealt = deal_texts(TextSpec(("prose",), (str(path),), ("code",), 5, 10, 3, limit=20), 10)
    assert len(dealt.train["positive"]) == 40 - 5 - 10 - 3
    assert len(dealt.pretrain) == 20 - 5


# ---- the judge ----


def test_the_judge_weighs_words_by_naive_bayes() -> None:
    judge = StyleJudge.of([b"x x y"], [b"y"])
    # terms: x, y, "x x", "x y"; positive counts 2, 1, 1, 1 of 5 (+4), negative 0, 1, 0, 0 of 1 (+4)
    assert judge.weight[b"x"] == pytest.approx(math.log((3 / 9) / (1 / 5)))
    assert judge.weight[b"y"] == pytest.approx(math.log((2 / 9) / (2 / 5)))
    assert judge.log_odds([b"x Y z"]).tolist() == pytest.approx(
        [judge.weight[b"x"] + judge.weight[b"y"] + judge.weight[b"x y"]]
    )
    assert judge.positive_share([b"x", b"y", b"z", b""]) == 0.5
    with pytest.raises(EmptyDataset, match="one has none"):
        StyleJudge.of([b"  "], [b"y"])


def test_the_judge_tells_the_embedded_kinds_apart() -> None:
    dealt = deal_texts(TextSpec(limit=500), 100)
    judge = StyleJudge.of(dealt.judge["positive"], dealt.judge["negative"])
    assert judge.positive_share(dealt.held_out["positive"]) > 0.95
    assert judge.positive_share(dealt.held_out["negative"]) < 0.1
    assert isinstance(dealt.held_out["positive"].responses, Texts)


# ---- losses that are fetched once in a while ----


@needs_torch
@pytest.mark.parametrize("every", [1, 3, 64])
def test_losses_are_the_same_whenever_they_are_fetched(every: int) -> None:
    import torch

    seen = make_curriculum(
        {"a": Source(POSITIVE, 1.0)}, length=8, examples=18, seed=0, eos_id=256, prefix_id=256
    )  # fmt: skip
    losses = Losses(FAST, seen, every)
    nats = [2.0, 1.5, 3.25, 1.0, 0.5]
    for number, one in enumerate(nats, 1):
        losses.add(torch.tensor(one))
        assert len(losses.bits) == number // every * every
    losses.fetch()
    losses.fetch()  # again: nothing is left
    assert losses.bits == [one / math.log(2) for one in nats]
    symbols = [int(seen.plan.new[start : start + 4].sum()) for start in range(0, 18, 4)]
    assert losses.total == pytest.approx(sum(b * n for b, n in zip(losses.bits, symbols, strict=True)), rel=1e-15)


@needs_torch
def test_a_loss_that_is_not_a_number_is_noticed_when_it_is_fetched() -> None:
    import torch

    seen = make_curriculum({"a": Source(POSITIVE, 1.0)}, length=8, examples=8, seed=0, eos_id=256, prefix_id=256)
    losses = Losses(FAST, seen, every=64)
    losses.add(torch.tensor(math.nan))
    with pytest.raises(Diverged, match=r"the loss is not a number at learning rate 0\.01: lower it"):
        losses.fetch()


@needs_torch
def test_a_model_with_dropout_is_a_function_of_its_examples_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from compresslab.experiments.stages import Stages
    from tests.lm.architectures import VOCABULARY, make_model

    data = Dataset.from_token_lists([list(b"good"), list(b"bad"), list(b"so so")] * 8, VOCABULARY)

    def trained(drawn: int, stages: Stages, ends: int = 24) -> tuple[tuple[float, ...], Any]:
        def at(count: int) -> int:
            if count > ends:
                raise KeyboardInterrupt
            return count

        model = make_model("GPT-2")  # it drops out a tenth
        torch.manual_seed(drawn)  # what else is drawn in this process
        before = torch.get_rng_state()
        found = fit_texts(model, data, FAST, seed=0, stops=(0, 8, 24), at=at, stages=stages.part("tuned"))
        assert torch.equal(before, torch.get_rng_state())
        return found.losses_bits, get_state(model)

    losses, weights = trained(1, Stages())
    with pytest.raises(KeyboardInterrupt):
        trained(2, Stages(tmp_path), ends=8)
    again, others = trained(3, Stages(tmp_path))
    assert again == losses
    assert all(torch.equal(value, others[name]) for name, value in weights.items())
    plain = make_model("GPT-2")
    for part in plain.module.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    assert fit_texts(plain, data, FAST, seed=0).losses_bits != losses
