"""What the rows of the effective-volume experiment say: mixtures recovered, exchange rates, and the rebound.

The *rebound* is what a perturbation changes in each code length, from the end of the alignment on: in the network; in
the mixture at the effective volumes of that moment, grown by code alone until code has the share that is measured; and
in the mixture at the volumes of the phrases seen. Where the network is not a mixture (its residual is not 0) levels
differ, so changes are compared with changes.

The theory's rebound leaves the ratio of the old weights as it was: prose to names. What the network does to that ratio
says whether the perturbation brings back pre-training data that it does not hold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compresslab.errors import InvalidParameter
from compresslab.experiments.effective_volumes.run import EffectiveSpec, exchange_rate
from compresslab.experiments.rows import Row
from compresslab.theory.estimates import Estimate, estimate

__all__ = ["EffectiveSummary", "Exchange", "Known", "Rebound", "summarise_effective"]

PARTS = ("prose", "names", "code")
ROLES = ("pretrain", "align", "rest")  # all three parts, names, prose


@dataclass(frozen=True)
class Known:
    """A known mixture and what came back, over all seeds.

    Attributes:
        mixture: the truth: prose, names, code.
        errors: sampled shares less the truth, in standard errors, seed by seed.
        bias: shares of the whole distribution less the truth, in the same standard errors.
    """

    mixture: tuple[float, ...]
    errors: tuple[tuple[float, ...], ...]
    bias: tuple[tuple[float, ...], ...]

    @property
    def recovered(self) -> bool:
        """Whether every share of every network lies within 2 standard errors of the truth."""
        return float(np.abs(self.bias).max()) <= 2


@dataclass(frozen=True)
class Exchange:
    """What a phrase of alignment counts for.

    Attributes:
        learning_rate: of the sequence.
        phrases: of alignment.
        share: the effective share of names.
        seen: their share of the phrases seen.
        start: the effective share of names before the alignment, as measured.
        rate: phrases of pre-training that one of alignment counts for, from that share on. It belongs to the updates:
            with other batches the same phrases count otherwise.
        k: effective weight of all the pre-training for that of the alignment, the paper's ``k``; None where the
            alignment left no weight.
        half_life: phrases of alignment that halve the weight of all that was there before.
        residual_nats: what no mixture explains.
    """

    learning_rate: float
    phrases: int
    share: Estimate
    seen: float
    start: Estimate
    rate: Estimate
    k: Estimate | None
    half_life: Estimate
    residual_nats: Estimate


@dataclass(frozen=True)
class Rebound:
    """What a perturbation changes: by role, in nats per phrase.

    Attributes:
        learning_rate: of the sequence.
        aligned: phrases of alignment before.
        phrases: of the perturbation (code).
        network: changes in the network's code lengths, by role: "pretrain" (all three parts alike), "align" (names),
            "rest" (prose: pre-training data that the perturbation does not hold).
        grown: the theory's, at the effective volumes; a role is missing where it is infinite.
        seen: the theory's, at the volumes of the phrases seen.
        old_before: effective weight of prose for one of names, before.
        old_after: the same after; the theory leaves it as it was.
        old_change: from before to after, seed by seed.
        rate: phrases of alignment that one of the perturbation counts for; None where it is infinite.
    """

    learning_rate: float
    aligned: int
    phrases: int
    network: dict[str, Estimate]
    grown: dict[str, Estimate]
    seen: dict[str, Estimate]
    old_before: Estimate
    old_after: Estimate
    old_change: Estimate
    rate: Estimate | None

    @property
    def l(self) -> float:  # noqa: E743 - the paper's symbol
        """Phrases of perturbation over those of alignment."""
        return self.phrases / self.aligned


@dataclass(frozen=True)
class EffectiveSummary:
    """All of it."""

    known: tuple[Known, ...]
    exchanges: tuple[Exchange, ...]
    rebounds: tuple[Rebound, ...]


def summarise_effective(spec: EffectiveSpec, rows: Sequence[Row]) -> EffectiveSummary:
    """Put the rows together, over seeds.

    Raises:
        InvalidParameter: rows are missing.
    """
    at: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        if row["stage"] == "known":
            at.setdefault(("known", *row["mixture"]), []).append(row)
        else:
            at.setdefault((row["stage"], row["learning_rate"], row["aligned"], row["steps"]), []).append(row)

    def group(*key: object) -> list[Row]:
        found = sorted(at.get(key, []), key=lambda row: spec.seeds.index(row["seed"]))
        if [row["seed"] for row in found] != list(spec.seeds):
            raise InvalidParameter(f"rows are missing ({' '.join(map(str, key))}): run the experiment to its end first")
        return found

    known = tuple(_known(mixture, group("known", *mixture)) for mixture in spec.mixtures)
    exchanges, rebounds = [], []
    for rate in spec.learning_rates:
        for stop in spec.align_steps:
            before = group("align", rate, stop, stop)
            exchanges.append(_exchange(spec, rate, stop, group("pretrain", rate, 0, spec.pretrain_steps), before))
            if stop in spec.perturb_after:
                after = [group("perturb", rate, stop, steps) for steps in spec.perturb_steps]
                rebounds += [_rebound(spec, rate, before, rows) for rows in after]
    return EffectiveSummary(known, tuple(exchanges), tuple(rebounds))


def _known(mixture: tuple[float, ...], rows: Sequence[Row]) -> Known:
    def errors(column: str) -> tuple[tuple[float, ...], ...]:
        found = []
        for row in rows:
            off, error = np.array(row[column]) - mixture, np.array(row["standard_errors"])
            # infinitely many where the error came out as 0
            z = np.divide(off, error, out=np.copysign(np.where(off == 0, 0.0, np.inf), off), where=error > 0)
            found.append(tuple(z.tolist()))
        return tuple(found)

    return Known(mixture, errors("sampled_shares"), errors("shares"))


def _exchange(spec: EffectiveSpec, rate: float, stop: int, start: Sequence[Row], rows: Sequence[Row]) -> Exchange:
    phrases, pretrain = stop * spec.batch, spec.pretrain_steps * spec.batch
    starts, shares = ([row["shares"][1] for row in group] for group in (start, rows))
    both = list(zip(starts, shares, strict=True))
    rates = [exchange_rate(share, pretrain, phrases, before) for before, share in both]
    # What is left of the weight before.
    old = [max((1 - share) / max(1 - before, 1e-300), 1e-300) for before, share in both]
    return Exchange(
        rate,
        phrases,
        estimate(shares),
        rows[0]["seen_shares"][1],
        estimate(starts),
        estimate(rates),
        estimate([pretrain / (r * phrases) for r in rates]) if min(rates) > 0 else None,
        estimate([-phrases / math.log2(left) if left < 1 else phrases * 1e9 for left in old]),
        estimate([row["residual_nats"] for row in rows]),
    )


def _rebound(spec: EffectiveSpec, rate: float, before: Sequence[Row], after: Sequence[Row]) -> Rebound:
    aligned, phrases = after[0]["aligned"] * spec.batch, after[0]["steps"] * spec.batch

    def changes(column: str, base: str) -> dict[str, Estimate]:
        found = {}
        for role in ROLES:
            values = [(_of(role, x[base]), _of(role, y[column])) for x, y in zip(before, after, strict=True)]
            if all(math.isfinite(a) and math.isfinite(b) for a, b in values):
                found[role] = estimate([b - a for a, b in values])
        return found

    counts = [
        _perturbation_rate(x["shares"], y["shares"], phrases / aligned) for x, y in zip(before, after, strict=True)
    ]
    return Rebound(
        rate,
        aligned,
        phrases,
        changes("gamma_nats", "gamma_nats"),
        changes("grown_gamma_nats", "mixture_gamma_nats"),
        changes("seen_gamma_nats", "seen_gamma_nats"),
        estimate([_old(row) for row in before]),
        estimate([_old(row) for row in after]),
        estimate([_old(y) - _old(x) for x, y in zip(before, after, strict=True)]),
        estimate(counts) if all(map(math.isfinite, counts)) else None,
    )


def _old(row: Row) -> float:
    prose, names, _ = row["shares"]
    return float(prose / max(names, 1e-300))


def _of(role: str, gamma: Sequence[float | None]) -> float:
    prose, names, code = (math.inf if x is None else x for x in gamma)
    return {"pretrain": (prose + names + code) / 3, "align": names, "rest": prose}[role]


def _perturbation_rate(before: Sequence[float], after: Sequence[float], l: float) -> float:  # noqa: E741
    """Return the weight that code gained over that which alignment had gained, for one phrase of each."""
    gained = (after[2] - before[2]) / (1 - after[2]) if after[2] < 1 else math.inf
    return gained / (max(before[1] - (before[0] + before[2]) / 2, 1e-300) * l)
