"""The small model: trained on what Python itself holds, kept, and measured on what it has not seen."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from compresslab.coding.clz import container
from compresslab.coding.clz.chunk_model import Encoded
from compresslab.coding.clz.format import Method
from compresslab.lm.chunk_coder import TokenCoder
from compresslab.measurements.demo import measure_tiny
from compresslab.measurements.model_coding import compress_with_model
from compresslab.testing import check_language_model

pytest.importorskip("torch", reason="needs the extra 'lm'")
pytest.importorskip("accelerate", reason="needs the extra 'lm'")
pytest.importorskip("transformers", reason="needs the extra 'lm'")

from compresslab.lm.machine import _environment
from compresslab.lm.tiny import TINY_TRAINING, TinyShape, load_tiny, make_tiny, tiny_data

if TYPE_CHECKING:
    from compresslab.lm.hugging_face import HuggingFaceModel

SHAPE = TinyShape(hidden=32, layers=1, heads=2, context=32)
TRAINING = dataclasses.replace(TINY_TRAINING, steps=60, length=32, learning_rate=2e-2, warmup=5, save_every=30)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, HuggingFaceModel, list[int]]:
    """The folder of a model, the model, and the steps of which its training told."""
    folder, steps = tmp_path_factory.mktemp("lm") / "tiny", []
    model = load_tiny(shape=SHAPE, training=TRAINING, device="cpu", folder=folder,
                      progress=lambda done, total: steps.append(done))  # fmt: skip
    return folder, model, steps


def test_the_small_model_is_trained_once_kept_and_learns(trained: tuple[Path, HuggingFaceModel, list[int]]) -> None:
    folder, model, steps = trained
    settings: dict[str, Any] = {"shape": SHAPE, "training": TRAINING, "device": "cpu", "folder": folder}
    assert steps == list(range(1, 61))
    again = load_tiny(**settings, progress=lambda done, total: steps.append(done))
    assert again.fingerprint() == model.fingerprint()
    assert len(steps) == 60
    assert (model.name, model.context, model.eos_id, model.prefix_id) == ("tiny", 32, 256, 256)
    check_language_model(again)
    # A damaged model is made again, from its finished run's record or anew, and is the same.
    stored = folder / "model" / "model.safetensors"
    kept = stored.read_bytes()
    for damaged in (b"half", kept[:-1] + bytes([kept[-1] ^ 1])):
        stored.write_bytes(damaged)
        assert load_tiny(**settings).fingerprint() == model.fingerprint()
        assert stored.read_bytes() == kept


@pytest.mark.slow  # it counts all of the corpora, as the demo does
def test_what_was_learnt_shows_on_held_out_text(trained: tuple[Path, HuggingFaceModel, list[int]]) -> None:
    _, model, _ = trained
    rows = measure_tiny(model, sample=600)
    fresh = measure_tiny(make_tiny(SHAPE, device="cpu"), sample=600)
    assert [row.model.name for row in rows] == ["prose", "code", "names"]
    for row, blank in zip(rows, fresh, strict=True):
        assert row.model.bits_per_byte is not None
        assert blank.model.bits_per_byte == pytest.approx(8, abs=0.2)  # it knows nothing: log2 257 bits a byte
        assert row.model.bits_per_byte < 6.5
        assert row.trained_tree_bits_per_byte < 4.5  # order 3, from all of the training data
        assert row.model.bytes == 600


def test_twenty_kilobytes_take_the_bits_of_their_score_and_hardly_more(
    trained: tuple[Path, HuggingFaceModel, list[int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most 0.5 % and 100 bytes above the score in one pass: headers, checksums, index and stream ends included."""
    _, model, _ = trained
    # After 60 steps LZMA is still better; take the model all the same.
    monkeypatch.setattr(container, "encode_chunk", lambda data, model, *_: Encoded(Method.MODEL, model.compress(data)))
    source = tmp_path / "prose.txt"
    source.write_bytes(b"\n".join(tiny_data()["prose"][1].texts())[:20_000])
    result = compress_with_model(source, None, TokenCoder(model, streams=64), verify=False)
    assert result.info.methods == {"model": 1}
    assert result.tokens == 20_000
    assert result.scored_bits is not None
    assert result.float_path_bits == pytest.approx(0, abs=2)
    assert result.scored_bits < result.file_bits <= 1.005 * result.scored_bits + 8 * 100
    variables = len(json.dumps(_environment())) - 2  # that decide floats and are set here: the header names them
    assert result.file_bits - result.stream_bits <= 8 * (120 + variables)
    again = container.decompress_file(f"{source}.clz", tmp_path / "again", model=TokenCoder(model, streams=64))
    assert again.read_bytes() == source.read_bytes()


def test_held_out_documents_are_not_shown() -> None:
    for name, (shown, held_out) in tiny_data().items():
        seen = set(shown.texts())
        assert not [text for text in held_out.texts() if text in seen and len(text) > 200], name
        share = len(held_out) / (len(held_out) + len(shown))
        assert share == pytest.approx(0.05, abs=0.01)
        assert np.diff(shown.offsets).sum() > 5e5
