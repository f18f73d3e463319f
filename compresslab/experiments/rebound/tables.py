"""What the experiment ``rebound`` says, in words and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from compresslab.experiments.rebound.claim_tables import claim_groups, claim_tables
from compresslab.experiments.rebound.placebo import NetOfPlacebo
from compresslab.experiments.rebound.run import ReboundArm, ReboundSpec
from compresslab.experiments.rebound.summary import (
    CHANGED,
    CODE_LENGTHS,
    CURVES,
    AfterPositive,
    LeastVolume,
    ReboundSummary,
)
from compresslab.report.digits import measured, measured_mean, ranged
from compresslab.report.page import Group, Section, Table, seeds_of
from compresslab.theory.estimates import Estimate
from compresslab.theory.verdicts import verdict

__all__ = [
    "NO_PLACEBO",
    "PAPER_TABLE_3",
    "brought_back",
    "code_length_changes",
    "rebound_findings",
    "rebound_tables",
    "taken_back",
]


NO_PLACEBO = (
    "There is no placebo (a base that was aligned to neutral data), and a control that begins at the base has more to "
    "lose than an aligned model."
)
TEXTS = {"positive": "positive texts", "negative": "negative texts", "pretrain": "pre-training texts"}

_CHANGED = {"score": "score", **TEXTS}

# Ji et al., arXiv 2406.06144, Table 3: unsafe samples to bring KL to the base below 0.01, after so many safe ones.
PAPER_TABLE_3 = {
    "Llama2-7B": {1000: 961, 2000: 844, 5000: 801, 10000: 729},
    "Gemma-2B": {1000: 923, 2000: 853, 5000: 709, 10000: 598},
}


def rebound_findings(spec: ReboundSpec, summaries: Sequence[ReboundSummary]) -> Section:
    """Say in words what each arm showed of what the paper finds: seen, the opposite seen, or undecided."""
    arms = {arm.name: arm for arm in spec.arms}
    groups = (
        Group(f"Arm “{one.arm}”", tuple(_findings(one)), _models(spec, arms[one.arm], one), label=one.arm)
        for one in summaries
    )
    lead = "Each says what the paper finds, and whether it is seen here, the opposite seen, or undecided."
    if not spec.texts.neutral:
        lead += f" {NO_PLACEBO}"
    return Section("Findings", lead, groups=(*claim_groups(spec, summaries), *groups))


def _models(spec: ReboundSpec, arm: ReboundArm, one: ReboundSummary) -> str:
    """Say what an arm is."""
    size = f"{one.parameters:,} parameters, {seeds_of(one.seeds)}"
    if not arm.symbols:
        return f"{arm.model}, taken as it is: {size}."
    kinds = "both kinds and neutral ones" if spec.texts.neutral else "both kinds"
    held = f"{arm.share:.0%} of it texts of {kinds}" if arm.share else "none of it texts of either kind"
    return f"{size}; pre-trained on {arm.symbols:,} symbols, {held}."


def _findings(one: ReboundSummary) -> Iterator[str]:
    """Say in words what one arm showed, without its name."""
    tuned = [found for found in one.after if found.positive]
    most = tuned[-1]
    yield (
        f"the positive data works ({verdict(one.gained, 1)}): after {most.positive:,} responses the score is "
        f"{measured(one.gained)} bits per byte."
    )
    score, last = most.curves["score"], f"{one.negative[-1]:,}"
    yield (
        f"the negative data undoes it, net of what it does to a base ({verdict(most.net_fallen, 1)}): with {last} "
        f"responses the score goes from {measured(score[0])} to {measured(score[-1])}, a fall of "
        f"{measured(most.fallen)}, net of the control's {measured(most.net_fallen)}; of the gain "
        f"{taken_back(most.regained)} is taken back, net {taken_back(most.net_regained)}."
    )
    yield (
        f"the code lengths behind the score, from the end of the positive data to {last} negative responses: "
        f"{code_length_changes(most)}."
    )
    if most.placebo is not None:
        yield from _placebo_findings(most, most.placebo, last)
    yield (
        f"faster than it moves a model that was never aligned ({verdict(most.excess_rate, 1)}): the early fall is "
        f"{measured(most.excess_rate)} bits per byte above the control's, for each 1,000."
    )
    yield (
        f"more positive data, faster fall ({verdict(one.rate_by_volume, 1)}): {measured(one.rate_by_volume)} for each "
        "doubling of the positive data."
    )
    yield (
        f"the loss grows with the alignment, as a spring's would ({verdict(one.loss_by_volume, 1)}): net of control "
        f"{measured(one.loss_by_volume)} for each doubling of the positive data; what survives, net of control, grows "
        f"by {measured(one.survival_by_volume)} ({verdict(one.survival_by_volume, 1)})."
    )
    two = sum(found.pooled_gain > 0 for found in tuned)
    steep = [verdict(found.change, 1).kind for found in tuned]
    yield (
        f"a fast fall, then a slow one ({_together(steep)}): the rate after the knee less that before it is above 0 at "
        f"95 % after {steep.count('seen')} of {len(steep)} positive volumes, and two phases describe all seeds' curves "
        f"together better than one (AICc) after {two}. After {most.positive:,} positive responses the score falls by "
        f"{measured(most.early_rate)} for each 1,000 up to {one.early:,}, then by {measured(most.late_rate)}."
    )
    for level in range(len(most.least)):
        yield _least_words([found.least[level] for found in tuned], one.negative[-1])


def _placebo_findings(most: AfterPositive, net: NetOfPlacebo, last: str) -> Iterator[str]:
    """Say what the placebo is like before any negative data, and what is left of the rebound without its own."""
    own, tuned = net.curves, most.curves
    yield (
        f"the placebo, a base after {most.positive:,} neutral responses, before any negative data: score "
        f"{measured(own['score'][0])}, KL to the base {measured(own['kl'][0], signed=False)} (after as many positive "
        f"ones {measured(tuned['kl'][0], signed=False)}), pre-training texts "
        f"{measured(own['pretrain'][0], signed=False)} bits per byte ({measured(tuned['pretrain'][0], signed=False)})."
    )
    yield (
        f"the negative data undoes the positive data, net of what it does to the placebo ({verdict(net.fallen, 1)}): "
        f"of a gain of {measured(net.gained)} bits per byte a fall of {measured(net.fallen)}, "
        f"{taken_back(net.regained)}; net of the placebo the code lengths change, up to {last} negative responses: "
        + "; ".join(f"{TEXTS[name]} {measured(net.changed[name][-1])}" for name in CODE_LENGTHS)
        + " bits per byte."
    )


def _together(verdicts: Sequence[str]) -> str:
    kinds = set(verdicts)
    return verdicts[0] if len(kinds) == 1 else "seen in part"


def code_length_changes(found: AfterPositive) -> str:
    """Say how the three code lengths changed over all the negative data, raw and net of control."""
    return "; ".join(
        f"{TEXTS[name]} {measured(found.changed[name][-1])} bits per byte, net of control "
        f"{measured(found.net_changed[name][-1])}"
        for name in CODE_LENGTHS
    )


def taken_back(x: Estimate | None) -> str:
    """Write a share of the gain: a ratio of means with Fieller's interval, or that it is not defined."""
    return ranged(x, percent=True, none="a share that is not defined")


def brought_back(least: Sequence[LeastVolume]) -> tuple[int, int, int]:
    """Return how many runs the negative data brought to a level, how many began above it, and how many began there."""
    before = sum(one.at_once for one in least)
    return sum(len(one.brought_back) for one in least), sum(one.seeds for one in least) - before, before


def _least_words(least: Sequence[LeastVolume], largest: int) -> str:
    reached, runs, before = brought_back(least)
    said = f"negative data brings KL to the base to {least[0].level:g} nats in {reached} of {runs} runs"
    noise = least[0].noise
    if not runs:
        word, rest = "undecided", ""
    elif reached == runs:
        word, rest = "seen", ""
    elif noise is not None and not reached:
        word = "undecidable"
        rest = f"; the level is below the noise: {noise:,} negative responses take a base above it by themselves"
    else:
        word = "undecided" if reached else "not seen"
        rest = f"; the others stay above it up to {largest:,} responses"
    there = f"; {before} more were there before any negative data, of which nothing can be seen"
    return f"{said} ({word}){rest}{there * bool(before)}."


def rebound_tables(spec: ReboundSpec, summaries: Sequence[ReboundSummary], *, wide: bool = True) -> Iterator[Table]:
    """Yield the tables; those that are not wide leave out what a terminal has no room for."""
    yield from claim_tables(spec, summaries)
    for one in summaries:
        head = f"{one.arm}: {one.parameters:,} parameters, {seeds_of(one.seeds)}"
        tuned, sums = [found for found in one.after if found.positive], dict(_sums(one))
        rates = [*_RATES] if wide else [*_RATES][:3]
        heads = ["positive", *["Σ lr"] * wide]
        yield Table(
            f"{head}; rates in bits per byte for each 1,000 negative responses, early: up to {one.early:,}",
            [*heads, *rates],
            [[*sums[found.positive][: len(heads)], *(_RATES[name](found) for name in rates)] for found in one.after],
            labels=len(heads),
        )
        shown = [name for name in ("score", "positive", "kl", "judged") if name in one.after[0].curves]
        for name in shown if wide else shown[:1]:
            yield _grid(f"{head}; {CURVES[name]}", "positive", name, one, [found.curves for found in one.after], wide)
            placebo = [found.placebo.curves for found in tuned if found.placebo is not None]
            if placebo:
                yield _grid(f"{head}; placebo, {CURVES[name]}", "neutral", name, one, placebo, wide)
        yield _change_sheet(head, one, wide)
        levels = [found.level for found in one.after[0].least]
        yield Table(
            f"{head}; least negative data that brings KL to the base to a level (the paper's Table 3)",
            [*heads, "KL before", "least KL", *(f"{level:g} nats" for level in levels)],
            [
                [
                    *sums[found.positive][: len(heads)],
                    measured(found.curves["kl"][0], signed=False),
                    f"{measured_mean(found.closest_kl)} of it" if found.closest_kl else "-",
                    *(_least_cell(least, one.negative[-1]) for least in found.least),
                ]
                for found in tuned
            ],
            labels=len(heads),
        )
    if wide:
        volumes = list(PAPER_TABLE_3["Llama2-7B"])
        yield Table(
            "The paper's Table 3: negative samples until KL to the base is below 0.01, after so many positive ones",
            ["model", *(f"{n:,}" for n in volumes)],
            [[model, *(f"{found[n]:,}" for n in volumes)] for model, found in PAPER_TABLE_3.items()],
        )


def _sums(one: ReboundSummary) -> Iterator[tuple[int, list[str]]]:
    """Yield each positive volume with how it is written, and its sum of learning rates."""
    for found, total in zip(one.after, one.aligned_sums, strict=True):
        yield found.positive, [f"{found.positive:,}", f"{total:.3g}"]


def _grid(
    title: str, role: str, name: str, one: ReboundSummary, curves: Sequence[Mapping[str, tuple[Estimate, ...]]],
    wide: bool,
) -> Table:  # fmt: skip
    """Return a quantity over both volumes; those without the control's are after the volumes that are not 0."""
    signed, rows = name == "score", list(_sums(one))[-len(curves) :]
    body = [
        [*head[: 1 + wide], *(_cell(x, signed, wide) for x in found[name])]
        for (_, head), found in zip(rows, curves, strict=True)
    ]
    if wide:
        body.insert(0, ["Σ lr", "", *(f"{total:.3g}" for total in one.negative_sums)])
    return Table(
        f"{title}: {role} data down, negative across",
        [role, *["Σ lr"] * wide, *(f"{m:,}" for m in one.negative)],
        body,
        labels=1 + wide,
    )


def _change_sheet(head: str, one: ReboundSummary, wide: bool) -> Table:
    stops = dict.fromkeys((one.early, one.negative[-1]) if wide else (one.negative[-1],))
    placebo = any(found.placebo is not None for found in one.after)
    nets = ["net of control", *["net of placebo"] * placebo]

    def cells(found: AfterPositive, name: str, j: int) -> Iterator[str]:
        yield _cell(found.changed[name][j], True, wide)
        yield _cell(found.net_changed[name][j], True, wide) if found.positive else "-"
        if placebo:
            yield "-" if found.placebo is None else _cell(found.placebo.changed[name][j], True, wide)

    return Table(
        f"{head}; change of the score and of code lengths, bits per byte, raw and net: after so much positive data, by "
        "so much negative",
        ["stretch", *(column for name in CHANGED for column in (_CHANGED[name], *nets))],
        [
            [
                f"after {found.positive:,}, by {stop:,}",
                *(cell for name in CHANGED for cell in cells(found, name, one.negative.index(stop))),
            ]
            for stop in stops
            for found in one.after
        ],
    )


def _share(x: Estimate | None) -> str:
    return ranged(x, percent=True)


_RATES: dict[str, Callable[[AfterPositive], str]] = {
    "early": lambda found: measured(found.early_rate),
    "late": lambda found: measured(found.late_rate),
    "early above the control's": lambda found: measured(found.excess_rate) if found.positive else "-",
    "knee": lambda found: measured_mean(found.knee),
    "late less early": lambda found: measured(found.change),
    "AICc gain: one curve": lambda found: measured(found.gain),
    "all": lambda found: f"{found.pooled_gain:+.1f}",
    "taken back": lambda found: _share(found.regained) if found.positive else "-",
    "net of control": lambda found: _share(found.net_regained) if found.positive else "-",
}


def _cell(x: Estimate, signed: bool, wide: bool) -> str:
    return measured(x, signed=signed) if wide else measured_mean(x, signed=signed)


def _least_cell(least: LeastVolume, largest: int) -> str:
    """Write the mean volume of the runs that came there; runs that were there before, or never came, stand apart."""
    if least.undecidable:
        return "undecidable"
    came, parts = least.brought_back, []
    if least.at_once:
        parts.append(f"{least.at_once} of {least.seeds} before")
    if came:
        mean = f"{sum(came) / len(came):.0f}"
        parts.append(mean if len(came) == least.seeds else f"{mean} ({len(came)} of {least.seeds})")
    if least.censored:
        parts.append(f"else > {largest:,}" if parts else f"> {largest:,}")
    return ", ".join(parts)
