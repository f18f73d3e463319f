"""Tests that anyone can run on their own parts: the laws of a language model, and what to draw in property tests.

`check_language_model` runs the laws on any model. `compresslab.testing.strategies` holds hypothesis strategies
(datasets, trees, distributions, mixtures); it is a module by itself because it needs the extra ``testing``.

Example:
    >>> from compresslab import Dataset
    >>> from compresslab.lm.tree_model import TreeModel
    >>> laws = check_language_model(TreeModel.of(Dataset.from_texts(["to be", "or not"]), depth=3))
    >>> len(laws), max(law.error for law in laws) < 1e-9
    (9, True)
"""

from compresslab.testing.language_model import Law, check_language_model

__all__ = ["Law", "check_language_model"]
