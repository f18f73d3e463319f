"""Changes net of a control, and shares of what alignment changed, with intervals over texts and over seeds.

A change has two kinds of runs: the responses that are measured, a sample of their kind, and the seeds, which order the
examples. Both are crossed; a mean's variance is the sum of the two one-way variances, its degrees of freedom are
Satterthwaite's. With one seed only that over responses is known. Shares are ratios of means with Fieller's interval.

Sources: Satterthwaite (1946), *An approximate distribution of estimates of variance components*; Fieller (1954).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab.audit.arms import ARMS
from compresslab.experiments.rows import Row
from compresslab.theory.estimates import Estimate, fieller, interval, ratio_standard_error, student_quantile

__all__ = ["Change", "Runs", "Share", "changes", "crossed_mean", "crossed_share", "share_of", "shares"]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Change:
    """What new data does to one dataset, nats per token: raw in each arm, and net of both controls.

    Attributes:
        perturbation: what was trained on.
        dataset: whose code length changed.
        examples: how many were trained on.
        aligned: the change of the aligned model.
        control: of the base.
        placebo: of the base that was aligned to neutral data; None without it.
        net_of_control: the aligned model's less the base's, paired by responses and seeds.
        net_of_placebo: less the placebo's.
    """

    perturbation: str
    dataset: str
    examples: int
    aligned: Estimate
    control: Estimate
    placebo: Estimate | None
    net_of_control: Estimate
    net_of_placebo: Estimate | None


@dataclass(frozen=True)
class Share:
    """A share of what alignment changed that new data turns back; None where it is not defined.

    Attributes:
        what: "undone", of what alignment gained on its data; "returned", of what it cost pre-training.
        perturbation: what was trained on.
        examples: how many.
        of_nats: what the share is of, nats per token.
        raw: of the aligned model's change.
        net_of_control: of that net of the base's.
        net_of_placebo: net of the placebo's; None without it, too.
    """

    what: str
    perturbation: str
    examples: int
    of_nats: Estimate
    raw: Estimate | None
    net_of_control: Estimate | None
    net_of_placebo: Estimate | None


@dataclass(frozen=True, eq=False)
class Runs:
    """The rows of all arms as arrays.

    Attributes:
        nats: (arm, perturbation, examples, dataset) -> shape ``(seeds, responses)``.
        symbols: dataset -> tokens of each response, shape ``(responses,)``.
        roles: dataset -> its role.
    """

    nats: Mapping[tuple[str, str, int, str], Values]
    symbols: Mapping[str, Values]
    roles: Mapping[str, str]

    @classmethod
    def of(cls, rows: Sequence[Row], symbols: Mapping[str, Values], roles: Mapping[str, str]) -> Runs:
        """Put rows together; those of an arm are in the order of their seeds."""
        gathered: dict[tuple[str, str, int, str], list[Any]] = {}
        for row in sorted(rows, key=lambda row: row["seed"]):
            for name, nats in row["nats"].items():
                gathered.setdefault((row["arm"], row["perturbation"], row["examples"], name), []).append(nats)
        return cls({key: np.array(values, dtype=np.float64) for key, values in gathered.items()}, symbols, roles)

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms that there are."""
        return tuple(arm for arm in ARMS if any(key[0] == arm for key in self.nats))

    @property
    def stops(self) -> tuple[tuple[str, int], ...]:
        """Perturbations and numbers of examples above 0, in order."""
        return tuple(dict.fromkeys((key[1], key[2]) for key in self.nats if key[2]))

    def change(self, arm: str, perturbation: str, examples: int, dataset: str) -> Values:
        """Return the change of each response's code length, nats, shape ``(seeds, responses)``."""
        after, before = (self.nats[arm, perturbation, seen, dataset] for seen in (examples, 0))
        found: Values = after - before
        return found


def changes(runs: Runs) -> Iterator[Change]:
    """Yield what each perturbation does to each dataset after each number of examples."""
    for perturbation, examples in runs.stops:
        for name, symbols in runs.symbols.items():
            raw = {arm: runs.change(arm, perturbation, examples, name) for arm in runs.arms}
            means = {arm: crossed_mean(values, symbols) for arm, values in raw.items()}
            net = {arm: crossed_mean(raw["aligned"] - raw[arm], symbols) for arm in runs.arms[1:]}
            yield Change(
                perturbation, name, examples, means["aligned"], means["control"], means.get("placebo"),
                net["control"], net.get("placebo"),
            )  # fmt: skip


def shares(runs: Runs) -> Iterator[Share]:
    """Yield the shares that are undone and that come back, after each number of examples.

    All datasets of a role count together, each token once.
    """
    for perturbation, examples in runs.stops:
        for what, role, sign in (("undone", "align", 1.0), ("returned", "pretrain", -1.0)):
            names = [name for name in runs.symbols if runs.roles[name] == role]
            yield share_of(runs, what, names, sign, perturbation, examples)


def share_of(runs: Runs, what: str, names: Sequence[str], sign: float, perturbation: str, examples: int) -> Share:
    """Return a share of what alignment changed on some datasets, taken together.

    Args:
        runs: of all arms.
        what: "undone" or "returned".
        names: the datasets.
        sign: 1 for what alignment gained, -1 for what it cost.
        perturbation: what was trained on.
        examples: how many.
    """

    def joined(arm: str, seen: int) -> Values:
        return np.concatenate([runs.nats[arm, perturbation, seen, name] for name in names], axis=1)

    symbols = np.concatenate([runs.symbols[name] for name in names])
    before = joined("control", 0)[0], joined("aligned", 0)[0]
    whole = sign * (before[0] - before[1])
    raw = {arm: sign * (joined(arm, examples) - joined(arm, 0)) for arm in runs.arms}
    found = {arm: crossed_share(raw["aligned"] - raw[arm], whole, symbols) for arm in runs.arms[1:]}
    return Share(
        what, perturbation, examples, crossed_mean(whole[None], symbols),
        crossed_share(raw["aligned"], whole, symbols), found["control"], found.get("placebo"),
    )  # fmt: skip


def crossed_mean(values: Values, symbols: Values) -> Estimate:
    """Return a mean per token over crossed seeds and responses, with its 95 % interval.

    Args:
        values: sums over the tokens of each response, shape ``(seeds, responses)``.
        symbols: how many tokens these are, shape ``(responses,)``.

    Example:
        >>> found = crossed_mean(np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]), np.ones(3))
        >>> found.mean, round(found.half_width, 3)  # the seeds agree: as over three responses
        (2.0, 2.484)
    """
    total = float(symbols.sum())
    mean = float(values.mean(axis=0).sum()) / total
    error = ratio_standard_error(values.mean(axis=0), symbols)
    over_texts = None if error is None else error**2
    variance, freedom = _both(over_texts, values.shape[1], _over_seeds(values, total), values.shape[0])
    return interval(mean, float(np.sqrt(variance)), 1 + math.floor(freedom + 1e-9))  # whole: as of one variance alone


def crossed_share(part: Values, whole: Values, symbols: Values | None = None) -> Estimate | None:
    """Return the share that one change is of another over the same responses, with Fieller's interval.

    It is not defined where the whole is not certainly above 0: where alignment changed nothing, or the other way. That
    is judged by the whole's own interval: each of the two means is as certain as `crossed_mean` has it, the part's with
    fewer degrees of freedom where seeds differ much.

    Args:
        part: the change, sums over the tokens of each response, shape ``(seeds, responses)``.
        whole: what it is a share of, shape ``(responses,)``.
        symbols: how many tokens these are, likewise; one each where None.

    Example:
        >>> whole = np.array([4.0, 5.0, 6.0, 5.0])
        >>> share = crossed_share(np.array([[2.0, 2.4, 3.2, 2.4]]), whole)
        >>> share is not None and (round(share.mean, 6), share.covers(0.5))
        (0.5, True)
        >>> crossed_share(np.ones((1, 4)), -whole) is None
        True
    """
    texts, mean = whole.size, part.mean(axis=0)
    counts = np.ones(texts) if symbols is None else symbols
    total = float(counts.sum())
    over, under = float(mean.sum()) / total, float(whole.sum()) / total
    if under <= 0:
        return None
    if texts < 2:
        return Estimate(over / under, None, None, 1)
    rest = np.stack([mean - over * counts, whole - under * counts])
    covariance = texts / (texts - 1) * (rest @ rest.T) / total**2
    seeds = _over_seeds(part, total)
    _, freedom = _both(float(covariance[0, 0]), texts, seeds, part.shape[0])
    # The part is as uncertain as few seeds make it; the whole, which no seed changes, as its responses do.
    wider = np.diag([student_quantile(freedom) / student_quantile(texts - 1), 1.0])
    covariance[0, 0] += seeds or 0.0
    found = fieller(over, under, wider @ covariance @ wider, texts)
    return None if found is None else replace(found, runs=1 + math.floor(freedom + 1e-9))


def _over_seeds(values: Values, total: float) -> float | None:
    """Return the variance of a mean from the differences between seeds; None for a single one."""
    if len(values) < 2:
        return None
    return float((values.sum(axis=1) / total).var(ddof=1)) / len(values)


def _both(texts: float | None, responses: int, seeds: float | None, runs: int) -> tuple[float, float]:
    """Return the sum of two variances, and its degrees of freedom; NaN and 0 where neither is known."""
    known = [(v, n - 1) for v, n in ((texts, responses), (seeds, runs)) if v is not None]
    if not known:
        return float("nan"), 0.0
    total = sum(v for v, _ in known)
    if total <= 0:
        return 0.0, float(max(df for _, df in known))
    return total, max(1.0, total**2 / sum(v**2 / df for v, df in known))
