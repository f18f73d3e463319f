"""Networks code what they can compute twice: in which steps, in which kernels, and what is refused before the work."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from compresslab import Dataset
from compresslab.coding.clz import container
from compresslab.coding.clz.chunk_model import Encoded
from compresslab.coding.clz.container import compress_file, decompress_file, file_info, verify_file
from compresslab.coding.clz.escapes import Reason
from compresslab.coding.clz.format import Method
from compresslab.errors import InvalidDistribution, NotRepeatable
from compresslab.lm import repeatable as kernels
from compresslab.lm.chunk_coder import TokenCoder
from compresslab.lm.repeatable import WORKSPACE, WORKSPACE_VALUE, repeatable
from compresslab.lm.self_check import busy
from compresslab.lm.tree_model import TreeModel
from compresslab.measurements.model_coding import compress_with_model

if TYPE_CHECKING:
    from compresslab.lm.hugging_face import HuggingFaceModel

Make = Callable[..., "HuggingFaceModel"]
torch = pytest.importorskip("torch", reason="needs the extra 'lm'")
TEXT = b"To be, or not to be, that is the question:\n" * 8
LONG = {"max_position_embeddings": 256}
# Heads of ten numbers take no multiple of 64 bytes: with these a growing cache changes sums on many processors.
ODD = {"hidden_size": 40, "intermediate_size": 80, "num_attention_heads": 4, "num_key_value_heads": 4}


@pytest.fixture
def by_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the model code every chunk, though random weights make it larger."""
    monkeypatch.setattr(container, "encode_chunk", lambda data, model, *_: Encoded(Method.MODEL, model.compress(data)))


# ---- the cache that grows in place ----


@pytest.mark.parametrize("changes", [{}, ODD | {"attn_implementation": "eager"}], ids=str)
def test_a_cache_that_grows_in_place_holds_what_one_that_is_copied_does(
    make_llama: Make, changes: dict[str, Any]
) -> None:
    model = make_llama(**LONG, **changes)
    grown, copied = model.stepper(3), model.former_stepper(3)
    rng = np.random.default_rng(0)
    for _ in range(100):  # longer than a buffer
        tokens = rng.integers(0, 257, 3)
        np.testing.assert_allclose(grown.step(tokens), copied.step(tokens), atol=2e-5)
    assert {type(layer).__name__ for layer in grown._carried[0].layers} == {"GrowingLayer"}
    assert {type(layer).__name__ for layer in copied._carried[0].layers} == {"DynamicLayer"}
    for mine, other in zip(grown._carried[0].layers, copied._carried[0].layers, strict=True):
        torch.testing.assert_close(mine.keys, other.keys, atol=2e-5, rtol=0)
        assert mine.get_seq_length() == other.get_seq_length() == 100


def test_a_growing_cache_follows_what_is_done_to_it_from_outside(make_llama: Make) -> None:
    model = make_llama()
    grown, copied = model.stepper(2), model.former_stepper(2)
    for step in range(12):
        tokens = np.array([step, 40 + step])
        if step == 8:  # as beam search does: the two sequences change places
            for stepper in (grown, copied):
                for layer in stepper._carried[0].layers:
                    layer.reorder_cache(torch.tensor([1, 0]))
        np.testing.assert_allclose(grown.step(tokens), copied.step(tokens), atol=2e-5)


def test_probabilities_of_a_step_are_those_of_its_logarithms(make_llama: Make) -> None:
    model = make_llama()
    straight, logs = model.stepper(3), model.stepper(3)
    for step in range(5):
        tokens = np.array([step, 7, 200])
        rows = straight.probabilities(tokens)
        assert (rows.dtype, rows.shape) == (np.float32, (3, 257))
        np.testing.assert_allclose(rows, np.exp(logs.step(tokens).astype(np.float64)), rtol=2e-6)
        np.testing.assert_allclose(rows.sum(axis=1, dtype=np.float64), 1, atol=1e-6)


# ---- versions of streams ----


@pytest.mark.usefixtures("by_the_model")
@pytest.mark.parametrize("version", [2, 3])
def test_files_of_each_stream_version_decode_by_the_steps_that_they_were_coded_by(
    make_llama: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    model = make_llama(**ODD)
    (tmp_path / "a").write_bytes(TEXT)
    compress_file(tmp_path / "a", model=TokenCoder(model, 3, 40).reading(version), verify=False)
    info = file_info(tmp_path / "a.clz")
    assert (info.methods, info.stream_version) == ({"model": 1}, version)
    used: list[bool] = []
    original = type(model).former_stepper
    monkeypatch.setattr(type(model), "former_stepper", lambda self, batch: used.append(True) or original(self, batch))
    assert decompress_file(tmp_path / "a.clz", tmp_path / "b", model=TokenCoder(model, 3, 40)).read_bytes() == TEXT
    assert bool(used) == (version == 2)


def test_new_files_of_networks_are_of_the_newest_version(make_llama: Make) -> None:
    coder = TokenCoder(make_llama(), 3, 40)
    assert coder.stream_version == 3
    assert coder.reading(3) is coder
    assert coder.reading(2).stream_version == 2
    assert coder.fingerprint() == coder.reading(2).fingerprint()  # the model is the same


@pytest.mark.parametrize(("version", "wanted"), [(2, [3, 3, 2]), (3, [3, 3, 3])])
def test_all_groups_of_a_chunk_take_steps_of_one_shape(make_llama: Make, version: int, wanted: list[int]) -> None:
    coder = TokenCoder(make_llama(), 3, 5).reading(version)
    seen: list[int] = []
    original = coder._stepper
    coder._stepper = lambda batch: seen.append(batch) or original(batch)  # type: ignore[method-assign,func-returns-value]
    tokens = np.arange(38, dtype=np.uint16)
    coded = coder.encode_tokens(tokens)
    assert seen == wanted
    assert coder.decode_tokens(coded.stream, 38).tolist() == tokens.tolist()


# ---- reduced precision ----


@pytest.mark.parametrize("threads", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_reduced_precision_decodes_beside_other_work(make_llama: Make, dtype: str, threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        model = make_llama(dtype=dtype, num_hidden_layers=1, vocab_size=700)
        rng = np.random.default_rng(threads)
        TokenCoder(model, 3, 4).check()
        for streams, segment, count in ((1, 5, 5), (4, 5, 30)):
            coder = TokenCoder(model, streams, segment)
            tokens = rng.integers(0, 700, count).astype(np.uint16)
            coded = coder.encode_tokens(tokens)
            with busy(model.device, model.module.dtype):
                assert coder.decode_tokens(coded.stream, count).tolist() == tokens.tolist()
    finally:
        torch.set_num_threads(before)


class Restless:
    """A network whose last bits change from call to call, as those of a busy device may."""

    def __init__(self, model: Any, from_call: int) -> None:
        self._model, self._left = model, from_call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def stepper(self, batch: int) -> Any:
        inner, outer = self._model.stepper(batch), self

        class Stepper:
            def step(self, tokens: Any) -> Any:
                outer._left -= 1
                rows = inner.step(tokens)
                if outer._left > 0:
                    return rows
                other = rows + np.linspace(0, 1e-3, rows.shape[1], dtype=rows.dtype)
                return other - np.log(np.exp(other).sum(axis=1, keepdims=True))

        return Stepper()


def test_what_does_not_compute_the_same_twice_is_refused_before_the_work(make_llama: Make, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(TEXT)
    coder = TokenCoder(Restless(make_llama(dtype="bfloat16"), 4), 3, 40)  # type: ignore[arg-type]
    with pytest.raises(
        NotRepeatable, match="'llama' in bfloat16 on cpu gives other probabilities .* take dtype float32"
    ):
        compress_file(tmp_path / "a", model=coder)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_full_precision_on_a_cpu_is_not_tried_and_its_failure_is_named(make_llama: Make, tmp_path: Path) -> None:
    from compresslab.cli.compress import coded_rate_text

    (tmp_path / "a").write_bytes(TEXT)
    tree = TreeModel.of(Dataset.from_texts([TEXT]), 3, "windows", 0.01)
    coder = TokenCoder(Restless(tree, len(TEXT) // 2), 1, 400)  # type: ignore[arg-type]
    result = compress_with_model(tmp_path / "a", None, coder, compare=False)
    (found,) = result.escapes
    assert (found.reason, found.chunks, found.bytes) == (Reason.NOT_REPEATED, 1, len(TEXT))
    assert f"{len(TEXT)} bytes in 1 chunk: the encoder's own check failed" in coded_rate_text(result)
    TokenCoder(make_llama(), 3, 40).check()  # takes no step: nothing is raised, and nothing is set


def test_nothing_is_said_of_chunks_that_an_empty_file_does_not_have(tmp_path: Path) -> None:
    from compresslab.cli.compress import coded_rate_text

    (tmp_path / "a").write_bytes(b"")
    coder = TokenCoder(TreeModel.of(Dataset.from_texts([TEXT]), 3, "windows", 0.01), 1, 400)
    said = coded_rate_text(compress_with_model(tmp_path / "a", None, coder))
    assert said == f"{tmp_path / 'a.clz'}: 0 bytes in {(tmp_path / 'a.clz').stat().st_size}"


def test_probabilities_that_are_no_numbers_are_refused_before_the_work(make_llama: Make, tmp_path: Path) -> None:
    model = make_llama(dtype="float16")
    model.module.lm_head.weight.data[5] = 60000.0  # overflows
    (tmp_path / "a").write_bytes(TEXT)
    with pytest.raises(InvalidDistribution, match="must be finite"):
        compress_file(tmp_path / "a", model=TokenCoder(model, 3, 40))


# ---- settings of kernels ----


class Device:
    def __init__(self, kind: str) -> None:
        self.type = kind


def _state() -> list[Any]:
    return [get() for get, _, _ in kernels._settings()]


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(WORKSPACE, raising=False)
    yield
    os.environ.pop(WORKSPACE, None)


@pytest.mark.parametrize("fails", [False, True])
def test_kernels_are_set_for_the_block_alone(fails: bool) -> None:
    before = _state()
    torch.backends.cudnn.benchmark = True
    try:
        inside: list[Any] = []
        try:
            with repeatable(Device("xpu")):
                inside = _state()
                if fails:
                    raise ValueError
        except ValueError:
            assert fails
        assert inside == [value for _, _, value in kernels._settings()]
        assert torch.backends.cudnn.benchmark
    finally:
        torch.backends.cudnn.benchmark = False
    assert _state() == before


def test_nothing_is_set_on_a_cpu() -> None:
    before = _state()
    for device in (None, torch.device("cpu")):
        with repeatable(device):
            assert _state() == before


def test_an_operation_without_a_repeatable_kernel_is_named() -> None:
    what = "cannot code on this device: put_ does not have a deterministic .* take device cpu"
    with pytest.raises(NotRepeatable, match=what), repeatable(Device("xpu")):
        raise RuntimeError("put_ does not have a deterministic implementation, but you set ...")
    with pytest.raises(RuntimeError, match="another reason"), repeatable(Device("xpu")):
        raise RuntimeError("another reason")


@pytest.mark.usefixtures("unset")
def test_a_gpu_needs_a_fixed_workspace_that_the_process_is_given_beforehand() -> None:
    with pytest.raises(NotRepeatable, match=f"set {WORKSPACE}={WORKSPACE_VALUE}"), repeatable(Device("cuda")):
        pass
    kernels.prepare_process()
    assert os.environ[WORKSPACE] == WORKSPACE_VALUE
    os.environ[WORKSPACE] = ":16:8"  # what a user chose stays
    kernels.prepare_process()
    assert os.environ[WORKSPACE] == ":16:8"


@pytest.mark.usefixtures("unset")
def test_a_workspace_is_no_fact_of_a_cpu(make_llama: Make) -> None:
    from compresslab.lm.machine import machine_of

    kernels.prepare_process()
    assert WORKSPACE not in machine_of(make_llama())


@pytest.fixture
def newer_precision() -> Iterator[None]:
    """Set how products are rounded by the newer of torch's two ways, which the older one then refuses to read."""
    kinds = {torch.backends.mkldnn.matmul: "bf16", torch.backends.cuda.matmul: "tf32"}
    if not all(hasattr(one, "fp32_precision") for one in kinds):
        pytest.skip("needs a torch with both ways")
    before = {one: one.fp32_precision for one in kinds}
    for one, value in kinds.items():
        one.fp32_precision = value
    yield
    for one, value in before.items():
        one.fp32_precision = value


@pytest.mark.usefixtures("newer_precision", "by_the_model")
def test_a_precision_that_was_set_for_each_backend_is_a_fact_of_the_file(make_llama: Make, tmp_path: Path) -> None:
    from compresslab.lm.machine import machine_of

    model = make_llama()
    assert machine_of(model)["precision"] == "mkldnn, cuda: bf16, tf32"
    (tmp_path / "a").write_bytes(TEXT)
    compress_file(tmp_path / "a", model=TokenCoder(model, 3, 40), verify=False)
    assert decompress_file(tmp_path / "a.clz", tmp_path / "b", model=TokenCoder(model, 3, 40)).read_bytes() == TEXT


@pytest.mark.usefixtures("newer_precision")
def test_a_precision_of_a_gpu_that_was_set_in_two_ways_is_named() -> None:
    two_ways = "was set in two ways .* leave fp32_precision of torch.backends"
    with pytest.raises(NotRepeatable, match=two_ways), repeatable(Device("xpu")):
        pass


# ---- a GPU ----


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.usefixtures("by_the_model")
def test_a_gpu_decodes_what_it_encoded_beside_other_work(make_llama: Make, tmp_path: Path, dtype: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    kernels.prepare_process()
    model = make_llama(dtype=dtype, device="cuda", hidden_size=256, num_hidden_layers=4)
    (tmp_path / "a").write_bytes(TEXT * 8)
    coder = TokenCoder(model, 16, 60)
    compress_file(tmp_path / "a", model=coder, verify=False)
    with busy(model.device, model.module.dtype):
        verify_file(tmp_path / "a.clz", model=coder)
