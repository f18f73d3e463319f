"""Counting windows of four symbols of at most 16 bits: one deal into buckets, numpy's sort in each, one pass to write.

A window that goes on is a word of ``4 bits`` bits (4 or 8 bytes). The words are dealt out once, on all cores, into
buckets that are in order among each other and fit into a core's own cache: the place is guessed from the first two
symbols, by whole numbers. Each bucket is sorted and measured while it is in cache; numpy's sort releases the lock that
would keep threads from working side by side. Then each part knows where its leaves and layers belong, and writes them
there. Windows that end in EOS are few and stand apart until then, so that EOS takes no bit. Words of at most 16 bits
are not sorted but counted by number.

`count_windows` declines, and another engine works, where this one is not the fastest: where numpy's sort has no vector
instructions (AVX2 or AVX-512), and where responses are shorter than 32 tokens on average, so that many windows end
(but not for 65,536 symbols, of which four and an EOS do not fit into a word of other engines). Where one bucket holds
most of the words, which are then mostly equal, one core would do nearly all the work: numpy's engine counts them.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import smallest_unsigned
from compresslab._support.threads import on_all_cores, workers
from compresslab.trees.counting.kernels import windows as kernels
from compresslab.trees.counting.numpy_words import count_packed_windows
from compresslab.trees.leaves import Key, SortedLeaves, Unsigned

__all__ = ["count_windows"]

DEPTH: Final = kernels.DEPTH

_BITS_MOST: Final = 16
_TABLE_BITS: Final = 16  # words of so many bits are counted by number
_BUCKET: Final = 1 << 15  # words of a bucket, about
_WINDOWS_MOST: Final = (1 << 32) - 1  # so that counts that are not small fit into 32 bits
_RESPONSE_LEAST: Final = 32  # tokens of a response, on average: of shorter ones too many windows end
_SHARE_MOST: Final = 2 / 3  # of all words in one bucket
_SAMPLE: Final = 61  # every so many tokens one is looked at, to guess frequencies

_U = np.uint64
Int64 = NDArray[np.int64]


def count_windows(tokens: Unsigned, offsets: Int64, depth: int, bits: int) -> SortedLeaves | None:
    """Count the windows at every symbol of every response; None where another engine is faster, or at another depth.

    Args:
        tokens: unsigned, flat; all responses one after the other, without EOS; below ``2**bits``.
        offsets: int64, shape ``(R + 1,)``.
        depth: symbols per window, ``d``.
        bits: bits per symbol.
    """
    if depth != DEPTH:
        return None
    windows = int(np.maximum(np.diff(offsets) - (DEPTH - 1), 0).sum())
    table = DEPTH * bits <= _TABLE_BITS
    if (
        not windows
        or bits > _BITS_MOST
        or windows > _WINDOWS_MOST
        or len(tokens) < _RESPONSE_LEAST * (len(offsets) - 1)
    ):
        return None
    if not (table or _sorts_by_vectors()):
        return None
    plan = _Plan.of(tokens, offsets, windows, bits)
    sorted_words = _tabulated(plan) if table else _dealt(plan)
    return count_packed_windows(tokens, offsets, depth, bits) if sorted_words is None else _written(plan, sorted_words)


@cache
def _sorts_by_vectors() -> bool:
    """Tell whether numpy's sort of 32 and 64 bits uses vector instructions on this processor."""
    found: Any = np.show_config(mode="dicts")
    extensions = found.get("SIMD Extensions", {})
    names = [*extensions.get("baseline", []), *extensions.get("found", [])]
    return bool({"AVX2", "X86_V3", "AVX512_SKX", "X86_V4"}.intersection(names))


@dataclass(frozen=True, eq=False)
class _Plan:
    """A text, and how it is dealt out: ``spans`` says each core's part, ``edge`` and ``shift`` the bucket of a word."""

    tokens: Unsigned
    offsets: Int64
    windows: int
    bits: int
    spans: list[Int64]
    edge: NDArray[np.uint16]
    shift: int

    @classmethod
    def of(cls, tokens: Unsigned, offsets: Int64, windows: int, bits: int) -> _Plan:
        cut = np.linspace(0, len(tokens), workers() + 1).astype(np.int64)
        spans = []
        for lo, hi in itertools.pairwise(cut):
            span = np.stack([np.maximum(offsets[:-1], lo), np.minimum(offsets[1:] - (DEPTH - 1), hi)], axis=1)
            spans.append(span[span[:, 1] > span[:, 0]])
        edge = np.zeros((1 << bits) + 1, np.uint16)
        if DEPTH * bits <= _TABLE_BITS:
            return cls(tokens, offsets, windows, bits, spans, edge, 16)
        frequency = np.bincount(tokens[::_SAMPLE], minlength=1 << bits)
        edge[1:] = np.cumsum(frequency) * 65535 // frequency.sum()
        return cls(tokens, offsets, windows, bits, spans, edge, max(0, 16 - (windows // _BUCKET).bit_length()))

    @property
    def buckets(self) -> int:
        """How many there are."""
        return 1 << 16 - self.shift

    def largest_share(self) -> float:
        """Guess which share of the words is in the largest bucket, from a sample."""
        second = self.tokens[1::_SAMPLE]
        first = self.tokens[::_SAMPLE][: len(second)].astype(np.int64)
        low = self.edge[first].astype(np.int64)
        bucket = low + ((self.edge[first + 1] - low) * self.edge[second] >> 16) >> self.shift
        return float(np.bincount(bucket).max() / len(bucket))


@dataclass(frozen=True, eq=False)
class _SortedWords:
    """The words that go on, ascending.

    Attributes:
        words: with repetition, or with ``tally`` each once.
        tally: how many windows each word stands for; empty where words are repeated.
        first: where each bucket begins, and the end of the last.
        nodes: of each bucket, see `kernels.measure`; of the first word only the differences to others.
    """

    words: Unsigned
    tally: Int64
    first: Int64
    nodes: Int64


def _tabulated(plan: _Plan) -> _SortedWords:
    """Count words of few bits by number."""
    tables = np.zeros((len(plan.spans), 1 << DEPTH * plan.bits), np.uint64)
    on_all_cores(
        lambda i: kernels.tabulate(plan.tokens, plan.spans[i], _U(plan.bits), tables[i]), range(len(plan.spans))
    )
    table = tables.sum(axis=0)
    words = np.flatnonzero(table).astype(np.uint32)
    tally = table[words].astype(np.int64)
    nodes = np.zeros((1, 6), np.int64)
    kernels.measure(words, _U(plan.bits), nodes[0])
    most = int(tally.max())
    nodes[0, 4:] = most > 255, most > 65535
    return _SortedWords(words, tally, np.array([0, len(words)]), nodes)


def _dealt(plan: _Plan) -> _SortedWords | None:
    """Deal words into buckets and sort each; None where one would have most of them."""
    if plan.largest_share() > _SHARE_MOST:
        return None
    bits, shift, cores = _U(plan.bits), _U(plan.shift), range(len(plan.spans))
    count = np.zeros((len(cores), plan.buckets), np.uint64)
    on_all_cores(lambda i: kernels.histogram(plan.tokens, plan.spans[i], plan.edge, shift, count[i]), cores)
    first = np.concatenate([[0], np.cumsum(count.sum(axis=0))]).astype(np.int64)
    at = first[:-1].astype(np.uint64) + np.cumsum(count, axis=0) - count
    words: Unsigned = np.empty(plan.windows, np.uint32 if DEPTH * plan.bits <= 32 else np.uint64)
    on_all_cores(lambda i: kernels.deal(plan.tokens, plan.spans[i], plan.edge, shift, bits, at[i], words), cores)
    nodes, queue = np.zeros((plan.buckets, 6), np.int64), itertools.count()

    def sort(core: int) -> None:
        while (b := next(queue)) < plan.buckets:
            part = words[first[b] : first[b + 1]]
            part.sort()
            kernels.measure(part, bits, nodes[b])

    on_all_cores(sort, cores)
    return _SortedWords(words, np.empty(0, np.int64), first, nodes)


def _written(plan: _Plan, held: _SortedWords) -> SortedLeaves:
    """Write leaves and layers to their places, the windows that end between those that go on."""
    words, first, nodes, bits, shift = held.words, held.first, held.nodes, _U(plan.bits), _U(plan.shift)
    full = np.flatnonzero(np.diff(first))
    heads = words[first[full]]
    differ = heads ^ np.append(~heads[:1], words[first[full[1:]] - 1])
    for layer in range(DEPTH):  # the first word of a bucket, which was not measured
        nodes[full, layer] += differ >= _U(1 << plan.bits * (DEPTH - 1 - layer)) if layer < DEPTH - 1 else 1
    leaves = nodes[:, DEPTH - 1].copy()
    keys, length, many = _ending(plan.tokens, plan.offsets, plan.bits)
    place, cores = np.zeros(len(keys), np.int64), workers()
    on_all_cores(
        lambda i: kernels.place_ends(words, first, bits, plan.edge, shift, keys[i::cores], place[i::cores]),
        range(cores),
    )
    kernels.count_ends(words, first, bits, keys, length, place, nodes)
    end = np.append(np.searchsorted(place, first[:-1]), len(place))
    leaves += np.diff(end)
    start = np.zeros((plan.buckets + 1, DEPTH + 1), np.int64)
    np.cumsum(np.column_stack([nodes[:, :DEPTH], leaves]), axis=0, out=start[1:])
    total = start[-1].tolist()
    longest = max(plan.windows if nodes[:, 5].any() else 65535 if nodes[:, 4].any() else 1, int(many.max(initial=1)))
    symbols = tuple(np.empty(size, smallest_unsigned(int(plan.tokens.max()))) for size in total[:DEPTH])
    out = SortedLeaves(
        symbols,
        np.empty(total[DEPTH], np.uint8),
        np.empty(total[DEPTH], np.uint8),
        np.empty(total[DEPTH], smallest_unsigned(longest)),
    )
    step = np.unique(np.linspace(0, plan.buckets, 8 * cores + 1).astype(np.int64))
    begin = start.astype(np.uint64)

    write_leaves: Any = kernels.write_leaves

    def write(part: tuple[int, int]) -> None:
        lo, hi = part
        write_leaves(
            words, held.tally, first[lo], first[hi], bits, end[lo], end[hi], place, keys, length, many, begin[lo],
            *symbols, out.shared, out.length, out.counts,
        )  # fmt: skip

    on_all_cores(write, list(itertools.pairwise(step.tolist())))
    return out


def _ending(tokens: Unsigned, offsets: Int64, bits: int) -> tuple[Key, Int64, Int64]:
    """Return the different windows that end in EOS, in order: padded with zeros to words, their lengths, how many."""
    held = np.diff(offsets)
    packed = []
    for long in range(DEPTH):
        ends = offsets[1:][held >= long]
        key = np.full(len(ends), long, np.uint64)
        for j in range(long):
            key |= tokens[ends - long + j].astype(np.uint64) << _U(bits * (2 - j) + 2)
        packed.append(key)
    ordered = np.sort(np.concatenate(packed))
    new = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    one = ordered[new]
    return one >> _U(2) << _U(bits), (one & _U(3)).astype(np.int64), np.diff(np.append(new, len(ordered)))
