"""A GGUF file is the model that it was written from: its weights, and its tokens alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from compresslab.lm.chunk_coder import TokenCoder
from compresslab.lm.registry import get_model
from compresslab.lm.scoring import score, tokenize
from tests.lm.tokenizer_zoo import NAMED, TEXTS, saved_model

pytest.importorskip("torch", reason="needs the extra 'lm'")
gguf = pytest.importorskip("gguf", reason="needs the extra 'lm'")


def written(folder: Path, target: Path) -> Path:
    """Write a small Llama and its byte-level BPE as llama.cpp's converter does."""
    module = get_model(str(folder), device="cpu").module  # type: ignore[attr-defined]
    config, file = module.config, gguf.GGUFWriter(str(target), "llama")
    heads, groups = config.num_attention_heads, config.num_key_value_heads
    file.add_context_length(config.max_position_embeddings)
    file.add_embedding_length(config.hidden_size)
    file.add_block_count(config.num_hidden_layers)
    file.add_feed_forward_length(config.intermediate_size)
    file.add_head_count(heads)
    file.add_head_count_kv(groups)
    file.add_layer_norm_rms_eps(config.rms_norm_eps)
    file.add_rope_freq_base(10000.0)
    file.add_vocab_size(config.vocab_size)
    definition = json.loads((folder / "tokenizer.json").read_text())["model"]
    tokens = sorted(definition["vocab"], key=definition["vocab"].get)
    assert len(tokens) == config.vocab_size
    file.add_tokenizer_model("gpt2")
    file.add_tokenizer_pre("default")
    file.add_token_list(tokens)
    file.add_token_merges([" ".join(pair) for pair in definition["merges"]])
    file.add_token_types([3 if i < 3 else 1 for i in range(len(tokens))])  # the first three are control tokens
    file.add_bos_token_id(1)
    file.add_eos_token_id(0)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, tensor in module.state_dict().items():
        values = tensor.numpy()
        if "q_proj" in name or "k_proj" in name:  # its rotary embedding takes numbers that stand beside each other
            count = heads if "q_proj" in name else groups
            apart = values.reshape(count, 2, values.shape[0] // count // 2, values.shape[1])
            values = apart.swapaxes(1, 2).reshape(values.shape)
        file.add_tensor(names.get_name(name, try_suffixes=(".weight",)), np.ascontiguousarray(values))
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
    return target


def test_a_gguf_file_scores_as_the_folder_that_it_was_written_from(tmp_path: Path) -> None:
    """transformers gives its tokenizer one token more than the model has logits: it is left out."""
    folder = saved_model(tmp_path / "folder", "byte_bpe", **NAMED)
    model, again = (get_model(str(one), device="cpu") for one in (folder, written(folder, tmp_path / "model.gguf")))
    assert (again.eos_id, again.prefix_id, again.vocab_size) == (model.eos_id, model.prefix_id, model.vocab_size)
    for text in TEXTS[:3]:
        assert again.encode(text.encode()).tolist() == model.encode(text.encode()).tolist()
    assert score(again, tokenize(again, TEXTS)).total_bits == pytest.approx(
        score(model, tokenize(model, TEXTS)).total_bits, rel=1e-6
    )
    text = TEXTS[0].encode()
    coder = TokenCoder(again, 2, 16)
    assert coder.decompress(coder.compress(text), len(text)) == text
