"""Effective volumes of trained networks: known mixtures must come back; then, at what rate does a late example count?

*Known mixtures*: networks are trained on exact mixtures of prose, names and code. Phrases are sampled from each
network, and the mixture that explains them best is found, with standard errors: the weights must be those of training.

*Sequences*: networks are trained as models are, on fresh batches: first pre-training data (the three parts alike), then
alignment data (names), then, from several points of the alignment, a perturbation (code). After each stretch the
effective volumes are measured. Had training counted every phrase alike, they would be the shares of the phrases seen;
the *exchange rate* is how many pre-training phrases a phrase of the latest stage counts for. Three mixtures are held
beside the network's own code lengths: at its effective volumes; at the volumes of the phrases seen; and, after a
perturbation, at the effective volumes from before it, *grown* by as much code as gives code the share that is measured.
The last is the theory's rebound: new data takes weight from all that was there alike.

Source: theory, section 7; claim ``effective-volumes-concave``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab._support.checks import number_or_nan
from compresslab.errors import InvalidParameter
from compresslab.experiments.joint.run import CORPORA, data_digest, joint_words, leaves
from compresslab.experiments.models.exact_training import (
    copy_network,
    evaluate,
    fit,
    fit_samples,
    one_thread,
    plain_network,
)
from compresslab.experiments.models.networks import Parameters, check_network, new_network, to_tensors
from compresslab.experiments.rows import Row
from compresslab.experiments.stages import Stages
from compresslab.theory.effective_volumes import effective_volumes
from compresslab.trees.distribution import LeafDistribution

__all__ = ["EffectiveSpec", "EffectiveUnit", "effective_units", "exchange_rate", "grow"]

Values = NDArray[np.float64]

EQUAL = (1 / 3, 1 / 3, 1 / 3)
ALIGN, PERTURB = (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


@dataclass(frozen=True)
class EffectiveSpec:
    """What is to be done.

    Attributes:
        words: the most frequent words taken of each corpus.
        mixtures: the known mixtures: shares of prose, names and code.
        seeds: of every mixture and every sequence.
        learning_rates: of the sequences: one sequence for each and each seed.
        network: "gru" or "transformer".
        size: its units.
        max_bytes: longer words are left out.
        steps: full-batch steps on each known mixture.
        learning_rate: of those, the highest.
        phrases: sampled from a network to measure it.
        batch: phrases in a batch of a sequence.
        pretrain_steps: batches of pre-training.
        align_steps: batches of alignment after which it is measured, increasing.
        perturb_after: batches of alignment, each among ``align_steps``, from which a perturbation starts.
        perturb_steps: batches of perturbation after which it is measured, increasing.
    """

    words: int
    mixtures: tuple[tuple[float, float, float], ...]
    seeds: tuple[int, ...]
    learning_rates: tuple[float, ...]
    network: str = "gru"
    size: int = 96
    max_bytes: int = 8
    steps: int = 1200
    learning_rate: float = 0.02
    phrases: int = 20_000
    batch: int = 256
    pretrain_steps: int = 2000
    align_steps: tuple[int, ...] = (2, 5, 10, 20, 50, 100, 200)
    perturb_after: tuple[int, ...] = (5, 20, 100)
    perturb_steps: tuple[int, ...] = (1, 2, 5, 10, 20, 50)

    def check(self) -> None:
        """Check everything that can be wrong, before anything is trained.

        Raises:
            InvalidParameter: a value outside its domain.
            UnknownName: no such network.
        """
        check_network(self.network, self.size)
        for name, low in (
            ("words", 2), ("max_bytes", 1), ("steps", 1), ("phrases", 2), ("batch", 1), ("pretrain_steps", 1)
        ):  # fmt: skip
            value = getattr(self, name)
            if not (number_or_nan(value) >= low and isinstance(value, int)):
                raise InvalidParameter(f"{name} is a whole number, {low} or more: not {value!r}")
        for weights in self.mixtures:
            numbers = [number_or_nan(w) for w in weights]
            if len(numbers) != 3 or not all(w >= 0 for w in numbers) or abs(sum(numbers) - 1) > 1e-9:
                raise InvalidParameter(
                    f"a known mixture is three shares, 0 or more, with the sum 1 (prose, names, code): not {weights!r}"
                )
        for rate in (self.learning_rate, *self.learning_rates):
            if not 0 < number_or_nan(rate) < 1:
                raise InvalidParameter(f"a learning rate lies between 0 and 1: not {rate!r}")
        for name in ("align_steps", "perturb_after", "perturb_steps"):
            steps = [0, *map(number_or_nan, getattr(self, name))]
            if len(steps) < 2 or not all(a < b for a, b in pairwise(steps)):
                raise InvalidParameter(f"{name} is a rising list of numbers of batches: not {getattr(self, name)!r}")
        missing = [after for after in self.perturb_after if after not in self.align_steps]
        if missing:
            raise InvalidParameter(f"a perturbation starts from one of the align_steps: {missing[0]!r} is none of them")
        if (
            not self.seeds
            or len(set(self.seeds)) != len(self.seeds)
            or not all(number_or_nan(s) >= 0 for s in self.seeds)
        ):
            raise InvalidParameter(f"give at least one seed, 0 or more, each once: not {self.seeds!r}")


@dataclass(frozen=True)
class EffectiveUnit:
    """One network: on a known mixture, or through a sequence at one learning rate."""

    spec: EffectiveSpec
    seed: int
    mixture: tuple[float, float, float] | None = None
    learning_rate: float = 0.0


def exchange_rate(share: float, pretrain: int, latest: int, before: float = 1 / 3) -> float:
    """Return how many pre-training phrases a phrase of the latest data counts for.

    With rate ``r``, ``pretrain`` phrases of which a share ``before`` is of the latest kind, and ``latest`` phrases more
    of it, the share becomes ``(before pretrain + r latest) / (pretrain + r latest)``.

    Args:
        share: the effective share that is measured, below 1.
        pretrain: phrases of pre-training.
        latest: phrases since, all of one kind.
        before: that kind's share of pre-training.

    Example:
        >>> round(exchange_rate(0.5, pretrain=900, latest=100), 9)
        3.0
    """
    return pretrain * (share - before) / (latest * (1 - share)) if share < 1 else float("inf")


def train_effective(unit: EffectiveUnit, stages: Stages) -> list[Row]:
    """Train one network and measure its effective volumes: one row, and one stage, a measurement."""
    spec, (words, parts) = unit.spec, leaves(unit.spec.words, unit.spec.max_bytes)
    rng = np.random.default_rng(unit.seed)
    with one_thread():
        trie = to_tensors(words)
        network = new_network(spec.network, spec.size, words, unit.seed)

        def row(network: Parameters, stage: str, aligned: int, steps: int) -> Row:
            found = _measure(parts, evaluate(network, trie), spec.phrases, rng)
            where = {"stage": stage, "aligned": aligned, "steps": steps, "seed": unit.seed}
            return {**where, "learning_rate": unit.learning_rate or spec.learning_rate, **found}

        if unit.mixture is not None:
            fit(network, trie, np.array(unit.mixture) @ parts, steps=spec.steps, learning_rate=spec.learning_rate)
            return [{**row(network, "known", 0, spec.steps), "mixture": list(unit.mixture)}]

        def nominal(aligned: int, perturbed: int) -> dict[str, Any]:
            seen = np.array(EQUAL) * spec.pretrain_steps + np.array(ALIGN) * aligned + np.array(PERTURB) * perturbed
            seen /= seen.sum()
            return {"seen_shares": seen.tolist(), "seen_gamma_nats": _mixture_gamma_nats(parts, seen)}

        def go_on(
            name: str, network: Parameters, weights: Sequence[float], stops: Sequence[int], at: Callable[[int], Any]
        ) -> list[Any]:
            return fit_samples(
                network, trie, np.array(weights) @ parts, rng, stops=stops, batch=spec.batch,
                learning_rate=unit.learning_rate, at=at, stages=stages.part(name),
            )  # fmt: skip

        def aligned_row(stop: int) -> tuple[Row, Parameters | None]:
            found = {**row(network, "align", stop, stop), **nominal(stop, 0)}
            return found, plain_network(network) if stop in spec.perturb_after else None

        rows: list[Row] = go_on(
            "pretrain", network, EQUAL, (spec.pretrain_steps,),
            lambda stop: {**row(network, "pretrain", 0, stop), **nominal(0, 0)},
        )  # fmt: skip
        starts: dict[int, tuple[Parameters, Values]] = {}
        for stop, (found, kept) in zip(
            spec.align_steps, go_on("align", network, ALIGN, spec.align_steps, aligned_row), strict=True
        ):
            rows.append(found)
            if kept is not None:
                starts[stop] = copy_network(kept), np.array(found["shares"])
        for aligned, (start, before) in starts.items():

            def perturbed_row(
                stop: int, aligned: int = aligned, start: Parameters = start, before: Values = before
            ) -> Row:
                found = row(start, "perturb", aligned, stop)
                grown = grow(before, np.array(PERTURB), found["shares"][2])
                return {**found, **nominal(aligned, stop), "grown_gamma_nats": _mixture_gamma_nats(parts, grown)}

            rows += go_on(f"perturb {aligned}", start, PERTURB, spec.perturb_steps, perturbed_row)
    return rows


def grow(shares: Values, new: Values, share: float) -> Values:
    """Return effective shares after more data of one kind, by as much as gives that kind the share that is measured.

    Args:
        shares: before, shape ``(N,)``.
        new: 1 for the component that the data is of, 0 for the others.
        share: that component's share after; where it is no more than before, nothing is added.

    Example:
        >>> grow(np.array([0.2, 0.6, 0.2]), np.array([0.0, 0.0, 1.0]), 0.6).round(9).tolist()
        [0.1, 0.3, 0.6]
    """
    before = float(shares @ new)
    added = max(0.0, (share - before) / (1 - before)) if before < 1 else 0.0
    grown: Values = (1 - added) * shares + added * new
    return grown


def _measure(parts: Values, log_q: Values, phrases: int, rng: np.random.Generator) -> dict[str, Any]:
    wasted = 1 - float(np.exp(log_q).sum())
    log_q = log_q - np.log(np.exp(log_q).sum())
    q = np.exp(log_q)
    counts = rng.multinomial(phrases, q / q.sum())
    keys = np.arange(len(q))
    named = {name: LeafDistribution(keys, part) for name, part in zip(CORPORA, parts, strict=True)}
    sample = effective_volumes(named, LeafDistribution.from_counts(keys, counts), seed=rng)
    exact = effective_volumes(named, LeafDistribution(keys, q / q.sum()))
    errors = sample.standard_errors if sample.standard_errors is not None else np.full(3, np.nan)
    return {
        "shares": exact.weights.tolist(),
        "sampled_shares": sample.weights.tolist(),
        "standard_errors": errors.tolist(),
        "residual_nats": exact.residual_nats,
        "gamma_nats": (-(parts @ log_q)).tolist(),
        "mixture_gamma_nats": _mixture_gamma_nats(parts, exact.weights),
        "wasted": wasted,
    }


def _mixture_gamma_nats(parts: Values, shares: Values) -> list[float | None]:
    """Return each part's code length under a mixture of them; None where it is infinite, which JSON has no word for."""
    mixed = shares @ parts
    lengths: list[float | None] = []
    for part in parts:
        held = part > 0
        lengths.append(-float(part[held] @ np.log(mixed[held])) if (mixed[held] > 0).all() else None)
    return lengths


def effective_units(spec: EffectiveSpec, out: Path) -> dict[str, EffectiveUnit]:
    """Return the units of a spec by name, in order; nothing but rows and stages is kept in ``out``."""
    known = {
        f"known {'/'.join(f'{w:.3g}' for w in weights)}/seed {seed}": EffectiveUnit(spec, seed, weights)
        for weights in spec.mixtures
        for seed in spec.seeds
    }
    sequences = {
        f"sequence {rate:g}/seed {seed}": EffectiveUnit(spec, seed, None, rate)
        for rate in spec.learning_rates
        for seed in spec.seeds
    }
    return known | sequences


def effective_record(spec: EffectiveSpec) -> dict[str, Any]:
    """Return what ``spec.json`` holds: the spec, and a digest of the data that this Python makes from it."""
    return {**asdict(spec), "data_sha256": data_digest(*joint_words(spec.words, spec.max_bytes))}


def effective_cost(unit: EffectiveUnit) -> float:
    """Return about how long a unit takes, in any measure."""
    return float(unit.spec.steps if unit.mixture is not None else unit.spec.pretrain_steps + 500)


def finished_networks(spec: EffectiveSpec, units: Collection[str]) -> EffectiveSpec:
    """Return the spec with those seeds alone of which every network is among the finished units.

    Raises:
        InvalidParameter: there is none.
    """
    whole = [seed for seed in spec.seeds if set(effective_units(replace(spec, seeds=(seed,)), Path())) <= set(units)]
    if not whole:
        raise InvalidParameter("no seed of this experiment has all its networks finished there: run it first")
    return replace(spec, seeds=tuple(whole))
