"""Trackers are sent what transformers' Trainer sends them, by its own callbacks."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from compresslab.errors import InvalidParameter, UnknownName
from compresslab.lm.scoring import tokenize
from compresslab.lm.trackers import check_trackers, track

pytest.importorskip("torch", reason="needs the extra 'lm'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'lm'")

if TYPE_CHECKING:
    from compresslab.lm.hugging_face import HuggingFaceModel

Sent = list[tuple[str, int, dict[str, Any]]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What the tracker "recorder" is sent: what is called, at which step, with which values."""
    from transformers.integrations import integration_utils

    found: Sent = []

    class Recorder(transformers.TrainerCallback):  # type: ignore[misc, name-defined]
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            found.append(("begin", state.global_step, {"run": args.run_name, "folder": args.output_dir}))

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            found.append(("log", state.global_step, dict(logs)))

        def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            found.append(("end", state.global_step, {}))

    monkeypatch.setitem(integration_utils.INTEGRATION_TO_CALLBACK, "recorder", Recorder)
    return found


def test_rows_reach_a_tracker_in_the_order_of_their_steps(sent: Sent, tmp_path: Path) -> None:
    track(["recorder"], [(4, {"a/nats": 0.5}), (16, {"a/nats": 0.25})], tmp_path, "a run")
    assert sent == [
        ("begin", 0, {"run": "a run", "folder": str(tmp_path)}),
        ("log", 4, {"a/nats": 0.5}),
        ("log", 16, {"a/nats": 0.25}),
        ("end", 16, {}),
    ]


def test_a_tracker_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers.integrations import integration_utils

    class Offline(transformers.TrainerCallback):  # type: ignore[misc, name-defined]
        def on_log(self, *_: Any, **__: Any) -> None:
            raise ConnectionError("no route to\nthe server")

    monkeypatch.setitem(integration_utils.INTEGRATION_TO_CALLBACK, "offline", Offline)
    with pytest.raises(InvalidParameter, match="the tracker 'offline' failed: no route to the server; what was meas"):
        track(["offline"], [(4, {"a": 0.5})], tmp_path)


@pytest.mark.slow
def test_a_training_sends_its_losses_and_is_the_same_run(
    sent: Sent, make_llama: Callable[..., HuggingFaceModel], tmp_path: Path
) -> None:
    from compresslab.lm.training import Training, train

    settings = Training(steps=3, batch=2, length=8, learning_rate=1e-3)
    one, two = make_llama(), make_llama()
    data = tokenize(one, ["to be", "or not"])
    done = train(one, data, settings, tmp_path / "a", log=["recorder"])
    assert done == train(two, data, settings, tmp_path / "b")
    logs = [(step, values) for what, step, values in sent if what == "log" and "loss" in values]
    assert [step for step, _ in logs] == [1, 2, 3]
    held = json.loads((tmp_path / "a" / "result.json").read_text())["losses_bits"]
    assert [values["loss"] / 0.6931471805599453 for _, values in logs] == pytest.approx(held)
    with pytest.raises(InvalidParameter, match="give a folder, or leave log out"):
        train(two, data, settings, log=["recorder"])


def test_trackers_that_cannot_be_used_are_named() -> None:
    with pytest.raises(UnknownName, match="unknown tracker 'tensorbord': did you mean 'tensorboard'"):
        check_trackers(["tensorbord"])
    if importlib.util.find_spec("tensorboard") is None and importlib.util.find_spec("tensorboardX") is None:
        with pytest.raises(InvalidParameter, match="the tracker 'tensorboard' cannot be used here: .*install its"):
            check_trackers(["tensorboard"])
