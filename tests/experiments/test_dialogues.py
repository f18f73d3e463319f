"""Prompts and responses: how they are read, laid out, and that prompts are context alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab.data.tokenizers import get_tokenizer
from compresslab.errors import InvalidParameter, NotText, UnreadableFile
from compresslab.experiments.data.dialogues import lay_out, pairs_digest, pairs_of, read_pairs, response_bits
from compresslab.experiments.models.finetuning import Recipe, fit_texts
from compresslab.lm.tiny import TinyShape, make_tiny
from compresslab.lm.tree_model import TreeModel

BYTES = get_tokenizer("bytes")
PAIRS = [(b"hi", b"you"), (b"ho", b"yes"), (b"hi", b"me"), (b"no", b"no")]


def test_pairs_of_json_lines_are_their_fields(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    rows = [{"prompt": "a", "response": " b "}, {"prompt": "é", "response": ""}, {"prompt": "a", "response": "b"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    path.write_text(path.read_text() + json.dumps(rows[2]) + "\n")
    # Bytes are kept, the same twice is once, an empty response is none.
    assert read_pairs(str(path)) == [(b"a", b" b "), (b"a", b"b")]
    assert pairs_of(str(path)).left_out == {"empty": 1, "repeated": 1}
    path.write_text('{"prompt": "a", "reply": "b"}\n')
    with pytest.raises(InvalidParameter, match="prompts alone .*its fields are 'prompt', 'reply'; .*--response-field"):
        read_pairs(str(path))
    assert read_pairs(str(path), ["response_field=reply"]) == [(b"a", b"b")]


def test_every_different_answer_of_a_table_is_a_pair(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text('\ufeffQuestion,Best Answer,Correct Answers\n"Why, then?",So,So; Because of it ;\nWho?,Me,\n')
    assert read_pairs(str(path)) == [(b"Why, then?", b"So"), (b"Why, then?", b"Because of it"), (b"Who?", b"Me")]
    path.write_text("Question,Answer\nWho?,Me\n")
    with pytest.raises(InvalidParameter, match="no fields of a known kind: its fields are 'Question', 'Answer'"):
        read_pairs(str(path))
    path.write_bytes(b"Question,Best Answer\n\xff,Me\n")
    with pytest.raises(NotText, match="is not a table of comma-separated UTF-8"):
        read_pairs(str(path))


def test_lines_are_cut_after_a_third_of_their_words(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("one two three four five six\ntoo short\na b c d\n")
    assert read_pairs(str(path)) == [(b"one two", b"three four five six"), (b"a", b"b c d")]
    with pytest.raises(UnreadableFile):
        read_pairs(str(tmp_path / "missing.txt"))


def test_the_truthfulqa_table_has_several_answers_to_a_question() -> None:
    path = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "truthfulqa.csv"
    if not path.is_file():
        pytest.skip("the data of ../shared is not here")
    pairs = read_pairs(str(path))
    assert len({prompt for prompt, _ in pairs}) == 813
    assert len(pairs) > 2 * 813


def test_a_digest_knows_where_a_prompt_ends() -> None:
    assert pairs_digest([(b"ab", b"c")]) != pairs_digest([(b"a", b"bc")])


def test_only_the_response_and_its_end_are_counted() -> None:
    found = lay_out(PAIRS, BYTES)
    assert found.hidden.tolist() == [3, 3, 3, 3]
    assert found.symbols == sum(len(response) + 1 for _, response in PAIRS) == 14
    assert found.num_bytes == 10
    model = TreeModel.of(found.data, depth=8)
    # Of the whole texts each costs 2 bits; their prompts cost 1, 2, 1 and 2 of these.
    assert response_bits(model, found) == pytest.approx(1 + 0 + 1 + 0)


pytest_torch = pytest.mark.skipif(
    not pytest.importorskip("importlib.util").find_spec("transformers"), reason="needs the extra 'lm'"
)
RECIPE = Recipe(batch=2, length=16, learning_rate=1e-9)


@pytest_torch
def test_a_pass_without_learning_costs_the_code_length_of_the_responses() -> None:
    model, pairs = (
        make_tiny(TinyShape(hidden=8, layers=1, heads=2, context=16), seed=0, device="cpu"),
        lay_out(PAIRS, BYTES),
    )
    cost = response_bits(model, pairs)
    fitted = fit_texts(model, pairs.data, RECIPE, seed=0, hidden=pairs.hidden)
    assert (fitted.examples, fitted.symbols) == (4, 14)
    assert fitted.total_bits == pytest.approx(cost, rel=1e-5)


@pytest_torch
@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 14), min_size=4, max_size=4))
def test_hidden_symbols_are_not_counted_in_any_window(hidden: list[int]) -> None:
    model = make_tiny(TinyShape(hidden=8, layers=1, heads=2, context=16), seed=0, device="cpu")
    pairs = lay_out([(b"a" * 6, bytes([66 + i]) * 7) for i in range(4)], BYTES)  # 14 bytes: 15 symbols in windows of 4
    short = Recipe(batch=2, length=4, learning_rate=1e-9)
    fitted = fit_texts(model, pairs.data, short, seed=0, hidden=np.array(hidden))
    assert fitted.symbols == sum(15 - n for n in hidden)


@pytest_torch
def test_symbols_are_hidden_in_one_dataset_that_is_not_packed() -> None:
    model, pairs = (
        make_tiny(TinyShape(hidden=8, layers=1, heads=2, context=16), seed=0, device="cpu"),
        lay_out(PAIRS, BYTES),
    )
    for hidden, recipe in ((pairs.hidden[1:], RECIPE), (pairs.hidden, Recipe(batch=2, length=16, packed=True))):
        with pytest.raises(InvalidParameter, match="symbols are hidden in one dataset that is not packed"):
            fit_texts(model, pairs.data, recipe, seed=0, hidden=hidden)
