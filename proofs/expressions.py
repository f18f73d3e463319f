"""The language in which claims are written: indexed sums, derivatives, integrals, limits, means.

An expression is a sympy object. Finite sums over the leaves, the datasets or the phrases are written with
:func:`total`, over an index made by :func:`index`; the size of the range (``M`` leaves, ``N`` datasets) stays a
symbol, so that what is proved holds for every number of leaves and datasets. Derivatives, integrals, limits and
means are opaque heads (:class:`Diff`, :class:`Int`, :class:`Lim`, :class:`Mean`): the only rules that look inside
them are the ones of the kernel that are about them.

Example:
    >>> p, j = masses("p"), index("j", size("M"))
    >>> total(p[j] ** 2, j)
    Sum(p[j]**2, (j, 1, M))
    >>> sorted(map(str, free_names(total(p[j] ** 2, j))))
    ['M', 'p']
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import sympy as sp

__all__ = [
    "Diff",
    "Int",
    "Lim",
    "Mean",
    "bound_symbols",
    "fits",
    "free_names",
    "index",
    "is_index",
    "known_range",
    "masses",
    "member",
    "nonnegative",
    "positive",
    "range_of",
    "real",
    "replace",
    "size",
    "substitute",
    "total",
]

Expr = Any  # sympy is untyped; an expression, a symbol or an indexed base


class Diff(sp.Function):  # type: ignore[misc]
    """``Diff(f, x, x0, n)``: the ``n``-th derivative of ``f`` in ``x``, taken at ``x = x0``."""

    nargs = 4
    is_real = True


class Int(sp.Function):  # type: ignore[misc]
    """``Int(f, x, a, b)``: the integral of ``f`` over ``x`` from ``a`` to ``b``."""

    nargs = 4
    is_real = True


class Lim(sp.Function):  # type: ignore[misc]
    """``Lim(f, x, x0)``: the limit of ``f`` as ``x`` goes to ``x0``."""

    nargs = 3
    is_real = True


class Mean(sp.Function):  # type: ignore[misc]
    """``Mean(f, x1, ..., xn)``: the expectation of ``f`` over independent draws ``x1, ..., xn`` of one law."""

    is_real = True


_RANGES: dict[Expr, Expr] = {}
_MEMBERS: dict[Expr, Expr] = {}


def index(name: str, length: Expr) -> Expr:
    """Make an index that runs from 1 to ``length``; free in a fact, it is read as "for every"."""
    symbol = sp.Symbol(f"{name}", integer=True, positive=True)
    if symbol in _MEMBERS or _RANGES.setdefault(symbol, length) != length:
        raise ValueError(f"index {name!r} is a member, or already runs elsewhere than to {length}: choose another name")
    return symbol


def member(name: str, length: Expr) -> Expr:
    """Make one fixed place of a range, such as "dataset t": a premise may speak about it alone."""
    symbol = sp.Symbol(name, integer=True, positive=True)
    if symbol in _RANGES or _MEMBERS.setdefault(symbol, length) != length:
        raise ValueError(f"{name!r} is already an index or a member of another range: choose another name")
    return symbol


def is_index(symbol: Expr) -> bool:
    """Tell whether a symbol is an index (and so read as "for every" where it is free)."""
    return symbol in _RANGES


def fits(value: Expr, symbol: Expr) -> bool:
    """Tell whether ``value`` is an index or member of the range of the index ``symbol``."""
    length = _RANGES[symbol]
    return bool(_RANGES.get(value) == length or _MEMBERS.get(value) == length)


def known_range(symbol: Expr) -> Expr | None:
    """Return the range of an index or a member, or None."""
    return _RANGES.get(symbol, _MEMBERS.get(symbol))


def range_of(symbol: Expr) -> Expr:
    """Return the size of an index's range."""
    if symbol not in _RANGES:
        raise ValueError(f"{symbol} is not an index: make it with index(name, size)")
    return _RANGES[symbol]


def size(name: str) -> Expr:
    """Make a symbolic number of leaves, datasets, phrases: a positive integer."""
    return sp.Symbol(name, integer=True, positive=True)


def positive(names: str) -> Any:
    """Make positive scalars."""
    return sp.symbols(names, positive=True)


def nonnegative(names: str) -> Any:
    """Make scalars that are zero or positive."""
    return sp.symbols(names, nonnegative=True)


def real(names: str) -> Any:
    """Make real scalars."""
    return sp.symbols(names, real=True)


def masses(name: str, **assumptions: bool) -> Expr:
    """Make an array of masses (zero or positive unless told otherwise), indexed as ``p[j]`` or ``p[i, j]``."""
    return sp.IndexedBase(name, **(assumptions or {"nonnegative": True}))


def total(term: Expr, *indices: Expr) -> Expr:
    """Sum ``term`` over indices, each over its whole range."""
    for symbol in indices:
        term = sp.Sum(term, (symbol, 1, range_of(symbol)))
    return term


def bound_symbols(expr: Expr) -> set[Expr]:
    """Return the symbols that some sum, derivative, integral, limit or mean in ``expr`` binds."""
    bound: set[Expr] = set()
    for node in sp.preorder_traversal(expr):
        if isinstance(node, sp.Sum):
            bound |= {limit[0] for limit in node.limits}
        elif isinstance(node, Diff | Int | Lim):
            bound.add(node.args[1])
        elif isinstance(node, Mean):
            bound |= set(node.args[1:])
    return bound


def free_names(expr: Expr) -> set[Expr]:
    """Return the free symbols and array names of ``expr`` (an array counts as one name)."""
    if isinstance(expr, sp.Sum):
        inner = free_names(expr.function)
        for symbol, low, high in expr.limits:
            inner = (inner - {symbol}) | free_names(low) | free_names(high)
        return inner
    if isinstance(expr, Diff | Int | Lim):
        outer = set().union(*(free_names(arg) for arg in expr.args[2:]))
        return (free_names(expr.args[0]) - {expr.args[1]}) | outer
    if isinstance(expr, Mean):
        return free_names(expr.args[0]) - set(expr.args[1:])
    if isinstance(expr, sp.Indexed):
        return {expr.base.label}.union(*(free_names(arg) for arg in expr.indices))
    if isinstance(expr, sp.Symbol):
        return {expr}
    return set().union(*(free_names(arg) for arg in expr.args)) if expr.args else set()


def substitute(expr: Expr, values: Mapping[Expr, Expr]) -> Expr:
    """Replace free symbols, and whole arrays, by expressions; refuse what would capture a bound symbol.

    A key is a symbol, or an array element such as ``x[j]``: then every ``x[anything]`` becomes the value with ``j``
    replaced by ``anything``.
    """
    return _substituted(expr, tuple(values.items())) if values else expr


@lru_cache(maxsize=20_000)
def _substituted(expr: Expr, items: tuple[tuple[Expr, Expr], ...]) -> Expr:
    values = dict(items)
    incoming = set().union(*(free_names(value) for value in values.values()))
    for key in values:
        if isinstance(key, sp.Indexed):
            incoming -= set(key.indices)
    captured = incoming & bound_symbols(expr)
    if captured:
        raise ValueError(f"{sorted(map(str, captured))} would be captured: rename a bound index")
    if any(key in bound_symbols(expr) for key in values):
        raise ValueError("a bound symbol cannot be replaced")
    scalars = {key: value for key, value in values.items() if isinstance(key, sp.Symbol)}
    arrays = {key.base: (key.indices, value) for key, value in values.items() if isinstance(key, sp.Indexed)}
    return _walk(expr, scalars, arrays)


def replace(expr: Expr, values: Mapping[Expr, Expr]) -> Expr:
    """Replace free symbols only: a symbol that a sum, derivative, integral, limit or mean binds is left alone there."""
    if not values:
        return expr
    if isinstance(expr, sp.Symbol):
        return values.get(expr, expr)
    bound: set[Expr] = set()
    if isinstance(expr, sp.Sum):
        bound = {limit[0] for limit in expr.limits}
    elif isinstance(expr, Diff | Int | Lim):
        bound = {expr.args[1]}
    elif isinstance(expr, Mean):
        bound = set(expr.args[1:])
    if not bound:
        return expr.func(*(replace(arg, values) for arg in expr.args)) if expr.args else expr
    inner = {key: value for key, value in values.items() if key not in bound}
    if any(key in free_names(expr) and free_names(value) & bound for key, value in inner.items()):
        raise ValueError(f"{sorted(map(str, bound))} would capture what is put in")
    if isinstance(expr, sp.Sum):
        limits = [(s, replace(low, values), replace(high, values)) for s, low, high in expr.limits]
        return sp.Sum(replace(expr.function, inner), *limits)
    first = replace(expr.args[0], inner)
    if isinstance(expr, Mean):
        return Mean(first, *expr.args[1:])
    return expr.func(first, expr.args[1], *(replace(arg, values) for arg in expr.args[2:]))


def _walk(expr: Expr, scalars: Mapping[Expr, Expr], arrays: Mapping[Expr, tuple[Any, Expr]]) -> Expr:
    if isinstance(expr, sp.Symbol):
        return scalars.get(expr, expr)
    if isinstance(expr, sp.Indexed):
        indices = [_walk(arg, scalars, arrays) for arg in expr.indices]
        if expr.base in arrays:
            formal, value = arrays[expr.base]
            return replace(value, dict(zip(formal, indices, strict=True)))
        return expr.base[tuple(indices)]
    if isinstance(expr, sp.Sum):
        limits = [(s, _walk(low, scalars, arrays), _walk(high, scalars, arrays)) for s, low, high in expr.limits]
        return sp.Sum(_walk(expr.function, scalars, arrays), *limits)
    if not expr.args:
        return expr
    return expr.func(*(_walk(arg, scalars, arrays) for arg in expr.args))
