"""Turning what a user has (arrays, distributions, trees, datasets) into distributions on common leaves."""

from __future__ import annotations

from collections.abc import Mapping

from compresslab.data.dataset import Dataset
from compresslab.errors import InvalidParameter, MismatchedVocabulary
from compresslab.trees.distribution import DistributionLike, Keys, LeafDistribution, Probabilities, align
from compresslab.trees.tree import TokenTree

__all__ = ["Source", "align_sources", "as_trees"]

Source = DistributionLike | TokenTree | Dataset


def as_trees(sources: Mapping[str, Source], depth: int | None, parse: str) -> dict[str, DistributionLike | TokenTree]:
    """Return the sources, with the trees of those that are datasets.

    Raises:
        InvalidParameter: there are datasets and no depth.
        MismatchedVocabulary: datasets of different tokenizers, or trees of different vocabularies.
    """
    datasets = [source for source in sources.values() if isinstance(source, Dataset)]
    for other in datasets[1:]:
        datasets[0].check_same_vocabulary(other)
    if datasets and depth is None:
        raise InvalidParameter(
            "datasets become distributions through their token trees: give depth=, the symbols per phrase"
        )
    built: dict[str, DistributionLike | TokenTree] = {}
    for name, source in sources.items():
        built[name] = TokenTree.build(source, depth or 1, parse) if isinstance(source, Dataset) else source
    trees = {name: tree for name, tree in built.items() if isinstance(tree, TokenTree)}
    for name, tree in trees.items():
        first_name, first = next(iter(trees.items()))
        if (tree.vocab_size, tree.parse) != (first.vocab_size, first.parse):
            raise MismatchedVocabulary(
                f"{first_name} is a tree over {first.vocab_size} tokens, parse '{first.parse}', and {name} over "
                f"{tree.vocab_size}, parse '{tree.parse}': build both with one tokenizer and one parse"
            )
    return built


def align_sources(sources: Mapping[str, DistributionLike | TokenTree]) -> tuple[Keys, Probabilities]:
    """Write sources over the union of their leaves: the keys, and probabilities of shape ``(N, M)``.

    Raises:
        MismatchedLeaves: trees of different depths, arrays of different lengths, or arrays beside named leaves.
    """
    distributions: list[DistributionLike | LeafDistribution] = [
        source.leaves() if isinstance(source, TokenTree) else source for source in sources.values()
    ]
    return align(distributions, sources)
