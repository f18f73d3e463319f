"""How claims are written down: symbols by their types, and the kernel's language (:mod:`.kernel.language`).

Example:
    >>> p, j = masses("p"), index("j", size("M"))
    >>> total(p[j] ** 2, j)
    Sum(p[j]**2, (j, 1, M))
    >>> sorted(map(str, free_names(total(p[j] ** 2, j))))
    ['M', 'p']
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .kernel.language import (
    Diff,
    Huffman,
    Int,
    Law,
    Lim,
    Mean,
    Type,
    binds,
    declare,
    fits,
    free_names,
    ill_formed,
    is_index,
    kind_of,
    known_range,
    law_of,
    replace,
    total,
    type_of,
    walk,
)  # fmt: skip

__all__ = [
    "Diff", "Huffman", "Int", "Law", "Lim", "Mean", "Type", "binds", "bound_symbols", "bound_variables", "draw",
    "draws", "fits", "free_names", "ill_formed", "index", "is_index", "kind_of", "known_range", "law_of", "masses",
    "member", "nonnegative", "positive", "real", "replace", "size", "substitute", "total", "type_of", "walk",
]  # fmt: skip

Expr = Any


def index(name: str, length: Expr) -> Expr:
    """Make an index that runs from 1 to ``length``, a size or ``oo``; free in a fact, it is read as "for every"."""
    return declare(name, Type("index", length=length))


def member(name: str, length: Expr) -> Expr:
    """Make one fixed place of a range, such as "dataset t": a premise may speak about it alone."""
    return declare(name, Type("member", length=length))


def size(name: str) -> Expr:
    """Make a symbolic number of leaves, datasets, phrases: a whole number >= 1."""
    return declare(name, Type("size"))


def positive(names: str) -> Any:
    """Make positive numbers."""
    return _numbers(names, "positive")


def nonnegative(names: str) -> Any:
    """Make numbers that are zero or positive."""
    return _numbers(names, "nonnegative")


def real(names: str) -> Any:
    """Make real numbers."""
    return _numbers(names, "real")


def _numbers(names: str, sign: str) -> Any:
    made = tuple(declare(name, Type("number", sign)) for name in names.split())
    return made if len(made) > 1 else made[0]


def masses(name: str, **assumptions: bool) -> Expr:
    """Make an array of masses (zero or positive unless told otherwise), indexed as ``p[j]`` or ``p[i, j]``."""
    (sign,) = assumptions or ("nonnegative",)
    return declare(name, Type("array", sign))


def draw(name: str, law: Law) -> Expr:
    """Make one random draw of a law; draws under one mean are independent."""
    return declare(name, Type("draw", law=law))


def draws(name: str, law: Law) -> Expr:
    """Make an endless array of independent draws of a law: what is shown of it holds almost surely."""
    return declare(name, Type("draws", law=law))


def bound_symbols(expr: Expr) -> set[Expr]:
    """Return the symbols that some sum, derivative, integral, limit or mean in ``expr`` binds."""
    return {symbol for node in walk(expr) for symbol in binds(node)}


def bound_variables(*exprs: Expr) -> set[Expr]:
    """Return the bound symbols that are no indices (variables of derivatives, integrals, limits, means)."""
    return {symbol for expr in exprs for symbol in bound_symbols(expr) if not is_index(symbol)}


def substitute(expr: Expr, values: Mapping[Expr, Expr]) -> Expr:
    """Replace, and refuse to replace a symbol that is bound somewhere in ``expr``.

    Raises:
        ValueError: a symbol is bound, or would be captured.
    """
    if set(values) & bound_symbols(expr):
        raise ValueError("a bound symbol cannot be replaced")
    return replace(expr, values)
