"""Tiny random models of many architectures, over bytes: what users bring."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compresslab.lm.hugging_face import HuggingFaceModel

VOCABULARY = 264  # 256 bytes, EOS, and seven that pad it, as models are padded to a multiple
CONTEXT = 64
COMMON = {
    "vocab_size": VOCABULARY, "bos_token_id": 256, "eos_token_id": 256, "pad_token_id": None, "hidden_size": 16,
    "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": CONTEXT,
    "initializer_range": 0.3,
}  # fmt: skip


@dataclass(frozen=True)
class Architecture:
    """How a tiny model of an architecture is made."""

    config: str
    settings: dict[str, Any] = field(default_factory=dict)


GROUPED = {"num_key_value_heads": 1, "head_dim": 8}
EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
SMALL_EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
SHARED = {"shared_expert_intermediate_size": 16}
PADDED = {"pad_token_id": 257}
ARCHITECTURES = {
    "GPT-2": Architecture("GPT2"),
    "GPT-Neo": Architecture(
        "GPTNeo", {"num_layers": 2, "num_heads": 2, "attention_types": [[["global", "local"], 1]], "window_size": 4}
    ),
    "GPT-J": Architecture("GPTJ", {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": CONTEXT, "rotary_dim": 4}),
    "GPT-NeoX (Pythia)": Architecture("GPTNeoX"),
    "OPT": Architecture("OPT", {"ffn_dim": 32, "word_embed_proj_dim": 16, "pad_token_id": 257}),
    "Bloom": Architecture("Bloom", {"n_layer": 2, "n_head": 2}),
    "Falcon": Architecture("Falcon"),
    "MPT": Architecture("Mpt", {"d_model": 16, "n_heads": 2, "n_layers": 2, "max_seq_len": CONTEXT}),
    "Phi": Architecture("Phi", {"partial_rotary_factor": 0.5}),
    "Phi-3": Architecture("Phi3", PADDED),
    "StableLM": Architecture("StableLm", {"num_key_value_heads": 2}),
    "Llama": Architecture("Llama", GROUPED),
    "Llama, tied": Architecture("Llama", GROUPED | {"tie_word_embeddings": True}),
    "Mistral (sliding window)": Architecture("Mistral", GROUPED | {"sliding_window": 4}),
    "Mixtral (MoE)": Architecture("Mixtral", GROUPED | EXPERTS),
    "Qwen2": Architecture("Qwen2", GROUPED),
    "Qwen2-MoE": Architecture("Qwen2Moe", GROUPED | SMALL_EXPERTS | SHARED),
    "Qwen3": Architecture("Qwen3", GROUPED),
    "Qwen3-MoE": Architecture("Qwen3Moe", GROUPED | SMALL_EXPERTS),
    "Qwen3-Next": Architecture(
        "Qwen3Next",
        GROUPED
        | SMALL_EXPERTS
        | SHARED
        | {
            "linear_num_value_heads": 2,
            "linear_num_key_heads": 2,
            "linear_key_head_dim": 8,
            "linear_value_head_dim": 8,
            "layer_types": ["linear_attention", "full_attention"],
        },
    ),
    "Gemma": Architecture("Gemma", GROUPED),
    "Gemma 2": Architecture("Gemma2", GROUPED | {"sliding_window": 4, "query_pre_attn_scalar": 8}),
    "Gemma 3": Architecture(
        "Gemma3Text",
        GROUPED
        | {"sliding_window": 4, "query_pre_attn_scalar": 8, "layer_types": ["sliding_attention", "full_attention"]},
    ),
    "OLMo": Architecture("Olmo"),
    "OLMo 2": Architecture("Olmo2"),
    "Granite": Architecture("Granite", GROUPED),
    "Cohere": Architecture("Cohere", GROUPED),
    "GLM": Architecture("Glm", GROUPED | PADDED),
    "SmolLM3": Architecture("SmolLM3", GROUPED | PADDED),
    "DeepSeek-V3": Architecture(
        "DeepseekV3",
        {
            "moe_intermediate_size": 16,
            "n_routed_experts": 4,
            "num_experts_per_tok": 2,
            "n_group": 1,
            "topk_group": 1,
            "kv_lora_rank": 8,
            "q_lora_rank": 8,
            "qk_rope_head_dim": 8,
            "v_head_dim": 8,
            "qk_nope_head_dim": 8,
            "first_k_dense_replace": 1,
            "num_key_value_heads": 2,
        },
    ),
    "GPT-OSS": Architecture(
        "GptOss",
        GROUPED
        | EXPERTS
        | {"sliding_window": 4, "layer_types": ["sliding_attention", "full_attention"], "rope_scaling": None},
    ),
    "Mamba": Architecture("Mamba", {"state_size": 4, "expand": 2, "time_step_rank": 4}),
    "Mamba 2": Architecture("Mamba2", {"state_size": 4, "num_heads": 4, "head_dim": 8, "n_groups": 1, "chunk_size": 8}),
    "Falcon-Mamba": Architecture("FalconMamba", {"state_size": 4, "expand": 2, "time_step_rank": 4}),
    "Jamba": Architecture(
        "Jamba",
        GROUPED
        | {
            "num_experts": 2,
            "num_experts_per_tok": 1,
            "attn_layer_period": 2,
            "attn_layer_offset": 1,
            "expert_layer_period": 2,
            "expert_layer_offset": 1,
            "mamba_d_state": 4,
            "mamba_dt_rank": 4,
            "use_mamba_kernels": False,
            "pad_token_id": 257,
        },
    ),
    "Bamba": Architecture(
        "Bamba",
        GROUPED
        | {
            "mamba_n_heads": 4,
            "mamba_d_head": 8,
            "mamba_d_state": 4,
            "mamba_chunk_size": 8,
            "attn_layer_indices": [1],
            "pad_token_id": 257,
        },
    ),
    "LFM2": Architecture("Lfm2", GROUPED | {"layer_types": ["conv", "full_attention"], "pad_token_id": 257}),
    "RecurrentGemma": Architecture(
        "RecurrentGemma",
        {
            "lru_width": 16,
            "attention_window_size": 4,
            "block_types": ["recurrent", "attention"],
            "num_key_value_heads": 1,
            "head_dim": 8,
            "pad_token_id": 257,
        },
    ),
    "RWKV": Architecture("Rwkv", {"attention_hidden_size": 16, "context_length": CONTEXT}),
}


def make_config(name: str) -> Any:
    """Return the settings of a tiny model of an architecture."""
    import transformers

    one = ARCHITECTURES[name]
    kind = getattr(transformers, f"{one.config}Config")
    renamed = getattr(kind, "attribute_map", {})
    settings = {renamed.get(key, key): value for key, value in COMMON.items()} | one.settings
    return kind(**settings)


def make_module(name: str, seed: int = 0) -> Any:
    """Return a tiny random model of transformers."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = AutoModelForCausalLM.from_config(make_config(name)).eval()
        if name == "RWKV":  # drawn so near to 0 that the layer norm behind them has no gradient to speak of
            torch.nn.init.normal_(module.rwkv.embeddings.weight, std=0.3)
        return module


def make_model(name: str, seed: int = 0, double: bool = False) -> HuggingFaceModel:
    """Return it as a model over bytes."""
    from compresslab.data.tokenizers import ByteTokenizer
    from compresslab.lm.hugging_face import HuggingFaceModel

    module = make_module(name, seed)
    return HuggingFaceModel(module.double() if double else module, ByteTokenizer(), name=name)
