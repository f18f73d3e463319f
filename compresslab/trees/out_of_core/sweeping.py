"""Reading, pruning, merging and mixing trees that are mapped into memory: along the leaves, a piece at a time.

Nothing here holds more than a few pieces, whatever the tree's size; the pages of the map are the system's to drop.

Example:
    >>> from compresslab.data.dataset import Dataset
    >>> tree = TokenTree.build(Dataset.from_texts(["ab", "ac"]), depth=3)
    >>> find_node(tree, b"a").count
    2
    >>> np.concatenate([piece.symbol for piece in layer_pieces(tree, 2)]).tolist()
    [98, 99]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from compresslab._support.arrays import as_array, smallest_unsigned
from compresslab._support.files import file_at, put, temporary_folder
from compresslab.errors import (
    CorruptFile,
    EmptyDataset,
    InvalidParameter,
    InvalidTokens,
    MismatchedVocabulary,
    UnreadableFile,
)
from compresslab.trees.counting.front_coded import Run
from compresslab.trees.counting.kernels import merging as merge_kernels
from compresslab.trees.leaves import SortedLeaves, Unsigned
from compresslab.trees.out_of_core.layers import write_tree_of_runs
from compresslab.trees.out_of_core.merging import align_readers, merge_on_disk
from compresslab.trees.out_of_core.parts import tree_part_files
from compresslab.trees.out_of_core.spill import writing
from compresslab.trees.phrases import check_depth
from compresslab.trees.tree import Node, TokenTree

__all__ = [
    "LayerPiece",
    "MixtureSweep",
    "TreeReader",
    "aligned_counts",
    "find_node",
    "layer_pieces",
    "merge_tree_files",
    "open_tree_parts",
    "prune_tree_file",
    "sweep_mixtures",
]

PIECE: Final = 1 << 20  # leaves looked at a time
MEMORY: Final = 256 << 20  # bytes of buffers in a merge


class TreeReader:
    """Reads a tree's leaves as a run, cut to a depth: leaves that are equal then share all their tokens."""

    def __init__(self, leaves: SortedLeaves, depth: int) -> None:
        self.dtypes = (
            smallest_unsigned(depth),
            smallest_unsigned(depth),
            leaves.counts.dtype,
            leaves.symbols[0].dtype,
        )
        self.name = "a tree"
        self._leaves, self._depth, self._at = leaves, depth, 0
        self._nodes = np.zeros(depth, np.int64)

    def read(self, leaves: int, /) -> tuple[Unsigned, Unsigned, Unsigned, Unsigned]:
        """Return shared, length, counts and symbols of the next leaves: fewer at the end, none after it."""
        held, part = self._leaves, slice(self._at, self._at + leaves)
        length = np.minimum(held.length[part], self._depth).astype(self.dtypes[1])
        shared = np.minimum(held.shared[part], length).astype(self.dtypes[0])
        nodes = np.zeros(self._depth + 1, np.int64)
        merge_kernels.count_nodes(shared, length, nodes)
        new = nodes[: self._depth]
        layered = np.concatenate(
            [held.symbols[m][self._nodes[m] : self._nodes[m] + new[m]] for m in range(self._depth)]
        )
        if len(layered) != new.sum():
            raise CorruptFile("a mapped tree has fewer symbols than its leaves bring: its file changed; open it again")
        symbols = np.empty_like(layered)
        merge_kernels.from_layers(layered, np.cumsum(new) - new, shared, length, symbols)
        self._nodes += new
        self._at += len(shared)
        return shared, length, held.counts[part], symbols


@dataclass(frozen=True, eq=False)
class LayerPiece:
    """Some nodes of a layer, in order.

    Attributes:
        symbol: unsigned: each node's last token.
        count: int64: phrases that pass through or end in it.
        eos_count: int64: phrases whose next symbol is EOS (0 on the last layer).
    """

    symbol: Unsigned
    count: NDArray[np.int64]
    eos_count: NDArray[np.int64]


def layer_pieces(tree: TokenTree, layer: int) -> Iterator[LayerPiece]:
    """Yield the nodes of one layer, piece by piece: what :attr:`TokenTree.layers` holds, without the parents.

    Raises:
        InvalidParameter: a layer below 1 or above the tree's depth.
    """
    if not 1 <= layer <= tree.depth:
        raise InvalidParameter(f"a tree of depth {tree.depth} has layers 1 to {tree.depth} below its root, not {layer}")
    held, node = tree.sorted_leaves, 0
    # The last node of a piece may go on in the next: its count, its EOS count, and whether it reaches the layer.
    count, eos, reach = np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1, bool)
    for lo in range(0, tree.num_leaves, PIECE):
        part = slice(lo, lo + PIECE)
        breaks = np.flatnonzero(held.shared[part] < layer)
        length, counts = held.length[part], held.counts[part].astype(np.int64)
        count[-1] += counts[: breaks[0] if len(breaks) else None].sum()
        if not len(breaks):
            continue
        first = length[breaks]
        ends = (first == layer) & (layer < tree.depth)
        count = np.concatenate([count, np.add.reduceat(counts, breaks)])
        eos = np.concatenate([eos, np.where(ends, counts[breaks], 0)])
        reach = np.concatenate([reach, first >= layer])
        done = np.flatnonzero(reach[:-1])
        yield LayerPiece(held.symbols[layer - 1][node : node + len(done)], count[done], eos[done])
        node += len(done)
        count, eos, reach = count[-1:].copy(), eos[-1:].copy(), reach[-1:].copy()
    if reach[0]:
        yield LayerPiece(held.symbols[layer - 1][node:], count, eos)


def find_node(tree: TokenTree, prefix: Sequence[int] | npt.ArrayLike | bytes) -> Node | None:
    """Look a node up by its tokens, as :meth:`TokenTree.find` does, reading two bytes or so for each leaf and token.

    Raises:
        InvalidParameter: more tokens than the tree is deep.
        InvalidTokens: a token outside the vocabulary.
    """
    tokens = [int(t) for t in (prefix if isinstance(prefix, bytes) else as_array(prefix).ravel())]
    if len(tokens) > tree.depth:
        raise InvalidParameter(
            f"a prefix of {len(tokens)} tokens is longer than the tree is deep ({tree.depth}): give fewer tokens"
        )
    held, lo, hi = tree.sorted_leaves, 0, tree.num_leaves
    for above, token in enumerate(tokens):
        if not 0 <= token < tree.vocab_size:
            raise InvalidTokens(f"token {token} is outside the vocabulary of {tree.vocab_size}: 0 <= token < V")
        before = sum(int(((held.shared[part] <= above) & (held.length[part] > above)).sum()) for part in _parts(0, lo))
        starts = [part.start + np.flatnonzero(held.shared[part] == above) for part in _parts(lo + 1, hi)]
        first = np.concatenate([np.array([lo] if held.length[lo] > above else [], np.int64), *starts])
        at = int(np.searchsorted(held.symbols[above][before : before + len(first)], token))
        if at == len(first) or int(held.symbols[above][before + at]) != token:
            return None
        lo, hi = int(first[at]), int(first[at + 1]) if at + 1 < len(first) else hi
    count = sum(int(held.counts[part].sum(dtype=np.int64)) for part in _parts(lo, hi))
    ends = int(held.length[lo]) == len(tokens) < tree.depth
    return Node(tuple(tokens), count, int(held.counts[lo]) if ends else 0)


def _parts(lo: int, hi: int) -> list[slice]:
    return [slice(at, min(at + PIECE, hi)) for at in range(lo, hi, PIECE)]


def prune_tree_file(tree: TokenTree, depth: int, path: str | PathLike[str]) -> None:
    """Write the tree cut to a smaller depth to a file: the one that ``tree.prune(depth).save(path)`` writes.

    Raises:
        InvalidParameter: a depth below 1 or above the tree's own.
        UnreadableFile: the file cannot be written.
    """
    if check_depth(depth) > tree.depth:
        raise InvalidParameter(
            f"cannot prune a tree of depth {tree.depth} to depth {depth}: build the deeper tree from the dataset"
        )
    _write(_pruned(tree, depth), tree, depth, path)


def _pruned(tree: TokenTree, depth: int) -> Iterator[Run]:
    reader, last = TreeReader(tree.sorted_leaves, depth), None
    while True:
        shared, length, counts, symbols = reader.read(PIECE)
        if not len(shared):
            break
        kept = shared < length
        kept[0] |= last is None  # the tree's first leaf may be the empty phrase, which adds no token
        first = np.flatnonzero(kept)
        wide = counts.astype(np.int64)
        if last is not None:
            last.counts[0] += wide[: first[0] if len(first) else None].sum()
        if not len(first):
            continue
        if last is not None:
            yield last
        summed = np.add.reduceat(wide, first)
        tail = len(symbols) - int(length[first[-1]] - shared[first[-1]])
        yield Run(shared[first[:-1]], length[first[:-1]], summed[:-1], symbols[:tail])
        last = Run(shared[first[-1:]], length[first[-1:]], summed[-1:], symbols[tail:])
    if last is not None:
        yield last


def merge_tree_files(trees: Sequence[TokenTree], path: str | PathLike[str]) -> None:
    """Write the tree of all phrases together to a file: the one that ``TokenTree.merge_all(trees).save(path)`` writes.

    Raises:
        EmptyDataset: no trees.
        MismatchedVocabulary: the vocabularies differ.
        InvalidParameter: the depths or the parses differ.
        UnreadableFile: the file cannot be written.
    """
    readers = _readers(trees)
    _write(merge_on_disk(readers, trees[0].depth, MEMORY), trees[0], trees[0].depth, path)


def _write(pieces: Iterator[Run], tree: TokenTree, depth: int, path: str | PathLike[str]) -> None:
    target = file_at(path)
    if not target.parent.is_dir():
        raise UnreadableFile(f"cannot write {path}: {target.parent} is not a directory")
    with writing(target.parent), temporary_folder(beside=target) as folder:
        write_tree_of_runs(pieces, folder / "tree", folder, depth, tree.vocab_size, tree.parse)
        put(folder / "tree", target)


def _readers(trees: Sequence[TokenTree]) -> list[TreeReader]:
    if not trees:
        raise EmptyDataset("no trees: give at least one")
    first = trees[0]
    for other in trees[1:]:
        if other.vocab_size != first.vocab_size:
            raise MismatchedVocabulary(
                f"trees over vocabularies of {first.vocab_size} and {other.vocab_size} tokens cannot be joined: "
                "tokenize both datasets with one tokenizer"
            )
        if (other.depth, other.parse) != (first.depth, first.parse):
            raise InvalidParameter(
                f"trees of depth {first.depth} ({first.parse}) and {other.depth} ({other.parse}) cannot be joined: "
                "prune the deeper one, build both with one parse"
            )
    return [TreeReader(tree.sorted_leaves, tree.depth) for tree in trees]


def open_tree_parts(folder: str | PathLike[str]) -> list[TokenTree]:
    """Open a tree in parts as memory maps: each holds the phrases that start with its range of tokens, in order.

    Raises:
        EmptyDataset: there are no parts.
        UnreadableFile: one cannot be read.
        CorruptFile: one is not a tree file, or was cut.
    """
    return [TokenTree.load(path, mapped=True) for path in tree_part_files(folder)]


def aligned_counts(trees: Sequence[TokenTree], memory: int = MEMORY) -> Iterator[NDArray[np.int64]]:
    """Yield the counts of several trees on the union of their leaves, in order, piece by piece.

    Returns:
        int64, shape ``(n, N)``: a row for each leaf, a column for each tree.
    """
    readers = _readers(trees)
    for piece in align_readers(readers, trees[0].depth, memory, np.arange(len(trees))):
        yield piece.counts.copy()  # the buffer is written again


@dataclass(frozen=True, eq=False)
class MixtureSweep:
    """What one pass over the leaves says of ``G`` mixtures of ``N`` datasets.

    Attributes:
        volumes: shape ``(G, N)``: the volumes ``n_i``.
        code_lengths_nats: shape ``(G, N)``: ``C_i = CE(p_i, p_D)``.
        jacobian_nats: shape ``(G, N, N)``: ``J_it = dC_i/dn_t``.
        num_leaves: leaves of the union, ``M``.
    """

    volumes: NDArray[np.float64]
    code_lengths_nats: NDArray[np.float64]
    jacobian_nats: NDArray[np.float64]
    num_leaves: int


def sweep_mixtures(
    trees: Sequence[TokenTree],
    volumes: npt.ArrayLike,
    memory: int = MEMORY,
    *,
    phrases: npt.ArrayLike | None = None,
) -> MixtureSweep:
    """Compute code lengths and Jacobians of any number of mixtures in one pass over the aligned leaves.

    Args:
        trees: ``N`` trees of one vocabulary, depth and parse.
        volumes: positive, shape ``(G, N)`` or ``(N,)``: one row for each mixture (say, for each ``k`` and ``l``).
        memory: bytes that buffers may take in all.
        phrases: positive, shape ``(N,)``: each dataset's phrases, where a tree is only a part of the dataset's (see
            :mod:`compresslab.trees.out_of_core.parts`); code lengths, Jacobians and leaves of the parts then add up.

    Raises:
        InvalidParameter: volumes or phrases of another shape, or not positive.
        CorruptFile: a leaf of a mapped tree has no mass.

    Source: theory, section 3; claims ``volume-derivative`` and ``conservation-law``.
    """
    n = np.atleast_2d(as_array(volumes, np.float64))
    if n.ndim != 2 or n.shape[1] != len(trees) or not (np.isfinite(n) & (n > 0)).all():
        raise InvalidParameter(
            f"volumes of shape {np.shape(volumes)} for {len(trees)} trees: give rows of {len(trees)} positive numbers"
        )
    total = n.sum(axis=1)
    held = as_array([tree.total for tree in trees] if phrases is None else phrases, np.float64)
    if held.shape != (len(trees),) or not (np.isfinite(held) & (held > 0)).all():
        raise InvalidParameter(f"phrases of shape {held.shape} for {len(trees)} trees: give a positive number for each")
    share = n / total[:, None]
    lengths, gram, leaves = np.zeros_like(n), np.zeros((len(n), len(trees), len(trees))), 0
    heaviest = n.argmax(axis=1)
    for counts in aligned_counts(trees, memory):
        p = counts / held
        mixed = p @ share.T
        if not (mixed > 0).all():
            raise CorruptFile("a leaf has no mass: the counts of a mapped tree are damaged; build it again")
        lengths -= np.log(mixed).T @ p
        leaves += len(p)
        for h in np.unique(heaviest):
            differences = _differences(counts, held, h)
            for g in np.flatnonzero(heaviest == h):
                apart: NDArray[Any] = differences - (differences @ share[g])[:, None]
                apart /= np.sqrt(mixed[:, g : g + 1])
                gram[g] += apart.T @ apart
    return MixtureSweep(n, lengths, -gram / total[:, None, None], leaves)


def _differences(counts: NDArray[np.int64], held: NDArray[np.float64], reference: int) -> NDArray[np.float64]:
    """Return ``p_i - p_r`` to all digits, shape ``(n, N)``, of ``p_i = counts_i / held_i``.

    Quotients are rounded, which is large beside their differences where datasets are nearly alike. So these are taken
    of ``counts_i held_r`` and ``counts_r held_i``, each the sum of a product and its rounding error: close numbers
    subtract exactly, and no pass over all leaves is needed to take out what rounding adds to a row.
    """
    floats = counts.astype(np.float64)
    a, a_error = _product(floats, held[reference])
    b, b_error = _product(floats[:, reference, None], held)
    left: NDArray[np.float64] = ((a - b) + (a_error - b_error)) / held / held[reference]
    return left


def _product(a: Any, b: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a product and its rounding error.

    Source: Dekker, Numer. Math. 18 (1971), 224-242: each factor is split into halves, whose products are exact.
    """
    product = a * b
    (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
    return product, a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)


def _halves(x: Any) -> tuple[Any, Any]:
    scaled = x * (2.0**27 + 1)
    high = scaled - (scaled - x)
    return high, x - high
