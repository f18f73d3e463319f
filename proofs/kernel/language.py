"""The language in which claims are written: typed symbols, indexed sums, derivatives, integrals, limits, means.

An expression is a sympy object over symbols that were declared here, each with its type: a number (real, >= 0 or
> 0), an array of numbers, a size (a whole number >= 1), an index or a member of a range ``1..size``, a draw of a law.
A fact is read as: for all values of the types of its symbols. Derivatives, integrals, limits and means are opaque
heads that bind their variable; as functions of what is under them they are total (where there is no limit, their value
is some fixed number > 0 that no more is known of), so equals may be put for equals under them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import sympy as sp

__all__ = [
    "Diff", "Huffman", "Int", "Law", "Lim", "Mean", "Type", "binds", "declare", "fits", "foreign", "free_names",
    "ill_formed", "is_index", "kind_of", "known_range", "law_of", "replace", "total", "type_of", "walk",
]  # fmt: skip

Expr = Any  # sympy is untyped; an expression, a symbol or an indexed base


class Diff(sp.Function):  # type: ignore[misc]
    """``Diff(f, x, x0, n)``: the ``n``-th derivative of ``f`` in ``x``, taken at ``x = x0``."""

    nargs, is_real = 4, True


class Int(sp.Function):  # type: ignore[misc]
    """``Int(f, x, a, oo)``: the improper integral of ``f`` over ``x`` from ``a >= 0`` to infinity."""

    nargs, is_real = 4, True


class Lim(sp.Function):  # type: ignore[misc]
    """``Lim(f, x, x0)``: the limit of ``f`` as ``x`` goes, within its type, to ``x0``: 0 or infinity."""

    nargs, is_real = 3, True


class Mean(sp.Function):  # type: ignore[misc]
    """``Mean(f, x1, ..., xn)``: the expectation of ``f`` over independent draws ``x1, ..., xn`` of one law."""

    is_real = True


class Huffman(sp.Function):  # type: ignore[misc]
    """``Huffman(p1, ..., pM)``: the expected length in bits of an optimal prefix code."""

    is_real = True


@dataclass(frozen=True)
class Law:
    """A law on the numbers above ``low >= 0``, by its density in ``variable``."""

    variable: Expr
    density: Expr
    low: Expr


@dataclass(frozen=True)
class Type:
    """What a symbol stands for. ``length`` is the size of the range of an index or a member (``oo``: no end)."""

    role: str  # number, array, size, index, member, draw, draws
    sign: str = "positive"  # positive, nonnegative, real
    length: Expr = None
    law: Law | None = None


_OWN = {"number": "sign", "array": "sign", "size": "role", "index": "length", "member": "length"}
_OWN |= {"draw": "law", "draws": "law"}  # what a type of this role says beside it
_SIGNS = {"positive", "nonnegative", "real"}
_TYPES: dict[Expr, Type] = {}
_ARRAYS: dict[Expr, Type] = {}


def declare(name: str, kind: Type) -> Expr:
    """Return the symbol, or the array, of this name and type; sympy is told no more of it than the type says.

    Raises:
        ValueError: the name has another type or is no ASCII word, or the type names a range or a law that is none.
    """
    if wrong := foreign((name, kind), (Type, Law)):
        raise ValueError(wrong)
    if not name.isascii() or not re.sub("[.']", "_", name).isidentifier():
        raise ValueError(f"{name!r}: names are ASCII words; Greek letters are spelled, and printed as such")
    law, end, own = kind.law, _TYPES.get(kind.length), _OWN.get(kind.role, "")
    if not own or kind != Type(**{"role": kind.role, own: getattr(kind, own)}) or kind.sign not in _SIGNS:
        raise ValueError(f"{name}: {kind} is no type")
    if kind.role in {"index", "member"} and kind.length != sp.oo and (end is None or end.role != "size"):
        raise ValueError(f"the index {name} needs a size as its range, which is never empty; {kind.length} is none")
    lawful = law is not None and _positive(law.variable) and (law.low == 0 or _positive(law.low))
    lawful = lawful and all(one in _TYPES and _TYPES[one].role == "number" for one in _parameters(law))
    if own == "law" and (not lawful or law is None or ill_formed(law.density)):
        raise ValueError(f"the law of {name} needs a density above a number >= 0, and may depend on numbers only")
    told = {kind.sign: True} | ({"integer": True} if kind.role in {"size", "index", "member"} else {})
    array = kind.role in {"array", "draws"}
    symbol = sp.IndexedBase(name, **told) if array else sp.Symbol(name, **told)
    types, key = (_ARRAYS, symbol.label) if array else (_TYPES, symbol)
    if types.setdefault(key, kind) != kind:
        raise ValueError(f"{name} is declared otherwise already: choose another name")
    free_names.cache_clear()  # a draw speaks of what its law depends on
    return symbol


def foreign(value: Any, records: tuple[type, ...] = ()) -> str:
    """Say what is no text, number, tuple, expression or one of ``records``: another class may run code, or lie."""
    kind, parts = type(value), tuple[Any, ...]()
    if any(kind is one for one in records):
        parts = tuple(getattr(value, field.name) for field in fields(value))
    elif any(kind is one for one in _CLASSES):
        parts = value if kind is tuple else value.args
    elif all(kind is not one for one in (str, int, bool, type(None))):
        return f"{value} ({kind.__name__}) is not of the language"
    return next(filter(None, (foreign(part, records) for part in parts)), "")


def _positive(place: Expr) -> bool:
    return bool(place.is_Rational and place > 0) or type_of(place) == Type("number")


def type_of(name: Expr, *, array: bool = False) -> Type | None:
    """Return the declared type of a symbol, or of an array by its label; None where there is none."""
    return (_ARRAYS if array else _TYPES).get(name)


def kind_of(node: Expr) -> Type | None:
    """Return the type of a symbol, or of the array that an element is of; None for anything else."""
    if isinstance(node, sp.Indexed):
        return _ARRAYS.get(node.base.label)
    return _TYPES.get(node) if isinstance(node, sp.Symbol) else None


def law_of(node: Expr) -> Any:
    """Return the law of a draw, or of an element of an array of draws; None for anything else."""
    return None if (kind := kind_of(node)) is None else kind.law


def is_index(symbol: Expr) -> bool:
    """Tell whether a symbol is an index (and so read as "for every" where it is free)."""
    return symbol in _TYPES and _TYPES[symbol].role == "index"


def known_range(symbol: Expr) -> Expr | None:
    """Return the size of the range of an index or a member, or None."""
    return _TYPES[symbol].length if symbol in _TYPES else None


def fits(value: Expr, symbol: Expr) -> bool:
    """Tell whether ``value`` is an index or a member of the range of ``symbol``."""
    return known_range(value) is not None and known_range(value) == known_range(symbol)


def total(term: Expr, *indices: Expr) -> Expr:
    """Sum ``term`` over indices, each over its whole range.

    Raises:
        ValueError: one of them is no index of a finite range.
    """
    for symbol in indices:
        if not is_index(symbol) or known_range(symbol) == sp.oo:
            raise ValueError(f"{symbol} is no index of a finite range: make it with index(name, size)")
        term = sp.Sum(term, (symbol, 1, known_range(symbol)))
    return term


def binds(expr: Expr) -> tuple[Expr, ...]:
    """Return the symbols that the outermost head of ``expr`` binds."""
    if isinstance(expr, sp.Sum):
        return tuple(limit[0] for limit in expr.limits)
    if isinstance(expr, Diff | Int | Lim):
        return (expr.args[1],)
    return expr.args[1:] if isinstance(expr, Mean) else ()


def walk(expr: Expr) -> Iterator[Expr]:
    """Walk an expression in pre-order: not into the ranges of sums, nor into what an array is made of."""
    yield expr
    inner = expr.indices if isinstance(expr, sp.Indexed) else expr.args
    for part in (expr.function,) if isinstance(expr, sp.Sum) else inner:
        yield from walk(part)


@lru_cache(maxsize=100_000)
def free_names(expr: Expr) -> frozenset[Expr]:
    """Return the free symbols and array names of ``expr`` (an array counts as one name)."""
    if isinstance(expr, sp.Sum):
        inner = free_names(expr.function) - set(binds(expr))
        return inner.union(*(free_names(high) for _, _, high in expr.limits))
    if isinstance(expr, Diff | Int | Lim | Mean):
        outer = () if isinstance(expr, Mean) else expr.args[2:]
        return (free_names(expr.args[0]) - set(binds(expr))).union(*map(free_names, outer))
    parts = expr.indices if isinstance(expr, sp.Indexed) else expr.args
    own = {expr.base.label} if isinstance(expr, sp.Indexed) else {expr} if isinstance(expr, sp.Symbol) else set()
    return (frozenset(own) | _parameters(law_of(expr))).union(*map(free_names, parts))


def _parameters(law: Law | None) -> frozenset[Expr]:
    """Return what a law depends on: who speaks of a draw of it speaks of that."""
    return frozenset() if law is None else (free_names(law.density) - {law.variable}) | free_names(law.low)


def replace(expr: Expr, values: Mapping[Expr, Expr]) -> Expr:
    """Replace free symbols, and whole arrays, by expressions.

    A key is a symbol, or an array element such as ``x[j]``: then every ``x[anything]`` becomes the value with ``j``
    replaced by ``anything``.

    Raises:
        ValueError: a head would bind a symbol of what is put in, or the law of a draw depends on what is replaced.
    """
    arrays = {key.base.label: (key, value) for key, value in values.items() if isinstance(key, sp.Indexed)}
    if not values or not free_names(expr) & (set(values) | set(arrays)):
        return expr
    if _parameters(law_of(expr)) & set(values):
        raise ValueError(f"the law of {expr} depends on what is replaced")
    if isinstance(expr, sp.Symbol):
        return values.get(expr, expr)
    bound = set(binds(expr))
    if bound:
        inner = {key: value for key, value in values.items() if key not in bound}
        formal = {k: set(k.indices) if isinstance(k, sp.Indexed) else set() for k in inner}
        used = [free_names(v) - formal[k] for k, v in inner.items() if free_names(expr) & (free_names(k) - formal[k])]
        if any(names & bound for names in used):
            raise ValueError(f"{sorted(map(str, bound))} would be captured: rename what is bound")
        names, places = expr.args[1:2], expr.args[2:]
        rest = expr.args[1:] if isinstance(expr, sp.Sum | Mean) else (*names, *(replace(a, values) for a in places))
        return expr.func(replace(expr.args[0], inner), *rest)
    if isinstance(expr, sp.Indexed):
        places = [replace(place, values) for place in expr.indices]
        if expr.base.label not in arrays:
            return expr.base[tuple(places)]
        key, value = arrays[expr.base.label]
        return replace(value, dict(zip(key.indices, places, strict=True)))
    return expr.func(*(replace(arg, values) for arg in expr.args))


_HEADS = (
    sp.Add, sp.Mul, sp.Pow, sp.Symbol, sp.Indexed, sp.Sum, sp.KroneckerDelta, sp.log, sp.exp, sp.uppergamma, sp.ceiling,
    Diff, Int, Lim, Mean, Huffman, sp.Rational, sp.Integer, *map(type, (sp.S.Zero, sp.S.One, -sp.S.One, sp.S.Half)),
)  # fmt: skip
_CLASSES = (*_HEADS, sp.Tuple, sp.IndexedBase, type(sp.oo), tuple)


def ill_formed(expr: Expr) -> str:
    """Return what is not of this language in ``expr``, or "" where all is well."""
    if type(expr) not in _HEADS:
        return f"{expr} ({type(expr).__name__}) is not of the language"
    if isinstance(expr, sp.Symbol):  # a name with _ is one of the normal form's own
        untyped = expr.name.startswith("_") or type_of(expr) is None
        return f"{expr} has no type: declare it, by a name that does not begin with _" if untyped else ""
    if isinstance(expr, sp.Indexed):
        bad = kind_of(expr) is None or any(known_range(i) is None for i in expr.indices)
        return f"{expr}: an undeclared array, or a place that is no index and no member" if bad else ""
    if isinstance(expr, sp.KroneckerDelta):
        return "" if fits(*expr.args) else f"{expr}: two places of one range are compared, nothing else"
    if isinstance(expr, sp.Sum):
        if any(low != 1 or not is_index(s) or high != known_range(s) or high == sp.oo for s, low, high in expr.limits):
            return f"{expr}: a sum runs over an index, over the whole of its range"
        return ill_formed(expr.function)
    if isinstance(expr, Mean):
        drawn = expr.args[1:]
        good = all(kind and kind.role == "draw" for kind in map(kind_of, drawn)) and len(set(map(law_of, drawn))) == 1
        good = good and len(set(drawn)) == len(drawn)
        return ill_formed(expr.args[0]) if good else f"{expr}: a mean is over different draws of one law"
    if isinstance(expr, Diff | Int | Lim):
        return _ill_bound(expr)
    return next(filter(None, map(ill_formed, expr.args)), "")


def _ill_bound(expr: Expr) -> str:
    f, x, place, *rest = expr.args
    kind = kind_of(x) if isinstance(x, sp.Symbol) else None
    if kind is None or x in free_names(place):
        return f"{expr}: the variable {x} has no type, or is in the place {place}"
    kinds = [type_of(name, array=array) for name in free_names(f) for array in (False, True)]
    if any(kind is not None and x in _parameters(kind.law) for kind in kinds):
        return f"{expr}: the law of a draw that is free in it depends on {x}"
    if isinstance(expr, Diff):
        good = kind.role == "number" and (kind.sign == "real" or _positive(place))
        good = good and rest[0].is_Integer and rest[0] >= 1
        return ill_formed(f) or ill_formed(place) if good else f"{expr}: its place must lie inside the type of {x}"
    if isinstance(expr, Int):
        good = kind == Type("number") and (place == 0 or _positive(place)) and rest[0] == sp.oo
        return ill_formed(f) if good else f"{expr}: an integral runs over {x} > 0, from a number >= 0 to infinity"
    endless = kind.role == "size" or kind.length == sp.oo
    good = place == sp.oo if endless else kind.role == "number" and kind.sign != "real" and place in (0, sp.oo)
    return ill_formed(f) if good else f"{expr}: a limit is taken at 0 or infinity, within the type of {x}"
