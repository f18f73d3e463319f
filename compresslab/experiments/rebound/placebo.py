"""What is left of a rebound without that of a placebo: a base that had as much neutral data instead of positive data.

The control begins at the base, so it has more of its pre-training to lose than a model that was aligned. A placebo has
been moved too, at the same sum of learning rates, and has gained nothing of what is asked. All is paired by seed and by
volume.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import as_array
from compresslab.errors import InvalidParameter
from compresslab.theory.estimates import Estimate, estimate, interval, ratio_of_means

__all__ = ["NetOfPlacebo", "PlaceboTrends", "net_of_placebo", "placebo_trends", "share_trend", "trend"]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class NetOfPlacebo:
    """What the negative data did after one positive volume, less what it did after as much neutral data.

    Attributes:
        curves: of the placebo itself: quantity -> one Estimate for each negative volume.
        gained: score before any negative data, net of the placebo's.
        early_rate: fall of the score for each 1,000 negative responses, from none to the early volume.
        fallen: fall of the score over all the negative data.
        survives: score after all the negative data.
        regained: share of the gain that the negative data took back, a ratio of means; None where it is not defined.
        changed: score and code lengths -> the change from before the negative data on, one Estimate for each negative
            volume.
    """

    curves: dict[str, tuple[Estimate, ...]]
    gained: Estimate
    early_rate: Estimate
    fallen: Estimate
    survives: Estimate
    regained: Estimate | None
    changed: dict[str, tuple[Estimate, ...]]


@dataclass(frozen=True)
class PlaceboTrends:
    """Slopes for each doubling of the positive volume, net of the placebo at each.

    Attributes:
        loss: of the fall of the score over all the negative data.
        survival: of the score after it.
        share: of the share of the gain that is taken back; None where one of them is not defined.
    """

    loss: Estimate
    survival: Estimate
    share: Estimate | None


def net_of_placebo(
    treated: Mapping[str, Values], placebo: Mapping[str, Values], i: int, negative: Sequence[int], early: int,
    names: Sequence[str],
) -> NetOfPlacebo:  # fmt: skip
    """Return what the negative data did after the positive volume of index ``i``, net of the placebo.

    Args:
        treated: quantity -> float64 of shape ``(seeds, positive, negative)``.
        placebo: the same of the placebo.
        i: an index of the positive volumes, 1 or more.
        negative: the negative volumes.
        early: the one that ends the early stretch.
        names: the quantities whose changes are wanted.
    """
    at = list(negative).index(early)
    score: Values = treated["score"][:, i] - placebo["score"][:, i]
    fallen = score[:, 0] - score[:, -1]
    changed = {}
    for name in names:
        net = treated[name][:, i] - placebo[name][:, i]
        changed[name] = tuple(estimate(one) for one in (net - net[:, :1]).T)
    return NetOfPlacebo(
        curves={name: tuple(estimate(one) for one in values[:, i].T) for name, values in placebo.items()},
        gained=estimate(score[:, 0]),
        early_rate=estimate((score[:, 0] - score[:, at]) * 1000 / early),
        fallen=estimate(fallen),
        survives=estimate(score[:, -1]),
        regained=ratio_of_means(fallen, score[:, 0]),
        changed=changed,
    )


def placebo_trends(volumes: Sequence[int], treated: Values, placebo: Values) -> PlaceboTrends:
    """Return the slopes over the positive volumes.

    Args:
        volumes: positive ones, without 0.
        treated: score, float64 of shape ``(seeds, len(volumes), negative)``.
        placebo: the same of the placebo.
    """
    score: Values = treated - placebo
    loss = score[:, :, 0] - score[:, :, -1]
    return PlaceboTrends(
        trend(volumes, loss), trend(volumes, score[:, :, -1]), share_trend(volumes, loss, score[:, :, 0])
    )


def trend(sizes: Sequence[float], values: Values) -> Estimate:
    """Return the slope of values in ``log2`` of sizes: one least-squares line for each run, an Estimate over the runs.

    Args:
        sizes: shape ``(n,)``, positive, two different ones or more.
        values: shape ``(runs, n)``.

    Example:
        >>> abs(trend([1, 2, 4], np.array([[0.0, 1.0, 2.0], [0.0, 1.0, 2.0]])).mean - 1) < 1e-14
        True
    """
    x = _centred(sizes)
    if values.shape[1:] != x.shape or not np.any(x):
        raise InvalidParameter(f"a trend needs two sizes or more, and a value at each: not {list(sizes)!r}")
    return estimate(values @ x / float(x @ x))


def share_trend(sizes: Sequence[float], over: Values, under: Values) -> Estimate | None:
    """Return the slope of shares in ``log2`` of sizes, each share a ratio of two means; None where one is not defined.

    A loss in proportion to the gain, as a spring's, is the same share at every size: a slope of 0. The standard error
    is that of the shares' linear parts, run by run (the delta method).

    Args:
        sizes: shape ``(n,)``, positive.
        over: what is lost, shape ``(runs, n)``.
        under: what was gained, likewise; its mean must be told from 0 at each size.

    Example:
        >>> gains = np.array([[1.0, 2.1], [1.1, 1.9], [0.9, 2.0]])
        >>> found = share_trend([1, 2], 0.5 * gains, gains)
        >>> found is not None and abs(found.mean) < 1e-12
        True
    """
    x = _centred(sizes)
    if over.shape != under.shape or over.shape[1:] != x.shape:
        raise InvalidParameter(f"shares need a loss and a gain at each size: not {over.shape} and {under.shape}")
    if not np.any(x) or len(over) < 2 or not all(estimate(one).sign for one in under.T):
        return None
    weights, gained = x / float(x @ x), under.mean(axis=0)
    shares = over.mean(axis=0) / gained
    parts = ((over - shares * under) / gained) @ weights
    return interval(float(shares @ weights), float(parts.std(ddof=1)) / len(parts) ** 0.5, len(parts))


def _centred(sizes: Sequence[float]) -> Values:
    x = np.log2(as_array(sizes, dtype=np.float64))
    centred: Values = x - x.mean()
    return centred
