"""Models of many architectures score, code, are probed and are trained; what cannot be done is refused by name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from compresslab.errors import InvalidParameter
from compresslab.lm.chunk_coder import TokenCoder
from compresslab.lm.scoring import score, tokenize
from compresslab.testing import check_language_model
from tests.lm.architectures import ARCHITECTURES, VOCABULARY, make_config, make_model, make_module

torch = pytest.importorskip("torch", reason="needs the extra 'lm'")
pytest.importorskip("transformers", reason="needs the extra 'lm'")

if TYPE_CHECKING:
    from compresslab.lm.hugging_face import HuggingFaceModel

TEXTS = ["To be, or not to be: that is the question.", "", "naïve שלום"]
CODED = b"To be, or not to be: that is the question.\n" * 3
NOT_CODED = ("RecurrentGemma",)
NOT_LINEARISED = ("Bloom", "RecurrentGemma")


def every(*quick: str) -> Any:
    """Parametrise a test over all architectures, the slow ones but for some; a Llama is in every other file here."""
    slow = pytest.mark.slow
    names = [name if name in quick else pytest.param(name, marks=slow) for name in ARCHITECTURES]
    return pytest.mark.parametrize("name", names)


@pytest.fixture(scope="module")
def made() -> Any:
    """Return a model by the name of its architecture; not to be changed."""
    return cache(make_model)


def plain_nats(module: Any, symbols: Sequence[int], prefix: int) -> Any:
    """Return the code length of a document by nothing but transformers and cross-entropy."""
    logits = module(input_ids=torch.tensor([[prefix, *symbols[:-1]]]), use_cache=False).logits[0]
    assert logits.shape == (len(symbols), VOCABULARY)
    return torch.nn.functional.cross_entropy(logits.double(), torch.tensor(symbols), reduction="sum")


@every("Mamba")
def test_a_rate_is_that_of_plain_transformers(made: Any, name: str) -> None:
    model: HuggingFaceModel = made(name)
    scores = score(model, tokenize(model, TEXTS))
    with torch.no_grad():
        wanted = sum(plain_nats(model.module, [*text.encode(), 256], 256).item() for text in TEXTS)
    size = sum(len(text.encode()) for text in TEXTS)
    assert scores.rate("byte").value == pytest.approx(wanted / math.log(2) / size, rel=1e-6)


@every("Mistral (sliding window)", "Mixtral (MoE)", "Mamba", "RWKV", "Bamba")
def test_the_laws_of_a_language_model_are_kept(made: Any, name: str) -> None:
    if name in NOT_CODED:
        pytest.skip("what it is refused for is tested below")
    check_language_model(made(name), TEXTS)


@every("Mamba", "RecurrentGemma")
def test_coded_bits_are_the_scored_bits_and_come_back(made: Any, name: str) -> None:
    model: HuggingFaceModel = made(name)
    if name in NOT_CODED:
        with pytest.raises(InvalidParameter, match="it can score texts, but not code them token by token"):
            TokenCoder(model)
        return
    coder = TokenCoder(model, 3, 48)
    coded = coder.compress(CODED)
    assert coder.decompress(coded, len(CODED)) == CODED
    parts = [CODED[i : i + 43] for i in range(0, len(CODED), 43)]
    scored = score(model, tokenize(model, parts), eos=False).total_bits
    assert next(iter(coder.coded.values())).ideal_bits == pytest.approx(scored, rel=1e-5)


STEP = 5e-4  # nats that a step takes off its own data: small beside curvature, large beside what float32 rounds


@every("Mixtral (MoE)", "Mamba")
def test_a_probe_is_that_of_plain_torch(made: Any, name: str) -> None:
    """To first order: overlaps times the rate. Linearised: what a small step changes, in double precision."""
    from compresslab.probe import probe

    model: HuggingFaceModel = made(name, double=True)
    one, two = ["to be or", "not"], ["that is", "a question"]
    weights = [weight for weight in model.module.parameters() if weight.requires_grad]

    def gradient(texts: Sequence[str]) -> Sequence[Any]:
        symbols = [[*text.encode(), 256] for text in texts]
        nats = sum(plain_nats(model.module, each, 256) for each in symbols) / sum(map(len, symbols))
        return torch.autograd.grad(nats, weights, allow_unused=True)

    pairs = list(zip(gradient(one), gradient(two), strict=True))
    rate = STEP / sum((a * a).sum().item() for a, _ in pairs if a is not None)
    settings = {"optimizer": "sgd", "learning_rate": rate, "examples": [2], "batch": 2}
    if name in NOT_LINEARISED:
        with pytest.raises(InvalidParameter, match=r"has a part without the derivatives .* \(linearised=False"):
            probe(model, perturb={"one": one}, **settings)
    able = name not in NOT_LINEARISED
    found = probe(model, perturb={"one": one}, other={"two": two}, verify=able, linearised=able, **settings)
    wanted = -rate * sum((a * b).sum().item() for a, b in pairs if a is not None and b is not None)
    change = found.curve("one", "two")[0]
    assert change.first_order_nats == pytest.approx(wanted, rel=1e-4)
    if able:
        linearised = {row.dataset: row.linearised_nats for row in found.predicted}
        measured = {row.dataset: row.change_nats for row in found.measured}
        assert linearised == pytest.approx(measured, rel=0, abs=0.02 * abs(measured["one"]))


@every()
def test_fine_tuning_learns_and_what_is_saved_is_the_model(tmp_path: Path, name: str) -> None:
    from compresslab.lm.registry import get_model
    from compresslab.lm.training import MODEL, Training, train

    model = make_model(name)
    data = tokenize(model, ["to be or not to be"] * 8)
    before = score(model, data).total_bits
    train(model, data, Training(steps=20, batch=4, length=24, learning_rate=1e-2), tmp_path)
    after = score(model, data).total_bits
    assert after < before * 0.95
    again = get_model(str(tmp_path / MODEL), device="cpu")
    assert again.fingerprint() == model.fingerprint()
    assert score(again, data).total_bits == pytest.approx(after, rel=1e-6)


@pytest.mark.parametrize("name", ["Bamba", "RWKV"])
def test_half_precision_is_stepped_as_single_precision_is(made: Any, name: str) -> None:
    """Rounding is no reason to refuse a model, nor to take a way in which its state is lost."""
    from compresslab.lm.hugging_face import HuggingFaceModel
    from compresslab.lm.stepping import way_to_step

    half = HuggingFaceModel(make_module(name).bfloat16(), None, name="half")
    assert way_to_step(half) == way_to_step(made(name))
    assert way_to_step(half).positions is (name == "Bamba")
    assert way_to_step(half).apart is (name == "RWKV")


def test_a_deep_rwkv_is_saved_as_it_was(tmp_path: Path) -> None:
    """transformers divides the weights of its sixth layer and on by powers of 2 while it evaluates."""
    from transformers import RwkvForCausalLM

    from compresslab.data.tokenizers import ByteTokenizer
    from compresslab.lm.checkpoints import save
    from compresslab.lm.hugging_face import HuggingFaceModel
    from compresslab.lm.registry import get_model

    config = make_config("RWKV")
    config.num_hidden_layers, config.hidden_size, config.attention_hidden_size, config.intermediate_size = 7, 8, 8, 8
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = RwkvForCausalLM(config)
    weights = {name: weight.clone() for name, weight in module.state_dict().items()}
    model = HuggingFaceModel(module, ByteTokenizer(), name="deep")
    data = tokenize(model, TEXTS)
    bits = score(model, data).total_bits
    assert all(torch.equal(weight, weights[name]) for name, weight in module.state_dict().items())
    save(model, tmp_path)
    again = get_model(str(tmp_path), device="cpu")
    assert again.fingerprint() == model.fingerprint()
    assert score(again, data).total_bits == bits


def test_the_page_lists_what_is_tried_here() -> None:
    page = (Path(__file__).parents[2] / "docs" / "language-models.md").read_text(encoding="utf-8")
    section = page.partition("\n## Architectures\n")[2].partition("\n## ")[0]
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|")) for line in section.splitlines() if line[:1] == "|"
    ]
    probed = {name: "first order" if name in NOT_LINEARISED else "yes" for name in ARCHITECTURES}
    coded = {name: "no" if name in NOT_CODED else "yes" for name in ARCHITECTURES}
    assert rows[2:] == [(name, probed[name], coded[name]) for name in ARCHITECTURES]
