"""Leaf distributions: probabilities on the leaves of a token tree, and their alignment on common leaves.

Source: Ji et al., arXiv 2406.06144, Def. 3.3 (pruned tree); theory, sections 1 and 3.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from compresslab._support.arrays import as_array
from compresslab._support.checks import number_or_nan
from compresslab.errors import InvalidCounts, InvalidDistribution, InvalidParameter, MismatchedLeaves

__all__ = ["DistributionLike", "Keys", "LeafDistribution", "align", "as_distribution", "as_probabilities"]

Probabilities = NDArray[Any]  # float64, or object holding Fractions
Keys = NDArray[Any]

# How far a sum of probabilities may lie from 1: rounding of that many additions, not a missing normalisation.
_TOLERANCE = 1e-8
_TOLERANCE_SINGLE = 1e-5
_MAX_SHOWN = 6
_MAX_COUNT = 2.0**63 - 2.0**12  # what int64 holds, less what a sum in floats may be off


def as_probabilities(p: Any, name: str = "probabilities") -> Probabilities:
    """Check that ``p`` is a probability distribution, and return it as an array.

    Args:
        p: shape ``(M,)``: a :class:`LeafDistribution`, an array or a sequence; of numbers, or of
            :class:`fractions.Fraction` (then the arithmetic is exact and the sum must be exactly 1).
        name: what to call it in an error.

    Returns:
        float64, or object where every entry is a Fraction. A float64 array is returned itself, not a copy.

    Raises:
        InvalidDistribution: not one-dimensional, empty, NaN, infinite, negative, or a sum that is not 1
            (to 1e-8; to 1e-5 for arrays that come in single precision).

    Example:
        >>> as_probabilities([0.5, 0.25, 0.25])
        array([0.5 , 0.25, 0.25])
        >>> as_probabilities([0.5, 0.583])
        Traceback (most recent call last):
        compresslab.errors.InvalidDistribution: probabilities sum to 1.083, not 1: divide them by their sum, or give ...
    """
    if isinstance(p, LeafDistribution):
        return p.probabilities
    if hasattr(p, "leaves"):
        raise InvalidDistribution(f"{name} are those of leaves, not a {type(p).__name__}: give its leaves, .leaves()")
    if hasattr(p, "num_responses"):
        raise InvalidDistribution(
            f"{name} are those of leaves, not a {type(p).__name__}: give TokenTree.build(dataset, depth).leaves()"
        )
    array = _to_array(p, name)
    if array.ndim != 1 or not array.size:
        raise InvalidDistribution(
            f"{name} must be a one-dimensional array of at least one number, not shape {array.shape}"
        )
    if array.dtype == object:
        return _check_exact(array, name)
    tolerance = _TOLERANCE_SINGLE if array.dtype.kind == "f" and array.dtype.itemsize < 8 else _TOLERANCE
    values: NDArray[np.float64] = np.asarray(array, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        total = float(values.sum())
    if not math.isfinite(total) and not np.isfinite(values).all():
        at = int(np.flatnonzero(~np.isfinite(values))[0])
        raise InvalidDistribution(f"{name} must be finite: entry {at} is {values[at]}")
    if values.min() < 0:
        at = int(values.argmin())
        raise InvalidDistribution(f"{name} must not be negative: entry {at} is {values[at]:g}")
    if not abs(total - 1) <= tolerance:
        raise InvalidDistribution(
            f"{name} sum to {total:.10g}, not 1: divide them by their sum, "
            "or give counts to LeafDistribution.from_counts"
        )
    return values


def _to_array(p: Any, name: str) -> NDArray[Any]:
    try:
        array = as_array(p)
    except (TypeError, ValueError) as error:
        raise InvalidDistribution(f"{name} must be numbers in one dimension: {error}") from error
    if array.dtype == object and all(isinstance(x, (Fraction, int)) for x in array.flat):
        return np.array([Fraction(x) for x in array.flat], dtype=object).reshape(array.shape)
    if array.dtype == object:
        try:
            return array.astype(np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidDistribution(f"{name} must be real numbers: {error}") from error
    if array.dtype.kind not in "biuf":
        raise InvalidDistribution(f"{name} must be real numbers, not {array.dtype}")
    return array


def _check_exact(array: NDArray[np.object_], name: str) -> NDArray[np.object_]:
    for at, x in enumerate(array):
        if x < 0:
            raise InvalidDistribution(f"{name} must not be negative: entry {at} is {x}")
    total = sum(array.tolist(), Fraction(0))
    if total != 1:
        raise InvalidDistribution(f"{name} sum to {total}, not 1: divide them by their sum")
    return array


class LeafDistribution:
    """A probability distribution on the leaves of a token tree.

    Args:
        keys: what names the leaves, all different: shape ``(M,)`` of numbers, strings or any hashable objects,
            or a matrix ``(M, d)`` of whole numbers, one leaf a row. A tree's rows hold its leaves' tokens, and -1 from
            EOS on.
        probabilities: shape ``(M,)``; float64, or Fractions for exact arithmetic. See :func:`as_probabilities`.

    Attributes:
        keys: the keys, as given (read-only).
        probabilities: float64 or object (Fraction), shape ``(M,)``, read-only.
        counts: int64, shape ``(M,)``, where the distribution came from counts; else None.

    Raises:
        InvalidDistribution: see :func:`as_probabilities`.
        MismatchedLeaves: the number of keys is not the number of probabilities, or two keys are equal.

    Example:
        >>> p = LeafDistribution(["a", "b"], [0.25, 0.75])
        >>> p
        LeafDistribution(2 leaves: a 0.25, b 0.75)
        >>> len(p), p.as_dict()["b"]
        (2, 0.75)
    """

    __slots__ = ("_keys", "_make_keys", "counts", "probabilities")

    def __init__(self, keys: Any, probabilities: Any) -> None:
        checked = as_probabilities(probabilities)
        self.probabilities: Probabilities = _read_only(checked.copy())
        self.counts: NDArray[np.int64] | None = None
        self._make_keys: Callable[[], Keys] | None = None
        self._keys: Keys | None = _checked_keys(keys, len(checked))

    @classmethod
    def from_counts(cls, keys: Any, counts: npt.ArrayLike, *, exact: bool = False) -> LeafDistribution:
        """Divide counts by their sum.

        Args:
            keys: as for the class.
            counts: whole numbers, 0 or more, shape ``(M,)``.
            exact: keep the probabilities as Fractions.

        Raises:
            InvalidCounts: a count that is negative or no whole number, or a sum of 0.

        Example:
            >>> LeafDistribution.from_counts(["a", "b"], [1, 2], exact=True).probabilities
            array([Fraction(1, 3), Fraction(2, 3)], dtype=object)
        """
        checked = _checked_counts(counts)
        return cls._trusted(_checked_keys(keys, len(checked)), None, checked, exact)

    @classmethod
    def from_sorted_leaves(
        cls, make_keys: Callable[[], Keys], counts: NDArray[np.int64], *, exact: bool = False
    ) -> LeafDistribution:
        """Take positive counts of leaves known to differ, whose keys are written out only when they are asked for."""
        return cls._trusted(None, make_keys, counts, exact)

    @classmethod
    def _trusted(
        cls, keys: Keys | None, make_keys: Callable[[], Keys] | None, counts: NDArray[np.int64], exact: bool
    ) -> LeafDistribution:
        self = cls.__new__(cls)
        total = int(counts.sum())
        probabilities: Probabilities = counts / total
        if exact:
            probabilities = np.array([Fraction(n, total) for n in counts.tolist()], dtype=object)
        self.probabilities, self.counts = _read_only(probabilities), _read_only(counts)
        self._keys, self._make_keys = keys, make_keys
        return self

    @property
    def keys(self) -> Keys:
        """What names the leaves: shape ``(M,)`` or ``(M, d)``."""
        if self._keys is None:
            if self._make_keys is None:  # pragma: no cover - one of the two is always given
                raise MismatchedLeaves("this distribution has no keys")
            self._keys = _read_only(self._make_keys())
        return self._keys

    @property
    def is_exact(self) -> bool:
        """Tell whether the probabilities are Fractions."""
        return self.probabilities.dtype == object

    def exact(self) -> LeafDistribution:
        """Return the same distribution in Fractions: of the counts where known, else of the floats over their sum."""
        if self.is_exact:
            return self
        if self.counts is not None:
            return LeafDistribution._trusted(self._keys, self._make_keys, self.counts, True)
        values = [Fraction(x) for x in self.probabilities.tolist()]
        total = sum(values, Fraction(0))
        return LeafDistribution(self.keys, np.array([x / total for x in values], dtype=object))

    def as_dict(self) -> dict[Any, float | Fraction]:
        """Return ``{key: probability}``; a row of a key matrix becomes a tuple."""
        rows = self.keys.tolist()
        keys = map(tuple, rows) if self.keys.ndim == 2 else rows
        return dict(zip(keys, self.probabilities.tolist(), strict=True))

    def sample(self, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw leaves at random, independently.

        Args:
            size: how many.
            rng: the source of randomness.

        Returns:
            int64, shape ``(size,)``: indices into ``keys``.

        Raises:
            InvalidParameter: ``size`` is negative or no whole number.

        Example:
            >>> p = LeafDistribution(["a", "b"], [0.0, 1.0])
            >>> p.keys[p.sample(3, np.random.default_rng(0))].tolist()
            ['b', 'b', 'b']
        """
        if not (number_or_nan(size) >= 0 and int(size) == size):
            raise InvalidParameter(f"cannot draw {size!r} leaves: give a whole number, 0 or more")
        p = self.probabilities.astype(np.float64)
        return rng.choice(len(p), size=size, p=p / p.sum()).astype(np.int64)

    def __len__(self) -> int:
        return len(self.probabilities)

    def __repr__(self) -> str:
        rows = self.keys[:_MAX_SHOWN].tolist()
        shown = [f"{key} {float(p):.4g}" for key, p in zip(rows, self.probabilities[:_MAX_SHOWN], strict=True)]
        more = ", ..." if len(self) > _MAX_SHOWN else ""
        return f"LeafDistribution({len(self):,} {'leaf' if len(self) == 1 else 'leaves'}: {', '.join(shown)}{more})"


DistributionLike = LeafDistribution | npt.ArrayLike


def _checked_counts(counts: npt.ArrayLike) -> NDArray[np.int64]:
    try:
        array = as_array(counts)
    except ValueError as error:
        raise InvalidCounts(f"counts must be whole numbers in one dimension: {error}") from error
    if array.ndim != 1 or array.dtype.kind not in "biuf":
        raise InvalidCounts(f"counts must be whole numbers in one dimension, not shape {array.shape} of {array.dtype}")
    if array.dtype.kind == "f" and not (np.isfinite(array) & (array == np.floor(array))).all():
        at = int(np.flatnonzero(~(np.isfinite(array) & (array == np.floor(array))))[0])
        raise InvalidCounts(f"counts must be whole numbers: entry {at} is {array[at]}")
    if array.size and array.min() < 0:
        at = int(array.argmin())
        raise InvalidCounts(f"counts must not be negative: entry {at} is {array[at]}")
    if not array.size or not array.any():
        raise InvalidCounts("counts must have a positive sum: there is nothing to normalise")
    total = float(array.sum(dtype=np.float64))
    if not total < _MAX_COUNT:
        raise InvalidCounts(
            f"counts sum to {total:.4g}, which 64 bits do not hold: give probabilities, or smaller counts"
        )
    return array.astype(np.int64)


def _checked_keys(keys: Any, expected: int) -> Keys:
    array = _key_array(keys)
    if len(array) != expected:
        raise MismatchedLeaves(f"{len(array)} keys for {expected} probabilities: every leaf needs one of each")
    try:
        codes, distinct = _codes([array])
    except TypeError as error:
        raise MismatchedLeaves(f"keys must be hashable, to tell equal leaves: {error}") from error
    if distinct != expected:
        first = int(np.flatnonzero(np.bincount(codes[0], minlength=distinct)[codes[0]] > 1)[0])
        raise MismatchedLeaves(
            f"keys must differ: {array[first].tolist() if array.ndim > 1 else array[first]!r} "
            "occurs more than once; add up the probabilities of equal leaves first"
        )
    return _read_only(array)


def _key_array(keys: Any) -> Keys:
    """Return keys as an array of our own; a read-only one is shared."""
    if isinstance(keys, np.ndarray) and keys.ndim in (1, 2):
        if keys.ndim == 2 and keys.dtype.kind not in "iu":
            raise MismatchedLeaves(
                f"a matrix of keys holds whole numbers, one leaf a row, not {keys.dtype}: give a list of tuples"
            )
        return keys.copy() if keys.flags.writeable else keys.view()
    if not isinstance(keys, Iterable):
        raise MismatchedLeaves(f"keys are one for each probability, not {keys!r}: give a list or an array")
    items = list(keys)
    if items and all(isinstance(key, (int, np.integer)) and not isinstance(key, bool) for key in items):
        return np.array(items)
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view


def as_distribution(p: DistributionLike, name: str = "probabilities") -> LeafDistribution:
    """Return a distribution unchanged, and a plain array as one whose leaves are named 0, 1, 2, ...

    Example:
        >>> as_distribution([0.5, 0.5]).keys.tolist()
        [0, 1]
    """
    if isinstance(p, LeafDistribution):
        return p
    checked = as_probabilities(p, name)
    return LeafDistribution(np.arange(len(checked)), checked)


def align(distributions: Sequence[DistributionLike], names: Iterable[str] | None = None) -> tuple[Keys, Probabilities]:
    """Write distributions over the union of their leaves, 0 where a leaf is missing.

    Plain arrays have no named leaves: entry ``j`` of each is the same leaf, so they must be of one length.

    Args:
        distributions: N of them.
        names: what to call them in an error.

    Returns:
        The keys of the union (in the order of the keys; the first distribution's own order where all have the same
        keys), and the probabilities, shape ``(N, M)``: float64, or Fractions where all distributions are exact.

    Raises:
        MismatchedLeaves: arrays of different lengths, keys of different kinds, or an array beside a distribution.

    Example:
        >>> keys, P = align([LeafDistribution(["a", "b"], [0.5, 0.5]), LeafDistribution(["b", "c"], [0.25, 0.75])])
        >>> keys.tolist(), P.tolist()
        (['a', 'b', 'c'], [[0.5, 0.5, 0.0], [0.0, 0.25, 0.75]])
    """
    given = list(distributions)
    labels = list(names) if names is not None else [f"distribution {i}" for i in range(len(given))]
    if not given:
        raise InvalidParameter("nothing to align: give at least one distribution")
    named = [isinstance(p, LeafDistribution) for p in given]
    leaves = [as_distribution(p, name) for p, name in zip(given, labels, strict=True)]
    if not any(named):
        _check_lengths(leaves, labels)
    elif not all(named):
        plain = labels[named.index(False)]
        raise MismatchedLeaves(
            f"{plain} is a plain array and others have named leaves: "
            "give all as arrays of one length, or all as LeafDistribution"
        )
    exact = all(p.is_exact for p in leaves)
    rows = [p.probabilities if exact else p.probabilities.astype(np.float64, copy=False) for p in leaves]
    if all(_same_keys(leaves[0], p) for p in leaves[1:]):
        return leaves[0].keys, np.array(rows)
    keys = _common_shape([p.keys for p in leaves], labels)
    codes, distinct = _codes(keys)
    table: Probabilities = (
        np.full((len(leaves), distinct), Fraction(0), object) if exact else np.zeros((len(leaves), distinct))
    )
    union = np.empty((distinct, *keys[0].shape[1:]), np.result_type(*keys))
    for i, (key, code, row) in enumerate(zip(keys, codes, rows, strict=True)):
        table[i, code] = row
        union[code] = key
    return union, table


def _check_lengths(leaves: list[LeafDistribution], labels: list[str]) -> None:
    for p, label in zip(leaves[1:], labels[1:], strict=True):
        if len(p) != len(leaves[0]):
            raise MismatchedLeaves(
                f"{labels[0]} has {len(leaves[0])} leaves and {label} has {len(p)}: plain arrays must be of one "
                "length, entry j being the same leaf; for different leaves give LeafDistribution(keys, probabilities)"
            )


def _same_keys(p: LeafDistribution, q: LeafDistribution) -> bool:
    if p is q:
        return True
    return len(p) == len(q) and p.keys.shape == q.keys.shape and bool(np.array_equal(p.keys, q.keys))


def _common_shape(keys: list[Keys], labels: list[str]) -> list[Keys]:
    """Check that keys can be compared: all rows of one width, or all plain."""
    for key, label in zip(keys, labels, strict=True):
        if key.shape[1:] != keys[0].shape[1:]:
            raise MismatchedLeaves(
                f"{labels[0]} has keys of shape {keys[0].shape} and {label} of {key.shape}: "
                "leaves can be aligned only at one depth; prune the deeper tree"
            )
    # Mixed kinds would be turned into one another, and different keys made equal: 2**53 + 1 as a float is 2**53.
    kinds = {"whole" if key.dtype.kind in "iu" else key.dtype.kind for key in keys}
    if len(kinds) > 1 or np.result_type(*keys).kind not in {key.dtype.kind for key in keys}:
        if keys[0].ndim > 1:
            return [_checked_int64(key, label) for key, label in zip(keys, labels, strict=True)]
        return [key.astype(object) for key in keys]
    return keys


def _checked_int64(keys: Keys, label: str) -> Keys:
    if keys.size and int(keys.max()) >= 2**63:
        raise MismatchedLeaves(f"{label} has a key of {keys.max()}: beside negative keys, give keys below 2**63")
    return keys.astype(np.int64)


def _codes(keys: list[Keys]) -> tuple[list[NDArray[np.int64]], int]:
    """Number the distinct keys of several key arrays in sorted order (objects that cannot be sorted: as they come)."""
    joined = np.concatenate(keys)
    if joined.ndim > 1:
        code, distinct = _row_codes(joined)
    elif joined.dtype == object:
        code, distinct = _object_codes(joined)
    else:
        values, code = np.unique(joined, return_inverse=True)
        distinct = len(values)
    return np.split(code, np.cumsum([len(key) for key in keys])[:-1]), distinct


def _object_codes(joined: NDArray[np.object_]) -> tuple[NDArray[np.int64], int]:
    items = joined.tolist()
    distinct = list(dict.fromkeys(items))
    with contextlib.suppress(TypeError):  # keys of several kinds have no order: theirs is that of appearance
        distinct.sort()
    number = {key: i for i, key in enumerate(distinct)}
    return np.array([number[key] for key in items], dtype=np.int64), len(distinct)


def _row_codes(rows: NDArray[Any]) -> tuple[NDArray[np.int64], int]:
    """Number distinct rows of whole numbers in lexicographic order: a few columns at a time, packed into 64 bits."""
    if int(rows.max(initial=0)) - int(rows.min(initial=0)) >= 2**32:  # too wide to pack beside anything: ranks instead
        values, ranks = np.unique(rows, return_inverse=True)
        rows = ranks.reshape(rows.shape)
    lowest = int(rows.min(initial=0))
    bits = max(1, (int(rows.max(initial=0)) - lowest).bit_length())
    code, distinct, column = np.zeros(len(rows), np.int64), 1, 0
    while column < rows.shape[1]:
        width = max(1, min((64 - (distinct - 1).bit_length()) // bits, rows.shape[1] - column))
        packed = code.astype(np.uint64)
        for j in range(column, column + width):
            packed <<= np.uint64(bits)
            packed |= (rows[:, j].astype(np.int64) - lowest).astype(np.uint64)
        values, inverse = np.unique(packed, return_inverse=True)
        code, distinct, column = inverse.astype(np.int64), len(values), column + width
    return code, distinct if rows.shape[1] else min(1, len(rows))
