"""The probe: its overlaps, predictions and intervals against plain torch, real fine-tuning, and the theory's laws."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'lm'")
pytest.importorskip("transformers", reason="needs the extra 'lm'")
import torch

import compresslab
from compresslab.data.dataset import Dataset
from compresslab.errors import CompressLabError, EmptyDataset, InvalidParameter, MismatchedVocabulary, UnknownName
from compresslab.probe.json_form import as_json, schema
from compresslab.probe.result import ProbeResult, texts_needed
from compresslab.probe.returning import MeasuredCriterion
from compresslab.probe.sentences import change_of, half_undone, stationary, who_pays
from compresslab.probe.settings import ProbeSettings
from compresslab.theory.logit_elasticity import return_criterion
from tests.json_rules import valid
from tests.probe.small_models import EOS, SIZE, small_gru, small_llama, train, wide_llama, words

if TYPE_CHECKING:
    from compresslab.lm.hugging_face import HuggingFaceModel

TEXTS: dict[str, Any] = {
    "pretrain": {"prose": [("Who?", "a fox"), ("Who else?", "a hen, or two"), ("", "nobody")], "lists": ["1, 2", "3"]},
    "align": {"polite": ["please do", "thank you", "not at all"]},
    "perturb": {"rude": ["no", "go away", "never, ever"]},
}
DATA = {"p": words(1, 48, range(6)), "o": words(2, 48, range(4, 10)), "a": words(3, 48, range(2, 8)),
        "t": words(4, 48, range(6, 11))}  # fmt: skip
ROLES = {
    "pretrain": {"p": DATA["p"]},
    "align": {"a": DATA["a"]},
    "other": {"o": DATA["o"]},
    "perturb": {"t": DATA["t"]},
}


@cache
def trained_gru(seed: int = 0) -> HuggingFaceModel:
    model = small_gru(seed)
    train(
        model, {"p": (DATA["p"], 1.0), "o": (DATA["o"], 1.0), "t": (DATA["t"], 1.0), "a": (DATA["a"], 0.5)}, 150, 3e-3
    )
    return model


@cache
def probed() -> ProbeResult:
    """An SGD probe with verification, which several tests look at."""
    found = compresslab.probe(
        trained_gru(), **ROLES, optimizer="sgd", learning_rate=0.02, batch=16, examples=(16, 64, 256), verify=True
    )
    assert isinstance(found, ProbeResult)
    return found


def plain_gradients(model: HuggingFaceModel, texts: list[Any]) -> tuple[dict[str, Any], float]:
    """The gradient of the mean code length, by hand: one text at a time, bytes, no batches, no windows."""
    module, total = model.module, 0.0
    module.zero_grad()
    count = sum(len((r if isinstance(r, str) else r[1]).encode()) + 1 for r in texts)
    for one in texts:
        prompt, response = ("", one) if isinstance(one, str) else one
        before = (prompt + "\n" if prompt else "").encode()
        row = [model.prefix_id, *before, *response.encode(), model.eos_id]
        log_probs = torch.log_softmax(module(input_ids=torch.tensor([row[:-1]])).logits[0], -1)
        for place in range(len(before), len(row) - 1):
            nats = -log_probs[place, row[place + 1]] / count
            nats.backward(retain_graph=True)
            total += float(nats.detach())
    found = {name: p.grad.clone() for name, p in module.named_parameters()}
    module.zero_grad()
    return found, total


@pytest.mark.parametrize("optimizer", ["sgd", "sign"])
def test_overlaps_are_those_of_plain_torch(make_llama: Callable[..., HuggingFaceModel], optimizer: str) -> None:
    model = make_llama(initializer_range=0.05)
    found = compresslab.probe(model, **TEXTS, optimizer=optimizer, examples=[2], batch=2, linearised=False)
    every = {name: texts for sets in TEXTS.values() for name, texts in sets.items()}
    plain = {name: plain_gradients(model, texts) for name, texts in every.items()}
    step = {"sgd": lambda g: g, "sign": torch.sign}[optimizer]
    value = as_json(found)
    for i, (mine, nats) in plain.items():
        assert value["datasets"][i]["code_length_nats"] == pytest.approx(nats, rel=1e-5)
        size = math.sqrt(sum(float(g.double().square().sum()) for g in mine.values()))
        assert value["datasets"][i]["gradient_norm"] == pytest.approx(size, rel=1e-4)
        for t, (other, _) in plain.items():
            wanted = sum(float((mine[name].double() * step(other[name]).double()).sum()) for name in mine)
            assert value["overlap"][i][t] == pytest.approx(wanted, rel=2e-3, abs=2e-3 * size)
            parts = sum(table[i][t] for table in value["overlap_by_part"].values())
            assert parts == pytest.approx(value["overlap"][i][t], rel=1e-9, abs=1e-12)
    if optimizer == "sgd":
        assert value["cosine"]["prose"]["rude"] == pytest.approx(
            value["overlap"]["prose"]["rude"]
            / math.sqrt(value["overlap"]["prose"]["prose"] * value["overlap"]["rude"]["rude"])
        )


@pytest.mark.parametrize("state", ["fresh", "mixture"])
def test_overlaps_of_adamw_take_the_state_that_was_named(state: str) -> None:
    """With one second moment for all datasets they are symmetric, and recomputed from batches by hand."""
    model, batch = trained_gru(), 16
    found = compresslab.probe(
        model, **ROLES, optimizer="adamw", state=state, examples=[16], batch=batch, linearised=False, groups=2
    )
    from compresslab.probe.products import Network, gradient
    from compresslab.probe.texts import prepare

    network = Network.of(model)
    means, batches = {}, {}
    for role, sets in ROLES.items():
        for name, data in sets.items():
            held = prepare(model, name, role, data, found.settings)
            rows = [one for group in (0, 1) for one in held.batches(batch, group) if one.size == batch]
            rows += held.left_over(batch)
            assert sorted(np.concatenate(rows)) == list(range(len(data)))  # 48 in whole batches, each once
            slopes = [gradient(network, network.weights, held, one) for one in rows]
            flat = [torch.cat([g.flatten() for g in one[1]]).double() for one in slopes]
            counts = [one[2] for one in slopes]
            means[name] = sum(g * n for g, n in zip(flat, counts, strict=True)) / sum(counts)
            batches[name] = flat
    names = list(found.datasets)
    if state == "mixture":
        second = sum(torch.stack(batches[n]).square().mean(0) for n in names) / len(names)
        steps = {n: means[n] / (second.sqrt() + 1e-8) for n in names}
        assert np.allclose(found.overlaps.matrix, found.overlaps.symmetric, rtol=1e-9)
    else:
        steps = {n: torch.stack([g / (g.abs() + 1e-8) for g in batches[n]]).mean(0) for n in names}
    wanted = [[float(means[i] @ steps[t]) for t in names] for i in names]
    assert found.overlaps.matrix == pytest.approx(np.array(wanted), rel=2e-3, abs=1e-2)


@pytest.mark.parametrize("size", [3, 4, 13])
def test_a_fresh_adamw_steps_in_whole_batches_however_few_the_responses_are(size: int) -> None:
    """One batch of 16 holds all of them, some twice: what the first step does is then the overlap."""
    rate = 1e-4
    found = compresslab.probe(
        trained_gru(), pretrain={"p": DATA["p"]}, perturb={"t": words(5, size, range(6, 11))}, optimizer="adamw",
        learning_rate=rate, examples=[16], batch=16, linearised=False,
    )  # fmt: skip
    table = as_json(found)["overlap"]
    for change in found.predicted:
        assert change.first_order_nats == pytest.approx(-rate * table[change.dataset]["t"], rel=1e-4)


@pytest.mark.parametrize(("optimizer", "share"), [("sgd", 1.0), ("sign", 1.0), ("adamw", 0.1)])
def test_one_step_on_all_data_is_the_overlap(optimizer: str, share: float) -> None:
    """Of AdamW that begins with a second moment, and without a first one, a tenth of it: ``1 - beta_1``."""
    rate, size = 1e-3, len(DATA["t"])
    found = compresslab.probe(
        trained_gru(), **ROLES, optimizer=optimizer, state="mixture", learning_rate=rate, examples=[size], batch=size,
        linearised=False,
    )  # fmt: skip
    trained = list(found.datasets).index("t")
    wanted = -rate * share * found.overlaps.matrix[:, trained]
    assert [row.first_order_nats for row in found.predicted] == pytest.approx(wanted, rel=1e-3, abs=1e-7)


def test_a_single_response_has_no_interval() -> None:
    one = Dataset.from_token_lists([[1, 2, 3]], SIZE)
    found = compresslab.probe(
        trained_gru(), pretrain={"p": one}, perturb={"t": DATA["t"]}, examples=[4], align={"a": one}
    )
    value = as_json(found)
    assert valid(value, schema()) == []
    assert value["datasets"]["p"]["gradient_noise"] is None
    assert value["datasets"]["p"]["code_length_standard_error_nats"] is None
    assert value["overlap_standard_error"]["p"]["t"] is None
    assert value["overlap_standard_error"]["t"]["t"] > 0
    assert value["stationarity"]["a/p"]["k_eff"] == {"value": pytest.approx(1.0), "low": None, "high": None}
    assert value["return_criterion"]["p"]["t"]["returns"] is None
    assert value["precision"]["texts"]["p"] is None
    assert who_pays(found)["t"]


def agreement_of_one_step(scale: float) -> tuple[float, float]:
    """Correlation and slope of ``-rate g_i . g_t`` against what one real SGD step along each mean gradient does."""
    model, rate = trained_gru(), 0.02
    result = compresslab.probe(
        model, pretrain={"p": DATA["p"]}, perturb={n: DATA[n] for n in "oat"}, optimizer="sgd", examples=[4],
        linearised=False,
    )  # fmt: skip
    names = list(result.datasets)
    state = {name: p.detach().clone() for name, p in model.module.named_parameters()}

    def cost(name: str) -> Any:
        rows = torch.tensor([[EOS, *DATA[name][i].tolist(), EOS] for i in range(len(DATA[name]))])
        logits = model.module(input_ids=rows[:, :-1]).logits
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())

    predicted, measured = [], []
    for t, trained in enumerate(names):
        before = [float(cost(name).detach()) for name in names]
        slopes = torch.autograd.grad(cost(trained), list(model.module.parameters()))
        with torch.no_grad():
            for p, g in zip(model.module.parameters(), slopes, strict=True):
                p.sub_(rate * g)
            measured += [float(cost(name).detach()) - start for name, start in zip(names, before, strict=True)]
            for name, p in model.module.named_parameters():
                p.copy_(state[name])
        predicted += [-rate * scale * float(result.overlaps.matrix[i, t]) for i in range(len(names))]
    x, y = np.array(predicted), np.array(measured)
    return float(np.corrcoef(x, y)[0, 1]), float(x @ y / (x @ x))


def test_one_sgd_step_does_what_the_overlaps_say() -> None:
    correlation, slope = agreement_of_one_step(1.0)
    assert correlation > 0.99
    assert 0.9 < slope < 1.1


def test_a_rescaled_gradient_fails() -> None:
    correlation, slope = agreement_of_one_step(1.5)
    assert correlation > 0.99
    assert not 0.9 < slope < 1.1


def test_the_linearised_model_predicts_fine_tuning() -> None:
    assert r_squared(probed()) > 0.97


def r_squared(found: ProbeResult, way: str = "linearised_nats") -> float:
    """The least R squared, about zero, over the datasets, at all steps until the first one has moved by 1 nat."""
    real = {(m.dataset, m.examples): m.change_nats for m in found.measured}
    within = [n for n in found.settings.examples if all(abs(real[d, n]) <= 1 for d in found.datasets)]
    assert within
    worst = 1.0
    for name in found.datasets:
        x = np.array([getattr(p, way) for p in found.curve("t", name) if p.examples in within])
        y = np.array([real[name, n] for n in within])
        worst = min(worst, 1 - float(np.square(x - y).sum() / np.square(y).sum()))
    return worst


def test_predictions_have_not_seen_the_answer() -> None:
    again = compresslab.probe(
        trained_gru(), **ROLES, optimizer="sgd", learning_rate=0.02, batch=16, examples=(16, 64, 256)
    )
    assert again.predicted == probed().predicted
    assert again.measured == ()
    assert "measured" not in as_json(again)
    first, verified = (
        compresslab.probe(small_llama(layers=1), **ROLES, batch=16, examples=[16], linearised=False, verify=verify)
        for verify in (False, True)
    )
    assert first.predicted == verified.predicted


def test_a_probe_leaves_the_model_as_it_was() -> None:
    model = small_llama(layers=1)
    before = model.fingerprint()
    kept = model.module.config._attn_implementation
    compresslab.probe(model, **ROLES, examples=[16], batch=16, learning_rate=1e-2, verify=True)
    assert model.fingerprint() == before
    assert model.module.config._attn_implementation == kept
    assert all(p.requires_grad and p.grad is None for p in model.module.parameters())


def test_the_linearised_change_lies_between_its_certain_ends() -> None:
    for row in probed().predicted:
        assert row.certain_low_nats is not None
        assert row.certain_high_nats is not None
        assert row.linearised_nats is not None
        assert row.certain_low_nats - 1e-9 <= row.linearised_nats <= row.certain_high_nats + 1e-9
        if row.certain_sign:
            assert row.certain_sign == np.sign(row.linearised_nats)


def test_the_leading_error_is_what_the_linearised_model_leaves_out() -> None:
    """To third order in the step: in a network with layer norms too, of which nested forward modes are wrong."""
    from transformers import GPT2Config, GPT2LMHeadModel

    from compresslab.probe.products import Network, moved, plain_kernels
    from compresslab.probe.texts import prepare
    from tests.probe.small_models import wrapped

    config = GPT2Config(vocab_size=SIZE, n_embd=16, n_layer=1, n_head=2, n_positions=16, bos_token_id=EOS,
                        eos_token_id=EOS)  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = wrapped(GPT2LMHeadModel(config).double(), "gpt2")
        network = Network.of(model)
        delta = [torch.randn_like(w) for w in network.weights]
    data = prepare(model, "t", "perturb", DATA["t"], ProbeSettings())
    left = []
    with plain_kernels(model):
        for size in (2e-3, 1e-3):
            found = moved(network, [size * d for d in delta], data)
            missed = float((found.actual - found.linearised).sum())
            left.append(abs(found.curvature - missed) / abs(missed))
    assert left[0] < 0.1
    assert left[1] < 0.6 * left[0]


def test_at_a_stationary_point_every_optimiser_pays_the_ratio() -> None:
    """``dL_a = -k dL_p`` in the first step of each (theory, section 9), to 1 %; and ``k`` is found to 2 %."""
    k = 5.0
    model = small_gru(1, size=6, double=True)
    for name, p in model.module.named_parameters():
        p.requires_grad_(name.startswith("lm_head"))  # convex: training ends where it should
    pretrain, align = words(5, 40, range(EOS)), words(6, 40, range(3, 9))

    head, states = model.module.lm_head, []
    hook = head.register_forward_pre_hook(lambda _, given: states.append(given[0].detach()))
    rows = [torch.tensor([[EOS, *one.tolist(), EOS] for one in data]) for data in (pretrain, align)]
    for row in rows:
        model.module(input_ids=row[:, :-1])
    hook.remove()

    def total() -> Any:
        search.zero_grad()
        costs = [
            torch.nn.functional.cross_entropy(head(state).flatten(0, 1), row[:, 1:].flatten())
            for state, row in zip(states, rows, strict=True)
        ]
        loss = k * costs[0] + costs[1]
        loss.backward()
        return loss

    search = torch.optim.LBFGS(
        head.parameters(), max_iter=2000, history_size=60, tolerance_grad=1e-7, tolerance_change=0,
        line_search_fn="strong_wolfe",
    )  # fmt: skip
    search.step(total)
    model.module.zero_grad(set_to_none=True)
    for optimizer in ("sgd", "sign", "adamw"):
        found = compresslab.probe(
            model, pretrain={"p": pretrain}, align={"a": align}, perturb={"t": words(7, 40, range(5, 11))},
            optimizer=optimizer, learning_rate=1e-6, examples=[40], batch=40, verify=True, groups=4,
        )  # fmt: skip
        at = found.stationarity["a/p"]
        assert at.residual.mean < 1e-3
        assert at.k_eff.mean == pytest.approx(k, rel=0.02)
        changes = {row.dataset: row.change_nats for row in found.measured}
        assert changes["a"] / changes["p"] == pytest.approx(-k, rel=0.01)
        assert found.mixture is not None
        weights = dict(zip(found.mixture[0], found.mixture[1].weights, strict=True))
        assert weights["p"] / weights["a"] == pytest.approx(k, rel=0.02)
    assert "at k = 5" in next(stationary(found))


def test_the_error_of_an_overlap_is_what_other_responses_give() -> None:
    """Over samples of the same law, overlaps spread as their standard errors say, to within a factor."""
    model = trained_gru()
    overlaps, errors = [], []
    for seed in range(8):
        found = compresslab.probe(
            model, pretrain={"p": _sample(seed, "p")}, perturb={"t": _sample(seed, "t")}, optimizer="sgd", examples=[4],
            linearised=False,
        )  # fmt: skip
        overlaps.append(found.overlaps.matrix)
        errors.append(found.overlaps.error)
    spread, said = np.std(overlaps, axis=0, ddof=1), np.mean(errors, axis=0)
    assert (said / spread > 0.4).all()
    assert (said / spread < 2.5).all()


def _sample(seed: int, name: str) -> Dataset:
    rng = np.random.default_rng([seed, ord(name)])
    return DATA[name].select(rng.integers(len(DATA[name]), size=64))


def test_the_criterion_is_that_of_the_theory() -> None:
    """Responses of one token share the root alone: there it is recomputed from the model's row."""
    model = small_llama(3, layers=1)
    first = {"o": [[0]] * 3 + [[1]] * 5, "t": [[1]] * 4 + [[2]] * 4, "p": [[3]] * 8}
    sets = {name: Dataset.from_token_lists(rows, SIZE) for name, rows in first.items()}
    found = compresslab.probe(
        model,
        pretrain={"p": sets["p"]},
        other={"o": sets["o"]},
        perturb={"t": sets["t"]},
        examples=[4],
        linearised=False,
    )
    q = np.exp(model.log_probs([[EOS]])[0, 0].astype(np.float64))
    laws = {name: np.bincount(np.ravel(rows), minlength=SIZE) / len(rows) for name, rows in first.items()}
    root = return_criterion(laws["o"], laws["t"], q / q.sum())
    one = found.criteria["o"]["t"]
    # Both go on with EOS after token 1: that context is shared too.
    after = np.exp(model.log_probs([[EOS, 1]])[0, 1].astype(np.float64))
    end = np.eye(SIZE)[EOS]
    below = return_criterion(end, end, after / after.sum())
    weight = 5 / 8 * 4 / 8
    for name in ("own", "overlap", "to_data", "to_perturbation"):
        mean = (getattr(root, name) + weight * getattr(below, name)) / (1 + weight)
        assert getattr(one, name) == pytest.approx(mean, rel=1e-5)
    assert one.contexts == 2
    assert one.weight == pytest.approx(1 + weight)
    assert one.returns == (one.difference is not None and one.difference > 0)
    assert one.bound_nats is not None


def test_the_criterion_is_not_defined_without_shared_contexts(make_llama: Callable[..., HuggingFaceModel]) -> None:
    found = compresslab.probe(
        make_llama(), other={"o": [(f"what {i}", "so") for i in range(6)]}, examples=[4], linearised=False,
        perturb={"t": [(f"who {i}", "me") for i in range(6)]},
    )  # fmt: skip
    assert found.criteria["o"]["t"] == MeasuredCriterion(0, 0.0, None)
    assert "not defined" in " ".join(who_pays(found)["t"])


def test_the_base_says_what_alignment_gained_and_when_half_is_undone() -> None:
    base, aligned = trained_gru(), small_gru()
    aligned.module.load_state_dict(base.module.state_dict())
    train(aligned, {"a": (DATA["a"], 1.0)}, 12, 1e-3)
    found = compresslab.probe(
        aligned, **ROLES, base=base, optimizer="sgd", learning_rate=0.05, batch=16, examples=(16, 64, 256)
    )
    gained = found.datasets["a"].gained_nats
    assert gained is not None
    assert gained > 0
    half = half_undone(found, "t", "a")
    lost = {p.examples: p.nats for p in found.curve("t", "a")}
    if half is None:
        assert lost[256] < gained / 2
    else:
        assert np.interp(half, [0, *lost], [0, *lost.values()]) == pytest.approx(gained / 2)
    assert "what alignment gained on 'a'" in " ".join(who_pays(found)["t"])


def test_json_is_as_the_published_schema_says() -> None:
    value = json.loads(json.dumps(as_json(probed()), allow_nan=False))
    assert next(iter(value)) == "schema_version"
    assert valid(value, schema()) == []
    wanted = {"model", "settings", "datasets", "overlap", "predicted", "measured", "stationarity", "roles"}
    assert wanted | {"return_criterion"} <= value.keys()
    for broken, path in (({"overlap": 3}, "$.overlap"), ({"more": 1}, "unknown more"), ({"schema_version": 2}, "2")):
        assert path in " ".join(valid({**value, **broken}, schema()))
    del value["model"]["name"]
    assert valid(value, schema()) == ["$.model: no name"]


def test_more_texts_make_a_narrower_interval() -> None:
    wide, narrow = (texts_needed(probed(), half)["a"] for half in (0.02, 0.01))
    assert wide is not None
    assert narrow is not None
    assert narrow == pytest.approx(4 * wide, abs=4)
    with pytest.raises(InvalidParameter, match="a precision is half an interval"):
        texts_needed(probed(), 0)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"perturb": {}}, InvalidParameter, "give some with perturb"),
        ({"pretrain": {"t": DATA["p"]}}, InvalidParameter, "two datasets are called 't'"),
        ({"pretrain": [DATA["p"]]}, InvalidParameter, "pretrain is a dictionary of data by name"),
        ({"pretrain": {"p": ["text"]}}, MismatchedVocabulary, "no tokenizer to read 'p' with"),
        ({"pretrain": {"p": "text"}}, InvalidParameter, "is one text"),
        ({"optimizer": "adam"}, UnknownName, "unknown optimizer 'adam': did you mean 'adamw'"),
        ({"state": "old"}, UnknownName, "unknown state"),
        ({"examples": [6]}, InvalidParameter, "multiples of the batch, 4"),
        ({"examples": [8, 4]}, InvalidParameter, "numbers of examples rise"),
        ({"base": "tiny"}, InvalidParameter, "give alignment data"),
        ({"examples": [4.0]}, InvalidParameter, "examples are whole numbers"),
        ({"examples": 4}, InvalidParameter, "examples are whole numbers"),
        ({"pretrain": {"p": 5}}, InvalidParameter, "is a list of texts"),
        ({"learning_rate": 0}, InvalidParameter, "learning_rate is above 0"),
        ({"groups": 1}, InvalidParameter, "groups is a whole number, 2 or more"),
        ({"learning_rte": 1}, InvalidParameter, "did you mean 'learning_rate'"),
        ({"learning_rate": 1e38, "optimizer": "sgd", "verify": True}, InvalidParameter, "diverges at learning rate"),
    ],
)
def test_bad_input_is_named(given: dict[str, Any], error: type[CompressLabError], message: str) -> None:
    usual: dict[str, Any] = {"perturb": {"t": DATA["t"]}, "examples": [16], "linearised": False}
    with pytest.raises(error, match=message):
        compresslab.probe(trained_gru(), **(usual | given))


@pytest.mark.parametrize("settings", [
    {"learning_rate": 1e18, "linearised": False, "verify": True},
    {"learning_rate": 3e38},
    {"learning_rate": 1e300, "linearised": False},
])  # fmt: skip
def test_a_last_step_out_of_what_floats_hold_is_named(settings: dict[str, Any]) -> None:
    """After the last step no gradient is taken any more that could tell."""
    with pytest.raises(InvalidParameter, match="lower (it|the learning rate)"):
        compresslab.probe(
            small_llama(initializer_range=0.3),
            perturb={"t": words(6, 4, range(6, 11))},
            optimizer="sgd",
            examples=[4],
            **settings,
        )


@pytest.mark.parametrize("rate", [1e-6, 1e5])
def test_changes_are_told_with_the_digits_that_are_known(rate: float) -> None:
    """A learning rate is small as a rule, and so is what it does: four decimals would be noughts."""
    from compresslab.measurements.probe_tables import change_cells

    found = compresslab.probe(
        trained_gru(), perturb={"t": DATA["t"]}, optimizer="sgd", learning_rate=rate, examples=[4], linearised=False
    )
    told = re.search(r"(gains|loses|error:) ([+\d.,-]+) ± ([\d.,]+)", who_pays(found)["t"][1])
    assert told is not None
    (change,), (cells,) = found.predicted, change_cells(found)[1]
    half = change_of(found, change).half_width
    for text, number in ((told[2], abs(change.nats)), (told[3], half)):
        assert abs(float(text.replace(",", "")) - number) <= 0.05 * half
        assert len(text.lstrip("0.,")) < 9
    assert float(cells[3].replace(",", "")) == pytest.approx(change.first_order_nats, rel=0.01)


def test_numbers_of_examples_may_be_numpys() -> None:
    found = ProbeSettings(examples=np.array([4, 8]))  # type: ignore[arg-type]
    assert json.dumps(found.examples) == "[4, 8]"


def test_documents_of_a_template_start_and_end_as_it_says() -> None:
    """With a prefix of its own, and nothing that ends them: each token counts once, from that prefix."""
    from compresslab.lm.prompts import Dialogues

    model, rows = trained_gru(), [[1, 2, 3], [4, 5], [2, 2, 2, 2], [7, 8]]
    data = Dialogues(Dataset.from_token_lists(rows, SIZE), np.array([1, 0, 2, 0]), 0, prefix_id=9, ends=False)
    found = compresslab.probe(model, perturb={"t": data}, other={"o": DATA["o"]}, examples=[4], linearised=False)
    nats = 0.0
    for row, hidden in zip(rows, data.hidden.tolist(), strict=True):
        log_probs = model.log_probs([[9, *row[:-1]]])[0]
        nats -= sum(float(log_probs[i, row[i]]) for i in range(hidden, len(row)))
    assert found.datasets["t"].tokens == data.symbols == 8
    assert found.datasets["t"].code_length_nats == pytest.approx(nats / 8, rel=1e-5)
    assert found.criteria["o"]["t"].contexts == 0  # they start from other prefixes


def test_a_dataset_without_responses_is_refused(make_llama: Callable[..., HuggingFaceModel]) -> None:
    with pytest.raises(EmptyDataset, match="'t' has no responses"):
        compresslab.probe(make_llama(), perturb={"t": []})


def test_a_model_without_gradients_is_refused() -> None:
    from compresslab.lm.tree_model import TreeModel

    with pytest.raises(InvalidParameter, match="no weights that are trained by gradients"):
        compresslab.probe(TreeModel.of(DATA["t"], depth=2), perturb={"t": DATA["t"]})


@pytest.mark.slow
def test_a_model_in_half_precision_is_probed_with_sums_in_float32(make_llama: Callable[..., HuggingFaceModel]) -> None:
    half, full = (
        compresslab.probe(
            make_llama(dtype=dtype, initializer_range=0.05), **TEXTS, optimizer="sgd", learning_rate=0.05, examples=[2],
            batch=2, verify=True,
        )
        for dtype in ("bfloat16", "float32")
    )  # fmt: skip
    assert half.overlaps.matrix.diagonal() == pytest.approx(full.overlaps.matrix.diagonal(), rel=0.05)
    for one, other in zip(half.predicted, full.predicted, strict=True):
        assert one.first_order_nats == pytest.approx(other.first_order_nats, rel=0.1, abs=1e-3)
        assert one.nats == pytest.approx(other.nats, rel=0.1, abs=1e-2)
    assert [m.change_nats for m in half.measured] == pytest.approx([m.change_nats for m in full.measured], abs=3e-2)


def test_the_package_is_called_whether_or_not_it_was_imported_before() -> None:
    import compresslab.probe.settings

    assert compresslab.probe is compresslab.probe.probe
    with pytest.raises(AttributeError, match="has no attribute 'prob'"):
        _ = compresslab.probe.prob


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    ("make", "steps", "optimizer", "rate", "least"),
    [
        (small_gru, 150, "sgd", 0.05, 0.97),
        (small_gru, 150, "adamw", 3e-4, 0.97),
        (wide_llama, 60, "sgd", 5e-3, 0.95),
        (wide_llama, 60, "adamw", 1e-4, 0.95),
    ],
)
def test_linearised_predictions_hold_until_the_first_dataset_has_moved_by_a_nat(
    make: Callable[..., HuggingFaceModel], steps: int, optimizer: str, rate: float, least: float, seed: int
) -> None:
    model = make(seed)
    train(
        model, {"p": (DATA["p"], 1.0), "o": (DATA["o"], 1.0), "t": (DATA["t"], 1.0), "a": (DATA["a"], 0.5)}, steps, 3e-3
    )
    found = compresslab.probe(
        model, **ROLES, optimizer=optimizer, learning_rate=rate, batch=16, examples=(32, 128, 512), verify=True
    )
    assert r_squared(found) > least


@pytest.mark.slow
def test_from_an_aligned_state_what_is_said_of_a_prediction_is_so() -> None:
    """First order fails there: its interval says so in nine of ten cases; what is in range, and certain signs, hold."""
    failed, told, inside, right, certain, true = (0 for _ in range(6))
    for seed in range(3):
        for make, steps, rate in ((small_gru, 150, 3e-4), (wide_llama, 60, 1e-4)):
            model = make(seed)
            train(model, {name: (DATA[name], 1.0) for name in "pot"}, steps, 3e-3)
            train(model, {"a": (DATA["a"], 1.0)}, 25, 2e-3)
            found = compresslab.probe(
                model, **ROLES, optimizer="adamw", learning_rate=rate, batch=16, examples=(32, 128, 512), verify=True
            )
            real = {(m.dataset, m.examples): m.change_nats for m in found.measured}
            for row in found.predicted:
                change = real[row.dataset, row.examples]
                assert row.certain_low_nats is not None
                assert row.certain_high_nats is not None
                if abs(row.first_order_nats - change) > abs(change) / 2:
                    failed += 1
                    told += row.certain_high_nats - row.certain_low_nats > abs(row.certain_low_nats) / 2
                if row.within_linear_range:
                    inside += 1
                    right += abs(row.nats - change) <= abs(change) / 4
                if row.certain_sign:
                    certain += 1
                    true += row.certain_sign == np.sign(change)
    assert failed > 10
    assert told >= 0.9 * failed
    assert inside > 30
    assert right >= 0.9 * inside
    assert true >= 0.95 * certain > 0
