"""Data in commands: every format gives the number that its texts give, and messages name options of the command."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from compresslab import Dataset, TokenTree
from compresslab.lm.registry import get_model
from tests.commands import every_command, options_of
from tests.data.made_files import FLAT, FORMATS, KINDS, json_lines

pytestmark = pytest.mark.usefixtures("compiled_byte_model")

Run = Callable[..., tuple[int, str, str]]
ROWS = [{"prompt": f"How is {i}?", "response": f"It is {i} of ten."} for i in range(10)]


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def option_list(choice: dict[str, str]) -> list[str]:
    return [word for name, value in choice.items() for word in (f"--{name.replace('_', '-')}", value)]


@pytest.fixture
def tree(tmp_path: Path) -> str:
    path = tmp_path / "model.tree"
    TokenTree.build(Dataset.from_texts([f"{row['prompt']}\n{row['response']}" for row in ROWS]), 3, "windows").save(
        path
    )
    return f"tree:{path}"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(kind, name, marks=() if (i + j) % 3 == 0 else pytest.mark.slow)
        for i, kind in enumerate(KINDS)
        for j, name in enumerate(FORMATS)
    ],
)
def test_commands_count_the_bytes_of_the_responses(run: Run, tmp_path: Path, kind: str, name: str) -> None:
    if name not in ("jsonl", "json", "csv", "tsv"):
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    rows, choice, responses, prompt_bytes = KINDS[kind]
    if kind not in FLAT and name in ("csv", "tsv"):
        pytest.skip("a table has no lists")
    path = written(tmp_path / f"a.{name}", FORMATS[name][0](rows))
    options = option_list(choice)
    code, out, err = run("rate", path, "--json", "--depth", 2, "--no-code", *options)
    assert (code, err) == (0, "")
    got = json.loads(out)
    size = sum(map(len, responses))
    assert (got["bytes"], got["responses"], got["symbols"]) == (size, len(responses), size + len(responses))
    assert [got["read"][0][key] for key in ("response_bytes", "prompt_bytes")] == [size, prompt_bytes]
    text = written(tmp_path / "a.txt", b"\n".join(responses))
    plain = json.loads(run("rate", text, "--json", "--depth", 2, "--no-code")[1])
    same = [key for key in got if key not in ("name", "files", "read")]
    assert {key: got[key] for key in same} == {key: plain[key] for key in same}
    if name != "jsonl":
        return  # the other commands read by the same function
    shown = json.loads(run("tree", path, "--json", "--depth", 2, *options)[1])
    assert shown["leaves"] == json.loads(run("tree", text, "--json", "--depth", 2)[1])["leaves"]
    roles = [word for role in ("--pretrain", "--align", "--perturb") for word in (role, path)]
    of_data = json.loads(run("elasticity", *roles, "--json", "--depth", 2, *options)[1])
    of_text = json.loads(run("elasticity", *[text if one == path else one for one in roles], "--json", "--depth", 2)[1])
    assert [part["symbols"] for part in of_data["parts"]] == [part["symbols"] for part in of_text["parts"]]
    assert of_data["readings"] == of_text["readings"]


def test_a_model_reads_prompts_as_context(run: Run, tmp_path: Path, tree: str) -> None:
    path = written(tmp_path / "a.jsonl", json_lines(ROWS))
    code, out, err = run("rate", path, "--model", tree, "--json")
    assert (code, err) == (0, "")
    got = json.loads(out)
    model = get_model(tree)
    bits = 0.0
    for row in ROWS:
        ids = [model.prefix_id, *f"{row['prompt']}\n{row['response']}".encode(), model.eos_id]
        rows = model.log_probs([ids[:-1]])[0]
        first = len(f"{row['prompt']}\n")
        bits -= sum(float(rows[i, ids[i + 1]]) for i in range(first, len(ids) - 1)) / 0.6931471805599453
    assert got["bits"] == pytest.approx(bits, rel=1e-5)
    size = sum(len(row["response"]) for row in ROWS)
    assert (got["bytes"], got["tokens"]) == (size, size)
    assert got["context_tokens"] == sum(len(row["prompt"]) + 1 for row in ROWS)
    table = run("rate", path, "--model", tree)[1]
    assert "Prefix token 256, EOS token 256." in table
    assert f"{sum(len(row['prompt']) for row in ROWS)} bytes of prompts are context" in table


@pytest.mark.usefixtures("undrawn")
def test_tables_and_reports_say_what_was_read_and_left_out(run: Run, tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", json_lines([*ROWS, {"prompt": "p", "response": ""}]))
    said = "a.jsonl is JSON lines, prompt-completion (prompt, response), 11 rows: 1 empty: 10 used; 90 bytes of prompts"
    for command in ("rate", "tree"):
        assert said in " ".join(run(command, path)[1].split())
    roles = [word for role in ("--pretrain", "--align", "--perturb") for word in (role, path)]
    assert said in " ".join(run("elasticity", *roles)[1].split())
    pytest.importorskip("matplotlib")
    run("rate", path, "--report", tmp_path / "report")
    assert said in " ".join((tmp_path / "report" / "report.html").read_text().split())


def test_chosen_and_rejected_of_one_file_are_two_roles(run: Run, tmp_path: Path) -> None:
    rows = [{"prompt": "p", "chosen": f"good {i}", "rejected": f"bad {i}"} for i in range(5)]
    path = written(tmp_path / "a.jsonl", json_lines(rows))
    base = written(tmp_path / "base.txt", b"good 1\nbad 1\n")
    options = ["--response-field", "align:chosen", "--response-field", "perturb:rejected"]
    code, out, _ = run(
        "elasticity", "--pretrain", base, "--align", path, "--perturb", path, *options, "--json", "--depth", 2
    )
    assert code == 0
    assert [part["symbols"] for part in json.loads(out)["parts"]] == [13, 5 * 7, 5 * 6]


@pytest.mark.parametrize(
    ("name", "data", "command", "message"),
    [
        ("a.jsonl", b'{"title": "x"}', "rate a.jsonl", "no fields of a known kind: its fields are 'title'"),
        ("a.csv", b"a,b\n1,2\n", "tree a.csv", "or read it as text with --format text"),
        ("a.jsonl", b"no json", "rate a.jsonl", "line 1 of a.jsonl is not JSON"),
        ("a.jsonl", b'{"prompt": "p"}', "rate a.jsonl", "--field prompt reads the prompts themselves"),
        ("a.jsonl", b'{"text": null}', "rate a.jsonl", "pass over such rows with --skip-missing"),
        ("a.txt", b"plain\n", "rate a.txt --field text", "has no fields: leave out --field"),
        ("a.txt", b"a\0b", "rate a.txt", "to read it as bytes, give --format bytes"),
        ("a.txt", "é".encode("utf-16"), "rate a.txt", "it begins like UTF-16, so try --encoding utf-16"),
        ("a.txt", b"plain\n", "rate a.txt --field a --field b", "--field is given 2 times"),
        ("a.jsonl", b'{"prompt": "p", "response": "r"}', "rate a.jsonl --split word", "leave out --split word"),
        ("a.txt", b"", "rate a.txt", "a.txt: no responses: the text is empty or blank"),
        ("a.txt", b"x", "elasticity --field text", "--field: for files, add --pretrain, --align and --perturb"),
    ],
)
def test_remedies_name_options_of_the_command(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, data: bytes, command: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(data)
    code, out, err = run(*command.split())
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert message in err
    known = options_of(every_command()[command.split(maxsplit=1)[0]])
    assert set(re.findall(r"--[a-z][a-z-]*", err)) <= known


def test_compress_never_decodes_its_input(run: Run, tmp_path: Path) -> None:
    for name in ("jsonl", "csv"):
        path = written(tmp_path / f"a.{name}", FORMATS[name][0](ROWS))
        assert run("compress", path, "--workers", 1)[0] == 0
        assert run("decompress", f"{path}.clz", "--out", f"{path}.back", "--workers", 1)[0] == 0
        assert Path(f"{path}.back").read_bytes() == path.read_bytes()


def test_standard_input_is_recognised_by_its_content(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = written(tmp_path / "a", json_lines(ROWS))
    size = sum(len(row["response"]) for row in ROWS)
    with path.open("rb") as file:
        import os

        kept = os.dup(0)
        os.dup2(file.fileno(), 0)
        try:
            code, out, _ = run("rate", "-", "--json", "--no-code")
        finally:
            os.dup2(kept, 0)
            os.close(kept)
    assert (code, json.loads(out)["bytes"]) == (0, size)
    assert json.loads(out)["read"][0]["name"] == "standard input"


@pytest.mark.parametrize("command", ["tree", "rate", "elasticity"])
def test_control_tokens_in_texts_are_counted_without_a_model_too(run: Run, tmp_path: Path, command: str) -> None:
    pytest.importorskip("tokenizers", reason="needs the extra 'lm'")
    from tests.lm.tokenizer_zoo import made_tokenizer

    made_tokenizer("byte_bpe").save(str(tmp_path / "tokenizer.json"))
    path = written(tmp_path / "a.txt", b"typed <|end|><|start|> here\nand <|stop|> there\nplain\n")
    other = written(tmp_path / "b.txt", b"nothing here\n")
    files = ["--pretrain", other, "--align", path, "--perturb", other] if command == "elasticity" else [path]
    asked = (command, *files, "--tokenizer", f"hf:{tmp_path}")
    code, out, err = run(*asked)
    assert (code, err) == (0, "")
    assert "a.txt: texts spell control tokens, 3 in all, read as characters." in " ".join(out.split())
    held = {one["name"]: one["control_tokens"] for one in json.loads(run(*asked, "--json")[1])["read"]}
    assert held == ({"a.txt": 3, "b.txt": 0} if command == "elasticity" else {"a.txt": 3})
    assert "control_tokens" not in json.loads(run(command, *files, "--json")[1])["read"][0]
