"""Model folders, as far as they are read without torch, and log-probabilities of models that are elsewhere."""

from __future__ import annotations

import json
import os
import random
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from compresslab.data.control_tokens import Respelling
from compresslab.data.dataset import Dataset
from compresslab.data.hugging_face_tokenizer import load_hugging_face
from compresslab.data.templates import ChatTemplate, read_template, render
from compresslab.data.texts import Texts
from compresslab.data.tokenizers import get_tokenizer
from compresslab.data.turns import Turn
from compresslab.lm import checkpoints
from compresslab.lm.log_prob_files import read_log_probs
from compresslab.lm.registry import get_model

from .chance import hostile_int, hostile_json, hostile_text, json_text, twist_json
from .engine import REFUSED, Game, Kind

__all__ = ["KINDS", "warm"]

FRAGMENTS: Final = (
    "{% for m in messages %}", "{% endfor %}", "{{ m['role'] }}", "{{ m['content'] }}", "{{ m['content'] | trim }}",
    "<|end|>\n", "{% generation %}", "{% endgeneration %}", "{% if m['role'] == 'assistant' %}", "{% endif %}",
    "{{ bos_token }}", "{{", "{% if add_generation_prompt %}", "{{ raise_exception('no') }}", "{% set x = 1 %}",
    "{{ m.content.split(' ')[7] }}", "{{ m['content'] * 1000 }}", "{{ messages[-1]['content'] }}", "\udcff",
    "{{ m['content'][::-1] }}", "{{ 1 // 0 }}",
)  # fmt: skip
SAMPLES: Final = (b"the cat sat on the mat", b"", b"caf\xc3\xa9 \xff", b"  two  spaces\n", b"A")
CONFIG: Final = {"model_type": "llama", "vocab_size": 30, "eos_token_id": [7, 1], "bos_token_id": 1}


@lru_cache(maxsize=1)
def definitions() -> list[dict[str, Any]]:
    """Return tokenizer.json files of four kinds: byte-level BPE, words with and without [UNK], Unigram."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {letter: i for i, letter in enumerate(letters)} | {"th": 256, "the": 257}
    bpe = Tokenizer(models.BPE(vocab=vocab, merges=[("t", "h"), ("th", "e")]))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    words = {word: i for i, word in enumerate(("the", "cat", "sat", "[UNK]"))}
    some = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    some.pre_tokenizer = pre_tokenizers.Whitespace()
    none = Tokenizer(models.WordLevel({"the": 0, "cat": 1}, unk_token="[UNK]"))  # which is not in its vocabulary
    none.pre_tokenizer = pre_tokenizers.Whitespace()
    unigram = Tokenizer(models.Unigram([("<unk>", 0.0), ("the", -1.0), ("c", -2.0), ("a", -2.5), ("t", -2.0)], 0))
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    return [json.loads(one.to_str()) for one in (bpe, some, none, unigram)]


def _twisted(chance: random.Random, held: dict[str, Any]) -> dict[str, Any]:
    roll = chance.randrange(6)
    if roll == 0:
        return held
    if roll == 1:  # tokens at odd places
        vocab = held["model"].get("vocab")
        if isinstance(vocab, dict) and vocab:
            held = json.loads(json.dumps(held))
            held["model"]["vocab"][chance.choice(sorted(vocab))] = hostile_int(chance, len(vocab))
        return held
    if roll == 2:
        added = {"id": hostile_int(chance, 4), "content": hostile_text(chance), "special": chance.random() < 0.5}
        flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
        return {**held, "added_tokens": [{**added, **flags}]}
    if roll == 3:
        part = chance.choice(("normalizer", "pre_tokenizer", "decoder", "post_processor", "truncation", "padding"))
        return {**held, part: chance.choice(PIECES) if chance.random() < 0.8 else hostile_json(chance)}
    return twist_json(chance, held, chance.randrange(1, 3))


PIECES: Final[tuple[Any, ...]] = (
    None,
    {"type": "NFC"},
    {"type": "Lowercase"},
    {"type": "Replace", "pattern": {"Regex": "(a|aa)+$"}, "content": ""},
    {"type": "Replace", "pattern": {"String": ""}, "content": "x"},
    {"type": "Split", "pattern": {"Regex": "(\\w+)+x"}, "behavior": "Isolated", "invert": False},
    {"type": "Strip", "strip_left": True, "strip_right": True},
    {"type": "Strip", "content": " ", "start": 1 << 40, "stop": 1},
    {"type": "Sequence", "normalizers": [], "pretokenizers": [], "decoders": []},
    {"type": "ByteFallback"},
    {"type": "Precompiled", "precompiled_charsmap": "AAAA"},
    {"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0},
    {"direction": "Right", "max_length": 0, "strategy": "LongestFirst", "stride": 9},
    {"strategy": {"Fixed": 1 << 40}, "direction": "Left", "pad_to_multiple_of": 0, "pad_id": 0, "pad_type_id": 0,
     "pad_token": ""},
)  # fmt: skip


def play_tokenizer(game: Game) -> None:
    """A tokenizer.json: loaded, and used on some texts."""
    chance = game.chance
    data = json_text(chance, _twisted(chance, chance.choice(definitions())))
    path = game.write("tokenizer.json", data)
    if chance.random() < 0.3:
        told = {"chat_template": "x", "eos_token": "<|x|>", "bos_token": {"content": "the"}}
        game.write("tokenizer_config.json", json_text(chance, twist_json(chance, told, chance.choice((0, 1, 2)))))
    found = game.attempt("load", load_hugging_face, str(chance.choice((path, game.folder))))
    if found is REFUSED:
        return
    added = tuple(one.encode("utf-8", "replace") for one in found.names.spellings[:2])
    for text in (*SAMPLES, *(b"the " + one + b" cat" + one for one in added)):
        game.attempt("places", found.token_places, [text])
        game.attempt("tokens", found.reading(True).encode, text)
        tokens = game.attempt("encode", found.encode, text)
        if tokens is not REFUSED:
            game.attempt("decode", found.decode, tokens)
    game.attempt("decode", found.decode, [min(found.vocab_size - 1, chance.randrange(300))])
    game.attempt("token", found.token_text, found.vocab_size - 1)
    data_set = game.attempt("dataset", Dataset.from_texts, SAMPLES, found)
    if data_set is not REFUSED:
        game.check("dataset", data_set.num_bytes == sum(map(len, SAMPLES)), "counted other bytes")


def play_template(game: Game) -> None:
    """A chat template of any content: read, and used on a conversation."""
    chance = game.chance
    source = "".join(chance.choice(FRAGMENTS) for _ in range(chance.randrange(1, 9)))
    if chance.random() < 0.7:  # most often a loop over messages
        source = FRAGMENTS[0] + source + FRAGMENTS[1]
    read = game.attempt("read", read_template, game.write("x.jinja", source.encode("utf-8", "surrogateescape")))
    if read is REFUSED:
        return
    said = b"  Yes.\n"
    turns = (Turn("user", b"Boil <|end|> rice?"), Turn("assistant", said))
    template = ChatTemplate(read, "x.jinja", {"bos_token": "<|end|>"}, Respelling(("<|end|>",)))
    found = game.attempt("render", render, template, [turns])
    if found is not REFUSED:
        inside = 0 <= found[0].start < found[0].end <= len(found[0].text)
        game.check("render", inside, "the response is not in the text")


def play_folder(game: Game) -> None:
    """A model's folder: config.json and compresslab.json of any content; names of models and tokenizers."""
    chance = game.chance
    if chance.random() < 0.9:
        game.write("config.json", json_text(chance, twist_json(chance, CONFIG, chance.choice((0, 1)))))
    card = {"tokenizer": "bytes", "eos_id": 256, "prefix_id": 256}
    game.write("compresslab.json", json_text(chance, twist_json(chance, card, chance.choice((0, 1, 2)))))
    found = game.attempt("card", checkpoints._read_card, game.folder)
    if found is not REFUSED:
        game.check("card", isinstance(found, dict), "is not an object")
    game.attempt("tokenizer", get_tokenizer, chance.choice(("hf:", "", "words:")) + hostile_text(chance))
    name = chance.choice(("tree:", "", "tiny:")) + (hostile_text(chance) or "x")
    if not (name.startswith("hf:") or os.path.isdir(name)):  # these would load torch
        game.attempt("model", get_model, name)


def play_log_probs(game: Game) -> None:
    """Log-probabilities from elsewhere: read to the very numbers, or refused, whatever one of the lines claims."""
    chance = game.chance
    texts = [f"{i} {hostile_text(chance)}".encode("utf-8", "replace").decode() for i in range(chance.randrange(1, 4))]
    lines: list[Any] = []
    for text in texts:
        logs = [-chance.random() for _ in range(chance.randrange(1, 5))]
        lines.append({"response": text, "logprobs": logs, "token_ids": list(range(len(logs))), "eos_logprob": -0.5})
    nats = [-number for line in lines for number in (*line["logprobs"], line["eos_logprob"])]
    head = {"compresslab_logprobs": 1, "model": "m", "window": 8, "stride": 4}
    right = chance.random() < 0.4
    if not right:
        at = chance.randrange(len(lines))
        if chance.random() < 0.2:
            head = twist_json(chance, head, 1)
        else:
            lines[at] = twist_json(chance, lines[at], chance.randrange(1, 3))
    data = b"\n".join(json_text(chance, line) if not right else json.dumps(line).encode() for line in (head, *lines))
    path = game.write("lp.jsonl", data)
    found = game.attempt("read", read_log_probs, path)
    if found is REFUSED:
        game.check("read", not right, "refused a right file")
        return
    scored = game.attempt("scored", found.scored, Texts.pack(texts), eos=chance.random() < 0.8)
    if scored is REFUSED:
        game.check("scored", not right, "refused right responses")
        return
    game.check("scored", bool((scored.scores.nats > -1e-3).all()), "has probabilities above 1")
    game.check("scored", scored.scores.num_bytes == sum(len(text.encode()) for text in texts), "counted other bytes")
    if right and scored.scores.eos:
        game.check("scored", scored.scores.nats.tolist() == nats, "read other numbers")


KINDS = (
    Kind("models: tokenizer.json", play_tokenizer, 5),
    Kind("models: folder", play_folder, 2),
    Kind("models: log-probabilities", play_log_probs, 3),
    Kind("models: chat template", play_template, 2),
)


def warm(folder: Path) -> None:
    definitions()
    render(ChatTemplate("{{ messages[-1].content }}", "x"), [(Turn("assistant", b"x"),)])  # starts the process
    import huggingface_hub  # noqa: F401
