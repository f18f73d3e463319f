"""The token tree of token files: on this machine within a memory budget, or on a cluster."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from compresslab._support.files import file_at, name_beside, temporary_folder
from compresslab._support.interrupts import if_stopped
from compresslab.trees.out_of_core.building import Progress, build_tree_file
from compresslab.trees.out_of_core.cluster import build_tree_on_cluster
from compresslab.trees.out_of_core.memory import parse_bytes
from compresslab.trees.out_of_core.sweeping import prune_tree_file
from compresslab.trees.out_of_core.token_files import open_tokens
from compresslab.trees.tree import TokenTree

__all__ = ["top_of", "tree_of_token_files"]


def tree_of_token_files(
    paths: Sequence[str | PathLike[str]],
    depth: int,
    parse: str = "phrases",
    *,
    save: str | PathLike[str] | None = None,
    dtype: str | None = None,
    eos: int | None = None,
    column: str | None = None,
    vocab_size: int | None = None,
    memory: str | None = None,
    cluster: str | None = None,
    progress: Progress | None = None,
) -> TokenTree:
    """Build the token tree of token files of any size, and open it as a memory map.

    Args:
        paths: token files; see :mod:`compresslab.trees.out_of_core.token_files`.
        depth: symbols per phrase, ``d``.
        parse: "phrases", "prefix" or "windows".
        save: the tree file to write; a temporary one where not given.
        dtype: whole numbers of a ``.bin`` without a header; uint16 where not given.
        eos: the token that ends each response.
        column: which column of a Parquet or Arrow file.
        vocab_size: V; the largest token plus one where not given.
        memory: what the process (on a cluster, each worker) may take in all, such as "2GB".
        cluster: a Dask scheduler's address; this machine where not given.
        progress: called with what is being done, how much of it is done, and how much there is (-1: not known).
    """
    files = [open_tokens(path, dtype, eos, column) for path in paths]
    limit = None if memory is None else parse_bytes(memory)
    with temporary_folder() as folder:
        path = folder / "tree" if save is None else Path(save)
        with if_stopped(lambda: _kept(save)):
            if cluster is None:
                build_tree_file(files, path, depth, parse, vocab_size=vocab_size, memory=limit, progress=progress)
            else:
                build_tree_on_cluster(
                    files, path, depth, parse, cluster=cluster, vocab_size=vocab_size, memory=limit, progress=progress
                )
        return TokenTree.load(path, mapped=True)  # the map outlives a temporary file


def _kept(save: str | PathLike[str] | None) -> str:
    """Say what an interrupted build leaves behind; a work folder that no build can go on from is removed."""
    if save is None:
        return "no count is kept; with --save FILE a build goes on where it was stopped"
    target = Path(save)
    work = name_beside(file_at(target) if target.is_symlink() else target, ".work")
    if all(run.suffix == ".part" for run in work.glob("runs/*")):
        shutil.rmtree(work, ignore_errors=True)
        return "no shard was counted yet; the same command begins again"
    return f"the shards that are counted are kept in {work}; the same command goes on from there"


def top_of(tree: TokenTree, depth: int) -> TokenTree:
    """Return a mapped tree cut to its top layers, which take little memory."""
    if depth >= tree.depth:
        return tree
    with temporary_folder() as folder:
        prune_tree_file(tree, depth, folder / "top")
        return TokenTree.load(folder / "top")
