"""Sweeping along a tree's leaves gives what holding all of it gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab._support import jit
from compresslab.data.dataset import Dataset
from compresslab.errors import (
    CorruptFile,
    EmptyDataset,
    InvalidParameter,
    InvalidTokens,
    MismatchedVocabulary,
    UnreadableFile,
)
from compresslab.testing.strategies import token_lists
from compresslab.theory.mixture import Mixture
from compresslab.trees.out_of_core import sweeping
from compresslab.trees.out_of_core.sweeping import (
    aligned_counts,
    find_node,
    layer_pieces,
    merge_tree_files,
    prune_tree_file,
    sweep_mixtures,
)
from compresslab.trees.phrases import PARSES
from compresslab.trees.tree import TokenTree

pytestmark = pytest.mark.skipif(not jit.available(), reason="numba (extra 'scale') is not installed")
fast = settings(deadline=None, max_examples=50)
parses = st.sampled_from(PARSES)
depths = st.integers(1, 8)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(sweeping, "PIECE", 3)


def built(lists, depth, parse, vocab_size=3) -> TokenTree:
    return TokenTree.build(Dataset.from_token_lists(lists, vocab_size), depth, parse)


lists_of_three = token_lists(3)


@fast
@given(lists_of_three, depths, parses)
def test_layers_in_pieces_are_the_layers(lists, depth, parse):
    tree = built(lists, depth, parse)
    for m in range(1, depth + 1):
        pieces = list(layer_pieces(tree, m))
        for name in ("symbol", "count", "eos_count"):
            got = [x for piece in pieces for x in getattr(piece, name).tolist()]
            assert got == getattr(tree.layers[m], name).tolist(), (m, name)


@fast
@given(lists_of_three, depths, parses, st.lists(st.integers(0, 2), max_size=8))
def test_looking_up_along_the_leaves_finds_the_same_node(lists, depth, parse, prefix):
    tree = built(lists, depth, parse)
    assert find_node(tree, prefix[:depth]) == tree.find(prefix[:depth])
    assert [find_node(tree, node.prefix) for node in tree.nodes()] == list(tree.nodes())


@fast
@given(lists_of_three, depths, parses, st.data())
def test_pruning_on_disk_writes_the_pruned_tree(tmp_path_factory, lists, depth, parse, data):
    tree, to = built(lists, depth, parse), data.draw(st.integers(1, depth))
    folder = tmp_path_factory.mktemp("prune")
    tree.save(folder / "tree")
    tree.prune(to).save(folder / "want")
    prune_tree_file(TokenTree.load(folder / "tree", mapped=True), to, folder / "got")
    assert (folder / "got").read_bytes() == (folder / "want").read_bytes()


@fast
@given(st.lists(lists_of_three, min_size=1, max_size=5), depths, parses)
def test_merging_on_disk_writes_the_merged_tree(tmp_path_factory, many, depth, parse):
    trees = [built(lists, depth, parse) for lists in many]
    folder = tmp_path_factory.mktemp("merge")
    TokenTree.merge_all(trees).save(folder / "want")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweeping, "MEMORY", 400)
        merge_tree_files(trees, folder / "got")
    assert (folder / "got").read_bytes() == (folder / "want").read_bytes()
    assert sorted(p.name for p in folder.iterdir()) == ["got", "want"]


@fast
@given(st.lists(lists_of_three, min_size=1, max_size=6), depths, parses, st.integers(1, 3), st.data())
def test_a_sweep_of_mixtures_agrees_with_each_mixture(many, depth, parse, grid, data):
    trees = [built(lists, depth, parse) for lists in many]
    volume = st.floats(0.01, 100)
    volumes = np.array([[data.draw(volume) for _ in trees] for _ in range(grid)])
    swept = sweep_mixtures(trees, volumes, memory=500)
    for g in range(grid):
        named = {str(i): tree for i, tree in enumerate(trees)}
        mixture = Mixture(named, dict(zip(named, volumes[g].tolist(), strict=True)))
        np.testing.assert_allclose(swept.code_lengths_nats[g], mixture.code_lengths_nats(), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(swept.jacobian_nats[g], mixture.jacobian_nats(), rtol=1e-9, atol=1e-12)
        assert swept.num_leaves == mixture.probabilities.shape[1]
        scale = np.abs(volumes[g][:, None] * swept.jacobian_nats[g]).sum(axis=0)
        assert (np.abs(volumes[g] @ swept.jacobian_nats[g]) <= 1e-12 + 1e-12 * scale).all()


def test_aligned_counts_add_up_to_each_tree():
    trees = [built([[0, 1, 2] * i, [1]], 4, "windows") for i in range(1, 5)]
    pieces = list(aligned_counts(trees, memory=1000))
    assert len(pieces) > 1
    table = np.concatenate(pieces)
    assert table.sum(axis=0).tolist() == [tree.total for tree in trees]
    assert len(table) == TokenTree.merge_all(trees).num_leaves


def test_sweeps_of_parts_add_up():
    many = [[[0, 1], [0], [1, 1, 0], [2]], [[2, 2], [1, 0], [0], [0, 1]], [[1], [2, 1], [2], [0, 0], [0, 0]]]
    trees, volumes = [built(lists, 2, "prefix") for lists in many], [[1.0, 2.0, 3.0], [5.0, 1.0, 0.5]]
    whole = sweep_mixtures(trees, volumes)
    swept = [
        sweep_mixtures(
            [built([r for r in lists if r[0] in tokens], 2, "prefix") for lists in many],
            volumes,
            phrases=[tree.total for tree in trees],
        )
        for tokens in ({0}, {1, 2})
    ]
    np.testing.assert_allclose(sum(part.code_lengths_nats for part in swept), whole.code_lengths_nats, rtol=1e-14)
    np.testing.assert_allclose(sum(part.jacobian_nats for part in swept), whole.jacobian_nats, rtol=1e-12, atol=1e-15)
    assert sum(part.num_leaves for part in swept) == whole.num_leaves


def test_a_leaf_that_has_lost_its_count_is_refused(monkeypatch):
    tree = built([[0, 1], [2]], 2, "prefix")
    damaged = np.array([[1], [0]])
    monkeypatch.setattr(sweeping, "aligned_counts", lambda *_: iter([damaged]))
    with pytest.raises(CorruptFile, match="a leaf has no mass"):
        sweep_mixtures([tree], [1.0])


def test_bad_input_is_named(tmp_path):
    tree = built([[0, 1]], 3, "phrases")
    with pytest.raises(InvalidParameter, match=r"layers 1 to 3 below its root, not 4"):
        list(layer_pieces(tree, 4))
    with pytest.raises(InvalidParameter, match="longer than the tree is deep"):
        find_node(tree, [0, 0, 0, 0])
    with pytest.raises(InvalidTokens, match="token 5 is outside the vocabulary of 3"):
        find_node(tree, [5])
    with pytest.raises(InvalidParameter, match="cannot prune a tree of depth 3 to depth 4"):
        prune_tree_file(tree, 4, tmp_path / "x")
    with pytest.raises(UnreadableFile, match="is not a directory"):
        prune_tree_file(tree, 2, tmp_path / "no" / "x")
    with pytest.raises(EmptyDataset, match="no trees"):
        merge_tree_files([], tmp_path / "x")
    with pytest.raises(MismatchedVocabulary, match="vocabularies of 3 and 4"):
        list(aligned_counts([tree, built([[0, 1]], 3, "phrases", 4)]))
    with pytest.raises(InvalidParameter, match=r"depth 3 \(phrases\) and 2 \(phrases\)"):
        list(aligned_counts([tree, built([[0, 1]], 2, "phrases")]))
    with pytest.raises(InvalidParameter, match="give rows of 1 positive numbers"):
        sweep_mixtures([tree], [[1.0, 2.0]])
    with pytest.raises(InvalidParameter, match="positive numbers"):
        sweep_mixtures([tree], [0.0])
    with pytest.raises(InvalidParameter, match=r"phrases of shape \(2,\) for 1 trees: give a positive number for each"):
        sweep_mixtures([tree], [1.0], phrases=[1, 2])
