"""``compresslab score``: the library's numbers, whatever the names; wrong calls are refused, and nothing is lost."""

from __future__ import annotations

import json
import logging
import re
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compresslab import Dataset, TokenTree
from compresslab.cli.main import spread
from compresslab.measurements.score import score

Run = Callable[..., tuple[int, str, str]]
PAIRS = [("Boil rice?", "Ten minutes."), ("Peel corn?", "By hand."), ("And beans?", "An hour, and no less.")]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, depth in (("one", 2), ("two", 3)):
        TokenTree.build(Dataset.from_texts([text for _, text in PAIRS]), depth, "windows").save(
            tmp_path / f"{name}.tree"
        )
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        lines = [
            json.dumps({"prompt": p, "response": r, "other": r[::-1]}) for p, r in PAIRS[: 2 if folder == "a" else 3]
        ]
        (tmp_path / folder / "test.jsonl").write_text("\n".join(lines))
    (tmp_path / "text.txt").write_text("Ten minutes by hand.\nAn hour.\n")
    return tmp_path


def test_the_command_prints_what_the_library_returns(run: Run, here: Path) -> None:
    models = {"one": "tree:one.tree", "two": "tree:two.tree"}
    options = ("--window", 8, "--stride", 4, "--no-eos", "--json")
    code, out, err = run(
        "score", "--model", "one=tree:one.tree", "two=tree:two.tree", "--data", "a/test.jsonl", "b/test.jsonl",
        "text=text.txt", *options,
    )  # fmt: skip
    assert (code, err) == (0, "")
    got = json.loads(out)
    from compresslab.lm.windows import Windows

    data = {
        "a/test.jsonl": here / "a" / "test.jsonl",
        "b/test.jsonl": here / "b" / "test.jsonl",
        "text": here / "text.txt",
    }
    wanted = json.loads(json.dumps(score(models, data, windows=Windows(8, 4), eos=False).plain()))
    for found, cell in zip(got["scores"], wanted["scores"], strict=True):
        del found["seconds"], cell["seconds"]
        assert found == cell
    assert got["models"] == ["one", "two"]
    assert list(got["datasets"]) == ["a/test.jsonl", "b/test.jsonl", "text"]
    assert got["schema_version"] == 1


def test_score_and_rate_agree(run: Run, here: Path) -> None:
    one = json.loads(run("score", "-m", "tree:one.tree", "--data", "a/test.jsonl", "--json")[1])["scores"][0]
    rate = json.loads(run("rate", "--model", "tree:one.tree", "a/test.jsonl", "--json")[1])
    for key in set(one) & set(rate) - {"seconds", "model"}:
        assert one[key] == rate[key], key
    assert one["source"] == rate["model"]


def test_what_is_saved_scores_to_the_same_numbers_by_score_and_by_rate(run: Run, here: Path) -> None:
    data = ("--data", "a/test.jsonl", "b/test.jsonl")
    code, out, err = run(
        "score", "--model", "tree:two.tree", *data, "--save-logprobs", "lp", "--json", "--resume", "kept"
    )
    assert (code, err) == (0, "Log-probabilities: lp\n")
    direct = json.loads(out)["scores"]
    back = json.loads(run("score", "--model", "logprobs:lp", *data, "--json")[1])["scores"]
    for one, other in zip(direct, back, strict=True):
        assert other["bits"] == pytest.approx(one["bits"], rel=1e-9)
        assert other["error_bits_per_byte"] == pytest.approx(one["error_bits_per_byte"], rel=1e-9)
    rate = json.loads(run("rate", "--model", "logprobs:lp", "b/test.jsonl", "--json")[1])
    assert rate["bits"] == pytest.approx(direct[1]["bits"], rel=1e-9)
    shown = run("rate", "--model", "logprobs:lp", "b/test.jsonl")[1]
    assert "Rate under tree:two.tree" in shown
    assert len(list(Path("kept").iterdir())) == 2
    again = run("score", "--model", "tree:two.tree", *data, "--json", "--resume", "kept")
    assert [cell["bits"] for cell in json.loads(again[1])["scores"]] == [cell["bits"] for cell in direct]


def test_quiet_json_stands_alone(run: Run, here: Path) -> None:
    asked = ("score", "--model", "tree:two.tree", "--data", "text.txt", "--save-logprobs", "lp", "--json")
    code, out, err = run(*asked, "-q")
    assert (code, err) == (0, "")
    assert json.loads(out)["schema_version"] == 1
    assert Path("lp").is_file()
    assert run(*asked)[2] == "Log-probabilities: lp\n"


@pytest.mark.parametrize("data", [b"", b" \n\n"])
@pytest.mark.parametrize("command", ["score --model tree:one.tree --data", "rate --model tree:one.tree"])
@pytest.mark.parametrize("split", ["line", "document"])
def test_a_text_without_a_response_is_refused(run: Run, here: Path, data: bytes, command: str, split: str) -> None:
    Path("empty.txt").write_bytes(data)
    code, out, err = run(*command.split(), "empty.txt", "--split", split)
    assert (code, out, err) == (1, "", "compresslab: empty.txt: no responses: the text is empty or blank\n")


def test_options_of_data_may_be_of_one_dataset(run: Run, here: Path) -> None:
    options = ("--prompt-field", "prompt", "--response-field", "x:response", "y:other")
    code, out, err = run(
        "score", "--model", "tree:one.tree", "--data", "x=b/test.jsonl", "y=b/test.jsonl", *options[:2],
        "--response-field", "x:response", "--response-field", "y:other", "--json",
    )  # fmt: skip
    assert (code, err) == (0, "")
    x, y = json.loads(out)["scores"]
    assert (x["dataset"], y["dataset"], x["bytes"]) == ("x", "y", y["bytes"])
    assert x["bits"] < y["bits"]


def test_models_are_called_by_as_much_of_their_paths_as_it_takes() -> None:
    assert spread(["score", "--model", "a", "b", "--data", "c", "-m", "d", "e"]) == [
        "score", "--model", "a", "--model", "b", "--data", "c", "-m", "d", "-m", "e",
    ]  # fmt: skip
    assert spread(["score", "--data=a", "b"]) == ["score", "--data=a", "--data", "b"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--model tree:one.tree tree:one.tree --data text.txt", "two models are called 'tree:one.tree'"),
        ("--model tree:one.tree --data x=text.txt x=a/test.jsonl", "two files are called 'x': give each a name"),
        ("--model tree:one.tree --data text.txt ./text.txt", "text.txt is given twice"),
        ("--model =tree:one.tree --data text.txt", "'=tree:one.tree' is not of the form NAME=VALUE"),
        ("--model tree:one.tree --data x=", "'x=' is not of the form NAME=VALUE"),
        ("--model tree:one.tree --data missing", "cannot read missing: no such file"),
        ("--model nope --data text.txt", "unknown model 'nope'"),
        ("--model tree:one.tree --data text.txt --stride 4", "--stride needs --window here"),
        ("--model tree:one.tree --data text.txt --window 4 --stride 8", "a window's stride is 8"),
        ("--model tree:one.tree --data text.txt --device cpu", "--device: no model here has such a setting"),
        ("--model logprobs:missing --data text.txt", "cannot read missing: no such file"),
        ("--model logprobs:missing --data text.txt --dtype float32", "--dtype: logprobs:missing holds"),
        ("--model logprobs:missing --data text.txt --window 8 --resume d", "--window and --resume: logprobs:missing"),
        (
            "--model tree:one.tree tree:two.tree --data text.txt --save-logprobs f",
            "takes the numbers of one model, not of 2",
        ),
        ("--model tree:one.tree --data text.txt --resume text.txt", "cannot write text.txt: not a directory"),
    ],
)
def test_an_impossible_call_is_refused_in_one_line(run: Run, here: Path, arguments: str, message: str) -> None:
    before = sorted(here.iterdir())
    code, out, err = run("score", *arguments.split())
    assert (code, out, err.count("\n")) == (1, "", 1), err
    assert message in err
    assert sorted(here.iterdir()) == before


@pytest.mark.parametrize("option", ["--window", "--stride", "--batch", "--resume", "--device", "--eos-token"])
def test_rate_refuses_for_log_probabilities_what_changes_nothing(run: Run, here: Path, option: str) -> None:
    code, out, err = run("rate", "--model", "logprobs:f", "text.txt", option, 8)
    assert (code, out) == (1, "")
    assert f"{option}: logprobs:f holds log-probabilities, which nothing changes, leave it out" in err


def test_log_probabilities_code_no_file(run: Run, here: Path) -> None:
    code, _, err = run("compress", "text.txt", "--model", "logprobs:lp")
    assert code == 1
    assert "logprobs:lp holds the log-probabilities of some responses, and predicts nothing else" in err


def test_a_page_holds_the_table(run: Run, here: Path) -> None:
    pytest.importorskip("matplotlib", reason="reports need the extra 'report'")
    pytest.importorskip("jinja2", reason="reports need the extra 'report'")
    models = ("--model", "one=tree:one.tree", "two=tree:two.tree")
    code, out, err = run("score", *models, "--data", "b/test.jsonl", "--report", "page", "--json")
    assert (code, err) == (0, "Report: page/report.html\n")
    plain = re.sub(r"<[^>]*>", " ", Path("page/report.html").read_text()).replace("\u00a0", " ")
    for cell in json.loads(out)["scores"]:
        assert f"{cell['bits_per_byte']:.4f}" in plain
        assert cell["fingerprint"][:16] in plain
    assert Path("page/figures/scores.svg").is_file()


def test_checkpoints_of_a_run_are_a_series(run: Run, here: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra 'lm'")
    from tests.lm.tokenizer_zoo import saved_model

    made = saved_model(tmp_path / "run" / "checkpoint-10", "byte_bpe", eos_token="<|end|>")
    for step in (5, 200):
        shutil.copytree(made, tmp_path / "run" / f"checkpoint-{step}")
    code, out, err = run("score", "--model", "run", "--data", "text.txt", "-q")
    assert code == 1
    assert "compresslab score --model run/checkpoint-*" in err
    folders: list[Any] = sorted(Path("run").glob("checkpoint-*"))
    code, out, err = run(
        "score", "--model", *folders, "one=tree:one.tree", "--data", "text.txt", "--device", "cpu", "-q", "--json"
    )
    assert (code, err) == (0, "")
    got = json.loads(out)
    assert got["models"] == ["checkpoint-5", "checkpoint-10", "checkpoint-200", "one"]
    assert len({cell["bits"] for cell in got["scores"][:3]}) == 1


@pytest.mark.parametrize("quiet", [True, False])
def test_quiet_keeps_the_warnings_of_other_packages_from_the_terminal(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], quiet: bool
) -> None:
    from compresslab.lm import registry

    package = logging.getLogger("transformers")
    handler = logging.StreamHandler(sys.stderr)  # as transformers adds one when it is imported
    package.addHandler(handler)
    plain = registry.get_model

    def noisy(name: str, **settings: Any) -> Any:
        logging.getLogger("transformers.modeling_utils").warning("some weights are odd")
        warnings.warn("this will change", FutureWarning, stacklevel=1)
        return plain(name, **settings)

    monkeypatch.setattr(registry, "get_model", noisy)
    monkeypatch.setattr(sys, "warnoptions", [])
    try:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("default")
            code, _, err = run("score", "--model", "tree:one.tree", "--data", "text.txt", *(["-q"] if quiet else []))
    finally:
        package.removeHandler(handler)
    assert code == 0
    assert ("some weights are odd" in err) is not quiet
    assert any("this will change" in str(one.message) for one in seen) is not quiet
    assert err == "" or not quiet


def test_of_several_processes_the_first_one_speaks(run: Run, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compresslab.lm.distributed.processes", lambda: (1, 2))
    monkeypatch.setattr("compresslab.lm.distributed.sum_over_processes", lambda x: x)
    options = ("--window", 8, "--save-logprobs", "lp")
    assert run("score", "--model", "tree:one.tree", "--data", "text.txt", *options) == (0, "", "")
    assert not Path("lp").exists()


def test_an_infinite_code_length_is_null_in_json(run: Run, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from compresslab.lm import registry
    from compresslab.lm.tree_model import TreeModel

    never = TreeModel.of(Dataset.from_texts(["other"]), 2)
    monkeypatch.setattr(registry, "get_model", lambda name, **_: never)
    for command in (("score", "--data"), ("rate",)):
        code, out, err = run(command[0], "--model", "tree:one.tree", *command[1:], "text.txt", "--json")
        assert (code, err) == (0, "")
        got = json.loads(out)
        assert got.get("scores", [got])[0]["bits_per_byte"] is None
