"""Building a tree file on a Dask cluster: shards are counted where there is a worker, and merged in a tree of merges.

All workers must see the token files and the work folder under the same names (a shared file system). Runs are what is
passed on, by name: a worker that dies takes nothing with it but what it was writing, and the task runs again elsewhere.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Sequence
from itertools import islice
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Final

from compresslab._support.cluster import WAIT, connected, dask_distributed, workers_of
from compresslab._support.files import name_beside
from compresslab.errors import EmptyDataset, InvalidParameter, WorkerKilled
from compresslab.trees.out_of_core.building import (
    DEEP,
    PER_SYMBOL,
    PER_SYMBOL_DEEP,
    Plan,
    Progress,
    budget,
    count_shard,
    finish_tree,
    largest_resumed,
    make_plan,
    merge_runs_on_disk,
    open_all,
    stream,
)
from compresslab.trees.out_of_core.parts import join_tree_parts
from compresslab.trees.out_of_core.shards import cut_shards
from compresslab.trees.out_of_core.spill import RunReader, is_finished, writing
from compresslab.trees.out_of_core.token_files import TokenFile

__all__ = ["build_tree_on_cluster"]

FAN_IN: Final = 8  # runs that one task merges
MERGE_MEMORY: Final = 256 << 20  # bytes of buffers in a merge
MOST_PARTS: Final = 64  # parts that a tree is made in where nobody says
TREES: Final = "trees"  # the folder of the parts' tree files


def build_tree_on_cluster(
    sources: str | PathLike[str] | TokenFile | Sequence[str | PathLike[str] | TokenFile],
    path: str | PathLike[str],
    depth: int,
    parse: str = "phrases",
    *,
    cluster: Any,
    vocab_size: int | None = None,
    memory: int | None = None,
    work: str | PathLike[str] | None = None,
    shard: int | None = None,
    parts: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Build the token tree of token files on a Dask cluster; the file is the one that a local build writes.

    The tree is made in parts, one for each range of first tokens, which the workers merge side by side.

    Args:
        sources: as in :func:`compresslab.trees.out_of_core.building.build_tree_file`.
        path: the tree file to write; a folder for several, if ``parts`` is given.
        depth: symbols per phrase, ``d``.
        parse: "phrases", "prefix" or "windows".
        cluster: a scheduler's address, or a ``dask.distributed.Client``.
        vocab_size: V; found in a pass over the files, here, where not given.
        memory: bytes that each worker's process may take; its own limit where not given.
        work: a folder that all workers see; beside ``path`` where not given.
        shard: symbols per shard, where it should not follow from the memory.
        parts: leave the tree in about so many files, ``part-0000.tree`` and so on (see
            :mod:`compresslab.trees.out_of_core.parts`); where not given, one process joins them into one file.
        progress: called with what is being done, how much of it is done, and how much there is.

    Raises:
        MissingExtra: dask or numba is missing.
        UnreadableFile: no scheduler answers, or a file cannot be read or written.
        InvalidParameter: as a local build; parts below 1.
        EmptyDataset: no responses.
        WorkerKilled: workers died of the same piece of work, one after the other.
    """
    distributed = dask_distributed("building on a cluster")
    if parts is not None and parts < 1:
        raise InvalidParameter(f"a tree cannot be written in {parts} parts: give 1 or more")
    files, target = open_all(sources), Path(path).absolute()
    folder = (Path(work) if work is not None else name_beside(target, ".work")).absolute()
    tell: Progress = progress or (lambda what, done, of: None)
    try:
        with connected(cluster, "building on a cluster") as client, writing(folder):
            limits = [facts["memory_limit"] // facts["nthreads"] for facts in workers_of(client, WAIT).values()]
            spare = budget(min(limits) if memory is None else memory)
            wanted = shard or spare // (PER_SYMBOL if depth <= DEEP else PER_SYMBOL_DEEP)
            plan = make_plan(
                files,
                folder,
                depth,
                parse,
                vocab_size,
                wanted,
                tell,
                min(len(limits), MOST_PARTS) if parts is None else parts,
                most=largest_resumed(wanted, shard, spare),
            )
            made = _build(distributed, client, _submit(client, files, plan, folder, len(limits)), plan, folder, tell)
            if not made:
                raise EmptyDataset(f"{fspath(files[0].path)} holds no tokens: there is nothing to count")
            if parts is None:
                tell("joining the parts", 0, 1)
                join_tree_parts(folder / TREES, target)
            else:
                target.mkdir(exist_ok=True)
                for part in made:
                    shutil.move(part, target / part.name)
            shutil.rmtree(folder, ignore_errors=True)
    except distributed.KilledWorker as error:
        raise WorkerKilled(
            f"workers of the cluster died of the same piece of work, as they do out of memory: give them more, or a "
            f"smaller memory= to count in; finished shards are kept in {folder}"
        ) from error


def _submit(client: Any, files: list[TokenFile], plan: Plan, folder: Path, workers: int) -> list[Any]:
    """Submit counting: a task for each file, or for every so-many-th shard of it where there are few files."""
    tasks = []
    for number, file in enumerate(files):
        shards = max(1, -(-file.size // plan.shard)) if file.size >= 0 else 1
        parts = min(shards, 4 * -(-workers // len(files)))
        key = f"count-{uuid.uuid4().hex}-{number}"
        tasks += [
            client.submit(_count, file, number, part, parts, plan, folder, key=f"{key}-{part}", pure=False)
            for part in range(parts)
        ]
    return tasks


def _count(file: TokenFile, number: int, part: int, parts: int, plan: Plan, folder: Path) -> list[Path]:
    """Count shards ``part``, ``part + parts``, ... of a file."""
    runs = []
    for i, shard in enumerate(islice(cut_shards(stream([file]), plan.shard, plan.depth), part, None, parts)):
        run = folder / "runs" / f"{number:06d}-{part + i * parts:06d}"
        if not all(map(is_finished, plan.runs_of(run))):
            count_shard(shard, plan, run)
        runs.append(run)
    return runs


def _merge(groups: list[list[Path]], part: int | None, plan: Plan, folder: Path) -> list[Path]:
    """Merge runs, a few at a time, until one is left."""
    runs, level = _runs(groups, part, plan), 0
    while len(runs) > 1:
        runs = [
            merge_runs_on_disk(
                runs[lo : lo + FAN_IN], folder.with_name(f"{folder.name}-{level}-{lo}"), plan, MERGE_MEMORY
            )
            for lo in range(0, len(runs), FAN_IN)
        ]
        level += 1
    return runs


def _finish(groups: list[list[Path]], part: int | None, plan: Plan, folder: Path, tree: Path) -> Path | None:
    """Merge runs into the tree file of a part; None if they hold nothing."""
    runs = _runs(groups, part, plan)
    if not tree.exists():
        if not any(RunReader(run).leaves for run in runs):
            return None
        own = folder / f"{tree.stem}-{uuid.uuid4().hex}"  # a worker thought dead may still be at the same part
        own.mkdir(parents=True)
        tree.parent.mkdir(exist_ok=True)
        finish_tree(runs, plan, tree, own, MERGE_MEMORY, lambda what, done, of: None)
    return tree


def _runs(groups: list[list[Path]], part: int | None, plan: Plan) -> list[Path]:
    """Put runs together; of whole ones (``part`` is given), take a part of each."""
    runs = [run for group in groups for run in group]
    return runs if part is None else [plan.runs_of(run)[part] for run in runs]


def _build(distributed: Any, client: Any, counts: list[Any], plan: Plan, folder: Path, tell: Progress) -> list[Path]:
    """Merge what counting returns, part by part, each in a tree of merges, and return the parts' tree files."""
    every, last = list(counts), []
    for part in range(len(plan.cuts) + 1):
        tasks, level = counts, 0
        while len(tasks) > FAN_IN:
            tasks = [
                client.submit(
                    _merge, tasks[lo : lo + FAN_IN], None if level else part, plan,
                    folder / "merged" / f"{part}-{level}-{lo}", pure=False,
                )
                for lo in range(0, len(tasks), FAN_IN)
            ]  # fmt: skip
            every += tasks
            level += 1
        tree = folder / TREES / f"part-{part:04d}.tree"
        last.append(client.submit(_finish, tasks, None if level else part, plan, folder / "parts", tree, pure=False))
    every += last
    for done, _ in enumerate(distributed.as_completed(every), start=1):
        tell("counting and merging on the cluster (tasks)", done, len(every))
    return [tree for tree in client.gather(last) if tree is not None]
