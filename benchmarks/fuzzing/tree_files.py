"""Forged tree files: a header in JSON and flat arrays, each of them changed, with the checksum made right again."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from compresslab.data.dataset import Dataset
from compresslab.lm.tree_file_model import load_tree_model
from compresslab.theory.code_length import entropy_bits
from compresslab.trees import tree_file as treefile
from compresslab.trees.out_of_core.sweeping import (
    find_node,
    layer_pieces,
    merge_tree_files,
    prune_tree_file,
    sweep_mixtures,
)
from compresslab.trees.tree import TokenTree

from .chance import damaged, hostile_int, hostile_json, hostile_text, json_text, twist_json
from .engine import REFUSED, Game, Kind

__all__ = ["KINDS", "Parts", "pack_tree", "some_tree", "warm"]

ALIGN: Final = 64
NAMES: Final = ("shared", "length", "counts")
DTYPES: Final = (
    "<f8", "<f4", "<i8", "<i4", "|i1", ">u2", ">u8", "<u8", "<u4", "|u1", "<u2", "|b1", "<c16", "<M8[s]", "|O", "|V0",
    "|V8", "<U4", "|S0", "u1,u1", "(2,)u1", "", "x", "<u3", "=u2", "Q", "f16",
)  # fmt: skip


@lru_cache(maxsize=32)
def some_tree(which: int) -> TokenTree:
    """Return one of some small trees, which differ in vocabulary, depth and parse."""
    rng = np.random.default_rng(which)
    vocab = (2, 5, 256, 300, 70_000)[which % 5]
    lists = [rng.integers(0, min(vocab, 4 + which), rng.integers(0, 9)).tolist() for _ in range(1 + 3 * (which % 4))]
    data = Dataset.from_token_lists([[vocab - 1], *lists], vocab_size=vocab)
    return TokenTree.build(data, 1 + which % 4, ("phrases", "prefix", "windows")[which % 3])


class Parts:
    """A tree file taken apart: the header's entries and the arrays, to be changed and put together again."""

    def __init__(self, tree: TokenTree, version: int = treefile._VERSION) -> None:
        held = tree.sorted_leaves
        self.arrays: dict[str, NDArray[Any]] = {f"symbols{m}": one for m, one in enumerate(held.symbols, 1)}
        self.arrays |= {"shared": held.shared, "length": held.length, "counts": held.counts}
        self.meta: dict[str, Any] = {"vocab_size": tree.vocab_size, "parse": tree.parse}
        self.version = version
        self.fingerprints: Any = {}


def parts(chance: random.Random) -> Parts:
    """Take a tree apart, for a file of either version."""
    return Parts(some_tree(chance.randrange(32)), chance.choice((1, 2, 2)))


def pack_tree(
    parts: Parts, change_header: Callable[[dict[str, Any]], Any] | None = None, chance: random.Random | None = None
) -> bytes:
    """Put a tree file together, with right checksums.

    Args:
        parts: its header and arrays.
        change_header: changes the header's JSON on the way.
        chance: writes that JSON as no writer does, or (without a change) damages a part before its checksum is made.
    """
    sealed = parts.version != 1
    entries: list[dict[str, Any]] = []
    blocks: list[bytes] = []
    for name, array in parts.arrays.items():
        raw = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        blocks.append(raw + bytes(-len(raw) % ALIGN))
        entries.append({"name": name, "dtype": array.dtype.newbyteorder("<").str, "size": array.size, "offset": 0})
    header = {**parts.meta, "version": parts.version, "arrays": entries}
    if sealed:
        header["fingerprints"] = parts.fingerprints
    room = 12 + len(json.dumps(header)) + 20 * len(entries) + (32 if sealed else 0)
    at = room = -(-room // ALIGN) * ALIGN
    for entry, block in zip(entries, blocks, strict=True):
        entry["offset"] = at
        at += len(block)
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    if change_header is not None and chance is not None:
        text = json_text(chance, change_header(header))
    elif chance is not None and chance.random() < 0.3:
        text = damaged(chance, text)
    elif chance is not None:
        which = chance.randrange(len(blocks))
        blocks[which] = damaged(chance, blocks[which])
    text = text.ljust(room - 12 - (32 if sealed else 0))
    head = treefile._MAGIC + len(text).to_bytes(4, "little") + text
    if not sealed:
        body = head + b"".join(blocks)
        return body + digest_of(body)
    seal = digest_of(head)
    sums = b"".join(map(digest_of, blocks))
    return head + seal + b"".join(blocks) + sums + digest_of(seal + sums)


def digest_of(body: bytes) -> bytes:
    """Return the checksum of bytes."""
    return hashlib.blake2b(body, digest_size=32).digest()


# ---- what is right: counted with Python's own numbers, from the arrays as they are ----


def phrases_of(tree: TokenTree) -> dict[tuple[int, ...], int] | None:
    """Return every leaf's tokens and count, EOS leaves ending in -1; None where the arrays are not a tree's."""
    held, depth = tree.sorted_leaves, tree.depth
    columns = [one.tolist() for one in (held.shared, held.length, held.counts)]
    if len({len(one) for one in columns}) != 1 or not columns[0] or not depth:
        return None
    at = [0] * depth
    leaves: dict[tuple[int, ...], int] = {}
    before: tuple[int, ...] | None = None
    for shared, length, count in zip(*columns, strict=True):
        bound = 0 if before is None else len([token for token in before if token >= 0])
        if not (isinstance(shared, int) and isinstance(length, int) and isinstance(count, int)):
            return None
        if not (
            0 <= shared <= length <= depth and shared <= bound and count > 0 and (before is not None or not shared)
        ):
            return None
        tokens = list(before[:shared]) if before else []
        for m in range(shared, length):
            layer = held.symbols[m]
            if at[m] >= len(layer):
                return None
            tokens.append(int(layer[at[m]]))
            at[m] += 1
        key = (*tokens, -1) if length < depth else tuple(tokens)
        if any(not 0 <= token < tree.vocab_size for token in tokens) or (before is not None and key <= before):
            return None
        if before is not None and shared < min(len(key), len(before)) and key[shared] == before[shared]:
            return None  # they share more than they say
        leaves[key] = count
        before = key
    return leaves if at == [len(one) for one in held.symbols] else None


def cut(leaves: dict[tuple[int, ...], int], depth: int) -> dict[tuple[int, ...], int]:
    """Return leaves pruned to a depth."""
    out: dict[tuple[int, ...], int] = {}
    for key, count in leaves.items():
        short = key[:depth]
        out[short] = out.get(short, 0) + count
    return out


def joined(*several: dict[tuple[int, ...], int]) -> dict[tuple[int, ...], int]:
    """Return the sum of leaves."""
    out: dict[tuple[int, ...], int] = {}
    for leaves in several:
        for key, count in leaves.items():
            out[key] = out.get(key, 0) + count
    return out


def bits(leaves: dict[tuple[int, ...], int]) -> float:
    """Return the entropy of leaves."""
    p = np.array(list(leaves.values()), float)
    p /= p.sum()
    return float(-(p * np.log2(p)).sum())


def use_tree(game: Game, path: Path, mapped: bool) -> None:
    """Load a tree file and do with it all that is done with trees; the right results follow from its arrays."""
    way = "mapped" if mapped else "read"
    tree = game.attempt(f"load, {way}", TokenTree.load, path, mapped=mapped)
    if not mapped and game.chance.random() < 0.2:
        verified = game.attempt("verify", treefile.verify_tree_file, path)
        game.check("verify", (verified is REFUSED) == (tree is REFUSED), "says another thing than loading")
    if tree is REFUSED:
        return
    try:
        leaves = phrases_of(tree)
    except Exception as error:  # arrays of other types
        leaves = None
        game.wrong(f"load, {way}", f"took arrays that no tree has ({type(error).__name__})")
        return
    if leaves is None and not mapped:
        game.wrong(f"load, {way}", "took arrays that are not a tree's")
        return
    if not isinstance(tree.vocab_size, int) or not 1 <= tree.vocab_size <= 1 << 32:
        game.wrong(f"load, {way}", "took a vocabulary that no tree has")
        return
    # Of a mapped file the values are not read: garbage in, garbage out, as long as nothing is read from outside.
    judged = leaves is not None or not fits(tree)
    chance = game.chance
    acts = ["entropy", "nodes", "layers", "find", "merge", "prune", "save", "sweep", "files", "model"]
    for act in chance.sample(acts, 4):
        faults = len(game.faults)
        _act(game, f"{act}, {way}", act, tree, leaves, path)
        if not judged:
            game.faults[faults:] = [one for one in game.faults[faults:] if one.outcome != "silent"]


def fits(tree: TokenTree) -> bool:
    """Tell whether lengths agree, and every layer has a symbol for each of its nodes: no kernel reads outside."""
    held, depth = tree.sorted_leaves, tree.depth
    shared, length = held.shared.astype(np.int64), held.length.astype(np.int64)
    if not (shared.size == length.size == held.counts.size) or not shared.size or shared[0]:
        return False
    if (shared < 0).any() or (shared > length).any() or (length > depth).any() or (shared[1:] > length[:-1]).any():
        return False
    layers = [int(((shared < m) & (m <= length)).sum()) for m in range(1, depth + 1)]
    return layers == [one.size for one in held.symbols]


def _act(
    game: Game, where: str, act: str, tree: TokenTree, leaves: dict[tuple[int, ...], int] | None, path: Path
) -> None:
    """Do one thing. Where the arrays are not a tree's, it must be refused: a result is wrong, whatever it is."""
    chance, out = game.chance, game.folder / "out.tree"

    def is_tree(found: Any, wanted: dict[tuple[int, ...], int] | None) -> None:
        if found is not REFUSED:
            game.check(where, wanted is not None and phrases_of(found) == wanted, "made another tree")

    if act == "entropy":
        found = game.attempt(where, lambda: entropy_bits(tree.leaves()))
        if found is not REFUSED:
            game.check(where, leaves is not None and abs(found - bits(leaves)) < 1e-9, "is another entropy")
    elif act == "nodes":
        found = game.attempt(where, lambda: sum(1 for _ in tree.nodes()))
        if found is not REFUSED:
            game.check(where, leaves is not None and found == len(_prefixes(leaves)), "is another number of nodes")
    elif act == "layers":
        layer = chance.randrange(1, tree.depth + 1)
        found = game.attempt(where, lambda: sum(int(part.count.sum()) for part in layer_pieces(tree, layer)))
        if found is not REFUSED:
            reach = sum(n for key, n in (leaves or {}).items() if len([t for t in key if t >= 0]) >= layer)
            game.check(where, leaves is not None and found == reach, "are other counts")
    elif act == "find":
        prefix = [chance.randrange(min(tree.vocab_size, 9)) for _ in range(chance.randrange(1, tree.depth + 1))]
        call = chance.choice((tree.find, lambda tokens: find_node(tree, tokens)))
        found = game.attempt(where, call, prefix)
        if found is not REFUSED:
            count = sum(n for key, n in (leaves or {}).items() if list(key[: len(prefix)]) == prefix)
            game.check(where, leaves is not None and (found.count if found else 0) == count, "is another count")
    elif act == "merge":
        is_tree(game.attempt(where, tree.merge, tree), leaves and joined(leaves, leaves))
    elif act == "prune":
        depth = chance.randrange(1, tree.depth + 1)
        is_tree(game.attempt(where, tree.prune, depth), leaves and cut(leaves, depth))
    elif act == "save":
        if game.attempt(where, tree.save, out) is not REFUSED:
            is_tree(game.attempt(where, TokenTree.load, out), leaves)
    elif act == "sweep":
        found = game.attempt(where, sweep_mixtures, [tree, tree], [1.0, 2.0])
        if found is not REFUSED:
            nats = bits(leaves) * np.log(2) if leaves else np.nan
            game.check(where, bool(np.allclose(found.code_lengths_nats, nats)), "are other code lengths")
    elif act == "files":
        if chance.random() < 0.5:
            depth = chance.randrange(1, tree.depth + 1)
            made, wanted = game.attempt(where, prune_tree_file, tree, depth, out), leaves and cut(leaves, depth)
        else:
            made, wanted = game.attempt(where, merge_tree_files, [tree, tree], out), leaves and joined(leaves, leaves)
        if made is not REFUSED:
            is_tree(game.attempt(where, TokenTree.load, out), wanted)
    else:
        model = game.attempt(where, load_tree_model, path)
        if model is not REFUSED:
            rows = game.attempt(where, model.log_probs, [[model.eos_id, 0]])
            if rows is not REFUSED:
                game.check(where, bool(np.allclose(np.exp(rows).sum(-1), 1)), "are not probabilities")


def _prefixes(leaves: dict[tuple[int, ...], int]) -> set[tuple[int, ...]]:
    return {key[:m] for key in leaves for m in range(len([token for token in key if token >= 0]) + 1)}


# ---- the kinds ----


def _finish(game: Game, data: bytes) -> None:
    mapped = game.chance.random() < 0.5
    path = game.write("f.tree", data)
    use_tree(game, path, mapped)


def play_right(game: Game) -> None:
    """A tree file as it should be: every result is right."""
    _finish(game, pack_tree(parts(game.chance)))
    game.check("load", not any(fault.outcome == "raw" for fault in game.faults) and game.read > 0, "was refused")


def play_header(game: Game) -> None:
    """The header: fields of other types and values, arrays missing, twice, of other types, lengths and places."""
    chance = game.chance

    def change(header: dict[str, Any]) -> Any:
        roll = chance.randrange(8)
        arrays = header["arrays"]
        if roll < 4:
            entry = chance.choice(arrays)
            key = chance.choice(("dtype", "size", "offset", "name"))
            if key == "dtype":
                entry[key] = chance.choice(DTYPES) if chance.random() < 0.9 else hostile_json(chance)
            elif key == "name":
                entry[key] = chance.choice((*(one["name"] for one in arrays), "symbols0", hostile_text(chance)))
            else:
                entry[key] = hostile_int(chance, entry[key]) if chance.random() < 0.9 else hostile_json(chance)
        elif roll == 4:
            header["vocab_size"] = hostile_int(chance, header["vocab_size"])
        elif roll == 5:
            header["parse"] = chance.choice(("phrases", "prefix", "windows", hostile_text(chance)))
        elif roll == 6:
            chance.shuffle(arrays)
            del arrays[chance.randrange(len(arrays)) :]
        return twist_json(chance, header, chance.choice((0, 0, 1)))

    held = parts(chance)
    if chance.random() < 0.1:
        held.fingerprints = chance.choice(
            ({"tokenizer": "00ff"}, {"a": "0"}, {hostile_text(chance): "00"}, hostile_json(chance))
        )
    data = pack_tree(held, change, chance)
    if chance.random() < 0.1:
        data = data[:8] + (hostile_int(chance, 500, 0) % 2**32).to_bytes(4, "little") + data[12:]
    _finish(game, data)


def play_arrays(game: Game) -> None:
    """The arrays: an element changed, lengths that do not agree, another order, another type."""
    chance = game.chance
    held = parts(chance)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        name = chance.choice([*held.arrays, *NAMES])
        array = held.arrays[name].copy()
        roll = chance.randrange(8)
        if roll < 4 and array.size and array.dtype.kind in "iu":  # it may have got another type in an earlier turn
            top = int(np.iinfo(array.dtype).max)
            at = chance.randrange(array.size)
            array[at] = chance.choice((0, 1, top, min(top, int(array[at]) + 1), chance.randrange(top + 1)))
        elif roll == 4:
            array = array[: chance.randrange(array.size + 1)]
        elif roll == 5:
            array = np.concatenate([array, array[: chance.randrange(1, 9)]])
        elif roll == 6:
            array = array[::-1].copy()
        else:
            array = array.astype(chance.choice(("u1", "u2", "u4", "u8", "i8", "f8", "i1")))
        held.arrays[name] = array
    _finish(game, pack_tree(held))


def play_damage(game: Game) -> None:
    """Damage without a checksum to match (the checksum must tell) and damage under a right one."""
    chance = game.chance
    if chance.random() < 0.5:
        _finish(game, pack_tree(parts(chance), None, chance))
        return
    whole = pack_tree(parts(chance))
    data = damaged(chance, whole)
    path = game.write("f.tree", data)
    loaded = game.attempt("load, read", TokenTree.load, path)
    if loaded is not REFUSED:
        game.check("load, read", data == whole, "took a damaged file")
    if chance.random() < 0.5:
        use_tree(game, path, True)


KINDS = (
    Kind("tree: right", play_right, 1),
    Kind("tree: header", play_header, 7),
    Kind("tree: arrays", play_arrays, 7),
    Kind("tree: damage", play_damage, 3),
)


def warm(folder: Path) -> None:
    """Compile what is compiled."""
    for which in range(32):
        tree = some_tree(which)
        path = folder / "out.tree"
        for trees in ([tree, tree], [tree.merge(tree)] * 2):
            sweep_mixtures(trees, [1.0, 2.0])
            merge_tree_files(trees, path)
        prune_tree_file(tree, 1, path)
