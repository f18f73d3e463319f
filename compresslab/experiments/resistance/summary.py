"""What the rows of ``resistance`` say: inverse against forward alignment, paired by seed.

Two quantities are compared, each in bits per symbol. The *loss*, the paper's: what the data of one checkpoint costs
while the other learns it. The *excess*: the loss less what the same data costs the checkpoint that drew it, its own
entropy. Two checkpoints differ in their entropies, and so do the losses in the two directions, whoever resists; the
excess does not. No entropy is needed where two learners learn the *same* data: `Toward`. What is left there may be that
one of the two learns anything more easily: `Plasticity` is the same less what they differ by on neutral data.

An interval is Student's, at 95 %, over seeds; the test of signs is exact, two-sided, and takes ties for neither.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import as_array
from compresslab.errors import InvalidParameter
from compresslab.experiments.resistance.spec import PAIRS, ResistanceSpec, source_labels
from compresslab.experiments.rows import Row
from compresslab.theory.estimates import Estimate, estimate
from compresslab.theory.verdicts import MOST_RUNS, Verdict, runs_to_decide, verdict

__all__ = [
    "LEVEL",
    "Compared",
    "Crossing",
    "Plasticity",
    "ResistanceSummary",
    "Toward",
    "compare",
    "least_seeds",
    "seeds_for_signs",
    "sign_test",
    "summarise_resistance",
]

Values = NDArray[np.float64]

LEVEL = 0.05


@dataclass(frozen=True)
class Compared:
    """A quantity in both directions, paired by seed; bits per symbol.

    Attributes:
        inverse: later checkpoint, trained on the earlier one's data.
        forward: earlier checkpoint, trained on the later one's data.
        gap: forward less inverse: above 0, inverse alignment is the easier.
        by_seed: the gap of each seed.
        easier: seeds in which inverse alignment is the easier.
        p_value: of the test of signs.
    """

    inverse: Estimate
    forward: Estimate
    gap: Estimate
    by_seed: tuple[float, ...]
    easier: int
    p_value: float

    @property
    def verdict(self) -> Verdict:
        """Whether inverse alignment is the easier: both the interval and the test of signs must say so, or not so."""
        if self.gap.sign and self.p_value <= LEVEL:
            return verdict(self.gap)
        harder = sum(gap < 0 for gap in self.by_seed)
        wanted = [runs_to_decide(self.gap), seeds_for_signs(self.easier, harder)]
        return Verdict("undecided", None if None in wanted else max(n for n in wanted if n is not None))


@dataclass(frozen=True)
class Crossing:
    """One pair of checkpoints.

    Attributes:
        earlier: ``i``.
        later: ``j``.
        loss: mean training loss of one pass.
        excess: the loss less the generator's own code length of the same data.
        start: what the data costs the learner before it learns, less what it costs the generator: an estimate of the
            KL from generator to learner.
        end: the same after the pass, on data drawn to other prompts.
        curves: "inverse" and "forward" -> excess along the pass, mean over seeds.
    """

    earlier: int
    later: int
    loss: Compared
    excess: Compared
    start: Compared
    end: Compared
    curves: dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class Toward:
    """Two learners of the same data, the middle checkpoint's: one on its way forward, one on its way back.

    Attributes:
        loss: mean training loss of one pass; the gap is ``θ1→θ2`` less ``θ3→θ2``.
        start: what the data costs the two before they learn.
        end: the same after the pass, on data drawn to other prompts.
    """

    loss: Compared
    start: Compared
    end: Compared


@dataclass(frozen=True)
class Plasticity:
    """How the first and the third checkpoint learn neutral data, and what is left of `Toward` without that.

    Attributes:
        neutral: mean training loss of one pass over neutral data; the gap is that of θ1 less that of θ3.
        loss: the loss on the second checkpoint's data less that on neutral data; the gap is `Toward`'s less that of
            ``neutral``: above 0, going back is easier than going forward, whoever learns the more easily.
        end: the same after the pass, on data to other prompts.
        start: what neutral data costs the two before they learn it: how far either begins from it, which the loss of
            a pass holds too.
    """

    neutral: Compared
    loss: Compared
    end: Compared
    start: Compared


@dataclass(frozen=True)
class ResistanceSummary:
    """What one source of pairs showed.

    Attributes:
        data: its name.
        model: the model's.
        parameters: of it.
        seeds: how many.
        held_out: code length of held-out pairs under the base and the three checkpoints, bits per byte.
        own: entropy of ``D_1, D_2, D_3``: what they cost the checkpoints that drew them, bits per symbol.
        crossings: the three pairs.
        toward: the data of the second checkpoint, learned by the third (back) and by the first (forward).
        plasticity: the same less that on neutral data; None where there is none.
    """

    data: str
    model: str
    parameters: int
    seeds: int
    held_out: tuple[Estimate, ...]
    own: tuple[Estimate, ...]
    crossings: tuple[Crossing, ...]
    toward: Toward
    plasticity: Plasticity | None = None


def sign_test(positive: int, negative: int) -> float:
    """Return the two-sided probability of signs as uneven as these, or more so, if either is as likely.

    Example:
        >>> sign_test(8, 0), sign_test(3, 3)
        (0.0078125, 1.0)
    """
    n = positive + negative
    tail = sum(math.comb(n, i) for i in range(min(positive, negative) + 1))
    return float(min(1.0, 2 * tail / 2**n))


def least_seeds(tests: int, level: float = LEVEL) -> int:
    """Return how many seeds a test of signs needs at least to survive Holm's correction for so many tests.

    The least probability of the test is ``2^(1-n)``, and the first of the tests must be at ``level / tests`` or below.

    Example:
        >>> least_seeds(1), least_seeds(24)
        (6, 10)
    """
    return 1 + math.ceil(math.log2(tests / level))


def seeds_for_signs(easier: int, harder: int, level: float = LEVEL) -> int | None:
    """Return how many seeds a test of signs takes if as large a share of them is easier; None: equal, or too many.

    They are no fewer than there are: a smaller number that would decide by how its share rounds is passed over.

    Example:
        >>> seeds_for_signs(3, 0), seeds_for_signs(6, 2), seeds_for_signs(4, 4)
        (6, 17, None)
    """
    from scipy.special import bdtr

    if easier == harder:
        return None
    share, first = min(easier, harder) / (easier + harder), easier + harder
    while first <= MOST_RUNS:
        seeds = np.arange(first, min(2 * first, MOST_RUNS + 1))
        decides = np.flatnonzero(2 * bdtr(np.round(share * seeds), seeds, 0.5) <= level)
        if len(decides):
            return int(seeds[decides[0]])
        first *= 2
    return None


def compare(inverse: Sequence[float], forward: Sequence[float]) -> Compared:
    """Compare the two directions, seed by seed.

    Example:
        >>> found = compare([1.0, 1.1, 0.9], [1.2, 1.2, 1.2])
        >>> found.easier, round(found.gap.mean, 9), found.p_value, found.verdict
        (3, 0.2, 0.25, Verdict(kind='undecided', runs=6))
    """
    gaps = as_array(forward, dtype=np.float64) - as_array(inverse, dtype=np.float64)
    easier, harder = int((gaps > 0).sum()), int((gaps < 0).sum())
    return Compared(
        estimate(inverse), estimate(forward), estimate(gaps), tuple(gaps.tolist()), easier, sign_test(easier, harder)
    )


def summarise_resistance(spec: ResistanceSpec, rows: Sequence[Row]) -> tuple[ResistanceSummary, ...]:
    """Put the rows together, over seeds.

    Raises:
        InvalidParameter: rows are missing.
    """
    return tuple(_one(spec, label, rows) for label in source_labels(spec.data).values())


def _one(spec: ResistanceSpec, data: str, rows: Sequence[Row]) -> ResistanceSummary:
    def group(what: str, **wanted: object) -> list[Row]:
        chosen = [row for row in rows if row["data"] == data and all(row.get(k) == v for k, v in wanted.items())]
        found = {row["seed"]: row for row in chosen}
        missing = [seed for seed in spec.seeds if seed not in found]
        if missing:
            raise InvalidParameter(
                f"rows are missing ({data}, {what}, seed {missing[0]}): run the experiment to its end"
            )
        return [found[seed] for seed in spec.seeds]

    def crossing(direction: str, earlier: int, later: int) -> list[Row]:
        where = f"{direction} {earlier}, {later}"
        return group(where, kind="crossing", earlier=earlier, later=later, direction=direction)

    checkpoints = [group(f"checkpoint {i}", kind="checkpoint", checkpoint=i) for i in range(4)]
    crossings = [_crossing(*pair, crossing("inverse", *pair), crossing("forward", *pair)) for pair in PAIRS]
    back, forward = crossing("inverse", 2, 3), crossing("forward", 1, 2)
    toward = Toward(*(
        compare([row[column] for row in back], [row[column] for row in forward])
        for column in ("loss_bits", "start_bits", "end_test_bits")
    ))  # fmt: skip
    plasticity = None
    if spec.neutral:
        early, late = (group(f"neutral data, checkpoint {i}", kind="neutral", checkpoint=i) for i in (1, 3))
        plasticity = _plasticity(forward, back, early, late)
    first = checkpoints[0][0]
    return ResistanceSummary(
        data,
        first["model"],
        first["parameters"],
        len(spec.seeds),
        tuple(estimate([row["held_out_bits_per_byte"] for row in rows]) for rows in checkpoints),
        tuple(estimate([row["drawn_bits_per_symbol"] for row in rows]) for rows in checkpoints[1:]),
        tuple(crossings),
        toward,
        plasticity,
    )


def _plasticity(forward: Sequence[Row], back: Sequence[Row], early: Sequence[Row], late: Sequence[Row]) -> Plasticity:
    """Compare θ1 (forward) and θ3 (back) on the second checkpoint's data with the two on neutral data."""

    def less(column: str) -> Compared:
        return compare(*(
            [row[column] - own[column] for row, own in zip(on, neutral, strict=True)]
            for on, neutral in ((back, late), (forward, early))
        ))  # fmt: skip

    neutral, start = (
        compare(*([row[column] for row in rows] for rows in (late, early))) for column in ("loss_bits", "start_bits")
    )
    return Plasticity(neutral, less("loss_bits"), less("end_test_bits"), start)


def _crossing(earlier: int, later: int, inverse: Sequence[Row], forward: Sequence[Row]) -> Crossing:
    def compared(column: str, less: str | None = None) -> Compared:
        return compare(*(
            [row[column] - (row[less] if less else 0.0) for row in rows] for rows in (inverse, forward)
        ))  # fmt: skip

    return Crossing(
        earlier,
        later,
        compared("loss_bits"),
        compared("loss_bits", "own_bits"),
        compared("start_bits", "own_bits"),
        compared("end_test_bits", "own_test_bits"),
        {
            name: tuple(np.mean([np.array(row["curve_bits"]) - row["own_bits"] for row in rows], axis=0).tolist())
            for name, rows in (("inverse", inverse), ("forward", forward))
        },
    )
