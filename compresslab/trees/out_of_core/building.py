"""Building a tree file from token files within a memory budget, so that a killed build goes on where it was.

Shards are counted one after the other and spilled as runs; the runs are merged, and become the tree file. Which shards
there are follows from the files and the plan alone, so a finished run never has to be made again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Final

import numpy as np

from compresslab._support import jit
from compresslab._support.arrays import checked_vocab_size, smallest_unsigned
from compresslab._support.files import file_at, name_beside, put, write_atomic
from compresslab._support.json_text import read_json
from compresslab.errors import CorruptFile, EmptyDataset, InvalidParameter, InvalidTokens, MissingExtra, UnreadableFile
from compresslab.trees.counting.compiled_any_depth import TextLeaves, sort_leaves
from compresslab.trees.out_of_core.layers import write_tree_of_runs
from compresslab.trees.out_of_core.memory import available_bytes, resident_bytes
from compresslab.trees.out_of_core.merging import merge_on_disk, one_ahead
from compresslab.trees.out_of_core.parts import choose_cuts, cut_leaves, part_of_run
from compresslab.trees.out_of_core.shards import Shard, cut_shards
from compresslab.trees.out_of_core.spill import RunReader, RunWriter, is_finished, remove_unfinished, writing
from compresslab.trees.out_of_core.token_files import Block, TokenFile, largest_token, open_tokens
from compresslab.trees.phrases import Parse, check_depth, check_parse
from compresslab.trees.tree_file import verify_tree_file

__all__ = [
    "Plan",
    "Progress",
    "budget",
    "build_tree_file",
    "count_shard",
    "count_shards",
    "finish_tree",
    "make_plan",
    "merge_runs_on_disk",
    "open_all",
    "stream",
]

Progress = Callable[[str, int, int], None]  # what is done, how much of it, of how much (-1: not known)

PER_SYMBOL: Final = 26  # bytes that counting takes at its peak for each symbol of a shard
PER_SYMBOL_DEEP: Final = 160  # the same where the text may have to be ranked (see `rank_doubling`)
DEEP: Final = 64
OVERHEAD: Final = 160 << 20  # bytes beyond what the process holds before: compiled code, buffers
LEAST: Final = 64 << 20  # bytes for a shard, without which it is not worth starting
FAN_IN: Final = 64  # runs merged at a time
LEAVES: Final = 1 << 16  # leaves written at a time
BLOCK: Final = 1 << 22  # tokens read at a time


@dataclass(frozen=True)
class Plan:
    """What decides the tree file and the shards on the way to it.

    Attributes:
        files: a fingerprint of each token file.
        depth: symbols per phrase, ``d``.
        parse: the parse mode.
        vocab_size: V.
        shard: symbols per shard.
        parts: how many parts of the tree were asked for.
        cuts: the first token of each part after the first one.
    """

    files: list[list[Any]]
    depth: int
    parse: Parse
    vocab_size: int
    shard: int
    parts: int = 1
    cuts: tuple[int, ...] = ()

    def packed(self) -> bytes:
        """Return the plan as JSON, with its SHA-256: under another plan, finished runs would make another tree."""
        held = asdict(self)
        return json.dumps(held | {"sha256": hashlib.sha256(json.dumps(held).encode()).hexdigest()}).encode()

    def runs_of(self, run: Path) -> list[Path]:
        """Return the names of a run's parts: its own name, where the tree is made in one part."""
        return [part_of_run(run, part) for part in range(len(self.cuts) + 1)] if self.cuts else [run]


def build_tree_file(
    sources: str | PathLike[str] | TokenFile | Sequence[str | PathLike[str] | TokenFile],
    path: str | PathLike[str],
    depth: int,
    parse: str = "phrases",
    *,
    vocab_size: int | None = None,
    memory: int | None = None,
    work: str | PathLike[str] | None = None,
    shard: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Build the token tree of token files, of any size, and write it to a file that :meth:`TokenTree.load` reads.

    The file is the one that :meth:`TokenTree.save` would write, byte for byte. A build that was killed goes on where it
    was when it is called again with the same arguments.

    Args:
        sources: one or several token files (see :func:`compresslab.trees.out_of_core.token_files.open_tokens`).
        path: the tree file to write.
        depth: symbols per phrase, ``d``.
        parse: "phrases", "prefix" or "windows".
        vocab_size: V; the largest token plus one where not given, which takes a pass over the files.
        memory: bytes that the process may take in all; half of what is free where not given.
        work: a folder for what is spilled, several times the size of the tokens; beside ``path`` where not given.
        shard: symbols per shard, where it should not follow from the memory.
        progress: called with what is being done, how much of it is done, and how much there is (-1: not known).

    Raises:
        MissingExtra: numba is missing.
        InvalidParameter: a bad depth, parse or memory; the work folder belongs to another build.
        EmptyDataset: no responses.
        InvalidTokens: a token outside the vocabulary.
        UnreadableFile: a file cannot be read or written, or the disk is full: what is finished is kept.
        CorruptFile: a token file or a run is damaged.
    """
    files = open_all(sources)
    target = file_at(path)
    if not target.parent.is_dir():
        raise UnreadableFile(f"cannot write {fspath(path)}: {Path(path).parent} is not a directory")
    folder = Path(work) if work is not None else name_beside(target, ".work")
    tell: Progress = progress or (lambda what, done, of: None)
    with writing(folder):
        resumed = (folder / "runs").exists()
        spare = budget(memory)
        wanted = shard or spare // (PER_SYMBOL if depth <= DEEP else PER_SYMBOL_DEEP)
        most = largest_resumed(wanted, shard, memory)
        plan = make_plan(files, folder, depth, parse, vocab_size, wanted, tell, most=most)
        remove_unfinished(folder / "runs")
        runs = count_shards(stream(files), plan, folder / "runs", tell, sum(file.size for file in files))
        if not runs:
            raise EmptyDataset(f"{fspath(files[0].path)} holds no tokens: there is nothing to count")
        finish_tree(runs, plan, target, folder, spare // 2, tell, verify=resumed)


def open_all(sources: str | PathLike[str] | TokenFile | Sequence[str | PathLike[str] | TokenFile]) -> list[TokenFile]:
    """Open token files, given one or several of them."""
    if not jit.available():
        raise MissingExtra("counting token files larger than memory", "scale")
    several = [sources] if isinstance(sources, (str, PathLike, TokenFile)) else list(sources)
    if not several:
        raise EmptyDataset("no token files: give at least one")
    return [source if isinstance(source, TokenFile) else open_tokens(source) for source in several]


def stream(files: Iterable[TokenFile]) -> Iterator[Block]:
    """Read files one after the other."""
    for file in files:
        yield from file.read(BLOCK)


def make_plan(
    files: Sequence[TokenFile],
    folder: Path,
    depth: int,
    parse: str,
    vocab_size: int | None,
    shard: int,
    tell: Progress,
    parts: int | None = 1,
    *,
    most: int,
) -> Plan:
    """Plan a build, or take up the plan of an earlier attempt at the same one (in as many parts, where not given).

    The finished shards of an earlier plan are counted again only where its shards hold more than ``most`` symbols.

    Raises:
        InvalidParameter: the folder holds the plan of another build.
        CorruptFile: its plan is damaged.
    """
    shard = max(shard, 2 * check_depth(depth))
    vocab_size = None if vocab_size is None else checked_vocab_size(vocab_size)
    prints, known, note = [file.fingerprint() for file in files], check_parse(parse), folder / "plan.json"
    if note.exists():
        held = _read_plan(note)
        same = (held.files, held.depth, held.parse) == (prints, depth, known) and parts in (None, held.parts)
        if not same or vocab_size not in (None, held.vocab_size):
            raise InvalidParameter(
                f"{folder} holds another build (depth {held.depth}, {held.parse}, other files or other options): "
                "remove it, or give another folder for the work"
            )
        if held.shard <= max(most, shard):
            return held
        shutil.rmtree(folder / "runs", ignore_errors=True)  # those shards are too large for the memory there is now
        vocab_size, parts = held.vocab_size, held.parts
    if vocab_size is None:
        tell("reading the vocabulary", 0, 1)
        vocab_size = largest_token(files) + 1
        if not vocab_size:
            raise EmptyDataset("the files hold no tokens, so no vocabulary: give vocab_size")
    parts = parts or 1
    plan = Plan(prints, depth, known, vocab_size, shard, parts, tuple(choose_cuts(files, parts)))
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(note, [plan.packed()])
    return plan


def largest_resumed(wanted: int, shard: int | None, memory: int | None) -> int:
    """Return the largest shard with which an earlier build goes on, where a new one would take ``wanted`` symbols.

    What is free changes from one moment to the next, and what this process takes does too: nobody's finished shards are
    to be lost for that. Shards follow from half of what is free, so that twice as much still fits.

    Example:
        >>> largest_resumed(1600, None, None), largest_resumed(1600, None, 10**9), largest_resumed(1600, 1600, None)
        (3200, 1700, 1600)
    """
    if shard is not None:
        return wanted
    return 2 * wanted if memory is None else wanted + wanted // 16


def _read_plan(note: Path) -> Plan:
    try:
        found = read_json(note)
        if not isinstance(found, dict):
            raise ValueError("it is not a JSON object")
        digest = found.pop("sha256", None)
        held = Plan(**found)
        held = replace(held, cuts=tuple(held.cuts))
        whole = (held.depth, held.vocab_size, held.shard, held.parts, *held.cuts)
        if not all(type(number) is int and number > 0 for number in whole) or list(held.cuts) != sorted(set(held.cuts)):
            raise ValueError(f"its numbers are {whole!r:.80}")
        check_depth(held.depth)
        checked_vocab_size(held.vocab_size)
        check_parse(held.parse)
        if digest != json.loads(held.packed())["sha256"]:
            raise ValueError("its checksum is not that of what it says: it was changed, or is of an earlier version")
    except (ValueError, TypeError) as error:
        raise CorruptFile(f"{note} is not a plan of a build ({error}): remove {note.parent} and build again") from error
    return held


def budget(memory: int | None) -> int:
    """Return the bytes that a shard may take, of the memory that the whole process may take."""
    total = available_bytes() // 2 if memory is None else memory
    spare = total - (resident_bytes() if memory is not None else 0) - OVERHEAD
    if spare < LEAST:
        needed = (total - spare + LEAST) / 1e6
        raise InvalidParameter(
            f"{total / 1e6:,.0f} MB of memory are too few to count in: give at least {needed:,.0f} MB"
        )
    return spare


def count_shards(blocks: Iterable[Block], plan: Plan, folder: Path, tell: Progress, total: int) -> list[Path]:
    """Count a stream shard by shard, and spill each as a run; runs that are there already are kept."""
    runs: list[Path] = []
    done = 0
    for shard in cut_shards(blocks, plan.shard, plan.depth):
        run = folder / f"{len(runs):06d}"
        done += len(shard.tokens)
        if not is_finished(run):
            count_shard(shard, plan, run)
        runs.append(run)
        tell("counting shards", min(done, total) if total >= 0 else done, total)
    return runs


def count_shard(shard: Shard, plan: Plan, folder: Path) -> None:
    """Count one shard and write its run, in as many parts as are planned."""
    largest = int(shard.tokens.max(initial=0))
    if largest >= plan.vocab_size:
        raise InvalidTokens(
            f"token {largest} is outside the vocabulary of {plan.vocab_size}: give a vocab_size above it"
        )
    leaves = sort_leaves(shard.tokens, shard.offsets, plan.depth, plan.parse, resumes=shard.resumes, cut=shard.cut)
    for run, part in zip(plan.runs_of(folder), cut_leaves(leaves, plan.cuts), strict=True):
        if not is_finished(run):
            _write_run(part, plan, run)


def _write_run(leaves: TextLeaves, plan: Plan, folder: Path) -> None:
    small = smallest_unsigned(plan.depth)
    writer = RunWriter(folder, (small, small, leaves.counts.dtype, smallest_unsigned(plan.vocab_size - 1)))
    try:
        for pieces in leaves.runs(LEAVES):
            writer.write(*pieces)
        writer.finish()
    except BaseException:
        writer.discard()
        raise


def merge_runs_on_disk(runs: Sequence[Path], folder: Path, plan: Plan, memory: int) -> Path:
    """Merge runs into one; return where it is. One that is there already is kept."""
    if is_finished(folder):
        return folder
    readers = [RunReader(run) for run in runs]
    small = smallest_unsigned(plan.depth)
    writer = RunWriter(folder, (small, small, np.dtype(np.int64), smallest_unsigned(plan.vocab_size - 1)))
    try:
        for piece in one_ahead(merge_on_disk(readers, plan.depth, memory)):
            writer.write(piece.shared, piece.length, piece.counts, piece.symbols)
        writer.finish()
    except BaseException:
        writer.discard()
        raise
    finally:
        for reader in readers:
            reader.close()
    return folder


def finish_tree(
    runs: list[Path], plan: Plan, target: Path, folder: Path, memory: int, tell: Progress, *, verify: bool = False
) -> None:
    """Merge all runs into the tree file, and remove the work folder.

    Args:
        runs: what the shards were counted to.
        plan: of the build.
        target: the tree file.
        folder: the work folder.
        memory: bytes to merge in.
        tell: called with what is done.
        verify: check the tree before it gets its name: some runs are of an earlier attempt, and may have changed.
    """
    level = 0
    while len(runs) > FAN_IN:
        level += 1
        groups = [runs[lo : lo + FAN_IN] for lo in range(0, len(runs), FAN_IN)]
        merged = []
        for i, group in enumerate(groups):
            merged.append(merge_runs_on_disk(group, folder / f"merged{level}" / f"{i:06d}", plan, memory))
            tell("merging shards", i + 1, len(groups))
        runs = merged
    layers = folder / "layers"
    shutil.rmtree(layers, ignore_errors=True)
    layers.mkdir()
    readers = [RunReader(run) for run in runs]
    total, done = sum(reader.leaves for reader in readers), 0

    def told() -> Iterator[Any]:
        nonlocal done
        for piece in one_ahead(merge_on_disk(readers, plan.depth, memory)):
            yield piece
            done += len(piece)
            tell("writing the tree (leaves)", done, total)

    try:
        write_tree_of_runs(told(), layers / "tree", layers, plan.depth, plan.vocab_size, plan.parse)
        if verify:
            try:
                verify_tree_file(layers / "tree")
            except CorruptFile as error:
                raise CorruptFile(
                    f"{folder} holds runs that do not make a tree: they were changed since they were counted; delete it"
                ) from error
        put(layers / "tree", target)
    except BaseException:
        shutil.rmtree(layers, ignore_errors=True)
        raise
    finally:
        for reader in readers:
            reader.close()
    shutil.rmtree(folder, ignore_errors=True)
