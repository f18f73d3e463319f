"""Scores of several models on several datasets: every number is that of ten lines of plain torch and transformers."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

import compresslab as cl
from compresslab.data.texts import Texts
from compresslab.errors import EmptyDataset, InvalidParameter, UnknownName
from compresslab.lm.tree_model import TreeModel
from compresslab.lm.windows import Windows
from compresslab.measurements.model_rate import measure_model_rate
from compresslab.measurements.model_score import ModelScore
from compresslab.measurements.score import get_scorer, named_models, names_of_files, score
from compresslab.measurements.score_page import score_sentence, score_table, score_view
from tests.lm.tokenizer_zoo import saved_model

PAIRS = [
    ("How do I boil rice?", "Take a slow start."),
    ("How do I peel corn?", "Take a slow look."),
    ("caf\u00e9", "na\u00efve"),
]
ALONE = ["How do I boil rice?\nTake a slow start.", "caf\u00e9 au lait"]
TREE = TreeModel.of(cl.Dataset.from_texts(ALONE), 3, "windows", smoothing=0.1)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    pytest.importorskip("torch", reason="needs the extra 'lm'")
    pytest.importorskip("tokenizers", reason="needs the extra 'lm'")
    made = {}
    for kind, size in (("byte_bpe", 32), ("across_spaces", 48)):
        folder = tmp_path_factory.mktemp(kind)
        made[kind] = saved_model(folder, kind, config={"hidden_size": size}, eos_token="<|end|>", bos_token="<|start|>")
    return made


def plain_nats(folder: Path, prompt: str, response: str) -> list[float]:
    """What each token of a response costs, and its EOS last, by plain torch and transformers."""
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.post_processor = None  # which would trim the places of tokens
    start = prompt + "\n" if prompt else ""
    one = tokenizer.encode(start + response, add_special_tokens=False)
    hidden = sum(end <= len(start) for _, end in one.offsets)
    ids = torch.tensor([[1, *one.ids, 0]])
    with torch.no_grad():
        costs = torch.nn.functional.cross_entropy(model(ids[:, :-1]).logits[0].double(), ids[0, 1:], reduction="none")
    return costs[hidden:].tolist()


def test_every_cell_is_that_of_plain_torch_and_transformers(folders: dict[str, Path]) -> None:
    table = score({name: str(folder) for name, folder in folders.items()}, {"pairs": PAIRS, "alone": ALONE})
    data = {"pairs": PAIRS, "alone": [("", text) for text in ALONE]}
    assert list(table.scores) == [(model, name) for model in folders for name in data]
    bits: dict[tuple[str, str], Any] = {}
    for (model, name), cell in table.scores.items():
        nats = [plain_nats(folders[model], prompt, response) for prompt, response in data[name]]
        sizes = np.array([len(response.encode()) for _, response in data[name]])
        tokens = sum(len(one) - 1 for one in nats)
        own = sum(sum(one[:-1]) for one in nats)
        bits[model, name] = np.array([sum(one) for one in nats]) / math.log(2)
        assert cell.bits == pytest.approx(bits[model, name].sum(), rel=1e-5)
        assert cell.bits_per_byte == pytest.approx(bits[model, name].sum() / sizes.sum(), rel=1e-5)
        assert cell.nats_per_token == pytest.approx(own / tokens, rel=1e-5)
        assert cell.bits_per_token == pytest.approx(own / tokens / math.log(2), rel=1e-5)
        assert cell.perplexity == pytest.approx(math.exp(own / tokens), rel=1e-4)
        assert cell.eos_bits == pytest.approx(sum(one[-1] for one in nats) / math.log(2), rel=1e-5)
        assert (cell.tokens, cell.symbols, cell.bytes) == (tokens, tokens + len(nats), sizes.sum())
        assert cell.context_bytes == sum(len(prompt.encode()) for prompt, _ in data[name])
        residual = bits[model, name] - sizes * bits[model, name].sum() / sizes.sum()
        error = math.sqrt(len(nats) / (len(nats) - 1) * (residual**2).sum()) / sizes.sum()
        assert cell.error_bits_per_byte == pytest.approx(error, rel=1e-4)
        assert (cell.prefix_token, cell.eos_token) == ("<|start|>", "<|end|>")
        if model == "across_spaces":
            extra = bits[model, name] - bits["byte_bpe", name]
            found = table.differences[model, name]
            assert found.bits_per_byte == pytest.approx(extra.sum() / sizes.sum(), rel=1e-4, abs=1e-6)
            residual = extra - sizes * extra.sum() / sizes.sum()
            error = math.sqrt(len(nats) / (len(nats) - 1) * (residual**2).sum()) / sizes.sum()
            assert found.error_bits_per_byte == pytest.approx(error, rel=1e-3)
    assert set(table.differences) == {("across_spaces", "pairs"), ("across_spaces", "alone")}


def test_one_model_on_one_dataset_is_what_rate_measures() -> None:
    for windows, eos in ((None, True), (Windows(8, 4), False)):
        cell = score(TREE, PAIRS, windows=windows, eos=eos).scores[TREE.name, "data"]
        prompts, texts = (Texts.pack([pair[i] for pair in PAIRS]) for i in (0, 1))
        rate = measure_model_rate(TREE, texts, prompts=prompts, windows=windows, eos=eos)
        same = {key: value for key, value in vars(cell).items() if key not in ("seconds", "name")}
        assert same == {key: getattr(rate, key) for key in same}


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text("abc \u00e9", min_size=1, max_size=8), min_size=2, max_size=5), st.randoms())
def test_bits_add_up_and_neither_order_nor_company_changes_them(texts: list[str], shuffled: Any) -> None:
    whole = score({"m": TREE}, {"all": texts, "first": texts[:1], "rest": texts[1:]})
    cells = {name: whole.scores["m", name] for name in whole.datasets}
    assert cells["all"].bits == pytest.approx(cells["first"].bits + cells["rest"].bits, rel=1e-12)
    assert cells["all"].bytes == sum(len(text.encode()) for text in texts)
    mixed = shuffled.sample(texts, len(texts))
    again = score({"m": TREE}, {"all": mixed}).scores["m", "all"]
    assert again.bits == pytest.approx(cells["all"].bits, rel=1e-12)
    assert again.error_bits_per_byte == pytest.approx(cells["all"].error_bits_per_byte, rel=1e-9, abs=1e-12)


def test_a_model_beside_itself_differs_by_nothing() -> None:
    table = score({"one": TREE, "same": TREE}, PAIRS)
    found = table.differences["same", "data"]
    assert (found.to, found.bits_per_byte, found.error_bits_per_byte) == ("one", 0.0, 0.0)


def test_what_a_folder_keeps_is_not_scored_again(tmp_path: Path) -> None:
    class Counting(TreeModel):
        calls = 0

        def token_nats(self, ids: Any, targets: Any) -> Any:
            Counting.calls += 1
            return super().token_nats(ids, targets)

    model = Counting(TREE.tree, 0.1, TREE.tokenizer)
    whole = score({"m": model}, {"a": PAIRS, "b": ALONE}, resume=tmp_path / "kept")
    first = Counting.calls
    again = score({"m": model}, {"b": ALONE, "c": ALONE[:1], "a": PAIRS}, resume=tmp_path / "kept")
    assert Counting.calls == first + 1  # what is new alone
    assert again.scores["m", "a"].bits == whole.scores["m", "a"].bits
    other = Counting(TREE.tree, 0.2, TREE.tokenizer)  # another model of the same name
    changed = score({"m": other}, {"a": PAIRS}, resume=tmp_path / "kept").scores["m", "a"].bits
    assert changed == pytest.approx(score({"m": other}, {"a": PAIRS}).scores["m", "a"].bits)
    assert changed != whole.scores["m", "a"].bits


def test_a_model_is_let_go_before_the_next_one_is_loaded() -> None:
    import weakref

    held: list[Any] = []

    def load(name: str) -> TreeModel:
        assert all(one() is None for one in held), "two models at once"
        made = TreeModel(TREE.tree, 0.1, TREE.tokenizer, name)
        held.append(weakref.ref(made))
        return made

    score(["a", "b", "c"], PAIRS, load=load)
    assert len(held) == 3


def test_weights_that_were_overwritten_are_scored_anew(folders: dict[str, Path], tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "m"
    shutil.copytree(folders["byte_bpe"], folder)
    kept = tmp_path / "kept"
    before = score(str(folder), PAIRS, resume=kept).scores[str(folder), "data"]
    import torch
    from transformers import AutoModelForCausalLM

    module = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        module.lm_head.weight.mul_(0.5)
    module.save_pretrained(folder)
    after = score(str(folder), PAIRS, resume=kept).scores[str(folder), "data"]
    alone = score(str(folder), PAIRS).scores[str(folder), "data"]
    assert after.bits == pytest.approx(alone.bits, rel=1e-12)
    assert after.bits != pytest.approx(before.bits, rel=1e-3)
    assert after.fingerprint != before.fingerprint


def test_json_has_its_names_and_nothing_that_json_lacks() -> None:
    sharp = TreeModel.of(cl.Dataset.from_texts(ALONE), 3, "windows", smoothing=0.0)  # which gives probability 0
    found = score({"m": TREE, "sharp": sharp}, {"pairs": PAIRS}).plain()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert next(iter(found)) == "schema_version"
    assert found["schema_version"] == 1
    assert found["models"] == ["m", "sharp"]
    assert found["datasets"]["pairs"]["responses"] == 3
    assert {(cell["model"], cell["dataset"]) for cell in found["scores"]} == {("m", "pairs"), ("sharp", "pairs")}
    fields = set(ModelScore.__dataclass_fields__) - {"name"}
    assert all(set(cell) == fields | {"dataset", "source", "difference"} for cell in found["scores"])
    assert found["scores"][0]["difference"] is None
    assert found["scores"][1]["bits_per_byte"] is None  # infinitely many
    assert found["scores"][1]["difference"]["to"] == "m"


def test_an_end_of_probability_0_costs_infinitely_much_and_its_tokens_what_they_do() -> None:
    never = TreeModel.of(cl.Dataset.from_texts(["aaaa"]), 2)  # after one "a" no end was seen
    cell = score({"m": never}, ["a", "aaa"]).scores["m", "data"]
    assert (cell.bits, cell.eos_bits, cell.bits_per_byte, cell.error_bits_per_byte) == (math.inf,) * 3 + (None,)
    wanted = score({"m": never}, ["a", "aaa"], eos=False).scores["m", "data"]
    assert cell.bits_per_token == pytest.approx(wanted.bits / 4)
    assert math.isfinite(wanted.bits)


def test_data_may_be_given_in_many_ways(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps({"prompt": p, "response": r}) + "\n" for p, r in PAIRS))
    prompts, responses = (Texts.pack([pair[i] for pair in PAIRS]) for i in (0, 1))
    ways: dict[str, Any] = {
        "path": path, "str": str(path), "pairs": PAIRS, "bytes": [(p.encode(), r.encode()) for p, r in PAIRS],
    }  # fmt: skip
    bits = {name: cell.bits for (_, name), cell in score({"m": TREE}, ways).scores.items()}
    assert len(set(bits.values())) == 1, bits
    alone = score({"m": TREE}, {"texts": responses, "list": list(responses)})
    assert len({cell.bits for cell in alone.scores.values()}) == 1
    assert next(iter(score(TREE, path).datasets)) == "pairs.jsonl"
    assert len(prompts) == 3


def test_names_that_are_not_unique_are_made_so_or_refused() -> None:
    paths = [Path("runs/a/checkpoint-1"), Path("runs/b/checkpoint-1"), Path("runs/b/checkpoint-2")]
    assert names_of_files(paths) == ["a/checkpoint-1", "b/checkpoint-1", "checkpoint-2"]
    with pytest.raises(InvalidParameter, match="x is given twice"):
        names_of_files([Path("x"), Path("./x")])
    with pytest.raises(InvalidParameter, match="two models are called 'tiny': give each a name of its own"):
        named_models(["tiny", "tiny"])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=3), min_size=1, max_size=6, unique_by=tuple))
def test_short_names_of_files_are_ends_of_their_paths_and_differ(parts: list[list[str]]) -> None:
    paths = [Path("/", *one) for one in parts]
    names = names_of_files(paths)
    assert len(set(names)) == len(names)
    assert all(f"/{path}".endswith(f"/{name}") for path, name in zip(paths, names, strict=True))


@pytest.mark.parametrize(
    ("models", "data", "error", "message"),
    [
        ([], PAIRS, InvalidParameter, "there is no model"),
        (TREE, {}, InvalidParameter, "there is no data"),
        (TREE, [], EmptyDataset, "data has no response"),
        ("nope", PAIRS, UnknownName, "unknown model 'nope'"),
    ],
)
def test_what_cannot_be_scored_is_named(models: Any, data: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        score(models, data)


def test_settings_of_a_model_are_not_for_log_probabilities() -> None:
    with pytest.raises(InvalidParameter, match="device: logprobs:x holds log-probabilities"):
        get_scorer("logprobs:x", device="cpu")


def test_the_table_holds_the_numbers() -> None:
    other = TreeModel(TREE.tree, 0.5, TREE.tokenizer)
    table = score({"a": TREE, "b": other}, {"pairs": PAIRS, "alone": ALONE})
    console = Console(width=160, file=io.StringIO())
    with console.capture() as held:
        console.print(score_view(table))
    shown = held.get()
    for cell in table.scores.values():
        assert f"{cell.bits_per_byte:.4f}" in shown
        assert f"{cell.nats_per_token:.4f}" in shown
    assert f"{table.differences['b', 'pairs'].bits_per_byte:+.4f}" in shown
    assert "minus a" in shown
    alone = score_table(score(TREE, PAIRS))
    assert "minus" not in " ".join(alone.columns)
    assert len(alone.rows) == 1
    assert len(alone.rows[0]) == len(alone.columns)
    assert score_sentence(table, "pairs").startswith("“pairs” takes ")


def test_a_page_has_a_figure_and_a_series_of_checkpoints_another(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra 'report'")
    from compresslab.measurements.score_page import score_page
    from compresslab.report.provenance import provenance

    models = {f"checkpoint-{step}": TreeModel(TREE.tree, 1 / step, TREE.tokenizer) for step in (30, 10, 20)}
    data: dict[str, Any] = {"pairs": PAIRS, "alone": ALONE, "c": ALONE[:1], "d": ALONE[1:]}
    page = score_page(score(models, data), provenance(["score"], []))
    assert page.answer[2] == "The other 2 are in the findings below."
    assert [point.split()[0] for point in page.sections[0].points] == ["“c”", "“d”"]
    (figure,) = page.sections[1].figures
    axes = figure.figure.axes[0]
    assert (figure.title, axes.get_xlabel()) == ("Along training", "steps of training")
    assert axes.lines[0].get_xdata().tolist() == [10, 20, 30]  # by step, in whatever order they were given
    (figure,) = score_page(score(TREE, PAIRS), provenance(["score"], [])).sections[0].figures
    assert figure.title == "Bits per byte"
