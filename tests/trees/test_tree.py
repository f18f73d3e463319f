"""Token trees against a dictionary of prefixes, exactly; pruning, merging and files as laws."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from compresslab.data.dataset import Dataset
from compresslab.errors import (
    CompressLabError,
    CorruptFile,
    EmptyDataset,
    InvalidParameter,
    InvalidTokens,
    MismatchedVocabulary,
    UnreadableFile,
)
from compresslab.testing.strategies import datasets, depths, parses, token_lists, trees, vocab_sizes
from compresslab.trees.counting import count_phrases
from compresslab.trees.counting.numpy_any_depth import count_refining
from compresslab.trees.counting.numpy_words import count_packed, fits
from compresslab.trees.leaves import LocatedPhrases, SortedLeaves
from compresslab.trees.phrases import PARSES, locate_phrases, num_phrases
from compresslab.trees.tree import TokenTree

law = settings(max_examples=150, deadline=None)
few = settings(max_examples=50, deadline=None)
EOS = -1


# ---- the specification, as plainly as it can be written ----


def phrases_of(response: list[int], depth: int, parse: str) -> list[tuple[int, ...]]:
    """Cut one response into phrases; EOS is written as -1."""
    symbols = (*response, EOS)
    if parse == "prefix":
        return [symbols[:depth]]
    step = depth if parse == "phrases" else 1
    return [symbols[at : at + depth] for at in range(0, len(symbols), step)]


def brute_force(lists: list[list[int]], depth: int, parse: str) -> tuple[Counter[Any], Counter[Any]]:
    """Return every node's count and every leaf's count: (a) EOS leaves, (b) prefixes of d tokens that go on."""
    nodes: Counter[tuple[int, ...]] = Counter()
    leaves: Counter[tuple[int, ...]] = Counter()
    for response in lists:
        for phrase in phrases_of(response, depth, parse):
            leaves[phrase] += 1
            for m in range(len(phrase) + 1):
                nodes[phrase[:m]] += 1
    return nodes, leaves


def check_against(tree: TokenTree, lists: list[list[int]], depth: int, parse: str) -> None:
    nodes, leaves = brute_force(lists, depth, parse)
    inner = {prefix: n for prefix, n in nodes.items() if EOS not in prefix}
    assert tree.depth == depth
    assert tree.total == sum(leaves.values())
    assert tree.num_leaves == len(leaves)
    assert tree.num_nodes == len(inner)
    assert tree.num_eos_leaves == sum(EOS in leaf for leaf in leaves)

    found = tree.leaves(exact=True)
    keys = [tuple(row) for row in found.keys.tolist()]
    assert keys == sorted(keys)
    padded = {leaf + (EOS,) * (depth - len(leaf)): n for leaf, n in leaves.items()}
    assert found.counts is not None
    assert dict(zip(keys, found.counts.tolist(), strict=True)) == padded
    assert found.as_dict() == {key: Fraction(n, tree.total) for key, n in padded.items()}
    assert np.array_equal(tree.leaves().probabilities, found.counts / tree.total)

    prefixes: list[tuple[int, ...]] = [()]
    assert len(tree.layers) == depth + 1
    for m, layer in enumerate(tree.layers):
        if m:
            above = prefixes
            prefixes = [
                (*above[parent], symbol)
                for parent, symbol in zip(layer.parent.tolist(), layer.symbol.tolist(), strict=True)
            ]
        assert layer.depth == m
        assert prefixes == sorted(prefix for prefix in inner if len(prefix) == m)
        assert layer.count.tolist() == [inner[prefix] for prefix in prefixes]
        assert layer.eos_count.tolist() == [nodes[(*prefix, EOS)] for prefix in prefixes]
        assert len(layer) == len(prefixes)
        # An inner node is the sum of its children, EOS included; the root is everything.
        if m:
            children = np.bincount(layer.parent, layer.count, minlength=len(tree.layers[m - 1]))
            assert np.array_equal(children + tree.layers[m - 1].eos_count, tree.layers[m - 1].count)
    assert int(tree.layers[0].count[0]) == tree.total

    walked = list(tree.nodes())
    assert [node.prefix for node in walked] == sorted(inner)
    assert all((node.count, node.eos_count) == (inner[node.prefix], nodes[(*node.prefix, EOS)]) for node in walked)
    for node in walked[:20]:
        assert tree.find(node.prefix) == node


def arrays_of(tree: TokenTree) -> list[Any]:
    held = tree.sorted_leaves
    return [(a.dtype, a.tolist()) for a in (*held.symbols, held.shared, held.length, held.counts)]


# ---- counting ----


@law
@given(st.data(), vocab_sizes, depths, parses)
def test_tree_equals_the_dictionary_of_prefixes(data: st.DataObject, V: int, depth: int, parse: str) -> None:
    lists = data.draw(token_lists(V))
    check_against(TokenTree.build(Dataset.from_token_lists(lists, vocab_size=V), depth, parse), lists, depth, parse)


@few
@given(
    st.lists(st.text("ab é\n", max_size=10), min_size=1, max_size=6),
    st.sampled_from(["bits", "bytes", "words"]),
    depths,
    parses,
)
@example(texts=["", ""], tokenizer="bits", depth=64, parse="windows")
@example(texts=["a" * 20], tokenizer="bits", depth=64, parse="phrases")
def test_tree_equals_the_dictionary_of_prefixes_for_all_tokenizers(
    texts: list[str], tokenizer: str, depth: int, parse: str
) -> None:
    dataset = Dataset.from_texts(texts, tokenizer)
    lists = [response.tolist() for response in dataset]
    check_against(TokenTree.build(dataset, depth, parse), lists, depth, parse)


@pytest.mark.parametrize("parse", PARSES)
@pytest.mark.parametrize(
    "depth",  # by default, both sides of every bound of a word or a byte
    [d if d < 5 or d % 8 in {0, 1, 7} else pytest.param(d, marks=pytest.mark.slow) for d in range(1, 65)],
)
def test_every_depth_to_64(depth: int, parse: str) -> None:
    rng = random.Random(depth)
    lists = [[rng.randrange(2) for _ in range(rng.choice([0, 1, depth - 1, depth, depth + 1, 70]))] for _ in range(4)]
    lists.append(lists[0])
    check_against(TokenTree.build(Dataset.from_token_lists(lists, vocab_size=2), depth, parse), lists, depth, parse)


@pytest.mark.parametrize("parse", PARSES)
@pytest.mark.parametrize("depth", [1, 2, 64])
def test_only_empty_responses(depth: int, parse: str) -> None:
    tree = TokenTree.build(Dataset.from_token_lists([[], [], []], vocab_size=4), depth, parse)
    check_against(tree, [[], [], []], depth, parse)
    assert (tree.num_leaves, tree.num_nodes, tree.total) == (1, 1, 3)


@law
@given(st.data(), st.integers(1, 12))
def test_both_engines_agree(data: st.DataObject, depth: int) -> None:
    V = data.draw(st.sampled_from([2, 3, 16, 2 ** (64 // depth) if depth > 1 else 2**32]))
    dataset = data.draw(datasets(min(V, 2**32)))
    bits = max(1, (dataset.vocab_size - 1).bit_length())
    for parse in PARSES:
        strings = LocatedPhrases(dataset.tokens, *locate_phrases(dataset.offsets, depth, parse))  # type: ignore[arg-type]
        refined = count_refining(strings, depth)
        answers = [count_phrases(dataset.tokens, dataset.offsets, depth, parse)]  # type: ignore[arg-type]
        if fits(bits, depth):
            answers.append(count_packed(strings, depth, bits))
        for other in answers:
            assert same_leaves(refined, other)


def same_leaves(a: SortedLeaves, b: SortedLeaves) -> bool:
    pairs = [*zip(a.symbols, b.symbols, strict=True), (a.shared, b.shared), (a.length, b.length), (a.counts, b.counts)]
    return all(np.array_equal(x, y) for x, y in pairs)


@pytest.mark.parametrize("parse", PARSES)
@pytest.mark.parametrize(("V", "depth"), [(2, 5), (256, 4), (256, 12), (2**32, 3)])
def test_more_leaves_than_a_block(monkeypatch: pytest.MonkeyPatch, V: int, depth: int, parse: str) -> None:
    """Counting works a block of rows at a time: what crosses a block's edge must not show."""
    rng = np.random.default_rng(V)
    lists = [rng.choice([0, 1, V - 1], int(n)).tolist() for n in rng.integers(0, 30, 40)]
    dataset = Dataset.from_token_lists(lists, vocab_size=V)
    whole = TokenTree.build(dataset, depth, parse)
    for name in ("numpy_words", "numpy_any_depth"):
        monkeypatch.setattr(f"compresslab.trees.counting.{name}.BLOCK", 7)
    small = TokenTree.build(dataset, depth, parse)
    assert small == whole
    check_against(small, lists, depth, parse)


@given(token_lists(3), st.integers(1, 9), parses)
def test_number_of_phrases(lists: list[list[int]], depth: int, parse: str) -> None:
    lengths = np.array([len(response) for response in lists])
    counted = num_phrases(lengths, depth, parse)  # type: ignore[arg-type]
    assert counted.tolist() == [len(phrases_of(response, depth, parse)) for response in lists]
    tree = TokenTree.build(Dataset.from_token_lists(lists, vocab_size=3), depth, parse)
    assert tree.total == counted.sum()
    if parse == "phrases":  # ceil(|x| / d), the EOS counted
        assert counted.tolist() == [-(-(len(response) + 1) // depth) for response in lists]


@given(token_lists(4), st.integers(1, 9))
def test_every_phrase_is_a_leaf(lists: list[list[int]], depth: int) -> None:
    """What makes a code on the leaves decodable: the phrases of a response, each a leaf, spell the response."""
    leaves = TokenTree.build(Dataset.from_token_lists(lists, vocab_size=4), depth).leaves().as_dict()
    for response in lists:
        phrases = phrases_of(response, depth, "phrases")
        assert all(phrase + (EOS,) * (depth - len(phrase)) in leaves for phrase in phrases)
        assert [s for phrase in phrases for s in phrase] == [*response, EOS]


def test_huge_counts_keep_every_unit() -> None:
    dataset = Dataset.from_arrays(np.zeros(70_000, np.uint8), vocab_size=1)
    tree = TokenTree.build(dataset, 1, "windows")
    assert tree.leaves(exact=True).as_dict() == {(-1,): Fraction(1, 70_001), (0,): Fraction(70_000, 70_001)}
    doubled = TokenTree.merge_all([tree] * 1000)
    assert doubled.total == 70_001_000
    assert doubled.layers[1].count.tolist() == [70_000_000]


# ---- pruning and merging ----


@law
@given(datasets(), depths, parses, st.data())
def test_pruning(dataset: Dataset, depth: int, parse: str, data: st.DataObject) -> None:
    tree = TokenTree.build(dataset, depth, parse)
    to = data.draw(st.integers(1, depth))
    pruned = tree.prune(to)
    nodes, _ = brute_force([r.tolist() for r in dataset], depth, parse)
    inner = {prefix: n for prefix, n in nodes.items() if EOS not in prefix and len(prefix) <= to}
    assert {node.prefix: node.count for node in pruned.nodes()} == inner
    assert pruned.total == tree.total
    assert pruned.parse == tree.parse
    assert tree.prune(depth) == tree
    between = data.draw(st.integers(to, depth))
    assert arrays_of(tree.prune(between).prune(to)) == arrays_of(pruned)
    if parse in ("prefix", "windows"):  # phrases start at the same places whatever the depth
        assert arrays_of(pruned) == arrays_of(TokenTree.build(dataset, to, parse))


@pytest.mark.slow
@pytest.mark.claim("prune-mix-commute")
@law
@given(st.data(), vocab_sizes, depths, parses)
def test_pruning_commutes_with_merging(data: st.DataObject, V: int, depth: int, parse: str) -> None:
    held = data.draw(st.lists(trees(V, depth, parse), min_size=1, max_size=4))
    to = data.draw(st.integers(1, depth))
    assert arrays_of(TokenTree.merge_all(held).prune(to)) == arrays_of(
        TokenTree.merge_all([tree.prune(to) for tree in held])
    )


@few
@given(st.data(), vocab_sizes, depths, parses)
def test_merging_is_the_volume_weighted_mixture(data: st.DataObject, V: int, depth: int, parse: str) -> None:
    a, b = (data.draw(trees(V, depth, parse)) for _ in range(2))
    merged, W = a.merge(b).leaves(exact=True).as_dict(), a.total + b.total
    p, q = (tree.leaves(exact=True).as_dict() for tree in (a, b))
    assert set(merged) == set(p) | set(q)
    assert all(x * W == p.get(key, 0) * a.total + q.get(key, 0) * b.total for key, x in merged.items())


@few
@given(st.data(), vocab_sizes, depths, parses)
def test_shards_in_any_order_give_the_same_file(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, V: int, depth: int, parse: str
) -> None:
    lists = data.draw(token_lists(V))
    whole = TokenTree.build(Dataset.from_token_lists(lists, vocab_size=V), depth, parse)
    order = data.draw(st.permutations(range(len(lists))))
    cuts = [*sorted(data.draw(st.lists(st.integers(1, len(lists)), max_size=3))), len(lists)]
    groups = [order[a:b] for a, b in zip([0, *cuts[:-1]], cuts, strict=True) if a < b]
    shards = [Dataset.from_token_lists([lists[i] for i in group], vocab_size=V) for group in groups]
    built = [TokenTree.build(shard, depth, parse) for shard in shards]
    at_once = TokenTree.merge_all(built)
    one_by_one = built[0]
    for tree in built[1:]:
        one_by_one = tree.merge(one_by_one)
    assert at_once == one_by_one == whole
    folder = tmp_path_factory.mktemp("trees")
    for name, tree in (("whole", whole), ("at_once", at_once), ("one_by_one", one_by_one)):
        tree.save(folder / name)
    contents = {path.read_bytes() for path in folder.iterdir()}
    assert len(contents) == 1
    loaded = TokenTree.load(folder / "whole")
    assert loaded == whole
    assert arrays_of(loaded) == arrays_of(whole)
    assert (loaded.vocab_size, loaded.parse, loaded.total) == (whole.vocab_size, whole.parse, whole.total)


def test_trees_that_differ_are_not_equal() -> None:
    build = TokenTree.build
    tree = build(Dataset.from_token_lists([[0, 1]], vocab_size=2), 2)
    others = [
        build(Dataset.from_token_lists([[0, 0]], vocab_size=2), 2),
        build(Dataset.from_token_lists([[0, 1], [0, 1]], vocab_size=2), 2),
        build(Dataset.from_token_lists([[0, 1]], vocab_size=3), 2),
        build(Dataset.from_token_lists([[0, 1]], vocab_size=2), 3),
        build(Dataset.from_token_lists([[0, 1]], vocab_size=2), 2, "prefix"),
        "a tree",
    ]
    assert all(tree != other for other in others)
    assert tree == build(Dataset.from_token_lists([[0, 1]], vocab_size=2), 2)
    with pytest.raises(TypeError, match="unhashable"):
        hash(tree)


# ---- finding ----


@law
@given(trees(), st.data())
def test_find_returns_none_for_a_missing_phrase(tree: TokenTree, data: st.DataObject) -> None:
    known = {node.prefix: node for node in tree.nodes()}
    prefix = tuple(data.draw(st.lists(st.integers(0, min(tree.vocab_size - 1, 3)), max_size=tree.depth)))
    assert tree.find(prefix) == known.get(prefix)
    assert tree.find(list(prefix)) == tree.find(np.array(prefix, np.int64)) == known.get(prefix)


def test_find_takes_bytes_and_numpy() -> None:
    tree = TokenTree.build(Dataset.from_texts(["to be", "to do"]), 4, "prefix")
    node = tree.find(b"to ")
    assert node is not None
    assert (node.prefix, node.count, node.eos_count) == ((116, 111, 32), 2, 0)
    assert tree.find(np.array([116, 111], np.uint8)) == tree.find(b"to")
    assert tree.find([]) == tree.find(b"") == next(tree.nodes())
    assert tree.find(b"x") is None


@pytest.mark.parametrize(
    ("prefix", "error", "message"),
    [
        ([0, 1, 0], InvalidParameter, "a prefix of 3 tokens is longer than the tree is deep (2)"),
        ([2], InvalidTokens, "token 2 is outside the vocabulary of 2"),
        ([-1], InvalidTokens, "token -1 is outside"),
        ([0.5], InvalidTokens, "whole numbers, or bytes: not [0.5]"),
        ("ab", InvalidTokens, "not 'ab'; encode it first"),
        (None, InvalidTokens, "not None"),
    ],
)
def test_find_refuses(prefix: Any, error: type[Exception], message: str) -> None:
    tree = TokenTree.build(Dataset.from_token_lists([[0, 1]], vocab_size=2), 2)
    with pytest.raises(error) as caught:
        tree.find(prefix)
    assert message in str(caught.value)


# ---- files ----


@pytest.fixture
def small_tree() -> TokenTree:
    return TokenTree.build(Dataset.from_token_lists([[0, 1, 0], [], [2]], vocab_size=3), 2)


@pytest.mark.slow
def test_every_flipped_bit_is_noticed(tmp_path: Path, small_tree: TokenTree) -> None:
    path = tmp_path / "tree"
    small_tree.save(path)
    good = path.read_bytes()
    assert TokenTree.load(path) == small_tree
    for at in range(len(good)):
        for bit in range(8):
            path.write_bytes(good[:at] + bytes([good[at] ^ 1 << bit]) + good[at + 1 :])
            with pytest.raises(CorruptFile):
                TokenTree.load(path)


def test_every_truncation_and_addition_is_noticed(tmp_path: Path, small_tree: TokenTree) -> None:
    path = tmp_path / "tree"
    small_tree.save(path)
    good = path.read_bytes()
    for size in range(len(good)):
        path.write_bytes(good[:size])
        with pytest.raises(CorruptFile):
            TokenTree.load(path)
    for more in (b"\0", b"x" * 64, good):
        path.write_bytes(good + more)
        with pytest.raises(CorruptFile, match="checksum does not match; restore it, or build the tree again"):
            TokenTree.load(path)


def forge(path: Path, old: bytes, new: bytes) -> None:
    """Change a file's header and give it the checksums that belong to the change."""
    data = path.read_bytes()
    start = 12 + int.from_bytes(data[8:12], "little")
    head, rest = data[:start].replace(old, new), data[start + 32 : -32]
    seal = hashlib.blake2b(head, digest_size=32).digest()
    arrays = json.loads(data[12:start])["arrays"]
    sums = seal + rest[-32 * len(arrays) :]
    path.write_bytes(head + seal + rest + hashlib.blake2b(sums, digest_size=32).digest())


def test_a_file_of_a_later_version_says_so(tmp_path: Path, small_tree: TokenTree) -> None:
    path = tmp_path / "tree"
    small_tree.save(path)
    forge(path, b'"version":2', b'"version":3')
    with pytest.raises(CorruptFile, match="format version 3, this compresslab reads 1 to 2: update it"):
        TokenTree.load(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"parse":"phrases"', b'"parse":"phrasez"'),
        (b'"vocab_size"', b'"vocab_sine"'),
        (b'"version"', b'"wersion"'),
        (b'{"arrays"', b'["arrays"'),
        (b'"|u1"', b'"|x1"'),
        (b'"name":"counts"', b'"name":"kounts"'),
        (b'"size":', b'"sise":'),
    ],
)
def test_a_broken_header_with_a_right_checksum_is_corrupt(
    tmp_path: Path, small_tree: TokenTree, old: bytes, new: bytes
) -> None:
    path = tmp_path / "tree"
    small_tree.save(path)
    assert old in path.read_bytes()
    forge(path, old, new)
    with pytest.raises(CorruptFile, match="header"):
        TokenTree.load(path)


@pytest.mark.parametrize("content", [b"", b"CLTREE", b"CLTREE\r\n", b"\x89PNG\r\n\x1a\n" * 9, b"to be or not" * 20])
def test_a_file_that_is_not_a_tree_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(CorruptFile, match="other (is not a token tree file|is damaged)"):
        TokenTree.load(path)


def test_files_that_cannot_be_read_or_written(tmp_path: Path, small_tree: TokenTree) -> None:
    for path in (tmp_path / "missing", tmp_path, tmp_path / "a\0b"):
        with pytest.raises(UnreadableFile, match="cannot read "):
            TokenTree.load(path)
    for path in (tmp_path / "no" / "tree", tmp_path, tmp_path / "a\0b"):
        with pytest.raises(UnreadableFile, match="cannot write "):
            small_tree.save(path)
    assert list(tmp_path.iterdir()) == []  # nothing half-written is left behind


def test_saving_replaces_and_leaves_nothing_else(tmp_path: Path, small_tree: TokenTree) -> None:
    path = tmp_path / "tree"
    path.write_bytes(b"old")
    small_tree.save(str(path))
    assert TokenTree.load(str(path)) == small_tree
    assert [p.name for p in tmp_path.iterdir()] == ["tree"]


def test_arrays_in_a_file_are_aligned(tmp_path: Path) -> None:
    tree = TokenTree.build(Dataset.from_token_lists([[70_000, 1, 5], [300]], vocab_size=2**17), 3)
    tree.save(tmp_path / "tree")
    data = (tmp_path / "tree").read_bytes()
    header = data[12 : 12 + int.from_bytes(data[8:12], "little")]
    import json

    entries = json.loads(header)["arrays"]
    assert [entry["offset"] % 64 for entry in entries] == [0] * 6
    for entry, array in zip(entries[:3], tree.sorted_leaves.symbols, strict=True):
        assert np.frombuffer(data, entry["dtype"], entry["size"], entry["offset"]).tolist() == array.tolist()


# ---- bad input ----


@pytest.mark.parametrize("depth", [0, -1, 65_536, 2.0, "2", None, True, np.array([1, 2])])
def test_bad_depths(depth: Any) -> None:
    with pytest.raises(InvalidParameter) as caught:
        TokenTree.build(Dataset.from_token_lists([[0]]), depth)
    assert (
        str(caught.value) == f"a tree's depth is a whole number of layers from 1 to 65535, not {depth!r}: choose d >= 1"
    )


@pytest.mark.parametrize(
    ("parse", "hint"),
    [("window", "did you mean 'windows'?"), ("phrase", "did you mean 'phrases'?"), (None, "known are")],
)
def test_bad_parses(parse: Any, hint: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        TokenTree.build(Dataset.from_token_lists([[0]]), 1, parse)
    assert f"unknown parse {parse!r}" in str(caught.value)
    assert hint in str(caught.value)


def test_numpy_depths_are_numbers() -> None:
    assert TokenTree.build(Dataset.from_token_lists([[0]]), np.uint8(2)).depth == 2  # type: ignore[arg-type]


def test_impossible_merges_and_prunings_are_refused(small_tree: TokenTree) -> None:
    build = TokenTree.build
    with pytest.raises(EmptyDataset, match="no trees to merge: give at least one"):
        TokenTree.merge_all([])
    with pytest.raises(MismatchedVocabulary, match="vocabularies of 3 and 4 tokens.*one tokenizer"):
        small_tree.merge(build(Dataset.from_token_lists([[0]], vocab_size=4), 2))
    with pytest.raises(InvalidParameter, match="depth 2 and 5 cannot be merged: prune the deeper one to 2"):
        small_tree.merge(build(Dataset.from_token_lists([[0]], vocab_size=3), 5))
    with pytest.raises(InvalidParameter, match="parse 'phrases' and 'windows' cannot be merged"):
        small_tree.merge(build(Dataset.from_token_lists([[0]], vocab_size=3), 2, "windows"))
    with pytest.raises(InvalidParameter, match="cannot prune a tree of depth 2 to depth 3: build the deeper tree"):
        small_tree.prune(3)
    with pytest.raises(InvalidParameter, match="not 0"):
        small_tree.prune(0)
    for error in (EmptyDataset, MismatchedVocabulary, InvalidParameter):
        assert issubclass(error, CompressLabError)
        assert issubclass(error, ValueError)
