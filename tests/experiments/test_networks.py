"""Networks over a prefix tree give each word what they would give it alone."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab.errors import InvalidParameter, UnknownName
from compresslab.experiments.models.exact_training import copy_network, evaluate, fit, one_thread
from compresslab.experiments.models.networks import NETWORKS, leaf_log_probs, new_network, num_parameters, to_tensors
from compresslab.experiments.models.trie import Trie

torch: Any = pytest.importorskip("torch", reason="networks need torch (the extra 'lm')")

WORDS = [b"a", b"ab", b"abc", b"abd", b"b", b"bc", b"cab", b"dddd"]


@settings(max_examples=50, deadline=None)
@given(st.sets(st.binary(max_size=5), min_size=1, max_size=30))
def test_a_trie_holds_exactly_the_words(words: set[bytes]) -> None:
    trie = Trie.build(sorted(words))
    for word, leaf in zip(trie.words, trie.leaf.tolist(), strict=True):
        spelled: list[int] = []
        node = leaf
        while node:
            spelled.append(trie.alphabet[trie.symbol[node] - 1])
            assert trie.parent[node] < node
            node = int(trie.parent[node])
        assert bytes(reversed(spelled)) == word
        along = trie.path[leaf].tolist()
        assert along[len(word) :] == [leaf] * (trie.num_layers - len(word))
        assert all(trie.parent[b] == a for a, b in pairwise(along[: len(word) + 1]))
    assert trie.num_nodes == len({word[:m] for word in words for m in range(len(word) + 1)})


def gru_alone(p: dict[str, Any], inputs: Any) -> Any:
    d = p["out.weight"].shape[1]
    peer = torch.nn.GRU(p["symbols"].shape[1], d, batch_first=True, dtype=torch.float64)
    for name, part in (("ih", "in"), ("hh", "state")):
        getattr(peer, f"weight_{name}_l0").data.copy_(p[f"{part}.weight"])
        getattr(peer, f"bias_{name}_l0").data.copy_(p[f"{part}.bias"])
    return peer(p["symbols"][inputs][None])[0][0]


def transformer_alone(p: dict[str, Any], inputs: Any) -> Any:
    F, d, T = torch.nn.functional, p["out.weight"].shape[1], len(inputs)
    x = p["symbols"][inputs] + p["places"][:T]
    for b in range(2):
        y = F.layer_norm(x, (d,), p[f"{b}.before.weight"], p[f"{b}.before.bias"])
        q, k, v = (y @ p[f"{b}.qkv.weight"].T + p[f"{b}.qkv.bias"]).view(T, 3, 4, d // 4).permute(1, 2, 0, 3)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(0, 1).reshape(T, d)
        x = x + y @ p[f"{b}.mix.weight"].T + p[f"{b}.mix.bias"]
        y = F.layer_norm(x, (d,), p[f"{b}.between.weight"], p[f"{b}.between.bias"])
        y = F.gelu(y @ p[f"{b}.up.weight"].T + p[f"{b}.up.bias"])
        x = x + y @ p[f"{b}.down.weight"].T + p[f"{b}.down.bias"]
    return F.layer_norm(x, (d,), p["norm.weight"], p["norm.bias"])


@pytest.mark.parametrize(("name", "alone"), [("gru", gru_alone), ("transformer", transformer_alone)])
def test_all_leaves_at_once_are_each_word_alone(name: str, alone: Any) -> None:
    trie = Trie.build(WORDS)
    network = new_network(name, 8, trie, seed=3)
    together = evaluate(network, to_tensors(trie))
    exact = {key: p.detach().double() for key, p in network.items()}
    for word, found in zip(WORDS, together.tolist(), strict=True):
        symbols = [trie.alphabet.index(byte) + 1 for byte in word]
        inputs = torch.tensor([0, *symbols])
        with torch.no_grad():
            scores = alone(exact, inputs) @ exact["out.weight"].T + exact["out.bias"]
        log_probs = torch.log_softmax(scores, -1)
        expected = sum(float(log_probs[i, symbol]) for i, symbol in enumerate([*symbols, 0]))
        assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_probabilities_of_the_leaves_sum_to_less_than_one(name: str) -> None:
    trie = Trie.build(WORDS)
    assert 0 < np.exp(evaluate(new_network(name, 8, trie, seed=0), to_tensors(trie))).sum() < 1


@pytest.mark.parametrize("name", NETWORKS)
def test_a_seed_fixes_a_network_and_its_training(name: str) -> None:
    trie = Trie.build(WORDS)
    on, p = to_tensors(trie), np.full(len(WORDS), 1 / len(WORDS))
    results = []
    for seed in (0, 0, 1):
        network = new_network(name, 8, trie, seed)
        with one_thread():
            fit(network, on, p, steps=20, learning_rate=0.01)
        results.append(evaluate(network, on))
    assert np.array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


@pytest.mark.parametrize(("name", "rate"), [("gru", 0.02), ("transformer", 0.01)])
def test_training_reaches_the_entropy(name: str, rate: float) -> None:
    trie = Trie.build(WORDS)
    p = np.array([0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05])
    network = new_network(name, 16, trie, seed=0)
    with one_thread():
        fit(network, to_tensors(trie), p, steps=250, learning_rate=rate)
    excess = -float(p @ evaluate(network, to_tensors(trie))) + float(p @ np.log(p))
    assert 0 < excess < 0.01


def test_a_copy_is_trained_on_its_own() -> None:
    trie = Trie.build(WORDS)
    network = new_network("gru", 8, trie, seed=0)
    before = evaluate(network, to_tensors(trie))
    fit(copy_network(network), to_tensors(trie), np.eye(len(WORDS))[0], steps=5, learning_rate=0.1)
    assert np.array_equal(before, evaluate(network, to_tensors(trie)))


def test_the_precision_of_training_is_single_and_of_evaluation_double() -> None:
    trie = Trie.build(WORDS)
    network = new_network("gru", 8, trie, seed=0)
    assert leaf_log_probs(network, to_tensors(trie)).dtype == torch.float32
    assert evaluate(network, to_tensors(trie)).dtype == np.float64
    assert num_parameters(network) == sum(math.prod(p.shape) for p in network.values())


def test_bad_input() -> None:
    trie = Trie.build(WORDS)
    with pytest.raises(UnknownName, match="unknown network 'gro': did you mean 'gru'?"):
        new_network("gro", 8, trie, 0)
    with pytest.raises(InvalidParameter, match="a multiple of 4 for a transformer: not 6"):
        new_network("transformer", 6, trie, 0)
    with pytest.raises(InvalidParameter, match="1 or more: not 0"):
        new_network("gru", 0, trie, 0)
    with pytest.raises(InvalidParameter, match="every word once"):
        Trie.build([b"a", b"a"])
    network = new_network("gru", 8, trie, 0)
    with pytest.raises(InvalidParameter, match="training diverged: .* at learning rate 1e\\+30: lower it"):
        fit(network, to_tensors(trie), np.full(len(WORDS), 1 / len(WORDS)), steps=20, learning_rate=1e30)
