"""What finite datasets were seen to hold: their counts on common leaves, and in which response each phrase stood.

Responses are what a dataset is a sample of: phrases of one response go together. So a unit is a response where the
responses are known (:class:`Dataset`), a phrase where only counts are, and a run of successive phrases where there are
too few responses. Units are dealt at random into groups of nearly one size: leaving out one group after the other shows
how much a number would differ for other data of the same kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compresslab.data.dataset import Dataset
from compresslab.errors import InvalidCounts, InvalidParameter
from compresslab.theory.sources import align_sources, as_trees
from compresslab.trees.distribution import LeafDistribution
from compresslab.trees.phrase_leaves import leaves_of_phrases
from compresslab.trees.phrases import num_phrases
from compresslab.trees.tree import TokenTree

__all__ = ["GROUPS", "Counted", "Observed", "Sample", "observe"]

Counted: TypeAlias = "Dataset | TokenTree | LeafDistribution | NDArray[Any] | list[int]"
Whole = NDArray[np.int64]

GROUPS: Final = 20  # that units are dealt into
_RUNS: Final = 200  # that the phrases of too few responses are cut into
_OFTEN: Final = 2 * GROUPS  # a count from which on phrases are dealt all at once


@dataclass(frozen=True, eq=False)
class Sample:
    """One dataset: how often which leaf stands in one unit.

    Attributes:
        leaf: int64, shape ``(E,)``: the leaf of each entry.
        count: int64, shape ``(E,)``: how often a unit has that leaf.
        times: int64, shape ``(E,)``: how many such units the entry stands for.
        size: int64, shape ``(E,)``: phrases of such a unit.
        group: int64, shape ``(E,)``: which group the unit was dealt into; entries go group by group.
        units: "responses", "runs of phrases" or "phrases".
        num_units: how many.
    """

    leaf: Whole
    count: Whole
    times: Whole
    size: Whole
    group: Whole
    units: str
    num_units: int


@dataclass(frozen=True, eq=False)
class Observed:
    """Datasets on common leaves.

    Attributes:
        names: the datasets, in order.
        samples: one for each.
        num_leaves: leaves of the union.
    """

    names: tuple[str, ...]
    samples: tuple[Sample, ...]
    num_leaves: int

    def first(self, count: int) -> Observed:
        """Return the first ``count`` datasets alone."""
        return replace(self, names=self.names[:count], samples=self.samples[:count])


def observe(
    sources: Mapping[str, Counted],
    *,
    depth: int | None = None,
    parse: str = "phrases",
    trees: Mapping[str, TokenTree] | None = None,
    seed: int = 0,
) -> Observed:
    """Return what datasets were seen to hold, ready for :func:`compresslab.theory.finite_data.estimate_elasticity`.

    Args:
        sources: name -> a Dataset (its responses are the units), or a TokenTree, a LeafDistribution of counts, or an
            array of counts, entry ``j`` being the same leaf in each (a phrase is a unit).
        depth: symbols per phrase, for datasets.
        parse: the parse mode, for datasets.
        trees: trees of the datasets, where they are at hand.
        seed: of the dealing.

    Raises:
        InvalidCounts: probabilities instead of counts.
        InvalidParameter: a dataset of fewer than 20 phrases, or no datasets.

    Example:
        >>> seen = observe({"a": [30, 10, 0], "b": [0, 5, 25]})
        >>> seen.num_leaves, [sample.units for sample in seen.samples]
        (3, ['phrases', 'phrases'])
    """
    if not sources:
        raise InvalidParameter("nothing was observed: give at least one dataset")
    rng = np.random.default_rng(seed)
    named: dict[str, Any] = {
        name: source if isinstance(source, Dataset | TokenTree) else _counted(source, name)
        for name, source in sources.items()
    }
    built = as_trees({**named, **(trees or {})}, depth, parse)
    keys, table = align_sources(built)
    drawn: list[tuple[Whole, Whole, str, int] | Whole] = []
    for i, (name, source) in enumerate(named.items()):
        tree, total = built[name], _total(built[name])
        if total < GROUPS:
            raise InvalidParameter(
                f"{name} has {total} phrases: how much a number may be off takes {GROUPS} or more; give more data"
            )
        if isinstance(source, Dataset) and isinstance(tree, TokenTree):
            # A tree's leaves are in the order of the union's.
            drawn.append(_units(source, tree, np.flatnonzero(table[i] > 0)))
        else:
            drawn.append(np.rint(table[i].astype(np.float64) * total).astype(np.int64))
    samples = [_of_counts(one, rng) if isinstance(one, np.ndarray) else _of_units(*one, rng) for one in drawn]
    return Observed(tuple(named), tuple(samples), len(keys))


def _counted(source: Any, name: str) -> LeafDistribution:
    given: LeafDistribution = (
        source if isinstance(source, LeafDistribution) else LeafDistribution.from_counts(np.arange(len(source)), source)
    )
    if given.counts is None:
        raise InvalidCounts(
            f"{name} holds probabilities: what finite data leaves open is in its counts; give a Dataset, a TokenTree, "
            "or LeafDistribution.from_counts"
        )
    return given


def _total(source: Any) -> int:
    return source.total if isinstance(source, TokenTree) else int(source.counts.sum())


def _units(dataset: Dataset, tree: TokenTree, place: Whole) -> tuple[Whole, Whole, str, int]:
    """The leaf and the unit of each phrase, what a unit is, and how many there are."""
    leaf = place[leaves_of_phrases(dataset, tree)]
    if dataset.num_responses >= GROUPS:
        each = num_phrases(np.diff(dataset.offsets), tree.depth, tree.parse)
        return leaf, np.repeat(np.arange(len(each)), each), "responses", len(each)
    runs = min(len(leaf), _RUNS)
    return leaf, np.arange(len(leaf)) * runs // len(leaf), "runs of phrases", runs


def _of_units(leaf: Whole, unit: Whole, units: str, num: int, rng: np.random.Generator) -> Sample:
    size = np.bincount(unit, minlength=num)
    dealt = rng.permutation(num) % GROUPS
    width = int(leaf.max()) + 1
    found, count = np.unique(unit * width + leaf, return_counts=True)
    of = found // width
    order = np.argsort(dealt[of], kind="stable")
    found, of = found[order], of[order]
    ones = np.ones(len(found), np.int64)
    return Sample(found % width, count[order].astype(np.int64), ones, size[of], dealt[of], units, num)


def _of_counts(counts: Whole, rng: np.random.Generator) -> Sample:
    """Deal phrases: one by one, those of a frequent leaf all at once."""
    often = np.flatnonzero(counts > _OFTEN)
    rarely = np.where(counts > _OFTEN, 0, counts)
    leaf = np.repeat(np.arange(len(counts)), rarely)
    many = rng.multinomial(counts[often], np.full(GROUPS, 1 / GROUPS)) if len(often) else np.zeros((0, GROUPS), int)
    rows, columns = np.nonzero(many)
    times = np.concatenate([np.ones(len(leaf), np.int64), many[rows, columns]])
    dealt = np.concatenate([rng.permutation(len(leaf)) % GROUPS, columns])
    order = np.argsort(dealt, kind="stable")
    ones = np.ones(len(times), np.int64)
    return Sample(
        leaf=np.concatenate([leaf, often[rows]])[order],
        count=ones,
        times=times[order],
        size=ones,
        group=dealt[order],
        units="phrases",
        num_units=int(counts.sum()),
    )
