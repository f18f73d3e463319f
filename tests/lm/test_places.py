"""Places: what is predicted comes out the same, whether or not the output layer is called apart, and piece by piece."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'lm'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'lm'")

from compresslab.lm import places  # noqa: E402
from compresslab.lm.hugging_face import HuggingFaceModel  # noqa: E402
from compresslab.lm.places import head_apart, nats_at, pieces, places_of  # noqa: E402

SMALL = {
    "vocab_size": 40, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2,
    "num_key_value_heads": 2, "max_position_embeddings": 32, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
GPT2 = {"vocab_size": 40, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 32, "bos_token_id": 1,
        "eos_token_id": 2}  # fmt: skip

# Architectures whose logits are what the output layer returns, and those that do something before or after it.
APART = {"Llama": SMALL, "GPT2": GPT2, "Qwen2": SMALL}
TOGETHER = {
    "Gemma2": {**SMALL, "head_dim": 8, "final_logit_softcapping": 5.0},
    "Cohere": {**SMALL, "logit_scale": 0.25},
    "Granite": {**SMALL, "logits_scaling": 4.0},
}


def made(kind: str) -> Any:
    settings = APART.get(kind) or TOGETHER[kind]
    torch.manual_seed(1)
    name = {"GPT2": "GPT2LMHeadModel"}.get(kind, f"{kind}ForCausalLM")
    return getattr(transformers, name)(getattr(transformers, f"{kind}Config")(**settings)).eval()


IDS = np.random.default_rng(0).integers(0, 40, (3, 9))
TARGETS = np.random.default_rng(1).integers(0, 40, (3, 9))


@pytest.mark.parametrize("kind", [*APART, *TOGETHER])
def test_nats_are_those_of_the_whole_table(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = made(kind)
    apart = head_apart(module)
    assert (apart is not None) == (kind in APART)
    with torch.inference_mode():
        table = torch.log_softmax(module(input_ids=torch.from_numpy(IDS)).logits.double(), dim=-1)
    wanted = -table.gather(2, torch.from_numpy(TARGETS)[..., None])[..., 0].numpy()
    monkeypatch.setitem(places._PIECE, "cpu", 40 * 4)  # four places at a time
    found = HuggingFaceModel(module, None).token_nats(IDS, TARGETS)
    assert found == pytest.approx(wanted, rel=1e-5)


def test_places_that_do_not_count_are_left_out() -> None:
    module, counted = made("Llama"), torch.from_numpy(np.arange(27).reshape(3, 9) % 4 == 1)
    with torch.inference_mode():
        ids, targets = torch.from_numpy(IDS), torch.from_numpy(TARGETS)
        every = nats_at(places_of(module, head_apart(module), ids), targets.flatten()).view(3, 9)
        some = [places_of(module, apart, ids, counted) for apart in (head_apart(module), None)]
        for one in some:
            assert torch.allclose(nats_at(one, targets[counted]), every[counted], rtol=1e-5)
        assert nats_at(places_of(module, None, ids, counted & False), targets[:0, 0]).shape == (0,)
    assert some[0].states.shape == (int(counted.sum()), 16)
    assert some[1].states.shape == (int(counted.sum()), 40)


def test_pieces_cover_the_places_once() -> None:
    module = made("GPT2")
    with torch.inference_mode():
        held = places_of(module, head_apart(module), torch.from_numpy(IDS))
        assert all(held.logits(part).shape[0] <= 5 for part in pieces(held, most=40 * 5))
    covered = [i for part in pieces(held, most=40 * 5) for i in range(27)[part]]
    assert covered == list(range(27))
    assert len(list(pieces(held, most=1))) == 27  # a single place, however large the vocabulary


def test_no_hook_is_left_behind() -> None:
    module = made("Llama")
    head_apart(module)
    assert not any(one._forward_hooks for one in module.modules())


@pytest.mark.parametrize("kind", ["Llama", "Gemma2"])
def test_the_table_of_all_logits_is_not_made_where_the_head_is_apart(kind: str) -> None:
    model = HuggingFaceModel(made(kind), None)
    model.token_nats(IDS[:1, :2], TARGETS[:1, :2])  # it is looked at once
    calls: list[int] = []
    hook = model.module.register_forward_hook(lambda *_: calls.append(1))
    model.token_nats(IDS, TARGETS)
    hook.remove()
    assert len(calls) == (0 if kind in APART else 1)


def test_a_model_that_is_not_on_a_gpu_keeps_its_batches() -> None:
    model = HuggingFaceModel(made("Llama"), None)
    assert model.scoring_tokens == model.batch_tokens


def test_batches_on_a_gpu_go_by_the_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    from compresslab.lm import hugging_face

    model = HuggingFaceModel(made("Llama"), None)
    sizes = []
    for free in (1 << 20, 1 << 30, 1 << 36):
        monkeypatch.setattr(hugging_face, "free_bytes", lambda device, free=free: free)
        sizes.append(model.scoring_tokens)
    assert sizes == [model.batch_tokens, 65536, 65536]


def test_a_subclass_that_counts_otherwise_is_asked() -> None:
    from compresslab.lm.protocol import begin_token_nats

    class Doubled(HuggingFaceModel):
        def token_nats(self, ids: Any, targets: Any) -> Any:
            return 2 * super().token_nats(ids, targets)

    module = made("Llama")
    one, two = HuggingFaceModel(module, None), Doubled(module, None)
    assert np.array_equal(begin_token_nats(two, IDS, TARGETS)(), 2 * begin_token_nats(one, IDS, TARGETS)())


def test_a_copy_with_another_module_is_scored_by_that_module() -> None:
    model = HuggingFaceModel(made("Llama"), None)
    before = model.token_nats(IDS, TARGETS)
    other = copy.copy(model)
    other.module = copy.deepcopy(model.module)
    with torch.no_grad():
        other.module.lm_head.weight.mul_(3.0)
    wanted = HuggingFaceModel(other.module, None).token_nats(IDS, TARGETS)
    assert np.array_equal(other.token_nats(IDS, TARGETS), wanted)
    assert not np.allclose(wanted, before)
    assert np.array_equal(model.token_nats(IDS, TARGETS), before)
