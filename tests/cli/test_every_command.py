"""Every kind of data in every format, by every command: what the page on data says, or a refusal in one line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compresslab import Dataset, TokenTree
from compresslab.measurements.score import score
from tests.data.made_files import FORMATS
from tests.data.test_data_page import LINES

Run = Callable[..., tuple[int, str, str]]
HELD = ["jsonl", "json", "csv", "tsv", "parquet", "arrow", "arrows", "feather"]
PROMPT, LETTERS = "Boil rice?", "Boil rice? Ten minutes. Yes. No. Add 1 2 3 Of course.\n"


def files_of(line: list[str], folder: Path) -> list[str]:
    """Write a row of the page in every format that can hold it; return the names of the files."""
    values: dict[str, Any] = json.loads(line[1].strip("`"))
    flat = not any(isinstance(value, list) for value in values.values())
    names = []
    for name in HELD:
        if name in ("csv", "tsv") and not flat:
            continue
        (folder / f"a.{name}").write_bytes(FORMATS[name][0]([values]))
        names.append(f"a.{name}")
    return names


FIRST = {0, 1, 4, 5, 6}  # a row of each kind, and a conversation; other names of fields are slow


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(line, id=f"{i} {line[0]}", marks=() if i in FIRST else pytest.mark.slow)
        for i, line in enumerate(LINES)
    ],
)
def test_every_command_reads_every_kind_in_every_format(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: list[str]
) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    monkeypatch.chdir(tmp_path)
    assert [*FORMATS] == HELD
    TokenTree.build(Dataset.from_texts([LETTERS]), 2, "windows").save("m.tree")
    names, options = files_of(line, tmp_path), [one for one in line[2].strip("`").split(" ") if one]
    commands = {
        "rate": ("rate", *names, "--no-code"),
        "tree": ("tree", *names),
        "elasticity": ("elasticity", "--pretrain", *names, "--align", names[0], "--perturb", names[0], "--depth", 2),
        "rate --model": ("rate", *names, "--model", "tree:m.tree"),
        "score": ("score", "--model", "tree:m.tree", "--data", *names),
    }
    if line[3] == "refused":
        for command in commands.values():
            code, out, err = run(*command, *options)
            assert (code, out, err.count("\n")) == (1, "", 1), command
        return
    wanted = re.findall(r"`([^`]*)`", line[3])
    size = sum(len(text.encode()) for text in wanted)
    found = {}
    for command, arguments in commands.items():
        code, out, err = run(*arguments, *options, "--json")
        assert (code, err) == (0, ""), command
        found[command] = json.loads(out)
    for command, result in found.items():
        read = list(result["datasets"].values()) if command == "score" else result["read"]
        assert len(read) == len(names) + 2 * (command == "elasticity"), command
        facts = {(one["responses"], one["response_bytes"], one["prompt_bytes"]) for one in read}
        assert facts == {(len(wanted), size, int(line[4]))}, command
    for command in ("rate", "rate --model"):
        assert {one["bytes"] for one in found[command]["files"]} == {size}
    prompts = "Add\n1 2" if line[0] == "Alpaca" else PROMPT
    pairs = [(prompts if int(line[4]) else "", text) for text in wanted]
    bits = score({"m": "tree:m.tree"}, {"pairs": pairs}).scores["m", "pairs"].bits
    for cells in (found["rate --model"]["files"], found["score"]["scores"]):
        assert [cell["bits"] for cell in cells] == pytest.approx([bits] * len(names), rel=1e-9)


def test_compress_keeps_every_byte_of_every_file(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    monkeypatch.chdir(tmp_path)
    TokenTree.build(Dataset.from_texts([LETTERS]), 2, "windows").save("m.tree")  # which has few of the bytes
    for line in LINES[:2]:
        for name in files_of(line, tmp_path):
            model = ("--model", "tree:m.tree")
            assert run("compress", name, *model, "--out", "packed", "--force", "-q")[0] == 0
            assert run("decompress", "packed", *model, "--out", "back", "--force", "-q")[0] == 0
            assert Path("back").read_bytes() == Path(name).read_bytes()


def test_a_plan_of_a_probe_is_of_what_the_page_says(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    pytest.importorskip("transformers", reason="needs the extra 'lm'")
    from compresslab.lm.checkpoints import save
    from compresslab.lm.tiny import TinyShape, make_tiny

    save(make_tiny(TinyShape(hidden=8, layers=1, heads=2, context=64), device="cpu"), tmp_path / "model")
    for number, line in enumerate(LINES):
        folder = tmp_path / str(number)
        folder.mkdir()
        monkeypatch.chdir(folder)
        data = [f"{name}={name}" for name in files_of(line, folder)]
        options = [one for one in line[2].strip("`").split(" ") if one]
        code, out, err = run("probe", "--model", "../model", "--perturb", *data, *options, "--dry-run", "--json", "-q")
        if line[3] == "refused":
            assert (code, out, err.count("\n")) == (1, "", 1)
            continue
        wanted = [text.encode() for text in re.findall(r"`([^`]*)`", line[3])]
        before = len("Add\n1 2\n") if line[0] == "Alpaca" else len(PROMPT) + 1
        before += len("Add.\nBoil rice?\nYes.\n") if "history" in line[1] else 0
        before = before if int(line[4]) else 0
        assert json.loads(out)["tokens"] == len(data) * sum(before + len(text) + 1 for text in wanted), line
