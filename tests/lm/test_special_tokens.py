"""Prefix and EOS: chosen by one rule, set by options, and said in every table."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compresslab.errors import InvalidParameter, UnknownName

pytest.importorskip("torch", reason="needs the extra 'lm'")

from compresslab.lm.registry import get_model
from compresslab.measurements.model_coding import model_coder
from tests.lm.tokenizer_zoo import saved_model


def loaded(folder: Path, **settings: Any) -> tuple[int, int]:
    model: Any = get_model(str(folder), device="cpu", **settings)
    return model.prefix_id, model.eos_id


def generation(folder: Path, **ids: object) -> None:
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **ids}))


@pytest.mark.parametrize("listed", [[7, 0], [0, 7], [2, 0], 7])
def test_the_tokenizer_says_which_of_several_ends_a_text(tmp_path: Path, listed: object) -> None:
    saved_model(tmp_path, "byte_bpe", config={"eos_token_id": listed}, eos_token="<|end|>", bos_token="<|start|>")
    assert loaded(tmp_path) == (1, 0)
    own = {"eos_token": {"content": "<|stop|>", "special": True}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(own))
    assert loaded(tmp_path) == (1, 2)


def test_several_without_a_tokenizer_that_says_which_are_refused(tmp_path: Path) -> None:
    saved_model(tmp_path, "byte_bpe", config={"eos_token_id": [7, 1]})
    generation(tmp_path, eos_token_id=[7, 1])
    with pytest.raises(
        InvalidParameter, match=r"has 2 end-of-sequence tokens \(7, 1\).*give it as eos_id=.*--eos-token"
    ):
        loaded(tmp_path)
    assert loaded(tmp_path, eos_id=1) == (1, 1)
    generation(tmp_path, eos_token_id=2, bos_token_id=5)
    assert loaded(tmp_path) == (5, 2)  # the generation's settings come before the model's


def test_a_token_that_opens_a_turn_is_not_the_prefix_of_plain_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["<|im_end|>", "<|im_start|>", "<|endoftext|>"]
    monkeypatch.setattr("tests.lm.tokenizer_zoo.SPECIALS", names)
    saved_model(tmp_path, "byte_bpe", eos_token="<|im_end|>", bos_token="<|im_start|>")
    assert loaded(tmp_path) == (2, 0)
    assert loaded(tmp_path, prefix_id="<|im_start|>") == (1, 0)
    assert loaded(tmp_path, rule="config") == (1, 0)
    monkeypatch.setattr("tests.lm.tokenizer_zoo.SPECIALS", [*names[:2], "<|other|>"])
    saved_model(tmp_path, "byte_bpe", eos_token="<|im_end|>", bos_token="<|im_start|>")
    assert loaded(tmp_path) == (0, 0)  # no separator: EOS


def test_tokens_are_given_by_spelling_or_by_number(tmp_path: Path) -> None:
    saved_model(tmp_path, "byte_bpe", eos_token="<|end|>", bos_token="<|start|>")
    assert loaded(tmp_path, eos_id="<|stop|>", prefix_id="7") == (7, 2)
    with pytest.raises(
        UnknownName, match=r"eos_id is '<\|nope\|>': the tokenizer of .* has no such token.*--eos-token"
    ):
        loaded(tmp_path, eos_id="<|nope|>")
    with pytest.raises(InvalidParameter, match="prefix_id is 99999: the model .* has the tokens 0 to"):
        loaded(tmp_path, prefix_id="99999")


def test_files_are_coded_with_the_prefix_that_they_always_had(tmp_path: Path) -> None:
    saved_model(tmp_path, "byte_bpe", config={"bos_token_id": 5}, eos_token="<|end|>", bos_token="<|start|>")
    assert loaded(tmp_path) == (1, 0)
    assert model_coder(str(tmp_path), device="cpu").model.prefix_id == 5


def test_the_command_says_and_sets_both(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    folder = saved_model(tmp_path / "m", "byte_bpe", eos_token="<|end|>", bos_token="<|start|>")
    text = tmp_path / "a.txt"
    text.write_text("How do I boil rice?")
    command = ["rate", text, "--model", folder, "--device", "cpu"]
    assert "Prefix <|start|>, EOS <|end|>." in run(*command)[1]
    assert "EOS <|end|> not counted." in run(*command, "--no-eos")[1]
    code, out, _ = run(*command, "--eos-token", "<|stop|>", "--prefix-token", "7", "--json")
    got = json.loads(out)
    assert (code, got["eos_token"]) == (0, "<|stop|>")
    usual = json.loads(run(*command, "--json")[1])
    assert (usual["prefix_token"], usual["eos_token"]) == ("<|start|>", "<|end|>")
    assert usual["bits"] != got["bits"]
    code, _, err = run("rate", text, "--eos-token", "x")
    assert (code, "--eos-token: only for language models" in err) == (1, True)


@pytest.mark.parametrize("named", ["Qwen2Tokenizer", "GPT2Tokenizer", "PreTrainedTokenizerFast", "NoSuchTokenizer"])
def test_texts_are_cut_as_the_class_of_the_tokenizer_does(tmp_path: Path, named: str) -> None:
    import pickle

    from tokenizers import Tokenizer
    from transformers import AutoTokenizer

    from compresslab.data.hugging_face_tokenizer import load_hugging_face
    from compresslab.lm.prompts import lay_out

    text = "How do I boil 12345 rice?\n\n  cafe\u0301, IT'S"
    folder = saved_model(tmp_path, "byte_bpe", eos_token="<|end|>", bos_token="<|start|>")
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({"tokenizer_class": named, "eos_token": "<|end|>", "bos_token": "<|start|>"}))
    written = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text, add_special_tokens=False).ids
    wanted = written
    if named != "NoSuchTokenizer":
        loaded = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        wanted = loaded(text, add_special_tokens=False).input_ids
    assert (wanted != written) == (named == "Qwen2Tokenizer")
    found = load_hugging_face(str(folder))
    assert found.encode(text.encode()).tolist() == wanted
    assert pickle.loads(pickle.dumps(found)) == found
    pair = lay_out([(b"How do I boil 12345 rice?", b"\n  cafe")], found)
    assert found.decode(pair.data[0][pair.hidden[0] :]).endswith(b"\n  cafe")
    assert loaded_model(folder).tokenizer.encode(text.encode()).tolist() == wanted
    coder = model_coder(str(folder), device="cpu").model.tokenizer  # files decode with what they were coded with
    assert coder is not None
    assert coder.encode(text.encode()).tolist() == written


def loaded_model(folder: Path) -> Any:
    return get_model(str(folder), device="cpu")
