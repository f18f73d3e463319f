"""Models on the command line: what is printed is what the library says, options reach it, wrong ones are refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from compresslab import Dataset, TokenTree
from compresslab.coding.clz.container import file_info
from compresslab.lm.journal import Journal
from compresslab.lm.registry import get_model
from compresslab.lm.scoring import score, tokenize
from compresslab.lm.windows import Windows

pytestmark = pytest.mark.usefixtures("compiled_byte_model")

if TYPE_CHECKING:
    from compresslab.lm.hugging_face import HuggingFaceModel

Make = Callable[..., "HuggingFaceModel"]
Run = Callable[..., tuple[int, str, str]]
TEXT = b"To be, or not to be, that is the question:\nWhether 'tis nobler in the mind to suffer\n" * 3


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "hamlet.txt"
    path.write_bytes(TEXT)
    return path


@pytest.fixture
def tree(tmp_path: Path) -> str:
    TokenTree.build(Dataset.from_texts([TEXT]), 3, "windows").save(tmp_path / "t.tree")
    return f"tree:{tmp_path / 't.tree'}"


@pytest.fixture
def llama(make_llama: Make, tmp_path: Path) -> Path:
    from compresslab.lm.checkpoints import save

    save(make_llama(), tmp_path / "llama")
    return tmp_path / "llama"


def test_rate_under_a_model_is_the_library_s_score(run: Run, llama: Path, text: Path) -> None:
    options = ("--window", 32, "--stride", 8, "--batch", 64, "--dtype", "float64", "--device", "cpu", "--no-eos")
    code, out, err = run("rate", text, "--model", llama, *options, "--depth", 2, "--json")
    assert (code, err) == (0, "")
    got = json.loads(out)
    model = get_model(str(llama), device="cpu", dtype="float64")
    scores = score(model, tokenize(model, [TEXT]), Windows(32, 8), eos=False)
    assert got["bits"] == pytest.approx(scores.total_bits, rel=1e-12)
    assert got["fingerprint"] == scores.fingerprint  # so the dtype is float64
    assert [got[key] for key in ("window", "stride", "eos", "bytes", "tree_depth")] == [32, 8, False, len(TEXT), 2]
    assert got["files"] == [{key: value for key, value in got.items() if key not in ("files", "read")}]
    more = json.loads(
        run("rate", text, "--model", llama, "--device", "cpu", "--stride", 16, "--split", "line", "--json")[1]
    )
    assert (more["window"], more["stride"], more["responses"], more["eos"]) == (64, 16, 6, True)


def test_a_scoring_that_was_stopped_goes_on_from_its_file(run: Run, tree: str, text: Path, tmp_path: Path) -> None:
    journal = tmp_path / "scores"
    options = ("--model", tree, "--window", 16, "--resume", journal, "--json")
    whole = json.loads(run("rate", text, *options)[1])
    size = (journal.stat().st_size - 64) // 12
    nats = np.memmap(journal, "<f8", "r+", offset=64, shape=(size,))
    checks = np.memmap(journal, "<u4", "r+", offset=64 + 8 * size, shape=(size,))
    assert nats.sum() / np.log(2) == pytest.approx(whole["bits"])
    kept = Journal(nats, checks)
    kept.write(5, nats[5:9] + 1.0)  # what is in the file is taken as it is, so a second run must show it
    again = json.loads(run("rate", text, *options)[1])
    assert again["bits"] == pytest.approx(whole["bits"] + 4 / np.log(2))
    nats[20] += 1.0  # but not what its check does not fit: that is scored again, with what it is scored beside
    assert json.loads(run("rate", text, *options)[1])["bits"] < again["bits"] + 0.1
    code, _, err = run("rate", text, "--model", tree, "--window", 8, "--resume", journal)
    assert code == 1
    assert "is of another model, dataset or setting: delete it, or name another file" in err
    several = run("rate", text, text, "--model", tree, "--resume", tmp_path / "many", "--json")
    assert several[0] == 0
    assert sorted(path.name for path in tmp_path.glob("many*")) == ["many.1", "many.2"]


def test_compress_takes_its_settings_and_decompress_finds_them_in_the_file(run: Run, tree: str, text: Path) -> None:
    coded, out = text.with_name("a.clz"), text.with_name("again.txt")
    options = ("--model", tree, "--streams", 3, "--segment", 50, "--chunk-size", 100)
    code, said, err = run("compress", text, "--out", coded, *options, "--json")
    assert (code, err) == (0, "")
    got = json.loads(said)
    assert got["file_bits"] == 8 * coded.stat().st_size
    info = file_info(coded)
    assert (info.chunk_size, info.settings["streams"], info.settings["segment"]) == (100, 3, 50)
    assert run("decompress", coded, "--out", out, "--model", tree)[0] == 0
    assert out.read_bytes() == TEXT
    assert run("verify", coded, "--model", tree)[1].endswith("whole\n")
    for command in ("verify", "decompress"):  # a file does not choose what is loaded from here
        code, said, err = run(command, coded, *(("--out", out, "--force") if command == "decompress" else ()))
        assert (code, said, err.count("\n")) == (1, "", 1)
        assert "which compresslab does not bring" in err
        assert "name it with --model" in err
    # The tree was moved: its content is what it was.
    Path(tree.removeprefix("tree:")).rename(text.with_name("moved.tree"))
    moved = f"tree:{text.with_name('moved.tree')}"
    assert run("verify", coded, "--model", moved)[0] == 0
    assert run("decompress", coded, "--out", out, "--force", "--model", moved)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rate", "--window", 8), "--window: only for language models, add --model or leave it out"),
        (("rate", "--stride", 8, "--resume", "x"), "--stride and --resume: only for language models"),
        (("rate", "--model", "TREE", "--tokenizer", "bits"), "--tokenizer: of no use with --model, leave it out"),
        (("rate", "--model", "TREE", "--no-code"), "--code: of no use with --model"),
        (
            ("rate", "--model", "TREE", "--stride", 9, "--window", 8),
            "a window's stride is 9: it must be a whole number",
        ),
        (("rate", "--model", "TREE", "--dtype", "float32"), "has no setting 'dtype': known are smoothing"),
        (("rate", "--model", "./nothing"), "unknown model './nothing': there is no such folder; give that of"),
        (("rate", "--model", "some/one"), "or hf:some/one for a model of the local Hugging Face cache"),
        (("compress", "--streams", 4), "--streams: only for language models"),
        (("compress", "--model", "TREE", "--workers", 2), "--workers: of no use with --model"),
    ],
)
def test_an_impossible_call_is_refused_in_one_line(
    run: Run, tree: str, text: Path, arguments: tuple[object, ...], message: str
) -> None:
    command, *rest = (tree if word == "TREE" else word for word in arguments)
    code, out, err = run(command, text, *rest)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert message in err


def test_a_model_is_left_out_for_files_of_the_embedded_one(run: Run, text: Path, tree: str) -> None:
    assert run("compress", text)[0] == 0
    code, _, err = run("decompress", f"{text}.clz", "--out", text.with_name("b"), "--model", tree)
    assert code == 1
    assert "was written with the embedded model: leave --model out" in err


def test_the_report_of_a_rate_holds_the_numbers_of_the_table(run: Run, tree: str, text: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="reports need the extra 'report'")
    pytest.importorskip("jinja2", reason="reports need the extra 'report'")
    options = ("--model", tree, "--report", tmp_path / "page", "--json")
    code, out, err = run("rate", text, *options)
    assert code == 0
    assert err == f"Report: {tmp_path / 'page' / 'report.html'}\n"
    got = json.loads(out)
    page = (tmp_path / "page" / "report.html").read_text()
    plain = re.sub(r"<[^>]*>", " ", page).replace("\u00a0", " ")
    assert f"takes {got['bits_per_byte']:.3f} bits per byte" in plain
    assert f"{got['general_bits_per_byte']['xz -9e']:.4f}" in plain
    assert got["fingerprint"][:16] in plain
    assert (tmp_path / "page" / "figures" / "rates.svg").is_file()


def test_of_several_processes_the_first_one_speaks(
    run: Run, tree: str, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one scores its share and keeps silent; real processes are in test_jobs."""
    monkeypatch.setattr("compresslab.lm.distributed.processes", lambda: (1, 2))
    monkeypatch.setattr("compresslab.lm.distributed.sum_over_processes", lambda x: x)
    assert run("rate", text, "--model", tree, "--window", 16) == (0, "", "")
