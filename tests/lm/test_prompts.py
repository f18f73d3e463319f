"""Prompts are context in tokens: every token that holds a byte of a response counts, whatever the tokenizer."""

from __future__ import annotations

import io
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compresslab import Dataset
from compresslab._support.safe_console import SafeConsole
from compresslab.data.hugging_face_tokenizer import load_hugging_face
from compresslab.data.texts import Texts
from compresslab.data.tokenizers import get_tokenizer
from compresslab.lm.prompts import lay_out, of_tokens, response_bits
from compresslab.lm.scoring import score, tokenize, without_doubles
from compresslab.measurements.model_rate import measure_model_rate
from compresslab.measurements.model_rate_page import model_rate_table
from compresslab.report.terminal import table_view

pytest.importorskip("tokenizers", reason="needs the extra 'lm'")

from tests.lm.tokenizer_zoo import ZOO, made_tokenizer, saved_model

PAIRS = [
    (b"How do I boil rice?", b"Take a slow start."),
    ("How do I peel cafe\u0301?".encode(), "  Take na\u00efve corn \n".encode()),
    (b"How", b"\n\nboil"),
    (b"How do I ", b" rice?"),
    (b"", b"Take a slow start."),
]


def loaded(folder: Path, kind: str) -> Any:
    made_tokenizer(kind).save(str(folder / "tokenizer.json"))
    return load_hugging_face(str(folder))


def plain_tokenizer(folder: Path) -> Any:
    """The same tokenizer, by its package alone, whose places are not trimmed of white space."""
    from tokenizers import Tokenizer

    plain = Tokenizer.from_file(str(folder / "tokenizer.json"))
    plain.post_processor = None
    return plain


@pytest.mark.parametrize("kind", ZOO)
def test_no_token_with_a_byte_of_the_response_is_hidden_and_no_other_counts(tmp_path: Path, kind: str) -> None:
    tokenizer = loaded(tmp_path, kind)
    found = lay_out(PAIRS, tokenizer)
    plain = plain_tokenizer(tmp_path)
    for i, (prompt, response) in enumerate(PAIRS):
        start = prompt + b"\n" if prompt else b""
        text = (start + response).decode()
        places = plain.encode(text, add_special_tokens=False).offsets
        wanted = sum(end <= len(start.decode()) for _, end in places)
        assert found.hidden[i] == wanted
        assert len(found.data[i]) == len(places)
        if kind in ("byte_bpe", "across_spaces"):  # lossless: the tokens after hold the whole response
            assert tokenizer.decode(found.data[i][found.hidden[i] :]).endswith(response)
    assert found.num_bytes == sum(len(response) for _, response in PAIRS)


def test_a_tokenizer_that_joins_words_loses_no_response(tmp_path: Path) -> None:
    tokenizer = loaded(tmp_path, "across_spaces")
    tokens = [tokenizer.token_text(token) for token in lay_out(PAIRS[:1], tokenizer).data[0]]
    assert any("?" in token and "Take" in token for token in tokens), tokens  # one token across the boundary
    hidden = lay_out(PAIRS[:1], tokenizer).hidden[0]
    assert "?" in tokens[hidden]
    assert hidden < len(tokenizer.encode(PAIRS[0][0] + b"\n"))


def test_without_places_the_tokens_that_both_begin_with_are_context(tmp_path: Path) -> None:
    import dataclasses

    known = loaded(tmp_path, "across_spaces")
    blind = dataclasses.replace(known, text_places=None)
    assert (lay_out(PAIRS, blind).hidden <= lay_out(PAIRS, known).hidden).all()
    own = lay_out(PAIRS, get_tokenizer("bytes"))
    assert own.hidden.tolist() == [len(prompt) + 1 if prompt else 0 for prompt, _ in PAIRS]


@pytest.mark.parametrize("kind", ZOO)
def test_bits_of_responses_are_those_of_plain_torch(tmp_path: Path, kind: str) -> None:
    torch = pytest.importorskip("torch")
    from compresslab.lm.registry import get_model

    folder = saved_model(tmp_path, kind, eos_token="<|end|>", bos_token="<|start|>")
    model: Any = get_model(str(folder), device="cpu")
    texts, prompts = (Texts.pack([pair[i] for pair in PAIRS]) for i in (1, 0))
    result = measure_model_rate(model, texts, prompts=prompts, baselines=False)
    plain = plain_tokenizer(folder)
    nats = 0.0
    for prompt, response in PAIRS:
        start = (prompt + b"\n" if prompt else b"").decode()
        one = plain.encode(start + response.decode(), add_special_tokens=False)
        first = sum(end <= len(start) for _, end in one.offsets)
        ids = torch.tensor([[1, *one.ids, 0]])
        with torch.no_grad():
            logp = torch.log_softmax(model.module(ids[:, :-1]).logits[0].double(), -1)
        nats -= sum(float(logp[i, ids[0, i + 1]]) for i in range(first, ids.shape[1] - 1))
    assert result.bits == pytest.approx(nats / np.log(2), rel=1e-5)
    assert (result.prefix_token, result.eos_token) == ("<|start|>", "<|end|>")
    laid = lay_out(PAIRS, model.tokenizer, model=model)
    assert response_bits(model, laid) == pytest.approx(result.bits, rel=1e-9)


@pytest.mark.parametrize("kind", ZOO)
def test_what_is_drawn_stays_tokens(tmp_path: Path, kind: str) -> None:
    from compresslab.experiments.models.measures import _draw, sample_responses
    from compresslab.lm.registry import get_model

    pytest.importorskip("torch")
    folder = saved_model(tmp_path, kind, eos_token="<|end|>", bos_token="<|start|>")
    model: Any = get_model(str(folder), device="cpu")
    accents = model.encode(unicodedata.normalize("NFD", "caf\u00e9\n").encode())
    drawn = sample_responses(model, 6, seed=1, length=40, prompts=[accents], batch=6)
    rng = np.random.default_rng(1)
    wanted = _draw(model, [np.asarray(accents, np.int64)] * 6, 40, rng)
    assert [one.tolist() for one in drawn] == wanted
    laid = of_tokens(wanted, [len(accents)] * 6, model)
    assert [one.tolist() for one in laid.data] == wanted
    assert laid.symbols == sum(len(one) + 1 - len(accents) for one in wanted)


def test_a_rendered_text_gets_no_second_prefix_and_no_second_eos(tmp_path: Path) -> None:
    from compresslab.lm.registry import get_model

    pytest.importorskip("torch")
    model: Any = get_model(
        str(saved_model(tmp_path, "byte_bpe", eos_token="<|end|>", bos_token="<|start|>")), device="cpu"
    )
    bare, rendered = Texts.pack(["How do I", "Take a"]), Texts.pack(["<|start|>How do I<|end|>", "Take a"])
    once = measure_model_rate(model, bare, baselines=False)
    same = measure_model_rate(model, rendered, baselines=False)
    assert same.bits == pytest.approx(once.bits, rel=1e-6)
    assert (same.own_prefixes, same.own_ends, once.own_prefixes, once.own_ends) == (1, 1, 0, 0)
    typed = measure_model_rate(model, Texts.pack(["How <|stop|> do", "Take"]), baselines=False)
    assert (typed.control_tokens, same.control_tokens, once.control_tokens) == (1, 0, 0)
    shown = SafeConsole(width=200, file=io.StringIO())
    with shown.capture() as printed:
        shown.print(table_view(model_rate_table([same, typed])))
    assert "1 of 2 begin with the prefix themselves and 1 of 2 end with EOS themselves" in printed.get()
    assert "texts spell control tokens, 1 in all, which are read as characters" in printed.get()
    assert score(model, tokenize(model, list(rendered))).total_bits == pytest.approx(once.bits, rel=1e-6)
    data, starts, ends = without_doubles(Dataset.from_token_lists([[1, 0], [1], [0], []], 2), model)
    assert ([one.tolist() for one in data], starts.tolist(), ends.tolist()) == ([[]] * 4, [1, 1, 0, 0], [1, 0, 1, 0])
