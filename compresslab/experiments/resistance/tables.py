"""What the experiment ``resistance`` says, in words and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compresslab.experiments.resistance.summary import (
    LEVEL,
    Compared,
    Crossing,
    ResistanceSummary,
    least_seeds,
    sign_test,
)
from compresslab.report.digits import measured, measured_mean, written_p
from compresslab.report.page import Group, Section, Table, seeds_of
from compresslab.theory.multiple_tests import holm

__all__ = ["NO_NEUTRAL", "PAPER_TABLE_1", "resistance_findings", "resistance_tables"]

# Ji et al., arXiv 2406.06144, Table 1, SFT on Alpaca: training losses as printed there, inverse and forward, for the
# pairs (1, 2), (2, 3) and (1, 3). The other rows of that table are not given here.
PAPER_TABLE_1 = {
    "Llama2-7B": ((0.159, 0.202), (0.195, 0.214), (0.167, 0.235)),
    "Llama2-13B": ((0.177, 0.196), (0.215, 0.241), (0.184, 0.235)),
    "Llama3-8B": ((0.254, 0.257), (0.227, 0.323), (0.234, 0.323)),
}


NO_NEUTRAL = (
    "No neutral data was learned beside: a checkpoint that was trained longer may learn anything more easily, or less."
)


def resistance_findings(summaries: Sequence[ResistanceSummary]) -> Section:
    """Say in words what each source showed of what the paper finds: seen, the opposite seen, or undecided."""
    return Section(
        "Findings",
        "Each is for three pairs of checkpoints: the second and the first, the third and the second, the third and the "
        "first." + f" {NO_NEUTRAL}" * (not any(one.plasticity for one in summaries)),
        points=(_paper_same_target(), _correction(summaries)),
        groups=tuple(
            Group(
                one.data,
                tuple(_findings(one)),
                f"Checkpoints of the model {one.model} on {one.data}: {one.parameters:,} parameters, "
                f"{seeds_of(one.seeds)}.",
                label=one.data,
            )
            for one in summaries
        ),
    )


def _findings(one: ResistanceSummary) -> Iterator[str]:
    """Say in words what one source showed, without its name."""
    fallen = [measured_mean(x) for x in one.held_out]
    yield (
        f"fine-tuning works: held-out pairs cost {fallen[0]} bits per byte under the base, then "
        f"{', '.join(fallen[1:])}."
    )
    yield (
        f"inverse alignment has the lower training loss: {_together(one, 'loss')} (forward less inverse, bits per "
        f"symbol: {_gaps(one, 'loss')})."
    )
    entropies = ", ".join(measured_mean(x) for x in one.own)
    yield (
        f"the data differ in what they cost their own generators, D_1, D_2, D_3: {entropies} bits per symbol; the loss "
        "holds that difference, whoever resists."
    )
    yield (
        f"without it, inverse alignment is the easier: {_together(one, 'excess')} (forward less inverse: "
        f"{_gaps(one, 'excess')})."
    )
    yield (
        "before training, the later checkpoint is nearer to the earlier one's data than the other way round: "
        f"{_together(one, 'start')} (forward less inverse, an estimate of KL: {_gaps(one, 'start')})."
    )
    yield (
        "after the pass, on data drawn to other prompts, inverse alignment has come nearer: "
        f"{_together(one, 'end')} (forward less inverse: {_gaps(one, 'end')})."
    )
    same = one.toward
    yield (
        f"the same data, that of θ2, is learned more easily on the way back than forward ({same.loss.verdict}): θ1→θ2 "
        f"less θ3→θ2 is {measured(same.loss.gap)} bits per symbol, {same.loss.easier} of {one.seeds} seeds above 0 "
        f"(before training {measured(same.start.gap)}, after it {measured(same.end.gap)}); no entropy enters."
    )
    if one.plasticity is not None:
        own = one.plasticity
        yield (
            f"so it is net of how the two learn neutral data ({own.loss.verdict}): {measured(own.loss.gap)}, "
            f"{own.loss.easier} of {one.seeds} seeds above 0 (after the pass {measured(own.end.gap)}); on neutral data "
            f"θ1 less θ3 is {measured(own.neutral.gap)}, before they learn it {measured(own.start.gap)}."
        )


def _correction(summaries: Sequence[ResistanceSummary]) -> str:
    """Say which tests of signs survive the correction for all pairs and quantities, or whether any could."""
    tests = [
        test for one in summaries for crossing in one.crossings
        for test in (crossing.loss, crossing.excess, crossing.start, crossing.end)
    ]  # fmt: skip
    seeds, needed = min(one.seeds for one in summaries), least_seeds(len(tests))
    family = f"{len(tests)} (three pairs, four quantities{', each source' * (len(summaries) > 1)})"
    if seeds < needed:
        could = f"none of {family} could survive Holm's correction; that takes {needed} seeds"
    else:
        corrected = holm([test.p_value for test in tests])
        left = [test.verdict.kind for test, p in zip(tests, corrected, strict=True) if p <= LEVEL]
        could = (
            f"by Holm's correction {left.count('seen')} of {family} stay seen, "
            f"{left.count('the opposite seen')} the opposite seen"
        )
    return (
        f"verdicts are not corrected for the number of tests: with {seeds} seeds the test of signs has "
        f"p = {sign_test(seeds, 0):.4f} at best, and {could}."
    )


def _paper_same_target() -> str:
    """Say what the paper's own losses are for the same data and two learners."""
    gaps = {model: found[0][1] - found[1][0] for model, found in PAPER_TABLE_1.items()}
    return (
        "the paper's own losses for the same data, θ1→θ2 less θ3→θ2, are "
        f"{', '.join(f'{gap:+.3f} for {model}' for model, gap in gaps.items())}."
    )


def _together(one: ResistanceSummary, name: str) -> str:
    verdicts = [str(_of(crossing, name).verdict) for crossing in one.crossings]
    if len(set(verdicts)) == 1:
        return f"{verdicts[0]}, for all three pairs"
    return "; ".join(f"{v} for θ{c.later}, θ{c.earlier}" for v, c in zip(verdicts, one.crossings, strict=True))


def _gaps(one: ResistanceSummary, name: str) -> str:
    return "; ".join(
        f"θ{c.later}, θ{c.earlier}: {measured(_of(c, name).gap)}, {_of(c, name).easier} of {one.seeds} seeds above 0"
        for c in one.crossings
    )


def _of(crossing: Crossing, name: str) -> Compared:
    found: Compared = getattr(crossing, name)
    return found


def resistance_tables(summaries: Sequence[ResistanceSummary], *, wide: bool = True) -> Iterator[Table]:
    """Yield the tables; those that are not wide leave out what a terminal has no room for."""
    pairs = [(c.earlier, c.later) for c in summaries[0].crossings]
    columns = [x for i, j in pairs for x in (f"θ{j}→θ{i}", f"θ{i}→θ{j}")]
    yield Table(
        "The layout of the paper's Table 1: training loss of inverse and of forward alignment, bits per symbol",
        ["data", *columns],
        [
            [
                f"{one.data}{suffix}",
                *(
                    measured_mean(x)
                    for c in one.crossings
                    for x in (_of(c, name).inverse, _of(c, name).forward)
                ),
            ]
            for one in summaries
            for name, suffix in (("loss", ""), ("excess", ", excess"))
        ],
    )  # fmt: skip
    if wide:
        yield Table(
            "The paper's own, for SFT on Alpaca, as printed (tokens, not bytes: compare signs, not sizes)",
            ["model", *columns],
            [[m, *(f"{x:.3f}" for both in found for x in both)] for m, found in PAPER_TABLE_1.items()],
        )
        yield Table(
            "The same data, that of θ2, for two learners: forward by θ1, back by θ3, training loss, bits per symbol; "
            "above 0: back is easier",
            ["data", "θ1→θ2", "θ3→θ2", "less", "above 0", "sign test p", "verdict"],
            [
                [
                    one.data, measured(x.forward, signed=False), measured(x.inverse, signed=False), measured(x.gap),
                    f"{x.easier} of {one.seeds}", written_p(x.p_value), x.verdict.kind,
                ]
                for one in summaries
                for x in [one.toward.loss]
            ],
            text_columns=(0, 6),
        )  # fmt: skip
        if any(one.plasticity for one in summaries):
            yield _plasticity_table(summaries)
    for one in summaries:
        yield Table(
            f"{one.data}: {one.model}, {one.parameters:,} parameters, {one.seeds} seeds: forward less inverse, bits "
            "per symbol; above 0: inverse is easier",
            ["pair", "what", "inverse", "forward", "forward - inverse", "above 0", "sign test p", "verdict"],
            [
                [
                    f"θ{c.later}, θ{c.earlier}", said, measured(x.inverse, signed=False),
                    measured(x.forward, signed=False), measured(x.gap),
                    f"{x.easier} of {one.seeds}", written_p(x.p_value), x.verdict.kind,
                ]
                for c in one.crossings
                for said, x in (
                    ("training loss", c.loss), ("excess", c.excess), ("excess before", c.start),
                    ("excess after", c.end),
                )[: 4 if wide else 2]
            ],
            text_columns=(0, 1, 7),
        )  # fmt: skip


def _plasticity_table(summaries: Sequence[ResistanceSummary]) -> Table:
    return Table(
        "The same less what the two learn neutral data for, training loss, bits per symbol; above 0: back is easier, "
        "whoever learns more easily",
        ["data", "θ1 less θ3 on D_2", "on neutral data", "less", "after the pass", "above 0", "sign test p", "verdict"],
        [
            [
                one.data, measured(one.toward.loss.gap), measured(x.neutral.gap), measured(x.loss.gap),
                measured(x.end.gap), f"{x.loss.easier} of {one.seeds}", written_p(x.loss.p_value), x.loss.verdict.kind,
            ]
            for one in summaries
            if (x := one.plasticity) is not None
        ],
        text_columns=(0, 7),
    )  # fmt: skip
