"""Small models over bare numbers, and data for them: what the tests of the probe share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

from compresslab.data.dataset import Dataset
from compresslab.lm.curriculum import Source, make_curriculum
from compresslab.lm.hugging_face import HuggingFaceModel

SIZE = 12  # tokens; the last one is EOS and prefix
EOS = SIZE - 1


class GruConfig(PretrainedConfig):
    model_type = "small_gru"


class GruModel(PreTrainedModel):
    """A GRU, written out: its gates are plain sigmoids and products."""

    config_class = GruConfig

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        d, v = config.hidden_size, config.vocab_size
        self.embed_tokens = torch.nn.Embedding(v, d)
        self.enter, self.keep = torch.nn.Linear(d, 3 * d), torch.nn.Linear(d, 3 * d)
        self.lm_head = torch.nn.Linear(d, v)
        self.post_init()

    def _init_weights(self, module: Any) -> None:
        return  # as torch draws them

    def forward(self, input_ids: Any, use_cache: bool = False, **_: Any) -> Any:
        entered = self.enter(self.embed_tokens(input_ids))
        state = torch.zeros_like(entered[:, 0, : self.config.hidden_size])
        states = []
        for step in entered.unbind(1):
            r, z, n = step.chunk(3, -1)
            sr, sz, sn = self.keep(state).chunk(3, -1)
            gate = torch.sigmoid(z + sz)
            state = (1 - gate) * torch.tanh(n + torch.sigmoid(r + sr) * sn) + gate * state
            states.append(state)
        return CausalLMOutput(logits=self.lm_head(torch.stack(states, 1)))


def wrapped(module: Any, name: str) -> HuggingFaceModel:
    return HuggingFaceModel(module, None, name=name, eos_id=EOS, prefix_id=EOS)


def small_gru(seed: int = 0, size: int = 48, double: bool = False) -> HuggingFaceModel:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = GruModel(GruConfig(vocab_size=SIZE, hidden_size=size, eos_token_id=EOS))
    return wrapped(module.double() if double else module, "gru")


def small_llama(seed: int = 0, size: int = 32, layers: int = 2, **changes: Any) -> HuggingFaceModel:
    config = LlamaConfig(
        vocab_size=SIZE, hidden_size=size, intermediate_size=2 * size, num_hidden_layers=layers,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=16, bos_token_id=EOS, eos_token_id=EOS,
        **changes,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = LlamaForCausalLM(config)
    return wrapped(module, "llama")


def wide_llama(seed: int = 0) -> HuggingFaceModel:
    """One layer of 64 units: wide for its vocabulary, as networks are that stay near their tangent."""
    return small_llama(seed, size=64, layers=1)


def words(seed: int, count: int, alphabet: Sequence[int], length: int = 4, size: int = 24) -> Dataset:
    """Responses drawn from ``size`` words over an alphabet, some likelier than others."""
    rng = np.random.default_rng(seed)
    list_of = rng.choice(alphabet, size=(size, length))
    weights = rng.dirichlet(np.ones(size))
    return Dataset.from_token_lists(list_of[rng.choice(size, count, p=weights)].tolist(), SIZE)


def train(model: HuggingFaceModel, data: Mapping[str, tuple[Dataset, float]], steps: int, rate: float) -> None:
    """Train with Adam on batches of 32 examples of a mixture."""
    seen = make_curriculum(
        {name: Source(*one) for name, one in data.items()}, length=16, examples=32 * steps, seed=0,
        eos_id=EOS, prefix_id=EOS,
    )  # fmt: skip
    adam = torch.optim.Adam(model.module.parameters(), lr=rate)
    for step in range(steps):
        ids, targets = (torch.from_numpy(a) for a in seen.padded(range(32 * step, 32 * (step + 1))))
        logits = model.module(input_ids=ids, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        adam.zero_grad()
        loss.backward()
        adam.step()
