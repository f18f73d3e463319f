"""Training: it learns what it is shown, repeats exactly, and goes on after a kill as if nothing had happened."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from compresslab import Dataset, TokenTree, entropy_bits
from compresslab.errors import CorruptFile, InvalidParameter, MismatchedVocabulary, UnreadableFile
from compresslab.lm.scoring import score, tokenize
from tests.lm.architectures import make_model

torch = pytest.importorskip("torch", reason="needs the extra 'lm'")
pytest.importorskip("accelerate", reason="needs the extra 'lm'")
pytest.importorskip("transformers", reason="needs the extra 'lm'")

from compresslab.lm.training import Trained, Training, train  # noqa: E402

if TYPE_CHECKING:
    from compresslab.lm.hugging_face import HuggingFaceModel

Make = Callable[..., "HuggingFaceModel"]
SETTINGS = Training(steps=12, batch=4, length=16, learning_rate=1e-2, warmup=2, save_every=5, seed=3)


@pytest.fixture(scope="module")
def data(make_llama: Make) -> Dataset:
    return Dataset.from_texts(["abab", "abba", "aabb", "b"] * 30)


def weights(model: HuggingFaceModel) -> dict[str, Any]:
    return {name: tensor.clone() for name, tensor in model.module.state_dict().items()}


def small(make_llama: Make) -> HuggingFaceModel:
    return make_llama(initializer_range=0.02, hidden_size=16, num_hidden_layers=1, num_attention_heads=2)


def test_a_model_learns_the_distribution_that_it_is_shown(make_llama: Make) -> None:
    # Bytes drawn independently from a known distribution: no model can code them below its entropy.
    rng = np.random.default_rng(0)
    p = np.array([0.7, 0.2, 0.1])
    shown = Dataset.from_texts([bytes(rng.choice(np.array([97, 98, 99]), 31, p=p).tolist()) for _ in range(400)])
    model = small(make_llama)
    held_out = Dataset.from_texts([bytes(rng.choice(np.array([97, 98, 99]), 31, p=p).tolist()) for _ in range(60)])
    before = score(model, held_out).rate("symbol").value
    done = train(model, shown, Training(batch=16, length=32, learning_rate=3e-2, schedule="linear", warmup=3))
    after = score(model, held_out).rate("symbol").value
    entropy = float(-(p * np.log2(p)).sum())
    assert before > 7
    assert done.steps == 25
    assert entropy - 0.1 < after < entropy + 0.35  # EOS, one symbol in 32, is nearly free: it has its fixed place
    assert done.losses_bits[0] == pytest.approx(before, abs=0.2)
    assert done.losses_bits[-1] == pytest.approx(after, abs=0.2)
    assert done.symbols == {"data": 400 * 32}
    tree = TokenTree.build(shown, 1, "windows")
    assert entropy_bits(tree.leaves().probabilities) == pytest.approx(entropy, abs=0.25)


def test_the_loss_is_the_score(make_llama: Make) -> None:
    # With a learning rate of nearly nothing the mean loss of an epoch is the rate of the scorer, per symbol.
    model = small(make_llama)
    shown = tokenize(model, ["a" * 40, "to be", "", "or not to be"])  # cut in parts, short, empty
    rate = score(model, shown, None).nats
    one = train(model, shown, Training(batch=100, length=64, learning_rate=1e-9, schedule="constant"))
    assert one.losses_bits == (pytest.approx(rate.mean() / math.log(2), rel=1e-5),)


@pytest.mark.slow
def test_training_repeats_bit_for_bit_and_leaves_random_states_alone(make_llama: Make, data: Dataset) -> None:
    a, b, c = small(make_llama), small(make_llama), small(make_llama)
    torch.manual_seed(11)
    state, legacy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = train(a, data, SETTINGS), train(b, data, SETTINGS)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], legacy)  # noqa: NPY002
    assert first == second
    assert all(torch.equal(x, y) for x, y in zip(weights(a).values(), weights(b).values(), strict=True))
    assert first.before != first.after == a.fingerprint()
    other = train(c, data, Training(**{**vars(SETTINGS), "seed": 4}))
    assert (other.seen, other.after) != (first.seen, first.after)


def killed(model: HuggingFaceModel, data: Dataset, run: Path) -> int:
    """Train in a copy of this process that is killed after eight steps: nothing of it can clean up. Return its end."""

    def stop(done: int, total: int) -> None:
        if done == 8:
            os.kill(os.getpid(), signal.SIGKILL)

    copy = os.fork()
    if not copy:
        try:
            train(model, data, SETTINGS, run, progress=stop)
        finally:
            os._exit(1)
    return -os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that copies processes")
def test_a_killed_training_goes_on_and_ends_in_the_same_weights(
    make_llama: Make, data: Dataset, tmp_path: Path
) -> None:
    from compresslab.lm.checkpoints import load, save

    straight = small(make_llama)
    save(straight, tmp_path / "start")
    wanted = train(straight, data, SETTINGS, tmp_path / "straight")
    run = tmp_path / "run"
    assert killed(load(tmp_path / "start", device="cpu"), data, run) == signal.SIGKILL
    assert not (run / "result.json").exists()
    # A checkpoint that was being written when the power went: it must not be trusted.
    shutil.copytree(run / "checkpoint-5", run / "checkpoint-7")
    (run / "checkpoint-7" / "optimizer.pt").write_bytes(b"half")
    model = load(tmp_path / "start", device="cpu")
    done = train(model, data, SETTINGS, run)
    assert done.resumed_from == 5
    assert (done.after, done.losses_bits, done.seen) == (wanted.after, wanted.losses_bits, wanted.seen)
    assert all(torch.equal(x, y) for x, y in zip(weights(model).values(), weights(straight).values(), strict=True))
    # Once more: it is finished, so nothing is trained, and the result and the weights are the same.
    again = load(tmp_path / "start", device="cpu")
    assert train(again, data, SETTINGS, run) == done
    assert again.fingerprint() == done.after
    assert load(run / "model", device="cpu").fingerprint() == done.after
    held = np.load(run / "seen.npz")
    assert held["source"].size == 12 * 4
    assert json.loads((run / "training.json").read_text())["seen"] == done.seen


@pytest.mark.parametrize("name", ["GPT-NeoX (Pythia)", "Mixtral (MoE)"])
def test_weights_that_are_saved_under_other_names_are_gone_on_with(data: Dataset, tmp_path: Path, name: str) -> None:
    settings = Training(steps=3, batch=2, length=8, learning_rate=1e-2, save_every=2)
    whole = train(make_model(name), data, settings, tmp_path / "whole")

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(make_model(name), data, settings, tmp_path / "cut", progress=stop)
    resumed = train(make_model(name), data, settings, tmp_path / "cut")
    assert (resumed.resumed_from, resumed.losses_bits, resumed.after) == (2, whole.losses_bits, whole.after)


def test_wrong_use_is_refused(make_llama: Make, data: Dataset, tmp_path: Path) -> None:
    model = small(make_llama)
    train(model, data, Training(steps=1, batch=2, length=8), tmp_path)
    with pytest.raises(InvalidParameter, match="holds another run \\(its before differs\\): delete it"):
        train(model, data, Training(steps=1, batch=2, length=8), tmp_path)
    with pytest.raises(InvalidParameter, match="examples of 65 tokens are longer than the context of 'llama', 64"):
        train(model, data, Training(steps=1, length=65))
    with pytest.raises(MismatchedVocabulary, match="in tokens of 'bits'"):
        train(model, Dataset.from_texts(["a"], "bits"), Training(steps=1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schedule": "cosin"}, "unknown schedule 'cosin': did you mean 'cosine'"),
        ({"steps": 0}, "steps is 0: it must be a whole number, 1 or more"),
        ({"batch": 0}, "batch is 0"),
        ({"warmup": -1}, "warmup is -1: it must not be negative"),
        ({"learning_rate": 2.0}, "learning_rate is 2.0: it must lie between 0 and 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        Training(**changes)


@pytest.fixture(scope="module")
def finished(make_llama: Make, data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Trained]:
    """A folder with where a run started and with the run, and what it came to."""
    from compresslab.lm.checkpoints import save

    folder = tmp_path_factory.mktemp("finished")
    start = small(make_llama)
    save(start, folder / "start")
    return folder, train(start, data, SETTINGS, folder / "run")


@pytest.mark.parametrize(
    "damage",
    [
        "weights",
        "deep result",
        *(pytest.param(d, marks=pytest.mark.slow) for d in ("flipped", "result", "other result")),
    ],
)
def test_a_finished_run_that_is_damaged_is_made_again(
    finished: tuple[Path, Trained], data: Dataset, tmp_path: Path, damage: str
) -> None:
    from compresslab.lm.checkpoints import load

    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    done = finished[1]
    result, stored = tmp_path / "run" / "result.json", tmp_path / "run" / "model" / "model.safetensors"
    kept = stored.read_bytes()
    if damage in ("weights", "flipped"):
        stored.write_bytes(b"half" if damage == "weights" else kept[:-1] + bytes([kept[-1] ^ 1]))
    else:
        told = {"result": b"{", "deep result": b"[" * 100_000, "other result": b'{"steps": 1}'}
        result.write_bytes(told[damage])
    again = load(tmp_path / "start", device="cpu")
    remade = train(again, data, SETTINGS, tmp_path / "run")
    assert (remade.after, remade.losses_bits, remade.resumed_from) == (done.after, done.losses_bits, 12)
    assert stored.read_bytes() == kept


@pytest.mark.parametrize("content", [b"[" * 100_000, b"[]", b"{", b'{"seen": "\\udc80"}'])
def test_a_run_that_cannot_be_read_is_named(make_llama: Make, data: Dataset, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "training.json").write_bytes(content)
    with pytest.raises(CorruptFile, match="delete"):
        train(small(make_llama), data, SETTINGS, tmp_path)


def test_a_training_that_is_not_kept_leaves_nothing_in_the_shared_temporary_folder(
    make_llama: Make, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen: set[str] = set()
    train(small(make_llama), data, Training(steps=2, batch=2, length=8),
          progress=lambda *_: seen.update(path.name for path in tmp_path.iterdir()))  # fmt: skip
    assert len(seen) == 1  # one folder, of a name that nobody can foresee
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("card", [b"[" * 100_000, b"[]", b'{"eos_id": "1"}', b'{"prefix_id": -1}', b'{"tokenizer": 3}'])
def test_a_damaged_card_of_a_model_is_named(make_llama: Make, tmp_path: Path, card: bytes) -> None:
    from compresslab.lm.checkpoints import load, save

    save(small(make_llama), tmp_path / "model")
    (tmp_path / "model" / "compresslab.json").write_bytes(card)
    with pytest.raises(CorruptFile, match=r"compresslab\.json .*: save the model again"):
        load(tmp_path / "model", device="cpu")


def test_a_config_that_is_nested_too_deep_is_named(make_llama: Make, tmp_path: Path) -> None:
    from compresslab.lm.checkpoints import load, save

    save(small(make_llama), tmp_path / "model")
    (tmp_path / "model" / "config.json").write_bytes(b'{"a":' * 100_000)
    with pytest.raises(CorruptFile, match="is not a checkpoint that can be read"):
        load(tmp_path / "model", device="cpu")


def test_a_model_too_large_for_memory_says_so(
    make_llama: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import transformers

    from compresslab.lm.checkpoints import load, save

    save(small(make_llama), tmp_path / "model")
    for error in (MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 1000 bytes")):
        monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", _raising(error))
        with pytest.raises(UnreadableFile, match=r"cannot read '.*model': it does not fit into memory"):
            load(tmp_path / "model", device="cpu")


def _raising(error: Exception) -> Any:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail
