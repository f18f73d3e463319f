"""Work folders of trees built out of core, as a killed build leaves them and others change them; tree parts."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from compresslab.data.dataset import Dataset
from compresslab.trees.out_of_core.building import build_tree_file
from compresslab.trees.out_of_core.memory import resident_bytes
from compresslab.trees.out_of_core.parts import join_tree_parts
from compresslab.trees.out_of_core.sweeping import open_tree_parts
from compresslab.trees.tree import TokenTree

from .chance import damaged, hostile_int, json_text, twist_json
from .engine import REFUSED, Game, Kind
from .tree_files import Parts, pack_tree, phrases_of

__all__ = ["KINDS", "warm"]

DEPTH: Final = 3
MEMORY: Final = 420 << 20
WHEN: Final = 1_700_000_000_000_000_000  # ns: a plan names its files by their times too
TOKENS: Final = np.random.default_rng(5).integers(0, 7, 400).astype("<u2")


class _Killed(Exception):
    pass


def _whole(digits: str) -> int:
    """A whole number of JSON; one of more digits than Python reads is nothing that these games go on from."""
    return int(digits) if len(digits) < 1000 else 0


def source(folder: Path) -> Path:
    """Write the token file that all builds here are of."""
    path = folder / "t.bin"
    path.write_bytes(TOKENS.tobytes())
    os.utime(path, ns=(WHEN, WHEN))
    return path


@lru_cache(maxsize=1)
def right_tree() -> TokenTree:
    return TokenTree.build(Dataset.from_arrays(TOKENS, vocab_size=7), DEPTH)


@lru_cache(maxsize=1)
def half_built(folder: Path) -> dict[str, bytes]:
    """Return the files of the work folder that a build leaves when it is killed after its shards were counted."""

    def kill(what: str, done: int, of: int) -> None:
        if what.startswith(("merging", "writing")):
            raise _Killed

    work = folder / "work"
    with contextlib.suppress(_Killed):
        build(source(folder), folder / "tree", work, kill)
    held = {str(path.relative_to(work)): path.read_bytes() for path in sorted(work.rglob("*")) if path.is_file()}
    shutil.rmtree(work, ignore_errors=True)
    return held


def build(path: Path, target: Path, work: Path, report: Any = None) -> None:
    build_tree_file(
        path, target, DEPTH, vocab_size=7, memory=resident_bytes() + MEMORY, work=work, shard=80, progress=report
    )


def play_work(game: Game) -> None:
    """A build goes on in a folder in which something was changed: it gives the right tree, or says what is wrong."""
    chance = game.chance
    files = dict(half_built(game.folder))
    signed = False  # whether numbers were changed under a right checksum: then nobody can know
    for _ in range(chance.choice((1, 1, 2))):
        name = chance.choice(("plan.json", "plan.json", *files))
        if name not in files:
            continue
        roll = chance.randrange(6)
        if name.endswith(".json") and roll < 4:
            try:
                held = json.loads(files[name], parse_int=_whole)
            except (ValueError, RecursionError):  # it was damaged before
                continue
            if name == "plan.json" and roll == 0 and isinstance(held, dict):
                key = chance.choice(("shard", "vocab_size", "depth", "parts"))
                held[key] = hostile_int(chance, held.get(key, 1))
            elif roll == 1:
                held = twist_json(chance, held, 2)
            else:
                held = twist_json(chance, held)
            if name == "plan.json" and isinstance(held, dict) and chance.random() < 0.5:
                held, signed = _signed_again(held), True
            files[name] = json_text(chance, held)
        elif roll < 5:
            files[name] = damaged(chance, files[name])
            if not name.endswith(".json"):
                signed = True
                _sum_again(files, name)
        else:
            del files[name]
    work = game.folder / "work"
    for name, data in files.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_bytes(data)
    target = game.folder / "tree"
    if game.attempt("build", build, source(game.folder), target, work) is not REFUSED:
        tree = game.attempt("load", TokenTree.load, target)
        if tree is REFUSED:
            game.wrong("build", "made what is not a tree")
        else:
            game.check("build", signed or tree == right_tree(), "made another tree")


def _signed_again(plan: dict[str, Any]) -> dict[str, Any]:
    """Make the checksum of a plan right again."""
    rest = {key: value for key, value in plan.items() if key != "sha256"}
    return rest | {"sha256": hashlib.sha256(json.dumps(rest).encode()).hexdigest()}


def _sum_again(files: dict[str, bytes], name: str) -> None:
    """Make a run's checksum, and mostly its sizes, right again."""
    folder, _, part = name.rpartition("/")
    note = f"{folder}/run.json"
    if note not in files:
        return
    try:
        held = json.loads(files[note], parse_int=_whole)
        which = ["shared", "length", "counts", "symbols"].index(part)
        held["crc32"][which] = zlib.crc32(files[name])
        held["sizes"][which] = len(files[name]) // np.dtype(held["dtypes"][which]).itemsize
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return
    files[note] = json.dumps(held).encode()


@lru_cache(maxsize=1)
def parts_of_tree() -> tuple[list[TokenTree], TokenTree]:
    """Return a tree in three parts, and the tree."""
    rng = np.random.default_rng(3)
    lists = [rng.integers(0, 9, rng.integers(0, 3)).tolist() for _ in range(60)]
    groups: list[list[list[int]]] = [[], [], []]
    for one in lists:
        groups[0 if not one else one[0] // 3].append(one)
    trees = [TokenTree.build(Dataset.from_token_lists(group, vocab_size=9), 2, "prefix") for group in groups]
    return trees, TokenTree.build(Dataset.from_token_lists(lists, vocab_size=9), 2, "prefix")


def play_parts(game: Game) -> None:
    """A tree in parts, one of which is of another tree, out of order, missing, or changed."""
    chance = game.chance
    trees, whole = parts_of_tree()
    files = [pack_tree(Parts(tree)) for tree in trees]
    right = True
    for _ in range(chance.choice((0, 1, 1, 2))):
        right = False
        at, roll = chance.randrange(len(files)), chance.randrange(6)
        if roll == 0:
            chance.shuffle(files)
        elif roll == 1:
            files[at] = files[chance.randrange(len(files))]
        elif roll == 2:
            parts = Parts(trees[min(at, 2)])
            parts.meta["vocab_size"] = chance.choice((8, 10, 2**32))
            parts.meta["parse"] = chance.choice(("phrases", "windows"))
            files[at] = pack_tree(parts)
        elif roll == 3:
            parts = Parts(trees[min(at, 2)])
            name = chance.choice(list(parts.arrays))
            array = parts.arrays[name].copy()
            if array.size:
                array[chance.randrange(array.size)] = chance.randrange(256)
            parts.arrays[name] = array if chance.random() < 0.5 else array[:-1]
            files[at] = pack_tree(parts)
        elif roll == 4:
            files[at] = damaged(chance, files[at])
        else:
            files[at] = pack_tree(Parts(right_tree()))
    for i, body in enumerate(files):
        game.write(f"part-{i:04d}.tree", body)
    target = game.folder / "joined"
    opened = game.attempt("open", open_tree_parts, game.folder)
    if game.attempt("join", join_tree_parts, game.folder, target) is not REFUSED:
        tree = game.attempt("load", TokenTree.load, target)
        if right:
            game.check("join", tree == whole, "made another tree")
        else:
            game.check("join", tree is not REFUSED and phrases_of(tree) is not None, "made what is not a tree")
    elif right:
        game.wrong("join", "refused a right tree" if opened else "refused right parts")


KINDS = (Kind("builds: work folders", play_work, 3), Kind("builds: parts", play_parts, 3))


def warm(folder: Path) -> None:
    right_tree(), parts_of_tree(), half_built(folder)
