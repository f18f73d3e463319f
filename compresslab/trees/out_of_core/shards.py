"""Cutting a stream of responses into shards that can be counted apart: every phrase starts in exactly one shard.

A shard ends after a response, or inside one at a multiple of ``d`` symbols from its start, and then brings the
``d - 1`` tokens that follow, for the phrases that start before the cut and end after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compresslab.trees.leaves import Unsigned
from compresslab.trees.out_of_core.token_files import Block

__all__ = ["Shard", "cut_shards"]


@dataclass(frozen=True, eq=False)
class Shard:
    """Responses, the first and the last of which may be parts of longer ones.

    Attributes:
        tokens: unsigned, flat.
        offsets: int64, as in a dataset.
        resumes: whether the first response started in an earlier shard (at a multiple of ``d`` symbols before).
        cut: symbols of the last response in which phrases start here; None where it ends here.
    """

    tokens: Unsigned
    offsets: NDArray[np.int64]
    resumes: bool
    cut: int | None


def cut_shards(blocks: Iterable[Block], size: int, depth: int) -> Iterator[Shard]:
    """Cut a stream into shards of about ``size`` symbols.

    Args:
        blocks: the stream.
        size: symbols of a shard, EOS counted, at least ``2 * depth``; the last shard may hold fewer.
        depth: symbols per phrase, ``d``.
    """
    size = max(size, 2 * depth)
    held = _Held()
    for block in blocks:
        held.add(block)
        while held.symbols >= size + 2 * depth:
            yield held.cut(size, depth)  # held nowhere else, so that whoever counts it can let its tokens go
    if held.responses:
        yield Shard(*held.all(), held.resumes, None)


class _Held:
    """Responses read but not yet given out; whether the last one goes on is known when the next block comes."""

    def __init__(self) -> None:
        self.pieces: list[Unsigned] = []
        self.lengths: list[NDArray[np.int64]] = []
        self.goes_on = False
        self.tokens = 0
        self.responses = 0
        self.resumes = False

    @property
    def symbols(self) -> int:
        """Symbols held; the EOS of a response that goes on is not among them."""
        return self.tokens + self.responses - self.goes_on

    def add(self, block: Block) -> None:
        lengths = np.diff(block.offsets)
        if not len(lengths):
            return
        self.pieces.append(block.tokens)
        self.tokens += len(block.tokens)
        if self.goes_on:
            last = self.lengths[-1].copy()
            last[-1] += lengths[0]
            self.lengths[-1] = last
            lengths = lengths[1:]
        if len(lengths):
            self.lengths.append(lengths)
        self.responses += len(lengths)
        self.goes_on = block.goes_on

    def all(self) -> tuple[Unsigned, NDArray[np.int64]]:
        tokens = np.concatenate(self.pieces)
        return tokens, np.concatenate([[0], np.cumsum(np.concatenate(self.lengths))]).astype(np.int64)

    def cut(self, size: int, depth: int) -> Shard:
        """Take the first ``size`` symbols or a few fewer."""
        tokens, offsets = self.all()
        ends = offsets[1:] + np.arange(1, len(offsets))  # symbols up to and with each response
        whole = int(np.searchsorted(ends, size, "right"))  # responses that end within the size
        if self.goes_on and whole == len(ends):
            whole -= 1
        inside = (size - (int(ends[whole - 1]) if whole else 0)) // depth * depth
        resumes, self.resumes = self.resumes, inside > 0
        if not inside:
            self._keep(tokens[offsets[whole] :], np.diff(offsets)[whole:])
            return Shard(tokens[: offsets[whole]], offsets[: whole + 1], resumes, None)
        start, end = int(offsets[whole]), int(offsets[whole + 1])
        at = start + inside
        ahead = min(at + depth - 1, end)
        shard = Shard(tokens[:ahead], np.append(offsets[: whole + 1], ahead), resumes, inside)
        left = np.diff(offsets)[whole:]
        left[0] -= inside
        self._keep(tokens[at:], left)
        return shard

    def _keep(self, tokens: Unsigned, lengths: NDArray[np.int64]) -> None:
        self.pieces, self.lengths = [tokens.copy()], [lengths]
        self.tokens, self.responses = len(tokens), len(lengths)
