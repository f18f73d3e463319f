"""A model is its content, wherever it lies; a machine is what it computes; neither a name nor a file loads anything."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from compresslab import Dataset
from compresslab.coding.clz import container
from compresslab.coding.clz.chunk_model import Encoded
from compresslab.coding.clz.container import compress_file, decompress_file, file_info, verify_file
from compresslab.coding.clz.format import Method, pack_header
from compresslab.coding.clz.recovery import recover_file
from compresslab.data.tokenizers import ByteTokenizer, WordTokenizer, tokenizer_fingerprint
from compresslab.errors import CorruptFile, InvalidParameter, UnreadableFile, WrongModel
from compresslab.lm import machine
from compresslab.lm.chunk_coder import TokenCoder
from compresslab.lm.registry import built_in_models
from compresslab.lm.tree_model import TreeModel
from compresslab.measurements.model_coding import model_coder, model_of_file

if TYPE_CHECKING:
    from compresslab.lm.hugging_face import HuggingFaceModel

Make = Callable[..., "HuggingFaceModel"]
Run = Callable[..., tuple[int, str, str]]
TEXT = b"To be, or not to be, that is the question:\n" * 8
OTHERS = "the file is whole; this machine computes other probabilities than the one that wrote it"


@pytest.fixture
def by_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the model code every chunk, though random weights make it larger."""
    monkeypatch.setattr(container, "encode_chunk", lambda data, model, *_: Encoded(Method.MODEL, model.compress(data)))


@pytest.fixture
def checkpoint(make_llama: Make, tmp_path: Path) -> Path:
    """A folder with a tokenizer of its own."""
    tokenizers = pytest.importorskip("tokenizers", reason="needs the extra 'lm'")
    from tokenizers import decoders, models, pre_tokenizers, trainers

    made = tokenizers.Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator([TEXT.decode()], trainers.BpeTrainer(vocab_size=270, initial_alphabet=alphabet))
    folder = tmp_path / "m"
    module = make_llama(vocab_size=280, bos_token_id=None, eos_token_id=279, bare=True).module
    module.save_pretrained(str(folder))
    made.save(str(folder / "tokenizer.json"))
    return folder


@pytest.mark.slow
@pytest.mark.usefixtures("by_the_model")
def test_the_same_folder_by_any_path_is_the_same_model(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_bytes(TEXT)
    (tmp_path / "inside").mkdir()
    compress_file("a", model=model_coder("hf:m", streams=3, segment=40, device="cpu"), verify=False)
    assert file_info("a.clz").methods == {"model": 1}
    shutil.copytree(checkpoint, tmp_path / "inside" / "copy")
    for name in ("hf:m", "hf:./m", "hf:inside/../m", str(checkpoint), "hf:inside/copy"):
        model = model_of_file("a.clz", name, device="cpu")
        assert decompress_file("a.clz", "b", model=model).read_bytes() == TEXT
    (tmp_path / "inside" / "copy" / "tokenizer.json").write_text(
        (checkpoint / "tokenizer.json").read_text().replace('"add_prefix_space":false', '"add_prefix_space":true')
        .replace('"add_prefix_space": false', '"add_prefix_space": true')
    )  # fmt: skip
    with pytest.raises(WrongModel, match="this differs: tokenizer; give the same model"):
        verify_file("a.clz", model=model_of_file("a.clz", "hf:inside/copy", device="cpu"))


def test_a_file_of_version_2_is_read_by_any_path_too(checkpoint: Path, tmp_path: Path) -> None:
    from compresslab.coding.clz.header import Header
    from compresslab.coding.clz.identity import Identity
    from compresslab.lm.chunk_coder import _digest

    model = model_coder(f"hf:{checkpoint}", streams=3, segment=40, device="cpu")
    machine_then = {"dtype": "float32", "processor": "x86_64 AVX512", "threads": 3, "torch": "2.11.0"}
    shape = {"streams": 3, "segment": 40}
    name = "hf:elsewhere/m"  # what the tokenizer was called where the file was written
    former = _digest([2, model.model.fingerprint(), name, shape, machine_then], 32)
    header = Header(5, 5, Identity(former), "elsewhere/m", {**shape, **machine_then}, {}, version=2)
    assert model.wrote(header)
    assert not model_coder(f"hf:{checkpoint}", streams=4, segment=40, device="cpu").wrote(header)


def test_content_and_nothing_else_makes_a_tokenizer() -> None:
    words, other = WordTokenizer.train([b"to be"]), WordTokenizer.train([b"or not"])
    assert tokenizer_fingerprint(words) == tokenizer_fingerprint(WordTokenizer.train([b"to be"]))
    assert tokenizer_fingerprint(words) != tokenizer_fingerprint(other)
    data = [Dataset.from_texts([b"to be"], tokenizer) for tokenizer in (words, other)]
    first, second = (TreeModel.of(each, 2, smoothing=0.1) for each in data)
    assert first.fingerprint() != second.fingerprint()
    assert TokenCoder(first).identity().tokenizer != TokenCoder(second).identity().tokenizer


def test_the_settings_of_a_checkpoint_that_change_nothing_are_no_part_of_it(make_llama: Make) -> None:
    model, same = make_llama(), make_llama()
    same.module.config._name_or_path = "/another/place"
    same.module.config.use_cache = False
    assert TokenCoder(model).identity() == TokenCoder(same).identity()
    other = make_llama(rope_parameters={"rope_type": "default", "rope_theta": 5e4})
    assert TokenCoder(model).identity().model != TokenCoder(other).identity().model


# ---- the machine ----


class Elsewhere(TreeModel):
    """A tree model on a machine that adds in another order: its probabilities are a little others."""

    bent = 0.01

    def stepper(self, batch: int) -> Any:
        inner, bent = super().stepper(batch), self.bent

        class Bent:
            def step(self, tokens: Any) -> Any:
                rows = inner.step(tokens) + np.linspace(0, bent, 257)
                return rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))

        return Bent()


def tree(kind: type[TreeModel] = TreeModel) -> TokenCoder:
    made = TreeModel.of(Dataset.from_texts([TEXT]), 3, "windows", 0.01)
    return TokenCoder(kind(made.tree, 0.01, ByteTokenizer()), 4, 64)


@pytest.mark.usefixtures("by_the_model")
def test_other_probabilities_are_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(TEXT)
    compress_file(tmp_path / "a", model=tree(), verify=False)
    there = tree().identity()
    monkeypatch.setattr("compresslab.lm.chunk_coder.machine_of", lambda _: {**there.machine, "simd": "another"})
    # Facts that differ alone are no reason to refuse: the probe is the same, and so is what comes out.
    assert verify_file(tmp_path / "a.clz", model=tree()).machine == dict(there.machine)
    for use in (verify_file, lambda path, model: recover_file(path, tmp_path / "b", model=model)):
        with pytest.raises(WrongModel, match=f"{OTHERS}: simd {there.machine['simd']} there, another here") as caught:
            use(tmp_path / "a.clz", model=tree(Elsewhere))
        assert "damaged" not in str(caught.value)
    # The probe is the same and the rest is not: found out by the chunk's digest, and said as well.
    monkeypatch.setattr(TokenCoder, "probe", lambda self: there.probe)
    with pytest.raises(WrongModel, match=f"chunk 0 of 1 does not decode, but {OTHERS}: simd"):
        verify_file(tmp_path / "a.clz", model=tree(Elsewhere))
    (damage,) = recover_file(tmp_path / "a.clz", tmp_path / "b", model=tree(Elsewhere)).damages
    assert OTHERS in damage.reason


def test_differences_that_no_weight_sees_are_none() -> None:
    class Nearly(Elsewhere):
        bent = 1e-15

    assert tree(Nearly).identity() == tree().identity()
    assert tree(Elsewhere).identity().probe != tree().identity().probe
    assert tree(Elsewhere).identity().model == tree().identity().model


def test_what_decides_the_floats_is_among_the_facts(make_llama: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MKL_CBWR", "ONEDNN_MAX_CPU_ISA", "DNNL_DEFAULT_FPMATH_MODE", "NPY_DISABLE_CPU_FEATURES"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("ONEDNN_VERBOSE", "1")  # says what runs, and changes nothing
    facts = machine.machine_of(make_llama())
    assert {"MKL_CBWR", "ONEDNN_MAX_CPU_ISA", "DNNL_DEFAULT_FPMATH_MODE", "NPY_DISABLE_CPU_FEATURES"} <= facts.keys()
    assert {"attention", "cpu", "device", "kernels", "mkl", "onednn", "processor", "simd", "torch"} <= facts.keys()
    assert "ONEDNN_VERBOSE" not in facts
    assert all(isinstance(value, str | int) for value in facts.values())


def test_a_processor_that_says_nothing_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_file(*_: object, **__: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", no_file)
    monkeypatch.setattr("platform.processor", lambda: "")
    assert machine.processor.__wrapped__() == "unknown"


BITS = """
import json, sys
from compresslab.measurements.model_coding import model_coder
identity = model_coder(sys.argv[1], streams=3, segment=40, device="cpu").identity()
print(json.dumps([identity.model, identity.probe, dict(identity.machine)]))
"""


@pytest.mark.slow
def test_another_code_path_of_the_libraries_shows_in_the_probe_or_changes_nothing(checkpoint: Path) -> None:
    found = []
    for setting in ({}, {"MKL_CBWR": "COMPATIBLE"}, {"ATEN_CPU_CAPABILITY": "default"}):
        done = subprocess.run(
            [sys.executable, "-c", BITS, str(checkpoint)],
            env={**os.environ, **setting}, capture_output=True, text=True, timeout=300, check=True,
        )  # fmt: skip
        found.append(json.loads(done.stdout))
    assert len({model for model, _, _ in found}) == 1
    assert [facts.get("MKL_CBWR") for _, _, facts in found] == [None, "COMPATIBLE", None]
    assert found[2][2]["kernels"] in ("DEFAULT", "NO AVX")


# ---- headers stay small, whatever they name ----

MACHINES: list[dict[str, Any]] = [
    {"cpu": "AMD 25.1 000f", "kernels": "AVX2", "simd": "X86_V3"},
    {"cpu": "Intel 6.143 7fff", "kernels": "AVX512", "simd": "AVX512_SPR"},
    {"cpu": "AMD 26.68 07ff", "kernels": "AVX512", "simd": "AVX512_ICL"},
    {"cpu": "Intel 6.85 03ef", "kernels": "AVX512", "simd": "X86_V4", "torch": "2.11.0", "onednn": "3.11.2"},
    {"cpu": "0x41 8.0xd40 7f0000", "processor": "aarch64", "mkl": "open", "kernels": "SVE256", "simd": "SVE"},
    {"torch": "2.12.1+cu128", "device": "NVIDIA H200", "cuda": "12.8", "cudnn": 91002, "transformers": "5.18.3"},
]
LIBRARIES = [
    {"compresslab": "0.1.0", "numpy": "2.4.6", "python": "3.11.7"},
    {"compresslab": "0.1.0", "numpy": "2.1.0", "python": "3.11.7"},
    {"compresslab": "0.3.2", "numpy": "2.2.1", "python": "3.13.4"},
]


@pytest.mark.parametrize("libraries", LIBRARIES)
@pytest.mark.parametrize("changes", MACHINES)
def test_headers_stay_small_whatever_the_machine_and_its_libraries(
    libraries: dict[str, str], changes: dict[str, Any]
) -> None:
    from compresslab.coding.clz.header import Header
    from compresslab.coding.clz.identity import Identity

    facts = {
        "attention": "sdpa", "cpu": "AMD 25.1 000f", "device": "cpu", "kernels": "AVX2", "mkl": "2024.2",
        "onednn": "3.12.0", "processor": "x86_64", "simd": "X86_V3", "torch": "2.13.0+cpu", "transformers": "5.24.0",
    } | changes  # fmt: skip
    identity = Identity("cb40bd1bfe9cb2a5", "d72b15d3", "", "df45c460", facts)
    settings = {"dtype": "float32", "segment": 512, "streams": 16, "threads": 2}
    header = pack_header(Header(20_000, 1 << 18, identity, "smollm2", settings, libraries))
    assert len(header) <= 85  # a file of one chunk has 60 bytes more


@pytest.mark.parametrize(("numpy", "transformers"), [("2.4.6", "5.24.0"), ("2.1.0", "5.18.0"), ("2.5.5", "5.24.0")])
@pytest.mark.parametrize("changes", MACHINES[:3])
def test_headers_are_within_the_bound_of_small_files_with_any_versions_that_are_tested(
    numpy: str, transformers: str, changes: dict[str, Any]
) -> None:
    """With 60 bytes for chunk and trailer that is 120: what `test_twenty_kilobytes` allows in all."""
    from compresslab.coding.clz.header import Header
    from compresslab.coding.clz.identity import Identity

    facts = {
        "attention": "sdpa", "device": "cpu", "mkl": "2024.2", "onednn": "3.12.0", "processor": "x86_64",
        "torch": "2.13.0+cpu", "transformers": transformers, **changes,
    }  # fmt: skip
    libraries = {"compresslab": "0.1.0", "numpy": numpy, "python": "3.11.7"}
    settings = {"dtype": "float32", "segment": 32, "streams": 64, "threads": 1}
    identity = Identity("cb40bd1bfe9cb2a5", "d72b15d3", "", "df45c460", facts)
    assert len(pack_header(Header(20_000, 1 << 24, identity, "tiny", settings, libraries))) <= 60


def test_the_version_of_steps_and_a_gpu_s_precision_stay_within_the_size_of_a_header() -> None:
    from compresslab.coding.clz.header import Header
    from compresslab.coding.clz.identity import Identity

    facts = {
        "attention": "sdpa", "cpu": "Intel 6.143 7fff", "cuda": "13.0", "cudnn": 91002,
        "device": "NVIDIA H100 80GB HBM3",
        "kernels": "AVX512", "mkl": "2024.2", "onednn": "3.12.0", "processor": "x86_64", "simd": "AVX512_SPR",
        "torch": "2.13.0+cu130", "transformers": "5.24.0",
    }  # fmt: skip
    identity = Identity("cb40bd1bfe9cb2a5", "d72b15d3", "", "df45c460", facts)
    settings = {"dtype": "bfloat16", "segment": 512, "streams": 64, "threads": 2}
    sizes = [
        len(pack_header(Header(20_000, 1 << 18, identity, "smollm2", settings, LIBRARIES[0], stream_version=version)))
        for version in (2, 3)
    ]
    assert sizes[0] == sizes[1] <= 85


# ---- nothing is loaded because a file says so, and no code of a checkpoint is run ----


def test_a_header_never_loads_what_lies_on_this_machine(
    checkpoint: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert built_in_models() == ("tiny", "smollm2")
    (tmp_path / "a").write_bytes(TEXT)
    coder = model_coder(f"hf:{checkpoint}", streams=3, segment=40, device="cpu")
    compress_file(tmp_path / "a", model=coder, verify=False)
    assert file_info(tmp_path / "a.clz").model == str(checkpoint)

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("it was loaded")

    monkeypatch.setattr("compresslab.lm.checkpoints.load", forbidden)
    monkeypatch.setattr("compresslab.lm.tree_file_model.load_tree_model", forbidden)
    for arguments in (("verify",), ("decompress", "--out", tmp_path / "b"), ("info",)):
        code, out, err = run(arguments[0], tmp_path / "a.clz", *arguments[1:])
        if arguments[0] == "info":
            assert code == 0
            continue
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert "a file does not choose what is loaded here: name it with --model" in err


def test_the_code_of_a_checkpoint_never_runs_and_nobody_is_asked(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: object) -> str:
        raise AssertionError("a question was asked")

    monkeypatch.setattr("builtins.input", asked)
    mark = tmp_path / "it ran"
    (checkpoint / "evil.py").write_text(f"open({str(mark)!r}, 'w')\n")
    config = json.loads((checkpoint / "config.json").read_text())
    names = {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model", "AutoTokenizer": ["evil.T", None]}
    (checkpoint / "config.json").write_text(json.dumps({**config, "auto_map": names, "model_type": "strange"}))
    with pytest.raises(InvalidParameter, match=r"brings Python code of its own \(auto_map\), .* is never run here"):
        model_coder(str(checkpoint), device="cpu")
    (checkpoint / "tokenizer.json").unlink()
    (checkpoint / "tokenizer_config.json").write_text(json.dumps({"auto_map": names, "tokenizer_class": "T"}))
    from compresslab.data.hugging_face_tokenizer import load_hugging_face

    with pytest.raises(UnreadableFile, match="Python code of its own|that can be read"):
        load_hugging_face(str(checkpoint))
    # A kind of model that transformers has itself is read by its own code, whatever else the folder names.
    (checkpoint / "config.json").write_text(json.dumps({**config, "auto_map": names}))
    (checkpoint / "compresslab.json").write_text('{"tokenizer": "bytes"}')
    assert model_coder(str(checkpoint), device="cpu").model.vocab_size == 280
    assert not mark.exists()


KERNELS = (
    {"attn_implementation": "someone/kernel"},
    {"_attn_implementation": "kernels-community/flash-attn2:flash_attn"},
    {"attn_implementation": {"": "paged|someone/kernel@v1"}},
    {"experts_implementation": "someone/kernel"},
    {"text_config": {"_attn_implementation_internal": "someone/kernel"}},
)


@pytest.mark.parametrize("entry", KERNELS, ids=str)
def test_a_kernel_that_a_config_names_is_refused_and_nothing_is_fetched(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, entry: dict[str, Any]
) -> None:
    from transformers.integrations import hub_kernels

    def taken(*_: object, **__: object) -> Any:
        raise AssertionError("a kernel was taken")

    for name in ("get_kernel", "get_kernel_hub"):
        monkeypatch.setattr(hub_kernels, name, taken, raising=False)
    monkeypatch.setattr(hub_kernels, "is_kernels_available", lambda *_, **__: True)
    monkeypatch.setattr("socket.socket.connect", taken)
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps({**config, **entry}))
    with pytest.raises(InvalidParameter, match=r"config\.json of '.*' asks for the kernel '.*/.*', .* code from a hub"):
        model_coder(str(checkpoint), device="cpu")


def test_a_kernel_of_a_hub_cannot_be_asked_for(checkpoint: Path) -> None:
    from compresslab.lm.checkpoints import load

    with pytest.raises(InvalidParameter, match="attention='someone/kernel' asks for the kernel"):
        load(checkpoint, device="cpu", attention="someone/kernel")


def test_the_hub_cannot_be_reached_while_a_checkpoint_is_loaded(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import transformers
    from huggingface_hub import constants
    from transformers.integrations import hub_kernels

    seen: list[bool] = []

    def loads(*_: object, **__: object) -> Any:
        seen.append(constants.is_offline_mode())
        with pytest.raises(FileNotFoundError):
            hub_kernels.get_kernel("someone/kernel")
        raise OSError("enough")

    before = hub_kernels.get_kernel
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", loads)
    with pytest.raises(CorruptFile, match="enough"):
        model_coder(str(checkpoint), device="cpu")
    assert (seen, constants.is_offline_mode(), hub_kernels.get_kernel) == ([True], False, before)


def test_a_package_that_a_checkpoint_needs_is_named(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers

    def loads(*_: object, **__: object) -> Any:
        raise ImportError("this needs `pip install bitsandbytes`")

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", loads)
    with pytest.raises(InvalidParameter, match="needs a package that is not installed: .*bitsandbytes"):
        model_coder(str(checkpoint), device="cpu")


def test_the_pickle_of_a_checkpoint_never_runs(checkpoint: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    mark = tmp_path / "it ran"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return open, (str(mark), "w")

    (checkpoint / "model.safetensors").unlink()
    torch.save({"model.embed_tokens.weight": Evil()}, checkpoint / "pytorch_model.bin")
    from compresslab.errors import CompressLabError

    with pytest.raises(CompressLabError):
        model_coder(str(checkpoint), device="cpu")
    assert not mark.exists()


class Stranger:
    """A model that another release may have had: it codes chunks of capital letters, by turning them round."""

    def __init__(self, name: str, **settings: Any) -> None:
        self.name, self.held = name, settings

    def fingerprint(self) -> str:
        return "ab" * 8

    def settings(self) -> dict[str, Any]:
        return self.held

    def compress(self, data: bytes, progress: Any = None) -> bytes:
        if not data.isupper():
            raise InvalidParameter("only capital letters")
        return data[::-1][:-1]  # one less, as a chunk is coded only where that makes it smaller

    def decompress(self, coded: bytes, size: int, progress: Any = None) -> bytes:
        raise AssertionError("it is not here")


LETTERS = bytes((7 * i * i + i // 5) % 26 + 97 for i in range(40))
CUTS: dict[str, Callable[[bytes], bytes]] = {
    "whole": lambda data: data,
    "cut": lambda data: data[:-9],
    "header lost": lambda data: data[:8] + b"x" + data[9:],
}


def written_by(model: Stranger, folder: Path) -> Path:
    (folder / "a").write_bytes(LETTERS + LETTERS.upper() + LETTERS)
    return Path(compress_file(folder / "a", model=model, chunk_size=40, verify=False).path)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("option", [(), ("--model", "tiny")], ids=str)
@pytest.mark.parametrize("settings", [{"streams": 3, "segment": 9, "dtype": "float33"}, {"dtype": "float32"}], ids=str)
def test_what_was_stored_without_a_model_is_saved_though_the_model_cannot_be_set_up(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Callable[..., tuple[int, str, str]],
    cut: str,
    option: tuple[str, ...],
    settings: dict[str, Any],
) -> None:
    monkeypatch.setattr("compresslab.lm.tiny.load_tiny", lambda **_: pytest.fail("a model was loaded"))
    path = written_by(Stranger("tiny", **settings), tmp_path)
    assert file_info(path).methods == {"raw": 2, "model": 1}
    path.write_bytes(CUTS[cut](path.read_bytes()))
    code, out, err = run("decompress", path, "--recover", "--out", tmp_path / "b", *option)
    assert (code, err) == (1, "")
    assert "chunk 1, bytes 40 to 80: " in out
    assert (
        "names the dtype 'float33', which there is not" if "streams" in settings else "says nothing of streams"
    ) in out
    assert (tmp_path / "b").read_bytes() == LETTERS + bytes(40) + LETTERS


@pytest.mark.parametrize("damage", [(), ("--recover",)], ids=str)
@pytest.mark.parametrize(
    ("name", "given"), [("smollm2", "tiny"), ("tiny", "smollm2"), ("tree:t", "tiny"), ("tree:t", "smollm2")]
)
def test_a_model_that_takes_minutes_to_make_is_not_made_for_a_file_of_another(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Callable[..., tuple[int, str, str]],
    damage: tuple[str, ...],
    name: str,
    given: str,
) -> None:
    for loader in ("tiny.load_tiny", "smollm2.load_smollm2"):
        monkeypatch.setattr(f"compresslab.lm.{loader}", lambda **_: pytest.fail("a model was made"))
    settings = {"streams": 3, "segment": 9} | ({} if name.startswith("tree:") else {"dtype": "float32"})
    path = written_by(Stranger(name, **settings), tmp_path)
    if damage:
        path.write_bytes(path.read_bytes()[:-9])
    code, out, err = run("decompress", path, "--out", tmp_path / "b", "--model", given, *damage)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert f"was written with the model '{name}', not with '{given}': give the same model" in err
    assert not (tmp_path / "b").exists()


def test_the_embedded_models_files_make_no_other_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., tuple[int, str, str]]
) -> None:
    monkeypatch.setattr("compresslab.lm.tiny.load_tiny", lambda **_: pytest.fail("a model was made"))
    (tmp_path / "a").write_bytes(LETTERS * 3)
    compress_file(tmp_path / "a", chunk_size=40)
    (tmp_path / "a.clz").write_bytes((tmp_path / "a.clz").read_bytes()[:-9])
    code, _, err = run("decompress", tmp_path / "a.clz", "--recover", "--out", tmp_path / "b", "--model", "tiny")
    assert (code, err.count("\n")) == (1, 1)
    assert "was written with the embedded model: leave --model out" in err
