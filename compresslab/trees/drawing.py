"""Drawing the top of a token tree as text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from compresslab._support.checks import number_or_nan
from compresslab.data.tokenizers import Tokenizer
from compresslab.errors import InvalidParameter
from compresslab.trees.tree import TokenTree

__all__ = ["Branch", "draw_tree", "top_branches"]


@dataclass(frozen=True)
class Branch:
    """A node, an EOS leaf, or the rest of a node's children, with what hangs below it.

    Attributes:
        label: the token's text, "EOS", or how many children were left out.
        weight: its share of all phrases.
        children: the heaviest first.
    """

    label: str
    weight: float
    children: tuple[Branch, ...]


def top_branches(
    tree: TokenTree, tokenizer: Tokenizer | None = None, max_depth: int = 3, max_children: int = 5
) -> Branch:
    """Collect the heaviest branches of a tree's top layers.

    Args:
        tree: the tree.
        tokenizer: how to write tokens; without one they are written as numbers.
        max_depth: layers below the root to show.
        max_children: children of a node to show; the rest is summed up in one line.

    Raises:
        InvalidParameter: a limit below 1.
    """
    for name, value in (("max_depth", max_depth), ("max_children", max_children)):
        if not number_or_nan(value) >= 1:
            raise InvalidParameter(f"{name} is at least 1, not {value!r}")
    text: Callable[[int], str] = str if tokenizer is None else tokenizer.token_text
    # Layers below the drawn part are never read off the leaves.
    top = tree.prune(min(max_depth, tree.depth))

    def below(layer: int, node: int) -> tuple[Branch, ...]:
        if layer >= top.depth:
            return ()
        here, under = top.layers[layer], top.layers[layer + 1]
        lo, hi = np.searchsorted(under.parent, [node, node + 1])
        found = [(int(under.count[i]), int(i)) for i in range(lo, hi)]
        if here.eos_count[node]:
            found.append((int(here.eos_count[node]), -1))
        found.sort(key=lambda pair: (-pair[0], pair[1]))
        shown = [
            Branch("EOS", count / tree.total, ())
            if i < 0
            else Branch(text(int(under.symbol[i])), count / tree.total, below(layer + 1, i))
            for count, i in found[:max_children]
        ]
        rest = found[max_children:]
        if rest:
            shown.append(Branch(f"... {len(rest):,} more", sum(count for count, _ in rest) / tree.total, ()))
        return tuple(shown)

    return Branch(f"{tree.total:,} phrases", 1.0, below(0, 0))


def draw_tree(tree: TokenTree, tokenizer: Tokenizer | None = None, max_depth: int = 3, max_children: int = 5) -> str:
    """Draw the heaviest branches of a tree's top layers; arguments as for :func:`top_branches`.

    Example:
        >>> from compresslab import Dataset
        >>> data = Dataset.from_texts(["to be", "to do", "to"])
        >>> print(draw_tree(TokenTree.build(data, depth=4, parse="prefix"), data.tokenizer))
        3 phrases
        └── t 1
            └── o 1
                ├── ␣ 0.6667
                └── EOS 0.3333
    """
    lines: list[str] = []

    def write(branch: Branch, indent: str) -> None:
        for i, child in enumerate(branch.children):
            last = i == len(branch.children) - 1
            lines.append(f"{indent}{'└── ' if last else '├── '}{visible(child.label)} {child.weight:.4g}")
            write(child, indent + ("    " if last else "│   "))

    root = top_branches(tree, tokenizer, max_depth, max_children)
    lines.append(root.label)
    write(root, "")
    return "\n".join(lines)


def visible(label: str) -> str:
    """Return a label with its leading and trailing spaces made visible.

    Example:
        >>> visible(" a"), visible("a b")
        ('␣a', 'a b')
    """
    bare = label.strip(" ")
    if not bare:
        return "␣" * len(label)
    start = label.index(bare)
    return "␣" * start + bare + "␣" * (len(label) - start - len(bare))
