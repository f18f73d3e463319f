"""``compresslab probe``: what the function finds, as tables, as JSON, as a page; and wrong calls."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra 'lm'")
pytest.importorskip("transformers", reason="needs the extra 'lm'")
import compresslab
from compresslab.data.door import read_data
from compresslab.lm.checkpoints import load, save
from compresslab.lm.tiny import TinyShape, make_tiny
from compresslab.probe.json_form import as_json, schema
from compresslab.probe.planning import model_of_settings, plan_probe, weights_of
from compresslab.probe.settings import ProbeSettings
from tests.json_rules import valid

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("probe")
    save(make_tiny(TinyShape(hidden=8, layers=1, heads=2, context=16), device="cpu"), where / "model")
    for name, lines in {"p": "to be\nor not\nto be\nthat is", "a": "please\nthanks", "o": "1\n22\n333\n4"}.items():
        (where / f"{name}.txt").write_text(lines + "\n")
    (where / "q.txt").write_text("that is\nto be\nor not\n")
    rows = [{"prompt": f"what {i}?", "response": "no" * i} for i in range(1, 5)]
    (where / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return where


def options(folder: Path) -> list[str]:
    return [
        "probe", "--model", str(folder / "model"), "--pretrain", f"plays={folder / 'p.txt'}", "--align",
        str(folder / "a.txt"), "--other", f"numbers={folder / 'o.txt'}", "--perturb", f"new={folder / 't.jsonl'}",
        "--learning-rate", "1e-3", "--examples", "4", "--device", "cpu",
    ]  # fmt: skip


def test_json_is_what_the_function_finds(run: Run, folder: Path, tmp_path: Path) -> None:
    more = ("--precision", "0.5", "--rows", tmp_path / "rows.jsonl")
    code, out, err = run(*options(folder), "--json", "--quiet", *more)
    assert (code, err) == (0, "")
    value = json.loads(out)
    found = compresslab.probe(
        load(folder / "model", device="cpu"),
        pretrain={"plays": read_data(folder / "p.txt")}, align={"a.txt": read_data(folder / "a.txt")},
        other={"numbers": read_data(folder / "o.txt")}, perturb={"new": read_data(folder / "t.jsonl")},
        learning_rate=1e-3, examples=[4],
    )  # fmt: skip
    wanted = as_json(found, 0.5)
    for part in (
        "settings",
        "roles",
        "datasets",
        "overlap",
        "predicted",
        "stationarity",
        "return_criterion",
        "precision",
    ):
        assert value[part] == wanted[part], part
    assert value["datasets"]["new"]["tokens"] == sum(2 * i + 1 for i in range(1, 5))  # prompts are context alone
    assert [one["name"] for one in value["read"]] == ["p.txt", "a.txt", "o.txt", "t.jsonl"]
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    measured = dict.fromkeys(("measured_nats", "measured_bits_per_byte", "measured_standard_error_nats"))
    assert rows == [{**one, "role": value["roles"][one["dataset"]], **measured} for one in value["predicted"]]


def test_a_page_shows_the_matrix_the_curves_and_what_was_measured(run: Run, folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra 'report'")
    code, out, err = run(*options(folder), "--verify", "--report", tmp_path / "page", "--quiet")
    assert (code, err) == (0, "")
    assert "Training on 4 examples of 'new' by adamw" in out
    assert "measured" in out
    page = (tmp_path / "page" / "report.html").read_text(encoding="utf-8")
    assert "What will fine-tuning" in page
    drawn = {path.stem for path in (tmp_path / "page" / "figures").glob("*.svg")}
    assert drawn == {"overlaps", "changes-0", "agreement"}


@pytest.mark.slow
def test_a_lora_says_what_it_loses(run: Run, folder: Path) -> None:
    pytest.importorskip("peft", reason="needs the extra 'adapters'")
    code, out, err = run(*options(folder), "--verify", "--lora", "1", "--optimizer", "sgd", "--json", "-q")
    assert (code, err) == (0, "")
    value = json.loads(out)
    allowed = schema() | {"additionalProperties": True}  # the command adds what was read
    assert valid(value, allowed) == []
    (lost,) = value["lora_accuracy"]
    assert lost["accuracy_lost"] == pytest.approx(lost["whole_r_squared"] - lost["lora_for_whole_r_squared"])
    assert lost["lora_measured_nats"] == [row["change_nats"] for row in value["measured"]]
    code, out, _ = run(*options(folder), "--lora", "1", "--dry-run", "--json", "-q")
    assert (code, json.loads(out)["parameters"]) == (0, value["model"]["parameters"])


def test_a_dry_run_touches_no_weights(run: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for name in ("config.json", "compresslab.json"):
        (tmp_path / "model" / name).write_bytes((folder / "model" / name).read_bytes())
    given = options(folder)
    given[2] = str(tmp_path / "model")
    code, out, err = run(*given, "--dry-run", "--json")
    assert (code, err) == (0, "")
    weights = sum(p.numel() for p in load(folder / "model", device="cpu").module.parameters())
    assert json.loads(out)["parameters"] == weights == weights_of(model_of_settings(str(folder / "model")))
    assert "of memory" in run(*given, "--dry-run")[1]


def test_a_plan_grows_with_what_is_asked() -> None:
    def plan(**changes: object) -> float:
        asked = {"linearised": False, "examples": (64,), **changes}
        settings = ProbeSettings(**asked)  # type: ignore[arg-type]
        found = plan_probe(10**6, {"a": 2500}, settings, perturbations=1, verify=False, flops=1e9)
        assert found.seconds is not None
        return found.seconds

    assert plan() < plan(examples=(128,)) < plan(examples=(128,), linearised=True)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--examples", "4,x"], "--examples are whole numbers"),
        (["--examples", "6"], "multiples of the batch, 4"),
        (["--optimizer", "adam"], "did you mean 'adamw'"),
        (["--precision", "0"], "a precision is half an interval"),
        (["--other", "plays=FOLDER/o.txt"], "two datasets are called 'plays'"),
        (["--perturb", "=FOLDER/o.txt"], "is not of the form NAME=FILE"),
        (["--perturb", "more=FOLDER/none"], "cannot read"),
        (["--perturb", "more=FOLDER/p.txt"], "p.txt is in two roles, pretrain and perturb: what is said"),
        (["--other", "more=FOLDER/o.txt"], "o.txt is given twice for --other"),
        (["--optimizer", "sgd", "--state", "mixture"], "--state: only adamw has a state, and the optimizer is sgd"),
    ],
)
def test_a_wrong_call_is_one_line(run: Run, folder: Path, more: list[str], message: str) -> None:
    given = [one.replace("FOLDER", str(folder)) for one in more]
    usual = options(folder)
    if given[0] == "--examples":  # an option that is given once
        at = usual.index(given[0])
        del usual[at : at + 2]
    code, out, err = run(*usual, *given, "--quiet")
    assert (code, out) == (1, "")
    assert message in err
    assert err.count("\n") == 1


def test_a_dry_run_refuses_what_the_run_refuses(run: Run, folder: Path, tmp_path: Path) -> None:
    from transformers import BertConfig, BertLMHeadModel

    small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    BertLMHeadModel(BertConfig(vocab_size=256, pad_token_id=0, **small)).save_pretrained(tmp_path / "bert")
    (tmp_path / "bert" / "compresslab.json").write_text('{"eos_id": 1, "prefix_id": 0, "tokenizer": "bytes"}')
    (tmp_path / "trainer" / "checkpoint-5").mkdir(parents=True)
    shutil.copy(folder / "model" / "config.json", tmp_path / "trainer" / "checkpoint-5")
    shutil.copytree(folder / "model", tmp_path / "endless")
    config = json.loads((folder / "model" / "config.json").read_text())
    (tmp_path / "endless" / "config.json").write_text(json.dumps({**config, "eos_token_id": None}))
    (tmp_path / "endless" / "compresslab.json").write_text('{"tokenizer": "bytes"}')
    (tmp_path / "endless" / "generation_config.json").unlink(missing_ok=True)
    data = ("--perturb", folder / "p.txt", "--device", "cpu", "--examples", "4")
    for model, more, message in (
        (tmp_path / "bert", (), "is not causal"),
        (tmp_path / "trainer", (), "is the output of a Trainer"),
        (tmp_path / "endless", (), "has no end-of-sequence token"),
        (folder / "model", ("--base", folder / "model"), "give alignment data (--align)"),
        (folder / "model", ("--base", tmp_path / "none", "--align", folder / "a.txt"), "none"),
        (folder / "model", ("--template", tmp_path / "none.jinja"), "none.jinja"),
        (folder / "model", ("--dtype", "float23"), "unknown dtype 'float23'"),
    ):
        errors = []
        for dry in ((), ("--dry-run",)):
            code, out, err = run("probe", "--model", model, *data, *more, *dry, "-q")
            assert (code, out) == (1, ""), (model, more, dry)
            errors.append(err.splitlines()[-1])
            assert message in errors[-1]
        if model != folder / "model":
            assert len(set(errors)) == 1, errors


def test_a_plan_counts_the_tokens_that_are_read(run: Run, folder: Path) -> None:
    planned = json.loads(run(*options(folder), "--dry-run", "--json")[1])["tokens"]
    lines = ["to be", "or not", "to be", "that is", "please", "thanks", "1", "22", "333", "4"]
    lines += [f"what {i}?\n{'no' * i}" for i in range(1, 5)]
    assert planned == sum(len(line) + 1 for line in lines)


def test_what_is_in_the_data_of_another_role_is_said(run: Run, folder: Path) -> None:
    code, out, _ = run("probe", "--model", folder / "model", "--pretrain", folder / "p.txt", "--perturb",
                       folder / "q.txt", "--examples", 4, "--device", "cpu", "--first-order", "-q")  # fmt: skip
    assert code == 0
    said = " ".join(out.split())
    assert "4 of 4 pretrain texts (23 of 23 bytes) stand in the perturb data" in said
    assert "p.txt: prefix " in said


def test_something_to_train_on_is_needed(run: Run, folder: Path) -> None:
    code, _, err = run("probe", "--model", folder / "model", "--pretrain", folder / "p.txt")
    assert code == 1
    assert "no --perturb" in err


def test_a_model_without_known_size_is_refused_in_a_dry_run(run: Run, folder: Path) -> None:
    code, _, err = run("probe", "--model", "nope", "--perturb", folder / "p.txt", "--dry-run")
    assert code == 1
    assert "the size of 'nope' is not known" in err


def test_a_file_whose_name_is_not_unicode_is_probed_and_written_down(run: Run, folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("jinja2", reason="needs the extra 'report'")
    file = tmp_path / "caf\udcff.txt"
    try:
        file.write_text("to be\nor not\n")
    except (OSError, UnicodeError):
        pytest.skip("needs a file system whose names are bytes")
    more = ("--rows", tmp_path / "rows.jsonl", "--report", tmp_path / "page", "--first-order", "--json", "-q")
    typed = ("--model", folder / "model", "--perturb", file, "--examples", "4", "--device", "cpu")
    code, out, _ = run("probe", *typed, *more)
    assert code == 0
    assert list(json.loads(out)["datasets"]) == ["caf\udcff.txt"]
    assert json.loads((tmp_path / "rows.jsonl").read_text("utf-8").splitlines()[0])["dataset"] == "caf\udcff.txt"
    assert "caf\\xff.txt" in (tmp_path / "page" / "report.html").read_text("utf-8")


def test_a_tracker_that_fails_at_the_end_takes_nothing_with_it(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("jinja2", reason="needs the extra 'report'")
    from transformers import TrainerCallback
    from transformers.integrations import integration_utils

    class Offline(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, *_: object, **__: object) -> None:
            raise ConnectionError("no route")

    monkeypatch.setitem(integration_utils.INTEGRATION_TO_CALLBACK, "offline", Offline)
    more = ("--first-order", "--log", "offline", "--rows", tmp_path / "rows.jsonl", "--report", tmp_path)
    code, out, err = run(*options(folder), *more, "--json", "-q")
    assert code == 1
    assert "the tracker 'offline' failed: no route" in err
    assert json.loads(out)["predicted"]
    assert (tmp_path / "rows.jsonl").is_file()
    assert (tmp_path / "report.html").is_file()
