"""A token tree on disk as a language model: ``tree:FILE``."""

from __future__ import annotations

from os import PathLike

from compresslab.data.tokenizers import BitTokenizer, ByteTokenizer, Tokenizer
from compresslab.errors import InvalidParameter
from compresslab.lm.tree_model import TreeModel
from compresslab.trees.tree import TokenTree

__all__ = ["load_tree_model"]

_OF_SIZE: dict[int, Tokenizer] = {2: BitTokenizer(), 256: ByteTokenizer()}


def load_tree_model(path: str | PathLike[str], *, smoothing: float | None = None) -> TreeModel:
    """Read a tree that `TokenTree.save` wrote and make a model of it.

    A tree file does not say which tokenizer its tokens came from: 2 tokens are taken for bits, 256 for bytes.

    Args:
        path: the file.
        smoothing: see `TreeModel`; one count spread over all symbols, ``1 / (V + 1)``, where None.

    Raises:
        UnreadableFile: the file is missing.
        CorruptFile: it is not a tree file, or it is damaged.
        InvalidParameter: another number of tokens, or a tree of parse "prefix".
    """
    tree = TokenTree.load(path)
    if tree.vocab_size not in _OF_SIZE:
        raise InvalidParameter(
            f"{path} is a tree over {tree.vocab_size} tokens, and a tree file does not hold its tokenizer: build the "
            "tree over bits or bytes, or make TreeModel(tree, tokenizer=...) yourself"
        )
    alpha = 1 / (tree.vocab_size + 1) if smoothing is None else smoothing
    return TreeModel(tree, alpha, _OF_SIZE[tree.vocab_size], f"tree:{path}")
