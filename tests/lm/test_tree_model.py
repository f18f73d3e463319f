"""A token tree as a language model: its conditional probabilities, exactly."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab import Dataset, TokenTree, entropy_bits
from compresslab.data.tokenizers import BitTokenizer, ByteTokenizer
from compresslab.errors import DecodingError, InvalidParameter, InvalidTokens, MismatchedVocabulary, UnknownName
from compresslab.lm.protocol import LanguageModel
from compresslab.lm.registry import get_model
from compresslab.lm.scoring import score
from compresslab.lm.tree_model import TreeModel
from compresslab.testing import check_language_model

law = settings(max_examples=50, deadline=None)
V = 3
datasets = st.lists(st.lists(st.integers(0, V - 1), max_size=9), min_size=1, max_size=8).map(
    lambda lists: Dataset.from_token_lists(lists, vocab_size=V)
)
depths = st.integers(1, 4)
sequences = st.lists(st.integers(0, V), min_size=1, max_size=8)


@law
@given(datasets, depths)
def test_the_score_of_the_tree_s_own_data_is_its_entropy(data: Dataset, depth: int) -> None:
    tree = TokenTree.build(data, depth)
    scores = score(TreeModel(tree), data)
    assert scores.total_bits == pytest.approx(tree.total * entropy_bits(tree.leaves().probabilities), abs=1e-9)
    assert scores.num_symbols == data.num_symbols


def brute_force(data: Dataset, depth: int, parse: str, history: list[int], alpha: Fraction) -> list[Fraction]:
    """P(next) after a response's tokens ``history``, by counting in Python, straight from the definitions."""
    back = len(history) % depth if parse == "phrases" else min(depth - 1, len(history))
    context = tuple(history[len(history) - back :])
    counts: Counter[int] = Counter()
    for response in data:
        symbols = [*response.tolist(), V]
        step = depth if parse == "phrases" else 1
        for start in range(0, len(symbols), step):
            phrase = symbols[start : start + depth]
            if tuple(phrase[:back]) == context and len(phrase) > back:
                counts[phrase[back]] += 1
    total = sum(counts.values())
    if total == 0:
        return [Fraction(1, V + 1)] * (V + 1)
    return [(counts[s] + alpha) / (total + alpha * (V + 1)) for s in range(V + 1)]


@law
@given(datasets, depths, st.sampled_from(["phrases", "windows"]), sequences, st.sampled_from([0, Fraction(1, 2)]))
def test_probabilities_are_the_counts_of_the_definition(
    data: Dataset, depth: int, parse: str, ids: list[int], alpha: Fraction
) -> None:
    model = TreeModel(TokenTree.build(data, depth, parse), float(alpha))
    rows = np.exp(model.log_probs([[model.prefix_id, *ids]]))[0]
    history: list[int] = []
    for t, token in enumerate([model.prefix_id, *ids]):
        history = [] if token == V else [*history, token]
        wanted = [float(p) for p in brute_force(data, depth, parse, history, Fraction(alpha))]
        assert rows[t] == pytest.approx(wanted, abs=1e-12)


@law
@given(datasets, depths, st.sampled_from(["phrases", "windows"]), st.sampled_from([0.0, 0.25]))
def test_a_tree_model_keeps_the_laws(data: Dataset, depth: int, parse: str, alpha: float) -> None:
    model = TreeModel(TokenTree.build(data, depth, parse), alpha)
    other = TreeModel(TokenTree.build(data, depth, parse), alpha + 1)
    laws = check_language_model(model, tolerance_nats=1e-9, variants=[other])
    assert len(laws) == 8 + (parse == "phrases" and alpha == 0)


def test_what_the_tree_has_not_seen_costs_infinitely_many_bits_unless_smoothed() -> None:
    data = Dataset.from_texts(["aa", "ab"])
    other = Dataset.from_texts(["ac"])
    assert score(TreeModel.of(data, 2), other).total_bits == math.inf
    smoothed = TreeModel.of(data, 2, smoothing=1.0)
    # The root has 4 phrases, aa, ab and two lone EOS: a is 2 of them, EOS 2; after a, of 2 phrases none goes on with c.
    wanted = -math.log2((2 + 1) / (4 + 257)) - math.log2(1 / (2 + 257)) - math.log2((2 + 1) / (4 + 257))
    assert score(smoothed, other).total_bits == pytest.approx(wanted, rel=1e-12)


def test_a_tree_model_is_a_language_model_and_reads_text() -> None:
    model = TreeModel.of(Dataset.from_texts(["to be"], name="x"), 2)
    assert isinstance(model, LanguageModel)
    assert (model.vocab_size, model.eos_id, model.prefix_id, model.context) == (257, 256, 256, None)
    assert model.decode(model.encode(b"\xff")) == b"\xff"
    assert model.name == "tree of x"


def test_a_saved_tree_is_a_model_by_name(tmp_path: Path) -> None:
    tree = TokenTree.build(Dataset.from_texts(["0101"], "bits"), 3)
    path = tmp_path / "bits.tree"
    tree.save(path)
    model = get_model(f"tree:{path}", smoothing=0.5)
    direct = TreeModel(tree, 0.5, BitTokenizer())
    assert model.fingerprint() == direct.fingerprint()
    assert get_model(model) is model
    assert isinstance(model, TreeModel)
    assert get_model(f"tree:{path}").fingerprint() == TreeModel(tree, 1 / 3, BitTokenizer()).fingerprint()


def test_the_fingerprint_changes_with_tree_smoothing_and_tokenizer() -> None:
    data = Dataset.from_texts(["to be or not"])
    models = [
        TreeModel.of(data, 2),
        TreeModel.of(data, 3),
        TreeModel.of(data, 2, "windows"),
        TreeModel.of(data, 2, smoothing=0.5),
        TreeModel.of(Dataset.from_texts(["to be or nut"]), 2),
        TreeModel(TokenTree.build(data, 2)),
    ]
    assert len({model.fingerprint() for model in models}) == len(models)
    assert models[0].fingerprint() == TreeModel.of(data, 2).fingerprint()


def test_wrong_use_is_refused() -> None:
    data = Dataset.from_token_lists([[0, 1]], vocab_size=2)
    tree = TokenTree.build(data, 2)
    with pytest.raises(InvalidParameter, match="parse 'prefix' is not a language model"):
        TreeModel(TokenTree.build(data, 2, "prefix"))
    with pytest.raises(InvalidParameter, match="smoothing is -1: it must be a finite number, 0 or more"):
        TreeModel(tree, -1)
    with pytest.raises(MismatchedVocabulary, match="the tokenizer 'bytes' has 256 tokens, the tree 2"):
        TreeModel(tree, tokenizer=ByteTokenizer())
    model = TreeModel(tree)
    with pytest.raises(DecodingError, match="over bare numbers"):
        model.encode(b"x")
    with pytest.raises(InvalidTokens, match="token 3 is outside the model's vocabulary: 0 to 2"):
        model.log_probs([[3]])
    with pytest.raises(InvalidParameter, match="at least one sequence, not 0"):
        model.stepper(0)
    with pytest.raises(InvalidParameter, match="2 sequences advance together"):
        model.stepper(2).step(np.array([1]))


def test_trees_over_other_tokens_cannot_be_loaded_by_name(tmp_path: Path) -> None:
    path = tmp_path / "odd.tree"
    TokenTree.build(Dataset.from_token_lists([[0, 4]]), 2).save(path)
    with pytest.raises(InvalidParameter, match="a tree over 5 tokens"):
        get_model(f"tree:{path}")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tinny", r"unknown model 'tinny': did you mean 'tiny'\?"),
        ("smollm2:x", "'smollm2' takes nothing after it"),
        ("tree:", "known: hf:NAME, smollm2, tiny, tree:FILE"),
        (3, "a language model is a name or a LanguageModel, not int"),
    ],
)
def test_unknown_models_get_a_hint(name: str, message: str) -> None:
    with pytest.raises(UnknownName, match=message):
        get_model(name)


def test_a_model_takes_no_settings() -> None:
    model = TreeModel.of(Dataset.from_texts(["a"]), 1)
    with pytest.raises(InvalidParameter, match="settings \\(device\\) are for names"):
        get_model(model, device="cpu")
