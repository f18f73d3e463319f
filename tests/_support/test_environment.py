"""What a process finds around it: homes, broken packages, the terminal's library, memory, numbers out of range."""

from __future__ import annotations

import base64
import inspect
import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import compresslab
import compresslab as cl
from compresslab._support import arrays
from compresslab._support.files import expanded
from compresslab._support.progress import working
from compresslab.cli.main import _LESS
from compresslab.data.cache import cache_folder
from compresslab.data.readers import find_files, read_files
from compresslab.errors import (
    CompressLabError,
    InvalidParameter,
    OutOfMemory,
    UnknownName,
    UnreadableFile,
    WorkerKilled,
    is_out_of_memory,
)
from compresslab.lm.distributed import number_of, processes
from compresslab.theory.generators import MarkovSource
from tests.commands import every_command, options_of

Run = Callable[..., tuple[int, str, str]]
pytestmark = pytest.mark.usefixtures("compiled_byte_model")
PACKAGE = Path(compresslab.__file__).parent


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("to be or not to be\n" * 5)
    Path("b.txt").write_text("that is the question\n" * 5)
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        "rate ~nosuchuser/a", "rate a.txt --model ~nosuchuser/m", "rate a.txt --model ~nosuchuser/m.gguf",
        "rate a.txt --model tree:~nosuchuser/m", "tree a.txt --save ~nosuchuser/t", "report ~nosuchuser/d",
        "compress a.txt --out ~nosuchuser/c", "decompress ~nosuchuser/c.clz",
    ],
)  # fmt: skip
def test_a_home_of_nobody_is_a_path_that_is_not_there(run: Run, here: Path, command: str) -> None:
    code, out, err = run(*command.split())
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "nosuchuser" in err


def test_a_cache_in_a_missing_home_is_not_an_error(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    monkeypatch.setenv("COMPRESSLAB_CACHE", "~nosuchuser/cache")
    assert cache_folder() == Path("~nosuchuser/cache")
    assert expanded("~") == Path.home()
    assert cl.load_corpus("names", "line").num_responses
    assert sorted(os.listdir(here)) == ["a.txt", "b.txt"]


def test_no_path_is_expanded_in_a_way_that_may_raise() -> None:
    found = [
        path.name
        for path in PACKAGE.rglob("*.py")
        if re.search(r"\.expanduser\(\)|Path\.home", path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize("name", ["utf-8\0", "\0", "no such", "é", "base64"])
def test_an_encoding_that_is_none_is_named(here: Path, name: str) -> None:
    with pytest.raises(UnknownName, match="unknown encoding"):
        read_files("a.txt", encoding=name)


@pytest.mark.parametrize(
    "error", ["OSError", "AttributeError", "SystemError", "ImportError", "RuntimeError", "SystemExit", "BaseException"]
)
def test_a_broken_numba_leaves_the_work_to_numpy(here: Path, error: str) -> None:
    (here / "numba.py").write_text(f"import warnings\nwarnings.warn('odd')\nraise {error}('broken')\n")
    script = (
        "from compresslab import Dataset, TokenTree; from compresslab._support import jit; jit.LARGE = 1\n"
        "print(jit.available(), TokenTree.build(Dataset.from_texts(['to be', 'or not']), 2).num_leaves)"
    )
    env = {**os.environ, "PYTHONPATH": f"{here}{os.pathsep}{PACKAGE.parent}"}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False 7\n", "")


@pytest.mark.parametrize(
    "backend",
    [
        "nonsense",
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("module://matplotlib_inline.backend_inline", "TkAgg")),
    ],
)
def test_figures_need_no_backend(here: Path, backend: str) -> None:
    pytest.importorskip("matplotlib", reason="figures need matplotlib (the extra 'report')")
    script = (
        "import os; from compresslab.report.style import new_axes, save_figure, style\n"
        "with style(): figure, axes = new_axes('x', 'y')\n"
        "save_figure(figure, 'a.svg'); save_figure(figure, 'a.png'); print(os.environ['MPLBACKEND'])"
    )
    env = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), "MPLBACKEND": backend}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"{backend}\n", "")


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (MemoryError(), True),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to"),
            True,
        ),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (OSError(12, "Cannot allocate memory"), True),
        (RuntimeError("other"), False),
        (WorkerKilled("workers died of the same piece of work, as they do out of memory"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_memory_that_runs_out_is_a_named_error(error: Exception, is_it: bool) -> None:
    assert is_out_of_memory(error) is is_it
    for quiet in (True, False):
        with pytest.raises(OutOfMemory if is_it else type(error)) as caught, working("counting", quiet=quiet):
            raise error
        assert not is_it or str(caught.value).startswith("memory ran out while counting (")


@pytest.mark.parametrize(
    ("command", "place", "doing"),
    [
        ("rate a.txt", "compresslab.cli.rate.measure_rate", "measuring a.txt"),
        ("tree a.txt", "compresslab.cli.tree.TokenTree.build", "counting phrases"),
        ("rate a.txt", "compresslab.cli.reading.read_data", "reading"),
        ("compress a.txt", "compresslab.cli.compress.compress_file", "compressing a.txt"),
    ],
)
def test_a_command_without_memory_says_what_it_did_and_what_to_try(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch, command: str, place: str, doing: str
) -> None:
    def full(*_: object, **__: object) -> None:
        np.zeros(1 << 50)

    monkeypatch.setattr(place, full)
    code, out, err = run(*command.split())
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"compresslab: memory ran out while {doing} (Unable to allocate 8.00 PiB")
    assert "give less data at once, or" in err


def test_an_option_that_a_message_names_is_an_option() -> None:
    found = every_command()
    options = {name: options_of(command) for name, command in found.items()}
    known = set().union(*options.values()) | {"--debug", "--help", "--version"}
    theirs = {"--no-deps", "--latex", "--nthreads", "--nworkers"}  # pip's, the prover's own, and of dask's workers
    for path in sorted(PACKAGE.rglob("*.py")):
        for named in re.findall(r"(?<![\w-])--[a-z][a-z-]+\b", path.read_text(encoding="utf-8")):
            assert named in known | theirs, f"{path.name} names {named}"
    for command, less in _LESS.items():  # what one command says is an option of that command
        assert set(re.findall(r"--[a-z-]+", less)) <= options[command]


def test_a_remedy_names_an_option_of_its_own_command(run: Run, here: Path) -> None:
    found = every_command()
    Path("bin").write_bytes(b"\0\1\2" * 50)
    Path("u16").write_bytes("to be".encode("utf-16"))
    Path("empty").write_text("")
    Path("a.txt.clz").write_text("there")
    wrong = ["rate bin", "rate u16", "rate empty", "tree bin", "tree a.txt --eos 3", "compress a.txt",
             "decompress a.txt", "decompress a.txt.clz", "rate a.txt --window 3", "rate a.txt --model tree:bin",
             "rate a.txt --tokenizer byte", "compress a.txt --streams 3", "elasticity --pretrain a.txt",
             "rate a.txt --split x", "tree a.txt --depth 0", "tree --tokens a.txt", "rate a.txt --parse x"]  # fmt: skip
    for command in wrong:
        code, _, err = run(*command.split())
        assert code == 1, command
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", err)) <= options_of(found[command.split()[0]]), err


EXTREME = ("0", "-1", "nan", "inf", "-inf", "1e308", "1e-308", "5e-324", "1e999", "1e150", "1e100", "1e-100")


@pytest.mark.parametrize("option", ["--k", "--l", "--epsilon"])
def test_numbers_out_of_range_are_refused_by_name_and_others_have_an_answer(run: Run, here: Path, option: str) -> None:
    files = ["--pretrain", "a.txt", "--align", "b.txt", "--perturb", "a.txt"]
    for value in EXTREME:
        for shown in ([], ["--json"]):
            code, out, err = run("elasticity", *files, option, value, *shown)  # a warning is an error here
            assert err.count("\n") == code
            assert code == 0 or f"{float(value)!r}" in err
            assert code == 1 or "nan" not in out
    code, _, err = run("elasticity", *files, "--k", "1e100", "--l", "1e100")
    assert (code, err) == (0, "")


def test_whole_numbers_beyond_64_bits_raise_nothing_raw(run: Run, here: Path) -> None:
    assert run("tree", "a.txt", "--save", "T")[0] == 0
    for command in ("tree a.txt --depth", "tree a.txt --layers", "rate a.txt --model tree:T --window",
                    "rate a.txt --model tree:T --batch", "rate a.txt --model tree:T --stride",
                    "compress a.txt -f --chunk-size", "compress a.txt -f --model tree:T --segment"):  # fmt: skip
        for value in ("9223372036854775808", "-9223372036854775809"):
            code, _, err = run(*command.split(), value)
            assert code in (0, 1, 2), command
            assert code == 2 or err.count("\n") <= 1


def test_volumes_that_together_are_too_many_are_refused() -> None:
    with pytest.raises(cl.errors.InvalidVolume, match="divide all of them by one number"):
        cl.Mixture({"a": [0.5, 0.5], "b": [0.1, 0.9]}, {"a": 1.5e308, "b": 1.5e308})


def doors() -> list[tuple[str, Callable[[Any], Any], Any]]:
    """Public functions that take arrays, each with an array that it takes."""
    p = [0.8, 0.1, 0.1]
    matrix = [[0.9, 0.1], [0.5, 0.5]]
    return [
        ("entropy", cl.entropy_bits, p),
        ("Huffman code", cl.huffman_code_length_bits, p),
        ("leaves", lambda p: cl.LeafDistribution(["a", "b", "c"], p).probabilities, p),
        ("elasticity", lambda p: cl.Elasticity.contained(p, p, [0.1, 0.1, 0.8], k=10).derivatives(0.1).align, p),
        ("l", lambda x: cl.Elasticity.contained(p, p, [0.1, 0.1, 0.8], k=10).derivatives(x).align, [0.1, 0.2]),
        ("mixture", lambda p: cl.Mixture({"a": p, "b": p}, {"a": 1, "b": 2}).jacobian_nats(), p),
        ("cross-entropy", lambda p: cl.cross_entropy_bits(p, [0.1, 0.8, 0.1]), p),
        ("rows", lambda p: cl.coding.encode([0, 1], p), matrix),
        ("Markov source", lambda p: MarkovSource(p).transition, matrix),
    ]  # fmt: skip


@pytest.mark.parametrize("name", [name for name, _, _ in doors()])
def test_a_tensor_that_records_gradients_is_an_array(name: str) -> None:
    torch = pytest.importorskip("torch", reason="tensors need torch (the extra 'lm')")
    call, given = next((call, given) for known, call, given in doors() if known == name)
    want = call(np.array(given))
    for tensor in (
        torch.tensor(given, dtype=torch.float64, requires_grad=True),
        torch.nn.Parameter(torch.tensor(given, dtype=torch.float64)),
        torch.tensor(given, dtype=torch.float64).to_sparse(),
    ):
        np.testing.assert_array_equal(call(tensor), want)


def test_tensors_of_tokens_and_of_odd_types_are_arrays() -> None:
    torch = pytest.importorskip("torch", reason="tensors need torch (the extra 'lm')")
    data = cl.Dataset.from_arrays(torch.tensor([1, 2, 3]), torch.tensor([0, 1, 3]))
    assert [one.tolist() for one in data] == [[1], [2, 3]]
    assert cl.entropy_bits(torch.tensor([0.5, 0.5], dtype=torch.bfloat16)) == pytest.approx(1, rel=1e-15)
    with pytest.raises(CompressLabError, match="a tensor cannot be read as an array"):
        cl.entropy_bits(torch.empty(2, device="meta"))
    assert not [line for line in inspect.getsource(arrays).splitlines() if line.startswith("import torch")]


def test_an_error_of_a_tokenizer_names_the_tokenizer(run: Run, here: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers of Hugging Face need the extra 'lm'")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"to": 0, "be": 1}, unk_token="[UNK]"))
    made.save("words.json")
    code, out, err = run("rate", "a.txt", "--tokenizer", "hf:words.json")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "the tokenizer 'hf:words.json' fails on what it is given" in err
    assert "unknown token" in err


def test_a_panic_of_a_package_is_one_line_of_its_own_and_one_of_ours(here: Path) -> None:
    """Whatever RUST_BACKTRACE says: its hundred lines are for --debug."""
    pytest.importorskip("tokenizers", reason="tokenizers of Hugging Face need the extra 'lm'")
    table = base64.b64encode(bytes([4, 0, 0, 0, 0, 255, 255, 255])).decode()
    words = {"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"}
    normalizer = {"type": "Precompiled", "precompiled_charsmap": table}
    Path("t.json").write_text(json.dumps({"version": "1.0", "model": words, "normalizer": normalizer}))
    done = subprocess.run(
        [sys.executable, "-m", "compresslab", "rate", "a.txt", "--tokenizer", "hf:t.json", "-q"],
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent), "RUST_BACKTRACE": "1"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert "panicked at" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("compresslab: the tokenizer 'hf:t.json' fails on what it is given")
    assert done.stderr.count("\n") <= 5


def test_warnings_of_other_packages_do_not_reach_the_terminal_of_a_quiet_command(here: Path) -> None:
    script = """
import logging, sys, warnings
import compresslab.cli.main as cli
import compresslab.cli.tree as tree
def noisy(*_, **__):
    warnings.warn("of transformers", FutureWarning)
    logging.getLogger("transformers").warning("of transformers")
    import os; assert os.environ["TRANSFORMERS_VERBOSITY"] == "error"
    raise tree.InvalidParameter("the end")
tree.measure_tree = noisy
cli.main(["tree", "a.txt", *sys.argv[1:]])
"""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONWARNINGS"}
    done = subprocess.run(
        [sys.executable, "-c", script, "-q"], env={**env, "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == "compresslab: the end\n"


@pytest.mark.parametrize("suffix", [".jsonl", ".JSONL", ".Jsonl"])
def test_suffixes_count_in_upper_and_lower_case(here: Path, suffix: str) -> None:
    from compresslab.experiments.data.dialogues import read_pairs
    from compresslab.experiments.data.tuning_texts import read_source

    Path(f"x{suffix}").write_text(json.dumps({"prompt": "to", "response": "be"}) + "\n")
    assert list(read_source(f"x{suffix}")) == [b"be"]
    assert read_pairs(f"x{suffix}") == [(b"to", b"be")]
    assert [path.name for path in find_files(here, "*.jsonl")] == [f"x{suffix}"]


def test_models_and_compressed_files_in_capitals_are_found(run: Run, here: Path) -> None:
    assert run("compress", "a.txt", "--out", "c.CLZ", "-q")[0] == 0
    assert run("decompress", "c.CLZ", "-q")[0] == 0
    assert Path("c").read_bytes() == Path("a.txt").read_bytes()
    Path("S.GGUF").write_bytes(b"GGUF" + bytes(20))
    for name in ("hf:S.GGUF", "S.GGUF"):
        pytest.importorskip("transformers", reason="models of Hugging Face need the extra 'lm'")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code, _, err = run("rate", "a.txt", "--model", name)
        assert code == 1
        assert "is not a checkpoint that can be read" in err


@pytest.mark.parametrize("variable", ["WORLD_SIZE", "RANK", "LOCAL_RANK"])
@pytest.mark.parametrize("value", ["two", "1.5", " ", "1e3", "\x1b[31m"])
def test_variables_of_launchers_must_be_whole_numbers(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidParameter, match=f"^{variable} in the environment is .*, no whole number"):
        number_of(variable, 0)


@pytest.mark.parametrize("size", ["", "1", "0", "-3"])
def test_one_process_needs_no_launcher(monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    monkeypatch.setenv("WORLD_SIZE", size)
    assert processes() == (0, 1)


def test_a_number_of_processes_that_no_launcher_set(monkeypatch: pytest.MonkeyPatch) -> None:
    accelerate = pytest.importorskip("accelerate", reason="needs accelerate (the extra 'lm')")

    def alone(**_: object) -> None:
        raise ValueError("MASTER_ADDR env was not set")

    monkeypatch.setattr(accelerate, "PartialState", alone)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InvalidParameter, match="WORLD_SIZE is 2, but no launcher started these processes .* unset"):
        processes()
    monkeypatch.setenv("RANK", "x")
    with pytest.raises(InvalidParameter, match="RANK in the environment is 'x'"):
        processes()


def test_a_cache_of_models_in_a_home_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="needs huggingface_hub (the extra 'lm')")
    from compresslab.data.hugging_face_tokenizer import load_hugging_face

    for error in (RuntimeError("Could not determine home directory."), PermissionError(13, "Permission denied")):

        def fails(*_: object, told: Exception = error, **__: object) -> None:
            raise told

        monkeypatch.setattr(hub, "hf_hub_download", fails)
        with pytest.raises(UnreadableFile, match="cannot look for the tokenizer 'hf:x/y' .* set HF_HOME"):
            load_hugging_face("x/y")
