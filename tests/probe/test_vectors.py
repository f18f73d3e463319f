"""Weights as one vector, and vectors in fewer numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compresslab.probe import flat
from compresslab.probe.flat import Layout, part_of, vectors
from compresslab.probe.sketch import Sketch

LAYOUT = Layout(("a", "b", "c"), (3, 5, 2), ("attention", "mlp", "attention"), np.float32)


def test_inner_products_of_sketches_are_unbiased_and_as_far_off_as_said() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 5000))
    y += x
    size = np.linalg.norm(x) * np.linalg.norm(y)
    off = []
    for seed in range(200):
        sketch = Sketch(5000, size=256, seed=seed)
        off.append((sketch.of(x) @ sketch.of(y) - x @ y) / size)
    error = Sketch(5000, size=256).error
    assert abs(np.mean(off)) < 4 * error / np.sqrt(200)
    assert 0.4 * error < np.std(off) <= 1.1 * error


def test_a_sketch_is_linear_and_made_piece_by_piece() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, 1000))
    for sketch in (Sketch(1000, size=64), Sketch(1000)):
        assert sketch.of(2 * x - y) == pytest.approx(2 * sketch.of(x) - sketch.of(y))
        out = np.zeros(sketch.length)
        for start in range(0, 1000, 130):
            sketch.add(out, start, x[start : start + 130])
        assert out == pytest.approx(sketch.of(x))
    assert Sketch(1000).of(x) == pytest.approx(x)
    assert Sketch(1000, size=64, seed=1).of(x) != pytest.approx(Sketch(1000, size=64).of(x))


def test_pieces_cover_every_weight_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flat, "CHUNK", 2)
    found = list(LAYOUT.pieces())
    assert [i for _, place in found for i in range(10)[place]] == list(range(10))
    assert [part for part, _ in found] == ["attention"] * 2 + ["mlp"] * 3 + ["attention"]


def test_many_vectors_are_kept_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not isinstance(vectors(3, LAYOUT, tmp_path), np.memmap)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(flat, "_IN_MEMORY", 100)
    first, second = vectors(3, LAYOUT, tmp_path), vectors(4, LAYOUT, tmp_path)
    first += 1
    assert isinstance(second, np.memmap)
    assert (second.shape, float(second.sum()), float(first.sum())) == ((4, 10), 0.0, 30.0)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("transformer.wte.weight", "embeddings"),
        ("transformer.h.0.ln_1.weight", "norms"),
        ("transformer.h.0.attn.c_proj.weight", "attention"),
        ("transformer.h.0.mlp.c_proj.weight", "mlp"),
        ("gpt_neox.layers.3.attention.query_key_value.bias", "attention"),
        ("gpt_neox.layers.3.mlp.dense_h_to_4h.bias", "mlp"),
        ("gpt_neox.layers.3.post_attention_layernorm.bias", "norms"),
        ("embed_out.weight", "head"),
        ("model.decoder.layers.0.fc1.weight", "mlp"),
        ("model.decoder.layers.0.self_attn.k_proj.weight", "attention"),
        ("lm_head.weight", "head"),
        ("something", "other"),
    ],
)
def test_the_parts_of_a_network_are_known_by_their_names(name: str, part: str) -> None:
    assert part_of(name) == part
