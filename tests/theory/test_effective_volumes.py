"""Effective volumes and effective depth: known weights come back, and the certificate is honest."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from compresslab import Dataset, LeafDistribution, TokenTree, entropy_bits
from compresslab.errors import InvalidDistribution, InvalidParameter
from compresslab.theory.effective_depth import effective_depth, layer_entropies_bits
from compresslab.theory.effective_volumes import effective_volumes
from compresslab.theory.generators import MarkovSource

seeds = st.integers(0, 2**32 - 1)


def problem(seed: int, N: int, M: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    return {f"p{i}": rng.dirichlet(np.full(M, 0.5)) for i in range(N)}, rng.dirichlet(np.full(N, 0.7))


@settings(max_examples=40, deadline=None)
@given(seed=seeds, N=st.integers(1, 8), M=st.integers(20, 200))
def test_the_weights_of_an_exact_mixture_come_back(seed: int, N: int, M: int) -> None:
    components, w = problem(seed, N, M)
    found = effective_volumes(components, w @ np.stack(list(components.values())))
    assert found.gap_nats <= 1e-9
    assert found.residual_nats <= 1e-9
    assert found.weights == pytest.approx(w, abs=1e-3)
    assert found.weights.sum() == pytest.approx(1, abs=1e-12)
    assert found.standard_errors is None


@pytest.mark.claim("effective-volumes-concave")
@settings(max_examples=25, deadline=None)
@given(seed=seeds, N=st.integers(2, 5))
def test_no_other_weights_explain_more_than_the_gap_allows(seed: int, N: int) -> None:
    components, w = problem(seed, N, 30)
    rng = np.random.default_rng(seed)
    q = 0.8 * (w @ np.stack(list(components.values()))) + 0.2 * rng.dirichlet(np.ones(30))
    p = np.stack(list(components.values()))
    found = effective_volumes(components, q)
    best = float(q @ np.log(found.weights @ p))
    for other in rng.dirichlet(np.ones(N), size=50):
        assert float(q @ np.log(other @ p)) <= best + found.gap_nats + 1e-12
    # an independent optimiser, on the softmax of free parameters
    free = minimize(lambda x: -float(q @ np.log((np.exp(x) / np.exp(x).sum()) @ p)), np.zeros(N), method="BFGS")
    assert -free.fun <= best + 1e-9
    assert found.residual_nats == pytest.approx(float(q @ np.log(q)) - best, abs=1e-12)


def test_a_component_that_the_model_lacks_gets_no_weight_and_may_return() -> None:
    # Starting from equal weights, the middle component must go to 0 exactly; with it as the model, it must come back.
    components = {"a": [0.8, 0.1, 0.1], "b": [0.4, 0.3, 0.3], "c": [0.1, 0.1, 0.8]}
    found = effective_volumes(components, [0.47, 0.06, 0.47]).as_dict()
    assert found["b"] == pytest.approx(0, abs=1e-9)
    assert effective_volumes(components, [0.4, 0.3, 0.3]).as_dict()["b"] == pytest.approx(1, abs=1e-6)


def test_equal_components_share_their_weight() -> None:
    found = effective_volumes({"a": [0.9, 0.1], "again": [0.9, 0.1], "b": [0.2, 0.8]}, [0.55, 0.45]).as_dict()
    assert found["a"] + found["again"] == pytest.approx(0.5, abs=1e-9)


def test_standard_errors_cover_the_true_weights() -> None:
    rng = np.random.default_rng(7)
    components, w = problem(3, 3, 100)
    keys = np.arange(100)
    named = {name: LeafDistribution(keys, p) for name, p in components.items()}
    mixed = w @ np.stack(list(components.values()))
    z = []
    for _ in range(20):
        sample = LeafDistribution.from_counts(keys, rng.multinomial(5000, mixed))
        found = effective_volumes(named, sample, bootstrap=60, seed=rng)
        assert found.standard_errors is not None
        z.append((found.weights - w) / found.standard_errors)
    spread = np.sqrt(np.mean(np.square(z)))
    assert 0.6 < spread < 1.5  # 60 numbers of variance 1: outside 0.6..1.5 with probability below 1e-5


def test_a_model_that_no_mixture_explains_is_refused() -> None:
    with pytest.raises(InvalidDistribution, match=r"mass 0\.25 on leaves that no component has.*add a component"):
        effective_volumes({"a": [0.5, 0.5, 0.0]}, [0.5, 0.25, 0.25])
    with pytest.raises(InvalidParameter, match="no components"):
        effective_volumes({}, [1.0])
    with pytest.raises(InvalidParameter, match="tolerance is a positive number"):
        effective_volumes({"a": [1.0]}, [1.0], tolerance=0)


@pytest.mark.claim("effective-depth-chain-rule")
@settings(max_examples=40, deadline=None)
@given(
    responses=st.lists(st.lists(st.integers(0, 3), max_size=9), min_size=1, max_size=8),
    depth=st.integers(1, 6),
    parse=st.sampled_from(["phrases", "prefix", "windows"]),
)
def test_layer_entropies_are_those_of_the_nodes_children_and_sum_to_the_entropy(
    responses: list[list[int]], depth: int, parse: str
) -> None:
    tree = TokenTree.build(Dataset.from_token_lists(responses, vocab_size=4), depth, parse)
    h = layer_entropies_bits(tree)
    assert h.sum() == pytest.approx(entropy_bits(tree.leaves()), abs=1e-12)
    for m, (layer, below) in enumerate(zip(tree.layers[:-1], tree.layers[1:], strict=True)):
        direct = 0.0
        for node in range(len(layer)):
            children = [*below.count[below.parent == node].tolist(), int(layer.eos_count[node])]
            direct -= sum(c / tree.total * math.log2(c / sum(children)) for c in children if c)
        assert h[m] == pytest.approx(direct, abs=1e-12)


def test_a_markov_source_has_its_entropy_rate_on_every_layer_but_the_first() -> None:
    source = MarkovSource(np.array([[0.9, 0.1], [0.3, 0.7]]))
    data = source.sample(400, 250, np.random.default_rng(0))
    h = layer_entropies_bits(TokenTree.build(data, 4, "windows").prune(4))
    assert h[1:] == pytest.approx(np.full(3, source.entropy_rate_bits), abs=0.03)  # EOS in 1 of 251 symbols adds 0.03


def test_effective_depth_stops_where_the_excess_exceeds_the_tolerance() -> None:
    assert effective_depth([0.5, 0.1], 0.4) == 0
    assert effective_depth([0.1, 0.1, 0.3], 0.2) == 2
    assert effective_depth([0.1, -0.2, 0.3], 1.0) == 3
    with pytest.raises(InvalidParameter, match="0 or more: not -1"):
        effective_depth([0.1], -1)
    with pytest.raises(InvalidParameter, match="one dimension"):
        effective_depth([[0.1]], 1)
