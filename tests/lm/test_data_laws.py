"""Laws of data under a model: neither the wrapping of texts nor what they spell changes what they cost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from compresslab import Dataset
from compresslab.data.door import read_data
from compresslab.data.templates import ChatTemplate, render
from compresslab.data.texts import Texts
from compresslab.data.turns import Turn
from compresslab.lm.documents import Layout, documents_of
from compresslab.lm.prompts import response_bits
from compresslab.lm.tree_model import TreeModel
from compresslab.measurements.model_rate import measure_model_rate
from tests.data.made_files import FORMATS

pytest.importorskip("transformers", reason="needs the extra 'lm'")

from compresslab.data.hugging_face_tokenizer import load_hugging_face
from tests.lm.tokenizer_zoo import BARE_CHAT, CHAT, SPECIALS, ZOO, made_tokenizer

LETTERS = "ab <|end|>\n\u00e9"
WORDS = st.lists(st.sampled_from([*SPECIALS, "rice", " slow", "<|", "caf\u00e9", "\n", "<|en", "d|>", "q"]), max_size=8)
SPELLED = WORDS.map("".join)
SAYING = st.text(st.sampled_from(LETTERS), min_size=1, max_size=12).filter(str.strip)
PAIRS = st.lists(st.tuples(SAYING, SAYING), min_size=1, max_size=4)


@pytest.fixture(scope="session")
def zoo_tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found = {}
    for kind in ZOO:
        folder = tmp_path_factory.mktemp(f"tokenizer-{kind}")
        made_tokenizer(kind).save(str(folder / "tokenizer.json"))
        found[kind] = load_hugging_face(str(folder))
    return found


@settings(max_examples=50, deadline=None)
@given(SPELLED)
@example("<|end|>")
@example(" rice<|stop|>rice <|sta")
def test_no_text_makes_a_control_token(zoo_tokenizers: dict[str, Any], text: str) -> None:
    for kind, tokenizer in zoo_tokenizers.items():
        tokens = tokenizer.encode(text.encode()).tolist()
        controls = {tokenizer.token_id(one) for one in SPECIALS}
        assert not controls & set(tokens), kind
        as_such = tokenizer.reading(True).encode(text.encode()).tolist()
        count = tokenizer.count_control_tokens(text.encode())
        assert sum(token in controls for token in as_such) == count, kind
        if not count:
            assert tokens == as_such, kind
        if kind in ("byte_bpe", "across_spaces"):
            assert tokenizer.decode(tokens).decode() == text
        (places,) = tokenizer.token_places([text.encode()])
        assert len(places) == len(tokens), kind
        assert all(0 <= start <= end <= len(text) for start, end in places), kind


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=4), st.text(min_size=1, max_size=12))
@example(["<|end|>"], " <|end|>\n")
def test_a_response_stands_where_the_template_marks_it(before: list[str], said: str) -> None:
    from compresslab.data.control_tokens import Respelling

    names = Respelling(tuple(SPECIALS))
    turns = [Turn("user" if i % 2 == 0 else "assistant", one.encode()) for i, one in enumerate(before)]
    turns.append(Turn("assistant", said.encode()))
    marked, bare = (render(ChatTemplate(one, "x", {}, names), [turns])[0] for one in (CHAT, BARE_CHAT))
    assert marked == bare
    assert names.reveal(bare.text[bare.start : bare.end]) == said + "<|end|>"
    assert bare.typed == sum(names.count(one) for one in [*before, said])


def written(folder: Path, rows: list[dict[str, Any]], form: str) -> Path:
    path = folder / f"a.{form}"
    path.write_bytes(FORMATS[form][0](rows))
    return path


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PAIRS, st.randoms())
def test_no_wrapping_changes_a_code_length(tmp_path: Path, pairs: list[tuple[str, str]], random: Any) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    everything = Dataset.from_texts([f"{prompt}\n{response}" for prompt, response in pairs] + [LETTERS])
    model = TreeModel.of(everything, depth=3, smoothing=0.5)
    rows = [{"prompt": prompt, "response": response} for prompt, response in pairs]
    wide = [
        {"id": i, "response": row["response"], "note": "x" * i, "prompt": row["prompt"]} for i, row in enumerate(rows)
    ]
    talks = [
        {"messages": [{"role": "user", "content": p}, {"role": "assistant", "content": r}], "n": 1} for p, r in pairs
    ]
    order = list(range(len(rows)))
    random.shuffle(order)
    files = [(rows, form) for form in FORMATS] + [(wide, "jsonl"), (talks, "json"), ([rows[i] for i in order], "csv")]
    found = set()
    for held, form in files:
        read = read_data(written(tmp_path, held, form))
        result = measure_model_rate(
            model, read.responses, prompts=read.prompts, conversations=read.conversations, baselines=False
        )
        found.add((round(result.bits, 6), result.bytes, result.symbols, result.context_tokens))
    assert len(found) == 1, found


@settings(max_examples=30, deadline=None)
@given(PAIRS)
def test_a_prompt_changes_a_code_length_through_context_alone(pairs: list[tuple[str, str]]) -> None:
    prompts, responses = (Texts.pack([pair[i] for pair in pairs]) for i in (0, 1))
    everything = Dataset.from_texts([*prompts, *responses, "\n"])
    model = TreeModel.of(everything, depth=1, smoothing=0.5)  # it has no memory: no context changes anything
    alone = measure_model_rate(model, responses, baselines=False)
    after = measure_model_rate(model, responses, prompts=prompts, baselines=False)
    assert after.bits == pytest.approx(alone.bits, rel=1e-9)
    assert (after.symbols, after.bytes) == (alone.symbols, alone.bytes)
    assert after.context_tokens == sum(len(p.encode()) + 1 for p, _ in pairs)


@pytest.mark.parametrize("kind", ZOO)
def test_a_prompt_that_a_model_cannot_see_changes_nothing(zoo_model: Callable[[str], Any], kind: str) -> None:
    """The bits of a response in a batch of conversations are those that it has alone: no document sees another."""
    model = zoo_model(kind)
    talks = [(Turn("user", p), Turn("assistant", r)) for p, r in ((b"How do I", b"slow"), (b"corn?", b"Take a look"))]
    each = []
    for chosen in ([talks[0]], [talks[1]], talks, talks[::-1]):
        laid, _ = documents_of(
            model, Texts.pack([one[-1].text for one in chosen]), Texts.pack([b"x"] * len(chosen)), chosen, Layout()
        )
        each.append(response_bits(model, laid))
    np.testing.assert_allclose(each[2:], each[0] + each[1], rtol=1e-5)


def test_rows_of_conversations_keep_their_turns(tmp_path: Path) -> None:
    talk = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": " a"},
    ]
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"messages": [*talk, talk[1], {"role": "assistant", "content": ""}]}) + "\n")
    turns = (Turn("system", b"s"), Turn("user", b"u"), Turn("assistant", b" a"))
    assert read_data(path).conversations == (turns,)  # the blank response is left out
    path.write_text('{"prompt": "u", "response": "a"}\n')
    assert read_data(path).conversations is None
