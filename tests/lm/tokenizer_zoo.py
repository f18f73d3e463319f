"""Small tokenizers of every family, made on the spot, with the models that read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TEXTS = [
    "How do I boil rice?\nTake a slow start.",
    "How do I peel corn?\nTake a slow look.",
    "caf\u00e9 au lait, na\u00efve",
] * 4
SPECIALS = ["<|end|>", "<|start|>", "<|stop|>"]
ZOO = ("byte_bpe", "across_spaces", "unigram", "unigram_bytes", "wordpiece", "nfc", "lower", "added")
NAMED = {"eos_token": "<|end|>", "bos_token": "<|start|>"}
CHAT = (
    "{% for m in messages %}{{ '<|start|>' + m['role'] + '\n' }}"
    "{% if m['role'] == 'assistant' %}{% generation %}{{ m['content'] + '<|end|>' }}{% endgeneration %}{{ '\n' }}"
    "{% else %}{{ m['content'] + '<|end|>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start|>assistant\n' }}{% endif %}"
)
BARE_CHAT = CHAT.replace("{% generation %}", "").replace("{% endgeneration %}", "")


def made_tokenizer(kind: str) -> Any:
    """Return a tokenizer of the package tokenizers, its special tokens being the first three."""
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
        trainers,
    )

    alphabet = pre_tokenizers.ByteLevel.alphabet()
    if kind == "wordpiece":
        made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        made.normalizer = normalizers.BertNormalizer(lowercase=False)
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        made.decoder = decoders.WordPiece()
        trainer: Any = trainers.WordPieceTrainer(vocab_size=120, special_tokens=[*SPECIALS, "[UNK]"])
    elif kind.startswith("unigram"):
        made = Tokenizer(models.Unigram())
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
        made.decoder = decoders.Metaspace(prepend_scheme="never")
        trainer = trainers.UnigramTrainer(vocab_size=80, special_tokens=[*SPECIALS, "<unk>"], unk_token="<unk>")
    else:
        made = Tokenizer(models.BPE())
        if kind == "across_spaces":  # as SuperBPE does: words and line breaks in one token
            made.pre_tokenizer = pre_tokenizers.Sequence(
                [
                    pre_tokenizers.Split(Regex(r"[\s\S]{1,13}"), "isolated"),
                    pre_tokenizers.ByteLevel(False, use_regex=False),
                ]
            )
        else:
            made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        if kind in ("nfc", "lower"):
            made.normalizer = normalizers.NFC() if kind == "nfc" else normalizers.Lowercase()
        made.decoder = decoders.ByteLevel()
        made.post_processor = processors.ByteLevel(trim_offsets=True)  # which hides white space from the places
        trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=SPECIALS, initial_alphabet=alphabet)
    made.train_from_iterator(TEXTS, trainer)
    if kind == "added":
        made.add_tokens([AddedToken("<think>", normalized=False), AddedToken("rice", single_word=True, lstrip=True)])
    if kind == "unigram_bytes":
        held = json.loads(made.to_str())
        pieces = [tuple(piece) for piece in held["model"]["vocab"]] + [(f"<0x{i:02X}>", -20.0) for i in range(256)]
        made.model = models.Unigram(pieces, held["model"]["unk_id"], byte_fallback=True)
        made.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="never")])
    return made


def saved_model(folder: Path, kind: str, *, config: dict[str, Any] | None = None, **tokenizer: Any) -> Path:
    """Write a small Llama with a tokenizer of the zoo to a folder, as transformers does; return the folder."""
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

    from tests.conftest import llama_config

    made = made_tokenizer(kind)
    settings = {"vocab_size": made.get_vocab_size(), "bos_token_id": 1, "eos_token_id": 0, **(config or {})}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        LlamaForCausalLM(llama_config(**settings)).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=made, **tokenizer).save_pretrained(folder)
    return folder
